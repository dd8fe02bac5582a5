r"""Tokens of LaTeX mathematics: source in, a tuple of positioned tokens out; nothing has a meaning yet.

Comments, spacing and sizes (``\,``, ``\left``, ``\big``, ``\displaystyle``, ``\limits``) leave no
token; a thin space is no token either. Every token keeps its line and column (one-based, in the
file of ``Origin``) and whether it is glued to the one before it. Macros of the document are not
expanded here: what expands them works on tokens and gives the same tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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

_SILENT = frozenset(
    "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm Bigm biggm Biggm "
    "displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag mathstrut "
    "allowbreak strut noindent centering medspace thinspace negthinspace , ! : > ; /".split()
) | {" "}
_SPLITTING = frozenset(("quad", "qquad"))
_RESPELLED = {
    "lvert": "|", "rvert": "|", "vert": "|", "lVert": r"\|", "rVert": r"\|", "Vert": r"\|", "|": r"\|",
    "lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")", "lbrace": r"\{", "rbrace": r"\}",
    "{": r"\{", "}": r"\}", "leq": r"\le", "geq": r"\ge", "neq": r"\ne", "leqslant": r"\le",
    "geqslant": r"\ge", "colon": ":", "ast": "*", "intercal": r"\top", "dfrac": r"\frac",
    "tfrac": r"\frac", "cfrac": r"\frac", "prime": "'", "lt": "<", "gt": ">", "ldots": r"\dots",
    "cdots": r"\dots", "dotsc": r"\dots", "bm": r"\boldsymbol", "pmb": r"\boldsymbol",
    "triangleq": "=", "coloneqq": "=", "coloneq": "=",
    "widehat": r"\hat", "widetilde": r"\tilde", "overline": r"\bar", "newline": r"\\", "cr": r"\\",
}  # fmt: skip
_TOKEN = re.compile(
    r"""
    (?P<comment>%[^\n]*)
  | (?P<newline>\n)
  | (?P<space>[ \t\r\u00a0\ufeff~]+)
  | (?P<environment>\\(?:begin|end)[ ]*\{[A-Za-z]+\*?\})
  | (?P<null>\\(?:left|right)[ ]*\.)
  | (?P<dropped>\\(?:label|tag\*?|vspace|hspace\*?|vphantom|hphantom|phantom)[ ]*
      \{[^{}\n]*(?:\{[^{}\n]*(?:\{[^{}\n]*\}[^{}\n]*)*\}[^{}\n]*)*\})
  | (?P<word>\\(?:text|textrm|textnormal|textsf|texttt|textit|textbf|mbox|mathrm|mathsf|mathtt|mathit
      |operatorname\*?|mathop)[ ]*\{[^{}\\$\n]*(?:\\[_,;\ -][^{}\\$\n]*)*\})
  | (?P<row>\\\\(?:[ ]*\[[^\]\n]{0,20}\])?)
  | (?P<command>\\(?:[A-Za-z]+|[^A-Za-z\n]))
  | (?P<defines>:=)
  | (?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)
  | (?P<letter>[^\W\d_])
  | (?P<sign>[-+*/=<>()\[\]{}|^_&,;:.'!$])
    """,
    re.VERBOSE,
)
_SIGNS = {
    "−": "-", "·": r"\cdot", "×": r"\times", "⊙": r"\odot", "∘": r"\circ", "∑": r"\sum", "∂": r"\partial",
    "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "’": "'", "′": "'", "∇": r"\nabla", "⊤": r"\top",
}  # fmt: skip


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
    position, line, line_start = 0, 1, 0
    while position < len(text):
        at = origin.place(line, position - line_start + 1)
        character = text[position]
        if character in _SIGNS:
            sign = _SIGNS[character]
            yield LatexToken("command" if sign[0] == "\\" else sign, sign, at, position, position + 1)
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None:
            raise fail(_no_meaning(character), at)
        kind, source, stop = match.lastgroup, match.group(), match.end()
        if kind == "newline":
            yield LatexToken("newline", "", at, position, stop)
            line, line_start = line + 1, stop
        elif kind not in ("comment", "space", "null", "dropped"):
            token = _token(str(kind), source, at, position, stop)
            if token is not None:
                yield token
        position = stop
    yield LatexToken("end", "", origin.place(line, position - line_start + 1), position, position)


def _no_meaning(character: str) -> str:
    shown = character if character.isprintable() and character != "\\" else f"U+{ord(character):04X}"
    if character == "\\":
        return "a backslash at the end of a line"
    return f"the character {shown} has no meaning in a formula"


def _token(kind: str, source: str, at: Place, start: int, stop: int) -> LatexToken | None:
    match kind:
        case "number":
            if len(source) > MAX_DIGITS:
                raise fail(f"this number has more than {MAX_DIGITS} digits", at, code="limit")
            return LatexToken("number", source, at, start, stop, Fraction(source))
        case "environment":
            name = source[source.index("{") + 1 : -1]
            opening = source.startswith(r"\begin")
            return LatexToken("begin" if opening else "end-environment", name, at, start, stop)
        case "word":
            return _word(source, at, start, stop)
        case "row":
            return LatexToken("row", r"\\", at, start, stop)
        case "command":
            return _command(source[1:], at, start, stop)
        case "letter":
            return LatexToken("letter", source, at, start, stop)
        case "defines":
            return LatexToken("=", "=", at, start, stop)
    return LatexToken(source, source, at, start, stop)


def _word(source: str, at: Place, start: int, stop: int) -> LatexToken | None:
    inner = source[source.index("{") + 1 : -1].replace(r"\_", "_")
    inner = " ".join(re.sub(r"\\[,; -]", " ", inner).split())
    if not inner:
        return None
    if re.fullmatch(r"[0-9]+", inner):
        return LatexToken("number", inner, at, start, stop, Fraction(inner))
    return LatexToken("word", inner, at, start, stop)


def _command(name: str, at: Place, start: int, stop: int) -> LatexToken | None:
    if name in _SPLITTING:
        return LatexToken("split", "\\" + name, at, start, stop)
    if name in _SILENT:
        return None
    if name in ("[", "]", "(", ")"):
        return LatexToken("$", "\\" + name, at, start, stop)
    text = _RESPELLED.get(name, "\\" + name)
    if text == r"\\":
        return LatexToken("row", text, at, start, stop)
    return LatexToken("command" if text[0] == "\\" and len(text) > 1 else text, text, at, start, stop)
