"""SymPy objects in: the same derivation as of the same text, results that come back as SymPy objects."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symbackprop as sbp
from symbackprop.ops.registry import Elementwise, Structural, all_operations, lookup
from symbackprop.pipeline import Problem
from symbackprop.problem_file import spec_from_mapping

CONVENTIONS = ("column", "row", "column-transposed")
m, n, N = sp.symbols("m n N", integer=True, positive=True)
lam, s, beta = sp.symbols("lam s beta", real=True)
i, j = sp.symbols("i j", integer=True)


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


# -- problems


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


# -- results as SymPy objects

W, x = sp.MatrixSymbol("W", m, n), sp.MatrixSymbol("x", n, 1)
b, t = sp.MatrixSymbol("b", m, 1), sp.MatrixSymbol("t", m, 1)
SIZES = {m: 3, n: 2}
NUMBERS = {
    "W": [[0.3, -0.7], [1.1, 0.4], [-0.6, 0.9]], "x": [[0.8], [-1.3]], "b": [[0.2], [-0.5], [0.7]],
    "t": [[0.25], [0.45], [0.3]],
}  # fmt: skip


def number_of(symbol: Any) -> Any:
    if symbol in SIZES:
        return SIZES[symbol]
    return np.array(NUMBERS[str(symbol)]) if symbol.is_Matrix else 1.7


def slope(expr: Any, by: Any) -> Any:
    """Central differences of the SymPy expression itself."""
    symbols = sorted(expr.free_symbols | expr.atoms(sp.MatrixSymbol), key=str)
    function = sp.lambdify(symbols, expr)
    values = [number_of(symbol) for symbol in symbols]
    place = symbols.index(by)
    result = np.zeros(values[place].shape)
    for spot in np.ndindex(*result.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = [np.array(v, copy=True) if np.ndim(v) else v for v in values]
            moved[place][spot] += step
            ends.append(float(np.squeeze(function(*moved))))
        result[spot] = (ends[0] - ends[1]) / 2e-5
    return result


def arguments_for(op: Any) -> list[Any]:
    """W x + b for an array; a target before it for a loss; a positive number for an option."""
    z = W * x + b
    safe = sbp.sigmoid(z) if getattr(op, "domain", "real") != "real" or op.kind == "loss" else z
    plain = [param for param in op.params if param.default is None]
    if op.name in ("inv", "det", "logdet"):
        return [z * t.T + 3 * sbp.eye(m)]
    if op.name in ("reshape", "pad"):
        return [z, 1, m] if op.name == "reshape" else [z, 2]
    return [t, safe][-len(plain) :] if op.name != "trace" else [z * t.T]


CALLED = [
    op for op in all_operations()
    if op.name not in ("eye", "ones", "zeros", "onehot") and isinstance(op, Elementwise | Structural)
]  # fmt: skip


@pytest.mark.parametrize("op", CALLED, ids=lambda op: op.name)
def test_every_function_on_matrices(op: Any) -> None:
    E = getattr(sbp, op.name)(*arguments_for(op) if op.name != "diagonal" else [(W * x + b) * t.T])
    loss = sbp.sumsq(E) + sbp.sum(W)
    d = sbp.derive(loss, W)
    result, arguments = d.expanded(), d.arguments
    values = [number_of(symbol) for symbol in arguments]
    np.testing.assert_allclose(sp.lambdify(arguments, result)(*values), slope(loss, W), rtol=1e-5, atol=1e-7)
    assert result.shape == (m, n)
    assert all([sp.latex(result), sp.latex(E), str(E)])
    assert result.subs(SIZES).shape == (3, 2)
    result.doit()
    E.subs(SIZES).doit()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "square", "exp", "softmax", "logsumexp", "norm"])
def test_a_result_goes_in_again(name: str) -> None:
    first = sbp.derive(sbp.sumsq(getattr(sbp, name)(W * x + b)), x).expanded()
    loss = sbp.sum(sp.HadamardProduct(first, x))
    d = sbp.derive(loss, b)
    values = [number_of(symbol) for symbol in d.arguments]
    np.testing.assert_allclose(
        sp.lambdify(d.arguments, d.expanded())(*values), slope(loss, b), rtol=1e-5, atol=1e-7
    )


def test_a_result_by_entries_goes_in_again() -> None:
    first = sbp.derive((W * x)[1, 0] ** 2, W).expanded()
    d = sbp.derive(sbp.sum(sp.HadamardProduct(first, W)), x)
    assert "eye(m)[1..m,2]" in d.graph.equations[-1].text
    assert d.verify().status == "holds"


def test_sympys_own_derivative_is_silently_zero_where_ours_is_right() -> None:
    logs = sbp.log(sbp.sum(sbp.exp(W * x)))
    norms = sbp.norm(W * x) + sbp.norm(x)
    for_sympy = sp.log(sp.Sum(sp.exp((W * x)[i, 0]), (i, 0, m - 1)))
    for loss in (logs, norms, for_sympy):
        d = sbp.derive(loss, x)
        assert d.verify().status == "holds"
        values = [number_of(symbol) for symbol in d.arguments]
        np.testing.assert_allclose(sp.lambdify(d.arguments, d.expanded())(*values), slope(loss, x), rtol=1e-6)


def test_results_are_in_the_symbols_of_the_author() -> None:
    p, q = sp.symbols("p q")  # no assumptions
    V, v, gamma = sp.MatrixSymbol("V", p, q), sp.MatrixSymbol("v", q, 1), sp.Symbol("gamma")
    d = sbp.derive(gamma * sbp.sumsq(V * v), V)
    assert d.result == 2 * gamma * V * v * v.T
    assert d.arguments == [gamma, V, v]
    assert d.result.subs({p: 2, q: 3}).shape == (2, 3)
    assert d.verify().status == "holds"


def test_a_dim_in_a_result_is_an_argument() -> None:
    d = sbp.derive(sbp.mean(W * x), W)
    assert d.arguments == [x, m]
    assert sp.lambdify(d.arguments, d.expanded())(np.array(NUMBERS["x"]), 3).shape == (3, 2)


def test_a_symbol_may_be_called_anything() -> None:
    V = sp.MatrixSymbol("W^{(1)}", m, n)
    d = sbp.derive(sbp.sum(V * x), V)
    assert d.graph.equations[0].text == "L = sum(W_1 x)"
    assert d.result.subs(m, 3).shape == (3, n)
    assert sbp.derive(sbp.sumsq(V), V).latex == r"2\,W^{(1)}"


def test_a_one_by_one_matrix_is_a_number() -> None:
    a = sp.MatrixSymbol("a", 1, 1)
    d = sbp.derive(x.T * x * a, x)
    assert d.text == "2 a x"
    assert d.arguments == [x, a]
    assert sp.lambdify(d.arguments, d.expanded())(np.ones((2, 1)), np.array([[3.0]])).tolist() == [[6], [6]]
    assert sbp.derive(sbp.exp(x.T * x), x).expanded_text == "2 exp(x^T x) x"


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda A: sp.Sum((W * x)[i, 0] ** 2, (i, 0, m - 1)), "2 W^T W x"),
        (lambda A: sp.Sum(A[i, j] * x[i, 0] * x[j, 0], (i, 0, n - 1), (j, 0, n - 1)), "(A + A^T) x"),
        (lambda A: sp.Sum(x[i, 0] * sp.KroneckerDelta(i, 1), (i, 0, n - 1)), "ind(2 = p)"),
        (lambda A: sp.Sum(sp.Function("sigma")(x[i, 0]), (i, 0, n - 1)), "sigma'(x)"),
        (lambda A: sp.Sum(sp.Piecewise((x[i, 0], x[i, 0] > 0), (0, True)), (i, 0, n - 1)), "ind(x > 0)"),
        (lambda A: sp.Sum(i * x[i, 0], (i, 0, n - 1)), "p - 1"),
        (lambda A: x.T * A**2 * x, "(A A + A^T A^T) x"),
        (lambda A: sp.OneMatrix(1, n) * (A + sp.Identity(n)) * x, "colsum(A + eye(n))^T"),
        (lambda A: sbp.sum(sp.DiagMatrix(x) * A), "rowsum(A)"),
        (lambda A: sbp.sum(sp.DiagonalMatrix(A) * x), "diagonal(A)"),
    ],
)
def test_what_sympy_has_of_its_own(build: Callable[[Any], Any], text: str) -> None:
    d = sbp.derive(build(sp.MatrixSymbol("A", n, n)), x)
    assert d.text == text
    assert d.verify().status == "holds"


def test_an_index_is_not_confused_with_a_symbol() -> None:
    spot = sp.Symbol("x")
    assert sbp.derive(sp.Sum(x[spot, 0] ** 2, (spot, 0, n - 1)), x).text == "2 x"


def test_a_sum_built_out_of_order_is_read_as_it_stands() -> None:
    d = sbp.derive(sbp.sumsq(sp.MatAdd(b, W * x)), W)
    assert d.text == "2 (b + W x) x^T"


def test_several_symbols_give_a_mapping_from_one_pass() -> None:
    gradients = sbp.derive(sbp.sumsq(W * x + b - t), [W, b])
    assert {name: d.text for name, d in gradients.items()} == {
        "W": "2 (W x + b - t) x^T", "b": "2 (W x + b - t)",
    }  # fmt: skip
    arrays = {name: np.squeeze(np.array(value)) for name, value in NUMBERS.items()}
    found = gradients.numpy()(arrays)
    np.testing.assert_allclose(np.outer(found["b"], arrays["x"]), found["W"])


def test_a_symbol_without_influence_has_the_gradient_zero() -> None:
    d = sbp.derive(sbp.sum(x), W)
    assert (d.text, d.shape) == ("zeros(m, n)", ("m", "n"))


def test_arbitrary_loss_and_function() -> None:
    sigma = sbp.elementwise("sigma")
    d = sbp.derive(sbp.loss("J")(sigma(W * x)), W)
    assert [e.text for e in d.graph.equations] == ["y = sigma(W x)", "J = J(y)"]
    assert d.text == "(dJ/dy * sigma'(W x)) x^T"
    assert d.verify().status == "holds"
    assert sp.latex(sbp.loss("J")(x)) == r"J\left(x\right)"


CUT: list[tuple[Any, str]] = [
    (sbp.sumsq(W[:, 1:]), "sumsq(W[1..m,2..n])"),
    (sbp.sumsq(W[:-1, :]), "sumsq(W[1..m-1,1..n])"),
    (sbp.sumsq(sp.BlockMatrix([[W], [W]]) * x), "sumsq(stack(W, W, columns) x)"),
    (
        sbp.sumsq(sp.BlockMatrix([[W, 2 * W], [W, W]])),
        "sumsq(stack(stack(W, 2 W, rows), stack(W, W, rows), columns))",
    ),
]


@pytest.mark.parametrize(("expr", "text"), CUT, ids=[text for _, text in CUT])
def test_slices_and_blocks(expr: Any, text: str) -> None:
    found = sbp.derive(expr, W)
    shapes = {"W": {"shape": ["m", "n"], "role": "parameter"}, "x": {"shape": ["n"], "role": "parameter"}}
    read = Problem(spec_from_mapping({"convention": "column", "symbols": shapes, "forward": f"L = {text}"}))
    assert found.text == read.derive("L", "W").text
    assert found.verify().status == "holds"


B = sp.MatrixSymbol("B", n, n)
REFUSED: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: W * sp.MatrixSymbol("z", K, 1), "shape", r"W is m x n, z is K x 1"),
    (lambda: W**2, "shape", r"W is m x n, no square matrix .*sbp\.square\(E\)"),
    (lambda: sbp.relu(x) ** 2, "shape", r"sbp\.square"),
    (lambda: x**3, "shape", r"HadamardPower\(E, 3\)"),
    (lambda: W.applyfunc(sp.sinh), "unsupported", r"SymPy's sinh .*sinh\(.*\) in "),
    (lambda: W[::2, :], "unsupported", r"SymPy's MatrixSlice .* in sum"),
    (lambda: sp.Matrix([[1, 2]]) * sp.MatrixSymbol("q", 2, 1), "unsupported", "MatrixSymbol"),
    (lambda: x + sp.MatrixSymbol("x", m, 1), "redefined", "two different symbols are called x"),
    (lambda: sp.MatrixSymbol("sum", n, 1), "redefined", "sum is a function"),
]


@pytest.mark.parametrize(("build", "code", "message"), REFUSED)
def test_what_is_refused(build: Callable[[], Any], code: str, message: str) -> None:
    with pytest.raises(sbp.InputError, match=message) as error:
        sbp.derive(sbp.sum(build()), x)
    assert error.value.code == code
    assert error.value.line is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sbp.derive(sbp.sum(x), x, of_shape=(m, 1)), "1 x 1, not m x 1"),
        (lambda: sbp.derive(sbp.sum(x), x, of_shape=m), "1 x 1, not m"),
        (lambda: sbp.derive("sum(x)", x), "text"),
        (lambda: sbp.derive(sbp.sum(x), 2 * x), "no symbol to differentiate by"),
        (lambda: sbp.derive(sbp.sum(x), x, convention="rows"), "did you mean row"),
        (lambda: sbp.derive(sbp.sum(x), x, level="vectors"), "did you mean vector"),
        (lambda: sbp.derive(sp.Function("J")(x), x), r"sbp\.elementwise\(\"J\"\).*sbp\.loss"),
        (lambda: sbp.relu("x"), "never evaluated"),
        (lambda: sbp.relu(x, x), "takes 1 arguments"),
        (lambda: sbp.leaky_relu(x, q=3), "no argument q"),
        (lambda: sbp.leaky_relu(x, 1, a=3), "given twice"),
        (lambda: sbp.cross_entropy(x), "needs the argument p"),
        (lambda: sbp.softmax(x, axis="row"), "did you mean rows"),
        (lambda: sbp.elementwise("relu"), "a function already"),
        (sbp.loss("J"), "no argument"),
        (lambda: sbp.problem({}), "mapping"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, forward="y = 1"), "no key here"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, covention="row"), "convention"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, roles={"X": "input"}), "unknown symbol X in roles .*x"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, symbols={"x": {"shape": ["m"]}}), "the shape of x"),
        (lambda: sbp.problem({"L": "sum(z)"}), "unknown symbol z"),
    ],
)
def test_wrong_calls(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(sbp.InputError, match=message):
        call()


def test_a_problem_has_the_keys_of_the_file() -> None:
    y, Z = sp.MatrixSymbol("y", m, 1), sp.MatrixSymbol("Z", m, 1)
    found = sbp.problem(
        {Z: W * x + b, "P": sbp.softmax(Z), "L": sbp.cross_entropy(y, sp.MatrixSymbol("P", m, 1))},
        roles={W: "parameter", "b": "parameter", y: "target"},
        symbols={y: {"one_hot": True}},
        title="One layer",
        questions=[{"derive": "dL/dW"}],
        notation=[{"name": "delta", "is": "dL/dZ"}],
    )
    answer: Any = found.answer("q1")
    assert answer.derivation.text == "delta x^T"
    assert answer.verdict.status == "holds"
    assert list(found.gradients("L")) == ["W", "b"]
    assert found.derive("L", "Z").text == "P - y"
    assert found.derive("L", "Z").result.doit() == sp.MatrixSymbol("P", m, 1) - y
    assert found.title == "One layer"


def test_without_a_convention_lying_vectors_mean_row() -> None:
    net = Net("row")
    c, X = net.bias("c", H), net.batch("X", D)
    found = sbp.problem({"L": sbp.sum(sbp.softmax(X * sp.MatrixSymbol("W", D, H) + c))})
    assert found.spec.convention.value == "row"
    assert not found.spec.convention_given
    assert found.derive("L", "c").shape == ("H",)


@pytest.mark.parametrize("name", sorted(op.name for op in all_operations()))
def test_every_function_has_a_name_a_signature_and_words(name: str) -> None:
    function = getattr(sbp, name)
    op = lookup(name)
    assert op is not None
    assert function.__name__ == name
    assert function.__doc__.startswith(f"``{name}(")
    expected = [param.name for param in op.params] + ["axis"] * op.takes_axis
    assert list(inspect.signature(function).parameters) == expected
    assert name in dir(sbp)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "leaky_relu", "square"])
def test_functions_of_numbers(name: str) -> None:
    u = sp.Symbol("u", real=True)
    value = getattr(sbp, name)(u)
    assert sp.latex(value)
    number = float(sp.lambdify(u, value)(0.75))
    assert float(value.doit().subs(u, sp.Rational(3, 4))) == pytest.approx(number)
    assert sbp.derive(value * u, u).verify().status == "holds"


def test_the_derivative_of_an_array_is_its_jacobian() -> None:
    derivation = sbp.derive(sbp.relu(W * x), x)
    assert derivation.verify().status == "holds"
    assert derivation.text == "diag(relu'(W x)) W"
    assert derivation.result.shape == W.shape
    three = sbp.derive(W * x, [W])["W"]
    assert three.verify().status == "holds"
    assert [str(extent) for extent in three.result.shape] == ["m", "m", "n"]
