"""Right spellings are accepted, wrong lines are refused with their cause."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import symbackprop as sbp

GROUPS: list[dict[str, Any]] = YAML(typ="safe").load((Path(__file__).parent / "variants.yaml").read_text())


@cache
def problem_of(number: int) -> sbp.Problem:
    return sbp.loads(GROUPS[number]["problem"])


def lines(kind: str) -> list[Any]:
    return [(number, line) for number, group in enumerate(GROUPS) for line in group.get(kind, ())]


@pytest.mark.parametrize(("number", "line"), lines("right"))
def test_a_right_spelling_is_accepted(number: int, line: str) -> None:
    found = sbp.check(problem_of(number), f"$${line}$$").findings
    assert {one.verdict for one in found} == {"correct"}, [(one.message, one.read_as) for one in found]


@pytest.mark.parametrize(("number", "line"), lines("convention"))
def test_another_layout_is_a_convention(number: int, line: str) -> None:
    found = sbp.check(problem_of(number), f"$${line}$$").findings
    assert [(one.verdict, one.cause) for one in found] == [("convention", "layout")], found[0].message


@pytest.mark.parametrize(("number", "line"), lines("wrong"))
def test_a_wrong_line_is_refused_with_its_cause(number: int, line: list[Any]) -> None:
    latex, causes = line
    found = sbp.check(problem_of(number), f"$${latex}$$").findings
    assert [one.verdict for one in found] == ["wrong"], [(one.message, one.read_as) for one in found]
    wanted = {causes} if isinstance(causes, str) else set(causes)
    assert wanted & set(found[0].causes), (found[0].causes, found[0].message)


@pytest.mark.parametrize(("number", "line"), lines("undecided"))
def test_what_may_be_meant_rightly_is_not_called_wrong(number: int, line: str) -> None:
    """Names that the problem has with numbers only, and letters that may be indices or layers."""
    assert "wrong" not in [one.verdict for one in sbp.check(problem_of(number), f"$${line}$$").findings]


def test_there_are_enough() -> None:
    assert len(lines("right")) + len(lines("convention")) >= 150
    assert len(lines("wrong")) >= 150
