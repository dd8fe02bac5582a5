"""What printers of code are tried on: formulas by convention, index forms, operations, a perceptron."""

from __future__ import annotations

import re
from typing import Any

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Partial,
    Transpose,
)
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Indicator, Range, Reduce
from symbackprop.core.tensors import Index
from symbackprop.notation.numpy_program import Line, Output
from symbackprop.ops.registry import all_operations
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program

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
