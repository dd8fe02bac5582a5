"""Whether every entry of an array in pieces is given, and given once.

For all sizes from some small size on, by counting at small sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from itertools import product as every_choice

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Piece
from symbackprop.core.indexed import IndexValue, Range
from symbackprop.core.relations import holds
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Line
from symbackprop.reading.tokens import fail

TRIED = (2, 3, 4, 5)  # sizes at which the entries are counted
MOST_TRIED = 300
LEAST = (1, 2, 3, 4)  # from which size on every entry must be given once


def check_cover(line: Line, shape: tuple[Dim, ...], pieces: tuple[Piece, ...], scope: Scope) -> None:
    """Count the equations of every entry at small sizes; from one size on each must have exactly one."""
    names = tuple(dict.fromkeys(name for dim in _dims(shape, pieces) for name in dim.names))
    if any(name.startswith("?") for name in names):
        return  # read again once all dims are known
    bad: list[tuple[int, Mapping[str, int], InputError]] = []
    choices = every_choice(*((1, *TRIED) for _ in names))
    for values in islice(sorted(choices, key=_mixed), MOST_TRIED):
        sizes = dict(zip(names, values, strict=True))
        if any(dim.evaluate(sizes) < 1 for dim in shape):
            continue
        error = _count(line, shape, pieces, sizes, scope)
        if error is not None:
            bad.append((min(values, default=LEAST[-1]), sizes, error))
    for least in LEAST:
        if all(size < least for size, _, _ in bad):
            return
    shown = [one for one in bad if one[0] >= LEAST[2]] or bad
    raise min(shown, key=lambda one: sum(one[1].values()))[2]


def _mixed(values: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Small sizes of all kinds first, where there are too many to try them all."""
    return (sum(values) % 7, values)


def _dims(shape: tuple[Dim, ...], pieces: tuple[Piece, ...]) -> Iterator[Dim]:
    yield from shape
    for piece in pieces:
        yield from (slot.offset for slot in piece.slots)
        for spot in piece.ranges:
            ends = (spot.low, spot.high, spot.condition[1] if spot.condition else None)
            yield from (end.offset for end in ends if end is not None)


def _count(
    line: Line, shape: tuple[Dim, ...], pieces: tuple[Piece, ...], sizes: Mapping[str, int], scope: Scope
) -> InputError | None:
    """The error about an entry without an equation or with two, at these sizes."""
    extents = [dim.evaluate(sizes) for dim in shape]
    seen: dict[tuple[int, ...], Line] = {}
    where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    at_sizes = f" (for {where})" if where else ""
    for part, piece in zip(line.parts, pieces, strict=True):
        for place in _places(piece, sizes):
            shown = _shown(line.target, place, scope)
            if not all(1 <= spot <= extent for spot, extent in zip(place, extents, strict=True)):
                whole = " x ".join(str(dim) for dim in shape)
                return fail(
                    f"{shown} is outside {line.target}, which is {whole}{at_sizes}", part.at, None, "shape"
                )
            if place in seen:
                first = seen[place].at.line
                other = f"line {first}" if first != part.at.line else "an equation before it"
                return fail(
                    f"{shown} is defined twice{at_sizes}, first by {other}",
                    part.at,
                    "make the ranges after `for` such that every entry has one equation",
                    "redefined",
                )
            seen[place] = part
    for place in every_choice(*(range(1, extent + 1) for extent in extents)):
        if place not in seen:
            return fail(
                f"no equation gives {_shown(line.target, place, scope)}{at_sizes}",
                line.at,
                f"add an equation for it, such as {_shown(line.target, place, scope)} = 0",
                "shape",
            )
    return None


def _shown(name: str, place: tuple[int, ...], scope: Scope) -> str:
    return f"{name}[{','.join(str(spot - 1 + scope.first) for spot in place)}]"


def _places(piece: Piece, sizes: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    for values in _values(piece.ranges, {}, sizes):
        yield tuple(_at(slot, values, sizes) for slot in piece.slots)


def _values(
    ranges: Sequence[Range], known: Mapping[Index, int], sizes: Mapping[str, int]
) -> Iterator[Mapping[Index, int]]:
    if not ranges:
        yield known
        return
    first, *rest = ranges
    low = _at(first.low, known, sizes) if first.low is not None else 1
    high = _at(first.high, known, sizes) if first.high is not None else first.index.dim.evaluate(sizes)
    for spot in range(low, high + 1):
        inner = {**known, first.index: spot}
        if first.condition is None or holds(spot, first.condition[0], _at(first.condition[1], inner, sizes)):
            yield from _values(rest, inner, sizes)


def _at(value: IndexValue, known: Mapping[Index, int], sizes: Mapping[str, int]) -> int:
    return value.offset.evaluate(sizes) + sum(factor * known[index] for index, factor in value.indices)
