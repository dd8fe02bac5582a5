"""What is reported about an answer: JSON objects and plain text, from derivations.

The JSON keys and their order are fixed (docs/command-line.md); absent values are null.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from symbackprop.answering.notes import kink_notes
from symbackprop.answering.record import Answer, Told, plain
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.key import forward_equations
from symbackprop.notation.latex import tensor_latex, to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.written_out import WrittenOut

__all__ = [
    "Answer", "Row", "Told", "assumptions_of", "check_line", "equation_json", "equation_latex",
    "equation_text", "kink_notes", "plain", "report_rows", "text_report",
]  # fmt: skip

_LONGEST_LEFT = 30


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
        records = forward_equations(equation, names)
        return r",\quad ".join(f"{record.lhs} = {' '.join(record.rhs)}" for record in records)
    return f"{tensor_latex(equation.target, names)} = {to_latex(equation.expr, names)}"


def assumptions_of(graph: Graph, answers: Iterable[Answer | Told]) -> list[str]:
    """The facts that were used, then the choices at kinks, in words."""
    used = dict.fromkeys(
        plain(words) for answer in answers for words in answer.assumptions)
    return [*used, *kink_notes(graph)]


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
    assert derivation is not None
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
    entry = derivation.is_entrywise and derivation.indices
    left = to_text(derivation.derived.entry, names) if entry else derivation.name
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
    steps = [line for step in steps for line in step.lines]
    lefts = tuple(_lefts(steps))
    width = _width(lefts)
    margin = " " * (width + 3 if width else 4)
    for left, step in zip(lefts, steps, strict=True):
        mark = "" if step.verdict.status == "holds" else f"   [{step.verdict.status}]"
        line = f"{left.rjust(width if width or left else 2)} = {step.after.text}{mark}"
        yield Row("mark" if mark else "step", line)
        if step.because:
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
    if isinstance(derivation, WrittenOut) and derivation.sizes:
        yield f"written out for {plain(derivation.sizes_text)}"
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
        if step.quantity is not None and step.quantity.by.shape and step.quantity.of.is_scalar:
            own = step.quantity.by
            found.setdefault(f"d{step.quantity.of.name}/d{own.name}", tuple(str(dim) for dim in own.shape))
    return found

