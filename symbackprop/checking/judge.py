"""The judge: every claim of a work in the order of the text, one ``Finding`` each.

A claim is compared as a link (with what stands before it) and, in a chain, with the beginning of its chain.
The forward pass decides, by numbers; that a claim is proved for all sizes only changes the method that is
named. A later line is judged in the light of the first wrong one: what is right given it ``follows``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from symbackprop.checking.extents import sizes_of
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.light import light_of
from symbackprop.checking.outcome import unknown
from symbackprop.checking.relations import Prove, Relations, by_d
from symbackprop.checking.slips import slip_of
from symbackprop.checking.updates import judge_update
from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import IndexValue, Indicator
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Evidence
from symbackprop.core.written import Opaque, Stepped
from symbackprop.notation.substitution import at
from symbackprop.reading.works.work import Claim, Side, Work
from symbackprop.verification.free import free_indices

_SPEAKS = re.compile(r"\b(if|when|where|for|case|else|otherwise|assume|suppose|diagonal)\b", re.IGNORECASE)
WORST_FIRST = (
    "wrong", "unread", "unchecked", "convention", "notation", "follows", "recovered", "correct"
)  # fmt: skip



class Judge(Relations):
    """Judges the works of one problem. ``prove`` says whether two sides are equal for all sizes."""

    def judge(self, work: Work) -> list[Judged]:
        """All claims, in order."""
        self.bench.forget()
        self.named, self.lights, self.moved = dict(work.given), [], {}
        self.gradients_by_d = False
        found: list[Judged] = []
        broken: dict[int, int] = {}  # derivation -> the first wrong claim in it
        last: Claim | None = None
        for written in work.claims:
            claim = _continued(written, last)
            last = claim
            judged = self._one(claim, broken)
            judged.setting = self.setting(judged.claim)
            found.append(judged)
            if judged.verdict == "correct" and judged.whole is not None and by_d(judged.whole):
                self.gradients_by_d = True
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
        if claim.defines is not None and claim.first is claim.left and (
            claim.definition is not None or claim.defines not in self.named
        ):
            defined = self._define(claim)
            if defined is not None:
                return defined
        claim = self._renewing(claim)
        if claim.kind == "update":
            return judge_update(self, claim)
        if claim.relation not in ("=", "~", "<", "<=", ">", ">=", "!="):
            return Judged(claim, "unchecked", message=f"the relation {claim.relation} is not judged")
        link = self.truth(claim, claim.left)
        if claim.defines is not None and claim.first is claim.left and link.status != "holds":
            again = self._define(claim)
            if again is not None:
                return again
        if claim.number == 1 or claim.first is claim.left or claim.relation != "=":
            return self._single(claim, link)
        whole = self.truth(claim, claim.first)
        return self._chained(claim, link, whole, claim.derivation in broken)

    def _refused(self, claim: Claim) -> Judged | None:
        unread = claim.unread or claim.left.unread or claim.right.unread
        if unread is not None and claim.kind != "set":
            place = f"line {unread.line}, column {unread.column}"
            return Judged(claim, "unread", message=f"not read from {place}: {unread.reason}")
        if claim.kind == "set":
            return Judged(claim, "correct", message=f"read as the definition of {claim.defines}")
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
        given = claim.definition
        if given is not None:
            self.named = {**self.named, given.tensor.name: given.value}
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
            judged.message = self._other_way(truth)
        elif self.prove is not None and truth.left is not None and truth.right is not None:
            judged.evidence = self._proved(truth)
        return judged

    def _other_way(self, truth: Truth) -> str:
        """In which other way a line is right, and what this problem writes."""
        rows = self.bench.graph.convention.vectors_are_rows
        assert truth.sight is not None
        if truth.sight == self.bench.declared:
            return "right, with vectors lying the other way"
        words = f"right {truth.sight.words(rows)}"
        left = None if truth.left is None else truth.left.expr
        if isinstance(left, Partial) and truth.sight.layout == "numerator" and left.of.is_scalar:
            whole = f"d{left.of.name}/d{left.by.name}"
            shape = f"here {whole} has the shape of {left.by.name}"
            words += f": all entries are right, but {shape}; transpose it"
        return words

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


def _between_batches(node: Expr, batch: Mapping[Tensor, int]) -> bool:
    return isinstance(node, Jacobian) and node.of in batch and node.by in batch


__all__ = ["Judge", "Judged", "Prove", "Truth"]
