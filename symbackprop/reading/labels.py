"""Labels: ``onehot(y)``, losses of labels, and comparisons such as ``ind(y[n] = k)``.

A label chooses a class; it is no number to calculate with. A loss of labels is read as the same
loss of ``onehot(y)``, so that everything after reading knows one kind of target.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, Expr, Number
from symbackprop.core.indexed import IndexValue, Indicator, label_of
from symbackprop.core.tensors import Convention, Index
from symbackprop.ops.registry import lookup
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.slots import read_label
from symbackprop.reading.syntax import Apply, Name, Node, Relation, show
from symbackprop.reading.tokens import fail

TAKE_LABELS = frozenset({"onehot", "cross_entropy", "cross_entropy_logits", "nll", "focal", "multi_hinge"})


def labels_first(node: Apply, scope: Scope) -> Expr | None:
    """The labels that stand first in ``onehot(y)`` or in a loss that takes labels, or None."""
    if node.name not in TAKE_LABELS or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, Relation) and isinstance(first.left, Name) and first.left.name == "y":
        first = first.right
    return read_label(first, scope)


def onehot(labels: Expr, axis: str | None, convention: Convention) -> Call:
    """``onehot(y)``: of labels m x K in rows, K x m in columns; of one label a vector of K."""
    tensor, op = label_of(labels), lookup("onehot")
    assert tensor is not None
    assert tensor.facts.classes is not None
    assert op is not None
    count = ONE if labels.is_scalar else tensor.shape[0]
    way = axis or ("rows" if convention.vectors_are_rows else "columns")
    shape = (count, tensor.facts.classes) if way == "rows" else (tensor.facts.classes, count)
    return Call(op, (labels,), shape, 0, way, axis is not None)


def label_comparison(
    sides: tuple[Node, Node], op: str, node: Apply, scope: Scope, read: Read
) -> Indicator | None:
    """``ind(y[n] = k)``: which class a label chooses; None if no side is a label."""
    labels = [read_label(side, scope) for side in sides]
    if labels[0] is None and labels[1] is None:
        return None
    whole = next((label for label in labels if label is not None and not label.is_scalar), None)
    if whole is not None:
        raise fail(f"{show(node)} compares all labels at once", node.at, "write one, as in ind(y[n] = k)")
    if op not in ("=", "!="):
        raise fail(f"{show(node)}: labels have no order", node.at, "they are only equal or unequal")
    tensor = label_of(next(label for label in labels if label is not None))
    classes = tensor.facts.classes if tensor is not None else None
    for side in sides:
        fresh = isinstance(side, Name) and scope.value(side.name) is None and not scope.knows(side.name)
        if isinstance(side, Name) and fresh and scope.free is not None and classes is not None:
            scope.free[side.name] = Index(classes, side.name)
    plain = replace(scope, first=1)
    parts = [
        label if label is not None else read(side, plain) for label, side in zip(labels, sides, strict=True)
    ]
    for place, part in enumerate(parts):
        if isinstance(part, Number) and part.value.denominator == 1:
            parts[place] = IndexValue((), Dim(int(part.value) + 1 - scope.first))
        elif labels[place] is None and not isinstance(part, IndexValue):
            raise fail(
                f"{show(sides[place])} is neither an index nor a class",
                sides[place].at,
                "write ind(y[n] = k)",
            )
    return Indicator(parts[0], op, parts[1], node.name == "kron")
