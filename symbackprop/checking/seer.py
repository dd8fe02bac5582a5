"""Values of what stands in a work, at one point and under one ``Sight``.

The verifier's evaluator with these changes. Shapes are those of the values: what people write is not typed. A
derivative of an array by an array has two groups of axes; where that makes more than two axes its value is
*flat*: a matrix with one row for each entry of the array above (below in the denominator layout). A
product with a flat factor joins whole groups, and the transpose swaps them. A name that has no value is NaN
in its shape, so that shapes can still be compared; ``unknown`` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from symbackprop.checking import changes, joining, slopes, written_values
from symbackprop.checking.sight import Sight
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Transpose,
)
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator, Run, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Blocks, Change, Dots, Dummy, Opaque, Pieces, Rounded, Slope, Stepped
from symbackprop.verification import entries
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import RULES, Evaluator
from symbackprop.verification.point import Array, Refusal
from symbackprop.verification.scope import ROOT, Scope

GRADIENT = Sight("gradient")


class Seer(Evaluator):
    """Evaluates at one point in one sight.

    values   of names that the work defines: spelling -> expression that it stands for.
    written  of decimals: the number that stands in the place of each (``intervals`` moves them).
    moved    what an updated array is now, by the array.
    """

    def __init__(
        self,
        oracle: Oracle,
        sight: Sight,
        batch: Mapping[Tensor, int],
        values: Mapping[str, Expr] | None = None,
        *,
        moved: Mapping[Tensor, Expr] | None = None,
        overrides: Mapping[Tensor, Array] | None = None,
    ) -> None:
        super().__init__(oracle.point, expand=oracle.expand, partials=oracle.jacobian, overrides=overrides)
        self.rules = RULES_OF_WORKS
        self.oracle = oracle
        self.sight = sight
        self.batch = batch if sight.example else {}
        self.named = values or {}
        self.moved = moved or {}
        self.written: dict[int, float] = {}
        self.lit: Callable[[Tensor, Tensor], Array] | None = None  # derivatives in another light
        self.unknown: dict[str, None] = {}
        self.bent = False  # an array was listed as vectors do not lie by the convention
        self.dummies: dict[str, tuple[Index, Array, complex]] = {}
        self._flat: dict[int, tuple[Expr, bool]] = {}
        self._plain: Seer | None = None
        self.changes: Mapping[Tensor, Array] = {}  # the directions in which arrays are moved
        self._opened: list[str] = []
        self._kept: dict[tuple[object, ...], tuple[Expr, Array]] = {}

    @property
    def plain(self) -> Seer:
        """The same without a sight: what entries are taken of."""
        if self.sight == GRADIENT:
            return self
        if self._plain is None:
            self._plain = Seer(self.oracle, GRADIENT, {}, self.named, moved=self.moved)
            self._plain.unknown, self._plain.written = self.unknown, self.written
            self._plain.dummies, self._plain.lit = self.dummies, self.lit
        return self._plain

    @property
    def example(self) -> int:
        """Which example is looked at: one-based, the same everywhere at a point."""
        sizes = [self.point.extent(tensor.shape[axis]) for tensor, axis in self.batch.items()]
        return min(2, *sizes) if sizes else 1

    @property
    def rows(self) -> bool:
        """Whether vectors lie as rows in this sight."""
        by_convention = self.oracle.dependencies.graph.convention.vectors_are_rows
        return by_convention != self.sight.turned

    def is_flat(self, node: Expr) -> bool:
        """Whether the value of a node is a derivative with more than two axes, or made of one."""
        known = self._flat.get(id(node))
        if known is None:
            known = self._flat[id(node)] = (node, self._find_flat(node))
        return known[1]

    def _find_flat(self, node: Expr) -> bool:
        match node:
            case Jacobian():
                own, other = running(self, node)
                return node.vec is None and bool(own) and bool(other) and len(own) + len(other) > 2
            case Slope():
                return slopes.is_flat(node)
            case MatMul(parts) | Hadamard(parts) | Add(parts):
                return any(self.is_flat(part) for part in parts)
            case Neg(arg) | Transpose(arg):
                return self.is_flat(arg)
            case Opaque(name) if name in self.named and not node.slots:
                return self.is_flat(self.named[name])
            case Leaf(tensor) if self.is_own(tensor):
                return self.is_flat(self.named[tensor.name])
        return False

    def tensor(self, tensor: Tensor) -> Array:
        """The value of a tensor, of one of the work's own too; NaN in its shape if there is none."""
        try:
            if self.is_own(tensor):
                return self.opened(tensor.name, ROOT)
            return super().tensor(tensor)
        except Refusal:
            self.unknown[tensor.name] = None
            return np.full(self.point.oriented(tensor), np.nan)

    def is_own(self, tensor: Tensor) -> bool:
        """Whether an array is one that the work defines."""
        return tensor.name in self.named and tensor not in self.point.values

    def partial(self, of: Tensor, by: Tensor) -> Array:
        """The differences; NaN in their shape for a name that has no value."""
        if self.is_own(of) and by in self.point.values:
            return slopes.of_array(self, self.named[of.name], by)
        needed = (*(of.gradient or (of,)), by)  # d2L/(dA dB) is what dL/dA does
        missing = [tensor for tensor in needed if tensor not in self.point.values]
        if missing:
            self.unknown.update((tensor.name, None) for tensor in missing)
            return np.full((*self.point.oriented(of), *self.point.oriented(by)), np.nan)
        plain = self.lit is None or of.gradient is not None
        return super().partial(of, by) if self.lit is None or plain else self.lit(of, by)

    def listed(self, array: Array, *, across: bool) -> Array:
        """All entries of an array as one row or one column."""
        if 1 not in array.shape[-2:] or across != (array.shape[-2] == 1):
            self.bent = self.bent or across != self.rows
        if self.sight.by_columns:
            array = np.swapaxes(array, -1, -2)
        count = array.shape[-1] * array.shape[-2]
        return array.reshape((*array.shape[:-2], *((1, count) if across else (count, 1))))

    def seen(self, tensor: Tensor, value: Array) -> Array:
        """A value of a whole tensor as this sight shows it."""
        return _seen(self, tensor, value)

    def kept(self, node: Expr, scope: Scope) -> Array:
        """The value of a side that is looked at many times; it is remembered where nothing was unknown."""
        places = ((index.serial, len(at), int(at[0])) for index, at in scope.axes)
        key = (id(node), *places)
        known = self._kept.get(key)
        if known is None:
            value = self.value(node, scope)
            if self.unknown or self.bent or self.written or self.dummies:
                return value
            known = self._kept[key] = (node, value)
        return known[1]

    def opened(self, name: str, scope: Scope) -> Array:
        """The value of a name that the work defines."""
        if name in self._opened:
            raise Refusal(f"{name} is defined in terms of itself")
        self._opened.append(name)
        try:
            return self.value(self.named[name], scope)
        finally:
            self._opened.pop()

    def laid_out(
        self, value: Array, lead: tuple[int, ...], own: tuple[int, ...], other: tuple[int, ...],
        *, sliced: bool,
    ) -> Array:  # fmt: skip
        """A derivative with the axes ``own`` of what is above and ``other`` of what is below, as a matrix."""
        if sliced and len(own) + len(other) == 1:
            return value.reshape((*lead, 1, -1) if self.rows else (*lead, -1, 1))
        if len(own) + len(other) == 2 and not (own and other):
            turned = bool(other) and self.sight.layout == "numerator"  # of a number by a matrix
            return np.asarray(value.swapaxes(-1, -2)) if turned else value
        value = value.reshape((*lead, prod(own), prod(other)))
        return np.asarray(value.swapaxes(-1, -2)) if self.sight.layout == "denominator" else value

    def where(self, overrides: Mapping[Tensor, Array]) -> Seer:
        """The same, in this sight, where tensors have other values."""
        return Seer(self.oracle, self.sight, self.batch, self.named, overrides=overrides)

    def elsewhere(self, overrides: Mapping[Tensor, Array]) -> Seer:
        """The same, without a sight, where tensors have other values."""
        return Seer(self.oracle, GRADIENT, {}, self.named, overrides=overrides)


def running(seer: Seer, node: Jacobian) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
    """The extents of the axes that run, of each side; one example holds the axis of examples."""
    found = []
    for tensor, given in ((node.of, node.of_slots), (node.by, node.by_slots)):
        slots = given or (None,) * tensor.rank
        held = seer.batch.get(tensor) if not given else None
        found.append(
            tuple(
                dim
                for axis, (dim, slot) in enumerate(zip(tensor.shape, slots, strict=True))
                if slot is None and not dim.is_one and axis != held
            )
        )
    return found[0], found[1]


def _seen(seer: Seer, tensor: Tensor, value: Array) -> Array:
    """The value of a whole tensor, or of a gradient shaped like it, in this sight."""
    axis = seer.batch.get(tensor)
    vector = tensor.rank == 1
    if axis is not None:
        at = seer.example - 1
        side = axis if tensor.rank == 2 else next(s for s in (0, 1) if tensor.axis_of_side(s) == axis)
        value = value[at : at + 1, :] if side == 0 else value[:, at : at + 1]
        vector = tensor.rank == 2
    return np.asarray(value.swapaxes(-1, -2)) if seer.sight.turned and vector else value


def _leaf(seer: Seer, node: Leaf, scope: Scope) -> Array:
    if node.tensor.rank > 2:
        raise Refusal(f"{node.tensor.name} has more than two indices")
    if seer.is_own(node.tensor):
        return seer.opened(node.tensor.name, scope)
    return scope.lift(_seen(seer, node.tensor, seer.tensor(node.tensor)))


def _partial(seer: Seer, node: Partial, scope: Scope) -> Array:
    value = seer.partial(node.of, node.by)
    if value.shape[:2] != (1, 1):
        raise Refusal(f"d{node.of.name}/d{node.by.name} is not the derivative of a scalar")
    found = _seen(seer, node.by, value[0, 0])
    vector = node.by.rank == 1 or (node.by.rank == 2 and node.by in seer.batch)
    if seer.sight.layout != "numerator" or (vector and seer.rows and not seer.sight.upright):
        return found
    return np.asarray(found.T)


def _jacobian(seer: Seer, node: Jacobian, scope: Scope) -> Array:
    """Two groups of axes as a matrix: of the array above, of the array below; the other way if flipped."""
    parts: list[list[Index]] = [[], []]
    slots: list[IndexValue] = []
    inner = scope
    for side, (tensor, given) in enumerate(((node.of, node.of_slots), (node.by, node.by_slots))):
        held = seer.batch.get(tensor) if not given else None
        for axis, (dim, slot) in enumerate(zip(tensor.shape, given or (None,) * tensor.rank, strict=True)):
            if slot is not None:
                slots.append(slot)
            elif axis == held:
                slots.append(IndexValue((), Dim(seer.example)))
            elif dim.is_one:
                slots.append(IndexValue((), ONE))
            else:
                index = Index(dim)
                parts[side].append(index)
                slots.append(IndexValue(((index, 1),)))
                inner = inner.extended(index, np.arange(1, seer.point.extent(dim) + 1))
    value = seer.plain.value(Element(Partial(node.of, node.by), tuple(slots)), inner)
    sizes = inner.sizes[len(scope.axes) :]
    value = np.broadcast_to(value, np.broadcast_shapes(value.shape, (*(1,) * len(scope.axes), *sizes, 1, 1)))
    lead = value.shape[: value.ndim - 2 - len(sizes)]
    own, other = sizes[: len(parts[0])], sizes[len(parts[0]) :]
    return seer.laid_out(value.reshape((*lead, *sizes)), lead, own, other, sliced=node.is_sliced)


def _literal(seer: Seer, node: Element) -> Array | None:
    """``A[1,2]`` of an array: no letters, so no gathering; None for anything else."""
    base = node.base
    if not isinstance(base, Leaf) or base.tensor.rank != len(node.slots) or base.tensor.rank > 2:
        return None
    if any(type(slot) is not IndexValue or slot.indices for slot in node.slots):
        return None
    value = seer.plain.tensor(base.tensor)
    places = [0, 0]
    for side in (0, 1):
        axis = base.tensor.axis_of_side(side)
        if axis is not None:
            places[side] = seer.point.extent(node.slots[axis].offset) - 1
    row, column = places
    if not (0 <= row < value.shape[-2] and 0 <= column < value.shape[-1]):
        return np.full((1, 1), seer.outside)
    return np.asarray(value[..., row : row + 1, column : column + 1])


def _element(seer: Seer, node: Element, scope: Scope) -> Array:
    literal = _literal(seer, node) if not scope.axes else None
    if literal is not None:
        return literal
    if seer.plain is not seer and isinstance(node.base, Leaf | Partial):
        return seer.plain.value(node, scope)
    if isinstance(node.base, Leaf) and not node.base.tensor.is_matrix and node.base.tensor.start is None:
        tensor = node.base.tensor
        slots = [entries.positions(seer, slot, scope) for slot in node.slots]
        base = scope.lift(seer.tensor(tensor))
        return entries.gather(base, *entries.sides_of(tensor, slots, seer.point), outside=seer.outside)
    return entries.element(seer, node, scope)


def _slice(seer: Seer, node: Slice, scope: Scope) -> Array:
    value = entries.a_slice(seer.plain, node, scope)
    as_row = seer.rows
    if seer.sight.as_cut and len(node.slots) == 2:
        as_row = isinstance(node.slots[1], Run)
    gradient = isinstance(node.base, Partial) and seer.sight.layout == "numerator"
    if len(node.runs) == 1 and seer.rows and not seer.sight.upright:
        gradient = False  # the derivative by a row is a row
    if (value.shape[-2] == 1) != (as_row != gradient) if len(node.runs) == 1 else gradient:
        return np.asarray(value.swapaxes(-1, -2))
    return value


def _comprehension(seer: Seer, node: Comprehension, scope: Scope) -> Array:
    return entries.comprehension(seer, node, scope)


# Any: each rule takes the one class of node that it is entered for.
RULES_OF_WORKS: Mapping[type[Expr], Callable[..., Any]] = {
    **RULES, Leaf: _leaf, Partial: _partial, Jacobian: _jacobian, Element: _element, Slice: _slice,
    Comprehension: _comprehension, MatMul: joining.matmul, Add: joining.add, Hadamard: joining.hadamard,
    Divide: joining.divide, Power: joining.power, Indicator: joining.indicator, Call: joining.call,
    Rounded: written_values.rounded, Opaque: written_values.opaque, Dots: written_values.dots,
    Pieces: written_values.pieces, Stepped: written_values.stepped, Blocks: written_values.blocks,
    Change: changes.value, Grid: written_values.grid, Dummy: written_values.dummy, Slope: slopes.value,
}  # fmt: skip
