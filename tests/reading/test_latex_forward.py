"""The LaTeX reader against the plain-text reader: equal formulas and networks, new names, rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Role
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import abstract_function, parse_dim
from symbackprop.reading.latex_forward import parse_latex_program, read_latex_forward
from symbackprop.reading.program import read_program

SHAPES = {
    "X": "N,D", "W": "D,M", "c": "M", "b": "K", "Y": "N,K", "P": "N,K", "W2": "M,K", "lam": "", "beta": "",
    "S": "M,M", "z": "K", "x": "D", "y": "K", "t": "M", "alpha": "",
}  # fmt: skip
ALIASES = {
    "lam": (r"\lambda", ()),
    "W2": (None, ("W^{(2)}", r"\mathbf{V}")),
    "z": (None, (r"z^{[2]}",)),
    "y": (r"\mathbf{y}", ()),
}


def declared(
    shapes: Mapping[str, str],
    convention: str | None,
    spelled: Mapping[str, tuple[str | None, tuple[str, ...]]] | None = None,
    functions: tuple[str, ...] = (),
) -> Declarations:
    symbols: dict[str, Declared] = {}
    for name, shape in shapes.items():
        latex, aliases = (spelled or {}).get(name, (None, ()))
        dims: tuple[Dim, ...] = tuple(parse_dim(part, {}) for part in shape.split(",") if part)
        symbols[name] = Declared(name, dims, Role.PARAMETER, latex=latex, aliases=aliases)
    made: dict[str, Elementwise] = {name: abstract_function(name) for name in functions}
    return Declarations(symbols, {}, made, Convention(convention) if convention else None)


def equations(graph: Graph) -> list[str]:
    """Every equation as text: target, indices, right side."""
    shown = []
    for equation in graph.equations:
        slots = ",".join(index.letter for index in equation.indices)
        right = to_text(equation.expr) if equation.expr is not None else equation.text
        shown.append(f"{equation.target.name}[{slots}]: {equation.target.shape} = {right}")
    return shown


FORMULAS = [
    (r"q = X W + c", "q = X W + c"),
    (r"q = \mathbf{X}\,W + \boldsymbol{c}", "q = X W + c"),
    (r"q = \left(X W\right)^\top", "q = (X W)^T"),
    (r"q = W^T X^{\mathsf T}", "q = W^T X^T"),
    (r"q = {X}^{\intercal} Y", "q = X^T Y"),
    (r"q = \frac{1}{2} \|X W\|_F^2", "q = (1/2) sumsq(X W)"),
    (r"q = \frac12 \left\lVert c \right\rVert_2^2", "q = (1/2) sumsq(c)"),
    (r"q = \tfrac{\lambda}{2} \lVert W\rVert^2", "q = (lam/2) sumsq(W)"),
    (r"q = ||c||", "q = norm(c)"),
    (r"q = \|W\|_1", "q = norm1(W)"),
    (r"q = |\,c\,|", "q = abs(c)"),
    (r"q = 2|c| - 3", "q = 2 abs(c) - 3"),
    (r"q = \max(0, X W)", "q = max(0, X W)"),
    (r"q = \max\{\mathbf 0, c\}", "q = max(0, c)"),
    (r"q = \operatorname{ReLU}(X W)", "q = relu(X W)"),
    (r"q = \mathrm{relu}(c) \odot c", "q = relu(c) * c"),
    (r"q = \text{softmax}(X W)", "q = softmax(X W)"),
    (r"q = softmax(Y)", "q = softmax(Y)"),
    (r"q = \sigma(c)", "q = sigmoid(c)"),
    (r"q = \tanh c", "q = tanh(c)"),
    (r"q = \tanh^2(c)", "q = tanh(c)^2"),
    (r"q = \ln P", "q = log(P)"),
    (r"q = \exp(-\beta c)", "q = exp(-beta c)"),
    (r"q = \sqrt{\lambda + 1}", "q = sqrt(lam + 1)"),
    (r"q = \frac{1}{1 + \exp(-c)}", "q = 1/(1 + exp(-c))"),
    (r"q = \exp(c)/(1 + \exp(c))", "q = exp(c)/(1 + exp(c))"),
    (r"q_k = \frac{e^{z_k}}{\sum_j e^{z_j}}", "q[k] = exp(z[k])/sum[j](exp(z[j]))"),
    (r"q_k = e^{z_k} / \sum_{j=1}^{K} e^{z_j}", "q[k] = exp(z[k])/sum[j = 1..K](exp(z[j]))"),
    (r"q = -\sum_j^K y_j \log(z_j)", "q = -sum[j = 1..K](y[j] log(z[j]))"),
    (r"q = -\sum_{k} \mathbf{y}_k \log z_k", "q = -sum[k](y[k] log(z[k]))"),
    (r"q = -\frac{1}{N}\sum_n \sum_k Y_{nk} \log P_{nk}", "q = -(1/N) sum[n](sum[k](Y[n,k] log(P[n,k])))"),
    (r"q = -\frac1N \sum_{n,k} Y_{n,k} \log P_{n,k}", "q = -(1/N) sum[n,k](Y[n,k] log(P[n,k]))"),
    (r"q = \frac{\lambda}{2}\sum_{k}\sum_l W_{kl}^2", "q = (lam/2) sum[k](sum[l](W[k,l]^2))"),
    (r"q = \frac{1}{2} \lambda \sum_k \sum_l W_{k,l}^2", "q = (1/2) lam sum[k](sum[l](W[k,l]^2))"),
    (r"q = \sum (X W)^{\odot 2}", "q = sum((X W)^2)"),
    (r"q = \operatorname{CE}(Y, P)/N", "q = cross_entropy(Y, P)/N"),
    (r"q = \operatorname{tr}(S S^\top)", "q = trace(S S^T)"),
    (r"q = \langle c, t \rangle", "q = dot(c, t)"),
    (r"q = c \cdot t", "q = dot(c, t)"),
    (r"q = X \cdot W", "q = X W"),
    (r"q = \lambda \cdot c", "q = lam c"),
    (r"q = c * t", "q = c * t"),
    (r"q = X * W", "q = X W"),
    (r"q = X \times W", "q = X W"),
    (r"q = Y \times P", "q = Y * P"),
    (r"q = c \otimes t", "q = outer(c, t)"),
    (r"q = \mathrm{diag}(c) W^{(2)}", "q = diag(c) W2"),
    (r"q = X W W_2 + b", "q = X W W2 + b"),
    (r"q = X W W_{2} \odot Y", "q = (X W W2) * Y"),
    (r"q = X W \mathbf{V} + b", "q = X W W2 + b"),
    (r"q = z^{[2]} + b", "q = z + b"),
    (r"q = W_{12} c_1 - .5", "q = W[1,2] c[1] - .5"),
    (r"q_i = W_{i,j} c_j".replace("q_i = ", "q_i = \\sum_j "), "q[i] = sum[j](W[i,j] c[j])"),
    (r"q[i] = \sum_{j} W[i][j] c[j]", "q[i] = sum[j](W[i,j] c[j])"),
    (r"q_i = \sum_j W_{(i,j)} c_j", "q[i] = sum[j](W[i,j] c[j])"),
    (r"q_m = \mathbb{1}[c_m > 0]\, c_m", "q[m] = ind(c[m] > 0) c[m]"),
    (r"q_m = \mathbf{1}\{c_m \geq t_m\}", "q[m] = ind(c[m] >= t[m])"),
    (r"q_{ij} = S_{ij} - \lambda \delta_{ij}", "q[i,j] = S[i,j] - lam kron(i, j)"),
    (r"q = S + \lambda I_M", "q = S + lam eye(M)"),
    (r"q = \mathbf{1}_N^\top c", "q = ones(N)^T c"),
    (r"q = \mathbf 1 - c", "q = 1 - c"),
    (r"q = c - -t".replace("- -t", r"\cdot -\lambda"), "q = c (-lam)"),
    (r"q = e^{-\lambda} c", "q = exp(-lam) c"),
    (r"q = \underbrace{X W}_{\text{data}} + c", "q = (X W) + c"),
    (r"q = \begin{cases} c & c > 0 \\ 0 & \text{otherwise} \end{cases}", "q = ind(c > 0) * c"),
    (r"q = \begin{cases} \lambda & \text{if $\beta < 2$,} \\ \beta & \text{if } \beta \ge 2 \end{cases}",
     "q = ind(beta < 2) * lam + (1 - ind(beta < 2)) * beta"),
    (r"q_m = \left\{\begin{array}{ll} c_m, & c_m > t_m \\ 1, & c_m \le t_m \end{array}\right.",
     "q[m] = ind(c[m] > t[m]) * c[m] + (1 - ind(c[m] > t[m]))"),
    (r"q = \begin{bmatrix} 1 & \lambda \\ 0 & 2 \end{bmatrix}",
     "q = stack(stack(1, lam, rows), stack(0, 2, rows), columns)"),
    (r"q = \left[\begin{array}{c} \lambda \\ 2 \end{array}\right]^\top", "q = stack(lam, 2, columns)^T"),
    (r"\newcommand{\norm}[1]{\lVert #1 \rVert} q = \norm{c}_2^2", "q = sumsq(c)"),
    (r"\begin{equation}\begin{aligned}[t] q &= X W \\ & + c \end{aligned}\end{equation}", "q = X W + c"),
    (r"q = \sum_n Y_{n:}", "q = colsum(Y)"),
    (r"q = \frac{(Y - P)}{N}", "q = (Y - P)/N"),
    (r"q = Y \oslash P", "q = Y/P"),
    (r"q = \log\operatorname{softmax}(Y)", "q = log(softmax(Y))"),
    (r"q = \operatorname{softmax}_{\text{columns}}(Y)", "q = softmax(Y, columns)"),
    (r"q := X W + c", "q = X W + c"),
    (r"q \triangleq \underset{N \times D}{X}\,\underset{D \times M}{W}", "q = X W"),
    (r"q = (S^\top)_{12}", "q = S^T[1,2]".replace("S^T", "(S^T)")),
    (r"q(x; W) = x W", "q = x W"),
    (r"q = \mathrm{KL}(z \,\|\, y)", "q = kl(z, y)"),
    (r"q = \log z[2] - \log\operatorname{softmax}(z)[1]", "q = log(z[2]) - log(softmax(z)[1])"),
    ("q = X W % the scores\n + c", "q = X W + c"),
    (r"q = S^{-1} S + S^{-\top}", "q = inv(S) S + inv(S)^T"),
    (r"q = \log |\det S| + \log\det(S)", "q = logdet(S) + log(det(S))"),
]


@pytest.mark.parametrize(("latex", "plain"), FORMULAS, ids=[latex for latex, _ in FORMULAS])
def test_a_formula_reads_like_its_plain_text(latex: str, plain: str) -> None:
    """Same tree, same shape, in the row convention."""
    declarations = declared(SHAPES, "row", ALIASES)
    assert equations(read_latex_forward(latex, declarations)) == equations(read_program(plain, declarations))


ROW = {"X": "N,D", "W1": "D,M", "b1": "M", "W2": "M,K", "b2": "K", "Y": "N,K", "lam": ""}
RECURRENT = {"W": "m,m", "U": "m,n", "V": "k,m", "b": "m", "c": "n"}
COLUMN = {"x": "n", "W": "m,n", "b": "m", "V": "k,m", "t": "k", "lam": ""}
TRANSPOSED = {"X": "D,N", "W": "D,M", "b": "M", "V": "M,K", "a": "K", "Y": "K,N"}
PLAIN_ROW = (
    "U = X W1 + b1; H = max(0, U); Z = H W2 + b2; P = softmax(Z); "
    "L = -(1/N) sum[n](sum[k](Y[n,k] log(P[n,k]))) + (lam/2) sumsq(W1)"
)
PLAIN_COLUMN = "z = W x + b; h = tanh(z); y = V h; L = (1/2) sumsq(y - t)"
PLAIN_TRANSPOSED = "Z = W^T X + b; A = sigmoid(Z); P = softmax(V^T A + a); L = cross_entropy(Y, P)/N"

LOSS = r"L = -\frac{1}{N}\sum_n \sum_k Y_{nk} \log P_{nk} + \frac{\lambda}{2} "

NETWORKS = [
    pytest.param(
        "row",
        ROW,
        PLAIN_ROW,
        r"U = X W_1 + b_1, \quad H = \max(0, U), \quad Z = H W_2 + b_2, \quad P = \operatorname{softmax}(Z); "
        + LOSS
        + r"\|W_1\|_F^2",
        id="one row",
    ),
    pytest.param(
        "row",
        ROW,
        PLAIN_ROW,
        "\\begin{align}\nU &= X W^{(1)} + b^{(1)} \\\\\nH &= \\max(\\mathbf{0}, U) \\tag{2}\\\\\n"
        "Z &= H W^{(2)} + b^{(2)} \\\\\nP &= \\mathrm{softmax}(Z) \\\\\n"
        "L &= -\\frac1N \\sum_{n} \\sum_{k} Y_{n,k} \\ln P_{n,k} \\\\\n"
        "&\\quad + \\frac{\\lambda}{2} \\lVert W^{(1)} \\rVert_F^2\n\\end{align}",
        id="align",
    ),
    pytest.param(
        "row",
        ROW,
        PLAIN_ROW,
        "U = X W^{[1]} + b^{[1]}\nH = \\max(0, U)\nZ = H W^{[2]} + b^{[2]}\nP = softmax(Z)\n"
        "L = -\\frac{1}{N} \\sum_n\\sum_k\n  Y_{nk} \\log P_{nk}\n  + \\frac\\lambda2 ||W^{[1]}||^2",
        id="lines",
    ),
    pytest.param(
        "row",
        ROW,
        PLAIN_ROW,
        "$U = \\mathbf{X}\\mathbf{W}_1 + \\mathbf{b}_1$\n"
        "$H = \\max(0, U)$ $Z = H\\mathbf{W}_2 + \\mathbf{b}_2$\n"
        "\\[P = \\text{softmax}\\left(Z\\right)\\]\n"
        "\\[L = -\\dfrac{1}{N}\\sum\\limits_{n}\\sum\\limits_{k}Y_{nk}\\log P_{nk}\n"
        "+\\tfrac{\\lambda}{2}\\|\\mathbf{W}_1\\|^2.\\]",
        id="dollars",
    ),
    pytest.param(
        "column",
        COLUMN,
        PLAIN_COLUMN,
        r"z = W x + b \\ h = \tanh(z) \\ y = V h \\ L = \frac{1}{2} \|y - t\|_2^2",
        id="rows",
    ),
    pytest.param(
        "column",
        COLUMN,
        PLAIN_COLUMN,
        r"\mathbf z = \mathbf W \mathbf x + \mathbf b, \mathbf h = \tanh(\mathbf z), \mathbf y = \mathbf V "
        r"\mathbf h, L = \tfrac12 \lVert \mathbf y - \mathbf t \rVert^2",
        id="bold, commas",
    ),
    pytest.param(
        None,
        COLUMN,
        PLAIN_COLUMN,
        "\\begin{split} z &= W \\cdot x + b, & h &= \\tanh (z) \\\\ y &= V \\cdot h \\end{split}\n"
        "L(y, t) = \\frac{1}{2} \\lVert y - t\\rVert^2",
        id="no convention",
    ),
    pytest.param(
        "column-transposed",
        TRANSPOSED,
        PLAIN_TRANSPOSED,
        r"Z = W^\top X + b \\ A = \sigma(Z) \\ P = \operatorname{softmax}(V^\top A + a) "
        r"\\ L = \operatorname{CE}(Y, P)/N",
        id="transposed",
    ),
    pytest.param(
        "column-transposed",
        TRANSPOSED,
        PLAIN_TRANSPOSED,
        "\\begin{gather*}Z = W^T X + b\\\\A = \\operatorname{sigmoid}(Z)\\end{gather*}\n"
        "P = \\mathrm{softmax}\\big(V^{\\mathrm T} A + a\\big);\nL = \\text{cross\\_entropy}(Y, P)/N",
        id="gather",
    ),
    pytest.param(
        None,
        TRANSPOSED,
        PLAIN_TRANSPOSED,
        r"L = \mathrm{CE}(Y, P) / N; P = \operatorname{softmax}(V^{\intercal} A + a); "
        r"A = \sigma(Z); Z = W^{\top}X+b",
        id="any order",
    ),
    pytest.param(
        "column",
        RECURRENT,
        "h[0] = zeros(m); h[t] = tanh(W h[t-1] + U c) for t = 1..3; L = sumsq(h[3])",
        r"h_0 = 0 \\ h_t = \tanh(W h_{t-1} + U c), \quad t = 1, \dots, 3 \\ L = \|h_3\|_2^2",
        id="family below",
    ),
    pytest.param(
        "column",
        RECURRENT,
        "a[0] = b; a[t] = tanh(W a[t-1] + U c) for t = 1..2; z[t] = V a[t]; "
        "L = sum[t = 1..2](sumsq(z[t])) + a[2]^T a[1] + a[2][1]",
        "\\begin{aligned} a^{(0)} &= b \\\\ a^{(t)} &= \\tanh(W a^{(t-1)} + U c) & t = 1, 2 \\\\"
        "z^{(t)} &= V a^{(t)} \\\\ L &= \\sum_{t=1}^2 \\|z^{(t)}\\|^2 + a^{(2)\\top} a^{(1)} + a^{(2)}_1"
        "\\end{aligned}",
        id="family above",
    ),
    pytest.param(
        "column",
        RECURRENT,
        "a[0] = b; a[t] = W a[t-1] for t = 1..2; L = sumsq(a[2])",
        r"a^{\langle 0\rangle} = b; a^{\langle t\rangle} = W a^{\langle t-1\rangle} \text{ for } t = 1, 2;"
        r" L = \|a^{\langle 2\rangle}\|^2",
        id="family in angles",
    ),
    pytest.param(
        "column",
        COLUMN,
        "z = W x + b; h = relu(z); y = V h; J = J(y)",
        r"z = W x + b; \quad h = \operatorname{ReLU}(z); \quad y = V h; \quad J = J(y)",
        id="arbitrary loss",
    ),
]


@pytest.mark.parametrize(("convention", "shapes", "plain", "latex"), NETWORKS)
def test_a_network_reads_like_its_plain_text(
    convention: str | None, shapes: Mapping[str, str], plain: str, latex: str
) -> None:
    """Same equations, same shapes, same convention where none is declared."""
    declarations = declared(shapes, convention)
    expected = read_program(plain, declarations)
    found = read_latex_forward(latex, declarations)
    assert equations(found) == equations(expected)
    assert found.convention is expected.convention


@pytest.mark.parametrize(
    ("latex", "names"),
    [
        (r"\hat{y} = \tanh(c)", {"y_hat": None}),
        (r"Z^{(2)} = c; a = Z^{(2)} + t", {"Z_2": "Z^{(2)}", "a": None}),
        (r"h^{[1]} = c; h^{[2]} = \tanh(h^{[1]})", {"h_1": "h^{[1]}", "h_2": "h^{[2]}"}),
        (r"\mathbf{u} = c; r = \mathbf u^\top u", {"u": r"\mathbf{u}", "r": None}),
        (r"b_0^1 = c; s = b_0^1 t^\top", {"b_0_1": "b_{0}^{1}", "s": None}),
        (r"\mathcal{L}(c) = \|c\|^2", {"L": r"\mathcal{L}"}),
        (r"L_{\mathrm{reg}} = \|c\|^2; L_{\text{all}} = 2 L_{\text{reg}}", {"L_reg": None, "L_all": None}),
        (r"\theta = c; v = 2\theta", {"theta": None, "v": None}),
        (r"W^* = 2 W", {"W_star": "W^{*}"}),
    ],
)
def test_a_left_side_defines_a_name(latex: str, names: dict[str, str | None]) -> None:
    """A plain name, unique, and the spelling where the printer would not find it."""
    graph = read_latex_forward(latex, declared(SHAPES, "row", ALIASES))
    assert {e.target.name: e.target.latex for e in graph.equations} == names


def test_a_new_name_never_takes_the_name_of_something_else() -> None:
    """``\\hat W_2`` beside a declared W2, ``\\mathcal{N}`` beside the dim N."""
    graph = read_latex_forward(r"\mathcal{N} = \|c\|^2; r = \mathcal{N} + 1", declared(SHAPES, "row"))
    name = graph.equations[0].target.name
    assert name not in {"N", *SHAPES}
    assert to_text(graph.equations[1].expr) == f"{name} + 1"  # type: ignore[arg-type]


def test_the_lines_are_plain_syntax_with_places_in_the_source() -> None:
    """Line and column of every equation, counted in the LaTeX source."""
    text = "\\begin{align}\n  U &= X W \\\\\n  H &= \\tanh(U)\n\\end{align}"
    lines, spelled = parse_latex_program(text, declared(SHAPES, "row"))
    assert [(line.target, *line.at) for line in lines] == [("U", 2, 3), ("H", 3, 3)]
    assert lines[1].expr.at == (3, 8)
    assert spelled == {}


def test_declared_functions_and_layers() -> None:
    """``\\sigma`` is the declared function; ``h_1`` beats entry 1 of h where h_1 is declared."""
    declarations = declared({"W": "m,n", "x": "n", "h_1": "m"}, "column", functions=("sigma",))
    graph = read_latex_forward(r"y = \sigma(W x) + \sigma'(h_1) + h_1^2", declarations)
    assert equations(graph) == equations(read_program("y = sigma(W x) + sigma'(h_1) + h_1^2", declarations))


def test_ranges_after_an_equation() -> None:
    r"""``k = 1, \dots, K`` gives the range of an index of the target."""
    declarations = declared(SHAPES, "row")
    latex = r"q_k = 2 z_k, \quad k = 1, \dots, K"
    assert equations(read_latex_forward(latex, declarations)) == equations(
        read_program("q[k] = 2 z[k] for k = 1..K", declarations)
    )


RECURSIONS = [
    (r"h_0 = 0; h_t = \tanh(W h_{t-1} + U x_t + b), t = 1, \dots, T; L = \sum_{t=1}^T \|h_t-y_t\|^2",
     "h[0] = zeros(m); h[t] = tanh(W h[t-1] + U x[t] + b) for t = 1..T; L = sum[t=1..T](sumsq(h[t]-y[t]))"),
    (r"h^{(0)} = \mathbf 0; a^{(t)} = W h^{(t-1)}, t=1, \dots, T; h^{(t)} = a^{(t)} \odot b, t=1, \dots, T",
     "h[0] = zeros(m); a[t] = W h[t-1] for t = 1..T; h[t] = a[t] * b for t = 1..T"),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "plain"), RECURSIONS, ids=["below", "above"])
def test_a_recursion_over_a_symbolic_number_of_steps(latex: str, plain: str) -> None:
    """The family is one array over t; its start is as large as the members."""
    known = declared({"W": "m,m", "U": "m,n", "b": "m", "x": "T,n", "y": "T,m"}, "column")
    symbols = {name: replace(symbol, runs=name in "xy") for name, symbol in known.symbols.items()}
    known = replace(known, symbols=symbols)
    assert equations(read_latex_forward(latex, known)) == equations(read_program(plain, known))


def test_a_letter_counts_layers_that_are_declared_one_by_one() -> None:
    r"""``W^{(l)}`` with W1, W2, W3 in the file: an equation for each layer."""
    known = declared({"x": "n", "W1": "m,n", "W2": "m,m", "W3": "k,m"}, "column")
    graph = read_latex_forward(
        r"h^{(0)} = x; h^{(l)} = \sigma(W^{(l)} h^{(l-1)}), \quad l = 1, \dots, 3; L = \|h^{(3)}\|^2", known
    )
    assert [to_text(e.expr) for e in graph.equations if e.expr] == [
        "x", "sigmoid(W1 h_0)", "sigmoid(W2 h_1)", "sigmoid(W3 h_2)", "sumsq(h_3)"
    ]  # fmt: skip


def test_ones_take_their_length_from_the_neighbour() -> None:
    """A sum over a batch written with the vector of ones."""
    graph = read_latex_forward(
        r"s = \mathbf{1}^\top y; G = X \mathbf 1", declared({"y": "k", "X": "m,n"}, "column")
    )
    assert [to_text(e.expr) for e in graph.equations if e.expr] == ["ones(k)^T y", "X ones(n)"]


def test_a_declared_t_is_a_power_of_scalars_only() -> None:
    """``W^T`` stays the transpose where T counts time steps; ``\\gamma^T`` is a power."""
    declarations = declared({"W": "T,n", "x": "T", "gamma": ""}, "column")
    graph = read_latex_forward(r"y = \gamma^T\, W^T x", declarations)
    assert [to_text(e.expr) for e in graph.equations if e.expr] == ["gamma^(T) W^T x"]


def test_a_file_may_use_letters_of_functions_as_names() -> None:
    """``e``, ``\\sigma`` and ``\\delta`` mean what is declared."""
    graph = read_latex_forward(
        r"e = 2 \sigma; r = \delta_1 + e^{2}", declared({"sigma": "", "delta": "n"}, "column")
    )
    assert [to_text(e.expr) for e in graph.equations if e.expr] == ["2 sigma", "delta[1] + e^2"]
