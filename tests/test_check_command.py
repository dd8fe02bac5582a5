"""``symbackprop check``: terminal, JSON, reports, several works, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from symbackprop.cli import main

PROBLEM = """
convention: row
symbols:
  X: {shape: [N, D], role: input}
  W: {shape: [D, K], role: parameter}
  b: {shape: [K], role: parameter}
  Y: {shape: [N, K], role: target, one_hot: true}
forward: |
  Z = X W + b
  P = softmax(Z)
  L = cross_entropy(Y, P)/N
policy: {deduct: {missing-batch-sum: 1}}
"""
RIGHT = r"""\begin{align}
\frac{\partial L}{\partial Z} &= \frac{1}{N} (P - Y) \\
\frac{\partial L}{\partial W} &= X^\top \frac{\partial L}{\partial Z}
\end{align}
"""
WRONG = RIGHT + r"""
So $\frac{\partial L}{\partial b} = \frac{\partial L}{\partial Z}$.
"""
SUMMARY = ("correct", "wrong", "recovered", "follows", "convention", "notation", "unread", "unchecked")
FINDING = [
    "line", "column", "end_line", "end_column", "derivation", "claim", "latex", "read_as", "verdict", "cause",
    "causes", "message", "repair", "entries", "points", "evidence",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hw.yaml").write_text(PROBLEM)
    (tmp_path / "right.tex").write_text(RIGHT)
    (tmp_path / "wrong.tex").write_text(WRONG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_right_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex"]) == 0
    assert "right.tex: 2 correct" in capsys.readouterr().out


def test_a_wrong_work(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "wrong.tex"]) == 1
    out = capsys.readouterr().out
    assert "wrong.tex:6:5: wrong (missing-batch-sum)  -1" in out
    assert "The first wrong line is line 6." in out
    caret = next(line for line in out.splitlines() if "^" in line and "~" in line)
    source = out.splitlines()[out.splitlines().index(caret) - 1]
    marked = source[caret.index("^") : caret.index("^") + len(caret.strip("| "))]
    assert r"\frac{\partial L}{\partial Z}" in marked


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex", "wrong.tex", "missing.tex", "--json"]) == 2
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert list(found) == ["format", "version", "ok", "problem", "works"]
    assert found["format"] == "symbackprop/check/1"
    assert found["ok"] is False
    assert found["problem"] == {"file": "hw.yaml", "error": None}
    right, wrong, missing = found["works"]
    assert list(right) == ["file", "error", "summary", "first_wrong", "inferred", "findings"]
    assert tuple(right["summary"]) == SUMMARY
    assert right["first_wrong"] is None
    assert wrong["first_wrong"] == 2
    assert all(list(one) == FINDING for one in wrong["findings"])
    assert wrong["findings"][2]["cause"] == "missing-batch-sum"
    assert wrong["findings"][2]["points"] == 1
    assert missing["error"]["code"] == "io"
    assert "missing.tex: there is no such file" in err


@pytest.mark.parametrize("form", ["html", "md", "pdf"])
def test_reports(folder: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["check", "hw.yaml", "right.tex", "wrong.tex", "--report", f"out.{form}"]) == 1
    assert f"wrote out.{form}" in capsys.readouterr().out
    content = (folder / f"out.{form}").read_bytes()
    assert content.startswith(b"%PDF") if form == "pdf" else b"missing" in content


def test_a_report_of_another_form_is_bad_input(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex", "--report", "out.docx"]) == 2
    assert "FILE.html, FILE.pdf or FILE.md" in capsys.readouterr().err


def test_what_a_work_says_is_never_run(folder: Path) -> None:
    (folder / "evil.md").write_text(
        "<script>alert(1)</script> $\\frac{\\partial L}{\\partial b} = \\input{/etc/passwd}$ `x` | y"
    )
    main(["check", "hw.yaml", "evil.md", "wrong.tex", "--report", "out.html"])
    assert "<script>" not in (folder / "out.html").read_text()
    main(["check", "hw.yaml", "evil.md", "wrong.tex", "--report", "out.pdf"])
    assert (folder / "out.pdf").read_bytes().startswith(b"%PDF")


def test_a_class(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex", "wrong.tex"]) == 1
    out = capsys.readouterr().out
    assert "work       right  wrong  first wrong line" in out
    assert "1  missing-batch-sum" in out


def test_works_in_processes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex", "wrong.tex", "missing.tex", "--jobs", "2"]) == 2
    out = capsys.readouterr().out
    assert out.index("right.tex") < out.index("wrong.tex") < out.index("missing.tex")


def test_a_time_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "hw.yaml", "right.tex", "--time-limit", "0.001"]) == 2
    assert "given up after 0.001 s" in capsys.readouterr().err


def test_a_formula_and_given(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "--given", "y = W x + b; J = J(y)"]
    assert main([*arguments, r"\frac{\partial J}{\partial x} = W^T \frac{\partial J}{\partial y}"]) == 0
    assert main([*arguments, r"\frac{\partial J}{\partial x} = W \frac{\partial J}{\partial y}"]) == 1
    assert "wrong (transpose)" in capsys.readouterr().out


def test_nothing_to_judge_is_no_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty.tex").write_text("Words only.")
    assert main(["check", "hw.yaml", "empty.tex"]) == 1
    assert "no formula with a relation" in capsys.readouterr().out


def test_a_bad_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text("forward: |\n  y = = x\n")
    assert main(["check", "bad.yaml", "right.tex", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert found["problem"]["error"]["line"] == 2
    assert found["works"] == []
