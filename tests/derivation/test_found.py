"""Programs on which a derivative was once wrong: each must verify, on both roads."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.reading.infer import infer_program
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation

CASES = [
    ("L = a^T diag(x) b", "a", "column"),  # a delta between two sums
    ("Y = U diag(s) V^T; L = sumsq(Y - A)", "s", "column"),
    ("P = U - colmean(U); L = trace(P)", "U", "column"),
    ("L = (dot(w,x) - tau)^2", "w", "column"),  # the root of a square is not the base
    ("s = sum(z); L = (s - tau)^4", "z", "column"),
    ("P = log_softmax(W^T, rows)^3; L = sum(P)", "W", "column"),
    ("L = trace(softmax(W, rows)) * sum(x)", "x", "column"),  # a diagonal entry is no row sum
    ("L = sum(outer(x, diagonal(softmax(W, rows))))", "x", "column"),
    ("q = softmax(u); L = sumsq(q)", "u", "column"),  # a factor that stands twice
    ("L = kl(softmax(u), softmax(v))", "u", "column"),
    ("L = sum(gelu_tanh(x))", "x", "column"),  # code of a slope without a template
    ("L = hinge(y, X w)", "y", "column"),  # a mask is not negated
    ("L = cross_entropy_logits(U, V, columns)", "V", "row"),
]


@pytest.mark.parametrize("via", ["log", "jacobian"])
@pytest.mark.parametrize(("text", "by", "convention"), CASES)
def test_it_holds(text: str, by: str, convention: str, via: str) -> None:
    """Steps, index form, emitted code and lambdify agree with differences."""
    graph, _ = infer_program(text, convention=convention)
    context = Context(graph)
    derived = context.session(via).derive(graph.tensors["L"], graph.tensors[by])
    verdict = Derivation(context, derived, via).verify()
    assert verdict.status == "holds", verdict.reason


@pytest.mark.parametrize(
    ("loss", "wrt", "text"),
    [
        ("-log(p[5])", "y", "p - eye(m)[:,5]"),
        ("p[1]*p[6]", "y", None),
        ("sum[k](p[k]*kron(k, 4))", "W", None),
    ],
)
def test_entries_at_fixed_places_are_drawn_large_enough(loss: str, wrt: str, text: str | None) -> None:
    """``m`` is drawn so that p[5] exists; what stands at fixed places is folded like any entry."""
    problem = sbp.loads(
        "symbols:\n  x: {shape: [d], role: input}\n  W: {shape: [m, d], role: parameter}\n"
        f"forward: |\n  y = W x\n  p = softmax(y)\n  L = {loss}\n"
    )
    derivation = problem.derive("L", wrt)
    assert derivation.verify().status == "holds"
    assert {step.verdict.status for step in derivation.steps} == {"holds"}
    assert text is None or derivation.text == text
