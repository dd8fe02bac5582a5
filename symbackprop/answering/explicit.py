"""``explicit``: a derivative with every entry written out, for the sizes of ``dims:`` or of the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.letters import derivation_of
from symbackprop.answering.record import Answer
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import DeriveBody
from symbackprop.reading.jacobian_bodies import JacobianBody
from symbackprop.results.derivation import Derivation


def explicit(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer, at level entries."""
    body = question.body
    derivation: Derivation
    if isinstance(body, JacobianBody):
        derivation = desk.jacobian_of(body, question.via, "entries")
    else:
        assert isinstance(body, DeriveBody)
        derivation = derivation_of(desk.context, question, "entries", body.sizes)
    yield derived_answer(question.id, question.kind, question.target, "entries", derivation)
