"""From a problem file, or a formula, to checked answers and documents: the one place that sees everything.

``load`` and ``loads`` give a ``Problem``; ``solve_files`` and ``derive_text`` are what the command line
runs. Each file is done or reported on its own: a bad file never stops or spoils the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symbackprop import __version__
from symbackprop.answering import derivation_of, entry_of
from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.tensors import Tensor
from symbackprop.documents.escape import typewriter
from symbackprop.documents.key import Head, build_id, build_key
from symbackprop.documents.model import Answered, Asked, Document
from symbackprop.documents.pdf import compile_pdf, write_whole
from symbackprop.documents.templates import render
from symbackprop.errors import InputError, OutputError, SymbackpropError, UnsupportedError, did_you_mean
from symbackprop.notation.latex import to_latex
from symbackprop.notation.words import Words
from symbackprop.ops.registry import lookup
from symbackprop.problem_file import ProblemSpec, Question, load_spec, loads_spec
from symbackprop.reading.formulas import formula_of, read_equation, read_formula
from symbackprop.reading.infer import infer_program
from symbackprop.reading.keys import LATER_LEVELS, LEVELS
from symbackprop.reports import Answer, Told, assumptions_of, equation_json, kink_notes, text_report
from symbackprop.results import Context, Derivation, Gradients

SUPPORTED_LEVELS = tuple(level for level in LEVELS if level not in LATER_LEVELS)


_NAMES = re.compile(r"[^\W\d]\w*")


class Problem:
    """A checked problem: derive, answer its questions, render its documents."""

    def __init__(self, spec: ProblemSpec, level: str | None = None) -> None:
        self.spec = spec
        self.level = spec.level if level is None else (level,)
        self.context = Context(spec.graph, spec.names)
        self._answers: dict[str, tuple[Answer | Told, ...]] = {}
        self._derivations: dict[tuple[Tensor, Tensor, str, str], Derivation] = {}

    @property
    def title(self) -> str | None:
        """The title of the file."""
        return self.spec.title

    @property
    def questions(self) -> tuple[Question, ...]:
        """The questions of the file."""
        return self.spec.questions

    def derive(self, of: str, wrt: str, *, level: str = "vector", via: str = "log") -> Derivation:
        """The derivative of the scalar ``of`` by ``wrt``; InputError for a name that does not exist."""
        check_level(level)
        return self._derivation(self._tensor(of), self._tensor(wrt), via, level)

    def _derivation(self, of: Tensor, by: Tensor, via: str, level: str = "vector") -> Derivation:
        key = (of, by, via, level)
        if key not in self._derivations:
            derived = self.context.session(via).derive(of, by, level)
            self._derivations[key] = Derivation(self.context, derived, via)
        return self._derivations[key]

    def gradients(self, of: str, wrt: Sequence[str] | None = None) -> Gradients:
        """name -> Derivation by every parameter (or by ``wrt``), from one backward pass."""
        graph = self.spec.graph
        tensors = graph.parameters
        if wrt is not None:
            families = {name: graph.members_of(name) for name in wrt if name in graph.families}
            tensors = tuple(one for name in wrt for one in families.get(name) or (self._tensor(name),))
        derived = self.context.session().gradients(self._tensor(of), tensors)
        found = {tensor.name: Derivation(self.context, derived[tensor]) for tensor in tensors}
        return Gradients(self.context, found)

    def _tensor(self, name: str) -> Tensor:
        tensor = self.spec.graph.tensors.get(name)
        family = self.spec.graph.families.get(name)
        if family is not None:
            message = f"{name} is a family of {len(family.members)} arrays"
            hint = f"ask for one of them, such as {name}[{family.members[-1]}]"
            raise InputError(message, code="shape", file=self.spec.file, hint=hint)
        if tensor is None:
            known = tuple(self.spec.graph.tensors)
            hint = did_you_mean(name, known) or f"known names: {', '.join(known)}"
            raise InputError(f"unknown symbol {name}", code="unknown-symbol", file=self.spec.file, hint=hint)
        return tensor

    def answer(self, question_id: str) -> Answer | Told | tuple[Answer | Told, ...]:
        """The verified answer to a question; one for each level where it has several."""
        question = self.spec.question(question_id)
        if question is None:
            known = [question.id for question in self.spec.all_questions]
            hint = did_you_mean(question_id, known) or f"the questions are {', '.join(known) or 'none'}"
            message = f"there is no question {question_id}"
            raise InputError(message, code="unknown-symbol", file=self.spec.file, hint=hint)
        if not question.kind:
            parts = ", ".join(part.id for part in question.parts)
            message = f"the question {question_id} has only parts: {parts}"
            raise InputError(message, code="unknown-symbol", file=self.spec.file, hint="ask for a part")
        found = self._answered(question)
        return found[0] if len(found) == 1 else found

    def _answered(self, question: Question) -> tuple[Answer | Told, ...]:
        """The answers to a question, one for each level; none if it has only parts."""
        if question.id not in self._answers:
            self._answers[question.id] = tuple(self._solve(question))
        return self._answers[question.id]

    def _solve(self, question: Question) -> Iterator[Answer | Told]:
        if question.kind == "ask":
            yield Told(question.id, question.target, question.answer)
        elif question.kind:
            for level in question.levels or self.level:
                if question.in_terms_of is None:
                    derivation = self._derivation(question.of, question.by, question.via, level)
                else:
                    derivation = derivation_of(self.context, question, level)
                verdict = derivation.verify()
                yield Answer(question.id, question.kind, question.target, level, derivation, verdict)

    def answers(self) -> tuple[Answer | Told, ...]:
        """The answers to all questions and parts, in order."""
        return tuple(one for question in self.spec.all_questions for one in self._answered(question))

    def document(self, form: str = "key") -> Document:
        """The document as data."""
        if form != "key":
            raise UnsupportedError(f"the form {form} is not supported yet", hint="supported: key")
        course = self.spec.course
        head = Head(
            title=self.spec.title or (Path(self.spec.file).stem if self.spec.file else ""),
            build=build_id(__version__, repr(self._source()).encode()),
            course=course.get("title", ""),
            author=course.get("author", ""),
            date=course.get("date", ""),
            inferred=tuple(inferred_sentences(self.spec)),
        )
        asked = [self._asked(question) for question in self.spec.questions]
        return build_key(self.spec.graph, self.spec.names, asked, head, math=self._math)

    def _source(self) -> tuple[object, ...]:
        """What determines the document, for its build id."""
        spec = self.spec
        questions = [
            (q.id, q.kind, q.target, q.levels, q.text, q.hint, q.answer, q.points, q.via, q.in_terms_of)
            for q in spec.all_questions
        ]
        symbols = [(t.name, t.shape, t.role, t.latex, t.facts) for t in spec.graph.symbols]
        named = [(entry.name, entry.meaning, entry.latex) for entry in spec.notation]
        look = (sorted(spec.names.style.items()), sorted(spec.course.items()), self.level)
        return (spec.title, spec.convention, symbols, spec.forward, questions, named, look)

    def render(self, form: str = "key") -> str:
        """The LaTeX source of the document."""
        return render(form, self.document(form), self.spec.templates)

    def _asked(self, question: Question) -> Asked:
        """The question with its answers and parts, for a document."""
        found = self._answered(question)
        text = question.text or ""
        if question.kind == "ask":
            text = Words.joined([question.target, text]) if text else question.target
        return Asked(
            question.id,
            text=text,
            points=question.worth,
            hint=question.hint or "",
            answers=tuple(self._shown(one) for one in found if isinstance(one, Answer)),
            told=question.answer,
            in_words=question.kind == "ask",
            parts=tuple(self._asked(part) for part in question.parts),
        )

    def _shown(self, answer: Answer) -> Answered:
        derivation = answer.derivation
        note = ""
        if not derivation.steps:
            note = f"`{derivation.by.name}` has no influence on `{derivation.of.name}`."
        return Answered(
            derivation.derived.partial,
            derivation.formula,
            derivation.by.shape,
            derivation.steps,
            answer.verdict,
            level=answer.level,
            assumptions=(*derivation.assumptions, *_choices(answer)),
            numpy="\n".join(derivation.numpy_lines()) or None,
            note=note,
            entry=entry_of(derivation) if derivation.is_entrywise else None,
        )

    def _math(self, text: str) -> str:
        """A formula in words, set as LaTeX; as it was written if it cannot be read."""
        spec = self.spec
        known = spec.graph.functions.get(text) or lookup(text)
        if known is not None and known.latex is not None:
            return known.latex
        try:
            if " = " in text:
                sides: tuple[Expr, ...] = read_equation(text, spec.graph, notation=spec.partials)
            else:
                sides = (read_formula(text, spec.graph, notation=spec.partials, free_indices=True),)
        except InputError:
            return self._of_letters(text) or typewriter(text)
        return " = ".join(to_latex(side, spec.names, inline=True) for side in sides)

    def _of_letters(self, text: str) -> str | None:
        """A formula over letters that mean nothing in the problem, as in "the slope of `u^2` is `2 u`"."""
        names = set(_NAMES.findall(text))
        if any(len(name) > 1 for name in names):
            return None
        convention = self.spec.convention
        params = {name: Leaf(Tensor(name, (), convention)) for name in names}
        try:
            sides = [formula_of(side, params, convention) for side in text.split(" = ")]
        except InputError:
            return None
        return " = ".join(to_latex(side, self.spec.names, inline=True) for side in sides)


def _choices(answer: Answer) -> tuple[str, ...]:
    """The choices at kinks that the derivation rests on."""
    graph = answer.derivation.graph
    texts = [step.after.text for step in answer.derivation.steps]
    notes = [note for note in kink_notes(graph) if any(note.split("(")[0] in text for text in texts)]
    return tuple(f"`{note}`" for note in notes)


def check_level(level: str) -> None:
    """Refuse a level that is not there yet."""
    if level not in LEVELS:
        hint = did_you_mean(level, LEVELS) or ", ".join(LEVELS)
        raise InputError(f"unknown level {level}", code="schema", hint=hint)
    if level not in SUPPORTED_LEVELS:
        hint = f"supported: {', '.join(SUPPORTED_LEVELS)}"
        raise UnsupportedError(f"the level {level} is not supported yet", hint=hint)


def inferred_sentences(spec: ProblemSpec) -> Iterator[str]:
    """What the file does not state and was found: the convention, shapes."""
    if not spec.convention_given:
        line = "row" if spec.convention.vectors_are_rows else "column"
        yield (
            f"The file names no convention; its shapes fit *{spec.convention.value}*: "
            f"a vector stands in a product as a {line}."
        )
    names = [f"`{name}`" for name in spec.inferred]
    if len(names) == 1:
        yield f"The shape of {names[0]} follows from the equations."
    elif names:
        yield f"The shapes of {', '.join(names[:-1])} and {names[-1]} follow from the equations."


def load(path: str | Path) -> Problem:
    """Read a problem file."""
    return Problem(load_spec(path))


def loads(text: str) -> Problem:
    """Read the text of a problem file."""
    return Problem(loads_spec(text))


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
) -> SolveRun:
    """Answer the questions of each file and write the documents asked for."""
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
        _solve_one(one, out, forms, engine, run.messages, level)
    return run


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
    one: Solved, out: Path, forms: Sequence[str], engine: str, messages: list[str], level: str | None
) -> None:
    try:
        problem = Problem(load_spec(one.path), level)
        answers = problem.answers()
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
        return self.answer.derivation.to_latex()

    def numpy_source(self) -> str:
        """The gradient as a NumPy function."""
        return self.answer.derivation.numpy_source

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
    derived = context.session().gradients(loss, tensors, level)
    answers = []
    for tensor in tensors:
        derivation = Derivation(context, derived[tensor])
        answer = Answer(tensor.name, "derive", derivation.name, level, derivation, derivation.verify())
        answers.append(DerivedAnswer(context, answer, assumed))
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


__all__ = ["Derivation", "Problem", "derive_text", "load", "loads", "solve_files"]
