"""The harness: every operation of the table stands up to it, and rules wrong on purpose do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from symbackprop.core.expr import UNIT, Add, Call, Expr, MatMul, Neg, Number, Transpose
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.core.verdicts import not_checked
from symbackprop.derivation.derived import Derived
from symbackprop.errors import InputError
from symbackprop.notation.formula import Formula
from symbackprop.ops.registry import Elementwise, Structural, all_operations, lookup
from symbackprop.pipeline import loads
from symbackprop.results.context import Context
from symbackprop.testing import (
    Deriver,
    Finding,
    Report,
    assert_gradient,
    attack,
    attack_gradient,
    derive_all,
    probes,
)

COLUMN = Convention.COLUMN
OPERATIONS = tuple(all_operations())


# -- right rules


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
def test_every_operation_in_every_convention(operation: Operation) -> None:
    report = attack(operation)
    report.assert_holds()
    assert {"step", "spelled result", "result"} <= {finding.what for finding in report.findings}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.name)
def test_every_operation_has_several_probes(operation: Operation) -> None:
    made = probes(operation, COLUMN)
    assert len(made) >= 3
    assert all(operation.name + "(" in probe.forward for probe in made)
    options = [param.name for param in operation.params if param.default is not None]
    assert all(any(f"{option} = " in probe.forward for probe in made) for option in options)


@pytest.mark.parametrize("convention", Convention, ids=lambda c: c.value)
def test_attack_in_one_convention(convention: Convention) -> None:
    forwards = [probe.forward for probe in probes(_elementwise("tanh"), convention)]
    report = attack("tanh", convention.value)
    report.assert_holds()
    assert report.subject == f"tanh ({convention.value})"
    assert list(dict.fromkeys(finding.probe for finding in report.findings)) == forwards


def test_attack_without_a_convention_means_all_three() -> None:
    forwards = {finding.probe for finding in attack("rowsum").findings}
    assert {f"L = sumsq(rowsum({z} - T))" for z in ("X W + b", "W X + b", "W^T X + b")} <= forwards


# -- wrong slopes and formulas


def _elementwise(name: str) -> Elementwise:
    op = lookup(name)
    assert isinstance(op, Elementwise)
    return op


def _structural(name: str) -> Structural:
    op = lookup(name)
    assert isinstance(op, Structural)
    return op


SLOPES: dict[str, tuple[str, tuple[str, ...]]] = {
    "sign of exp": ("exp", ("-y",)),
    "sign of cos": ("cos", ("sin(a)",)),
    "factor of softplus": ("softplus", ("2 * sigmoid(a)",)),
    "missing term of tanh": ("tanh", ("1",)),
    "missing term of sigmoid": ("sigmoid", ("y",)),
    "output for input": ("sin", ("cos(y)",)),
    "input for output": ("tanh", ("1 - a^2",)),
    "derivative of the inverse": ("log", ("a",)),
    "the two parameters of max": ("max", ("ind(b > a)", "ind(a > b)")),
    "one parameter of min": ("min", ("ind(a < b)", "ind(a < b)")),
    "the wrong side of the kink": ("abs", ("-sign(a)",)),
    "a small factor": ("erf", ("2.001 / sqrt(pi) * exp(-a^2)",)),
    "one value": ("sin", ("cos(a) + ind(a > 1.2) / 8",)),
}


@pytest.mark.parametrize(("name", "slopes"), SLOPES.values(), ids=SLOPES)
def test_a_wrong_slope_is_caught(name: str, slopes: tuple[str, ...]) -> None:
    report = attack(replace(_elementwise(name), slopes=slopes), COLUMN)
    assert report.failures
    with pytest.raises(AssertionError, match=f"^{name} .*do not hold"):
        report.assert_holds()


CODE: dict[str, tuple[str, dict[str, str]]] = {
    "slope of relu": ("relu", {"slope_numpy": "({a} < 0)"}),
    "slope of silu": ("silu", {"slope_numpy": "sigmoid({a}) * (1.0 - {a} * (1.0 - sigmoid({a})))"}),
    "slope of gelu": ("gelu", {"slope_numpy": "0.5 * (1.0 + erf({a} / np.sqrt(2.0)))"}),
    "slope of elu": ("elu", {"slope_numpy": "np.where({x} > 0, 1.0, {a})"}),
    "value of tanh": ("tanh", {"numpy": "np.tanh(2.0 * {a})"}),
    "value of sin": ("sin", {"numpy": "np.cos({a})"}),
}


@pytest.mark.parametrize(("name", "templates"), CODE.values(), ids=CODE)
def test_wrong_code_is_caught(name: str, templates: dict[str, str]) -> None:
    broken: Any = replace(_elementwise(name), **templates)  # type: ignore[arg-type]
    assert attack(broken, COLUMN).problems


DEFINITIONS: dict[str, tuple[str, str]] = {
    "sign of sse": ("sse", "-sum((a - b)^2)"),
    "sign inside hinge": ("hinge", "sum(max(0, 1 + y * s))"),
    "sign of kl": ("kl", "sum(p * log(q / p))"),
    "factor of sse": ("sse", "sum((a - b)^2)/2"),
    "sum for mean": ("mse", "sum((a - b)^2)"),
    "missing root of norm": ("norm", "sum(A^2)"),
    "missing term of bce": ("bce", "-sum(y * log(p))"),
    "missing term of bce_logits": ("bce_logits", "sum(softplus(z))"),
    "missing power of focal": ("focal", "-sum(y * (1 - p) * log(p))"),
    "missing term of huber": ("huber", "sum(ind(abs(a - b) <= d) * (a - b)^2 / 2)"),
    "arguments swapped": ("cross_entropy", "-sum(p * log(y))"),
    "axis of cross_entropy_logits": ("cross_entropy_logits", "-sum(y * log_softmax(z, columns))"),
    "abs for square": ("sumsq", "sum(abs(A))"),
    "one factor of dot": ("dot", "sum(A * A)"),
}


@pytest.mark.parametrize(("name", "definition"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_wrong_formula_is_caught(name: str, definition: str) -> None:
    assert attack(replace(_structural(name), definition=definition), Convention.ROW).failures


Forward = Callable[[Any, Any], Any]
# The forward function is another than the one whose rule lowering knows: as if that rule were wrong.
FORWARDS: dict[str, tuple[str, Forward]] = {
    "axis of softmax": (
        "softmax",
        lambda args, axis: (
            np.exp(args[0]) / np.exp(args[0]).sum(axis=0 if axis == "rows" else 1, keepdims=True)
        ),
    ),
    "missing normalisation": ("softmax", lambda args, axis: np.exp(args[0])),
    "sign of log_softmax": (
        "log_softmax",
        lambda args, axis: (
            np.log(np.exp(args[0]).sum(axis=1 if axis == "rows" else 0, keepdims=True)) - args[0]
        ),
    ),
    "factor of mean": ("mean", lambda args, axis: args[0].mean().reshape(1, 1) / 2),
    "factor of trace": ("trace", lambda args, axis: 2 * np.trace(args[0]).reshape(1, 1)),
    "a twisted outer": ("outer", lambda args, axis: args[0].reshape(-1, 1) @ np.flip(args[1].reshape(1, -1))),
    "mean for rowsum": ("rowsum", lambda args, axis: args[0].mean(axis=1, keepdims=True)),
    "another sum": ("colsum", lambda args, axis: (args[0] * args[0]).sum(axis=0, keepdims=True)),
    "missing term of colmean": ("colmean", lambda args, axis: args[0][1:].mean(axis=0, keepdims=True)),
    "a diagonal off by one": ("diag", lambda args, axis: np.roll(np.diag(args[0].reshape(-1)), 1, axis=1)),
    "a sum without its first entry": (
        "sum",
        lambda args, axis: (args[0].sum() - args[0][0, 0]).reshape(1, 1),
    ),
}


@pytest.mark.parametrize(("name", "forward"), FORWARDS.values(), ids=FORWARDS)
def test_a_rule_that_is_not_that_of_the_function_is_caught(name: str, forward: Forward) -> None:
    assert attack(replace(_structural(name), forward=forward), COLUMN).failures


# -- wrong derivers


def _expression(change: Callable[[Expr], Expr]) -> Deriver:
    """A deriver whose results are spelled wrong, its last line too: nothing contradicts itself."""

    def altered(found: Derived) -> Derived:
        new = change(found.expr)
        last = found.steps[-1]
        steps = (*found.steps[:-1], replace(last, after=Formula(new, last.after.names)))
        return replace(found, expr=new, steps=steps, values={**found.values, found.by: new})

    return _each(altered)


def _each(change: Callable[[Derived], Derived]) -> Deriver:
    def derive(context: Context, of: Tensor, wrt: Sequence[Tensor]) -> Mapping[Tensor, Derived]:
        return {tensor: change(found) for tensor, found in derive_all(context, of, wrt).items()}

    return derive


def _turn_one(expr: Expr) -> Expr:
    """The first transpose left out; the whole transposed where there is none."""
    done = False

    def visit(node: Expr) -> Expr:
        nonlocal done
        if done:
            return node
        if isinstance(node, Transpose):
            done = True
            return node.arg
        return node.map_children(visit)

    turned = visit(expr)
    return turned if done else Transpose(expr)


def _drop_term(expr: Expr) -> Expr:
    """Without the last term of a sum; one more term where there is no sum."""
    if isinstance(expr, Add):
        return Add(expr.terms[:-1]) if len(expr.terms) > 2 else expr.terms[0]
    return Add((expr, UNIT))


def _shrink(expr: Expr) -> Expr:
    op = lookup("sum")
    assert op is not None
    return Call(op, (expr,), (UNIT.shape[0], UNIT.shape[1]))


def _first_entry(found: Derived) -> Derived:
    """Every entry is said to be the first."""
    places = [index for index in (found.row, found.column) if index is not None]
    return replace(found, form=found.form.rename(dict.fromkeys(places[:1], 1)))


def _wrong_first_line(found: Derived) -> Derived:
    """Only the line before the last is wrong, the result is right."""
    first = found.steps[0]
    wrong = replace(first, after=Formula(Neg(first.after.expr), first.after.names))
    return replace(found, steps=(wrong, *found.steps))


DERIVERS: dict[str, Deriver] = {
    "transpose": _expression(_turn_one),
    "sign": _expression(Neg),
    "factor": _expression(lambda expr: MatMul((Number(Fraction(2)), expr))),
    "missing term": _expression(_drop_term),
    "shape": _expression(_shrink),
    "index": _each(_first_entry),
    "sign of the index form": _each(
        lambda found: replace(found, form=type(found.form)(term.scaled(-1) for term in found.form.terms))
    ),
    "a line": _each(_wrong_first_line),
}
ATTACKED = ["tanh", "max", "softmax", "outer"]
NOT_FOR_SCALARS = {"transpose", "shape", "index"}  # they leave a derivative by a scalar as it is


@pytest.mark.parametrize("operation", ATTACKED)
@pytest.mark.parametrize("wrongness", DERIVERS)
def test_a_wrong_deriver_is_caught(wrongness: str, operation: str) -> None:
    """In every network, by every name for which the wrongness changes anything."""
    report = attack(operation, COLUMN, derive=DERIVERS[wrongness])
    assert report.failures
    op = lookup(operation)
    assert op is not None
    for probe in probes(op, COLUMN):
        graph = probe.graph(COLUMN, {})
        for tensor in graph.parameters:
            if tensor.is_scalar and wrongness in NOT_FOR_SCALARS:
                continue
            about = [f for f in report.findings if f.probe == probe.forward and f.by == tensor.name]
            assert any(not finding.holds for finding in about), (probe.forward, tensor.name)


def test_a_wrong_intermediate_is_caught_in_its_own_line() -> None:
    """The result is right, so that only replaying every line finds it."""
    report = attack("tanh", COLUMN, derive=DERIVERS["a line"])
    assert {finding.what for finding in report.failures} >= {"step"}
    assert not [finding for finding in report.failures if finding.what in ("spelled result", "fold")]


def test_a_result_that_its_lines_do_not_reach_is_caught() -> None:
    derive = _each(lambda found: replace(found, steps=found.steps[:1]))
    report = attack("tanh", COLUMN, derive=derive)
    assert "fold" in {finding.what for finding in report.failures}


# -- what is reported


def test_an_operation_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="there is no operation sofmax") as caught:
        attack("sofmax")
    assert caught.value.code == "unknown-function"
    assert caught.value.hint == "did you mean softmax?"


def test_an_operation_of_an_unknown_kind_is_not_passed_over() -> None:
    strange = replace(_structural("trace"), name="strange", shape_rule="strange")
    with pytest.raises(InputError, match="no probe is known for strange"):
        attack(strange)


def test_a_convention_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="sideways"):
        attack("tanh", "sideways")


def test_nothing_checked_is_not_a_pass() -> None:
    report = Report("nothing", ())
    assert not report.ok
    with pytest.raises(AssertionError, match="nothing was checked"):
        report.assert_holds()


def test_not_checked_is_not_a_pass() -> None:
    finding = Finding("L = x", "x", "step", "a = b", not_checked("no point was found"))
    report = Report("x", (finding,))
    assert not report.ok
    assert report.problems == (finding,)
    assert report.failures == ()
    with pytest.raises(AssertionError, match=r"not-checked \(no point was found\): a = b"):
        report.assert_holds()


@pytest.mark.parametrize(
    ("equations", "by"),
    [
        ("L = sum((W x + b - t)^2)", "W"),
        ("h = tanh(W x); L = sumsq(h - t)", "x"),
        ("L = logsumexp(z) - dot(y, z)", "z"),
        ("L = norm(A - B)", "B"),
    ],
)
def test_a_gradient_of_equations(equations: str, by: str) -> None:
    assert_gradient(equations, "L", by)
    assert attack_gradient(equations, "L", by).ok


@pytest.mark.parametrize("convention", ["row", "column", Convention.COLUMN_TRANSPOSED])
def test_a_gradient_in_a_convention(convention: str | Convention) -> None:
    left = {"row": "x W", "column": "W x"}.get(str(convention), "W^T x")
    assert_gradient(f"L = sumsq({left} - t)", "L", "W", convention=convention)


PROBLEM = """
convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
forward: |
  u = W x
  L = sumsq(relu(u))
"""


def test_a_gradient_of_a_problem() -> None:
    assert_gradient(loads(PROBLEM), "L", "W")
    assert_gradient(loads(PROBLEM), "L", "u")


def test_a_problem_has_a_convention_of_its_own() -> None:
    with pytest.raises(InputError, match="convention of its own"):
        assert_gradient(loads(PROBLEM), "L", "W", convention="row")


@pytest.mark.parametrize("name", ["V", "w"])
def test_a_name_that_does_not_exist(name: str) -> None:
    with pytest.raises(InputError, match=f"unknown symbol {name}"):
        assert_gradient(loads(PROBLEM), "L", name)


@pytest.mark.parametrize("wrongness", DERIVERS)
def test_a_wrong_gradient_of_a_problem_is_caught(wrongness: str) -> None:
    report = attack_gradient(loads(PROBLEM), "L", "W", derive=DERIVERS[wrongness])
    assert report.failures
    assert str(report).startswith("dL/dW: ")


def test_where_no_point_exists_the_gradient_is_not_checked() -> None:
    report = attack_gradient("L = sum(log(-(x * x)))", "L", "x")
    assert not report.ok
    assert {finding.verdict.status for finding in report.problems} == {"not-checked"}
