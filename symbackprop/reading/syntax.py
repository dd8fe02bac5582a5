"""The neutral syntax tree: what stands in the text, with places, before any name has a meaning.

Both readers (plain text and LaTeX) produce these nodes; ``elaborate`` gives them types.
``show`` writes a node back as plain text, for messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

from symbackprop.reading.tokens import Place


@dataclass(frozen=True, slots=True)
class Node:
    """Base of all nodes; ``at`` is where the node begins."""

    at: Place

    @property
    def children(self) -> tuple[Node, ...]:
        """The direct parts, left to right."""
        found: list[Node] = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Node):
                found.append(value)
            elif isinstance(value, tuple):
                found.extend(item for item in value if isinstance(item, Node))
        return tuple(found)

    def walk(self) -> Iterator[Node]:
        """This node and all below it, parents first, without recursion."""
        pending: list[Node] = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(node.children))

    def map_children(self, change: Callable[[Node], Node]) -> Node:
        """The same node with ``change`` applied to each direct part."""
        changed: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, Node):
                changed[entry.name] = change(value)
            elif isinstance(value, tuple) and any(isinstance(item, Node) for item in value):
                changed[entry.name] = tuple(
                    change(item) if isinstance(item, Node) else item for item in value
                )
        return replace(self, **changed) if changed else self


@dataclass(frozen=True, slots=True)
class Num(Node):
    """A number, exact."""

    value: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name: a symbol, dim, index, or (wrongly used) function."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Juxtaposition or ``@``: two or more factors."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Times(Node):
    """``a * b * ...``: the elementwise product; ``dotted``: written with a dot, for scalars only."""

    factors: tuple[Node, ...]
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class Over(Node):
    """``num / den``."""

    num: Node
    den: Node


@dataclass(frozen=True, slots=True)
class Minus(Node):
    """``-arg``."""

    arg: Node


@dataclass(frozen=True, slots=True)
class Plus(Node):
    """Two or more terms; a subtracted one is a ``Minus``."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Raised(Node):
    """``base ^ exponent``."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Turned(Node):
    """``base ^T``."""

    base: Node


@dataclass(frozen=True, slots=True)
class Whole(Node):
    """The slot ``:``."""


@dataclass(frozen=True, slots=True)
class Span(Node):
    """The slot ``low..high``."""

    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class Sub(Node):
    """``base[slots]``."""

    base: Node
    slots: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Relation(Node):
    """``left op right`` as an argument: a condition, or an option given by name."""

    left: Node
    op: str
    right: Node


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """``name'(args)``."""

    name: str
    primes: int
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Bounds(Node):
    """The range of an index: ``j``, ``j = low..high``, or ``j op other``.

    ``joint``: both letters of ``j op other`` are bound, as LaTeX has it.
    """

    index: str
    low: Node | None = None
    high: Node | None = None
    op: str | None = None
    other: Node | None = None
    joint: bool = False


@dataclass(frozen=True, slots=True)
class Bind(Node):
    """``sum[ranges](body)``; ``binder`` is sum, mean, prod or max."""

    binder: str
    ranges: tuple[Bounds, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Matrix(Node):
    """``[a, b; c, d]``: a matrix written out, its cells row by row."""

    cells: tuple[Node, ...]
    columns: int

    @property
    def rows(self) -> tuple[tuple[Node, ...], ...]:
        """The cells, row by row."""
        starts = range(0, len(self.cells), self.columns)
        return tuple(self.cells[start : start + self.columns] for start in starts)


@dataclass(frozen=True, slots=True)
class Several(Node):
    """The right sides of several equations for entries of one array."""

    sides: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Derivative(Node):
    """``dof[slots]/dby[slots]``, or of second order with two in ``by``."""

    of: Node  # Name, or Sub of a Name
    by: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One equation: ``target[slots] = expr for ranges``; ``text`` is the line, white space tidied.

    ``parts``: several such equations of one array, each for some of its entries; ``expr`` then holds all of
    their right sides (``Several``).
    """

    at: Place
    target: str
    slots: tuple[Node, ...]
    expr: Node
    ranges: tuple[Bounds, ...]
    text: str
    parts: tuple[Line, ...] = ()


_ATOMS = (Num, Name, Sub, Apply, Bind, Turned, Raised)


def show(node: Node) -> str:
    """The node as plain text (brackets where the grammar needs them)."""
    match node:
        case Num(_, _, text):
            return text
        case Name(_, name):
            return name
        case Chain(_, factors):
            return " ".join(_bracketed(factor, (*_ATOMS, Derivative)) for factor in factors)
        case Times(_, factors):
            return " * ".join(_bracketed(f, (*_ATOMS, Chain, Derivative)) for f in factors)
        case Over(_, num, den):
            return f"{_bracketed(num, (*_ATOMS, Chain, Times, Over))}/{_bracketed(den, _ATOMS)}"
        case Minus(_, arg):
            return "-" + _bracketed(arg, (*_ATOMS, Chain, Times, Over, Derivative))
        case Plus(_, terms):
            shown = [
                show(t) if i == 0 or not isinstance(t, Plus) else f"({show(t)})" for i, t in enumerate(terms)
            ]
            return "".join(
                t if i == 0 else f" - {t[1:]}" if isinstance(terms[i], Minus) else f" + {t}"
                for i, t in enumerate(shown)
            )
        case Raised(_, base, exponent):
            power = show(exponent)
            plain = isinstance(exponent, Num | Name) or (
                isinstance(exponent, Minus) and isinstance(exponent.arg, Num)
            )
            return f"{_bracketed(base, (Num, Name, Sub, Apply, Bind))}^{power if plain else f'({power})'}"
        case Turned(_, base):
            return f"{_bracketed(base, (Num, Name, Sub, Apply, Bind))}^T"
        case Whole():
            return ":"
        case Span(_, low, high):
            return f"{show(low)}..{show(high)}"
        case Sub(_, base, slots):
            return f"{_bracketed(base, (Name, Sub, Apply, Bind))}[{','.join(map(show, slots))}]"
        case Matrix():
            return f"[{'; '.join(', '.join(map(show, row)) for row in node.rows)}]"
        case Relation(_, left, op, right):
            return f"{show(left)} {op} {show(right)}"
        case Apply(_, name, primes, args):
            return name + "'" * primes + f"({', '.join(map(show, args))})"
        case Bounds() | Bind() | Several():
            return _show_bound(node)
        case Derivative(_, of, by):
            if len(by) == 1:
                return f"d{show(of)}/d{show(by[0])}"
            return f"d2{show(of)}/({' '.join('d' + show(b) for b in by)})"
    # A place in LaTeX that only shapes decide: its parts, in a text that is written anew once it is settled.
    return " ".join(map(show, node.children))


def brief(node: Node, limit: int = 80) -> str:
    """The node as text for a message, cut where it is long."""
    return cut(show(node), limit)


def cut(text: str, limit: int = 160) -> str:
    """The text, its middle left out where it is long."""
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-limit // 4 :]}"


def show_factor(node: Node) -> str:
    """The node as it stands in a product: a sum or a quotient gets brackets."""
    return _bracketed(node, (*_ATOMS, Chain, Derivative))


def _bracketed(node: Node, bare: tuple[type[Node], ...]) -> str:
    return show(node) if isinstance(node, bare) else f"({show(node)})"


def _show_bound(node: Bounds | Bind | Several) -> str:
    """Ranges, what they bind, and several equations."""
    if isinstance(node, Several):
        return "; ".join(map(show, node.sides))
    if isinstance(node, Bounds):
        return _show_bounds(node)
    return f"{node.binder}[{', '.join(map(show, node.ranges))}]({show(node.body)})"


def _show_bounds(bounds: Bounds) -> str:
    if bounds.low is not None and bounds.high is not None:
        return f"{bounds.index} = {show(bounds.low)}..{show(bounds.high)}"
    if bounds.op is not None and bounds.other is not None:
        return f"{bounds.index} {bounds.op} {show(bounds.other)}"
    return bounds.index
