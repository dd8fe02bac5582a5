"""The ``questions:`` of a problem file, against the names of its graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.expr import Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import did_you_mean
from symbackprop.reading import fields, keys
from symbackprop.reading.asked import read_partial
from symbackprop.reading.bodies import READERS, AskBody, DeriveBody
from symbackprop.reading.jacobian_bodies import JacobianBody
from symbackprop.reading.question import Asking, Body
from symbackprop.reading.tokens import file_of
from symbackprop.reading.values import Values
from symbackprop.reading.words import words_of
from symbackprop.reading.yaml_tree import Scalar, Table, Value, problem

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")
MAX_PARTS_DEEP = 2


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    kind         "derive", "ask", ..., or "" for one that has only parts.
    body         what is asked for, a record of its kind (``reading.bodies``); None with parts only.
    levels       None where it names none.
    in_terms_of  the letters the answer may use: tensors and derivatives; None where all may stand.
    points       with parts: of all of them together.
    space        in cm on the blank sheet.
    """

    kind: str
    id: str
    body: Body | None = None
    levels: tuple[str, ...] | None = None
    points: Fraction | None = None
    text: str | None = None
    hint: str | None = None
    via: str = "log"
    space: Fraction | None = None
    line: int | None = None
    column: int | None = None
    in_terms_of: tuple[Leaf | Partial, ...] | None = None
    parts: tuple[Question, ...] = ()
    file: str | None = None

    @property
    def target(self) -> str:
        """What is asked, as written: ``dL/dW``; of an ``ask`` the author's words."""
        return self.body.target if self.body is not None else ""

    @property
    def partial(self) -> Partial | None:
        """The derivative that is asked for, where it is one."""
        return self.body.partial if isinstance(self.body, DeriveBody) else None

    @property
    def entry(self) -> tuple[str, ...]:
        """The letters of ``dL/dW[i,j]``: the answer is one entry, in these letters."""
        return self.body.entry if isinstance(self.body, DeriveBody) else ()

    @property
    def answer(self) -> str | None:
        """The author's answer to an ``ask``."""
        return self.body.answer if isinstance(self.body, AskBody) else None

    @property
    def of(self) -> Tensor:
        """What is differentiated."""
        return self._derivative.of

    @property
    def by(self) -> Tensor:
        """What it is differentiated by."""
        return self._derivative.by

    @property
    def _derivative(self) -> Partial:
        partial = self.partial
        if partial is None:
            raise ValueError(f"the question {self.id} does not ask for a derivative")
        return partial

    @property
    def all(self) -> Iterator[Question]:
        """This question and its parts, in order."""
        yield self
        for part in self.parts:
            yield from part.all

    @property
    def worth(self) -> Fraction | None:
        """The points, with those of the parts where it states none itself."""
        if self.points is not None:
            return self.points
        worths = [worth for part in self.parts if (worth := part.worth) is not None]
        return sum(worths, Fraction(0)) if worths else None


def read_levels(value: Value, path: str) -> tuple[str, ...]:
    """One level or a list of levels."""
    levels = []
    for item in fields.items(value, path, single=True):
        level = fields.choice(item, path, keys.LEVELS)
        levels.append(level)
    if not levels or len(set(levels)) != len(levels):
        raise fields.schema_error(f"{path} must name each level once", value)
    return tuple(levels)


@dataclass(slots=True)
class _Reader:
    """Reads the questions of one file; ids are unique in it."""

    graph: Graph
    names: dict[str, Partial]
    values: Values
    taken: dict[str, str]

    def questions(self, value: Value, path: str, above: str | None, depth: int) -> tuple[Question, ...]:
        found = []
        for number, item in enumerate(fields.items(value, path), 1):
            given = _number(number, depth)
            default = f"q{number}" if above is None else f"{above}.{given}"
            name = f"question {number}" if above is None else f"part {given} of {above}"
            found.append(self.question(fields.table(item, name), name, default, depth))
        return tuple(found)

    def question(self, body: Table, path: str, default: str, depth: int) -> Question:
        kind = _kind(body, path)
        question_id = _id(body, default)
        if question_id in self.taken:
            raise fields.schema_error(
                f"the id {question_id} stands twice, first at {self.taken[question_id]}",
                body,
                "use another id",
            )
        self.taken[question_id] = path
        parts = self._parts(body, question_id, depth)
        level, via = body.get("level"), body.get("via")
        asked = READERS[kind](Asking(kind, body, path, self.graph, self.names, self.values)) if kind else None
        levels = None if level is None else read_levels(level, f"the level of {path}")
        levels = _with_dims(levels, body, path)
        found = Question(
            kind, question_id, asked,
            ("index",) if levels is None and _asks_for_an_entry(asked) else levels,
            _amount(body, "points", path), words_of(body, "text", path), words_of(body, "hint", path),
            "log" if via is None else fields.choice(via, f"via of {path}", keys.ROADS),
            _amount(body, "space", path),
            body.at.line if body.at else None, body.at.column if body.at else None,
            in_terms_of=self._letters(body, path),
            parts=parts,
            file=file_of(body.at),
        )  # fmt: skip
        _check_points(found, body, path)
        return found

    def _parts(self, body: Table, question_id: str, depth: int) -> tuple[Question, ...]:
        value = body.get("parts")
        if value is None:
            return ()
        if depth == MAX_PARTS_DEEP:
            raise fields.schema_error("parts of parts have no parts of their own", value)
        parts = self.questions(value, f"the parts of {question_id}", question_id, depth + 1)
        if not parts:
            raise fields.schema_error(f"{question_id} has parts: without a part", value, "write questions")
        return parts

    def _letters(self, body: Table, path: str) -> tuple[Leaf | Partial, ...] | None:
        value = body.get("in_terms_of")
        if value is None:
            return None
        found: list[Leaf | Partial] = []
        for item in fields.items(value, f"in_terms_of of {path}", single=True):
            name = fields.scalar(item, f"in_terms_of of {path}", "a list of names")
            expr = self._letter(name)
            if expr is not None:
                found.append(expr)
        return tuple(found)

    def _letter(self, name: Scalar) -> Leaf | Partial | None:
        """A symbol, a derivative or its name; None for dims and functions, which may always stand."""
        text, graph = name.text.strip(), self.graph
        if text in graph.tensors:
            return Leaf(graph.tensors[text])
        if text in self.names:
            return self.names[text]
        if text in graph.dims or text in graph.functions:
            return None
        if "/" in text:
            return read_partial(name, graph, "a letter of in_terms_of")
        known = (*graph.tensors, *self.names, *graph.dims)
        raise problem(f"unknown symbol {text}", name.at, did_you_mean(text, known), "unknown-symbol")


def _with_dims(levels: tuple[str, ...] | None, body: Table, path: str) -> tuple[str, ...] | None:
    """Who names sizes asks for level entries."""
    dims = body.get("dims")
    if dims is None:
        return levels
    if levels is not None and "entries" not in levels:
        message = f"dims of {path} belongs to level entries, but the level is {' and '.join(levels)}"
        raise fields.schema_error(message, dims, "level: entries")
    return levels or ("entries",)


def _asks_for_an_entry(body: Body | None) -> bool:
    """Whether the answer is one entry, in letters of the question."""
    if isinstance(body, JacobianBody):
        return body.entry != (None, None) and not body.lines and not body.by_default
    return isinstance(body, DeriveBody) and bool(body.entry)


def read_questions(
    value: Value, graph: Graph, names: dict[str, Partial] | None = None, values: Values | None = None
) -> tuple[Question, ...]:
    """All questions, in order; ids are q1, q2, ..., of parts q1.a, q1.b, ... where none is given.

    ``names`` are the names of derivatives that ``notation:`` gives, ``values`` the numbers of the file.
    """
    return _Reader(graph, names or {}, values or Values(), {}).questions(value, "questions", None, 0)


def _number(number: int, depth: int) -> str:
    """``a``, ``b`` for parts; ``i``, ``ii`` for parts of parts."""
    if depth == 1 and number <= 26:
        return "abcdefghijklmnopqrstuvwxyz"[number - 1]
    return _ROMAN[number - 1] if depth > 1 and number <= len(_ROMAN) else str(number)


def _kind(body: Table, path: str) -> str:
    """The kind of a question; "" for one that has only parts."""
    fields.check_keys(body, (*keys.KINDS, *keys.QUESTION), path)
    kinds = [key for key, _ in body.entries if key.text in keys.KINDS]
    if not kinds and body.get("parts") is not None:
        for key, _ in body.entries:
            if key.text in keys.OF_KIND or key.text == "in_terms_of":
                raise fields.schema_error(f"{key.text} belongs to a question, but {path} has only parts", key)
        return ""
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
        if kind in keys.OF_DERIVATIVES.get(key.text, ()):
            raise fields.schema_error(f"{key.text} does not belong to a question of the kind {kind}", key)
    return kind


def _id(body: Table, default: str) -> str:
    value = body.get("id")
    if value is None:
        return default
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


def _check_points(question: Question, body: Table, path: str) -> None:
    """The points of the parts add up to those of the question; a part without points may have the rest."""
    worths = [part.worth for part in question.parts]
    if question.points is None or not any(worth is not None for worth in worths):
        return
    total = sum((worth for worth in worths if worth is not None), Fraction(0))
    complete = not question.kind and None not in worths
    if total > question.points or (complete and total != question.points):
        verb = "add up to"
        raise fields.schema_error(
            f"the points of the parts of {path} {verb} {total}, but {path} has {question.points}",
            body.get("points"),
            "leave out the points of one of the two",
        )
