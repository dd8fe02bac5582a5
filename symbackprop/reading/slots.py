"""The slots of an entry: an index, a position, or a label that chooses a class."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Element, IndexValue, axes_of, label_of, label_slot
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.reading.positions import index_parts, no_position, position_parts
from symbackprop.reading.reach import check_position, check_reach
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Name, Node, Span, Sub, Whole, show
from symbackprop.reading.tokens import Place, fail


def read_label(node: Node, scope: Scope) -> Expr | None:
    """The label ``y`` or ``y[n]``, or all labels ``y``; None if the node is nothing of that kind."""
    name = node.base if isinstance(node, Sub) else node
    value = scope.value(name.name) if isinstance(name, Name) else None
    if value is None or label_of(value) is None:
        return None
    return Element(value, read_slots(node, axes_of(value), scope)) if isinstance(node, Sub) else value


def no_number(node: Node, at: Place) -> InputError:
    """The error about a label where a number is needed."""
    return fail(
        f"{show(node)} is a label: it chooses a class and is no number to calculate with",
        at,
        "use it as an index, as in p[y], compare it with an index, as in ind(k = y), or write onehot(y)",
        "shape",
    )


def read_slots(node: Sub, axes: tuple[Dim, ...], scope: Scope) -> tuple[IndexValue, ...]:
    """The slots of an entry, one for each of ``axes``."""
    check_count(node, axes)
    return tuple([read_slot(slot, dim, node, scope) for slot, dim in zip(node.slots, axes, strict=True)])


def read_open_slots(node: Sub, axes: tuple[Dim, ...], scope: Scope) -> tuple[IndexValue | None, ...]:
    """The slots of a derivative, one for each of ``axes``; None for ``:``."""
    check_count(node, axes)
    for slot in node.slots:
        if isinstance(slot, Span):
            raise fail(
                f"{show(slot)}: in the derivative of an array an axis runs as a whole, or is held",
                slot.at,
                "write : or one position",
            )
    return tuple(
        [
            None if isinstance(slot, Whole) else read_slot(slot, dim, node, scope)
            for slot, dim in zip(node.slots, axes, strict=True)
        ]
    )


def check_count(node: Sub, axes: tuple[Dim, ...]) -> None:
    """An entry has one slot for each of ``axes``."""
    shown = show(node.base)
    if not axes:
        raise fail(f"{shown} is a scalar and has no index", node.at, f"write {shown}", "shape")
    if len(node.slots) == 1 and len(axes) == 2:
        slot = show(node.slots[0])
        raise fail(
            f"{shown} is a matrix and has two indices, {show(node)} gives one",
            node.at,
            f"write {shown}[{slot},:] for row {slot}, {shown}[:,{slot}] for column {slot}",
            "shape",
        )
    if len(node.slots) != len(axes):
        count = "one index" if len(axes) == 1 else f"{len(axes)} indices"
        raise fail(f"{shown} has {count}, {show(node)} gives {len(node.slots)}", node.at, None, "shape")


def read_slot(slot: Node, dim: Dim, node: Sub, scope: Scope) -> IndexValue:
    """One slot of an entry: a position along an axis of extent ``dim``."""
    label = read_label(slot, scope)
    if label is not None:
        return _label_slot(label, dim, slot, node, scope)
    if (
        isinstance(slot, Name)
        and scope.free is not None
        and scope.index(slot.name) is None
        and not scope.knows(slot.name)
    ):
        scope.free[slot.name] = Index(scope.unifier.resolve(dim), slot.name)
    parts = position_parts(slot, scope)
    if parts is None:
        raise no_position(slot, scope)
    indices, offset = parts
    if not indices:
        check_position(offset, dim, slot, node, scope)
        return IndexValue((), offset)
    if len(indices) > 1 or offset != Dim(0) or 1 not in indices.values():
        found = IndexValue(index_parts(indices, scope), offset)
        check_reach(found, found, dim, slot, node, scope)
        return found
    (letter,) = indices
    index = scope.index(letter)
    assert index is not None
    if not _contains(scope.unifier.resolve(dim), scope.unifier.resolve(index.dim)) and not scope.unifier.same(
        index.dim, dim
    ):
        raise fail(
            f"the index {letter} runs over {scope.unifier.resolve(index.dim)}, but {show(node)} has "
            f"{scope.unifier.resolve(dim)} entries there",
            slot.at,
            None,
            "shape",
        )
    return IndexValue(((index, 1),))


def _label_slot(label: Expr, dim: Dim, slot: Node, node: Sub, scope: Scope) -> IndexValue:
    tensor = label_of(label)
    assert tensor is not None
    assert tensor.facts.classes is not None
    if not label.is_scalar:
        letter = (tensor.shape[0].single_name or "n")[0].lower()
        raise fail(
            f"{tensor.name} holds {tensor.shape[0]} labels, an index is one of them",
            slot.at,
            f"write {tensor.name}[{letter}]",
            "shape",
        )
    if not scope.unifier.same(tensor.facts.classes, dim):
        raise fail(
            f"{tensor.name} has {tensor.facts.classes} classes, but {show(node)} has "
            f"{scope.unifier.resolve(dim)} entries there",
            slot.at,
            None,
            "shape",
        )
    return label_slot(label)


def _contains(outer: Dim, inner: Dim) -> bool:
    gap = outer - inner
    return gap.is_number and gap.constant >= 0
