"""Pieces of printed mathematics: LaTeX with what the next piece round it needs to know.

``Latex`` is the type of finished mathematics (a template that prints a bare ``str`` is an error).
A ``Box`` adds how tightly the piece binds, its sign, its estimated width in em, and how tall it
is, from which the size of brackets round it follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

SUM, OPEN, TERM, CHAIN, CLOSED, ATOM = range(6)
"""Levels: a sum; a big operator or bare function that reaches to the right; an elementwise product;
a product; a power, fraction or call, which takes no superscript; an atom."""

FRACTION_TALL, BIG_TALL = 3, 2
_BRACKET_WIDTHS = (0.8, 1.0, 1.25, 1.55, 1.7)
_SIZES = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")


class Latex(str):
    """LaTeX that our own printer wrote, or that passed the check of ``latex_safe``."""

    __slots__ = ()


class Box(NamedTuple):
    """``tex`` without its leading minus (then ``negative``), binding at ``level``."""

    tex: str
    level: int
    width: float
    tall: int = 0
    negative: bool = False

    @property
    def signed(self) -> str:
        """The LaTeX with its sign."""
        return f"-{self.tex}" if self.negative else self.tex

    def bracketed(self) -> Box:
        """The piece in round brackets of the right size."""
        size = _SIZES[min(self.tall, 4)]
        left, right = (f"{size}l(", f"{size}r)") if size else ("(", ")")
        width = self.width + _BRACKET_WIDTHS[min(self.tall, 4)] + (1.0 if self.negative else 0.0)
        return Box(f"{left}{self.signed}{right}", ATOM, width, min(self.tall + 1, 4))

    def at_least(self, level: int) -> Box:
        """The piece, in brackets if it is negative or binds less tightly than ``level``."""
        return self.bracketed() if self.negative or self.level < level else self

    @property
    def full_width(self) -> float:
        """The estimated width with the sign."""
        return self.width + (0.8 if self.negative else 0.0)


def superscript(base: Box, script: str, width: float) -> Box:
    """``base`` (bracketed unless it is an atom) with a superscript."""
    inner = base.at_least(ATOM)
    return Box(f"{inner.tex}^{{{script}}}", CLOSED, inner.width + 0.7 * width, inner.tall)


def fraction(num: Box, den: Box, *, small: bool = False) -> Box:
    """A fraction; the sign of the numerator moves out."""
    head = r"\tfrac" if small else r"\frac"
    width = (0.7 if small else 1.0) * max(num.width, den.full_width) + 0.25
    return Box(
        f"{head}{{{num.tex}}}{{{den.signed}}}", CLOSED, width, 1 if small else FRACTION_TALL, num.negative
    )


def joined(parts: Iterable[str]) -> str:
    """Pieces side by side; a control word never runs into the letter after it."""
    return " ".join(part for part in parts if part)


def as_subscript(script: str) -> str:
    """Slots as they follow their base: ``_{nk}``, or ``[n, k]`` in that style."""
    return script if script.startswith("[") else f"_{{{script}}}"
