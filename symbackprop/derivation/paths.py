"""The equations between the variables and the loss, and the part of the chain rule through each.

``head`` are the indices of an entry that is differentiated, where the loss is no scalar; ``places`` the entry
that is differentiated by, where that is not every one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from symbackprop.core.expr import Call
from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.local_forms import Local, relettered
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.roads import Roads
from symbackprop.derivation.workshop import Workshop
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Entry
from symbackprop.notation.forms import Form, bind, product, single
from symbackprop.notation.slots import Slot


class Paths:
    """The paths from the tensors of ``wrt`` to ``loss``, and what is known of the cotangents on them."""

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
        once: bool = True,
    ) -> None:
        self.shop = shop
        self.graph = shop.graph
        self.loss = loss
        self.head = head
        self.places = places
        self.apart = apart
        self._wrt = set(wrt)
        self._once = once
        self._symmetric: set[Tensor] = set()  # cotangents that equal their transposes
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

    def users_of(self, tensor: Tensor) -> list[Local]:
        """The equations through which ``tensor`` reaches the loss, in forward order."""
        return self._users.get(tensor, [])

    def abstract_users(self, tensor: Tensor) -> list[Equation]:
        """The arbitrary losses that ``tensor`` is an argument of."""
        return [equation for equation in self._roads.consumers(tensor) if equation.abstract]

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
