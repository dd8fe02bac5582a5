"""Jacobians written out: zeros shown, slices, entries listed by row or by column, both layouts."""

from __future__ import annotations

from functools import cache

import pytest

from symbackprop.errors import InputError
from symbackprop.pipeline import Problem, loads
from symbackprop.reading.formulas import read_formula
from symbackprop.reports import Answer
from symbackprop.results.written_out import WrittenOut
from tests.derivation.networks import every

COLUMN = """convention: column
symbols:
  x: {shape: [n], role: input}
  W: {shape: [m, n], role: parameter}
  b: {shape: [m], role: parameter}
  beta: {role: constant}
forward: |
  y = W x + b
  p = softmax(y)
  h = relu(y)
  q = softmax(beta y)
"""
ROW = """convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, K], role: parameter}
forward: |
  Z = X W
  P = softmax(Z)
"""


@cache
def _asked(text: str, question: str, keys: str = "") -> Answer:
    found = loads(f"{keys}{text}questions:\n  - {question}\n").answer("q1")
    assert isinstance(found, Answer)
    return found


def _text(answer: Answer) -> str:
    assert answer.result is not None
    return answer.result.derivation.text


def _lines(answer: Answer) -> list[str]:
    return [f"{line.before.text} = {line.after.text}" for step in answer.steps for line in step.lines]


RESULTS = {
    "by a matrix": (
        COLUMN, "{explicit: dy/dW, dims: {m: 2, n: 2}}", "[x[1], x[2], 0, 0; 0, 0, x[1], x[2]]",
    ),
    "by a vector": (COLUMN, "{jacobian: dy/dx, level: entries}", "[W[1,1], W[1,2]; W[2,1], W[2,2]]"),
    "softmax": (
        COLUMN, "{explicit: dp/dy, dims: {m: 2, n: 1}}",
        "[p[1] (1 - p[1]), -p[1] p[2]; -p[1] p[2], p[2] (1 - p[2])]",
    ),
    "softmax with a temperature": (
        COLUMN, "{explicit: dq/dy, dims: {m: 2, n: 1}}",
        "[beta q[1] (1 - q[1]), -beta q[1] q[2]; -beta q[1] q[2], beta q[2] (1 - q[2])]",
    ),
    "relu": (
        COLUMN, "{explicit: dh/dy, dims: {m: 3, n: 1}}",
        "[relu'(y[1]), 0, 0; 0, relu'(y[2]), 0; 0, 0, relu'(y[3])]",
    ),
    "by one entry": (
        COLUMN, "{jacobian: 'dp/dW[1,2]', level: entries}", "[p[1] x[2] (1 - p[1]); -p[1] p[2] x[2]]",
    ),
    "of one entry": (COLUMN, "{jacobian: 'dy[2]/dW', level: entries}", "[0, 0; x[1], x[2]]"),
    "of one entry by one entry": (
        COLUMN, "{explicit: 'dp[2]/dW[1,2]', dims: {m: 2, n: 2}}", "-p[1] p[2] x[2]",
    ),
    "of a batch": (
        ROW, "{explicit: dZ/dW, dims: {N: 2, D: 1, K: 2}}",
        "[X[1,1], 0; 0, X[1,1]; X[2,1], 0; 0, X[2,1]]",
    ),
    "of one row of a batch": (
        ROW, "{explicit: 'dZ[1,:]/dW', dims: {N: 2, D: 2, K: 2}}",
        "[X[1,1], 0, X[1,2], 0; 0, X[1,1], 0, X[1,2]]",
    ),
    "no influence": (COLUMN, "{explicit: dy/dbeta, dims: {m: 2, n: 2}}", "[0; 0]"),
    "of itself": (COLUMN, "{explicit: dy/dy, dims: {m: 2, n: 2}}", "[1, 0; 0, 1]"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "question", "expected"), RESULTS.values(), ids=RESULTS)
def test_results(text: str, question: str, expected: str) -> None:
    answer = _asked(text, question)
    assert _text(answer) == expected
    assert answer.verdict.status == "holds", answer.verdict.reason
    assert answer.steps[-1].after.text == expected


@pytest.mark.parametrize(("text", "question", "expected"), RESULTS.values(), ids=RESULTS)
def test_lines_are_read_back(text: str, question: str, expected: str) -> None:
    answer = _asked(text, question)
    assert answer.result is not None
    context = answer.result.derivation._context
    for step in every(answer.steps):
        for formula in (step.before, step.after):
            again = read_formula(formula.text, context.graph)
            assert context.verifier.check_equal(formula.expr, again).status == "holds", formula.text


def test_entries_may_be_listed_column_by_column() -> None:
    answer = _asked(COLUMN, "{explicit: dy/dW, dims: {m: 2, n: 2}}", "style: {vec: column}\n")
    assert _text(answer) == "[x[1], 0, x[2], 0; 0, x[1], 0, x[2]]"
    assert answer.verdict.status == "holds"


def test_the_denominator_layout_has_a_row_for_each_entry_of_the_variable() -> None:
    answer = _asked(COLUMN, "{explicit: dy/dW, dims: {m: 2, n: 2}}", "layout: denominator\n")
    assert _text(answer) == "[x[1], 0; x[2], 0; 0, x[1]; 0, x[2]]"
    assert answer.verdict.status == "holds"


def test_a_jacobian_by_a_matrix_has_slices_in_its_shape() -> None:
    answer = _asked(COLUMN, "{explicit: dy/dW, dims: {m: 2, n: 2}}")
    lines = _lines(answer)
    assert "dy[1]/dW = [x[1], x[2]; 0, 0]" in lines
    assert "dy[2]/dW = [0, 0; x[1], x[2]]" in lines
    assert "dy[1]/dW[2,1] = 0" in lines
    assert [box.value.text for box in answer.shown.boxes] == [
        "[x[1], x[2], 0, 0; 0, 0, x[1], x[2]]", "[x[1], x[2]; 0, 0]", "[0, 0; x[1], x[2]]",
    ]  # fmt: skip


def test_softmax_is_derived_by_the_quotient_rule_and_then_spelled() -> None:
    lines = _lines(_asked(COLUMN, "{explicit: dp/dy, dims: {m: 2, n: 1}}"))
    quotient = "(exp(y[1]) (exp(y[1]) + exp(y[2])) - exp(y[1]) exp(y[1]))/(exp(y[1]) + exp(y[2]))^2"
    assert f"dp[1]/dy[1] = {quotient}" in lines
    assert f"{quotient} = p[1] (1 - p[1])" in lines
    assert lines[-1].endswith("= diag(p) - p p^T")


def test_what_lies_between_is_derived_first() -> None:
    answer = _asked(COLUMN, "{jacobian: dp/dW, level: entries}")
    quantities = dict.fromkeys(step.quantity.by.name for step in answer.steps if step.quantity is not None)
    assert list(quantities) == ["y", "W"]
    assert "dp[1]/dy[1] x[1] + dp[1]/dy[2] * 0 = dp[1]/dy[1] x[1]" in _lines(answer)
    assert answer.verdict.status == "holds"


@pytest.mark.parametrize(
    ("convention", "layout"),
    [
        ("row", "gradient"), ("row", "denominator"), ("column", "gradient"), ("column", "numerator"),
        ("column-transposed", "denominator"),
    ],
)  # fmt: skip
def test_three_layers_in_conventions_and_layouts(convention: str, layout: str) -> None:
    product = {"row": "h V", "column": "V h", "column-transposed": "V^T h"}[convention]
    first = {"row": "x W", "column": "W x", "column-transposed": "W^T x"}[convention]
    shapes = ("[n, m]", "[m, k]") if convention != "column" else ("[m, n]", "[k, m]")
    problem = loads(
        f"convention: {convention}\nlayout: {layout}\nsymbols:\n"
        f"  x: {{shape: [n], role: input}}\n  W: {{shape: {shapes[0]}, role: parameter}}\n"
        f"  V: {{shape: {shapes[1]}, role: parameter}}\n"
        f"forward: |\n  z = {first}\n  h = tanh(z)\n  y = softmax({product})\n"
    )
    for by in ("x", "h", "z", "V", "W"):
        derivation = problem.jacobian("y", by, level="entries")
        assert isinstance(derivation, WrittenOut)
        assert derivation.verify().status == "holds", derivation.verify().reason


# -- sizes


BAD = {
    "no sizes": (
        "{explicit: dy/dW}", "explicit of question 1 needs a size for n and m", "dims: {n: 2, m: 2}",
    ),
    "a size is missing": ("{explicit: dy/dW, dims: {m: 2}}", "needs a size for n", "dims: {n: 2, m: 2}"),
    "an unknown name": ("{explicit: dy/dW, dims: {m: 2, k: 2}}", "there is no dim k", "the dims are n, m"),
    "no whole number": ("{explicit: dy/dW, dims: {m: 2, n: 1/2}}", "must be a whole number", None),
    "below 1": ("{explicit: dy/dW, dims: {m: 2, n: 0}}", "must be a whole number of at least 1", None),
    "too large": (
        "{explicit: dy/dW, dims: {m: 20, n: 30}}", "W would have 20 x 30 = 600 entries",
        "choose smaller sizes",
    ),
    "another level": (
        "{explicit: dy/dW, dims: {m: 2, n: 2}, level: index}", "is derive at level entries", None,
    ),
    "dims at another level": (
        "{jacobian: dy/dW, dims: {m: 2, n: 2}, level: index}", "belongs to level entries", "level: entries",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("question", "message", "hint"), BAD.values(), ids=BAD)
def test_bad_sizes_get_one_clear_message(question: str, message: str, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        loads(f"{COLUMN}questions:\n  - {question}\n")
    assert message in caught.value.message
    assert caught.value.line == 13
    assert hint is None or hint in (caught.value.hint or "")


def test_dims_that_are_not_needed_may_be_left_out() -> None:
    problem: Problem = loads(
        COLUMN.replace("symbols:\n", "symbols:\n  V: {shape: [k, m], role: parameter}\n")
        + "  u = V y\nquestions:\n  - {explicit: dy/dW, dims: {m: 1, n: 3}}\n"
    )
    answer = problem.answer("q1")
    assert isinstance(answer, Answer)
    assert _text(answer) == "[x[1], x[2], x[3]]"


def test_dims_ask_for_level_entries() -> None:
    answer = _asked(COLUMN, "{jacobian: dh/dy, dims: {m: 2, n: 2}}")
    assert answer.level == "entries"
    assert _text(answer) == "[relu'(y[1]), 0; 0, relu'(y[2])]"
