"""A YAML text as a tree of positioned values: YAML 1.2 without tags, anchors, aliases and merge keys.

Every scalar is text here; what it means (a number, true, a name) is decided by ``fields`` when a
key asks for it, so that ``1e-5``, ``1/3`` and ``no`` mean what a person expects. Errors are
``InputError`` with code "yaml" or "limit" and the place in the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from symbackprop.errors import InputError
from symbackprop.reading.tokens import FilePlace, Origin, Place, file_of

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_EVENTS = 50_000
_SINGLE_QUOTES = "use single quotes: in double quotes \\b, \\n, \\t and others are control characters"
# TeX commands whose first letters a double-quoted YAML string turns into a newline or a tab.
_TEX_N_T = frozenset(
    "nabla nu ne neq ni not notin norm theta tau times tan tanh text textbf textit textrm tilde to top "
    "tfrac tr triangle".split()
)
_ESCAPE = re.compile(r"\\([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the file; ``at`` is None for data that came from Python."""

    at: Place | None


@dataclass(frozen=True, slots=True)
class Scalar(Value):
    """Text. ``plain`` says that it was not quoted; ``origin`` maps places inside it to the file."""

    text: str
    plain: bool
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class Items(Value):
    """A list."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table(Value):
    """A mapping, in the order of the file; keys are distinct."""

    entries: tuple[tuple[Scalar, Value], ...]

    def get(self, key: str) -> Value | None:
        """The value of a key, or None."""
        return next((value for name, value in self.entries if name.text == key), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in order."""
        return tuple(name.text for name, _ in self.entries)


def in_file(value: Value, file: str) -> Value:
    """The same tree, every place of which knows its file."""
    at = FilePlace.of(file, value.at) if value.at is not None else None
    if isinstance(value, Table):
        entries = tuple((_scalar_in(key, file), in_file(entry, file)) for key, entry in value.entries)
        return Table(at, entries)
    if isinstance(value, Items):
        return Items(at, tuple(in_file(item, file) for item in value.items))
    assert isinstance(value, Scalar)
    return _scalar_in(value, file)


def _scalar_in(value: Scalar, file: str) -> Scalar:
    at = FilePlace.of(file, value.at) if value.at is not None else None
    return Scalar(at, value.text, value.plain, replace(value.origin, file=file))


def problem(message: str, at: Place | None, hint: str | None = None, code: str = "yaml") -> InputError:
    """An error at a place of the file."""
    line, column = at if at is not None else (None, None)
    return InputError(message, code=code, file=file_of(at), line=line, column=column, hint=hint)


def decode(data: bytes) -> str:
    """The text of a file; binary input and files that are too large are refused."""
    if len(data) > MAX_BYTES:
        raise problem(f"the file has {len(data)} bytes; the limit is {MAX_BYTES}", None, None, "limit")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        at = Place(before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1)
        raise problem("the file is not UTF-8 text", at, "a problem file is a YAML text") from None
    return text


def parse_yaml(text: str) -> Value:
    """The tree of a YAML text with one document."""
    if len(text) > MAX_BYTES:
        raise problem(f"the text has {len(text)} characters; the limit is {MAX_BYTES}", None, None, "limit")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        return _build(YAML(typ="safe", pure=True).parse(io.StringIO(text)), text)
    except MarkedYAMLError as error:
        raise _malformed(error, text) from None
    except ReaderError as error:
        position = int(error.position) if isinstance(error.position, int) else 0
        raise problem(
            f"the control character U+{_code(error.character):04X} cannot stand in a problem file",
            _place_of(text, position),
            "a problem file is a YAML text",
        ) from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise problem(f"the YAML cannot be read: {_first_line(error)}", None) from None


def _code(character: Any) -> int:
    return ord(character) if isinstance(character, str) and len(character) == 1 else int(character)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _place_of(text: str, position: int) -> Place:
    before = text[:position]
    return Place(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def _malformed(error: MarkedYAMLError, text: str) -> InputError:
    mark = error.problem_mark or error.context_mark
    at = Place(mark.line + 1, mark.column + 1) if mark is not None else None
    what = (error.problem or error.context or "malformed").strip()
    escape = "escape" in what
    if escape and mark is not None:
        start = text.rfind("\\", 0, mark.index + 1)
        at = _place_of(text, start) if start >= 0 else at
        found = _ESCAPE.match(text, max(start, 0))
        shown = found.group(0) if found else "\\"
        return problem(f"{shown} cannot stand in double quotes", at, "use single quotes")
    hint = "quote the value if it holds `: `, `#`, or begins with one of [ ] { } , & * ! | > % @ `"
    if mark is not None and "\t" in text[mark.index : mark.index + 1]:
        hint = "indent with spaces, not with tabs"
    return problem(f"malformed YAML: {what}", at, hint)


class _Frame:
    """A collection being built."""

    def __init__(self, at: Place, mapping: bool) -> None:
        self.at = at
        self.mapping = mapping
        self.values: list[Value] = []
        self.lines: dict[str, object] = {}

    def finish(self) -> Value:
        if not self.mapping:
            return Items(self.at, tuple(self.values))
        entries: list[tuple[Scalar, Value]] = []
        for key, value in zip(self.values[::2], self.values[1::2], strict=True):
            assert isinstance(key, Scalar)
            entries.append((key, value))
        return Table(self.at, tuple(entries))

    def add(self, value: Value) -> None:
        """Append; a key must be a scalar that is not there yet."""
        if self.mapping and len(self.values) % 2 == 0:
            if not isinstance(value, Scalar):
                raise problem("a key must be a word", value.at)
            if value.text == "<<" and value.plain:
                raise problem("merge keys (<<) are not read", value.at, "write the keys out")
            if value.text in self.lines:
                first = self.lines[value.text]
                raise problem(f"the key {value.text} stands twice, first in line {first}", value.at)
            self.lines[value.text] = value.at.line if value.at else None
        self.values.append(value)


def _build(events: Iterator[Any], text: str) -> Value:
    stack: list[_Frame] = []
    root: Value | None = None
    documents = 0
    for count, event in enumerate(events):
        mark = event.start_mark
        at = Place(mark.line + 1, mark.column + 1)
        _refuse(event, at)
        if count > MAX_EVENTS:
            raise problem(f"the file holds more than {MAX_EVENTS} values", at, None, "limit")
        done: Value | None = None
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise problem("a problem file holds one document", at, "drop the line ---")
        elif isinstance(event, ScalarEvent):
            done = _scalar(event, at, text)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            if len(stack) >= MAX_DEPTH:
                raise problem(f"the file is nested more than {MAX_DEPTH} deep", at, None, "limit")
            stack.append(_Frame(at, isinstance(event, MappingStartEvent)))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            done = stack.pop().finish()
        if done is not None:
            if stack:
                stack[-1].add(done)
            else:
                root = done
    return root if root is not None else Scalar(Place(1, 1), "", True)


def _refuse(event: Any, at: Place) -> None:
    if isinstance(event, AliasEvent):
        raise problem(f"aliases (*{event.anchor}) are not read", at, "write the value out, or quote the text")
    if getattr(event, "anchor", None) is not None:
        raise problem(f"anchors (&{event.anchor}) are not read", at, "drop the anchor, or quote the text")
    tag = getattr(event, "tag", None)
    if tag is not None and isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
        raise problem(f"tags ({tag}) are not read", at, "drop the tag, or quote the text")


def _scalar(event: Any, at: Place, text: str) -> Scalar:
    style = event.style or ""
    value: str = event.value
    if style == '"':
        _check_escapes(
            value, text[event.start_mark.index : event.end_mark.index], event.start_mark.index, text
        )
    for char in value:
        if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160 or char in "\u2028\u2029":
            raise problem(f"the text holds the control character U+{ord(char):04X}", at, _SINGLE_QUOTES)
    if style in ("|", ">"):
        return Scalar(at, value, False, _block_origin(event, text))
    quoted = style in ("'", '"')
    return Scalar(at, value, not quoted, Origin(None, at.line, 0, at.column - 1 + quoted))


def _check_escapes(value: str, raw: str, start: int, text: str) -> None:
    r"""Refuse "\beta": the first escape that makes a control character, or is a TeX command."""
    for found in re.finditer(r"\\(.)([A-Za-z]*)", raw, re.DOTALL):
        letter, rest = found.group(1), found.group(2)
        makes_control = letter in "0abvferNLP_" or letter in "xuU"
        if makes_control or (letter in "nt" and letter + rest in _TEX_N_T):
            raise problem(
                f"\\{letter}{rest} in double quotes is a control character",
                _place_of(text, start + found.start()),
                "use single quotes",
            )


def _block_origin(event: Any, text: str) -> Origin:
    """Where the lines of a block scalar stand in the file."""
    first_line = event.start_mark.line + 2
    raw = text[event.start_mark.index : event.end_mark.index].split("\n")[1:]
    for raw_line, line in zip(raw, event.value.split("\n"), strict=False):
        if line.strip():
            return Origin(None, first_line, len(raw_line) - len(line))
    return Origin(None, first_line)


def from_python(data: object) -> Value:
    """The same tree from Python data: mappings, sequences, text, numbers, booleans, None."""
    return _from_python(data, 0)


def _from_python(data: object, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise problem(f"the data is nested more than {MAX_DEPTH} deep", None, None, "limit")
    if data is None:
        return Scalar(None, "null", True)
    if isinstance(data, bool):
        return Scalar(None, str(data).lower(), True)
    if isinstance(data, str):
        return Scalar(None, data, False)
    if isinstance(data, int | float | Fraction):
        return Scalar(None, str(data), True)
    if isinstance(data, Mapping):
        entries = []
        for key, value in data.items():
            if not isinstance(key, str):
                raise problem(f"the key {key!r} is not a text", None, None, "schema")
            entries.append((Scalar(None, key, False), _from_python(value, depth + 1)))
        return Table(None, tuple(entries))
    if isinstance(data, Sequence) or hasattr(data, "tolist"):
        items = data.tolist() if hasattr(data, "tolist") else data
        if not isinstance(items, Sequence):
            return _from_python(items, depth + 1)
        return Items(None, tuple(_from_python(item, depth + 1) for item in items))
    raise problem(f"a value of type {type(data).__name__} cannot stand in a problem", None, None, "schema")
