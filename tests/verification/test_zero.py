"""What is zero by cancellation holds; what is merely small is judged by all its digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index
from symbackprop.verification.equality import CONSTANT, compare
from symbackprop.verification.point import Array
from symbackprop.verification.replay import Verifier
from tests.verification.graphs import Build, add, at, call, d, dim, div, had, mm, neg, number, over, power

Loss = Callable[[Build, Leaf, Leaf], Expr]


def _softmax(x: Expr) -> Expr:
    return call("softmax", x, axis="columns")


def _mean_of(x: Expr) -> Expr:
    return call("mean", x)


ZERO: dict[str, Loss] = {
    "mean of softmax": lambda b, x, y: _mean_of(_softmax(x)),
    "sum of softmax less labels": lambda b, x, y: call("sum", add(_softmax(x), neg(y))),
    "a shift inside log softmax": lambda b, x, y: call(
        "nll", y, call("log_softmax", add(x, neg(_mean_of(x)), neg(call("sum", x))), axis="columns")
    ),
    "centred": lambda b, x, y: call("sum", add(x, neg(_mean_of(x)))),
    "normalised": lambda b, x, y: call(
        "logsumexp", call("log_softmax", had(x, x), axis="columns"), axis="columns"
    ),
}
TRULY_ZERO = [name for name in ZERO if name != "a shift inside log softmax"]


def _graph(name: str) -> tuple[Graph, Leaf, Leaf, Leaf]:
    b = Build()
    x, y = b.parameter("x", "n"), b.symbol("y", "n", sums_to_one=True)
    L = b.let("L", ZERO[name](b, x, y))
    return b.graph(), L, x, y


WRONG_ZERO: dict[str, Callable[[Leaf, Leaf], Expr]] = {
    "labels": lambda x, y: y,
    "softmax": lambda x, y: _softmax(x),
    "a millionth": lambda x, y: mm(number("0.000001"), x),
    "far below rounding of ordinary numbers": lambda x, y: mm(number("1e-13"), x),
}


@pytest.mark.parametrize("name", TRULY_ZERO)
def test_zero_by_cancellation_inside_an_equation_holds(name: str) -> None:
    graph, L, x, _ = _graph(name)
    verifier = Verifier(graph)
    line = verifier.check_equal(d(L, x), number(0))
    assert line.status == "holds", line
    whole = verifier.check_partial(
        L.tensor, x.tensor, {"code": lambda point: np.zeros(point.extent(dim("n")))}
    )
    assert whole.status == "holds", whole


@pytest.mark.parametrize("wrong", WRONG_ZERO)
@pytest.mark.parametrize("name", TRULY_ZERO)
def test_what_is_not_zero_still_fails(name: str, wrong: str) -> None:
    graph, L, x, y = _graph(name)
    assert Verifier(graph).check_equal(d(L, x), WRONG_ZERO[wrong](x, y)).status == "fails"


def test_a_shift_that_softmax_ignores() -> None:
    b = Build()
    z, y, m = b.symbol("z", "K"), b.symbol("y", "K", sums_to_one=True), b.parameter("m")
    k, j = Index(dim("K"), "k"), Index(dim("K"), "j")

    def e(index: Index) -> Expr:
        return call("exp", add(at(z, index), neg(m)))

    p = b.let("p", div(e(k), over(e(j), j)), "K", indices=(k,))
    L = b.let("L", call("cross_entropy", y, p))
    verifier = Verifier(b.graph())
    assert verifier.check_equal(d(L, m), number(0)).status == "holds"
    assert verifier.check_equal(d(L, z), add(p, neg(y))).status == "holds"
    assert verifier.check_equal(d(L, m), call("sum", p)).status == "fails"
    assert verifier.check_equal(d(L, z), add(y, neg(p))).status == "fails"


LAYERS = 40


def _vanishing() -> tuple[Verifier, list[Leaf], Leaf]:
    """h <- tanh(h)/9, forty times: the gradient at the bottom is about 1e-38."""
    b = Build()
    h = [b.symbol("x", "n")]
    for layer in range(LAYERS):
        h.append(b.let(f"h{layer}", div(call("tanh", h[-1]), number(9)), "n"))
    y = b.symbol("y", "n")
    L = b.let("L", call("sum", had(h[-1], y)))
    return Verifier(b.graph(), seeds=(3, 4)), [*h, y], L


def _below(h: list[Leaf], L: Leaf, *extra: Expr) -> Expr:
    slope = add(number(1), neg(power(mm(number(9), h[1]), 2)))
    return had(div(d(L, h[1]), number(9)), slope, *extra)


VANISHING: dict[str, tuple[str, Callable[[list[Leaf], Leaf], Expr]]] = {
    "right": ("holds", _below),
    "sign": ("fails", lambda h, L: neg(_below(h, L))),
    "factor": ("fails", lambda h, L: _below(h, L, number("1.00001"))),
    "missing slope": ("fails", lambda h, L: div(d(L, h[1]), number(9))),
    "missing 1/9": ("fails", lambda h, L: mm(number(9), _below(h, L))),
    "extra term": ("fails", lambda h, L: add(_below(h, L), d(L, h[1]))),
    "another layer": ("fails", lambda h, L: d(L, h[2])),
    "zero": ("fails", lambda h, L: number(0)),
}


@pytest.mark.parametrize("name", VANISHING)
def test_gradients_that_vanish_through_many_layers_have_their_digits(name: str) -> None:
    status, line = VANISHING[name]
    verifier, h, L = _vanishing()
    assert np.abs(verifier.runs[0].partial(L.tensor, h[0].tensor)).max() < 1e-30
    assert verifier.check_equal(d(L, h[0]), line(h, L)).status == status


def test_constants_alone_may_leave_rounding() -> None:
    b = Build()
    x = b.symbol("x", "n")
    L = b.let("L", call("sum", x))
    verifier = Verifier(b.graph())
    rest = add(number("0.1"), number("0.2"), neg(number("0.3")))
    assert verifier.runs[0].value(rest) != 0
    assert verifier.check_equal(rest, number(0)).status == "holds"
    assert verifier.check_equal(d(L, x), number(0)).status == "fails"


def _same(gap: Array) -> Callable[[], Iterator[Array]]:
    return lambda: iter([gap, gap])


@pytest.mark.parametrize(
    ("gap", "other", "wrong"),
    [
        (1e-17, 3e-17, False),
        (1e-17, 1e-17 * (1 + 1e-8), True),
        (CONSTANT / 2, CONSTANT / 2, False),
        (CONSTANT * 2, CONSTANT * 2, True),
        (1e-3, 2e-3, True),
    ],
)
def test_rounding_is_what_changes_altogether(gap: float, other: float, wrong: bool) -> None:
    found = compare(np.array([gap]), np.zeros(1), 1.0, _same(np.array([other])))
    assert (found.entry is not None) is wrong
    assert found.zero is not wrong


def _divergence() -> tuple[Verifier, dict[str, Leaf]]:
    b = Build()
    z, y = b.symbol("z", "n", "m"), b.symbol("y", "n", "m", one_hot=True)
    p = b.let("p", call("softmax", z, axis="columns"), "n", "m")
    L = b.let("L", call("kl", y, p))
    return Verifier(b.graph()), {"z": z, "y": y, "p": p, "L": L}


DIVERGENCE: dict[str, tuple[str, Callable[[dict[str, Leaf]], tuple[Expr, Expr]]]] = {
    "by the logits": ("holds", lambda v: (d(v["L"], v["z"]), add(v["p"], neg(v["y"])))),
    "by the probabilities": ("holds", lambda v: (d(v["L"], v["p"]), neg(div(v["y"], v["p"])))),
    "sign": ("fails", lambda v: (d(v["L"], v["z"]), add(v["y"], neg(v["p"])))),
    "diagonal only": (
        "fails",
        lambda v: (d(v["L"], v["z"]), had(d(v["L"], v["p"]), v["p"], add(number(1), neg(v["p"])))),
    ),
    "by labels that are 0": ("not-checked", lambda v: (d(v["L"], v["y"]), call("log", v["p"]))),
}


@pytest.mark.parametrize("name", DIVERGENCE)
def test_a_class_without_mass_costs_nothing(name: str) -> None:
    status, line = DIVERGENCE[name]
    verifier, leaves = _divergence()
    verdict = verifier.check_equal(*line(leaves))
    assert verdict.status == status, verdict
