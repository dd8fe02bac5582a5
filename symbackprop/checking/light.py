"""A wrong line as a light: what the derivatives would be if it were true.

A work that states a wrong dL/dZ and goes on rightly from there has made one mistake. ``light_of`` turns
the wrong claim into values for that derivative and for those that reach the loss through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.outcome import Outcome, Setting, unknown
from symbackprop.checking.seer import Seer
from symbackprop.checking.sight import Sight
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Index, Tensor
from symbackprop.verification.differences import Oracle
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Refusal, ShapeClash
from symbackprop.verification.scope import ROOT


@dataclass(slots=True, eq=False)
class Light:
    """``d of / d by`` is what a work says it is: ``wrong``, over ``indices`` (none: the whole array)."""

    of: Tensor
    by: Tensor
    wrong: Expr
    indices: tuple[Index, ...]
    named: Mapping[str, Expr]
    sight: Sight
    _known: dict[int, tuple[Oracle, Array]] = field(default_factory=dict)

    def value(self, bench: Bench, run: Oracle) -> Array:
        """The wrong value, with the four axes of a derivative."""
        found = self._known.get(id(run))
        if found is None:
            found = self._known[id(run)] = (run, self._value(bench, run))
        return found[1]

    def _value(self, bench: Bench, run: Oracle) -> Array:
        shape = (*run.point.oriented(self.of), *run.point.oriented(self.by))
        seer = Seer(run, self.sight, bench.batch, self.named)
        scope = ROOT
        for index in self.indices:
            scope = scope.extended(index, np.arange(1, run.point.extent(index.dim) + 1))
        with np.errstate(all="ignore"):
            value = np.real(seer.value(self.wrong, scope))
        if self.indices:
            value = np.broadcast_to(value, (*scope.sizes, *value.shape[-2:]))
        elif self.sight.layout == "numerator" and shape[:2] == (1, 1) and value.ndim == 2:
            value = value.T  # written across what it is the derivative by
        if int(np.prod(value.shape)) != int(np.prod(shape)):
            raise ShapeClash("the wrong line has another shape")
        return value.reshape(shape)

    def partial(self, bench: Bench, run: Oracle, of: Tensor, by: Tensor) -> Array:
        """The derivatives as they are in this light."""
        true = run.jacobian(of, by)
        if of is not self.of:
            return true
        wrong = self.value(bench, run)
        if by is self.by:
            return wrong
        if by in run.dependencies.ancestors(self.by):
            change = wrong - run.jacobian(self.of, self.by)
            return np.asarray(true + np.einsum("abcd,cdef->abef", change, run.jacobian(self.by, by)))
        return true

    def link(self, bench: Bench, left: Expr, right: Expr, setting: Setting, sight: Sight) -> Outcome:
        """Whether two sides are equal in this light."""
        if not any(isinstance(node, Partial) for side in (left, right) for node in side.walk()):
            return unknown("no derivative stands in this line")
        try:
            return bench.link(left, right, replace(setting, light=self), sight)
        except (Refusal, ValueError):
            return unknown("the earlier line does not say enough")


def light_of(bench: Bench, left: Expr, right: Expr, named: Mapping[str, Expr]) -> Light | None:
    """The light of the wrong claim ``left = right`` if its left side is a derivative; else None."""
    base, indices = left, ()
    if isinstance(left, Element):
        singles = tuple(slot.single for slot in left.slots)
        if None in singles or len(set(singles)) != len(singles):
            return None
        base, indices = left.base, singles  # type: ignore[assignment]
    if not isinstance(base, Partial):
        return None
    if set(free_indices(right)) - set(indices):
        return None
    light = Light(base.of, base.by, right, indices, named, bench.declared)
    try:
        value = light.value(bench, bench.runs[0])
    except (Refusal, ValueError, ArithmeticError, LookupError, TypeError):
        return None
    return light if np.isfinite(value).all() else None
