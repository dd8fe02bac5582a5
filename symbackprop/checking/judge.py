"""The judge: every claim of a work in the order of the text, one ``Finding`` each.

A claim is compared as a link (with what stands before it) and, in a chain, with the beginning of its chain.
The forward pass decides, by numbers; that a claim is proved for all sizes only changes the method that is
named. A later line is judged in the light of the first wrong one: what is right given it ``follows``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from symbackprop.checking.bench import Bench, Outcome, Setting, unknown
from symbackprop.checking.extents import sizes_of
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.light import Light, light_of
from symbackprop.checking.numeric import Numeric, has_symbols, is_numeric
from symbackprop.checking.sight import Sight, sights
from symbackprop.checking.slips import slip_of
from symbackprop.checking.updates import judge_update, stepped
from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Hadamard, IndexValue, Indicator, Leaf, Run, Slice
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Evidence
from symbackprop.core.written import Opaque, Stepped
from symbackprop.notation.substitution import at
from symbackprop.reading.works.work import Claim, Condition, Reading, Side, Work
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Refusal

_SPEAKS = re.compile(r"\b(if|when|where|for|case|else|otherwise|assume|suppose|diagonal)\b", re.IGNORECASE)
WORST_FIRST = (
    "wrong", "unread", "unchecked", "convention", "notation", "follows", "recovered", "correct"
)  # fmt: skip
Prove = Callable[[Expr, Expr], bool]


class Judge:
    """Judges the works of one problem. ``prove`` says whether two sides are equal for all sizes."""

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

    def judge(self, work: Work) -> list[Judged]:
        """All claims, in order."""
        self.bench.forget()
        self.named, self.lights, self.moved = {}, [], {}
        found: list[Judged] = []
        broken: dict[int, int] = {}  # derivation -> the first wrong claim in it
        last: Claim | None = None
        for written in work.claims:
            claim = _continued(written, last)
            last = claim
            judged = self._one(claim, broken)
            judged.setting = self.setting(judged.claim)
            found.append(judged)
            if judged.verdict == "wrong":
                broken.setdefault(claim.derivation, len(found) - 1)
                self._shine(judged, len(found) - 1)
            elif judged.verdict == "recovered":
                judged.because = broken.get(claim.derivation)
                self.lights = [pair for pair in self.lights if pair[0] != judged.because]
            elif judged.verdict == "follows" and judged.because is None:
                judged.because = broken.get(claim.derivation)
        return found

    # -- one claim

    def _one(self, claim: Claim, broken: Mapping[int, int]) -> Judged:
        if claim.instances:  # a letter counts layers or steps: the worst of them is said
            found = [self._one(one, broken) for one in claim.instances]
            return min(found, key=lambda judged: WORST_FIRST.index(judged.verdict))
        refused = self._refused(claim)
        if refused is not None:
            return refused
        if claim.defines is not None and claim.defines not in self.named and claim.number == 1:
            defined = self._define(claim)
            if defined is not None:
                return defined
        claim = self._renewing(claim)
        if claim.kind == "update":
            return judge_update(self, claim)
        if claim.relation not in ("=", "~", "<", "<=", ">", ">=", "!="):
            return Judged(claim, "unchecked", message=f"the relation {claim.relation} is not judged")
        link = self.truth(claim, claim.left)
        if claim.defines is not None and claim.number == 1 and link.status != "holds":
            again = self._define(claim)
            if again is not None:
                return again
        if claim.number == 1 or claim.first is claim.left or claim.relation != "=":
            return self._single(claim, link)
        whole = self.truth(claim, claim.first)
        return self._chained(claim, link, whole, claim.derivation in broken)

    def _refused(self, claim: Claim) -> Judged | None:
        unread = claim.unread or claim.left.unread or claim.right.unread
        if unread is not None:
            place = f"line {unread.line}, column {unread.column}"
            return Judged(claim, "unread", message=f"not read from {place}: {unread.reason}")
        if claim.kind == "sizes":
            return Judged(claim, "unchecked", message="a statement about shapes; it has no value to compare")
        if claim.kind == "bare":
            return Judged(claim, "unchecked", message="a formula that states nothing")
        if claim.left.readings and isinstance(claim.left.readings[0].expr, IndexValue):
            return Judged(claim, "unchecked", message="a statement about an index")
        if not claim.left.readings or not claim.right.readings:
            return Judged(claim, "unread", message="a side of this line was not understood")
        return None

    def _define(self, claim: Claim) -> Judged | None:
        """A name that the work gives to something: from here on it stands for that."""
        for reading in claim.right.readings:
            if any(isinstance(node, Opaque) and node.name == claim.defines for node in reading.expr.walk()):
                continue
            assert claim.defines is not None
            if any(isinstance(n, Opaque) and n.name not in self.named for n in reading.expr.walk()):
                continue
            self.named = {**self.named, claim.defines: reading.expr}
            message = f"read as the definition of {claim.defines}"
            return Judged(claim, "correct", Truth(unknown(message), None, reading), message=message)
        return None

    def _single(self, claim: Claim, link: Truth) -> Judged:
        """The first link of a chain, or one that stands alone."""
        if link.status == "holds":
            return self._right(claim, link)
        return self._not_right(claim, link, link)

    def _chained(self, claim: Claim, link: Truth, whole: Truth, broken: bool) -> Judged:
        held = (link.status == "holds", whole.status == "holds")
        if whole.status == "holds" and link.status != "fails":
            return self._right(claim, whole, link)
        if whole.status == "holds":
            if not broken or link.numeric:
                return self._right(claim, whole, link)
            judged = self._right(claim, whole, link)
            return replace_verdict(judged, "recovered", "right again")
        if held[0] and whole.status == "unknown":
            return self._right(claim, link)
        if held[0]:
            if link.numeric and not broken:
                return self._right(claim, link)
            judged = self._right(claim, link)
            return replace_verdict(judged, "follows", "right given the line before")
        return self._not_right(claim, link, whole)

    def _right(self, claim: Claim, truth: Truth, link: Truth | None = None) -> Judged:
        """A claim that holds: as declared, or in another convention."""
        assert truth.sight is not None
        other = truth.sight != self.bench.declared and not self._same_for_one_example(truth)
        other = other or truth.outcome.bent
        judged = Judged(claim, "convention" if other else "correct", link or truth, truth)
        judged.evidence = truth.outcome.evidence
        if other:
            judged.cause = "layout"
            rows = self.bench.graph.convention.vectors_are_rows
            judged.message = (
                f"right {truth.sight.words(rows)}"
                if truth.sight != self.bench.declared
                else ("right, with vectors lying the other way")
            )
        elif self.prove is not None and truth.left is not None and truth.right is not None:
            judged.evidence = self._proved(truth)
        return judged

    def _same_for_one_example(self, truth: Truth) -> bool:
        """A Jacobian of batch arrays is a matrix only for one example: nothing unusual is meant by it."""
        sight = truth.sight
        if sight is None or replace(sight, example=False) != self.bench.declared or not sight.example:
            return False
        sides = [side.expr for side in (truth.left, truth.right) if side is not None]
        return any(_between_batches(node, self.bench.batch) for side in sides for node in side.walk())

    def _proved(self, truth: Truth) -> Evidence:
        evidence = truth.outcome.evidence
        if truth.numeric or truth.left is None or truth.right is None or self.named:
            return evidence
        assert self.prove is not None
        if self.prove(truth.left.expr, truth.right.expr):
            return replace(evidence, method="normal-form")
        return evidence

    def _not_right(self, claim: Claim, link: Truth, whole: Truth) -> Judged:
        """A claim that does not hold: a slip, undecided, in the light of an earlier one, or wrong."""
        truth = whole if whole.status == "fails" else link
        for side, one in ((claim.left, link), (claim.first, whole)):
            slip = self._slip(claim, side, one)
            if slip is not None:
                return slip
        if link.status == "unknown" or (whole.status == "unknown" and claim.number > 1):
            undecided = link if link.status == "unknown" else whole
            reason = undecided.outcome.evidence.reason or "it could not be decided"
            judged = Judged(claim, "unchecked", link, whole, message=reason)
            judged.evidence = undecided.outcome.evidence
            if whole.outcome.clash and whole.status == "fails":
                judged.verdict, judged.evidence = "wrong", whole.outcome.evidence
            return judged
        if self._only_where_unlike(claim, truth):
            message = "right only where the indices differ; no such condition was read"
            return Judged(claim, "unchecked", link, whole, message=message)
        unread = next((one for one in claim.conditions if one.holds is None), None)
        if unread is not None:
            return Judged(
                claim, "unchecked", link, whole, message=f"the condition was not read: {unread.text}"
            )
        for index, light in self.lights:
            lit = self.truth(claim, claim.left, light)
            if lit.status == "holds":
                judged = Judged(claim, "follows", link, lit, message="right given an earlier line")
                judged.evidence, judged.because = lit.outcome.evidence, index
                return judged
        return Judged(claim, "wrong", link, truth, evidence=truth.outcome.evidence)

    def _only_where_unlike(self, claim: Claim, truth: Truth) -> bool:
        """Whether words stand before a line that may say i /= j, and it is right there."""
        if truth.left is None or truth.right is None or not _SPEAKS.search(claim.words):
            return False
        free = list(dict.fromkeys((*free_indices(truth.left.expr), *free_indices(truth.right.expr))))
        for first, second in combinations(free, 2):
            if first.dim == second.dim:
                for op in ("!=", "="):
                    holds = Indicator(IndexValue(((first, 1),)), op, IndexValue(((second, 1),)))
                    setting = replace(self.setting(claim), condition=holds)
                    if self.bench.link(truth.left.expr, truth.right.expr, setting, truth.sight).holds:
                        return True
        return False

    def _slip(self, claim: Claim, side: Side, truth: Truth) -> Judged | None:
        """A slip of notation that the evident repair makes true."""
        if not (truth.outcome.lone or truth.outcome.clash):
            return None
        for left, right in self._pairs(claim, side):
            sized = sizes_of(left.expr, right.expr, self.bench, self.given_sizes)
            benches = [self.bench, *(self.bench.sized(sizes) for sizes in sized)]
            for repaired in slip_of(left.expr, right.expr):
                for bench in benches:
                    outcome = bench.link(repaired.left, repaired.right, self.setting(claim))
                    if outcome.holds:
                        judged = Judged(claim, "notation", truth, truth, repaired.words, repaired.cause)
                        judged.evidence, judged.repaired = outcome.evidence, repaired.right
                        return judged
        return None

    # -- truth of one relation

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
                    failed = failed or truth
                else:
                    refused = refused or truth
            for left, right in pairs:
                for sight in self._sights(left.expr, right.expr):
                    truth = self._in(left, right, setting, sight, light)
                    if truth.status == "holds":
                        return truth
        if light is None and failed is not None and failed.outcome.clash:
            sized = self._written_out(claim, pairs)
            if sized is not None:
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
            for sizes in sizes_of(left.expr, right.expr, self.bench, self.given_sizes):
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
        found = sights(self.bench.graph, batch=bool(self.bench.batch), listed=seer_listed)
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

    # -- what a wrong line means for later ones

    def _shine(self, judged: Judged, index: int) -> None:
        claim = judged.claim
        for truth, side in ((judged.whole, claim.first), (judged.link, claim.left)):
            if truth is None or truth.right is None:
                continue
            for reading in side.readings[:1]:
                light = light_of(self.bench, reading.expr, truth.right.expr, self.named)
                if light is not None:
                    self.lights.append((index, light))
                    return

    def _renewing(self, claim: Claim) -> Claim:
        """``W_{new} = W - eta G`` is an update too, where W has not been updated yet."""
        new = claim.left.readings[0].expr
        if not isinstance(new, Stepped) or not isinstance(new.arg, Leaf) or claim.number > 1:
            return claim
        target = new.arg.tensor
        if target in self.moved or target not in self.bench.graph.parameters:
            return claim
        return replace(claim, kind="update", target=target)


def is_row(node: Expr) -> bool:
    """Whether a row (or a column) of a matrix is taken that does not lie as vectors do."""
    if not isinstance(node, Slice) or len(node.runs) != 1 or len(node.slots) != 2:
        return False
    return node.across != isinstance(node.slots[1], Run)


def _continued(claim: Claim, last: Claim | None) -> Claim:
    """A display that goes on where the last one ended belongs to its chain, under the same conditions."""
    if last is None or not claim.inherited or claim.number != 1 or claim.left.latex != last.right.latex:
        return claim
    change = {
        index: IndexValue(((last.indices[letter], 1),))
        for letter, index in claim.indices.items() if letter in last.indices
    }  # fmt: skip
    readings = tuple(replace(one, expr=at(one.expr, change)) for one in claim.right.readings)
    return replace(
        claim, left=last.right, right=replace(claim.right, readings=readings), first=last.first,
        number=last.number + 1, derivation=last.derivation, conditions=last.conditions,
        indices={**claim.indices, **last.indices},
    )  # fmt: skip


def replace_verdict(judged: Judged, verdict: str, message: str) -> Judged:
    """The same with another verdict."""
    judged.verdict, judged.message, judged.cause = verdict, message, None
    return judged


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


def _between_batches(node: Expr, batch: Mapping[Tensor, int]) -> bool:
    return isinstance(node, Jacobian) and node.of in batch and node.by in batch


__all__ = ["Judge", "Judged", "Prove", "Truth"]
