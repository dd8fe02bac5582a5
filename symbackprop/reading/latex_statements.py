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

from symbackprop.reading.latex_tokens import LatexToken
from symbackprop.reading.tokens import Place, fail

_OPENING = frozenset(("(", "[", "{", r"\{", r"\langle"))
_CLOSING = frozenset((")", "]", "}", r"\}", r"\rangle"))
_DISPLAYS = frozenset(
    "align aligned alignat alignedat equation eqnarray gather gathered multline multlined split flalign "
    "displaymath math".split()
)
_CONTINUES = frozenset(
    ("+", "-", "*", "/", "=", r"\cdot", r"\odot", r"\circ", r"\times", r"\otimes", r"\oslash", ",", "^", "_")
)
_CONDITION = re.compile(
    r"\b(if|when|unless|else|otherwise|only|where|with|for|all|given|let)\b", re.IGNORECASE
)
_BEFORE_A_RANGE = frozenset(("for", "for all", "for each", "with"))
_SOFT = frozenset(("row", "newline", "split", ","))
_HARD = frozenset((";", "$"))


_Reach = tuple[LatexToken, list[LatexToken], list[LatexToken]]  # the index, its first and its last value


@dataclass(slots=True)
class Slice:
    r"""The tokens of one equation; ``ranges`` are those of ``k = 1, \dots, K`` behind it."""

    tokens: list[LatexToken]
    ranges: list[_Reach] = field(default_factory=list)


@dataclass(slots=True)
class _Segment:
    """Tokens between two places where an equation may end; ``before`` is what stands in front."""

    before: LatexToken | None
    tokens: list[LatexToken] = field(default_factory=list)
    relation: bool = False  # whether an = stands outside brackets


def split_statements(tokens: Sequence[LatexToken]) -> list[Slice]:
    """The equations, in order; each without its full stop or comma."""
    segments = _segments(_without_displays(tokens))
    found: list[Slice] = []
    fresh = True
    position = 0
    while position < len(segments):
        segment = segments[position]
        before = segment.before.kind if segment.before is not None else "row"
        reach = _range_at(segments, position) if found else None
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


def _begins(previous: Slice, segment: _Segment) -> bool:
    first, last = segment.tokens[0].text, previous.tokens[-1].text
    return segment.relation and first not in _CONTINUES and last not in _CONTINUES


def _without_displays(tokens: Sequence[LatexToken]) -> list[LatexToken]:
    r"""Without ``\begin`` and ``\end`` of displays; any other environment is refused."""
    kept: list[LatexToken] = []
    opened: list[LatexToken] = []
    for token in tokens:
        if token.kind == "begin":
            if token.text.rstrip("*") not in _DISPLAYS:
                raise fail(
                    f"the environment {token.text} is not read here", token.at, "write the formula without it"
                )
            opened.append(token)
        elif token.kind == "end-environment":
            if not opened or opened[-1].text != token.text:
                raise fail(rf"\end{{{token.text}}} without its \begin", token.at)
            opened.pop()
        elif token.kind == "newline" and opened:
            continue
        else:
            kept.append(token)
            continue
        kept.append(LatexToken("$", "", token.at, token.start, token.stop))
    if opened:
        raise fail(rf"\begin{{{opened[-1].text}}} is not closed", opened[-1].at)
    return _without_empty_braces(kept)


def _without_empty_braces(tokens: list[LatexToken]) -> list[LatexToken]:
    kept: list[LatexToken] = []
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


def _segments(tokens: Sequence[LatexToken]) -> list[_Segment]:
    segments = [_Segment(None)]
    depth, after_gap = 0, False
    for token in tokens:
        kind = token.text if token.kind == "command" else token.kind
        if kind == "end":
            break
        if kind in _OPENING:
            depth += 1
        elif kind in _CLOSING:
            depth = max(0, depth - 1)
        if depth and kind in ("newline", "split"):
            continue
        if not depth and (kind in _SOFT or kind in _HARD):
            segments.append(_Segment(token))
            after_gap = kind == "split"
            continue
        if kind == "&" and not depth and segments[-1].relation:
            segments.append(_Segment(token))  # a column behind the equation: a range, or a remark
        if kind == "&":
            after_gap = True
            continue
        if kind == "word" and not depth and token.text.lower().strip() in _BEFORE_A_RANGE:
            segments.append(_Segment(token))
        if kind == "word" and after_gap and not depth and _is_remark(token.text):
            continue
        if kind == "row":
            raise fail(r"\\ inside a bracket", token.at, "close the bracket first")
        after_gap = False
        segments[-1].relation = segments[-1].relation or (not depth and kind == "=")
        segments[-1].tokens.append(token)
    return segments


def _is_remark(text: str) -> bool:
    several = " " in text or not text.isalnum()
    return several and not _CONDITION.search(text)


def _range_at(segments: list[_Segment], position: int) -> tuple[_Reach, int] | None:
    r"""The range at ``position``, and how many segments it takes: ``k = 1, \dots, K``, ``k = 1, 2, 3``."""
    tokens = _bare(segments[position].tokens)
    if tokens is not segments[position].tokens:  # (t = 1, ..., 3): its commas are inside the bracket
        inside = _segments([token for token in tokens if token.kind != "newline"])
        found = _range_at(inside, 0) if len(inside) > 1 else None
        return (found[0], 1) if found is not None and found[1] == len(inside) else None
    if tokens and tokens[0].kind == "word" and tokens[0].text.lower().strip() in _BEFORE_A_RANGE:
        tokens = tokens[1:]
    if len(tokens) < 3 or tokens[1].kind != "=":
        return None
    index, low = tokens[0], tokens[2:]
    rest = segments[position + 1 :]
    if len(rest) > 1 and len(rest[0].tokens) == 1 and rest[0].tokens[0].text == r"\dots":
        last = rest[1]
        if not last.tokens or last.relation:
            return None
        return (index, low, [token for token in last.tokens if token.kind != "."]), 3
    count = _counted(low, rest)
    return None if not count else ((index, low, rest[count - 1].tokens[:1]), count + 1)


def _bare(tokens: list[LatexToken]) -> list[LatexToken]:
    """Without a bracket around all of it."""
    wrapped = len(tokens) > 3 and tokens[0].text == "(" and tokens[-1].text == ")"
    return tokens[1:-1] if wrapped else tokens


def _counted(low: Sequence[LatexToken], rest: Sequence[_Segment]) -> int:
    """How many segments go on counting from the number ``low``: 2, 3 after 1."""
    if len(low) != 1 or low[0].value is None:
        return 0
    count = 0
    for segment in rest:
        tokens = [token for token in segment.tokens if token.kind != "."]
        if len(tokens) != 1 or tokens[0].value != low[0].value + count + 1:
            break
        count += 1
    return count


def _trimmed(part: Slice) -> Slice:
    while part.tokens and part.tokens[-1].kind in (".", ","):
        part.tokens.pop()
    return part


def end_of(tokens: Sequence[LatexToken]) -> Place:
    """Just behind the last token."""
    last = tokens[-1]
    return Place(last.at.line, last.at.column + last.stop - last.start)
