"""The normal form: it keeps the value, it is one for all ways to write a form, and each pass does its own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Index
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Group
from symbackprop.notation.forms import Factor, Form, Term, bind, negated, number, product, single, total
from symbackprop.notation.normal import expanded, normal, same
from tests.notation.random_forms import COLUMN, ROW, A, M, N, S, forms, lam, point, rewritten, u, v, w

POINT = point()
I, J, K = Index(N, "i"), Index(N, "j"), Index(N, "k")


def form(*factors: Factor, bound: tuple[Index, ...] = (), coefficient: Fraction | int = 1) -> Form:
    return Form((Term(Fraction(coefficient), factors, bound),))


def e(tensor: object, *slots: Index | int) -> Entry:
    return Entry(tensor, slots)  # type: ignore[arg-type]


# -- for every form


@settings(max_examples=200)
@given(forms(), st.integers(0, 2**32 - 1))
def test_one_normal_form_for_all_ways_to_write_it(given_form: Form, seed: int) -> None:
    other = rewritten(given_form, np.random.default_rng(seed))
    assert normal(other).key == normal(given_form).key


@settings(max_examples=200)
@given(forms())
def test_the_value_stays(given_form: Form) -> None:
    np.testing.assert_allclose(
        POINT.array(normal(given_form), ROW, COLUMN), POINT.array(given_form, ROW, COLUMN), rtol=1e-8
    )


@settings(max_examples=200)
@given(forms())
def test_multiplying_out_keeps_the_value(given_form: Form) -> None:
    np.testing.assert_allclose(
        POINT.array(expanded(given_form), ROW, COLUMN),
        POINT.array(given_form, ROW, COLUMN),
        rtol=1e-7,
        atol=1e-9,
    )


@settings(max_examples=200)
@given(forms())
def test_the_normal_form_is_its_own(given_form: Form) -> None:
    once = normal(given_form)
    assert normal(once).key == once.key


@settings(max_examples=60)
@given(forms(), st.integers(0, 2**32 - 1))
def test_a_form_minus_itself_is_zero(given_form: Form, seed: int) -> None:
    other = rewritten(given_form, np.random.default_rng(seed))
    assert normal(total((given_form, negated(other)))).is_zero


@settings(max_examples=60)
@given(forms(), st.integers(0, 2**32 - 1))
def test_same_sees_through_groups(given_form: Form, seed: int) -> None:
    grouped = product(number(1), single(Group(rewritten(given_form, np.random.default_rng(seed)))))
    assert same(grouped, given_form)


# -- deltas


def test_a_delta_with_a_bound_end_takes_its_sum_away() -> None:
    got = normal(form((Delta(I, J), 1), (e(u, I), 1), bound=(I,)))
    assert got.key == single(e(u, J)).key


def test_a_delta_between_two_bound_indices_leaves_one() -> None:
    got = normal(form((Delta(I, J), 1), (e(u, I), 1), (e(w, J), 1), bound=(I, J)))
    assert got.key == form((e(u, K), 1), (e(w, K), 1), bound=(K,)).key


def test_equal_ends_are_one() -> None:
    assert normal(form((Delta(I, I), 1), (e(u, I), 1))).key == single(e(u, I)).key


def test_the_sum_of_a_diagonal_delta_is_the_dim() -> None:
    got = normal(form((Delta(I, J), 1), bound=(I, J)))
    assert got.key == single(DimFactor(N)).key


@pytest.mark.parametrize("places", [(I, J), (J, I)])
def test_two_free_ends_share_one_name(places: tuple[Index, Index]) -> None:
    """A_jj [i = j] and A_ij [i = j] are one thing, whichever way the delta is written."""
    ways = [form((Delta(*places), 1), (e(S, a, b), 1)) for a in (I, J) for b in (I, J)]
    assert len({normal(way).key for way in ways}) == 1
    values = POINT.array(normal(ways[0]), I, J)
    np.testing.assert_allclose(values, np.diag(np.diag(POINT.values[S])))


def test_a_chain_of_deltas_to_a_free_end() -> None:
    got = normal(form((Delta(I, J), 1), (Delta(J, K), 1), (e(u, K), 1), bound=(J, K)))
    assert got.key == single(e(u, I)).key


def test_two_deltas_with_free_ends() -> None:
    p, q, r = (Index(N, letter) for letter in "pqr")
    one = normal(form((Delta(p, q), 1), (Delta(q, r), 1), (e(u, r), 1)))
    other = normal(form((Delta(p, r), 1), (Delta(r, q), 1), (e(u, p), 1)))
    assert POINT.form(one, {p: 1, q: 1, r: 1}) == pytest.approx(POINT.values[u][1])
    assert POINT.form(one, {p: 1, q: 1, r: 0}) == 0
    assert POINT.form(other, {p: 1, q: 0, r: 1}) == 0


@pytest.mark.parametrize(("left", "right", "value"), [(1, 1, 1), (1, 2, 0)])
def test_deltas_of_fixed_places(left: int, right: int, value: int) -> None:
    assert normal(form((Delta(left, right), 1))).constant == value


def test_a_delta_fixes_an_index() -> None:
    got = normal(form((Delta(I, 2), 1), (e(u, I), 1), bound=(I,)))
    assert got.key == single(e(u, 2)).key


def test_a_delta_squared_is_the_delta() -> None:
    assert normal(form((Delta(I, J), 1), (Delta(J, I), 1))).key == single(Delta(I, J)).key


# -- sums over what does not stand there


def test_a_sum_over_an_absent_index_is_its_dim() -> None:
    got = normal(form((e(u, I), 1), bound=(J, K)))
    assert got.key == form((e(u, I), 1), (DimFactor(N), 2)).key


def test_a_numbered_dim_is_a_number() -> None:
    index = Index(Dim(4), "i")
    assert normal(form(bound=(index,))).constant == 4


def test_the_sum_of_a_mean_is_the_sum() -> None:
    """1/n sum_j sum_i u_i = sum_i u_i: the dim cancels against 1/n."""
    got = normal(form((DimFactor(N), -1), (e(u, I), 1), bound=(I, J)))
    assert got.key == form((e(u, K), 1), bound=(K,)).key


def test_dims_of_another_name_do_not_cancel() -> None:
    got = normal(form((DimFactor(M), -1), (e(u, I), 1), bound=(I, J)))
    assert got.key == form((e(u, K), 1), (DimFactor(N), 1), (DimFactor(M), -1), bound=(K,)).key


# -- cancellation, groups, equal terms


def test_a_factor_cancels_against_its_inverse() -> None:
    assert normal(form((e(u, I), 1), (e(w, I), 1), (e(u, I), -1))).key == single(e(w, I)).key


def test_another_entry_does_not_cancel() -> None:
    got = normal(form((e(u, I), 1), (e(u, J), -1)))
    assert len(got.terms[0].factors) == 2


def test_a_group_cancels_against_its_inverse() -> None:
    group = Group(total((single(e(u, I)), single(e(w, I)))))
    turned = Group(total((single(e(w, I)), single(e(u, I)))))
    assert normal(form((group, 1), (turned, -1))).constant == 1


def test_a_group_of_one_term_is_none() -> None:
    inside = form((e(u, I), 2), coefficient=Fraction(3, 2))
    assert normal(single(Group(inside), -1)).key == form((e(u, I), -2), coefficient=Fraction(2, 3)).key


def test_a_sum_under_a_power_stays_under_it() -> None:
    got = normal(single(Group(bind(single(e(u, I)), (I,))), 2))
    assert POINT.form(got, {}) == pytest.approx(POINT.values[u].sum() ** 2)


def test_a_root_of_a_square_stays() -> None:
    """sqrt(u^2) is |u|, not u."""
    got = normal(single(Group(form((e(u, I), 2))), Fraction(1, 2)))
    assert got.key != single(e(u, I)).key


def test_equal_terms_are_added_and_zeros_dropped() -> None:
    got = normal(total((single(e(u, I)), single(e(w, I)), single(e(u, I)), negated(single(e(w, I))))))
    assert got.key == form((e(u, I), 1), coefficient=2).key


def test_the_order_of_first_appearance_stays() -> None:
    got = normal(total((single(e(w, I)), single(e(u, I)), single(e(w, I)))))
    assert [term.factors[0][0].key for term in got.terms] == [e(w, I).key, e(u, I).key]


def test_binomials() -> None:
    plus = Group(total((single(e(u, I)), single(e(w, I)))))
    minus = Group(total((single(e(u, I)), negated(single(e(w, I))))))
    difference = total((form((e(u, I), 2)), negated(form((e(w, I), 2)))))
    assert same(form((plus, 1), (minus, 1)), difference)
    assert not same(form((plus, 2)), difference)


def test_the_coefficient_zero_is_nothing() -> None:
    assert normal(form((e(lam), 1), coefficient=0)).is_zero


def test_vectors_of_another_tensor_are_others() -> None:
    assert not same(bind(single(e(A, I, COLUMN)), (I,)), single(e(v, COLUMN)))
