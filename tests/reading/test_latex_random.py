"""Random and damaged LaTeX: an InputError with a place, or a graph; never anything else."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from symbackprop.core.tensors import Convention, Role
from symbackprop.errors import InputError
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import abstract_function, parse_dim
from symbackprop.reading.latex_forward import read_latex_equation, read_latex_formula, read_latex_forward

SHAPES = {"X": "N,D", "W": "D,M", "c": "M", "W2": "M,K", "b": "K", "Y": "N,K", "lam": "", "S": "M,M"}
PIECES = (
    r"\frac \sum \sqrt \left( \right) ( ) [ ] { } _ ^ = + - * / , ; & \\ \quad | \| \langle \rangle \cdot "
    r"\times \otimes \log \exp \sigma W X c b U Z N K n k 1 2 .5 12 \top T ' \mathbf \hat \partial \nabla "
    r"\mathbb{1} \operatorname{softmax} \text{if} \max \min \begin{align} \end{align} : e \delta \lambda \in "
    r"\le < \dots \ne \prod \underbrace \circ ! $ % ~ \, \unknown \oslash \lVert \rVert \right. \text{a b} "
    r"\begin{cases} \underset \tag{1} \limits I \sum_ e^ \partial L \boxed \odot"
).split()
TEXTS = (
    (
        r"U = X W + c; H = \max(0, U); Z = H W_2 + b; P = \operatorname{softmax}(Z); "
        r"L = -\frac{1}{N}\sum_{n=1}^N\sum_{k=1}^K Y_{nk}\log P_{nk} + \frac{\lambda}{2}\lVert W\rVert_F^2"
    ),
    r"q_k = \frac{e^{b_k}}{\sum_j e^{b_j}}, \quad \ell = -\log q_1",
    (
        r"Z^{(1)} = \mathbf 1_N c \odot U \cdot V^{\top} * \|x'\|_2^2 [i=j] "
        r"\sum_{i \neq j, k} \frac{\partial L}{\partial W_{ij}}"
    ),
    (
        "\\begin{align}\n U &= X W \\\\\n &\\quad + c \\tag{1} \\\\ "
        "H &= \\tanh(U) && \\text{(hidden layer)} \\end{align}"
    ),
)


def declarations() -> Declarations:
    symbols = {
        name: Declared(name, tuple(parse_dim(part, {}) for part in shape.split(",") if part), Role.PARAMETER)
        for name, shape in SHAPES.items()
    }
    return Declarations(symbols, {}, {"phi": abstract_function("phi")}, Convention.ROW)


DECLARED = declarations()
GRAPH = read_latex_forward(r"U = X W + c; L = \|U\|_F^2", DECLARED)


def attempt(text: str) -> None:
    """Read as a program, a formula and an equation."""
    forward = _error_of(lambda: read_latex_forward(text, DECLARED))
    assert forward is None or forward.line is not None or forward.code == "limit"
    for read in (read_latex_formula, read_latex_equation):
        found = _error_of(lambda read=read: read(text, GRAPH, free_indices=True))  # type: ignore[misc]
        assert found is None or found.message


def _error_of(attempted: Callable[[], object]) -> InputError | None:
    try:
        attempted()
    except InputError as error:
        return error
    return None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=16), st.sampled_from(["", "V = ", "U_k = ", r"\hat{y} = "]))
def test_random_pieces(pieces: list[str], start: str) -> None:
    """Commands and signs in any order."""
    attempt(start + " ".join(pieces))


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(TEXTS))
def test_damaged_texts(data: st.DataObject, text: str) -> None:
    """A forward pass with a few places cut out or replaced."""
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + length :]
        if not text:
            break
    attempt(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
@example("\\")
@example("\x00 = \x01")
@example("{" * 70)
@example("_^'")
@example("a = \\frac")
def test_any_text(text: str) -> None:
    """Binary, other scripts, nothing at all."""
    attempt(text)
