"""``explicit``: the derivative of a scalar, every entry written out for the sizes of ``dims:``."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.letters import derivation_of
from symbackprop.answering.record import Answer
from symbackprop.core.concrete import sizes_of
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import ExplicitBody


def explicit(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer, at level entries."""
    body = question.body
    assert isinstance(body, ExplicitBody)
    sizes = {**sizes_of(desk.spec.graph, desk.spec.values), **body.sizes}
    derivation = derivation_of(desk.context, question, "entries", sizes)
    yield derived_answer(question.id, question.kind, question.target, "entries", derivation)
