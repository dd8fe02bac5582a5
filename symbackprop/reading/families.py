"""Families: ``h[t] = tanh(W h[t-1] + U x[t] + b) for t = 1..3`` as one equation for each member.

``unroll`` turns a program with families into one without: every member is a symbol of its own, called
``h[2]``, every equation of a family stands there once for each of its members, and a sum over the
members alone is written out. So shared weights are tied weights, and nothing after reading knows
families, except the names. ``written_out`` does the same with a single formula.

A name is a family if it is declared with ``over:``, if one of its equations has a number in the first
slot (``h[0] = h0``), or if its equation uses its first index to choose a member of a family.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce

from symbackprop.core.graph import Family
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.refusals import not_yet
from symbackprop.reading.scope import function_names
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Chain,
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

MAX_MEMBERS = 512
Numbers = Mapping[str, int]


@dataclass(slots=True)
class _Members:
    """What is known of a family so far: its members, and the range of ``over:`` or ``for``."""

    span: tuple[int, int] | None = None
    numbers: set[int] = field(default_factory=set)


def unroll(
    lines: Sequence[Line],
    declarations: Declarations,
    arrays: Collection[str] = (),
    families: Collection[str] = (),
) -> tuple[list[Line], Declarations]:
    """The program without families; ``families`` of the declarations says what they were.

    The names of ``arrays`` are no families, though equations give them entry by entry; those of ``families``
    are some, though their members need no others.
    """
    if declarations.families is not None:
        return list(lines), declarations
    found: dict[str, _Members] = {}
    for symbol in declarations.symbols.values():
        if symbol.over is not None:
            _check_size(symbol.over, symbol.name, symbol.at)
            span = range(declarations.first, declarations.first + symbol.over)
            found[symbol.name] = _Members((span[0], span[-1]), set(span))
    for name in families:
        found[name] = _Members()
    _find_targets([line for line in lines if line.target not in arrays], found, declarations)
    taken = {*declarations.symbols, *declarations.all_dims, *declarations.functions, *RESERVED}
    taken |= {line.target for line in lines} | function_names()
    if not found:
        return list(lines), replace(declarations, families={})
    families = {
        name: Family(name, tuple(sorted(members.numbers)), members.span) for name, members in found.items()
    }
    writer = _Writer(families, frozenset(taken))
    unrolled = [one for line in lines for one in _lines_of(line, writer)]
    symbols: dict[str, Declared] = {}
    for symbol in declarations.symbols.values():
        if symbol.name not in families:
            symbols[symbol.name] = symbol
    for name, family in families.items():
        base = declarations.symbols.get(name) or Declared(name)
        for number in family.members:
            own = member_of(base, number, declared=0 <= number - declarations.first < (base.over or 0))
            symbols[own.name] = own
    ordered = _in_declared_order(declarations, symbols, families)
    return unrolled, replace(declarations, symbols=ordered, families=families)


def member_of(base: Declared, number: int, *, declared: bool) -> Declared:
    """The declaration of one member; a start beyond the declared range has no role of its own."""
    name, role = member_name(base.name, number), base.role if declared else None
    return replace(base, name=name, over=None, family=(base.name, number), role=role, aliases=())


def member_name(name: str, number: int) -> str:
    """What a member is called."""
    return f"{name}[{number}]"


def _in_declared_order(
    declarations: Declarations, symbols: Mapping[str, Declared], families: Mapping[str, Family]
) -> dict[str, Declared]:
    """Members where their family was declared, those of undeclared families last."""
    ordered: dict[str, Declared] = {}
    for name in (*declarations.symbols, *families):
        family = families.get(name)
        members = (name,) if family is None else tuple(member_name(name, t) for t in family.members)
        for member in members:
            ordered.setdefault(member, symbols[member])
    return ordered


def _check_size(count: int, name: str, at: Place | None) -> None:
    if count > MAX_MEMBERS:
        raise fail(
            f"the family {name} has {count} members; the limit is {MAX_MEMBERS}", at, None, "limit"
        )


# -- which names are families


def _find_targets(lines: Sequence[Line], found: dict[str, _Members], declarations: Declarations) -> None:
    """Add the families that equations define, until no further one is found."""
    for line in lines:
        if line.slots and isinstance(line.slots[0], Num):
            _check_base(line, declarations)
            found.setdefault(line.target, _Members()).numbers.add(_number(line.slots[0]))
    waiting = [line for line in lines if line.slots and isinstance(line.slots[0], Name)]
    while True:
        ready = [line for line in waiting if _chooses_members(line, found)]
        if not ready:
            return
        waiting = [line for line in waiting if line not in ready]
        for line in ready:
            _check_base(line, declarations)
            found.setdefault(line.target, _Members())
        for line in ready:
            span = _target_range(line, found)
            members = found[line.target]
            members.numbers |= set(range(span[0], span[1] + 1))
            members.span = members.span or span


def _check_base(line: Line, declarations: Declarations) -> None:
    name = line.target
    if name in function_names() or name in declarations.functions or name in RESERVED:
        raise fail(f"{name} is a function and cannot be defined", line.at, "use another name", "redefined")
    if name in declarations.all_dims:
        raise fail(f"{name} is a dim and cannot be defined", line.at, "use another name", "redefined")


def _chooses_members(line: Line, found: Mapping[str, _Members]) -> bool:
    """Whether the first index of the target chooses members of a family, this one perhaps."""
    letter = line.slots[0]
    assert isinstance(letter, Name)
    if line.target in found:
        return True
    names = {*found, line.target}
    return any(_has_name(sub.slots[0], letter.name) for sub in _members_in(line.expr, names, letter.name))


def _members_in(root: Node, names: Mapping[str, object] | set[str], letter: str) -> Iterator[Sub]:
    """Every ``family[slots]`` of these names, except below a binder of ``letter``."""
    if isinstance(root, Bind) and any(bounds.index == letter for bounds in root.ranges):
        return
    if isinstance(root, Sub) and isinstance(root.base, Name) and root.base.name in names:
        yield root
    for child in root.children:
        yield from _members_in(child, names, letter)


def _has_name(node: Node, name: str) -> bool:
    return any(isinstance(part, Name) and part.name == name for part in node.walk())


def _target_range(line: Line, found: Mapping[str, _Members]) -> tuple[int, int]:
    """The range of ``for``, else that of the families of which the index chooses a member as it is."""
    letter = line.slots[0]
    assert isinstance(letter, Name)
    for bounds in line.ranges:
        if bounds.index == letter.name:
            span = _numeric(bounds, {})
            _check_size(span[1] - span[0] + 1, line.target, bounds.at)
            return span
    known = _span_in(line.expr, letter.name, {name: one.span for name, one in found.items()})
    if known is None:
        raise fail(
            f"the range of {letter.name} is not known",
            letter.at,
            f"write for {letter.name} = 1..3 at the end",
            "shape",
        )
    return known


def _span_in(
    root: Node, letter: str, spans: Mapping[str, tuple[int, int] | None]
) -> tuple[int, int] | None:
    """The range of the families of which ``letter`` alone chooses the member; InputError if two differ."""
    found: tuple[int, int] | None = None
    first = ""
    for sub in _members_in(root, set(spans), letter):
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


def _numeric(bounds: Bounds, numbers: Numbers) -> tuple[int, int]:
    """The range of members as whole numbers."""
    assert bounds.low is not None
    assert bounds.high is not None
    ends = [_constant(end, numbers) for end in (bounds.low, bounds.high)]
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


# -- writing out


def _lines_of(line: Line, writer: _Writer) -> Iterator[Line]:
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
        yield _member_line(line, _number(first), rest, {}, writer)
        return
    assert isinstance(first, Name)
    writer.check_letter(first.name, first.at)
    low, high = _line_range(line, first.name, writer.families)
    for number in range(low, high + 1):
        yield _member_line(line, number, rest, {first.name: number}, writer)


def _line_range(line: Line, letter: str, families: Mapping[str, Family]) -> tuple[int, int]:
    for bounds in line.ranges:
        if bounds.index == letter:
            return _numeric(bounds, {})
    spans = {name: family.span for name, family in families.items() if name != line.target}
    found = _span_in(line.expr, letter, spans) or families[line.target].span
    assert found is not None
    return found


def _member_line(
    line: Line, number: int, rest: tuple[Node, ...], numbers: Numbers, writer: _Writer
) -> Line:
    target = member_name(line.target, number)
    expr = writer.node(line.expr, numbers)
    ranges = tuple(bounds for bounds in line.ranges if bounds.index not in numbers)
    slots = f"[{','.join(map(show, rest))}]" if rest else ""
    return Line(line.at, target, rest, expr, ranges, f"{target}{slots} = {show(expr)}")


def written_out(node: Node, families: Mapping[str, Family]) -> Node:
    """The formula with the name of a member for each ``h[2]``, and sums over members written out."""
    return _Writer(families).node(node, {}) if families else node


@dataclass(frozen=True, slots=True)
class _Writer:
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
        number = _constant(first, numbers)
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
        return any(_has_name(sub.slots[0], letter) for sub in _members_in(body, set(self.families), letter))

    def values(self, bounds: Bounds, node: Bind, numbers: Numbers) -> list[int]:
        """The numbers over which a binder runs."""
        if bounds.low is not None and bounds.high is not None:
            span = _numeric(bounds, numbers)
        else:
            known = {name: family.span for name, family in self.families.items()}
            found = _span_in(node.body, bounds.index, known)
            if found is None:
                raise fail(
                    f"the range of {bounds.index} is not known",
                    bounds.at,
                    f"write {node.binder}[{bounds.index} = 1..3](...)",
                    "shape",
                )
            span = found
        values = list(range(span[0], span[1] + 1))
        _check_size(len(values), bounds.index, bounds.at)
        if bounds.op is not None and bounds.other is not None:
            other = _constant(bounds.other, numbers)
            if other is None:
                raise not_yet("condition", bounds.at)
            values = [value for value in values if _holds(value, bounds.op, other)]
        if not values:
            raise fail(f"the range of {bounds.index} is empty", bounds.at)
        return values


def _holds(left: int, op: str, right: int) -> bool:
    return {
        "=": left == right, "!=": left != right, "<": left < right, "<=": left <= right,
        ">": left > right, ">=": left >= right,
    }[op]  # fmt: skip


def _added(terms: list[Node], at: Place) -> Node:
    return terms[0] if len(terms) == 1 else Plus(at, tuple(terms))


def _num(value: int, at: Place) -> Node:
    number = Num(at, Fraction(abs(value)), str(abs(value)))
    return Minus(at, number) if value < 0 else number


def _number(node: Num) -> int:
    if node.value.denominator != 1:
        raise fail(f"{node.text} is not a whole number", node.at)
    return int(node.value)


def _constant(node: Node, numbers: Numbers) -> int | None:
    """The whole number that an index formula is, with ``numbers`` for its letters; else None."""
    match node:
        case Num(_, value):
            return int(value) if value.denominator == 1 else None
        case Name(_, name):
            return numbers.get(name)
        case Minus(_, arg):
            inner = _constant(arg, numbers)
            return None if inner is None else -inner
        case Plus(_, parts) | Times(_, parts) | Chain(_, parts):
            total = 0 if isinstance(node, Plus) else 1
            for part in parts:
                value_of = _constant(part, numbers)
                if value_of is None:
                    return None
                total = total + value_of if isinstance(node, Plus) else total * value_of
            return total
    return None


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
