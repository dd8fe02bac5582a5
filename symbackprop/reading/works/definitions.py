r"""Where a document defines macros and environments.

Every common way to do it in LaTeX, and the set-up of MathJax and KaTeX that stands in a page. What cannot be
read as a definition is left out: its macro is then unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symbackprop.reading.works.commands import SILENT, SIZES, SPACING, SWITCHES, TEXTS, UPRIGHT
from symbackprop.reading.works.lexer import tokenize
from symbackprop.reading.works.macros import Macro, Parameter

_LONGEST = 5_000
MAX_DEFINITIONS = 5_000
_MAX_UNREADABLE = 200  # what looks like a definition and is none
_TAKEN = SPACING | TEXTS | UPRIGHT | SIZES | frozenset(SILENT) | frozenset(SWITCHES)
_DEFINITION = re.compile(
    r"\\(?P<kind>newcommand|renewcommand|providecommand|def|gdef|edef|xdef|DeclareMathOperator|let"
    r"|DeclareRobustCommand|newcommandx|renewcommandx|providecommandx"
    r"|(?:New|Renew|Provide|Declare)(?:Expandable)?DocumentCommand"
    r"|DeclarePairedDelimiterXPP|DeclarePairedDelimiterX|DeclarePairedDelimiter|DeclareMathAlphabet"
    r"|newenvironment|renewenvironment|(?:New|Renew|Provide|Declare)DocumentEnvironment"
    r"|operatorname@)\*?(?![A-Za-z])"
    r"|(?P<setup>\b[mM]acros[\"']?[ \t]*:\s*\{)"
)
_NAME = re.compile(r"[ \t\n]*(?:\{[ \t]*(\\[A-Za-z]+|\\.)[ \t]*\}|(\\[A-Za-z]+|\\.))")
_COUNT = re.compile(r"[ \t\n]*\[([0-9])\]")
_OPTION = re.compile(r"[ \t\n]*\[([^\]\n]{0,200})\]")
_NAMED = re.compile(r"([1-9])[ \t]*=[ \t]*(\{[^{}]*\}|[^,{}]*)")
_SHAPE = re.compile(r"[ \t]*([^{}\n\\]{0,60})")
_ENTRY = re.compile(
    r"""\s*(?:,\s*)?["']?(\\{0,2}[A-Za-z]+)["']?\s*:\s*(?:(?P<many>\[)\s*)?(?P<quote>["'])"""
)
_FULL = re.compile(r"\s*,\s*([0-9])\s*(?:,\s*[\"']((?:[^\"'\\]|\\.){0,200})[\"'])?\s*\]")


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition in a document, from ``start`` to ``stop``; ``inside`` is where its body stands."""

    name: str
    macro: Macro | str  # a string: the command that it is another name of
    start: int
    stop: int
    inside: tuple[int, int] = (0, 0)
    option: str | None = None  # the default of the first argument, as written


def own_names(text: str) -> frozenset[str]:
    r"""The commands of LaTeX that print nothing or hold words and that a document gives another meaning."""
    found = set()
    for match in _DEFINITION.finditer(text):
        name = _NAME.match(text, match.end())
        if name is not None and (name[1] or name[2]) in _TAKEN:
            found.add(name[1] or name[2])
    return frozenset(found)


def definitions(text: str) -> Iterator[Definition]:
    """The definitions of a document, in order; what cannot be read is left out."""
    own = own_names(text)
    position = count = unreadable = 0
    while (match := _DEFINITION.search(text, position)) is not None:
        if count > MAX_DEFINITIONS or unreadable > _MAX_UNREADABLE:
            return
        position = match.end()
        if match.group("setup"):
            for found in _setup(text, match.end()):
                yield found
                count += 1
                position = found.stop
            continue
        line = text.rfind("\n", 0, match.start()) + 1
        if "%" in text[line : match.start()] and not re.search(r"\\%", text[line : match.start()]):
            continue
        environment = "nvironment" in match.group("kind")
        several = _environment(text, match) if environment else _command(text, match, own)
        unreadable += not several
        for found in several:
            yield found
            count += 1
            position = found.stop


def _command(text: str, match: re.Match[str], own: frozenset[str]) -> tuple[Definition, ...]:
    found = _definition(text, match, own)
    return () if found is None else (found,)


def _definition(text: str, match: re.Match[str], own: frozenset[str]) -> Definition | None:
    kind = match.group("kind")
    name = _NAME.match(text, match.end())
    if name is None:
        return None
    command, position = name[1] or name[2], name.end()
    if kind == "let":
        other = re.compile(r"[ \t]*=?[ \t]*(\\[A-Za-z]+)").match(text, position)
        return Definition(command, other[1], match.start(), other.end()) if other else None
    if "Paired" in kind:
        return _paired(text, kind, command, match.start(), position)
    if kind == "DeclareMathAlphabet":
        font = Macro(1, None, tuple(tokenize(r"\mathnormal{#1}")))
        return Definition(command, font, match.start(), position)
    count, default, said = 0, None, None
    parameters: tuple[Parameter, ...] = ()
    if kind in ("def", "gdef", "edef", "xdef"):
        shape = _SHAPE.match(text, position)
        assert shape is not None
        parameters, position = _delimited(shape[1].strip()), shape.end()
        count = sum(one.kind != "l" for one in parameters)
        if all(one.kind == "m" for one in parameters):
            parameters = ()
    elif "Document" in kind:
        spec = braced(text, position)
        if spec is None:
            return None
        parameters, position = _specified(text[spec[0] : spec[1]]), spec[1] + 1
        count, said = len(parameters), arguments_of(text[spec[0] : spec[1]])[1]
    else:
        number = _COUNT.match(text, position)
        if number is not None:
            count, position = int(number[1]), number.end()
            option = _OPTION.match(text, position)
            if option is not None and kind.endswith("x"):
                parameters, position = _named(option[1], count), option.end()
            elif option is not None:
                said = option[1]
                default, position = tuple(tokenize(said)), option.end()
    body = braced(text, position)
    if body is None:
        return None
    start, stop = body
    if kind == "DeclareMathOperator":
        macro = Macro(0, None, tuple(tokenize(rf"\operatorname{{{text[start:stop]}}}")))
        if len(macro.body) == 1:
            macro = Macro(0, None, (macro.body[0].moved(start, stop),))
    else:
        macro = Macro(count, default, tuple(tokenize(text, start, stop, own - {command})), parameters)
    return Definition(command, macro, match.start(), stop + 1, (start, stop), said)


def arguments_of(spec: str) -> tuple[int, str | None]:
    """Of ``O{2} m m``: the number of arguments, and the default of the first where it may be left out."""
    first = re.match(r"[ \t\n]*(?:o|O[ \t\n]*\{([^{}]*)\})", spec)
    count = spec[first.end() if first else 0 :].count("m")
    return (count + 1, first[1] or "") if first else (count, None)


def _delimited(shape: str) -> tuple[Parameter, ...]:
    r"""The parameters of ``\def\x#1/#2{...}``: those with signs behind them end there."""
    pieces = [piece for piece in re.split(r"(#[1-9])", shape) if piece.strip()]
    found: list[Parameter] = []
    for place, piece in enumerate(pieces):
        if piece[0] != "#":
            if place == 0:
                found.extend(Parameter("l", signs=(token.text,)) for token in tokenize(piece))
            continue
        signs = tokenize(pieces[place + 1]) if place + 1 < len(pieces) and pieces[place + 1][0] != "#" else []
        found.append(Parameter("u", signs=(signs[0].text,)) if signs else Parameter("m"))
        found.extend(Parameter("l", signs=(token.text,)) for token in signs[1:])
    return tuple(found)


def _specified(spec: str) -> tuple[Parameter, ...]:
    """The parameters of ``{s O{L} m}``."""
    found: list[Parameter] = []
    for match in re.finditer(r"[OG]\{([^{}]*)\}|D(\S)\S\{([^{}]*)\}|d(\S)\S|t\S|[smogv]", spec):
        letter = match[0][0]
        if letter in "OGD":
            default = tuple(tokenize(match[1] if match[1] is not None else match[3]))
            found.append(Parameter("g" if letter == "G" else "o", default, match[2] or "["))
        elif letter == "d":
            found.append(Parameter("o", None, match[4]))
        else:
            found.append(Parameter({"t": "s", "v": "m"}.get(letter, letter)))
    return tuple(found)


def _named(option: str, count: int) -> tuple[Parameter, ...]:
    r"""The parameters of ``\newcommandx{\x}[3][1=a, 3=b]``."""
    defaults = {int(one[1]): tuple(tokenize(one[2].strip("{}"))) for one in _NAMED.finditer(option)}
    return tuple(
        Parameter("o", defaults[place]) if place in defaults else Parameter("m")
        for place in range(1, count + 1)
    )


def _paired(text: str, kind: str, command: str, start: int, position: int) -> Definition | None:
    r"""``\DeclarePairedDelimiter\norm{\lVert}{\rVert}``; with X, the number of arguments and a body."""
    count = 1
    if kind != "DeclarePairedDelimiter":
        number = _COUNT.match(text, position)
        if number is None:
            return None
        count, position = int(number[1]), number.end()
    wanted = 5 if kind.endswith("PP") else 2
    pieces: list[str] = []
    for _ in range(wanted + (kind != "DeclarePairedDelimiter")):
        piece = braced(text, position)
        if piece is None:
            single = re.compile(r"[ \t\n]*(\\[A-Za-z]+|\\.|[^\s{}])").match(text, position)
            if single is None:
                return None
            pieces.append(single[1])
            position = single.end()
        else:
            pieces.append(text[piece[0] : piece[1]])
            position = piece[1] + 1
    before, left, right, after = "", pieces[0], pieces[1], ""
    if wanted == 5:
        before, left, right, after = pieces[:4]
    body = pieces[-1] if kind != "DeclarePairedDelimiter" else "#1"
    body = re.sub(r"\\delimsize(?![A-Za-z])", r"\\middle", body)
    body = _PARAMETER.sub(lambda match: f"#{int(match[1]) + 2}", body)
    source = rf"{before}\left{left or '.'} {body} \right{right or '.'}{after}"
    parameters = (Parameter("s"), Parameter("o"), *(Parameter("m"),) * count)
    return Definition(command, Macro(count + 2, None, tuple(tokenize(source)), parameters), start, position)


_PARAMETER = re.compile(r"#([1-7])")


def _environment(text: str, match: re.Match[str]) -> tuple[Definition, ...]:
    r"""``\newenvironment{name}[n]{...}{...}``: what stands for ``\begin{name}`` and ``\end{name}``."""
    name = re.compile(r"[ \t\n]*\{([A-Za-z]+\*?)\}").match(text, match.end())
    if name is None:
        return ()
    position, count, default = name.end(), 0, None
    parameters: tuple[Parameter, ...] = ()
    if "Document" in match.group("kind"):
        spec = braced(text, position)
        if spec is None:
            return ()
        parameters, position = _specified(text[spec[0] : spec[1]]), spec[1] + 1
        count = len(parameters)
    elif (number := _COUNT.match(text, position)) is not None:
        count, position = int(number[1]), number.end()
        option = _OPTION.match(text, position)
        if option is not None:
            default, position = tuple(tokenize(option[1])), option.end()
    first = braced(text, position)
    second = braced(text, first[1] + 1) if first else None
    if first is None or second is None:
        return ()
    begin = Macro(count, default, tuple(tokenize(text, *first)), parameters)
    end = Macro(0, None, tuple(tokenize(text, *second)))
    return (
        Definition(rf"\begin{{{name[1]}}}", begin, match.start(), first[1] + 1),
        Definition(rf"\end{{{name[1]}}}", end, second[0] - 1, second[1] + 1),
    )


def _setup(text: str, position: int) -> Iterator[Definition]:
    r"""``macros: {R: "\\mathbb{R}", pd: ["\\frac{\\partial #1}{\\partial #2}", 2]}`` in a page."""
    for _ in range(500):
        entry = _ENTRY.match(text, position)
        if entry is None:
            return
        quote = entry.group("quote")
        stop = entry.end()
        while stop < len(text) and text[stop] not in (quote, "\n"):
            stop += 2 if text[stop] == "\\" else 1
        if text[stop : stop + 1] != quote:
            return
        source = text[entry.end() : stop].replace(r"\\", "\\")
        count = max((int(number) for number in re.findall(r"#([1-9])", source)), default=0)
        default = None
        end = stop + 1
        if entry.group("many"):
            full = _FULL.match(text, end)
            closing = full or re.compile(r"\s*\]").match(text, end)
            if closing is None:
                return
            end = closing.end()
            if full is not None:
                count = int(full[1])
                default = tuple(tokenize(full[2].replace(r"\\", "\\"))) if full[2] is not None else None
        name = "\\" + entry[1].lstrip("\\")
        yield Definition(name, Macro(count, default, tuple(tokenize(source))), entry.start(), end)
        position = end


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
