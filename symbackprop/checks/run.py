"""``check_works``: a problem (or ``--given``), works in, a report for each out.

Each work is done or reported on its own: one that cannot be read, or takes too long, never stops the others.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from symbackprop import __version__
from symbackprop.checking.findings import Finding, Inferred, WorkReport
from symbackprop.checks.checker import Checker
from symbackprop.errors import InputError, SymbackpropError
from symbackprop.ops.registry import BINDERS
from symbackprop.problem_file import ProblemSpec, load_spec
from symbackprop.reading.infer import infer_program
from symbackprop.reading.scope import function_names
from symbackprop.reading.works.reader import kind_of
from symbackprop.results.context import Context

LARGEST = 10_000_000  # bytes of a work that are read

Tell = Callable[[str], None]


@dataclass(slots=True)
class CheckRun:
    """What a call of ``check`` found. Of a single work its fields are also those of the run."""

    problem: str | None
    works: list[WorkReport] = field(default_factory=list)
    error: SymbackpropError | None = None
    assumed: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all works, in order."""
        return tuple(finding for work in self.works for finding in work.findings)

    @property
    def inferred(self) -> tuple[Inferred, ...]:
        """What was inferred in all works."""
        return tuple(one for work in self.works for one in work.inferred)

    @property
    def summary(self) -> dict[str, int]:
        """How many findings there are of each verdict, in all works."""
        totals = WorkReport("", self.findings).summary
        return dict(totals)

    @property
    def first_wrong(self) -> int | None:
        """Which finding is the first wrong one."""
        return WorkReport("", self.findings).first_wrong

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.exit_code == 0

    @property
    def exit_code(self) -> int:
        """The highest that applies: 0, 1 something is wrong or nothing was judged, 2 bad input."""
        codes = [work.exit_code for work in self.works]
        return max([*codes, self.error.exit_code if self.error is not None else 0], default=0)

    @property
    def errors(self) -> list[SymbackpropError]:
        """The errors: of the problem, then work by work."""
        found = [self.error] if self.error is not None else []
        return [*found, *(work.error for work in self.works if work.error is not None)]

    def as_json(self) -> dict[str, object]:
        """The JSON document of the run."""
        return {
            "format": "symbackprop/check/1",
            "version": __version__,
            "ok": self.ok,
            "problem": {
                "file": self.problem,
                "error": None if self.error is None else self.error.as_dict(),
            },
            "works": [work.as_json() for work in self.works],
        }

    def to_json(self) -> dict[str, object]:
        """The same, under the name that reports have in common."""
        return self.as_json()


@dataclass(frozen=True, slots=True)
class Task:
    """One work: a file, the standard input, or a formula."""

    name: str
    text: str | None = None
    kind: str = "md"


def checker_of(problem: str | None, given: str | None) -> tuple[Checker, str]:
    """The checker of a problem file or of equations, and what was assumed."""
    if given is not None:
        graph, assumed = infer_program(given, functions=tuple(arbitrary_functions(given)))
        return Checker(ProblemSpec(graph), Context(graph)), assumed
    assert problem is not None
    spec = load_spec(problem)
    return Checker(spec, Context(spec.graph, spec.names)), ""


def arbitrary_functions(given: str) -> list[str]:
    """The names that are called and are no functions of the grammar: any elementwise function."""
    called = re.findall(r"([^\W\d_]\w*)'*\(", given)
    targets = {line.split("=")[0].strip() for line in re.split(r"[;\n]", given)}
    known = {*function_names(), *BINDERS}
    return [name for name in dict.fromkeys(called) if name not in known | targets]


def tasks_of(works: Sequence[str]) -> Iterator[Task]:
    """What each WORK is: ``-``, a file, or (if it is none and holds ``=``) a formula."""
    for work in works:
        if work == "-":
            yield Task("-", sys.stdin.read(), "md")
        elif "=" in work and not _is_file(work):
            yield Task("formula", work, "formula")
        else:
            yield Task(work, None, kind_of(work))


def kind_of_text(text: str) -> str:
    """Whether a text is a document with formulas in it, or one formula."""
    signs = ("$", "\\[", "\\(", "\\begin{", "```")
    return "md" if any(sign in text for sign in signs) else "formula"


def _is_file(work: str) -> bool:
    try:
        return Path(work).is_file()
    except (OSError, ValueError):
        return False


def check_task(checker: Checker, task: Task) -> WorkReport:
    """The report of one work, or what kept it from being read."""
    try:
        text = task.text if task.text is not None else _text_of(task.name)
        return checker.check(text, kind=task.kind, file=task.name)
    except SymbackpropError as error:
        return WorkReport(task.name, error=error.located(file=task.name))
    except RecursionError:
        return WorkReport(
            task.name, error=InputError("the work is nested too deeply", code="limit", file=task.name)
        )


def _text_of(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise InputError("there is no such file", code="io", file=file) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file cannot be read: {reason}", code="io", file=file) from None
    if len(data) > LARGEST:
        raise InputError(f"the file has more than {LARGEST} bytes", code="limit", file=file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start + 1})"
        raise InputError(message, code="io", file=file) from None


def check_works(
    problem: str | None,
    works: Sequence[str],
    *,
    given: str | None = None,
    jobs: int = 1,
    time_limit: float | None = None,
    on_progress: Tell | None = None,
) -> CheckRun:
    """Check each work; ``on_progress`` is told which one is being read."""
    run = CheckRun(problem)
    tell = on_progress or (lambda _: None)
    tasks = list(tasks_of(works))
    try:
        checker, run.assumed = checker_of(problem, given)
    except SymbackpropError as error:
        run.error = error.located(file=problem) if problem is not None else error
        return run
    if (jobs > 1 and len(tasks) > 1) or time_limit is not None:
        run.works.extend(_in_processes(problem, given, tasks, jobs, time_limit, tell))
        return run
    for number, task in enumerate(tasks, 1):
        tell(f"{task.name} ({number} of {len(tasks)})")
        run.works.append(check_task(checker, task))
    return run


_CHECKERS: dict[tuple[str | None, str | None], Checker] = {}


def _work(problem: str | None, given: str | None, task: Task) -> WorkReport:
    """One work in a process of its own; the problem is read once in each process."""
    key = (problem, given)
    if key not in _CHECKERS:
        _CHECKERS[key] = checker_of(problem, given)[0]
    return check_task(_CHECKERS[key], task)


def _in_processes(
    problem: str | None, given: str | None, tasks: Sequence[Task], jobs: int, limit: float | None, tell: Tell
) -> Iterator[WorkReport]:
    """The reports in the order of the tasks; a work that takes too long ends its processes, not the call."""
    waiting = list(tasks)
    done = 0
    while waiting:
        pool = ProcessPoolExecutor(max_workers=min(jobs, len(waiting)))
        futures = [pool.submit(_work, problem, given, task) for task in waiting]
        for future in futures:
            task = waiting[0]
            done += 1
            tell(f"{task.name} ({done} of {len(tasks)})")
            try:
                yield future.result(timeout=limit)
            except (TooLate, BrokenProcessPool) as error:
                yield WorkReport(task.name, error=_gave_up(task.name, limit, error))
                waiting.pop(0)
                break
            waiting.pop(0)
        for process in list((pool._processes or {}).values()) if waiting else []:  # noqa: SLF001
            process.terminate()
        pool.shutdown(wait=not waiting, cancel_futures=True)


def _gave_up(file: str, limit: float | None, error: Exception) -> SymbackpropError:
    if isinstance(error, TooLate):
        hint = "a higher --time-limit"
        return InputError(f"given up after {limit:g} s", code="limit", file=file, hint=hint)
    return InputError("the process that checked it ended", code="limit", file=file)
