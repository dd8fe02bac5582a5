"""NumPy functions from equations: readable, straight-line, stable, and only what is needed.

``plan`` takes the wanted outputs and the lines they may use (the equations of the graph, then one
line for each derivative) and gives a ``Program``: inputs, dims read off their shapes, single
assignments in computable order, results. Shared subexpressions are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.core.graph import Graph
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.numpy_base import Expand
from symbackprop.notation.numpy_draft import Draft, uses_of
from symbackprop.notation.numpy_program import Line, Output, Program, Target
from symbackprop.notation.numpy_source import helper_names


def plan(
    name: str,
    graph: Graph,
    lines: Sequence[Line],
    outputs: Sequence[Output],
    *,
    names: Names = PLAIN,
    expand: Expand | None = None,
    single: bool = False,
) -> Program:
    """The program that computes ``outputs`` from the symbols of ``graph``.

    ``lines`` define derivatives (and whatever else the outputs use); equations of the graph come
    before them, each only if something needs it. A derivative without a line (dJ/dy of an
    arbitrary J) is an input. ``expand`` gives an equivalent expression of a call for which its
    operation brings no code.
    """
    needed = _needed(graph, lines, outputs)
    reserved: frozenset[str] = frozenset()
    while True:
        draft = Draft(graph, needed, outputs, names, expand, reserved)
        draft.write()
        clash = helper_names(draft.writer.helpers) & draft.identifiers.taken - reserved
        if not clash:
            return draft.program(name, single=single)
        reserved |= helper_names(draft.writer.helpers)


def _needed(graph: Graph, lines: Sequence[Line], outputs: Sequence[Output]) -> tuple[Line, ...]:
    """The lines that the outputs need, equations first, each after what it uses."""
    given = [Line(eq.target, eq.expr, eq.indices) for eq in graph.equations if eq.expr is not None]
    given += lines
    known = {line.target: line for line in given}
    wanted: set[Target] = set()
    pending = [target for output in outputs for target in uses_of(output.expr)]
    while pending:
        target = pending.pop()
        if target in known and target not in wanted:
            wanted.add(target)
            pending.extend(uses_of(known[target].expr))
    ordered: dict[Target, Line] = {}
    for line in given:
        stack = [line] if line.target in wanted and known[line.target] is line else []
        while stack:
            top = stack[-1]
            missing = [known[use] for use in uses_of(top.expr) if use in known and use not in ordered]
            missing = [other for other in missing if other not in stack]
            if missing:
                stack.extend(missing[:1])
            else:
                ordered.setdefault(top.target, stack.pop())
    return tuple(ordered.values())
