"""Index forms: no capture, canonical keys, products that stay apart."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Index
from symbackprop.notation.atoms import Entry, Group, Position
from symbackprop.notation.forms import Form, Term, bind, number, opened, product, single, times, total, within
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import fresh, position
from tests.notation.random_forms import (
    COLUMN,
    ROW,
    A,
    B,
    M,
    N,
    S,
    forms,
    lam,
    point,
    rewritten,
    u,
    v,
    w,
)

POINT = point()


def summed(*tensors: object) -> Form:
    """sum_i of a product of vectors of n."""
    i = Index(N, "i")
    return bind(Form((Term(Fraction(1), tuple((Entry(t, (i,)), 1) for t in tensors)),)), (i,))  # type: ignore[arg-type]


# -- capture


def test_a_product_of_equal_sums_is_not_a_sum_of_squares() -> None:
    whole = summed(u)
    squared = product(whole, whole)
    assert squared.key != summed(u, u).key
    assert normal(squared).key != normal(summed(u, u)).key
    expected = POINT.values[u].sum() ** 2
    assert POINT.form(normal(squared), {}) == pytest.approx(expected)


def test_a_power_of_one_sum_by_a_group_is_the_same_number() -> None:
    assert POINT.form(single(Group(summed(u)), 2), {}) == pytest.approx(POINT.values[u].sum() ** 2)


def test_times_opens_what_would_be_caught_on_either_side() -> None:
    i = Index(N, "i")
    bound = Term(Fraction(1), ((Entry(u, (i,)), 1),), (i,))
    free = Term(Fraction(1), ((Entry(w, (i,)), 1),))
    for found in (times(bound, free), times(free, bound)):
        assert found.free == (i,)
        assert i not in found.bound
        assert POINT.term(found, {i: 1}) == pytest.approx(POINT.values[u].sum() * POINT.values[w][1])


def test_within_binds_what_the_outer_sum_means() -> None:
    i = Index(N, "i")
    outer = Term(Fraction(2), ((Entry(u, (i,)), 1),), (i,))
    found = within(outer, Term(Fraction(1), ((Entry(w, (i,)), 1),)))
    assert found.free == ()
    assert POINT.term(found, {}) == pytest.approx(2 * POINT.values[u] @ POINT.values[w])


def test_renaming_into_a_bound_index_opens_the_sum() -> None:
    i, j = Index(N, "i"), Index(M, "j")
    k = Index(N, "k")
    term = Term(Fraction(1), ((Entry(A, (k, j)), 1), (Entry(u, (i,)), 1)), (i,))
    found = term.rename({k: i})
    assert set(found.free) == {i, j}
    expected = POINT.values[A][1, 2] * POINT.values[u].sum()
    assert POINT.term(found, {i: 1, j: 2}) == pytest.approx(expected)


def test_renaming_leaves_bound_indices_alone() -> None:
    i, k = Index(N, "i"), Index(N, "k")
    term = Term(Fraction(1), ((Entry(u, (i,)), 1),), (i,))
    assert term.rename({i: k}).write({}) == term.write({})


def test_renaming_reaches_into_groups() -> None:
    i, k = Index(N, "i"), Index(N, "k")
    form = single(Group(total((single(Entry(u, (i,))), single(Entry(w, (i,)))))), 2)
    assert form.rename({i: k}).free == (k,)


def test_a_position_at_a_fixed_place_is_that_number() -> None:
    assert normal(single(Position(ROW)).rename({ROW: 3})).constant == 3


def test_a_position_moves_with_its_index() -> None:
    i = Index(N, "i")
    moved = normal(single(Position(ROW)).rename({ROW: position(((i, 2),), Dim(-1))}))
    assert moved.key == normal(total((product(number(2), single(Position(i))), number(-1)))).key


def test_fresh_indices_are_new_and_of_the_same_dim() -> None:
    found = fresh(ROW)
    assert found is not ROW
    assert (found.dim, found.letter) == (ROW.dim, ROW.letter)


def test_opened_shares_no_index() -> None:
    term = summed(u, w).terms[0]
    again = opened(term)
    assert set(again.bound).isdisjoint(term.bound)
    assert again.write({}) == term.write({})


# -- keys


def test_keys_do_not_depend_on_names() -> None:
    assert summed(u, w).key == summed(w, u).key


def test_keys_of_different_sums_differ() -> None:
    i, j = Index(N, "i"), Index(N, "j")
    square = Form((Term(Fraction(1), ((Entry(S, (i, j)), 1), (Entry(S, (j, i)), 1)), (i, j)),))
    other = Form((Term(Fraction(1), ((Entry(S, (i, j)), 2),), (i, j)),))
    assert square.key != other.key


def test_free_indices_are_told_apart() -> None:
    i, j = Index(N, "i"), Index(N, "j")
    assert single(Entry(S, (i, j))).key != single(Entry(S, (j, i))).key


def cycle(length: int, start: int, step: int) -> Form:
    """A closed walk through S, written from another corner or the other way round."""
    corners = [Index(N, "k") for _ in range(length)]
    order = [corners[(start + step * place) % length] for place in range(length)]
    factors = tuple((Entry(S, (order[a], order[(a + 1) % length])), 1) for a in range(length))
    return Form((Term(Fraction(1), factors, tuple(corners)),))


@pytest.mark.parametrize("start", range(5))
def test_symmetric_networks_have_one_key(start: int) -> None:
    """All indices look alike: colour refinement alone cannot order them."""
    assert cycle(5, start, 1).key == cycle(5, 0, 1).key


def test_two_cycles_are_not_one() -> None:
    i, j, k = (Index(N, "k") for _ in range(3))
    a, b, c = (Index(N, "k") for _ in range(3))
    edges = [(i, j), (j, k), (k, i), (a, b), (b, c), (c, a)]
    factors = tuple((Entry(S, edge), 1) for edge in edges)
    two = Form((Term(Fraction(1), factors, (i, j, k, a, b, c)),))
    assert two.key != cycle(6, 0, 1).key


@settings(max_examples=200)
@given(forms(), st.integers(0, 2**32 - 1))
def test_keys_survive_relabelling(form: Form, seed: int) -> None:
    assert rewritten(form, np.random.default_rng(seed)).key == form.key


@settings(max_examples=60)
@given(forms(), forms())
def test_equal_keys_mean_equal_values(left: Form, right: Form) -> None:
    """The key of a form decides: two random forms that agree in it agree in value."""
    joined = total((left, right))
    again = total((right, left))
    assert joined.key == again.key
    np.testing.assert_allclose(POINT.array(joined, ROW, COLUMN), POINT.array(again, ROW, COLUMN), rtol=1e-9)


@settings(max_examples=60)
@given(forms(), forms())
def test_a_product_is_worth_the_product(left: Form, right: Form) -> None:
    expected = POINT.array(left, ROW, COLUMN) * POINT.array(right, ROW, COLUMN)
    np.testing.assert_allclose(POINT.array(product(left, right), ROW, COLUMN), expected, rtol=1e-8)


@settings(max_examples=40)
@given(forms())
def test_a_form_times_itself_is_its_square(form: Form) -> None:
    np.testing.assert_allclose(
        POINT.array(product(form, form), ROW, COLUMN), POINT.array(form, ROW, COLUMN) ** 2, rtol=1e-8
    )


@pytest.mark.parametrize(("form", "value"), [(number(0), 0), (number(Fraction(3, 2)), Fraction(3, 2))])
def test_constants(form: Form, value: Fraction) -> None:
    assert form.constant == value
    assert form.is_zero == (value == 0)


def test_mentions_looks_inside() -> None:
    form = single(Group(total((single(Entry(lam, ())), number(1)))), -1)
    assert form.mentions(lam)
    assert not form.mentions(v)
    assert form.tensors == frozenset({lam})


def test_entries_of_b_are_not_entries_of_a() -> None:
    assert single(Entry(A, (ROW, COLUMN))).key != single(Entry(B, (COLUMN, ROW))).key
