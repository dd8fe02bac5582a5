"""A two-layer perceptron with its steps written by hand, as the derivation would hand them over."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import Dim
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
    Transpose,
)
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Convention, Role, Tensor
from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.documents.model import Asked, Box, Shown
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import PLAIN
from symbackprop.notation.steps import Step
from symbackprop.ops.registry import lookup

SIZES = {"N": 5, "D": 3, "M": 4, "K": 2}
HOLDS = Verdict("holds", Evidence("differences", 3, (SIZES,) * 3, 2.1e-10))
N, D, M, K = (Dim.named(name) for name in "NDMK")


def tensor(name: str, *shape: Dim, role: Role = Role.INTERMEDIATE, latex: str | None = None) -> Tensor:
    return Tensor(name, shape, Convention.ROW, role, latex)


X = tensor("X", N, D, role=Role.INPUT)
W = tensor("W", D, M, role=Role.PARAMETER)
C = tensor("c", M, role=Role.PARAMETER)
W2 = tensor("W2", M, K, role=Role.PARAMETER)
B = tensor("b", K, role=Role.PARAMETER)
Y = tensor("Y", N, K, role=Role.TARGET)
LAM = tensor("lam", role=Role.CONSTANT)
U, H = tensor("U", N, M), tensor("H", N, M)
Z, P = tensor("Z", N, K), tensor("P", N, K)
L = tensor("L")
x, w, c, w2, b, y, lam, u, h, z, p = map(Leaf, (X, W, C, W2, B, Y, LAM, U, H, Z, P))


def num(value: int) -> Number:
    return Number(Fraction(value))


def call(name: str, *args: Expr, primes: int = 0, axis: str | None = None) -> Call:
    operation = lookup(name)
    assert operation is not None
    shape = args[0].shape if operation.kind in ("elementwise", "along") else num(1).shape
    shape = (num(1).shape[0], args[0].shape[1]) if name == "colsum" else shape
    shape = (args[0].shape[0], num(1).shape[0]) if name == "rowsum" else shape
    return Call(operation, args, shape, primes, axis)


FORWARD: tuple[tuple[Tensor, Expr], ...] = (
    (U, Add((MatMul((x, w)), c))),
    (H, call("relu", u)),
    (Z, Add((MatMul((h, w2)), b))),
    (P, call("softmax", z, axis="rows")),
    (
        L,
        Add(
            (
                Divide(call("cross_entropy", y, p), DimValue(N)),
                Hadamard((Divide(lam, num(2)), call("sumsq", w))),
            )
        ),
    ),
)
GRAPH = Graph(
    Convention.ROW,
    {t.name: t for t in (X, Y, W, C, W2, B, LAM, U, H, Z, P, L)},
    tuple(Equation(target, expr) for target, expr in FORWARD),
    dict.fromkeys("NDMK"),
)
dP, dZ, dH, dU, dW, dW2, db, dc = (Partial(L, t) for t in (P, Z, H, U, W, W2, B, C))
ROWS_SUM = "each row of `Y` sums to 1"


def step(quantity: Partial, before: Expr, after: Expr, because: str, *uses: str) -> Step:
    return Step(
        "rule",
        because,
        Formula(before, PLAIN),
        Formula(after, PLAIN),
        verdict=HOLDS,
        quantity=quantity,
        uses=uses,
    )


DELTA = Divide(Add((p, Neg(y))), DimValue(N))
BACK = MatMul((dZ, Transpose(w2)))
Z_STEPS = (
    step(
        dZ,
        dZ,
        Divide(Add((Hadamard((p, call("rowsum", y))), Neg(y))), DimValue(N)),
        "`log(P)` is `Z` less its log-sum-exp, row by row",
    ),
    step(dZ, Divide(Add((Hadamard((p, call("rowsum", y))), Neg(y))), DimValue(N)), DELTA, "", ROWS_SUM),
)
U_STEPS = (
    step(dH, dH, BACK, "every entry of row n of `Z` feels `H[n,m]`, with weight from `W2`"),
    step(dU, dU, Hadamard((dH, call("relu", u, primes=1))), "`relu` works entry by entry"),
    step(
        dU,
        Hadamard((dH, call("relu", u, primes=1))),
        Hadamard((BACK, call("relu", u, primes=1))),
        "insert line 3",
    ),
)
W_RESULT = Add((MatMul((Transpose(x), dU)), MatMul((lam, w))))

def answered(
    target: Partial, result: Formula, shape: tuple[Dim, ...], steps: tuple[Step, ...], verdict: Verdict,
    *, assumptions: tuple[str, ...], numpy: str,
) -> Shown:  # fmt: skip
    return Shown(
        (target,), (Box(target, result, shape),), steps, verdict, target.of, "vector",
        assumptions=assumptions, numpy=numpy,
    )  # fmt: skip


def asked(question_id: str, shown: Shown, points: int, text: str = "") -> Asked:
    return Asked(question_id, text=text, points=Fraction(points), answers=(shown,))


ANSWERED = (
    asked(
        "q1",
        answered(
            dW2,
            Formula(MatMul((Transpose(h), dZ)), PLAIN),
            (M, K),
            (*Z_STEPS, step(dW2, dW2, MatMul((Transpose(h), dZ)), "sum over the first index of `H`")),
            HOLDS,
            assumptions=(ROWS_SUM,),
            numpy="dZ = (P - Y) / N\ndW2 = H.T @ dZ",
        ),
        3,
    ),
    asked(
        "q2",
        answered(
            db,
            Formula(call("colsum", dZ), PLAIN),
            (K,),
            (*Z_STEPS, step(db, db, call("colsum", dZ), "`b` is added to each of the N rows of `Z`")),
            HOLDS,
            assumptions=(ROWS_SUM,),
            numpy="db = dZ.sum(axis=0)",
        ),
        1,
    ),
    asked(
        "q3",
        answered(
            dW,
            Formula(W_RESULT, PLAIN),
            (D, M),
            (
                *Z_STEPS,
                *U_STEPS,
                step(dW, dW, W_RESULT, "the penalty adds `lam W`; the sum over n makes the product"),
            ),
            HOLDS,
            assumptions=(ROWS_SUM, "`relu'(0) = 0`"),
            numpy="dZ = (P - Y) / N\ndU = (dZ @ W2.T) * (U > 0)\ndW = X.T @ dU + lam * W",
        ),
        4,
        "Derive the gradient of the loss for the *first* layer, `dL/dW`. Keep $\\lambda$ in it.",
    ),
    asked(
        "q4",
        answered(
            dc,
            Formula(call("colsum", dU), PLAIN),
            (M,),
            (*Z_STEPS, *U_STEPS, step(dc, dc, call("colsum", dU), "`c` is added to every row of `U`")),
            HOLDS,
            assumptions=(ROWS_SUM, "`relu'(0) = 0`"),
            numpy="dc = dU.sum(axis=0)",
        ),
        1,
    ),
)


def math(formula: str) -> str:
    """Stands in for the reader of the pipeline."""
    known: dict[str, str] = {
        "log(P)": r"\log P",
        "W2": "W_{2}",
        "lam W": r"\lambda W",
        "relu": r"\operatorname{ReLU}",
        "relu'(0) = 0": r"\operatorname{ReLU}'(0) = 0",
        "H[n,m]": "H_{nm}",
        "dL/dW": r"\partial L/\partial W",
    }
    return known.get(formula, formula)
