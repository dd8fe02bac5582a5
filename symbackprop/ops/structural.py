"""Sums, means, norms, softmax and its kin, and the small matrix functions.

``definition`` reduces an operation to simpler ones; those without are primitives of lowering
(``ops.lowering``). The forward functions take and give 2-D arrays; they are written apart from
the definitions so that an error in one cannot agree with itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symbackprop.core.operations import Param
from symbackprop.notation.numpy_stable import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from symbackprop.ops.registry import Structural

_A = (Param("A"),)
_AB = (Param("A"), Param("B"))


def _cell(value: Any) -> Any:
    return np.asarray(value).reshape(1, 1)


def _line(axis: str) -> int:
    return 1 if axis == "rows" else 0


def _shifted(z: Any, axis: str) -> Any:
    return np.real(z).max(axis=_line(axis), keepdims=True)


def _softmax(args: Any, axis: str) -> Any:
    e = np.exp(args[0] - _shifted(args[0], axis))
    return e / e.sum(axis=_line(axis), keepdims=True)


def _logsumexp(args: Any, axis: str) -> Any:
    m = _shifted(args[0], axis)
    return m + np.log(np.exp(args[0] - m).sum(axis=_line(axis), keepdims=True))


def _largest(values: Any, axis: int | None) -> Any:
    """The largest by its real part; under a complex step the first of several."""
    flat = np.asarray(values)
    if axis is None:
        return flat.reshape(-1)[np.argmax(np.real(flat))]
    place = np.expand_dims(np.argmax(np.real(flat), axis=axis), axis)
    return np.take_along_axis(flat, place, axis)


def _margins(args: Any, axis: str | None) -> Any:
    """Zeros on every side of a matrix, before and after a vector.

    ``axis`` says how a vector lies ("columns", "rows"), since its extent may be 1 by chance.
    """
    array, width = np.asarray(args[0]), int(np.ravel(args[1])[0])
    one = 1 in array.shape
    kept = {"columns": (True, False), "rows": (False, True)}.get(axis or "")
    wide = kept or tuple(not (one and size == 1) for size in array.shape)
    return np.pad(array, [(width, width) if grows else (0, 0) for grows in wide])


OPERATIONS = (
    Structural(
        "softmax", _A, "along", r"\operatorname{softmax}", True, shape_rule="same", forward=_softmax,
        numpy="softmax({A}, axis={axis})", numpy_helper=SOFTMAX,
    ),
    Structural(
        "log_softmax", _A, "along", r"\log\operatorname{softmax}", True, shape_rule="same",
        forward=lambda args, axis: args[0] - _logsumexp(args, axis),
        numpy="log_softmax({A}, axis={axis})", numpy_helper=LOG_SOFTMAX,
    ),
    Structural(
        "logsumexp", _A, "along", r"\operatorname{logsumexp}", True, shape_rule="drop", forward=_logsumexp,
        numpy="logsumexp({A}, axis={axis})", numpy_helper=LOGSUMEXP,
    ),
    Structural(
        "sum", _A, "scalar", r"\sum", shape_rule="scalar",
        forward=lambda args, axis: _cell(args[0].sum()), numpy="np.sum({A})",
    ),
    Structural(
        "mean", _A, "scalar", r"\operatorname{mean}", shape_rule="scalar",
        forward=lambda args, axis: _cell(args[0].mean()), numpy="np.mean({A})",
    ),
    Structural(
        "sumsq", _A, "scalar", r"\operatorname{sumsq}", shape_rule="scalar", definition="sum(A^2)",
        forward=lambda args, axis: _cell((args[0] * args[0]).sum()), numpy="np.sum({A} ** 2)",
        latex_template=r"\left\lVert {A} \right\rVert^{{2}}",
    ),
    Structural(
        "norm", _A, "scalar", r"\operatorname{norm}", shape_rule="scalar", definition="sqrt(sum(A^2))",
        forward=lambda args, axis: _cell(np.sqrt((args[0] * args[0]).sum())),
        numpy="np.sqrt(np.sum({A} ** 2))",
        latex_template=r"\left\lVert {A} \right\rVert",
    ),
    Structural(
        "norm1", _A, "scalar", r"\operatorname{norm1}", shape_rule="scalar", definition="sum(abs(A))",
        forward=lambda args, axis: _cell((args[0] * np.sign(np.real(args[0]))).sum()),
        numpy="np.sum(np.abs({A}))",
        latex_template=r"\left\lVert {A} \right\rVert_{{1}}",
    ),
    Structural(
        "dot", _AB, "scalar", r"\operatorname{dot}", shape_rule="dot", definition="sum(A * B)",
        forward=lambda args, axis: _cell((args[0] * args[1]).sum()), numpy="np.sum({A} * {B})",
        latex_template=r"\left\langle {A}, {B} \right\rangle",
    ),
    Structural(
        "trace", _A, "scalar", r"\operatorname{tr}", shape_rule="square-scalar",
        forward=lambda args, axis: _cell(np.trace(args[0])), numpy="np.trace({A})",
    ),
    Structural(
        "outer", _AB, "matrix", r"\operatorname{outer}", shape_rule="outer",
        forward=lambda args, axis: args[0].reshape(-1, 1) @ args[1].reshape(1, -1),
        numpy="np.outer({A}, {B})",
    ),
    Structural(
        "diag", _A, "matrix", r"\operatorname{diag}", shape_rule="diag",
        forward=lambda args, axis: np.diag(args[0].reshape(-1)), numpy="np.diag({A})",
    ),
    Structural(
        "diagonal", _A, "matrix", r"\operatorname{diagonal}", shape_rule="diagonal",
        numpy="np.diagonal({A})",
    ),
    Structural(
        "onehot", (Param("y"),), "matrix", r"\operatorname{onehot}", True, shape_rule="onehot", numpy=None
    ),
    Structural("eye", (Param("n"),), "matrix", "I", shape_rule="eye", numpy="np.eye({n})"),
    Structural("ones", (Param("n"), Param("m")), "matrix", r"\mathbf{1}", shape_rule="ones", numpy=None),
    Structural("zeros", (Param("n"), Param("m")), "matrix", r"\mathbf{0}", shape_rule="zeros", numpy=None),
    Structural(
        "rowsum", _A, "matrix", r"\operatorname{rowsum}", shape_rule="rows",
        forward=lambda args, axis: args[0].sum(axis=1, keepdims=True), numpy="{A}.sum(axis=1)",
    ),
    Structural(
        "colsum", _A, "matrix", r"\operatorname{colsum}", shape_rule="columns",
        forward=lambda args, axis: args[0].sum(axis=0, keepdims=True), numpy="{A}.sum(axis=0)",
    ),
    Structural(
        "rowmean", _A, "matrix", r"\operatorname{rowmean}", shape_rule="rows",
        forward=lambda args, axis: args[0].mean(axis=1, keepdims=True), numpy="{A}.mean(axis=1)",
    ),
    Structural(
        "colmean", _A, "matrix", r"\operatorname{colmean}", shape_rule="columns",
        forward=lambda args, axis: args[0].mean(axis=0, keepdims=True), numpy="{A}.mean(axis=0)",
    ),
    Structural(
        "max", _A, "scalar", r"\max", shape_rule="scalar", key="max/1",
        forward=lambda args, axis: _cell(_largest(args[0], None)), numpy="np.max({A})",
        note="max(A) has slope 1 at every entry that equals it",
    ),
    Structural(
        "min", _A, "scalar", r"\min", shape_rule="scalar", key="min/1",
        forward=lambda args, axis: _cell(-_largest(-args[0], None)), numpy="np.min({A})",
        note="min(A) has slope 1 at every entry that equals it",
    ),
    Structural(
        "rowmax", _A, "matrix", r"\operatorname{rowmax}", shape_rule="rows",
        forward=lambda args, axis: _largest(args[0], 1), numpy="{A}.max(axis=1)",
        note="rowmax(A) has slope 1 at every entry that is the largest of its row",
    ),
    Structural(
        "colmax", _A, "matrix", r"\operatorname{colmax}", shape_rule="columns",
        forward=lambda args, axis: _largest(args[0], 0), numpy="{A}.max(axis=0)",
        note="colmax(A) has slope 1 at every entry that is the largest of its column",
    ),
    Structural(
        "stack", _AB, "matrix", r"\operatorname{stack}", True, shape_rule="stack",
        forward=lambda args, axis: np.concatenate(list(args), _line(axis)),
        numpy=None,
    ),
    Structural(
        "reshape", (Param("A"), Param("m"), Param("n")), "matrix", r"\operatorname{reshape}",
        shape_rule="reshape", numpy=None,
        forward=lambda args, axis: args[0].reshape([int(np.ravel(size)[0]) for size in args[1:]]),
    ),
    Structural(
        "pad", (Param("A"), Param("k")), "matrix", r"\operatorname{pad}", shape_rule="pad", numpy=None,
        forward=_margins,
    ),
)
