"""The Python surface: load, derive, gradients, numpy, verify, render, SymPy results, JSON."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

import symbackprop as sbp
from symbackprop.pipeline import derive_text, solve_files
from symbackprop.reports import Answer
from symbackprop.solving import Solved, found_in

PROBLEM = r"""
title: Two-layer perceptron
convention: row
symbols:
  X:   {shape: [N, D], role: input}
  W:   {shape: [D, M], role: parameter}
  c:   {shape: [M], role: parameter}
  V:   {shape: [M, K], role: parameter, latex: 'W_2'}
  b:   {shape: [K], role: parameter}
  Y:   {shape: [N, K], role: target, one_hot: true}
  lam: {role: constant, latex: '\lambda'}
  unused: {shape: [D], role: input}
forward: |
  U = X W + c
  H = relu(U)
  Z = H V + b
  P = softmax(Z)
  L = cross_entropy(Y, P)/N + lam/2 * sumsq(W)
notation:
  - {name: G, is: dL/dZ, latex: 'G'}
questions:
  - {derive: dL/dW, points: 4}
  - {derive: dL/dZ, via: jacobian}
  - {id: bias, derive: dL/dc, text: 'Now the bias.'}
"""


@cache
def problem() -> sbp.Problem:
    return sbp.loads(PROBLEM)


Arrays = dict[str, Any]


def arrays(seed: int = 3) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        "X": rng.normal(size=(5, 3)),
        "W": rng.normal(size=(3, 4)),
        "c": rng.normal(size=4),
        "V": rng.normal(size=(4, 2)),
        "b": rng.normal(size=2),
        "Y": np.eye(2)[[0, 1, 1, 0, 1]],
        "lam": 0.3,
    }


def loss(a: Arrays) -> float:
    """The forward pass, by hand."""
    Z = np.maximum(a["X"] @ a["W"] + a["c"], 0) @ a["V"] + a["b"]
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return float(-(a["Y"] * np.log(P)).sum() / 5 + a["lam"] / 2 * (a["W"] ** 2).sum())


def differences(by: str, a: Arrays) -> NDArray[np.float64]:
    """Central differences of ``loss``."""
    base = np.asarray(a[by], dtype=float)
    found = np.zeros_like(base)
    for spot in np.ndindex(base.shape):
        step = np.zeros_like(base)
        step[spot] = 1e-6
        found[spot] = (loss({**a, by: base + step}) - loss({**a, by: base - step})) / 2e-6
    return found


# -- loading


def test_load_reads_a_file(root: Path) -> None:
    found = sbp.load(root / "examples" / "two_layer_perceptron.yaml")
    assert found.title == "Two-layer perceptron"
    assert [question.target for question in found.questions][:2] == ["dL/dZ", "dL/dW2"]


def test_loads_reads_a_text() -> None:
    assert problem().title == "Two-layer perceptron"
    assert [question.id for question in problem().questions] == ["q1", "q2", "bias"]


def test_a_missing_file() -> None:
    with pytest.raises(sbp.InputError, match="no such file") as caught:
        sbp.load("no-such-file.yaml")
    assert caught.value.code == "io"
    assert caught.value.file == "no-such-file.yaml"


def test_an_error_has_its_place() -> None:
    with pytest.raises(sbp.InputError, match="unknown symbol Q") as caught:
        sbp.loads(PROBLEM.replace("H V + b", "H Q + b"))
    assert caught.value.code == "unknown-symbol"
    assert caught.value.line == 1 + PROBLEM[: PROBLEM.index("Z = H V")].count("\n")
    assert caught.value.column == len("  Z = H ") + 1


# -- derive


def test_a_derivation() -> None:
    found = problem().derive("L", "W", level="vector")
    assert isinstance(found, sbp.Derivation)
    assert found.name == "dL/dW"
    assert found.text == "X^T dL/dU + lam W"
    assert r"\frac{\partial L}{\partial U}" in found.latex
    assert found.latex.endswith(r"\lambda W")
    assert found.shape == ("D", "M")
    assert found.indices == ("p", "q")
    assert found.assumptions == ("each row of `Y` sums to 1",)
    assert found.expanded_text is not None
    assert "dL/d" not in found.expanded_text
    assert "H" not in found.expanded_text


def test_a_declared_name_is_used() -> None:
    assert problem().derive("L", "Z").name == "G"
    assert problem().derive("L", "V").text == "H^T G"


def test_a_derivation_is_made_once() -> None:
    assert problem().derive("L", "W") is problem().derive("L", "W")
    assert problem().derive("L", "Z") is not problem().derive("L", "Z", via="jacobian")


@pytest.mark.parametrize(("of", "by", "name"), [("L", "w", "w"), ("M", "W", "M"), ("L", "WW", "WW")])
def test_a_name_that_does_not_exist(of: str, by: str, name: str) -> None:
    with pytest.raises(sbp.InputError, match=f"unknown symbol {name}") as caught:
        problem().derive(of, by)
    assert caught.value.code == "unknown-symbol"
    assert caught.value.hint


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(sbp.InputError) as caught:
        problem().derive("L", "w")
    assert caught.value.hint == "did you mean W?"


def test_an_unknown_level() -> None:
    with pytest.raises(sbp.InputError, match="unknown level vectr") as caught:
        problem().derive("L", "W", level="vectr")
    assert caught.value.hint == "did you mean vector?"


def test_the_loss_has_to_be_a_scalar() -> None:
    with pytest.raises(sbp.InputError, match="U is not a scalar"):
        problem().derive("U", "W")


# -- numpy


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "X", "lam"])
def test_numpy_gives_the_gradient(by: str) -> None:
    a = arrays()
    found = problem().derive("L", by).numpy()(a)
    np.testing.assert_allclose(found, differences(by, a), rtol=1e-6, atol=1e-8)
    assert np.shape(found) == np.shape(a[by])


def test_lists_and_whole_numbers_will_do() -> None:
    a = arrays()
    lists = {name: np.asarray(value).tolist() for name, value in a.items()}
    function = problem().derive("L", "W").numpy()
    np.testing.assert_array_equal(function(lists), function(a))
    whole = {**a, "X": np.arange(15).reshape(5, 3) - 7}
    np.testing.assert_allclose(function(whole), function({**whole, "X": whole["X"].astype(float)}))


@pytest.mark.parametrize("shape", [(4, 1), (1, 4)])
def test_a_vector_may_have_an_extra_axis(shape: tuple[int, int]) -> None:
    a = arrays()
    function = problem().derive("L", "c").numpy()
    turned = {**a, "c": a["c"].reshape(shape)}
    np.testing.assert_array_equal(function(turned), function(a))
    assert function(turned).shape == (4,)


def test_names_that_are_not_needed_are_ignored() -> None:
    a = arrays()
    function = problem().derive("L", "W").numpy()
    np.testing.assert_array_equal(function({**a, "unused": "nonsense", "other": None}), function(a))


@pytest.mark.parametrize("name", ["X", "Y", "lam"])
def test_a_missing_array_is_named(name: str) -> None:
    a = arrays()
    del a[name]
    with pytest.raises(sbp.InputError, match=f"{name} is missing"):
        problem().derive("L", "W").numpy()(a)


def test_sizes_that_do_not_agree() -> None:
    with pytest.raises(sbp.InputError) as caught:
        problem().derive("L", "W").numpy()({**arrays(), "c": np.zeros(7)})
    assert caught.value.code == "shape"


def test_given_arrays_are_not_changed() -> None:
    a = arrays()
    before = {name: np.array(value) for name, value in a.items()}
    problem().gradients("L").numpy()(a)
    assert all(np.array_equal(a[name], before[name]) for name in a)


# -- gradients


def test_gradients_by_every_parameter() -> None:
    found = problem().gradients("L")
    assert list(found) == ["W", "c", "V", "b"]
    assert len(found) == 4
    a = arrays()
    values = found.numpy()(a)
    assert list(values) == list(found)
    for name, value in values.items():
        np.testing.assert_allclose(value, differences(name, a), rtol=1e-6, atol=1e-8)


def test_gradients_by_what_is_asked_for() -> None:
    found = problem().gradients("L", wrt=["U", "X"])
    assert list(found) == ["U", "X"]
    values = found.numpy()(arrays())
    np.testing.assert_allclose(values["U"], problem().derive("L", "U").numpy()(arrays()))


def test_gradients_by_a_name_that_does_not_exist() -> None:
    with pytest.raises(sbp.InputError, match="unknown symbol Q"):
        problem().gradients("L", wrt=["W", "Q"])


def test_a_name_without_influence_is_zero() -> None:
    found = problem().derive("L", "unused")
    assert found.text == "zeros(D)"
    assert np.array_equal(found.numpy()({**arrays(), "unused": np.ones(3)}), np.zeros(3))
    assert found.verify().status == "holds"


# -- verify


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "Z", "U", "X", "lam"])
@pytest.mark.parametrize("via", ["log", "jacobian"])
def test_a_derivation_verifies_itself(by: str, via: str) -> None:
    found = problem().derive("L", by, via=via)
    verdict = found.verify()
    assert verdict.status == "holds", verdict
    assert verdict.reason is None
    assert verdict.counterexample is None
    assert verdict.evidence.method == "differences"
    assert verdict.evidence.points >= 4
    assert verdict.evidence.max_rel_error is not None
    assert verdict.evidence.max_rel_error < 1e-6
    assert {step.verdict.status for step in found.steps} == {"holds"}


def test_a_verdict_is_no_truth_value() -> None:
    verdict = problem().derive("L", "W").verify()
    with pytest.raises(TypeError, match="three values"):
        bool(verdict)


def test_the_verdict_of_a_step_needs_no_call_of_verify() -> None:
    found = sbp.loads(PROBLEM).derive("L", "W")
    assert {step.verdict.status for step in found.steps} == {"holds"}
    found.verify()
    assert {step.verdict.status for step in found.steps} == {"holds"}


def test_what_cannot_be_checked_says_why() -> None:
    symbols = "convention: column\nsymbols:\n  x: {shape: [n], role: parameter}\n"
    verdict = sbp.loads(symbols + "forward: |\n  L = sum(log(-(x * x)))\n").derive("L", "x").verify()
    assert verdict.status == "not-checked"
    assert verdict.reason


# -- SymPy


def _values(arguments: list[Any], a: Arrays) -> list[Any]:
    """The arrays in the order of ``arguments``; vectors as 1 x n, as under row."""
    sizes = {"N": 5, "D": 3, "M": 4, "K": 2}
    found = []
    for argument in arguments:
        name = str(argument)
        value = sizes[name] if name in sizes else a[name]
        found.append(np.atleast_2d(value) if isinstance(value, np.ndarray) else value)
    return found


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "X", "lam"])
def test_lambdify_of_the_expanded_result(by: str) -> None:
    found = problem().derive("L", by)
    function = sympy.lambdify(found.arguments, found.expanded())
    a = arrays()
    value = np.asarray(function(*_values(found.arguments, a)))
    assert value.dtype == float
    np.testing.assert_allclose(value.reshape(np.shape(a[by])), differences(by, a), rtol=1e-6, atol=1e-8)


def test_the_arguments_are_symbols_then_dims() -> None:
    names = [str(argument) for argument in problem().derive("L", "W").arguments]
    dims = {"N", "D", "M", "K"}
    assert [name for name in names if name not in dims] == ["X", "W", "c", "V", "b", "Y", "lam"]
    assert [name in dims for name in names] == sorted(name in dims for name in names)


@pytest.mark.parametrize("by", ["W", "c", "V", "b", "Z", "U", "H"])
def test_the_result_is_a_matrix_expression(by: str) -> None:
    found = problem().derive("L", by)
    rows, columns = (str(side) for side in found.result.shape)
    expected = found.shape if len(found.shape) == 2 else ("1", *found.shape)
    assert (rows, columns) == expected
    assert str(sympy.latex(found.result))


def test_the_result_stands_in_the_named_intermediates() -> None:
    symbols = {str(symbol) for symbol in problem().derive("L", "V").result.free_symbols}
    assert "H" in symbols
    assert "X" not in symbols


def test_steps_have_sympy_formulas() -> None:
    for step in problem().derive("L", "c").steps:
        assert step.after.sympy is not None
        assert step.before.text
        assert step.after.latex


def test_an_array_at_the_end_has_a_jacobian() -> None:
    vector, matrix = derive_text("y = W x", ["x", "W"])
    assert (vector.answer.kind, vector.answer.result.text) == ("jacobian", "W")
    assert vector.answer.shape == ("m", "n")
    assert matrix.text_report().endswith("\ndy[i]/dW[j,k] = x[k] ind(i = j)")
    assert [one.answer.verdict.status for one in (vector, matrix)] == ["holds", "holds"]


# -- in print


def test_the_notebook_shows_the_result() -> None:
    found = problem().derive("L", "W")
    shown = found._repr_latex_()
    assert shown.startswith("$")
    assert shown.endswith("$")
    assert r"\partial L" in shown
    assert found.latex in shown


def test_the_derivation_as_latex() -> None:
    text = problem().derive("L", "c").to_latex()
    assert text.startswith("\\begin{aligned}\n")
    assert text.count("&=") == len(problem().derive("L", "c").steps)


def test_a_line_that_goes_on_has_no_left_side_of_its_own() -> None:
    steps = problem().derive("L", "W").steps
    goes_on = sum(one.before.latex == above.after.latex for above, one in pairwise(steps))
    text = problem().derive("L", "W").to_latex()
    assert goes_on
    assert text.count("\n&= ") == goes_on


def test_the_notebook_shows_results_together_and_reasons_as_code() -> None:
    found = problem().gradients("L")
    assert found._repr_latex_().count("&=") == len(found)
    page = found["W"]._repr_html_()
    assert "`" not in page
    assert "<code>" in page
    assert page.count("<li>") == len(found["W"].steps)


def test_what_a_console_shows_is_one_line() -> None:
    found = problem()
    d = found.derive("L", "W")
    for shown in (found, d, found.gradients("L"), d.steps[0], d.steps[0].after, found.answer("q1")):
        assert len(repr(shown)) < 300
        assert repr(shown).startswith("<")


def test_the_key_is_a_document() -> None:
    source = problem().render("key")
    assert source.startswith("\\documentclass")
    assert "Two-layer perceptron" in source
    assert source == problem().render("key")


def test_a_form_that_comes_later() -> None:
    with pytest.raises(sbp.UnsupportedError, match="handout"):
        problem().render("handout")


def test_an_answer_by_its_id() -> None:
    found = problem().answer("bias")
    assert isinstance(found, Answer)
    assert (found.id, found.kind, found.question) == ("bias", "derive", "dL/dc")
    assert found.verdict.status == "holds"
    with pytest.raises(sbp.InputError, match="no question bais") as caught:
        problem().answer("bais")
    assert caught.value.hint == "did you mean bias?"


# -- JSON

SOLVE = ["format", "version", "ok", "problems"]
ONE = ["file", "title", "error", "files", "assumptions", "equations", "answers"]
EQUATION = ["target", "text", "latex", "shape"]
ANSWER = [
    "id", "kind", "question", "level", "shape", "indices", "result", "cases", "numbers", "steps", "verdict",
    "evidence",
]  # fmt: skip
RESULT = ["text", "latex", "expanded_text", "numpy"]
STEP = ["rule", "because", "before", "after", "latex", "shapes", "verdict", "evidence", "substeps"]
EVIDENCE = ["method", "points", "sizes", "max_rel_error", "reason", "counterexample"]
ERROR = ["code", "message", "file", "line", "column", "hint"]


@cache
def solved() -> dict[str, Any]:
    """As it is printed, and read again."""
    one = Solved("mlp.yaml", found_in(problem()))
    return dict(json.loads(json.dumps(one.as_json(), allow_nan=False)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("solve")
    good, bad = folder / "good.yaml", folder / "bad.yaml"
    good.write_text(PROBLEM, encoding="utf-8")
    bad.write_text(PROBLEM.replace("relu(U)", "rleu(U)"), encoding="utf-8")
    found = solve_files([str(good), str(bad)], out=folder / "out", forms=("tex",))
    assert found.exit_code == 2
    return dict(json.loads(json.dumps(found.as_json(), allow_nan=False)))


def test_the_outermost_object(run: dict[str, Any]) -> None:
    assert list(run) == SOLVE
    assert run["format"] == "symbackprop/solve/1"
    assert run["version"] == sbp.__version__
    assert run["ok"] is False
    assert [list(one) for one in run["problems"]] == [ONE, ONE]


def test_a_good_file_is_done_beside_a_bad_one(run: dict[str, Any]) -> None:
    good, bad = run["problems"]
    assert good["error"] is None
    assert [Path(path).name for path in good["files"]] == ["good-key.tex"]
    assert all(Path(path).is_file() for path in good["files"])
    assert list(bad["error"]) == ERROR
    assert (bad["error"]["code"], bad["error"]["hint"]) == ("unknown-function", "did you mean relu?")
    assert bad["error"]["line"] == 1 + PROBLEM[: PROBLEM.index("relu")].count("\n")
    assert bad["title"] is None
    assert [bad[key] for key in ("files", "assumptions", "equations", "answers")] == [[], [], [], []]


def test_the_equations() -> None:
    equations = solved()["equations"]
    assert [list(equation) for equation in equations] == [EQUATION] * 5
    assert [equation["text"] for equation in equations][:2] == ["U = X W + c", "H = relu(U)"]
    assert [equation["shape"] for equation in equations] == [
        ["N", "M"],
        ["N", "M"],
        ["N", "K"],
        ["N", "K"],
        [],
    ]


def test_the_assumptions() -> None:
    assert solved()["assumptions"] == ["each row of Y sums to 1", "relu'(0) = 0"]


def test_the_answers() -> None:
    answers = solved()["answers"]
    assert [answer["id"] for answer in answers] == ["q1", "q2", "bias"]
    for answer in answers:
        assert list(answer) == ANSWER
        assert list(answer["result"]) == RESULT
        assert list(answer["evidence"]) == EVIDENCE
        assert (answer["kind"], answer["level"], answer["verdict"]) == ("derive", "vector", "holds")
        assert answer["cases"] is None
        assert answer["numbers"] is None
    first = answers[0]
    assert first["question"] == "dL/dW"
    assert first["shape"] == ["D", "M"]
    assert first["indices"] == ["p", "q"]
    assert first["result"]["text"] == "X^T dL/dU + lam W"


def _steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [inner for step in steps for inner in (step, *_steps(step["substeps"]))]


def test_the_steps() -> None:
    for answer in solved()["answers"]:
        steps = _steps(answer["steps"])
        assert steps
        for step in steps:
            assert list(step) == STEP
            assert list(step["evidence"]) == EVIDENCE
            assert step["verdict"] == "holds"
            assert step["because"]
            assert "`" not in step["because"]
            assert all(isinstance(dims, list) for dims in step["shapes"].values())
        assert answer["steps"][-1]["after"] == answer["result"]["text"]


def test_the_emitted_source_is_a_function_of_the_arrays() -> None:
    answer = solved()["answers"][0]
    scope: dict[str, Any] = {}
    exec(answer["result"]["numpy"], scope)
    (function,) = [value for name, value in scope.items() if name.startswith("gradient")]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    a = arrays()
    np.testing.assert_allclose(function(**{name: a[name] for name in names}), differences("W", a), rtol=1e-6)


# -- derive without declarations


def test_derive_of_equations() -> None:
    (found,) = derive_text("L = sum((W x + b - t)^2)", ["W"])
    assert found.answer.derivation.text == "2 (W x + b - t) x^T"
    assert found.text_report().splitlines()[-1] == "dL/dW = 2 (W x + b - t) x^T"
    assert found.readback == "W in R^{m x n}, x in R^n, b, t in R^m"
    assert found.exit_code == 0
    assert list(found.as_json()) == ["format", *ANSWER]
    assert found.as_json()["format"] == "symbackprop/derive/1"


def test_derive_by_several_names() -> None:
    found = derive_text("y = W x; L = sumsq(y)", ["W", "x", "y"])
    assert [one.answer.id for one in found] == ["W", "x", "y"]
    assert [one.answer.derivation.text for one in found] == ["dL/dy x^T", "W^T dL/dy", "2 y"]


def test_derive_by_an_unknown_name() -> None:
    with pytest.raises(sbp.InputError, match="unknown symbol V"):
        derive_text("L = sum(W x)", ["V"])


@pytest.mark.parametrize(
    ("equations", "message"),
    [
        ("y = W x; z = tanh(x)", "which one is to be differentiated"),
        ("y = W x; L = sum(y); M = sumsq(y)", "which one is the loss"),
    ],
)
def test_derive_needs_one_scalar(equations: str, message: str) -> None:
    with pytest.raises(sbp.InputError, match=message) as caught:
        derive_text(equations, ["W"])
    assert caught.value.code == "shape"


@pytest.mark.parametrize("convention", ["row", "column", "column-transposed"])
def test_derive_in_a_convention(convention: str) -> None:
    left = {"row": "x W", "column": "W x", "column-transposed": "W^T x"}[convention]
    (found,) = derive_text(f"L = sumsq({left})", ["W"], convention=convention)
    assert found.answer.verdict.status == "holds"
    assert found.context.graph.convention.value == convention
