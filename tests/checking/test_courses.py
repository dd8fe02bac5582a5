"""Works for the networks that courses ask, as students write them, with definitions and conditions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import symbackprop as sbp

GROUPS: dict[str, dict[str, Any]] = {
    group["name"]: group
    for group in YAML(typ="safe").load((Path(__file__).parent / "courses.yaml").read_text())
}


@cache
def problem(name: str) -> sbp.Problem:
    return sbp.loads(GROUPS[name]["problem"])


def wrong_lines() -> list[tuple[str, int]]:
    return [
        (name, place) for name, group in GROUPS.items()
        for place, part in enumerate(group["work"]) if not isinstance(part, str)
    ]  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_every_right_line_is_correct(name: str) -> None:
    text = "\n\n".join(part for part in GROUPS[name]["work"] if isinstance(part, str))
    found = sbp.check(problem(name), text).findings
    assert [(one.latex, one.verdict, one.message) for one in found if one.verdict != "correct"] == []


@pytest.mark.parametrize(("name", "place"), wrong_lines())
def test_a_wrong_line_has_its_cause(name: str, place: int) -> None:
    work = GROUPS[name]["work"]
    latex, causes = work[place]
    before = [part for part in work[:place] if isinstance(part, str)]
    text = "\n\n".join([*before, latex])
    first = len(text.splitlines()) - len(latex.splitlines()) + 1
    found = [one for one in sbp.check(problem(name), text).findings if one.line >= first]
    said = [one for one in found if one.verdict != "correct"]
    assert said, found
    assert said[0].cause in ([causes] if isinstance(causes, str) else causes), said[0].message
    assert said[0].verdict == ("convention" if causes == "layout" else "wrong"), said[0].message
