r"""Forward passes and formulas in LaTeX: the same ``Line`` and ``Expr`` as from plain text.

``read_latex_forward`` mirrors ``program.read_program``; ``read_latex_formula`` and
``read_latex_equation`` mirror ``formulas.read_formula`` and ``read_equation``. Every place points
into the LaTeX source. A left side that is not declared defines a new name, which keeps its
spelling for print.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Index, Role
from symbackprop.errors import InputError
from symbackprop.notation.names import PLAIN, Names
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.elaborate import read
from symbackprop.reading.equation_order import order_lines
from symbackprop.reading.equations import read_line
from symbackprop.reading.families import unroll
from symbackprop.reading.latex_loops import graph_over_dims, settled_line
from symbackprop.reading.latex_meaning import Vocabulary
from symbackprop.reading.latex_members import member_bases, member_of
from symbackprop.reading.latex_names import Spellings, latex_if_needed, new_name, spellings_of
from symbackprop.reading.latex_open import settle
from symbackprop.reading.latex_products import Meaning
from symbackprop.reading.latex_source import Reader
from symbackprop.reading.latex_starts import is_bare_zero, without_start, zeros_like
from symbackprop.reading.latex_syntax import parse_statements
from symbackprop.reading.latex_tree import (
    Accent,
    Group,
    Listed,
    Product,
    Scripted,
    Statement,
    Sym,
    Tree,
    Word,
    letters_of,
    name_latex,
    spell,
)
from symbackprop.reading.latex_words import function_words
from symbackprop.reading.latex_written import numbered_layers
from symbackprop.reading.parser import check_height
from symbackprop.reading.piece_targets import entry_targets, gathered
from symbackprop.reading.program import build_graph, declared_tensors
from symbackprop.reading.recursions import families_over_dims
from symbackprop.reading.scope import Scope, function_names
from symbackprop.reading.shapes import ShapeError
from symbackprop.reading.syntax import Bounds, Line, Name, Node, Num, Several
from symbackprop.reading.tokens import PLAIN_TEXT, Origin, fail

LONGEST_INDEX = 2  # more letters than this below a left side are a word


@dataclass(frozen=True, slots=True)
class _Left:
    """A left side: its name, its indices, and whether the name is new."""

    name: str
    slots: Tree | None
    tree: Tree
    new: bool


def read_latex_forward(text: str, declarations: Declarations, origin: Origin = PLAIN_TEXT) -> Graph:
    """The typechecked forward pass. Raises InputError with the place in the file of ``origin``."""
    lines, spelled = parse_latex_program(text, declarations, origin)
    symbols = dict(declarations.symbols)
    for name, latex in spelled.items():
        symbols[name] = Declared(name, None, Role.INTERMEDIATE, latex=latex)
    known = replace(declarations, symbols=symbols)
    try:
        certain, possible = entry_targets(lines, known)
        if families_over_dims(lines, known) - (certain | possible):
            return graph_over_dims(lines, known, origin.file)
        unrolled, known = unroll(lines, known, certain | possible)
        settled, convention = _settled(unrolled, known)
        return build_graph(settled, replace(known, convention=convention), file=origin.file)
    except RecursionError:
        raise InputError("the forward pass is nested too deeply", code="limit", file=origin.file) from None
    except InputError as error:
        raise error.located(file=origin.file) from None


def parse_latex_program(
    text: str, declarations: Declarations, origin: Origin = PLAIN_TEXT
) -> tuple[tuple[Line, ...], dict[str, str]]:
    """The equations in the author's order, and the LaTeX of the new names that need one.

    What only shapes can decide stays an ``Open`` node in the lines (``latex_open.settle``).
    """
    spellings = _spellings(declarations)
    statements = parse_statements(text, _reader(spellings, declarations.functions), origin)
    try:
        statements = tuple(numbered_layers(statements, spellings))
        members = member_bases(statements, spellings)
        lefts = _left_sides(statements, spellings, declarations, members)
        declared = declarations.symbols.items()
        families = {name for name, symbol in declared if symbol.over is not None or symbol.runs}
        families |= {left.name for left in lefts if spell(left.tree) in members}
        ranks: dict[str, int | None] = {
            name: None if symbol.shape is None and _may_be_defined(symbol) else len(symbol.shape or ())
            for name, symbol in declarations.symbols.items()
        }
        for left in lefts:
            ranks.setdefault(left.name, None)
            if left.slots is not None and ranks[left.name] is None:
                ranks[left.name] = len(_slots(left, spellings))
        vocabulary = Vocabulary(spellings, frozenset(declarations.functions), ranks, frozenset(families))
        lines = tuple(
            _line(statement, left, vocabulary) for statement, left in zip(statements, lefts, strict=True)
        )
    except RecursionError:
        raise fail("the formula is nested too deeply", origin.place(1, 1), code="limit") from None
    except InputError as error:
        raise error.located(file=origin.file) from None
    spelled = {left.name: latex_if_needed(left.tree, left.name) for left in lefts if left.new}
    return lines, {name: latex for name, latex in spelled.items() if latex is not None}


# -- left sides


def _left_sides(
    statements: Sequence[Statement],
    spellings: Spellings,
    declarations: Declarations,
    members: Collection[str] = (),
) -> list[_Left]:
    """The name that each equation defines; new names are entered into ``spellings``."""
    taken = {*declarations.symbols, *declarations.all_dims, *declarations.functions, *function_names()}
    lefts: list[_Left] = []
    for statement in statements:
        if statement.left is None:
            raise fail("this is no equation", statement.at, "write the name that it defines and =")
        left = _member_side(statement.left, spellings, members) or _left_side(
            statement.left, spellings, declarations, lefts
        )
        if left.new:
            left = replace(left, name=new_name(left.tree, taken))
        if left.new:
            taken.add(left.name)
            spellings.add(left.tree, left.name, 0)
        lefts.append(left)
    return lefts


def _member_side(tree: Tree, spellings: Spellings, members: Collection[str]) -> _Left | None:
    """A member of a family: ``h_0``, ``h_t``, ``h^{(t)}``, also with an entry, ``h^{(t)}_k``."""
    own = member_of(tree)
    if own is None or spell(own.base) not in members:
        return None
    slots = own.which if own.entry is None else Listed(tree.at, (own.which, own.entry))
    known = spellings.find(own.base, fonts=True)
    return _Left(known or "", slots, own.base, known is None)


def _left_side(tree: Tree, spellings: Spellings, declarations: Declarations, lefts: Sequence[_Left]) -> _Left:
    if isinstance(tree, Product) and len(tree.items) == 2 and not tree.items[1][0]:
        bracket = tree.items[1][1]
        if isinstance(bracket, Group) and bracket.opener == "[":
            left = _left_side(tree.items[0][1], spellings, declarations, lefts)
            return replace(left, slots=bracket.body)
        if isinstance(bracket, Group) and bracket.opener == "(" and _only_names(bracket.body):
            tree = tree.items[0][1]  # L(y, \hat y) = ...: the name, whatever it is a function of
    if not isinstance(tree, Sym | Word | Accent | Scripted) or (
        isinstance(tree, Scripted) and not isinstance(tree.base, Sym | Word | Accent | Scripted)
    ):
        raise fail("an equation begins with the name it defines", tree.at)
    match = spellings.match(tree)
    if (
        match is not None
        and match.name not in declarations.symbols
        and spellings.find(tree, fonts=True) is None
    ):
        is_new = match.name not in {left.name for left in lefts}
        match = None if is_new else match  # a dim or a function in another font
    if match is not None and match.sup is None and not match.primes:
        symbol = declarations.symbols.get(match.name)
        open_symbol = symbol is None or _may_be_defined(symbol)
        if match.sub is None or (open_symbol and not _is_part_of_name(match.sub, spellings)):
            return _Left(match.name, match.sub, tree, False)
    base: Tree = tree
    slots: Tree | None = None
    if isinstance(tree, Scripted) and tree.sub is not None and not _is_part_of_name(tree.sub, spellings):
        slots = tree.sub
        bare = tree.sup is None and not tree.primes
        base = tree.base if bare else replace(tree, sub=None)
    known = spellings.find(base, fonts=True)
    if known is not None:
        return _Left(known, slots, base, False)
    try:
        name_latex(base)
    except TypeError:
        raise fail("an equation begins with the name it defines", tree.at) from None
    return _Left("", slots, base, True)


def _may_be_defined(symbol: Declared) -> bool:
    return symbol.role in (None, Role.INTERMEDIATE)


def _only_names(tree: Tree) -> bool:
    if isinstance(tree, Listed):
        return all(map(_only_names, tree.items))
    return isinstance(tree, Sym | Word | Accent | Scripted)


def _is_part_of_name(sub: Tree, spellings: Spellings) -> bool:
    """Numbers, words and declared letters below a name belong to it; other letters are indices."""
    if isinstance(sub, Listed):
        return any(_is_part_of_name(item, spellings) for item in sub.items)
    if isinstance(sub, Product):
        if len(letters_of(sub) or "") > LONGEST_INDEX:
            return True  # a word, such as loss
        return any(_is_part_of_name(item, spellings) for _, item in sub.items)
    if isinstance(sub, Group):
        return _is_part_of_name(sub.body, spellings)
    if isinstance(sub, Sym) and (sub.name[:1] == "\\" or sub.name.isalpha()):
        return spellings.find(sub) is not None
    return not (isinstance(sub, Scripted) and sub.primes)


def _slots(left: _Left, spellings: Spellings, rank: int | None = None) -> tuple[Node, ...]:
    return Meaning(Vocabulary(spellings)).slots(left.slots, rank) if left.slots is not None else ()


# -- lines


def _line(statement: Statement, left: _Left, vocabulary: Vocabulary) -> Line:
    meaning = Meaning(vocabulary, target=left.name)
    slots = _slots(left, vocabulary.spellings, vocabulary.ranks.get(left.name))
    for slot in slots:
        if not isinstance(slot, Name | Num):
            raise fail("an index on the left is one letter", slot.at)
    expr = meaning.node(statement.right)
    check_height(expr)
    ranges = tuple(
        Bounds(reach.index.at, meaning.index(reach.index), meaning.node(reach.low), meaning.node(reach.high))
        for reach in statement.ranges
    )
    return Line(statement.at, left.name, slots, expr, ranges, "")


def _settled(lines: Sequence[Line], declarations: Declarations) -> tuple[tuple[Line, ...], Convention | None]:
    """The lines with every ``Open`` place decided, and the convention it was decided in."""
    certain, possible = entry_targets(lines, declarations)
    ordered = order_lines(gathered(lines, certain | possible, declarations), declarations)
    if declarations.convention is not None:
        return _settled_in(ordered, declarations, declarations.convention), declarations.convention
    try:
        return _settled_in(ordered, declarations, Convention.COLUMN), Convention.COLUMN
    except ShapeError as error:
        try:
            return _settled_in(ordered, declarations, Convention.ROW), Convention.ROW
        except ShapeError:
            raise error from None


def _settled_in(
    ordered: Sequence[Line], declarations: Declarations, convention: Convention
) -> tuple[Line, ...]:
    targets = {line.target for line in ordered}
    tensors = declared_tensors(declarations, convention, targets)
    dims, functions, first = declarations.all_dims, declarations.functions, declarations.first
    scope = Scope(convention, tensors, dims, functions, taken=targets, first=first, zero=declarations.zero)
    done: list[Line] = []
    starts = {line.target: line for line in ordered if _is_open_start(line, declarations)}
    for line in ordered:
        if line.target in starts:
            continue
        for name in [name for name in starts if _stands_in(name, line)]:
            start = _sized(starts.pop(name), line, scope, declarations)
            done.append(start)
            tensors[name] = read_line(start, scope, declarations.symbols.get(name)).target
        parts = tuple(settled_line(part, scope) for part in line.parts)
        if parts:
            whole = Several(line.expr.at, tuple(part.expr for part in parts))
            text = "; ".join(part.text for part in parts)
            done.append(replace(line, expr=whole, parts=parts, text=text))
        else:
            done.append(settled_line(line, scope))
        tensors[line.target] = read_line(done[-1], scope, declarations.symbols.get(line.target)).target
    return (*done, *(settled_line(line, scope) for line in starts.values()))


def _is_open_start(line: Line, declarations: Declarations) -> bool:
    """``h_0 = 0`` of a family."""
    symbol = declarations.symbols.get(line.target)
    return symbol is not None and symbol.family is not None and not line.parts and is_bare_zero(line)


def _stands_in(name: str, line: Line) -> bool:
    return any(isinstance(node, Name) and node.name == name for node in line.expr.walk())


def _sized(start: Line, user: Line, scope: Scope, declarations: Declarations) -> Line:
    """The start as large as the member that is computed from it."""
    own, other = (declarations.symbols.get(line.target) for line in (start, user))
    if own is None or other is None or other.family is None or own.family is None:
        return settled_line(start, scope)
    if own.family[0] != other.family[0]:
        return settled_line(start, scope)
    member = read_line(settled_line(without_start(user, start.target), scope), scope, other).target
    return settled_line(replace(start, expr=zeros_like(member, start.expr.at)), scope)


# -- single formulas


def read_latex_formula(
    text: str,
    graph: Graph,
    names: Names = PLAIN,
    *,
    derivatives: bool = True,
    notation: Mapping[str, Partial] | None = None,
    free_indices: bool = False,
    indices: Mapping[str, Index] | None = None,
    origin: Origin = PLAIN_TEXT,
) -> Expr:
    r"""A LaTeX formula over the names of ``graph``, derivatives included.

    ``names`` gives the LaTeX of derivatives that have a name, as the printer uses it; ``notation``
    gives further plain names. ``indices`` are letters bound outside; with ``free_indices`` a new
    letter in a slot becomes a free index.
    """
    statement, reading = _formula(text, graph, names, notation, origin)
    if statement.left is not None:
        raise fail("an equation stands where a formula is wanted", statement.at)
    scope = _scope(graph, reading, derivatives, {} if free_indices else None, indices)
    return _read(statement.right, reading, scope, origin)


def read_latex_equation(
    text: str,
    graph: Graph,
    names: Names = PLAIN,
    *,
    derivatives: bool = True,
    notation: Mapping[str, Partial] | None = None,
    free_indices: bool = True,
    indices: Mapping[str, Index] | None = None,
    origin: Origin = PLAIN_TEXT,
) -> tuple[Expr, Expr]:
    """The two sides of a LaTeX equation; index letters of the left side are free on the right."""
    statement, reading = _formula(text, graph, names, notation, origin)
    if statement.left is None:
        raise fail("expected = between the two sides", statement.at)
    scope = _scope(graph, reading, derivatives, {} if free_indices else None, indices)
    try:
        left = _read(statement.left, reading, scope, origin)
    except InputError as error:
        if scope.free is None or error.code != "unknown-symbol":
            raise
        _read(statement.right, reading, scope, origin)  # an index may have its range from the right side only
        left = _read(statement.left, reading, scope, origin)
    return left, _read(statement.right, reading, scope, origin)


@dataclass(frozen=True, slots=True)
class _Reading:
    vocabulary: Vocabulary
    partials: Mapping[str, Partial]


def _formula(
    text: str, graph: Graph, names: Names, notation: Mapping[str, Partial] | None, origin: Origin
) -> tuple[Statement, _Reading]:
    declared = {name: (tensor.latex, tensor.aliases) for name, tensor in graph.tensors.items()}
    declared |= {dim: (names.dims.get(dim, latex), ()) for dim, latex in graph.dims.items()}
    declared |= {name: (function.latex, ()) for name, function in graph.functions.items()}
    partials = dict(notation or {})
    for (of, by), (name, latex) in names.partials.items():
        partials.setdefault(name, Partial(of, by))
        declared[name] = (latex, ())
    for name in partials:
        declared.setdefault(name, (None, ()))
    spellings = spellings_of(declared, names.style.get("layers") == "superscript")
    ranks: dict[str, int | None] = {name: tensor.rank for name, tensor in graph.tensors.items()}
    ranks |= {name: partial.by.rank for name, partial in partials.items()}
    statements = parse_statements(text, _reader(spellings, graph.functions), origin)
    if len(statements) != 1:
        at = statements[1].at if len(statements) > 1 else origin.place(1, 1)
        raise fail(f"one formula is wanted, not {len(statements)}", at).located(file=origin.file)
    return statements[0], _Reading(Vocabulary(spellings, frozenset(graph.functions), ranks), partials)


def _scope(
    graph: Graph,
    reading: _Reading,
    derivatives: bool,
    free: dict[str, Index] | None,
    indices: Mapping[str, Index] | None,
) -> Scope:
    return Scope(
        graph.convention,
        graph.tensors,
        graph.dims,
        graph.functions,
        indices=indices or {},
        partials=reading.partials,
        derivatives=derivatives,
        free=free,
        first=graph.first,
        zero=graph.zero_outside,
    )


def _read(tree: Tree, reading: _Reading, scope: Scope, origin: Origin) -> Expr:
    try:
        node = Meaning(reading.vocabulary).node(tree)
        check_height(node)
        return read(settle(node, scope), scope)
    except RecursionError:
        raise InputError("the formula is nested too deeply", code="limit", file=origin.file) from None
    except InputError as error:
        raise error.located(file=origin.file) from None


# -- what is known


def _spellings(declarations: Declarations) -> Spellings:
    declared: dict[str, tuple[str | None, tuple[str, ...]]] = {
        name: (symbol.latex, symbol.aliases) for name, symbol in declarations.symbols.items()
    }
    declared |= {dim: (latex, ()) for dim, latex in declarations.all_dims.items()}
    declared |= {name: (function.latex, ()) for name, function in declarations.functions.items()}
    return spellings_of(declared)


def _reader(spellings: Spellings, functions: Mapping[str, object]) -> Reader:
    return Reader({*function_words(), *(name.lower() for name in functions)}, spellings.names)
