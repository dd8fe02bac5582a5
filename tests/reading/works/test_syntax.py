"""Tokens, trees and the printer: everything that stands in a formula stands in its tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbackprop.reading.works.lexer import tokenize
from symbackprop.reading.works.measure import measure
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.printer import to_source
from symbackprop.reading.works.spelling import spell

WHOLE = [
    r"\frac{\partial L}{\partial W_{ij}^{(l)}} &= \delta_i^{(l)} a_j^{(l-1)} \\ &= x",
    r"\frac12 \dfrac{d}{dx} f'(x) = f^{\prime\prime}(x)",
    r"\left. y' \right|_{x=0} = \left\{ \begin{array}{cc} 1 & x \\ 0 & \text{else} \end{array} \right.",
    r"p(y | x) = \|x\|_2^2 + |x| + ||w|| + \lvert z \rvert",
    r"\big[ a + b \\ &+ c \big] d",
    r"\begin{bmatrix} 1 & .5 \\ \vdots & \ddots \end{bmatrix}^\top \otimes x",
    r"x_i \text{ if } i = j, \quad 0 \text{ otherwise}",
    r"W \gets W - \eta \nabla_W \mathcal{L}(x^{(i)}; W)",
    r"\overset{(1)}{=} a \stackrel{?}{=} b",
    r"a \cdot -b + ... + \underbrace{x + y}_{\text{sum}} \tag{3}",
    r"\sum_{n=1}^N -y_n \mathbf{x}_n + \sum_{j \neq i} w22 + \sqrt[3]{x}",
    r"\langle w, x \rangle, <u, v> \in \mathbb R^{m \times n}",
    r"α β ≤ γ ⊙ δ",
    r"\gamma_{m 1} = n! = 3, x \in ]0, 1[ \cup [2, 3[",
    r"\sum_{\substack{i \\ j \neq i}} x_i \begin{array}{c} {\frac{a}{b}} & {c} \end{array}",
    r"|a||b| = f（x），\mathop{\rm arg\,max}_x g",
]
UNREAD = {
    r"\foo{x} = 1": r"the command \foo is not known",
    r"(a + b = c": "the bracket ( is not closed",
    r"a + b) = c": ") was never opened",
    r"{a + b": "the brace { is not closed",
    r"\begin{bmatrix} 1": r"\begin{bmatrix} is not closed",
    r"x \end{bmatrix}": r"\end{bmatrix} without its \begin",
    r"\frac{a}": "the formula ends too early",
}


@pytest.mark.parametrize("source", WHOLE)
def test_the_tree_alone_gives_the_source_back(source: str) -> None:
    assert measure(source).reason is None


@pytest.mark.parametrize(("source", "reason"), UNREAD.items())
def test_what_is_not_read_has_a_reason(source: str, reason: str) -> None:
    assert measure(source).reason == reason


def test_an_unknown_command_alone_is_an_opaque_symbol() -> None:
    assert measure(r"\hiddens_1 = f(x)").opaque == (r"\hiddens",)


def test_a_text_cannot_be_taken_for_a_factor() -> None:
    statement = parse_display(tokenize(r"a = b \text{ where } c = d"))
    assert to_source(statement) == r"a=b\text{where}c=d"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"W^{(1)}_{i}", "W_i^{(1)}"),
        (r"\mathbf{x}", "x"),
        (r"x^{\prime}", "x'"),
        (r"\varepsilon", r"\epsilon"),
    ],
)
def test_spellings_that_mean_the_same(one: str, other: str) -> None:
    trees = [parse_display(tokenize(source)).rows[0].cells[0] for source in (one, other)]
    assert spell(trees[0], loose=True) == spell(trees[1], loose=True)


PIECES = (
    r"\frac \sum \partial \nabla \left( \right) \left. \right| \begin{bmatrix} \end{bmatrix} & \\ { } ( ) "
    r"[ ] | || _ ^ ' + - = \le \in , . ; : 1 .5 12 x W \alpha \foo \text{if} \operatorname{relu} \quad \sqrt "
    r"\hat \overset \begin{cases} \end{cases} \dots \{ \} \| < > \not w22 % \$ @ é 中"
).split()


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_stream_of_tokens_raises(pieces: list[str]) -> None:
    measure(" ".join(pieces))


@given(st.sampled_from(WHOLE), st.integers(0, 200), st.integers(0, 12), st.sampled_from(PIECES))
def test_no_damaged_display_raises(source: str, place: int, length: int, piece: str) -> None:
    damaged = source[:place] + piece + source[place + length :]
    assert 0 <= measure(damaged).place <= len(damaged)
