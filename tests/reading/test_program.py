"""Programs: order, names, shapes, conventions, entry equations, likely intentions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from symbackprop.core.expr import Call, DimValue, Leaf, MatMul, Number
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Reduce
from symbackprop.core.tensors import Convention, Role
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import infer_program, parse_dim
from symbackprop.reading.program import read_program

Build = Callable[..., Graph]
Network = Callable[[str], Graph]


def shape_of(graph: Graph, name: str) -> str:
    return ",".join(map(str, graph.tensors[name].shape))


PERCEPTRON = {
    "row": (
        {"X": "N,D", "W": "D,M", "c": "M", "Y": "N,K", "W2": "M,K", "b": "K", "lam": ""},
        "X W + c", "H W2 + b", "N,M",
    ),
    "column": (
        {"X": "D,N", "W": "M,D", "c": "M", "Y": "K,N", "W2": "K,M", "b": "K", "lam": ""},
        "W X + c", "W2 H + b", "M,N",
    ),
    "column-transposed": (
        {"X": "D,N", "W": "D,M", "c": "M", "Y": "K,N", "W2": "M,K", "b": "K", "lam": ""},
        "W^T X + c", "W2^T H + b", "M,N",
    ),
}  # fmt: skip


@pytest.mark.parametrize("convention", PERCEPTRON)
def test_perceptron(build: Build, convention: str) -> None:
    """The two-layer perceptron reads in each convention, whatever the order of its lines."""
    shapes, hidden, scores, expected = PERCEPTRON[convention]
    loss = "L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)"
    text = f"{loss}\nP = softmax(Z)\nZ = {scores}\nU = {hidden}\nH = relu(U)\n"
    graph = build(text, shapes, convention)
    assert [equation.target.name for equation in graph.equations] == ["U", "H", "Z", "P", "L"]
    assert shape_of(graph, "U") == expected
    assert graph.tensors["L"].shape == ()
    softmax = graph.equations[3].expr
    assert isinstance(softmax, Call)
    assert (softmax.axis, softmax.axis_given) == ("rows" if convention == "row" else "columns", False)
    assert set(graph.dims) == {"N", "D", "M", "K"}


@pytest.mark.parametrize(
    ("text", "shapes", "convention"),
    [
        ("z = W x + b", {"W": "m,n", "x": "n", "b": "m"}, Convention.COLUMN),
        ("z = x W + b", {"W": "n,m", "x": "n", "b": "m"}, Convention.ROW),
        ("Z = X W + b", {"W": "n,m", "X": "N,n", "b": "m"}, Convention.ROW),
        ("z = x + b", {"x": "n", "b": "n"}, Convention.COLUMN),
    ],
)
def test_convention_is_found(
    build: Build, text: str, shapes: Mapping[str, str], convention: Convention
) -> None:
    """Column if all shapes fit under it, else row."""
    assert build(text, shapes, None).convention is convention


def test_neither_convention_reports_the_column_error(build: Build) -> None:
    """What fits nowhere is reported as seen in the column convention."""
    with pytest.raises(InputError, match=r"x is n x 1, b is m x 1"):
        build("z = x + b", {"x": "n", "b": "m"}, None)


TARGETS = [
    ("q = sum(X)", "column", ""),
    ("q = W x", "column", "m"),
    ("q = x W^T", "row", "m"),
    ("q = x^T", "column", "1,n"),
    ("q = x^T", "row", "n,1"),
    ("q = x x^T", "column", "n,n"),
    ("q = x^T x", "column", ""),
    ("q = x x^T", "row", ""),
    ("q = outer(x, x)", "row", "n,n"),
    ("q = rowsum(W)", "column", "m"),
    ("q = rowsum(W)", "row", "m,1"),
    ("q = colsum(W)", "row", "n"),
    ("q = colmean(W)", "column", "1,n"),
    ("q = W + x^T", "column", "m,n"),
    ("q = W + x", "row", "m,n"),
    ("q = W * x", "row", "m,n"),
    ("q = W / s", "row", "m,n"),
    ("q = max(W, 0)", "row", "m,n"),
    ("q = max(0, 1 - s x)", "row", "n"),
    ("q = logsumexp(x)", "row", ""),
    ("q = logsumexp(W)", "row", "m,1"),
    ("q = logsumexp(W, columns)", "row", "n"),
    ("q = logsumexp(W)", "column", "1,n"),
    ("q = diag(x)", "column", "n,n"),
    ("q = diagonal(W W^T)", "column", "m"),
    ("q = trace(W W^T)", "column", ""),
    ("q = eye(m) W", "column", "m,n"),
    ("q = ones(m)^T W", "column", "1,n"),
    ("q = ones(m, 4) ", "column", "m,4"),
    ("q = sigma'(W) * W", "column", "m,n"),
    ("q = mean[i](x[i]) x", "column", "n"),
    ("q = m n pi/2", "column", ""),
    ("q = huber(x, x, 2) + huber(x, x, d=s)", "row", ""),
    ("q = kron(1, 2) x", "row", "n"),
    ("q = ind(W > 0)", "row", "m,n"),
    ("q = M1 x", "column", "n"),
    ("q = x + k1", "column", "n"),
    ("q[i] = x[i]", "row", "n"),
    ("q[i,j] = x[i] x[j]", "row", "n,n"),
    ("q[i] = sum[j](W[i,j] x[j])", "column", "m"),
    ("q[i] = W[i,1]", "column", "m"),
    ("q[i] = 1 for i = 1..m", "column", "m"),
    ("q[i] = (W x)[i]", "column", "m"),
    ("q[i] = i x[i]", "column", "n"),
]
SHAPES = {"X": "N,n", "W": "m,n", "x": "n", "s": "", "M1": "n,n", "k1": "n,1"}


@pytest.mark.parametrize(("text", "convention", "shape"), TARGETS)
def test_shape_of_the_target(build: Build, text: str, convention: str, shape: str) -> None:
    """The rank of a name follows from its rows and columns and the convention."""
    assert shape_of(build(text, SHAPES, convention), "q") == shape


def test_tree(network: Network) -> None:
    """The typed tree of a line."""
    expr = network("U = 2 X W + c").equations[0].expr
    assert expr is not None
    product = expr.children[0]
    assert isinstance(product, MatMul)
    assert isinstance(product.factors[0], Number)
    assert isinstance(product.factors[1], Leaf)
    assert [tensor.name for tensor in network("U = 2 X W + c").equations[0].inputs] == ["X", "W", "c"]


def test_number_over_number_is_one_number(network: Network) -> None:
    """1/2 is exact; x/2 stays a quotient."""
    expr = network("q = 1/2 sumsq(W)").equations[0].expr
    assert isinstance(expr, MatMul)
    assert str(expr.factors[0].value) == "1/2"  # type: ignore[attr-defined]


def test_softmax_as_an_entry_equation(build: Build) -> None:
    """`p[k] = exp(z[k]) / sum[j](exp(z[j]))`: indices with the dim of z."""
    graph = build("p[k] = exp(z[k]) / sum[j](exp(z[j]))", {"z": "K"})
    (equation,) = graph.equations
    assert equation.expr is not None
    (index,) = equation.indices
    assert str(index.dim) == "K"
    (reduce,) = [node for node in equation.expr.walk() if isinstance(node, Reduce)]
    assert reduce.ranges[0].index is not index
    entries = [node for node in equation.expr.walk() if isinstance(node, Element)]
    assert [entry.slots[0].single for entry in entries] == [index, reduce.ranges[0].index]


def test_abstract_loss(build: Build) -> None:
    """`J = J(y, W)` has arguments and no expression."""
    graph = build("y = W x\nJ = J(y, W)", {"W": "m,n", "x": "n"})
    equation = graph.equations[1]
    assert equation.abstract
    assert [tensor.name for tensor in equation.arguments] == ["y", "W"]
    assert graph.tensors["J"].shape == ()


def test_number_slot(build: Build) -> None:
    """z[1] is an entry at a position."""
    expr = build("L = z[1]", {"z": "K"}).equations[0].expr
    assert isinstance(expr, Element)
    assert expr.slots == (IndexValue((), expr.slots[0].offset),)
    assert str(expr.slots[0].offset) == "1"


def test_dims_are_numbers(build: Build) -> None:
    """A dim stands for its number."""
    expr = build("L = sum(x)/n", {"x": "n"}).equations[0].expr
    assert expr is not None
    assert isinstance(expr.children[1], DimValue)


def test_order_keeps_the_authors_order_in_ties(network: Network) -> None:
    """Of the lines that can come next the author's first comes first."""
    graph = network("E = D1 + F; B1 = sum(X); A1 = sum(W); D1 = A1 + B1; F = sum(Y)")
    assert [equation.target.name for equation in graph.equations] == ["B1", "A1", "D1", "F", "E"]


ERRORS = [
    ("q = x1 + lam", "unknown-symbol", 5, "unknown symbol x1", None),
    ("q = Lam W", "unknown-symbol", 5, "unknown symbol Lam", "did you mean lam?"),
    ("q = relU(X)", "unknown-function", 5, "unknown function relU", "did you mean relu?"),
    ("q = sotfmax(X)", "unknown-function", 5, "unknown function sotfmax", "did you mean softmax?"),
    ("q = W(X + c)", "unknown-function", 5, "unknown function W", "for a product write a space: W (X + c)"),
    ("q = norm2(X)", "unknown-function", 5, "norm2", "norm(A) = sqrt(sum(A^2)) or sumsq"),
    ("q = norm2", "unknown-function", 5, "norm2", "sumsq"),
    ("q = exp (X)", "syntax", 5, "exp is a function", "without a space"),
    ("q = eval(X)", "unknown-function", 5, "unknown function eval", None),
    ("U = X W; U = X", "redefined", 10, "U is defined twice", None),
    ("W = X", "redefined", 1, "W is declared as parameter", None),
    ("N = 2", "redefined", 1, "N is a dim", None),
    ("relu = 2", "redefined", 1, "relu is a function", None),
    ("sigma = 2", "redefined", 1, "sigma is a function", None),
    ("dW = X W", "redefined", 1, "dW would be read as the derivative", "latex: 'dW'"),
    ("q = q + 1", "cycle", 1, "q -> q", None),
    ("e = a1; a1 = b1 + 1; b1 = g + 1; g = a1", "cycle", 9, "a1 -> b1 -> g -> a1", None),
    ("q = X^-1", "syntax", 5, "X is no scalar", "inv(X), or 1/X elementwise"),
    ("q = X^(-1)", "syntax", 5, "X is no scalar", "inv(X), or 1/X elementwise"),
    ("q = X^W", "shape", 5, "the exponent W is D x M", None),
    ("q = X/0", "syntax", 7, "division by zero", None),
    ("q = W[1]", "shape", 5, "W is a matrix", "W[1,:] for row 1, W[:,1] for column 1"),
    ("q[i] = W[i]", "shape", 8, "W is a matrix", "W[i,:] for row i"),
    ("q = c[1,2]", "shape", 5, "c has one index", None),
    ("q = lam[1]", "shape", 5, "lam is a scalar", "write lam"),
    ("q = c[0]", "shape", 7, "outside 1..M", None),
    ("q = R[2,1]", "shape", 7, "outside 1..1", None),
    ("q = c[k]", "unknown-symbol", 7, "the index k is neither bound", "sum[k](...)"),
    ("q = c[W]", "syntax", 7, "W is not an index", None),
    ("q = c[1/2]", "syntax", 7, "is not a position", None),
    ("q = sum[i](W[i,i])", "shape", 16, "i runs over D in W[i,i] and over M", None),
    ("q[i] = c[i] + b[i]", "shape", 17, "i runs over M in c[i] and over K in b[i]", None),
    ("q[i,i] = c[i]", "syntax", 5, "stands twice", None),
    ("q[k] = 3", "shape", 3, "the range of k is not known", "for k = 1..n"),
    ("q[i] = c", "shape", 3, "the range of i is not known", None),
    ("q[i] = c[i] W", "shape", 8, "q[i] is one entry", "no index on the left"),
    ("q = sum[k](c)", "shape", 9, "k does not stand in c", "sum[k](x[k])"),
    ("q = sum[c](W[c,1])", "syntax", 9, "c is a symbol", "another letter"),
    ("q = sum[N](X[N,1])", "syntax", 9, "N is a dim", "another letter"),
    ("q = sum[e](X[e,1]); e = lam", "syntax", 9, "e is a symbol", "another letter"),
    ("q[k] = sum[k](c[k])", "shape", 3, "the range of k is not known", None),
    ("q[k] = c[k] + sum[k](c[k])", "syntax", 19, "k is bound already", "another letter"),
    ("q = sum[i](c)", "shape", 9, "i does not stand in c", None),
    ("q = sum[i](W[i,1] c)", "shape", 12, "sum[i] adds numbers", None),
    ("q = leaky_relu(X, aa=0.2)", "syntax", 19, "leaky_relu has no option aa", "did you mean a?"),
    ("q = leaky_relu(X, c)", "shape", 19, "the option a of leaky_relu is a scalar", None),
    ("q = leaky_relu(X, 1, a=2)", "syntax", 22, "given twice", None),
    ("q = leaky_relu(a=2, X)", "syntax", 21, "by place cannot follow", None),
    ("q = relu(X, X, X)", "syntax", 13, "relu takes 1 argument, 3 are given", "relu(a)"),
    ("q = mse(X)", "syntax", 5, "mse takes 2 arguments, 1 given", "mse(a, b)"),
    ("q = mse(X, W)", "shape", 5, "mse needs two arguments of one shape", None),
    ("q = relu(X > 0)", "syntax", 10, "a comparison stands only inside ind", "ind(X > 0)"),
    ("q = ind(X)", "syntax", 5, "ind takes one comparison, as in ind(x > 0)", None),
    ("q = kron(1)", "syntax", 5, "kron takes two", None),
    ("q = softmax'(X)", "syntax", 5, "softmax is not elementwise", None),
    ("q = sum(X, rows)", "syntax", 12, "sum takes no rows", "rowsum(A) or colsum(A)"),
    ("q = softmax(rows, X)", "syntax", 13, "only as the last argument", None),
    ("q = trace(X)", "shape", 5, "square matrix", None),
    ("q = diag(X)", "shape", 5, "diag takes vectors", None),
    ("q = eye(X)", "syntax", 9, "the size X of eye", None),
    ("q = ones(0)", "syntax", 10, "the size 0", None),
    ("q = c · c", "syntax", 5, "· stands only between scalars", "dot(a, b)"),
    ("q = foobar(X)", "unknown-function", 5, "foobar", "an arbitrary one must be declared"),
    ("q = rows", "syntax", 5, "reserved", None),
    ("q = dL/dW; L = sum(W)", "syntax", 5, "cannot stand in the forward pass", None),
    ("q = J(X)", "unknown-function", 5, "unknown function J", None),
    ("J = J(X + 1)", "syntax", 7, "the arguments of J(...) are names", None),
    ("J = J(V)", "unknown-symbol", 7, "unknown symbol V", None),
    ("q[i] = c[i] for j = 1..M", "syntax", 17, "j does not stand on the left", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "column", "message", "hint"), ERRORS)
def test_one_clear_error(
    network: Network, text: str, code: str, column: int, message: str, hint: str | None
) -> None:
    """Each slip has its code, its place, its sentence, and what to do."""
    with pytest.raises(InputError) as caught:
        network(text)
    error = caught.value
    assert (error.code, error.line, error.column) == (code, 1, column), str(error)
    assert message in error.message
    assert hint is None or (error.hint is not None and hint in error.hint)
    assert not isinstance(error, UnsupportedError)


INTENTIONS = [
    ("column", {"W": "n,m", "x": "n"}, "y = W x", "did you mean W^T x?"),
    ("row", {"W": "n,m", "x": "n"}, "y = W x", "did you mean x W?"),
    ("row", {"W": "m,n", "x": "n"}, "y = W x", "did you mean x W^T?"),
    ("column", {"W": "m,n", "x": "n"}, "y = x W", "did you mean W x?"),
    ("column", {"W": "n,m", "x": "n", "b": "m"}, "y = 2 W x + b", "did you mean 2 W^T x?"),
    ("column", {"W": "m,m", "V": "m,n", "b": "n"}, "y = V b + b", None),
    ("row", {"X": "N,D", "W": "D,M"}, "Z = X * W", "* is elementwise; for the matrix product write X W"),
    ("column", {"x": "n", "y": "n", "A": "n,n"}, "L = x A y", "did you mean x^T A y?"),
    ("row", {"X": "N,D", "Y": "D,N"}, "Z = X + Y", "did you mean X^T + Y?"),
    ("row", {"X": "N,D", "Y": "D,N"}, "L = mse(X, Y)", "did you mean mse(X^T, Y)?"),
    ("row", {"X": "N,D", "w": "D", "y": "N"}, "r = X w^T - y", "did you mean w X^T - y?"),
    ("column", {"W": "m,n", "x": "n", "b": "m"}, "y = W x + b^T", "did you mean W x + b?"),
    ("column", {"X": "N,D", "Y": "N,D"}, "Z = X Y", "did you mean X^T Y?"),
]


@pytest.mark.parametrize(("convention", "shapes", "text", "hint"), INTENTIONS)
def test_likely_intention(
    build: Build, convention: str, shapes: Mapping[str, str], text: str, hint: str | None
) -> None:
    """The hint is an edit that fits; with none that fits there is no hint."""
    with pytest.raises(InputError) as caught:
        build(text, shapes, convention)
    assert caught.value.code == "shape"
    assert text in caught.value.message
    assert caught.value.hint == hint


def test_both_shapes_are_named(network: Network) -> None:
    """A mismatch names the equation and both shapes."""
    with pytest.raises(InputError) as caught:
        network("lost = lam\nU = X W2 + c")
    assert caught.value.message == (
        "in U = X W2 + c: the product X times W2 does not fit: X is N x D, W2 is M x K"
    )
    assert (caught.value.line, caught.value.column) == (2, 5)


def test_long_lines_are_cut_in_messages(network: Network) -> None:
    """A message stays readable however long the line is."""
    with pytest.raises(InputError) as caught:
        network("q = " + "X + " * 400 + "W")
    assert len(caught.value.message) < 500


def test_declared_shape_of_an_intermediate_wins(build: Build) -> None:
    """A declared [n,1] stays a matrix; one that disagrees is an error."""
    dims = (parse_dim("n", {}), parse_dim("1", {}))
    symbols = {"x": Declared("x", dims[:1], Role.INPUT), "u": Declared("u", dims)}
    graph = read_program("u = 2 x", Declarations(symbols, convention=Convention.COLUMN))
    assert shape_of(graph, "u") == "n,1"
    with pytest.raises(InputError, match="u is declared as n x 1, but x x\\^T is n x n"):
        read_program("u = x x^T", Declarations(symbols, convention=Convention.COLUMN))


def deep_network(layers: int) -> tuple[str, dict[str, str]]:
    shapes = {"X": "N,D0", "Y": f"N,D{layers + 1}"}
    lines = []
    for layer in range(layers + 1):
        shapes |= {f"W{layer}": f"D{layer},D{layer + 1}", f"b{layer}": f"D{layer + 1}"}
        below = f"H{layer - 1}" if layer else "X"
        lines.append(f"U{layer} = {below} W{layer} + b{layer}")
        lines.append(f"H{layer} = relu(U{layer})" if layer < layers else f"P = softmax(U{layer})")
    return "\n".join([*lines, "L = cross_entropy(Y, P)/N"]), shapes


@pytest.mark.parametrize("name", ["max", "min"])
def test_a_tie_everywhere_is_refused(name: str) -> None:
    """The slope of max(x, x) is a choice at every point: it says to write x."""
    with pytest.raises(InputError, match="every point is a tie") as caught:
        infer_program(f"y = {name}(x, x); L = sum(y)")
    assert caught.value.hint == "write x"
