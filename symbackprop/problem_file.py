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
from symbackprop.core.tensors import Convention, Facts, Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.names import PLAIN, Names
from symbackprop.reading import fields, keys
from symbackprop.reading.declarations import Declarations
from symbackprop.reading.parser import parse_equality
from symbackprop.reading.program import read_program
from symbackprop.reading.questions import NotationEntry, Question, read_levels, read_notation, read_questions
from symbackprop.reading.symbols import read_symbols
from symbackprop.reading.syntax import Apply, Name, Num, show
from symbackprop.reading.yaml_tree import Scalar, Table, Value, decode, from_python, parse_yaml, problem

__all__ = ["NotationEntry", "ProblemSpec", "Question", "load_spec", "loads_spec", "spec_from_mapping"]


@dataclass(frozen=True, slots=True)
class ProblemSpec:
    """A checked problem.

    convention_given  whether the file states the convention (else it was found, and is echoed).
    level             the levels of questions that have none of their own.
    values            exact numbers by name: a Fraction, or nested tuples of them.
    at_least          the least size of a dim, where the file states one.
    assumptions       the texts under ``assume:``.
    course            what is kept of ``course:`` (title, author, date).
    """

    graph: Graph
    title: str | None = None
    convention_given: bool = True
    layout: str = "gradient"
    level: tuple[str, ...] = ("vector",)
    questions: tuple[Question, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    notation: tuple[NotationEntry, ...] = ()
    assumptions: tuple[str, ...] = ()
    at_least: Mapping[str, int] = field(default_factory=dict)
    names: Names = PLAIN
    course: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""
    file: str | None = None

    @property
    def convention(self) -> Convention:
        """How vectors stand in products."""
        return self.graph.convention

    @property
    def partials(self) -> dict[str, Partial]:
        """The names of derivatives, for reading formulas back."""
        return {entry.name: entry.partial for entry in self.notation}

    def question(self, question_id: str) -> Question | None:
        """The question of that id, or None."""
        return next((question for question in self.questions if question.id == question_id), None)


def load_spec(path: str | Path) -> ProblemSpec:
    """Read a problem file. A file that cannot be read is an InputError with code "io"."""
    file = str(path)
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(2_000_000)
    except FileNotFoundError:
        raise InputError("there is no such file", code="io", file=file) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"the file cannot be read: {reason}", code="io", file=file) from None
    try:
        text = decode(data)
    except InputError as error:
        raise error.located(file=file) from None
    return loads_spec(text, file)


def loads_spec(text: str, file: str | None = None) -> ProblemSpec:
    """Read the text of a problem file; ``file`` is named in errors."""
    try:
        return _spec(parse_yaml(text), file)
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


def _spec(root: Value, file: str | None) -> ProblemSpec:
    if not isinstance(root, Table):
        raise problem(
            f"a problem file is a mapping of keys, not {fields.kind_of(root)}",
            root.at,
            "begin with title:, symbols: and forward:",
            "schema",
        )
    fields.check_keys(root, keys.TOP, "the problem file")
    _refuse_later(root)
    layout = _layout(root)
    level_value = root.get("level")
    level = ("vector",) if level_value is None else read_levels(level_value, "level")
    convention = _convention(root)
    symbols = read_symbols(root.get("symbols") or Table(None, ()), convention)
    forward = root.get("forward")
    if forward is None:
        raise problem("the key forward is missing", root.at, "add forward: | and the equations", "schema")
    program = fields.scalar(forward, "forward", "a text with equations")
    graph = _graph(program, symbols.declarations, file)
    assumptions = _assume(root, graph)
    notation_value, question_value, title = root.get("notation"), root.get("questions"), root.get("title")
    notation = () if notation_value is None else read_notation(notation_value, graph)
    questions = () if question_value is None else read_questions(question_value, graph)
    return ProblemSpec(
        graph=graph,
        title=None if title is None else fields.text(title, "title"),
        convention_given=convention is not None,
        layout=layout,
        level=level,
        questions=questions,
        values=_values(root, graph),
        notation=notation,
        assumptions=assumptions,
        at_least=symbols.at_least,
        names=_names(root, graph, notation),
        course=_course(root),
        forward=program.text,
        file=file,
    )


def _graph(program: Scalar, declarations: Declarations, file: str | None) -> Graph:
    graph = read_program(program.text, declarations, replace(program.origin, file=file))
    if not graph.equations:
        raise fields.schema_error("forward holds no equation", program, "such as y = W x + b")
    return graph


def _refuse_later(root: Table) -> None:
    for key, value in root.entries:
        if key.text in keys.LATER_TOP:
            raise fields.later(keys.LATER_TOP[key.text], key)
        if key.text == "index_from":
            first = fields.choice(value, "index_from", ("0", "1"))
            if first == "0":
                raise fields.later("index_from: 0", key)


def _layout(root: Table) -> str:
    value = root.get("layout")
    layout = "gradient" if value is None else fields.choice(value, "layout", keys.LAYOUTS)
    if layout in keys.LATER_LAYOUTS:
        raise fields.later(f"the layout {layout}", value)
    return layout


def _convention(root: Table) -> Convention | None:
    value = root.get("convention")
    return None if value is None else Convention(fields.choice(value, "convention", keys.CONVENTIONS))


def _values(root: Table, graph: Graph) -> dict[str, object]:
    """The numbers under ``values:``, for symbols of the graph, with the rank of each."""
    found: dict[str, object] = {}
    value = root.get("values")
    for key, entry in fields.table(value, "values").entries if value is not None else ():
        tensor = graph.tensors.get(key.text)
        if tensor is None:
            raise _unknown(key, graph)
        if tensor not in graph.symbols:
            raise fields.schema_error(
                f"{key.text} is defined by an equation and has no value of its own", key
            )
        array = fields.array(entry, f"the value of {key.text}")
        array = _fitted(array, tensor)
        rank = _rank(array)
        if rank != tensor.rank:
            raise fields.schema_error(
                f"the value of {key.text} has {rank} indices, its shape has {tensor.rank}", entry
            )
        found[key.text] = array
    return found


def _rank(array: object) -> int:
    return 1 + _rank(array[0]) if isinstance(array, tuple) else 0


def _fitted(array: object, tensor: Tensor) -> object:
    """One row such as '1 2 3' is also a matrix with one row."""
    return (array,) if tensor.rank == 2 and _rank(array) == 1 and tensor.shape[0].is_one else array


def _unknown(key: Scalar, graph: Graph) -> InputError:
    return problem(
        f"unknown symbol {key.text}", key.at, did_you_mean(key.text, graph.tensors), "unknown-symbol"
    )


def _names(root: Table, graph: Graph, notation: tuple[NotationEntry, ...]) -> Names:
    style: dict[str, str] = {}
    value = root.get("style")
    body = fields.table(value, "style") if value is not None else Table(None, ())
    fields.check_keys(body, keys.STYLE, "style")
    for key, entry in body.entries:
        style[key.text] = fields.choice(entry, f"style {key.text}", keys.STYLE[key.text])
        if key.text in keys.LATER_STYLE:
            raise fields.later(f"the style {key.text}", key)
    return Names(
        dims={name: latex for name, latex in graph.dims.items() if latex is not None},
        partials={(e.partial.of, e.partial.by): (e.name, e.latex) for e in notation},
        style=style,
    )


def _course(root: Table) -> dict[str, str]:
    value = root.get("course")
    body = fields.table(value, "course") if value is not None else Table(None, ())
    fields.check_keys(body, keys.COURSE, "course")
    kept: dict[str, str] = {}
    for key, entry in body.entries:
        if key.text in keys.LATER_COURSE:
            raise fields.later(f"course {key.text}", key)
        kept[key.text] = fields.text(entry, f"course {key.text}")
    return kept


# -- assumptions


def _assume(root: Table, graph: Graph) -> tuple[str, ...]:
    """Turn ``sum(y) = 1`` and ``rowsum(Y) = 1`` into facts of the symbols."""
    value = root.get("assume")
    if value is None:
        return ()
    texts = []
    for item in fields.items(value, "assume", single=True):
        formula = fields.scalar(item, "assume", "a formula such as 'sum(y) = 1'")
        left, right = parse_equality(formula.text, {*graph.tensors, *graph.dims}, formula.origin)
        one = isinstance(right, Num) and right.value == 1
        if not (one and isinstance(left, Apply) and len(left.args) == 1 and isinstance(left.args[0], Name)):
            raise fields.later(f"the assumption {show(left)} = {show(right)}", formula, "sum(y) = 1 is")
        name = left.args[0]
        tensor = graph.tensors.get(name.name)
        if tensor is None:
            raise _unknown(Scalar(name.at, name.name, True), graph)
        if tensor not in graph.symbols:
            raise fields.schema_error(
                f"{name.name} is defined by an equation; assumptions are about inputs only", formula
            )
        tensor.facts = _with_sum(tensor, left.name, formula)
        texts.append(" ".join(formula.text.split()))
    return tuple(texts)


def _with_sum(tensor: Tensor, function: str, formula: Scalar) -> Facts:
    """The facts of a tensor whose ``function`` is 1."""
    along = "rowsum" if tensor.convention.vectors_are_rows else "colsum"
    if tensor.rank == 1 and function in ("sum", along):
        return replace(tensor.facts, sums_to_one=True)
    if tensor.rank == 2 and function == "sum":
        return replace(tensor.facts, whole_sum_is_one=True)
    if tensor.rank == 2 and function == along:
        return replace(tensor.facts, sums_to_one=True)
    raise fields.later(f"the assumption {formula.text.strip()}", formula)
