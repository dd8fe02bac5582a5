r"""Derivatives in LaTeX: ``\frac{\partial L}{\partial W}``, ``\partial L/\partial W``, ``\nabla_W L``."""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.reading.latex_meaning import SymbolReader
from symbackprop.reading.latex_syntax import FUNCTIONS
from symbackprop.reading.latex_tree import Accent, Group, Product, Scripted, Sym, Tree, Word, name_latex
from symbackprop.reading.syntax import Derivative, Name, Node, Sub
from symbackprop.reading.tokens import fail

Items = Sequence[tuple[str, Tree]]


class DerivativeReader(SymbolReader):
    """What a derivative is of and by; ``product`` comes from ``latex_products``."""

    def derivative(self, num: Tree, den: Tree) -> Node | None:
        head = head_of(num)
        if head is None or head_of(den) != head or not isinstance(den, Product):
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
            raise fail(f"a derivative is of and by symbols, not {shown_name(tree)}", tree.at)
        return node

    def inline_derivative(self, items: Items, position: int) -> tuple[Node, int]:
        r"""``\partial L/\partial W``."""
        part = items[position : position + 4]
        if len(part) == 4 and part[2][0] == "/" and head_of(part[2][1]) == r"\partial" and not part[1][0]:
            of, by = self.of_symbol(part[1][1]), self.of_symbol(part[3][1])
            return Derivative(items[position][1].at, of, (by,)), position + 4
        raise fail(
            r"\partial stands only in a derivative",
            items[position][1].at,
            r"write \frac{\partial L}{\partial W}",
        )

    def nabla(self, item: Tree, items: Items, position: int) -> tuple[Node, int]:
        if not isinstance(item, Scripted) or item.sub is None or item.sup is not None:
            raise fail(r"\nabla needs the symbol it is taken by", item.at, r"write \nabla_{W} L")
        if position + 1 >= len(items) or items[position + 1][0]:
            raise fail(r"nothing stands after \nabla", item.at)
        return Derivative(
            item.at, self.of_symbol(items[position + 1][1]), (self.of_symbol(item.sub),)
        ), position + 2


def shown_name(tree: Tree) -> str:
    """A name as it is shown in messages."""
    if isinstance(tree, Word):
        return f"\\{tree.name}" if f"\\{tree.name}" in FUNCTIONS else tree.name
    try:
        return name_latex(tree)
    except TypeError:
        return "this"


def head_of(tree: Tree) -> str | None:
    r"""``\partial`` or ``d`` if the piece begins with it."""
    first = tree.items[0][1] if isinstance(tree, Product) else tree
    first = first.base if isinstance(first, Scripted) else first
    first = first.arg if isinstance(first, Accent) else first
    return first.name if isinstance(first, Sym) and first.name in (r"\partial", "d") else None
