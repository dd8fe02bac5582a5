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


ONE = {
    "[1, D] and so on": [("X: {shape: [N, D]", "X: {shape: [1, D]")],
    "vectors": [("X: {shape: [N, D]", "X: {shape: [D]")],
}


@pytest.mark.parametrize("way", ONE)
def test_for_one_example_the_bias_gradients_are_right(way: str) -> None:
    text = (FOLDER / "002.yaml").read_text()
    for old, new in (
        *ONE[way],
        ("y: {shape: [N], role", "y: {role"),
        ("ell[n] = -log(p[n, y[n]])", "ell = -log(p[y])"),
        ("1/N * sum(ell)", "ell"),
        ("'ell[i]'", "'ell'"),
    ):
        assert old in text
        text = text.replace(old, new)
    found = sbp.check(sbp.loads(text), (FOLDER / "002.md").read_text(), kind="md").findings
    wanted = [
        plain(rf"\frac{{\partial L}}{{\partial {b}}} = \frac{{\partial L}}{{\partial {z}}}")
        for b, z in ("bz", "cu")
    ]
    assert [one.verdict for one in found if plain(one.latex) in wanted] == ["correct", "correct"]
    wrong = [one.latex for one in found if one.verdict == "wrong"]
    assert [plain(latex) for latex in wrong] == [
        plain(r"\frac{\partial L}{\partial w} = h^T \frac{\partial L}{\partial z} + \lambda w")
    ]


def chain(part: str, begin: str) -> list[Finding]:
    """The links of the chain that begins with a formula."""
    found = findings(part)
    first = next(one for one in found if plain(one.latex).startswith(plain(begin) + "="))
    return [one for one in found if one.derivation == first.derivation]


@pytest.mark.parametrize("begin", [r"\nabla H", r"\nabla W_0^2", r"\nabla W^2", r"\nabla W_0^1"])
def test_the_chains_of_numbers_are_right(begin: str) -> None:
    links = chain("004b", begin)
    assert len(links) >= 2
    assert all(one.verdict in RIGHT | {"unchecked"} for one in links), [
        (one.latex, one.verdict) for one in links
    ]
    assert any(one.verdict == "correct" for one in links)


@pytest.mark.parametrize("begin", [r"W_0^1-.5*\nabla W_0^1", r"W^2-.5*\nabla W^2"])
def test_the_updates_are_right(begin: str) -> None:
    assert [one.verdict for one in findings("004b") if plain(one.latex).startswith(plain(begin))] == [
        "correct"
    ]


def test_what_stands_in_the_display_of_all_entries_is_not_called_right() -> None:
    """The softmax Jacobian with a bracket too many, and the chain of sizes that ends in N x K."""
    matrix = [one for one in findings("004a") if "cccc" in one.latex]
    assert [one.verdict for one in matrix] == ["unread"]
    sizes = [one for one in findings("004a") if plain(one.latex) == plain(r"= N \times K")]
    assert [one.verdict for one in sizes] == ["unchecked"]
