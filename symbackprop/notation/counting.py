"""Where counting begins: positions are one-based inside, and as the author counts in text and print.

Of a file with ``index_from: 0`` the index i of a dim-n axis runs over 0..n-1. What is read is shifted on
its way in and what is printed on its way out, so that everything between knows positions 1..n only.
``first`` is the author's first position, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Iterable

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Add, DimValue, Expr, Neg, Number
from symbackprop.core.indexed import IndexValue, Indicator, LabelValue, label_of


def placed(coefficients: Iterable[int], offset: Dim, first: int) -> Dim:
    """The offset inside of a position with these coefficients of indices and the ``offset`` as written."""
    return offset + (1 - first) * (1 - sum(coefficients))


def counted(place: IndexValue, first: int) -> IndexValue:
    """A position as the author counts; what a label says is called by its name."""
    if first == 1 or isinstance(place, LabelValue):
        return place
    total = sum(coefficient for _, coefficient in place.indices)
    return IndexValue(place.indices, place.offset - (1 - first) * (1 - total))


def valued(number: IndexValue, first: int) -> IndexValue:
    """An index that stands as a number, in terms of the author's indices."""
    if first == 1 or isinstance(number, LabelValue):
        return number
    total = sum(coefficient for _, coefficient in number.indices)
    return IndexValue(number.indices, number.offset + (1 - first) * total)


def compared(expr: Indicator, first: int) -> tuple[Expr, Expr] | None:
    """The sides of a comparison of positions as the author writes them; None: it compares numbers.

    In the sides an ``IndexValue`` is printed as it stands, except in a label.
    """
    sides = (expr.left, expr.right)
    if first == 1 or not any(isinstance(node, IndexValue) for side in sides for node in side.walk()):
        return None
    left, right = _side(expr.left, first), _side(expr.right, first)
    return None if left is None or right is None else (left, right)


def _side(side: Expr, first: int) -> Expr | None:
    if label_of(side) is not None:
        return side
    if isinstance(side, IndexValue):
        return counted(side, first)
    if isinstance(side, Number) and side.value.denominator == 1:
        return Number(side.value - (1 - first))
    if isinstance(side, DimValue):
        return DimValue(side.dim - (1 - first))
    return side if isinstance(side, Add) and _indices_in(side) == 1 else None


def _indices_in(expr: Expr) -> int | None:
    """The sum of the coefficients of plain indices in a sum such as ``j + 1``; None if it is no such sum."""
    match expr:
        case Add(terms):
            parts = [_indices_in(term) for term in terms]
            return None if any(part is None for part in parts) else sum(part or 0 for part in parts)
        case Neg(arg):
            inner = _indices_in(arg)
            return None if inner is None else -inner
        case IndexValue() if not isinstance(expr, LabelValue):
            return sum(c for _, c in expr.indices) if expr.single is not None else None
        case Number() | DimValue():
            return 0
    return None
