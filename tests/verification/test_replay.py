"""Verdicts on entry notation, arbitrary functions, whole results, and steps; and when there is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.indexed import IndexValue, Indicator
from symbackprop.core.operations import Operation, Param
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import PLAIN
from symbackprop.notation.steps import Step
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.point import Point
from symbackprop.verification.replay import Verifier, Way
from tests.verification.graphs import (
    Build,
    add,
    at,
    call,
    d,
    dim,
    div,
    had,
    mm,
    neg,
    number,
    over,
    perceptron,
    power,
    size,
    t,
)

P = perceptron(Convention.ROW)
n, m, k, j, q = (
    Index(dim("N"), "n"),
    Index(dim("M"), "m"),
    Index(dim("K"), "k"),
    Index(dim("K"), "j"),
    Index(dim("D"), "q"),
)


def kron(left: Index, right: Index) -> Indicator:
    return Indicator(IndexValue(((left, 1),)), "=", IndexValue(((right, 1),)), True)


def softmax_jacobian(first: Index) -> Expr:
    """sum_k dL/dP_nk P_nk ([k = j] - P_nj), with the letter of the last index to be chosen."""
    inner = add(kron(k, first), neg(at(P.P, n, j)))
    return over(had(at(d(P.L, P.P), n, k), at(P.P, n, k), inner), k)


RIGHT: dict[str, tuple[Expr, Expr]] = {
    "weights": (
        at(d(P.L, P.W), q, m),
        add(over(had(at(P.X, n, q), at(d(P.L, P.U), n, m)), n), had(P.lam, at(P.W, q, m))),
    ),
    "bias": (at(d(P.L, P.c), m), over(at(d(P.L, P.U), n, m), n)),
    "softmax by its Jacobian": (at(d(P.L, P.Z), n, j), softmax_jacobian(j)),
    "logits": (at(d(P.L, P.Z), n, j), div(add(at(P.P, n, j), neg(at(P.Y, n, j))), size("N"))),
    "mask by an indicator": (
        at(d(P.L, P.U), n, m),
        had(at(d(P.L, P.H), n, m), Indicator(at(P.U, n, m), ">", number(0))),
    ),
    "local Jacobian": (
        at(d(P.U, P.W), n, m, q, Index(dim("M"), "r")),
        at(P.X, n, q),
    ),
    "rows of a softmax sum to one": (over(at(P.P, n, k), k), number(1)),
    "assumption": (over(at(P.Y, n, k), k), number(1)),
    "zero by cancellation": (call("rowsum", d(P.L, P.Z)), mm(number(0), call("rowsum", d(P.L, P.Z)))),
}
r = Index(dim("M"), "r")
RIGHT["local Jacobian"] = (at(d(P.U, P.W), n, m, q, r), had(at(P.X, n, q), kron(m, r)))
WRONG: dict[str, tuple[Expr, Expr]] = {
    "wrong index": (at(d(P.L, P.c), m), over(at(d(P.L, P.U), n, r), n, r)),
    "swapped indices": (at(d(P.L, P.V), m, k), over(had(at(P.H, n, m), at(d(P.L, P.Z), n, j)), n, j)),
    "missing sum": (at(d(P.L, P.c), m), at(d(P.L, P.U), n, m)),
    "missing delta": (at(d(P.U, P.W), n, m, q, r), at(P.X, n, q)),
    "softmax diagonal only": (
        at(d(P.L, P.Z), n, j),
        had(at(d(P.L, P.P), n, j), at(P.P, n, j), add(number(1), neg(at(P.P, n, j)))),
    ),
    "sum over both indices": (over(at(P.P, n, k), n, k), number(1)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_entry_lines_hold(name: str) -> None:
    verdict = Verifier(P.graph).check_equal(*RIGHT[name])
    assert verdict.status == "holds", verdict


@pytest.mark.parametrize("name", WRONG)
def test_wrong_entry_lines_fail(name: str) -> None:
    verdict = Verifier(P.graph).check_equal(*WRONG[name])
    assert verdict.status == "fails"
    assert verdict.counterexample is not None


def test_the_order_of_indices_is_that_of_the_caller() -> None:
    line = at(d(P.L, P.c), m), at(d(P.L, P.U), n, m)
    entry = Verifier(P.graph).check_equal(*line, indices=(n, m)).counterexample
    assert entry is not None
    assert len(entry.entry) == 2


def _abstract(convention: Convention = Convention.COLUMN) -> tuple[Build, dict[str, Leaf], Operation]:
    """J = J(y, W), y = sigma(W x + b), everything arbitrary."""
    b = Build(convention)
    sigma = Elementwise("sigma", (Param("a"),), "function", abstract=True)
    b.functions["sigma"] = sigma
    W, x, c = b.parameter("W", "m", "n"), b.symbol("x", "n"), b.parameter("b", "m")
    u = b.let("u", add(mm(W, x), c), "m")
    y = b.let("y", call(sigma, u), "m")
    J = b.arbitrary("J", y)
    return b, {"W": W, "x": x, "b": c, "u": u, "y": y, "J": J}, sigma


ABSTRACT: dict[str, tuple[str, Callable[[dict[str, Leaf], Operation], tuple[Expr, Expr]]]] = {
    "through sigma": (
        "holds",
        lambda v, s: (d(v["J"], v["u"]), had(d(v["J"], v["y"]), call(s, v["u"], primes=1))),
    ),
    "outer product": ("holds", lambda v, s: (d(v["J"], v["W"]), mm(d(v["J"], v["u"]), t(v["x"])))),
    "inputs": ("holds", lambda v, s: (d(v["J"], v["x"]), mm(t(v["W"]), d(v["J"], v["u"])))),
    "sigma for sigma'": ("fails", lambda v, s: (d(v["J"], v["u"]), had(d(v["J"], v["y"]), call(s, v["u"])))),
    "sigma'' for sigma'": (
        "fails",
        lambda v, s: (d(v["J"], v["u"]), had(d(v["J"], v["y"]), call(s, v["u"], primes=2))),
    ),
    "sigma'(y) for sigma'(u)": (
        "fails",
        lambda v, s: (d(v["J"], v["u"]), had(d(v["J"], v["y"]), call(s, v["y"], primes=1))),
    ),
    "without sigma'": ("fails", lambda v, s: (d(v["J"], v["b"]), d(v["J"], v["y"]))),
    "without the transpose": ("fails", lambda v, s: (d(v["J"], v["x"]), mm(v["W"], d(v["J"], v["u"])))),
}


@pytest.mark.parametrize("name", ABSTRACT)
def test_arbitrary_functions(name: str) -> None:
    expected, line = ABSTRACT[name]
    build, leaves, sigma = _abstract()
    assert Verifier(build.graph()).check_equal(*line(leaves, sigma)).status == expected


def test_an_arbitrary_scalar_of_two_arguments_mixes_them() -> None:
    b = Build()
    y, W = b.symbol("y", "n"), b.parameter("W", "n", "n")
    J = b.arbitrary("J", y, W)
    verifier = Verifier(b.graph())
    assert verifier.check_equal(d(J, W), mm(y, t(y))).status == "fails"
    assert verifier.check_equal(d(J, W), d(J, W)).status == "holds"


def test_shared_nodes_accumulate() -> None:
    b = Build()
    W, x = b.parameter("W", "n", "n"), b.symbol("x", "n")
    h = b.let("h", call("tanh", mm(W, x)), "n")
    z = b.let("z", add(mm(W, h), x), "n")
    L = b.let("L", call("sumsq", z))
    verifier = Verifier(b.graph())
    through_h = mm(had(mm(t(W), d(L, z)), add(number(1), neg(power(h, 2)))), t(x))
    assert verifier.check_equal(d(L, W), add(mm(d(L, z), t(h)), through_h)).status == "holds"
    assert verifier.check_equal(d(L, W), mm(d(L, z), t(h))).status == "fails"


def test_kinks_do_not_disturb() -> None:
    b = Build()
    a, c = b.symbol("a", "n", "m"), b.symbol("c", "n", "m")
    g = b.let("g", call("max", a, c), "n", "m")
    L = b.let("L", call("sum", had(call("abs", g), call("leaky_relu", a))))
    verifier = Verifier(b.graph())
    first = had(call("sign", g), call("leaky_relu", a))
    assert verifier.check_equal(d(L, g), first).status == "holds"
    mask = Indicator(c, ">", a)
    assert verifier.check_equal(d(L, c), had(mask, d(L, g))).status == "holds"
    assert verifier.check_equal(d(L, c), d(L, g)).status == "fails"


def test_a_gradient_that_vanishes_identically_holds() -> None:
    """Softmax ignores a shift of all logits: both sides are rounding errors of unlike size."""
    b = Build()
    z, s, y = b.symbol("z", "n"), b.parameter("s"), b.symbol("y", "n", sums_to_one=True)
    shifted = b.let("u", add(z, s), "n")
    p = b.let("p", call("softmax", shifted, axis="columns"), "n")
    L = b.let("L", call("cross_entropy", y, p))
    verifier = Verifier(b.graph())
    assert verifier.check_equal(d(L, s), call("sum", d(L, shifted))).status == "holds"
    assert verifier.check_equal(d(L, s), number(0)).status == "holds"
    assert verifier.check_equal(d(L, s), call("sum", p)).status == "fails"


def test_soft_labels_need_their_sum() -> None:
    """p - y is right only where the labels sum to one."""
    for_one = _softmax_line(sums_to_one=True)
    for_any = _softmax_line()
    assert for_one[0] == "holds"
    assert for_any == ("fails", "holds")


def _softmax_line(**facts: object) -> tuple[str, str]:
    b = Build()
    z, y = b.symbol("z", "n"), b.symbol("y", "n", **facts)
    p = b.let("p", call("softmax", z, axis="columns"), "n")
    L = b.let("L", call("cross_entropy", y, p))
    verifier = Verifier(b.graph())
    short, whole = add(p, neg(y)), add(mm(p, call("sum", y)), neg(y))
    return verifier.check_equal(d(L, z), short).status, verifier.check_equal(d(L, z), whole).status


def _nameless(args: tuple[Expr, ...]) -> Call:
    op = Elementwise("mystery", (Param("a"),), "elementwise", formula="a^2")
    return Call(op, args, args[0].shape)


NOT_CHECKED: dict[str, tuple[Expr, str]] = {
    "a tensor of no graph": (Leaf(Tensor("Q", P.U.tensor.shape, Convention.ROW)), "Q has no value"),
    "a function without values": (_nameless((P.U,)), "mystery has no forward function"),
    "outside the domain": (call("log", P.U), "not finite"),
}


@pytest.mark.parametrize("name", NOT_CHECKED)
def test_what_cannot_be_computed_is_not_checked(name: str) -> None:
    after, reason = NOT_CHECKED[name]
    verdict = Verifier(P.graph).check_equal(d(P.L, P.U), after)
    assert verdict.status == "not-checked"
    assert reason in (verdict.reason or "")
    with pytest.raises(TypeError):
        bool(verdict)


def test_a_formula_takes_the_place_of_a_function() -> None:
    verifier = Verifier(P.graph, expand=lambda node: power(node.args[0], 2))
    assert verifier.check_equal(_nameless((P.U,)), had(P.U, P.U)).status == "holds"
    slope = Call(_nameless((P.U,)).op, (P.U,), P.U.shape, primes=1)
    assert verifier.check_equal(slope, mm(number(2), P.U)).status == "holds"
    assert verifier.check_equal(slope, P.U).status == "fails"


def test_a_forward_pass_without_a_point_checks_nothing() -> None:
    b = Build()
    x = b.symbol("x", "n")
    y = b.let("y", call("log", neg(had(x, x))), "n")
    L = b.let("L", call("sum", y))
    verifier = Verifier(b.graph())
    verdict = verifier.check_equal(d(L, y), number(1))
    assert verdict.status == "not-checked"
    assert verdict.reason == "y is not finite at any of the points tried"
    assert (
        verifier.check_partial(L.tensor, x.tensor, {"code": lambda point: np.ones(1)}).status == "not-checked"
    )


def _emitted(point: Point) -> np.ndarray:
    arrays = point.arrays([P.X.tensor, P.W.tensor, P.c.tensor, P.V.tensor, P.e.tensor, P.Y.tensor])
    X, W, c, V, e, Y = arrays.values()
    U = X @ W + c
    Z = np.maximum(U, 0) @ V + e
    E = np.exp(Z)
    G = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)
    return ((G @ V.T) * (U > 0)).sum(axis=0)


WAYS: dict[str, tuple[str, str | None, Way]] = {
    "1-D": ("holds", None, _emitted),
    "as a row": ("holds", None, lambda point: _emitted(point)[None]),
    "as a column": ("fails", "gave shape", lambda point: _emitted(point)[:, None]),
    "sign": ("fails", "differ", lambda point: -_emitted(point)),
    "objects": ("fails", "type object", lambda point: _emitted(point).astype(object)),
    "raises": ("fails", "raised KeyError", lambda point: {}["U"]),  # type: ignore[index]
    "not a number": ("fails", "not finite", lambda point: _emitted(point) * np.nan),
}


@pytest.mark.parametrize("name", WAYS)
def test_whole_results(name: str) -> None:
    status, reason, way = WAYS[name]
    verdict = Verifier(P.graph).check_partial(P.L.tensor, P.c.tensor, {"numpy": way})
    assert verdict.status == status, verdict
    assert verdict.evidence.method == "differences"
    assert (verdict.reason is None) if reason is None else (reason in (verdict.reason or ""))


def test_all_ways_have_to_agree() -> None:
    verifier = Verifier(P.graph)
    ways: dict[str, Way] = {"good": _emitted, "bad": lambda point: 2 * _emitted(point)}
    assert verifier.check_partial(P.L.tensor, P.c.tensor, ways).status == "fails"
    assert verifier.check_partial(P.L.tensor, P.c.tensor, {}).status == "not-checked"


def test_a_jacobian_as_a_whole() -> None:
    def jacobian(point: Point) -> np.ndarray:
        u = point.values[P.U.tensor]
        return (
            np.einsum("ni,ab->nabi", np.eye(len(u)), np.eye(u.shape[1])).swapaxes(2, 3)
            * (u > 0)[:, :, None, None]
        )

    verdict = Verifier(P.graph).check_partial(P.H.tensor, P.U.tensor, {"numpy": jacobian})
    assert verdict.status == "holds", verdict


def _step(before: Expr, after: Expr, *substeps: Step) -> Step:
    return Step("chain", "because", Formula(before, PLAIN), Formula(after, PLAIN), substeps=substeps)


def test_steps_and_substeps_get_their_verdicts() -> None:
    right = _step(d(P.L, P.Z), div(add(P.P, neg(P.Y)), size("N")))
    wrong = _step(d(P.L, P.Z), add(P.P, neg(P.Y)))
    replayed = Verifier(P.graph).verify_steps([_step(right.before.expr, right.after.expr, wrong), right])
    assert [step.verdict.status for step in replayed] == ["holds", "holds"]
    assert replayed[0].substeps[0].verdict.status == "fails"
    assert replayed[0].rule == "chain"


def test_a_line_without_partials_is_evaluated() -> None:
    verdict = Verifier(P.graph).check_equal(t(mm(P.X, P.W)), mm(t(P.W), t(P.X)))
    assert verdict.status == "holds"
    assert verdict.evidence.method == "evaluation"


def test_explicit_sizes_alone_need_no_square_run() -> None:
    b = Build()
    x = b.symbol("x", 3)
    L = b.let("L", call("sumsq", x))
    verdict = Verifier(b.graph()).check_equal(d(L, x), mm(number(2), x))
    assert verdict.status == "holds"
    assert verdict.evidence.sizes == ({}, {}, {})


def test_large_arrays_are_compared_where_they_were_looked_at() -> None:
    b = Build()
    W, x = b.parameter("W", 150, 140), b.symbol("x", 140)
    y = b.let("y", mm(W, x), 150)
    L = b.let("L", call("sumsq", y))
    verifier = Verifier(b.graph())
    row, column = Index(Dim(150), "p"), Index(Dim(140), "q")
    entry = at(d(L, W), row, column)
    assert verifier.check_equal(d(L, W), mm(d(L, y), t(x))).status == "holds"
    assert verifier.check_equal(entry, had(at(d(L, y), row), at(x, column))).status == "holds"
    assert verifier.check_equal(d(L, W), neg(mm(d(L, y), t(x)))).status == "fails"
    example = verifier.check_equal(entry, neg(entry)).counterexample
    assert example is not None
    exact = verifier.runs[0].value(mm(d(L, y), t(x)))
    assert example.expected == pytest.approx(exact[example.entry[0] - 1, example.entry[1] - 1])
    summed = verifier.check_equal(call("sum", d(L, W)), call("sum", mm(d(L, y), t(x))))
    assert summed.status == "not-checked"
    assert summed.reason == "too many entries to take all differences"


def test_a_case_inside_a_case_gets_more_points() -> None:
    """sign(a) for sign(a - b) where |a - b| > 1: they differ only for few numbers."""
    b = Build()
    a, c = b.symbol("a", "n"), b.symbol("c", "n")
    L = b.let("L", call("huber", a, c))
    gap = add(a, neg(c))
    inner, outer = Indicator(call("abs", gap), "<=", number(1)), Indicator(call("abs", gap), ">", number(1))
    verifier = Verifier(b.graph())
    right = verifier.check_equal(d(L, a), add(had(inner, gap), had(outer, call("sign", gap))))
    assert right.status == "holds"
    assert right.evidence.points == 7
    wrong = verifier.check_equal(d(L, a), add(had(inner, gap), had(outer, call("sign", a))))
    assert wrong.status == "fails"


def test_a_comparison_of_unlike_shapes_is_wrong() -> None:
    verdict = Verifier(P.graph).check_equal(d(P.L, P.U), had(d(P.L, P.H), Indicator(P.U, ">", P.e)))
    assert verdict.status == "fails"
    assert verdict.reason == "elementwise on shapes N x M and 1 x K"


def test_a_line_nested_too_deeply_is_not_checked() -> None:
    deep: Expr = P.U
    for _ in range(3000):
        deep = neg(deep)
    verdict = Verifier(P.graph).check_equal(P.U, deep)
    assert verdict.status == "not-checked"
    assert verdict.reason == "the line is nested too deeply to be evaluated"


def test_rounding_is_judged_in_a_deep_pass() -> None:
    """The gradient by a shift of the logits vanishes below two hundred layers too."""
    b = Build()
    h, s, y = b.symbol("z", "n"), b.parameter("s"), b.symbol("y", "n", sums_to_one=True)
    h = b.let("h", add(h, s), "n")
    for layer in range(200):
        h = b.let(f"h{layer}", add(h, number("0.25")), "n")
    p = b.let("p", call("softmax", h, axis="columns"), "n")
    L = b.let("L", call("cross_entropy", y, p))
    assert Verifier(b.graph(), seeds=(3,)).check_equal(d(L, s), call("sum", d(L, h))).status == "holds"


def test_free_indices_of_large_arrays_are_looked_at_in_part() -> None:
    """The chain rule with all its indicators has more positions than can be held at once."""
    b = Build()
    W, x = b.parameter("W", 150, 140), b.symbol("x", 140)
    y = b.let("y", mm(W, x), 150)
    L = b.let("L", call("sumsq", y))
    p, q, i, j = Index(Dim(150), "p"), Index(Dim(140), "q"), Index(Dim(150), "i"), Index(Dim(140), "j")
    raw = over(had(at(d(L, y), i), at(x, j), kron(i, p), kron(j, q)), i, j)
    verifier = Verifier(b.graph(), seeds=(3,))
    assert verifier.check_equal(at(d(L, W), p, q), raw).status == "holds"
    swapped = over(had(at(d(L, y), i), at(x, j), kron(i, p)), i, j)
    assert verifier.check_equal(at(d(L, W), p, q), swapped).status == "fails"


def test_the_derivatives_at_a_point_are_kept() -> None:
    verifier = Verifier(P.graph)
    run = verifier.runs[1]
    assert verifier.oracle_of(run.point) is run
    assert verifier.oracle_of(verifier.runs[0].point) is not run
