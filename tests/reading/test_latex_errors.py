"""What the LaTeX reader refuses: each refusal has a code, a place and, mostly, what to write instead."""

from __future__ import annotations

import pytest

from symbackprop.core.tensors import Convention, Role
from symbackprop.errors import InputError
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import parse_dim
from symbackprop.reading.latex_forward import read_latex_forward
from symbackprop.reading.tokens import Origin

SHAPES = {"X": "N,D", "W": "D,M", "c": "M", "Y": "N,K", "W2": "M,K", "b": "K", "S": "M,M", "lam": ""}


def read(text: str, origin: Origin | None = None) -> None:
    symbols = {
        name: Declared(name, tuple(parse_dim(part, {}) for part in shape.split(",") if part), Role.PARAMETER)
        for name, shape in SHAPES.items()
    }
    read_latex_forward(text, Declarations(symbols, {}, {}, Convention.ROW), origin or Origin())


REFUSED = [
    (r"q = X W + Q", "unknown-symbol", 1, 11, "unknown symbol Q"),
    (r"q = X W + r_{12}^{(3)}", "unknown-symbol", 1, 11, "unknown symbol"),
    ("U = X W\nH = \\tanh(U) + G", "unknown-symbol", 2, 16, "unknown symbol G"),
    ("\\begin{align}\n  U &= X W \\\\\n  H &= \\max(0, V)\n\\end{align}", "unknown-symbol", 3, 16, "V"),
    (r"q = \frca{1}{2}", "syntax", 1, 5, r"the command \frca is not known"),
    (r"q = f(c)", "unknown-function", 1, 5, "unknown function f"),
    (r"q = (X W", "syntax", 1, 5, "is not closed"),
    (r"q = \frac{X W}{2", "syntax", 1, 15, "is not closed"),
    (r"q = X W)", "syntax", 1, 8, "was never opened"),
    (r"q = X W + ", "syntax", 1, 10, "the formula ends here"),
    (r"q = a = b", "syntax", 1, 7, "a second ="),
    (r"X W + c", "syntax", 1, 1, "no equation"),
    (r"2 q = c", "syntax", 1, 1, "begins with the name"),
    (r"q = c_1_2", "syntax", 1, 8, "two subscripts"),
    (r"q = c^2^2", "syntax", 1, 8, "two superscripts"),
    (r"q = c^10", "syntax", 1, 7, "needs braces"),
    (r"q = S^2", "syntax", 1, 5, "power of the square matrix"),
    (r"q = \|S\|_2", "syntax", 1, 5, "largest singular value"),
    (r"q = \|c\|_3", "syntax", 1, 11, "this norm is not read"),
    (r"q = c'", "syntax", 1, 5, "a prime stands on a function"),
    (r"q = c^{(2)}", "unknown-symbol", 1, 8, "belongs to no declared name"),
    (r"q = \log c (X W)", "syntax", 1, 12, "whether this bracket belongs"),
    (r"q = \lambda/b W", "syntax", 1, 15, "after a quotient"),
    (r"q = W 2", "syntax", 1, 7, "a number stands only first"),
    (r"q = 2 {c + c}", "syntax", 1, 7, "not seen on the page"),
    (r"q = \sum_k", "syntax", 1, 5, "nothing stands after"),
    (r"q = \tanh", "syntax", 1, 5, "needs an argument"),
    (r"q = (c, b)", "syntax", 1, 9, "a comma in a bracket"),
    (r"q = \begin{tabular}{c} c \end{tabular}", "syntax", 1, 5, "environment tabular"),
    (r"q = \begin{bmatrix} 1 & \cdots \end{bmatrix}", "syntax", 1, 21, "dots in a matrix"),
    (r"q = \begin{cases} c & c > 0 \\ 0 & c < 0 \end{cases}", "syntax", 1, 5, "in all other cases"),
    (r"q = \begin{cases} c & \text{if I like} \\ 0 & c < 0 \end{cases}", "syntax", 1, 19, "one comparison"),
    (r"q = a \pm b", "syntax", 1, 5, r"\pm is not read"),
    (r"\begin{align} q = c", "syntax", 1, 1, "is not closed"),
    (r"q = c \in \mathbb{R}^M", "syntax", 1, 7, r"\in is not read"),
    (r"q = c \text{if } c", "syntax", 1, 7, "the words 'if'"),
    (r"q = c_{1:2}", "syntax", 1, 10, "a slice with bounds"),
    (r"q = \frac{\partial b}{\partial c}", "syntax", 1, 11, "cannot stand in the forward pass"),
    (r"q = \partial c", "syntax", 1, 5, "stands only in a derivative"),
    (r"q = \sqrt[3]{c}", "syntax", 1, 10, "other than the square root"),
    (r"q = \mathbf 1^\top c", "syntax", 1, 5, "how long this vector of ones"),
    (r"q = S^T_{12}", "syntax", 1, 5, "the transpose or the index"),
    (r"q = c^{-1}", "syntax", 1, 5, "is not read, since c is no scalar"),
    (r"q = \min_k b_k", "unsupported", 1, 5, "the least of several"),
    (r"q = \underset{k}{c}", "syntax", 1, 14, "neither a shape nor a remark"),
    (r"q = \sigma_M(c)", "syntax", 1, 12, "this subscript on sigmoid"),
    (r"X = c", "redefined", 1, 1, "declared as parameter"),
    (r"N = c", "redefined", 1, 1, "is a dim"),
    (r"q = c; q = 2c", "redefined", 1, 8, "defined twice"),
    (r"q = r; r = q", "cycle", 1, 1, "in terms of itself"),
    (r"q = X c", "shape", 1, 5, "does not fit"),
    (r"q = W_{1}", "shape", 1, 5, "is a matrix and has two indices"),
    (r"q = \sum_{j \neq 2} c_i", "shape", 1, 11, "does not stand in"),
    (r"q = \frac{\partial^2 q}{\partial c^2}", "syntax", 1, 11, "second derivative"),
    ("q = c § b", "syntax", 1, 7, "has no meaning"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_refusal_has_code_place_and_reason(
    text: str, code: str, line: int, column: int, words: str
) -> None:
    """Nothing is guessed: the line is read whole or it is an error with its place."""
    with pytest.raises(InputError) as caught:
        read(text)
    error = caught.value
    assert words in error.message
    assert (error.code, error.line, error.column) == (code, line, column)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (r"q = \frca{1}{2}", r"did you mean \frac?"),
        (r"q = X W + \hat{y}_3", "declare the symbol"),
        (r"L_2 = \|c\|^2; r = 2 L_3", "did you mean L_2?"),
        (r"q = f(c)", "role: function"),
        (r"q = S^2", r"^{\odot 2}"),
    ],
)
def test_a_refusal_says_what_to_write(text: str, hint: str) -> None:
    """The hint names the nearest name or the spelling that is read."""
    with pytest.raises(InputError) as caught:
        read(text)
    assert hint in str(caught.value.hint)


def test_places_are_those_of_the_file() -> None:
    """The origin of the text is added to line and column, and the file is named."""
    with pytest.raises(InputError) as caught:
        read("U = X W\nH = Q", Origin("net.yaml", line=12, indent=2))
    assert (caught.value.file, caught.value.line, caught.value.column) == ("net.yaml", 13, 7)


@pytest.mark.parametrize(
    "text",
    [
        "q = " + "(" * 500 + "c" + ")" * 500,
        "q = " + "{" * 500 + "c" + "}" * 500,
        "q = " + r"\frac{c}{" * 300 + "c" + "}" * 300,
        "q = " + "c^{" * 300 + "2" + "}" * 300,
        "q = " + r"\sqrt " * 3000 + "c",
        "q = " + r"\log " * 3000 + "c",
        "q = " + r"\sum_i " * 3000 + "c_i",
        "q = " + r"\hat" * 2000 + "{c}",
        "q = " + "c + " * 60_000 + "c",
        "q = " + "9" * 400,
        "x" * 1_000_001,
    ],
    ids=lambda text: text[:12],
)
def test_what_is_too_large_is_a_limit(text: str) -> None:
    """Bounded time and memory, a clear message."""
    with pytest.raises(InputError) as caught:
        read(text)
    assert caught.value.code == "limit"
