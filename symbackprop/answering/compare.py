"""``compare``: one derivation in several conventions, each verified in its own forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Answer
from symbackprop.answering.respell import Respelling
from symbackprop.core.expr import Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text
from symbackprop.problem_file import Question
from symbackprop.reading.bodies import CompareBody
from symbackprop.results import Context, Derivation

STANDS = {
    Convention.ROW: "examples and vectors are rows",
    Convention.COLUMN: "examples and vectors are columns",
    Convention.COLUMN_TRANSPOSED: "examples and vectors are columns, weights stand transposed",
}


def compare(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each convention and level, all with the id of the question."""
    body = question.body
    assert isinstance(body, CompareBody)
    for convention in body.conventions:
        context, partial = _in_convention(desk, body.partial, convention)
        for level in desk.levels(question):
            derived = context.session(question.via).derive(partial.of, partial.by, level)
            derivation = Derivation(context, derived, question.via)
            answer = derived_answer(question.id, question.kind, question.target, level, derivation)
            equation = _equation(context.graph, partial, context.names)
            note = f"*{convention.value}*: {STANDS[convention]}"
            note += f"; {equation}" if equation else ""
            boxes = tuple(replace(box, note=f"{note}.") for box in answer.shown.boxes)
            heading = f"Convention {convention.value}"
            shown = replace(answer.shown, heading=heading, boxes=boxes, graph=context.graph)
            yield replace(answer, shown=shown)


def _in_convention(desk: Desk, partial: Partial, to: Convention) -> tuple[Context, Partial]:
    """The problem in another convention, and what is asked there."""
    context = desk.context
    if to is context.graph.convention:
        return context, partial
    respelling = Respelling(context.graph, to)
    graph = respelling.whole()
    names = _names(context.names, respelling.tensors)
    return Context(graph, names), Partial(respelling.tensor(partial.of), respelling.tensor(partial.by))


def _names(names: Names, tensors: dict[Tensor, Tensor]) -> Names:
    partials = {
        (tensors.get(of, of), tensors.get(by, by)): name for (of, by), name in names.partials.items()
    }
    return replace(names, partials=partials)


def _equation(graph: Graph, partial: Partial, names: Names) -> str:
    """The equations in which the variable stands, as this convention writes them."""
    found = [
        f"`{e.target.name} = {to_text(e.expr, names)}`"
        for e in graph.consumers_of(partial.by)
        if e.expr is not None and not e.indices and not e.target.is_scalar
    ]
    return " and ".join(found)
