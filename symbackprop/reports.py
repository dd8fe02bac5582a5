"""What is reported about an answer: JSON objects and plain text, from derivations.

The JSON keys and their order are fixed (docs/command-line.md); absent values are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from symbackprop.core.expr import Call
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.documents.key import forward_equation
from symbackprop.notation.latex import tensor_latex, to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise, Structural
from symbackprop.results import Context, Derivation

_LONGEST_LEFT = 30


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an answer; None what it does not have."""

    text: str | None
    latex: str | None = None
    expanded_text: str | None = None
    numpy: str | None = None

    def as_json(self) -> dict[str, object]:
        """The object of "result" in the JSON format."""
        return {
            "text": self.text,
            "latex": self.latex,
            "expanded_text": self.expanded_text,
            "numpy": self.numpy,
        }


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

    @property
    def result(self) -> Result:
        """The author's words."""
        return Result(self.words)

    def as_json(self) -> dict[str, object]:
        """The object of "answers" in the JSON format."""
        return {
            "id": self.id,
            "kind": self.kind,
            "question": self.question,
            "level": None,
            "shape": None,
            "indices": None,
            "result": self.result.as_json(),
            "cases": None,
            "numbers": None,
            "steps": [],
            "verdict": None,
            "evidence": None,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with its verified derivation."""

    id: str
    kind: str
    question: str
    level: str
    derivation: Derivation
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """Whether a printed line fails its own verification."""
        return self.verdict.status == "fails"

    @property
    def shape(self) -> tuple[str, ...]:
        """The dims of the result."""
        return self.derivation.shape

    @property
    def indices(self) -> tuple[str, ...]:
        """The letters of the free indices."""
        return self.derivation.indices

    @property
    def result(self) -> Result:
        """The result in its spellings."""
        d = self.derivation
        return Result(d.text, str(d.latex), d.expanded_text, d.numpy_source)

    @property
    def cases(self) -> None:
        """The result case by case, where it was asked for."""
        return None

    @property
    def numbers(self) -> None:
        """Numbers, where they were asked for."""
        return None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The lines of the derivation."""
        return self.derivation.steps

    @property
    def evidence(self) -> Evidence:
        """How the result was checked."""
        return self.verdict.evidence

    def as_json(self) -> dict[str, object]:
        """The object of "answers" in the JSON format."""
        d = self.derivation
        return {
            "id": self.id,
            "kind": self.kind,
            "question": self.question,
            "level": self.level,
            "shape": list(d.shape),
            "indices": list(d.indices),
            "result": self.result.as_json(),
            "cases": None,
            "numbers": None,
            "steps": [step_json(step) for step in d.steps],
            "verdict": self.verdict.status,
            "evidence": self.verdict.evidence.as_dict(),
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


def equation_json(equation: Equation, names: Names) -> dict[str, object]:
    """One line of the forward pass as it was read."""
    return {
        "target": equation.target.name,
        "text": equation_text(equation, names),
        "latex": equation_latex(equation, names),
        "shape": [str(dim) for dim in equation.target.shape],
    }


def equation_text(equation: Equation, names: Names) -> str:
    """``U = X W + c``, as it was read."""
    if equation.expr is None:
        arguments = ", ".join(tensor.name for tensor in equation.arguments)
        return f"{equation.target.name} = {equation.target.name}({arguments})"
    if equation.indices:
        return equation.text
    return f"{equation.target.name} = {to_text(equation.expr, names)}"


def equation_latex(equation: Equation, names: Names) -> str:
    """The same in LaTeX."""
    if equation.expr is None:
        arguments = ", ".join(tensor_latex(tensor, names) for tensor in equation.arguments)
        left = tensor_latex(equation.target, names)
        return f"{left} = {left}({arguments})"
    if equation.indices:
        record = forward_equation(equation, names)
        return f"{record.lhs} = {' '.join(record.rhs)}"
    return f"{tensor_latex(equation.target, names)} = {to_latex(equation.expr, names)}"


def assumptions_of(graph: Graph, answers: Iterable[Answer | Told]) -> list[str]:
    """The facts that were used, then the choices at kinks, in words."""
    used = dict.fromkeys(
        plain(words) for answer in answers if isinstance(answer, Answer)
        for words in answer.derivation.assumptions)
    return [*used, *kink_notes(graph)]


def kink_notes(graph: Graph) -> Iterator[str]:
    """relu'(0) = 0 and the like, for the functions of the forward pass."""
    seen: dict[str, None] = {}
    for equation in graph.equations:
        for node in equation.expr.walk() if equation.expr is not None else ():
            if isinstance(node, Call) and isinstance(node.op, Elementwise | Structural) and node.op.note:
                seen.setdefault(node.op.note)
    yield from seen


def check_line(verdict: Verdict, of: str) -> str:
    """How an answer was checked, in one line."""
    evidence = verdict.evidence
    if verdict.status == "holds":
        first = evidence.sizes[0] if evidence.sizes else {}
        sizes = ", ".join(f"{name}={size}" for name, size in first.items())
        error = f"{evidence.max_rel_error:.0e}" if evidence.max_rel_error else "0"
        where = f", first with {sizes}" if sizes else ""
        return (
            f"checked: every line against differences of {of} at {evidence.points} random points{where};"
            f" largest relative difference {error}"
        )
    if verdict.status == "fails":
        return f"FAILS its own check: {evidence.reason or 'a line differs from the forward pass'}"
    return f"not checked: {evidence.reason}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a report for the terminal, and what it is, so that a terminal can set it apart.

    kind  "read", "equation", "step", "reason", "mark" (a step whose check does not hold), "note",
          "verdict", "alarm" (a verdict that does not hold), "result" or "gap".
    """

    kind: str
    text: str


def text_report(context: Context, answer: Answer, readback: str) -> str:
    """A derivation for the terminal; the last line is the result."""
    return "\n".join(row.text for row in report_rows(context, answer, readback))


def report_rows(context: Context, answer: Answer, readback: str) -> Iterator[Row]:
    """The same line by line; equality signs stand below each other within a quantity."""
    graph, names = context.graph, context.names
    derivation = answer.derivation
    yield Row("read", f"read ({graph.convention.value} convention): {readback}")
    equations = [equation_text(equation, names) for equation in graph.equations]
    yield from (Row("equation", text) for text in _aligned(equations))
    for quantity in _quantities(derivation.steps):
        yield Row("gap", "")
        yield from _step_rows(quantity)
    yield Row("gap", "")
    yield from (Row("note", text) for text in _notes(graph, derivation))
    holds = answer.verdict.status == "holds"
    yield Row("verdict" if holds else "alarm", check_line(answer.verdict, derivation.of.name))
    left = derivation.name
    if derivation.is_entrywise:
        left += "[" + ",".join(derivation.indices) + "]"
    yield Row("result", f"{left} = {derivation.text}")


def _quantities(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Runs of steps about one quantity."""
    run: list[Step] = []
    for step in steps:
        if run and step.quantity != run[-1].quantity:
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _aligned(texts: Sequence[str]) -> Iterator[str]:
    """Equations with their equality signs below each other, unless a left side is long."""
    width = _width(text.partition(" = ")[0] for text in texts)
    for text in texts:
        left, sign, right = text.partition(" = ")
        yield f"  {left.rjust(width)}{sign}{right}"


def _width(lefts: Iterable[str]) -> int:
    """The width of a column of left sides; 0 if one is so long that the page would lean to the right."""
    width = max((len(left) for left in lefts), default=0)
    return width if width <= _LONGEST_LEFT else 0


def _step_rows(steps: Sequence[Step]) -> Iterator[Row]:
    """The lines of one quantity, each with its reason below, behind the equality sign."""
    lefts = tuple(_lefts(steps))
    width = _width(lefts)
    margin = " " * (width + 3 if width else 4)
    for left, step in zip(lefts, steps, strict=True):
        mark = "" if step.verdict.status == "holds" else f"   [{step.verdict.status}]"
        line = f"{left.rjust(width if width or left else 2)} = {step.after.text}{mark}"
        yield Row("mark" if mark else "step", line)
        yield Row("reason", margin + plain(step.because))


def _lefts(steps: Sequence[Step]) -> Iterator[str]:
    """The left sides; none where a step goes on from the line above, as in a = b, = c."""
    head = last = None
    for step in steps:
        before = step.before.text
        goes_on = before in (head, last)
        last = step.after.text
        if not goes_on:
            head = before
        yield "" if goes_on else before


def _notes(graph: Graph, derivation: Derivation) -> Iterator[str]:
    """Shapes, facts that were used, choices at kinks."""
    shapes = _shapes(derivation.steps)
    if shapes:
        yield "shapes: " + ", ".join(f"{name}: {' x '.join(dims)}" for name, dims in shapes.items())
    facts = [plain(words) for words in derivation.assumptions]
    if facts:
        yield "uses: " + "; ".join(facts)
    where = [note for note in kink_notes(graph) if _matters(note, derivation.steps)]
    if where:
        yield "at the kink: " + "; ".join(where)


def _matters(note: str, steps: Sequence[Step]) -> bool:
    head = note.partition("(")[0]
    return any(head in step.after.text for step in steps)


def _shapes(steps: Sequence[Step]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for step in steps:
        found.update({name: dims for name, dims in step.shapes.items() if name not in found})
        if step.quantity is not None and step.quantity.by.shape:
            own = step.quantity.by
            found.setdefault(f"d{step.quantity.of.name}/d{own.name}", tuple(str(dim) for dim in own.shape))
    return found

