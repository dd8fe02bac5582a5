"""Nodes for what people write and we never print: decimals, opaque names, cases, derivatives of formulas.

They are ``Expr`` and stand in the same trees. ``Opaque`` and whatever holds a ``Jacobian`` of more than
two indices has no rows and columns: their ``shape`` raises ``ValueError``; ``shape_of`` gives None instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.arrays import rows_of
from symbackprop.core.expr import SCALAR, Expr, Shape, broadcast_shape
from symbackprop.errors import UnsupportedError


@dataclass(frozen=True, slots=True)
class Rounded(Expr):
    """A decimal as written, ``.500``: ``value`` exactly, ``digits`` behind the point.

    It stands for every number that rounds to it. A whole number is a ``core.expr.Number``.
    """

    value: Fraction
    digits: int

    @property
    def shape(self) -> Shape:
        return SCALAR

    @property
    def ulp(self) -> Fraction:
        """One unit of the last written digit."""
        return Fraction(1, 10**self.digits)


@dataclass(frozen=True, slots=True)
class Opaque(Expr):
    """A name without a meaning in this problem: it has no value, and no shape is known.

    ``args`` are those of a call (``called``), ``slots`` its indices; whatever holds it is ``unchecked``.
    """

    name: str
    args: tuple[Expr, ...] = ()
    slots: tuple[Expr, ...] = ()
    called: bool = False

    @property
    def shape(self) -> Shape:
        raise ValueError(f"the shape of {self.name} is not known")


@dataclass(frozen=True, slots=True)
class Identity(Expr):
    """The identity matrix, as large as its place asks."""

    @property
    def shape(self) -> Shape:
        raise ValueError("the size of the identity depends on its place")


@dataclass(frozen=True, slots=True)
class Ones(Expr):
    """A vector of ones, as long as its place asks."""

    @property
    def shape(self) -> Shape:
        raise ValueError("the number of ones depends on their place")


@dataclass(frozen=True, slots=True)
class Change(Expr):
    """A small change, ``dW`` or ``d(W X)``: what the change of other arrays makes of it, to first order."""

    arg: Expr

    @property
    def shape(self) -> Shape:
        return self.arg.shape


@dataclass(frozen=True, slots=True)
class Dots(Expr):
    """An ellipsis, as a cell of a matrix, a term or a factor."""

    @property
    def shape(self) -> Shape:
        return SCALAR


@dataclass(frozen=True, slots=True)
class Slope(Expr):
    """The derivative of a formula: ``d of / d by`` where ``of`` is no single array.

    ``by`` is a ``Leaf``, an ``Element`` or a ``Slice``; or a ``Dummy`` in d sigma(x)/dx. The entries of
    ``of`` come first, those of ``by`` after them; how they lie is a matter of layout, as of ``Jacobian``.
    """

    of: Expr
    by: Expr
    second: Expr | None = None  # of the second order: the other variable

    @property
    def shape(self) -> Shape:
        if self.second is not None:
            raise ValueError("a second derivative has more than one arrangement")
        if self.of.is_scalar:
            return self.by.shape
        if self.by.is_scalar:
            return self.of.shape
        raise ValueError("how this derivative lies is a matter of layout")


@dataclass(frozen=True, slots=True)
class Dummy(Expr):
    """A scalar variable of its own, as x in d sigma(x)/dx = ...: the claim is meant for all its values."""

    letter: str

    @property
    def shape(self) -> Shape:
        return SCALAR


@dataclass(frozen=True, slots=True)
class Pieces(Expr):
    r"""``\begin{cases}``: the first value whose condition holds.

    ``conditions[k]`` is an ``Indicator``, None where the line says "otherwise".
    """

    values: tuple[Expr, ...]
    conditions: tuple[Expr | None, ...]

    @property
    def shape(self) -> Shape:
        return broadcast_shape(self.values)


@dataclass(frozen=True, slots=True)
class Stepped(Expr):
    """An array after an update: the new value of W in ``W = W - .5 dL/dW``; of a loss, its value then."""

    arg: Expr

    @property
    def shape(self) -> Shape:
        return self.arg.shape


@dataclass(frozen=True, slots=True)
class Blocks(Expr):
    """A matrix written in blocks: ``[W_1^1 W_2^1]``, a stack of rows or columns.

    Like ``core.arrays.Grid``, but a cell may be an array, ``Dots`` or ``Opaque``.
    """

    cells: tuple[Expr, ...]
    columns: int

    @property
    def rows(self) -> tuple[tuple[Expr, ...], ...]:
        """The cells, row by row."""
        return rows_of(self.cells, self.columns)

    @property
    def shape(self) -> Shape:
        raise ValueError("the extents of a matrix of blocks or dots are not known")


def shape_of(expr: Expr) -> Shape | None:
    """Rows and columns, or None where they are not known or there are more than two indices."""
    try:
        return expr.shape
    except (ValueError, UnsupportedError):
        return None
