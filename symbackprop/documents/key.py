"""The answer key: from a graph and answered questions to a ``Document``.

Order of a question: its words, points and hint; the answers, boxed, with their shape; the derivations in
lettered paragraphs; what was assumed; code; how it was checked. The parts of a question follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from types import MappingProxyType
from typing import TypeVar

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.graph import Equation as GraphEquation
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue, Range, Run, Slice
from symbackprop.core.tensors import Role, Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.escape import Text, code_line, escape
from symbackprop.documents.lines import ALONE, ROMAN, Setter
from symbackprop.documents.model import (
    Asked,
    Box,
    Boxed,
    BoxedCases,
    CaseLine,
    Cases,
    Document,
    Equation,
    Header,
    QuestionBlock,
    Section,
    ShapeCell,
    ShapeRow,
    Shown,
    Table,
)
from symbackprop.notation.latex import dim_latex, tensor_latex, to_latex
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.latex_lines import break_lines, estimated_width
from symbackprop.notation.names import Names

_ROLES = (
    (Role.INPUT, "inputs"),
    (Role.TARGET, "targets"),
    (Role.PARAMETER, "parameters"),
    (Role.CONSTANT, "constants"),
    (Role.INTERMEDIATE, "computed"),
)


# Characters of LaTeX above which the words of a question are set so that a page can be broken inside them.
LONG_WORDS = 1500
SHORT_TITLE = 60
LEVEL_HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "index": "Entry by entry",
        "entries": "Written out",
        "jacobian": "As a chain of Jacobians",
        "vector": "In matrices",
    }
)

_ROUNDING = 1e-12  # What is below says only how this machine rounds.


def build_id(version: str, source: bytes) -> str:
    """Version and hash of the input: the same input gives the same document, so no time stands here."""
    return f"{version}-{sha256(source).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Head:
    """What the file says about the document: all of it words of its author but ``build``."""

    title: str = ""
    build: str = ""
    course: str = ""
    author: str = ""
    date: str = ""
    inferred: tuple[str, ...] = ()


def build_key(
    graph: Graph,
    names: Names,
    questions: Sequence[Asked],
    head: Head,
    *,
    math: Callable[[str], str],
) -> Document:
    """The key as data. ``math`` sets a formula of the plain-text grammar as LaTeX, or words as ``Text``."""
    setter = Setter(graph, names, math)
    by = [setter.words(words) for words in (head.author, head.date) if words]
    total = sum((Fraction(one.points) for one in questions if one.points is not None), Fraction(0))
    header = Header(
        title=setter.words(head.title) if head.title else Text("Answer key"),
        short=_running(setter, head.title),
        strip=Text("Answer key -- staff only"),
        build=escape(head.build),
        course=setter.words(head.course) if head.course else Text(""),
        by=Text(r" $\cdot$ ".join(by)),
        total=Text(f"{points_text(total)} in all") if total and len(questions) > 1 else None,
    )
    blocks = (block for number, one in enumerate(questions, 1) for block in _blocks(setter, one, str(number)))
    return Document(
        header,
        shape_rows(graph, names),
        tuple(one for equation in graph.equations for one in forward_equations(equation, names)),
        tuple(named_derivative(of, by, names) for of, by in names.partials),
        tuple(setter.words(words) for words in head.inferred),
        tuple(blocks),
    )


def bind(title: str, documents: Sequence[Document], build: str, total: Fraction | None) -> Document:
    """Several problems as one document; what all of them say about the course stands at its head."""
    heads = [document.header for document in documents]
    course = {head.course for head in heads}
    by = {head.by for head in heads}
    header = Header(
        title=Text(escape(title)),
        short=Text(escape(title if len(title) <= SHORT_TITLE else title[:SHORT_TITLE].rstrip() + " ...")),
        strip=heads[0].strip,
        build=escape(build),
        course=course.pop() if len(course) == 1 else Text(""),
        by=by.pop() if len(by) == 1 else Text(""),
        total=Text(f"{points_text(total)} in all") if total else None,
    )
    return Document(header, (), (), (), (), (), tuple(documents))


def shape_latex(shape: Iterable[Dim], names: Names) -> Latex:
    r"""``N \times D``; of a scalar ``1``."""
    return Latex(r" \times ".join(dim_latex(dim, names) for dim in shape) or "1")


def shape_rows(graph: Graph, names: Names) -> tuple[ShapeRow, ...]:
    """The table of shapes: a row for each role, names of one shape together."""
    rows: dict[Role, dict[tuple[tuple[Dim, ...], Dim | None], list[Tensor]]] = {}
    for tensor in graph.tensors.values():
        if tensor.value is None and tensor.numpy_value is None:
            kind = (tensor.shape, tensor.facts.classes)
            rows.setdefault(tensor.role, {}).setdefault(kind, []).append(tensor)
    return tuple(
        ShapeRow(
            Text(label),
            tuple(
                ShapeCell(
                    Latex(",\\, ".join(tensor_latex(tensor, names) for tensor in tensors)),
                    _kind_latex(shape, classes, names),
                )
                for (shape, classes), tensors in rows[role].items()
            ),
        )
        for role, label in _ROLES
        if role in rows
    )


def _kind_latex(shape: tuple[Dim, ...], classes: Dim | None, names: Names) -> Latex:
    r"""A shape; of labels also what they may be: ``N, labels 1..K``."""
    if classes is None:
        return shape_latex(shape, names) if shape else Latex(r"\text{scalar}")
    last = dim_latex(classes - (1 - names.first), names)
    said = Latex(rf"\text{{label{'s' if shape else ''} }} {names.first}, \ldots, {last}")
    return Latex(rf"{shape_latex(shape, names)}\;{said}") if shape else said


def forward_equations(equation: GraphEquation, names: Names) -> tuple[Equation, ...]:
    """An equation as we read it; of an array that several equations give, each of them."""
    if not equation.pieces:
        return (forward_equation(equation, names),)
    found: list[Equation] = []
    for piece in equation.pieces:
        target = Element(Leaf(equation.target), piece.slots)
        *rows, last = break_lines(piece.body, names, ALONE - estimated_width(target, names) - 1.5)
        reach = "".join(rf",\;\, {range_latex(spot, names)}" for spot in piece.ranges if not is_plain(spot))
        said = rf"{last}\quad\text{{for }} {reach.removeprefix(',')}" if reach else last
        found.append(Equation(to_latex(target, names), (*rows, Latex(said))))
    return tuple(found)


def is_plain(spot: Range) -> bool:
    """Whether an index runs over its whole dim."""
    return spot.low is None and spot.high is None and spot.condition is None


def range_latex(spot: Range, names: Names) -> str:
    r"""``i = 2, \ldots, n``."""
    index = IndexValue(((spot.index, 1),))
    if spot.condition is not None:
        sign = {"!=": r"\neq", "<=": r"\leq", ">=": r"\geq"}.get(spot.condition[0], spot.condition[0])
        return rf"{to_latex(index, names)} {sign} {to_latex(spot.condition[1], names)}"
    low = spot.low or IndexValue((), ONE)
    high = spot.high or IndexValue((), spot.index.dim)
    return rf"{to_latex(index, names)} = {to_latex(low, names)}, \ldots, {to_latex(high, names)}"


def forward_equation(equation: GraphEquation, names: Names) -> Equation:
    """An equation of the forward pass as we read it."""
    target: Expr = Leaf(equation.target)
    if equation.member is not None:
        place = IndexValue(((equation.indices[0], 1),))
        runs = (Run(IndexValue((), ONE), dim) for dim in equation.target.shape[1:])
        target = Slice(target, (place, *runs), equation.target.convention.vectors_are_rows)
        room = ALONE - estimated_width(target, names) - 1.5
        return Equation(to_latex(target, names), break_lines(equation.member, names, room))
    if equation.indices:
        target = Element(target, tuple(IndexValue(((index, 1),)) for index in equation.indices))
    lhs = to_latex(target, names)
    if equation.expr is None:
        listed = ", ".join(tensor_latex(tensor, names) for tensor in equation.arguments)
        return Equation(lhs, (Latex(f"{lhs}({listed})"),))
    room = ALONE - estimated_width(target, names) - 1.5
    return Equation(lhs, break_lines(equation.expr, names, room))


def named_derivative(of: Tensor, by: Tensor, names: Names) -> Equation:
    """What a name of ``notation:`` stands for."""
    partial = Partial(of, by)
    return Equation(to_latex(partial, names), (to_latex(partial, replace(names, partials={})),))


def _running(setter: Setter, title: str) -> Text:
    """The title for the head of a page: what is too long ends at a word, without its marks."""
    if len(title) <= SHORT_TITLE:
        return setter.words(title)
    words = title[:SHORT_TITLE].rpartition(" ")[0] or title[:SHORT_TITLE]
    return Text(escape("".join(c for c in words if c not in "$`*\\{}_^")) + r" \ldots")


def _blocks(setter: Setter, asked: Asked, label: str, depth: int = 0) -> Iterator[QuestionBlock]:
    """The question, then its parts."""
    words = setter.words(asked.text) if asked.text else _find(setter, asked.answers)
    if words or asked.points is not None or not asked.parts:
        yield _block(setter, asked, label, depth, words)
    for number, part in enumerate(asked.parts):
        yield from _blocks(setter, part, f"{label}{part_letter(number, depth)}", depth + 1)


def _block(setter: Setter, asked: Asked, label: str, depth: int, words: Text) -> QuestionBlock:
    answers = asked.answers
    told = _told(setter, asked)
    return QuestionBlock(
        label=Text(label),
        id=asked.id,
        depth=depth,
        words=words,
        words_are_long=len(words) > LONG_WORDS,
        points=points_text(asked.points),
        hint=setter.words(asked.hint) if asked.hint else None,
        answers=_boxes(setter, answers, in_a_row=False),
        told=told,
        told_is_long=told is not None and len(told) > LONG_WORDS,
        sections=tuple(_section(setter, shown, asked, label, depth) for shown in answers),
        cases=_each_once(_boxed_cases(setter, cases) for shown in answers for cases in shown.cases),
        numbers=_boxes(setter, answers, in_a_row=True),
        tables=tuple(_tables(setter, answers)),
    )


def part_letter(number: int, depth: int) -> str:
    """``a``, ``b`` for parts, ``.i``, ``.ii`` for parts of parts."""
    if depth == 0 and number < 26:
        return "abcdefghijklmnopqrstuvwxyz"[number]
    return f".{ROMAN[number] if depth and number < len(ROMAN) else number + 1}"


def _find(setter: Setter, answers: Sequence[Shown]) -> Text:
    """What is asked, where the author does not say it: "Find dL/dZ."."""
    if answers and answers[0].claim is not None:
        left, right = (to_latex(side, setter.names) for side in answers[0].claim)
        return Text(rf"Show that $\displaystyle {left} = {right}$.")
    if answers and answers[0].grid is not None and not answers[0].asks:
        return Text("State the shapes.")
    if not answers or not answers[0].asks:
        return Text("")
    asked = [rf"$\displaystyle {to_latex(expr, setter.names)}$" for expr in answers[0].asks]
    listed = asked[0] if len(asked) == 1 else f"{', '.join(asked[:-1])} and {asked[-1]}"
    return Text(f"{escape(answers[0].verb)} {listed}.")


def _told(setter: Setter, asked: Asked) -> Text | None:
    if not asked.in_words:
        return None
    return setter.words(asked.told) if asked.told else Text(r"\emph{The file gives no answer.}")


_T = TypeVar("_T")


def _each_once(found: Iterable[_T]) -> tuple[_T, ...]:
    """Those that differ: several levels may end in one result."""
    return tuple(dict.fromkeys(found))


def _boxes(setter: Setter, answers: Sequence[Shown], *, in_a_row: bool) -> tuple[Boxed, ...]:
    return _each_once(
        _boxed(setter, box) for shown in answers if shown.in_a_row is in_a_row for box in shown.boxes
    )


def _boxed(setter: Setter, box: Box) -> Boxed:
    names = setter.names
    width = estimated_width(box.target, names) + 6.0
    return Boxed(
        Equation(to_latex(box.target, names), break_lines(box.value.expr, names, ALONE - width)),
        Latex("") if box.shape is None else shape_latex(box.shape, names),
        setter.words(box.note) if box.note else None,
    )


def _boxed_cases(setter: Setter, found: Cases) -> BoxedCases:
    names = setter.names
    lines = tuple(
        CaseLine(
            to_latex(case.value.expr, names),
            setter.words(case.words) if case.when is None else Text(f"${to_latex(case.when.expr, names)}$"),
        )
        for case in found.cases
    )
    return BoxedCases(to_latex(found.target, names), lines)


def _tables(setter: Setter, answers: Sequence[Shown]) -> Iterator[Table]:
    for shown in answers:
        if shown.grid is not None:
            rows = tuple(tuple(setter.words(cell) for cell in row) for row in shown.grid.rows)
            yield Table(tuple(setter.words(head) for head in shown.grid.heads), rows)


def _section(setter: Setter, shown: Shown, asked: Asked, label: str, depth: int) -> Section:
    source = (shown.numpy or "").strip("\n")
    several = len(asked.answers) > 1
    first, last = shown is asked.answers[0], shown is asked.answers[-1]
    heading = setter.words(shown.heading) if shown.heading else Text(LEVEL_HEADINGS.get(shown.level, ""))
    paragraphs = setter.paragraphs(shown.steps, label, roman=depth > 0, goes_on=not first, graph=shown.graph)
    return Section(
        heading=heading if several else Text(""),
        paragraphs=paragraphs,
        uses=tuple(setter.words(use) for use in shown.assumptions),
        code=tuple(code_line(line) for line in source.split("\n")) if source and last else (),
        footnote=_footnote(setter, shown),
        failed=shown.verdict is not None and shown.verdict.status == "fails",
    )


def _footnote(setter: Setter, shown: Shown) -> Text:
    """How the answer was checked."""
    if shown.check or shown.verdict is None:
        return setter.words(shown.check) if shown.check else Text("")
    return check_sentence(shown.verdict, shown.of, setter.names)


def points_text(points: Fraction | float | None) -> Text | None:
    """``1 point``, ``2.5 points``, ``1/3 points``."""
    if points is None:
        return None
    value = Fraction(points)
    whole = 1000 * value
    number = f"{float(value):g}" if whole.denominator == 1 else str(value)
    return escape(f"{number} point{'' if value == 1 else 's'}")


def check_sentence(verdict: Verdict, of: Tensor | None, names: Names) -> Text:
    """How the answer was checked, in one sentence."""
    evidence = verdict.evidence
    if verdict.status == "not-checked":
        return Text("Not checked" + (f": {escape(evidence.reason)}." if evidence.reason else "."))
    if verdict.status == "fails":
        found = evidence.counterexample
        where = ""
        if found is not None:
            entry = ", ".join(map(str, found.entry))
            sizes = _sizes(found.sizes, names)
            where = (
                f" At {sizes}, entry $({entry})$ should be ${found.expected:.4g}$ and is ${found.got:.4g}$."
            )
        return Text(f"\\fails{{This answer fails its check.}}{where}")
    method = "by numbers"
    if evidence.method == "differences" and of is not None and of.gradient is not None:
        method = f"against second differences of ${tensor_latex(of.gradient[0], names)}$"
    elif evidence.method == "differences" and of is not None:
        method = f"against differences of ${tensor_latex(of, names)}$"
    count = "one random point" if evidence.points == 1 else f"{evidence.points} random points"
    sizes = f" with {_sizes(evidence.sizes[0], names)}" if evidence.sizes and evidence.sizes[0] else ""
    error = evidence.max_rel_error
    accuracy = f"; largest relative difference {_accuracy(error)}" if error is not None else ""
    return Text(f"Checked {method} at {count}{sizes}{accuracy}.")


def _accuracy(error: float) -> str:
    """The error, or a bound on it where its digits are rounding: those differ between processors."""
    return f"${scientific(error)}$" if error >= _ROUNDING else "below $10^{-12}$"


def scientific(value: float) -> Latex:
    r"""``2 \cdot 10^{-10}``, or 0."""
    if value == 0:
        return Latex("0")
    mantissa, exponent = f"{value:.0e}".split("e")
    return Latex(rf"{mantissa} \cdot 10^{{{int(exponent)}}}")


def _sizes(sizes: object, names: Names) -> str:
    assert hasattr(sizes, "items")
    return ", ".join(f"${dim_latex(Dim.named(name), names)} = {size}$" for name, size in sizes.items())
