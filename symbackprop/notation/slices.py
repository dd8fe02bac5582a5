"""What printers ask of slices and sums: whole axes, members of families, ranges that are seen."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, Run, Slice, axes_of
from symbackprop.core.tensors import Index


def is_whole(slot: Run, dim: Dim) -> bool:
    """Whether a run is all positions of an axis: ``:``."""
    return slot.count == dim and not slot.low.indices and slot.low.offset == Dim(1)


def is_member(expr: Slice) -> bool:
    """Whether a slice is a whole member of a family, ``h[t]``."""
    base = expr.base
    tensor = base.array
    if tensor is None or not tensor.over or isinstance(expr.slots[0], Run):
        return False
    rest = zip(expr.slots[1:], tensor.shape[1:], strict=True)
    return all(isinstance(slot, Run) and is_whole(slot, dim) for slot, dim in rest)


def range_is_seen(index: Index, body: Expr) -> bool:
    """Whether the range of an index is that of the positions where it stands alone in ``body``."""
    alone: list[Dim] = []
    for node in body.walk():
        if isinstance(node, Element):
            if isinstance(node.base, Leaf):
                dims = node.base.tensor.shape
                alone.extend(dim for slot, dim in zip(node.slots, dims, strict=True) if slot.single is index)
            elif any(slot.single is index for slot in node.slots):
                alone.append(index.dim)
        elif isinstance(node, Slice) and isinstance(node.base, Leaf | Partial):
            pairs = zip(node.slots, axes_of(node.base), strict=True)
            alone.extend(d for s, d in pairs if isinstance(s, IndexValue) and s.single is index)
    return bool(alone) and all(dim == index.dim for dim in alone)
