"""Five worked documents: what every relation in them was read as, checked by hand.

``documents/NAME.md`` holds the formulas of a document as they were written (the prose is cut),
``NAME.yaml`` the network they belong to, ``NAME.read`` a line for each claim: its line, its kind unless it
is an equation, the first reading, what governs it, and why it has none. A line is written again only after
it was looked at: ``python -m tests.reading.works.test_documents``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.notation.text import to_text
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim, Reading

FOLDER = Path(__file__).parent / "documents"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))


def claims(name: str) -> tuple[Claim, ...]:
    spec = sbp.load(FOLDER / f"{name}.yaml").spec
    scope = WorkScope(spec.graph, spec.notation, spec.names, spec.layout)
    return read_work((FOLDER / f"{name}.md").read_text(encoding="utf-8"), scope, "md").claims


def side(readings: tuple[Reading, ...]) -> str:
    return to_text(readings[0].expr) if readings else "?"


def line(claim: Claim) -> str:
    kind = "" if claim.kind == "equation" else f"{claim.kind}: "
    if claim.kind == "sizes":
        return f"{claim.line} {kind}{claim.latex}"
    pair = next(claim.readings(), None)
    sides = (
        (to_text(pair[0].expr), to_text(pair[1].expr))
        if pair is not None
        else (side(claim.left.readings), side(claim.right.readings))
    )
    held = "".join(
        f"  [when {to_text(one.holds) if one.holds is not None else one.text}]" for one in claim.conditions
    )
    unread = f"  [{claim.unread.code}: {claim.unread.reason}]" if claim.unread is not None else ""
    return f"{claim.line} {kind}{sides[0]} {claim.relation} {sides[1]}{held}{unread}".replace("  = ", " = ")


@pytest.mark.parametrize("name", NAMES)
def test_every_relation_is_read_as_a_person_reads_it(name: str) -> None:
    expected = (FOLDER / f"{name}.read").read_text(encoding="utf-8").splitlines()
    assert [line(claim) for claim in claims(name)] == expected


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_holds_a_relation_is_unread(name: str) -> None:
    """One bracket of the tensor in ``network_by_hand`` is closed twice; it states no relation."""
    unread = [claim for claim in claims(name) if claim.unread is not None and claim.unread.code == "syntax"]
    assert all(claim.kind == "unread" and "=" not in claim.latex for claim in unread)


if __name__ == "__main__":
    for each in NAMES:
        text = "".join(f"{line(claim)}\n" for claim in claims(each))
        (FOLDER / f"{each}.read").write_text(text, encoding="utf-8")
