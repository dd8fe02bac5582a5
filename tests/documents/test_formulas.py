"""Formulas of works are set as mathematics only if they can do no harm and are well-formed."""

from __future__ import annotations

import pytest

from symbackprop.documents.formulas import as_mathml, as_tex


@pytest.mark.parametrize(
    "source",
    [
        r"\frac{\partial L}{\partial W} = X^T \frac{\partial L}{\partial U} + \lambda W",
        r"\begin{bmatrix} 1 & 0 \\ 0 & 1 \end{bmatrix} = I",
        r"f = \begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}",
        r"\biggl(W \odot \underline{\frac{\partial J}{\partial b}}\biggr)_{ij}",
        r"\mathbb{1}[i = j] = A^{\intercal}",
        r"\begin{array}{cc} 1 & 2 \end{array}",
    ],
)
def test_what_can_be_set_is_set(source: str) -> None:
    assert as_tex(source) is not None
    made = as_mathml(source)
    assert made is not None
    assert made.startswith("<math")


@pytest.mark.parametrize(
    "source",
    [
        r"\input{/etc/passwd} = 1", r"x^2^3 = 1", r"\left( x = 1", "a & b = 1", r"\end{bmatrix} = 1",
        r"\begin{bmatrix} 1 \end{pmatrix}", r"\foo x", "x = 1 $ y", r"\def\x{1} = 1",
        r"\begin{tikzpicture} 1 \end{tikzpicture}", r"a = b \\ c", "x^^5c = 1", "", "é = 1",
    ],
)  # fmt: skip
def test_what_cannot_be_set_is_shown_as_it_is_written(source: str) -> None:
    assert as_tex(source) is None
    assert as_mathml(source) is None


def test_a_formula_never_brings_markup_into_a_page() -> None:
    made = as_mathml(r"x < y = \text{<script>alert(1)</script>}")
    assert made is None or "<script" not in made
