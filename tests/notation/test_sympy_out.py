"""SymPy results against plain 2-D evaluation: lambdify, subs, doit, as_explicit, pickle, latex, str."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sympy

from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Comprehension
from symbackprop.notation.sympy_base import OperationName, OwnMatrix, OwnScalar, is_matrix
from symbackprop.notation.sympy_objects import Applied
from symbackprop.notation.sympy_out import arguments_of, to_sympy
from symbackprop.notation.sympy_symbols import dim_symbol, symbol_of
from symbackprop.ops.registry import all_operations, lookup
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program
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
    called,
    graph_of,
    perceptron,
)
from tests.notation.plain_arrays import SIZES, Plain, symbols


def values_for(arguments: list[Any], graph: Graph, arrays: dict[str, Any]) -> list[Any]:
    """2-D arrays for matrices, floats for scalars, whole numbers for dims."""
    found: list[Any] = []
    by_symbol = {symbol_of(tensor): tensor for tensor in graph.symbols}
    for argument in arguments:
        tensor = by_symbol.get(argument)
        if tensor is None:
            found.append(SIZES[str(argument).rstrip("_")])
        elif tensor.is_scalar:
            found.append(float(np.asarray(arrays[tensor.name]).reshape(())))
        else:
            rows, columns = (dim.evaluate(SIZES) for dim in tensor.oriented)
            found.append(np.asarray(arrays[tensor.name]).reshape(rows, columns))
    return found


def expression(graph: Graph) -> Expr:
    """The right side of ``out``, as a matrix."""
    equation = graph.equation_of(graph.tensors["out"])
    assert equation is not None
    assert equation.expr is not None
    if not equation.indices:
        return equation.expr
    indices = equation.indices
    row_convention = graph.convention.vectors_are_rows
    if len(indices) == 2:
        return Comprehension(indices[0], indices[1], equation.expr)
    return (
        Comprehension(None, indices[0], equation.expr)
        if row_convention
        else Comprehension(indices[0], None, equation.expr)
    )


def agree(graph: Graph, expr: Expr, *, modules: str | None = None, **options: Any) -> None:
    """lambdify of the SymPy object gives the plain value."""
    arrays = symbols(graph, **options)
    result = to_sympy(expr)
    arguments = arguments_of(result, graph)
    function = sympy.lambdify(arguments, result, **({"modules": modules} if modules else {}))
    found = np.asarray(function(*values_for(arguments, graph, arrays)), dtype=float)
    expected = Plain(graph, arrays).of(expr) * np.ones([dim.evaluate(SIZES) for dim in expr.shape])
    assert is_matrix(result) is not expr.is_scalar
    np.testing.assert_allclose(
        found if found.ndim == 2 else found.reshape(1, 1), expected, rtol=1e-10, atol=1e-12
    )


def explicit_agrees(graph: Graph, expr: Expr, **options: Any) -> None:
    """Numbers for dims, then explicit matrices for symbols, then doit: the plain value again."""
    arrays = symbols(graph, **options)
    result = to_sympy(expr)
    sizes = {dim_symbol(name): size for name, size in SIZES.items()}
    found = result.subs(sizes)
    tensors = {symbol_of(tensor): tensor for tensor in graph.symbols}
    values = {}
    for symbol, value in zip(tensors, values_for(list(tensors), graph, arrays), strict=True):
        values[symbol.subs(sizes)] = (
            sympy.ImmutableMatrix(value.tolist()) if symbol.is_Matrix else sympy.Float(value)
        )
    found = found.subs(values).doit()
    if is_matrix(found):
        found = found.as_explicit()
    numbers = np.array(sympy.N(found).tolist() if is_matrix(found) else [[sympy.N(found)]], dtype=float)
    expected = Plain(graph, arrays).of(expr) * np.ones([dim.evaluate(SIZES) for dim in expr.shape])
    np.testing.assert_allclose(numbers, expected, rtol=1e-10, atol=1e-12)


def stands_by_itself(result: Any) -> None:
    """Rebuilds, prints, pickles, equals and hashes like any SymPy object."""
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    assert hash(again) == hash(result)
    assert result.xreplace({sympy.Symbol("nobody"): sympy.Symbol("else")}) == result
    for node in sympy.preorder_traversal(result):
        if isinstance(node, (OwnMatrix, OwnScalar)):
            assert node.func(*node.args) == node
    assert isinstance(sympy.latex(result), str)
    assert "object at" not in str(result)


CASES = [(text, convention) for text in ANY for convention in (ROW, COLUMN)]
CASES += [(text, COLUMN) for text in COLUMNS] + [(text, ROW) for text in ROWS]
LOOPED = ("out[i] = max", "out[i] = sum(softmax(u[i]", "out[i] = sum(A * u[i]")


@pytest.mark.parametrize("modules", [None, "numpy"])
@pytest.mark.parametrize(("text", "convention"), CASES)
def test_lambdify(text: str, convention: str, modules: str | None) -> None:
    """Default modules and plain NumPy, vectors as 2-D arrays."""
    graph = graph_of(text, convention)
    agree(graph, expression(graph), modules=modules)


@pytest.mark.parametrize(("text", "convention"), CASES)
def test_explicit(text: str, convention: str) -> None:
    """subs and doit."""
    graph = graph_of(text, convention)
    explicit_agrees(graph, expression(graph))


@pytest.mark.parametrize(("text", "convention"), CASES)
def test_stands_by_itself(text: str, convention: str) -> None:
    """Pickling, equality, printing."""
    graph = graph_of(text, convention)
    stands_by_itself(to_sympy(expression(graph)))


@pytest.mark.parametrize("convention", [ROW, COLUMN, TRANSPOSED])
@pytest.mark.parametrize("text", INDEXED)
def test_indices(text: str, convention: str) -> None:
    """Entries with Kronecker deltas and sums."""
    graph = graph_of(text, convention)
    agree(graph, expression(graph))
    stands_by_itself(to_sympy(expression(graph)))


@pytest.mark.parametrize("text", INDEXED)
def test_indices_explicit(text: str) -> None:
    """The same by substitution."""
    graph = graph_of(text, COLUMN)
    explicit_agrees(graph, expression(graph))


@pytest.mark.parametrize("argument", ["mat", "vec", "thin", "flat", "one"])
@pytest.mark.parametrize("convention", [ROW, COLUMN])
@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_operation(op: Any, convention: str, argument: str) -> None:
    """Every operation of the table: lambdify, explicit matrices, pickle, print."""
    text, shapes = called(op, convention, argument)
    graph = graph_of(text, convention, **shapes)
    expr = expression(graph)
    agree(graph, expr, low=0.1, high=0.9)
    explicit_agrees(graph, expr, low=0.1, high=0.9)
    stands_by_itself(to_sympy(expr))


@pytest.mark.parametrize("primes", [1, 2])
@pytest.mark.parametrize(
    "op",
    [op for op in all_operations() if op.kind == "elementwise" and len(op.params) == 1],
    ids=lambda op: op.name,
)
def test_primes(op: Any, primes: int) -> None:
    """f' and f'' entry by entry."""
    text, shapes = called(op, COLUMN, "mat")
    graph = graph_of(text, COLUMN, **shapes)
    call = expression(graph)
    assert isinstance(call, Call)
    once = Call(op, call.args, call.call_shape, primes=1)
    expr = Call(op, call.args, call.call_shape, primes=primes)
    arrays = symbols(graph)
    arguments = arguments_of(expr, graph)
    function = sympy.lambdify(arguments, to_sympy(expr))
    found = function(*values_for(arguments, graph, arrays))
    if primes == 1:
        expected = Plain(graph, arrays).of(expr)
    else:
        ends = [Plain(graph, {**arrays, "X1": arrays["X1"] + step}).of(once) for step in (1e-4, -1e-4)]
        expected = (ends[0] - ends[1]) / 2e-4
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("form", list(FORMS))
def test_index_form(form: str) -> None:
    """Bounds, conditions and positions as numbers."""
    body, order = FORMS[form]
    if len(order) > 2 or form in ("max", "max of rows", "inside softmax"):
        pytest.skip("no SymPy spelling: rank 3, or a maximum over an index")
    expr = Comprehension(order[0], order[1] if len(order) == 2 else None, body) if order else body
    if form not in ("gaps", "guarded"):
        agree(SOURCE, expr)
        explicit_agrees(SOURCE, expr)


def test_gradient_of_the_perceptron() -> None:
    """A cotangent in the named intermediates: SymPy's own classes and one of ours."""
    graph, lines, _ = perceptron()
    weights = to_sympy(next(line.expr for line in lines if line.target.by.name == "W"))  # type: ignore[union-attr]
    assert str(weights) == "lam*W + X.T*dL_dU"
    assert weights.shape == (dim_symbol("D"), dim_symbol("M"))
    loss, u = graph.tensors["L"], graph.tensors["U"]
    assert str(to_sympy(Partial(loss, u))) == "dL_dU"


def test_squared_error() -> None:
    """2 (W x + b - t) x^T as MatMul and MatAdd."""
    graph, _ = infer_program("L = sum((W x + b - t)^2)", convention=COLUMN)
    result = to_sympy(read_formula("2 (W x + b - t) x^T", graph))
    assert isinstance(result, sympy.MatMul)
    assert not result.atoms(OwnMatrix)
    w, x, b, t = (symbol_of(graph.tensors[name]) for name in "Wxbt")
    assert (result - 2 * (w * x + b - t) * x.T).doit().expand() == sympy.ZeroMatrix(*w.shape)


@pytest.mark.parametrize("name", ["lambda", "del", "pi_"])
def test_awkward_names(name: str) -> None:
    """A matrix that is called like a Python keyword survives lambdify."""
    graph = graph_of(f"out = {name} {name}^T + exp({name} {name}^T)", COLUMN, **{name: ("N", "D")})
    agree(graph, expression(graph))


def test_dims_are_arguments() -> None:
    """A dim that stands in a result is an argument, after the symbols."""
    graph = graph_of("out = A ones(D) / N", COLUMN)
    assert [str(symbol) for symbol in arguments_of(expression(graph), graph)] == ["A", "N", "D"]


def test_abstract() -> None:
    """sigma and sigma' are arguments of lambdify, and functions of the entries."""
    graph, _ = infer_program(
        "out = sigma(W x) * a",
        shapes={"W": ("M", "D"), "x": ("D",), "a": ("M",)},
        functions=("sigma",),
        convention=COLUMN,
    )
    result = to_sympy(read_formula("sigma'(W x) * a", graph))
    arguments = arguments_of(result, graph)
    assert [str(symbol) for symbol in arguments] == ["W", "x", "a", "sigma_prime"]
    w, x, a = (
        np.arange(12.0).reshape(4, 3),
        np.array([[1.0], [-2.0], [0.5]]),
        np.array([[1.0], [2.0], [3.0], [4.0]]),
    )
    np.testing.assert_allclose(sympy.lambdify(arguments, result)(w, x, a, np.cos), np.cos(w @ x) * a)
    stands_by_itself(result)


def test_entries_are_ordinary() -> None:
    """as_explicit gives what SymPy users expect."""
    graph = graph_of("out = relu(A)", COLUMN)
    first = to_sympy(expression(graph)).subs({dim_symbol("N"): 2, dim_symbol("D"): 2}).as_explicit()[0, 0]
    entry = sympy.MatrixSymbol("A", 2, 2)[0, 0]
    assert first == sympy.Max(0, entry)


def test_symbolic_entries() -> None:
    """An entry of softmax with symbolic sizes is a quotient of exponentials."""
    graph = graph_of("out = softmax(A, rows)", COLUMN)
    i, j = sympy.symbols("i j", integer=True)
    entry = to_sympy(expression(graph))[i, j]
    assert entry.has(sympy.Sum)
    assert entry.has(sympy.exp)


def test_substituted_dims_change_the_shape() -> None:
    """subs of a dim reaches shapes."""
    graph = graph_of("out = softmax(A) + rowsum(A)", COLUMN)
    result = to_sympy(expression(graph)).subs(dim_symbol("D"), 7)
    assert result.shape == (dim_symbol("N"), 7)
    assert Leaf(graph.tensors["A"]).shape[1] != 7


def test_slopes_of_two_arguments_are_not_mixed_up() -> None:
    """SymPy remembers results by name: code for one argument once stood in the function of another."""
    x, u = sympy.MatrixSymbol("x", 3, 1), sympy.MatrixSymbol("u", 3, 1)
    operation = lookup("gelu_tanh")
    assert operation is not None
    first, second = (Applied(OperationName(operation, 1), argument) for argument in (x, u))
    value = np.array([[0.3], [-1.2], [2.0]])
    assert np.array_equal(sympy.lambdify([x], first)(value), sympy.lambdify([u], second)(value))
