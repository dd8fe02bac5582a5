"""Entries of tensors at a row and a column, or at positions that may lie outside."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Form, bind, product, single
from symbackprop.notation.normal import normal, span_of
from symbackprop.notation.slots import Place, Slot, parts_of_slot


def entry_at(tensor: Tensor, row: Place, column: Place) -> Entry:
    """The entry of ``tensor`` in that row and column."""
    by_axis: dict[int, Slot] = {}
    for side, place in ((0, row), (1, column)):
        axis = tensor.axis_of_side(side)
        if axis is not None and place is not None:
            by_axis[axis] = place
    slots = tuple(by_axis[axis] for axis in tensor.index_axes)
    return Entry(tensor, slots, loose=tensor.is_symmetric)


def zero_outside(tensor: Tensor, slots: Sequence[Slot]) -> Form:
    """An entry that counts as 0 outside its range: sum_r T[r] [r = slot] where the slot may lie outside."""
    places: list[Slot] = []
    bound: list[Index] = []
    deltas: list[Delta] = []
    for slot, dim in zip(slots, tensor.shape, strict=True):
        low, high = span_of(*parts_of_slot(slot))
        if (low - 1).never_negative and (dim - high).never_negative:
            places.append(slot)
            continue
        own: Slot = 1 if dim.is_one else Index(dim, "r")
        deltas.append(Delta(own, slot))
        places.append(own)
        bound.extend([own] if isinstance(own, Index) else [])
    inside = tuple(places[axis] for axis in tensor.index_axes)
    form = single(Entry(tensor, inside, loose=tensor.is_symmetric))
    for delta in deltas:
        form = product(form, single(delta))
    return normal(bind(form, tuple(bound))) if deltas else form
