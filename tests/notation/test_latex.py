"""The LaTeX printer: names, brackets, sums over entries, styles, shapes, broken lines, safety."""

from __future__ import annotations

from fractions import Fraction

import pytest

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Transpose,
)
from symbackprop.core.indexed import Element, IndexValue, Indicator, Range, Reduce
from symbackprop.core.operations import Operation, Param
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.notation.latex import to_latex
from symbackprop.notation.latex_lines import break_lines, estimated_width
from symbackprop.notation.latex_safe import refusal
from symbackprop.notation.latex_symbols import name_symbol
from symbackprop.notation.names import PLAIN, Names
from symbackprop.ops.registry import lookup

N, D, M, K = (Dim.named(name) for name in "NDMK")


def _tensor(name: str, *shape: Dim, latex: str | None = None) -> Tensor:
    return Tensor(name, shape, Convention.ROW, latex=latex)


X, U, H, P, Y = (_tensor("X", N, D), *(_tensor(x, N, M) for x in "UH"), *(_tensor(x, N, K) for x in "PY"))
W, W2, L, LAM, B = _tensor("W", D, M), _tensor("W2", M, K), _tensor("L"), _tensor("lam"), _tensor("b", K)
x, u, h, p, y, w, w2, lam, b = map(Leaf, (X, U, H, P, Y, W, W2, LAM, B))
grad_u, grad_p = Partial(L, U), Partial(L, P)
n, d, m = Index(N, "n"), Index(D, "p"), Index(M, "q")
FRACTION_U = r"\frac{\partial L}{\partial U}"


def num(value: int | str) -> Number:
    return Number(Fraction(value))


def at(*indices: Index) -> tuple[IndexValue, ...]:
    return tuple(IndexValue(((index, 1),)) for index in indices)


def call(name: str, *args: Expr, primes: int = 0) -> Call:
    operation = lookup(name)
    assert operation is not None
    rows, columns = args[0].shape
    shape = {"colsum": (ONE, columns), "rowsum": (rows, ONE)}.get(name, (rows, columns))
    shape = (ONE, ONE) if operation.kind in ("scalar", "loss") else shape
    return Call(operation, args, shape, primes)


CASES: tuple[tuple[Expr, str], ...] = (
    (Add((MatMul((Transpose(x), grad_u)), MatMul((lam, w)))), rf"X^{{\top}}\,{FRACTION_U} + \lambda W"),
    (Divide(Add((p, Neg(y))), DimValue(N)), r"\frac{1}{N}\,(P - Y)"),
    (
        Hadamard((MatMul((grad_p, Transpose(w2))), call("relu", u, primes=1))),
        r"\biggl(\frac{\partial L}{\partial P}\,W_{2}^{\top}\biggr) \odot \operatorname{ReLU}'(U)",
    ),
    (call("colsum", grad_u), r"\sum_{n} \frac{\partial L}{\partial U_{n:}}"),
    (call("rowsum", y), r"\sum_{k} Y_{:k}"),
    (Add((num(1), Neg(Power(h, num(2))))), r"1 - H^{\odot 2}"),
    (Power(lam, num(2)), r"\lambda^{2}"),
    (Hadamard((Divide(lam, num(2)), call("sumsq", w))), r"\frac{\lambda}{2}\,\lVert W\rVert_{F}^{2}"),
    (call("sumsq", b), r"\lVert b\rVert^{2}"),
    (
        Divide(call("cross_entropy", y, p), DimValue(N)),
        r"-\frac{1}{N} \sum_{n}\sum_{k} Y_{nk} \log P_{nk}",
    ),
    (call("sum", Power(Add((MatMul((x, w)), Neg(u))), num(2))), r"\sum_{n} \sum_{m} (X W - U)_{nm}^{2}"),
    (
        call("cross_entropy_logits", y, p),
        r"-\sum_{n}\sum_{k} Y_{nk} \log\operatorname{softmax}(P)_{nk}",
    ),
    (
        call("bce", y, p),
        r"-\sum_{n}\sum_{k} \bigl(Y_{nk} \log P_{nk} + (1 - Y_{nk})\, \log(1 - P_{nk})\bigr)",
    ),
    (
        call("log", call("rowsum", call("exp", y))),
        r"\log \sum_{k} \exp(Y_{:k})",
    ),
    (call("sum", call("exp", y)), r"\sum_{n} \sum_{k} e^{Y_{nk}}"),
    (call("exp", y), r"\exp(Y)"),
    (call("log", p), r"\log P"),
    (call("sqrt", u), r"\sqrt{U}"),
    (call("square", Add((u, h))), r"(U + H)^{\odot 2}"),
    (
        Reduce("sum", (Range(n),), MatMul((Element(x, at(n, d)), Element(grad_u, at(n, m))))),
        r"\sum_{n} X_{np}\,\frac{\partial L}{\partial U_{nq}}",
    ),
    (Reduce("sum", (Range(n, condition=("!=", at(d)[0])),), Element(x, at(n, d))), r"\sum_{n \neq p} X_{np}"),
    (Indicator(at(d)[0], "=", at(m)[0]), "[p = q]"),
    (Element(w2, at(m, n)), r"(W_{2})_{qn}"),
    (Element(x, (IndexValue(((n, 1),), ONE), IndexValue(((d, 2),)))), "X_{n+1, 2p}"),
    (Neg(Add((u, h))), "-(U + H)"),
    (Hadamard((Neg(u), h)), r"-U \odot H"),
    (Divide(Neg(y), p), r"-Y \oslash P"),
    (Add((u, Hadamard((Neg(u), h)))), r"U - U \odot H"),
    (
        MatMul((Transpose(x), Divide(Hadamard((u, h)), DimValue(N)))),
        r"X^{\top}\,\biggl(\frac{1}{N}\,U \odot H\biggr)",
    ),
    (MatMul((num("1/2"), Transpose(x), x)), r"\tfrac{1}{2} X^{\top} X"),
    (Transpose(grad_u), rf"\biggl({FRACTION_U}\biggr)^{{\top}}"),
    (Transpose(Transpose(u)), r"(U^{\top})^{\top}"),
    (MatMul((u, num(3))), r"U \cdot 3"),
)


@pytest.mark.parametrize(("expr", "expected"), CASES, ids=[expected for _, expected in CASES])
def test_formula(expr: Expr, expected: str) -> None:
    assert to_latex(expr) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("W2", "W_{2}"), ("z_hat", r"\hat{z}"), ("x_bar", r"\bar{x}"), ("delta_2", r"\delta_{2}"),
     ("lam", r"\lambda"),
     ("eps", r"\varepsilon"), ("acc", r"\mathrm{acc}"), ("z_out", r"z_{\mathrm{out}}"), ("θ", r"\theta"),
     ("W_q", "W_{q}"), ("beta1", r"\beta_{1}"), ("z_hat_1", r"\hat{z}_{1}")],
)  # fmt: skip
def test_names(name: str, expected: str) -> None:
    assert name_symbol(name).tex == expected


@pytest.mark.parametrize(
    ("style", "expr", "expected"),
    [
        ({"transpose": "T"}, Transpose(x), "X^{T}"),
        ({"gradient": "nabla"}, grad_u, r"\nabla_{U} L"),
        ({"index": "bracket"}, Element(x, at(n, d)), "X[n, p]"),
        ({"index": "bracket"}, call("colsum", w2), r"\sum_{m} W_{2}[m, :]"),
        ({"layers": "paren"}, w2, "W^{(2)}"),
        ({"layers": "paren"}, Transpose(w2), r"(W^{(2)})^{\top}"),
        ({"layers": "bracket"}, w2, "W^{[2]}"),
        ({"bold": "all"}, MatMul((lam, w)), r"\lambda \mathbf{W}"),
        ({"bold": "vectors"}, Add((MatMul((h, w2)), b)), r"H W_{2} + \mathbf{b}"),
    ],
)
def test_styles(style: dict[str, str], expr: Expr, expected: str) -> None:
    assert to_latex(expr, Names(style=style)) == expected


def test_declared_names() -> None:
    """A declared spelling of a tensor, of a derivative and of a dim is used; its scripts do not clash."""
    names = Names(partials={(L, U): ("delta_2", r"\delta^{(2)}")}, dims={"N": "|B|"})
    assert to_latex(Transpose(grad_u), names) == r"(\delta^{(2)})^{\top}"
    assert to_latex(Element(grad_u, at(n, m)), names) == r"\delta^{(2)}_{nq}"
    assert to_latex(Divide(p, DimValue(N)), names) == r"\frac{1}{|B|}\,P"
    weights = Leaf(_tensor("V", D, M, latex="w_2"))
    assert to_latex(Element(weights, at(d, m))) == "(w_2)_{pq}"


def test_a_spelling_that_is_not_safe_is_never_printed() -> None:
    assert to_latex(Leaf(_tensor("V", D, latex=r"\input{x}"))) == "V"
    evil = Operation("f", (Param("a"),), "function", r"\csname f\endcsname")
    assert to_latex(Call(evil, (x,), x.shape)) == "f(X)"


@pytest.mark.parametrize(
    "source",
    [r"\input{x}", r"\write18{x}", r"\def\x{}", "a^^5cb", "a}b{", "a$b", "a%b", "", r"\left(", "é", "x#1"],
)
def test_refused_mathematics(source: str) -> None:
    assert refusal(source) is not None


@pytest.mark.parametrize(
    "source", [r"\lambda", r"W^{(2)}", r"\hat{\mathbf{y}}", r"\left(\frac12\right)", r"|V|", "\\,x"]
)
def test_allowed_mathematics(source: str) -> None:
    assert refusal(source) is None


def test_inline_prints_with_a_slash() -> None:
    assert to_latex(MatMul((Transpose(x), grad_u)), inline=True) == r"X^{\top} (\partial L/\partial U)"
    assert to_latex(Divide(Add((p, Neg(y))), DimValue(N)), inline=True) == "(P - Y)/N"


def test_shapes_stand_under_the_factors_of_a_product_only() -> None:
    whole = Add((MatMul((Transpose(x), u)), MatMul((lam, w))))
    (tex,) = break_lines(whole, PLAIN, 100.0, shapes=True)
    assert tex == (
        r"\underset{\scriptscriptstyle D\times N}{X^{\top}}\;"
        r"\underset{\scriptscriptstyle N\times M}{U} + \lambda W"
    )


def test_an_index_avoids_the_names_in_the_formula() -> None:
    """The sum over N is not called n where a tensor is."""
    lower = Leaf(_tensor("n", N, K))
    assert to_latex(call("sum", Hadamard((lower, y)))) == r"\sum_{i} \sum_{k} n_{ik}\,Y_{ik}"


WIDE = Add(tuple(Neg(MatMul((lam, w))) if i % 3 == 2 else MatMul((Transpose(x), u)) for i in range(14)))


@pytest.mark.parametrize("width", [14.0, 20.0, 30.0])
@pytest.mark.parametrize(
    "expr",
    [WIDE, MatMul((Transpose(WIDE), x, WIDE)), Hadamard((WIDE, call("relu", WIDE, primes=1))),
     call("sumsq", WIDE),
     Divide(WIDE, DimValue(N)), Neg(WIDE), Transpose(WIDE), call("sum", Power(WIDE, num(2)))],
    ids=["sum", "product", "hadamard", "norm", "quotient", "negative", "transpose", "entries"],
)  # fmt: skip
def test_broken_lines_hold_the_same_brackets(expr: Expr, width: float) -> None:
    """Every line is balanced in braces, all lines together in brackets, and nothing is lost."""
    lines = break_lines(expr, PLAIN, width)
    whole = to_latex(expr)
    assert len(lines) > 1
    assert all(line.count("{") == line.count("}") for line in lines)
    for sign in (r"\top", r"\lambda", "(", ")", "X", "U"):
        assert sum(line.count(sign) for line in lines) == whole.count(sign)


def test_a_formula_that_fits_is_one_line() -> None:
    assert break_lines(WIDE, PLAIN, estimated_width(WIDE) + 1) == (to_latex(WIDE),)


def test_later_lines_begin_with_a_sign() -> None:
    """An empty group before it keeps the spacing of a sum."""
    first, *rest = break_lines(WIDE, PLAIN, 20)
    assert first.startswith("X")
    assert all(line.startswith("{}") for line in rest)


def test_a_logarithm_of_a_sum_and_a_term_has_brackets() -> None:
    """log sum_k a_k needs none, log(sum_k a_k + b) does."""
    k, terms = Index(M, "k"), Leaf(W)
    total = Reduce("sum", (Range(k),), Element(terms, (IndexValue((), ONE), IndexValue(((k, 1),)))))
    assert to_latex(call("log", total)).startswith(r"\log \sum")
    assert not to_latex(call("log", Add((total, lam)))).startswith(r"\log \sum")
