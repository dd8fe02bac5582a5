r"""Products, functions, sums and derivatives: a flat list of factors in, one syntax node out.

Which factor is a function's argument, how far ``\sum`` reaches (to the next + or -), that ``\odot``
binds less tightly than juxtaposition, whether a bracket is an argument, an index or a factor:
decided by what is declared, in the order of docs/latex.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symbackprop.errors import InputError
from symbackprop.reading.latex_meaning import SymbolReader
from symbackprop.reading.latex_open import Open
from symbackprop.reading.latex_parser import FUNCTIONS
from symbackprop.reading.latex_tree import (
    Accent,
    Colon,
    Compare,
    Fraction_,
    Group,
    Listed,
    Number,
    Product,
    Scripted,
    Sum,
    Sym,
    Tree,
    Word,
    name_latex,
    spell,
)
from symbackprop.reading.latex_words import function_of
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Chain,
    Derivative,
    Name,
    Node,
    Num,
    Over,
    Raised,
    Relation,
    Sub,
    Times,
    Whole,
)
from symbackprop.reading.tokens import Place, fail

Items = Sequence[tuple[str, Tree]]
_WEAK = frozenset((r"\odot", r"\circ", r"\oslash", "*", r"\times", r"\otimes", r"\div", r"\bullet"))
_BIG = {"\\sum ": "sum", "\\Sigma ": "sum", "\\prod ": "prod", "<max>": "max", "<min>": "min"}
_ARGUMENT = ("(", "[", r"\{")
_ONE_ARGUMENT = frozenset(("max", "min"))


class Meaning(SymbolReader):
    """One reader for one equation; ``target`` is the name that the equation defines."""

    def product(self, tree: Product) -> Node:
        return self.factors(tree.at, tree.items)

    def node(self, tree: Tree) -> Node:
        if isinstance(tree, Sym | Word | Scripted | Accent) and (self.function(tree) or _big(tree)):
            return self.factors(tree.at, (("", tree),))
        return super().node(tree)

    def factors(self, at: Place, items: Items) -> Node:
        """All factors as one node."""
        units: list[tuple[str, Node]] = []
        position = 0
        while position < len(items):
            op, item = items[position]
            node, position = self.unit(items, position)
            if isinstance(node, Apply | Derivative) or isinstance(item, Group):
                node, position = self.bracket_indices(node, items, position)
            units.append((op, node))
        return _folded(at, units)

    def unit(self, items: Items, position: int) -> tuple[Node, int]:
        """The factor that begins at ``position``, and where the next one begins."""
        item = items[position][1]
        declared = self.declared_run(items, position)
        if declared is not None:
            return declared
        big = _big(item)
        following = items[position + 1][1] if position + 1 < len(items) and not items[position + 1][0] else None
        if big is not None and not (big in _ONE_ARGUMENT and not isinstance(item, Scripted)):
            if big != "sum" or spell(item).startswith("\\sum") or isinstance(item, Scripted):
                return self.big(item, big, items[position + 1 :]), len(items)
        base = item.base if isinstance(item, Scripted) else item
        if isinstance(base, Sym) and base.name == r"\nabla":
            return self.nabla(item, items, position)
        if isinstance(item, Sym) and item.name == r"\partial":
            return self.inline_derivative(items, position)
        if isinstance(item, Fraction_) and _head(item.num) == r"\partial" and not isinstance(item.num, Product):
            if following is None:
                raise fail("a derivative of nothing", item.at, "write what is differentiated after it")
            num = Product(item.at, (("", Sym(item.at, r"\partial")), ("", following)))
            found = self.derivative(num, item.den)
            assert found is not None
            return found, position + 2
        call = self.function(item)
        if call is not None:
            return self.call(item, call, items, position + 1)
        if following is not None:
            indicator = self.marked_indicator(item, following)
            if indicator is not None:
                return indicator, position + 2
            bracket = following.base if isinstance(following, Scripted) else following
            if isinstance(bracket, Group) and bracket.opener in ("(", "["):
                return self.before_bracket(item, bracket, items, position)
        return self.node(item), position + 1

    # -- declared spellings of several factors

    def declared_run(self, items: Items, position: int) -> tuple[Node, int] | None:
        for length in range(min(self.spellings.longest, len(items) - position), 1, -1):
            run = tuple(items[position : position + length])
            tree = Product(run[0][1].at, (("", run[0][1]), *run[1:]))
            name = self.spellings.find(tree)
            if name is not None:
                return Name(tree.at, name), position + length
        return None

    # -- symbols before a bracket

    def before_bracket(self, item: Tree, bracket: Group, items: Items, position: int) -> tuple[Node, int]:
        """A symbol and then ``(`` or ``[``: an index, the abstract loss, a product, or an unknown function."""
        match = self.spellings.match(item) if isinstance(item, Sym | Word | Accent | Scripted) else None
        if match is not None and match.name == self.target and match.sub is None and match.sup is None:
            args = self.arguments(bracket)
            return Apply(item.at, match.name, match.primes, args), position + 2
        if match is not None and bracket.opener == "[":
            return self.bracket_index(item, items, position)
        if match is None and bracket.opener == "(" and isinstance(item, Sym | Scripted | Word | Accent):
            base = item.base if isinstance(item, Scripted) else item
            if isinstance(base, Word) or (
                isinstance(base, Sym | Accent) and self.special(item) is None and spell(base) != "T"
            ):
                raise fail(
                    f"unknown function {_shown(item)}",
                    item.at,
                    "declare it with role: function, or write \\cdot for a product",
                    "unknown-function",
                )
        return self.node(item), position + 1

    def bracket_index(self, item: Tree, items: Items, position: int) -> tuple[Node, int]:
        """``Z[k]``, ``W[i][j]``: an index if only undeclared letters and numbers stand inside."""
        return self.bracket_indices(self.node(item), items, position + 1)

    def bracket_indices(self, node: Node, items: Items, position: int) -> tuple[Node, int]:
        """``node`` with the indices in brackets that stand at ``position``, if any do."""
        slots: list[Node] = []
        script: Scripted | None = None
        while position < len(items) and not items[position][0] and script is None:
            following = items[position][1]
            bracket = following.base if isinstance(following, Scripted) else following
            if not (isinstance(bracket, Group) and bracket.opener == "[" and self.is_index(bracket.body)):
                break
            slots.extend(self.slots(bracket.body, None))
            script = following if isinstance(following, Scripted) else None
            position += 1
        if slots:
            node = Sub(node.at, node, tuple(slots))
        if script is not None:
            node = self.with_scripts(node, script.sub, script.sup, None, script.primes)
        return node, position

    def indexes(self, symbol: Tree, bracket: Tree) -> bool:
        """Whether ``[...]`` behind a declared symbol is its index."""
        if not (isinstance(bracket, Group) and bracket.opener == "[" and self.is_index(bracket.body)):
            return False
        return isinstance(symbol, Sym | Word | Accent | Scripted) and self.spellings.match(symbol) is not None

    def is_index(self, tree: Tree) -> bool:
        if isinstance(tree, Listed):
            return all(map(self.is_index, tree.items))
        if isinstance(tree, Sum):
            return all(self.is_index(term) for _, term in tree.terms)
        if isinstance(tree, Product):
            return all(self.is_index(item) for _, item in tree.items)
        if isinstance(tree, Sym | Scripted):
            match = self.spellings.match(tree)
            return match is None or match.name not in self.vocabulary.ranks
        return isinstance(tree, Number | Colon)

    def marked_indicator(self, item: Tree, following: Tree) -> Node | None:
        r"""``\mathbb 1[i = j]``, ``\mathbb I(y = k)``, ``1\{x > 0\}``."""
        bracket = following.base if isinstance(following, Scripted) else following
        if not (isinstance(bracket, Group) and isinstance(bracket.body, Compare)):
            return None
        bare = item.arg if isinstance(item, Accent) else item
        if not (isinstance(bare, Number) and bare.value == 1) and spell(bare) not in ("I", "<ind>"):
            return None
        node = self.indicator(bracket.body)
        if isinstance(following, Scripted):
            return self.with_scripts(node, following.sub, following.sup, None, following.primes)
        return node

    # -- functions

    def function(self, tree: Tree) -> tuple[str, Tree | None, Tree | None, int] | None:
        """The function that a piece is, with the scripts that are not part of its name."""
        if not isinstance(tree, Sym | Word | Accent | Scripted):
            return None
        match = self.spellings.match(tree)
        if match is not None:
            if match.name in self.vocabulary.functions:
                return match.name, match.sub, match.sup, match.primes
            return None
        whole = function_of(tree)
        if whole is not None:
            return (whole, None, None, 0) if whole != "sum" or not spell(tree).startswith("\\") else None
        if isinstance(tree, Scripted):
            inner = function_of(tree.base)
            if inner is not None and not spell(tree.base).startswith("\\sum"):
                return inner, tree.sub, tree.sup, tree.primes
        return None

    def call(
        self, item: Tree, function: tuple[str, Tree | None, Tree | None, int], items: Items, position: int
    ) -> tuple[Node, int]:
        """A function and its argument, from ``position`` on."""
        name, sub, sup, primes = function
        axis = self.axis(name, sub)
        args, script, position = self.argument(item, items, position)
        node: Node = Apply(item.at, name, primes, (*args, *axis))
        if sup is not None:
            if not (isinstance(sup, Number) and sup.value >= 2):
                raise fail(f"this superscript on {name} is not read", sup.at, "write it behind the argument")
            node = Raised(item.at, node, self.node(sup))
        if script is not None:
            node = self.with_scripts(node, script.sub, script.sup, None, script.primes)
        return node, position

    def axis(self, name: str, sub: Tree | None) -> tuple[Node, ...]:
        if sub is None:
            return ()
        if isinstance(sub, Word) and sub.name in ("rows", "columns"):
            return (Name(sub.at, sub.name),)
        raise fail(
            f"this subscript on {name} is not read",
            sub.at,
            f"declare a function of that spelling: {{role: function, is: {name}}}",
        )

    def argument(
        self, item: Tree, items: Items, position: int
    ) -> tuple[tuple[Node, ...], Scripted | None, int]:
        """The arguments of a function: a bracket, or the run of factors up to the next operator."""
        following = items[position][1] if position < len(items) and not items[position][0] else None
        if following is None:
            raise fail(f"{_shown(item)} needs an argument", item.at, f"write {_shown(item)}(...)")
        bracket = following.base if isinstance(following, Scripted) else following
        if isinstance(bracket, Group) and bracket.opener in _ARGUMENT and not _is_indicator(bracket):
            return self.arguments(bracket), following if isinstance(following, Scripted) else None, position + 1
        if self.function(following) or _big(following):
            node, position = self.unit(items, position)
            node, position = self.bracket_indices(node, items, position)
            return (node,), None, position
        start = position
        while position < len(items) and (position == start or not items[position][0]):
            here = items[position][1]
            if position > start and (self.function(here) or _big(here)):
                break
            bracket = here.base if isinstance(here, Scripted) else here
            if position > start and self.indexes(items[position - 1][1], bracket):
                position += 1
                continue
            if position > start and isinstance(bracket, Group) and bracket.opener in _ARGUMENT:
                raise fail(
                    f"it is not clear whether this bracket belongs to {_shown(item)}",
                    here.at,
                    f"write {_shown(item)}(...) with its whole argument in brackets",
                )
            position += 1
        return (self.factors(following.at, items[start:position]),), None, position

    def arguments(self, bracket: Group) -> tuple[Node, ...]:
        body = bracket.body
        parts = body.items if isinstance(body, Listed) else (body,)
        return tuple(
            Relation(part.at, self.node(part.left), part.op, self.node(part.right))
            if isinstance(part, Compare)
            else self.node(part)
            for part in parts
        )

    # -- sums

    def big(self, item: Tree, binder: str, rest: Items) -> Node:
        r"""``\sum_{n=1}^N`` and everything after it."""
        if not rest or rest[0][0]:
            raise fail(f"nothing stands after {_shown(item)}", item.at)
        body = self.factors(rest[0][1].at, rest)
        sub = item.sub if isinstance(item, Scripted) else None
        sup = item.sup if isinstance(item, Scripted) else None
        if sub is None:
            if sup is not None or binder == "prod":
                raise fail(f"{_shown(item)} needs an index below", item.at)
            return Apply(item.at, binder, 0, (body,))
        ranges = self.ranges(sub, sup)
        return _line_sum(item.at, ranges, body) or Bind(item.at, binder, ranges, body)

    def ranges(self, sub: Tree, sup: Tree | None) -> tuple[Bounds, ...]:
        high = self.node(sup) if sup is not None else None
        last = sub.items[-1] if isinstance(sub, Listed) else sub
        front = sub.items[:-1] if isinstance(sub, Listed) else ()
        if isinstance(last, Product) and not front and not any(op for op, _ in last.items):
            front, last = tuple(part for _, part in last.items[:-1]), last.items[-1][1]
        if isinstance(last, Compare) and last.op != "=":
            if front or high is not None:
                raise fail("this range is not read", sub.at, "write one sum for each index")
            index = self.index(last.left)
            return (Bounds(last.at, index, op=last.op, other=self.node(last.right)),)
        low: Node | None = self.node(last.right) if isinstance(last, Compare) else None
        letter = last.left if isinstance(last, Compare) else last
        if low is not None and high is None:
            if not (isinstance(low, Num) and low.value == 1):
                raise fail("a sum with a first value needs its last value", last.at)
            low = None
        if high is not None and low is None:
            low = Num(last.at, Fraction(1), "1")
        return tuple(Bounds(part.at, self.index(part), low, high) for part in (*front, letter))

    def index(self, tree: Tree) -> str:
        node = self.node(tree) if isinstance(tree, Sym | Scripted | Word) else None
        if not isinstance(node, Name):
            raise fail("an index is one letter", tree.at)
        return node.name

    # -- derivatives

    def derivative(self, num: Tree, den: Tree) -> Node | None:
        head = _head(num)
        if head is None or _head(den) != head or not isinstance(den, Product):
            return None
        if head == "d" and self.spellings.find(Sym(num.at, "d")) is not None:
            return None
        if not isinstance(num, Product):
            return None
        for part in (num, den):
            if isinstance(part.items[0][1], Scripted):
                raise fail("a second derivative is not read", part.at)
        of, by = self.variable(num), self.variable(den)
        return Derivative(num.at, of, (by,))

    def variable(self, tree: Product) -> Node:
        items = tree.items[1:]
        if len(items) == 2 and isinstance(items[1][1], Group) and items[1][1].opener == "(":
            items = items[:1]  # L(y): the node, whatever it is a function of
        if any(op for op, _ in items):
            raise fail("a derivative is of one symbol by one symbol", tree.at)
        return self.of_symbol(items[0][1] if len(items) == 1 else Product(items[0][1].at, items))

    def of_symbol(self, tree: Tree) -> Node:
        node = self.node(tree)
        base = node.base if isinstance(node, Sub) else node
        if not isinstance(base, Name):
            raise fail(f"a derivative is of and by symbols, not {_shown(tree)}", tree.at)
        return node

    def inline_derivative(self, items: Items, position: int) -> tuple[Node, int]:
        r"""``\partial L/\partial W``."""
        part = items[position : position + 4]
        if len(part) == 4 and part[2][0] == "/" and _head(part[2][1]) == r"\partial" and not part[1][0]:
            of, by = self.of_symbol(part[1][1]), self.of_symbol(part[3][1])
            return Derivative(items[position][1].at, of, (by,)), position + 4
        raise fail(r"\partial stands only in a derivative", items[position][1].at, r"write \frac{\partial L}{\partial W}")

    def nabla(self, item: Tree, items: Items, position: int) -> tuple[Node, int]:
        if not isinstance(item, Scripted) or item.sub is None or item.sup is not None:
            raise fail(r"\nabla needs the symbol it is taken by", item.at, r"write \nabla_{W} L")
        if position + 1 >= len(items) or items[position + 1][0]:
            raise fail(r"nothing stands after \nabla", item.at)
        return Derivative(item.at, self.of_symbol(items[position + 1][1]), (self.of_symbol(item.sub),)), position + 2


def _shown(tree: Tree) -> str:
    if isinstance(tree, Word):
        return f"\\{tree.name}" if f"\\{tree.name}" in FUNCTIONS else tree.name
    try:
        return name_latex(tree)
    except TypeError:
        return "this"


def _head(tree: Tree) -> str | None:
    r"""``\partial`` or ``d`` if the piece begins with it."""
    first = tree.items[0][1] if isinstance(tree, Product) else tree
    first = first.base if isinstance(first, Scripted) else first
    first = first.arg if isinstance(first, Accent) else first
    return first.name if isinstance(first, Sym) and first.name in (r"\partial", "d") else None


def _big(tree: Tree) -> str | None:
    """The binder that a piece is: always for a sum, for max and min only with something below."""
    base = tree.base if isinstance(tree, Scripted) else tree
    found = _BIG.get(spell(base))
    if found in _ONE_ARGUMENT or spell(base) == "\\Sigma ":
        if not (isinstance(tree, Scripted) and tree.sub is not None):
            return None
        return found if found in _ONE_ARGUMENT or isinstance(tree.sub, Compare) else None
    return found


def _is_indicator(bracket: Group) -> bool:
    return bracket.opener == "[" and isinstance(bracket.body, Compare)


def _line_sum(at: Place, ranges: tuple[Bounds, ...], body: Node) -> Node | None:
    r"""``\sum_n A_{n:}`` is ``colsum(A)``, ``\sum_k A_{:k}`` is ``rowsum(A)``; None for any other sum."""
    sliced = [
        part for part in body.walk() if isinstance(part, Sub) and any(isinstance(s, Whole) for s in part.slots)
    ]
    if not sliced:
        return None
    letter = ranges[0].index
    sides = {
        next((i for i, s in enumerate(part.slots) if isinstance(s, Name) and s.name == letter), None)
        for part in sliced
        if len(part.slots) == 2
    }
    uses = sum(isinstance(part, Name) and part.name == letter for part in body.walk())
    if len(ranges) != 1 or len(sides) != 1 or None in sides or uses != len(sliced):
        raise fail("this sum of slices is not read", at, "write the entries with all their indices")

    def whole(node: Node) -> Node:
        return whole(node.base) if node in sliced and isinstance(node, Sub) else node.map_children(whole)

    return Apply(at, "colsum" if sides == {0} else "rowsum", 0, (whole(body),))


# -- folding


def _folded(at: Place, units: list[tuple[str, Node]]) -> Node:
    r"""Juxtaposition, ``\cdot`` and ``/`` first, then ``\odot``, ``*`` and the like from left to right."""
    segments: list[list[tuple[str, Node]]] = [[]]
    ops: list[str] = []
    for op, node in units:
        if op in _WEAK and segments[-1]:
            ops.append(op)
            segments.append([("", node)])
        else:
            segments[-1].append((op, node))
    parts = tuple(_segment(segment) for segment in segments)
    if len(parts) == 1:
        return parts[0]
    if all(op in (r"\odot", r"\circ") for op in ops):
        return Times(at, parts)
    return Open(at, "product", parts, tuple(ops))


def _segment(units: list[tuple[str, Node]]) -> Node:
    done: list[tuple[str, Node]] = []
    for position, (op, node) in enumerate(units):
        if op == "/":
            done = [("", Over(units[0][1].at, _row(done), node))]
            following = units[position + 1] if position + 1 < len(units) else None
            if following is not None and not following[0] and not isinstance(node, Num):
                raise _unclear(following[1])
            continue
        if position and not op and isinstance(node, Num):
            raise fail(
                "a number stands only first in a product",
                node.at,
                rf"write {node.text} first, or \cdot {node.text}",
            )
        done.append((op, node))
    return _row(done)


def _unclear(after: Node) -> InputError:
    return fail(
        "it is not clear what a factor after a quotient belongs to",
        after.at,
        r"write \frac{a}{b} c, or brackets",
    )


def _row(units: list[tuple[str, Node]]) -> Node:
    r"""Factors side by side, some with ``\cdot`` between them."""
    groups: list[list[Node]] = [[]]
    for op, node in units:
        if op == r"\cdot":
            groups.append([])
        groups[-1].append(node)
    parts = tuple(group[0] if len(group) == 1 else Chain(group[0].at, tuple(group)) for group in groups)
    return parts[0] if len(parts) == 1 else Open(parts[0].at, "product", parts, (r"\cdot",) * (len(parts) - 1))
