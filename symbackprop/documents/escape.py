"""Words for LaTeX: every character escaped, mapped by our table, or refused by name.

``Text`` is finished running text, ``Latex`` finished mathematics; a template prints nothing else.
Words of authors are read by ``notation.words``; what they hold is set here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from symbackprop.documents.signs import SIGNS
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.latex_symbols import name_symbol
from symbackprop.notation.words import (
    Block,
    CodeBlock,
    Emphasis,
    Math,
    Paragraph,
    Plain,
    Span,
    Words,
    place_error,
    read_words,
)


class Text(str):
    """Running text that is safe to print in a LaTeX document."""

    __slots__ = ()


_ASCII: Mapping[str, str] = MappingProxyType(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
        "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
        ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "`": r"\textasciigrave{}",
    }
)  # fmt: skip
# Accents of the T1 encoding; a letter that decomposes into a base and one of these is set with it.
_ACCENTS: Mapping[str, str] = MappingProxyType(
    {"\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u",
     "\u0307": r"\.", "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c",
     "\u0328": r"\k"}
)  # fmt: skip
_LETTERS: Mapping[str, str] = MappingProxyType(
    {"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}", "Œ": r"\OE{}",
     "ł": r"\l{}", "Ł": r"\L{}", "đ": r"\dj{}", "Đ": r"\DJ{}", "ð": r"\dh{}", "þ": r"\th{}", "ı": r"\i{}"}
)  # fmt: skip


_LONG_WORD, _PIECE = 28, 7


def escape(words: str) -> Text:
    """``words`` as running text; UnsupportedError names a character that cannot be set.

    A very long word may be broken anywhere, so that no line runs over the margin.
    """
    pieces = re.split(r"(\s+)", unicodedata.normalize("NFC", words))
    return Text("".join(_word(piece) for piece in pieces))


def _word(word: str, character: Callable[[str], str] | None = None) -> str:
    made = [(character or _character)(c) for c in word]
    if len(word) <= _LONG_WORD:
        return "".join(made)
    parts = ["".join(made[start : start + _PIECE]) for start in range(0, len(made), _PIECE)]
    return r"\allowbreak{}".join(parts)


def _character(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if character == "\n" or " " <= character <= "~":
        return character
    if character == "\t":
        return " "
    for table in (SIGNS, _LETTERS):
        if character in table:
            return table[character]
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        letter = (
            {"i": r"\i", "j": r"\j"}.get(parts[0], parts[0]) if parts[1] not in "\u0327\u0328" else parts[0]
        )
        return f"{_ACCENTS[parts[1]]}{{{letter}}}"
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    raise UnsupportedError(
        f"the character {character!r} ({name}) cannot be set in LaTeX yet"
        if character.isprintable()
        else f"the character {name} cannot stand in a text",
        hint="write it in words, or as mathematics between dollar signs",
    )


def code_line(line: str) -> Text:
    """One line of code in typewriter letters, its spaces kept."""
    pieces = re.split(r"(\s+)", unicodedata.normalize("NFC", line.rstrip()))
    return Text(rf"\texttt{{{''.join(_word(piece, _code_character) for piece in pieces)}}}")


def _code_character(c: str) -> str:
    special = {" ": r"\ ", "\t": r"\ ", "-": "{-}", "'": r"\textquotesingle{}"}
    return special[c] if c in special else _character(c)


def author_words(words: str, math: Callable[[str], str]) -> Text:
    """Markdown with mathematics, set. ``math`` sets what stands in backticks: LaTeX, or finished ``Text``.

    Raises InputError for what cannot be set, with its place in the file where ``words`` knows it.
    """
    blocks = read_words(words.strip() if not isinstance(words, Words) else words)
    try:
        return Text("\n\n".join(_block(block, math) for block in blocks))
    except InputError as error:
        raise place_error(error, words) from None


def _block(block: Block, math: Callable[[str], str]) -> str:
    if isinstance(block, Paragraph):
        return "".join(_span(part, math) for part in block.parts)
    if isinstance(block, CodeBlock):
        return "\\par\n".join(rf"\noindent {code_line(line)}" for line in block.lines)
    kind = "itemize" if block.first is None else "enumerate"
    first = "" if block.first in (None, 1) else f"[start={block.first}]"
    items = "\n".join(
        r"\item " + "\n\n".join(_block(inner, math) for inner in item) for item in block.items
    )
    return f"\\begin{{{kind}}}{first}\n{items}\n\\end{{{kind}}}"


def _span(part: Span, math: Callable[[str], str]) -> str:
    if isinstance(part, Plain):
        return escape(part.text)
    if isinstance(part, Math):
        return rf"\displayed{{{part.source}}}" if part.display else f"${part.source}$"
    if isinstance(part, Emphasis):
        # A display is a paragraph of its own, which the macros of emphasis cannot hold.
        parts = (replace(one, display=False) if isinstance(one, Math) else one for one in part.parts)
        inner = "".join(_span(one, math) for one in parts)
        return rf"\textbf{{{inner}}}" if part.strong else rf"\emph{{{inner}}}"
    made = math(part.text)
    return made if isinstance(made, Text) else f"${made}$"


def typewriter(source: str) -> Text | Latex:
    """What stands in backticks and is no formula: a name as a name, anything else as it was written."""
    if source.isidentifier() and source.isascii():
        return Latex(name_symbol(source).tex)
    return code_line(source)
