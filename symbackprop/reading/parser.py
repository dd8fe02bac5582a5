"""Parser of the plain-text grammar: text in, neutral syntax out; nothing is evaluated.

No name has a meaning here, with one exception: ``dL/dW`` is a derivative when L or W is among
the ``names`` (declared names; in a program also the names its equations define) and neither dL
nor dW is.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

from symbackprop.errors import InputError
from symbackprop.reading.cursor import RELATIONS, RESERVED
from symbackprop.reading.expressions import ExpressionParser
from symbackprop.reading.syntax import Bounds, Line, Node, Relation
from symbackprop.reading.tokens import MAX_NESTING, PLAIN_TEXT, Origin, Token, fail, tokenize


def parse_program(text: str, names: Collection[str] = (), origin: Origin = PLAIN_TEXT) -> tuple[Line, ...]:
    """The equations of a forward pass, in the author's order."""
    try:
        tokens = tokenize(text, origin)
        return _ProgramParser(tokens, frozenset(names) | _targets(tokens)).program()
    except RecursionError:
        raise _too_deep(origin) from None
    except InputError as error:
        raise error.located(file=origin.file) from None


def parse_expression(text: str, names: Collection[str] = (), origin: Origin = PLAIN_TEXT) -> Node:
    """One formula, nothing after it."""
    left, right = _parse_formula(text, names, origin, equality=False)
    assert right is None
    return left


def parse_equality(text: str, names: Collection[str] = (), origin: Origin = PLAIN_TEXT) -> tuple[Node, Node]:
    """The two sides of ``left = right``; both are formulas."""
    left, right = _parse_formula(text, names, origin, equality=True)
    assert right is not None
    return left, right


def parse_relation(text: str, names: Collection[str] = (), origin: Origin = PLAIN_TEXT) -> Relation:
    """``left op right``, where op is one of = != < <= > >=."""
    try:
        parser = _ProgramParser(tokenize(text, origin), frozenset(names))
        parser.skip_ends()
        left = parser.expr()
        if parser.kind not in RELATIONS:
            raise parser.unexpected("expected = between the two sides, or > or !=")
        op = parser.take().kind
        found = Relation(left.at, left, op, parser.expr())
        parser.skip_ends()
        if parser.index < len(parser.tokens):
            raise parser.unexpected()
        check_height(found)
    except RecursionError:
        raise _too_deep(origin) from None
    except InputError as error:
        raise error.located(file=origin.file) from None
    return found


def _parse_formula(
    text: str, names: Collection[str], origin: Origin, *, equality: bool
) -> tuple[Node, Node | None]:
    try:
        parser = _ProgramParser(tokenize(text, origin), frozenset(names))
        parser.skip_ends()
        left = parser.expr()
        right = None
        if equality:
            parser.expect("=", "expected = between the two sides")
            right = parser.expr()
        parser.skip_ends()
        if parser.index < len(parser.tokens):
            raise parser.unexpected()
        for side in (left, right):
            if side is not None:
                check_height(side)
    except RecursionError:
        raise _too_deep(origin) from None
    except InputError as error:
        raise error.located(file=origin.file) from None
    return left, right


def _too_deep(origin: Origin) -> InputError:
    return fail("the formula is nested too deeply", origin.place(1, 1), code="limit").located(
        file=origin.file
    )  # type: ignore[return-value]


def _targets(tokens: tuple[Token, ...]) -> frozenset[str]:
    """Names that begin a line and are followed by ``=`` or ``[``."""
    found = set()
    first = True
    for token, after in pairwise(tokens):
        if first and token.kind == "name" and after.kind in ("=", "["):
            found.add(token.text)
        first = token.kind == "end"
    return frozenset(found)


def check_height(root: Node) -> None:
    """Refuse a tree that is too deep for what comes after the parser."""
    pending = [(root, 1)]
    while pending:
        node, height = pending.pop()
        if height > MAX_NESTING:
            raise fail(
                f"the formula is more than {MAX_NESTING} operations deep",
                node.at,
                "give parts of it names of their own",
                "limit",
            )
        pending.extend((child, height + 1) for child in node.children)


class _ProgramParser(ExpressionParser):
    """The rules of equations."""

    def program(self) -> tuple[Line, ...]:
        lines: list[Line] = []
        self.skip_ends()
        while self.index < len(self.tokens):
            lines.append(self.line())
            self.skip_ends()
        return tuple(lines)

    def line(self) -> Line:
        start = self.index
        target = self.token
        if target.kind != "name":
            raise fail(
                f"an equation begins with the name it defines, not with {target.text}",
                target.at,
                "a formula goes on in the next line only after an operator, a comma, = or an open bracket",
            )
        self.take()
        if target.text in RESERVED:
            raise fail(f"{target.text} is a reserved word and cannot be defined", target.at)
        slots = self.target_slots() if self.kind == "[" else ()
        if self.kind != "=":
            raise self.unexpected(f"expected = after {target.text}")
        self.take()
        expr = self.expr()
        ranges = self.for_ranges() if self.token.text == "for" else ()
        if self.kind != "end":
            raise self.unexpected()
        check_height(expr)
        return Line(target.at, target.text, slots, expr, ranges, self.tidy(start))

    def tidy(self, start: int) -> str:
        parts: list[str] = []
        stop = self.tokens[start].start
        for token in self.tokens[start : self.index]:
            parts.append(" " * (token.start > stop) + token.text)
            stop = token.stop
        return "".join(parts)

    def target_slots(self) -> tuple[Node, ...]:
        opener = self.take()
        slots: list[Node] = []
        while True:
            token = self.token
            if token.kind not in ("name", "number"):
                raise self.unexpected("expected an index or a number")
            slots.append(self.leaf(self.take()))
            if self.kind != ",":
                break
            self.take()
        self.close(opener)
        return tuple(slots)

    def for_ranges(self) -> tuple[Bounds, ...]:
        ranges: list[Bounds] = []
        while True:
            self.take()  # for, or the comma
            if self.kind != "name":
                raise self.unexpected("expected an index after for")
            name = self.take()
            self.expect("=", f"expected = after {name.text}")
            ranges.append(self.interval(name))
            if self.kind != ",":
                return tuple(ranges)
