"""The functions of the plain-text grammar on SymPy matrix expressions, made from the table of operations.

``public_functions()["relu"](E)`` is a SymPy object of the classes that results are made of, so that
``shape``, ``subs``, ``doit``, ``sympy.latex`` and ``sympy.lambdify`` work on it. A 1 x 1 matrix counts as a
number, and so does the value of a function that gives a number. Arguments are matched as in the grammar:
options by place or by name, ``axis="rows"`` or ``axis="columns"`` where the operation works along lines.
Without it the line follows the convention of the problem; until that is known a matrix is taken by columns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import sympy
from sympy.core.symbol import Str

from symbackprop.core.operations import Operation
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.sympy_arithmetic import of_matrix
from symbackprop.notation.sympy_base import OperationName, is_matrix, shape_of
from symbackprop.notation.sympy_objects import AbstractApplied, Applied
from symbackprop.notation.sympy_structures import Cell, Eye, ScalarStructure, Structure
from symbackprop.notation.sympy_symbols import function_symbol
from symbackprop.ops.registry import Elementwise, all_operations, one_argument, stacking
from symbackprop.reading.fields import is_name
from symbackprop.reading.scope import function_names
from symbackprop.symbolic.objects import AbstractLoss, ScalarApplied

AXES = ("rows", "columns")
_SIZES = frozenset({"eye", "ones", "zeros"})
_TO_SCALAR = frozenset({"scalar", "square-scalar", "dot"})
_PLACES = inspect.Parameter.POSITIONAL_OR_KEYWORD


@cache
def public_functions() -> Mapping[str, Callable[..., Any]]:
    """Every function of the grammar by name."""
    found = {op.name: _function(op) for op in all_operations() if not getattr(op, "key", "")}
    return MappingProxyType(found)


def elementwise(name: str) -> Callable[[Any], Any]:
    """An arbitrary elementwise function: ``elementwise("sigma")(E)``; its derivative is sigma'.

    Raises InputError for a name of the grammar.
    """
    _check_new(name)

    def apply(E: Any) -> Any:
        value = operand(E)
        if is_matrix(value):
            return AbstractApplied(function_symbol(name, 0), value)
        return sympy.Function(name)(value)

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"The arbitrary elementwise function {name}."
    return apply


def loss(name: str) -> Callable[..., Any]:
    """An arbitrary differentiable scalar: ``loss("J")(y)`` or ``loss("J")(y, W)``.

    Raises InputError for a name of the grammar, and if there is no argument.
    """
    _check_new(name)

    def apply(*arguments: Any) -> Any:
        if not arguments:
            raise InputError(f"{name}() has no argument", code="syntax", hint=f'write loss("{name}")(y)')
        return AbstractLoss(sympy.Symbol(name), *(sympy.sympify(argument) for argument in arguments))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"The arbitrary loss {name}."
    return apply


def operand(value: Any) -> Any:
    """A matrix expression or a number; a 1 x 1 matrix is its entry.

    Raises InputError for anything else; text is not evaluated.
    """
    if isinstance(value, str):
        raise InputError(f"{value!r} is a text", code="schema", hint="a text is never evaluated: use symbols")
    try:
        found = sympy.sympify(value, strict=True)
    except sympy.SympifyError:
        raise InputError(f"{type(value).__name__} is no SymPy object", code="schema") from None
    if is_matrix(found):
        return Cell(found) if shape_of(found) == (1, 1) else found
    if isinstance(found, sympy.Expr):
        return found
    raise InputError(f"{found} is neither a matrix nor a number", code="schema")


def _check_new(name: str) -> None:
    if not is_name(str(name)):
        raise InputError(f"{name!r} is no name", code="syntax", hint="letters, digits and _")
    if name in function_names():
        raise InputError(f"{name} is a function already", code="redefined", hint="use another name")


def _function(operation: Operation) -> Callable[..., Any]:
    """The Python function of an operation, with its signature and documentation."""

    def apply(*places: Any, **names: Any) -> Any:
        chosen = operation
        if operation.name == "stack":
            chosen = stacking(max(len(places), 2))
        elif len(places) == 1 and not names:
            chosen = one_argument(operation.name) or operation
        return _apply(chosen, *_matched(chosen, places, names))

    apply.__name__ = apply.__qualname__ = operation.name
    apply.__doc__ = _words(operation)
    apply.__module__ = __name__
    apply.__signature__ = inspect.Signature(list(_parameters(operation)))  # type: ignore[attr-defined]
    return apply


def _parameters(operation: Operation) -> Iterator[inspect.Parameter]:
    optional = operation.name in ("ones", "zeros", "reshape")
    for position, param in enumerate(operation.params):
        default: Any = inspect.Parameter.empty
        if param.default is not None:
            default = sympy.Rational(param.default.numerator, param.default.denominator)
        elif optional and position == len(operation.params) - 1:
            default = None
        yield inspect.Parameter(param.name, _PLACES, default=default)
    if operation.takes_axis:
        yield inspect.Parameter("axis", _PLACES, default=None)


def _words(operation: Operation) -> str:
    kinds = {
        "elementwise": "elementwise",
        "along": "along the feature index, or inside the lines named by axis",
        "scalar": "to a number",
        "matrix": "a matrix or vector",
        "loss": "a loss: the total over all entries, the target first",
    }
    formula = getattr(operation, "formula", None) or getattr(operation, "definition", None)
    call = f"{operation.name}({', '.join(param.name for param in operation.params)})"
    first = f"{call} = {formula}" if formula else call
    kind = kinds.get(operation.kind, operation.kind)
    return f"``{first}``: {kind}. Takes SymPy matrix expressions and numbers."


def _matched(
    operation: Operation, places: tuple[Any, ...], names: Mapping[str, Any]
) -> tuple[list[Any], str | None]:
    """The arguments in the order of the parameters, and the axis."""
    params = {entry.name: entry for entry in _parameters(operation)}
    if len(places) > len(params):
        raise InputError(
            f"{operation.name} takes {len(params)} arguments, {len(places)} are given",
            code="syntax",
            hint=f"write {operation.name}({', '.join(params)})",
        )
    given = dict(zip(params, places, strict=False))
    for name, value in names.items():
        if name not in params:
            hint = did_you_mean(name, params) or f"its arguments: {', '.join(params)}"
            raise InputError(f"{operation.name} has no argument {name}", code="syntax", hint=hint)
        if name in given:
            raise InputError(f"the argument {name} of {operation.name} is given twice", code="syntax")
        given[name] = value
    for name, entry in params.items():
        if name not in given and entry.default is inspect.Parameter.empty:
            raise InputError(f"{operation.name} needs the argument {name}", code="syntax")
        given.setdefault(name, entry.default)
    axis = given.pop("axis") if operation.takes_axis else None
    if axis is not None and axis not in AXES:
        hint = did_you_mean(str(axis), AXES) or "rows or columns"
        raise InputError(f"{axis!r} is no axis of {operation.name}", code="syntax", hint=hint)
    return [operand(given[name]) for name in params if name in given and given[name] is not None], axis


def _apply(operation: Operation, values: list[Any], axis: str | None) -> Any:
    if isinstance(operation, Elementwise):
        kind = Applied if any(map(is_matrix, values)) else ScalarApplied
        return kind(OperationName(operation), *values)
    if operation.name == "inv" or (operation.name in ("det", "logdet") and not is_matrix(values[0])):
        return of_matrix(operation.name, values[0])
    if operation.name == "stack":
        return Structure(OperationName(operation), Str(axis or _end_to_end(values)), *values)
    if operation.name in ("reshape", "pad"):
        values = [*values, sympy.S.One] if operation.name == "reshape" and len(values) == 2 else values
        return Structure(OperationName(operation), Str(""), *values)
    if operation.name in _SIZES:
        return _constant(operation.name, values)
    rule = getattr(operation, "shape_rule", None)
    if rule == "diag" and is_matrix(values[0]):
        return sympy.DiagMatrix(values[0])
    head, line = OperationName(operation), Str(axis or "")
    vector = [1 in shape_of(value) for value in values[:1]]
    if rule in _TO_SCALAR or not is_matrix(values[0]) or (rule == "drop" and _whole(values[0], axis, vector)):
        return ScalarStructure(head, line, *values)
    return Structure(head, line, *values)


def _end_to_end(values: list[Any]) -> str:
    """Rows are stacked inside each row; anything else downwards until the convention is known."""
    return "rows" if all(shape_of(value)[0] == 1 for value in values) else "columns"


def _whole(value: Any, axis: str | None, vector: list[bool]) -> bool:
    """Whether the lines that an operation works inside are the whole vector."""
    rows, _columns = shape_of(value)
    return all(vector) and axis in (None, "rows" if rows == 1 else "columns")


def _constant(name: str, sizes: list[Any]) -> Any:
    """eye(n); ones and zeros: without a second size a column."""
    if name == "eye":
        return Eye(sizes[0])
    kind = sympy.OneMatrix if name == "ones" else sympy.ZeroMatrix
    return kind(sizes[0], sizes[1] if len(sizes) > 1 else 1)

