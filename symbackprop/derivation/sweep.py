"""The reverse sweep: one named cotangent a node, accumulated once, from the loss backwards.

For a node V that the equations C use, with V-bar the derivative of the loss by V:

    V-bar[p] = sum over C, sum over the entries of C:  C-bar[out] dC[out]/dV[p]

C-bar is the *named* cotangent, so size grows linearly with depth. A cotangent whose equation has
one differentiable input is also tried inlined; the shorter of the two readings is kept.

What is differentiated need not be a scalar: for an array Y the sweep runs from one entry Y[a], whose
indices ``head`` then stand free in every form, and C-bar[c] is dY[a]/dC[c]. Nothing is inlined
there, so that a Jacobian of several layers stays the product of its local Jacobians.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from symbackprop.core.expr import Call
from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.derivation.blocks import closed, regions, substituted
from symbackprop.derivation.known_sums import KnownSum
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.local_forms import Local, axis_indices, indices_of, side_indices
from symbackprop.derivation.roads import Roads
from symbackprop.derivation.workshop import Workshop
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Atom, Form, Term, bind, product, single, total
from symbackprop.notation.normal import expanded, normal
from symbackprop.notation.slots import Slot

LONGEST_BLOCK = 16  # entries in the line of a block that is still a short form
LONGEST_PLAIN = 24  # the same before names are put back in


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the work on a cotangent: the form it has reached, and why."""

    rule: str
    form: Form
    uses: tuple[KnownSum, ...] = ()
    raw: Form | None = None  # before the deltas were used up
    inserted: tuple[Tensor, ...] = ()
    through: tuple[Equation, ...] = ()

    @property
    def assumed(self) -> tuple[str, ...]:
        """The declared facts that the line uses, in words."""
        return tuple(fact.words for fact in self.uses if not fact.by_definition and not fact.proved)


@dataclass(frozen=True, slots=True)
class Quantity:
    """The derivative of the loss by ``tensor``: its lines, the last of which is the result.

    ``head`` says which entry is differentiated, where that is no scalar; ``places`` by which entry,
    where that is not every one: positions, or indices that stand in ``head`` as well. ``apart`` are
    pairs of these indices that are taken to be different. ``axes`` are the indices of an array of more than
    two axes, which has no row and no column.
    """

    tensor: Tensor
    row: Index | None
    column: Index | None
    stages: tuple[Stage, ...]
    bypassed: tuple[Tensor, ...] = ()
    head: tuple[Slot, ...] = ()
    places: tuple[Slot, ...] | None = None
    apart: tuple[tuple[Slot, Slot], ...] = ()
    axes: tuple[Index, ...] | None = None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Where the variable is entered: ``places``, or its free indices."""
        return self.indices if self.places is None else self.places

    @property
    def form(self) -> Form:
        """The result."""
        return self.stages[-1].form

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices, by axis of the tensor."""
        return indices_of(self.tensor, self.row, self.column, self.axes)


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
        self._shop = shop
        self._graph = shop.graph
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
        self._locals = {t: _relettered(local, fixed, shop) for t, local in roads.chosen.items()}
        self._order = {equation.target: place for place, equation in enumerate(self._graph.equations)}
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
        reached = {t for t in self._graph.tensors.values() if start(t)}
        for equation in self._graph.equations:
            if any(tensor in reached for tensor in equation.inputs):
                reached.update((equation.target, *self._graph.loop_of(equation.target)))
        return reached

    def _active_equations(self) -> list[Equation]:
        """The equations on a path from ``wrt`` to the loss, last first."""
        needed = {self.loss}
        active: list[Equation] = []
        for equation in reversed(self._graph.equations):
            target = equation.target
            wanted = target in needed or not needed.isdisjoint(self._graph.loop_of(target))
            if wanted and target in self._depends:
                active.append(equation)
                needed.update(equation.inputs)
        return active

    def run(self) -> Mapping[Tensor, Quantity]:
        """The cotangent of every node on a path, the loss last."""
        for equation in self._active:
            if equation.target in self._locals or equation.abstract:
                self._visit(equation.target)
        for tensor in self._graph.tensors.values():
            if tensor in self._wrt:
                self._visit(tensor)
        return self.quantities

    def users_of(self, tensor: Tensor) -> list[Local]:
        """The equations through which ``tensor`` reaches the loss, in forward order."""
        return self._users.get(tensor, [])

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
        users = self.users_of(tensor)
        abstract = [e for e in self._roads.consumers(tensor) if e.abstract]
        stages = self._stages(tensor, free, users, abstract)
        bypassed = tuple(
            p
            for user in users
            for p in self._roads.bypassed.get(user.equation.target, ())
            if self._shop.locals[p].form.mentions(tensor)
        )
        self.quantities[tensor] = self._quantity(tensor, row, column, stages, bypassed, axes)

    def _axis_letters(self, tensor: Tensor) -> list[str]:
        """The letters of the free indices by axis; members of a family are counted by that of their dim."""
        if not tensor.over or self._given:
            return self._spare
        first = self._shop.letter(tensor.shape[0], "ts")
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

    def _stages(
        self,
        tensor: Tensor,
        free: tuple[Index, ...],
        users: list[Local],
        abstract: list[Equation],
    ) -> tuple[Stage, ...]:
        slots = self._slots(tensor, free)
        through = tuple(user.equation for user in users)
        given = total(self.given(equation, tensor, slots) for equation in abstract)
        if not users and any(equation.target is self.loss for equation in abstract):
            return (Stage("given", given),)
        raw = total((*(self._contribution(u, tensor, slots, inline=False) for u in users), given))
        first = self._shop.tidy(raw)
        if self.head:
            first = settled(first, self.apart)
        stages = [Stage("chain", first, raw=raw, through=through)]
        if not self.head and self._shop.centred:
            full = self._shop.tidy(raw, zeros=False)
            if full.key != first.key and first.terms:  # a path whose part is 0 is shown all the same
                facts = self._shop.vanishing(full)
                stages = [replace(stages[0], form=full), Stage("vanish", first, uses=facts)]
        if not users and not abstract:
            return (Stage("none", Form()),)
        candidates = [u for u in users if self._may_inline(u, tensor)]
        current = first
        if candidates:
            parts = [self._contribution(u, tensor, slots, inline=u in candidates) for u in users]
            whole = total((*parts, given))
            names = tuple(u.equation.target for u in candidates)
            budget = leaves(first) + sum(leaves(self.quantities[name].form) for name in names)
            if self._is_shorter(whole, budget):
                form = self._shop.tidy(whole)
                stages.append(Stage("insert", form, inserted=names))
                current = form
        shared = [u for u in users if u not in candidates and self._may_cancel(u)]
        if shared and len(stages) == 1:
            parts = [self._contribution(u, tensor, slots, inline=u in shared) for u in users]
            whole = total((*parts, given))
            if self._is_shorter(whole, leaves(first) + 1):  # x stands twice in q x^T - y x^T
                form = self._shop.tidy(whole)
                stages.append(Stage("insert", form, inserted=tuple(u.equation.target for u in shared)))
                current = form
        assumed, used = self._shop.assume(current)
        if used:
            declared = any(not fact.by_definition for fact in used)
            stages.append(Stage("assumption" if declared else "one-hot", assumed, uses=used))
            current = assumed
        multiplied = self._shop.tidy(expanded(current))
        if leaves(multiplied) < leaves(current):
            multiplied, more = self._shop.assume(multiplied)
            stages.append(Stage("expand", multiplied, uses=more))
        looped = bool(self._graph.loop_of(tensor))
        block = () if self.head or looped else self._block(tensor, stages)
        if block and all(stage.rule in ("chain", "insert", "expand") for stage in stages):
            return (stages[0], *block)
        return (*stages, *block)

    def _is_shorter(self, form: Form, budget: int) -> bool:
        """Whether a form is, at its shortest, with no product of matrices called by its name.

        dS = A * (dA - rowsum(dA * A)) is what people write, not A * (dO V^T - rowsum(dO * O)).
        """
        assumed, _ = self._shop.assume(self._shop.tidy(form, arrays=False), arrays=False)
        short = leaves(assumed) < budget
        return short or leaves(self._shop.tidy(expanded(assumed), arrays=False)) < budget

    def _block(self, tensor: Tensor, stages: list[Stage]) -> tuple[Stage, ...]:
        """The cotangents inside a block put together, as long as that is shorter than they are one by one."""
        found: tuple[Stage, ...] = ()
        current = stages[-1].form
        before: tuple[Tensor, ...] = ()
        fixed = self._fixed
        plain = all(stage.rule in ("chain", "insert", "expand") for stage in stages)
        base = stages[0].form if plain else stages[-1].form
        for inside in regions(tensor, self._successors, self._order, fixed):
            if not closed(inside, tensor, self._inputs):
                break
            new = [inner for inner in inside if inner not in before]
            put = self._put_in(base, inside)
            ways = [(form, self._shop.tidy(form, zeros=False, arrays=False)) for form in (put, expanded(put))]
            triples = [(raw, way, self._shop.tidy(way, arrays=False)) for raw, way in ways]
            raw, whole, final = min(triples, key=lambda triple: leaves(triple[2]))
            budget = leaves(current) + sum(leaves(self.quantities[inner].form) for inner in new)
            if leaves(final) >= budget or leaves(final) > LONGEST_BLOCK:
                break
            current, before = final, inside
            names = {self._shop.cotangent(self.loss, inner): inner for inner in inside}
            put_in = tuple(inner for name, inner in names.items() if name in base.tensors)
            found = self._folded(raw, whole, put_in)
            if whole.key != final.key:
                facts = self._shop.vanishing(whole)
                found = (*found, Stage("vanish", final, uses=facts))
        return found

    def _folded(self, raw: Form, whole: Form, put_in: tuple[Tensor, ...]) -> tuple[Stage, ...]:
        """What was put in, then the same with the author's names in it, where that makes a difference."""
        plain = normal(raw)
        before, after = (
            Counter(atom.tensor for atom in one.atoms() if isinstance(atom, Entry)) for one in (plain, whole)
        )
        names = tuple(tensor for tensor in after if after[tensor] > before[tensor])
        if not names or leaves(plain) > LONGEST_PLAIN:
            return (Stage("insert", whole, inserted=put_in),)
        return (Stage("insert", plain, inserted=put_in), Stage("fold", whole, inserted=names))

    def _fixed(self, tensor: Tensor) -> bool:
        """Whether a node may not be inside a block."""
        given = bool(self._graph.loop_of(tensor)) or any(
            equation.abstract for equation in self._roads.consumers(tensor)
        )
        return given or tensor is self.loss or tensor not in self._locals

    def _put_in(self, form: Form, inside: tuple[Tensor, ...]) -> Form:
        """The form with the cotangents of ``inside`` replaced by their values, to the end."""
        names = {self._shop.cotangent(self.loss, inner): inner for inner in inside}
        memo: dict[Tensor, Form] = {}

        def value_of(atom: Entry) -> Form | None:
            inner = names.get(atom.tensor)
            if inner is None:
                return None
            quantity = self.quantities[inner]
            if inner not in memo:
                memo[inner] = substituted(quantity.form, value_of)
            return memo[inner].rename(dict(zip(quantity.indices, atom.slots, strict=True)))

        return substituted(form, value_of)

    def _successors(self, tensor: Tensor) -> tuple[Tensor, ...]:
        through = [user.equation.target for user in self.users_of(tensor)]
        through.extend(e.target for e in self._roads.consumers(tensor) if e.abstract)
        return tuple(dict.fromkeys(through))

    def _inputs(self, tensor: Tensor) -> frozenset[Tensor]:
        """What a node is made of and is differentiated (not a number nobody asks for, such as eps)."""
        found = self._locals[tensor].form.tensors & self._differentiable
        return frozenset(t for t in found if t.shape or t in self._wrt or t in self._locals)

    def _may_inline(self, user: Local, tensor: Tensor) -> bool:
        """Whether the cotangent of this equation has ``tensor`` as its only consumer."""
        target = user.equation.target
        if self.head or target is self.loss or target not in self.quantities:
            return False
        if self.quantities[target].form.constant is not None:
            return True
        return user.form.tensors & self._differentiable == {tensor}

    def _may_cancel(self, user: Local) -> bool:
        """Whether the slope of q = sigmoid(V x + b) may cancel against dL/dq, on which others rest too.

        It is put in where the line does not get longer by it: (dL/dq * q * (1 - q)) x^T = (q - y) x^T.
        """
        equation = user.equation
        called = isinstance(equation.expr, Call) and equation.expr.op.kind in ("elementwise", "along")
        return called and not self.head and equation.target in self.quantities

    def _reaches(self, tensor: Tensor, goals: Collection[Tensor]) -> bool:
        """Whether one of ``goals`` is computed from ``tensor``."""
        reached = {tensor}
        for equation in self._graph.equations:
            if any(item in reached for item in equation.inputs):
                reached.add(equation.target)
        return any(goal in reached for goal in goals if goal is not tensor)

    def given(self, equation: Equation, tensor: Tensor, slots: tuple[Slot, ...]) -> Form:
        """The part through an arbitrary J = J(y): dJ/dy stays a symbol."""
        target = equation.target
        partial = single(Entry(self._shop.cotangent(target, tensor), slots))
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
            return product(single(Entry(self._shop.cotangent(self.loss, target), self.head)), partial)
        return partial

    def _contribution(self, user: Local, tensor: Tensor, slots: tuple[Slot, ...], *, inline: bool) -> Form:
        target = user.equation.target
        inner = self._shop.slopes.differentiate(user.form, tensor, slots)
        if target is self.loss:
            if not self.head:
                return inner
            return settled(inner.rename(dict(zip(user.indices, self.head, strict=True))), self.apart)
        out = user.indices
        if inline:
            quantity = self.quantities[target]
            cotangent = quantity.form.rename(dict(zip(quantity.indices, out, strict=True)))
        else:
            cotangent = single(Entry(self._shop.cotangent(self.loss, target), self.head + out))
        return bind(product(cotangent, inner), out)


def settled(form: Form, apart: tuple[tuple[Slot, Slot], ...] = ()) -> Form:
    """The form without indicators that are known: of equal positions, and of those that differ."""
    terms: list[Term] = []
    for term in form.terms:
        if not any(_never(atom, apart) for atom, _ in term.factors):
            kept = [(atom, e) for atom, e in term.factors if not _always(atom)]
            factors = tuple((atom.map_parts(lambda part: settled(part, apart)), e) for atom, e in kept)
            terms.append(Term(term.coefficient, factors, term.bound))
    return normal(Form(terms)) if apart else Form(terms)


def _always(atom: Atom) -> bool:
    return isinstance(atom, Delta) and atom.left == atom.right


def _never(atom: Atom, apart: tuple[tuple[Slot, Slot], ...]) -> bool:
    if not isinstance(atom, Delta):
        return False
    if isinstance(atom.left, int) and isinstance(atom.right, int):
        return atom.left != atom.right
    return any({atom.left, atom.right} == {a, b} for a, b in apart)


def _letters_of(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    return tuple(slot.letter for slot in slots if isinstance(slot, Index))


def _relettered(local: Local, letters: tuple[str, ...], shop: Workshop) -> Local:
    """The same equation with indices that leave the letters of the answer alone."""
    change: dict[Index, Index] = {}
    used = {*letters, *(index.letter for index in local.indices)}
    for index in local.indices:
        if index.letter in letters:
            spare = next(c for c in "rstuvabcdefghklmnpqij" if c not in used and c not in shop.reserved)
            used.add(spare)
            change[index] = Index(index.dim, spare)
    if not change:
        return local
    sides = (local.row, local.column)
    row, column = (None if place is None else change.get(place, place) for place in sides)
    axes = None if local.axes is None else tuple(change.get(index, index) for index in local.axes)
    return replace(local, row=row, column=column, axes=axes, form=local.form.rename(dict(change)))
