"""Level ``vector``: named cotangents as matrices; where entries are joined, one entry comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.expr import Call, Expr, Leaf, MatMul, Partial
from symbackprop.core.indexed import Comprehension, Element
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.blocks_of_matrices import letters_held, spelled_slice
from symbackprop.derivation.explain import chain_reason, join, spelling_reason, stage_reason
from symbackprop.derivation.lines import Lines, Work, entry_of, is_short, operation, slots_of
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.logarithms import log_of_quotient
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Fn
from symbackprop.notation.forms import Form, single
from symbackprop.notation.normal import merge, normal
from symbackprop.notation.steps import Later, Step

ENTRYWISE = (Comprehension, TensorEntries)  # what is no formula of matrices


def vector_work(lines: Lines, of: Tensor, quantity: Quantity, sweep: Sweep) -> Work:
    """The lines of one cotangent."""
    exprs: list[Expr] = []
    steps: list[Step] = []
    uses: list[str] = []
    partial = Partial(of, quantity.tensor)
    before: Expr = partial
    steps.extend(log_steps(lines, quantity, partial))
    spelled = [lines.spelled(stage.form, quantity) for stage in quantity.stages]
    in_entries = any(isinstance(expr, ENTRYWISE) for expr in spelled)
    whole = spelled[-1]
    if in_entries:
        spelled = [lines.entries(stage.form) for stage in quantity.stages]
        before = entry_of(partial, quantity)
    for stage, after in zip(quantity.stages, spelled, strict=True):
        words = stage.assumed
        if after == before or (exprs and after == exprs[-1]):
            continue
        exprs.append(after)
        uses.extend(words)
        reason = reason_of(lines, stage, quantity, of, sweep)
        joined = stage.rule == "chain" and not in_entries and _is_joined(after)
        if joined and quantity.indices and is_short(stage.form):
            steps.append(_entry_step(lines, stage, quantity, partial, reason))
            reason = spelling_reason(stage.form, after, called=lines.called(stage.form))
            steps.append(lines.step("spell", reason, before, after, partial, (), words))
        else:
            sub = _later(lines, stage, quantity, partial)
            steps.append(lines.step(stage.rule, reason, before, after, partial, sub, words))
        before = after
    if in_entries or not exprs:
        exprs.append(lines.printed(whole, quantity.form))
    if in_entries and not isinstance(whole, ENTRYWISE):
        reason = spelling_reason(quantity.form, whole, called=lines.called(quantity.form))
        steps.append(lines.step("spell", reason, partial, whole, partial))
    value = lines.computed(quantity.form, quantity, whole)
    return with_slice(lines, of, Work(quantity, exprs, value, steps, uses))


def with_slice(lines: Lines, of: Tensor, work: Work) -> Work:
    """Of an array of more than two indices its matrices as well, where they have a formula."""
    pair = None if work.quantity.axes is None else spelled_slice(lines, of, work.quantity)
    if pair is None:
        return work
    letters = join([f"`{letter}`" for letter in letters_held(pair[0])])
    kind = "a matrix" if not any(dim.is_one for dim in pair[1].shape) else "a vector"
    step = lines.step("slice", f"for each {letters} {kind}", *pair, Partial(of, work.quantity.tensor))
    return replace(work, steps=[*work.steps, step], slices=(pair,))


def reason_of(lines: Lines, stage: Stage, quantity: Quantity, of: Tensor, sweep: Sweep) -> str:
    """Why a line holds."""
    if stage.rule in ("chain", "none"):
        return chain_reason(lines.shop, quantity, sweep.users_of(quantity.tensor), of, lines.show)
    if stage.rule == "unit":
        return f"`{of.name}` by itself"
    return stage_reason(stage, lines.show, of)


def log_steps(lines: Lines, quantity: Quantity, partial: Partial) -> list[Step]:
    """log P = Z - log of the sum of exponentials: the forward pass rewritten."""
    steps: list[Step] = []
    log = operation("log")
    for tensor in dict.fromkeys(quantity.bypassed):
        local = lines.shop.locals[tensor]
        form = log_of_quotient(single(Fn(log, (local.form,))))
        if not tensor.is_matrix:
            steps.append(log_entry_step(lines, local, partial))
            continue
        after = lines.spelled(normal(form), local)
        before: Expr = Call(log, (Leaf(tensor),), tensor.oriented)
        reason = "the log of a quotient is a difference; `log` undoes `exp`"
        steps.append(lines.step("log-of-quotient", reason, before, after, partial))
    return steps


def log_entry_step(lines: Lines, local: Local, partial: Partial) -> Step:
    """log P[n,k] = Z[n,k] - log sum_j e^Z[n,j]."""
    tensor, log = local.equation.target, operation("log")
    form = normal(log_of_quotient(single(Fn(log, (local.form,)))))
    entry = Element(Leaf(tensor), slots_of(tensor, local.indices))
    reason = "the log of a quotient is a difference; `log` undoes `exp`"
    before = Call(log, (entry,), entry.shape)
    return lines.step("log-of-quotient", reason, before, lines.entries(form), partial)


def _entry_step(lines: Lines, stage: Stage, quantity: Quantity, partial: Partial, reason: str) -> Step:
    """One entry first: the sum that the matrix spelling stands for."""
    after = lines.entries(stage.form)
    sub = _later(lines, stage, quantity, partial)
    return lines.step("chain", reason, entry_of(partial, quantity), after, partial, sub)


def _later(lines: Lines, stage: Stage, quantity: Quantity, about: Partial) -> Sequence[Step]:
    """The substeps, made when they are read; none where there can be none."""
    if stage.raw is None or not quantity.indices:
        return ()
    return Later(lambda: _substeps(lines, stage, quantity, about))


def _substeps(lines: Lines, stage: Stage, quantity: Quantity, partial: Partial) -> tuple[Step, ...]:
    """The same line in entries: the chain rule with its deltas, then what they leave."""
    if stage.raw is None or not quantity.indices:
        return ()
    raw = Form(term for t in stage.raw.terms if (term := merge(t)) is not None)
    if not is_short(raw):
        return ()
    first, last = lines.entries(raw), lines.entries(stage.form)
    start = entry_of(partial, quantity)
    steps = [lines.step("chain-rule", "the chain rule over every entry", start, first, partial)]
    if first != last:
        reason = "each indicator keeps one term of its sum"
        steps.append(lines.step("contract", reason, first, last, partial))
    return tuple(steps)


def _is_joined(expr: Expr) -> bool:
    """Whether entries are joined by a product or a sum: then one entry is shown first."""
    for node in expr.walk():
        if isinstance(node, MatMul) and sum(not factor.is_scalar for factor in node.factors) > 1:
            return True
        if isinstance(node, Call) and node.op.name in ("rowsum", "colsum"):
            return True
    return False
