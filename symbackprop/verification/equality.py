"""When two arrays of floats count as the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symbackprop.verification.point import Array

TOLERANCE = 1e-6  # right lines deviate by 1e-9 at most, wrong ones by 0.1 at least (measured)
FLOOR = 1e-10  # of the largest entry: below this an entry has no digits of its own
ROUNDING = 1e-12  # of the magnitudes that a value is summed from


@dataclass(frozen=True, slots=True)
class Comparison:
    """``error`` is the largest deviation relative to the largest entry; ``entry`` zero-based, or None."""

    error: float
    entry: tuple[int, ...] | None
    zero: bool


def compare(expected: Array, got: Array, magnitude: Callable[[], Array]) -> Comparison:
    """Compare two finite arrays of one shape, entry by entry.

    ``magnitude`` is called only if entries differ: what each entry is summed from. ``zero`` says
    that both sides vanish (exactly or up to rounding), so that the comparison shows little.
    """
    gap, size = np.abs(expected - got), np.maximum(np.abs(expected), np.abs(got))
    scale = float(size.max()) if size.size else 0.0
    if scale == 0.0:
        return Comparison(0.0, None, True)
    wrong = gap > np.maximum(TOLERANCE * size, FLOOR * scale)
    if not wrong.any():
        return Comparison(float(gap.max()) / scale, None, False)
    rounding = ROUNDING * np.broadcast_to(magnitude(), gap.shape)
    wrong &= (gap > rounding) | ~np.isfinite(rounding)
    if not wrong.any():
        within = size <= rounding
        return Comparison(float((gap * ~within).max()) / scale, None, bool(within.all()))
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return Comparison(float(gap.max()) / scale, tuple(int(axis) for axis in place), False)
