"""What the printer writes, the reader of works reads back to an equal object: every line of every answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import symbackprop as sbp
from symbackprop.core.expr import Call, Expr
from symbackprop.notation.latex import to_latex
from symbackprop.notation.steps import Step
from symbackprop.problem_file import ProblemSpec
from symbackprop.problems import Problem
from symbackprop.reading.works.reader import WorkScope, read_work
from tests.loaded import EXAMPLES, GOLDEN, loaded, params
from tests.reading.works.equality import same

ROOT = Path(__file__).parents[3]


# Read on its own, nothing in it says how far j runs: the line before it does.
ALONE = {r"\frac{1}{N} \sum_{j} [j = p] = \frac{1}{N}"}


def every(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from every(step.substeps)


def abbreviated(step: Step) -> bool:
    """Whether a line does not print all that it is: a large matrix with dots, a loss as its definition."""
    parts = [part for side in (step.before.expr, step.after.expr) for part in side.walk()]
    losses = any(isinstance(part, Call) and part.op.kind == "loss" for part in parts)
    return losses or r"\cdots" in step.before.latex + step.after.latex


def reprinted(sides: tuple[Expr, Expr], step: Step) -> tuple[str, ...]:
    """Both sides printed again: equal print of a typed expression is equal value."""
    return tuple(str(to_latex(side, step.after.names)) for side in sides)


def unread_lines(spec: ProblemSpec, steps: tuple[Step, ...]) -> list[str]:
    """The lines ``before = after`` that are not read back, with what they were read as."""
    found = []
    seen: set[str] = set()
    for step in every(steps):
        line = f"{step.before.latex} = {step.after.latex}"
        if line in seen or abbreviated(step):
            continue
        seen.add(line)
        scope = WorkScope(spec.graph, spec.notation, step.after.names, spec.layout)
        claims = read_work(line, scope, "formula").claims
        wanted = (step.before.expr, step.after.expr)
        readings = [
            (left.expr, right.expr)
            for left in (claims[0].left.readings if claims else ())
            for right in (claims[-1].right.readings if claims else ())
        ]
        printed = (step.before.latex, step.after.latex)
        if not any(same(one, wanted) or reprinted(one, step) == printed for one in readings):
            found.append(line)
    return found


@pytest.mark.parametrize("path", params([*GOLDEN, *EXAMPLES]))
def test_every_line_of_every_answer_is_read_back(path: Path) -> None:
    problem = loaded(path)
    steps = tuple(step for answer in problem.answers() for step in getattr(answer, "steps", ()))
    left = [line for line in unread_lines(problem.spec, steps) if line not in ALONE]
    assert left == []


NETWORKS = {
    "row": "U = X W1 + b1; H = tanh(U); Z = H W2 + b2; L = sumsq(Z - T)/N",
    "column": "u = W1 x + b1; h = tanh(u); z = W2 h + b2; L = sumsq(z - t)",
    "column-transposed": "u = W1^T x + b1; h = sigmoid(u); z = W2^T h + b2; L = cross_entropy(t, softmax(z))",
}
SHAPES = {
    "row": {"X": "N, D", "W1": "D, M", "b1": "M", "W2": "M, K", "b2": "K", "T": "N, K"},
    "column": {"x": "D", "W1": "M, D", "b1": "M", "W2": "K, M", "b2": "K", "t": "K"},
    "column-transposed": {"x": "D", "W1": "D, M", "b1": "M", "W2": "M, K", "b2": "K", "t": "K"},
}
STYLES = [
    "{}",
    "{layers: superscript}",
    "{layers: paren, transpose: top}",
    "{layers: bracket, gradient: nabla}",
    "{index: bracket, bold: all}",
    "{bold: vectors, transpose: T}",
]


def network(convention: str, style: str, level: str, layout: str) -> Problem:
    roles = {"X": "input", "x": "input", "T": "target", "t": "target"}
    symbols = "\n".join(
        f"  {name}: {{shape: [{shape}], role: {roles.get(name, 'parameter')}}}"
        for name, shape in SHAPES[convention].items()
    )
    forward = NETWORKS[convention].replace("; ", "\n  ")
    wanted = "\n".join(f"  - {{derive: dL/d{name}}}" for name in SHAPES[convention] if name.lower() != "t")
    return sbp.loads(
        f"title: t\nconvention: {convention}\nlayout: {layout}\nlevel: {level}\nstyle: {style}\n"
        f"symbols:\n{symbols}\nforward: |\n  {forward}\nquestions:\n{wanted}\n"
    )


LEVELS = ("vector", "index", "jacobian")
# Every pair of level and style, of style and convention, and of level and convention.
PAIRWISE = [
    (convention, level, style)
    for (a, convention), (b, level), (c, style) in product(
        enumerate(NETWORKS), enumerate(LEVELS), enumerate(STYLES)
    )
    if (a + b + c) % len(LEVELS) == 0
]


@pytest.mark.parametrize(("convention", "level", "style"), PAIRWISE)
def test_levels_conventions_and_styles_are_read_back(convention: str, level: str, style: str) -> None:
    problem = network(convention, style, level, "gradient")
    steps = tuple(step for answer in problem.answers() for step in getattr(answer, "steps", ()))
    assert steps
    assert unread_lines(problem.spec, steps) == []


@pytest.mark.parametrize("layout", ["numerator", "denominator"])
@pytest.mark.parametrize("convention", NETWORKS)
def test_layouts_are_read_back(convention: str, layout: str) -> None:
    problem = network(convention, "{}", "vector", layout)
    steps = tuple(step for answer in problem.answers() for step in getattr(answer, "steps", ()))
    assert unread_lines(problem.spec, steps) == []
