"""Words of an author: Markdown with mathematics, checked where they are read."""

from __future__ import annotations

from symbackprop.errors import InputError
from symbackprop.notation.words import Words, read_words
from symbackprop.reading import fields
from symbackprop.reading.yaml_tree import Scalar, Table


def words_of(body: Table, key: str, path: str) -> Words | None:
    """Markdown with mathematics; mathematics that cannot be set is an error at its place."""
    value = body.get(key)
    if value is None:
        return None
    return read_checked(fields.scalar(value, f"{key} of {path}", "a text"))


def read_checked(value: Scalar) -> Words:
    """The words of a value, which know their place."""
    origin = value.origin

    def locate(line: int, column: int) -> tuple[int, int]:
        return origin.place(line, column)

    words = Words.at(value.text, locate, origin.file)
    try:
        read_words(words)
    except InputError as error:
        if value.at is None:  # from Python data: there is no file
            error.line = error.column = None
        raise
    return words
