"""Index notation in the tree of expressions: entries, slices, sums over indices, indicators.

``Element`` takes an entry (a scalar), ``Reduce`` binds indices, ``Indicator`` is 1 where a relation holds and
0 elsewhere, ``Comprehension`` is the array whose entries are given. Positions are one-based.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import SCALAR, Expr, Leaf, Shape, broadcast_shape
from symbackprop.core.tensors import Index, Tensor


@dataclass(frozen=True, slots=True)
class IndexValue(Expr):
    """An index as a position: ``dim_part + sum of coefficient * index`` (affine).

    ``i``, ``2``, ``t-1``, ``2*i+m-1``, ``n+1`` are all of this kind; positions are one-based.
    """

    indices: tuple[tuple[Index, int], ...] = ()
    offset: Dim = Dim(0)

    @property
    def shape(self) -> Shape:
        return SCALAR

    @property
    def single(self) -> Index | None:
        """The index, if this is just one index."""
        if len(self.indices) == 1 and self.indices[0][1] == 1 and self.offset == Dim(0):
            return self.indices[0][0]
        return None


@dataclass(frozen=True, slots=True)
class LabelValue(IndexValue):
    """The slot ``y[n]`` of ``P[n, y[n]]``: the position that a label says, plus ``offset``.

    ``label`` is one label (a leaf, or an entry of one); ``indices`` repeats the indices in it, so that
    whoever looks for indices finds them. Made by ``label_slot``.
    """

    label: Expr | None = None

    @property
    def single(self) -> Index | None:
        """Never: what a label says is no index."""
        return None


@dataclass(frozen=True, slots=True)
class Element(Expr):
    """One entry of an array: ``base[slots]``; one slot per declared axis of a leaf or a partial."""

    base: Expr
    slots: tuple[IndexValue, ...]

    @property
    def shape(self) -> Shape:
        return SCALAR


@dataclass(frozen=True, slots=True)
class Run(Expr):
    """The slot ``low..low + count - 1`` of a slice; ``:`` is the run of all positions."""

    low: IndexValue
    count: Dim

    @property
    def shape(self) -> Shape:
        return SCALAR

    @property
    def high(self) -> IndexValue:
        """The last position."""
        return IndexValue(self.low.indices, self.low.offset + self.count - 1)

    def at(self, place: IndexValue) -> IndexValue:
        """Position number ``place`` of the run."""
        return IndexValue((*self.low.indices, *place.indices), self.low.offset + place.offset - 1)


@dataclass(frozen=True, slots=True)
class Slice(Expr):
    """``base[slots]`` with one or two runs: a vector or a matrix; one slot per declared axis.

    With one run the value is a vector, lying as vectors do (``across``: a row).
    """

    base: Expr
    slots: tuple[Expr, ...]
    across: bool

    @property
    def runs(self) -> tuple[Run, ...]:
        """The slots that keep an axis."""
        return tuple(slot for slot in self.slots if isinstance(slot, Run))

    @property
    def shape(self) -> Shape:
        counts = [run.count for run in self.runs]
        if len(counts) == 2:
            return (counts[0], counts[1])
        return (ONE, counts[0]) if self.across else (counts[0], ONE)

    def entry(self, row: IndexValue | None, column: IndexValue | None) -> Element:
        """Entry (row, column): None where that side is literally 1."""
        places = iter((row, column) if len(self.runs) == 2 else (column if self.across else row,))
        slots: list[IndexValue] = []
        for slot in self.slots:
            if isinstance(slot, Run):
                place = next(places)
                slots.append(slot.low if place is None else slot.at(place))
            else:
                assert isinstance(slot, IndexValue)
                slots.append(slot)
        return Element(self.base, tuple(slots))

    def comprehension(self) -> Comprehension:
        """The same array by its entries."""
        rows, columns = self.shape
        row = None if rows.is_one else Index(rows, "i")
        column = None if columns.is_one else Index(columns, "j")
        places = [None if index is None else IndexValue(((index, 1),)) for index in (row, column)]
        return Comprehension(row, column, self.entry(places[0], places[1]))


@dataclass(frozen=True, slots=True)
class Range:
    """The range of a bound index; ``low`` and ``high`` None mean 1 and the index's dim.

    ``condition`` is a further restriction such as j != k: (operator, other side).
    """

    index: Index
    low: IndexValue | None = None
    high: IndexValue | None = None
    condition: tuple[str, IndexValue] | None = None


@dataclass(frozen=True, slots=True)
class Reduce(Expr):
    """``sum[i, j](body)``; ``binder`` is "sum", "mean", "prod" or "max".

    The body is a scalar; in a derivation a sum or a mean may also add vectors or matrices.
    """

    binder: str
    ranges: tuple[Range, ...]
    body: Expr

    @property
    def shape(self) -> Shape:
        return self.body.shape


@dataclass(frozen=True, slots=True)
class Indicator(Expr):
    """1 where ``left op right`` holds, else 0; elementwise. ``op`` is = != < <= > >=."""

    left: Expr
    op: str
    right: Expr
    is_kron: bool = field(default=False)  # written kron(i, j)

    @property
    def shape(self) -> Shape:
        return broadcast_shape((self.left, self.right))


def label_of(expr: Expr) -> Tensor | None:
    """The tensor of labels, if ``expr`` is one of its labels or all of them."""
    base = expr.base if isinstance(expr, Element) else expr
    return base.tensor if isinstance(base, Leaf) and base.tensor.is_label else None


def label_slot(label: Expr) -> LabelValue:
    """The slot that the label ``y`` or ``y[n]`` fills."""
    slots = label.slots if isinstance(label, Element) else ()
    return LabelValue(tuple(pair for slot in slots for pair in slot.indices), Dim(0), label)


@dataclass(frozen=True, slots=True)
class Comprehension(Expr):
    """The array whose entry (row, column) is ``body``: a result without a matrix spelling.

    ``row`` (``column``) is None where the extent of that side is literally 1.
    """

    row: Index | None
    column: Index | None
    body: Expr

    @property
    def free(self) -> tuple[Index, ...]:
        """The indices of an entry."""
        return tuple(index for index in (self.row, self.column) if index is not None)

    @property
    def shape(self) -> Shape:
        rows = self.row.dim if self.row is not None else ONE
        columns = self.column.dim if self.column is not None else ONE
        return (rows, columns)


def axes_of(base: Expr) -> tuple[Dim, ...]:
    """The extents that the slots of ``base[...]`` run over."""
    if base.array is not None:
        return base.array.shape
    if isinstance(base, Slice):
        return tuple(run.count for run in base.runs)
    return tuple(dim for dim in base.shape if not dim.is_one)


def named_tensor(expr: Expr) -> Tensor | None:
    """The tensor that an expression is, or is an entry or a slice of."""
    base = expr.base if isinstance(expr, Element | Slice) else expr
    return base.tensor if isinstance(base, Leaf) else None
