"""Operations that are not elementwise, on arrays of exact numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symbackprop.arithmetic.scalars import ONE, ZERO, Value, exp, log, over, plus, times
from symbackprop.ops.registry import Structural

Cells = NDArray[Any]


def structural(
    op: Structural, axis: str | None, args: Sequence[Cells], shape: tuple[int, int]
) -> Cells | None:
    """The value of a call; None where the definition, or floating point, has to do."""
    if op.name in _ALONG:
        return _along(_ALONG[op.name], args[0], axis or "rows", shape)
    rule = _RULES.get(op.name)
    if rule is None:
        return None
    return np.asarray(rule(args, axis, shape), dtype=object)


def _along(
    rule: Callable[[list[Value]], list[Value]], array: Cells, axis: str, shape: tuple[int, int]
) -> Cells:
    """A rule for lines, for each row or each column; the result has the shape of the call."""
    lines = array if axis == "rows" else array.T
    found = np.empty((len(lines), len(rule(list(lines[0])))), dtype=object)
    for place, line in enumerate(lines):
        found[place] = rule(list(line))
    return (found if axis == "rows" else found.T).reshape(shape)


def _sum(values: Iterable[Value]) -> Value:
    found: Value = ZERO
    for value in values:
        found = plus(found, value)
    return found


def _softmax(line: list[Value]) -> list[Value]:
    top = max(line)
    powers = [exp(plus(value, -top)) for value in line]
    whole = _sum(powers)
    return [over(value, whole) for value in powers]


def _logsumexp(line: list[Value]) -> list[Value]:
    top = max(line)
    return [plus(top, log(_sum(exp(plus(value, -top)) for value in line)))]


def _log_softmax(line: list[Value]) -> list[Value]:
    (whole,) = _logsumexp(line)
    return [plus(value, -whole) for value in line]


_ALONG: Mapping[str, Callable[[list[Value]], list[Value]]] = MappingProxyType(
    {"softmax": _softmax, "log_softmax": _log_softmax, "logsumexp": _logsumexp}
)


def _filled(shape: tuple[int, int], value: Value) -> Cells:
    found = np.empty(shape, dtype=object)
    found[...] = value
    return found


def _eye(shape: tuple[int, int]) -> Cells:
    found = _filled(shape, ZERO)
    np.fill_diagonal(found, ONE)
    return found


def _lines(array: Cells, mean: bool, down: bool) -> Cells:
    lines = array.T if down else array
    sums = [over(_sum(line), Fraction(len(line))) if mean else _sum(line) for line in lines]
    found = np.empty((len(sums), 1), dtype=object)
    found[:, 0] = sums
    return found.T if down else found


def _one_hot(labels: Cells, axis: str | None, shape: tuple[int, int]) -> Cells:
    found = _filled(shape if axis == "rows" else shape[::-1], ZERO)
    for place, label in enumerate(labels.ravel()):
        found[place, int(label) - 1] = ONE
    return found if axis == "rows" else found.T


def _outer(left: Cells, right: Cells) -> Cells:
    return np.asarray(np.frompyfunc(times, 2, 1)(left.reshape(-1, 1), right.reshape(1, -1)), dtype=object)


def _diag(vector: Cells) -> Cells:
    found = _filled((vector.size, vector.size), ZERO)
    np.fill_diagonal(found, vector.ravel())
    return found


def _stacked(parts: Sequence[Cells], shape: tuple[int, int]) -> Cells:
    below = sum(part.shape[0] for part in parts) == shape[0] and parts[0].shape[1] == shape[1]
    return np.concatenate(list(parts), axis=0 if below else 1)


def _padded(array: Cells, shape: tuple[int, int]) -> Cells:
    found = _filled(shape, ZERO)
    top, left = (shape[0] - array.shape[0]) // 2, (shape[1] - array.shape[1]) // 2
    found[top : top + array.shape[0], left : left + array.shape[1]] = array
    return found


def _cell(value: Value) -> Cells:
    return _filled((1, 1), value)


_Rule = Callable[[Sequence[Cells], "str | None", "tuple[int, int]"], Cells]
_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "sum": lambda args, axis, shape: _cell(_sum(args[0].ravel())),
        "mean": lambda args, axis, shape: _cell(over(_sum(args[0].ravel()), Fraction(args[0].size))),
        "trace": lambda args, axis, shape: _cell(_sum(np.diagonal(args[0]))),
        "outer": lambda args, axis, shape: _outer(args[0], args[1]),
        "diag": lambda args, axis, shape: _diag(args[0]),
        "diagonal": lambda args, axis, shape: np.diagonal(args[0]).reshape(shape),
        "onehot": lambda args, axis, shape: _one_hot(args[0], axis, shape),
        "eye": lambda args, axis, shape: _eye(shape),
        "ones": lambda args, axis, shape: _filled(shape, ONE),
        "zeros": lambda args, axis, shape: _filled(shape, ZERO),
        "rowsum": lambda args, axis, shape: _lines(args[0], mean=False, down=False),
        "colsum": lambda args, axis, shape: _lines(args[0], mean=False, down=True),
        "rowmean": lambda args, axis, shape: _lines(args[0], mean=True, down=False),
        "colmean": lambda args, axis, shape: _lines(args[0], mean=True, down=True),
        "rowmax": lambda args, axis, shape: np.array([[max(line)] for line in args[0]], dtype=object),
        "colmax": lambda args, axis, shape: np.array([[max(line) for line in args[0].T]], dtype=object),
        "max": lambda args, axis, shape: _cell(max(args[0].ravel())),
        "min": lambda args, axis, shape: _cell(min(args[0].ravel())),
        "stack": lambda args, axis, shape: _stacked(args, shape),
        "reshape": lambda args, axis, shape: args[0].reshape(shape),
        "pad": lambda args, axis, shape: _padded(args[0], shape),
    }
)  # fmt: skip
