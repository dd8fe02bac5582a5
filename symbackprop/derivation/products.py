"""Products of matrices as they are written: what only scales stands in front."""

from __future__ import annotations

from fractions import Fraction
from math import prod

from symbackprop.core.expr import Call, Divide, Expr, MatMul, Neg, Number
from symbackprop.notation.building import product, scaled


def joined(left: Expr, right: Expr, *, keep_identity: bool = False) -> Expr:
    """The product of two matrices, what only scales them in front; an identity is left out."""
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
    if len(arrays) > 1 and not keep_identity:
        arrays = [one for one in arrays if not _is_identity(one)] or arrays[:1]
    return scaled(coefficient, front, product(*arrays) if arrays else None, below)


def _is_identity(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.op.name == "eye"


def _taken_apart(expr: Expr) -> tuple[Fraction, list[Expr], list[Expr], list[Expr]]:
    """A product as its number, the scalars in it, the arrays in their order, and the scalars below."""
    if isinstance(expr, Neg):
        coefficient, scalars, arrays, below = _taken_apart(expr.arg)
        return -coefficient, scalars, arrays, below
    if isinstance(expr, Divide) and expr.den.is_scalar and not expr.is_scalar:
        coefficient, scalars, arrays, below = _taken_apart(expr.num)
        number, *rest = expr.den.factors if isinstance(expr.den, MatMul) else (expr.den,)
        if isinstance(number, Number) and rest:
            return coefficient / number.value, scalars, arrays, [*below, *rest]
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
