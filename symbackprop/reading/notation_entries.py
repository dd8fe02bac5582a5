"""The ``notation:`` of a problem file: names of derivatives for printing, spellings for the checker.

A first-order derivative of a scalar with a ``name`` is printed under it everywhere. Every other entry (a
slice, an expression, a function, a spelling) is checked for sense and kept: it says what a work means by it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from symbackprop.core.expr import Partial
from symbackprop.core.graph import Graph
from symbackprop.errors import UnsupportedError
from symbackprop.notation.latex_safe import refusal
from symbackprop.reading import fields, keys
from symbackprop.reading.asked import behind_d, read_partial
from symbackprop.reading.elaborate import read
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import Scope, function_names
from symbackprop.reading.syntax import Derivative, Sub
from symbackprop.reading.tokens import tokenize
from symbackprop.reading.yaml_tree import Scalar, Table, Value

_FUNCTION = re.compile(r"([^\W\d_]\w*)('*)")


@dataclass(frozen=True, slots=True)
class NotationEntry:
    """``name`` (or a ``spelling`` in a work) means ``meaning``; ``partial`` where that is a derivative."""

    name: str | None
    partial: Partial | None
    latex: str | None = None
    aliases: tuple[str, ...] = ()
    spelling: str | None = None
    meaning: str = ""

    @property
    def names_partial(self) -> bool:
        """Whether a derivative is printed under this name."""
        return self.name is not None and self.partial is not None


def read_notation(value: Value, graph: Graph) -> tuple[NotationEntry, ...]:
    """All entries, in order."""
    found: list[NotationEntry] = []
    for number, item in enumerate(fields.items(value, "notation"), 1):
        path = f"notation {number}"
        body = fields.table(item, path)
        fields.check_keys(body, keys.NOTATION, path)
        found.append(_entry(body, path, graph))
        _check_new(found, body)
    return tuple(found)


def _entry(body: Table, path: str, graph: Graph) -> NotationEntry:
    name_value, spelling, meaning = body.get("name"), body.get("spelling"), body.get("is")
    if (name_value is None and spelling is None) or meaning is None:
        raise fields.schema_error(f"{path} needs name: and is:", body, "such as {name: delta, is: dL/dz}")
    name = None if name_value is None else fields.name(name_value, f"the name of {path}")
    scalar = fields.scalar(meaning, f"is of {path}", "a derivative such as dL/dz")
    partial = _meaning(scalar, graph)
    known = (*graph.tensors, *graph.dims, *graph.functions, *function_names())
    if name is not None and name in known:
        raise fields.schema_error(f"{name} means something else already", name_value, "use another name")
    latex, aliases = body.get("latex"), body.get("aliases")
    called = name or path
    return NotationEntry(
        name, partial,
        None if latex is None else checked_latex(latex, f"the latex of {called}"),
        () if aliases is None else tuple(
            fields.line_of_text(item, f"the aliases of {called}")
            for item in fields.items(aliases, f"the aliases of {called}", single=True)
        ),
        None if spelling is None else fields.line_of_text(spelling, f"the spelling of {path}"),
        " ".join(scalar.text.split()),
    )  # fmt: skip


def checked_latex(value: Value, path: str) -> str:
    """A spelling in LaTeX; what cannot be set is an error at its place."""
    found = fields.line_of_text(value, path)
    reason = refusal(found)
    if reason is not None:
        raise fields.schema_error(f"{path} cannot be set: {reason}", value)
    return found


def _meaning(scalar: Scalar, graph: Graph) -> Partial | None:
    """The derivative an entry means; None for anything else that makes sense."""
    function = _FUNCTION.fullmatch(scalar.text.strip())
    if function is not None and function[1] in (*function_names(), *graph.functions):
        return None
    tokens = tokenize(scalar.text, scalar.origin)
    known = {*graph.tensors, *graph.dims}
    node = parse_expression(scalar.text, known | behind_d(tokens, known), scalar.origin)
    try:
        if isinstance(node, Derivative) and not any(isinstance(by, Sub) for by in (node.of, *node.by)):
            return read_partial(scalar, graph, "is")
        scope = Scope(
            graph.convention, graph.tensors, graph.dims, graph.functions, derivatives=True, free={},
            first=graph.first,
        zero=graph.zero_outside,
        )  # fmt: skip
        read(node, scope)
    except UnsupportedError:
        return None
    return None


def _check_new(found: list[NotationEntry], body: Table) -> None:
    last = found[-1]
    for earlier in found[:-1]:
        if last.name is not None and earlier.name == last.name:
            raise fields.schema_error(f"{last.name} is named twice in notation", body, "use another name")
        if last.spelling is not None and earlier.spelling == last.spelling:
            raise fields.schema_error(f"{last.spelling} stands twice in notation", body)
        if not (last.names_partial and earlier.names_partial):
            continue
        assert earlier.partial is not None
        assert last.partial is not None
        same = earlier.partial.of is last.partial.of and earlier.partial.by is last.partial.by
        if same:
            raise fields.schema_error(
                f"d{last.partial.of.name}/d{last.partial.by.name} has the name {earlier.name} already", body
            )
