"""What an entry is of the operations that run over lines or all entries: softmax, sums, means, extremes.

Each function gives the form of entry (row, column) of a call; its docstring is that entry.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.expr import Call, Expr
from symbackprop.core.tensors import Index
from symbackprop.notation.atoms import Extreme
from symbackprop.notation.forms import Form, bind, negated, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Place
from symbackprop.ops.form_arithmetic import exp_of, log_of, one_over, power
from symbackprop.ops.lowerer import Lowerer


def softmax(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """e^A[n, k] / sum_j e^A[n, j], the sum along the line."""
    top = exp_of(lowerer.lower(expr.args[0], row, column))
    return product(top, power(_line_sum(lowerer, expr, row, column), Fraction(-1)))


def _line_sum(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum of exp over the line through (row, column)."""
    arg = expr.args[0]
    side = 1 if expr.axis == "rows" else 0
    dim = arg.shape[side]
    inner = None if dim.is_one else Index(dim, "j")
    places = (row, inner) if side == 1 else (inner, column)
    form = exp_of(lowerer.part(arg, *places))
    return form if inner is None else bind(form, (inner,))


def logsumexp(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """log sum_j e^A[n, j]."""
    return log_of(_line_sum(lowerer, expr, row, column))


def log_softmax(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """A[n, k] - log sum_j e^A[n, j]."""
    arg = lowerer.lower(expr.args[0], row, column)
    return normal(total((arg, negated(log_of(_line_sum(lowerer, expr, row, column))))))


def sum(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_ij A[i, j]."""
    return _sum_over(lowerer, expr.args[0], (0, 1), None, None)


def mean(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_ij A[i, j] / (m n)."""
    arg = expr.args[0]
    share = product(one_over(arg.shape[0]), one_over(arg.shape[1]))
    return normal(product(share, _sum_over(lowerer, arg, (0, 1), None, None)))


def _sum_over(lowerer: Lowerer, arg: Expr, sides: tuple[int, ...], row: Place, column: Place) -> Form:
    form, bound = _running(lowerer, arg, sides, row, column)
    return normal(bind(form, bound))


def _running(
    lowerer: Lowerer, arg: Expr, sides: tuple[int, ...], row: Place, column: Place
) -> tuple[Form, tuple[Index, ...]]:
    """An entry of ``arg`` at indices that run over ``sides``, and these indices."""
    places: list[Place] = [row, column]
    for side in sides:
        dim = arg.shape[side]
        places[side] = None if dim.is_one else Index(dim, "ij"[side])
    bound = tuple(index for side in sides if (index := places[side]) is not None)
    return lowerer.lower(arg, places[0], places[1]), bound


def rowsum(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_j A[i, j]."""
    return _sum_over(lowerer, expr.args[0], (1,), row, None)


def colsum(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_i A[i, j]."""
    return _sum_over(lowerer, expr.args[0], (0,), None, column)


def rowmean(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_j A[i, j] / n."""
    return normal(product(one_over(expr.args[0].shape[1]), rowsum(lowerer, expr, row, column)))


def colmean(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_i A[i, j] / m."""
    return normal(product(one_over(expr.args[0].shape[0]), colsum(lowerer, expr, row, column)))


def trace(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """sum_i A[i, i]."""
    dim = expr.args[0].shape[0]
    if dim.is_one:
        return lowerer.lower(expr.args[0], None, None)
    index = Index(dim, "i")
    return normal(bind(lowerer.lower(expr.args[0], index, index), (index,)))


def extreme(lowerer: Lowerer, expr: Call, row: Place, column: Place) -> Form:
    """max_j A[i, j], max_i A[i, j], or the largest or smallest of all entries."""
    arg, name = expr.args[0], expr.op.name
    sides = {"rowmax": (1,), "colmax": (0,)}.get(name, (0, 1))
    form, bound = _running(lowerer, arg, sides, row, column)
    form = normal(form)
    return single(Extreme("min" if name == "min" else "max", form, bound)) if bound else form
