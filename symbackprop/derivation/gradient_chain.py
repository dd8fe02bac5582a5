"""The chain rule of one cotangent as matrices: four ways, by what V and the equations C are.

whole    V carries at most one index         dL/dC dC/dV; a batch C is summed line by line
numbers  V has a number for each line        dL/dC[n,:] dC[n,:]/dV[n,1] for each line n of a batch C
lines    V and C are batches                 dL/dC[n,:] dC[n,:]/dV[n,:] for each line n
slices   V is an array of weights            sum[i](dL/dC[i] dC[i]/dV)

The order of the factors is that of how V lies: the cotangent first where it is a row, last where a column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, MatMul, Partial
from symbackprop.core.indexed import Comprehension, Element, Range, Reduce
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.index_level import Board
from symbackprop.derivation.lines import Lines, slots_of
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.local_jacobians import (
    Locals,
    NotRowByRowError,
    joins,
    local_slice,
    locals_of_batch,
    slice_steps,
)
from symbackprop.derivation.products import joined
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Entry
from symbackprop.notation.building import addition, transposed
from symbackprop.notation.forms import Form, single
from symbackprop.notation.steps import Step


@dataclass(slots=True)
class Road:
    """The chain rule of one cotangent.

    left            dL/dV, or one line of it: the line ``letter`` of the kind ``side``.
    short           the result of the chain as the spelling writes it.
    terms           one for each C: with the name of the Jacobian, and with what it is.
    values, steps   the Jacobians that are put in, and the lines that derive them.
    summed          whether the chain sums over an index.
    """

    left: Expr
    short: Expr
    terms: list[tuple[Expr, Expr]] = field(default_factory=list)
    values: list[Expr] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    summed: bool = False
    side: str = ""
    letter: str = ""

    @property
    def named(self) -> Expr:
        """The chain with the names of the Jacobians."""
        return addition([named for named, _ in self.terms])

    @property
    def put_in(self) -> Expr:
        """The chain with the Jacobians put in."""
        return addition([put_in for _, put_in in self.terms])


@dataclass(slots=True)
class GradientChain:
    """The chain of Jacobians of one cotangent."""

    lines: Lines
    of: Tensor
    quantity: Quantity
    sweep: Sweep
    board: Board

    def road(self) -> Road | None:
        """The chain as matrices; None where there is none."""
        ways: Sequence[Callable[[], Road]] = (
            (self._whole,), (self._by_numbers, self._whole), (self._by_lines, self._by_slices)
        )[len(self.quantity.indices)]  # fmt: skip
        for way in ways:
            try:
                return way()
            except NotRowByRowError:
                continue
        return None

    @property
    def _users(self) -> list[Local]:
        return self.sweep.users_of(self.quantity.tensor)

    @property
    def _rows(self) -> bool:
        return self.lines.shop.graph.convention.vectors_are_rows

    @property
    def _flipped(self) -> bool:
        return self.lines.shop.graph.layout == "denominator"

    # The four ways

    def _whole(self) -> Road:
        """V carries at most one index."""
        road = Road(Partial(self.of, self.quantity.tensor), self._spelled(self.quantity.stages[0].form))
        for user in self._users:
            target = user.equation.target
            if len(target.index_axes) == 0:
                self._through_scalar(road, user)
                continue
            # The derivative of a vector by a number lies as the vector does.
            one = len(target.index_axes) == 1
            across = target.oriented[0].is_one if one else self._rows
            flipped = self._flipped if self.quantity.indices else across
            if one:
                local = Locals(self.lines, flipped)
                outer: Expr = self._named_by(target)
            else:
                local = locals_of_batch(self.lines, target, flipped=flipped)
                outer = self._line(local, self._cotangent(target, user.indices), user.indices)
            self._add(road, user, local, outer, bound=local.line)
        self._given(road)
        return road

    def _by_numbers(self) -> Road:
        """V has one number for each line of a batch: its mean, its length."""
        quantity, tensor = self.quantity, self.quantity.tensor
        batch = next((u.equation.target for u in self._users if len(u.equation.target.index_axes) == 2), None)
        if batch is None or self._given_form().terms:
            raise NotRowByRowError
        local = replace(locals_of_batch(self.lines, batch, flipped=self._flipped), numbered=tensor)
        assert local.line is not None
        here = slots_of(tensor, (local.line,))
        left = Element(self._named_by(tensor), here)
        short = local.number_of(quantity.stages[0].form, quantity.indices[0])
        road = Road(left, short, side=local.side, letter=local.line.letter)
        for user in self._users:
            target = user.equation.target
            _, form = self.board.local(user)
            kept = user.indices[local.axis if len(user.indices) > 1 else 0] if user.indices else None
            if kept is not None and not all(joins(term, kept, quantity.indices[0]) for term in form.terms):
                raise NotRowByRowError
            if len(user.indices) == 2:
                outer = self._line(local, self._cotangent(target, user.indices), user.indices)
                self._add(road, user, local, outer)
                continue
            at_line = form if kept is None else form.rename({kept: local.line})
            value = local.number_of(at_line, quantity.indices[0])
            if target is self.of:
                self._both(road, value)
                continue
            held = slots_of(target, (local.line,)) if user.indices else ()
            name = Element(Partial(target, tensor), (*held, *here))
            outer = Element(self._named_by(target), held) if held else self._named_by(target)
            steps = slice_steps(self.lines, self.board, user, (name, value))
            self._term(road, user, MatMul((outer, name)), joined(outer, value), value, steps)
        return road

    def _by_lines(self) -> Road:
        """V is a batch, and no example feels another."""
        quantity, tensor = self.quantity, self.quantity.tensor
        if not any(len(user.equation.target.index_axes) == 2 for user in self._users):
            raise NotRowByRowError
        local = locals_of_batch(self.lines, tensor, flipped=self._flipped)
        assert local.line is not None
        left = self._line(local, self._cotangent(tensor, quantity.indices), quantity.indices)
        short = self._line(local, quantity.stages[0].form, quantity.indices)
        road = Road(left, short, side=local.side, letter=local.line.letter)
        for user in self._users:
            target = user.equation.target
            if not target.index_axes or self._is_one_per_line(user, local):
                self._scaled_line(road, user, local)
            elif len(target.index_axes) == 2:
                outer = self._line(local, self._cotangent(target, user.indices), user.indices)
                self._add(road, user, local, outer)
            else:
                self._add(road, user, local, self._named_by(target))
        given = self._given_form()
        if given.terms:
            self._both(road, self._line(local, given, quantity.indices))
        return road

    def _by_slices(self) -> Road:
        """V is an array of weights: a slice for every entry of C."""
        quantity = self.quantity
        road = Road(Partial(self.of, quantity.tensor), self._spelled(quantity.stages[0].form), summed=True)
        for user in self._users:
            target = user.equation.target
            if not target.index_axes:
                self._through_scalar(road, user)
                continue
            pair = local_slice(self.lines, self.board, user, flipped=self._flipped)
            if pair is None:
                raise NotRowByRowError
            factor = Element(self._named_by(target), slots_of(target, user.indices))
            ranges = tuple(Range(index) for index in user.indices)
            named = Reduce("sum", ranges, MatMul((factor, pair[0])))
            put_in = Reduce("sum", ranges, joined(factor, pair[1], keep_identity=True))
            self._term(road, user, named, put_in, pair[1], slice_steps(self.lines, self.board, user, pair))
        self._given(road)
        return road

    # One way from V to the loss

    def _add(self, road: Road, user: Local, local: Locals, outer: Expr, bound: Index | None = None) -> None:
        """dL/dC dC/dV; summed over the lines of a batch C where V is no batch (``bound``)."""
        node, value = local.node(user.equation.target, self.quantity.tensor), local.value(self.board, user)
        if isinstance(value, Comprehension):
            raise NotRowByRowError
        # Of one line of C by a number: both lie as vectors do.
        numbered = local.numbered is not None
        flipped = self._rows if numbered else local.flipped
        named, put_in = (
            self._times(outer, one, flipped=flipped, numbered=numbered) for one in (node, value)
        )
        if bound is not None:
            named, put_in = (Reduce("sum", (Range(bound),), one) for one in (named, put_in))
            road.summed = True
        self._term(road, user, named, put_in, value, local.derived(self.board, user))

    def _times(self, outer: Expr, inner: Expr, *, flipped: bool, numbered: bool = False) -> Expr:
        """The cotangent of C and dC/dV in the order in which V lies; for a number V in that of C."""
        across = self.quantity.tensor.oriented[0].is_one
        if len(self.quantity.indices) == 2 or numbered:
            across = self._rows
        elif not self.quantity.indices:
            across = outer.shape[0].is_one
        if outer.shape[0].is_one != across and not outer.is_scalar:
            outer = transposed(outer)
        if flipped == across:
            inner = transposed(inner)
        sides = (outer, inner) if across else (inner, outer)
        return MatMul(sides) if isinstance(inner, _NAMES) else joined(*sides, keep_identity=True)

    def _through_scalar(self, road: Road, user: Local) -> None:
        """A number C: its cotangent scales the gradient of C; of the loss itself that is all."""
        target = user.equation.target
        _, form = self.board.local(user)
        value = self._spelled(form)
        if target is self.of:
            self._both(road, value)
            return
        name = Partial(target, self.quantity.tensor)
        steps = slice_steps(self.lines, self.board, user, (name, value))
        self._scaled(road, user, name, value, steps)

    def _scaled_line(self, road: Road, user: Local, local: Locals) -> None:
        """The same for one line of V; C may have one number for each line."""
        target, tensor = user.equation.target, self.quantity.tensor
        _, form = self.board.local(user)
        assert local.line is not None
        if target.index_axes:
            form = form.rename({user.indices[0]: local.line})
        value = self._line(local, form, self.quantity.indices)
        if target is self.of:
            self._both(road, value)
            return
        name = local.node(target, tensor)
        if target.index_axes:
            slots = slots_of(target, (local.line,))
            name = replace(name, of_slots=slots)
        self._scaled(road, user, name, value, slice_steps(self.lines, self.board, user, (name, value)))

    def _scaled(self, road: Road, user: Local, name: Expr, value: Expr, steps: Sequence[Step]) -> None:
        target = user.equation.target
        outer: Expr = self._named_by(target)
        if isinstance(name, Jacobian) and name.of_slots:
            held = [slot for slot in name.of_slots if slot is not None]
            outer = Element(outer, tuple(held))
        put_in = joined(outer, value, keep_identity=True)
        self._term(road, user, MatMul((outer, name)), put_in, value, steps)

    def _term(
        self, road: Road, user: Local, named: Expr, put_in: Expr, value: Expr, steps: Sequence[Step]
    ) -> None:
        """One term; where V reaches C on other ways too, dC/dV has no name of its own."""
        road.values.append(value)
        if self.board.is_written_out(user):
            self._both(road, put_in)
            return
        road.terms.append((named, put_in))
        road.steps.extend(steps)

    def _both(self, road: Road, expr: Expr) -> None:
        road.terms.append((expr, expr))

    def _given_form(self) -> Form:
        """What comes through an arbitrary J = J(V), where dJ/dV stays a symbol."""
        tensor, indices = self.quantity.tensor, self.quantity.indices
        terms = [
            term
            for equation in self.lines.shop.graph.consumers_of(tensor)
            if equation.abstract
            for term in self.sweep.given(equation, tensor, indices).terms
        ]
        return Form(terms)

    def _given(self, road: Road) -> None:
        form = self._given_form()
        if form.terms:
            self._both(road, self._spelled(form))

    # Names and matrices

    def _named_by(self, target: Tensor) -> Partial:
        return Partial(self.of, target)

    def _cotangent(self, tensor: Tensor, indices: tuple[Index, ...]) -> Form:
        return single(Entry(self.lines.shop.cotangent(self.of, tensor), indices))

    def _spelled(self, form: Form) -> Expr:
        found = self.lines.spelled(form, self.quantity)
        if isinstance(found, Comprehension):
            raise NotRowByRowError
        return found

    def _line(self, local: Locals, form: Form, indices: tuple[Index, ...]) -> Expr:
        """A form over ``indices`` as one line of the batch, lying as vectors do."""
        return local.line_of(form, indices)

    def _is_one_per_line(self, user: Local, local: Locals) -> bool:
        """Whether C has one number for each line of V."""
        _, form = self.board.local(user)
        own = self.quantity.indices[local.axis]
        return len(user.indices) == 1 and all(joins(term, user.indices[0], own) for term in form.terms)


_NAMES = (Jacobian, Partial)
