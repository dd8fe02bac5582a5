"""Typed expressions: what the author wrote and what we print, as one tree.

Every node knows its ``shape`` as (rows, columns); a scalar is 1 x 1, a vector n x 1 or 1 x n by
the convention, so products, transposes and broadcasting need no special cases: a product joins
columns to rows (a 1 x 1 factor scales), an elementwise operation stretches an extent that is
literally 1. Nodes compare by structure (tensors and indices by identity) and never normalise
themselves. Reading produces this tree, the spelling of derivatives produces it, every printer
(text, LaTeX, NumPy, SymPy) and the evaluator of the verifier consume it.

Index notation lives in the same tree: ``Element`` takes an entry (a scalar), ``Reduce`` binds
indices, ``Indicator`` is 1 where a relation holds and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.tensors import Index, Tensor

Shape = tuple[Dim, Dim]
SCALAR: Shape = (ONE, ONE)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of an operation: its name, and its default if it has one."""

    name: str
    default: Fraction | None = None


@dataclass(eq=False, frozen=True)
class Operation:
    """What a call calls. Compared by identity; the subclasses in ``ops`` add the behaviour.

    ``kind`` is "elementwise", "along" (the feature index), "scalar", "matrix", "loss" or
    "function" (declared in the problem, elementwise).
    """

    name: str
    params: tuple[Param, ...]
    kind: str
    latex: str | None = None
    takes_axis: bool = False


@cache
def _names_of(kind: Hashable) -> tuple[str, ...]:
    """The fields of a kind of node that may hold expressions."""
    assert isinstance(kind, type)
    return tuple(f.name for f in fields(kind) if "Expr" in str(f.type) or "IndexValue" in str(f.type))


@dataclass(frozen=True, slots=True)
class Expr:
    """Base of all nodes. ``shape`` is (rows, columns)."""

    @property
    def shape(self) -> Shape:
        """Rows and columns of the value."""
        raise NotImplementedError

    @property
    def is_scalar(self) -> bool:
        """Whether the value is 1 x 1."""
        rows, columns = self.shape
        return rows.is_one and columns.is_one

    @property
    def children(self) -> tuple[Expr, ...]:
        """The direct sub-expressions, left to right."""
        kind: Any = type(self)
        names = _names_of(kind)
        if not names:
            return ()
        found: list[Expr] = []
        for name in names:
            value = getattr(self, name)
            if isinstance(value, Expr):
                found.append(value)
            elif isinstance(value, tuple):
                found.extend(item for item in value if isinstance(item, Expr))
        return tuple(found)

    def walk(self) -> Iterator[Expr]:
        """This node and all below it, parents first."""
        stack: list[Expr] = [self]
        while stack:
            node = stack.pop()
            yield node
            children = node.children
            if children:
                stack.extend(reversed(children))

    def map_children(self, change: Callable[[Expr], Expr]) -> Expr:
        """The same node with ``change`` applied to each direct child (self if nothing changed)."""
        changed: dict[str, object] = {}
        kind: Any = type(self)
        for name in _names_of(kind):
            value = getattr(self, name)
            if isinstance(value, Expr):
                new: object = change(value)
                if new is not value:
                    changed[name] = new
            elif isinstance(value, tuple) and any(isinstance(item, Expr) for item in value):
                items = tuple(change(item) if isinstance(item, Expr) else item for item in value)
                if any(a is not b for a, b in zip(items, value, strict=True)):
                    changed[name] = items
        return replace(self, **changed) if changed else self


@dataclass(frozen=True, slots=True)
class Number(Expr):
    """An exact rational number."""

    value: Fraction

    @property
    def shape(self) -> Shape:
        return SCALAR


@dataclass(frozen=True, slots=True)
class Leaf(Expr):
    """A whole tensor by its name."""

    tensor: Tensor

    @property
    def shape(self) -> Shape:
        return self.tensor.oriented


@dataclass(frozen=True, slots=True)
class DimValue(Expr):
    """A dim as a number."""

    dim: Dim

    @property
    def shape(self) -> Shape:
        return SCALAR


@dataclass(frozen=True, slots=True)
class Partial(Expr):
    """``d of / d by`` of a scalar ``of``: an array with the shape of ``by`` (gradient layout).

    ``turned``: with the transposed shape, as the numerator layout writes it.
    """

    of: Tensor
    by: Tensor
    turned: bool = False

    @property
    def shape(self) -> Shape:
        rows, columns = self.by.oriented
        return (columns, rows) if self.turned else (rows, columns)


@dataclass(frozen=True, slots=True)
class Add(Expr):
    """A sum of two or more terms, broadcasting; subtraction is a ``Neg`` term."""

    terms: tuple[Expr, ...]

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.terms)


@dataclass(frozen=True, slots=True)
class Neg(Expr):
    """``-arg``."""

    arg: Expr

    @property
    def shape(self) -> Shape:
        return self.arg.shape


@dataclass(frozen=True, slots=True)
class MatMul(Expr):
    """Juxtaposition ``A B c``: the matrix product of two or more factors; 1 x 1 factors scale.

    The product associates to the left where that matters (a 1 x 1 that arises on the way scales).
    """

    factors: tuple[Expr, ...]

    @property
    def shape(self) -> Shape:
        shape = self.factors[0].shape
        for factor in self.factors[1:]:
            shape = product_shape(shape, factor.shape)
        return shape


@dataclass(frozen=True, slots=True)
class Hadamard(Expr):
    """``a * b``: the elementwise product of two or more factors, broadcasting."""

    factors: tuple[Expr, ...]

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.factors)


@dataclass(frozen=True, slots=True)
class Divide(Expr):
    """``num / den``: elementwise, broadcasting."""

    num: Expr
    den: Expr

    @property
    def shape(self) -> Shape:
        return broadcast_shape((self.num, self.den))


@dataclass(frozen=True, slots=True)
class Power(Expr):
    """``base ^ exponent``: elementwise; the exponent is a scalar."""

    base: Expr
    exponent: Expr

    @property
    def shape(self) -> Shape:
        return self.base.shape


@dataclass(frozen=True, slots=True)
class Transpose(Expr):
    """``arg ^T``."""

    arg: Expr

    @property
    def shape(self) -> Shape:
        rows, columns = self.arg.shape
        return (columns, rows)


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A call of an operation. ``args`` are in the order of its params, defaults filled in.

    ``primes`` counts derivatives by the first argument (an elementwise function of one array).
    ``axis`` is "rows" or "columns" for operations along an axis: which lines the operation works
    inside; None where it does not apply. ``axis_given`` says whether the author wrote it.
    """

    op: Operation
    args: tuple[Expr, ...]
    call_shape: Shape
    primes: int = 0
    axis: str | None = None
    axis_given: bool = False

    @property
    def shape(self) -> Shape:
        return self.call_shape


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


def broadcast_shape(parts: tuple[Expr, ...]) -> Shape:
    """The shape of an elementwise combination: a literal 1 stretches, other extents agree."""
    rows, columns = ONE, ONE
    for part in parts:
        part_rows, part_columns = part.shape
        rows = part_rows if rows.is_one else rows
        columns = part_columns if columns.is_one else columns
    return (rows, columns)


def product_shape(left: Shape, right: Shape) -> Shape:
    """The shape of a product of two factors; a 1 x 1 factor scales."""
    if left[0].is_one and left[1].is_one:
        return right
    if right[0].is_one and right[1].is_one:
        return left
    return (left[0], right[1])




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

    @property
    def is_exact(self) -> bool:
        """Whether no number is rounded."""
        return all(isinstance(number, Fraction) for row in self.cells for number in row)


ZERO = Number(Fraction(0))
UNIT = Number(Fraction(1))
