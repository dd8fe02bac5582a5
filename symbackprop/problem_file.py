"""The problem file: a YAML text or Python data in, a checked ``ProblemSpec`` out.

On return every name has a meaning, every shape fits, every question is one that this version
answers. Errors are ``InputError`` with code, file, line, column and a hint; what a later version
brings is ``UnsupportedError``. Nothing in the file is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from symbackprop.core.expr import Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.errors import InputError
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.words import Words
from symbackprop.reading import fields, keys
from symbackprop.reading.assumptions import read_assumptions
from symbackprop.reading.course import read_course, read_style
from symbackprop.reading.declarations import Declarations
from symbackprop.reading.hvp_bodies import with_directions
from symbackprop.reading.inherit import inherit
from symbackprop.reading.latex_forward import read_latex_forward
from symbackprop.reading.notation_entries import NotationEntry, checked_latex, read_notation
from symbackprop.reading.policy import Policy, read_policy
from symbackprop.reading.program import read_program
from symbackprop.reading.questions import Question, read_levels, read_questions
from symbackprop.reading.symbols import read_symbols
from symbackprop.reading.values import read_values
from symbackprop.reading.variants import check_sizes, read_variant, redrawn, varied
from symbackprop.reading.words import read_checked
from symbackprop.reading.yaml_tree import Scalar, Table, Value, decode, from_python, parse_yaml, problem

__all__ = ["NotationEntry", "ProblemSpec", "Question", "load_spec", "loads_spec", "spec_from_mapping"]


@dataclass(frozen=True, slots=True)
class ProblemSpec:
    """A checked problem.

    convention_given  whether the file states the convention (else it was found, and is echoed).
    level             the levels of questions that have none of their own.
    values            exact numbers by name: a Fraction, or nested tuples of them.
    sizes             the sizes of dims that follow from the values.
    at_least          the least size of a dim, where the file states one.
    assumptions       the texts under ``assume:``.
    course            the words of ``course:`` (title, author, date).
    templates         the folder with templates of the course's own.
    inferred          the arrays whose shape the file does not state.
    policy            what findings of ``check`` cost.
    zero_outside      whether an entry outside its range counts as 0.
    """

    graph: Graph
    title: str | None = None
    convention_given: bool = True
    layout: str = "gradient"
    level: tuple[str, ...] = ("vector",)
    questions: tuple[Question, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    notation: tuple[NotationEntry, ...] = ()
    assumptions: tuple[str, ...] = ()
    at_least: Mapping[str, int] = field(default_factory=dict)
    names: Names = PLAIN
    course: Mapping[str, str] = field(default_factory=dict)
    templates: Path | None = None
    forward: str = ""
    file: str | None = None
    inferred: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    zero_outside: bool = False

    @property
    def convention(self) -> Convention:
        """How vectors stand in products."""
        return self.graph.convention

    @property
    def partials(self) -> dict[str, Partial]:
        """The names of derivatives, for reading formulas back."""
        return {
            entry.name: entry.partial
            for entry in self.notation
            if entry.name is not None and entry.partial is not None
        }

    @property
    def all_questions(self) -> tuple[Question, ...]:
        """The questions and their parts, in order."""
        return tuple(one for question in self.questions for one in question.all)

    def question(self, question_id: str) -> Question | None:
        """The question of that id, or None."""
        return next((question for question in self.all_questions if question.id == question_id), None)


def load_spec(path: str | Path, seed: int | None = None) -> ProblemSpec:
    """Read a problem file, or its variant ``seed``. A file that cannot be read is an InputError "io"."""
    return loads_spec(text_of(str(path)), str(path), seed)


def text_of(file: str) -> str:
    """The text of a file."""
    try:
        with Path(file).open("rb") as stream:
            data = stream.read(2_000_000)
    except FileNotFoundError:
        raise InputError("there is no such file", code="io", file=file) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"the file cannot be read: {reason}", code="io", file=file) from None
    try:
        return decode(data)
    except InputError as error:
        raise error.located(file=file) from None


def loads_spec(text: str, file: str | None = None, seed: int | None = None) -> ProblemSpec:
    """Read the text of a problem file; ``file`` is named in errors, and ``extends`` is relative to it."""
    try:
        return _spec(parse_yaml(text), file, seed)
    except RecursionError:
        raise InputError("the problem is nested too deeply", code="limit", file=file) from None
    except InputError as error:
        raise error.located(file=file) from None


def spec_from_mapping(data: Mapping[str, object]) -> ProblemSpec:
    """The same from Python data with the keys of the file. Places in errors are those in the formulas."""
    try:
        return _spec(from_python(data), None)
    except RecursionError:
        raise InputError("the problem is nested too deeply", code="limit") from None


def _spec(root: Value, file: str | None, seed: int | None = None) -> ProblemSpec:
    if not isinstance(root, Table):
        raise problem(
            f"a problem file is a mapping of keys, not {fields.kind_of(root)}",
            root.at,
            "begin with title:, symbols: and forward:",
            "schema",
        )
    fields.check_keys(root, keys.TOP, "the problem file")
    root = inherit(root, file, text_of)
    variant = read_variant(root, seed)
    root = varied(root, variant)
    level_value = root.get("level")
    convention = _convention(root)
    symbols = read_symbols(root.get("symbols") or Table(None, ()), convention)
    _check_spellings(root)
    program, in_latex = _forward(root)
    declarations = replace(symbols.declarations, first=_first(root), zero=_zero_outside(root))
    forward = replace(_graph(program, declarations, file, in_latex=in_latex), layout=_layout(root))
    check_sizes(root, forward)
    assume, notation_value = root.get("assume"), root.get("notation")
    question_value, policy = root.get("questions"), root.get("policy")
    graph = with_directions(question_value, forward)
    assumptions = () if assume is None else read_assumptions(assume, graph)
    notation = () if notation_value is None else read_notation(notation_value, graph)
    course = read_course(root, file)
    given = redrawn(read_values(root.get("values"), graph), graph, variant)
    spec = ProblemSpec(
        graph=graph,
        title=_title(root),
        convention_given=convention is not None,
        layout=graph.layout,
        level=("vector",) if level_value is None else read_levels(level_value, "level"),
        values=given.arrays,
        sizes=given.sizes,
        notation=notation,
        assumptions=assumptions,
        at_least=symbols.at_least,
        names=_names(root, graph, notation),
        course=course.words,
        templates=course.templates,
        forward=program.text,
        file=file,
        policy=Policy() if policy is None else read_policy(policy),
        zero_outside=_zero_outside(root),
        inferred=_inferred(forward, symbols.declarations),
    )
    questions = () if question_value is None else read_questions(question_value, graph, spec.partials, given)
    return replace(spec, questions=questions)


def _inferred(forward: Graph, declarations: Declarations) -> tuple[str, ...]:
    """The arrays whose shapes the file does not give."""
    declared = declarations.symbols
    return tuple(
        name
        for name, tensor in forward.tensors.items()
        if tensor.shape and getattr(declared.get(_declared_as(tensor)), "shape", None) is None
    )


def _declared_as(tensor: Tensor) -> str:
    """The name under ``symbols:``: of a member that of its family."""
    return tensor.name if tensor.family is None else tensor.family[0]


def _title(root: Table) -> Words | None:
    value = root.get("title")
    return None if value is None else read_checked(fields.scalar(value, "title", "a text"))


def _check_spellings(root: Table) -> None:
    """What symbols are printed as can be set."""
    for key, entry in fields.table(root.get("symbols") or Table(None, ()), "symbols").entries:
        value = fields.table(entry, key.text).get("latex")
        if value is not None:
            checked_latex(value, f"the latex of {key.text}")


def _forward(root: Table) -> tuple[Scalar, bool]:
    """The text of the forward pass, and whether it is LaTeX."""
    forward, latex = root.get("forward"), root.get("forward_latex")
    if forward is not None and latex is not None:
        key = next(key for key, _ in root.entries if key.text == "forward_latex")
        raise fields.schema_error("forward and forward_latex both give the equations", key, "drop one")
    if forward is not None:
        return fields.scalar(forward, "forward", "a text with equations"), False
    if latex is not None:
        return fields.scalar(latex, "forward_latex", "a text with equations in LaTeX"), True
    raise problem("the key forward is missing", root.at, "add forward: | and the equations", "schema")


def _graph(program: Scalar, declarations: Declarations, file: str | None, *, in_latex: bool) -> Graph:
    origin = replace(program.origin, file=program.origin.file or file)
    reader = read_latex_forward if in_latex else read_program
    graph = reader(program.text, declarations, origin)
    if not graph.equations:
        raise fields.schema_error("forward holds no equation", program, "such as y = W x + b")
    return graph


def _layout(root: Table) -> str:
    value = root.get("layout")
    return "gradient" if value is None else fields.choice(value, "layout", keys.LAYOUTS)


def _first(root: Table) -> int:
    """What the first index and the first label are called."""
    value = root.get("index_from")
    return 1 if value is None else int(fields.choice(value, "index_from", ("0", "1")))


def _zero_outside(root: Table) -> bool:
    value = root.get("outside")
    return value is not None and fields.choice(value, "outside", ("zero",)) == "zero"


def _convention(root: Table) -> Convention | None:
    value = root.get("convention")
    return None if value is None else Convention(fields.choice(value, "convention", keys.CONVENTIONS))


def _names(root: Table, graph: Graph, notation: tuple[NotationEntry, ...]) -> Names:
    return Names(
        dims={name: latex for name, latex in graph.dims.items() if latex is not None},
        partials={
            (entry.partial.of, entry.partial.by): (entry.name, entry.latex)
            for entry in notation
            if entry.name is not None and entry.partial is not None
        },
        style=read_style(root),
        first=graph.first,
    )
