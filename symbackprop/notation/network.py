"""One term as a network, reduced to a matrix spelling (series-parallel reduction).

Vertices are indices, edges are matrices, weights on a vertex are vectors. Parallel edges join to a
Hadamard product; a bound vertex with at most two neighbours is eliminated by a product. This
succeeds exactly for networks of treewidth at most 2, whatever the order (Duffin, Topology of
series-parallel networks, 1965); otherwise the term has no spelling and stays in index form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Shape,
)
from symbackprop.core.indexed import Indicator
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index
from symbackprop.notation.building import cost, hadamard, product, shorter_way, transposed

_SUMS = ("sum", "mean", "rowsum", "colsum", "rowmean", "colmean")
Operations = Callable[[str], Operation]


class NoSpelling(Exception):
    """The term has no spelling as matrices; print its index form."""


@dataclass(slots=True)
class Bundle:
    """Numerators and denominators that multiply entry by entry, all lying the same way."""

    nums: list[Expr] = field(default_factory=list)
    dens: list[Expr] = field(default_factory=list)

    def whole(self) -> Expr:
        """The bundle as one expression."""
        top = hadamard(*ordered(self.nums)) if self.nums else UNIT
        return Divide(top, hadamard(*self.dens)) if self.dens else top

    def flipped(self) -> Bundle:
        """The transpose."""
        return Bundle([transposed(e) for e in self.nums], [transposed(e) for e in self.dens])


def rank(expr: Expr) -> int:
    """Cotangents first, then names, composites, functions and sums, brackets with cotangents, indicators."""
    if isinstance(expr, Indicator):
        return 5
    inside = any(isinstance(node, Partial) for node in expr.walk())
    if isinstance(expr, Add):
        return 4 if inside else 2
    if inside and not (isinstance(expr, Call) and expr.op.name in _SUMS):
        return 0
    if isinstance(expr, Leaf):
        return 1
    return 3 if isinstance(expr, Call) else 2


def ordered(parts: Sequence[Expr]) -> list[Expr]:
    """Factors that multiply entry by entry as people write them: h * (1 - h) stands together."""
    return _paired(sorted(parts, key=rank))


def numbers_ordered(parts: Sequence[Expr]) -> list[Expr]:
    """Factors that are numbers in their own order, functions last: y (1 - p) log(p)."""
    last = [isinstance(part, Call) and part.op.kind == "elementwise" for part in parts]
    pairs = sorted(zip(last, parts, strict=True), key=lambda pair: pair[0])
    return _paired([part for _, part in pairs])


def _paired(parts: list[Expr]) -> list[Expr]:
    """The same with 1 - h right behind h."""
    found = list(parts)
    for part in parts:
        inner = _from_one(part)
        if inner in found:
            found.remove(part)
            found.insert(found.index(inner) + 1, part)
    return found


def _from_one(expr: Expr) -> Expr | None:
    """h of 1 - h."""
    if not isinstance(expr, Add) or len(expr.terms) != 2 or expr.terms[0] != UNIT:
        return None
    last = expr.terms[1]
    return last.arg if isinstance(last, Neg) else None


@dataclass(slots=True)
class Edge:
    """A matrix with rows ``row`` and columns ``column``."""

    row: Index
    column: Index
    bundle: Bundle

    def facing(self, row: Index) -> Bundle:
        """The matrix with ``row`` running down."""
        return self.bundle if row is self.row else self.bundle.flipped()


@dataclass(slots=True)
class Weight:
    """Vectors on one index, numerators and denominators with their own orientation."""

    nums: list[Expr] = field(default_factory=list)
    dens: list[Expr] = field(default_factory=list)

    def column(self) -> Expr:
        """As an n x 1 column."""
        return Bundle(laid(self.nums, down=True), laid(self.dens, down=True)).whole()

    def row(self) -> Expr:
        """As a 1 x n row."""
        return Bundle(laid(self.nums, down=False), laid(self.dens, down=False)).whole()

    def cheapest(self) -> Expr:
        """Whichever way is shorter to write; as a row at a tie if most parts are rows."""
        down, across = self.column(), self.row()
        rows = sum(1 for e in self.nums + self.dens if e.shape[0].is_one)
        if cost(down) == cost(across):
            return across if 2 * rows > len(self.nums) + len(self.dens) else down
        return min(down, across, key=cost)


def laid(parts: list[Expr], *, down: bool) -> list[Expr]:
    """Vectors as columns (or rows); several that all lie the other way are turned as one product."""
    turned = [_down(e) if down else _across(e) for e in parts]
    if len(parts) > 1 and all(a is not b for a, b in zip(parts, turned, strict=True)):
        whole = transposed(hadamard(*ordered(parts)))
        if cost(whole) < cost(hadamard(*turned)):
            return [whole]
    return turned


def _down(expr: Expr) -> Expr:
    return transposed(expr) if expr.shape[0].is_one else expr


def _across(expr: Expr) -> Expr:
    return expr if expr.shape[0].is_one else transposed(expr)


@dataclass(slots=True)
class Network:
    """The factors of one term while it is being reduced.

    ``means``: which of mean, rowmean and colmean the author writes; a sum over n is then no sum divided by n.
    """

    operation: Operations
    vectors_are_rows: bool
    scalars: Bundle = field(default_factory=Bundle)
    weights: dict[Index, Weight] = field(default_factory=dict)
    edges: dict[frozenset[Index], Edge] = field(default_factory=dict)
    means: frozenset[str] = frozenset()

    def add_scalar(self, expr: Expr, *, below: bool = False) -> None:
        """A factor without an index; ``below``: a divisor."""
        (self.scalars.dens if below else self.scalars.nums).append(expr)

    def add_vector(self, index: Index, expr: Expr, *, below: bool = False) -> None:
        """A factor with one index; ``expr`` is a row or a column."""
        weight = self.weights.setdefault(index, Weight())
        (weight.dens if below else weight.nums).append(expr)

    def add_matrix(self, row: Index, column: Index, expr: Expr, *, below: bool = False) -> None:
        """A factor with two indices, joined to a parallel one."""
        pair = frozenset((row, column))
        edge = self.edges.get(pair)
        if edge is None:
            edge = self.edges[pair] = Edge(row, column, Bundle())
        expr = expr if row is edge.row else transposed(expr)
        (edge.bundle.dens if below else edge.bundle.nums).append(expr)

    @property
    def indices(self) -> set[Index]:
        """The indices at which something stands."""
        return {*self.weights, *(index for pair in self.edges for index in pair)}

    def neighbours(self, index: Index) -> list[Index]:
        """The indices that share a matrix with ``index``."""
        return [
            edge.column if edge.row is index else edge.row
            for edge in self.edges.values()
            if index in (edge.row, edge.column)
        ]

    def _would_average(self, name: str, dim: Dim) -> bool:
        return name in self.means and DimValue(dim) in self.scalars.dens

    def _averages(self, name: str, dim: Dim) -> bool:
        """Whether a sum over ``dim`` is to be written as a mean; its 1/dim is used up."""
        if not self._would_average(name, dim):
            return False
        self.scalars.dens.remove(DimValue(dim))
        return True

    def eliminate_all(self, bound: tuple[Index, ...]) -> None:
        """Remove every bound index, fewest neighbours first; NoSpelling if that is impossible."""
        left = list(bound)
        while left:
            counts = {index: len(self.neighbours(index)) for index in left}
            best = min(left, key=lambda index: counts[index])
            if counts[best] > 2:
                raise NoSpelling
            left.remove(best)
            self._eliminate(best)

    def _eliminate(self, index: Index) -> None:
        weight = self.weights.pop(index, None)
        near = self.neighbours(index)
        edges = [self.edges.pop(frozenset((index, other))) for other in near]
        if not near:
            self.scalars.nums.append(self._inner(weight or Weight(), index))
        elif len(near) == 1:
            self._absorb(index, near[0], edges[0], weight)
        else:
            self._join(index, near, edges, weight)

    def _inner(self, weight: Weight, index: Index) -> Expr:
        """A sum over one index of vectors: v^T w, sum(v), sumsq(v)."""
        if len(weight.nums) == 2 and not weight.dens and not self._would_average("mean", index.dim):
            first, second = weight.nums
            if _is_plain(first) and _is_plain(second):
                return _shorter(product(_across(first), _down(second)))
        if self._averages("mean", index.dim):
            return self._call("mean", (shorter_way(weight.cheapest()),), (ONE, ONE))
        return self.sum_all(weight.cheapest())

    def sum_all(self, expr: Expr) -> Expr:
        """The sum of all entries."""
        if isinstance(expr, Power) and expr.exponent == Number(UNIT.value * 2):
            return self._call("sumsq", (shorter_way(expr.base),), (ONE, ONE))
        if isinstance(expr, Call) and expr.op.name in ("rowsum", "colsum"):
            return self.sum_all(expr.args[0])
        if isinstance(expr, Call) and expr.op.name == "diagonal":
            return self._call("trace", (shorter_way(expr.args[0]),), (ONE, ONE))
        return self._call("sum", (shorter_way(expr),), (ONE, ONE))

    def _absorb(self, index: Index, other: Index, edge: Edge, weight: Weight | None) -> None:
        """M v, or the sums of the lines of M."""
        side = "row" if edge.row is other else "col"
        if weight is not None and (
            not weight.nums
            or (len(edge.bundle.nums) > 1 and self._would_average(f"{side}mean", index.dim))
        ):
            edge = self._weighted(edge, other, weight)
            weight = None
        if weight is None:
            matrix = edge.bundle.whole()
            rows, columns = matrix.shape
            name = f"{side}mean" if self._averages(f"{side}mean", index.dim) else f"{side}sum"
            shape = (rows, ONE) if side == "row" else (ONE, columns)
            self.add_vector(other, self._call(name, (matrix,), shape))
            return
        down = product(edge.facing(other).whole(), weight.column())
        across = product(weight.row(), edge.facing(index).whole())
        if cost(down) == cost(across):
            self.add_vector(other, across if self.vectors_are_rows else down)
        else:
            self.add_vector(other, min(down, across, key=cost))

    def _weighted(self, edge: Edge, other: Index, weight: Weight) -> Edge:
        """The matrix with each line scaled by the vector."""
        down = edge.row is not other
        nums, dens = laid(weight.nums, down=down), laid(weight.dens, down=down)
        return Edge(edge.row, edge.column, Bundle([*edge.bundle.nums, *nums], [*edge.bundle.dens, *dens]))

    def _join(self, index: Index, near: list[Index], edges: list[Edge], weight: Weight | None) -> None:
        """A B, or A diag(v) B when a vector sits on the index."""
        first, second = near
        middle: list[Expr] = []
        if weight is not None:
            vector = weight.cheapest()
            middle = [self._call("diag", (vector,), (index.dim, index.dim))]
        forward = product(edges[0].facing(first).whole(), *middle, edges[1].facing(index).whole())
        back = product(edges[1].facing(second).whole(), *middle, edges[0].facing(index).whole())
        if cost(back) < cost(forward):
            self.add_matrix(second, first, back)
        else:
            self.add_matrix(first, second, forward)

    def _call(self, name: str, args: tuple[Expr, ...], shape: Shape) -> Expr:
        return Call(self.operation(name), args, shape)


def _shorter(expr: Expr) -> Expr:
    """A product that is a number, read from its end where that is shorter: x^T A x for x^T A^T x."""
    if not isinstance(expr, MatMul):
        return expr
    turned = product(*(transposed(factor) for factor in reversed(expr.factors)))
    return turned if cost(turned) < cost(expr) else expr


def _is_plain(expr: Expr) -> bool:
    """Whether the factor is short enough to stand in an inner product."""
    return not isinstance(expr, (Power, Divide))
