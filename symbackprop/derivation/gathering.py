"""Common factors under one sum: sum_n a_n b_n [j = l] - sum_m a_m b_m c_m = sum_n a_n b_n ([j = l] - c_n).

Only for print: the terms of a form that is finished, whose sums run over the same ranges, are put together
where that takes fewer entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from symbackprop.core.tensors import Index
from symbackprop.derivation.rules import leaves
from symbackprop.notation.common import content
from symbackprop.notation.forms import Delta, Factor, Form, Group, Slot, Term
from symbackprop.notation.normal import normal

MOST_BOUND = 3


def gathered(form: Form) -> Form:
    """The form with terms put together under one sum, where that is shorter."""
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
    return found if leaves(found) < leaves(form) else form


def _joined(first: Term, second: Term) -> Term | None:
    """Two terms as one, if their sums run over the same ranges and they share more than numbers."""
    if not first.bound or len(first.bound) != len(second.bound) or len(first.bound) > MOST_BOUND:
        return None
    best: Term | None = None
    most = 1
    for renamed in _renamings(first, second):
        common = [factor for factor in first.factors if _taken(factor, renamed.factors)]
        shared = [f for f in common if set(f[0].free) & set(first.bound)]
        if len(shared) <= most:
            continue
        rest = [_without(term, common) for term in (first, renamed)]
        if not all(_plain(term, first.bound) for term in rest):
            continue
        most = len(shared)
        inner = normal(Form(rest))
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


def _taken(factor: Factor, among: tuple[Factor, ...]) -> bool:
    return any(atom.key == factor[0].key and e == factor[1] for atom, e in among)


def _without(term: Term, common: list[Factor]) -> Term:
    rest = list(term.factors)
    for factor in common:
        at = next(i for i, (atom, e) in enumerate(rest) if atom.key == factor[0].key and e == factor[1])
        del rest[at]
    return Term(term.coefficient, tuple(rest), ())


def _plain(term: Term, bound: tuple[Index, ...]) -> bool:
    """Whether no indicator would have used up one of the sums."""
    return not any(isinstance(a, Delta) and {a.left, a.right} & set(bound) for a, _ in term.factors)
