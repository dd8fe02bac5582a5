r"""Parser of LaTeX factors: letters, words, commands with arguments, brackets, scripts.

Recursion happens only here, through brackets, braces, scripts and arguments, whose nesting is limited.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from symbackprop.errors import did_you_mean
from symbackprop.notation.latex_safe import known_commands
from symbackprop.reading.latex_cursor import (
    ACCENTS,
    ANNOTATED,
    CLOSERS,
    CONNECTIVES,
    FUNCTIONS,
    NEVER,
    OPERATORS,
    RELATIONS,
    SLICE,
    Cursor,
)
from symbackprop.reading.latex_tokens import LatexToken
from symbackprop.reading.latex_tree import (
    Accent,
    Braces,
    Colon,
    Compare,
    Group,
    Listed,
    Number,
    Product,
    Quotient,
    Root,
    Scripted,
    Sum,
    Sym,
    Tree,
    Word,
)
from symbackprop.reading.tokens import fail


class FactorParser(Cursor):
    """One factor; ``sum`` and ``begins`` come from ``latex_parser``."""

    def sum(self) -> Tree:
        """A sum at the cursor."""
        raise NotImplementedError

    # -- factors

    def factor(self) -> Tree:
        return self.scripts(self.atom())

    def atom(self) -> Tree:
        token, kind = self.token, self.kind
        if token.kind == "number":
            self.take()
            assert token.value is not None
            return Number(token.at, token.value, token.text)
        if token.kind == "letter":
            return self.letter()
        if token.kind == "word":
            return self.word()
        if kind in ("(", "[", r"\{", "|", r"\|", r"\langle"):
            return self.group()
        if kind == "{":
            body = self.braced()
            return Braces(token.at, body) if isinstance(body, Sum | Product | Listed | Compare) else body
        if token.kind == "command" and kind not in RELATIONS and kind not in OPERATORS and kind not in NEVER:
            return self.command()
        raise self.unexpected("a name, a number or a bracket")

    def letter(self) -> Tree:
        """A letter, a longer declared name, or a function written in plain letters before a bracket."""
        start, text, found = self.index, "", 0
        best = ""
        position = start
        while position < len(self.tokens) and self.tokens[position].kind in ("letter", "number"):
            token = self.tokens[position]
            if position > start and self.tokens[position - 1].stop != token.start:
                break
            text += token.text
            position += 1
            if len(text) > self.reader.longest:
                break
            if text in self.reader.names:
                best, found = text, position
        first = self.tokens[start]
        after = self.tokens[position].text if position < len(self.tokens) else ""
        if len(text) > 1 and text.lower() in self.reader.words and after in ("(", "[", r"\{", "_", "'"):
            self.index = position
            return Word(first.at, text)
        if best:
            self.index = found
            return Word(first.at, best)
        self.take()
        return Sym(first.at, first.text)

    def word(self) -> Tree:
        token = self.take()
        if token.text.lower() in CONNECTIVES or (
            " " in token.text and token.text.lower().replace(" ", "") not in self.reader.words
        ):
            self.index -= 1
            raise self.unexpected()
        return Sym(token.at, token.text) if len(token.text) == 1 else Word(token.at, token.text)

    def command(self) -> Tree:
        token = self.take()
        name = token.text
        if name == r"\frac":
            num = self.argument()
            return Quotient(token.at, num, self.argument())
        if name == r"\sqrt":
            if self.kind == "[":
                raise fail("a root other than the square root is not read", self.token.at, r"write x^{1/3}")
            return Root(token.at, self.argument())
        if name in ACCENTS:
            return self.accent(token)
        if name in ANNOTATED:
            return self.annotated(token)
        if name in (r"\underset", r"\overset", r"\stackrel"):
            return self.underset()
        if name in FUNCTIONS:
            return Word(token.at, name[1:])
        if self.kind == "{" and name[1:] not in known_commands():
            near = did_you_mean(name, [f"\\{known}" for known in known_commands()])
            raise fail(f"the command {name} is not known", token.at, near)
        return Sym(token.at, name)

    def accent(self, token: LatexToken) -> Tree:
        arg = self.argument()
        if isinstance(arg, Product) and all(op == "" and isinstance(part, Sym) for op, part in arg.items):
            letters = [part.name for _, part in arg.items if isinstance(part, Sym)]
            if all(len(letter) == 1 for letter in letters):
                return Accent(token.at, token.text, Word(arg.at, "".join(letters)))
        if isinstance(arg, Scripted):
            return replace(arg, at=token.at, base=Accent(token.at, token.text, arg.base))
        if not isinstance(arg, Sym | Word | Number | Accent):
            raise fail(f"{token.text} stands on one letter or word only", token.at)
        return Accent(token.at, token.text, arg)

    def annotated(self, token: LatexToken) -> Tree:
        body = self.argument()
        while self.kind in ("_", "^") and token.text != r"\boxed":
            self.take()
            self.skip_argument()
        return Group(token.at, "(", body) if isinstance(body, Sum | Product) else body

    def skip_argument(self) -> None:
        if self.kind != "{":
            self.take()
            return
        opener = self.take()
        depth = 1
        while depth:
            if self.done:
                raise fail("the brace { is not closed", opener.at, "add }")
            kind = self.take().kind
            depth += (kind == "{") - (kind == "}")

    def underset(self) -> Tree:
        at, start = self.token.at, self.index
        self.skip_argument()
        if not any(
            token.kind == "word" or token.text == r"\times" for token in self.tokens[start : self.index]
        ):
            raise fail("what stands above or below here is neither a shape nor a remark", at)
        body = self.argument()
        return Group(at, "(", body) if isinstance(body, Sum | Product) else body

    def argument(self) -> Tree:
        """What follows a command: ``{...}``, or one letter, digit or command."""
        self.deeper()
        token = self.token
        if token.kind == "{":
            tree = self.braced()
        elif token.kind == "number" and len(token.text) > 1:
            if not token.text[0].isdigit():
                raise fail("write {...} around this number", token.at)
            tree = self.digit()
        elif token.kind in ("letter", "number", "word", "command"):
            tree = self.letter_only() if token.kind == "letter" else self.atom()
        else:
            raise self.unexpected("{")
        self.depth -= 1
        return tree

    def letter_only(self) -> Tree:
        token = self.take()
        return Sym(token.at, token.text)

    def digit(self) -> Tree:
        """The first digit of a number, as TeX takes it; the rest stays."""
        token = self.token
        rest = token.text[1:]
        at = token.at._replace(column=token.at.column + 1)
        number = Number(token.at, Fraction(token.text[0]), token.text[0])
        self.tokens[self.index] = LatexToken("number", rest, at, token.start + 1, token.stop, Fraction(rest))
        return number

    def braced(self) -> Tree:
        opener = self.take()
        self.deeper()
        self.closers.append("}")
        body = self.sum()
        self.closers.pop()
        self.depth -= 1
        if self.kind != "}":
            if self.done:
                raise fail("the brace { is not closed", opener.at, "add }")
            raise self.unexpected("}")
        self.take()
        return body

    def group(self) -> Tree:
        opener = self.take()
        sign = opener.text
        if sign == "|" and self.kind == "|" and self.token.start == opener.stop:
            self.take()
            sign = r"\|"
            closer = "||"
        else:
            closer = CLOSERS[sign]
        self.deeper()
        self.closers.append(closer[0] if closer == "||" else closer)
        body = self.listed()
        self.closers.pop()
        self.depth -= 1
        for part in ("|", "|") if closer == "||" else (closer,):
            if self.kind != part:
                if self.done:
                    raise fail(f"the bracket {opener.text} is not closed", opener.at, f"add {closer}")
                raise self.unexpected(f"{part} or a comma")
            self.take()
        return Group(opener.at, sign, body)

    def listed(self) -> Tree:
        """Pieces with commas between them, each perhaps a comparison."""
        at = self.token.at
        items = [self.compared()]
        while self.kind in (",", ";") or (self.kind == r"\|" and self.closers[-1] != r"\|"):
            self.take()
            items.append(self.compared())
        return items[0] if len(items) == 1 else Listed(at, tuple(items))

    def compared(self) -> Tree:
        if self.kind == ":":
            return self.colon()
        left = self.sum()
        if self.kind in RELATIONS:
            op = RELATIONS[self.take().text]
            return Compare(left.at, left, op, self.sum())
        return left

    def colon(self) -> Tree:
        return Colon(self.take().at)

    # -- scripts

    def scripts(self, base: Tree) -> Tree:
        sub: Tree | None = None
        sup: Tree | None = None
        primes = 0
        while self.kind in ("_", "^", "'"):
            sign = self.take()
            if sign.kind == "'":
                if sup is not None:
                    raise fail("a prime after a superscript", sign.at, "write the prime first")
                primes += 1
                continue
            script = self.script()
            if sign.kind == "^" and isinstance(script, Sym) and script.name.strip("'") == "":
                primes += len(script.name)
            elif sign.kind == "_":
                if sub is not None:
                    raise fail("two subscripts on one letter", sign.at, "write {...} round the first")
                sub = script
            else:
                if sup is not None:
                    raise fail("two superscripts on one letter", sign.at, "write {...} round the first")
                sup = script
        if sub is None and sup is None and not primes:
            return base
        return Scripted(base.at, base, sub, sup, primes)

    def script(self) -> Tree:
        token = self.token
        if token.kind == "number" and len(token.text) > 1:
            raise fail(f"a script of several digits needs braces: {{{token.text}}}", token.at)
        if token.kind in ("*", "+", "-", "'"):
            self.take()
            return Sym(token.at, token.text)
        if token.kind == "letter":
            return self.letter_only()
        if token.kind != "{":
            return self.argument()
        self.deeper()
        opener = self.take()
        self.closers.append("}")
        body = self.script_body()
        self.closers.pop()
        self.depth -= 1
        if self.kind != "}":
            if self.done:
                raise fail("the brace { is not closed", opener.at, "add }")
            raise self.unexpected("}")
        self.take()
        return body

    def script_body(self) -> Tree:
        at = self.token.at
        if self.kind in ("*", "+", "-", "'", *OPERATORS) and self.index + 1 < len(self.tokens):
            following = self.tokens[self.index + 1]
            if following.kind == "}":
                return Sym(at, self.take().text)
            if self.kind == "'":
                name = ""
                while self.kind == "'":
                    name += self.take().text
                return Sym(at, name)
            if self.kind in OPERATORS:
                op = self.take().text
                return Product(at, ((op, self.sum()),))
        items: list[Tree] = []
        joined = 0  # pieces since the last comma
        while True:
            items.append(self.compared())
            joined += 1
            if joined > SLICE:
                raise fail("a slice with bounds is not read", items[-1].at, "write the entries")
            if self.kind == ",":
                self.take()
                joined = 0
            elif self.kind == "}" or (self.kind != ":" and not isinstance(items[-1], Colon)):
                break
        return items[0] if len(items) == 1 else Listed(at, tuple(items))
