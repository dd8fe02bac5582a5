"""The answer key: its parts, their order, marks, quoting, and pages without overfull lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Add, Hadamard, MatMul, Neg, Transpose
from symbackprop.core.verdicts import Counterexample, Evidence, Verdict, not_checked
from symbackprop.documents.key import Head, build_id, build_key, check_sentence, scientific
from symbackprop.documents.model import Asked, Document, Section
from symbackprop.documents.pdf import compile_pdf
from symbackprop.documents.templates import render
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import PLAIN

FAILS = Verdict(
    "fails",
    Evidence("differences", 3, ({"N": 5},), 0.3, None, Counterexample({"N": 5}, 7, (1, 2), 0.31, -0.29)),
)


HEAD = Head("Two-layer perceptron", "0.1.0-12ab", "Machine Learning")


def key(net: ModuleType, *asked: Asked) -> Document:
    return build_key(net.GRAPH, PLAIN, asked or net.ANSWERED, HEAD, math=net.math)


def changed(net: ModuleType, number: int, **changes: Any) -> Asked:
    """A question of the perceptron, its answer changed; ``result`` is what its box holds."""
    asked: Asked = net.ANSWERED[number]
    answer = asked.answers[0]
    if "result" in changes:
        changes["boxes"] = (replace(answer.boxes[0], value=changes.pop("result")),)
    return replace(asked, answers=(replace(answer, **changes),))


def derivation(net: ModuleType, number: int) -> Section:
    """The only derivation of a question."""
    (section,) = key(net).questions[number].sections
    return section


def test_the_parts_of_a_question_come_in_order(net: ModuleType) -> None:
    tex = render("key", key(net))
    question = tex[tex.index(r"\textbf{3}") :]
    marks = [
        "Derive the gradient",
        r"\answerbox",
        "Already derived",
        r"\textbf{(a)}",
        "(U > 0)".replace(">", r"\textgreater{}").replace(" ", r"\ "),
        "Checked against differences of $L$",
    ]
    places = [question.index(mark) for mark in marks]
    assert places == sorted(places)


def test_what_an_earlier_question_derived_is_quoted(net: ModuleType) -> None:
    document = key(net)
    quoted, *derived = document.questions[2].sections[0].paragraphs
    assert [line.reason for line in quoted.lines] == ["from question 1 (a)"]
    lines = [line for p in document.questions[2].sections[0].paragraphs for line in p.lines]
    assert [line.number for line in lines] == [1, 2, 3, 4, 5]
    assert [paragraph.letter for paragraph in derived] == ["a", "b", "c"]


def test_a_chain_prints_its_left_side_once(net: ModuleType) -> None:
    lines = derivation(net, 0).paragraphs[0].lines
    assert [line.equation.lhs for line in lines] == [r"\frac{\partial L}{\partial Z}", ""]


def test_shapes_stand_under_one_product_of_a_paragraph(net: ModuleType) -> None:
    paragraphs = derivation(net, 2).paragraphs
    counts = [sum("underset" in "".join(line.equation.rhs) for line in p.lines) for p in paragraphs]
    assert counts == [0, 1, 1, 1]


def test_heading_says_through_what_a_variable_reaches_the_loss(net: ModuleType) -> None:
    headings = [p.heading for p in derivation(net, 2).paragraphs]
    assert headings[1:] == [
        "$H$ reaches $L$ through $Z$.",
        "$U$ reaches $L$ through $H$.",
        "$W$ reaches $L$ through $U$ and also directly.",
    ]


def test_a_line_that_is_not_known_to_hold_is_marked(net: ModuleType) -> None:
    steps = tuple(
        replace(step, verdict=verdict)
        for step, verdict in zip(net.Z_STEPS, (FAILS, not_checked("at a kink")), strict=True)
    )
    (block,) = key(net, changed(net, 0, steps=steps, verdict=FAILS)).questions[0].sections
    first, second = block.paragraphs[0].lines
    assert (first.mark, first.failed) == ("this line fails its check", True)
    assert (second.mark, second.failed) == ("not checked: at a kink", False)
    assert "should be $0.31$ and is $-0.29$" in block.footnote
    assert r"\fails{this line fails its check}" in render(
        "key", key(net, changed(net, 0, steps=steps))
    )


def test_how_it_was_checked(net: ModuleType) -> None:
    assert check_sentence(net.HOLDS, net.L, PLAIN) == (
        "Checked against differences of $L$ at 3 random points with $N = 5$, $D = 3$, $M = 4$, $K = 2$; "
        r"largest relative difference $2 \cdot 10^{-10}$."
    )
    assert check_sentence(not_checked("no sizes"), net.L, PLAIN) == "Not checked: no sizes."


@pytest.mark.parametrize("error", [0.0, 3.1e-17, 8.6e-14])
def test_rounding_is_not_printed(net: ModuleType, error: float) -> None:
    """Its digits differ between processors, and the same problem gives the same bytes on all of them."""
    evidence = replace(net.HOLDS.evidence, max_rel_error=error)
    sentence = check_sentence(replace(net.HOLDS, evidence=evidence), net.L, PLAIN)
    assert sentence.endswith("; largest relative difference below $10^{-12}$.")


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, "0"), (3.4e-9, r"3 \cdot 10^{-9}"), (0.25, r"2 \cdot 10^{-1}")]
)
def test_small_numbers(value: float, expected: str) -> None:
    assert scientific(value) == expected


def test_build_id_is_the_version_and_a_hash_of_the_input() -> None:
    assert build_id("0.1.0", b"x") == build_id("0.1.0", b"x") != build_id("0.1.0", b"y")


def test_the_key_compiles_and_every_page_says_what_it_is(
    net: ModuleType, tmp_path: Path, pdf_words: Callable[[Path], list[str]]
) -> None:
    done = compile_pdf(render("key", key(net)), tmp_path / "key.pdf")
    assert done.overfull == ()
    pages = pdf_words(done.path)
    assert all("Answer key – staff only" in page for page in pages)
    assert all("build 0.1.0-12ab" in page for page in pages)
    words = " ".join(" ".join(pages).split())
    for expected in (
        "Two-layer perceptron",
        "parameters",
        "(3 points)",
        "each row of Y sums to 1",
        "dW2 = H.T @ dZ",
    ):
        assert expected in words


def _long_formulas(net: ModuleType) -> dict[str, Formula]:
    term = MatMul((Transpose(net.x), Hadamard((net.BACK, net.call("relu", net.FORWARD[0][1], primes=1)))))
    wide = Add(tuple(Neg(MatMul((net.lam, net.w))) if place % 3 == 2 else term for place in range(9)))
    square = MatMul((Transpose(wide), net.x, Transpose(net.x), wide))
    return {
        "sum": Formula(wide, PLAIN),
        "product of sums": Formula(square, PLAIN),
        "function of a sum": Formula(Hadamard((wide, net.call("relu", wide, primes=1))), PLAIN),
        "sum of entries": Formula(net.call("sum", Hadamard((wide, wide, wide))), PLAIN),
        "quotient": Formula(net.Divide(Neg(wide), net.DimValue(Dim.named("N"))), PLAIN),
    }


@pytest.mark.parametrize(
    "kind", ["sum", "product of sums", "function of a sum", "sum of entries", "quotient"]
)
def test_a_formula_that_is_too_long_is_broken_to_fit(kind: str, net: ModuleType, tmp_path: Path) -> None:
    formula = _long_formulas(net)[kind]
    steps = (net.step(net.dW, net.dW, formula.expr, "a reason of a few words beside `W2`"),)
    answered = changed(net, 2, result=formula, steps=steps)
    assert compile_pdf(render("key", key(net, answered)), tmp_path / "key.pdf").overfull == ()


def test_a_formula_longer_than_a_page_goes_on_on_the_next(net: ModuleType, tmp_path: Path) -> None:
    wide = _long_formulas(net)["product of sums"].expr
    many = Add(tuple(Transpose(wide) if place % 2 else wide for place in range(4)))
    steps = (net.step(net.dW, net.dW, many, "too long for a page"),)
    answered = changed(net, 2, result=Formula(many, PLAIN), steps=steps)
    assert len(key(net, answered).questions[0].answers[0].equation.rhs) > 30
    assert compile_pdf(render("key", key(net, answered)), tmp_path / "key.pdf").overfull == ()
