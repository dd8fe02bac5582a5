r"""The factors of a product as one node: how tightly each sign binds, and sums of slices.

Juxtaposition, ``\cdot`` and ``/`` bind before ``\odot``, ``*`` and the like, which go from left to right.
"""

from __future__ import annotations

from symbackprop.errors import InputError
from symbackprop.reading.latex_open import Open
from symbackprop.reading.syntax import Apply, Bounds, Chain, Name, Node, Num, Over, Sub, Times, Whole
from symbackprop.reading.tokens import Place, fail

_WEAK = frozenset((r"\odot", r"\circ", r"\oslash", "*", r"\times", r"\otimes", r"\div", r"\bullet"))


def folded(at: Place, units: list[tuple[str, Node]]) -> Node:
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
    return (
        parts[0] if len(parts) == 1 else Open(parts[0].at, "product", parts, (r"\cdot",) * (len(parts) - 1))
    )


def line_sum(at: Place, ranges: tuple[Bounds, ...], body: Node) -> Node | None:
    r"""``\sum_n A_{n:}`` is ``colsum(A)``, ``\sum_k A_{:k}`` is ``rowsum(A)``; None for any other sum."""
    sliced = [
        part
        for part in body.walk()
        if isinstance(part, Sub) and any(isinstance(s, Whole) for s in part.slots)
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
