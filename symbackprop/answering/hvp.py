"""``hvp``: the Hessian times a direction, at each level; the Hessian is never built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Answer
from symbackprop.documents.model import Box
from symbackprop.problem_file import Question
from symbackprop.reading.hvp_bodies import HvpBody


def hvp(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each level."""
    body = question.body
    assert isinstance(body, HvpBody)
    for level in desk.levels(question):
        derivation = desk.along(body, question.via, level)
        target = f"{body.target} {body.direction.name}"
        answer = derived_answer(question.id, question.kind, target, level, derivation)
        box = Box(derivation.asked, derivation.formula, derivation.inner.shape)
        shown = replace(answer.shown, asks=(derivation.work.asked,), boxes=(box,))
        yield replace(answer, shown=shown)
