"""Steps as numbered lines: what stands left of ``=``, how long formulas break, what is marked.

Consecutive steps with one ``quantity`` make a lettered paragraph. A quantity whose lines stand in
an earlier question is quoted in one line, never derived twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from symbackprop.core.expr import Add, Divide, Expr, Hadamard, MatMul, Neg, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Reduce
from symbackprop.core.tensors import Tensor
from symbackprop.documents.escape import Text, author_words, escape
from symbackprop.documents.model import Equation, Line, Paragraph
from symbackprop.notation.latex import tensor_latex, to_latex
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.latex_lines import break_lines, estimated_width
from symbackprop.notation.latex_products import joins_arrays
from symbackprop.notation.names import Names
from symbackprop.notation.steps import Step

# Widths of the key page in em of its 10 pt letters: of an equation with its reason at its right, and alone.
BESIDE, ALONE = 25.0, 41.0


# Paragraphs of a part, which has a letter itself.
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv")

# Two derivations are the same if they print the same: their indices are different objects.
_Key = tuple[Partial | str | None, tuple[str, ...]]
NUMBERS = "numbers"  # the rule of lines in numbers, which follow the formula they are put into


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive steps that work on one quantity, or stand under one heading."""

    quantity: Partial | None
    heading: str
    steps: tuple[Step, ...]

    @property
    def key(self) -> _Key:
        return self.quantity or self.heading, _texts(self.steps)

    @property
    def formula(self) -> _Group:
        """The lines without numbers at the end: what a derivation alone would say."""
        count = len(self.steps)
        while self.quantity is not None and count and self.steps[count - 1].rule == NUMBERS:
            count -= 1
        return replace(self, steps=self.steps[:count])

    @property
    def numbers(self) -> tuple[Step, ...]:
        """The lines in numbers at the end."""
        return self.steps[len(self.formula.steps) :]


def _texts(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(text for step in steps for text in (step.before.text, step.after.text))


def _quantity(step: Step) -> tuple[Partial | None, str]:
    return step.quantity, step.heading


def _needed(known: list[_Group], fresh: list[_Group], last: _Group) -> list[_Group]:
    """Of the known quantities, those that the fresh lines or the answer stand on, directly or not."""
    formulas = [step.after.expr for group in (*fresh, last) for step in group.steps]
    wanted = {node for formula in formulas for node in formula.walk() if isinstance(node, Partial)}
    kept: list[_Group] = []
    for group in reversed(known):
        if group.quantity is not None and (group.quantity in wanted or group is last):
            kept.append(group)
            wanted |= {node for node in group.steps[-1].after.expr.walk() if isinstance(node, Partial)}
    return kept[::-1]


@dataclass(slots=True)
class Setter:
    """Sets the lines of one document; remembers what has been derived, so that it can be quoted."""

    graph: Graph
    names: Names
    math: Callable[[str], str]
    derived: dict[_Key, Text] = field(default_factory=dict)
    number: int = 0
    lettered: int = 0
    about: Graph | None = None  # whose quantities the headings speak of

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

    def paragraphs(
        self,
        steps: Sequence[Step],
        label: str,
        *,
        roman: bool = False,
        goes_on: bool = False,
        graph: Graph | None = None,
    ) -> tuple[Paragraph, ...]:
        """The derivation of one question: what earlier questions derived is quoted, the rest derived.

        ``roman`` letters paragraphs i, ii; with ``goes_on`` lines and letters go on from the call before.
        """
        self.about = graph or self.graph
        groups = [_Group(*about, tuple(steps)) for about, steps in groupby(steps, key=_quantity)]
        known = [group for group in groups if group.key in self.derived and group.quantity is not None]
        fresh = [group for group in groups if group not in known]
        quoted = _needed(known, fresh, groups[-1]) if groups else []
        self.number = self.number if goes_on else 0
        self.lettered = self.lettered if goes_on else 0
        made: list[Paragraph] = []
        if quoted:
            lines = tuple(self._quote(group) for group in quoted)
            made.append(Paragraph(Text(""), Text("Already derived."), lines))
        marks = ROMAN if roman else "abcdefghijklmnopqrstuvwxyz"
        for group in fresh:
            letter = marks[self.lettered] if self.lettered < len(marks) else str(self.lettered + 1)
            self.lettered += 1
            made.append(self._paragraph(group, label, letter))
        return tuple(made)

    def _paragraph(self, group: _Group, label: str, letter: str) -> Paragraph:
        """The lines of one group; a formula that was derived before is quoted, then come its numbers."""
        heading = self.words(group.heading) if group.heading else Text("")
        if group.quantity is not None:
            heading = self._heading(group.quantity)
        if group.key in self.derived:
            said = Text(f"{heading} As in {self.derived[group.key]}.")
            return Paragraph(Text(letter), said, ())
        place = Text(f"question {label} ({letter})")
        formula = group.formula
        if group.quantity is not None and formula.steps and formula.key in self.derived:
            lines = (self._quote(formula), *self._lines(group.quantity, group.numbers, goes_on=True))
        else:
            lines = self._lines(group.quantity, group.steps)
        self.derived.setdefault(formula.key, place)
        self.derived[group.key] = place
        return Paragraph(Text(letter), heading, lines)

    def _quote(self, group: _Group) -> Line:
        assert group.quantity is not None
        self.number += 1
        head = last_head(group.steps)
        lhs = to_latex(head, self.names)
        last = group.steps[-1]
        equation = self.equation(lhs, estimated_width(head, self.names), last.after.expr)
        mark, failed = _mark(last)
        return Line(self.number, equation, Text(f"from {self.derived[group.key]}"), mark, failed)

    def _lines(
        self, quantity: Partial | None, group: tuple[Step, ...], *, goes_on: bool = False
    ) -> tuple[Line, ...]:
        lines: list[Line] = []
        known: list[Expr] = [group[0].before.expr] if goes_on else []
        head: Expr = quantity or group[0].before.expr
        shapes_shown = False
        for step in (line for one in group for line in one.lines):
            self.number += 1
            before, after = step.before.expr, step.after.expr
            continues = any(before == one for one in known)
            lhs = Latex("") if continues else to_latex(before, self.names)
            head = head if continues else before
            known = [before, after] if not continues else [*known, after]
            width = estimated_width(quantity if continues and quantity else head, self.names)
            shapes = not shapes_shown and step.rule != NUMBERS and has_array_product(after)
            shapes_shown = shapes_shown or shapes
            mark, failed = _mark(step)
            equation = self.equation(lhs, width, after, shapes=shapes)
            lines.append(Line(self.number, equation, self._reason(step), mark, failed))
        return tuple(lines)

    def _reason(self, step: Step) -> Text:
        reason = self.words("" if step.because in step.uses else step.because)
        for use in step.uses:
            joint = Text("; ") if reason else Text("")
            reason = Text(rf"{reason}{joint}\uses{{{self.words(use)}}}")
        return reason

    def _heading(self, quantity: Partial) -> Text:
        """Through what the variable reaches the loss."""
        graph = self.about or self.graph
        if quantity.of.gradient is not None:
            gradient = to_latex(Partial(*quantity.of.gradient), self.names, inline=True)
            return Text(f"How ${gradient}$ depends on ${tensor_latex(quantity.by, self.names)}$.")
        by, of = tensor_latex(quantity.by, self.names), tensor_latex(quantity.of, self.names)
        quantity = self._in_graph(quantity)
        via = [e.target for e in graph.consumers_of(quantity.by) if self._reaches(e.target, quantity.of)]
        steps = [f"${tensor_latex(target, self.names)}$" for target in via if target is not quantity.of]
        if not via:
            return Text(f"The derivative by ${by}$.")
        if not quantity.of.is_scalar and via == [quantity.of]:
            return Text(f"How ${of}$ depends on ${by}$.")
        if quantity.of in via:
            steps.append("directly" if not steps else "also directly")
        if steps == ["directly"]:
            return Text(f"${by}$ stands in the equation of ${of}$ itself.")
        joined = steps[0] if len(steps) == 1 else f"{', '.join(steps[:-1])} and {steps[-1]}"
        return Text(f"${by}$ reaches ${of}$ through {joined}.")

    def _in_graph(self, quantity: Partial) -> Partial:
        """The same of the tensors of the graph: what is written out has tensors of its own, with sizes."""
        known = (self.about or self.graph).tensors
        of, by = (known.get(tensor.name, tensor) for tensor in (quantity.of, quantity.by))
        return Partial(of, by)

    def _reaches(self, start: Tensor, end: Tensor) -> bool:
        graph, reached = self.about or self.graph, {start}
        for equation in graph.equations:
            if any(tensor in reached for tensor in equation.inputs):
                reached.add(equation.target)
        return end in reached


def last_head(steps: Sequence[Step]) -> Expr:
    """What stands left of the last line: the beginning of its chain, an entry where entries are derived."""
    head: Expr = steps[0].before.expr
    known: list[Expr] = []
    for step in (line for one in steps for line in one.lines):
        if all(step.before.expr != one for one in known):
            head, known = step.before.expr, [step.before.expr]
        known.append(step.after.expr)
    return head


def has_array_product(expr: Expr) -> bool:
    """Whether arrays are multiplied, or a Jacobian is, at the top of ``expr`` or in one of its terms."""
    if isinstance(expr, MatMul):
        return joins_arrays(expr)
    if isinstance(expr, Hadamard | Add | Neg | Divide):
        return any(has_array_product(child) for child in expr.children)
    return isinstance(expr, Reduce) and not expr.is_scalar and has_array_product(expr.body)


def _mark(step: Step) -> tuple[Text | None, bool]:
    if step.verdict.status == "fails":
        return Text("this line fails its check"), True
    if step.verdict.status == "not-checked":
        reason = step.verdict.reason
        return Text("not checked" + (f": {escape(reason)}" if reason else "")), False
    return None, False
