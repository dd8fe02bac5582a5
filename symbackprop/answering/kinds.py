"""The table of answerers: for each kind of question, who answers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from symbackprop.answering.compare import compare
from symbackprop.answering.derive import derive
from symbackprop.answering.desk import Desk
from symbackprop.answering.explicit import explicit
from symbackprop.answering.hvp import hvp
from symbackprop.answering.jacobians import jacobian
from symbackprop.answering.numbers import evaluate, gradient, update
from symbackprop.answering.record import Answer, Told
from symbackprop.answering.shapes import shapes
from symbackprop.answering.show import show
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import AskBody
from symbackprop.reading.jacobian_bodies import JacobianBody

Answerer = Callable[[Desk, Question], Iterator[Answer | Told]]


def _derive(desk: Desk, question: Question) -> Iterator[Answer]:
    """The derivative of a scalar; of an array, its Jacobian."""
    return (jacobian if isinstance(question.body, JacobianBody) else derive)(desk, question)


def _ask(_: Desk, question: Question) -> Iterator[Told]:
    assert isinstance(question.body, AskBody)
    yield Told(question.id, question.target, question.body.answer)


ANSWERERS: Mapping[str, Answerer] = MappingProxyType(
    {
        "derive": _derive, "jacobian": jacobian, "explicit": explicit, "ask": _ask,
        "hessian": jacobian, "hvp": hvp, "evaluate": evaluate, "gradient": gradient, "update": update,
        "show": show, "compare": compare, "shapes": shapes,
    }
)  # fmt: skip


def answers_to(desk: Desk, question: Question) -> tuple[Answer | Told, ...]:
    """The answers to a question, one for each level; none if it has only parts."""
    return tuple(ANSWERERS[question.kind](desk, question)) if question.kind else ()
