"""Jacobians written out: d of[1]/d by[1] and the others, zeros shown, then the matrix of them.

    y[1] = W[1,1] x[1] + W[1,2] x[2]
    dy[1]/dW[1,1] = x[1]          ...          dy[1]/dW[2,1] = 0
    dy/dvec(W) = [x[1], x[2], 0, 0; 0, 0, x[1], x[2]]

The dims must be numbers. Every entry of the matrix is the form that the sweep gives at whole-number places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from symbackprop.core.arrays import Grid, Jacobian, Vec, grid_of
from symbackprop.core.expr import ZERO, Expr, Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.entries_level import EntryBoard
from symbackprop.derivation.entry_chain import MOST_SHOWN
from symbackprop.derivation.explain import join
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.places import Place, places_of
from symbackprop.derivation.sweep import Quantity, Sweep
from symbackprop.notation.forms import Entry, Form, Slot, Term, single, total, within
from symbackprop.notation.steps import Step


@dataclass(frozen=True, slots=True)
class WrittenJacobian:
    """The lines, the matrix node on the left, and the matrix written out; the last line joins the two."""

    steps: tuple[Step, ...]
    left: Jacobian
    grid: Grid


def written_out_jacobian(
    lines: Lines, of: Tensor, sweep: Sweep, quantity: Quantity, *, vec: Vec = "row", flipped: bool = False
) -> WrittenJacobian:
    """d ``of`` / d (the tensor of ``quantity``) as a matrix, a row for each entry of ``of``.

    ``sweep`` must have run from an entry of ``of`` (``head``). The entries of a matrix are listed row by row
    or column by column (``vec``); a derivative by what lies between is put in. ``flipped`` has a row for each
    entry of the tensor instead.
    """
    tops = listed(of, quantity.head, vec)
    sides = listed(quantity.tensor, quantity.indices, vec)
    boards = {top: EntryBoard(lines, of, quantity, sweep, top) for top in tops}
    form = put_in(quantity.form, of, sweep, lines)
    steps: list[Step] = []
    if quantity.stages[0].rule not in ("none", "unit"):
        first = boards[tops[0]]
        steps.extend(first.forward())
        for top, place in _shown(tops, sides):
            steps.extend(_entry(boards[top], form, place))

    def cell(i: int, j: int) -> Expr:
        top, place = (tops[j - 1], sides[i - 1]) if flipped else (tops[i - 1], sides[j - 1])
        board = boards[top]
        return board.entries(board.value_at(form, place))

    rows, columns = (len(sides), len(tops)) if flipped else (len(tops), len(sides))
    grid = grid_of(rows, columns, cell)
    several = any(len(tensor.index_axes) > 1 for tensor in (of, quantity.tensor))
    left = Jacobian(of, quantity.tensor, flipped, vec if several else None)
    reason = _reason(of, quantity.tensor, vec, flipped=flipped)
    partial = boards[tops[0]].partial
    steps.append(lines.step("assemble", reason, left, grid, partial))
    return WrittenJacobian(tuple(steps), left, grid)


def listed(tensor: Tensor, indices: tuple[Slot, ...], vec: Vec) -> list[Place]:
    """The places of an array in the order in which ``vec`` lists them."""
    places = places_of(indices)
    return sorted(places, key=lambda place: place[::-1]) if vec == "column" else places


def _shown(tops: list[Place], sides: list[Place]) -> list[tuple[Place, Place]]:
    """The entries that have lines of their own: all, or those of the first row and the last one."""
    every = [(top, place) for top in tops for place in sides]
    if len(every) <= MOST_SHOWN:
        return every
    first = [pair for pair in every if pair[0] == tops[0]]
    return [*(first if len(first) <= MOST_SHOWN else first[:2]), every[-1]]


def _entry(board: EntryBoard, form: Form, place: Place) -> Iterator[Step]:
    """The lines of one entry: zero at once, a quotient by its rule, a composite by the chain rule."""
    user = next((user for user in board.users if user.equation.target is board.of), None)
    if board.value_at(form, place).is_zero:
        top = board.text_of(board.of, board.head)
        reason = f"{top} does not depend on {board.text_of(board.tensor, place)}"
        yield board.step("zero", reason, board.left(place), ZERO)
    elif user is not None and len(board.users) == 1:
        yield from board.local_pair(user, board.head, place)
    else:
        steps = tuple(board.entry(place))
        yield from steps
        before, after = steps[-1].after.expr, board.entries(board.value_at(form, place))
        if board.lines.show(before) != board.lines.show(after):
            names = [f"`{board.lines.show(Partial(board.of, user.equation.target))}`" for user in board.users]
            yield board.step("insert", f"put in {join(names)}", before, after)


def put_in(form: Form, of: Tensor, sweep: Sweep, lines: Lines) -> Form:
    """The form with every d ``of``/dC replaced by what the sweep found it to be."""
    known = {lines.shop.cotangent(of, tensor): found for tensor, found in sweep.quantities.items()}
    while not known.keys().isdisjoint(form.tensors):
        form = lines.shop.tidy(total(_with_values(term, known) for term in form.terms))
    return form


def _with_values(term: Term, known: Mapping[Tensor, Quantity]) -> Form:
    """A derivative stands at the top of a term, and only once."""
    result = Form((Term(term.coefficient, (), term.bound),))
    for atom, exponent in term.factors:
        value = single(atom, exponent)
        if isinstance(atom, Entry) and atom.tensor in known:
            quantity = known[atom.tensor]
            free = (*quantity.head, *quantity.indices)
            change = {old: new for old, new in zip(free, atom.slots, strict=True) if isinstance(old, Index)}
            value = quantity.form.rename(change)
        result = Form(within(a, b) for a in result.terms for b in value.terms)
    return result


def _reason(of: Tensor, by: Tensor, vec: Vec, *, flipped: bool) -> str:
    """How the entries lie in the matrix."""
    row, column = (by, of) if flipped else (of, by)
    words = f"a row for each entry of `{row.name}`, a column for each entry of `{column.name}`"
    if any(len(tensor.index_axes) > 1 for tensor in (of, by)):
        words = f"{words}, listed {vec} by {vec}"
    return words
