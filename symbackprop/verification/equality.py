"""When two arrays of floats count as the same.

Where a quantity is zero by cancellation (the gradient of a shift that softmax ignores), both
sides of a right line are rounding errors of unlike size, and no bound on them that is made of the
numbers in the line is both safe and sharp: gradients that vanish through many layers are as small
and have all their digits. So rounding is measured. Moved by 1e-8, a definite number changes by a
part in 1e8 (times its condition); a rounding error changes altogether, unless it is made of
constants alone (1 - sum of n times 1/n).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from symbackprop.verification.point import Array

TOLERANCE = 1e-6  # right lines deviate by 1e-9 at most, wrong ones by 0.1 at least (measured)
FLOOR = 1e-10  # of the largest entry: below this an entry has no digits of its own
SUSPECT = 1e-6  # of the largest number involved: a deviation beyond this is no rounding error
MOVED = 1e-8  # how far away the points lie at which rounding is measured
JITTER = 30  # a deviation is rounding if it changes by more than a part in this many
CONSTANT = 1e-14  # a deviation that never changes is one of constants, and rounding below this

# Of the largest number involved: beside it a term this small is lost without a trace, as in p - 1 with
# p = 1 - 1e-50 of a saturated softmax; then differences are exactly 0 where a formula has the term.
ABSORBED = 1e-25

UNDERFLOW = 1e-150  # the product of two such numbers is no longer a number with digits: both sides vanish

Gaps = Callable[[], Iterator[Array]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``error`` is the largest deviation relative to the largest entry; ``entry`` zero-based, or None."""

    error: float
    entry: tuple[int, ...] | None
    zero: bool


def compare(expected: Array, got: Array, largest: float, nearby: Gaps) -> Comparison:
    """Compare two finite arrays of one shape, entry by entry.

    ``nearby`` gives ``expected - got`` at points ``MOVED`` away and is called only if entries differ
    by little beside ``largest``. ``zero`` says that both sides vanish (exactly or up to rounding),
    so that the comparison shows little.
    """
    gap, size = np.abs(expected - got), np.maximum(np.abs(expected), np.abs(got))
    scale = float(size.max()) if size.size else 0.0
    if scale < UNDERFLOW:
        return Comparison(0.0, None, True)
    wrong = gap > np.maximum(TOLERANCE * size, FLOOR * scale)
    if not wrong.any():
        return Comparison(float(gap.max()) / scale, None, False)
    if gap[wrong].max() <= SUSPECT * largest:
        rounding = _rounding((expected - got)[wrong], wrong, nearby)
        if gap[wrong].max() <= rounding:
            return Comparison(float((gap * ~wrong).max()) / scale, None, scale <= rounding)
    if not expected.any() and scale <= ABSORBED * largest:
        return Comparison(0.0, None, True)
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    return Comparison(float(gap.max()) / scale, tuple(int(axis) for axis in place), False)


def _rounding(gap: Array, wrong: Array, nearby: Gaps) -> float:
    """A bound on the rounding error in the deviations that matter, as far as it has to be known."""
    found, largest = 0.0, float(np.abs(gap).max())
    for other in nearby():
        changes = np.abs(other[wrong] - gap)
        if np.isfinite(changes).all():
            found = max(found, JITTER * float(changes.max()))
        if largest <= found:
            break
    return found or CONSTANT
