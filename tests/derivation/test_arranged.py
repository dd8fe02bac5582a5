"""What random programs found: each of these was once wrong, refused or not verified."""

from __future__ import annotations

import pytest

from tests.derivation.networks import network, proven

CASES = {
    "a quotient of exponentials inside a determinant is no softmax": (
        "A: n n parameter; Q: n n parameter", "U = A/exp(Q); L = det(U)", "A Q", "column",
    ),
    "two reshapes, one inside the other": (
        "A: n m parameter; T: m n target",
        "R = reshape(A, m, n); L = dot(softmax(reshape(max(R^T, A^3), m, n)), T)", "A", "row",
    ),
    "a piece that begins behind its margin": (
        "A: m p parameter; G: m p input", "L = sum(G * pad(A, 1)[3..m+2,3..p+2])", "A", "row",
    ),
    "the largest of what is computed in two ways": (
        "A: p m parameter; B: m n parameter; C: n k parameter", "L = max((A B)[2,:] C)", "A B C", "row",
    ),
    "a chain of many sums": (
        "A: m m parameter; B: p m parameter; x: p parameter",
        "v = erf(x); L = dot(cos(v B A A B^T), v B A A A B^T)", "A B x", "row",
    ),
    "a row of what is no symbol, compared": (
        "A: m p parameter", "L = logsumexp(min((leaky_relu(A)^T)[1,:], 0))", "A", "row",
    ),
    "an entry of a softmax": ("x: n parameter", "L = gelu_tanh(softmax(x)[1])", "x", "row"),
    "a sum of a normalisation in one line": (
        "X: N D parameter",
        "Y = (X - colmean(X))/sqrt(colmean((X - colmean(X))^2) + 1); L = L(Y)", "X", "row",
    ),
    "equal factors in SymPy": (
        "A: n n parameter; c: constant", "U = A * A; L = trace(inv(U + c))", "A", "column",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_line_holds(case: tuple[str, str, str, str]) -> None:
    symbols, forward, names, convention = case
    problem = network(convention, symbols, forward)
    for name in names.split():
        assert proven(problem, name) == []
        assert problem.derive("L", name).verify().status == "holds"


@pytest.mark.parametrize(
    ("symbols", "forward", "by", "text"),
    [
        ("A: n n input; X: n n parameter; B: n n input", "L = det(A X B)", "X", "L inv(X)^T"),
        ("A: n n input; X: n n parameter", "L = logdet(X^T A X)", "X", "2 inv(X)^T"),
        ("A: n n input; x: n parameter; b: n input", "L = 1/2 x^T A x - b^T x", "x", "(A + A^T) x / 2 - b"),
        ("x: n parameter", "y = (x - mean(x))/norm(x); L = L(y)", "y", "dL/dy"),
        ("x: n parameter; b: parameter; t: n target", "L = mean((x + b - t)^2)", "b", "2 mean(x + b - t)"),
        (
            "X: m n parameter; b: n input; c: m input; D: m m input", "L = (X b + c)^T D (X b + c)", "X",
            "(D + D^T) (X b + c) b^T",
        ),
    ],
)  # fmt: skip
def test_the_result_is_what_a_textbook_prints(symbols: str, forward: str, by: str, text: str) -> None:
    assert network("column", symbols, forward).derive("L", by).text == text
