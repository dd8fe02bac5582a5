"""Labels in index forms: the 0/1 tensor ``onehot(y)``, and choices taken out of functions.

``P[n, y[n]]`` is the sum over k of [y_n = k] P[n, k]. A function of it is the choice among the
functions: f(x[y_n]) = sum_k [y_n = k] f(x[k]), since just one term is there. So a log meets one entry,
never a sum, and everything after is the calculus as ever.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.tensors import Facts, Index, Role, Tensor
from symbackprop.notation.atoms import Entry, Fn, Group, Truth
from symbackprop.notation.forms import Atom, Exponent, Form, Term, opened, single, within
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot, fresh


def onehot_tensor(labels: Tensor) -> Tensor:
    """The tensor of 0 and 1 of these labels: m x K under row, K x m under the column conventions."""
    classes = labels.facts.classes
    assert classes is not None
    rows = labels.convention.vectors_are_rows
    shape = (*labels.shape, classes) if rows else (classes, *labels.shape)
    facts = Facts(one_hot=True)
    return Tensor(f"onehot({labels.name})", shape, labels.convention, Role.TARGET, facts=facts)


def choice(onehot: Tensor, labels: Tensor, of: Slot | None, place: Slot) -> Entry:
    """Whether label number ``of`` (None: the only one) is the class ``place``."""
    by_axis: dict[int, Slot] = {onehot.feature_axis or 0: place}
    if labels.shape and of is not None:
        by_axis[1 - (onehot.feature_axis or 0)] = of
    return Entry(onehot, tuple(by_axis[axis] for axis in onehot.index_axes))


def class_slot(entry: Entry) -> Slot:
    """The slot of the class in an entry of a one-hot tensor."""
    axis = entry.tensor.feature_axis or 0
    return entry.slots[entry.tensor.index_axes.index(axis)]


def hoisted(form: Form, onehots: frozenset[Tensor]) -> Form:
    """The form with every choice outside the functions, powers and comparisons of what it chooses."""
    if onehots.isdisjoint(form.tensors):
        return form
    terms: list[Term] = []
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            piece = _factor(atom, exponent, onehots)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(_joined(one, onehots) for one in result.terms)
    return normal(Form(terms))


def _joined(term: Term, onehots: frozenset[Tensor]) -> Term:
    """[y_n = k] [y_n = l] f(k) g(l), summed over k and l, is [y_n = k] f(k) g(k): a label has one class."""
    entries = (atom for atom, exponent in term.factors if exponent == 1 and isinstance(atom, Entry))
    chosen = [entry for entry in entries if entry.tensor in onehots]
    for place, first in enumerate(chosen):
        for second in chosen[place + 1 :]:
            own, other = class_slot(first), _same_label(second, first)
            if other is None or other is own or other not in term.bound:
                continue
            factors = tuple(factor for factor in term.factors if factor[0] is not second)
            bound = tuple(index for index in term.bound if index is not other)
            free = Term(term.coefficient, factors, ()).rename({other: own})
            return _joined(Term(term.coefficient, free.factors, bound), onehots)
    return term


def _factor(given: Atom, exponent: Exponent, onehots: frozenset[Tensor]) -> Form:
    atom = given.map_parts(lambda part: hoisted(part, onehots))
    linear = isinstance(atom, Group) and exponent == 1
    if linear or not isinstance(atom, (Fn, Group, Truth)):
        return single(atom, exponent)
    found = _first_choice(atom, onehots)
    if found is None or _compares(atom, onehots):
        return single(atom, exponent)
    index = fresh(found[1])
    parts = tuple(_chosen(part, found[0], index) for part in atom.parts)
    inner = _factor(atom.with_parts(parts), exponent, onehots)
    outer = Term(Fraction(1), ((found[0].rename({found[1]: index}), 1),), (index,))
    return Form(within(outer, term) for term in inner.terms)


def _compares(atom: Atom, onehots: frozenset[Tensor]) -> bool:
    """Whether what is chosen meets what runs over an index of its own: max(0, s[j] - s[y] + 1).

    The choice stays inside then: s[y] is one number, beside which stands every s[j].
    """
    terms = [term for part in atom.parts for term in part.terms]
    choosing = [
        [other for other, _ in term.factors if isinstance(other, Entry) and other.tensor in onehots]
        for term in terms
    ]
    places = {i for found in choosing for entry in found for i in entry.free if i is not class_slot(entry)}
    return any(not found and set(term.free) - places for term, found in zip(terms, choosing, strict=True))


def _first_choice(atom: Atom, onehots: frozenset[Tensor]) -> tuple[Entry, Index] | None:
    """A choice [y_n = k] summed over k in a part of ``atom``, with n free there; and that k."""
    for part in atom.parts:
        for term in part.terms:
            for factor, exponent in term.factors:
                if isinstance(factor, Entry) and factor.tensor in onehots and exponent == 1:
                    index = class_slot(factor)
                    others = [slot for slot in factor.slots if slot is not index]
                    bound = isinstance(index, Index) and index in term.bound
                    if bound and not any(slot in term.bound for slot in others):
                        assert isinstance(index, Index)
                        return factor, index
    return None


def _chosen(part: Form, wanted: Entry, index: Index) -> Form:
    """``part`` for the class ``index`` of the label that ``wanted`` looks at."""
    terms: list[Term] = []
    for given in part.terms:
        term = opened(given)
        for position, (factor, exponent) in enumerate(term.factors):
            own = _same_label(factor, wanted) if exponent == 1 else None
            if own is not None and own in term.bound:
                rest = term.factors[:position] + term.factors[position + 1 :]
                bound = tuple(i for i in term.bound if i is not own)
                term = Term(term.coefficient, rest, bound).rename({own: index})
                break
        terms.append(term)
    return normal(Form(terms))


def _same_label(factor: Atom, wanted: Entry) -> Index | None:
    """The index of the class, if ``factor`` looks at the same label."""
    if not isinstance(factor, Entry) or factor.tensor is not wanted.tensor:
        return None
    own, other = class_slot(factor), class_slot(wanted)
    mine = [slot for slot in factor.slots if slot is not own]
    theirs = [slot for slot in wanted.slots if slot is not other]
    return own if mine == theirs and isinstance(own, Index) else None

