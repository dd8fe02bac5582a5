"""``outside: zero``: an entry outside its range counts as 0, in the forward pass and in what is derived."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symbackprop as sbp

PADDED = """
outside: zero
symbols:
  x: {shape: [n], role: input}
  w: {shape: [3], role: parameter}
  y: {shape: [n]}
forward: |
  y[p] = sum[i](w[i]*x[p+i-2])
  d[p] = tanh(y[p] - y[p-1]) for p = 1..n
  L = sum[p](d[p]^2) + x[n+1] + y[0]
questions:
  - {derive: dL/dx, level: [index, vector]}
  - {explicit: dL/dx, dims: {n: 3}}
  - {show: 'dL/dx[q] = sum[i](w[i]*dL/dy[q-i+2])'}
  - {gradient: [x, w]}
values: {x: [1, 2, 3], w: [1, -1, 2]}
"""
PLANE = """
outside: zero
symbols:
  x: {shape: [C, H, V], role: input}
  K: {shape: [O, C, 3, 3], role: parameter}
  y: {shape: [O, H, V]}
forward: |
  y[o,p,q] = sum[c,i,j](K[o,c,i,j] * x[c, p+i-2, q+j-2])
  L = sum[o,p,q](sin(y[o,p,q]))
"""


def _padded(a: dict[str, Any]) -> float:
    y = np.correlate(a["x"], a["w"], mode="same")
    return float((np.tanh(y - np.concatenate([[0.0], y[:-1]])) ** 2).sum())


def _plane(a: dict[str, Any]) -> float:
    x = np.pad(a["x"], ((0, 0), (1, 1), (1, 1)))
    down, across = a["x"].shape[1:]
    return float(
        sum(
            np.sin((k * x[:, p : p + 3, q : q + 3]).sum())
            for k in a["K"]
            for p in range(down)
            for q in range(across)
        )
    )


@pytest.mark.parametrize(
    ("text", "forward", "shapes"),
    [(PADDED, _padded, {"x": (6,), "w": (3,)}), (PLANE, _plane, {"x": (2, 4, 3), "K": (2, 2, 3, 3)})],
    ids=["line", "plane"],
)
def test_gradients(text: str, forward: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """The emitted code against differences of a forward pass that pads; every line holds."""
    rng = np.random.default_rng(3)
    arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    problem = sbp.loads(text)
    for name, start in arrays.items():
        derivation = problem.derive("L", name)
        verdict = derivation.verify()
        assert verdict.status == "holds", verdict.reason
        assert "an entry outside its range counts as 0" in derivation.assumptions
        found = np.zeros_like(start)
        for place in np.ndindex(start.shape):
            moved = [start.copy(), start.copy()]
            moved[0][place] += 1e-5
            moved[1][place] -= 1e-5
            sides = [forward({**arrays, name: one}) for one in moved]
            found[place] = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(derivation.numpy()(arrays), found, rtol=1e-5, atol=1e-7)


def test_text_is_that_of_a_board() -> None:
    """No indicators: the flipped kernel, and the shifted input."""
    problem = sbp.loads(PADDED)
    texts = [problem.derive("L", name, level="index").text for name in ("x", "w")]
    assert texts == ["sum[i](dL/dy[p-i+2] w[i])", "sum[i](dL/dy[i] x[i+p-2])"]
    answers = [problem.answer(f"q{place}") for place in (2, 3, 4)]
    assert [answer.verdict.status for answer in answers] == ["holds"] * 3
    assert answers[0].result.text.startswith("[dL/dy[2] w[1] + dL/dy[1] w[2]; ")


def test_without_the_key_it_is_an_error() -> None:
    """A position that need not exist is refused as before."""
    with pytest.raises(sbp.InputError, match="need not lie in"):
        sbp.loads(PADDED.replace("outside: zero\n", ""))
