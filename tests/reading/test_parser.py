"""The grammar: what is read as what, and where a slip is reported."""

from __future__ import annotations

import pytest

from symbackprop.errors import InputError
from symbackprop.reading.parser import parse_equality, parse_expression, parse_program
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Chain,
    Derivative,
    Minus,
    Name,
    Num,
    Over,
    Plus,
    Sub,
    show,
)
from symbackprop.reading.tokens import Origin

# Formula -> the same with the structure made visible by `show`, which writes brackets where it must.
SAME = {
    "a b c": "a b c",
    "a @ b": "a b",
    "2x": "2 x",
    "2 x^T A x": "2 x^T A x",
    "1/2 x^T A x": "(1/2) x^T A x",
    "a * b / c * d": "(a * b/c) * d",
    "a / b / c": "a/b/c",
    "-x^2": "-x^2",
    "-x * y": "-x * y",
    "a - b + c": "a - b + c",
    "a - (b + c)": "a - (b + c)",
    "+a": "a",
    "x^-1": "x^-1",
    "x^(1/2)": "x^(1/2)",
    "x^k": "x^k",
    "(a b)^T": "(a b)^T",
    "W^T x": "W^T x",
    "a ⊙ b": "a * b",
    "a · b": "a * b",
    "(a + b) c": "(a + b) c",
    "exp(z[k])": "exp(z[k])",
    "sigma''(x)": "sigma''(x)",
    "W[:,j]": "W[:,j]",
    "z[n+1..2*n]": "z[n + 1..2 * n]",
    "h[t][k]": "h[t][k]",
    "A[2*i+m-1]": "A[2 * i + m - 1]",
    "sum[i, j](A[i,j])": "sum[i, j](A[i,j])",
    "sum[i = 1..n-1, j = i+1..n](A[i,j])": "sum[i = 1..n - 1, j = i + 1..n](A[i,j])",
    "sum[j != k](x[j])": "sum[j != k](x[j])",
    "prod[i](x[i])": "prod[i](x[i])",
    "max[i](x[i])": "max[i](x[i])",
    "ind(z[i] > 0)": "ind(z[i] > 0)",
    "ind(i != j)": "ind(i != j)",
    "leaky_relu(x, a=0.2)": "leaky_relu(x, a = 0.2)",
    "dL/dW W^T": "dL/dW W^T",
    "2 dL/dW": "2 dL/dW",
    "dL/dW[p,q]": "dL/dW[p,q]",
    "dP[n,i]/dZ[n,j]": "dP[n,i]/dZ[n,j]",
    "d2L/dW2": "d2L/(dW dW)",
    "d2L/(dW dZ[1,2])": "d2L/(dW dZ[1,2])",
    "λ x": "λ x",
    ".5 x": ".5 x",
    "1e-5 x": "1e-5 x",
    "(a +\n b)": "a + b",
    "f(a,\n  b)": "f(a, b)",
}


@pytest.mark.parametrize(("text", "shown"), SAME.items())
def test_structure(text: str, shown: str) -> None:
    """Products bind tighter than * and /, powers tightest, derivatives are atoms."""
    assert show(parse_expression(text, {"L", "W", "P", "Z"})) == shown


@pytest.mark.parametrize("text", [text for text in SAME if "2L" not in text])
def test_shown_text_is_read_back(text: str) -> None:
    """`show` writes what the parser reads."""
    names = {"L", "W", "P", "Z"}
    once = show(parse_expression(text, names))
    assert show(parse_expression(once, names)) == once


def test_kinds_of_nodes() -> None:
    """The neutral tree of one line that uses most of the grammar."""
    (line,) = parse_program("q = 1/2 a b - sum[j](x[j]) + g(t = 3)")
    assert isinstance(line.expr, Plus)
    first, second, third = line.expr.terms
    assert isinstance(first, Chain)
    assert isinstance(first.factors[0], Over)
    assert isinstance(second, Minus)
    assert isinstance(second.arg, Bind)
    assert isinstance(third, Apply)
    assert second.arg.ranges == (Bounds(second.arg.ranges[0].at, "j"),)


@pytest.mark.parametrize(
    ("text", "names", "kind"),
    [
        ("dL/dW", {"L"}, Derivative),
        ("dL/dW", {"W"}, Derivative),
        ("dL/dW", set(), Over),
        ("dL/dW", {"L", "W", "dL"}, Over),
        ("depth/dim", {"depth", "dim"}, Over),
        ("d/dim", {"im"}, Over),
    ],
)
def test_derivative_needs_a_known_name(text: str, names: set[str], kind: type) -> None:
    """dL/dW is a derivative only if L or W is known and dL, dW are not."""
    assert isinstance(parse_expression(text, names), kind)


def test_a_range_is_not_a_decimal() -> None:
    """1..T is 1, .., T."""
    (line,) = parse_program("h[t] = W x[t] for t = 1..T, s = 2..5")
    assert [bounds.index for bounds in line.ranges] == ["t", "s"]
    assert isinstance(line.ranges[0].low, Num)


def test_lines() -> None:
    """Newlines, semicolons, comments and continuations."""
    text = "# a net\nU = W x +  # the bias\n  b; H = relu(U)\n\nL = sum(\n  H\n)\n"
    lines = parse_program(text)
    assert [line.text for line in lines] == ["U = W x + b", "H = relu(U)", "L = sum( H )"]
    assert [line.at for line in lines] == [(2, 1), (3, 6), (5, 1)]


def test_places_follow_the_origin() -> None:
    """Lines and columns are those of the file."""
    (first, second) = parse_program("U = W x\nH = U", origin=Origin("f.yaml", 7, 2))
    assert first.at == (7, 3)
    assert second.expr.at == (8, 7)


def test_equality() -> None:
    """Two sides."""
    left, right = parse_equality("dL/dZ = (P - Y)/N", {"L", "Z"})
    assert (show(left), show(right)) == ("dL/dZ", "(P - Y)/N")


BAD = [
    # text, line, column, part of the message, part of the hint
    ("y = lam/N W", 1, 11, "factor after a quotient", "(lam/N) W"),
    ("y = a/(b) (c + d) e", 1, 11, "factor after a quotient", "(a/b) (c + d) e"),
    ("y = 1/N (P - Y)", 1, 9, "factor after a quotient", "(1/N) (P - Y) or 1/(N (P - Y))"),
    ("y = W 2", 1, 7, "a number stands only first", "2 W"),
    ("y = a @ 2", 1, 9, "a number stands only first", "2 a"),
    ("y = __import__('os')", 1, 5, "a name begins with a letter", "never run as Python"),
    ("y = lambda x: x", 1, 13, "a colon stands only as an index", None),
    ("y = x**2", 1, 6, "**", "^ for a power"),
    ("y = W.T x", 1, 6, ".T", "^T"),
    ("y = np.exp(x)", 1, 7, ".exp", "Python"),
    ("y = f('x')", 1, 7, "a quote stands only", None),
    ('y = "x"', 1, 5, "a quote has no meaning", "Python"),
    ("y = {x}", 1, 5, "braces", "round brackets"),
    ("y = \\sigma(x)", 1, 5, "a backslash", "without the backslash"),
    ("y = a % b", 1, 7, "%", "#"),
    ("y == x", 1, 3, "==", "="),
    ("y = a = b", 1, 7, "a second =", "line of its own"),
    ("y = a < b", 1, 7, "a comparison", "ind(a < b)"),
    ("y = (a + b", 1, 5, "is not closed", "add )"),
    ("y = (a + b\nz = 3", 1, 5, "is not closed", "add )"),
    ("y = W[i, j", 1, 6, "is not closed", "add ]"),
    ("y = a)", 1, 6, "never opened", None),
    ("y = a + ", 1, 8, "ends here", None),
    ("y = a +\n* b", 2, 1, "found *", None),
    ("y = a\n+ b", 2, 1, "begins with the name it defines", "operator"),
    ("3 = y", 1, 1, "begins with the name it defines", None),
    ("y x = 2", 1, 3, "expected = after y", None),
    ("import os", 1, 8, "expected = after import", None),
    ("for = 2", 1, 1, "reserved", None),
    ("y = rows for", 1, 13, "expected an index after for", None),
    ("y = for", 1, 5, "expected a name", None),
    ("y = x^2^3", 1, 8, "two powers", "(x^2)"),
    ("y = x^", 1, 7, "expected a power", None),
    ("y = x^-n", 1, 7, "needs brackets", "^(-n)"),
    ("y = a * -b", 1, 9, "a sign stands only first", "(-b)"),
    ("y = f()", 1, 6, "no argument", None),
    ("y = sum[j] x", 1, 12, "expected ( after sum", None),
    ("y = sum[3](x)", 1, 9, "expected an index", None),
    ("L = x\ny = dL/dY^T", 2, 10, "no power inside a derivative", "(dL/dY)^T"),
    ("y = a ‖ b", 1, 7, "no meaning", None),
    ("y = a\x07", 1, 6, "U+0007", None),
    ("y = x²", 1, 6, "raised 2", "^2"),
    ("y[1.5.2] = 3", 1, 6, "expected ]", None),
    ("y[W x] = 3", 1, 5, "expected ]", None),
    ("y = a . b", 1, 7, "a dot", None),
    ("y = exec(open('f').read())", 1, 19, ".read", "Python"),
    ("y = x if x else z; 1", 1, 20, "begins with the name", None),
]


@pytest.mark.parametrize(("text", "line", "column", "message", "hint"), BAD)
def test_one_clear_error(text: str, line: int, column: int, message: str, hint: str | None) -> None:
    """A slip is reported once, where it stands, with what to write instead."""
    with pytest.raises(InputError) as caught:
        parse_program(text)
    error = caught.value
    assert (error.code, error.line, error.column) == ("syntax", line, column)
    assert message in error.message
    assert hint is None or (error.hint is not None and hint in error.hint)


LIMITS = {
    "brackets": "y = " + "(" * 201 + "x" + ")" * 201,
    "calls": "y = " + "exp(" * 201 + "x" + ")" * 201,
    "operations": "y = a" + "/b*c" * 150,
    "mixed": "y = " + "-2 exp(" * 150 + "x" + ")" * 150,
    "digits": "y = " + "9" * 5000,
    "exponent": "y = 1e99999999",
    "large exponent": "y = 1e9999",
    "size": "y = x" + " " * 1_000_000,
    "tokens": "y = x\n" * 20_000,
    "open only": "y = " + "(" * 100_000,
}


@pytest.mark.parametrize("text", LIMITS.values(), ids=LIMITS)
def test_limits(text: str) -> None:
    """Too deep or too large is a limit, never a RecursionError."""
    with pytest.raises(InputError) as caught:
        parse_program(text)
    assert caught.value.code == "limit"
    assert caught.value.line is not None


@pytest.mark.parametrize(
    "text", ["(" * 150 + "x" + ")" * 150, "exp(" * 150 + "x" + ")" * 150, "x" + " + x" * 5000]
)
def test_within_limits(text: str) -> None:
    """Deep and long formulas below the limits are read."""
    assert parse_expression(text) is not None


def test_slots_of_targets() -> None:
    """A target takes indices and numbers."""
    (line,) = parse_program("h[0, k] = x[k]")
    assert isinstance(line.slots[0], Num)
    assert isinstance(line.slots[1], Name)
    assert isinstance(line.expr, Sub)
