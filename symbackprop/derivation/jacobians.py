"""Jacobians: the derivative of any array by any array.

The sweep from one entry of the array gives the forms (``Sweep`` with a ``head``): dY[a]/dV[p] for every node
V on the way. This module turns them into lines.

At level ``index`` these are the lines over entries. At levels ``vector`` and ``jacobian``, where both arrays
carry one index, every local Jacobian dC/dV is derived where it first appears and spelled as a matrix, and

    dY/dV = sum over C:  dY/dC dC/dV          (denominator layout: dC/dV dY/dC)

is printed as the product of its local Jacobians, which is never multiplied out. A batch is treated row by
row where no example feels another (every term of dC[n,c]/dV[m,v] has the factor [n = m]): the same chain of
matrices then holds for each row n. Jacobians with more than two indices have no matrix: one entry is printed
over its letters, then the slice of one entry of Y, which has the shape of V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from types import MappingProxyType

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Divide, Expr, IndexValue, MatMul, Neg, Number, Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.index_level import Board, index_work
from symbackprop.derivation.lines import Lines, entry_of, slots_of
from symbackprop.derivation.slicing import Slicer
from symbackprop.derivation.sweep import Quantity, Stage, Sweep
from symbackprop.derivation.workshop import Local
from symbackprop.notation.building import addition, cost, product, scaled
from symbackprop.notation.entries import comprehension_of, entries_of
from symbackprop.notation.forms import (
    Atom,
    Delta,
    Entry,
    Form,
    Slot,
    Term,
    Truth,
    change_parts,
    indices_in,
    number,
    single,
    within,
)
from symbackprop.notation.normal import normal
from symbackprop.notation.steps import Step
from symbackprop.ops.registry import Elementwise

OPPOSITE = MappingProxyType({"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"})
IMPLIED = MappingProxyType({"<": ("<=", "!="), ">": (">=", "!="), "=": ("<=", ">=")})
LONGEST_PRODUCT = 60  # of a Jacobian that is still put into the next one


@dataclass(frozen=True, slots=True)
class JacobianWork:
    """A Jacobian in print.

    quantity  the form of one entry, with its indices: those of ``of`` (``head``), then those of ``by``.
    expr      the result: a matrix, or one entry of an array of more than two indices.
    whole     the same without names of derivatives.
    steps     all lines; the last of them is the result.
    slices    where the result has more than two indices, matrices that make it up, with what they are.
    named     of dP[n,:]/dZ[n,:] the name of the matrix that ``expr`` then is.
    """

    quantity: Quantity
    expr: Expr
    whole: Expr
    steps: tuple[Step, ...]
    uses: tuple[str, ...]
    flipped: bool
    of: Tensor
    sweep: Sweep
    slices: tuple[tuple[Jacobian, Expr], ...] = ()
    named: Jacobian | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices in the order of the layout, each once."""
        return sides_of(self.quantity, flipped=self.flipped)

    @property
    def is_whole(self) -> bool:
        """Whether every entry of one by every entry of the other is meant."""
        return self.quantity.places is None and all(isinstance(slot, Index) for slot in self.quantity.head)

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The dims: of both arrays, in the order of the layout; of an entry those of its free indices."""
        if not self.is_whole:
            return tuple(index.dim for index in self.indices)
        own, other = self.of.shape, self.quantity.tensor.shape
        return (*other, *own) if self.flipped else (*own, *other)

    @property
    def entry(self) -> Expr:
        """One entry, at its slots."""
        return entry_of(Partial(self.of, self.quantity.tensor), self.quantity)


def jacobian_work(
    lines: Lines, sweep: Sweep, of: Tensor, by: Tensor, level: str, *, flipped: bool
) -> JacobianWork:
    """The derivation of d ``of`` / d ``by`` at a level, from a sweep that has run."""
    whole = sweep.places is None and all(isinstance(slot, Index) for slot in sweep.head)
    if level == "index" or not whole:
        return _entry_work(lines, sweep, of, by, flipped=flipped)
    if all(_has_one_index(tensor) for tensor in sweep.quantities if tensor is not by) and _has_one_index(of):
        return _Chain(lines, sweep, of, flipped).work(by)
    if len(of.index_axes) == 2:
        try:
            return _rows(lines, sweep, of, flipped).work(by)
        except NotRowByRowError:
            pass
    return _sliced(_entry_work(lines, sweep, of, by, flipped=flipped), lines)


class NotRowByRowError(Exception):
    """Examples of the batch feel each other, or a row has no spelling."""


def _rows(lines: Lines, sweep: Sweep, of: Tensor, flipped: bool) -> _Chain:
    """The chain for one example of a batch."""
    axis = 0 if of.convention.vectors_are_rows else 1
    letter = lines.shop.letter(of.shape[axis], "nmijkl")
    line = Index(of.shape[axis], letter)
    return _Chain(lines, sweep, of, flipped, line, axis, Slicer(lines, (line,), flipped))


def _sliced(work: JacobianWork, lines: Lines) -> JacobianWork:
    """The same work with a last line for the slice of one entry of what is differentiated."""
    quantity = work.quantity
    head, own = indices_of_slots(quantity.head), quantity.indices
    if len(head) + len(own) <= 2:
        return work
    pair = slice_of(lines, work.of, quantity, flipped=work.flipped)
    if pair is None:
        return work
    reason = f"the part of one entry of `{work.of.name}`, in the shape of `{quantity.tensor.name}`"
    step = lines.step("slice", reason, pair[0], pair[1], Partial(work.of, quantity.tensor))
    return replace(work, steps=(*work.steps, step), slices=(pair,))


def by_lines(lines: Lines, part: JacobianWork, whole: JacobianWork) -> JacobianWork:
    """Rows (or columns) of both sides: the chain for one row, if the whole was found row by row."""
    if not whole.slices:
        return part
    name, value = whole.slices[0]
    held = [slot for slot in (*name.of_slots, *name.by_slots) if slot is not None]
    own = [index for index in part.indices if any(slot.single is not None for slot in held)]
    if len(part.indices) != 3 or len(held) != 2 or not own:
        return part
    steps = tuple(step for step in whole.steps if step.rule != "entries")
    return replace(part, expr=value, steps=steps, uses=whole.uses, named=name)


def slice_of(lines: Lines, of: Tensor, quantity: Quantity, *, flipped: bool) -> tuple[Jacobian, Expr] | None:
    """d of[a] / d by at a fixed a, as a matrix in the shape of ``by``; None where it has no name."""
    head = indices_of_slots(quantity.head)
    found = Slicer(lines, head, flipped).spelled(quantity.form, quantity.row, quantity.column)
    if found is None:
        return None
    slots: tuple[IndexValue | None, ...] = slots_of(of, head)
    return Jacobian(of, quantity.tensor, flipped, None, slots), found


def _has_one_index(tensor: Tensor) -> bool:
    return len(tensor.index_axes) <= 1


def sides_of(quantity: Quantity, *, flipped: bool) -> tuple[Index, ...]:
    """The free indices of a Jacobian in the order of its layout, each once."""
    slots = (*quantity.slots, *quantity.head) if flipped else (*quantity.head, *quantity.slots)
    return tuple(dict.fromkeys(index for slot in slots for index in indices_in(slot)))


def array_of(form: Form, quantity: Quantity, lines: Lines, *, flipped: bool) -> Expr:
    """The array of all entries, given by one of them."""
    indices = sides_of(quantity, flipped=flipped)
    if len(indices) > 2:
        return TensorEntries(indices, entries_of(form, lines.shop.leaf))
    row, column = matrix_sides(quantity, flipped=flipped)
    return comprehension_of(form, row, column, lines.shop.leaf)


def matrix_sides(quantity: Quantity, *, flipped: bool) -> tuple[Index | None, Index | None]:
    """The index that runs down and the one that runs across."""
    sides = sides_of(quantity, flipped=flipped)
    if len(sides) == 2:
        return (sides[0], sides[1])
    if not sides:
        return (None, None)
    down = bool(indices_of_slots(quantity.head)) != flipped
    return (sides[0], None) if down else (None, sides[0])


def indices_of_slots(slots: tuple[Slot, ...]) -> tuple[Index, ...]:
    """The indices that stand in slots."""
    return tuple(index for slot in slots for index in indices_in(slot))


def unfolded(form: Form, sweep: Sweep, lines: Lines) -> Form:
    """The form with every derivative of what is differentiated replaced by its own form."""
    terms: list[Term] = []
    for term in form.terms:
        atom = next((atom for atom, _ in term.factors if _is_own(atom, sweep, lines)), None)
        if not isinstance(atom, Entry):
            terms.append(term)
            continue
        quantity = sweep.quantities[lines.shop.partial_of[atom.tensor].by]
        own = dict(zip(quantity.indices, atom.slots[len(quantity.head) :], strict=True))
        inner = quantity.form.rename(own)
        rest = tuple(factor for factor in term.factors if factor[0] is not atom)
        outer = Term(term.coefficient, rest, term.bound)
        terms.extend(unfolded(Form(within(outer, part) for part in inner.terms), sweep, lines).terms)
    return lines.shop.tidy(Form(terms))


def where_true(form: Form, truths: Sequence[Form]) -> Form:
    """The form where every relation of ``truths`` (each one ``Truth``) holds."""
    atoms = [truth.terms[0].factors[0][0] for truth in truths if truth.terms and truth.terms[0].factors]
    known = {atom.key: number(1) for atom in atoms}
    for atom in atoms:
        if isinstance(atom, Truth):
            known[Truth(atom.left, OPPOSITE[atom.op], atom.right).key] = Form()
            for op in IMPLIED.get(atom.op, ()):
                known[Truth(atom.left, op, atom.right).key] = number(1)

    def change(inner: Form) -> Form:
        terms: list[Term] = []
        for term in inner.terms:
            parts = Form((Term(term.coefficient, (), term.bound),))
            for atom, exponent in term.factors:
                found = known.get(atom.key) if isinstance(atom, Truth) else None
                piece = single(change_parts(atom, change), exponent) if found is None else found
                parts = Form(within(a, b) for a in parts.terms for b in piece.terms)
            terms.extend(parts.terms)
        return normal(Form(terms))

    return change(form)


def _is_own(atom: Atom, sweep: Sweep, lines: Lines) -> bool:
    partial = lines.shop.partial_of.get(atom.tensor) if isinstance(atom, Entry) else None
    return partial is not None and partial.of is sweep.loss and partial.by in sweep.quantities


def _entry_work(lines: Lines, sweep: Sweep, of: Tensor, by: Tensor, *, flipped: bool) -> JacobianWork:
    steps: list[Step] = []
    uses: list[str] = []
    for tensor, quantity in sweep.quantities.items():
        if tensor is of and by is not of:
            continue
        work = index_work(lines, of, quantity, sweep)
        steps.extend(work.steps)
        uses.extend(work.uses)
    quantity = sweep.quantities[by]
    return JacobianWork(
        quantity,
        array_of(quantity.form, quantity, lines, flipped=flipped),
        array_of(unfolded(quantity.form, sweep, lines), quantity, lines, flipped=flipped),
        tuple(steps),
        tuple(dict.fromkeys(uses)),
        flipped,
        of,
        sweep,
    )


@dataclass(slots=True)
class _Chain:
    """The chain of Jacobians between arrays of one index each."""

    lines: Lines
    sweep: Sweep
    of: Tensor
    flipped: bool
    line: Index | None = None
    axis: int = 0
    slicer: Slicer | None = None
    steps: list[Step] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    values: dict[Tensor, Expr] = field(default_factory=dict)

    def work(self, by: Tensor) -> JacobianWork:
        """All lines up to d of / d by."""
        for tensor, quantity in self.sweep.quantities.items():
            if tensor is by and self.line is None and not _has_one_index(by):
                return self._three(quantity)
            if tensor is not self.of or by is self.of:
                self.values[tensor] = self._visit(quantity)
        quantity = self.sweep.quantities[by]
        if self.line is not None:
            return self._by_rows(quantity)
        return JacobianWork(
            quantity,
            self.values[by],
            self.whole(by),
            tuple(self.steps),
            tuple(dict.fromkeys(self.uses)),
            self.flipped,
            self.of,
            self.sweep,
        )

    def _entries(self, quantity: Quantity, slices: tuple[tuple[Jacobian, Expr], ...]) -> JacobianWork:
        """A result of more than two indices: one entry over its letters."""
        return JacobianWork(
            quantity,
            array_of(quantity.form, quantity, self.lines, flipped=self.flipped),
            array_of(
                unfolded(quantity.form, self.sweep, self.lines), quantity, self.lines, flipped=self.flipped
            ),
            tuple(self.steps),
            tuple(dict.fromkeys(self.uses)),
            self.flipped,
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
            self._local_slice(board, user)
        work = index_work(self.lines, self.of, quantity, self.sweep)
        self.steps.extend(self._with_sizes(work.steps, users, by))
        self.uses.extend(work.uses)
        return _sliced(self._entries(quantity, ()), self.lines)

    def _local_slice(self, board: Board, user: Local) -> None:
        """dC[i]/dW: a matrix for each entry of C, most of it 0."""
        target, by = user.equation.target, board.quantity.tensor
        if target is self.of or board.is_written_out(user):
            return
        _, form = board.local(user)
        partial = Partial(target, by)
        before, after = board.local_entry(user), self.lines.entries(form)
        self.steps.append(self.lines.step("derivative", board.formulas([user]), before, after, partial))
        own = replace(board.quantity, head=user.indices, stages=(Stage("chain", form),))
        pair = slice_of(self.lines, target, own, flipped=self.flipped)
        if pair is not None:
            reason = f"for each entry of `{target.name}` a matrix in the shape of `{by.name}`"
            self.steps.append(self.lines.step("slice", reason, *pair, partial))

    def _with_sizes(self, steps: list[Step], users: list[Local], by: Tensor) -> list[Step]:
        """The sizes of the factors, where the chain rule sums over an array of three indices."""
        outer = [user.equation.target for user in users if user.equation.target is not self.of]
        if len(outer) != 1:
            return steps
        words = " ".join(f"({_sizes(pair)})" for pair in self._turned((self.of, outer[0]), (outer[0], by)))
        total = _sizes((by, self.of) if self.flipped else (self.of, by))
        return [
            replace(step, because=f"{step.because}; {words} give {total}")
            if step.rule == "chain-rule"
            else step
            for step in steps
        ]

    def _turned(
        self, first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
    ) -> list[tuple[Tensor, Tensor]]:
        if self.flipped:
            return [(second[1], second[0]), (first[1], first[0])]
        return [first, second]

    def _by_rows(self, quantity: Quantity) -> JacobianWork:
        """The whole batch: what was found for one row, and 0 between different rows."""
        by, of = quantity.tensor, self.of
        pair = (self._node(of, by), self.whole(by))
        if len(by.index_axes) == 2:
            entry, value = entry_of(Partial(of, by), quantity), self.lines.entries(quantity.form)
            line = "row" if self.axis == 0 else "column"
            reason = f"each {line} of `{of.name}` feels only its own {line} of `{by.name}`"
            self.steps.append(self.lines.step("entries", reason, entry, value, Partial(of, by)))
        return self._entries(quantity, (pair,))

    def _node(self, of: Tensor, by: Tensor) -> Jacobian:
        """The name of a Jacobian; of one row of a batch where there is one."""
        sides = [self._line_slots(of), self._line_slots(by)]
        return Jacobian(of, by, self.flipped, None, sides[0], sides[1])

    def _line_slots(self, tensor: Tensor) -> tuple[IndexValue | None, ...]:
        if self.line is None or len(tensor.index_axes) < 2:
            return ()
        here = IndexValue(((self.line, 1),))
        return tuple(here if axis == self.axis else None for axis in range(tensor.rank))

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
        left = self._node(self.of, tensor)
        if not users:
            value = self._matrix(quantity.form, indices_of_slots(quantity.head), quantity.indices)
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
            outer: Expr = self._node(self.of, target)
            local: Expr = own if board.is_written_out(user) else self._node(target, tensor)
            named.append(self._product(outer, local))
            value = self.values[target]
            short = cost(value) + cost(own) <= LONGEST_PRODUCT
            put_in.append(self._product(value if short else outer, own))
        after = addition(named)
        if len(users) == 1 and users[0].equation.target is self.of:
            return after  # the local Jacobian is the answer, and its lines say so
        names = [f"`{user.equation.target.name}`" for user in users]
        reason = f"chain rule: `{tensor.name}` enters `{self.of.name}` through {join(names)}"
        self.steps.append(self.lines.step("chain-rule", reason, left, after, partial))
        result = addition(put_in)
        if result != after:
            self.steps.append(self.lines.step("insert", "put the Jacobians in", after, result, partial))
        return result

    def _product(self, outer: Expr, inner: Expr) -> Expr:
        """dY/dC dC/dV in the order of the layout, numbers in front."""
        return joined(inner, outer) if self.flipped else joined(outer, inner)

    def _local(self, board: Board, user: Local, *, direct: bool) -> Expr:
        """dC/dV as a matrix, derived in lines of its own."""
        target, tensor = user.equation.target, board.quantity.tensor
        is_head = target is self.of
        indices = board.quantity.head if is_head else user.indices
        _, form = board.local(user)
        value = self._matrix(form, indices_of_slots(indices), board.quantity.indices)
        if (is_head and not direct) or (not is_head and board.is_written_out(user)):
            return value
        partial = Partial(target, tensor)
        lines = local_lines(self.lines, board, user, partial)
        self.steps.extend(lines)
        reason = self._matrix_reason(form, indices_of_slots(indices), board.quantity.indices, partial)
        left = self._node(target, tensor)
        self.steps.append(self.lines.step("spell", reason, left, value, partial))
        return value

    def _matrix_reason(
        self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...], partial: Partial
    ) -> str:
        """What the matrix of a local Jacobian looks like, and where its entries stand."""
        of, by = partial.of, partial.by
        if not head or not own:
            return "for all entries at once"
        place = 0 if self.line is None else 1 - self.axis
        one, other = head[place], own[place if len(own) > 1 else 0]
        line = "" if self.line is None else f"in each {'row' if self.axis == 0 else 'column'} "
        if form.terms and all(_joins(term, one, other) for term in form.terms):
            return f"{line}an entry of `{of.name}` feels one entry of `{by.name}`: the Jacobian is diagonal"
        rows, columns = (by, of) if self.flipped else (of, by)
        return f"{line}a row for each entry of `{rows.name}`, a column for each of `{columns.name}`"

    def _matrix(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...]) -> Expr:
        if self.line is not None:
            return self._row(form, head, own)
        row = head[0] if head else None
        column = own[0] if own else None
        if self.flipped:
            row, column = column, row
        return self.lines.spelled(form, row, column)

    def _row(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...]) -> Expr:
        """The form for one example; every term must keep the examples apart."""
        assert self.line is not None
        assert self.slicer is not None
        if len(head) != 2:
            raise NotRowByRowError
        line, row = head[self.axis], head[1 - self.axis]
        column = own[0] if len(own) == 1 else None
        change: dict[Index, Slot] = {line: self.line}
        if len(own) == 2:
            other, column = own[self.axis], own[1 - self.axis]
            if not all(_joins(term, line, other) for term in form.terms):
                raise NotRowByRowError
            change[other] = self.line
        sides = (column, row) if self.flipped else (row, column)
        found = self.slicer.spelled(normal(form.rename(change)), *sides)
        if found is None:
            raise NotRowByRowError
        return found


def joined(left: Expr, right: Expr) -> Expr:
    """The product of two matrices, what only scales them in front."""
    coefficient = Fraction(1)
    front: list[Expr] = []
    arrays: list[Expr] = []
    below: list[Expr] = []
    for side in (left, right):
        own, scalars, factors, divisors = _taken_apart(side)
        coefficient *= own
        front.extend(scalars)
        arrays.extend(factors)
        below.extend(divisors)
    if len(arrays) > 1:
        arrays = [one for one in arrays if not _is_identity(one)] or arrays[:1]
    return scaled(coefficient, front, product(*arrays) if arrays else None, below)


def _is_identity(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.op.name == "eye"


def _taken_apart(expr: Expr) -> tuple[Fraction, list[Expr], list[Expr], list[Expr]]:
    """A product as its number, the scalars in it, the arrays in their order, and the scalars below."""
    if isinstance(expr, Neg):
        coefficient, scalars, arrays, below = _taken_apart(expr.arg)
        return -coefficient, scalars, arrays, below
    if isinstance(expr, Divide) and expr.den.is_scalar and not expr.is_scalar:
        coefficient, scalars, arrays, below = _taken_apart(expr.num)
        return coefficient, scalars, arrays, [*below, expr.den]
    if isinstance(expr, Number):
        return expr.value, [], [], []
    if not isinstance(expr, MatMul):
        return Fraction(1), [expr] if expr.is_scalar else [], [] if expr.is_scalar else [expr], []
    if all(factor.is_scalar for factor in expr.factors) or not expr.is_scalar:
        parts = [_taken_apart(factor) for factor in expr.factors]
        return (
            prod((part[0] for part in parts), start=Fraction(1)),
            [one for part in parts for one in part[1]],
            [one for part in parts for one in part[2]],
            [one for part in parts for one in part[3]],
        )
    return Fraction(1), [expr], [], []  # an inner product stays together


def local_lines(lines: Lines, board: Board, user: Local, partial: Partial) -> list[Step]:
    """One entry of dC/dV: from its equation to its value."""
    steps = board.rules(user, partial)
    if steps:
        return steps
    _, form = board.local(user)
    before, after = board.local_entry(user), lines.entries(form)
    steps.append(lines.step("derivative", board.formulas([user]), before, after, partial))
    slope = slope_line(lines, form)
    if slope is not None:
        steps.append(lines.step("slope", slope[1], after, slope[0], partial))
    return steps


def slope_line(lines: Lines, form: Form) -> tuple[Expr, str] | None:
    """The line in which relu'(u) is written as an indicator, with the choice at its kink."""
    found: list[str | None] = []

    def change(expr: Expr) -> Expr:
        if isinstance(expr, Call) and isinstance(expr.op, Elementwise) and expr.primes == 1 and expr.op.kinks:
            found.append(expr.op.note)
            return lines.shop.slopes.expression(expr)
        return expr.map_children(change)

    after = change(lines.entries(form))
    notes = dict.fromkeys(f"`{note}`" for note in found if note)
    return (after, f"the slope piece by piece; by choice {join(list(notes))}") if found else None


def _sizes(pair: tuple[Tensor, Tensor]) -> str:
    """``K x M x D`` of the derivative of one array by another."""
    return " x ".join(str(dim) for tensor in pair for dim in tensor.shape) or "1"


def _joins(term: Term, one: Index, other: Index) -> bool:
    return any(
        isinstance(atom, Delta) and {atom.left, atom.right} == {one, other} for atom, _ in term.factors
    )
