"""Arrays of three and four indices: convolutions, heads of attention, batches of matrices.

Every gradient is compared with differences of a forward pass written here in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import symbackprop as sbp

Arrays = dict[str, Any]
Forward = Callable[[Arrays], float]

CONV1 = """
symbols:
  x: {shape: [C, H], role: input}
  K: {shape: [O, C, M], role: parameter}
  b: {shape: [O], role: parameter}
  y: {shape: [O, 'H-M+1']}
  t: {shape: [O, 'H-M+1'], role: target}
forward: |
  y[o,p] = sum[c, i](K[o,c,i] * x[c, p+i-1]) + b[o]
  L = sum[o,p]((y[o,p] - t[o,p])^2)
"""
CONV2 = """
index_from: 0
symbols:
  x: {shape: [C, H, V], role: input}
  K: {shape: [O, C, R, S], role: parameter}
  y: {shape: [O, 'H-R+1', 'V-S+1']}
forward: |
  y[o,p,q] = sum[c,i,j](K[o,c,i,j] * x[c, p+i, q+j])
  h[o,p,q] = tanh(y[o,p,q])
  L = sum[o,p,q](h[o,p,q]^2)/2 + sum(h[0,:,:])
"""
STRIDED = """
symbols:
  x: {shape: [C, '2*m+1'], role: input}
  K: {shape: [O, C, 3], role: parameter}
  y: {shape: [O, m]}
forward: |
  y[o,p] = sum[c, i](K[o,c,i] * x[c, 2*p+i-2])
  L = sum[o,p](exp(y[o,p]))
"""
HEADS = """
convention: row
symbols:
  Q: {shape: [h, n, d], role: input}
  K: {shape: [h, m, d], role: input}
  V: {shape: [h, m, d], role: parameter}
  G: {shape: [h, n, d], role: constant}
forward: |
  S[u,i,j] = sum[a](Q[u,i,a] * K[u,j,a])/sqrt(d)
  P[u,i,j] = exp(S[u,i,j])/sum[k](exp(S[u,i,k]))
  O[u,i,a] = sum[j](P[u,i,j] * V[u,j,a])
  L = sum[u,i,a](G[u,i,a] * O[u,i,a]^2)
"""


def _conv1(a: Arrays) -> float:
    width = a["K"].shape[2]
    spots = a["x"].shape[1] - width + 1
    y = np.array([
        [(k * a["x"][:, p : p + width]).sum() + b for p in range(spots)]
        for k, b in zip(a["K"], a["b"], strict=True)
    ])  # fmt: skip
    return float(((y - a["t"]) ** 2).sum())


def _conv2(a: Arrays) -> float:
    x, (_, _, r, s) = a["x"], a["K"].shape
    down, across = x.shape[1] - r + 1, x.shape[2] - s + 1
    y = np.array([
        [[(k * x[:, p : p + r, q : q + s]).sum() for q in range(across)] for p in range(down)]
        for k in a["K"]
    ])  # fmt: skip
    h = np.tanh(y)
    return float((h**2).sum() / 2 + h[0].sum())


def _strided(a: Arrays) -> float:
    x, spots = a["x"], (a["x"].shape[1] - 1) // 2
    y = [[(k * x[:, 2 * p : 2 * p + 3]).sum() for p in range(spots)] for k in a["K"]]
    return float(np.exp(y).sum())


def _heads(a: Arrays) -> float:
    total = 0.0
    for q, k, v, g in zip(a["Q"], a["K"], a["V"], a["G"], strict=True):
        scores = np.exp(q @ k.T / np.sqrt(q.shape[1]))
        total += float((g * ((scores / scores.sum(1, keepdims=True)) @ v) ** 2).sum())
    return total


def _arrays(shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=shape) / 2 for name, shape in shapes.items()}


CASES: list[tuple[str, Forward, dict[str, tuple[int, ...]]]] = [
    (CONV1, _conv1, {"x": (2, 6), "K": (3, 2, 4), "b": (3,), "t": (3, 3)}),
    (CONV2, _conv2, {"x": (2, 4, 5), "K": (3, 2, 2, 3)}),
    (STRIDED, _strided, {"x": (2, 9), "K": (3, 2, 3)}),
    (HEADS, _heads, {"Q": (2, 3, 4), "K": (2, 5, 4), "V": (2, 5, 4), "G": (2, 3, 4)}),
]
IDS = ["conv1", "conv2", "strided", "heads"]


def _differences(forward: Forward, arrays: Arrays, name: str) -> Any:
    found = np.zeros_like(arrays[name])
    for place in np.ndindex(found.shape):
        sides = []
        for step in (1e-5, -1e-5):
            moved = arrays[name].copy()
            moved[place] += step
            sides.append(forward({**arrays, name: moved}))
        found[place] = (sides[0] - sides[1]) / 2e-5
    return found


@pytest.mark.parametrize(("text", "forward", "shapes"), CASES, ids=IDS)
def test_gradients_are_those_of_the_forward_pass(
    text: str, forward: Forward, shapes: dict[str, tuple[int, ...]]
) -> None:
    """By every array, at levels index and vector, from the emitted code."""
    problem, arrays = sbp.loads(text), _arrays(shapes)
    names = [name for name in shapes if name not in ("t", "G")]
    for level in ("index", "vector"):
        gradients = {name: problem.derive("L", name, level=level) for name in names}
        for name, derivation in gradients.items():
            value = derivation.numpy()(arrays)
            assert value.shape == arrays[name].shape
            np.testing.assert_allclose(value, _differences(forward, arrays, name), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("text", "by"), [(CONV1, "K"), (CONV2, "K"), (HEADS, "Q")], ids=["1", "2", "heads"])
def test_every_line_holds(text: str, by: str) -> None:
    """At every level, and the result through the code and through SymPy."""
    problem = sbp.loads(text)
    for level in ("index", "vector", "jacobian"):
        verdict = problem.derive("L", by, level=level).verify()
        assert verdict.status == "holds", (level, verdict.reason)


def test_heads_are_matrices() -> None:
    """Where two axes run and one is held, the gradient is a formula of matrices."""
    derivation = sbp.loads(HEADS).derive("L", "V")
    last = derivation.steps[-1]
    assert (last.before.text, last.after.text) == ("dL/dV[p,:,:]", "2 P[p,:,:]^T (G[p,:,:] * O[p,:,:])")
    assert derivation.text == "2 sum[j](G[p,j,r] O[p,j,r] P[p,j,q])"


def test_sympy_holds_entries() -> None:
    """The expanded result goes through lambdify with arrays of three axes."""
    import sympy  # noqa: PLC0415 (slow to import)

    problem, arrays = sbp.loads(CONV1), _arrays(CASES[0][2])
    derivation = problem.derive("L", "K")
    function = sympy.lambdify(derivation.arguments, derivation.expanded(), "numpy")
    sizes = {"C": 2, "H": 6, "O": 3, "M": 4}
    given: list[Any] = [arrays.get(str(one), sizes.get(str(one))) for one in derivation.arguments]
    given = [one.reshape(-1, 1) if np.ndim(one) == 1 else one for one in given]
    np.testing.assert_allclose(function(*given), derivation.numpy()(arrays))


ENTRIES = CONV1 + "questions:\n  - {explicit: dL/dK, dims: {C: 1, H: 3, O: 2, M: 2}}\n"


def test_written_out() -> None:
    """Level entries: the matrices of the array one by one."""
    answer: Any = sbp.loads(ENTRIES).answer("q1")
    assert answer.verdict.status == "holds", answer.verdict.reason
    last = answer.steps[-1]
    assert last.before.text == "dL/dK[:,1,:]"
    assert last.after.text == (
        "[dL/dy[1,1] x[1,1] + dL/dy[1,2] x[1,2], dL/dy[1,1] x[1,2] + dL/dy[1,2] x[1,3]; "
        "dL/dy[2,1] x[1,1] + dL/dy[2,2] x[1,2], dL/dy[2,1] x[1,2] + dL/dy[2,2] x[1,3]]"
    )


@pytest.mark.parametrize("dims", ["C: 1, H: 2, O: 1, M: 1", "C: 2, H: 1, O: 1, M: 1"])
def test_extents_of_one(dims: str) -> None:
    """Axes of extent 1 carry no index, whether some or all of them are."""
    answer: Any = sbp.loads(CONV1 + f"questions:\n  - {{explicit: dL/dK, dims: {{{dims}}}}}\n").answer("q1")
    assert answer.verdict.status == "holds", answer.verdict.reason


NUMBERS = """
symbols:
  x: {shape: [C, H, V], role: input}
  K: {shape: [O, C, R, S], role: parameter}
  y: {shape: [O, 'H-R+1', 'V-S+1']}
forward: |
  y[o,p,q] = sum[c,i,j](K[o,c,i,j] * x[c, p+i-1, q+j-1])
  L = sum[o,p,q](y[o,p,q]^2)/2
questions:
  - {evaluate: [y, L]}
  - {gradient: K}
  - {update: {step: 0.5, of: [K]}, then: [K]}
values:
  x: [[[1, 2, 3], [4, 5, 6]]]
  K: [[[[1, 2], [0, 1]]], [[[-1, 1/2], [1, 0]]]]
"""


def test_numbers() -> None:
    """Values, gradients and a step as nested lists, in whole numbers."""
    problem = sbp.loads(NUMBERS)
    answers: Any = [problem.answer(f"q{place}") for place in (1, 2, 3)]
    assert [answer.verdict.status for answer in answers] == ["holds"] * 3
    assert answers[0].numbers["y"].exact == [[["10", "14"]], [["4", "9/2"]]]
    assert answers[1].numbers["K"].exact == [
        [[["38", "62"], ["110", "134"]]],
        [[["13", "43/2"], ["77/2", "47"]]],
    ]
    assert answers[2].numbers["K"].exact[0] == [[["-18", "-29"], ["-55", "-66"]]]


WRONG = [
    ("z = K", "K has 3 indices (O x C x M) and stands only entry by entry"),
    ("z = sum(K)", "stands only entry by entry"),
    ("z = sum(K[:,:,:])", "leaves 3 indices"),
    ("z[o] = sum[c](K[o,c])", "K has 3 indices, K[o,c] gives 2"),
    ("z[o,p] = sum[c, i](K[o,c,i] * x[c, p+i-1])", "range of p is not known"),
]


@pytest.mark.parametrize(("line", "message"), WRONG)
def test_wrong_use_is_one_clear_error(line: str, message: str) -> None:
    """An array of three indices as a whole, or with too few of them."""
    text = f"""
symbols:
  x: {{shape: [C, H], role: input}}
  K: {{shape: [O, C, M], role: parameter}}
forward: '{line}'
"""
    with pytest.raises(sbp.InputError) as caught:
        sbp.loads(text)
    assert message in caught.value.message
