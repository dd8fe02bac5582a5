"""From a problem file, or a formula, to checked answers and documents: the one place that sees everything.

``load`` and ``loads`` give a ``Problem``; ``solve_files`` (see ``solving``) and ``derive_text`` are what the
command line runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Answer
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.problem_file import ProblemSpec
from symbackprop.problems import Problem, check_level, load, loads
from symbackprop.reading.infer import infer_program
from symbackprop.reports import text_report
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.written_out import sizes_for, written_out
from symbackprop.solving import solve_files

if TYPE_CHECKING:
    from symbackprop.checks.run import CheckRun


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
    """Derive the scalar that ``equations`` end in by each name of ``wrt``; of an array its Jacobian."""
    check_level(level)
    graph, assumed = infer_program(
        equations, shapes=dict(shapes or {}), convention=convention, functions=functions
    )
    context = Context(graph)
    loss = end_of(graph.equations)
    tensors = []
    for name in wrt:
        if name not in graph.tensors:
            hint = did_you_mean(name, graph.tensors) or f"known names: {', '.join(graph.tensors)}"
            raise InputError(f"unknown symbol {name} in --wrt", code="unknown-symbol", hint=hint)
        tensors.append(graph.tensors[name])
    derivations = _derivations(context, loss, tensors, level)
    kind = "derive" if loss.is_scalar else "jacobian"
    answers = []
    for tensor in tensors:
        derivation = derivations[tensor]
        answer = derived_answer(tensor.name, kind, derivation.name, level, derivation)
        answers.append(DerivedAnswer(context, answer, derivation, assumed))
    return answers


def _derivations(
    context: Context, of: Tensor, tensors: Sequence[Tensor], level: str
) -> Mapping[Tensor, Derivation]:
    """The gradients of a scalar from one backward pass, or the Jacobians of an array."""
    if not of.is_scalar:
        desk = Desk(ProblemSpec(graph=context.graph), context, (level,))
        return {tensor: desk.jacobian(of, tensor, level=level) for tensor in tensors}
    if level == "entries":
        return written_out(context, of, tensors, sizes_for(context.graph))
    derived = context.session().gradients(of, tensors, level)
    return {tensor: Derivation(context, derived[tensor]) for tensor in tensors}


def end_of(equations: Sequence[Any]) -> Tensor:
    """What is differentiated when nothing is said: the scalar, or else the array, that no equation uses."""
    used = {tensor for equation in equations for tensor in equation.inputs}
    ends: list[Tensor] = [e.target for e in equations if e.target not in used]
    scalars = [target for target in ends if target.is_scalar]
    if len(scalars) == 1:
        return scalars[0]
    if not scalars and len(ends) == 1:
        return ends[0]
    if not scalars:
        names = ", ".join(target.name for target in ends)
        raise InputError(
            f"which one is to be differentiated: {names}?",
            code="shape",
            hint="leave one that nothing else uses, or end with a scalar such as L = sum((y - t)^2)",
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
    from symbackprop.checks.run import check_works
    from symbackprop.checks.strength import at_strength, check_strength

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
    from symbackprop.checks.checker import Checker
    from symbackprop.checks.run import CheckRun, checker_of, kind_of_text
    from symbackprop.checks.strength import at_strength, check_strength

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
    from symbackprop.checks.reports import write_report as write_file

    return write_file(run, path, engine=engine)


def check_lines(run: CheckRun) -> Iterator[Sequence[tuple[str, str]]]:
    """A check for people, line by line, in spans of (kind, text)."""
    from symbackprop.checks.lines import report_lines

    return report_lines(run)


__all__ = [
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
