"""Second derivatives of the forward pass by differences: what a Hessian is measured against.

``second(oracle, of, by)`` takes the array ``of`` = dL/dU and returns its derivative by ``by``. At every
point that is reached by moving one entry of ``by`` the gradient is taken by a complex step of the
forward pass alone (exact to rounding), and these gradients are differenced: (4 D(h) - D(2h)) / 3 for
central D, in two step sizes, of which one has to settle. ``by`` is cut, as in a first derivative: what
follows it is computed again, its own equation is not. Where ``by`` is computed from U, dL/d``by`` is
differentiated by U: the order does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbackprop.core.tensors import Tensor
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.point import Array, Refusal

if TYPE_CHECKING:
    from symbackprop.verification.differences import Oracle

STEPS = (1e-4, 1e-5, 1e-6)
FACTORS = (1, -1, 2, -2)
SETTLED = 1e-5  # of the largest entry: how far D(h) and D(2h) may lie apart
ROUNDING = 1e-14  # of the largest gradient: what one difference may lose
BUDGET = 1_000_000  # numbers in one stack of moved arrays
LARGEST = 150_000  # entries of a second derivative that is still built


def second(oracle: Oracle, of: Tensor, by: Tensor) -> Array:
    """The derivative of dL/dU by ``by``: axes (rows of U, columns of U, rows and columns of ``by``)."""
    assert of.gradient is not None
    loss, inner = of.gradient
    values = oracle.point.values
    base, own = values.get(by), values.get(inner)
    if base is None or own is None or loss not in values:
        raise Refusal(f"d{of.name}/d{by.name} has no value in the forward pass")
    shape = own.shape + base.shape
    if not (oracle.dependencies.between(loss, inner) or loss is inner):
        return np.zeros(shape)
    if by is not inner and oracle.dependencies.between(by, inner):  # the later one is differentiated
        return oracle.jacobian(loss.gradient_by(by), inner).transpose(2, 3, 0, 1)
    if base.size * own.size > LARGEST:
        raise Refusal(f"the second derivative of {loss.name} has too many entries for differences")
    here = _gradients(oracle, loss, inner, by, base[None])[0]
    _require_smooth(oracle, loss, inner, here)
    units = np.eye(base.size).reshape(base.size, *base.shape)
    for step in STEPS:
        moved = np.concatenate([base + factor * step * units for factor in FACTORS])
        found = _gradients(oracle, loss, inner, by, moved).reshape(4, base.size, own.size)
        narrow = (found[0] - found[1]) / (2 * step)
        wide = (found[2] - found[3]) / (4 * step)
        slope = (4 * narrow - wide) / 3
        size = max(float(np.abs(slope).max()), 1e-300)
        loss_of_digits = ROUNDING * max(float(np.abs(here).max()), 1.0) / step
        if np.isfinite(slope).all() and np.abs(narrow - wide).max() <= SETTLED * size + loss_of_digits:
            return np.asarray(slope.T.reshape(shape))
    raise Refusal(f"the second differences of {loss.name} do not settle")


def _require_smooth(oracle: Oracle, loss: Tensor, inner: Tensor, here: Array) -> None:
    """The complex step has to be the gradient that central differences confirm."""
    known = oracle.partial(loss, inner).ravel()
    size = max(float(np.abs(known).max(initial=0.0)), 1e-300)
    if not (np.isfinite(here).all() and np.abs(here - known).max(initial=0.0) <= 1e-7 * size):
        raise Refusal(f"the gradient of {loss.name} by {inner.name} has no complex step here")


def _gradients(oracle: Oracle, loss: Tensor, inner: Tensor, by: Tensor, moved: Array) -> Array:
    """dL/d``inner`` at each of the points where ``by`` has the values ``moved``: a row for each."""
    count = oracle.point.values[inner].size
    widest = max(array.size for array in oracle.point.values.values())
    chunk = max(1, BUDGET // max(1, widest * count))
    parts = [_some(oracle, loss, inner, by, moved[at : at + chunk]) for at in range(0, len(moved), chunk)]
    return np.concatenate(parts)


def _some(oracle: Oracle, loss: Tensor, inner: Tensor, by: Tensor, moved: Array) -> Array:
    point, forward = oracle.point, oracle.dependencies
    first: dict[Tensor, Array] = {by: moved}
    evaluator = Evaluator(point, expand=oracle.expand, overrides=first)
    for equation in forward.after(by):
        first[equation.target] = evaluator.solve(equation)
    own = np.asarray(first.get(inner, point.values[inner]))
    own = np.broadcast_to(own, (len(moved), *own.shape[-2:]))
    count = own.shape[1] * own.shape[2]
    units = 1j * oracle.tiny * np.eye(count).reshape(count, *own.shape[1:])

    def repeated(array: Array) -> Array:
        whole = np.broadcast_to(array, (len(moved), *array.shape[-2:]))
        return np.repeat(whole, count, axis=0)

    second_: dict[Tensor, Array] = {tensor: repeated(array) for tensor, array in first.items()}
    second_[inner] = (own[:, None] + units).reshape(-1, *own.shape[1:])
    evaluator = Evaluator(point, expand=oracle.expand, overrides=second_)
    for equation in forward.between(loss, inner):
        if equation.target is not by:
            second_[equation.target] = evaluator.solve(equation)
    value = np.broadcast_to(second_.get(loss, point.values[loss]), (len(moved) * count, 1, 1))
    return np.asarray(np.imag(value).reshape(len(moved), count) / oracle.tiny)
