"""The oracle of the code tests: every value a 2-D array, every index a loop; slow and plain."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

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
)
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator, Range, Reduce, Slice
from symbackprop.core.tensors import Index, Tensor

RELATIONS = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
SIZES = {"N": 5, "D": 3, "M": 4, "K": 2, "n": 6}


def sample(shape: tuple[Dim, ...], seed: int, *, low: float = 0.2, high: float = 1.7) -> np.ndarray:
    """Unsorted positive numbers of the declared shape."""
    generator = np.random.default_rng(seed)
    return generator.uniform(low, high, tuple(dim.evaluate(SIZES) for dim in shape))


def symbols(graph: Graph, *, low: float = 0.2, high: float = 1.7) -> dict[str, Any]:
    """An array for each symbol, as ``numpy()`` takes them."""
    return {
        tensor.name: sample(tensor.shape, place + 11, low=low, high=high)
        for place, tensor in enumerate(graph.symbols)
    }


class Plain:
    """Values of expressions; ``arrays`` and ``functions`` by name."""

    def __init__(
        self, graph: Graph, arrays: Mapping[str, Any], functions: Mapping[str, Any] | None = None
    ) -> None:
        self.functions = functions or {}
        self.values: dict[Any, np.ndarray] = {}
        for tensor in graph.symbols:
            self.values[tensor] = self.oriented(tensor, arrays[tensor.name])
        for equation in graph.equations:
            assert equation.expr is not None
            if not equation.indices:
                found = self.of(equation.expr) * np.ones(self.extents(equation.target))
            else:
                spans = [range(1, index.dim.evaluate(SIZES) + 1) for index in equation.indices]
                found = np.zeros([len(span) for span in spans])
                for spot in itertools.product(*spans):
                    env = dict(zip(equation.indices, spot, strict=True))
                    found[tuple(p - 1 for p in spot)] = self.of(equation.expr, env)[0, 0]
                found = self.oriented(equation.target, found)
            self.values[equation.target] = found

    def extents(self, tensor: Tensor) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = tensor.oriented
        return (rows.evaluate(SIZES), columns.evaluate(SIZES))

    def oriented(self, tensor: Tensor, value: Any) -> np.ndarray:
        """The 2-D array of a declared one."""
        return np.asarray(value, dtype=float).reshape(self.extents(tensor))

    def of(self, expr: Expr, env: Mapping[Index, int] = {}) -> np.ndarray:  # noqa: C901
        """The 2-D value."""
        match expr:
            case Number(value=value):
                return np.array([[float(value)]])
            case DimValue(dim=dim):
                return np.array([[float(dim.evaluate(SIZES))]])
            case Leaf(tensor=tensor):
                return np.array([[np.pi]]) if tensor.name == "pi" else self.values[tensor]
            case Partial():
                return self.values[expr]
            case Add(terms=terms):
                return sum(self.of(term, env) for term in terms)  # type: ignore[return-value]
            case Neg(arg=arg):
                return -self.of(arg, env)
            case Hadamard(factors=factors):
                total = self.of(factors[0], env)
                for factor in factors[1:]:
                    total = total * self.of(factor, env)
                return total
            case MatMul(factors=factors):
                total = self.of(factors[0], env)
                for factor in factors[1:]:
                    value = self.of(factor, env)
                    total = total * value if (1, 1) in (total.shape, value.shape) else total @ value
                return total
            case Divide(num=num, den=den):
                return self.of(num, env) / self.of(den, env)
            case Power(base=base, exponent=exponent):
                return self.of(base, env) ** self.of(exponent, env)
            case Transpose(arg=arg):
                return self.of(arg, env).T
            case Indicator(left=left, op=op, right=right):
                return RELATIONS[op](self.of(left, env), self.of(right, env)) * 1.0
            case IndexValue():
                return np.array([[float(self.position(expr, env))]])
            case Element():
                return self.element(expr, env)
            case Reduce():
                return self.reduction(expr, env)
            case Comprehension(row=row, column=column, body=body):
                rows, columns = (dim.evaluate(SIZES) for dim in expr.shape)
                found = np.zeros((rows, columns))
                for r, c in itertools.product(range(rows), range(columns)):
                    inner = {**env, **{i: p + 1 for i, p in ((row, r), (column, c)) if i is not None}}
                    found[r, c] = self.of(body, inner)[0, 0]
                return found
            case Slice():
                return self.of(expr.comprehension(), env)
            case Call():
                return self.call(expr, env)
        raise AssertionError(expr)

    def position(self, slot: IndexValue, env: Mapping[Index, int]) -> int:
        """A one-based position."""
        return slot.offset.evaluate(SIZES) + sum(c * env[index] for index, c in slot.indices)

    def element(self, expr: Element, env: Mapping[Index, int]) -> np.ndarray:
        """One entry."""
        base = expr.base
        value = self.of(base, env)
        tensor = base.array
        if tensor is not None:
            value = value.reshape([dim.evaluate(SIZES) for dim in tensor.shape])
        else:
            value = value.reshape([dim.evaluate(SIZES) for dim in base.shape if not dim.is_one])
        spot = [self.position(slot, env) - 1 for slot in expr.slots]
        inside = all(0 <= place < size for place, size in zip(spot, value.shape, strict=True))
        return np.array([[value[tuple(spot)] if inside else 0.0]])

    def reduction(self, expr: Reduce, env: Mapping[Index, int]) -> np.ndarray:
        """Sum, mean, product or maximum over the bound indices."""
        found = [self.of(expr.body, inner)[0, 0] for inner in self.bindings(expr.ranges, dict(env))]
        how = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max}[expr.binder]
        return np.array([[how(found)]])

    def bindings(self, ranges: tuple[Range, ...], env: dict[Index, int]) -> Any:
        """Every choice of positions, outer indices first."""
        if not ranges:
            yield env
            return
        first = ranges[0]
        low = self.position(first.low, env) if first.low is not None else 1
        high = self.position(first.high, env) if first.high is not None else first.index.dim.evaluate(SIZES)
        for place in range(low, high + 1):
            inner = {**env, first.index: place}
            op, other = first.condition or ("=", IndexValue(((first.index, 1),)))
            if RELATIONS[op](place, self.position(other, inner)):
                yield from self.bindings(ranges[1:], inner)

    def call(self, expr: Call, env: Mapping[Index, int]) -> np.ndarray:
        """The operation's own forward function; differences for primes."""
        op: Any = expr.op
        args = [self.of(arg, env) for arg in expr.args]
        rows, columns = (dim.evaluate(SIZES) for dim in expr.shape)
        if getattr(op, "abstract", False):
            return self.functions[op.name + "'" * expr.primes](*args)
        if op.kind == "elementwise":
            if not expr.primes:
                return op.forward(*args)
            step = 1e-4
            shifted = [args[0] + k * step for k in (-2, -1, 1, 2)]
            a, b, c, d = (op.forward(*(value, *args[1:])) for value in shifted)
            return (a - 8 * b + 8 * c - d) / (12 * step)
        if op.name == "ones":
            return np.ones((rows, columns))
        if op.name == "zeros":
            return np.zeros((rows, columns))
        if op.name == "eye":
            return np.eye(rows)
        if op.name == "diagonal":
            return np.diagonal(args[0]).reshape(rows, columns)
        return op.forward(args, expr.axis).reshape(rows, columns)
