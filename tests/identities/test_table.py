"""The table of docs/ is what is derived today, and it is long and varied enough."""

from __future__ import annotations

import pytest

from symbackprop.notation.steps import Step
from tests.derivation.networks import every
from tests.identities.rows import ROWS, Row
from tests.identities.table import PLACE, derived, line, shape_of


@pytest.fixture(scope="module")
def page() -> frozenset[str]:
    return frozenset(PLACE.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.forward} by {row.by}")
def test_the_row_stands_in_the_table_and_holds(row: Row, page: frozenset[str]) -> None:
    derivation = derived(row)
    assert line(row, derivation) in page, "python -m tests.identities.table writes the table again"
    assert derivation.verify().status == "holds"
    steps: list[Step] = list(every(derivation.steps))
    assert all(step.verdict.status == "holds" for step in steps)


def test_nothing_else_stands_in_the_table() -> None:
    lines = PLACE.read_text(encoding="utf-8").splitlines()
    assert sum(text.startswith("| `") for text in lines) == len(ROWS)


def test_the_table_is_long_and_varied() -> None:
    assert len(ROWS) >= 80
    assert sum(row.number is not None for row in ROWS) >= 25
    assert len({shape_of(row) for row in ROWS}) == len(ROWS)
