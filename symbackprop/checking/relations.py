"""Whether a relation holds: over its readings, the sights in which it may be meant, and what is known.

A line is compared at random points; where numbers stand in it, at the values of the problem; written out for
small sizes, at those.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from symbackprop.checking.bench import Bench
from symbackprop.checking.extents import sizes_of
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.light import Light
from symbackprop.checking.numeric import Numeric, has_symbols, is_numeric
from symbackprop.checking.outcome import Outcome, Setting, unknown
from symbackprop.checking.sight import Sight, sights
from symbackprop.checking.updates import stepped
from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Hadamard
from symbackprop.core.indexed import IndexValue, Run, Slice
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Change, Stepped
from symbackprop.notation.substitution import at
from symbackprop.reading.works.work import Claim, Condition, Reading, Side
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Refusal

A_GRADIENT, A_CHANGE = "the gradient", "a differential"  # what d before a name may be read as
Prove = Callable[[Expr, Expr], bool]


class Relations:
    """Compares the sides of claims; ``named`` and ``moved`` are what the work has defined and updated."""

    def __init__(
        self, bench: Bench, *, numeric: Numeric | None = None, prove: Prove | None = None,
        zero_outside: bool = False, sizes: Mapping[str, int] | None = None,
        loss: Tensor | None = None, steps: Mapping[Tensor, Expr] | None = None,
        asked: Collection[Tensor] = (),
    ) -> None:  # fmt: skip
        self.loss = loss
        self.given_sizes = sizes or {}
        self.steps = steps or {}
        self.asked_steps = {tensor: step for tensor, step in self.steps.items() if tensor in asked}
        self.bench = bench
        self.numeric = numeric
        self.prove = prove
        self.zero_outside = zero_outside
        self.named: dict[str, Expr] = {}
        self.lights: list[tuple[int, Light]] = []
        self.moved: dict[Tensor, Expr] = {}
        self.gradients_by_d = False

    def truth(self, claim: Claim, side: Side, light: Light | None = None) -> Truth:
        """Whether ``side`` equals the right side of the claim: the first reading and sight that holds."""
        found = self._truth(claim, side, light)
        if found.status == "fails" and self.numeric is None and not found.outcome.clash:
            sides = [one.expr for one in (found.left, found.right) if one is not None]
            if any(map(is_numeric, sides)) and any(map(has_symbols, sides)):
                return Truth(unknown("the problem gives no values, so numbers cannot be judged"))
        return found

    def _truth(self, claim: Claim, side: Side, light: Light | None) -> Truth:
        failed: Truth | None = None
        refused: Truth | None = None
        pairs = list(self._pairs(claim, side))
        if light is None:
            numbers = self._in_numbers(claim, pairs)
            if numbers is not None and (numbers.status == "holds" or claim.relation != "="):
                return numbers
            failed = numbers if numbers is not None and numbers.status == "fails" else None
        if claim.relation != "=":
            return Truth(unknown("a relation between formulas that is no equation is not judged"))
        for setting in self._settings(claim):
            for left, right in pairs:
                truth = self._in(left, right, setting, self.bench.declared, light)
                if truth.status == "holds":
                    return truth
                if truth.status == "fails":
                    better = failed is None or (failed.outcome.clash and not truth.outcome.clash)
                    failed = truth if better else failed
                else:
                    refused = refused or truth
            for left, right in pairs:
                for sight in self._sights(left.expr, right.expr):
                    truth = self._in(left, right, setting, sight, light)
                    if truth.status == "holds":
                        return truth
        if light is None and failed is not None and (failed.outcome.clash or claim.sizes):
            sized = self._written_out(claim, pairs)
            if sized is not None and (sized.status == "holds" or failed.outcome.clash):
                return sized
        if refused is not None and (failed is None or not failed.outcome.clash or refused.outcome.lone):
            return refused
        return failed or refused or Truth(unknown("no reading of the two sides agrees"))

    def _in_numbers(self, claim: Claim, pairs: Sequence[tuple[Reading, Reading]]) -> Truth | None:
        """A claim with numbers at the values of the problem; None if there are no numbers, or no values."""
        found: Truth | None = None
        for left, right in pairs:
            bare = not (has_symbols(left.expr) or has_symbols(right.expr))
            if not (bare or is_numeric(left.expr) or is_numeric(right.expr)):
                continue
            numeric = self.numeric
            if numeric is None and bare:
                try:
                    numeric = Numeric(self.bench, self.bench.runs[0])
                except Refusal:
                    return None
            if numeric is None:
                continue
            for setting in self._settings(claim):
                outcome = numeric.link(left.expr, right.expr, setting, claim.relation)
                truth = Truth(outcome, left, right, self.bench.declared, numeric=True)
                if outcome.holds:
                    return truth
                found = found or truth
        return found

    def _written_out(self, claim: Claim, pairs: Sequence[tuple[Reading, Reading]]) -> Truth | None:
        """A line that is written out for small sizes, judged at those; None if it says no sizes."""
        found: Truth | None = None
        for left, right in pairs:
            said = [dict(claim.sizes)] if claim.sizes else []
            for sizes in (*said, *sizes_of(left.expr, right.expr, self.bench, self.given_sizes)):
                bench = self.bench.sized(sizes)
                for sight in (self.bench.declared, *self._sights(left.expr, right.expr)):
                    setting = self.setting(claim)
                    if sight.example:
                        setting = replace(setting, example=left.example or right.example)
                    outcome = bench.link(left.expr, right.expr, setting, sight)
                    if outcome.holds:
                        return Truth(outcome, left, right, sight, sizes=sizes)
                    if not outcome.clash:
                        found = found or Truth(outcome, left, right, sight, sizes=sizes)
        return found

    def _in(
        self, left: Reading, right: Reading, setting: Setting, sight: Sight, light: Light | None
    ) -> Truth:
        if sight.example:
            setting = replace(setting, example=left.example or right.example)
        if light is not None:
            outcome = light.link(self.bench, left.expr, right.expr, setting, sight)
        else:
            outcome = self.bench.link(left.expr, right.expr, setting, sight)
        return Truth(outcome, left, right, sight)

    def _pairs(self, claim: Claim, side: Side) -> Iterator[tuple[Reading, Reading]]:
        pairs = list(replace(claim, left=side).readings())
        if self.gradients_by_d:  # dW is a gradient in this work: it is no small change in the next line
            kept = [pair for pair in pairs if not any(_made(one, A_CHANGE) for one in pair)]
            pairs = kept or pairs
        yield from pairs
        for left, right in pairs:
            yield from self._same_example(left, right)

    def _same_example(self, left: Reading, right: Reading) -> Iterator[tuple[Reading, Reading]]:
        """A letter that counts examples is the example that is meant."""
        example = left.example or right.example
        if example is None:
            return
        for index in dict.fromkeys((*free_indices(left.expr), *free_indices(right.expr))):
            if index is not example and index.dim == example.dim:
                change = {example: IndexValue(((index, 1),))}
                one, other = (replace(r, expr=at(r.expr, change), example=index) for r in (left, right))
                yield one, other

    def _sights(self, left: Expr, right: Expr) -> Iterator[Sight]:
        seer_listed = any(_may_be_listed(node) for side in (left, right) for node in side.walk())
        cut = any(is_row(node) for side in (left, right) for node in side.walk())
        moved = any(isinstance(node, Change) for side in (left, right) for node in side.walk())
        found = sights(self.bench.graph, batch=bool(self.bench.batch) and not moved, listed=seer_listed)
        for sight in found:
            if sight != self.bench.declared:
                yield sight
            if cut:
                yield replace(sight, as_cut=True)

    def _settings(self, claim: Claim) -> Iterator[Setting]:
        """What is known; after an update also what is if everything that is asked for was updated."""
        own = self.setting(claim)
        yield own
        sides = [side.readings[0].expr for side in (claim.first, claim.left, claim.right) if side.readings]
        if self.loss is None or not any(isinstance(n, Stepped) for side in sides for n in side.walk()):
            return
        asked = {tensor: stepped(self.loss, tensor, step) for tensor, step in self.asked_steps.items()}
        if asked.keys() - self.moved.keys():
            yield replace(own, moved={**asked, **self.moved})

    def setting(self, claim: Claim) -> Setting:
        holds = [one.holds for one in claim.conditions if one.holds is not None and _governs(one, claim)]
        condition = None if not holds else holds[0] if len(holds) == 1 else Hadamard(tuple(holds))
        return Setting(self.named, condition, self.zero_outside, self.moved)

    def settings_of(self, judged: Judged) -> Setting:
        """What was known when a claim was judged."""
        return judged.setting or self.setting(judged.claim)

    def equal(self, left: Expr, right: Expr, setting: Setting, relation: str = "=") -> Outcome:
        """Whether two expressions are equal: where they are numeric, at the values of the problem."""
        if self.numeric is not None and (is_numeric(left) or is_numeric(right)):
            outcome = self.numeric.link(left, right, setting, relation)
            if outcome.holds:
                return outcome
            anywhere = self.bench.link(left, right, setting)
            return anywhere if anywhere.holds else outcome
        return self.bench.link(left, right, setting)


def is_row(node: Expr) -> bool:
    """Whether a row (or a column) of a matrix is taken that does not lie as vectors do."""
    if not isinstance(node, Slice) or len(node.runs) != 1 or len(node.slots) != 2:
        return False
    return node.across != isinstance(node.slots[1], Run)


def by_d(truth: Truth) -> bool:
    """Whether a line is right that calls the gradient by W dW."""
    return any(side is not None and _made(side, A_GRADIENT) for side in (truth.left, truth.right))


def _made(reading: Reading, choice: str) -> bool:
    return any(one.reading == choice for one in reading.choices)


def _governs(condition: Condition, claim: Claim) -> bool:
    """Whether a condition speaks of letters that are free in the claim (or of no letters)."""
    if not condition.letters:
        return True
    assert condition.holds is not None
    spoken = set(free_indices(condition.holds))
    sides = [side.readings[0].expr for side in (claim.left, claim.right) if side.readings]
    return any(spoken.intersection(free_indices(side)) for side in sides)


def _may_be_listed(node: Expr) -> bool:
    return isinstance(node, Jacobian) and node.vec is None and (node.of.rank > 1 or node.by.rank > 1)
