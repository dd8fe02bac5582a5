r"""Where a letter of a statement runs (``i = 1, \dots, n``), what limits it; names before one relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.reading.works.commands import ACCENTS, FONTS
from symbackprop.reading.works.tree import (
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
    bare,
)

_SHAPES = frozenset((r"\in", r"\sim", r"\subset", r"\subseteq", r"\ni", r"\notin"))
_FORALL = r"\forall"
_ORDERS = frozenset(("<", ">", r"\lt", r"\gt", r"\le", r"\leq", r"\leqslant", r"\ge", r"\geq", r"\geqslant"))
_COMPARISONS = frozenset(("=", "<", ">", r"\ne", r"\neq", r"\le", r"\leq", r"\ge", r"\geq"))


def is_first(node: Node | None) -> bool:
    """``i = 1``: where a range begins."""
    return (
        isinstance(node, Chain)
        and [relation for relation, _ in node.members] == ["", "="]
        and isinstance(node.members[1][1], Num)
    )


def ranges_in(items: Sequence[tuple[str, Node | None]]) -> set[int]:
    r"""The places of ``i = 1``, ``2``, ``\dots`` and ``n`` among pieces."""
    found: set[int] = set()
    for place, (_, item) in enumerate(items):
        if not is_first(item) and not is_first(behind_all(item)):
            continue
        for dots in range(place + 1, min(place + 4, len(items))):
            sep, node = items[dots]
            if sep != ",":
                break
            if node is not None and is_range_part(node, sep):
                found.update(range(place, min(dots + 2, len(items))))
                break
    return found


def behind_all(node: Node | None) -> Node | None:
    r"""``i = 1`` of ``\forall i = 1``."""
    if not isinstance(node, Chain) or not isinstance(node.members[0][1], Product):
        return None
    head = node.members[0][1].items
    if len(head) != 2 or not isinstance(head[0][1], Sym) or head[0][1].name != _FORALL:
        return None
    return Chain(node.start, node.stop, (("", head[1][1]), *node.members[1:]), node.places, node.over)


def is_tuple(items: Sequence[tuple[str, Node | None]]) -> bool:
    r"""``a, b = f(x)``, ``x, y \in S``: names with commas, and only the last with a relation."""
    pieces = [item for _, item in items]
    if len(pieces) < 2 or any(sep != "," for sep, _ in items[1:]) or not isinstance(pieces[-1], Chain):
        return False
    names = [*pieces[:-1], pieces[-1].members[0][1]]
    return all(one is not None and is_name(one) for one in names)


def is_name(node: Node) -> bool:
    """A letter, with an accent, a font or scripts."""
    inner = bare(node)
    if isinstance(inner, Scripts):
        inner = bare(inner.base)
    if isinstance(inner, Cmd):
        return len(inner.args) == 1 and inner.name in FONTS | ACCENTS
    return isinstance(inner, Sym) and (inner.name[0] == "\\" or inner.name.isalpha())


def tupled(items: Sequence[tuple[str, Node | None]]) -> tuple[tuple[str, Node | None], ...]:
    r"""One chain whose first member is all the names; of ``x, y \in S`` a chain for each."""
    chain = items[-1][1]
    assert isinstance(chain, Chain)
    names = (*items[:-1], (items[-1][0], chain.members[0][1]))
    if all(is_shape_relation(relation) for relation, _ in chain.members[1:]):
        return tuple((sep, replace(chain, members=(("", name), *chain.members[1:]))) for sep, name in names)
    start = next(item.start for _, item in items if item is not None)
    first = Listed(start, chain.places[0], names)
    whole = Chain(start, chain.stop, (("", first), *chain.members[1:]), chain.places, chain.over)
    return ((items[0][0], whole),)


def is_range_part(node: Node, sep: str) -> bool:
    r"""``\dots`` and ``K`` of ``k = 1, \dots, K``; ``\forall i``."""
    if isinstance(node, Sym) and node.name in (r"\dots", r"\ldots", r"\cdots", "...", r"\dotsc"):
        return sep == ","
    if isinstance(node, Product) and isinstance(node.items[0][1], Sym):
        return node.items[0][1].name == _FORALL
    return False


def is_shape_relation(relation: str) -> bool:
    r"""Whether a relation says where a thing lives, as ``\in``."""
    return relation in _SHAPES


def limiting(node: Node) -> Chain | None:
    r"""``i \neq j``, ``(i = j)``, ``1 < p \le m - 1`` behind a formula: a comparison of places."""
    inner: Node | None = node
    if isinstance(inner, Group) and inner.opener == "(":
        inner = inner.body
    return inner if isinstance(inner, Chain) and compares_places(inner) else None


def compares_places(chain: Chain) -> bool:
    r"""``i = j``, ``k \le p \le n``, ``t < T``: letters, numbers and their sums, compared."""
    relations = {relation for relation, _ in chain.members[1:]}
    several = len(chain.members) > 2 and not relations <= _ORDERS
    if several or not relations <= _COMPARISONS | _ORDERS:
        return False
    return all(member is not None and is_place(member) for _, member in chain.members)


def is_place(node: Node) -> bool:
    """Whether a piece can be a place along an axis, or the end of one."""
    inner = bare(node)
    if isinstance(inner, Sum):
        return all(term is not None and is_place(term) for _, term in inner.terms)
    if isinstance(inner, Num):
        return inner.text.isdigit()
    letter = isinstance(inner, Sym) and len(inner.name) == 1 and inner.name.isalpha()
    return letter or (isinstance(inner, Sym) and inner.name == r"\ell")


def letters_of_place(node: Node) -> set[str]:
    """The letters of a place."""
    return {part.name for part in node.walk() if isinstance(part, Sym)}
