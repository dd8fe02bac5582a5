r"""Numbers as LaTeX: whole ones, small fractions, decimals, and matrices of them.

Of a matrix that would not fit a page the first rows and columns are printed, then dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from symbackprop.core.arrays import Numeric
from symbackprop.notation.latex_box import ATOM, CLOSED, TERM, Box

MOST_ROWS, MOST_COLUMNS, WIDEST = 10, 10, 24.0  # the last is the width of a matrix in em
_GAP = 1.0


def number_box(value: Fraction, inline: bool = False) -> Box:
    """A number: whole, or a small fraction."""
    size = abs(value)
    if size.denominator == 1:
        text = str(size.numerator)
        return Box(text, ATOM, 0.5 * len(text), 0, value < 0)
    num, den = str(size.numerator), str(size.denominator)
    rest = size.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1 and 10 <= size.denominator <= 10**6:
        text = f"{float(size):.12f}".rstrip("0")
        return Box(text, ATOM, 0.5 * len(text), 0, value < 0)
    if inline:
        return Box(f"{num}/{den}", TERM, 0.5 * (len(num) + len(den) + 1), 0, value < 0)
    return Box(rf"\tfrac{{{num}}}{{{den}}}", CLOSED, 0.4 * max(len(num), len(den)) + 0.2, 1, value < 0)


def numeric_box(expr: Numeric) -> Box:
    """A number, or a matrix of numbers in square brackets."""
    rows = [[_cell(number) for number in row] for row in expr.cells]
    if expr.is_scalar:
        return rows[0][0]
    shown = _columns_shown(rows)
    lines = [_row(row, shown) for row in _rows_shown(rows)]
    if len(rows) > MOST_ROWS:
        lines.insert(-1, " & ".join([r"\vdots"] * (shown if shown == len(rows[0]) else shown + 1)))
    widths = [max(row[place].full_width for row in rows) for place in range(len(rows[0]))]
    width = sum(widths[: shown - 1]) + widths[-1] + _GAP * shown
    tall = 1 if len(lines) == 1 else 3 if len(lines) == 2 else 4
    body = r" \\ ".join(lines)
    return Box(rf"\begin{{bmatrix}} {body} \end{{bmatrix}}", ATOM, width, tall)


def _cell(number: Fraction | Decimal) -> Box:
    if isinstance(number, Fraction):
        return number_box(number)
    text = f"{abs(number):f}"
    return Box(text, ATOM, 0.5 * len(text), 0, number.is_signed() and bool(number))


def _rows_shown(rows: Sequence[list[Box]]) -> list[list[Box]]:
    return list(rows) if len(rows) <= MOST_ROWS else [*rows[: MOST_ROWS - 2], rows[-1]]


def _columns_shown(rows: Sequence[list[Box]]) -> int:
    """How many columns are printed; where not all, the last of the matrix stands after dots."""
    used, count = 0.0, len(rows[0])
    for place in range(count):
        used += max(row[place].full_width for row in rows) + _GAP
        if (used > WIDEST and place < count - 1) or place == MOST_COLUMNS:
            return max(2, min(place, MOST_COLUMNS - 1))
    return count


def _row(row: list[Box], shown: int) -> str:
    cells = [box.signed for box in row]
    if shown < len(cells):
        cells = [*cells[: shown - 1], r"\cdots", cells[-1]]
    return " & ".join(cells)
