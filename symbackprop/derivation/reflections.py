"""1 - sigmoid(-u) = sigmoid(u), wherever u is written with a minus."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.notation.atoms import Fn, Group
from symbackprop.notation.forms import Atom, Form, Term, negated


def reflected(form: Form) -> Form:
    """The form with every such difference as one sigmoid; the same object if there is none."""
    terms = [_term(term) for term in form.terms]
    return form if all(a is b for a, b in zip(terms, form.terms, strict=True)) else Form(terms)


def _term(term: Term) -> Term:
    factors = tuple((_atom(atom.map_parts(reflected)), exponent) for atom, exponent in term.factors)
    if all(a is b for (a, _), (b, _) in zip(factors, term.factors, strict=True)):
        return term
    return Term(term.coefficient, factors, term.bound)


def _atom(atom: Atom) -> Atom:
    if not isinstance(atom, Group) or len(atom.form.terms) != 2:
        return atom
    one = [term for term in atom.form.terms if not term.factors and term.coefficient == 1]
    rest = [term for term in atom.form.terms if term.factors]
    if len(one) != 1 or len(rest) != 1 or rest[0].bound or rest[0].coefficient != Fraction(-1):
        return atom
    ((inner, exponent), *others) = rest[0].factors
    if others or exponent != 1 or not isinstance(inner, Fn) or inner.primes or inner.op.name != "sigmoid":
        return atom
    turned = all(term.coefficient < 0 for term in inner.args[0].terms)
    return Fn(inner.op, (negated(inner.args[0]),)) if turned else atom
