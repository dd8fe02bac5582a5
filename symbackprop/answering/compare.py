"""``compare``: one derivation in several conventions and layouts, each verified in its own forward pass.

A layout changes how derivatives lie, a convention how arrays are stored; in each the whole derivation is made
anew, by the same calculus.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

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
from symbackprop.reading.jacobian_bodies import JacobianBody
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.written_out import written_out, written_out_jacobian

# How the derivative of a number lies, and that of an array.
LIES = {
    "gradient": ("in the shape of `{by}`", "a row for each entry of `{of}`"),
    "numerator": ("in the transposed shape of `{by}`", "a row for each entry of `{of}`"),
    "denominator": ("in the shape of `{by}`", "a row for each entry of `{by}`"),
}
STANDS = {
    Convention.ROW: "examples and vectors are rows",
    Convention.COLUMN: "examples and vectors are columns",
    Convention.COLUMN_TRANSPOSED: "examples and vectors are columns, weights stand transposed",
}


def compare(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each convention and level, all with the id of the question."""
    body = question.body
    assert isinstance(body, CompareBody)
    for convention, layout in product(body.conventions, body.layouts or (desk.spec.layout,)):
        context, partial = _in_convention(desk, body.partial, convention)
        if layout != context.graph.layout:
            context = Context(replace(context.graph, layout=layout), context.names)
        for level in desk.levels(question):
            derivation = _derivation(desk, context, partial, question.via, level)
            answer = derived_answer(question.id, question.kind, question.target, level, derivation)
            equation = _equation(context.graph, partial, context.names)
            note = f"*{convention.value}*: {STANDS[convention]}"
            note += f"; {equation}" if equation else ""
            heading = f"Convention {convention.value}"
            if body.layouts:
                alone = len(body.conventions) == 1
                lies = _lies(partial, layout)
                note = f"*{layout} layout*: {lies}" + ("" if alone else f"; {note}")
                heading = f"Layout {layout}" if alone else f"{heading}, layout {layout}"
            boxes = tuple(
                replace(box, note=" ".join(filter(None, (box.note, f"{note}."))))
                for box in answer.shown.boxes
            )
            shown = replace(answer.shown, heading=heading, boxes=boxes, graph=context.graph)
            yield replace(answer, shown=shown)


def _lies(partial: Partial, layout: str) -> str:
    """How a derivative lies; second derivatives do so in the same way in every layout."""
    if partial.of.gradient is not None:
        return LIES["gradient"][1].format(of=partial.of.gradient[1].name)
    return LIES[layout][not partial.of.is_scalar].format(of=partial.of.name, by=partial.by.name)


def _derivation(desk: Desk, context: Context, partial: Partial, via: str, level: str) -> Derivation:
    """The derivation in another graph; of an array its Jacobian."""
    of, by = partial.of, partial.by
    flipped = context.graph.layout == "denominator"
    if level == "entries":
        if of.is_scalar and of.gradient is None:
            return written_out(context, of, (by,), desk.sizes, via)[by]
        body = JacobianBody("", of, by)
        return written_out_jacobian(context, body, desk.sizes, via, flipped=flipped)
    session = context.session(via)
    if of.is_scalar and of.gradient is None:
        return Derivation(context, session.derive(of, by, level), via)
    return Derivation(context, session.jacobian(of, by, level, flipped=flipped), via)


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
