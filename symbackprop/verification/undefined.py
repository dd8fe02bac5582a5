"""Products that are 0 though a factor of them has no value: what stands behind [i != j], and 0 log 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.indexed import IndexValue, Indicator
from symbackprop.verification import entries
from symbackprop.verification.point import Array


def with_no_mass(factors: Sequence[Expr], values: Sequence[Array], total: Array) -> Array:
    """0 log 0 = 0, where a declared choice of numbers (one-hot) stands before a log that it stands in too.

    Where [i != j] is 0 the product is 0, whether or not the rest exists there.
    """
    if np.isfinite(total).all():
        return total
    for factor, value in zip(factors, values, strict=True):
        if is_apart(factor):
            total = np.where(value == 0, 0.0, total)
        if entries.is_fixed(factor) and any(_is_log_with(other, factor) for other in factors):
            total = np.where(value == 0, 0.0, total)
    return total


def is_apart(factor: Expr) -> bool:
    """Whether a factor is [i != j]: what it stands before need not exist where it is 0."""
    if not isinstance(factor, Indicator) or factor.op != "!=":
        return False
    return isinstance(factor.left, IndexValue) and isinstance(factor.right, IndexValue)


def _is_log_with(node: Expr, mass: Expr) -> bool:
    """Whether a log of something in which the tensor of ``mass`` stands makes the node infinite."""
    own = {leaf.tensor for leaf in mass.walk() if isinstance(leaf, Leaf)}
    logs = (part for part in node.walk() if isinstance(part, Call) and part.op.name == "log")
    return any(leaf.tensor in own for log in logs for leaf in log.walk() if isinstance(leaf, Leaf))
