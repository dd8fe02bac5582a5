"""Losses of labels as they are written: one entry for each label, as in ``-sum[n](log(P[n, y[n]]))``."""

from __future__ import annotations

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.indexed import Element, IndexValue, Range, label_of, label_slot
from symbackprop.core.tensors import Index


def labels_in(target: Expr) -> Expr | None:
    """The labels of ``onehot(y)``, or None."""
    return target.args[0] if isinstance(target, Call) and target.op.name == "onehot" else None


def labelled_entry(call: Call) -> tuple[Element, tuple[Range, ...]] | None:
    """Of a loss of labels the entry ``P[n, y[n]]`` and the range of n (none for one label); else None."""
    labels = labels_in(call.args[0])
    tensor = label_of(labels) if labels is not None else None
    if labels is None or tensor is None:
        return None
    onehot, scores = call.args[:2]
    if labels.is_scalar:
        sides: list[IndexValue | None] = [None, label_slot(labels)]
        ranges: tuple[Range, ...] = ()
    else:
        index = Index(tensor.shape[0], (tensor.shape[0].single_name or "n")[0].lower())
        own = IndexValue(((index, 1),))
        sides = [own, label_slot(Element(labels, (own,)))]
        ranges = (Range(index),)
    assert isinstance(onehot, Call)
    if onehot.axis != "rows":
        sides.reverse()
    return Element(scores, _slots(scores, sides)), ranges


def _slots(scores: Expr, sides: list[IndexValue | None]) -> tuple[IndexValue, ...]:
    """The slots of an entry, from those of its row and its column."""
    first = IndexValue((), ONE)
    if not isinstance(scores, Leaf):
        kept = [side for side, dim in zip(sides, scores.shape, strict=True) if not dim.is_one]
        return tuple(side or first for side in kept)
    tensor = scores.tensor
    axes = {tensor.axis_of_side(side): sides[side] for side in (0, 1)}
    return tuple(axes[axis] or first for axis in range(tensor.rank))
