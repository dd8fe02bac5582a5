"""Ranges of bound indices: relations of positions in one form, and ends that say nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, Range, Reduce
from symbackprop.core.tensors import Index
from symbackprop.notation.atoms import Fn, Truth, number_of, slot_of
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import parts_of_slot, position


def ordered(truth: Truth) -> Truth:
    """A relation of positions with the smaller to the left, a < b rather than b > a or b >= a + 1."""
    left, op, right = truth.left, truth.op, truth.right
    if op in (">", ">="):
        left, op, right = right, "<" if op == ">" else "<=", left
    low, high = slot_of(left), slot_of(right)
    if op == "<=" and low is not None and high is not None:
        (parts, offset), (others, end) = parts_of_slot(low), parts_of_slot(high)
        if offset - end == Dim(1):  # i + 1 <= j
            return Truth(number_of(position(parts, offset - 1)), "<", number_of(position(others, end)))
    return Truth(left, op, right)


def is_singular(form: Form, indices: Sequence[Index]) -> bool:
    """Whether a quotient, a root or a log stands there that need not exist where the indices are equal."""
    wanted = set(indices)
    for term in form.terms:
        for atom, exponent in term.factors:
            if not wanted <= set(atom.free):
                continue
            below = exponent < 0 or Fraction(exponent).denominator != 1
            bounded = isinstance(atom, Fn) and getattr(atom.op, "domain", "real") != "real"
            if below or bounded or any(is_singular(part, indices) for part in atom.parts):
                return True
    return False


def stretched(expr: Reduce) -> tuple[Range, ...]:
    """sum[i = 1..n-1, j = i+1..n] as sum[i, j > i]: for i = n there is no j.

    An index whose last positions leave nothing for the ranges behind it runs over its whole axis.
    """
    found = list(expr.ranges)
    for place in reversed(range(len(found))):
        spot = found[place]
        last = IndexValue((), spot.index.dim) if spot.high is None else spot.high
        axis = _axis_of(spot.index, expr.body)
        if last.indices or axis is None or axis == last.offset:
            continue
        if _leaves_nothing(spot.index, last.offset + 1, found[place + 1 :]):
            index = spot.index
            if index.dim == axis:
                found[place] = replace(spot, high=None)
            elif spot.low is None:  # the same index, over its whole axis
                found[place] = replace(spot, high=IndexValue((), axis))
    return tuple(found)


def _leaves_nothing(index: Index, first: Dim, behind: Sequence[Range]) -> bool:
    """Whether the ranges behind an index are empty as soon as it is at least ``first``."""
    for place, spot in enumerate(behind):
        low = spot.low
        if low is None and spot.condition is not None and spot.condition[0] in (">", ">="):
            other = spot.condition[1]
            low = replace(other, offset=other.offset + 1) if spot.condition[0] == ">" else other
        if low is None or low.indices != ((index, 1),):
            continue
        start = first + low.offset
        high = IndexValue((), spot.index.dim) if spot.high is None else spot.high
        if not high.indices and (start - high.offset - 1).never_negative:
            return True
        if _leaves_nothing(spot.index, start, behind[place + 1 :]):
            return True
    return False


def _axis_of(index: Index, body: Expr) -> Dim | None:
    """The extent of the axes that an index stands at; None if it stands elsewhere too, or they differ."""
    found: set[Dim] = set()
    for node in body.walk():
        if isinstance(node, Element) and isinstance(node.base, Leaf | Partial):
            tensor = node.base.array
            for slot, dim in zip(node.slots, tensor.shape, strict=False):
                if any(own is index for own, _ in slot.indices):
                    found.add(dim if slot.single is index else Dim(-1))
    return found.pop() if len(found) == 1 and Dim(-1) not in found else None
