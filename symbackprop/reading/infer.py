"""``derive`` without declarations: what each name is, and what the dims are.

A name with a capital is a matrix, with a small letter a vector, a Greek word a scalar; given
shapes win. Dims are unified over the whole program, and those that stay free are called
m, n, p, q, ... in order of appearance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Family, Graph
from symbackprop.core.operations import Operation, Param
from symbackprop.core.tensors import Convention, Role, Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.ops.registry import Elementwise
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.elaborate import read
from symbackprop.reading.equation_order import order_lines
from symbackprop.reading.equations import read_line
from symbackprop.reading.families import unroll
from symbackprop.reading.members import member_name
from symbackprop.reading.parser import parse_expression, parse_program
from symbackprop.reading.piece_targets import entry_targets, gathered
from symbackprop.reading.positions import affine
from symbackprop.reading.program import build_graph
from symbackprop.reading.recursions import declare_loop, families_over_dims, loops, with_starts
from symbackprop.reading.scope import Scope, function_names
from symbackprop.reading.shapes import ShapeError, Unifier
from symbackprop.reading.syntax import Apply, Bind, Bounds, Line, Name, Node, Sub
from symbackprop.reading.tokens import PLAIN_TEXT, Origin, fail

GREEK_WORDS = frozenset(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi "
    "omicron rho sigma tau upsilon phi varphi chi psi omega lam eps".split()
)
_DIM_LETTERS = ("m", "n", "p", "q", "r", "s", "u", "v")


def infer_program(
    text: str,
    *,
    shapes: Mapping[str, tuple[str, ...]] | None = None,
    convention: str | None = None,
    functions: Collection[str] = (),
    origin: Origin = PLAIN_TEXT,
) -> tuple[Graph, str]:
    """The graph of a program without declarations, and what was assumed, in words.

    ``shapes`` are the ``--shape`` options (name -> extents, each a dim formula; () is a scalar),
    ``functions`` the names of arbitrary elementwise functions. The second value reads
    "W in R^{m x n}, x in R^n, b, t in R^m".
    """
    known = tuple(shapes or ())
    lines: Sequence[Line] = parse_program(text, known, origin)
    if not lines:
        raise fail("there is no equation", origin.place(1, 1), "write y = W x + b").located(file=origin.file)
    try:
        given, dims = _given_shapes(shapes or {})
        table = {name: abstract_function(name) for name in functions}
        lines, families = _unrolled(lines, given, dims, table)
        _check_options(functions, given, dims, lines)
        names = _undeclared(lines, dims, table)
        chosen = _conventions(convention)
        graph = _first_fit(lines, names, given, dims, table, chosen, families)
    except RecursionError:
        raise InputError("the program is nested too deeply", code="limit", file=origin.file) from None
    except InputError as error:
        raise error.located(file=origin.file) from None
    return graph, readback(graph)


def _unrolled(
    lines: Sequence[Line],
    given: dict[str, tuple[Dim, ...]],
    dims: dict[str, None],
    functions: Mapping[str, Operation],
) -> tuple[Sequence[Line], Mapping[str, Family]]:
    """The lines without families; a shape given for a family is that of each member."""
    symbols = {name: Declared(name, shape) for name, shape in given.items()}
    over = families_over_dims(lines, Declarations(symbols, dims, functions))
    dims.update(dict.fromkeys(_steps(lines, over, given)))
    known = Declarations(symbols, dims, functions)
    arrays, _ = entry_targets(lines, known)
    lines, _ = with_starts(lines, known, over - arrays)
    plain = Declarations(dims=dict.fromkeys(dims), functions=functions)
    lines, found = unroll(lines, plain, arrays | over)
    lines = gathered(lines, arrays, known)
    families = found.families or {}
    for name in [name for name in given if name in families]:
        shape = given.pop(name)
        given.update((member_name(name, number), shape) for number in families[name].members)
    return lines, families


def _steps(
    lines: Sequence[Line], families: Collection[str], given: Mapping[str, tuple[Dim, ...]]
) -> list[str]:
    """The T of ``for t = 1..T``, which need not stand in any shape."""
    targets = {line.target for line in lines}
    ends = [
        bounds.high for line in lines if line.target in families for bounds in line.ranges
        if bounds.high is not None
    ]  # fmt: skip
    names = [node.name for end in ends for node in end.walk() if isinstance(node, Name)]
    return [name for name in names if name not in targets and name not in given]


def abstract_function(name: str, latex: str | None = None) -> Elementwise:
    """An arbitrary elementwise function: only its name is known."""
    return Elementwise(
        name, (Param("a"),), "function", latex, slopes=(None,), named_slope=True, abstract=True
    )


def readback(graph: Graph) -> str:
    """What each symbol was taken for: neighbours of one shape share one entry."""
    groups: list[tuple[list[str], tuple[Dim, ...]]] = []
    for tensor in graph.symbols:
        if groups and groups[-1][1] == tensor.shape:
            groups[-1][0].append(tensor.name)
        else:
            groups.append(([tensor.name], tensor.shape))
    return ", ".join(f"{', '.join(names)} in {_space(shape)}" for names, shape in groups)


def _space(shape: tuple[Dim, ...]) -> str:
    if not shape:
        return "R"
    parts = [f"({dim})" if " " in str(dim) and len(shape) > 1 else str(dim) for dim in shape]
    inside = " x ".join(parts)
    return f"R^{inside}" if inside.isalnum() else f"R^{{{inside}}}"


def _conventions(convention: str | None) -> tuple[Convention, ...]:
    if convention is None:
        return (Convention.COLUMN, Convention.ROW)
    return (Convention(convention),)


def _given_shapes(
    shapes: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, tuple[Dim, ...]], dict[str, None]]:
    """The shapes of the options, and every name that stands in one as a dim."""
    dims: dict[str, None] = {}
    given: dict[str, tuple[Dim, ...]] = {}
    for name, extents in shapes.items():
        given[name] = tuple(parse_dim(extent, dims) for extent in extents)
    return given, dims


def parse_dim(text: str, dims: dict[str, None], origin: Origin = PLAIN_TEXT) -> Dim:
    """An extent such as ``4*n`` or ``d + n``; the names in it are added to ``dims``."""
    node = parse_expression(text, (), origin)
    dims.update((part.name, None) for part in node.walk() if isinstance(part, Name))
    parts = affine(node, Scope(Convention.COLUMN, dims=dims))
    if parts is None or (parts[1].is_number and parts[1].constant < 1):
        raise fail(
            f"{text.strip()} is not an extent",
            node.at,
            "use a positive whole number, a name, or a sum such as 'd + n'",
            "shape",
        ).located(file=origin.file)
    return parts[1]


def _check_options(
    functions: Collection[str],
    given: Mapping[str, tuple[Dim, ...]],
    dims: Mapping[str, None],
    lines: Sequence[Line],
) -> None:
    targets = {line.target for line in lines}
    for name in functions:
        if name in function_names() or name in RESERVED:
            raise InputError(f"{name} is a function already", code="redefined", hint="use another name")
        if name in dims or name in given or name in targets:
            raise InputError(
                f"{name} is both a function and something else", code="redefined", hint="rename one"
            )
    used = _all_names(lines)
    for name in given:
        if name not in used:
            raise InputError(
                f"the shape of {name} is given, but {name} does not stand in the equations",
                code="unknown-symbol",
                hint=did_you_mean(name, used - function_names()),
            )
        if name in dims:
            raise InputError(
                f"{name} is both a dim and a symbol", code="redefined", hint="rename one of them"
            )


def _undeclared(
    lines: Sequence[Line], dims: Mapping[str, None], functions: Mapping[str, Operation]
) -> list[str]:
    """The names that no equation defines, in order of appearance."""
    targets = {line.target for line in lines}
    found: dict[str, None] = {}
    for line in lines:
        for part in line.parts or (line,):
            letters = {slot.name for slot in part.slots if isinstance(slot, Name)}
            _collect(part.expr, letters, found)
    hidden = targets | set(dims) | set(functions) | function_names() | RESERVED | {"pi"}
    return [name for name in found if name not in hidden]


def _collect(node: Node, letters: set[str], found: dict[str, None]) -> None:
    if isinstance(node, Name):
        if node.name not in letters:
            found.setdefault(node.name)
        return
    if isinstance(node, Bind):
        letters = letters | {bounds.index for bounds in node.ranges}
    if isinstance(node, Bounds):  # what stands in a range is an index or a size, no symbol
        return
    for child in node.children:
        _collect(child, letters, found)


def _kind(name: str) -> int:
    """The rank that the spelling of an undeclared name says."""
    if name.rstrip("0123456789_") in GREEK_WORDS or "\u03b1" <= name[0] <= "\u03c9":
        return 0
    return 2 if name[0].isupper() else 1


def _first_fit(
    lines: Sequence[Line],
    names: Sequence[str],
    given: Mapping[str, tuple[Dim, ...]],
    dims: Mapping[str, None],
    functions: Mapping[str, Operation],
    conventions: Sequence[Convention],
    families: Mapping[str, Family],
) -> Graph:
    first: ShapeError | None = None
    for convention in conventions:
        try:
            shapes = _solve(lines, names, given, dims, functions, convention)
            return _build(lines, shapes, given, dims, functions, convention, families)
        except InputError as error:
            if error.code == "unknown-function":
                joint = "; " if error.hint and not error.hint.endswith("?") else " "
                error.hint = f"{error.hint or ''}{joint}for an arbitrary function add --function NAME".strip()
            if not isinstance(error, ShapeError):
                raise
            first = first or _with_letters(error, _all_names(lines) | set(dims))
    assert first is not None
    raise first


def _with_letters(error: ShapeError, taken: Collection[str]) -> ShapeError:
    """The error with letters for the dims that were still open."""
    fresh = _dim_names(taken)
    letters: dict[str, str] = {}

    def letter(found: re.Match[str]) -> str:
        if found.group() not in letters:
            letters[found.group()] = next(fresh)
        return letters[found.group()]

    error.message = re.sub(r"\?[0-9]+", letter, error.message)
    return error


def _solve(
    lines: Sequence[Line],
    names: Sequence[str],
    given: Mapping[str, tuple[Dim, ...]],
    dims: Mapping[str, None],
    functions: Mapping[str, Operation],
    convention: Convention,
) -> dict[str, tuple[Dim, ...]]:
    """The shape of each undeclared name, its free dims named."""
    unifier = Unifier()
    tensors: dict[str, Tensor] = {}
    counts = _slot_counts(lines)
    for name in names:
        rank = max(_kind(name), counts.get(name, 0)) if counts.get(name, 0) > 2 else _kind(name)
        shape = given[name] if name in given else tuple(unifier.fresh() for _ in range(rank))
        tensors[name] = Tensor(name, shape, convention, Role.PARAMETER)
    scope = Scope(convention, tensors, dims, functions, unifier=unifier)
    plain = Declarations(dims=dict.fromkeys(dims), functions=functions)
    together = loops(lines)
    for line in order_lines(lines, plain):
        loop = next((loop for loop in together if line.target in loop), None)
        if loop is not None and not any(name in tensors for name in loop):
            tensors.update(declare_loop(loop, lines, scope, plain, read))
        declared = Declared(line.target, given[line.target]) if line.target in given else None
        tensors[line.target] = read_line(line, scope, declared).target
    shapes = {name: tuple(unifier.resolve(dim) for dim in tensors[name].shape) for name in names}
    taken = _all_names(lines) | set(dims) | set(functions) | function_names()
    fresh = _dim_names(taken)
    values: dict[str, Dim] = {}
    for shape in shapes.values():
        for dim in shape:
            for variable in dim.names:
                if variable.startswith("?") and variable not in values:
                    values[variable] = Dim.named(next(fresh))
    return {name: tuple(dim.substitute(values) for dim in shape) for name, shape in shapes.items()}


def _slot_counts(lines: Sequence[Line]) -> dict[str, int]:
    """Name -> how many indices it is given, the most where that differs."""
    found: dict[str, int] = {}
    for line in lines:
        for node in line.expr.walk():
            if isinstance(node, Sub) and isinstance(node.base, Name):
                found[node.base.name] = max(found.get(node.base.name, 0), len(node.slots))
    return found


def _dim_names(taken: Collection[str]) -> Iterator[str]:
    endless = chain(_DIM_LETTERS, (f"n{k}" for k in count(1)))
    return (name for name in endless if name not in taken)


def _all_names(lines: Sequence[Line]) -> set[str]:
    found = {line.target for line in lines}
    for line in lines:
        for root in (line.expr, *line.slots, *(slot for part in line.parts for slot in part.slots)):
            for node in root.walk():
                if isinstance(node, Name | Apply):
                    found.add(node.name)
                elif isinstance(node, Bind):
                    found.update(bounds.index for bounds in node.ranges)
    return found


def _build(
    lines: Sequence[Line],
    shapes: Mapping[str, tuple[Dim, ...]],
    given: Mapping[str, tuple[Dim, ...]],
    dims: Mapping[str, None],
    functions: Mapping[str, Operation],
    convention: Convention,
    families: Mapping[str, Family],
) -> Graph:
    targets = {line.target for line in lines}
    symbols = {name: Declared(name, shape, Role.PARAMETER) for name, shape in shapes.items()}
    symbols |= {name: Declared(name, shape) for name, shape in given.items() if name in targets}
    for family in families.values():
        for number in family.members:
            member = member_name(family.name, number)
            own = symbols.get(member, Declared(member))
            symbols[member] = replace(own, family=(family.name, number))
    return build_graph(lines, Declarations(symbols, dict.fromkeys(dims), functions, convention, families))
