"""Values of index notation: entries, sums over bound indices, indicators.

A position outside the range of its axis has no value (NaN), which matters only where the entry
is used: a restricted sum leaves it out, anything else ends as "not-checked".
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from symbackprop.core.expr import Call, DimValue, Expr, Leaf, Number, Partial
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Slice,
)
from symbackprop.core.tensors import Tensor
from symbackprop.verification.contraction import contraction, factors_under
from symbackprop.verification.extents import require_extents
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Point, Refusal, ShapeClash, Watched
from symbackprop.verification.scope import COMPARE, ROOT, Scope, whole_range


class Host(Protocol):
    """What these rules need of the evaluator."""

    point: Point
    watch: list[Watched] | None
    outside: float  # what an entry outside its range counts as

    def value(self, node: Expr, scope: Scope) -> Array: ...
    def partial(self, of: Tensor, by: Tensor) -> Array: ...


def index_value(host: Host, node: IndexValue, scope: Scope) -> Array:
    """A position as a number."""
    return positions(host, node, scope).astype(float)


def positions(host: Host, node: IndexValue, scope: Scope) -> Array:
    """One-based positions: of indices, or those that labels say."""
    if not isinstance(node, LabelValue):
        return scope.positions(node, host.point)
    if node.label is None:
        raise Refusal("a label without a value")
    labels = np.rint(np.real(host.value(node.label, scope))).astype(int)
    return np.asarray(labels + host.point.extent(node.offset))


def element(host: Host, node: Element, scope: Scope) -> Array:
    """``base[slots]``: gather at integer positions."""
    slots = [positions(host, slot, scope) for slot in node.slots]
    if isinstance(node.base, Partial) and len(slots) == node.base.of.rank + node.base.by.rank:
        of, by = node.base.of, node.base.by
        numerator = sides_of(of, slots[: of.rank], host.point)
        denominator = sides_of(by, slots[of.rank :], host.point)
        return _gather_local(host.partial(of, by), (*numerator, *denominator), host.outside)
    if isinstance(node.base, Leaf):
        sides = sides_of(node.base.tensor, slots, host.point)
        if node.base.tensor.start is not None:
            across = node.base.tensor.is_matrix and node.base.tensor.convention.vectors_are_rows
            base = _with_start(host, node.base, scope, across=across)
            row, column = (sides[0], sides[1] + 1) if across else (sides[0] + 1, sides[1])
            return gather(base, row, column, outside=host.outside)
    elif isinstance(node.base, Partial):
        sides = sides_of(node.base.by, slots, host.point)
    else:
        sides = _sides_of_value(node.base, slots)
        if scope.axes and not free_indices(node.base):  # the same array at every position
            return gather(scope.lift(host.value(node.base, ROOT)), *sides, outside=host.outside)
    return gather(host.value(node.base, scope), *sides, outside=host.outside)


def _with_start(host: Host, node: Leaf, scope: Scope, *, across: bool) -> Array:
    """A family with the start of its recursion in front of its first member; numbers may lie ``across``."""
    assert node.tensor.start is not None
    first = host.value(Leaf(node.tensor.start), scope)
    whole = host.value(node, scope)
    row = first.reshape((*first.shape[:-2], 1, first.shape[-2] * first.shape[-1]))
    lead = np.broadcast_shapes(row.shape[:-2], whole.shape[:-2])
    sides = [np.broadcast_to(part, lead + part.shape[-2:]) for part in (row, whole)]
    return np.concatenate(sides, axis=-1 if across else -2)


def sides_of(tensor: Tensor, slots: list[Array], point: Point) -> tuple[Array, Array]:
    """The one-based row and column for the slots of a tensor, one per declared axis."""
    if len(slots) != tensor.rank:
        raise Refusal(f"{tensor.name} has {tensor.rank} indices, not {len(slots)}")
    if not tensor.is_matrix:
        return slots[0], _side_by_side(slots[1:], [point.extent(dim) for dim in tensor.shape[1:]])
    found = [np.ones((1, 1), dtype=int)] * 2
    for side in (0, 1):
        axis = tensor.axis_of_side(side)
        if axis is not None:
            found[side] = slots[axis]
    return (found[0], found[1])


def _side_by_side(slots: list[Array], extents: list[int]) -> Array:
    """The one-based column of a place on the further axes; 0 where one of them is outside its range."""
    column = np.zeros((1, 1), dtype=int)
    bad = np.zeros((1, 1), dtype=bool)
    for slot, extent in zip(slots, extents, strict=True):
        bad = bad | _outside(slot, extent)
        column = column * extent + slot - 1
    return np.where(bad, 0, column + 1)


def _sides_of_value(base: Expr, slots: list[Array]) -> tuple[Array, Array]:
    """The same for any other base: one slot per side that is not literally 1 (or both)."""
    one = np.ones((1, 1), dtype=int)
    open_sides = [side for side in (0, 1) if not base.shape[side].is_one]
    if len(slots) == 2:
        return (slots[0], slots[1])
    if len(slots) != len(open_sides):
        raise Refusal(f"an array with {len(open_sides)} indices is given {len(slots)}")
    found = [one, one]
    for side, slot in zip(open_sides, slots, strict=True):
        found[side] = slot
    return (found[0], found[1])


def _outside(position: Array, extent: int) -> Array:
    return np.asarray((position < 1) | (position > extent))


def gather(base: Array, row: Array, column: Array, *, outside: float = np.nan) -> Array:
    """The entries at one-based rows and columns; ``outside`` outside."""
    rows, columns = base.shape[-2:]
    bad = _outside(row, rows) | _outside(column, columns)
    row, column = np.where(bad, 1, row) - 1, np.where(bad, 1, column) - 1
    if all(extent == 1 for extent in base.shape[:-2]):
        found = base.reshape(rows, columns)[row, column]
    elif base.ndim != max(row.ndim, column.ndim) and all(extent == 1 for extent in base.shape[1:-2]):
        stack = base.reshape(base.shape[0], rows, columns)
        found = stack[:, row, column]
        if base.ndim - 3 > found.ndim - 3:
            found = found.reshape(found.shape[0], *(1,) * (base.ndim - 3), 1, 1)
    else:
        found = _gather_along(base, row * columns + column)
    return np.where(bad, outside, found) if bad.any() else found


def _gather_along(base: Array, position: Array) -> Array:
    """The base itself varies with the indices in scope: broadcast both, then take."""
    lead = np.broadcast_shapes(base.shape[:-2], position.shape[:-2])
    flat = np.broadcast_to(base, lead + base.shape[-2:]).reshape((*lead, -1))
    where = np.broadcast_to(position, (*lead, 1, 1))[..., 0]
    return np.take_along_axis(flat, where, axis=-1)[..., None]


def _gather_local(base: Array, sides: tuple[Array, ...], outside: float) -> Array:
    bad = np.zeros((1, 1), dtype=bool)
    for side, extent in zip(sides, base.shape, strict=True):
        bad = bad | _outside(side, extent)
    found = base[tuple(np.where(bad, 1, side) - 1 for side in sides)]
    return np.where(bad, outside, found)


def reduction(host: Host, node: Reduce, scope: Scope) -> Array:
    """Sum, mean, product or maximum of the body over ranges, left to right."""
    if len(node.ranges) > 1:
        factors, summed = factors_under(node)
        known = {index for index, _ in scope.axes}
        if len(factors) > 1 and summed and known.isdisjoint(summed):
            found = contraction(host, factors, summed, scope)
            if np.isfinite(found).all():  # else factor by factor: 0 log 0 = 0
                return found
    inner, mask = scope, np.ones((1,) * len(scope.axes) + (1, 1), dtype=bool)
    for bound in node.ranges:
        inner, mask = enter(host, bound, inner, mask)
    count = len(node.ranges)
    body = host.value(node.body, inner)
    if body.shape[-2:] != (1, 1) and node.binder not in ("sum", "mean"):
        raise Refusal(f"the body of {node.binder} is not a scalar")
    lead = (1,) * len(scope.axes) + inner.sizes[len(scope.axes) :] + (1, 1)
    body = np.broadcast_to(body, np.broadcast_shapes(body.shape, mask.shape, lead))
    axes = tuple(range(-2 - count, -2))
    if node.binder == "max":
        return _maximum(host, np.where(mask, body, -np.inf), axes)
    if node.binder == "prod":
        return np.asarray(np.where(mask, body, 1.0).prod(axis=axes))
    total = np.asarray(np.where(mask, body, 0.0).sum(axis=axes))
    if node.binder == "sum":
        return total
    if node.binder == "mean":
        return np.asarray(total / np.broadcast_to(mask, (*body.shape[:-2], 1, 1)).sum(axis=axes))
    raise Refusal(f"no value is known for the binder {node.binder}")


def enter(host: Host, bound: Range, scope: Scope, mask: Array) -> tuple[Scope, Array]:
    """One more bound index: the scope with it, and the mask of the positions that count."""
    point = host.point
    low = positions(host, bound.low, scope) if bound.low else np.ones((1, 1), dtype=int)
    last = np.full((1, 1), point.extent(bound.index.dim))
    high = positions(host, bound.high, scope) if bound.high else last
    places = np.arange(int(low.min()), int(high.max()) + 1)
    inner = scope.extended(bound.index, places)
    here = inner.positions(IndexValue(((bound.index, 1),)), point)
    mask = np.expand_dims(mask, -3) & (here >= np.expand_dims(low, -3)) & (here <= np.expand_dims(high, -3))
    if bound.condition is not None:
        op, other = bound.condition
        mask = mask & COMPARE[op](here, positions(host, other, inner))
    return inner, mask


def _maximum(host: Host, body: Array, axes: tuple[int, ...]) -> Array:
    lead = body.shape[: body.ndim - 2 - len(axes)]
    flat = body.reshape((*lead, -1))
    order = np.argsort(np.real(flat), axis=-1)
    if host.watch is not None and flat.shape[-1] > 1:
        best, second = (np.take_along_axis(flat, order[..., -k, None], -1) for k in (1, 2))
        host.watch.append((np.real(best - second), np.real(best)))
    return np.take_along_axis(flat, order[..., -1, None], -1)[..., None]


def a_slice(host: Host, node: Slice, scope: Scope) -> Array:
    """The entries that a slice picks, in their order."""
    return comprehension(host, node.comprehension(), scope)


def comprehension(host: Host, node: Comprehension, scope: Scope) -> Array:
    """The array whose entries are the values of the body for all rows and columns."""
    inner = scope
    for index in (node.row, node.column):
        if index is not None:
            inner = inner.extended(index, whole_range(index, host.point))
    body = host.value(node.body, inner)
    if body.shape[-2:] != (1, 1):
        raise ShapeClash("an entry must be a scalar")
    own = inner.sizes[len(scope.axes) :]
    lead = (1,) * len(scope.axes) + own
    entries = np.broadcast_to(body, np.broadcast_shapes(body.shape, (*lead, 1, 1)))[..., 0, 0]
    rows = own[0] if node.row is not None else 1
    columns = own[-1] if node.column is not None else 1
    return np.asarray(entries.reshape((*entries.shape[: entries.ndim - len(own)], rows, columns)))


def indicator(host: Host, node: Indicator, scope: Scope) -> Array:
    """1 where the relation holds, else 0."""
    left, right = host.value(node.left, scope), host.value(node.right, scope)
    require_extents((node.left, node.right), (left, right))
    found = np.asarray(COMPARE[node.op](*same_number(node, np.real(left), np.real(right))), dtype=float)
    if host.watch is not None and not (is_fixed(node.left) and is_fixed(node.right)):
        host.watch.append((np.real(left - right), found))
    return found


def same_number(node: Indicator, left: Array, right: Array) -> tuple[Array, Array]:
    """Both sides of a comparison; x = max(x) compares the same number computed in two ways."""
    if node.op not in ("=", "!=") or (is_fixed(node.left) and is_fixed(node.right)):
        return left, right
    return np.where(np.isclose(left, right, rtol=1e-12, atol=0.0), right, left), right


def branches(node: Expr) -> int:
    """How many different case distinctions stand in ``node``: masks, kinked functions, comparisons."""
    found: set[Expr] = set()
    for part in node.walk():
        kinked = isinstance(part, Call) and bool(
            getattr(part.op, "kinks", ()) or getattr(part.op, "note", None)
        )
        compared = isinstance(part, Indicator) and not (is_fixed(part.left) and is_fixed(part.right))
        if kinked or compared:
            found.add(part)
    return len(found)


def is_fixed(node: Expr) -> bool:
    """Whether a side of a comparison cannot be moved: positions, numbers, labels."""
    if isinstance(node, Leaf):
        facts = node.tensor.facts
        return facts.one_hot or bool(facts.one_of) or node.tensor.is_label
    if isinstance(node, (Number, DimValue, IndexValue)):
        return True
    if isinstance(node, Element):
        return is_fixed(node.base)
    return bool(node.children) and all(is_fixed(child) for child in node.children)
