"""Damaged lines of our own keys are wrong, with the cause: a sample of docs/mutants.md."""

from __future__ import annotations

import random
from functools import cache

import pytest

import symbackprop as sbp
from tests.checking.keys import NETWORKS, lines_of, problem_of
from tests.checking.liveness import liveness
from tests.checking.mutants import KINDS, Mutant, mutants_of

EACH = 3


@cache
def sample() -> tuple[Mutant, ...]:
    """Some live mutants of each kind, the same in every run."""
    found: list[Mutant] = []
    everything = [mutant for network in NETWORKS for line in lines_of(network) for mutant in mutants_of(line)]
    for kind in KINDS:
        own = [mutant for mutant in everything if mutant.kind == kind]
        random.Random(7).shuffle(own)
        live: list[Mutant] = []
        for mutant in own:
            if len(live) == EACH:
                break
            if liveness(mutant) == "live":
                live.append(mutant)
        found.extend(live)
    return tuple(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_line_is_wrong_and_the_cause_is_named(kind: str) -> None:
    for mutant in (one for one in sample() if one.kind == kind):
        finding = sbp.check(problem_of(mutant.line.network), mutant.text).findings[0]
        assert finding.verdict == "wrong", (mutant.text, finding.message)
        assert set(finding.causes) & set(mutant.causes), (mutant.text, finding.causes)


@pytest.mark.parametrize("network", NETWORKS)
def test_undamaged_lines_are_right(network: str) -> None:
    report = sbp.check(problem_of(network), "\n\n".join(line.text for line in lines_of(network)))
    assert report.summary["wrong"] == 0
    assert report.summary["correct"] >= 0.97 * len(report.findings)


def test_the_damaged_claim_is_flagged_and_no_earlier_one() -> None:
    lines = lines_of("column-sigma")[:20]
    mutant = next(m for m in mutants_of(lines[12]) if liveness(m) == "live")
    text = "\n\n".join(
        [*(line.text for line in lines[:12]), mutant.text, *(line.text for line in lines[13:])]
    )
    report = sbp.check(problem_of("column-sigma"), text)
    assert report.first_wrong == 12
