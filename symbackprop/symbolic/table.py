"""The names of a problem that comes as SymPy objects: dims, arrays, numbers and functions.

A SymPy symbol may be called anything; a name of the plain-text grammar is letters, digits and _. A symbol
whose name is none gets one of its own and keeps its LaTeX. Two different symbols of one name are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import MatrixSymbol
from sympy.concrete.expr_with_limits import ExprWithLimits

from symbackprop.core.tensors import Convention
from symbackprop.errors import InputError
from symbackprop.notation.sympy_structures import Eye
from symbackprop.reading.fields import is_name
from symbackprop.reading.scope import function_names

_LETTERS = "ijklpqrstuvabcnm"
_SIZED = (sympy.Identity, sympy.OneMatrix, sympy.ZeroMatrix, Eye)


@dataclass(slots=True)
class Table:
    """What the names mean, filled while expressions are read.

    symbols    SymPy symbol -> its name, in order of appearance; dims are among them.
    dims       the symbols that are sizes.
    functions  names of arbitrary elementwise functions.
    taken      every name that means something, or may come to.
    """

    convention: Convention
    symbols: dict[Any, str] = field(default_factory=dict)
    dims: set[Any] = field(default_factory=set)
    functions: dict[str, None] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def prepare(self, expressions: Iterable[Any]) -> None:
        """Find the sizes, and every name, before anything is read."""
        for expression in expressions:
            self.taken |= {str(symbol) for symbol in expression.free_symbols}
            for node in sympy.preorder_traversal(expression):
                if isinstance(node, MatrixSymbol):
                    self.dims |= _free(node.shape)
                elif isinstance(node, _SIZED):
                    self.dims |= _free(node.args)
                elif isinstance(node, ExprWithLimits):
                    letters = {limit[0] for limit in node.limits}
                    self.dims |= {s for limit in node.limits for s in _free(limit[1:])} - letters
        for dim in sorted(self.dims, key=str):
            self.name(dim)

    def name(self, symbol: Any) -> str:
        """The name of a symbol. Raises InputError if another symbol is called the same."""
        found: str | None = self.symbols.get(symbol)
        if found is None:
            shown = str(symbol)
            other = next((s for s in self.symbols if str(s) == shown), None)
            if other is not None:
                raise InputError(
                    f"two different symbols are called {shown}: {describe(other)} and {describe(symbol)}",
                    code="redefined",
                    hint="make each symbol once, with the same shape and assumptions",
                )
            found = shown if is_name(shown) else self.fresh(_plain(shown))
            self.symbols[symbol] = found
            self.taken.add(found)
        return found

    def fresh(self, *wishes: str) -> str:
        """A name that nothing has: the first wish that is free, else the last one numbered."""
        used = self.taken | function_names()
        for wish in wishes:
            if wish not in used:
                self.taken.add(wish)
                return wish
        number = next(k for k in range(1, len(used) + 2) if f"{wishes[-1]}{k}" not in used)
        self.taken.add(f"{wishes[-1]}{number}")
        return f"{wishes[-1]}{number}"

    def letter(self, symbol: Any, bound: Iterable[str]) -> str:
        """A letter for a bound index: its own name, if nothing else is called so."""
        used = {*self.taken, *self.functions, *function_names(), *bound}
        spare = (f"i{k}" for k in range(1, len(used) + 2))
        wishes: tuple[str, ...] = (str(symbol).lstrip("_"), *_LETTERS, *spare)
        return next(wish for wish in wishes if is_name(wish) and wish not in used)

    def arrays(self) -> Iterator[tuple[Any, str]]:
        """The symbols that are no dims, with their names, in order of appearance."""
        return ((symbol, name) for symbol, name in self.symbols.items() if symbol not in self.dims)

    def shape(self, symbol: Any) -> tuple[Any, ...]:
        """The declared shape: of a vector in the convention its length, of a number nothing."""
        if not isinstance(symbol, MatrixSymbol):
            return ()
        rows, columns = symbol.shape
        if rows == 1 and columns == 1:
            return ()
        if self.convention.vectors_are_rows:
            return (columns,) if rows == 1 else (rows, columns)
        return (rows,) if columns == 1 else (rows, columns)


def describe(symbol: Any) -> str:
    """A symbol in words, with what tells it from another of its name."""
    if isinstance(symbol, MatrixSymbol):
        return f"a matrix {symbol.shape[0]} x {symbol.shape[1]}"
    facts = ", ".join(f"{key}={value}" for key, value in sorted(symbol.assumptions0.items()) if key in _FACTS)
    return f"a symbol with {facts}" if facts else "a symbol without assumptions"


_FACTS = ("integer", "positive", "real")


def _free(parts: Iterable[Any]) -> set[Any]:
    return {symbol for part in parts for symbol in sympy.sympify(part).free_symbols}


def _plain(shown: str) -> str:
    """A name of the grammar that looks like ``shown``."""
    words = "".join(c if c.isalpha() or c in "0123456789_" else " " for c in shown).split()
    name = "_".join(words).strip("_")
    return name if is_name(name) else f"x_{name}" if is_name(f"x_{name}") else "x"
