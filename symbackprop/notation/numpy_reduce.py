"""Sums, means, products and maxima over named indices.

A sum of a product is one ``np.einsum`` over the factors in which the bound indices stand; every
other reduction computes its body with named axes and reduces them. Positions that a condition
excludes (j != k, i <= j) hold the neutral element.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import UNIT, Divide, Expr, Hadamard, MatMul, Neg, Number
from symbackprop.core.indexed import IndexValue, Indicator, Range, Reduce, label_of
from symbackprop.core.tensors import Index
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_axes import Axes, arranged, count, free_indices, span, union
from symbackprop.notation.numpy_base import Writer, dim_code, real
from symbackprop.notation.numpy_base import number as literal_of

_LETTERS = "ijklmnpqrstuvwabcdefghoxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
Named = Callable[[Writer, Expr, tuple[Index, ...]], Axes]


def conditions(ranges: Sequence[Range]) -> tuple[dict[Index, tuple[Dim, Dim]], list[Expr]]:
    """Limits that are whole numbers, and everything else as indicators."""
    spans: dict[Index, tuple[Dim, Dim]] = {}
    masks: list[Expr] = []
    for entry in ranges:
        low, high = ONE, entry.index.dim
        this = IndexValue(((entry.index, 1),))
        if entry.low is not None:
            if entry.low.indices:
                masks.append(Indicator(this, ">=", entry.low))
            else:
                low = entry.low.offset
        if entry.high is not None:
            if entry.high.indices:
                masks.append(Indicator(this, "<=", entry.high))
            else:
                high = entry.high.offset
        if entry.condition is not None:
            masks.append(Indicator(this, *entry.condition))
        if (low, high) != (ONE, entry.index.dim):
            spans[entry.index] = (low, high)
    return spans, masks


def reduced(writer: Writer, expr: Reduce, wanted: tuple[Index, ...], named: Named) -> Axes:
    """A reduction as an array over its free indices; ``named`` writes the parts."""
    spans, masks = conditions(expr.ranges)
    inner = replace(writer, spans={**writer.spans, **spans})
    bound = tuple(entry.index for entry in expr.ranges)
    if expr.binder == "sum" and not masks:
        return _summed(inner, expr.body, bound, wanted, named)
    if expr.binder == "mean":
        total = replace(expr, binder="sum")
        return named(writer, Divide(total, replace(total, body=UNIT)), wanted)
    return _masked(inner, expr, bound, masks, wanted, named)


def _masked(
    writer: Writer,
    expr: Reduce,
    bound: Sequence[Index],
    masks: Sequence[Expr],
    wanted: tuple[Index, ...],
    named: Named,
) -> Axes:
    """The body over all named axes, the neutral element where a condition fails, then reduced."""
    neutral = {"sum": py.literal(0.0), "prod": py.literal(1.0), "max": py.fill("-np.inf", {})}[expr.binder]
    body = named(writer, expr.body, wanted)
    conditions_ = [named(writer, mask, wanted) for mask in masks]
    order = union([body, *conditions_], wanted)
    node = real(arranged(body, order))
    for mask in conditions_:
        writer.marks.add("masked")
        node = py.call("np.where", arranged(mask, order), node, neutral)
    missing = [index for index in bound if index not in order]
    node = _reduce_axes(node, expr.binder, [place for place, index in enumerate(order) if index in bound])
    for index in missing:
        if expr.binder != "max":
            sign = "*" if expr.binder == "sum" else "**"
            node = py.binary(node, sign, dim_code(count(writer, index)))
    return Axes(node, tuple(index for index in order if index not in bound))


def _reduce_axes(node: ast.expr, how: str, places: Sequence[int]) -> ast.expr:
    if not places:
        return node
    axis = py.literal(places[0]) if len(places) == 1 else py.sequence(*map(py.literal, places))
    return py.method(node, how, axis=axis)


def _flatten(expr: Expr) -> tuple[Fraction, list[Expr], list[Expr]]:
    """``expr`` as a number times factors over divisors."""
    if isinstance(expr, Neg):
        number, tops, bottoms = _flatten(expr.arg)
        return -number, tops, bottoms
    if isinstance(expr, Number):
        return expr.value, [], []
    if isinstance(expr, Divide) and expr.num.is_scalar and expr.den.is_scalar:
        number, tops, bottoms = _flatten(expr.num)
        return number, tops, [*bottoms, expr.den]
    if isinstance(expr, (Hadamard, MatMul)) and all(factor.is_scalar for factor in expr.factors):
        total, tops, bottoms = Fraction(1), [], []
        for factor in expr.factors:
            number, above, below = _flatten(factor)
            total, tops, bottoms = total * number, tops + above, bottoms + below
        return total, tops, bottoms
    return Fraction(1), [expr], []


def _summed(
    writer: Writer, body: Expr, bound: tuple[Index, ...], wanted: tuple[Index, ...], named: Named
) -> Axes:
    number, tops, bottoms = _flatten(body)
    inside = [top for top in tops if not set(bound).isdisjoint(free_indices(top))]
    outside = [top for top in tops if top not in inside]
    under = [bottom for bottom in bottoms if set(bound).isdisjoint(free_indices(bottom))]
    inside += [Divide(UNIT, bottom) for bottom in bottoms if bottom not in under]
    parts = [_operand(writer, factor, wanted, named) for factor in inside]
    total = _contracted(parts, bound, wanted)
    outer = [named(writer, factor, wanted) for factor in outside]
    below = [named(writer, bottom, wanted) for bottom in under]
    order = union([total, *outer, *below], wanted)
    present = {index for part in parts for index in part.axes}
    sizes = [dim_code(count(writer, index)) for index in bound if index not in present]
    front = [*sizes, *(real(arranged(part, order)) for part in outer)]
    if inside:
        front.append(arranged(total, order))
    if abs(number) != 1 or not front:
        front.insert(0, literal_of(abs(number)))
    node = front[0]
    for factor in front[1:]:
        node = py.binary(node, "*", factor)
    for part in below:
        node = py.binary(node, "/", arranged(part, order))
    return Axes(py.minus(node) if number < 0 else node, order)


def _operand(writer: Writer, factor: Expr, wanted: tuple[Index, ...], named: Named) -> Axes:
    pair = _delta(writer, factor)
    if pair is not None:
        return Axes(py.call("np.eye", dim_code(count(writer, pair[0]))), pair)
    found = named(writer, factor, wanted)
    return Axes(real(found.node), found.axes)


def _delta(writer: Writer, factor: Expr) -> tuple[Index, Index] | None:
    """The two indices of ``ind(i = j)`` that run over the same positions."""
    if not isinstance(factor, Indicator) or factor.op != "=":
        return None
    if label_of(factor.left) is not None or label_of(factor.right) is not None:
        return None
    ends = [side.single for side in (factor.left, factor.right) if isinstance(side, IndexValue)]
    loose = [index for index in ends if index is not None and index not in writer.fixed]
    if len(set(loose)) != 2 or span(writer, loose[0]) != span(writer, loose[1]):
        return None
    return (loose[0], loose[1])


def _contracted(parts: Sequence[Axes], bound: Sequence[Index], wanted: Sequence[Index]) -> Axes:
    """The product of the parts, summed over the bound indices."""
    order = union(parts, wanted)
    kept = tuple(index for index in order if index not in bound)
    if not parts:
        return Axes(py.literal(1))
    if len(parts) == 1:
        axes = parts[0].axes
        places = [place for place, index in enumerate(axes) if index in bound]
        if len(places) == len(axes):
            return Axes(py.method(parts[0].node, "sum"))
        left = tuple(index for index in axes if index not in bound)
        return Axes(_reduce_axes(parts[0].node, "sum", places), left)
    joined = _joined(parts, bound, kept) if len(parts) == len(_TWO) else None
    if joined is not None:
        return joined
    letters = _letters(order)
    scripts = ",".join("".join(letters[index] for index in part.axes) for part in parts)
    result = "".join(letters[index] for index in kept)
    many = {"optimize": py.literal(True)} if len(parts) > 2 else {}
    text = py.literal(f"{scripts}->{result}")
    return Axes(py.call("np.einsum", text, *(part.node for part in parts), **many), kept)


_TWO = (0, 1)


def _joined(parts: Sequence[Axes], bound: Sequence[Index], kept: tuple[Index, ...]) -> Axes | None:
    """A matrix product: two factors of one or two axes that have one bound index in common, and only that."""
    left, right = parts if not kept or kept[0] in parts[0].axes else (parts[1], parts[0])
    common = [index for index in left.axes if index in right.axes]
    if len(common) != 1 or common != list(bound) or max(len(left.axes), len(right.axes)) > len(_TWO):
        return None
    shared = common[0]
    if left.axes.count(shared) != 1 or right.axes.count(shared) != 1:
        return None
    rows = left.node if left.axes[-1] == shared else py.attribute(left.node, "T")
    columns = right.node if right.axes[0] == shared else py.attribute(right.node, "T")
    axes = tuple(index for part in (left, right) for index in part.axes if index != shared)
    return Axes(py.binary(rows, "@", columns), axes)


def _letters(indices: Sequence[Index]) -> dict[Index, str]:
    """A letter each: its own if it is free, else the next."""
    found: dict[Index, str] = {}
    for index in indices:
        letter = index.letter[:1]
        usable = letter.isascii() and letter.isalpha() and letter not in found.values()
        found[index] = letter if usable else next(c for c in _LETTERS if c not in found.values())
    return found
