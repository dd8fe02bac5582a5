"""Level ``jacobian``: chains of local Jacobians, in every convention and layout, equal to level ``vector``.

The networks are those of the harness (each operation alone, in a layer of one example and of a batch), and
random ones. Every line is replayed by numbers and read back by the grammar.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symbackprop.core.arrays import Jacobian
from symbackprop.core.indexed import Comprehension
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention
from symbackprop.notation.steps import Step
from symbackprop.ops.registry import all_operations
from symbackprop.pipeline import Derivation, Problem
from symbackprop.reading.formulas import read_equation
from symbackprop.reading.keys import LAYOUTS, ROADS
from symbackprop.results.context import Context
from symbackprop.testing import Probe, probes
from symbackprop.verification.free import free_indices
from tests.derivation.networks import every, network
from tests.derivation.test_random_networks import Net, nets

OWN_RULES = {"chain-rule", "insert", "collapse", "stack", "slice", "spell", "derivative", "entries"}


def _own_probes(operation: Operation, convention: Convention) -> tuple[Probe, ...]:
    """Of the column conventions, the second has only the layers to itself."""
    made = probes(operation, convention)
    known = probes(operation, Convention.COLUMN) if convention is Convention.COLUMN_TRANSPOSED else ()
    return tuple(probe for probe in made if probe not in known)


def _broken(context: Context) -> list[str]:
    """What does not hold of the gradients by all parameters, in words."""
    loss, parameters = context.graph.equations[-1].target, context.graph.parameters
    found: list[str] = []
    at_vector = context.session().gradients(loss, parameters)
    for by, derived in context.session().gradients(loss, parameters, level="jacobian").items():
        own = tuple(step for step in derived.steps if step.rule in OWN_RULES)
        for step in context.verified(own):
            if step.verdict.status != "holds":
                line = f"{step.before.text} = {step.after.text}"
                found.append(f"by {by.name}: {line}: {step.verdict.status} ({step.verdict.reason})")
        same = derived.expr == at_vector[by].expr or isinstance(derived.expr, Comprehension)
        if not same:
            found.append(f"by {by.name}: another result than at level vector")
    return found


@pytest.mark.parametrize(
    ("operation", "convention"),
    [
        pytest.param(operation, convention, id=f"{operation.name}-{convention.value}")
        for operation, convention in itertools.product(all_operations(), Convention)
        if _own_probes(operation, convention)
    ],
)
def test_every_operation_agrees_with_level_vector(operation: Operation, convention: Convention) -> None:
    broken = {
        probe.forward: found
        for probe in _own_probes(operation, convention)
        if (found := _broken(Context(probe.graph(convention, {operation.name: operation}))))
    }
    assert broken == {}


def unread(problem: Problem, steps: tuple[Step, ...]) -> list[str]:
    """The lines that are not read back as what they print: the same shapes, true, the same text."""
    found: list[str] = []
    graph, names = problem.spec.graph, problem.context.names
    for step in every(steps):
        text = f"{step.before.text} = {step.after.text}"
        indices = {i.letter: i for side in (step.before, step.after) for i in free_indices(side.expr)}
        sides = read_equation(text, graph, notation=problem.spec.partials, indices=indices)
        shapes = [side.shape for side in sides] == [step.before.expr.shape, step.after.expr.shape]
        again = " = ".join(type(step.before)(side, names).text for side in sides)
        if not shapes or again != text or problem.context.verifier.check_equal(*sides).status != "holds":
            found.append(text)
    return found


@settings(max_examples=8, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(net=nets, layout=st.sampled_from(LAYOUTS), via=st.sampled_from(ROADS), choice=st.integers(0, 99))
def test_random_networks_in_every_layout(net: Net, layout: str, via: str, choice: int) -> None:
    problem = net.problem(layout)
    wrt = ["X", *(tensor.name for tensor in problem.spec.graph.parameters)]
    derivation = problem.derive("L", wrt[choice % len(wrt)], level="jacobian", via=via)
    verdict = derivation.verify()
    if verdict.status == "not-checked":  # exp of something large
        assert "finite" in (verdict.reason or "")
        return
    assert verdict.status == "holds", verdict
    assert derivation.text == problem.derive("L", derivation.by.name, via=via).text
    assert unread(problem, derivation.steps) == []


SYMBOLS = "x: d input; W: m d parameter; c: m parameter; V: k m parameter; t: k target one_hot"
FORWARD = "u = W x + c; h = relu(u); z = V h; p = softmax(z); L = cross_entropy(t, p)"
BATCH = "X: N d input; W: d m parameter; c: m parameter; V: m k parameter; Y: N k target one_hot"
BATCHED = "U = X W + c; H = relu(U); Z = H V; P = softmax(Z); L = cross_entropy(Y, P)/N"


def _lines(derivation: Derivation) -> dict[str, list[str]]:
    """rule -> right sides of the last quantity."""
    found: dict[str, list[str]] = {}
    for step in derivation.steps:
        if step.quantity == derivation.partial:
            found.setdefault(step.rule, []).append(step.after.text)
    return found


@pytest.mark.parametrize(
    ("layout", "chain", "put_in"),
    [
        ("gradient", "(dh/du)^T dL/dh", "diag(relu'(u)) dL/dh"),
        ("denominator", "dh/du dL/dh", "diag(relu'(u)) dL/dh"),
        ("numerator", "dL/dh dh/du", "dL/dh diag(relu'(u))"),
    ],
)
def test_the_chain_of_a_column(layout: str, chain: str, put_in: str) -> None:
    derivation = network("column", SYMBOLS, FORWARD, layout=layout).derive("L", "u", level="jacobian")
    lines = _lines(derivation)
    assert lines["chain-rule"] == [chain]
    assert lines["insert"][0] == put_in
    assert len(lines["collapse"]) == 1
    assert "*" in lines["collapse"][0]


@pytest.mark.parametrize(
    ("layout", "chain"),
    [
        ("gradient", "dL/dH[n,:] dH[n,:]/dU[n,:]"),
        ("denominator", "dL/dH[n,:] (dH[n,:]/dU[n,:])^T"),
        ("numerator", "dL/dH[n,:] dH[n,:]/dU[n,:]"),
    ],
)
def test_a_batch_goes_row_by_row(layout: str, chain: str) -> None:
    derivation = network("row", BATCH, BATCHED, layout=layout).derive("L", "U", level="jacobian")
    lines = _lines(derivation)
    assert lines["chain-rule"] == [chain]
    assert len(lines["stack"]) == 1
    stacked = next(step for step in derivation.steps if step.rule == "stack")
    assert "every row `n`" in stacked.because


NORMED = "X: N d input; W: d m parameter; g: m parameter"
NORMALISED = "Z = X W; r = sqrt(rowmean(Z^2)); Y = g * (Z / r); L = sumsq(Y)"
TURNED = "X: d N input; W: m d parameter; g: m parameter"
TURNED_LINES = "Z = W X; r = sqrt(colmean(Z^2)); Y = g * (Z / r); L = sumsq(Y)"
GENERALISED = "X: N d input; w: d 1 parameter; b: parameter"
GENERALISED_LINES = "u = X w + b; p = sigmoid(u); L = sumsq(p)"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("convention", "symbols", "forward", "by", "chain"),
    [
        ("row", NORMED, NORMALISED, "r", "dL/dY[n,:] (dY[n,:]/dr[n,1])^T"),
        ("column", TURNED, TURNED_LINES, "r", "(dY[:,n]/dr[1,n])^T dL/dY[:,n]"),
        ("row", GENERALISED, GENERALISED_LINES, "w", "(du/dw)^T dL/du"),
        ("row", GENERALISED, GENERALISED_LINES, "b", "(du/db)^T dL/du"),
    ],
)
def test_arrays_of_one_line(
    convention: str, symbols: str, forward: str, by: str, chain: str, layout: str
) -> None:
    """A number for each example; vectors that lie against the convention."""
    derivation = network(convention, symbols, forward, layout=layout).derive("L", by, level="jacobian")
    assert derivation.verify().status == "holds"
    if layout == "gradient":
        assert _lines(derivation)["chain-rule"] == [chain]


def test_weights_go_through_slices() -> None:
    lines = _lines(network("column", SYMBOLS, FORWARD).derive("L", "W", level="jacobian"))
    assert lines["chain-rule"] == ["sum[m](dL/du[m] du[m]/dW)"] or lines["chain-rule"][0].startswith("sum[")
    assert lines["collapse"] == ["dL/du x^T"]


def test_the_jacobian_of_the_softmax_on_the_jacobian_road() -> None:
    derivation = network("column", SYMBOLS, FORWARD).derive("L", "z", level="jacobian", via="jacobian")
    assert _lines(derivation) == {
        "chain-rule": ["(dp/dz)^T dL/dp"],
        "insert": ["(diag(p) - p p^T) dL/dp", "sum(t) p - t"],
        "collapse": ["p * (dL/dp - p^T dL/dp)"],
        "assumption": ["p - t"],
    }
    assert [step.after.text for step in derivation.steps if step.rule == "spell"] == ["diag(p) - p p^T"]
    assert derivation.assumptions == ("the entries of `t` sum to 1",)


def test_the_value_at_the_kink_is_stated() -> None:
    derivation = network("column", SYMBOLS, FORWARD).derive("L", "u", level="jacobian")
    (slope,) = [step for step in derivation.steps if step.rule == "slope"]
    assert slope.because.endswith("by choice `relu'(0) = 0`")
    assert "ind(u[" in slope.after.text


def test_a_residual_connection_has_no_jacobian_of_one_name() -> None:
    """y = x + z with z = W x: dy/dx would be the sum over both ways, so that one is written out."""
    problem = network("column", "x: d input; W: d d parameter", "z = W x; y = x + z; L = sumsq(y)")
    derivation = problem.derive("L", "x", level="jacobian")
    assert derivation.verify().status == "holds"
    named = {(n.of.name, n.by.name) for s in derivation.steps for n in s.after.expr.walk()
             if isinstance(n, Jacobian)}  # fmt: skip
    assert ("z", "x") in named
    assert ("y", "x") not in named


def test_each_jacobian_has_its_shape() -> None:
    derivation = network("column", SYMBOLS, FORWARD).derive("L", "h", level="jacobian")
    (step,) = [s for s in derivation.steps if s.rule == "chain-rule" and s.quantity == derivation.partial]
    assert step.shapes["dz/dh"] == ("k", "m")
    assert step.shapes["dL/dz"] == ("k",)
    turned = network("column", SYMBOLS, FORWARD, layout="numerator").derive("L", "h", level="jacobian")
    (step,) = [s for s in turned.steps if s.rule == "chain-rule" and s.quantity == turned.partial]
    assert step.shapes["dz/dh"] == ("k", "m")
    assert step.shapes["dL/dz"] == ("1", "k")


@pytest.mark.parametrize("level", [["jacobian", "vector"], "jacobian"])
def test_the_level_of_a_question(level: object) -> None:
    problem = network("column", SYMBOLS, FORWARD, questions=[{"derive": "dL/dW", "level": level}])
    answers = problem.answers()
    assert [answer.level for answer in answers] == (level if isinstance(level, list) else [level])
    assert {answer.verdict.status for answer in answers} == {"holds"}
