"""What cancels under a sum: a matrix against its inverse, a sum against its own reciprocal."""

from __future__ import annotations

from collections.abc import Mapping

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.folding import Definition, Folding
from symbackprop.notation.array_atoms import OfMatrix
from symbackprop.notation.atoms import Delta, Entry, Group, form_of
from symbackprop.notation.forms import Atom, Form, Term
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot


def cancel_inverses(form: Form, folding: Folding) -> Form:
    """sum_p inv(A)[i, p] A[p, j] = [i = j], and with the factors in the other order."""
    known = folding.inverses
    if not known and not any(isinstance(a, OfMatrix) and a.slots for t in form.terms for a, _ in t.factors):
        return form
    terms = [_cancel_inverse(term, known) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))


def _cancel_inverse(term: Term, known: Mapping[Tensor, Definition]) -> Term:
    for index in term.bound:
        here = [(atom, e) for atom, e in term.factors if index in atom.free]
        if len(here) != 2 or any(e != 1 for _, e in here):
            continue
        for (inverse, _), (other, _) in (here, here[::-1]):
            matrix = _inverse_of(inverse, known)
            if matrix is None or other is inverse:
                continue
            slots, row, column, whole = matrix
            for side in (0, 1):
                mine = slots[1 - side]
                if slots[side] is not index or mine is index:
                    continue
                rest = [i for i in other.free if i is not index]
                if len(rest) != 1:
                    continue
                change: dict[Index, Slot] = {row: index, column: rest[0]} if side == 1 else {
                    row: rest[0], column: index
                }
                if form_of(other).key != whole.rename(change).key:
                    continue
                factors = tuple(f for f in term.factors if f not in here)
                bound = tuple(i for i in term.bound if i is not index)
                joined = Term(term.coefficient, (*factors, (Delta(mine, rest[0]), 1)), bound)
                return _cancel_inverse(joined, known)
    return term


def _inverse_of(
    atom: Atom, known: Mapping[Tensor, Definition]
) -> tuple[tuple[Slot, ...], Index, Index, Form] | None:
    """The slots of an entry of an inverse, and the matrix that it inverts."""
    if isinstance(atom, OfMatrix) and atom.op.name == "inv":
        return atom.slots, atom.row, atom.column, atom.form
    if isinstance(atom, Entry) and atom.tensor in known:
        inner = known[atom.tensor].factors[0][0]
        assert isinstance(inner, OfMatrix)
        ordered = inner.slots == known[atom.tensor].indices
        slots = atom.slots if ordered else atom.slots[::-1]
        return slots, inner.row, inner.column, inner.form
    return None


def cancel_sums(form: Form) -> Form:
    """sum_k f(k) / (sum_j f(j)) = 1, where k stands in no other factor."""
    terms = [_cancel_sum(term) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))


def _cancel_sum(term: Term) -> Term:
    for atom, exponent in term.factors:
        if not isinstance(atom, Group) or exponent >= 0 or len(atom.form.terms) != 1:
            continue
        inner = atom.form.terms[0]
        if len(inner.bound) != 1:
            continue
        for index in term.bound:
            here = [(a, e) for a, e in term.factors if index in a.free]
            wanted = {
                (a.rename({inner.bound[0]: index}).key, e)
                for a, e in inner.factors
            }
            if index.dim != inner.bound[0].dim or {(a.key, e) for a, e in here} != wanted:
                continue
            rest = [
                (a, e + 1 if a is atom else e) for a, e in term.factors if index not in a.free
            ]
            kept = tuple((a, e) for a, e in rest if e != 0)
            bound = tuple(i for i in term.bound if i is not index)
            return _cancel_sum(Term(term.coefficient / inner.coefficient, kept, bound))
    return term
