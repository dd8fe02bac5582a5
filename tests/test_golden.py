"""Golden keys: the LaTeX of each problem in ``golden/`` is stable byte for byte and no line is too long.

A difference is a change of what people print, so it is looked at before it is accepted:
``python tests/golden/regenerate.py``, then ``git diff tests/golden``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from difflib import unified_diff
from itertools import islice
from pathlib import Path

import pytest

from symbackprop.documents.pdf import compile_pdf
from symbackprop.reports import Answer
from tests.golden.regenerate import FOLDER, cases, printed
from tests.loaded import loaded, params

CASES = params(cases())
ACCEPT = "If the change is meant: python tests/golden/regenerate.py, then read git diff tests/golden."


def _complaint(case: Path, golden: str, found: str) -> str:
    """What changed, in a few lines, and how to accept it."""
    lines = unified_diff(golden.splitlines(), found.splitlines(), f"{case.stem}.tex", "now", lineterm="", n=1)
    return "\n".join([f"the key of {case.name} has changed", *islice(lines, 24), ACCEPT])


@pytest.mark.parametrize("case", CASES)
def test_the_key_stands_still(case: Path) -> None:
    golden = case.with_suffix(".tex")
    if not golden.is_file():
        pytest.fail(f"{golden.name} is missing. {ACCEPT}", pytrace=False)
    found, expected = printed(loaded(case)), golden.read_bytes()
    if found != expected:
        pytest.fail(_complaint(case, expected.decode(), found.decode()), pytrace=False)


@pytest.mark.parametrize("case", CASES)
def test_every_answer_holds(case: Path) -> None:
    """What is kept as golden is right: each answer to a derivation is verified."""
    statuses = {one.id: one.verdict.status for one in loaded(case).answers() if isinstance(one, Answer)}
    assert statuses
    assert statuses == dict.fromkeys(statuses, "holds")


@pytest.mark.parametrize("case", CASES)
def test_no_line_is_too_long(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine sets the golden text on a machine without TeX."""
    monkeypatch.setenv("PATH", "")
    tex = case.with_suffix(".tex").read_text(encoding="utf-8")
    made = compile_pdf(tex, tmp_path / "key.pdf", engine="embedded")
    assert made.overfull == ()
    assert made.path.read_bytes().startswith(b"%PDF")


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.tex")} == {case.stem for case in cases()}


PRINT = "import sys, symbackprop as s; sys.stdout.buffer.write(s.load(sys.argv[1]).render('key').encode())"


@pytest.mark.parametrize("name", ["attention_row", "facts_in_any_order"])
def test_neither_hashes_nor_the_processor_are_printed(name: str, tmp_path: Path) -> None:
    """Fresh processes whose strings hash, and whose products round, differently print the same bytes."""
    case = FOLDER / f"{name}.yaml"
    if name == "facts_in_any_order":
        case = tmp_path / "facts.yaml"
        case.write_text(FACTS, encoding="utf-8")
    first, second = (
        subprocess.run(
            [sys.executable, "-c", PRINT, str(case)],
            env={**os.environ, **other}, stdout=subprocess.PIPE, check=True, timeout=60,
        ).stdout
        for other in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "4021", "OPENBLAS_CORETYPE": "Prescott"})
    )  # fmt: skip
    assert first
    assert first == second


FACTS = """
title: Facts
convention: column
symbols:
  x: {shape: [n], role: input, positive: true, nonzero: true, sums_to_one: true}
  A: {shape: [n, n], role: parameter, symmetric: true, posdef: true, nonzero: true}
forward: |
  L = x^T A x
questions:
  - {derive: dL/dx}
"""
