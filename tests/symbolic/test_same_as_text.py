"""Formulas and networks of SymPy objects give the same derivation as the same text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sympy as sp

import symbackprop as sbp
from symbackprop.pipeline import Problem
from symbackprop.problem_file import spec_from_mapping
from tests.symbolic.symbols import CONVENTIONS, N, beta, i, j, lam, m, n, s


@dataclass(frozen=True)
class Setting:
    """Symbols of one convention: x and c of n entries, b, t and q of m; W takes x to m entries."""

    convention: str

    @property
    def across(self) -> bool:
        return self.convention == "row"

    def vector(self, name: str, size: Any) -> Any:
        return sp.MatrixSymbol(name, 1, size) if self.across else sp.MatrixSymbol(name, size, 1)

    def __getattr__(self, name: str) -> Any:
        if name in "xcu":
            return self.vector(name, n)
        if name in "btqy":
            return self.vector(name, m)
        return {
            "W": sp.MatrixSymbol("W", *((m, n) if self.convention == "column" else (n, m))),
            "A": sp.MatrixSymbol("A", n, n),
            "X": sp.MatrixSymbol("X", *((N, n) if self.across else (n, N))),
            "Y": sp.MatrixSymbol("Y", *((N, m) if self.across else (m, N))),
        }[name]

    def times(self, W: Any, x: Any) -> Any:
        """W applied to x (or to the lines of X)."""
        if self.across:
            return x * W
        return W * x if self.convention == "column" else W.T * x

    def square(self, A: Any, x: Any) -> Any:
        """The quadratic form of A."""
        return x * A * x.T if self.across else x.T * A * x

    def inner(self, a: Any, b: Any) -> Any:
        return a * b.T if self.across else a.T * b

    def entry(self, x: Any, k: Any) -> Any:
        return x[0, k] if self.across else x[k, 0]

    def write(self, text: str) -> str:
        """The text with Wx, WX, xAx and a|b in the spelling of the convention."""
        row, turned = self.across, self.convention == "column-transposed"
        for word in ("x", "X"):
            text = text.replace(f"W{word}", f"{word} W" if row else f"W^T {word}" if turned else f"W {word}")
        text = text.replace("xAx", "x A x^T" if row else "x^T A x")
        return text.replace("c.x", "c x^T" if row else "c^T x").replace("x.x", "x x^T" if row else "x^T x")

    def symbols(self) -> dict[str, dict[str, object]]:
        shapes = {name: ["n"] for name in "xcu"} | {name: ["m"] for name in "btqy"}
        shapes |= {name: [str(size) for size in getattr(self, name).shape] for name in "WAXY"}
        shapes |= {"lam": [], "s": [], "beta": []}
        return {name: {"shape": shape, "role": "parameter"} for name, shape in shapes.items()}

    def derive(self, text: str, wrt: str, functions: tuple[str, ...] = ()) -> Any:
        """What the plain-text reader gives."""
        forward = self.write(text)
        used = set(re.findall(r"\w+", forward)) | {wrt}
        symbols: dict[str, object] = {name: entry for name, entry in self.symbols().items() if name in used}
        symbols |= {name: {"role": "function"} for name in functions}
        data = {"convention": self.convention, "symbols": symbols, "forward": forward}
        return Problem(spec_from_mapping(data)).derive("L", wrt)


Case = tuple[str, str, Callable[[Setting], Any]]
FORMULAS: list[Case] = [
    ("sum(square(Wx + b - t))", "W", lambda o: sbp.sum(sbp.square(o.times(o.W, o.x) + o.b - o.t))),
    ("sum((Wx + b - t)^2)", "b", lambda o: sbp.sum(sp.HadamardPower(o.times(o.W, o.x) + o.b - o.t, 2))),
    ("sumsq(Wx - t)/2", "x", lambda o: sbp.sumsq(o.times(o.W, o.x) - o.t) / 2),
    ("sumsq(Wx - t)/2 + lam/2 * sumsq(W)", "W",
     lambda o: sbp.sumsq(o.times(o.W, o.x) - o.t) / 2 + lam / 2 * sbp.sumsq(o.W)),
    ("cross_entropy(t, softmax(Wx + b))", "W",
     lambda o: sbp.cross_entropy(o.t, sbp.softmax(o.times(o.W, o.x) + o.b))),
    ("cross_entropy_logits(t, Wx + b)", "b",
     lambda o: sbp.cross_entropy_logits(o.t, o.times(o.W, o.x) + o.b)),
    ("-sum(t * log_softmax(Wx))", "x",
     lambda o: -sbp.sum(sp.HadamardProduct(o.t, sbp.log_softmax(o.times(o.W, o.x))))),
    ("logsumexp(Wx)", "x", lambda o: sbp.logsumexp(o.times(o.W, o.x))),
    ("log(sum(exp(Wx)))", "x", lambda o: sbp.log(sbp.sum(sbp.exp(o.times(o.W, o.x))))),
    ("bce(t, sigmoid(Wx + b))", "W", lambda o: sbp.bce(o.t, sbp.sigmoid(o.times(o.W, o.x) + o.b))),
    ("bce_logits(t, Wx + b)", "W", lambda o: sbp.bce_logits(o.t, o.times(o.W, o.x) + o.b)),
    ("nll(t, log_softmax(Wx))", "W", lambda o: sbp.nll(o.t, sbp.log_softmax(o.times(o.W, o.x)))),
    ("mse(Wx, t)", "W", lambda o: sbp.mse(o.times(o.W, o.x), o.t)),
    ("sse(Wx, t)", "x", lambda o: sbp.sse(o.times(o.W, o.x), o.t)),
    ("hinge(t, Wx + b)", "x", lambda o: sbp.hinge(o.t, o.times(o.W, o.x) + o.b)),
    ("kl(t, softmax(q))", "q", lambda o: sbp.kl(o.t, sbp.softmax(o.q))),
    ("focal(t, sigmoid(q))", "q", lambda o: sbp.focal(o.t, sbp.sigmoid(o.q))),
    ("focal(t, sigmoid(q), 3)", "q", lambda o: sbp.focal(o.t, sbp.sigmoid(o.q), g=3)),
    ("huber(Wx, t, d=s)", "x", lambda o: sbp.huber(o.times(o.W, o.x), o.t, d=s)),
    ("norm(Wx) + norm(x)", "x", lambda o: sbp.norm(o.x) + sbp.norm(o.times(o.W, o.x))),
    ("norm1(x) + lam * sumsq(x)", "x", lambda o: sbp.norm1(o.x) + lam * sbp.sumsq(o.x)),
    ("xAx", "x", lambda o: o.square(o.A, o.x)),
    ("xAx/2 - c.x", "x", lambda o: o.square(o.A, o.x) / 2 - o.inner(o.c, o.x)),
    ("xAx/(x.x)", "x", lambda o: o.square(o.A, o.x) / o.inner(o.x, o.x)),
    ("exp(-x.x/2)", "x", lambda o: sp.exp(-o.inner(o.x, o.x) / 2)),
    ("trace(A A^T)", "A", lambda o: sp.Trace(o.A * o.A.T)),
    ("trace(A) + dot(x, c)", "A", lambda o: sbp.dot(o.x, o.c) + sbp.trace(o.A)),
    ("sum(diag(x) A)", "x", lambda o: sbp.sum(sbp.diag(o.x) * o.A)),
    ("sum(outer(x, c) * A)", "x", lambda o: sbp.sum(sp.HadamardProduct(sbp.outer(o.x, o.c), o.A))),
    ("sum(relu(Wx) * b)", "W", lambda o: sbp.sum(sp.HadamardProduct(sbp.relu(o.times(o.W, o.x)), o.b))),
    ("sum(tanh(Wx + b))", "W", lambda o: sbp.sum((o.times(o.W, o.x) + o.b).applyfunc(sp.tanh))),
    ("sum(1/(1 + exp(-q)))", "q",
     lambda o: sbp.sum(o.q.applyfunc(sp.Lambda(s, 1 / (1 + sp.exp(-s)))))),
    ("sum(leaky_relu(Wx, 1/5))", "x",
     lambda o: sbp.sum(sbp.leaky_relu(o.times(o.W, o.x), a=sp.Rational(1, 5)))),
    ("sum(gelu(Wx)) / m", "x", lambda o: sbp.sum(sbp.gelu(o.times(o.W, o.x))) / m),
    ("mean(silu(Wx))", "W", lambda o: sbp.mean(sbp.silu(o.times(o.W, o.x)))),
    ("sum(max(Wx, b))", "b", lambda o: sbp.sum(sbp.max(o.times(o.W, o.x), o.b))),
    ("sum[i = 1..n](x[i]^2 * c[i])", "x",
     lambda o: sp.Sum(o.entry(o.x, i) ** 2 * o.entry(o.c, i), (i, 0, n - 1))),
    ("log(sum[i = 1..n](exp(beta x[i])))", "x",
     lambda o: sp.log(sp.Sum(sp.exp(beta * o.entry(o.x, i)), (i, 0, n - 1)))),
    ("sum[i = 1..n, j = 1..n](A[i,j] * kron(i, j))", "A",
     lambda o: sp.Sum(o.A[i, j] * sp.KroneckerDelta(i, j), (i, 0, n - 1), (j, 0, n - 1))),
    ("x[1] x[2]", "x", lambda o: o.entry(o.x, 0) * o.entry(o.x, 1)),
    ("cross_entropy(Y, softmax(WX))/N", "W",
     lambda o: sbp.cross_entropy(o.Y, sbp.softmax(o.times(o.W, o.X))) / N),
    ("sum(square(WX + b - Y))", "b", lambda o: sbp.sum(sbp.square(o.times(o.W, o.X) + o.b - o.Y))),
    ("sum(softmax(X, rows) * X)", "X",
     lambda o: sbp.sum(sp.HadamardProduct(sbp.softmax(o.X, axis="rows"), o.X))),
    ("sumsq(colmean(X)) + sumsq(rowsum(X))", "X",
     lambda o: sbp.sumsq(sbp.rowsum(o.X)) + sbp.sumsq(sbp.colmean(o.X))),
    ("sqrt(s) + s^3", "s", lambda o: s**3 + sp.sqrt(s)),
    ("sigmoid(beta s)", "s", lambda o: sbp.sigmoid(s * beta)),
    ("sum(x/norm(x) * c)", "x", lambda o: sbp.sum(sp.HadamardProduct(o.x / sbp.norm(o.x), o.c))),
    ("sum(1/x) - 2 dot(c, x)", "x",
     lambda o: sbp.sum(sp.HadamardPower(o.x, -1)) - 2 * sbp.dot(o.c, o.x)),
]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize(("text", "wrt", "build"), FORMULAS, ids=[text for text, _, _ in FORMULAS])
def test_the_same_derivation_as_of_the_text(
    text: str, wrt: str, build: Callable[..., Any], convention: str
) -> None:
    setting = Setting(convention)
    by = {"s": s}.get(wrt) or getattr(setting, wrt)
    expected = setting.derive(f"L = {text}", wrt)
    found = sbp.derive(build(setting), by, convention=convention)
    assert found.text == expected.text
    assert found.expanded_text == expected.expanded_text
    assert [step.after.text for step in found.steps] == [step.after.text for step in expected.steps]


@dataclass(frozen=True)
class Net:
    """The symbols of a network on a batch of N lines of D numbers, hidden size H, K outputs."""

    convention: str

    @property
    def across(self) -> bool:
        return self.convention == "row"

    def batch(self, name: str, size: Any) -> Any:
        return sp.MatrixSymbol(name, N, size) if self.across else sp.MatrixSymbol(name, size, N)

    def weights(self, name: str, inner: Any, outer: Any) -> Any:
        into = self.convention == "column"
        return sp.MatrixSymbol(name, outer, inner) if into else sp.MatrixSymbol(name, inner, outer)

    def bias(self, name: str, size: Any) -> Any:
        return sp.MatrixSymbol(name, 1, size) if self.across else sp.MatrixSymbol(name, size, 1)

    def affine(self, W: Any, x: Any, b: Any = None) -> Any:
        product = x * W if self.across else W * x if self.convention == "column" else W.T * x
        return product if b is None else product + b

    def write(self, text: str) -> str:
        """``W1@X`` in the spelling of the convention."""
        spelling = {"row": r"\2 \1", "column": r"\1 \2", "column-transposed": r"\1^T \2"}[self.convention]
        return re.sub(r"(\w+)@(\w+)", spelling, text)


D, H, K = sp.symbols("D H K", integer=True, positive=True)
LAYERS: dict[str, Callable[[Net], Any]] = {
    "X": lambda o: o.batch("X", D), "Y": lambda o: o.batch("Y", K), "W1": lambda o: o.weights("W1", D, H),
    "b1": lambda o: o.bias("b1", H), "W2": lambda o: o.weights("W2", H, K), "b2": lambda o: o.bias("b2", K),
    "V": lambda o: o.weights("V", D, K), "U": lambda o: o.batch("U", H), "A": lambda o: o.batch("A", H),
    "Z": lambda o: o.batch("Z", K), "P": lambda o: o.batch("P", K), "g": lambda o: o.bias("g", H),
    "R": lambda o: o.weights("R", H, H), "B": lambda o: o.batch("B", H),
}  # fmt: skip
Equations = dict[str, Callable[..., Any]]
NETWORKS: dict[str, tuple[str, Equations]] = {
    "linear regression": (
        "Z = V@X + b2; L = sumsq(Z - Y)/N",
        {
            "Z": lambda o, v: o.affine(v("V"), v("X"), v("b2")),
            "L": lambda o, v: sbp.sumsq(v("Z") - v("Y")) / N,
        },
    ),
    "softmax regression": (
        "Z = V@X + b2; P = softmax(Z); L = cross_entropy(Y, P)/N",
        {
            "Z": lambda o, v: o.affine(v("V"), v("X"), v("b2")), "P": lambda o, v: sbp.softmax(v("Z")),
            "L": lambda o, v: sbp.cross_entropy(v("Y"), v("P")) / N,
        },
    ),
    "perceptron": (
        "U = W1@X + b1; A = relu(U); Z = W2@A + b2; L = cross_entropy_logits(Y, Z)/N",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X"), v("b1")), "A": lambda o, v: sbp.relu(v("U")),
            "Z": lambda o, v: o.affine(v("W2"), v("A"), v("b2")),
            "L": lambda o, v: sbp.cross_entropy_logits(v("Y"), v("Z")) / N,
        },
    ),
    "perceptron with a penalty": (
        "U = W1@X + b1; A = tanh(U); Z = W2@A + b2; L = bce_logits(Y, Z)/N + lam/2 * sumsq(W1)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X"), v("b1")), "A": lambda o, v: sbp.tanh(v("U")),
            "Z": lambda o, v: o.affine(v("W2"), v("A"), v("b2")),
            "L": lambda o, v: sbp.bce_logits(v("Y"), v("Z")) / N + lam * sbp.sumsq(v("W1")) / 2,
        },
    ),
    "residual": (
        "U = W1@X + b1; A = sigmoid(U); B = R@A + A; Z = W2@B; L = mse(Z, Y)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X"), v("b1")), "A": lambda o, v: sbp.sigmoid(v("U")),
            "B": lambda o, v: o.affine(v("R"), v("A")) + v("A"), "Z": lambda o, v: o.affine(v("W2"), v("B")),
            "L": lambda o, v: sbp.mse(v("Z"), v("Y")),
        },
    ),
    "tied weights": (
        "U = W1@X; A = gelu(U); B = R@A; Z = W2@B; L = sse(Z, Y) + sumsq(R)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X")), "A": lambda o, v: sbp.gelu(v("U")),
            "B": lambda o, v: o.affine(v("R"), v("A")), "Z": lambda o, v: o.affine(v("W2"), v("B")),
            "L": lambda o, v: sbp.sse(v("Z"), v("Y")) + sbp.sumsq(v("R")),
        },
    ),
    "gated": (
        "U = W1@X; A = silu(U) * sigmoid(U); Z = W2@A; L = huber(Z, Y, 2)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X")),
            "A": lambda o, v: sp.HadamardProduct(sbp.silu(v("U")), sbp.sigmoid(v("U"))),
            "Z": lambda o, v: o.affine(v("W2"), v("A")), "L": lambda o, v: sbp.huber(v("Z"), v("Y"), 2),
        },
    ),
    "arbitrary activation": (
        "U = W1@X + b1; A = sigma(U); Z = W2@A; L = sumsq(Z - Y)/2",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X"), v("b1")),
            "A": lambda o, v: sbp.elementwise("sigma")(v("U")), "Z": lambda o, v: o.affine(v("W2"), v("A")),
            "L": lambda o, v: sbp.sumsq(v("Z") - v("Y")) / 2,
        },
    ),
    "arbitrary loss": (
        "U = W1@X + b1; A = leaky_relu(U); Z = W2@A; L = L(Z)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X"), v("b1")), "A": lambda o, v: sbp.leaky_relu(v("U")),
            "Z": lambda o, v: o.affine(v("W2"), v("A")), "L": lambda o, v: sbp.loss("L")(v("Z")),
        },
    ),
    "text and objects": (
        "U = W1@X; A = softplus(U) + b1; Z = W2@A; L = logsumexp(b1) + sum(Y * Z)",
        {
            "U": lambda o, v: o.affine(v("W1"), v("X")), "A": lambda o, v: "softplus(U) + b1",
            "Z": lambda o, v: o.affine(v("W2"), v("A")), "L": lambda o, v: "logsumexp(b1) + sum(Y * Z)",
        },
    ),
}  # fmt: skip


def objects_of(net: Net, equations: Equations) -> dict[str, Any]:
    return {name: build(net, lambda symbol: LAYERS[symbol](net)) for name, build in equations.items()}


def text_problem(net: Net, text: str) -> Problem:
    forward = net.write(text)
    used = set(re.findall(r"\w+", forward))
    symbols: dict[str, object] = {}
    for name in [name for name in LAYERS if name in used and not re.search(rf"\b{name} =", forward)]:
        rows, columns = LAYERS[name](net).shape
        shape = [size for size in (rows, columns) if size != 1]
        symbols[name] = {"shape": [str(size) for size in shape], "role": role_of(name)}
    symbols |= {"lam": {"role": "constant"}} if "lam" in used else {}
    symbols |= {"sigma": {"role": "function"}} if "sigma" in used else {}
    return Problem(spec_from_mapping({"convention": net.convention, "symbols": symbols, "forward": forward}))


def role_of(name: str) -> str:
    return {"X": "input", "Y": "target"}.get(name, "parameter")


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_problem_as_the_text(name: str, convention: str) -> None:
    net = Net(convention)
    text, equations = NETWORKS[name]
    expected = text_problem(net, text)
    arrays = [tensor for tensor in expected.spec.graph.symbols if tensor.name in LAYERS]
    roles = {LAYERS[tensor.name](net): tensor.role.value for tensor in arrays} | (
        {lam: "constant"} if "lam" in text else {}
    )
    found = sbp.problem(objects_of(net, equations), roles=roles, convention=convention)
    ours, theirs = found.gradients("L"), expected.gradients("L")
    assert {key: (d.text, d.shape) for key, d in ours.items()} == {
        key: (d.text, d.shape) for key, d in theirs.items()
    }
