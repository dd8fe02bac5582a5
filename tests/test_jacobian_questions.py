"""Questions about Jacobians: definition, show, compare; and what is refused, in one clear message each."""

from __future__ import annotations

import pytest

import symbackprop as sbp
from symbackprop.answering import Answer

FILE = """
convention: column
symbols:
  x: {shape: [D], role: input}
  W: {shape: [M, D], role: parameter}
  V: {shape: [K, M], role: parameter}
  t: {shape: [K], role: target, one_hot: true}
forward: |
  u = W x
  h = relu(u)
  z = V h
  p = softmax(z)
  L = cross_entropy(t, p)
questions:
"""


def _answers(*questions: str) -> tuple[Answer, ...]:
    problem = sbp.loads(FILE + "".join(f"  - {question}\n" for question in questions))
    return tuple(answer for answer in problem.answers() if isinstance(answer, Answer))


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("dh/du", "(dh/du)[i,j] = dh[i]/du[j]"),
        ("dp/dW", "(dp[i]/dW)[j,k] = dp[i]/dW[j,k]"),
    ],
)
def test_the_definition_comes_first(asked: str, line: str) -> None:
    (answer,) = _answers(f"{{jacobian: {asked}, definition: true}}")
    first = answer.steps[0]
    assert answer.verdict.status == "holds"
    assert (first.rule, f"{first.before.text} = {first.after.text}") == ("definition", line)
    assert first.because.startswith("by definition")


@pytest.mark.parametrize(
    "claim",
    [
        "dh/du = diag(relu'(u))",
        "dp/dz = diag(p) - p p^T",
        "dp[i]/dz[j] = p[i] (ind(i = j) - p[j])",
        "dp/dx = dp/dz dz/dh dh/du du/dx",
        "dL/du = (dh/du)^T dL/dh",
        "dp[i]/dW = dp[i]/du x^T",
    ],
)
@pytest.mark.parametrize("level", ["vector", "jacobian"])
def test_identities_of_jacobians_are_shown(claim: str, level: str) -> None:
    (answer,) = _answers(f'{{show: "{claim}", level: {level}}}')
    assert answer.verdict.status == "holds"
    assert answer.verdict.evidence.method == "normal-form"
    assert {step.verdict.status for step in answer.steps} == {"holds"}


def test_a_wrong_jacobian_is_refuted() -> None:
    (answer,) = _answers("{show: 'dh/du = diag(u)'}")
    assert answer.verdict.status == "fails"
    assert answer.result is not None
    assert answer.result.text == "diag(relu'(u))"


def test_one_jacobian_in_the_three_layouts() -> None:
    answers = _answers("{compare: dp/dx, layouts: [gradient, numerator, denominator]}")
    assert {answer.verdict.status for answer in answers} == {"holds"}
    assert [answer.shape for answer in answers] == [("K", "D"), ("K", "D"), ("D", "K")]


def test_a_gradient_by_jacobians_in_conventions_and_layouts() -> None:
    answers = _answers(
        "{compare: dL/dW, conventions: [row, column], layouts: [gradient, numerator], level: jacobian}"
    )
    assert {answer.verdict.status for answer in answers} == {"holds"}
    assert [answer.shape for answer in answers] == [("D", "M"), ("M", "D"), ("M", "D"), ("D", "M")]


def test_what_does_not_depend_has_a_jacobian_of_zeros() -> None:
    (answer,) = _answers("{jacobian: dh/dt}")
    assert answer.verdict.status == "holds"
    assert answer.result is not None
    assert answer.result.text == "zeros(M, K)"
    assert [step.because for step in answer.steps] == ["`t` does not influence `h`"]


@pytest.mark.parametrize(
    ("question", "code", "words"),
    [
        ("{jacobian: dL/dh, cases: [i = j]}", "schema", "unknown symbol i"),
        ("{jacobian: dh/du, cases: [i > j]}", "schema", "orders indices"),
        ("{jacobian: dh/du, cases: [i = 0]}", "schema", "holds nowhere"),
        ("{jacobian: dh/du, cases: [i = 9z]}", "schema", "compares an array"),
        ("{jacobian: dh/dt, cases: [i = j]}", "schema", "an index of M with one of K"),
        ("{jacobian: dq/du}", "unknown-symbol", "unknown symbol q"),
        ("{jacobian: dh/dq}", "unknown-symbol", "unknown symbol q"),
        ("{jacobian: L}", "schema", "must be a derivative"),
        ("{jacobian: 'dh[i,j]/du'}", "shape", "2 indices are given"),
        ("{jacobian: dL/du, definition: true}", "schema", "L is a scalar"),
        ("{jacobian: 'dh[i]/du[j]', definition: true}", "schema", "a single entry"),
        ("{derive: dL/du, definition: true}", "schema", "does not belong"),
        ("{show: 'dp/dW = x'}", "shape", "dp[i]/dW[p,q]"),
        ("{compare: h}", "schema", "is none"),
        ("{compare: dL/du, layouts: [gradient, gradient]}", "schema", "each layout once"),
        ("{show: 'dh[1..2]/du = x'}", "syntax", "an axis runs as a whole"),
    ],
)
def test_bad_questions(question: str, code: str, words: str) -> None:
    with pytest.raises(sbp.InputError) as caught:
        _answers(question)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        (
            "derive",
            "dL/dW[i,i]",
            "W is D x K, not square, and has no diagonal: i would run over D and over K",
        ),
        ("jacobian", "dZ[n,i]/dW[i,n]", "the index i runs over K in Z and over D in W"),
    ],
)
def test_an_index_runs_over_one_range(kind: str, asked: str, message: str) -> None:
    """A letter that stands twice: only a square matrix has a diagonal."""
    text = (
        "convention: row\nsymbols: {X: {shape: [N, D], role: input}, W: {shape: [D, K], role: parameter}}\n"
        f"forward: 'Z = X W; L = sumsq(Z)'\nquestions: [{{{kind}: '{asked}'}}]\n"
    )
    with pytest.raises(sbp.InputError) as caught:
        sbp.loads(text)
    assert caught.value.message == message


def test_the_code_of_a_batch_is_readable() -> None:
    problem = sbp.loads(
        "convention: row\nsymbols:\n  X: {shape: [N, D], role: input}\n"
        "  W: {shape: [D, K], role: parameter}\nforward: |\n"
        "  Z = X W\n  H = tanh(Z)\n  P = softmax(H)\n  L = sumsq(P)\n"
        "questions: [{jacobian: dP/dH}, {derive: 'dL/dW[1,2]'}]\n"
    )
    jacobian, entry = (problem.answer(f"q{number}") for number in (1, 2))
    source = jacobian.result.numpy  # type: ignore[union-attr]
    assert "+ -" not in source
    assert "        * (np.eye(N)" in source  # a factor a line
    assert "def gradient_W(" in entry.result.numpy  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(("first", "base"), [("y[n] = k", 1), ("k = y[n]", 0)])
def test_cases_of_a_label(first: str, base: int) -> None:
    problem = sbp.loads(
        f"convention: row\nindex_from: {base}\nsymbols:\n  Z: {{shape: [N, K], role: parameter}}\n"
        "  y: {shape: [N], role: target, classes: K}\nforward: |\n  P = softmax(Z)\n"
        "  L = -mean[n](log(P[n,y[n]]))\n"
        f"questions: [{{jacobian: 'dL/dZ[n,k]', cases: ['{first}', '{first.replace('=', '!=')}']}}]\n"
    )
    answer = problem.answer("q1")
    assert isinstance(answer, Answer)
    assert [case.text for case in answer.cases or ()] == ["(P[n,k] - 1)/N", "P[n,k]/N"]
    assert answer.verdict.status == "holds"
