"""When shapes fit: elementwise extents agree, a literal 1 stretches, nothing else does."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.core.expr import Expr, Shape
from symbackprop.verification.point import Array, ShapeClash


def spelled(shape: Shape) -> str:
    """``m x n``."""
    return f"{shape[0]} x {shape[1]}"


def is_scalar(shape: Shape) -> bool:
    """Whether both extents are literally 1."""
    return shape[0].is_one and shape[1].is_one


def require_extents(nodes: Sequence[Expr], values: Sequence[Array]) -> None:
    """Raise ShapeClash unless extents agree; one that merely happens to be 1 does not stretch."""
    if len({value.shape[-2:] for value in values}) == 1:
        return
    for side in (0, 1):
        extents = {
            value.shape[side - 2]
            for node, value in zip(nodes, values, strict=True)
            if value.shape[side - 2] != 1 or not node.shape[side].is_one
        }
        if len(extents) > 1:
            shapes = " and ".join(spelled(node.shape) for node in nodes)
            raise ShapeClash(f"elementwise on shapes {shapes}")
