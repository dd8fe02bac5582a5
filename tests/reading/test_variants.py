"""What --seed changes: sizes, numbers, functions, letters; the same seed gives the same problem."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

import symbackprop as sbp
from symbackprop.errors import InputError

BASE = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  Y: {shape: [N, K], role: target, one_hot: true}
  S: {shape: [D, D], role: parameter, posdef: true}
  W: {shape: [D, K], role: parameter}
  y: {shape: [N], role: target, classes: K}
forward: |
  H = relu(X S)
  P = softmax(H W)
  L = cross_entropy(Y, P)/N + log(P[1, y[1]])
questions:
  - {explicit: dL/dW, dims: {N: 1, D: 2, K: 2}, text: 'Write $X$ out.'}
  - {evaluate: [H, L], digits: 2}
values:
  X: [[1, 2.5], [-1, 0]]
  Y: [[0, 1], [1, 0]]
  S: [[2, 1], [1, 3]]
  W: [[3, 6], [4, 5]]
  y: [2, 1]
"""


def problem(variants: str, seed: int | None) -> Any:
    return sbp.loads(f"{BASE}variants: {variants}\n", seed=seed)


def test_without_a_seed_the_file_stands_as_it_is() -> None:
    plain = problem("{values: random, rename: true, activations: {relu: [tanh]}}", None)
    assert plain.spec.forward == sbp.loads(BASE).spec.forward
    assert plain.spec.values == sbp.loads(BASE).spec.values


def test_one_seed_gives_one_problem_and_others_differ() -> None:
    text = "{values: random, rename: true, activations: {relu: [tanh, sigmoid, silu]}, dims: {N: [2, 3, 4]}}"
    found = {repr((problem(text, seed).spec.forward, problem(text, seed).spec.values)) for seed in range(6)}
    assert len(found) == 6
    first, second = (problem(text, 3) for _ in range(2))
    assert first.render() == second.render()


def test_functions_are_chosen_from_the_list() -> None:
    found = {problem("{activations: {relu: [tanh, sigmoid]}}", seed).spec.forward for seed in range(12)}
    assert len(found) == 2
    assert all("relu" not in text for text in found)


@pytest.mark.parametrize("seed", range(5))
def test_values_obey_what_is_declared(seed: int) -> None:
    spec = problem("{values: random, dims: {N: [3], K: [4]}}", seed).spec
    X, Y, S, labels = (spec.values[name] for name in ("X", "Y", "S", "y"))
    assert len(X) == 3
    assert all(sorted(row) == [0, 0, 0, 1] for row in Y)
    assert S[0][1] == S[1][0]
    assert S[0][0] * S[1][1] > S[0][1] ** 2
    assert all(label in range(1, 5) for label in labels)
    assert all(10 * number == int(10 * number) for row in X for number in row)
    assert isinstance(X[0][0], Fraction)


def test_every_answer_of_a_variant_holds() -> None:
    text = "{values: random, rename: true, activations: {relu: [tanh]}, dims: {N: [2], K: [3]}}"
    for answer in problem(text, 5).answers():
        assert answer.verdict.status == "holds"


def test_names_that_stand_in_words_are_kept() -> None:
    for seed in range(8):
        assert "X" in problem("{rename: true}", seed).spec.graph.tensors
    assert any("W" not in problem("{rename: true}", seed).spec.graph.tensors for seed in range(8))


def test_explicit_dims_change() -> None:
    body = problem("{dims: {D: [3]}}", 1).questions[0].body
    assert body.sizes["D"] == 3


@pytest.mark.parametrize("variants", [
    "{dims: {D: [0]}}", "{activations: {relu: [softmax]}}", "{activations: {rellu: [tanh]}}",
    "{rename: maybe}", "{letters: true}", "{values: some}",
])  # fmt: skip
def test_a_variant_that_makes_no_sense(variants: str) -> None:
    with pytest.raises(InputError) as caught:
        problem(variants, 1)
    assert caught.value.code == "schema"
    assert caught.value.line is not None
