"""Tokens of the plain-text grammar: text in, a tuple of positioned tokens out; nothing is evaluated.

A newline counts as the end of an equation (kind ``end``) unless a bracket is open or the line
ends in an operator, a comma or ``=``. Every token knows its line and column (one-based, in the
file the text was taken from, see ``Origin``) and whether it is glued to the token before it.
Errors are ``InputError`` with code "syntax" or "limit".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

from symbackprop.errors import InputError

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 50_000
MAX_DIGITS = 300
MAX_NESTING = 200

_TWO = ("..", "!=", "<=", ">=")
_ONE = "+-*/@^=,()[]<>:'"
_SPELLINGS = MappingProxyType({"⊙": "*", "·": "*"})
_CONTINUES = frozenset({"+", "-", "*", "/", "@", "^", "=", ",", "..", "!=", "<", "<=", ">", ">="})
_PYTHON = "a formula is read as mathematics, never run as Python"
_WRONG_PAIRS = MappingProxyType(
    {
        "**": ("** is no operator here", "write ^ for a power, * for the elementwise product"),
        "==": ("== is no operator here", "write = for equality"),
        "//": ("// is no operator here", "write / for division"),
        ":=": (":= is no operator here", "write ="),
        "~=": ("~= is no operator here", "write !="),
    }
)
_WRONG = MappingProxyType(
    {
        "_": ("a name begins with a letter, not with _", _PYTHON),
        "\\": (
            "a backslash has no meaning in a plain formula",
            "write lambda, sigma, W_1 without the backslash",
        ),
        "{": (
            "braces have no meaning in a plain formula",
            "use round brackets for grouping, [ ] for indices",
        ),
        "}": (
            "braces have no meaning in a plain formula",
            "use round brackets for grouping, [ ] for indices",
        ),
        '"': ("a quote has no meaning in a formula", _PYTHON),
        "`": ("a backquote has no meaning in a formula", _PYTHON),
        "$": ("a dollar sign has no meaning in a plain formula", "write the formula without it"),
        "%": ("% has no meaning in a formula", "a comment begins with #"),
        "&": ("& has no meaning in a formula", "write two equations on two lines"),
        "|": ("| has no meaning in a formula", "write abs(x), or norm(x)"),
        "!": ("! has no meaning in a formula", "write != for unequal"),
        "−": ("this is the typographic minus sign", "write -"),
        "×": (
            "× is no operator here",
            "write a space or @ for the matrix product, * for the elementwise one",
        ),
        "≤": ("≤ is not read", "write <="),
        "≥": ("≥ is not read", "write >="),
        "≠": ("≠ is not read", "write !="),
        "²": ("a raised 2 is not read", "write ^2"),
        "ᵀ": ("a raised T is not read", "write ^T"),
        "∑": ("∑ is not read", "write sum[i](...)"),
        "∂": ("∂ is not read", "write dL/dW"),
        "√": ("√ is not read", "write sqrt(...)"),
        "’": ("this is a typographic quote", "write ' for a derivative"),
    }
)


class Place(NamedTuple):
    """Where something stands: line and column, one-based."""

    line: int
    column: int


class FilePlace(Place):
    """A place in a file of its own, where several files make one problem."""

    file: str

    @staticmethod
    def of(file: str, place: Place) -> FilePlace:
        """``place``, in ``file``."""
        made = FilePlace(place.line, place.column)
        made.file = file
        return made


def file_of(at: Place | None) -> str | None:
    """The file of a place that knows it."""
    return at.file if isinstance(at, FilePlace) else None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text was taken from: its file, the line of its first character and the columns before it.

    ``indent`` is added to the columns of every line, ``first`` to those of the first line only.
    """

    file: str | None = None
    line: int = 1
    indent: int = 0
    first: int = 0

    def place(self, line: int, column: int) -> Place:
        """The place in the file of a (one-based) place in the text."""
        extra = self.indent + (self.first if line == 1 else 0)
        return Place(self.line + line - 1, column + extra)


PLAIN_TEXT = Origin()


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is "name", "number", "end" (of an equation) or the operator itself.

    ``start`` and ``stop`` are offsets into the text; ``value`` is the number of a number.
    """

    kind: str
    text: str
    at: Place
    start: int
    stop: int
    value: Fraction | None = None


def fail(message: str, at: Place | None, hint: str | None = None, code: str = "syntax") -> InputError:
    """The error to raise at a place."""
    line, column = at if at is not None else (None, None)
    return InputError(message, code=code, file=file_of(at), line=line, column=column, hint=hint)


def tokenize(text: str, origin: Origin = PLAIN_TEXT) -> tuple[Token, ...]:
    """All tokens of ``text``; the last one has kind "end"."""
    if len(text) > MAX_CHARACTERS:
        raise fail(
            f"the text has {len(text)} characters; the limit is {MAX_CHARACTERS}",
            origin.place(1, 1),
            code="limit",
        )
    tokens: list[Token] = []
    for token in _Scanner(text, origin).tokens():
        if len(tokens) == MAX_TOKENS:
            raise fail(f"the text has more than {MAX_TOKENS} words and signs", token.at, code="limit")
        tokens.append(token)
    return tuple(tokens)


class _Scanner:
    """One pass over a text."""

    def __init__(self, text: str, origin: Origin) -> None:
        self.text = text
        self.origin = origin
        self.line = 1
        self.line_start = 0
        self.open = 0

    def place(self, offset: int) -> Place:
        return self.origin.place(self.line, offset - self.line_start + 1)

    def tokens(self) -> Iterator[Token]:
        text, at, last = self.text, 0, "end"
        while at < len(text):
            char = text[at]
            if char in " \t\r\u00a0\ufeff":
                at += 1
                continue
            if char == "#":
                end = text.find("\n", at)
                at = len(text) if end < 0 else end
                continue
            if char in "\n;":
                if char == ";" or not (self.open or last in _CONTINUES):
                    yield Token("end", char, self.place(at), at, at + 1)
                    last = "end"
                at += 1
                if char == "\n":
                    self.line, self.line_start = self.line + 1, at
                continue
            token = self.token(at)
            self.count_brackets(token)
            yield token
            last, at = token.kind, token.stop
        yield Token("end", "", self.place(at), at, at)

    def count_brackets(self, token: Token) -> None:
        if token.kind in ("(", "["):
            self.open += 1
            if self.open > MAX_NESTING:
                raise fail(f"brackets are nested more than {MAX_NESTING} deep", token.at, code="limit")
        elif token.kind in (")", "]"):
            self.open = max(0, self.open - 1)

    def token(self, at: int) -> Token:
        text, char = self.text, self.text[at]
        if char.isalpha():
            stop = at + 1
            while stop < len(text) and (text[stop].isalpha() or text[stop] in "0123456789_"):
                stop += 1
            return Token("name", text[at:stop], self.place(at), at, stop)
        if char in "0123456789" or (char == "." and text[at + 1 : at + 2] in tuple("0123456789")):
            return self.number(at)
        pair = text[at : at + 2]
        if pair in _TWO:
            return Token(pair, pair, self.place(at), at, at + 2)
        if pair in _WRONG_PAIRS:
            message, hint = _WRONG_PAIRS[pair]
            raise fail(message, self.place(at), hint)
        if char in _SPELLINGS or char in _ONE:
            return Token(_SPELLINGS.get(char, char), char, self.place(at), at, at + 1)
        raise self.refusal(at)

    def number(self, at: int) -> Token:
        text = self.text

        def digits(start: int) -> int:
            while start < len(text) and text[start] in "0123456789":
                start += 1
            return start

        stop = digits(at)
        if text[stop : stop + 1] == "." and text[stop + 1 : stop + 2] in tuple("0123456789"):
            stop = digits(stop + 1)
        mantissa, exponent = text[at:stop], 0
        if text[stop : stop + 1] in ("e", "E"):
            sign = 1 if text[stop + 1 : stop + 2] in ("+", "-") else 0
            end = digits(stop + 1 + sign)
            glued = text[end : end + 1].isalpha() or text[end : end + 1] == "_"
            if end > stop + 1 + sign and not glued:
                if end - stop > 6:
                    raise fail("the exponent of this number is too large", self.place(at), code="limit")
                exponent, stop = int(text[stop + 1 : end]), end
        if len(mantissa) > MAX_DIGITS or abs(exponent) > MAX_DIGITS:
            raise fail(f"this number has more than {MAX_DIGITS} digits", self.place(at), code="limit")
        value = Fraction(mantissa) * Fraction(10) ** exponent
        return Token("number", text[at:stop], self.place(at), at, stop, value)

    def refusal(self, at: int) -> InputError:
        char = self.text[at]
        if char == ".":
            return self.dot(at)
        if char in _WRONG:
            message, hint = _WRONG[char]
            return fail(message, self.place(at), hint)
        shown = char if char.isprintable() else f"U+{ord(char):04X}"
        return fail(f"the character {shown} has no meaning in a formula", self.place(at))

    def dot(self, at: int) -> InputError:
        after = self.text[at + 1 : at + 20]
        name = ""
        for char in after:
            if not (char.isalpha() or char == "_"):
                break
            name += char
        if name == "T":
            return fail(".T has no meaning in a formula", self.place(at), "write ^T for the transpose")
        if name:
            return fail(
                f".{name} has no meaning in a formula", self.place(at), f"write {name}(...); {_PYTHON}"
            )
        return fail(
            "a dot stands only in a number or, doubled, in a range", self.place(at), "write * for a product"
        )
