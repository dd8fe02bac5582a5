"""Arrays whose entries are given by several equations: ``y[1] = a``, ``y[i] = x[i] - x[i-1] for i = 2..n``.

``piece_targets`` finds these arrays and puts the equations of one together into one line; ``read_pieces``
gives it its meaning and has it checked that every entry is given, and given once (``cover``).
"""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Piece
from symbackprop.core.indexed import IndexValue, LabelValue, Range
from symbackprop.core.tensors import Index
from symbackprop.notation.counting import counted
from symbackprop.reading.binders import most, position
from symbackprop.reading.cover import check_cover
from symbackprop.reading.declarations import Declared
from symbackprop.reading.index_ranges import check_letter, range_of
from symbackprop.reading.positions import position_parts, positions_text
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.shapes import ShapeError, shape_text
from symbackprop.reading.syntax import Bounds, Line, Name, Node, Num, show
from symbackprop.reading.tokens import fail


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
    check_cover(line, shape, pieces, scope)
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
