"""Nodes for what a gradient of a scalar does not need: Jacobians, matrices written out, tensors.

``Jacobian`` is the derivative of one array by another as a matrix, ``Grid`` a matrix (or vector) written
out entry by entry, ``TensorEntries`` an array of any number of indices given by its entries. All of
them are ``Expr`` and obey its contract (``core.expr``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import SCALAR, Expr, Shape
from symbackprop.core.tensors import Index, Tensor

Vec = Literal["row", "column"]


@dataclass(frozen=True, slots=True)
class Jacobian(Expr):
    """d ``of`` / d ``by`` as a matrix: a row for each entry of ``of``, a column for each of ``by``.

    Both carry at most one index, unless ``vec`` says in which order the entries of a matrix of whole-number
    extents are listed ("row": row by row). ``flipped`` is denominator layout: a row for each entry of ``by``.
    """

    of: Tensor
    by: Tensor
    flipped: bool = False
    vec: Vec | None = None

    @property
    def shape(self) -> Shape:
        sides = (_extent(self.of), _extent(self.by))
        return (sides[1], sides[0]) if self.flipped else sides


def _extent(tensor: Tensor) -> Dim:
    """The number of entries: a dim where one axis runs, a whole number where both are numbers."""
    running = [dim for dim in tensor.shape if not dim.is_one]
    if not running:
        return ONE
    if len(running) == 1:
        return running[0]
    count = 1
    for dim in running:
        if not dim.is_number:
            raise ValueError(f"the entries of {tensor.name} cannot be counted: its extents are no numbers")
        count *= dim.constant
    return Dim(count)


@dataclass(frozen=True, slots=True)
class Grid(Expr):
    """A matrix written out: scalar ``cells`` row by row, ``columns`` in each row."""

    cells: tuple[Expr, ...]
    columns: int

    @property
    def rows(self) -> tuple[tuple[Expr, ...], ...]:
        """The cells, row by row."""
        width = self.columns
        return tuple(self.cells[at : at + width] for at in range(0, len(self.cells), width))

    @property
    def shape(self) -> Shape:
        return (Dim(len(self.cells) // self.columns), Dim(self.columns))

    def transposed(self) -> Grid:
        """The transpose, written out."""
        rows = self.rows
        return Grid(tuple(row[at] for at in range(self.columns) for row in rows), len(rows))


@dataclass(frozen=True, slots=True)
class TensorEntries(Expr):
    """The array whose entry at ``indices`` is ``body``; more than two indices, so it is no matrix.

    In print it is one entry of itself, over letters; ``dims`` is its shape.
    """

    indices: tuple[Index, ...]
    body: Expr

    @property
    def shape(self) -> Shape:
        return SCALAR

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The extent along each index."""
        return tuple(index.dim for index in self.indices)


def grid_of(rows: int, columns: int, cell: Callable[[int, int], Expr]) -> Grid:
    """The grid whose cell at the one-based (row, column) is given by ``cell``."""
    cells = tuple(cell(i, j) for i in range(1, rows + 1) for j in range(1, columns + 1))
    return Grid(cells, columns)


def with_cells(grid: Grid, change: Callable[[Expr], Expr]) -> Grid:
    """The grid with every cell changed."""
    return replace(grid, cells=tuple(change(cell) for cell in grid.cells))
