"""Drawing points: random, never special, obeying what is declared, away from kinks, finite.

``draw`` returns a ``Point`` at which the whole forward pass has a finite value, or raises a
``Refusal`` with the reason. Where the pass leaves the domain of a function (log, sqrt), the
inputs involved are drawn again as positive numbers, then inside (0.05, 0.95), then small, then
negative; what a file declares is never overruled.

A quantity that is exactly 0 and stays so when everything is moved a little (the output of a relu
where it is off) lies at a kink only formally, as long as what is made of it stays the same too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Tensor
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.draws import Manner, draw_values
from symbackprop.verification.entries import is_fixed
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.forward import Dependencies
from symbackprop.verification.point import (
    Array,
    Expand,
    KinksOf,
    Point,
    Refusal,
    Watched,
    loops_of,
    outside_of,
)
from symbackprop.verification.sizes import draw_sizes
from symbackprop.verification.standins import elementwise_standin, scalar_standin

MODES: tuple[tuple[float, float] | None, ...] = (None, (0.3, 1.8), (0.05, 0.95), (0.01, 0.2), (-1.8, -0.3))
TRIES = 12
MARGINS = (1e-3, 1e-4, 1e-5)  # distance from a kink; large nets get closer than small ones
RESIZED = 8  # draws of sizes, until a matrix that is inverted can be regular
NEARBY = 3  # points at which a quantity has to stay 0
LIFT = 6.0  # raises arbitrary functions whose values have to be positive


@dataclass(slots=True)
class _Trial:
    """One draw: its point, what went wrong with it, and whether every mask is mixed."""

    point: Point
    culprit: Tensor | None = None
    margin: float = np.inf
    mixed: bool = True


@dataclass(frozen=True, slots=True)
class Sampler:
    """Draws points of one graph."""

    dependencies: Dependencies
    expand: Expand | None = None
    kinks_of: KinksOf | None = None

    @property
    def graph(self) -> Graph:
        """The graph that is drawn for."""
        return self.dependencies.graph

    def draw(
        self,
        seed: int,
        *,
        square: bool = False,
        sizes: Mapping[str, int] | None = None,
        unlike: Sequence[Mapping[str, int]] = (),
        spread: float = 1.0,
        room: AbstractSet[Dim] = frozenset(),
    ) -> Point:
        """The point of ``seed``: the same on every machine and in every run.

        ``spread`` scales entries of which nothing is declared; a wide one reaches rare branches. ``room``
        is what must be at least 1, beside the extents.
        """
        for salt in range(RESIZED if self._needs_regular() else 1):
            rng = np.random.default_rng([seed, 1, salt] if salt else [seed, 1])
            chosen = draw_sizes(self.graph, rng, square=square, fixed=sizes, unlike=unlike, room=room)
            try:
                return self._draw_of(seed, chosen, spread)
            except Refusal as refusal:
                reason = refusal
        raise reason

    def _needs_regular(self) -> bool:
        """Whether a matrix is inverted: X^T X can only be where X has no more columns than rows."""
        return any(
            isinstance(node, Call) and getattr(node.op, "domain", "") == "regular"
            for equation in self.graph.equations
            for node in (equation.expr.walk() if equation.expr is not None else ())
        )

    def _draw_of(self, seed: int, chosen: Mapping[str, int], spread: float) -> Point:
        involved: set[Tensor] = set()
        reason = "the forward pass could not be evaluated"
        for level, span in enumerate(MODES):
            spare: Point | None = None
            manner = Manner(span, frozenset(involved), spread)
            for trial in self._trials(seed, chosen, level, manner):
                if trial.culprit is not None:
                    involved |= self.dependencies.ancestors(trial.culprit)
                    reason = f"{trial.culprit.name} is not finite at any of the points tried"
                elif trial.margin == 0:
                    reason = "every point tried lies too close to a kink"
                elif trial.mixed:
                    return trial.point
                else:
                    spare = spare or trial.point
            if spare is not None:
                return spare
            if not involved:
                break
        raise Refusal(reason)

    def _trials(self, seed: int, sizes: Mapping[str, int], level: int, manner: Manner) -> Iterator[_Trial]:
        unfit = 0
        for attempt in range(TRIES):
            rng = np.random.default_rng([seed, 2, level, attempt])
            margin = MARGINS[attempt * len(MARGINS) // TRIES]
            trial = self._trial(rng, seed, sizes, manner, margin)
            yield trial
            unfit += trial.culprit is not None
            if manner.span is None and unfit > (TRIES if self._needs_regular() else 2):
                return

    def _trial(
        self, rng: np.random.Generator, seed: int, sizes: Mapping[str, int], manner: Manner, margin: float
    ) -> _Trial:
        bare = Point(sizes, seed)
        values = {
            tensor: draw_values(tensor, bare, rng, manner)
            for tensor in self.graph.symbols
            if tensor.value is None and tensor.numpy_value is None
        }
        lift = LIFT if manner.span is not None else 0.0
        functions: dict[Operation, Callable[..., Array]] = {
            op: elementwise_standin(rng, lift)
            for op in self.graph.functions.values()
            if isinstance(op, Elementwise) and op.abstract
        }
        abstract = [e.target for e in self.graph.equations if e.abstract]
        scalars = {target: scalar_standin([seed, 3, place]) for place, target in enumerate(abstract)}
        outside, loops = outside_of(self.graph), loops_of(self.graph)
        trial = _Trial(Point(sizes, seed, values, functions, scalars, outside, loops))
        watch: list[Watched] = []
        trial.culprit = self._solve(trial.point, values, watch)
        if trial.culprit is None:
            _judge(trial, self._quantities(trial.point, watch, margin), margin)
        return trial

    def _solve(self, point: Point, values: dict[Tensor, Array], watch: list[Watched] | None) -> Tensor | None:
        """Fill in what follows from the symbols; the first tensor that is not finite stops it."""
        evaluator = Evaluator(
            point, expand=self.expand, kinks_of=self.kinks_of, overrides=values, watch=watch
        )
        with np.errstate(all="ignore"):
            for equation in self.graph.equations:
                value = np.array(evaluator.solve(equation))
                values[equation.target] = value
                if not np.isfinite(value).all():
                    return equation.target
        return None

    def near(self, point: Point, step: float, salt: int, watch: list[Watched] | None = None) -> Point:
        """``point`` with every symbol moved by about ``step``, whatever is declared about it.

        Labels stay: they are choices. Refusal if the forward pass has no finite value there.
        """
        rng = np.random.default_rng([point.seed, 4, salt])
        values: dict[Tensor, Array] = {}
        for tensor in self.graph.symbols:
            known = point.values.get(tensor)
            if known is not None:
                reach = 0.0 if is_fixed(Leaf(tensor)) else step
                values[tensor] = known + reach * rng.normal(size=known.shape)
        moved = replace(point, values=values)
        culprit = self._solve(moved, values, watch)
        if culprit is not None:
            raise Refusal(f"{culprit.name} is not finite near a point tried")
        return moved

    def _quantities(self, point: Point, watch: list[Watched], margin: float) -> list[Array]:
        """The quantities watched, without the entries that are at no real kink."""
        real = [np.isfinite(quantity) for quantity, _ in watch]
        if any((quantity == 0).any() for quantity, _ in watch):
            others: list[list[Watched]] = [[] for _ in range(NEARBY)]
            try:
                for salt, other in enumerate(others):
                    self.near(point, margin / 100, salt, other)
            except Refusal:
                return [quantity[mask] for (quantity, _), mask in zip(watch, real, strict=True)]
            for place, (first, *near) in enumerate(zip(watch, *others, strict=True)):
                moved = np.any([~_unmoved(first, second) for second in near], axis=0)
                real[place] &= (first[0] != 0) | moved
        return [quantity[mask] for (quantity, _), mask in zip(watch, real, strict=True)]


def draw(
    graph: Graph, seed: int, *, square: bool = False, sizes: Mapping[str, int] | None = None,
    expand: Expand | None = None, kinks_of: KinksOf | None = None,
) -> Point:  # fmt: skip
    """A point of ``graph``; ``square`` makes all named dims equal, ``sizes`` fixes some of them."""
    return Sampler(Dependencies(graph), expand, kinks_of).draw(seed, square=square, sizes=sizes)


def _unmoved(first: Watched, second: Watched) -> Array:
    """Where a quantity, and what is made of it, are the same at both points.

    The value may have more entries than the quantity (a slope that is an array): all of them count.
    """
    quantity, value = first
    shape = np.broadcast_shapes(value.shape, quantity.shape)
    same = np.array(np.broadcast_to(np.equal(value, second[1]), shape))
    for axis in range(same.ndim):
        place = axis - same.ndim + quantity.ndim
        if place < 0 or (quantity.shape[place] == 1 and same.shape[axis] > 1):
            same = np.asarray(same.all(axis=axis, keepdims=True))
    return np.asarray(same.reshape(quantity.shape) & (quantity == second[0]))


def _judge(trial: _Trial, quantities: list[Array], margin: float) -> None:
    """Keep away from kinks; prefer masks that are neither all on nor all off."""
    for known in quantities:
        if known.size and np.abs(known).min() < margin:
            trial.margin = 0.0
        if known.size > 3 and (known.min() > 0 or known.max() < 0):
            trial.mixed = False
