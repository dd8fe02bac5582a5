"""NumPy values of typed expressions: the evaluator that judges, written apart from the engine's.

In: an ``Expr``, a ``Point``, and where needed the values of ``Partial`` atoms, overriding values
of tensors (real or complex, 2-D or a stack of 2-D arrays), and ``expand``, which turns a call
into its entry formula where an operation has no forward function of its own. Out: an array whose
last two axes are rows and columns (see ``scope`` for the leading ones), or a ``Refusal``.

Only a literal extent of 1 broadcasts and only a typed 1 x 1 factor scales, whatever the sizes
happen to be; everything else that does not fit is a ``ShapeClash``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symbackprop.core.arrays import Grid, Jacobian, Numeric, TensorEntries
from symbackprop.core.expr import (
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Transpose,
    product_shape,
)
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator, LabelValue, Reduce, Slice
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.errors import SymbackpropError
from symbackprop.verification import arrays, calls, entries
from symbackprop.verification.extents import is_scalar, require_extents, spelled
from symbackprop.verification.point import Array, Expand, KinksOf, Point, Refusal, ShapeClash, Watched
from symbackprop.verification.scope import ROOT, Scope
from symbackprop.verification.undefined import is_apart, with_no_mass

Differences = Callable[[Tensor, Tensor], Array]
CONSTANTS = {"np.pi": np.pi, "math.pi": np.pi, "np.e": np.e, "math.e": np.e}


class Evaluator:
    """Evaluates expressions at one point; each node of the outermost scope once.

    partials   values of ``d of / d by`` as 4-D arrays (of rows, of columns, by rows, by columns).
    overrides  tensor -> array used instead of the point's value; read when a leaf is met.
    injected   what is added to the members of a family of a recursion as they are computed.
    watch      a list that collects every quantity whose zeros are kinks, with the value that has
               the kink there (``sampling`` looks at it).
    """

    def __init__(
        self,
        point: Point,
        *,
        expand: Expand | None = None,
        kinks_of: KinksOf | None = None,
        partials: Differences | None = None,
        overrides: Mapping[Tensor, Array] | None = None,
        watch: list[Watched] | None = None,
        injected: Mapping[Tensor, Array] | None = None,
    ) -> None:
        self.rules = RULES
        self.point = point
        self.expand = expand
        self.kinks_of = kinks_of
        self.watch = watch
        self.outside = point.outside
        self._partials = partials
        self._overrides = overrides if overrides is not None else {}
        self._injected = injected or {}
        self._looped: dict[Tensor, Array] = {}
        self._memo: dict[int, tuple[Expr, Array]] = {}
        self._templates: dict[int, tuple[Call, tuple[Tensor, ...], Expr]] = {}

    def value(self, node: Expr, scope: Scope = ROOT) -> Array:
        """The value of a node under the indices in scope."""
        known = self._memo.get(id(node)) if not scope.axes else None
        if known is not None:
            return known[1]
        rule = self.rules.get(type(node))
        if rule is None:
            raise Refusal(f"no value is known for a {type(node).__name__}")
        found = rule(self, node, scope)
        if not scope.axes:
            self._memo[id(node)] = (node, found)
        return found

    def over(self, node: Expr, indices: Sequence[Index], count: int | None = None) -> Array:
        """The value over ``indices``: axes (..., one per index, rows, columns).

        ``count`` limits how many positions of each index are looked at (``Point.picked``).
        """
        scope = ROOT
        for index in indices:
            scope = scope.extended(index, self.point.picked(self.point.extent(index.dim), count))
        value = self.value(node, scope)
        lead = value.shape[: max(value.ndim - 2 - len(indices), 0)]
        return np.broadcast_to(value, lead + scope.sizes + value.shape[-2:])

    def tensor(self, tensor: Tensor) -> Array:
        """The value of a tensor: overridden, drawn or computed, or a known number such as pi."""
        found = self._overrides.get(tensor)
        if found is None:
            found = self.point.values.get(tensor)
        if found is not None:
            return found
        if tensor.value is not None:
            return np.array([[float(tensor.value)]])
        if tensor.numpy_value in CONSTANTS:
            return np.array([[CONSTANTS[tensor.numpy_value]]])
        raise Refusal(f"{tensor.name} has no value in the forward pass")

    def partial(self, of: Tensor, by: Tensor) -> Array:
        """The differences of ``of`` by ``by``, 4-D."""
        if self._partials is None:
            raise Refusal(f"d{of.name}/d{by.name} has no value inside a forward pass")
        return self._partials(of, by)

    def expanded(self, call: Call) -> Expr:
        """The entry formula of a call, its arguments filled in."""
        if self.expand is None:
            raise Refusal(f"{call.op.name} has no forward function, and no formula is at hand")
        try:
            return self.expand(call)
        except SymbackpropError as error:
            raise Refusal(f"the formula of {call.op.name} could not be filled in: {error.message}") from error

    def formula_at(self, call: Call, arrays: Sequence[Array]) -> Array:
        """The entry formula of an elementwise call with arrays in the place of its arguments."""
        found = self._templates.get(id(call))
        if found is None:
            letters = tuple(
                Tensor(param.name, arg.shape, Convention.COLUMN)
                for param, arg in zip(call.op.params, call.args, strict=True)
            )
            bare = replace(call, args=tuple(Leaf(letter) for letter in letters), primes=0)
            found = self._templates[id(call)] = (call, letters, self.expanded(bare))
        _, letters, formula = found
        inner = Evaluator(self.point, expand=self.expand, overrides=dict(zip(letters, arrays, strict=True)))
        return inner.value(formula)

    def solve(self, equation: Equation) -> Array:
        """The value of the target of an equation, 2-D as the target is oriented (or a stack)."""
        target, expr = equation.target, equation.expr
        if target in self.point.loops:
            return self._member_by_member(target)
        if expr is None:
            standin = self.point.scalars.get(target)
            if standin is None:
                raise Refusal(f"{target.name} is arbitrary and has no stand-in")
            return standin([self.tensor(argument) for argument in equation.arguments])
        shape = self.point.oriented(target)
        if not equation.indices:
            value = self.value(expr)
            if value.shape[-2:] != shape:
                raise ShapeClash(f"{target.name} is {shape[0]} x {shape[1]}, its right side is not")
            return value
        if equation.pieces:
            return self._assembled(equation, shape)
        value = entry_values(self, expr, equation.indices)
        lead = value.shape[: value.ndim - len(equation.indices)]
        if int(np.prod(value.shape[len(lead) :])) != shape[0] * shape[1]:
            raise ShapeClash(f"the indices of {target.name} do not run over all of it")
        return np.asarray(value.reshape(lead + shape))

    def _member_by_member(self, target: Tensor) -> Array:
        """The target of a recursion; the others that come with it are kept until they are asked for."""
        if target in self._looped:
            return self._looped.pop(target)
        equations = self.point.loops[target]
        saved, given = self._overrides, [*self._overrides.values(), *self._injected.values()]
        lead = next((array.shape[:1] for array in given if array.ndim > 2), ())
        kind = complex if any(np.iscomplexobj(array) for array in given) else float
        found = {e.target: np.zeros((*lead, *self.point.oriented(e.target)), kind) for e in equations}
        steps = self.point.extent(equations[0].target.shape[0])
        for step in range(1, steps + 1):
            for equation in equations:
                assert equation.expr is not None
                self._memo.clear()
                self._overrides = {**saved, **found}
                scope = ROOT.extended(equation.indices[0], np.array([step]))
                for index in equation.indices[1:]:
                    scope = scope.extended(index, self.point.picked(self.point.extent(index.dim), None))
                value = self.value(equation.expr, scope)
                own = value.shape[: max(value.ndim - 2 - len(scope.sizes), 0)]
                row = np.broadcast_to(value, (*own, *scope.sizes, 1, 1)).reshape((*own, -1))
                target_, extra = equation.target, self._injected.get(equation.target)
                if target_.is_matrix and target_.convention.vectors_are_rows:  # numbers, which lie across
                    here: tuple[Any, ...] = (..., slice(None), step - 1)
                else:
                    here = (..., step - 1, slice(None))
                found[target_][here] = row if extra is None else row + extra[here]
        self._overrides = saved
        self._memo.clear()
        self._looped = dict(found)
        return self._looped.pop(target)

    def _assembled(self, equation: Equation, shape: tuple[int, int]) -> Array:
        """An array of which the equation gives some entries by one formula, others by another."""
        extents = [self.point.extent(dim) for dim in equation.target.shape]
        found: Array | None = None
        times = np.zeros(extents, dtype=int)
        for piece in equation.pieces:
            mask, scope = np.ones((1, 1), dtype=bool), ROOT
            for bound in piece.ranges:
                scope, mask = entries.enter(self, bound, scope, mask)
                if 0 in scope.sizes:
                    break
            if 0 in scope.sizes:
                continue
            body = self.value(piece.body, scope)
            if body.shape[-2:] != (1, 1):
                raise ShapeClash("an entry must be a scalar")
            lead = body.shape[: max(body.ndim - 2 - len(scope.sizes), 0)]
            values = np.broadcast_to(body, (*lead, *scope.sizes, 1, 1))[..., 0, 0]
            wanted = np.broadcast_to(mask, (*scope.sizes, 1, 1))[..., 0, 0]
            places = [scope.positions(slot, self.point) for slot in piece.slots]
            whole = [np.broadcast_to(place, (*scope.sizes, 1, 1))[..., 0, 0] for place in places]
            slots = [place[wanted] - 1 for place in whole]
            np.add.at(times, tuple(slots), 1)
            if found is None or (lead and found.ndim == len(extents)):
                base = np.zeros((*lead, *extents), dtype=values.dtype)
                found = base if found is None else base + found
            found = found.astype(np.result_type(found, values), copy=False)
            found[(..., *slots)] = values[..., wanted]
        if found is None or (times != 1).any():
            raise Refusal(f"the equations of {equation.target.name} do not give every entry once here")
        return np.asarray(found.reshape(found.shape[: found.ndim - len(extents)] + shape))


def entry_values(evaluator: Evaluator, expr: Expr, indices: Sequence[Index]) -> Array:
    """The values of a scalar expression over its free indices: one axis for each, in that order."""
    value = evaluator.over(expr, indices)
    if value.shape[-2:] != (1, 1):
        raise ShapeClash("an entry must be a scalar")
    return value[..., 0, 0]


def evaluate_entries(
    expr: Expr, indices: Sequence[Index], point: Point, *, expand: Expand | None = None
) -> Array:
    """``expr[indices]`` as an array with one axis per index (no Partial may stand in it)."""
    with np.errstate(all="ignore"):
        return np.array(entry_values(Evaluator(point, expand=expand), expr, indices))


def evaluate(expr: Expr, point: Point, *, expand: Expand | None = None) -> Array:
    """The 2-D value of ``expr`` (no Partial may stand in it)."""
    with np.errstate(all="ignore"):
        return np.array(Evaluator(point, expand=expand).value(expr))


def _number(evaluator: Evaluator, node: Number, scope: Scope) -> Array:
    try:
        return np.array([[float(node.value)]])
    except OverflowError:
        raise Refusal("a number is too large for floating point") from None


def _leaf(evaluator: Evaluator, node: Leaf, scope: Scope) -> Array:
    return scope.lift(evaluator.tensor(node.tensor))


def _dim(evaluator: Evaluator, node: DimValue, scope: Scope) -> Array:
    return np.array([[float(evaluator.point.extent(node.dim))]])


def _partial(evaluator: Evaluator, node: Partial, scope: Scope) -> Array:
    value = evaluator.partial(node.of, node.by)
    if value.shape[:2] != (1, 1):
        raise Refusal(f"d{node.of.name}/d{node.by.name} is not the derivative of a scalar")
    return np.asarray(value[0, 0].T if node.turned else value[0, 0])


def _add(evaluator: Evaluator, node: Add, scope: Scope) -> Array:
    values = [evaluator.value(term, scope) for term in node.terms]
    require_extents(node.terms, values)
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _neg(evaluator: Evaluator, node: Neg, scope: Scope) -> Array:
    return -evaluator.value(node.arg, scope)


def _hadamard(evaluator: Evaluator, node: Hadamard, scope: Scope) -> Array:
    values = [evaluator.value(factor, scope) for factor in node.factors]
    require_extents(node.factors, values)
    total = values[0]
    for value in values[1:]:
        total = total * value
    return with_no_mass(node.factors, values, total)


def _matmul(evaluator: Evaluator, node: MatMul, scope: Scope) -> Array:
    left = evaluator.value(node.factors[0], scope)
    shape = node.factors[0].shape
    values = [left]
    for factor in node.factors[1:]:
        right, right_shape = evaluator.value(factor, scope), factor.shape
        values.append(right)
        if is_scalar(shape) or is_scalar(right_shape):
            left = left * right
        elif left.shape[-1] != right.shape[-2]:
            raise ShapeClash(f"product of {spelled(shape)} and {spelled(right_shape)}")
        else:
            left = _product(left, right)
        shape = product_shape(shape, right_shape)
    if is_scalar(shape) and all(is_scalar(factor.shape) for factor in node.factors):
        return with_no_mass(node.factors, values, left)
    return left


def _product(left: Array, right: Array) -> Array:
    """``left @ right``; a stack times one matrix as a single product, which is much faster."""
    if left.ndim > 2 and right.ndim == 2:
        flat = left.reshape(-1, left.shape[-1])
        if np.iscomplexobj(flat) and not np.iscomplexobj(right):
            flat = flat.real @ right + 1j * (flat.imag @ right)
        else:
            flat = flat @ right
        return np.asarray(flat.reshape(left.shape[:-1] + right.shape[-1:]))
    if left.ndim == 2 and right.ndim > 2:
        return np.swapaxes(_product(np.swapaxes(right, -1, -2), left.T), -1, -2)
    return np.asarray(left @ right)


def _divide(evaluator: Evaluator, node: Divide, scope: Scope) -> Array:
    values = (evaluator.value(node.num, scope), evaluator.value(node.den, scope))
    require_extents((node.num, node.den), values)
    found = np.asarray(values[0] / values[1])
    if not np.isfinite(found).all():
        for factor in filter(is_apart, node.num.factors if isinstance(node.num, MatMul) else (node.num,)):
            found = np.where(evaluator.value(factor, scope) == 0, 0.0, found)
    return found


def _power(evaluator: Evaluator, node: Power, scope: Scope) -> Array:
    exponent = evaluator.value(node.exponent, scope)
    if not is_scalar(node.exponent.shape):
        raise ShapeClash(f"an exponent of shape {spelled(node.exponent.shape)}")
    return np.asarray(np.power(evaluator.value(node.base, scope), exponent))


def _transpose(evaluator: Evaluator, node: Transpose, scope: Scope) -> Array:
    return np.swapaxes(evaluator.value(node.arg, scope), -1, -2)


def _numeric(evaluator: Evaluator, node: Numeric, scope: Scope) -> Array:
    """What the numbers stand for; that they are its rounding is checked where they are given."""
    return evaluator.value(node.source, scope)


# Any: each rule takes the one class of node that it is entered for.
RULES: Mapping[type[Expr], Callable[..., Array]] = {
    Number: _number, Leaf: _leaf, DimValue: _dim, Partial: _partial, Add: _add, Neg: _neg,
    MatMul: _matmul, Hadamard: _hadamard, Divide: _divide, Power: _power, Transpose: _transpose,
    Call: calls.value, IndexValue: entries.index_value, LabelValue: entries.index_value,
    Numeric: _numeric, Element: entries.element, Slice: entries.a_slice,
    Reduce: entries.reduction, Indicator: entries.indicator, Comprehension: entries.comprehension,
    Jacobian: arrays.jacobian, Grid: arrays.grid, TensorEntries: arrays.tensor_entries,
}  # fmt: skip
