"""What a key of the problem file asks for: text, a number, true or false, one of several words, a list.

Each function takes the value and the path that names it in messages, and raises InputError
with code "schema" at its place.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fractions import Fraction

from symbackprop.errors import InputError, UnsupportedError, did_you_mean
from symbackprop.reading.tokens import file_of
from symbackprop.reading.yaml_tree import Items, Scalar, Table, Value, problem

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_MAX_DIGITS = 300
LARGEST = 10**300
_NAME = re.compile(r"[^\W\d_]\w*")


def schema_error(message: str, value: Value | None, hint: str | None = None) -> InputError:
    """The error at a value."""
    return problem(message, value.at if value is not None else None, hint, "schema")


def later(what: str, value: Value | None, hint: str | None = None) -> UnsupportedError:
    """The refusal of something that is well-formed and not supported yet."""
    line, column = value.at if value is not None and value.at is not None else (None, None)
    file = file_of(value.at) if value is not None else None
    return UnsupportedError(f"{what} is not supported yet", file=file, line=line, column=column, hint=hint)


def kind_of(value: Value) -> str:
    """What a value is, in words."""
    if isinstance(value, Items):
        return "a list"
    if isinstance(value, Table):
        return "a mapping"
    assert isinstance(value, Scalar)
    if is_null(value):
        return "empty"
    return f"{value.text!r}" if len(value.text) <= 30 else "a text"


def is_null(value: Value) -> bool:
    """Whether the value is null or empty."""
    return isinstance(value, Scalar) and value.plain and value.text in _NULL


def table(value: Value, path: str) -> Table:
    """A mapping; nothing counts as an empty one."""
    if is_null(value):
        return Table(value.at, ())
    if not isinstance(value, Table):
        raise schema_error(f"{path} must be a mapping, not {kind_of(value)}", value, "write key: value")
    return value


def items(value: Value, path: str, *, single: bool = False) -> tuple[Value, ...]:
    """A list; with ``single`` one value stands for a list of one."""
    if isinstance(value, Items):
        return value.items
    if is_null(value):
        return ()
    if single:
        return (value,)
    raise schema_error(f"{path} must be a list, not {kind_of(value)}", value, "write [a, b]")


def scalar(value: Value, path: str, what: str) -> Scalar:
    """A single value."""
    if not isinstance(value, Scalar) or is_null(value):
        raise schema_error(f"{path} must be {what}, not {kind_of(value)}", value)
    return value


def text(value: Value, path: str) -> str:
    """A text; a plain number or word counts as its text."""
    return scalar(value, path, "a text").text


def line_of_text(value: Value, path: str) -> str:
    """A text that holds no newline or tab (LaTeX, names): those come from a slip with double quotes."""
    found = scalar(value, path, "a text")
    if "\n" in found.text.rstrip("\n") or "\t" in found.text:
        raise problem(f"{path} holds a newline or a tab", value.at, "use single quotes")
    return found.text.strip()


def name(value: Value, path: str) -> str:
    """A NAME of the grammar."""
    found = scalar(value, path, "a name")
    if not is_name(found.text):
        raise schema_error(
            f"{path}: {found.text!r} is not a name", value, "a name is a letter, then letters, digits and _"
        )
    return found.text


def is_name(text: str) -> bool:
    """Whether the text is a NAME of the grammar."""
    return bool(_NAME.fullmatch(text)) and all(c.isalpha() or c in "0123456789_" for c in text)


def flag(value: Value, path: str) -> bool:
    """true or false."""
    found = scalar(value, path, "true or false")
    if found.text in _TRUE:
        return True
    if found.text in _FALSE:
        return False
    raise schema_error(f"{path} must be true or false, not {kind_of(value)}", value)


def number(value: Value, path: str) -> Fraction:
    """An exact number: 3, -0.5, .5, 1e-5, 1/3."""
    found = scalar(value, path, "a number")
    exact = parse_number(found.text)
    if exact is None:
        raise schema_error(
            f"{path} must be a number, not {kind_of(value)}", value, "such as 3, 0.5, 1e-5 or 1/3"
        )
    return _in_reach(exact, value, path)


def _in_reach(exact: Fraction, value: Value, path: str) -> Fraction:
    """The number, if float64 can hold it."""
    if abs(exact) > LARGEST:
        raise schema_error(f"{path} is too large", value, "numbers go up to 1e300")
    return exact


def parse_number(text: str) -> Fraction | None:
    """The exact number a text spells, or None."""
    top, slash, bottom = text.strip().partition("/")
    parts = [top.strip(), bottom.strip()] if slash else [top.strip()]
    if any(len(part) > _MAX_DIGITS or not _NUMBER.fullmatch(part) for part in parts):
        return None
    values = [_decimal(part) for part in parts]
    if len(values) == 1:
        return values[0]
    return values[0] / values[1] if values[1] else None


def _decimal(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    return Fraction(int((whole + fraction) or "0"), 10 ** len(fraction)) * Fraction(10) ** int(exponent or 0)


def choice(value: Value, path: str, allowed: Collection[str]) -> str:
    """One of several words."""
    found = scalar(value, path, f"one of {', '.join(allowed)}").text
    if found not in allowed:
        raise schema_error(
            f"{path} must be one of {', '.join(allowed)}, not {found!r}", value, did_you_mean(found, allowed)
        )
    return found


def array(value: Value, path: str) -> object:
    """A number, or nested tuples of numbers of equal lengths; also ``'1 2; 3 4'``."""
    if isinstance(value, Scalar) and not is_null(value):
        exact = parse_number(value.text)
        return _matrix(value, path) if exact is None else _in_reach(exact, value, path)
    parts = tuple(array(item, path) for item in items(value, path))
    if not parts or len({_shape(part) for part in parts}) != 1:
        raise schema_error(f"{path}: the rows of an array must have one length and at least one entry", value)
    return parts


def _shape(part: object) -> tuple[int, ...]:
    return (len(part), *_shape(part[0])) if isinstance(part, tuple) else ()


def _matrix(value: Scalar, path: str) -> object:
    rows = []
    for row in value.text.split(";"):
        numbers = [parse_number(entry) for entry in row.replace(",", " ").split()]
        if not numbers or any(entry is None for entry in numbers):
            raise schema_error(
                f"{path}: {kind_of(value)} is not an array of numbers",
                value,
                "write [[1, 2], [3, 4]] or '1 2; 3 4'",
            )
        rows.append(tuple(_in_reach(one, value, path) for one in numbers if one is not None))
    if len({len(row) for row in rows}) != 1:
        raise schema_error(f"{path}: the rows of an array must have one length", value)
    return tuple(rows) if len(rows) > 1 else rows[0]


def check_keys(found: Table, allowed: Iterable[str], path: str, what: str = "key") -> None:
    """Refuse a key that does not exist, naming the nearest."""
    known = set(allowed)
    for key, _ in found.entries:
        if key.text not in known:
            raise schema_error(f"unknown {what} {key.text} in {path}", key, did_you_mean(key.text, known))


def plain_data(value: Value) -> object:
    """The value as plain Python data (exact numbers), for keys that are only kept."""
    if isinstance(value, Table):
        return {key.text: plain_data(entry) for key, entry in value.entries}
    if isinstance(value, Items):
        return tuple(plain_data(item) for item in value.items)
    assert isinstance(value, Scalar)
    if value.plain:
        if value.text in _NULL:
            return None
        if value.text in _TRUE or value.text in _FALSE:
            return value.text in _TRUE
        exact = parse_number(value.text)
        if exact is not None:
            return exact
    return value.text
