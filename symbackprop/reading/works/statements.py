r"""Statements: the trees of a display, in; chains of members with what governs them, out.

Rows, cells, commas, gaps and words decide where a chain begins and ends:

- a cell or row that begins with a relation goes on with the chain before it, also over displays;
- one that begins with an operator goes on with the last member;
- words such as "if", "when", "for" make what follows them a condition of the chain before (or after) them;
- anything else begins a chain of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from symbackprop.reading.works.commands import DISPLAYS, FONTS, FRAMES
from symbackprop.reading.works.joints import begins_open, ends_open, halves, joined, without_braces
from symbackprop.reading.works.lists import (
    behind_all,
    is_first,
    is_range_part,
    is_tuple,
    letters_of_place,
    limiting,
    ranges_in,
    tupled,
)
from symbackprop.reading.works.spelling import parse_formula, without_remarks
from symbackprop.reading.works.tree import (
    Braces,
    Chain,
    Cmd,
    Env,
    Group,
    Listed,
    Node,
    Note,
    Num,
    Row,
    Scripts,
    Sym,
    Word,
    bare,
)

_IF = frozenset("if when whenever for where unless case suppose assume assuming given provided iff".split())
_ELSE = frozenset("else otherwise elsewhere".split())
_DEFINING = frozenset("where with let".split())
_LABELS = frozenset((".", ")", ":"))


@dataclass(slots=True)
class Member:
    """One member of a chain: the relation before it, and the tree (None: nothing was written)."""

    relation: str
    node: Node | None
    place: int  # of the relation; of the first member, of the tree


@dataclass(slots=True)
class Clause:
    """A condition as written: words, or a chain (``i = j``); ``otherwise`` for "else"."""

    text: str
    node: Node | None
    start: int
    stop: int
    otherwise: bool = False


@dataclass(slots=True)
class Statement:
    """A chain; ``display`` counts the displays; ``clauses`` govern all of it."""

    members: list[Member]
    display: int
    clauses: list[Clause] = field(default_factory=list)
    words: str = ""
    continues: bool = False  # begins with a relation that nothing in its display precedes
    governed: int = 0  # the number of its members when its first condition was read

    @property
    def has_relation(self) -> bool:
        """Whether anything is stated."""
        return len(self.members) > 1


class Splitter:
    """Collects the statements of one document, display by display."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._display = 0
        self._waiting: list[Clause] = []  # conditions read before the statement that they govern
        self._condition: str | None = None  # the word that makes what comes next a condition
        self._fresh = True  # nothing of this row has been read
        self._stated = False  # something was stated in this row
        self._words = ""
        self._alternative: Clause | None = None  # "otherwise": what comes next is the other value
        self._apart: tuple[int, ...] = ()  # the displays that stand on lines of their own: the last two

    def display(self, env: Env, number: int, words: str = "", *, apart: bool = False) -> list[Statement]:
        """The statements of one display (or inline formula); a continuation extends one of before.

        ``apart`` says that it stands on lines of its own: it goes on with the last one that does,
        whatever formulas stand in the words between.
        """
        self._display = number
        if apart:
            self._apart = (*self._apart[-1:], number)
        self._waiting, self._condition, self._alternative = [], None, None
        self._words = words
        before = len(self.statements)
        self._rows(env)
        self._settle(before)
        return self.statements[before:]

    # -- rows and cells

    def _rows(self, env: Env) -> None:
        for row in env.rows:
            self._fresh, self._stated = True, False
            self._row(row)
            self._end_row()

    def _row(self, row: Row) -> None:
        for number, cell in enumerate(row.cells):
            if cell is None:
                continue
            inner = _inner(cell)
            if inner is not None:
                self._rows(inner)
                self._fresh = False
                continue
            self._cell(cell, first=self._fresh or (number % 2 == 0 and self._finished()))
            self._fresh = False

    def _end_row(self) -> None:
        self._condition = self._alternative = None

    def _finished(self) -> bool:
        """Whether the last statement needs nothing more."""
        last = self._last()
        return last is None or last.members[-1].node is not None

    def _cell(self, cell: Node, *, first: bool) -> None:
        items = cell.items if isinstance(cell, Listed) else (("", cell),)
        ranged = ranges_in(items)
        if self._condition is None and not self._waiting and is_tuple(items):
            items = tupled(items)
        begun = first
        for place, (sep, item) in enumerate(items):
            if item is None:
                continue
            if isinstance(item, Num) and place == 0 and len(items) > 1 and items[1][0] in _LABELS:
                continue  # the number of a list: "1. Z = ..."
            if place in ranged:
                self._range(item)
                continue
            for piece in pieces_of(item):
                if isinstance(piece, Word) and piece.kind in ("prose", "remark"):
                    self._word(piece)
                elif not isinstance(piece, Note):
                    self._piece(piece, sep, fresh=begun or place > 0)
                    begun = False

    def _word(self, word: Word) -> None:
        if word.kind == "remark":
            return
        keyword = leading_keyword(word.text)
        if keyword in _ELSE:
            self._otherwise(Clause(word.text, None, word.start, word.stop, True))
            self._condition = None
        elif keyword is not None:
            self._condition = word.text
        elif self._condition is not None:
            self._govern(Clause(f"{self._condition} {word.text}", None, word.start, word.stop))
            self._condition = None
        elif word.text.strip(" ,").lower() in ("and", "or") and (self._waiting or self._limited()):
            self._condition = word.text
        else:
            self._words = f"{self._words} {word.text}".strip()

    def _piece(self, node: Node, sep: str, *, fresh: bool) -> None:
        """One piece between separators."""
        node = without_braces(node)
        members = members_of(node)
        last = self._last()
        if self._condition is not None and self._takes_condition(members):
            self._govern(Clause(self._condition, node, node.start, node.stop))
            self._condition = None
            return
        if self._alternative is not None and last is not None:
            alternative, self._alternative = self._alternative, None
            if len(members) == 1 and last.has_relation:
                members = [Member("", last.members[-2].node, last.members[-2].place),
                           Member(last.members[-1].relation, members[0].node, members[0].place)]  # fmt: skip
            clauses = [*last.clauses, alternative]
            self.statements.append(Statement(members, self._display, clauses, self._words))
            return
        limit = limiting(node)
        if limit is not None and last is not None and last.has_relation and limits(limit, last):
            self._limit(last, Clause("for", limit, node.start, node.stop))
            return
        if last is not None and last.clauses and last.clauses[-1].text == "range" and len(members) == 1:
            return  # the end of a range: K of k = 1, ..., K
        if self._waiting and len(members) == 1 and sep == ",":
            before = self._waiting[-1].node
            if is_range_part(node, sep) or (before is not None and is_range_part(before, sep)):
                self._waiting.append(Clause("range", node, node.start, node.stop))
                return
        if last is not None and len(members) == 1 and last.has_relation and is_range_part(node, sep):
            if last.clauses and is_first(last.clauses[-1].node):
                first = last.clauses.pop()  # "for i = 1, ..., n" limits nothing
                if (least := from_there_on(first)) is not None:
                    last.clauses.append(least)
            last.clauses.append(Clause("range", node, node.start, node.stop))
            return
        if members[0].node is None:
            self._continue(members)
            return
        if last is None and self._completes(members):
            return
        if last is not None and not self._starts_new(node, last, sep, fresh):
            last.members[-1].node = joined(last.members[-1].node, members[0].node)
            last.members.extend(members[1:])
            return
        statement = Statement(members, self._display, self._waiting, self._words)
        self._waiting, self._words = [], ""
        self.statements.append(statement)
        self._stated = statement.has_relation

    def _starts_new(self, node: Node, last: Statement, sep: str, fresh: bool) -> bool:
        """Whether a piece with a first member begins a chain of its own."""
        if last.members[-1].node is None or ends_open(last.members[-1].node):
            return False
        if halves(last.members[-1].node, node) is not None:
            return False
        if sep and sep not in (r"\quad", r"\qquad"):
            return True
        return not begins_open(node)

    def _continue(self, members: list[Member]) -> None:
        rest = members[1:]
        last = self._last() or self._earlier()
        if last is None:
            members[0].place = rest[0].place if rest else members[0].place
            self.statements.append(Statement(members, self._display, self._waiting, self._words, True))
            self._waiting, self._words = [], ""
            return
        if last.display != self._display:
            self.statements.append(
                Statement(
                    [Member("", last.members[-1].node, last.members[-1].place), *rest],
                    self._display, [*last.clauses, *self._waiting], self._words, True,
                )
            )  # fmt: skip
            self._waiting, self._words = [], ""
            return
        last.members.extend(rest)

    def _completes(self, members: list[Member]) -> bool:
        """Whether a display is the missing right side of the formula before it: ``$f =$`` and a display."""
        earlier = self.statements[-1] if self.statements else None
        if earlier is None or len(members) > 1 or self._display - earlier.display != 1:
            return False
        if not earlier.has_relation or earlier.members[-1].node is not None:
            return False
        first, relation = earlier.members[-2], earlier.members[-1].relation
        joined_up = [Member("", first.node, first.place), Member(relation, members[0].node, members[0].place)]
        self.statements.append(Statement(joined_up, self._display, self._waiting, self._words))
        self._waiting, self._words = [], ""
        return True

    def _last(self) -> Statement | None:
        """The statement of this display that is open."""
        last = self.statements[-1] if self.statements else None
        return last if last is not None and last.display == self._display and last.members else None

    def _limited(self) -> bool:
        """Whether a condition stands behind the open statement, which "and" may go on with."""
        last = self._last()
        return last is not None and bool(last.clauses) and last.clauses[-1].node is not None

    def _earlier(self) -> Statement | None:
        """The chain of the display before, which one that begins with a relation goes on with."""
        before = self._display - 1
        if self._apart[-1:] == (self._display,) and len(self._apart) > 1:
            before = self._apart[0]
        stated = (one for one in reversed(self.statements) if one.has_relation and one.display <= before)
        found = next(stated, None)
        return found if found is not None and found.display >= before else None

    # -- conditions

    def _takes_condition(self, members: list[Member]) -> bool:
        """Whether what comes next is the condition: "where" and "let" define, they do not limit."""
        keyword = leading_keyword(self._condition or "")
        if keyword in _DEFINING:
            self._condition = None
            return False
        return True

    def _govern(self, clause: Clause) -> None:
        last, goes_on = self._last(), clause.text.strip(" ,").lower() == "and"
        late = last is not None and (
            not self._fresh
            or (self._stated and (not last.clauses or goes_on))
            or (last.has_relation and clause.otherwise)
            or len(last.members) > last.governed > 1
        )
        if last is not None and late:
            self._limit(last, clause)
        else:
            self._waiting.append(clause)

    def _limit(self, last: Statement, clause: Clause) -> None:
        """A condition behind a statement; a second one governs only what was stated since the first."""
        stated = [one for one in last.clauses if one.text != "range"]
        if stated and last.governed and len(last.members) > last.governed and last.governed > 1:
            members = [last.members[0], *last.members[last.governed :]]
            del last.members[last.governed :]
            clauses = [*last.clauses, clause] if clause.otherwise else [clause]
            self.statements.append(Statement(members, self._display, clauses, self._words))
            return
        last.clauses.append(clause)
        last.governed = last.governed or len(last.members)

    def _otherwise(self, clause: Clause) -> None:
        """``a = b if c, otherwise d`` (or ``d otherwise``): another value of the same thing."""
        last = self._last()
        head = self.statements[-2] if len(self.statements) > 1 else None
        limited = last is not None and last.governed > 1 and len(last.members) == last.governed
        if last is not None and limited:
            self._alternative = clause
        elif (
            last is not None and head is not None and not last.has_relation and not last.clauses
            and head.display == last.display and head.governed > 1
        ):  # fmt: skip
            before = head.members[-2]
            last.members = [Member("", before.node, before.place),
                            Member(head.members[-1].relation, last.members[0].node, last.members[0].place)]
            last.clauses = [*head.clauses, clause]
        else:
            self._govern(clause)

    def _range(self, node: Node) -> None:
        r"""``i = 1, \dots, n``: where a letter runs is no equation."""
        last = self._last()
        if last is None or not last.has_relation:
            return
        first = behind_all(node) or node
        least = from_there_on(Clause("for", first, node.start, node.stop)) if is_first(first) else None
        last.clauses += [least] if least is not None else []
        last.clauses.append(Clause("range", node, node.start, node.stop))

    def _settle(self, before: int) -> None:
        """A condition that governs nothing in its display is what the display states."""
        if not self._waiting:
            return
        if len(self.statements) > before:
            self._waiting = []
            return
        for clause in self._waiting:
            if clause.node is not None:
                members = members_of(clause.node)
                if members[0].node is not None:
                    self.statements.append(Statement(members, self._display, [], clause.text))
        self._waiting = []


def leading_keyword(text: str) -> str | None:
    """The word that makes a condition of what follows, if the text begins or ends with one."""
    words = [word.strip(".,:;()").lower() for word in text.split()]
    words = [word for word in words if word]
    if not words:
        return None
    for word in (words[0], words[-1]):
        if word in _IF or word in _ELSE or word in _DEFINING:
            return word
    return None


def members_of(node: Node) -> list[Member]:
    """The members of a chain; a formula without a relation is one member."""
    if not isinstance(node, Chain):
        return [Member("", node, node.start)]
    found = [Member("", node.members[0][1], node.start)]
    for (relation, member), place in zip(node.members[1:], node.places, strict=True):
        found.append(Member(relation, member, place))
    return found


def limits(chain: Chain, last: Statement) -> bool:
    """Whether a comparison behind a statement speaks of its indices, and of nothing else but sizes."""
    own = index_letters(last)
    letters = {name for _, member in chain.members if member is not None for name in letters_of_place(member)}
    if all(relation in ("", "=") for relation, _ in chain.members):
        return len(letters) == 2 and letters <= own and all(name.islower() for name in letters)
    return any(name.islower() for name in letters & own)


def from_there_on(clause: Clause) -> Clause | None:
    r"""``i \ge 2`` for the first place of ``i = 2, \dots, n``; None for the very first one."""
    chain = clause.node
    if not isinstance(chain, Chain) or not isinstance(number := chain.members[1][1], Num):
        return None
    if number.text in ("0", "1"):
        return None
    least = Chain(chain.start, chain.stop, (chain.members[0], (r"\ge", number)), chain.places, chain.over)
    return Clause("for", least, clause.start, clause.stop)


def index_letters(statement: Statement) -> set[str]:
    """The letters that stand in subscripts of a statement."""
    found: set[str] = set()
    for member in statement.members:
        for node in member.node.walk() if member.node is not None else ():
            if isinstance(node, Scripts):
                for sign, script in node.scripts:
                    if sign == "_" and script is not None:
                        found.update(part.name for part in script.walk() if isinstance(part, Sym))
    return found


def _inner(cell: Node) -> Env | None:
    """The display inside a display, if a cell is nothing else."""
    while True:
        cell = without_remarks(cell) or cell
        if isinstance(cell, Cmd) and (cell.name in FRAMES or cell.name in FONTS):
            cell = cell.args[-1]
            continue
        if isinstance(cell, Env):
            return cell if cell.name in DISPLAYS or not cell.name else None
        if isinstance(cell, Braces | Group) and cell.body is not None:
            if isinstance(cell, Group) and not (cell.closer == "." or cell.opener == "."):
                return None
            cell = cell.body
        elif isinstance(cell, Listed):
            inner = [item for _, item in cell.items if item is not None and not isinstance(item, Note)]
            if len(inner) != 1:
                return None
            cell = inner[0]
        else:
            return None


def pieces_of(node: Node) -> list[Node]:
    r"""What stands in words as mathematics (``\text{if $i = j$}``), and what is framed as a whole."""
    if isinstance(node, Word) and node.kind == "prose":
        return words_and_formulas(node)
    inner: Node | None = bare(without_remarks(node))
    while isinstance(inner, Cmd) and (inner.name in FRAMES or inner.name in FONTS):
        inner = bare(inner.args[-1])
    if isinstance(inner, Listed):
        return [item for _, item in inner.items if item is not None]
    return [inner if isinstance(inner, Chain) else node]


def words_and_formulas(word: Word) -> list[Node]:
    r"""``if $i = j$, else`` as words and trees, in their order."""
    found: list[Node] = []
    for place, text in enumerate(word.text.replace(r"\(", "$").replace(r"\)", "$").split("$")):
        node = parse_formula(text) if place % 2 else Word(word.start, word.stop, word.by, text, "prose")
        if node is None:
            return [word]
        if place % 2:
            for part in node.walk():
                part.start, part.stop = word.start, word.stop
        if place % 2 or text.strip(" ,.;"):
            found.append(node)
    return found or [word]


def walk_members(statements: list[Statement]) -> Iterator[Node]:
    """The trees of all members."""
    for statement in statements:
        for member in statement.members:
            if member.node is not None:
                yield member.node
