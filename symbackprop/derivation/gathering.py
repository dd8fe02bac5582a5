"""Common factors under one sum: sum_n a_n b_n [j = l] - sum_m a_m b_m c_m = sum_n a_n b_n ([j = l] - c_n).

Only for print: the terms of a form that is finished, whose sums run over the same ranges, are put together
where that takes no more entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from symbackprop.core.tensors import Index
from symbackprop.derivation.lengths import leaves
from symbackprop.notation.atoms import Delta, Group
from symbackprop.notation.collecting import collected
from symbackprop.notation.common import content
from symbackprop.notation.forms import Atom, Exponent, Factor, Form, Term
from symbackprop.notation.normal import expanded, normal
from symbackprop.notation.slots import Slot

MOST_BOUND = 3


def gathered(form: Form) -> Form:
    """The form with terms put together under one sum, where that is no longer."""
    form = collected(form)
    terms = list(form.terms)
    place = 0
    while place < len(terms):
        for other in range(place + 1, len(terms)):
            joined = _joined(terms[place], terms[other])
            if joined is not None:
                terms[place] = joined
                del terms[other]
                break
        else:
            place += 1
    found = Form(terms)
    fewer = len(terms) < len(form.terms)
    return found if fewer and leaves(found) <= leaves(form) else form


def over_one_quotient(form: Form) -> Form:
    """e/G - e^2/G^2 as e/G^2 with G = 1 + e: terms over a common denominator, where that is shorter."""
    terms = list(form.terms)
    place = 0
    while place < len(terms):
        for other in range(place + 1, len(terms)):
            joined = _joined(terms[place], terms[other], below=True)
            if joined is not None and leaves(Form((joined,))) < leaves(Form((terms[place], terms[other]))):
                terms[place] = joined
                del terms[other]
                break
        else:
            place += 1
    return normal(Form(terms)) if len(terms) < len(form.terms) else form


def _joined(first: Term, second: Term, *, below: bool = False) -> Term | None:
    """Two terms as one, if their sums run over the same ranges and they share more than numbers.

    ``below``: over a common denominator, the numerator multiplied out.
    """
    if len(first.bound) != len(second.bound) or len(first.bound) > MOST_BOUND:
        return None
    if not first.bound and not below:
        return None
    best: Term | None = None
    most = 0
    for renamed in _renamings(first, second):
        common = [(a, e) for a, own in first.factors if (e := _shared(a, own, renamed.factors))]
        shared = [f for f in common if below or set(f[0].free) & set(first.bound)]
        if len(shared) <= most or (below and not _differ(first, renamed)):
            continue
        rest = [_without(term, common) for term in (first, renamed)]
        if not all(_plain(term, first.bound) for term in rest):
            continue
        most = len(shared)
        inner = collected(normal(Form(rest)))
        if below:
            inner = normal(expanded(inner))
            if len(inner.terms) == 1 and not inner.terms[0].bound:  # something has cancelled
                alone = inner.terms[0]
                best = Term(alone.coefficient, (*common, *alone.factors), first.bound)
            continue
        size = content(inner)
        group = Group(Form(Term(t.coefficient / size, t.factors, t.bound) for t in inner.terms))
        best = Term(size, (*common, (group, 1)), first.bound)
    return best


def _renamings(first: Term, second: Term) -> Iterator[Term]:
    """``second`` with its bound indices called as those of ``first``, in every way."""
    for order in permutations(first.bound):
        pairs = list(zip(second.bound, order, strict=True))
        if all(old.dim == new.dim for old, new in pairs):
            change: dict[Index, Slot] = dict(pairs)
            factors = tuple((atom.rename(change), e) for atom, e in second.factors)
            yield Term(second.coefficient, factors, first.bound)


def _shared(atom: Atom, exponent: Exponent, among: tuple[Factor, ...]) -> Exponent:
    """The power of a factor that both terms have; 0 if they do not share it."""
    other = next((e for one, e in among if one.key == atom.key), None)
    if other is None:
        return 0
    return min(other, exponent) if (other > 0) == (exponent > 0) else 0


def _differ(first: Term, second: Term) -> bool:
    """Whether a sum stands below both in different powers."""
    powers = {atom.key: e for atom, e in first.factors if e < 0 and isinstance(atom, Group)}
    return any(powers.get(atom.key, e) != e for atom, e in second.factors if e < 0)


def _without(term: Term, common: list[Factor]) -> Term:
    powers = {atom.key: e for atom, e in common}
    rest = [(atom, e - powers.get(atom.key, 0)) for atom, e in term.factors]
    return Term(term.coefficient, tuple((atom, e) for atom, e in rest if e), ())


def _plain(term: Term, bound: tuple[Index, ...]) -> bool:
    """Whether no indicator would have used up one of the sums."""
    return not any(isinstance(a, Delta) and {a.left, a.right} & set(bound) for a, _ in term.factors)
