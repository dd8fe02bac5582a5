r"""Products, functions, sums and derivatives: a flat list of factors in, one syntax node out.

Which factor is a function's argument, how far ``\sum`` reaches (to the next + or -), that ``\odot``
binds less tightly than juxtaposition, whether a bracket is an argument, an index or a factor:
decided by what is declared, in the order of docs/latex.md.
"""

from __future__ import annotations

from fractions import Fraction

from symbackprop.errors import UnsupportedError
from symbackprop.reading.latex_derivatives import DerivativeReader, Items, head_of, shown_name
from symbackprop.reading.latex_folding import folded, line_sum
from symbackprop.reading.latex_tree import (
    Accent,
    Colon,
    Compare,
    Group,
    Listed,
    Number,
    Product,
    Quotient,
    Scripted,
    Sum,
    Sym,
    Tree,
    Word,
    spell,
)
from symbackprop.reading.latex_words import function_of
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Derivative,
    Name,
    Node,
    Num,
    Raised,
    Relation,
    Sub,
)
from symbackprop.reading.tokens import Place, fail

_BIG = {"\\sum ": "sum", "\\Sigma ": "sum", "\\prod ": "prod", "<max>": "max", "<min>": "min"}
_ARGUMENT = ("(", "[", r"\{")
_ONE_ARGUMENT = frozenset(("max", "min"))


class Meaning(DerivativeReader):
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
        return folded(at, units)

    def unit(self, items: Items, position: int) -> tuple[Node, int]:
        """The factor that begins at ``position``, and where the next one begins."""
        item = items[position][1]
        declared = self.declared_run(items, position)
        if declared is not None:
            return declared
        big = _big(item)
        following = (
            items[position + 1][1] if position + 1 < len(items) and not items[position + 1][0] else None
        )
        if big is not None:
            return self.big(item, big, items[position + 1 :]), len(items)
        base = item.base if isinstance(item, Scripted) else item
        if isinstance(base, Sym) and base.name == r"\nabla":
            return self.nabla(item, items, position)
        if isinstance(item, Sym) and item.name == r"\partial":
            return self.inline_derivative(items, position)
        if (
            isinstance(item, Quotient)
            and head_of(item.num) == r"\partial"
            and not isinstance(item.num, Product)
        ):
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
        """A symbol and then ``(`` or ``[``: an index, the abstract loss, a product, an unknown function."""
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
                    f"unknown function {shown_name(item)}",
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
            raise fail(f"{shown_name(item)} needs an argument", item.at, f"write {shown_name(item)}(...)")
        bracket = following.base if isinstance(following, Scripted) else following
        if isinstance(bracket, Group) and bracket.opener in _ARGUMENT and not _is_indicator(bracket):
            return (
                self.arguments(bracket),
                following if isinstance(following, Scripted) else None,
                position + 1,
            )
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
                    f"it is not clear whether this bracket belongs to {shown_name(item)}",
                    here.at,
                    f"write {shown_name(item)}(...) with its whole argument in brackets",
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
            raise fail(f"nothing stands after {shown_name(item)}", item.at)
        body = self.factors(rest[0][1].at, rest)
        sub = item.sub if isinstance(item, Scripted) else None
        sup = item.sup if isinstance(item, Scripted) else None
        if sub is None:
            if sup is not None or binder == "prod":
                raise fail(f"{shown_name(item)} needs an index below", item.at)
            return Apply(item.at, binder, 0, (body,))
        if binder == "min":
            raise UnsupportedError(
                "the least of several entries is not supported yet", line=item.at.line, column=item.at.column
            )
        ranges = self.ranges(sub, sup)
        return line_sum(item.at, ranges, body) or Bind(item.at, binder, ranges, body)

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
            return (Bounds(last.at, index, op=last.op, other=self.node(last.right), joint=True),)
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
