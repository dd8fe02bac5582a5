"""Replacing parts of typed expressions: indices by positions, placeholders by arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    Call,
    Comprehension,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    LabelValue,
    Leaf,
    MatMul,
    Partial,
    broadcast_shape,
    label_slot,
)
from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Tensor


def entry_in(base: Expr, tensor: Tensor, slots: tuple[IndexValue, ...]) -> Expr:
    """``base[slots]`` where ``base`` stands for ``tensor``: of a comprehension the body at that place."""
    if not isinstance(base, Comprehension):
        if isinstance(base, Leaf | Partial):
            return Element(base, slots)
        own = tuple(slot for slot, dim in zip(slots, tensor.shape, strict=True) if not dim.is_one)
        return Element(base, own) if own else base  # an extent of 1 carries no index
    change: dict[Index, IndexValue] = {}
    for side, index in ((0, base.row), (1, base.column)):
        axis = tensor.axis_of_side(side)
        if index is not None and axis is not None:
            change[index] = slots[axis]
    return at(base.body, change)


def renamed(equation: Equation, names: Mapping[Tensor, Tensor]) -> Equation:
    """The equation over other tensors."""
    expr = None if equation.expr is None else with_tensors(equation.expr, names)
    return replace(equation, target=names.get(equation.target, equation.target), expr=expr)


def with_tensors(expr: Expr, names: Mapping[Tensor, Tensor]) -> Expr:
    """The expression over other tensors."""
    if isinstance(expr, Leaf):
        return Leaf(names.get(expr.tensor, expr.tensor))
    return expr.map_children(lambda child: with_tensors(child, names))


def at(expr: Expr, change: Mapping[Index, IndexValue]) -> Expr:
    """The expression with free indices replaced by positions."""
    if isinstance(expr, IndexValue):
        return _position(expr, change)
    return expr.map_children(lambda child: at(child, change))


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
