"""What an answer rests on, in words: choices at kinks."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.core.expr import Call, Divide, Expr, Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element
from symbackprop.ops.registry import Elementwise, Structural


def kink_notes(graph: Graph) -> Iterator[str]:
    """relu'(0) = 0 and the like, for the functions of the forward pass."""
    seen: dict[str, None] = {}
    for equation in graph.equations:
        for node in equation.expr.walk() if equation.expr is not None else ():
            if isinstance(node, Call) and isinstance(node.op, Elementwise | Structural) and node.op.note:
                seen.setdefault(node.op.note)
            if isinstance(node, Call) and node.op.name in ("log", "kl") and _may_be_zero(node.args[0]):
                seen.setdefault("0 log 0 = 0")
    yield from seen


def _may_be_zero(expr: Expr) -> bool:
    """Whether a one-hot array stands in it as a factor, so that its log is taken at 0."""
    if isinstance(expr, Leaf | Element):
        return any(isinstance(leaf, Leaf) and leaf.tensor.facts.one_hot for leaf in expr.walk())
    return isinstance(expr, Divide) and _may_be_zero(expr.num)
