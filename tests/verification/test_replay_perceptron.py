"""Right lines of a two-layer perceptron hold in three conventions; each classic slip fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Convention
from symbackprop.verification.replay import Verifier
from tests.verification.graphs import Perceptron, add, call, d, div, had, mm, neg, number, perceptron, size, t

Line = Callable[[Perceptron], tuple[Expr, Expr]]

ROW = Convention.ROW
COLUMN = Convention.COLUMN
TURNED = Convention.COLUMN_TRANSPOSED


def delta(p: Perceptron) -> Expr:
    return div(add(p.P, neg(p.Y)), size("N"))


def slope(p: Perceptron) -> Expr:
    return call("relu", p.U, primes=1)


ANY: dict[str, Line] = {
    "logits": lambda p: (d(p.L, p.Z), delta(p)),
    "activation": lambda p: (d(p.L, p.U), had(d(p.L, p.H), slope(p))),
    "probabilities": lambda p: (d(p.L, p.P), neg(div(div(p.Y, p.P), size("N")))),
    "chain": lambda p: (had(d(p.L, p.H), slope(p)), d(p.L, p.U)),
    "no influence": lambda p: (d(p.U, p.V), d(p.U, p.V)),
}
BY_CONVENTION: dict[str, tuple[Convention, Line]] = {
    "row weights": (ROW, lambda p: (d(p.L, p.W), add(mm(t(p.X), d(p.L, p.U)), mm(p.lam, p.W)))),
    "row hidden": (ROW, lambda p: (d(p.L, p.H), mm(d(p.L, p.Z), t(p.V)))),
    "row bias": (ROW, lambda p: (d(p.L, p.c), call("colsum", d(p.L, p.U)))),
    "row inputs": (ROW, lambda p: (d(p.L, p.X), mm(d(p.L, p.U), t(p.W)))),
    "column weights": (COLUMN, lambda p: (d(p.L, p.W), add(mm(d(p.L, p.U), t(p.X)), mm(p.lam, p.W)))),
    "column hidden": (COLUMN, lambda p: (d(p.L, p.H), mm(t(p.V), d(p.L, p.Z)))),
    "column bias": (COLUMN, lambda p: (d(p.L, p.e), call("rowsum", d(p.L, p.Z)))),
    "turned weights": (TURNED, lambda p: (d(p.L, p.W), add(mm(p.X, t(d(p.L, p.U))), mm(p.lam, p.W)))),
    "turned hidden": (TURNED, lambda p: (d(p.L, p.H), mm(p.V, d(p.L, p.Z)))),
}
WRONG: dict[str, tuple[Convention, Line]] = {
    "transpose (square only)": (ROW, lambda p: (d(p.L, p.H), mm(d(p.L, p.Z), p.V))),
    "sign": (ROW, lambda p: (d(p.L, p.Z), div(add(p.Y, neg(p.P)), size("N")))),
    "factor 2": (ROW, lambda p: (d(p.L, p.W), add(mm(t(p.X), d(p.L, p.U)), mm(number(2), p.lam, p.W)))),
    "missing 1/N": (ROW, lambda p: (d(p.L, p.Z), add(p.P, neg(p.Y)))),
    "missing term": (ROW, lambda p: (d(p.L, p.W), mm(t(p.X), d(p.L, p.U)))),
    "missing slope": (ROW, lambda p: (d(p.L, p.U), d(p.L, p.H))),
    "activation for slope": (ROW, lambda p: (d(p.L, p.U), had(d(p.L, p.H), p.H))),
    "missing batch sum": (ROW, lambda p: (d(p.L, p.c), d(p.L, p.U))),
    "mean for sum": (ROW, lambda p: (d(p.L, p.c), call("colmean", d(p.L, p.U)))),
    "order": (COLUMN, lambda p: (d(p.L, p.W), add(mm(p.X, t(d(p.L, p.U))), mm(p.lam, p.W)))),
    "zero": (ROW, lambda p: (d(p.L, p.V), number(0))),
}


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("name", [name for name in ANY if name != "no influence"])
def test_right_lines_hold(name: str, convention: Convention) -> None:
    p = perceptron(convention)
    verdict = Verifier(p.graph).check_equal(*ANY[name](p))
    assert verdict.status == "holds", verdict
    assert verdict.evidence.method == "differences"
    assert verdict.evidence.points == 4
    assert verdict.evidence.max_rel_error is not None
    assert verdict.evidence.max_rel_error < 1e-9


@pytest.mark.parametrize("name", BY_CONVENTION)
def test_each_convention_has_its_spelling(name: str) -> None:
    convention, line = BY_CONVENTION[name]
    p = perceptron(convention)
    assert Verifier(p.graph).check_equal(*line(p)).status == "holds"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_lines_fail(name: str) -> None:
    convention, line = WRONG[name]
    p = perceptron(convention)
    verdict = Verifier(p.graph).check_equal(*line(p))
    assert verdict.status == "fails"
    assert verdict.reason


def test_a_missing_transpose_of_a_square_matrix_fails_by_value() -> None:
    """With M = K the shapes fit, so that only the numbers can tell."""
    p = perceptron(ROW)
    sizes = {"N": 4, "D": 5, "M": 3, "K": 3}
    before, after = WRONG["transpose (square only)"][1](p)
    verifier = Verifier(p.graph, sizes=sizes)
    run = verifier.runs[-1]
    assert run.point.sizes == sizes
    assert run.value(before).shape == run.value(after).shape
    assert abs(run.value(before) - run.value(after)).max() > 1e-3


def test_the_counterexample_names_the_point_and_the_first_entry() -> None:
    p = perceptron(ROW)
    verdict = Verifier(p.graph, seeds=(5, 6, 7)).check_equal(*WRONG["sign"][1](p))
    example = verdict.counterexample
    assert example is not None
    assert example.seed == 5
    assert example.entry == (1, 1)
    assert example.expected == pytest.approx(-example.got)
    assert set(example.sizes) == {"N", "D", "M", "K"}


def test_a_shape_that_does_not_fit_is_the_reason() -> None:
    p = perceptron(ROW)
    verdict = Verifier(p.graph).check_equal(*WRONG["missing batch sum"][1](p))
    assert verdict.reason == "1 x M on the left, N x M on the right"
    product = Verifier(p.graph).check_equal(d(p.L, p.W), mm(p.X, d(p.L, p.U)))
    assert product.reason == "product of N x D and N x M"


def test_the_derivative_of_an_array_is_not_a_line_of_gradients() -> None:
    p = perceptron(ROW)
    verdict = Verifier(p.graph).check_equal(*ANY["no influence"](p))
    assert verdict.status == "not-checked"
    assert verdict.reason == "dU/dV is not the derivative of a scalar"


def test_the_runs_have_distinct_sizes_and_one_is_square() -> None:
    p = perceptron(ROW)
    points = [run.point for run in Verifier(p.graph).runs]
    assert [len(set(point.sizes.values())) for point in points] == [4, 4, 4, 1]
    assert all(extent > 1 for point in points for extent in point.sizes.values())


def test_verdicts_are_the_same_every_time() -> None:
    first, second = perceptron(ROW), perceptron(ROW)
    line = WRONG["missing term"][1]
    assert Verifier(first.graph).check_equal(*line(first)) == Verifier(second.graph).check_equal(
        *line(second)
    )
