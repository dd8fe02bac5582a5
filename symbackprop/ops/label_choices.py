"""Labels in expressions: y[n] as a position, y[n] = k as a relation, and ``onehot(y)``."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr
from symbackprop.core.indexed import Element, IndexValue, Indicator, label_of
from symbackprop.core.tensors import Index
from symbackprop.notation.forms import Form, bind, product, single
from symbackprop.notation.slots import Place, Slot
from symbackprop.ops.labels import choice
from symbackprop.ops.lowerer import Lowerer


def classes_of(label: Expr) -> Dim:
    """The number of classes of a label ``y`` or ``y[n]``."""
    tensor = label_of(label)
    assert tensor is not None
    assert tensor.facts.classes is not None
    return tensor.facts.classes


def label_is(lowerer: Lowerer, label: Expr, place: Slot) -> Form:
    """1 where the label ``y`` or ``y[n]`` is the class ``place``, else 0."""
    labels = label_of(label)
    assert labels is not None
    own = [lowerer.slot(slot) for slot in label.slots] if isinstance(label, Element) else []
    return single(choice(lowerer.onehot(labels), labels, own[0] if own else None, place))


def onehot(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """[y[n] = k]."""
    label = expr.args[0]
    of, place = (row, column) if expr.axis == "rows" else (column, row)
    assert place is not None
    if isinstance(label, Element):
        return label_is(lowerer, label, place)
    labels = label_of(label)
    assert labels is not None
    return single(choice(lowerer.onehot(labels), labels, of, place))


def label_indicator(lowerer: Lowerer, expr: Indicator) -> Form | None:
    """[y_n = k], for [y_n != k] too; of two labels the sum over the classes that both may be."""
    sides = (expr.left, expr.right)
    labels = [side for side in sides if label_of(side) is not None]
    if not labels:
        return None
    if len(labels) == 1:
        other = next(side for side in sides if side is not labels[0])
        assert isinstance(other, IndexValue)
        return label_is(lowerer, labels[0], lowerer.slot(other))
    same = Index(classes_of(labels[0]), "k")
    return bind(product(label_is(lowerer, labels[0], same), label_is(lowerer, labels[1], same)), (same,))
