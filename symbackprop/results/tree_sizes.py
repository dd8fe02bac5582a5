"""How large an expression is: what is printed, and what SymPy is asked to compute."""

from __future__ import annotations

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Comprehension, Reduce

LONGEST = 4000  # nodes of an expanded result that is still printed
LOOPS = 20_000  # nodes of an index form, counted as often as SymPy evaluates them one by one


def nodes(expr: Expr) -> int:
    """The size of the tree, shared parts counted where they stand, without walking them again."""
    sizes: dict[int, int] = {}
    stack: list[tuple[Expr, bool]] = [(expr, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in sizes:
            continue
        if ready:
            sizes[id(node)] = 1 + sum(sizes[id(child)] for child in node.children)
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in node.children)
    return sizes[id(expr)]


def loops(expr: Expr, times: int = 1) -> int:
    """How often nodes are evaluated where sums are loops, four rounds each; beyond ``LOOPS`` not exact."""
    if times > LOOPS:
        return times
    if isinstance(expr, Reduce):
        times *= 4 ** len(expr.ranges)
    elif isinstance(expr, TensorEntries):
        times *= 4 ** len(expr.indices)
    elif isinstance(expr, Comprehension):
        times *= 4 ** ((expr.row is not None) + (expr.column is not None))
    total = times
    for child in expr.children:
        total += loops(child, times)
        if total > LOOPS:
            break
    return total
