"""The sigmoid written by hand: e^u/(1 + e^u), and e^(-z) p = 1 - p for p = 1/(1 + e^(-z))."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.atoms import Entry, Fn, Group
from symbackprop.notation.forms import Atom, Factor, Form, Term, single
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot

Named = tuple[Tensor, tuple[Index, ...], Fn]  # p[indices] = 1/(1 + the exponential)


def exponential_in(atom: Atom) -> Fn | None:
    """e^u of 1 + e^u."""
    if not isinstance(atom, Group) or len(atom.form.terms) != 2:
        return None
    one = [term for term in atom.form.terms if not term.factors and term.coefficient == 1]
    rest = [term for term in atom.form.terms if term.factors]
    if len(one) != 1 or len(rest) != 1 or rest[0].bound or rest[0].coefficient != 1:
        return None
    ((inner, exponent), *others) = rest[0].factors
    plain = not others and exponent == 1 and isinstance(inner, Fn) and inner.op.name == "exp"
    return inner if plain and isinstance(inner, Fn) and not inner.primes else None


def logistic(form: Form, known: Iterable[Named], sigmoid: Operation) -> Form:
    """The form with every such product as what it is; the same object if there is none."""
    terms = [_term(term, tuple(known), sigmoid) for term in form.terms]
    same = all(a is b for a, b in zip(terms, form.terms, strict=True))
    return form if same else normal(Form(terms))


def _term(term: Term, known: tuple[Named, ...], sigmoid: Operation) -> Term:
    factors = tuple(
        (atom.map_parts(lambda part: logistic(part, known, sigmoid)), exponent)
        for atom, exponent in term.factors
    )
    if any(a is not b for (a, _), (b, _) in zip(factors, term.factors, strict=True)):
        term = Term(term.coefficient, factors, term.bound)
    for atom, exponent in term.factors:
        if not isinstance(atom, Fn) or atom.op.name != "exp" or atom.primes or exponent != 1:
            continue
        for mate, have in term.factors:
            value = _value(atom, mate, have, known, sigmoid)
            if value is not None:
                left, new = value
                rest = _replaced(term.factors, {atom.key: 0, mate.key: left})
                return _term(Term(term.coefficient, (*rest, new), term.bound), known, sigmoid)
    return term


def _value(
    exp: Fn, mate: Atom, have: Fraction | int, known: tuple[Named, ...], sigmoid: Operation
) -> tuple[Fraction | int, Factor] | None:
    """The exponent that stays at ``mate``, and what the product is; None if they do not go together."""
    if isinstance(mate, Group) and have <= -1:
        inside = exponential_in(mate)
        if inside is not None and inside.key == exp.key:
            return have + 1, (Fn(sigmoid, exp.args), 1)
    if isinstance(mate, Entry) and have >= 1:
        for tensor, indices, inside in known:
            if mate.tensor is not tensor:
                continue
            change: dict[Index, Slot] = dict(zip(indices, mate.slots, strict=True))
            if inside.rename(change).key == exp.key:
                whole = Form((Term(Fraction(1)), *(term.scaled(-1) for term in single(mate).terms)))
                return have - 1, (Group(whole), 1)
    return None


def _replaced(factors: tuple[Factor, ...], exponents: dict[str, Fraction | int]) -> tuple[Factor, ...]:
    changed = ((atom, exponents.get(atom.key, exponent)) for atom, exponent in factors)
    return tuple((atom, exponent) for atom, exponent in changed if exponent != 0)
