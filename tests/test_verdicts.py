"""Verdicts: three values, never a truth value."""

from __future__ import annotations

import pytest

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
