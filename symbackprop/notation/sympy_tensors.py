# ruff: noqa: SLF001  (printer._print and _module_format are how SymPy lets classes print themselves)
"""Arrays of more than two indices in SymPy, given by one entry: dZ/dW and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import ImmutableDenseNDimArray, Lambda

from symbackprop.notation.sympy_entries import entries_read


class TensorByEntries(sympy.Expr):
    """``TensorByEntries(Lambda((i, j, k), entry), n, m, l)``: positions count from 0.

    ``tensor[i, j, k]`` is an entry, ``shape`` the extents, ``as_explicit()`` a SymPy array once all of
    them are numbers; ``subs``, ``doit``, ``latex`` and ``lambdify`` work as on any expression.
    """

    is_commutative = True

    @classmethod
    def of(cls, spots: Sequence[Any], body: Any, shape: Sequence[Any]) -> TensorByEntries:
        """The array with entry ``body`` at the positions ``spots``."""
        return cls(Lambda(tuple(spots), body), *shape)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extent along each index."""
        return tuple(self.args[1:])

    @property
    def rank(self) -> int:
        """The number of indices."""
        return len(self.args) - 1

    def __getitem__(self, place: Any) -> Any:
        places = place if isinstance(place, tuple) else (place,)
        if len(places) != self.rank:
            raise IndexError(f"an array of {self.rank} indices is given {len(places)}")
        for spot, size in zip(places, self.shape, strict=True):
            outside = sympy.sympify(spot) >= size
            if outside == True or (isinstance(spot, int) and spot < 0):  # noqa: E712 (a SymPy relation)
                raise IndexError(f"the position {spot} is outside 0..{size - 1}")
        return self.args[0](*places)

    def as_explicit(self) -> Any:
        """Every entry, as a SymPy array; the sizes must be known."""
        if not all(size.is_Integer for size in self.shape):
            raise ValueError("the sizes are not known: substitute numbers for the dims")
        sizes = [int(size) for size in self.shape]
        places = sympy.utilities.iterables.cartes(*(range(size) for size in sizes))
        return ImmutableDenseNDimArray([entries_read(self[place].doit()) for place in places], sizes)

    def doit(self, **hints: Any) -> Any:
        """Every entry, if the sizes are known and no matrix is symbolic."""
        known = all(size.is_Integer for size in self.shape)
        return self.as_explicit() if known and not self.atoms(sympy.MatrixSymbol) else self

    def _eval_subs(self, old: Any, new: Any) -> Any:
        entry = self.args[0]
        if old in entry.variables:
            return self
        changed = Lambda(entry.variables, entry.expr.subs(old, new))
        return self.func(changed, *(size.subs(old, new) for size in self.shape))

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols in the entry and in the shape."""
        found: set[Any] = set(self.args[0].free_symbols)
        return found.union(*(size.free_symbols for size in self.shape))

    def _code(self, printer: Any) -> str:
        body = printer._print(self.args[0].expr)
        for spot, size in reversed(list(zip(self.args[0].variables, self.shape, strict=True))):
            body = f"[{body} for {printer._print(spot)} in range({printer._print(size)})]"
        return f"{printer._module_format('numpy.array')}({body})"

    def _numpycode(self, printer: Any) -> str:
        return self._code(printer)

    def _pythoncode(self, printer: Any) -> str:
        return self._code(printer)

    def _sympystr(self, printer: Any) -> str:
        entry = self.args[0]
        return f"[{printer._print(entry.expr)} for {', '.join(map(printer._print, entry.variables))}]"

    def _latex(self, printer: Any) -> str:
        entry = self.args[0]
        letters = "".join(printer._print(spot) for spot in entry.variables)
        return rf"\left[{printer._print(entry.expr)}\right]_{{{letters}}}"
