"""Sums, products and quotients of SymPy objects.

They are SymPy's own classes where these survive ``lambdify``, else ours. A 1 x 1 result is a scalar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy

from symbackprop.notation.sympy_base import is_matrix, shape_of, stretched
from symbackprop.notation.sympy_objects import (
    BroadcastAdd,
    BroadcastProduct,
    ElementwisePower,
    ElementwiseQuotient,
)
from symbackprop.notation.sympy_structures import Cell, Eye


def add_up(parts: Sequence[Any]) -> Any:
    """The sum; operands are stretched where their shapes differ."""
    if not any(is_matrix(part) for part in parts):
        return sympy.Add(*parts)
    shape = stretched(parts)
    if all(shape_of(part) == shape for part in parts):
        return sympy.MatAdd(*parts)
    return BroadcastAdd(*parts)


def hadamard(parts: Sequence[Any]) -> Any:
    """The product entry by entry, scalars in front."""
    scalars = [part for part in parts if not is_matrix(part)]
    matrices = [part for part in parts if is_matrix(part)]
    if not matrices:
        return sympy.Mul(*scalars)
    shape = stretched(matrices)
    matrices = _powers(matrices)
    if len(matrices) == 1:
        total = matrices[0]
    elif all(shape_of(part) == shape for part in matrices):
        total = sympy.HadamardProduct(*matrices)
    else:
        total = BroadcastProduct(*matrices)
    return sympy.MatMul(sympy.Mul(*scalars), total) if scalars else total


def _powers(matrices: Sequence[Any]) -> list[Any]:
    """Equal factors as a power of our own: SymPy would make one that ``lambdify`` refuses."""
    counts: dict[Any, int] = {}
    for part in matrices:
        flat = part.args if isinstance(part, sympy.HadamardProduct) else (part,)
        for factor in flat:
            whole = isinstance(factor, ElementwisePower) and factor.args[1].is_Integer
            base, power = factor.args if whole else (factor, 1)
            counts[base] = counts.get(base, 0) + int(power)
    return [base if count == 1 else ElementwisePower(base, count) for base, count in counts.items()]


def quotient(num: Any, den: Any) -> Any:
    """The quotient entry by entry."""
    if is_matrix(den):
        return ElementwiseQuotient(num, den)
    return sympy.MatMul(1 / den, num) if is_matrix(num) else num / den


def product(parts: Sequence[Any]) -> Any:
    """Matrix products and the scalars that scale them; a 1 x 1 product is a scalar."""
    scalars: list[Any] = []
    run: list[Any] = []
    for part in parts:
        if not is_matrix(part):
            scalars.append(part)
            continue
        run.append(part)
        if run[0].shape[0] == 1 and part.shape[1] == 1:
            scalars.append(Cell(sympy.MatMul(*run)))
            run = []
    scale = sympy.Mul(*scalars)
    if not run:
        return scale
    factors = [scale, *run] if scale != 1 else run
    return sympy.MatMul(*factors) if len(factors) > 1 else factors[0]


def constant(rule: str, shape: Sequence[Any]) -> Any:
    """ones, zeros or eye of that shape."""
    if all(size == 1 for size in shape):
        return sympy.Integer(0 if rule == "zeros" else 1)
    if rule == "eye":
        return Eye(shape[0])
    return sympy.OneMatrix(*shape) if rule == "ones" else sympy.ZeroMatrix(*shape)


def of_matrix(name: str, value: Any) -> Any:
    """SymPy's own inverse and determinant; of a number what they are."""
    if not is_matrix(value):
        return {"inv": 1 / value, "det": value, "logdet": sympy.log(sympy.Abs(value))}[name]
    return sympy.Inverse(value)
