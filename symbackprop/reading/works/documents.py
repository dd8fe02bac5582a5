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
from symbackprop.reading.works.notebooks import markdown_of
from symbackprop.reading.works.work import Span

MAX_CHARACTERS = 10_500_000
MAX_FORMULAS = 20_000
MAX_SKIPPED = 200_000


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
        cells, offsets = markdown_of(text, file)
        return Source(_unquoted(cells), text, offsets)
    return Source(_unquoted(text) if kind == "md" else text, text)


def _unquoted(text: str) -> str:
    """Markdown without the ``>`` before the lines of a quotation with formulas in it; as long as before."""

    def plain(hit: re.Match[str]) -> str:
        if not _HAS_FORMULA.search(hit[0]) or hit[0].count("$$") % 2:
            return hit[0]
        return _QUOTES.sub(lambda one: " " * len(one[0]), hit[0])

    return _QUOTED.sub(plain, text)


# -- formulas and words

_QUOTED = re.compile(r"(?:(?:^|(?<=\n))[ \t]{0,3}>[^\n]*(?:\n|$))+")
_QUOTES = re.compile(r"(?:^|(?<=\n))[ \t]{0,3}(?:>[ \t]?)+")
_HAS_FORMULA = re.compile(r"\$|\\\[|\\begin")
_VERBATIM = (
    "verbatim verbatim* lstlisting minted Verbatim comment filecontents filecontents* alltt tikzpicture "
    "tikzcd pspicture forest"
).split()
_MARK = re.compile(
    r"(?P<twice>\\\\[\[(](?![0-9. ]*(?:ex|em|pt|cm|mm)\]))"
    r"|(?P<escape>\\[\\$%`*_#&{}])"
    r"|(?P<verb>\\(?:verb\*?|lstinline|mintinline\{[a-z]*\})(?P<quote>[^A-Za-z*\s]))"
    r"|(?P<open>\\\[|\\\()"
    r"|(?P<begin>\\begin[ \t]*\{(?P<name>[A-Za-z]+\*?)\})"
    r"|(?P<stop>\\end[ \t]*\{document\})"
    r"|(?P<never>\\if(?:false|0)(?![A-Za-z]))"
    r"|(?P<fence>(?:^|(?<=\n))[ \t]{0,8}(?P<ticks>`{3,}|~{3,}|:{3,}(?=\{math\}))(?P<info>[^\n`]*)\n)"
    r"|(?P<rst>(?:^|(?<=\n))(?P<indent>[ \t]*)\.\. math::)"
    r"|(?P<role>(?::math:|\{math\})`)"
    r"|(?P<tick>`+)"
    r"|(?P<dollar>\${1,2})"
    r"|(?P<comment>%[^\n]*)"
    r"|(?P<html><!--|<(?P<tag>pre|code|style|script|annotation)\b[^<>]*>)"
    r"|(?P<shortcode>\{\{[<%][ \t]*(?P<hugo>katex|math|displaymath|mathjax|latex)\b[^<>%]*[>%]\}\}"
    r"|\{%-?[ \t]*(?P<jekyll>highlight|comment|raw)\b[^%]*%\})"
)
_BODY = re.compile(r"^[^%\n`]*\\begin[ \t]*\{document\}", re.MULTILINE)
_BRACE_OR_DOLLAR = re.compile(r"\\[^A-Za-z]|[{}]|\$\$?")
_REACH = 20_000  # characters in which the end of a formula is sought outside braces
_MATH_INFO = re.compile(r"^\{?\.?(?:math|latex|tex|katex|=latex|=tex)\b", re.IGNORECASE)
_OPTION_LINE = re.compile(r"[ \t]*:[a-z]+:[^\n]*\n")
_HEADING = re.compile(
    r"\n[ \t]*\n[ \t]*(?:#{1,6}[ \t]|```|\\(?:sub)*section|\\begin\{document)"
    r"|\n#{1,6}[ \t]+[A-Z\u3400-\u9fff]"
)
_PIECE_OF_A_DOCUMENT = re.compile(r"\\(?:documentclass|section|usepackage)|\\begin\{document\}|\$")


def segments(text: str, kind: str) -> Iterator[Segment]:
    """The pieces of a text, in order; words of no letters are left out."""
    if kind == "formula":
        yield from _formula(text)
        return
    begun = body_of(text)
    count = skipped = 0
    for segment in _Scanner(text, kind).formulas(begun):
        if segment.outside[0] > begun:
            yield Segment("words", begun, segment.outside[0])
        begun = segment.outside[1]
        if segment.kind == "skip":
            skipped += 1
            if skipped > MAX_SKIPPED:
                raise InputError(f"the work has more than {MAX_SKIPPED} pieces of code", code="limit")
            continue
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
        self._found: dict[str, tuple[int, int]] = {}

    def formulas(self, position: int) -> Iterator[Segment]:
        """The formulas from ``position`` on."""
        while True:
            match = _MARK.search(self.text, position)
            if match is None:
                return
            position = match.end()
            segment = self._at(match)
            if segment is not None:
                position = max(position, segment.outside[1], segment.stop)
                yield replace(segment, outside=(match.start(), position))
                if segment.environment == "\0end":
                    return

    def _find(self, sought: str, start: int) -> int:
        """Where ``sought`` stands next, -1 for nowhere; what was found is not sought again before it."""
        begun, found = self._found.get(sought, (0, 0))
        if begun <= start and (found < 0 or start <= found) and sought in self._found:
            return found
        found = self.text.find(sought, start)
        self._found[sought] = (start, found)
        return found

    def _search(self, pattern: str, start: int) -> re.Match[str] | None:
        """The next match of a pattern; what was once sought in vain is not sought again."""
        if self._found.get(pattern, (0, 0))[1] < 0:
            return None
        hit = re.compile(pattern).search(self.text, start)
        if hit is None:
            self._found[pattern] = (start, -1)
        return hit

    def _until(self, sought: str, start: int, kind: str, begun: int | None = None) -> Segment | None:
        """What stands before the first ``sought``; None if there is none."""
        stop = self._find(sought, start)
        if stop < 0:
            return None
        first = start if begun is None else begun
        return Segment(kind, first, stop, outside=(first, stop + len(sought)))

    def _at(self, match: re.Match[str]) -> Segment | None:
        end, group = match.end(), match.group
        if group("open"):
            display = group("open") == r"\["
            found = self._until(r"\]" if display else r"\)", end, "display" if display else "inline")
            if found is not None and self.markdown and "$" in self.text[found.start : found.stop]:
                return None  # brackets that somebody escaped
            return found
        if group("dollar"):
            return self._dollar(match)
        if group("begin"):
            return self._environment(match)
        if group("comment"):
            return None if self.markdown else Segment("skip", match.start(), end)
        if group("verb"):
            quote = group("quote")
            return self._until({"{": "}", "[": "]"}.get(quote, quote), end, "skip", match.start())
        if group("stop"):
            return Segment("skip", match.start(), len(self.text), "\0end")
        if group("html"):
            return self._html(match)
        if group("never"):
            return None if self.markdown else self._until(r"\fi", end, "skip", match.start())
        if not self.markdown or group("escape"):
            return None
        return self._markdown(match)

    def _markdown(self, match: re.Match[str]) -> Segment | None:
        """What only Markdown (or reStructuredText) has."""
        text, end, group = self.text, match.end(), match.group
        if group("twice"):
            display = group("twice")[-1] == "["
            found = self._until(r"\\]" if display else r"\\)", end, "display" if display else "inline")
            return None if found is None or "\n\n" in text[end : found.stop] else found
        if group("fence"):
            return self._fence(match)
        if group("rst"):
            return self._directive(match)
        if group("role"):
            return self._until("`", end, "inline")
        if group("shortcode"):
            return self._shortcode(match)
        if group("tick"):
            ticks = group("tick")
            paragraph, stop = self._find("\n\n", end), self._find(ticks, end)
            inside = stop >= 0 and (paragraph < 0 or stop < paragraph)
            return Segment("skip", match.start(), stop + len(ticks)) if inside else None
        return None

    def _html(self, match: re.Match[str]) -> Segment | None:
        tag = match.group("tag")
        if tag is None:
            return self._until("-->", match.end(), "skip", match.start())
        if not self.markdown:
            return None
        kind = "skip"
        if tag == "annotation" or "math/tex" in match.group():
            kind = "display" if "display" in match.group() else "inline"
        return self._until(f"</{tag}>", match.end(), kind, match.end() if kind != "skip" else match.start())

    def _fence(self, match: re.Match[str]) -> Segment | None:
        ticks, info = match.group("ticks"), match.group("info").strip()
        stop = self._find("\n" + ticks, match.end() - 1)
        if stop < 0:  # indented as the fence is
            inner = self._search(rf"\n[ \t]*{ticks}", match.end() - 1)
            stop = inner.end() - len(ticks) - 1 if inner else -1
        stop = len(self.text) if stop < 0 else stop + 1
        after = min(len(self.text), stop + len(ticks))
        if not _MATH_INFO.match(info):
            return Segment("skip", match.start(), after)
        begun = match.end()
        while (option := _OPTION_LINE.match(self.text, begun, stop)) is not None:
            begun = option.end()
        if _PIECE_OF_A_DOCUMENT.search(self.text, begun, stop):
            return None
        return Segment("display", begun, stop, outside=(begun, after))

    def _directive(self, match: re.Match[str]) -> Segment:
        """``.. math::`` and the lines behind it that are indented more."""
        text = self.text
        indent = len(match.group("indent"))
        line = text.find("\n", match.end())
        position = len(text) if line < 0 else line + 1
        begun = match.end() if text[match.end() : position].strip() else position
        stop = position
        while position < len(text):
            following = text.find("\n", position)
            following = len(text) if following < 0 else following + 1
            inside = text[position:following]
            if inside.strip() and len(inside) - len(inside.lstrip()) <= indent:
                break
            if begun == position and _OPTION_LINE.match(inside):
                begun = following
            position = following
            stop = following if inside.strip() else stop
        return Segment("display", begun, max(begun, stop), outside=(begun, max(begun, stop)))

    def _shortcode(self, match: re.Match[str]) -> Segment | None:
        """What a site generator calls: formulas, or code."""
        name = match.group("hugo")
        if name:
            closing = self._search(rf"\{{\{{[<%][ \t]*/[ \t]*{name}[ \t]*[>%]\}}\}}", match.end())
            if closing is None:
                return None
            display = "display" in match.group() or "\n" in self.text[match.end() : closing.start()]
            kind = "display" if display else "inline"
            return Segment(kind, match.end(), closing.start(), outside=closing.span())
        name = match.group("jekyll")
        if name == "raw":
            return None
        closing = self._search(rf"\{{%-?[ \t]*end{name}\b[^%]*%\}}", match.end())
        return Segment("skip", match.start(), closing.end()) if closing else None

    def _dollar(self, match: re.Match[str]) -> Segment | None:
        sign, start = match.group("dollar"), match.end()
        paragraph = self._find("\n\n", start)
        limit = paragraph if paragraph >= 0 and sign == "$" else len(self.text)
        stop = self._closing(sign, start, limit)
        if stop <= start:
            return None
        if sign == "$" and self.markdown and self._is_money(start, stop):
            return None
        if sign == "$$" and _HEADING.search(self.text, start, stop):
            return None  # the other sign is missing, and this one belongs to no formula
        kind = "inline" if sign == "$" else "display"
        outside = (match.start(), stop + len(sign))
        if self.text[start] == self.text[stop - 1] == "`" and stop - start > 2:
            start, stop = start + 1, stop - 1
        if sign == "$$" and self.markdown and self._in_a_line(match.start(), start, stop):
            kind = "inline"
        return Segment(kind, start, stop, outside=outside)

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

    def _in_a_line(self, begun: int, start: int, stop: int) -> bool:
        """Whether words stand before a formula in its line, which is short: Markdown of Jekyll."""
        first = max(0, begun - 300)
        line = self.text[max(first, self.text.rfind("\n", first, begun) + 1) : begun]
        return "\n" not in self.text[start:stop] and re.search(r"[^\W\d_]{2,}", line) is not None

    def _is_money(self, start: int, stop: int) -> bool:
        """In Markdown ``$5 and $6`` is no formula: a number behind the sign, a space before the other."""
        amount = self.text[start].isdigit()
        return amount and (self.text[stop - 1].isspace() or self.text[stop + 1 : stop + 2].isdigit())

    def _environment(self, match: re.Match[str]) -> Segment | None:
        name = match.group("name")
        if name in _VERBATIM:
            closing = rf"\end{{{name}}}"
            stop = self._find(closing, match.end())
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
        return Segment("display", match.end(), stop, name, (match.start(), position))
