"""Terms with a Kronecker delta of row and column: diag, the identity, and some of its rows or columns."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import ONE
from symbackprop.core.expr import DimValue, Expr
from symbackprop.core.indexed import IndexValue, Run, Slice
from symbackprop.core.tensors import Index
from symbackprop.notation.assembling import assemble
from symbackprop.notation.atom_spelling import network_of
from symbackprop.notation.atoms import Delta
from symbackprop.notation.building import product, scaled
from symbackprop.notation.forms import Term
from symbackprop.notation.network import NoSpelling, numbers_ordered
from symbackprop.notation.slots import Place, gap_of, indices_in, parts_of_slot
from symbackprop.notation.speller import Speller


def spelled_delta(speller: Speller, term: Term, delta: Delta, row: Place, column: Place) -> Expr:
    """A delta between the row and the column: diag(...) or the identity."""
    if (
        {delta.left, delta.right} != {row, column}
        or row is None
        or column is None
        or row.dim != column.dim
    ):
        chosen = _selection(speller, term, delta, row, column)
        return chosen if chosen is not None else _unit(speller, term, delta, row, column)
    rest = Term(Fraction(1), tuple((a, e) for a, e in term.factors if a is not delta), term.bound).rename(
        {column: row}
    )
    network = network_of(speller, rest)
    network.eliminate_all(rest.bound)
    vector = assemble(network, row, None)
    shape = (row.dim, row.dim)
    if vector is None:
        square: Expr = speller.shapes.call("eye", (DimValue(row.dim),), shape)
    else:
        square = speller.shapes.as_diagonal(vector, row.dim)
    return scaled(term.coefficient, numbers_ordered(network.scalars.nums), square, network.scalars.dens)


def _selection(speller: Speller, term: Term, delta: Delta, row: Place, column: Place) -> Expr | None:
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
    square = speller.shapes.call("eye", (DimValue(whole.dim),), (whole.dim, whole.dim))
    run = Run(IndexValue((), start + 1), chosen.dim)
    every = Run(IndexValue((), ONE), whole.dim)
    network = network_of(speller, rest)
    network.eliminate_all(rest.bound)
    vector = assemble(network, row, None)
    piece: Expr = Slice(square, (every, run) if down else (run, every), speller.rows)
    if vector is not None:
        piece = product(speller.shapes.as_diagonal(vector, row.dim), piece)
    return scaled(rest.coefficient, network.scalars.nums, piece, network.scalars.dens)


def _unit(speller: Speller, term: Term, delta: Delta, row: Place, column: Place) -> Expr:
    """[p = 3] as column 3 of the identity."""
    place, at = (delta.left, delta.right) if isinstance(delta.left, Index) else (delta.right, delta.left)
    if not isinstance(place, Index) or place not in (row, column) or indices_in(at):
        raise NoSpelling
    whole = IndexValue((), ONE)
    square = speller.shapes.call("eye", (DimValue(place.dim),), (place.dim, place.dim))
    parts, offset = parts_of_slot(at)
    unit = Slice(square, (Run(whole, place.dim), IndexValue(parts, offset)), speller.rows)
    network = network_of(speller, Term(term.coefficient, tuple(f for f in term.factors if f[0] is not delta)))
    network.add_vector(place, unit)
    network.eliminate_all(tuple(index for index in term.bound if index in network.indices))
    body = assemble(network, row, column)
    return scaled(term.coefficient, numbers_ordered(network.scalars.nums), body, network.scalars.dens)
