"""Values of typed expressions against NumPy written out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.indexed import Comprehension, IndexValue, Indicator, Range, Reduce
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.ops.registry import lookup
from symbackprop.verification.evaluate import evaluate, evaluate_entries
from symbackprop.verification.point import Array, Point, Refusal, ShapeClash
from tests.verification.graphs import add, at, call, dim, div, had, mm, neg, number, over, power, t

M, N = dim("m"), dim("n")
A = Leaf(Tensor("A", (M, N), Convention.COLUMN))
B = Leaf(Tensor("B", (N, M), Convention.COLUMN))
S = Leaf(Tensor("S", (N, N), Convention.COLUMN))
x = Leaf(Tensor("x", (N,), Convention.COLUMN))
r = Leaf(Tensor("r", (N,), Convention.ROW))
k = Leaf(Tensor("k", (), Convention.COLUMN))
SIZES = {"m": 3, "n": 4}
RNG = np.random.default_rng(12)
a, b, s = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=(4, 4))
v, w, c = RNG.normal(size=(4, 1)), RNG.normal(size=(1, 4)), RNG.normal(size=(1, 1))
POINT = Point(SIZES, 1, {A.tensor: a, B.tensor: b, S.tensor: s, x.tensor: v, r.tensor: w, k.tensor: c})
i, j, q = Index(M, "i"), Index(N, "j"), Index(N, "q")


def at_place(index: Index, shift: int = 0, coefficient: int = 1) -> IndexValue:
    return IndexValue(((index, coefficient),), Dim(shift))


def shaped(name: str, *args: Expr, shape: tuple[Dim, Dim]) -> Call:
    op = lookup(name)
    assert op is not None
    return Call(op, args, shape)


MATRIX: dict[str, tuple[Expr, Array]] = {
    "product": (mm(A, x), a @ v),
    "scaled product": (mm(k, A, B, k), c * (a @ b) * c),
    "scalar on the way": (mm(t(x), x, t(x)), (v.T @ v) * v.T),
    "outer by transpose": (mm(x, t(x)), v @ v.T),
    "row vector": (mm(r, t(A)), w @ a.T),
    "broadcast row": (add(A, r), a + w),
    "broadcast column": (had(t(A), x), a.T * v),
    "negative quotient": (neg(div(A, add(number("2.5"), power(A, 2)))), -a / (2.5 + a * a)),
    "power": (power(A, 3), a**3),
    "softmax inside rows": (
        call("softmax", A, axis="rows"),
        np.exp(a) / np.exp(a).sum(axis=1, keepdims=True),
    ),
    "softmax inside columns": (call("softmax", A, axis="columns"), np.exp(a) / np.exp(a).sum(axis=0)),
    "eye": (shaped("eye", number(4), shape=(N, N)), np.eye(4)),
    "ones": (shaped("ones", number(3), shape=(M, ONE)), np.ones((3, 1))),
    "zeros": (shaped("zeros", number(3), number(4), shape=(M, N)), np.zeros((3, 4))),
    "diag": (shaped("diag", x, shape=(N, N)), np.diag(v[:, 0])),
    "diagonal": (shaped("diagonal", S, shape=(N, ONE)), np.diagonal(s)[:, None]),
    "diagonal as a row": (shaped("diagonal", S, shape=(ONE, N)), np.diagonal(s)[None]),
    "outer": (shaped("outer", x, r, shape=(N, N)), v @ w),
    "slope": (call("tanh", A, primes=1), 1 - np.tanh(a) ** 2),
    "second slope": (call("tanh", A, primes=2), -2 * np.tanh(a) * (1 - np.tanh(a) ** 2)),
    "mask": (call("relu", A, primes=1), (a > 0).astype(float)),
    "elementwise indicator": (Indicator(A, ">", number(0)), (a > 0).astype(float)),
    "comprehension": (Comprehension(j, i, had(at(A, i, j), at(x, j))), (a * v[:, 0]).T),
    "comprehension of a column": (Comprehension(j, None, power(at(x, j), 2)), v**2),
    "transposed product by entries": (Comprehension(j, q, over(had(at(A, i, j), at(A, i, q)), i)), a.T @ a),
}


@pytest.mark.parametrize("name", MATRIX)
def test_matrix_expressions(name: str) -> None:
    expr, expected = MATRIX[name]
    got = evaluate(expr, POINT)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


STRICT_UPPER = Reduce("sum", (Range(j), Range(q, low=at_place(j, 1))), had(at(S, j, q), at(x, q)))
ENTRIES: dict[str, tuple[Expr, tuple[Index, ...], Array]] = {
    "entry": (at(A, i, j), (i, j), a),
    "transposed entry": (at(A, i, j), (j, i), a.T),
    "product": (over(had(at(A, i, j), at(B, j, i)), j), (i,), np.diagonal(a @ b)),
    "sum of a product": (over(had(at(A, i, j), at(x, j)), j), (i,), (a @ v)[:, 0]),
    "double sum": (over(had(at(A, i, j), at(x, j)), i, j), (), (a @ v).sum()),
    "mean": (over(at(A, i, j), j, binder="mean"), (i,), a.mean(axis=1)),
    "maximum": (over(at(A, i, j), j, binder="max"), (i,), a.max(axis=1)),
    "product of entries": (over(at(x, j), j, binder="prod"), (), v.prod()),
    "kronecker": (Indicator(at_place(j), "=", at_place(q), True), (j, q), np.eye(4)),
    "index as a number": (mm(at_place(j, 2, 3), at(x, j)), (j,), v[:, 0] * (3 * np.arange(1, 5) + 2)),
    "entry of an expression": (at(add(A, r), i, j), (i, j), a + w),
    "entry of a vector expression": (at(mm(A, x), i), (i,), (a @ v)[:, 0]),
    "entry of what varies": (at(had(A, at(A, i, j)), i, q), (i, j, q), a[:, None, :] * a[:, :, None]),
    "triangle": (STRICT_UPPER, (), np.triu(s, 1) @ v[:, 0] @ np.ones(4)),
    "all but one": (
        Reduce("sum", (Range(q, condition=("!=", at_place(j))),), at(x, q)),
        (j,),
        v.sum() - v[:, 0],
    ),
    "mean of a restricted range": (
        Reduce("mean", (Range(q, condition=("<", IndexValue((), Dim(3)))),), at(x, q)),
        (),
        v[:2].mean(),
    ),
    "shift inside a restricted range": (
        Reduce("sum", (Range(j, low=IndexValue((), Dim(2))),), had(at(x, j), at(x, at_place(j, -1)))),
        (),
        (v[1:] * v[:-1]).sum(),
    ),
    "indicator of values": (Indicator(at(x, j), "<", at(r, j)), (j,), (v[:, 0] < w[0]).astype(float)),
    "softmax entry": (
        div(call("exp", at(x, j)), over(call("exp", at(x, q)), q)),
        (j,),
        (np.exp(v) / np.exp(v).sum())[:, 0],
    ),
    "structural operation under an index": (
        call("logsumexp", had(A, at(x, j)), axis="rows"),
        (j,),
        None,  # type: ignore[dict-item]  # not a scalar: refused
    ),
    "sum under an index": (call("sum", had(A, at(x, j))), (j,), a.sum() * v[:, 0]),
}


@pytest.mark.parametrize("name", [name for name, row in ENTRIES.items() if row[2] is not None])
def test_entry_notation(name: str) -> None:
    expr, indices, expected = ENTRIES[name]
    np.testing.assert_allclose(evaluate_entries(expr, indices, POINT), expected, rtol=1e-12)


def test_an_entry_must_be_a_scalar() -> None:
    expr, indices, _ = ENTRIES["structural operation under an index"]
    with pytest.raises(ShapeClash, match="an entry must be a scalar"):
        evaluate_entries(expr, indices, POINT)


CLASHES: dict[str, Callable[[], Expr]] = {
    "product of A and A": lambda: mm(A, A),
    "sum of A and its transpose": lambda: add(A, t(A)),
    "column against matrix": lambda: add(A, x),
    "dot of unlike shapes": lambda: call("dot", A, B),
    "diagonal": lambda: shaped("diagonal", A, shape=(M, ONE)),
}


@pytest.mark.parametrize("name", CLASHES)
def test_shapes_that_do_not_fit(name: str) -> None:
    with pytest.raises(ShapeClash):
        evaluate(CLASHES[name](), POINT)


def test_an_extent_that_happens_to_be_1_does_not_stretch() -> None:
    point = Point({"m": 1, "n": 4}, 1, {A.tensor: a[:1], S.tensor: s})
    with pytest.raises(ShapeClash):
        evaluate(add(A, S), point)


REFUSED: dict[str, tuple[Expr, str]] = {
    "unknown tensor": (Leaf(Tensor("Q", (M,), Convention.COLUMN)), "Q has no value"),
    "loose index": (at(x, j), "index j is not bound"),
    "wrong arity": (over(at(A, i), i), "A has 2 indices, not 1"),
    "unknown dim": (Leaf(Tensor("Q", (M,), Convention.COLUMN)), "Q"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_why(name: str) -> None:
    expr, reason = REFUSED[name]
    with pytest.raises(Refusal, match=reason):
        evaluate(expr, POINT)


def test_a_position_outside_the_range_has_no_value() -> None:
    shifted = evaluate_entries(at(x, at_place(j, -1)), (j,), POINT)
    assert np.isnan(shifted[0])
    np.testing.assert_array_equal(shifted[1:], v[:-1, 0])


def test_pi_needs_no_drawn_value() -> None:
    pi = Leaf(Tensor("pi", (), Convention.COLUMN, numpy_value="np.pi"))
    assert evaluate(mm(number(2), pi), POINT)[0, 0] == pytest.approx(6.283185307179586)
