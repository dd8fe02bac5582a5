"""Softmax cross-entropy in fifteen spellings, and other programs of the field: all are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from symbackprop.core.graph import Graph

VECTOR = {"W": "K,D", "x": "D", "b": "K", "y": "K", "beta": ""}
BATCH = {"X": "N,D", "W": "D,K", "b": "K", "Y": "N,K", "beta": ""}

SPELLINGS = [
    ("column", "p = softmax(z); L = cross_entropy(y, p)"),
    ("column", "p = softmax(z); L = -sum(y * log(p))"),
    ("column", "L = -y^T log(softmax(z))"),
    ("column", "L = -dot(y, log_softmax(z))"),
    ("column", "L = cross_entropy_logits(y, z)"),
    ("column", "L = logsumexp(z) - y^T z"),
    ("column", "L = nll(y, log_softmax(beta z))"),
    ("column", "e = exp(z); S = sum(e); p = e/S; L = -sum(y * log(p))"),
    ("column", "p = exp(z)/sum(exp(z)); L = cross_entropy(y, p)"),
    ("column", "p[k] = exp(z[k])/sum[j](exp(z[j])); L = -sum[k](y[k] log(p[k]))"),
    ("column", "L = sum[k](y[k] (log(sum[j](exp(z[j]))) - z[k]))"),
    ("column", "L = kl(y, softmax(z))"),
    ("row", "P = softmax(Z); L = cross_entropy(Y, P)/N"),
    ("row", "P = exp(beta Z)/rowsum(exp(beta Z)); L = -sum(Y * log(P))/N"),
    ("row", "P[n,k] = exp(Z[n,k])/sum[j](exp(Z[n,j])); L = -sum[n,k](Y[n,k] * log(P[n,k]))/N"),
    ("row", "L = mean[n](-sum[k](Y[n,k] * log_softmax(Z)[n,k]))"),
    ("row", "L = sum(logsumexp(Z) - rowsum(Y * Z))/N"),
    ("row", "L = 1/2 * mean(logsumexp(Z, rows)) - 1/2 sum(Y * Z)"),
]


@pytest.mark.parametrize(("convention", "text"), SPELLINGS)
def test_softmax_cross_entropy(build: Callable[..., Graph], convention: str, text: str) -> None:
    """Each spelling is a scalar of the scores."""
    row = convention == "row"
    scores = "Z = X W + b" if row else "z = W x + b"
    graph = build(f"{scores}; {text}", BATCH if row else VECTOR, convention)
    assert graph.tensors["L"].shape == ()
    assert graph.equations[0].target.name == ("Z" if row else "z")


PROGRAMS = {
    "residual": (
        "h = x + tanh(A x + b); g = h + tanh(A h + b); L = sumsq(g - t)",
        {"A": "n,n", "x,b,t": "n"},
    ),
    "tied": ("H = relu(W x); y = W^T H; L = sse(x, y)", {"W": "m,n", "x": "n"}),
    "quadratic": ("L = 1/2 x^T A x - b^T x", {"A": "n,n", "x,b": "n"}),
    "cosine": ("c = dot(x, y)/(norm(x) norm(y))", {"x,y": "n"}),
    "gate": ("i = sigmoid(A x + b); c = i * tanh(A x) + (1 - i) * x", {"A": "n,n", "x,b": "n"}),
    "attention": ("S = Q K1^T/sqrt(d); P = softmax(S, rows); O = P V", {"Q": "m,d", "K1": "n,d", "V": "n,p"}),
    "standardise": ("mu = colmean(X); C = X - mu; v = colmean(C^2); Y = C/sqrt(v + 1e-5)", {"X": "N,D"}),
    "elastic net": (
        "L = mse(y, X w) + lam/2 * sumsq(w) + lam norm1(w)",
        {"X": "N,D", "w": "D", "y": "N", "lam": ""},
    ),
}


@pytest.mark.parametrize(("text", "shapes"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs(build: Callable[..., Graph], text: str, shapes: dict[str, str]) -> None:
    """Programs of the field read in the column convention."""
    each = {name: shape for names, shape in shapes.items() for name in names.split(",")}
    assert len(build(text, each).equations) == text.count(";") + 1
