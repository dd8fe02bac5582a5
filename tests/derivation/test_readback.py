"""Every line of every derivation is read back: what is printed as text is the language of formulas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.core.graph import Graph
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.pipeline import Problem
from symbackprop.reading.formulas import read_equation
from symbackprop.results.written_out import WrittenOut
from tests.derivation.networks import every
from tests.loaded import EXAMPLES, GOLDEN, loaded, params

ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "square")
NETWORK = """
convention: {convention}
level: [index, vector]
symbols:
  X: {{shape: {x}, role: input}}
  W: {{shape: {w}, role: parameter}}
  c: {{shape: [M], role: parameter}}
  V: {{shape: {v}, role: parameter}}
  Y: {{shape: {y}, role: target}}
forward: |
  U = {u}
  H = {activation}(U)
  Z = {z}
  P = softmax(Z)
  L = {loss}
"""
LOSSES = ("cross_entropy(Y, P)/N", "sse(Y, P)")


def not_read_back(problem: Problem, steps: Iterable[Step], graph: Graph | None = None) -> list[str]:
    """The lines that are not, each as it comes back; ``graph`` is the one in numbers, where there is one."""
    wrong = []
    about = graph or problem.spec.graph
    for step in steps:
        text = f"{step.before.text} = {step.after.text}"
        sides = read_equation(text, about, notation=problem.spec.partials)
        back = " = ".join(to_text(side, problem.spec.names) for side in sides)
        if back != text:
            wrong.append(f"{text}  ->  {back}")
    return wrong


@pytest.mark.parametrize("path", params([*GOLDEN, *EXAMPLES]))
def test_the_golden_files(path: Path) -> None:
    problem = loaded(path)
    for one in problem.answers():
        # Answers without a level are numbers: arrays that are written out are no formulas of the grammar.
        if getattr(one, "level", None) is not None and one.kind != "compare":
            graph = one.derivation.graph if isinstance(one.derivation, WrittenOut) else None
            assert not_read_back(problem, every(one.steps), graph) == []


@pytest.mark.parametrize("place", range(2 * len(ACTIVATIONS)))
def test_networks(place: int) -> None:
    row = (place // 2 + place) % 2 == 0
    convention = "row" if row else "column"
    text = NETWORK.format(
        convention=convention, activation=ACTIVATIONS[place // 2], loss=LOSSES[place % 2],
        x="[N, D]" if row else "[D, N]", w="[D, M]" if row else "[M, D]",
        v="[M, K]" if row else "[K, M]", y="[N, K]" if row else "[K, N]",
        u="X W + c" if row else "W X + c", z="H V" if row else "V H",
    )  # fmt: skip
    problem = sbp.loads(text)
    graph = problem.spec.graph
    session = problem.context.session()
    for level in ("index", "vector"):
        wrt = [graph.tensors[name] for name in ("W", "c", "V", "X")]
        derived = session.gradients(graph.tensors["L"], wrt, level)
        for one in derived.values():
            assert not_read_back(problem, every(one.steps)) == []
        for of, by in (("P", "Z"), ("U", "W"), ("H", "U")):
            one = session.jacobian(graph.tensors[of], graph.tensors[by], level)
            assert not_read_back(problem, every(one.steps)) == []
