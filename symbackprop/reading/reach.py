"""Whether the positions in a slot exist, for all values of their indices."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Leaf
from symbackprop.core.indexed import IndexValue, LabelValue
from symbackprop.core.tensors import Index
from symbackprop.notation.counting import counted
from symbackprop.reading.positions import positions_text
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Name, Node, Span, Sub, show
from symbackprop.reading.tokens import fail


def check_reach(low: IndexValue, high: IndexValue, dim: Dim, slot: Node, node: Node, scope: Scope) -> None:
    """Positions must lie in 1..dim for all values of their indices; not where outside of it is 0."""
    if scope.zero and not isinstance(slot, Span) and isinstance(node, Sub):
        return
    resolve = scope.unifier.resolve
    base = scope.value(node.base.name) if isinstance(node, Sub) and isinstance(node.base, Name) else None
    started = isinstance(base, Leaf) and base.tensor.start is not None and slot is node.slots[0]  # type: ignore[attr-defined]
    least = 0 if started else 1
    below = [resolve(end - least) for end in _ends(low, scope, last=False)]
    above = [resolve(resolve(dim) - end) for end in _ends(high, scope, last=True)]
    unsolved = any(name[0] == "?" for gap in (*below, *above) for name in gap.names)
    if unsolved or all(any(gap.never_negative for gap in gaps) for gaps in (below, above)):
        return
    surely = any(all(gap.surely_negative for gap in gaps) for gaps in (below, above))
    if isinstance(slot, Span) and not low.indices and not surely:
        return  # 1..k of n entries: the author says that k <= n
    shift = 1 - scope.first
    where = f"{resolve(below[0] + least - shift)}..{resolve(resolve(dim) - above[0] - shift)}"
    whole = positions_text(resolve(dim), scope)
    raise fail(
        f"{show(node)}: the positions {show(slot)} run over {where}, which need not lie in {whole}",
        slot.at,
        "give the index a range of its own, or declare the shape so that all positions exist",
        "shape",
    )


def _ends(value: IndexValue, scope: Scope, *, last: bool) -> list[Dim]:
    """Bounds of the values of a position: by the ranges of its indices, and by what conditions say of them.

    The inner indices go first: their ends may hold the outer ones.
    """
    if not value.indices:
        return [value.offset]
    order = list(scope.indices.values())
    inner = max(value.indices, key=lambda part: order.index(part[0]) if part[0] in order else -1)
    index, factor = inner
    upwards = (factor > 0) == last
    found: list[Dim] = []
    for end in _limits(index, scope, upwards=upwards):
        parts = {other: c for other, c in value.indices if other is not index}
        for other, c in end.indices:
            parts[other] = parts.get(other, 0) + c * factor
        rest = IndexValue(tuple((i, c) for i, c in parts.items() if c), value.offset + end.offset * factor)
        found.extend(_ends(rest, scope, last=last))
    return found


def _limits(index: Index, scope: Scope, *, upwards: bool) -> list[IndexValue]:
    """What an index is at most, or at least: the end of its range first."""
    spot = scope.ranges.get(index)
    plain = IndexValue((), scope.unifier.resolve(index.dim) if upwards else Dim(1))
    if spot is None:
        return [plain]
    stated = spot.high if upwards else spot.low
    found = [plain if stated is None else stated]
    if spot.condition is not None:
        relation, other = spot.condition
        shift = {"<": -1, "<=": 0} if upwards else {">": 1, ">=": 0}
        if relation in shift and not isinstance(other, LabelValue):
            found.append(IndexValue(other.indices, other.offset + shift[relation]))
    return found


def check_position(offset: Dim, dim: Dim, slot: Node, node: Sub, scope: Scope) -> None:
    """A fixed position must not lie outside 1..dim."""
    if scope.zero:
        return
    below = offset.is_number and offset.constant < 1
    gap = dim - offset
    if below or (gap.is_number and gap.constant < 0):
        said = counted(IndexValue((), offset), scope.first).offset
        message = f"{show(node)}: the position {said} is outside {positions_text(dim, scope)}"
        raise fail(message, slot.at, None, "shape")
