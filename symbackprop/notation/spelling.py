"""From index forms back to matrices: products, transposes, outer and Hadamard products, diag, sums.

``Speller.spell(form, row, column)`` gives an expression whose entry (row, column) is the form, or
None if there is none (then the index form is printed). Conventions are an affair of the leaves:
a vector leaf lies as its tensor says, everything else follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    UNIT,
    ZERO,
    Add,
    Call,
    DimValue,
    Divide,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Run,
    Shape,
    Slice,
    broadcast_shape,
)
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.notation.arranging import reshaped, stack_of
from symbackprop.notation.array_atoms import Flat, OfMatrix
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Extreme, Fn, Group, Position, Truth
from symbackprop.notation.building import addition, cost, hadamard, powered, product, scaled, transposed
from symbackprop.notation.common import content, shared_factors, spans, without
from symbackprop.notation.factoring import factored
from symbackprop.notation.forms import Atom, Exponent, Form, Term, negated
from symbackprop.notation.network import Network, NoSpelling, Operations, laid, numbers_ordered, ordered
from symbackprop.notation.slots import Slot, gap_of, indices_in, parts_of_slot

Place = Index | None
HALF = Fraction(1, 2)


class Speller:
    """Spells forms. ``leaf`` gives the expression of a tensor, ``operation`` an operation by name."""

    def __init__(
        self,
        convention: Convention,
        leaf: Callable[[Tensor], Expr],
        operation: Operations,
        means: frozenset[str] = frozenset(),
    ) -> None:
        self._rows = convention.vectors_are_rows
        self._means = means
        self._leaf = leaf
        self._operation = operation

    def spell(self, form: Form, row: Place, column: Place) -> Expr | None:
        """The matrix spelling with the full shape, or None."""
        try:
            return self._full(self._form(form, row, column), row, column)
        except NoSpelling:
            return None

    def full(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling with the full shape; NoSpelling if there is none."""
        return self._full(self._form(form, row, column), row, column)

    def filled(self, expr: Expr, row: Place, column: Place) -> Expr:
        """The same as a Jacobian is written: nothing is stretched.

        Every term of a sum has the full shape, I - 1 p^T where ``expr`` stretches p^T; a vector scales the
        rows or columns of a matrix as a diagonal matrix: diag(v) W for v * W.
        """
        if isinstance(expr, Add):
            return Add(tuple(self._stretched(term, row, column) for term in expr.terms))
        if isinstance(expr, Hadamard):
            return self._by_diagonals(expr) or expr
        return _scaling(expr, lambda one: self.filled(one, row, column)) or expr

    def _by_diagonals(self, expr: Hadamard) -> Expr | None:
        """diag(v) W diag(u) for v * W * u^T."""
        rows, columns = expr.shape
        whole = [one for one in expr.factors if one.shape == expr.shape]
        down = [one for one in expr.factors if one.shape == (rows, ONE)]
        across = [one for one in expr.factors if one.shape == (ONE, columns)]
        count = len(whole) + len(down) + len(across)
        if rows.is_one or columns.is_one or count != len(expr.factors) or not whole or len(whole) == count:
            return None
        left = [self._as_diagonal(hadamard(*down), rows)] if down else []
        right = [self._as_diagonal(hadamard(*across), columns)] if across else []
        return product(*left, hadamard(*whole), *right)

    def _as_diagonal(self, vector: Expr, dim: Dim) -> Expr:
        return Call(self._operation("diag"), (self._native(vector),), (dim, dim))

    def _stretched(self, expr: Expr, row: Place, column: Place) -> Expr:
        """A term in the full shape, what scales it in front."""
        if not expr.is_scalar:
            found = _scaling(expr, lambda one: self._stretched(one, row, column))
            if found is not None:
                return found
        if isinstance(expr, Hadamard):
            return self._by_diagonals(expr) or self._full(expr, row, column)
        return self._full(expr, row, column)

    def part(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling; a side on which the form does not depend may have extent 1."""
        return self._form(form, row, column)

    def zeros(self, row: Dim | None, column: Dim | None) -> Expr:
        """Zeros of that extent; None: that side is 1."""
        places = [None if dim is None else Index(dim, "i") for dim in (row, column)]
        return self._constant(ZERO, places[0], places[1])

    def call(self, name: str, args: tuple[Expr, ...], shape: Shape) -> Call:
        """A call of an operation of the table."""
        return Call(self._operation(name), args, shape)

    @property
    def rows(self) -> bool:
        """Whether vectors are rows."""
        return self._rows

    def _full(self, expr: Expr, row: Place, column: Place) -> Expr:
        """Fill the sides on which the expression does not depend."""
        rows, columns = expr.shape
        need_row = row is not None and rows.is_one
        need_column = column is not None and columns.is_one
        if not need_row and not need_column:
            return expr
        if expr == ZERO or expr.is_scalar:
            return self._constant(expr, row, column)
        if need_row:
            assert row is not None
            return product(self._ones(row.dim, down=True), expr)
        assert column is not None
        return product(expr, self._ones(column.dim, down=False))

    def _constant(self, expr: Expr, row: Place, column: Place) -> Expr:
        name = "zeros" if expr == ZERO else "ones"
        if row is not None and column is not None:
            shape = (row.dim, column.dim)
            filled: Expr = Call(self._operation(name), (DimValue(row.dim), DimValue(column.dim)), shape)
        else:
            place = row if row is not None else column
            assert place is not None
            filled = self._ones(place.dim, down=row is not None, name=name)
        if expr in (ZERO, UNIT):
            return filled
        if isinstance(expr, Neg):
            return Neg(self._constant(expr.arg, row, column))
        if isinstance(expr, Divide):
            return Divide(product(expr.num, filled), expr.den)
        return product(expr, filled)

    def _ones(self, dim: Dim, *, down: bool, name: str = "ones") -> Expr:
        shape = (ONE, dim) if self._rows else (dim, ONE)
        vector = Call(self._operation(name), (DimValue(dim),), shape)
        return vector if down != self._rows else transposed(vector)

    # Sums of terms

    def _form(self, form: Form, row: Place, column: Place) -> Expr:
        if not form.terms:
            return ZERO
        if any(isinstance(atom, Delta) for term in form.terms for atom, _ in term.factors):
            stacked = stack_of(self, form, row, column)
            if stacked is not None:
                return stacked
        if len(form.terms) == 1:
            return self._term(form.terms[0], row, column)
        best = self._sum(form.terms, row, column)
        common = self._pull_common(form, row, column)
        if common is not None and cost(common) <= cost(best):
            best = common
        for made in factored(form):
            try:
                found = self._form(made, row, column)
            except NoSpelling:
                continue
            if cost(found) < cost(best):
                best = found
        return best

    def _sum(self, terms: tuple[Term, ...], row: Place, column: Place) -> Expr:
        spelled = [self._term(term, row, column) for term in terms]
        return addition(group_ends(spelled, row is not None, column is not None))

    def _pull_common(self, form: Form, row: Place, column: Place) -> Expr | None:
        """Factors that all terms share, in front: scalars, quotients, factors of the full shape."""
        shared = shared_factors(form)
        places = {p for p in (row, column) if p is not None}
        pulled = [
            (atom, e)
            for atom, e in shared
            if not atom.free or set(atom.free) == places or (e < 0 and set(atom.free) <= places)
        ]
        size = content(form)
        deltas = any(isinstance(atom, Delta) for term in form.terms for atom, _ in term.factors)
        scales = self._scales(shared, row, column) if spans(form) and not deltas else []
        if not pulled and not scales and size == 1:
            return None
        if scales:
            found = self._pulled(form, [*pulled, *scales], size, row, column)
            if not any(side.is_one for side in found.shape) and not _is_joined(found):
                return found
        return self._pulled(form, pulled, size, row, column)

    def _scales(
        self, shared: list[tuple[Atom, Exponent]], row: Place, column: Place
    ) -> list[tuple[Atom, Exponent]]:
        """Vectors over one side of a matrix that all terms share: the gain of a normalisation."""
        if row is None or column is None:
            return []
        found = [(atom, e) for atom, e in shared if e > 0 and len(atom.free) == 1]
        sides = {atom.free[0] for atom, _ in found}
        return found if len(sides) == 1 and sides <= {row, column} else []

    def _pulled(
        self, form: Form, pulled: list[tuple[Atom, Exponent]], size: Fraction, row: Place, column: Place
    ) -> Expr:
        rest = tuple(without(term, pulled, size) for term in form.terms)
        inner = self._sum(rest, row, column)
        front = Term(size, tuple(pulled))
        return self._multiplied(front, inner, row, column)

    def _multiplied(self, front: Term, inner: Expr, row: Place, column: Place) -> Expr:
        sign = isinstance(inner, Neg)
        body = inner.arg if isinstance(inner, Neg) else inner
        network = self._network(front)
        nums, dens = self._arrays(network, row, column)
        whole = hadamard(*ordered([*nums, body])) if nums else body
        whole = Divide(whole, hadamard(*dens)) if dens else whole
        coefficient = -front.coefficient if sign else front.coefficient
        return scaled(coefficient, numbers_ordered(network.scalars.nums), whole, network.scalars.dens)

    # One term

    def _term(self, term: Term, row: Place, column: Place) -> Expr:
        delta = next((atom for atom, _ in term.factors if isinstance(atom, Delta)), None)
        if delta is not None:
            return self._diagonal(term, delta, row, column)
        network = self._network(term)
        network.eliminate_all(tuple(index for index in term.bound if index in network.indices))
        body = self._assemble(network, row, column)
        return scaled(term.coefficient, numbers_ordered(network.scalars.nums), body, network.scalars.dens)

    def _diagonal(self, term: Term, delta: Delta, row: Place, column: Place) -> Expr:
        """A delta between the row and the column: diag(...) or the identity."""
        if (
            {delta.left, delta.right} != {row, column}
            or row is None
            or column is None
            or row.dim != column.dim
        ):
            chosen = self._selection(term, delta, row, column)
            return chosen if chosen is not None else self._unit(term, delta, row, column)
        rest = Term(Fraction(1), tuple((a, e) for a, e in term.factors if a is not delta), term.bound).rename(
            {column: row}
        )
        network = self._network(rest)
        network.eliminate_all(rest.bound)
        vector = self._assemble(network, row, None)
        shape = (row.dim, row.dim)
        if vector is None:
            square: Expr = Call(self._operation("eye"), (DimValue(row.dim),), shape)
        else:
            square = Call(self._operation("diag"), (self._native(vector),), shape)
        return scaled(term.coefficient, numbers_ordered(network.scalars.nums), square, network.scalars.dens)

    def _selection(self, term: Term, delta: Delta, row: Place, column: Place) -> Expr | None:
        """[i + 2 = j] for i = 1..m as rows 3..m+2 of the identity; None where it is no choice of lines."""
        factors = tuple(factor for factor in term.factors if factor[0] is not delta)
        rest = Term(term.coefficient, factors, term.bound)
        if row is None or column is None or (rest.free and rest.free != (row,)):
            return None
        parts, offset = gap_of(delta.left, delta.right)
        by_index = dict(parts)
        joined = set(by_index) == {row, column} and by_index[row] == -by_index[column]
        if not joined or abs(by_index[row]) != 1:
            return None
        offset = offset * by_index[row]  # row + offset = column
        down = (row.dim - column.dim).never_negative  # then columns of the identity are chosen
        chosen, whole = (column, row) if down else (row, column)
        start = offset * -1 if down else offset
        square = self.call("eye", (DimValue(whole.dim),), (whole.dim, whole.dim))
        run = Run(IndexValue((), start + 1), chosen.dim)
        every = Run(IndexValue((), ONE), whole.dim)
        network = self._network(rest)
        network.eliminate_all(rest.bound)
        vector = self._assemble(network, row, None)
        piece: Expr = Slice(square, (every, run) if down else (run, every), self._rows)
        if vector is not None:
            piece = product(self._as_diagonal(vector, row.dim), piece)
        return scaled(rest.coefficient, network.scalars.nums, piece, network.scalars.dens)

    def _unit(self, term: Term, delta: Delta, row: Place, column: Place) -> Expr:
        """[p = 3] as column 3 of the identity."""
        place, at = (delta.left, delta.right) if isinstance(delta.left, Index) else (delta.right, delta.left)
        if not isinstance(place, Index) or place not in (row, column) or indices_in(at):
            raise NoSpelling
        whole = IndexValue((), ONE)
        square = self.call("eye", (DimValue(place.dim),), (place.dim, place.dim))
        parts, offset = parts_of_slot(at)
        unit = Slice(square, (Run(whole, place.dim), IndexValue(parts, offset)), self._rows)
        network = self._network(Term(term.coefficient, tuple(f for f in term.factors if f[0] is not delta)))
        network.add_vector(place, unit)
        network.eliminate_all(tuple(index for index in term.bound if index in network.indices))
        body = self._assemble(network, row, column)
        return scaled(term.coefficient, numbers_ordered(network.scalars.nums), body, network.scalars.dens)

    def _native(self, vector: Expr) -> Expr:
        """A vector the way its shorter spelling lies."""
        flipped = transposed(vector)
        return flipped if cost(flipped) < cost(vector) else vector

    def _assemble(self, network: Network, row: Place, column: Place) -> Expr | None:
        nums, dens = self._arrays(network, row, column)
        if not nums and not dens:
            return None
        if len(nums) == 2 and not dens and _crosses(nums[0], nums[1]):
            return product(*nums)
        # A matrix first, then what is stretched to it, indicators last.
        top = hadamard(*sorted(nums, key=lambda num: isinstance(num, Indicator))) if nums else UNIT
        return Divide(top, hadamard(*dens)) if dens else top

    def _arrays(self, network: Network, row: Place, column: Place) -> tuple[list[Expr], list[Expr]]:
        """What is left on the free indices, laid out as (row, column)."""
        nums: list[Expr] = []
        dens: list[Expr] = []
        if row is not None and column is not None and row is not column:
            edge = network.edges.pop(frozenset((row, column)), None)
            if edge is not None:
                bundle = edge.facing(row)
                top = bundle.nums
                nums.extend([hadamard(*ordered(top))] if top else [])
                dens.extend(bundle.dens)
        for place, down in ((row, True), (column, False)):
            weight = network.weights.pop(place, None) if place is not None else None
            if weight is None:
                continue
            turned = laid(weight.nums, down=down)
            nums.extend([hadamard(*ordered(turned))] if turned else [])
            dens.extend(laid(weight.dens, down=down))
        if network.edges or network.weights:
            raise NoSpelling
        return nums, dens

    def _network(self, term: Term) -> Network:
        network = Network(self._operation, self._rows, means=self._means)
        factors = term.factors
        arrays: Sequence[tuple[tuple[Index, ...], Expr]] = ()
        if any(isinstance(atom, Flat) for atom, _ in factors):
            factors, arrays = reshaped(self, term)
        for places, expr in arrays:
            if len(places) == 2:
                network.add_matrix(places[0], places[1], expr)
            else:
                network.add_vector(places[0], expr)
        for atom, exponent in factors:
            self._add(network, atom, exponent)
        return network

    def _add(self, network: Network, atom: Atom, exponent: Exponent) -> None:
        below = exponent < 0
        free = atom.free
        if len(free) > 2:
            raise NoSpelling
        if isinstance(atom, Entry) and free and not self._is_whole(atom):
            self._slice(network, atom, exponent)
            return
        if isinstance(atom, OfMatrix) and free:
            whole = all(
                isinstance(slot, Index) and slot.dim == side.dim
                for slot, side in zip(atom.slots, (atom.row, atom.column), strict=True)
            )
            if whole and len(free) == 1:
                self._diagonal_of(network, self._call_of(atom), free[0], exponent)
                return
            if not whole:
                self._piece(network, self._call_of(atom), atom.slots, exponent)
                return
        if not free:
            base = self._atom(atom, None, None)
            network.add_scalar(self._power(base, exponent), below)
        elif len(free) == 1:
            down = self._lies_down(atom)
            base = self._atom(atom, free[0] if down else None, None if down else free[0])
            network.add_vector(free[0], self._power(base, exponent), below)
        else:
            first, second = self._order(atom, free)
            base = self._atom(atom, first, second)
            network.add_matrix(first, second, self._power(base, exponent), below)

    def _is_whole(self, atom: Entry) -> bool:
        """Whether every slot is an index of its own that runs over the whole axis."""
        base = self._leaf(atom.tensor)
        if isinstance(base, Leaf) and not base.tensor.is_matrix:
            return False
        if isinstance(base, Partial) and not base.by.is_matrix:
            return False
        dims = [atom.tensor.shape[axis] for axis in atom.tensor.index_axes]
        return len(atom.free) == len(atom.slots) and all(
            isinstance(slot, Index) and slot.dim == dim for slot, dim in zip(atom.slots, dims, strict=True)
        )

    def _slice(self, network: Network, atom: Entry, exponent: Exponent) -> None:
        """A[i, i] is an entry of the diagonal; A[i, 1] and z[i + n] are entries of slices."""
        if len(atom.slots) == 2 and atom.slots[0] is atom.slots[1]:
            self._diagonal_of(network, self._leaf(atom.tensor), atom.free[0], exponent)
            return
        base = self._leaf(atom.tensor)
        given = iter(atom.slots)
        declared = isinstance(base, Leaf | Partial)
        slots: list[Expr] = []
        order: list[Index] = []
        for dim in atom.tensor.shape:
            if dim.is_one:
                slots.extend([IndexValue((), ONE)] if declared else [])
                continue
            slot = next(given)
            parts, offset = parts_of_slot(slot)
            if isinstance(base, Leaf) and base.tensor.start is not None and offset != Dim(0) and parts:
                raise NoSpelling  # h[t-1]: its first entry is the start of the recursion
            slots.append(_place(slot, order))
        self._sliced(network, Slice(base, tuple(slots), self._rows), order, exponent)

    def _piece(self, network: Network, base: Expr, places: tuple[Slot, ...], exponent: Exponent) -> None:
        """Some rows and columns of a matrix that is no name: inv(A)[:, 1..n-1]."""
        order: list[Index] = []
        slots = tuple(_place(place, order) for place in places)
        self._sliced(network, Slice(base, slots, self._rows), order, exponent)

    def _sliced(self, network: Network, piece: Slice, order: list[Index], exponent: Exponent) -> None:
        expr = self._power(piece, exponent)
        if len(order) == 2:
            network.add_matrix(order[0], order[1], expr, exponent < 0)
        else:
            network.add_vector(order[0], expr, exponent < 0)

    def _diagonal_of(self, network: Network, base: Expr, index: Index, exponent: Exponent) -> None:
        shape = (ONE, index.dim) if self._rows else (index.dim, ONE)
        vector = self.call("diagonal", (base,), shape)
        network.add_vector(index, self._power(vector, exponent), exponent < 0)

    def _call_of(self, atom: OfMatrix) -> Expr:
        if any(index not in (atom.row, atom.column) for index in atom.form.free):
            raise NoSpelling
        square = (atom.row.dim, atom.column.dim)
        return Call(atom.op, (atom.expr,), square if atom.slots else (ONE, ONE))

    def _of_matrix(self, atom: OfMatrix, row: Place, column: Place) -> Expr:
        found = self._call_of(atom)
        if not atom.slots:
            return found
        if not atom.free:
            slots = [parts_of_slot(slot) for slot in atom.slots]
            return Element(found, tuple(IndexValue(parts, offset) for parts, offset in slots))
        if {*atom.slots} != {row, column}:
            raise NoSpelling
        return found if atom.slots[0] is row else transposed(found)

    def _extreme(self, atom: Extreme, row: Place, column: Place) -> Expr:
        """max(A), rowmax(A), colmax(A); a smallest of a row is minus a largest of -A."""
        if atom.kind == "prod" or atom.where:
            raise NoSpelling
        if len(atom.bound) + len(atom.free) > 2 or (row is not None and column is not None):
            raise NoSpelling
        free = row if row is not None else column
        if free is None:
            whole = self._whole_of(atom)
            return Call(self._operation(f"{atom.kind}/1"), (whole,), (ONE, ONE))
        if len(atom.bound) != 1:
            raise NoSpelling
        form = atom.form if atom.kind == "max" else negated(atom.form)
        places = (free, atom.bound[0]) if row is not None else (atom.bound[0], free)
        matrix = self.full(form, *places)
        name, shape = ("rowmax", (free.dim, ONE)) if row is not None else ("colmax", (ONE, free.dim))
        found = self.call(name, (matrix,), shape)
        return found if atom.kind == "max" else Neg(found)

    def _whole_of(self, atom: Extreme) -> Expr:
        if len(atom.bound) == 1:
            down = self._lies_down(Group(atom.form))
            return self.full(atom.form, *((atom.bound[0], None) if down else (None, atom.bound[0])))
        first, second = self._order(Group(atom.form), atom.bound)
        return self.full(atom.form, first, second)

    def _power(self, base: Expr, exponent: Exponent) -> Expr:
        """``base ^ |exponent|``, square roots by name."""
        size = abs(Fraction(exponent))
        if size == HALF:
            if isinstance(base, Call) and base.op.name == "sumsq":
                return Call(self._operation("norm"), base.args, base.call_shape)
            return Call(self._operation("sqrt"), (base,), base.shape)
        if isinstance(base, Call) and base.op.name == "sumsq" and size.denominator == 2:
            norm = Call(self._operation("norm"), base.args, base.call_shape)
            return powered(norm, size * 2)
        return powered(base, size)

    def _lies_down(self, atom: Atom) -> bool:
        """Whether a vector-like factor is written as a column."""
        if isinstance(atom, Extreme):
            both = {*atom.free, *atom.bound}
            wide = next((e for e in _entries(atom) if len(e.free) == 2 and set(e.free) == both), None)
            if wide is not None:
                return wide.free[0] is atom.free[0]
        for entry in _entries(atom):
            if len(entry.free) == 1 and entry.free[0] in atom.free and len(entry.tensor.index_axes) == 1:
                expr = self._leaf(entry.tensor)
                return not expr.shape[0].is_one
        return not self._rows

    def _order(self, atom: Atom, free: tuple[Index, ...]) -> tuple[Index, Index]:
        """Which of two indices runs down: as in the first matrix that has both."""
        if isinstance(atom, OfMatrix):
            return free[0], free[1]
        wanted = set(free)
        for entry in _entries(atom):
            if len(entry.slots) == 2 and set(entry.free) == wanted:
                return entry.free[0], entry.free[1]
        for entry in _entries(atom):
            if len(entry.free) == 1 and entry.free[0] in wanted and len(entry.tensor.index_axes) == 1:
                other = next(index for index in free if index is not entry.free[0])
                across = self._leaf(entry.tensor).shape[0].is_one
                return (other, entry.free[0]) if across else (entry.free[0], other)
        return free[0], free[1]

    def _atom(self, atom: Atom, row: Place, column: Place) -> Expr:
        if isinstance(atom, Entry):
            return self._entry(atom, row, column)
        if isinstance(atom, DimFactor):
            return DimValue(atom.dim)
        if isinstance(atom, Group):
            return self._form(atom.form, row, column)
        if isinstance(atom, Fn):
            args = tuple(self._form(arg, row, column) for arg in atom.args)
            if atom.op.name == "power":
                return Power(args[0], args[1])
            return Call(atom.op, args, broadcast_shape(args), atom.primes)
        if isinstance(atom, Truth):
            left = self._form(atom.left, row, column)
            return Indicator(left, atom.op, self._form(atom.right, row, column))
        if isinstance(atom, OfMatrix):
            return self._of_matrix(atom, row, column)
        if isinstance(atom, Extreme):
            return self._extreme(atom, row, column)
        assert isinstance(atom, (Delta, Position, Flat))
        raise NoSpelling

    def _entry(self, atom: Entry, row: Place, column: Place) -> Expr:
        leaf = self._leaf(atom.tensor)
        like = leaf.tensor if isinstance(leaf, Leaf) else leaf.by if isinstance(leaf, Partial) else None
        if not atom.slots and like is not None and not like.is_matrix:  # every extent is 1
            return Element(leaf, tuple(IndexValue((), ONE) for _ in like.shape))
        if atom.slots and not atom.free:
            slots: list[IndexValue] = []
            given = iter(atom.slots)
            declared = isinstance(leaf, Leaf | Partial)
            for dim in atom.tensor.shape:
                if dim.is_one and not declared:
                    continue
                slot = 1 if dim.is_one else next(given)
                slots.append(IndexValue(*parts_of_slot(slot)))
            return Element(leaf, tuple(slots))
        if len(atom.slots) > 2:
            raise NoSpelling
        if len(atom.slots) == 2:
            return leaf if atom.slots[0] is row else transposed(leaf)
        if len(atom.slots) == 1:
            across = leaf.shape[0].is_one
            return leaf if across == (row is None) else transposed(leaf)
        return leaf


def _place(slot: Slot, order: list[Index]) -> Expr:
    """A slot of a slice; an index that runs is added to ``order``."""
    parts, offset = parts_of_slot(slot)
    if not parts:
        return IndexValue((), offset)
    if len(parts) > 1 or parts[0][1] != 1 or parts[0][0] in order:
        raise NoSpelling
    order.append(parts[0][0])
    return Run(IndexValue((), offset + 1), parts[0][0].dim)


def _entries(atom: Atom) -> list[Entry]:
    found = [atom] if isinstance(atom, Entry) else []
    for part in atom.parts:
        found.extend(inner for inner in part.atoms() if isinstance(inner, Entry))
    return found


def _crosses(left: Expr, right: Expr) -> bool:
    """Whether the two are a column and a row: their product is the outer product."""
    return left.shape[1].is_one and right.shape[0].is_one and not left.is_scalar and not right.is_scalar


def _is_joined(expr: Expr) -> bool:
    """Whether the factor in front meets no matrix: then it is an outer product of what is in the bracket."""
    inner = expr.arg if isinstance(expr, Neg) else expr
    while isinstance(inner, Divide):
        inner = inner.num
    return not isinstance(inner, Hadamard) or any(side.is_one for side in inner.factors[-1].shape)


def group_ends(terms: list[Expr], has_rows: bool, has_columns: bool) -> list[Expr]:
    """Products that end (or begin) alike are joined: A x + A^T x = (A + A^T) x."""
    if len(terms) < 2 or not (has_rows or has_columns):
        return terms
    for last in (True, False):
        terms = _group(terms, last)
    return terms


def _group(terms: list[Expr], last: bool) -> list[Expr]:
    result: list[Expr] = []
    done: set[int] = set()
    for i, term in enumerate(terms):
        if i in done:
            continue
        end, prefix = _split(term, last)
        mates = (
            []
            if end is None
            else [j for j in range(i + 1, len(terms)) if j not in done and _split(terms[j], last)[0] == end]
        )
        others = [term for j, term in enumerate(terms) if j != i and j not in mates]
        arbitrary = _shares_other_end([terms[j] for j in (i, *mates)], others, last=last)
        inside = any(end in other.walk() for other in others) if end is not None else False
        if not mates or end is None or prefix is None or inside or arbitrary:
            result.append(term)
            continue
        parts = [prefix, *(_split(terms[j], last)[1] for j in mates)]
        done.update(mates)
        present = [part for part in parts if part is not None]
        present, below = _over_one(present)
        inner = addition(_group(_group(present, not last), last) if len(present) > 1 else present)
        sign = isinstance(inner, Neg)
        core = inner.arg if isinstance(inner, Neg) else inner
        joined = product(core, end) if last else product(end, core)
        joined = joined if below is None else Divide(joined, below)
        result.append(Neg(joined) if sign else joined)
    return result


def _shares_other_end(group: list[Expr], others: list[Expr], *, last: bool) -> bool:
    """Whether a term of the group could as well be joined with another: a X X + X a X + X X a stays."""
    ends = [_split(term, not last)[0] for term in group]
    return any(end is not None and end in ends for end in (_split(other, not last)[0] for other in others))


def _over_one(parts: list[Expr]) -> tuple[list[Expr], Expr | None]:
    """A/2 + B/2 is (A + B)/2: the parts over what divides all of them."""
    bodies = [part.arg if isinstance(part, Neg) else part for part in parts]
    dens = [body.den for body in bodies if isinstance(body, Divide) and body.den.is_scalar]
    if len(dens) < len(parts) or any(den != dens[0] for den in dens):
        return parts, None
    tops = [body.num for body in bodies if isinstance(body, Divide)]
    signed = zip(parts, tops, strict=True)
    return [Neg(top) if isinstance(part, Neg) else top for part, top in signed], dens[0]


def _split(term: Expr, last: bool) -> tuple[Expr | None, Expr | None]:
    """The factor at the end and what stands before it (with the sign), if both are arrays."""
    if isinstance(term, Neg):
        end, rest = _split(term.arg, last)
        return end, None if rest is None else Neg(rest)
    if isinstance(term, Divide) and term.den.is_scalar:
        end, rest = _split(term.num, last)
        return end, None if rest is None else Divide(rest, term.den)
    if not isinstance(term, MatMul):
        return None, None
    factors = term.factors
    lead = [factor for factor in factors if factor.is_scalar]
    arrays = [factor for factor in factors if not factor.is_scalar]
    if len(arrays) < 2:
        return None, None
    end = arrays.pop() if last else arrays.pop(0)
    return end, product(*lead, *arrays)


def _scaling(expr: Expr, change: Callable[[Expr], Expr]) -> Expr | None:
    """The same multiple of a changed array; None where nothing scales."""
    if isinstance(expr, Neg):
        return Neg(change(expr.arg))
    if isinstance(expr, Divide) and expr.den.is_scalar:
        return Divide(change(expr.num), expr.den)
    if isinstance(expr, MatMul) and sum(not factor.is_scalar for factor in expr.factors) == 1:
        scales = [factor for factor in expr.factors if factor.is_scalar]
        (array,) = (factor for factor in expr.factors if not factor.is_scalar)
        return product(*scales, change(array))
    return None
