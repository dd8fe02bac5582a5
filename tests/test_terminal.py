"""What a terminal shows, and that nothing but a terminal is shown it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from symbackprop.console import Progress, complain, has_colours, write_spans
from symbackprop.errors import InputError
from symbackprop.reports import Row
from symbackprop.terminal import STYLES, paint

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
FORMULA = "h = tanh(W x + b); L = sum((V h - t)^2)"
DERIVE = ["derive", FORMULA, "--wrt", "W"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def in_a_terminal(arguments: list[str], more: Mapping[str, str] = {}) -> str:
    """What a program started in a pseudo-terminal writes to it, on both streams."""
    import pty  # noqa: PLC0415 (not on Windows)

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "symbackprop", *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | more, close_fds=True
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux: the other side is closed.
                break
            if not part:
                break
            written += part
    os.close(ours)
    assert process.returncode in (0, 2)
    return written.decode("utf-8").replace("\r\n", "\n")


def piped(arguments: list[str], more: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symbackprop", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | more)


@pytest.fixture(scope="module")
def plain() -> str:
    return piped(DERIVE).stdout


@POSIX
def test_a_terminal_shows_the_same_text_in_colours(plain: str) -> None:
    shown = in_a_terminal(DERIVE, {"COLUMNS": "40"})
    assert "\x1b[2m" in shown
    # A report that takes longer than a second begins with a spinner, which is taken away again.
    assert ESCAPE.sub("", shown).endswith(plain)


@POSIX
def test_colours_can_be_refused(plain: str) -> None:
    shown = in_a_terminal(DERIVE, {"NO_COLOR": "1"})
    assert "\x1b[2m" not in shown
    assert "\x1b[1m" not in shown
    assert ESCAPE.sub("", shown).endswith(plain)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_which_terminals_get_colours(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colours(Terminal()) == expected
    assert not has_colours(io.StringIO())


def test_a_pipe_gets_plain_text_that_is_not_wrapped(plain: str) -> None:
    done = piped(DERIVE, {"COLUMNS": "20", "FORCE_COLOR": "1"})
    assert (done.stdout, done.stderr) == (plain, "")
    assert "\x1b" not in plain
    assert plain.splitlines()[-1].startswith("dL/dW = (dL/dh * (1 - h^2)) x^T")


def test_an_error_is_red_with_its_caret(monkeypatch: pytest.MonkeyPatch) -> None:
    error = InputError("unknown function [b]foo", code="unknown-function", line=1, column=5, hint="drop it")
    monkeypatch.setattr(sys, "stderr", Terminal())
    complain([error], source="L = foo(x) :smile:")
    shown = sys.stderr.getvalue()
    assert "\x1b[1;31merror: \x1b[0m" in shown
    assert "^\x1b[0m" in shown
    assert ESCAPE.sub("", shown) == (
        "error: 1:5: unknown function [b]foo\n"
        "  1 | L = foo(x) :smile:\n"
        "          ^\n"
        "hint: drop it\n"
    )


def test_long_lines_are_neither_wrapped_nor_cropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    paint([[("result", "dL/dW = " + "W2^T W1 " * 40)]], stream)
    assert ESCAPE.sub("", stream.getvalue()) == "dL/dW = " + "W2^T W1 " * 40 + "\n"


def test_escape_sequences_of_a_file_never_reach_a_terminal() -> None:
    stream = Terminal()
    write_spans([[("message", "a name\x1b]0;owned\x07")]], stream)
    assert "owned" in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()


@pytest.mark.parametrize("kind", (Row.__doc__ or "").split("kind")[1].split('"')[1::2])
def test_every_kind_of_row_has_a_style(kind: str) -> None:
    assert kind == "gap" or kind in STYLES


def wait_for(stream: io.StringIO, text: str) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if text in stream.getvalue():
            return True
        time.sleep(0.01)
    return False


def test_a_long_run_shows_what_it_works_on() -> None:
    stream = Terminal()
    with Progress("solving [1].yaml", stream, delay=0) as progress:
        assert wait_for(stream, "solving [1].yaml")
        progress("mlp.yaml: dL/dW\x1b]0;owned")
        assert wait_for(stream, "mlp.yaml: dL/dW\\x1b]0;owned")
    last = stream.getvalue()
    time.sleep(0.2)
    assert stream.getvalue() == last


def test_a_short_run_shows_nothing() -> None:
    stream = Terminal()
    with Progress("solving", stream, delay=30) as progress:
        progress("mlp.yaml: dL/dW")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_a_stream_that_is_no_terminal_shows_nothing(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    stream = Terminal() if term == "dumb" else io.StringIO()
    with Progress("solving", stream, delay=0) as progress:
        progress("mlp.yaml: dL/dW")
        time.sleep(0.1)
    assert stream.getvalue() == ""


def test_only_a_terminal_needs_rich() -> None:
    script = (
        "import sys\n"
        "from symbackprop.cli import main\n"
        f"main({DERIVE!r})\n"
        "main(['derive', 'L = foo(', '--wrt', 'x'])\n"
        "sys.exit('imported Rich' if 'rich' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
