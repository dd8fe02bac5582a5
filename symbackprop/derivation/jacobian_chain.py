"""The chain of Jacobians of an array: dY/dV = dY/dC dC/dV, every dC/dV derived where it first appears."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import ZERO, Expr, Partial
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.index_level import Board, index_work
from symbackprop.derivation.jacobian_forms import unfolded
from symbackprop.derivation.jacobian_work import JacobianWork, Part, array_of, indices_of_slots, sliced
from symbackprop.derivation.lines import Lines, entry_of, is_short
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.local_jacobians import Locals, NotRowByRowError, local_slice, slice_steps
from symbackprop.derivation.products import joined
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.building import addition, cost
from symbackprop.notation.steps import Step

LONGEST_PRODUCT = 60  # of a Jacobian that is still put into the next one


@dataclass(slots=True)
class JacobianChain:
    """The chain of Jacobians between arrays of one index each."""

    lines: Lines
    sweep: Sweep
    of: Tensor
    locals: Locals
    steps: list[Step] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    values: dict[Tensor, Expr] = field(default_factory=dict)

    def work(self, by: Tensor) -> JacobianWork:
        """All lines up to d of / d by."""
        for tensor, quantity in self.sweep.quantities.items():
            if tensor is by and self.locals.line is None and len(by.index_axes) > 1:
                return self._three(quantity)
            if tensor is not self.of or by is self.of:
                self.values[tensor] = self._visit(quantity)
        quantity = self.sweep.quantities[by]
        self._gather(quantity)
        if self.locals.line is not None:
            return self._by_rows(quantity)
        return JacobianWork(
            quantity,
            self.values[by],
            self.whole(by),
            tuple(self.steps),
            tuple(dict.fromkeys(self.uses)),
            self.locals.flipped,
            self.of,
            self.sweep,
        )

    def _gather(self, quantity: Quantity) -> None:
        """Where several ways add up: the terms gathered, if that is shorter."""
        tensor = quantity.tensor
        if len(self.sweep.users_of(tensor)) < 2:
            return
        form = unfolded(quantity.form, self.sweep, self.lines)
        before = self.values[tensor]
        if not is_short(form):
            return
        try:
            after = self.locals.matrix(form, indices_of_slots(quantity.head), quantity.indices)
        except NotRowByRowError:
            return
        if isinstance(after, Comprehension) or cost(after) >= cost(before):
            return
        partial = Partial(self.of, tensor)
        self.steps.append(self.lines.step("gather", "the terms put together", before, after, partial))
        self.values[tensor] = after

    def _entries(self, quantity: Quantity, slices: tuple[Part, ...]) -> JacobianWork:
        """A result of more than two indices: one entry over its letters."""
        flipped = self.locals.flipped
        return JacobianWork(
            quantity,
            array_of(quantity.form, quantity, self.lines, flipped=flipped),
            array_of(unfolded(quantity.form, self.sweep, self.lines), quantity, self.lines, flipped=flipped),
            tuple(self.steps),
            tuple(dict.fromkeys(self.uses)),
            self.locals.flipped,
            self.of,
            self.sweep,
            slices,
        )

    def _three(self, quantity: Quantity) -> JacobianWork:
        """By a matrix: entries, after the matrices on the way; then the slice of one entry."""
        by = quantity.tensor
        users = self.sweep.users_of(by)
        board = Board(self.lines, self.of, quantity, self.sweep, Partial(self.of, by))
        for user in users:
            if not board.is_written_out(user):
                pair = local_slice(self.lines, board, user, flipped=self.locals.flipped)
                self.steps.extend(slice_steps(self.lines, board, user, pair))
        work = index_work(self.lines, self.of, quantity, self.sweep)
        self.steps.extend(self._with_sizes(work.steps, users, by))
        self.uses.extend(work.uses)
        return sliced(self._entries(quantity, ()), self.lines)

    def _with_sizes(self, steps: list[Step], users: list[Local], by: Tensor) -> list[Step]:
        """The sizes of the factors, where the chain rule sums over an array of three indices."""
        outer = [user.equation.target for user in users if user.equation.target is not self.of]
        if len(outer) != 1:
            return steps
        words = " ".join(f"({_sizes(pair)})" for pair in self._turned((self.of, outer[0]), (outer[0], by)))
        total = _sizes((by, self.of) if self.locals.flipped else (self.of, by))
        return [
            replace(step, because=f"{step.because}; {words} give {total}")
            if step.rule == "chain-rule"
            else step
            for step in steps
        ]

    def _turned(
        self, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        if self.locals.flipped:
            return [(second[1], second[0]), (first[1], first[0])]
        return [first, second]

    def _by_rows(self, quantity: Quantity) -> JacobianWork:
        """The whole batch: what was found for one row, and 0 between different rows."""
        by, of = quantity.tensor, self.of
        pair = (self.locals.node(of, by), self.whole(by))
        if len(by.index_axes) == 2:
            entry, value = entry_of(Partial(of, by), quantity), self.lines.entries(quantity.form)
            line = self.locals.side
            reason = f"each {line} of `{of.name}` feels only its own {line} of `{by.name}`"
            self.steps.append(self.lines.step("entries", reason, entry, value, Partial(of, by)))
        return self._entries(quantity, (pair,))

    def whole(self, by: Tensor) -> Expr:
        """The result with every named Jacobian put in."""

        def put_in(expr: Expr) -> Expr:
            own = isinstance(expr, Jacobian) and expr.of is self.of and expr.by in self.values
            if isinstance(expr, Jacobian) and own:
                return put_in(self.values[expr.by])
            return expr.map_children(put_in)

        return put_in(self.values[by])

    def _visit(self, quantity: Quantity) -> Expr:
        """The lines of one Jacobian; its value."""
        tensor = quantity.tensor
        partial = Partial(self.of, tensor)
        board = Board(self.lines, self.of, quantity, self.sweep, partial)
        users = self.sweep.users_of(tensor)
        left = self.locals.node(self.of, tensor)
        if not users:
            value = self.locals.matrix(quantity.form, indices_of_slots(quantity.head), quantity.indices)
            same = tensor is self.of
            reason = (
                "each entry by itself" if same else f"`{tensor.name}` does not influence `{self.of.name}`"
            )
            self.steps.append(self.lines.step("none", reason, left, value, partial))
            return value
        named: list[Expr] = []
        put_in: list[Expr] = []
        for user in users:
            target = user.equation.target
            own = self._local(board, user, direct=len(users) == 1)
            if target is self.of:
                named.append(own)
                put_in.append(own)
                continue
            outer: Expr = self.locals.node(self.of, target)
            local: Expr = own if board.is_written_out(user) else self.locals.node(target, tensor)
            named.append(self._product(outer, local))
            value = self.values[target]
            short = cost(value) + cost(own) <= LONGEST_PRODUCT
            if ZERO in (own, value):
                continue
            put_in.append(self._product(value if short else outer, own))
        after = addition(named)
        if len(users) == 1 and users[0].equation.target is self.of:
            return after  # the local Jacobian is the answer, and its lines say so
        names = [f"`{user.equation.target.name}`" for user in users]
        reason = f"chain rule: `{tensor.name}` enters `{self.of.name}` through {join(names)}"
        self.steps.append(self.lines.step("chain-rule", reason, left, after, partial))
        result = addition(put_in) if put_in else ZERO
        if result != after:
            self.steps.append(self.lines.step("insert", "put the Jacobians in", after, result, partial))
        return result

    def _product(self, outer: Expr, inner: Expr) -> Expr:
        """dY/dC dC/dV in the order of the layout, numbers in front."""
        return joined(inner, outer) if self.locals.flipped else joined(outer, inner)

    def _local(self, board: Board, user: Local, *, direct: bool) -> Expr:
        """dC/dV as a matrix, derived in lines of its own."""
        is_head = user.equation.target is self.of
        value = self.locals.value(board, user)
        if (is_head and not direct) or (not is_head and board.is_written_out(user)):
            return value
        self.steps.extend(self.locals.derived(board, user))
        return value


def _sizes(pair: tuple[Tensor, Tensor]) -> str:
    """`K` x `M` x `D` of the derivative of one array by another."""
    return " x ".join(f"`{dim}`" for tensor in pair for dim in tensor.shape) or "1"
