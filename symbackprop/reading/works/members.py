r"""Letters that count layers or steps in time: ``h_{t-1}``, ``W^{(l+1)}``, ``\sum_t``.

Layers differ in their dims, so that no axis could hold them: a line with such a letter stands for one line
for each number that it can be, and a sum over it is written out. Numbers for which a name does not exist are
left out, as h_0 where a network begins with h_1. A capital letter (``z^{(L)}``, ``h_T``) is the last number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Tensor
from symbackprop.reading.works.spelling import partitions
from symbackprop.reading.works.statements import Clause, Member, Statement
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Env,
    Group,
    Listed,
    Node,
    Num,
    Product,
    Row,
    Scripts,
    Sum,
    Sym,
    bare,
)
from symbackprop.reading.works.vocabulary import DimName, Function, Vocabulary

_COUNTING = frozenset("ltTL")  # below a numbered name; others are read as indices there
MOST_LETTERS = 2
MOST_INSTANCES = 40
LAYER_ABOVE = 3  # the level of ``h^2`` for h2
Values = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Instance:
    """A statement for one choice of its letters."""

    statement: Statement
    values: Values

    @property
    def text(self) -> str:
        """``l = 2``."""
        return ", ".join(f"{letter} = {number}" for letter, number in self.values.items())


class Members:
    """The letters of a work that count members of families, and numbered names, of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        numbers = {int(found) for name in vocabulary.graph.tensors for found in re.findall(r"\d+", name)}
        numbers |= {t.family[1] for t in vocabulary.graph.tensors.values() if t.family is not None}
        self.numbers = sorted(number for number in numbers if number < MOST_INSTANCES)

    def instances(self, statement: Statement) -> list[Instance]:
        """The statement for each choice of its letters; none if it has no such letter."""
        nodes = [member.node for member in statement.members if member.node is not None]
        if not self.numbers:
            return []
        letters = list(dict.fromkeys(letter for node in nodes for letter in self.letters(node)))
        if not letters:
            return self.of_last(statement, nodes)
        fixed = {
            letter: last for letter in letters if letter.isupper() and (last := self.last(letter, nodes))
        }
        bound = {letter for node in nodes for letter in bound_letters(node)}
        free = [letter for letter in letters if letter not in bound and not letter.isupper()]
        if len(free) > MOST_LETTERS:
            return []
        found = []
        for numbers in product(self.numbers, repeat=len(free)):
            values = dict(zip(free, numbers, strict=True))
            made = self.instance(statement, {**fixed, **values})
            if made is not None:
                found.append(Instance(made, values))
        return found[:MOST_INSTANCES]

    def of_last(self, statement: Statement, nodes: list[Node]) -> list[Instance]:
        r"""A line about the last layer in names of its own alone: ``\delta^{(L)} = ...``."""
        named = any(
            isinstance(part, Scripts) and part.sup is not None and "L" in letters_in(part.sup)
            for node in nodes
            for part in node.walk()
        )
        endings = [re.search(r"[A-Za-z]_?(\d+)$", name) for name in self.vocabulary.graph.tensors]
        numbers = [int(one[1]) for one in endings if one is not None]
        layers = [number for number in numbers if numbers.count(number) > 1]
        if not named or not layers:
            return []
        made = self.instance(statement, {"L": max(layers)})
        return [Instance(made, {"L": max(layers)})] if made is not None else []

    def instance(self, statement: Statement, values: Values) -> Statement | None:
        """With numbers for its letters; None where a name does not exist, or a condition fails."""
        members: list[Member] = []
        for member in statement.members:
            node = None if member.node is None else self.put(member.node, values)
            if node is not None and not self.exists(node):
                return None
            members.append(replace(member, node=node))
        clauses = []
        for clause in statement.clauses:
            holds = self.holds(clause, statement, values)
            if holds is False:
                return None
            if holds is None:
                clauses.append(clause)
        return replace(statement, members=members, clauses=clauses)

    # -- which letters

    def letters(self, node: Node) -> list[str]:
        """Letters in scripts with which a name is not known, though it is with a number.

        One that is an index elsewhere, as in the delta beside h_i, is left to be read as one.
        """
        found: dict[str, None] = {}
        others: set[str] = set()
        for part in node.walk():
            if isinstance(part, Scripts) and part.base is not None and not self.is_sum(part):
                for letter in letters_of(part):
                    if self.counts(part, letter):
                        found[letter] = None
                    elif not self.is_power(part, letter) and not self.is_free_name(part, letter):
                        others.add(letter)
        return [letter for letter in found if letter not in others]

    def is_free_name(self, node: Scripts, letter: str) -> bool:
        r"""Whether ``\delta_t`` is a name that the work gives, or may give, to each member."""
        if letter not in _COUNTING or node.base is None or any(self.known(name) for name in names_of(node)):
            return False
        below = bare(node.sub)
        return isinstance(below, Sym | Sum) and not any(
            isinstance(one.meaning, Function) for one in self.vocabulary.lookup(node.base)
        )

    def is_power(self, node: Scripts, letter: str) -> bool:
        """Whether a letter is an exponent, as in gamma^t."""
        below = node.sub
        return below is None or letter not in set(letters_in(below))

    def counts(self, node: Scripts, letter: str) -> bool:
        """Whether a letter in the scripts of a name counts members."""
        if any(self.known(name, surely=True) for name in names_of(node)):
            return False
        return any(self.meant(node, letter, number) for number in self.numbers)

    def meant(self, node: Scripts, letter: str, number: int) -> bool:
        """Whether a name with this number is known, and its letter stands where it is hardly an index."""
        changed = put_in(node, {letter: number})
        if not isinstance(changed, Scripts):
            return False
        beside = any(
            isinstance(bare(script), Product) and letter in set(letters_in(script))
            for sign, script in node.scripts if sign == "_" and script is not None
        )  # fmt: skip
        below = node.sub is not None and letter in set(letters_in(node.sub))
        for name, sub, _, _, _ in partitions(changed):
            for one in self.vocabulary.lookup(name) if name is not None else ():
                tensor = one.meaning.by if isinstance(one.meaning, Partial) else one.meaning
                if isinstance(one.meaning, DimName | Function) or tensor in self.vocabulary.own:
                    continue
                if isinstance(tensor, Tensor) and tensor.family is not None:
                    return not beside or (sub is not None and tensor.rank == 1)
                return not beside and (not below or letter in _COUNTING)
        return False

    def known(self, node: Node, *, surely: bool = False) -> bool:
        """Whether a name has a meaning as it stands; ``surely`` does not take the square of h for h2."""
        for one in self.vocabulary.lookup(node):
            if not isinstance(one.meaning, DimName | Function) and not (surely and one.level == LAYER_ABOVE):
                return True
        return next(iter(self.vocabulary.match(node)), None) is not None

    def resolves(self, node: Node) -> bool:
        """Whether a name with a number in its scripts is one of the problem."""
        return isinstance(node, Scripts) and any(self.known(name) for name in names_of(node))

    def last(self, letter: str, nodes: list[Node]) -> int | None:
        """The last number for which all names with a capital letter exist."""
        for number in reversed(self.numbers):
            if all(
                self.resolves(put_in(part, {letter: number}))
                for node in nodes for part in node.walk()
                if isinstance(part, Scripts) and letter in letters_of(part) and self.counts(part, letter)
            ):  # fmt: skip
                return number
        return None

    # -- what stands for them

    def exists(self, node: Node) -> bool:
        """Whether every name with a number that counts members is one of the problem."""
        return not any(isinstance(part, _Missing) for part in node.walk())

    def put(self, node: Node, values: Values) -> Node:
        """The piece with numbers for the letters, sums over such a letter written out."""
        if isinstance(node, Product):
            for place, (_, item) in enumerate(node.items):
                spread = self.spread(node, place, item, values)
                if spread is not None:
                    return spread
        if isinstance(node, Scripts) and node.base is not None and not self.is_sum(node):
            own = {letter: number for letter, number in values.items() if letter in letters_of(node)}
            changed = put_in(node, own) if own else node
            if own and any(self.counts(node, letter) for letter in own) and not self.resolves(changed):
                return _Missing(node.start, node.stop)
            node = changed
        return rebuilt(node, lambda part: self.put(part, values))

    def spread(self, node: Product, place: int, item: Node | None, values: Values) -> Node | None:
        """A product that ends in a sum over members, with that sum written out."""
        if not isinstance(item, Scripts) or not self.is_sum(item):
            return None
        letter, low, high = range_of(item, values)
        rest = (
            Product(item.stop, node.stop, (("", node.items[place + 1][1]), *node.items[place + 2 :]))
            if (place + 1 < len(node.items))
            else None
        )
        if letter is None or rest is None or letter not in self.letters(rest):
            return None
        terms: list[tuple[str, Node | None]] = []
        for number in self.numbers:
            if (low is not None and number < low) or (high is not None and number > high):
                continue
            if (low is None or high is None) and self.is_undefined(rest, letter, number):
                continue
            term = self.put(rest, {**values, letter: number})
            if self.exists(term) or (low is not None and high is not None):
                terms.append(("+" if terms else "", term))
        if not terms:
            return _Missing(node.start, node.stop)
        group = Group(item.start, node.stop, "(", Sum(item.start, node.stop, tuple(terms)), ")")
        before = [(op, None if part is None else self.put(part, values)) for op, part in node.items[:place]]
        return Product(node.start, node.stop, (*before, ("", group))) if before else group

    def is_undefined(self, node: Node, letter: str, number: int) -> bool:
        """Whether a name that the work gives to some members is not given to this one."""
        for part in node.walk():
            if isinstance(part, Scripts) and letter in letters_of(part) and not self.is_sum(part):
                own = {other for other in self.numbers if self.is_own(put_in(part, {letter: other}))}
                if own and number not in own:
                    return True
        return False

    def is_own(self, node: Node) -> bool:
        """Whether a piece, or its base with a script, is a name of the work."""
        names = names_of(node) if isinstance(node, Scripts) else iter(())
        return any(self.vocabulary.own_of(name) is not None for name in names)

    def is_sum(self, node: Scripts) -> bool:
        base = bare(node.base)
        return isinstance(base, Sym) and base.name == r"\sum"

    def holds(self, clause: Clause, statement: Statement, values: Values) -> bool | None:
        """Whether a condition on the letters holds; None for one that is about something else."""
        node = bare(clause.node)
        if not isinstance(node, Chain) or len(node.members) != 2:
            return None
        sides = [number_at(member, values) for _, member in node.members]
        if not any(letter in values for letter in letters_in(node)):
            return None
        ranged = any(other.text == "range" for other in statement.clauses)
        if None in sides or ranged:
            return True  # t = 1, ..., T; t < T with a T that is not known
        relation = node.members[1][0]
        left, right = (side for side in sides if side is not None)
        return {"=": left == right, "<": left < right, ">": left > right}.get(
            relation,
            left != right
            if relation in (r"\ne", r"\neq")
            else left <= right
            if "l" in relation
            else left >= right,
        )


class _Missing(Sym):
    """A name that does not exist for this number."""

    __slots__ = ()

    def __init__(self, start: int, stop: int) -> None:
        super().__init__(start, stop, "?")


def names_of(node: Scripts) -> Iterator[Node]:
    """What of a piece with scripts may be a name, its base alone included."""
    for name, _, _, _, _ in partitions(node):
        if name is not None:
            yield name


def letters_in(node: Node) -> Iterator[str]:
    """All letters of one sign."""
    for part in node.walk():
        if isinstance(part, Sym) and len(part.name) == 1 and part.name.isalpha():
            yield part.name


def letters_of(node: Scripts) -> set[str]:
    """The letters in the scripts of a piece."""
    return {
        letter for sign, script in node.scripts if script is not None
        for letter in letters_in(script) if not (sign == "^" and letter == "T")
    }  # fmt: skip


def bound_letters(node: Node) -> set[str]:
    """The letters of sums."""
    found: set[str] = set()
    for part in node.walk():
        if isinstance(part, Scripts) and isinstance(bare(part.base), Sym) and part.sub is not None:
            base = bare(part.base)
            if isinstance(base, Sym) and base.name in (r"\sum", r"\prod", r"\max"):
                found.update(list(letters_in(part.sub))[:1])
    return found


def range_of(item: Scripts, values: Values) -> tuple[str | None, int | None, int | None]:
    r"""(letter, first, last) of ``\sum_{t=1}^{T}``; None for an end that is not a number."""
    below = bare(item.sub)
    low: int | None = None
    if isinstance(below, Chain) and len(below.members) == 2 and below.members[1][0] == "=":
        low = number_at(below.members[1][1], values)
        below = bare(below.members[0][1])
    high = number_at(item.sup, values)
    return (below.name if isinstance(below, Sym) else None), low, high


def put_in(node: Node, values: Values) -> Node:
    """Numbers for letters, with sums of numbers worked out: ``l + 1`` is 3 at l = 2."""
    if isinstance(node, Sym) and node.name in values:
        return Num(node.start, node.stop, str(values[node.name]))
    if isinstance(node, Scripts):
        scripts = tuple((sign, script and put_in(script, values)) for sign, script in node.scripts)
        return replace(node, scripts=scripts)
    changed = rebuilt(node, lambda part: put_in(part, values))
    if isinstance(changed, Sum):
        number = number_of(changed)
        if number is not None:
            return Num(node.start, node.stop, str(number))
    return changed


def number_at(node: Node | None, values: Values) -> int | None:
    """The whole number that a piece is for these values."""
    inner = bare(node)
    return None if inner is None else number_of(put_in(inner, values))


def number_of(node: Node | None) -> int | None:
    """The whole number that a piece is."""
    inner = bare(node)
    if isinstance(inner, Num):
        return int(inner.text) if inner.text.isdigit() else None
    if isinstance(inner, Sum):
        total = 0
        for sign, term in inner.terms:
            value = number_of(term)
            if value is None:
                return None
            total += -value if sign == "-" else value
        return total
    return None


def rebuilt(node: Node, change: Callable[[Node], Node]) -> Node:
    """The node with its direct parts changed."""

    def maybe(part: Node | None) -> Node | None:
        return None if part is None else change(part)

    match node:
        case Cmd():
            return replace(node, args=tuple(map(change, node.args)), option=maybe(node.option))
        case Scripts():
            scripts = tuple((sign, script) for sign, script in node.scripts)
            return replace(node, base=maybe(node.base), scripts=scripts)
        case Group() | Braces():
            return replace(node, body=maybe(node.body))
        case Product() | Listed():
            return replace(node, items=tuple((sign, maybe(item)) for sign, item in node.items))
        case Sum():
            return replace(node, terms=tuple((sign, maybe(item)) for sign, item in node.terms))
        case Chain():
            return replace(node, members=tuple((sign, maybe(item)) for sign, item in node.members))
        case Env():
            return replace(node, rows=tuple(_row(row, maybe) for row in node.rows))
    return node


def _row(row: Row, maybe: Callable[[Node | None], Node | None]) -> Row:
    return replace(row, cells=tuple(map(maybe, row.cells)))
