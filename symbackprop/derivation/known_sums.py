"""Sums that are known beforehand: rows that sum to 1, centred columns that sum to 0.

A fact is declared by the author or proved from the forward pass (``Workshop``); ``with_known_sums`` uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.lengths import leaves
from symbackprop.notation.atoms import Entry, Group
from symbackprop.notation.forms import Factor, Form, Term, bind
from symbackprop.notation.normal import expanded, normal
from symbackprop.notation.slots import Slot


@dataclass(frozen=True, slots=True)
class KnownSum:
    """The sum over ``axes`` of ``tensor`` is 1, or another number ``value``.

    proved         it follows from the forward pass, and is used without a word.
    by_definition  it is part of what the tensor is (a one-hot row): said, but nothing that is assumed.
    """

    tensor: Tensor
    axes: tuple[int, ...]
    words: str
    proved: bool
    by_definition: bool = False
    value: int = 1


Known = dict[Tensor, list[KnownSum]]


def with_known_sums(form: Form, facts: Iterable[KnownSum]) -> tuple[Form, tuple[KnownSum, ...]]:
    """Use ``sum_k Y[n, k] = 1`` wherever k stands in no other factor; also the facts that were used."""
    known: Known = {}
    for fact in facts:
        known.setdefault(fact.tensor, []).append(fact)
    used: dict[Tensor, KnownSum] = {}
    if not known:
        return form, ()
    terms = [_one_term(term, known, used) for term in form.terms]
    if not used:
        return form, ()
    return normal(Form(terms)), tuple(used.values())


def _is_lone(index: Slot, atom: Entry, term: Term, others: tuple[Factor, ...]) -> bool:
    """Whether an index runs over its whole axis here, and stands nowhere else."""
    axis = next(axis for axis, slot in zip(atom.tensor.index_axes, atom.slots, strict=True) if slot is index)
    return (
        isinstance(index, Index)
        and index in term.bound
        and index.dim == atom.tensor.shape[axis]
        and sum(slot is index for slot in atom.slots) == 1
        and not any(index in a.free for a, _ in others)
    )


def _one_term(term: Term, known: Known, used: dict[Tensor, KnownSum]) -> Term:
    for position, (atom, exponent) in enumerate(term.factors):
        if not isinstance(atom, Entry) or exponent != 1 or atom.tensor not in known:
            continue
        others = term.factors[:position] + term.factors[position + 1 :]
        for fact in known[atom.tensor]:
            indices = [atom.slots[axis] for axis in fact.axes]
            if all(_is_lone(index, atom, term, others) for index in indices):
                used[fact.tensor] = fact
                bound = tuple(i for i in term.bound if not any(i is j for j in indices))
                return _one_term(Term(term.coefficient * fact.value, others, bound), known, used)
    summed = _summed_group(term, known, used)
    if summed is not None:
        return _one_term(summed, known, used)
    factors = tuple(
        (atom.map_parts(lambda part: _inside(part, known, used)), e) for atom, e in term.factors
    )
    if all(a is b for (a, _), (b, _) in zip(factors, term.factors, strict=True)):
        return term
    return Term(term.coefficient, factors, term.bound)


def _summed_group(term: Term, known: Known, used: dict[Tensor, KnownSum]) -> Term | None:
    """sum_k ((1 - e) Y[n, k] + e/K) = 1: a sum over a group alone, if the facts leave no sum of it."""
    for place, (atom, exponent) in enumerate(term.factors):
        if not isinstance(atom, Group) or exponent != 1 or atom.form.tensors.isdisjoint(known):
            continue
        others = term.factors[:place] + term.factors[place + 1 :]
        alone = [i for i in term.bound if i in atom.free and not any(i in a.free for a, _ in others)]
        if not alone:
            continue
        found: dict[Tensor, KnownSum] = {}
        whole = expanded(bind(atom.form, tuple(alone)))
        left = normal(Form(_one_term(part, known, found) for part in whole.terms))
        if found and not any(part.bound for part in left.terms) and leaves(left) < leaves(atom.form):
            used.update(found)
            bound = tuple(i for i in term.bound if i not in alone)
            return Term(term.coefficient, (*others, (Group(left), 1)), bound)
    return None


def _inside(form: Form, known: Known, used: dict[Tensor, KnownSum]) -> Form:
    terms = [_one_term(term, known, used) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))
