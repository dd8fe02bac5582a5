"""Derivatives of formulas by arrays: what ``d log p_k / d z_i`` is worth, by a complex step.

The array below is moved, everything that follows from it in the forward pass is computed again, and the
formula is evaluated on that. Central differences confirm; where they disagree (a kink, a function that is not
analytic), they are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element, Slice, named_tensor
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Dummy, Slope, shape_of
from symbackprop.verification import entries
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.point import Array, Refusal
from symbackprop.verification.scope import ROOT, Scope

if TYPE_CHECKING:
    from symbackprop.checking.seer import Seer

TINY = 1e-30
STEP = 1e-5


def is_flat(node: Slope) -> bool:
    """Whether the value has more than two axes."""
    above, below = shape_of(node.of), shape_of(node.by)
    if above is None or below is None or node.second is not None:
        return False
    own, other = (sum(not dim.is_one for dim in shape) for shape in (above, below))
    return bool(own) and bool(other) and own + other > 2


def value(seer: Seer, node: Slope, scope: Scope) -> Array:
    """The derivative as a matrix, laid out like that of an array by an array."""
    if node.second is not None:
        raise Refusal("second derivatives of formulas are not checked")
    if any(isinstance(part, Partial | Jacobian | Slope) for part in node.of.walk()):
        raise Refusal("derivatives of derivatives are not checked")
    if isinstance(node.by, Dummy):
        return _by_dummy(seer, node.of, node.by.letter, scope)
    tensor = _tensor(node.by)
    whole = _by_all(seer, node.of, tensor, scope)  # (lead..., rows, columns, rows of by, columns of by)
    if isinstance(node.by, Element):
        taken = _entry(seer, whole, node.by, tensor, scope)
        return np.asarray(taken)
    if isinstance(node.by, Slice):
        raise Refusal("a derivative by a part of an array is not checked")
    lead = whole.shape[:-4]
    own = tuple(size for size in whole.shape[-4:-2] if size != 1)
    other = tuple(size for size in whole.shape[-2:] if size != 1)
    if not own:
        found = whole.reshape((*lead, *whole.shape[-2:]))
        turned = (seer.sight.layout == "numerator") != (seer.sight.turned and tensor.rank == 1)
        return np.asarray(found.swapaxes(-1, -2)) if turned else found
    return seer.laid_out(whole, lead, own, other, sliced=False)


def of_array(seer: Seer, formula: Expr, by: Tensor) -> Array:
    """The derivative of an array that the work defines, with the four axes of a derivative."""
    return np.asarray(np.real(_by_all(seer.plain, formula, by, ROOT)))


def _by_dummy(seer: Seer, formula: Expr, letter: str, scope: Scope) -> Array:
    """The derivative by a variable of its own, at each of its values."""
    if letter not in seer.dummies:
        raise Refusal(f"{letter} is bound nowhere")
    index, values, before = seer.dummies[letter]

    def at(step: complex) -> Array:
        seer.dummies[letter] = (index, values, before + step)
        try:
            return np.asarray(seer.value(formula, scope))
        finally:
            seer.dummies[letter] = (index, values, before)

    stepped = np.imag(at(1j * TINY)) / TINY
    central = np.real(at(STEP) - at(-STEP)) / (2 * STEP)
    return np.where(np.abs(stepped - central) <= 1e-5 * np.maximum(1.0, np.abs(central)), stepped, central)


def _tensor(by: Expr) -> Tensor:
    found = named_tensor(by)
    if found is None:
        raise Refusal("what this derivative is taken by was not understood")
    return found


def _by_all(seer: Seer, formula: Expr, tensor: Tensor, scope: Scope) -> Array:
    """The derivative of ``formula`` by every entry of ``tensor``."""
    base = seer.point.values.get(tensor)
    if base is None:
        raise Refusal(f"{tensor.name} has no value in the forward pass")
    here = np.asarray(seer.plain.value(formula, scope))
    shape = np.broadcast_shapes(here.shape, (*scope.sizes, 1, 1)) if scope.axes else here.shape
    columns = [_slope(seer, formula, tensor, base, place, scope, shape) for place in np.ndindex(*base.shape)]
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *base.shape))


def _slope(
    seer: Seer, formula: Expr, tensor: Tensor, base: Array, place: tuple[int, ...], scope: Scope,
    shape: tuple[int, ...],
) -> Array:  # fmt: skip
    def at(step: complex) -> Array:
        moved = base + np.zeros(base.shape, dtype=type(step))
        moved[place] += step
        return np.broadcast_to(_after(seer, formula, tensor, moved, scope), shape)

    stepped = np.imag(at(1j * TINY)) / TINY
    central = np.real(at(STEP) - at(-STEP)) / (2 * STEP)
    close = np.abs(stepped - central) <= 1e-5 * np.maximum(1.0, np.abs(central))
    return np.where(close, stepped, central)


def _after(seer: Seer, formula: Expr, tensor: Tensor, moved: Array, scope: Scope) -> Array:
    """The formula where ``tensor`` has another value, with all that follows from it."""
    overrides: dict[Tensor, Array] = {tensor: moved}
    evaluator = Evaluator(seer.point, expand=seer.expand, overrides=overrides)
    reached = {tensor}
    for equation in seer.oracle.dependencies.graph.equations:
        if equation.target is not tensor and not reached.isdisjoint(equation.inputs):
            overrides[equation.target] = evaluator.solve(equation)
            reached.add(equation.target)
    return seer.elsewhere(overrides).value(formula, scope)


def _entry(seer: Seer, whole: Array, by: Element, tensor: Tensor, scope: Scope) -> Array:
    """The derivative by one entry: gathered at its place."""
    slots = [entries.positions(seer, slot, scope) for slot in by.slots]
    row, column = entries.sides_of(tensor, slots, seer.point)
    rows, columns = whole.shape[-2:]
    bad = (row < 1) | (row > rows) | (column < 1) | (column > columns)
    flat = whole.reshape((*whole.shape[:-2], rows * columns))  # (lead..., r, c, entries)
    where = np.where(bad, 0, (row - 1) * columns + column - 1)
    lead = np.broadcast_shapes(flat.shape[:-3], where.shape[:-2])
    flat = np.broadcast_to(flat, lead + flat.shape[-3:])
    picked = (
        np.take_along_axis(flat, np.broadcast_to(where[..., None], (*lead, 1, 1, 1)), axis=-1)[..., 0]
        if flat.shape[-3:-1] == (1, 1)
        else np.take_along_axis(
            flat, np.broadcast_to(where[..., None], (*lead, *flat.shape[-3:-1], 1)), axis=-1
        )[..., 0]
    )
    return np.where(bad, np.nan, picked)
