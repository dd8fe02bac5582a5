"""Words for LaTeX: every character escaped, mapped by our table, or refused by name.

``Text`` is finished running text, ``Latex`` finished mathematics; a template prints nothing else.
Author's words may hold ``*emphasis*``, ``**strong**``, formulas in backticks, and mathematics
between dollar signs that passes ``latex_safe.refusal``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

from symbackprop.errors import UnsupportedError
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.latex_safe import refusal
from symbackprop.notation.latex_symbols import name_symbol


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
_SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "\u00a0": "~", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''",
        "„": r"\quotedblbase{}",
        "…": r"\ldots{}", "•": r"\textbullet{}", "°": r"\textdegree{}", "€": r"\texteuro{}", "§": r"\S{}",
        "«": r"\guillemotleft{}", "»": r"\guillemotright{}", "¿": r"\textquestiondown{}",
        "¡": r"\textexclamdown{}", "£": r"\pounds{}", "©": r"\textcopyright{}",
        "½": "$1/2$", "⅓": "$1/3$", "¼": "$1/4$", "²": "${}^{2}$", "³": "${}^{3}$", "ᵀ": r"${}^{\top}$",
        "·": r"$\cdot$", "×": r"$\times$", "−": "$-$", "±": r"$\pm$", "÷": r"$\div$", "≤": r"$\leq$",
        "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "→": r"$\to$", "←": r"$\leftarrow$",
        "⇒": r"$\Rightarrow$", "∂": r"$\partial$", "∇": r"$\nabla$", "∈": r"$\in$", "∞": r"$\infty$",
        "√": r"$\surd$", "∑": r"$\sum$", "⊙": r"$\odot$", "ℓ": r"$\ell$",
        "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$",
        "ζ": r"$\zeta$", "η": r"$\eta$", "θ": r"$\theta$", "κ": r"$\kappa$", "λ": r"$\lambda$", "μ": r"$\mu$",
        "ν": r"$\nu$", "ξ": r"$\xi$", "π": r"$\pi$", "ρ": r"$\rho$", "σ": r"$\sigma$", "τ": r"$\tau$",
        "φ": r"$\varphi$", "χ": r"$\chi$", "ψ": r"$\psi$", "ω": r"$\omega$", "Γ": r"$\Gamma$",
        "Δ": r"$\Delta$", "Θ": r"$\Theta$", "Λ": r"$\Lambda$", "Π": r"$\Pi$", "Σ": r"$\Sigma$",
        "Φ": r"$\Phi$", "Ψ": r"$\Psi$", "Ω": r"$\Omega$",
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


def escape(words: str) -> Text:
    """``words`` as running text; UnsupportedError names a character that cannot be set."""
    return Text("".join(_character(c) for c in unicodedata.normalize("NFC", words)))


def _character(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if character == "\n" or " " <= character <= "~":
        return character
    if character == "\t":
        return " "
    for table in (_SIGNS, _LETTERS):
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
    made = "".join(
        r"\ " if c == " " else "{-}" if c == "-" else r"\textquotesingle{}" if c == "'" else _character(c)
        for c in line
    )
    return Text(rf"\texttt{{{made}}}")


_MARKS = re.compile(
    r"(?P<formula>`[^`\n]+`)|(?P<math>\$[^$]+\$)|\*\*(?P<strong>[^*]+)\*\*|\*(?P<soft>[^*\s][^*]*)\*"
)


def author_words(words: str, math: Callable[[str], str]) -> Text:
    """Markdown-like words: emphasis, formulas in backticks (set by ``math``), checked ``$...$``."""
    paragraphs = re.split(r"\n\s*\n", words.strip())
    return Text("\n\n".join(_inline(paragraph, math) for paragraph in paragraphs))


def _inline(words: str, math: Callable[[str], str]) -> str:
    made: list[str] = []
    end = 0
    for match in _MARKS.finditer(words):
        made.append(escape(words[end : match.start()]))
        end = match.end()
        if match["formula"]:
            made.append(f"${math(match['formula'][1:-1])}$")
        elif match["math"]:
            source = match["math"][1:-1]
            made.append(f"${source}$" if refusal(source) is None else escape(match["math"]))
        elif match["strong"]:
            made.append(rf"\textbf{{{_inline(match['strong'], math)}}}")
        else:
            made.append(rf"\emph{{{_inline(match['soft'], math)}}}")
    made.append(escape(words[end:]))
    return "".join(made)


def typewriter_math(source: str) -> Latex:
    """A formula that could not be read: a name as a name, anything else as it was written."""
    if source.isidentifier():
        return Latex(name_symbol(source).tex)
    return Latex(rf"\text{{{code_line(source)}}}")
