"""Typed expressions as SymPy objects.

Every 1 x 1 value is a SymPy scalar; everything else is a matrix expression. SymPy's own classes
are used where they survive ``lambdify``, ours (``sympy_objects``) elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.core.symbol import Str

from symbackprop.core.arrays import Numeric
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
from symbackprop.core.indexed import IndexValue, Indicator, label_of
from symbackprop.core.tensors import Tensor
from symbackprop.notation.building import ELEMENTWISE_KINDS
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.sympy_arithmetic import add_up, constant, hadamard, of_matrix, product, quotient
from symbackprop.notation.sympy_base import OperationName, entry_of, is_matrix
from symbackprop.notation.sympy_grids import evaluate
from symbackprop.notation.sympy_indexed import indexed
from symbackprop.notation.sympy_objects import (
    AbstractApplied,
    Applied,
    ElementwiseIndicator,
    ElementwisePower,
    related,
    scalar_rule,
)
from symbackprop.notation.sympy_structures import OneHot, ScalarStructure, Structure
from symbackprop.notation.sympy_symbols import (
    dim_symbol,
    dim_value,
    function_symbol,
    in_symbols_of,
    parameter_of,
    partial_symbol,
    symbol_of,
)
from symbackprop.notation.sympy_writer import Writer


def to_sympy(expr: Expr, names: Names = PLAIN) -> Any:
    """The SymPy object of ``expr``, in the author's own symbols where ``names`` has them."""
    taken = {node.tensor.name for node in expr.walk() if isinstance(node, Leaf)}
    return in_symbols_of(names, _NodeWriter(names, taken).value(expr))


def arguments_of(result: Any, graph: Graph, names: Names = PLAIN) -> list[Any]:
    """What ``sympy.lambdify(arguments, result)`` needs: symbols in declared order, then functions, then dims.

    ``result`` is a SymPy object or a typed expression.
    """
    if isinstance(result, Expr):
        result = to_sympy(result, names)
    free = set(result.free_symbols) | result.atoms(sympy.MatrixSymbol)
    higher = result.atoms(sympy.IndexedBase)  # whose labels and entries count as free symbols too
    if higher:
        labels = {base.label for base in higher}
        free = {one for one in free if one not in labels and not isinstance(one, sympy.Indexed)} | higher
    tensors = [parameter_of(names, symbol_of(t)) for t in (*graph.symbols, *graph.tensors.values())]
    dims = [in_symbols_of(names, dim_symbol(name)) for name in graph.dims]
    ordered = [symbol for symbol in dict.fromkeys(tensors) if symbol in free]
    sizes = [symbol for symbol in dims if symbol in free]
    rest = sorted(free - set(ordered) - set(sizes), key=str)
    more_sizes = [symbol for symbol in rest if symbol.is_integer and not symbol.is_Matrix]
    return [*ordered, *(symbol for symbol in rest if symbol not in more_sizes), *sizes, *more_sizes]


class _NodeWriter(Writer):
    """Writes by the kind of the node."""

    def value(self, expr: Expr) -> Any:
        match expr:
            case Number(value=value):
                return sympy.Rational(value.numerator, value.denominator)
            case Numeric(cells=cells):
                rows = [[sympy.Rational(str(number)) for number in row] for row in cells]
                return rows[0][0] if expr.is_scalar else sympy.ImmutableMatrix(rows)
            case DimValue(dim=dim):
                return dim_value(dim)
            case Leaf(tensor=tensor):
                return self.leaf(tensor)
            case Partial():
                return partial_symbol(expr, self.names)
            case Neg(arg=arg):
                # Not -M: SymPy would ask its assumptions about every diagonal matrix in M: seconds.
                return product([sympy.S.NegativeOne, self.value(arg)])
            case Transpose(arg=arg):
                inner = self.value(arg)
                return sympy.Transpose(inner) if is_matrix(inner) else inner
            case MatMul(factors=factors):
                return product([self.value(factor) for factor in factors])
            case Add() | Hadamard() | Divide() | Power() | Indicator():
                return self.elementwise(expr)
            case Call():
                return self.call(expr)
            case _:
                return indexed(self, expr)

    def leaf(self, tensor: Tensor) -> Any:
        """A symbol, or the number that a tensor is known to be."""
        if tensor.value is not None:
            return sympy.Rational(tensor.value.numerator, tensor.value.denominator)
        if tensor.numpy_value is not None:
            return evaluate(tensor.numpy_value, {})
        return symbol_of(tensor)

    def elementwise(self, expr: Add | Hadamard | Divide | Power | Indicator) -> Any:
        """Ordinary arithmetic on scalars, SymPy's or our classes on matrices."""
        if isinstance(expr, Indicator) and (label_of(expr.left) or label_of(expr.right)) is not None:
            return self.label_equality(expr)
        parts = [self.value(child) for child in expr.children]
        match expr:
            case Add():
                return add_up(parts)
            case Hadamard():
                return hadamard(parts)
            case Divide():
                return quotient(*parts)
            case Power():
                return ElementwisePower(*parts) if is_matrix(parts[0]) else parts[0] ** parts[1]
            case Indicator(op=op):
                return self.indicator(expr, op, parts)

    def label_equality(self, expr: Indicator) -> Any:
        """A Kronecker delta of a label and a position, both counted from 0."""
        sides = [
            self.place(side, -1) if isinstance(side, IndexValue) else self.value(side)
            for side in (expr.left, expr.right)
        ]
        delta = sympy.KroneckerDelta(*sides)
        return delta if expr.op == "=" else 1 - delta

    def indicator(self, expr: Indicator, op: str, parts: Sequence[Any]) -> Any:
        """A Kronecker delta of two positions; else 1 where the relation holds."""
        if any(is_matrix(part) for part in parts):
            return ElementwiseIndicator(Str(op), *parts)
        places = isinstance(expr.left, IndexValue) and isinstance(expr.right, IndexValue)
        if places and op in ("=", "!="):
            delta = sympy.KroneckerDelta(*parts)
            return delta if op == "=" else 1 - delta
        whole = all(part.is_integer for part in parts)
        if whole and op in ("=", "!="):  # a Piecewise would leave the sum that binds its positions
            delta = sympy.KroneckerDelta(*parts)
            return delta if op == "=" else 1 - delta
        return sympy.Piecewise((1, related(op, *parts)), (0, True))

    def call(self, call: Call) -> Any:
        """A call of an operation of the table, or of a declared function."""
        parts = [self.value(arg) for arg in call.args]
        if call.op.kind in ELEMENTWISE_KINDS:
            return self.applied(call, parts)
        rule = getattr(call.op, "shape_rule", None)
        if rule in ("ones", "zeros", "eye"):
            return constant(str(rule), [dim_value(dim) for dim in call.call_shape])
        axis = Str(call.axis or "")
        if rule == "onehot":
            classes = call.call_shape[1 if call.axis == "rows" else 0]
            return OneHot(parts[0], dim_value(classes), axis)
        if rule == "diagonal":
            axis = Str("rows" if call.call_shape[0].is_one else "columns")
        if rule == "diag" and not is_matrix(parts[0]):
            return parts[0]
        if rule == "diag":
            return sympy.DiagMatrix(parts[0])
        if call.op.name == "inv" or (call.op.name in ("det", "logdet") and not is_matrix(parts[0])):
            return of_matrix(call.op.name, parts[0])
        if rule == "reshape":
            parts = [parts[0], *map(dim_value, call.call_shape)]
        head = OperationName(call.op)
        if rule == "pad":
            ones = [dim.is_one for dim in call.call_shape]
            axis = Str({(False, True): "columns", (True, False): "rows"}.get((ones[0], ones[1]), ""))
        if rule == "reshape" and call.is_scalar:
            return entry_of(parts[0], 0, 0)
        if rule in ("pad", "reshape", "stack"):
            return Structure(head, axis, *parts)
        if not any(is_matrix(part) for part in parts):
            return ScalarStructure(head, axis, *parts).explicit_value()
        if call.is_scalar:
            return ScalarStructure(head, axis, *parts)
        return Structure(head, axis, *parts)

    def applied(self, call: Call, parts: Sequence[Any]) -> Any:
        """An elementwise function of matrices, or of scalars."""
        matrix = any(is_matrix(part) for part in parts)
        if getattr(call.op, "abstract", False):
            name = function_symbol(call.op.name, call.primes)
            return AbstractApplied(name, *parts) if matrix else sympy.Function(name.name)(*parts)
        if matrix:
            return Applied(OperationName(call.op, call.primes), *parts)
        return scalar_rule(call.op, call.primes, tuple(parts))
