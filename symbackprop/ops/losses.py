"""The losses: totals over all entries, the target first, each an ordinary formula.

A loss has no derivative of its own: its ``definition`` is expanded and the calculus does the rest.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from symbackprop.core.operations import Param
from symbackprop.notation.numpy_stable import LOG_SOFTMAX
from symbackprop.ops.elementwise import softplus
from symbackprop.ops.registry import Structural


def _cell(value: Any) -> Any:
    return np.asarray(value).reshape(1, 1)


def _log_softmax(z: Any, axis: str) -> Any:
    line = 1 if axis == "rows" else 0
    shifted = z - np.real(z).max(axis=line, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=line, keepdims=True))


def _huber(args: Any, axis: str | None) -> Any:
    a, b, d = args
    gap = a - b
    size = np.where(np.real(gap) > 0, gap, -gap)
    return _cell(np.where(np.real(size) <= np.real(d), gap * gap / 2, d * (size - d / 2)).sum())


def _multi_hinge(args: Any, axis: str | None) -> Any:
    y, s, m = args
    own = (y * s).sum(axis=1 if axis == "rows" else 0, keepdims=True)
    gap = s - own + m
    return _cell(((1 - y) * np.where(np.real(gap) > 0, gap, 0.0)).sum())


def _kl(args: Any, axis: str | None) -> Any:
    """With 0 log 0 = 0: a class that has no mass costs nothing."""
    p, q = args
    none = p == 0
    return _cell((p * (np.log(np.where(none, 1.0, p)) - np.log(np.where(none, 1.0, q)))).sum())


def _pair(first: str, second: str) -> tuple[Param, Param]:
    return (Param(first), Param(second))


OPERATIONS = (
    Structural(
        "cross_entropy",
        _pair("y", "p"),
        "loss",
        r"\operatorname{CE}",
        definition="-sum(y * log(p))",
        forward=lambda args, axis: _cell(-(args[0] * np.log(args[1])).sum()),
        numpy="-np.sum({y} * np.log({p}))",
        shape_rule="dot",
    ),
    Structural(
        "cross_entropy_logits",
        _pair("y", "z"),
        "loss",
        r"\operatorname{CE}_{\text{logits}}",
        True,
        definition="-sum(y * log_softmax(z))",
        forward=lambda args, axis: _cell(-(args[0] * _log_softmax(args[1], axis)).sum()),
        shape_rule="dot",
        numpy="-np.sum({y} * log_softmax({z}, axis={axis}))",
        numpy_helper=LOG_SOFTMAX,
    ),
    Structural(
        "nll",
        _pair("y", "logp"),
        "loss",
        r"\operatorname{NLL}",
        definition="-sum(y * logp)",
        forward=lambda args, axis: _cell(-(args[0] * args[1]).sum()),
        shape_rule="dot",
        numpy="-np.sum({y} * {logp})",
    ),
    Structural(
        "bce",
        _pair("y", "p"),
        "loss",
        r"\operatorname{BCE}",
        definition="-sum(y * log(p) + (1 - y) * log(1 - p))",
        forward=lambda args, axis: _cell(
            -(args[0] * np.log(args[1])).sum() - ((1 - args[0]) * np.log(1 - args[1])).sum()
        ),
        shape_rule="dot",
        numpy="-np.sum({y} * np.log({p}) + (1.0 - {y}) * np.log1p(-{p}))",
    ),
    Structural(
        "bce_logits",
        _pair("y", "z"),
        "loss",
        r"\operatorname{BCE}_{\text{logits}}",
        definition="sum(softplus(z) - y * z)",
        forward=lambda args, axis: _cell((softplus(args[1]) - args[0] * args[1]).sum()),
        shape_rule="dot",
        numpy="np.sum(np.logaddexp(0.0, {z}) - {y} * {z})",
    ),
    Structural(
        "sse",
        _pair("a", "b"),
        "loss",
        r"\operatorname{SSE}",
        definition="sum((a - b)^2)",
        forward=lambda args, axis: _cell(((args[0] - args[1]) ** 2).sum()),
        shape_rule="dot",
        numpy="np.sum(({a} - {b}) ** 2)",
    ),
    Structural(
        "mse",
        _pair("a", "b"),
        "loss",
        r"\operatorname{MSE}",
        definition="mean((a - b)^2)",
        forward=lambda args, axis: _cell(((args[0] - args[1]) ** 2).mean()),
        shape_rule="dot",
        numpy="np.mean(({a} - {b}) ** 2)",
    ),
    Structural(
        "hinge",
        _pair("y", "s"),
        "loss",
        r"\operatorname{hinge}",
        definition="sum(max(0, 1 - y * s))",
        forward=lambda args, axis: _cell(
            np.where(np.real(args[0] * args[1]) < 1, 1 - args[0] * args[1], 0.0).sum()
        ),
        shape_rule="dot",
        numpy="np.sum(np.maximum(1.0 - {y} * {s}, 0.0))",
    ),
    Structural(
        "multi_hinge",
        (Param("y"), Param("s"), Param("m", Fraction(1))),
        "loss",
        r"\operatorname{hinge}_{\text{multi}}",
        True,
        definition="sum((1 - y) * max(0, s - {line}sum(y * s) + m))",
        forward=_multi_hinge,
        shape_rule="dot",
        numpy="np.sum((1.0 - {y}) * "
        "np.maximum({s} - np.sum({y} * {s}, axis={axis}, keepdims=True) + {m}, 0.0))",
    ),
    Structural(
        "kl",
        _pair("p", "q"),
        "loss",
        r"\operatorname{KL}",
        definition="sum(p * log(p / q))",
        forward=_kl,
        shape_rule="dot",
        numpy="np.sum({p} * np.log({p} / {q}))",
    ),
    Structural(
        "focal",
        (Param("y"), Param("p"), Param("g", Fraction(2))),
        "loss",
        r"\operatorname{focal}",
        definition="-sum(y * (1 - p)^g * log(p))",
        forward=lambda args, axis: _cell(-(args[0] * (1 - args[1]) ** args[2] * np.log(args[1])).sum()),
        shape_rule="dot",
        numpy="-np.sum({y} * (1.0 - {p}) ** {g} * np.log({p}))",
    ),
    Structural(
        "huber",
        (Param("a"), Param("b"), Param("d", Fraction(1))),
        "loss",
        r"\operatorname{Huber}",
        definition=(
            "sum(ind(abs(a - b) <= d) * (a - b)^2 / 2 + ind(abs(a - b) > d) * d * (abs(a - b) - d / 2))"
        ),
        forward=_huber,
        shape_rule="dot",
        numpy="np.sum(np.where(np.abs({a} - {b}) <= {d}, "
        "0.5 * ({a} - {b}) ** 2, {d} * (np.abs({a} - {b}) - 0.5 * {d})))",
    ),
)
