"""Nodes for what a gradient of a scalar does not need: Jacobians, matrices written out, tensors.

``Jacobian`` is the derivative of one array by another as a matrix, ``Grid`` a matrix (or vector) written
out entry by entry, ``TensorEntries`` an array of any number of indices given by its entries, ``Numeric`` the
numbers of an expression where its symbols have values. All are ``Expr`` and obey its contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Literal

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import SCALAR, Expr, Partial, Shape
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.core.tensors import Index, Tensor

Vec = Literal["row", "column"]


Slots = tuple[IndexValue | None, ...]


@dataclass(frozen=True, slots=True)
class Jacobian(Expr):
    """d ``of`` / d ``by``, as far as it is a matrix or a vector.

    of_slots, by_slots  one for each declared axis, None where the axis runs; () where all of them run.
    flipped             denominator layout: a row for each entry of ``by`` instead of one for each of ``of``.
    vec                 the entries of a matrix of whole-number extents are listed in this order.
    turned              of one entry: the transpose, as the numerator layout writes it.

    With one running axis on each side the value is a matrix; with both on one side it has the shape of
    that array; with one in all it lies as vectors do, unless it is the Jacobian of or by a scalar, which is
    one row or one column.
    """

    of: Tensor
    by: Tensor
    flipped: bool = False
    vec: Vec | None = None
    of_slots: tuple[IndexValue | None, ...] = ()  # spelled out: ``children`` looks at the annotation
    by_slots: tuple[IndexValue | None, ...] = ()
    turned: bool = False

    @property
    def running(self) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """The extents of the axes that run, of each side."""
        return _running(self.of, self.of_slots), _running(self.by, self.by_slots)

    @property
    def shape(self) -> Shape:
        rows, columns = self._plain_shape
        return (columns, rows) if self.turned else (rows, columns)

    @property
    def _plain_shape(self) -> Shape:
        own, other = self.running
        if self.vec is not None:
            return self._flipped(Dim(_count(self.of, own)), Dim(_count(self.by, other)))
        if len(own) > 1 or len(other) > 1:
            if own and other:
                raise ValueError(f"d{self.of.name}/d{self.by.name} has more than two indices")
            rows, columns = own or other
            return (rows, columns)
        if self.is_sliced and len(own) + len(other) == 1:
            dim = (own or other)[0]
            return (ONE, dim) if self.of.convention.vectors_are_rows else (dim, ONE)
        return self._flipped(own[0] if own else ONE, other[0] if other else ONE)

    def _flipped(self, rows: Dim, columns: Dim) -> Shape:
        return (columns, rows) if self.flipped else (rows, columns)

    @property
    def is_sliced(self) -> bool:
        """Whether some axis is held at a position."""
        return bool(self.of_slots or self.by_slots)

    @property
    def is_hessian(self) -> bool:
        """Whether this is d2L/dw2, which is symmetric."""
        gradient = self.of.gradient
        return gradient is not None and gradient[1] is self.by and not self.is_sliced

    @property
    def is_of_entry(self) -> bool:
        """Whether this is the derivative of one entry by an array."""
        own, other = self.running
        return not own and bool(other)

    def comprehension(self) -> Comprehension:
        """The same array by its entries."""
        found = self._comprehension()
        return Comprehension(found.column, found.row, found.body) if self.turned else found

    def _comprehension(self) -> Comprehension:
        names = iter("ijkl")
        free: list[list[Index]] = [[], []]
        slots: list[IndexValue] = []
        for side, (tensor, given) in enumerate(((self.of, self.of_slots), (self.by, self.by_slots))):
            for dim, slot in zip(tensor.shape, given or (None,) * tensor.rank, strict=True):
                if slot is None and not dim.is_one:
                    index = Index(dim, next(names))
                    free[side].append(index)
                    slots.append(IndexValue(((index, 1),)))
                else:
                    slots.append(IndexValue((), ONE) if slot is None else slot)
        own, other = free
        body = Element(Partial(self.of, self.by), tuple(slots))
        if len(own) == len(other) == 1:
            pair = (other[0], own[0]) if self.flipped else (own[0], other[0])
            return Comprehension(pair[0], pair[1], body)
        together = [*own, *other]
        if len(together) == 2:
            return Comprehension(together[0], together[1], body)
        if not together:
            return Comprehension(None, None, body)
        across = self._plain_shape[0].is_one
        return Comprehension(None if across else together[0], together[0] if across else None, body)


def _running(tensor: Tensor, slots: Slots) -> tuple[Dim, ...]:
    given = slots or (None,) * tensor.rank
    return tuple(
        dim for dim, slot in zip(tensor.shape, given, strict=True) if slot is None and not dim.is_one
    )


def _count(tensor: Tensor, running: tuple[Dim, ...]) -> int:
    """How many entries there are, where the extents are numbers."""
    if not all(dim.is_number for dim in running):
        raise ValueError(f"the entries of {tensor.name} cannot be counted: its extents are no numbers")
    return prod(dim.constant for dim in running)


def rows_of(cells: tuple[Expr, ...], columns: int) -> tuple[tuple[Expr, ...], ...]:
    """Cells that are listed row by row, as rows."""
    return tuple(cells[at : at + columns] for at in range(0, len(cells), columns))


@dataclass(frozen=True, slots=True)
class Grid(Expr):
    """A matrix written out: scalar ``cells`` row by row, ``columns`` in each row."""

    cells: tuple[Expr, ...]
    columns: int

    @property
    def rows(self) -> tuple[tuple[Expr, ...], ...]:
        """The cells, row by row."""
        return rows_of(self.cells, self.columns)

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
    def free(self) -> tuple[Index, ...]:
        """The indices of an entry."""
        return self.indices

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


@dataclass(frozen=True, slots=True)
class Numeric(Expr):
    """The numbers of ``source`` where the symbols have given values: what is printed in its place.

    A ``Fraction`` is the exact number, a ``Decimal`` its rounding to the decimals that it shows.
    """

    source: Expr
    cells: tuple[tuple[Fraction | Decimal, ...], ...]

    @property
    def shape(self) -> Shape:
        return self.source.shape
