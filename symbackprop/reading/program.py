"""The forward pass: equations and declarations in, a typechecked ``Graph`` out.

On return every name is declared or defined exactly once, the equations are in an order that can
be computed (ties: the author's order), and every shape has been checked. Without a convention,
column is taken if all shapes fit under it, else row.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Element, Expr, IndexValue, Number
from symbackprop.core.graph import Equation, Graph, whole_of
from symbackprop.core.tensors import Convention, Index, Role, Tensor
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.reading.binders import interval
from symbackprop.reading.declarations import Declarations, Declared, check_names, check_not_derivative
from symbackprop.reading.elaborate import read
from symbackprop.reading.entries import check_letter, entry_by_entry, range_of
from symbackprop.reading.families import member_name, unroll
from symbackprop.reading.intention import likely_hint
from symbackprop.reading.parser import parse_program
from symbackprop.reading.pieces import NotAnEntryError, entry_targets, gathered, read_pieces
from symbackprop.reading.recursions import (
    declare_loop,
    families_over_dims,
    loops,
    only_before,
    with_starts,
)
from symbackprop.reading.scope import Scope, function_names
from symbackprop.reading.shapes import ShapeError, shape_text
from symbackprop.reading.syntax import Apply, Line, Name, Node, Sub, cut, show
from symbackprop.reading.tokens import PLAIN_TEXT, Origin, fail


def read_program(text: str, declarations: Declarations, origin: Origin = PLAIN_TEXT) -> Graph:
    """Parse and build. Raises InputError with the place in the file of ``origin``."""
    lines = parse_program(text, {*declarations.symbols, *declarations.all_dims}, origin)
    return build_graph(lines, declarations, file=origin.file)


def build_graph(lines: Sequence[Line], declarations: Declarations, file: str | None = None) -> Graph:
    """The typechecked graph of parsed equations."""
    try:
        check_names(declarations)
        certain, possible = entry_targets(lines, declarations)
        try:
            return _graph_with(lines, declarations, certain)
        except InputError as error:
            more = possible if not isinstance(error, NotAnEntryError) else set()
            if not more:
                raise
            try:  # what could be a family of numbers is an array, where only that has a meaning
                return _graph_with(lines, declarations, certain | more)
            except InputError as other:
                raise (other if isinstance(error, UnsupportedError) else error) from None
    except RecursionError:
        raise InputError("the forward pass is nested too deeply", code="limit", file=file) from None
    except InputError as error:
        raise error.located(file=file) from None


def _graph_with(lines: Sequence[Line], declarations: Declarations, arrays: set[str]) -> Graph:
    """The graph where the equations of ``arrays`` give entries of arrays, and no members of families."""
    meant: NotAnEntryError | None = None  # of an array with a declared shape
    families: set[str] = set()
    while True:
        try:
            return _graph(lines, declarations, arrays, families)
        except NotAnEntryError as error:
            ranged = any(line.target == error.target and line.ranges for line in lines)
            if error.target not in arrays and (error.target in families or not ranged):
                raise
            if error.target not in arrays:
                families.add(error.target)
            arrays = arrays - {error.target}
            symbol = declarations.symbols.get(error.target)
            if symbol is not None and symbol.shape is not None:
                meant = meant or error
        except InputError:
            if meant is not None:
                raise meant from None
            raise


def _graph(lines: Sequence[Line], declarations: Declarations, arrays: set[str], families: set[str]) -> Graph:
    over = families_over_dims(lines, declarations) - arrays
    lines, declarations = with_starts(lines, declarations, over)
    lines, declarations = unroll(lines, declarations, arrays | over, families)
    ordered = order_lines(gathered(lines, arrays, declarations), declarations)
    if declarations.convention is not None:
        return _typed(ordered, declarations, declarations.convention)
    try:
        return _typed(ordered, declarations, Convention.COLUMN)
    except ShapeError as error:
        try:
            return _typed(ordered, declarations, Convention.ROW)
        except ShapeError:
            raise error from None


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


# -- typing


def _typed(lines: Sequence[Line], declarations: Declarations, convention: Convention) -> Graph:
    targets = {line.target for line in lines}
    families = declarations.families or {}
    tensors = declared_tensors(declarations, convention, targets)
    dims = declarations.all_dims
    functions, first = declarations.functions, declarations.first
    scope = Scope(
        convention,
        tensors,
        dims,
        functions,
        taken=targets | set(families),
        first=first,
        zero=declarations.zero,
    )
    equations: list[Equation] = []
    together = loops(lines)
    for line in lines:
        loop = next((loop for loop in together if line.target in loop), None)
        if loop is not None and not any(equation.target.name in loop for equation in equations):
            tensors.update(declare_loop(loop, lines, scope, declarations, read))
        equation = read_line(line, scope, declarations.symbols.get(line.target))
        tensors[line.target] = equation.target
        equations.append(equation)
    _check_starts(equations)
    return Graph(
        convention,
        tensors,
        tuple(equations),
        dims,
        functions,
        families,
        first=first,
        zero=declarations.zero,
        loops=tuple(
            tuple(tensors[line.target] for line in lines if line.target in loop) for loop in together
        ),
    )


def _check_starts(equations: Sequence[Equation]) -> None:
    """A number as the start of a family of arrays would be spread over whatever it meets: refused."""
    for start in equations:
        family, number = start.target.family, isinstance(start.expr, Number) and start.target.is_scalar
        members = [e.target for e in equations if number and family and e.target.family]
        for member in members:
            if member.family and family and member.family[0] == family[0] and member.shape:
                name = start.target.name
                raise InputError(
                    f"{name} is a number, but {member.name} is an array", code="shape",
                    line=start.line, column=start.column, hint=f"write {name} = zeros(n), with its size",
                )  # fmt: skip


def _looks_like_a_member(name: str, declarations: Declarations) -> bool:
    """Whether a symbol h0 would be printed as the member h[0] of a family h is."""
    match = re.fullmatch(r"(.*?)_?(\d+)", name)
    starts = {symbol.family for symbol in declarations.symbols.values() if symbol.family is not None}
    if match is not None and (match.group(1), int(match.group(2))) in starts:
        return True
    family = (declarations.families or {}).get(match.group(1)) if match else None
    return match is not None and family is not None and int(match.group(2)) in family.members


def declared_tensors(
    declarations: Declarations, convention: Convention, targets: set[str]
) -> dict[str, Tensor]:
    """The tensors of the declared symbols that no equation defines, in declared order."""
    tensors: dict[str, Tensor] = {}
    for symbol in declarations.symbols.values():
        if symbol.name in targets:
            continue
        if symbol.latex is None and _looks_like_a_member(symbol.name, declarations):
            symbol = replace(symbol, latex=rf"\mathrm{{{symbol.name}}}")  # noqa: PLW2901 (h_0 is the member)
        if symbol.role is None or symbol.role is Role.INTERMEDIATE:
            raise fail(
                f"{symbol.name} has no role and no equation",
                symbol.at,
                "give it a role: input, parameter, target or constant",
                "schema",
            )
        tensors[symbol.name] = symbol.tensor(convention, symbol.shape or (), symbol.role)
    return tensors


def read_line(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """One equation with its target. A shape error says the likely intention."""
    arguments = _abstract_arguments(line, scope, declared)
    if arguments is not None:
        return _equation(line, _target(line, (), declared, scope), None, (), arguments)
    try:
        if line.parts:
            return _pieced_equation(line, scope, declared)
        if line.slots:
            return _entry_equation(line, scope, declared)
        if line.ranges:
            letter = line.ranges[0].index
            raise fail(
                f"for {letter} = ... needs the index {letter} on the left",
                line.ranges[0].at,
                f"write {line.target}[{letter}] = ...",
            )
        expr = read(line.expr, scope)
        return _equation(line, _target(line, _shape_of(line, expr, declared, scope), declared, scope), expr)
    except ShapeError as error:
        error.message = f"in {cut(line.text)}: {error.message}"
        if not line.parts:
            error.hint = error.hint or _intention(line, error, scope, declared)
        raise


def _intention(line: Line, error: ShapeError, scope: Scope, declared: Declared | None) -> str | None:
    def attempt(root: Node) -> object:
        edited = replace(line, expr=root)
        if line.slots:
            return _entry_equation(edited, scope, declared)
        return _shape_of(edited, read(root, scope), declared, scope)

    return likely_hint(
        line.expr, error, attempt, lambda node: scope.unifier.shape(read(node, scope)), scope.convention
    )


def _equation(
    line: Line,
    target: Tensor,
    expr: Expr | None,
    indices: tuple[Index, ...] = (),
    arguments: tuple[Tensor, ...] = (),
) -> Equation:
    return Equation(target, expr, indices, arguments, line.text, line.at.line, line.at.column)


def _target(line: Line, shape: tuple[Dim, ...], declared: Declared | None, scope: Scope) -> Tensor:
    base = declared or Declared(line.target)
    return base.tensor(scope.convention, shape, Role.INTERMEDIATE)


def _shape_of(line: Line, expr: Expr, declared: Declared | None, scope: Scope) -> tuple[Dim, ...]:
    """The declared shape of the target if it agrees, else the shape that follows."""
    rows, columns = scope.unifier.shape(expr)
    if declared is not None and declared.shape is not None:
        if len(declared.shape) > 2:
            raise entry_by_entry(line.target, declared.shape, line.at)
        probe = declared.tensor(scope.convention, declared.shape, Role.INTERMEDIATE).oriented
        if not (scope.unifier.same(probe[0], rows) and scope.unifier.same(probe[1], columns)):
            raise ShapeError(
                f"{line.target} is declared as {shape_text(probe)}, but {show(line.expr)} is "
                f"{shape_text((rows, columns))}",
                line.expr,
            )
        return declared.shape
    if rows.is_one and columns.is_one:
        return ()
    if scope.convention.vectors_are_rows and rows.is_one:
        return (columns,)
    if not scope.convention.vectors_are_rows and columns.is_one:
        return (rows,)
    return (rows, columns)


def _abstract_arguments(line: Line, scope: Scope, declared: Declared | None) -> tuple[Tensor, ...] | None:
    """The arguments of ``J = J(y, W)``; None if the equation is not of that form."""
    call = line.expr
    if not (isinstance(call, Apply) and call.name == line.target and not line.slots):
        return None
    arguments: list[Tensor] = []
    for arg in call.args:
        if not isinstance(arg, Name):
            raise fail(
                f"the arguments of {line.target}(...) are names", arg.at, "give the formula a name of its own"
            )
        if arg.name not in scope.tensors:
            raise scope.unknown(arg.name, arg.at)
        arguments.append(scope.tensors[arg.name])
    if call.primes:
        raise fail("an abstract loss has no prime", call.at)
    if declared is not None and declared.shape:
        raise fail(f"{line.target} = {line.target}(...) is a scalar, but its declared shape is not", line.at)
    return tuple(dict.fromkeys(arguments))


# -- entry equations


def _entry_equation(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """``p[k] = ...``: the indices of the target are bound for all their values."""
    letters = [slot for slot in line.slots if isinstance(slot, Name)]
    given = {bounds.index: interval(bounds, scope) for bounds in line.ranges}
    indices: dict[str, Index] = {}
    for position, slot in enumerate(letters):
        check_letter(slot.name, slot.at, scope)
        if slot.name in indices or slot.name == line.target:
            raise fail(f"the index {slot.name} stands twice on the left", slot.at, "use two letters")
        dim = _declared_extent(line, declared, position) or given.get(slot.name)
        dim = dim or range_of(slot.name, line.expr, scope, read, slot.at)
        if dim is None:
            raise fail(
                f"the range of {slot.name} is not known",
                slot.at,
                f"write for {slot.name} = 1..n at the end, or declare the shape of {line.target}",
                "shape",
            )
        indices[slot.name] = Index(dim, slot.name)
    for bounds in line.ranges:
        if bounds.index not in indices:
            raise fail(
                f"{bounds.index} does not stand on the left",
                bounds.at,
                f"write {line.target}[{bounds.index}]",
            )
    inner = scope.with_indices(indices)
    expr = read(line.expr, inner)
    shape = scope.unifier.shape(expr)
    if not (shape[0].is_one and shape[1].is_one):
        family = _family_equation(line, scope, declared, expr, tuple(indices.values()))
        if family is None:
            raise NotAnEntryError(line, shape_text(shape))
        return family
    extents = tuple(scope.unifier.resolve(index.dim) for index in indices.values())
    target = scope.tensors.get(line.target) or _target(line, extents, declared, scope)
    if target.shape != extents:
        whole = " x ".join(map(str, target.shape))
        raise ShapeError(f"{line.target} is {whole}, but its equation gives numbers", line.expr)
    return _equation(line, target, expr, tuple(indices.values()))


def _family_equation(
    line: Line, scope: Scope, declared: Declared | None, member: Expr, indices: tuple[Index, ...]
) -> Equation | None:
    """``h[t] = W x[t] for t = 1..T``, an array on the right: a family over a dim; None if it is none."""
    if len(indices) != 1 or scope.unifier.resolve(indices[0].dim).is_number:
        return None
    if not line.ranges and not _chooses_member(line, indices[0].letter, scope):
        return None
    shape = _member_shape(scope.unifier.shape(member), scope)
    own = tuple(Index(dim, letter) for dim, letter in zip(shape, ("i", "j"), strict=False))
    entry = Element(member, tuple(IndexValue(((index, 1),)) for index in own))
    known = declared or Declared(line.target)
    whole = (scope.unifier.resolve(indices[0].dim), *shape)
    target = scope.tensors.get(line.target)  # of a recursion, known from its start
    if target is None:
        target = replace(known, runs=True).tensor(scope.convention, whole, Role.INTERMEDIATE)
    elif not all(scope.unifier.same(a, b) for a, b in zip(target.shape, whole, strict=False)) or len(
        whole
    ) != len(target.shape):
        start, found = (" x ".join(map(str, dims[1:])) or "a scalar" for dims in (target.shape, whole))
        number = scope.first - 1
        raise ShapeError(
            f"{line.target}[{number}] is {start}, but the other members of {line.target} are {found}",
            line.expr,
        )
    return replace(_equation(line, target, entry, (*indices, *own)), member=member)


def _chooses_member(line: Line, letter: str, scope: Scope) -> bool:
    """Whether the letter chooses a member of a family on the right side."""
    for node in line.expr.walk():
        if isinstance(node, Sub) and isinstance(node.base, Name):
            tensor = scope.tensors.get(node.base.name)
            slot = node.slots[0]
            if tensor is not None and tensor.over and isinstance(slot, Name) and slot.name == letter:
                return True
    return False


def _member_shape(shape: tuple[Dim, Dim], scope: Scope) -> tuple[Dim, ...]:
    """The declared dims of an array of this shape: a vector has one."""
    rows, columns = shape
    if scope.convention.vectors_are_rows and rows.is_one:
        return (columns,)
    if not scope.convention.vectors_are_rows and columns.is_one:
        return (rows,)
    return (rows, columns)


def _pieced_equation(line: Line, scope: Scope, declared: Declared | None) -> Equation:
    """Several equations that give the entries of one array."""
    found = read_pieces(line, scope, declared, read)
    whole = whole_of(found.pieces, found.indices)
    equation = _equation(line, _target(line, found.shape, declared, scope), whole, found.indices)
    return replace(equation, pieces=found.pieces)


def _declared_extent(line: Line, declared: Declared | None, position: int) -> Dim | None:
    if declared is None or declared.shape is None:
        return None
    if len(declared.shape) != len(line.slots):
        raise fail(
            f"{line.target} is declared with {len(declared.shape)} indices, "
            f"the equation gives {len(line.slots)}",
            line.at,
            None,
            "shape",
        )
    return declared.shape[position]
