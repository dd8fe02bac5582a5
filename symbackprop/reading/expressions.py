"""Recursive descent over formulas. Recursion happens only through brackets, whose nesting is limited."""

from __future__ import annotations

from symbackprop.ops.registry import BINDERS
from symbackprop.reading.cursor import PRIME, RELATIONS
from symbackprop.reading.derivatives import DerivativeParser
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Bounds,
    Chain,
    Derivative,
    Matrix,
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
    show_factor,
)
from symbackprop.reading.tokens import Token, fail


class ExpressionParser(DerivativeParser):
    """One method per rule of the grammar of formulas."""

    def expr(self) -> Node:
        """expr = [+|-] term {(+|-) term}; the loop over ``*`` and ``/`` is inside to keep recursion short."""
        at = self.token.at
        terms: list[Node] = []
        while True:
            sign = self.take() if self.kind in ("+", "-") and (terms or self.kind in ("+", "-")) else None
            term = self.chain()
            while self.kind in ("*", "/"):
                operator = self.take()
                if operator.kind == "*":
                    term = _times(term, self.chain(), operator.text == "·")
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
        shown = show_factor(self.chain(first=False)) if self.kind != "@" else "..."
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
        elif token.kind == "[":
            node = self.matrix()
        elif token.kind in ("+", "-"):
            raise fail(
                "a sign stands only first in a formula", token.at, "put it in brackets, as in a * (-b)"
            )
        else:
            raise self.unexpected("expected a name, a number or a bracket")
        while self.kind == "[" and not isinstance(node, Num):
            node = Sub(node.at, node, self.slots())
        if self.kind == "^":
            node = self.power(node, bracketed=token.kind == "(")
            if self.kind == "^":
                raise fail("two powers in a row", self.token.at, f"write ({show(node)})^...")
        return node

    def leaf(self, token: Token) -> Node:
        if token.value is not None:
            return Num(token.at, token.value, token.text)
        return Name(token.at, token.text)

    def power(self, base: Node, *, bracketed: bool) -> Node:
        caret = self.take()
        token = self.token
        derivative = base.base if isinstance(base, Sub) else base
        if isinstance(derivative, Derivative) and not bracketed:
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
            if self.kind in RELATIONS:
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

    def interval(self, name: Token) -> Bounds:
        low = self.expr()
        self.expect("..", "expected .. in the range")
        return Bounds(name.at, name.text, low, self.expr())

    def range(self, name: Token) -> Bounds:
        if self.kind == "=":
            self.take()
            return self.interval(name)
        if self.kind in RELATIONS:
            op = self.take().kind
            return Bounds(name.at, name.text, op=op, other=self.expr())
        return Bounds(name.at, name.text)

    def matrix(self) -> Node:
        """``[a, b; c, d]``: rows end at a semicolon, and all have one length."""
        opener = self.take()
        cells: list[Node] = []
        widths = [0]
        while True:
            cells.append(self.expr())
            widths[-1] += 1
            if self.kind == ",":
                self.take()
            elif self.kind == "end" and self.token.text == ";":
                self.take()
                widths.append(0)
            else:
                break
        self.close(opener)
        if len(set(widths)) > 1:
            counts = ", ".join(map(str, widths))
            raise fail(f"the rows of a matrix must have one length, not {counts}", opener.at)
        return Matrix(opener.at, tuple(cells), widths[0])

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


def _times(left: Node, right: Node, dotted: bool) -> Node:
    factors = left.factors if isinstance(left, Times) and left.dotted == dotted else (left,)
    return Times(left.at, (*factors, right), dotted)
