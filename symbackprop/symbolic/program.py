"""A problem that comes as SymPy objects, as the data of a problem file.

``read_problem`` gives the keys of the file, with the forward pass as plain text: from there on it is read
like any other, so that SymPy objects and text give the same derivation. The names of the author's symbols
come along, so that results can be given in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.sympy_base import is_matrix, shape_of
from symbackprop.notation.sympy_symbols import dim_symbol, symbol_of
from symbackprop.reading.parser import parse_program
from symbackprop.reading.syntax import Line, Name, Node, show
from symbackprop.symbolic.matrices import Reader, equation
from symbackprop.symbolic.nodes import call
from symbackprop.symbolic.objects import AbstractLoss
from symbackprop.symbolic.table import Table


@dataclass(frozen=True, slots=True)
class Written:
    """What was read: the keys of a problem file, and the author's symbols by name."""

    data: dict[str, object]
    symbols: Mapping[str, Any]
    dims: Mapping[str, Any]

    def renaming(self, graph: Graph) -> dict[Any, Any]:
        """Our SymPy symbols -> the author's, for the names of ``graph``."""
        found = {dim_symbol(name): dim for name, dim in self.dims.items()}
        for name, tensor in graph.tensors.items():
            author = self.symbols.get(name)
            if author is not None:
                whole = tensor.is_scalar and is_matrix(author)
                found[symbol_of(tensor)] = author[0, 0] if whole else author
        return {ours: author for ours, author in found.items() if ours != author}


def read_problem(
    equations: Mapping[Any, Any],
    *,
    convention: Convention | None,
    roles: Mapping[Any, str] | None = None,
    symbols: Mapping[Any, Mapping[str, object]] | None = None,
    extra: Sequence[Any] = (),
) -> Written:
    """Target -> SymPy expression or plain text, as the data of a problem file.

    ``roles`` and ``symbols`` have SymPy symbols or names as keys; ``extra`` are symbols that are declared
    even if they stand in no expression. Without a convention it is row if some array is 1 x n and none n x 1.
    """
    targets = {_target(key): value for key, value in equations.items()}
    if len(targets) < len(equations):
        raise InputError("a name is defined twice", code="redefined", hint="use a new name")
    objects = [value for value in targets.values() if not isinstance(value, str)]
    objects += [key for key in (*(roles or {}), *(symbols or {}), *extra) if not isinstance(key, str)]
    for value in objects:
        if not isinstance(value, sympy.Basic):
            raise InputError(f"{type(value).__name__} is no SymPy object", code="schema")
    chosen = convention or _convention(objects)
    table = Table(chosen, taken=set(targets))
    table.prepare(objects)
    lines = _lines(targets, Reader(table))
    for symbol in (key for key in (*(roles or {}), *extra) if not isinstance(key, str)):
        table.name(symbol)
    stated = _stated(table, targets, roles or {}, symbols or {})
    data: dict[str, object] = {"convention": chosen.value, "symbols": stated, "forward": "\n".join(lines)}
    names = {name: symbol for symbol, name in table.symbols.items()}
    dims = {name: symbol for name, symbol in names.items() if symbol in table.dims}
    return Written(data, {name: s for name, s in names.items() if name not in dims}, dims)


def _target(key: Any) -> str:
    """The name of a target."""
    name = str(key)
    if not isinstance(key, str | sympy.Symbol | sympy.MatrixSymbol):
        raise InputError(f"{name} is no name for an equation", code="schema", hint='write "L" or a symbol')
    return name


def _convention(objects: Sequence[Any]) -> Convention:
    """Row if vectors lie: some array is 1 x n, and none is n x 1."""
    matrices = {symbol for value in objects for symbol in value.atoms(sympy.MatrixSymbol)}
    lying = any(s.shape[0] == 1 and s.shape[1] != 1 for s in matrices)
    standing = any(s.shape[1] == 1 and s.shape[0] != 1 for s in matrices)
    return Convention.ROW if lying and not standing else Convention.COLUMN


def _lines(targets: Mapping[str, Any], reader: Reader) -> list[str]:
    lines: list[str] = []
    for target, value in targets.items():
        if isinstance(value, str):
            lines.append(f"{target} = {value}")
            continue
        if isinstance(value, AbstractLoss) and str(value.args[0]) == target:
            lines.append(_own_loss(target, value, reader))
        else:
            lines.append(_checked(equation(target, reader.node(value))))
        lines[-1:-1] = [_checked(line) for line in reader.aside]
        reader.aside.clear()
    return lines


def _own_loss(target: str, value: AbstractLoss, reader: Reader) -> str:
    """J = J(y) under its own name."""
    arguments = [reader.named(argument) for argument in value.operands]
    return _checked(equation(target, call(target, *arguments)))


def _checked(line: Line) -> str:
    """The text of an equation, which must be read back as the same equation."""
    names = {node.name for node in line.expr.walk() if isinstance(node, Name)}
    (back,) = parse_program(line.text, names)
    if _bare(back.expr) != _bare(line.expr):
        raise AssertionError(f"{line.text} is read back as {show(back.expr)}")
    return line.text


def _bare(node: Node) -> object:
    """A node without places."""
    parts: list[object] = [type(node).__name__]
    for field in node.__dataclass_fields__:
        value = getattr(node, field)
        if isinstance(value, Node):
            parts.append(_bare(value))
        elif isinstance(value, tuple) and field != "at":
            parts.append(tuple(_bare(item) if isinstance(item, Node) else item for item in value))
        elif field not in ("at", "text"):
            parts.append(value)
    return tuple(parts)


# -- what is declared


def _stated(
    table: Table, targets: Mapping[str, Any], roles: Mapping[Any, str], symbols: Mapping[Any, Any]
) -> dict[str, object]:
    """The ``symbols:`` of the file: names given by the author first, then in order of appearance."""
    role_of = {_known(key, table, targets, symbols): role for key, role in roles.items()}
    facts = {_name(key, table): dict(value) for key, value in symbols.items()}
    arrays = {name: symbol for symbol, name in table.arrays()}
    usual = "input" if "parameter" in role_of.values() else "parameter"
    stated: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys([*role_of, *facts, *arrays]):
        entry: dict[str, object] = {}
        if name in arrays:
            entry |= _spelling(arrays[name], name)
            shape = [show(_dim(size, table)) for size in table.shape(arrays[name])]
            if shape or name not in targets:
                entry["shape"] = shape
        if name in role_of:
            entry["role"] = role_of[name]
        elif name in arrays and name not in targets and "role" not in facts.get(name, {}):
            entry["role"] = usual
        stated[name] = _joined(name, entry, facts.get(name, {}))
    for dim in sorted(table.dims, key=str):
        entry = {"role": "dim", **_spelling(dim, table.symbols[dim])}
        stated[table.symbols[dim]] = _joined(str(dim), entry, stated.get(table.symbols[dim], {}))
    for function in table.functions:
        stated.setdefault(function, {"role": "function"})
    return dict(stated)


def _dim(size: Any, table: Table) -> Node:
    return Reader(table).node(sympy.sympify(size))


def _name(key: Any, table: Table) -> str:
    return key if isinstance(key, str) else table.name(key)


def _known(key: Any, table: Table, targets: Mapping[str, Any], symbols: Mapping[Any, Any]) -> str:
    """The name that a role is given to; it must stand somewhere."""
    name = _name(key, table)
    names = {*table.symbols.values(), *targets, *table.functions, *(_name(k, table) for k in symbols)}
    if name not in names:
        raise InputError(
            f"unknown symbol {name} in roles",
            code="unknown-symbol",
            hint=did_you_mean(name, names) or "where it stands only in a text, give its MatrixSymbol instead",
        )
    return name


def _spelling(symbol: Any, name: str) -> dict[str, object]:
    """The LaTeX of a symbol whose name is none of the grammar."""
    return {} if str(symbol) == name else {"latex": sympy.latex(symbol)}


def _joined(name: str, entry: dict[str, object], facts: Mapping[str, object]) -> dict[str, object]:
    """What the objects say and what the author adds; the two must not disagree."""
    for key, value in facts.items():
        ours = entry.get(key, value)
        if key in ("role", "shape") and _plain(ours) != _plain(value):
            raise InputError(
                f"the {key} of {name} is {value} in symbols, but {ours} elsewhere",
                code="shape" if key == "shape" else "schema",
                hint="state it once",
            )
    return {**entry, **facts}


def _plain(value: object) -> object:
    return [str(item) for item in value] if isinstance(value, list | tuple) else str(value)


def check_scalar(value: Any, of_shape: Any) -> None:
    """Refuse what is no number. A 1 x 1 matrix is one; ``of_shape`` is the shape the author says it has."""
    shape = shape_of(value)
    if of_shape is not None:
        sizes = of_shape if isinstance(of_shape, Sequence) else (of_shape,)
        said = tuple(sympy.sympify(size) for size in sizes)
        if said not in (shape, () if shape == (1, 1) else shape, tuple(s for s in shape if s != 1)):
            shown = " x ".join(map(str, sizes)) or "a scalar"
            raise InputError(
                f"the expression is {shape[0]} x {shape[1]}, not {shown}", code="shape", hint="check of_shape"
            )
