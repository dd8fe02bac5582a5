"""Entries and slices: ``W[i,j]``, ``W[:,j]``, ``z[n+1..2*n]``."""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Element, IndexValue, Run, Slice, axes_of
from symbackprop.reading.positions import index_parts, no_position, position_parts
from symbackprop.reading.reach import check_reach
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.slots import check_count, no_number, read_label, read_slot, read_slots
from symbackprop.reading.syntax import Name, Span, Sub, Whole, show
from symbackprop.reading.tokens import fail
from symbackprop.reading.whole_arrays import read_base, with_whole_members


def read_element(node: Sub, scope: Scope, read: Read) -> Expr:
    """``base[slots]`` with one index or number in each slot."""
    found = with_whole_members(node, scope)
    if isinstance(found, Name):
        return read(found, scope)
    node = found
    whole = isinstance(node.base, Sub) and any(isinstance(slot, Whole | Span) for slot in node.base.slots)
    if isinstance(node.base, Sub) and not whole:
        raise fail(
            f"{show(node.base)} is one entry and has no index of its own",
            node.at,
            "write the indices in one bracket, as in W[i,j]",
            "shape",
        )
    label = read_label(node, scope)
    if label is not None:
        raise no_number(node, node.at)
    base = read_base(node.base, scope, read)
    if any(isinstance(slot, Whole | Span) for slot in node.slots):
        return read_slice(node, base, scope)
    return Element(base, read_slots(node, axes_of(base), scope))


def read_slice(node: Sub, base: Expr, scope: Scope) -> Slice:
    """``W[:,j]``, ``z[n+1..2*n]``, ``W[1..k,:]``: a vector like any other, or a matrix."""
    axes = axes_of(base)
    check_count(node, axes)
    runs = sum(isinstance(slot, Whole | Span) for slot in node.slots)
    if runs > 2:
        raise fail(
            f"{show(node)} leaves {runs} indices, and a slice is a vector or a matrix",
            node.at,
            "hold all but two of its indices",
            "shape",
        )
    slots: list[Expr] = []
    for slot, dim in zip(node.slots, axes, strict=True):
        if isinstance(slot, Whole):
            slots.append(Run(IndexValue((), Dim(1)), scope.unifier.resolve(dim)))
        elif isinstance(slot, Span):
            slots.append(_run(slot, dim, node, scope))
        else:
            slots.append(read_slot(slot, dim, node, scope))
    return Slice(base, tuple(slots), scope.convention.vectors_are_rows)


def _run(slot: Span, dim: Dim, node: Sub, scope: Scope) -> Run:
    """The positions ``low..high``, whose number must not depend on an index."""
    ends = [position_parts(end, scope) for end in (slot.low, slot.high)]
    for given, end in zip((slot.low, slot.high), ends, strict=True):
        if end is None:
            raise no_position(given, scope)
    (low, start), (high, last) = (end for end in ends if end is not None)
    if low != high:
        raise fail(f"the length of {show(slot)} depends on an index", slot.at, "write the entries one by one")
    count = last - start + 1
    if not count.surely_positive and (count * -1 + 1).surely_positive:
        raise fail(f"the range {show(slot)} is empty", slot.at, None, "shape")
    first = IndexValue(index_parts(low, scope), start)
    found = Run(first, count)
    check_reach(first, found.high, dim, slot, node, scope)
    return found
