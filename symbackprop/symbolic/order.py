"""The order in which the terms of a SymPy sum are read.

SymPy sorts the terms of a sum when it is built, by rules of its own (W*x + b - t is kept as -t, W*x, b).
They are read as a person writes them: a number first, then the term with the most arrays, a term that is
weighted by a symbol (a penalty) after one that is not, what is subtracted last; else as SymPy prints them. A
sum that is not in SymPy's order was built on purpose (``MatAdd(b, W*x)``) and is read as it stands.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.sorting import default_sort_key


def terms_of(total: Any) -> tuple[Any, ...]:
    """The terms of an Add or a MatAdd, in the order in which they are read."""
    if total.args != _sorted_by_sympy(total):
        return tuple(total.args)
    printed = total.as_ordered_terms() if isinstance(total, sympy.Add) else total.args
    return tuple(sorted(printed, key=_written))


def is_subtracted(term: Any) -> bool:
    """Whether the term has a negative coefficient."""
    first = term.args[0] if isinstance(term, sympy.Mul | sympy.MatMul) else term
    if isinstance(first, sympy.Mul):
        first = first.args[0]
    return bool(first.is_Number and first.is_negative)


def _sorted_by_sympy(total: Any) -> tuple[Any, ...]:
    if isinstance(total, sympy.MatAdd):
        return tuple(sorted(total.args, key=default_sort_key))
    return tuple(sympy.Add(*total.args).args)


def _written(term: Any) -> tuple[bool, bool, int, bool, int]:
    nodes = list(sympy.preorder_traversal(term))
    arrays = sum(isinstance(node, sympy.MatrixSymbol) for node in nodes)
    size = len(nodes) if arrays else 0
    return (not term.is_number, is_subtracted(term), -arrays, bool(arrays) and _is_weighted(term), -size)


def _is_weighted(term: Any) -> bool:
    """Whether a factor is a symbol that is no size."""
    factors = [part for factor in term.args for part in (factor, *getattr(factor, "args", ()))]
    weights = [factor for factor in factors if isinstance(factor, sympy.Symbol) and not factor.is_integer]
    return isinstance(term, sympy.Mul | sympy.MatMul) and bool(weights)
