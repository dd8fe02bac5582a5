"""Common factors of the terms of a form: what can stand in front of the bracket."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from symbackprop.notation.forms import Atom, Delta, Exponent, Form, Term


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


def content(form: Form) -> Fraction:
    """The number all coefficients share: their greatest common divisor, over a common denominator if any."""
    numerators = [abs(term.coefficient.numerator) for term in form.terms]
    denominators = {term.coefficient.denominator for term in form.terms}
    return Fraction(gcd(*numerators), denominators.pop() if len(denominators) == 1 else 1)


def without(term: Term, pulled: list[tuple[Atom, Exponent]], size: Fraction) -> Term:
    """The term with ``size * pulled`` taken out."""
    lowered = dict(pulled)
    factors = tuple(
        (atom, e - lowered.get(atom, 0)) for atom, e in term.factors if e != lowered.get(atom, 0)
    )
    return Term(term.coefficient / size, factors, term.bound)
