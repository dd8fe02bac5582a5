"""Arrays whose entries are given by several equations: ``y[1] = a``, ``y[i] = x[i] - x[i-1] for i = 2..n``.

``gathered`` puts the equations of one array together into one line; ``read_pieces`` gives it its meaning and
checks that every entry is given, and given once: for all sizes from some small size on, by counting.
A name is an array of this kind, and no family, if ``entry_targets`` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from itertools import product as every_choice

from symbackprop.core.dims import Dim
from symbackprop.core.expr import IndexValue, LabelValue, Range
from symbackprop.core.graph import Piece
from symbackprop.core.relations import holds
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.notation.counting import counted
from symbackprop.reading.binders import most, position
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.index_ranges import check_letter, range_of
from symbackprop.reading.positions import position_parts, positions_text
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.shapes import ShapeError, shape_text
from symbackprop.reading.syntax import Bounds, Line, Name, Node, Num, Several, show
from symbackprop.reading.tokens import fail

TRIED = (2, 3, 4, 5)  # sizes at which the entries are counted
MOST_TRIED = 300
LEAST = (1, 2, 3, 4)  # from which size on every entry must be given once


class NotAnEntryError(ShapeError):
    """The right side of an equation for an entry is an array: then the name is a family, if anything."""

    def __init__(self, line: Line, shape: str) -> None:
        left = f"{line.target}[{','.join(map(show, line.slots))}]"
        super().__init__(
            f"{left} is one entry, but the right side is {shape}",
            line.expr,
            "write an entry on the right, or no index on the left",
        )
        self.target = line.target


# -- which names


def entry_targets(lines: Sequence[Line], declarations: Declarations) -> tuple[set[str], set[str]]:
    """Names whose equations give entries of an array; and those that may as well be families of numbers.

    A family has ``over:``, or an equation that uses other members of it, or a start such as h[0].
    """
    certain: set[str] = set()
    possible: set[str] = set()
    for name, group in _by_target(lines).items():
        symbol = declarations.symbols.get(name)
        if not all(line.slots for line in group) or (symbol is not None and symbol.over is not None):
            continue
        numbers = any(isinstance(slot, Num) for line in group for slot in line.slots)
        if len(group) == 1 and not numbers and not any(_is_special(line, declarations) for line in group):
            continue
        firsts = [line.slots[0] for line in group]
        starts = [slot.value for slot in firsts if isinstance(slot, Num)]
        if any(value < declarations.first for value in starts) or any(_uses(line) for line in group):
            continue
        counts = {len(line.slots) for line in group}
        fits = symbol is not None and symbol.shape is not None and {len(symbol.shape)} == counts
        beyond = any(isinstance(slot, Num) for line in group for slot in line.slots[1:])
        mixed = len({type(slot) for slot in firsts}) > 1 and not any(
            _chooses(line, declarations) for line in group
        )
        if fits or beyond or mixed or any(_has_names(line, declarations) for line in group):
            certain.add(name)
        else:
            possible.add(name)
    return certain, possible


def _by_target(lines: Sequence[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.target, []).append(line)
    return found


def _uses(line: Line) -> bool:
    return any(isinstance(node, Name) and node.name == line.target for node in line.expr.walk())


def _chooses(line: Line, declarations: Declarations) -> bool:
    """Whether a declared family stands on the right side."""
    families = {symbol.name for symbol in declarations.symbols.values() if symbol.over is not None}
    return any(isinstance(node, Name) and node.name in families for node in line.expr.walk())


def _is_special(line: Line, declarations: Declarations) -> bool:
    """Whether some entries are left out: a range with an end of its own, a condition, a dim as a place."""
    if any(isinstance(slot, Name) and slot.name in declarations.all_dims for slot in line.slots):
        return True
    return any(
        bounds.op is not None or not _starts_first(bounds, declarations) for bounds in line.ranges
    ) or (bool(line.ranges) and declarations.symbols.get(line.target, Declared("")).shape is not None)


def _starts_first(bounds: Bounds, declarations: Declarations) -> bool:
    return isinstance(bounds.low, Num) and bounds.low.value == declarations.first


def _has_names(line: Line, declarations: Declarations) -> bool:
    """Whether a size stands in its ranges or places: a family has a number of members."""
    ends = [end for bounds in line.ranges for end in (bounds.low, bounds.high) if end is not None]
    places = [slot for slot in line.slots if isinstance(slot, Name) and slot.name in declarations.all_dims]
    return bool(places) or any(isinstance(node, Name) for end in ends for node in end.walk())


def gathered(lines: Sequence[Line], arrays: Collection[str], declarations: Declarations) -> list[Line]:
    """One line for each array of ``arrays``, where its first equation stands."""
    groups = _by_target(lines)
    found: list[Line] = []
    for line in lines:
        group = groups[line.target]
        special = len(group) > 1 or any(isinstance(slot, Num) for slot in line.slots)
        if line.target not in arrays or not (special or _is_special(line, declarations)):
            found.append(line)
        elif group[0] is line:
            whole = Several(line.expr.at, tuple(part.expr for part in group))
            text = "; ".join(part.text for part in group)
            found.append(replace(line, slots=(), expr=whole, ranges=(), text=text, parts=tuple(group)))
    return found


# -- what they mean


@dataclass(frozen=True, slots=True)
class Pieced:
    """An array given by pieces: its extents, its indices, the pieces."""

    shape: tuple[Dim, ...]
    indices: tuple[Index, ...]
    pieces: tuple[Piece, ...]


def read_pieces(line: Line, scope: Scope, declared: Declared | None, read: Read) -> Pieced:
    """The pieces of an array. Raises for an entry that is given twice, or not at all."""
    counts = {len(part.slots) for part in line.parts}
    if len(counts) > 1:
        few, many = min(counts), max(counts)
        raise fail(
            f"{line.target} has {few} {'index' if few == 1 else 'indices'} in one equation and {many} in "
            "another",
            line.parts[-1].at, None, "shape",
        )  # fmt: skip
    shape = _extents(line, scope, declared, read)
    pieces = tuple(_piece(part, shape, scope, read) for part in line.parts)
    letters = next((part.slots for part in line.parts if _all_letters(part, scope)), ())
    indices = tuple(
        Index(dim, letters[axis].name if letters else "ijklmn"[axis])  # type: ignore[attr-defined]
        for axis, dim in enumerate(shape)
    )
    _check_cover(line, shape, pieces, scope)
    return Pieced(shape, indices, pieces)


def _all_letters(part: Line, scope: Scope) -> bool:
    return all(isinstance(slot, Name) and slot.name not in scope.dims for slot in part.slots)


def _extents(line: Line, scope: Scope, declared: Declared | None, read: Read) -> tuple[Dim, ...]:
    """The declared shape, or the furthest position along each axis."""
    count = len(line.parts[0].slots)
    if declared is not None and declared.shape is not None:
        if len(declared.shape) != count:
            raise fail(
                f"{line.target} is declared with {len(declared.shape)} indices, the equation gives {count}",
                line.at, None, "shape",
            )  # fmt: skip
        return declared.shape
    return tuple(_extent(line, axis, scope, read) for axis in range(count))


def _extent(line: Line, axis: int, scope: Scope, read: Read) -> Dim:
    found: list[Dim] = []
    for part in line.parts:
        slot = part.slots[axis]
        place = _place(slot, scope)
        if place is not None:
            found.append(place)
            continue
        assert isinstance(slot, Name)
        bounds = next((one for one in part.ranges if one.index == slot.name), None)
        if bounds is not None and bounds.high is not None:
            outer = _outer(part, scope)
            found.append(most(position(bounds.high, outer, bound=False), outer))
        else:
            dim = range_of(slot.name, part.expr, scope, read, slot.at)
            if dim is not None:
                found.append(dim)
    for one in found:
        if all(_reaches(scope.unifier.resolve(one) - scope.unifier.resolve(other)) for other in found):
            return scope.unifier.resolve(one)
    raise fail(
        f"the size of {line.target} is not known",
        line.at,
        f"declare it: {line.target}: {{shape: [...]}}",
        "shape",
    )


def _reaches(gap: Dim) -> bool:
    """Whether a gap is never negative once the sizes are large enough."""
    return gap.never_negative or (bool(gap.coefficients) and all(c > 0 for _, c in gap.coefficients))


def _place(slot: Node, scope: Scope) -> Dim | None:
    """A fixed position, one-based: a number, or a dim (the last of 1..n)."""
    if isinstance(slot, Num) or (isinstance(slot, Name) and slot.name in scope.dims):
        parts = position_parts(slot, scope)
        if parts is None:
            raise fail(f"{show(slot)} is no whole number", slot.at)
        return parts[1]
    return None


def _outer(part: Line, scope: Scope) -> Scope:
    """The letters of a line as indices, for ends such as ``j = 1..i``."""
    indices: dict[str, Index] = {}
    for bounds in part.ranges:
        if bounds.high is not None:
            inner = scope.with_indices(indices)
            high = position(bounds.high, inner, bound=False)
            indices[bounds.index] = Index(most(high, inner), bounds.index)
    return scope.with_indices(indices)


def _piece(part: Line, shape: tuple[Dim, ...], scope: Scope, read: Read) -> Piece:
    slots: list[IndexValue] = []
    indices: dict[str, Index] = {}
    for slot, dim in zip(part.slots, shape, strict=True):
        place = _place(slot, scope)
        if place is not None:
            _check_inside(place, dim, part, slot, scope)
            slots.append(IndexValue((), place))
            continue
        assert isinstance(slot, Name)
        check_letter(slot.name, slot.at, scope)
        if slot.name in indices or slot.name == part.target:
            raise fail(f"the index {slot.name} stands twice on the left", slot.at, "use two letters")
        indices[slot.name] = index = Index(dim, slot.name)
        slots.append(IndexValue(((index, 1),)))
    given = {bounds.index: bounds for bounds in part.ranges}
    for name, bounds in given.items():
        if name not in indices:
            raise fail(f"{name} does not stand on the left", bounds.at, f"write {part.target}[{name}]")
    ranges: list[Range] = []
    inner = scope
    ordered = [*(name for name in given), *(name for name in indices if name not in given)]
    for name in ordered:
        spot = _range(indices[name], given.get(name), inner)
        ranges.append(spot)
        inner = inner.with_indices({name: spot.index}, (spot,))
    body = read(part.expr, inner)
    rows, columns = scope.unifier.shape(body)
    if not (rows.is_one and columns.is_one):
        raise NotAnEntryError(part, shape_text((rows, columns)))
    return Piece(tuple(slots), tuple(ranges), body)


def _check_inside(place: Dim, dim: Dim, part: Line, slot: Node, scope: Scope) -> None:
    if (place - 1).surely_negative or (dim - place).surely_negative:
        said = counted(IndexValue((), place), scope.first).offset
        raise fail(
            f"{part.target}[{','.join(map(show, part.slots))}]: the position {said} is outside "
            f"{positions_text(dim, scope)}",
            slot.at, None, "shape",
        )  # fmt: skip


def _range(index: Index, bounds: Bounds | None, scope: Scope) -> Range:
    if bounds is None:
        return Range(index)
    if bounds.op is not None and bounds.other is not None:
        return Range(index, condition=(bounds.op, position(bounds.other, scope)))
    assert bounds.low is not None
    assert bounds.high is not None
    low, high = (position(end, scope, bound=False) for end in (bounds.low, bounds.high))
    if isinstance(low, LabelValue) or isinstance(high, LabelValue):
        raise fail("a label is no end of a range on the left side", bounds.at)
    if not low.indices and not high.indices and (high.offset - low.offset + 1).never_positive:
        raise fail(f"the range of {bounds.index} is empty", bounds.at)
    first = None if low == IndexValue((), Dim(1)) else low
    last = None if high == IndexValue((), scope.unifier.resolve(index.dim)) else high
    return Range(index, first, last)


# -- every entry once


def _check_cover(line: Line, shape: tuple[Dim, ...], pieces: tuple[Piece, ...], scope: Scope) -> None:
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
