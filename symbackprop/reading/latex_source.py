r"""The source of a forward pass in LaTeX: the tokens that the reader of works makes of it, with their places.

Other than in a work the end of a source line is a token here (``newline``), since equations of a file end
there; a name that the file declares in plain letters (``W2``, ``softmax``) is one token; a sign without a
meaning is refused. The document's own macros are expanded.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from symbackprop.errors import InputError
from symbackprop.reading.tokens import MAX_CHARACTERS, MAX_DIGITS, PLAIN_TEXT, Origin, Place, fail
from symbackprop.reading.works import lexer
from symbackprop.reading.works.commands import ARGUMENTS
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.definitions import definitions, table_of
from symbackprop.reading.works.lexer import Token
from symbackprop.reading.works.macros import expand

_CALLS = ("(", "[", r"\{", "_", "'")  # what may stand behind a function that is written in plain letters
_DELIMITER = re.compile(r"\\\\|\\[\[\]()]")
_PIECES = re.compile(r"[A-Za-z]|[0-9]+")


class Reader:
    """What has to be known of names: words that are functions, and longer plain names."""

    __slots__ = ("longest", "names", "words")

    def __init__(self, words: Collection[str] = (), names: Collection[str] = ()) -> None:
        self.words = frozenset(words)
        self.names = frozenset(name for name in names if len(name) > 1)
        self.longest = max(map(len, (*self.words, *self.names)), default=1)


@dataclass(slots=True)
class Source:
    """A text and where it was taken from."""

    text: str
    origin: Origin = PLAIN_TEXT
    _lines: list[int] = field(default_factory=list)

    def place(self, offset: int) -> Place:
        """The place in the file of an offset in the text."""
        line = bisect_right(self.lines, offset)
        return self.origin.place(line, offset - self.lines[line - 1] + 1)

    @property
    def lines(self) -> list[int]:
        """The offsets at which the lines begin."""
        if not self._lines:
            self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        return self._lines

    def fail(self, message: str, offset: int, hint: str | None = None, code: str = "syntax") -> InputError:
        """The error to raise at an offset."""
        return fail(message, self.place(offset), hint, code)

    def tokens(self, reader: Reader) -> list[Token]:
        """All tokens, the ends of lines among them. Raises InputError (syntax, limit)."""
        if len(self.text) > MAX_CHARACTERS:
            message = f"the text has {len(self.text)} characters; the limit is {MAX_CHARACTERS}"
            raise self.fail(message, 0, code="limit")
        found = list(definitions(self.text))
        plain: list[Token] = []
        position = 0
        for one in found:
            plain += self._plain(position, one.start)
            position = one.stop
        plain += self._plain(position, len(self.text))
        try:
            plain = expand(plain, table_of(found))
        except SyntaxFault as fault:
            raise self.fail(fault.reason, fault.place, code="limit") from None
        if len(plain) > lexer.MAX_TOKENS:
            message = f"the text has more than {lexer.MAX_TOKENS} words and signs"
            raise self.fail(message, plain[-1].start, code="limit")
        return _with_names(list(self._checked(self._with_newlines(plain))), reader)

    def _plain(self, start: int, stop: int) -> Iterator[Token]:
        r"""The tokens of a stretch; ``\[`` and its kin part formulas, inside one they would be brackets."""
        position = start
        for match in _DELIMITER.finditer(self.text, start, stop):
            if match[0] != "\\\\":
                yield from lexer.tokenize(self.text, position, match.start())
                yield Token("other", "$", match.start(), match.end())
                position = match.end()
        yield from lexer.tokenize(self.text, position, stop)

    def _with_newlines(self, tokens: list[Token]) -> Iterator[Token]:
        position, ended = 0, 1
        for token in tokens:
            while ended < len(self.lines) and self.lines[ended] <= token.start:
                if self.lines[ended] > position:
                    yield Token("newline", "", self.lines[ended] - 1, self.lines[ended])
                ended += 1
            yield token
            position = token.stop

    def _checked(self, tokens: Iterator[Token]) -> Iterator[Token]:
        """Numbers in bounds, words in one form, no sign without a meaning; W2 is letter and number."""
        for token in tokens:
            kind, start, stop = token.kind, token.start, token.stop
            if kind == "num" and len(token.text) > MAX_DIGITS:
                raise self.fail(f"this number has more than {MAX_DIGITS} digits", start, code="limit")
            if kind == "remark" or (kind == "cmd" and token.text == r"\nobreakspace"):
                continue
            if kind in ("open", "close") and self.text[start : start + 2] in (r"\[", r"\]", r"\(", r"\)"):
                yield Token("other", "$", start, stop)  # in Markdown that would be an escaped bracket
                continue
            if kind == "word" and not token.by:
                for piece in _PIECES.finditer(token.text):
                    begun = start + piece.start() if stop - start == len(token.text) else start
                    sort = "num" if piece[0].isdigit() else "letter"
                    yield Token(sort, piece[0], begun, begun + len(piece[0]))
            elif kind == "cmd" and self.text[start : start + 1].isalpha():
                yield Token("letter", self.text[start], start, stop)  # a Greek letter: a name of its own
            elif kind in ("word", "prose"):
                if not token.by and token.text.isascii() is False:
                    raise self.fail(no_meaning(token.text[0]), start)
                words = " ".join(re.sub(r"\\[,; -]", " ", token.text.replace(r"\_", "_")).split())
                if words.isdigit():
                    yield Token("num", words, start, stop)
                elif len(words) == 1 and words.isalpha():
                    yield Token("letter", words, start, stop)
                elif words:
                    yield Token(kind, words, start, stop, token.by)
            elif kind == "other" and token.text not in ("!", "$"):
                raise self.fail(no_meaning(self.text[start]), start)
            else:
                yield token


def no_meaning(character: str) -> str:
    """What is said of a sign that stands in no formula."""
    if character == "\\":
        return "a backslash at the end of a line"
    shown = character if character.isprintable() else f"U+{ord(character[0]):04X}"
    return f"the character {shown} has no meaning in a formula"


def _with_names(tokens: list[Token], reader: Reader) -> list[Token]:
    """Letters that touch, as one word where that is a declared name, or a function before a bracket."""
    if reader.longest < 2:
        return tokens
    found: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        before = found[-1] if found else None
        alone = before is not None and (before.kind in ("^", "_") or before.text in ARGUMENTS)
        if token.kind != "letter" or alone:  # TeX takes the letter alone
            found.append(token)
            position += 1
            continue
        stop, text, best = position, "", 0
        while stop < len(tokens) and tokens[stop].kind in ("letter", "num") and len(text) <= reader.longest:
            if stop > position and tokens[stop - 1].stop != tokens[stop].start:
                break
            text += tokens[stop].text
            stop += 1
            if text in reader.names:
                best = stop
        after = tokens[stop].text if stop < len(tokens) else ""
        if len(text) > 1 and text.lower() in reader.words and after in _CALLS:
            best = stop
        best = best or position + 1
        if best > position + 1:
            text = "".join(one.text for one in tokens[position:best])
            found.append(Token("word", text, token.start, tokens[best - 1].stop, ""))
        else:
            found.append(token)
        position = best
    return found
