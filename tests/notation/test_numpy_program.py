"""Emitted programs: what is published, what they refuse, names, dims, shared work."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Add, Expr, Leaf, MatMul, Partial
from symbackprop.errors import InputError
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_call import compile_function
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Line, Output
from symbackprop.notation.numpy_source import assignment_lines
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program
from tests.notation.emitted import agree, compiled
from tests.notation.formulas import COLUMN, ROW, graph_of, perceptron
from tests.notation.plain_arrays import SIZES, symbols

PERCEPTRON = """import numpy as np


def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def gradients(X, W, c, W2, b, Y, lam):
    N = X.shape[0]
    U = X @ W + c  # N x M
    H = np.maximum(U, 0.0)  # N x M
    Z = H @ W2 + b  # N x K
    P = softmax(Z, axis=1)  # N x K
    dZ = (P - Y) / N  # N x K
    dW2 = H.T @ dZ  # M x K
    db = dZ.sum(axis=0)  # K
    dH = dZ @ W2.T  # N x M
    dU = dH * (U > 0)  # N x M
    dW = X.T @ dU + lam * W  # D x M
    dc = dU.sum(axis=0)  # M
    return {"W": dW, "c": dc, "W2": dW2, "b": db}
"""


def test_published_source() -> None:
    """Forward lines first and only those needed, then one line for each derivative."""
    assert plan("gradients", *perceptron()).source == PERCEPTRON


def perceptron_arrays() -> dict[str, Any]:
    return symbols(perceptron()[0])


def test_gradients() -> None:
    """All results in one call, against differences of the loss."""
    graph, lines, outputs = perceptron()
    arrays = perceptron_arrays()
    arrays["Y"] /= arrays["Y"].sum(axis=1, keepdims=True)
    loss = compiled(graph, "L")
    found = compile_function(plan("gradients", graph, lines, outputs))(arrays)
    for name in ("W", "c", "W2", "b"):
        direction = np.cos(np.arange(arrays[name].size)).reshape(arrays[name].shape)
        ends = [loss({**arrays, name: arrays[name] + step * direction}) for step in (1e-6, -1e-6)]
        assert np.sum(found[name] * direction) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-7)


def test_repeated_calls() -> None:
    """The quick way in gives the same, also after the sizes change."""
    graph, lines, outputs = perceptron()
    function = compile_function(plan("gradients", graph, lines, outputs))
    arrays = perceptron_arrays()
    first, second = function(arrays), function({**arrays, "unused": None})
    np.testing.assert_array_equal(first["W"], second["W"])
    fewer = {**arrays, "X": arrays["X"][:2], "Y": arrays["Y"][:2]}
    assert not np.array_equal(function(fewer)["W"], first["W"])
    np.testing.assert_array_equal(function(arrays)["W"], first["W"])


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"X": None}, "unknown-symbol", "an array for X is missing"),
        ({"X": np.ones(3)}, "shape", r"X has shape \(N, D\), but \(3,\) is given"),
        (
            {"W": np.ones((4, 4))},
            "shape",
            r"W has shape \(D, M\), but \(4, 4\) is given; D does not agree with X \(N, D\) = \(5, 3\)",
        ),
        ({"c": np.ones((4, 4))}, "shape", r"c has shape \(M,\), but \(4, 4\) is given"),
        ({"lam": np.ones(3)}, "shape", r"lam is a scalar, but an array of shape \(3,\) is given"),
        ({"X": [["a"]]}, "schema", "X holds <U1, not numbers"),
        ({"X": [[1.0], [2.0, 3.0]]}, "shape", "its rows differ"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_refused(change: dict[str, Any], code: str, message: str, warm: bool) -> None:
    """What does not fit is refused with both shapes, on the quick way too."""
    function = compile_function(plan("gradients", *perceptron()))
    arrays = perceptron_arrays()
    if warm:
        function(arrays)
    changed = {name: value for name, value in {**arrays, **change}.items() if value is not None}
    with pytest.raises(InputError, match=message) as caught:
        function(changed)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.reshape(-1, 1),
        lambda v: v.reshape(1, -1),
        lambda v: v.tolist(),
        lambda v: v.astype(object).tolist(),
    ],
)
def test_accepted(change: Any) -> None:
    """A vector may have an extra axis of extent 1, or be a list."""
    function = compile_function(plan("gradients", *perceptron()))
    arrays = perceptron_arrays()
    expected = function(arrays)
    found = function({**arrays, "c": change(arrays["c"])})
    np.testing.assert_allclose(found["W"], expected["W"])
    assert found["c"].shape == (SIZES["M"],)


def test_whole_numbers() -> None:
    """Whole numbers become float64."""
    function = compiled(graph_of("out = 1 / A", ROW))
    assert function({"A": [[1, 2], [4, 5]]}).tolist() == [[1.0, 0.5], [0.25, 0.2]]


def test_results_are_fresh() -> None:
    """No result shares memory with an argument or another result."""
    graph = graph_of("out = A^T; other = A; third = out", ROW)
    outputs = [
        Output(name, Leaf(graph.tensors[name]), graph.tensors[name].shape)
        for name in ("out", "other", "third")
    ]
    arrays = symbols(graph)
    found = compile_function(plan("f", graph, (), outputs))(arrays)
    held = [arrays["A"], *found.values()]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(held) for b in held[:i])


@pytest.mark.parametrize("name", ["lambda", "np", "math", "softmax_", "None", "t1", "result", "e"])
def test_awkward_names(name: str) -> None:
    """Names that mean something to Python or to the code itself."""
    graph = graph_of(
        f"out = {name} {name}^T + softmax({name} {name}^T) + exp({name} {name}^T)", ROW, **{name: ("N", "D")}
    )
    agree(graph)


def test_helper_and_symbol_of_one_name() -> None:
    """A declared tensor that is called like a helper function."""
    graph, _ = infer_program(
        "out = silu(erf_) + gelu(sigmoid_)", shapes={"erf_": ("N",), "sigmoid_": ("N",)}, convention=ROW
    )
    for tensor, name in zip(graph.symbols, ("erf", "sigmoid"), strict=True):
        tensor.name = name
    agree(graph)


@pytest.mark.parametrize("dim", ["lambda", "np", "dW", "X_"])
def test_awkward_dims(dim: str) -> None:
    """A dim may be called like anything."""
    graph, _ = infer_program(f"out = X ones({dim}) / {dim}", shapes={"X": ("N", dim)}, convention=COLUMN)
    assert compiled(graph)({"X": [[1.0, 3.0, 5.0]]}).tolist() == [3.0]


def test_shared_work() -> None:
    """What stands twice is computed once."""
    graph = graph_of("out = sigmoid(A B) * (1 - sigmoid(A B)) + exp(A B)", ROW)
    function = agree(graph)
    assert function.source.count("A @ B") == 1
    assert function.source.count("sigmoid(") == 2  # the definition and one call


def test_shared_with_a_line() -> None:
    """A value that has a name already is used by that name."""
    graph = graph_of("Y = sigmoid(A); out = sigmoid(A) * 3 - Y", ROW)
    function = agree(graph)
    assert "out = 3 * Y - Y" in function.source


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        (("4*n",), (24,), 6),
        (("n + 2", "n"), (8, 6), 6),
        (("2*n - 1", "3"), (11, 3), 6),
    ],
)
def test_affine_dims(shape: tuple[str, ...], given: tuple[int, ...], expected: int) -> None:
    """Names in affine extents are solved for."""
    graph, _ = infer_program("out = sum(X) * 0 + n", shapes={"X": shape}, convention=ROW)
    assert compiled(graph)({"X": np.ones(given)}) == expected


def test_affine_dims_that_do_not_fit() -> None:
    """24 rows are 4*n for n = 6, 25 are not."""
    graph, _ = infer_program("out = X * n", shapes={"X": ("4*n",)}, convention=ROW)
    with pytest.raises(InputError, match=r"X has shape \(4\*n,\), but \(25,\) is given"):
        compiled(graph)({"X": np.ones(25)})


def test_two_unknowns() -> None:
    """d + n and d - n together determine both."""
    graph, _ = infer_program(
        "out = sum(X) * 0 + sum(Y) * 0 + 10 * d + n",
        shapes={"X": ("d + n",), "Y": ("d - n",)},
        convention=ROW,
    )
    assert compiled(graph)({"X": np.ones(7), "Y": np.ones(3)}) == 52


def test_dim_from_an_unused_array() -> None:
    """An array that only tells a size is asked for."""
    graph, _ = infer_program("out = a * N; S = sum(X)", shapes={"X": ("N",), "a": ()}, convention=ROW)
    assert compiled(graph)({"X": np.ones(7), "a": 2}) == 14


def test_abstract() -> None:
    """dJ/dy of an arbitrary J, and an arbitrary sigma with its slope, are given by the caller."""
    graph, _ = infer_program(
        "u = W x; y = sigma(u); J = J(y)",
        shapes={"W": ("M", "D"), "x": ("D",)},
        functions=("sigma",),
        convention=COLUMN,
    )
    loss, u, w = (graph.tensors[name] for name in ("J", "u", "W"))
    lines = [
        Line(Partial(loss, u), read_formula("dJ/dy * sigma'(u)", graph)),
        Line(Partial(loss, w), read_formula("dJ/du x^T", graph)),
    ]
    program = plan("gradient", graph, lines, [Output("W", Partial(loss, w), w.shape)], single=True)
    arrays = {"W": np.ones((4, 3)), "x": [1.0, 2.0, -1.0], "dJ/dy": [1.0, 2.0, 3.0, 4.0], "sigma'": np.cos}
    function = compile_function(program)
    assert "def gradient(W, x, dy, sigma_prime):" in function.source
    expected = np.outer(np.cos(2.0) * np.array([1.0, 2.0, 3.0, 4.0]), arrays["x"])
    np.testing.assert_allclose(function(arrays), expected)
    with pytest.raises(InputError, match="dJ/dy"):
        function({key: value for key, value in arrays.items() if key != "dJ/dy"})


def test_zero_and_stretched_results() -> None:
    """0 for a matrix is a matrix of zeros."""
    graph = graph_of("out = A", ROW)
    shape = graph.tensors["A"].shape
    outputs = [Output(str(k), read_formula(text, graph), shape) for k, text in enumerate(("0", "1/N", "3"))]
    zeros, ninths, threes = compile_function(plan("f", graph, (), outputs))(symbols(graph)).values()
    assert [value.shape for value in (zeros, ninths, threes)] == [(5, 3)] * 3
    assert (zeros.max(), ninths.min(), threes.min()) == (0.0, 0.2, 3.0)


def test_source_is_plain_python() -> None:
    """The published source runs as it stands, with keyword arrays."""
    scope: dict[str, Any] = {}
    source = plan("gradients", *perceptron()).source
    exec(compile(source, "gradients.py", "exec"), scope)
    arrays = perceptron_arrays()
    expected = compile_function(plan("gradients", *perceptron()))(arrays)
    found = scope["gradients"](**arrays)
    assert list(found) == list(expected)
    np.testing.assert_array_equal(found["W"], expected["W"])
    assert max(map(len, source.splitlines())) <= 100


def test_long_lines_are_split() -> None:
    """A sum that is too long has one term on each line."""
    terms = " + ".join(f"A S B{' ' * 0} V{k}" for k in range(9))
    shapes = {f"V{k}": ("M", "K") for k in range(9)}
    graph = graph_of(f"out = {terms}", ROW, **shapes)
    function = agree(graph)
    assert max(map(len, function.source.splitlines())) <= 100
    ast.parse(function.source)


def test_nothing_but_arithmetic_is_executed() -> None:
    """The code runs without builtins; numpy may import its own parts, nothing else."""
    function = compiled(graph_of("out = A", ROW))
    builtins = function._run.__globals__["__builtins__"]
    assert list(builtins) == ["__import__"]
    with pytest.raises(ImportError):
        builtins["__import__"]("os")


def test_scaled_product_of_numbers() -> None:
    """A 1 x 1 that arises on the way scales."""
    graph = graph_of("out = A v", COLUMN)
    a, v = Leaf(graph.tensors["A"]), Leaf(graph.tensors["v"])
    expr = MatMul((read_formula("v^T", graph), v, a, v))
    assert isinstance(Add((expr, expr)), Expr)
    arrays = symbols(graph)
    program = plan("f", graph, (), [Output("y", expr, (Dim.named("N"),))], single=True)
    expected = (arrays["v"] @ arrays["v"]) * (arrays["A"] @ arrays["v"])
    np.testing.assert_allclose(compile_function(program)(arrays), expected)


def test_a_comparison_keeps_its_brackets_where_a_line_is_broken() -> None:
    value = ast.parse(f"(A > 0) * ({' + '.join(['A' * 20] * 6)})", mode="eval").body
    lines = assignment_lines(py.Assignment("dA", value))
    assert ast.dump(ast.parse("\n".join(lines)).body[0].value) == ast.dump(value)  # type: ignore[attr-defined]
