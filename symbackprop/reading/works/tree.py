r"""The neutral tree of what people write: only what syntax decides, every node with its place.

A product is a flat list in which functions, ``\sum``, ``\nabla``, brackets and symbols stand side by side;
scripts stay scripts in their order. A node holds one name, number, operator or annotation; ``printer``
writes the source back from the tree alone, which is what "read whole" means. ``start`` and ``stop`` are
offsets into the text of the file (of the call, for what a macro made).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Node:
    """Base of all nodes."""

    start: int
    stop: int

    @property
    def parts(self) -> tuple[Node, ...]:
        """The direct parts, left to right."""
        return ()

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, without recursion."""
        pending: list[Node] = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(node.parts))


@dataclass(slots=True, eq=False)
class Num(Node):
    """A number, as written."""

    text: str


@dataclass(slots=True, eq=False)
class Sym(Node):
    r"""A letter, or a command that stands alone: ``\alpha``, ``\sum``, ``\partial``, ``\exp``, ``\dots``."""

    name: str


@dataclass(slots=True, eq=False)
class Word(Node):
    r"""Words: ``\operatorname{softmax}``, ``\text{loss}``; ``kind`` "word", "prose" (no factor), "remark"."""

    by: str
    text: str
    kind: str = "word"


@dataclass(slots=True, eq=False)
class Note(Node):
    r"""Something that has no meaning of its own in a formula: a break inside brackets, ``!``, a full stop."""

    text: str


@dataclass(slots=True, eq=False)
class Cmd(Node):
    r"""A command with arguments: ``\frac``, ``\hat``, ``\mathbf``, ``\sqrt[n]{x}``, ``\underbrace``."""

    name: str
    args: tuple[Node, ...]
    option: Node | None = None

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.args if self.option is None else (self.option, *self.args)


@dataclass(slots=True, eq=False)
class Scripts(Node):
    """A base with scripts in their order: ("_", node), ("^", node), ("'", None)."""

    base: Node | None
    scripts: tuple[tuple[str, Node | None], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        below = tuple(node for _, node in self.scripts if node is not None)
        return below if self.base is None else (self.base, *below)

    @property
    def sub(self) -> Node | None:
        """What stands below."""
        return next((node for sign, node in self.scripts if sign == "_"), None)

    @property
    def sup(self) -> Node | None:
        """What stands above, primes apart."""
        return next((node for sign, node in self.scripts if sign == "^"), None)

    @property
    def primes(self) -> int:
        """The number of primes written as such."""
        return sum(sign == "'" for sign, _ in self.scripts)


@dataclass(slots=True, eq=False)
class Group(Node):
    r"""Something in visible brackets, as written: ``(``, ``)``; "." is a bracket that is not seen."""

    opener: str
    body: Node | None
    closer: str

    @property
    def parts(self) -> tuple[Node, ...]:
        return () if self.body is None else (self.body,)


@dataclass(slots=True, eq=False)
class Braces(Node):
    """``{...}``: not seen on the page."""

    body: Node | None

    @property
    def parts(self) -> tuple[Node, ...]:
        return () if self.body is None else (self.body,)


@dataclass(slots=True, eq=False)
class Product(Node):
    r"""Factors side by side, each with the operator before it ("" for none); None where one is missing."""

    items: tuple[tuple[str, Node | None], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.items if node is not None)


@dataclass(slots=True, eq=False)
class Sum(Node):
    """Terms, each with the sign before it ("" for none, before the first only)."""

    terms: tuple[tuple[str, Node | None], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.terms if node is not None)


@dataclass(slots=True, eq=False)
class Chain(Node):
    r"""``a = b < c``: members with the relation before each; the first has "", None where one is missing.

    ``places`` are the offsets of the relations, ``over`` the commands that decorate them
    (``\overset{(1)}{=}``) or None.
    """

    members: tuple[tuple[str, Node | None], ...]
    places: tuple[int, ...]
    over: tuple[Node | None, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.members if node is not None)


@dataclass(slots=True, eq=False)
class Listed(Node):
    r"""Pieces with commas, colons, bars or gaps between them; "" stands beside words."""

    items: tuple[tuple[str, Node | None], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(node for _, node in self.items if node is not None)


@dataclass(slots=True, eq=False)
class Row(Node):
    r"""One line of a display or matrix: cells between ``&``."""

    cells: tuple[Node | None, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        return tuple(cell for cell in self.cells if cell is not None)


@dataclass(slots=True, eq=False)
class Env(Node):
    r"""``\begin{name}...\end{name}``; ``columns`` is what ``array`` says of its columns.

    The whole of a display is an ``Env`` without a name.
    """

    name: str
    rows: tuple[Row, ...]
    columns: str = ""

    @property
    def parts(self) -> tuple[Node, ...]:
        return self.rows


def bare(node: Node | None) -> Node | None:
    """The node without braces round it."""
    while isinstance(node, Braces):
        node = node.body
    return node
