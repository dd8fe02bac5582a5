"""A cursor over tokens, and what is said about a token that does not belong where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.errors import InputError
from symbackprop.reading.tokens import Place, Token, fail

RESERVED = frozenset({"for", "rows", "columns"})
RELATIONS = ("=", "!=", "<", "<=", ">", ">=")
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


class Cursor:
    """Tokens and a position; ``names`` are the names that are declared or defined."""

    def __init__(self, tokens: tuple[Token, ...], names: frozenset[str]) -> None:
        self.tokens = tokens
        self.names = names
        self.index = 0

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

    def end_of_last(self) -> Place:
        """Just behind the last token that was taken."""
        if self.index == 0:
            return self.token.at
        last = self.tokens[self.index - 1]
        return Place(last.at.line, last.at.column + len(last.text))

    def unexpected(self, message: str | None = None) -> InputError:
        token = self.token
        if token.kind == "end":
            text = f"{message}, but the formula ends here" if message else "the formula ends too early"
            return fail(text, self.end_of_last())
        if token.kind in _UNEXPECTED and (message is None or token.kind in (":", "'")):
            text, hint = _UNEXPECTED[token.kind]
            return fail(text, token.at, hint)
        if message is None and token.kind in RELATIONS:
            return fail("a comparison stands only inside a call", token.at, f"write ind(a {token.kind} b)")
        if message is None and token.text == "for":
            return fail("for stands only after an equation", token.at)
        return fail(f"{message}, found {token.text}" if message else f"unexpected {token.text}", token.at)
