"""A wrong line beside the right value, term by term: which terms it lacks, has too many, or has wrongly.

Terms are compared by their numbers, so that it does not matter how either side is spelled. What is left
when equal terms are struck out is the mistake: a term that was forgotten, one that does not belong, a
sign, a number, or one term that lacks a factor of the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.edits_terms import choices
from symbackprop.checking.look import letters_of
from symbackprop.checking.outcome import Setting
from symbackprop.checking.sight import Sight
from symbackprop.checking.slips import substituted
from symbackprop.checking.term_values import Values, equal, terms_of, values_of
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import UNIT, Add, Divide, Expr, Hadamard, Leaf, MatMul, Partial, Transpose
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array

_NUMBERS = tuple(Fraction(a, b) for a in (1, 2, 3, 4) for b in (1, 2, 3, 4))


@dataclass(frozen=True, slots=True)
class Compared:
    """What a line and the right value differ in.

    lacking  terms of the right value that the line does not have.
    excess   terms of the line that the right value does not have.
    factor   what the one term ``excess`` must be multiplied (or divided) by to be the one term ``lacking``.
    """

    cause: str
    lacking: tuple[Expr, ...] = ()
    excess: tuple[Expr, ...] = ()
    factor: Expr | None = None

    def mended(self, line: Expr) -> Expr | None:
        """The line with what it lacks, where that is a change of whole terms."""
        if self.cause in ("missing-term", "missing-regulariser") and not self.excess:
            terms = line.terms if isinstance(line, Add) else (line,)
            return Add((*terms, *self.lacking))
        if self.lacking and len(self.excess) == 1:
            new = self.lacking[0] if len(self.lacking) == 1 else Add(self.lacking)
            changed = substituted(line, self.excess[0], new)
            return None if changed is line or changed == line else changed
        return None


def compared(
    bench: Bench, words: Vocabulary, left: Expr, right_value: Expr, line: Expr, setting: Setting,
    sight: Sight,
) -> Compared | None:  # fmt: skip
    """How ``line`` differs from ``right_value``, both of ``left``; None where no terms explain it."""
    wanted, written = terms_of(right_value), terms_of(line)
    letters = letters_of(left, Add((*wanted, *written)), setting.condition)
    found = values_of(bench, left, (*wanted, *written), setting, sight, letters)
    if found is None:
        return None
    count = len(wanted)
    lacking, excess = list(range(count)), list(range(count, count + len(written)))
    for own in tuple(excess):
        same = next((one for one in lacking if equal(found.at(one), found.at(own))), None)
        if same is not None:
            lacking.remove(same)
            excess.remove(own)
    # an unlike grouping of equal terms: what is left may still cancel
    if lacking and excess and equal(_sum(found, lacking), _sum(found, excess)):
        return None
    if not excess and len(lacking) < count:
        terms = _picked(found, lacking)
        return Compared(_lacking_cause(terms, words, left), terms)
    if not lacking:
        return Compared("extra-term", (), _picked(found, excess))
    some = _subset(found, lacking, excess) if len(wanted) > 1 else None
    if some is not None:
        terms = _picked(found, some)
        return Compared(_lacking_cause(terms, words, left), terms)
    return _one_factor(words, left, found, lacking, excess, lambda one: values_of(
        bench, left, (one,), setting, sight, letters))  # fmt: skip


def _picked(found: Values, places: Sequence[int]) -> tuple[Expr, ...]:
    return tuple(found.formulas[place] for place in places)


def _sum(found: Values, places: Sequence[int]) -> list[Array]:
    return [np.asarray(point[list(places)].sum(axis=0)) for point in found.points]


def _subset(found: Values, lacking: Sequence[int], excess: Sequence[int]) -> list[int] | None:
    """The terms of ``lacking`` that ``excess`` together does not have; None if that explains nothing."""
    whole = _sum(found, excess)
    for count in range(len(lacking) - 1, 0, -1):
        for some in combinations(lacking, count):
            if equal(_sum(found, some), whole):
                return [place for place in lacking if place not in some]
    return None


def _lacking_cause(terms: Sequence[Expr], words: Vocabulary, left: Expr) -> str:
    base = left.base if isinstance(left, Element) else left
    if not isinstance(base, Partial):
        return "missing-term"
    return "missing-regulariser" if all(words.is_penalty(term) for term in terms) else "missing-term"


# -- one factor between what is written and what is right


def _one_factor(
    words: Vocabulary, left: Expr, found: Values, lacking: Sequence[int], excess: Sequence[int],
    valued: Callable[[Expr], Values | None],
) -> Compared | None:  # fmt: skip
    right, own = _sum(found, lacking), _sum(found, excess)
    terms = _picked(found, lacking), _picked(found, excess)
    if equal(right, [-one for one in own]):
        return Compared("sign", *terms)
    for number in _NUMBERS:
        for sign in (1, -1):
            if equal(right, [float(number) * sign * one for one in own]):
                return Compared("factor", *terms)
    scalars = [(scale, cause) for scale, cause in words.numbers if shape_of(scale) is not None]
    arrays = [(one, "missing-factor") for one in _arrays(words, left)]
    masks = [(one, "missing-activation-derivative") for one in _masks(words, left)]
    candidates = dict([*scalars, *masks, *arrays])
    for one, cause in candidates.items():
        values = valued(one)
        if values is None or any(not np.isfinite(array).all() for array in values.at(0)):
            continue
        for inverse in (False, True):
            scaled = [
                b * a[0] if not inverse else np.divide(b, a[0], out=np.full_like(b, np.nan), where=a[0] != 0)
                for a, b in zip(values.points, own, strict=True)
            ]
            if equal(right, scaled):
                own_factor = _holds(terms[1], one, below=not inverse)
                if cause == "mean":
                    return Compared(cause, *terms, one)
                factor = Divide(UNIT, one) if inverse != own_factor else one
                return Compared("extra-factor" if own_factor else cause, *terms, factor)
            if equal(right, [-array for array in scaled]):
                return Compared("sign", *terms, one)
    return None


def _holds(terms: Sequence[Expr], factor: Expr, *, below: bool) -> bool:
    """Whether a factor stands in the terms: in a divisor, or anywhere else."""
    divisors = [node.den for term in terms for node in term.walk() if isinstance(node, Divide)]
    if below:
        return any(factor == part for divisor in divisors for part in divisor.walk())
    products = [n for term in terms for n in term.walk() if isinstance(n, MatMul | Hadamard)]
    return any(factor in product.factors for product in products)


def _arrays(words: Vocabulary, left: Expr) -> Iterator[Expr]:
    """Arrays and derivatives that may multiply the left side entry by entry."""
    free = free_indices(left)
    losses = words.losses[:1]
    for tensor in words.arrays:
        if tensor.is_label:
            continue
        bases: list[Expr] = [Leaf(tensor), *(Partial(loss, tensor) for loss in losses if loss is not tensor)]
        for base in bases:
            yield from _fitting(base, left, free)


def _fitting(base: Expr, left: Expr, free: Sequence[Index]) -> Iterator[Expr]:
    tensor = base.tensor if isinstance(base, Leaf) else base.by if isinstance(base, Partial) else None
    assert tensor is not None
    if free and not tensor.is_scalar:
        yield from (Element(base, slots) for slots in choices(tensor, free))
        return
    shape, wanted = shape_of(base), shape_of(left)
    if shape is None or wanted is None:
        return
    for one, extents in ((base, shape), (Transpose(base), shape[::-1])):
        if all(own.is_one or own == other for own, other in zip(extents, wanted, strict=True)):
            yield one


def _masks(words: Vocabulary, left: Expr) -> Iterator[Expr]:
    free = free_indices(left)
    for activation in words.activations:
        if free:
            yield from activation.masks_at(free)
        elif not free_indices(activation.arg) and shape_of(activation.arg) == (shape_of(left) or ()):
            yield activation.mask
