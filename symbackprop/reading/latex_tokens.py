r"""Tokens of LaTeX mathematics for forward passes: what the lexer of works gives, in fewer kinds.

Comments, spacing and sizes (``\,``, ``\left``, ``\big``, ``\displaystyle``, ``\limits``) leave no
token; a thin space is no token either. Every token keeps its line and column (one-based, in the
file of ``Origin``) and whether it is glued to the one before it. Other than in a work, the end of a
source line is a token here, since equations of a file end there, and a sign without a meaning is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.reading.tokens import (
    MAX_CHARACTERS,
    MAX_DIGITS,
    MAX_TOKENS,
    PLAIN_TEXT,
    Origin,
    Place,
    fail,
)
from symbackprop.reading.works.lexer import Token, tokenize

_RESPELLED = {
    "lvert": "|", "rvert": "|", "vert": "|", "lVert": r"\|", "rVert": r"\|", "Vert": r"\|", "|": r"\|",
    "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "lbrace": r"\{", "rbrace": r"\}",
    "{": r"\{", "}": r"\}", "leq": r"\le", "geq": r"\ge", "neq": r"\ne", "leqslant": r"\le",
    "geqslant": r"\ge", "colon": ":", "ast": "*", "intercal": r"\top", "dfrac": r"\frac",
    "tfrac": r"\frac", "cfrac": r"\frac", "prime": "'", "lt": "<", "gt": ">", "ldots": r"\dots",
    "cdots": r"\dots", "dotsc": r"\dots", "bm": r"\boldsymbol", "pmb": r"\boldsymbol",
    "triangleq": "=", "coloneqq": "=", "coloneq": "=",
    "widehat": r"\hat", "widetilde": r"\tilde", "overline": r"\bar",
}  # fmt: skip
_DELIMITERS = (r"\[", r"\]", r"\(", r"\)")
_PIECES = re.compile(r"[A-Za-z]|[0-9]+")


@dataclass(frozen=True, slots=True)
class LatexToken:
    r"""One token.

    ``kind`` is "letter", "number", "word" (of ``\text{...}``, ``\operatorname{...}``), "command",
    "begin", "end-environment", "row", "newline", "split" (``\quad``), "end", or the sign itself.

    ``text`` is the letter, the number, the word, ``\name`` (respelled: ``\lVert`` is ``\|``) or the
    environment; ``start`` and ``stop`` are offsets into the source.
    """

    kind: str
    text: str
    at: Place
    start: int
    stop: int
    value: Fraction | None = None


def tokenize_latex(text: str, origin: Origin = PLAIN_TEXT) -> tuple[LatexToken, ...]:
    """All tokens of ``text``; the last one has kind "end". Raises InputError (syntax, limit)."""
    if len(text) > MAX_CHARACTERS:
        raise fail(
            f"the text has {len(text)} characters; the limit is {MAX_CHARACTERS}",
            origin.place(1, 1),
            code="limit",
        )
    tokens: list[LatexToken] = []
    for token in _scan(text, origin):
        if len(tokens) == MAX_TOKENS:
            raise fail(f"the text has more than {MAX_TOKENS} words and signs", token.at, code="limit")
        tokens.append(token)
    return tuple(tokens)


def _scan(text: str, origin: Origin) -> Iterator[LatexToken]:
    lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(offset: int) -> Place:
        line = bisect_right(lines, offset)
        return origin.place(line, offset - lines[line - 1] + 1)

    position, ended = 0, 1
    for token in tokenize(text):
        while ended < len(lines) and lines[ended] <= token.start:
            if lines[ended] > position:
                yield LatexToken("newline", "", place(lines[ended] - 1), lines[ended] - 1, lines[ended])
            ended += 1
        yield from _converted(token, text, place)
        position = token.stop
    for start in lines[ended:]:
        yield LatexToken("newline", "", place(start - 1), start - 1, start)
    yield LatexToken("end", "", place(len(text)), len(text), len(text))


def _no_meaning(character: str) -> str:
    shown = character if character.isprintable() and character != "\\" else f"U+{ord(character[0]):04X}"
    if character == "\\":
        return "a backslash at the end of a line"
    return f"the character {shown} has no meaning in a formula"


def _converted(token: Token, text: str, place: Callable[[int], Place]) -> Iterator[LatexToken]:
    """One token of the lexer in the kinds of this module; several for ``||`` and for names such as W2."""
    at, start, stop = place(token.start), token.start, token.stop
    match token.kind:
        case "num":
            if len(token.text) > MAX_DIGITS:
                raise fail(f"this number has more than {MAX_DIGITS} digits", at, code="limit")
            yield LatexToken("number", token.text, at, start, stop, Fraction(token.text))
        case "word" if not token.by:
            for piece in _PIECES.finditer(token.text):
                where = start + piece.start()
                number = Fraction(piece[0]) if piece[0].isdigit() else None
                kind = "letter" if number is None else "number"
                yield LatexToken(kind, piece[0], place(where), where, where + len(piece[0]), number)
        case "word" | "prose":
            yield from _word(token, at)
        case "begin" | "end":
            kind = "begin" if token.kind == "begin" else "end-environment"
            yield LatexToken(kind, token.text, at, start, stop)
        case "row":
            yield LatexToken("row", token.text, at, start, stop)
        case "letter":
            yield LatexToken("letter", token.text, at, start, stop)
        case "cmd" if text[start].isalpha():  # a Greek letter as such: a name of its own
            yield LatexToken("letter", text[start], at, start, stop)
        case "remark":
            return
        case _ if token.text == "." and token.by in ("l", "r"):
            return
        case "other" if token.text not in ("!", "$"):
            raise fail(_no_meaning(text[start]), at)
        case _:
            yield from _sign(token, at)


def _word(token: Token, at: Place) -> Iterator[LatexToken]:
    inner = " ".join(re.sub(r"\\[,; -]", " ", token.text.replace(r"\_", "_")).split())
    if not token.by:
        raise fail(_no_meaning(token.text[0]), at)
    if re.fullmatch(r"[0-9]+", inner):
        yield LatexToken("number", inner, at, token.start, token.stop, Fraction(inner))
    elif inner:
        yield LatexToken("word", inner, at, token.start, token.stop)


def _sign(token: Token, at: Place) -> Iterator[LatexToken]:
    name = token.text.removeprefix("\\") if len(token.text) > 1 else token.text
    if token.text in (r"\quad", r"\qquad"):
        yield LatexToken("split", token.text, at, token.start, token.stop)
        return
    if token.text in ("||", "+=", "-="):
        for offset, sign in enumerate(token.text):
            where = token.start + offset
            yield LatexToken(sign, sign, Place(at.line, at.column + offset), where, where + 1)
        return
    if token.text in _DELIMITERS or token.text == "$":
        yield LatexToken("$", token.text, at, token.start, token.stop)
        return
    text = "=" if token.text == ":=" else token.text
    if text[0] == "\\" and len(text) > 1:
        text = _RESPELLED.get(name, text)
    kind = "command" if text[0] == "\\" and len(text) > 1 else text
    yield LatexToken(kind, text, at, token.start, token.stop)
