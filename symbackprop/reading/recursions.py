"""Families over a dim that are defined by a recursion: ``h[t] = tanh(W h[t-1] + U x[t]) for t = 1..T``.

A family whose number of members is a dim is one array with t as its first axis. Its start, ``h[0] = h0``,
is an array of its own, called ``h[0]``. Equations that need each other by members before theirs
form a loop: they are computed together, member by member.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Role, Tensor
from symbackprop.reading.binders import interval
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.index_ranges import range_of
from symbackprop.reading.members import member_name
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.syntax import Bounds, Line, Minus, Name, Node, Num, Plus, Sub, show
from symbackprop.reading.tokens import fail


def families_over_dims(lines: Sequence[Line], declarations: Declarations) -> set[str]:
    """The names that are families whose number of members is a dim, as the equations say."""
    found = {symbol.name for symbol in declarations.symbols.values() if symbol.runs}
    declared = set(found)
    waiting = [line for line in lines if line.slots and isinstance(line.slots[0], Name) and not line.parts]
    while True:
        ready = [line for line in waiting if _runs(line, found)]
        if not ready:
            return found - declared
        found |= {line.target for line in ready}
        waiting = [line for line in waiting if line not in ready]


def _runs(line: Line, found: Collection[str]) -> bool:
    letter = line.slots[0]
    assert isinstance(letter, Name)
    bounds = next((one for one in line.ranges if one.index == letter.name), None)
    if bounds is not None:
        return bounds.high is not None and _has_name(bounds.high)
    return any(
        isinstance(node, Sub) and isinstance(node.base, Name) and node.base.name in found
        and isinstance(node.slots[0], Name) and node.slots[0].name == letter.name
        for node in line.expr.walk()
    )  # fmt: skip


def _has_name(node: Node) -> bool:
    return any(isinstance(part, Name) for part in node.walk())


def uses_before(line: Line, name: str) -> bool:
    """Whether members of ``name`` before the one that is defined stand on the right side: h[t-1]."""
    return any(is_before(sub, line) for sub in subs_of(line.expr, name))


def only_before(line: Line, name: str) -> bool:
    """Whether nothing of ``name`` but members before the one that is defined stands on the right side."""
    times = sum(isinstance(node, Name) and node.name == name for node in line.expr.walk())
    return times == sum(is_before(sub, line) for sub in subs_of(line.expr, name))


def subs_of(root: Node, name: str) -> Iterator[Sub]:
    """Every ``name[...]``."""
    for node in root.walk():
        if isinstance(node, Sub) and isinstance(node.base, Name) and node.base.name == name:
            yield node


def is_before(sub: Sub, line: Line) -> bool:
    """Whether the first slot is ``t - 1``, or more before."""
    slot, letter = sub.slots[0], line.slots[0] if line.slots else None
    if not isinstance(slot, Plus) or not isinstance(letter, Name) or len(slot.terms) != 2:
        return False
    first, second = slot.terms
    return (
        isinstance(first, Name) and first.name == letter.name
        and isinstance(second, Minus) and isinstance(second.arg, Num)
    )  # fmt: skip


def with_starts(
    lines: Sequence[Line], declarations: Declarations, families: Collection[str]
) -> tuple[list[Line], Declarations]:
    """The program with the start of each recursion as an array of its own, ``h[0]``."""
    symbols = dict(declarations.symbols)
    kept: list[Line] = []
    for line in lines:
        if line.target not in families or not line.slots or not isinstance(line.slots[0], Num):
            kept.append(line)
            continue
        number = declarations.first - 1
        if line.slots[0].value != number:
            raise fail(
                f"{line.target}[{show(line.slots[0])}] is a member of {line.target}, which its equation with "
                "`for` gives",
                line.at,
                f"the start of a recursion is {line.target}[{number}]",
                "redefined",
            )
        name = member_name(line.target, number)
        base = symbols.get(line.target) or Declared(line.target)
        symbols[name] = replace(base, name=name, role=None, family=(line.target, number), aliases=())
        kept.append(replace(line, target=name, slots=line.slots[1:]))
    return kept, replace(declarations, symbols=symbols)


def loops(lines: Sequence[Line]) -> list[set[str]]:
    """The targets that need each other: strongly connected components, of one that needs itself too."""
    targets = {line.target for line in lines}
    needs = {
        line.target: {n.name for n in line.expr.walk() if isinstance(n, Name) and n.name in targets}
        for line in lines
    }
    reach = {name: _reached(name, needs) for name in targets}
    found: list[set[str]] = []
    for line in lines:
        name = line.target
        if name in reach[name] and not any(name in loop for loop in found):
            found.append({other for other in reach[name] if name in reach[other]})
    return found


def _reached(start: str, needs: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    pending = list(needs[start])
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(needs[name])
    return seen


def declare_loop(
    loop: Collection[str], lines: Sequence[Line], scope: Scope, declarations: Declarations, read: Read
) -> dict[str, Tensor]:
    """The tensors of the families of a loop that are used before they are defined, from their starts."""
    found: dict[str, Tensor] = {}
    for line in lines:
        name = line.target
        if name not in loop or not any(uses_before(other, name) for other in lines if other.target in loop):
            continue
        start = scope.tensors.get(member_name(name, scope.first - 1))
        symbol = declarations.symbols.get(name)
        if start is None:
            number = scope.first - 1
            raise fail(
                f"{name}[{number}] is not given, and the recursion for {name} begins with it",
                line.at,
                f"add an equation for it, such as {name}[{number}] = {name}{number}",
                "unknown-symbol",
            )
        base = replace(symbol or Declared(name), runs=True)
        others = [other for other in lines if other.target in loop and other is not line]
        steps = _steps(line, scope, read) or next((s for o in others if (s := _steps(o, scope, read))), None)
        if steps is None:
            letter = show(line.slots[0])
            raise fail(f"the range of {letter} is not known", line.at, f"write for {letter} = 1..T")
        tensor = base.tensor(scope.convention, (steps, *start.shape), Role.INTERMEDIATE)
        tensor.start = start
        found[name] = tensor
    return found


def _steps(line: Line, scope: Scope, read: Read) -> Dim | None:
    """The number of members, as far as the equation says it."""
    letter = line.slots[0]
    assert isinstance(letter, Name)
    bounds: Bounds | None = next((one for one in line.ranges if one.index == letter.name), None)
    dim = None if bounds is None else interval(bounds, scope)
    if dim is None and bounds is None:
        dim = range_of(letter.name, line.expr, scope, read, letter.at)
    return dim
