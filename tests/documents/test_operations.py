"""Every operation of the table can be set by TeX, in a display and in running text."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Add, Call, DimValue, Divide, Expr, Leaf, Number, Partial, Power
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.documents.escape import escape
from symbackprop.documents.pdf import compile_pdf
from symbackprop.notation.latex import to_latex
from symbackprop.ops.registry import all_operations

N, K = Dim.named("N"), Dim.named("K")
A, B, S = (Tensor(name, shape, Convention.ROW) for name, shape in (("A2", (N, K)), ("B", (N, K)), ("s", ())))
LOSS = Tensor("L", (), Convention.ROW)
PAGE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{amsmath}
\begin{document}\raggedright
%s
\end{document}
"""


def _arguments(operation: Operation, make: Callable[[Tensor], Expr]) -> tuple[Expr, ...]:
    if operation.name in ("ones", "zeros", "eye"):
        return tuple(DimValue(dim) for dim in (N, K)[: len(operation.params)])
    if operation.name in ("reshape", "pad"):
        return (make(A), *(DimValue(dim) for dim in (K, N)[: len(operation.params) - 1]))
    arrays = [make(tensor) for tensor in (A, B)]
    return tuple(
        arrays[place] if param.default is None else Number(param.default + 1)
        for place, param in enumerate(operation.params)
    )


MAKERS: dict[str, Callable[[Tensor], Expr]] = {
    "name": Leaf,
    "derivative": lambda tensor: Partial(LOSS, tensor),
    "sum": lambda tensor: Add((Leaf(tensor), Partial(LOSS, tensor))),
    "quotient": lambda tensor: Divide(Leaf(tensor), Leaf(S)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_every_operation_is_set(kind: str, tmp_path: Path) -> None:
    rows: list[str] = []
    for operation in all_operations():
        shape = (ONE, ONE) if operation.kind in ("scalar", "loss") else (N, K)
        call = Call(operation, _arguments(operation, MAKERS[kind]), shape)
        for expr in (call, Power(call, Number(Fraction(2))) if call.is_scalar else call):
            assert expr.shape == shape
            shown, inline = to_latex(expr), to_latex(expr, inline=True)
            rows.append(rf"{escape(operation.name)}: $\displaystyle {shown}$; ${inline}$\par")
    assert compile_pdf(PAGE % "\n".join(rows), tmp_path / "all.pdf").overfull == ()
