"""Index notation and derivatives as plain text: entries, slices, sums over indices, Jacobians."""

from __future__ import annotations

from symbackprop.core.arrays import Grid, Jacobian, Slots, TensorEntries
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Run,
    Slice,
    axes_of,
    label_of,
)
from symbackprop.core.tensors import Tensor
from symbackprop.notation.counting import compared, counted, valued
from symbackprop.notation.slices import is_member, is_whole, range_is_seen
from symbackprop.notation.text_context import ATOM, CHAIN, DERIV, NUMBER, SUM, TERM, Printed, TextContext


def position_text(expr: IndexValue, context: TextContext, *, tight: bool) -> Printed:
    """An affine position: ``2*i+m-1`` in a slot, ``2*i + m - 1`` as a number."""
    parts: list[tuple[bool, str]] = []
    for index, coefficient in expr.indices:
        letter = context.letters.of(index)
        size = abs(coefficient)
        parts.append((coefficient < 0, letter if size == 1 else f"{size}*{letter}"))
    for name, coefficient in expr.offset.coefficients:
        size = abs(coefficient)
        parts.append((coefficient < 0, name if size == 1 else f"{size}*{name}"))
    if expr.offset.constant or not parts:
        parts.append((expr.offset.constant < 0, str(abs(expr.offset.constant))))
    if parts[0][0]:
        parts.sort(key=lambda part: part[0])
    gap = "" if tight else " "
    text = "".join(
        (("-" if negative else "") if place == 0 else f"{gap}{'-' if negative else '+'}{gap}") + body
        for place, (negative, body) in enumerate(parts)
    )
    if len(parts) > 1 or parts[0][0]:
        return text, SUM
    if "*" in text:
        return text, TERM
    return text, NUMBER if text.isdigit() else ATOM


def index_text(expr: IndexValue, context: TextContext) -> Printed:
    """``2*i + m - 1``: an index as a number."""
    return position_text(valued(expr, context.names.first), context, tight=False)


def label_text(expr: LabelValue, context: TextContext) -> Printed:
    """``y[n]``."""
    assert expr.label is not None
    return context.printed(expr.label)


def slot_text(expr: IndexValue, context: TextContext) -> str:
    """``2*i+m-1``: a position in a slot."""
    if isinstance(expr, LabelValue):
        return label_text(expr, context)[0]
    return position_text(counted(expr, context.names.first), context, tight=True)[0]


def comprehension_text(expr: Comprehension, context: TextContext) -> Printed:
    """The entry; whoever prints it says over which indices."""
    return context.printed(expr.body)


def element_text(expr: Element, context: TextContext) -> Printed:
    """``W[i,j]``, ``dL/dW[i,j]``, ``dY[n]/dW[i,j]``, ``d2L/(dw[i] dv[j])``."""
    if isinstance(expr.base, Partial | Jacobian) and expr.base.of.gradient is not None:
        of, by = expr.base.of, expr.base.by
        if len(expr.slots) == of.rank + by.rank and not getattr(expr.base, "is_sliced", False):
            shown = [slot_text(slot, context) for slot in expr.slots]
            first, last = ",".join(shown[: of.rank]), ",".join(shown[of.rank :])
            sides = [f"[{slots}]" if slots else "" for slots in (first, last)]
            return second_derivative(of, by, *sides), DERIV
    if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
        of, by = expr.base.of, expr.base.by
        top = ",".join(slot_text(slot, context) for slot in expr.slots[: of.rank])
        bottom = ",".join(slot_text(slot, context) for slot in expr.slots[of.rank :])
        entry = f"[{bottom}]" if bottom else ""
        return f"d{of.name}[{top}]/d{by.name}{entry}", DERIV
    text, own = context.printed(expr.base)
    slots = ",".join(slot_text(slot, context) for slot in expr.slots)
    if own == DERIV and not isinstance(expr.base, Jacobian):
        return f"{text}[{slots}]", DERIV
    return f"{text if own == ATOM else f'({text})'}[{slots}]", ATOM


def slice_text(expr: Slice, context: TextContext) -> Printed:
    """``W[:,j]``, ``z[n+1..2*n]``, ``h[t]``."""
    text, own = context.printed(expr.base)
    shown: list[str] = []
    for slot, dim in zip(expr.slots, axes_of(expr.base), strict=True):
        if not isinstance(slot, Run):
            assert isinstance(slot, IndexValue)
            shown.append(slot_text(slot, context))
        elif is_whole(slot, dim):
            shown.append(":")
        else:
            shown.append(f"{slot_text(slot.low, context)}..{slot_text(slot.high, context)}")
    if is_member(expr):
        shown = shown[:1]
    slots = ",".join(shown)
    if own == DERIV:
        return f"{text}[{slots}]", DERIV
    return f"{text if own == ATOM else f'({text})'}[{slots}]", ATOM


def _range(entry: Range, body: Expr, context: TextContext) -> str:
    letter = context.letters.of(entry.index)
    if entry.condition is not None:
        relation, other = entry.condition
        said = _compared_with(other, context)
        fixed = relation == "=" and not other.indices and not isinstance(other, LabelValue)
        return f"{letter} = {said}..{said}" if fixed else f"{letter} {relation} {said}"
    if entry.low is None and entry.high is None and range_is_seen(entry.index, body):
        return letter
    first = context.names.first
    low = slot_text(entry.low, context) if entry.low is not None else str(first)
    high = str(entry.index.dim - (1 - first))
    if entry.high is not None or entry.low is not None:
        high = slot_text(entry.high or IndexValue((), entry.index.dim), context)
    return f"{letter} = {low}..{high}"


def _compared_with(other: IndexValue, context: TextContext) -> str:
    """The other side of a condition, a position or a label."""
    if isinstance(other, LabelValue):
        return label_text(other, context)[0]
    return position_text(counted(other, context.names.first), context, tight=False)[0]


def reduce_text(expr: Reduce, context: TextContext) -> Printed:
    """``sum[i = 1..n-1, j > i](...)``."""
    with context.letters.bound(expr.ranges):
        ranges = ", ".join(_range(entry, expr.body, context) for entry in expr.ranges)
        return f"{expr.binder}[{ranges}]({context.printed(expr.body)[0]})", ATOM


def indicator_text(expr: Indicator, context: TextContext) -> Printed:
    """``ind(i = j)``, ``kron(i, j)``."""
    sides = compared(expr, context.names.first)
    plain = context if sides is None else context.one_based()
    left, right = (
        (context if label_of(side) is not None else plain).printed(side)[0]
        for side in sides or (expr.left, expr.right)
    )
    if expr.is_kron:
        return f"kron({left}, {right})", ATOM
    return f"ind({left} {expr.op} {right})", ATOM


def partial_text(expr: Partial, context: TextContext) -> Printed:
    """``dL/dW``, ``d2L/dw2``, or the declared name."""
    if context.names.partials:
        named = context.names.partial_name(expr)
        if named is not None:
            return named[0], ATOM
    if expr.of.gradient is not None:
        return second_derivative(expr.of, expr.by, "", ""), DERIV
    return f"d{expr.of.name}/d{expr.by.name}", DERIV


def second_derivative(of: Tensor, by: Tensor, first: str, last: str) -> str:
    """d2L/dw2, or d2L/(dw[i] dv[j]): the derivative of ``of`` = dL/dw, with the slots of both."""
    assert of.gradient is not None
    loss, inner = of.gradient
    # A name that ends in a digit would be read as w of order 2: dw22 says nothing.
    if inner is by and not first and not last and not by.name[-1].isdigit() and by.family is None:
        return f"d2{loss.name}/d{by.name}2"
    return f"d2{loss.name}/(d{inner.name}{first} d{by.name}{last})"


def jacobian_text(expr: Jacobian, context: TextContext) -> Printed:
    """``dY[n,:]/dW``."""
    sides = ((expr.of, expr.of_slots), (expr.by, expr.by_slots))
    if expr.of.gradient is not None:
        first, last = (open_slots_text(slots, context) for _, slots in sides)
        return second_derivative(expr.of, expr.by, first, last), DERIV
    top, below = (f"d{tensor.name}{open_slots_text(slots, context)}" for tensor, slots in sides)
    return f"{top}/{below}", DERIV


def open_slots_text(slots: Slots, context: TextContext) -> str:
    """``[n,:]``; nothing where every axis runs."""
    shown = [":" if slot is None else slot_text(slot, context) for slot in slots]
    return f"[{','.join(shown)}]" if shown else ""


def grid_text(expr: Grid, context: TextContext) -> Printed:
    """``[a, b; c, d]``."""
    rows = (", ".join(context.printed(cell)[0] for cell in row) for row in expr.rows)
    return f"[{'; '.join(rows)}]", CHAIN  # in a chain it gets brackets: x [1, 2] would be a slot


def tensor_entries_text(expr: TensorEntries, context: TextContext) -> Printed:
    """The entry, as of a ``Comprehension``."""
    return context.printed(expr.body)
