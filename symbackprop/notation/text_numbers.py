"""Numbers as plain text."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def number_text(value: Fraction) -> str:
    """A non-negative number: whole, a short decimal (denominators 10, 20, 100, ...), or p/q."""
    if value.denominator == 1:
        return str(value.numerator)
    rest, digits = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        digits = max(digits, count)
    if rest != 1 or value.denominator < 10:
        return f"{value.numerator}/{value.denominator}"
    scaled = value.numerator * 10**digits // value.denominator
    if digits > 8:
        return f"{scaled}e-{digits}"
    whole = str(scaled).rjust(digits + 1, "0")
    return f"{whole[:-digits]}.{whole[-digits:]}"


def cell_text(number: Fraction | Decimal) -> str:
    """A number: exact, or with the decimals of its rounding."""
    if isinstance(number, Decimal):
        return f"{number:f}"
    return f"{'-' if number < 0 else ''}{number_text(abs(number))}"
