"""Forms in print where an entry outside its range counts as 0: sum_r x[r] [r = p - i] is x[p-i].

In forms the range of an index restricts: an indicator that may ask for a place outside stays, and the term
is 0 there. Where the author lets entries outside count as 0 the index is solved for, as on a board:
sum[p, i](dL/dy[p] w[i] ind(p + i = q)) becomes sum[i](dL/dy[q-i] w[i]). What is computed is never this form.
"""

from __future__ import annotations

from collections.abc import Callable

from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.atoms import Delta, Entry, Extreme, Fn, Group, Position
from symbackprop.notation.forms import Atom, Form, Term
from symbackprop.notation.slots import gap_of, position

WORDS = "an entry outside its range counts as 0"


def relaxed(form: Form, first: Callable[[Tensor], bool]) -> Form:
    """The form with indicators used up; of several indices one of a tensor that is ``first`` goes first."""
    terms = [_term(term, first) for term in form.terms]
    changed = any(a is not b for a, b in zip(terms, form.terms, strict=True))
    return Form(terms) if changed else form


def _term(term: Term, first: Callable[[Tensor], bool]) -> Term:
    factors = tuple((_inner(atom, first), e) for atom, e in term.factors)
    if any(a[0] is not b[0] for a, b in zip(factors, term.factors, strict=True)):
        term = Term(term.coefficient, factors, term.bound)
    while True:
        found = _solved(term, first)
        if found is None:
            return term
        term = found


def _inner(atom: Atom, first: Callable[[Tensor], bool]) -> Atom:
    if isinstance(atom, Extreme):  # its indices are bound inside
        return atom
    return atom.map_parts(lambda part: relaxed(part, first))


def _solved(term: Term, first: Callable[[Tensor], bool]) -> Term | None:
    """The term with one indicator used up; None if there is none that can be."""
    for place, (atom, exponent) in enumerate(term.factors):
        if not isinstance(atom, Delta) or exponent != 1:
            continue
        rest = term.factors[:place] + term.factors[place + 1 :]
        parts, offset = gap_of(atom.left, atom.right)
        able = [
            (index, factor)
            for index, factor in parts
            if abs(factor) == 1 and index in term.bound and _vanishes(index, rest)
        ]
        alone = (atom.left, atom.right)  # in [r = i + p] the r is what stands for a place outside
        able.sort(key=lambda pair: (pair[0] not in alone, not _stands_in(pair[0], rest, first)))
        for index, factor in able:
            others = ((other, c * -factor) for other, c in parts if other is not index)
            slot = position(others, offset * -factor)
            bound = tuple(other for other in term.bound if other is not index)
            # Not Term.rename: what the slot holds is meant to stay bound by the term.
            return Term(term.coefficient, tuple((a.rename({index: slot}), e) for a, e in rest), bound)
    return None


def _vanishes(index: Index, factors: tuple[tuple[Atom, object], ...]) -> bool:
    """Whether the product is 0 where the index is outside: an entry of the whole axis is a factor."""
    whole = False
    for atom, exponent in factors:
        if index not in atom.free:
            continue
        if isinstance(atom, Entry) and exponent == 1:
            dims = [atom.tensor.shape[axis] for axis in atom.tensor.index_axes]
            whole = whole or any(
                slot is index and dim == index.dim for slot, dim in zip(atom.slots, dims, strict=True)
            )
        elif not isinstance(atom, Delta | Position | Group | Fn | Entry) or exponent != 1:
            return False
    return whole


def _stands_in(
    index: Index, factors: tuple[tuple[Atom, object], ...], first: Callable[[Tensor], bool]
) -> bool:
    return any(
        isinstance(atom, Entry) and first(atom.tensor) and any(slot is index for slot in atom.slots)
        for atom, _ in factors
    )
