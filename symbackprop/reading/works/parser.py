r"""Parser of what people write: tokens in, neutral trees out; what syntax does not allow is refused.

Operands may be missing (``= b``, ``a +`` at the end of a line): the tree says None there, and who gives
meaning decides. Recursion happens through brackets, braces, scripts and environments, of limited depth.
"""

from __future__ import annotations

from symbackprop.reading.works.atoms import FACTOR, AtomParser
from symbackprop.reading.works.commands import (
    ARGUMENTS,
    WITH_COLUMNS,
)
from symbackprop.reading.works.cursor import LOOK_AHEAD, SyntaxFault
from symbackprop.reading.works.lexer import Token
from symbackprop.reading.works.tree import (
    Chain,
    Cmd,
    Env,
    Listed,
    Node,
    Note,
    Product,
    Row,
    Scripts,
    Sum,
    Sym,
    Word,
)


def parse_display(tokens: list[Token]) -> Env:
    """The rows and cells of a display, as an ``Env`` without a name. Raises SyntaxFault."""
    try:
        return _parsed(tokens)
    except SyntaxFault:
        turned = intervals(tokens)
        if turned is None:
            raise
    return _parsed(turned)


def intervals(tokens: list[Token]) -> list[Token] | None:
    """The tokens with the brackets of ``]0, 1[`` and ``[0, 1[`` as such; None where there are none."""
    found = list(tokens)
    turned = False
    for place, token in enumerate(tokens):
        if token.text not in ("[", "]"):
            continue
        comma = False
        for ahead in range(place + 1, min(place + 12, len(tokens))):
            text = tokens[ahead].text
            if text in ("[", "]"):
                if comma and (token.text, text) != ("[", "]"):
                    turned = True
                    found[place] = Token("open", token.text, token.start, token.stop)
                    found[ahead] = Token("close", text, tokens[ahead].start, tokens[ahead].stop)
                break
            if tokens[ahead].kind in ("open", "close", "row", "amp", "rel"):
                break
            comma = comma or text in (",", ";")
    return found if turned else None


def _parsed(tokens: list[Token]) -> Env:
    parser = _Parser(tokens)
    env = parser.rows("", parser.token.start)
    if parser.kind != "eof":
        raise parser.unexpected()
    return env


class _Parser(AtomParser):
    """Recursive descent over the tokens of one display."""

    def rows(self, name: str, start: int, columns: str = "") -> Env:
        rows: list[Row] = []
        self.deeper("")
        while True:
            rows.append(self.row())
            if self.kind != "row":
                break
            self.take()
        self.higher()
        return Env(start, self.before, name, tuple(rows), columns)

    def lines(self, first: Node | None, start: int) -> Env:
        """Rows and cells inside braces, the first cell of which was read."""
        rows = [self.row(first, start)]
        while self.kind == "row":
            self.take()
            rows.append(self.row())
        return Env(start, self.before, "", tuple(rows))

    def row(self, first: Node | None = None, begun: int | None = None) -> Row:
        start = self.token.start if begun is None else begun
        cells: list[Node | None] = [self.listed() if begun is None else first]
        while self.kind == "amp":
            self.take()
            cells.append(self.listed())
        return Row(start, self.before, tuple(cells))

    def environment(self) -> Node:
        opening = self.take()
        columns = ""
        if self.token.text == "[" and self.token.start <= opening.stop + 1 and self.is_position():
            columns += self.annotation("[", "]")
        if opening.text in WITH_COLUMNS and self.kind == "{":
            columns += self.annotation("{", "}")
        env = self.rows(opening.text, opening.start, columns)
        if self.kind != "end" or self.token.text != opening.text:
            if self.kind in ("eof", "end"):
                raise SyntaxFault(rf"\begin{{{opening.text}}} is not closed", opening.start)
            raise self.unexpected()
        self.take()
        env.stop = self.before
        return env

    def is_position(self) -> bool:
        r"""Whether ``[t]``, ``[b]``, ``[r]`` ... stands at the cursor, as behind ``\begin{aligned}``."""
        letter, closer = self.tokens[self.index + 1 : self.index + 3] or (self.token, self.token)
        return letter.text in ("t", "b", "c", "l", "r") and closer.text == "]"

    def listed(self) -> Node | None:
        start = self.token.start
        items: list[tuple[str, Node | None]] = []
        sep = ""
        while True:
            kind = self.kind
            if kind == "prose":
                token = self.take()
                items.append((sep, Word(token.start, token.stop, token.by, token.text, "prose")))
                sep = ""
                continue
            if kind == "sep" or (kind == "bar" and self.separates()):
                if sep or not items:
                    items.append((sep, None))
                sep = self.take().text
                continue
            chain = self.chain()
            if chain is None:
                break
            items.append((sep, chain))
            sep = ""
        if sep:
            items.append((sep, None))
        if not items:
            return None
        if len(items) == 1 and not items[0][0] and items[0][1] is not None:
            return items[0][1]
        return Listed(start, self.before, tuple(items))

    def separates(self) -> bool:
        """Whether the bar at the cursor stands between two parts, as in ``p(y | x)``, and opens nothing."""
        if self.opens_bar():
            return False
        closer = self.open[-1] if self.open else ""
        return self.token.by in ("", "m") and closer != self.token.text

    def chain(self) -> Node | None:
        start = self.token.start
        first = self.sum()
        if self.kind != "rel" and not self.is_decorated():
            return first
        members: list[tuple[str, Node | None]] = [("", first)]
        places: list[int] = []
        over: list[Node | None] = []
        while self.kind == "rel" or self.is_decorated():
            token = self.token
            places.append(token.start)
            text, decoration = self.relation()
            over.append(decoration)
            members.append((text, self.sum()))
        return Chain(start, self.before, tuple(members), tuple(places), tuple(over))

    def relation(self) -> tuple[str, Node | None]:
        """The relation at the cursor, and the command that decorates it."""
        if self.kind == "cmd":
            decorated = self.command()
            assert isinstance(decorated, Cmd)
            sign = decorated.args[1].parts[0] if decorated.args[1].parts else decorated.args[1]
            assert isinstance(sign, Sym)
            return sign.name, decorated
        token = self.take()
        if token.text in ARGUMENTS:
            return token.text, Cmd(token.start, self.before, token.text, (self.argument(),))
        text = token.text
        while text == r"\not" and self.kind in ("rel", "cmd"):
            text += self.take().text
        return text, None

    def is_decorated(self) -> bool:
        r"""Whether ``\overset{...}{=}`` stands at the cursor."""
        if self.kind != "cmd" or self.token.text not in (r"\overset", r"\underset", r"\stackrel"):
            return False
        place, depth = self.index + 1, 0
        if self.tokens[place].kind == "{":
            while place < min(len(self.tokens) - 1, self.index + LOOK_AHEAD):
                depth += (self.tokens[place].kind == "{") - (self.tokens[place].kind == "}")
                place += 1
                if not depth:
                    break
        else:
            place += 1
        sign = self.tokens[place : place + 3]
        if sign and sign[0].kind == "rel":
            return True
        return [token.kind for token in sign] == ["{", "rel", "}"]

    def sum(self) -> Node | None:
        start = self.token.start
        if self.kind != "sign":
            first = self.product()
            if self.kind != "sign":
                return first
            terms: list[tuple[str, Node | None]] = [("", first)] if first is not None else []
        else:
            terms = []
        while self.kind == "sign":
            sign = self.take().text
            terms.append((sign, self.product()))
        return Sum(start, self.before, tuple(terms))

    def product(self) -> Node | None:
        start = self.token.start
        items: list[tuple[str, Node | None]] = []
        while True:
            kind = self.kind
            op = ""
            if kind == "cmd" and self.is_decorated():
                break
            if kind == "op":
                op = self.take().text
                if self.kind == "sign":
                    sign = self.take()
                    item = self.factor() if self.begins() else None
                    items.append((op, Sum(sign.start, self.before, ((sign.text, item),))))
                    continue
                items.append((op, self.factor() if self.begins() else None))
                continue
            if kind == "sep" and self.is_dot(items):
                op = self.take().text
                items.append((op, self.factor()))
                continue
            if kind in ("amp", "row") and self.open and self.open[-1] not in ("", "}"):
                token = self.take()
                items.append(("", Note(token.start, token.stop, token.text)))
                continue
            if kind == "sign" and items and is_sum(items[-1][1]):
                sign = self.take()
                body = self.product()
                items.append(("", Sum(sign.start, self.before, ((sign.text, body),))))
                break
            if not self.begins():
                break
            items.append(("", self.factor()))
        if not items:
            return None
        if len(items) == 1 and not items[0][0]:
            return items[0][1]
        return Product(start, self.before, tuple(items))

    def is_dot(self, items: list[tuple[str, Node | None]]) -> bool:
        """Whether the full stop at the cursor is a product: factors touch it on both sides."""
        token = self.token
        if token.text != "." or not items or self.before != token.start:
            return False
        following = self.tokens[self.index + 1]
        return (
            following.kind in FACTOR
            and following.kind not in ("^", "_", "'")
            and (following.start == token.stop)
        )


def is_sum(node: Node | None) -> bool:
    r"""``\sum_{n}`` with a range, behind which a sign belongs to what is summed."""
    if not isinstance(node, Scripts) or not isinstance(node.base, Sym):
        return False
    return node.base.name in (r"\sum", r"\prod") and any(sign == "_" for sign, _ in node.scripts)
