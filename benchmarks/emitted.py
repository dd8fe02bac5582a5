"""The emitted NumPy function for all gradients against one written by hand: prints seconds as JSON.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 python benchmarks/emitted.py

Batch 64, sizes 32-64-64-10, float64. Each round is the best of 300 calls of each, alternating.
"""

from __future__ import annotations

import json
import os
import time
from itertools import pairwise
from typing import Any

import numpy as np

import symbackprop as sbp

CALLS = 300
ROUNDS = 5
BATCH, SIZES = 64, (32, 64, 64, 10)
PROBLEM = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  Y: {shape: [N, K], role: target, one_hot: true}
  W1: {shape: [D, M], role: parameter}
  b1: {shape: [M], role: parameter}
  W2: {shape: [M, Q], role: parameter}
  b2: {shape: [Q], role: parameter}
  W3: {shape: [Q, K], role: parameter}
  b3: {shape: [K], role: parameter}
forward: |
  U1 = X W1 + b1
  H1 = relu(U1)
  U2 = H1 W2 + b2
  H2 = relu(U2)
  Z = H2 W3 + b3
  P = softmax(Z)
  L = cross_entropy(Y, P)/N
"""


def baseline(X: Any, Y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> dict[str, Any]:
    """The gradients as written by hand; the text of the promise, not to be changed."""
    # fmt: off
    U1 = X @ W1 + b1; H1 = np.maximum(U1, 0.0); U2 = H1 @ W2 + b2; H2 = np.maximum(U2, 0.0); Z = H2 @ W3 + b3  # noqa: E702
    E = np.exp(Z - Z.max(axis=1, keepdims=True)); D3 = (E / E.sum(axis=1, keepdims=True) - Y) / X.shape[0]  # noqa: E702
    D2 = (D3 @ W3.T) * (U2 > 0); D1 = (D2 @ W2.T) * (U1 > 0)  # noqa: E702
    return {"W3": H2.T @ D3, "b3": D3.sum(axis=0), "W2": H1.T @ D2, "b2": D2.sum(axis=0), "W1": X.T @ D1, "b1": D1.sum(axis=0)}  # noqa: E501
    # fmt: on


def data() -> dict[str, Any]:
    """Arrays of the sizes above."""
    random = np.random.default_rng(0)
    arrays = {"X": random.normal(size=(BATCH, SIZES[0]))}
    arrays["Y"] = np.eye(SIZES[-1])[random.integers(0, SIZES[-1], BATCH)]
    for layer, (rows, columns) in enumerate(pairwise(SIZES), 1):
        arrays[f"W{layer}"] = random.normal(size=(rows, columns)) / np.sqrt(rows)
        arrays[f"b{layer}"] = random.normal(size=columns)
    return arrays


def best(emitted: Any, arrays: dict[str, Any]) -> tuple[float, float]:
    """The best of ``CALLS`` calls of each, alternating."""
    ours, theirs = [], []
    for _ in range(CALLS):
        begin = time.perf_counter()
        emitted(arrays)
        middle = time.perf_counter()
        baseline(**arrays)
        theirs.append(time.perf_counter() - middle)
        ours.append(middle - begin)
    return min(ours), min(theirs)


def main() -> None:
    """Compare the results, then the times."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        assert os.environ.get(name) == "1", f"set {name}=1 before Python starts"
    arrays = data()
    emitted = sbp.loads(PROBLEM).gradients("L").numpy()
    found, expected = emitted(arrays), baseline(**arrays)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)
    print(json.dumps([best(emitted, arrays) for _ in range(ROUNDS)]))


if __name__ == "__main__":
    main()
