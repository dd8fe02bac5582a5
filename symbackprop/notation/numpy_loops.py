"""Recursions as NumPy: a function with a loop over the members, forwards or backwards.

``Looped`` is the place-holder that stands for one array of a loop. The function is emitted as a helper; in
it a family is an array with t as its first axis, one with a start has that as row 0 (``h_all``).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial, Shape
from symbackprop.core.indexed import Element, IndexValue, Run, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_base import DIM_MARK, Writer, dim_code, real
from symbackprop.notation.numpy_index import entries

Target = Tensor | Partial
T_NAME = "t"


@dataclass(frozen=True, slots=True)
class Member:
    """``target[t, own] = body``, a number over the own indices; ``start`` stands in front of t = 1."""

    target: Target
    index: Index
    own: tuple[Index, ...]
    body: Expr
    start: Tensor | None = None
    whole: Tensor | None = None  # the array with the start as its first row


@dataclass(frozen=True, slots=True)
class Loop:
    """What is computed together; ``backwards``: from the last member, beyond which all is 0."""

    name: str
    members: tuple[Member, ...]
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Looped(Expr):
    """One array that a loop computes; ``inputs`` are the bodies, so that what they need is found."""

    loop: Loop
    target: Target
    inputs: tuple[Expr, ...]

    @property
    def shape(self) -> Shape:
        return (Dim.named("loop"), ONE)


def looped(loop: Loop, target: Target) -> Looped:
    """The place-holder of a target, which needs all that stands in the bodies and is not of the loop."""
    own = {member.target for member in loop.members} | {m.whole for m in loop.members if m.whole is not None}
    starts = [Leaf(member.start) for member in loop.members if member.start is not None]
    found: dict[Expr, None] = dict.fromkeys(starts)
    for member in loop.members:
        for node in member.body.walk():
            outside = node.tensor if isinstance(node, Leaf) else node if isinstance(node, Partial) else None
            if outside is not None and outside not in own:
                found.setdefault(node)
    return Looped(loop, target, tuple(found))


def loop_code(writer: Writer, node: Looped) -> ast.expr:
    """The call of the function, and which of its results it is."""
    loop = node.loop
    names: dict[str, None] = {}  # that stand in the function, in order
    rows = _rows(writer, loop, names)
    head = _head(writer, loop, names)
    results: list[str] = []
    for member in loop.members:
        local = _local(writer, member)
        results.append(f"{local}[1:]" if member.start is not None else local)
        if member.whole is not None:
            results.append(local)
    made = {_local(writer, member) for member in loop.members}
    given = [name for name in names if name not in {*made, T_NAME, "np"}]
    parameters = {name: name.removeprefix(DIM_MARK) for name in given}
    source = [f"def {loop.name}({', '.join(parameters.values())}):"]
    source += [f"    {line}" for line in head]
    source += [f"        {line}" for line in rows]
    source.append(f"    return {', '.join(results)}{',' * (len(results) == 1)}")
    text = "\n".join(source)
    for name in sorted(given, key=len, reverse=True):
        text = text.replace(name, parameters[name]) if name.startswith(DIM_MARK) else text
    writer.helpers[text] = None
    call = py.call(loop.name, *(py.name(name) for name in given))
    return py.subscript(call, py.literal(_place(loop, node.target)))


def _rows(writer: Writer, loop: Loop, names: dict[str, None]) -> list[str]:
    """The body of the loop: one row of each array."""
    inner = replace(writer, zero=loop.backwards, fixed=dict(writer.fixed))
    for member in loop.members:
        inner.fixed[member.index] = T_NAME
    rows: list[str] = []
    for member in loop.members:
        value = real(entries(inner, member.body, [index for index in member.own if not index.dim.is_one]))
        rows.append(f"{_local(writer, member)}[{_row(member)}] = {_shown(value, names)}")
    return rows


def _head(writer: Writer, loop: Loop, names: dict[str, None]) -> list[str]:
    """The arrays before the loop, and the line that begins it."""
    steps = dim_code(loop.members[0].index.dim)
    past = py.binary(steps, "+", py.literal(1))
    head: list[str] = []
    for member in loop.members:
        local = _local(writer, member)
        length = past if member.start is not None else steps
        extents = [length, *(dim_code(index.dim) for index in member.own if not index.dim.is_one)]
        head.append(f"{local} = {_shown(py.call('np.zeros', py.sequence(*extents)), names)}")
        if member.start is not None:
            head.append(f"{local}[0] = {_shown(py.name(writer.name_of(member.start)), names)}")
    ends = (steps, py.literal(0), py.literal(-1)) if loop.backwards else (py.literal(1), past)
    return [*head, f"for {T_NAME} in {_shown(py.call('np.arange', *ends), names)}:"]


def _place(loop: Loop, target: Target) -> int:
    order: list[Target] = []
    for member in loop.members:
        order.append(member.target)
        if member.whole is not None:
            order.append(member.whole)
    return order.index(target)


def _local(writer: Writer, member: Member) -> str:
    return writer.name_of(member.whole or member.target)


def _row(member: Member) -> str:
    return T_NAME if member.start is not None else f"{T_NAME} - 1"


def _shown(node: ast.expr, names: dict[str, None]) -> str:
    names.update(dict.fromkeys(sorted(py.names_in(node))))
    return py.show(node)


def from_start(expr: Expr, wholes: Mapping[Tensor, Tensor]) -> Expr:
    """h[t-1] as row t of the array that begins with the start of the recursion."""
    if isinstance(expr, Element | Slice) and isinstance(expr.base, Leaf) and expr.base.tensor in wholes:
        first, *rest = expr.slots
        low = first.low if isinstance(first, Run) else first
        assert isinstance(low, IndexValue)
        place = IndexValue(low.indices, low.offset + 1)
        moved: Expr = replace(first, low=place) if isinstance(first, Run) else place
        slots = (moved, *(from_start(slot, wholes) for slot in rest))
        return replace(expr, base=Leaf(wholes[expr.base.tensor]), slots=slots)  # type: ignore[arg-type]
    return expr.map_children(lambda child: from_start(child, wholes))
