"""``show``: an identity derived and proved, or refuted by a counter-example.

The verdict is that of the numbers, from the forward pass alone. Beside it stands how far the proof goes: the
derivation to the given side, closed by equality of normal forms ("for all sizes") where that succeeds. A
claim that fails is still printed, with what is true instead, and the line that fails is marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from symbackprop.answering.derive import choices_of
from symbackprop.answering.desk import Desk
from symbackprop.answering.letters import derivation_of
from symbackprop.answering.record import Answer, Result
from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Comprehension, Element
from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.derivation.proof import Proof, Prover
from symbackprop.documents.model import Box, Shown
from symbackprop.errors import InputError
from symbackprop.notation.formula import Formula
from symbackprop.notation.layouts import shape_in_layout
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import DeriveBody, ShowBody
from symbackprop.reading.jacobian_bodies import body_of
from symbackprop.results.derivation import Derivation

PROVED = "the same, written otherwise: proved for all sizes"
MEASURED = "the two sides agree in numbers; no symbolic proof was found"


def show(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each level."""
    levels = question.levels
    assert isinstance(question.body, ShowBody)
    if levels is None:
        entry = isinstance(question.body.left, Element)
        levels = ("index",) if entry and (
            _lone(question.body.left) is not None or _of_array(question.body.left)
        ) else desk.level
    for level in levels:
        yield _Claim(desk, question, question.body, level).answer()


@dataclass(slots=True)
class _Claim:
    """One claim at one level."""

    desk: Desk
    question: Question
    body: ShowBody
    level: str

    def answer(self) -> Answer:
        """The claim with its derivation, proved, measured or refuted."""
        context = self.desk.context
        left, right = self.body.left, self.body.right
        verdict = context.verifier.check_equal(left, right)
        derivations = list(self._derivations(restricted=verdict.status != "fails"))
        steps = [step for one in derivations for step in one.steps]
        uses = [words for one in derivations for words in (*one.assumptions, *choices_of(one))]
        prover = Prover(context.session(self.question.via))
        proof = prover.equal(left, right) if verdict.status == "holds" else None
        closing = list(self._closing(derivations, prover))
        closing = [self._checked(step) for step in closing]
        steps = [*_distinct(steps), *closing]
        if proof is not None:
            uses.extend(proof.uses)
        overall = self._overall(verdict, derivations, closing, proof)
        kept = tuple(dict.fromkeys(uses))
        truth = self._truth(derivations) if verdict.status == "fails" else None
        return Answer(
            self.question.id, self.question.kind, self.question.target, self.level, overall,
            shown=self._shown(overall, steps, kept, derivations, truth, proved=proof is not None),
            result=self._result(overall, truth),
            shape=_shape(left), indices=None,
            steps=tuple(steps), assumptions=kept,
        )  # fmt: skip

    # The lines

    def _partials(self) -> list[Partial]:
        """The derivatives of scalars on the left; those on the right if there are none on the left."""
        for side in (self.body.left, self.body.right):
            found = [node for node in side.walk() if isinstance(node, Partial) and node.of.is_scalar]
            if found:
                return list(dict.fromkeys(found))
        return []

    def _derivations(self, *, restricted: bool) -> Iterator[Derivation]:
        for partial in self._partials():
            alone = _lone(self.body.left) == partial
            question = replace(
                self.question,
                body=DeriveBody(to_text(partial, self.desk.context.names), partial, self._letters(alone)),
                in_terms_of=self._allowed(partial) if restricted and alone else None,
            )
            try:
                derivation = derivation_of(self.desk.context, question, self.level)
            except InputError:
                derivation = derivation_of(
                    self.desk.context, replace(question, in_terms_of=None), self.level
                )
            derivation.verify()
            yield derivation
        for node in self._jacobians():
            body = body_of(node, to_text(node, self.desk.context.names))
            if body is not None:
                derivation = self.desk.jacobian_of(body, self.question.via, self.level)
                derivation.verify()
                yield derivation

    def _jacobians(self) -> list[Expr]:
        """Likewise the Jacobians, and entries of Jacobians."""
        if self._partials():
            return []
        for side in (self.body.left, self.body.right):
            found = [node for node in side.walk() if _of_array(node)]
            if found:
                return list(dict.fromkeys(found))
        return []

    def _letters(self, alone: bool) -> tuple[str, ...]:
        """The letters of ``dL/dW[i,j]`` on the left."""
        left = self.body.left
        if not alone or not isinstance(left, Element):
            return ()
        indices = [slot.single for slot in left.slots]
        letters = [index.letter for index in indices if index is not None]
        return tuple(letters) if len(letters) == len(indices) == len(set(letters)) else ()

    def _allowed(self, partial: Partial) -> tuple[Leaf | Partial, ...]:
        """The names on the right: the derivation is led to them."""
        found: dict[Leaf | Partial, None] = {}
        for node in self.body.right.walk():
            if isinstance(node, Leaf) and node.tensor.value is None and not node.tensor.numpy_value:
                found.setdefault(node)
            if isinstance(node, Partial) and (node.of, node.by) != (partial.of, partial.by):
                found.setdefault(replace(node, turned=False))
        return tuple(found)

    @property
    def _is_alone(self) -> bool:
        """Whether the left side is a derivative, or an entry of one."""
        return _lone(self.body.left) is not None or _of_array(self.body.left)

    def _closing(self, derivations: list[Derivation], prover: Prover) -> Iterator[Step]:
        """From what was derived to what was claimed."""
        left, right = self.body.left, self.body.right
        if self._is_alone and derivations:
            if _of_array(left) and self._says_so(derivations[0]):
                return
            derived = derivations[0].formula.expr
            ends = derivations[0].steps[-1].after.expr if derivations[0].steps else derived
            entries = isinstance(left, Element) or derivations[0].is_entrywise
            if entries or isinstance(derived, Comprehension) or ends.shape != right.shape:
                yield from self._line(left, right, prover)
            elif ends != right:
                yield from self._line(ends, right, prover)
            return
        values: dict[Expr, Expr] = {
            one.derived.asked if one.derived.jacobian else one.partial: one.in_layout(
                one.derived.values[one.by]
            )
            for one in derivations
            if not isinstance(one.derived.values[one.by], Comprehension | TensorEntries)
        }
        middle = _put(left, values)
        if middle not in (left, right):
            names = ", ".join(f"`{one.name}`" for one in derivations)
            yield self._step("insert", f"put in {names}", left, middle)
            left = middle
        yield from self._line(left, right, prover)

    def _says_so(self, derivation: Derivation) -> bool:
        """Whether the lines of the derivation are the claim, letter by letter."""
        names = self.desk.context.names
        left, right = to_text(self.body.left, names), to_text(self.body.right, names)
        starts = any(step.before.text == left for step in derivation.steps)
        return starts and derivation.steps[-1].after.text == right

    def _line(self, before: Expr, after: Expr, prover: Prover) -> Iterator[Step]:
        proof = prover.equal(before, after)
        uses = proof.uses if proof is not None else ()
        yield self._step("show", PROVED if proof is not None else MEASURED, before, after, uses)

    def _step(
        self, rule: str, because: str, before: Expr, after: Expr, uses: tuple[str, ...] = ()
    ) -> Step:
        names = self.desk.context.names
        quantity = next(iter(self._partials()), None)
        if quantity is None:
            quantity = next((_partial_of(node) for node in self._jacobians()), None)
        alone = self._is_alone
        return Step(
            rule, because, Formula(before, names), Formula(after, names), uses=uses,
            quantity=quantity if alone else None,
            heading="" if alone and quantity is not None else "What is to be shown.",
        )  # fmt: skip

    def _checked(self, step: Step) -> Step:
        (checked,) = self.desk.context.verified((step,))
        if checked.verdict.status == "fails" and step.rule == "show":
            return replace(checked, because="claimed; but the two sides differ")
        return checked

    # The outcome

    def _overall(
        self, verdict: Verdict, derivations: list[Derivation], closing: list[Step], proof: Proof | None
    ) -> Verdict:
        if verdict.status != "holds":
            return verdict
        for one in (*(d.verify() for d in derivations), *(step.verdict for step in closing)):
            if one.status == "fails":
                return one
        if proof is None:
            return verdict
        evidence = verdict.evidence
        return Verdict(
            "holds", Evidence("normal-form", evidence.points, evidence.sizes, evidence.max_rel_error)
        )

    def _truth(self, derivations: list[Derivation]) -> Formula | None:
        """What the left side really is, where it is a derivative."""
        return derivations[0].formula if self._is_alone and derivations else None

    def _result(self, verdict: Verdict, truth: Formula | None) -> Result:
        """The right side of what holds."""
        names = self.desk.context.names
        if verdict.status == "fails":
            return Result() if truth is None else Result(truth.text, str(truth.latex))
        right = Formula(self.body.right, names)
        return Result(right.text, str(right.latex))

    def _shown(
        self, verdict: Verdict, steps: list[Step], uses: tuple[str, ...],
        derivations: list[Derivation], truth: Formula | None, *, proved: bool,
    ) -> Shown:  # fmt: skip
        names = self.desk.context.names
        left, right = self.body.left, Formula(self.body.right, names)
        boxes = [Box(left, right, None, _outcome(verdict, self.body, proved=proved))]
        if truth is not None:
            boxes.append(Box(left, truth, None, "This is what holds."))
        of = derivations[0].of if derivations else None
        return Shown(
            (), tuple(boxes), tuple(steps), verdict, of, self.level, assumptions=uses,
            claim=(left, self.body.right),
        )  # fmt: skip


def _outcome(verdict: Verdict, body: ShowBody, *, proved: bool) -> str:
    """The verdict in a sentence, below the claim."""
    if verdict.status == "holds":
        if proved:
            return "Shown: both sides are the same for all sizes."
        return "Both sides agree in numbers at every point tried; a symbolic proof was not found."
    if verdict.status == "not-checked":
        return f"This could not be decided: {verdict.reason}."
    found = verdict.counterexample
    if found is None:
        return f"**This does not hold**: {verdict.reason}."
    sizes = ", ".join(f"${name} = {size}$" for name, size in found.sizes.items())
    at = f" at {sizes}" if sizes else ""
    entry = f" entry $({', '.join(map(str, found.entry))})$ of" if found.entry else ""
    return (
        f"**This does not hold**:{at}, at a random point,{entry} the left side is "
        f"${found.expected:.4g}$ and the right side ${found.got:.4g}$."
    )


def _lone(expr: Expr) -> Partial | None:
    """The derivative of a scalar that a side is, or is an entry of."""
    base = expr.base if isinstance(expr, Element) else expr
    return base if isinstance(base, Partial) and base.of.is_scalar else None


def _of_array(expr: Expr) -> bool:
    """Whether this is a Jacobian, what some indices leave of one, or an entry of one."""
    if isinstance(expr, Element):
        return isinstance(expr.base, Partial) and not expr.base.of.is_scalar
    return isinstance(expr, Jacobian)


def _partial_of(expr: Expr) -> Partial:
    if isinstance(expr, Jacobian):
        return Partial(expr.of, expr.by)
    assert isinstance(expr, Element)
    assert isinstance(expr.base, Partial)
    return expr.base


def _put(expr: Expr, values: dict[Expr, Expr]) -> Expr:
    """Derivatives replaced by what they were found to be, where that has a matrix form."""
    if isinstance(expr, Partial | Jacobian):
        value = values.get(expr)
        return expr if value is None or isinstance(value, Comprehension) else value
    if isinstance(expr, Element):
        return expr
    return expr.map_children(lambda child: _put(child, values))


def _distinct(steps: list[Step]) -> list[Step]:
    """Each line once: two derivations may rest on the same quantity."""
    kept: dict[int, Step] = {}
    for step in steps:
        kept.setdefault(hash((step.quantity, step.before.text, step.after.text)), step)
    return list(kept.values())


def _shape(expr: Expr) -> tuple[str, ...] | None:
    if isinstance(expr, Jacobian):
        return tuple(str(dim) for dim in expr.shape)
    lone = _lone(expr)
    if lone is not None and not isinstance(expr, Element):
        return shape_in_layout(lone, "numerator" if lone.turned else "gradient")
    return ()

