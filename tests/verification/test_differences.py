"""Differences against derivatives written out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.indexed import IndexValue, Range, Reduce
from symbackprop.core.operations import Param
from symbackprop.core.tensors import Convention, Index
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.differences import Oracle
from symbackprop.verification.point import Refusal
from symbackprop.verification.sampling import draw
from tests.verification.graphs import Build, add, at, call, dim, had, mm, neg, over, perceptron, power, t


@pytest.mark.parametrize("convention", Convention)
def test_quadratic_form(convention: Convention) -> None:
    b = Build(convention)
    A, x = b.symbol("A", "n", "n"), b.parameter("x", "n")
    row = convention is Convention.ROW
    L = b.let("L", mm(x, A, t(x)) if row else mm(t(x), A, x))
    graph = b.graph()
    point = draw(graph, 4)
    a, v = point.values[A.tensor], point.values[x.tensor]
    oracle = Oracle(graph, point)
    np.testing.assert_allclose(
        oracle.partial(L.tensor, x.tensor), v @ (a + a.T) if row else (a + a.T) @ v, rtol=1e-13
    )
    flat = v.reshape(-1, 1)
    np.testing.assert_allclose(oracle.partial(L.tensor, A.tensor), flat @ flat.T, rtol=1e-13)


def test_an_intermediate_is_cut() -> None:
    """L = sum(h * h * x) with h = x * x: dL/dh sees h alone, dL/dx sees both roads."""
    b = Build()
    x = b.symbol("x", "n")
    h = b.let("h", had(x, x), "n")
    L = b.let("L", call("sum", had(h, h, x)))
    graph = b.graph()
    point = draw(graph, 9)
    v = point.values[x.tensor]
    oracle = Oracle(graph, point)
    np.testing.assert_allclose(oracle.partial(L.tensor, h.tensor), 2 * v**3, rtol=1e-12)
    np.testing.assert_allclose(oracle.partial(L.tensor, x.tensor), 5 * v**4, rtol=1e-12)


def test_jacobian_axes() -> None:
    b = Build()
    W, x = b.parameter("W", "m", "n"), b.symbol("x", "n")
    z = b.let("z", mm(W, x), "m")
    graph = b.graph()
    point = draw(graph, 2)
    oracle = Oracle(graph, point)
    found = oracle.jacobian(z.tensor, W.tensor)
    m, n = point.sizes["m"], point.sizes["n"]
    assert found.shape == (m, 1, m, n)
    expected = np.einsum("ip,q->ipq", np.eye(m), point.values[x.tensor][:, 0])
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-14)
    np.testing.assert_allclose(oracle.jacobian(z.tensor, x.tensor)[:, 0, :, 0], point.values[W.tensor])


def test_itself_and_no_influence() -> None:
    p = perceptron()
    oracle = Oracle(p.graph, draw(p.graph, 3))
    size = oracle.point.values[p.H.tensor].size
    assert oracle.jacobian(p.H.tensor, p.H.tensor).reshape(size, size).trace() == size
    assert not oracle.jacobian(p.U.tensor, p.V.tensor).any()


def test_entry_equation_in_both_directions() -> None:
    """p[k] = exp(z[k]) / sum[j](exp(z[j])) has the Jacobian p_k ([k = j] - p_j)."""
    b = Build()
    z = b.symbol("z", "K")
    k, j = Index(dim("K"), "k"), Index(dim("K"), "j")
    p = b.let("p", call("exp", at(z, k)), "K", indices=(k,))
    n = b.let("n", over(at(p, j), j), indices=())
    graph = b.graph()
    point = draw(graph, 21)
    oracle = Oracle(graph, point)
    e = np.exp(point.values[z.tensor])
    np.testing.assert_allclose(point.values[p.tensor], e)
    np.testing.assert_allclose(oracle.jacobian(p.tensor, z.tensor)[:, 0, :, 0], np.diag(e[:, 0]), rtol=1e-14)
    np.testing.assert_allclose(oracle.partial(n.tensor, z.tensor), e, rtol=1e-14)


def test_shifted_entries() -> None:
    b = Build()
    x = b.symbol("x", "n")
    i = Index(dim("n"), "i")
    body = had(at(x, i), at(x, IndexValue(((i, 1),), Dim(-1))))
    L = b.let("L", Reduce("sum", (Range(i, low=IndexValue((), Dim(2))),), body))
    graph = b.graph()
    point = draw(graph, 6)
    v = point.values[x.tensor][:, 0]
    expected = np.r_[v[1:], 0] + np.r_[0, v[:-1]]
    np.testing.assert_allclose(Oracle(graph, point).partial(L.tensor, x.tensor)[:, 0], expected, rtol=1e-13)


def _not_analytic() -> Elementwise:
    """A forward function through which a complex step cannot pass."""
    return Elementwise("cube_abs", (Param("a"),), "elementwise", forward=lambda a: np.abs(a) ** 3)


def test_central_differences_where_a_complex_step_does_not_apply() -> None:
    b = Build()
    x = b.symbol("x", "n")
    L = b.let("L", call("sum", call(_not_analytic(), x)))
    graph = b.graph()
    point = draw(graph, 8)
    v = point.values[x.tensor]
    found = Oracle(graph, point).partial(L.tensor, x.tensor)
    np.testing.assert_allclose(found, 3 * v * np.abs(v), rtol=1e-7)


def test_differences_that_do_not_settle_are_refused() -> None:
    jagged = Elementwise(
        "jagged", (Param("a"),), "elementwise", forward=lambda a: np.floor(7654321.7 * np.real(a)) % 2
    )
    b = Build()
    x = b.symbol("x", "n")
    L = b.let("L", call("sum", call(jagged, x)))
    graph = b.graph()
    with pytest.raises(Refusal, match="do not settle"):
        Oracle(graph, draw(graph, 8)).partial(L.tensor, x.tensor)


@pytest.mark.parametrize("axis", ["rows", "columns"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_stacks_of_lines_equal_one_at_a_time(name: str, axis: str) -> None:
    """Perturbations go through an operation along lines all at once: confirmed by central differences."""
    b = Build()
    Z = b.symbol("Z", "m", "n")
    L = b.let("L", call("sum", power(add(call(name, Z, axis=axis), neg(Z)), 2)))
    graph = b.graph()
    oracle = Oracle(graph, draw(graph, 13))
    exact = oracle.partial(L.tensor, Z.tensor)
    size = exact.size
    columns = oracle._central(L.tensor, Z.tensor, np.full((1, size), np.nan), np.arange(size))
    np.testing.assert_allclose(exact.reshape(1, -1), columns, rtol=1e-6, atol=1e-8)


def test_of_very_many_entries_a_few_are_taken() -> None:
    b = Build()
    W, x = b.parameter("W", 150, 140), b.symbol("x", 140)
    L = b.let("L", call("sumsq", mm(W, x)))
    graph = b.graph()
    point = draw(graph, 2)
    oracle = Oracle(graph, point)
    found = oracle.partial(L.tensor, W.tensor)
    taken = np.isfinite(found)
    assert oracle.sampled
    assert taken.sum() == 36
    v = point.values[x.tensor]
    np.testing.assert_allclose(found[taken], (2 * point.values[W.tensor] @ v @ v.T)[taken], rtol=1e-12)
