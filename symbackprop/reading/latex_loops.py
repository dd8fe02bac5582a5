r"""Families over a dim in LaTeX: ``h_t = \tanh(W h_{t-1} + U x_t + b), t = 1, \dots, T`` for a symbolic T.

Such a family is one array, which ``recursions`` knows how to read; here the places that shapes decide are
settled: first by the declared shapes alone, then, once the forward pass has been read, by those of all names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention
from symbackprop.reading.declarations import Declarations
from symbackprop.reading.latex_open import Open, settle, shape_in
from symbackprop.reading.latex_starts import is_zero, zeros_of
from symbackprop.reading.program import build_graph, declared_tensors
from symbackprop.reading.recursions import is_before, subs_of
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import ShapeError
from symbackprop.reading.syntax import Apply, Line, Name, Node, Num, Sub, show
from symbackprop.reading.tokens import fail


def graph_over_dims(lines: Sequence[Line], declarations: Declarations, file: str | None) -> Graph:
    """The typechecked forward pass of lines with families over dims."""
    if declarations.convention is not None:
        return _graph(lines, declarations, declarations.convention, file)
    try:
        return _graph(lines, declarations, Convention.COLUMN, file)
    except ShapeError as error:
        try:
            return _graph(lines, declarations, Convention.ROW, file)
        except ShapeError:
            raise error from None


def _graph(
    lines: Sequence[Line], declarations: Declarations, convention: Convention, file: str | None
) -> Graph:
    known = replace(declarations, convention=convention)
    targets = {line.target for line in lines}
    tensors = declared_tensors(known, convention, targets)
    dims, functions, first = known.all_dims, known.functions, known.first
    scope = Scope(convention, tensors, dims, functions, taken=targets, first=first, zero=known.zero)
    started = [_started(line, lines, scope) for line in lines]
    by_declared = tuple(settled_line(line, scope) for line in started)
    graph = build_graph(by_declared, known, file=file)
    wider = replace(scope, tensors=dict(graph.tensors))
    settled = tuple(settled_line(line, wider) for line in started)
    if [line.expr for line in settled] == [line.expr for line in by_declared]:
        return graph
    return build_graph(settled, known, file=file)


def _started(line: Line, lines: Sequence[Line], scope: Scope) -> Line:
    """``h_0 = 0`` as large as what multiplies the members asks for, else as the member computed from it."""
    if not line.slots or not isinstance(line.slots[0], Num) or not is_zero(line.expr):
        return line
    users = [one for one in lines if any(is_before(sub, one) for sub in subs_of(one.expr, line.target))]
    for user in users:
        found = settle(_without(user.expr, line.target), scope)
        zero = next((node for node in found.walk() if isinstance(node, Apply) and node.name == "zeros"), None)
        shape = shape_in(found, scope) if user.target == line.target else None
        if zero is not None or shape is not None:
            return replace(line, expr=zero or zeros_of(shape or (), line.expr.at))
    if not users:
        return line
    raise fail("it is not known how large this start is", line.at, "declare the start as an input")


def _without(node: Node, name: str) -> Node:
    """The formula with a zero of open size for the members of ``name``."""
    if isinstance(node, Sub) and isinstance(node.base, Name) and node.base.name == name:
        return Open(node.at, "zeros")
    return node.map_children(lambda child: _without(child, name))


def settled_line(line: Line, scope: Scope) -> Line:
    """The line with every ``Open`` place decided."""
    expr = settle(line.expr, scope)
    slots = f"[{','.join(map(show, line.slots))}]" if line.slots else ""
    ranges = "".join(
        f"{', ' if place else ' for '}{show(bounds)}" for place, bounds in enumerate(line.ranges)
    )
    return replace(line, expr=expr, text=f"{line.target}{slots} = {show(expr)}{ranges}")
