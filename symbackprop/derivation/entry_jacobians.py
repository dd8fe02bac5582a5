"""Jacobians written out: d of[1]/d by[1] and the others, zeros shown, then the matrix of them.

    y[1] = W[1,1] x[1] + W[1,2] x[2]
    dy[1]/dW[1,1] = x[1]          ...          dy[1]/dW[2,1] = 0
    dy[1]/dW = [x[1], x[2]; 0, 0]              a slice in the shape of W
    dy/dvec(W) = [x[1], x[2], 0, 0; 0, 0, x[1], x[2]]

What lies between is written out first, d of/d C for every array C on the way. The dims must be numbers. Every
entry of a matrix is the form that the sweep gives at whole-number places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from symbackprop.core.arrays import Grid, Jacobian, Vec
from symbackprop.core.dims import Dim
from symbackprop.core.expr import ZERO, Expr, Partial
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.entries_level import EntryBoard, fits
from symbackprop.derivation.entry_chain import MOST_SHOWN
from symbackprop.derivation.explain import join, spelling_reason
from symbackprop.derivation.jacobian_work import Part
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.places import MOST_LISTED, Place, places_of
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Entry
from symbackprop.notation.forms import Form, Term, single, total, within
from symbackprop.notation.slots import Slot
from symbackprop.notation.steps import Step

Held = tuple[int | None, ...]  # for each axis that carries an index the place that is meant, None for all
Sides = tuple[Held, Held]


@dataclass(frozen=True, slots=True)
class WrittenJacobian:
    """The lines, and the last of them as a name, ``left``, and a matrix.

    grid    over the names of derivatives on the way, where the matrix would get too wide without them.
    whole   the same without these names.
    slices  d of[a]/d by for single entries of ``of``, where ``by`` is a matrix.
    """

    steps: tuple[Step, ...]
    left: Jacobian
    grid: Expr
    whole: Expr
    slices: tuple[Part, ...]
    uses: tuple[str, ...]


def written_out_jacobian(
    lines: Lines, sweep: Sweep, by: Tensor, held: Sides, *, vec: Vec = "row", flipped: bool = False
) -> WrittenJacobian:
    """d of / d ``by`` as a matrix, a row for each entry of ``of``, and that of every array on the way.

    ``sweep`` must have run from an entry of ``of`` over letters (``head``). ``held`` says which entries are
    meant. The entries of a matrix are listed row by row or column by column (``vec``). ``flipped`` has a
    row for each entry of ``by`` instead.
    """
    steps: list[Step] = []
    uses: list[str] = []
    found = None
    for tensor, quantity in sweep.quantities.items():
        if tensor is sweep.loss and by is not tensor:
            continue
        own = (held[0], held[1] if tensor is by else (None,) * len(quantity.indices))
        table = _Table(lines, sweep, quantity, own, vec, flipped=flipped)
        found = table.work()
        steps.extend(found.steps)
        uses.extend(words for stage in quantity.stages for words in stage.assumed)
    assert found is not None
    return replace(found, steps=tuple(steps), uses=tuple(dict.fromkeys(uses)))


class _Table:
    """The entries of one Jacobian: ``tops`` of what is differentiated, ``sides`` of what by."""

    def __init__(
        self, lines: Lines, sweep: Sweep, quantity: Quantity, held: Sides, vec: Vec, *, flipped: bool
    ) -> None:
        self.lines, self.sweep, self.quantity = lines, sweep, quantity
        self.of, self.by = sweep.loss, quantity.tensor
        self.left = _name(self.of, self.by, held, vec, flipped=flipped)
        self.tops, self.sides = (
            _listed(indices, own, self.left.vec)
            for indices, own in zip((quantity.head, quantity.indices), held, strict=True)
        )
        self.boards = {top: EntryBoard(lines, self.of, quantity, sweep, top) for top in self.tops}
        self.partial = Partial(self.of, self.by)
        self.plain, self.full = quantity.form, put_in(quantity.form, self.of, sweep, lines)
        self.form = self._as_short_as_fits()

    def work(self) -> WrittenJacobian:
        """The lines of all entries, and the matrix."""
        quantity, lines = self.quantity, self.lines
        steps: list[Step] = []
        if quantity.stages[0].rule not in ("none", "unit"):
            steps.extend(self.boards[self.tops[0]].forward())
            for top, place in self._shown():
                steps.extend(self._entry(self.boards[top], place))
        slices = tuple(self._slices())
        for name, matrix in slices:
            reason = f"the entries in the shape of `{self.by.name}`"
            steps.append(lines.step("slice", reason, name, matrix, self.partial))
        grid = self._grid(self.form)
        if isinstance(grid, Grid) or not steps:
            more = self._in_matrices(grid)
            steps.append(lines.step("assemble", self._reason(), self.left, grid, self.partial, more))
        return WrittenJacobian(tuple(steps), self.left, grid, self._grid(self.full), slices, ())

    def _in_matrices(self, grid: Expr) -> tuple[Step, ...]:
        """The same as a formula of matrices, where no other array lies between."""
        quantity, left = self.quantity, self.left
        between = [user for user in self.sweep.users_of(self.by) if user.equation.target is not self.of]
        head = [slot for slot in quantity.head if isinstance(slot, Index)]
        if between or left.vec is not None or left.is_sliced or len(head) != 1 or len(quantity.indices) != 1:
            return ()
        sides = (quantity.indices[0], head[0]) if left.flipped else (head[0], quantity.indices[0])
        found = self.lines.speller.spell(quantity.form, *sides)
        if found is None:
            return ()
        reason = spelling_reason(quantity.form, found, written_out=True)
        return (self.lines.step("matrices", reason, grid, found, self.partial),)

    def _as_short_as_fits(self) -> Form:
        """Without derivatives by what lies between, unless the matrix would get too wide."""
        plain, full = (
            max(leaves(self._at(form, top, place)) for top in self.tops for place in self.sides[:MOST_LISTED])
            for form in (self.plain, self.full)
        )
        return self.full if full <= plain or fits(self.lines, self._grid(self.full)) else self.plain

    @property
    def _columns(self) -> int:
        return self.left.shape[1].constant

    def _at(self, form: Form, top: Place, place: Place) -> Form:
        return self.boards[top].value_at(form, place)

    def _grid(self, form: Form) -> Expr:
        """The matrix in the order of its name; of one entry by one entry that entry."""
        pairs = [(top, place) for top in self.tops for place in self.sides]
        if self.left.flipped and len(self.tops) > 1:
            pairs = [(top, place) for place in self.sides for top in self.tops]
        cells = [self.boards[top].entries(self._at(form, top, place)) for top, place in pairs]
        return Grid(tuple(cells), self._columns) if len(cells) > 1 else cells[0]

    def _shown(self) -> list[tuple[Place, Place]]:
        """The entries that have lines of their own: all, or those of the first row and the last one."""
        every = [(top, place) for top in self.tops for place in self.sides]
        if len(every) <= MOST_SHOWN:
            return every
        first = [pair for pair in every if pair[0] == self.tops[0]]
        return [*(first if len(first) <= MOST_SHOWN else first[:2]), every[-1]]

    def _entry(self, board: EntryBoard, place: Place) -> Iterator[Step]:
        """The lines of one entry: zero at once, a quotient by its rule, a composite by the chain rule."""
        user = next((user for user in board.users if user.equation.target is board.of), None)
        if board.value_at(self.form, place).is_zero:
            top = board.text_of(board.of, board.head)
            reason = f"{top} does not depend on {board.text_of(board.tensor, place)}"
            yield board.step("zero", reason, board.left(place), ZERO)
        elif user is not None and len(board.users) == 1:
            yield from board.local_pair(user, board.head, place)
        else:
            steps = tuple(board.entry(place, brief=board.head != self.tops[0]))
            yield from steps
            before, after = steps[-1].after.expr, board.entries(board.value_at(self.form, place))
            if self.lines.show(before) != self.lines.show(after):
                targets = [Partial(board.of, user.equation.target) for user in board.users]
                names = [f"`{self.lines.show(one)}`" for one in targets]
                yield board.step("insert", f"put in {join(names)}", before, after)

    def _slices(self) -> Iterator[Part]:
        """One matrix in the shape of ``by`` for each entry of ``of``, where it is a matrix."""
        rows, columns = self.by.oriented
        whole = len(self.sides) == rows.constant * columns.constant
        if self.left.vec is None or len(self.by.index_axes) != 2 or not whole:
            return
        if len(self.tops) > MOST_LISTED:
            return
        for top, board in self.boards.items():
            cells = (board.entries(board.value_at(self.form, place)) for place in board.places)
            name = Jacobian(self.of, self.by, self.left.flipped, None, _slots(self.of, top))
            yield name, Grid(tuple(cells), columns.constant)

    def _reason(self) -> str:
        """How the entries lie in the matrix."""
        left = self.left
        own, other = left.running
        if self.quantity.stages[0].rule == "none":
            return f"`{self.of.name}` does not depend on `{self.by.name}`"
        if not own or not other:
            return f"the entries in the shape of `{(self.of if own else self.by).name}`"
        row, column = (self.by, self.of) if left.flipped else (self.of, self.by)
        words = f"a row for each entry of `{row.name}`, a column for each entry of `{column.name}`"
        return words if left.vec is None else f"{words}, listed {left.vec} by {left.vec}"


def _name(of: Tensor, by: Tensor, held: Sides, vec: Vec, *, flipped: bool) -> Jacobian:
    """The name of the matrix of the entries that are meant."""
    places = [
        _slots(tensor, own) if any(place is not None for place in own) else ()
        for tensor, own in zip((of, by), held, strict=True)
    ]
    name = Jacobian(of, by, flipped, None, places[0], places[1])
    own, other = name.running
    several = own and other and max(len(own), len(other)) > 1
    return replace(name, vec=vec) if several else name


def _slots(tensor: Tensor, places: Held) -> tuple[IndexValue | None, ...]:
    """One slot for each declared axis; an axis of extent 1 has the place 1."""
    given = iter(places)
    found: list[IndexValue | None] = []
    for dim in tensor.shape:
        place = 1 if dim.is_one else next(given)
        found.append(None if place is None else IndexValue((), Dim(place)))
    return tuple(found)


def _listed(indices: tuple[Slot, ...], held: Held, vec: Vec | None) -> list[Place]:
    """The places that are meant, in the order in which ``vec`` lists them."""
    places = [
        place for place in places_of(indices)
        if all(one in (None, at) for one, at in zip(held, place, strict=True))
    ]  # fmt: skip
    return sorted(places, key=lambda place: place[::-1]) if vec == "column" else places


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
