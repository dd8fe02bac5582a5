r"""The macros of a document: ``\newcommand``, ``\def``, ``\DeclareMathOperator``, ``\let`` and their kin.

They are expanded in tokens. What a macro produces has the place of its call. Depth, number and size of
expansions are bounded, so that a macro without end is refused in bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from symbackprop.reading.works.cursor import SyntaxFault
from symbackprop.reading.works.lexer import Token, is_prose, tokenize

MAX_EXPANSIONS = 5_000
MAX_DEPTH = 40
MAX_TOKENS = 50_000
_LONGEST = 5_000
_DEFINITION = re.compile(
    r"\\(?P<kind>newcommand|renewcommand|providecommand|def|gdef|DeclareMathOperator|let"
    r"|DeclareRobustCommand|newcommandx|(?:New|Renew|Provide|Declare)DocumentCommand)\*?(?![A-Za-z])"
)
_NAME = re.compile(r"[ \t\n]*(?:\{[ \t]*(\\[A-Za-z]+|\\.)[ \t]*\}|(\\[A-Za-z]+|\\.))")
_COUNT = re.compile(r"[ \t\n]*\[([0-9])\]")
_OPTION = re.compile(r"[ \t\n]*\[([^\]\n]{0,200})\]")
_HASHES = re.compile(r"[ \t]*((?:#[0-9])*)[ \t]*")
_PARAMETER = re.compile(r"#([1-9])")


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro: its number of arguments, the default of the first if that is optional, its body."""

    count: int
    default: tuple[Token, ...] | None
    body: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition in a document, from ``start`` to ``stop``; ``inside`` is where its body stands."""

    name: str
    macro: Macro | str  # a string: the command that it is another name of
    start: int
    stop: int
    inside: tuple[int, int] = (0, 0)
    option: str | None = None  # the default of the first argument, as written


def definitions(text: str) -> Iterator[Definition]:
    """The definitions of a document, in order; what cannot be read is left out."""
    position = 0
    while (match := _DEFINITION.search(text, position)) is not None:
        position = match.end()
        line = text.rfind("\n", 0, match.start()) + 1
        if "%" in text[line : match.start()] and not re.search(r"\\%", text[line : match.start()]):
            continue
        found = _definition(text, match)
        if found is not None:
            yield found
            position = found.stop


def _definition(text: str, match: re.Match[str]) -> Definition | None:
    kind = match.group("kind")
    name = _NAME.match(text, match.end())
    if name is None:
        return None
    command, position = name[1] or name[2], name.end()
    if kind == "let":
        other = re.compile(r"[ \t]*=?[ \t]*(\\[A-Za-z]+)").match(text, position)
        return Definition(command, other[1], match.start(), other.end()) if other else None
    count, default, said = 0, None, None
    if kind in ("def", "gdef"):
        hashes = _HASHES.match(text, position)
        if hashes is not None:
            count, position = hashes[1].count("#"), hashes.end()
    elif kind.endswith("DocumentCommand"):
        spec = braced(text, position)
        if spec is None:
            return None
        count, said = arguments_of(text[spec[0] : spec[1]])
        default, position = None if said is None else tuple(tokenize(said)), spec[1] + 1
    else:
        number = _COUNT.match(text, position)
        if number is not None:
            count, position = int(number[1]), number.end()
            option = _OPTION.match(text, position)
            if option is not None:
                said = option[1]
                default, position = tuple(tokenize(said)), option.end()
    body = braced(text, position)
    if body is None:
        return None
    start, stop = body
    if kind == "DeclareMathOperator":
        word = Token("word", " ".join(text[start:stop].split()), start, stop, r"\operatorname")
        macro = Macro(0, None, (word,))
    else:
        macro = Macro(count, default, tuple(tokenize(text, start, stop)))
    return Definition(command, macro, match.start(), stop + 1, (start, stop), said)


def arguments_of(spec: str) -> tuple[int, str | None]:
    """Of ``O{2} m m``: the number of arguments, and the default of the first where it may be left out."""
    first = re.match(r"[ \t\n]*(?:o|O[ \t\n]*\{([^{}]*)\})", spec)
    count = spec[first.end() if first else 0 :].count("m")
    return (count + 1, first[1] or "") if first else (count, None)


def braced(text: str, position: int, reach: int = _LONGEST) -> tuple[int, int] | None:
    """The stretch inside the braces at ``position``; None if they are not closed within ``reach``."""
    while position < len(text) and text[position] in " \t\n":
        position += 1
    if text[position : position + 1] != "{":
        return None
    depth = 0
    for place in range(position, min(len(text), position + reach)):
        character = text[place]
        if character in "{}" and text[place - 1] != "\\":
            depth += 1 if character == "{" else -1
            if not depth:
                return position + 1, place
    return None


def expand(tokens: Sequence[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """The tokens with every macro of the document expanded. Raises SyntaxFault where that has no end."""
    if not macros or not any(token.kind == "cmd" and token.text in macros for token in tokens):
        return list(tokens)
    return _Expander(macros).all(list(tokens))


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
            macro = self.macros.get(token.text) if token.kind != "word" else None
            if macro is None:
                done.append(token)
                if len(done) > MAX_TOKENS:
                    raise SyntaxFault("the macros of this formula make it too long", token.start)
                continue
            self.count += 1
            if self.count > MAX_EXPANSIONS or depth > MAX_DEPTH or len(pending) > 4 * MAX_TOKENS:
                raise SyntaxFault(f"the macro {token.text} expands without end", token.start)
            args, stop = self.arguments(macro, token, pending)
            made = self.filled(macro, args, token.start, stop)
            pending.extend((one, depth + 1) for one in reversed(made))
        return done

    def arguments(
        self, macro: Macro, call: Token, pending: list[tuple[Token, int]]
    ) -> tuple[list[list[Token]], int]:
        """The arguments behind a call, and where the call ends."""
        args: list[list[Token]] = []
        stop = call.stop
        for place in range(macro.count):
            if place == 0 and macro.default is not None:
                if pending and pending[-1][0].text == "[":
                    inner, stop = self.balanced(pending, "[", "]", call)
                    args.append(inner)
                else:
                    args.append(list(macro.default))
                continue
            if not pending:
                raise SyntaxFault(f"an argument of {call.text} is missing", call.start)
            if pending[-1][0].kind == "{":
                inner, stop = self.balanced(pending, "{", "}", call)
                args.append(inner)
            else:
                single = pending.pop()[0]
                if single.kind in ("}", "row", "amp", "end", "close"):
                    raise SyntaxFault(f"an argument of {call.text} is missing", call.start)
                stop = single.stop
                args.append([single])
        return args, stop

    def balanced(
        self, pending: list[tuple[Token, int]], opener: str, closer: str, call: Token
    ) -> tuple[list[Token], int]:
        depth = 0
        inner: list[Token] = []
        while pending:
            token = pending.pop()[0]
            depth += (token.text == opener) - (token.text == closer)
            if not depth:
                return inner[1:], token.stop
            inner.append(token)
        raise SyntaxFault(f"an argument of {call.text} is not closed", call.start)

    def filled(self, macro: Macro, args: list[list[Token]], start: int, stop: int) -> list[Token]:
        """The body with the arguments in it: what the body brings has the place of the call."""
        made: list[Token] = []
        body = macro.body
        position = 0
        while position < len(body):
            token = body[position]
            following = body[position + 1] if position + 1 < len(body) else None
            if token.text == "#" and following is not None and following.kind == "num":
                number = int(following.text[0])
                if number <= len(args):
                    made.extend(args[number - 1])
                if len(following.text) > 1:
                    made.append(Token("num", following.text[1:], start, stop))
                position += 2
                continue
            if token.kind in ("word", "prose", "remark") and "#" in token.text:
                made.append(_worded(token, args, start, stop))
            else:
                made.append(token.moved(start, stop))
            position += 1
            if len(made) > MAX_TOKENS:
                raise SyntaxFault("the macros of this formula make it too long", start)
        return made


def _worded(token: Token, args: list[list[Token]], start: int, stop: int) -> Token:
    def put(match: re.Match[str]) -> str:
        number = int(match[1])
        return "".join(one.text for one in args[number - 1]) if number <= len(args) else ""

    text = _PARAMETER.sub(put, token.text)
    kind = "word" if token.kind == "word" or not is_prose(text) else token.kind
    return Token(kind, text, start, stop, token.by)


def table_of(found: Sequence[Definition]) -> dict[str, Macro]:
    """Names and macros, the last definition of a name counts."""
    table: dict[str, Macro] = {}
    for one in found:
        if isinstance(one.macro, Macro):
            table[one.name] = one.macro
        elif one.macro in table:
            table[one.name] = table[one.macro]
        elif one.macro != one.name:
            table[one.name] = Macro(0, None, tuple(tokenize(one.macro)))
    return table
