r"""Factors of what people write: letters, commands with arguments, brackets, bars, scripts."""

from __future__ import annotations

from symbackprop.reading.works.commands import (
    ARGUMENTS,
    COLOURED,
    OPENERS,
    OPTIONAL,
    is_known,
)
from symbackprop.reading.works.cursor import LOOK_AHEAD, Cursor, SyntaxFault
from symbackprop.reading.works.lexer import Token
from symbackprop.reading.works.tree import (
    Braces,
    Cmd,
    Group,
    Listed,
    Node,
    Note,
    Num,
    Scripts,
    Sym,
    Word,
)

FACTOR = frozenset(("num", "letter", "cmd", "word", "remark", "open", "{", "begin", "^", "_", "'", "other"))


class AtomParser(Cursor):
    """What a product is made of."""

    def listed(self) -> Node | None:
        """Everything up to a closing bracket; given by the parser."""
        raise NotImplementedError

    def lines(self, first: Node | None, start: int) -> Node:
        """Rows inside braces; given by the parser."""
        raise NotImplementedError

    def sum(self) -> Node | None:
        """A sum; given by the parser."""
        raise NotImplementedError

    def environment(self) -> Node:
        r"""From ``\begin`` to ``\end``; given by the parser."""
        raise NotImplementedError

    def part_bars(self) -> None:
        """The two bars of ``|x||y|``, where one is to be closed: one by one."""
        token = self.token
        if token.text != "||" or not self.open or self.open[-1] != "|" or self.parted > LOOK_AHEAD:
            return
        self.parted += 1
        middle = min(token.start + 1, token.stop)
        self.tokens[self.index : self.index + 1] = [
            Token("bar", "|", token.start, middle, token.by), Token("bar", "|", middle, token.stop)
        ]  # fmt: skip
        self.token = self.tokens[self.index]

    def begins(self) -> bool:
        """Whether a factor may begin at the cursor."""
        kind = self.kind
        if kind == "bar":
            self.part_bars()
        if kind in FACTOR:
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
            if token.text == "\\" or token.text.startswith("U+") or token.text in ("$", "`", "#", '"'):
                raise SyntaxFault(f"the character {token.text} has no meaning in a formula", token.start)
            self.take()
            if token.text == "!":  # a factorial: nothing that may be left out
                return Sym(token.start, token.stop, token.text)
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
        start = self.token.start
        body = self.listed()
        if self.kind in ("row", "amp"):
            body = self.lines(body, start)
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
        return interval and opener.text in ("(", "[", "]") and closer.text in (")", "]", "[")

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
