"""Syntax nodes without a place, made so that ``show`` writes what the parser reads back as the same node."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symbackprop.reading.syntax import Apply, Chain, Minus, Name, Node, Num, Over, Plus, Raised, Times, Turned
from symbackprop.reading.tokens import Place

NOWHERE = Place(1, 1)


def number(value: Fraction | int) -> Node:
    """An exact number."""
    value = Fraction(value)
    if value < 0:
        return Minus(NOWHERE, number(-value))
    if value.denominator == 1:
        return Num(NOWHERE, value, str(value))
    return Over(NOWHERE, number(value.numerator), number(value.denominator))


def name(text: str) -> Node:
    """A name."""
    return Name(NOWHERE, text)


def call(function: str, *args: Node, primes: int = 0) -> Node:
    """``function(args)``."""
    return Apply(NOWHERE, function, primes, args)


def plus(terms: Sequence[Node]) -> Node:
    """A sum."""
    return terms[0] if len(terms) == 1 else Plus(NOWHERE, tuple(terms))


def minus(arg: Node) -> Node:
    """``-arg``."""
    return arg.arg if isinstance(arg, Minus) else Minus(NOWHERE, arg)


def chain(factors: Sequence[Node]) -> Node:
    """A product; a number stands first, numbers that follow are in brackets of their own."""
    if len(factors) == 1:
        return factors[0]
    if any(isinstance(factor, Num) for factor in factors[1:]):
        return times(factors)
    return Chain(NOWHERE, tuple(factors))


def times(factors: Sequence[Node]) -> Node:
    """An elementwise product."""
    return factors[0] if len(factors) == 1 else Times(NOWHERE, tuple(factors))


def over(num: Node, den: Node) -> Node:
    """A quotient."""
    return Over(NOWHERE, num, den)


def turned(arg: Node) -> Node:
    """A transpose."""
    return arg.base if isinstance(arg, Turned) else Turned(NOWHERE, arg)


def power(base: Node, exponent: Node) -> Node:
    """``base^exponent``, for an exponent that is not negative."""
    return Raised(NOWHERE, base, exponent)
