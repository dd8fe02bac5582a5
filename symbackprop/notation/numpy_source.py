"""The text of an emitted function: parameters, sizes, commented lines, results, helpers."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from symbackprop.notation import pycode as py

WIDTH = 100
_INDENT = "    "


def helper_names(helpers: Iterable[str]) -> frozenset[str]:
    """The names of the functions that helper sources define."""
    nodes = (node for source in helpers for node in ast.parse(source).body)
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))


def function_source(
    name: str,
    parameters: Sequence[str],
    sizes: Sequence[str],
    lines: Sequence[py.Assignment],
    results: Mapping[str, str],
    helpers: Sequence[str],
    *,
    single: bool,
) -> str:
    """The source of one function, the helpers it calls first."""
    body = [*sizes]
    for line in lines:
        body += assignment_lines(line)
    body += _returned(results, single=single)
    own = _header(name, parameters) + "".join(f"\n{_INDENT}{row}" for row in body)
    return "\n\n\n".join([*_helper_blocks(helpers), own]) + "\n"


def _header(name: str, parameters: Sequence[str]) -> str:
    line = f"def {name}({', '.join(parameters)}):"
    if len(line) <= WIDTH:
        return line
    return f"def {name}(\n" + "".join(f"{_INDENT}{parameter},\n" for parameter in parameters) + "):"


def _helper_blocks(helpers: Sequence[str]) -> list[str]:
    """Each helper function once, even where several operations bring the same one."""
    found: dict[str, str] = {}
    for source in helpers:
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, ast.get_source_segment(source, node) or ast.unparse(node))
    return list(found.values())


def assignment_lines(line: py.Assignment) -> list[str]:
    """One line, or a bracket with one term on each line if it is too long."""
    comment = f"  # {line.comment}" if line.comment else ""
    text = f"{line.target} = {py.show(line.value)}{comment}"
    terms = _terms(line.value)
    if len(terms) == 1:
        terms = _factors(line.value)
    if len(text) + len(_INDENT) <= WIDTH or len(terms) == 1:
        return [text]
    return [f"{line.target} = ({comment}", *(f"{_INDENT}{term}" for term in terms), ")"]


def _terms(node: ast.expr) -> list[str]:
    """The terms of a sum, each after the first with its sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        sign = "+" if isinstance(node.op, ast.Add) else "-"
        right = py.show(node.right)
        inner = isinstance(node.right, ast.BinOp) and isinstance(node.right.op, (ast.Add, ast.Sub))
        inner = inner or _is_weak(node.right)
        return [*_terms(node.left), f"{sign} ({right})" if inner else f"{sign} {right}"]
    return [f"({py.show(node)})" if _is_weak(node) else py.show(node)]


def _is_weak(node: ast.expr) -> bool:
    """Whether a sum or a product beside the node would be read as a part of it: ``A > 0``."""
    return isinstance(node, (ast.Compare, ast.BoolOp, ast.IfExp, ast.Lambda))


def _factors(node: ast.expr) -> list[str]:
    """The factors of a product from the left, each after the first with its sign."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div)):
        sign = "*" if isinstance(node.op, ast.Mult) else "/"
        bare = isinstance(node.right, (ast.Name, ast.Constant, ast.Call, ast.Subscript, ast.Attribute))
        bare = bare or (isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Pow))
        right = py.show(node.right)
        return [*_factors(node.left), f"{sign} {right}" if bare else f"{sign} ({right})"]
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Pow):
        return [f"({py.show(node)})"] if isinstance(node.op, (ast.Add, ast.Sub)) else [py.show(node)]
    return [f"({py.show(node)})" if _is_weak(node) else py.show(node)]


def _returned(results: Mapping[str, str], *, single: bool) -> list[str]:
    if single:
        return [f"return {value}" for value in results.values()]
    pairs = [f'"{key}": {value}' for key, value in results.items()]
    line = f"return {{{', '.join(pairs)}}}"
    if len(line) + len(_INDENT) <= WIDTH:
        return [line]
    return ["return {", *(f"{_INDENT}{pair}," for pair in pairs), "}"]
