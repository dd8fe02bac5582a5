"""The reverse sweep: one named cotangent a node, accumulated once, from the loss backwards.

For a node V that the equations C use, with V-bar the derivative of the loss by V:

    V-bar[p] = sum over C, sum over the entries of C:  C-bar[out] dC[out]/dV[p]

C-bar is the *named* cotangent, so size grows linearly with depth. ``stages`` makes the lines.

What is differentiated need not be a scalar: for an array Y the sweep runs from one entry Y[a], whose
indices ``head`` then stand free in every form, and C-bar[c] is dY[a]/dC[c]. Nothing is inlined
there, so that a Jacobian of several layers stays the product of its local Jacobians.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from fractions import Fraction

from symbackprop.core.expr import Call
from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.local_forms import Local, axis_indices, indices_of, relettered, side_indices
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.derivation.roads import Roads
from symbackprop.derivation.stages import stages_of
from symbackprop.derivation.workshop import Workshop
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Form, Term, bind, product, single
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot


class Sweep:
    """One backward pass from ``loss`` to every tensor of ``wrt``."""

    def __init__(
        self,
        shop: Workshop,
        loss: Tensor,
        wrt: Collection[Tensor],
        *,
        log_road: bool = True,
        letters: tuple[str, ...] = (),
        head: tuple[Slot, ...] = (),
        places: tuple[Slot, ...] | None = None,
        apart: tuple[tuple[Slot, Slot], ...] = (),
    ) -> None:
        self.shop = shop
        self.graph = shop.graph
        self.loss = loss
        self.head = head
        self.places = places
        self.apart = apart
        self._wrt = set(wrt)
        self.quantities: dict[Tensor, Quantity] = {}
        self._depends = self._downstream(lambda t: t in self._wrt)
        self._differentiable = self._downstream(lambda t: t in self._wrt or t.role is Role.PARAMETER)
        taken = {*shop.reserved, *letters, *_letters_of(head)}
        pool = "jklrspquvab" if head else "pqrsuvabij"
        spare = [*letters, *(letter for letter in pool if letter not in taken), "p", "q"]
        self._letters = (spare[0], spare[1])
        self._spare = spare
        self._given = bool(letters)
        self._active = self._active_equations()
        roads = Roads(self._active, shop.locals, lambda t: t is loss or t in self._wrt, log_road=log_road)
        self._roads = roads
        fixed = self._fixed_letters(letters)
        self._locals = {t: relettered(local, fixed, shop.reserved) for t, local in roads.chosen.items()}
        self.order = {equation.target: place for place, equation in enumerate(self.graph.equations)}
        self._users: dict[Tensor, list[Local]] = {}
        for local in reversed(self._locals.values()):
            for tensor in local.form.tensors:
                self._users.setdefault(tensor, []).append(local)

    def _fixed_letters(self, letters: tuple[str, ...]) -> tuple[str, ...]:
        """The letters that indices of equations leave alone: those of the answer."""
        if not self.head:
            return letters
        return (*_letters_of(self.head), *_letters_of(self.places or ()), *(letters or self._letters))

    def _downstream(self, start: Callable[[Tensor], bool]) -> set[Tensor]:
        reached = {t for t in self.graph.tensors.values() if start(t)}
        for equation in self.graph.equations:
            if any(tensor in reached for tensor in equation.inputs):
                reached.update((equation.target, *self.graph.loop_of(equation.target)))
        return reached

    def _active_equations(self) -> list[Equation]:
        """The equations on a path from ``wrt`` to the loss, last first."""
        needed = {self.loss}
        active: list[Equation] = []
        for equation in reversed(self.graph.equations):
            target = equation.target
            wanted = target in needed or not needed.isdisjoint(self.graph.loop_of(target))
            if wanted and target in self._depends:
                active.append(equation)
                needed.update(equation.inputs)
        return active

    def run(self) -> Mapping[Tensor, Quantity]:
        """The cotangent of every node on a path, the loss last."""
        for equation in self._active:
            if equation.target in self._locals or equation.abstract:
                self._visit(equation.target)
        for tensor in self.graph.tensors.values():
            if tensor in self._wrt:
                self._visit(tensor)
        return self.quantities

    def users_of(self, tensor: Tensor) -> list[Local]:
        """The equations through which ``tensor`` reaches the loss, in forward order."""
        return self._users.get(tensor, [])

    def abstract_users(self, tensor: Tensor) -> list[Equation]:
        """The arbitrary losses that ``tensor`` is an argument of."""
        return [equation for equation in self._roads.consumers(tensor) if equation.abstract]

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
        self.quantities[tensor] = self._quantity(tensor, row, column, stages, bypassed, axes)

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

    def is_fixed(self, tensor: Tensor) -> bool:
        """Whether a node may not be inside a block."""
        given = bool(self.graph.loop_of(tensor) or self.abstract_users(tensor))
        return given or tensor is self.loss or tensor not in self._locals

    def successors(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The targets of the equations that use a node."""
        through = [user.equation.target for user in self.users_of(tensor)]
        through.extend(equation.target for equation in self.abstract_users(tensor))
        return tuple(dict.fromkeys(through))

    def inputs(self, tensor: Tensor) -> frozenset[Tensor]:
        """What a node is made of and is differentiated (not a number nobody asks for, such as eps)."""
        found = self._locals[tensor].form.tensors & self._differentiable
        return frozenset(t for t in found if t.shape or t in self._wrt or t in self._locals)

    def may_inline(self, user: Local, tensor: Tensor) -> bool:
        """Whether the cotangent of this equation has ``tensor`` as its only consumer."""
        target = user.equation.target
        if self.head or target is self.loss or target not in self.quantities:
            return False
        if self.quantities[target].form.constant is not None:
            return True
        return user.form.tensors & self._differentiable == {tensor}

    def may_cancel(self, user: Local) -> bool:
        """Whether the slope of q = sigmoid(V x + b) may cancel against dL/dq, on which others rest too.

        It is put in where the line does not get longer by it: (dL/dq * q * (1 - q)) x^T = (q - y) x^T.
        """
        equation = user.equation
        called = isinstance(equation.expr, Call) and equation.expr.op.kind in ("elementwise", "along")
        return called and not self.head and equation.target in self.quantities

    def _reaches(self, tensor: Tensor, goals: Collection[Tensor]) -> bool:
        """Whether one of ``goals`` is computed from ``tensor``."""
        reached = {tensor}
        for equation in self.graph.equations:
            if any(item in reached for item in equation.inputs):
                reached.add(equation.target)
        return any(goal in reached for goal in goals if goal is not tensor)

    def given(self, equation: Equation, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """The part through an arbitrary J = J(y): dJ/dy stays a symbol."""
        target = equation.target
        partial = single(Entry(self.shop.cotangent(target, tensor), slots))
        if self._reaches(tensor, equation.arguments):
            raise UnsupportedError(
                f"{tensor.name} enters {target.name} both as an argument and through other equations;"
                f" d{target.name}/d{tensor.name} would mean two things",
                hint=f"write {target.name} = {target.name}(...) of one stage only",
            )
        if target is not self.loss:
            known = self.quantities[target].form
            if known.constant is not None:
                return product(known, partial)
            return product(single(Entry(self.shop.cotangent(self.loss, target), self.head)), partial)
        return partial

    def part(self, user: Local, tensor: Tensor, slots: tuple[Slot, ...], *, inline: bool) -> Form:
        """The part of the chain rule through one equation; ``inline``: with the value of its cotangent."""
        target = user.equation.target
        inner = self.shop.slopes.differentiate(user.form, tensor, slots)
        if target is self.loss:
            if not self.head:
                return inner
            return settled(inner.rename(dict(zip(user.indices, self.head, strict=True))), self.apart)
        out = user.indices
        if inline:
            quantity = self.quantities[target]
            cotangent = quantity.form.rename(dict(zip(quantity.indices, out, strict=True)))
        else:
            cotangent = single(Entry(self.shop.cotangent(self.loss, target), self.head + out))
        return bind(product(cotangent, inner), out)


def _letters_of(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    return tuple(slot.letter for slot in slots if isinstance(slot, Index))
