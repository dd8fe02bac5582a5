"""``Edit``: a formula with one small change, and the mistake that it would put right."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.core.expr import Expr
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


def is_array(node: Expr) -> bool:
    """Whether a value may have more than one entry."""
    shape = shape_of(node)
    if shape is None:
        return True
    return not (shape[0].is_one and shape[1].is_one)
