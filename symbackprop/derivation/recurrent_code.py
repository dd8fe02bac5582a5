"""The lines of emitted code where a forward pass holds recursions over a dim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.session import Session
from symbackprop.notation.numpy_loops import Loop, Member, from_start, looped
from symbackprop.notation.numpy_program import Line


def recurrent_lines(session: Session, derivations: list[Derived]) -> list[Line]:
    """The forward loops and what uses their members; then the derivatives, those of a loop together."""
    graph = session.graph
    wholes = _wholes(graph)
    found = [*_forward(session, wholes), *_others(session, wholes)]
    done: set[Partial] = set()
    for derived in derivations:
        for tensor in derived.needs:
            partial = Partial(derived.of, tensor)
            if partial in done:
                continue
            loop = graph.loop_of(tensor)
            if loop:
                done.update(Partial(derived.of, one) for one in loop)
                found.extend(_backward(graph, derived, loop, wholes))
                continue
            done.add(partial)
            line = _line(partial, derived.values[tensor], wholes)
            if line is not None:
                found.append(line)
    return found


def _wholes(graph: Graph) -> dict[Tensor, Tensor]:
    """For each family with a start the array that has it as its first row."""
    found: dict[Tensor, Tensor] = {}
    for loop in graph.loops:
        for tensor in loop:
            if tensor.start is not None:
                shape = (tensor.shape[0] + 1, *tensor.shape[1:])
                name = f"{tensor.name}_all"
                found[tensor] = Tensor(name, shape, tensor.convention, Role.INTERMEDIATE, over=tensor.over)
    return found


def _forward(session: Session, wholes: Mapping[Tensor, Tensor]) -> Iterator[Line]:
    for number, loop in enumerate(session.graph.loops):
        members: list[Member] = []
        for tensor in loop:
            local = session.shop.locals[tensor]
            first, *own = local.indices
            body = from_start(session.lines.plain_entries(local.form), wholes)
            members.append(Member(tensor, first, tuple(own), body, tensor.start, wholes.get(tensor)))
        made = Loop(f"_forward{number or ''}", tuple(members))
        for member in members:
            yield Line(member.target, looped(made, member.target))
            if member.whole is not None:
                yield Line(member.whole, looped(made, member.whole))


def _backward(
    graph: Graph, derived: Derived, loop: tuple[Tensor, ...], wholes: Mapping[Tensor, Tensor]
) -> Iterator[Line]:
    members: list[Member] = []
    for tensor in reversed(loop):
        value = derived.values.get(tensor)
        if not isinstance(value, TensorEntries | Comprehension):
            continue
        indices = value.indices if isinstance(value, TensorEntries) else _sides(value)
        first, *own = indices
        body = from_start(value.body, wholes)
        members.append(Member(Partial(derived.of, tensor), first, tuple(own), body))
    made = Loop(f"_backward{graph.loops.index(loop) or ''}", tuple(members), backwards=True)
    for member in members:
        yield Line(member.target, looped(made, member.target))


def _sides(value: Comprehension) -> tuple[Index, ...]:
    return tuple(index for index in (value.row, value.column) if index is not None)


def _others(session: Session, wholes: Mapping[Tensor, Tensor]) -> Iterator[Line]:
    """Equations outside of the loops in which members before one stand, or that give families."""
    for equation in session.graph.equations:
        if session.graph.loop_of(equation.target) or equation.expr is None:
            continue
        local = session.shop.locals[equation.target]
        if equation.member is not None:
            yield Line(
                equation.target, from_start(session.lines.plain_entries(local.form), wholes), local.indices
            )
        elif not wholes.keys().isdisjoint(equation.inputs):
            yield Line(equation.target, from_start(equation.expr, wholes), equation.indices)


def _line(partial: Partial, value: Expr, wholes: Mapping[Tensor, Tensor]) -> Line | None:
    if value == partial:
        return None
    if isinstance(value, TensorEntries):
        return Line(partial, from_start(value.body, wholes), value.indices)
    return Line(partial, from_start(value, wholes))
