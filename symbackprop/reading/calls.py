"""Calls: which function, which argument is which parameter, which axis, and the shape of the value."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import SCALAR, Call, DimValue, Expr, Leaf, Number, Shape
from symbackprop.core.indexed import IndexValue, Indicator
from symbackprop.core.operations import Operation, Param
from symbackprop.core.tensors import Convention, Index, Role
from symbackprop.errors import did_you_mean
from symbackprop.ops.registry import Elementwise, Structural, one_argument, stacking
from symbackprop.reading.arrangements import SIZED, size_argument, sized, stacked
from symbackprop.reading.labels import label_comparison, labels_first, onehot
from symbackprop.reading.positions import affine, index_parts, position_parts
from symbackprop.reading.scope import FORMS, Read, Scope
from symbackprop.reading.shapes import ShapeError, is_vector, join_elementwise, length, shape_text
from symbackprop.reading.syntax import Apply, Name, Node, Relation, show
from symbackprop.reading.tokens import fail

AXES = ("rows", "columns")
_OPTIONAL_SECOND = frozenset({"ones", "zeros"})
_OPTIONAL = {"reshape": ["n"]}


def read_call(node: Apply, scope: Scope, read: Read) -> Expr:
    """A call of a function of the table, of a declared function, or of ``ind`` and ``kron``."""
    if node.name in FORMS:
        return _indicator(node, scope, read)
    op = scope.operation(node.name)
    if op is None:
        shown = f"{node.name} ({', '.join(map(show, node.args))})"
        raise scope.unknown_call(node.name, node.at, shown)
    if node.name in ("max", "min") and len(node.args) == 1 and isinstance(op, Elementwise):
        op = one_argument(node.name) or op
    labels = labels_first(node, scope)
    axis = _axis_given(node, op, labelled=labels is not None)
    places = node.args[:-1] if axis else node.args
    if op.name == "stack":
        op = stacking(len(places)) if len(places) > 1 else op
    nodes = _bind(node, op, places)
    if op.name == "onehot":
        if labels is None:
            raise fail("onehot takes labels", node.args[0].at, "declare the symbol with classes: K")
        return onehot(labels, axis, scope.convention)
    chosen = () if labels is None else (onehot(labels, axis, scope.convention),)
    rest = tuple(nodes.values())[len(chosen) :]
    args = (*chosen, *[read(arg, scope) if isinstance(arg, Node) else Number(arg) for arg in rest])
    given = tuple([arg if isinstance(arg, Node) else node for arg in nodes.values()])
    _check_options(node, op, nodes, args, scope)
    if isinstance(op, Elementwise):
        _check_primes(node, op)
        _check_no_tie(node, op, args, scope)
        shape = join_elementwise(args, given, node, scope.unifier, f"{node.name}")
        return Call(op, args, shape, node.primes)
    if node.primes:
        raise fail(f"{node.name} is not elementwise and has no {node.name}'", node.at)
    assert isinstance(op, Structural)
    if op.name in SIZED:
        return sized(node, op, args, given, scope)
    if op.name == "stack":
        return stacked(node, op, args, given, scope, axis)
    if not op.takes_axis:
        return Call(op, args, _shape(node, op, args, given, scope))
    resolved = axis or default_axis(args[-1 if op.kind == "loss" else 0], scope)
    return Call(op, args, _shape(node, op, args, given, scope, resolved), 0, resolved, axis is not None)


def default_axis(arg: Expr, scope: Scope) -> str:
    """Inside which lines an operation along the feature index works, if the text does not say."""
    if scope.axis is not None:
        return scope.axis
    by_convention = "rows" if scope.convention is Convention.ROW else "columns"
    declared_matrix = (
        isinstance(arg, Leaf) and arg.tensor.rank == 2 and arg.tensor.role is not Role.INTERMEDIATE
    )
    shape = scope.unifier.shape(arg)
    if declared_matrix or not is_vector(shape):
        return by_convention
    return "rows" if shape[0].is_one else "columns"


def _indicator(node: Apply, scope: Scope, read: Read) -> Expr:
    if node.primes:
        raise fail(f"{node.name} has no derivative to name", node.at)
    if node.name == "kron":
        if len(node.args) != 2 or any(isinstance(arg, Relation) for arg in node.args):
            raise fail("kron takes two indices, as in kron(i, j)", node.at)
        left, right, op = node.args[0], node.args[1], "="
    else:
        relation = node.args[0]
        if len(node.args) != 1 or not isinstance(relation, Relation):
            raise fail("ind takes one comparison, as in ind(x > 0)", node.at)
        left, right, op = relation.left, relation.right, relation.op
    chosen = label_comparison((left, right), op, node, scope, read)
    if chosen is not None:
        return chosen
    if scope.free is not None:
        _free_letters(left, right, scope)
    sides = _positions(left, right, scope, read) or (read(left, scope), read(right, scope))
    join_elementwise(sides, (left, right), node, scope.unifier, "a comparison")
    return Indicator(sides[0], op, sides[1], node.name == "kron")


def _positions(left: Node, right: Node, scope: Scope, read: Read) -> tuple[Expr, Expr] | None:
    """The sides of a comparison of zero-based positions, as one-based ones; None: as they stand."""
    raw = [affine(side, scope) for side in (left, right)]
    if scope.first == 1 or any(parts is None for parts in raw) or not any(p[0] for p in raw if p is not None):
        return None
    plain = replace(scope, first=1)
    first, second = (_position(side, plain, scope, read) for side in (left, right))
    return first, second


def _position(side: Node, plain: Scope, scope: Scope, read: Read) -> Expr:
    parts = position_parts(side, scope)
    assert parts is not None
    if sum(parts[0].values()) == 1:  # j + 1 is the same in both
        return read(side, plain)
    if not parts[0]:
        return Number(Fraction(parts[1].constant)) if parts[1].is_number else DimValue(parts[1])
    return IndexValue(index_parts(parts[0], scope), parts[1])


def _free_letters(left: Node, right: Node, scope: Scope) -> None:
    """A new letter that is compared with an index is one: of p in ``ind(k = p)`` the range is that of k."""
    assert scope.free is not None
    pairs = ((left, right), (right, left))
    new_ones = [new for new, _ in pairs if isinstance(new, Name) and _is_new(new.name, scope)]
    if len(new_ones) == 2:  # over one range, whatever that is
        dim = scope.unifier.fresh()
        scope.free.update({new.name: Index(dim, new.name) for new in new_ones})
    for new, other in pairs:
        if not isinstance(new, Name) or not _is_new(new.name, scope):
            continue
        parts = affine(other, scope)
        letters = [] if parts is None else list(parts[0])
        index = scope.index(letters[0]) if len(letters) == 1 else None
        if index is not None:
            scope.free[new.name] = Index(index.dim, new.name)
        elif parts is not None and not letters:
            scope.free[new.name] = Index(scope.unifier.fresh(), new.name)


def _is_new(name: str, scope: Scope) -> bool:
    return scope.value(name) is None and not scope.knows(name)


def _axis_given(node: Apply, op: Operation, *, labelled: bool = False) -> str | None:
    """The last argument ``rows`` or ``columns``, if there is one."""
    for position, arg in enumerate(node.args):
        if isinstance(arg, Name) and arg.name in AXES:
            if not op.takes_axis and not labelled:
                instead = {"sum": "rowsum(A) or colsum(A)", "mean": "rowmean(A) or colmean(A)"}.get(node.name)
                raise fail(
                    f"{node.name} takes no {arg.name}", arg.at, f"write {instead}" if instead else None
                )
            if position != len(node.args) - 1 or position == 0:
                raise fail(f"{arg.name} stands only as the last argument", arg.at)
            return arg.name
    return None


def _bind(node: Apply, op: Operation, args: tuple[Node, ...]) -> dict[str, Node | Fraction]:
    """Parameter -> argument node, or the default; in the order of the parameters."""
    names = [param.name for param in op.params]
    bound: dict[str, Node | Fraction] = {}
    for position, arg in enumerate(args):
        if isinstance(arg, Relation):
            _bind_named(node, arg, names, bound)
        elif bound and any(isinstance(a, Relation) for a in args[:position]):
            raise fail("an argument by place cannot follow one by name", arg.at)
        elif position >= len(names):
            raise fail(f"{node.name} takes {_count(op.params)}, {len(args)} are given", arg.at, _usage(op))
        else:
            bound[names[position]] = arg
    for param in op.params:
        if param.name not in bound and param.default is not None:
            bound[param.name] = param.default
    for name in getattr(op, "captured", ()):
        bound.setdefault(name, Name(node.at, name))
    missing = [name for name in names if name not in bound]
    optional = (op.name in _OPTIONAL_SECOND and len(bound) == 1) or missing == _OPTIONAL.get(op.name)
    if missing and not optional:
        raise fail(f"{node.name} takes {_count(op.params)}, {len(args)} given", node.at, _usage(op))
    return {name: bound[name] for name in names if name in bound}


def _bind_named(node: Apply, arg: Relation, names: list[str], bound: dict[str, Node | Fraction]) -> None:
    if arg.op != "=" or not isinstance(arg.left, Name):
        raise fail("a comparison stands only inside ind(...)", arg.at, f"write ind({show(arg)})")
    name = arg.left.name
    if name not in names:
        raise fail(
            f"{node.name} has no option {name}",
            arg.at,
            did_you_mean(name, names) or f"its options: {', '.join(names)}",
        )
    if name in bound:
        raise fail(f"the argument {name} of {node.name} is given twice", arg.at)
    bound[name] = arg.right


def _count(params: tuple[Param, ...]) -> str:
    least, most = sum(param.default is None for param in params), len(params)
    return f"{least} argument{'s' * (least != 1)}" if least == most else f"{least} to {most} arguments"


def _usage(op: Operation) -> str:
    inside = ", ".join(
        param.name if param.default is None else f"{param.name}={param.default}" for param in op.params
    )
    return f"write {op.name}({inside})"


def _check_options(
    node: Apply, op: Operation, nodes: dict[str, Node | Fraction], args: tuple[Expr, ...], scope: Scope
) -> None:
    for param, arg in zip(op.params, args, strict=False):
        shape = scope.unifier.shape(arg)
        if param.default is not None and not (shape[0].is_one and shape[1].is_one):
            given = nodes[param.name]
            at = given if isinstance(given, Node) else node
            raise ShapeError(
                f"the option {param.name} of {node.name} is a scalar, not {shape_text(shape)}", at
            )


def _check_no_tie(node: Apply, op: Operation, args: tuple[Expr, ...], scope: Scope) -> None:
    """Refuse ``max(x, x)`` in a forward pass: every point of it is a tie, where the slope is a choice."""
    if op.name in ("max", "min") and len(args) == 2 and args[0] == args[1] and not scope.derivatives:
        shown = show(node.args[0])
        raise fail(
            f"{show(node)}: both arguments of {op.name} are {shown}, so that every point is a tie and the "
            "slope is undecided",
            node.at,
            f"write {shown}",
        )


def _check_primes(node: Apply, op: Operation) -> None:
    captured = getattr(op, "captured", ())
    if node.primes and sum(p.default is None and p.name not in captured for p in op.params) != 1:
        raise fail(f"{node.name} has two arguments; {node.name}' is not defined", node.at)


def _shape(
    node: Apply,
    op: Structural,
    args: tuple[Expr, ...],
    given: tuple[Node, ...],
    scope: Scope,
    axis: str | None = None,
) -> Shape:
    """The shape of the value by the operation's rule; ShapeError where an argument does not fit."""
    first = scope.unifier.shape(args[0])
    match op.shape_rule:
        case "same":
            return first
        case "drop":
            return (first[0], ONE) if axis == "rows" else (ONE, first[1])
        case "scalar":
            return SCALAR
        case "rows":
            return (first[0], ONE)
        case "columns":
            return (ONE, first[1])
        case "dot":
            return _same_shapes(node, args, given, scope)
        case "square-scalar":
            _check_square(node, first, given[0], scope)
            return SCALAR
        case "diagonal":
            _check_square(node, first, given[0], scope)
            return _vector(scope.unifier.resolve(first[0]), scope)
        case "square":
            _check_square(node, first, given[0], scope)
            return (scope.unifier.resolve(first[0]), scope.unifier.resolve(first[1]))
        case "diag":
            size = _vector_length(node, first, given[0])
            return (size, size)
        case "outer":
            lengths = [
                _vector_length(node, scope.unifier.shape(a), g) for a, g in zip(args, given, strict=True)
            ]
            return (lengths[0], lengths[1])
        case "eye" | "ones" | "zeros":
            sizes = [size_argument(node, arg, scope) for arg in given]
            if len(sizes) == 2:
                return (sizes[0], sizes[1])
            return (sizes[0], sizes[0]) if op.shape_rule == "eye" else _vector(sizes[0], scope)
    raise AssertionError(f"no shape rule {op.shape_rule}")


def _check_square(node: Apply, shape: Shape, given: Node, scope: Scope) -> None:
    if not scope.unifier.same(*shape):
        raise ShapeError(f"{node.name} needs a square matrix, {show(given)} is {shape_text(shape)}", node)


def _same_shapes(node: Apply, args: tuple[Expr, ...], given: tuple[Node, ...], scope: Scope) -> Shape:
    first, second = scope.unifier.shape(args[0]), scope.unifier.shape(args[1])
    if not all(scope.unifier.same(a, b) for a, b in zip(first, second, strict=True)):
        raise ShapeError(
            f"{node.name} needs two arguments of one shape: {show(given[0])} is {shape_text(first)}, "
            f"{show(given[1])} is {shape_text(second)}",
            node,
        )
    return SCALAR


def _vector(size: Dim, scope: Scope) -> Shape:
    return (ONE, size) if scope.convention.vectors_are_rows else (size, ONE)


def _vector_length(node: Apply, shape: Shape, given: Node) -> Dim:
    if shape[0].is_one or shape[1].is_one:
        return length(shape)
    raise ShapeError(f"{node.name} takes vectors, {show(given)} is {shape_text(shape)}", node)
