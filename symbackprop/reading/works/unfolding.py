r"""The macros of a document that hold whole formulas, unfolded in its text before formulas are looked for.

``\newcommand{\be}{\begin{equation}}``, ``\newcommand{\answer}[1]{\[ \boxed{#1} \]}``,
``\newenvironment{steps}{\begin{align*}}{\end{align*}}``: where such a formula begins and ends is seen only
once the macro is replaced by what it says. Macros inside formulas are the business of ``macros``. Text in,
text out, with the place in the file of each character: what a macro makes has the place of its call, its
arguments keep their own. Number, depth and size of unfoldings are bounded: beyond that is an InputError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from symbackprop.errors import InputError
from symbackprop.reading.works.commands import DISPLAYS
from symbackprop.reading.works.definitions import arguments_of, braced, definitions
from symbackprop.reading.works.documents import Source, body_of
from symbackprop.reading.works.macros import Macro

MAX_UNFOLDINGS = 100_000
MAX_DEPTH = 40
MAX_GROWTH = 4_000_000  # characters that macros may add
_MAX_ENVIRONMENTS = 500
_LONGEST = 200_000  # of an argument
_ENVIRONMENT = re.compile(
    r"\\(?:renewenvironment|newenvironment|provideenvironment|(?:New|Renew|Provide|Declare)DocumentEnvironment)"
    r"\*?[ \t\n]*\{[ \t]*(?P<name>[A-Za-z]+\*?)[ \t]*\}"
)
_COUNT = re.compile(r"[ \t\n]*\[([0-9])\]")
_OPTION = re.compile(r"[ \t\n]*\[([^\]]{0,500})\]")
_PARAMETER = re.compile(r"#([1-9])")
_SINGLE = re.compile(r"\\[A-Za-z]+|\\.|[^\s{}]")
_BLANK = re.compile(r"(?:[ \t\n]|%[^\n]*\n)*")
_MATHEMATICS = re.compile(
    r"(?<!\\)(?:\\\\)*(?:\$|\\[\[\]()]|\\(?:begin|end)[ \t]*\{(?:"
    + "|".join(re.escape(name) for name in sorted(DISPLAYS))
    + r")\})"
)
# \align ... \endalign: how an environment is opened inside the definition of another.
_OPENED = re.compile(rf"\\(end)?({'|'.join(sorted(filter(str.isalpha, DISPLAYS)))})(?![A-Za-z])")
_SKIPPED = (
    r"(?P<pair>\\[^A-Za-z])"
    r"|(?P<comment>%[^\n]*)"
    r"|(?P<verbatim>\\begin[ \t]*\{(?P<kind>verbatim\*?|lstlisting|minted|Verbatim|comment|filecontents\*?)\}"
    r"(?s:.*?)(?:\\end[ \t]*\{(?P=kind)\}|\Z))"
    r"|(?P<verb>\\verb\*?(?P<quote>[^A-Za-z*\s])[^\n]*?(?P=quote))"
    r"|(?P<measured>\\setto(?:width|height|depth)[ \t]*(?:\{[^{}]*\}|\\[A-Za-z]+))"
)


@dataclass(frozen=True, slots=True)
class _Macro:
    """What a call stands for: its number of arguments, the first if it may be left out, the text."""

    count: int
    default: str | None
    body: str


@dataclass(slots=True)
class _Frame:
    """Text that is being read, with the offset in the file of each of its characters."""

    text: str
    offsets: Sequence[int]
    depth: int
    position: int = 0


def unfolded(source: Source, file: str | None = None) -> Source:
    """The text with such macros unfolded; itself where there are none.

    Raises InputError (code "limit") where the macros have no end.
    """
    text = source.text
    macros, kept = _macros(text)
    if not macros:
        return source
    unfolder = _Unfolder(macros, kept, file)
    made, places = unfolder.all(text)
    before = source.offsets
    return Source(made, source.raw, places if before is None else [before[place] for place in places])


def _macros(text: str) -> tuple[dict[str, _Macro], list[tuple[int, int]]]:
    r"""Macros and environments with formulas in them (``\be``, ``\begin{steps}``), and all definitions."""
    found: dict[str, _Macro] = {}
    kept: list[tuple[int, int]] = []
    for one in definitions(text):
        kept.append((one.start, one.stop))
        if isinstance(one.macro, Macro) and one.macro.is_plain():
            found[one.name] = _Macro(one.macro.count, one.option, text[one.inside[0] : one.inside[1]])
        elif isinstance(one.macro, str) and one.macro in found:
            found[one.name] = found[one.macro]
    pairs: list[tuple[str, str]] = []
    for match in islice(_ENVIRONMENT.finditer(text), _MAX_ENVIRONMENTS):
        name, position = match["name"], match.end()
        count, default = 0, None
        if "Document" in match[0][: match[0].index("{")]:
            spec = braced(text, position)
            if spec is None:
                continue
            (count, default), position = arguments_of(text[spec[0] : spec[1]]), spec[1] + 1
        elif number := _COUNT.match(text, position):
            count, position = int(number[1]), number.end()
            if option := _OPTION.match(text, position):
                default, position = option[1], option.end()
        opening = braced(text, position)
        closing = braced(text, opening[1] + 1) if opening else None
        if opening is None or closing is None:
            continue
        kept.append((match.start(), closing[1] + 1))
        pairs.append((rf"\begin{{{name}}}", rf"\end{{{name}}}"))
        for sign, stretch, args in ((0, opening, count), (1, closing, 0)):
            body = _OPENED.sub(_as_environment, text[stretch[0] : stretch[1]])
            found[pairs[-1][sign]] = _Macro(args, default if args else None, body)
    return _with_formulas(found, pairs), sorted(kept)


def _as_environment(match: re.Match[str]) -> str:
    return rf"\{'end' if match[1] else 'begin'}{{{match[2]}}}"


def _with_formulas(found: Mapping[str, _Macro], pairs: Sequence[tuple[str, str]]) -> dict[str, _Macro]:
    """Those that hold the sign of a formula, or a macro that does; both halves of an environment."""
    wanted = {name for name, macro in found.items() if _MATHEMATICS.search(macro.body)}
    while True:
        calls = _calls(wanted) if wanted else None
        more = {name for name, macro in found.items() if calls is not None and calls.search(macro.body)}
        more |= {half for pair in pairs if wanted.intersection(pair) for half in pair}
        if more <= wanted:
            return {name: macro for name, macro in found.items() if name in wanted}
        wanted |= more


def _calls(names: set[str]) -> re.Pattern[str]:
    commands = [name for name in names if "{" not in name]
    environments = [name for name in names if "{" in name]
    words = [re.escape(name) + ("(?![A-Za-z])" if name[1:].isalpha() else "") for name in commands]
    words += [re.escape(name).replace(r"\{", r"[ \t]*\{", 1) for name in environments]
    return re.compile("|".join(sorted(words, key=len, reverse=True)))


class _Unfolder:
    def __init__(self, macros: Mapping[str, _Macro], kept: list[tuple[int, int]], file: str | None) -> None:
        self.macros = macros
        self.kept = kept
        self.file = file
        # What a macro is called comes first: it may be called \[.
        self.sought = re.compile(rf"(?P<call>{_calls(set(macros)).pattern})|{_SKIPPED}")
        self.frames: list[_Frame] = []
        self.reach = _LONGEST
        self.made: list[str] = []
        self.places: list[int] = []

    def all(self, text: str) -> tuple[str, list[int]]:
        """The text unfolded, and the offsets. What stands before the document begins stays as it is."""
        begun = body_of(text)
        bottom = _Frame(text, range(len(text)), 0)
        self.frames = [bottom]
        self.copy(bottom, begun)
        count = 0
        while self.frames:
            frame = self.frames[-1]
            match = self.sought.search(frame.text, frame.position)
            if match is None:
                self.copy(frame, len(frame.text))
                self.frames.pop()
                continue
            definition = self.definition(match.start()) if frame is bottom else None
            if definition is not None:
                self.copy(frame, max(definition, match.end()))
            elif match["call"]:
                count += 1
                self.copy(frame, match.start())
                self.call(frame, match)
                if count > MAX_UNFOLDINGS or len(self.places) > len(text) + MAX_GROWTH:
                    raise self.endless(match["call"])
            elif match["measured"]:  # the formula is not printed there
                self.copy(frame, match.start())
                frame.position = match.end()
                self.argument()
            else:
                self.copy(frame, match.end())
        return "".join(self.made), self.places

    def endless(self, name: str) -> InputError:
        return InputError(f"the macro {name} of this work expands without end", code="limit", file=self.file)

    def definition(self, place: int) -> int | None:
        """Where the definition ends in which a place of the file stands."""
        return next((stop for start, stop in self.kept if start <= place < stop), None)

    def copy(self, frame: _Frame, stop: int) -> None:
        self.made.append(frame.text[frame.position : stop])
        self.places.extend(frame.offsets[frame.position : stop])
        frame.position = stop

    def call(self, frame: _Frame, match: re.Match[str]) -> None:
        """Put the body of a macro, with its arguments, before what follows the call."""
        name = re.sub(r"[ \t]*\{", "{", match["call"])
        macro = self.macros[name]
        if frame.depth >= MAX_DEPTH:
            raise self.endless(name)
        start = frame.offsets[match.start()]
        frame.position = match.end()
        depth = frame.depth + 1
        args: list[_Frame] = []
        if macro.default is not None:
            option = _OPTION.match(frame.text, frame.position)
            if option is None:
                args.append(_Frame(macro.default, [start] * len(macro.default), depth))
            else:
                inner = option.span(1)
                args.append(_Frame(option[1], frame.offsets[inner[0] : inner[1]], depth))
                frame.position = option.end()
        while len(args) < macro.count:
            args.append(self.argument())
        text: list[str] = []
        offsets: list[int] = []
        place, position = start, 0
        for parameter in _PARAMETER.finditer(macro.body):
            text.append(macro.body[position : parameter.start()])
            offsets.extend([place] * len(text[-1]))
            position = parameter.end()
            number = int(parameter[1])
            if number <= len(args):
                text.append(args[number - 1].text)
                offsets.extend(args[number - 1].offsets)
                place = offsets[-1] if args[number - 1].text else place
        text.append(macro.body[position:])
        offsets.extend([place] * len(text[-1]))
        self.frames.append(_Frame("".join(text), offsets, depth))

    def argument(self) -> _Frame:
        """What stands in the braces behind a call, or the one character or command; empty at the end."""
        while len(self.frames) > 1 and self.frames[-1].position >= len(self.frames[-1].text):
            self.frames.pop()  # a body may end with a macro whose arguments follow the call
        frame = self.frames[-1]
        blank = _BLANK.match(frame.text, frame.position)
        position = blank.end() if blank else frame.position
        inner = braced(frame.text, position, self.reach)
        if inner is None and frame.text[position : position + 1] == "{":  # sought in vain
            self.reach = self.reach // 2 + 100
        if inner is None:
            single = _SINGLE.match(frame.text, position)
            inner = single.span() if single else (position, position)
            frame.position = inner[1]
        else:
            frame.position = inner[1] + 1
        return _Frame(frame.text[inner[0] : inner[1]], frame.offsets[inner[0] : inner[1]], frame.depth)
