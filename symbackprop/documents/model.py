"""What a document says, without how it looks: builders make these records, templates print them.

Every field that is printed is ``Latex`` (mathematics) or ``Text`` (escaped words), or a whole number.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.escape import Text
from symbackprop.notation.formula import Formula
from symbackprop.notation.latex_box import Latex
from symbackprop.notation.steps import Step

_BLOCK = 12  # lines of a formula that stay on one page


@dataclass(frozen=True, slots=True)
class Box:
    """One result to be boxed: ``target = value``, its shape (() for a scalar), a sentence below it."""

    target: Expr
    value: Formula
    shape: tuple[Dim, ...] | None = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A line of a result that is given case by case: the value where ``when`` holds."""

    value: Formula
    when: Formula | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Cases:
    """``target = { value if ...``: a boxed result case by case."""

    target: Expr
    cases: tuple[ShownCase, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of cells in words (formulas in `backticks`): of shapes, of conventions."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer of any kind, as answering hands it to a builder; what a kind does not have is empty.

    asks         what is asked for, where the author gives no words: "Find dL/dZ."
    verb         what is to be done with it: Find, Show that, Evaluate, ...
    boxes        the results, boxed first.
    cases        a result case by case.
    grid         a table.
    steps        consecutive steps with the same ``quantity`` make one paragraph.
    of           what differences were taken of, for the sentence that says how it was checked.
    heading      over the derivation where there are several, else that of its level.
    assumptions  in words, formulas in `backticks`; collected at the end of the question.
    numpy        source lines, or None.
    in_a_row     whether the boxes are short and stand side by side: numbers.
    claim        both sides of what is to be shown.
    graph        the forward pass that it is about, where that is not the one of the file.
    check        how it was checked, where it is no matter of differences; "" for the usual sentence.
    """

    asks: tuple[Expr, ...]
    boxes: tuple[Box, ...] = ()
    steps: tuple[Step, ...] = ()
    verdict: Verdict | None = None
    of: Tensor | None = None
    level: str = ""
    heading: str = ""
    assumptions: tuple[str, ...] = ()
    numpy: str | None = None
    verb: str = "Find"
    cases: tuple[Cases, ...] = ()
    grid: Grid | None = None
    in_a_row: bool = False
    claim: tuple[Expr, Expr] | None = None
    graph: Graph | None = None
    check: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its answers and parts, as the pipeline hands it to a builder.

    text     the author's words (Markdown with mathematics), or "" for "Find dL/dW."
    answers  one for each level or convention; none for a question in words, or with parts only.
    told     the author's own answer to a question in words.
    """

    id: str
    text: str = ""
    points: Fraction | int | float | None = None
    hint: str = ""
    answers: tuple[Shown, ...] = ()
    told: str | None = None
    in_words: bool = False
    parts: tuple[Asked, ...] = ()


@dataclass(frozen=True, slots=True)
class Header:
    """What stands at the top: title, and the strip that every page carries, with the title cut to fit."""

    title: Text
    short: Text
    strip: Text
    build: Text
    course: Text = Text("")
    by: Text = Text("")
    total: Text | None = None


@dataclass(frozen=True, slots=True)
class ShapeCell:
    """Names that share a shape."""

    names: Latex
    shape: Latex


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """The shapes of all tensors of one role."""

    role: Text
    cells: tuple[ShapeCell, ...]


@dataclass(frozen=True, slots=True)
class Equation:
    """``lhs = rhs`` on one or more lines; ``lhs`` is empty in a line that goes on."""

    lhs: Latex
    rhs: tuple[Latex, ...]

    @property
    def blocks(self) -> tuple[tuple[Latex, ...], ...]:
        """The lines in parts that a page can be broken between."""
        return tuple(self.rhs[start : start + _BLOCK] for start in range(0, len(self.rhs), _BLOCK))


@dataclass(frozen=True, slots=True)
class Line:
    """A numbered line: the equation, a short reason, and a mark if it is not known to hold."""

    number: int
    equation: Equation
    reason: Text
    mark: Text | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """(a), (b), ...: the derivation of one quantity. ``widest`` are the left sides, for alignment."""

    letter: Text
    heading: Text
    lines: tuple[Line, ...]

    @property
    def left_sides(self) -> tuple[Latex, ...]:
        """The left sides that are printed."""
        return tuple(line.equation.lhs for line in self.lines if line.equation.lhs)


@dataclass(frozen=True, slots=True)
class Boxed:
    """The answer, boxed, with its shape."""

    equation: Equation
    shape: Latex
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case: the value, and where it holds."""

    value: Latex
    when: Latex | Text


@dataclass(frozen=True, slots=True)
class BoxedCases:
    """The answer case by case, boxed."""

    lhs: Latex
    lines: tuple[CaseLine, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a head."""

    heads: tuple[Text, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The derivation at one level: its heading (empty for the only one), lines, assumptions, code, check."""

    heading: Text
    paragraphs: tuple[Paragraph, ...]
    uses: tuple[Text, ...]
    code: tuple[Text, ...]
    footnote: Text
    failed: bool = False


@dataclass(frozen=True, slots=True)
class QuestionBlock:
    """One question or part: its words, a hint, the boxed answers, the author's answer, the derivations.

    label  "1", or "1a" for a part; ``depth`` is 0 for a question, 1 for a part.
    """

    label: Text
    id: str
    depth: int
    words: Text
    words_are_long: bool
    points: Text | None
    hint: Text | None
    answers: tuple[Boxed, ...]
    told: Text | None
    told_is_long: bool
    sections: tuple[Section, ...]
    cases: tuple[BoxedCases, ...] = ()
    numbers: tuple[Boxed, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document.

    named     what the names of derivatives stand for.
    inferred  sentences about what the file does not state.
    bound     several documents in one: then everything but the header is theirs.
    """

    header: Header
    shapes: tuple[ShapeRow, ...]
    forward: tuple[Equation, ...]
    named: tuple[Equation, ...]
    inferred: tuple[Text, ...]
    questions: tuple[QuestionBlock, ...]
    bound: tuple[Document, ...] = ()

    @property
    def chapters(self) -> tuple[Document, ...]:
        """The problems of the document, each with a title of its own where there are several."""
        return self.bound or (self,)
