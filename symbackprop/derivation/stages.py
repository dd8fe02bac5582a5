"""The lines of one cotangent: the chain rule, then what is put in, assumed, and multiplied out.

The cotangent of an equation with one differentiable input is tried inlined; the shorter of the two
readings is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from symbackprop.core.tensors import Tensor
from symbackprop.derivation.block_stages import are_plain, block_stages
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.lengths import leaves, shortened
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.paths import Paths
from symbackprop.derivation.quantities import Stage
from symbackprop.notation.atoms import Group
from symbackprop.notation.forms import Form, total
from symbackprop.notation.normal import expanded
from symbackprop.notation.slots import Slot


def stages_of(paths: Paths, tensor: Tensor, slots: tuple[Slot, ...]) -> tuple[Stage, ...]:
    """The lines of the derivative by the entry ``slots`` of ``tensor``."""
    users, abstract = paths.users_of(tensor), paths.abstract_users(tensor)
    given = total(paths.given(equation, tensor, slots) for equation in abstract)
    if not users and any(equation.target is paths.loss for equation in abstract):
        return (Stage("given", given),)
    if not users and not abstract:
        return (Stage("none", Form()),)
    work = _Work(paths, tensor, slots, tuple(users), given)
    work.chain()
    work.insert_single()
    work.insert_cancelling()
    work.assume()
    work.multiply_out()
    stages = tuple(work.stages)
    looped = bool(paths.graph.loop_of(tensor))
    block = () if paths.head or looped else block_stages(paths, tensor, stages)
    return (stages[0], *block) if block and work.is_plain else (*stages, *block)


@dataclass(slots=True)
class _Work:
    """The lines found so far; ``given`` is the part through arbitrary losses."""

    paths: Paths
    tensor: Tensor
    slots: tuple[Slot, ...]
    users: tuple[Local, ...]
    given: Form
    stages: list[Stage] = field(default_factory=list)

    @property
    def current(self) -> Form:
        """What the last line says."""
        return self.stages[-1].form

    @property
    def is_plain(self) -> bool:
        """Whether a line of a block can stand in the place of all lines but the first."""
        return are_plain(self.stages)

    def _sum(self, inlined: Collection[Local] = ()) -> Form:
        """The sum over the equations; the cotangents of ``inlined`` by their values."""
        part, users = self.paths.part, self.users
        parts = [part(user, self.tensor, self.slots, inline=user in inlined) for user in users]
        return total((*parts, self.given))

    def chain(self) -> None:
        """The chain rule; a path whose part is 0 is shown all the same."""
        shop, raw = self.paths.shop, self._sum()
        first = shop.tidy(raw)
        if self.paths.head:
            first = settled(first, self.paths.apart)
        through = tuple(user.equation for user in self.users)
        chain = Stage("chain", first, raw=raw, through=through)
        self.stages.append(chain)
        if self.paths.head or not shop.centred:
            return
        full = shop.tidy(raw, zeros=False)
        if full.key != first.key and first.terms:
            self.stages[:] = [replace(chain, form=full), Stage("vanish", first, uses=shop.vanishing(full))]

    def insert_single(self) -> None:
        """Cotangents of which this tensor is the only reader, where that is shorter."""
        found = [user for user in self.users if self.paths.may_inline(user, self.tensor)]
        if not found:
            return
        names = tuple(user.equation.target for user in found)
        quantities = self.paths.quantities
        self._insert(found, leaves(self.current) + sum(leaves(quantities[name].form) for name in names))

    def insert_cancelling(self) -> None:
        """Cotangents that others read too, where the slope cancels: x stands twice in q x^T - y x^T."""
        paths = self.paths
        alone = [user for user in self.users if paths.may_inline(user, self.tensor)]
        found = [user for user in self.users if user not in alone and paths.may_cancel(user)]
        if found and len(self.stages) == 1:
            self._insert(found, leaves(self.current) + 1)

    def _insert(self, users: list[Local], budget: int) -> None:
        whole = self._sum(users)
        if self._is_shorter(whole, budget):
            names = tuple(user.equation.target for user in users)
            self.stages.append(Stage("insert", self.paths.shop.tidy(whole), inserted=names))

    def _is_shorter(self, form: Form, budget: int) -> bool:
        """Whether a form is, at its shortest, with no product of matrices called by its name.

        dS = A * (dA - rowsum(dA * A)) is what people write, not A * (dO V^T - rowsum(dO * O)).
        """
        shop = self.paths.shop
        assumed, _ = shop.assume(shop.tidy(form, arrays=False), arrays=False)
        return leaves(assumed) < budget or leaves(shop.tidy(expanded(assumed), arrays=False)) < budget

    def assume(self) -> None:
        """The declared facts."""
        assumed, used = self.paths.shop.assume(self.current)
        if used:
            declared = any(not fact.by_definition for fact in used)
            self.stages.append(Stage("assumption" if declared else "one-hot", assumed, uses=used))

    def multiply_out(self) -> None:
        """The products of sums multiplied out or like terms collected, where that is shorter."""
        shop = self.paths.shop
        shorter = shortened(self.current, shop.tidy)
        if shorter is None and _is_sum_of_differences(self.current):
            multiplied = shop.tidy(expanded(self.current))
            shorter = ("expand", multiplied) if leaves(multiplied) == leaves(self.current) else None
        if shorter is not None:
            form, more = shop.assume(shorter[1])
            self.stages.append(Stage(shorter[0], form, uses=more))


def _is_sum_of_differences(form: Form) -> bool:
    """Whether the form is sum_j (x_p - x_j), a sum over a bracket in which not every term has the index."""
    term = form.terms[0] if len(form.terms) == 1 else None
    if term is None or len(term.factors) != 1 or not term.bound:
        return False
    ((atom, exponent),) = term.factors
    if not isinstance(atom, Group) or exponent != 1:
        return False
    return any(not set(term.bound) <= set(inner.free) for inner in atom.form.terms)
