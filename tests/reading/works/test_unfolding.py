r"""Macros and environments that hold whole formulas, sizes that words state, formulas on several lines."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.errors import InputError
from symbackprop.reading.works.documents import Source
from symbackprop.reading.works.unfolding import unfolded

GIVEN = """\
symbols: {W: {shape: [m, n], role: parameter}, x: {shape: [n], role: input}}
forward: |
  y = W x
  L = L(y)
"""
RIGHT = r"\frac{\partial L}{\partial W} = \frac{\partial L}{\partial y} x^\top"


HALVES = r"""Let $n = 2$, $m = 2$. \begin{align*} y x^\top
&= \left[\begin{array}{c} y_1 x_1 \\ y_2 x_1 \end{array}\right.
\\ &\qquad \left. \begin{array}{c} y_1 x_2 \\ y_2 x_2 \end{array}\right] \end{align*}"""


def document(preamble: str, body: str) -> str:
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"


def verdicts(text: str) -> list[str]:
    return [one.verdict for one in sbp.check(sbp.loads(GIVEN), text).findings]


@pytest.mark.parametrize(
    ("preamble", "body"),
    [
        (r"\newcommand{\be}{\begin{equation}}\newcommand{\ee}{\end{equation}}", rf"\be {RIGHT} \ee"),
        (r"\def\[{\begin{gather}}\def\]{\end{gather}}", rf"\[ {RIGHT} \]"),
        (r"\newcommand{\answer}[1]{\[ \boxed{#1} \]}", rf"\answer{{{RIGHT}}}"),
        (r"\newcommand{\line}[3]{\par(#1)~$\displaystyle #2 = #3$\par}",
         r"\line{a}{\frac{\partial L}{\partial W}}{\frac{\partial L}{\partial y} x^\top}"),
        (r"\newcommand{\eq}[2][red]{{\color{#1}$#2$}}", rf"\eq{{{RIGHT}}}"),
        (r"\newcommand{\eq}[2][red]{{\color{#1}$#2$}}", rf"\eq[blue]{{{RIGHT}}}"),
        (r"\NewDocumentCommand{\eq}{O{red} m}{{\color{#1}$#2$}}", rf"\eq{{{RIGHT}}}"),
        (r"\newcommand{\inner}[1]{$#1$}\newcommand{\outer}[1]{\fbox{\inner{#1}}}", rf"\outer{{{RIGHT}}}"),
        (r"\newenvironment{steps}{\begin{align*}}{\end{align*}}", rf"\begin{{steps}} {RIGHT} \end{{steps}}"),
        (r"\newenvironment{steps}[1]{\textbf{#1} \align}{\endalign}",
         rf"\begin{{steps}}{{So}} {RIGHT} \end{{steps}}"),
        (r"\newcommand{\room}[1]{\settowidth{\dimen0}{$#1$}$#1$}", rf"\room{{{RIGHT}}}"),
        (r"\newcommand{\be}{\begin{equation}}", "\\verb|\\be| is mine. % \\be\n$" + RIGHT + "$"),
    ],
)  # fmt: skip
def test_a_macro_with_a_formula_is_read_where_it_is_called(preamble: str, body: str) -> None:
    assert verdicts(document(preamble, body)) == ["correct"]


def test_an_argument_keeps_its_place() -> None:
    text = document(r"\newcommand{\eq}[2]{\begin{align*}#1 &= #2\end{align*}}", "So\n\\eq{y}{W^T x}")
    (found,) = sbp.check(sbp.loads(GIVEN), text).findings
    assert (found.verdict, found.line, found.column, found.end_column) == ("wrong", 5, 5, 13)


@pytest.mark.parametrize(
    "preamble",
    [r"\newcommand{\a}{$x$ \a}", r"\newcommand{\a}{\b\b}\newcommand{\b}{$x$ \a\a}"],
    ids=["endless", "doubling"],
)
def test_macros_without_end_are_refused(preamble: str) -> None:
    with pytest.raises(InputError, match="without end"):
        sbp.check(sbp.loads(GIVEN), document(preamble, r"\a"))


def test_a_text_without_such_macros_is_left_alone() -> None:
    source = Source(r"\newcommand{\dW}{\Delta W} $\dW$", r"\newcommand{\dW}{\Delta W} $\dW$")
    assert unfolded(source) is source


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # A display goes on with the display before, whatever stands in the words between.
        (rf"\[ {RIGHT} \] as $y = W x$; so \[ = (x \frac{{\partial L}}{{\partial y}}^\top)^\top \]",
         ["correct", "correct", "correct"]),
        # A condition behind a formula, and what goes on with it.
        (r"$\displaystyle \frac{\partial y_i}{\partial W_{jk}} = 0$ where $i \neq j$: from $y = W x$",
         ["correct", "correct"]),
        (r"$\displaystyle \frac{\partial y_i}{\partial W_{jk}} = 0$", ["wrong"]),
        # A comparison of letters is no claim.
        (r"Only $i = p$ is left in $y_i = \sum_j W_{ij} x_j$.", ["correct"]),
        # Sizes that the words state hold for what follows.
        (r"For $n = 2$ and $m = 3$: \[ y_3 = W_{31} x_1 + W_{32} x_2 \]", ["correct"]),
        (r"Take $n = 2$, $m = 3$. \[ y_3 = W_{31} x_1 + W_{23} x_2 \]", ["wrong"]),
        (r"\[ y_1 = W_{11} x_1 + W_{12} x_2 \]", ["wrong"]),
        # A matrix, and a sum, on two lines.
        (HALVES, ["correct"]),
        (r"\begin{align*} 2 y &= W x \\ &\qquad {} + y \end{align*}", ["correct"]),
        # Words in a formula may hold a formula.
        (r"$\frac{dy_i}{dx_k} = \begin{cases} W_{ii} & \text{if $i=k$} \\ W_{ik} & \text{else}\end{cases}$",
         ["correct"]),
    ],
)  # fmt: skip
def test_what_words_say_between_formulas(body: str, expected: list[str]) -> None:
    assert verdicts(document("", body)) == expected
