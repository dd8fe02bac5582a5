"""Class labels: losses that look up the entry of a label, in every spelling and convention.

The gradient by the logits is compared with the softmax by hand; ``verify`` replays every step and
compares the emitted code and ``sympy.lambdify`` with differences of the forward pass.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sympy

from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.sympy_out import to_sympy
from symbackprop.notation.sympy_symbols import dim_symbol
from symbackprop.notation.text import to_text
from symbackprop.pipeline import Problem, loads
from symbackprop.reading.formulas import read_formula

SHAPES = {
    "row": ("[N, D]", "[D, K]", "X W + b"),
    "column": ("[D, N]", "[K, D]", "W X + b"),
    "column-transposed": ("[D, N]", "[D, K]", "W^T X + b"),
}
RNG = np.random.default_rng(2026)
N, D, K = 5, 3, 4
LABELS = np.array([2, 0, 3, 1, 2])


def _batch(convention: str, loss: str, probabilities: bool = True) -> Problem:
    x, w, z = SHAPES[convention]
    return loads(
        f"""
convention: {convention}
symbols:
  X: {{shape: {x}, role: input}}
  W: {{shape: {w}, role: parameter}}
  b: {{shape: [K], role: parameter}}
  y: {{shape: [N], role: target, classes: K}}
forward: |
  Z = {z}
  {"P = softmax(Z)" if probabilities else ""}
  {loss}
"""
    )


def _single(convention: str, loss: str, probabilities: bool = True) -> Problem:
    w, z = {"row": ("[D, K]", "x W"), "column": ("[K, D]", "W x"), "column-transposed": ("[D, K]", "W^T x")}[
        convention
    ]
    return loads(
        f"""
convention: {convention}
symbols:
  x: {{shape: [D], role: input}}
  W: {{shape: {w}, role: parameter}}
  y: {{role: target, classes: K}}
forward: |
  z = {z}
  {"p = softmax(z)" if probabilities else ""}
  {loss}
"""
    )


def _at(convention: str, *slots: str) -> str:
    """The slots of (example, class) in the order of the convention."""
    return ",".join(slots if convention == "row" else reversed(slots))


def _losses(convention: str) -> dict[str, tuple[str, bool]]:
    look = f"P[{_at(convention, 'n', 'y[n]')}]"
    ratio = f"exp(Z[{_at(convention, 'i', 'y[i]')}]) / sum[j](exp(Z[{_at(convention, 'i', 'j')}]))"
    hot = f"sum[n,k](ind(y[n] = k) * log(P[{_at(convention, 'n', 'k')}]))"
    return {
        "look-up": (f"L = -(1/N) sum[n](log({look}))", True),
        "entries": (f"l[n] = -log({look})\n  L = mean(l)", True),
        "quotient": (f"l[i] = -log({ratio})\n  L = (1/N) sum[i](l[i])", False),
        "indicator": (f"L = -{hot}/N", True),
        "cross_entropy": ("L = cross_entropy(y, P)/N", True),
        "onehot": ("L = -sum(onehot(y) * log(P))/N", True),
        "logits": ("L = cross_entropy_logits(y, Z)/N", False),
        "nll": ("L = nll(y, log_softmax(Z))/N", False),
    }


NAMES = tuple(_losses("row"))


def _softmax(z: Any, axis: int) -> Any:
    e = np.exp(z)
    return e / e.sum(axis=axis, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("convention", SHAPES)
def test_a_batch(convention: str, name: str) -> None:
    """dL/dZ = (P - onehot(y))/N, however the loss is written; dL/dW follows."""
    problem = _batch(convention, *_losses(convention)[name])
    by_z, by_w = problem.derive("L", "Z"), problem.derive("L", "W")
    assert by_z.verify().status == "holds"
    assert by_w.verify().status == "holds"
    assert by_z.assumptions == ()
    assert by_z.text.endswith(" - onehot(y))/N")
    x, w, _ = SHAPES[convention]
    sizes = {"N": N, "D": D, "K": K}
    arrays: dict[str, Any] = {
        name: RNG.normal(size=[sizes[d] for d in shape.strip("[]").split(", ")])
        for name, shape in (("X", x), ("W", w))
    }
    arrays |= {"b": RNG.normal(size=K), "y": LABELS}
    got = by_z.numpy()(arrays)
    if convention == "row":
        z, axis = arrays["X"] @ arrays["W"] + arrays["b"], 1
    else:
        w_ = arrays["W"] if convention == "column" else arrays["W"].T
        z, axis = w_ @ arrays["X"] + arrays["b"][:, None], 0
    hot = np.equal.outer(LABELS, np.arange(K)) if axis else np.equal.outer(np.arange(K), LABELS)
    np.testing.assert_allclose(got, (_softmax(z, axis) - hot) / N, rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "probabilities"),
    [
        ("L = -log(p[y])", True),
        ("L = cross_entropy(y, p)", True),
        ("L = -log(exp(z[y]) / sum[j](exp(z[j])))", False),
        ("L = cross_entropy_logits(y, z)", False),
        ("L = -sum[k](ind(k = y) * log(p[k]))", True),
        ("L = -sum(onehot(y) * log(p))", True),
    ],
)
@pytest.mark.parametrize("convention", SHAPES)
def test_one_example(convention: str, loss: str, probabilities: bool) -> None:
    """dL/dz = p - onehot(y) of one label."""
    problem = _single(convention, loss, probabilities)
    by_z, by_w = problem.derive("L", "z"), problem.derive("L", "W")
    assert by_z.text.endswith(" - onehot(y)")
    assert by_z.verify().status == "holds"
    assert by_w.verify().status == "holds"
    z = np.array([0.3, -1.1, 0.8, 0.45])
    shape = (1, K) if convention != "column" else (K, 1)
    got = by_z.numpy()({"x": [1.0], "W": z.reshape(shape), "y": 2})
    np.testing.assert_allclose(got, _softmax(z, 0) - np.eye(K)[2], rtol=1e-12)


def test_the_one_hot_fact_is_said_and_not_assumed() -> None:
    steps = _batch("row", "L = cross_entropy(y, P)/N").derive("L", "Z").steps
    last = steps[-1]
    assert last.rule == "one-hot"
    assert last.because == "each row of `onehot(y)` sums to 1, as it is one-hot"
    assert last.uses == ()


@pytest.mark.parametrize("name", NAMES)
def test_level_index(name: str) -> None:
    """The same over entries: [y_n = k] stands where a lecturer writes it."""
    derivation = _batch("row", *_losses("row")[name]).derive("L", "Z", level="index")
    assert derivation.verify().status == "holds"
    assert "ind(y[" in derivation.steps[-1].after.text


def test_by_the_probabilities() -> None:
    """dL/dP has an entry only where a label points."""
    problem = _batch("row", "L = -(1/N) sum[n](log(P[n,y[n]]))")
    derivation = problem.derive("L", "P")
    assert derivation.text == "-onehot(y)/(N P)"
    assert derivation.verify().status == "holds"


def test_a_look_up_stays_a_look_up_in_print() -> None:
    graph = _batch("row", "L = -(1/N) sum[n](log(P[n,y[n]]))").spec.graph
    loss = graph.equations[-1].expr
    assert loss is not None
    assert to_latex(loss) == r"-\frac{1}{N} \sum_{n} \log P_{n y_{n}}"
    assert read_formula("cross_entropy(y, P)", graph) == read_formula("cross_entropy(onehot(y), P)", graph)
    assert to_latex(read_formula("cross_entropy(y, P)", graph)) == r"-\sum_{n} \log P_{n y_{n}}"


@pytest.mark.parametrize(
    "text",
    ["P[n,y[n]]", "onehot(y)", "onehot(y, columns)", "cross_entropy(y, P)", "ind(y[n] = k) P[n,k]",
     "onehot(y)[n,k]", "log(P[3,y[3]])", "ind(y[2] = 1)"],
)  # fmt: skip
def test_printed_formulas_are_read_back(text: str) -> None:
    graph = _batch("row", "L = cross_entropy(y, P)/N").spec.graph
    assert to_text(read_formula(text, graph, free_indices=True)) == text


def test_the_other_orientation() -> None:
    """Examples in rows under the column convention: the last argument says so."""
    problem = loads(
        """
convention: column
symbols:
  P: {shape: [N, K], role: input, positive: true}
  y: {shape: [N], role: target, classes: K}
forward: |
  L = cross_entropy(y, P, rows)
"""
    )
    derivation = problem.derive("L", "P")
    assert derivation.text == "-onehot(y)^T/P"
    assert derivation.verify().status == "holds"


def test_label_losses_that_are_no_cross_entropy() -> None:
    """A focal loss, a squared error and a hinge of labels."""
    for loss in (
        "L = focal(y, P)",
        "L = sum((P - onehot(y))^2)",
        "L = sum[n,k]((1 - ind(y[n] = k)) * max(0, 1 + Z[n,k] - Z[n,y[n]]))",
    ):
        verdict = _batch("row", loss).derive("L", "W").verify()
        assert (loss, verdict.status) == (loss, "holds")


def test_a_number_of_classes() -> None:
    problem = loads(
        "symbols:\n  z: {shape: [3], role: parameter}\n  y: {role: target, classes: 3}\n"
        "forward: L = -log(softmax(z)[y])\n"
    )
    derivation = problem.derive("L", "z")
    assert derivation.text == "softmax(z) - onehot(y)"
    assert derivation.verify().status == "holds"
    got = derivation.numpy()({"z": [0.5, -0.25, 1.5], "y": 1})
    np.testing.assert_allclose(got, _softmax(np.array([0.5, -0.25, 1.5]), 0) - [0, 1, 0])


def test_lambdify_takes_zero_based_labels() -> None:
    derivation = _batch("row", "L = cross_entropy(y, P)/N").derive("L", "Z")
    arguments = derivation.arguments
    names = [str(argument) for argument in arguments]
    assert "y" in names
    values: dict[str, Any] = {
        "X": RNG.normal(size=(N, D)), "W": RNG.normal(size=(D, K)), "b": RNG.normal(size=(1, K)),
        "y": LABELS.reshape(1, N), "N": N, "K": K,
    }  # fmt: skip
    got = sympy.lambdify(arguments, derivation.expanded())(*(values[name] for name in names))
    z = values["X"] @ values["W"] + values["b"]
    np.testing.assert_allclose(got, (_softmax(z, 1) - np.eye(K)[LABELS]) / N, rtol=1e-12)


@pytest.mark.parametrize("text", ["onehot(y)", "onehot(y, columns)", "cross_entropy(y, P)", "P[2,y[2]]"])
def test_sympy_objects_of_labels(text: str) -> None:
    """They pickle, print, and take dims and explicit matrices."""
    expr = read_formula(text, _batch("row", "L = cross_entropy(y, P)/N").spec.graph)
    made = to_sympy(expr)
    assert pickle.loads(pickle.dumps(made)) == made
    assert isinstance(sympy.latex(made), str)
    scores = RNG.uniform(0.1, 0.9, (N, K))
    known = made.subs({dim_symbol("N"): N, dim_symbol("K"): K})
    values = {"y": sympy.Matrix([LABELS.tolist()]), "P": sympy.Matrix(scores.tolist())}
    known = known.subs({s: values[s.name] for s in known.atoms(sympy.MatrixSymbol)}).doit()
    hot = np.eye(K)[LABELS]
    expected = {"onehot(y)": hot, "onehot(y, columns)": hot.T, "P[2,y[2]]": scores[1, LABELS[1]]}
    found = np.array(known.tolist() if known.is_Matrix else known, dtype=float)
    np.testing.assert_allclose(found, expected.get(text, -(hot * np.log(scores)).sum()))


@pytest.mark.parametrize(
    ("labels", "message"),
    [([0, 4, 1], "the label 4; labels are 0 to 3"), ([0, -1, 1], "the label -1"), ([0.5, 1, 2], "whole")],
)
def test_labels_outside_the_classes_are_refused(labels: list[float], message: str) -> None:
    code = _batch("row", "L = cross_entropy(y, P)/N").derive("L", "Z").numpy()
    arrays: dict[str, Any] = {"X": np.ones((3, 2)), "W": np.ones((2, 4)), "b": np.zeros(4)}
    code({**arrays, "y": np.array([0, 3, 1])})
    with pytest.raises(InputError, match=message):
        code({**arrays, "y": np.array(labels)})


def test_the_classes_may_have_to_be_given() -> None:
    """Where no array tells K, it is an argument."""
    problem = loads(
        "symbols:\n  s: {role: parameter}\n  y: {shape: [N], role: target, classes: K}\n"
        "forward: L = s^2 * sumsq(onehot(y))\n"
    )
    derivation = problem.derive("L", "s")
    assert derivation.verify().status == "holds"
    assert derivation.numpy()({"s": 1.5, "y": [0, 2, 1], "K": 3}) == pytest.approx(9.0)


def test_no_derivative_by_a_label() -> None:
    problem = _batch("row", "L = cross_entropy(y, P)/N")
    with pytest.raises(InputError, match="no derivative by a label"):
        problem.derive("L", "y")
    assert set(problem.gradients("L")) == {"W", "b"}


REFUSED = [
    ("L = sum(y * y)", "y is a label"),
    ("L = sum[n](y[n])", r"y\[n\] is a label"),
    ("L = sum[n](P[n,y])", "y holds N labels"),
    ("L = sum[n](X[n,y[n]])", "y has K classes, but X"),
    ("L = sum[n](ind(y[n] < 2))", "labels have no order"),
    ("L = bce(y, P)", "y is a label"),
    ("L = sum(onehot(P))", "onehot takes labels"),
    ("L = sum[n](P[n,P[n,1]])", "is not an index"),
    ("L = sum[n](ind(y[n] = P[n,1]))", "neither an index nor a class"),
]


@pytest.mark.parametrize(("loss", "message"), REFUSED)
def test_misused_labels_are_refused(loss: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        _batch("row", loss)
    assert not isinstance(caught.value, UnsupportedError)
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("{shape: [N], classes: K}", "no role"),
        ("{shape: [N], role: parameter, classes: K}", "cannot be trained"),
        ("{shape: [N], role: target, classes: 1}", "one class only"),
        ("{shape: [N], role: target, classes: 0}", "not an extent"),
        ("{shape: [N], role: target, classes: K, one_hot: true}", "does not apply"),
        ("{shape: [N, M], role: target, classes: K}", "not supported yet"),
    ],
)
def test_declarations_of_labels(declared: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loads(f"symbols:\n  y: {declared}\n  s: {{role: parameter}}\nforward: L = s\n")
