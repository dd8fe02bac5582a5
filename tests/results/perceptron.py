"""A two-layer perceptron: its problem file, its arrays, its loss by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

import symbackprop as sbp

PROBLEM = r"""
title: Two-layer perceptron
convention: row
symbols:
  X:   {shape: [N, D], role: input}
  W:   {shape: [D, M], role: parameter}
  c:   {shape: [M], role: parameter}
  V:   {shape: [M, K], role: parameter, latex: 'W_2'}
  b:   {shape: [K], role: parameter}
  Y:   {shape: [N, K], role: target, one_hot: true}
  lam: {role: constant, latex: '\lambda'}
  unused: {shape: [D], role: input}
forward: |
  U = X W + c
  H = relu(U)
  Z = H V + b
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)
notation:
  - {name: G, is: dL/dZ, latex: 'G'}
questions:
  - {derive: dL/dW, points: 4}
  - {derive: dL/dZ, via: jacobian}
  - {id: bias, derive: dL/dc, text: 'Now the bias.'}
"""


@cache
def problem() -> sbp.Problem:
    return sbp.loads(PROBLEM)


Arrays = dict[str, Any]


def arrays(seed: int = 3) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        "X": rng.normal(size=(5, 3)),
        "W": rng.normal(size=(3, 4)),
        "c": rng.normal(size=4),
        "V": rng.normal(size=(4, 2)),
        "b": rng.normal(size=2),
        "Y": np.eye(2)[[0, 1, 1, 0, 1]],
        "lam": 0.3,
    }


def loss(a: Arrays) -> float:
    """The forward pass, by hand."""
    Z = np.maximum(a["X"] @ a["W"] + a["c"], 0) @ a["V"] + a["b"]
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return float(-(a["Y"] * np.log(P)).sum() / 5 + a["lam"] / 2 * (a["W"] ** 2).sum())


def differences(by: str, a: Arrays) -> NDArray[np.float64]:
    """Central differences of ``loss``."""
    base = np.asarray(a[by], dtype=float)
    found = np.zeros_like(base)
    for spot in np.ndindex(base.shape):
        step = np.zeros_like(base)
        step[spot] = 1e-6
        found[spot] = (loss({**a, by: base + step}) - loss({**a, by: base - step})) / 2e-6
    return found
