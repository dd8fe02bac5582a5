"""Level ``entries``: every line holds, is read back, and agrees with the vector level.

For every operation and convention in a layer of one example and of a batch, and for random networks. The
lines of one small layer are those that a lecturer writes on the board.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symbackprop.core.arrays import Grid
from symbackprop.core.concrete import small_sizes
from symbackprop.core.graph import Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.errors import InputError
from symbackprop.ops.registry import all_operations
from symbackprop.pipeline import Problem, loads
from symbackprop.reading.formulas import read_formula
from symbackprop.reports import Answer
from symbackprop.results.context import Context
from symbackprop.results.written_out import WrittenOut, written_out
from symbackprop.testing import Probe, probes
from tests.derivation.networks import every, network
from tests.derivation.test_random_networks import Net, nets

OPERATIONS = tuple(all_operations())
UNREAD = "max["  # the binder max is printed, and not read yet
SIZES = (3, 2, 3, 2)


def _chosen(operation: Operation, convention: Convention) -> Probe:
    """Of the probes of an operation one with a layer: of a batch under row, of one example under column."""
    made = probes(operation, convention)
    layers = [probe for probe in made if "W" in probe.symbols] or list(made)
    return layers[-1 if convention is Convention.ROW else 0]


def _sizes(graph: Graph) -> dict[str, int]:
    """Distinct sizes for the first dims, as long as every extent is at least 1."""
    sizes = dict(zip(small_sizes(graph, {}), itertools.cycle(SIZES), strict=False))
    shapes = [dim for tensor in graph.tensors.values() for dim in tensor.shape]
    return sizes if all(dim.evaluate(sizes) >= 1 for dim in shapes) else small_sizes(graph, {})


def _broken(context: Context, loss: Tensor, wrt: tuple[Tensor, ...], sizes: dict[str, int]) -> Iterator[str]:
    """What does not hold of the derivatives written out, in words."""
    for by, derivation in written_out(context, loss, wrt, sizes).items():
        small = derivation._context
        steps = list(every(small.verified(derivation.derived.steps)))
        verdicts = [(f"{step.before.text} = {step.after.text}", step.verdict) for step in steps]
        graph, check = small.graph, small.verifier.check_equal
        general = small.session().derive(derivation.of, derivation.by)
        verdicts.append(("differences", check(derivation.derived.partial, derivation.derived.expr)))
        verdicts.append(("vector level", check(general.expr, derivation.derived.expr)))
        formulas = {formula.text: formula.expr for step in steps for formula in (step.before, step.after)}
        for text, expr in formulas.items():
            if UNREAD not in text:
                verdicts.append((f"read back: {text}", check(expr, read_formula(text, graph))))
        yield from (
            f"by {by.name}: {what}: {v.status} ({v.reason})" for what, v in verdicts if v.status != "holds"
        )


# A batch under row; one example under one of the column conventions, which differ in their layers alone.
CHOSEN = [
    pytest.param(operation, convention, id=f"{operation.name}-{convention.value}")
    for place, operation in enumerate(OPERATIONS)
    for convention in (Convention.ROW, (Convention.COLUMN, Convention.COLUMN_TRANSPOSED)[place % 2])
]


@pytest.mark.parametrize(("operation", "convention"), CHOSEN)
def test_entries_agree_with_the_vector_level(operation: Operation, convention: Convention) -> None:
    graph = _chosen(operation, convention).graph(convention, {operation.name: operation})
    loss = graph.equations[-1].target
    assert list(_broken(Context(graph), loss, graph.parameters, _sizes(graph))) == []


@settings(max_examples=8, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(net=nets, size=st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_random_networks(net: Net, size: list[int]) -> None:
    context = net.problem().context
    graph = context.graph
    sizes = dict(zip(small_sizes(graph, {}), size, strict=False))
    loss = graph.tensors["L"]
    assert list(_broken(context, loss, (graph.tensors["W1"], graph.tensors["X"]), sizes)) == []


# -- what stands on the page


def _written(problem: Problem, by: str, of: str = "L") -> WrittenOut:
    derivation = problem.derive(of, by, level="entries")
    assert isinstance(derivation, WrittenOut)
    return derivation


def _lines(derivation: WrittenOut) -> list[str]:
    return [f"{line.before.text} = {line.after.text}" for step in derivation.steps for line in step.lines]


LAYER = network("column", "W: m n parameter; x: n input; b: m parameter", "y = W x + b; J = J(y)")


def test_a_layer_is_written_as_on_a_board() -> None:
    lines = _lines(_written(LAYER, "W", "J"))
    assert lines[:5] == [
        "y[1] = W[1,1] x[1] + W[1,2] x[2] + b[1]",
        "y[2] = W[2,1] x[1] + W[2,2] x[2] + b[2]",
        "dJ/dW[1,1] = dJ/dy[1] dy[1]/dW[1,1] + dJ/dy[2] dy[2]/dW[1,1]",
        "dJ/dy[1] dy[1]/dW[1,1] + dJ/dy[2] dy[2]/dW[1,1] = dJ/dy[1] x[1] + dJ/dy[2] * 0",
        "dJ/dy[1] x[1] + dJ/dy[2] * 0 = dJ/dy[1] x[1]",
    ]
    grid = "[dJ/dy[1] x[1], dJ/dy[1] x[2]; dJ/dy[2] x[1], dJ/dy[2] x[2]]"
    assert lines[-2:] == [f"dJ/dW = {grid}", f"{grid} = dJ/dy x^T"]


@pytest.mark.parametrize(
    ("by", "result", "matrices"),
    [
        ("b", "[dJ/dy[1]; dJ/dy[2]]", "dJ/dy"),
        ("x", "[dJ/dy[1] W[1,1] + dJ/dy[2] W[2,1]; dJ/dy[1] W[1,2] + dJ/dy[2] W[2,2]]", "W^T dJ/dy"),
    ],
)
def test_entries_then_matrices(by: str, result: str, matrices: str) -> None:
    derivation = _written(LAYER, by, "J")
    assert derivation.text == result
    assert derivation.steps[-1].after.text == result
    assert _lines(derivation)[-1] == f"{result} = {matrices}"


def test_every_entry_of_a_result_stands_in_the_shape_of_its_variable() -> None:
    net = network(
        "row",
        "X: N d input; W: d k parameter; b: k parameter; Y: N k target one_hot",
        "Z = X W + b; P = softmax(Z); L = cross_entropy(Y, P)/N",
    )
    derivation = _written(net, "Z")
    result = derivation.derived.expr
    assert isinstance(result, Grid)
    rows = [", ".join(f"(P[{n},{k}] - Y[{n},{k}])/2" for k in (1, 2)) for n in (1, 2)]
    assert derivation.text == f"[{'; '.join(rows)}]"
    assert derivation.assumptions == ("each row of `Y` sums to 1",)
    assert derivation.verify().status == "holds"
    assert derivation.verify().evidence.sizes[0] == {"N": 2, "d": 2, "k": 2}


def test_a_derivative_keeps_its_name_where_the_matrix_would_be_too_wide() -> None:
    """dL/dW1 in dL/dU, which stands above it, and not in sums of products in every cell."""
    net = network(
        "column",
        "x: 4 input; W1: 3 4 parameter; W2: 2 3 parameter; W3: 1 2 parameter",
        "z = W1 x; h = relu(z); u = W2 h; v = W3 u; l = l(v)",
    )
    derivation = _written(net, "W1", "l")
    assert derivation.text.startswith("[dl/dz[1] x[1], dl/dz[1] x[2], dl/dz[1] x[3], dl/dz[1] x[4]; ")
    assert [tensor.name for tensor in derivation.derived.needs] == ["v", "u", "h", "z", "W1"]
    assert derivation.verify().status == "holds"


def test_the_code_works_for_all_sizes() -> None:
    net = network("column", "W: m n parameter; x: n input; t: m input", "L = sumsq(W x - t)")
    rng = np.random.default_rng(3)
    arrays = {"W": rng.normal(size=(4, 3)), "x": rng.normal(size=3), "t": rng.normal(size=4)}
    found = _written(net, "W").numpy()(arrays)
    assert found == pytest.approx(2 * (arrays["W"] @ arrays["x"] - arrays["t"])[:, None] * arrays["x"])


def test_no_influence_is_zero() -> None:
    net = network("column", "W: m m parameter; V: m m parameter; x: m input", "u = V x; L = sum(W x)")
    derivation = _written(net, "V")
    assert derivation.text in ("[0, 0; 0, 0]", "0")
    assert derivation.verify().status == "holds"


def test_fixed_sizes_that_are_too_large() -> None:
    net = network("column", "W: 20 30 parameter; x: 30 input", "L = sumsq(W x)")
    with pytest.raises(InputError, match="W would have 20 x 30 = 600 entries; at most 64 are written out"):
        net.derive("L", "W", level="entries")


def test_the_numerator_layout_turns_the_matrix() -> None:
    net = network(
        "column", "W: m n parameter; x: n input", "y = W x; J = J(y)", layout="numerator"
    )
    derivation = _written(net, "W", "J")
    assert derivation.text == "[dJ/dy[1] x[1], dJ/dy[2] x[1]; dJ/dy[1] x[2], dJ/dy[2] x[2]]"
    assert derivation.verify().status == "holds"


QUESTIONS = {
    "index": ("{derive: 'dL/dW[1,2]'}", "2 (sum[k](W[1,k] x[k]) - t[1]) x[2]"),
    "entries": ("{derive: 'dL/dW[1,2]', level: entries}", "2 (W[1,1] x[1] + W[1,2] x[2] - t[1]) x[2]"),
    "explicit": (
        "{explicit: 'dL/dW[2,1]', dims: {m: 2, n: 3}}",
        "2 (W[2,1] x[1] + W[2,2] x[2] + W[2,3] x[3] - t[2]) x[1]",
    ),
}


@pytest.mark.parametrize(("question", "expected"), QUESTIONS.values(), ids=QUESTIONS)
def test_by_one_entry_at_a_fixed_place(question: str, expected: str) -> None:
    text = (
        "convention: column\nsymbols:\n  W: {shape: [m, n], role: parameter}\n"
        "  x: {shape: [n], role: input}\n"
        f"  t: {{shape: [m], role: input}}\nforward: L = sumsq(W x - t)\nquestions:\n  - {question}\n"
    )
    answer = loads(text).answer("q1")
    assert isinstance(answer, Answer)
    assert answer.result is not None
    assert answer.result.derivation.text == expected
    assert answer.steps[-1].after.text == expected
    assert answer.verdict.status == "holds", answer.verdict.reason
    entries = [step.before.text for step in answer.steps if step.before.text.startswith("dL/dW[")]
    assert set(entries) == {question.split("'")[1]}
