r"""The macros of a document: ``\newcommand``, ``\def``, ``\DeclareMathOperator``, ``\let`` and their kin.

They are expanded in tokens. What a macro produces has the place of its call. Depth, number and size of
expansions are bounded, so that a macro without end is refused in bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from symbackprop.reading.works.commands import UPRIGHT
from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.lexer import Token, is_prose, tokenize

MAX_EXPANSIONS = 5_000
MAX_DEPTH = 40
MAX_TOKENS = 50_000
_CLOSERS = {"(": ")", "[": "]", "{": "}", "|": "|"}
_PARAMETER = re.compile(r"#([1-9])")
_GIVEN = Token("cmd", r"\BooleanTrue", 0, 0)
_NOTHING = Token("cmd", r"\NoValue", 0, 0)
_TESTS = {r"\IfNoValue": r"\NoValue", r"\IfBoolean": r"\BooleanTrue", r"\IfValue": ""}


class Parameter(NamedTuple):
    r"""How an argument is written.

    kind  "m" one piece; "o" in brackets or not at all; "g" in braces or not at all; "s" a star or not;
          "b" in any brackets: two arguments, the bracket and what stands in it; "u" up to ``signs``;
          "l" no argument but ``signs`` themselves
    """

    kind: str
    default: tuple[Token, ...] | None = None
    opener: str = "["
    signs: tuple[str, ...] = ()
    size: bool = False  # only a size may stand in the brackets


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: its number of arguments, the default of the first if that is optional, its body.

    ``parameters`` say more where that is not enough; ``choose`` makes the body (as text) from the arguments,
    or None where the command stands for itself.
    """

    count: int
    default: tuple[Token, ...] | None
    body: tuple[Token, ...]
    parameters: tuple[Parameter, ...] = ()
    choose: Callable[[Sequence[list[Token] | None]], str | None] | None = None

    def is_plain(self) -> bool:
        """Whether only the first argument may be left out, and is in square brackets then."""
        first, *rest = self.wanted() or (Parameter("m"),)
        simple = first.kind == "m" or (first.kind == "o" and first.opener == "[")
        return self.choose is None and simple and all(one.kind == "m" for one in rest)

    def wanted(self) -> tuple[Parameter, ...]:
        """The parameters, one by one."""
        if self.parameters or not self.count:
            return self.parameters
        if self.default is None:
            return (Parameter("m"),) * self.count
        return (Parameter("o", self.default), *(Parameter("m"),) * (self.count - 1))


def expand(tokens: Sequence[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """The tokens with every macro of the document expanded. Raises SyntaxFault where that has no end."""
    if not any(
        token.text in macros or (token.kind in ("begin", "end") and _called(token) in macros)
        for token in tokens
    ):
        return list(tokens)
    return _Expander(macros).all(list(tokens))


def _called(token: Token) -> str:
    """The name under which a token may stand among the macros; environments have one too."""
    return rf"\{token.kind}{{{token.text}}}" if token.kind in ("begin", "end") else token.text


class _Expander:
    def __init__(self, macros: Mapping[str, Macro]) -> None:
        self.macros = macros
        self.count = 0

    def all(self, tokens: list[Token]) -> list[Token]:
        """Expand from the left; a body is put back before what follows, as TeX does."""
        done: list[Token] = []
        pending: list[tuple[Token, int]] = [(token, 0) for token in reversed(tokens)]
        while pending:
            token, depth = pending.pop()
            if token.text[:3] == r"\If" and self.test(token, pending, depth):
                continue
            macro = self.macros.get(_called(token)) if token.kind != "word" else None
            if macro is None:
                done.append(token)
                if len(done) > MAX_TOKENS:
                    raise SyntaxFault("the macros of this formula make it too long", token.start)
                continue
            self.count += 1
            if self.count > MAX_EXPANSIONS or depth > MAX_DEPTH or len(pending) > 4 * MAX_TOKENS:
                raise SyntaxFault(f"the macro {token.text} expands without end", token.start)
            kept = len(pending)
            args, stop, taken = self.arguments(macro, token, pending)
            body = macro.body
            if macro.choose is not None:
                source = macro.choose(args)
                if source is None:
                    pending.extend((one, depth) for one in reversed(taken))
                    assert len(pending) == kept
                    done.append(token)
                    continue
                body = tuple(tokenize(source))
            made = self.filled(body, args, token.start, stop)
            pending.extend((one, depth + 1) for one in reversed(made))
        return done

    def test(self, token: Token, pending: list[tuple[Token, int]], depth: int) -> bool:
        r"""``\IfNoValueTF{#1}{...}{...}``: the branch that is meant is put back."""
        length = 2 if token.text.endswith("TF") else 1
        base, which = token.text[:-length], token.text[-length:]
        if base not in _TESTS or which not in ("T", "F", "TF"):
            return False
        pieces = []
        for _ in range(1 + len(which)):
            if not pending or pending[-1][0].kind != "{":
                raise SyntaxFault(f"an argument of {token.text} is missing", token.start)
            pieces.append(self.balanced(pending, "{", "}", token)[0])
        said = [one.text for one in pieces[0]]
        holds = _TESTS[base] in said if _TESTS[base] else r"\NoValue" not in said
        branches = {"T": (1, None), "F": (None, 1), "TF": (1, 2)}[which]
        place = branches[0] if holds else branches[1]
        if place is not None:
            pending.extend((one, depth) for one in reversed(pieces[place]))
        return True

    def arguments(
        self, macro: Macro, call: Token, pending: list[tuple[Token, int]]
    ) -> tuple[list[list[Token] | None], int, list[Token]]:
        """The arguments behind a call (None: not given), where the call ends, and all that was taken."""
        args: list[list[Token] | None] = []
        stop = call.stop
        taken: list[Token] = []
        for one in macro.wanted():
            following = pending[-1][0] if pending else None
            before = len(pending)
            rest = pending[-400:]
            if one.kind == "l":
                if following is None or following.text not in one.signs:
                    raise SyntaxFault(f"{' '.join(one.signs)} is missing behind {call.text}", call.start)
                stop = pending.pop()[0].stop
            elif one.kind == "s":
                star = following is not None and following.text == "*"
                if star:
                    stop = pending.pop()[0].stop
                args.append([_GIVEN] if star else [])
            elif one.kind == "u":
                inner, stop = self.until(pending, one.signs, call)
                args.append(inner)
            elif one.kind in ("o", "g", "b"):
                opener = {"o": one.opener, "g": "{"}.get(one.kind, following.text if following else "")
                if following is None or following.text != opener or opener not in _CLOSERS or (
                    one.size and [token.text for token, _ in reversed(pending[-2:])] != ["[", "]"]
                ):
                    args += [[]] if one.kind == "b" else []
                    args.append(None if one.default is None else list(one.default))
                    continue
                inner, stop = self.balanced(pending, opener, _CLOSERS[opener], call)
                args += [[following]] if one.kind == "b" else []
                args.append(inner)
            else:
                piece, stop = self.piece(pending, call)
                args.append(piece)
            count = before - len(pending)
            if macro.choose is not None:
                taken += [token for token, _ in reversed(rest[len(rest) - min(count, len(rest)) :])]
        return args, stop, taken

    def piece(self, pending: list[tuple[Token, int]], call: Token) -> tuple[list[Token], int]:
        """An argument as TeX takes it: what stands in braces, or one token."""
        if not pending:
            raise SyntaxFault(f"an argument of {call.text} is missing", call.start)
        if pending[-1][0].kind == "{":
            return self.balanced(pending, "{", "}", call)
        single, depth = pending.pop()
        if single.kind in ("}", "row", "amp", "end", "close"):
            raise SyntaxFault(f"an argument of {call.text} is missing", call.start)
        if single.kind == "num" and len(single.text) > 1:  # one digit
            width = 1 if single.stop - single.start == len(single.text) else 0
            pending.append((Token("num", single.text[1:], single.start + width, single.stop), depth))
            digit = Token("num", single.text[0], single.start, single.start + max(width, 1))
            return [digit], digit.stop
        return [single], single.stop

    def until(
        self, pending: list[tuple[Token, int]], signs: tuple[str, ...], call: Token
    ) -> tuple[list[Token], int]:
        """What stands before the signs of a delimited macro; the signs are taken too."""
        inner: list[Token] = []
        depth = 0
        while pending:
            token = pending.pop()[0]
            if not depth and token.text in signs:
                return inner, token.stop
            depth += (token.kind == "{") - (token.kind == "}")
            inner.append(token)
        raise SyntaxFault(f"an argument of {call.text} is missing", call.start)

    def balanced(
        self, pending: list[tuple[Token, int]], opener: str, closer: str, call: Token
    ) -> tuple[list[Token], int]:
        depth = 0
        inner: list[Token] = []
        while pending:
            token = pending.pop()[0]
            if opener == closer:
                depth = 1 if not inner or token.text != closer else 0
            else:
                depth += (token.text == opener) - (token.text == closer)
            if not depth:
                return inner[1:], token.stop
            inner.append(token)
        raise SyntaxFault(f"an argument of {call.text} is not closed", call.start)

    def filled(
        self, body: Sequence[Token], args: Sequence[list[Token] | None], start: int, stop: int
    ) -> list[Token]:
        """The body with the arguments in it: what the body brings has the place of the call."""
        made: list[Token] = []
        position = 0
        while position < len(body):
            token = body[position]
            following = body[position + 1] if position + 1 < len(body) else None
            if token.text == "#" and following is not None and following.kind == "num":
                number = int(following.text[0])
                if number <= len(args):
                    argument = args[number - 1]
                    made.extend([_NOTHING] if argument is None else argument)
                if len(following.text) > 1:
                    made.append(Token("num", following.text[1:], start, stop))
                position += 2
                continue
            if token.kind in ("word", "prose", "remark") and "#" in token.text:
                made.append(_worded(token, args, start, stop))
            elif (word := _upright(body, position, args)) is not None:
                made.append(Token("word", word, start, stop, token.text))
                position += 5
                continue
            else:
                made.append(token.moved(start, stop))
            position += 1
            if len(made) > MAX_TOKENS:
                raise SyntaxFault("the macros of this formula make it too long", start)
        return made


def _upright(body: Sequence[Token], position: int, args: Sequence[list[Token] | None]) -> str | None:
    r"""The word that ``\mathrm{#1}`` makes of several letters."""
    if body[position].text not in UPRIGHT:
        return None
    inside = body[position + 1 : position + 5]
    if [one.kind for one in inside] != ["{", "other", "num", "}"] or len(inside[2].text) > 1:
        return None
    number = int(inside[2].text)
    argument = args[number - 1] if 0 < number <= len(args) else None
    if argument is None or len(argument) < 2 or any(one.kind != "letter" for one in argument):
        return None
    return "".join(one.text for one in argument)


def _worded(token: Token, args: Sequence[list[Token] | None], start: int, stop: int) -> Token:
    def put(match: re.Match[str]) -> str:
        number = int(match[1])
        return "".join(one.text for one in args[number - 1] or ()) if number <= len(args) else ""

    text = _PARAMETER.sub(put, token.text)
    kind = "word" if token.kind == "word" or not is_prose(text) else token.kind
    return Token(kind, text, start, stop, token.by)
