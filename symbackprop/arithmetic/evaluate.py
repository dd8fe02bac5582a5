"""Numbers of typed expressions: arrays of ``Fraction`` where exact, else ``float``.

In: an expression, the sizes, the numbers of its symbols, and of the derivatives that stand in it. Out: a
2-D object array of rows and columns, oriented as in ``Expr.shape``; an array of more than two axes has a row
for each place of its first axis, the others side by side. This is what is printed; whether it is
right the verifier says, which evaluates the forward pass by itself in floating point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symbackprop.arithmetic import scalars
from symbackprop.arithmetic.scalars import ONE, ZERO, NoValue, Value, over, plus, power, times
from symbackprop.arithmetic.structures import structural
from symbackprop.core.arrays import Numeric, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Transpose,
    product_shape,
)
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Slice,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.ops.registry import Elementwise, Structural

Cells = NDArray[Any]
Bound = Mapping[Index, int]

_TIMES, _PLUS, _OVER, _POWER = (np.frompyfunc(one, 2, 1) for one in (times, plus, over, power))
_CONSTANTS = {"np.pi": np.pi, "math.pi": np.pi, "np.e": np.e, "math.e": np.e}
_RELATIONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def cell(value: Value | int) -> Cells:
    """A 1 x 1 array."""
    found = np.empty((1, 1), dtype=object)
    found[0, 0] = value
    return found


@dataclass(slots=True, eq=False)
class Arithmetic:
    """Evaluates expressions at given numbers; each node outside of sums over indices once.

    tensors   the numbers of symbols, and of what was computed so far.
    partials  (of, by) -> the numbers of the derivative, shaped like ``by``.
    expand    the defining expression of a call (``Context.expand``).
    zero      whether an entry outside its range counts as 0.
    """

    sizes: Mapping[str, int]
    tensors: dict[Tensor, Cells]
    expand: Callable[[Call], Expr]
    partials: dict[tuple[Tensor, Tensor], Cells] = field(default_factory=dict)
    zero: bool = False
    _memo: dict[int, tuple[Expr, Cells]] = field(default_factory=dict)

    def value(self, node: Expr, bound: Bound | None = None) -> Cells:
        """The numbers of a node where indices have the values ``bound``; NoValue if one does not exist."""
        if bound:
            return self._value(node, bound)
        known = self._memo.get(id(node))
        if known is None:
            known = self._memo[id(node)] = (node, self._value(node, {}))
        return known[1]

    def forget(self) -> None:
        """Values may have changed."""
        self._memo.clear()

    def scalar(self, node: Expr, bound: Bound | None = None) -> Value:
        """The number of a 1 x 1 node."""
        found: Value = self.value(node, bound)[0, 0]
        return found

    def extent(self, dim: Dim) -> int:
        """The size of a dim."""
        return dim.evaluate(self.sizes)

    def _value(self, node: Expr, bound: Bound) -> Cells:
        rule = _RULES.get(type(node))
        if rule is None:
            raise NoValue(f"{type(node).__name__} has no numbers")
        return rule(self, node, bound)

    def values(self, nodes: Iterable[Expr], bound: Bound) -> list[Cells]:
        """The numbers of several nodes."""
        return [self.value(node, bound) for node in nodes]

    def position(self, slot: IndexValue, bound: Bound) -> int:
        """The one-based position that a slot says."""
        if isinstance(slot, LabelValue) and slot.label is not None:
            return int(self.scalar(slot.label, bound)) + self.extent(slot.offset)
        return self.extent(slot.offset) + sum(factor * bound[index] for index, factor in slot.indices)


def _number(_: Arithmetic, node: Number, __: Bound) -> Cells:
    return cell(node.value)


def _leaf(at: Arithmetic, node: Leaf, _: Bound) -> Cells:
    tensor = node.tensor
    found = at.tensors.get(tensor)
    if found is not None:
        return found
    if tensor.value is not None:
        return cell(tensor.value)
    if tensor.numpy_value in _CONSTANTS:
        return cell(_CONSTANTS[tensor.numpy_value])
    raise NoValue(f"{tensor.name} has no numbers")


def _dim(at: Arithmetic, node: DimValue, _: Bound) -> Cells:
    return cell(scalars.ONE * at.extent(node.dim))


def _partial(at: Arithmetic, node: Partial, _: Bound) -> Cells:
    found = at.partials.get((node.of, node.by))
    if found is None:
        raise NoValue(f"d{node.of.name}/d{node.by.name} has no numbers")
    return found.T if node.turned else found


def _numeric(at: Arithmetic, node: Numeric, bound: Bound) -> Cells:
    return at.value(node.source, bound)


def _folded(combine: Any, values: list[Cells]) -> Cells:
    total = values[0]
    for value in values[1:]:
        total = combine(total, value)
    return np.asarray(total, dtype=object)


def _add(at: Arithmetic, node: Add, bound: Bound) -> Cells:
    return _folded(_PLUS, at.values(node.terms, bound))


def _neg(at: Arithmetic, node: Neg, bound: Bound) -> Cells:
    return np.asarray(-at.value(node.arg, bound), dtype=object)


def _hadamard(at: Arithmetic, node: Hadamard, bound: Bound) -> Cells:
    return _folded(_TIMES, at.values(node.factors, bound))


def _divide(at: Arithmetic, node: Divide, bound: Bound) -> Cells:
    return _folded(_OVER, [at.value(node.num, bound), at.value(node.den, bound)])


def _power(at: Arithmetic, node: Power, bound: Bound) -> Cells:
    return _folded(_POWER, [at.value(node.base, bound), at.value(node.exponent, bound)])


def _transpose(at: Arithmetic, node: Transpose, bound: Bound) -> Cells:
    return at.value(node.arg, bound).T


def _matmul(at: Arithmetic, node: MatMul, bound: Bound) -> Cells:
    left, shape = at.value(node.factors[0], bound), node.factors[0].shape
    for factor in node.factors[1:]:
        right = at.value(factor, bound)
        scales = all(dim.is_one for dim in shape) or factor.is_scalar
        left = _folded(_TIMES, [left, right]) if scales else product(left, right)
        shape = product_shape(shape, factor.shape)
    return left


def product(left: Cells, right: Cells) -> Cells:
    """The matrix product."""
    found = np.empty((left.shape[0], right.shape[1]), dtype=object)
    for row in range(left.shape[0]):
        for column in range(right.shape[1]):
            found[row, column] = total(map(times, left[row], right[:, column]))
    return found


def total(values: Iterable[Value]) -> Value:
    """The sum; 0 of nothing."""
    found: Value = ZERO
    for value in values:
        found = plus(found, value)
    return found


def _call(at: Arithmetic, node: Call, bound: Bound) -> Cells:
    op = node.op
    if isinstance(op, Elementwise):
        function = scalars.FUNCTIONS.get(op.name) if not node.primes else None
        if function is None or len(node.args) != function_arity(op):
            if op.abstract:
                raise NoValue(f"{op.name} is an arbitrary function and has no numbers")
            return at.value(at.expand(node), bound)
        return np.asarray(
            np.frompyfunc(function, len(node.args), 1)(*at.values(node.args, bound)), dtype=object
        )
    assert isinstance(op, Structural)
    shape = (at.extent(node.call_shape[0]), at.extent(node.call_shape[1]))
    found = structural(op, node.axis, at.values(node.args, bound), shape)
    if found is not None:
        return found
    if op.definition is not None:
        return at.value(at.expand(node), bound)
    if op.forward is None:
        raise NoValue(f"{op.name} has no numbers")
    given = [np.array(value, dtype=float) for value in at.values(node.args, bound)]
    return np.asarray(op.forward(given, node.axis), dtype=object)


def function_arity(op: Elementwise) -> int:
    """How many arguments a function of the table takes."""
    return len(op.params)


def _index(at: Arithmetic, node: IndexValue, bound: Bound) -> Cells:
    return cell(ONE * at.position(node, bound))


def _element(at: Arithmetic, node: Element, bound: Bound) -> Cells:
    slots = [at.position(slot, bound) for slot in node.slots]
    base = node.base
    if isinstance(base, Partial) and len(slots) > base.by.rank:
        raise NoValue("an entry of a Jacobian has no numbers")
    value = at.value(base, bound)
    if isinstance(base, Leaf | Partial):
        tensor = base.array
        if isinstance(base, Leaf) and tensor.start is not None and slots[0] == 0:
            return _at_start(at, tensor.start, slots[1:])
        if not tensor.is_matrix:
            return _entry_of(at, value, tensor, slots)
        axes = [tensor.axis_of_side(side) for side in (0, 1)]
        row, column = (1 if axis is None else slots[axis] for axis in axes)
    elif len(slots) == 2:
        row, column = slots
    else:
        given = iter(slots)
        row, column = (1 if dim.is_one else next(given) for dim in base.shape)
    if not (1 <= row <= value.shape[0] and 1 <= column <= value.shape[1]):
        return _beyond(at)
    return cell(value[row - 1, column - 1])


def _beyond(at: Arithmetic) -> Cells:
    """An entry outside its range."""
    if at.zero:
        return cell(ZERO)
    raise NoValue("an entry outside its range")


def _at_start(at: Arithmetic, start: Tensor, slots: list[int]) -> Cells:
    """An entry of h[0], the start of a recursion."""
    value = at.value(Leaf(start), {})
    places = dict(enumerate(slots))
    sides = (places.get(axis, 1) if axis is not None else 1 for axis in map(start.axis_of_side, (0, 1)))
    row, column = sides
    return cell(value[row - 1, column - 1])


def _entry_of(at: Arithmetic, value: Cells, tensor: Tensor, slots: list[int]) -> Cells:
    """An entry of an array of more than two axes."""
    column = 0
    for slot, dim in zip(slots, tensor.shape, strict=True):
        if not 1 <= slot <= at.extent(dim):
            return _beyond(at)
    for slot, dim in zip(slots[1:], tensor.shape[1:], strict=True):
        column = column * at.extent(dim) + slot - 1
    return cell(value[slots[0] - 1, column])


def _places(at: Arithmetic, ranges: tuple[Range, ...], bound: Bound) -> Iterator[Bound]:
    """The values of the bound indices of a sum, outermost first."""
    if not ranges:
        yield bound
        return
    first, *rest = ranges
    low = at.position(first.low, bound) if first.low else 1
    high = at.position(first.high, bound) if first.high else at.extent(first.index.dim)
    for place in range(low, high + 1):
        inner = {**bound, first.index: place}
        if first.condition is not None:
            relation, other = first.condition
            if not _RELATIONS[relation](ONE * place, ONE * at.position(other, inner)):
                continue
        yield from _places(at, tuple(rest), inner)


def _reduce(at: Arithmetic, node: Reduce, bound: Bound) -> Cells:
    values = [at.scalar(node.body, place) for place in _places(at, node.ranges, bound)]
    if node.binder == "max":
        return cell(max(values))
    if node.binder == "prod":
        found: Value = ONE
        for value in values:
            found = times(found, value)
        return cell(found)
    found = total(values)
    return cell(over(found, ONE * len(values)) if node.binder == "mean" else found)


def _indicator(at: Arithmetic, node: Indicator, bound: Bound) -> Cells:
    relation = _RELATIONS[node.op]
    choose = np.frompyfunc(lambda a, b: ONE if relation(a, b) else ZERO, 2, 1)
    return np.asarray(choose(at.value(node.left, bound), at.value(node.right, bound)), dtype=object)


def _comprehension(at: Arithmetic, node: Comprehension, bound: Bound) -> Cells:
    rows = at.extent(node.row.dim) if node.row is not None else 1
    columns = at.extent(node.column.dim) if node.column is not None else 1
    found = np.empty((rows, columns), dtype=object)
    for row in range(rows):
        for column in range(columns):
            place = dict(bound)
            if node.row is not None:
                place[node.row] = row + 1
            if node.column is not None:
                place[node.column] = column + 1
            found[row, column] = at.scalar(node.body, place)
    return found


def _tensor_entries(at: Arithmetic, node: TensorEntries, bound: Bound) -> Cells:
    extents = [at.extent(dim) for dim in node.dims]
    found = np.empty(extents, dtype=object)
    for place in np.ndindex(*extents):
        there = {index: spot + 1 for index, spot in zip(node.indices, place, strict=True)}
        found[place] = at.scalar(node.body, {**bound, **there})
    return found.reshape((extents[0] if extents else 1, -1))


def _slice(at: Arithmetic, node: Slice, bound: Bound) -> Cells:
    return at.value(node.comprehension(), bound)


# Any: each rule takes the one class of node that it is entered for.
_RULES: Mapping[type, Callable[[Arithmetic, Any, Bound], Cells]] = {
    Number: _number, Leaf: _leaf, DimValue: _dim, Partial: _partial, Numeric: _numeric, Add: _add, Neg: _neg,
    MatMul: _matmul, Hadamard: _hadamard, Divide: _divide, Power: _power, Transpose: _transpose,
    Call: _call, IndexValue: _index, LabelValue: _index, Element: _element, Reduce: _reduce,
    Indicator: _indicator, Comprehension: _comprehension, TensorEntries: _tensor_entries, Slice: _slice,
}  # fmt: skip
