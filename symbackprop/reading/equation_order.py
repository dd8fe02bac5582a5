"""The order in which equations can be computed; what is defined twice, or in terms of itself, is refused."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from symbackprop.core.tensors import Role
from symbackprop.errors import InputError
from symbackprop.reading.declarations import Declarations, check_not_derivative
from symbackprop.reading.members import member_name
from symbackprop.reading.recursions import loops, only_before
from symbackprop.reading.scope import function_names
from symbackprop.reading.syntax import Line, Name, cut, show
from symbackprop.reading.tokens import fail


def order_lines(lines: Sequence[Line], declarations: Declarations) -> tuple[Line, ...]:
    """The equations in computable order. Raises for a name defined twice and for a cycle."""
    defined = _defined(lines, declarations)
    needs = [_needs(line, defined, declarations.first - 1) for line in lines]
    together = {name: loop for loop in loops(lines) for name in loop}
    for line, need in zip(lines, needs, strict=True):  # h[t-1] in a recursion does not have to come before
        own = together.get(line.target, ())
        need -= {name for name in own if only_before(line, name)}
    waiting = [len(need) for need in needs]
    users: dict[int, list[int]] = {}
    for position, need in enumerate(needs):
        for name in need:
            users.setdefault(defined[name], []).append(position)
    ready = [position for position, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        position = heapq.heappop(ready)
        order.append(position)
        for user in users.get(position, ()):
            waiting[user] -= 1
            if waiting[user] == 0:
                heapq.heappush(ready, user)
    if len(order) < len(lines):
        raise _cycle(lines, needs, defined, set(order))
    return tuple(lines[position] for position in order)


def _defined(lines: Sequence[Line], declarations: Declarations) -> dict[str, int]:
    """Target -> position of its equation."""
    defined: dict[str, int] = {}
    dims = declarations.all_dims
    for position, line in enumerate(lines):
        name = line.target
        if any(not isinstance(slot, Name) for slot in line.slots):
            places = ",".join(map(show, line.slots))
            hint = f"write {name}[i,...] with letters, or entries on the right side"
            message = f"{name}[{places}] is one entry, and its right side is an array"
            raise fail(message, line.at, hint, "shape")
        if name in defined:
            first = lines[defined[name]].at.line
            raise fail(
                f"{name} is defined twice, first in line {first}", line.at, "use a new name", "redefined"
            )
        if name in function_names() or name in declarations.functions:
            raise fail(
                f"{name} is a function and cannot be defined", line.at, "use another name", "redefined"
            )
        if name in dims:
            raise fail(f"{name} is a dim and cannot be defined", line.at, "use another name", "redefined")
        symbol = declarations.symbols.get(name)
        if symbol is not None and symbol.role not in (None, Role.INTERMEDIATE):
            assert symbol.role is not None
            raise fail(
                f"{name} is declared as {symbol.role.value} and defined by an equation",
                line.at,
                f"drop the role of {name}, or use a new name",
                "redefined",
            )
        defined[name] = position
    everything = {**declarations.symbols, **defined}
    for line in lines:
        check_not_derivative(line.target, everything, line.at)
    for symbol in declarations.symbols.values():
        check_not_derivative(symbol.name, everything, symbol.at)
    return defined


def _needs(line: Line, defined: Mapping[str, int], start: int) -> set[str]:
    """The targets that stand on the right side, and the starts of families that do."""
    names = {node.name for node in line.expr.walk() if isinstance(node, Name) and node.name in defined}
    return names | {member for name in names if (member := member_name(name, start)) in defined}


def _cycle(
    lines: Sequence[Line], needs: Sequence[set[str]], defined: Mapping[str, int], done: set[int]
) -> InputError:
    """Name one cycle, in the order in which the names use each other."""
    start = next(position for position in range(len(lines)) if position not in done)
    seen: list[int] = []
    position = start
    while position not in seen:
        seen.append(position)
        position = min(defined[name] for name in needs[position] if defined[name] not in done)
    loop = [*seen[seen.index(position) :], position]
    names = cut(" -> ".join(lines[p].target for p in loop))
    line = lines[min(loop)]
    return fail(
        f"{line.target} is defined in terms of itself: {names}",
        line.at,
        "give one of them a new name",
        "cycle",
    )
