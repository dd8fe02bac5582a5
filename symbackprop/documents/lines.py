"""Steps as numbered lines: what stands left of ``=``, how long formulas break, what is marked.

Consecutive steps with one ``quantity`` make a lettered paragraph. A quantity whose lines stand in
an earlier question is quoted in one line, never derived twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from symbackprop.core.expr import Expr, Hadamard, MatMul, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.documents.escape import Text, author_words, escape
from symbackprop.documents.model import Equation, Line, Paragraph
from symbackprop.notation.latex import tensor_latex, to_latex
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.latex_lines import break_lines, estimated_width
from symbackprop.notation.names import Names
from symbackprop.notation.steps import Step

# Widths of the key page in em of its 10 pt letters: of an equation with its reason at its right, and alone.
BESIDE, ALONE = 25.0, 41.0


@dataclass(slots=True)
class Setter:
    """Sets the lines of one document; remembers what has been derived, so that it can be quoted."""

    graph: Graph
    names: Names
    math: Callable[[str], str]
    derived: dict[tuple[Partial, tuple[tuple[Expr, Expr], ...]], Text] = field(default_factory=dict)
    number: int = 0

    def words(self, text: str) -> Text:
        """Words with formulas in backticks."""
        return author_words(text, self.math)

    def equation(self, lhs: Latex, lhs_width: float, rhs: Expr, *, shapes: bool = False) -> Equation:
        """An equation that fits beside its reason, or else on lines as wide as the page."""
        room = BESIDE - lhs_width - 1.5
        lines = break_lines(rhs, self.names, room, shapes=shapes)
        if len(lines) > 1:
            lines = break_lines(rhs, self.names, ALONE - lhs_width - 1.5, shapes=shapes)
        return Equation(lhs, lines)

    def paragraphs(self, steps: Sequence[Step], question: int) -> tuple[Paragraph, ...]:
        """The derivation of one question."""
        self.number = 0
        made: list[Paragraph] = []
        quoted: list[Line] = []
        groups = [
            (quantity, tuple(group)) for quantity, group in groupby(steps, key=lambda step: step.quantity)
        ]
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        for quantity, group in groups:
            key = (quantity, tuple((s.before.expr, s.after.expr) for s in group)) if quantity else None
            if key is not None and key in self.derived:
                quoted.append(self._quote(key[0], group[-1], self.derived[key]))
                continue
            letter = Text(next(letters, "z"))
            if key is not None:
                self.derived[key] = Text(f"question {question} ({letter})")
            heading = self._heading(quantity) if quantity else Text("")
            made.append(Paragraph(letter, heading, self._lines(quantity, group)))
        if quoted:
            numbered = tuple(
                Line(place, line.equation, line.reason, line.mark, line.failed)
                for place, line in enumerate(quoted, start=1)
            )
            made = [self._shifted(paragraph, len(quoted)) for paragraph in made]
            made.insert(0, Paragraph(Text(""), Text("Already derived."), numbered))
        return tuple(made)

    @staticmethod
    def _shifted(paragraph: Paragraph, by: int) -> Paragraph:
        lines = tuple(
            Line(line.number + by, line.equation, line.reason, line.mark, line.failed)
            for line in paragraph.lines
        )
        return Paragraph(paragraph.letter, paragraph.heading, lines)

    def _quote(self, quantity: Partial, last: Step, place: Text) -> Line:
        lhs = to_latex(quantity, self.names)
        equation = self.equation(lhs, estimated_width(quantity, self.names), last.after.expr)
        mark, failed = _mark(last)
        return Line(0, equation, Text(f"from {place}"), mark, failed)

    def _lines(self, quantity: Partial | None, group: tuple[Step, ...]) -> tuple[Line, ...]:
        lines: list[Line] = []
        known: list[Expr] = []
        shapes_shown = False
        for step in flat(group):
            self.number += 1
            before, after = step.before.expr, step.after.expr
            goes_on = any(before == one for one in known)
            lhs = Latex("") if goes_on else to_latex(before, self.names)
            known = [before, after] if not goes_on else [*known, after]
            width = estimated_width(quantity if goes_on and quantity else before, self.names)
            shapes = not shapes_shown and has_array_product(after)
            shapes_shown = shapes_shown or shapes
            mark, failed = _mark(step)
            equation = self.equation(lhs, width, after, shapes=shapes)
            lines.append(Line(self.number, equation, self._reason(step), mark, failed))
        return tuple(lines)

    def _reason(self, step: Step) -> Text:
        reason = self.words(step.because)
        for use in step.uses:
            joint = Text("; ") if reason else Text("")
            reason = Text(rf"{reason}{joint}\uses{{{self.words(use)}}}")
        return reason

    def _heading(self, quantity: Partial) -> Text:
        """Through what the variable reaches the loss."""
        by, of = tensor_latex(quantity.by, self.names), tensor_latex(quantity.of, self.names)
        via = [e.target for e in self.graph.consumers_of(quantity.by) if self._reaches(e.target, quantity.of)]
        steps = [f"${tensor_latex(target, self.names)}$" for target in via if target is not quantity.of]
        if not via:
            return Text(f"The derivative by ${by}$.")
        if quantity.of in via:
            steps.append("directly" if not steps else "also directly")
        if steps == ["directly"]:
            return Text(f"${by}$ stands in the equation of ${of}$ itself.")
        joined = steps[0] if len(steps) == 1 else f"{', '.join(steps[:-1])} and {steps[-1]}"
        return Text(f"${by}$ reaches ${of}$ through {joined}.")

    def _reaches(self, start: Tensor, end: Tensor) -> bool:
        reached = {start}
        for equation in self.graph.equations:
            if any(tensor in reached for tensor in equation.inputs):
                reached.add(equation.target)
        return end in reached


def flat(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps that are printed as lines."""
    yield from steps


def has_array_product(expr: Expr) -> bool:
    """Whether a product of two or more arrays stands at the top of ``expr`` or in one of its terms."""
    if isinstance(expr, MatMul):
        return sum(not factor.is_scalar for factor in expr.factors) > 1
    if isinstance(expr, Hadamard) or type(expr).__name__ in ("Add", "Neg", "Divide"):
        return any(has_array_product(child) for child in expr.children)
    return False


def _mark(step: Step) -> tuple[Text | None, bool]:
    if step.verdict.status == "fails":
        return Text("this line fails its check"), True
    if step.verdict.status == "not-checked":
        reason = step.verdict.reason
        return Text("not checked" + (f": {escape(reason)}" if reason else "")), False
    return None, False
