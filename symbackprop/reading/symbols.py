"""The ``symbols:`` of a problem file: declarations of arrays, dims and functions.

On return names, shapes, roles and facts are sound one by one; what concerns several names at
once (clashes) is checked when the graph is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.operations import Operation, Param
from symbackprop.core.tensors import Convention, Facts, Role, Tensor
from symbackprop.errors import InputError, UnsupportedError, did_you_mean
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_base import Writer, code, real
from symbackprop.notation.numpy_expr import write
from symbackprop.ops.registry import Elementwise, all_operations, lookup
from symbackprop.reading import fields, keys
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.declarations import Declarations, Declared, check_function_name
from symbackprop.reading.formulas import formula_of
from symbackprop.reading.infer import abstract_function, parse_dim
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import function_names
from symbackprop.reading.syntax import Apply, Name
from symbackprop.reading.yaml_tree import Scalar, Table, Value, problem

MOST_INDICES = 6  # of one array


@dataclass(frozen=True, slots=True)
class Symbols:
    """The declarations, and the least sizes of dims that have one."""

    declarations: Declarations
    at_least: Mapping[str, int]


def read_symbols(value: Value, convention: Convention | None) -> Symbols:
    """The declarations under ``symbols:``."""
    arrays: dict[str, Declared] = {}
    dims: dict[str, str | None] = {}
    functions: dict[str, Operation] = {}
    at_least: dict[str, int] = {}
    for key, entry in fields.table(value, "symbols").entries:
        name = fields.name(key, "symbols")
        if name in RESERVED:  # before the equations are parsed, where the word would be misread
            raise problem(
                f"{name} is a reserved word and cannot be a symbol", key.at, "use another name", "redefined"
            )
        body = fields.table(entry, name)
        fields.check_keys(body, keys.SYMBOL, name)
        role = _role(body, name)
        if role == "dim":
            dims[name] = _dim(body, name, at_least)
        elif role == "function":
            check_function_name(name, key.at)
            functions[name] = _function(body, name)
        else:
            arrays[name] = _array(key, body, name, role)
    return Symbols(Declarations(arrays, dims, functions, convention), at_least)


def _key(body: Table, name: str) -> Scalar:
    return next(key for key, _ in body.entries if key.text == name)


def _role(body: Table, name: str) -> str | None:
    value = body.get("role")
    return None if value is None else fields.choice(value, f"the role of {name}", keys.ROLES)


def _only(body: Table, name: str, allowed: tuple[str, ...], what: str) -> None:
    for key, _ in body.entries:
        if key.text not in allowed:
            raise fields.schema_error(f"{name} is {what}; {key.text} does not apply to it", key)


def _latex(body: Table, name: str) -> str | None:
    value = body.get("latex")
    return None if value is None else fields.line_of_text(value, f"the latex of {name}")


def _aliases(body: Table, name: str) -> tuple[str, ...]:
    value = body.get("aliases")
    if value is None:
        return ()
    path = f"the aliases of {name}"
    return tuple(fields.line_of_text(item, path) for item in fields.items(value, path, single=True))


def _dim(body: Table, name: str, at_least: dict[str, int]) -> str | None:
    _only(body, name, ("role", "latex", "aliases", "at_least"), "a dim")
    value = body.get("at_least")
    if value is not None:
        least = fields.number(value, f"at_least of {name}")
        if least.denominator != 1 or least < 1:
            raise fields.schema_error(f"at_least of {name} must be a positive whole number", value)
        at_least[name] = int(least)
    return _latex(body, name)


# -- arrays


def _array(key: Scalar, body: Table, name: str, role: str | None) -> Declared:
    for only, what in (("at_least", "a dim"), ("of", "a function"), ("is", "a function")):
        if body.get(only) is not None:
            raise fields.schema_error(
                f"{only} applies to {what}, but {name} is an array",
                _key(body, only),
                f"write role: {what[2:]}",
            )
    shape_value = body.get("shape")
    shape = None if shape_value is None else _shape(shape_value, name)
    if shape is None and role is not None:
        shape = ()
    bold = body.get("bold")
    over = _over(body, name)
    runs = isinstance(over, Dim)
    facts = _facts(body, name, shape, role)
    if isinstance(over, Dim):
        shape = (over, *(shape or ()))
    return Declared(
        name,
        shape,
        Role(role) if role is not None else None,
        _latex(body, name),
        _aliases(body, name),
        facts,
        None if bold is None else fields.flag(bold, f"bold of {name}"),
        key.at,
        over if isinstance(over, int) else None,
        runs=runs,
    )


def _over(body: Table, name: str) -> int | Dim | None:
    """The number of members of a family: a whole number, or the name of a dim."""
    value = body.get("over")
    if value is None:
        return None
    text = fields.scalar(value, f"over of {name}", "a whole number").text.strip()
    if fields.is_name(text):
        return Dim.named(text)
    count = fields.number(value, f"over of {name}")
    if count.denominator != 1 or count < 1:
        raise fields.schema_error(f"over of {name} must be a positive whole number", value)
    return int(count)


def _shape(value: Value, name: str) -> tuple[Dim, ...]:
    path = f"the shape of {name}"
    names: dict[str, None] = {}
    extents = []
    for item in fields.items(value, path, single=True):
        extent = fields.scalar(item, path, "a list of names and numbers")
        extents.append(parse_dim(extent.text, names, extent.origin))
    if len(extents) > MOST_INDICES:
        raise fields.later(f"an array with more than {MOST_INDICES} indices", value)
    return tuple(extents)


def _facts(body: Table, name: str, shape: tuple[Dim, ...] | None, role: str | None) -> Facts:
    given: dict[str, Any] = {}
    for flag in keys.FLAGS:
        value = body.get(flag)
        if value is not None and fields.flag(value, f"{flag} of {name}"):
            given[flag] = True
            _check_fact(flag, _key(body, flag), name, shape, role)
    facts = Facts(**given, classes=_classes(body, name, shape, role))
    one_of = body.get("one_of")
    if one_of is not None:
        path = f"one_of of {name}"
        choices = tuple(fields.number(item, path) for item in fields.items(one_of, path))
        if not choices:
            raise fields.schema_error(f"{path} must name at least one number", one_of, "such as [-1, 1]")
        facts = replace(facts, one_of=choices)
    between = body.get("between")
    return facts if between is None else replace(facts, between=_between(between, name))


def _check_fact(flag: str, key: Scalar, name: str, shape: tuple[Dim, ...] | None, role: str | None) -> None:
    if role is None:
        raise fields.schema_error(
            f"{flag} is declared of {name}, which has no role", key, "facts are declared about inputs only"
        )
    if flag in ("symmetric", "posdef") and (shape is None or len(shape) != 2 or shape[0] != shape[1]):
        raise fields.schema_error(f"{name} is {flag}, so its shape must be square", key, "shape: [n, n]")
    if flag in ("one_hot", "sums_to_one") and (not shape or len(shape) > 2):
        what = "is a scalar" if not shape else f"has {len(shape)} indices"
        raise fields.schema_error(f"{name} {what}; {flag} needs a vector or a matrix", key)


def _classes(body: Table, name: str, shape: tuple[Dim, ...] | None, role: str | None) -> Dim | None:
    """The number of classes of labels. One label, or a vector of them; an input, never trained."""
    value = body.get("classes")
    if value is None:
        return None
    key = _key(body, "classes")
    if role is None:
        raise fields.schema_error(f"{name} has classes: but no role", key, "write role: target")
    if role == "parameter":
        raise fields.schema_error(
            f"{name} is a parameter; labels are whole numbers and cannot be trained",
            key,
            "write role: target",
        )
    if shape is not None and len(shape) > 1:
        raise fields.later("an array of labels with more than one index", key)
    for other in ("one_hot", "sums_to_one", "positive", "nonzero", "one_of", "between"):
        if body.get(other) is not None:
            raise fields.schema_error(
                f"{name} has classes:, so its entries are labels; {other} does not apply", _key(body, other)
            )
    extent = fields.scalar(value, f"classes of {name}", "a dim or a whole number")
    classes = parse_dim(extent.text, {}, extent.origin)
    if classes.is_one:
        raise fields.schema_error(f"{name} has one class only, so there is nothing to choose", value)
    return classes


def _between(value: Value, name: str) -> tuple[Fraction, Fraction]:
    path = f"between of {name}"
    bounds = [fields.number(item, path) for item in fields.items(value, path)]
    if len(bounds) != 2 or bounds[0] >= bounds[1]:
        raise fields.schema_error(f"{path} must be two numbers, the smaller first", value, "write [0, 1]")
    return (bounds[0], bounds[1])


# -- functions


def _function(body: Table, name: str) -> Operation:
    """An arbitrary function, a function of the table under another name, or a formula."""
    _only(body, name, ("role", "latex", "aliases", "of", "is"), "a function")
    latex, letter, meaning = _latex(body, name), body.get("of"), body.get("is")
    if meaning is None:
        if letter is not None:
            raise fields.schema_error(f"{name} has of: without is:", letter, "add is: with the formula")
        return abstract_function(name, latex)
    if letter is None:
        return _renamed(fields.scalar(meaning, f"is of {name}", "a function"), name, latex)
    return _defined(
        fields.scalar(meaning, f"is of {name}", "a formula"),
        fields.name(letter, f"of of {name}"),
        name,
        latex,
    )


def _renamed(meaning: Scalar, name: str, latex: str | None) -> Operation:
    op = lookup(meaning.text.strip())
    if op is None:
        known = {operation.name for operation in all_operations()}
        raise fields.schema_error(
            f"{name} is {meaning.text.strip()!r}, which is no function",
            meaning,
            did_you_mean(meaning.text, known) or "for a formula give its letter: of: a",
        )
    if not isinstance(op, Elementwise):  # printed as its LaTeX; in text it keeps the name that it is known by
        return replace(op, latex=latex or op.latex)
    return replace(op, name=name, kind="function", latex=latex or op.latex)


def _defined(meaning: Scalar, letter: str, name: str, latex: str | None) -> Operation:
    syntax = parse_expression(meaning.text, (), meaning.origin)
    captured: dict[str, None] = {}  # scalars and dims of the file
    for node in syntax.walk():
        if isinstance(node, Name) and node.name not in (letter, "pi") and node.name not in function_names():
            captured.setdefault(node.name)
        if isinstance(node, Apply) and node.name not in function_names():
            raise InputError(
                f"unknown function {node.name}",
                code="unknown-function",
                line=node.at.line,
                column=node.at.column,
                hint=did_you_mean(node.name, function_names()),
            )
    probe = Tensor(letter, (Dim.named("n"),), Convention.COLUMN)
    others = {other: Leaf(Tensor(other, (), Convention.COLUMN)) for other in captured}
    try:
        expr = formula_of(meaning.text, {letter: Leaf(probe), **others}, Convention.COLUMN)
    except InputError as error:
        if error.line is not None and error.column is not None:
            error.line, error.column = meaning.origin.place(error.line, error.column)
        raise
    if expr.shape not in (probe.oriented, (Dim(1), Dim(1))):
        raise fields.schema_error(
            f"{name} is not elementwise in {letter}", meaning, "use *, not a matrix product"
        )
    params = tuple(Param(one) for one in (letter, *captured))
    template, helper = _template(expr, [param.name for param in params])
    return Elementwise(
        name, params, "function", latex, formula=meaning.text, slopes=(None,) * len(params),
        numpy=template, numpy_helper=helper, captured=tuple(captured),
    )  # fmt: skip


def _template(expr: Expr, names: list[str]) -> tuple[str | None, str | None]:
    """The NumPy code of a formula with places for its letters, and the functions that it calls."""

    def name_of(what: object) -> str:
        assert isinstance(what, Tensor)
        return what.name

    writer = Writer(write, name_of)
    try:
        text = py.show(real(code(writer, expr)))
    except UnsupportedError:
        return None, None  # it is unfolded where it is used
    places = re.sub(rf"\b({'|'.join(map(re.escape, names))})\b", r"{\1}", text)
    return places, "\n\n".join(writer.helpers) or None
