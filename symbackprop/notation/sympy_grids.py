"""NumPy templates evaluated on SymPy scalars: the entry formulas of operations, without a second table.

A *grid* is a NumPy object array of SymPy scalars, or one scalar. The code template that an
operation brings (``np.maximum({a}, 0.0)``) is walked as a tree, with SymPy's functions in the place
of NumPy's; nothing is executed. Truth values stay relations until arithmetic meets them, then they
are 1 and 0.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py

Grid = Any


def entrywise(function: Callable[..., Any]) -> Callable[..., Grid]:
    """A scalar function on grids of one shape."""

    def apply(*grids: Grid) -> Grid:
        if not any(isinstance(grid, np.ndarray) for grid in grids):
            return function(*grids)
        return np.frompyfunc(function, len(grids), 1)(*grids)

    return apply


def _as_number(value: Any) -> Any:
    truth = isinstance(value, sympy.logic.boolalg.Boolean) and not isinstance(value, sympy.Symbol)
    return sympy.Piecewise((1, value), (0, True)) if truth else value


def _piecewise(condition: Any, yes: Any, no: Any) -> Any:
    return sympy.Piecewise((yes, condition), (no, True))


def _softmax(z: Grid, axis: int) -> Grid:
    e = entrywise(sympy.exp)(z)
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(z: Grid, axis: int) -> Grid:
    return z - entrywise(sympy.log)(entrywise(sympy.exp)(z).sum(axis=axis, keepdims=True))


def _diag(values: Grid) -> Grid:
    flat = list(np.ravel(values))
    grid = np.full((len(flat), len(flat)), sympy.Integer(0), dtype=object)
    for place, value in enumerate(flat):
        grid[place, place] = value
    return grid


_SCALAR: Mapping[str, Callable[..., Any]] = {
    "np.maximum": sympy.Max, "np.minimum": sympy.Min, "np.exp": sympy.exp, "np.log": sympy.log,
    "np.sqrt": sympy.sqrt, "np.tanh": sympy.tanh, "np.sin": sympy.sin, "np.cos": sympy.cos,
    "np.abs": sympy.Abs, "np.sign": sympy.sign, "np.where": _piecewise, "np.zeros_like": lambda a: a * 0,
    "np.expm1": lambda a: sympy.exp(a) - 1, "np.log1p": lambda a: sympy.log(1 + a),
    "np.logaddexp": lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
    "sigmoid": lambda a: 1 / (1 + sympy.exp(-a)), "erf": sympy.erf,
}  # fmt: skip
_WHOLE: Mapping[str, Callable[..., Any]] = {
    "np.sum": np.sum, "np.mean": lambda a: np.sum(a) / sympy.Integer(np.size(a)), "np.trace": np.trace,
    "np.outer": np.outer, "np.diag": _diag, "np.diagonal": np.diagonal,
    "np.max": lambda a: sympy.Max(*np.ravel(a)), "np.min": lambda a: sympy.Min(*np.ravel(a)),
    "softmax": _softmax, "log_softmax": _log_softmax,
    "logsumexp": lambda z, axis: entrywise(sympy.log)(entrywise(sympy.exp)(z).sum(axis=axis)),
}  # fmt: skip
_RELATIONS: Mapping[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: sympy.Eq, ast.NotEq: sympy.Ne, ast.Lt: sympy.Lt, ast.LtE: sympy.Le,
    ast.Gt: sympy.Gt, ast.GtE: sympy.Ge,
}  # fmt: skip


def evaluate(template: str, values: Mapping[str, Grid]) -> Grid:
    """The template on grids (2-D, or scalars); the result is whatever the code would give."""
    names: dict[str, ast.expr] = {name: ast.Name(f"_{name}_", ast.Load()) for name in values}
    return numeric(_walk(py.fill(template, names), {f"_{name}_": value for name, value in values.items()}))


def numeric(grid: Grid) -> Grid:
    """Relations as 1 and 0."""
    return entrywise(_as_number)(grid)


def _walk(node: ast.expr, values: Mapping[str, Grid]) -> Grid:
    match node:
        case ast.Constant(value=value):
            exact = Fraction(Decimal(repr(value)))
            return sympy.Rational(exact.numerator, exact.denominator)
        case ast.Name(id=name):
            return values[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _arithmetic(op, numeric(_walk(left, values)), numeric(_walk(right, values)))
        case ast.UnaryOp(operand=operand):
            return -numeric(_walk(operand, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return entrywise(_RELATIONS[type(op)])(_walk(left, values), _walk(right, values))
        case ast.Attribute() if py.show(node) == "np.pi":
            return sympy.pi
        case ast.Call():
            return _call(node, values)
        case _:
            raise UnsupportedError(f"no SymPy spelling of {py.show(node)}")


def _arithmetic(op: ast.operator, left: Grid, right: Grid) -> Grid:
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
        case ast.Pow():
            return left**right
        case _:
            raise UnsupportedError(f"no SymPy spelling of {type(op).__name__}")


def _option(node: ast.expr, values: Mapping[str, Grid]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    return int(_walk(node, values))


def _call(node: ast.Call, values: Mapping[str, Grid]) -> Grid:
    head = py.show(node.func)
    keywords = {str(k.arg): _option(k.value, values) for k in node.keywords}
    args = [_walk(arg, values) for arg in node.args]
    if head in _SCALAR:
        plain = args[:1] if head == "np.where" else []
        return entrywise(_SCALAR[head])(*plain, *(numeric(arg) for arg in args[len(plain) :]))
    if head in _WHOLE:
        return _WHOLE[head](*(numeric(arg) for arg in args), **keywords)
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("sum", "mean", "max"):
        owner = numeric(_walk(node.func.value, values))
        if node.func.attr == "max":
            return np.apply_along_axis(lambda line: sympy.Max(*line), keywords["axis"], owner)
        total = owner.sum(**keywords)
        return total if node.func.attr == "sum" else total / sympy.Integer(owner.shape[keywords["axis"]])
    raise UnsupportedError(f"no SymPy spelling of {head}")
