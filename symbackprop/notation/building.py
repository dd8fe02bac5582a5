"""Small constructors that keep spelled matrices tidy: transposes pushed in, products flattened.

They change the spelling, never the value: (A B)^T = B^T A^T, (A^T)^T = A, and the like, each only
where the result is not longer. ``cost`` orders spellings: fewest factors first, then transposes.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import (
    UNIT,
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
from symbackprop.core.indexed import Indicator
from symbackprop.notation.common import is_decimal

ELEMENTWISE_KINDS = ("elementwise", "function")
TRANSPOSE_COST = 2
ONES_COST = 3


def shown_arguments(call: Call) -> list[Expr]:
    """The arguments without those that a call need not give: defaults, names that a function holds."""
    kept = list(call.args)
    captured = getattr(call.op, "captured", ())
    for param in reversed(call.op.params[: len(kept)]):
        last = kept[-1]
        default = isinstance(last, Number) and last.value == param.default
        own = isinstance(last, Leaf) and last.tensor.name == param.name
        size = isinstance(last, DimValue) and last.dim.single_name == param.name
        if not default and not (param.name in captured and (own or size)):
            break
        kept.pop()
    return kept


def cost(expr: Expr) -> int:
    """Leaves count 2, transposes and diag 2, ones 3, numbers and dims 1."""
    if isinstance(expr, Transpose):
        return TRANSPOSE_COST + cost(expr.arg)
    if isinstance(expr, Call):
        own = ONES_COST if expr.op.name in ("ones", "zeros", "eye") else 2
        return own + sum(cost(arg) for arg in expr.args)
    if isinstance(expr, (Number, DimValue)):
        return 1
    children = expr.children
    return sum(cost(child) for child in children) if children else 2


def transposed(expr: Expr) -> Expr:
    """The transpose of ``expr``, in the shortest of the usual spellings."""
    if expr.is_scalar:
        return expr
    if isinstance(expr, Transpose):
        return expr.arg
    if isinstance(expr, Leaf):
        return expr if expr.tensor.is_symmetric else Transpose(expr)
    if isinstance(expr, Neg):
        return Neg(transposed(expr.arg))
    if isinstance(expr, Jacobian) and expr.is_hessian:
        return expr
    if isinstance(expr, MatMul):
        scales = [factor for factor in expr.factors if factor.is_scalar]
        arrays = [transposed(factor) for factor in reversed(expr.factors) if not factor.is_scalar]
        return product(*scales, *arrays)
    if isinstance(expr, Call) and expr.op.name in ("diag", "eye"):
        return expr
    pushed = _pushed(expr)
    plain = Transpose(expr)
    return pushed if pushed is not None and cost(pushed) < cost(plain) else plain


def shorter_way(expr: Expr) -> Expr:
    """The expression or its transpose, whichever is shorter to write: where either will do."""
    flipped = transposed(expr)
    return flipped if cost(flipped) < cost(expr) else expr


def _pushed(expr: Expr) -> Expr | None:
    """The transpose moved to the children, where that is possible."""
    if isinstance(expr, (Add, Hadamard, Neg, Divide, Indicator)):
        return expr.map_children(transposed)
    if isinstance(expr, Power):
        return Power(transposed(expr.base), expr.exponent)
    if isinstance(expr, Call):
        rows, columns = expr.call_shape
        if expr.op.name == "inv" and transposed(expr.args[0]) == expr.args[0]:
            return expr
        if expr.op.kind in ELEMENTWISE_KINDS:
            args = tuple(transposed(arg) for arg in expr.args)
            return Call(expr.op, args, (columns, rows), expr.primes, expr.axis, expr.axis_given)
        if expr.op.name in ("ones", "zeros") and len(expr.args) == 2:
            return Call(expr.op, (expr.args[1], expr.args[0]), (columns, rows))
    return None


def product(*factors: Expr) -> Expr:
    """The matrix product, nested products of arrays flattened, ones dropped."""
    flat: list[Expr] = []
    for factor in factors:
        if factor == UNIT:
            continue
        if isinstance(factor, MatMul) and not factor.is_scalar:
            flat.extend(factor.factors)
        else:
            flat.append(factor)
    if not flat:
        return UNIT
    return flat[0] if len(flat) == 1 else MatMul(tuple(flat))


def hadamard(*factors: Expr) -> Expr:
    """The elementwise product, flattened, ones dropped, scalars in front of arrays."""
    flat: list[Expr] = []
    for factor in factors:
        if isinstance(factor, Hadamard):
            flat.extend(factor.factors)
        elif factor != UNIT:
            flat.append(factor)
    if not flat:
        return UNIT
    scalars = [factor for factor in flat if factor.is_scalar]
    arrays = [factor for factor in flat if not factor.is_scalar]
    if not scalars or not arrays:
        return flat[0] if len(flat) == 1 else Hadamard(tuple(flat))
    return _led(scalars, arrays[0] if len(arrays) == 1 else Hadamard(tuple(arrays)))


def addition(terms: list[Expr]) -> Expr:
    """The sum: flattened, positive terms first, a common minus pulled out."""
    flat: list[Expr] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Add) else (term,))
    if len(flat) == 1:
        return flat[0]
    if all(isinstance(term, Neg) for term in flat):
        return Neg(Add(tuple(term.arg for term in flat if isinstance(term, Neg))))
    # a - b + c^T d: the arrays first where one of them is positive, else 1 - h.
    arrays = any(not isinstance(term, Neg) and not term.is_scalar for term in flat)
    if isinstance(flat[0], Neg) or (arrays and flat[0].is_scalar):  # else the order of the author
        flat.sort(key=lambda term: (arrays and term.is_scalar, isinstance(term, Neg)))
    if all(any(isinstance(node, Partial) for node in term.walk()) for term in flat):
        # Of cotangents no author gave an order: g - mean(g) - h mean(g h).
        flat.sort(key=lambda term: (isinstance(term, Neg), cost(term) if isinstance(term, Neg) else 0))
    return Add(tuple(flat))


def powered(base: Expr, exponent: Fraction) -> Expr:
    """``base ^ exponent`` for a positive exponent."""
    if exponent == 1:
        return base
    return Power(base, Number(exponent))


def scaled(coefficient: Fraction, front: list[Expr], body: Expr | None, below: list[Expr]) -> Expr:
    """``coefficient * front... body / below...``, the sign outermost, one quotient in all."""
    sign = coefficient < 0
    size = abs(coefficient)
    if size.denominator != 1 and not is_decimal(size):
        below = [Number(Fraction(size.denominator)), *below]
        size = Fraction(size.numerator)
    if isinstance(body, Divide) and not body.is_scalar:
        below = [*below, body.den]
        body = body.num
    whole = _led([Number(size), *front] if size != 1 else front, UNIT if body is None else body)
    if below:
        whole = Divide(whole, below[0] if len(below) == 1 else product(*below))
    return Neg(whole) if sign else whole


def _led(top: list[Expr], body: Expr) -> Expr:
    """``body`` with scalars in front: 2 A B, d sign(a) * b."""
    if not top:
        return body
    if isinstance(body, MatMul) and not body.is_scalar:
        return MatMul((*top, *body.factors))
    if isinstance(body, Hadamard) and not body.is_scalar:
        return Hadamard((MatMul((*top, body.factors[0])), *body.factors[1:]))
    factors = top if body == UNIT else [*top, body]
    return MatMul(tuple(factors)) if len(factors) > 1 else factors[0]
