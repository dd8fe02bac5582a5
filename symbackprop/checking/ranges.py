"""The ranges of sums after a change: an index runs over the places where it stands now."""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, Reduce
from symbackprop.core.tensors import Index


def dims_of(node: Element) -> tuple[Dim, ...]:
    """The extents that the slots of an entry run over, as far as they are known."""
    base = node.base
    if isinstance(base, Leaf):
        return base.tensor.shape
    if isinstance(base, Partial):
        if len(node.slots) == base.of.rank + base.by.rank and not base.of.is_scalar:
            return (*base.of.shape, *base.by.shape)
        return base.by.shape
    return ()


def redimensioned(expr: Expr) -> Expr:
    """The expression with each bound index running over what it indexes, where that is one dim."""
    changed = expr.map_children(redimensioned)
    if not isinstance(changed, Reduce):
        return changed
    for at, bound in enumerate(changed.ranges):
        dims = {
            dim for node in changed.body.walk() if isinstance(node, Element)
            for dim, slot in zip(dims_of(node), node.slots, strict=False) if slot.single is bound.index
        }  # fmt: skip
        if len(dims) == 1 and bound.index.dim not in dims and bound.low is None and bound.high is None:
            fresh = Index(dims.pop(), bound.index.letter)
            ranges = (*changed.ranges[:at], replace(bound, index=fresh), *changed.ranges[at + 1 :])
            changed = Reduce(changed.binder, ranges, renamed(changed.body, bound.index, fresh))
    return changed


def renamed(expr: Expr, old: Index, new: Index) -> Expr:
    """The expression with one index in the place of another."""
    if isinstance(expr, IndexValue):
        if any(index is old for index, _ in expr.indices):
            pairs = tuple((new if index is old else index, factor) for index, factor in expr.indices)
            return replace(expr, indices=pairs)
        return expr
    return expr.map_children(lambda child: renamed(child, old, new))
