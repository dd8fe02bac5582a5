"""Sums of products over several indices, without the grid of all of them.

sum[i, j, k](A[i, j] B[j, k] c[k]) is a chain of small contractions; over a grid of i, j and k together a
line with ten indices would need millions of numbers.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Divide, Expr, MatMul
from symbackprop.core.indexed import IndexValue, Range, Reduce
from symbackprop.core.tensors import Index
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Point, Refusal
from symbackprop.verification.scope import Scope, whole_range

Factor = tuple[Expr, bool]  # a factor, and whether it divides


class Values(Protocol):
    """What is needed of the evaluator."""

    point: Point

    def value(self, node: Expr, scope: Scope) -> Array: ...


def factors_under(node: Reduce) -> tuple[list[Factor], list[Index]]:
    """The factors of a sum of products and the indices it binds; no index if it is something else."""
    found: list[Factor] = []
    bound: list[Index] = []
    if not _enter(node, found, bound):
        return [], []
    return found, bound


def _enter(node: Expr, found: list[Factor], bound: list[Index]) -> bool:
    if isinstance(node, Reduce):
        own = [item.index for item in node.ranges]
        if node.binder != "sum" or not all(map(_is_plain, node.ranges)) or set(own) & set(bound):
            found.append((node, False))
            return bool(bound)
        bound.extend(own)
        return _enter(node.body, found, bound)
    if isinstance(node, MatMul) and all(factor.is_scalar for factor in node.factors):
        return all(_enter(factor, found, bound) for factor in node.factors)
    if isinstance(node, Divide) and node.num.is_scalar and node.den.is_scalar:
        found.append((node.den, True))
        return _enter(node.num, found, bound)
    found.append((node, False))
    return True


def _is_plain(item: Range) -> bool:
    """Whether the index runs over its whole dim."""
    low = item.low is None or item.low == IndexValue((), ONE)
    high = item.high is None or item.high == IndexValue((), item.index.dim)
    return low and high and item.condition is None


def contraction(host: Values, factors: list[Factor], bound: list[Index], scope: Scope) -> Array:
    """The sum over ``bound`` of the product of ``factors``, over the indices in ``scope``."""
    axes = (*scope.axes, *((index, whole_range(index, host.point)) for index in bound))
    letter = {index: number + 1 for number, (index, _) in enumerate(axes)}
    operands: list[object] = []
    seen: set[int] = set()
    for factor, below in factors:
        wanted = set(free_indices(factor))
        own = Scope(tuple((i, at) for i, at in axes if i in wanted))
        value = host.value(factor, own)
        if value.shape[-2:] != (1, 1):
            raise Refusal("the body of sum is not a scalar")
        flat = value[..., 0, 0]
        names = [letter[index] for index, _ in own.axes]
        names = [0, *names] if flat.ndim > len(names) else names[len(names) - flat.ndim :]
        kept = [number for number, extent in zip(names, flat.shape, strict=True) if extent != 1]
        flat = flat.reshape([extent for extent in flat.shape if extent != 1])
        operands.extend((1.0 / flat if below else flat, kept))
        seen.update(kept)
    free = [number for number in range(len(scope.axes) + 1) if number in seen]
    total = np.asarray(np.einsum(*operands, free, optimize="greedy"))  # type: ignore[call-overload]
    for index in bound:
        if letter[index] not in seen:
            total = total * host.point.extent(index.dim)
    extents = dict(zip(free, total.shape, strict=True))
    lead = [extents[0]] if 0 in extents else []
    return total.reshape([*lead, *(extents.get(k + 1, 1) for k in range(len(scope.axes))), 1, 1])
