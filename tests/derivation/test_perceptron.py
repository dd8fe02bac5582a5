"""The two-layer perceptron in three conventions: one set of numbers, three spellings."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from symbackprop.pipeline import Problem
from tests.derivation.networks import CONVENTIONS, Arrays, gradient, network, proven, softmax

SHAPES = {
    "row": {"X": "N D", "W": "D M", "V": "M K", "Y": "N K"},
    "column": {"X": "D N", "W": "M D", "V": "K M", "Y": "K N"},
    "column-transposed": {"X": "D N", "W": "D M", "V": "M K", "Y": "K N"},
}
AFFINE = {
    "row": ("X W + c", "H V + e"),
    "column": ("W X + c", "V H + e"),
    "column-transposed": ("W^T X + c", "V^T H + e"),
}
BATCH = (
    "U = {0}; H = relu(U); Z = {1}; P = softmax(Z); L = cross_entropy(Y, P)/N + lam/2 * (sumsq(W) + sumsq(V))"
)
SINGLE = "u = {0}; h = relu(u); z = {1}; p = softmax(z); L = cross_entropy(y, p)"


@cache
def batch(convention: str) -> Problem:
    shape = SHAPES[convention]
    symbols = (
        f"X: {shape['X']} input; W: {shape['W']} parameter; c: M parameter; V: {shape['V']} parameter;"
        f" e: K parameter; Y: {shape['Y']} target one_hot; lam: constant"
    )
    return network(convention, symbols, BATCH.format(*AFFINE[convention]))


@cache
def single(convention: str) -> Problem:
    shape = SHAPES[convention]
    symbols = (
        f"x: D input; W: {shape['W']} parameter; c: M parameter; V: {shape['V']} parameter; e: K parameter;"
        " y: K target one_hot"
    )
    first, second = AFFINE[convention]
    return network(convention, symbols, SINGLE.format(first.replace("X", "x"), second.replace("H", "h")))


SPELLED = {
    "row": {
        "Z": "(P - Y)/N",
        "V": "H^T dL/dZ + lam V",
        "e": "colsum(dL/dZ)",
        "H": "dL/dZ V^T",
        "U": "(dL/dZ V^T) * relu'(U)",
        "W": "X^T dL/dU + lam W",
        "c": "colsum(dL/dU)",
        "X": "dL/dU W^T",
    },
    "column": {
        "Z": "(P - Y)/N",
        "V": "dL/dZ H^T + lam V",
        "e": "rowsum(dL/dZ)",
        "H": "V^T dL/dZ",
        "U": "(V^T dL/dZ) * relu'(U)",
        "W": "dL/dU X^T + lam W",
        "c": "rowsum(dL/dU)",
        "X": "W^T dL/dU",
    },
    "column-transposed": {
        "Z": "(P - Y)/N",
        "V": "H (dL/dZ)^T + lam V",
        "e": "rowsum(dL/dZ)",
        "H": "V dL/dZ",
        "U": "(V dL/dZ) * relu'(U)",
        "W": "X (dL/dU)^T + lam W",
        "c": "rowsum(dL/dU)",
        "X": "W dL/dU",
    },
}
SPELLED_SINGLE = {
    "row": {
        "z": "p - y",
        "W": "x^T dL/du",
        "V": "h^T dL/dz",
        "c": "dL/du",
        "h": "dL/dz V^T",
        "x": "dL/du W^T",
    },
    "column": {
        "z": "p - y",
        "W": "dL/du x^T",
        "V": "dL/dz h^T",
        "c": "dL/du",
        "h": "V^T dL/dz",
        "x": "W^T dL/du",
    },
    "column-transposed": {
        "z": "p - y",
        "W": "x (dL/du)^T",
        "V": "h (dL/dz)^T",
        "c": "dL/du",
        "h": "V dL/dz",
        "x": "W dL/du",
    },
}


def _rows(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(convention, by, text) for convention, row in table.items() for by, text in row.items()]


@pytest.mark.parametrize(("convention", "by", "text"), _rows(SPELLED))
def test_spelling_for_a_batch(convention: str, by: str, text: str) -> None:
    derivation = batch(convention).derive("L", by)
    assert derivation.text == text
    assert derivation.shape == tuple(str(dim) for dim in derivation.by.shape)


@pytest.mark.parametrize(("convention", "by", "text"), _rows(SPELLED_SINGLE))
def test_spelling_for_one_example(convention: str, by: str, text: str) -> None:
    assert single(convention).derive("L", by).text == text


@pytest.mark.parametrize("by", ["Z", "V", "e", "H", "U", "W", "c", "X", "lam"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_line_holds_for_a_batch(convention: str, by: str) -> None:
    assert proven(batch(convention), by) == []


@pytest.mark.parametrize("by", ["z", "W", "c", "V", "e", "x"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_line_holds_for_one_example(convention: str, by: str) -> None:
    assert proven(single(convention), by) == []


def _data() -> Arrays:
    """As the row convention lays it out; N, D, M, K = 5, 3, 4, 2."""
    rng = np.random.default_rng(17)
    return {
        "X": rng.normal(size=(5, 3)),
        "W": rng.normal(size=(3, 4)),
        "c": rng.normal(size=4),
        "V": rng.normal(size=(4, 2)),
        "e": rng.normal(size=2),
        "Y": np.eye(2)[[1, 0, 0, 1, 0]],
        "lam": np.array(0.37),
    }


TURNED = {"row": "", "column": "XWVY", "column-transposed": "XY"}


def _turn(arrays: Arrays, convention: str) -> Arrays:
    return {name: value.T if name in TURNED[convention] else value for name, value in arrays.items()}


def _by_hand(a: Arrays) -> Arrays:
    """Backpropagation written out in NumPy."""
    U = a["X"] @ a["W"] + a["c"]
    H = np.where(U > 0, U, 0)
    dZ = (softmax(H @ a["V"] + a["e"]) - a["Y"]) / len(U)
    dU = dZ @ a["V"].T * (U > 0)
    return {
        "V": H.T @ dZ + a["lam"] * a["V"],
        "e": dZ.sum(axis=0),
        "W": a["X"].T @ dU + a["lam"] * a["W"],
        "c": dU.sum(axis=0),
        "X": dU @ a["W"].T,
    }


@pytest.mark.parametrize("by", ["V", "e", "W", "c", "X"])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_same_numbers_in_every_convention(convention: str, by: str) -> None:
    expected = _turn(_by_hand(_data()), convention)[by]
    got = gradient(batch(convention), _turn(_data(), convention), by)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_all_gradients_at_once_are_the_same(convention: str) -> None:
    problem = batch(convention)
    together = problem.gradients("L")
    assert list(together) == ["W", "c", "V", "e"]
    arrays = _turn(_data(), convention)
    found = together.numpy()(arrays)
    expected = _turn(_by_hand(_data()), convention)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-14)
        assert together[name].text == problem.derive("L", name).text


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_assumption_is_named(convention: str) -> None:
    line = "row" if convention == "row" else "column"
    assert batch(convention).derive("L", "W").assumptions == (f"each {line} of `Y` sums to 1",)


RESIDUAL = "L = sum((W x + b - t)^2)"


@pytest.mark.parametrize(("by", "text"), [("W", "2 (W x + b - t) x^T"), ("b", "2 (W x + b - t)")])
def test_the_squared_residual(by: str, text: str) -> None:
    problem = network("column", "W: m n parameter; x: n input; b: m parameter; t: m target", RESIDUAL)
    assert problem.derive("L", by).text == text
    assert proven(problem, by) == []


@pytest.mark.parametrize(
    ("convention", "residual", "text"),
    [
        ("row", "x W + b - t", "2 x^T (x W + b - t)"),
        ("column-transposed", "W^T x + b - t", "2 x (W^T x + b - t)^T"),
    ],
)
def test_the_squared_residual_elsewhere(convention: str, residual: str, text: str) -> None:
    problem = network(
        convention, "W: n m parameter; x: n input; b: m parameter; t: m target", f"L = sum(({residual})^2)"
    )
    assert problem.derive("L", "W").text == text
    assert proven(problem, "W") == []
