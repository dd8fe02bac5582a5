"""Numbers in a work: judged at the values of the problem, by intervals.

A written decimal stands for every number within one unit of its last digit, so what it makes of a line is
spread out; a claim holds if its sides meet within that. A declared constant (a step of .5) is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.look import Look
from symbackprop.checking.outcome import EntryAgainstArray, Outcome, Setting, unknown
from symbackprop.checking.seer import Seer
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.expr import DimValue, Expr, Hadamard, Leaf, MatMul, Neg, Number, Partial
from symbackprop.core.indexed import Element, IndexValue, Slice
from symbackprop.core.verdicts import Counterexample, Evidence
from symbackprop.core.written import Blocks, Dots, Dummy, Opaque, Rounded, Slope, Stepped
from symbackprop.verification.differences import Oracle
from symbackprop.verification.point import Array, Refusal, ShapeClash

CLOSE = 1e-9
FEW_DIGITS = 1
_LITERALS = (Number, Rounded)
_SYMBOLS = (
    Leaf,
    Partial,
    Jacobian,
    Slope,
    Element,
    Slice,
    Opaque,
    Dummy,
    IndexValue,
    DimValue,
    Dots,
    Stepped,
)


def is_numeric(expr: Expr) -> bool:
    """Whether numbers stand where symbols could: decimals, a matrix of numbers, nothing but numbers."""
    if isinstance(expr, Number):
        return expr.value not in (0, 1)
    if not has_symbols(expr) and any(isinstance(node, Number) for node in expr.walk()):
        return True
    return any(
        isinstance(node, Rounded)
        or (isinstance(node, Grid | Blocks) and all(_is_literal(cell) for cell in node.cells))
        for node in expr.walk()
    )


def has_symbols(expr: Expr) -> bool:
    """Whether anything but numbers stands in it."""
    return any(isinstance(node, _SYMBOLS) for node in expr.walk())


def _is_literal(cell: Expr) -> bool:
    return isinstance(cell, _LITERALS) or (isinstance(cell, Neg) and isinstance(cell.arg, _LITERALS))


@dataclass(slots=True)
class Numeric:
    """The point that the problem gives; ``constants`` are declared numbers, exact where they scale."""

    bench: Bench
    run: Oracle
    constants: frozenset[Fraction] = frozenset()

    def link(self, left: Expr, right: Expr, setting: Setting, relation: str = "=") -> Outcome:
        """Whether the sides meet at the given point."""
        try:
            look = _Interval(self.bench, self.run, left, right, setting, self.bench.declared)
            look.numeric = self
            return look.decided(relation)
        except ShapeClash as clash:
            return Outcome(
                "fails", Evidence("evaluation", 1, (self.run.point.sizes,), None, str(clash)), clash=True
            )
        except EntryAgainstArray as refusal:
            return unknown(str(refusal), lone=True)
        except Refusal as refusal:
            return unknown(str(refusal))

    def inexact(self, expr: Expr) -> Iterator[Rounded]:
        """The decimals that stand for more than one number."""
        yield from self._inexact(expr, scales=False)

    def _inexact(self, expr: Expr, *, scales: bool) -> Iterator[Rounded]:
        if isinstance(expr, Rounded):
            exact = scales and (expr.value in self.constants or expr.digits <= FEW_DIGITS)
            if not exact:
                yield expr
            return
        product = isinstance(expr, MatMul | Hadamard)
        for child in expr.children:
            yield from self._inexact(child, scales=product or (scales and isinstance(expr, Neg)))


class _Interval(Look):
    """A look in which decimals are moved by a unit of their last digit."""

    numeric: Numeric

    def decided(self, relation: str) -> Outcome:
        """The outcome at this one point."""
        base = self._difference({})
        left, right, gap = base
        room = np.zeros_like(gap)
        for literal in (*self.numeric.inexact(self.left), *self.numeric.inexact(self.right)):
            moved = self._difference({id(literal): float(literal.value + literal.ulp)})[2]
            room = room + np.abs(moved - gap)
        scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1.0)
        over = np.abs(gap) - room * (1 + 1e-9) - CLOSE * scale
        sizes = (self.run.point.sizes,)
        if relation in ("<", "<="):
            over = gap - room - CLOSE * scale
        elif relation in (">", ">="):
            over = -gap - room - CLOSE * scale
        if not np.isfinite(over).all():
            raise Refusal("a number of this line is not finite")
        worst = float(np.abs(gap).max() / scale.max())
        if (over <= 0).all():
            return Outcome("holds", Evidence("evaluation", 1, sizes, worst))
        where = tuple(int(at) for at in np.unravel_index(int(np.argmax(over > 0)), over.shape))
        shape = over.shape
        drop = {axis for axis in range(len(shape)) if shape[axis] == 1}
        places = tuple(
            tuple(int(at) + 1 for axis, at in enumerate(place) if axis not in drop)
            for place in np.argwhere(over > 0)
        )
        entry = tuple(at + 1 for axis, at in enumerate(where) if axis not in drop)
        example = Counterexample(sizes[0], 0, entry, float(left[where]), float(right[where]))
        evidence = Evidence("evaluation", 1, sizes, None, "a number differs", example)
        return Outcome("fails", evidence, entries=places)

    def _difference(self, written: Mapping[int, float]) -> tuple[Array, Array, Array]:
        seer = Seer(self.run, self.sight, self.bench.batch, self.setting.named, moved=self.setting.moved)
        seer.written.update(written)
        scope, _ = self.scope_of(seer)
        with np.errstate(all="ignore"):
            left, right = self._matched(seer, scope)
        if seer.unknown:
            raise Refusal(f"{', '.join(seer.unknown)} has no meaning in this problem")
        left, right = np.broadcast_arrays(np.real(left), np.real(right))
        return left, right, np.asarray(left - right)
