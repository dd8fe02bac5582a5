"""The names that formulas are printed with: dims, derivatives and style are data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Tensor


@dataclass(frozen=True, slots=True)
class Names:
    """How things are called in print.

    dims      name of a dim -> its LaTeX, where it differs from the name.
    partials  (of, by) -> (name in text, LaTeX or None) from ``notation:``.
    style     the ``style:`` keys of the problem file that are in force.
    reserved  names that no index may have: the symbols, dims and functions of the problem.
    first     what the first position is called, 0 or 1.
    sympy     our SymPy symbol -> the author's own, where the problem came as SymPy objects.
    """

    dims: Mapping[str, str] = field(default_factory=dict)
    partials: Mapping[tuple[Tensor, Tensor], tuple[str, str | None]] = field(default_factory=dict)
    style: Mapping[str, str] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()
    first: int = 1
    sympy: Mapping[Any, Any] = field(default_factory=dict)

    def partial_name(self, partial: Partial) -> tuple[str, str | None] | None:
        """The declared name of a derivative, or None: then it is printed as dL/dW."""
        named = self.partials.get((partial.of, partial.by))
        if named is None and self.partials:  # the same graph with numbers for dims has tensors of its own
            wanted = (partial.of.name, partial.by.name)
            found = (one for (of, by), one in self.partials.items() if (of.name, by.name) == wanted)
            named = next(found, None)
        return named


PLAIN = Names()
