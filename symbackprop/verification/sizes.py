"""Sizes for named dims: distinct, larger than 1, different from the numbers that stand in shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from symbackprop.core.dims import Dim
from symbackprop.core.expr import DimValue, Expr, Leaf, Partial
from symbackprop.core.graph import Graph, Piece
from symbackprop.core.indexed import Element, IndexValue, Reduce, Run, Slice
from symbackprop.verification.point import Refusal

SQUARE = 3
WIDTH = 8  # beyond this many dims sizes repeat, differently in each draw
TRIES = 200


def dims_of(graph: Graph) -> tuple[Dim, ...]:
    """Every dim of the graph, each once, in order of appearance."""
    seen: dict[Dim, None] = {}
    for tensor in graph.tensors.values():
        seen.update(dict.fromkeys(tensor.shape))
        if tensor.facts.classes is not None:
            seen.setdefault(tensor.facts.classes)
    for equation in graph.equations:
        seen.update((index.dim, None) for index in equation.indices)
        for node in equation.expr.walk() if equation.expr else ():
            if isinstance(node, DimValue):
                seen.setdefault(node.dim)
            elif isinstance(node, IndexValue):
                seen.update((index.dim, None) for index, _ in node.indices)
            elif isinstance(node, Reduce):
                seen.update((bound.index.dim, None) for bound in node.ranges)
    return tuple(seen)


def draw_sizes(
    graph: Graph,
    rng: np.random.Generator,
    *,
    square: bool = False,
    fixed: Mapping[str, int] | None = None,
    unlike: Sequence[Mapping[str, int]] = (),
    room: AbstractSet[Dim] = frozenset(),
) -> dict[str, int]:
    """A size for every named dim such that every extent is at least 1 (at least 2 where that can be).

    ``unlike`` holds earlier sizes, which are drawn again only if nothing else is found; ``room`` what else
    must be at least 1 (``room_of`` a line).
    """
    dims, fixed = dims_of(graph), fixed or {}
    extents = {dim for tensor in graph.tensors.values() for dim in tensor.shape}
    extents |= {t.facts.classes for t in graph.tensors.values() if t.facts.classes is not None}
    needed = _needed(graph) | room
    least = _least(needed)
    extents |= needed
    names = tuple(dict.fromkeys((*graph.dims, *(name for dim in dims for name in dim.names))))
    free = [name for name in names if name not in fixed]
    taken = {dim.constant for dim in extents if dim.is_number} | set(fixed.values())
    weak: dict[str, int] | None = None
    for attempt in range(TRIES):
        widened = attempt // 20
        if square:
            drawn = _square(free, widened + max((least.get(name, 0) for name in free), default=0))
        else:
            drawn = _distinct(free, rng, taken, widened)
            drawn = {
                name: size + (low if size < (low := least.get(name, 0)) else 0)
                for name, size in drawn.items()
            }
        sizes = {**fixed, **drawn}
        smallest = min((dim.evaluate(sizes) for dim in extents if not dim.is_number), default=2)
        if smallest >= 2 and {name: sizes[name] for name in names} not in unlike:
            return {name: sizes[name] for name in names}
        if smallest >= 1 and weak is None:
            weak = {name: sizes[name] for name in names}
    if weak is None:
        raise Refusal("no sizes were found for which every extent is at least 1")
    return weak


def room_of(*exprs: Expr) -> frozenset[Dim]:
    """What must be at least 1 so that every entry at a fixed place, such as p[5], exists."""
    found: set[Dim] = set()
    for node in (node for expr in exprs for node in expr.walk()):
        if not isinstance(node, Element):
            continue
        for slot, dim in zip(node.slots, _axes(node.base), strict=False):
            if not slot.indices and not dim.is_number:
                found.add(dim - slot.offset + 1)
    return frozenset(found)


def _axes(base: Expr) -> tuple[Dim, ...]:
    """The declared axes of what an entry is taken of, where they are known."""
    match base:
        case Leaf(tensor):
            return tensor.shape
        case Partial(of, by):
            return (*of.shape, *by.shape)
    return ()


def _least(needed: AbstractSet[Dim]) -> dict[str, int]:
    """Name -> what must be added to a small size, from conditions on single names such as m - 4 >= 1."""
    found: dict[str, int] = {}
    for dim in needed:
        if len(dim.coefficients) == 1 and dim.coefficients[0][1] == 1 and dim.constant < 0:
            name = dim.coefficients[0][0]
            found[name] = max(found.get(name, 0), -dim.constant)
    return found


def _needed(graph: Graph) -> set[Dim]:
    """What must be at least 1 so that every slice and entry lies inside what it is taken of."""
    found: set[Dim] = set()
    for equation in graph.equations:
        found |= room_of(*([equation.expr] if equation.expr else []))
        found |= {dim for piece in equation.pieces for dim in _room_of_piece(piece, equation.target.shape)}
        for node in equation.expr.walk() if equation.expr else ():
            if not isinstance(node, Slice):
                continue
            axes = (
                node.base.tensor.shape
                if isinstance(node.base, Leaf)
                else [d for d in node.base.shape if not d.is_one]
            )
            for slot, dim in zip(node.slots, axes, strict=True):
                if isinstance(slot, Run) and not slot.low.indices:
                    found.update((dim - slot.high.offset + 1, slot.low.offset, slot.count))
    return found


def _room_of_piece(piece: Piece, shape: Sequence[Dim]) -> Iterator[Dim]:
    """Its fixed places exist, and none of its ranges ends before the place in front of its first."""
    for slot, dim in zip(piece.slots, shape, strict=True):
        if not slot.indices:
            yield from (dim - slot.offset + 1, slot.offset)
    for spot in piece.ranges:
        low, high = spot.low or IndexValue((), Dim(1)), spot.high or IndexValue((), spot.index.dim)
        if not low.indices and not high.indices:
            yield high.offset - low.offset + 2


def _square(names: list[str], widened: int) -> dict[str, int]:
    return dict.fromkeys(names, SQUARE + widened)


def _distinct(names: list[str], rng: np.random.Generator, taken: set[int], widened: int) -> dict[str, int]:
    width = min(max(len(names), 4), WIDTH) + 1 + 2 * widened
    candidates = [size for size in range(2, 3 * width + len(taken)) if size not in taken][:width]
    drawn: list[int] = []
    while len(drawn) < len(names):
        drawn.extend(int(size) for size in rng.permutation(candidates))
    return dict(zip(names, drawn, strict=False))
