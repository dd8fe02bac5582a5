"""Sums with bounds and conditions, maxima and products over an index: derived and verified at both levels."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.errors import InputError

HEAD = """
convention: {convention}
symbols:
  x: {{shape: [n], role: parameter}}
  w: {{shape: [k], role: parameter}}
  A: {{shape: [n, n], role: parameter}}
  B: {{shape: [n, m], role: parameter}}
{key}: |
"""
CASES = [
    ("L = sum[j, i < j](x[i]*x[j])", "x", "sum[j != p](x[j])"),
    ("L = sum[i = 1..n-1, j = i+1..n](x[i]*x[j])", "x", "sum[j != p](x[j])"),
    ("L = sum[i, j != i](x[i]*x[j])", "x", "2 (sum(x) - x)"),
    ("L = sum[i, j != i]((x[i] - x[j])^2)", "x", "4 (n x - sum(x))"),
    (
        "L = sum[i, j != i](w[1]/abs(x[i] - x[j]))", "x",
        "-2 w[1] sum[j != p](sign(x[p] - x[j])/abs(x[p] - x[j])^2)",
    ),
    ("L = sum[i, j != i](log(exp(A[i,j])/(x[i] - x[j])^2))", "x", None),
    ("A2[i,j] = ind(i != j)/(1 + (x[i] - x[j])^2); L = sum[i, j != i](A[i,j]^2/A2[i,j])", "x", None),
    ("L = sum[i, j](tanh(x[i] - x[j])^2)", "x", None),
    ("L = sum[i = 2..n](x[i]*x[i-1])", "x", None),
    ("L = sum[i = 2..n]((x[i] - x[i-1])^2)", "x", None),
    ("L = mean[i = 2..n](x[i]^2)", "x", None),
    ("L = mean[j, i < j](A[i,j]^2)", "A", None),
    ("L = prod[i](x[i])", "x", "prod[i != p](x[i])"),
    ("L = prod[i](1 - exp(x[i]))", "x", None),
    ("L = prod[i, j](1 + A[i,j]^2)", "A", None),
    ("L = prod[i, j < i](1 + A[i,j]^2)", "A", None),
    ("L = max[i](x[i]^2)", "x", "2 x * ind(x^2 = L)"),
    ("s[i] = max[j](A[i,j]); L = sum[i](s[i]^2)", "A", None),
    ("L = sum[i](max[j != i](x[i]*A[i,j]))", "A", None),
    ("L = sum[i](log(sum[j >= i](exp(x[j]))))", "x", None),
    ("s[i] = sum[j <= i](x[j]); L = sumsq(s)", "x", "2 sum[i >= p](s[i])"),
    ("c[i] = sum[j = 1..i](x[j]); L = sumsq(c)", "x", "2 sum[i >= p](c[i])"),
    ("o[i] = sum[j <= i](exp(A[i,j])*x[j]) / sum[j <= i](exp(A[i,j])); L = sumsq(o)", "A", None),
    ("L = sum[i = 1..n-2, j = i+1..n-1, l = j+1..n](x[i]*x[j]*x[l])", "x", None),
    ("c[t] = sum[a = 1..k](w[a]*x[t+a-1]) for t = 1..n-k+1; L = sumsq(c)", "w", None),
    ("L = sum[i = 1..3](x[1]^i)", "x", None),
    ("L = sum[i](i*x[i]^2)", "x", None),
    ("L = sum[i, j <= i](B[i,1]*x[j])", "x", None),
    ("L = max[i, j != i](A[i,j])", "A", None),
    ("L = sum[i = 1..n-1](max[j = i+1..n](A[i,j]))", "A", None),
    ("L = sum[i = 2..n-1](max[j = i-1..i+1](x[j]))", "x", None),
    ("L = sum[i = 2..n-1, j = i-1..i+1](A[i,j])", "A", None),
]


@pytest.mark.parametrize("convention", ["row", "column"])
@pytest.mark.parametrize(("forward", "by", "expected"), CASES)
def test_derived_and_verified(forward: str, by: str, expected: str | None, convention: str) -> None:
    lines = "\n".join(f"  {line}" for line in forward.split("; "))
    problem = sbp.loads(HEAD.format(convention=convention, key="forward") + lines + "\n")
    for level in ("vector", "index"):
        found = problem.derive("L", by, level=level)
        verdict = found.verify()
        assert verdict.status == "holds", (level, verdict.reason)
        if expected is not None and level == "vector":
            assert found.text == expected


@pytest.mark.parametrize(("latex", "plain"), [
    (r"L = \sum_{i<j} x_i x_j", "L = sum[j, i < j](x[i]*x[j])"),
    (r"L = \sum_i \sum_{j \neq i} x_i x_j", "L = sum[i](sum[j != i](x[i]*x[j]))"),
    (r"L = \sum_{i=2}^{n} (x_i - x_{i-1})^2", "L = sum[i = 2..n]((x[i] - x[i-1])^2)"),
    (r"L = \prod_{i=1}^{n} x_i", "L = prod[i](x[i])"),
    (r"L = \max_i x_i^2", "L = max[i](x[i]^2)"),
    (r"L = \sum_{i=1}^{n} \sum_{j=i+1}^{n} A_{ij}^2", "L = sum[i](sum[j = i+1..n](A[i,j]^2))"),
])  # fmt: skip
def test_latex_means_the_same(latex: str, plain: str) -> None:
    by = "A" if "A" in plain else "x"
    read = sbp.loads(HEAD.format(convention="column", key="forward_latex") + f"  {latex}\n")
    other = sbp.loads(HEAD.format(convention="column", key="forward") + f"  {plain}\n")
    found = read.derive("L", by)
    assert found.verify().status == "holds"
    assert found.text == other.derive("L", by).text


@pytest.mark.parametrize(("forward", "code", "part"), [
    ("L = sum[i < j](x[i]*x[j])", "unknown-symbol", "neither bound"),
    ("L = sum[i = 1..n, j = i..q](x[i]*x[j])", "unknown-symbol", "q is not a size"),
    ("L = sum[i = 3..2](x[i])", "syntax", "empty"),
    ("L = sum[i = 1..n](x[i]*x[i+1])", "shape", "need not lie in 1..n"),
    ("L = sum[i = 2..n](x[i-2])", "shape", "need not lie in 1..n"),
    ("L = sum[i, j > i](A[i,j]*x[j-i-1])", "shape", "need not lie in 1..n"),
    ("L = prod[i](A[i,:])", "shape", "multiplies numbers"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(forward: str, code: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        sbp.loads(HEAD.format(convention="column", key="forward") + f"  {forward}\n")
    assert caught.value.code == code
