"""Recursive-descent parser of the plain-text grammar: tokens in, neutral syntax out.

No name has a meaning here, with one exception: ``dL/dW`` is a derivative when L or W is among
the ``names`` (declared names; in a program also the names its equations define) and neither dL
nor dW is. Recursion happens only through brackets, whose nesting the tokenizer limits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from types import MappingProxyType

from symbackprop.errors import InputError
from symbackprop.ops.registry import BINDERS
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Chain,
    Derivative,
    Line,
    Minus,
    Name,
    Node,
    Num,
    Over,
    Plus,
    Raised,
    Relation,
    Span,
    Sub,
    Times,
    Turned,
    Whole,
    show,
)
from symbackprop.reading.tokens import MAX_NESTING, PLAIN_TEXT, Origin, Token, fail, tokenize

RESERVED = frozenset({"for", "rows", "columns"})
_RELATIONS = ("=", "!=", "<", "<=", ">", ">=")
PRIME = "'"
_UNEXPECTED: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "=": ("a second = in one equation", "write each equation on a line of its own"),
        ")": ("this bracket was never opened", None),
        "]": ("this bracket was never opened", None),
        ":": ("a colon stands only as an index, as in W[:,j]", None),
        "'": ("a quote stands only between a function and its bracket, as in sigma'(x)", None),
        ",": ("a comma stands only between arguments or indices", None),
        "..": (".. stands only in a range, as in sum[i = 1..n](x[i])", None),
    }
)


def parse_program(text: str, names: Collection[str] = (), origin: Origin = PLAIN_TEXT) -> tuple[Line, ...]:
    """The equations of a forward pass, in the author's order."""
    try:
        tokens = tokenize(text, origin)
        return _Parser(tokens, frozenset(names) | _targets(tokens)).program()
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


def _parse_formula(
    text: str, names: Collection[str], origin: Origin, *, equality: bool
) -> tuple[Node, Node | None]:
    try:
        parser = _Parser(tokenize(text, origin), frozenset(names))
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


class _Parser:
    """A cursor over the tokens; one method per rule of the grammar."""

    def __init__(self, tokens: tuple[Token, ...], names: frozenset[str]) -> None:
        self.tokens = tokens
        self.names = names
        self.index = 0

    # -- the cursor

    @property
    def token(self) -> Token:
        return self.tokens[min(self.index, len(self.tokens) - 1)]

    @property
    def kind(self) -> str:
        return self.token.kind

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def glued(self) -> bool:
        """Whether the current token touches the one before it."""
        return self.index > 0 and self.tokens[self.index - 1].stop == self.token.start

    def expect(self, kind: str, message: str) -> Token:
        if self.kind != kind:
            raise self.unexpected(message)
        return self.take()

    def close(self, opener: Token) -> None:
        """Take the bracket that closes ``opener``; a missing one is reported where it was opened."""
        wanted = ")" if opener.kind == "(" else "]"
        if self.kind == wanted:
            self.take()
        elif self.kind == "end" or self.token.at.line > opener.at.line:
            raise fail(f"the bracket {opener.kind} is not closed", opener.at, f"add {wanted}")
        else:
            raise self.unexpected(f"expected {wanted} or a comma")

    def skip_ends(self) -> None:
        while self.kind == "end" and self.index < len(self.tokens):
            self.take()

    def unexpected(self, message: str | None = None) -> InputError:
        token = self.token
        if token.kind == "end":
            return fail(
                f"{message}, but the formula ends here" if message else "the formula ends too early", token.at
            )
        if token.kind in _UNEXPECTED and (message is None or token.kind in (":", "'")):
            text, hint = _UNEXPECTED[token.kind]
            return fail(text, token.at, hint)
        if message is None and token.kind in _RELATIONS:
            return fail("a comparison stands only inside a call", token.at, f"write ind(a {token.kind} b)")
        if message is None and token.text == "for":
            return fail("for stands only after an equation", token.at)
        return fail(f"{message}, found {token.text}" if message else f"unexpected {token.text}", token.at)

    # -- equations

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

    def interval(self, name: Token) -> Bounds:
        low = self.expr()
        self.expect("..", "expected .. in the range")
        return Bounds(name.at, name.text, low, self.expr())

    # -- expressions

    def expr(self) -> Node:
        """expr = [+|-] term {(+|-) term}; the loop over ``*`` and ``/`` is inside, to keep recursion short."""
        at = self.token.at
        terms: list[Node] = []
        while True:
            sign = self.take() if self.kind in ("+", "-") and (terms or self.kind in ("+", "-")) else None
            term = self.chain()
            while self.kind in ("*", "/"):
                if self.take().kind == "*":
                    term = _times(term, self.chain())
                else:
                    term = self.after_slash(term, self.factor())
            terms.append(Minus(sign.at, term) if sign is not None and sign.kind == "-" else term)
            if self.kind not in ("+", "-"):
                return terms[0] if len(terms) == 1 else Plus(at, tuple(terms))

    def after_slash(self, num: Node, den: Node) -> Node:
        quotient = Over(num.at, num, den)
        if self.kind not in ("name", "number", "(", "@") or self.token.text == "for":
            return quotient
        if isinstance(den, Num):
            if self.kind == "@":
                self.take()
            rest = self.chain(first=False)
            return Chain(num.at, (quotient, *(rest.factors if isinstance(rest, Chain) else (rest,))))
        at = self.token.at
        shown = show(self.chain(first=False)) if self.kind != "@" else "..."
        raise fail(
            "it is not clear what a factor after a quotient belongs to",
            at,
            f"write ({show(quotient)}) {shown} or {show(num)}/({show(den)} {shown})",
        )

    def chain(self, first: bool = True) -> Node:
        factors: list[Node] = []
        while True:
            if self.kind == "number" and (factors or not first):
                before = f"{show(factors[-1])} " if factors else ""
                raise fail(
                    "a number stands only first in a product",
                    self.token.at,
                    f"write {self.token.text} {before}".rstrip() + f" or {before}* {self.token.text}",
                )
            factors.append(self.factor())
            if self.kind == "@":
                self.take()
            elif self.kind not in ("name", "number", "(") or self.token.text == "for":
                break
        return factors[0] if len(factors) == 1 else Chain(factors[0].at, tuple(factors))

    def factor(self) -> Node:
        token = self.token
        if token.kind == "(":
            self.take()
            node = self.expr()
            self.close(token)
        elif token.kind == "name" and token.text != "for":
            node = self.derivative() or self.name()
            if isinstance(node, Name) and self.kind in ("(", "'") and self.glued():
                node = self.call(token)
        elif token.kind == "number":
            node = self.leaf(self.take())
        elif token.kind in ("+", "-"):
            raise fail(
                "a sign stands only first in a formula", token.at, "put it in brackets, as in a * (-b)"
            )
        else:
            raise self.unexpected("expected a name, a number or a bracket")
        while self.kind == "[" and not isinstance(node, Num):
            node = Sub(node.at, node, self.slots())
        if self.kind == "^":
            node = self.power(node)
            if self.kind == "^":
                raise fail("two powers in a row", self.token.at, f"write ({show(node)})^...")
        return node

    def leaf(self, token: Token) -> Node:
        if token.value is not None:
            return Num(token.at, token.value, token.text)
        return Name(token.at, token.text)

    def power(self, base: Node) -> Node:
        caret = self.take()
        token = self.token
        if isinstance(base, Derivative) or (isinstance(base, Sub) and isinstance(base.base, Derivative)):
            what = token.text if token.kind in ("name", "number") else "..."
            raise fail("no power inside a derivative", caret.at, f"write ({show(base)})^{what}")
        if token.kind == "name":
            self.take()
            if self.kind == "(" and self.glued():
                raise fail(
                    "an exponent that is a formula needs brackets", token.at, f"write ^({token.text}(...))"
                )
            return Turned(base.at, base) if token.text == "T" else Raised(base.at, base, self.leaf(token))
        if token.kind == "-":
            self.take()
            if self.kind != "number":
                raise fail("a power such as ^-n needs brackets", token.at, "write ^(-n)")
            return Raised(base.at, base, Minus(token.at, self.leaf(self.take())))
        if token.kind == "number":
            return Raised(base.at, base, self.leaf(self.take()))
        if token.kind == "(":
            self.take()
            exponent = self.expr()
            self.close(token)
            return Raised(base.at, base, exponent)
        raise self.unexpected("expected a power: T, a number, a name or a bracket")

    # -- names, calls, binders, derivatives

    def name(self) -> Node:
        token = self.take()
        if self.kind == "[" and token.text in BINDERS:
            return self.binder(token)
        return Name(token.at, token.text)

    def call(self, name: Token) -> Node:
        primes = 0
        while self.kind == "'":
            self.take()
            primes += 1
        opener = self.expect("(", f"expected ( after {name.text}{PRIME * primes}")
        args: list[Node] = []
        if self.kind == ")":
            raise fail(f"{name.text}() has no argument", opener.at)
        while True:
            arg = self.expr()
            if self.kind in _RELATIONS:
                op = self.take().kind
                arg = Relation(arg.at, arg, op, self.expr())
            args.append(arg)
            if self.kind != ",":
                break
            self.take()
        self.close(opener)
        return Apply(name.at, name.text, primes, tuple(args))

    def binder(self, name: Token) -> Node:
        opener = self.take()
        ranges: list[Bounds] = []
        while True:
            if self.kind != "name":
                raise self.unexpected("expected an index")
            ranges.append(self.range(self.take()))
            if self.kind != ",":
                break
            self.take()
        self.close(opener)
        if self.kind != "(":
            raise self.unexpected(f"expected ( after {name.text}[...]")
        opener = self.take()
        body = self.expr()
        self.close(opener)
        return Bind(name.at, name.text, tuple(ranges), body)

    def range(self, name: Token) -> Bounds:
        if self.kind == "=":
            self.take()
            return self.interval(name)
        if self.kind in _RELATIONS:
            op = self.take().kind
            return Bounds(name.at, name.text, op=op, other=self.expr())
        return Bounds(name.at, name.text)

    def slots(self) -> tuple[Node, ...]:
        opener = self.take()
        slots: list[Node] = []
        while True:
            if self.kind == ":":
                slots.append(Whole(self.take().at))
            else:
                slot = self.expr()
                if self.kind == "..":
                    self.take()
                    slot = Span(slot.at, slot, self.expr())
                slots.append(slot)
            if self.kind != ",":
                break
            self.take()
        self.close(opener)
        return tuple(slots)

    def derivative(self) -> Node | None:
        """A DERIV at the cursor, or None with the cursor where it was."""
        start = self.index
        token = self.token
        head = token.text
        if head in self.names or len(head) < 2 or head[0] != "d":
            return None
        second = len(head) > 2 and head[1] == "2"
        of = head[2:] if second else head[1:]
        self.take()
        top: Node = Name(token.at, of)
        if self.kind == "[" and not second:
            top = Sub(token.at, top, self.slots())
        by = self.second_by() if second else self.first_by()
        if by is None or not (of in self.names or any(_plain(b) in self.names for b in by)):
            self.index = start
            return None
        return Derivative(token.at, top, by)

    def first_by(self) -> tuple[Node, ...] | None:
        if self.kind != "/":
            return None
        self.take()
        node = self.variable()
        return None if node is None else (node,)

    def second_by(self) -> tuple[Node, ...] | None:
        if self.kind != "/":
            return None
        self.take()
        if self.kind == "(":
            self.take()
            first, second = self.variable(), None
            if first is not None:
                second = self.variable()
            if first is None or second is None or self.kind != ")":
                return None
            self.take()
            return (first, second)
        token = self.token
        if token.kind != "name" or len(token.text) < 3 or token.text[0] != "d" or token.text[-1] != "2":
            return None
        self.take()
        node = Name(token.at, token.text[1:-1])
        return (node, node)

    def variable(self) -> Node | None:
        """``dW`` or ``dW[p,q]`` below the bar."""
        token = self.token
        if token.kind != "name" or len(token.text) < 2 or token.text[0] != "d" or token.text in self.names:
            return None
        self.take()
        node: Node = Name(token.at, token.text[1:])
        return Sub(token.at, node, self.slots()) if self.kind == "[" else node


def _plain(node: Node) -> str:
    base = node.base if isinstance(node, Sub) else node
    return base.name if isinstance(base, Name) else ""


def _times(left: Node, right: Node) -> Node:
    factors = left.factors if isinstance(left, Times) else (left,)
    return Times(left.at, (*factors, right))
