"""How the atoms of a term are written: entries, slices, functions, functions of matrices, extremes.

``network_of`` gives the factors of one term as a network: what each is as an expression, and at which
indices it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, DimValue, Expr, Leaf, Neg, Partial, Power, broadcast_shape
from symbackprop.core.indexed import Element, IndexValue, Indicator, Run, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.arranging import reshaped
from symbackprop.notation.array_atoms import Flat, OfMatrix
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Extreme, Fn, Group, Position, Truth
from symbackprop.notation.building import powered, transposed
from symbackprop.notation.forms import Atom, Exponent, Term, negated
from symbackprop.notation.network import Network, NoSpelling
from symbackprop.notation.slots import Place, Slot, parts_of_slot
from symbackprop.notation.speller import Speller

HALF = Fraction(1, 2)


def network_of(speller: Speller, term: Term) -> Network:
    """The factors of ``term`` at their indices; NoSpelling where one of them is no matrix."""
    network = Network(speller.operation, speller.rows, means=speller.means)
    factors = term.factors
    arrays: Sequence[tuple[tuple[Index, ...], Expr]] = ()
    if any(isinstance(atom, Flat) for atom, _ in factors):
        factors, arrays = reshaped(speller, term)
    for places, expr in arrays:
        if len(places) == 2:
            network.add_matrix(places[0], places[1], expr)
        else:
            network.add_vector(places[0], expr)
    for atom, exponent in factors:
        _add(speller, network, atom, exponent)
    return network


def _add(speller: Speller, network: Network, atom: Atom, exponent: Exponent) -> None:
    below = exponent < 0
    free = atom.free
    if len(free) > 2:
        raise NoSpelling
    if isinstance(atom, Entry) and free and not _is_whole(speller, atom):
        _slice(speller, network, atom, exponent)
        return
    if isinstance(atom, OfMatrix) and free:
        whole = all(
            isinstance(slot, Index) and slot.dim == side.dim
            for slot, side in zip(atom.slots, (atom.row, atom.column), strict=True)
        )
        if whole and len(free) == 1:
            _diagonal_of(speller, network, _call_of(atom), free[0], exponent)
            return
        if not whole:
            _piece(speller, network, _call_of(atom), atom.slots, exponent)
            return
    if not free:
        base = _atom(speller, atom, None, None)
        network.add_scalar(_power(speller, base, exponent), below=below)
    elif len(free) == 1:
        down = _lies_down(speller, atom)
        base = _atom(speller, atom, free[0] if down else None, None if down else free[0])
        network.add_vector(free[0], _power(speller, base, exponent), below=below)
    else:
        first, second = _order(speller, atom, free)
        base = _atom(speller, atom, first, second)
        network.add_matrix(first, second, _power(speller, base, exponent), below=below)


def _atom(speller: Speller, atom: Atom, row: Place, column: Place) -> Expr:
    if isinstance(atom, Entry):
        return _entry(speller, atom, row, column)
    if isinstance(atom, DimFactor):
        return DimValue(atom.dim)
    if isinstance(atom, Group):
        return speller.part(atom.form, row, column)
    if isinstance(atom, Fn):
        args = tuple(speller.part(arg, row, column) for arg in atom.args)
        if atom.op.name == "power":
            return Power(args[0], args[1])
        return Call(atom.op, args, broadcast_shape(args), atom.primes)
    if isinstance(atom, Truth):
        left = speller.part(atom.left, row, column)
        return Indicator(left, atom.op, speller.part(atom.right, row, column))
    if isinstance(atom, OfMatrix):
        return _of_matrix(speller, atom, row, column)
    if isinstance(atom, Extreme):
        return _extreme(speller, atom, row, column)
    assert isinstance(atom, (Delta, Position, Flat))
    raise NoSpelling


def _array_of(speller: Speller, tensor: Tensor) -> Expr:
    """A tensor of one or two indices as a vector or matrix; of an array of 2 x 1 x 1 the slice A[:,1,1]."""
    leaf = speller.leaf(tensor)
    if not isinstance(leaf, Leaf | Partial) or len(tensor.shape) <= 2 or not tensor.index_axes:
        return leaf
    one = IndexValue((), ONE)
    slots = tuple(one if dim.is_one else Run(one, dim) for dim in tensor.shape)
    return Slice(leaf, slots, speller.rows)


def _entry(speller: Speller, atom: Entry, row: Place, column: Place) -> Expr:
    leaf = speller.leaf(atom.tensor)
    like = leaf.array
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
    leaf = _array_of(speller, atom.tensor)
    if len(atom.slots) == 2:
        return leaf if atom.slots[0] is row else transposed(leaf)
    if len(atom.slots) == 1:
        across = leaf.shape[0].is_one
        return leaf if across == (row is None) else transposed(leaf)
    return leaf


def _is_whole(speller: Speller, atom: Entry) -> bool:
    """Whether every slot is an index of its own that runs over the whole axis."""
    base = speller.leaf(atom.tensor)
    if isinstance(base, Leaf) and not base.tensor.is_matrix:
        return False
    if isinstance(base, Partial) and not base.by.is_matrix:
        return False
    dims = [atom.tensor.shape[axis] for axis in atom.tensor.index_axes]
    return len(atom.free) == len(atom.slots) and all(
        isinstance(slot, Index) and slot.dim == dim for slot, dim in zip(atom.slots, dims, strict=True)
    )


def _slice(speller: Speller, network: Network, atom: Entry, exponent: Exponent) -> None:
    """A[i, i] is an entry of the diagonal; A[i, 1] and z[i + n] are entries of slices."""
    if len(atom.slots) == 2 and atom.slots[0] is atom.slots[1]:
        _diagonal_of(speller, network, speller.leaf(atom.tensor), atom.free[0], exponent)
        return
    base = speller.leaf(atom.tensor)
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
    _sliced(speller, network, Slice(base, tuple(slots), speller.rows), order, exponent)


def _piece(
    speller: Speller, network: Network, base: Expr, places: tuple[Slot, ...], exponent: Exponent
) -> None:
    """Some rows and columns of a matrix that is no name: inv(A)[:, 1..n-1]."""
    order: list[Index] = []
    slots = tuple(_place(place, order) for place in places)
    _sliced(speller, network, Slice(base, slots, speller.rows), order, exponent)


def _sliced(speller: Speller, network: Network, piece: Slice, order: list[Index], exponent: Exponent) -> None:
    expr = _power(speller, piece, exponent)
    if len(order) == 2:
        network.add_matrix(order[0], order[1], expr, below=exponent < 0)
    else:
        network.add_vector(order[0], expr, below=exponent < 0)


def _diagonal_of(speller: Speller, network: Network, base: Expr, index: Index, exponent: Exponent) -> None:
    shape = (ONE, index.dim) if speller.rows else (index.dim, ONE)
    vector = speller.shapes.call("diagonal", (base,), shape)
    network.add_vector(index, _power(speller, vector, exponent), below=exponent < 0)


def _call_of(atom: OfMatrix) -> Expr:
    if any(index not in (atom.row, atom.column) for index in atom.form.free):
        raise NoSpelling
    square = (atom.row.dim, atom.column.dim)
    return Call(atom.op, (atom.expr,), square if atom.slots else (ONE, ONE))


def _of_matrix(speller: Speller, atom: OfMatrix, row: Place, column: Place) -> Expr:
    found = _call_of(atom)
    if not atom.slots:
        return found
    if not atom.free:
        slots = [parts_of_slot(slot) for slot in atom.slots]
        return Element(found, tuple(IndexValue(parts, offset) for parts, offset in slots))
    if {*atom.slots} != {row, column}:
        raise NoSpelling
    return found if atom.slots[0] is row else transposed(found)


def _extreme(speller: Speller, atom: Extreme, row: Place, column: Place) -> Expr:
    """max(A), rowmax(A), colmax(A); a smallest of a row is minus a largest of -A."""
    if atom.kind == "prod" or atom.where:
        raise NoSpelling
    if len(atom.bound) + len(atom.free) > 2 or (row is not None and column is not None):
        raise NoSpelling
    free = row if row is not None else column
    if free is None:
        whole = _whole_of(speller, atom)
        return speller.shapes.call(f"{atom.kind}/1", (whole,), (ONE, ONE))
    if len(atom.bound) != 1:
        raise NoSpelling
    form = atom.form if atom.kind == "max" else negated(atom.form)
    places = (free, atom.bound[0]) if row is not None else (atom.bound[0], free)
    matrix = speller.full(form, *places)
    name, shape = ("rowmax", (free.dim, ONE)) if row is not None else ("colmax", (ONE, free.dim))
    found = speller.shapes.call(name, (matrix,), shape)
    return found if atom.kind == "max" else Neg(found)


def _whole_of(speller: Speller, atom: Extreme) -> Expr:
    if len(atom.bound) == 1:
        down = _lies_down(speller, Group(atom.form))
        return speller.full(atom.form, *((atom.bound[0], None) if down else (None, atom.bound[0])))
    first, second = _order(speller, Group(atom.form), atom.bound)
    return speller.full(atom.form, first, second)


def _power(speller: Speller, base: Expr, exponent: Exponent) -> Expr:
    """``base ^ |exponent|``, square roots by name."""
    size = abs(Fraction(exponent))
    if size == HALF:
        if isinstance(base, Call) and base.op.name == "sumsq":
            return speller.shapes.call("norm", base.args, base.call_shape)
        return speller.shapes.call("sqrt", (base,), base.shape)
    if isinstance(base, Call) and base.op.name == "sumsq" and size.denominator == 2:
        norm = speller.shapes.call("norm", base.args, base.call_shape)
        return powered(norm, size * 2)
    return powered(base, size)


def _lies_down(speller: Speller, atom: Atom) -> bool:
    """Whether a vector-like factor is written as a column."""
    if isinstance(atom, Extreme):
        both = {*atom.free, *atom.bound}
        wide = next((e for e in _entries(atom) if len(e.free) == 2 and set(e.free) == both), None)
        if wide is not None:
            return wide.free[0] is atom.free[0]
    for entry in _entries(atom):
        if len(entry.free) == 1 and entry.free[0] in atom.free and len(entry.tensor.index_axes) == 1:
            return not _array_of(speller, entry.tensor).shape[0].is_one
    return not speller.rows


def _order(speller: Speller, atom: Atom, free: tuple[Index, ...]) -> tuple[Index, Index]:
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
            across = _array_of(speller, entry.tensor).shape[0].is_one
            return (other, entry.free[0]) if across else (entry.free[0], other)
    return free[0], free[1]


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
