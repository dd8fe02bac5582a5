"""Entries that stand at other places in the result: pieces end to end (stack, pad), and reshape.

``stack_of`` reads terms with a factor [r + offset = place] as a piece that fills the places offset + 1 ..
offset + extent of a side, and puts the pieces of one side together; what no piece fills is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import ZERO, Call, DimValue, Expr, Neg, Number, Shape
from symbackprop.core.indexed import IndexValue, Run, Slice
from symbackprop.core.tensors import Index
from symbackprop.notation.array_atoms import Flat
from symbackprop.notation.atoms import Delta
from symbackprop.notation.building import addition, hadamard, transposed
from symbackprop.notation.forms import Factor, Form, Term
from symbackprop.notation.network import NoSpelling
from symbackprop.notation.slots import Place, Slot, gap_of
from symbackprop.notation.speller import Speller

Piece = tuple[Dim, Dim, Expr]  # offset, extent, value


def stack_of(speller: Speller, form: Form, row: Place, column: Place) -> Expr | None:
    """The form as pieces along one side, plus what is not in pieces; None if no term is a piece."""
    for side in (0, 1):
        try:
            found = _along(speller, form, row, column, side)
        except NoSpelling:  # a piece of which nobody knows whether it ends before the side does
            continue
        if found is not None:
            return found
    return None


def _along(speller: Speller, form: Form, row: Place, column: Place, side: int) -> Expr | None:
    """The form as pieces along this side."""
    place = (row, column)[side]
    if place is None:
        return None
    terms = [_apart(term, place, (row, column)[1 - side]) for term in form.terms]
    found = [(term, _embedding(term, place)) for term in terms]
    groups: dict[tuple[Dim, Dim], list[tuple[Term, Delta, Index]]] = {}
    for term, embedding in found:
        if embedding is not None:
            delta, own, offset = embedding
            groups.setdefault((offset, own.dim), []).append((term, delta, own))
    if not groups:
        return None
    pieces = [
        _within((offset, extent, _piece(speller, terms, side, row, column)), place.dim, side)
        for (offset, extent), terms in groups.items()
    ]
    other = (row, column)[1 - side]
    whole = _tiled(speller, pieces, place.dim, side, other)
    rest = Form(term for term, embedding in found if embedding is None)
    return addition([*whole, *([speller.full(rest, row, column)] if rest.terms else [])])


def _apart(term: Term, place: Index, other: Place) -> Term:
    """[other + offset = place] f as sum_k [k + offset = place] [k = other] f: a piece that is diagonal."""
    for atom, exponent in term.factors:
        if not isinstance(atom, Delta) or other is None:
            continue
        parts, offset = gap_of(atom.left, atom.right)
        by_index = dict(parts)
        joins = set(by_index) == {place, other} and by_index[place] == -by_index[other]
        if joins and abs(by_index[place]) == 1 and (offset != Dim(0) or place.dim != other.dim):
            own = Index(other.dim, other.letter)
            rest = tuple(factor for factor in term.factors if factor[0] is not atom)
            embedded = (atom.rename({other: own}), exponent)
            return Term(term.coefficient, (*rest, embedded, (Delta(own, other), 1)), (*term.bound, own))
    return term


def _embedding(term: Term, place: Index) -> tuple[Delta, Index, Dim] | None:
    """The factor [own + offset = place], its own index and the offset."""
    for atom, _ in term.factors:
        if not isinstance(atom, Delta):
            continue
        parts, offset = gap_of(atom.left, atom.right)
        by_index = dict(parts)
        if len(parts) != 2 or place not in by_index:
            continue
        own = next(index for index, _ in parts if index is not place)
        if own in term.bound and by_index[own] == -by_index[place] and abs(by_index[own]) == 1:
            return atom, own, offset * by_index[own]
    return None


def _piece(
    speller: Speller, terms: list[tuple[Term, Delta, Index]], side: int, row: Place, column: Place
) -> Expr:
    """What stands at the places of one piece."""
    common = terms[0][2]
    parts: list[Term] = []
    for term, delta, own in terms:
        factors = tuple(factor for factor in term.factors if factor[0] is not delta)
        bound = tuple(index for index in term.bound if index is not own)
        inner = Term(term.coefficient, factors, bound)
        parts.append(inner if own is common else inner.rename({own: common}))
    places = (common, column) if side == 0 else (row, common)
    if (row, column)[side] in Form(parts).free:
        raise NoSpelling
    return speller.full(Form(parts), *places)


def _within(piece: Piece, extent: Dim, side: int) -> Piece:
    """The part of a piece that lies on its side; a piece that starts before it or ends after it is cut."""
    offset, length, value = piece
    low, high = (Dim(0) - offset), offset + length - extent
    cut = [Dim(0) if (end * -1).never_negative else end for end in (low, high)]
    if cut == [Dim(0), Dim(0)]:
        return piece
    if not all(end.never_negative for end in cut):
        raise NoSpelling
    rest = length - cut[0] - cut[1]
    runs: list[Expr] = [Run(IndexValue((), ONE), dim) for dim in value.shape]
    runs[side] = Run(IndexValue((), cut[0] + 1), rest)
    open_runs = tuple(run for run, dim in zip(runs, value.shape, strict=True) if not dim.is_one)
    inner = Slice(_negated(value), open_runs, side == 1)
    return offset + cut[0], rest, Neg(inner) if isinstance(value, Neg) else inner


def _tiled(speller: Speller, pieces: list[Piece], extent: Dim, side: int, other: Place) -> list[Expr]:
    """The pieces in order with zeros between; pieces that overlap are filled up one by one."""
    ordered = _in_order(pieces, extent)
    if ordered is None:
        return [_filled(speller, [piece], extent, side, other) for piece in pieces]
    return [_filled(speller, ordered, extent, side, other)]


def _in_order(pieces: list[Piece], extent: Dim) -> list[Piece] | None:
    left, cursor, found = list(pieces), Dim(0), list[Piece]()
    while left:
        fitting = [
            piece for piece in left
            if (piece[0] - cursor).never_negative
            and all((p[0] - piece[0] - piece[1]).never_negative for p in left if p is not piece)
        ]  # fmt: skip
        if not fitting:
            return None
        found.append(fitting[0])
        left.remove(fitting[0])
        cursor = fitting[0][0] + fitting[0][1]
    return found


def _filled(speller: Speller, pieces: list[Piece], extent: Dim, side: int, other: Place) -> Expr:
    """The pieces of one side end to end, zeros in the gaps."""
    cursor, parts = Dim(0), list[Expr]()
    for offset, length, value in pieces:
        parts.extend(_gap(speller, offset - cursor, side, other))
        parts.append(value)
        cursor = offset + length
    parts.extend(_gap(speller, extent - cursor, side, other))
    if len(parts) == 1:
        return parts[0]
    across = other.dim if other is not None else ONE
    shape = (extent, across) if side == 0 else (across, extent)
    if len(pieces) == 1:
        padded = _padded(speller, pieces[0], extent, shape, side, other)
        if padded is not None:
            return padded
    if all(isinstance(part, Neg) or _is_zero(part) for part in parts):
        turned = [(offset, length, _negated(value)) for offset, length, value in pieces]
        return Neg(_filled(speller, turned, extent, side, other))
    axis = "rows" if side == 1 else "columns"
    given = other is not None and axis != ("rows" if speller.rows else "columns")
    stack = speller.shapes.call(f"stack/{len(parts)}", tuple(parts), shape)
    return replace(stack, axis=axis, axis_given=given)


def _gap(speller: Speller, size: Dim, side: int, other: Place) -> list[Expr]:
    if size == Dim(0):
        return []
    if other is None:
        return [ZERO if size.is_one else speller.shapes.zeros(*((size, None) if side == 0 else (None, size)))]
    return [speller.shapes.zeros(*((size, other.dim) if side == 0 else (other.dim, size)))]


def _padded(
    speller: Speller, piece: Piece, extent: Dim, shape: Shape, side: int, other: Place
) -> Expr | None:
    """The same margin on every side: pad."""
    offset, length, value = piece
    if extent - offset - length != offset:
        return None
    if other is None:
        return speller.shapes.call("pad", (value, _number(offset)), shape)
    if not isinstance(value, Call) or value.op.name != "stack" or len(value.args) != 3:
        return None
    margins = (value.args[0], value.args[2])
    core = value.args[1]
    if all(_is_zero(part) and part.shape[1 - side] == offset for part in margins):
        return speller.shapes.call("pad", (core, _number(offset)), shape)
    return None


def _negated(expr: Expr) -> Expr:
    return expr.arg if isinstance(expr, Neg) else expr


def _is_zero(expr: Expr) -> bool:
    return expr == ZERO or (isinstance(expr, Call) and expr.op.name == "zeros")


def _number(dim: Dim) -> Expr:
    return Number(Fraction(dim.constant)) if dim.is_number else DimValue(dim)


Reshaped = tuple[tuple[Index, ...], Expr]


def reshaped(speller: Speller, term: Term) -> tuple[tuple[Factor, ...], list[Reshaped]]:
    """The factors without the reshapes and what they act on; each as an array over its own places."""
    factors, found = term.factors, list[Reshaped]()
    while True:
        flat = next((atom for atom, _ in factors if isinstance(atom, Flat)), None)
        if flat is None:
            return factors, found
        for inside, outside in ((flat.left, flat.right), (flat.right, flat.left)):
            made = _one_reshape(speller, term.bound, (factors, found), flat, (inside, outside))
            if made is not None:
                factors, found = made
                break
        else:
            raise NoSpelling


_Side = tuple[Slot | None, Slot | None]
_Parts = tuple[tuple[Factor, ...], list[Reshaped]]


def _one_reshape(
    speller: Speller, bound: tuple[Index, ...], parts: _Parts, flat: Flat, sides: tuple[_Side, _Side]
) -> _Parts | None:
    """reshape(what stands on the first side) over the second, if the rest of the term allows it.

    ``parts`` are factors, and reshapes that were made already; one on the first side is multiplied in.
    """
    factors, arrays = parts
    inside, outside = sides
    own = [slot for slot in inside if slot is not None]
    target = [slot for slot in outside if slot is not None]
    if not all(isinstance(slot, Index) and slot in bound for slot in own):
        return None
    if not all(isinstance(slot, Index) for slot in target):
        return None
    start = {slot for slot in own if isinstance(slot, Index)}
    inner, reached = _linked(start, [factor for factor in factors if factor[0] is not flat], bound)
    if any(isinstance(atom, Flat) for atom, _ in inner) or reached & set(target):
        return None
    places = tuple(slot if isinstance(slot, Index) else None for slot in inside)
    free = {index for atom, _ in inner for index in atom.free} - set(bound)
    if free:
        return None
    summed = tuple(index for index in bound if index in reached and index not in own)
    joined = [array for array in arrays if reached & set(array[0])]
    if any(set(array[0]) != set(own) for array in joined):
        return None
    value = speller.full(Form((Term(Fraction(1), tuple(inner), summed),)), places[0], places[1])
    if joined:
        laid = [expr if spots == tuple(own) else transposed(expr) for spots, expr in joined]
        value = hadamard(*laid, value) if inner else hadamard(*laid)
    kept = tuple(f for f in factors if f[0] is not flat and f not in inner)
    made = (tuple(slot for slot in target if isinstance(slot, Index)), _reshape_call(speller, value, outside))
    return kept, [*(array for array in arrays if array not in joined), made]


def _linked(
    start: set[Index], factors: Sequence[Factor], bound: tuple[Index, ...]
) -> tuple[list[Factor], set[Index]]:
    """The factors that hang together with the indices ``start`` by bound indices, and all these indices."""
    found: list[Factor] = []
    reached = set(start)
    while more := [factor for factor in factors if factor not in found and reached & set(factor[0].free)]:
        found.extend(more)
        reached |= {index for atom, _ in more for index in atom.free if index in bound}
    return found, reached


def _reshape_call(speller: Speller, value: Expr, outside: _Side) -> Expr:
    """reshape(value, n) of a vector that lies as vectors do, else reshape(value, m, n)."""
    rows, columns = (slot.dim if isinstance(slot, Index) else ONE for slot in outside)
    sizes = [slot.dim for slot in outside if isinstance(slot, Index)]
    short = len(sizes) == 1 and rows.is_one == speller.rows
    args = (value, *map(_number, sizes if short else (rows, columns)))
    return speller.shapes.call("reshape", args, (rows, columns))
