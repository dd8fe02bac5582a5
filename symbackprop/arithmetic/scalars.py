"""Single numbers: a ``Fraction`` where the value is known exactly, else a ``float``.

exp, log, roots and the like of a rational number are exact where the value is rational by a law
(e^0 = 1, log 1 = 0, 4^(1/2) = 2), and floating point otherwise. What has no value is a ``NoValue``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

Value = Fraction | float

LONGEST = 4000  # bits of an exact number; beyond it floating point takes over
ZERO, ONE = Fraction(0), Fraction(1)


class NoValue(Exception):
    """A number that does not exist or is too large: log 0, 1/0, e^1000; the text says which."""


def shortened(value: Value) -> Value:
    """The number, in floating point where its exact form has become too long to carry on."""
    if isinstance(value, Fraction) and value.denominator.bit_length() > LONGEST:
        return as_float(value)
    return value


def as_float(value: Value) -> float:
    """The number in floating point."""
    try:
        return float(value)
    except OverflowError:
        raise NoValue("a number is too large") from None


def plus(left: Value, right: Value) -> Value:
    """left + right."""
    return shortened(left + right) if isinstance(left, Fraction) and isinstance(right, Fraction) else (
        as_float(left) + as_float(right)
    )


def times(left: Value, right: Value) -> Value:
    """left * right; an exact 0 makes 0 of anything, as in 0 log 0."""
    if left == ZERO and isinstance(left, Fraction):
        return ZERO
    if right == ZERO and isinstance(right, Fraction):
        return ZERO
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return shortened(left * right)
    return as_float(left) * as_float(right)


def over(left: Value, right: Value) -> Value:
    """left / right."""
    if right == 0:
        raise NoValue("a division by 0")
    if isinstance(left, Fraction) and (isinstance(right, Fraction) or left == 0):
        return shortened(left / right) if isinstance(right, Fraction) else ZERO
    return as_float(left) / as_float(right)


def power(base: Value, exponent: Value) -> Value:
    """base ^ exponent."""
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        return _whole_power(base, exponent.numerator)
    if base < 0:
        raise NoValue("a root of a negative number")
    if base == 0:
        if exponent <= 0:
            raise NoValue("a division by 0")
        return ZERO
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        exact = _root(base, exponent.denominator)
        if exact is not None:
            return _whole_power(exact, exponent.numerator)
    return _guarded(lambda: as_float(base) ** as_float(exponent))


def _whole_power(base: Value, exponent: int) -> Value:
    if base == 0 and exponent < 0:
        raise NoValue("a division by 0")
    if isinstance(base, Fraction) and abs(exponent) <= 64:
        return shortened(base**exponent)
    return _guarded(lambda: as_float(base) ** exponent)


def _root(base: Fraction, order: int) -> Fraction | None:
    """The exact root, where numerator and denominator have one."""
    found = []
    for part in (base.numerator, base.denominator):
        if part.bit_length() > 1000 or order > 16:
            return None
        root = math.isqrt(part) if order == 2 else round(part ** (1 / order))
        if root**order != part:
            return None
        found.append(root)
    return Fraction(*found)


def _guarded(work: Callable[[], float]) -> float:
    try:
        return work()
    except OverflowError:
        raise NoValue("a number is too large") from None


def exp(value: Value) -> Value:
    """e^value; too small to be held is 0."""
    return ONE if value == 0 else _guarded(lambda: math.exp(as_float(value)))


def log(value: Value) -> Value:
    """The natural logarithm; of 0 minus infinity, which only an exact factor 0 removes."""
    if value < 0:
        raise NoValue("the log of a negative number")
    if value == 0:
        return -math.inf
    if value == 1:
        return ZERO
    if isinstance(value, Fraction):  # of large and small fractions too
        return math.log(value.numerator) - math.log(value.denominator)
    return math.log(value)


def sign(value: Value) -> Value:
    """-1, 0 or 1."""
    return Fraction((value > 0) - (value < 0))


def sigmoid(value: Value) -> Value:
    """1 / (1 + e^-value), without overflow."""
    small = exp(-value if value > 0 else value)
    return over(ONE if value >= 0 else small, plus(ONE, small))


def softplus(value: Value) -> Value:
    """log(1 + e^value), without overflow."""
    return plus(math.log1p(math.exp(-abs(as_float(value)))), value if value > 0 else ZERO)


def _odd(function: Callable[[float], float]) -> Callable[[Value], Value]:
    """A function that is 0 at 0."""
    return lambda value: ZERO if value == 0 else function(as_float(value))


def cos(value: Value) -> Value:
    """The cosine."""
    return ONE if value == 0 else math.cos(as_float(value))


FUNCTIONS: Mapping[str, Callable[..., Value]] = MappingProxyType(
    {
        "exp": exp, "log": log, "abs": abs, "sign": sign, "cos": cos, "sigmoid": sigmoid,
        "softplus": softplus, "tanh": _odd(math.tanh), "sin": _odd(math.sin), "erf": _odd(math.erf),
        "max": max, "min": min, "power": power,
    }
)  # fmt: skip
