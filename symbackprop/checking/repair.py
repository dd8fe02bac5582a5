"""Diagnosis by repair: the small changes that make a wrong line true everywhere, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from symbackprop.checking.bench import Bench
from symbackprop.checking.edits import Edit, edits
from symbackprop.checking.outcome import Setting
from symbackprop.checking.ranges import redimensioned
from symbackprop.checking.sight import Sight
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Element, IndexValue, Indicator
from symbackprop.core.tensors import Index
from symbackprop.verification.free import free_indices

BUDGET = 600  # candidates that are tried
_RENAMING = ("symbol", "layer", "index")
ENOUGH = 5  # repairs that are kept


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that makes the line true; ``sight`` is how the line is then read."""

    edit: Edit
    sight: Sight

    @property
    def cause(self) -> str:
        """The mistake it puts right."""
        return self.edit.cause


def repairs(
    bench: Bench, words: Vocabulary, left: Expr, right: Expr, setting: Setting, sights: Sequence[Sight]
) -> list[Repair]:
    """The single changes of ``right`` for which ``left = right`` holds, the likeliest first."""
    candidates = ordered(right, words, free_indices(left))
    for sight in sights:
        found: list[Repair] = []
        limit = float("inf")
        for edit in candidates:
            if edit.cost > limit:
                break
            if not bench.link(left, edit.expr, setting, sight, quick=True).holds:
                continue
            if _is_empty(left, edit) or not bench.link(left, edit.expr, setting, sight).holds:
                continue
            found.append(Repair(edit, sight))
            limit = min(limit, edit.cost + 0.75)
            if len(found) == ENOUGH:
                break
        if found:
            return found
    return []


def ordered(right: Expr, words: Vocabulary, free: Sequence[Index]) -> list[Edit]:
    """The candidates, each formula once, cheap ones first; at most ``BUDGET``."""
    seen: dict[Expr, Edit] = {}
    for found in edits(right, words, free):
        edit = replace(found, expr=redimensioned(found.expr)) if found.cause in _RENAMING else found
        known = seen.get(edit.expr)
        if known is None or edit.cost < known.cost:
            seen[edit.expr] = edit
    seen.pop(right, None)
    return sorted(seen.values(), key=lambda edit: edit.cost)[:BUDGET]


def _is_empty(left: Expr, edit: Edit) -> bool:
    """Whether the change only turns a = b into a = a, or puts in a delta that is always 1."""
    if edit.expr == left:
        return edit.cause != "sign"
    return any(isinstance(node, Indicator) and node.left == node.right for node in edit.expr.walk())


def positions(expr: Expr) -> Iterator[IndexValue]:
    """The slots of all entries in an expression."""
    for node in expr.walk():
        if isinstance(node, Element):
            yield from node.slots
