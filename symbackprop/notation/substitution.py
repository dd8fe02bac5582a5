"""Replacing parts of typed expressions: indices by positions, placeholders by arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    SCALAR,
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Transpose,
    broadcast_shape,
)
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Comprehension, Element, IndexValue, LabelValue, Range, Reduce, label_slot
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.building import ELEMENTWISE_KINDS


def entry_in(base: Expr, tensor: Tensor, slots: tuple[IndexValue, ...]) -> Expr:
    """``base[slots]`` where ``base`` stands for ``tensor``: of a comprehension the body at that place."""
    if isinstance(base, TensorEntries):
        places = (slots[axis] for axis in tensor.index_axes)
        return at(base.body, dict(zip(base.indices, places, strict=True)))
    if not isinstance(base, Comprehension):
        if isinstance(base, Leaf | Partial):
            return Element(base, slots)
        if not any(isinstance(node, Comprehension) for node in base.walk()):
            own = tuple(slot for slot, dim in zip(slots, tensor.shape, strict=True) if not dim.is_one)
            return Element(base, own) if own else base  # an extent of 1 carries no index
        sides = (None if axis is None else slots[axis] for axis in map(tensor.axis_of_side, (0, 1)))
        row, column = (IndexValue((), ONE) if side is None else side for side in sides)
        return _inside(base, row, column)
    change: dict[Index, IndexValue] = {}
    for side, index in ((0, base.row), (1, base.column)):
        axis = tensor.axis_of_side(side)
        if index is not None and axis is not None:
            change[index] = slots[axis]
    return at(base.body, change)


def _inside(expr: Expr, row: IndexValue, column: IndexValue) -> Expr:
    """Entry (row, column), taken inside of what acts entry by entry."""
    if expr.is_scalar:
        return expr
    if isinstance(expr, Comprehension):
        pairs = ((expr.row, row), (expr.column, column))
        return at(expr.body, {index: place for index, place in pairs if index is not None})
    if isinstance(expr, Transpose):
        return _inside(expr.arg, column, row)
    if isinstance(expr, Add | Neg | Hadamard | Divide | Power):
        return expr.map_children(lambda child: _inside(child, row, column))
    if isinstance(expr, Call) and expr.op.kind in ELEMENTWISE_KINDS:
        args = tuple(_inside(arg, row, column) for arg in expr.args)
        return replace(expr, args=args, call_shape=SCALAR)
    if isinstance(expr, MatMul) and sum(not factor.is_scalar for factor in expr.factors) == 1:
        return expr.map_children(lambda child: _inside(child, row, column))
    if isinstance(expr, Leaf | Partial) and not getattr(expr, "turned", False):
        tensor = expr.array
        by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
        return Element(expr, tuple(by_axis[axis] for axis in range(tensor.rank)))
    places = zip(expr.shape, (row, column), strict=True)
    return Element(expr, tuple(place for dim, place in places if not dim.is_one))


def renamed(equation: Equation, names: Mapping[Tensor, Tensor]) -> Equation:
    """The equation over other tensors."""
    expr = None if equation.expr is None else with_tensors(equation.expr, names)
    target = names.get(equation.target, equation.target)
    return replace(equation, target=target, expr=expr, pieces=(), member=None)


def with_tensors(expr: Expr, names: Mapping[Tensor, Tensor]) -> Expr:
    """The expression over other tensors."""
    if isinstance(expr, Leaf):
        return Leaf(names.get(expr.tensor, expr.tensor))
    return expr.map_children(lambda child: with_tensors(child, names))


def at(expr: Expr, change: Mapping[Index, IndexValue]) -> Expr:
    """The expression with free indices replaced by positions."""
    if isinstance(expr, IndexValue):
        return _position(expr, change)
    if isinstance(expr, Reduce):
        return _under_binder(expr, change)
    return expr.map_children(lambda child: at(child, change))


def _under_binder(expr: Reduce, change: Mapping[Index, IndexValue]) -> Expr:
    """The same below a sum: its ends too, and its own indices anew where one of them is put in."""
    own = {spot.index for spot in expr.ranges}
    kept = {index: value for index, value in change.items() if index not in own}
    given = {index for value in kept.values() for index, _ in value.indices}
    for index in own & given:
        kept[index] = IndexValue(((Index(index.dim, index.letter), 1),))
    if not kept:
        return expr

    def place(value: IndexValue | None) -> IndexValue | None:
        return None if value is None else _position(value, kept)

    ranges: list[Range] = []
    for spot in expr.ranges:
        new = kept[spot.index].indices[0][0] if spot.index in own & given else spot.index
        condition = spot.condition
        if condition is not None:
            condition = (condition[0], _position(condition[1], kept))
        ranges.append(Range(new, place(spot.low), place(spot.high), condition))
    return replace(expr, ranges=tuple(ranges), body=at(expr.body, kept))


def _position(value: IndexValue, change: Mapping[Index, IndexValue]) -> IndexValue:
    if not any(index in change for index, _ in value.indices):
        return value
    if isinstance(value, LabelValue) and value.label is not None:
        moved = label_slot(at(value.label, change))
        return replace(moved, offset=moved.offset + value.offset)
    said = change.get(value.indices[0][0]) if value.single is not None or len(value.indices) == 1 else None
    if isinstance(said, LabelValue) and value.indices[0][1] == 1:
        return replace(said, offset=said.offset + value.offset)
    parts: dict[Index, int] = {}
    offset: Dim = value.offset
    for index, factor in value.indices:
        new = change.get(index, IndexValue(((index, 1),)))
        offset = offset + new.offset * factor
        for inner, inner_factor in new.indices:
            parts[inner] = parts.get(inner, 0) + inner_factor * factor
    return IndexValue(tuple((i, f) for i, f in parts.items() if f), offset)


def elementwise(expr: Expr, values: Mapping[Tensor, Expr]) -> Expr:
    """A scalar formula over placeholders, applied entry by entry to arrays: products become ``*``."""
    if isinstance(expr, Leaf):
        return values.get(expr.tensor, expr)
    changed = expr.map_children(lambda child: elementwise(child, values))
    if isinstance(changed, MatMul):
        return Hadamard(changed.factors)
    if isinstance(changed, Call):
        return replace(changed, call_shape=broadcast_shape(changed.args))
    return changed
