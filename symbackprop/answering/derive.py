"""``derive``: the derivative of a scalar, at each level that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.answering.desk import Desk
from symbackprop.answering.letters import derivation_of, entry_of
from symbackprop.answering.notes import kink_notes
from symbackprop.answering.record import Answer, DerivedResult
from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Slice
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.model import Box, Shown
from symbackprop.notation.formula import Formula
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import DeriveBody
from symbackprop.results.derivation import Derivation
from symbackprop.results.written_out import WrittenOut


def derive(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each level."""
    body = question.body
    assert isinstance(body, DeriveBody)
    for level in desk.levels(question):
        if question.in_terms_of is None and not question.entry and not body.sizes:
            derivation = desk.derivation(question.of, question.by, question.via, level)
        else:
            sizes = (body.sizes or desk.sizes) if level == "entries" else {}
            derivation = derivation_of(desk.context, question, level, sizes)
        yield derived_answer(question.id, question.kind, question.target, level, derivation)


def derived_answer(
    question_id: str, kind: str, target: str, level: str, derivation: Derivation
) -> Answer:
    """The answer that a derivation is, verified."""
    verdict = derivation.verify()
    return Answer(
        question_id, kind, target, level, verdict,
        shown=shown(derivation, level, verdict),
        result=DerivedResult(derivation),
        shape=derivation.shape,
        indices=derivation.indices,
        steps=derivation.steps,
        assumptions=derivation.assumptions,
        derivation=derivation,
    )  # fmt: skip


def shown(derivation: Derivation, level: str, verdict: Verdict) -> Shown:
    """A derivation for a page, after ``verify``."""
    note = ""
    if not derivation.steps and derivation.of.gradient is None:
        note = f"`{derivation.by.name}` has no influence on `{derivation.of.name}`."
    if isinstance(derivation, WrittenOut) and derivation.sizes_text:
        note = f"{note} Written out for {derivation.sizes_text}.".strip()
    gradient = derivation.derived.jacobian is None
    partial = derivation.partial if gradient else derivation.derived.asked
    target = entry_of(derivation) if derivation.is_entrywise else partial
    whole = derivation.derived.asked
    in_entries = isinstance(derivation.formula.expr, Comprehension | TensorEntries)
    if isinstance(target, Element) and isinstance(whole, Jacobian) and not in_entries:
        target = whole  # the matrix of one example, not its entry
    box = Box(target, derivation.formula, _shape(derivation), note)
    boxes = (*_slices(derivation), box)
    if isinstance(target, Jacobian) and target.vec is not None:
        partial = derivation.derived.partial
        boxes = (replace(box, shape=target.shape), *_slices(derivation))
    return Shown(
        asks=(partial,),
        boxes=boxes,
        steps=derivation.steps,
        verdict=verdict,
        of=derivation.of,
        level=level,
        assumptions=(*derivation.assumptions, *choices_of(derivation)),
        numpy="\n".join(derivation.numpy_lines()) or None,
    )


def _shape(derivation: Derivation) -> tuple[Dim, ...]:
    shape = derivation.derived.shape
    if derivation.layout != "numerator" or not shape or not derivation.by.is_matrix:
        return shape
    return (ONE, *shape) if len(shape) == 1 else shape[::-1]


def choices_of(derivation: Derivation) -> tuple[str, ...]:
    """The choices at kinks that the derivation rests on."""
    texts = [step.after.text for step in derivation.steps]
    notes = kink_notes(derivation.graph)
    return tuple(
        f"`{note}`" for note in notes if "(" not in note or any(note.split("(")[0] in text for text in texts)
    )


def _slices(derivation: Derivation) -> Iterator[Box]:
    """The matrices that an array of more than two indices is made of."""
    names = derivation.formula.names
    for target, value in derivation.slices:
        if isinstance(target, Jacobian):
            given = [slot for slot in (*target.of_slots, *target.by_slots) if slot is not None]
        else:
            places = target.slots if isinstance(target, Slice | Element) else ()
            given = [slot for slot in places if isinstance(slot, IndexValue)]
        held = [slot.single for slot in given]
        letters = [f"`{letter}`" for letter in dict.fromkeys(i.letter for i in held if i is not None)]
        note = f"For every {' and '.join(letters)}." if letters else ""
        yield Box(target, Formula(value, names), target.shape, note)
