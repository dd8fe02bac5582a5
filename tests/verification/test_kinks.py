"""Exactly at a kink: what stays 0 is checked, with the printed choice; another choice is not called wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.indexed import Indicator
from symbackprop.core.tensors import Role
from symbackprop.ops.registry import Elementwise, all_operations
from symbackprop.verification.point import Refusal
from symbackprop.verification.replay import Verifier
from symbackprop.verification.sampling import draw
from symbackprop.verification.slopes import derivative
from tests.verification.graphs import Build, add, call, d, had, mm, neg, number, t

Line = Callable[[dict[str, Leaf]], tuple[Expr, Expr]]


def _penalised() -> tuple[Verifier, dict[str, Leaf]]:
    """H = relu(U), L = sumsq(H V - Y) + lam norm1(H) + sum(max(0, H)): H is exactly 0 where it is off."""
    b = Build()
    W, X = b.parameter("W", "m", "d"), b.symbol("X", "d", "n")
    V, Y = b.parameter("V", "k", "m"), b.symbol("Y", "k", "n")
    lam = b.symbol("lam", role=Role.CONSTANT)
    U = b.let("U", mm(W, X), "m", "n")
    H = b.let("H", call("relu", U), "m", "n")
    B = b.let("B", call("leaky_relu", H), "m", "n")
    loss = add(
        call("sumsq", add(mm(V, H), neg(Y))),
        mm(lam, call("norm1", H)),
        call("sum", call("max", number(0), H)),
        call("sum", had(H, call("relu", B))),
    )
    L = b.let("L", loss)
    leaves = {leaf.tensor.name: leaf for leaf in (W, X, V, Y, lam, U, H, B, L)}
    return Verifier(b.graph()), leaves


def _by_h(v: dict[str, Leaf], sign: Expr, mask: Expr) -> tuple[Expr, Expr]:
    smooth = mm(number(2), t(v["V"]), add(mm(v["V"], v["H"]), neg(v["Y"])))
    through = had(call("leaky_relu", v["H"], primes=1), d(v["L"], v["B"]))
    return d(v["L"], v["H"]), add(smooth, mm(v["lam"], sign), mask, call("relu", v["B"]), through)


def _sign(v: dict[str, Leaf]) -> Expr:
    return call("sign", v["H"])


def _on(v: dict[str, Leaf], op: str = ">") -> Expr:
    return Indicator(v["H"], op, number(0))


LINES: dict[str, tuple[str, Line]] = {
    "cut at the kink": ("holds", lambda v: _by_h(v, _sign(v), _on(v))),
    "gated": ("holds", lambda v: (d(v["L"], v["U"]), had(d(v["L"], v["H"]), call("relu", v["U"], primes=1)))),
    "slope at exactly 0": (
        "holds",
        lambda v: (d(v["L"], v["B"]), had(v["H"], call("relu", v["B"], primes=1))),
    ),
    "another choice": ("not-checked", lambda v: _by_h(v, number(1), _on(v, ">="))),
    "no gate": ("fails", lambda v: (d(v["L"], v["U"]), d(v["L"], v["H"]))),
    "sign of the penalty": ("fails", lambda v: _by_h(v, neg(_sign(v)), _on(v))),
    "half the penalty": ("fails", lambda v: _by_h(v, mm(number("0.5"), _sign(v)), _on(v))),
    "missing mask": ("fails", lambda v: _by_h(v, _sign(v), mm(number(2), _on(v)))),
    "missing penalty": ("fails", lambda v: _by_h(v, mm(number(0), _sign(v)), _on(v))),
    "activation for slope": ("fails", lambda v: (d(v["L"], v["U"]), had(d(v["L"], v["H"]), v["H"]))),
}


@pytest.mark.parametrize("name", LINES)
def test_a_relu_that_is_off_under_other_kinks(name: str) -> None:
    status, line = LINES[name]
    verifier, leaves = _penalised()
    verdict = verifier.check_equal(*line(leaves))
    assert verdict.status == status, verdict
    if status == "not-checked":
        assert verdict.reason == "the sides differ only where there is a choice of slope, at a kink"


ACCEPTED: dict[str, Callable[[Leaf], Expr]] = {
    "relu of relu": lambda W: call("relu", call("relu", W)),
    "abs of relu": lambda W: call("abs", call("relu", W)),
    "a difference of equals": lambda W: call("abs", add(W, neg(W))),
    "the larger of two that are off": lambda W: call(
        "max", call("relu", W), call("relu", add(W, number(-3)))
    ),
    "a mask": lambda W: had(W, Indicator(call("relu", W), ">", number(0))),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_points_where_a_zero_stays_zero(name: str) -> None:
    b = Build()
    W = b.parameter("W", "m", "n")
    b.let("H", ACCEPTED[name](W), "m", "n")
    assert draw(b.graph(), 3).values


def test_equal_arguments_are_no_kink() -> None:
    """max(W, W) is W, with slope 1, as the printed choice says."""
    b = Build()
    W = b.parameter("W", "m", "n")
    b.let("H", call("max", W, W), "m", "n")
    assert draw(b.graph(), 3).values


def test_a_zero_among_labels_is_not_moved() -> None:
    b = Build()
    x, y = b.parameter("x", "n"), b.symbol("y", "n", one_hot=True)
    L = b.let("L", call("sum", call("relu", had(x, y))))
    verdict = Verifier(b.graph()).check_equal(d(L, x), had(call("relu", had(x, y), primes=1), y))
    assert verdict.status == "holds", verdict


KINKED = [  # sign has no slope at a jump
    op
    for op in all_operations()
    if isinstance(op, Elementwise) and op.kinks in (("a",), ("x",)) and op.name != "sign"
]
AT_ZERO = {"relu": 0.0, "abs": 0.0, "leaky_relu": 0.3, "elu": 0.3}


@pytest.mark.parametrize("op", KINKED, ids=lambda op: op.name)
def test_the_choice_of_a_forward_function_is_the_one_printed(op: Elementwise) -> None:
    rest = [np.full((1, 1), 0.3)] * (len(op.params) - 1)
    found = derivative(lambda x: np.asarray(op.forward(x, *rest)), np.zeros((1, 1)), 1)  # type: ignore[misc]
    assert found == AT_ZERO[op.name]


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_choice_of_two_arguments(name: str) -> None:
    op = call(name, number(1), number(2)).op
    assert isinstance(op, Elementwise)
    one = np.ones((1, 1))
    assert derivative(lambda x: np.asarray(op.forward(x, one)), one, 1) == 1  # type: ignore[misc]
    assert derivative(lambda x: np.asarray(op.forward(one, x)), one, 1) == 0  # type: ignore[misc]
    assert derivative(lambda x: np.asarray(op.forward(one, x)), one, 1) == 0  # type: ignore[misc]


def test_a_jump_has_no_slope() -> None:
    with pytest.raises(Refusal, match="do not settle"):
        derivative(lambda x: np.sign(np.real(x)), np.zeros((1, 1)), 1)


def test_a_second_derivative_at_a_kink_is_refused() -> None:
    with pytest.raises(Refusal, match="do not settle"):
        derivative(lambda x: np.where(np.real(x) > 0, x, 0.0), np.zeros((1, 1)), 2)
