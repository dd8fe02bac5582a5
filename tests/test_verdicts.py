"""Verdicts: three values, never a truth value."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.answering.notes import kink_notes
from symbackprop.core.verdicts import Evidence, Verdict, not_checked


def test_a_verdict_is_compared_with_its_status() -> None:
    verdict = Verdict("holds", Evidence("differences", 3))
    assert verdict == "holds"
    assert verdict != "fails"
    assert verdict != 1
    assert str(verdict) == "holds"
    assert hash(verdict) == hash("holds")


def test_verdicts_are_equal_by_status_and_evidence() -> None:
    assert Verdict("holds") == Verdict("holds")
    assert Verdict("holds") != Verdict("holds", Evidence("differences", 3))
    assert not_checked("too large") != Verdict("not-checked")


@pytest.mark.parametrize("verdict", [Verdict("holds"), Verdict("fails"), not_checked("too large")])
def test_a_verdict_is_no_truth_value(verdict: Verdict) -> None:
    with pytest.raises(TypeError, match="three values"):
        bool(verdict)


@pytest.mark.parametrize(
    "loss",
    [
        "sum(Y*log(Y/P))", "sum(Y*(log(Y) - log(P)))", "sum[n,k](Y[n,k] log(Y[n,k]/P[n,k]))",
        "sum[n,k](Y[n,k]*log(Y[n,k])) - sum(Y*log(P))",
    ],
)  # fmt: skip
def test_zero_log_zero_is_zero_of_a_one_hot_array(loss: str) -> None:
    problem = sbp.loads(
        "convention: row\nsymbols:\n  Y: {shape: [N, K], role: target, one_hot: true}\n"
        f"  Z: {{shape: [N, K], role: parameter}}\nforward: |\n  P = softmax(Z)\n  L = {loss}\n"
    )
    found = problem.derive("L", "Z")
    assert found.text == "P - Y"
    assert found.verify().status == "holds"
    assert "0 log 0 = 0" in list(kink_notes(problem.spec.graph))


def test_any_other_zero_times_infinity_stays_without_a_value() -> None:
    problem = sbp.loads(
        "convention: row\nsymbols:\n  Y: {shape: [N, K], role: target, one_hot: true}\n"
        "  Z: {shape: [N, K], role: parameter}\nforward: L = sum(Y*log(0*Z))\n"
    )
    assert problem.derive("L", "Z").verify().status == "not-checked"


def test_the_verdict_of_a_step_is_found_when_it_is_asked_for() -> None:
    problem = sbp.loads("symbols: {x: {shape: [n], role: parameter}}\nforward: L = sumsq(tanh(x))\n")
    step = problem.derive("L", "x").steps[0]
    assert step.verdict == "holds"
    assert step.verdict.evidence.points > 1
    with pytest.raises(TypeError, match="three values"):
        bool(step.verdict)
