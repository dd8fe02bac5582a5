r"""Parser of what people write: tokens in, neutral trees out; what syntax does not allow is refused.

Operands may be missing (``= b``, ``a +`` at the end of a line): the tree says None there, and who gives
meaning decides. Recursion happens through brackets, braces, scripts and environments, of limited depth.
"""

from __future__ import annotations

from symbackprop.reading.works.commands import (
    ARGUMENTS,
    COLOURED,
    OPENERS,
    OPTIONAL,
    WITH_COLUMNS,
    is_known,
)
from symbackprop.reading.works.lexer import Token
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
    Product,
    Row,
    Scripts,
    Sum,
    Sym,
    Word,
)

MAX_DEPTH = 60
LOOK_AHEAD = 400
_FACTOR = frozenset(("num", "letter", "cmd", "word", "remark", "open", "{", "begin", "^", "_", "'", "other"))


class SyntaxFault(Exception):
    """Why a formula was not read: a reason, and the offset of the place."""

    def __init__(self, reason: str, place: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


def parse_display(tokens: list[Token]) -> Env:
    """The rows and cells of a display, as an ``Env`` without a name. Raises SyntaxFault."""
    parser = _Parser(tokens)
    env = parser.rows("", parser.token.start)
    if parser.kind != "eof":
        raise parser.unexpected()
    return env


class _Parser:
    """Recursive descent over the tokens of one display."""

    def __init__(self, tokens: list[Token]) -> None:
        last = tokens[-1].stop if tokens else 0
        self.tokens = [*tokens, Token("eof", "", last, last)]
        self.index = 0
        self.token = self.tokens[0]
        self.kind = self.token.kind
        self.depth = 0
        self.open: list[str] = []  # the closers that are waited for; "" for an environment, "}" for braces

    # -- the cursor

    def take(self) -> Token:
        token = self.token
        if self.index < len(self.tokens) - 1:
            self.index += 1
            self.token = self.tokens[self.index]
            self.kind = self.token.kind
        return token

    @property
    def before(self) -> int:
        """Where the last token that was taken ends."""
        return self.tokens[self.index - 1].stop if self.index else self.token.start

    def unexpected(self) -> SyntaxFault:
        token = self.token
        match token.kind:
            case "eof":
                if self.open and self.open[-1]:
                    return SyntaxFault(f"{self.open[-1]} is missing at the end", token.start)
                return SyntaxFault("the formula ends too early", token.start)
            case "close" | "}":
                return SyntaxFault(f"{token.text} was never opened", token.start)
            case "end":
                return SyntaxFault(rf"\end{{{token.text}}} without its \begin", token.start)
            case "amp" | "row":
                return SyntaxFault(f"{token.text} inside braces", token.start)
        return SyntaxFault(f"unexpected {token.text}", token.start)

    def deeper(self, closer: str) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SyntaxFault(f"brackets are nested more than {MAX_DEPTH} deep", self.token.start)
        self.open.append(closer)

    def higher(self) -> None:
        self.depth -= 1
        self.open.pop()

    # -- rows and cells

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

    def row(self) -> Row:
        start = self.token.start
        cells: list[Node | None] = [self.listed()]
        while self.kind == "amp":
            self.take()
            cells.append(self.listed())
        return Row(start, self.before, tuple(cells))

    def environment(self) -> Node:
        opening = self.take()
        columns = ""
        if self.token.text == "[" and self.token.start <= opening.stop + 1:
            columns += self.annotation("[", "]")
        if opening.text in WITH_COLUMNS:
            while self.kind == "{":
                columns += self.annotation("{", "}")
        env = self.rows(opening.text, opening.start, columns)
        if self.kind != "end" or self.token.text != opening.text:
            if self.kind in ("eof", "end"):
                raise SyntaxFault(rf"\begin{{{opening.text}}} is not closed", opening.start)
            raise self.unexpected()
        self.take()
        env.stop = self.before
        return env

    def annotation(self, opener: str, closer: str) -> str:
        """What stands in the brackets at the cursor, as an annotation."""
        depth, found = 0, ""
        while self.kind != "eof":
            token = self.take()
            found += token.text
            depth += (token.text == opener) - (token.text == closer)
            if not depth:
                return found
        raise self.unexpected()

    # -- lists, chains, sums, products

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
        """Whether the bar at the cursor stands between two parts, as in ``p(y | x)``."""
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
            following.kind in _FACTOR
            and following.kind not in ("^", "_", "'")
            and (following.start == token.stop)
        )

    def begins(self) -> bool:
        """Whether a factor may begin at the cursor."""
        kind = self.kind
        if kind in _FACTOR:
            return True
        if kind == "bar":
            return self.opens_bar()
        return kind == "rel" and self.token.text == "<" and self.angle()

    def opens_bar(self) -> bool:
        """Whether the bar at the cursor opens a pair, or is the bar of "evaluated at"."""
        token = self.token
        if token.by == "l":
            return True
        if token.by == "r" or (self.open and self.open[-1] == token.text):
            return False
        following = self.tokens[self.index + 1]
        if following.kind == "_" and token.by != "m":
            return True  # evaluated at
        return token.by != "m" and self.partner(token)

    def partner(self, bar: Token) -> bool:
        """Whether a bar of the same kind follows inside the brackets that are open here."""
        depth = 0
        previous = bar
        for token in self.tokens[self.index + 1 : self.index + 1 + LOOK_AHEAD]:
            kind = token.kind
            if kind == "bar" and not depth and token.text == bar.text:
                return previous is not bar
            if kind in ("open", "{", "begin"):
                depth += 1
            elif kind in ("close", "}", "end"):
                depth -= 1
            if depth < 0 or (not depth and kind in ("row", "amp", "eof")):
                return False
            previous = token
        return False

    def angle(self) -> bool:
        """Whether ``<`` opens an inner product ``<x, y>``."""
        if self.index and self.tokens[self.index - 1].kind in ("num", "letter", "}", "close", "word"):
            return False
        for token in self.tokens[self.index + 1 : self.index + 40]:
            if token.kind in ("row", "amp", "eof", "end") or token.text == "=":
                return False
            if token.text == ">":
                return True
        return False

    # -- factors

    def factor(self) -> Node:
        kind = self.kind
        if kind in ("^", "_", "'"):
            return self.scripts(None)
        atom = self.atom()
        if self.kind in ("^", "_", "'"):
            return self.scripts(atom)
        return atom

    def atom(self) -> Node:
        token = self.token
        kind = token.kind
        if kind == "letter":
            self.take()
            return Sym(token.start, token.stop, token.text)
        if kind == "num":
            self.take()
            return Num(token.start, token.stop, token.text)
        if kind == "cmd":
            return self.command()
        if kind == "open":
            return self.group()
        if kind == "{":
            return self.braced()
        if kind == "bar":
            return self.bars()
        if kind in ("word", "remark"):
            self.take()
            return Word(token.start, token.stop, token.by, token.text, kind)
        if kind == "begin":
            return self.environment()
        if kind == "other":
            if token.text == "\\" or token.text.startswith("U+") or token.text in ("$", "`", "@", "#", '"'):
                raise SyntaxFault(f"the character {token.text} has no meaning in a formula", token.start)
            self.take()
            return Note(token.start, token.stop, token.text)
        if kind == "rel":
            return self.inner_product()
        raise self.unexpected()

    def command(self) -> Node:
        token = self.take()
        name = token.text
        count = ARGUMENTS.get(name)
        if count is None:
            if self.kind == "{" and not is_known(name):
                raise SyntaxFault(f"the command {name} is not known", token.start)
            return Sym(token.start, token.stop, name)
        option: Node | None = None
        if name in OPTIONAL and self.token.text == "[":
            self.take()
            self.deeper("]")
            option = self.listed()
            self.higher()
            if self.token.text != "]":
                raise self.unexpected()
            self.take()
        if count == 1 and self.kind not in ("{", "letter", "num", "cmd", "word", "begin"):
            return Sym(token.start, token.stop, name)  # \norm, \vec alone: a symbol
        args: list[Node] = []
        for place in range(count):
            if place == 0 and name in COLOURED and self.kind == "{":
                begun = self.token.start
                args.append(Note(begun, begun, self.annotation("{", "}")))
            else:
                args.append(self.argument())
        return Cmd(token.start, self.before, name, tuple(args), option)

    def argument(self) -> Node:
        """What follows a command: ``{...}``, or one letter, digit or command."""
        token = self.token
        kind = token.kind
        if kind == "{":
            return self.braced()
        if kind == "num":
            return self.digit()
        if kind == "cmd":
            if token.text in ARGUMENTS:
                self.deeper("")
                node = self.command()
                self.higher()
                return node
            self.take()
            return Sym(token.start, token.stop, token.text)
        if kind in ("letter", "word", "begin", "open", "bar"):
            if kind in ("open", "bar"):
                raise SyntaxFault(f"{{ is missing before {token.text}", token.start)
            return self.atom()
        if kind in ("op", "sign", "rel", "other", "sep"):
            self.take()
            return Sym(token.start, token.stop, token.text)
        if kind in ("prose", "remark"):
            self.take()
            return Word(token.start, token.stop, token.by, token.text, kind)
        if kind == "eof":
            raise self.unexpected()
        raise SyntaxFault(f"{{ is missing before {token.text}", token.start)

    def digit(self) -> Node:
        """The first digit of a number, as TeX takes it; the rest stays."""
        token = self.token
        if len(token.text) == 1:
            self.take()
            return Num(token.start, token.stop, token.text)
        rest = token.text[1:]
        width = 1 if token.stop - token.start == len(token.text) else 0
        self.token = Token("num" if rest[0] != "." or len(rest) > 1 else "other", rest,
                           token.start + width, token.stop)  # fmt: skip
        self.tokens[self.index] = self.token
        self.kind = self.token.kind
        return Num(token.start, token.start + max(width, 1), token.text[0])

    def braced(self) -> Node:
        opener = self.take()
        if self.kind in ("rel", "op", "sign") and self.tokens[self.index + 1].kind == "}":
            sign = self.take()
            self.take()
            return Braces(opener.start, self.before, Sym(sign.start, sign.stop, sign.text))
        self.deeper("}")
        body = self.listed()
        self.higher()
        if self.kind != "}":
            if self.kind == "eof":
                raise SyntaxFault("the brace { is not closed", opener.start)
            raise self.unexpected()
        self.take()
        return Braces(opener.start, self.before, body)

    def group(self) -> Node:
        opener = self.take()
        sign = opener.text
        self.deeper(OPENERS.get(sign, "."))
        body = self.listed()
        self.higher()
        token = self.token
        if token.kind == "bar" and opener.by == "l" and token.by == "r":
            pass  # \left( ... \right|
        elif token.kind != "close":
            if token.kind in ("eof", "end", "}", "row", "amp"):
                raise SyntaxFault(f"the bracket {sign} is not closed", opener.start)
            raise self.unexpected()
        elif not self.closes(opener, token, body):
            raise SyntaxFault(f"{token.text} closes {sign}", token.start)
        self.take()
        return Group(opener.start, self.before, sign, body, token.text)

    def closes(self, opener: Token, closer: Token, body: Node | None) -> bool:
        r"""Whether the pair fits: as usual, through ``\left`` and ``\right``, or as an interval."""
        if OPENERS.get(opener.text) == closer.text or (opener.by == "l" and closer.by == "r"):
            return True
        if {opener.text, closer.text} <= {r"\{", r"\rbrace", r"\lbrace", r"\}"}:
            return True
        interval = isinstance(body, Listed) and len(body.items) == 2
        return interval and opener.text in "([" and closer.text in ")]"

    def bars(self) -> Node:
        opener = self.take()
        sign = opener.text
        if opener.by != "l" and self.kind == "_":
            return Note(opener.start, opener.stop, sign)  # evaluated at
        self.deeper(sign)
        body = self.listed()
        self.higher()
        token = self.token
        fits = token.text == sign or (opener.by == "l" and token.by == "r")
        if token.kind not in ("bar", "close") or not fits:
            raise SyntaxFault(f"the bar {sign} is not closed", opener.start)
        self.take()
        return Group(opener.start, self.before, sign, body, token.text)

    def inner_product(self) -> Node:
        opener = self.take()
        self.deeper(">")
        start = self.token.start
        items: list[tuple[str, Node | None]] = [("", self.sum())]
        while self.kind in ("sep", "bar"):
            items.append((self.take().text, self.sum()))
        self.higher()
        if self.token.text != ">":
            raise SyntaxFault("the bracket < is not closed", opener.start)
        body = items[0][1] if len(items) == 1 else Listed(start, self.before, tuple(items))
        self.take()
        return Group(opener.start, self.before, "<", body, ">")

    # -- scripts

    def scripts(self, base: Node | None) -> Node:
        start = base.start if base is not None else self.token.start
        found: list[tuple[str, Node | None]] = []
        while self.kind in ("^", "_", "'"):
            sign = self.take()
            if sign.kind == "'":
                found.append(("'", None))
                continue
            if self.kind == "'":
                count = self.take()
                found.append((sign.kind, Sym(count.start, count.stop, "'")))
                continue
            found.append((sign.kind, self.argument()))
        return Scripts(start, self.before, base, tuple(found))


def is_sum(node: Node | None) -> bool:
    r"""``\sum_{n}`` with a range, behind which a sign belongs to what is summed."""
    if not isinstance(node, Scripts) or not isinstance(node.base, Sym):
        return False
    return node.base.name in (r"\sum", r"\prod") and any(sign == "_" for sign, _ in node.scripts)
