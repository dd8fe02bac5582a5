r"""Parser of LaTeX mathematics: tokens in, neutral trees out.

Only what syntax decides is decided here. Recursion happens through brackets, braces, scripts and
arguments, whose nesting is limited. What is not understood is refused with its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from symbackprop.errors import InputError
from symbackprop.reading.latex_cursor import (
    CLOSERS,
    LOOK_AHEAD,
    NEVER,
    OPERATORS,
    RELATIONS,
    Reader,
)
from symbackprop.reading.latex_factors import FactorParser
from symbackprop.reading.latex_statements import Slice, split_statements
from symbackprop.reading.latex_tokens import LatexToken, tokenize_latex
from symbackprop.reading.latex_tree import (
    Product,
    Range,
    Statement,
    Sum,
    Tree,
)
from symbackprop.reading.tokens import PLAIN_TEXT, Origin, fail


def parse_statements(text: str, reader: Reader, origin: Origin = PLAIN_TEXT) -> tuple[Statement, ...]:
    """The equations and formulas of a LaTeX text, in order."""
    try:
        slices = split_statements(tokenize_latex(text, origin))
        return tuple(_statement(part, reader) for part in slices if part.tokens)
    except RecursionError:
        raise fail("the formula is nested too deeply", origin.place(1, 1), code="limit") from None
    except InputError as error:
        raise error.located(file=origin.file) from None


def _statement(part: Slice, reader: Reader) -> Statement:
    at = part.tokens[0].at
    parser = _Parser(part.tokens, reader)
    right = parser.sum()
    left: Tree | None = None
    if parser.kind == "=":
        parser.take()
        left, right = right, parser.sum()
    if not parser.done:
        raise parser.unexpected()
    ranges = tuple(
        Range(_whole([index], reader), _whole(low, reader), _whole(high, reader))
        for index, low, high in part.ranges
    )
    return Statement(at, left, right, ranges)


def _whole(tokens: Sequence[LatexToken], reader: Reader) -> Tree:
    parser = _Parser(tokens, reader)
    tree = parser.sum()
    if not parser.done:
        raise parser.unexpected()
    return tree


@lru_cache(maxsize=4096)
def parse_spelling(text: str) -> Tree | None:
    """The tree of a declared spelling; None if it is no formula of this grammar."""
    try:
        tokens = [token for token in tokenize_latex(text) if token.kind not in ("newline", "end")]
        return _whole(tokens, Reader()) if tokens else None
    except (InputError, RecursionError):
        return None


class _Parser(FactorParser):
    """Recursive descent over the tokens of one formula."""

    # -- sums and products

    def sum(self) -> Tree:
        at = self.token.at
        terms: list[tuple[str, Tree]] = []
        sign = self.take().text if self.kind in ("+", "-") else ""
        while True:
            terms.append((sign or "+", self.product()))
            if self.kind not in ("+", "-"):
                break
            sign = self.take().text
        if len(terms) == 1 and not sign:
            return terms[0][1]
        return Sum(at, tuple(terms))

    def product(self) -> Tree:
        at = self.token.at
        items: list[tuple[str, Tree]] = []
        while True:
            op = ""
            if items and self.kind in OPERATORS:
                op = self.take().text
            elif items and not self.begins():
                break
            if op and self.kind in ("+", "-"):
                sign = self.take()
                items.append((op, Sum(sign.at, ((sign.text, self.factor()),))))
            else:
                items.append((op, self.factor()))
        return items[0][1] if len(items) == 1 else Product(at, tuple(items))

    def begins(self) -> bool:
        """Whether a factor may begin at the current token."""
        token, kind = self.token, self.kind
        if token.kind in ("letter", "number", "word"):
            return True
        if self.closers and kind == self.closers[-1]:
            return False
        if kind == r"\|" and self.separates():
            return False
        if kind in ("(", "[", "{", "|"):
            return True
        return token.kind == "command" and kind not in RELATIONS and kind not in NEVER and kind != r"\in"

    def separates(self) -> bool:
        r"""Whether this ``\|`` stands alone in its bracket, as in ``KL(p \| q)``."""
        depth = 0
        for token in self.tokens[self.index + 1 : self.index + 1 + LOOK_AHEAD]:
            kind = token.text
            if kind == r"\|" and not depth:
                return False
            depth += (kind in CLOSERS and kind not in ("|", r"\|")) - (kind in NEVER)
            if depth < 0:
                return True
        return False
