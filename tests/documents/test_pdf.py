"""The engine: same bytes, closed room, the first error with its line, whole files."""

from __future__ import annotations

from pathlib import Path

import pytest

from symbackprop.documents.pdf import compile_pdf, embedded_engine, find_engine, overfull_boxes, write_whole
from symbackprop.errors import InputError, OutputError

SMALL = r"""\documentclass{article}
\ifdefined\pdftrailerid\pdftrailerid{}\pdfsuppressptexinfo=-1\relax\fi
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\begin{document}
%s
\end{document}
"""


@pytest.fixture(autouse=True)
def _no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run the embedded engine, never one that happens to be installed."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("SYMBACKPROP_ENGINE", raising=False)


def test_same_source_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "one.pdf", tmp_path / "two.pdf"
    for out in (first, second):
        assert compile_pdf(SMALL % "Words.", out).engine == "embedded"
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pdf", "two.pdf"]


def test_the_first_error_comes_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"Undefined control sequence") as caught:
        compile_pdf(SMALL % "fine\n\\nosuchthing\n\\another", tmp_path / "x.pdf")
    assert (caught.value.code, caught.value.line) == ("tex", 7)
    assert "nosuchthing" in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "attack",
    [
        r"\input{/etc/passwd}",
        r"\input{../secret}",
        r"\newwrite\f\immediate\openout\f=/tmp/symbackprop-written.txt\immediate\write\f{x}",
        r"\immediate\write18{touch /tmp/symbackprop-written.txt}\input{missing}",
    ],
)
def test_files_outside_the_room_are_out_of_reach(attack: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        compile_pdf(SMALL % attack, tmp_path / "x.pdf")
    assert not Path("/tmp/symbackprop-written.txt").exists()


def test_an_endless_run_is_ended(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="more than 1 second"):
        compile_pdf(SMALL % r"\def\x{\x}\x", tmp_path / "x.pdf", time_limit=1)


def test_endless_output_is_ended(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="TeX stopped"):
        compile_pdf(
            SMALL % r"\def\x{\message{xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}\x}\x",
            tmp_path / "x.pdf",
        )


def test_unknown_engine_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean lualatex"):
        find_engine("lualatx")


def test_missing_engine_says_how_to_get_one() -> None:
    with pytest.raises(OutputError, match="tectonic is not on PATH"):
        find_engine("tectonic")


def test_the_embedded_engine_is_found() -> None:
    found = embedded_engine()
    assert found is not None
    assert find_engine("embedded") == found


def test_the_environment_may_name_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBACKPROP_ENGINE", "lualatex")
    with pytest.raises(OutputError, match="lualatex is not on PATH"):
        find_engine()


def test_overfull_boxes_are_read_off_the_log() -> None:
    log = "Overfull \\hbox (1.2pt too wide) in x\nOverfull \\hbox (15.7pt too wide) detected at line 3\n"
    assert list(overfull_boxes(log)) == [15.7]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(blocked / "x.pdf", b"")
