"""Forms written out: free indices at whole-number places, sums over number dims term by term.

    written(sum_k W[i,k] x[k], {i: 1}) = W[1,1] x[1] + W[1,2] x[2]

Every dim must be a number. The sum that only picks the class of a label stays: log P[1, y[1]] is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import product as every_choice
from math import prod

from symbackprop.core.dims import Dim
from symbackprop.core.relations import holds
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.array_atoms import Flat, OfMatrix
from symbackprop.notation.atoms import Delta, Entry, Group, Position, Truth
from symbackprop.notation.forms import Atom, Factor, Form, Term, number, times
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot, gap_of

ONE = Fraction(1)
MOST_TERMS = 24  # entries in a form that is written out
MOST_PLACES = 4096  # that are gone through to see how many an indicator leaves
Places = Mapping[Index, Slot]
Indices = tuple[Index, ...]
IsLabel = Callable[[Tensor], bool]


def written(form: Form, places: Places, is_label: IsLabel) -> Form:
    """The form at ``places``, its sums written out unless that would be too long to read."""
    placed = in_place(form, places, is_label)
    if spread(placed) > MOST_TERMS:
        return placed
    return normal(_placed(placed, {}, is_label, expand=True))


def in_place(form: Form, places: Places, is_label: IsLabel) -> Form:
    """The form at ``places``, its sums as they are."""
    return normal(_placed(form, places, is_label, expand=False))


def spread(form: Form) -> int:
    """How many entries stand in the form once its sums are written out."""
    count = 0
    for term in form.terms:
        bound = set(term.bound)
        inside = _places_left(term) if bound else 0
        outside = sum(_weight(atom) for atom, _ in term.factors if bound.isdisjoint(atom.free))
        count += outside + inside * sum(
            _weight(atom) for atom, _ in term.factors if not bound.isdisjoint(atom.free)
        )
    return count


def _places_left(term: Term) -> int:
    """How many places of the bound indices the indicators of the term leave."""
    count = prod(index.dim.constant for index in term.bound)
    known = [
        gap_of(atom.left, atom.right)
        for atom, _ in term.factors
        if isinstance(atom, Delta) and set(atom.free) <= set(term.bound)
    ]
    if not known or count > MOST_PLACES:
        return count
    left = 0
    for values in every_choice(*(range(1, index.dim.constant + 1) for index in term.bound)):
        at = dict(zip(term.bound, values, strict=True))
        gaps = (offset.constant + sum(c * at[index] for index, c in parts) for parts, offset in known)
        left += not any(gaps)
    return left


def _weight(atom: Atom) -> int:
    parts = atom.parts
    return sum(spread(part) for part in parts) if parts else int(isinstance(atom, Entry))


def _placed(form: Form, places: Places, is_label: IsLabel, *, expand: bool) -> Form:
    terms: list[Term] = []
    for term in form.terms:
        kept, opened = _bound(term, is_label, expand=expand)
        held = {*kept, *opened}
        front = tuple(f for f in term.factors if held.isdisjoint(f[0].free))
        if not opened or not front:
            terms.extend(_terms(term, places, kept, opened, is_label, expand=expand))
            continue
        # p sum_k y[k] = p (y[1] + y[2]): what does not depend on k stays in front.
        rest = tuple(f for f in term.factors if not held.isdisjoint(f[0].free))
        inner = normal(Form(_terms(Term(ONE, rest), places, kept, opened, is_label, expand=expand)))
        if not inner.is_zero:
            outer = _terms(Term(term.coefficient, front), places, (), (), is_label, expand=expand)
            terms.extend(times(one, as_group(inner)) for one in outer)
    return Form(terms)


def as_group(form: Form) -> Term:
    """A form as one factor."""
    return form.terms[0] if len(form.terms) == 1 else Term(ONE, ((Group(form), 1),))


def _terms(
    term: Term, places: Places, kept: Indices, opened: Indices, is_label: IsLabel, *, expand: bool
) -> list[Term]:
    """The term at every place of the ``opened`` indices, without those that are 0."""
    found: list[Term] = []
    for values in every_choice(*(range(1, index.dim.constant + 1) for index in opened)):
        there = {**places, **dict(zip(opened, values, strict=True))}
        factors: list[Factor] = [(_atom(a, there, is_label, expand=expand), e) for a, e in term.factors]
        if not any(isinstance(atom, Group) and atom.form.is_zero and e > 0 for atom, e in factors):
            found.append(Term(term.coefficient, tuple(factors), kept))
    return found


def _bound(term: Term, is_label: IsLabel, *, expand: bool) -> tuple[Indices, Indices]:
    """The indices that stay bound, and those whose sums are written out."""
    chosen = {
        slot
        for atom, _ in term.factors
        if isinstance(atom, Entry) and is_label(atom.tensor) and (slot := _class(atom)) in term.bound
        if any(slot in other.free for other, _ in term.factors if other is not atom)
    }
    opened = tuple(index for index in term.bound if expand and index not in chosen)
    return tuple(index for index in term.bound if index not in opened), opened


def _class(atom: Entry) -> Slot | None:
    """The class in an entry of ``onehot(y)``."""
    axis = atom.tensor.feature_axis
    return atom.slots[atom.tensor.index_axes.index(axis)] if axis in atom.tensor.index_axes else None


def _atom(atom: Atom, places: Places, is_label: IsLabel, *, expand: bool) -> Atom:
    if isinstance(atom, Position):
        place = places.get(atom.index, atom.index)
        return Group(number(place)) if isinstance(place, int) else atom.rename(places)
    if isinstance(atom, Entry | Delta | OfMatrix):
        return atom.rename(places)
    if isinstance(atom, Flat):
        return _same_place(atom.rename(places))
    parts = atom.parts
    if not parts:
        return atom
    new = atom.with_parts(tuple(normal(_placed(part, places, is_label, expand=expand)) for part in parts))
    return _settled(new) if isinstance(new, Truth) else new


def _same_place(flat: Atom) -> Atom:
    """Whether two places of reshaped arrays are the same, where both are numbers: 1 or 0."""
    assert isinstance(flat, Flat)
    counts = [_count(side, wide) for side, wide in zip((flat.left, flat.right), flat.wide, strict=True)]
    if None in counts:
        return flat
    return Group(number(1) if counts[0] == counts[1] else Form())


def _count(side: tuple[Slot | None, Slot | None], wide: Dim) -> int | None:
    """The number of a place, row by row from 1; None where it is not known."""
    row, column = (1 if slot is None else slot for slot in side)
    if not isinstance(row, int) or not isinstance(column, int):
        return None
    return (row - 1) * wide.constant + column


def _settled(truth: Truth) -> Atom:
    """A relation between numbers is 1 or 0."""
    left, right = truth.left.constant, truth.right.constant
    if left is None or right is None:
        return truth
    return Group(number(1) if holds(left, truth.op, right) else Form())
