"""``course:`` and ``style:``: words at the head of a document, how formulas look, templates of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from symbackprop.notation.words import Words
from symbackprop.reading import fields, keys
from symbackprop.reading.tokens import file_of
from symbackprop.reading.words import read_checked
from symbackprop.reading.yaml_tree import Scalar, Table, Value


@dataclass(frozen=True, slots=True)
class Course:
    """``words``: title, author, date. ``templates``: a folder that exists, or None."""

    words: Mapping[str, Words]
    templates: Path | None


def read_course(root: Table, file: str | None) -> Course:
    """What ``course:`` says, its style apart."""
    words: dict[str, Words] = {}
    templates = None
    for key, entry in _body(root).entries:
        if key.text == "templates":
            templates = _folder(fields.scalar(entry, "course templates", "a folder"), file)
        elif key.text != "style":
            words[key.text] = read_checked(fields.scalar(entry, f"course {key.text}", "a text"))
    return Course(words, templates)


def read_style(root: Table) -> dict[str, str]:
    """The style of the file over that of its course."""
    found: dict[str, str] = {}
    for value, path in ((_body(root).get("style"), "the style of course"), (root.get("style"), "style")):
        found |= _style(value, path)
    return found


def _body(root: Table) -> Table:
    value = root.get("course")
    body = Table(None, ()) if value is None else fields.table(value, "course")
    fields.check_keys(body, keys.COURSE, "course")
    return body


def _style(value: Value | None, path: str) -> dict[str, str]:
    if value is None:
        return {}
    body = fields.table(value, path)
    fields.check_keys(body, keys.STYLE, path)
    return {
        key.text: fields.choice(entry, f"{path} {key.text}", keys.STYLE[key.text])
        for key, entry in body.entries
    }


def _folder(name: Scalar, file: str | None) -> Path:
    """A folder inside the folder of the file that names it."""
    beside = file_of(name.at) or file
    if beside is None:
        raise fields.schema_error(
            "course templates: has no file to be relative to", name, "load the problem from a file"
        )
    home = Path(beside).parent.resolve()
    try:
        folder = (home / name.text.strip()).resolve()
        inside, exists = folder.is_relative_to(home) and folder != home, folder.is_dir()
    except (OSError, ValueError):
        inside, exists = True, False
    if not inside:
        raise fields.schema_error(
            f"course templates: {name.text!r} is not inside the folder of the problem", name,
            "name a folder beside the problem file",
        )  # fmt: skip
    if not exists:
        raise fields.schema_error(f"course templates: there is no folder {name.text!r}", name)
    return folder
