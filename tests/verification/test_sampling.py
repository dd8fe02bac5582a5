"""Points obey what is declared, stay away from kinks, and are never special."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.operations import Param
from symbackprop.core.tensors import Convention, Role, Tensor
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.point import Array, Refusal
from symbackprop.verification.sampling import draw
from tests.verification.graphs import Build, add, call, had, mm, neg, number, perceptron, power

SEEDS = (3, 4, 5)


def _drawn(seed: int, convention: Convention, *shape: str, **facts: object) -> Array:
    b = Build(convention)
    leaf = b.symbol("a", *shape, **facts)
    return draw(b.graph(), seed).values[leaf.tensor]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("convention", "side"), [(Convention.ROW, 1), (Convention.COLUMN, 0)])
def test_one_hot_runs_along_the_feature_index(convention: Convention, side: int, seed: int) -> None:
    found = _drawn(seed, convention, "n", "k", one_hot=True)
    assert set(np.unique(found)) == {0.0, 1.0}
    assert (found.sum(axis=side) == 1).all()
    assert found.sum(axis=1 - side).max() < found.shape[1 - side]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("convention", Convention)
def test_one_hot_vector(convention: Convention, seed: int) -> None:
    assert _drawn(seed, convention, "k", one_hot=True).sum() == 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("convention", "side"), [(Convention.ROW, 1), (Convention.COLUMN_TRANSPOSED, 0)])
def test_simplex(convention: Convention, side: int, seed: int) -> None:
    found = _drawn(seed, convention, "n", "k", sums_to_one=True)
    np.testing.assert_allclose(found.sum(axis=side), 1)
    assert (found > 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_sum(seed: int) -> None:
    found = _drawn(seed, Convention.ROW, "n", "k", whole_sum_is_one=True)
    assert found.sum() == pytest.approx(1)
    assert np.ptp(found.sum(axis=1)) > 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_other_facts(seed: int) -> None:
    column = Convention.COLUMN
    symmetric = _drawn(seed, column, "n", "n", symmetric=True)
    assert (symmetric == symmetric.T).all()
    definite = _drawn(seed, column, "n", "n", posdef=True)
    np.testing.assert_allclose(definite, definite.T)
    assert np.linalg.eigvalsh(definite).min() > 0
    assert (_drawn(seed, column, "n", positive=True) > 0).all()
    assert (np.abs(_drawn(seed, column, "n", nonzero=True)) > 0.2).all()
    assert set(_drawn(seed, column, "n", one_of=(Fraction(-1), Fraction(1))).flat) == {-1.0, 1.0}
    between = _drawn(seed, column, "n", between=(Fraction(2), Fraction(3)))
    assert ((between > 2) & (between < 3)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_special_by_accident(seed: int) -> None:
    found = _drawn(seed, Convention.COLUMN, "n", "n")
    assert np.abs(found - found.T)[np.triu_indices(len(found), 1)].min() > 1e-6
    flat = found.ravel()
    assert not (np.sort(flat) == flat).all()
    assert (flat > 0).any()
    assert (flat < 0).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_affine_dims_stay_positive(seed: int) -> None:
    b = Build()
    n = Dim.named("n")
    b.tensors["a"] = Tensor("a", (n - 4,), Convention.COLUMN)
    b.tensors["c"] = Tensor("c", (n * 4, Dim(3)), Convention.COLUMN)
    graph = b.graph()
    point = draw(graph, seed)
    assert point.sizes["n"] >= 6
    assert point.oriented(b.tensors["c"]) == (4 * point.sizes["n"], 3)


def test_sizes_differ_from_the_numbers_in_shapes() -> None:
    b = Build()
    b.symbol("a", "n", 3)
    assert all(draw(b.graph(), seed).sizes["n"] != 3 for seed in SEEDS)


def test_sizes_that_cannot_be_are_refused() -> None:
    b = Build()
    b.tensors["a"] = Tensor("a", (Dim.named("n") * -1,), Convention.COLUMN)
    with pytest.raises(Refusal, match="every extent is at least 1"):
        draw(b.graph(), 3)


@pytest.mark.parametrize("seed", range(20))
def test_away_from_kinks_with_mixed_masks(seed: int) -> None:
    p = perceptron()
    u = draw(p.graph, seed).values[p.U.tensor]
    assert np.abs(u).min() > 1e-5
    assert (u > 0).any()
    assert (u < 0).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_logarithm_gets_positive_inputs_and_others_stay_as_they_are(seed: int) -> None:
    b = Build()
    x, z = b.symbol("x", "n", "m"), b.symbol("z", "n", "m")
    b.let("y", call("log", x), "n", "m")
    b.let("w", power(z, 2), "n", "m")
    point = draw(b.graph(), seed)
    assert (point.values[x.tensor] > 0).all()
    assert (point.values[z.tensor] < 0).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_both_logarithms_of_binary_cross_entropy(seed: int) -> None:
    b = Build()
    p = b.symbol("p", "n")
    b.let("L", call("sum", add(call("log", p), call("log", add(number(1), neg(p))))))
    value = draw(b.graph(), seed).values[p.tensor]
    assert ((value > 0) & (value < 1)).all()


def test_negative_where_only_that_is_possible() -> None:
    b = Build()
    x = b.symbol("x", "n", "m")
    b.let("y", call("sqrt", neg(x)), "n", "m")
    assert (draw(b.graph(), 3).values[x.tensor] < 0).all()


def test_no_point_is_a_reason() -> None:
    b = Build()
    x = b.symbol("x", "n")
    b.let("y", call("log", neg(had(x, x))), "n")
    with pytest.raises(Refusal, match="y is not finite"):
        draw(b.graph(), 3)


def test_a_declared_fact_is_never_overruled() -> None:
    b = Build()
    x = b.symbol("x", "n", between=(Fraction(-2), Fraction(-1)))
    b.let("y", call("log", x), "n")
    with pytest.raises(Refusal, match="y is not finite"):
        draw(b.graph(), 3)


def test_an_arbitrary_function_can_be_inside_a_logarithm() -> None:
    b = Build()
    sigma = Elementwise("sigma", (Param("a"),), "function", abstract=True)
    b.functions["sigma"] = sigma
    x = b.symbol("x", "n", "m")
    y = b.let("y", call("log", call(sigma, x)), "n", "m")
    assert np.isfinite(draw(b.graph(), 3).values[y.tensor]).all()


def test_kinks_that_cannot_be_read_need_a_hook() -> None:
    bent = Elementwise("bent", (Param("a"),), "elementwise", forward=np.abs, kinks=("2 * a",))
    b = Build()
    x = b.symbol("x", "n")
    b.let("y", call(bent, x), "n")
    with pytest.raises(Refusal, match="kinks of bent"):
        draw(b.graph(), 3)
    told = draw(b.graph(), 3, kinks_of=lambda node: (mm(number(2), node.args[0]),))
    assert np.abs(told.values[x.tensor]).min() > 5e-6


def test_known_numbers_are_not_drawn() -> None:
    b = Build()
    b.tensors["pi"] = Tensor("pi", (), Convention.COLUMN, Role.CONSTANT, numpy_value="np.pi")
    assert b.tensors["pi"] not in draw(b.graph(), 3).values


def test_the_same_seed_gives_the_same_point() -> None:
    first, second = perceptron(), perceptron()
    one, two = draw(first.graph, 31), draw(second.graph, 31)
    assert one.sizes == two.sizes
    np.testing.assert_array_equal(one.values[first.L.tensor], two.values[second.L.tensor])


def test_arrays_as_declared() -> None:
    p = perceptron()
    point = draw(p.graph, 3)
    arrays = point.arrays([p.c.tensor, p.lam.tensor, p.W.tensor])
    assert [arrays[name].ndim for name in ("c", "lam", "W")] == [1, 0, 2]
