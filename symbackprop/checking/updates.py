"""Updates: ``W = W - .5 dL/dW`` is right if it is a step against the gradient, of the size that is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.outcome import Outcome, Setting, unknown
from symbackprop.core.expr import Add, Expr, Leaf, MatMul, Neg, Number, Partial
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Evidence
from symbackprop.core.written import Opaque
from symbackprop.reading.works.work import Claim, Reading
from symbackprop.verification.point import Refusal

if TYPE_CHECKING:
    from symbackprop.checking.judge import Judge

AGAINST = "a step against the gradient"
AGAINST = "a step against the gradient"
ANY_STEP = Fraction(37, 100)


def stepped(loss: Tensor, target: Tensor, step: Expr) -> Expr:
    """``target - step d loss / d target``."""
    return Add((Leaf(target), Neg(MatMul((step, Partial(loss, target))))))


def judge_update(judge: Judge, claim: Claim) -> Judged:
    """The verdict of an update; later lines see the new value."""
    target, loss = claim.target, judge.loss
    if target is None or loss is None:
        return Judged(claim, "unchecked", message="what is updated was not understood")
    setting = judge.setting(claim)
    declared = judge.steps.get(target)
    wanted = None if declared is None else stepped(loss, target, declared)
    reasons: list[str] = []
    failed: tuple[Outcome, Reading] | None = None
    for reading in claim.right.readings:
        if wanted is not None:
            outcome = judge.equal(wanted, reading.expr, setting, claim.relation)
        else:
            outcome = _against(judge, loss, target, reading.expr, setting)
        if outcome.holds:
            judge.moved = {**judge.moved, target: reading.expr if wanted is None else wanted}
            return Judged(claim, "correct", evidence=outcome.evidence, message=AGAINST)
        if outcome.fails:
            failed = failed or (outcome, reading)
        else:
            reasons.append(outcome.evidence.reason or "")
    if wanted is not None:
        judge.moved = {**judge.moved, target: wanted}
    if failed is None or reasons:
        reason = reasons[0] if reasons else "it was not understood"
        return Judged(claim, "unchecked", message=reason)
    outcome, reading = failed
    left = Reading(wanted if wanted is not None else stepped(loss, target, Number(Fraction(1))))
    truth = Truth(outcome, left, reading)
    return Judged(claim, "wrong", truth, truth, evidence=outcome.evidence)


def _steps(judge: Judge, loss: Tensor, right: Expr) -> list[Tensor]:
    """The scalars of an update that the loss does not know: sizes of steps, which are positive."""
    known = {tensor for equation in judge.bench.graph.equations for tensor in equation.inputs}
    leaves = {node.tensor for node in right.walk() if isinstance(node, Leaf)}
    return [one for one in leaves if one.is_scalar and one is not loss and one not in known]


def _against(judge: Judge, loss: Tensor, target: Tensor, right: Expr, setting: Setting) -> Outcome:
    """Whether ``target - right`` is a positive multiple of the gradient; an unknown step is any number."""
    names = {
        n.name for n in right.walk() if isinstance(n, Opaque) and n.name not in setting.named and not n.slots
    }
    if len(names) > 1:
        return unknown(f"{', '.join(sorted(names))} have no meaning in this problem")
    steps: Mapping[str, Expr] = {**setting.named, **{name: Number(ANY_STEP) for name in names}}
    chosen = replace(setting, named=steps)
    difference = Add((Leaf(target), Neg(right)))
    gradient = Partial(loss, target)
    sizes = []
    try:
        for run in judge.bench.runs:
            seer = judge.bench.seer(run, judge.bench.declared, chosen)
            positive = {one: np.abs(seer.tensor(one)) for one in _steps(judge, loss, right)}
            seer = seer.where(positive) if positive else seer
            moved, slope = np.real(seer.value(difference)), np.real(seer.value(gradient))
            if moved.shape != slope.shape:
                evidence = Evidence(
                    "evaluation", 1, (run.point.sizes,), None, "the shapes of the step differ"
                )
                return Outcome("fails", evidence, clash=True)
            factor = float((moved * slope).sum() / max(float((slope * slope).sum()), 1e-300))
            close = np.abs(moved - factor * slope) <= 1e-6 * max(float(np.abs(moved).max()), 1e-300)
            if not close.all() or factor <= 0:
                evidence = Evidence(
                    "differences", 1, (run.point.sizes,), None, "it is no step against the gradient"
                )
                return Outcome("fails", evidence)
            sizes.append(run.point.sizes)
    except Refusal as refusal:
        return unknown(str(refusal))
    return Outcome("holds", Evidence("differences", len(sizes), tuple(sizes), None))
