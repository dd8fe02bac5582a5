"""Emitted NumPy code of single expressions against plain 2-D evaluation of the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symbackprop.core.expr import Add, Call, Leaf
from symbackprop.core.indexed import Comprehension
from symbackprop.notation.numpy_call import compile_function
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Output, emit_lines
from tests.notation.emitted import agree, compiled
from tests.notation.formulas import (
    ANY,
    COLUMN,
    COLUMNS,
    FORMS,
    INDEXED,
    OPERATIONS,
    ROW,
    ROWS,
    SOURCE,
    TRANSPOSED,
    N,
    called,
    graph_of,
)
from tests.notation.plain_arrays import SIZES, Plain, symbols


@pytest.mark.parametrize("convention", [ROW, COLUMN, TRANSPOSED])
@pytest.mark.parametrize("text", ANY)
def test_any_convention(text: str, convention: str) -> None:
    """Formulas that mean the same in every convention."""
    agree(graph_of(text, convention))


@pytest.mark.parametrize("convention", [COLUMN, TRANSPOSED])
@pytest.mark.parametrize("text", COLUMNS)
def test_columns(text: str, convention: str) -> None:
    """A vector is n x 1."""
    agree(graph_of(text, convention))


@pytest.mark.parametrize("text", ROWS)
def test_rows(text: str) -> None:
    """A vector is 1 x n."""
    agree(graph_of(text, ROW))


@pytest.mark.parametrize("convention", [ROW, COLUMN])
@pytest.mark.parametrize("text", INDEXED)
def test_indices(text: str, convention: str) -> None:
    """Entries, sums over named indices, indicators."""
    agree(graph_of(text, convention))


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("out[i,j] = sum[k](A[i,k] * B[k,j])", 'A @ B'),
        ("out = A diag(v)", "A * v"),
        ("out = diag(v) B", "v[:, None] * B"),
        ("out = A B z", "A @ (B @ z)"),
        ("out = 2 (A v - u) v^T", "np.outer(2 * (A @ v - u), v)"),
        ("out = ones(N)^T A", "A.sum(axis=0)"),
        ("out = A^T C / N", "(A.T @ C) / N"),
        ("out = (A C^T) * ind(R > 0)", "(A @ C.T) * (R > 0)"),
        ("out = A + u", "A + u[:, None]"),
        ("out = -C + A", "A - C"),
        ("out = (1/3) A", "1 / 3 * A"),
        ("out = 1 / A^(1/2)", "1 / np.sqrt(A)"),
        ("out = relu(A)", "np.maximum(A, 0.0)"),
        ("out = eye(N) A", "A"),
        ("out = A - u ones(D)^T", "A - u[:, None]"),
        ("out = sum[i](u[i] * u[i])", 'u @ u'),
    ],
)
def test_spelling(text: str, spelled: str) -> None:
    """What a person would write."""
    graph = graph_of(text, COLUMN)
    tensor = graph.tensors["out"]
    program = plan("f", graph, (), [Output("out", Leaf(tensor), tensor.shape)], single=True)
    assert emit_lines(program)[-1] == f"out = {spelled}"


@pytest.mark.parametrize("form", list(FORMS))
def test_index_form(form: str) -> None:
    """Bounds, conditions, positions as numbers, and results of any rank."""
    expr, order = FORMS[form]
    arrays = symbols(SOURCE)
    shape = tuple(index.dim for index in order)
    program = plan("f", SOURCE, (), [Output("y", expr, shape, order)], single=True)
    plain = Plain(SOURCE, arrays)
    expected = np.empty([dim.evaluate(SIZES) for dim in shape])
    for spot in np.ndindex(expected.shape):
        expected[spot] = plain.of(expr, {index: p + 1 for index, p in zip(order, spot, strict=True)})[0, 0]
    np.testing.assert_allclose(compile_function(program)(arrays), expected, rtol=1e-12)


@pytest.mark.parametrize("form", ["others", "max of rows", "count"])
def test_comprehension(form: str) -> None:
    """A vector given entry by entry is a matrix expression like any other."""
    body, (index,) = FORMS[form]
    expr = Add((Comprehension(index, None, body), Leaf(SOURCE.tensors["u"])))
    program = plan("f", SOURCE, (), [Output("y", expr, (N,))], single=True)
    arrays = symbols(SOURCE)
    np.testing.assert_allclose(
        compile_function(program)(arrays), Plain(SOURCE, arrays).of(expr)[:, 0], rtol=1e-12
    )


@pytest.mark.parametrize("argument", ["mat", "vec", "thin", "flat", "one"])
@pytest.mark.parametrize("convention", [ROW, COLUMN])
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_operation(op: Any, convention: str, argument: str) -> None:
    """Every operation of the table, on every way of holding its arguments."""
    text, shapes = called(op, convention, argument)
    agree(graph_of(text, convention, **shapes), low=0.1, high=0.9)


SLOPED = [op for op in OPERATIONS if op.kind == "elementwise" and getattr(op, "slope_numpy", None)]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("op", SLOPED, ids=lambda op: op.name)
def test_slope(op: Any, sign: int) -> None:
    """The code of f'(x) against differences of f."""
    text, shapes = called(op, COLUMN, "mat")
    graph = graph_of(text, COLUMN, **shapes)
    call = graph.equations[0].expr
    assert isinstance(call, Call)
    sign = 1 if op.domain == "positive" else sign
    expr = Call(op, call.args, call.call_shape, primes=1)
    arrays = {name: sign * value for name, value in symbols(graph).items()}
    function = compile_function(
        plan("f", graph, (), [Output("y", expr, graph.tensors["out"].shape)], single=True)
    )
    np.testing.assert_allclose(function(arrays), Plain(graph, arrays).of(expr), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("sigmoid", 800.0),
        ("softplus", 800.0),
        ("silu", 800.0),
        ("elu", 800.0),
        ("softmax", 800.0),
        ("logsumexp", 800.0),
        ("log_softmax", 800.0),
        ("erf", 800.0),
        ("gelu", 800.0),
    ],
)
def test_stable(name: str, point: float) -> None:
    """No overflow far out: warnings are errors."""
    text, shapes = called(next(op for op in OPERATIONS if op.name == name), COLUMN, "mat")
    graph = graph_of(text, COLUMN, **shapes)
    arrays = {
        key: value * point * np.where(np.arange(value.size).reshape(value.shape) % 2, 1, -1)
        for key, value in symbols(graph).items()
    }
    assert np.isfinite(compiled(graph)(arrays)).all()
