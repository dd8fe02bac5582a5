"""Formulas of a work as mathematics: set if every command is on the list, shown as source if not.

What a student wrote is never run: a formula reaches LaTeX or MathML only if it holds nothing but known
commands in balanced brackets (``notation.latex_safe``), matrices included, and MathML can be made of it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from latex2mathml import converter
from latex2mathml.exceptions import (
    DenominatorNotFoundError,
    DoubleSubscriptsError,
    DoubleSuperscriptsError,
    ExtraLeftOrMissingRightError,
    InvalidAlignmentError,
    InvalidStyleForGenfracError,
    InvalidWidthError,
    LimitsMustFollowMathOperatorError,
    MissingEndError,
    MissingSuperScriptOrSubscriptError,
    NoAvailableTokensError,
    NumeratorNotFoundError,
)

from symbackprop.notation.latex_safe import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_MATRICES = "matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases array".split()
_BEGIN = re.compile(rf"\\begin\{{({'|'.join(_MATRICES)})\}}(?:\{{[clr| ]*\}})?")
_END = re.compile(rf"\\end\{{({'|'.join(_MATRICES)})\}}")
_NOT_FORMED = (
    DenominatorNotFoundError, DoubleSubscriptsError, DoubleSuperscriptsError, ExtraLeftOrMissingRightError,
    InvalidAlignmentError, InvalidStyleForGenfracError, InvalidWidthError, LimitsMustFollowMathOperatorError,
    MissingEndError, MissingSuperScriptOrSubscriptError, NoAvailableTokensError, NumeratorNotFoundError,
    ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError, AssertionError,
)  # fmt: skip
_ROW = re.compile(r"\\\\(?:\[[-0-9.a-z ]*\])?")
_TAGS = (
    "math mrow mi mo mn ms mfrac msup msub msubsup munder mover munderover msqrt mroot mtable mtr mtd mtext "
    "mspace mstyle mpadded mphantom"
).split()
_ATTRIBUTES = (
    "xmlns display stretchy fence form minsize maxsize width accent accentunder columnalign mathvariant "
    "linethickness lspace rspace movablelimits separator symmetric columnspacing rowspacing columnlines "
    "rowlines scriptlevel displaystyle height depth"
).split()
_TAG = re.compile(rf"</?(?:{'|'.join(_TAGS)})(?: (?:{'|'.join(_ATTRIBUTES)})=\"[^\"<>]*\")* ?/?>")
_BAR = '<mo accent="true">&#x02015;</mo>'  # of \\underline, which a page draws as a border
# What the embedded engine has no fonts for.
_RESPELLED = {r"\intercal": r"\top", r"\mathbb": r"\mathbf", r"\ast": "*", r"\dagger": r"\top"}
_ROOM = re.compile(
    r"\\(?:hspace|vspace)\{[^{}]*\}|\\(?:label|tag)\{[^{}]*\}|\\nonumber|\\notag|\\displaystyle(?![a-z])"
)


@cache
def as_tex(source: str) -> str | None:
    """The formula as mathematics that may reach LaTeX; None if it must be shown as it is written."""
    text = _ROOM.sub("", " ".join(source.split())).strip().rstrip(".,;")
    for old, new in _RESPELLED.items():
        text = re.sub(rf"{re.escape(old)}(?![A-Za-z])", new.replace("\\", "\\\\"), text)
    bare = _without_matrices(text)
    if bare is None or refusal(bare) is not None or _converted(text) is None:
        return None
    return text


@cache
def as_mathml(source: str) -> str | None:
    """The formula as MathML, or None."""
    text = as_tex(source)
    made = None if text is None else _converted(text)
    if made is None:
        return None
    made = made.replace("<munder>", '<mrow class="factor">').replace(f"{_BAR}</munder>", "</mrow>")
    return made.replace('display="inline"', 'display="inline" displaystyle="true"', 1)


def _without_matrices(text: str) -> str | None:
    """The text without the signs of its matrices; None where these do not nest."""
    open_ones: list[str] = []
    kept: list[str] = []
    for piece in _pieces(text):
        begun, ended = _BEGIN.fullmatch(piece), _END.fullmatch(piece)
        if begun is not None:
            open_ones.append(begun[1])
        elif ended is not None:
            if not open_ones or open_ones.pop() != ended[1]:
                return None
        elif open_ones and (piece == "&" or _ROW.fullmatch(piece)):
            kept.append(" ")
        else:
            kept.append(piece)
    return None if open_ones else "".join(kept)


def _pieces(text: str) -> Iterator[str]:
    pattern = re.compile(rf"({_BEGIN.pattern}|{_END.pattern}|{_ROW.pattern}|&)")
    position = 0
    for match in pattern.finditer(text):
        if match.start() > position:
            yield text[position : match.start()]
        yield match[0]
        position = match.end()
    yield text[position:]


@cache
def _converted(text: str) -> str | None:
    """MathML of checked LaTeX; None if it is not well-formed (two superscripts, an open bracket)."""
    try:
        made: str = converter.convert(text)
    except _NOT_FORMED:
        return None
    # The library writes the words of \\text{...} as they are: nothing but MathML may be left.
    return made if not re.search("[<>]", _TAG.sub("", made)) else None
