"""The answer key: from a graph and answered questions to a ``Document``.

Order of a question: its words and points; the answers, boxed, with their shape; the derivation in
lettered paragraphs; what was assumed; code; how it was checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Element, Expr, IndexValue, Leaf
from symbackprop.core.graph import Equation as GraphEquation
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Role, Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.escape import Text, code_line, escape
from symbackprop.documents.lines import ALONE, Setter
from symbackprop.documents.model import (
    Answered,
    Boxed,
    Document,
    Equation,
    Header,
    QuestionBlock,
    ShapeCell,
    ShapeRow,
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


def build_id(version: str, source: bytes) -> str:
    """Version and hash of the input: the same input gives the same document, so no time stands here."""
    return f"{version}-{sha256(source).hexdigest()[:8]}"


def build_key(
    graph: Graph,
    names: Names,
    questions: Sequence[Answered],
    *,
    title: str,
    build: str,
    math: Callable[[str], str],
    course: str = "",
) -> Document:
    """The key as data. ``math`` sets a formula of the plain-text grammar as LaTeX."""
    setter = Setter(graph, names, math)
    header = Header(
        title=setter.words(title) if title else Text("Answer key"),
        strip=Text("Answer key -- staff only"),
        build=escape(build),
        course=escape(course),
    )
    return Document(
        header,
        shape_rows(graph, names),
        tuple(forward_equation(equation, names) for equation in graph.equations),
        tuple(_question(setter, place, one) for place, one in enumerate(questions, start=1)),
    )


def shape_latex(shape: Iterable[Dim], names: Names) -> Latex:
    r"""``N \times D``; of a scalar ``1``."""
    return Latex(r" \times ".join(dim_latex(dim, names) for dim in shape) or "1")


def shape_rows(graph: Graph, names: Names) -> tuple[ShapeRow, ...]:
    """The table of shapes: a row for each role, names of one shape together."""
    rows: dict[Role, dict[tuple[Dim, ...], list[Tensor]]] = {}
    for tensor in graph.tensors.values():
        if tensor.value is None and tensor.numpy_value is None:
            rows.setdefault(tensor.role, {}).setdefault(tensor.shape, []).append(tensor)
    return tuple(
        ShapeRow(
            Text(label),
            tuple(
                ShapeCell(
                    Latex(",\\, ".join(tensor_latex(tensor, names) for tensor in tensors)),
                    shape_latex(shape, names) if shape else Latex(r"\text{scalar}"),
                )
                for shape, tensors in rows[role].items()
            ),
        )
        for role, label in _ROLES
        if role in rows
    )


def forward_equation(equation: GraphEquation, names: Names) -> Equation:
    """An equation of the forward pass as we read it."""
    target: Expr = Leaf(equation.target)
    if equation.indices:
        target = Element(target, tuple(IndexValue(((index, 1),)) for index in equation.indices))
    lhs = to_latex(target, names)
    if equation.expr is None:
        listed = ", ".join(tensor_latex(tensor, names) for tensor in equation.arguments)
        return Equation(lhs, (Latex(f"{lhs}({listed})"),))
    room = ALONE - estimated_width(target, names) - 1.5
    return Equation(lhs, break_lines(equation.expr, names, room))


def _question(setter: Setter, number: int, answered: Answered) -> QuestionBlock:
    names = setter.names
    lhs = to_latex(answered.target, names)
    width = estimated_width(answered.target, names) + 6.0
    boxed = Boxed(
        Equation(lhs, break_lines(answered.result.expr, names, ALONE - width)),
        shape_latex(answered.shape, names),
        setter.words(answered.note) if answered.note else None,
    )
    words = setter.words(answered.text) if answered.text else Text(rf"Find $\displaystyle {lhs}$.")
    source = (answered.numpy or "").strip("\n")
    return QuestionBlock(
        number=number,
        id=answered.id,
        words=words,
        points=points_text(answered.points),
        answers=(boxed,),
        paragraphs=setter.paragraphs(answered.steps, number),
        uses=tuple(setter.words(use) for use in answered.assumptions),
        code=tuple(code_line(line) for line in source.split("\n")) if source else (),
        footnote=check_sentence(answered.verdict, answered.target.of, names),
        failed=answered.verdict.status == "fails",
    )


def points_text(points: object) -> Text | None:
    """``1 point``, ``2.5 points``."""
    return None if points is None else escape(f"{points} point{'' if points == 1 else 's'}")


def check_sentence(verdict: Verdict, of: Tensor, names: Names) -> Text:
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
    method = {"differences": f"against differences of ${tensor_latex(of, names)}$"}.get(
        evidence.method or "", "by numbers"
    )
    count = "one random point" if evidence.points == 1 else f"{evidence.points} random points"
    sizes = f", {_sizes(evidence.sizes[0], names)}" if evidence.sizes and evidence.sizes[0] else ""
    error = evidence.max_rel_error
    accuracy = f"; largest relative difference ${scientific(error)}$" if error is not None else ""
    return Text(f"Checked {method} at {count}{sizes}{accuracy}.")


def scientific(value: float) -> Latex:
    r"""``2 \cdot 10^{-10}``, or 0."""
    if value == 0:
        return Latex("0")
    mantissa, exponent = f"{value:.0e}".split("e")
    return Latex(rf"{mantissa} \cdot 10^{{{int(exponent)}}}")


def _sizes(sizes: object, names: Names) -> str:
    assert hasattr(sizes, "items")
    return ", ".join(f"${dim_latex(Dim.named(name), names)} = {size}$" for name, size in sizes.items())
