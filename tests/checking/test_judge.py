"""Whole derivations: one first error, later lines in its light; what is undecided is not judged."""

from __future__ import annotations

import pytest

import symbackprop as sbp

BATCH = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, M], role: parameter}
  c: {shape: [M], role: parameter}
  w: {shape: [M, K], role: parameter}
  Y: {shape: [N, K], role: target, one_hot: true}
forward: |
  U = X W + c
  H = relu(U)
  Z = H w
  P = softmax(Z)
  L = cross_entropy(Y, P)/N
"""
COLUMN = """
convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
forward: |
  y = W x
  J = J(y)
"""
NUMBERS = """
convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
  t: {shape: [m], role: target}
forward: |
  y = W x
  L = sumsq(y - t)
questions:
  - {update: {step: 0.1, of: [W]}, digits: 3}
values:
  W: [[1, 2], [0, 3]]
  x: [0.7, -1.3]
  t: [1, 0]
"""


def verdicts(problem: str, text: str) -> list[str]:
    """The verdicts of all claims."""
    return [one.verdict for one in sbp.check(sbp.loads(problem), text).findings]


def test_a_right_chain() -> None:
    first = r"\frac{\partial L}{\partial w} &= H^T \frac{\partial L}{\partial Z}"
    text = rf"$$\begin{{aligned}} {first} \\ &= \frac1N H^T (P - Y) \end{{aligned}}$$"
    assert verdicts(BATCH, text) == ["correct", "correct"]


def test_a_wrong_middle_and_a_right_end_is_not_passed() -> None:
    report = sbp.check(sbp.loads(BATCH), r"$$\frac{\partial L}{\partial Z} = P - Y = \frac1N (P - Y)$$")
    assert [one.verdict for one in report.findings] == ["wrong", "recovered"]
    assert report.exit_code == 1
    assert report.works[0].first_wrong == 0


def test_what_goes_on_from_a_wrong_line_follows() -> None:
    text = r"$$\frac{\partial L}{\partial w} = H^T (P - Y) = H^T P - H^T Y$$"
    assert verdicts(BATCH, text) == ["wrong", "follows"]


def test_a_later_display_follows_from_a_wrong_derivative() -> None:
    text = r"$$\frac{\partial L}{\partial Z} = P - Y$$ Then $$\frac{\partial L}{\partial w} = H^T (P - Y)$$"
    report = sbp.check(sbp.loads(BATCH), text)
    assert [one.verdict for one in report.findings] == ["wrong", "follows"]
    assert report.findings[1].because == 0


def test_a_name_takes_the_value_that_the_work_gives_it() -> None:
    text = r"Let $\Gamma = \frac1N (P - Y)$. Then $$\frac{\partial L}{\partial w} = H^T \Gamma$$"
    assert verdicts(BATCH, text) == ["correct", "correct"]
    text = r"Let $\Gamma = P - Y$. Then $$\frac{\partial L}{\partial w} = H^T \Gamma$$"
    assert verdicts(BATCH, text)[-1] == "wrong"


@pytest.mark.parametrize(
    "line",
    [
        r"\frac{\partial L}{\partial w} = H^T Q",
        r"\frac{\partial L}{\partial W} = \mystery{X} \frac{\partial L}{\partial U}",
        r"w \in \mathbb{R}^{M \times K}",
    ],
)
def test_what_is_not_understood_is_neither_right_nor_wrong(line: str) -> None:
    assert set(verdicts(BATCH, f"$${line}$$")) <= {"unread", "unchecked"}


def test_a_shape_decides_even_where_a_name_has_no_value() -> None:
    text = r"$$\frac{\partial J}{\partial y} = \begin{bmatrix} q_1 & q_2 \\ q_3 & q_4 \end{bmatrix}$$"
    fixed = COLUMN.replace("[m, n]", "[2, 2]").replace("shape: [n]", "shape: [2]")
    assert verdicts(fixed, text) == ["wrong"]


def test_one_for_the_identity_is_a_slip() -> None:
    fixed = COLUMN.replace("y = W x", "y = W x + b").replace(
        "forward", "  b: {shape: [m], role: parameter}\nforward"
    )
    assert verdicts(fixed, r"$$\frac{\partial y}{\partial b} = 1$$") == ["notation"]


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"y = \begin{bmatrix} -1.9 \\ -3.9 \end{bmatrix}", "correct"),
        (r"y = \begin{bmatrix} -1.9 \\ -3.7 \end{bmatrix}", "wrong"),
        (r"\frac{\partial L}{\partial y} = 2(y - t) = \begin{bmatrix} -5.8 \\ -7.8 \end{bmatrix}", "correct"),
        (r"L = 23.62", "correct"),
        (r"L = 23.6", "correct"),
        (r"L = 24.2", "wrong"),
        (
            r"\frac{\partial L}{\partial W} = \begin{bmatrix} -4.06 & 7.54 \\ -5.46 & 10.14 \end{bmatrix}",
            "correct",
        ),
        (r"W = W - 0.1 \frac{\partial L}{\partial W}", "correct"),
        (r"W = W + 0.1 \frac{\partial L}{\partial W}", "wrong"),
        (r"W = W - 0.2 \frac{\partial L}{\partial W}", "wrong"),
    ],
)
def test_numbers_are_judged_at_the_values_of_the_problem(line: str, verdict: str) -> None:
    found = sbp.check(sbp.loads(NUMBERS), f"$${line}$$").findings
    assert found[-1].verdict == verdict, (found[-1].message, found[-1].read_as)


def test_numbers_without_values_are_not_judged() -> None:
    bare = NUMBERS[: NUMBERS.index("questions")]
    assert verdicts(bare, r"$$L = 23.62$$") == ["unchecked"]


def test_evidence_says_how_a_line_was_judged() -> None:
    found = sbp.check(
        sbp.loads(COLUMN), r"$$\frac{\partial J}{\partial x} = W^T \frac{\partial J}{\partial y}$$"
    )
    assert found.findings[0].evidence.method == "normal-form"
    wrong = sbp.check(sbp.loads(BATCH), r"$$\frac{\partial L}{\partial Z} = P - Y$$").findings[0]
    assert wrong.evidence.counterexample is not None
    assert wrong.entries
    assert wrong.repair is not None
    assert "N" in wrong.repair


def test_the_letters_of_a_question_are_obeyed() -> None:
    asked = BATCH + "questions:\n  - {derive: dL/dw, in_terms_of: [H, P, Y, N]}\n"
    found = sbp.check(
        sbp.loads(asked), r"$$\frac{\partial L}{\partial w} = H^T \frac{\partial L}{\partial Z}$$"
    )
    assert [(one.verdict, one.cause) for one in found.findings] == [("convention", "form")]
    more = sbp.check(
        sbp.loads(asked),
        r"$$\frac{\partial L}{\partial w} = H^T \frac{\partial L}{\partial Z} = \frac1N H^T (P - Y)$$",
    )
    assert [one.verdict for one in more.findings] == ["correct", "correct"]


def test_points_follow_the_policy() -> None:
    priced = BATCH + "policy: {deduct: {mean: 1, sign: 0.5}}\n"
    text = r"$$\frac{\partial L}{\partial Z} = P - Y$$ $$\frac{\partial L}{\partial Z} = \frac1N (Y - P)$$"
    found = sbp.check(sbp.loads(priced), text).findings
    assert [one.points for one in found] == [1, 0.5]
    assert [one.points for one in sbp.check(sbp.loads(BATCH), text).findings] == [None, None]


@pytest.mark.parametrize(("feedback", "shown"), [("locate", False), ("nudge", False), ("repair", True)])
def test_three_strengths(feedback: str, shown: bool) -> None:
    found = sbp.check(
        sbp.loads(BATCH), r"$$\frac{\partial L}{\partial Z} = P - Y$$", feedback=feedback
    ).findings[0]
    assert found.verdict == "wrong"
    assert (found.repair is not None) is shown
    assert (found.cause is not None) is shown
    assert ("?" in found.message) is (feedback == "nudge")


def test_without_a_problem_file() -> None:
    report = sbp.check(None, "dJ/dx = W dJ/dy", given="y = W x + b; J = J(y)")
    assert [(one.verdict, one.cause) for one in report.findings] == [("wrong", "transpose")]
    with pytest.raises(sbp.InputError):
        sbp.check(None, "y = W x")


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"$\frac{\partial L}{\partial w_i} = w_{i-1} + w_{i+1} + [i = 1]$", "correct"),
        (r"$\frac{\partial L}{\partial w_i} = w_{i-1} + w_{i+1}$", "wrong"),
    ],
)
def test_an_entry_outside_its_range_is_zero_where_the_file_says_so(line: str, verdict: str) -> None:
    problem = sbp.loads(
        "outside: zero\nsymbols: {w: {shape: [n], role: parameter}}\n"
        "forward: 'L = sum[k = 2..n](w[k] w[k-1]) + w[1]'\n"
    )
    assert [finding.verdict for finding in sbp.check(problem, line).findings] == [verdict]


@pytest.mark.parametrize(
    "text",
    [
        r"$$D = 0 \quad \text{if } i \neq j$$",
        r"$$D = 0, \quad i \neq j$$",
        r"$$D = 0 \quad (i \neq j)$$",
        r"$D = 0$ if $i \ne j$.",
        r"We have $D = 0$ for all $i \ne j$.",
        r"$$D = 0 \text{ if } i \neq j, \quad D = \sigma'(a_i) \text{ if } i = j$$",
    ],
)
def test_a_condition_behind_a_formula_limits_it(text: str) -> None:
    problem = sbp.loads(
        "symbols: {a: {shape: [n], role: input}, sigma: {role: function, latex: '\\sigma'}}\n"
        "forward: |\n  s = sigma(a)\n  J = J(s)\n"
    )
    found = sbp.check(problem, text.replace("D", r"\frac{\partial s_i}{\partial a_j}")).findings
    assert {one.verdict for one in found} == {"correct"}, [(one.latex, one.message) for one in found]


def test_an_error_that_is_called_e_is_a_name() -> None:
    text = r"$$\frac{\partial L}{\partial y} = 2 (y - t) =: e$$ $$\frac{\partial L}{\partial W} = e x^\top$$"
    bare = NUMBERS[: NUMBERS.index("questions")]
    assert verdicts(bare, text) == ["correct", "correct", "correct"]
    assert verdicts(bare, text.replace("e x", "-e x"))[-1] == "wrong"
