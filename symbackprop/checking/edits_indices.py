"""Changes to sums and indices: a sum too many or too few, an index for another, a delta."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from symbackprop.checking.edit import Edit
from symbackprop.checking.places import Place
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.dims import ONE
from symbackprop.core.expr import (
    Add,
    Call,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    MatMul,
    Neg,
    Number,
    Range,
    Reduce,
    Transpose,
)
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.ops.registry import lookup

# -- sums, indices


def _sums(place: Place, words: Vocabulary, free: Sequence[Index]) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Reduce):
        for at, bound in enumerate(node.ranges):
            rest = (*node.ranges[:at], *node.ranges[at + 1 :])
            body = replace(node, ranges=rest) if rest else node.body
            for index in free:
                if index.dim == bound.index.dim:
                    new = _renamed(body, bound.index, index)
                    yield Edit(place.put(new), "extra-sum", 1.5, node, new)
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
                    turned = Transpose(new)
                    yield Edit(place.put(turned), cause, 1.5, node, turned)
    if isinstance(place.parent, Add | Neg | Reduce | None):
        loose = [index for index in _indices_of(node) if index not in place.indices]
        for index in dict.fromkeys((*loose, *place.indices)):
            if index in _indices_of(node) and not isinstance(node, Element | IndexValue | Neg):
                cause = "missing-batch-sum" if index.dim in examples else "missing-sum"
                new = Reduce("sum", (Range(index),), node)
                yield Edit(place.put(new), cause, 1.6, node, new)


def _indices_of(node: Expr) -> tuple[Index, ...]:
    found: dict[Index, None] = {}
    for part in node.walk():
        if isinstance(part, IndexValue):
            found.update((index, None) for index, _ in part.indices)
    return tuple(found)


def _renamed(expr: Expr, old: Index, new: Index) -> Expr:
    if isinstance(expr, IndexValue):
        if any(index is old for index, _ in expr.indices):
            pairs = tuple((new if index is old else index, factor) for index, factor in expr.indices)
            return replace(expr, indices=pairs)
        return expr
    return expr.map_children(lambda child: _renamed(child, old, new))


def _indices(place: Place) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Element):
        yield from _slots(place, node)
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
                new = _renamed(node, first, spare := Index(first.dim, first.letter))
                new = _renamed(_renamed(new, second, first), spare, second)
                yield Edit(place.put(new), "index", 1.45, node, new)
            yield Edit(place.put(_renamed(node, first, second)), "index", 1.6, node)


def _slots(place: Place, node: Element) -> Iterator[Edit]:
    for at, slot in enumerate(node.slots):
        for other in _others(slot, place):
            slots = (*node.slots[:at], other, *node.slots[at + 1 :])
            new = Element(node.base, slots)
            yield Edit(place.put(new), "index", 1.4, node, new)
    if len(node.slots) == 2:
        new = Element(node.base, node.slots[::-1])
        yield Edit(place.put(new), "index", 1.3, node, new)


def _others(slot: IndexValue, place: Place) -> Iterator[IndexValue]:
    if type(slot) is not IndexValue:
        return
    for index in place.indices:
        if slot.single is not index:
            yield IndexValue(((index, 1),))
    for step in (1, -1):
        yield replace(slot, offset=slot.offset + step)
    if not slot.indices and slot.offset.is_number:
        for number in (1, 2, 3):
            if slot.offset.constant != number:
                yield IndexValue((), slot.offset * 0 + number)


def of_indices(place: Place, words: Vocabulary, free: Sequence[Index]) -> Iterator[Edit]:
    """All changes of this module at one place."""
    yield from _sums(place, words, free)
    yield from _indices(place)
    yield from _exchanges(place)
