"""Notebooks: the sources of the Markdown cells, with the offset of each of their characters in the file.

The file is not loaded as JSON, since then nobody would know where anything stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from symbackprop.errors import InputError

_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def markdown_of(raw: str, file: str | None) -> tuple[str, list[int]]:
    """The Markdown cells, one after the other, with an empty line between them; and where they stand.

    Raises InputError for a file without cells.
    """
    pieces: list[str] = []
    offsets: list[int] = []
    for cell in _cells(raw, file):
        for start, stop in cell:
            text, places = _decoded(raw, start, stop)
            pieces.append(text)
            offsets.extend(places)
        if cell:
            pieces.append("\n\n")
            offsets.extend([cell[-1][1]] * 2)
    return "".join(pieces), offsets


def _cells(raw: str, file: str | None) -> Iterator[list[tuple[int, int]]]:
    """Of each Markdown cell the stretches of its source strings, without their quotes.

    The cells are those of the notebook, before version 4 of the format those of its worksheets.
    """
    stack: list[str] = []
    keys: list[str] = []
    pending: str | None = None
    sources: list[tuple[int, int]] = []
    markdown = False
    seen = False
    for match in _JSON.finditer(raw):
        piece = match.group()
        depth = len(stack)
        if piece in "{[":
            stack.append(piece)
            keys.append(pending or "")
            pending = None
            if keys[-2:-1] == ["cells"] and _is_cell(stack):
                sources, markdown, seen = [], False, True
        elif piece in "}]":
            if keys[-2:-1] == ["cells"] and _is_cell(stack) and markdown:
                yield sources
            if stack:
                stack.pop()
                keys.pop()
            pending = None
        elif piece == ",":
            pending = None
        elif piece == ":":
            continue
        elif piece[0] == '"':
            is_key = bool(stack) and stack[-1] == "{" and pending is None
            if is_key:
                pending = piece[1:-1]
            elif "cells" in keys:
                inside = depth - keys.index("cells") - 2  # 0: in the cell itself
                key = pending if inside == 0 else keys[-1] if inside == 1 else ""
                if key == "cell_type" and inside == 0:
                    markdown = piece in ('"markdown"', '"heading"')
                elif key == "source":
                    sources.append((match.start() + 1, match.end() - 1))
    if not seen:
        raise InputError("this is no notebook: it has no cells", code="io", file=file)


def _is_cell(stack: list[str]) -> bool:
    return stack in (["{", "[", "{"], ["{", "[", "{", "[", "{"])


def _decoded(raw: str, start: int, stop: int) -> tuple[str, list[int]]:
    """A JSON string and the offset of each character."""
    text: list[str] = []
    places: list[int] = []
    position = start
    while position < stop:
        if raw[position] == "\\":
            match = _ESCAPE.match(raw, position, stop)
            escape = match.group() if match else raw[position]
            if escape[1:2] == "u":
                text.append(chr(int(escape.removeprefix("\\u"), base=16)))
            else:
                text.append(_PLAIN.get(escape[1:2], escape[1:2] or "\\"))
            places.append(position)
            position += len(escape)
        else:
            text.append(raw[position])
            places.append(position)
            position += 1
    return "".join(text), places
