"""Single formulas: results read back, and the formulas of the operations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, MatMul, Number, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Indicator
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise, Structural, all_operations
from symbackprop.reading.formulas import formula_of, read_equation, read_formula

FORWARD = (
    "U = X W + c; H = relu(U); Z = H W2 + b; P = softmax(Z); L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)"
)

RESULTS = [
    "X^T dL/dU + lam W",
    "(P - Y)/N",
    "(dL/dZ W2^T) * relu'(U)",
    "colsum(dL/dZ)",
    "2 (X W + c - H) W^T",
    "-2 X^T (H * U)",
    "sum[n](X[n,p] dL/dU[n,q])",
    "lam W[p,q] + sum[n](X[n,p] dL/dU[n,q])",
    "sum[n](sum[k](dL/dZ[n,k] W2[q,k]) kron(n, p))",
    "P * (dL/dP - rowsum(dL/dP * P))",
    "P - exp(Z)/rowsum(exp(Z))",
    "softmax(Z, columns)",
    "logsumexp(Z)",
    "1/2 X^T X W",
    "H^2 + H^(1/2) + H^-2",
    "1 - H^2",
    "ones(N)^T",
    "sigma''(U) * sigma'(U)",
    "leaky_relu(U, 0.2)",
    "max(U, 0)",
    "ind(U > 0)",
    "kron(p, q)",
    "(W2^T)^T",
    "U/(lam + 2)",
    "U/lam/2",
    "U - (H - U)",
    "-(U + H)",
    "3/4 lam",
    "0.125 U",
    "mean[k](b[k])",
    "diag(c) W2",
    "X[1,2]",
    "X[N,2]",
]


@pytest.fixture
def graph(network: Callable[[str], Graph]) -> Graph:
    return network(FORWARD)


def same(a: Expr, b: Expr, indices: dict[Index, Index]) -> bool:
    """Equal up to the identity of indices."""
    if isinstance(a, Index) and isinstance(b, Index):
        return indices.setdefault(a, b) is b and a.letter == b.letter and a.dim == b.dim
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y, indices) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__") and not isinstance(a, Dim | Tensor | Elementwise | Structural):
        return all(same(getattr(a, f), getattr(b, f), indices) for f in a.__dataclass_fields__)
    return a == b


@pytest.mark.parametrize("text", RESULTS)
def test_printed_results_are_read_back(graph: Graph, text: str) -> None:
    """Reading what the text printer prints gives the same tree."""
    first = read_formula(text, graph, free_indices=True, indices={"p": FREE_P, "q": FREE_Q})
    printed = to_text(first, PLAIN)
    again = read_formula(printed, graph, free_indices=True, indices={"p": FREE_P, "q": FREE_Q})
    assert same(first, again, {}), printed
    assert to_text(again, PLAIN) == printed


FREE_P = Index(Dim.named("D"), "p")
FREE_Q = Index(Dim.named("M"), "q")


def test_partial(graph: Graph) -> None:
    """dL/dW is an atom of the shape of W; an entry of it is an Element."""
    expr = read_formula("dL/dW", graph)
    assert expr == Partial(graph.tensors["L"], graph.tensors["W"])
    assert [str(dim) for dim in expr.shape] == ["D", "M"]
    entry = read_formula("dL/dW[1,2]", graph)
    assert isinstance(entry, Element)
    assert entry.base == expr


def test_named_partial(graph: Graph) -> None:
    """A name from `notation:` is that derivative, with slots as well, and round trips by its name."""
    delta = Partial(graph.tensors["L"], graph.tensors["Z"])
    expr = read_formula("X^T (delta W2^T)", graph, notation={"delta": delta})
    names = Names(partials={(delta.of, delta.by): ("delta", None)})
    assert to_text(expr, names) == "X^T (delta W2^T)"
    entry = read_formula("delta[1,2]", graph, notation={"delta": delta})
    assert isinstance(entry, Element)
    assert entry.base == delta


def test_a_name_that_looks_like_a_derivative(graph: Graph) -> None:
    """With `dZ` for dL/dZ both can be written."""
    delta = Partial(graph.tensors["L"], graph.tensors["Z"])
    assert read_formula("dZ", graph, notation={"dZ": delta}) == delta
    assert read_formula("dL/dZ", graph, notation={"dZ": delta}) == delta


def test_equation_with_free_indices(graph: Graph) -> None:
    """Letters of the left side are the same indices on the right."""
    left, right = read_equation("dL/dW[p,q] = lam W[p,q] + sum[n](X[n,p] dL/dU[n,q]) + 0 kron(p, q)", graph)
    assert isinstance(left, Element)
    letters = {slot.single for slot in left.slots}
    assert letters < {node.single for node in right.walk() if isinstance(node, IndexValue)}
    (delta,) = [node for node in right.walk() if isinstance(node, Indicator)]
    assert delta.is_kron


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("dL/dQ", "unknown-symbol", 4),
        ("dQ/dW", "unknown-symbol", 1),
        ("dL/dW^T", "syntax", 6),
        ("d2L/dW2", "shape", 1),
        ("d2U/(dW dW)", "shape", 1),
        ("d2L/(dW[1] dW[1,1])", "shape", 6),
        ("dU/dW", "shape", 1),
        ("dL/dW[1]", "shape", 4),
        ("X[n,1]", "unknown-symbol", 3),
        ("W = 3", "syntax", 3),
        ("", "syntax", 1),
        ("X W2", "shape", 1),
    ],
)
def test_errors(graph: Graph, text: str, code: str, column: int) -> None:
    """One error with code and place."""
    with pytest.raises(InputError) as caught:
        read_formula(text, graph)
    assert (caught.value.code, caught.value.column) == (code, column)
    assert isinstance(caught.value, UnsupportedError) == (code == "unsupported")


TEXTS = [
    pytest.param(op, text, id=f"{op.name}: {text}")
    for op in all_operations()
    for text in (
        *(getattr(op, "slopes", ()) or ()),
        getattr(op, "formula", None),
        op.written("rows") if isinstance(op, Structural) else None,
        *getattr(op, "kinks", ()),
    )
    if text is not None
]


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize(("op", "text"), TEXTS)
def test_formulas_of_operations(op: Elementwise | Structural, text: str, convention: Convention) -> None:
    """Every formula, slope and definition of the table is read with arrays for its parameters."""
    shape = (Dim.named("m"), Dim.named("n"))
    params: dict[str, Expr] = {
        param.name: Leaf(Tensor(param.name, shape, convention))
        if param.default is None
        else Number(param.default)
        for param in op.params
    }
    params.setdefault("y", Leaf(Tensor("y", shape, convention)))
    expr = formula_of(text, params, convention)
    scalar = isinstance(op, Structural) or not any(isinstance(node, Leaf) for node in expr.walk())
    used = {node.tensor.shape for node in expr.walk() if isinstance(node, Leaf)} - {()}
    assert expr.is_scalar if scalar or not used else expr.shape == shape


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_axis_of_a_definition(axis: str) -> None:
    """An operation inside a definition works along the axis of the call."""
    shape = (Dim.named("m"), Dim.named("n"))
    params: dict[str, Expr] = {name: Leaf(Tensor(name, shape, Convention.ROW)) for name in "yz"}
    expr = formula_of("-sum(y * log_softmax(z))", params, Convention.ROW, axis=axis)
    assert [node.axis for node in expr.walk() if isinstance(node, Call) and node.op.takes_axis] == [axis]


def test_parameters_hide_functions_of_the_same_letters() -> None:
    """A parameter is an expression, whole; juxtaposition of it is a product."""
    vector = Leaf(Tensor("v", (Dim.named("n"),), Convention.COLUMN))
    expr = formula_of("2 a", {"a": vector}, Convention.COLUMN)
    assert isinstance(expr, MatMul)
    assert expr.factors[1] is vector
