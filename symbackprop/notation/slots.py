"""Positions in index notation: an index, a number, or an affine position such as t-1 or 2 i + m - 1.

An index is an identity object; fresh ones come from ``fresh`` only. A slot is made by ``position``, so that
equal positions are equal values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Index


@dataclass(frozen=True, slots=True)
class Affine:
    """A position computed from others: ``offset + sum of coefficient * index``.

    Made by ``position`` only: a lone index is an ``Index``, a number an ``int``.
    """

    parts: tuple[tuple[Index, int], ...]
    offset: Dim


Slot = Index | int | Affine
Place = Index | None  # the index of the rows or columns; None where their number is literally 1
Naming = Mapping[Index, str]


def parts_of_slot(slot: Slot) -> tuple[tuple[tuple[Index, int], ...], Dim]:
    """A slot as coefficients and offset."""
    if isinstance(slot, Affine):
        return slot.parts, slot.offset
    return (((slot, 1),), Dim(0)) if isinstance(slot, Index) else ((), Dim(slot))


def position(parts: Iterable[tuple[Index, int]], offset: Dim) -> Slot:
    """The slot ``offset + sum of coefficient * index``, like indices collected."""
    total: dict[Index, int] = {}
    for index, coefficient in parts:
        total[index] = total.get(index, 0) + coefficient
    kept = tuple((index, coefficient) for index, coefficient in total.items() if coefficient)
    if not kept and offset.is_number:
        return offset.constant
    if len(kept) == 1 and kept[0][1] == 1 and offset == Dim(0):
        return kept[0][0]
    return Affine(kept, offset)


def indices_in(slot: Slot) -> tuple[Index, ...]:
    """The indices that stand in a slot."""
    if isinstance(slot, Index):
        return (slot,)
    return tuple(index for index, _ in slot.parts) if isinstance(slot, Affine) else ()


def moved(slot: Slot, change: Mapping[Index, Slot]) -> Slot:
    """The slot with indices replaced."""
    if isinstance(slot, Index):
        return change.get(slot, slot)
    if isinstance(slot, int) or not any(index in change for index, _ in slot.parts):
        return slot
    parts: list[tuple[Index, int]] = []
    offset = slot.offset
    for index, coefficient in slot.parts:
        inner, constant = parts_of_slot(change.get(index, index))
        offset = offset + constant * coefficient
        parts.extend((other, factor * coefficient) for other, factor in inner)
    return position(parts, offset)


def fresh(like: Index) -> Index:
    """A new index with the dim and letter of ``like``: the only source of new bound indices."""
    return Index(like.dim, like.letter)


def slot_name(slot: Slot, names: Naming) -> str:
    """The spelling of a slot under a naming of indices; those without a name are told apart by identity."""
    if isinstance(slot, int):
        return str(slot)
    if isinstance(slot, Affine):
        parts = sorted(f"{c}*{slot_name(index, names)}" for index, c in slot.parts)
        return f"({'+'.join(parts)};{slot.offset})"
    return names.get(slot) or f"i{slot.serial}"


def gap_of(left: Slot, right: Slot) -> tuple[tuple[tuple[Index, int], ...], Dim]:
    """``left - right`` as coefficients and offset."""
    (mine, own), (theirs, other) = parts_of_slot(left), parts_of_slot(right)
    total: dict[Index, int] = dict(mine)
    for index, coefficient in theirs:
        total[index] = total.get(index, 0) - coefficient
    return tuple((index, c) for index, c in total.items() if c), own - other


def gap_name(left: Slot, right: Slot, names: Naming) -> str:
    """The spelling of ``left - right``, to tell when two positions are the same."""
    parts, offset = gap_of(left, right)
    return f"D[{'+'.join(sorted(f'{c}*{slot_name(i, names)}' for i, c in parts))};{offset}]"
