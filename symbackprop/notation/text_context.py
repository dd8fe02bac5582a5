"""What the printers of plain text share: levels of binding, and the names and letters of a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from symbackprop.core.expr import Expr
from symbackprop.notation.letters import Letters
from symbackprop.notation.names import Names

SUM, TERM, CHAIN, FACTOR, DERIV, NUMBER, ATOM = range(7)  # how tightly a text binds, loosest first
Printed = tuple[str, int]
Printer = Callable[[Any, "TextContext"], Printed]


class TextContext:
    """What printing needs besides the node: names, the letters of the formula, a printer for each node."""

    __slots__ = ("_printers", "letters", "names")

    def __init__(self, root: Expr, names: Names, printers: Mapping[type, Printer]) -> None:
        self.names = names
        self.letters = Letters(root, names.reserved)
        self._printers = printers

    def printed(self, expr: Expr) -> Printed:
        """The text of ``expr``, and how tightly it binds."""
        return self._printers[type(expr)](expr, self)

    def at(self, expr: Expr, level: int) -> str:
        """The text of ``expr``, in brackets if it binds less tightly than ``level``."""
        text, own = self._printers[type(expr)](expr, self)
        return text if own >= level else f"({text})"

    def one_based(self) -> TextContext:
        """The same for what has been counted already."""
        found = copy(self)
        found.names = replace(self.names, first=1)
        return found
