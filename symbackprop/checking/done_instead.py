"""Wrong numbers: what was done instead of what the line before says."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.checking.edit import Edit
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.numeric import Numeric
from symbackprop.checking.outcome import Setting
from symbackprop.checking.repair import BUDGET, ordered
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import Expr, Number
from symbackprop.core.written import Rounded
from symbackprop.verification.free import free_indices

LAST_DIGITS = 2


def done_instead(
    numeric: Numeric, words: Vocabulary, left: Expr, right: Expr, setting: Setting
) -> Iterator[tuple[str, Expr]]:
    """(cause, what was wrong) of each change of the line before that gives the numbers written."""
    for edit in ordered(left, words, free_indices(left))[:BUDGET]:
        if _size(edit.expr) > _size(left) or not numeric.link(edit.expr, right, setting).holds:
            continue
        cause = edit.cause
        if cause in ("extra-factor", "factor", "missing-factor", "mean"):
            cause = _dropped(numeric, words, edit, setting)
        yield cause, edit.spot


def _dropped(numeric: Numeric, words: Vocabulary, edit: Edit, setting: Setting) -> str:
    """What a factor was that the numbers lack."""
    spot = edit.spot
    if isinstance(spot, Rounded | Number) and spot.value in numeric.constants:
        return "step-size"
    for one in words.activations:
        if numeric.link(one.mask, spot, setting).holds:
            return "missing-activation-derivative"
    return "factor" if isinstance(spot, Rounded | Number) else "missing-factor"


def only_rounded(judged: Judged, truth: Truth) -> bool:
    """Whether the numbers are off by some units of the last digit only."""
    example = judged.evidence.counterexample
    assert truth.right is not None
    units = [float(node.ulp) for node in truth.right.expr.walk() if isinstance(node, Rounded)]
    return (
        example is not None
        and bool(units)
        and (abs(example.expected - example.got) <= LAST_DIGITS * min(units))
    )


def _size(expr: Expr) -> int:
    return sum(1 for _ in expr.walk())
