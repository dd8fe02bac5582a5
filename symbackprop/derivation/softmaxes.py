"""Where softmax stands in a forward pass, by name or as what its logarithm or its loss is made of.

Each softmax gets a name of its own unless the author has given it one, so that e^z / sum e^z is printed as
softmax(z) wherever it comes up.
"""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Reduce, Run, Slice
from symbackprop.core.operations import Operation
from symbackprop.ops.lowerer import Expand
from symbackprop.ops.registry import Structural, lookup


def softmaxes_in(expr: Expr, expand: Expand) -> Iterator[Call]:
    """The calls ``softmax(arg)``, ``log_softmax(arg)`` and ``logsumexp(arg)`` of an expression.

    Those inside definitions (of a loss) too, and softmax(u) for a sum of exponentials that is written out.
    """
    for node in expr.walk():
        by_hand = _sum_of_exponentials(node)
        if by_hand is not None:
            yield by_hand
        if not isinstance(node, Call):
            continue
        if node.op.name in ("softmax", "log_softmax", "logsumexp"):
            yield node
        elif isinstance(node.op, Structural) and node.op.definition is not None:
            yield from softmaxes_in(expand(node), expand)


def softmax_of(node: Call, graph: Graph) -> Call | None:
    """``softmax(arg)`` of a call that ``softmaxes_in`` finds; None if ``arg`` is a number."""
    arg, node = _whole_argument(node)
    if arg.is_scalar:
        return None
    op = lookup("softmax")
    assert op is not None
    # In a definition nobody writes the axis; in print it must stand where it is not the default.
    given = node.axis_given or node.axis != _default_axis(arg, graph)
    return Call(op, (arg,), arg.shape, 0, node.axis, given)


def _default_axis(arg: Expr, graph: Graph) -> str:
    """The lines that softmax works inside where nothing is said."""
    rows, columns = arg.shape
    if rows.is_one != columns.is_one:
        return "rows" if rows.is_one else "columns"
    return "rows" if graph.convention.vectors_are_rows else "columns"


def is_named(whole: Call, graph: Graph) -> bool:
    """Whether an equation of the forward pass is just this call."""
    return any(
        isinstance(e.expr, Call)
        and e.expr.op is whole.op
        and e.expr.args == whole.args
        and e.expr.axis == whole.axis
        for e in graph.equations
    )


def _sum_of_exponentials(node: Expr) -> Call | None:
    """softmax(u) for sum(exp(u)), rowsum(exp(U)) or sum[j](exp(U[n,j])): what comes of its logarithm."""
    op = lookup("softmax")
    assert op is not None
    inner = node.args[0] if isinstance(node, Call) else node.body if isinstance(node, Reduce) else None
    if not isinstance(inner, Call) or inner.op.name != "exp" or inner.primes:
        return None
    arg = inner.args[0]
    if isinstance(node, Call):
        lines = {"rowsum": "rows", "colsum": "columns"}.get(node.op.name)
        if node.op.name == "sum" and ONE in arg.shape and not arg.is_scalar:
            lines = "rows" if arg.shape[0].is_one else "columns"
        return Call(op, (arg,), arg.shape, 0, lines) if lines is not None else None
    assert isinstance(node, Reduce)
    return _softmax_of_entries(node, arg, op)


def _softmax_of_entries(node: Reduce, arg: Expr, op: Operation) -> Call | None:
    """softmax(Z, rows) for sum[j](exp(Z[n,j])), where j runs over a whole axis."""
    if node.binder != "sum" or len(node.ranges) != 1 or not isinstance(arg, Element):
        return None
    (spot,), base = node.ranges, arg.base
    if not isinstance(base, Leaf) or (spot.low, spot.high, spot.condition) != (None, None, None):
        return None
    singles = [slot.single for slot in arg.slots]
    if singles.count(spot.index) != 1 or None in singles or len(set(singles)) < len(singles):
        return None
    axis = singles.index(spot.index)
    if base.tensor.shape[axis] != spot.index.dim or len(singles) > 2:
        return None
    lines = "rows" if base.tensor.axis_of_side(1) == axis else "columns"
    return Call(op, (base,), base.shape, 0, lines)


def _whole_argument(node: Call) -> tuple[Expr, Call]:
    """What softmax is taken of: of one row Z[n,:] the whole of Z, row by row."""
    arg = node.args[0]
    if not isinstance(arg, Slice) or len(arg.slots) != 2 or len(arg.runs) != 1:
        return arg, node
    side = 1 if isinstance(arg.slots[1], Run) else 0
    lone = arg.slots[1 - side]
    index = lone.single if isinstance(lone, IndexValue) else None
    whole = arg.runs[0].count == arg.base.shape[side]
    if not whole or index is None or index.dim != arg.base.shape[1 - side]:
        return arg, node
    axis = "rows" if side == 1 else "columns"
    return arg.base, Call(node.op, (arg.base,), node.call_shape, 0, axis, False)
