"""Damaged lines of our own keys are wrong, with the cause: a sample of docs/mutants.md."""

from __future__ import annotations

import re
from functools import cache

import pytest

import symbackprop as sbp
from tests.checking.confusion import PAGE, Tally, run
from tests.checking.keys import lines_of, problem_of
from tests.checking.mutants import KINDS

# A few networks that hold every kind of line: all kinds of damage are live in them.
SAMPLE = ("batch-relu", "column-sigma", "cases-by-rows", "drawn-1")
# Row and column conventions, the three layouts; all keys are read by tests/checking/confusion.py.
KEYS = ("attention", "batch-columns", "drawn-4", "drawn-8")


@cache
def tallies() -> dict[str, Tally]:
    """One live mutant of each kind, the same in every run."""
    return run(1, SAMPLE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_line_is_wrong_with_its_cause_and_no_earlier_line_is(kind: str) -> None:
    tally = tallies()[kind]
    assert tally.fates["live"] == 1
    assert (tally.flagged, tally.early, tally.explained) == (1, 0, 1), tally.missed


@pytest.mark.parametrize("network", KEYS)
def test_undamaged_lines_are_right(network: str) -> None:
    report = sbp.check(problem_of(network), "\n\n".join(line.text for line in lines_of(network)))
    assert report.summary["wrong"] == 0
    assert report.summary["correct"] >= 0.97 * len(report.findings)


def test_the_page_holds_what_is_promised() -> None:
    """The full run, as it was last made: of every kind fifty mutants, wrong in 99 %, explained in 95 %."""
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([a-z-]+) \| (\d+) \|", text)
    assert [name for name, _ in rows] == list(KINDS)
    assert min(int(live) for _, live in rows) >= 50
    shares = [float(share) for share in re.findall(r"\(([\d.]+) %\)", text)]
    assert shares[0] >= 99
    assert shares[1] >= 95
    correct, every, wrong = map(int, re.findall(r"lines: (\d+) of (\d+) are `correct`, (\d+)", text)[0])
    assert wrong == 0
    assert correct >= 0.97 * every
