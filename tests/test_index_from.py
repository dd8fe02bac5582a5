"""``index_from: 0``: the same network counted from 0 and from 1 has the same derivation, code and numbers."""

from __future__ import annotations

import numpy as np
import pytest

import symbackprop as sbp
from symbackprop.core.tensors import Tensor
from symbackprop.notation.text import to_text
from symbackprop.problem_file import loads_spec
from symbackprop.reading.formulas import read_equation
from symbackprop.results.context import Context

SOFTMAX = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, K], role: parameter}
  b: {shape: [K], role: parameter}
  y: {shape: [N], role: target, classes: K}
"""
CHAIN = """
convention: column
symbols:
  z: {shape: [n], role: input}
  w: {shape: [n], role: parameter}
  A: {shape: [n, n], role: parameter}
"""
PAIRS = [  # declarations, the forward pass counted from 1, and from 0
    (
        SOFTMAX,
        "Z = X W + b\nP[n,k] = exp(Z[n,k])/sum[j](exp(Z[n,j]))\nL = -mean[n](log(P[n,y[n]]))",
        "Z = X W + b\nP[n,k] = exp(Z[n,k])/sum[j](exp(Z[n,j]))\nL = -mean[n](log(P[n,y[n]]))",
    ),
    (
        SOFTMAX,
        "Z = X W + b\nL = sum[k = 2..K](b[k] b[k-1]) + b[1] + sum[n, k](Z[n,k]*ind(y[n] = 2)*ind(k = 1))",
        "Z = X W + b\nL = sum[k = 1..K-1](b[k] b[k-1]) + b[0] + sum[n, k](Z[n,k]*ind(y[n] = 1)*ind(k = 0))",
    ),
    (
        CHAIN,
        "L = sum[i, j < i](A[i,j] z[j] w[i]) + sum[k != 1](w[k]^2) + sum[k](k*w[k])",
        "L = sum[i, j < i](A[i,j] z[j] w[i]) + sum[k != 0](w[k]^2) + sum[k]((k + 1)*w[k])",
    ),
    (
        CHAIN,
        "u = z[1..n]\nL = sum[i, j](A[i,j]*ind(i = j+1)*w[j]) + sum[i](w[i]*ind(i < n)) + u^T w",
        "u = z[0..n-1]\nL = sum[i, j](A[i,j]*ind(i = j+1)*w[j]) + sum[i](w[i]*ind(i < n-1)) + u^T w",
    ),
    (
        CHAIN,
        "v[i] = sum[j = 1..i](A[i,j] w[j])\nL = sum[i](v[i]^2) + sum[i](ind(z[i] > i)*w[i])",
        "v[i] = sum[j = 0..i](A[i,j] w[j])\nL = sum[i](v[i]^2) + sum[i](ind(z[i] > i + 1)*w[i])",
    ),
]  # fmt: skip


def _spec(declared: str, forward: str, first: int) -> str:
    lines = "\n".join(f"  {line}" for line in forward.split("\n"))
    return f"{declared}index_from: {first}\nforward: |\n{lines}\n"


def _size(tensor: Tensor, sizes: dict[str, int]) -> list[int]:
    return [dim.evaluate(sizes) for dim in tensor.shape]


@pytest.mark.parametrize("level", ["index", "vector"])
@pytest.mark.parametrize("pair", PAIRS, ids=range(len(PAIRS)))
def test_both_bases_agree(pair: tuple[str, str, str], level: str) -> None:
    """Rules, reasons, verdicts, and what the emitted code computes."""
    declared, *forwards = pair
    one, zero = (
        sbp.loads(_spec(declared, forward, first)) for first, forward in zip((1, 0), forwards, strict=True)
    )
    for name in ("W", "b", "w", "A"):
        if name not in one.spec.graph.tensors:
            continue
        left, right = (problem.derive("L", name, level=level) for problem in (one, zero))
        assert [(s.rule, s.because, s.verdict.status) for s in left.steps] == [
            (s.rule, s.because, s.verdict.status) for s in right.steps
        ]
        assert left.verify().status == right.verify().status == "holds"
        rng = np.random.default_rng(1)
        sizes = {"N": 4, "D": 3, "K": 3, "n": 4}
        values = {
            t.name: rng.integers(0, 3, 4) if t.is_label else rng.normal(size=_size(t, sizes))
            for t in one.spec.graph.symbols
        }
        np.testing.assert_array_equal(left.numpy()(values), right.numpy()(values))


@pytest.mark.parametrize("via", ["log", "jacobian"])
@pytest.mark.parametrize("pair", [*PAIRS[:3], *PAIRS[4:]], ids=range(len(PAIRS) - 1))
def test_printed_lines_are_read_back(pair: tuple[str, str, str], via: str) -> None:
    """Plain text: a line that was printed, read and printed again is the same text."""
    spec = loads_spec(_spec(pair[0], pair[2], 0))
    context = Context(spec.graph, spec.names)
    loss = spec.graph.tensors["L"]
    for by in spec.graph.parameters:
        for step in context.session(via).derive(loss, by).steps:
            text = f"{step.before.text} = {step.after.text}"
            sides = read_equation(text, spec.graph, notation=spec.partials)
            assert " = ".join(to_text(side, context.names) for side in sides) == text


def test_print() -> None:
    """Positions, ends of sums and labels are counted from 0, in text and in LaTeX."""
    problem = sbp.loads(_spec(CHAIN, "L = sum[k = 1..n-1](w[k] w[k-1]) + w[0]", 0))
    found = problem.derive("L", "w")
    assert found.text == "stack(0, w[0..n-2]) + stack(w[1..n-1], 0) + eye(n)[:,0]"
    assert "0:n-2" in found.latex.replace(" ", "")
    labels = sbp.loads(_spec(SOFTMAX, PAIRS[0][2], 0))
    assert r"0, \ldots, K-1" in labels.render("key")


def test_works_count_as_the_file_does() -> None:
    """Fixed places, ends of sums, and a condition with an index."""
    declared = CHAIN.replace("w: {shape: [n]", "w: {shape: ['n + 2']")
    problem = sbp.loads(_spec(declared, "L = sum[k = 1..n+1](w[k] w[k-1]) + w[0]", 0))
    lines = [
        (r"\frac{\partial L}{\partial w_0} = w_1 + 1", "correct"),
        (r"L = \sum_{k=1}^{n+1} w_k w_{k-1} + w_0", "correct"),
        (r"L = \sum_{k=0}^{n} w_k w_{k+1} + \sum_i [i = 0] w_i", "correct"),
        (r"\frac{\partial L}{\partial w_1} = w_0 + w_2", "correct"),
        (r"\frac{\partial L}{\partial w_1} = w_1 + w_2", "wrong"),
    ]
    for line, verdict in lines:
        report = sbp.check(problem, f"${line}$")
        assert [finding.verdict for finding in report.findings] == [verdict], line


@pytest.mark.parametrize(
    ("forward", "values", "message"),
    [
        ("L = w[n]", "", "the position n is outside 0..n - 1"),
        ("L = sum[k](w[k] w[k+1])", "", "run over 1..n, which need not lie in 0..n - 1"),
    ],
)
def test_errors_count_as_the_file_does(forward: str, values: str, message: str) -> None:
    with pytest.raises(sbp.InputError) as caught:
        loads_spec(_spec(CHAIN, forward, 0) + values)
    assert message in caught.value.message


def test_labels_are_counted_from_zero_in_values() -> None:
    text = _spec(SOFTMAX, PAIRS[0][2], 0)
    given = "values: {X: [[1, 0]], W: [[1, 2], [3, 4]], b: [0, 0], y: [%d]}\n"
    assert loads_spec(text + given % 1).values["y"] == (2,)
    with pytest.raises(sbp.InputError, match="labels are whole numbers from 0 to K - 1"):
        loads_spec(text + given % 2)
