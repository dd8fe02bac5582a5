"""``Answer``: what a question is answered with, whatever its kind.

The fields are those of the JSON format (docs/command-line.md); None stands for what an answer does not
have. ``shown`` is the same for a page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.documents.model import Shown
from symbackprop.notation.steps import Step
from symbackprop.results.derivation import Derivation


class _Record:
    """Fields by name too: ``answer.numbers["W"]["rounded"]`` reads like the JSON."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if name not in self.as_json():
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_json())

    def as_json(self) -> dict[str, object]:
        """The fields as plain data, in their order."""
        return {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Result(_Record):
    """The result of an answer; None what it does not have."""

    text: str | None = None
    latex: str | None = None
    expanded_text: str | None = None
    numpy: str | None = None


@dataclass(frozen=True, slots=True)
class DerivedResult(_Record):
    """The result of a derivation; its spellings are made when they are asked for."""

    derivation: Derivation

    @property
    def text(self) -> str:
        """In the plain-text grammar."""
        return self.derivation.text

    @property
    def latex(self) -> str:
        """In LaTeX."""
        return str(self.derivation.latex)

    @property
    def expanded_text(self) -> str | None:
        """In inputs and parameters only; None where it would fill pages."""
        return self.derivation.expanded_text

    @property
    def numpy(self) -> str:
        """The source of a function of the arrays."""
        return self.derivation.numpy_source

    def as_json(self) -> dict[str, object]:
        return {
            "text": self.text,
            "latex": self.latex,
            "expanded_text": self.expanded_text,
            "numpy": self.numpy,
        }


@dataclass(frozen=True, slots=True)
class Case(_Record):
    """The result where ``when`` holds."""

    when: str
    text: str
    latex: str


@dataclass(frozen=True, slots=True)
class Numbers(_Record):
    """The numbers of one quantity: nested lists in the shape of the array.

    exact    a string such as "1/3" where the number is known exactly, else a float.
    rounded  strings with ``digits`` decimals, rounded from the exact value.
    """

    exact: object
    rounded: object
    digits: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """A question in words with its author's answer: nothing is derived, nothing is checked."""

    id: str
    question: str
    words: str | None

    kind: ClassVar[str] = "ask"
    failed: ClassVar[bool] = False
    level: ClassVar[None] = None
    shape: ClassVar[None] = None
    indices: ClassVar[None] = None
    cases: ClassVar[None] = None
    numbers: ClassVar[None] = None
    steps: ClassVar[tuple[Step, ...]] = ()
    verdict: ClassVar[None] = None
    evidence: ClassVar[None] = None
    assumptions: ClassVar[tuple[str, ...]] = ()

    @property
    def result(self) -> Result:
        """The author's words."""
        return Result(self.words)

    def as_json(self) -> dict[str, object]:
        """The object of "answers" in the JSON format."""
        return answer_json(self)


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """A verified answer.

    shape        the dims of the result, as text; indices  the letters of its free indices.
    cases        the result case by case, where it was asked for.
    numbers      name -> numbers, where they were asked for.
    steps        the lines, with their verdicts.
    assumptions  facts that were used, in words with formulas in `backticks`.
    shown        the answer as a document prints it.
    derivation   the derivation behind it, where there is a single one.
    """

    id: str
    kind: str
    question: str
    level: str | None
    verdict: Verdict
    shown: Shown
    result: Result | DerivedResult = Result()
    shape: tuple[str, ...] | None = None
    indices: tuple[str, ...] | None = None
    cases: tuple[Case, ...] | None = None
    numbers: Mapping[str, Numbers] | None = None
    steps: tuple[Step, ...] = ()
    assumptions: tuple[str, ...] = ()
    derivation: Derivation | None = None

    def __repr__(self) -> str:
        of = self.question if self.result.text is None else f"{self.question} = {self.result.text}"
        return f"<Answer {self.id} ({self.kind}): {of}, {self.verdict.status}>"

    @property
    def failed(self) -> bool:
        """Whether a printed line fails its own verification, or what was to be shown is not true."""
        return self.verdict.status == "fails"

    @property
    def evidence(self) -> Evidence:
        """How the result was checked."""
        return self.verdict.evidence

    def as_json(self) -> dict[str, object]:
        """The object of "answers" in the JSON format."""
        return answer_json(self)


def answer_json(answer: Answer | Told) -> dict[str, object]:
    """The object of "answers" in the JSON format, its keys in their order."""
    numbers, cases, verdict = answer.numbers, answer.cases, answer.verdict
    return {
        "id": answer.id,
        "kind": answer.kind,
        "question": answer.question,
        "level": answer.level,
        "shape": None if answer.shape is None else list(answer.shape),
        "indices": None if answer.indices is None else list(answer.indices),
        "result": answer.result.as_json(),
        "cases": None if cases is None else [case.as_json() for case in cases],
        "numbers": None if numbers is None else {name: one.as_json() for name, one in numbers.items()},
        "steps": [step_json(step) for step in answer.steps],
        "verdict": None if verdict is None else verdict.status,
        "evidence": None if verdict is None else verdict.evidence.as_dict(),
    }


def step_json(step: Step) -> dict[str, object]:
    """One step, its substeps inside."""
    return {
        "rule": step.rule,
        "because": plain(step.because),
        "before": step.before.text,
        "after": step.after.text,
        "latex": f"{step.before.latex} = {step.after.latex}",
        "shapes": {name: list(dims) for name, dims in step.shapes.items()},
        "verdict": step.verdict.status,
        "evidence": step.verdict.evidence.as_dict(),
        "substeps": [step_json(sub) for sub in step.substeps],
    }


def plain(words: str) -> str:
    """A reason without the backticks around its formulas."""
    return words.replace("`", "")
