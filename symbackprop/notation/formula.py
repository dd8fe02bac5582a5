"""A printable formula: a typed expression together with the names it is printed with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symbackprop.core.expr import Expr
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text


@dataclass(frozen=True, slots=True, repr=False)
class Formula:
    """``text`` is read back by the grammar; ``latex`` goes on the page; ``sympy`` is built on demand."""

    expr: Expr
    names: Names
    _text: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Formula {self.text}>"

    @property
    def text(self) -> str:
        """The formula in the plain-text grammar; printed once."""
        if not self._text:
            self._text.append(to_text(self.expr, self.names))
        return self._text[0]

    @property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return to_latex(self.expr, self.names)

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex}$"

    @property
    def sympy(self) -> Any:
        """The formula as a SymPy expression (SymPy is imported here, not before)."""
        from symbackprop.notation.sympy_out import to_sympy

        return to_sympy(self.expr, self.names)
