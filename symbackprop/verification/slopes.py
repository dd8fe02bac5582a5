"""Derivatives of an elementwise function by differences of the function itself.

This is what ``relu'(U)`` is worth to the verifier: the slope that an operation states is never
looked at. A complex step gives full precision where the function is analytic around the
point; the five-point formula confirms it, replaces it where it does not apply, and carries on
to higher orders and to complex arguments.

Exactly at a kink there is no derivative but a choice between the slopes to the right and to the
left. The choice that is printed ("relu'(0) = 0") is the one that a forward function makes under a
complex step. A jump has no slope at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symbackprop.verification.point import Array, Refusal

TINY = 1e-30
STEP = 2e-4  # twice this stays inside the distance that samples keep from a kink
FINE = 1e-6

Function = Callable[[Array], Array]


def five_point(function: Function, x: Array, step: float) -> Array:
    """(8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12 h; error of order h^4."""
    near = function(x + step) - function(x - step)
    far = function(x + 2 * step) - function(x - 2 * step)
    return np.asarray((8 * near - far) / (12 * step))


def derivative(function: Function, x: Array, order: int) -> Array:
    """The derivative of that order, entry by entry; Refusal where differences do not settle."""
    if order == 0:
        return function(x)
    if order > 1:
        return _higher(lambda z: derivative(function, z, order - 1), x)
    if np.iscomplexobj(x):
        return five_point(function, x, STEP)
    return _first(function, np.asarray(x, dtype=float))


def _first(function: Function, x: Array) -> Array:
    coarse = five_point(function, x, STEP)
    stepped = np.imag(function(x + 1j * TINY)) / TINY
    if _agree(stepped, coarse, 1e-6):
        return np.asarray(stepped)
    fine = five_point(function, x, FINE)
    here, tolerance = function(x), 1e-6 * np.maximum(1.0, np.abs(stepped))
    right, left = (_to_one_side(function, x, here, step) for step in (FINE, -FINE))
    chosen = np.abs(right - left) > tolerance
    coarse, fine = np.where(chosen, stepped, coarse), np.where(chosen, stepped, fine)
    if _agree(stepped, fine, 1e-5):
        return np.asarray(stepped)
    if _agree(coarse, fine, 1e-6):
        return coarse
    raise Refusal("the differences of an elementwise function do not settle")


def _higher(slope: Function, x: Array) -> Array:
    """The derivative of a slope that is known up to rounding only; beside a jump there is none."""
    found = five_point(slope, x, STEP)
    if _agree(found, five_point(slope, x, STEP / 2), 1e-3):
        return found
    raise Refusal("the differences of a slope do not settle")


def _to_one_side(function: Function, x: Array, here: Array, step: float) -> Array:
    """(4 (f(x+h) - f(x)) - (f(x+2h) - f(x))) / 2 h; error of order h^2."""
    return np.asarray((4 * (function(x + step) - here) - (function(x + 2 * step) - here)) / (2 * step))


def _agree(a: Array, b: Array, tolerance: float) -> bool:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool((np.abs(a - b) <= tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))).all())
