"""The command line on the real pipeline: what a user sees, in the process and on the disk."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symbackprop.cli import main

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("*.yaml"))

HEAD = """\
convention: column
symbols:
  W: {shape: [m, n], role: parameter}
  x: {shape: [n], role: input}
  t: {shape: [m], role: target}
"""
GOOD = HEAD + "forward: |\n  r = W x - t\n  L = sumsq(r)\nquestions:\n  - {derive: dL/dW}\n"

BAD = {
    "unknown symbol": (GOOD.replace("W x", "W z"), "unknown-symbol", 7),
    "dims that do not agree": (GOOD.replace("W x", "W^T x"), "shape", 7),
    "unknown function": (GOOD.replace("sumsq(r)", "sumsqr(r)"), "unknown-function", 8),
    "assigned twice": (GOOD.replace("  L =", "  r = W x\n  L ="), "redefined", 8),
    "cycle": (GOOD.replace("W x - t", "W x - t + 0 * s").replace("  L =", "  s = 2 r\n  L ="), "cycle", None),
    "undeclared derivative": (GOOD.replace("dL/dW", "dL/dV"), None, 10),
    "malformed YAML": (GOOD.replace("[m, n]", "[m, n"), "yaml", None),
    "unknown key": (GOOD.replace("forward:", "foward:"), "schema", 6),
    "duplicate key": (GOOD + "forward: |\n  L = 1\n", "yaml", 11),
    "control character": (GOOD.replace("role: input", 'role: input, latex: "\\beta"'), None, 4),
    "Python in a formula": (GOOD.replace("sumsq(r)", "__import__('os').system('id')"), None, 8),
}


@pytest.mark.parametrize(("text", "code", "line"), BAD.values(), ids=BAD.keys())
def test_bad_input_has_one_message_with_its_place(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    code: str | None,
    line: int | None,
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["solve", str(path), "--out", str(tmp_path / "out"), "--json"]) == 2
    out, err = capsys.readouterr()
    (problem,) = json.loads(out)["problems"]
    error = problem["error"]
    assert error["file"] == str(path)
    assert error["line"] is not None
    assert code is None or error["code"] == code
    assert line is None or error["line"] == line
    assert err.count("error: ") == 1
    assert not list((tmp_path / "out").rglob("*.pdf"))


@pytest.mark.parametrize("content", [b"\x00\xff\xfe\x01" * 50, None], ids=["binary", "missing"])
def test_what_cannot_be_read_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "bad.yaml"
    if content is not None:
        path.write_bytes(content)
    assert main(["solve", str(path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}")


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD, encoding="utf-8")
    bad.write_text("{", encoding="utf-8")
    assert main(["solve", str(bad), str(good), "--out", str(tmp_path / "out"), "--as", "key,tex"]) == 2
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == {"good-key.pdf", "good-key.tex"}
    assert str(bad) in capsys.readouterr().err


def test_two_files_of_one_name_are_refused_before_any_work(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.yaml").write_text(GOOD, encoding="utf-8")
    files = [str(tmp_path / folder / "same.yaml") for folder in ("a", "b")]
    assert main(["solve", *files, "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_derive_ends_with_the_gradient(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "L = sum((W x + b - t)^2)", "--wrt", "W"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == "dL/dW = 2 (W x + b - t) x^T"
    assert err == ""


@pytest.mark.parametrize("form", ["text", "latex", "numpy", "json"])
def test_derive_prints_every_form(capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["derive", "L = sum((W x + b - t)^2)", "--wrt", "W,b", "--format", form]) == 0
    assert capsys.readouterr().out.strip() != ""


EVIDENCE = ["method", "points", "sizes", "max_rel_error", "reason", "counterexample"]
STEP = [
    "rule", "because", "before", "after", "latex", "shapes", "verdict", "evidence", "substeps",
]  # fmt: skip
ANSWER = [
    "id", "kind", "question", "level", "shape", "indices", "result", "cases", "numbers", "steps", "verdict",
    "evidence",
]  # fmt: skip
ERROR = ["code", "message", "file", "line", "column", "hint"]


def test_derive_json_has_the_keys_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "L = sum((W x + b - t)^2)", "--wrt", "W,b", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    answer, other = json.loads(out)
    assert list(answer) == list(other) == ["format", *ANSWER]
    assert list(answer["result"]) == ["text", "latex", "expanded_text", "numpy"]
    assert list(answer["evidence"]) == EVIDENCE
    for step in answer["steps"]:
        assert list(step) == STEP
        assert list(step["evidence"]) == EVIDENCE
    assert err == ""


def test_derive_json_says_what_was_derived(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "L = sum((W x + b - t)^2)", "--wrt", "W", "--format", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    said = {key: answer[key] for key in ("format", "id", "kind", "question", "level", "shape", "verdict")}
    assert said == {
        "format": "symbackprop/derive/1",
        "id": "W",
        "kind": "derive",
        "question": "dL/dW",
        "level": "vector",
        "shape": ["m", "n"],
        "verdict": "holds",
    }
    assert answer["result"]["text"] == "2 (W x + b - t) x^T"
    assert answer["steps"][-1]["after"] == answer["result"]["text"]
    assert (answer["cases"], answer["numbers"]) == (None, None)


def test_derive_json_of_a_bad_formula_is_the_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "L = sum(W x", "--wrt", "W", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    (answer,) = json.loads(out)
    assert list(answer) == ["format", "error"]
    assert list(answer["error"]) == ERROR
    assert (answer["error"]["line"], answer["error"]["column"]) == (1, 8)
    assert err.startswith("error: 1:8: ")


@pytest.mark.parametrize(
    ("formula", "line", "marked"),
    [
        ("L = sum((W x + b - t)^2", 1, "("),
        ("y = W x; L = sumsqr(y)", 1, "s"),
        ("y = W x\nL = sum(foo(y))", 2, "f"),
        ("L = sum(W ? x)", 1, "?"),
        ("é = W x; L = sum(foo(é))", 1, "f"),
    ],
)
def test_the_caret_stands_under_what_is_wrong(
    capsys: pytest.CaptureFixture[str], formula: str, line: int, marked: str
) -> None:
    assert main(["derive", formula, "--wrt", "W"]) == 2
    _, shown, caret, *_ = capsys.readouterr().err.splitlines()
    assert shown == f"  {line} | {formula.splitlines()[line - 1]}"
    assert caret.strip() == "^"
    assert shown[caret.index("^")] == marked


def test_derive_numpy_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", "L = sum((W x + b - t)^2)", "--wrt", "W", "--format", "numpy"]) == 0
    scope: dict[str, Any] = {}
    exec(compile(capsys.readouterr().out, "derived", "exec"), scope)
    rng = np.random.default_rng(7)
    W, x, b, t = (rng.normal(size=size) for size in ((3, 2), 2, 3, 3))
    arrays = {"W": W, "x": x, "b": b, "t": t}
    function = scope["gradient_W"]
    given = [arrays[name] for name in inspect.signature(function).parameters]
    np.testing.assert_allclose(function(*given), 2 * np.outer(W @ x + b - t, x))


def test_solve_json_names_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert main(["solve", str(path), "--out", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["ok"]) == ("symbackprop/solve/1", True)
    (problem,) = document["problems"]
    assert [Path(file).name for file in problem["files"]] == ["good-key.pdf"]
    assert [answer["verdict"] for answer in problem["answers"]] == ["holds"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_solved_and_every_step_holds(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", str(example), "--out", str(tmp_path), "--json"]) == 0
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert {step["verdict"] for answer in problem["answers"] for step in answer["steps"]} == {"holds"}
