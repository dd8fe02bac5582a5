"""From typed expressions to index forms: what an entry of an expression is.

``Lowering.lower(expr, row, column)`` gives the form of entry (row, column) of ``expr``; ``row`` is
None exactly where the number of rows is literally 1, likewise ``column``. A broadcast operand is
lowered with None on the stretched side, so no alignment by position can happen.

Products of sums keep their sums as ``Group`` factors, as the author wrote them; nothing is
multiplied out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

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
    Shape,
    Transpose,
    product_shape,
)
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator, Reduce, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Fn, as_atom
from symbackprop.notation.forms import Form, bind, negated, number, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Place, Slot
from symbackprop.ops import array_entries, index_notation, line_entries
from symbackprop.ops.elementwise import POWER
from symbackprop.ops.form_arithmetic import dim_form, inverse, power
from symbackprop.ops.label_choices import onehot
from symbackprop.ops.labels import hoisted, onehot_tensor
from symbackprop.ops.lowerer import Expand, Lowerer
from symbackprop.ops.registry import Elementwise
from symbackprop.ops.tensor_entries import entry_at


class Lowering:
    """Lowers expressions; ``expand`` gives the defining expression of a call (a loss, gelu)."""

    def __init__(
        self, expand: Expand, partials: Callable[[Partial], Tensor] | None = None, *, zero: bool = False
    ) -> None:
        self._expand = expand
        self._partials = partials
        self._zero = zero
        self._onehots: dict[Tensor, Tensor] = {}

    def with_partials(self, partials: Callable[[Partial], Tensor]) -> Lowering:
        """The same, with a tensor for each derivative that stands in an expression."""
        other = Lowering(self._expand, partials, zero=self._zero)
        other._onehots = self._onehots
        return other

    def onehot(self, labels: Tensor) -> Tensor:
        """The tensor of 0 and 1 that stands for ``labels`` in index forms, always the same one."""
        if labels not in self._onehots:
            self._onehots[labels] = onehot_tensor(labels)
        return self._onehots[labels]

    def lower(self, expr: Expr, row: Place, column: Place, names: Mapping[Index, Slot] | None = None) -> Form:
        """The form of one entry; ``names`` replaces the index objects of the expression."""
        lowerer = _NodeLowerer(self._expand, self._partials, names or {}, self.onehot, zero=self._zero)
        form = lowerer.lower(expr, row, column)
        return hoisted(form, frozenset(self._onehots.values())) if self._onehots else form


class _NodeLowerer(Lowerer):
    """Lowers by the kind of the node."""

    def lower(self, expr: Expr, row: Place, column: Place) -> Form:
        method = _NODES.get(type(expr))
        if method is None:
            raise UnsupportedError(f"{type(expr).__name__} is not supported yet")
        return method(self, expr, row, column)

    def number(self, expr: Number, row: Place, column: Place) -> Form:
        return number(expr.value)

    def dim(self, expr: DimValue, row: Place, column: Place) -> Form:
        return dim_form(expr.dim)

    def leaf(self, expr: Leaf, row: Place, column: Place) -> Form:
        return single(entry_at(expr.tensor, row, column))

    def partial(self, expr: Partial, row: Place, column: Place) -> Form:
        if self.partials is None:
            raise UnsupportedError("a derivative cannot stand here")
        if expr.turned:
            row, column = column, row
        return single(entry_at(self.partials(replace(expr, turned=False)), row, column))

    def add(self, expr: Add, row: Place, column: Place) -> Form:
        return normal(total(self.part(term, row, column) for term in expr.terms))

    def neg(self, expr: Neg, row: Place, column: Place) -> Form:
        return negated(self.lower(expr.arg, row, column))

    def matmul(self, expr: MatMul, row: Place, column: Place) -> Form:
        return normal(self._chain(list(expr.factors), row, column))

    def _chain(self, factors: list[Expr], row: Place, column: Place) -> Form:
        """Left to right, as ``MatMul`` associates; a 1 x 1 on either side scales."""
        *before, last = factors
        if not before:
            return as_atom(self.lower(last, row, column))
        shape = _chain_shape(before)
        if _is_unit(shape) or last.is_scalar:
            left_places = (None, None) if _is_unit(shape) else (row, column)
            right_places = (None, None) if last.is_scalar else (row, column)
            left = self._chain(before, *left_places)
            return product(left, as_atom(self.lower(last, *right_places)))
        joint = shape[1]
        inner = None if joint.is_one else Index(joint, "k")
        left = self._chain(before, row, inner)
        form = product(left, as_atom(self.lower(last, inner, column)))
        return form if inner is None else bind(form, (inner,))

    def hadamard(self, expr: Hadamard, row: Place, column: Place) -> Form:
        form = number(1)
        for factor in expr.factors:
            form = product(form, as_atom(self.part(factor, row, column)))
        return normal(form)

    def divide(self, expr: Divide, row: Place, column: Place) -> Form:
        top = self.part(expr.num, row, column)
        bottom = inverse(self.part(expr.den, row, column))
        return normal(product(as_atom(top) if bottom.free or top.constant is None else top, bottom))

    def power(self, expr: Power, row: Place, column: Place) -> Form:
        base = normal(self.lower(expr.base, row, column))
        exponent = normal(self.lower(expr.exponent, None, None))
        value = exponent.constant
        if value is not None:
            return power(base, value)
        return single(Fn(POWER, (base, exponent)))

    def transpose(self, expr: Transpose, row: Place, column: Place) -> Form:
        return self.lower(expr.arg, column, row)

    def call(self, expr: Call, row: Place, column: Place) -> Form:
        if isinstance(expr.op, Elementwise):
            return self._elementwise(expr, row, column)
        method = _PRIMITIVES.get(expr.op.name)
        if method is None:
            return self.lower(self.expand(expr), row, column)
        return method(self, expr, row, column)

    def _elementwise(self, expr: Call, row: Place, column: Place) -> Form:
        args = tuple(normal(self.part(arg, row, column)) for arg in expr.args)
        if expr.primes == 0:
            if expr.op.name == "sqrt":
                return power(args[0], Fraction(1, 2))
            if expr.op.name == "square":
                return power(args[0], Fraction(2))
        return single(Fn(expr.op, args, expr.primes))


def _chain_shape(factors: list[Expr]) -> Shape:
    shape = factors[0].shape
    for factor in factors[1:]:
        shape = product_shape(shape, factor.shape)
    return shape


def _is_unit(shape: Shape) -> bool:
    return shape[0].is_one and shape[1].is_one


# By the very type: what is derived from a node (a Jacobian from a Partial) is another kind.
_NODES: Mapping[type[Expr], Callable[[_NodeLowerer, Any, Place, Place], Form]] = {
    Number: _NodeLowerer.number,
    DimValue: _NodeLowerer.dim,
    Leaf: _NodeLowerer.leaf,
    Partial: _NodeLowerer.partial,
    Add: _NodeLowerer.add,
    Neg: _NodeLowerer.neg,
    MatMul: _NodeLowerer.matmul,
    Hadamard: _NodeLowerer.hadamard,
    Divide: _NodeLowerer.divide,
    Power: _NodeLowerer.power,
    Transpose: _NodeLowerer.transpose,
    Element: index_notation.element,
    Slice: index_notation.piece,
    Reduce: index_notation.reduction,
    Indicator: index_notation.indicator,
    IndexValue: index_notation.index_value,
    Comprehension: index_notation.comprehension,
    Call: _NodeLowerer.call,
}
# An operation without an entry here is lowered as its definition.
_PRIMITIVES: Mapping[str, Callable[[_NodeLowerer, Call, Place, Place], Form]] = {
    "softmax": line_entries.softmax,
    "log_softmax": line_entries.log_softmax,
    "logsumexp": line_entries.logsumexp,
    "sum": line_entries.sum,
    "mean": line_entries.mean,
    "rowsum": line_entries.rowsum,
    "colsum": line_entries.colsum,
    "rowmean": line_entries.rowmean,
    "colmean": line_entries.colmean,
    "trace": line_entries.trace,
    "max": line_entries.extreme,
    "min": line_entries.extreme,
    "rowmax": line_entries.extreme,
    "colmax": line_entries.extreme,
    "outer": array_entries.outer,
    "diag": array_entries.diag,
    "diagonal": array_entries.diagonal,
    "eye": array_entries.eye,
    "ones": array_entries.ones,
    "zeros": array_entries.zeros,
    "onehot": onehot,
    "inv": array_entries.inv,
    "det": array_entries.det,
    "logdet": array_entries.logdet,
    "stack": array_entries.stack,
    "pad": array_entries.pad,
    "reshape": array_entries.reshape,
}
