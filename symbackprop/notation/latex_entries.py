"""One entry of an elementwise formula, so that ``sum(Y * log(P))`` prints as a sum over entries."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    SCALAR,
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Transpose,
)
from symbackprop.core.indexed import Element, IndexValue, Indicator, Slice
from symbackprop.core.tensors import Index

Position = tuple[IndexValue | None, IndexValue | None]
_FIRST = IndexValue((), Dim(1))


def fresh_position(expr: Expr) -> tuple[Position, tuple[Index, ...]]:
    """Indices for the sides of ``expr`` whose extent is not 1: a small letter of the dim, else i, j."""
    spare = iter("ij")
    sides: list[IndexValue | None] = []
    made: list[Index] = []
    for dim in expr.shape:
        if dim.is_one:
            sides.append(None)
            continue
        name = dim.single_name or ""
        letter = name.lower() if len(name) == 1 and name.isupper() and name != "L" else next(spare)
        if any(index.letter == letter for index in made):
            made[0].letter, letter = "i", "j"
        made.append(Index(dim, letter))
        sides.append(IndexValue(((made[-1], 1),)))
    return (sides[0], sides[1]), tuple(made)


def entry(expr: Expr, at: Position) -> Expr:
    """The entry of ``expr`` at ``at``, as a scalar formula in the entries of its parts."""
    if expr.is_scalar:
        return expr
    if isinstance(expr, Leaf | Partial):
        return _entry_of_array(expr, at)
    if isinstance(expr, Transpose):
        return entry(expr.arg, (at[1], at[0]))
    if isinstance(expr, Slice):
        return expr.entry(at[0], at[1])
    if is_elementwise(expr):
        if isinstance(expr, Call):
            return Call(expr.op, tuple(entry(argument, at) for argument in expr.args), SCALAR, expr.primes)
        return expr.map_children(lambda child: entry(child, at))
    rows, columns = expr.shape
    slots = [
        side for side, dim in zip(at, (rows, columns), strict=True) if side is not None and not dim.is_one
    ]
    return Element(expr, tuple(slots))


def is_elementwise(expr: Expr) -> bool:
    """Whether an entry of ``expr`` is a formula in the same entries of its parts."""
    if isinstance(expr, Leaf | Partial | Slice) or expr.is_scalar:
        return True
    if isinstance(expr, Transpose):
        return is_elementwise(expr.arg)
    if isinstance(expr, Hadamard | Divide | Power | Neg | Indicator):
        return True
    if isinstance(expr, Add):  # (W x + b - t)_i keeps its group together
        return all(is_elementwise(term) for term in expr.terms)
    if isinstance(expr, MatMul):
        return sum(not factor.is_scalar for factor in expr.factors) == 1
    return isinstance(expr, Call) and expr.op.kind in ("elementwise", "function")


def _entry_of_array(expr: Leaf | Partial, at: Position) -> Expr:
    tensor = expr.array
    if isinstance(expr, Partial) and expr.turned:  # the slots of a derivative are those of the array below
        at = (at[1], at[0])
    slots: list[IndexValue] = []
    for axis, dim in enumerate(tensor.shape):
        side = next(side for side in (0, 1) if tensor.axis_of_side(side) == axis)
        wanted = at[side]
        slots.append(_FIRST if dim.is_one or wanted is None else wanted)
    return Element(expr, tuple(slots))
