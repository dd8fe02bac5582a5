"""Emitted code at scores of 1000: softmax and log-sum-exp that the author wrote out do not overflow."""

from __future__ import annotations

import numpy as np
import pytest

import symbackprop as sbp

HEAD = """
convention: {convention}
symbols:
  X: {{shape: {x}, role: input}}
  W: {{shape: {w}, role: parameter}}
  Y: {{shape: {y}, role: target}}
  beta: {{role: constant}}
forward: |
"""
ROWS = {
    "indices": "P[n,k] = exp(Z[n,k]) / sum[j](exp(Z[n,j]))\nL = -sum[n,k](Y[n,k]*log(P[n,k]))/N",
    "lines": "E = exp(Z)\ns = rowsum(E)\nP = E / s\nL = -sum(Y*log(P))/N",
    "diagonal": "E = exp(Z)\ns = rowsum(E)\nP = diag(1/s) E\nL = -sum(Y*log(P))/N",
    "one line": "L = -sum(Y * log(exp(Z)/rowsum(exp(Z))))/N",
    "difference": "L = -sum[n,k](Y[n,k]*(Z[n,k] - log(sum[j](exp(Z[n,j])))))/N",
    "softmax": "P = softmax(Z)\nL = -sum(Y*log(P))/N",
    "loss": "L = cross_entropy_logits(Y, Z)/N",
}


def softmax(z: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.parametrize("spelling", ROWS)
def test_cross_entropy_of_large_scores(spelling: str, rng: np.random.Generator) -> None:
    head = HEAD.format(convention="row", x="[N, D]", w="[D, K]", y="[N, K]")
    lines = "\n".join(f"  {line}" for line in ("Z = X W", *ROWS[spelling].split("\n")))
    gradients = sbp.loads(head + lines + "\n").gradients("L", ["W", "Y", "Z"])
    arrays = {"X": 300 * rng.normal(size=(5, 3)), "W": 4 * rng.normal(size=(3, 4)), "Y": rng.random((5, 4))}
    found = gradients.numpy()(arrays)
    Z = arrays["X"] @ arrays["W"]
    assert np.abs(Z).max() > 1000
    P = softmax(Z, 1)
    dZ = (P * arrays["Y"].sum(axis=1, keepdims=True) - arrays["Y"]) / 5
    top = Z.max(axis=1, keepdims=True)
    logs = Z - top - np.log(np.exp(Z - top).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found["Z"], dZ, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["W"], arrays["X"].T @ dZ, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["Y"], -logs / 5, rtol=1e-9, atol=1e-9)
    for name, expected in (("W", found["W"]), ("Y", found["Y"]), ("Z", found["Z"])):
        np.testing.assert_allclose(gradients[name].numpy()(arrays), expected, rtol=1e-12)


@pytest.mark.parametrize("spelling", [
    "P = exp(Z) / colsum(exp(Z))",
    "E = exp(Z)\n  s = colsum(E)\n  P = E / s",
    "E = exp(Z)\n  R = 1/colsum(E)\n  P = E * R",
    "P[k,n] = exp(Z[k,n]) / sum[j](exp(Z[j,n]))",
    "P = softmax(Z)",
])  # fmt: skip
def test_columns_of_large_scores(spelling: str, rng: np.random.Generator) -> None:
    head = HEAD.format(convention="column", x="[D, N]", w="[K, D]", y="[K, N]")
    problem = sbp.loads(f"{head}  Z = W X\n  {spelling}\n  L = sum((P - Y)^2)\n")
    arrays = {"X": 300 * rng.normal(size=(3, 5)), "W": 4 * rng.normal(size=(4, 3)), "Y": rng.random((4, 5))}
    P = softmax(arrays["W"] @ arrays["X"], 0)
    dP = 2 * (P - arrays["Y"])
    dZ = P * (dP - (dP * P).sum(axis=0))
    found = problem.gradients("L").numpy()(arrays)["W"]
    np.testing.assert_allclose(found, dZ @ arrays["X"].T, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("spelling", [
    "p = exp(beta*z) / sum(exp(beta*z))",
    "p[k] = exp(beta*z[k]) / sum[j](exp(beta*z[j]))",
    "u = beta*z\n  e = exp(u)\n  S = sum(e)\n  p = e/S",
    "u = beta*z\n  e = exp(u)\n  r = 1/sum(e)\n  p = r e",
])  # fmt: skip
def test_one_example_with_a_temperature(spelling: str, rng: np.random.Generator) -> None:
    head = HEAD.format(convention="column", x="[D]", w="[K, D]", y="[K]")
    problem = sbp.loads(f"{head}  z = W X\n  {spelling}\n  L = -sum(Y*log(p))\n")
    arrays = {
        "X": 300 * rng.normal(size=3), "W": 4 * rng.normal(size=(4, 3)), "Y": rng.random(4), "beta": 1.5,
    }  # fmt: skip
    u = 1.5 * arrays["W"] @ arrays["X"]
    found = problem.gradients("L", ["W", "Y", "beta"]).numpy()(arrays)
    du = softmax(u, 0) * arrays["Y"].sum() - arrays["Y"]
    np.testing.assert_allclose(found["W"], 1.5 * np.outer(du, arrays["X"]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found["beta"], du @ u / 1.5, rtol=1e-9)
    assert np.isfinite(found["Y"]).all()


@pytest.mark.parametrize(("forward", "shape", "causal"), [
    ("A[i,j] = ind(j <= i)*exp(S[i,j]) / sum[k](ind(k <= i)*exp(S[i,k]))", "[N, N]", True),
    ("A[i,j] = ind(j <= i)*exp(S[i,j]) / sum[k <= i](exp(S[i,k]))", "[N, N]", True),
    ("A[h,i,j] = exp(S[h,i,j]) / sum[k](exp(S[h,i,k]))", "[H, N, N]", False),
    ("E[h,i,j] = exp(S[h,i,j])\n  D[h,i] = sum[k](E[h,i,k])\n  A[h,i,j] = E[h,i,j]/D[h,i]",
     "[H, N, N]", False),
])  # fmt: skip
def test_masked_and_stacked_softmaxes(
    forward: str, shape: str, causal: bool, rng: np.random.Generator
) -> None:
    """The largest of what the mask leaves is taken off; softmax along the last of three axes."""
    symbols = f"  S: {{shape: {shape}, role: parameter}}\n  Y: {{shape: {shape}, role: target}}\n"
    heads = "h," if shape.startswith("[H") else ""
    loss = f"L = sum[{heads}i,j]((A[{heads}i,j] - Y[{heads}i,j])^2)"
    problem = sbp.loads(f"convention: row\nsymbols:\n{symbols}forward: |\n  {forward}\n  {loss}\n")
    size = (2, 4, 4) if heads else (4, 4)
    arrays = {"S": 2000 * rng.normal(size=size), "Y": rng.random(size)}
    scores = np.where(np.tril(np.ones((4, 4))) > 0, arrays["S"], -np.inf) if causal else arrays["S"]
    A = softmax(scores, -1)
    dA = 2 * (A - arrays["Y"])
    expected = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
    found = problem.derive("L", "S").numpy()(arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_an_exponential_that_stands_elsewhere_too_is_left_alone() -> None:
    text = HEAD.format(convention="row", x="[N, D]", w="[D, K]", y="[N, K]")
    text += "  E = exp(X W)\n  P = 2 E / rowsum(Y * E)\n  L = sum(P) + sum(E)\n"
    assert "E = np.exp(X @ W)" in sbp.loads(text).derive("L", "W").numpy_source


def test_what_is_no_softmax_is_left_alone() -> None:
    text = HEAD.format(convention="row", x="[N, D]", w="[D, K]", y="[N, K]")
    text += "  Z = X W\n  s = rowsum(exp(Z))\n  P = exp(2*Z) / s\n  L = sum(P*Y)\n"
    assert "P = np.exp(2 * Z) / s[:, None]" in sbp.loads(text).derive("L", "W").numpy_source


def test_lines_that_nothing_needs_any_more_are_dropped() -> None:
    text = HEAD.format(convention="row", x="[N, D]", w="[D, K]", y="[N, K]")
    text += "  Z = X W\n  E = exp(Z)\n  s = rowsum(E)\n  P = E/s\n  L = sum((P - Y)^2)\n"
    source = sbp.loads(text).derive("L", "W").numpy_source
    assert "P = softmax(Z, axis=1)" in source
    assert "E = " not in source
    assert "s = " not in source.partition("def gradient")[2]
