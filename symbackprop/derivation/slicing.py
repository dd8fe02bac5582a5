"""Forms at a fixed position of some indices, spelled as matrices over the others.

``P[n,k]`` at a fixed n is the vector ``P[n,:]``, an indicator [i = k] at a fixed i is row i of the identity,
and a derivative dY[a]/du[j] at a fixed a is the gradient of one entry. That is how a batch is
written row by row, and an array of three indices slice by slice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, DimValue, Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, Indicator, Run, Slice
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Atom, Form, Term
from symbackprop.notation.slots import Slot, indices_in, parts_of_slot
from symbackprop.ops.registry import lookup

if TYPE_CHECKING:  # lines sum over members of families, which are slices
    from symbackprop.derivation.lines import Lines


def _eye() -> Operation:
    found = lookup("eye")
    assert found is not None
    return found


class CannotSliceError(Exception):
    """A factor of this kind has no name at a fixed position."""


@dataclass(slots=True)
class Slicer:
    """Slices forms at the positions ``held``; the names it makes are kept, so that equal slices are equal.

    ``indicators``: of two held positions that may be equal [j = l] is a factor.
    """

    lines: Lines
    held: Collection[Index]
    flipped: bool = False
    indicators: bool = False
    made: dict[tuple[Tensor | Dim, tuple[Slot | None, ...]], Tensor] = field(default_factory=dict)

    def spelled(self, form: Form, row: Index | None, column: Index | None) -> Expr | None:
        """The matrix over (row, column), or None where it has no name."""
        try:
            return self.lines.speller.spell(self.form(form), row, column)
        except CannotSliceError:
            return None

    def form(self, form: Form) -> Form:
        """The form with entries of arrays replaced by entries of their slices."""
        return Form(
            Term(t.coefficient, tuple((self._atom(atom), e) for atom, e in t.factors), t.bound)
            for t in form.terms
        )

    def _is_held(self, slot: Slot) -> bool:
        return any(index in self.held for index in indices_in(slot))

    def _atom(self, atom: Atom) -> Atom:
        if isinstance(atom, Entry) and any(self._is_held(slot) for slot in atom.slots):
            return self._entry(atom)
        if isinstance(atom, Delta) and (self._is_held(atom.left) or self._is_held(atom.right)):
            if self.indicators and self._is_held(atom.left) and self._is_held(atom.right):
                return self._indicator(atom)
            return self._unit(atom)
        return atom.map_parts(self.form)

    def _indicator(self, atom: Delta) -> Atom:
        """[j = l] where both are held: a number."""
        key: tuple[Tensor | Dim, tuple[Slot | None, ...]] = (ONE, (atom.left, atom.right))
        if key not in self.made:
            self._make(key, (), Indicator(_value(atom.left), "=", _value(atom.right)))
        return Entry(self.made[key], ())

    def _unit(self, atom: Delta) -> Atom:
        """[i = k] at a fixed i: entry k of a unit vector, of the part of it over which k runs."""
        held, free = (atom.left, atom.right) if self._is_held(atom.left) else (atom.right, atom.left)
        if not isinstance(free, Index) or self._is_held(free) or not isinstance(held, Index):
            raise CannotSliceError
        size = free.dim if (free.dim - held.dim).never_negative else held.dim
        if not (size - free.dim).never_negative:
            raise CannotSliceError  # nobody knows which of the two runs further
        key = (free.dim, (held,))
        if key not in self.made:
            convention = self.lines.shop.graph.convention
            eye = Call(_eye(), (DimValue(size),), (size, size))
            slots = (_value(held), _whole(free.dim))
            self._make(key, (free.dim,), Slice(eye, slots, convention.vectors_are_rows))
        return Entry(self.made[key], (free,))

    def _entry(self, atom: Entry) -> Atom:
        """An entry at held positions: an entry of a slice."""
        tensor = atom.tensor
        given = iter(atom.slots)
        slots = [1 if dim.is_one else next(given) for dim in tensor.shape]
        for slot in slots:
            if self._is_held(slot) and not all(index in self.held for index in indices_in(slot)):
                raise CannotSliceError  # x[j+r-1] at a fixed r, while j runs
        kept = [slot for slot in slots if not isinstance(slot, int) and not self._is_held(slot)]
        holds = tuple(slot if isinstance(slot, int) or self._is_held(slot) else None for slot in slots)
        key = (tensor, holds)
        if key not in self.made:
            dims = tuple(dim for dim, slot in zip(tensor.shape, holds, strict=True) if slot is None)
            self._make(key, dims, self._slice(tensor, holds))
        return Entry(self.made[key], tuple(kept))

    def _make(
        self, key: tuple[Tensor | Dim, tuple[Slot | None, ...]], dims: tuple[Dim, ...], expr: Expr
    ) -> None:
        made = Tensor("slice", dims, self.lines.shop.graph.convention)
        self.made[key] = made
        self.lines.shop.helpers[made] = expr

    def _slice(self, tensor: Tensor, holds: tuple[Slot | None, ...]) -> Expr:
        base = self.lines.shop.leaf(tensor)
        if isinstance(base, Partial) and len(holds) > base.by.rank:
            slots = tuple(None if slot is None else _value(slot) for slot in holds)
            own, other = slots[: base.of.rank], slots[base.of.rank :]
            held = [side if any(slot is not None for slot in side) else () for side in (own, other)]
            return Jacobian(base.of, base.by, self.flipped, None, held[0], held[1])
        if not isinstance(base, Leaf | Partial):
            raise CannotSliceError
        if all(slot is not None for slot in holds):
            return Element(base, tuple(_value(slot) for slot in holds if slot is not None))
        places = tuple(
            _whole(dim) if slot is None else _value(slot)
            for dim, slot in zip(tensor.shape, holds, strict=True)
        )
        return Slice(base, places, self.lines.shop.graph.convention.vectors_are_rows)


def _value(slot: Slot) -> IndexValue:
    return IndexValue(*parts_of_slot(slot))


def _whole(dim: Dim) -> Run:
    """``:``."""
    return Run(IndexValue((), ONE), dim)
