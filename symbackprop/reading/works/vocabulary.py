r"""What the names of a work may mean: spelling -> meanings, the declared ones first.

Level 0 are spellings that somebody declared (``latex:``, ``aliases:``, ``notation:``) and what the printer
writes; 1 and 2 those that follow from a plain name (``W2``: ``W_2``, ``W^{(2)}``, ``W^{[2]}``); 3 is
``W^2`` for W2, which may also be the square of W. Patterns (``W_i`` is W[:,i]) come after exact spellings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.errors import InputError
from symbackprop.notation.latex_symbols import name_symbol, tensor_symbol
from symbackprop.notation.names import PLAIN, Names
from symbackprop.ops.registry import all_operations
from symbackprop.reading.asked import behind_d
from symbackprop.reading.elaborate import read
from symbackprop.reading.latex_words import function_words, normal
from symbackprop.reading.notation_entries import NotationEntry
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import Scope
from symbackprop.reading.tokens import tokenize as tokenize_text
from symbackprop.reading.works.commands import FONTS
from symbackprop.reading.works.spelling import parse_formula, spell
from symbackprop.reading.works.tree import Cmd, Node, Product, Scripts, Sym, Word, bare

_ACCENTED = re.compile(r"([A-Za-z]\d?)(hat|bar|tilde|dot)")  # Xhat: \hat{X}
_WITH_LETTERS = re.compile(r"([A-Za-z])([A-Za-z]{1,3})")  # Wq: W_q
_STYLES = ("subscript", "paren", "bracket")


@dataclass(frozen=True, slots=True)
class Function:
    """A name that is a function, ``primes`` times differentiated."""

    name: str
    primes: int = 0


@dataclass(frozen=True, slots=True)
class DimName:
    """A name that is a dim."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """What a spelling of ``notation:`` means; ``letters`` are its free indices, in the order of ``holes``."""

    expr: Expr
    text: str
    letters: tuple[Index, ...] = ()


Meaning = Tensor | Function | DimName | Template | Partial


@dataclass(frozen=True, slots=True)
class Named:
    """A meaning, and how sure a spelling of it is (0 the surest)."""

    meaning: Meaning
    level: int


@dataclass(slots=True)
class Pattern:
    """A spelling with free letters in it, such as ``W_i``."""

    tree: Node
    letters: tuple[str, ...]
    template: Template


@dataclass(slots=True)
class Vocabulary:
    """The table of a problem; made once for all lines of a work."""

    graph: Graph
    names: Names = PLAIN
    table: dict[str, list[Named]] = field(default_factory=dict)
    exact: dict[str, list[Named]] = field(default_factory=dict)
    patterns: list[Pattern] = field(default_factory=list)
    longest: int = 1  # the most factors that one spelling has
    words: dict[str, str] = field(default_factory=dict)  # plain words in letters -> their spelling
    unread: list[str] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)  # names that the work has defined so far
    own: list[Tensor] = field(default_factory=list)  # the arrays that they stand for
    shadowing: list[Template] = field(default_factory=list)  # what names for numbers stand for
    values: list[Expr] = field(default_factory=list)  # what those are worth
    sets: dict[str, Node] = field(default_factory=dict)  # what the work calls a set of places
    ranges: dict[str, Dim] = field(default_factory=dict)  # how far letters ran in earlier lines
    layout: str = "gradient"
    seen: dict[str, list[Named]] = field(default_factory=dict)  # what was looked up already

    @staticmethod
    def of(
        graph: Graph, notation: Sequence[NotationEntry], names: Names, layout: str = "gradient"
    ) -> Vocabulary:
        """The table of a graph and its ``notation:``."""
        found = Vocabulary(graph, names, layout=layout)
        style = names.style
        for name, tensor in graph.tensors.items():
            found.add(tensor_symbol(tensor, style).tex, tensor, 0)
            for alias in tensor.aliases:
                found.add(alias, tensor, 0)
            found._plain(name, tensor)
            if tensor.family is not None:
                stem, number = tensor.family
                for layers in ("paren", "bracket"):
                    found.add(name_symbol(f"{stem}{number}", layers).tex, tensor, 2)
        for name, latex in graph.dims.items():
            found.add(names.dims.get(name) or latex or name_symbol(name).tex, DimName(name), 0)
            found._plain(name, DimName(name))
        for name, function in graph.functions.items():
            if function.latex is not None:
                found.add(function.latex, Function(name), 0)
            found._plain(name, Function(name))
        for (of, by), (name, latex) in names.partials.items():
            if latex is not None:
                found.add(latex, Partial(of, by), 0)
            found._plain(name, Partial(of, by))
        for entry in notation:
            found._entry(entry)
        named: dict[str, Meaning] = {**graph.tensors, **{dim: DimName(dim) for dim in graph.dims}}
        for name, meaning in named.items():
            found._as_subscript(name, meaning, {*named, *graph.families, *graph.functions})
            tex = name_symbol(name, "superscript").tex
            found.add(tex, meaning, 1 if style.get("layers") == "superscript" else 3)
        return found

    def add(self, latex: str, meaning: Meaning, level: int) -> None:
        """One spelling; one that cannot be read is left out."""
        tree = parse_formula(latex)
        if tree is not None:
            self.add_tree(tree, meaning, level)

    def add_tree(self, tree: Node, meaning: Meaning, level: int) -> None:
        """The same, of a tree."""
        if isinstance(tree, Product):
            self.longest = max(self.longest, len(tree.items))
        _enter(self.exact, spell(tree), meaning, level)
        _enter(self.table, spell(tree, loose=True), meaning, level)

    def _plain(self, name: str, meaning: Meaning) -> None:
        for style in _STYLES:
            self.add(name_symbol(name, style).tex, meaning, 1 if style == "subscript" else 2)
        accented = _ACCENTED.fullmatch(name)
        if accented is not None:
            self.add(rf"\{accented[2]}{{{name_symbol(accented[1]).tex}}}", meaning, 1)
        if len(name) > 1:
            self.words[name] = f"<{name}>"
            _enter(self.exact, f"<{name}>", meaning, 1)
            _enter(self.table, f"<{name}>", meaning, 1)
            if name.isalpha():
                self.add(rf"\{name}", meaning, 2)

    def _as_subscript(self, name: str, meaning: Meaning, taken: Collection[str]) -> None:
        """``W_q``, ``W^q`` for a declared ``Wq``, where no W is declared that could have an entry q."""
        parts = _WITH_LETTERS.fullmatch(name)
        if parts is None or parts[1] in taken or name_symbol(name).tex != rf"\mathrm{{{name}}}":
            return  # a Greek letter
        stem, own = parts[1], parts[2]
        for letters in dict.fromkeys((own, own.upper(), own.lower())):  # W^Q for Wq
            if letters != own and stem + letters in taken:
                continue
            self.add(f"{stem}_{{{letters}}}", meaning, 2)
            if letters != "T":
                self.add(f"{stem}^{{{letters}}}", meaning, 3)

    def define(self, tree: Node, meaning: Tensor | Template) -> None:
        """A name that the work gives to something: it means that and nothing else from here on."""
        self.forget(tree)
        self.add_tree(tree, meaning, 0)
        if isinstance(meaning, Tensor):
            self.own.append(meaning)
        else:
            self.shadowing.append(meaning)
        self.seen.clear()

    def forget(self, tree: Node) -> None:
        """A name that the work will give another meaning has none until then."""
        for table, key in ((self.exact, spell(tree)), (self.table, spell(tree, loose=True))):
            table[key] = [one for one in table.get(key, ()) if not self._is_own(one.meaning)]
        self.seen.clear()

    def _is_own(self, meaning: Meaning) -> bool:
        return any(meaning is one for one in (*self.own, *self.shadowing))

    def own_of(self, tree: Node) -> Tensor | None:
        """The array of the work that a piece names as a whole."""
        found = [one.meaning for one in self.lookup(tree)]
        return next((one for one in found if isinstance(one, Tensor) and one in self.own), None)

    # -- notation

    def _entry(self, entry: NotationEntry) -> None:
        meaning = self._meaning(entry)
        if meaning is None:
            self.unread.append(entry.spelling or entry.name or "")
            return
        spellings = [one for one in (entry.spelling, entry.latex, *entry.aliases) if one is not None]
        if entry.name is not None:
            self._plain(entry.name, meaning)
            if not spellings:
                spellings = [name_symbol(entry.name).tex]
        for latex in spellings:
            tree = parse_formula(latex)
            if tree is None:
                continue
            if isinstance(meaning, Template) and meaning.letters:
                letters = tuple(index.letter for index in meaning.letters)
                self.patterns.append(Pattern(tree, letters, meaning))
            else:
                self.add_tree(tree, meaning, 0)

    def _meaning(self, entry: NotationEntry) -> Meaning | None:
        if entry.partial is not None:
            return entry.partial
        text = entry.meaning.strip()
        word = text.rstrip("'")
        if word in self.graph.functions or word in function_words().values():
            return Function(word, len(text) - len(word))
        graph = self.graph
        free: dict[str, Index] = {}
        scope = Scope(
            graph.convention, graph.tensors, graph.dims, graph.functions, derivatives=True, free=free,
            first=graph.first,
        )  # fmt: skip
        try:
            known = {*graph.tensors, *graph.dims}
            node = parse_expression(text, known | behind_d(tokenize_text(text), known))
            expr = read(node, scope)
        except InputError:
            return None
        return Template(expr, text, tuple(free.values()))

    # -- looking up

    def lookup(self, node: Node) -> list[Named]:
        """The meanings of a piece as a whole, the surest first: with its very fonts, then without."""
        key = spell(node)
        found = self.seen.get(key)
        if found is None:
            found = self.seen[key] = self._looked_up(key, spell(node, loose=True))
        return found

    def _looked_up(self, key: str, loose: str) -> list[Named]:
        own = self.exact.get(key, ())
        kept: list[Named] = []
        for one in sorted([*own, *self.table.get(loose, ())], key=lambda named: named.level):
            if all(one.meaning != other.meaning for other in kept):
                kept.append(one)
        exact = {id(one.meaning) for one in own if one.level == 0}
        mine = {id(one) for one in (*self.own, *self.shadowing)}  # what the work says itself comes first
        return sorted(
            kept, key=lambda n: (id(n.meaning) not in mine, n.level, id(n.meaning) not in exact)
        )  # fmt: skip

    def match(self, node: Node) -> Iterator[tuple[Template, dict[str, Node]]]:
        """Patterns of ``notation:`` that fit, with what stands for their letters."""
        for pattern in self.patterns:
            found: dict[str, Node] = {}
            if _fits(pattern.tree, node, frozenset(pattern.letters), found):
                yield pattern.template, found

    def function(self, node: Node) -> Function | None:
        """The function of the table that a word or command stands for, unless that name is declared."""
        inner: Node | None = node
        while isinstance(inner, Cmd) and inner.name in FONTS:
            inner = bare(inner.args[0])
        if isinstance(inner, Word):
            name = function_words().get(normal(inner.text))
        elif isinstance(inner, Scripts):
            name = scripted_functions().get(spell(inner, loose=True))
        elif isinstance(inner, Sym) and inner.name[:1] == "\\":
            name = _COMMANDS.get(inner.name) or function_words().get(normal(inner.name[1:]))
        else:
            return None
        return Function(name) if name is not None else None

    @property
    def batch_dims(self) -> frozenset[str]:
        """Dims that count examples: of an input or target, and of no parameter."""
        tensors = self.graph.symbols
        owned = {name for t in tensors if t.role is Role.PARAMETER for dim in t.shape for name in dim.names}
        given = {
            name
            for t in tensors
            if t.role in (Role.INPUT, Role.TARGET) and (t.rank == 2 or t.is_label)
            for dim in t.shape
            for name in dim.names
        }
        return frozenset(given - owned)


@cache
def scripted_functions() -> Mapping[str, str]:
    r"""What is printed as a word with scripts, such as ``\operatorname{GELU}_{\tanh}`` -> its name."""
    found: dict[str, str] = {}
    for op in all_operations():
        tree = parse_formula(op.latex) if op.latex else None
        if isinstance(tree, Scripts):
            found[spell(tree, loose=True)] = op.name
    return found


_COMMANDS: Mapping[str, str] = {
    r"\exp": "exp", r"\log": "log", r"\ln": "log", r"\max": "max", r"\min": "min", r"\tanh": "tanh",
    r"\sin": "sin", r"\cos": "cos", r"\det": "det", r"\Tr": "trace", r"\tr": "trace", r"\sqrt": "sqrt",
    r"\softmax": "softmax", r"\relu": "relu", r"\ReLU": "relu", r"\diag": "diag", r"\sgn": "sign",
}  # fmt: skip


def _enter(table: dict[str, list[Named]], key: str, meaning: Meaning, level: int) -> None:
    entries = table.setdefault(key, [])
    for place, one in enumerate(entries):
        if one.meaning == meaning:
            if level < one.level:
                entries[place] = Named(meaning, level)
            return
    entries.append(Named(meaning, level))


def substituted(template: Template, values: Mapping[str, IndexValue]) -> Expr:
    """The meaning of a pattern with positions for its letters."""
    by_index = {index: values[index.letter] for index in template.letters}

    def change(expr: Expr) -> Expr:
        if isinstance(expr, IndexValue) and type(expr) is IndexValue:
            return _shifted(expr, by_index)
        return expr.map_children(change)

    return change(template.expr)


def _shifted(value: IndexValue, by_index: Mapping[Index, IndexValue]) -> IndexValue:
    indices: list[tuple[Index, int]] = []
    offset = value.offset
    for index, coefficient in value.indices:
        new = by_index.get(index)
        if new is None:
            indices.append((index, coefficient))
            continue
        indices.extend((inner, factor * coefficient) for inner, factor in new.indices)
        offset = offset + new.offset * coefficient
    return IndexValue(tuple(indices), offset)


def _fits(pattern: Node | None, node: Node | None, letters: frozenset[str], found: dict[str, Node]) -> bool:
    """Whether ``node`` is ``pattern`` with something for each letter; braces and fonts do not count."""
    pattern, node = bare(pattern), bare(node)
    if pattern is None or node is None:
        return pattern is node
    if isinstance(pattern, Sym) and pattern.name in letters:
        if pattern.name in found:
            return spell(found[pattern.name], loose=True) == spell(node, loose=True)
        found[pattern.name] = node
        return True
    if type(pattern) is type(node) and pattern.parts and len(pattern.parts) == len(node.parts):
        shells = (_shell(pattern), _shell(node))
        return shells[0] == shells[1] and all(
            _fits(one, other, letters, found) for one, other in zip(pattern.parts, node.parts, strict=True)
        )
    return spell(pattern, loose=True) == spell(node, loose=True)


def _shell(node: Node) -> object:
    """What a node is besides its parts."""
    for name in ("scripts", "items", "terms", "members"):
        pieces = getattr(node, name, None)
        if pieces is not None:
            return type(node), tuple(sign for sign, _ in pieces)
    return type(node), getattr(node, "name", ""), getattr(node, "opener", "")
