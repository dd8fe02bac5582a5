"""The SymPy symbols that stand for tensors, dims, derivatives and functions.

A matrix or vector is a ``MatrixSymbol`` (a vector n x 1 or 1 x n, as it stands), a scalar a real
``Symbol``, a dim a positive integer ``Symbol``; a derivative dL/dU is a symbol named ``dL_dU`` or by
its name in ``notation:``, since SymPy's ``lambdify`` mistreats matrices whose names are no identifiers.
"""

from __future__ import annotations

import keyword
from typing import Any

import sympy
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Tensor
from symbackprop.notation.names import PLAIN, Names


def in_symbols_of(names: Names, value: Any) -> Any:
    """A SymPy object with the author's own symbols in the place of ours."""
    return value.xreplace(dict(names.sympy)) if names.sympy else value


def parameter_of(names: Names, symbol: Any) -> Any:
    """What a function takes for one of our symbols: the author's, a 1 x 1 matrix as a whole."""
    found = in_symbols_of(names, symbol)
    return found.parent if isinstance(found, MatrixElement) else found


def dim_symbol(name: str) -> Any:
    """The symbol of a dim: integer and positive."""
    return sympy.Symbol(safe_name(name), integer=True, positive=True)


def dim_value(dim: Dim) -> Any:
    """A dim as a SymPy number or expression."""
    parts = [coefficient * dim_symbol(name) for name, coefficient in dim.coefficients]
    return sympy.Add(sympy.Integer(dim.constant), *parts)


def symbol_of(tensor: Tensor) -> Any:
    """The symbol of a tensor."""
    return _symbol(tensor.name, tensor)


def _symbol(name: str, tensor: Tensor) -> Any:
    if tensor.is_scalar and tensor.is_label:
        return sympy.Symbol(safe_name(name), integer=True, nonnegative=True)
    if tensor.is_scalar:
        return sympy.Symbol(safe_name(name), real=True)
    if not tensor.is_matrix:
        return sympy.IndexedBase(safe_name(name), shape=tuple(dim_value(dim) for dim in tensor.shape))
    rows, columns = tensor.oriented
    return sympy.MatrixSymbol(safe_name(name), dim_value(rows), dim_value(columns))


def partial_symbol(partial: Partial, names: Names = PLAIN) -> Any:
    """The symbol of a derivative that stands for itself."""
    declared = names.partial_name(partial)
    name = declared[0] if declared else derivative_name(partial.of, partial.by)
    if partial.turned:
        rows, columns = partial.shape
        return sympy.MatrixSymbol(safe_name(name), dim_value(rows), dim_value(columns))
    return _symbol(name, partial.by)


def derivative_name(of: Tensor, by: Tensor) -> str:
    """``dL_dw``; of the derivative of dL/dw ``d2L_dw_dv``."""
    if of.gradient is not None:
        return f"d2{of.gradient[0].name}_d{of.gradient[1].name}_d{by.name}"
    return f"d{of.name}_d{by.name}"


def function_symbol(name: str, primes: int) -> Any:
    """The symbol of a declared function: sigma, sigma_prime."""
    suffix = ("", "_prime", "_second")[primes] if primes < 3 else f"_{primes}"
    return sympy.Symbol(safe_name(name + suffix))


def safe_name(name: str) -> str:
    """A name that ``lambdify`` may use as a parameter."""
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return f"{text}_" if keyword.iskeyword(text) else text
