"""``Writer``: what makes SymPy objects, as the modules for kinds of nodes see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import sympy

from symbackprop.core.expr import Expr
from symbackprop.core.indexed import IndexValue, LabelValue
from symbackprop.core.tensors import Index
from symbackprop.notation.names import Names
from symbackprop.notation.sympy_symbols import dim_value


@dataclass(slots=True)
class Writer(ABC):
    """Writes expressions; ``taken`` are names that no position may have."""

    names: Names
    taken: set[str]
    positions: dict[Index, Any] = field(default_factory=dict)

    @abstractmethod
    def value(self, expr: Expr) -> Any:
        """The SymPy object of any expression."""

    def place(self, slot: IndexValue, offset: int = 0) -> Any:
        """A position, plus ``offset``; bound indices and labels count from 0."""
        if isinstance(slot, LabelValue) and slot.label is not None:
            return self.value(slot.label) + 1 + dim_value(slot.offset) + offset
        total = dim_value(slot.offset) + offset
        for index, coefficient in slot.indices:
            total += coefficient * (self.position(index) + 1)
        return total

    def position(self, index: Index) -> Any:
        """The symbol of an index, counting from 0."""
        if index not in self.positions:
            letter = index.letter
            used = {str(symbol) for symbol in self.positions.values()} | self.taken | set(index.dim.names)
            while letter in used:
                letter += "_"
            self.positions[index] = sympy.Symbol(letter, integer=True, nonnegative=True)
        return self.positions[index]
