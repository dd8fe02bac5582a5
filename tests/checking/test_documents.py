"""Five derivations as they were found: every known mistake is flagged, nothing right is called wrong."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import symbackprop as sbp
from symbackprop.checking.findings import Finding

FOLDER = Path(__file__).parent / "documents"
PARTS = sorted(path.stem for path in FOLDER.glob("*.md"))
RIGHT = {"correct", "recovered", "convention", "notation"}


def plain(latex: str) -> str:
    """A formula without spaces, sizes and braces."""
    return re.sub(r"\s+|\\left|\\right|\\quad|\\text|[{}&.,$]|\\\\", "", latex)


@cache
def expected(part: str) -> dict[str, Any]:
    """What a reader of the document must find."""
    found: dict[str, Any] = YAML(typ="safe").load((FOLDER / f"{part}.expected.yaml").read_text())
    return found


@cache
def findings(part: str) -> tuple[Finding, ...]:
    """What is found."""
    problem = sbp.load(FOLDER / f"{part}.yaml")
    return sbp.check(problem, (FOLDER / f"{part}.md").read_text(), kind="md").findings


def matching(part: str, latex: str) -> list[Finding]:
    """The findings about links that stand in a formula; of one relation those that end like it."""
    whole = plain(latex)
    inside = [one for one in findings(part) if plain(one.latex) in whole]
    if inside:
        return inside
    return [one for one in findings(part) if plain(one.latex).endswith(whole)]


def flags() -> list[tuple[str, dict[str, Any]]]:
    return [(part, flag) for part in PARTS for flag in expected(part)["flags"]]


def accepted() -> list[tuple[str, str]]:
    return [(part, latex) for part in PARTS for latex in expected(part)["accept"]]


@pytest.mark.parametrize(("part", "flag"), flags(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_mistake_is_flagged_with_its_cause(part: str, flag: dict[str, Any]) -> None:
    found = matching(part, flag["latex"])
    said = [(one.verdict, one.causes, one.latex) for one in found]
    right = [one for one in found if one.verdict in flag["verdict"]]
    assert right, said
    wrong = [one for one in right if one.verdict == "wrong"]
    assert not wrong or any(set(one.causes) & set(flag["cause"]) for one in wrong), said


@pytest.mark.parametrize(("part", "latex"), accepted())
def test_what_is_right_is_accepted(part: str, latex: str) -> None:
    found = matching(part, latex)
    assert found
    allowed = RIGHT | ({"unchecked", "unread"} if r"\delta W_{i,j}^3" in latex else set())  # two indices lost
    assert all(one.verdict in allowed for one in found), [(one.verdict, one.message) for one in found]


@pytest.mark.parametrize("part", PARTS)
def test_nothing_else_is_wrong(part: str) -> None:
    listed = {id(one) for flag in expected(part)["flags"] for one in matching(part, flag["latex"])}
    wrong = [one for one in findings(part) if one.verdict == "wrong" and id(one) not in listed]
    assert [(one.latex, one.causes) for one in wrong] == []
