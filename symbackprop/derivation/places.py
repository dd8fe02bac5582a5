"""Whole-number places: entries as expressions, forms at a place, arrays put together from their entries."""

from __future__ import annotations

from itertools import product as every_choice

from symbackprop.core.arrays import Grid, grid_of
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.written import written
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import Affine, Slot

Place = tuple[int, ...]
MOST_LISTED = 6  # entries of an array that are all listed


def places_of(indices: tuple[Slot, ...]) -> list[Place]:
    """All places that the indices may take together, the last fastest; a number is itself."""
    return list(every_choice(*(_choices(slot) for slot in indices)))


def _choices(slot: Slot) -> range:
    assert not isinstance(slot, Affine)
    return range(slot, slot + 1) if isinstance(slot, int) else range(1, slot.dim.constant + 1)


def in_entries(lines: Lines, form: Form) -> Expr:
    """The form over entries; the one entry of an array of extent 1 is written with its place, ``w[1]``."""

    def placed(expr: Expr) -> Expr:
        if isinstance(expr, Element):
            return expr
        if isinstance(expr, Leaf | Partial):
            tensor = expr.array
            return element(expr, tensor, ()) if tensor.is_scalar else expr
        return expr.map_children(placed)

    return placed(lines.entries(form))


def form_at(lines: Lines, form: Form, indices: tuple[Slot, ...], place: Place) -> Form:
    """The form at one place, sums written out."""
    held = {index: at for index, at in zip(indices, place, strict=True) if isinstance(index, Index)}
    return written(form, held, lines.is_label)


def assembled(lines: Lines, tensor: Tensor, form: Form, row: Index | None, column: Index | None) -> Expr:
    """An array from the form of its entries, in the shape of ``tensor``; of a scalar its one entry."""
    rows, columns = tensor.oriented
    indices = tuple(index for index in (row, column) if index is not None)

    def cell(i: int, j: int) -> Expr:
        place = tuple(n for index, n in ((row, i), (column, j)) if index is not None)
        return in_entries(lines, form_at(lines, form, indices, place))

    return grid_of(rows.constant, columns.constant, cell) if tensor.shape else cell(1, 1)


def cell_at(array: Expr, tensor: Tensor, place: Place) -> Expr:
    """The cell of an array in the shape of ``tensor`` that was written out; of a scalar itself."""
    if not isinstance(array, Grid):
        return array
    held = dict(zip(tensor.index_axes, place, strict=True))
    row, column = (held.get(axis, 1) if axis is not None else 1 for axis in map(tensor.axis_of_side, (0, 1)))
    return array.rows[row - 1][column - 1]


def slots_at(tensor: Tensor, place: Place) -> tuple[IndexValue, ...]:
    """One slot for each declared axis; an axis of extent 1 has the place 1."""
    given = iter(place)
    return tuple(
        IndexValue((), ONE if dim.is_one else Dim(next(given))) for dim in tensor.shape
    )


def element(base: Expr, tensor: Tensor, place: Place) -> Expr:
    """The entry of an array; a scalar itself."""
    slots = slots_at(tensor, place)
    return Element(base, slots) if slots else base


def some_of(places: list[Place]) -> list[Place]:
    """All places if they are few, else the first two and the last."""
    return places if len(places) <= MOST_LISTED else [*places[:2], places[-1]]
