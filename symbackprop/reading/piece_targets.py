"""Which names are arrays that several equations give entries of, and which are families."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.syntax import Bounds, Line, Name, Num, Several


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
