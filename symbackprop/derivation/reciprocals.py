"""Names of reciprocals, r = 1/s: with p = e r the product e r is the quotient e/s, which has a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.local_forms import Local
from symbackprop.notation.atoms import Entry, Group
from symbackprop.notation.forms import Atom, Factor, Form, Term
from symbackprop.notation.normal import normal


@dataclass(frozen=True, slots=True)
class Reciprocal:
    """``target[indices] = 1/base``."""

    indices: tuple[Index, ...]
    base: Atom


Reciprocals = Mapping[Tensor, Reciprocal]


def reciprocal_of(local: Local) -> Reciprocal | None:
    """What an equation is one over, if it is just that."""
    if len(local.form.terms) != 1:
        return None
    term = local.form.terms[0]
    if term.coefficient != 1 or term.bound or len(term.factors) != 1:
        return None
    ((atom, exponent),) = term.factors
    alone = exponent == -1 and isinstance(atom, Entry | Group) and set(atom.free) == set(local.indices)
    return Reciprocal(local.indices, atom) if alone else None


def as_quotients(form: Form, known: Reciprocals) -> Form:
    """The form with every r as 1/s; the same object if there is none."""
    if form.tensors.isdisjoint(known):
        return form
    terms = ((term, tuple(_as_quotient(factor, known) for factor in term.factors)) for term in form.terms)
    return normal(Form(Term(term.coefficient, factors, term.bound) for term, factors in terms))


def _as_quotient(factor: Factor, known: Reciprocals) -> Factor:
    """A factor r^e as s^-e; any other with what stands in it changed."""
    atom, exponent = factor
    found = known.get(atom.tensor) if isinstance(atom, Entry) else None
    if found is None or not isinstance(atom, Entry):
        return atom.map_parts(lambda part: as_quotients(part, known)), exponent
    base = found.base.rename(dict(zip(found.indices, atom.slots, strict=True)))
    return base, -exponent
