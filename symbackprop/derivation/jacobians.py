"""Jacobians: the derivative of any array by any array.

The sweep from one entry of the array gives the forms (``Sweep`` with a ``head``): dY[a]/dV[p] for every node
V on the way. This module turns them into lines.

At level ``index`` these are the lines over entries. At levels ``vector`` and ``jacobian``, where both arrays
carry one index, every local Jacobian dC/dV is derived where it first appears and spelled as a matrix, and

    dY/dV = sum over C:  dY/dC dC/dV          (denominator layout: dC/dV dY/dC)

is printed as the product of its local Jacobians, which is never multiplied out. Jacobians with more
than two indices have no matrix: one entry is printed over its letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from types import MappingProxyType

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Divide, Expr, MatMul, Neg, Number, Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.index_level import Board, index_work
from symbackprop.derivation.lines import Lines, entry_of
from symbackprop.derivation.sweep import Quantity, Sweep
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
    """

    quantity: Quantity
    expr: Expr
    whole: Expr
    steps: tuple[Step, ...]
    uses: tuple[str, ...]
    flipped: bool
    of: Tensor
    sweep: Sweep

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
    if level != "index" and whole and all(_has_one_index(tensor) for tensor in sweep.quantities):
        return _Chain(lines, sweep, of, flipped).work(by)
    return _entry_work(lines, sweep, of, by, flipped=flipped)


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
    steps: list[Step] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    values: dict[Tensor, Expr] = field(default_factory=dict)

    def work(self, by: Tensor) -> JacobianWork:
        """All lines up to d of / d by."""
        for tensor, quantity in self.sweep.quantities.items():
            if tensor is not self.of or by is self.of:
                self.values[tensor] = self._visit(quantity)
        quantity = self.sweep.quantities[by]
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

    def whole(self, by: Tensor) -> Expr:
        """The result with every named Jacobian put in."""

        def put_in(expr: Expr) -> Expr:
            if isinstance(expr, Jacobian) and expr.of is self.of and expr.by in self.values:
                return put_in(self.values[expr.by])
            return expr.map_children(put_in)

        return put_in(self.values[by])

    def _visit(self, quantity: Quantity) -> Expr:
        """The lines of one Jacobian; its value."""
        tensor = quantity.tensor
        partial = Partial(self.of, tensor)
        board = Board(self.lines, self.of, quantity, self.sweep, partial)
        users = self.sweep.users_of(tensor)
        left = Jacobian(self.of, tensor, self.flipped)
        if not users:
            value = self._matrix(quantity.form, indices_of_slots(quantity.head), quantity.indices)
            same = tensor is self.of
            reason = "each entry by itself" if same else f"`{tensor.name}` does not influence `{self.of.name}`"
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
            outer: Expr = Jacobian(self.of, target, self.flipped)
            local: Expr = own if board.is_written_out(user) else Jacobian(target, tensor, self.flipped)
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
        sides = (indices_of_slots(indices), board.quantity.indices)
        reason = matrix_reason(form, *sides, partial, flipped=self.flipped)
        left = Jacobian(target, tensor, self.flipped)
        self.steps.append(self.lines.step("spell", reason, left, value, partial))
        return value

    def _matrix(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...]) -> Expr:
        row = head[0] if head else None
        column = own[0] if own else None
        if self.flipped:
            row, column = column, row
        return self.lines.spelled(form, row, column)


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
    return scaled(coefficient, front, product(*arrays) if arrays else None, below)


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


def matrix_reason(
    form: Form, head: tuple[Index, ...], own: tuple[Index, ...], partial: Partial, *, flipped: bool
) -> str:
    """What the matrix of a local Jacobian looks like, and where its entries stand."""
    if not head or not own:
        return "for all entries at once"
    if form.terms and all(_has_delta(term) for term in form.terms):
        return f"entry by entry: of `{partial.by.name}` each feels one of `{partial.of.name}`, so it is diagonal"
    rows, columns = (partial.by, partial.of) if flipped else (partial.of, partial.by)
    return f"a row for each entry of `{rows.name}`, a column for each of `{columns.name}`"


def _has_delta(term: Term) -> bool:
    return any(isinstance(atom, Delta) for atom, _ in term.factors)
