"""Which members of families a letter chooses, and over which numbers it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symbackprop.errors import UnsupportedError
from symbackprop.reading.syntax import Bind, Bounds, Chain, Minus, Name, Node, Num, Plus, Sub, Times, show
from symbackprop.reading.tokens import Place, fail

MAX_MEMBERS = 512
Numbers = Mapping[str, int]


def check_size(count: int, name: str, at: Place | None) -> None:
    """Refuse a family of too many members."""
    if count > MAX_MEMBERS:
        raise fail(
            f"the family {name} has {count} members; the limit is {MAX_MEMBERS}", at, None, "limit"
        )


def members_in(root: Node, names: Mapping[str, object] | set[str], letter: str) -> Iterator[Sub]:
    """Every ``family[slots]`` of these names, except below a binder of ``letter``."""
    if isinstance(root, Bind) and any(bounds.index == letter for bounds in root.ranges):
        return
    if isinstance(root, Sub) and isinstance(root.base, Name) and root.base.name in names:
        yield root
    for child in root.children:
        yield from members_in(child, names, letter)


def has_name(node: Node, name: str) -> bool:
    """Whether a name stands anywhere in a formula."""
    return any(isinstance(part, Name) and part.name == name for part in node.walk())


def span_in(
    root: Node, letter: str, spans: Mapping[str, tuple[int, int] | None]
) -> tuple[int, int] | None:
    """The range of the families of which ``letter`` alone chooses the member; InputError if two differ."""
    found: tuple[int, int] | None = None
    first = ""
    for sub in members_in(root, set(spans), letter):
        assert isinstance(sub.base, Name)
        slot, span = sub.slots[0], spans[sub.base.name]
        if span is None or not (isinstance(slot, Name) and slot.name == letter):
            continue
        if found is not None and span != found:
            raise fail(
                f"{letter} runs over {found[0]}..{found[1]} in {first} and over {span[0]}..{span[1]} in "
                f"{show(sub)}",
                slot.at,
                f"give the range, as in {letter} = {found[0]}..{found[1]}",
                "shape",
            )
        found, first = found or span, first or show(sub)
    return found


def numeric_range(bounds: Bounds, numbers: Numbers) -> tuple[int, int]:
    """The range of members as whole numbers."""
    assert bounds.low is not None
    assert bounds.high is not None
    ends = [whole_number(end, numbers) for end in (bounds.low, bounds.high)]
    for end, node in zip(ends, (bounds.low, bounds.high), strict=True):
        if end is None:
            raise UnsupportedError(
                f"a family over {show(bounds.low)}..{show(bounds.high)}, whose size is a name, "
                "is not supported yet",
                line=node.at.line,
                column=node.at.column,
                hint="write a number of steps, as in 1..3",
            )
    low, high = ends
    assert low is not None
    assert high is not None
    if high < low:
        raise fail(f"the range of {bounds.index} is empty", bounds.at)
    return (low, high)


def whole_number(node: Node, numbers: Numbers) -> int | None:
    """The whole number that an index formula is, with ``numbers`` for its letters; else None."""
    match node:
        case Num(_, value):
            return int(value) if value.denominator == 1 else None
        case Name(_, name):
            return numbers.get(name)
        case Minus(_, arg):
            inner = whole_number(arg, numbers)
            return None if inner is None else -inner
        case Plus(_, parts) | Times(_, parts) | Chain(_, parts):
            total = 0 if isinstance(node, Plus) else 1
            for part in parts:
                value_of = whole_number(part, numbers)
                if value_of is None:
                    return None
                total = total + value_of if isinstance(node, Plus) else total * value_of
            return total
    return None
