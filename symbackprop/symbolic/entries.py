"""Index notation of SymPy as plain text: entries, sums over positions, Kronecker deltas.

SymPy counts positions from 0 and the grammar from 1. A bound index is read under a letter that counts
from 1, so a slot ``e(i)`` becomes ``e(i - 1) + 1``, and an index that stands as a number becomes ``i - 1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import sympy
from sympy import KroneckerDelta, MatrixSymbol
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.errors import UnsupportedError
from symbackprop.notation.sympy_base import shape_of
from symbackprop.reading.syntax import Bind, Bounds, Node, Relation, Sub
from symbackprop.symbolic.nodes import NOWHERE, call, minus, name, number, plus, times
from symbackprop.symbolic.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNS = {
    sympy.Eq: "=", sympy.Ne: "!=", sympy.StrictLessThan: "<", sympy.LessThan: "<=",
    sympy.StrictGreaterThan: ">", sympy.GreaterThan: ">=",
}  # fmt: skip
_BRIEF = 70


class EntryReader:
    """What is read with an index; the readers of numbers and matrices build on it.

    letters  bound index -> its letter.
    raw      whether a bound index counts from 1 as it stands: inside a position.
    lifted   variables of a function that is applied entry by entry -> what they stand for.
    within   the expressions being read, outermost first, for messages.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.letters: dict[Any, str] = {}
        self.raw = False
        self.lifted: dict[Any, Node] = {}
        self.within: list[Any] = []

    def node(self, value: Any) -> Node:
        """The syntax of any SymPy expression."""
        raise NotImplementedError

    def refuse(self, value: Any, hint: str | None = None) -> NoReturn:
        """Raise UnsupportedError with the SymPy class and where it stands."""
        outer = next((e for e in reversed(self.within) if e is not value), None)
        place = f" in {brief(outer)}" if outer is not None else ""
        raise UnsupportedError(
            f"SymPy's {type(value).__name__} is not supported yet: {brief(value)}{place}", hint=hint
        )

    @contextmanager
    def bound(self, indices: Sequence[Any]) -> Iterator[None]:
        """Inside the block the indices have letters."""
        before = dict(self.letters)
        for index in indices:
            self.letters[index] = self.table.letter(index, self.letters.values())
        try:
            yield
        finally:
            self.letters = before

    def position(self, value: Any) -> Node:
        """A position that counts from 0 as one that counts from 1."""
        shifted = value.xreplace({index: index - 1 for index in self.letters}) + 1
        before, self.raw = self.raw, True
        try:
            return self.node(sympy.expand(shifted))
        finally:
            self.raw = before

    def element(self, entry: MatrixElement) -> Node:
        """One entry; an axis that is literally 1 has no slot."""
        base, spots = entry.parent, (entry.i, entry.j)
        sides: tuple[int, ...] = tuple(s for s in (0, 1) if shape_of(base)[s] != 1)
        if isinstance(base, MatrixSymbol) and len(self.table.shape(base)) == 2:
            sides = (0, 1)
        if any(spots[side] != 0 for side in (0, 1) if side not in sides):
            self.refuse(entry, "positions count from 0, and that axis has one entry")
        if not sides:
            return self.node(base)
        return Sub(NOWHERE, self.node(base), tuple(self.position(spots[side]) for side in sides))

    def binder(self, kind: str, total: Any) -> Node:
        """A sum or product over positions."""
        limits = [limit if len(limit) == 3 else self.refuse(total) for limit in total.limits]
        indices = [limit[0] for limit in limits]
        if any(limit[n].has(*indices) for limit in limits for n in (1, 2)):
            limits.reverse()
        with self.bound(indices):
            ranges = tuple(
                Bounds(NOWHERE, self.letters[i], self.position(low), self.position(high))
                for i, low, high in limits
            )
            return Bind(NOWHERE, kind, ranges, self.node(total.function))

    def compared(self, left: Any, right: Any) -> tuple[Node, Node]:
        """Two positions, moved together so that an index stands without an offset."""
        shifted = [sympy.expand(side.xreplace({i: i - 1 for i in self.letters})) for side in (left, right)]
        moving = [side for side in shifted if not side.free_symbols.isdisjoint(self.letters)]
        offset = moving[0].as_coeff_Add()[0] + 1 if moving else 0
        return self.position(left - offset), self.position(right - offset)

    def delta(self, delta: KroneckerDelta) -> Node:
        """1 where two positions agree."""
        return call("kron", *self.compared(*delta.args[:2]))

    def indicator(self, relation: Any) -> Node:
        """1 where a relation holds; between positions both sides count from 1."""
        sign = _SIGNS.get(type(relation))
        if sign is None:
            self.refuse(relation)
        free = relation.free_symbols
        spots = bool(free) and free <= {*self.letters, *self.table.dims} and not free.isdisjoint(self.letters)
        sides = (relation.lhs, relation.rhs)
        left, right = self.compared(*sides) if spots else map(self.node, sides)
        return call("ind", Relation(NOWHERE, left, sign, right))

    def piecewise(self, cases: Any) -> Node:
        """1 or 0 by a condition; one of two numbers by a condition."""
        if len(cases.args) != 2 or cases.args[1].cond is not sympy.true:
            self.refuse(cases, "two cases are read, the second for all that is left")
        (yes, condition), (no, _) = cases.args
        holds = self.indicator(condition)
        if no == 0:
            return holds if yes == 1 else times([self.node(yes), holds])
        fails = self.indicator(sympy.Not(condition))
        if yes == 0:
            return fails if no == 1 else times([self.node(no), fails])
        return plus([times([self.node(yes), holds]), times([self.node(no), fails])])

    def bare(self, index: Any) -> Node | None:
        """A symbol that is bound, or None; an index that stands as a number counts from 0."""
        if index not in self.letters:
            return self.lifted.get(index)
        letter = name(self.letters[index])
        return letter if self.raw else plus([letter, minus(number(1))])


def brief(value: Any) -> str:
    """A SymPy expression for a message."""
    text = str(value)
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 25]} ... {text[-20:]}"


