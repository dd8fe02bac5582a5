"""Rounding to decimals, from the exact value; a half goes to the even digit (as in IEEE 754).

A floating-point number that lies within rounding of a half is taken as that half, so that 0.075 computed
as 0.07499999999999999 rounds like 0.075. Minus zero is zero.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from symbackprop.arithmetic.scalars import Value

CLOSE = Fraction(1, 10**12)  # relative: what floating point may be off by
MOST_DIGITS = 12


def rounded(value: Value, digits: int) -> Decimal:
    """``value`` with ``digits`` decimals: 2.5 -> 2.500, 1/3 -> 0.333."""
    exact = Fraction(value)
    scaled = exact * 10**digits
    if isinstance(value, float):
        half = Fraction(round(2 * scaled), 2)
        if abs(half - scaled) <= CLOSE * abs(scaled):
            scaled = half
    whole = round(scaled)  # halves to even
    return decimal_of(whole, digits)


def decimal_of(whole: int, digits: int) -> Decimal:
    """``whole`` in units of the last of ``digits`` decimals."""
    sign = 1 if whole < 0 else 0
    return Decimal((sign, tuple(int(d) for d in str(abs(whole))), -digits))

