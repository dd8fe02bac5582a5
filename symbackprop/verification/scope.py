"""The free and bound indices an expression stands under, as leading axes of its value.

Every value has the axes ``(perturbations, one per index in scope, rows, columns)``; leading axes
may be absent or of extent 1 and broadcast. So entry notation and matrix notation are evaluated
by the same code, and an index is an integer array that gathers and compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index
from symbackprop.verification.point import Array, Point, Refusal, TooLarge

GRID = 4_000_000  # positions of all indices in scope together

COMPARE = {
    "=": np.equal, "!=": np.not_equal,
    "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Indices with the one-based positions they run over, outermost first."""

    axes: tuple[tuple[Index, Array], ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many positions each index has."""
        return tuple(len(positions) for _, positions in self.axes)

    def extended(self, index: Index, positions: Array) -> Scope:
        """The scope inside a binder of ``index``; TooLarge beyond ``GRID`` positions in all."""
        inner = Scope((*self.axes, (index, positions)))
        if prod(inner.sizes) > GRID:
            raise TooLarge("the line has too many index positions to be evaluated")
        return inner

    def lift(self, value: Array) -> Array:
        """A stack of matrices (perturbations, rows, columns) with an axis for each index."""
        if value.ndim == 2 or not self.axes:
            return value
        return value.reshape(value.shape[:1] + (1,) * len(self.axes) + value.shape[-2:])

    def positions(self, node: IndexValue, point: Point) -> Array:
        """The one-based position that an affine index expression stands for."""
        total = np.full((1, 1), point.extent(node.offset))
        for index, coefficient in node.indices:
            total = total + coefficient * self._along(index)
        return total

    def _along(self, index: Index) -> Array:
        for axis in range(len(self.axes) - 1, -1, -1):
            found, positions = self.axes[axis]
            if found is index:
                shape = [1] * len(self.axes) + [1, 1]
                shape[axis] = len(positions)
                return positions.reshape(shape)
        raise Refusal(f"the index {index.letter} is not bound here")


ROOT = Scope()


def whole_range(index: Index, point: Point) -> Array:
    """1 .. the dim of the index."""
    return np.arange(1, point.extent(index.dim) + 1)
