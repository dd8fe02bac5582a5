"""Like terms across a bracket: c (a + b) d + e b d = c (a + (1 + e/c) b) d.

A derivative of a product brings (1 - s) - s about, which is written 1 - 2 s.
"""

from __future__ import annotations

from symbackprop.notation.atoms import Group
from symbackprop.notation.forms import Exponent, Factor, Form, Term


def collected(form: Form) -> Form:
    """The form with every term put into a bracket of another one that has a like term in it.

    Brackets inside are looked at first. The form itself comes back where there is nothing to collect.
    """
    terms = [_inside(term) for term in form.terms]
    changed = any(new is not old for new, old in zip(terms, form.terms, strict=True))
    place = 0
    while place < len(terms):
        for other, term in enumerate(terms):
            joined = _put_in(terms[place], term) if other != place else None
            if joined is not None:
                terms[place] = joined
                del terms[other]
                place = 0  # what has grown may take in more
                break
        else:
            place += 1
    return Form(terms) if changed or len(terms) < len(form.terms) else form


def _inside(term: Term) -> Term:
    """The term with what its brackets hold collected."""
    coefficient = term.coefficient
    factors: list[Factor] = []
    for factor in term.factors:
        atom, exponent = factor
        inner = collected(atom.form) if isinstance(atom, Group) else None
        if inner is None or not isinstance(atom, Group) or inner is atom.form:
            factors.append(factor)
        elif len(inner.terms) == 1 and exponent == 1 and not inner.terms[0].bound:
            coefficient *= inner.terms[0].coefficient
            factors += inner.terms[0].factors
        else:
            factors.append((Group(inner), exponent))
    pairs = zip(factors, term.factors, strict=False)
    same = len(factors) == len(term.factors) and all(a is b for a, b in pairs)
    return term if same else Term(coefficient, tuple(factors), term.bound)


def _put_in(into: Term, term: Term) -> Term | None:
    """``into`` with ``term`` in one of its brackets; None if no bracket has a like term."""
    if into.bound or term.bound:
        return None
    for place, (atom, exponent) in enumerate(into.factors):
        if not isinstance(atom, Group) or exponent < 1:
            continue
        left: tuple[Factor, ...] = ((atom, exponent - 1),) if exponent != 1 else ()
        around = (*into.factors[:place], *left, *into.factors[place + 1 :])
        for at, like in enumerate(atom.form.terms):
            if like.bound or _keys((*around, *like.factors)) != _keys(term.factors):
                continue
            number = like.coefficient + term.coefficient / into.coefficient
            merged = [Term(number, like.factors)] if number else []
            inner = (*atom.form.terms[:at], *merged, *atom.form.terms[at + 1 :])
            if len(inner) == 1 and not inner[0].bound:
                return Term(into.coefficient * inner[0].coefficient, (*around, *inner[0].factors))
            return Term(into.coefficient, (*around, (Group(Form(inner)), 1)))
    return None


def _keys(factors: tuple[Factor, ...]) -> dict[str, Exponent]:
    """The power of each factor, by its key."""
    powers: dict[str, Exponent] = {}
    for atom, exponent in factors:
        powers[atom.key] = powers.get(atom.key, 0) + exponent
    return powers
