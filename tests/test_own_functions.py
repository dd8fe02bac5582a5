"""Functions of a file: another name of one of the table, and elementwise ones with a formula of their own."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import symbackprop as sbp
from symbackprop.errors import InputError

FILE = """
convention: row
symbols:
  X: {{shape: [N, D], role: input}}
  Y: {{shape: [N, K], role: target, one_hot: true}}
  W: {{shape: [D, M], role: parameter}}
  V: {{shape: [M, K], role: parameter}}
  beta: {{role: parameter}}
  f: {{role: function, {function}}}
forward: |
  Z = X W
  H = f(Z)
  P = softmax(H V)
  L = cross_entropy(Y, P)/N
"""
FUNCTIONS = [
    "of: a, is: 'a * sigmoid(beta*a)'", "of: a, is: 'a / sqrt(1 + beta^2 * a^2)'", "of: a, is: 'tanh(a)/M'",
    "of: u, is: 'max(u, beta*u)'", "is: gelu", "is: relu", "of: a, is: 'log(1 + exp(a))'",
]  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_gradient_holds(function: str) -> None:
    problem = sbp.loads(FILE.format(function=function))
    for level in ("vector", "index"):
        for name, found in problem.gradients("L", level=level).items():
            assert found.verify().status == "holds", (name, level)


def test_a_call_is_printed_as_it_was_written() -> None:
    problem = sbp.loads(FILE.format(function="of: a, is: 'a * sigmoid(beta*a)', latex: 'F'"))
    source = problem.render("key")
    assert "F(Z)" in source
    assert "f(Z)" in problem.derive("L", "V").expanded_text.replace("X W", "Z")


def test_lambdify_knows_the_function() -> None:
    found = sbp.loads(FILE.format(function="of: a, is: 'a * sigmoid(beta*a)'")).derive("L", "V")
    rng = np.random.default_rng(3)
    arrays = {
        "X": rng.normal(size=(5, 3)), "Y": np.eye(2)[[0, 1, 1, 0, 1]], "W": rng.normal(size=(3, 4)),
        "V": rng.normal(size=(4, 2)), "beta": 1.3,
    }  # fmt: skip
    sizes = {"N": 5, "D": 3, "M": 4, "K": 2}
    given = [arrays.get(str(one), sizes.get(str(one))) for one in found.arguments]
    result = sympy.lambdify(found.arguments, found.expanded())(*given)
    np.testing.assert_allclose(result, found.numpy()(arrays), rtol=1e-12)


def test_softmax_under_another_name() -> None:
    text = FILE.format(function="is: softmax, latex: 'S'").replace("H = f(Z)", "H = tanh(Z)")
    problem = sbp.loads(text.replace("P = softmax(H V)", "P = f(H V)"))
    assert problem.derive("L", "V").verify().status == "holds"
    assert "S(H V)" in problem.render("key")


def test_a_name_that_is_none_of_the_file() -> None:
    with pytest.raises(InputError, match="gamma"):
        sbp.loads(FILE.format(function="of: a, is: 'gamma * a'"))


def test_one_entry_of_a_gradient() -> None:
    text = FILE.format(function="is: tanh") + "questions:\n  - {derive: 'dL/dW[1,2]', level: index}\n"
    answer = sbp.loads(text).answer("q1")
    assert answer.verdict.status == "holds"
    assert answer.kind == "derive"
    assert answer.shape == ()
