"""``symbackprop solve``: files to documents, in this process or in several.

Each file is done or reported on its own: a bad file never stops or spoils the others. Messages, JSON and
files are the same, and in the same order, whatever the number of processes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from hashlib import sha256
from pathlib import Path

from symbackprop import __version__
from symbackprop.answering import Answer
from symbackprop.console import guarded
from symbackprop.documents.key import bind, build_id
from symbackprop.documents.model import Document
from symbackprop.documents.pdf import compile_pdf, write_whole
from symbackprop.documents.templates import render
from symbackprop.errors import InputError, OutputError, SymbackpropError
from symbackprop.problem_file import load_spec
from symbackprop.problems import Problem, check_level
from symbackprop.reports import assumptions_of, equation_json
from symbackprop.workers import Died, OutOfTime, run_all

Tell = Callable[[str], None]


@dataclass(slots=True)
class Solved:
    """One file of a run: what was found (for the JSON), its error, what was written."""

    path: str
    found: dict[str, object] | None = None
    error: SymbackpropError | None = None
    files: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    failed: bool = False
    chapter: _Chapter | None = None
    problem: Problem | None = None  # in this process: what was found is written down when it is asked for

    def as_json(self) -> dict[str, object]:
        """The object of "problems" in the JSON format."""
        if self.found is None and self.problem is not None:
            self.found = found_in(self.problem)
        found = self.found or {"title": None, "assumptions": [], "equations": [], "answers": []}
        return {
            "file": self.path,
            "title": found["title"],
            "error": self.error.as_dict() if self.error else None,
            "files": self.files,
            "assumptions": found["assumptions"],
            "equations": found["equations"],
            "answers": found["answers"],
        }


@dataclass(frozen=True, slots=True)
class _Chapter:
    """A problem on its way into a document of several."""

    document: Document
    points: Fraction
    templates: Path | None


@dataclass(slots=True)
class SolveRun:
    """What ``solve_files`` did. ``unmade`` is the error of a document of several problems."""

    solved: list[Solved]
    unmade: SymbackpropError | None = None
    last_messages: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[str]:
        """What people are told, file by file."""
        return [*(text for one in self.solved for text in one.messages), *self.last_messages]

    @property
    def errors(self) -> list[SymbackpropError]:
        """The errors, file by file."""
        own = [one.error for one in self.solved if one.error is not None]
        return own if self.unmade is None else [*own, self.unmade]

    @property
    def exit_code(self) -> int:
        """The highest that applies: 0, 1 a line fails, 2 bad input, 3 no document."""
        codes = [error.exit_code for error in self.errors]
        return max([*codes, 1 if any(one.failed for one in self.solved) else 0], default=0)

    def as_json(self) -> dict[str, object]:
        """The JSON document of the run."""
        return {
            "format": "symbackprop/solve/1",
            "version": __version__,
            "ok": self.exit_code == 0,
            "problems": [one.as_json() for one in self.solved],
        }


@dataclass(frozen=True, slots=True)
class _Order:
    """How each file is to be solved. ``whole`` says that it becomes part of a document of several."""

    out: Path
    forms: tuple[str, ...]
    level: str | None
    seed: int | None
    engine: str
    whole: bool


def solve_files(
    paths: Sequence[str],
    *,
    out: Path,
    forms: Sequence[str] = ("key",),
    level: str | None = None,
    seed: int | None = None,
    title: str | None = None,
    engine: str = "auto",
    jobs: int = 1,
    time_limit: float | None = None,
    on_progress: Tell | None = None,
) -> SolveRun:
    """Answer the questions of each file and write the documents; ``on_progress`` is told what is done now.

    ``jobs`` problems are worked on at a time; with a ``time_limit`` (seconds) each has a process of its own,
    which is ended when its time is up. ``title`` makes one document of all problems.
    """
    if level is not None:
        check_level(level)
    tell = on_progress or _silent
    slug = None if title is None else slug_of(title)
    if slug is None:
        _distinct_stems(paths)
    order = _Order(out, tuple(forms), level, seed, engine, slug is not None)
    if jobs == 1 and time_limit is None:
        solved = [_solve_one(path, order, tell) for path in paths]
    else:
        solved = _in_processes(paths, order, jobs, time_limit, tell)
    run = SolveRun(solved)
    if title is not None and slug is not None:
        tell(f"setting {title}")
        _bind(run, title, out / slug / f"{slug}-key", order)
    return run


def _silent(_: str) -> None:
    """Progress that nobody asked for."""


def slug_of(title: str) -> str:
    """The title as the name of a file: small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:80].strip("-")
    if not slug:
        raise InputError(
            f"the title {title!r} holds no letter or digit to name a file by", code="schema",
            hint="give --title some words",
        )  # fmt: skip
    return slug


def _distinct_stems(paths: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        stem = Path(path).stem
        if stem in seen:
            raise InputError(
                f"{seen[stem]} and {path} would write the same files ({stem})",
                code="io",
                hint="rename one of them, or solve them into different folders with --out",
            )
        seen[stem] = path


def _solve_apart(path: str, order: _Order) -> Solved:
    """``_solve_one`` in a process of its own: what it gives back is plain data."""
    one = _solve_one(path, order)
    if one.problem is not None:
        one.found, one.problem = found_in(one.problem), None
    return one


def _in_processes(
    paths: Sequence[str], order: _Order, jobs: int, limit: float | None, tell: Tell
) -> list[Solved]:
    results = run_all(
        partial(_solve_apart, order=order), paths, jobs=jobs, limit=limit,
        on_done=lambda count: tell(f"solved {count} of {len(paths)} problems"),
    )  # fmt: skip
    solved: list[Solved] = []
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, Solved):
            solved.append(result)
        elif isinstance(result, OutOfTime):
            error: SymbackpropError = InputError(
                f"not solved within {limit:g} seconds", code="limit", file=path,
                hint="raise --time-limit, or split the problem",
            )  # fmt: skip
            solved.append(Solved(path, error=error))
        else:
            assert isinstance(result, Died)
            error = OutputError("the process that solved it ended by itself", code="internal", file=path)
            solved.append(Solved(path, error=error))
    return solved


def _solve_one(path: str, order: _Order, tell: Tell = _silent) -> Solved:
    one = Solved(path)
    failure = guarded(lambda: _solve(one, order, tell))
    if failure is not None:  # an error of our own: it must not take the other files with it
        one.error = failure.located(file=path)
    return one


def _solve(one: Solved, order: _Order, tell: Tell) -> None:
    path = one.path
    try:
        tell(f"{path}: reading")
        problem = Problem(load_spec(path, order.seed), order.level)
        asked = [question for question in problem.spec.all_questions if question.kind]
        for number, question in enumerate(asked, 1):
            tell(f"{path}: question {question.id} ({number} of {len(asked)})")
            problem.answer(question.id)
        answers = problem.answers()
        tell(f"{path}: setting the document")
        one.problem = problem
        one.failed = any(answer.failed for answer in answers)
        document = problem.document("key")
        source = render("key", document, problem.spec.templates)
    except SymbackpropError as error:
        one.error = error.located(file=path)
        return
    for answer in answers:
        if isinstance(answer, Answer) and answer.verdict.status != "holds":
            reason = answer.verdict.reason or "see the marked line"
            said = f"{path}: {answer.id} ({answer.question}): {answer.verdict.status}: {reason}"
            one.messages.append(said)
    if order.whole:
        points = sum((Fraction(q.worth) for q in problem.questions if q.worth is not None), Fraction(0))
        one.chapter = _Chapter(document, points, problem.spec.templates)
        return
    stem = Path(path).stem
    try:
        _write(order.out / stem / f"{stem}-key", source, order, one.files, one.messages)
    except SymbackpropError as error:
        one.error = error


def found_in(problem: Problem) -> dict[str, object]:
    """What the JSON says of a problem, as plain data: it may come from another process."""
    spec, answers = problem.spec, problem.answers()
    found: dict[str, object] = json.loads(json.dumps({
        "title": spec.title,
        "assumptions": assumptions_of(spec.graph, answers),
        "equations": [equation_json(equation, spec.names) for equation in spec.graph.equations],
        "answers": [answer.as_json() for answer in answers],
    }))  # fmt: skip
    return found


def _bind(run: SolveRun, title: str, base: Path, order: _Order) -> None:
    """One document of all problems that could be solved."""
    good = [one for one in run.solved if one.chapter is not None]
    chapters = [one.chapter for one in good if one.chapter is not None]
    if not chapters:
        return
    folders = {chapter.templates for chapter in chapters}
    builds = "".join(chapter.document.header.build for chapter in chapters)
    build = build_id(__version__, sha256(f"{title}\n{builds}".encode()).digest())
    total = sum((chapter.points for chapter in chapters), Fraction(0))
    files: list[str] = []
    try:
        document = bind(title, [chapter.document for chapter in chapters], build, total)
        source = render("key", document, folders.pop() if len(folders) == 1 else None)
        _write(base, source, order, files, run.last_messages)
    except SymbackpropError as error:
        run.unmade = error
    for one in good:
        one.files.extend(files)


def _write(
    base: Path, source: str, order: _Order, files: list[str], messages: list[str]
) -> None:
    """The .tex if it is asked for or no PDF can be made; the .pdf."""
    if "tex" in order.forms:
        _keep(base.with_name(f"{base.name}.tex"), source, files, messages)
    if "key" not in order.forms:
        return
    try:
        pdf = base.with_name(f"{base.name}.pdf")
        compile_pdf(source, pdf, engine=order.engine)
        _note(pdf, files, messages)
    except OutputError:
        if "tex" not in order.forms:
            _keep(base.with_name(f"{base.name}.tex"), source, files, messages)
        raise


def _keep(path: Path, source: str, files: list[str], messages: list[str]) -> None:
    write_whole(path, source.encode("utf-8"))
    _note(path, files, messages)


def _note(path: Path, files: list[str], messages: list[str]) -> None:
    files.append(str(path))
    messages.append(f"wrote {path}")
