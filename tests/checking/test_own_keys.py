"""Our own keys given to our own checker: every line is read, and found right."""

from __future__ import annotations

from pathlib import Path

import pytest

import symbackprop as sbp

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
# Between them: indices, entries, cases, matrices on two lines, numbers, members of a family, parts, sizes.
NAMES = [
    "examples/two_by_two_layer", "examples/recurrent_network", "tests/golden/written_out_layer",
    "tests/golden/numerator_layout", "tests/golden/perceptron_row_index",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_a_key_is_read_and_right(name: str) -> None:
    problem = sbp.load(ROOT / f"{name}.yaml")
    report = sbp.check(problem, problem.render("key"))
    assert [one for one in report.findings if one.verdict != "correct"] == []
    assert len(report.findings) > 20


def test_an_edited_line_of_a_key_is_found_at_its_place() -> None:
    problem = sbp.load(GOLDEN / "perceptron_row.yaml")
    lines = problem.render("key").split("\n")
    begin = r"\derivationline{", r"{\frac{\partial L}{\partial H_{pq}}}{%"
    place = next(at for at, line in enumerate(lines) if line.startswith(begin[0]) and line.endswith(begin[1]))
    lines[place + 1] = lines[place + 1].replace("_{qk}", "_{kq}")
    report = sbp.check(problem, "\n".join(lines))
    wrong = [one for one in report.findings if one.verdict == "wrong"]
    assert [(one.line, one.cause) for one in wrong] == [(place + 1, "transpose")]
