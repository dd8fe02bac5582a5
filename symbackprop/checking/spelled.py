"""Formulas in a message: each is kept as text and as LaTeX until the message is done.

While a message is composed a formula is a mark of few signs; ``plain`` puts text in its place (the
terminal, the JSON), ``typeset`` mathematics between dollar signs (reports).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.graph import Equation
from symbackprop.errors import SymbackpropError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text

PRINT_ERRORS = (SymbackpropError, ValueError, TypeError, KeyError, AttributeError, AssertionError)
_OPEN, _CLOSE = "\ue000", "\ue001"  # for private use: they stand in no text
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")


class Formulas:
    """The formulas of one message."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._kept: list[tuple[str, str | None]] = []

    def mark(self, expr: Expr) -> str | None:
        """A formula in a message; None for one that cannot be printed as text."""
        try:
            text = to_text(expr, self.names)
        except PRINT_ERRORS:
            return None
        return self._marked(text, self._latex(expr))

    def equation(self, equation: Equation) -> str:
        """An equation of the forward pass as it was written."""
        latex = None
        if equation.expr is not None and not equation.indices:
            sides = [self._latex(side) for side in (Leaf(equation.target), equation.expr)]
            latex = None if None in sides else f"{sides[0]} = {sides[1]}"
        return self._marked(equation.text, latex)

    def plain(self, message: str) -> str:
        """The message with its formulas as text."""
        return self._put(message, lambda text, _: text)

    def typeset(self, message: str) -> str:
        """The message with its formulas in LaTeX between dollar signs, where they have some."""
        def spelled(text: str, latex: str | None) -> str:
            return text if latex is None else f"${latex}$"

        return self._put(message.replace("$", ""), spelled)

    def _marked(self, text: str, latex: str | None) -> str:
        self._kept.append((text, latex))
        return f"{_OPEN}{len(self._kept) - 1}{_CLOSE}"

    def _latex(self, expr: Expr) -> str | None:
        try:
            return to_latex(expr, self.names)
        except PRINT_ERRORS:
            return None

    def _put(self, message: str, spell: Callable[[str, str | None], str]) -> str:
        return _MARK.sub(lambda found: spell(*self._kept[int(found[1])]), message)
