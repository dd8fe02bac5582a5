"""Plain formulas, LaTeX and SymPy objects: the same network gives the same derivation, step by step."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

import symbackprop as sbp
from symbackprop.pipeline import Problem
from symbackprop.problem_file import spec_from_mapping

N, D, M, K = sp.symbols("N D M K", integer=True, positive=True)
lam = sp.Symbol("lam", real=True)
X, Y, T, W, V, c, b = (
    sp.MatrixSymbol(name, *shape)
    for name, shape in (
        ("X", (N, D)), ("Y", (N, K)), ("T", (N, M)), ("W", (D, M)), ("V", (M, K)), ("c", (1, M)),
        ("b", (1, K)),
    )
)  # fmt: skip
ROLES = {X: "input", Y: "target", T: "target", W: "parameter", V: "parameter", c: "parameter", b: "parameter"}
HIDDEN = {name: sp.MatrixSymbol(name, N, M) for name in "UHR"}
U, H, R = HIDDEN.values()
Z, P, E, F = (sp.MatrixSymbol(*one) for one in (("Z", N, K), ("P", N, K), ("E", N, K), ("F", N, D)))

NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "squared error": (
        "U = X W + c; H = tanh(U); Z = H V + b; E = Z - Y; L = sumsq(E)/(2 N)",
        r"U = X W + c \\ H = \tanh(U) \\ Z = H V + b \\ E = Z - Y \\ L = \frac{\|E\|_F^2}{2 N}",
        {"U": X * W + c, "H": sbp.tanh(U), "Z": H * V + b, "E": Z - Y, "L": sbp.sumsq(E) / (2 * N)},
    ),
    "softmax and cross-entropy": (
        "U = X W + c; H = relu(U); Z = H V + b; P = softmax(Z); L = -sum(Y * log(P))/N",
        (r"U = X W + c \\ H = \mathrm{ReLU}(U) \\ Z = H V + b \\ P = \mathrm{softmax}(Z)"
         r" \\ L = -\frac{\mathrm{sum}(Y \odot \log(P))}{N}"),
        {
            "U": X * W + c, "H": sbp.relu(U), "Z": H * V + b, "P": sbp.softmax(Z),
            "L": -sbp.sum(sp.HadamardProduct(Y, sbp.log(P))) / N,
        },
    ),
    "ridge": (
        "R = X W - T; L = sumsq(R)/2 + lam/2 * sumsq(W)",
        r"R = X W - T \\ L = \frac{\|R\|_F^2}{2} + \frac{\lambda}{2} \|W\|_F^2",
        {"R": X * W - T, "L": sbp.sumsq(R) / 2 + lam * sbp.sumsq(W) / 2},
    ),
    "logistic": (
        "U = X W + c; H = sigmoid(U); R = H - T; L = sumsq(R)",
        r"U = X W + c \\ H = \sigma(U) \\ R = H - T \\ L = \|R\|_F^2",
        {"U": X * W + c, "H": sbp.sigmoid(U), "R": H - T, "L": sbp.sumsq(R)},
    ),
    "gated": (
        "U = X W + c; H = U * sigmoid(U); Z = H V; E = Z - Y; L = sumsq(E)",
        r"U = X W + c \\ H = U \odot \sigma(U) \\ Z = H V \\ E = Z - Y \\ L = \|E\|_F^2",
        {
            "U": X * W + c, "H": sp.HadamardProduct(U, sbp.sigmoid(U)), "Z": H * V, "E": Z - Y,
            "L": sbp.sumsq(E),
        },
    ),
    "tied weights": (
        "U = X W; H = tanh(U); F = H W^T - X; L = sumsq(F)",
        r"U = X W \\ H = \tanh(U) \\ F = H W^{\top} - X \\ L = \|F\|_F^2",
        {"U": X * W, "H": sbp.tanh(U), "F": H * W.T - X, "L": sbp.sumsq(F)},
    ),
}  # fmt: skip


def _problems(name: str) -> list[Problem]:
    """The network from text, from LaTeX, and from SymPy objects."""
    text, latex, objects = NETWORKS[name]
    standing = {one for expr in objects.values() for one in expr.free_symbols}
    arrays = {one: role for one, role in ROLES.items() if one in standing}
    symbols: dict[str, object] = {
        one.name: {"shape": [str(size) for size in one.shape if size != 1], "role": role}
        for one, role in arrays.items()
    }
    roles: dict[Any, str] = dict(arrays)
    if lam in standing:
        symbols["lam"], roles[lam] = {"role": "constant"}, "constant"
    file = {"convention": "row", "symbols": symbols}
    return [
        Problem(spec_from_mapping({**file, "forward": text})),
        Problem(spec_from_mapping({**file, "forward_latex": latex})),
        sbp.problem(objects, roles=roles, convention="row"),
    ]


@pytest.mark.parametrize("level", ["index", "vector"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_derivation(name: str, level: str) -> None:
    """Every line of every gradient, with its rule, its reason and its verdict."""
    told = []
    for problem in _problems(name):
        graph = problem.spec.graph
        told.append({
            tensor.name: [
                (step.rule, step.because, step.before.text, step.after.text, step.verdict.status)
                for step in problem.derive("L", tensor.name, level=level).steps
            ]
            for tensor in sorted(graph.parameters, key=lambda one: one.name)
        })  # fmt: skip
    assert told[0] == told[1]
    assert told[0] == told[2]
