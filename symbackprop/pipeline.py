"""From a problem file, or a formula, to checked answers and documents: the one place that sees everything.

``load`` and ``loads`` give a ``Problem``; ``solve_files`` and ``derive_text`` are what the command line
runs. Each file is done or reported on its own: a bad file never stops or spoils the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symbackprop import __version__
from symbackprop.answering.derive import derived_answer
from symbackprop.answering.record import Answer
from symbackprop.checks.checker import Checker
from symbackprop.checks.lines import report_lines
from symbackprop.checks.reports import write_report as write_report_file
from symbackprop.checks.run import CheckRun, check_works, checker_of, kind_of_text
from symbackprop.checks.strength import at_strength, check_strength
from symbackprop.core.tensors import Tensor
from symbackprop.documents.pdf import compile_pdf, write_whole
from symbackprop.errors import InputError, OutputError, SymbackpropError, UnsupportedError, did_you_mean
from symbackprop.problem_file import load_spec
from symbackprop.problems import Problem, check_level, load, loads
from symbackprop.reading.infer import infer_program
from symbackprop.reports import assumptions_of, equation_json, text_report
from symbackprop.results import Context, Derivation
from symbackprop.written_out import sizes_for, written_out


@dataclass(slots=True)
class Solved:
    """One file of a run: its problem or its error, and what was written."""

    path: str
    problem: Problem | None = None
    error: SymbackpropError | None = None
    files: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """The object of "problems" in the JSON format."""
        problem = self.problem
        answers = problem.answers() if problem is not None else ()
        spec = problem.spec if problem is not None else None
        return {
            "file": self.path,
            "title": spec.title if spec else None,
            "error": self.error.as_dict() if self.error else None,
            "files": self.files,
            "assumptions": assumptions_of(spec.graph, answers) if spec else [],
            "equations": [equation_json(e, spec.names) for e in spec.graph.equations] if spec else [],
            "answers": [answer.as_json() for answer in answers],
        }


@dataclass(slots=True)
class SolveRun:
    """What ``solve_files`` did."""

    solved: list[Solved]
    messages: list[str]

    @property
    def errors(self) -> list[SymbackpropError]:
        """The errors, file by file."""
        return [one.error for one in self.solved if one.error is not None]

    @property
    def exit_code(self) -> int:
        """The highest that applies: 0, 1 a line fails, 2 bad input, 3 no document."""
        codes = [error.exit_code for error in self.errors]
        failed = any(a.failed for one in self.solved if one.problem for a in one.problem.answers())
        return max([*codes, 1 if failed else 0], default=0)

    def as_json(self) -> dict[str, object]:
        """The JSON document of the run."""
        return {
            "format": "symbackprop/solve/1",
            "version": __version__,
            "ok": self.exit_code == 0,
            "problems": [one.as_json() for one in self.solved],
        }


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
    on_progress: Callable[[str], None] | None = None,
) -> SolveRun:
    """Answer the questions of each file and write the documents; ``on_progress`` is told what is done now."""
    for name, value in (("--seed", seed), ("--title", title)):
        if value is not None:
            raise UnsupportedError(f"solve {name} is not supported yet")
    if jobs > 1:
        raise UnsupportedError("solve --jobs with more than 1 is not supported yet")
    if time_limit is not None:
        raise UnsupportedError("solve --time-limit is not supported yet")
    if level is not None:
        check_level(level)
    _distinct_stems(paths)
    run = SolveRun([], [])
    for path in paths:
        one = Solved(path)
        run.solved.append(one)
        _solve_one(one, out, forms, engine, run.messages, level, on_progress or _silent)
    return run


def _silent(_: str) -> None:
    """Progress that nobody asked for."""


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


def _solve_one(
    one: Solved,
    out: Path,
    forms: Sequence[str],
    engine: str,
    messages: list[str],
    level: str | None,
    tell: Callable[[str], None],
) -> None:
    try:
        tell(f"{one.path}: reading")
        problem = Problem(load_spec(one.path), level)
        asked = [question for question in problem.spec.all_questions if question.kind]
        for number, question in enumerate(asked, 1):
            tell(f"{one.path}: question {question.id} ({number} of {len(asked)})")
            problem.answer(question.id)
        answers = problem.answers()
        tell(f"{one.path}: setting the document")
        one.problem = problem
        source = problem.render("key")
    except SymbackpropError as error:
        one.error = error.located(file=one.path)
        return
    for answer in answers:
        if isinstance(answer, Answer) and answer.verdict.status != "holds":
            reason = answer.verdict.reason or "see the marked line"
            messages.append(f"{one.path}: {answer.id} ({answer.question}): {answer.verdict.status}: {reason}")
    stem = Path(one.path).stem
    try:
        _write(one, out / stem / f"{stem}-key", source, forms, engine, messages)
    except SymbackpropError as error:
        one.error = error


def _write(
    one: Solved, base: Path, source: str, forms: Sequence[str], engine: str, messages: list[str]
) -> None:
    """The .tex if it is asked for or no PDF can be made; the .pdf."""
    if "tex" in forms:
        _keep(one, base.with_suffix(".tex"), source, messages)
    if "key" not in forms:
        return
    try:
        pdf = base.with_suffix(".pdf")
        compile_pdf(source, pdf, engine=engine)
        one.files.append(str(pdf))
        messages.append(f"wrote {pdf}")
    except OutputError:
        if "tex" not in forms:
            _keep(one, base.with_suffix(".tex"), source, messages)
        raise


def _keep(one: Solved, path: Path, source: str, messages: list[str]) -> None:
    write_whole(path, source.encode("utf-8"))
    one.files.append(str(path))
    messages.append(f"wrote {path}")


@dataclass(frozen=True, slots=True)
class DerivedAnswer:
    """One ``--wrt`` name of ``derive``."""

    context: Context
    answer: Answer
    derivation: Derivation
    readback: str

    @property
    def exit_code(self) -> int:
        """1 if a line fails its own verification."""
        return 1 if self.answer.failed else 0

    def text_report(self) -> str:
        """The derivation for the terminal; the last line is the result."""
        return text_report(self.context, self.answer, self.readback)

    def latex_report(self) -> str:
        """The derivation as LaTeX."""
        return self.derivation.to_latex()

    def numpy_source(self) -> str:
        """The gradient as a NumPy function."""
        return self.derivation.numpy_source

    def as_json(self) -> dict[str, object]:
        """The answer with its format key first."""
        return {"format": "symbackprop/derive/1", **self.answer.as_json()}


def derive_text(
    equations: str,
    wrt: Sequence[str],
    *,
    shapes: Mapping[str, tuple[str, ...]] | None = None,
    level: str = "vector",
    convention: str | None = None,
    functions: Sequence[str] = (),
) -> list[DerivedAnswer]:
    """Derive the last scalar of ``equations`` by each name of ``wrt``."""
    check_level(level)
    graph, assumed = infer_program(
        equations, shapes=dict(shapes or {}), convention=convention, functions=functions
    )
    context = Context(graph)
    loss = loss_of(graph.equations)
    tensors = []
    for name in wrt:
        if name not in graph.tensors:
            hint = did_you_mean(name, graph.tensors) or f"known names: {', '.join(graph.tensors)}"
            raise InputError(f"unknown symbol {name} in --wrt", code="unknown-symbol", hint=hint)
        tensors.append(graph.tensors[name])
    derivations: Mapping[Tensor, Derivation]
    if level == "entries":
        derivations = written_out(context, loss, tensors, sizes_for(graph))
    else:
        derived = context.session().gradients(loss, tensors, level)
        derivations = {tensor: Derivation(context, derived[tensor]) for tensor in tensors}
    answers = []
    for tensor in tensors:
        derivation = derivations[tensor]
        answer = derived_answer(tensor.name, "derive", derivation.name, level, derivation)
        answers.append(DerivedAnswer(context, answer, derivation, assumed))
    return answers


def loss_of(equations: Sequence[Any]) -> Tensor:
    """The scalar that no other equation uses: what is differentiated when nothing is said."""
    used = {tensor for equation in equations for tensor in equation.inputs}
    ends = [e.target for e in equations if e.target not in used]
    scalars = [target for target in ends if target.is_scalar]
    if len(scalars) == 1:
        return scalars[0]  # type: ignore[no-any-return]
    if not scalars:
        names = ", ".join(target.name for target in ends)
        raise InputError(
            f"nothing to differentiate: {names} is not a scalar",
            code="shape",
            hint="end with a scalar, such as L = sum((y - t)^2)",
        )
    names = ", ".join(target.name for target in scalars)
    raise InputError(
        f"which one is the loss: {names}?", code="shape", hint="leave one scalar that nothing else uses"
    )


def check_files(
    problem: str | None,
    works: Sequence[str],
    *,
    given: str | None = None,
    feedback: str = "repair",
    jobs: int = 1,
    time_limit: float | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> CheckRun:
    """Judge each work against a problem file, or against the equations ``given``."""
    check_strength(feedback)
    run = check_works(
        problem, works, given=given, jobs=jobs, time_limit=time_limit, on_progress=on_progress
    )
    run.works = [at_strength(work, feedback) for work in run.works]
    return run


def check(
    problem: Problem | None,
    work: str,
    *,
    given: str | None = None,
    feedback: str = "repair",
    kind: str | None = None,
) -> CheckRun:
    """Judge the text of a work line by line: ``report.findings``, ``report.first_wrong``, ``to_json()``.

    Without a problem ``given`` is the forward pass, as in ``check(None, text, given="y = W x + b")``.
    ``kind`` is "tex", "md", "ipynb" or "formula"; without it a text with dollar signs or environments is a
    document, any other a formula.
    """
    check_strength(feedback)
    if (problem is None) == (given is None):
        raise InputError("check needs a problem or given=, and not both", code="schema")
    if problem is not None:
        checker, assumed, file = Checker(problem.spec, problem.context), "", problem.spec.file
    else:
        checker, assumed = checker_of(None, given)
        file = None
    found = checker.check(work, kind=kind or kind_of_text(work))
    return CheckRun(file, [at_strength(found, feedback)], assumed=assumed)


def write_report(run: CheckRun, path: Path, *, engine: str = "auto") -> list[str]:
    """Write the report of a check as FILE.html, FILE.pdf or FILE.md; what was written, in words."""
    return write_report_file(run, path, engine=engine)


def check_lines(run: CheckRun) -> Iterator[Sequence[tuple[str, str]]]:
    """A check for people, line by line, in spans of (kind, text)."""
    return report_lines(run)


__all__ = [
    "CheckRun",
    "Derivation",
    "Problem",
    "check",
    "check_files",
    "check_level",
    "check_lines",
    "derive_text",
    "load",
    "loads",
    "solve_files",
    "write_report",
]  # fmt: skip
