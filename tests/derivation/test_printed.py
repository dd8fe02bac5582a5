"""Results as people print them: what is shared in front, names put back, no line that needs algebra."""

from __future__ import annotations

import numpy as np
import pytest

from symbackprop.errors import InputError
from tests.derivation.networks import network

ATTENTION = "Q: N d parameter; K: M d parameter; V: M e input"
BY_LABELS = "S: N K parameter; y: N target classes=K"

PRINTED = [
    ("row", ATTENTION, "A = softmax(Q K^T/sqrt(d)); O = A V; L = L(O)", "K",
     "(A * (dL/dA - rowsum(dL/dA * A)))^T Q / sqrt(d)"),
    ("row", ATTENTION, "O = softmax(Q K^T/sqrt(d)) V; L = L(O)", "Q",
     "(softmax(Q K^T / sqrt(d)) * (dL/dO V^T - rowsum(dL/dO * O))) K / sqrt(d)"),
    ("column", "A: n n input; B: n n input; x: n parameter", "L = x^T A x/(x^T B x)", "x",
     "(A + A^T - L (B + B^T)) x / (x^T B x)"),
    ("column", "A: n n input; x: n parameter", "L = (x^T A x - 1)^2", "x", "2 (x^T A x - 1) (A + A^T) x"),
    ("column", "a: n input; W: n n parameter", "L = a^T W W W a", "W",
     "a a^T W^T W^T + W^T a a^T W^T + W^T W^T a a^T"),
    ("column", "x: n input; y: n input; W: d n parameter; t: target",
     "u = tanh(W x); v = tanh(W y); L = (norm(u - v) - t)^2", "W",
     "2 (norm(u - v) - t) (((u - v) * (1 - u^2)) x^T - ((u - v) * (1 - v^2)) y^T) / norm(u - v)"),
    ("column", "z: n parameter; y: n target",
     "p = 1/(1 + exp(-z)); L = -sum(y * log(p) + (1 - y) * log(1 - p))", "z", "p - y"),
    ("column", "w: n parameter; x: n input; y: target", "L = log(1 + exp(-y (w^T x)))", "w",
     "-y sigmoid(-y (w^T x)) x"),
    ("column", "X: n d input; w: d parameter", "L = log(sum(exp(X w)))", "w", "X^T softmax(X w)"),
    ("row", BY_LABELS, "L = sum[n](log(sum[j](exp(S[n,j]))) - S[n,y[n]])/N", "S",
     "(softmax(S) - onehot(y))/N"),
    ("row", BY_LABELS, "L = sum[n](sum[j != y[n]](S[n,j]^2))", "S", "2 S * (1 - onehot(y))"),
    ("row", BY_LABELS, "L = sum[n](max[j != y[n]](S[n,j]))", "S",
     "ind(S[p,q] = max[j != y[p]](S[p,j])) ind(y[p] != q)"),
    ("column", "x: n parameter", "z = x + x; L = sum(max(z, 2 x))", "x", "2 (ind(z >= 2 x) + ind(2 x > z))"),
    ("column", "x: n parameter", "L = sum(max(x, 0))", "x", "ind(x > 0)"),
    ("column", "x: n parameter; y: m parameter", "L = (stack(x, y))[3]^2", "x",
     "2 (sum[k](x[k] ind(k = 3)) + sum[k](y[k] ind(k + n = 3))) ind(p = 3)"),
    ("column", "A: n n parameter; x: n input", "L = sum(inv(A)[2..n,1..n-1])", "A",
     "-colsum(inv(A)[2..n,:])^T rowsum(inv(A)[:,1..n-1])^T"),
]  # fmt: skip


@pytest.mark.parametrize(("convention", "symbols", "forward", "by", "text"), PRINTED)
def test_the_result_is_what_people_print(
    convention: str, symbols: str, forward: str, by: str, text: str
) -> None:
    derivation = network(convention, symbols, forward).derive("L", by)
    assert derivation.text == text
    assert derivation.verify().status == "holds"


def test_a_condition_on_a_label_leaves_its_class_out() -> None:
    """Not the class with the number of the example: that is what j != n would be."""
    problem = network("row", BY_LABELS, "L = sum[n](sum[j != y[n]](S[n,j]^2))")
    scores, labels = np.random.default_rng(1).normal(size=(3, 4)), np.array([1, 3, 0])
    expected = 2 * scores
    expected[np.arange(3), labels] = 0
    np.testing.assert_allclose(problem.derive("L", "S").numpy()({"S": scores, "y": labels}), expected)


def test_labels_in_ranges_have_no_order() -> None:
    with pytest.raises(InputError, match="labels have no order"):
        network("row", BY_LABELS, "L = sum[n](sum[j < y[n]](S[n,j]))")


def test_the_staged_form_names_every_path_and_shows_the_algebra() -> None:
    symbols = "X: N D parameter; gamma: D parameter; eps: constant"
    forward = (
        "mu = colmean(X); v = colmean((X - mu)^2); s = sqrt(v + eps); Z = (X - mu)/s; Y = gamma * Z; L = L(Y)"
    )
    steps = network("row", symbols, forward).derive("L", "X").steps
    lines = {step.because: step.after.text for step in steps}
    assert lines["the deviations from a mean sum to 0"] == "-colsum(dL/dZ)/s"
    put_in = "(dL/dZ - colmean(dL/dZ) - (X - mu) * colmean(dL/dZ * Z) / s)/s"
    assert lines["put in `dL/dmu` and `dL/dv`"] == put_in
    assert lines["put `Z` back in"] == "(dL/dZ - colmean(dL/dZ) - Z * colmean(dL/dZ * Z))/s"
    assert all(step.verdict.status != "fails" for step in steps)


@pytest.mark.parametrize("sizes", [{"N": 1, "D": 2, "K": 3}, {"N": 2, "D": 2, "K": 2}], ids=str)
def test_a_label_in_a_condition_stays_one_where_sizes_are_put_in(sizes: dict[str, int]) -> None:
    symbols = "X: N D input; W: D K parameter; b: K parameter; y: N target classes=K"
    forward = "S = X W + b; L = sum[n](sum[j != y[n]](max(0, S[n,j] - S[n,y[n]] + 1)))"
    problem = network("row", symbols, forward, questions=[{"explicit": "dL/db", "dims": sizes}])
    (answer,) = problem.answers()
    assert answer.verdict is not None
    assert answer.verdict.status == "holds"
