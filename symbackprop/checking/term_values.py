"""The terms of a sum, also of one inside a product, with their values at the points of a problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.look import Letters, Look, letters_of
from symbackprop.checking.outcome import Setting
from symbackprop.checking.sight import Sight
from symbackprop.core.expr import SCALAR, Add, Divide, Expr, Hadamard, MatMul, Neg, Transpose
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Reduce
from symbackprop.core.written import shape_of
from symbackprop.verification.point import Array, Refusal

MOST_TERMS = 10
POINTS = 2  # at which values are compared
_ERRORS = (Refusal, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError)


def terms_of(expr: Expr) -> list[Expr]:
    """The terms whose sum a formula is; a bracket is multiplied out as long as there are not too many."""
    found = list(_terms(expr))
    return found if len(found) <= MOST_TERMS else [expr]


def _terms(expr: Expr) -> Iterator[Expr]:
    match expr:
        case Add(parts):
            for part in parts:
                yield from _terms(part)
        case Neg(arg):
            yield from (_negated(term) for term in _terms(arg))
        case Transpose(arg):
            yield from (Transpose(term) for term in _terms(arg))
        case MatMul(factors) | Hadamard(factors):
            sums = [at for at, factor in enumerate(factors) if len(terms_of(factor)) > 1]
            if not sums:
                yield expr
                return
            for term in terms_of(factors[sums[0]]):
                negative = isinstance(term, Neg)
                inner = term.arg if isinstance(term, Neg) else term
                part = replace(expr, factors=(*factors[: sums[0]], inner, *factors[sums[0] + 1 :]))
                yield from (_negated(one) if negative else one for one in _terms(part))
        case Divide(num, den):
            yield from (_negated(Divide(t.arg, den)) if isinstance(t, Neg) else Divide(t, den)
                        for t in _terms(num))  # fmt: skip
        case Element(base, slots):
            yield from (_entry(term, slots) for term in _terms(base))
        case Reduce("sum", ranges, body):
            yield from (Reduce("sum", ranges, term) for term in _terms(body))
        case Comprehension(row, column, body):
            yield from (Comprehension(row, column, term) for term in _terms(body))
        case _:
            yield expr


def _entry(term: Expr, slots: tuple[IndexValue, ...]) -> Expr:
    """An entry of a term; a number that was added to all entries is itself."""
    return term if shape_of(term) == SCALAR else Element(term, slots)


def _negated(term: Expr) -> Expr:
    return term.arg if isinstance(term, Neg) else Neg(term)


@dataclass(frozen=True, slots=True)
class Values:
    """What several formulas are worth at some points, entry by entry: one row for each, one array a point."""

    formulas: tuple[Expr, ...]
    points: tuple[Array, ...]

    def at(self, number: int) -> list[Array]:
        """The values of one formula at the points."""
        return [point[number] for point in self.points]


def values_of(
    bench: Bench, left: Expr, formulas: Sequence[Expr], setting: Setting, sight: Sight,
    letters: Letters | None = None,
) -> Values | None:  # fmt: skip
    """The values of formulas where ``left`` is defined and the condition holds; None if one has none.

    ``letters`` are those that are free in all formulas that will be compared, so that places agree.
    """
    rows: list[Array] = []
    letters = letters or letters_of(left, Add((left, *formulas)), setting.condition)
    try:
        for run in bench.runs[:POINTS]:
            look = Look(bench, run, left, left, setting, sight, letters)
            seer = bench.seer(run, sight, setting)
            seer.unknown.clear()
            scope, _ = look.scope_of(seer)
            with np.errstate(all="ignore"):
                mask = look.mask_of(seer, scope)
                arrays = [np.real(seer.value(one, scope)) for one in (left, *formulas)]
            if seer.unknown:
                return None
            shape = np.broadcast_shapes(mask.shape, *(array.shape for array in arrays))
            if shape[-2:] != arrays[0].shape[-2:]:
                return None
            shape = np.broadcast_shapes(shape, (*scope.sizes, 1, 1))
            known = np.broadcast_to(mask, shape) & np.isfinite(np.broadcast_to(arrays[0], shape))
            table = np.stack([np.broadcast_to(array, shape)[known] for array in arrays[1:]])
            if not table.size:
                return None
            rows.append(table)
    except _ERRORS:
        return None
    return Values(tuple(formulas), tuple(rows))


def equal(one: Sequence[Array], other: Sequence[Array]) -> bool:
    """Whether two formulas have the same value at every point."""
    return all(_equal(a, b) for a, b in zip(one, other, strict=True))


def _equal(a: Array, b: Array) -> bool:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()), 1e-300)
    return bool(np.abs(a - b).max() <= 1e-7 * scale)
