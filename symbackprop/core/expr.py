"""Typed expressions: what the author wrote and what we print, as one tree.

Every node knows its ``shape`` as (rows, columns); a scalar is 1 x 1, a vector n x 1 or 1 x n by
the convention, so products, transposes and broadcasting need no special cases: a product joins
columns to rows (a 1 x 1 factor scales), an elementwise operation stretches an extent that is
literally 1. Nodes compare by structure (tensors and indices by identity) and never normalise
themselves. Reading produces this tree, the spelling of derivatives produces it, every printer
(text, LaTeX, NumPy, SymPy) and the evaluator of the verifier consume it.

Index notation lives in the same tree (``core.indexed``), and so do Jacobians and arrays that are written out
(``core.arrays``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache
from typing import Any

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Tensor

Shape = tuple[Dim, Dim]
SCALAR: Shape = (ONE, ONE)


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
    def array(self) -> Tensor | None:
        """The tensor whose axes the value has: a leaf's own, what a derivative is taken by; else None."""
        return None

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
    def array(self) -> Tensor:
        return self.tensor

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
    def array(self) -> Tensor:
        return self.by

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


ZERO = Number(Fraction(0))
UNIT = Number(Fraction(1))
