"""Derivatives of the forward pass by differences: what every printed line is measured against.

``Oracle.jacobian(of, by)`` overrides ``by`` (an intermediate is cut: only what follows it is
recomputed) and returns d of / d by. A complex step of 1e-30 has no cancellation and is exact to
rounding wherever the forward functions are analytic around the point; one central difference in
a random direction confirms each. Where the two disagree, extrapolated central differences in two
step sizes take over, and have to agree with each other. Where an intermediate that is cut lies at
a kink (the output of a relu that is off, under abs), the complex step makes the choice that is
printed (see ``slopes``), and ``chosen`` says that there was one; an oracle may be asked for the
slopes to the right or to the left instead.

Of a ``by`` with very many entries a random few are perturbed and the others are NaN: ``sampled``
then says that a NaN may mean "not looked at".

Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
40 (1998), equation (1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from symbackprop.core.expr import Expr
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index, Tensor
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.forward import Dependencies
from symbackprop.verification.point import Array, Expand, Point, Refusal
from symbackprop.verification.second import second

TINY = 1e-30
STEPS = (1e-4, 1e-6)
BUDGET = 2_000_000  # numbers in one stack of perturbed arrays
WHOLE = 100_000_000  # numbers handled for one Jacobian up to which every entry of ``by`` is perturbed
ROUNDING = 1e-15  # of a number
NEARBY = 16  # points at which rounding is measured
PICKS = 6  # rows, and columns, of which entries are perturbed beyond that
LARGEST = 4_000_000  # entries of a Jacobian that is still built

Choice = Literal["printed", "right", "left"]


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """Values one and two steps to both sides of ``here``: a row per direction."""

    values: Array  # at h, -h, 2h, -2h
    here: Array
    step: float

    @property
    def slope(self) -> Array:
        """(4 D(h) - D(2h)) / 3 for central D."""
        return np.asarray((4 * self._narrow - self._wide) / 3)

    @property
    def apart(self) -> Array:
        """How far D(h) and D(2h) lie apart."""
        return np.asarray(np.abs(self._narrow - self._wide))

    @property
    def right(self) -> Array:
        """The slope to the right, extrapolated."""
        return np.asarray((4 * self.values[0] - self.values[2] - 3 * self.here) / (2 * self.step))

    @property
    def left(self) -> Array:
        """The slope to the left, extrapolated."""
        return np.asarray((3 * self.here - 4 * self.values[1] + self.values[3]) / (2 * self.step))

    @property
    def _narrow(self) -> Array:
        return np.asarray((self.values[0] - self.values[1]) / (2 * self.step))

    @property
    def _wide(self) -> Array:
        return np.asarray((self.values[2] - self.values[3]) / (4 * self.step))


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """Moves of one entry each, made when they are sliced: together they would fill the memory."""

    picks: Array
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.picks)

    def __getitem__(self, part: slice) -> Array:
        picks = self.picks[part]
        units = np.zeros((len(picks), *self.shape))
        units.reshape(len(picks), -1)[np.arange(len(picks)), picks] = 1.0
        return units


class Oracle:
    """Derivatives at one point; each pair is computed once."""

    def __init__(
        self,
        graph: Graph,
        point: Point,
        *,
        expand: Expand | None = None,
        dependencies: Dependencies | None = None,
        tiny: float = TINY,
        choice: Choice = "printed",
    ) -> None:
        self.tiny = tiny
        self.choice = choice
        self.chosen = False
        self.point = point
        self.dependencies = dependencies or Dependencies(graph)
        self.expand = expand
        self.evaluator = Evaluator(point, expand=expand, partials=self.jacobian)
        self.sampled = False
        self._known: dict[tuple[Tensor, Tensor], Array] = {}
        self._largest, self._counted = 1.0, 0
        self._values: dict[tuple[Expr, tuple[Index, ...], int | None], Array] = {}

    @property
    def largest(self) -> float:
        """The largest number at hand: a value of the forward pass, or a derivative asked for so far."""
        arrays = [*self.point.values.values(), *self._known.values()]
        for array in arrays[self._counted :]:  # what is known only grows
            self._largest = max(self._largest, float(np.nanmax(np.abs(array), initial=1.0)))
        self._counted = len(arrays)
        return self._largest

    def value(self, node: Expr, indices: tuple[Index, ...] = (), count: int | None = None) -> Array:
        """``node`` over its free ``indices``, with derivatives for its partials: (..., rows, columns)."""
        found = self._values.get((node, indices, count))
        if found is None:
            with np.errstate(all="ignore"):
                found = np.real(self.evaluator.over(node, indices, count))
            self._values[(node, indices, count)] = found
        return found

    def partial(self, of: Tensor, by: Tensor) -> Array:
        """d of / d by of a scalar ``of``: a 2-D array shaped like ``by``."""
        found = self.jacobian(of, by)
        if found.shape[:2] != (1, 1):
            raise Refusal(f"{of.name} is not a scalar")
        return np.asarray(found[0, 0])

    def jacobian(self, of: Tensor, by: Tensor) -> Array:
        """d of / d by: axes (rows of ``of``, columns of ``of``, rows of ``by``, columns of ``by``)."""
        found = self._known.get((of, by))
        if found is None:
            with np.errstate(all="ignore"):
                found = self._known[(of, by)] = self._jacobian(of, by)
        return found

    def _jacobian(self, of: Tensor, by: Tensor) -> Array:
        if of.gradient is not None:
            return second(self, of, by)
        base = self.point.values.get(by)
        if base is None or of not in self.point.values:
            raise Refusal(f"{(by if base is None else of).name} has no value in the forward pass")
        shape = self.point.values[of].shape + base.shape
        if of is by and by not in self.point.loops:
            return np.eye(base.size).reshape(shape)
        if not self.dependencies.between(of, by):
            return np.zeros(shape)
        if int(np.prod(shape)) > LARGEST:
            raise Refusal(f"d{of.name}/d{by.name} has too many entries for differences")
        picks = self._picked(of, by)
        stepped = np.imag(self._stacked(of, by, _Units(picks, base.shape), 1j * self.tiny)) / self.tiny
        columns = stepped.reshape(len(picks), -1).T
        if not (np.isfinite(columns).all() and self._confirmed(of, by, columns, picks)):
            columns = self._central(of, by, columns, picks)
        if len(picks) == base.size:
            return np.asarray(columns.reshape(shape))
        self.sampled = True
        found = np.full((columns.shape[0], base.size), np.nan)
        found[:, picks] = columns
        return found.reshape(shape)

    def _picked(self, of: Tensor, by: Tensor) -> Array:
        """All entries, or where that is too much work those of a few rows and columns."""
        values = self.point.values
        rows, columns = values[by].shape
        handled = {by}
        for equation in self.dependencies.between(of, by):
            handled |= {equation.target, *self.dependencies.inputs(equation)}
        work = rows * columns * sum(values[tensor].size for tensor in handled if tensor in values)
        count = None if work <= WHOLE else PICKS
        row, column = self.point.picked(rows, count), self.point.picked(columns, count)
        return np.asarray((row[:, None] - 1) * columns + column - 1).ravel()

    def _stacked(self, of: Tensor, by: Tensor, moves: Array | _Units, step: complex) -> Array:
        """The values of ``of`` where ``by`` is moved by ``step`` times each move, in chunks."""
        base = self.point.values[by]
        equations = self.dependencies.between(of, by)
        widest = max(self.point.values[e.target].size for e in equations)
        chunk = max(1, BUDGET // max(widest, base.size))
        parts = []
        for start in range(0, len(moves), chunk):
            part = base + step * moves[start : start + chunk]
            looped = by in self.point.loops  # a member moves those after it: moved as it is computed
            overrides = {} if looped else {by: part}
            evaluator = Evaluator(
                self.point, expand=self.expand, overrides=overrides,
                injected={by: part - base} if looped else None,
            )  # fmt: skip
            for equation in equations:
                overrides[equation.target] = evaluator.solve(equation)
            value = overrides[of]
            parts.append(np.broadcast_to(value, part.shape[:1] + value.shape[-2:]))
        return np.concatenate(parts)

    def _confirmed(self, of: Tensor, by: Tensor, columns: Array, picks: Array) -> bool:
        """Whether the extrapolated central difference in one random direction agrees."""
        weights = np.random.default_rng([self.point.seed, 77]).normal(size=len(picks))
        near = np.abs(self.point.values[by].ravel()[picks])
        weights *= np.where((near > 0) & (near < 1), near, 1.0)  # a probability of 1e-6 stays positive
        direction = np.zeros((1, *self.point.values[by].shape))
        direction.flat[picks] = weights
        expected, scale = columns @ weights, np.abs(columns) @ np.abs(weights)
        size = float(np.abs(self.point.values[of]).max())
        gaps: list[tuple[float, Array]] = []

        def settled(size: float, step: float, gap: Array) -> bool:
            return bool((gap <= 1e-5 * scale + 1e-13 * size / step).all())

        for step in STEPS:
            gap = np.abs(self._sides(of, by, direction, step).slope[0] - expected)
            if settled(size, step, gap):
                return True
            gaps.append((step, gap))
        noisy = size + self._noise(of, by) / ROUNDING
        return any(settled(noisy, step, gap) for step, gap in gaps)

    def _sides(self, of: Tensor, by: Tensor, moves: Array | _Units, step: float) -> _Sides:
        """Values one and two steps to both sides in every direction."""
        if len(moves) == 1:  # the four in one stack: one evaluation of the equations
            values = self._stacked(of, by, np.array([[[1.0]], [[-1.0]], [[2.0]], [[-2.0]]]) * moves[:1], step)
        else:
            values = np.array([self._stacked(of, by, moves, factor * step) for factor in (1, -1, 2, -2)])
        return _Sides(np.real(values).reshape(4, len(moves), -1), self.point.values[of].ravel(), step)

    def _noise(self, of: Tensor, by: Tensor) -> float:
        """How far rounding alone moves ``of``: measured, as its terms may be larger than itself."""
        base = self.point.values[by]
        moves = np.random.default_rng([self.point.seed, 78]).normal(size=(NEARBY, *base.shape))
        values = np.real(self._stacked(of, by, moves * np.abs(base), 1e-13))
        known = [self.point.values[equation.target] for equation in self.dependencies.between(of, by)]
        least = np.finfo(float).eps * max(float(np.abs(value).max()) for value in (base, *known))
        return max(least, float(np.abs(values - self.point.values[of]).max()))

    def _central(self, of: Tensor, by: Tensor, stepped: Array, picks: Array) -> Array:
        """Central differences; the complex step where it agrees with them, and its choice at a kink."""
        size = float(np.abs(self.point.values[of]).max()) + self._noise(of, by) / ROUNDING
        for step in STEPS:
            sides = self._sides(of, by, _Units(picks, self.point.values[by].shape), step)
            found = sides.slope
            tolerance = 1e-5 * max(float(np.abs(found).max()), 1e-300) + 1e-13 * size / step
            if np.isfinite(found).all() and sides.apart.max() <= tolerance:
                same = np.abs(stepped.T - found) <= 1e-5 * np.abs(found) + 1e-13 * size / step
                chosen = np.abs(sides.right - sides.left) > tolerance / 10
                self.chosen = self.chosen or bool(chosen.any())
                choice = {"printed": stepped.T, "right": sides.right, "left": sides.left}[self.choice]
                return np.asarray(np.where(chosen, choice, np.where(same, stepped.T, found)).T)
        raise Refusal(f"the differences of {of.name} by {by.name} do not settle")
