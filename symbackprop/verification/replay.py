"""Verdicts: lines, steps and whole results, replayed by numbers from the forward pass alone.

A ``Verifier`` draws its runs when the first line is checked: one per seed with distinct sizes, one
with all named dims equal (where a missing transpose has the right shape), and one with the sizes
the file fixes, if it does. A line that distinguishes several cases at once (a mask inside a mask)
gets one more run per seed, drawn wider. A line holds if it holds in every run; it fails at the first
run where it does not, with the first entry that differs; whatever could not be computed is
"not-checked".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import ZERO, Call, Expr, Hadamard, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.verdicts import Counterexample, Evidence, Verdict, not_checked
from symbackprop.errors import SymbackpropError
from symbackprop.notation.steps import Step
from symbackprop.verification.differences import TINY, Choice, Oracle
from symbackprop.verification.entries import branches
from symbackprop.verification.equality import MOVED, Comparison, compare
from symbackprop.verification.extents import spelled
from symbackprop.verification.forward import Dependencies
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Expand, KinksOf, Point, Refusal, ShapeClash, TooLarge
from symbackprop.verification.sampling import Sampler
from symbackprop.verification.sizes import room_of

SEEDS = (101, 211, 307)
SPARE = 7919  # added to a seed for the runs that are drawn only when they are needed
NEIGHBOURS = 12  # at most, of a point at which both sides may be rounding errors
COUNTS = (None, 6, 2)  # positions looked at of each free index: all, else a few
SPREAD = 1.7  # of the further runs, so that rare combinations of branches occur
MILD = 0.3  # spread of points at which nothing saturates
FAINT = 1e-14  # of the largest number involved: values of which a sum with it shows few digits
SLIGHT = 1e-4  # a deviation that may be rounding still, where digits were lost on the way

Way = Callable[[Point], Array]
_WAY_ERRORS = (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both values in one run."""

    expected: Array
    got: Array
    dropped: tuple[int, ...] = ()  # axes that carry no index, left out of a printed position
    positions: tuple[Array, ...] = ()  # one-based, of the leading axes; 1, 2, ... on the others

    def place(self, where: tuple[int, ...]) -> tuple[int, ...]:
        """The one-based position of an entry, as it is printed."""
        named = [int(known[at]) for known, at in zip(self.positions, where, strict=False)]
        whole = [*named, *(at + 1 for at in where[len(named) :])]
        return tuple(at for axis, at in enumerate(whole) if axis not in self.dropped)


class _FailureError(Exception):
    """A definite fact, not a number, makes the line wrong."""


def _fits(run: Oracle, room: frozenset[Dim]) -> bool:
    return all(dim.evaluate(run.point.sizes) >= 1 for dim in room)


class Verifier:
    """Judges lines about one graph. Deterministic: the same graph and seeds give the same verdicts."""

    def __init__(
        self,
        graph: Graph,
        *,
        seeds: Sequence[int] = SEEDS,
        expand: Expand | None = None,
        kinks_of: KinksOf | None = None,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.graph = graph
        self._seeds = tuple(seeds)
        self._fixed = dict(sizes) if sizes else None
        self._dependencies = Dependencies(graph)
        self._expand = _remembered(expand) if expand is not None else None
        self._sampler = Sampler(self._dependencies, self._expand, kinks_of)
        self._runs: tuple[Oracle, ...] | None = None
        self._further: tuple[Oracle, ...] | None = None
        self._refused: str | None = None
        self._oracles: dict[int, Oracle] = {}
        self._roomy: dict[frozenset[Dim], tuple[Oracle, ...]] = {}
        self._near: dict[int, list[Oracle]] = {}
        self._verdicts: dict[tuple[Expr, Expr, tuple[Index, ...]], Verdict] = {}

    @property
    def runs(self) -> tuple[Oracle, ...]:
        """The points with their derivatives; Refusal if no point could be drawn."""
        if self._refused is not None:
            raise Refusal(self._refused)
        if self._runs is None:
            try:
                self._runs = self._drawn()
            except Refusal as refusal:
                self._refused = str(refusal)
                raise
        return self._runs

    def runs_with(self, sizes: Mapping[str, int]) -> tuple[Oracle, ...]:
        """Points of which some sizes are fixed; Refusal if none could be drawn."""
        return tuple(self.oracle_of(self._sampler.draw(seed, sizes=sizes)) for seed in self._seeds)

    @property
    def further_runs(self) -> tuple[Oracle, ...]:
        """One more point per seed, drawn wider, for lines that distinguish several cases."""
        if self._further is None:
            points = [self._sampler.draw(seed + SPARE, spread=SPREAD) for seed in self._seeds]
            self._further = tuple(self.oracle_of(point) for point in points)
        return self._further

    def _runs_for(self, room: frozenset[Dim], *, several: bool) -> tuple[Oracle, ...]:
        """The points at which every entry at a fixed place exists."""
        runs = self.runs + (self.further_runs if several else ())
        if all(_fits(run, room) for run in runs):
            return runs
        if room not in self._roomy:
            points: list[Point] = []
            for seed in self._seeds:
                points.append(self._sampler.draw(seed, unlike=[point.sizes for point in points], room=room))
            points.append(self._sampler.draw(self._seeds[0], square=True, room=room))
            self._roomy[room] = tuple(self.oracle_of(point) for point in points)
        return self._roomy[room]

    def _drawn(self) -> tuple[Oracle, ...]:
        points: list[Point] = []
        for seed in self._seeds:
            points.append(self._sampler.draw(seed, unlike=[point.sizes for point in points]))
        if points[0].sizes:
            points.append(self._sampler.draw(self._seeds[0], square=True))
        if self._fixed:
            points.append(self._sampler.draw(self._seeds[0], sizes=self._fixed))
        return tuple(self.oracle_of(point) for point in points)

    def oracle_of(self, point: Point) -> Oracle:
        """The derivatives at a point; those of one point are kept together."""
        found = self._oracles.get(id(point))
        if found is None:
            found = self._oracles[id(point)] = self._oracle(point)
        return found

    def _oracle(self, point: Point, tiny: float = TINY, choice: Choice = "printed") -> Oracle:
        return Oracle(
            self.graph, point, expand=self._expand, dependencies=self._dependencies, tiny=tiny, choice=choice
        )

    def neighbours(self, run: Oracle) -> Iterator[Oracle]:
        """So close that only rounding differs; another step too, for rounding that no input changes."""
        known = self._near.setdefault(id(run), [])
        for salt in range(NEIGHBOURS):
            if salt == len(known):
                point = self._sampler.near(run.point, MOVED, salt)
                known.append(self._oracle(point, TINY * (1 + (salt + 1) / (NEIGHBOURS + np.pi))))
                self._oracles[id(point)] = known[-1]
            yield known[salt]

    def check_equal(self, before: Expr, after: Expr, indices: Sequence[Index] = ()) -> Verdict:
        """``before = after`` for all values of their free indices (``indices`` sets their order).

        Shapes must agree; a literal 0 stands for the zero array of any shape.
        """
        line = (before, after, tuple(indices))
        try:
            found = self._verdicts.get(line)
            if found is None:
                found = self._verdicts[line] = self._check_equal(*line)
        except RecursionError:
            return not_checked("the line is nested too deeply to be evaluated")
        return found

    def _check_equal(self, before: Expr, after: Expr, indices: tuple[Index, ...]) -> Verdict:
        free = tuple(dict.fromkeys((*indices, *free_indices(before), *free_indices(after))))
        has_partial = any(
            isinstance(node, Partial | Jacobian) for side in (before, after) for node in side.walk()
        )

        sides = partial(_line_sides, before=before, after=after, free=free)
        several = branches(before) > 1 or branches(after) > 1
        method = "differences" if has_partial else "evaluation"
        return self._judge(sides, method, several=several, room=room_of(before, after))

    def check_partial(self, of: Tensor, by: Tensor, ways: Mapping[str, Way]) -> Verdict:
        """Every way of computing d of / d by against differences.

        A way takes a point and gives an array of the declared shape of ``by`` (of ``of``, then of
        ``by``, if ``of`` is not a scalar), or of its oriented 2-D shape.
        """
        if not ways:
            return not_checked("there is no result to compare with")
        verdicts = []
        for name, way in ways.items():
            sides = partial(_way_sides, of=of, by=by, name=name, way=way)
            verdict = self._judge(sides, "differences")
            if verdict.status == "fails":
                return verdict
            verdicts.append(verdict)
        unknown = [verdict for verdict in verdicts if verdict.status != "holds"]
        return unknown[0] if unknown else max(verdicts, key=_error_of)

    def check_entries(self, entry: Expr, indices: Sequence[Index], ways: Mapping[str, Way]) -> Verdict:
        """Every way of computing the array of ``entry`` over ``indices`` against its value."""
        verdicts = [
            self._judge(
                partial(_entry_sides, entry=entry, indices=tuple(indices), name=name, way=way),
                "differences",
                room=room_of(entry),
            )
            for name, way in ways.items()
        ]
        bad = [verdict for verdict in verdicts if verdict.status != "holds"]
        return bad[0] if bad else max(verdicts, key=_error_of)

    def check_where(self, condition: Expr, before: Expr, after: Expr) -> Verdict:
        """``before = after`` wherever ``condition``, which is 0 or 1, is 1; both sides are numbers."""
        return self.check_equal(Hadamard((condition, before)), Hadamard((condition, after)))

    def verify_steps(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The same steps, and their substeps, each with its verdict."""
        return tuple(
            replace(
                step,
                verdict=self.check_equal(step.before.expr, step.after.expr),
                substeps=self.verify_steps(step.substeps),
            )
            for step in steps
        )

    def _judge(
        self,
        sides: Callable[[Oracle], _Sides],
        method: str,
        *,
        several: bool = False,
        room: frozenset[Dim] = frozenset(),
    ) -> Verdict:
        """Compare in every run; a failure anywhere outweighs a refusal elsewhere."""
        try:
            runs = self._runs_for(room, several=several)
        except Refusal as refusal:
            return not_checked(str(refusal))
        seen: list[Comparison] = []
        refused: str | None = None
        for run in runs:
            try:
                verdict = self._in_run(run, sides, method, seen)
            except Refusal as refusal:
                refused = refused or str(refusal)
                continue
            if verdict is not None:
                return verdict
        if refused is not None:
            return not_checked(refused)
        if all(comparison.zero for comparison in seen):
            verdict = self._spare_run(sides, method, seen, room)
            if verdict is not None:
                return verdict
        sizes = tuple(run.point.sizes for run in runs)
        worst = max(comparison.error for comparison in seen)
        return Verdict("holds", Evidence(method, len(runs), sizes, worst))

    def _spare_run(
        self,
        sides: Callable[[Oracle], _Sides],
        method: str,
        seen: list[Comparison],
        room: frozenset[Dim],
    ) -> Verdict | None:
        """Both sides were zero everywhere: look once more elsewhere."""
        try:
            run = self.oracle_of(self._sampler.draw(self._seeds[0] + SPARE, room=room))
            return self._in_run(run, sides, method, seen)
        except Refusal:
            return None

    def _in_run(
        self, run: Oracle, sides: Callable[[Oracle], _Sides], method: str, seen: list[Comparison]
    ) -> Verdict | None:
        """The verdict "fails", or None with the comparison added to ``seen``."""
        point = run.point
        try:
            both = _both(run, sides)
        except (ShapeClash, _FailureError) as clash:
            return Verdict("fails", Evidence(method, 1, (point.sizes,), None, str(clash)))
        if not np.isfinite(both.expected).all():
            raise Refusal("the left side is not finite at a point tried")
        if not np.isfinite(both.got).all():
            raise Refusal("the right side is not finite at a point tried")
        comparison = compare(both.expected, both.got, run.largest, lambda: self._gaps(run, sides))
        seen.append(comparison)
        if comparison.entry is None:
            return None
        if run.chosen and self._holds_otherwise(run, sides):
            raise Refusal("the sides differ only where there is a choice of slope, at a kink")
        mild = self._at_mild_points(sides) if self._is_doubtful(comparison, both, run) else None
        if mild is not None:
            seen[-1] = mild
            return None
        where = comparison.entry
        example = Counterexample(
            point.sizes, point.seed, both.place(where), float(both.expected[where]), float(both.got[where])
        )
        reason = "the two sides differ"
        return Verdict("fails", Evidence(method, 1, (point.sizes,), comparison.error, reason, example))

    def _holds_otherwise(self, run: Oracle, sides: Callable[[Oracle], _Sides]) -> bool:
        """Whether a line that fails holds with the slopes to the right, or to the left, of each kink."""
        choices: tuple[Choice, ...] = ("right", "left")
        for choice in choices:
            other = self._oracle(run.point, choice=choice)
            both = _both(other, sides)
            gaps = partial(self._gaps, run, sides)
            if compare(both.expected, both.got, run.largest, gaps).entry is None:
                return True
        return False

    def _is_doubtful(self, comparison: Comparison, both: _Sides, run: Oracle) -> bool:
        """Whether rounding could make the difference: it is slight, or all is faint (a saturated softmax)."""
        return comparison.error <= SLIGHT or self._is_faint(both, run)

    def _is_faint(self, both: _Sides, run: Oracle) -> bool:
        largest = max(float(np.abs(side).max(initial=0.0)) for side in (both.expected, both.got))
        return largest <= FAINT * run.largest

    def _at_mild_points(self, sides: Callable[[Oracle], _Sides]) -> Comparison | None:
        """Points drawn narrowly in the place of one: the worst comparison there if the line holds at all."""
        seen: list[Comparison] = []
        for seed in self._seeds:
            try:
                run = self.oracle_of(self._sampler.draw(seed + 2 * SPARE, spread=MILD))
                both = _both(run, sides)
            except (Refusal, ShapeClash, _FailureError):
                continue
            comparison = compare(both.expected, both.got, run.largest, partial(self._gaps, run, sides))
            if comparison.entry is not None or not np.isfinite(both.got).all():
                return None
            if not comparison.zero and not self._is_faint(both, run):
                seen.append(comparison)
        return max(seen, key=lambda comparison: comparison.error, default=None)

    def _gaps(self, run: Oracle, sides: Callable[[Oracle], _Sides]) -> Iterator[Array]:
        for neighbour in self.neighbours(run):
            both = _both(neighbour, sides)
            yield both.expected - both.got


def _error_of(verdict: Verdict) -> float:
    return verdict.evidence.max_rel_error or 0.0


def _both(run: Oracle, sides: Callable[[Oracle], _Sides]) -> _Sides:
    both = sides(run)
    return _looked_at(both) if run.sampled else both


def _looked_at(both: _Sides) -> _Sides:
    """Only the entries whose derivatives were taken count; the others are made equal."""
    known = ~(np.isnan(both.expected) | np.isnan(both.got))
    if not known.any():
        raise Refusal("too many entries to take all differences")
    return replace(both, expected=np.where(known, both.expected, 0), got=np.where(known, both.got, 0))


def _line_sides(run: Oracle, before: Expr, after: Expr, free: tuple[Index, ...]) -> _Sides:
    """Both sides of a line over all positions of its free indices, or over as many as can be held."""
    for count in COUNTS[:-1]:
        try:
            return _sides_over(run, before, after, free, count)
        except TooLarge:
            continue
    return _sides_over(run, before, after, free, COUNTS[-1])


def _sides_over(run: Oracle, before: Expr, after: Expr, free: tuple[Index, ...], count: int | None) -> _Sides:
    left, right = run.value(before, free, count), run.value(after, free, count)
    if left.shape != right.shape and ZERO not in (before, after):
        raise ShapeClash(f"{spelled(before.shape)} on the left, {spelled(after.shape)} on the right")
    left, right = np.broadcast_arrays(left, right)
    shape = before.shape if before != ZERO else after.shape
    point = run.point
    return _Sides(
        left,
        right,
        tuple(len(free) + side for side in (0, 1) if shape[side].is_one),
        tuple(point.picked(point.extent(index.dim), count) for index in free),
    )


def _entry_sides(run: Oracle, entry: Expr, indices: tuple[Index, ...], name: str, way: Way) -> _Sides:
    """The value of one way beside that of an entry over its indices."""
    expected = run.value(entry, indices)[..., 0, 0]
    got = _way_value(run, name, way)
    if got.shape != expected.shape:
        raise _FailureError(f"{name} gave shape {got.shape}, the array has shape {expected.shape}")
    return _Sides(expected, got)


def _way_value(run: Oracle, name: str, way: Way) -> Array:
    """What a way gives: numbers, or a failure."""
    try:
        with np.errstate(all="ignore"):
            got = np.asarray(way(run.point))
    except (Refusal, SymbackpropError) as error:
        raise Refusal(f"{name}: {error}") from error
    except _WAY_ERRORS as error:
        raise _FailureError(f"{name} raised {type(error).__name__}: {error}") from error
    if got.dtype.kind not in "bif":
        raise _FailureError(f"{name} gave an array of type {got.dtype}, not numbers")
    if not np.isfinite(got).all():
        raise _FailureError(f"{name} gave a value that is not finite")
    return got


def _way_sides(run: Oracle, of: Tensor, by: Tensor, name: str, way: Way) -> _Sides:
    """The value of one way beside the differences, both with the declared axes."""
    expected = run.jacobian(of, by)
    declared = tuple(run.point.extent(dim) for dim in (*of.shape, *by.shape))
    got = _way_value(run, name, way)
    sides = expected.shape[:2] * (expected.shape[:2] != (1, 1)) + expected.shape[2:]
    if got.shape not in (declared, sides, expected.shape):
        raise _FailureError(f"{name} gave shape {got.shape}, the derivative has shape {declared}")
    return _Sides(expected.reshape(declared), got.reshape(declared))


def _remembered(expand: Expand) -> Expand:
    """``expand`` with each distinct call expanded once."""
    known: dict[Call, Expr] = {}

    def once(call: Call) -> Expr:
        found = known.get(call)
        if found is None:
            found = known[call] = expand(call)
        return found

    return once
