r"""The neutral tree of LaTeX mathematics: what syntax alone decides, before any name has a meaning.

A product is a flat list in which functions, ``\sum``, ``\nabla``, brackets and symbols stand side
by side; scripts stay scripts. Meaning comes afterwards (``latex_meaning``), with the declarations.
``spell`` writes a piece in one canonical form, so that spellings can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction

from symbackprop.reading.tokens import Place


@dataclass(frozen=True, slots=True)
class Tree:
    """Base of all pieces; ``at`` is where the piece begins."""

    at: Place

    @property
    def children(self) -> tuple[Tree, ...]:
        """The direct parts, left to right."""
        return tuple(_trees(getattr(self, entry.name) for entry in fields(self)))


@dataclass(frozen=True, slots=True)
class Number(Tree):
    """A number, exact; ``text`` as written."""

    value: Fraction
    text: str


@dataclass(frozen=True, slots=True)
class Sym(Tree):
    r"""A letter (``W``), a letter with a command (``\alpha``), or any command that stands alone."""

    name: str


@dataclass(frozen=True, slots=True)
class Word(Tree):
    r"""A word: ``\exp``, ``\operatorname{softmax}``, ``\text{loss}``, or ``max`` in letters."""

    name: str


@dataclass(frozen=True, slots=True)
class Accent(Tree):
    r"""``\hat{y}``, ``\mathbf{x}``, ``\mathbb{1}``: a mark or a font on one piece."""

    mark: str
    arg: Tree


@dataclass(frozen=True, slots=True)
class Scripted(Tree):
    """A base with what stands below, above, and its primes."""

    base: Tree
    sub: Tree | None
    sup: Tree | None
    primes: int = 0


@dataclass(frozen=True, slots=True)
class Group(Tree):
    r"""Something in brackets; ``opener`` is ``(``, ``[``, ``\{``, ``|``, ``\|`` or ``\langle``."""

    opener: str
    body: Tree


@dataclass(frozen=True, slots=True)
class Braces(Tree):
    """``{...}`` around more than one piece: they are not seen on the page."""

    body: Tree


@dataclass(frozen=True, slots=True)
class Quotient(Tree):
    r"""``\frac{num}{den}``."""

    num: Tree
    den: Tree


@dataclass(frozen=True, slots=True)
class Root(Tree):
    r"""``\sqrt{arg}``."""

    arg: Tree


@dataclass(frozen=True, slots=True)
class Product(Tree):
    r"""Factors side by side, each with the sign before it: "" (none), "*", "/", ``\cdot``, ``\odot``."""

    items: tuple[tuple[str, Tree], ...]


@dataclass(frozen=True, slots=True)
class Sum(Tree):
    """Terms, each with its sign ("+" or "-"); the first "+" may be unwritten."""

    terms: tuple[tuple[str, Tree], ...]


@dataclass(frozen=True, slots=True)
class Compare(Tree):
    """``left op right``; ``op`` is =, !=, <, <=, >, >=."""

    left: Tree
    op: str
    right: Tree


@dataclass(frozen=True, slots=True)
class Listed(Tree):
    """Pieces with commas between them."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Colon(Tree):
    """``:`` as an index, alone or after or before another one (``n:``)."""


@dataclass(frozen=True, slots=True)
class Grid(Tree):
    r"""A matrix that is written out: ``\begin{bmatrix} a & b \\ c & d \end{bmatrix}``."""

    rows: tuple[tuple[Tree, ...], ...]


@dataclass(frozen=True, slots=True)
class Cases(Tree):
    r"""``\begin{cases} a & x > 0 \\ b & \text{otherwise} \end{cases}``; the last condition may be None."""

    pieces: tuple[tuple[Tree, Compare | None], ...]


@dataclass(frozen=True, slots=True)
class Statement:
    r"""One equation (``left`` None: a formula alone); ``ranges`` is ``k = 1, \dots, K`` after it."""

    at: Place
    left: Tree | None
    right: Tree
    ranges: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    r"""``k = 1, \dots, K``."""

    index: Tree
    low: Tree
    high: Tree


def _trees(values: Iterable[object]) -> Iterator[Tree]:
    for value in values:
        if isinstance(value, Tree):
            yield value
        elif isinstance(value, tuple):
            yield from _trees(value)


def spell(tree: Tree | None) -> str:
    r"""One canonical spelling: no spaces, no braces round single pieces, sub before super."""
    match tree:
        case None:
            return ""
        case Number(_, _, text):
            return text
        case Sym(_, name):
            return name if name[:1] != "\\" else f"{name} "
        case Word(_, name):
            return name if len(name) == 1 else f"<{name}>"
        case Accent(_, mark, arg):
            return f"{mark}{{{spell(arg)}}}"
        case Scripted(_, base, sub, sup, primes):
            below = f"_{{{spell(sub)}}}" if sub is not None else ""
            above = f"^{{{spell(sup)}}}" if sup is not None else ""
            return f"{spell(base)}{below}{above}" + "'" * primes
        case Group(_, opener, body):
            return f"{opener}{spell(body)})"
        case Braces(_, body):
            return f"{{{spell(body)}}}"
        case Quotient(_, num, den):
            return rf"\frac{{{spell(num)}}}{{{spell(den)}}}"
        case Root(_, arg):
            return rf"\sqrt{{{spell(arg)}}}"
        case Product(_, items):
            return "".join(op + spell(item) for op, item in items)
        case Sum(_, terms):
            return "".join(sign + spell(term) for sign, term in terms).removeprefix("+")
        case Compare(_, left, op, right):
            return f"{spell(left)}{op}{spell(right)}"
        case Listed(_, items):
            return ",".join(map(spell, items))
        case Colon():
            return ":"
        case Grid(_, rows):
            return "[" + ";".join("&".join(map(spell, row)) for row in rows) + "]"
        case Cases(_, pieces):
            return "{" + ";".join(f"{spell(value)}&{spell(holds)}" for value, holds in pieces)
    raise TypeError(f"no spelling for {type(tree).__name__}")


def letters_of(tree: Tree) -> str | None:
    """The letters of a run such as ``loss``, None for anything else."""
    if not isinstance(tree, Product):
        return None
    names = [item.name for op, item in tree.items if isinstance(item, Sym) and not op and len(item.name) == 1]
    return "".join(names) if len(names) == len(tree.items) else None


_LATEX_OPENERS = {"(": ("(", ")"), "[": ("[", "]"), r"\{": (r"\{", r"\}"), "|": (r"\lvert ", r"\rvert"),
                  r"\|": (r"\lVert ", r"\rVert"), r"\langle": (r"\langle ", r"\rangle")}  # fmt: skip


def name_latex(tree: Tree) -> str:
    """The LaTeX of a name (a symbol with accents, fonts and scripts), tidied."""
    match tree:
        case Number(_, _, text):
            return text
        case Sym(_, name):
            return name
        case Word(_, name):
            return name if len(name) == 1 else rf"\mathrm{{{name}}}"
        case Accent(_, mark, arg):
            return f"{mark}{{{name_latex(arg)}}}"
        case Scripted(_, base, sub, sup, primes):
            below = f"_{{{name_latex(sub)}}}" if sub is not None else ""
            above = f"^{{{name_latex(sup)}}}" if sup is not None else ""
            return f"{name_latex(base)}{below}{above}" + "'" * primes
        case Group(_, opener, body):
            left, right = _LATEX_OPENERS[opener]
            return f"{left}{name_latex(body)}{right}"
        case Product(_, items):
            gap = "" if letters_of(tree) else " "
            return gap.join(f"{op} {name_latex(item)}".strip() for op, item in items)
        case Listed(_, items):
            return ", ".join(map(name_latex, items))
        case Braces(_, body):
            return name_latex(body)
    raise TypeError(f"a name does not hold {type(tree).__name__}")
