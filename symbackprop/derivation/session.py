"""A session derives over one graph: sweeps, spelled results, steps.

``Session.derive(of, by)`` gives a ``Derived``: the result as index form and as expression, and the
steps from which it is folded (the last ``after`` is the result).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.core.arrays import Jacobian, TensorEntries, Vec
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation import second_order
from symbackprop.derivation.calculus import ReadFormula, Slopes
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.entries_level import entries_work, one_entry
from symbackprop.derivation.entry_chain import entry_of
from symbackprop.derivation.entry_jacobians import written_out_jacobian
from symbackprop.derivation.index_level import index_work
from symbackprop.derivation.jacobian_forms import unfolded, where_true
from symbackprop.derivation.jacobian_level import jacobian_level_work
from symbackprop.derivation.jacobian_work import JacobianWork, array_of
from symbackprop.derivation.jacobians import by_lines, jacobian_work
from symbackprop.derivation.lines import Lines, Work, operation
from symbackprop.derivation.local_forms import side_indices
from symbackprop.derivation.places import assembled, cell_at, slots_at
from symbackprop.derivation.sweep import Sweep
from symbackprop.derivation.vector_level import vector_work
from symbackprop.derivation.workshop import Workshop
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.forms import Form
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.outside import WORDS
from symbackprop.notation.slots import Slot
from symbackprop.notation.spelling import MatrixSpeller
from symbackprop.notation.steps import Step
from symbackprop.notation.substitution import entry_in
from symbackprop.ops.lowerer import Expand
from symbackprop.ops.lowering import Lowering

LEVELS = {
    "vector": vector_work,
    "index": index_work,
    "entries": entries_work,
    "jacobian": jacobian_level_work,
}
Places = tuple[str | int, ...]  # an entry: a letter or a whole number for each axis that carries an index


@dataclass(slots=True)
class Session:
    """Derivations over one graph; nothing is shared between sessions."""

    graph: Graph
    expand: Expand
    read: ReadFormula
    names: Names = PLAIN
    log_road: bool = True
    _lines: Lines | None = None

    @property
    def lines(self) -> Lines:
        """The maker of lines; the graph is lowered on first use."""
        if self._lines is None:
            lowering = Lowering(self.expand, zero=self.graph.zero)
            shop = Workshop(self.graph, self.expand, Slopes(lowering, self.read), lowering)
            shop.prepare()
            speller = MatrixSpeller(self.graph.convention, shop.matrix_leaf, operation, shop.means)
            self._lines = Lines(shop, speller, self.names)
        return self._lines

    @property
    def shop(self) -> Workshop:
        """The lowered graph."""
        return self.lines.shop

    def derive(self, of: Tensor, by: Tensor, level: str = "vector", letters: tuple[str, ...] = ()) -> Derived:
        """The derivative of the scalar ``of`` by ``by``, with steps; ``letters`` name its free indices."""
        return self.gradients(of, (by,), level, letters)[by]

    def gradients(
        self, of: Tensor, wrt: Collection[Tensor], level: str = "vector", letters: tuple[str, ...] = ()
    ) -> Mapping[Tensor, Derived]:
        """The derivatives of ``of`` by each of ``wrt``: one backward pass for all."""
        if not of.is_scalar:
            shape = " x ".join(str(dim) for dim in of.shape)
            raise InputError(
                f"{of.name} is not a scalar (it is {shape}); a gradient is taken of a scalar",
                code="shape",
                hint=f"differentiate the loss, or a sum over {of.name}",
            )
        for tensor in wrt:
            _check_differentiable(tensor)
        sweep = Sweep(self.shop, of, wrt, log_road=self.log_road, letters=letters)
        quantities = sweep.run()
        work_of = LEVELS[level]
        works = {t: work_of(self.lines, of, quantity, sweep) for t, quantity in quantities.items()}
        values = {tensor: work.value for tensor, work in works.items()}
        trails = _trails(works, of) if not self.graph.loops else _looped_trails(works, of)
        found = {tensor: _derived(of, tensor, works[tensor], trails[tensor], values) for tensor in wrt}
        if self.graph.loops:
            found = {tensor: replace(d, uses=(*d.uses, *self._ends(of, d))) for tensor, d in found.items()}
        return {tensor: self._with_outside(derived) for tensor, derived in found.items()}

    def _ends(self, of: Tensor, derived: Derived) -> tuple[str, ...]:
        """The end values of the recursions backwards that a derivative rests on."""
        beyond = {
            node.base.by
            for step in derived.steps
            for node in step.after.expr.walk()
            if isinstance(node, Element | Slice) and isinstance(node.base, Partial)
            and isinstance(node.slots[0], IndexValue) and node.slots[0].indices
            and node.slots[0].offset.constant > 0
        }  # fmt: skip
        names = [need for need in derived.needs if self.graph.loop_of(need) and need in beyond]
        return tuple(
            f"`d{of.name}/d{need.name}[{need.shape[0]} + 1]` counts as 0: no member comes after the last"
            for need in names
        )

    def _with_outside(self, derived: Derived) -> Derived:
        """Say it where entries outside their range count as 0."""
        return replace(derived, uses=(*derived.uses, WORDS)) if self.lines.counts_zero else derived

    def jacobian(
        self,
        of: Tensor,
        by: Tensor,
        level: str = "vector",
        *,
        flipped: bool = False,
        entry: tuple[Places | None, Places | None] = (None, None),
        apart: tuple[tuple[str | int, str | int], ...] = (),
        lines: tuple[str, ...] = (),
    ) -> Derived:
        """The derivative of the array ``of`` by ``by``.

        ``entry`` says which entry of each is meant: letters, which may stand in both, or whole numbers;
        ``apart`` are pairs of letters (or a letter and a number) that stand for different positions.
        The derivative of a vector by a scalar lies as the vector does, in every layout. Of the letters in
        ``lines`` whole rows or columns are meant, dP[n,:]/dZ[n,:]: a matrix, where there is one.
        """
        for tensor in (of, by):
            _check_differentiable(tensor)
        if of.gradient is not None:
            return self.second(of, by, level, entry=entry, apart=apart)
        if not by.index_axes and len(of.index_axes) == 1:
            flipped = of.oriented[0].is_one
        head = self._head(of, entry)
        letters, places = _own_places(by, entry[1], head, together=bool(apart))
        named = {slot.letter: slot for slot in (*head, *(places or ())) if isinstance(slot, Index)}
        pairs = [[place if isinstance(place, int) else named[place] for place in pair] for pair in apart]
        different: tuple[tuple[Slot, Slot], ...] = tuple((a, b) for a, b in pairs)
        sweep = Sweep(
            self.shop, of, (by,),
            log_road=self.log_road, letters=letters, head=head, places=places, apart=different,
        )  # fmt: skip
        sweep.run()
        looped = next((t for t in sweep.quantities if self.graph.loop_of(t)), None) if head else None
        if looped is not None:
            raise UnsupportedError(
                f"the Jacobian d{of.name}/d{by.name} through a recursion over a dim ({looped.name}) is not "
                "supported yet",
                hint="differentiate a scalar, or give the number of steps: for t = 1..3",
            )
        work = jacobian_work(self.lines, sweep, of, by, level, flipped=flipped)
        if lines:
            work = by_lines(self.lines, work, self._whole_work(of, by, level, flipped))
        quantity = work.quantity
        shown = self.lines.printed(work.expr, quantity.form)
        derived = Derived(
            of, by, quantity.form, quantity.row, quantity.column, shown, work.steps, (by,), work.uses,
            {by: work.expr}, work, axes=quantity.axes,
        )  # fmt: skip
        return self._with_outside(derived)

    def second(
        self,
        of: Tensor,
        by: Tensor,
        level: str = "vector",
        *,
        entry: tuple[Places | None, Places | None] = (None, None),
        apart: tuple[tuple[str | int, str | int], ...] = (),
    ) -> Derived:
        """The derivative of the array ``of`` = dL/dA by ``by``; ``entry`` and ``apart`` as for a Jacobian."""
        return second_order.second(self, of, by, level, entry, apart)

    def along(self, of: Tensor, by: Tensor, vector: Tensor, level: str = "vector") -> Derived:
        """The array ``of`` = dL/dA differentiated by ``by`` along ``vector``: d2L/(dA dB) v."""
        return second_order.along(self, of, by, vector, level)

    def second_in_numbers(
        self, of: Tensor, by: Tensor, entry: tuple[Places | None, Places | None], vec: Vec = "row"
    ) -> Derived:
        """A second derivative written out; the dims must be numbers."""
        return second_order.second_in_numbers(self, of, by, entry, vec)

    def along_in_numbers(self, of: Tensor, by: Tensor, vector: Tensor) -> Derived:
        """A Hessian-vector product written out; the dims must be numbers."""
        return second_order.along_in_numbers(self, of, by, vector)

    def written_jacobian(
        self,
        of: Tensor,
        by: Tensor,
        *,
        flipped: bool = False,
        entry: tuple[Places | None, Places | None] = (None, None),
        lines: tuple[str, ...] = (),
        vec: Vec = "row",
    ) -> Derived:
        """The derivative of the array ``of`` by ``by``, every entry written out; the dims must be numbers.

        The whole numbers of ``entry`` pick entries; its letters run.
        """
        derived = self.jacobian(of, by, "index", flipped=flipped, entry=entry, lines=lines)
        assert derived.jacobian is not None
        flipped = derived.jacobian.flipped
        sweep = Sweep(self.shop, of, (by,), log_road=self.log_road, head=self._head(of, (None, None)))
        sweep.run()
        picked = tuple(
            tuple(place if isinstance(place, int) else None for place in given or (None,) * len(t.index_axes))
            for t, given in zip((of, by), entry, strict=True)
        )
        found = written_out_jacobian(self.lines, sweep, by, (picked[0], picked[1]), vec=vec, flipped=flipped)
        as_matrix = found.left.vec is None and len(derived.indices) == 2
        whole = found.whole if as_matrix else derived.jacobian.whole
        work = replace(
            derived.jacobian,
            expr=found.grid, whole=whole, steps=found.steps, uses=found.uses,
            slices=found.slices, named=found.left,
        )  # fmt: skip
        return replace(
            derived,
            expr=found.grid, steps=found.steps, uses=found.uses, values={by: found.grid}, jacobian=work,
        )  # fmt: skip

    def written_entry(self, of: Tensor, by: Tensor, places: Places) -> Derived:
        """The derivative of the scalar ``of`` by one entry, written out; the dims must be numbers."""
        derived = self.jacobian(of, by, "index", entry=(None, places))
        assert derived.jacobian is not None
        array = self.gradients(of, (by,), "entries")[by]
        at = tuple(int(place) for place in places)
        entry = entry_of(derived.partial, (), at)
        cell = cell_at(array.expr, by, at)
        steps = tuple(one_entry(array.steps, entry))
        if not steps or steps[-1].after.expr != cell:
            reason = "the entry of the array"
            steps = (*array.steps, self.lines.step("entry", reason, entry, cell, derived.partial))
        named = Jacobian(of, by, by_slots=slots_at(by, at))
        work = replace(derived.jacobian, expr=cell, steps=steps, uses=array.uses, named=named)
        return replace(
            derived, expr=cell, steps=steps, uses=array.uses, values={**array.values, by: cell}, jacobian=work
        )

    def _whole_work(self, of: Tensor, by: Tensor, level: str, flipped: bool) -> JacobianWork:
        """The Jacobian of all entries by all entries."""
        sweep = Sweep(self.shop, of, (by,), log_road=self.log_road, head=self._head(of, (None, None)))
        sweep.run()
        return jacobian_work(self.lines, sweep, of, by, level, flipped=flipped)

    def jacobian_form(self, of: Tensor, by: Tensor) -> tuple[Form, tuple[Slot, ...]]:
        """d ``of`` / d ``by`` at an entry of each, in intermediates alone, and the indices of both."""
        sweep = Sweep(self.shop, of, (by,), log_road=self.log_road, head=self._head(of, (None, None)))
        quantity = sweep.run()[by]
        return unfolded(quantity.form, sweep, self.lines), (*quantity.head, *quantity.indices)

    def where(self, derived: Derived, conditions: Sequence[Expr]) -> tuple[Derived, tuple[Step, ...]]:
        """A Jacobian where relations of numbers hold (u[i] > 0), and the lines that lead there."""
        work = derived.jacobian
        assert work is not None
        quantity = work.quantity
        known = {index: index for index in work.indices}
        truths = [self.shop.lowering.lower(one, None, None, known) for one in conditions]
        form = work.form_of_whole
        if form is None:
            assert work.sweep is not None
            form = unfolded(quantity.form, work.sweep, self.lines)
        plain = self.shop.slopes.unnamed(form)
        final = where_true(plain, truths)
        exprs = [self.lines.entries(one) for one in (quantity.form, form, plain, final)]
        reasons = ["put in the derivatives", "the slope piece by piece", "by the condition"]
        steps = tuple(
            self.lines.step("where", reason, before, after, derived.partial)
            for reason, before, after in zip(reasons, exprs, exprs[1:], strict=False)
            if before != after
        )
        whole = array_of(final, quantity, self.lines, flipped=work.flipped)
        changed = replace(work, expr=whole, whole=whole)
        return replace(derived, form=final, expr=whole, jacobian=changed, values={derived.by: whole}), steps

    def _head(self, of: Tensor, entry: tuple[Places | None, Places | None]) -> tuple[Slot, ...]:
        """The entry that is differentiated; letters are i, j, or those of the dims of a matrix."""
        given, other = entry
        dims = [of.shape[axis] for axis in of.index_axes]
        if given is not None:
            return tuple(
                place if isinstance(place, int) else Index(dim, place)
                for dim, place in zip(dims, given, strict=True)
            )
        head: list[Index] = []
        for dim in dims:
            taken = {*(index.letter for index in head), *(other or ())}
            spare = "".join(letter for letter in "ijklmn" if letter not in taken)
            letter = self.shop.letter(dim, spare) if len(dims) > 1 else spare[0]
            head.append(Index(dim, spare[0] if letter in taken or letter in self.shop.reserved else letter))
        return tuple(head)

    def expanded(self, derived: Derived) -> Expr:
        """The result with every intermediate and cotangent replaced by its definition."""
        jacobian = derived.jacobian
        return self.expanded_from(derived.values[derived.by] if jacobian is None else jacobian.whole, derived)

    def expanded_from(self, whole: Expr, derived: Derived) -> Expr:
        """``whole`` with every intermediate, and every derivative of ``derived``, replaced."""
        memo: dict[int, Expr] = {}
        keep: list[Expr] = []
        root = derived.of if derived.of.gradient is None else derived.of.gradient[0]
        values = derived.values if derived.of.gradient is None else derived.first

        def change(node: Expr) -> Expr:
            if id(node) not in memo:
                keep.append(node)
                memo[id(node)] = unfold(node)
            return memo[id(node)]

        def unfold(node: Expr) -> Expr:
            if isinstance(node, Partial) and self.graph.loop_of(node.by):
                return node
            if isinstance(node, Partial):
                value = values.get(node.by, node) if node.of is root else node
                return node if value == node else change(value)
            if isinstance(node, Leaf):
                definition = self.definition(node.tensor)
                return node if definition is None else change(definition)
            if isinstance(node, Slice) and isinstance(node.base, Leaf | Partial):
                base = change(node.base)
                return change(node.comprehension()) if isinstance(base, TensorEntries) else put_in(node, base)
            if isinstance(node, Element) and isinstance(node.base, Leaf | Partial):
                tensor = node.base.array
                base = change(node.base)
                return entry_in(base, tensor, node.slots) if base is not node.base else node
            return node.map_children(change)

        def put_in(node: Slice, base: Expr) -> Expr:
            slots = tuple(change(slot) for slot in node.slots)
            return (
                node if base is node.base and slots == node.slots else replace(node, base=base, slots=slots)
            )

        return change(whole)

    def written(self, array: Expr, like: Tensor) -> Expr:
        """An array in the shape of ``like``, every entry written out; the dims must be numbers."""
        shop = self.shop
        lowering = Lowering(
            self.expand, lambda partial: shop.cotangent(partial.of, partial.by), zero=self.graph.zero
        )
        row, column = side_indices(like, ("i", "j"))
        form = shop.tidy(lowering.lower(array, row, column))
        return assembled(self.lines, like, form, row, column)

    def definition(self, tensor: Tensor) -> Expr | None:
        """The array that an equation gives ``tensor``; None for symbols and abstract functions."""
        local = self.shop.locals.get(tensor)
        if local is None or self.graph.loop_of(tensor):
            return None
        equation = local.equation
        if equation.expr is not None and not equation.indices:
            return equation.expr
        return self.lines.spelled(local.form, local)


def _own_places(
    by: Tensor, given: Places | None, head: tuple[Slot, ...], *, together: bool
) -> tuple[tuple[str, ...], tuple[Slot, ...] | None]:
    """The letters for the indices of ``by``; or its slots, if some are numbers, or stand in ``head`` too."""
    if given is None:
        return (), None
    known = {slot.letter: slot for slot in head if isinstance(slot, Index)}
    letters = [place for place in given if isinstance(place, str)]
    if not together and len(letters) == len(given) == len(set(letters)) and not known.keys() & set(letters):
        return tuple(letters), None
    slots: list[Slot] = []
    for axis, place in zip(by.index_axes, given, strict=True):
        if isinstance(place, str):
            slots.append(known.setdefault(place, Index(by.shape[axis], place)))
        else:
            slots.append(place)
    return (), tuple(slots)


def _check_differentiable(tensor: Tensor) -> None:
    if tensor.is_label:
        raise InputError(
            f"{tensor.name} holds labels; there is no derivative by a label",
            code="shape",
            hint="ask for the derivative by the scores or probabilities",
        )


@dataclass(frozen=True, slots=True)
class _Trail:
    """What one quantity rests on, itself last: the tensors, and all their lines and assumptions."""

    needs: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    uses: tuple[str, ...]


def _trails(works: Mapping[Tensor, Work], of: Tensor) -> dict[Tensor, _Trail]:
    """The trails of all quantities. A sweep runs backwards, so what one rests on comes before it."""
    found: dict[Tensor, _Trail] = {}
    for tensor, work in works.items():
        own = tuple(work.steps)
        before = [found[other] for other in work.rests_on(of)]
        if not before:
            found[tensor] = _Trail((tensor,), own, tuple(dict.fromkeys(work.uses)))
        elif len(before) == 1:
            trail = before[0]
            uses = tuple(dict.fromkeys((*trail.uses, *work.uses)))
            found[tensor] = _Trail((*trail.needs, tensor), trail.steps + own, uses)
        else:
            needs = (*dict.fromkeys(need for trail in before for need in trail.needs), tensor)
            steps = tuple(step for need in needs for step in works[need].steps)
            uses = tuple(dict.fromkeys(words for need in needs for words in works[need].uses))
            found[tensor] = _Trail(needs, steps, uses)
    return found


def _looped_trails(works: Mapping[Tensor, Work], of: Tensor) -> dict[Tensor, _Trail]:
    """The trails where quantities of a recursion rest on each other."""
    rests = {tensor: work.rests_on(of) for tensor, work in works.items()}
    found: dict[Tensor, _Trail] = {}
    for tensor in works:
        seen: set[Tensor] = set()
        pending = [tensor]
        while pending:
            one = pending.pop()
            if one not in seen:
                seen.add(one)
                pending.extend(rests[one])
        needs = (*(other for other in works if other in seen and other is not tensor), tensor)
        steps = tuple(step for need in needs for step in works[need].steps)
        uses = tuple(dict.fromkeys(words for need in needs for words in works[need].uses))
        found[tensor] = _Trail(needs, steps, uses)
    return found


def _derived(of: Tensor, by: Tensor, work: Work, trail: _Trail, values: Mapping[Tensor, Expr]) -> Derived:
    quantity = work.quantity
    return Derived(
        of, by, quantity.form, quantity.row, quantity.column, work.exprs[-1],
        trail.steps, trail.needs, trail.uses, values, axes=quantity.axes, parts=work.slices,
    )  # fmt: skip
