r"""Matrices written out, in LaTeX: whole, in part, or with dots for what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from symbackprop.core.arrays import Grid
from symbackprop.notation.latex_box import ATOM, FRACTION_TALL, Box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_sums import DOTS, brief_box

MOST_ROWS = 9  # of a matrix whose rows are all printed
MOST_CELLS = 36  # of a matrix that is printed whole, if need be in blocks of columns
FIRST_ROWS = 3

# What stands for left-out rows and columns: (a row of dots, a column of dots).
_DOTS: Mapping[tuple[bool, bool], Box] = MappingProxyType(
    {
        (True, False): Box(r"\vdots", ATOM, 0.5),
        (False, True): DOTS,
        (True, True): Box(r"\ddots", ATOM, 1.2),
    }
)


def grid_box(printer: Printer, expr: Grid) -> Box:
    """A matrix in square brackets."""
    return part_of_grid(printer, expr, range(len(expr.rows)), range(expr.columns))


def part_of_grid(
    printer: Printer,
    expr: Grid,
    rows: Sequence[int | None],
    columns: Sequence[int | None],
    brackets: tuple[str, str] = ("[", "]"),
    *,
    kept: int = 0,
) -> Box:
    """Some rows and columns of a matrix; None stands for those that dots stand for.

    With ``kept`` there are dots inside long sums as well, after so many terms.
    """
    boxed = partial(brief_box, printer, kept=kept) if kept else printer.box
    cells = [
        [_DOTS[row is None, column is None] if row is None or column is None
         else boxed(expr.rows[row][column]) for column in columns]
        for row in rows
    ]  # fmt: skip
    gap = "[8pt]" if any(box.tall >= FRACTION_TALL for row in cells for box in row) else ""
    large = r"\displaystyle " if gap else ""  # else a fraction in a cell is as small as one in a line of text
    body = rf" \\{gap} ".join(" & ".join(f"{large}{box.signed}" for box in row) for row in cells)
    width = sum(max(box.full_width for box in column) + 1.0 for column in zip(*cells, strict=True)) + 0.6
    opening, closing = brackets
    shape = "c" * len(columns)
    tex = rf"\left{opening}\begin{{array}}{{{shape}}} {body} \end{{array}}\right{closing}"
    return Box(tex, ATOM, width, 4)


def grid_with_dots(printer: Printer, expr: Grid, width: float) -> Box:
    """A matrix, whole if it has few cells; else dots for the rows and columns between."""
    count = len(expr.rows)
    rows = range(count) if count <= MOST_ROWS else (*range(FIRST_ROWS), None, count - 1)
    box = part_of_grid(printer, expr, rows, range(expr.columns))
    if count <= MOST_ROWS and count * expr.columns <= MOST_CELLS:
        return box
    for kept in range(expr.columns - 2, 0, -1):
        if box.full_width <= width:
            break
        box = part_of_grid(printer, expr, rows, (*range(kept), None, expr.columns - 1))
    ends = range(expr.columns) if expr.columns <= 2 else (0, None, expr.columns - 1)
    for columns, kept in ((ends, 2), (ends, 1), ((0, None), 1)):
        if box.full_width <= width or expr.columns == 1:
            break
        box = part_of_grid(printer, expr, rows, columns, kept=kept)
    return box


def block_of_grid(printer: Printer, expr: Grid, first: int, last: int) -> Box:
    """Some columns of a matrix; only the outer brackets are printed."""
    brackets = ("[" if first == 0 else ".", "]" if last == expr.columns else ".")
    return part_of_grid(printer, expr, range(len(expr.rows)), range(first, last), brackets, kept=1)
