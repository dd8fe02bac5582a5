"""Arrays whose entries several equations give: what is read, what is refused, and gradients through them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symbackprop as sbp

SYMBOLS = """
symbols:
  x: {shape: [n], role: input}
  w: {shape: [n], role: parameter}
  W: {shape: [n, m], role: parameter}
  a: {role: parameter}
"""


def _problem(lines: str, more: str = "", head: str = "") -> sbp.Problem:
    return sbp.loads(
        f"{head}{SYMBOLS}{more}forward: |\n" + "".join(f"  {line}\n" for line in lines.split("|"))
    )


def _ends(g: dict[str, Any]) -> float:
    """y = (a w_1, differences, w_n^2)."""
    w, x, a = g["w"], g["x"], g["a"]
    y = np.concatenate([[a * w[0]], w[1:-1] * x[2:] - w[:-2] * x[1:-1], [w[-1] ** 2]])
    return float((np.arange(1, len(y) + 1) * y**2).sum())


def _shifted(g: dict[str, Any]) -> float:
    """A column in front of W."""
    y = np.concatenate([g["w"][:, None] * g["a"], np.tanh(g["W"])], axis=1)
    return float((y[:, :-1] * y[:, 1:]).sum())


def _triangle(g: dict[str, Any]) -> float:
    """The lower triangle w_i x_j, the upper one a."""
    w, x, a = g["w"], g["x"], g["a"]
    full = np.where(np.tri(len(w)) == 1, np.outer(w, x), a)
    return float(np.exp(full @ x).sum())


def _mixed(g: dict[str, Any]) -> float:
    """Every third index of a small array by an equation of its own."""
    w, a = g["w"], g["a"]
    y = np.array([a, w[0] * w[1], np.sin(a) * w[1]])
    return float(np.linalg.norm(y))


CASES = [
    (
        "y[1] = a*w[1]|y[n] = w[n]^2|y[i] = w[i]*x[i+1] - w[i-1]*x[i] for i = 2..n-1|L = sum[i](i*y[i]^2)",
        "", _ends,
    ),
    (
        "Y[i,1] = a*w[i]|Y[i,j] = tanh(W[i,j-1]) for j = 2..m+1|L = sum[i, j = 1..m](Y[i,j]*Y[i,j+1])",
        "", _shifted,
    ),
    (
        "T[i,j] = w[i]*x[j] for i = 1..n, j = 1..i|T[i,j] = a for i = 1..n, j = i+1..n|L = sum(exp(T x))",
        "", _triangle,
    ),
    ("y[1] = a|y[2] = w[1]*w[2]|y[3] = sin(a)*w[2]|L = norm(y)", "  y: {shape: [3]}\n", _mixed),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "more", "forward"), CASES, ids=["ends", "shifted", "triangle", "mixed"])
def test_gradients(lines: str, more: str, forward: Any) -> None:
    """By every parameter that is used: every line holds, and the code agrees with differences."""
    rng = np.random.default_rng(5)
    given = {"x": rng.normal(size=4), "w": rng.normal(size=4), "W": rng.normal(size=(4, 3)), "a": 0.7}
    problem = _problem(lines, more)
    for name in ("w", "a", "W"):
        if name == "W" and "W[" not in lines:
            continue
        for level in ("index", "vector"):
            derivation = problem.derive("L", name, level=level)
            verdict = derivation.verify()
            assert verdict.status == "holds", (name, level, verdict.reason)
        value, start = np.asarray(derivation.numpy()(given)), np.asarray(given[name])
        found = np.zeros_like(start)
        for place in np.ndindex(start.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = start.copy()
                moved[place] += step
                sides.append(forward({**given, name: moved if moved.ndim else float(moved)}))
            found[place] = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(value, found, rtol=1e-5, atol=1e-7)


def test_numbers_and_entries() -> None:
    """Evaluated, written out, and printed as the author wrote it."""
    text = (
        SYMBOLS + "forward: |\n  y[1] = a*x[1]\n  y[i] = w[i]*x[i] - w[i-1]*x[i-1] for i = 2..n\n"
        "  L = sum[i](y[i]^2)\n"
        "questions:\n  - {evaluate: [y]}\n  - {explicit: dL/dw, dims: {n: 3, m: 2}}\n"
        "values: {x: [1, 2, 3], a: 2, w: [1, -1, 2]}\n"
    )
    problem = sbp.loads(text)
    numbers: Any = problem.answer("q1")
    assert numbers.verdict.status == "holds"
    assert numbers.numbers["y"].exact == ["2", "-3", "8"]
    written: Any = problem.answer("q2")
    assert written.verdict.status == "holds", written.verdict.reason
    assert written.result.text == "[-dL/dy[2] x[1]; x[2] (dL/dy[2] - dL/dy[3]); dL/dy[3] x[3]]"


def test_counting_from_zero() -> None:
    """With index_from: 0 the first entry is y[0], and n entries end at n-1."""
    problem = _problem("y[0] = a|y[i] = w[i] - w[i-1] for i = 1..n-1|L = sum(y^2)", head="index_from: 0\n")
    assert problem.derive("L", "w").verify().status == "holds"


def test_start_of_a_family_is_no_entry() -> None:
    """h[0] before h[t] for t = 1..3, which uses h[t-1], are members as before."""
    problem = _problem("h[0] = a|h[t] = tanh(w[1]*h[t-1]) for t = 1..3|L = h[3]")
    assert problem.derive("L", "a").verify().status == "holds"


WRONG = [
    ("y[1] = a|y[i] = x[i] for i = 3..n", "", "shape", "no equation gives y[2] (for n = 3)"),
    ("y[1] = a|y[i] = x[i] for i = 1..n", "", "redefined", "y[1] is defined twice (for n = 3)"),
    ("y[1] = a|y[i] = x[i]", "", "redefined", "y[1] is defined twice"),
    ("y[i] = x[i] for i = 2..n", "", "shape", "no equation gives y[1]"),
    ("y[i] = x[i] for i = 1..n-1", "  y: {shape: [n]}\n", "shape", "no equation gives y[3] (for n = 3)"),
    ("q[i,2] = x[i]", "", "shape", "no equation gives q[1,1]"),
    ("y[1] = a|y[4] = a", "  y: {shape: [3]}\n", "shape", "the position 4 is outside 1..3"),
    ("y[1] = a|y[1,2] = a", "  y: {shape: [3]}\n", "shape", "1 index in one equation and 2 in another"),
    ("y[1] = a|y = x", "", "redefined", "defined as a whole here and by its entries"),
    ("y[1] = a|y[i] = x[i-2] for i = 2..n", "", "shape", "which need not lie in 1..n"),
    ("T[i,i] = x[i]|T[1,2] = a", "", "syntax", "the index i stands twice on the left"),
    ("y[1] = x|y[i] = x[i] for i = 2..n", "  y: {shape: [n]}\n", "shape", "y[1]"),
    ("y[i] = x[i] for i = 1..n, k = 1..3", "", "syntax", "k does not stand on the left"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "more", "code", "message"), WRONG)
def test_one_clear_error(lines: str, more: str, code: str, message: str) -> None:
    """A gap, an overlap, a place that does not exist: the entry, the sizes, and what to do."""
    with pytest.raises(sbp.InputError) as caught:
        _problem(lines, more)
    assert message in caught.value.message, caught.value.message
    assert caught.value.code == code
    assert caught.value.line is not None
