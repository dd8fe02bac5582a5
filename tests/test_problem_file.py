"""Problem files: what is read from them, and what is said about a slip."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symbackprop.core.expr import Call, Leaf
from symbackprop.core.tensors import Convention, Facts, Role
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.ops.registry import Elementwise
from symbackprop.problem_file import ProblemSpec, load_spec, loads_spec, spec_from_mapping

GOOD = r"""# a comment
title: Two-layer perceptron
convention: row
layout: gradient
level: vector
symbols:
  X:   {shape: [N, D], role: input}
  W:   {shape: [D, M], role: parameter}
  c:   {shape: [M], role: parameter}
  Y:   {shape: [N, K], role: target, one_hot: true}
  W2:  {shape: [M, K], role: parameter, latex: 'w', aliases: ['W^{(2)}', 'W_2']}
  b:   {shape: [K], role: parameter}
  lam: {role: constant, latex: '\lambda'}
  U:   {aliases: ['u', '\mathbf{u}']}
  K:   {role: dim, latex: '|K|', at_least: 2}
  act: {role: function, is: tanh, latex: '\phi'}
  f:   {role: function}
  swish: {role: function, of: a, is: 'a * sigmoid(a)'}
forward: |
  U = X W + c
  H = relu(U) + act(U) + swish(U) * f(U)
  # the scores
  Z = H W2 + b
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)
notation:
  - {name: delta_2, is: dL/dZ, latex: '\delta^{(2)}', aliases: ['\delta_2']}
questions:
  - {derive: dL/dW, level: [vector], points: 4, hint: 'Mind the sum.', space: 3}
  - {derive: 'dL / dZ', id: scores, via: log}
  - derive: dL/db
    text: "First line.\nSecond line."
    points: 1/2
values:
  X: [[1, 0]]
  W: '3 6; 4 5'
  c: [1, -.5]
  lam: 1e-1
style: {transpose: T, gradient: nabla}
course: {title: Networks, author: Staff}
"""


@pytest.fixture(scope="module")
def spec() -> ProblemSpec:
    return loads_spec(GOOD, "good.yaml")


def test_head(spec: ProblemSpec) -> None:
    """Title, convention, level, style, course."""
    assert spec.title == "Two-layer perceptron"
    assert (spec.convention, spec.convention_given) == (Convention.ROW, True)
    assert (spec.level, spec.layout, spec.file) == (("vector",), "gradient", "good.yaml")
    assert spec.names.style == {"transpose": "T", "gradient": "nabla"}
    assert spec.course == {"title": "Networks", "author": "Staff"}
    assert spec.forward.startswith("U = X W + c\n")


def test_symbols(spec: ProblemSpec) -> None:
    """Shapes, roles, facts, spellings."""
    tensors = spec.graph.tensors
    assert [str(dim) for dim in tensors["Y"].shape] == ["N", "K"]
    assert tensors["Y"].role is Role.TARGET
    assert tensors["Y"].facts == Facts(one_hot=True)
    assert tensors["W2"].aliases == ("W^{(2)}", "W_2")
    assert tensors["lam"].latex == r"\lambda"
    assert tensors["lam"].shape == ()
    assert tensors["U"].aliases == ("u", r"\mathbf{u}")
    assert tensors["U"].role is Role.INTERMEDIATE
    assert spec.graph.dims["K"] == "|K|"
    assert spec.names.dims == {"K": "|K|"}
    assert spec.at_least == {"K": 2}
    assert [tensor.name for tensor in spec.graph.parameters] == ["W", "c", "W2", "b"]


def test_functions(spec: ProblemSpec) -> None:
    """A function of the table by another name, an arbitrary one, and a formula."""
    functions = spec.graph.functions
    act, f, swish = functions["act"], functions["f"], functions["swish"]
    assert isinstance(act, Elementwise)
    assert isinstance(f, Elementwise)
    assert isinstance(swish, Elementwise)
    assert (act.name, act.latex, act.slopes) == ("act", r"\phi", ("1 - y^2",))
    assert f.abstract
    assert (swish.formula, swish.params[0].name, swish.forward) == ("a * sigmoid(a)", "a", None)
    hidden = spec.graph.equations[1].expr
    assert hidden is not None
    called = [node.op for node in hidden.walk() if isinstance(node, Call)]
    assert called[1:] == [act, swish, f]


def test_questions(spec: ProblemSpec) -> None:
    """Ids, targets, points, levels, texts."""
    first, second, third = spec.questions
    assert [question.id for question in spec.questions] == ["q1", "scores", "q3"]
    assert (first.of.name, first.by.name, first.levels, first.points) == ("L", "W", ("vector",), Fraction(4))
    assert (first.hint, first.space, first.via) == ("Mind the sum.", Fraction(3), "log")
    assert second.target == "dL / dZ"
    assert (second.levels, second.points) == (None, None)
    assert (third.text, third.points) == ("First line.\nSecond line.", Fraction(1, 2))
    assert (first.line, third.line) == (29, 31)
    assert spec.question("scores") is second
    assert spec.question("q9") is None


def test_notation(spec: ProblemSpec) -> None:
    """A name for a derivative, for printing and for reading back."""
    partial = spec.partials["delta_2"]
    assert (partial.of.name, partial.by.name) == ("L", "Z")
    assert spec.names.partial_name(partial) == ("delta_2", r"\delta^{(2)}")


def test_values(spec: ProblemSpec) -> None:
    """Numbers are exact."""
    assert spec.values == {
        "X": ((1, 0),),
        "W": ((3, 6), (4, 5)),
        "c": (1, Fraction(-1, 2)),
        "lam": Fraction(1, 10),
    }


def test_lines_of_equations(spec: ProblemSpec) -> None:
    """Equations know their line and column in the file."""
    assert [(e.target.name, e.line, e.column) for e in spec.graph.equations] == [
        ("U", 20, 3),
        ("H", 21, 3),
        ("Z", 23, 3),
        ("P", 24, 3),
        ("L", 25, 3),
    ]


HEAD = "symbols:\n  W: {shape: [m, n], role: parameter}\n  x: {shape: [n], role: input}\n"
FORWARD = "forward: |\n  y = W x\n  L = sumsq(y)\n"
BASE = HEAD + FORWARD
ASKING = BASE + "questions:\n"
NAMING = BASE + "notation:\n"
PROGRAM = HEAD + "forward: |\n"

BAD = [
    # YAML itself
    ("title: [a", "yaml", 1, 10, "expected ',' or ']'", None),
    ("title: a: b", "yaml", 1, 9, "mapping values", "quote the value"),
    ("a:\n\t- b", "yaml", 2, 1, "cannot start any token", "spaces"),
    (BASE + "title: a\ntitle: b", "yaml", 8, 1, "title stands twice, first in line 7", None),
    ("symbols:\n  W: {}\n  W: {}", "yaml", 3, 3, "W stands twice, first in line 2", None),
    (BASE + "title: &a b", "yaml", 7, 8, "anchors", "quote"),
    (BASE + "title: *a", "yaml", 7, 8, "aliases", "quote"),
    (BASE + "title: !!str b", "yaml", 7, 8, "tags", "quote"),
    (BASE + "<<: {a: b}", "yaml", 7, 1, "merge keys", None),
    (BASE + "title: 'a\x07'", "yaml", 7, 10, "U+0007", None),
    (HEAD.replace("role: input", r'latex: "\beta"') + FORWARD, "yaml", 3, 27, r"\beta", "single quotes"),
    (HEAD.replace("role: input", r'latex: "\nabla"') + FORWARD, "yaml", 3, 27, r"\nabla", "single quotes"),
    (HEAD.replace("role: input", r'latex: "x\theta"') + FORWARD, "yaml", 3, 28, r"\theta", "single quotes"),
    (HEAD.replace("role: input", r'latex: "\lambda"') + FORWARD, "yaml", 3, 27, r"\lambda", "single quotes"),
    (HEAD.replace("role: input", r'latex: "\xi"') + FORWARD, "yaml", 3, 27, r"\xi", "single quotes"),
    (HEAD.replace("role: input", r'latex: "\rho"') + FORWARD, "yaml", 3, 27, r"\rho", "single quotes"),
    (HEAD.replace("role: input", r'latex: "\nfoo"') + FORWARD, "yaml", 3, 26, "newline", "single quotes"),
    ("a: 1\n---\nb: 2", "yaml", 2, 1, "one document", None),
    ("[" * 60, "limit", 1, 41, "nested", None),
    # the shape of the file
    ("", "schema", 1, 1, "a mapping of keys, not empty", "symbols:"),
    ("- a", "schema", 1, 1, "a mapping of keys, not a list", None),
    ("hello", "schema", 1, 1, "'hello'", None),
    (HEAD, "schema", 1, 1, "forward is missing", "forward: |"),
    (HEAD + "forward:", "schema", 4, 9, "forward must be a text with equations, not empty", None),
    (HEAD + "forward: '# nothing'", "schema", 4, 10, "no equation", None),
    (BASE + "titel: a", "schema", 7, 1, "unknown key titel", "did you mean title?"),
    (BASE + "convention: rwo", "schema", 7, 13, "row, column, column-transposed, not 'rwo'", "row?"),
    (BASE + "layout: gradeint", "schema", 7, 9, "layout must be one of", "did you mean gradient?"),
    (BASE + "level: vectors", "schema", 7, 8, "level must be one of", "did you mean vector?"),
    (BASE + "level: []", "schema", 7, 8, "must name each level once", None),
    (BASE + "title: [a]", "schema", 7, 8, "title must be a text, not a list", None),
    (BASE + "questions: dL/dW", "schema", 7, 12, "questions must be a list", None),
    (BASE + "style: {transpos: T}", "schema", 7, 9, "unknown key transpos in style", "transpose"),
    (BASE + "style: {transpose: t}", "schema", 7, 20, "one of T, top", None),
    (BASE + "course: {templates: ..}", "schema", 7, 21, "not inside the folder", None),
    (BASE + "course: {templates: none}", "schema", 7, 21, "no folder 'none'", None),
    (BASE + "course: {style: {bolt: all}}", "schema", 7, 18, "unknown key bolt in the style", "bold"),
    (BASE + "extends: ../nothing.yaml", "io", 7, 10, "there is no such file", "relative to this file"),
    (BASE + "extends: /etc/passwd", "schema", 7, 10, "not the relative path", None),
    (BASE + "policy: {forms: any}", "schema", 7, 10, "unknown key forms in policy", "form"),
    (BASE + "policy: {form: all}", "schema", 7, 16, "one of any, matrices, entries", None),
    (BASE + "policy: {deduct: {sign: much}}", "schema", 7, 25, "what sign costs must be a number", None),
    (BASE + "policy: {deduct: {sgin: 1}}", "schema", 7, 19, "unknown cause sgin in deduct", "mean sign?"),
    (BASE + "policy: {deduct: {sign: -1}}", "schema", 7, 25, "must not be negative", None),
    (BASE + "variants: {dims: {q: [2]}}", "schema", 7, 19, "unknown dim q in variants", "m, n"),
    (BASE + "variants: {dim: {}}", "schema", 7, 12, "unknown key dim in variants", "dims"),
    (BASE + "course: {titel: x}", "schema", 7, 10, "unknown key titel in course", "title"),
    # symbols
    ("symbols: [W]\n" + FORWARD, "schema", 1, 10, "symbols must be a mapping", None),
    (BASE.replace("W: {", "2W: {"), "schema", 2, 3, "'2W' is not a name", None),
    (BASE.replace("role: input", "role: inptu"), "schema", 3, 25, "the role of x", "did you mean input?"),
    (BASE.replace("role: input", "role: input, one_of: []"), "schema", 3, 40, "at least one number", "-1, 1"),
    (BASE.replace("x", "rows"), "redefined", 3, 3, "rows is a reserved word", "another name"),
    (BASE.replace("role: input", "rol: input"), "schema", 3, 19, "unknown key rol in x", "mean role?"),
    (BASE.replace("[n], role", "[0], role"), "shape", 3, 15, "0 is not an extent", None),
    (BASE.replace("[n], role", "['n^2'], role"), "shape", 3, 16, "n^2 is not an extent", None),
    (BASE.replace("[n], role", "['n +'], role"), "syntax", 3, 19, "ends here", None),
    (BASE.replace("[n], role", "[[n]], role"), "schema", 3, 15, "not a list", None),
    (BASE.replace("role: input", "role: input, one_hot: 1"), "schema", 3, 41, "true or false, not '1'", None),
    (BASE.replace("role: input", "role: input, symmetric: true"), "schema", 3, 32, "must be square", None),
    (BASE.replace("role: input", "one_hot: true"), "schema", 3, 19, "no role", None),
    (BASE.replace("role: input", "role: input, between: [1, 0]"), "schema", 3, 41, "the smaller first", None),
    (BASE.replace("role: input", "role: input, one_of: [a]"), "schema", 3, 41, "must be a number", "1/3"),
    (BASE.replace("role: input", "role: input, is: relu"), "schema", 3, 32, "is applies to a function", None),
    (BASE.replace("role: input", "role: dim"), "schema", 3, 7, "x is a dim; shape does not apply", None),
    (HEAD.replace("x:", "n:") + FORWARD, "redefined", 3, 3, "n is both a dim and a symbol", "another name"),
    (HEAD.replace("x:", "exp:") + FORWARD, "redefined", 3, 3, "exp is a function", None),
    (HEAD.replace("x:", "rows:") + FORWARD, "redefined", 3, 3, "rows is a reserved word", None),
    (HEAD.replace("x:", "dW:") + FORWARD, "redefined", 3, 3, "derivative by W", "latex: 'dW'"),
    (HEAD + "  dy: {role: constant}\n" + FORWARD, "redefined", 4, 3, "derivative by y", "notation"),
    (HEAD + "  relu: {role: function}\n" + FORWARD, "redefined", 4, 3, "relu is a function", None),
    (HEAD + "  f: {role: function, is: sigmoyd}\n" + FORWARD, "schema", 4, 27, "sigmoyd", "sigmoid"),
    (HEAD + "  f: {role: function, of: a}\n" + FORWARD, "schema", 4, 27, "without is:", None),
    (HEAD + "  f: {role: function, of: a, is: 'a a'}\n" + FORWARD, "shape", 4, 35, "does not fit", None),
    (HEAD + "  f: {role: function, of: a, is: 'a + f(a)'}\n" + FORWARD, "unknown-function", 4, 39, "f", None),
    (HEAD + "  f: {role: function, of: a, is: 'a +'}\n" + FORWARD, "syntax", 4, 38, "ends here", None),
    # the forward pass: places are those of the file
    (PROGRAM + "  y = W z\n", "unknown-symbol", 5, 9, "unknown symbol z", None),
    (PROGRAM + "\n\n    y = W x\n    z = W  x9\n", "unknown-symbol", 8, 12, "unknown symbol x9", "x"),
    (HEAD + "forward: 'y = W z'\n", "unknown-symbol", 4, 17, "unknown symbol z", None),
    (HEAD + "forward: y = W z; L = 2\n", "unknown-symbol", 4, 16, "unknown symbol z", None),
    (PROGRAM + "  y = W W x\n", "shape", 5, 7, "W is m x n, W is m x n", None),
    (PROGRAM + "  y = W x\n  y = x\n", "redefined", 6, 3, "first in line 5", None),
    (PROGRAM + "  y = W x + z\n  z = y\n", "cycle", 5, 3, "y -> z -> y", None),
    (PROGRAM + "  y = W x +\n", "syntax", 5, 12, "ends here", None),
    (PROGRAM + "  y = __import__('os').system('x')\n", "syntax", 5, 7, "a name begins with", "Python"),
    (BASE + "forward_latex: 'y = Wx'", "schema", 7, 1, "both give the equations", "drop one"),
    (HEAD + "forward_latex: 'y = W q'", "unknown-symbol", 4, 23, "q", None),
    # questions and notation
    (ASKING + "  - {derive: dL/dQ}\n", "unknown-symbol", 8, 17, "unknown symbol Q", None),
    (ASKING + "  - {derive: dQ/dW}\n", "unknown-symbol", 8, 14, "unknown symbol Q", None),
    (ASKING + "  - {derive: dQ/dR}\n", "unknown-symbol", 8, 14, "unknown symbol Q", None),
    (ASKING + "  - {derive: dL/dn}\n", "unknown-symbol", 8, 17, "n is a dim", None),
    (ASKING + "  - {derive: dL/drelu}\n", "unknown-symbol", 8, 17, "relu is a function", None),
    (HEAD + "  t: {shape: [m]}\n" + FORWARD, "schema", 4, 3, "t has no role", "target"),
    (ASKING + "  - {derive: L}\n", "schema", 8, 14, "a derivative such as dL/dW, not L", None),
    (ASKING + "  - {derive: 'dL/dW + 1'}\n", "schema", 8, 15, "derivative such as dL/dW", None),
    (ASKING + "  - {derive: }\n", "schema", 8, 13, "not empty", None),
    (ASKING + "  - dL/dW\n", "schema", 8, 5, "question 1 must be a mapping", None),
    (ASKING + "  - {points: 3}\n", "schema", 8, 5, "ask for one thing, found none", "derive: dL/dW"),
    (ASKING + "  - {derive: dL/dW, point: 3}\n", "schema", 8, 21, "unknown key point", "points"),
    (ASKING + "  - {derive: dL/dW, points: lots}\n", "schema", 8, 29, "must be a number", None),
    (ASKING + "  - {derive: dL/dW, points: -1}\n", "schema", 8, 29, "negative", None),
    (ASKING + "  - {derive: dL/dW, show: 'a = b'}\n", "schema", 8, 21, "derive and show", None),
    (ASKING + "  - {derive: dL/dW, digits: 3}\n", "schema", 8, 21, "digits does not belong", None),
    (ASKING + "  - {derive: dL/dW, via: road}\n", "schema", 8, 26, "log, jacobian", None),
    (ASKING + "  - {ask: }\n", "schema", 8, 10, "must be a text, not empty", None),
    (ASKING + "  - {ask: Why?, level: vector}\n", "schema", 8, 17, "level does not belong", None),
    (ASKING + "  - {derive: dL/dW, answer: b}\n", "schema", 8, 21, "answer does not belong", None),
    (ASKING + "  - {text: a, parts: []}\n", "schema", 8, 22, "without a part", None),
    (ASKING + "  - {parts: [{derive: dL/dQ}]}\n", "unknown-symbol", 8, 26, "unknown symbol Q", None),
    (ASKING + "  - {parts: [{point: 3}]}\n", "schema", 8, 15, "unknown key point in part a of q1", "points"),
    (ASKING + "  - {cases: [], parts: [{ask: a}]}\n", "schema", 8, 6, "has only parts", None),
    (
        ASKING + "  - {points: 3, parts: [{ask: a, points: 1}, {ask: b, points: 1.5}]}\n",
        "schema", 8, 14, "add up to 5/2, but question 1 has 3", "leave out",
    ),
    (
        ASKING + "  - {points: 1, parts: [{ask: a, points: 2}, {ask: b}]}\n",
        "schema", 8, 14, "add up to 2, but question 1 has 1", "leave out",
    ),
    (ASKING + "  - {derive: dL/dW, in_terms_of: [x, q]}\n", "unknown-symbol", 8, 38, "symbol q", None),
    (ASKING + "  - {derive: dL/dW, text: 'see $\\input{x}$'}\n", "syntax", 8, 33, "\\input is not on", None),
    (ASKING + "  - derive: dL/dW\n    hint: |\n     a\n     b $\\def x$\n", "syntax", 11, 9, "\\def", None),
    (ASKING + "  - {ask: a, answer: '$a}$'}\n", "syntax", 8, 24, "braces do not match", None),
    (BASE + "title: 'On $\\write$'", "syntax", 7, 13, "\\write is not on", None),
    (BASE.replace("role: input", "latex: '\\foo'"), "schema", 3, 26, "\\foo is not on the list", None),
    (ASKING + "  - {derive: dL/dW, id: a/b}\n", "schema", 8, 25, "the id 'a/b'", None),
    (ASKING + "  - {derive: dL/dW, id: a}\n  - {derive: dL/dx, id: a}", "schema", 9, 5, "twice", None),
    (NAMING + "  - {name: y, is: dL/dy}", "schema", 8, 12, "y means something else", None),
    (NAMING + "  - {name: delta}", "schema", 8, 5, "needs name: and is:", None),
    (NAMING + "  - {name: 2a, is: dL/dy}", "schema", 8, 12, "not a name", None),
    (NAMING + "  - {name: e, is: dL/dv}", "unknown-symbol", 8, 22, "unknown symbol v", None),
    (NAMING + "  - {name: e, is: dL/dy, latex: '\\foo'}", "schema", 8, 33, "\\foo is not on the list", None),
    (NAMING + "  - {spelling: e, is: 'W q'}", "unknown-symbol", 8, 26, "unknown symbol q", None),
    (NAMING + "  - {name: e, is: dL/dy}\n  - {name: f, is: dL/dy}", "schema", 9, 5, "the name e", None),
    # values and assumptions
    (BASE + "values: {Q: 3}", "unknown-symbol", 7, 10, "unknown symbol Q", None),
    (BASE + "values: {y: 3}", "schema", 7, 10, "defined by an equation", None),
    (BASE + "values: {x: 3}", "schema", 7, 13, "has 0 indices, its shape has 1", None),
    (BASE + "values: {W: [[1, 2], [3]]}", "schema", 7, 13, "one length", None),
    (BASE + "values: {W: '1 2; 3'}", "schema", 7, 13, "one length", None),
    (BASE + "values: {W: '1 x; 3 4'}", "schema", 7, 13, "not an array of numbers", None),
    (BASE + "values: {x: [1, 1e400]}", "schema", 7, 17, "the value of x is too large", "1e300"),
    (BASE + "values: {W: '1 2; 3 1e301'}", "schema", 7, 13, "the value of W is too large", None),
    (BASE + "values: {x: []}", "schema", 7, 13, "at least one entry", None),
    (BASE + "assume: ['sum(y) = 1']", "schema", 7, 10, "assumptions are about inputs", None),
    (BASE + "assume: ['sum(q) = 1']", "unknown-symbol", 7, 15, "unknown symbol q", None),
    (BASE + "assume: ['sum(x)']", "syntax", 7, 17, "expected =", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column", "message", "hint"), BAD)
def test_one_clear_error(
    text: str, code: str, line: int, column: int, message: str, hint: str | None
) -> None:
    """A slip is one error with file, line, column, and the nearest name or what to do."""
    with pytest.raises(InputError) as caught:
        loads_spec(text, "hw.yaml")
    error = caught.value
    assert (error.code, error.file, error.line, error.column) == (code, "hw.yaml", line, column), str(error)
    assert message in error.message
    assert hint is None or (error.hint is not None and hint in error.hint)
    assert not isinstance(error, UnsupportedError)


LATER = [
    (BASE + "assume: ['x[1] = 2']", 7, 10, "assumption"),
    (BASE + "assume: ['norm(x) = 1']", 7, 10, "assumption"),
    (BASE + "assume: ['sum(x) = 2']", 7, 10, "assumption sum(x) = 2"),
    (BASE + "assume: ['sum[k = 1..3](x[k]) = 1']", 7, 10, "assumption"),
    (BASE + "assume: ['x < 1']", 7, 10, "assumption x < 1"),
    (BASE + "assume: ['W = x']", 7, 10, "assumption W = x"),
]


@pytest.mark.parametrize(("text", "line", "column", "what"), LATER)
def test_refused_by_name(text: str, line: int, column: int, what: str) -> None:
    """Keys and kinds of a later version are known, and refused by name."""
    with pytest.raises(UnsupportedError, match="not supported yet") as caught:
        loads_spec(text, "hw.yaml")
    error = caught.value
    assert what in error.message
    assert (error.code, error.file, error.line, error.column) == ("unsupported", "hw.yaml", line, column)


@pytest.mark.parametrize(
    ("convention", "formula", "facts"),
    [
        ("row", "sum(x) = 1", Facts(sums_to_one=True)),
        ("row", "sum(W) = 1", Facts(whole_sum_is_one=True)),
        ("row", "rowsum(W) = 1", Facts(sums_to_one=True)),
        ("column", "colsum(W) = 1", Facts(sums_to_one=True)),
    ],
)
def test_assumptions(convention: str, formula: str, facts: Facts) -> None:
    """`assume:` gives facts along the feature index."""
    name = "W" if "W" in formula else "x"
    forward = FORWARD if convention == "column" else FORWARD.replace("W x", "x W^T")
    spec = loads_spec(f"{HEAD}{forward}convention: {convention}\nassume: ['{formula}']")
    assert spec.graph.tensors[name].facts == facts
    assert spec.assumptions == (formula,)


def test_assumption_across_the_feature_index_is_later() -> None:
    """colsum under row is not along the feature index."""
    with pytest.raises(UnsupportedError):
        loads_spec(f"{HEAD}{FORWARD}convention: column\nassume: ['rowsum(W) = 1']")


def test_convention_is_found_and_said() -> None:
    """Without the key the convention is the one that fits."""
    spec = loads_spec(BASE.replace("W x", "x W^T"))
    assert (spec.convention, spec.convention_given) == (Convention.ROW, False)


def test_python_data() -> None:
    """The same keys from Python, with arrays and numbers as they are."""
    data: dict[str, Any] = {
        "convention": "column",
        "symbols": {"W": {"shape": ["m", 3], "role": "parameter"}, "x": {"shape": [3], "role": "input"}},
        "forward": "y = W x\nL = sumsq(y)",
        "questions": [{"derive": "dL/dW", "points": 2.5}],
        "values": {"x": np.array([0.1, 2.0, 3.0]), "W": [[1, 2, Fraction(1, 3)]]},
    }
    spec = spec_from_mapping(data)
    assert spec.questions[0].points == Fraction(5, 2)
    assert spec.values["x"] == (Fraction(1, 10), 2, 3)
    assert spec.values["W"] == ((1, 2, Fraction(1, 3)),)
    leaf = next(node for node in spec.graph.equations[0].expr.walk() if isinstance(node, Leaf))  # type: ignore[union-attr]
    assert leaf.tensor is spec.graph.tensors["W"]


@pytest.mark.parametrize(
    "data",
    [{"forward": 3}, {1: 2}, {"forward": object()}, {"symbols": {"W": {"shape": {"a"}}}, "forward": "y = W"}],
)
def test_bad_python_data(data: Any) -> None:
    """Data of a wrong type is an InputError."""
    with pytest.raises(InputError):
        spec_from_mapping(data)


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there."""
    with pytest.raises(InputError) as caught:
        load_spec(tmp_path / "none.yaml")
    assert (caught.value.code, caught.value.file) == ("io", str(tmp_path / "none.yaml"))


def test_folder_instead_of_a_file(tmp_path: Path) -> None:
    """A folder cannot be read."""
    with pytest.raises(InputError) as caught:
        load_spec(tmp_path)
    assert caught.value.code == "io"


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (b"title: a\nx\xff\xfe\x00", "yaml", (2, 2)),
        (b"\x00\x01\x02", "yaml", (1, 1)),
        (b"\x89PNG\r\n\x1a\n", "yaml", (1, 1)),
        (b"a: " + b"x" * 1_000_001, "limit", (None, None)),
    ],
)
def test_binary_and_large_files(tmp_path: Path, data: bytes, code: str, place: tuple[int, int]) -> None:
    """Binary input and files above the limit."""
    path = tmp_path / "hw.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        load_spec(path)
    assert (caught.value.code, (caught.value.line, caught.value.column)) == (code, place)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent.parent / "examples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_examples_are_read(path: Path) -> None:
    """Every example is a problem file of this version."""
    assert load_spec(path).questions


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    """Both are harmless."""
    path = tmp_path / "hw.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert [equation.target.name for equation in load_spec(path).graph.equations] == ["y", "L"]
