"""Softmax with cross-entropy, however it is written, has the right gradient by logits, W and b.

Each way is proved line by line and compared with a formula written here. The rows that SymPy 1.14's
own ``diff`` answers with a silent zero (log-sum-exp) are among them: ``exp over a sum``,
``log of a sum`` and ``logsumexp``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

from symbackprop.pipeline import Problem
from tests.derivation.networks import Arrays, gradient, network, proven, softmax

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """A loss over the logits of one example, or of a batch.

    ``beta`` is the inverse temperature; ``mean``: divided by the number of examples;
    ``assumes_by_form``: the loss is written for labels that sum to one (no factor 1^T y arises).
    """

    forward: str
    facts: str = "one_hot"
    beta: float = 1.0
    mean: bool = False
    assumes_by_form: bool = False


# One example: z = W x + b. With `positive` the labels are soft and sum to anything.
SINGLE: dict[str, Way] = {
    "logsumexp": Way("L = logsumexp(z) - y^T z", assumes_by_form=True),
    "log of a sum": Way("L = log(sum(exp(z))) - sum(y * z)", assumes_by_form=True),
    "log of a sum by entries": Way("L = log(sum[j](exp(z[j]))) - sum[i](y[i] z[i])", assumes_by_form=True),
    "exp over a sum": Way("p = exp(z)/sum(exp(z)); L = -sum(y * log(p))"),
    "log of softmax": Way("L = -sum(y * log(softmax(z)))"),
    "softmax, then cross_entropy": Way("p = softmax(z); L = cross_entropy(y, p)"),
    "from logits": Way("L = cross_entropy_logits(y, z)"),
    "log_softmax and nll": Way("q = log_softmax(z); L = nll(y, q)"),
    "nll of log_softmax": Way("L = nll(y, log_softmax(z))"),
    "dot": Way("L = -dot(y, log_softmax(z))"),
    "inner product": Way("p = softmax(z); L = -y^T log(p)"),
    "entry equations": Way("p[i] = exp(z[i])/sum[j](exp(z[j])); L = -sum[i](y[i] log(p[i]))"),
    "entries at once": Way("L = -sum[i](y[i] (z[i] - log(sum[j](exp(z[j])))))"),
    "staged E, S, p": Way("E = exp(z); S = sum(E); p = E/S; L = -sum(y * log(p))"),
    "staged by entries": Way(
        "E[i] = exp(z[i]); S = sum[j](E[j]); p[i] = E[i]/S; L = -sum[i](y[i] log(p[i]))"
    ),
    "minus log-sum as a node": Way("S = log(sum(exp(z))); q = z - S; L = -sum(y * q)"),
    "temperature": Way("p = softmax(2.5*z); L = cross_entropy(y, p)", beta=2.5),
    "a scaled node": Way("s = z/4; p = softmax(s); L = cross_entropy(y, p)", beta=0.25),
    "two logs": Way("L = sum(y * log(sum(exp(z)))) - sum(y * log(exp(z)))"),
    "kl": Way("p = softmax(z); L = kl(y, p)", facts="sums_to_one positive"),
}
SOFT = {name: way for name, way in SINGLE.items() if not way.assumes_by_form and name != "kl"}

# A batch: under row Z = X W + b, under column Z = W X + b.
BATCH: dict[str, tuple[str, Way]] = {
    "by row": ("row", Way("P = softmax(Z); L = cross_entropy(Y, P)/N", mean=True)),
    "a mean of sums": ("row", Way("P = softmax(Z); L = mean(-rowsum(Y * log(P)))", mean=True)),
    "logsumexp by row": (
        "row",
        Way("L = mean(logsumexp(Z) - rowsum(Y * Z))", mean=True, assumes_by_form=True),
    ),
    "a row mean times K": ("row", Way("Q = log_softmax(Z); L = -sum(rowmean(Y * Q)) K/N", mean=True)),
    "rows, written": ("row", Way("P = softmax(Z, rows); L = -sum(Y * log(P))")),
    "logits, rows written": ("row", Way("L = cross_entropy_logits(Y, Z, rows)/N", mean=True)),
    "rows by hand": ("row", Way("E = exp(Z); P = E/rowsum(E); L = cross_entropy(Y, P)/N", mean=True)),
    "entries": (
        "row",
        Way("P[n,k] = exp(Z[n,k])/sum[j](exp(Z[n,j])); L = -sum[n,k](Y[n,k] log(P[n,k]))/N", mean=True),
    ),
    "a mean by entries": (
        "row",
        Way("P = softmax(Z); L = -mean[n](sum[k](Y[n,k] log(P[n,k])))", mean=True),
    ),
    "columns": ("column", Way("P = softmax(Z); L = cross_entropy(Y, P)/N", mean=True)),
    "columns, written": ("column", Way("P = softmax(Z, columns); L = -sum(Y * log(P))/N", mean=True)),
    "logits in columns": ("column", Way("L = cross_entropy_logits(Y, Z)/N", mean=True)),
    "columns by hand": ("column", Way("E = exp(Z); P = E/colsum(E); L = cross_entropy(Y, P)")),
    "temperature in columns": (
        "column",
        Way("P = softmax(0.5*Z); L = cross_entropy(Y, P)/N", beta=0.5, mean=True),
    ),
}


@cache
def single(name: str, facts: str) -> Problem:
    symbols = f"W: k d parameter; x: d input; b: k parameter; y: k target {facts}"
    return network("column", symbols, "z = W x + b; " + SINGLE[name].forward)


@cache
def batch(name: str, facts: str) -> Problem:
    convention, way = BATCH[name]
    if convention == "row":
        symbols, affine = "X: N D input; W: D K parameter; b: K parameter; Y: N K target", "Z = X W + b; "
    else:
        symbols, affine = "X: D N input; W: K D parameter; b: K parameter; Y: K N target", "Z = W X + b; "
    return network(convention, f"{symbols} {facts}", affine + way.forward)


def _expected(X: Array, W: Array, b: Array, Y: Array, way: Way) -> Arrays:
    """Rows are examples: beta (P (1^T y) - Y), and from there X^T dZ and the sum over rows."""
    P = softmax(way.beta * (X @ W + b))
    totals = 1.0 if way.assumes_by_form else Y.sum(axis=1, keepdims=True)
    dZ = way.beta * (totals * P - Y) / (len(X) if way.mean else 1)
    return {"z": dZ, "W": X.T @ dZ, "b": dZ.sum(axis=0), "x": dZ @ W.T}


def _labels(facts: str, count: int, classes: int) -> Array:
    rng = np.random.default_rng(29)
    if "one_hot" in facts:
        return np.eye(classes)[rng.permutation(np.arange(count) % classes)]
    soft = rng.uniform(0.1, 1.9, (count, classes))
    return np.asarray(soft / soft.sum(axis=1, keepdims=True) if "sums_to_one" in facts else soft)


def _network(count: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(23)
    return rng.normal(size=(count, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)


def _compare_single(name: str, facts: str, by: str) -> None:
    X, W, b = _network(1)
    Y = _labels(facts, 1, 4)
    expected = _expected(X, W, b, Y, SINGLE[name])
    got = gradient(single(name, facts), {"W": W.T, "x": X[0], "b": b, "y": Y[0]}, by)
    right = expected[by].T if by == "W" else expected[by].ravel()
    np.testing.assert_allclose(got, right, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("by", ["z", "W", "b", "x"])
@pytest.mark.parametrize("name", SINGLE)
def test_one_example(name: str, by: str) -> None:
    facts = SINGLE[name].facts
    _compare_single(name, facts, by)


@pytest.mark.parametrize("by", ["z", "W", "b"])
@pytest.mark.parametrize("name", SINGLE)
def test_one_example_line_by_line(name: str, by: str) -> None:
    assert proven(single(name, SINGLE[name].facts), by) == []


@pytest.mark.parametrize("facts", ["sums_to_one positive", "positive"])
@pytest.mark.parametrize("name", SOFT)
def test_soft_labels(name: str, facts: str) -> None:
    _compare_single(name, facts, "z")
    assert proven(single(name, facts), "z") == []


def _compare_batch(name: str, facts: str, by: str) -> None:
    convention, way = BATCH[name]
    X, W, b = _network(5)
    Y = _labels(facts, 5, 4)
    expected = _expected(X, W, b, Y, way)
    turn = convention == "column"
    arrays = {"X": X.T, "W": W.T, "b": b, "Y": Y.T} if turn else {"X": X, "W": W, "b": b, "Y": Y}
    right = expected[by.lower() if by == "Z" else by]
    got = gradient(batch(name, facts), arrays, by)
    np.testing.assert_allclose(got, right.T if turn else right, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("by", ["Z", "W", "b"])
@pytest.mark.parametrize("name", BATCH)
def test_a_batch(name: str, by: str) -> None:
    _compare_batch(name, BATCH[name][1].facts, by)


@pytest.mark.parametrize("by", ["Z", "W", "b"])
@pytest.mark.parametrize("name", BATCH)
def test_a_batch_line_by_line(name: str, by: str) -> None:
    assert proven(batch(name, BATCH[name][1].facts), by) == []


@pytest.mark.parametrize("name", [name for name, (_, way) in BATCH.items() if not way.assumes_by_form])
def test_soft_labels_in_a_batch(name: str) -> None:
    _compare_batch(name, "positive", "Z")


# -- p - y needs the declared assumption


NAMED = ["softmax, then cross_entropy", "exp over a sum", "entry equations", "inner product"]
SUMS = "the entries of `y` sum to 1"


@pytest.mark.parametrize("facts", ["one_hot", "sums_to_one", "sums_to_one positive"])
@pytest.mark.parametrize("name", NAMED)
def test_p_minus_y_under_the_assumption(name: str, facts: str) -> None:
    derivation = single(name, facts).derive("L", "z")
    assert derivation.text == "p - y"
    assert derivation.assumptions == (SUMS,)
    assert SUMS in [words for step in derivation.steps for words in step.uses]


@pytest.mark.parametrize("name", NAMED)
def test_without_it_the_total_stays(name: str) -> None:
    derivation = single(name, "positive").derive("L", "z")
    assert derivation.text == "sum(y) p - y"
    assert derivation.assumptions == ()


SYMBOLS = "W: k d parameter; x: d input; b: k parameter; y: k target positive"


def test_the_assumption_may_be_declared_by_assume() -> None:
    forward = "z = W x + b; p = softmax(z); L = cross_entropy(y, p)"
    problem = network("column", SYMBOLS, forward, assume=["sum(y) = 1"])
    derivation = problem.derive("L", "z")
    assert derivation.text == "p - y"
    assert derivation.assumptions == (SUMS,)


def test_a_whole_matrix_that_sums_to_one_says_nothing_about_its_rows() -> None:
    symbols = "X: N D input; W: D K parameter; Y: N K target positive"
    forward = "Z = X W; P = softmax(Z); L = cross_entropy(Y, P)"
    problem = network("row", symbols, forward, assume=["sum(Y) = 1"])
    derivation = problem.derive("L", "Z")
    assert derivation.assumptions == ()
    assert "P - Y" not in derivation.text
    assert proven(problem, "Z") == []


def test_rows_that_sum_to_one_do_not_help_a_softmax_of_columns() -> None:
    symbols = "X: N D input; W: D K parameter; Y: N K target sums_to_one"
    problem = network("row", symbols, "Z = X W; P = softmax(Z, columns); L = -sum(Y * log(P))")
    derivation = problem.derive("L", "Z")
    assert derivation.text == "P * colsum(Y) - Y"
    assert derivation.assumptions == ()
    assert proven(problem, "Z") == []


# -- two roads


@pytest.mark.parametrize("facts", ["one_hot", "sums_to_one positive", "positive"])
@pytest.mark.parametrize("name", NAMED)
def test_the_jacobian_road_has_the_same_result(name: str, facts: str) -> None:
    problem = single(name, facts)
    assert problem.derive("L", "z", via="jacobian").text == problem.derive("L", "z").text
    assert proven(problem, "z", via="jacobian") == []


@pytest.mark.parametrize("name", ["by row", "a mean of sums", "entries", "columns", "columns, written"])
def test_the_jacobian_road_of_a_batch_has_the_same_result(name: str) -> None:
    problem = batch(name, "one_hot")
    assert problem.derive("L", "Z", via="jacobian").text == problem.derive("L", "Z").text
    assert proven(problem, "Z", via="jacobian") == []
    steps = [step.rule for step in problem.derive("L", "Z", via="jacobian").steps]
    assert "log-of-quotient" not in steps


@pytest.mark.parametrize("name", ["softmax, then cross_entropy", "entry equations"])
def test_the_log_road_rewrites_the_forward_pass_first(name: str) -> None:
    derivation = single(name, "one_hot").derive("L", "z")
    assert derivation.steps[0].rule == "log-of-quotient"
    assert derivation.steps[0].before.text == "log(p)"


def test_a_second_use_of_the_probabilities_takes_the_jacobian_road() -> None:
    symbols = "z: k parameter; y: k target one_hot; t: k target"
    problem = network("column", symbols, "p = softmax(z); L = cross_entropy(y, p) + sumsq(p - t)")
    derivation = problem.derive("L", "z")
    assert [step.rule for step in derivation.steps if step.rule == "log-of-quotient"] == []
    assert proven(problem, "z") == []


# -- binary cross-entropy, and cases in which `diff` of SymPy 1.14 is silently wrong


BINARY = {
    "sigmoid, then bce": ("a = sigmoid(z); L = bce(y, a)", "a - y"),
    "from logits": ("L = bce_logits(y, z)", "sigmoid(z) - y"),
    "softplus": ("L = sum(softplus(z) - y * z)", "sigmoid(z) - y"),
}


@pytest.mark.parametrize(("forward", "text"), BINARY.values(), ids=BINARY)
def test_binary_cross_entropy(forward: str, text: str) -> None:
    symbols = "W: k d parameter; x: d input; b: k parameter; y: k target positive"
    problem = network("column", symbols, "z = W x + b; " + forward)
    assert problem.derive("L", "z").text == text
    assert proven(problem, "z") == []
    assert proven(problem, "W") == []


SILENT = {
    "log-sum-exp": ("L = log(sum(exp(W x)))", lambda W, x: np.outer(softmax(W @ x), x)),
    "two norms": (
        "L = norm(W x) + norm(W)",
        lambda W, x: np.outer(W @ x, x) / np.linalg.norm(W @ x) + W / np.linalg.norm(W),
    ),
    "a norm and its square": (
        "L = norm(W x) + sumsq(W x)",
        lambda W, x: np.outer(W @ x, x) * (1 / np.linalg.norm(W @ x) + 2),
    ),
    "a product of norms": (
        "L = norm(W x) norm(W)",
        lambda W, x: (
            np.outer(W @ x, x) * np.linalg.norm(W) / np.linalg.norm(W @ x)
            + W * np.linalg.norm(W @ x) / np.linalg.norm(W)
        ),
    ),
}


@pytest.mark.parametrize("name", SILENT)
def test_what_sympy_gets_silently_wrong(name: str) -> None:
    forward, right = SILENT[name]
    problem = network("column", "W: m n parameter; x: n input", forward)
    rng = np.random.default_rng(31)
    W, x = rng.normal(size=(4, 3)), rng.normal(size=3)
    np.testing.assert_allclose(gradient(problem, {"W": W, "x": x}, "W"), right(W, x), rtol=1e-12)
    assert proven(problem, "W") == []


def _sympy_losses() -> dict[str, tuple[sympy.Expr, sympy.MatrixSymbol]]:
    m, n = sympy.symbols("m n")
    W, x = sympy.MatrixSymbol("W", m, n), sympy.MatrixSymbol("x", n, 1)
    norm = sympy.sqrt(sympy.Trace(W.T * W))
    return {
        "log-sum-exp": (sympy.log((sympy.OneMatrix(1, m) * (W * x).applyfunc(sympy.exp))[0, 0]), W),
        "two norms": (sympy.sqrt((x.T * W.T * W * x)[0, 0]) + norm, W),
    }


@pytest.mark.parametrize("name", ["log-sum-exp", "two norms"])
def test_sympy_still_gets_it_silently_wrong(name: str) -> None:
    """When this fails SymPy has learnt it, and the reason why we derive ourselves wants a new look."""
    loss, by = _sympy_losses()[name]
    assert loss.diff(by) == sympy.ZeroMatrix(*by.shape)
