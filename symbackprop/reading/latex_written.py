r"""What is written out in a forward pass: matrices, values case by case, layers that a letter counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from symbackprop.reading.latex_names import Spellings
from symbackprop.reading.latex_tree import Compare, Number, Scripted, Statement, Sum, Sym, Tree, spell
from symbackprop.reading.syntax import Apply, Minus, Name, Node, Num, Plus, Times
from symbackprop.reading.tokens import Place

NEGATED = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def matrix_of(at: Place, rows: Sequence[Sequence[Node]]) -> Node:
    """A matrix from its cells: the cells of a row side by side, the rows one below the other."""
    return _stack(at, [_stack(at, list(row), "rows") for row in rows], "columns")


def _stack(at: Place, parts: list[Node], along: str) -> Node:
    return parts[0] if len(parts) == 1 else Apply(at, "stack", 0, (*parts, Name(at, along)))


def piecewise(at: Place, pieces: Sequence[tuple[Node, Node]], otherwise: Node) -> Node:
    """The value of the first condition that holds (an indicator), and ``otherwise`` where none does."""
    found = otherwise
    for value, holds in reversed(pieces):
        rest = Plus(at, (Num(at, Fraction(1), "1"), Minus(at, holds)))
        terms = [_weighted(at, holds, value), _weighted(at, rest, found)]
        kept = [term for term in terms if term is not None]
        found = Plus(at, tuple(kept)) if len(kept) > 1 else kept[0] if kept else Num(at, Fraction(0), "0")
    return found


def _weighted(at: Place, weight: Node, value: Node) -> Node | None:
    """``weight * value``; None for a value of 0."""
    if isinstance(value, Num) and not value.value:
        return None
    if isinstance(value, Num) and value.value == 1:
        return weight
    return Times(at, (weight, value))


def are_opposite(one: Compare, other: Compare) -> bool:
    r"""Whether one comparison holds exactly where the other does not: ``x > 0`` and ``x \le 0``."""
    mine = (spell(one.left), one.op, spell(one.right))
    turned = (spell(other.right), _TURNED.get(other.op, other.op), spell(other.left))
    theirs = ((spell(other.left), other.op, spell(other.right)), turned)
    return any(mine == (left, NEGATED[op], right) for left, op, right in theirs)


# -- layers


def numbered_layers(statements: Sequence[Statement], spellings: Spellings) -> Iterator[Statement]:
    r"""The statements, with one for each layer where W1, W2 are declared and ``W^{(l)}`` is written.

    ``h^{(l)} = \sigma(W^{(l)} h^{(l-1)}), l = 1, \dots, 3`` of declared W1, W2, W3 is three equations.
    """
    for statement in statements:
        place = next((at for at in range(len(statement.ranges)) if _counts(statement, at, spellings)), None)
        if place is None:
            yield statement
            continue
        reach = statement.ranges[place]
        assert isinstance(reach.index, Sym)
        assert isinstance(reach.low, Number)
        assert isinstance(reach.high, Number)
        rest = (*statement.ranges[:place], *statement.ranges[place + 1 :])
        own = replace(statement, ranges=rest)
        for number in range(int(reach.low.value), int(reach.high.value) + 1):
            left = own.left if own.left is None else _put(own.left, reach.index.name, number)
            yield replace(own, left=left, right=_put(own.right, reach.index.name, number))


def _counts(statement: Statement, place: int, spellings: Spellings) -> bool:
    """Whether a letter of a range counts names that are declared one by one."""
    reach = statement.ranges[place]
    ends = isinstance(reach.low, Number) and isinstance(reach.high, Number)
    if not isinstance(reach.index, Sym) or not isinstance(reach.low, Number) or not ends:
        return False
    letter, number = reach.index.name, int(reach.low.value)
    for tree in _walk(statement.right):
        if not isinstance(tree, Scripted) or Sym(tree.at, letter) == tree.base:
            continue
        if spellings.match(tree) is None and spellings.find(_put(tree, letter, number)) is not None:
            return True
    return False


def _walk(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in tree.children:
        yield from _walk(child)


def _put(tree: Tree, letter: str, number: int) -> Tree:
    """The tree with a number for a letter; ``l - 1`` is worked out."""
    if isinstance(tree, Sym) and tree.name == letter:
        return Number(tree.at, Fraction(number), str(number))
    changed: dict[str, Any] = {
        entry.name: _put_in(getattr(tree, entry.name), letter, number) for entry in fields(tree)
    }
    found = replace(tree, **changed)
    if found == tree or not isinstance(found, Sum):
        return found
    terms = [(sign, term) for sign, term in found.terms if isinstance(term, Number)]
    if len(terms) < len(found.terms):
        return found
    value = sum(term.value if sign == "+" else -term.value for sign, term in terms)
    return Number(found.at, Fraction(value), str(value)) if value >= 0 else found


def _put_in(value: object, letter: str, number: int) -> object:
    if isinstance(value, Tree):
        return _put(value, letter, number)
    if isinstance(value, tuple) and not isinstance(value, Place):
        return tuple(_put_in(one, letter, number) for one in value)
    return value
