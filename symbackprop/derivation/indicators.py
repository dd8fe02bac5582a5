"""Kronecker deltas that are known: of equal positions, and of positions that are taken to differ."""

from __future__ import annotations

from symbackprop.notation.atoms import Delta
from symbackprop.notation.forms import Atom, Form, Term
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot


def settled(form: Form, apart: tuple[tuple[Slot, Slot], ...] = ()) -> Form:
    """The form without indicators that are known: of equal positions, and of those that differ."""
    terms: list[Term] = []
    for term in form.terms:
        if not any(_never(atom, apart) for atom, _ in term.factors):
            kept = [(atom, e) for atom, e in term.factors if not _always(atom)]
            factors = tuple((atom.map_parts(lambda part: settled(part, apart)), e) for atom, e in kept)
            terms.append(Term(term.coefficient, factors, term.bound))
    return normal(Form(terms)) if apart else Form(terms)


def _always(atom: Atom) -> bool:
    return isinstance(atom, Delta) and atom.left == atom.right


def _never(atom: Atom, apart: tuple[tuple[Slot, Slot], ...]) -> bool:
    if not isinstance(atom, Delta):
        return False
    if isinstance(atom.left, int) and isinstance(atom.right, int):
        return atom.left != atom.right
    return any({atom.left, atom.right} == {a, b} for a, b in apart)
