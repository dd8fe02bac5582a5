"""Verdicts at one point that a file gives: whether numbers are right, to the last digit printed.

The forward pass is evaluated here once more, in floating point and by the evaluator that judges; derivatives
are differences. A line ``before = after`` holds if both sides agree and every number printed in it is the
rounding of what it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np

from symbackprop.core.arrays import Numeric, TensorEntries
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Counterexample, Evidence, Verdict, not_checked
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.extents import spelled
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Expand, Point, Refusal, ShapeClash, loops_of, outside_of

CLOSE = 1e-8  # relative to the largest number of a side, what differences may be off by


class Given:
    """Judges lines where the symbols have the values of the file."""

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int], values: Mapping[Tensor, Array], expand: Expand
    ) -> None:
        self.graph = graph
        self._expand = expand
        self._values = dict(values)
        self.point = Point(dict(sizes), 0, self._values, outside=outside_of(graph), loops=loops_of(graph))
        _solve(graph, self.point, self._values, expand)
        self._oracle = Oracle(graph, self.point, expand=expand)

    @property
    def oracle(self) -> Oracle:
        """The derivatives at this point."""
        return self._oracle

    def moved(self, new: Mapping[Tensor, Expr], names: Mapping[Tensor, Tensor]) -> None:
        """Let the symbols of ``new`` have these values, and what follows; both are known under ``names``."""
        values = {t: self._values[t] for t in self.graph.symbols if t in self._values}
        for tensor, expr in new.items():
            indices = expr.indices if isinstance(expr, TensorEntries) else ()
            found = self._oracle.value(expr, indices)
            values[tensor] = np.array(found.reshape(self.point.oriented(tensor)) if indices else found)
        _solve(self.graph, replace(self.point, values=values), values, self._expand)
        self._values.update({name: values[tensor] for tensor, name in names.items() if tensor in values})

    def check(self, before: Expr, after: Expr) -> Verdict:
        """``before = after`` at this point, and every number in it."""
        partial = any(isinstance(node, Partial) for side in (before, after) for node in side.walk())
        method = "differences" if partial else "evaluation"
        try:
            worst = self._sides(before, after, method)
            for node in (*_numbers(before), *_numbers(after)):
                self._printed(node, method)
        except _Fails as failure:
            return failure.verdict
        except ShapeClash as clash:
            return Verdict("fails", Evidence(method, 1, (self.point.sizes,), None, str(clash)))
        except Refusal as refusal:
            return not_checked(str(refusal))
        return Verdict("holds", Evidence(method, 1, (self.point.sizes,), worst))

    def _value(self, expr: Expr) -> Array:
        value = self._oracle.value(expr, free_indices(expr))
        if not np.isfinite(value).all():
            raise Refusal("a number of this line is not finite")
        return value

    def _sides(self, before: Expr, after: Expr, method: str) -> float:
        left, right = self._value(before), self._value(after)
        if left.shape != right.shape and 1 not in (left.size, right.size):
            raise ShapeClash(f"{spelled(before.shape)} on the left, {spelled(after.shape)} on the right")
        left, right = np.broadcast_arrays(left, right)
        scale = max(float(np.abs(left).max()), float(np.abs(right).max()), 1e-300)
        error = float(np.abs(left - right).max()) / max(scale, 1.0)
        if error > CLOSE:
            raise self._failure(left, right, np.abs(left - right), method)
        return error

    def _printed(self, node: Numeric, method: str) -> None:
        """Whether each number is what it stands for, rounded to the digits it shows."""
        value = self._value(node.source)
        value = np.broadcast_to(value, (len(node.cells), len(node.cells[0])))
        shown = np.array([[float(number) for number in row] for row in node.cells])
        room = np.array([[_half_unit(number) for number in row] for row in node.cells])
        off = np.abs(shown - value) - room - CLOSE * np.maximum(np.abs(value), 1e-3)
        if (off > 0).any():
            raise self._failure(value, shown, off, method)

    def _failure(self, expected: Array, got: Array, off: Array, method: str) -> _Fails:
        where = tuple(int(place) for place in np.unravel_index(int(np.argmax(off)), off.shape))
        entry = tuple(place + 1 for place in where[-2:])
        example = Counterexample(
            self.point.sizes, self.point.seed, entry, float(expected[where]), float(got[where])
        )
        evidence = Evidence(method, 1, (self.point.sizes,), None, "a number differs", example)
        return _Fails(Verdict("fails", evidence))


class _Fails(Exception):
    """A line is wrong; carries the verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _half_unit(number: Fraction | Decimal) -> float:
    """How far a printed number may lie from what it is the rounding of."""
    if isinstance(number, Fraction):
        return 0.0
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return 0.5 * 10.0**exponent


def _numbers(expr: Expr) -> Iterator[Numeric]:
    if isinstance(expr, Numeric):
        yield expr
        return
    for child in expr.children:
        yield from _numbers(child)


def _solve(graph: Graph, point: Point, values: dict[Tensor, Array], expand: Expand) -> None:
    """Fill in what follows from the symbols that have values."""
    evaluator = Evaluator(point, expand=expand, overrides=values)
    with np.errstate(all="ignore"):
        for equation in graph.equations:
            loop = graph.loop_of(equation.target)
            needed = (t for t in equation.inputs if t not in loop)
            if all(t in values or t.value is not None or t.numpy_value for t in needed):
                try:
                    values[equation.target] = np.array(evaluator.solve(equation))
                except Refusal:
                    continue
