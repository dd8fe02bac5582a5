"""Common factors of the terms of a form: what can stand in front of the bracket."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

from symbackprop.core.expr import Number, Power
from symbackprop.notation.atoms import Delta
from symbackprop.notation.forms import Atom, Exponent, Form, Term


def shared_factors(form: Form) -> list[tuple[Atom, Exponent]]:
    """The atoms in every term, with the exponent nearest to 0, all of one sign."""
    first = dict(form.terms[0].factors)
    bound_free = [(atom, e) for atom, e in first.items() if not set(atom.free) & set(form.terms[0].bound)]
    found: list[tuple[Atom, Exponent]] = []
    for atom, exponent in bound_free:
        if isinstance(atom, Delta):
            continue
        exponents: list[Exponent] = [exponent]
        for term in form.terms[1:]:
            match = next((e for other, e in term.factors if other == atom), None)
            if match is None:
                break
            exponents.append(match)
        else:
            if all(e > 0 for e in exponents):
                found.append((atom, min(exponents)))
            elif all(e < 0 for e in exponents):
                found.append((atom, max(exponents)))
    return found


def is_root(expr: Power) -> bool:
    """Whether this is the square root of a number."""
    return expr.base.is_scalar and isinstance(expr.exponent, Number) and expr.exponent.value == Fraction(1, 2)


def spans(form: Form) -> bool:
    """Whether something in the form has all of its free indices, unlike in a sum of outer products."""
    sides = set(form.free)
    return any(term.bound or any(sides <= set(atom.free) for atom, _ in term.factors) for term in form.terms)


def content(form: Form) -> Fraction:
    """The number all coefficients share: (a + b - 2 c)/2 of a/2 + b/2 - c where more than one is no whole."""
    numbers = [abs(term.coefficient) for term in form.terms]
    divisor = gcd(*(number.numerator for number in numbers))
    denominators = [number.denominator for number in numbers if number.denominator != 1]
    if len(denominators) < 2 or any(is_decimal(number) for number in numbers):
        same = len({number.denominator for number in numbers}) == 1
        return Fraction(divisor, numbers[0].denominator if same else 1)
    below = lcm(*denominators)
    return Fraction(gcd(*(int(number * below) for number in numbers)), below)


def is_decimal(value: Fraction) -> bool:
    """Whether the number is written as a decimal rather than as a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator >= 10


def without(term: Term, pulled: list[tuple[Atom, Exponent]], size: Fraction) -> Term:
    """The term with ``size * pulled`` taken out."""
    lowered = dict(pulled)
    factors = tuple(
        (atom, e - lowered.get(atom, 0)) for atom, e in term.factors if e != lowered.get(atom, 0)
    )
    return Term(term.coefficient / size, factors, term.bound)
