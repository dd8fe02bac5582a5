"""Expressions brought to their full shape: ones and zeros where an expression does not depend on a side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import UNIT, ZERO, Add, Call, DimValue, Divide, Expr, Hadamard, MatMul, Neg, Shape
from symbackprop.core.tensors import Index
from symbackprop.notation.building import hadamard, product, shorter_way, transposed
from symbackprop.notation.network import Operations
from symbackprop.notation.slots import Place


@dataclass(frozen=True, slots=True)
class Shapes:
    """Fills sides. ``operation`` gives an operation by name; ``rows`` says whether vectors are rows."""

    operation: Operations
    rows: bool

    def call(self, name: str, args: tuple[Expr, ...], shape: Shape) -> Call:
        """A call of an operation of the table."""
        return Call(self.operation(name), args, shape)

    def full(self, expr: Expr, row: Place, column: Place) -> Expr:
        """The expression with the sides filled on which it does not depend."""
        rows, columns = expr.shape
        need_row = row is not None and rows.is_one
        need_column = column is not None and columns.is_one
        if not need_row and not need_column:
            return expr
        if expr == ZERO or expr.is_scalar:
            return self._constant(expr, row, column)
        if need_row:
            assert row is not None
            return product(self._ones(row.dim, down=True), expr)
        assert column is not None
        return product(expr, self._ones(column.dim, down=False))

    def zeros(self, row: Dim | None, column: Dim | None) -> Expr:
        """Zeros of that extent; None: that side is 1."""
        places = [None if dim is None else Index(dim, "i") for dim in (row, column)]
        return self._constant(ZERO, places[0], places[1])

    def _constant(self, expr: Expr, row: Place, column: Place) -> Expr:
        name = "zeros" if expr == ZERO else "ones"
        if row is not None and column is not None:
            shape = (row.dim, column.dim)
            filled: Expr = Call(self.operation(name), (DimValue(row.dim), DimValue(column.dim)), shape)
        else:
            place = row if row is not None else column
            assert place is not None
            filled = self._ones(place.dim, down=row is not None, name=name)
        if expr in (ZERO, UNIT):
            return filled
        if isinstance(expr, Neg):
            return Neg(self._constant(expr.arg, row, column))
        if isinstance(expr, Divide):
            return Divide(product(expr.num, filled), expr.den)
        return product(expr, filled)

    def _ones(self, dim: Dim, *, down: bool, name: str = "ones") -> Expr:
        shape = (ONE, dim) if self.rows else (dim, ONE)
        vector = Call(self.operation(name), (DimValue(dim),), shape)
        return vector if down != self.rows else transposed(vector)

    def as_diagonal(self, vector: Expr, dim: Dim) -> Expr:
        """diag(v), of the vector the way its shorter spelling lies."""
        return Call(self.operation("diag"), (shorter_way(vector),), (dim, dim))

    def filled(self, expr: Expr, row: Place, column: Place) -> Expr:
        """The same as a Jacobian is written: nothing is stretched.

        Every term of a sum has the full shape, I - 1 p^T where ``expr`` stretches p^T; a vector scales the
        rows or columns of a matrix as a diagonal matrix: diag(v) W for v * W.
        """
        if isinstance(expr, Add):
            return Add(tuple(self._stretched(term, row, column) for term in expr.terms))
        if isinstance(expr, Hadamard):
            return self._by_diagonals(expr) or expr
        return _scaling(expr, lambda one: self.filled(one, row, column)) or expr

    def _stretched(self, expr: Expr, row: Place, column: Place) -> Expr:
        """A term in the full shape, what scales it in front."""
        if not expr.is_scalar:
            found = _scaling(expr, lambda one: self._stretched(one, row, column))
            if found is not None:
                return found
        if isinstance(expr, Hadamard):
            return self._by_diagonals(expr) or self.full(expr, row, column)
        return self.full(expr, row, column)

    def _by_diagonals(self, expr: Hadamard) -> Expr | None:
        """diag(v) W diag(u) for v * W * u^T."""
        rows, columns = expr.shape
        whole = [one for one in expr.factors if one.shape == expr.shape]
        down = [one for one in expr.factors if one.shape == (rows, ONE)]
        across = [one for one in expr.factors if one.shape == (ONE, columns)]
        count = len(whole) + len(down) + len(across)
        if rows.is_one or columns.is_one or count != len(expr.factors) or not whole or len(whole) == count:
            return None
        left = [self.as_diagonal(hadamard(*down), rows)] if down else []
        right = [self.as_diagonal(hadamard(*across), columns)] if across else []
        return product(*left, hadamard(*whole), *right)


def _scaling(expr: Expr, change: Callable[[Expr], Expr]) -> Expr | None:
    """The same multiple of a changed array; None where nothing scales."""
    if isinstance(expr, Neg):
        return Neg(change(expr.arg))
    if isinstance(expr, Divide) and expr.den.is_scalar:
        return Divide(change(expr.num), expr.den)
    if isinstance(expr, MatMul) and sum(not factor.is_scalar for factor in expr.factors) == 1:
        scales = [factor for factor in expr.factors if factor.is_scalar]
        (array,) = (factor for factor in expr.factors if not factor.is_scalar)
        return product(*scales, change(array))
    return None
