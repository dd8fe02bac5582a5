"""Every function on SymPy objects, results that come back as SymPy objects, and what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symbackprop as sbp
from symbackprop.ops.registry import Elementwise, Structural, all_operations, lookup
from symbackprop.pipeline import Problem
from symbackprop.problem_file import spec_from_mapping
from tests.symbolic.symbols import i, j, m, n
from tests.symbolic.test_same_as_text import D, H, K, Net

W, x = sp.MatrixSymbol("W", m, n), sp.MatrixSymbol("x", n, 1)
b, t = sp.MatrixSymbol("b", m, 1), sp.MatrixSymbol("t", m, 1)
SIZES = {m: 3, n: 2}
NUMBERS = {
    "W": [[0.3, -0.7], [1.1, 0.4], [-0.6, 0.9]], "x": [[0.8], [-1.3]], "b": [[0.2], [-0.5], [0.7]],
    "t": [[0.25], [0.45], [0.3]],
}  # fmt: skip


def number_of(symbol: Any) -> Any:
    if symbol in SIZES:
        return SIZES[symbol]
    return np.array(NUMBERS[str(symbol)]) if symbol.is_Matrix else 1.7


def slope(expr: Any, by: Any) -> Any:
    """Central differences of the SymPy expression itself."""
    symbols = sorted(expr.free_symbols | expr.atoms(sp.MatrixSymbol), key=str)
    function = sp.lambdify(symbols, expr)
    values = [number_of(symbol) for symbol in symbols]
    place = symbols.index(by)
    result = np.zeros(values[place].shape)
    for spot in np.ndindex(*result.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = [np.array(v, copy=True) if np.ndim(v) else v for v in values]
            moved[place][spot] += step
            ends.append(float(np.squeeze(function(*moved))))
        result[spot] = (ends[0] - ends[1]) / 2e-5
    return result


def arguments_for(op: Any) -> list[Any]:
    """W x + b for an array; a target before it for a loss; a positive number for an option."""
    z = W * x + b
    safe = sbp.sigmoid(z) if getattr(op, "domain", "real") != "real" or op.kind == "loss" else z
    plain = [param for param in op.params if param.default is None]
    if op.name in ("inv", "det", "logdet"):
        return [z * t.T + 3 * sbp.eye(m)]
    if op.name in ("reshape", "pad"):
        return [z, 1, m] if op.name == "reshape" else [z, 2]
    return [t, safe][-len(plain) :] if op.name != "trace" else [z * t.T]


CALLED = [
    op for op in all_operations()
    if op.name not in ("eye", "ones", "zeros", "onehot") and isinstance(op, Elementwise | Structural)
]  # fmt: skip


@pytest.mark.parametrize("op", CALLED, ids=lambda op: op.name)
def test_every_function_on_matrices(op: Any) -> None:
    E = getattr(sbp, op.name)(*arguments_for(op) if op.name != "diagonal" else [(W * x + b) * t.T])
    loss = sbp.sumsq(E) + sbp.sum(W)
    d = sbp.derive(loss, W)
    result, arguments = d.expanded(), d.arguments
    values = [number_of(symbol) for symbol in arguments]
    np.testing.assert_allclose(sp.lambdify(arguments, result)(*values), slope(loss, W), rtol=1e-5, atol=1e-7)
    assert result.shape == (m, n)
    assert all([sp.latex(result), sp.latex(E), str(E)])
    assert result.subs(SIZES).shape == (3, 2)
    result.doit()
    E.subs(SIZES).doit()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "square", "exp", "softmax", "logsumexp", "norm"])
def test_a_result_goes_in_again(name: str) -> None:
    first = sbp.derive(sbp.sumsq(getattr(sbp, name)(W * x + b)), x).expanded()
    loss = sbp.sum(sp.HadamardProduct(first, x))
    d = sbp.derive(loss, b)
    values = [number_of(symbol) for symbol in d.arguments]
    np.testing.assert_allclose(
        sp.lambdify(d.arguments, d.expanded())(*values), slope(loss, b), rtol=1e-5, atol=1e-7
    )


def test_a_result_by_entries_goes_in_again() -> None:
    first = sbp.derive((W * x)[1, 0] ** 2, W).expanded()
    d = sbp.derive(sbp.sum(sp.HadamardProduct(first, W)), x)
    assert "eye(m)[1..m,2]" in d.graph.equations[-1].text
    assert d.verify().status == "holds"


def test_sympys_own_derivative_is_silently_zero_where_ours_is_right() -> None:
    logs = sbp.log(sbp.sum(sbp.exp(W * x)))
    norms = sbp.norm(W * x) + sbp.norm(x)
    for_sympy = sp.log(sp.Sum(sp.exp((W * x)[i, 0]), (i, 0, m - 1)))
    for loss in (logs, norms, for_sympy):
        d = sbp.derive(loss, x)
        assert d.verify().status == "holds"
        values = [number_of(symbol) for symbol in d.arguments]
        np.testing.assert_allclose(sp.lambdify(d.arguments, d.expanded())(*values), slope(loss, x), rtol=1e-6)


def test_results_are_in_the_symbols_of_the_author() -> None:
    p, q = sp.symbols("p q")  # no assumptions
    V, v, gamma = sp.MatrixSymbol("V", p, q), sp.MatrixSymbol("v", q, 1), sp.Symbol("gamma")
    d = sbp.derive(gamma * sbp.sumsq(V * v), V)
    assert d.result == 2 * gamma * V * v * v.T
    assert d.arguments == [gamma, V, v]
    assert d.result.subs({p: 2, q: 3}).shape == (2, 3)
    assert d.verify().status == "holds"


def test_a_dim_in_a_result_is_an_argument() -> None:
    d = sbp.derive(sbp.mean(W * x), W)
    assert d.arguments == [x, m]
    assert sp.lambdify(d.arguments, d.expanded())(np.array(NUMBERS["x"]), 3).shape == (3, 2)


def test_a_symbol_may_be_called_anything() -> None:
    V = sp.MatrixSymbol("W^{(1)}", m, n)
    d = sbp.derive(sbp.sum(V * x), V)
    assert d.graph.equations[0].text == "L = sum(W_1 x)"
    assert d.result.subs(m, 3).shape == (3, n)
    assert sbp.derive(sbp.sumsq(V), V).latex == r"2\,W^{(1)}"


def test_a_one_by_one_matrix_is_a_number() -> None:
    a = sp.MatrixSymbol("a", 1, 1)
    d = sbp.derive(x.T * x * a, x)
    assert d.text == "2 a x"
    assert d.arguments == [x, a]
    assert sp.lambdify(d.arguments, d.expanded())(np.ones((2, 1)), np.array([[3.0]])).tolist() == [[6], [6]]
    assert sbp.derive(sbp.exp(x.T * x), x).expanded_text == "2 exp(x^T x) x"


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda A: sp.Sum((W * x)[i, 0] ** 2, (i, 0, m - 1)), "2 W^T W x"),
        (lambda A: sp.Sum(A[i, j] * x[i, 0] * x[j, 0], (i, 0, n - 1), (j, 0, n - 1)), "(A + A^T) x"),
        (lambda A: sp.Sum(x[i, 0] * sp.KroneckerDelta(i, 1), (i, 0, n - 1)), "ind(2 = p)"),
        (lambda A: sp.Sum(sp.Function("sigma")(x[i, 0]), (i, 0, n - 1)), "sigma'(x)"),
        (lambda A: sp.Sum(sp.Piecewise((x[i, 0], x[i, 0] > 0), (0, True)), (i, 0, n - 1)), "ind(x > 0)"),
        (lambda A: sp.Sum(i * x[i, 0], (i, 0, n - 1)), "p - 1"),
        (lambda A: x.T * A**2 * x, "(A A + A^T A^T) x"),
        (lambda A: sp.OneMatrix(1, n) * (A + sp.Identity(n)) * x, "colsum(A + eye(n))^T"),
        (lambda A: sbp.sum(sp.DiagMatrix(x) * A), "rowsum(A)"),
        (lambda A: sbp.sum(sp.DiagonalMatrix(A) * x), "diagonal(A)"),
    ],
)
def test_what_sympy_has_of_its_own(build: Callable[[Any], Any], text: str) -> None:
    d = sbp.derive(build(sp.MatrixSymbol("A", n, n)), x)
    assert d.text == text
    assert d.verify().status == "holds"


def test_an_index_is_not_confused_with_a_symbol() -> None:
    spot = sp.Symbol("x")
    assert sbp.derive(sp.Sum(x[spot, 0] ** 2, (spot, 0, n - 1)), x).text == "2 x"


def test_a_sum_built_out_of_order_is_read_as_it_stands() -> None:
    d = sbp.derive(sbp.sumsq(sp.MatAdd(b, W * x)), W)
    assert d.text == "2 (b + W x) x^T"


def test_several_symbols_give_a_mapping_from_one_pass() -> None:
    gradients = sbp.derive(sbp.sumsq(W * x + b - t), [W, b])
    assert {name: d.text for name, d in gradients.items()} == {
        "W": "2 (W x + b - t) x^T", "b": "2 (W x + b - t)",
    }  # fmt: skip
    arrays = {name: np.squeeze(np.array(value)) for name, value in NUMBERS.items()}
    found = gradients.numpy()(arrays)
    np.testing.assert_allclose(np.outer(found["b"], arrays["x"]), found["W"])


def test_a_symbol_without_influence_has_the_gradient_zero() -> None:
    d = sbp.derive(sbp.sum(x), W)
    assert (d.text, d.shape) == ("zeros(m, n)", ("m", "n"))


def test_arbitrary_loss_and_function() -> None:
    sigma = sbp.elementwise("sigma")
    d = sbp.derive(sbp.loss("J")(sigma(W * x)), W)
    assert [e.text for e in d.graph.equations] == ["y = sigma(W x)", "J = J(y)"]
    assert d.text == "(dJ/dy * sigma'(W x)) x^T"
    assert d.verify().status == "holds"
    assert sp.latex(sbp.loss("J")(x)) == r"J\left(x\right)"


CUT: list[tuple[Any, str]] = [
    (sbp.sumsq(W[:, 1:]), "sumsq(W[1..m,2..n])"),
    (sbp.sumsq(W[:-1, :]), "sumsq(W[1..m-1,1..n])"),
    (sbp.sumsq(sp.BlockMatrix([[W], [W]]) * x), "sumsq(stack(W, W, columns) x)"),
    (
        sbp.sumsq(sp.BlockMatrix([[W, 2 * W], [W, W]])),
        "sumsq(stack(stack(W, 2 W, rows), stack(W, W, rows), columns))",
    ),
]


@pytest.mark.parametrize(("expr", "text"), CUT, ids=[text for _, text in CUT])
def test_slices_and_blocks(expr: Any, text: str) -> None:
    found = sbp.derive(expr, W)
    shapes = {"W": {"shape": ["m", "n"], "role": "parameter"}, "x": {"shape": ["n"], "role": "parameter"}}
    read = Problem(spec_from_mapping({"convention": "column", "symbols": shapes, "forward": f"L = {text}"}))
    assert found.text == read.derive("L", "W").text
    assert found.verify().status == "holds"


B = sp.MatrixSymbol("B", n, n)
REFUSED: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: W * sp.MatrixSymbol("z", K, 1), "shape", r"W is m x n, z is K x 1"),
    (lambda: W**2, "shape", r"W is m x n, no square matrix .*sbp\.square\(E\)"),
    (lambda: sbp.relu(x) ** 2, "shape", r"sbp\.square"),
    (lambda: x**3, "shape", r"HadamardPower\(E, 3\)"),
    (lambda: W.applyfunc(sp.sinh), "unsupported", r"SymPy's sinh .*sinh\(.*\) in "),
    (lambda: W[::2, :], "unsupported", r"SymPy's MatrixSlice .* in sum"),
    (lambda: sp.Matrix([[1, 2]]) * sp.MatrixSymbol("q", 2, 1), "unsupported", "MatrixSymbol"),
    (lambda: x + sp.MatrixSymbol("x", m, 1), "redefined", "two different symbols are called x"),
    (lambda: sp.MatrixSymbol("sum", n, 1), "redefined", "sum is a function"),
]


@pytest.mark.parametrize(("build", "code", "message"), REFUSED)
def test_what_is_refused(build: Callable[[], Any], code: str, message: str) -> None:
    with pytest.raises(sbp.InputError, match=message) as error:
        sbp.derive(sbp.sum(build()), x)
    assert error.value.code == code
    assert error.value.line is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sbp.derive(sbp.sum(x), x, of_shape=(m, 1)), "1 x 1, not m x 1"),
        (lambda: sbp.derive(sbp.sum(x), x, of_shape=m), "1 x 1, not m"),
        (lambda: sbp.derive("sum(x)", x), "text"),
        (lambda: sbp.derive(sbp.sum(x), 2 * x), "no symbol to differentiate by"),
        (lambda: sbp.derive(sbp.sum(x), x, convention="rows"), "did you mean row"),
        (lambda: sbp.derive(sbp.sum(x), x, level="vectors"), "did you mean vector"),
        (lambda: sbp.derive(sp.Function("J")(x), x), r"sbp\.elementwise\(\"J\"\).*sbp\.loss"),
        (lambda: sbp.relu("x"), "never evaluated"),
        (lambda: sbp.relu(x, x), "takes 1 arguments"),
        (lambda: sbp.leaky_relu(x, q=3), "no argument q"),
        (lambda: sbp.leaky_relu(x, 1, a=3), "given twice"),
        (lambda: sbp.cross_entropy(x), "needs the argument p"),
        (lambda: sbp.softmax(x, axis="row"), "did you mean rows"),
        (lambda: sbp.elementwise("relu"), "a function already"),
        (sbp.loss("J"), "no argument"),
        (lambda: sbp.problem({}), "mapping"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, forward="y = 1"), "no key here"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, covention="row"), "convention"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, roles={"X": "input"}), "unknown symbol X in roles .*x"),
        (lambda: sbp.problem({"L": sbp.sum(x)}, symbols={"x": {"shape": ["m"]}}), "the shape of x"),
        (lambda: sbp.problem({"L": "sum(z)"}), "unknown symbol z"),
    ],
)
def test_wrong_calls(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(sbp.InputError, match=message):
        call()


def test_a_problem_has_the_keys_of_the_file() -> None:
    y, Z = sp.MatrixSymbol("y", m, 1), sp.MatrixSymbol("Z", m, 1)
    found = sbp.problem(
        {Z: W * x + b, "P": sbp.softmax(Z), "L": sbp.cross_entropy(y, sp.MatrixSymbol("P", m, 1))},
        roles={W: "parameter", "b": "parameter", y: "target"},
        symbols={y: {"one_hot": True}},
        title="One layer",
        questions=[{"derive": "dL/dW"}],
        notation=[{"name": "delta", "is": "dL/dZ"}],
    )
    answer: Any = found.answer("q1")
    assert answer.derivation.text == "delta x^T"
    assert answer.verdict.status == "holds"
    assert list(found.gradients("L")) == ["W", "b"]
    assert found.derive("L", "Z").text == "P - y"
    assert found.derive("L", "Z").result.doit() == sp.MatrixSymbol("P", m, 1) - y
    assert found.title == "One layer"


def test_without_a_convention_lying_vectors_mean_row() -> None:
    net = Net("row")
    c, X = net.bias("c", H), net.batch("X", D)
    found = sbp.problem({"L": sbp.sum(sbp.softmax(X * sp.MatrixSymbol("W", D, H) + c))})
    assert found.spec.convention.value == "row"
    assert not found.spec.convention_given
    assert found.derive("L", "c").shape == ("H",)


@pytest.mark.parametrize("name", sorted(op.name for op in all_operations()))
def test_every_function_has_a_name_a_signature_and_words(name: str) -> None:
    function = getattr(sbp, name)
    op = lookup(name)
    assert op is not None
    assert function.__name__ == name
    assert function.__doc__.startswith(f"``{name}(")
    expected = [param.name for param in op.params] + ["axis"] * op.takes_axis
    assert list(inspect.signature(function).parameters) == expected
    assert name in dir(sbp)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "leaky_relu", "square"])
def test_functions_of_numbers(name: str) -> None:
    u = sp.Symbol("u", real=True)
    value = getattr(sbp, name)(u)
    assert sp.latex(value)
    number = float(sp.lambdify(u, value)(0.75))
    assert float(value.doit().subs(u, sp.Rational(3, 4))) == pytest.approx(number)
    assert sbp.derive(value * u, u).verify().status == "holds"


def test_the_derivative_of_an_array_is_its_jacobian() -> None:
    derivation = sbp.derive(sbp.relu(W * x), x)
    assert derivation.verify().status == "holds"
    assert derivation.text == "diag(relu'(W x)) W"
    assert derivation.result.shape == W.shape
    three = sbp.derive(W * x, [W])["W"]
    assert three.verify().status == "holds"
    assert [str(extent) for extent in three.result.shape] == ["m", "m", "n"]
