"""`derive` without declarations: what names and dims are taken for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from symbackprop.core.tensors import Convention, Role
from symbackprop.errors import InputError
from symbackprop.reading.infer import infer_program

READ = [
    ("L = sum((W x + b - t)^2)", {}, "column", "W in R^{m x n}, x in R^n, b, t in R^m"),
    ("L = sum((x W + b - t)^2)", {}, "row", "x in R^m, W in R^{m x n}, b, t in R^n"),
    (
        "L = sum((W x + b - t)^2)",
        {"shapes": {"W": ("3", "d")}},
        "column",
        "W in R^{3 x d}, x in R^d, b, t in R^3",
    ),
    ("L = s sumsq(x)", {"shapes": {"s": ()}}, "column", "s in R, x in R^m"),
    (
        "L = lam/2 * sumsq(W) + alpha1 sum(W) + eps",
        {},
        "column",
        "lam in R, W in R^{m x n}, alpha1, eps in R",
    ),
    ("L = λ sumsq(x)", {}, "column", "λ in R, x in R^m"),
    ("L = sumsq(x)/k", {"shapes": {"x": ("k",)}}, "column", "x in R^k"),
    ("y = W x", {"shapes": {"W": ("4*n", "d + n")}}, "column", "W in R^{4*n x (d + n)}, x in R^{d + n}"),
    ("p[k] = exp(z[k]) / sum[j](exp(z[j])); L = -sum(y * log(p))", {}, "column", "z, y in R^m"),
    ("n = A m; L = sum(n * q)", {}, "column", "A in R^{p x r}, m in R^r, q in R^p"),
    ("y = W x; J = J(y)", {}, "column", "W in R^{m x n}, x in R^n"),
    ("h = sigma(W x)", {"functions": ["sigma"]}, "column", "W in R^{m x n}, x in R^n"),
    ("L = x^T A x", {}, "column", "x in R^m, A in R^{m x m}"),
    ("L = trace(A X B)", {}, "column", "A in R^{m x n}, X in R^{n x p}, B in R^{p x m}"),
    ("Z = X W + b; L = sumsq(Z)", {"convention": "row"}, "row", "X in R^{m x n}, W in R^{n x p}, b in R^p"),
    ("z = W^T x", {"convention": "column-transposed"}, "column-transposed", "W in R^{m x n}, x in R^m"),
    ("L = pi sum(x)", {}, "column", "x in R^m"),
]


@pytest.mark.parametrize(("text", "options", "convention", "readback"), READ)
def test_what_was_assumed(text: str, options: Mapping[str, Any], convention: str, readback: str) -> None:
    """Capitals are matrices, small letters vectors, Greek words scalars; dims are unified and named."""
    graph, said = infer_program(text, **options)
    assert said == readback
    assert graph.convention is Convention(convention)
    assert {tensor.role for tensor in graph.symbols} <= {Role.PARAMETER}


ERRORS = [
    ("y = x x", {}, "shape"),
    ("y = W x", {"shapes": {"Q": ("n",)}}, "unknown-symbol"),
    ("y = n x", {"shapes": {"n": ("n",)}}, "redefined"),
    ("y = W x", {"shapes": {"W": ("0", "n")}}, "shape"),
    ("y = W x", {"shapes": {"W": ("n^2", "n")}}, "shape"),
    ("y = W x", {"shapes": {"W": ("", "n")}}, "syntax"),
    ("y = W x", {"functions": ["relu"]}, "redefined"),
    ("y = W x", {"functions": ["y"]}, "redefined"),
    ("y = relu(W x) + V(x)", {}, "unknown-function"),
    ("", {}, "syntax"),
    ("# nothing", {}, "syntax"),
    ("y = dL/dW; L = sum(W)", {}, "syntax"),
    ("dx = W x", {}, "redefined"),
    ("y = y + x", {}, "cycle"),
    ("y = W x", {"shapes": {"W": ("3", "4"), "x": ("5",)}}, "shape"),
]


@pytest.mark.parametrize(("text", "options", "code"), ERRORS)
def test_errors(text: str, options: Mapping[str, Any], code: str) -> None:
    """Bad programs and options have one error with its code; no dim variable shows."""
    with pytest.raises(InputError) as caught:
        infer_program(text, **options)
    assert caught.value.code == code
    assert "?" not in caught.value.message


def test_unknown_function_names_the_option() -> None:
    """In `derive` an arbitrary function is declared on the command line."""
    with pytest.raises(InputError, match="--function"):
        infer_program("h = activation(W x)")


def test_three_indices_stand_entry_by_entry() -> None:
    """An array of three extents is no factor of a matrix product; its entries are numbers."""
    with pytest.raises(InputError, match=r"3 indices .a x b x c. and stands only entry by entry"):
        infer_program("y = W x", shapes={"W": ("a", "b", "c")})
    graph, words = infer_program("y[i] = sum[j, k](W[i,j,k] * x[j])")
    assert words == "W in R^{m x n x p}, x in R^n"
    assert [len(tensor.shape) for tensor in graph.symbols] == [3, 1]


def test_open_dims_have_letters_in_messages() -> None:
    """A mismatch of undeclared names shows letters, not variables."""
    with pytest.raises(InputError, match="W is m x n, x is 1 x p") as caught:
        infer_program("y = W x", convention="row")
    assert caught.value.hint == "did you mean x W?"
