"""Index notation as NumPy: einsum for sums of products, named axes for everything else.

A scalar in which indices stand is an array with one axis for each free index (``Axes``); parts
are lined up by their indices and broadcast. A sum of a product is one ``np.einsum``; any other
reduction computes its body with named axes and reduces them. What cannot be vectorised that way
(a softmax inside whose argument an index stands) becomes an explicit loop over positions: slow,
but never wrong. Positions are one-based in the tree and zero-based in the code.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Transpose,
)
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Reduce,
    Run,
    Slice,
    axes_of,
    label_of,
)
from symbackprop.core.tensors import Index
from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py
from symbackprop.notation.building import ELEMENTWISE_KINDS
from symbackprop.notation.numpy_axes import Axes, arranged, count, free_indices, has_indices, span, union
from symbackprop.notation.numpy_base import RELATIONS, Writer, code, dim_code, plus, real, related
from symbackprop.notation.numpy_reduce import reduced
from symbackprop.notation.slices import is_whole


@dataclass(frozen=True, slots=True)
class _Ready(Expr):
    """A scalar whose code exists already: a place-holder that only this module sees."""

    node: ast.expr

    @property
    def shape(self) -> tuple[Dim, Dim]:
        return (ONE, ONE)


def index_code(writer: Writer, expr: Expr) -> ast.expr:
    """A scalar without free indices, or a comprehension: code held as the shape says."""
    if isinstance(expr, _Ready):
        return expr.node
    if isinstance(expr, Slice):
        return _slice(writer, expr)
    if isinstance(expr, Comprehension):
        wanted = tuple(index for index in (expr.row, expr.column) if index is not None)
        return entries(writer, expr.body, wanted)
    return arranged(named(writer, expr, ()), ())


def entries(writer: Writer, body: Expr, axes: Sequence[Index]) -> ast.expr:
    """The full array of ``body`` over ``axes``, in this order."""
    found = named(writer, body, tuple(axes))
    node = arranged(found, tuple(axes))
    if len(found.axes) < len(axes):
        shape = py.sequence(*(dim_code(count(writer, index)) for index in axes))
        if not found.axes and isinstance(node, ast.Constant) and node.value == 0:
            return py.call("np.zeros", shape)
        if not found.axes:
            return py.call("np.full", shape, py.binary(py.literal(1.0), "*", real(node)))
        return py.binary(real(node), "*", py.call("np.ones", shape))
    return real(node)


def named(writer: Writer, expr: Expr, wanted: tuple[Index, ...]) -> Axes:
    """A scalar expression as an array over its free indices."""
    if not [index for index in free_indices(expr) if index not in writer.fixed] and not has_indices(expr):
        return Axes(code(writer, expr))
    match expr:
        case Element():
            return _element(writer, expr)
        case IndexValue():
            return _position(writer, expr)
        case Reduce():
            return reduced(writer, expr, wanted, named)
        case Neg(arg=arg):
            inner = named(writer, arg, wanted)
            return Axes(py.minus(real(inner.node)), inner.axes)
        case Transpose(arg=arg):
            return named(writer, arg, wanted)
        case Indicator() if label_of(expr.left) is not None or label_of(expr.right) is not None:
            return label_equality(writer, expr, wanted)
        case Indicator(
            op="=", left=IndexValue(single=Index() as one), right=IndexValue(single=Index() as two)
        ) if one is not two and not {one, two} & {*writer.fixed, *writer.spans} and one.dim == two.dim:
            return Axes(py.call("np.eye", dim_code(one.dim)), (one, two))
        case MatMul() | Hadamard() | Divide() if (apart := _kept_apart(expr)) is not None:
            return _only_where(writer, *apart, wanted)
        case Add() | Hadamard() | Divide() | Power() | Indicator():
            return _pointwise(writer, expr, wanted)
        case MatMul(factors=factors) if all(factor.is_scalar for factor in factors):
            return _pointwise(writer, Hadamard(factors), wanted)
        case Call(op=op) if op.kind in ELEMENTWISE_KINDS:
            return _pointwise(writer, expr, wanted)
        case MatMul() | Call() | Slice():
            return _looped(writer, expr, wanted)
        case _:
            raise UnsupportedError(f"no NumPy code for {type(expr).__name__}")


def _kept_apart(expr: Expr) -> tuple[Indicator, Expr] | None:
    """[i != j] and the rest of a product, where that is a quotient or a log in which both stand."""
    top = expr.num if isinstance(expr, Divide) else expr
    factors = top.factors if isinstance(top, (MatMul, Hadamard)) else (top,)
    for place, one in enumerate(factors):
        if not isinstance(one, Indicator) or one.op != "!=":
            continue
        sides = (one.left, one.right)
        if not all(isinstance(side, IndexValue) and not isinstance(side, LabelValue) for side in sides):
            continue
        others = (*factors[:place], *factors[place + 1 :])
        rest: Expr = MatMul(others) if len(others) > 1 else others[0] if others else UNIT
        rest = Divide(rest, expr.den) if isinstance(expr, Divide) else rest
        if _may_not_exist(rest, set(free_indices(one))):
            return one, rest
    return None


def _may_not_exist(expr: Expr, indices: set[Index]) -> bool:
    """Whether there is a quotient or a log of something in which these indices stand."""
    for node in expr.walk():
        below = node.den if isinstance(node, Divide) else None
        if isinstance(node, Call) and node.op.name == "log":
            below = node.args[0]
        if below is not None and indices <= set(free_indices(below)):
            return True
    return False


def _only_where(writer: Writer, apart: Indicator, rest: Expr, wanted: tuple[Index, ...]) -> Axes:
    """What a factor [i != j] leaves, which need not exist where i = j."""
    parts = [named(writer, part, wanted) for part in (apart, rest)]
    order = union(parts, wanted)
    mask, value = (arranged(part, order) for part in parts)
    writer.marks.add("masked")
    return Axes(py.call("np.where", mask, real(value), py.literal(0.0)), order)


def _pointwise(writer: Writer, expr: Expr, wanted: tuple[Index, ...]) -> Axes:
    """Line the children up by their indices; then the scalar code is the array code."""
    if not all(child.is_scalar for child in expr.children):
        return _looped(writer, expr, wanted)
    parts = [named(writer, child, wanted) for child in expr.children]
    order = union(parts, wanted)
    ready = iter([_Ready(arranged(part, order)) for part in parts])
    filled = expr.map_children(lambda _: next(ready))
    if isinstance(filled, Indicator):
        left, right = (code(writer, side) for side in (filled.left, filled.right))
        assert isinstance(expr, Indicator)
        return Axes(related(left, filled.op, right, (expr.left, expr.right)), order)
    return Axes(code(writer, filled), order)


def _looped(writer: Writer, expr: Expr, wanted: tuple[Index, ...]) -> Axes:
    """One value after the other, for every position of the free indices."""
    loose = [index for index in free_indices(expr) if index not in writer.fixed]
    axes = tuple(sorted(loose, key=lambda index: wanted.index(index) if index in wanted else len(wanted)))
    if not axes:
        return Axes(code(writer, expr))
    variables = dict(writer.fixed)
    for index in axes:
        letter = f"_{index.letter}"
        while letter in variables.values():
            letter += "_"
        variables[index] = letter
    inner = replace(writer, fixed=variables)
    node = code(inner, expr)
    for index in reversed(axes):
        low, high = span(writer, index)
        places = py.call("np.arange", dim_code(low), dim_code(high + 1))
        target = ast.Name(variables[index], ast.Store())
        node = ast.ListComp(node, [ast.comprehension(target, places, [], 0)])
    return Axes(py.call("np.array", node), axes)


def _said(writer: Writer, slot: LabelValue, offset: int) -> Axes:
    """The positions that labels say, plus ``offset``: one-based, while label arrays count from 0."""
    assert slot.label is not None
    labels = named(writer, slot.label, ())
    shift = slot.offset + (offset + 1)
    if shift == Dim(0):
        return labels
    return Axes(plus(labels.node, dim_code(shift), negative=False), labels.axes)


def label_equality(writer: Writer, expr: Indicator, wanted: tuple[Index, ...]) -> Axes:
    """``[y_n = k]``: a row of the identity for each label, where k runs over all classes."""
    left, right = (expr.left, expr.right) if label_of(expr.left) is not None else (expr.right, expr.left)
    labels = named(writer, left, ())
    tensor = label_of(left)
    assert tensor is not None
    index = right.single if isinstance(right, IndexValue) else None
    free = index is not None and index not in writer.fixed and index not in labels.axes
    if index is not None and free and index.dim == tensor.facts.classes and expr.op == "=":
        table = py.call("np.eye", dim_code(index.dim))
        return Axes(py.subscript(table, labels.node), (*labels.axes, index))
    other = _position(writer, right, -1) if isinstance(right, IndexValue) else named(writer, right, ())
    order = union([labels, other], wanted)
    sides = [arranged(labels, order), arranged(other, order)]
    return Axes(py.compare(sides[0], RELATIONS[expr.op], sides[1]), order)


def _fixed_position(writer: Writer, slot: IndexValue) -> ast.expr | None:
    """The one-based position as a number, if no axis stands in it."""
    if any(index not in writer.fixed for index, _ in slot.indices):
        return None
    if isinstance(slot, LabelValue):
        return _said(writer, slot, 0).node
    return _affine(slot, {index: py.name(writer.fixed[index]) for index, _ in slot.indices}, slot.offset)


def _affine(slot: IndexValue, parts: dict[Index, ast.expr], offset: Dim) -> ast.expr:
    total: ast.expr | None = None
    for index, coefficient in slot.indices:
        size = abs(coefficient)
        part = parts[index] if size == 1 else py.binary(py.literal(size), "*", parts[index])
        total = plus(total, part, negative=coefficient < 0)
    if total is None:
        return dim_code(offset)
    if offset == Dim(0):
        return total
    negative = all(c < 0 for _, c in offset.coefficients) and offset.constant <= 0
    return plus(total, dim_code(offset * -1 if negative else offset), negative=negative)


def _position(writer: Writer, slot: IndexValue, offset: int = 0) -> Axes:
    """The one-based positions (plus ``offset``) over the indices of ``slot``."""
    if isinstance(slot, LabelValue):
        return _said(writer, slot, offset)
    fixed = _fixed_position(writer, replace(slot, offset=slot.offset + offset))
    if fixed is not None:
        return Axes(fixed)
    axes = tuple(index for index, _ in slot.indices if index not in writer.fixed)
    shifted = slot.offset + offset
    if len(axes) == 1 and len(slot.indices) == 1 and slot.indices[0][1] == 1:
        low, high = (limit + shifted for limit in span(writer, axes[0]))
        return Axes(_arange(low, high), axes)
    parts: dict[Index, ast.expr] = {
        index: py.name(writer.fixed[index]) for index, _ in slot.indices if index in writer.fixed
    }
    for index in axes:
        parts[index] = arranged(Axes(_arange(*span(writer, index)), (index,)), axes)
    return Axes(_affine(slot, parts, shifted), axes)


def _arange(low: Dim, high: Dim) -> ast.expr:
    stop = dim_code(high + 1)
    return py.call("np.arange", stop) if low == Dim(0) else py.call("np.arange", dim_code(low), stop)


def _entry_slots(expr: Element) -> list[tuple[IndexValue, Dim]]:
    """The slots on sides that are not literally 1, with their extents: the axes of the array held."""
    base = expr.base
    extents: tuple[Dim, ...]
    if isinstance(base, Leaf):
        extents = base.tensor.shape
    elif isinstance(base, Partial):
        extents = base.by.shape
    elif len(expr.slots) == len(base.shape):
        extents = base.shape
    else:
        extents = tuple(dim for dim in base.shape if not dim.is_one)
    pairs = zip(expr.slots, extents, strict=True)
    return [(slot, extent) for slot, extent in pairs if not extent.is_one]


def _plain_slot(writer: Writer, slot: IndexValue, extent: Dim) -> ast.expr | None:
    """A colon, a slice or a number for ``slot``; None if it takes an array of positions."""
    fixed = _fixed_position(writer, replace(slot, offset=slot.offset - 1))
    if fixed is not None:
        return fixed
    if isinstance(slot, LabelValue) or len(slot.indices) != 1 or slot.indices[0][1] != 1:
        return None
    low, high = (limit + slot.offset for limit in span(writer, slot.indices[0][0]))
    if (low, high) == (ONE, extent):
        return py.COLON
    before, after = low - 1, extent - high
    if not (before.is_number and after.is_number) or before.constant < 0 or after.constant < 0:
        return None
    start = dim_code(low - 1) if before.constant else None
    return ast.Slice(start, dim_code(high) if after.constant else None, None)


def _element(writer: Writer, expr: Element) -> Axes:
    inside = [index for index in free_indices(expr.base) if index not in writer.fixed]
    if inside:
        return _looped(writer, expr, ())
    slots = _entry_slots(expr)
    base = real(code(writer, expr.base))
    if not slots:
        return Axes(base)
    if writer.zero and not all(_is_inside(writer, slot, extent) for slot, extent in slots):
        return _zero_outside(writer, base, slots)
    axes = [index for slot, _ in slots for index, _ in slot.indices if index not in writer.fixed]
    plain = [_plain_slot(writer, slot, extent) for slot, extent in slots]
    if len(set(axes)) == len(axes) and None not in plain:
        found = [slot for slot in plain if slot is not None]
        whole = all(slot is py.COLON for slot in found)
        return Axes(base if whole else py.subscript(base, *found), tuple(axes))
    if len(slots) == 2 and plain == [py.COLON, py.COLON]:
        return Axes(py.call("np.diagonal", base), (axes[0],))
    return _gathered(writer, base, slots)


def _slice(writer: Writer, expr: Slice) -> ast.expr:
    """A NumPy slice; an axis whose extent is literally 1 is no axis of the array held."""
    base = real(code(writer, expr.base))
    slots: list[ast.expr] = []
    for slot, extent in zip(expr.slots, axes_of(expr.base), strict=True):
        if extent.is_one:
            continue
        if isinstance(slot, Run) and not slot.count.is_one:
            slots.append(_run(writer, slot, extent))
            continue
        at = slot.low if isinstance(slot, Run) else slot
        assert isinstance(at, IndexValue)
        place = _fixed_position(writer, replace(at, offset=at.offset - 1))
        if place is None:
            raise UnsupportedError("no NumPy code for a slice at a position that is not fixed")
        slots.append(place)
    return base if all(slot is py.COLON for slot in slots) else py.subscript(base, *slots)


def _run(writer: Writer, slot: Run, extent: Dim) -> ast.expr:
    if is_whole(slot, extent):
        return py.COLON
    start = _fixed_position(writer, replace(slot.low, offset=slot.low.offset - 1))
    stop = _fixed_position(writer, slot.high)
    if start is None or stop is None:
        raise UnsupportedError("no NumPy code for a slice at a position that is not fixed")
    first = not slot.low.indices and slot.low.offset == Dim(1)
    last = not slot.high.indices and slot.high.offset == extent
    return ast.Slice(None if first else start, None if last else stop, None)


def _is_inside(writer: Writer, slot: IndexValue, extent: Dim) -> bool:
    """Whether a position lies in 1..extent for all values of its indices."""
    if isinstance(slot, LabelValue):
        return True
    low, high = slot.offset, slot.offset
    for index, factor in slot.indices:
        ends = span(writer, index)
        low = low + ends[0 if factor > 0 else 1] * factor
        high = high + ends[1 if factor > 0 else 0] * factor
    return (low - 1).never_negative and (extent - high).never_negative


def _zero_outside(writer: Writer, base: ast.expr, slots: Sequence[tuple[IndexValue, Dim]]) -> Axes:
    """Entries at positions that may lie outside, where they count as 0."""
    places = [_position(writer, slot, -1) for slot, _ in slots]
    order = union(places, ())
    nodes: list[ast.expr] = []
    inside: ast.expr | None = None
    for place, (slot, extent) in zip(places, slots, strict=True):
        node = arranged(place, order)
        if not _is_inside(writer, slot, extent):
            low, high = py.compare(node, ">=", py.literal(0)), py.compare(node, "<", dim_code(extent))
            both = py.call("np.logical_and", low, high)
            inside = both if inside is None else py.call("np.logical_and", inside, both)
            node = py.call("np.clip", node, py.literal(0), dim_code(extent - 1))
        nodes.append(node)
    assert inside is not None
    return Axes(py.call("np.where", inside, py.subscript(base, *nodes), py.literal(0.0)), order)


def _gathered(writer: Writer, base: ast.expr, slots: Sequence[tuple[IndexValue, Dim]]) -> Axes:
    """Entries at computed positions; a position that some condition excludes is moved inside."""
    places = [_position(writer, slot, -1) for slot, _ in slots]
    order = union(places, ())
    nodes: list[ast.expr] = []
    for place, (slot, extent) in zip(places, slots, strict=True):
        node = arranged(place, order)
        said = isinstance(slot, LabelValue)
        if place.axes and not said and _plain_slot(writer, slot, extent) is None:
            node = py.call("np.clip", node, py.literal(0), dim_code(extent - 1))
        nodes.append(node)
    return Axes(py.subscript(base, *nodes), order)
