"""Derivatives of the forward pass by differences: what every printed line is measured against.

``Oracle.jacobian(of, by)`` overrides ``by`` (an intermediate is cut: only what follows it is
recomputed) and returns d of / d by. A complex step of 1e-30 has no cancellation and is exact to
rounding wherever the forward functions are analytic around the point; one central difference in
a random direction confirms each. Where the two disagree, extrapolated central differences in two
step sizes take over, and have to agree with each other.

Of a ``by`` with very many entries a random few are perturbed and the others are NaN: ``sampled``
then says that a NaN may mean "not looked at".

Squire and Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
40 (1998), equation (1).
"""

from __future__ import annotations

import numpy as np

from symbackprop.core.expr import Expr
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index, Tensor
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.forward import Dependencies
from symbackprop.verification.point import Array, Expand, Point, Refusal

TINY = 1e-30
STEPS = (1e-4, 1e-6)
BUDGET = 2_000_000  # numbers in one stack of perturbed arrays
WHOLE = 100_000_000  # numbers handled for one Jacobian up to which every entry of ``by`` is perturbed
PICKS = 6  # rows, and columns, of which entries are perturbed beyond that
LARGEST = 4_000_000  # entries of a Jacobian that is still built


class Oracle:
    """Derivatives at one point; each pair is computed once."""

    def __init__(
        self,
        graph: Graph,
        point: Point,
        *,
        expand: Expand | None = None,
        dependencies: Dependencies | None = None,
    ) -> None:
        self.point = point
        self.dependencies = dependencies or Dependencies(graph)
        self.expand = expand
        self.evaluator = Evaluator(point, expand=expand, partials=self.jacobian)
        self.sampled = False
        self._known: dict[tuple[Tensor, Tensor], Array] = {}
        self._values: dict[tuple[Expr, tuple[Index, ...], int | None], Array] = {}

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
        base = self.point.values.get(by)
        if base is None or of not in self.point.values:
            raise Refusal(f"{(by if base is None else of).name} has no value in the forward pass")
        shape = self.point.values[of].shape + base.shape
        if of is by:
            return np.eye(base.size).reshape(shape)
        if not self.dependencies.between(of, by):
            return np.zeros(shape)
        if int(np.prod(shape)) > LARGEST:
            raise Refusal(f"d{of.name}/d{by.name} has too many entries for differences")
        picks = self._picked(of, by)
        units = np.zeros((len(picks), base.size))
        units[np.arange(len(picks)), picks] = 1.0
        directions = units.reshape((len(picks), *base.shape))
        stepped = np.imag(self._stacked(of, by, base + 1j * TINY * directions)) / TINY
        columns = stepped.reshape(len(picks), -1).T
        if not (np.isfinite(columns).all() and self._confirmed(of, by, columns, directions)):
            columns = self._central(of, by, directions)
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

    def _stacked(self, of: Tensor, by: Tensor, stack: Array) -> Array:
        """The values of ``of`` for a stack of values of ``by``, in chunks of bounded size."""
        equations = self.dependencies.between(of, by)
        widest = max(self.point.values[e.target].size for e in equations)
        chunk = max(1, BUDGET // max(widest, stack[0].size))
        parts = []
        for start in range(0, len(stack), chunk):
            part = stack[start : start + chunk]
            overrides = {by: part}
            evaluator = Evaluator(self.point, expand=self.expand, overrides=overrides)
            for equation in equations:
                overrides[equation.target] = evaluator.solve(equation)
            value = overrides[of]
            parts.append(np.broadcast_to(value, part.shape[:1] + value.shape[-2:]))
        return np.concatenate(parts)

    def _confirmed(self, of: Tensor, by: Tensor, columns: Array, directions: Array) -> bool:
        """Whether the extrapolated central difference in one random direction agrees."""
        weights = np.random.default_rng([self.point.seed, 77]).normal(size=len(directions))
        direction = np.tensordot(weights, directions, axes=1)
        expected, scale = columns @ weights, np.abs(columns) @ np.abs(weights)
        size = float(np.abs(self.point.values[of]).max())
        for step in STEPS:
            near, _ = self._extrapolated(of, by, direction[None], step)
            if (np.abs(near[0] - expected) <= 1e-5 * scale + 1e-13 * size / step).all():
                return True
        return False

    def _extrapolated(self, of: Tensor, by: Tensor, directions: Array, step: float) -> tuple[Array, Array]:
        """(4 D(h) - D(2h)) / 3 for central D, and how far D(h) and D(2h) lie apart; a row per direction."""
        base = self.point.values[by]
        moves = np.concatenate([factor * step * directions for factor in (1, -1, 2, -2)])
        values = np.real(self._stacked(of, by, base + moves)).reshape(4, len(directions), -1)
        narrow, wide = (values[0] - values[1]) / (2 * step), (values[2] - values[3]) / (4 * step)
        return (4 * narrow - wide) / 3, np.abs(narrow - wide)

    def _central(self, of: Tensor, by: Tensor, directions: Array) -> Array:
        size = float(np.abs(self.point.values[of]).max())
        for step in STEPS:
            found, apart = self._extrapolated(of, by, directions, step)
            scale = max(float(np.abs(found).max()), 1e-300)
            if np.isfinite(found).all() and apart.max() <= 1e-5 * scale + 1e-13 * size / step:
                return np.asarray(found.T)
        raise Refusal(f"the differences of {of.name} by {by.name} do not settle")
