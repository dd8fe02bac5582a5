"""Works that differentiate by a step of the forward pass to which only they give a name."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.checks.checker import Checker

COLUMN = """
convention: column
symbols:
  x: {shape: [d], role: input}
  W: {shape: [m, d], role: parameter}
  b: {shape: [m], role: parameter}
  V: {shape: [k, m], role: parameter}
  y: {shape: [k], role: target, one_hot: true}
forward: |
  h = relu(W x + b)
  p = softmax(V h)
  L = cross_entropy(y, p)
"""
ROW = """
convention: row
symbols:
  X: {shape: [N, d], role: input}
  W: {shape: [d, k], role: parameter}
  T: {shape: [N, k], role: target}
forward: |
  Y = tanh(X W)
  L = sumsq(Y - T)/N
"""


@pytest.mark.parametrize(
    ("problem", "work", "verdicts"),
    [
        (COLUMN, r"Let $z = V h$. Then $\frac{\partial L}{\partial z} = p - y$.", "correct correct"),
        (COLUMN, r"Let $z = V h$. Then $\frac{\partial L}{\partial z} = y - p$.", "correct wrong"),
        (COLUMN, r"Let $z = V h$. So $\frac{\partial L}{\partial h} = V^\top \frac{\partial L}{\partial z}$.",
         "correct correct"),
        (COLUMN, r"With $u = W x + b$, $\nabla_u L = \nabla_h L \odot [u > 0]$, $\nabla_b L = \nabla_u L$.",
         "correct correct correct"),
        (COLUMN, r"With $u^{(1)} = W x + b$: $\frac{\partial u^{(1)}}{\partial b} = I$.", "correct correct"),
        (ROW, r"Let $E = Y - T$. Then $\frac{\partial L}{\partial E} = \frac{2}{N} E$.", "correct correct"),
        (ROW, r"Let $E = Y - T$. Then $\frac{\partial L}{\partial E} = 2 E$.", "correct wrong"),
        (ROW, r"Let $A = X W$, $Y = \tanh(A)$. Then $\nabla_W L = X^\top \nabla_A L$.",
         "correct correct correct"),
        # What the forward pass does not compute has no derivative by it.
        (ROW, r"Let $Q = X^\top X$. Then $\frac{\partial L}{\partial Q} = 0$.", "correct unchecked"),
    ],
)  # fmt: skip
def test_a_step_that_only_the_work_names(problem: str, work: str, verdicts: str) -> None:
    loaded = sbp.loads(problem)
    found = Checker(loaded.spec, loaded.context).check(work)
    assert " ".join(one.verdict for one in found.findings) == verdicts
