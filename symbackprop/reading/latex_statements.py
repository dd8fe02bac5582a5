r"""Where one equation of a LaTeX text ends and the next begins: tokens in, slices of tokens out.

A row (``\\``), a ``\quad``, a comma outside brackets and the end of a source line end an equation
only where what follows is an equation of its own: it holds an ``=`` and does not begin with an
operator. ``;`` and ``$`` always do. A remark in ``\text{...}`` behind ``&`` or ``\quad`` is left out
unless it states a condition.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from symbackprop.reading.latex_source import Source
from symbackprop.reading.works.commands import DISPLAYS
from symbackprop.reading.works.lexer import Token

_SPLITS = (r"\quad", r"\qquad")
_DOTS = frozenset((r"\dots", r"\ldots", r"\cdots", r"\dotsc", "..."))
_DOLLARS = frozenset(("$", r"\[", r"\]", r"\(", r"\)"))
EQUALS = frozenset(("=", ":=", r"\triangleq", r"\coloneqq", r"\coloneq"))
_CONDITION = re.compile(
    r"\b(if|when|unless|else|otherwise|only|where|with|for|all|given|let)\b", re.IGNORECASE
)
_BEFORE_A_RANGE = frozenset(("for", "for all", "for each", "with"))
_SOFT = frozenset(("row", "newline", "split", ","))
_HARD = frozenset((";", "$"))


_Reach = tuple[Token, list[Token], list[Token]]  # the index, its first and its last value


@dataclass(slots=True)
class Slice:
    r"""The tokens of one equation; ``ranges`` are those of ``k = 1, \dots, K`` behind it."""

    tokens: list[Token]
    ranges: list[_Reach] = field(default_factory=list)


@dataclass(slots=True)
class _Segment:
    """Tokens between two places where an equation may end; ``before`` is what stands in front."""

    before: Token | None
    tokens: list[Token] = field(default_factory=list)
    relation: bool = False  # whether an = stands outside brackets


def split_statements(tokens: Sequence[Token], source: Source) -> list[Slice]:
    """The equations, in order; each without its full stop or comma."""
    segments = _segments(_without_displays(tokens, source), source)
    found: list[Slice] = []
    fresh = True
    position = 0
    while position < len(segments):
        segment = segments[position]
        before = _kind(segment.before) if segment.before is not None else "row"
        reach = _range_at(segments, position, source) if found else None
        if reach is not None:
            found[-1].ranges.append(reach[0])
            position += reach[1]
            fresh = True
            continue
        position += 1
        fresh = fresh or before in _HARD
        if not segment.tokens:
            continue
        if fresh or not found or _begins(found[-1], segment):
            found.append(Slice(list(segment.tokens)))
            fresh = False
            continue
        if before == "," and segment.before is not None:
            found[-1].tokens.append(segment.before)
        found[-1].tokens.extend(segment.tokens)
    return [_trimmed(part) for part in found]


def _kind(token: Token) -> str:
    """What a token is for the end of an equation."""
    if token.text in _DOLLARS and token.kind in ("cmd", "other"):
        return "$"
    if token.kind == "sep":
        return "split" if token.text in _SPLITS else token.text
    return token.kind


def _is_stop(token: Token) -> bool:
    r"""Whether this is a full stop, and not the bracket that is not seen of ``\right.``."""
    return token.text == "." and token.kind == "sep"


def _continues(token: Token) -> bool:
    return token.kind in ("sign", "op", "rel", "^", "_") or token.text == ","


def _begins(previous: Slice, segment: _Segment) -> bool:
    return segment.relation and not _continues(segment.tokens[0]) and not _continues(previous.tokens[-1])


def _without_displays(tokens: Sequence[Token], source: Source) -> list[Token]:
    r"""Without ``\begin`` and ``\end`` of displays; cases and matrices stay."""
    kept: list[Token] = []
    opened: list[Token] = []
    skipped = 0
    for place, token in enumerate(tokens):
        if place < skipped:
            continue
        if token.kind == "begin":
            opened.append(token)
            skipped = _behind_option(tokens, place + 1) if token.text in DISPLAYS else 0
        elif token.kind == "end":
            if not opened or opened[-1].text != token.text:
                raise source.fail(rf"\end{{{token.text}}} without its \begin", token.start)
            opened.pop()
        elif token.kind == "newline" and opened:
            continue
        else:
            kept.append(token)
            continue
        if token.text in DISPLAYS:
            kept.append(Token("other", "$", token.start, token.stop))
        else:
            kept.append(token)
    if opened:
        raise source.fail(rf"\begin{{{opened[-1].text}}} is not closed", opened[-1].start)
    return _without_empty_braces(kept)


def _behind_option(tokens: Sequence[Token], place: int) -> int:
    r"""Behind the ``[t]`` of ``\begin{aligned}[t]`` and the ``{2}`` of ``\begin{alignat}{2}``."""
    for opener, closer in (("[", "]"), ("{", "}")):
        inner = [token.text for token in tokens[place : place + 3]]
        if len(inner) == 3 and inner[0] == opener and inner[2] == closer and inner[1] in "tbc0123456789":
            place += 3
    return place


def _without_empty_braces(tokens: list[Token]) -> list[Token]:
    kept: list[Token] = []
    for token in tokens:
        if (
            token.kind == "}"
            and kept
            and kept[-1].kind == "{"
            and (len(kept) < 2 or kept[-2].kind not in "^_")
        ):
            kept.pop()
        else:
            kept.append(token)
    return kept


def _segments(tokens: Sequence[Token], source: Source) -> list[_Segment]:
    segments = [_Segment(None)]
    depth, inside, after_gap = 0, 0, False
    for token in tokens:
        kind = _kind(token)
        inside += (kind == "begin") - (kind == "end")
        if kind in ("open", "{", "begin"):
            depth += 1
        elif kind in ("close", "}", "end"):
            depth = max(0, depth - 1)
        if depth and kind == "newline":
            continue
        if depth and kind == "split":
            continue
        if not depth and (kind in _SOFT or kind in _HARD):
            segments.append(_Segment(token))
            after_gap = kind == "split"
            continue
        if kind == "amp" and not inside:
            if not depth and segments[-1].relation:
                segments.append(_Segment(token))  # a column behind the equation: a range, or a remark
            after_gap = True
            continue
        words = kind in ("word", "prose")
        if words and not depth and token.text.lower().strip() in _BEFORE_A_RANGE:
            segments.append(_Segment(token))
        if words and after_gap and not depth and _is_remark(token.text):
            continue
        if kind == "row" and not inside:
            raise source.fail(r"\\ inside a bracket", token.start, "close the bracket first")
        after_gap = False
        segments[-1].relation = segments[-1].relation or (not depth and token.text in EQUALS)
        segments[-1].tokens.append(token)
    return segments


def _is_remark(text: str) -> bool:
    several = " " in text or not text.isalnum()
    return several and not _CONDITION.search(text)


def _range_at(segments: list[_Segment], position: int, source: Source) -> tuple[_Reach, int] | None:
    r"""The range at ``position``, and how many segments it takes: ``k = 1, \dots, K``, ``k = 1, 2, 3``."""
    tokens = _bare(segments[position].tokens)
    if tokens is not segments[position].tokens:  # (t = 1, ..., 3): its commas are inside the bracket
        inside = _segments([token for token in tokens if token.kind != "newline"], source)
        found = _range_at(inside, 0, source) if len(inside) > 1 else None
        return (found[0], 1) if found is not None and found[1] == len(inside) else None
    if tokens and tokens[0].kind in ("word", "prose") and tokens[0].text.lower().strip() in _BEFORE_A_RANGE:
        tokens = tokens[1:]
    if len(tokens) < 3 or tokens[1].text not in EQUALS:
        return None
    index, low = tokens[0], tokens[2:]
    rest = segments[position + 1 :]
    if len(rest) > 1 and len(rest[0].tokens) == 1 and rest[0].tokens[0].text in _DOTS:
        last = rest[1]
        if not last.tokens or last.relation:
            return None
        return (index, low, [token for token in last.tokens if not _is_stop(token)]), 3
    count = _counted(low, rest)
    return None if not count else ((index, low, rest[count - 1].tokens[:1]), count + 1)


def _bare(tokens: list[Token]) -> list[Token]:
    """Without a bracket around all of it."""
    wrapped = len(tokens) > 3 and tokens[0].text == "(" and tokens[-1].text == ")"
    return tokens[1:-1] if wrapped else tokens


def _counted(low: Sequence[Token], rest: Sequence[_Segment]) -> int:
    """How many segments go on counting from the number ``low``: 2, 3 after 1."""
    if len(low) != 1 or not low[0].text.isdigit():
        return 0
    count = 0
    for segment in rest:
        tokens = [token for token in segment.tokens if not _is_stop(token)]
        if len(tokens) != 1 or tokens[0].text != str(int(low[0].text) + count + 1):
            break
        count += 1
    return count


def _trimmed(part: Slice) -> Slice:
    while part.tokens and (_is_stop(part.tokens[-1]) or part.tokens[-1].text == ","):
        part.tokens.pop()
    return part
