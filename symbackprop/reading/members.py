"""Formulas with their families written out: each member by its own name, sums over members term by term."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce

from symbackprop.core.graph import Family
from symbackprop.core.relations import holds
from symbackprop.errors import InputError
from symbackprop.reading.member_ranges import (
    Numbers,
    check_size,
    has_name,
    members_in,
    numeric_range,
    span_in,
    whole_number,
)
from symbackprop.reading.refusals import not_yet
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Line,
    Minus,
    Name,
    Node,
    Num,
    Over,
    Plus,
    Sub,
    Times,
    show,
)
from symbackprop.reading.tokens import Place, fail


def member_name(name: str, number: int) -> str:
    """What a member is called."""
    return f"{name}[{number}]"


def lines_of_members(line: Line, writer: MemberWriter) -> Iterator[Line]:
    """The equation once for each member that it defines."""
    family = writer.families.get(line.target)
    if family is None:
        parts = tuple(replace(part, expr=writer.node(part.expr, {})) for part in line.parts)
        yield replace(line, expr=writer.node(line.expr, {}), parts=parts)
        return
    if not line.slots:
        raise fail(
            f"{line.target} is defined as a whole here and by its entries or members elsewhere",
            line.at,
            "use a new name",
            "redefined",
        )
    first, rest = line.slots[0], line.slots[1:]
    if isinstance(first, Num):
        yield _member_line(line, number_in(first), rest, {}, writer)
        return
    assert isinstance(first, Name)
    writer.check_letter(first.name, first.at)
    low, high = _line_range(line, first.name, writer.families)
    for number in range(low, high + 1):
        yield _member_line(line, number, rest, {first.name: number}, writer)


def _line_range(line: Line, letter: str, families: Mapping[str, Family]) -> tuple[int, int]:
    for bounds in line.ranges:
        if bounds.index == letter:
            return numeric_range(bounds, {})
    spans = {name: family.span for name, family in families.items() if name != line.target}
    found = span_in(line.expr, letter, spans) or families[line.target].span
    assert found is not None
    return found


def _member_line(
    line: Line, number: int, rest: tuple[Node, ...], numbers: Numbers, writer: MemberWriter
) -> Line:
    target = member_name(line.target, number)
    expr = writer.node(line.expr, numbers)
    ranges = tuple(bounds for bounds in line.ranges if bounds.index not in numbers)
    slots = f"[{','.join(map(show, rest))}]" if rest else ""
    return Line(line.at, target, rest, expr, ranges, f"{target}{slots} = {show(expr)}")


def written_out(node: Node, families: Mapping[str, Family]) -> Node:
    """The formula with the name of a member for each ``h[2]``, and sums over members written out."""
    return MemberWriter(families).node(node, {}) if families else node


@dataclass(frozen=True, slots=True)
class MemberWriter:
    """Writes formulas out; ``taken`` are the names that no index may have."""

    families: Mapping[str, Family]
    taken: frozenset[str] = frozenset()

    def check_letter(self, letter: str, at: Place) -> None:
        """Refuse an index letter that already means something else."""
        if letter in self.taken:
            raise fail(f"{letter} is a name already and cannot be an index as well", at, "use another letter")

    def node(self, node: Node, numbers: Numbers) -> Node:
        match node:
            case Name(at, name):
                if name in numbers:
                    return _num(numbers[name], at)
                if name in self.families:
                    raise _whole(name, at, self.families[name])
                return node
            case Sub():
                return self.entry(node, numbers)
            case Bind():
                return self.bind(node, numbers)
            case Apply(_, "sum" | "mean", 0, (Name(at, name),)) if name in self.families:
                return self.total(node, self.families[name], at)
        return node.map_children(lambda child: self.node(child, numbers))

    def entry(self, node: Sub, numbers: Numbers) -> Node:
        """``h[t]``, ``h[t][k]``, ``h[t,k]``; any other entry with its parts written out."""
        if not (isinstance(node.base, Name) and node.base.name in self.families):
            return node.map_children(lambda child: self.node(child, numbers))
        family, first, rest = self.families[node.base.name], node.slots[0], node.slots[1:]
        number = whole_number(first, numbers)
        if number is None:
            raise _no_member(first, node, family)
        if number not in family.members:
            raise fail(
                f"{family.name} has no member {number}: {show(node)} is outside {_listed(family)}",
                first.at,
                f"give it by an equation of its own, {family.name}[{number}] = ...",
                "unknown-symbol",
            )
        member = Name(node.at, member_name(family.name, number))
        if not rest:
            return member
        return Sub(node.at, member, tuple(self.node(slot, numbers) for slot in rest))

    def total(self, node: Apply, family: Family, at: Place) -> Node:
        """``sum(l)`` and ``mean(l)`` of a family: those of its members, added."""
        span = family.span or (family.members[0], family.members[-1])
        terms: list[Node] = [
            Apply(node.at, node.name, 0, (Name(at, member_name(family.name, number)),))
            for number in range(span[0], span[1] + 1)
        ]
        whole = _added(terms, node.at)
        return whole if node.name == "sum" else Over(node.at, whole, _num(len(terms), node.at))

    def bind(self, node: Bind, numbers: Numbers) -> Node:
        """A sum over members is written out; any other binder keeps its index."""
        chosen = next((bounds for bounds in node.ranges if self.chooses(bounds.index, node.body)), None)
        if chosen is None:
            inner = {name: n for name, n in numbers.items() if all(b.index != name for b in node.ranges)}
            return node.map_children(lambda child: self.node(child, inner))
        self.check_letter(chosen.index, chosen.at)
        others = tuple(bounds for bounds in node.ranges if bounds is not chosen)
        body = Bind(node.at, node.binder, others, node.body) if others else node.body
        values = self.values(chosen, node, numbers)
        terms = [self.node(body, {**numbers, chosen.index: value}) for value in values]
        match node.binder:
            case "sum":
                return _added(terms, node.at)
            case "mean":
                return Over(node.at, _added(terms, node.at), _num(len(terms), node.at))
            case "prod":
                return terms[0] if len(terms) == 1 else Times(node.at, tuple(terms))
        return reduce(lambda left, right: Apply(node.at, node.binder, 0, (left, right)), terms)

    def chooses(self, letter: str, body: Node) -> bool:
        """Whether the letter chooses members of a family in ``body``."""
        return any(has_name(sub.slots[0], letter) for sub in members_in(body, set(self.families), letter))

    def values(self, bounds: Bounds, node: Bind, numbers: Numbers) -> list[int]:
        """The numbers over which a binder runs."""
        if bounds.low is not None and bounds.high is not None:
            span = numeric_range(bounds, numbers)
        else:
            known = {name: family.span for name, family in self.families.items()}
            found = span_in(node.body, bounds.index, known)
            if found is None:
                raise fail(
                    f"the range of {bounds.index} is not known",
                    bounds.at,
                    f"write {node.binder}[{bounds.index} = 1..3](...)",
                    "shape",
                )
            span = found
        values = list(range(span[0], span[1] + 1))
        check_size(len(values), bounds.index, bounds.at)
        if bounds.op is not None and bounds.other is not None:
            other = whole_number(bounds.other, numbers)
            if other is None:
                raise not_yet("condition", bounds.at)
            values = [value for value in values if holds(value, bounds.op, other)]
        if not values:
            raise fail(f"the range of {bounds.index} is empty", bounds.at)
        return values


def _added(terms: list[Node], at: Place) -> Node:
    return terms[0] if len(terms) == 1 else Plus(at, tuple(terms))


def _num(value: int, at: Place) -> Node:
    number = Num(at, Fraction(abs(value)), str(abs(value)))
    return Minus(at, number) if value < 0 else number


def number_in(node: Num) -> int:
    """The whole number that is written."""
    if node.value.denominator != 1:
        raise fail(f"{node.text} is not a whole number", node.at)
    return int(node.value)


def _listed(family: Family) -> str:
    return f"{family.members[0]}..{family.members[-1]}"


def _whole(name: str, at: Place, family: Family) -> InputError:
    return fail(
        f"{name} is a family of {len(family.members)} arrays, no array itself",
        at,
        f"write one of them, such as {member_name(name, family.members[-1])}, or a sum over them",
        "shape",
    )


def _no_member(slot: Node, node: Sub, family: Family) -> InputError:
    names = [part.name for part in slot.walk() if isinstance(part, Name)]
    if not names:
        return fail(f"{show(slot)} is no member of {family.name}", slot.at, f"write {_listed(family)}")
    return fail(
        f"{show(node)}: {names[0]} does not run over numbers, so that the member is not known",
        slot.at,
        f"bind it with sum[{names[0]}](...), or write for {names[0]} = 1..3",
        "unknown-symbol",
    )
