"""Where the parser of works stands in its tokens, what is open there, and why it may stop."""

from __future__ import annotations

from symbackprop.reading.works.lexer import Token

MAX_DEPTH = 60
LOOK_AHEAD = 400


class SyntaxFault(Exception):
    """Why a formula was not read: a reason, and the offset of the place."""

    def __init__(self, reason: str, place: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


class Cursor:
    """Walks over the tokens of one display."""

    def __init__(self, tokens: list[Token]) -> None:
        last = tokens[-1].stop if tokens else 0
        self.tokens = [*tokens, Token("eof", "", last, last)]
        self.index = 0
        self.token = self.tokens[0]
        self.kind = self.token.kind
        self.depth = 0
        self.parted = 0  # double bars that were read as two
        self.open: list[str] = []  # the closers that are waited for; "" for an environment, "}" for braces

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
