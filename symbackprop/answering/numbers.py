"""``evaluate``, ``gradient`` and ``update``: the forward pass, gradients and a step, in numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

import numpy as np

from symbackprop.answering.derive import choices_of
from symbackprop.answering.desk import Desk
from symbackprop.answering.figures import Figures, overall
from symbackprop.answering.put_in import worked_lines
from symbackprop.answering.record import Answer, DerivedResult, Numbers, Result
from symbackprop.arithmetic.evaluate import Cells
from symbackprop.core.arrays import TensorEntries
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Add, Expr, Leaf, MatMul, Neg, Partial
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.derivation.lines import slots_of
from symbackprop.derivation.local_forms import axis_indices
from symbackprop.documents.model import Box, Shown
from symbackprop.notation.formula import Formula
from symbackprop.notation.layouts import in_numerator, layout_partial
from symbackprop.notation.steps import Step
from symbackprop.notation.substitution import renamed
from symbackprop.problem_file import Question
from symbackprop.reading.number_bodies import EvaluateBody, GradientBody, UpdateBody, Wanted
from symbackprop.results.derivation import Derivation

FORWARD = "The forward pass, in numbers."
STEP = "The step."
AGAIN = "The forward pass after the step."


def evaluate(desk: Desk, question: Question) -> Iterator[Answer]:
    """The numbers of arrays and derivatives, every line of the forward pass with its numbers."""
    body = question.body
    assert isinstance(body, EvaluateBody)
    figures = Figures.at(desk, question, body.precision)
    work = _Work(figures)
    asked = [one for found in body.wanted.values() for one in found]
    work.forward({one.tensor for one in asked if isinstance(one, Leaf)}, told=True)
    work.gradients([one for one in asked if isinstance(one, Partial)])
    yield work.answer(body.wanted, "Evaluate")


def gradient(desk: Desk, question: Question) -> Iterator[Answer]:
    """Derivatives: each formula as it is derived, then with its numbers."""
    body = question.body
    assert isinstance(body, GradientBody)
    work = _Work(Figures.at(desk, question, body.precision))
    work.gradients([one for found in body.wanted.values() for one in found if isinstance(one, Partial)])
    yield work.answer(body.wanted, "Compute")


def update(desk: Desk, question: Question) -> Iterator[Answer]:
    """A step against the gradient, then the forward pass at the new parameters."""
    body = question.body
    assert isinstance(body, UpdateBody)
    work = _Work(Figures.at(desk, question, body.precision))
    partials = [one for found in body.wanted.values() for one in found if isinstance(one, Partial)]
    work.gradients(partials)
    yield work.moved(body, partials)


class _Work:
    """The lines of one question, collected in order."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self.graph = figures.desk.spec.graph
        self.steps: list[Step] = []
        self.verdicts: list[Verdict] = []
        self.assumptions: list[str] = []
        self.derivations: dict[Tensor, Derivation] = {}

    def forward(self, wanted: Iterable[Tensor], *, told: bool) -> None:
        """Compute what these need; with ``told`` its lines are printed."""
        for equation in self._needed(wanted):
            if equation.target in self.figures.arithmetic.tensors:
                continue
            self.figures.solve(equation)
            if told:
                self.steps.extend(self._forward_lines(equation, FORWARD))

    def _needed(self, wanted: Iterable[Tensor]) -> list[Equation]:
        needed, kept = set(wanted), []
        for equation in reversed(self.graph.equations):
            if equation.target in needed:
                needed |= set(equation.inputs)
                kept.append(equation)
        return kept[::-1]

    def _forward_lines(self, equation: Equation, heading: str) -> Iterator[Step]:
        assert equation.expr is not None
        target = Leaf(equation.target)
        because = f"the equation of `{equation.target.name}`"
        if equation.indices:
            whole = Element(target, tuple(IndexValue(((index, 1),)) for index in equation.indices))
            yield self.figures.line(whole, equation.expr, because, rule="definition", heading=heading)
            for part in self.figures.parts(target):
                yield self.figures.line(part, self.figures.numeric(part), "each entry", heading=heading)
            return
        result = self.figures.numeric(target)
        yield self.figures.line(target, equation.expr, because, rule="definition", heading=heading)
        yield from self._worked(equation.expr, result, None, heading)

    def _worked(self, expr: Expr, result: Expr, quantity: Partial | None, heading: str) -> Iterator[Step]:
        before = expr
        for after, because in worked_lines(self.figures, expr, result):
            if after != before:
                yield self.figures.line(before, after, because, quantity=quantity, heading=heading)
            before = after

    def gradients(self, partials: Iterable[Partial]) -> None:
        """Derivatives in the order of the backward pass, each with its formula and its numbers."""
        figures, desk = self.figures, self.figures.desk
        done: set[Partial] = set()
        for of in dict.fromkeys(one.of for one in partials):
            by = tuple(dict.fromkeys(one.by for one in partials if one.of is of))
            self.forward([of, *by], told=False)
            found = desk.context.session(figures.question.via).gradients(of, by)
            for tensor in by:
                derived = found[tensor]
                derivation = Derivation(desk.context, derived, figures.question.via)
                self.verdicts.append(derivation.verify())
                self.derivations[tensor] = derivation
                self.assumptions.extend((*derivation.assumptions, *choices_of(derivation)))
                for need in dict.fromkeys((*derived.needs, tensor)):
                    partial = Partial(of, need)
                    if partial in done:
                        continue
                    done.add(partial)
                    shown = layout_partial(partial, derivation.layout)
                    lines = tuple(step for step in derivation.steps if step.quantity == shown)
                    self._gradient(partial, derivation, derived.values[need], lines)

    def _gradient(
        self, gradient: Partial, derivation: Derivation, value: Expr, lines: tuple[Step, ...]
    ) -> None:
        figures = self.figures
        inputs = [node.tensor for node in value.walk() if isinstance(node, Leaf)]
        self.forward(inputs, told=False)
        loop = self.graph.loop_of(gradient.by)
        if loop and (gradient.of, gradient.by) not in figures.arithmetic.partials:
            used = [node.tensor for one in loop for node in walked(derivation, one) if isinstance(node, Leaf)]
            self.forward(used, told=False)
            figures.set_loop(gradient.of, derivation.derived.values, loop)
        elif not loop:
            figures.set_partial(gradient, value)
        partial = layout_partial(gradient, derivation.layout)
        value = derivation.in_layout(value)
        self.steps.extend(lines)
        if not gradient.by.is_matrix:
            for part in figures.parts(partial):
                line = figures.line(part, figures.numeric(part), "each entry", quantity=partial)
                self.steps.append(line)
            return
        result = figures.numeric(partial)
        if value == partial or isinstance(value, Comprehension):
            self.steps.append(figures.line(partial, result, "each entry", quantity=partial))
        elif lines:
            self.steps.extend(self._worked(value, result, partial, ""))
        else:
            because = f"`{partial.by.name}` has no influence on `{partial.of.name}`"
            self.steps.append(figures.line(partial, result, because, quantity=partial))

    def moved(self, body: UpdateBody, partials: list[Partial]) -> Answer:
        """The step, and the forward pass after it."""
        figures = self.figures
        new = {one.by: _after_step(one.by, self.graph.tensors) for one in partials}
        rules = {one.by: self._rule(one, body.step) for one in partials}
        again = [e for e in self._needed(body.then) if _touched(e, set(new), self.graph.equations)]
        for equation in again:
            new[equation.target] = _after_step(equation.target, self.graph.tensors)
        figures.given.moved(rules, new)
        for tensor, expr in rules.items():
            figures.arithmetic.tensors[new[tensor]] = figures.value(expr)
            because = "against the gradient, by the step"
            if isinstance(expr, TensorEntries):
                entry = Element(Leaf(new[tensor]), slots_of(tensor, expr.indices))
                self.steps.append(figures.line(entry, expr.body, because, rule="step", heading=STEP))
                for part in figures.parts(Leaf(new[tensor])):
                    line = figures.line(part, figures.numeric(part), "each entry", heading=STEP)
                    self.steps.append(line)
                continue
            result = figures.numeric(Leaf(new[tensor]))
            self.steps.append(figures.line(Leaf(new[tensor]), expr, because, rule="step", heading=STEP))
            self.steps.extend(self._worked(expr, result, None, STEP))
        self.forward({t for e in again for t in e.inputs}, told=False)
        for equation in again:
            there = renamed(equation, new)
            figures.solve(there)
            self.steps.extend(self._forward_lines(there, AGAIN))
        wanted: dict[str, tuple[Expr, ...]] = {tensor.name: (Leaf(new[tensor]),) for tensor in rules}
        for tensor in body.then:
            if tensor.name not in wanted:
                self.forward([tensor], told=False)
                wanted[tensor.name] = (Leaf(new.get(tensor, tensor)),)
        asks = tuple(expr for found in wanted.values() for expr in found)
        return self._answer(wanted, asks, "Take one step and compute")

    def _rule(self, one: Partial, step: Expr) -> Expr:
        """The parameter after the step: W - step * dL/dW, over entries where it is no matrix."""
        if one.by.is_matrix:
            return Add((Leaf(one.by), Neg(MatMul((step, self._beside(one))))))
        letters = [letter for letter in "ijklmnpqrs" if letter not in self.graph.tensors]
        indices = axis_indices(one.by, letters) or ()
        slots = slots_of(one.by, indices)
        body = Add((Element(Leaf(one.by), slots), Neg(MatMul((step, Element(one, slots))))))
        return TensorEntries(indices, body)

    def _beside(self, partial: Partial) -> Expr:
        """A derivative in the shape of what it is taken by, whatever the layout."""
        return in_numerator(partial) if self.graph.layout == "numerator" else partial

    def answer(self, wanted: Wanted, verb: str) -> Answer:
        """What was asked for, boxed."""
        layout = self.graph.layout
        found: dict[str, tuple[Expr, ...]] = {
            name: tuple(layout_partial(one, layout) if isinstance(one, Partial) else one for one in exprs)
            for name, exprs in wanted.items()
        }
        asks = tuple(expr for exprs in found.values() for expr in exprs)
        return self._answer(found, asks, verb)

    def _answer(self, wanted: dict[str, tuple[Expr, ...]], asks: tuple[Expr, ...], verb: str) -> Answer:
        figures, question = self.figures, self.figures.question
        names = figures.desk.context.names
        boxes = tuple(
            Box(part, Formula(figures.numeric(part), names), _declared(part))
            for expr in asks
            for part in (figures.parts(expr) if isinstance(expr, Leaf | Partial) else (expr,))
        )
        verdict = _joined(self.verdicts, overall(self.steps))
        kept = tuple(dict.fromkeys(self.assumptions))
        single = self._single(asks)
        return Answer(
            question.id, question.kind, question.target, None, verdict,
            shown=Shown(
                asks, boxes, tuple(self.steps), verdict, heading="", assumptions=kept, verb=verb,
                in_a_row=True,
                check=_check(verdict),
            ),
            result=Result() if single is None else DerivedResult(single),
            shape=tuple(str(dim) for dim in _declared(asks[0])) if len(asks) == 1 else None,
            numbers={name: self._numbers(exprs) for name, exprs in wanted.items()},
            steps=tuple(self.steps),
            assumptions=kept,
        )  # fmt: skip

    def _single(self, asks: tuple[Expr, ...]) -> Derivation | None:
        """The derivation behind the only derivative that was asked for."""
        if len(asks) == 1 and isinstance(asks[0], Partial):
            return self.derivations.get(asks[0].by)
        return None

    def _numbers(self, exprs: tuple[Expr, ...]) -> Numbers:
        """The numbers of one name; of a family one array, its members first."""
        arrays: list[Cells] = [self.figures.value(expr) for expr in exprs]
        shape = tuple(self.figures.arithmetic.extent(dim) for dim in _declared(exprs[0]))
        if len(arrays) == 1:
            return self.figures.numbers(arrays[0], shape)
        flat = np.concatenate([array.ravel() for array in arrays])
        return self.figures.numbers(flat, (len(arrays), *shape))


def walked(derivation: Derivation, tensor: Tensor) -> Iterator[Expr]:
    """All that stands in the derivative by ``tensor``, where it was derived."""
    value = derivation.derived.values.get(tensor)
    return iter(()) if value is None else value.walk()


def _declared(expr: Expr) -> tuple[Dim, ...]:
    """The dims of a name; of a derivative in its layout."""
    if isinstance(expr, Partial) and expr.turned:
        return (ONE, *expr.by.shape) if expr.by.rank == 1 else expr.by.shape[::-1]
    tensor = expr.array
    return tensor.shape if tensor is not None else ()


def _after_step(tensor: Tensor, taken: Collection[str]) -> Tensor:
    """The tensor after the step, under a name of its own: ``W_new``."""
    name = f"{tensor.name}_new"
    while name in taken:
        name += "_"
    return replace(tensor, name=name, moved=tensor)


def _touched(equation: Equation, moved: set[Tensor], equations: tuple[Equation, ...]) -> bool:
    """Whether the step reaches the target of an equation."""
    reached = set(moved)
    for one in equations:
        if not reached.isdisjoint(one.inputs):
            reached.add(one.target)
    return equation.target in reached


def _joined(verdicts: list[Verdict], whole: Verdict) -> Verdict:
    """The lines at the values of the file, and the formulas at random points."""
    for status in ("fails", "not-checked"):
        for verdict in (whole, *verdicts):
            if verdict.status == status:
                return verdict
    return whole


def _check(verdict: Verdict) -> str:
    """How the numbers were checked, in words."""
    if verdict.status == "fails":
        return "**A line of this answer fails its check.**"
    if verdict.status == "not-checked":
        return f"Not checked: {verdict.reason}."
    against = "and against differences " if verdict.evidence.method == "differences" else ""
    return (
        f"Every number was checked against a second evaluation of the forward pass {against}at these values; "
        "numbers are rounded from exact values, not from the rounded numbers of the lines before."
    )
