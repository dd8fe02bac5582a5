"""Local Jacobians: dC/dV of one equation, derived in lines of their own and spelled as a matrix.

Where arrays carry one index each, dC/dV is a matrix. Of a batch it is taken one example at a time,
dC[n,:]/dV[n,:], which is a matrix over the other indices. By an array of weights there is a matrix for each
entry of C instead: the slice dC[i]/dW in the shape of W.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Call, Expr, Partial
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.index_level import Board
from symbackprop.derivation.jacobian_work import Part, indices_of_slots, slice_of
from symbackprop.derivation.lines import Lines, is_short, slots_of
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.quantities import Stage
from symbackprop.derivation.slicing import Slicer
from symbackprop.notation.atoms import Delta
from symbackprop.notation.forms import Form, Term
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot
from symbackprop.notation.steps import Step
from symbackprop.ops.registry import Elementwise


class NotRowByRowError(Exception):
    """Examples of the batch feel each other, or a row has no spelling."""


@dataclass(slots=True)
class Locals:
    """Makes local Jacobians; with ``line``, of one row or column (``axis``) of a batch at that position.

    ``numbered``: a tensor that has one number for each line.
    """

    lines: Lines
    flipped: bool
    line: Index | None = None
    axis: int = 0
    slicer: Slicer | None = None
    numbered: Tensor | None = None

    def node(self, of: Tensor, by: Tensor) -> Jacobian:
        """The name of a Jacobian; of one line of a batch where there is one."""
        return Jacobian(of, by, self.flipped, None, self._line_slots(of), self._line_slots(by))

    def _line_slots(self, tensor: Tensor) -> tuple[IndexValue | None, ...]:
        if self.line is not None and tensor is self.numbered:
            return slots_of(tensor, (self.line,))
        if self.line is None or len(tensor.index_axes) < 2:
            return ()
        here = IndexValue(((self.line, 1),))
        return tuple(here if axis == self.axis else None for axis in range(tensor.rank))

    def value(self, board: Board, user: Local) -> Expr:
        """dC/dV as a matrix."""
        _, form = board.local(user)
        return self.matrix(form, _head(board, user), board.quantity.indices)

    def derived(self, board: Board, user: Local) -> list[Step]:
        """The lines of dC/dV: of one entry, then the matrix."""
        partial = Partial(user.equation.target, board.quantity.tensor)
        _, form = board.local(user)
        value = self.value(board, user)
        reason = self._reason(form, _head(board, user), board.quantity.indices, partial)
        left = self.node(partial.of, partial.by)
        return [
            *local_lines(self.lines, board, user, partial),
            self.lines.step("spell", reason, left, value, partial),
        ]

    def _reason(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...], partial: Partial) -> str:
        """What the matrix of a local Jacobian looks like, and where its entries stand."""
        of, by = partial.of, partial.by
        if not head or not own:
            return "for all entries at once"
        place = 0 if self.line is None or len(head) < 2 else 1 - self.axis
        one, other = head[place], own[place if len(own) > 1 else 0]
        line = "" if self.line is None else f"in each {self.side} "
        if form.terms and all(joins(term, one, other) for term in form.terms):
            feels = f"{line}an entry of `{of.name}` feels one entry of `{by.name}`"
            whole = one.dim == other.dim
            return f"{feels}: the Jacobian is diagonal" if whole else f"{feels} at most: one diagonal block"
        rows, columns = (by, of) if self.flipped else (of, by)
        return f"{line}a row for each entry of `{rows.name}`, a column for each of `{columns.name}`"

    @property
    def side(self) -> str:
        """What a line of the batch is."""
        return "row" if self.axis == 0 else "column"

    def matrix(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...]) -> Expr:
        """An entry's form as the matrix of all entries: of all of C by all of V, or of a line by a line."""
        if self.line is not None:
            return self._of_line(form, head, own)
        row = head[0] if head else None
        column = own[0] if own else None
        if self.flipped:
            row, column = column, row
        return self.lines.speller.shapes.filled(self.lines.array(form, row, column), row, column)

    def _of_line(self, form: Form, head: tuple[Index, ...], own: tuple[Index, ...]) -> Expr:
        """The form for one example; every term must keep the examples apart."""
        assert self.line is not None
        change: dict[Index, Slot] = {}
        row = head[0] if head else None
        if len(head) == 2:
            change[head[self.axis]] = self.line
            row = head[1 - self.axis]
        column = own[0] if own else None
        if self.numbered is not None:
            change[own[0]] = self.line
            column = None
        if len(own) == 2:
            other, column = own[self.axis], own[1 - self.axis]
            if len(head) == 2 and not all(joins(term, head[self.axis], other) for term in form.terms):
                raise NotRowByRowError
            change[other] = self.line
        form = normal(form.rename(change))
        if column is None:
            return self._vector(form, row)
        return self._spelled(form, column, row) if self.flipped else self._spelled(form, row, column)

    def line_of(self, form: Form, indices: tuple[Index, ...]) -> Expr:
        """An array over two indices at the line: a vector."""
        assert self.line is not None
        return self._vector(normal(form.rename({indices[self.axis]: self.line})), indices[1 - self.axis])

    def number_of(self, form: Form, index: Index) -> Expr:
        """The entry at the line of a tensor with one number for each."""
        assert self.line is not None
        return self._spelled(normal(form.rename({index: self.line})), None, None)

    def _vector(self, form: Form, index: Index | None) -> Expr:
        """A form over one index, lying as vectors do."""
        rows = self.lines.shop.graph.convention.vectors_are_rows
        return self._spelled(form, None, index) if rows else self._spelled(form, index, None)

    def _spelled(self, form: Form, row: Index | None, column: Index | None) -> Expr:
        assert self.slicer is not None
        found = self.slicer.spelled(form, row, column)
        if found is None:
            raise NotRowByRowError
        return self.lines.speller.shapes.filled(found, row, column)


def locals_of_batch(lines: Lines, batch: Tensor, *, flipped: bool) -> Locals:
    """Local Jacobians for one example of ``batch``."""
    axis = 0 if batch.convention.vectors_are_rows else 1
    letter = lines.shop.letter(batch.shape[axis], "nmijkl")
    line = Index(batch.shape[axis], letter)
    return Locals(lines, flipped, line, axis, Slicer(lines, (line,), flipped))


def local_slice(lines: Lines, board: Board, user: Local, *, flipped: bool) -> Part | None:
    """dC[i]/dW at a fixed i, and the matrix that it is; None where it has no name."""
    _, form = board.local(user)
    own = replace(board.quantity, head=user.indices, stages=(Stage("chain", form),))
    return slice_of(lines, user.equation.target, own, flipped=flipped)


def slice_steps(lines: Lines, board: Board, user: Local, pair: tuple[Expr, Expr] | None) -> list[Step]:
    """The lines of dC[i]/dW: a matrix for each entry of C, most of it 0."""
    target, by = user.equation.target, board.quantity.tensor
    partial = Partial(target, by)
    steps = local_lines(lines, board, user, partial)
    if pair is not None:
        each = f"for each entry of `{target.name}` " if target.shape else ""
        kind = "a matrix" if len(by.index_axes) == 2 else "a vector" if by.index_axes else "a number"
        steps.append(lines.step("slice", f"{each}{kind} in the shape of `{by.name}`", *pair, partial))
    return steps


def local_lines(lines: Lines, board: Board, user: Local, partial: Partial) -> list[Step]:
    """One entry of dC/dV: from its equation to its value."""
    steps = board.rules(user, partial)
    if steps:
        return steps
    _, form = board.local(user)
    if not is_short(form):
        return []
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


def _head(board: Board, user: Local) -> tuple[Index, ...]:
    """The indices of C: those of the entry that is differentiated, where C is that."""
    head = board.quantity.head
    return indices_of_slots(head) if user.equation.target is board.of and head else user.indices


def joins(term: Term, one: Index, other: Index) -> bool:
    """Whether the term has the factor [one = other]."""
    return any(
        isinstance(atom, Delta) and {atom.left, atom.right} == {one, other} for atom, _ in term.factors
    )
