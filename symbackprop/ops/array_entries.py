"""What an entry is of the operations that build arrays: outer, diag, inv, stack, pad, reshape, ...

Each function gives the form of entry (row, column) of a call; its docstring is that entry.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, DimValue, Expr, Number
from symbackprop.core.tensors import Index
from symbackprop.notation.array_atoms import Flat, OfMatrix, replaced_in
from symbackprop.notation.atoms import Delta, Fn, as_atom
from symbackprop.notation.forms import Form, bind, number, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Place, position
from symbackprop.ops.form_arithmetic import log_of, power
from symbackprop.ops.lowerer import Lowerer
from symbackprop.ops.registry import lookup


def outer(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """a[i] b[j]."""
    # Entry i of a vector, whichever way it lies.
    left, right = (lowerer.part(arg, at, at) for arg, at in zip(expr.args, (row, column), strict=True))
    return product(as_atom(left), as_atom(right))


def diag(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """a[i] [i = j]."""
    form = as_atom(lowerer.part(expr.args[0], row, row))
    if row is None or column is None:
        return form
    return product(form, single(Delta(row, column)))


def diagonal(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """A[i, i]."""
    place = row if row is not None else column
    return lowerer.lower(expr.args[0], place, place)


def eye(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """[i = j]."""
    return number(1) if row is None or column is None else single(Delta(row, column))


def ones(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """1."""
    return number(1)


def zeros(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """0."""
    return number(0)


def inv(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """(A^-1)[i, j], of a number 1 / A."""
    if row is None or column is None:
        return power(lowerer.lower(expr.args[0], None, None), Fraction(-1))
    return single(_of_matrix(lowerer, expr, (row, column)))


def det(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """The determinant of A, of a number A itself."""
    arg = expr.args[0]
    return lowerer.lower(arg, None, None) if arg.is_scalar else single(_of_matrix(lowerer, expr, ()))


def logdet(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """log |det(A)|."""
    arg = expr.args[0]
    if not arg.is_scalar:
        return single(_of_matrix(lowerer, expr, ()))
    size = lookup("abs")
    assert size is not None
    return log_of(single(Fn(size, (normal(lowerer.lower(arg, None, None)),))))


def _of_matrix(lowerer: Lowerer, expr: Call, slots: tuple[Index, ...]) -> OfMatrix:
    arg = expr.args[0]
    sides = (Index(arg.shape[0], "i"), Index(arg.shape[0], "j"))
    form = normal(lowerer.lower(arg, *sides))
    return OfMatrix(expr.op, replaced_in(arg, lowerer.names), form, sides, slots)


def stack(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_r a_r [r + offset = place], each part at its own offset."""
    side = 1 if expr.axis == "rows" else 0
    place = (row, column)[side]
    assert place is not None
    offset, parts = Dim(0), list[Form]()
    for arg in expr.args:
        extent = arg.shape[side]
        own = None if extent.is_one else Index(extent, place.letter)
        at = position(((own, 1),) if own is not None else (), offset + (0 if own is not None else 1))
        places = (row, own) if side == 1 else (own, column)
        here = single(Delta(at, place, open=True))
        piece = product(as_atom(lowerer.part(arg, *places)), here)
        parts.append(piece if own is None else bind(piece, (own,)))
        offset = offset + extent
    return normal(total(parts))


def pad(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_rs A[r, s] [r + k = i] [s + k = j]: elsewhere 0."""
    arg, width = expr.args[0], size_of(expr.args[1])
    places: list[Place] = []
    bound: list[Index] = []
    deltas = number(1)
    for extent, whole, place in zip(arg.shape, expr.call_shape, (row, column), strict=True):
        if place is None or extent == whole:
            places.append(place)
            continue
        own = None if extent.is_one else Index(extent, place.letter)
        at = position(((own, 1),) if own is not None else (), width + (0 if own is not None else 1))
        deltas = product(deltas, single(Delta(at, place, open=True)))
        places.append(own)
        bound.extend([own] if own is not None else [])
    form = as_atom(lowerer.part(arg, places[0], places[1]))
    return normal(bind(product(form, deltas), tuple(bound)))


def reshape(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_rs A[r, s] where (r, s) and (i, j) have the same number, counted row by row."""
    arg = expr.args[0]
    own = tuple(None if d.is_one else Index(d, letter) for d, letter in zip(arg.shape, "rs", strict=True))
    same = Flat((own[0], own[1]), (row, column), (arg.shape[1], expr.call_shape[1]))
    form = product(as_atom(lowerer.lower(arg, own[0], own[1])), single(same))
    return normal(bind(form, tuple(index for index in own if index is not None)))


def size_of(expr: Expr) -> Dim:
    """The dim that a size argument is."""
    if isinstance(expr, DimValue):
        return expr.dim
    assert isinstance(expr, Number)
    return Dim(int(expr.value))
