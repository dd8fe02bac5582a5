"""The logarithm of a quotient of exponentials and their sum, taken apart."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.notation.atoms import DimFactor, Entry, Fn, Group, form_of
from symbackprop.notation.forms import Atom, Form, Term, product, single, total, within
from symbackprop.notation.normal import normal


def log_of_quotient(form: Form) -> Form:
    """log(e^u / S) = u - log S, wherever a log has such an argument (S a sum of exponentials)."""
    terms: list[Term] = []
    changed = False
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            inner = atom.map_parts(log_of_quotient)
            split = _split_log(inner)
            if split is not None:
                changed = True
                piece = single(Group(split), exponent) if exponent != 1 else single(Group(split))
            else:
                changed = changed or inner is not atom
                piece = single(inner, exponent)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(result.terms)
    return normal(Form(terms)) if changed else form


def _split_log(atom: Atom) -> Form | None:
    if not isinstance(atom, Fn) or atom.op.name != "log" or atom.primes or len(atom.args[0].terms) != 1:
        return None
    term = _sums_apart(atom.args[0].terms[0])
    if term.bound or term.coefficient != 1 or not any(_is_exp(a) for a, _ in term.factors):
        return None
    # The whole is positive where its log exists, so one factor of unknown sign is positive too.
    if sum(not _positive(a) for a, _ in term.factors) > 1:
        return None
    parts: list[Form] = []
    for factor, exponent in term.factors:
        logged = factor.args[0] if isinstance(factor, Fn) else single(Fn(atom.op, (form_of(factor),)))
        scale = Form((Term(Fraction(exponent)),))
        parts.append(product(scale, logged))
    return normal(total(parts))


def _sums_apart(term: Term) -> Term:
    """sum_j f(j) g(i) as (sum_j f(j)) g(i): the factors under the sum as one group."""
    if not term.bound:
        return term
    inside = tuple(f for f in term.factors if any(index in term.bound for index in f[0].free))
    group = Group(Form((Term(Fraction(1), inside, term.bound),)))
    return Term(term.coefficient, (*(f for f in term.factors if f not in inside), (group, 1)))


def _is_exp(atom: Atom) -> bool:
    return isinstance(atom, Fn) and atom.op.name == "exp" and atom.primes == 0


def _positive(atom: Atom) -> bool:
    """Whether the factor is positive for all values of what stands in it."""
    if _is_exp(atom) or isinstance(atom, DimFactor):
        return True
    if isinstance(atom, Group):
        return all(
            t.coefficient > 0 and t.factors and all(_positive(a) for a, _ in t.factors)
            for t in atom.form.terms
        )
    return isinstance(atom, Entry) and (atom.tensor.facts.positive)
