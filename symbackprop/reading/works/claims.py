r"""Claims: a statement (a chain of trees) in, its links with typed readings of every side out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from symbackprop.core.expr import SCALAR, Add, Expr, Leaf, MatMul, Neg
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Opaque, Stepped, shape_of
from symbackprop.reading.works.brackets import negated
from symbackprop.reading.works.choices import MAX_READINGS, Choices, Refused, every_run
from symbackprop.reading.works.context import UNKNOWN, Context
from symbackprop.reading.works.documents import Source
from symbackprop.reading.works.lists import is_shape_relation
from symbackprop.reading.works.named_values import define, differs_in_shape, names_behind, renews
from symbackprop.reading.works.positions import is_letter
from symbackprop.reading.works.printer import to_source
from symbackprop.reading.works.products import Meaning
from symbackprop.reading.works.sets import is_set, places_of
from symbackprop.reading.works.spelling import spell, without_remarks
from symbackprop.reading.works.statements import Clause, Member, Statement
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Group,
    Node,
    Num,
    Product,
    Scripts,
    Sum,
    Sym,
    Word,
    bare,
)
from symbackprop.reading.works.vocabulary import DimName
from symbackprop.reading.works.work import Claim, Condition, Definition, Reading, Side, Span, Unread

_RELATIONS = {
    "=": "=", ":=": "=", "=:": "=", r"\triangleq": "=", r"\coloneqq": "=", r"\coloneq": "=", r"\equiv": "=",
    r"\defeq": "=", r"\doteq": "=", "<": "<", ">": ">", r"\lt": "<", r"\gt": ">", r"\le": "<=", r"\leq": "<=",
    r"\leqslant": "<=", r"\leqq": "<=", r"\ge": ">=", r"\geq": ">=", r"\geqslant": ">=", r"\geqq": ">=",
    r"\ne": "!=", r"\neq": "!=", r"\not=": "!=", r"\approx": "~", r"\simeq": "~", r"\approxeq": "~",
    r"\cong": "~", r"\propto": "prop", r"\gets": "gets", r"\leftarrow": "gets", "+=": "+=", "-=": "-=",
    r"\in": "in", r"\sim": "in", r"\subset": "in", r"\subseteq": "in",
}  # fmt: skip
_SPACES = (r"\mathbb{R}", r"\mathbf{R}", r"\R", r"\mathbb{Z}", r"\mathbb{N}")
_IMPLIES = frozenset(
    r"\implies \Rightarrow \Longrightarrow \iff \Leftrightarrow \Longleftrightarrow \impliedby "
    r"\Leftarrow".split()
)


@dataclass(slots=True)
class Builder:
    """Makes the claims of one derivation; sides are read once."""

    context: Context
    source: Source
    derivation: int
    renewing: bool = False  # the line gives a name of the problem another meaning

    def claims(self, statement: Statement, first_number: int = 1) -> Iterator[Claim]:
        """The links of a chain, each with its readings."""
        members = [member for member in statement.members if member.node is not None or member.relation]
        if not members or len(members) < 2:
            return
        self.context.dummies = dummies_of(members)
        self.context.counter = counter_of(members)
        self.context.outer = letters_of(members)
        self.context.differentials = any(
            holds_differential(member.node, self.context) for member in members if member.node is not None
        )
        self.renewing = self.renewed(members, statement.words)
        sides = [self.side(member) for member in members]
        self.remember(sides)
        counting = self.context.counting()
        if counting is not None:  # a letter counts examples already: it is the one that is meant
            self.context.example = counting
            sides = [self.side(member) for member in members]
        conditions = self.conditions(statement.clauses, sides)
        start = 0
        number = first_number
        for place in range(1, len(members)):
            relation = members[place].relation
            if relation in _IMPLIES:
                start = place
                continue
            claim = self.claim(members, sides, place, start, number, conditions, statement)
            yield claim
            if claim.definition is not None:  # the name means something in the rest of the chain
                again = [bool(side.name) or (self.renewing and at == 0) for at, side in enumerate(sides)]
                sides = [self.side(member) if anew else side
                         for member, side, anew in zip(members, sides, again, strict=True)]  # fmt: skip
            number += 1
            if claim.kind == "update" and place == start + 1:
                start = place

    def claim(
        self,
        members: list[Member],
        sides: list[Side],
        place: int,
        start: int,
        number: int,
        conditions: tuple[Condition, ...],
        statement: Statement,
    ) -> Claim:
        left, right = members[place - 1], members[place]
        relation = _RELATIONS.get(right.relation, right.relation)
        inherited = place - 1 > start or statement.continues
        begun = right.place if inherited or left.node is None else left.node.start
        stopped = right.node.stop if right.node is not None else right.place + len(right.relation)
        span = self.source.locate(min(begun, stopped), max(begun, stopped))
        shown = f"{right.relation} {sides[place].latex}"
        if not inherited:
            shown = f"{sides[place - 1].latex} {shown}"
        found = Claim(
            span,
            shown.strip(),
            relation,
            sides[place - 1],
            sides[place],
            sides[start],
            self.derivation,
            number,
            inherited=inherited,
            conditions=conditions,
            indices=self.context.letters,
            words=statement.words,
        )
        return self.typed(found, left, right, place == start + 1)

    def typed(self, claim: Claim, left: Member, right: Member, begins: bool) -> Claim:
        """The claim with its kind, what it defines, and why it is unread."""
        if begins and claim.relation == "=" and left.node is not None and is_set(right.node):
            name = bare(left.node)
            is_name, places = isinstance(name, Sym | Scripts | Cmd), bare(right.node)
            if is_name and places is not None and places_of(places, self.context.vocabulary):
                self.context.vocabulary.sets[spell(name, loose=True)] = places
                return replace(claim, kind="set", defines=spell(name).strip())
        if is_shape_relation(right.relation) or claim.relation == "in":
            return replace(claim, kind="sizes")
        if any(side.latex.startswith(_SPACES) for side in (claim.left, claim.right)):
            return replace(claim, kind="sizes")
        if left.node is not None and right.node is not None and self.is_sizes(left.node, right.node):
            return replace(claim, kind="sizes")
        if begins and left.node is not None and right.node is not None:
            target = self.updated(left.node, right.node, claim.relation)
            if target is not None:
                return self.update(claim, target)
        unread = claim.left.unread or claim.right.unread
        if claim.relation not in ("=", "<", ">", "<=", ">=", "!=", "~"):
            place = self.source.locate(right.place, right.place)
            why = f"the relation {right.relation} is not read"
            unread = unread or Unread(place.line, place.column, why, "unknown")
        defines = claim.left.name if begins and claim.relation == "=" else None
        if begins and self.renewing and claim.relation == "=" and left.node is not None:
            defines = spell(bare(left.node)).strip()
        clear = bool(claim.left.readings) and not claim.left.readings[0].opaque
        behind = right.relation == "=:" or not begins or (clear and names_behind(claim.words))
        named = claim.right.name if claim.relation == "=" and behind else None
        if named is not None and unread is None:  # y - t =: e names what stands before it
            claim = replace(claim, left=claim.right, right=claim.left, first=claim.right)
            defines = named
        if defines is None:
            return replace(claim, unread=unread)
        self.context.vocabulary.defined.add(defines)
        name = right.node if named is not None else left.node
        meaning = None
        if name is not None and unread is None:
            meaning = define(name, claim.right.readings, self.context.vocabulary)
        definition = meaning if isinstance(meaning, Definition) else None
        return replace(claim, unread=unread, defines=defines, definition=definition)

    def remember(self, sides: list[Side]) -> None:
        """How far the letters of a line run, for later lines in which they index nothing."""
        for side in sides:
            for reading in side.readings[:1]:
                for node in reading.expr.walk():
                    index = node.single if isinstance(node, IndexValue) else None
                    if index is not None and index.dim != UNKNOWN and index.dim.names:
                        self.context.vocabulary.ranges[index.letter] = index.dim

    def renewed(self, members: list[Member], words: str) -> bool:
        """Whether a line gives a name a new meaning; a name of the work loses its old one.

        A name of the problem is another's only where the line says so, and only where it cannot be meant:
        it is declared with another spelling, or what it is given has another shape.
        """
        vocabulary, first, second = self.context.vocabulary, members[0].node, members[1].node
        name = bare(first)
        if name is None or second is None or not isinstance(name, Sym | Scripts | Cmd | Word):
            return False
        again = renews(members[1].relation, words)
        tensor = vocabulary.own_of(name)
        if tensor is not None:
            if again or differs_in_shape(tensor, self.readings(second)[0]):
                vocabulary.forget(name)
            return False
        named = vocabulary.lookup(name) if again else []
        if not named:
            return False
        right = self.readings(second)[0]
        if isinstance(named[0].meaning, Tensor):
            return named[0].level > 0 or differs_in_shape(named[0].meaning, right)
        return isinstance(named[0].meaning, DimName) and any(shape_of(one.expr) != SCALAR for one in right)

    # -- updates and sizes

    def updated(self, left: Node, right: Node, relation: str) -> Tensor | None:
        """The array that a line gives a new value, if it is an update."""
        inner = bare(left)
        if not isinstance(inner, Sym | Scripts | Cmd | Word):
            return None
        if self.context.counter and isinstance(inner, Scripts):
            inner = without_counter(inner)
        found = [named.meaning for named in self.context.vocabulary.lookup(inner)]
        tensor = next((meaning for meaning in found if isinstance(meaning, Tensor)), None)
        if tensor is None:
            return None
        if relation in ("gets", "+=", "-="):
            return tensor
        body = bare(right)
        if relation != "=" or not isinstance(body, Sum) or len(body.terms) < 2 or body.terms[0][1] is None:
            return None
        first = bare(body.terms[0][1])
        if self.context.counter and isinstance(first, Scripts):
            first = without_counter(first)
        return tensor if spell(first, loose=True) == spell(inner, loose=True) else None

    def update(self, claim: Claim, target: Tensor) -> Claim:
        """Left is the new value; of ``+=`` the old value is added on the right."""
        stepped = tuple(replace(one, expr=Stepped(Leaf(target))) for one in claim.left.readings[:1])
        if not stepped:
            stepped = (Reading(Stepped(Leaf(target))),)
        left = replace(claim.left, readings=stepped, unread=None)
        right = claim.right
        if claim.relation in ("+=", "-="):
            sign = claim.relation[0]
            right = replace(right, readings=tuple(_added(target, one, sign) for one in right.readings))
        return replace(
            claim, kind="update", relation="=", left=left, right=right, first=left, target=target,
            unread=right.unread,
        )  # fmt: skip

    def is_sizes(self, left: Node, right: Node) -> bool:
        r"""``(K \times K) \times (K \times 1) = K \times 1``: nothing but sizes, and a cross."""
        crossed = False
        pending: list[Node] = [left, right]
        while pending:
            node = pending.pop()
            if isinstance(node, Sym | Scripts):
                if not any(isinstance(one.meaning, DimName) for one in self.context.vocabulary.lookup(node)):
                    return False
                continue
            if isinstance(node, Product):
                crossed = crossed or any(op == r"\times" for op, _ in node.items)
            elif not isinstance(node, Num | Group | Braces):
                return False
            pending.extend(node.parts)
        return crossed

    # -- sides

    def side(self, member: Member) -> Side:
        """A member with all its readings."""
        node = without_remarks(member.node)
        if node is None:
            where = self.source.locate(member.place, member.place)
            why = Unread(where.line, where.column, "nothing stands on this side", "form")
            return Side("", where, (), why)
        span = self.source.locate(node.start, node.stop)
        latex = to_source(node)
        readings, refused = self.readings(node)
        unread = None
        if not readings and refused is not None:
            place = self.source.locate(refused.place or node.start, refused.place or node.start)
            unread = Unread(place.line, place.column, refused.reason, refused.code)
        return Side(latex, span, readings, unread, name_of(node, readings))

    def readings(self, node: Node) -> tuple[tuple[Reading, ...], Refused | None]:
        """All readings of a piece, those whose shapes fit first."""
        refused: Refused | None = None
        found: list[tuple[bool, int, Reading]] = []

        def run(choices: Choices) -> Reading:
            reader = Meaning(self.context, choices)
            try:
                expr = reader.value(node)
            except (ValueError, RecursionError):  # shapes that nobody knows, brackets without end
                raise Refused("what this means could not be worked out", node.start) from None
            return Reading(
                expr,
                tuple(choices.made),
                tuple(choices.opaque),
                tuple(choices.notes),
                choices.example,
                reader.spans,
            )

        for cost, _, result in every_run(run):
            if isinstance(result, Refused):
                refused = refused or result
                continue
            if all(result.expr != other.expr for _, _, other in found):
                found.append((bool(result.opaque), cost, result))
            if len(found) >= MAX_READINGS:
                break
        found.sort(key=lambda one: (one[0], one[1]))
        return tuple(reading for _, _, reading in found), refused

    # -- conditions

    def conditions(self, clauses: list[Clause], sides: list[Side]) -> tuple[Condition, ...]:
        """What governs the claims of a statement."""
        found: list[Condition] = []
        seen: set[int] = set()
        for clause in clauses:
            if clause.text == "range" or clause.start in seen:
                continue
            seen.add(clause.start)
            span = self.source.locate(clause.start, clause.stop)
            stated = clause.stop - clause.start <= len(clause.text)  # in the words themselves
            text = clause.text if stated else f"{clause.text} {to_source(clause.node)}".strip()
            if clause.otherwise:
                before = found.pop() if found else None
                holds = negated(before.holds) if before is not None and before.holds is not None else None
                found.append(Condition(text, span, holds, True, before.letters if before else ()))
                continue
            found.append(self.condition(clause, text, span))
        return tuple(found)

    def condition(self, clause: Clause, text: str, span: Span) -> Condition:
        node = bare(clause.node)
        if not isinstance(node, Chain):
            return Condition(text, span)
        reader = Meaning(self.context, Choices())
        try:
            holds: Expr | None = reader.indicator(node)
        except Refused:
            holds = None
        written = {spell(one).strip() for one in node.walk() if isinstance(one, Sym)}
        letters = tuple(sorted(written & set(self.context.letters)))
        if reader.choices.opaque:
            holds = None
        return Condition(text, span, holds, False, letters)


def _added(target: Tensor, reading: Reading, sign: str) -> Reading:
    step = reading.expr if sign == "+" else Neg(reading.expr)
    return replace(reading, expr=Add((Leaf(target), step)))


def name_of(node: Node, readings: tuple[Reading, ...]) -> str | None:
    """The spelling of a side that is one unknown name and nothing else."""
    if readings and is_change(node) and _holds_opaque(readings[0].expr):
        return spell(bare(node)).strip()
    if not readings or not isinstance(readings[0].expr, Opaque) or readings[0].expr.called:
        return None
    return spell(bare(node)).strip()


def is_change(node: Node) -> bool:
    r"""``\delta h``, ``\Delta h``: what a derivative by h is often called."""
    inner = bare(node)
    if not isinstance(inner, Product) or len(inner.items) != 2 or inner.items[1][0]:
        return False
    first, second = bare(inner.items[0][1]), bare(inner.items[1][1])
    named = isinstance(second, Sym | Scripts | Cmd)
    return isinstance(first, Sym) and first.name in (r"\delta", r"\Delta") and named


def _holds_opaque(expr: Expr) -> bool:
    first = expr.factors[0] if isinstance(expr, MatMul) else expr
    return isinstance(first, Opaque)


def letters_of(members: list[Member]) -> frozenset[str]:
    """The letters in the scripts of the side of a chain that has no sum, which are free on all sides."""
    plain = [
        member.node
        for member in members
        if member.node is not None
        and not any(isinstance(one, Sym) and one.name == r"\sum" for one in member.node.walk())
    ]
    scripts = [part for node in plain[:1] for part in node.walk() if isinstance(part, Scripts)]
    return frozenset(
        one.name
        for part in scripts
        for _, script in part.scripts
        if script is not None
        for one in script.walk()
        if isinstance(one, Sym)
    )


def counter_of(members: list[Member]) -> str:
    """t where a chain begins ``W^{(t+1)} = W^{(t)} - ...``, of one W; "" elsewhere."""
    left = bare(members[0].node)
    right = bare(members[1].node)
    term = bare(right.terms[0][1]) if isinstance(right, Sum) else None
    if not isinstance(left, Scripts) or not isinstance(term, Scripts) or term.sup is None:
        return ""
    later, letter = spell(left.sup).strip("()[]"), spell(term.sup).strip("()[]")
    same = spell(without_counter(left), loose=True) == spell(without_counter(term), loose=True)
    return letter if same and is_letter(letter) and later == f"{letter}+1" else ""


def holds_differential(node: Node, context: Context) -> bool:
    r"""Whether ``d`` stands before the loss or a function: then every d of the line is a small change."""
    if context.vocabulary.lookup(Sym(0, 0, "d")):
        return False
    for part in node.walk():
        items = part.items if isinstance(part, Product) else ()
        for (_, first), (op, behind) in pairwise(items):
            small = isinstance(first, Sym) and first.name == "d" and not op and behind is not None
            if not small or behind is None:
                continue
            if is_whole(behind, context) or context.vocabulary.function(behind) is not None:
                return True
    return False


def is_whole(node: Node, context: Context) -> bool:
    """Whether a name is a scalar that nothing else is computed from."""
    graph = context.vocabulary.graph
    used = {tensor for equation in graph.equations for tensor in equation.inputs}
    named = [one.meaning for one in context.vocabulary.lookup(node)]
    return any(
        isinstance(one, Tensor) and one.is_scalar and one not in used and graph.equation_of(one) is not None
        for one in named
    )


def without_counter(node: Scripts) -> Node:
    """A name without what stands above it."""
    rest = tuple(one for one in node.scripts if one[0] != "^")
    if rest or node.base is None:
        return Scripts(node.start, node.stop, node.base, rest)
    return node.base


def dummies_of(members: list[Member]) -> frozenset[str]:
    r"""The letter of ``\frac{d f(x)}{dx}``, which stands for any number."""
    found: set[str] = set()
    for member in members:
        node = bare(member.node)
        if not isinstance(node, Cmd) or len(node.args) != 2:
            continue
        top, below = bare(node.args[0]), bare(node.args[1])
        if not isinstance(top, Product) or not isinstance(below, Product) or len(below.items) != 2:
            continue
        letter, group = below.items[1][1], bare(top.items[-1][1])
        if isinstance(letter, Sym) and isinstance(group, Group) and len(letter.name) == 1:
            inner = bare(group.body)
            if isinstance(inner, Sym) and inner.name == letter.name and len(top.items) == 3:
                found.add(letter.name)
    return frozenset(found)
