"""``Edit``: a formula with one small change, and the mistake that it would put right."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.core.expr import Expr, MatMul, Neg, Transpose
from symbackprop.core.written import shape_of


@dataclass(frozen=True, slots=True)
class Edit:
    """The formula with one change. ``spot`` is the part of the old formula that was wrong."""

    expr: Expr
    cause: str
    cost: float
    spot: Expr
    new: Expr | None = None
    shown: Expr | None = None  # what stood in the place of ``new``, where that is more than the spot


def turned(node: Expr) -> Expr:
    """The transpose as one writes it: (A B)^T is B^T A^T, and no transpose stands on a transpose."""
    if isinstance(node, Transpose):
        return node.arg
    if isinstance(node, Neg):
        return Neg(turned(node.arg))
    if isinstance(node, MatMul):
        scales = tuple(factor for factor in node.factors if not is_array(factor))
        arrays = tuple(factor for factor in node.factors if is_array(factor))
        return MatMul((*scales, *(turned(factor) for factor in reversed(arrays))))
    return Transpose(node)


def is_array(node: Expr) -> bool:
    """Whether a value may have more than one entry."""
    shape = shape_of(node)
    if shape is None:
        return True
    return not (shape[0].is_one and shape[1].is_one)
