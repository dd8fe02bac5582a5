"""Drawing points: random, never special, obeying what is declared, away from kinks, finite.

``draw`` returns a ``Point`` at which the whole forward pass has a finite value, or raises a
``Refusal`` with the reason. Where the pass leaves the domain of a function (log, sqrt), the
inputs involved are drawn again as positive numbers, then inside (0.05, 0.95), then small, then
negative; what a file declares is never overruled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symbackprop.core.expr import Operation
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.draws import Manner, draw_values
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.forward import Dependencies
from symbackprop.verification.point import Array, Expand, KinksOf, Point, Refusal
from symbackprop.verification.sizes import draw_sizes
from symbackprop.verification.standins import elementwise_standin, scalar_standin

MODES: tuple[tuple[float, float] | None, ...] = (None, (0.3, 1.8), (0.05, 0.95), (0.01, 0.2), (-1.8, -0.3))
TRIES = 12
MARGINS = (1e-3, 1e-4, 1e-5)  # distance from a kink; large nets get closer than small ones
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
    ) -> Point:
        """The point of ``seed``: the same on every machine and in every run.

        ``spread`` scales entries of which nothing is declared; a wide one reaches rare branches.
        """
        chosen = draw_sizes(
            self.graph, np.random.default_rng([seed, 1]), square=square, fixed=sizes, unlike=unlike
        )
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
            if manner.span is None and unfit > 2:
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
        trial = _Trial(Point(sizes, seed, values, functions, scalars))
        watch: list[Array] = []
        evaluator = Evaluator(
            trial.point, expand=self.expand, kinks_of=self.kinks_of, overrides=values, watch=watch
        )
        with np.errstate(all="ignore"):
            for equation in self.graph.equations:
                value = np.array(evaluator.solve(equation))
                values[equation.target] = value
                if not np.isfinite(value).all():
                    trial.culprit = equation.target
                    return trial
        _judge(trial, watch, margin)
        return trial


def draw(
    graph: Graph, seed: int, *, square: bool = False, sizes: Mapping[str, int] | None = None,
    expand: Expand | None = None, kinks_of: KinksOf | None = None,
) -> Point:  # fmt: skip
    """A point of ``graph``; ``square`` makes all named dims equal, ``sizes`` fixes some of them."""
    return Sampler(Dependencies(graph), expand, kinks_of).draw(seed, square=square, sizes=sizes)


def _judge(trial: _Trial, watch: list[Array], margin: float) -> None:
    """Keep away from kinks; prefer masks that are neither all on nor all off."""
    for quantity in watch:
        known = quantity[np.isfinite(quantity)]
        if known.size and np.abs(known).min() < margin:
            trial.margin = 0.0
        if known.size > 3 and (known.min() > 0 or known.max() < 0):
            trial.mixed = False
