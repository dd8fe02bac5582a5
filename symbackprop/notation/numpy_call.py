"""Emitted source as a callable: a dict of arrays in, an array (or a dict of arrays) out.

The usual case, float64 arrays with the shapes of the last call, costs a few comparisons. Anything
else goes through ``_prepare``: lists and whole numbers are converted, a vector may have an extra
axis of extent 1, and what does not fit is refused with both shapes. Only source that ``plan`` made
from typed trees is executed, without builtins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from importlib import import_module
from typing import Any

import numpy as np

from symbackprop.core.dims import Dim
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.numpy_dims import solve
from symbackprop.notation.numpy_program import Input, Program

_FLOAT = np.dtype(np.float64)
_INT = np.dtype(np.int64)


_FROM_ZERO = "label arrays given to numpy() count from 0"


def compile_function(program: Program) -> NumPyFunction:
    """The callable of a program."""
    return NumPyFunction(program)


class NumPyFunction:
    """``function(arrays)``; ``source`` is the published code, ``inputs`` what the dict must hold."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.source = program.source
        self.inputs = tuple(entry.keys[0] for entry in program.inputs)
        self._run = _executed(program)
        self._keys = self.inputs
        self._arrays = tuple(place for place, entry in enumerate(program.inputs) if entry.shape)
        self._plain = len(self._arrays) == len(program.inputs)
        self._classes = [np.ndarray] * len(self._arrays)
        self._dtypes = [_INT if program.inputs[place].kind == "label" else _FLOAT for place in self._arrays]
        self._labels = tuple(p for p, entry in enumerate(program.inputs) if entry.kind == "label")
        self._sizes: dict[str, Fraction] = {}
        self._last: list[tuple[int, ...]] | None = None
        self._numbers = [key for key, (_, shape) in program.outputs.items() if not shape]

    def __call__(self, arrays: Mapping[str, Any]) -> Any:
        """The result for ``arrays``: names that are not needed are ignored."""
        values = self._fitting(arrays)
        if values is None:
            values = self._prepare(arrays)
        for place in self._labels:
            _check_labels(self.program.inputs[place], values[place], self._sizes)
        if self.program.masked:
            with np.errstate(all="ignore"):
                result = self._run(*values)
        else:
            result = self._run(*values)
        return self._with_numbers(result) if self._numbers else result

    def _fitting(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """The arguments if they need no preparation: the shapes of the last call, float64."""
        if self._last is None:
            return None
        try:
            values = [arrays[key] for key in self._keys]
            given = values if self._plain else [values[place] for place in self._arrays]
            if (
                [type(value) for value in given] == self._classes
                and [value.shape for value in given] == self._last
                and [value.dtype for value in given] == self._dtypes
            ):
                return values if self._plain else self._with_scalars(values)
        except (KeyError, AttributeError, TypeError):
            pass
        return None

    def _with_scalars(self, values: list[Any]) -> list[Any] | None:
        for entry, value in zip(self.program.inputs, values, strict=True):
            if not entry.shape and entry.kind == "array" and type(value) is not float:
                return None
            if not entry.shape and entry.kind == "label" and type(value) is not int:
                return None
            if entry.kind == "function" and not callable(value):
                return None
            if entry.kind == "dim" and type(value) is not int:
                return None
        return values

    def _with_numbers(self, result: Any) -> Any:
        if self.program.single:
            return _as_number(result)
        return {**result, **{key: _as_number(result[key]) for key in self._numbers}}

    def _prepare(self, arrays: Mapping[str, Any]) -> list[Any]:
        if not isinstance(arrays, Mapping):
            raise InputError(
                f"numpy() takes one dict of arrays, not {type(arrays).__name__}",
                code="schema",
                hint=f"the names are {', '.join(self.inputs)}",
            )
        values = [_converted(entry, _looked_up(entry, arrays)) for entry in self.program.inputs]
        given = {
            entry.identifier: value.shape
            for entry, value in zip(self.program.inputs, values, strict=True)
            if entry.kind in ("array", "label") and entry.shape
        }
        self._sizes = _check_sizes(self.program.inputs, given)
        dims = zip(self.program.inputs, values, strict=True)
        self._sizes.update({e.keys[0]: Fraction(value) for e, value in dims if e.kind == "dim"})
        self._last = list(given.values())
        return values


def _executed(program: Program) -> Callable[..., Any]:
    scope: dict[str, Any] = {"__builtins__": {"__import__": _numpy_part}, "np": np, "math": math}
    exec(compile(program.body, f"<{program.name}>", "exec"), scope)  # noqa: S102  (source of our own making)
    function: Callable[..., Any] = scope[program.name]
    return function


def _numpy_part(name: str, *_: object) -> object:
    """numpy's compiled methods import numpy's Python parts through the frame that calls them."""
    if name.partition(".")[0] != "numpy":
        raise ImportError(name)
    return import_module(name)


def _as_number(value: Any) -> Any:
    return float(value) if isinstance(value, (int, np.integer, np.bool_)) else value


def _looked_up(entry: Input, arrays: Mapping[str, Any]) -> Any:
    for key in entry.keys:
        if key in arrays:
            return arrays[key]
    what = {"function": "a function", "dim": "a whole number"}.get(entry.kind, "an array")
    names = " or ".join(entry.keys)
    hint = did_you_mean(entry.keys[0], map(str, arrays))
    raise InputError(f"{what} for {names} is missing", code="unknown-symbol", hint=hint)


def _converted(entry: Input, value: Any) -> Any:
    key = entry.keys[0]
    if entry.kind == "function":
        if not callable(value):
            raise InputError(f"{key} is a function: give a callable", code="schema")
        return value
    if entry.kind == "dim":
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise InputError(f"{key} is a dim: give a positive whole number", code="schema")
        return int(value)
    array = _as_labels(key, value) if entry.kind == "label" else _as_array(key, value)
    if not entry.shape:
        if array.size != 1:
            raise InputError(f"{key} is a scalar, but an array of shape {array.shape} is given", code="shape")
        return array.item()
    if len(entry.shape) == 1 and array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != len(entry.shape):
        raise InputError(f"{key} has shape {_declared(entry)}, but {array.shape} is given", code="shape")
    return array


def _as_array(key: str, value: Any) -> Any:
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{key} is not an array: its rows differ in length", code="shape") from None
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    if array.dtype.kind not in "fc":
        raise InputError(f"{key} holds {array.dtype}, not numbers", code="schema")
    return array


def _as_labels(key: str, value: Any) -> Any:
    array = _as_array(key, value)
    whole = np.rint(np.real(array))
    if not np.array_equal(whole, array):
        raise InputError(f"{key} holds labels: give whole numbers", code="schema", hint=_FROM_ZERO)
    return whole.astype(_INT)


def _check_labels(entry: Input, labels: Any, sizes: Mapping[str, Fraction]) -> None:
    """Labels outside the classes: NumPy would count a negative one from the end."""
    assert entry.classes is not None
    array = np.asarray(labels)
    known = set(entry.classes.names) <= set(sizes)
    count = None
    if known:
        count = entry.classes.constant + sum(f * sizes[name] for name, f in entry.classes.coefficients)
    if array.size and (array.min() < 0 or (count is not None and array.max() >= count)):
        worst = array.min() if array.min() < 0 else array.max()
        allowed = "" if count is None else f" to {count - 1}"
        message = f"{entry.keys[0]} holds the label {worst}; labels are 0{allowed}"
        raise InputError(message, code="schema", hint=_FROM_ZERO)


def _declared(entry: Input) -> str:
    return f"({', '.join(map(str, entry.shape))}{',' if len(entry.shape) == 1 else ''})"


def _check_sizes(inputs: tuple[Input, ...], given: Mapping[str, tuple[int, ...]]) -> dict[str, Fraction]:
    """The sizes that the arrays determine; InputError where they disagree."""
    shaped = [entry for entry in inputs if entry.identifier in given]
    solved = solve((entry.identifier, entry.shape) for entry in shaped)
    extents = {(name, axis): size for name, shape in given.items() for axis, size in enumerate(shape)}
    sizes = {name: entry.value(extents) for name, entry in solved.items()}
    sources = {name: entry.parts[0][0][0] for name, entry in solved.items() if entry.parts}
    for entry in shaped:
        shape = given[entry.identifier]
        for dim, size in zip(entry.shape, shape, strict=True):
            if not set(dim.names) <= set(sizes):
                continue
            expected = dim.constant + sum(factor * sizes[name] for name, factor in dim.coefficients)
            if expected != size or any(sizes[name].denominator != 1 for name in dim.names):
                raise _mismatch(entry, shape, dim, {n: sources[n] for n in dim.names}, inputs, given)
    return sizes


def _mismatch(
    entry: Input,
    shape: tuple[int, ...],
    dim: Dim,
    sources: Mapping[str, str],
    inputs: tuple[Input, ...],
    given: Mapping[str, tuple[int, ...]],
) -> InputError:
    message = f"{entry.keys[0]} has shape {_declared(entry)}, but {shape} is given"
    others = [other for other in inputs if other.identifier in sources.values() and other is not entry]
    if others:
        against = ", ".join(f"{o.keys[0]} {_declared(o)} = {given[o.identifier]}" for o in others)
        message += f"; {dim} does not agree with {against}"
    return InputError(message, code="shape")
