"""Arrays from the members of families: sum[t](dL/da[t] x[t]^T), a sum over t of matrices at a fixed t."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Comprehension, Range, Reduce
from symbackprop.core.tensors import Index
from symbackprop.derivation.slicing import Slicer
from symbackprop.notation.atoms import Entry
from symbackprop.notation.building import addition, scaled
from symbackprop.notation.common import content, shared_factors, without
from symbackprop.notation.entries import entries_of
from symbackprop.notation.forms import Form, Term, single
from symbackprop.notation.slots import Affine, indices_in

if TYPE_CHECKING:
    from symbackprop.derivation.lines import Lines


def over_members(lines: Lines, form: Form, row: Index | None, column: Index | None) -> Expr | None:
    """The array as a sum over members; None where no family stands in the form, or no such sum."""
    if not any(tensor.over for tensor in form.tensors):
        return None
    summed = [term for term in form.terms if len(_running(term)) == 1]
    others = [term for term in form.terms if term not in summed]
    if any(_running(term) for term in others):
        return None
    parts: list[Expr] = []
    for group in _by_dim(summed):
        part = _summed(lines, group, row, column)
        if part is None:
            return None
        parts.append(part)
    if others:
        found = Slicer(lines, ()).spelled(Form(others), row, column)
        if found is None or isinstance(found, Comprehension):
            return None
        parts.append(found)
    return addition(parts)


def _running(term: Term) -> list[Index]:
    """The bound indices that choose members of families."""
    found: dict[Index, None] = {}
    for atom in Form((term,)).atoms():
        if isinstance(atom, Entry) and atom.tensor.over and atom.slots:
            found.update((index, None) for index in indices_in(atom.slots[0]) if index in term.bound)
    return list(found)


def _by_dim(terms: list[Term]) -> list[list[Term]]:
    """Terms whose sums run over one range, which can be added member by member."""
    groups: list[list[Term]] = []
    for term in terms:
        dim = _running(term)[0].dim
        same = next((group for group in groups if _running(group[0])[0].dim == dim), None)
        if same is None:
            groups.append([term])
        else:
            same.append(term)
    return groups


def _summed(lines: Lines, terms: list[Term], row: Index | None, column: Index | None) -> Expr | None:
    first = _running(terms[0])[0]
    index = Index(first.dim, first.letter)
    inner: list[Term] = []
    for term in terms:
        own = _running(term)[0]
        factors = tuple((atom.rename({own: index}), e) for atom, e in term.factors)
        inner.append(Term(term.coefficient, factors, tuple(i for i in term.bound if i is not own)))
    form = Form(inner)
    front = [(a, e) for a, e in shared_factors(form) if not a.free]
    size = content(form)
    if all(term.coefficient < 0 for term in form.terms):
        size = -size
    rest = Form(without(term, front, size) for term in form.terms)
    body = Slicer(lines, (index,)).spelled(rest, row, column)
    if body is None or isinstance(body, Comprehension):
        return None
    whole = Reduce("sum", (Range(index),), body)
    leaf = lines.shop.leaf
    top = [entries_of(single(atom, e), leaf) for atom, e in front if e > 0]
    below = [entries_of(single(atom, -e), leaf) for atom, e in front if e < 0]
    return scaled(size, top, whole, below)


def is_shifted(form: Form) -> bool:
    """Whether members before or after one stand in the form: h[t-1]."""
    return any(
        isinstance(atom, Entry)
        and atom.tensor.over
        and bool(atom.slots)
        and isinstance(atom.slots[0], Affine)
        for atom in form.atoms()
    )
