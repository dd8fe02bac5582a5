"""The page about the five documents: its right lines are shown, its wrong ones refuted or refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.errors import InputError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "worked-documents.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## [^`\n]*`([\w.]+)`\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
LINES = [
    (name, written, right) for name, body in SECTION.findall(PAGE) for written, right in ROW.findall(body)
]


def verdict(example: str, claim: str) -> str:
    """What ``show`` says of a claim about the forward pass of an example."""
    text = (ROOT / "examples" / example).read_text(encoding="utf-8")
    asked = f"questions:\n  - {{show: \"{claim}\", level: vector}}\n"
    problem = sbp.loads(text[: text.index("questions:")] + asked)
    return str(problem.answer("q1").verdict)


def test_every_section_has_its_rows() -> None:
    assert len({name for name, _, _ in LINES}) == len(re.findall(r"^## ", PAGE, re.MULTILINE))
    assert len(LINES) == len(re.findall(r"^\| `", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("example", "right"), [(name, right) for name, _, right in LINES])
def test_the_right_line_is_shown(example: str, right: str) -> None:
    assert verdict(example, right) == "holds"


@pytest.mark.parametrize(("example", "written"), [(name, written) for name, written, _ in LINES])
def test_the_written_line_is_refuted_or_refused(example: str, written: str) -> None:
    try:
        found = verdict(example, written)
    except InputError:
        return
    assert found == "fails"
