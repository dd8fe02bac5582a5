"""Values of what stands in a work, at one point and under one ``Sight``.

The verifier's evaluator with these changes. Shapes are those of the values: what people write is not typed. A
derivative of an array by an array has two groups of axes; where that makes more than two axes its value is
*flat*: a matrix with one row for each entry of the array above (below in the denominator layout). A
product with a flat factor joins whole groups, and the transpose swaps them. A name that has no value is NaN
in its shape, so that shapes can still be compared; ``unknown`` says which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from symbackprop.checking import slopes
from symbackprop.checking.sight import Sight
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Add,
    Call,
    Comprehension,
    Divide,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Power,
    Run,
    Slice,
    Transpose,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Blocks, Dots, Dummy, Opaque, Pieces, Rounded, Slope, Stepped
from symbackprop.ops.registry import Elementwise
from symbackprop.verification import calls, entries
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import RULES, Evaluator
from symbackprop.verification.point import Array, Refusal, ShapeClash
from symbackprop.verification.scope import COMPARE, ROOT, Scope

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
        self._opened: list[str] = []

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
        return False

    def tensor(self, tensor: Tensor) -> Array:
        """The value of a tensor; NaN in its shape if there is none."""
        try:
            return super().tensor(tensor)
        except Refusal:
            self.unknown[tensor.name] = None
            return np.full(self.point.oriented(tensor), np.nan)

    def partial(self, of: Tensor, by: Tensor) -> Array:
        """The differences; NaN in their shape for a name that has no value."""
        missing = [tensor for tensor in (of, by) if tensor not in self.point.values]
        if missing:
            self.unknown.update((tensor.name, None) for tensor in missing)
            return np.full((*self.point.oriented(of), *self.point.oriented(by)), np.nan)
        return super().partial(of, by) if self.lit is None else self.lit(of, by)

    def listed(self, array: Array, *, across: bool) -> Array:
        """All entries of an array as one row or one column."""
        if 1 not in array.shape[-2:] or across != (array.shape[-2] == 1):
            self.bent = self.bent or across != self.rows
        if self.sight.by_columns:
            array = np.swapaxes(array, -1, -2)
        count = array.shape[-1] * array.shape[-2]
        return array.reshape((*array.shape[:-2], *((1, count) if across else (count, 1))))

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
            return value
        value = value.reshape((*lead, prod(own), prod(other)))
        return np.asarray(value.swapaxes(-1, -2)) if self.sight.layout == "denominator" else value

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
    return scope.lift(_seen(seer, node.tensor, seer.tensor(node.tensor)))


def _partial(seer: Seer, node: Partial, scope: Scope) -> Array:
    value = seer.partial(node.of, node.by)
    if value.shape[:2] != (1, 1):
        raise Refusal(f"d{node.of.name}/d{node.by.name} is not the derivative of a scalar")
    found = _seen(seer, node.by, value[0, 0])
    return np.asarray(found.T) if seer.sight.layout == "numerator" else found


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
        return np.full((1, 1), np.nan)
    return np.asarray(value[..., row : row + 1, column : column + 1])


def _element(seer: Seer, node: Element, scope: Scope) -> Array:
    literal = _literal(seer, node) if not scope.axes else None
    if literal is not None:
        return literal
    if seer.plain is not seer and isinstance(node.base, Leaf | Partial):
        return seer.plain.value(node, scope)
    return entries.element(seer, node, scope)


def _slice(seer: Seer, node: Slice, scope: Scope) -> Array:
    value = entries.a_slice(seer.plain, node, scope)
    as_row = seer.rows
    if seer.sight.as_cut and len(node.slots) == 2:
        as_row = isinstance(node.slots[1], Run)
    if len(node.runs) == 1 and (value.shape[-2] == 1) != as_row:
        return np.asarray(value.swapaxes(-1, -2))
    return value


def _comprehension(seer: Seer, node: Comprehension, scope: Scope) -> Array:
    return entries.comprehension(seer, node, scope)


# -- products and sums of what may be flat


def is_one(value: Array) -> bool:
    """Whether a value is a single number at each place."""
    return value.shape[-2:] == (1, 1)


def _matmul(seer: Seer, node: MatMul, scope: Scope) -> Array:
    values = [seer.value(factor, scope) for factor in node.factors]
    flat = [seer.is_flat(factor) for factor in node.factors]
    if any(flat):
        return _joined(seer, values, flat)
    left = values[0]
    for right in values[1:]:
        left = product(left, right)
    return left


def product(left: Array, right: Array) -> Array:
    """The matrix product; a single number scales."""
    if is_one(left) or is_one(right):
        return np.asarray(left * right)
    if left.shape[-1] != right.shape[-2]:
        raise ShapeClash(f"a product of {extents(left)} and {extents(right)}")
    return np.asarray(left @ right)


def extents(value: Array) -> str:
    """``2 x 3``."""
    return f"{value.shape[-2]} x {value.shape[-1]}"


def _joined(seer: Seer, values: Sequence[Array], flat: Sequence[bool]) -> Array:
    """A product with derivatives of arrays by arrays: whole groups of axes are joined."""
    at = next(place for place, one in enumerate(flat) if one)
    found = values[at]
    for place in range(at - 1, -1, -1):
        found = _join(seer, values[place], found, flat[place], left_is_new=True)
    for place in range(at + 1, len(values)):
        found = _join(seer, found, values[place], flat[place], left_is_new=False)
    return found


def _join(seer: Seer, left: Array, right: Array, new_flat: bool, *, left_is_new: bool) -> Array:
    new, old = (left, right) if left_is_new else (right, left)
    if is_one(new) or is_one(old):
        return np.asarray(left * right)
    meets = left.shape[-1] == right.shape[-2]
    if not new_flat:
        size = new.shape[-1] * new.shape[-2]
        wanted = old.shape[-2] if left_is_new else old.shape[-1]
        if size == wanted and (not meets or 1 not in new.shape[-2:]):
            new = seer.listed(new, across=left_is_new)
            left, right = (new, old) if left_is_new else (old, new)
            meets = True
    if not meets:
        raise ShapeClash(f"a product of {extents(left)} and {extents(right)}")
    return np.asarray(left @ right)


def alike(seer: Seer, values: list[Array], flat: list[bool]) -> list[Array]:
    """Arrays beside flat ones listed like those."""
    if not any(flat) or all(flat):
        return values
    shape = next(value.shape[-2:] for value, one in zip(values, flat, strict=True) if one)
    found = []
    for value, one in zip(values, flat, strict=True):
        size = value.shape[-1] * value.shape[-2]
        if not one and size == prod(shape) and 1 in shape and value.shape[-2:] != shape:
            found.append(seer.listed(value, across=shape[0] == 1))
        else:
            found.append(value)
    return found


def _parts(seer: Seer, nodes: Sequence[Expr], scope: Scope) -> list[Array]:
    values = [seer.value(node, scope) for node in nodes]
    values = alike(seer, values, [seer.is_flat(node) for node in nodes])
    for side in (-1, -2):
        sizes = {value.shape[side] for value in values} - {1}
        if len(sizes) > 1:
            raise ShapeClash("elementwise on shapes " + " and ".join(extents(value) for value in values))
    whole = tuple(max(value.shape[side] for value in values) for side in (-2, -1))
    if all(value.shape[-2:] != whole for value in values):
        raise ShapeClash("elementwise on shapes " + " and ".join(extents(value) for value in values))
    return values


def _add(seer: Seer, node: Add, scope: Scope) -> Array:
    values = _parts(seer, node.terms, scope)
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


def _hadamard(seer: Seer, node: Hadamard, scope: Scope) -> Array:
    values = _parts(seer, node.factors, scope)
    total = values[0]
    for value in values[1:]:
        total = total * value
    return total


def _divide(seer: Seer, node: Divide, scope: Scope) -> Array:
    above, below = _parts(seer, (node.num, node.den), scope)
    return np.asarray(above / below)


def _power(seer: Seer, node: Power, scope: Scope) -> Array:
    exponent = seer.value(node.exponent, scope)
    if not is_one(exponent):
        raise ShapeClash(f"an exponent of shape {extents(exponent)}")
    return np.asarray(np.power(seer.value(node.base, scope), exponent))


def _indicator(seer: Seer, node: Indicator, scope: Scope) -> Array:
    left, right = _parts(seer, (node.left, node.right), scope)
    found = np.asarray(COMPARE[node.op](np.real(left), np.real(right)), dtype=float)
    missing = np.isnan(np.real(left)) | np.isnan(np.real(right))
    return np.where(missing, np.nan, found) if missing.any() else found


_LINES = {"rowsum": (-1, False), "colsum": (-2, False), "rowmean": (-1, True), "colmean": (-2, True)}


def _call(seer: Seer, node: Call, scope: Scope) -> Array:
    if isinstance(node.op, Elementwise):
        return calls.value(seer, node, scope)
    values = [seer.value(arg, scope) for arg in node.args]
    if node.op.name in _LINES:
        side, mean = _LINES[node.op.name]
        added = np.mean if mean else np.sum
        return np.asarray(added(values[0], axis=side, keepdims=True))
    if node.op.name == "outer" and all(1 in value.shape[-2:] for value in values):
        left, right = values
        column = left.swapaxes(-1, -2) if left.shape[-2] == 1 else left
        row = right.swapaxes(-1, -2) if right.shape[-1] == 1 else right
        return np.asarray(column * row)
    if node.op.name == "diag" and 1 in values[0].shape[-2:]:
        entries_of = values[0].reshape((*values[0].shape[:-2], -1))
        return np.asarray(entries_of[..., :, None] * np.eye(entries_of.shape[-1]))
    return calls.value(seer, node, scope)


# -- what people write


def _rounded(seer: Seer, node: Rounded, scope: Scope) -> Array:
    return np.array([[seer.written.get(id(node), float(node.value))]])


def _opaque(seer: Seer, node: Opaque, scope: Scope) -> Array:
    if node.name in seer.named and not node.args:
        if not node.slots:
            return seer.opened(node.name, scope)
        base = seer.plain.opened(node.name, scope)
        if not all(isinstance(slot, IndexValue) for slot in node.slots):
            raise Refusal(f"entries of {node.name} were not understood")
        places = [np.rint(seer.value(slot, scope)).astype(int) for slot in node.slots]
        if len(places) == 1:
            one = np.ones((1, 1), dtype=int)
            pair = (one, places[0]) if base.shape[-2] == 1 else (places[0], one)
        elif len(places) == 2:
            pair = (places[0], places[1])
        else:
            raise Refusal(f"{node.name} has no {len(places)} indices")
        return entries.gather(base, *pair)
    seer.unknown[node.name] = None
    raise Refusal(f"{node.name} has no meaning in this problem")


def _dots(seer: Seer, node: Dots, scope: Scope) -> Array:
    raise Refusal("an ellipsis stands for something that was not written")


def _pieces(seer: Seer, node: Pieces, scope: Scope) -> Array:
    values = [seer.value(value, scope) for value in node.values]
    found = np.full((1, 1), np.nan)
    taken: Array = np.zeros((1, 1), dtype=bool)
    for value, condition in zip(values, node.conditions, strict=True):
        holds = np.ones((1, 1), dtype=bool) if condition is None else seer.value(condition, scope) == 1
        found = np.where(holds & ~taken, value, found)
        taken = taken | holds
    return found


def _stepped(seer: Seer, node: Stepped, scope: Scope) -> Array:
    """The new value of an array that was updated, or what follows from the new values."""
    if isinstance(node.arg, Leaf) and node.arg.tensor in seer.moved:
        return seer.value(seer.moved[node.arg.tensor], scope)
    if not seer.moved:
        raise Refusal("the value after the update is not known")
    overrides = {tensor: np.real(seer.plain.value(expr)) for tensor, expr in seer.moved.items()}
    evaluator = Evaluator(seer.point, expand=seer.expand, overrides=overrides)
    for equation in seer.oracle.dependencies.graph.equations:
        overrides[equation.target] = evaluator.solve(equation)
    return Seer(seer.oracle, seer.sight, seer.batch, seer.named, overrides=overrides).value(node.arg, scope)


def _cell(seer: Seer, node: Expr, scope: Scope) -> Array:
    """A cell; a number without a value if a name in it has no meaning, so that the shape is known."""
    try:
        return seer.value(node, scope)
    except Refusal:
        names = [
            part.name for part in node.walk() if isinstance(part, Opaque) and part.name not in seer.named
        ]
        if not names:
            raise
        seer.unknown.update(dict.fromkeys(names))
        return np.full((1, 1), np.nan)


def _blocks(seer: Seer, node: Blocks, scope: Scope) -> Array:
    """Blocks side by side and one below the other."""
    rows = []
    for row in node.rows:
        values = [_cell(seer, cell, scope) for cell in row]
        if any(value.ndim > 2 for value in values):
            lead = np.broadcast_shapes(*(value.shape[:-2] for value in values))
            values = [np.broadcast_to(value, lead + value.shape[-2:]) for value in values]
        if len({value.shape[-2] for value in values}) > 1:
            raise ShapeClash("blocks of unlike heights stand side by side")
        rows.append(np.concatenate(values, axis=-1))
    if len({row.shape[-1] for row in rows}) > 1:
        raise ShapeClash("blocks of unlike widths stand one below the other")
    return np.concatenate(rows, axis=-2)


def _grid(seer: Seer, node: Grid, scope: Scope) -> Array:
    cells = [_cell(seer, cell, scope) for cell in node.cells]
    if any(not is_one(cell) for cell in cells):
        return _blocks(seer, Blocks(node.cells, node.columns), scope)
    together = np.stack([cell[..., 0, 0] for cell in np.broadcast_arrays(*cells)], axis=-1)
    return np.asarray(together.reshape((*together.shape[:-1], len(node.rows), node.columns)))


def _dummy(seer: Seer, node: Dummy, scope: Scope) -> Array:
    """Values on both sides of 0, one for each place of an axis of its own (``bench`` adds it)."""
    known = seer.dummies.get(node.letter)
    if known is None:
        raise Refusal(f"{node.letter} is a variable of its own")
    index, values, shift = known
    axis = next(place for place, (own, _) in enumerate(scope.axes) if own is index)
    shape = [1] * len(scope.axes) + [1, 1]
    shape[axis] = len(values)
    return np.asarray((values + shift).reshape(shape))


# Any: each rule takes the one class of node that it is entered for.
RULES_OF_WORKS: Mapping[type[Expr], Callable[..., Any]] = {
    **RULES, Leaf: _leaf, Partial: _partial, Jacobian: _jacobian, Element: _element, Slice: _slice,
    MatMul: _matmul, Add: _add, Hadamard: _hadamard, Divide: _divide, Power: _power, Indicator: _indicator,
    Call: _call, Comprehension: _comprehension, Rounded: _rounded, Opaque: _opaque, Dots: _dots,
    Pieces: _pieces, Stepped: _stepped, Blocks: _blocks, Grid: _grid, Dummy: _dummy, Slope: slopes.value,
}  # fmt: skip

__all__ = ["ROOT", "Seer", "extents", "is_one", "running"]
