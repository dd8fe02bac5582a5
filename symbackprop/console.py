r"""Writing to the terminal: results, JSON, complaints, and the ends that are no results.

What is shown to people is made harmless first: control characters that came from a file (an
escape sequence in a name, say) are shown as ``\x1b``, never sent to the terminal.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
import threading
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TextIO, TypeVar

from symbackprop import __version__
from symbackprop.errors import OutputError, SymbackpropError

T = TypeVar("T")

# A line in parts: what each part is (a kind of ``terminal.STYLES``) and its text.
Spans = Sequence[tuple[str, str]]

# What a shell reports for a program ended by SIGINT and by SIGPIPE. 1 to 3 have meanings of ours.
INTERRUPTED = 130
READER_LEFT = 141

_EXCERPT_BYTES = 1_000_000
_EXCERPT_COLUMNS = 160


def use_utf8() -> None:
    """Make stdout and stderr UTF-8; what UTF-8 cannot hold (half a surrogate pair) is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def guarded(work: Callable[[], T]) -> T | SymbackpropError:
    """What ``work`` returns, or the error it ended with; an error that is not ours becomes one."""
    try:
        return work()
    except SymbackpropError as error:
        return error
    except BrokenPipeError:
        raise
    except OSError as error:
        _show_traceback()
        return OutputError(
            error.strerror or str(error), code="io", file=str(error.filename) if error.filename else None
        )
    except Exception as error:  # noqa: BLE001 - the last defence: a person must never see a traceback
        _show_traceback()
        return OutputError(
            f"internal error: {type(error).__name__}: {error}",
            code="internal",
            hint="this is a bug in symbackprop; please report it with the input and the output under "
            "SYMBACKPROP_DEBUG=1",
        )


def _show_traceback() -> None:
    if os.environ.get("SYMBACKPROP_DEBUG", "") not in {"", "0"}:
        traceback.print_exc(file=sys.stderr)


def write_result(text: str) -> None:
    """A result for people, to stdout."""
    sys.stdout.write(harmless(text) + "\n")


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours, and nobody asked for none (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def write_spans(lines: Iterable[Spans], stream: TextIO) -> None:
    """Lines for people: in colours by the kinds of their spans in a terminal, else the same text plain."""
    safe = [[(kind, harmless(text)) for kind, text in line] for line in lines]
    if has_colours(stream):
        from symbackprop.terminal import paint  # noqa: PLC0415 (Rich is wanted in a terminal only)

        paint(safe, stream)
        return
    stream.writelines("".join(text for _, text in line) + "\n" for line in safe)


class Progress:
    """A context in which a run may say what it is working on: ``progress("mlp.yaml: dL/dW")``.

    The latest text is shown on ``stream`` once the run has taken longer than ``delay`` seconds and
    disappears at the end. Nothing is ever shown on a stream that is no terminal.
    """

    def __init__(self, text: str, stream: TextIO, delay: float = 1.0) -> None:
        self._text = text
        self._stream = stream
        self._lock = threading.Lock()
        self._status: Any = None
        self._timer: threading.Timer | None = None
        if stream.isatty() and os.environ.get("TERM") != "dumb":
            self._timer = threading.Timer(delay, self._begin)
            self._timer.daemon = True

    def __call__(self, text: str) -> None:
        """Say what is being worked on now."""
        with self._lock:
            self._text = harmless(text)
            if self._status is not None:
                self._status.update(self._text)

    def _begin(self) -> None:
        from symbackprop.terminal import Spinner  # noqa: PLC0415 (Rich is wanted in long runs only)

        with self._lock:
            if self._timer is not None:
                self._status = Spinner(self._text, self._stream)

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._timer = None
            if self._status is not None:
                self._status.stop()


def write_notes(lines: Iterable[str], *, to_stderr: bool) -> None:
    """Lines for people: what was written where."""
    stream = sys.stderr if to_stderr else sys.stdout
    for line in lines:
        stream.write(harmless(line) + "\n")
    stream.flush()


def to_json(document: object) -> str:
    """The document as JSON text; ValueError if it holds NaN or Infinity."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def write_json(text: str) -> None:
    """A document made by ``to_json``, to stdout: JSON escapes control characters itself."""
    sys.stdout.write(text + "\n")


def underived(error: SymbackpropError) -> list[dict[str, object]]:
    """The JSON document of a formula that could not be derived."""
    return [{"format": "symbackprop/derive/1", "error": error.as_dict()}]


def unchecked(problem: str | None, error: SymbackpropError) -> dict[str, object]:
    """The JSON document of a check that ended before any work was read."""
    return {
        "format": "symbackprop/check/1",
        "version": __version__,
        "ok": False,
        "problem": {"file": problem, "error": error.as_dict()},
        "works": [],
    }


def unsolved(problems: Sequence[str], error: SymbackpropError) -> dict[str, object]:
    """The JSON document of a run that ended before any problem was worked on."""
    return {
        "format": "symbackprop/solve/1",
        "version": __version__,
        "ok": False,
        "problems": [
            {
                "file": problem,
                "title": None,
                "error": error.as_dict(),
                "files": [],
                "assumptions": [],
                "equations": [],
                "answers": [],
            }
            for problem in problems
        ],
    }


def complain(errors: Iterable[SymbackpropError], *, source: str | None = None) -> None:
    """Each error to stderr: the place, one sentence, the line with a caret, what to do.

    ``source`` is the text the places of errors without a file refer to.
    """
    sys.stdout.flush()
    for error in errors:
        place = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
        message = f"{place}: {error.message}" if place else error.message
        lines: list[Spans] = [(("error", "error: "), ("message", message))]
        lines += [((kind, line),) for kind, line in excerpt(error, source)]
        if error.hint:
            lines.append((("hint", "hint: "), ("", error.hint)))
        write_spans(lines, sys.stderr)


def excerpt(error: SymbackpropError, source: str | None = None) -> tuple[tuple[str, str], ...]:
    """The line the error points at and a caret under its column; nothing if it cannot be shown.

    Of a long line the part around the column is shown.
    """
    if error.line is None or error.column is None:
        return ()
    text = source if error.file is None else _start_of(error.file)
    lines = re.split(r"\r\n|\r|\n", text) if text else []
    if not 1 <= error.line <= len(lines):
        return ()
    line = lines[error.line - 1].expandtabs(1)
    if not 1 <= error.column <= len(line) + 1 or harmless(line) != line:
        return ()
    before, after = line[: error.column - 1], line[error.column - 1 :]
    if len(line) > _EXCERPT_COLUMNS:
        half = _EXCERPT_COLUMNS // 2
        before = before if len(before) <= half else "…" + before[-half:]
        after = after if len(after) <= half else after[:half] + "…"
    margin = f"  {error.line} | "
    return ("source", margin + before + after), ("caret", " " * _columns(margin + before) + "^")


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters two, combining ones none."""
    widths = (0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
    return sum(widths)


def _start_of(file: str) -> str | None:
    with suppress(OSError, ValueError), Path(file).open("rb") as stream:
        return stream.read(_EXCERPT_BYTES).decode("utf-8", errors="replace")
    return None


def harmless(text: str) -> str:
    """``text`` with control characters, except line ends and tabs, shown by their escapes."""
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def output_lost(error: OSError) -> int:
    """End after stdout took no more (its reader left, the disk is full); returns the exit code."""
    # Python flushes stdout once more at exit; what is left must go somewhere that accepts it.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return READER_LEFT
    sys.stderr.write(f"error: the result could not be written: {error.strerror or error}\n")
    return OutputError.exit_code


def interrupted() -> int:
    """End after Ctrl-C; returns the exit code."""
    sys.stderr.write("\ninterrupted\n")
    return INTERRUPTED
