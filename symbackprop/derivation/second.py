"""Second derivatives in print: the gradient, differentiated once more, line by line.

The lines of the gradient come first. Then every derivative that the second one rests on (dp/dw,
d2L/(dz dw)), in the order of ``Tangents``: the product and chain rule over one entry, what is put in, what is
assumed. Of two arrays with one index each the last line is the matrix. By matrices it is one entry over its
four letters, then the block that two of them leave when the others are held.

d2L/(dA dB) has a row for each entry of A and a column for each of B, in every layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join, spelling_reason, stage_reason
from symbackprop.derivation.gathering import gathered
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.jacobian_work import JacobianWork, Part, array_of, indices_of_slots, matrix_sides
from symbackprop.derivation.lines import Lines, is_short, slots_of
from symbackprop.derivation.quantities import Quantity, Stage
from symbackprop.derivation.slicing import Slicer
from symbackprop.derivation.tangents import Tangent, Tangents, free_letter
from symbackprop.derivation.workshop import Workshop
from symbackprop.notation.building import cost
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import Slot
from symbackprop.notation.steps import Step

Places = tuple[str | int, ...]


@dataclass(slots=True)
class Second:
    """The lines of d2L/(dA dB): of = dL/dA, by = B."""

    lines: Lines
    of: Tensor
    by: Tensor
    tangents: Tangents
    level: str
    flipped: bool = False
    steps: list[Step] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)

    def work(self, head: tuple[Index, ...]) -> JacobianWork:
        """All lines up to the result."""
        if not self.tangents.moves(self.of):
            return self._nothing(head)
        tangent = self.tangents.of(self.of, head)
        for one in self.tangents.found.values():
            if not one.form.is_zero or one is tangent:
                self._lines(one)
        if len(head) + len(self.tangents.own) > 2:
            self._gather(tangent.form)
        quantity = self._quantity(head, tangent.stages)
        return self._finished(quantity, tangent.form, self.tangents.unfolded(tangent.form))

    def turned(self, other: JacobianWork) -> JacobianWork:
        """d2L/(dA dB) from d2L/(dB dA)."""
        assert other.form_of_whole is not None
        head, own = other.quantity.indices, indices_of_slots(other.quantity.head)
        quantity = self._quantity(head, (Stage("chain", other.quantity.form),))
        before, after = self._entry(self.of, head), other.entry
        reason = "the order of differentiation does not matter"
        assert own == self.tangents.own
        self._add("symmetry", reason, before, after, Partial(self.of, self.by))
        value = self.lines.entries(other.quantity.form)
        reason = f"put in `{self.lines.show(after)}`"
        self._add("insert", reason, after, value, Partial(self.of, self.by))
        return self._finished(quantity, other.quantity.form, other.form_of_whole)

    def _finished(self, quantity: Quantity, form: Form, plain: Form) -> JacobianWork:
        """The result, as a matrix where it is one."""
        whole = array_of(plain, quantity, self.lines, flipped=self.flipped)
        expr = array_of(gathered(form), quantity, self.lines, flipped=self.flipped)
        slices: tuple[Part, ...] = ()
        if self.level != "index":
            partial = Partial(self.of, self.by)
            matrix = self._matrix(quantity, form)
            if matrix is not None:
                scalars = not (self.of.index_axes or self.by.index_axes)
                name = partial if scalars else Jacobian(self.of, self.by, self.flipped)
                reason = self._why(form, matrix)
                if matrix != name and not scalars:
                    self._add("spell", reason, name, matrix, partial)
                expr = matrix
                whole = self._matrix(quantity, plain) or whole
            slices = self._blocks(quantity, form)
        return self._record(quantity, expr, whole, slices, plain)

    def _gather(self, form: Form) -> None:
        """One more line, if the sums of an entry can be put together."""
        before, after = self.lines.entries(form), self.lines.entries(gathered(form))
        if before != after:
            self._add("factor", "common factors under one sum", before, after, Partial(self.of, self.by))

    def _record(
        self, quantity: Quantity, expr: Expr, whole: Expr, slices: tuple[Part, ...], form: Form
    ) -> JacobianWork:
        steps, uses = tuple(self.steps), tuple(dict.fromkeys(self.uses))
        return JacobianWork(
            quantity, expr, whole, steps, uses, self.flipped, self.of, None, slices, form_of_whole=form
        )

    def _quantity(self, head: tuple[Index, ...], stages: tuple[Stage, ...]) -> Quantity:
        if not self.by.is_matrix:
            return Quantity(self.by, None, None, stages, head=head, axes=self.tangents.own)
        given = iter(self.tangents.own)
        sides = [None if dim.is_one else next(given) for dim in self.by.oriented]
        return Quantity(self.by, sides[0], sides[1], stages, head=head)

    def _nothing(self, head: tuple[Index, ...]) -> JacobianWork:
        """The gradient does not depend on B: one line says so."""
        quantity = self._quantity(head, (Stage("none", Form()),))
        zero = array_of(Form(), quantity, self.lines, flipped=self.flipped)
        reason = f"`{self._name(self.of)}` does not depend on `{self.by.name}`"
        entry = self._entry(self.of, head)
        self._add("none", reason, entry, self.lines.entries(Form()), Partial(self.of, self.by))
        return self._record(quantity, zero, zero, (), Form())

    def _name(self, tensor: Tensor) -> str:
        return self.lines.show(self.lines.shop.leaf(tensor))

    def _add(
        self, rule: str, reason: str, before: Expr, after: Expr, about: Partial, uses: tuple[str, ...] = ()
    ) -> None:
        self.steps.append(self.lines.step(rule, reason, before, after, about, (), uses))
        self.uses.extend(uses)

    def _entry(self, tensor: Tensor, head: tuple[Index, ...]) -> Expr:
        """T'[t]: an entry of a derivative."""
        slots = (*slots_of(tensor, head), *slots_of(self.by, self.tangents.own))
        partial = Partial(tensor, self.by)
        return Element(partial, slots) if slots else partial

    def _lines(self, tangent: Tangent) -> None:
        """The lines of one derivative."""
        about = Partial(tangent.tensor, self.by)
        before: Expr = self._entry(tangent.tensor, tangent.head)
        for stage in tangent.stages:
            after = self.lines.entries(stage.form)
            if after == before:
                continue
            self._add(stage.rule, self._reason(tangent, stage), before, after, about, stage.assumed)
            before = after

    def _reason(self, tangent: Tangent, stage: Stage) -> str:
        if stage.rule == "insert":
            return f"put in {join([self._derivative_of(tensor) for tensor in stage.inserted])}"
        if stage.rule != "chain":
            return stage_reason(stage, self.lines.show, self.tangents.loss)
        base = self.lines.shop.leaf(tangent.tensor)
        slots = slots_of(tangent.tensor, tangent.head)
        left = self.lines.show(Element(base, slots) if slots else base)
        right = self.lines.show(self.lines.entries(tangent.source))
        if left == right or not is_short(tangent.source):
            return f"differentiate `{left}` once more" if left == right else f"differentiate `{left}`"
        return f"differentiate `{left} = {right}`"

    def _derivative_of(self, tensor: Tensor) -> str:
        """What a derivative is called where it is put in; by its name where it is a matrix."""
        if len(tensor.index_axes) > 1 or len(self.by.index_axes) > 1:
            return f"the derivative of `{self._name(tensor)}`"
        return f"`{self.lines.show(Partial(tensor, self.by))}`"

    def _matrix(self, quantity: Quantity, form: Form) -> Expr | None:
        """The array of all entries as a matrix or a vector, where it has at most two indices."""
        counts = (len(self.of.index_axes), len(self.by.index_axes))
        if sum(counts) > 2:
            return None
        row, column = matrix_sides(quantity, flipped=self.flipped)
        found = self.lines.speller.spell(form, row, column)
        if found is None:
            return None
        return self.lines.speller.shapes.filled(found, row, column) if counts == (1, 1) else found

    def _why(self, form: Form, matrix: Expr) -> str:
        """What the matrix looks like."""
        assert self.of.gradient is not None
        rows, columns = self.of.gradient[1], self.by
        if not (rows.index_axes and columns.index_axes):
            return spelling_reason(form, matrix)
        if self.flipped:
            rows, columns = columns, rows
        if rows is columns:
            return f"a row and a column for each entry of `{rows.name}`"
        return f"a row for each entry of `{rows.name}`, a column for each of `{columns.name}`"

    def _blocks(self, quantity: Quantity, form: Form) -> tuple[Part, ...]:
        """The matrix that is left of an array of more than two indices at held positions of the others."""
        head, own = indices_of_slots(quantity.head), quantity.indices
        if len(head) + len(own) <= 2 or form.is_zero:
            return ()
        found: list[Part] = []
        for place in range(max(len(head), len(own))):
            row = head[0] if len(head) == 1 else head[place]
            column = own[0] if len(own) == 1 else own[place]
            held = tuple(index for index in (*head, *own) if index not in (row, column))
            sides = (column, row) if self.flipped else (row, column)
            value = Slicer(self.lines, held, self.flipped, indicators=True).spelled(form, *sides)
            if value is None:
                continue
            value = self.lines.speller.shapes.filled(value, *sides)
            slots = [
                tuple(None if slot.single in (row, column) else slot for slot in slots_of(tensor, indices))
                for tensor, indices in ((self.of, head), (self.by, own))
            ]
            open_ = [side if any(slot is not None for slot in side) else () for side in slots]
            found.append((Jacobian(self.of, self.by, self.flipped, None, open_[0], open_[1]), value))
        if not found:
            return ()
        best = min(found, key=lambda pair: cost(pair[1]))
        letters = [
            f"`{slot.single.letter}`"
            for slot in (*best[0].of_slots, *best[0].by_slots)
            if isinstance(slot, IndexValue) and slot.single is not None
        ]
        reason = f"the block at fixed {join(letters)}"
        self._add("slice", reason, best[0], best[1], Partial(self.of, self.by))
        return (best,)


def gradients_needed(expr: Expr, loss: Tensor, values: Mapping[Tensor, Expr]) -> tuple[Tensor, ...]:
    """The tensors whose derivatives stand in ``expr``, and those on which their values rest, in order."""
    found: dict[Tensor, None] = {}

    def visit(node: Expr) -> None:
        for one in node.walk():
            if isinstance(one, Partial) and one.of is loss and one.by in values and one.by not in found:
                if values[one.by] != one:
                    visit(values[one.by])
                found.setdefault(one.by)

    visit(expr)
    return tuple(found)


def second_letters(
    shop: Workshop, of: Tensor, by: Tensor, entry: tuple[Places | None, Places | None]
) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """The indices of the answer: as asked for, or i, j for A and k, l for B."""
    taken = {place for side in entry for place in side or () if isinstance(place, str)}
    sides: list[tuple[Index, ...]] = []
    used: set[str] = set()
    for tensor, given in zip((of, by), entry, strict=True):
        found: list[Index] = []
        for at, axis in enumerate(tensor.index_axes):
            place = given[at] if given is not None else None
            if not isinstance(place, str) or place in used:
                place = free_letter("ijklmnpqrsuv", {*taken, *used, *shop.reserved})
            used.add(place)
            found.append(Index(tensor.shape[axis], place))
        sides.append(tuple(found))
    return sides[0], sides[1]


def at_entry(
    lines: Lines,
    work: JacobianWork,
    entry: tuple[Places | None, Places | None],
    apart: tuple[tuple[str | int, str | int], ...] = (),
) -> JacobianWork:
    """The same at the places that were asked for: numbers, letters that stand twice, letters that differ."""
    quantity = work.quantity
    sides = (indices_of_slots(quantity.head), quantity.indices)
    letters = {index.letter: index for side in sides for index in side}
    change: dict[Index, Slot] = {}
    for indices, given in zip(sides, entry, strict=True):
        for index, place in zip(indices, given or (), strict=given is not None):
            change[index] = letters.get(place, index) if isinstance(place, str) else place
    slots = [tuple(change.get(index, index) for index in side) for side in sides]
    pairs: tuple[tuple[Slot, Slot], ...] = tuple(
        (letters[a] if isinstance(a, str) else a, letters[b] if isinstance(b, str) else b) for a, b in apart
    )
    same = {index: slot for index, slot in change.items() if slot is not index}
    assert work.form_of_whole is not None
    form, unfolded_ = quantity.form, work.form_of_whole
    if same or pairs:
        form = lines.shop.tidy(settled(form.rename(same), pairs))
        unfolded_ = lines.shop.tidy(settled(unfolded_.rename(same), pairs))
    head, places = slots[0], slots[1]
    stages = (*quantity.stages, Stage("entry", form))
    placed = replace(quantity, stages=stages, head=head, places=places, apart=pairs)
    about = Partial(work.of, quantity.tensor)
    found = replace(
        work,
        quantity=placed,
        expr=array_of(gathered(form), placed, lines, flipped=work.flipped),
        whole=array_of(unfolded_, placed, lines, flipped=work.flipped),
        form_of_whole=unfolded_,
    )
    steps = tuple(step for step in work.steps if step.rule not in ("spell", "slice"))
    if same or pairs:
        reason = "at this entry" if not pairs else "where the positions differ"
        steps = (*steps, lines.step("entry", reason, found.entry, lines.entries(form), about))
        before, after = lines.entries(form), lines.entries(gathered(form))
        if before != after:
            steps = (*steps, lines.step("factor", "common factors under one sum", before, after, about))
    return replace(found, steps=steps, slices=())
