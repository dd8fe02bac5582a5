"""The text report: what stands where on a line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from symbackprop import reports


def step(before: str, after: str, quantity: str = "dL/dW", status: str = "holds") -> Any:
    made = SimpleNamespace(
        before=SimpleNamespace(text=before),
        after=SimpleNamespace(text=after),
        because=f"because of `{after}`",
        quantity=quantity,
        verdict=SimpleNamespace(status=status),
    )
    made.lines = (made,)
    return made


def lines(*steps: Any) -> list[str]:
    return [row.text for row in reports._step_rows(steps)]


def test_equality_signs_stand_below_each_other() -> None:
    assert lines(step("dL/dW[p,q]", "g[p] x[q]"), step("dL/dW", "g x^T")) == [
        "dL/dW[p,q] = g[p] x[q]",
        "             because of g[p] x[q]",
        "     dL/dW = g x^T",
        "             because of g x^T",
    ]


@pytest.mark.parametrize("before", ["a", "b"], ids=["the same left side", "the right side above"])
def test_a_chain_goes_on_without_a_left_side(before: str) -> None:
    assert lines(step("a", "b"), step(before, "c"), step("c", "e"))[::2] == ["a = b", "  = c", "  = e"]


def test_a_new_left_side_begins_a_chain_of_its_own() -> None:
    assert lines(step("a", "b"), step("c", "e"), step("b", "f"))[::2] == ["a = b", "c = e", "b = f"]


def test_a_long_left_side_does_not_push_the_page_to_the_right() -> None:
    left = "x" * 50
    assert lines(step(left, "b"), step("b", "c"), step("a", "e"))[::2] == [f"{left} = b", "   = c", "a = e"]


@pytest.mark.parametrize("status", ["fails", "not-checked"])
def test_a_step_that_does_not_hold_is_marked(status: str) -> None:
    first, _ = reports._step_rows([step("a", "b", status=status)])
    assert (first.kind, first.text) == ("mark", f"a = b   [{status}]")


def test_steps_are_parted_by_quantity() -> None:
    steps = [step("a", "b", "1"), step("b", "c", "1"), step("e", "f", "2"), step("g", "h", "1")]
    assert [len(run) for run in reports._quantities(steps)] == [2, 1, 1]


def test_forward_equations_are_aligned() -> None:
    assert list(reports._aligned(["Z1 = X W1", "L = J(Z1)"])) == ["  Z1 = X W1", "   L = J(Z1)"]
