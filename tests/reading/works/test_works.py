"""Documents to claims: places, macros, conditions, readings; and what hostile input comes to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import symbackprop as sbp
from symbackprop.errors import InputError
from symbackprop.notation.text import to_text
from symbackprop.problem_file import ProblemSpec
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim, Work

LAYER = """
title: t
convention: column
symbols:
  W: {shape: [m, d], role: parameter}
  x: {shape: [d], role: input}
  b: {shape: [m], role: parameter}
forward: |
  y = W x + b
  L = L(y)
questions: [{derive: dL/dW}]
"""


def spec(text: str = LAYER) -> ProblemSpec:
    return sbp.loads(text).spec


def work(text: str, kind: str = "tex", problem: str = LAYER) -> Work:
    found = spec(problem)
    return read_work(text, WorkScope(found.graph, found.notation, found.names, found.layout), kind)


def shown(claim: Claim) -> str:
    left, right = next(claim.readings())
    return f"{to_text(left.expr)} {claim.relation} {to_text(right.expr)}"


def test_links_of_a_chain_and_their_places() -> None:
    text = "Text.\n\\begin{align*}\n  \\frac{\\partial L}{\\partial b} &= x \\\\\n  &= y\n\\end{align*}\n"
    first, second = work(text).claims
    assert (first.line, first.column, first.number) == (3, 3, 1)
    assert (second.line, second.column, second.number, second.inherited) == (4, 4, 2, True)
    assert second.left is first.right
    assert second.first is first.left
    assert text[second.span.start : second.span.stop] == "= y"


def test_every_part_knows_its_place() -> None:
    text = r"$\frac{\partial L}{\partial x} = W^T \frac{\partial L}{\partial y}$"
    (claim,) = work(text).claims
    right = claim.right.readings[0]
    spans = [right.spans.of(part) for part in right.expr.children]
    assert [text[span.start : span.stop] for span in spans if span] == [
        "W^T",
        r"\frac{\partial L}{\partial y}",
    ]


def test_macros_are_expanded_with_the_place_of_the_call() -> None:
    text = (
        r"\newcommand{\pdx}[2][L]{\frac{\partial #1}{\partial #2}}"
        "\n"
        r"\DeclareMathOperator{\g}{relu} \def\half{\frac{1}{2}}"
        "\n"
        r"$\pdx{x} = W^T \pdx[L]{y}$ and $y = \half y$"
    )
    first, second = work(text).claims
    assert shown(first) == "dL/dx = W^T dL/dy"
    assert (first.line, first.column) == (3, 2)
    assert shown(second) == "y = 1/2 y"


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        ("tex", "% $a = b$\n\\verb|$a = b$| \\begin{verbatim}$a = b$\\end{verbatim} \\[ x = x \\]", 1),
        ("md", "`$a = b$` and\n```\n$a = b$\n```\n$$x = x$$ costs $5 and $6\n", 1),
        ("md", "```math\nx = x\n```\n\\begin{equation}y = y\\end{equation}\n", 2),
        ("formula", "x = x", 1),
        ("formula", "$x = x$", 1),
        ("md", "a \\\\(x = x\\\\), \\\\[ y = y \\\\] <pre>$a = b$</pre> $5-$10, $x = y$ :math:`x = x`", 4),
        ("md", "> $$\n> x = x\n>   + y\n> $$\n\n.. math::\n   :label: a\n\n   x = x\n\n   y = y\n\nend", 3),
        ("md", "```{math}\n:label: a\nx = x\n```\n$`y = y`$ <script type=\"math/tex\">x = y</script>", 3),
        ("tex", "\\iffalse $x = x$ \\fi $y = y$ \\begin{tikzpicture} $a = b$ \\end{tikzpicture}", 1),
        ("tex", "\\(x = x\\) and \\begin{gather} y = y \\\\ x = x \\end{gather}", 3),
    ],
)
def test_where_formulas_stand(kind: str, text: str, count: int) -> None:
    assert len(work(text, kind).claims) == count


@pytest.mark.parametrize(
    "definition",
    [
        r"\NewDocumentCommand{\p}{O{L} m}{\frac{\partial #1}{\partial #2}}",
        r"\newcommandx{\p}[2][1=L]{\frac{\partial #1}{\partial #2}}",
        r"\def\q#1/#2;{\frac{\partial #1}{\partial #2}} \newcommand\p[1]{\q L/#1;}",
        r"\gdef\par#1{\frac{\partial L}{\partial #1}} \let\p\par",
        r"""macros: {R: "\\mathbb{R}", p: ["\\frac{\\partial L}{\\partial #1}", 1]}""",
        r"\NewDocumentCommand{\p}{m o}{\frac{\partial L}{\partial #1\IfValueT{#2}{_{#2}}}}",
        r"\newcommand{\p}[1]{\pdv{L}{#1}}",
    ],
)
def test_ways_to_define_a_macro(definition: str) -> None:
    (claim,) = work(definition + "\n\n" + r"$\p{x} = W^T \p{y}$", "md").claims
    assert shown(claim) == "dL/dx = W^T dL/dy"


def test_delimiters_and_environments_of_a_document() -> None:
    text = (
        r"\DeclarePairedDelimiter{\nrm}{\lVert}{\rVert} \newenvironment{col}{\left[\begin{array}{c}}"
        r"{\end{array}\right]} $y = \nrm*{x} b$ and $b = \begin{col} 1 \\ 2 \end{col}$"
    )
    assert [shown(claim) for claim in work(text).claims] == ["y = norm(x) b", "b = [1; 2]"]


def test_an_old_notebook() -> None:
    cells = [{"cell_type": "markdown", "source": ["$x = y$"]}, {"cell_type": "code", "input": ["'$a = b$'"]}]
    (claim,) = work(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}), "ipynb").claims
    assert claim.latex == "x = y"


def test_a_notebook_has_places_in_its_file() -> None:
    cells = [
        {"cell_type": "code", "source": ["a = '$x = y$'"]},
        {"cell_type": "markdown", "source": ["Here\n", "$x = \\\\frac{x}{1}$\n"]},
    ]
    text = json.dumps({"cells": cells}, indent=1).replace("\\\\\\\\", "\\\\")
    (claim,) = work(text, "ipynb").claims
    assert text.splitlines()[claim.line - 1][claim.column - 1 :].startswith("x = ")


def test_conditions() -> None:
    text = (
        "When i = j:\n\n$$D = 1$$\n\nIn general we see something else.\n\n"
        "$$D = \\begin{cases} 1 & i = j \\\\ 0 & \\text{else} \\end{cases}$$\n"
        "If $i \\neq j$, $D = 0$, else $D = 1$."
    ).replace("D", r"\frac{\partial y_i}{\partial b_j}")
    first, second, third, fourth = work(text, "md").claims
    conditions = [
        [to_text(one.holds) for one in claim.conditions if one.holds] for claim in work(text, "md").claims
    ]
    assert conditions == [["ind(i = j)"], [], ["ind(i != j)"], ["ind(i = j)"]]
    assert fourth.conditions[0].otherwise
    assert shown(first) == "dy[i]/db[j] = 1"
    assert shown(third) == "dy[i]/db[j] = 0"
    assert shown(second).startswith("dy[i]/db[j] = {1 where ind(i = j); 0 otherwise}")


def test_updates_sizes_and_definitions() -> None:
    text = (
        r"$W = W - .5 \frac{\partial L}{\partial W}$, $b \gets b - \eta g$, $b \mathrel{+}= x$, "
        r"$(m \times d) \times (d \times 1) = m \times 1$, $x \in \mathbb R^d$, "
        r"$\delta = \frac{\partial L}{\partial y}$"
    )
    claims = work(text).claims
    kinds = [(claim.kind, claim.defines) for claim in claims]
    assert kinds[0] == ("update", None)
    assert kinds[1] == ("update", None)
    assert kinds[-3:] == [("sizes", None), ("sizes", None), ("equation", r"\delta")]
    assert to_text(claims[0].left.readings[0].expr) == "W_new"


def test_all_readings_are_kept_and_the_best_comes_first() -> None:
    problem = LAYER.replace("  b: {", "  W2: {shape: [d, m], role: parameter}\n  b: {")
    (claim,) = work(r"$W_2 = W^2$", problem=problem).claims
    assert to_text(claim.right.readings[0].expr) == "W2"


def test_an_unknown_name_is_named() -> None:
    (claim,) = work(r"$\frac{\partial L}{\partial x} = V^T \frac{\partial L}{\partial y}$").claims
    assert claim.right.readings[0].opaque == ("V",)


def test_what_cannot_be_read_says_where_and_the_rest_is_read() -> None:
    text = "\\begin{align}\n a &= \\foo{x} \\\\\n \\frac{\\partial L}{\\partial b} &= y\n\\end{align}"
    first, second = work(text).claims
    assert first.unread is not None
    assert (first.unread.line, first.unread.column, first.unread.reason) == (
        2, 7, r"the command \foo is not known",
    )  # fmt: skip
    assert shown(second) == "dL/db = y"


# -- hostile input

HOSTILE = {
    "empty": "",
    "deep": "$" + "(" * 5000 + ")" * 5000 + " = x$",
    "braces": "$" + "{" * 50_000 + "$",
    "unbalanced": "$)))))((( = [[$",
    "recursive": r"\def\a{\a\a} $x = \a$",
    "doubling": "".join(rf"\def\m{chr(98 + n)}{{\m{chr(97 + n)}\m{chr(97 + n)}}}" for n in range(20))
    + r"\def\ma{x} $x = \mu$",
    "missing argument": r"\newcommand{\p}[2]{#1#2} $x = \p{a}$",
    "bars": "$" + "|" * 4000 + " = x$",
    "texts": "$" + r"\text{" * 20_000 + "$",
    "environments": r"\begin{align}" * 5000,
    "dollars": "$" * 20_001,
    "scripts": "$x" + "_x" * 3000 + "= x$",
    "fractions": "$" + r"\frac" * 3000 + " = x$",
    "overset": "$" + r"\overset{" * 3000 + " = x$",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["tex", "md", "formula"])
def test_hostile_text_ends_in_findings(name: str, kind: str) -> None:
    found = work(HOSTILE[name], kind)
    assert all(claim.unread is not None or claim.left.readings or claim.left.unread for claim in found.claims)


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("\0\1\2", "tex", "io"),
        ("x" * 11_000_000, "tex", "limit"),
        ("{}", "ipynb", "io"),
        ("$x$ " * 20_001, "md", "limit"),
    ],
)
def test_no_text_and_too_much_text_are_input_errors(text: str, kind: str, code: str) -> None:
    with pytest.raises(InputError) as error:
        work(text, kind)
    assert error.value.code == code


FRAGMENTS = [
    r"$", r"$$", "=", r"\frac{\partial L}{\partial W_{ij}}", r"\sum_{r=1}^m", r"W^T", "x_j", r"\odot",
    r"\sigma(y)", r"\delta_{ij}", r"\begin{bmatrix} x_1 & 0 \\ 1 & W_{12} \end{bmatrix}", r"\nabla_W L", "^2",
    "_i", r"\left(", r"\right)", "if", ".5", r"\log", r"\mathbf{1}^T", "[i]", r"\text{if } i = j", r"\\", "&",
    ",", "-", "I", r"\max(0, y)", r"y^{(i)}", r"\|x\|_2^2", r"e^{x_i}", "dW", "\n\n", "When i = j:",
    r"\begin{cases} 1 & i = j \\ 0 \end{cases}", r"\dots", "^{(t+1)}", r"\mathrm{d}", r"\sum", "/", ".*", "+",
    r"\boxed{x = x}", r"\text{if $i = j$}", r"\intertext{so}", "|", r"\|", "x_1", "x_d", "^{-1}", "_{1:m}",
    "]_+", "[", r"\operatorname{stack}", r"\partial_W", "W^{(l)}", "^{old}", r"\nabla_W^2", "y", "L", "d",
    r"\mathbf 0_{m \times d}",
]  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14))
def test_no_work_raises(pieces: list[str]) -> None:
    work(" ".join(pieces), "md")
    work(" ".join(piece for piece in pieces if "$" not in piece), "formula")


def test_what_nobody_knows_can_be_echoed() -> None:
    (claim,) = work(r"$\frac{V}{q^2} = \frac{1}{\sqrt{V}} w{} + \frac{\partial y}{\partial W}$").claims
    assert shown(claim) == "V/q^{2} = (1/sqrt(V)) w + dy/dW"
