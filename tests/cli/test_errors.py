"""The shell: errors with their place, wrong use, exit codes, what never reaches the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from symbackprop.cli import main
from symbackprop.console import INTERRUPTED, READER_LEFT, harmless
from symbackprop.errors import InputError, OutputError, UnsupportedError
from symbackprop.options import parse_shapes
from tests.cli.stand_in import FORMULA, Pipeline


def test_an_input_error_has_place_caret_and_hint(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlp.yaml").write_text("forward: |\n  U = X W3 + c\n", encoding="utf-8")
    pipeline.failure = InputError(
        "unknown symbol W3", code="unknown-symbol", hint="did you mean W2?", file="mlp.yaml", line=2, column=9
    )
    assert main(["solve", "mlp.yaml"]) == 2
    assert capsys.readouterr() == (
        "",
        (
            "error: mlp.yaml:2:9: unknown symbol W3\n"
            "  2 |   U = X W3 + c\n"
            "              ^\n"
            "hint: did you mean W2?\n"
        ),
    )


@pytest.mark.parametrize(
    "content",
    [None, b"forward: |\n", b"\x00\x01\n\x1b[31mred W3\n"],
    ids=["missing", "too short", "binary"],
)
def test_a_line_that_cannot_be_shown_is_left_out(
    pipeline: Pipeline,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: bytes | None,
) -> None:
    path = tmp_path / "mlp.yaml"
    if content is not None:
        path.write_bytes(content)
    pipeline.failure = InputError("unreadable", code="yaml", file=str(path), line=2, column=3)
    assert main(["solve", str(path)]) == 2
    assert capsys.readouterr().err == f"error: {path}:2:3: unreadable\n"


@pytest.mark.parametrize(
    ("line", "column", "shown", "caret"),
    [
        ("L = " + "W x + " * 1000 + "foo(z)", 6005, "…" + ("W x + " * 20)[-80:] + "foo(z)", 81),
        ("L = " + "W x + " * 1000, 5, "L = " + ("W x + " * 20)[:80] + "…", 4),
        ("L = \t\tfoo(z)", 7, "L =   foo(z)", 6),
        ("汉字 = foo(z)", 6, "汉字 = foo(z)", 7),
        ("e\u0301 = foo(z)", 6, "e\u0301 = foo(z)", 4),
        ("L = (", 6, "L = (", 5),
    ],
    ids=["end of a long line", "start of a long line", "tabs", "wide", "combining", "behind the end"],
)
def test_the_caret_stands_under_its_column(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], line: str, column: int, shown: str, caret: int
) -> None:
    pipeline.failure = InputError("unknown function foo", code="unknown-function", line=1, column=column)
    assert main(["derive", line, "--wrt", "W"]) == 2
    _, excerpt, below = capsys.readouterr().err.splitlines()
    assert excerpt == f"  1 | {shown}"
    assert below == " " * (len("  1 | ") + caret) + "^"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnsupportedError("slices are not supported yet"), 2),
        (OutputError("no TeX engine", code="tex"), 3),
        (OSError(28, "No space left on device"), 3),
        (ZeroDivisionError("division by zero"), 3),
        (RecursionError("maximum recursion depth exceeded"), 3),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("command", [["solve", "mlp.yaml"], ["derive", FORMULA, "--wrt", "W"]])
def test_no_error_shows_a_traceback(
    pipeline: Pipeline,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    command: list[str],
) -> None:
    pipeline.failure = error
    assert main(command) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "Traceback" not in err


def test_an_internal_error_is_named_and_can_be_reported(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBACKPROP_DEBUG", "1")
    pipeline.failure = ZeroDivisionError("division by zero")
    assert main(["solve", "mlp.yaml"]) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "error: internal error: ZeroDivisionError: division by zero\nhint: this is a bug" in err


def test_control_characters_never_reach_the_terminal(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.failure = InputError("unknown symbol \x1b]0;owned\x07", code="unknown-symbol")
    assert main(["solve", "mlp.yaml"]) == 2
    assert capsys.readouterr().err == "error: unknown symbol \\x1b]0;owned\\x07\n"


def test_harmless_keeps_mathematics() -> None:
    assert harmless("∂L/∂W ∈ ℝ^{m×n}\tδ⊙σ'\n") == "∂L/∂W ∈ ℝ^{m×n}\tδ⊙σ'\n"


def test_derive_points_into_the_formula(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.failure = InputError("unknown function foo", code="unknown-function", line=1, column=5)
    assert main(["derive", "L = foo(x)", "--wrt", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: 1:5: unknown function foo\n  1 | L = foo(x)\n          ^\n"
    )


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["W"], "write W=m,n for a matrix, b=m for a vector, s= for a scalar"),
        (["=m"], "write W=m,n for a matrix, b=m for a vector, s= for a scalar"),
        (["2W=m"], "write W=m,n for a matrix, b=m for a vector, s= for a scalar"),
        (["W=m x n"], "separate dims by commas: --shape W=m,n"),
        (["W=3x4"], "separate dims by commas: --shape W=3,4"),
        (["W=(m,n)"], "separate dims by commas: --shape W=m,n"),
        (["W=m;n"], "separate dims by commas: --shape W=m,n"),
        (["W=m,,n"], "separate dims by commas: --shape W=m,n"),
        (["W=,"], "write W=m,n for a matrix, b=m for a vector, s= for a scalar"),
        (["W=m,n", "W=n,m"], "keep one of them"),
    ],
)
def test_shapes_that_cannot_be_read_are_shown_as_they_should_be(given: list[str], hint: str) -> None:
    with pytest.raises(InputError, match="--shape") as caught:
        parse_shapes(given)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve"], "PROBLEM"),
        (["solve", "a.yaml", "--level", "matrix"], "'matrix' is not one of"),
        (["solve", "a.yaml", "--jobs", "0"], "--jobs"),
        (["solve", "a.yaml", "--time-limit", "0"], "--time-limit"),
        (["solve", "a.yaml", "--time-limit", "inf"], "--time-limit"),
        (["solve", "a.yaml", "--outt", "x"], "--out"),
        (["solve", "a.yaml", "--as", "kye"], "did you mean key?"),
        (["solve", "a.yaml", "--as", "html"], "--as html is not supported yet"),
        (["solve", "a.yaml", "--as", "key,,tex"], "unknown form ''"),
        (["solve", "a.yaml", "--scheduler", "tcp://127.0.0.1:1"], "--scheduler is not supported yet"),
        (["solve", "a.yaml", "--roster", "r.csv"], "--roster is not supported yet"),
        (["solve", "a.yaml", "--summary", "s.csv", "--resume"], "--summary is not supported yet"),
        (["derive", FORMULA], "--wrt"),
        (["derive", FORMULA, "--wrt", "W,"], "a name is missing"),
        (["derive", FORMULA, "--wrt", "W", "--format", "html"], "'html' is not one of"),
        (["derive", FORMULA, "--wrt", "W", "--convention", "rows"], "'rows' is not one of"),
        (["check", "hw.yaml"], "there is no work to check"),
        (["check", "hw.yaml", "work.tex", "--summary", "s.csv"], "--summary is not supported yet"),
        (["check", "hw.yaml", "work.tex", "--feedback", "all"], "'all' is not one of"),
        (["new", "a.yaml", "--from", "hw.md"], "new --from is not supported yet"),
        (["new"], "FILE.yaml"),
        (["new", "a.txt"], "ends in .yaml"),
        (["doctor", "--frobnicate"], "--frobnicate"),
        (["pack", "a.yaml", "--gradescope"], "pack is not supported yet"),
        (["sovle"], "sovle"),
        (["--frobnicate"], "--frobnicate"),
    ],
)
def test_wrong_use_is_bad_input(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert pipeline.calls == []


def test_refused_options_are_in_the_json_too(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["solve", "a.yaml", "--as", "slides", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["problems"][0]["error"]["code"] == "unsupported"


def test_a_command_line_that_cannot_be_read_is_an_error_like_any_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["solve", "a.yaml", "--jobs", "0"]) == 2
    assert capsys.readouterr() == (
        "",
        "error: invalid value for '--jobs': 0 is not in the range x>=1\nhint: see symbackprop solve --help\n",
    )


def test_a_command_line_that_cannot_be_read_is_in_the_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "a.yaml", "--json", "--level", "matrix"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["file"] == "a.yaml"
    assert problem["error"]["code"] == "schema"
    assert "--level" in problem["error"]["message"]


@pytest.mark.parametrize("given", [["--format", "json"], ["--format=json"]])
def test_a_derive_that_cannot_be_read_is_in_the_json_too(
    capsys: pytest.CaptureFixture[str], given: list[str]
) -> None:
    assert main(["derive", FORMULA, *given]) == 2
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["format"] == "symbackprop/derive/1"
    assert "--wrt" in answer["error"]["message"]


def test_ctrl_c_ends_quietly(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.failure = KeyboardInterrupt()
    assert main(["solve", "a.yaml"]) == INTERRUPTED
    assert capsys.readouterr() == ("", "\ninterrupted\n")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    script = (
        "import os, sys\n"
        "from symbackprop.cli import main\n"
        "read, write = os.pipe()\n"
        "os.dup2(write, 1)\n"
        "os.close(read)\n"
        "sys.exit(main(['--help']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (READER_LEFT, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_full_disk_is_an_output_error() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "symbackprop", "--help"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == OutputError.exit_code
    assert done.stderr == "error: the result could not be written: No space left on device\n"
