# ruff: noqa: SLF001  (printer._print and _module_format are how SymPy lets classes print themselves)
"""Index notation in SymPy: sums and products over positions, and matrices given by their entries."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import ImmutableDenseMatrix, Lambda
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.matrixbase import MatrixBase

from symbackprop.notation.sympy_base import OwnMatrix, sizes_known


class Cases(sympy.Expr):
    """``Piecewise`` below a binder: ``Cases((value, condition), ...)``, the first that holds.

    SymPy draws a ``Piecewise`` out of the sum that binds what its conditions hold, and out of relations.
    """

    def __new__(cls, *pairs: Any) -> Any:
        """Of pairs as a ``Piecewise`` has them."""
        return sympy.Expr.__new__(cls, *(sympy.Tuple(*pair) for pair in pairs))

    is_commutative = True

    @property
    def plain(self) -> Any:
        """The same as a ``Piecewise``."""
        return sympy.Piecewise(*(tuple(pair) for pair in self.args))

    def doit(self, **hints: Any) -> Any:
        """The case that holds, where that is known."""
        return sympy.Piecewise(*((value.doit(**hints), holds.doit(**hints)) for value, holds in self.args))

    def _printed(self, printer: Any) -> str:
        return str(printer._print(self.plain))

    _numpycode = _sympystr = _latex = _printed


def hidden(value: Any) -> Any:
    """Every ``Piecewise`` as ``Cases``."""
    value = sympy.sympify(value)
    if not value.has(sympy.Piecewise):
        return value
    return value.replace(lambda node: isinstance(node, sympy.Piecewise), lambda node: Cases(*node.args))


def shown(value: Any) -> Any:
    """Every ``Cases`` that no binder holds as a ``Piecewise``."""
    if isinstance(value, Cases):
        return sympy.Piecewise(*((shown(inner), holds) for inner, holds in value.args))
    if isinstance(value, EntrySum | EntryProduct | EntryMax) or not value.has(Cases):
        return value
    return value.func(*(shown(arg) for arg in value.args))


def _replaced(entries: Any, old: Any, new: Any) -> Any:
    """``subs`` below a binder: SymPy's own overlooks dims that stand only in the shapes of matrices."""
    if old in entries.variables:
        return entries
    if not set(entries.variables).isdisjoint(getattr(new, "free_symbols", ())):
        entries = entries.xreplace({symbol: symbol.as_dummy() for symbol in entries.variables})
    limits = [(limit[0], *(bound.subs(old, new) for bound in limit[1:])) for limit in entries.limits]
    return entries.func(entries.function.subs(old, new), *limits)


def _written_out(entries: Any, hints: dict[str, Any]) -> Any:
    """The terms or factors, outermost binder first; unchanged while a limit is no number.

    SymPy's own ``doit`` looks for closed forms, which entries of explicit matrices do not have.
    """
    *inner, (spot, low, high) = entries.limits
    if not (low.is_Integer and high.is_Integer):
        return entries
    body = entries.func(entries.function, *inner) if inner else entries.function
    parts = [body.subs(spot, place).doit(**hints) for place in range(int(low), int(high) + 1)]
    whole = sympy.Mul(*parts) if isinstance(entries, EntryProduct) else sympy.Add(*parts)
    return entries_read(shown(whole))


class EntrySum(sympy.Sum):
    """A sum over positions: an empty range is 0, ``subs`` reaches shapes, ``doit`` reads entries."""

    def __new__(cls, function: Any, *limits: Any, **assumptions: Any) -> Any:
        """Of terms in which no ``Piecewise`` is left."""
        return sympy.Sum.__new__(cls, hidden(function), *limits, **assumptions)

    def doit(self, **hints: Any) -> Any:
        """The sum, written out if its limits are numbers."""
        return _written_out(self, hints)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return _replaced(self, old, new)


class EntryProduct(sympy.Product):
    """A product over positions; like ``EntrySum``, and accepted by ``lambdify``."""

    def __new__(cls, function: Any, *limits: Any, **assumptions: Any) -> Any:
        """Of factors in which no ``Piecewise`` is left."""
        return sympy.Product.__new__(cls, hidden(function), *limits, **assumptions)

    def doit(self, **hints: Any) -> Any:
        """The product, written out if its limits are numbers."""
        return _written_out(self, hints)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return _replaced(self, old, new)

    def _numpycode(self, printer: Any) -> str:
        loops = []
        for limit in reversed(self.limits):
            spot, start, stop = (printer._print(part) for part in (limit[0], limit[1], limit[2] + 1))
            loops.append(f"for {spot} in range({start}, {stop})")
        return f"{printer._module_format('numpy.prod')}([{printer._print(self.function)} {' '.join(loops)}])"


class EntryMax(sympy.Expr):
    """The largest over positions: ``EntryMax(body, (spot, low, high), counts)``.

    Positions where ``counts`` is 0 are left out.
    """

    is_commutative = True

    def __new__(cls, body: Any, limit: Any, counts: Any = sympy.S.One) -> Any:
        """Of one position what it is."""
        return sympy.Expr.__new__(cls, hidden(body), sympy.Tuple(*limit), hidden(counts))

    @property
    def bound_symbols(self) -> list[Any]:
        """The position that runs."""
        return [self.args[1][0]]

    @property
    def free_symbols(self) -> set[Any]:
        """All symbols but the position."""
        spot, low, high = self.args[1]
        inside = self.args[0].free_symbols | self.args[2].free_symbols
        found: set[Any] = (inside - {spot}) | low.free_symbols | high.free_symbols
        return found

    def doit(self, **hints: Any) -> Any:
        """The largest, written out if the limits are numbers."""
        spot, low, high = self.args[1]
        if not (low.is_Integer and high.is_Integer):
            return self
        places = range(int(low), int(high) + 1)
        kept = [place for place in places if self.args[2].subs(spot, place) != 0]
        return entries_read(sympy.Max(*(self.args[0].subs(spot, place).doit(**hints) for place in kept)))

    def _eval_subs(self, old: Any, new: Any) -> Any:
        spot, low, high = self.args[1]
        if old == spot:
            return self
        body, limit, counts = self.args[0], (spot, low.subs(old, new), high.subs(old, new)), self.args[2]
        if spot in getattr(new, "free_symbols", ()):
            other = spot.as_dummy()
            body, counts = body.xreplace({spot: other}), counts.xreplace({spot: other})
            limit = (other, *limit[1:])
        return EntryMax(body.subs(old, new), limit, counts.subs(old, new))

    def _numpycode(self, printer: Any) -> str:
        spot, low, high = self.args[1]
        body, here, first, stop = (printer._print(part) for part in (self.args[0], spot, low, high + 1))
        chosen = "" if self.args[2] == 1 else f" if {printer._print(self.args[2])}"
        largest = printer._module_format("numpy.amax")
        return f"{largest}([{body} for {here} in range({first}, {stop}){chosen}])"

    def _sympystr(self, printer: Any) -> str:
        return f"Max({printer._print(self.args[0])}, {printer._print(self.args[1])})"

    def _latex(self, printer: Any) -> str:
        spot, low, high = (printer._print(part) for part in self.args[1])
        return rf"\max_{{{low} \leq {spot} \leq {high}}} {printer._print(self.args[0])}"


def entry_sums(value: Any) -> Any:
    """SymPy's sums as ours."""
    return value.replace(lambda node: type(node) is sympy.Sum, lambda node: EntrySum(*node.args))


def entries_read(value: Any) -> Any:
    """Entries of explicit matrices at known positions as what they are."""
    return value.replace(
        lambda node: isinstance(node, MatrixElement) and isinstance(node.parent, MatrixBase),
        lambda node: node.parent[node.i, node.j] if node.i.is_Integer and node.j.is_Integer else node,
    )


class ByEntries(OwnMatrix):
    """A matrix given by its entries: ``ByEntries(Lambda((i, j), entry), rows, columns)``, from 0."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        return (self.args[1], self.args[2])

    @property
    def operands(self) -> tuple[Any, ...]:
        """The matrices that stand in the entries."""
        return tuple(self.args[0].expr.atoms(sympy.MatrixSymbol))

    def general_entry(self, i: Any, j: Any) -> Any:
        return self.args[0](i, j)

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        return self.args[0](i, j)

    def as_explicit(self) -> Any:
        """Every entry; the sizes must be known."""
        if not sizes_known(self):
            raise ValueError("the sizes are not known: substitute numbers for the dims")
        rows, columns = (int(size) for size in self.shape)
        return ImmutableDenseMatrix(rows, columns, lambda i, j: self.args[0](i, j).doit())

    def doit(self, **hints: Any) -> Any:
        """Every entry, if the sizes are known and the matrices are explicit."""
        if sizes_known(self) and not self.operands:
            return self.as_explicit()
        return self

    def _code(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        texts = [printer._print(part) for part in (body, row, column, *self.shape)]
        array = printer._module_format("numpy.array")
        body_text, i, j, rows, columns = texts
        return f"{array}([[{body_text} for {j} in range({columns})] for {i} in range({rows})])"

    def _sympystr(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        return f"[{printer._print(body)} for {row}, {column}]"

    def _latex(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        return rf"\left[{printer._print(body)}\right]_{{{printer._print(row)}{printer._print(column)}}}"


def by_entries(row: Any, column: Any, body: Any, shape: tuple[Any, Any]) -> Any:
    """The matrix with entry ``body`` at (row, column)."""
    return ByEntries(Lambda((row, column), body), *shape)
