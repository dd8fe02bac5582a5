"""``derive`` and ``problem``: derivations of SymPy expressions, the same as of the same text.

Importing this module imports SymPy and NumPy; the package does so only when one of its names is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy

from symbackprop.core.tensors import Convention
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.sympy_base import shape_of
from symbackprop.pipeline import Problem, check_level
from symbackprop.problem_file import spec_from_mapping
from symbackprop.symbolic.functions import elementwise, loss
from symbackprop.symbolic.objects import AbstractLoss
from symbackprop.symbolic.program import Written, check_scalar, read_problem

__all__ = ["derive", "elementwise", "loss", "problem"]


def derive(
    expr: Any,
    wrt: Any,
    *,
    convention: str = "column",
    level: str = "vector",
    of_shape: Sequence[Any] | None = None,
) -> Any:
    """The derivative of a SymPy expression, with its steps; of a vector or a matrix its Jacobian.

    expr        over ``sympy.MatrixSymbol``; a 1 x 1 matrix counts as a number. An n x 1 symbol is a vector
                under the column conventions, a 1 x n symbol under row.
    wrt         a symbol, or a list of symbols: then a mapping name -> Derivation from one backward pass.
    of_shape    the shape that ``expr`` is meant to have; another one is an error.

    The expression is called L (an arbitrary loss by its own name); ``result`` may hold it under that name
    where a slope is a formula of the value itself, ``expanded()`` never does.

    Raises InputError (code "shape" for sizes that do not fit, with both shapes) and UnsupportedError for a
    SymPy class that is not read.
    """
    check_level(level)
    chosen = _convention(convention)
    value = _expression(expr)
    check_scalar(value, of_shape)
    several = isinstance(wrt, list | tuple)
    symbols = [_symbol(one) for one in (wrt if several else [wrt])]
    target = _target(value, symbols)
    written = _read({target: value}, convention=chosen, extra=symbols)
    found = _problem(written, {"level": level})
    names = {symbol: name for name, symbol in written.symbols.items()}
    if shape_of(value) != (1, 1):
        by_name = {names[one]: found.jacobian(target, names[one], level=level) for one in symbols}
        return by_name if several else by_name[names[symbols[0]]]
    if several:
        wanted = list(dict.fromkeys(names[symbol] for symbol in symbols))
        return found.gradients(target, wanted, level=level)
    return found.derive(target, names[symbols[0]], level=level)


def problem(
    equations: Mapping[Any, Any],
    *,
    roles: Mapping[Any, str] | None = None,
    symbols: Mapping[Any, Mapping[str, object]] | None = None,
    convention: str | None = None,
    **file_keys: object,
) -> Problem:
    """A problem from SymPy expressions: name of a target -> expression, or plain text.

    An intermediate stands in later expressions as a symbol of its name. ``roles`` (and ``symbols``, for
    further facts such as one_hot) have symbols or names as keys; a symbol without a role is an input if
    another is a parameter, else a parameter. The remaining keys are those of the problem file. Without a
    convention it is row if some array is 1 x n and none n x 1, else column.
    """
    for key in ("forward", "forward_latex"):
        if key in file_keys:
            raise InputError(f"{key} is no key here", code="schema", hint="the equations are the mapping")
    if not equations or not hasattr(equations, "items"):
        raise InputError("a problem is a mapping of names to expressions", code="schema")
    chosen = _convention(convention) if convention is not None else None
    written = _read(equations, convention=chosen, roles=roles, symbols=symbols)
    return _problem(written, file_keys, convention_given=convention is not None)


def _read(equations: Mapping[Any, Any], **options: Any) -> Written:
    try:
        return read_problem(equations, **options)
    except RecursionError:
        raise InputError("the expression is nested too deeply", code="limit") from None


def _problem(written: Written, keys: Mapping[str, object], convention_given: bool = True) -> Problem:
    try:
        spec = spec_from_mapping({**written.data, **keys})
    except InputError as error:
        error.line = error.column = None  # a place in a text that nobody wrote
        raise
    names = replace(spec.names, sympy=written.renaming(spec.graph))
    return Problem(replace(spec, names=names, convention_given=convention_given))


def _expression(value: Any) -> Any:
    if isinstance(value, str):
        raise InputError(
            "the expression is a text", code="schema", hint="texts go into symbackprop.problem or loads"
        )
    try:
        return sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise InputError(f"{type(value).__name__} is no SymPy object", code="schema") from None


def _symbol(wrt: Any) -> Any:
    if isinstance(wrt, sympy.MatrixSymbol | sympy.Symbol):
        return wrt
    raise InputError(
        f"{wrt} is no symbol to differentiate by",
        code="schema",
        hint="give a MatrixSymbol, a Symbol, or a list of them",
    )


def _convention(text: str) -> Convention:
    known = [convention.value for convention in Convention]
    if text not in known:
        hint = did_you_mean(str(text), known) or ", ".join(known)
        raise InputError(f"unknown convention {text}", code="schema", hint=hint)
    return Convention(text)


def _target(value: Any, symbols: Sequence[Any]) -> str:
    """A name for the expression: its own if it is an arbitrary loss, else L unless that is taken."""
    if isinstance(value, AbstractLoss):
        return str(value.args[0])
    free = value.free_symbols | value.atoms(sympy.MatrixSymbol) | set(symbols)
    taken = {str(symbol) for symbol in free} | {str(node.args[0]) for node in value.atoms(AbstractLoss)}
    names = ("L", "J", "C", *(f"L{k}" for k in range(len(taken) + 1)))
    return next(name for name in names if name not in taken)


