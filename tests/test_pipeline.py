"""Problems from files and texts, their answers, the JSON of ``solve``, and ``derive`` of equations."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symbackprop as sbp
from symbackprop.pipeline import derive_text, solve_files
from symbackprop.reports import Answer
from symbackprop.solving import Solved, found_in
from tests.results.perceptron import PROBLEM, arrays, differences, problem


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
