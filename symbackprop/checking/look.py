"""Both sides of a claim at one point: their values over all free indices, matched by their shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symbackprop.checking.changes import directions
from symbackprop.checking.joining import extents, is_one
from symbackprop.checking.outcome import EntryAgainstArray, Outcome, OutsideRange, Setting
from symbackprop.checking.ranges import dims_of
from symbackprop.checking.seer import Seer
from symbackprop.checking.sight import Sight
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Number, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index
from symbackprop.core.verdicts import Counterexample, Evidence
from symbackprop.core.written import Blocks, Change, Dummy, Slope
from symbackprop.reading.works.context import UNKNOWN
from symbackprop.verification.differences import Oracle
from symbackprop.verification.equality import compare
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Refusal, ShapeClash
from symbackprop.verification.scope import ROOT, Scope

if TYPE_CHECKING:
    from symbackprop.checking.bench import Bench

DUMMIES = (-1.7, -0.6, -0.25, 0.35, 0.9, 1.6)
FREE_SIZE = 4  # of an index that stands in comparisons only
MOST_ENTRIES = 12  # entries that are named as differing


def method_of(left: Expr, right: Expr) -> str:
    """How the sides are known: derivatives by differences, anything else by evaluation."""
    kinds = (Partial, Jacobian, Slope, Change)
    has = any(isinstance(node, kinds) for side in (left, right) for node in side.walk())
    return "differences" if has else "evaluation"


@dataclass(frozen=True, slots=True)
class Letters:
    """The free indices of a claim with the dims of the places where they stand alone; dummy variables."""

    ranges: Mapping[Index, tuple[Dim, ...]]
    dummies: tuple[str, ...]
    changes: bool = False  # small changes stand in it


def letters_of(left: Expr, right: Expr, condition: Expr | None) -> Letters:
    """What is free in a claim and in its condition."""
    parts = (left, right) if condition is None else (left, right, condition)
    ranges = {index: {index.dim: None} for part in parts for index in free_indices(part)}
    dummies: dict[str, None] = {}
    changes = False
    for part in parts:
        for node in part.walk():
            if isinstance(node, Element) and ranges:
                for dim, slot in zip(dims_of(node), node.slots, strict=False):
                    single = slot.single
                    if single is not None and single in ranges:
                        ranges[single][dim] = None
            elif isinstance(node, Dummy):
                dummies[node.letter] = None
            elif isinstance(node, Change):
                changes = True
    return Letters({index: tuple(dims) for index, dims in ranges.items()}, tuple(sorted(dummies)), changes)


class Look:
    """Both sides at one point."""

    def __init__(
        self, bench: Bench, run: Oracle, left: Expr, right: Expr, setting: Setting, sight: Sight,
        letters: Letters | None = None,
    ) -> None:  # fmt: skip
        self.bench, self.run, self.left, self.right = bench, run, left, right
        self.letters = letters or letters_of(left, right, setting.condition)
        self.setting, self.sight = setting, sight
        self.error = 0.0
        self.bent = False
        self.compared_any = False

    def compared(self) -> Outcome | None:
        """None where the sides agree; what is wrong where they do not."""
        seer = self._seer()
        seer.unknown.clear()
        seer.bent = False
        scope, free = self.scope_of(seer)
        with np.errstate(all="ignore"):
            mask = self.mask_of(seer, scope)
            if not mask.any():
                return None  # the condition is met nowhere here: not even the shapes need to fit
            left, right = self._matched(seer, scope)
        self.bent = seer.bent
        if seer.unknown:
            raise Refusal(f"{', '.join(seer.unknown)} has no meaning in this problem")
        expected, got, mask = np.broadcast_arrays(np.real(left), np.real(right), mask)
        defined = np.isfinite(expected) & mask
        if not defined.any():
            if mask.any():
                raise Refusal("the left side is not defined at any place that was tried")
            return None
        missing = defined & ~np.isfinite(got)
        known = defined & ~missing
        self.compared_any = True
        a, b = np.where(known, expected, 0.0), np.where(known, got, 0.0)
        close = _close(a, b)
        if close is not None:
            self.error = close
            if missing.any():
                raise OutsideRange("an entry on the right lies outside its range at some places")
            return None
        comparison = compare(a, b, self.run.largest, lambda: self._gaps(known))
        self.error = comparison.error
        if comparison.entry is not None:
            if self.run.chosen:
                raise Refusal("the sides differ where there is a choice of slope, at a kink")
            return self._failure(a, b, scope, free, comparison.entry)
        if missing.any():
            raise OutsideRange("an entry on the right lies outside its range at some places")
        return None

    def _seer(self) -> Seer:
        """The evaluator; one of its own for a line about small changes."""
        moved = directions(self.run, (self.left, self.right)) if self.letters.changes else {}
        if not moved:
            return self.bench.seer(self.run, self.sight, self.setting)
        seer = Seer(self.run, self.sight, self.bench.batch, self.setting.named, moved=self.setting.moved)
        seer.changes = seer.plain.changes = moved
        return seer

    def scope_of(self, seer: Seer) -> tuple[Scope, tuple[Index, ...]]:
        """The free indices with their positions: the largest range of the places where each stands alone."""
        point, scope = self.run.point, ROOT
        for index, dims in self.letters.ranges.items():
            if index is self.setting.example:
                scope = scope.extended(index, np.array([seer.example]))
            else:
                most = max(FREE_SIZE if dim == UNKNOWN else point.extent(dim) for dim in dims)
                scope = scope.extended(index, np.arange(1, most + 1))
        for letter in self.letters.dummies:
            known = seer.dummies.get(letter)
            index = known[0] if known else Index(Dim(len(DUMMIES)), letter)
            seer.dummies[letter] = (index, np.array(DUMMIES), 0.0)
            scope = scope.extended(index, np.arange(1, len(DUMMIES) + 1))
        return scope, tuple(self.letters.ranges)

    def _matched(self, seer: Seer, scope: Scope) -> tuple[Array, Array]:
        left, right = seer.kept(self.left, scope), seer.value(self.right, scope)
        if left.shape[-2:] == right.shape[-2:] or _is_zero(self.right) or _is_zero(self.left):
            return left, right
        flat = seer.is_flat(self.left), seer.is_flat(self.right)
        for one, other in ((0, 1), (1, 0)):
            pair = [left, right]
            if flat[one] and 1 in pair[one].shape[-2:]:
                wanted = pair[one].shape[-2:]
                if pair[other].shape[-2] * pair[other].shape[-1] == wanted[0] * wanted[1]:
                    pair[other] = seer.listed(pair[other], across=wanted[0] == 1)
                    return pair[0], pair[1]
        for one, other in ((0, 1), (1, 0)):
            pair, nodes = [left, right], (self.left, self.right)
            wanted = pair[one].shape[-2:]
            count = wanted[0] * wanted[1]
            whole = 1 not in pair[other].shape[-2:] and pair[other].shape[-2] * pair[other].shape[-1] == count
            if 1 in wanted and count > 1 and whole and _is_written_out(nodes[one]):
                pair[other] = seer.listed(pair[other], across=wanted[0] == 1)
                seer.bent = True
                return pair[0], pair[1]
        listed = self._listed(scope, left, right)
        if listed is not None:
            return listed
        number = self.left if is_one(left) else self.right
        if is_one(left) != is_one(right) and _may_be_an_entry(number):
            raise EntryAgainstArray(
                f"a number stands against an array of {extents(right if is_one(left) else left)}"
            )
        raise ShapeClash(f"the left side is {extents(left)}, the right side is {extents(right)}")

    def _listed(self, scope: Scope, left: Array, right: Array) -> tuple[Array, Array] | None:
        """Entries over an index on one side, the same written as a list on the other."""
        if is_one(left) == is_one(right):
            return None
        entry, array, node, other = (
            (left, right, self.left, self.right) if is_one(left) else (right, left, self.right, self.left)
        )
        count = array.shape[-1] * array.shape[-2]
        if 1 not in array.shape[-2:] or not _is_written_out(other) or array.ndim > 2:
            return None
        loose = [index for index in free_indices(node) if index not in free_indices(other)]
        axes = [k for k, (index, at) in enumerate(scope.axes) if index in loose and len(at) == count]
        if len(axes) != 1:
            return None
        shape = [1] * len(scope.axes) + [1, 1]
        shape[axes[0]] = count
        spread = array.reshape(shape)
        return (entry, spread) if is_one(left) else (spread, entry)

    def mask_of(self, seer: Seer, scope: Scope) -> Array:
        if self.setting.condition is None:
            return np.ones((1, 1), dtype=bool)
        return np.asarray(np.real(seer.value(self.setting.condition, scope)) == 1)

    def _gaps(self, known: Array) -> Iterator[Array]:
        for neighbour in self.bench.verifier.neighbours(self.run):
            other = Seer(neighbour, self.sight, self.bench.batch, self.setting.named)
            scope, _ = self.scope_of(other)
            left, right = self._matched(other, scope)
            yield np.broadcast_to(np.where(known, np.real(left) - np.real(right), 0.0), known.shape)

    def _failure(
        self, a: Array, b: Array, scope: Scope, free: tuple[Index, ...], where: tuple[int, ...]
    ) -> Outcome:
        gap, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
        off = gap > np.maximum(1e-6 * size, 1e-10 * size.max())
        places = [tuple(int(at) + 1 for at in place) for place in np.argwhere(off)]
        shape = a.shape
        kept = [axis for axis in range(len(shape)) if axis < len(free) or (axis >= len(shape) - 2)]
        drop = {axis for axis in kept if axis >= len(shape) - 2 and shape[axis] == 1}

        def named(place: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(place[axis] for axis in kept if axis not in drop)

        point = self.run.point
        example = Counterexample(
            point.sizes,
            point.seed,
            named(tuple(at + 1 for at in where)),
            float(a[where]) + 0.0,
            float(b[where]) + 0.0,
        )
        method = method_of(self.left, self.right)
        evidence = Evidence(method, 1, (point.sizes,), None, "the two sides differ", example)
        distinct = tuple(dict.fromkeys(named(place) for place in places[: 4 * MOST_ENTRIES]))
        return Outcome("fails", evidence, entries=distinct[:MOST_ENTRIES])


def _close(a: Array, b: Array) -> float | None:
    """The relative deviation of two arrays that are plainly equal and not all zero; else None."""
    gap, size = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    scale = float(size.max(initial=0.0))
    if scale == 0.0:
        return 0.0
    return None if (gap > np.maximum(1e-6 * size, 1e-10 * scale)).any() else float(gap.max()) / scale


def _may_be_an_entry(node: Expr) -> bool:
    """Whether a number is an entry of something, so that an index may have been left out."""
    return isinstance(node, Number) or any(isinstance(part, Element | IndexValue) for part in node.walk())


def _is_written_out(node: Expr) -> bool:
    """Whether a matrix stands in it entry by entry: then it may list the entries of another array."""
    return any(isinstance(part, Grid | Blocks) for part in node.walk())


def _is_zero(node: Expr) -> bool:
    return isinstance(node, Number) and node.value == 0
