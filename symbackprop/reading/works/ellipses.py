r"""Sums and products with dots, ``w_1 x_1 + w_2 x_2 + \dots + w_n x_n``, as sums over an index.

Trees in, trees out: the terms on both sides of the dots are laid over each other. Where they differ only in
numbers that count up to what stands in the last one, they are one term with a letter in those places, and the
sum says from where to where it runs. Anything else stays as it is, with its dots.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symbackprop.reading.works.context import DOTS
from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Group,
    Listed,
    Node,
    Num,
    Product,
    Scripts,
    Sum,
    Sym,
    Word,
    bare,
)

Pieces = Sequence[tuple[str, Node | None]]
_LETTERS = "ijklpqrstuv"


@dataclass(slots=True)
class _Range:
    """What was found so far: where the letter begins, and the piece where it ends."""

    letter: str
    low: int | None = None
    high: Node | None = None

    def takes(self, low: int, high: Node) -> bool:
        """Whether a place that differs counts like those before it."""
        if self.high is None:
            self.low, self.high = low, high
        return self.low == low and spell(self.high) == spell(high)


def is_dots(node: Node | None) -> bool:
    """Whether a piece is nothing but dots."""
    inner = bare(node)
    return isinstance(inner, Sym) and inner.name in DOTS


def folded(pieces: Pieces, sign: str, taken: Iterable[str]) -> Pieces:
    r"""The terms (or factors) with every run of them that has dots as one ``\sum`` (``\prod``).

    ``sign`` is the command, ``taken`` the letters that mean something already.
    """
    dots = [place for place, (_, node) in enumerate(pieces) if is_dots(node)]
    if len(dots) != 1 or not 0 < dots[0] < len(pieces) - 1:
        return pieces
    used = {one.name for _, node in pieces if node is not None for one in node.walk() if isinstance(one, Sym)}
    letter = next((one for one in _LETTERS if one not in used and one not in set(taken)), None)
    if letter is None:
        return pieces
    return _with_run(pieces, dots[0], sign, letter) or pieces


def _with_run(pieces: Pieces, dots: int, sign: str, letter: str) -> Pieces | None:
    """The pieces with the run round the dots as one; None where it is no run."""
    kind, last = pieces[dots + 1]
    first, whole = dots, None
    expected: int | None = None
    found: _Range | None = None
    for place in range(dots - 1, -1, -1):
        own, piece = pieces[place]
        within = _Range(letter)
        generic = _laid(piece, last, within) if piece is not None and last is not None else None
        fits = within.low is not None and (expected is None or within.low == expected)
        if generic is None or not fits or (own or "+") != (kind or "+") or within.low is None:
            break
        first, whole, found, expected = place, generic, within, within.low - 1
        if own and own != kind:
            break
    if whole is None or found is None or last is None or pieces[dots][0] != kind:
        return None
    start, stop = whole.start, last.stop
    low = Num(start, start, str(found.low))
    below = Chain(start, start, (("", Sym(start, start, letter)), ("=", low)), (start,), (None,))
    head = Scripts(start, start, Sym(start, start, sign), (("_", below), ("^", found.high)))
    run = Product(start, stop, (("", head), ("", whole)))
    return [*pieces[:first], (pieces[first][0], run), *pieces[dots + 2 :]]


def _laid(one: Node | None, other: Node | None, within: _Range) -> Node | None:
    """Both pieces as one with a letter where they count; None where they differ in anything else."""
    one, other = bare(one), bare(other)
    if one is None or other is None:
        return None
    if spell(one) == spell(other):
        return one
    if isinstance(other, Product) and not isinstance(one, Product):
        one = _opened(one, len(other.items)) or one
    elif isinstance(other, Word) and isinstance(one, Num | Word):  # 11 and n1
        one, other = _opened(one, len(other.text)) or one, _opened(other, len(other.text)) or other
    if isinstance(one, Num) and one.text.isdigit() and isinstance(other, Num | Sym | Scripts | Sum):
        return Sym(one.start, one.stop, within.letter) if within.takes(int(one.text), other) else None
    if type(one) is not type(other) or len(one.parts) != len(other.parts):
        return None
    parts = [_laid(left, right, within) for left, right in zip(one.parts, other.parts, strict=True)]
    if any(part is None for part in parts):
        return None
    return _rebuilt(one, other, iter([part for part in parts if part is not None]))


def _opened(node: Node, count: int) -> Node | None:
    """``11`` and ``i1`` as two pieces."""
    text = node.text if isinstance(node, Num | Word) else ""
    if len(text) != count or not text.isalnum():
        return None
    pieces = tuple(
        ("", Num(node.start, node.stop, one) if one.isdigit() else Sym(node.start, node.stop, one))
        for one in text
    )
    return Product(node.start, node.stop, pieces)


def _rebuilt(one: Node, other: Node, parts: Iterable[Node]) -> Node | None:
    """``one`` with other parts, if what is not a part is the same in ``other``."""
    spare = iter(parts)
    start, stop = one.start, one.stop
    match one, other:
        case Scripts(), Scripts() if [sign for sign, _ in one.scripts] == [sign for sign, _ in other.scripts]:
            base = next(spare) if one.base is not None else None
            scripts = tuple((sign, next(spare) if node is not None else None) for sign, node in one.scripts)
            return Scripts(start, stop, base, scripts)
        case Product(), Product() if [op for op, _ in one.items] == [op for op, _ in other.items]:
            return Product(start, stop, tuple((op, next(spare)) for op, _ in one.items))
        case Sum(), Sum() if [sign for sign, _ in one.terms] == [sign for sign, _ in other.terms]:
            return Sum(start, stop, tuple((sign, next(spare)) for sign, _ in one.terms))
        case Listed(), Listed() if [sep for sep, _ in one.items] == [sep for sep, _ in other.items]:
            items = tuple((sep, next(spare) if node is not None else None) for sep, node in one.items)
            return Listed(start, stop, items)
        case Group(), Group() if (one.opener, one.closer) == (other.opener, other.closer):
            return Group(start, stop, one.opener, next(spare), one.closer)
        case Braces(), Braces():
            return Braces(start, stop, next(spare))
        case Cmd(), Cmd() if one.name == other.name and one.option is None and other.option is None:
            return Cmd(start, stop, one.name, tuple(spare))
    return None
