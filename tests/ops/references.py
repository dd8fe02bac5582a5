"""What every operation is worth, written apart from the package: SciPy, or the formula by hand.

To add an operation, add a row: its arguments, and a function of their arrays that gives the value.
The suite fails for an operation without a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from symbackprop.core.dims import ONE
from symbackprop.core.expr import Call, Expr, Leaf, Shape
from symbackprop.core.tensors import Convention, Facts, Tensor
from symbackprop.ops.registry import lookup
from symbackprop.verification.point import Array, Point
from tests.verification.graphs import call, dim, number

_RNG = np.random.default_rng(2026)
_M, _N = dim("m"), dim("n")
_VALUES: dict[Tensor, Array] = {}


def _leaf(name: str, shape: Shape, value: Array) -> Leaf:
    made = Tensor(name, shape, Convention.COLUMN)
    _VALUES[made] = value
    return Leaf(made)


def _labels(name: str, shape: Shape, value: Array) -> Leaf:
    made = Tensor(name, tuple(d for d in shape if d != ONE), Convention.COLUMN, facts=Facts(classes=_N))
    _VALUES[made] = value
    return Leaf(made)


A = _leaf("A", (_M, _N), _RNG.normal(size=(3, 4)) * 1.4)
B = _leaf("B", (_M, _N), _RNG.normal(size=(3, 4)))
WIDE = _leaf("F", (_M, _N), _RNG.uniform(-6, 6, (3, 4)))
POSITIVE = _leaf("G", (_M, _N), _RNG.uniform(0.1, 4, (3, 4)))
P = _leaf("P", (_M, _N), _RNG.uniform(0.05, 0.95, (3, 4)))
Q = _leaf("Q", (_M, _N), _RNG.uniform(0.05, 0.95, (3, 4)))
SIGNS = _leaf("S", (_M, _N), np.array([[1, -1, -1, 1], [-1, -1, 1, -1], [1, 1, -1, -1.0]]))
HOT = _leaf("H", (_M, _N), np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
SQUARE = _leaf("R", (_N, _N), _RNG.normal(size=(4, 4)))
x = _leaf("x", (_N, ONE), _RNG.normal(size=(4, 1)))
r = _leaf("r", (ONE, _M), _RNG.normal(size=(1, 3)))
LABELS = _labels("y", (_M, ONE), np.array([[4.0], [1.0], [2.0]]))
LABEL = _labels("c", (ONE, ONE), np.array([[3.0]]))
POINT = Point({"m": 3, "n": 4}, 0, _VALUES)


@dataclass(frozen=True)
class Row:
    """One call of an operation, and its value from the arrays of the arguments given."""

    args: tuple[Expr, ...]
    value: Callable[..., object]
    axis: str | None = None
    shape: Shape | None = None

    def call(self, name: str) -> Call:
        op = lookup(name)
        assert op is not None
        if self.shape is not None:
            return Call(op, self.args, self.shape, 0, self.axis)
        return call(op, *self.args, axis=self.axis)


def _huber(a: Array, b: Array, bound: float) -> Array:
    return special.huber(bound, a - b).sum()


def _gelu_tanh(a: Array) -> Array:
    inner = np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)
    return a / 2 * (1 + np.sinh(inner) / np.cosh(inner))


REFERENCES: dict[str, tuple[Row, ...]] = {
    "abs": (Row((A,), np.abs),),
    "bce": (Row((P, Q), lambda y, p: -(special.xlogy(y, p) + special.xlog1py(1 - y, -p)).sum()),),
    "bce_logits": (
        Row((P, A), lambda y, z: -(y * special.log_expit(z) + (1 - y) * special.log_expit(-z)).sum()),
    ),
    "colmean": (Row((A,), lambda a: np.ones((1, 3)) @ a / 3),),
    "colsum": (Row((A,), lambda a: np.ones((1, 3)) @ a),),
    "cos": (Row((WIDE,), lambda a: np.exp(1j * a).real),),
    "cross_entropy": (Row((P, Q), lambda y, p: special.xlogy(y, 1 / p).sum()),),
    "cross_entropy_logits": (
        Row((P, A), lambda y, z: -np.vdot(y, special.log_softmax(z, axis=1)), axis="rows"),
        Row((P, A), lambda y, z: -np.vdot(y, special.log_softmax(z, axis=0)), axis="columns"),
    ),
    "diag": (
        Row((x,), lambda v: np.eye(4) * v, shape=(_N, _N)),
        Row((r,), lambda v: np.eye(3) * v, shape=(_M, _M)),
    ),
    "diagonal": (
        Row((SQUARE,), lambda s: np.einsum("ii->i", s)[:, None], shape=(_N, ONE)),
        Row((SQUARE,), lambda s: np.einsum("ii->i", s)[None], shape=(ONE, _N)),
    ),
    "dot": (Row((A, B), lambda a, b: np.trace(a.T @ b)),),
    "elu": (
        Row((A,), lambda a: np.where(a > 0, a, np.exp(a) - 1)),
        Row((A, number("0.7")), lambda a: np.where(a > 0, a, 0.7 * (np.exp(a) - 1))),
    ),
    "erf": (Row((A,), special.erf), Row((WIDE,), special.erf)),
    "exp": (Row((A,), lambda a: np.cosh(a) + np.sinh(a)),),
    "eye": (Row((number(4),), lambda: np.diag([1.0] * 4), shape=(_N, _N)),),
    "focal": (
        Row((P, Q), lambda y, p: -(y * np.square(1 - p) * np.log(p)).sum()),
        Row((P, Q, number("1.5")), lambda y, p: -(y * (1 - p) * np.sqrt(1 - p) * np.log(p)).sum()),
    ),
    "gelu": (Row((WIDE,), lambda a: a * special.ndtr(a)),),
    "gelu_tanh": (Row((A,), _gelu_tanh),),
    "hinge": (Row((SIGNS, A), lambda y, s: np.maximum(0, 1 - y * s).sum()),),
    "huber": (
        Row((A, B), lambda a, b: _huber(a, b, 1.0)),
        Row((A, B, number("0.6")), lambda a, b: _huber(a, b, 0.6)),
    ),
    "kl": (Row((P, Q), lambda p, q: special.rel_entr(p, q).sum()),),
    "leaky_relu": (
        Row((A,), lambda a: np.maximum(a, 0) + np.minimum(a, 0) / 100),
        Row((A, number("0.3")), lambda a: np.maximum(a, 0.3 * a)),
    ),
    "log": (Row((POSITIVE,), lambda a: special.xlogy(1, a)),),
    "log_softmax": (
        Row((A,), lambda a: special.log_softmax(a, axis=1), axis="rows"),
        Row((A,), lambda a: special.log_softmax(a, axis=0), axis="columns"),
    ),
    "logsumexp": (
        Row((A,), lambda a: special.logsumexp(a, axis=1, keepdims=True), axis="rows"),
        Row((A,), lambda a: special.logsumexp(a, axis=0, keepdims=True), axis="columns"),
        Row((x,), special.logsumexp, axis="columns"),
    ),
    "max": (Row((A, B), np.maximum), Row((A, number("0.2")), lambda a: np.clip(a, 0.2, None))),
    "mean": (Row((A,), lambda a: a.sum() / 12),),
    "min": (Row((A, B), np.minimum), Row((x, number("0.2")), lambda a: np.clip(a, None, 0.2))),
    "mse": (Row((A, B), lambda a, b: np.linalg.norm(a - b) ** 2 / 12),),
    "nll": (Row((P, A), lambda y, z: -np.vdot(y, z)),),
    "norm": (Row((A,), np.linalg.norm),),
    "norm1": (Row((A,), lambda a: np.linalg.norm(a.ravel(), 1)),),
    "ones": (
        Row((number(3), number(4)), lambda: np.full((3, 4), 1.0), shape=(_M, _N)),
        Row((number(4),), lambda: np.full((4, 1), 1.0), shape=(_N, ONE)),
    ),
    "onehot": (
        Row((LABELS,), lambda y: np.equal.outer(y.ravel(), [1, 2, 3, 4]), axis="rows", shape=(_M, _N)),
        Row((LABELS,), lambda y: np.equal.outer([1, 2, 3, 4], y.ravel()), axis="columns", shape=(_N, _M)),
        Row((LABEL,), lambda y: np.eye(4)[:, [int(y.item()) - 1]], axis="columns", shape=(_N, ONE)),
    ),
    "outer": (
        Row((x, r), lambda a, b: np.einsum("ik,kj->ij", a, b), shape=(_N, _M)),
        Row((r, x), lambda a, b: np.einsum("ki,jk->ij", a, b), shape=(_M, _N)),
    ),
    "colmax": (Row((A,), lambda a: np.array([[max(line) for line in a.T]])),),
    "rowmax": (Row((A,), lambda a: np.array([[max(line)] for line in a])),),
    "max/1": (Row((A,), lambda a: max(a.ravel())), Row((x,), lambda a: max(a.ravel()))),
    "min/1": (Row((A,), lambda a: min(a.ravel())), Row((r,), lambda a: min(a.ravel()))),
    "det": (Row((SQUARE,), lambda s: np.linalg.eigvals(s).prod().real),),
    "inv": (Row((SQUARE,), lambda s: np.linalg.solve(s, np.eye(4)), shape=(_N, _N)),),
    "logdet": (Row((SQUARE,), lambda s: np.log(np.abs(np.linalg.eigvals(s))).sum()),),
    "multi_hinge": (
        Row((HOT, A), lambda y, s: _multi_hinge(y, s, 1.0), axis="rows"),
        Row((HOT, A, number("0.4")), lambda y, s: _multi_hinge(y, s, 0.4), axis="rows"),
        Row((HOT, A), lambda y, s: _multi_hinge(y.T, s.T, 1.0), axis="columns"),
    ),
    "pad": (
        Row((A, number(2)), lambda a: _margins(a, 2, 2), shape=(dim("m") + 4, dim("n") + 4)),
        Row((x, number(1)), lambda a: _margins(a, 1, 0), shape=(dim("n") + 2, ONE)),
    ),
    "reshape": (
        Row(
            (A, number(2), number(6)),
            lambda a: np.array([a.ravel()[:6], a.ravel()[6:]]),
            shape=(dim(2), dim(6)),
        ),
        Row(
            (x, number(2), number(2)),
            lambda a: np.array([[a[0, 0], a[1, 0]], [a[2, 0], a[3, 0]]]),
            shape=(dim(2), dim(2)),
        ),
    ),
    "stack": (
        Row((A, B), lambda a, b: np.hstack([a, b]), axis="rows", shape=(_M, _N + _N)),
        Row((A, B), lambda a, b: np.vstack([a, b]), axis="columns", shape=(_M + _M, _N)),
        Row((x, number(1)), lambda a: np.append(a, 1.0)[:, None], axis="columns", shape=(_N + 1, ONE)),
    ),
    "relu": (Row((A,), lambda a: np.clip(a, 0, None)),),
    "rowmean": (Row((A,), lambda a: a @ np.ones((4, 1)) / 4),),
    "rowsum": (Row((A,), lambda a: a @ np.ones((4, 1))),),
    "sigmoid": (Row((WIDE,), special.expit),),
    "sign": (Row((A,), np.sign),),
    "silu": (Row((WIDE,), lambda a: a / (1 + np.exp(-a))),),
    "sin": (Row((WIDE,), lambda a: np.exp(1j * a).imag),),
    "softmax": (
        Row((A,), lambda a: special.softmax(a, axis=1), axis="rows"),
        Row((A,), lambda a: special.softmax(a, axis=0), axis="columns"),
        Row((r,), special.softmax, axis="rows"),
    ),
    "softplus": (Row((WIDE,), lambda a: -special.log_expit(-a)),),
    "sqrt": (Row((POSITIVE,), lambda a: a**0.5),),
    "square": (Row((A,), np.square),),
    "sse": (Row((A, B), lambda a, b: np.linalg.norm(a - b) ** 2),),
    "sum": (Row((A,), lambda a: np.ones(3) @ a @ np.ones(4)),),
    "sumsq": (Row((A,), lambda a: np.linalg.norm(a) ** 2),),
    "tanh": (Row((WIDE,), lambda a: 1 - 2 / (np.exp(2 * a) + 1)),),
    "trace": (Row((SQUARE,), lambda s: np.linalg.eigvals(s).sum().real),),
    "zeros": (
        Row((number(3), number(4)), lambda: np.full((3, 4), 0.0), shape=(_M, _N)),
        Row((number(3),), lambda: np.full((3, 1), 0.0), shape=(_M, ONE)),
    ),
}


def _multi_hinge(hot: Array, scores: Array, margin: float) -> float:
    """By loops: y_kn is the only class that does not count."""
    total = 0.0
    for y, s in zip(hot, scores, strict=True):
        own = sum(a * b for a, b in zip(y, s, strict=True))
        total += sum((1 - a) * max(0.0, b - own + margin) for a, b in zip(y, s, strict=True))
    return total


def _margins(array: Array, rows: int, columns: int) -> Array:
    found = np.zeros((array.shape[0] + 2 * rows, array.shape[1] + 2 * columns))
    found[rows : rows + array.shape[0], columns : columns + array.shape[1]] = array
    return found


def arrays_of(row: Row) -> list[Array]:
    """The arrays of the arguments that are tensors."""
    return [POINT.values[arg.tensor] for arg in row.args if isinstance(arg, Leaf)]
