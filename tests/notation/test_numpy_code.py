"""Emitted NumPy code against plain 2-D evaluation of the same expressions."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    Comprehension,
    Divide,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Range,
    Reduce,
    Transpose,
)
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_call import NumPyFunction, compile_function
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Line, Output, emit_lines
from symbackprop.notation.numpy_source import assignment_lines
from symbackprop.ops.registry import all_operations
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program
from tests.notation.plain_arrays import SIZES, Plain, symbols

COLUMN, ROW, TRANSPOSED = "column", "row", "column-transposed"
SHAPES = {
    "A": ("N", "D"), "B": ("D", "M"), "C": ("N", "D"), "S": ("D", "D"), "R": ("N", "N"), "P": ("N", "1"),
    "Q": ("1", "D"), "F": ("D", "D"), "H": ("1", "1"), "u": ("N",), "v": ("D",), "w": ("D",), "z": ("M",),
    "a": (), "b": (), "V": ("D", "K"),
}  # fmt: skip


def graph_of(text: str, convention: str, **shapes: tuple[str, ...]) -> Graph:
    used = set(re.findall(r"[A-Za-z_]\w*", text))
    known = {name: shape for name, shape in SHAPES.items() if name in used | {"A"}}
    text += "; sizes = sum(A)"  # whatever the formula is, N and D are dims
    return infer_program(text, shapes={**known, **shapes}, convention=convention)[0]


def compiled(graph: Graph, name: str = "out", **options: Any) -> NumPyFunction:
    tensor = graph.tensors[name]
    return compile_function(
        plan("forward", graph, (), [Output(name, Leaf(tensor), tensor.shape)], single=True, **options)
    )


def agree(graph: Graph, *, low: float = 0.2, high: float = 1.7) -> NumPyFunction:
    """The compiled value of ``out`` equals the plain one, and has the declared shape."""
    arrays = symbols(graph, low=low, high=high)
    function = compiled(graph)
    tensor = graph.tensors["out"]
    result = function(arrays)
    assert np.shape(result) == tuple(dim.evaluate(SIZES) for dim in tensor.shape)
    expected = Plain(graph, arrays).values[tensor].reshape(np.shape(result))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-13)
    return function


ANY = [
    "out = A + C", "out = A - C", "out = -A + C", "out = 2 A", "out = A / 3", "out = a * A - b",
    "out = A * C / (a + b)", "out = A^T", "out = (A B)^T", "out = (A^T C)^T", "out = A^2", "out = A^(1/2)",
    "out = A^(-1/2)", "out = A^3", "out = A^a", "out = a^2", "out = 1 / A", "out = (a + b)^2 A",
    "out = A * (A^T)^T", "out = A S B", "out = A * ind(C > A)", "out = ind(A > 1)", "out = -ind(A > 1)",
    "out = ind(A > 1) - ind(C > 1)", "out = ind(A > 1) * ind(C > 1)", "out = ind(A > 1) S",
    "out = exp(ind(A > 1))", "out = 2 * ind(A > 1)", "out = diag(v) B", "out = A diag(v)",
    "out = A diag(v) B", "out = diag(v)", "out = diag(v) diag(w)", "out = 2 diag(v)",
    "out = diag(u) A diag(v)", "out = eye(N) A", "out = eye(D)", "out = S - a eye(D)", "out = ones(N, D)",
    "out = ones(N, D) + A", "out = A * ones(N, D)", "out = zeros(N, D) + A", "out = outer(u, v)",
    "out = A * outer(u, v)", "out = sum(A)", "out = mean(A)/N", "out = norm(A) A", "out = dot(A, C)",
    "out = dot(u, u)", "out = trace(S)", "out = trace(A^T C)", "out = diagonal(S)", "out = rowsum(A)",
    "out = colsum(A)", "out = A - rowsum(A)", "out = A - colsum(A)", "out = rowmean(A) + colmean(A)",
    "out = A * rowsum(C) / N", "out = P + A", "out = P * A", "out = P^T A", "out = A^T P", "out = P Q",
    "out = Q + A", "out = P + Q", "out = P", "out = Q A^T", "out = P^T P", "out = H + a", "out = H A",
    "out = H", "out = rowsum(P)", "out = colsum(P)", "out = rowmean(Q)", "out = trace(H)",
    "out = diag(v)^T B", "out = max(A, 1)", "out = min(A, C)", "out = max(P, Q)", "out = N", "out = A * N",
    "out = 1/3", "out = 10", "out = 0.1 a + 1/7", "out = sum(A)^2 / (N - 1)", "out = pi * A",
]  # fmt: skip


@pytest.mark.parametrize("convention", [ROW, COLUMN, TRANSPOSED])
@pytest.mark.parametrize("text", ANY)
def test_any_convention(text: str, convention: str) -> None:
    """Formulas that mean the same in every convention."""
    agree(graph_of(text, convention))


COLUMNS = [
    "out = A v", "out = A v + u", "out = u^T A", "out = A + u", "out = u v^T", "out = v^T w",
    "out = 2 (A v - u) v^T", "out = A S v", "out = A B z", "out = u^T A B", "out = u^T A B z",
    "out = v v^T w", "out = v^T w A", "out = u^T", "out = A * u", "out = A / u", "out = u / A",
    "out = A - u ones(D)^T", "out = A * (u ones(D)^T)", "out = ones(N)^T A", "out = A ones(D)",
    "out = ones(N)^T u", "out = ones(N) v^T", "out = ones(N) v^T + A", "out = u ones(D)^T", "out = ones(N)",
    "out = ones(N)^T", "out = P + u", "out = P^T u", "out = u^T P", "out = -u v^T", "out = (u v^T)^T",
    "out = diag(v) w", "out = v^T diag(w)", "out = v^T diag(w) v", "out = softmax(v)", "out = softmax(A)",
    "out = softmax(A, rows)", "out = softmax(A, columns)", "out = softmax(P, rows)", "out = logsumexp(A)",
    "out = logsumexp(A, rows)", "out = logsumexp(v)", "out = log_softmax(P, rows)",
    "out = logsumexp(P, rows)", "out = logsumexp(Q, columns)", "out = softmax(Q, columns)",
    "out = max(u, A)", "out = rowsum(u)", "out = colsum(u)", "out = colsum(u^T)", "out = rowsum(u^T)",
    "out = ind(u > 1) * A", "out = u v^T B", "out = outer(u, v) v", "out = sum(u * A)", "out = mse(A, C)",
    "out = huber(A, C, 0.3)", "out = (A v)^T u A",
]  # fmt: skip
ROWS = [
    "out = v A^T", "out = v B + z", "out = A + v", "out = A * v", "out = v / A", "out = u^T v",
    "out = v w^T", "out = v B z^T", "out = u A B", "out = A^T u^T", "out = softmax(A)",
    "out = logsumexp(A)", "out = softmax(v)", "out = v diag(w)", "out = A - ones(N)^T v", "out = ones(N) A",
    "out = A ones(D)^T", "out = colsum(v)", "out = v^T",
]  # fmt: skip


@pytest.mark.parametrize("convention", [COLUMN, TRANSPOSED])
@pytest.mark.parametrize("text", COLUMNS)
def test_columns(text: str, convention: str) -> None:
    """A vector is n x 1."""
    agree(graph_of(text, convention))


@pytest.mark.parametrize("text", ROWS)
def test_rows(text: str) -> None:
    """A vector is 1 x n."""
    agree(graph_of(text, ROW))


INDEXED = [
    "out[i,j] = sum[k](A[i,k] * B[k,j])", "out[j,i] = sum[k](A[i,k] * B[k,j])", "out[i] = sum[k](A[i,k])",
    "out = sum[i,k](A[i,k] * C[i,k])", "out[i] = A[i,2] * 3",
    "out[i,j] = kron(i, j) * v[i] for i = 1..D, j = 1..D", "out[i,j] = kron(i, j) - v[i] * v[j]",
    "out[i] = exp(v[i]) / sum[k](exp(v[k]))", "out[i,k] = exp(A[i,k]) / sum[j](exp(A[i,j]))",
    "out[i] = S[i,i]", "out[i] = sum[k](S[i,k] * v[k] / w[k])", "out[i,j] = u[i] for j = 1..D",
    "out[i,j] = v[j] + 0 * u[i]", "out[i] = i * v[i]", "out = sum[i = 1..N](1)",
    "out[i,k] = relu(A[i,k] - u[i])", "out = sum[i,j](ind(i <= j) * S[i,j])",
    "out = sum[i](norm(A) * u[i])", "out[i] = sum(A * u[i])", "out[i] = (A B)[i,2] + a",
    "out[i] = sum(softmax(u[i] * v) * w)", "out = sum[i](A[i,1]^2 - C[i,2])",
    "out[i] = u[i] * sum[k](v[k]) / N", "out[i] = sum[k](-A[i,k] * v[k])",
    "out[i,j] = sum[k,l](A[i,k] * S[k,l] * B[l,j])", "out[i] = sum[k](2 * v[k] * a) for i = 1..N",
    "out[i] = P[i,1] * 2", "out[i] = a for i = 1..N", "out[i] = sum[k](sum[l](S[k,l] * v[l]) * A[i,k])",
    "out[i] = u[N]*u[i]", "out[i] = max(v[i], w[i])", "out[i] = v[i]^3 + S[i,i] * S[1,i]",
    "out = sum[i](S[i,i])", "out[i] = ind(v[i] > 1)", "out = sum[i](ind(u[i] > 1))",
    "out[i] = sum[k](ind(A[i,k] > 1) * v[k])", "out[i,j] = ind(i < j) for i = 1..N, j = 1..D",
    "out[i] = log(sum[k](exp(A[i,k])))",
]  # fmt: skip


@pytest.mark.parametrize("convention", [ROW, COLUMN])
@pytest.mark.parametrize("text", INDEXED)
def test_indices(text: str, convention: str) -> None:
    """Entries, sums over named indices, indicators."""
    agree(graph_of(text, convention))


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("out[i,j] = sum[k](A[i,k] * B[k,j])", 'A @ B'),
        ("out = A diag(v)", "A * v"),
        ("out = diag(v) B", "v[:, None] * B"),
        ("out = A B z", "A @ (B @ z)"),
        ("out = 2 (A v - u) v^T", "np.outer(2 * (A @ v - u), v)"),
        ("out = ones(N)^T A", "A.sum(axis=0)"),
        ("out = A^T C / N", "(A.T @ C) / N"),
        ("out = (A C^T) * ind(R > 0)", "(A @ C.T) * (R > 0)"),
        ("out = A + u", "A + u[:, None]"),
        ("out = -C + A", "A - C"),
        ("out = (1/3) A", "1 / 3 * A"),
        ("out = 1 / A^(1/2)", "1 / np.sqrt(A)"),
        ("out = relu(A)", "np.maximum(A, 0.0)"),
        ("out = eye(N) A", "A"),
        ("out = A - u ones(D)^T", "A - u[:, None]"),
        ("out = sum[i](u[i] * u[i])", 'u @ u'),
    ],
)
def test_spelling(text: str, spelled: str) -> None:
    """What a person would write."""
    graph = graph_of(text, COLUMN)
    tensor = graph.tensors["out"]
    program = plan("f", graph, (), [Output("out", Leaf(tensor), tensor.shape)], single=True)
    assert emit_lines(program)[-1] == f"out = {spelled}"


def at(tensor: str, graph: Graph, *slots: Any) -> Element:
    """tensor[slots]; a slot is an index, a number, or (index, offset)."""
    found = []
    for slot in slots:
        index, offset = (
            slot if isinstance(slot, tuple) else (slot, 0) if isinstance(slot, Index) else (None, slot)
        )
        offset = offset if isinstance(offset, Dim) else Dim(offset)
        found.append(IndexValue(((index, 1),) if index else (), offset))
    return Element(Leaf(graph.tensors[tensor]), tuple(found))


def place(index: Index, offset: int = 0) -> IndexValue:
    return IndexValue(((index, 1),), Dim(offset))


def softmax_of(arg: Expr) -> Call:
    """softmax of a vector, down its only column."""
    op = next(op for op in all_operations() if op.name == "softmax")
    return Call(op, (arg,), arg.shape, axis="columns")


N, D = Dim.named("N"), Dim.named("D")
I, J, K = Index(N, "i"), Index(N, "j"), Index(D, "k")
SOURCE = graph_of("out = sum(A) + sum(u) + sum(v) + sum(w) + sum(R)", COLUMN)
U_I, U_J = at("u", SOURCE, I), at("u", SOURCE, J)
LAST = IndexValue((), N)
FORMS: dict[str, tuple[Expr, tuple[Index, ...]]] = {
    "from two": (Reduce("sum", (Range(I, IndexValue((), Dim(2))),), U_I), ()),
    "neighbours": (
        Reduce("sum", (Range(I, IndexValue((), Dim(2))),), Hadamard((U_I, at("u", SOURCE, (I, -1))))),
        (),
    ),
    "differences": (
        Reduce("sum", (Range(I, None, IndexValue((), N - 1)),), Add((at("u", SOURCE, (I, 1)), Neg(U_I)))),
        (),
    ),
    "triangle": (Reduce("sum", (Range(I), Range(J, place(I, 1), LAST)), Hadamard((U_I, U_J))), ()),
    "pairs": (
        Reduce("sum", (Range(I, None, IndexValue((), N - 1)), Range(J, place(I, 1))), at("R", SOURCE, I, J)),
        (),
    ),
    "others": (Reduce("sum", (Range(J, condition=("!=", place(I))),), U_J), (I,)),
    "gaps": (
        Reduce("sum", (Range(J, condition=("!=", place(I))),), Divide(UNIT, Add((U_I, Neg(U_J))))),
        (I,),
    ),
    "count": (Reduce("sum", (Range(J, condition=("<", place(I))),), UNIT), (I,)),
    "prod": (Reduce("prod", (Range(J, condition=("!=", place(I))),), U_J), (I,)),
    "prod of all": (Reduce("prod", (Range(I),), U_I), ()),
    "prod of one value": (Reduce("prod", (Range(I), Range(K)), U_I), ()),
    "max": (Reduce("max", (Range(J, condition=("!=", place(I))),), U_J), (I,)),
    "max of rows": (Reduce("max", (Range(K),), at("A", SOURCE, I, K)), (I,)),
    "mean": (Reduce("mean", (Range(J, condition=("<=", place(I))),), at("R", SOURCE, I, J)), (I,)),
    "mean of all": (Reduce("mean", (Range(I), Range(J)), at("R", SOURCE, J, I)), ()),
    "index as value": (Hadamard((place(I, -1), U_I, place(J))), (J, I)),
    "guarded": (Hadamard((Indicator(place(I), "<", LAST), at("u", SOURCE, (I, 1)))), (I,)),
    "turned": (at("R", SOURCE, I, J), (J, I)),
    "reversed": (Element(Leaf(SOURCE.tensors["u"]), (IndexValue(((I, -1),), N + 1),)), (I,)),
    "fixed": (Add((at("A", SOURCE, I, 2), at("A", SOURCE, N, K))), (I, K)),
    "diagonal": (Reduce("sum", (Range(I),), Hadamard((at("R", SOURCE, I, I), U_I))), ()),
    "rank three": (Hadamard((Indicator(place(I), "=", place(J)), at("v", SOURCE, K))), (I, K, J)),
    "inside softmax": (Element(softmax_of(Hadamard((U_I, Leaf(SOURCE.tensors["v"])))), (place(K),)), (K, I)),
    "sum inside": (
        Reduce(
            "sum", (Range(I),), MatMul((U_I, Transpose(Leaf(SOURCE.tensors["v"])), Leaf(SOURCE.tensors["w"])))
        ),
        (),
    ),
}


@pytest.mark.parametrize("form", list(FORMS))
def test_index_form(form: str) -> None:
    """Bounds, conditions, positions as numbers, and results of any rank."""
    expr, order = FORMS[form]
    arrays = symbols(SOURCE)
    shape = tuple(index.dim for index in order)
    program = plan("f", SOURCE, (), [Output("y", expr, shape, order)], single=True)
    plain = Plain(SOURCE, arrays)
    expected = np.empty([dim.evaluate(SIZES) for dim in shape])
    for spot in np.ndindex(expected.shape):
        expected[spot] = plain.of(expr, {index: p + 1 for index, p in zip(order, spot, strict=True)})[0, 0]
    np.testing.assert_allclose(compile_function(program)(arrays), expected, rtol=1e-12)


@pytest.mark.parametrize("form", ["others", "max of rows", "count"])
def test_comprehension(form: str) -> None:
    """A vector given entry by entry is a matrix expression like any other."""
    body, (index,) = FORMS[form]
    expr = Add((Comprehension(index, None, body), Leaf(SOURCE.tensors["u"])))
    program = plan("f", SOURCE, (), [Output("y", expr, (N,))], single=True)
    arrays = symbols(SOURCE)
    np.testing.assert_allclose(
        compile_function(program)(arrays), Plain(SOURCE, arrays).of(expr)[:, 0], rtol=1e-12
    )


# onehot takes labels, no numbers: see tests/derivation/test_labels.py
OPERATIONS = [op for op in all_operations() if op.name != "onehot"]


def called(op: Any, convention: str, argument: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """A formula that calls ``op`` on arrays of the kind ``argument``."""
    if op.name in ("eye", "zeros", "ones"):
        return f"out = {op.name}(N, D)" if len(op.params) > 1 else f"out = {op.name}(N)", {}
    if op.name == "outer":
        return "out = outer(u, v)", {}
    if op.name == "diag":
        return "out = diag(v)", {}
    if op.name in ("trace", "diagonal", "inv", "det", "logdet"):
        return f"out = {op.name}(S)", {}
    if op.name == "reshape":
        kinds = {"mat": "A, D, N", "vec": "w, 2, 3", "thin": "P, N", "flat": "q, D, 1", "one": "s, 1, 1"}
        return f"out = reshape({kinds[argument]})", {"w": ("6",)} if argument == "vec" else {
            "q": ("1", "D")
        } if argument == "flat" else {"s": ()} if argument == "one" else {}
    if op.name == "pad":
        array = {"mat": "A", "vec": "v", "thin": "P", "flat": "q", "one": "A"}[argument]
        return f"out = pad({array}, 2)", {"q": ("1", "D")} if array == "q" else {}
    required = [param for param in op.params if param.default is None]
    shapes = {"mat": ("N", "D"), "vec": ("D",), "thin": ("N", "1"), "flat": ("1", "D"), "one": ()}
    names = ["X1", "X2"][: len(required)]
    text = f"out = {op.name}({', '.join(names)})"
    return text, dict.fromkeys(names, shapes[argument])


@pytest.mark.parametrize("argument", ["mat", "vec", "thin", "flat", "one"])
@pytest.mark.parametrize("convention", [ROW, COLUMN])
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_operation(op: Any, convention: str, argument: str) -> None:
    """Every operation of the table, on every way of holding its arguments."""
    text, shapes = called(op, convention, argument)
    agree(graph_of(text, convention, **shapes), low=0.1, high=0.9)


SLOPED = [op for op in OPERATIONS if op.kind == "elementwise" and getattr(op, "slope_numpy", None)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("op", SLOPED, ids=lambda op: op.name)
def test_slope(op: Any, sign: int) -> None:
    """The code of f'(x) against differences of f."""
    text, shapes = called(op, COLUMN, "mat")
    graph = graph_of(text, COLUMN, **shapes)
    call = graph.equations[0].expr
    assert isinstance(call, Call)
    sign = 1 if op.domain == "positive" else sign
    expr = Call(op, call.args, call.call_shape, primes=1)
    arrays = {name: sign * value for name, value in symbols(graph).items()}
    function = compile_function(
        plan("f", graph, (), [Output("y", expr, graph.tensors["out"].shape)], single=True)
    )
    np.testing.assert_allclose(function(arrays), Plain(graph, arrays).of(expr), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("sigmoid", 800.0),
        ("softplus", 800.0),
        ("silu", 800.0),
        ("elu", 800.0),
        ("softmax", 800.0),
        ("logsumexp", 800.0),
        ("log_softmax", 800.0),
        ("erf", 800.0),
        ("gelu", 800.0),
    ],
)
def test_stable(name: str, point: float) -> None:
    """No overflow far out: warnings are errors."""
    text, shapes = called(next(op for op in OPERATIONS if op.name == name), COLUMN, "mat")
    graph = graph_of(text, COLUMN, **shapes)
    arrays = {
        key: value * point * np.where(np.arange(value.size).reshape(value.shape) % 2, 1, -1)
        for key, value in symbols(graph).items()
    }
    assert np.isfinite(compiled(graph)(arrays)).all()


def perceptron() -> tuple[Graph, list[Line], list[Output]]:
    """Two layers and their gradients, as the sweep spells them."""
    graph, _ = infer_program(
        "U = X W + c; H = relu(U); Z = H W2 + b; P = softmax(Z); L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)",  # noqa: E501
        shapes={
            "X": ("N", "D"),
            "W": ("D", "M"),
            "c": ("M",),
            "W2": ("M", "K"),
            "b": ("K",),
            "Y": ("N", "K"),
            "lam": (),
        },
        convention=ROW,
    )
    spelled = {
        "Z": "(P - Y)/N",
        "W2": "H^T dL/dZ",
        "b": "colsum(dL/dZ)",
        "H": "dL/dZ W2^T",
        "U": "dL/dH * relu'(U)",
        "W": "X^T dL/dU + lam W",
        "c": "colsum(dL/dU)",
    }
    loss = graph.tensors["L"]
    lines = [
        Line(Partial(loss, graph.tensors[name]), read_formula(text, graph)) for name, text in spelled.items()
    ]
    wanted = ("W", "c", "W2", "b")
    outputs = [Output(name, Partial(loss, graph.tensors[name]), graph.tensors[name].shape) for name in wanted]
    return graph, lines, outputs


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
