"""Names that the author gave to sums of products, folded back: sum_m A_nm V_me is O_ne.

Such a definition is one term with bound indices. It is found in a term whose factors have all of its own,
with its bound indices at bound indices that stand in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.array_atoms import Flat
from symbackprop.notation.atoms import Delta, Entry
from symbackprop.notation.forms import Atom, Exponent, Factor, Form, Term

Names = dict[Index, Index]
LARGEST = 6  # factors of a definition that is looked for


@dataclass(frozen=True, slots=True)
class Contraction:
    """``target[indices] = sum over bound of the product of factors``."""

    target: Tensor
    indices: tuple[Index, ...]
    bound: tuple[Index, ...]
    factors: tuple[Factor, ...]
    tensors: frozenset[Tensor]

    @property
    def is_number(self) -> bool:
        """Whether what is named is a scalar."""
        return not self.indices


def contraction_of(target: Tensor, indices: tuple[Index, ...], form: Form) -> Contraction | None:
    """The definition that ``form`` makes foldable."""
    if len(form.terms) != 1:
        return None
    term = form.terms[0]
    plain = not any(isinstance(atom, Delta | Flat) for atom, _ in term.factors)
    if term.coefficient != 1 or not term.bound or not plain or set(term.free) != set(indices):
        return None
    if not 1 < len(term.factors) <= LARGEST:
        return None
    summed = set(term.bound)
    if any(atom.free and not summed & set(atom.free) for atom, _ in term.factors):
        return None  # gate * (V x) is no sum of products that anyone looks for
    return Contraction(target, indices, term.bound, term.factors, form.tensors)


def fold_contraction(term: Term, definition: Contraction) -> Term | None:
    """The term with the name in the place of its sum; None if the sum does not stand in it."""
    if not term.bound or not definition.tensors <= Form((term,)).tensors:
        return None
    for names in _matches(definition.factors, term, {}):
        rest = _without(term, definition, names)
        if rest is not None:
            return rest
    return None


def _matches(wanted: tuple[Factor, ...], term: Term, names: Names) -> Iterator[Names]:
    """Every way of calling the indices of the definition by those of the term."""
    if not wanted:
        yield names
        return
    (pattern, exponent), *others = wanted
    for atom, have in term.factors:
        enough = (have >= exponent) if exponent > 0 else (have <= exponent)
        if not enough or type(atom) is not type(pattern):
            continue
        for more in _aligned(pattern, atom, names):
            yield from _matches(tuple(others), term, more)


def _aligned(pattern: Atom, atom: Atom, names: Names) -> Iterator[Names]:
    """Every way in which ``atom`` is ``pattern`` that agrees with ``names``."""
    own, theirs = pattern.free, atom.free
    if len(own) != len(theirs):
        return
    if isinstance(pattern, Entry) and isinstance(atom, Entry) and pattern.tensor is not atom.tensor:
        return
    for chosen in permutations(theirs):
        more = {**names}
        fits = all(
            a.dim == b.dim and more.setdefault(a, b) is b for a, b in zip(own, chosen, strict=True)
        )
        if fits and pattern.rename(dict(zip(own, chosen, strict=True))).key == atom.key:
            yield more


def _without(term: Term, definition: Contraction, names: Names) -> Term | None:
    """The term with the factors of the definition taken out and its name put in."""
    summed = [names[index] for index in definition.bound]
    if len(set(summed)) < len(summed) or not set(summed) <= set(term.bound):
        return None
    taken: dict[str, Exponent] = {}
    for pattern, exponent in definition.factors:
        key = pattern.rename(dict(names)).key
        taken[key] = taken.get(key, 0) + exponent
    rest: list[Factor] = []
    for atom, exponent in term.factors:
        part = taken.pop(atom.key, 0)
        left = Fraction(exponent) - part
        if part and (left < 0) == (part > 0) and left != 0:
            return None
        if left:
            rest.append((atom, int(left) if left.denominator == 1 else left))
    if taken or any(index in atom.free for atom, _ in rest for index in summed):
        return None
    entry = Entry(definition.target, tuple(names[index] for index in definition.indices))
    if any(index in entry.free for index in summed):
        return None
    bound = tuple(index for index in term.bound if index not in summed)
    return Term(term.coefficient, ((entry, 1), *rest), bound)
