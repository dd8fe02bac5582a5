"""A point at which a forward pass is evaluated, and how an evaluation is refused.

A ``Point`` is complete: sizes of all named dims, a 2-D array for every tensor (oriented as in
``Tensor.oriented``), and a concrete smooth stand-in for everything the author left arbitrary.
An array of more than two axes is kept 2-D too: a row for each place of its first axis, the other axes
side by side in row-major order, so that derivatives by it are like those by a matrix.
A ``Refusal`` always ends as the verdict "not-checked", a ``ShapeClash`` as "fails": a shape is a
definite fact, while a value that cannot be computed says nothing about the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Tensor

Array = NDArray[Any]
Expand = Callable[[Call], Expr]
KinksOf = Callable[[Call], tuple[Expr, ...]]
AbstractScalar = Callable[[Sequence[Array]], Array]
Watched = tuple[Array, Array]  # a quantity whose zeros are kinks, and the value that has the kink


class Refusal(Exception):
    """A value could not be computed; the text is the reason of "not-checked"."""


class TooLarge(Refusal):
    """More index positions than are worth holding at once: fewer of the free ones will do."""


class ShapeClash(Refusal):
    """Two extents that have to agree do not: the line is wrong whatever the numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Sizes, values and stand-ins, all drawn from ``seed``.

    values     tensor -> array of shape (rows, columns): the symbols and all that follows.
    functions  declared elementwise function -> its stand-in, arrays in, array out.
    scalars    target of ``J = J(y, W)`` -> its stand-in, a list of arrays in, (..., 1, 1) out.
    loops      target of a recursion -> the equations that are computed together, member by member.
    outside    what an entry outside its range counts as: NaN, or 0 where the file says so.
    """

    sizes: Mapping[str, int]
    seed: int
    values: Mapping[Tensor, Array] = field(default_factory=dict)
    functions: Mapping[Operation, Callable[..., Array]] = field(default_factory=dict)
    scalars: Mapping[Tensor, AbstractScalar] = field(default_factory=dict)
    outside: float = np.nan
    loops: Mapping[Tensor, tuple[Equation, ...]] = field(default_factory=dict)

    def extent(self, dim: Dim) -> int:
        """The number a dim is here."""
        try:
            return dim.evaluate(self.sizes)
        except KeyError as missing:
            raise Refusal(f"no size is known for the dim {missing.args[0]}") from None

    def picked(self, extent: int, count: int | None) -> Array:
        """``count`` of the one-based positions 1 .. extent (None: all); fewer are among more."""
        if count is None or extent <= count:
            return np.arange(1, extent + 1)
        order = np.random.default_rng([self.seed, 79, extent]).permutation(extent)
        return np.sort(order[:count]) + 1

    def oriented(self, tensor: Tensor) -> tuple[int, int]:
        """Rows and columns of a tensor here."""
        if not tensor.is_matrix:
            first, *others = (self.extent(dim) for dim in tensor.shape)
            return (first, prod(others))
        rows, columns = tensor.oriented
        return (self.extent(rows), self.extent(columns))

    def declared(self, tensor: Tensor) -> Array:
        """The value with one axis per declared dim: a vector is 1-D, a scalar 0-D."""
        shape = tuple(self.extent(dim) for dim in tensor.shape)
        return np.array(self.values[tensor].reshape(shape))

    def arrays(self, tensors: Iterable[Tensor]) -> dict[str, Array]:
        """name -> array as declared, which is what emitted code takes: labels count from 0 there."""
        return {
            tensor.name: self.zero_based(tensor) if tensor.is_label else self.declared(tensor)
            for tensor in tensors
        }

    def zero_based(self, labels: Tensor) -> Array:
        """Labels as whole numbers that count from 0."""
        return np.rint(self.declared(labels)).astype(int) - 1


def outside_of(graph: Graph) -> float:
    """What an entry outside its range counts as."""
    return 0.0 if graph.zero or graph.loops else float("nan")


def loops_of(graph: Graph) -> dict[Tensor, tuple[Equation, ...]]:
    """The equations of each recursion, by each of its targets."""
    found: dict[Tensor, tuple[Equation, ...]] = {}
    for loop in graph.loops:
        equations = tuple(equation for equation in graph.equations if equation.target in loop)
        found.update(dict.fromkeys(loop, equations))
    return found
