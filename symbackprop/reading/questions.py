"""The ``questions:`` and ``notation:`` of a problem file, against the names of its graph."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.expr import Element, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError
from symbackprop.reading import fields, keys
from symbackprop.reading.elaborate import read
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import Scope, function_names
from symbackprop.reading.syntax import Derivative, Sub, show
from symbackprop.reading.tokens import Token, fail, tokenize
from symbackprop.reading.yaml_tree import Scalar, Table, Value


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``levels`` is None where it names none; ``space`` is in cm on the blank sheet."""

    kind: str
    id: str
    target: str
    of: Tensor
    by: Tensor
    levels: tuple[str, ...] | None = None
    points: Fraction | None = None
    text: str | None = None
    hint: str | None = None
    via: str = "log"
    space: Fraction | None = None
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class NotationEntry:
    """A name for a derivative: ``delta`` is dL/dz, printed as ``latex``."""

    name: str
    partial: Partial
    latex: str | None = None
    aliases: tuple[str, ...] = ()


def read_partial(value: Scalar, graph: Graph, path: str) -> Partial:
    """The derivative ``dL/dW`` a text spells; both names must exist, and L must be a scalar."""
    tokens = tokenize(value.text, value.origin)
    known = {*graph.tensors, *graph.dims}
    node = parse_expression(value.text, known | _behind_d(tokens, known), value.origin)
    if not isinstance(node, Derivative):
        raise fail(f"{path} must be a derivative such as dL/dW, not {show(node)}", node.at, None, "schema")
    scope = Scope(graph.convention, graph.tensors, graph.dims, graph.functions, derivatives=True)
    if any(isinstance(by, Sub) for by in node.by):
        raise fields.later("the derivative by one entry", value, "leave out the indices")
    partial = read(node, scope)
    assert not isinstance(partial, Element)
    assert isinstance(partial, Partial)
    return partial


def _behind_d(tokens: tuple[Token, ...], known: Collection[str]) -> set[str]:
    """What stands behind a ``d``: in a question dQ/dW is a derivative even if Q is unknown."""
    names = {token.text for token in tokens if token.kind == "name" and token.text not in known}
    return {name[2:] if name[1:2] == "2" else name[1:] for name in names if name.startswith("d")}


def read_levels(value: Value, path: str) -> tuple[str, ...]:
    """One level or a list of levels."""
    levels = []
    for item in fields.items(value, path, single=True):
        level = fields.choice(item, path, keys.LEVELS)
        if level in keys.LATER_LEVELS:
            raise fields.later(f"the level {level}", item)
        levels.append(level)
    if not levels or len(set(levels)) != len(levels):
        raise fields.schema_error(f"{path} must name each level once", value)
    return tuple(levels)


def read_questions(value: Value, graph: Graph) -> tuple[Question, ...]:
    """All questions, in order; ids are q1, q2, ... where none is given."""
    questions: list[Question] = []
    taken: dict[str, int] = {}
    for number, item in enumerate(fields.items(value, "questions"), 1):
        question = _question(fields.table(item, f"question {number}"), number, graph)
        if question.id in taken:
            raise fields.schema_error(
                f"the id {question.id} stands twice, first at question {taken[question.id]}",
                item,
                "use another id",
            )
        taken[question.id] = number
        questions.append(question)
    return tuple(questions)


def _question(body: Table, number: int, graph: Graph) -> Question:
    path = f"question {number}"
    fields.check_keys(body, (*keys.KINDS, *keys.QUESTION), path)
    kinds = [key for key, _ in body.entries if key.text in keys.KINDS]
    if len(kinds) != 1:
        found = " and ".join(key.text for key in kinds) or "none"
        raise fields.schema_error(
            f"{path} must ask for one thing, found {found}",
            kinds[1] if kinds else body,
            "such as derive: dL/dW",
        )
    kind = kinds[0].text
    for key, _ in body.entries:
        if key.text in keys.OF_KIND and kind not in keys.OF_KIND[key.text]:
            raise fields.schema_error(f"{key.text} does not belong to a question of the kind {kind}", key)
    if kind in keys.LATER_KINDS:
        raise fields.later(f"a question of the kind {kind}", kinds[0])
    for key, _ in body.entries:
        if key.text in keys.LATER_QUESTION:
            raise fields.later(keys.LATER_QUESTION[key.text], key)
    target = fields.scalar(body.get(kind) or body, f"{kind} of {path}", "a derivative such as dL/dW")
    partial = read_partial(target, graph, kind)
    level, via = body.get("level"), body.get("via")
    at = body.at
    return Question(
        kind, _id(body, number), " ".join(target.text.split()), partial.of, partial.by,
        None if level is None else read_levels(level, f"the level of {path}"),
        _amount(body, "points", path), _text(body, "text", path), _text(body, "hint", path),
        "log" if via is None else fields.choice(via, f"via of {path}", keys.ROADS),
        _amount(body, "space", path),
        at.line if at else None, at.column if at else None,
    )  # fmt: skip


def _id(body: Table, number: int) -> str:
    value = body.get("id")
    if value is None:
        return f"q{number}"
    found = fields.scalar(value, "id", "a word").text
    if not found or not all(char.isalnum() or char in "_-." for char in found) or not found[0].isalnum():
        raise fields.schema_error(f"the id {found!r} must be made of letters, digits, - _ and .", value)
    return found


def _amount(body: Table, key: str, path: str) -> Fraction | None:
    value = body.get(key)
    if value is None:
        return None
    amount = fields.number(value, f"{key} of {path}")
    if amount < 0:
        raise fields.schema_error(f"{key} of {path} must not be negative", value)
    return amount


def _text(body: Table, key: str, path: str) -> str | None:
    value = body.get(key)
    return None if value is None else fields.text(value, f"{key} of {path}")


# -- notation


def read_notation(value: Value, graph: Graph) -> tuple[NotationEntry, ...]:
    """The named derivatives; other kinds of notation are refused by name."""
    found: list[NotationEntry] = []
    for number, item in enumerate(fields.items(value, "notation"), 1):
        body = fields.table(item, f"notation {number}")
        fields.check_keys(body, keys.NOTATION, f"notation {number}")
        if body.get("spelling") is not None:
            raise fields.later("notation with spelling:", body, "write name: and latex:")
        found.append(_notation(body, number, graph))
        _check_new(found, body)
    return tuple(found)


def _notation(body: Table, number: int, graph: Graph) -> NotationEntry:
    path = f"notation {number}"
    name_value, meaning = body.get("name"), body.get("is")
    if name_value is None or meaning is None:
        raise fields.schema_error(f"{path} needs name: and is:", body, "such as {name: delta, is: dL/dz}")
    name = fields.name(name_value, f"the name of {path}")
    scalar = fields.scalar(meaning, f"is of {path}", "a derivative such as dL/dz")
    partial = _named_partial(scalar, graph)
    if name in graph.tensors or name in graph.dims or name in graph.functions or name in function_names():
        raise fields.schema_error(f"{name} means something else already", name_value, "use another name")
    latex, aliases = body.get("latex"), body.get("aliases")
    return NotationEntry(
        name, partial,
        None if latex is None else fields.line_of_text(latex, f"the latex of {name}"),
        () if aliases is None else tuple(
            fields.line_of_text(item, f"the aliases of {name}")
            for item in fields.items(aliases, name, single=True)
        ),
    )  # fmt: skip


def _named_partial(scalar: Scalar, graph: Graph) -> Partial:
    try:
        return read_partial(scalar, graph, "is")
    except InputError as error:
        if error.code == "schema":
            raise fields.later("notation for anything but a derivative dL/dz", scalar) from None
        raise


def _check_new(found: list[NotationEntry], body: Table) -> None:
    last = found[-1]
    for earlier in found[:-1]:
        if earlier.name == last.name:
            raise fields.schema_error(f"{last.name} is named twice in notation", body, "use another name")
        same = earlier.partial.of is last.partial.of and earlier.partial.by is last.partial.by
        if same:
            raise fields.schema_error(
                f"d{last.partial.of.name}/d{last.partial.by.name} has the name {earlier.name} already", body
            )
