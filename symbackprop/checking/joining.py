"""Products, sums and calls of what may be flat: values of works, by the shapes of the arrays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from symbackprop.core.expr import (
    SCALAR,
    UNIT,
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    MatMul,
    Neg,
    Power,
    Transpose,
)
from symbackprop.core.indexed import Indicator
from symbackprop.core.written import Identity, Ones, shape_of
from symbackprop.ops.registry import Elementwise, lookup
from symbackprop.verification import calls
from symbackprop.verification.entries import same_number
from symbackprop.verification.point import Array, Refusal, ShapeClash
from symbackprop.verification.scope import COMPARE, Scope

if TYPE_CHECKING:
    from symbackprop.checking.seer import Seer


def is_one(value: Array) -> bool:
    """Whether a value is a single number at each place."""
    return value.shape[-2:] == (1, 1)


def matmul(seer: Seer, node: MatMul, scope: Scope) -> Array:
    """A product: matrices, numbers that scale, and whole groups of axes where something is flat."""
    values = _values(seer, node, scope)
    flat = [seer.is_flat(factor) for factor in node.factors if not _is_identity(factor)]
    flat = flat if len(flat) == len(values) else [seer.is_flat(factor) for factor in node.factors]
    if any(flat):
        return _joined(seer, values, flat)
    left = values[0]
    for right in values[1:]:
        left = product(left, right)
    return left


def _values(seer: Seer, node: MatMul, scope: Scope) -> list[Array]:
    """The values of the factors; ones are as many as what they sum has rows or columns."""
    factors = node.factors
    arrays = [f for f in factors if not _is_identity(f)]
    if len(arrays) < len(factors) and any(not is_one(seer.value(f, scope)) for f in arrays):
        factors = tuple(arrays)  # I A is A
    found = {at: seer.value(f, scope) for at, f in enumerate(factors) if not _is_ones(f)}
    for at, factor in enumerate(factors):
        if at in found:
            continue
        across = isinstance(factor, Transpose)
        beside = found.get(at + 1) if across else found.get(at - 1)
        if beside is None:
            found[at] = seer.value(factor, scope)
        else:
            found[at] = np.ones((1, beside.shape[-2]) if across else (beside.shape[-1], 1))
    for at, factor in enumerate(factors):  # 1_N is written as a column also where vectors lie as rows
        value = found[at]
        if _is_counted_ones(factor) and not is_one(value):
            before, behind = found.get(at - 1), found.get(at + 1)
            turned = value.swapaxes(-1, -2)
            if not _fits(before, value, behind) and _fits(before, turned, behind):
                found[at] = turned
    return [found[at] for at in range(len(factors))]


def _fits(before: Array | None, value: Array, behind: Array | None) -> bool:
    left = before is None or is_one(before) or before.shape[-1] == value.shape[-2]
    right = behind is None or is_one(behind) or value.shape[-1] == behind.shape[-2]
    return left and right


def _is_counted_ones(factor: Expr) -> bool:
    inner = factor.arg if isinstance(factor, Transpose) else factor
    return isinstance(inner, Call) and inner.op.name == "ones" and len(inner.args) == 1


def _is_ones(factor: Expr) -> bool:
    return isinstance(factor.arg if isinstance(factor, Transpose) else factor, Ones)


def product(left: Array, right: Array) -> Array:
    """The matrix product; a single number scales."""
    if is_one(left) or is_one(right):
        return np.asarray(left * right)
    if left.shape[-1] != right.shape[-2]:
        raise ShapeClash(f"a product of {extents(left)} and {extents(right)}")
    return np.asarray(left @ right)


def extents(value: Array) -> str:
    """``2 x 3``."""
    return f"{value.shape[-2]} x {value.shape[-1]}"


def _joined(seer: Seer, values: Sequence[Array], flat: Sequence[bool]) -> Array:
    """A product with derivatives of arrays by arrays: whole groups of axes are joined."""
    at = next(place for place, one in enumerate(flat) if one)
    found = values[at]
    for place in range(at - 1, -1, -1):
        found = _join(seer, values[place], found, flat[place], left_is_new=True)
    for place in range(at + 1, len(values)):
        found = _join(seer, found, values[place], flat[place], left_is_new=False)
    return found


def _join(seer: Seer, left: Array, right: Array, new_flat: bool, *, left_is_new: bool) -> Array:
    new, old = (left, right) if left_is_new else (right, left)
    if is_one(new) or is_one(old):
        return np.asarray(left * right)
    meets = left.shape[-1] == right.shape[-2]
    if not new_flat:
        size = new.shape[-1] * new.shape[-2]
        wanted = old.shape[-2] if left_is_new else old.shape[-1]
        if size == wanted and (not meets or 1 not in new.shape[-2:]):
            new = seer.listed(new, across=left_is_new)
            left, right = (new, old) if left_is_new else (old, new)
            meets = True
    if not meets:
        raise ShapeClash(f"a product of {extents(left)} and {extents(right)}")
    return np.asarray(left @ right)


def alike(seer: Seer, values: list[Array], flat: list[bool]) -> list[Array]:
    """Arrays beside flat ones listed like those."""
    if not any(flat) or all(flat):
        return values
    shape = next(value.shape[-2:] for value, one in zip(values, flat, strict=True) if one)
    found = []
    for value, one in zip(values, flat, strict=True):
        size = value.shape[-1] * value.shape[-2]
        if not one and size == prod(shape) and 1 in shape and value.shape[-2:] != shape:
            found.append(seer.listed(value, across=shape[0] == 1))
        else:
            found.append(value)
    return found


def _parts(seer: Seer, nodes: Sequence[Expr], scope: Scope, *, added: bool = False) -> list[Array]:
    values = [seer.value(node, scope) for node in nodes]
    values = alike(seer, values, [seer.is_flat(node) for node in nodes])
    for side in (-1, -2):
        sizes = {value.shape[side] for value in values} - {1}
        if len(sizes) > 1:
            raise ShapeClash("elementwise on shapes " + " and ".join(extents(value) for value in values))
    whole = tuple(max(value.shape[side] for value in values) for side in (-2, -1))
    # A column times a row entry by entry is a slip for the outer product, unless the problem itself has
    # such a thing; their sum x - x^T can mean but one matrix.
    both_ways = added or seer.oracle.dependencies.stretches_both_ways
    if all(value.shape[-2:] != whole for value in values) and not both_ways:
        raise ShapeClash("elementwise on shapes " + " and ".join(extents(value) for value in values))
    return values


def add(seer: Seer, node: Add, scope: Scope) -> Array:
    """A sum; an extent of 1 stretches, and the identity is as large as what it is added to."""
    scales = [_scale_of_identity(term) for term in node.terms]
    plain = [term for term, scale in zip(node.terms, scales, strict=True) if scale is None]
    values = _parts(seer, plain or node.terms, scope, added=True)
    if plain and len(plain) < len(node.terms):
        size = next((value.shape[-1] for value in values if value.shape[-1] == value.shape[-2]), None)
        if size is None:
            raise Refusal("how large the identity is could not be told")
        factors = [seer.value(scale, scope) for scale in scales if scale is not None]
        values = [*values, *(factor * np.eye(size) for factor in factors)]
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def with_size_of(other: Expr, side: Expr) -> Expr:
    """``I``, ``-I``, ``lambda I`` as large as the square matrix on the other side; else the side itself."""
    scale = _scale_of_identity(side)
    if scale is None:
        return side
    try:
        shape = shape_of(other)
    except (LookupError, ValueError):  # a change that fits nowhere
        return side
    if shape is None or shape == SCALAR or shape[0] != shape[1]:
        return side
    eye = lookup("eye")
    assert eye is not None
    sized = Call(eye, (DimValue(shape[0]),), shape)
    return sized if scale == UNIT else MatMul((scale, sized))


def _scale_of_identity(term: Expr) -> Expr | None:
    """What the identity is multiplied by in ``I``, ``-I`` and ``lambda I``; None for any other term."""
    if isinstance(term, Identity):
        return UNIT
    if isinstance(term, Neg):
        inner = _scale_of_identity(term.arg)
        return None if inner is None else Neg(inner)
    if not isinstance(term, MatMul) or sum(isinstance(factor, Identity) for factor in term.factors) != 1:
        return None
    rest = tuple(factor for factor in term.factors if not isinstance(factor, Identity))
    if any(shape_of(factor) != SCALAR for factor in rest):
        return None
    return rest[0] if len(rest) == 1 else MatMul(rest)


def _is_identity(term: Expr) -> bool:
    return isinstance(term.arg if isinstance(term, Neg) else term, Identity)


def hadamard(seer: Seer, node: Hadamard, scope: Scope) -> Array:
    """An elementwise product; an extent of 1 stretches."""
    values = _parts(seer, node.factors, scope)
    total = values[0]
    for value in values[1:]:
        total = total * value
    return total


def divide(seer: Seer, node: Divide, scope: Scope) -> Array:
    """An elementwise quotient."""
    above, below = _parts(seer, (node.num, node.den), scope)
    return np.asarray(above / below)


def power(seer: Seer, node: Power, scope: Scope) -> Array:
    """An elementwise power; the exponent is a number."""
    exponent = seer.value(node.exponent, scope)
    if not is_one(exponent):
        raise ShapeClash(f"an exponent of shape {extents(exponent)}")
    return np.asarray(np.power(seer.value(node.base, scope), exponent))


def indicator(seer: Seer, node: Indicator, scope: Scope) -> Array:
    """1 where the relation holds, else 0; NaN where a side has no value."""
    left, right = _parts(seer, (node.left, node.right), scope)
    sides = same_number(node, np.real(left), np.real(right))
    found = np.asarray(COMPARE[node.op](*sides), dtype=float)
    missing = np.isnan(np.real(left)) | np.isnan(np.real(right))
    return np.where(missing, np.nan, found) if missing.any() else found


_LINES = {"rowsum": (-1, False), "colsum": (-2, False), "rowmean": (-1, True), "colmean": (-2, True)}


def call(seer: Seer, node: Call, scope: Scope) -> Array:
    """A call; sums of lines, outer and diag take their shapes from the values."""
    if isinstance(node.op, Elementwise):
        return calls.value(seer, node, scope)
    values = [seer.value(arg, scope) for arg in node.args]
    if node.op.name == "trace" and values[0].shape[-2] != values[0].shape[-1]:
        raise ShapeClash(f"the trace of {extents(values[0])}")
    if node.op.name in _LINES:
        side, mean = _LINES[node.op.name]
        added = np.mean if mean else np.sum
        return np.asarray(added(values[0], axis=side, keepdims=True))
    if node.op.name == "outer" and all(1 in value.shape[-2:] for value in values):
        left, right = values
        column = left.swapaxes(-1, -2) if left.shape[-2] == 1 else left
        row = right.swapaxes(-1, -2) if right.shape[-1] == 1 else right
        return np.asarray(column * row)
    if node.op.name == "diag" and 1 in values[0].shape[-2:]:
        entries_of = values[0].reshape((*values[0].shape[:-2], -1))
        return np.asarray(entries_of[..., :, None] * np.eye(entries_of.shape[-1]))
    return calls.value(seer, node, scope)
