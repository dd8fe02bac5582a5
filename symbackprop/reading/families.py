"""Families: ``h[t] = tanh(W h[t-1] + U x[t] + b) for t = 1..3`` as one equation for each member.

``unroll`` turns a program with families into one without: every member is a symbol of its own, called
``h[2]``, every equation of a family stands there once for each of its members, and a sum over the
members alone is written out. So shared weights are tied weights, and nothing after reading knows
families, except the names. ``written_out`` does the same with a single formula.

A name is a family if it is declared with ``over:``, if one of its equations has a number in the first
slot (``h[0] = h0``), or if its equation uses its first index to choose a member of a family.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symbackprop.core.graph import Family
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.member_ranges import check_size, has_name, members_in, numeric_range, span_in
from symbackprop.reading.members import MemberWriter, lines_of_members, member_name, number_in
from symbackprop.reading.scope import function_names
from symbackprop.reading.syntax import Line, Name, Num
from symbackprop.reading.tokens import fail


@dataclass(slots=True)
class _Members:
    """What is known of a family so far: its members, and the range of ``over:`` or ``for``."""

    span: tuple[int, int] | None = None
    numbers: set[int] = field(default_factory=set)


def unroll(
    lines: Sequence[Line],
    declarations: Declarations,
    arrays: Collection[str] = (),
    families: Collection[str] = (),
) -> tuple[list[Line], Declarations]:
    """The program without families; ``families`` of the declarations says what they were.

    The names of ``arrays`` are no families, though equations give them entry by entry; those of ``families``
    are some, though their members need no others.
    """
    if declarations.families is not None:
        return list(lines), declarations
    found = _declared_families(declarations) | {name: _Members() for name in families}
    _find_targets([line for line in lines if line.target not in arrays], found, declarations)
    taken = {*declarations.symbols, *declarations.all_dims, *declarations.functions, *RESERVED}
    taken |= {line.target for line in lines} | function_names()
    if not found:
        return list(lines), replace(declarations, families={})
    families = {
        name: Family(name, tuple(sorted(members.numbers)), members.span) for name, members in found.items()
    }
    writer = MemberWriter(families, frozenset(taken))
    unrolled = [one for line in lines for one in lines_of_members(line, writer)]
    symbols: dict[str, Declared] = {}
    for symbol in declarations.symbols.values():
        if symbol.name not in families:
            symbols[symbol.name] = symbol
    for name, family in families.items():
        base = declarations.symbols.get(name) or Declared(name)
        for number in family.members:
            own = member_of(base, number, declared=0 <= number - declarations.first < (base.over or 0))
            symbols[own.name] = own
    ordered = _in_declared_order(declarations, symbols, families)
    return unrolled, replace(declarations, symbols=ordered, families=families)


def _declared_families(declarations: Declarations) -> dict[str, _Members]:
    """The families that are declared with ``over:``."""
    found: dict[str, _Members] = {}
    for symbol in declarations.symbols.values():
        if symbol.over is not None:
            check_size(symbol.over, symbol.name, symbol.at)
            span = range(declarations.first, declarations.first + symbol.over)
            found[symbol.name] = _Members((span[0], span[-1]), set(span))
    return found


def member_of(base: Declared, number: int, *, declared: bool) -> Declared:
    """The declaration of one member; a start beyond the declared range has no role of its own."""
    name, role = member_name(base.name, number), base.role if declared else None
    return replace(base, name=name, over=None, family=(base.name, number), role=role, aliases=())


def _in_declared_order(
    declarations: Declarations, symbols: Mapping[str, Declared], families: Mapping[str, Family]
) -> dict[str, Declared]:
    """Members where their family was declared, those of undeclared families last."""
    ordered: dict[str, Declared] = {}
    for name in (*declarations.symbols, *families):
        family = families.get(name)
        members = (name,) if family is None else tuple(member_name(name, t) for t in family.members)
        for member in members:
            ordered.setdefault(member, symbols[member])
    return ordered


def _find_targets(lines: Sequence[Line], found: dict[str, _Members], declarations: Declarations) -> None:
    """Add the families that equations define, until no further one is found."""
    for line in lines:
        if line.slots and isinstance(line.slots[0], Num):
            _check_base(line, declarations)
            found.setdefault(line.target, _Members()).numbers.add(number_in(line.slots[0]))
    waiting = [line for line in lines if line.slots and isinstance(line.slots[0], Name)]
    while True:
        ready = [line for line in waiting if _chooses_members(line, found)]
        if not ready:
            return
        waiting = [line for line in waiting if line not in ready]
        for line in ready:
            _check_base(line, declarations)
            found.setdefault(line.target, _Members())
        for line in ready:
            span = _target_range(line, found)
            members = found[line.target]
            members.numbers |= set(range(span[0], span[1] + 1))
            members.span = members.span or span


def _check_base(line: Line, declarations: Declarations) -> None:
    name = line.target
    if name in function_names() or name in declarations.functions or name in RESERVED:
        raise fail(f"{name} is a function and cannot be defined", line.at, "use another name", "redefined")
    if name in declarations.all_dims:
        raise fail(f"{name} is a dim and cannot be defined", line.at, "use another name", "redefined")


def _chooses_members(line: Line, found: Mapping[str, _Members]) -> bool:
    """Whether the first index of the target chooses members of a family, this one perhaps."""
    letter = line.slots[0]
    assert isinstance(letter, Name)
    if line.target in found:
        return True
    names = {*found, line.target}
    return any(has_name(sub.slots[0], letter.name) for sub in members_in(line.expr, names, letter.name))


def _target_range(line: Line, found: Mapping[str, _Members]) -> tuple[int, int]:
    """The range of ``for``, else that of the families of which the index chooses a member as it is."""
    letter = line.slots[0]
    assert isinstance(letter, Name)
    for bounds in line.ranges:
        if bounds.index == letter.name:
            span = numeric_range(bounds, {})
            check_size(span[1] - span[0] + 1, line.target, bounds.at)
            return span
    known = span_in(line.expr, letter.name, {name: one.span for name, one in found.items()})
    if known is None:
        raise fail(
            f"the range of {letter.name} is not known",
            letter.at,
            f"write for {letter.name} = 1..3 at the end",
            "shape",
        )
    return known
