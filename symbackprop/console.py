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
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from symbackprop.errors import OutputError, SymbackpropError

T = TypeVar("T")

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


def complain(errors: Iterable[SymbackpropError], *, source: str | None = None) -> None:
    """Each error to stderr: the place, one sentence, the line with a caret, what to do.

    ``source`` is the text the places of errors without a file refer to.
    """
    sys.stdout.flush()
    for error in errors:
        place = ":".join(str(part) for part in (error.file, error.line, error.column) if part is not None)
        message = f"{place}: {error.message}" if place else error.message
        sys.stderr.write(harmless(f"error: {message}") + "\n")
        sys.stderr.write(excerpt(error, source))
        if error.hint:
            sys.stderr.write(harmless(f"hint: {error.hint}") + "\n")


def excerpt(error: SymbackpropError, source: str | None = None) -> str:
    """The line the error points at, with a caret under its column; empty if it cannot be shown."""
    if error.line is None or error.column is None:
        return ""
    text = source if error.file is None else _start_of(error.file)
    lines = re.split(r"\r\n|\r|\n", text) if text else []
    if not 1 <= error.line <= len(lines):
        return ""
    line = lines[error.line - 1]
    if not 1 <= error.column <= len(line) + 1 or len(line) > _EXCERPT_COLUMNS:
        return ""
    shown = line.expandtabs(1)
    if harmless(shown) != shown:
        return ""
    margin = f"  {error.line} | "
    return f"{margin}{shown}\n{' ' * (len(margin) + error.column - 1)}^\n"


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
