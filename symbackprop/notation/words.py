"""Words of authors: Markdown with mathematics in, a small tree out; nothing is set here.

Read are paragraphs, lists (``-``, ``*``, ``1.``), fenced code, ``*emphasis*``, ``**strong**``, `` `code` ``,
``$mathematics$`` and ``$$displays$$``; a backslash before a sign takes its meaning away. Everything else
is plain text. Mathematics that ``latex_safe`` refuses is an InputError at its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from symbackprop.errors import InputError
from symbackprop.notation.latex_safe import refusal

MAX_LENGTH = 10_000
MAX_DEPTH = 3
_Locate = Callable[[int, int], tuple[int, int]]


class Words(str):  # noqa: SLOT000 (the place is an attribute)
    """A text that knows where it stands: ``locate`` maps its lines and columns to those of a file."""

    locate: _Locate | None = None
    file: str | None = None

    @staticmethod
    def at(text: str, locate: _Locate, file: str | None = None) -> Words:
        """``text``, taken from a file."""
        words = Words(text)
        words.locate, words.file = locate, file
        return words


    @staticmethod
    def joined(parts: Sequence[str]) -> Words:
        """Texts as paragraphs of one; errors are placed in the first."""
        words = Words("\n\n".join(parts))
        first = parts[0]
        if isinstance(first, Words) and first.locate is not None:
            words.locate, words.file = first.locate, first.file
        return words


def place_error(error: InputError, words: str) -> InputError:
    """The error with its place in ``words`` turned into the place in the file, where that is known."""
    if isinstance(words, Words) and words.locate is not None:
        error.line, error.column = words.locate(error.line or 1, error.column or 1)
        error.file = error.file or words.file
    else:
        error.line = error.column = None
    return error


@dataclass(frozen=True, slots=True)
class Plain:
    """Letters as they stand."""

    text: str


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Words that are set apart."""

    parts: tuple[Span, ...]
    strong: bool


@dataclass(frozen=True, slots=True)
class Code:
    """What stands between backticks."""

    text: str


@dataclass(frozen=True, slots=True)
class Math:
    """LaTeX between dollar signs, checked."""

    source: str
    display: bool


Span = Plain | Emphasis | Code | Math


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running words."""

    parts: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list; ``first`` is the number of its first item, None for one with bullets."""

    items: tuple[tuple[Block, ...], ...]
    first: int | None


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Lines of code."""

    lines: tuple[str, ...]


Block = Paragraph | Listing | CodeBlock


class _Line(NamedTuple):
    """A line of the source and the place of its first character."""

    text: str
    line: int
    column: int

    def cut(self, size: int) -> _Line:
        return _Line(self.text[size:], self.line, self.column + size)

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" "))


def read_words(words: str) -> tuple[Block, ...]:
    """The blocks of a text. Raises InputError for mathematics that cannot be set, with its place."""
    try:
        if len(words) > MAX_LENGTH:
            message = f"the text has {len(words)} characters; the limit is {MAX_LENGTH}"
            raise InputError(message, code="limit", line=1, column=1)
        lines = [_Line(text.expandtabs(4), n, 1) for n, text in enumerate(words.split("\n"), 1)]
        return tuple(_blocks(lines, 0))
    except InputError as error:
        raise place_error(error, words) from None


def is_plain(blocks: Sequence[Block]) -> bool:
    """Whether the words are at most one paragraph."""
    return len(blocks) <= 1 and all(isinstance(block, Paragraph) for block in blocks)


# Blocks

_ITEM = re.compile(r"(?P<indent> *)(?P<mark>[-*+]|(?P<number>\d{1,9})[.)])(?P<space> +)(?=\S)")
_FENCE = re.compile(r" *(```+|~~~+)[^`]*$")


def _blocks(lines: Sequence[_Line], depth: int) -> Iterator[Block]:
    place = 0
    while place < len(lines):
        line = lines[place]
        if not line.text.strip():
            place += 1
        elif _FENCE.match(line.text):
            code = _fenced(lines[place:])
            yield code
            place += len(code.lines) + 2
        elif _ITEM.match(line.text):
            listing, used = _listing(lines[place:], depth)
            yield listing
            place += used
        else:
            run = [line, *takewhile(_goes_on, lines[place + 1 :])]
            yield Paragraph(tuple(_spans([one.cut(one.indent) for one in run])))
            place += len(run)


def _fenced(lines: Sequence[_Line]) -> CodeBlock:
    """The code behind the fence in the first line."""
    head = lines[0]
    fence = head.text.strip()[:3]
    inside = takewhile(lambda one: not one.text.strip().startswith(fence), lines[1:])
    return CodeBlock(tuple(one.text[min(head.indent, one.indent) :] for one in inside))


def _goes_on(line: _Line) -> bool:
    """Whether the line continues a paragraph; only a list that begins at 1 may interrupt one."""
    item = _ITEM.match(line.text)
    begins = item is not None and item["number"] in (None, "1")
    return bool(line.text.strip()) and not begins and not _FENCE.match(line.text)


def _listing(lines: Sequence[_Line], depth: int) -> tuple[Listing, int]:
    """The list at the beginning of ``lines``, and how many lines it takes."""
    head = _ITEM.match(lines[0].text)
    assert head is not None
    if depth == MAX_DEPTH:
        raise InputError(
            f"lists are nested more than {MAX_DEPTH} deep", code="limit",
            line=lines[0].line, column=lines[0].column,
        )  # fmt: skip
    items: list[list[_Line]] = []
    width, used = 0, 0
    for line in lines:
        item = _ITEM.match(line.text)
        blank = not line.text.strip()
        if item is not None and line.indent < max(width, 1) and (item["number"] is None) == (
            head["number"] is None
        ):
            width = item.end()
            items.append([line.cut(width)])
        elif blank or line.indent >= width:
            items[-1].append(line.cut(min(width, len(line.text))))
        elif item is None and _goes_on(line) and items[-1][-1].text.strip():
            items[-1].append(line.cut(line.indent))
        else:
            break
        used += 1
    first = None if head["number"] is None else int(head["number"])
    return Listing(tuple(tuple(_blocks(item, depth + 1)) for item in items), first), used


# Spans

_MARKS = re.compile(
    r"""\\(?P<escaped>[!-/:-@\[-`{-~])
      | (?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
      | \$\$(?P<display>[^$]+)\$\$
      | \$(?=\S)(?P<math>(?:\\.|[^$\\])+)(?<=\S)\$(?!\d)
      | \*\*(?=[^\s*])(?P<strong>.+?)(?<=\S)\*\*(?!\*)
      | \*(?=[^\s*])(?P<soft>.+?)(?<=[^\s*])\*(?!\*)
      | (?<!\w)_(?=[^\s_])(?P<under>.+?)(?<=[^\s_])_(?!\w)""",
    re.VERBOSE | re.DOTALL,
)


def _spans(lines: Sequence[_Line]) -> Iterator[Span]:
    """The spans of a paragraph. Breaks between lines are kept as spaces."""
    text = "\n".join(line.text.rstrip() for line in lines)

    def place(offset: int) -> tuple[int, int]:
        line = lines[text.count("\n", 0, offset)]
        return line.line, line.column + offset - (text.rfind("\n", 0, offset) + 1)

    yield from _inline(text, 0, len(text), place)


def _inline(text: str, start: int, stop: int, place: Callable[[int], tuple[int, int]]) -> Iterator[Span]:
    plain = ""
    for match in _MARKS.finditer(text, start, stop):
        plain += text[start : match.start()]
        start = match.end()
        kind = match.lastgroup
        assert kind is not None
        if kind == "escaped":
            plain += match[kind]
            continue
        if plain:
            yield Plain(plain)
            plain = ""
        begin, end = match.span(kind)
        if kind == "code":
            yield Code(" ".join(match[kind].split("\n")))
        elif kind in ("math", "display"):
            _check(match[kind], begin, place)
            yield Math(match[kind].strip(), kind == "display")
        else:
            yield Emphasis(tuple(_inline(text, begin, end, place)), kind == "strong")
    plain += text[start:stop]
    if plain:
        yield Plain(plain)


def _check(source: str, begin: int, place: Callable[[int], tuple[int, int]]) -> None:
    reason = refusal(source)
    if reason is None:
        return
    named = re.search(r"\\(?:[A-Za-z]+|.)", reason)
    found = source.find(named.group()) if named is not None else -1
    line, column = place(begin + max(found, 0))
    raise InputError(
        f"this mathematics cannot be set: {reason}", code="syntax", line=line, column=column,
        hint=r"write a dollar sign that is not mathematics as \$",
    )  # fmt: skip
