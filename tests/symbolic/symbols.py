"""SymPy symbols that tests of formulas made of them share."""

from __future__ import annotations

import sympy as sp

CONVENTIONS = ("column", "row", "column-transposed")
m, n, N = sp.symbols("m n N", integer=True, positive=True)
lam, s, beta = sp.symbols("lam s beta", real=True)
i, j = sp.symbols("i j", integer=True)
