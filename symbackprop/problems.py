"""``Problem``: a checked problem with its answers and documents; what ``load`` and ``loads`` give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from symbackprop import __version__
from symbackprop.answering import Answer, Told, answers_to
from symbackprop.answering.desk import Desk
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.tensors import Index, Tensor
from symbackprop.documents.escape import typewriter
from symbackprop.documents.key import Head, build_id, build_key
from symbackprop.documents.model import Asked, Document
from symbackprop.documents.templates import render
from symbackprop.errors import InputError, UnsupportedError, did_you_mean
from symbackprop.notation.latex import to_latex
from symbackprop.notation.latex_symbols import RELATIONS
from symbackprop.notation.words import Words
from symbackprop.ops.registry import lookup
from symbackprop.problem_file import ProblemSpec, Question, load_spec, loads_spec
from symbackprop.reading.formulas import formula_of, read_equation, read_formula
from symbackprop.reading.keys import LEVELS
from symbackprop.reading.seconds import gradient_of
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.gradients import Gradients
from symbackprop.results.written_out import written_out

_NAMES = re.compile(r"[^\W\d]\w*")
_LETTERS = re.compile(r"\b[a-zA-Z]\b")
_RELATION = re.compile(r" (=|!=|<=|>=|<|>) ")


class Problem:
    """A checked problem: derive, answer its questions, render its documents."""

    def __init__(self, spec: ProblemSpec, level: str | None = None) -> None:
        self.spec = spec
        self.level = spec.level if level is None else (level,)
        self.context = Context(spec.graph, spec.names)
        self.desk = Desk(spec, self.context, self.level)
        self._answers: dict[str, tuple[Answer | Told, ...]] = {}

    def __repr__(self) -> str:
        kinds = ", ".join(question.id for question in self.spec.all_questions) or "no questions"
        return (
            f"<Problem {self.title or self.spec.file or ''}: {', '.join(self.spec.graph.tensors)}; {kinds}>"
        )

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
        return self.desk.derivation(self._tensor(of), self._tensor(wrt), via, level)

    def gradients(self, of: str, wrt: Sequence[str] | None = None, *, level: str = "vector") -> Gradients:
        """name -> Derivation by every parameter (or by ``wrt``), from one backward pass."""
        check_level(level)
        graph = self.spec.graph
        tensors = graph.parameters
        if wrt is not None:
            families = {name: graph.members_of(name) for name in wrt if name in graph.families}
            tensors = tuple(one for name in wrt for one in families.get(name) or (self._tensor(name),))
        if level == "entries":
            entries = written_out(self.context, self._tensor(of), tensors, self.desk.sizes)
            return Gradients(self.context, {tensor.name: entries[tensor] for tensor in tensors})
        derived = self.context.session().gradients(self._tensor(of), tensors, level)
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

    def jacobian(self, of: str, by: str, *, level: str = "vector", via: str = "log") -> Derivation:
        """The derivative of the array ``of`` by ``by``, in the layout of the file.

        Of two vectors a matrix; with more than two indices in all, one entry over its letters.
        """
        check_level(level)
        return self.desk.jacobian(self._tensor(of), self._tensor(by), via, level)

    def hessian(
        self, of: str, by: str, other: str | None = None, *, level: str = "vector", via: str = "log"
    ) -> Derivation:
        """The second derivative of the scalar ``of``: d2L/dw2, or d2L/(dw dv) where ``other`` is v.

        A matrix for vectors, with a row for each entry of ``by``; with more than two indices in all, one
        entry over its letters.
        """
        check_level(level)
        first, second = self._tensor(by), self._tensor(other if other is not None else by)
        return self.desk.jacobian(gradient_of(self._tensor(of), first), second, via, level)

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
            self._answers[question.id] = answers_to(self.desk, question)
        return self._answers[question.id]

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
        said = [q.body.said for q in spec.all_questions if q.body is not None and q.body.said]
        if said or spec.layout != "gradient":
            numbers = sorted((name, repr(array)) for name, array in spec.values.items()) if said else []
            look = (*look, spec.layout, said, numbers)  # type: ignore[assignment]
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
            answers=tuple(one.shown for one in found if isinstance(one, Answer)),
            told=question.answer,
            in_words=question.kind == "ask",
            parts=tuple(self._asked(part) for part in question.parts),
        )

    def _math(self, text: str) -> str:
        """A formula in words, set as LaTeX; as it was written if it cannot be read."""
        spec = self.spec
        known = spec.graph.functions.get(text) or lookup(text)
        if known is not None and known.latex is not None:
            return known.latex
        left, sign, right = _parted(text)
        try:
            if sign == "=":
                sides: tuple[Expr, ...] = read_equation(text, spec.graph, notation=spec.partials)
            elif sign:
                free = {letter: Index(Dim.named(letter), letter) for letter in _LETTERS.findall(text)}
                sides = tuple(
                    read_formula(
                        side, spec.graph, notation=spec.partials, free_indices=True, indices=_bare(side, free)
                    )
                    for side in (left, right)
                )
            else:
                sides = (read_formula(text, spec.graph, notation=spec.partials, free_indices=True),)
        except InputError:
            return self._of_letters(text) or typewriter(text)
        return f" {RELATIONS[sign]} ".join(to_latex(side, spec.names, inline=True) for side in sides)

    def _of_letters(self, text: str) -> str | None:
        """A formula over letters that mean nothing in the problem, as in "the slope of `u^2` is `2 u`"."""
        names = {name for name in _NAMES.findall(text) if lookup(name) is None}
        if any(len(name) > 1 for name in names):
            return None
        convention = self.spec.convention
        params = {name: Leaf(Tensor(name, (), convention)) for name in names}
        try:
            sides = [formula_of(side, params, convention) for side in _RELATION.split(text)[::2]]
        except InputError:
            return None
        sign = _parted(text)[1] or "="
        return f" {RELATIONS[sign]} ".join(
            to_latex(side, self.spec.names, inline=True) for side in sides
        )


def _parted(text: str) -> tuple[str, str, str]:
    """The sides of a relation and its sign; the text alone if it is none, or more than one."""
    parts = _RELATION.split(text)
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else (text, "", "")


def _bare(side: str, free: Mapping[str, Index]) -> dict[str, Index]:
    """A letter that is a side by itself stands for an index."""
    return {side.strip(): free[side.strip()]} if side.strip() in free else {}


def check_level(level: str) -> None:
    """Refuse an unknown level."""
    if level not in LEVELS:
        hint = did_you_mean(str(level), LEVELS) or ", ".join(LEVELS)
        raise InputError(f"unknown level {level}", code="schema", hint=hint)


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


def load(path: str | Path, seed: int | None = None) -> Problem:
    """Read a problem file; ``seed`` chooses among what its ``variants:`` allow."""
    return Problem(load_spec(path, seed))


def loads(text: str, seed: int | None = None) -> Problem:
    """Read the text of a problem file; ``seed`` chooses among what its ``variants:`` allow."""
    return Problem(loads_spec(text, None, seed))
