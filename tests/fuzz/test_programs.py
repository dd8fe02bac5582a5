"""Random forward passes over every function of the grammar are derived, and verified by numbers.

The quick version of ``python -m tests.fuzz.run``. SYMBACKPROP_PROGRAMS is the number of programs.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from symbackprop.ops.registry import all_operations
from tests.fuzz.run import NUMERIC, judged, program

COUNT = int(os.environ.get("SYMBACKPROP_PROGRAMS", "24"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_a_random_forward_pass_is_derived_and_verified(seed: int) -> None:
    wrong = [
        outcome
        for outcome in judged(seed)
        if outcome.status != "holds"
        and not (outcome.status == "not-checked" and any(word in outcome.reason for word in NUMERIC))
    ]
    assert not wrong, program(seed).text


def test_every_function_is_drawn() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(600):
        drawn.update(program(seed).drawn)
    missing = {op.name for op in all_operations()} - {*drawn, "logsumexp"}
    assert not missing
