r"""Equations for every layer or time, ``z^{(l)} = W^{(l)} a^{(l-1)} + b^{(l)}``, as one for each number.

A letter counts layers where a name with a number in its place is declared (``W^{(2)}``, ``W_2``). The numbers
are those for which every such name of the line is declared; ``L`` in that place is the last one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

from symbackprop.reading.works.spelling import spell
from symbackprop.reading.works.statements import Member
from symbackprop.reading.works.tree import Group, Listed, Node, Num, Product, Scripts, Sum, Sym, bare
from symbackprop.reading.works.vocabulary import Vocabulary

LETTERS = ("l", r"\ell", "t")
LAST = "L"
_MOST = 40


class Place(NamedTuple):
    """A name whose script counts: ``W`` with ``(l - 1)`` above it."""

    base: Node
    sign: str
    script: Node  # with the letter in it
    letter: str


def instances(members: Sequence[Member], vocabulary: Vocabulary) -> list[tuple[str, list[Member]]]:
    """("l = 2", the members with 2 for l), the last layer first; empty where nothing counts layers."""
    places = [place for member in members for place in places_of(member.node)]
    counted = [place for place in places if numbers_of(place, vocabulary)]
    last = max((number for place in counted for number in numbers_of(place, vocabulary)), default=0)
    if not counted and any(place.letter == LAST and place.sign == "^" for place in places):
        last = deepest(vocabulary)  # of a name that the work itself gives, as in \delta^{(L)}
    if not last or any(binds(member.node) for member in members):
        return []
    letters = {place.letter for place in counted if place.letter != LAST}
    if len(letters) > 1:
        return []
    letter = next(iter(letters), LAST)
    found = []
    for number in range(last + 1, 0, -1) if letters else (last,):
        values = {letter: number, LAST: last}
        if all(is_declared(place, values, vocabulary) for place in counted):
            stated = [replace(member, node=numbered(member.node, values)) for member in members]
            found.append((f"{letter} = {number}", stated))
    return found


def terms(letter: str, body: Node, vocabulary: Vocabulary) -> list[tuple[int, Node]] | None:
    """What a sum over layers or times sums, with each number for its letter; None if it counts neither.

    Empty where some name is not declared for a number that another one is declared for.
    """
    places = [place for place in places_of(body) if place.letter == letter]
    numbers = sorted({number for place in places for number in numbers_of(place, vocabulary)})
    if not numbers:
        return None
    counted = [place for place in places if numbers_of(place, vocabulary)]
    return [
        (number, changed_for(body, letter, number))
        for number in range(numbers[0], numbers[-1] + 1)
        if all(is_declared(place, {letter: number}, vocabulary) for place in counted)
    ]


def changed_for(node: Node, letter: str, number: int) -> Node:
    """The tree with a number for the letter."""
    found = numbered(node, {letter: number})
    assert found is not None
    return found


def deepest(vocabulary: Vocabulary) -> int:
    """The highest number that several names of the problem end in."""
    found = [re.fullmatch(r"([A-Za-z]+)_?(\d+)", name) for name in vocabulary.graph.tensors]
    numbers = Counter(int(match[2]) for match in found if match is not None)
    return max((number for number, count in numbers.items() if count > 1), default=0)


def places_of(node: Node | None) -> Iterator[Place]:
    """The names of a tree with a letter that may count layers."""
    for part in node.walk() if node is not None else ():
        if not isinstance(part, Scripts) or part.base is None:
            continue
        for sign, script in part.scripts:
            for piece in pieces(script):
                letter = letter_of(piece)
                if letter is not None:
                    yield Place(part.base, sign, piece, letter)


def pieces(script: Node | None) -> Iterator[Node]:
    """A script, or its first part: ``(l)`` of ``(l)T``, ``l`` of ``l, ij``."""
    inner = bare(script)
    if isinstance(inner, Product | Listed):
        first = bare(inner.items[0][1])
        if first is not None and not isinstance(first, Sum):
            yield first
    elif inner is not None:
        yield inner


def letter_of(script: Node) -> str | None:
    """l of ``l``, ``(l)``, ``[l - 1]``."""
    inner = bare(script.body) if isinstance(script, Group) else script
    if isinstance(inner, Sum) and len(inner.terms) == 2 and isinstance(bare(inner.terms[1][1]), Num):
        inner = bare(inner.terms[0][1])
    if isinstance(inner, Sym) and inner.name in (*LETTERS, LAST):
        return inner.name
    return None


def numbered(node: Node | None, values: dict[str, int]) -> Node | None:
    """The tree with numbers for the letters, in scripts only."""

    def change(part: Node) -> Node:
        if not isinstance(part, Scripts):
            return part
        scripts = tuple((sign, counted_script(script, values)) for sign, script in part.scripts)
        return replace(part, scripts=scripts)

    return changed(node, change) if node is not None else None


def counted_script(script: Node | None, values: dict[str, int]) -> Node | None:
    """A script with a number for its letter."""
    first = next(pieces(script), None)
    if script is None or first is None or letter_of(first) not in values:
        return script

    def change(part: Node) -> Node:
        if isinstance(part, Sym) and part.name in values:
            return Num(part.start, part.stop, str(values[part.name]))
        if isinstance(part, Sum) and all(isinstance(bare(term), Num) for _, term in part.terms):
            total = sum(
                int(term.text) * (-1 if sign == "-" else 1)
                for sign, one in part.terms
                if isinstance(term := bare(one), Num) and term.text.isdigit()
            )
            return Num(part.start, part.stop, str(total))
        return part

    new = changed(first, change)
    return changed(script, lambda part: new if part is first else part)


def changed(node: Node, change: Callable[[Node], Node]) -> Node:
    """A copy of a tree in which ``change`` was applied to every node, parts first."""
    own = {field.name: getattr(node, field.name) for field in fields(node)}
    new = {name: _changed(value, change) for name, value in own.items()}
    same = all(new[name] is value for name, value in own.items())
    return change(node if same else replace(node, **new))


def _changed(value: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(value, Node):
        return changed(value, change)
    if isinstance(value, tuple):
        found = tuple(_changed(one, change) for one in value)
        return value if all(one is other for one, other in zip(found, value, strict=True)) else found
    return value


def named(place: Place, values: dict[str, int]) -> Node:
    """The name of a place with a number: ``W^{(2)}``."""
    script = counted_script(place.script, values)
    return Scripts(place.base.start, place.base.stop, place.base, ((place.sign, script),))


def is_declared(place: Place, values: dict[str, int], vocabulary: Vocabulary) -> bool:
    """Whether the name of a place means something with these numbers."""
    return bool(vocabulary.lookup(named(place, values)))


def numbers_of(place: Place, vocabulary: Vocabulary) -> list[int]:
    """The numbers with which the name of a place is declared; none where it has a meaning with its letter."""
    if vocabulary.lookup(Scripts(0, 0, place.base, ((place.sign, place.script),))):
        return []
    if vocabulary.lookup(place.base):
        return []
    inner = bare(place.script.body) if isinstance(place.script, Group) else place.script
    plain = Sym(0, 0, place.letter)
    script = replace(place.script, body=plain) if isinstance(place.script, Group) else plain
    bare_place = place._replace(script=script if inner is not None else place.script)
    return [n for n in range(1, _MOST) if is_declared(bare_place, {place.letter: n}, vocabulary)]


def binds(node: Node | None) -> bool:
    r"""Whether a sum runs over the layers: ``\sum_{l}``."""
    for part in node.walk() if node is not None else ():
        if isinstance(part, Scripts) and isinstance(part.base, Sym) and part.base.name in (r"\sum", r"\prod"):
            below = part.sub
            if below is not None and any(spell(one).strip() in LETTERS for one in below.walk()):
                return True
    return False
