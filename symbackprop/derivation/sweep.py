"""The reverse sweep: one named cotangent a node, accumulated once, from the loss backwards.

For a node V that the equations C use, with V-bar the derivative of the loss by V:

    V-bar[p] = sum over C, sum over the entries of C:  C-bar[out] dC[out]/dV[p]

C-bar is the *named* cotangent, so size grows linearly with depth. ``stages`` makes the lines.

What is differentiated need not be a scalar: for an array Y the sweep runs from one entry Y[a], whose
indices ``head`` then stand free in every form, and C-bar[c] is dY[a]/dC[c]. Nothing is inlined
there, so that a Jacobian of several layers stays the product of its local Jacobians.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.local_forms import axis_indices, indices_of, side_indices
from symbackprop.derivation.mirrors import mirrored, same_mirrored
from symbackprop.derivation.paths import Paths
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.derivation.stages import stages_of
from symbackprop.notation.atoms import Delta
from symbackprop.notation.forms import Form, Term
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot


class Sweep(Paths):
    """One backward pass from ``loss`` to every tensor of ``wrt``."""

    def run(self) -> Mapping[Tensor, Quantity]:
        """The cotangent of every node on a path, the loss last."""
        for equation in self._active:
            if equation.target in self._locals or equation.abstract:
                self._visit(equation.target)
        for tensor in self.graph.tensors.values():
            if tensor in self._wrt:
                self._visit(tensor)
        return self.quantities

    def _visit(self, tensor: Tensor) -> None:
        if tensor in self.quantities:
            return
        row, column = side_indices(tensor, self._letters)
        axes = axis_indices(tensor, self._axis_letters(tensor))
        free = indices_of(tensor, row, column, axes)
        if tensor is self.loss:
            own = self._slots(tensor, free) if self.head else ()
            deltas = tuple((Delta(a, b), 1) for a, b in zip(self.head, own, strict=True))
            unit = Stage("unit", settled(normal(Form((Term(Fraction(1), deltas),))), self.apart))
            self.quantities[tensor] = self._quantity(tensor, row, column, (unit,), axes=axes)
            return
        stages = stages_of(self, tensor, self._slots(tensor, free))
        bypassed = tuple(
            p
            for user in self.users_of(tensor)
            for p in self._roads.bypassed.get(user.equation.target, ())
            if self.shop.locals[p].form.mentions(tensor)
        )
        stages = self._mirrored(stages)
        self.quantities[tensor] = found = self._quantity(tensor, row, column, stages, bypassed, axes)
        if self._is_symmetric(found):
            self._symmetric.add(self.shop.cotangent(self.loss, tensor))

    def _mirrored(self, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        """dL/dS + (dL/dS)^T = 2 dL/dS, where dL/dS is symmetric."""
        form = mirrored(stages[-1].form, self._symmetric) if self._symmetric else stages[-1].form
        if form is stages[-1].form:
            return stages
        names = {tensor: self.shop.partial_of[tensor].by for tensor in self._symmetric & form.tensors}
        return (*stages, Stage("symmetric", self.shop.tidy(form), inserted=tuple(names.values())))

    def _is_symmetric(self, quantity: Quantity) -> bool:
        """Whether a cotangent equals its transpose; one that is differentiated once more need not stay so."""
        row, column = quantity.row, quantity.column
        if self.head or not self._once or row is None or column is None or row.dim != column.dim:
            return False
        form = self.shop.tidy(quantity.form)
        turned = normal(form.rename({row: column, column: row}))
        return same_mirrored(form, turned, self._symmetric)

    def _axis_letters(self, tensor: Tensor) -> list[str]:
        """The letters of the free indices by axis; members of a family are counted by that of their dim."""
        if not tensor.over or self._given:
            return self._spare
        first = self.shop.letter(tensor.shape[0], "ts")
        return [first, *(letter for letter in self._spare if letter != first)]

    def _quantity(
        self,
        tensor: Tensor,
        row: Index | None,
        column: Index | None,
        stages: tuple[Stage, ...],
        bypassed: tuple[Tensor, ...] = (),
        axes: tuple[Index, ...] | None = None,
    ) -> Quantity:
        places = self.places if tensor in self._wrt else None
        return Quantity(tensor, row, column, stages, bypassed, self.head, places, self.apart, axes)

    def _slots(self, tensor: Tensor, free: tuple[Index, ...]) -> tuple[Slot, ...]:
        """By which entry of ``tensor`` is differentiated."""
        if self.places is not None and tensor in self._wrt:
            return self.places
        return free
