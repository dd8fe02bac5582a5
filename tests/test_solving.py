"""Several files at a time: the same output in the same order, limits, one document of all."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from symbackprop.cli import main
from symbackprop.pipeline import solve_files
from symbackprop.solving import slug_of
from symbackprop.workers import Died, OutOfTime, run_all

FILE = """title: {title}
symbols:
  W: {{shape: [m, n], role: parameter}}
  x: {{shape: [n], role: input}}
forward: L = sum((W x)^2)
questions:
  - {{derive: dL/dW, points: 2}}
"""


@pytest.fixture
def three(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{name}.yaml" for name in "bac"]
    for path in paths:
        path.write_text(FILE.format(title=path.stem.upper()), encoding="utf-8")
    paths[1].write_text("title: x\nforward: L = W(x)\n", encoding="utf-8")
    return [str(path) for path in paths]


def test_jobs_change_nothing_but_the_time(
    three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for jobs in ("1", "2"):
        out = tmp_path / "out"
        code = main(["solve", *three, "--jobs", jobs, "--as", "tex", "--out", str(out), "--json"])
        assert code == 2
        shown = capsys.readouterr()
        files = {path.name: path.read_bytes() for path in sorted(out.rglob("*.tex"))}
        printed.append((json.loads(shown.out), shown.err, files))
    assert printed[0] == printed[1]
    assert [Path(p["file"]).stem for p in printed[0][0]["problems"]] == ["b", "a", "c"]
    assert list(printed[0][2]) == ["b-key.tex", "c-key.tex"]


def test_a_time_limit_ends_one_problem_only(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(FILE.format(title="One"), encoding="utf-8")
    run = solve_files([str(path)], out=tmp_path / "out", forms=["tex"], time_limit=0.001)
    assert run.exit_code == 2
    assert run.errors[0].code == "limit"
    assert not (tmp_path / "out").exists()
    run = solve_files([str(path)], out=tmp_path / "out", forms=["tex"], time_limit=100)
    assert run.exit_code == 0
    assert (tmp_path / "out" / "one" / "one-key.tex").is_file()


def test_title_makes_one_document(three: list[str], tmp_path: Path) -> None:
    run = solve_files(three, out=tmp_path / "out", forms=["tex", "key"], title="Final Exam: 50% & more")
    base = tmp_path / "out" / "final-exam-50-more" / "final-exam-50-more-key"
    assert run.exit_code == 2
    both = [f"{base}.tex", f"{base}.pdf"]
    assert [one.files for one in run.solved] == [both, [], both]
    source = base.with_suffix(".tex").read_text(encoding="utf-8")
    assert source.index(r"Final Exam: 50\% \& more") < source.index("{B}") < source.index("{C}")
    assert "4 points in all" in source
    assert sorted(path.name for path in base.parent.iterdir()) == [f"{base.name}.pdf", f"{base.name}.tex"]


def test_equal_stems_may_go_into_one_document(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "hw.yaml" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(FILE.format(title=path.parent.name), encoding="utf-8")
    run = solve_files([str(path) for path in paths], out=tmp_path / "out", forms=["tex"], title="Both")
    assert run.exit_code == 0


@pytest.mark.parametrize(("title", "slug"), [
    ("Homework 3", "homework-3"), ("  Ein Übungsblatt!", "ein-ubungsblatt"), ("A_B/../c", "a-b-c"),
])  # fmt: skip
def test_slug(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_a_title_without_letters_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "x.yaml", "--title", "???"]) == 2
    assert "no letter or digit" in capsys.readouterr().err


def test_results_come_in_the_order_of_the_tasks() -> None:
    assert run_all(abs, [-3, 2, -1], jobs=2) == [3, 2, 1]


def test_a_task_out_of_time_and_one_that_dies() -> None:
    slow, dead = run_all(time.sleep, [60.0], jobs=1, limit=0.2), run_all(abs, ["x"], jobs=1)
    assert isinstance(slow[0], OutOfTime)
    assert isinstance(dead[0], Died)


def test_a_stem_may_hold_dots(tmp_path: Path) -> None:
    path = tmp_path / "hw1.v2.yaml"
    path.write_text(FILE.format(title="x"), encoding="utf-8")
    solve_files([str(path)], out=tmp_path / "out", forms=("tex",))
    assert [one.name for one in (tmp_path / "out" / "hw1.v2").iterdir()] == ["hw1.v2-key.tex"]
