"""``Figures``: a problem at the values of its file: exact numbers, printed numbers, and verified lines.

Numbers are computed by ``arithmetic`` (exact where they can be) and every line is checked by
``verification.given``, which evaluates the forward pass and its differences by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product as every_choice
from math import prod
from typing import Any

import numpy as np

from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Numbers
from symbackprop.arithmetic.evaluate import Arithmetic, Cells
from symbackprop.arithmetic.rounding import rounded
from symbackprop.arithmetic.scalars import NoValue, Value
from symbackprop.core.arrays import Numeric, TensorEntries
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Comprehension, IndexValue, Run, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.errors import InputError
from symbackprop.notation.formula import Formula
from symbackprop.notation.steps import Step
from symbackprop.problem_file import Question
from symbackprop.reading.number_bodies import Precision
from symbackprop.verification.given import Given

DEFAULT_DIGITS = 4
LONGEST_FRACTION = 10_000  # denominators that are printed where exact numbers are


@dataclass(slots=True, eq=False)
class Figures:
    """One question about numbers at work."""

    desk: Desk
    question: Question
    precision: Precision
    arithmetic: Arithmetic
    given: Given

    @staticmethod
    def at(desk: Desk, question: Question, precision: Precision) -> Figures:
        """The problem at the values of its file."""
        spec, context = desk.spec, desk.context
        arrays = {
            spec.graph.tensors[name]: oriented(array, spec.graph.tensors[name], spec.sizes)
            for name, array in spec.values.items()
        }
        floats = {tensor: np.array(cells, dtype=float) for tensor, cells in arrays.items()}
        given = Given(spec.graph, spec.sizes, floats, context.expand)
        zero = spec.graph.zero or bool(spec.graph.loops)
        arithmetic = Arithmetic(spec.sizes, arrays, context.expand, zero=zero)
        return Figures(desk, question, precision, arithmetic, given)

    def value(self, expr: Expr) -> Cells:
        """Its numbers, in the shape of the expression; an InputError where one does not exist."""
        try:
            cells = self.arithmetic.value(expr)
        except NoValue as reason:
            raise self._no_value(expr, str(reason)) from None
        if _is_matrix(expr):
            shape = tuple(self.arithmetic.extent(dim) for dim in expr.shape)
            cells = np.broadcast_to(cells, shape)
        for number in cells.ravel():
            if isinstance(number, float) and not np.isfinite(number):
                raise self._no_value(expr, "a log of 0")
        return cells

    def _no_value(self, expr: Expr, reason: str) -> InputError:
        text = Formula(expr, self.desk.context.names).text
        return InputError(
            f"{text} has no finite value at the values of the file: {reason}", code="schema",
            file=self.question.file, line=self.question.line, column=self.question.column,
            hint="change values:",
        )  # fmt: skip

    def solve(self, equation: Equation, target: Tensor | None = None) -> Cells:
        """The numbers of the target of an equation, remembered under it (or under another name)."""
        assert equation.expr is not None
        tensor = equation.target
        loop = self.desk.spec.graph.loop_of(tensor)
        if loop and target is None:
            return self._loop(loop, tensor)
        cells = self._entries(equation) if equation.indices else self.value(equation.expr)
        shape = self._oriented(tensor)
        cells = np.broadcast_to(cells, shape)
        self.arithmetic.tensors[target or tensor] = cells
        return cells

    def _loop(self, loop: tuple[Tensor, ...], target: Tensor) -> Cells:
        """The numbers of a recursion, member by member."""
        graph, at = self.desk.spec.graph, self.arithmetic
        equations = [graph.equation_of(tensor) for tensor in loop]
        for tensor in loop:
            at.tensors[tensor] = _zeros(self._oriented(tensor))
        steps = at.extent(loop[0].shape[0])
        for step in range(1, steps + 1):
            for equation in equations:
                assert equation is not None
                assert equation.expr is not None
                self._row(equation.expr, equation.indices, step, at.tensors[equation.target])
        return at.tensors[target]

    def _row(self, expr: Expr, indices: tuple[Index, ...], step: int, cells: Cells) -> None:
        """One member of a family, written into the array of all."""
        first, *own = indices
        self.arithmetic.forget()
        extents = [self.arithmetic.extent(index.dim) for index in own]
        try:
            for place, spots in enumerate(np.ndindex(*extents)):
                bound = {first: step, **{index: spot + 1 for index, spot in zip(own, spots, strict=True)}}
                flat = cells.reshape(self.arithmetic.extent(first.dim), -1)  # a view
                flat[step - 1, place] = self.arithmetic.scalar(expr, bound)
        except NoValue as reason:
            raise self._no_value(expr, str(reason)) from None

    def set_loop(self, of: Tensor, values: Mapping[Tensor, Expr], loop: tuple[Tensor, ...]) -> None:
        """The numbers of the derivatives by the targets of a recursion, the last member first."""
        kinds = (TensorEntries, Comprehension)
        wanted = [tensor for tensor in reversed(loop) if isinstance(values.get(tensor), kinds)]
        for tensor in wanted:
            self.arithmetic.partials[of, tensor] = _zeros(self._oriented(tensor))
        for step in range(self.arithmetic.extent(loop[0].shape[0]), 0, -1):
            for tensor in wanted:
                value = values[tensor]
                assert isinstance(value, TensorEntries | Comprehension)
                self._row(value.body, value.free, step, self.arithmetic.partials[of, tensor])

    def _oriented(self, tensor: Tensor) -> tuple[int, ...]:
        """Rows and columns of an array; of more than two axes a row for each place of the first."""
        extents = tuple(self.arithmetic.extent(dim) for dim in tensor.shape)
        if not tensor.is_matrix:
            return (extents[0], prod(extents[1:]))
        return tuple(self.arithmetic.extent(dim) for dim in tensor.oriented)

    def parts(self, name: Leaf | Partial) -> tuple[Expr, ...]:
        """An array as it is printed in numbers: itself, or of more than two axes its matrices one by one."""
        tensor = name.array
        if tensor.is_matrix:
            return (name,)
        split = 1 if tensor.over else len(tensor.shape) - 2  # of a family its members
        held = [range(1, self.arithmetic.extent(dim) + 1) for dim in tensor.shape[:split]]
        runs = tuple(Run(IndexValue((), ONE), dim) for dim in tensor.shape[split:])
        across = tensor.convention.vectors_are_rows
        return tuple(
            Slice(name, (*(IndexValue((), Dim(place)) for place in places), *runs), across)
            for places in every_choice(*held)
        )

    def _entries(self, equation: Equation) -> Cells:
        """An equation for each entry."""
        assert equation.expr is not None
        target = equation.target
        extents = [self.arithmetic.extent(dim) for dim in target.shape]
        cells = np.empty(extents, dtype=object)
        try:
            for place in np.ndindex(*extents):
                bound = {index: place[axis] + 1 for axis, index in enumerate(equation.indices)}
                cells[place] = self.arithmetic.scalar(equation.expr, bound)
        except NoValue as reason:
            raise self._no_value(Leaf(target), str(reason)) from None
        return cells.reshape(self._oriented(target))

    def set_partial(self, partial: Partial, value: Expr) -> None:
        """The numbers of a derivative are those of its formula."""
        cells = self.value(value)
        shape = self._oriented(partial.by)
        self.arithmetic.partials[partial.of, partial.by] = np.broadcast_to(cells, shape)

    def numeric(self, source: Expr) -> Numeric:
        """Its numbers as they are printed."""
        cells = self.value(source)
        return Numeric(source, tuple(tuple(self._printed(number) for number in row) for row in cells))

    def _printed(self, number: Value) -> Fraction | Decimal:
        """Exact: whole numbers, and all that are known exactly where that is wanted; else rounded."""
        digits = self.precision.digits
        if isinstance(number, Fraction):
            if number.denominator == 1:
                return number
            if self.precision.exact and number.denominator <= LONGEST_FRACTION:
                return number
            if digits is None:
                short = _short_decimal(number)
                if short is not None or number.denominator <= LONGEST_FRACTION:
                    return number if short is None else short
        return rounded(number, DEFAULT_DIGITS if digits is None else digits)

    def as_given(self, source: Expr) -> Numeric:
        """The numbers of a symbol as the file gives them: never rounded."""
        cells = self.value(source)
        return Numeric(source, tuple(tuple(Fraction(number) for number in row) for row in cells))

    def numbers(self, cells: Cells, shape: tuple[int, ...]) -> Numbers:
        """The record of the JSON format: nested lists in the declared shape."""
        digits = DEFAULT_DIGITS if self.precision.digits is None else self.precision.digits
        flat = list(cells.ravel())
        exact = [str(n) if isinstance(n, Fraction) else float(n) + 0.0 for n in flat]  # 0.0, not -0.0
        texts = [f"{rounded(n, digits):f}" for n in flat]
        return Numbers(_nested(exact, shape), _nested(texts, shape), digits)

    def line(
        self, before: Expr, after: Expr, because: str, *, rule: str = "numbers",
        quantity: Partial | None = None, heading: str = "",
    ) -> Step:  # fmt: skip
        """A verified line."""
        names = self.desk.context.names
        verdict = self.given.check(before, after)
        return Step(
            rule, because, Formula(before, names), Formula(after, names), {}, (), verdict, quantity,
            heading=heading,
        )  # fmt: skip


def _short_decimal(number: Fraction) -> Decimal | None:
    """The number as a decimal that ends after a few digits: 7/5 is 1.4."""
    for digits in range(1, DEFAULT_DIGITS + 1):
        if (number * 10**digits).denominator == 1:
            return rounded(number, digits)
    return None


def oriented(array: object, tensor: Tensor, sizes: Mapping[str, int]) -> Cells:
    """Nested tuples as rows and columns."""
    flat = list(_flat(array))
    cells = np.empty(len(flat), dtype=object)
    cells[:] = flat
    if not tensor.is_matrix:
        return cells.reshape((tensor.shape[0].evaluate(sizes), -1))
    return cells.reshape(tuple(dim.evaluate(sizes) for dim in tensor.oriented))


def _zeros(shape: tuple[int, ...]) -> Cells:
    """An array of exact zeros."""
    found = np.empty(shape, dtype=object)
    found[...] = Fraction(0)
    return found


def _is_matrix(expr: Expr) -> bool:
    """Whether an expression has rows and columns."""
    if isinstance(expr, Leaf | Partial):
        return expr.array.is_matrix
    return not isinstance(expr, TensorEntries)


def _flat(array: object) -> Iterable[Any]:
    if isinstance(array, tuple):
        for part in array:
            yield from _flat(part)
    else:
        yield array


def _nested(flat: list[Any], shape: tuple[int, ...]) -> object:
    if not shape:
        return flat[0]
    size = len(flat) // shape[0]
    return [_nested(flat[place * size : (place + 1) * size], shape[1:]) for place in range(shape[0])]


def overall(steps: Iterable[Step]) -> Verdict:
    """Fails if a line fails; not checked if one is not; else how they were checked."""
    verdicts = [verdict for step in steps for verdict in _verdicts(step)]
    for status in ("fails", "not-checked"):
        for verdict in verdicts:
            if verdict.status == status:
                return verdict
    worst = max((v.evidence.max_rel_error or 0.0 for v in verdicts), default=0.0)
    differences = any(v.evidence.method == "differences" for v in verdicts)
    given = [v.evidence for v in verdicts if v.evidence.points == 1]
    sizes = given[0].sizes if given else ()
    return Verdict("holds", Evidence("differences" if differences else "evaluation", 1, sizes, worst))


def _verdicts(step: Step) -> Iterable[Verdict]:
    yield step.verdict
    for sub in step.substeps:
        yield from _verdicts(sub)
