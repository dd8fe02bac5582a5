"""Second derivatives, members of families over a dim, columns (N x 1) with one index, largest entries."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

import symbackprop as sbp
from tests.loaded import EXAMPLES, loaded

VECTORS = """
convention: column
symbols:
  x: {shape: [d], role: input}
  W: {shape: [k, d], role: parameter}
  y: {shape: [k], role: target, one_hot: true}
  A: {shape: [k, k], role: constant}
forward: |
  z = W x
  p = softmax(z)
  L = cross_entropy(y, p)
  Q = z^T A z
"""
LARGEST = """
convention: column
symbols:
  x: {shape: [n], role: parameter}
forward: |
  L = max(x * (x^2 + 1))
  A[i,j] = tanh(x[i] - x[j])
"""
RNN, COLUMNS = "recurrent_network", "second_derivatives"
STEP = r" + W^\top \Bigl( \frac{\partial L}{\partial h_{t+1}} \odot (1 - h_{t+1}^2) \Bigr)"
CASES = [
    ("vectors", r"\frac{\partial^2 L}{\partial z_i \partial z_j} = p_i (\delta_{ij} - p_j)", None),
    ("vectors", r"\frac{\partial^2 L}{\partial z_i \partial z_j} = p_i (\delta_{ij} + p_j)", "sign"),
    ("vectors", r"\frac{\partial^2 L}{\partial z\,\partial z^\top} = \mathrm{diag}(p) - p p^\top", None),
    ("vectors", r"\frac{\partial^2 Q}{\partial z^2} = A + A^\top", None),
    ("vectors", r"\frac{\partial^2 Q}{\partial z^2} = 2 A", "algebra"),
    (
        "vectors",
        r"\frac{\partial^2 L}{\partial W_{ij} \partial W_{kl}} = p_i (\delta_{ik} - p_k) x_j x_l",
        None,
    ),
    (COLUMNS, r"\frac{\partial^2 L}{\partial w^2} = \frac1N X^\top \mathrm{diag}(p \odot (1-p)) X", None),
    (COLUMNS, r"\frac{\partial^2 L}{\partial w^2} = X^\top \mathrm{diag}(p \odot (1-p)) X", "mean"),
    (COLUMNS, r"\frac{\partial^2 L}{\partial w_i \partial b} = \frac1N \sum_n p_n (1-p_n) X_{ni}", None),
    (COLUMNS, r"\frac{\partial^2 L}{\partial b^2} = \frac1N \sum_n p_n (1-p_n)", None),
    (COLUMNS, r"\frac{\partial L}{\partial b} = \frac1N \sum_n (p_n - y_n)", None),
    (COLUMNS, r"\frac{\partial L}{\partial w_j} = \frac1N \sum_n (y_n - p_n) X_{nj}", "sign"),
    (
        RNN,
        r"\frac{\partial L}{\partial h_t} = V^\top (p_t - y_t)" + STEP,
        None,
    ),
    (RNN, r"\frac{\partial L}{\partial h_T} = V^\top (p_T - y_T)", None),
    (
        RNN,
        r"\frac{\partial L}{\partial W} = \sum_t (\frac{\partial L}{\partial h_t}\odot (1 - h_t^2)) h_t^\top",
        "index",
    ),
    (RNN, r"\frac{\partial L}{\partial V} = \sum_t (p_t - y_t) h_t^\top", None),
    (
        "largest",
        r"\frac{\partial L}{\partial x_q} = (3 x_q^2 + 1) [x_q (x_q^2 + 1) = \max_i x_i (x_i^2 + 1)]",
        None,
    ),
    ("largest", r"A_{ij} = \tanh(x_i - x_j)", None),
    ("largest", r"A = \tanh(x - x^\top)", None),
    (RNN, r"\frac{\partial L}{\partial V} = \sum_t (y_t - p_t) h_t^\top", "sign"),
]


@cache
def problem(name: str) -> Any:
    paths = {path.stem: path for path in EXAMPLES}
    return loaded(paths[name]) if name in paths else sbp.loads({"vectors": VECTORS, "largest": LARGEST}[name])


@pytest.mark.parametrize(("name", "line", "cause"), CASES)
def test_a_line_is_judged(name: str, line: str, cause: str | None) -> None:
    (finding,) = sbp.check(problem(name), line).findings
    verdict = "correct" if cause is None else "wrong"
    assert (finding.verdict, finding.cause) == (verdict, cause), finding.message
