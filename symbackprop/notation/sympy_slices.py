"""A piece of a matrix as a SymPy object."""

from __future__ import annotations

from typing import Any

import numpy as np

from symbackprop.notation.sympy_base import OwnMatrix, is_known, sizes_known
from symbackprop.notation.sympy_grids import Grid


class Piece(OwnMatrix):
    """``Piece(base, top, rows, left, columns)``: rows and columns from (top, left), counted from 0."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        return (self.args[2], self.args[4])

    @property
    def operands(self) -> tuple[Any, ...]:
        """The matrix it is taken from."""
        return (self.args[0],)

    def span(self) -> tuple[Any, Any, Any, Any]:
        """First and last row and column, the last not in it."""
        _, top, rows, left, columns = self.args
        return top, top + rows, left, left + columns

    def grid(self, values: list[Grid]) -> Grid:
        top, bottom, left, right = (int(place) for place in self.span())
        return np.asarray(values[0], dtype=object)[top:bottom, left:right]

    def doit(self, **hints: Any) -> Any:
        """The explicit piece, if every size and place is known."""
        new: Any = self.func(*(arg.doit(**hints) for arg in self.args))
        known = is_known(new.args[0]) and sizes_known(new, new.args[0])
        return new.as_explicit() if known and all(place.is_Integer for place in new.span()) else new

    def general_entry(self, i: Any, j: Any) -> Any:
        """The entry of the matrix it is taken from."""
        return self.args[0][self.args[1] + i, self.args[3] + j]

    def _text(self, printer: Any) -> str:
        top, bottom, left, right = (printer._print(place) for place in self.span())  # noqa: SLF001
        return f"({printer._print(self.args[0])})[{top}:{bottom}, {left}:{right}]"  # noqa: SLF001

    _code = _sympystr = _text

    def _latex(self, printer: Any) -> str:
        spans = [
            rf"{printer._print(low + 1)}:{printer._print(low + size)}"  # noqa: SLF001
            for low, size in (self.args[1:3], self.args[3:5])
        ]
        return rf"\left({printer._print(self.args[0])}\right)_{{{', '.join(spans)}}}"  # noqa: SLF001
