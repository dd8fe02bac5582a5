"""Equality for all sizes: two expressions whose index forms have one normal form.

``Prover.equal`` tries, in this order: derivatives as letters; derivatives by the values they were found
to have; every intermediate by its definition too. A proof names the declared facts it used. That no proof
is found says nothing about the equality.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.session import Session
from symbackprop.errors import SymbackpropError
from symbackprop.notation.entries import entries_of
from symbackprop.notation.forms import Form
from symbackprop.notation.layouts import as_gradient
from symbackprop.notation.normal import expanded, same
from symbackprop.notation.slots import Slot
from symbackprop.notation.substitution import at, entry_in

LARGEST = 400  # nodes of a side that is still multiplied out

Values = Callable[[Partial], "Expr | None"]


@dataclass(frozen=True, slots=True)
class Proof:
    """An equality that holds for all sizes; ``uses`` are the declared facts, in words."""

    uses: tuple[str, ...] = ()


@dataclass(slots=True)
class Prover:
    """Proves equalities over one graph, with the derivatives of one session."""

    session: Session
    _values: dict[Partial, Expr] = field(default_factory=dict)
    _forms: dict[Partial, tuple[Form, tuple[Slot, ...]]] = field(default_factory=dict)

    def equal(self, left: Expr, right: Expr) -> Proof | None:
        """A proof of ``left = right`` for all values of their free indices, or None."""
        left, right = as_gradient(left), as_gradient(right)
        if left == right:
            return Proof()
        for unfold in (self._as_letters, self._by_values, self._by_definitions):
            try:
                sides = (unfold(left), unfold(right))
                if any(_size(side) > LARGEST for side in sides):
                    return None
                found = self._same(*sides)
            except (SymbackpropError, ValueError, KeyError, AssertionError, RecursionError):
                continue
            if found is not None:
                return found
        return None

    def value(self, partial: Partial) -> Expr | None:
        """What a derivative was found to be, in named intermediates; None for one that stays a letter."""
        if not partial.of.is_scalar:
            return None
        if partial not in self._values:
            derived = self.session.derive(partial.of, partial.by)
            self._values[partial] = derived.values[partial.by]
        value = self._values[partial]
        return None if value == partial else value

    def jacobian_entry(self, element: Element) -> Expr | None:
        """``dP[i]/dZ[j]`` by the calculus, in named intermediates; None at slots that forms do not write."""
        partial = element.base
        assert isinstance(partial, Partial)
        of, by = partial.of, partial.by
        slots = [shop_slot(slot) for slot in element.slots]
        if any(slot is None for slot in slots):
            return None
        if partial not in self._forms:
            self._forms[partial] = self.session.jacobian_form(of, by)
        form, indices = self._forms[partial]
        wanted = [slots[axis] for axis in of.index_axes] + [slots[of.rank + axis] for axis in by.index_axes]
        places = {old: new for old, new in zip(indices, wanted, strict=True) if new is not None}
        shop = self.session.shop
        return entries_of(shop.tidy(form.rename(places)), shop.leaf)  # type: ignore[arg-type]

    def _as_letters(self, expr: Expr) -> Expr:
        return self._changed(expr, lambda partial: None, lambda tensor: None)

    def _by_values(self, expr: Expr) -> Expr:
        return self._changed(expr, self.value, lambda tensor: None)

    def _by_definitions(self, expr: Expr) -> Expr:
        return self._changed(expr, self.value, self.session.definition)

    def _changed(self, expr: Expr, values: Values, definition: Callable[[Tensor], Expr | None]) -> Expr:
        if isinstance(expr, Element) and isinstance(expr.base, Partial) and _is_local(expr):
            entry = self.jacobian_entry(expr)
            return expr if entry is None else self._changed(entry, values, definition)
        if isinstance(expr, Jacobian):
            return self._changed(expr.comprehension(), values, definition)
        if isinstance(expr, Partial):
            value = values(expr)
            return expr if value is None else self._changed(value, values, definition)
        if isinstance(expr, Leaf):
            value = definition(expr.tensor)
            return expr if value is None else self._changed(value, values, definition)
        if isinstance(expr, Element) and isinstance(expr.base, Leaf | Partial):
            tensor = expr.base.array
            base = self._changed(expr.base, values, definition)
            return expr if base == expr.base else entry_in(base, tensor, expr.slots)
        return expr.map_children(lambda child: self._changed(child, values, definition))

    def _same(self, left: Expr, right: Expr) -> Proof | None:
        shape = left.shape if not left.is_scalar else right.shape
        row, column = (
            None if dim.is_one else Index(dim, letter) for dim, letter in zip(shape, "pq", strict=True)
        )
        first, used = self._form(left, row, column)
        second, more = self._form(right, row, column)
        return Proof(tuple(dict.fromkeys((*used, *more)))) if same(first, second) else None

    def _form(self, expr: Expr, row: Index | None, column: Index | None) -> tuple[Form, list[str]]:
        shop = self.session.shop
        lowering = shop.lowering.with_partials(lambda partial: shop.cotangent(partial.of, partial.by))
        if isinstance(expr, Comprehension):
            change = {
                own: IndexValue(((place, 1),))
                for own, place in ((expr.row, row), (expr.column, column))
                if own is not None and place is not None
            }
            form = lowering.lower(at(expr.body, change), None, None)
        else:
            rows, columns = expr.shape
            form = lowering.lower(expr, None if rows.is_one else row, None if columns.is_one else column)
        words: list[str] = []
        for _ in range(2):  # a fact may apply only when sums are multiplied out
            form, used = shop.assume(shop.tidy(form))
            words.extend(fact.words for fact in used)
            form = expanded(form)
        return form, words


def shop_slot(slot: IndexValue) -> Index | int | None:
    """A position as forms write it; None for one that they do not."""
    if slot.single is not None:
        return slot.single
    return slot.offset.constant if not slot.indices and slot.offset.is_number else None


def _is_local(expr: Element) -> bool:
    return isinstance(expr.base, Partial) and not expr.base.of.is_scalar


def _size(expr: Expr) -> int:
    count = 0
    for _ in expr.walk():
        count += 1
        if count > LARGEST:
            break
    return count
