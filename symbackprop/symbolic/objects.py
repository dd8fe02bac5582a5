# ruff: noqa: SLF001  (printer._print is how SymPy lets classes print themselves)
"""SymPy objects that only an author writes: a function of a number kept by its name, an arbitrary loss.

Results write a sigmoid of a number as 1/(1 + exp(-a)); a forward pass keeps the name, since that is
what the derivation is told in.
"""

from __future__ import annotations

from typing import Any

import sympy

from symbackprop.notation.sympy_base import LOOKUP, OwnScalar, cell
from symbackprop.notation.sympy_grids import Grid
from symbackprop.notation.sympy_objects import scalar_rule


class ScalarApplied(OwnScalar):
    """An elementwise operation of numbers: ``ScalarApplied(OperationName(operation), *numbers)``."""

    def grid(self, values: list[Grid]) -> Grid:
        return scalar_rule(self.args[0].operation, self.args[0].primes, tuple(cell(v) for v in values))

    def doit(self, **hints: Any) -> Any:
        """The formula of the operation."""
        operands = [operand.doit(**hints) for operand in self.operands]
        return scalar_rule(self.args[0].operation, self.args[0].primes, tuple(operands))

    def _eval_derivative(self, symbol: Any) -> Any:
        return self.doit().diff(symbol)

    def _code(self, printer: Any) -> str:
        texts = ", ".join(printer._print(operand) for operand in self.operands)
        if self.args[0].primes:
            return f"({printer._print(self.doit())})"
        return f"{printer._module_format(LOOKUP)}('{self.args[0].operation.name}').forward({texts})"

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.args[0])}({', '.join(printer._print(o) for o in self.operands)})"

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer._print(operand) for operand in self.operands)
        return rf"{printer._print(self.args[0])}\left({inner}\right)"


class AbstractLoss(OwnScalar):
    """An arbitrary differentiable scalar of arrays: ``AbstractLoss(name, *operands)``, the name a symbol."""

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments without the name."""
        return tuple(self.args[1:])

    def doit(self, **hints: Any) -> Any:
        """The same with evaluated arguments: nothing is known of the function."""
        return self.func(self.args[0], *(operand.doit(**hints) for operand in self.operands))

    def grid(self, values: list[Grid]) -> Grid:
        return self.func(self.args[0], *(cell(value) for value in values))

    def _eval_derivative(self, symbol: Any) -> Any:
        return sympy.Derivative(self, symbol, evaluate=False)

    def _code(self, printer: Any) -> str:
        texts = ", ".join(printer._print(operand) for operand in self.operands)
        return f"{printer._print(self.args[0])}({texts})"

    def _sympystr(self, printer: Any) -> str:
        return self._code(printer)

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer._print(operand) for operand in self.operands)
        return rf"{printer._print(self.args[0])}\left({inner}\right)"
