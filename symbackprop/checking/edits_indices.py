"""Changes to sums and indices: a sum too many or too few, an index for another, a delta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from symbackprop.checking.edit import Edit
from symbackprop.checking.places import Place
from symbackprop.checking.ranges import renamed
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE
from symbackprop.core.expr import Add, Call, Expr, Hadamard, MatMul, Neg, Number, Transpose
from symbackprop.core.indexed import (
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Run,
    Slice,
    label_slot,
)
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.ops.registry import lookup

MOST_SPOTS = 6


# -- sums, indices


def _sums(place: Place, words: Vocabulary, free: Sequence[Index]) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Reduce):
        yield from _whole_lines(place, node)
        for at, bound in enumerate(node.ranges):
            rest = (*node.ranges[:at], *node.ranges[at + 1 :])
            body = replace(node, ranges=rest) if rest else node.body
            for index in free:
                if index.dim == bound.index.dim:
                    new = renamed(body, bound.index, index)
                    yield Edit(place.put(new), "extra-sum", 1.5, node, new)
            for index in place.indices:
                across_body = _across(node.body, bound.index, index)
                if across_body != node.body:
                    across_sum = replace(node, body=across_body)
                    yield Edit(place.put(across_sum), "index", 1.5, node, across_sum)
        return
    examples = {tensor.shape[axis] for tensor, axis in words.batch.items()}
    shape = shape_of(node)
    parent_adds = place.parent is None or isinstance(place.parent, Add | Neg | Hadamard | MatMul)
    if shape is not None and parent_adds and not isinstance(node, Number):
        for side, name in ((0, "colsum"), (1, "rowsum")):
            op = lookup(name)
            if not shape[side].is_one and op is not None:
                result = (ONE, shape[1]) if side == 0 else (shape[0], ONE)
                cause = "missing-batch-sum" if shape[side] in examples else "missing-sum"
                new = Call(op, (node,), result)
                yield Edit(place.put(new), cause, 0.9 if place.parent is None else 1.2, node, new)
                if not shape[1 - side].is_one:
                    across = Transpose(new)
                    yield Edit(place.put(across), cause, 1.5, node, across)
    if isinstance(place.parent, Add | Neg | Reduce | Call | None):
        loose = [index for index in _indices_of(node) if index not in place.indices]
        for index in dict.fromkeys((*loose, *place.indices)):
            inner = isinstance(node, Element | IndexValue | Neg) and place.parent is not None
            if index in _indices_of(node) and not inner:
                cause = "missing-batch-sum" if index.dim in examples else "missing-sum"
                new = Reduce("sum", (Range(index),), node)
                yield Edit(place.put(new), cause, 1.6, node, new)


def _whole_lines(place: Place, node: Reduce) -> Iterator[Edit]:
    """A sum over the lines of a matrix that leaves one out: ``sum_k A[:, k-1]`` for all columns."""
    body = node.body
    if node.binder != "sum" or len(node.ranges) != 1 or not isinstance(body, Slice) or len(body.slots) != 2:
        return
    side = 1 if isinstance(body.slots[0], Run) else 0
    held, shape = body.slots[side], shape_of(body.base)
    op = lookup("rowsum" if side == 1 else "colsum")
    if isinstance(held, IndexValue) and shape is not None and op is not None:
        new = Call(op, (body.base,), (shape[0], ONE) if side == 1 else (ONE, shape[1]))
        yield Edit(place.put(new), "index", 1.4, node, new)


def _across(expr: Expr, bound: Index, free: Index) -> Expr:
    """A sum over the other axis: where a matrix has ``bound`` at one place, it stands at the other one."""
    if isinstance(expr, Element) and len(expr.slots) == 2:
        singles = [slot.single for slot in expr.slots]
        if bound in singles and free not in singles:
            own, other = IndexValue(((bound, 1),)), IndexValue(((free, 1),))
            return Element(expr.base, (other, own) if singles[0] is bound else (own, other))
    return expr.map_children(lambda child: _across(child, bound, free))


def _indices_of(node: Expr) -> tuple[Index, ...]:
    found: dict[Index, None] = {}
    for part in node.walk():
        if isinstance(part, IndexValue):
            found.update((index, None) for index, _ in part.indices)
    return tuple(found)


def _indices(place: Place) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Element):
        yield from _slots(place, node)
    elif isinstance(node, Slice | Jacobian):
        yield from _held_slots(place, node)
    elif isinstance(node, Indicator):
        flipped = {"=": "!=", "!=": "="}.get(node.op)
        if flipped:
            yield Edit(place.put(replace(node, op=flipped)), "kronecker", 1.5, node)
        for side, name in ((node.left, "left"), (node.right, "right")):
            if isinstance(side, IndexValue):
                for slot in _others(side, place):
                    new = (
                        Indicator(slot, node.op, node.right, node.is_kron)
                        if name == "left"
                        else Indicator(node.left, node.op, slot, node.is_kron)
                    )
                    yield Edit(place.put(new), "index", 1.5, node, new)
    elif isinstance(node, Number) and node.value in (0, 1) and place.parent is not None:
        return
    elif isinstance(node, Reduce):
        for at, bound in enumerate(node.ranges):
            if bound.condition is not None:
                ranges = (*node.ranges[:at], replace(bound, condition=None), *node.ranges[at + 1 :])
                yield Edit(place.put(replace(node, ranges=ranges)), "index", 1.6, node)
            for low in (1, -1):
                for end in ("low", "high"):
                    edge = getattr(bound, end)
                    if edge is not None:
                        moved = replace(bound, **{end: replace(edge, offset=edge.offset + low)})
                        ranges = (*node.ranges[:at], moved, *node.ranges[at + 1 :])
                        yield Edit(place.put(replace(node, ranges=ranges)), "index", 1.5, node)


def _exchanges(place: Place) -> Iterator[Edit]:
    """Two letters exchanged, or one put for another, in a whole term."""
    node = place.node
    if isinstance(node, Element | IndexValue) or not isinstance(place.parent, Add | Neg | Reduce | None):
        return
    inside = _indices_of(node)
    bound = {one.index for part in node.walk() if isinstance(part, Reduce) for one in part.ranges}
    letters = [index for index in inside if index not in bound]
    for at, first in enumerate(letters):
        for second in dict.fromkeys((*letters[at + 1 :], *place.indices)):
            if second is first or second in bound:
                continue
            if second in letters:
                new = renamed(node, first, spare := Index(first.dim, first.letter))
                new = renamed(renamed(new, second, first), spare, second)
                yield Edit(place.put(new), "index", 1.45, node, new)
            yield Edit(place.put(renamed(node, first, second)), "index", 1.6, node)


def _scopes(place: Place) -> Iterator[Edit]:
    """A factor that stands outside a sum whose index it has."""
    node = place.node
    if not isinstance(node, MatMul):
        return
    for at, factor in enumerate(node.factors):
        if not isinstance(factor, Reduce):
            continue
        for k, other in enumerate(node.factors):
            for index in _indices_of(other) if k != at else ():
                for bound in factor.ranges:
                    if index.dim == bound.index.dim and index is not bound.index:
                        inner = MatMul((renamed(other, index, bound.index), factor.body))
                        moved = replace(factor, body=inner)
                        rest = tuple(moved if j == at else f for j, f in enumerate(node.factors) if j != k)
                        new = rest[0] if len(rest) == 1 else MatMul(rest)
                        yield Edit(place.put(new), "parenthesis", 1.6, other, new)


def _pairs(place: Place) -> Iterator[Edit]:
    """A letter put for another in two entries of one product."""
    node = place.node
    if not isinstance(node, MatMul | Hadamard):
        return
    factors = node.factors
    spots = [
        (k, s) for k, factor in enumerate(factors) if isinstance(factor, Element)
        for s, slot in enumerate(factor.slots) if slot.single is not None
    ]  # fmt: skip
    for a in range(min(len(spots), MOST_SPOTS)):
        for b in range(a + 1, min(len(spots), MOST_SPOTS)):
            old = _slot(factors, spots[a]).single
            if old is None or _slot(factors, spots[b]).single is not old:
                continue
            for index in place.indices:
                if index is not old:
                    changed = _with_slot(factors, spots[a], index)
                    new = replace(node, factors=_with_slot(changed, spots[b], index))
                    yield Edit(place.put(new), "index", 1.7, node, new)


def _slot(factors: Sequence[Expr], spot: tuple[int, int]) -> IndexValue:
    factor = factors[spot[0]]
    assert isinstance(factor, Element)
    return factor.slots[spot[1]]


def _with_slot(factors: tuple[Expr, ...], spot: tuple[int, int], index: Index) -> tuple[Expr, ...]:
    k, s = spot
    factor = factors[k]
    assert isinstance(factor, Element)
    slots = (*factor.slots[:s], IndexValue(((index, 1),)), *factor.slots[s + 1 :])
    return (*factors[:k], Element(factor.base, slots), *factors[k + 1 :])


def _slots(place: Place, node: Element) -> Iterator[Edit]:
    for at, slot in enumerate(node.slots):
        for other in _others(slot, place):
            slots = (*node.slots[:at], other, *node.slots[at + 1 :])
            new = Element(node.base, slots)
            yield Edit(place.put(new), "index", 1.4, node, new)
    for first, second in combinations(range(len(node.slots)), 2):
        slots = tuple(
            node.slots[{first: second, second: first}.get(at, at)] for at in range(len(node.slots))
        )
        new = Element(node.base, slots)
        yield Edit(place.put(new), "index", 1.3, node, new)


def _held_slots(place: Place, node: Slice | Jacobian) -> Iterator[Edit]:
    """Another index at a held position of a slice, or of a derivative of one."""
    for name in ("slots",) if isinstance(node, Slice) else ("of_slots", "by_slots"):
        slots = getattr(node, name)
        for at, slot in enumerate(slots):
            for other in _others(slot, place) if isinstance(slot, IndexValue) else ():
                held: dict[str, Any] = {name: (*slots[:at], other, *slots[at + 1 :])}
                new = replace(node, **held)
                yield Edit(place.put(new), "index", 1.4, node, new)


def _others(slot: IndexValue, place: Place) -> Iterator[IndexValue]:
    if isinstance(slot, LabelValue) and isinstance(slot.label, Element):
        for inner in _others(slot.label.slots[0], place):
            yield label_slot(Element(slot.label.base, (inner,)))
    if type(slot) is not IndexValue:
        return
    for index in place.indices:
        if slot.single is not index:
            yield IndexValue(((index, 1),))
    for step in (1, -1):
        yield replace(slot, offset=slot.offset + step)
    if len(slot.indices) > 1:  # i + j - 1 for i - j + 1
        for at, (index, factor) in enumerate(slot.indices):
            pairs = (*slot.indices[:at], (index, -factor), *slot.indices[at + 1 :])
            for offset in dict.fromkeys((slot.offset, slot.offset * -1)):
                yield replace(slot, indices=pairs, offset=offset)
    if not slot.indices and slot.offset.is_number:
        for number in (1, 2, 3):
            if slot.offset.constant != number:
                yield IndexValue((), slot.offset * 0 + number)


def _exchanged(place: Place) -> Iterator[Edit]:
    """Two entries of one array in each other's place."""
    entries = list(dict.fromkeys(n for n in place.node.walk() if isinstance(n, Element)))[: 2 * MOST_SPOTS]
    for first, second in combinations(entries, 2):
        if first.base == second.base:
            new = _swapped(place.node, first, second)
            yield Edit(new, "index", 1.5, place.node, new)


def _swapped(expr: Expr, first: Expr, second: Expr) -> Expr:
    if expr in (first, second):
        return second if expr == first else first
    return expr.map_children(lambda child: _swapped(child, first, second))


def of_indices(place: Place, words: Vocabulary, free: Sequence[Index]) -> Iterator[Edit]:
    """All changes of this module at one place."""
    yield from _sums(place, words, free)
    yield from _indices(place)
    yield from _exchanges(place)
    yield from _pairs(place)
    yield from _scopes(place)
    if place.parent is None:
        yield from _exchanged(place)
