"""Jacobians: of every function, in the three layouts, row by row, and of more than two indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from symbackprop.derivation.proof import Prover
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise, all_operations
from symbackprop.pipeline import Problem
from symbackprop.reading.formulas import read_equation
from symbackprop.reading.keys import LAYOUTS
from tests.derivation.networks import network
from tests.derivation.test_jacobian_level import BATCH, BATCHED, FORWARD, SYMBOLS, unread

ELEMENTWISE = [
    op.name
    for op in all_operations()
    if isinstance(op, Elementwise) and [param.default is None for param in op.params].count(True) == 1
]


def _of(forward: str, facts: str = "") -> Problem:
    return network("column", f"u: n input {facts}; beta: constant", f"h = {forward}; L = sumsq(h)")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_function_has_a_diagonal_jacobian(name: str) -> None:
    problem = _of(f"{name}(u)", "positive" if name in ("log", "sqrt") else "")
    derivation = problem.jacobian("h", "u")
    assert derivation.verify().status == "holds"
    assert "diag(" in derivation.text or derivation.text == "zeros(n, n)"
    gradient = problem.derive("L", "u", level="jacobian")
    assert gradient.verify().status == "holds"
    assert [step.rule for step in gradient.steps].count("collapse") == 1


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ("softmax(u)", "diag(h) - h h^T"),
        ("softmax(beta u)", "beta (diag(h) - h h^T)"),
        ("exp(u)/sum(exp(u))", "diag(h) - h h^T"),
        ("log_softmax(u)", "eye(n) - ones(n) softmax(u)^T"),
        ("logsumexp(u)", "softmax(u)"),
        ("norm(u)", "u/h"),
        ("u/norm(u)", "(eye(n) - h h^T)/norm(u)"),
        ("u^3", "3 diag(u^2)"),
    ],
)
def test_the_jacobian_of_a_function_of_all_entries(forward: str, expected: str) -> None:
    problem = _of(forward)
    scalar = not problem.spec.graph.tensors["h"].shape
    derivation = problem.derive("h", "u") if scalar else problem.jacobian("h", "u")
    assert derivation.verify().status == "holds"
    assert derivation.text == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("of", "by"), [("p", "x"), ("h", "u"), ("p", "W"), ("u", "W"), ("p", "c")])
def test_one_example_in_every_layout(layout: str, of: str, by: str) -> None:
    problem = network("column", SYMBOLS, FORWARD, layout=layout)
    derivation = problem.jacobian(of, by)
    assert derivation.verify().status == "holds"
    assert unread(problem, derivation.steps) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("of", "by"), [("P", "U"), ("U", "W"), ("P", "c")])
def test_a_batch_in_every_layout(layout: str, of: str, by: str) -> None:
    problem = network("row", BATCH, BATCHED, layout=layout)
    derivation = problem.jacobian(of, by)
    assert derivation.verify().status == "holds"
    assert unread(problem, derivation.steps) == []


NORMALISED = "mu = {0}mean(X); C = X - mu; v = {0}mean(C^2); Y = C/sqrt(v + eps); L = sumsq(Y)"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("convention", "line", "matrix"),
    [
        ("row", "row", "(eye(d) - Y[n,:]^T Y[n,:] / d - ones(d, d)/d)/sqrt(v[n,1] + eps)"),
        ("column", "col", "(eye(d) - Y[:,n] Y[:,n]^T / d - ones(d, d)/d)/sqrt(v[1,n] + eps)"),
        ("row", "col", None),
    ],
)
def test_a_normalised_batch(convention: str, line: str, matrix: str | None, layout: str) -> None:
    """Each line by itself where its mean and length are its own; else over entries."""
    shape = "N d" if convention == "row" else "d N"
    symbols = f"X: {shape} parameter; eps: constant positive"
    problem = network(convention, symbols, NORMALISED.format(line), layout=layout)
    derivation = problem.jacobian("Y", "X")
    assert derivation.verify().status == "holds"
    assert "dY" not in derivation.text
    if matrix is not None:
        assert [to_text(value) for _, value in derivation.slices] == [matrix]


def test_the_terms_of_one_example_are_put_together() -> None:
    forward = "mu = mean(x); v = mean((x - mu)^2); y = (x - mu)/sqrt(v + eps); L = sumsq(y)"
    problem = network("column", "x: d parameter; eps: constant positive", forward)
    derivation = problem.jacobian("y", "x")
    assert derivation.text == "(eye(d) - y y^T / d - ones(d, d)/d)/sqrt(v + eps)"
    assert derivation.verify().status == "holds"


def test_the_chain_of_a_composite_stays_a_product() -> None:
    texts = {
        layout: network("column", SYMBOLS, FORWARD, layout=layout).jacobian("p", "x").text
        for layout in LAYOUTS
    }
    assert texts["gradient"] == texts["numerator"] == "(diag(p) - p p^T) V diag(relu'(u)) W"
    assert texts["denominator"] == "W^T diag(relu'(u)) V^T (diag(p) - p p^T)"


def test_an_array_of_three_indices() -> None:
    """Entries, slices, the sizes in the contraction, and the object that holds it."""
    derivation = network("column", SYMBOLS, FORWARD).jacobian("p", "W")
    assert derivation.verify().status == "holds"
    assert derivation.shape == ("k", "m", "d")
    ((name, value),) = derivation.slices
    assert (name.shape, type(value).__name__) == (value.shape, "MatMul")
    sizes = "(`k` x `m`) (`m` x `m` x `d`) give `k` x `m` x `d`"
    assert any(sizes in step.because for step in derivation.steps)
    result: Any = derivation.result
    assert [str(extent) for extent in result.shape] == ["k", "m", "d"]
    inner = sympy.MatrixSymbol("dp_du", *sympy.symbols("k m", integer=True, positive=True))
    assert str(result[0, 1, 2]) == str(inner[0, 1] * sympy.MatrixSymbol("x", 3, 1)[2, 0])
    assert "x" in sympy.latex(result)


def test_slices_turn_in_the_numerator_layout() -> None:
    plain = network("column", SYMBOLS, FORWARD).jacobian("u", "W").slices[0]
    turned = network("column", SYMBOLS, FORWARD, layout="numerator").jacobian("u", "W").slices[0]
    assert plain[0].shape == turned[0].shape[::-1]
    assert plain[1].shape == turned[1].shape[::-1]


def test_a_unit_vector_is_as_long_as_what_it_runs_over() -> None:
    """In z = stack(u, v) the index of z runs further than that of u: e_i is a part of a column of I."""
    problem = network("column", "W: n d parameter; x: d input; v: k input", "z = stack(W x, v); L = sumsq(z)")
    for derivation in (problem.jacobian("z", "W"), problem.derive("L", "W", level="jacobian")):
        assert derivation.verify().status == "holds"


@pytest.mark.parametrize(
    "claim",
    [
        "dp/dz = diag(p) - p p^T",
        "dp/dx = dp/dz dz/dh dh/du du/dx",
        "dL/du = (dh/du)^T dL/dh",
        "dp[i]/dz[j] = p[i] (ind(i = j) - p[j])",
        "dp[i]/dW = dp[i]/du x^T",
        "dL/dW = sum[m](dL/du[m] du[m]/dW)",
    ],
)
def test_identities_are_proved(claim: str) -> None:
    symbols = SYMBOLS.replace("m d", "M d").replace("m p", "M p").replace("k m", "k M")
    problem = network("column", symbols, FORWARD)  # m is an index in a claim
    left, right = read_equation(claim, problem.spec.graph)
    prover = Prover(problem.context.session())
    assert prover.equal(left, right) is not None
    wrong = read_equation("dp/dz = diag(p)", problem.spec.graph)
    assert prover.equal(*wrong) is None


def test_the_code_of_a_jacobian() -> None:
    code = network("column", SYMBOLS, FORWARD).jacobian("p", "x").numpy()
    rng = np.random.default_rng(0)
    sizes = {"x": (3,), "W": (4, 3), "c": (4,), "V": (2, 4), "t": (2,)}
    given = {name: rng.normal(size=shape) for name, shape in sizes.items()}
    assert np.shape(code(given)) == (2, 3)
