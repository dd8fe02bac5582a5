"""Every operation of the table against a reference, its own formula, its stated slopes and code."""

from __future__ import annotations

import string
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy import special

from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.ops.elementwise import softplus
from symbackprop.ops.registry import Elementwise, Structural, all_operations, lookup
from symbackprop.reading.formulas import formula_of
from symbackprop.verification.evaluate import evaluate
from symbackprop.verification.point import Array, Point
from symbackprop.verification.slopes import five_point
from tests.ops.references import POINT, REFERENCES, Row, arrays_of

OPERATIONS = {getattr(op, "key", "") or op.name: op for op in all_operations()}
CASES = [
    pytest.param(name, row, id=f"{name}-{place}")
    for name, rows in REFERENCES.items()
    for place, row in zip(count(), rows, strict=False)
]
ELEMENTWISE = [case for case in CASES if isinstance(OPERATIONS.get(str(case.values[0])), Elementwise)]


def _text(op: Operation, axis: str | None = None) -> str | None:
    if isinstance(op, Structural):
        return op.written(axis)
    return op.formula if isinstance(op, Elementwise) else None


def _expand(call: Call) -> Expr:
    text = _text(call.op, call.axis)
    assert text is not None
    params = {param.name: arg for param, arg in zip(call.op.params, call.args, strict=False)}
    return formula_of(text, params, Convention.COLUMN, axis=call.axis)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_reference(name: str) -> None:
    assert REFERENCES.get(name), f"add a row for {name} to tests/ops/references.py"


def test_every_reference_has_an_operation() -> None:
    assert set(REFERENCES) <= set(OPERATIONS)


@pytest.mark.parametrize(("name", "row"), CASES)
def test_value(name: str, row: Row) -> None:
    expected = np.asarray(row.value(*arrays_of(row)))
    got = evaluate(row.call(name), POINT)
    np.testing.assert_allclose(got, expected.reshape(got.shape), rtol=1e-12, atol=1e-14)
    assert expected.shape in (got.shape, ())


@pytest.mark.parametrize(("name", "row"), [case for case in CASES if _text(OPERATIONS[case.values[0]])])
def test_the_entry_formula_says_the_same(name: str, row: Row) -> None:
    call = row.call(name)
    expanded = _expand(call)
    assert expanded.shape == call.shape
    np.testing.assert_allclose(
        evaluate(expanded, POINT, expand=_expand), evaluate(call, POINT), rtol=1e-11, atol=1e-13
    )


def _forward(name: str, row: Row) -> tuple[Elementwise, list[Array]]:
    op = lookup(name)
    assert isinstance(op, Elementwise)
    return op, [evaluate(arg, POINT) for arg in row.call(name).args]


@pytest.mark.parametrize(("name", "row"), ELEMENTWISE)
def test_stated_slopes_are_those_of_the_function(name: str, row: Row) -> None:
    """By each parameter; one whose slope is not stated follows from the formula."""
    op, args = _forward(name, row)
    assert op.forward is not None
    assert len(op.slopes) == len(op.params)
    call = row.call(name)
    params: dict[str, Expr] = {p.name: arg for p, arg in zip(op.params, call.args, strict=True)} | {"y": call}
    for place, slope in enumerate(op.slopes):
        if slope is None:
            assert op.formula is not None
            continue
        stated = evaluate(formula_of(slope, params, Convention.COLUMN), POINT)
        moved = five_point(_along(op, args, place), np.broadcast_to(args[place], args[0].shape), 1e-4)
        np.testing.assert_allclose(np.broadcast_to(stated, moved.shape), moved, rtol=1e-8, atol=1e-9)


def _along(op: Elementwise, args: list[Array], place: int):  # type: ignore[no-untyped-def]
    assert op.forward is not None
    forward = op.forward
    return lambda moved: np.asarray(forward(*args[:place], moved, *args[place + 1 :]))


@pytest.mark.parametrize(("name", "row"), ELEMENTWISE)
def test_a_complex_step_passes_through(name: str, row: Row) -> None:
    op, args = _forward(name, row)
    along = _along(op, args, 0)
    stepped = np.imag(along(args[0] + 1e-30j)) / 1e-30
    np.testing.assert_allclose(stepped, five_point(along, args[0], 1e-4), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("name", "row"), ELEMENTWISE)
def test_kinks_are_declared(name: str, row: Row) -> None:
    """Where nothing is declared the slope does not jump: at 0, and where two arguments meet."""
    op, args = _forward(name, row)
    if op.domain != "real":
        assert not op.kinks
        return
    assert op.forward is not None
    centre = args[1] if len(op.params) == 2 and op.params[1].default is None else np.zeros((1, 1))
    rest = args[1:]

    def along(moved: Array) -> Array:
        return np.asarray(op.forward(moved, *rest))  # type: ignore[misc]

    right, left = five_point(along, centre + 1e-4, 2e-5), five_point(along, centre - 1e-4, 2e-5)
    value = np.abs(along(centre + 1e-4) - along(centre - 1e-4)).max()
    jumps = bool(np.abs(right - left).max() > 1e-2 or value > 1e-2)
    assert not jumps or op.kinks
    assert op.note is not None or not op.kinks


EXTREME = np.array([[-800.0, -40.0, 40.0, 800.0]])
STABLE = {
    "sigmoid": special.expit,
    "softplus": lambda a: np.logaddexp(0, a),
    "erf": special.erf,
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "elu": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "silu": lambda a: a * special.expit(a),
    "gelu": lambda a: a * special.ndtr(a),
}


@pytest.mark.parametrize("name", STABLE)
def test_no_overflow_far_from_zero(name: str) -> None:
    op = lookup(name)
    assert isinstance(op, Elementwise)
    assert op.forward is not None
    options = [float(param.default) for param in op.params if param.default is not None]
    with np.errstate(over="raise", invalid="raise", under="ignore"):
        np.testing.assert_allclose(
            op.forward(EXTREME, *options), STABLE[name](EXTREME), rtol=1e-12, atol=1e-15
        )


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_lines_with_large_entries(name: str) -> None:
    op = lookup(name)
    assert isinstance(op, Structural)
    assert op.forward is not None
    shifted = EXTREME / 100 + 1000
    got = op.forward((shifted,), "rows")
    expected = getattr(special, name)(shifted, axis=1)
    np.testing.assert_allclose(got, np.reshape(expected, got.shape), rtol=1e-10)


NAMESPACE = {"np": np, "erf": special.erf, "sigmoid": special.expit}


@pytest.mark.parametrize(("name", "row"), ELEMENTWISE)
def test_code_templates(name: str, row: Row) -> None:
    """The code that is emitted for a function and its slope is worth what the function is."""
    op, args = _forward(name, row)
    names = dict(zip((param.name for param in op.params), string.ascii_lowercase, strict=False))
    values = dict(zip(names.values(), args, strict=True))
    assert op.numpy is not None
    got = eval(op.numpy.format(**{key: f"({letter})" for key, letter in names.items()}), NAMESPACE, values)
    np.testing.assert_allclose(got, evaluate(row.call(name), POINT), rtol=1e-12, atol=1e-14)
    if op.slope_numpy is not None:
        code = op.slope_numpy.format(**{key: f"({letter})" for key, letter in names.items()})
        slope = eval(code, NAMESPACE, values)
        expected = evaluate(replace(row.call(name), primes=1), POINT)
        np.testing.assert_allclose(slope, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("name", "row"), [case for case in CASES if case not in ELEMENTWISE])
def test_structural_operations_take_complex_arrays(name: str, row: Row) -> None:
    """A complex step in a random direction agrees with a central difference."""
    op = OPERATIONS[name]
    assert isinstance(op, Structural)
    rng = np.random.default_rng(5)
    moves = {tensor: rng.normal(size=value.shape) for tensor, value in POINT.values.items()}
    moves = {tensor: move for tensor, move in moves.items() if Leaf(tensor) in row.args}
    stepped = np.imag(_moved(name, row, moves, 1e-30j)) / 1e-30
    central = (_moved(name, row, moves, 1e-6) - _moved(name, row, moves, -1e-6)) / 2e-6
    np.testing.assert_allclose(stepped, central, rtol=1e-7, atol=1e-8)


def _moved(name: str, row: Row, moves: dict[Tensor, Array], step: complex) -> Array:
    values = {tensor: value + step * moves.get(tensor, 0) for tensor, value in POINT.values.items()}
    return evaluate(row.call(name), Point(POINT.sizes, 0, values))


@pytest.mark.parametrize("at", [-30.0, -3.0, 2.0, 40.0])
def test_softplus_of_a_complex_number_keeps_its_digits(at: float) -> None:
    """NumPy's log1p of a complex number computes 1 + z first."""
    found = softplus(np.array([[at + 1e-30j]]))
    np.testing.assert_allclose(np.real(found), np.logaddexp(0.0, at), rtol=1e-14)
    np.testing.assert_allclose(np.imag(found) / 1e-30, 1 / (1 + np.exp(-at)), rtol=1e-14)
