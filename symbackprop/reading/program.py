"""The forward pass: equations and declarations in, a typechecked ``Graph`` out.

On return every name is declared or defined exactly once, the equations are in an order that can
be computed (ties: the author's order), and every shape has been checked. Without a convention,
column is taken if all shapes fit under it, else row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from symbackprop.core.expr import Number
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Convention, Role, Tensor
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.reading.declarations import Declarations, check_names
from symbackprop.reading.elaborate import read
from symbackprop.reading.equation_order import order_lines
from symbackprop.reading.equations import read_line
from symbackprop.reading.families import unroll
from symbackprop.reading.parser import parse_program
from symbackprop.reading.piece_targets import entry_targets, gathered
from symbackprop.reading.pieces import NotAnEntryError
from symbackprop.reading.recursions import declare_loop, families_over_dims, loops, with_starts
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import ShapeError
from symbackprop.reading.syntax import Line
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
