"""What all writers of NumPy code share: how a value is held, literals, alignment, the context.

How a value is held follows from its shape alone: (1, 1) is a number, (n, 1) and (1, n) are 1-D
arrays, everything else is 2-D.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, DimValue, Expr, Leaf, Neg, Number, Partial, Shape, Transpose
from symbackprop.core.indexed import Element, IndexValue, Slice
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import InputError
from symbackprop.notation import pycode as py

Held = Literal["scalar", "col", "row", "mat"]
Expand = Callable[[Call], Expr]
RELATIONS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
DIM_MARK = "$"
_EXACT_INT = 2**53


def held(shape: Shape) -> Held:
    """How a value of this shape is held."""
    rows, columns = shape
    if columns.is_one:
        return "scalar" if rows.is_one else "col"
    return "row" if rows.is_one else "mat"


@dataclass(slots=True)
class Writer:
    """What the code of one function needs to know.

    dispatch   the function that writes one expression (``numpy_expr.write``).
    name_of    the identifier of a tensor, a derivative (``Partial``) or a declared function.
    expand     an equivalent expression of a call that has no template, or None.
    stored     the declared 2-D tensors whose array is 2-D although one extent is literally 1:
               arrays given by the caller; what the function computes itself is held 1-D.
    helpers    sources of the helper functions in use (filled in while writing).
    fixed      indices that are loop variables at the moment, and their identifiers.
    spans      limits of bound indices that do not run over their whole dim.
    marks      "masked" once entries are computed that a condition throws away.
    zero       whether an entry outside its range counts as 0.
    """

    dispatch: Callable[[Writer, Expr], ast.expr]
    name_of: Callable[[Tensor | Partial | tuple[Operation, int]], str]
    expand: Expand | None = None
    stored: Callable[[Tensor | Partial], bool] = lambda _: False
    helpers: dict[str, None] = field(default_factory=dict)
    fixed: dict[Index, str] = field(default_factory=dict)
    spans: dict[Index, tuple[Dim, Dim]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    zero: bool = False


def number(value: Fraction) -> ast.expr:
    """A literal with exactly this value, or a quotient of two."""
    if value.denominator == 1 and abs(value.numerator) <= _EXACT_INT:
        return py.literal(value.numerator)
    try:
        nearest = float(value)
    except OverflowError:
        raise InputError("a number does not fit into float64", code="limit") from None
    if value.denominator == 1 or Fraction(Decimal(repr(nearest))) == value:
        return py.literal(nearest)
    return py.binary(py.literal(value.numerator), "/", py.literal(value.denominator))


def dim_code(dim: Dim) -> ast.expr:
    """A dim as whole-number arithmetic; ``DIM_MARK`` stays until identifiers are final."""
    total: ast.expr | None = None
    for name, coefficient in dim.coefficients:
        size = abs(coefficient)
        part = py.name(DIM_MARK + name)
        part = part if size == 1 else py.binary(py.literal(size), "*", part)
        total = plus(total, part, negative=coefficient < 0)
    if dim.constant or total is None:
        total = plus(total, py.literal(abs(dim.constant)), negative=dim.constant < 0)
    return total


def plus(total: ast.expr | None, part: ast.expr, *, negative: bool) -> ast.expr:
    """``total + part`` or ``total - part``; no total yet is 0, and a minus of the part is that of the sum."""
    if total is not None and isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
        part, negative = part.operand, not negative
    if total is None:
        return py.minus(part) if negative else part
    return py.binary(total, "-" if negative else "+", part)


def real(node: ast.expr) -> ast.expr:
    """The same value as a number: numpy neither negates nor subtracts truth values."""
    return py.binary(py.literal(1.0), "*", node) if py.is_truth(node) else node


def align(node: ast.expr, shape: Shape, target: Shape) -> ast.expr:
    """Make numpy's alignment from the right do what rows and columns say."""
    if held(target) == "mat" and held(shape) == "col":
        return py.subscript(node, py.COLON, py.literal(None))
    return node


def related(left: ast.expr, op: str, right: ast.expr, sides: tuple[Expr, Expr]) -> ast.expr:
    """``left op right``; numbers that were computed are equal up to rounding."""
    if op in ("=", "!=") and not all(map(_is_read, sides)):
        near = py.call("np.isclose", left, right, rtol=py.literal(1e-12), atol=py.literal(0.0))
        return near if op == "=" else py.compare(near, "==", py.literal(False))
    return py.compare(left, RELATIONS[op], right)


def _is_read(expr: Expr) -> bool:
    """Whether a value is read from an array (or is a number) rather than computed."""
    if isinstance(expr, Element | Slice):
        return _is_read(expr.base)
    if isinstance(expr, Transpose | Neg):
        return _is_read(expr.arg)
    return isinstance(expr, Leaf | Partial | Number | DimValue | IndexValue)


def code(writer: Writer, expr: Expr) -> ast.expr:
    """The NumPy expression of ``expr``, held as its shape says."""
    return writer.dispatch(writer, expr)
