"""Equations in index form, and fresh indices for the arrays that they define."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.forms import Form


@dataclass(frozen=True, slots=True)
class Local:
    """One equation in index form: ``target[indices] = form``.

    ``axes`` are the indices of an array of more than two axes, which has no row and no column.
    """

    equation: Equation
    row: Index | None
    column: Index | None
    form: Form
    logs_split: bool = False
    axes: tuple[Index, ...] | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices of the target, by axis."""
        return indices_of(self.equation.target, self.row, self.column, self.axes)


def indices_of(
    tensor: Tensor, row: Index | None, column: Index | None, axes: tuple[Index, ...] | None = None
) -> tuple[Index, ...]:
    """The indices of a tensor by axis, from those of its sides."""
    if axes is not None:
        return axes
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(index for axis in tensor.index_axes if (index := by_axis[axis]) is not None)


def side_indices(tensor: Tensor, letters: tuple[str, str]) -> tuple[Index | None, Index | None]:
    """Fresh indices for the sides of a tensor that carry one."""
    if not tensor.is_matrix:
        return None, None
    rows, columns = tensor.oriented
    row = None if rows.is_one else Index(rows, letters[0])
    column = None if columns.is_one else Index(columns, letters[1])
    if row is None and column is not None:
        column.letter = letters[0]
    return row, column


def axis_indices(tensor: Tensor, letters: Sequence[str]) -> tuple[Index, ...] | None:
    """Fresh indices for the axes of an array of more than two; None for a matrix, which has sides."""
    if tensor.is_matrix:
        return None
    return tuple(
        Index(tensor.shape[axis], letter) for axis, letter in zip(tensor.index_axes, letters, strict=False)
    )


def relettered(local: Local, letters: tuple[str, ...], reserved: Collection[str]) -> Local:
    """The same equation with indices that leave the letters of the answer alone."""
    change: dict[Index, Index] = {}
    used = {*letters, *(index.letter for index in local.indices)}
    for index in local.indices:
        if index.letter in letters:
            spare = next(c for c in "rstuvabcdefghklmnpqij" if c not in used and c not in reserved)
            used.add(spare)
            change[index] = Index(index.dim, spare)
    if not change:
        return local
    sides = (local.row, local.column)
    row, column = (None if place is None else change.get(place, place) for place in sides)
    axes = None if local.axes is None else tuple(change.get(index, index) for index in local.axes)
    return replace(local, row=row, column=column, axes=axes, form=local.form.rename(dict(change)))
