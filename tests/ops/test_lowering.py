"""Lowering: the index form of an expression has the value of the expression, entry by entry."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Group
from symbackprop.notation.entries import comprehension_of
from symbackprop.notation.forms import Form, bind, product, single
from symbackprop.notation.normal import normal
from symbackprop.ops.form_arithmetic import dim_form, inverse, power
from symbackprop.ops.lowering import Lowering
from symbackprop.ops.tensor_entries import entry_at
from symbackprop.pipeline import Problem
from symbackprop.reading.formulas import read_formula
from symbackprop.verification.evaluate import evaluate
from symbackprop.verification.sampling import draw
from tests.derivation.networks import CONVENTIONS, network

SYMBOLS = (
    "A: n m parameter; B: n m parameter positive; S: n n parameter; u: n parameter; v: m parameter;"
    " s: parameter; c: n 1 parameter; r: 1 m parameter; q: n parameter positive"
)


@cache
def world(convention: str) -> Problem:
    """One equation, so that there is a forward pass to draw a point of."""
    return network(convention, SYMBOLS, "L = sumsq(A) + sumsq(B) + sumsq(S) + sum(q)")


def _lowered(problem: Problem, expr: Expr) -> tuple[Form, Index | None, Index | None]:
    rows, columns = expr.shape
    row = None if rows.is_one else Index(rows, "p")
    column = None if columns.is_one else Index(columns, "q")
    return Lowering(problem.context.expand).lower(expr, row, column), row, column


def _compare(convention: str, text: str) -> None:
    problem = world(convention)
    expr = read_formula(text, problem.spec.graph)
    form, row, column = _lowered(problem, expr)
    assert set(form.free) <= {row, column}
    point = draw(problem.spec.graph, 19, expand=problem.context.expand)
    expected = evaluate(expr, point, expand=problem.context.expand)
    for one in (form, normal(form)):
        written = comprehension_of(one, row, column, Leaf)
        np.testing.assert_allclose(
            evaluate(written, point, expand=problem.context.expand), expected, rtol=1e-10
        )


EVERYWHERE = """
3/2 | s | n*m | n + m + 1 | A | A^T | -A | A + B | A - 2*B | s A | A s B^T | A * B | A / B | A^2
B^(1/2) | B^s | s^2 | 1/B | s / B | (A + B)^3 | (s + 1)^2 A | A B^T A | (A + B) (A - B)^T
A A^T A A^T | A^T S A | sum(A) | mean(A) | sum(A)^2 | sum(A) sum(B) | sum(u) u | norm(A) A
sumsq(A - B) | norm1(A) | dot(A, B) | dot(u, q) u | trace(S) | trace(A B^T) | trace(S S)
outer(u, v) | outer(v, u) | diag(u) | diag(u) A | diagonal(S) * u | rowsum(A) | colsum(A)
rowmean(A * B) | colmean(A) | A - rowmean(A) | A - colsum(A)/n | A + c | A + r | c * A | r * A | c r
A r^T | c^T A | c * c | sum(c) r | eye(n) | S - eye(n) | eye(n) A | trace(eye(n)) A | ones(n, m)
zeros(n, m) + A | ones(n) | softmax(A) | softmax(A, rows) | softmax(A, columns) | softmax(u)
softmax(2*u) | log_softmax(A) | log_softmax(u) | logsumexp(A) | logsumexp(A, rows)
logsumexp(A, columns) | logsumexp(u) | softmax(A B^T) | tanh(A) | relu(A B^T) | max(A, B)
max(A, s) | min(0, A) | sigmoid(exp(s) A) | sqrt(B) | sqrt(B)^3 | square(A) | leaky_relu(A)
leaky_relu(A, s) | elu(A) | gelu(A) | softplus(u) | abs(u - q) | log(B / q[2]) | cross_entropy(A, B)
cross_entropy_logits(B, A) | nll(A, B) | sse(A, B) | mse(A, B) | hinge(A, B) | kl(B, B + 1)
huber(A, B) | huber(A, B, 2) | bce_logits(B, A) | A[2,1] A | u[1] | (A B^T)[1,2] | sum[i](u[i]^2)
sum[i,j](A[i,j] u[i]) | sum[i](u[i]) sum[i](u[i]) | mean[i,j](A[i,j]^2)
sum[i,j](ind(i = j) S[i,j]) | sum[i,j](ind(i != j) S[i,j]) | sum[i](i * u[i])
sum[i,j](S[i,j] S[j,i]) | sum[i](sum[j](A[i,j])^2) | sum[i](A[i,1] u[i]) | ind(A > 0)
ind(A > s) * A | sum[i,j,k](S[i,j] S[j,k] S[k,i]) | sum[i](exp(u[i]) / sum[j](exp(u[j])))
sum[i,j](ind(u[i] > u[j]))
""".replace("\n", " | ")
TEXTS = [text.strip() for text in EVERYWHERE.split(" | ") if text.strip()]
COLUMN_TEXTS = [
    "A v",
    "u^T A",
    "u^T A v",
    "u v^T",
    "u u^T A",
    "A + u",
    "u * A",
    "softmax(A v)",
    "S diag(u) S u",
    "u^T u u",
]
ROW_TEXTS = [
    "u A",
    "A v^T",
    "u A v^T",
    "u^T v",
    "u^T u A",
    "A + v",
    "v * A",
    "softmax(u A)",
    "u S diag(u) S",
    "u u^T u",
]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("text", TEXTS)
def test_the_form_has_the_value_of_the_expression(text: str, convention: str) -> None:
    _compare(convention, text)


@pytest.mark.parametrize("convention", ["column", "column-transposed"])
@pytest.mark.parametrize("text", COLUMN_TEXTS)
def test_vectors_as_columns(text: str, convention: str) -> None:
    _compare(convention, text)


@pytest.mark.parametrize("text", ROW_TEXTS)
def test_vectors_as_rows(text: str) -> None:
    _compare("row", text)


# -- what a form looks like


def _form(text: str, convention: str = "column") -> tuple[Form, Index | None, Index | None, Problem]:
    problem = world(convention)
    return (*_lowered(problem, read_formula(text, problem.spec.graph)), problem)


def _tensor(problem: Problem, name: str) -> Tensor:
    return problem.spec.graph.tensors[name]


def test_a_transpose_swaps_the_places() -> None:
    form, row, column, problem = _form("A^T")
    assert row is not None
    assert column is not None
    assert form.key == single(Entry(_tensor(problem, "A"), (column, row))).key


@pytest.mark.parametrize(
    ("convention", "text"), [("row", "u"), ("column", "u"), ("row", "u^T"), ("column", "u^T")]
)
def test_a_vector_has_one_index_however_it_lies(convention: str, text: str) -> None:
    form, row, column, problem = _form(text, convention)
    (place,) = [index for index in (row, column) if index is not None]
    assert form.key == single(Entry(_tensor(problem, "u"), (place,))).key


def test_an_extent_of_one_has_no_index() -> None:
    form, row, column, problem = _form("c")
    assert column is None
    assert row is not None
    assert form.key == single(Entry(_tensor(problem, "c"), (row,))).key


def test_a_stretched_operand_does_not_depend_on_the_other_side() -> None:
    form, row, column, problem = _form("A + c")
    assert row is not None
    assert column is not None
    assert {term.free for term in form.terms} == {(row, column), (row,)}
    assert form.mentions(_tensor(problem, "c"))


def test_a_product_of_sums_keeps_its_sums() -> None:
    form, _, _, _ = _form("(A + B) v")
    assert len(form.terms) == 1
    assert [type(atom) for atom, _ in form.terms[0].factors].count(Group) == 1


def test_the_same_product_twice_shares_no_index() -> None:
    form, _, _, _ = _form("sum(u) sum(u)")
    (term,) = form.terms
    assert len(set(term.bound)) == 2
    assert {atom.free for atom, _ in term.factors} == {(index,) for index in term.bound}


def test_the_identity_is_a_delta() -> None:
    form, row, column, _ = _form("eye(n)")
    assert row is not None
    assert column is not None
    assert form.key == single(Delta(row, column)).key


def test_the_trace_of_the_identity_is_the_dim() -> None:
    form, _, _, _ = _form("trace(eye(n))")
    assert normal(form).key == single(DimFactor(Dim.named("n"))).key


def test_a_mean_is_a_sum_over_the_number_of_entries() -> None:
    form, _, _, problem = _form("mean(A)")
    whole, _, _, _ = _form("sum(A)")
    count = product(inverse(dim_form(Dim.named("n"))), inverse(dim_form(Dim.named("m"))))
    assert normal(form).key == normal(product(count, whole)).key
    assert problem is world("column")


@pytest.mark.parametrize(
    ("text", "same"), [("sqrt(B)^2", "B"), ("(A^2)^3", "A^6"), ("(2*A)^-2", "1/4 / A^2")]
)
def test_whole_powers_go_into_the_factors(text: str, same: str) -> None:
    form, row, column, problem = _form(text)
    other = Lowering(problem.context.expand).lower(read_formula(same, problem.spec.graph), row, column)
    assert normal(form).key == normal(other).key


@pytest.mark.parametrize(
    ("text", "other"), [("sqrt(A^2)", "A"), ("(A * A)^(1/2)", "A"), ("sqrt(4*A)", "2*A")]
)
def test_roots_do_not(text: str, other: str) -> None:
    """sqrt(a^2) is |a|."""
    form, row, column, problem = _form(text)
    plain = Lowering(problem.context.expand).lower(read_formula(other, problem.spec.graph), row, column)
    assert normal(form).key != normal(plain).key


# -- small parts


def test_entries_by_side() -> None:
    row, column = Index(Dim.named("n"), "i"), Index(Dim.named("m"), "j")
    vector = Tensor("v", (Dim.named("m"),), Convention.ROW)
    assert entry_at(vector, None, column).slots == (column,)
    thin = Tensor("c", (Dim.named("n"), ONE), Convention.ROW)
    assert entry_at(thin, row, None).slots == (row,)
    assert entry_at(Tensor("s", (), Convention.ROW), None, None).slots == ()


@pytest.mark.parametrize(("dim", "sizes", "value"), [(Dim(3), {}, 3), (Dim.named("n") * 2 + 1, {"n": 4}, 9)])
def test_affine_dims_are_sums(dim: Dim, sizes: dict[str, int], value: int) -> None:
    total = 0.0
    for term in dim_form(dim).terms:
        names = [atom for atom, _ in term.factors]
        size = 1
        for atom in names:
            assert isinstance(atom, DimFactor)
            size *= atom.dim.evaluate(sizes)
        total += float(term.coefficient) * size
    assert total == value


def test_powers_of_numbers_are_numbers() -> None:
    assert power(dim_form(Dim(3)), Fraction(2)).constant == 9
    assert inverse(dim_form(Dim(4))).constant == Fraction(1, 4)


def test_a_sum_is_not_inverted_term_by_term() -> None:
    i = Index(Dim.named("n"), "i")
    u = Tensor("u", (Dim.named("n"),), Convention.COLUMN)
    form = inverse(bind(single(Entry(u, (i,))), (i,)))
    ((atom, exponent),) = form.terms[0].factors
    assert isinstance(atom, Group)
    assert exponent == -1


def test_a_derivative_has_no_value_in_a_forward_pass() -> None:
    problem = world("column")
    partial = Partial(_tensor(problem, "L"), _tensor(problem, "A"))
    with pytest.raises(UnsupportedError, match="derivative cannot stand here"):
        _lowered(problem, partial)
