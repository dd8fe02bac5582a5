"""What the printer writes for the derivations of the examples is read back: every line of every step."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from symbackprop.core.expr import Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Tensor
from symbackprop.notation.latex import to_latex
from symbackprop.notation.steps import Step
from symbackprop.problem_file import ProblemSpec, load_spec
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.latex_forward import read_latex_equation, read_latex_forward
from symbackprop.results.context import Context

# Ordinary forward passes; every other kind of line is read by the reader of works (tests/reading/works).
_NAMES = "logits_column_batch one_example_tanh ridge_regression transposed_weights two_layer_perceptron"
EXAMPLES = [Path(__file__).parents[2] / "examples" / f"{name}.yaml" for name in _NAMES.split()]


@cache
def _context(path: Path) -> tuple[ProblemSpec, Context]:
    spec = load_spec(path)
    return spec, Context(spec.graph, spec.names)


def _every(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _every(step.substeps)


def _loss(spec: ProblemSpec) -> Tensor | None:
    return next((e.target for e in reversed(spec.graph.equations) if e.target.is_scalar), None)


@pytest.mark.parametrize("via", ["log", "jacobian"])
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_step_is_read_back(path: Path, via: str) -> None:
    """``before = after`` as printed, read, and printed again is the same LaTeX."""
    spec, context = _context(path)
    loss = _loss(spec)
    if loss is None:
        pytest.skip("no scalar is defined: the questions ask for Jacobians")
    printed = {
        f"{step.before.latex} = {step.after.latex}"
        for by in (*spec.graph.parameters, *(e.target for e in spec.graph.equations if e.target is not loss))
        for step in _every(context.session(via).derive(loss, by).steps)
    }
    assert len(printed) > 3
    again = {
        " = ".join(
            str(to_latex(side, context.names))
            for side in read_latex_equation(line, spec.graph, context.names)
        )
        for line in printed
    }
    assert again == printed


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_printed_forward_pass_is_read_back(path: Path) -> None:
    """The equations as they stand on the page define names that are spelled alike, by the same formulas."""
    spec, context = _context(path)
    printed = _equations(spec.graph, context)
    symbols = {tensor.name: tensor for tensor in spec.graph.symbols}
    text = r" \\ ".join(f"{left} = {right}" for left, right in printed)
    again = read_latex_forward(text, _declared(spec, symbols))
    assert [tuple(map(_tight, sides)) for sides in _equations(again, context)] == [
        tuple(map(_tight, sides)) for sides in printed
    ]


def _equations(graph: Graph, context: Context) -> list[tuple[str, str]]:
    """Both sides of every equation that has a formula; of an entry equation the entry."""
    found = []
    for equation in graph.equations:
        if equation.expr is not None:
            slots = tuple(IndexValue(((index, 1),)) for index in equation.indices)
            left = Element(Leaf(equation.target), slots) if slots else Leaf(equation.target)
            found.append((str(to_latex(left, context.names)), str(to_latex(equation.expr, context.names))))
    return found


def _tight(latex: str) -> str:
    return latex.replace(r"\,", "").replace(" ", "")


def _declared(spec: ProblemSpec, symbols: dict[str, Tensor]) -> Declarations:
    declared = {
        name: Declared(name, tensor.shape, tensor.role, tensor.latex, tensor.aliases, tensor.facts)
        for name, tensor in symbols.items()
    }
    return Declarations(declared, spec.graph.dims, {}, spec.graph.convention)
