"""Families over a dim: members by themselves, and recursions, whose cotangents are a recursion backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symbackprop as sbp

Arrays = dict[str, Any]

PLAIN = """
symbols:
  x: {shape: [d], over: T, role: input}
  y: {shape: [k], over: T, role: target}
  W: {shape: [m, d], role: parameter}
  V: {shape: [k, m], role: parameter}
  b: {shape: [m], role: parameter}
forward: |
  a[t] = W x[t] + b for t = 1..T
  h[t] = tanh(a[t])
  L = sum[t](sumsq(V h[t] - y[t]))/T
"""
NET = """
symbols:
  x: {shape: [d], over: T, role: input}
  y: {shape: [k], over: T, role: target}
  h0: {shape: [m], role: parameter}
  W: {shape: [m, m], role: parameter}
  U: {shape: [m, d], role: parameter}
  b: {shape: [m], role: parameter}
  V: {shape: [k, m], role: parameter}
forward: |
  h[0] = h0
  a[t] = W h[t-1] + U x[t] + b for t = 1..T
  h[t] = tanh(a[t]) for t = 1..T
  L = sum[t](sumsq(V h[t] - y[t]))/2 + sum(h[T])
"""
GATED = """
convention: row
symbols:
  x: {shape: [d], over: T, role: input}
  y: {over: T, role: target, classes: K}
  h0: {shape: [m], role: constant}
  c0: {shape: [m], role: parameter}
  Wi: {shape: [m, m], role: parameter}
  Ui: {shape: [d, m], role: parameter}
  Wg: {shape: [m, m], role: parameter}
  V: {shape: [m, K], role: parameter}
forward: |
  h[0] = h0
  c[0] = c0
  i[t] = sigmoid(h[t-1] Wi + x[t] Ui) for t = 1..T
  g[t] = tanh(h[t-1] Wg) for t = 1..T
  c[t] = (1 - i[t]) * c[t-1] + i[t]*g[t] for t = 1..T
  h[t] = i[t] * tanh(c[t]) for t = 1..T
  z[t] = h[t] V
  l[t] = cross_entropy_logits(y[t], z[t])
  L = sum[t](l[t])/T
"""
NUMBERS = """
symbols:
  s0: {role: parameter}
  w: {role: parameter}
  x: {over: T, role: input}
forward: |
  s[0] = s0
  s[t] = w*s[t-1] + x[t]^2 for t = 1..T
  L = sum[t](t*s[t]) + s[T]^2
"""


EULER = """
symbols:
  K: {role: dim}
  x0: {shape: [d], role: parameter}
  W: {shape: [d, d], role: parameter}
  t: {shape: [d], role: target}
  eta: {role: constant}
forward: |
  x[0] = x0
  x[k] = x[k-1] + eta*tanh(W x[k-1]) for k = 1..K
  L = sumsq(x[K] - t)/2
"""


def _plain(a: Arrays) -> float:
    h = np.tanh(a["x"] @ a["W"].T + a["b"])
    return float(((h @ a["V"].T - a["y"]) ** 2).sum() / len(h))


def _net(a: Arrays) -> float:
    h, total = a["h0"], 0.0
    for x, y in zip(a["x"], a["y"], strict=True):
        h = np.tanh(a["W"] @ h + a["U"] @ x + a["b"])
        total += ((a["V"] @ h - y) ** 2).sum() / 2
    return float(total + h.sum())


def _gated(a: Arrays) -> float:
    h, c, total = a["h0"], a["c0"], 0.0
    for x, y in zip(a["x"], a["y"], strict=True):
        i = 1 / (1 + np.exp(-(h @ a["Wi"] + x @ a["Ui"])))
        g = np.tanh(h @ a["Wg"])
        c = (1 - i) * c + i * g
        h = i * np.tanh(c)
        z = h @ a["V"]
        total += np.log(np.exp(z).sum()) - z[y]
    return float(total / len(a["x"]))


def _numbers(a: Arrays) -> float:
    s, total = a["s0"], 0.0
    for t, x in enumerate(a["x"], 1):
        s = a["w"] * s + x**2
        total += t * s
    return float(total + s**2)


def _euler(a: Arrays) -> float:
    x = a["x0"]
    for _ in range(a["K"]):
        x = x + a["eta"] * np.tanh(a["W"] @ x)
    return float(((x - a["t"]) ** 2).sum() / 2)


def _shaped(*shapes: tuple[str, tuple[int, ...]]) -> Arrays:
    rng = np.random.default_rng(11)
    return {name: rng.normal(size=shape) if shape else float(rng.normal()) for name, shape in shapes}


CASES: list[tuple[str, Callable[[Arrays], float], Arrays, str]] = [
    (
        PLAIN, _plain, _shaped(("x", (4, 2)), ("y", (4, 3)), ("W", (5, 2)), ("V", (3, 5)), ("b", (5,))),
        "W V b x",
    ),
    (
        NET, _net,
        _shaped(
            ("x", (4, 2)), ("y", (4, 3)), ("h0", (5,)), ("W", (5, 5)), ("U", (5, 2)), ("b", (5,)),
            ("V", (3, 5)),
        ),
        "W U b h0 V x",
    ),
    (
        EULER, _euler,
        {**_shaped(("x0", (3,)), ("W", (3, 3)), ("t", (3,))), "eta": 0.3, "K": 4},
        "W x0",
    ),
    (
        GATED, _gated,
        {
            **_shaped(
                ("x", (4, 2)), ("h0", (3,)), ("c0", (3,)), ("Wi", (3, 3)), ("Ui", (2, 3)), ("Wg", (3, 3)),
                ("V", (3, 4)),
            ),
            "y": np.array([0, 3, 1, 1]),
        },
        "Wi Ui Wg V c0",
    ),
    (NUMBERS, _numbers, _shaped(("s0", ()), ("w", ()), ("x", (5,))), "s0 w x"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "forward", "arrays", "names"), CASES, ids=["members", "net", "euler", "gated", "numbers"]
)
def test_gradients(text: str, forward: Callable[[Arrays], float], arrays: Arrays, names: str) -> None:
    """The emitted loops against differences of a loop written by hand; every line holds."""
    problem = sbp.loads(text)
    for name in names.split():
        derivation = problem.derive("L", name)
        verdict = derivation.verify()
        assert verdict.status == "holds", (name, verdict.reason)
        start = np.asarray(arrays[name])
        found = np.zeros_like(start)
        for place in np.ndindex(start.shape):
            moved = [start.copy(), start.copy()]
            moved[0][place] += 1e-5
            moved[1][place] -= 1e-5
            sides = [forward({**arrays, name: one if one.ndim else float(one)}) for one in moved]
            found[place] = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(derivation.numpy()(arrays), found, rtol=1e-5, atol=1e-7, err_msg=name)


def test_texts() -> None:
    """Backpropagation through time as it is written: a recursion of dL/da[t], then sums over t."""
    problem = sbp.loads(NET)
    texts = [problem.derive("L", name).text for name in ("W", "U", "b", "h0")]
    assert texts == [
        "sum[t](dL/da[t] h[t-1]^T)", "sum[t](dL/da[t] x[t]^T)", "sum[t](dL/da[t])", "W^T dL/da[1]",
    ]  # fmt: skip
    derivation = problem.derive("L", "W")
    slices = [f"{step.before.text} = {step.after.text}" for step in derivation.steps if step.rule == "slice"]
    assert "dL/da[t] = dL/dh[t] * (1 - h[t]^2)" in slices
    assert any("dL/da[T + 1]" in words and "counts as 0" in words for words in derivation.assumptions)
    for level in ("index", "jacobian"):
        assert problem.derive("L", "W", level=level).verify().status == "holds"


WRONG = [
    (NET.replace("  h[0] = h0\n", ""), "h[0] is not given"),
    (NET.replace("h[0] = h0", "h[1] = h0"), "h[0] is not given"),
    (NET.replace("h[0] = h0", "h[0] = y[1]"), "does not fit"),
    (NET.replace("W h[t-1]", "W h[t]"), "defined in terms of itself"),
    (NET.replace("W h[t-1]", "W h[t-2]"), "need not lie in"),
    (NET.replace("sum(h[T])", "sum(h)"), "h is a family over T"),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_one_clear_error(text: str, message: str) -> None:
    """A start that is missing, at a wrong place or of another shape; a member that needs itself."""
    with pytest.raises(sbp.InputError) as caught:
        sbp.loads(text)
    assert message in caught.value.message, caught.value.message
