"""The ``questions:`` of a problem file, against the names of its graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from symbackprop.core.expr import Element, Expr, Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.words import Words, read_words
from symbackprop.reading import fields, keys
from symbackprop.reading.elaborate import read
from symbackprop.reading.families import written_out
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Derivative, Name, Sub, show
from symbackprop.reading.tokens import Token, fail, file_of, tokenize
from symbackprop.reading.yaml_tree import Scalar, Table, Value, problem

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")
MAX_PARTS_DEEP = 2


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    kind         "derive", "ask", or "" for one that has only parts.
    target       what is asked, as written: ``dL/dW``; of an ``ask`` the author's words.
    partial      the derivative that is asked for, or None.
    levels       None where it names none.
    answer       the author's answer to an ``ask``.
    in_terms_of  the letters the answer may use: tensors and derivatives; None where all may stand.
    points       with parts: of all of them together.
    space        in cm on the blank sheet.
    entry        the letters of ``dL/dW[i,j]``: the answer is one entry, in these letters.
    """

    kind: str
    id: str
    target: str
    partial: Partial | None = None
    levels: tuple[str, ...] | None = None
    points: Fraction | None = None
    text: str | None = None
    hint: str | None = None
    via: str = "log"
    space: Fraction | None = None
    line: int | None = None
    column: int | None = None
    answer: str | None = None
    in_terms_of: tuple[Leaf | Partial, ...] | None = None
    parts: tuple[Question, ...] = ()
    file: str | None = None
    entry: tuple[str, ...] = ()

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
        if self.partial is None:
            raise ValueError(f"the question {self.id} does not ask for a derivative")
        return self.partial

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


def read_partial(value: Scalar, graph: Graph, path: str) -> Partial:
    """The derivative ``dL/dW`` a text spells; both names must exist, and L must be a scalar."""
    partial, entry = read_asked(value, graph, path)
    if entry:
        raise fields.later("the derivative by one entry", value, "leave out the indices")
    return partial


def read_asked(value: Scalar, graph: Graph, path: str) -> tuple[Partial, tuple[str, ...]]:
    """``dL/dW``, or ``dL/dW[i,j]`` with the letters of its entry."""
    tokens = tokenize(value.text, value.origin)
    known = {*graph.tensors, *graph.families, *graph.dims}
    node = parse_expression(value.text, known | behind_d(tokens, known), value.origin)
    if not isinstance(node, Derivative):
        raise fail(f"{path} must be a derivative such as dL/dW, not {show(node)}", node.at, None, "schema")
    node = written_out(node, graph.families)
    assert isinstance(node, Derivative)
    scope = Scope(graph.convention, graph.tensors, graph.dims, graph.functions, derivatives=True)
    letters: tuple[str, ...] = ()
    if any(isinstance(by, Sub) for by in node.by):
        letters = _entry_letters(node, known, value)
        node = replace(node, by=tuple(by.base if isinstance(by, Sub) else by for by in node.by))
    partial = read(node, scope)
    assert not isinstance(partial, Element)
    assert isinstance(partial, Partial)
    if letters and len(letters) != len(partial.by.index_axes):
        shape = " x ".join(str(dim) for dim in partial.by.shape) or "a scalar"
        raise fail(
            f"{partial.by.name} is {shape}, but {len(letters)} indices are given", node.at,
            f"write one letter for each axis, or d{partial.of.name}/d{partial.by.name}", "shape",
        )  # fmt: skip
    return partial, letters


def _entry_letters(node: Derivative, known: Collection[str], value: Scalar) -> tuple[str, ...]:
    """The letters of the slots; fixed positions such as W[1,2] are not supported yet."""
    slots = [slot for by in node.by if isinstance(by, Sub) for slot in by.slots]
    names = [slot.name for slot in slots if isinstance(slot, Name)]
    if len(names) != len(slots):
        raise fields.later("the derivative by an entry at a fixed place", value, "write dL/dW[i,j]")
    for slot in slots:
        if isinstance(slot, Name) and slot.name in known:
            raise fail(f"{slot.name} is a name of the file and cannot be an index", slot.at, "another letter")
    if len(set(names)) != len(names):
        raise fields.later("the derivative by an entry of the diagonal", value, "write dL/dW[i,j]")
    return tuple(names)


def behind_d(tokens: tuple[Token, ...], known: Collection[str]) -> set[str]:
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


@dataclass(slots=True)
class _Reader:
    """Reads the questions of one file; ids are unique in it."""

    graph: Graph
    names: dict[str, Partial]
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
        target, partial, entry = self._target(body, kind, path)
        levels = None if level is None else read_levels(level, f"the level of {path}")
        found = Question(
            kind, question_id, target, partial,
            ("index",) if levels is None and entry else levels,
            _amount(body, "points", path), words_of(body, "text", path), words_of(body, "hint", path),
            "log" if via is None else fields.choice(via, f"via of {path}", keys.ROADS),
            _amount(body, "space", path),
            body.at.line if body.at else None, body.at.column if body.at else None,
            answer=words_of(body, "answer", path),
            in_terms_of=self._letters(body, path),
            parts=parts,
            file=file_of(body.at),
            entry=entry,
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

    def _target(self, body: Table, kind: str, path: str) -> tuple[str, Partial | None, tuple[str, ...]]:
        if not kind:
            return "", None, ()
        if kind == "ask":
            words = words_of(body, kind, path)
            if words is None:
                raise fields.schema_error(f"{path} asks nothing", body)
            return words, None, ()
        target = fields.scalar(body.get(kind) or body, f"{kind} of {path}", "a derivative such as dL/dW")
        partial, entry = read_asked(target, self.graph, kind)
        return " ".join(target.text.split()), partial, entry

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


def read_questions(
    value: Value, graph: Graph, names: dict[str, Partial] | None = None
) -> tuple[Question, ...]:
    """All questions, in order; ids are q1, q2, ..., of parts q1.a, q1.b, ... where none is given.

    ``names`` are the names of derivatives that ``notation:`` gives.
    """
    return _Reader(graph, names or {}, {}).questions(value, "questions", None, 0)


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
        if kind == "ask" and key.text in keys.OF_DERIVATIVES:
            raise fields.schema_error(f"{key.text} does not belong to a question of the kind ask", key)
    if kind in keys.LATER_KINDS:
        raise fields.later(f"a question of the kind {kind}", kinds[0])
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


def words_of(body: Table, key: str, path: str) -> Words | None:
    """Markdown with mathematics; mathematics that cannot be set is an error at its place."""
    value = body.get(key)
    if value is None:
        return None
    return read_checked(fields.scalar(value, f"{key} of {path}", "a text"))


def read_checked(value: Scalar) -> Words:
    """The words of a value, which know their place."""
    origin = value.origin

    def locate(line: int, column: int) -> tuple[int, int]:
        return origin.place(line, column)

    words = Words.at(value.text, locate, origin.file)
    try:
        read_words(words)
    except InputError as error:
        if value.at is None:  # from Python data: there is no file
            error.line = error.column = None
        raise
    return words


def letters_of(expr: Expr) -> Iterator[Leaf | Partial]:
    """The symbols and derivatives in a formula, numbers such as pi left out."""
    for node in expr.walk():
        if isinstance(node, Partial) or (isinstance(node, Leaf) and not _is_number(node.tensor)):
            yield node


def _is_number(tensor: Tensor) -> bool:
    return tensor.value is not None or tensor.numpy_value is not None
