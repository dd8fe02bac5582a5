"""What an answer rests on, in words: choices at kinks."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.core.expr import Call
from symbackprop.core.graph import Graph
from symbackprop.ops.registry import Elementwise, Structural


def kink_notes(graph: Graph) -> Iterator[str]:
    """relu'(0) = 0 and the like, for the functions of the forward pass."""
    seen: dict[str, None] = {}
    for equation in graph.equations:
        for node in equation.expr.walk() if equation.expr is not None else ():
            if isinstance(node, Call) and isinstance(node.op, Elementwise | Structural) and node.op.note:
                seen.setdefault(node.op.note)
    yield from seen
