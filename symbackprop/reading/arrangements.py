"""Calls that arrange entries: stack, reshape, pad, and the sizes that stand in calls."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, DimValue, Expr, Number, Shape
from symbackprop.core.tensors import Convention
from symbackprop.ops.registry import Structural
from symbackprop.reading.positions import affine
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import ShapeError, is_vector, shape_text
from symbackprop.reading.syntax import Apply, Node, show
from symbackprop.reading.tokens import fail

SIZED = frozenset({"reshape", "pad"})


def size_argument(node: Apply, given: Node, scope: Scope, least: int = 1) -> Dim:
    """A size: a dim, a whole number, or an affine combination of them."""
    parts = affine(given, scope)
    if parts is None or parts[0] or (parts[1].is_number and parts[1].constant < least):
        kind = "positive whole number" if least == 1 else "whole number"
        raise fail(f"the size {show(given)} of {node.name} must be a dim or a {kind}", given.at)
    return parts[1]


def sized(node: Apply, op: Structural, args: Sequence[Expr], given: Sequence[Node], scope: Scope) -> Call:
    """``reshape(A, m, n)``, ``reshape(A, m)`` (a vector) and ``pad(A, k)``."""
    first = scope.unifier.shape(args[0])
    sizes = [size_argument(node, arg, scope, 1 if op.name == "reshape" else 0) for arg in given[1:]]
    shape = (
        _reshaped(node, first, sizes, given[0], scope)
        if op.name == "reshape"
        else _padded(node, first, sizes[0], given[0])
    )
    return Call(op, (args[0], *map(_number, sizes)), shape)


def _number(size: Dim) -> Expr:
    return Number(Fraction(size.constant)) if size.is_number else DimValue(size)


def _reshaped(node: Apply, first: Shape, sizes: Sequence[Dim], given: Node, scope: Scope) -> Shape:
    shape = (sizes[0], sizes[1]) if len(sizes) == 2 else (sizes[0], ONE)
    if len(sizes) == 1 and scope.convention is Convention.ROW:
        shape = (ONE, sizes[0])
    known = not any(name[0] == "?" for dim in first for name in dim.names)
    if known and _entries(first) != _entries(shape):
        wanted = " x ".join(str(size) for size in sizes)
        raise ShapeError(
            f"{show(given)} is {shape_text(first)}; {wanted} has another number of entries", node
        )
    return shape


def _entries(shape: Shape) -> dict[tuple[str, ...], int]:
    """The number of entries as a polynomial in the names of dims."""
    total: dict[tuple[str, ...], int] = {}
    for left, a in _terms(shape[0]):
        for right, b in _terms(shape[1]):
            key = tuple(sorted((*left, *right)))
            total[key] = total.get(key, 0) + a * b
    return {key: value for key, value in total.items() if value}


def _terms(dim: Dim) -> list[tuple[tuple[str, ...], int]]:
    return [((), dim.constant), *(((name,), c) for name, c in dim.coefficients)]


def _padded(node: Apply, first: Shape, width: Dim, given: Node) -> Shape:
    if first[0].is_one and first[1].is_one:
        raise ShapeError(f"pad takes a vector or a matrix, {show(given)} is a scalar", node)
    sides = [dim if dim.is_one and is_vector(first) else dim + width * 2 for dim in first]
    return (sides[0], sides[1])


def stacked(
    node: Apply, op: Structural, args: Sequence[Expr], given: Sequence[Node], scope: Scope, axis: str | None
) -> Call:
    """``stack(a, b, ...)``: vectors end to end, matrices along the feature index; rows: inside each row."""
    shapes = [scope.unifier.shape(arg) for arg in args]
    way = axis or _default(shapes, scope.convention)
    side = 1 if way == "rows" else 0
    across = shapes[0][1 - side]
    for shape, arg in zip(shapes, given, strict=True):
        if not scope.unifier.same(shape[1 - side], across):
            what = "rows" if side == 1 else "columns"
            raise ShapeError(
                f"stack needs equal numbers of {what}: {show(given[0])} is {shape_text(shapes[0])}, "
                f"{show(arg)} is {shape_text(shape)}",
                node,
            )
    total = Dim(0)
    for shape in shapes:
        total = total + scope.unifier.resolve(shape[side])
    across = scope.unifier.resolve(across)
    whole = (across, total) if side == 1 else (total, across)
    return Call(op, tuple(args), whole, 0, way, axis is not None)


def _default(shapes: Sequence[Shape], convention: Convention) -> str:
    if all(shape[0].is_one for shape in shapes) != all(shape[1].is_one for shape in shapes):
        return "rows" if all(shape[0].is_one for shape in shapes) else "columns"
    return "rows" if convention is Convention.ROW else "columns"
