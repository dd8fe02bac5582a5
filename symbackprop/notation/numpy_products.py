"""Matrix products: the cheapest order, and the shortest spelling of each single product.

A vector on either end keeps every intermediate a vector; ``diag(v) A`` never becomes a matrix
product, a factor I vanishes, and a product with a vector of ones is a sum along an axis.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Shape
from symbackprop.notation import pycode as py

_TYPICAL = 64  # every named dim counts the same when orders are compared


@dataclass(frozen=True, slots=True)
class Factor:
    """``node`` is held by shape; "diag" holds the diagonal only, "eye" and "ones" say what they are."""

    shape: Shape
    node: ast.expr
    kind: str = "plain"

    @property
    def is_mat(self) -> bool:
        """Whether neither extent is literally 1."""
        return not (self.shape[0].is_one or self.shape[1].is_one)


def product(factors: Sequence[Factor], scale: ast.expr | None = None) -> ast.expr:
    """The product of factors whose inner extents agree, times ``scale``."""
    kept = [factor for factor in factors if factor.kind != "eye"] or [factors[0]]
    total = _multiply(kept, _best_splits(kept), 0, len(kept) - 1)
    if scale is None:
        return _whole(total)
    node = total.node
    if total.kind == "diag":
        return py.call("np.diag", py.binary(scale, "*", node))
    if isinstance(node, ast.Call) and py.show(node.func) == "np.outer":
        return py.call("np.outer", py.binary(scale, "*", node.args[0]), node.args[1])
    return py.binary(scale, "*", node)


def _whole(factor: Factor) -> ast.expr:
    return py.call("np.diag", factor.node) if factor.kind == "diag" else factor.node


def _size(dim: Dim) -> int:
    return max(1, dim.constant) if dim.is_number else _TYPICAL


def _best_splits(factors: Sequence[Factor]) -> dict[tuple[int, int], int]:
    """Matrix chain order (Cormen et al., Introduction to Algorithms, 15.2); ties split late."""
    sizes = [_size(factors[0].shape[0]), *(_size(factor.shape[1]) for factor in factors)]
    cost = {(i, i): 0 for i in range(len(factors))}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, len(factors)):
        for low in range(len(factors) - length):
            high = low + length
            options = []
            for k in range(low, high):
                elementwise = (low == k and factors[k].kind == "diag") or (
                    k + 1 == high and factors[high].kind == "diag"
                )
                inner = 1 if elementwise else sizes[k + 1]
                own = sizes[low] * inner * sizes[high + 1]
                options.append((cost[low, k] + cost[k + 1, high] + own, -k))
            best, k = min(options)
            cost[low, high], splits[low, high] = best, -k
    return splits


def _multiply(factors: Sequence[Factor], splits: dict[tuple[int, int], int], low: int, high: int) -> Factor:
    if low == high:
        return factors[low]
    k = splits[low, high]
    left = _multiply(factors, splits, low, k)
    right = _multiply(factors, splits, k + 1, high)
    shape = (left.shape[0], right.shape[1])
    if left.kind == "diag" and right.kind == "diag":
        return Factor(shape, py.binary(left.node, "*", right.node), "diag")
    return Factor(shape, _pair(left, right))


def _pair(left: Factor, right: Factor) -> ast.expr:
    if left.kind == "diag":
        wide = right.is_mat
        scale = py.subscript(left.node, py.COLON, py.literal(None)) if wide else left.node
        return py.binary(scale, "*", right.node)
    if right.kind == "diag":
        return py.binary(left.node, "*", right.node)
    if left.shape[1].is_one:  # n x 1 times 1 x m
        outer = not (left.shape[0].is_one or right.shape[1].is_one)
        return py.call("np.outer", left.node, right.node) if outer else py.binary(left.node, "*", right.node)
    if left.kind == "ones" and not left.is_mat and right.kind != "ones":
        return _summed(right, axis=0)
    if right.kind == "ones" and not right.is_mat and left.kind != "ones":
        return _summed(left, axis=1)
    return py.binary(left.node, "@", right.node)


def _summed(factor: Factor, axis: int) -> ast.expr:
    if factor.is_mat:
        return py.method(factor.node, "sum", axis=py.literal(axis))
    return py.method(factor.node, "sum")
