"""The starter problem: a commented file that solves as it stands, written where nothing stands yet.

On return of ``write_starter`` the new file is whole; otherwise an error says what to do and nothing
was written. An existing file is never replaced and no folder is made. The text is a data file beside
the templates (templates/starter/problem.yaml), so that it is read, solved and validated like any
other problem.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

from symbackprop.documents.templates import template_root
from symbackprop.errors import InputError, OutputError

SUFFIXES = (".yaml", ".yml")


def starter_text() -> str:
    """The starter problem."""
    return (template_root() / "starter" / "problem.yaml").read_text(encoding="utf-8")


def write_starter(file: str) -> Path:
    """Write the starter problem to the new file ``file``, and return its path.

    InputError (code "io") if the name cannot be that of a problem file, if something of that name
    exists, or if its folder does not; OutputError if it cannot be written.
    """
    path = Path(file)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"a problem file ends in .yaml, {path.name or file} does not", code="io",
            hint=f"symbackprop new {path.with_suffix('.yaml') if path.name else 'problem.yaml'}",
        )  # fmt: skip
    if not path.parent.is_dir():
        raise InputError(
            f"there is no folder {path.parent}", code="io", file=file,
            hint=f"make it first (mkdir -p {path.parent}), or name a file in a folder that exists",
        )  # fmt: skip
    text = starter_text().replace("THIS_FILE", shlex.quote(path.name))
    try:
        stream = path.open("x", encoding="utf-8", newline="\n")
    except FileExistsError:
        raise InputError(
            "this file exists already and stays as it is", code="io", file=file,
            hint="choose another name, or move the file away first",
        ) from None  # fmt: skip
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", code="io", file=file) from error
    try:
        with stream:
            stream.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise OutputError(f"cannot be written: {error.strerror or error}", code="io", file=file) from error
    return path
