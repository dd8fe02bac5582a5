"""Ways of computing a result at a point, which the verifier holds against differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from symbackprop.core.tensors import Tensor
from symbackprop.notation.curvature import second_partials
from symbackprop.notation.formula import Formula
from symbackprop.notation.text import to_text
from symbackprop.results.result import Result
from symbackprop.results.tree_sizes import LONGEST, LOOPS, loops, nodes
from symbackprop.verification.point import Point, Refusal
from symbackprop.verification.replay import Way
from symbackprop.verification.slopes import derivative


def ways_of(result: Result) -> dict[str, Way]:
    """The emitted code, and the SymPy result through lambdify."""
    graph = result.context.graph
    code = result.numpy()

    def emitted(point: Point) -> Any:
        return _as_gradient(result, code(given_arrays(result, point)))

    ways: dict[str, Way] = {"emitted code": emitted}
    arbitrary = any(equation.abstract for equation in graph.equations) or any(
        getattr(op, "abstract", False) for op in graph.functions.values()
    )
    refused = arbitrary or bool(graph.loops)  # SymPy has no recursion
    expr = None if refused else result.expanded_expr
    if expr is not None and nodes(expr) <= LONGEST and loops(expr) <= LOOPS:
        lambdified = _lambdified(result)

        def through_sympy(point: Point) -> Any:
            return _as_gradient(result, lambdified(point))

        ways["sympy.lambdify"] = through_sympy
    return ways


def _as_gradient(result: Result, found: Any) -> Any:
    """What the code gives in this layout, back in the shape of ``by``."""
    if result.layout != "numerator" or result.by.is_scalar or not result.by.is_matrix:
        return found
    return np.asarray(found).T if result.by.rank > 1 else np.reshape(found, -1)


def given_arrays(result: Result, point: Point) -> dict[str, Any]:
    """Arrays as a caller of the emitted code would give them."""
    graph = result.context.graph
    given: dict[str, Any] = point.arrays(graph.symbols)
    for name in graph.families:
        members = [given[tensor.name] for tensor in graph.members_of(name)]
        if members:
            given[name] = np.stack(members)
    given.update(point.sizes)
    given.update(_stand_ins(result, point))
    return given


def _stand_ins(result: Result, point: Point) -> dict[str, Any]:
    """Callables for arbitrary functions, and the derivatives of an arbitrary loss."""
    found: dict[str, Any] = {}
    for op, stand_in in point.functions.items():
        function = found[op.name] = partial(_in_shape, stand_in)
        for order in (1, 2):
            found[op.name + "'" * order] = partial(_slope, function, order)
    oracle = result.context.verifier.oracle_of(point)
    for equation in result.context.graph.equations:
        if equation.abstract:
            found[equation.target.name] = float(np.real(point.values[equation.target])[0, 0])
            for tensor in equation.arguments:
                value = oracle.partial(equation.target, tensor)
                shape = tuple(point.extent(dim) for dim in tensor.shape)
                found[f"d{equation.target.name}/d{tensor.name}"] = value.reshape(shape)
    for one in second_partials(result.whole_expr):
        value = oracle.jacobian(one.of, one.by)
        shape = tuple(point.extent(dim) for dim in (*one.of.shape, *one.by.shape))
        found[to_text(one)] = value.reshape(shape)
    return found


def _lambdified(result: Result) -> Way:
    """The expanded result through ``sympy.lambdify``; not checked where SymPy cannot hold it."""
    import sympy  # noqa: PLC0415 (slow to import, and only wanted here)

    from symbackprop.notation.sympy_out import arguments_of  # noqa: PLC0415
    from symbackprop.notation.sympy_symbols import dim_symbol, symbol_of  # noqa: PLC0415

    # In our own symbols: SymPy's lambdify is wrong on matrices whose names are no identifiers.
    names = replace(result.context.names, sympy={})
    graph = result.context.graph
    try:
        expanded = Formula(result.expanded_expr, names).sympy
        arguments = arguments_of(expanded, graph, names)
        # docstring_limit: without it SymPy prints the whole expression into a docstring.
        # Not SciPy, which lambdify takes where it is installed: its import takes half a second.
        function = sympy.lambdify(arguments, expanded, modules="numpy", docstring_limit=0)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        reason = f"SymPy cannot hold the expanded result: {error}"

        def refuse(point: Point) -> Any:
            raise Refusal(reason)

        return refuse
    tensors = {symbol_of(tensor): tensor for tensor in graph.tensors.values()}
    dims = {dim_symbol(name): name for name in graph.dims}

    def evaluate(point: Point) -> Any:
        value = function(*(
            _argument(point, tensors[symbol]) if symbol in tensors else point.sizes[dims[symbol]]
            for symbol in arguments
        ))  # fmt: skip
        if result.derived.jacobian is None and not result.by.is_matrix:
            # Axes of extent 1 carry no index.
            return np.reshape(value, [point.extent(dim) for dim in result.by.shape])
        alone = np.ndim(value) == 0 and result.derived.jacobian is None
        return np.broadcast_to(value, point.oriented(result.like)) if alone else value

    return evaluate


def _argument(point: Point, tensor: Tensor) -> Any:
    """The value of a tensor as the lambdified result takes it."""
    if tensor.is_label:
        labels = point.zero_based(tensor)
        return labels.reshape(point.oriented(tensor)) if tensor.shape else int(labels)
    value = point.values[tensor] if tensor.is_matrix else point.declared(tensor)
    return float(np.ravel(value)[0]) if tensor.is_scalar else value


def over_indices(result: Result, way: Way) -> Way:
    """A way of computing entries: one axis for each free index, where SymPy has matrices."""

    def in_shape(point: Point) -> Any:
        return np.reshape(way(point), [point.extent(index.dim) for index in result.index_objects])

    return in_shape


def by_of(result: Result, way: Way) -> Way:
    """A way of computing a Jacobian, its array turned to the axes of ``of``, then those of ``by``."""
    jacobian = result.derived.jacobian
    assert jacobian is not None

    def as_of_by(point: Point) -> Any:
        value = np.asarray(way(point))
        own, other = (tuple(point.extent(d) for d in t.shape) for t in (result.of, result.by))
        if not jacobian.flipped:
            return value.reshape(own + other)
        order = [*range(len(other), len(own) + len(other)), *range(len(other))]
        return value.reshape(other + own).transpose(order)

    return as_of_by


def _in_shape(function: Callable[..., Any], x: Any) -> Any:
    """A stand-in, which works on 2-D arrays, on an array of any rank."""
    return np.reshape(function(np.asarray(x)), np.shape(x))


def _slope(function: Callable[..., Any], order: int, x: Any) -> Any:
    """The derivative of a stand-in, by differences: what a caller would give as sigma'."""
    return derivative(function, np.asarray(x), order)
