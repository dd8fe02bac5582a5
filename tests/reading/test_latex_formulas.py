"""Single formulas in LaTeX: derivatives in every spelling, and what our printer writes is read back."""

from __future__ import annotations

import pytest

from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Role
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.text import to_text
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.formulas import read_equation, read_formula
from symbackprop.reading.infer import abstract_function, parse_dim
from symbackprop.reading.latex_forward import read_latex_equation, read_latex_formula
from symbackprop.reading.program import read_program

SHAPES = {"X": "N,D", "W": "D,M", "c": "M", "W2": "M,K", "b": "K", "Y": "N,K", "lam": ""}
FORWARD = (
    "U = X W + c; H = relu(U); Z = H W2 + b; P = softmax(Z); L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)"
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A two-layer perceptron in the row convention, with an abstract phi."""
    symbols = {
        name: Declared(name, tuple(parse_dim(part, {}) for part in shape.split(",") if part), Role.PARAMETER)
        for name, shape in SHAPES.items()
    }
    functions = {"phi": abstract_function("phi")}
    return read_program(FORWARD, Declarations(symbols, {}, functions, Convention.ROW))


SPELLINGS = [
    (r"\frac{\partial L}{\partial W}", "dL/dW"),
    (r"\dfrac{\partial L}{\partial W_2}", "dL/dW2"),
    (r"\frac{dL}{dU}", "dL/dU"),
    (r"\partial L/\partial W", "dL/dW"),
    (r"\nabla_W L", "dL/dW"),
    (r"\nabla_{W_{2}} L", "dL/dW2"),
    (r"\frac{\partial}{\partial c} L", "dL/dc"),
    (r"\frac{\partial \mathcal{L}}{\partial \mathbf{U}}", "dL/dU"),
    (r"X^\top \frac{\partial L}{\partial U} + \lambda W", "X^T dL/dU + lam W"),
    (r"\left(\frac{\partial L}{\partial U}\right)^{\!\top} X", "(dL/dU)^T X"),
    (r"\frac{1}{N}(P - Y)", "(1/N) (P - Y)"),
    (r"\frac{\partial L}{\partial Z} W_2^\top \odot \varphi'(U)", "(dL/dZ W2^T) * phi'(U)"),
    (r"\frac{\partial L}{\partial Z} (W^{(2)})^T", "dL/dZ W2^T"),
    (r"\frac{\partial L}{\partial Z} W^{(2)T}", "dL/dZ W2^T"),
    (r"\sum_n \frac{\partial L}{\partial Z_{n:}}", "colsum(dL/dZ)"),
    (r"\mathbf{1}_N \frac{\partial L}{\partial Z}", "ones(N) dL/dZ"),
]


@pytest.mark.parametrize(("latex", "plain"), SPELLINGS, ids=[latex for latex, _ in SPELLINGS])
def test_a_formula_with_derivatives(graph: Graph, latex: str, plain: str) -> None:
    """The same tree as from plain text."""
    assert to_text(read_latex_formula(latex, graph)) == to_text(read_formula(plain, graph))


EQUATIONS = [
    (r"\frac{\partial L}{\partial W_{pq}} = \sum_n X_{np} \frac{\partial L}{\partial U_{nq}}",
     "dL/dW[p,q] = sum[n](X[n,p] dL/dU[n,q])"),
    (r"\frac{\partial L}{\partial c_q} = \sum_{n=1}^N \frac{\partial L}{\partial U_{nq}} [U_{nq} > 0]",
     "dL/dc[q] = sum[n=1..N](dL/dU[n,q] ind(U[n,q] > 0))"),
    (r"\sum_{n}\sum_{k} Z_{nk}\,[k = p] = \sum_{n} Z_{np}", None),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "plain"), EQUATIONS)
def test_an_equation_of_entries(graph: Graph, latex: str, plain: str | None) -> None:
    """Index letters of one side are free on the other."""
    left, right = read_latex_equation(latex, graph)
    if plain is None:
        assert tight(f"{to_latex(left)} = {to_latex(right)}") == tight(latex)
    else:
        expected = read_equation(plain, graph)
        assert (to_text(left), to_text(right)) == (to_text(expected[0]), to_text(expected[1]))


PRINTED = [
    "X^T dL/dU + lam W", "(P - Y)/N", "(dL/dP W2^T) * relu'(U)", "colsum(dL/dU)", "rowsum(Y)", "1 - H^2",
    "lam^2", "lam/2 * sumsq(W)", "sumsq(b)", "norm(W)", "norm1(W)", "cross_entropy(Y, P)/N",
    "sum((X W - U)^2)", "cross_entropy_logits(Y, P)", "bce(Y, P)", "nll(Y, P)", "log(rowsum(exp(Y)))",
    "sum(exp(Y))", "exp(Y)", "log(P)", "sqrt(U)", "square(U + H)", "sum[n,k](Y[n,k] dL/dZ[n,k])",
    "W2[2,3]", "-(U + H)", "(-U) * H", "(-Y)/P", "U - U * H", "1/2 X^T X", "(dL/dU)^T", "abs(c)",
    "dot(c, c)", "sse(Y, P)", "mse(Y, P)", "mean(Y)", "colmean(Y)", "sum[n](kron(n, 2) Y[n,1])",
    "max(0, U)", "leaky_relu(U, 0.2)", "tanh(U)", "sigmoid(U)", "phi(U)", "phi'(c)", "softmax(Z)",
    "softmax(Z, columns)", "logsumexp(Z)", "trace(X^T X)", "diag(c) W2", "outer(c, b)", "eye(M) W2",
    "ones(N) X", "kl(Y, P)", "hinge(Y, P)", "huber(Y, P)", "focal(Y, P)", "elu(U)", "gelu(U)", "silu(U)",
    "softplus(U)", "sin(U) * cos(U)", "erf(U)", "sign(U)", "min(U, H)", "(X W) * (X W) * U", "3/7 U",
    "0.05 U", "-lam (X W)^2", "exp(-lam) U", "dL/dW2[1,2]", "(X W + c)^T", "ind(lam > 2) U",
]  # fmt: skip


def tight(latex: str) -> str:
    """Without spacing, which is not mathematics."""
    return latex.replace(r"\,", "").replace(" ", "")


def _printed_names() -> list[Names]:
    return [
        PLAIN,
        Names(style={"gradient": "nabla", "transpose": "T"}),
        Names(style={"index": "bracket", "layers": "paren"}),
        Names(style={"layers": "superscript", "bold": "all"}),
    ]


@pytest.mark.parametrize("names", _printed_names(), ids=["plain", "nabla", "brackets", "bold"])
@pytest.mark.parametrize("plain", PRINTED)
def test_what_is_printed_is_read_back(graph: Graph, plain: str, names: Names) -> None:
    """Read back and printed again, it is the same LaTeX."""
    printed = to_latex(read_formula(plain, graph), names)
    assert tight(to_latex(read_latex_formula(printed, graph, names), names)) == tight(printed)


def test_a_named_derivative_is_read_by_its_spelling(graph: Graph) -> None:
    r"""``\delta^{(2)}`` of ``notation:`` is dL/dZ, also with an index and with a transpose."""
    partial = Partial(graph.tensors["L"], graph.tensors["Z"])
    names = Names(partials={(partial.of, partial.by): ("delta_2", r"\delta^{(2)}")})
    found: Expr = read_latex_formula(r"H^\top \delta^{(2)}", graph, names)
    assert to_latex(found, names) == r"H^{\top} \delta^{(2)}"
    assert partial in set(found.walk())
    entry = read_latex_formula(r"\delta^{(2)}_{nk}", graph, names, free_indices=True)
    assert to_text(entry, names) == "delta_2[n,k]"


def test_leaves_are_those_of_the_graph(graph: Graph) -> None:
    """Names mean the tensors of the graph, not new ones."""
    found = read_latex_formula(r"\mathbf{X}\mathbf{W}", graph)
    leaves = [node.tensor for node in found.walk() if isinstance(node, Leaf)]
    assert leaves == [graph.tensors["X"], graph.tensors["W"]]
