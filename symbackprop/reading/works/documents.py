r"""Documents: the text of a file in, its formulas and the words between them out, with their places.

Comments, verbatim text and code are skipped; ``$``, ``$$``, ``\(``, ``\[``, fenced mathematics and bare
environments are formulas. A notebook gives the sources of its Markdown cells; places are those of the file.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from symbackprop.errors import InputError
from symbackprop.reading.works.commands import DISPLAYS
from symbackprop.reading.works.work import Span

MAX_CHARACTERS = 10_500_000
MAX_FORMULAS = 20_000


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a document: "words", "inline" or "display", from ``start`` to ``stop`` without its signs."""

    kind: str
    start: int
    stop: int
    environment: str = ""
    outside: tuple[int, int] = (0, 0)  # with its signs


@dataclass(slots=True)
class Source:
    """The text that is read, and where each of its characters stands in the file.

    ``offsets`` is None where the text is the file itself.
    """

    text: str
    raw: str
    offsets: list[int] | None = None
    _lines: list[int] = field(default_factory=list)

    def locate(self, start: int, stop: int) -> Span:
        """The place in the file of a stretch of the text."""
        if not self._lines:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.raw))]
        first, last = self._raw(start), max(self._raw(start), self._raw(max(start, stop - 1)) + 1)
        if stop <= start:
            last = first
        line, end_line = bisect_right(self._lines, first), bisect_right(self._lines, max(first, last - 1))
        return Span(
            line,
            first - self._lines[line - 1] + 1,
            end_line,
            last - self._lines[end_line - 1] + 1,
            first,
            last,
        )

    def _raw(self, offset: int) -> int:
        if self.offsets is None:
            return min(offset, len(self.raw))
        if not self.offsets:
            return 0
        return self.offsets[min(offset, len(self.offsets) - 1)]


def open_source(text: str, kind: str, file: str | None = None) -> Source:
    """The text to read. Raises InputError for what is too large, or no text, or no notebook."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"the work has {len(text)} characters; the limit is {MAX_CHARACTERS}", code="limit", file=file
        )
    if "\0" in text:
        raise InputError("the work is no text: it holds the character 0", code="io", file=file)
    if kind == "ipynb":
        return _notebook(text, file)
    return Source(text, text)


# -- notebooks

_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def _notebook(raw: str, file: str | None) -> Source:
    """The Markdown cells, one after the other, with an empty line between them."""
    pieces: list[str] = []
    offsets: list[int] = []
    for cell in _cells(raw, file):
        for start, stop in cell:
            text, places = _decoded(raw, start, stop)
            pieces.append(text)
            offsets.extend(places)
        if cell:
            pieces.append("\n\n")
            offsets.extend([cell[-1][1]] * 2)
    return Source("".join(pieces), raw, offsets)


def _cells(raw: str, file: str | None) -> Iterator[list[tuple[int, int]]]:
    """Of each Markdown cell the stretches of its source strings, without their quotes."""
    stack: list[str] = []
    keys: list[str] = []
    pending: str | None = None
    sources: list[tuple[int, int]] = []
    markdown = False
    seen = False
    for match in _JSON.finditer(raw):
        piece = match.group()
        if piece in "{[":
            stack.append(piece)
            keys.append(pending or "")
            pending = None
            if stack == ["{", "[", "{"] and keys[1] == "cells":
                sources, markdown, seen = [], False, True
        elif piece in "}]":
            if stack == ["{", "[", "{"] and keys[1] == "cells" and markdown:
                yield sources
            if stack:
                stack.pop()
                keys.pop()
            pending = None
        elif piece == ",":
            pending = None
        elif piece == ":":
            continue
        elif piece[0] == '"':
            is_key = bool(stack) and stack[-1] == "{" and pending is None
            if is_key:
                pending = piece[1:-1]
            elif len(stack) >= 3 and keys[1] == "cells":
                key = pending if len(stack) == 3 else keys[3] if len(stack) == 4 else ""
                if key == "cell_type" and len(stack) == 3:
                    markdown = piece == '"markdown"'
                elif key == "source":
                    sources.append((match.start() + 1, match.end() - 1))
    if not seen:
        raise InputError("this is no notebook: it has no cells", code="io", file=file)


def _decoded(raw: str, start: int, stop: int) -> tuple[str, list[int]]:
    """A JSON string and the offset of each character."""
    text: list[str] = []
    places: list[int] = []
    position = start
    while position < stop:
        if raw[position] == "\\":
            match = _ESCAPE.match(raw, position, stop)
            escape = match.group() if match else raw[position]
            if escape[1:2] == "u":
                text.append(chr(int(escape.removeprefix("\\u"), base=16)))
            else:
                text.append(_PLAIN.get(escape[1:2], escape[1:2] or "\\"))
            places.append(position)
            position += len(escape)
        else:
            text.append(raw[position])
            places.append(position)
            position += 1
    return "".join(text), places


# -- formulas and words

_VERBATIM = "verbatim verbatim* lstlisting minted Verbatim comment filecontents filecontents* alltt".split()
_MARK = re.compile(
    r"(?P<escape>\\[\\$%`*_#&{}])"
    r"|(?P<verb>\\verb\*?(?P<quote>[^A-Za-z*\s]))"
    r"|(?P<open>\\\[|\\\()"
    r"|(?P<begin>\\begin[ \t]*\{(?P<name>[A-Za-z]+\*?)\})"
    r"|(?P<stop>\\end[ \t]*\{document\})"
    r"|(?P<fence>(?:^|(?<=\n))[ \t]{0,3}(?P<ticks>`{3,}|~{3,})(?P<info>[^\n`]*)\n)"
    r"|(?P<tick>`+)"
    r"|(?P<dollar>\${1,2})"
    r"|(?P<comment>%[^\n]*)"
    r"|(?P<html><!--)"
)
_BODY = re.compile(r"^[^%\n`]*\\begin[ \t]*\{document\}", re.MULTILINE)
_BRACE_OR_DOLLAR = re.compile(r"\\[^A-Za-z]|[{}]|\$\$?")
_REACH = 20_000  # characters in which the end of a formula is sought outside braces


def segments(text: str, kind: str) -> Iterator[Segment]:
    """The pieces of a text, in order; words of no letters are left out."""
    if kind == "formula":
        yield from _formula(text)
        return
    begun = body_of(text)
    count = 0
    for segment in _Scanner(text, kind).formulas(begun):
        if segment.outside[0] > begun:
            yield Segment("words", begun, segment.outside[0])
        begun = segment.outside[1]
        if segment.kind != "skip":
            count += 1
            if count > MAX_FORMULAS:
                raise InputError(f"the work has more than {MAX_FORMULAS} formulas", code="limit")
            yield segment
    if begun < len(text):
        yield Segment("words", begun, len(text))


def body_of(text: str) -> int:
    r"""Where what is printed begins: behind ``\begin{document}``, if a document has that."""
    found = _BODY.search(text)
    return found.end() if found else 0


def _formula(text: str) -> Iterator[Segment]:
    """A formula as such, with or without dollar signs round it."""
    stripped = text.strip()
    start = len(text) - len(text.lstrip())
    stop = start + len(stripped)
    for left, right in (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)")):
        long = len(stripped) >= len(left) + len(right)
        if long and stripped.startswith(left) and stripped.endswith(right):
            start, stop = start + len(left), stop - len(right)
            break
    yield Segment("display", start, stop)


class _Scanner:
    """Finds formulas; what was once sought in vain is not sought again."""

    def __init__(self, text: str, kind: str) -> None:
        self.text = text
        self.markdown = kind != "tex"
        self._missing: set[str] = set()

    def formulas(self, position: int) -> Iterator[Segment]:
        """The formulas from ``position`` on."""
        while True:
            match = _MARK.search(self.text, position)
            if match is None:
                return
            position = match.end()
            segment = self._at(match)
            if segment is not None:
                position = max(position, segment.stop)
                if segment.kind != "skip":
                    position = self._behind(match, segment)
                yield replace(segment, outside=(match.start(), position))
                if segment.environment == "\0end":
                    return

    def _find(self, sought: str, start: int) -> int:
        if sought in self._missing:
            return -1
        found = self.text.find(sought, start)
        if found < 0:
            self._missing.add(sought)
        return found

    def _at(self, match: re.Match[str]) -> Segment | None:
        text, end = self.text, match.end()
        kind = match.lastgroup
        if match.group("open"):
            closer = r"\]" if match.group("open") == r"\[" else r"\)"
            stop = self._find(closer, end)
            return None if stop < 0 else Segment("display" if closer == r"\]" else "inline", end, stop)
        if match.group("dollar"):
            return self._dollar(match)
        if match.group("begin"):
            return self._environment(match)
        if match.group("comment"):
            return None if self.markdown else Segment("skip", match.start(), end)
        if match.group("verb"):
            stop = self._find(match.group("quote"), end)
            return Segment("skip", match.start(), stop + 1) if stop >= 0 else None
        if match.group("stop"):
            return Segment("skip", match.start(), len(text), "\0end")
        if match.group("html"):
            stop = self._find("-->", end)
            return Segment("skip", match.start(), stop + 3) if stop >= 0 else None
        if not self.markdown or kind == "escape":
            return None
        if match.group("fence"):
            return self._fence(match)
        if match.group("tick"):
            ticks = match.group("tick")
            paragraph = self.text.find("\n\n", end)
            stop = text.find(ticks, end, paragraph if paragraph >= 0 else len(text))
            return Segment("skip", match.start(), stop + len(ticks)) if stop >= 0 else None
        return None

    def _fence(self, match: re.Match[str]) -> Segment | None:
        stop = self._find("\n" + match.group("ticks"), match.end() - 1)
        stop = len(self.text) if stop < 0 else stop + 1
        if match.group("info").strip().lower() in ("math", "latex", "tex", "katex"):
            return Segment("display", match.end(), stop)
        return Segment("skip", match.start(), min(len(self.text), stop + len(match.group("ticks"))))

    def _dollar(self, match: re.Match[str]) -> Segment | None:
        sign, start = match.group("dollar"), match.end()
        paragraph = self.text.find("\n\n", start)
        limit = paragraph if paragraph >= 0 and sign == "$" else len(self.text)
        stop = self._closing(sign, start, limit)
        if stop < 0:
            return None
        if stop == start:
            return None
        if sign == "$" and self.markdown and self._is_money(start, stop):
            return None
        return Segment("inline" if sign == "$" else "display", start, stop)

    def _closing(self, sign: str, start: int, limit: int) -> int:
        r"""Where the formula ends: not in the braces of ``\text{if $i = j$}``, unless those stay open."""
        depth = 0
        for match in _BRACE_OR_DOLLAR.finditer(self.text, start, min(limit, start + _REACH)):
            piece = match.group()
            if piece in "{}":
                depth += 1 if piece == "{" else -1
            elif piece.startswith(sign) and depth <= 0:
                return match.start()
        position = start
        while (stop := self.text.find(sign, position, limit)) >= 0:
            if self.text[stop - 1] != "\\" or self.text[stop - 2 : stop] == "\\\\":
                break
            position = stop + 1
        return stop

    def _is_money(self, start: int, stop: int) -> bool:
        """In Markdown ``$5 and $6`` is no formula: a number behind the sign, a space before the other."""
        return self.text[start].isdigit() and self.text[stop - 1].isspace()

    def _environment(self, match: re.Match[str]) -> Segment | None:
        name = match.group("name")
        if name in _VERBATIM:
            stop = self._find(rf"\end{{{name}}}", match.end())
            return Segment("skip", match.start(), len(self.text) if stop < 0 else stop)
        if name not in DISPLAYS or name == "subequations":
            return None
        depth, position = 1, match.end()
        opening, closing = rf"\begin{{{name}}}", rf"\end{{{name}}}"
        while depth:
            stop = self._find(closing, position)
            if stop < 0:
                return None
            depth += self.text.count(opening, position, stop) - 1
            position = stop + len(closing)
        return Segment("display", match.end(), stop, name)

    def _behind(self, match: re.Match[str], segment: Segment) -> int:
        """Where to go on after a formula."""
        if segment.environment:
            return segment.stop + len(rf"\end{{{segment.environment}}}")
        if match.group("dollar"):
            return segment.stop + len(match.group("dollar"))
        if match.group("open"):
            return segment.stop + 2
        if match.group("fence"):
            return min(len(self.text), segment.stop + len(match.group("ticks")))
        return segment.stop
