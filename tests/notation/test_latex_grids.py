"""Matrices in LaTeX: dots where they are many or too wide, always at the ends of a pattern."""

from __future__ import annotations

import pytest

from symbackprop.core.arrays import Grid
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Add, Expr, Leaf, MatMul
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.notation.latex_lines import break_lines
from symbackprop.notation.names import PLAIN

A, B = (Tensor(name, (Dim(20), Dim(20)), Convention.COLUMN) for name in "AB")


def _entry(tensor: Tensor, i: int, j: int) -> Expr:
    return Element(Leaf(tensor), (IndexValue((), Dim(i)), IndexValue((), Dim(j))))


def _grid(rows: int, columns: int, terms: int = 1) -> Grid:
    def cell(i: int, j: int) -> Expr:
        products = tuple(MatMul((_entry(A, i, k), _entry(B, k, j))) for k in range(1, terms + 1))
        return products[0] if terms == 1 else Add(products)

    return Grid(tuple(cell(i, j) for i in range(1, rows + 1) for j in range(1, columns + 1)), columns)


@pytest.mark.parametrize(
    ("rows", "columns", "terms", "dots"),
    [
        (2, 2, 1, set()),
        (9, 3, 1, set()),
        (10, 3, 1, {"vdots"}),
        (8, 12, 1, {"cdots"}),
        (12, 12, 1, {"vdots", "cdots", "ddots"}),
        (8, 8, 8, {"cdots"}),
    ],
)
def test_dots(rows: int, columns: int, terms: int, dots: set[str]) -> None:
    lines = break_lines(_grid(rows, columns, terms), PLAIN, 36.0)
    assert len(lines) == 1
    assert {word for word in ("vdots", "cdots", "ddots") if rf"\{word}" in lines[0]} == dots
    assert "A_{11}" in lines[0]
    last = f"{terms}{columns}" if columns < 10 else f"{terms}, {columns}"
    assert f"B_{{{last}}}" in lines[0]


def test_a_sum_keeps_a_term_of_another_kind() -> None:
    cell = _grid(1, 1, 9).cells[0]
    assert isinstance(cell, Add)
    tall = Grid((Add((*cell.terms, _entry(A, 7, 7))),) * 40, 4)
    (line,) = break_lines(tall, PLAIN, 36.0)
    shown = r"A_{11} B_{11} + \cdots + A_{19} B_{91} + A_{77}"
    assert line.count(shown) == 4  # three rows and the last
    assert line.count(r"\vdots") == 1
