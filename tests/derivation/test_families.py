"""Families: recurrent nets and layer stacks of whole-number length, unrolled while they are read."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text
from symbackprop.pipeline import Problem, loads
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program

RNG = np.random.default_rng(2026)
SYMBOLS = """
  x: {shape: [d], over: 3, role: input}
  c: {shape: [n], role: target}
  h0: {shape: [n], role: input}
  W: {shape: [n, n], role: parameter}
  U: {shape: [n, d], role: parameter}
  b: {shape: [n], role: parameter}
"""
RECURRENT = """
  h[0] = h0
  h[t] = tanh(W h[t-1] + U x[t] + b) for t = 1..3
"""
BY_HAND = """
  h_0 = h0
  h_1 = tanh(W h_0 + U x_1 + b)
  h_2 = tanh(W h_1 + U x_2 + b)
  h_3 = tanh(W h_2 + U x_3 + b)
"""


def _problem(forward: str, symbols: str = SYMBOLS, convention: str = "column") -> Problem:
    return loads(f"convention: {convention}\nsymbols:{symbols}\nforward: |{forward}\n")


def _plain(text: str) -> str:
    """x[2] as x_2."""
    return re.sub(r"([xh])\[(\d)\]", r"\1_\2", text)


@pytest.mark.parametrize("by", ["W", "U", "b", "h0", "x[2]"])
@pytest.mark.parametrize(
    ("loss", "spelled"),
    [
        ("L = sumsq(h[3] - c)", "L = sumsq(h_3 - c)"),
        ("L = sum[t](sumsq(h[t] - c))", "L = sumsq(h_1 - c) + sumsq(h_2 - c) + sumsq(h_3 - c)"),
        ("L = mean[s](dot(c, h[s]))", "L = (dot(c, h_1) + dot(c, h_2) + dot(c, h_3))/3"),
        ("L = sum[t = 2..3](sum(h[t] * h[t-1]))", "L = sum(h_2 * h_1) + sum(h_3 * h_2)"),
    ],
)
def test_the_net_unrolled_by_hand(by: str, loss: str, spelled: str) -> None:
    """Three steps with shared weights give what the same net written out gives."""
    unrolled = _problem(RECURRENT + "  " + loss).derive("L", by)
    inputs = "".join(f"  x_{k}: {{shape: [d], role: input}}\n" for k in (1, 2, 3))
    members = SYMBOLS.replace("  x: {shape: [d], over: 3, role: input}", inputs)
    written = _problem(BY_HAND + "  " + spelled, members).derive("L", _plain(by))
    assert _plain(unrolled.text) == written.text
    assert [_plain(step.after.text) for step in unrolled.steps] == [s.after.text for s in written.steps]
    assert unrolled.verify().status == "holds"
    arrays: dict[str, Any] = {
        "h0": RNG.normal(size=4), "c": RNG.normal(size=4), "b": RNG.normal(size=4),
        "W": RNG.normal(size=(4, 4)), "U": RNG.normal(size=(4, 2)),
    }  # fmt: skip
    x = RNG.normal(size=(3, 2))
    parts = {f"x_{k + 1}": x[k] for k in range(3)}
    np.testing.assert_allclose(unrolled.numpy()({**arrays, "x": x}), written.numpy()({**arrays, **parts}))


def test_members_are_printed_and_read_back() -> None:
    graph = _problem(RECURRENT + "  L = sumsq(h[3] - c)").spec.graph
    for text in ("h[2]", "h[2][1]", "dL/dh[2]", "dL/dh[2][1]", "W^T dL/dh[3]", "U x[1]"):
        assert to_text(read_formula(text, graph)) == text
    assert read_formula("h[2,1]", graph) == read_formula("h[2][1]", graph)
    assert read_formula("h[3-1]", graph) == read_formula("h[2]", graph)
    assert read_formula("dL/dh[2,1]", graph) == read_formula("dL/dh[2][1]", graph)
    assert to_text(read_formula("sum[t](W h[t])", graph)) == "W h[1] + W h[2] + W h[3]"


@pytest.mark.parametrize(
    ("layers", "declared", "latex"),
    [
        ("subscript", None, "h_{2}"),
        ("superscript", None, "h^{2}"),
        ("paren", None, "h^{(2)}"),
        ("bracket", None, "h^{[2]}"),
        ("subscript", r"\mathbf{h}", r"\mathbf{h}_{2}"),
        ("subscript", "h_x", "h_x^{(2)}"),
    ],
)
def test_members_as_latex(layers: str, declared: str | None, latex: str) -> None:
    spelled = "" if declared is None else f"  h: {{latex: '{declared}'}}\n"
    graph = _problem(RECURRENT + "  L = sumsq(h[3] - c)", SYMBOLS + spelled).spec.graph
    assert to_latex(read_formula("h[2]", graph), Names(style={"layers": layers})) == latex


STACK = """
  x: {shape: [n], role: input}
  W: {shape: [n, n], over: 3, role: parameter}
  b: {shape: [n], over: 3, role: parameter}
"""


@pytest.mark.parametrize("convention", ["column", "row", "column-transposed"])
def test_a_stack_of_layers(convention: str) -> None:
    """All gradients in one pass; in numpy() a family is one array, members along the first axis."""
    affine = {"column": "W[l] h[l-1]", "row": "h[l-1] W[l]", "column-transposed": "W[l]^T h[l-1]"}[convention]
    problem = _problem(
        f"\n  h[0] = x\n  h[l] = softplus({affine} + b[l]) for l = 1..3\n  L = sumsq(h[3])", STACK, convention
    )
    gradients = problem.gradients("L")
    assert list(gradients) == ["W[1]", "W[2]", "W[3]", "b[1]", "b[2]", "b[3]"]
    assert {gradients[name].verify().status for name in gradients} == {"holds"}
    arrays = {"x": RNG.normal(size=4), "W": RNG.normal(size=(3, 4, 4)), "b": RNG.normal(size=(3, 4))}
    found = gradients.numpy()(arrays)
    assert {name: value.shape for name, value in found.items()} == {"W": (3, 4, 4), "b": (3, 4)}
    one = problem.derive("L", "W[2]").numpy()(arrays)
    np.testing.assert_allclose(found["W"][1], one)

    def loss(given: Any) -> float:
        h = given["x"]
        for layer in range(3):
            w = given["W"][layer] if convention == "column" else given["W"][layer].T
            h = np.logaddexp(0, w @ h + given["b"][layer])
        return float(h @ h)

    moved = {**arrays, "b": arrays["b"].copy()}
    moved["b"][0, 2] += 1e-6
    np.testing.assert_allclose(found["b"][0, 2], (loss(moved) - loss(arrays)) / 1e-6, rtol=1e-4)
    assert set(problem.gradients("L", ["W"])) == {"W[1]", "W[2]", "W[3]"}


SEQUENCE = """
  x: {shape: [d], over: 3, role: input}
  y: {role: target, over: 3, classes: K}
  h0: {shape: [n], role: input}
  W: {shape: [n, n], role: parameter}
  U: {shape: [n, d], role: parameter}
  V: {shape: [K, n], role: parameter}
"""


@pytest.mark.parametrize(
    "loss",
    [
        "l[t] = -log(p[t][y[t]]) for t = 1..3\n  L = sum(l)",
        "l[t] = -log(p[t,y[t]])\n  L = sum[t](l[t])",
        "L = sum[t](cross_entropy(y[t], p[t]))",
        "L = -sum[t,k](ind(y[t] = k) * log(p[t,k]))",
    ],
)
def test_a_sequence_of_labels(loss: str) -> None:
    forward = "\n  h[0] = h0\n  h[t] = tanh(W h[t-1] + U x[t]) for t = 1..3\n  z[t] = V h[t]\n"
    problem = _problem(forward + "  p[t] = softmax(z[t])\n  " + loss, SEQUENCE)
    derivation = problem.derive("L", "V")
    assert derivation.text == "dL/dz[1] h[1]^T + dL/dz[2] h[2]^T + dL/dz[3] h[3]^T"
    assert problem.derive("L", "z[2]").text.endswith("p[2] - onehot(y[2])")
    assert derivation.verify().status == "holds"
    assert problem.derive("L", "W").verify().status == "holds"
    arrays: dict[str, Any] = {
        "x": RNG.normal(size=(3, 2)), "y": [2, 0, 1], "h0": RNG.normal(size=4),
        "W": RNG.normal(size=(4, 4)), "U": RNG.normal(size=(4, 2)), "V": RNG.normal(size=(5, 4)),
    }  # fmt: skip
    assert derivation.numpy()(arrays).shape == (5, 4)
    with pytest.raises(InputError, match="holds the label 5"):
        derivation.numpy()({**arrays, "y": [2, 0, 5]})


@pytest.mark.parametrize("by", ["W", "U", "x[1]", "h[1]"])
def test_shared_weights_at_level_index(by: str) -> None:
    """W reaches h[3] through h[2] too: dh[3]/dW stands in no line, for it would be the sum of all ways."""
    derivation = _problem(RECURRENT + "  L = sum[t](sumsq(h[t] - c))").derive("L", by, level="index")
    assert derivation.verify().status == "holds"
    local = re.compile(rf"dh\[3\]\[\w\]/d{re.escape(by)}")
    if by in "WU":
        assert not any(local.search(step.after.text) for step in derivation.steps)


def test_a_residual_sum_at_level_index() -> None:
    """x enters y directly and through h."""
    forward = "\n  h = tanh(W x)\n  y = h + x\n  L = sumsq(tanh(W y))"
    problem = _problem(forward, "\n  x: {shape: [n], role: input}\n  W: {shape: [n, n], role: parameter}\n")
    assert problem.derive("L", "x", level="index").verify().status == "holds"
    assert problem.derive("L", "W", level="index").verify().status == "holds"


def test_entries_of_members() -> None:
    """A softmax by entries for every step, and matrices as members."""
    problem = _problem(
        "\n  p[t,k] = exp(a[t,k]) / sum[j](exp(a[t,j]))\n  L = sum[t,k](p[t][k] * s[t,k,1])",
        "\n  a: {shape: [K], over: 2, role: parameter}\n  s: {shape: [K, m], over: 2, role: input}\n",
    )
    assert problem.spec.graph.tensors["p[2]"].shape == problem.spec.graph.tensors["a[2]"].shape
    assert problem.derive("L", "a[1]").verify().status == "holds"


def test_powers_of_the_step_and_conditions() -> None:
    """The number of a member counts as a number too, and a binder may have a condition."""
    problem = _problem(
        "\n  L = sum[t](g^t * sumsq(x[t])) + sum[t != 2](sum(x[t]))",
        "\n  x: {shape: [d], over: 3, role: parameter}\n  g: {role: constant}\n",
    )
    assert problem.derive("L", "x[2]").text == "2 g^2 x[2]"
    assert problem.derive("L", "x[3]").verify().status == "holds"


def test_no_influence() -> None:
    """A member that does not reach the loss has gradient 0."""
    problem = _problem(
        "\n  h[0] = h0\n  h[t] = tanh(W h[t-1] + U x[t] + b) for t = 1..3\n  L = sumsq(h[2] - c)"
    )
    assert problem.derive("L", "x[3]").text == "zeros(d)"


def test_without_declarations() -> None:
    graph, assumed = infer_program("h[0] = x; h[t] = tanh(W h[t-1] + b) for t = 1..2; L = sumsq(h[2])")
    assert assumed == "x in R^m, W in R^{m x m}, b in R^m"
    assert graph.families["h"].members == (0, 1, 2)
    assert graph.tensors["h[1]"].family == ("h", 1)


def test_values_of_a_family() -> None:
    text = (
        "symbols:\n  x: {shape: [2], over: 2, role: input}\n  y: {role: target, over: 2, classes: 3}\n"
        "  w: {shape: [3], role: parameter}\nforward: L = sum[t](sum(x[t]) * w[y[t]])\n"
    )
    spec = loads(text + "values: {x: [[1, 2], [3, 4]], y: [3, 1]}\n").spec
    assert spec.values == {"x[1]": (1, 2), "x[2]": (3, 4), "y[1]": 3, "y[2]": 1}
    with pytest.raises(InputError, match="family of 2"):
        loads(text + "values: {x: [[1, 2]]}\n")
    with pytest.raises(InputError, match="whole numbers from 1 to 3"):
        loads(text + "values: {y: [0, 1]}\n")


def test_a_question_about_a_member() -> None:
    text = f"convention: column\nsymbols:{SYMBOLS}\nforward: |{RECURRENT}  L = sumsq(h[3] - c)\n"
    problem = loads(text + "questions:\n  - {derive: 'dL/dx[2]'}\n  - {derive: 'dL/dh[1]'}\n")
    assert [question.target for question in problem.spec.questions] == ["dL/dx[2]", "dL/dh[1]"]
    answers = [problem.answer(question.id) for question in problem.spec.questions]
    assert [answer.verdict.status for answer in answers] == ["holds", "holds"]  # type: ignore[union-attr]


REFUSED = [
    ("h[0] = h0\n  h[t] = W h[t-1] + b for t = 1..N\n  L = sumsq(b)", "N is no dim", InputError),
    ("L = sumsq(x)", "x is a family of 3 arrays", InputError),
    ("L = sumsq(x[4])", "x has no member 4|has no member 4", InputError),
    ("L = sumsq(x[i])", "i does not run over numbers", InputError),
    ("h[t] = tanh(W h[t-1] + b) for t = 1..3\n  L = sumsq(h[3])", "has no member 0", InputError),
    ("h[0] = 0\n  h[t] = W h[t-1] + b for t = 1..3\n  L = sumsq(h[3])", "is a number, but", InputError),
    ("h[0] = h0\n  h[b] = W h[b-1] for b = 1..3\n  L = sumsq(h[3])", "b is a name already", InputError),
    ("h[0] = h0\n  h[t] = W h[t-1] for t = 1..3\n  h[2] = b\n  L = sumsq(h[3])", "defined twice", InputError),
    ("h[1] = W h[2]\n  h[2] = W h[1]\n  L = sumsq(h[2])", "in terms of itself", InputError),
    ("h[t] = U x[t] for t = 3..1\n  L = sumsq(h[3])", "is empty", InputError),
    ("h = W b for t = 1..3\n  L = sumsq(b)", "needs the index t on the left", InputError),
    ("h[t] = U x[t] for t = 1..900\n  L = sumsq(b)", "the limit is", InputError),
    ("L = sum(b[1][2])", "one entry and has no index", InputError),
]


@pytest.mark.parametrize(("forward", "message", "kind"), REFUSED)
def test_refusals(forward: str, message: str, kind: type[InputError]) -> None:
    with pytest.raises(kind, match=message) as caught:
        _problem("\n  " + forward)
    assert isinstance(caught.value, UnsupportedError) == (kind is UnsupportedError)
    assert caught.value.line is not None


def test_no_derivative_by_a_whole_family() -> None:
    problem = _problem(RECURRENT + "  L = sumsq(h[3] - c)")
    with pytest.raises(InputError, match="x is a family of 3 arrays") as caught:
        problem.derive("L", "x")
    assert caught.value.hint == "ask for one of them, such as x[3]"


@pytest.mark.parametrize("over", ["0", "2.5", "[1]"])
def test_over_is_a_whole_number(over: str) -> None:
    with pytest.raises(InputError, match="over of x"):
        loads(f"symbols:\n  x: {{shape: [n], over: {over}, role: input}}\nforward: L = sumsq(x[1])\n")
