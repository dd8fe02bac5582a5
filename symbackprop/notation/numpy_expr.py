"""Typed expressions as NumPy expressions; a vector is a 1-D array, whichever way it stands.

How a value is held follows from its shape alone: (1, 1) is a number, (n, 1) and (1, n) are 1-D
arrays, everything else is 2-D. A transpose of a 1-D array is therefore free, and an extent that is
literally 1 appears only for an instant, where a column meets a matrix: ``v[:, None] * A``.
Index notation (sums over named indices, entries) is the business of ``numpy_index``.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from fractions import Fraction

from symbackprop.core.expr import (
    SCALAR,
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
)
from symbackprop.core.indexed import Indicator
from symbackprop.core.tensors import Tensor
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_axes import has_indices
from symbackprop.notation.numpy_base import Writer, align, code, dim_code, held, number, plus, real, related
from symbackprop.notation.numpy_calls import call_code
from symbackprop.notation.numpy_index import index_code
from symbackprop.notation.numpy_loops import Looped, loop_code
from symbackprop.notation.numpy_products import Factor, product


def write(writer: Writer, expr: Expr) -> ast.expr:
    """The NumPy expression of ``expr``, held as its shape says."""
    match expr:
        case Number() | DimValue() | Leaf() | Partial():
            return _atom(writer, expr)
        case Add():
            return _sum(writer, expr)
        case Neg(arg=arg):
            return py.minus(real(code(writer, arg)))
        case MatMul():
            return _product(writer, expr)
        case Hadamard():
            return _hadamard(writer, expr)
        case Divide(num=num, den=den):
            return _quotient(writer, num, den, expr.shape)
        case Power():
            return _power(writer, expr)
        case Transpose(arg=arg):
            inner = code(writer, arg)
            return py.attribute(inner, "T") if held(arg.shape) == "mat" else inner
        case Call():
            return call_code(writer, expr)
        case Looped():
            return loop_code(writer, expr)
        case Indicator(left=left, right=right) if not (expr.is_scalar and has_indices(expr)):
            first, second = _sides(writer, left, right, expr.shape)
            return related(first, expr.op, second, (left, right))
        case _:
            return index_code(writer, expr)


def _atom(writer: Writer, expr: Number | DimValue | Leaf | Partial) -> ast.expr:
    match expr:
        case Number(value=value):
            return number(value)
        case DimValue(dim=dim):
            return dim_code(dim)
        case Leaf(tensor=tensor):
            return _stored(writer, tensor, expr)
        case Partial():
            return _stored(writer, expr, expr)


def _sides(writer: Writer, left: Expr, right: Expr, shape: Shape) -> tuple[ast.expr, ast.expr]:
    first, second = (align(real(code(writer, side)), side.shape, shape) for side in (left, right))
    return first, second


def _quotient(writer: Writer, num: Expr, den: Expr, shape: Shape) -> ast.expr:
    top, bottom = _sides(writer, num, den, shape)
    return py.binary(top, "/", bottom)


def _stored(writer: Writer, what: Tensor | Partial, expr: Expr) -> ast.expr:
    tensor = what if isinstance(what, Tensor) else what.by
    if isinstance(what, Tensor) and what.numpy_value is not None:
        return py.fill(what.numpy_value, {})
    if isinstance(what, Tensor) and what.value is not None:
        return number(what.value)
    node = py.name(writer.name_of(what))
    if tensor.rank < 2 or not writer.stored(what):
        return node
    zero = py.literal(0)
    if not tensor.is_matrix:
        thin = [dim.is_one for dim in tensor.shape]
        return py.subscript(node, *(zero if one else py.COLON for one in thin)) if any(thin) else node
    kind = held(expr.shape)
    if kind == "col":
        return py.subscript(node, py.COLON, zero)
    if kind == "row":
        return py.subscript(node, zero)
    return py.subscript(node, zero, zero) if kind == "scalar" else node


def _thin(expr: Expr) -> Expr:
    """``x 1^T``, ``1 x^T`` and ``ones`` as something that broadcasting stretches."""
    if _is_ones(expr):
        return Number(Fraction(1))
    if isinstance(expr, MatMul) and len(expr.factors) == 2 and held(expr.shape) == "mat":
        left, right = expr.factors
        if held(left.shape) == "col" and held(right.shape) == "row":
            if _is_ones(right):
                return left
            if _is_ones(left):
                return right
    return expr


def _is_ones(expr: Expr) -> bool:
    if isinstance(expr, Transpose):
        return _is_ones(expr.arg)
    return isinstance(expr, Call) and getattr(expr.op, "shape_rule", None) == "ones"


def _thinned(expr: Add | Hadamard, parts: Sequence[Expr]) -> Sequence[Expr]:
    thin = tuple(_thin(part) for part in parts)
    return thin if type(expr)(thin).shape == expr.shape else parts


def _sum(writer: Writer, expr: Add) -> ast.expr:
    signed = [(term.arg, True) if isinstance(term, Neg) else (term, False) for term in expr.terms]
    thin = _thinned(expr, [term for term, _ in signed])
    terms = [(term, negative) for term, (_, negative) in zip(thin, signed, strict=True)]
    first = next((place for place, (_, negative) in enumerate(terms) if not negative), 0)
    terms.insert(0, terms.pop(first))  # b - a rather than -a + b
    total: ast.expr | None = None
    for term, negative in terms:
        part = align(real(code(writer, term)), term.shape, expr.shape)
        total = plus(total, part, negative=negative)
    assert total is not None
    return total


def _hadamard(writer: Writer, expr: Hadamard) -> ast.expr:
    factors = _thinned(expr, expr.factors)
    kept = [factor for factor in factors if factor != Number(Fraction(1))] or [factors[0]]
    kept.sort(key=lambda factor: held(factor.shape) != "scalar")  # small before large
    nodes = [align(code(writer, factor), factor.shape, expr.shape) for factor in kept]
    if all(py.is_truth(node) or isinstance(node, ast.Constant) for node in nodes):
        nodes = [real(node) for node in nodes]
    total = nodes[0]
    for node in nodes[1:]:
        total = py.binary(total, "*", node)
    return total


def _power(writer: Writer, expr: Power) -> ast.expr:
    base = real(code(writer, expr.base))
    exponent = expr.exponent
    value = -exponent.arg.value if isinstance(exponent, Neg) and isinstance(exponent.arg, Number) else None
    if isinstance(exponent, Number):
        value = exponent.value
    if value is None:
        return py.binary(base, "**", real(code(writer, exponent)))
    if value == 0:
        return py.binary(base, "**", py.literal(0))
    root = abs(value)
    if root == 1:
        part = base
    elif root == Fraction(1, 2):
        part = py.call("np.sqrt", base)
    elif root.denominator == 1 and root <= 2:
        part = py.binary(base, "**", number(root))
    else:
        return py.binary(base, "**", number(value) if value > 0 else py.minus(_float(root)))
    return part if value > 0 else py.binary(py.literal(1.0), "/", part)


def _float(value: Fraction) -> ast.expr:
    node = number(value)
    whole = isinstance(node, ast.Constant) and isinstance(node.value, int)
    return py.literal(float(value)) if whole else node


def _product(writer: Writer, expr: MatMul) -> ast.expr:
    """Split into true matrix products and the numbers that scale them, left to right."""
    scalars: list[ast.expr] = []
    segment: list[Expr] = []
    shape: Shape = SCALAR
    for factor in expr.factors:
        if factor.is_scalar:
            scalars.append(real(code(writer, factor)))
        elif segment and held(shape) == "scalar":
            scalars.append(product(_factors(writer, segment)))
            segment, shape = [factor], factor.shape
        else:
            shape = (shape[0], factor.shape[1]) if segment else factor.shape
            segment.append(factor)
    if not segment:
        return _times(scalars)
    return product(_factors(writer, segment), _times(scalars) if scalars else None)


def _times(nodes: Sequence[ast.expr]) -> ast.expr:
    total = nodes[0]
    for node in nodes[1:]:
        total = py.binary(total, "*", node)
    return total


def _factors(writer: Writer, segment: Sequence[Expr]) -> list[Factor]:
    found = []
    for factor in segment:
        kind = held(factor.shape)
        special = factor.arg if isinstance(factor, Transpose) else factor
        rule = getattr(special.op, "shape_rule", None) if isinstance(special, Call) else None
        if rule == "diag" and isinstance(special, Call) and kind == "mat":
            found.append(Factor(factor.shape, real(code(writer, special.args[0])), "diag"))
        elif rule == "eye" and kind == "mat":
            found.append(Factor(factor.shape, code(writer, special), "eye"))
        elif rule == "ones":
            found.append(Factor(factor.shape, code(writer, special), "ones"))
        else:
            found.append(Factor(factor.shape, real(code(writer, factor)), "plain"))
    return found
