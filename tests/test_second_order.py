"""Second derivatives: Hessians, blocks of them, Hessian-vector products, the Jacobian of a gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import symbackprop as sbp
from symbackprop.answering import Answer

REGRESSION = """
convention: column
symbols:
  X: {shape: [N, D], role: input}
  w: {shape: [D], role: parameter}
  b: {role: parameter}
  y: {shape: [N], role: target}
  t: {shape: [N], role: target, one_of: [-1, 1]}
  lam: {role: constant}
forward: |
  r = X w - y
  ridge = 1/2 r^T r / N + lam/2 * sumsq(w)
  z = X w + b
  p = sigmoid(z)
  L = bce(y, p)/N
  S = sum(softplus(-t * z))
"""

ALGEBRA = """
convention: column
symbols:
  x: {shape: [n], role: parameter}
  z: {shape: [K], role: parameter}
  q: {shape: [K], role: target, sums_to_one: true}
  A: {shape: [n, n], role: constant}
  B: {shape: [n, n], role: constant, symmetric: true}
  M: {shape: [n, n], role: parameter}
  W: {shape: [m, n], role: parameter}
  v: {shape: [m], role: parameter}
  sigma: {role: function}
forward: |
  f = x^T A x
  g = x^T B x
  h = norm(x)
  e = exp(1/2 x^T B x)
  ld = logdet(M)
  lse = logsumexp(z)
  p = softmax(z)
  c = cross_entropy(q, p)
  u = W x
  J = J(u)
  s = v^T sigma(u)
  r = 1/2 * sumsq(relu(u))
"""

SOFTMAX = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, K], role: parameter}
  b: {shape: [K], role: parameter}
  Y: {shape: [N, K], role: target, one_hot: true}
forward: |
  Z = X W + b
  P = softmax(Z)
  L = cross_entropy(Y, P)/N
"""

NETWORK = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, M], role: parameter}
  v: {shape: [M], role: parameter}
  t: {shape: [N], role: target}
forward: |
  H = tanh(X W)
  o = v H^T
  L = sumsq(o - t)/N
"""


def answers(problem: str, *questions: str, more: str = "") -> tuple[Answer, ...]:
    """The answers to questions about a problem."""
    asked = "\n".join(f"  - {question}" for question in questions)
    found = sbp.loads(f"{problem}{more}questions:\n{asked}\n").answers()
    assert all(isinstance(one, Answer) for one in found)
    return found  # type: ignore[return-value]


MATRICES = [
    (REGRESSION, "d2ridge/dw2", "lam eye(D) + X^T X / N"),
    (REGRESSION, "d2L/dw2", "X^T diag(p * (1 - p)) X / N"),
    (REGRESSION, "d2L/(dw db)", "X^T (p * (1 - p)) / N"),
    (ALGEBRA, "d2f/dx2", "A + A^T"),
    (ALGEBRA, "d2g/dx2", "2 B"),
    (ALGEBRA, "d2h/dx2", "(eye(n) - x x^T / h^2)/h"),
    (ALGEBRA, "d2e/dx2", "e (B + B x x^T B)"),
    (ALGEBRA, "d2lse/dz2", "diag(p) - p p^T"),
    (ALGEBRA, "d2c/dz2", "diag(p) - p p^T"),
    (ALGEBRA, "d2J/dx2", "W^T d2J/du2 W"),
    (ALGEBRA, "d2s/dx2", "W^T diag(v * sigma''(u)) W"),
    (SOFTMAX, "d2L/db2", "(diag(colsum(P)) - P^T P)/N"),
]


@pytest.mark.parametrize(("problem", "question", "text"), MATRICES, ids=[case[1] for case in MATRICES])
def test_a_hessian_of_vectors_is_a_matrix(problem: str, question: str, text: str) -> None:
    (answer,) = answers(problem, f"{{hessian: '{question}'}}")
    assert answer.verdict.status == "holds"
    assert all(step.verdict.status == "holds" for step in answer.steps)
    assert answer.result.text == text


def test_shapes_and_conventions() -> None:
    shapes, *compared = answers(
        SOFTMAX, "{shapes: [d2L/db2, d2L/(dW db)]}", "{compare: d2L/db2, conventions: [row, column]}"
    )
    assert shapes.result.text == "d2L/db2: K x K; d2L/(dW db): (D*K) x K"
    assert [one.verdict.status for one in compared] == ["holds", "holds"]
    assert compared[1].result.text == "(diag(rowsum(P)) - P P^T)/N"


def test_labels_of_two_values_square_to_one() -> None:
    forward = "S = sum(log(1 + exp(-t * z)))"
    problem = REGRESSION.replace("S = sum(softplus(-t * z))", forward)
    (answer,) = answers(problem, "{hessian: d2S/dw2}")
    assert answer.verdict.status == "holds"
    assert answer.result.text == "X^T diag(sigmoid(-t * z) * sigmoid(t * z)) X"
    assert "`t^2 = 1`, as each entry of `t` is -1 or 1" in answer.assumptions


def test_by_two_arrays_on_one_way() -> None:
    """d2L/(dz dp) = d(dL/dp)/dz: the later one is differentiated by the earlier one, whatever the order."""
    first, second, third = answers(
        REGRESSION,
        "{hessian: 'd2L/(dz dp)'}",
        "{hessian: 'd2L/(dp dz)'}",
        "{hessian: 'd2L/(dz dp)', level: index}",
    )
    assert first.verdict.status == second.verdict.status == third.verdict.status == "holds"
    assert first.result.text == second.result.text
    assert first.steps[-1].before.text == "d2L/(dz dp)"


ENTRIES = [
    (ALGEBRA, "d2ld/dM2", "-inv(M)[j,k] inv(M)[l,i]"),
    (ALGEBRA, "d2J/dW2", "d2J/(du[i] du[k]) x[j] x[l]"),
    (ALGEBRA, "d2s/(dW dv)", "x[j] sigma'(u[i]) ind(i = k)"),
    (ALGEBRA, "d2r/dW2", "x[j] x[l] relu'(u[i])^2 ind(i = k)"),
    (SOFTMAX, "d2L/dW2", "sum[n](X[n,i] P[n,j] X[n,k] (ind(j = l) - P[n,l]))/N"),
]


@pytest.mark.parametrize(("problem", "question", "text"), ENTRIES, ids=[case[1] for case in ENTRIES])
def test_by_matrices_it_is_an_entry_over_its_letters(problem: str, question: str, text: str) -> None:
    (answer,) = answers(problem, f"{{hessian: '{question}'}}")
    assert answer.verdict.status == "holds"
    assert answer.result.text == text


def test_the_block_of_two_columns() -> None:
    (answer,) = answers(SOFTMAX, "{hessian: d2L/dW2}")
    last = answer.steps[-1]
    assert last.before.text == "d2L/(dW[:,j] dW[:,l])"
    assert last.after.text == "X^T diag(P[:,j] * (ind(j = l) - P[:,l])) X / N"


PRODUCTS = [
    (REGRESSION, "d2ridge/dw2", "lam a + X^T (X a) / N"),
    (REGRESSION, "d2L/dw2", "X^T (p * (1 - p) * (X a) / N)"),
    (ALGEBRA, "d2f/dx2", "(A + A^T) a"),
    (ALGEBRA, "d2ld/dM2", "-inv(M)^T a^T inv(M)^T"),
    (ALGEBRA, "d2J/dx2", "W^T (d2J/du2 (W a))"),
    (SOFTMAX, "d2L/dW2", "X^T (P * (X a - rowsum(P * (X a))) / N)"),
]


@pytest.mark.parametrize(("problem", "question", "text"), PRODUCTS, ids=[case[1] for case in PRODUCTS])
def test_a_product_never_builds_the_hessian(problem: str, question: str, text: str) -> None:
    (answer,) = answers(problem, f"{{hvp: '{question}', with: a}}")
    assert answer.verdict.status == "holds"
    assert answer.result.text == text


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("question", ["{hessian: d2L/dW2}", "{hvp: d2L/dW2, with: V}", "{hessian: d2L/dv2}"])
def test_in_every_layout(layout: str, question: str) -> None:
    (answer,) = answers(NETWORK, question, more=f"layout: {layout}\n")
    assert answer.verdict.status == "holds"


@pytest.mark.parametrize("level", ["index", "entries", "jacobian"])
@pytest.mark.parametrize("question", ["hessian: d2L/dw2", "hvp: d2L/dw2, with: a"])
def test_at_every_level(level: str, question: str) -> None:
    (answer,) = answers(REGRESSION, f"{{{question}, level: {level}}}")
    assert answer.verdict.status == "holds"
    assert answer.level == level


def test_what_is_printed_is_read_back() -> None:
    found = answers(
        NETWORK,
        "{hvp: d2L/dW2, with: V}",
        "{hessian: d2L/(dW dv)}",
        "{show: 'sum[k, l](V[k,l] d2L/(dW[i,j] dW[k,l])) = sum[k, l](d2L/(dW[i,j] dW[k,l]) V[k,l])'}",
        "{show: 'd2L/dv2 = 2 H^T H / N'}",
    )
    assert [answer.verdict.status for answer in found] == ["holds"] * 4
    left, right = "d2L/(dW[i,j] dv[k])", found[1].result.text
    (shown,) = answers(NETWORK, f'{{show: "{left} = {right}"}}')
    assert shown.verdict.status == "holds"


def test_a_wrong_claim_about_a_hessian_is_refuted() -> None:
    (answer,) = answers(ALGEBRA, "{show: 'd2f/dx2 = 2 A'}")
    assert answer.verdict.status == "fails"


def test_entries_and_cases() -> None:
    first, second, third = answers(
        SOFTMAX,
        "{hessian: 'd2L/(dW[i,j] dW[k,l])', cases: [j = l, j != l]}",
        "{derive: 'd2L/(dW[1,2] dW[k,l])'}",
        "{derive: 'd2L/(db[k] db[k])'}",
    )
    assert first.cases is not None
    assert [case.text for case in first.cases] == [
        "sum[n](X[n,i] P[n,j] X[n,k] (1 - P[n,j]))/N",
        "-sum[n](X[n,i] P[n,l] P[n,j] X[n,k])/N",
    ]
    assert second.result.text == "sum[n](X[n,1] P[n,2] X[n,k] (ind(2 = l) - P[n,l]))/N"
    assert third.result.text == "sum[n](P[n,k] (1 - P[n,k]))/N"
    assert {one.verdict.status for one in (first, second, third)} == {"holds"}


def test_the_jacobian_of_a_gradient_with_a_name() -> None:
    more = "notation:\n  - {name: delta, is: dL/dz}\n"
    (answer,) = answers(REGRESSION, "{jacobian: ddelta/dw}", more=more)
    assert answer.verdict.status == "holds"
    assert answer.result.text == "diag(p * (1 - p)) X / N"


def test_a_hessian_that_is_zero() -> None:
    first, second = answers(REGRESSION, "{hessian: d2ridge/db2}", "{hvp: d2ridge/db2, with: a}")
    assert first.verdict.status == second.verdict.status == "holds"
    assert first.result.text == second.result.text == "0"


def _differences(function: Callable[[Any], Any], at: Any, step: float = 1e-4) -> Any:
    """The Hessian of a function of an array by second differences."""
    units = np.eye(at.size).reshape(at.size, *at.shape) * step

    def second(a: Any, b: Any) -> Any:
        return function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)

    found = [[second(a, b) for b in units] for a in units]
    return np.array(found).reshape(at.shape + at.shape) / (4 * step * step)


def test_the_emitted_code_agrees_with_differences() -> None:
    rng = np.random.default_rng(3)
    arrays = {"X": rng.normal(size=(5, 3)), "W": rng.normal(size=(3, 4)), "v": rng.normal(size=4)}
    arrays["t"] = rng.normal(size=5)
    problem = sbp.loads(NETWORK)

    def loss(W: Any) -> Any:
        out = np.tanh(arrays["X"] @ W) @ arrays["v"]
        return np.sum((out - arrays["t"]) ** 2) / 5

    expected = _differences(loss, arrays["W"])
    hessian = problem.hessian("L", "W").numpy()(arrays)
    assert hessian.shape == (3, 4, 3, 4)
    np.testing.assert_allclose(hessian, expected, atol=1e-6)
    (answer,) = answers(NETWORK, "{hvp: d2L/dW2, with: V}")
    assert answer.derivation is not None
    direction = rng.normal(size=(3, 4))
    product = answer.derivation.numpy()({**arrays, "V": direction})
    np.testing.assert_allclose(product, np.einsum("ijkl,kl", expected, direction), atol=1e-6)


def test_a_second_derivative_of_sigma_is_given_by_the_caller() -> None:
    code = sbp.loads(ALGEBRA).hessian("s", "x").numpy()
    weights = np.array([[0.5, 1.5], [-1.0, 0.25], [2.0, -0.5]])
    arrays: dict[str, Any] = {"x": np.array([0.3, -0.7]), "W": weights}
    given: dict[str, Any] = {**arrays, "v": np.array([1.0, -2.0, 0.5]), "sigma": np.sin, "sigma'": np.cos}
    found = code({**given, "sigma''": lambda u: -np.sin(u)})
    u = arrays["W"] @ arrays["x"]
    np.testing.assert_allclose(found, arrays["W"].T @ np.diag(-given["v"] * np.sin(u)) @ arrays["W"])


def test_the_result_is_a_sympy_matrix() -> None:
    derivation = sbp.loads(REGRESSION).hessian("L", "w")
    function = sympy.lambdify(derivation.arguments, derivation.expanded())
    inputs = np.array([[0.5, -1.0], [2.0, 0.25]])
    given: dict[str, Any] = {"X": inputs, "w": np.array([[0.3], [-0.2]]), "b": 0.1, "N": 2}
    found = function(*(given[str(argument)] for argument in derivation.arguments))
    p = 1 / (1 + np.exp(-(given["X"] @ given["w"] + 0.1)))
    np.testing.assert_allclose(found, given["X"].T @ np.diag((p * (1 - p)).ravel()) @ given["X"] / 2)


REFUSED = [
    ("{hessian: dL/dw}", "second derivatives"),
    ("{hessian: d2p/dw2}", "not a scalar"),
    ("{hvp: d2L/dw2}", "names no direction"),
    ("{hvp: d2L/dw2, with: X}", "has its shape"),
    ("{hvp: dL/dw, with: a}", "second derivative"),
    ("{hessian: d2L/dq2}", "unknown symbol q"),
]


@pytest.mark.parametrize(("question", "words"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_asked(question: str, words: str) -> None:
    with pytest.raises(sbp.InputError, match=words):
        answers(REGRESSION, question)
