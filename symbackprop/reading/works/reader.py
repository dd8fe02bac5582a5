"""The way in: a document and what its names mean, in; a ``Work``, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.notation.names import PLAIN, Names
from symbackprop.reading.notation_entries import NotationEntry
from symbackprop.reading.works.claims import Builder
from symbackprop.reading.works.context import Context
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.definitions import Definition, definitions, own_names, table_of
from symbackprop.reading.works.documents import Segment, Source, open_source, segments
from symbackprop.reading.works.lexer import MAX_TOKENS, Token, tokenize
from symbackprop.reading.works.macros import Macro, expand
from symbackprop.reading.works.members import Members
from symbackprop.reading.works.named_values import define
from symbackprop.reading.works.packages import built_in
from symbackprop.reading.works.parser import parse_display
from symbackprop.reading.works.printer import to_source
from symbackprop.reading.works.prose import Prose, compares_letters
from symbackprop.reading.works.spelling import parse_formula, without_remarks
from symbackprop.reading.works.statements import Clause, Splitter, Statement
from symbackprop.reading.works.tree import Chain, Env, Listed, Node, Num
from symbackprop.reading.works.unfolding import unfolded
from symbackprop.reading.works.vocabulary import DimName, Vocabulary
from symbackprop.reading.works.work import Claim, Side, Unread, Work


@dataclass(frozen=True, slots=True)
class WorkScope:
    """What the names of a work may mean: a problem's graph, its ``notation:``, and how it prints.

    Of a ``ProblemSpec``: ``WorkScope(spec.graph, spec.notation, spec.names, spec.layout)``.
    """

    graph: Graph
    notation: Sequence[NotationEntry] = ()
    names: Names = PLAIN
    layout: str = "gradient"
    values: Mapping[str, object] = field(default_factory=dict)


def read_work(text: str, scope: WorkScope, kind: str = "tex", file: str | None = None) -> Work:
    """Read a document. ``kind`` is "tex", "md", "ipynb" or "formula" (one formula without dollar signs).

    Never raises on what stands in the text: what cannot be read is an unread claim with its place.
    Only a text that is too large or no text at all is an ``InputError`` (code "limit" or "io").
    """
    source = open_source(text, kind, file)
    if kind != "formula":
        source = unfolded(source, file)
    loss = loss_of(scope.graph)
    vocabulary = Vocabulary.of(scope.graph, scope.notation, scope.names, scope.layout)
    work = _Reader(source, vocabulary, loss, given=bool(scope.values)).read(kind)
    late = defined_later(work)
    if not late:
        return work
    vocabulary = Vocabulary.of(scope.graph, scope.notation, scope.names, scope.layout)
    for claim in late:
        assert claim.definition is not None
        if (node := parse_formula(claim.left.latex)) is not None:
            define(node, claim.right.readings, vocabulary)
            vocabulary.defined.add(claim.defines or "")
    again = _Reader(source, vocabulary, loss, given=bool(scope.values)).read(kind)
    given = dict(zip((one.name for one in vocabulary.own), vocabulary.values, strict=False))
    return replace(again, given=given)


def defined_later(work: Work) -> list[Claim]:
    r"""The definitions that stand right behind a use of their name: ``X^T S X``, where ``S = ...``."""
    found: list[Claim] = []
    for place, claim in enumerate(work.claims):
        if claim.definition is None or claim.defines is None:
            continue
        for earlier in work.claims[:place]:
            sides = [reading for side in (earlier.left, earlier.right) for reading in side.readings[:1]]
            near = claim.derivation - earlier.derivation <= NEAR and earlier.defines != claim.defines
            used = {name for one in sides for name in one.opaque}
            if near and claim.defines in used | {name.split("_")[0] for name in used}:
                found.append(claim)
                break
    return found


def kind_of(file: str) -> str:
    """The kind of a file by its suffix; anything unknown (``.txt``, stdin) is read as Markdown with LaTeX."""
    suffix = file.rsplit(".", 1)[-1].lower() if "." in file else ""
    return {"tex": "tex", "latex": "tex", "ipynb": "ipynb"}.get(suffix, "md")


def loss_of(graph: Graph) -> Tensor | None:
    r"""The scalar that ``\nabla A`` differentiates: the last one that nothing else is computed from."""
    used = {tensor for equation in graph.equations for tensor in equation.inputs}
    scalars = [equation.target for equation in graph.equations if equation.target.is_scalar]
    final = [tensor for tensor in scalars if tensor not in used]
    found = final or scalars
    return found[-1] if found else None


NEAR = 2  # displays between the use of a name and its definition
_RELATIONS = ("=", "<", ">", r"\le", r"\ge", r"\approx", r"\ne")


class _Reader:
    """Reads one document, segment by segment."""

    def __init__(self, source: Source, vocabulary: Vocabulary, loss: Tensor | None, *, given: bool) -> None:
        self.source = source
        self.vocabulary = vocabulary
        self.loss = loss
        self.members = Members(vocabulary)
        self.splitter = Splitter()
        self.prose = Prose()
        self.claims: list[Claim] = []
        self.bare: list[Side] = []
        self.contexts: dict[int, Context] = {}
        self.numbers: dict[int, int] = {}
        self.number = 0
        self.given = given  # whether the problem has values, so that its sizes are no matter of choice
        self.sizes: dict[str, int] = {}
        self.settled = 0  # the formula that said them
        self.definitions: list[Definition] = []
        self.own: frozenset[str] = frozenset()
        self.macros: dict[str, Macro] = {}

    def read(self, kind: str) -> Work:
        self.definitions = list(definitions(self.source.text))
        self.own = own_names(self.source.text)
        self.macros = {**built_in(), **table_of(self.definitions)}
        pieces = list(segments(self.source.text, kind))
        for segment in pieces:
            if segment.kind == "words":
                self.prose.read(self.source.text[segment.start : segment.stop], segment.start)
            else:
                self.formula(segment)
        defined: dict[str, Claim] = {}
        for claim in self.claims:
            if claim.defines is not None:
                defined.setdefault(claim.defines, claim)
        inferred = dict.fromkeys(
            note
            for claim in self.claims
            for side in (claim.left, claim.right)
            for reading in side.readings[:1]
            for note in reading.notes
        )
        return Work(tuple(self.claims), tuple(self.bare), defined, tuple(inferred))

    def formula(self, segment: Segment) -> None:
        inside = any(one.start <= segment.start < one.stop for one in self.definitions)
        if inside:
            return
        self.number += 1
        try:
            tokens = expand(self.tokens(segment), self.macros)
        except SyntaxFault as fault:
            self.refuse(segment, fault)
            return
        if not tokens:
            return
        tokens = with_rows(tokens)
        try:
            env = parse_display(tokens)
        except SyntaxFault as fault:
            self.line_by_line(segment, tokens, fault)
            return
        self.take(env, segment)

    def tokens(self, segment: Segment) -> list[Token]:
        """The tokens of a formula, without the definitions that stand in it."""
        found: list[Token] = []
        position = segment.start
        for one in self.definitions:
            if segment.start <= one.start < segment.stop:
                found += tokenize(self.source.text, position, one.start, self.own)
                position = one.stop
        found += tokenize(self.source.text, position, segment.stop, self.own)
        if len(found) > MAX_TOKENS:
            raise SyntaxFault(f"a formula of more than {MAX_TOKENS} signs", segment.start)
        return found

    # -- what was not read

    def refuse(
        self, segment: Segment, fault: SyntaxFault, start: int | None = None, stop: int | None = None
    ) -> None:
        """An unread claim, where anything is claimed."""
        begun = segment.start if start is None else start
        ended = segment.stop if stop is None else stop
        text = self.source.text[begun:ended]
        if segment.kind == "inline" and not any(
            sign in text for sign in ("=", "<", ">", r"\le", r"\ge", r"\approx")
        ):
            return
        where = self.source.locate(fault.place, fault.place)
        unread = Unread(where.line, where.column, fault.reason)
        span = self.source.locate(begun, ended)
        latex = " ".join(text.split())[:500]
        side = Side(latex, span, (), unread)
        empty = Side("", span, (), unread)
        self.claims.append(
            Claim(span, latex, "", side, empty, side, self.number, self.count(), "unread", unread=unread)
        )

    def count(self) -> int:
        self.numbers[self.number] = self.numbers.get(self.number, 0) + 1
        return self.numbers[self.number]

    def line_by_line(self, segment: Segment, tokens: list[Token], fault: SyntaxFault) -> None:
        """A display that cannot be read as a whole: its lines one by one, those unread with their reason."""
        lines = rows_of(tokens)
        if len(lines) == 1:
            self.refuse(segment, fault)
            return
        for line in lines:
            if not line:
                continue
            try:
                env = parse_display(line)
            except SyntaxFault as inner:
                self.refuse(segment, inner, line[0].start, line[-1].stop)
                self.splitter.statements.append(Statement([], self.number))
            else:
                self.take(env, segment)

    # -- what was read

    def take(self, env: Env, segment: Segment) -> None:
        node = single(env)
        if segment.kind == "inline" and (self.settles(node) or self.mentions(node)):
            return
        clauses = list(self.prose.clauses)
        apart = segment.kind == "display" or is_displayed(self.source.text[segment.start : segment.stop])
        statements = self.splitter.display(env, self.number, self.prose.words, apart=apart)
        for statement in statements:
            statement.clauses = [*clauses, *statement.clauses]
            self.state(statement)
        self.prose.display()

    def settles(self, node: Node | None) -> bool:
        r"""Whether an inline formula says of what the lines speak: "for $N = 2$, $K = 3$", "if $i = j$"."""
        sizes = sizes_in(node, self.vocabulary)
        joined = self.settled == self.number - 1 and self.prose.joins()
        if sizes and (joined or not self.given or self.prose.sets()):
            self.sizes = {**self.sizes, **sizes} if joined else sizes
            self.settled = self.number
            return True
        if not self.prose.takes(node):
            return False
        if self.prose.behind:
            self.limit(self.prose.clauses[-1:])
        return True

    def mentions(self, node: Node | None) -> bool:
        """Whether an inline formula only compares letters, as in "only $i = j$ is left"."""
        if not isinstance(node, Chain) or not compares_letters(node):
            return False
        members = [member for _, member in node.members if member is not None]
        return not any(isinstance(one, Num) or self.vocabulary.lookup(one) for one in members)

    def limit(self, clauses: list[Clause]) -> None:
        """Conditions that stand behind a formula: ``a = b`` if ``i = j``."""
        before = self.number - 1
        for statement in self.splitter.statements[-1:]:
            if statement.display == before:
                statement.clauses += clauses  # what goes on with it stands under them too
        context = self.contexts.get(before)
        if context is None or not self.claims or self.claims[-1].derivation != before:
            return
        found = Builder(context, self.source, before).conditions(clauses, [])
        for place, claim in enumerate(self.claims):
            if claim.derivation == before:
                self.claims[place] = replace(claim, conditions=(*claim.conditions, *found))

    def state(self, statement: Statement) -> None:
        context = self.contexts.get(self.number)
        if context is None or not statement.continues:
            context = Context(self.vocabulary, locate=self.source.locate, loss=self.loss)
            self.contexts[self.number] = context
        builder = Builder(context, self.source, self.number)
        if not statement.has_relation:
            for member in statement.members:
                node = without_remarks(member.node)
                if node is not None:
                    span = self.source.locate(node.start, node.stop)
                    self.bare.append(Side(to_source(node), span))
            return
        several = self.instances(statement)
        for place, claim in enumerate(builder.claims(statement)):
            number = self.count()
            own = tuple(
                replace(claims[place], number=number, latex=claim.latex, case=case)
                for case, claims in several if place < len(claims)
            )  # fmt: skip
            defines = None if own else claim.defines
            self.claims.append(
                replace(claim, number=number, instances=own, defines=defines, sizes=dict(self.sizes))
            )

    def instances(self, statement: Statement) -> list[tuple[str, list[Claim]]]:
        """The claims for each number; of a recursion that defines names, those it needs first."""
        several = self.members.instances(statement)
        found = {one.text: self.instance(one.statement) for one in several}
        for one in (*several[::-1], *several):  # delta^(l) from delta^(l+1), or from delta^(l-1)
            claims = found[one.text]
            if any(claim.defines is not None and claim.definition is None for claim in claims):
                found[one.text] = self.instance(one.statement)
        return list(found.items())

    def instance(self, statement: Statement) -> list[Claim]:
        """The claims of a statement with numbers for its letters."""
        context = Context(self.vocabulary, locate=self.source.locate, loss=self.loss)
        return list(Builder(context, self.source, self.number).claims(statement))


def is_displayed(text: str) -> bool:
    r"""Whether an inline formula is set as a display: ``$\displaystyle ...$``, ``$\begin{aligned}...$``."""
    return text.lstrip("% \t\n").startswith((r"\displaystyle", r"\begin{aligned}", r"\begin{split}"))


def single(env: Env) -> Node | None:
    """The one formula of a display."""
    if len(env.rows) == 1 and len(env.rows[0].cells) == 1:
        return env.rows[0].cells[0]
    return None


def sizes_in(node: Node | None, vocabulary: Vocabulary) -> dict[str, int]:
    """Of ``N = 2, K = 3`` the dims and their sizes; nothing if anything else is said."""
    found: dict[str, int] = {}
    for part in [item for _, item in node.items] if isinstance(node, Listed) else [node]:
        if not isinstance(part, Chain) or {relation for relation, _ in part.members[1:]} != {"="}:
            return {}
        *named, last = [member for _, member in part.members]
        if not isinstance(last, Num) or not last.text.isdigit() or not int(last.text):
            return {}
        for one in named:
            dims = [word.meaning for word in vocabulary.lookup(one)] if one is not None else []
            dim = next((meaning for meaning in dims if isinstance(meaning, DimName)), None)
            if dim is None:
                return {}
            found[dim.name] = int(last.text)
    return found


def with_rows(tokens: list[Token]) -> list[Token]:
    r"""A new row at ``\intertext``, also where nobody wrote one."""
    found: list[Token] = []
    for token in tokens:
        if token.by in (r"\intertext", r"\shortintertext"):
            if found and found[-1].kind != "row":
                found.append(Token("row", r"\\", token.start, token.start))
            found += [token, Token("row", r"\\", token.stop, token.stop)]
        else:
            found.append(token)
    return found


def rows_of(tokens: list[Token]) -> list[list[Token]]:
    """The lines of a display: split at every row outside braces and inner environments."""
    lines: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind in ("{", "begin"):
            depth += 1
        elif token.kind in ("}", "end"):
            depth -= 1
        if token.kind == "row" and depth <= 0:
            lines.append([])
        else:
            lines[-1].append(token)
    return lines
