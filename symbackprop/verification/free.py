"""The free indices of an expression."""

from __future__ import annotations

from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Comprehension, IndexValue, LabelValue, Reduce
from symbackprop.core.tensors import Index


def free_indices(node: Expr) -> tuple[Index, ...]:
    """The indices that no binder inside ``node`` binds, each once, in order of appearance."""
    seen: dict[Index, None] = {}
    _collect(node, frozenset(), seen)
    return tuple(seen)


def _collect(node: Expr, bound: frozenset[Index], seen: dict[Index, None]) -> None:
    if isinstance(node, IndexValue):
        seen.update((index, None) for index, _ in node.indices if index not in bound)
        if isinstance(node, LabelValue) and node.label is not None:
            _collect(node.label, bound, seen)
    elif isinstance(node, Reduce):
        for item in node.ranges:
            for side in (item.low, item.high):
                if side is not None:
                    _collect(side, bound, seen)
            bound = bound | {item.index}
            if item.condition is not None:
                _collect(item.condition[1], bound, seen)
        _collect(node.body, bound, seen)
    elif isinstance(node, Comprehension):
        _collect(node.body, bound | {index for index in (node.row, node.column) if index is not None}, seen)
    else:
        for child in node.children:
            _collect(child, bound, seen)
