"""What is said: sentences, places in the counting of the problem, every cause with a sample in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.checking.messages import CAUSE_WORDS, entry_words, sentence
from symbackprop.reading.keys import CAUSES

DOCS = Path(__file__).parent.parent.parent / "docs"
COLUMN = """
convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
forward: |
  y = W x
  J = J(y)
"""
LISTED = r"$$y = \begin{bmatrix} W_{00} x_0 + W_{01} x_1 \\ 0 \end{bmatrix}$$"
TURNED = r"\frac{\partial J}{\partial W} = x \left(\frac{\partial J}{\partial y}\right)^T"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("the sign is wrong", "The sign is wrong."),
        ("x (dJ/dy)^T is wrong", "x (dJ/dy)^T is wrong."),
        ("a has no meaning", "a has no meaning."),
        ("a sum is missing", "A sum is missing."),
        ("gamma enters every example", "gamma enters every example."),
        ("what is this?", "What is this?"),
        ("", ""),
    ],
)
def test_mathematics_is_never_put_in_capitals(words: str, said: str) -> None:
    assert sentence(words) == said


@pytest.mark.parametrize("feedback", ["repair", "nudge"])
def test_the_letters_of_a_message_are_those_of_the_problem(feedback: str) -> None:
    for line in (TURNED, "q = W x"):
        (found,) = sbp.check(sbp.loads(COLUMN), f"$${line}$$", feedback=feedback).findings
        assert "X" not in found.message
        assert "Q" not in found.message


def test_a_transpose_of_a_product_is_written_out() -> None:
    (found,) = sbp.check(sbp.loads(COLUMN), f"$${TURNED}$$").findings
    assert found.repair == r"\frac{\partial J}{\partial W} = \frac{\partial J}{\partial y}\,x^{\top}"


def test_places_are_counted_as_the_problem_counts() -> None:
    assert entry_words((1, 2), 1) == "entry (1, 2)"
    assert entry_words((1, 2), 0) == "entry (0, 1)"
    text = COLUMN.replace("convention: column", "convention: column\nindex_from: 0").replace(
        "J = J(y)", "J = sumsq(y)"
    ).replace("[m, n]", "[2, 2]").replace("[n]", "[2]")  # fmt: skip
    (found,) = sbp.check(sbp.loads(text), LISTED).findings
    assert found.verdict == "wrong"
    assert found.entries == ((2,),)  # data count from 1
    assert "(1)" in found.message


def test_a_function_of_greek_name_is_set_as_one() -> None:
    report = sbp.check(None, "dJ/da = dJ/ds * sigma(a)", given="a = W x; s = sigma(a); J = J(s)")
    assert report.findings[0].repair is not None
    assert "operatorname" not in report.findings[0].repair


def test_every_cause_has_words_and_a_sample() -> None:
    assert set(CAUSE_WORDS) == set(CAUSES)
    page = (DOCS / "causes.md").read_text(encoding="utf-8")
    for cause in CAUSES:
        section = page.split(f"\n## {cause}\n", 1)[1].split("\n## ", 1)[0]
        assert "\n    " in section, cause
