"""The templates: found in a checkout, an editable install and a wheel; printing only what is safe.

Delimiters are ``<% %>``, ``<< >>`` and ``<# #>``, which do not occur in LaTeX. An undefined name is an
error, and so is printing a bare ``str``: values are ``Latex`` or ``Text``, or whole numbers. Templates run in
Jinja's sandbox.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from symbackprop.documents.escape import Text
from symbackprop.documents.model import Document
from symbackprop.errors import InputError
from symbackprop.notation.latex_box import Latex


def template_root() -> Traversable:
    """The folder ``templates``: inside the package (wheel), else beside it (checkout)."""
    package = files("symbackprop")
    inside = package / "templates"
    if inside.is_dir():
        return inside
    beside = Path(str(package)).parent / "templates"
    if beside.is_dir():
        return beside
    raise FileNotFoundError("the folder `templates` is neither in the package nor beside it")


def _load(name: str) -> str | None:
    found = template_root()
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return None
        found = found / part
    return found.read_text(encoding="utf-8") if found.is_file() else None


_MOST_BYTES = 1_000_000
# What a template of a course may do wrong: everything in it but our own mistakes is its author's.
_FAULTS = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError,
)  # fmt: skip


def _own(folder: Path, name: str) -> str | None:
    """A template in a course's folder, which it cannot leave."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    if path.stat().st_size > _MOST_BYTES:
        message = f"the template {name} has more than {_MOST_BYTES} bytes"
        raise InputError(message, code="limit", file=str(path))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the template {name} cannot be read: {error}", code="io", file=str(path)) from None


def only_finished(value: object) -> object:
    """Let finished values through; a bare ``str`` in a template is a mistake of the template."""
    if isinstance(value, Latex | Text | Undefined) or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        return value
    raise TypeError(
        f"a template prints {type(value).__name__} {value!r}: only Latex, Text and int may be printed"
    )


def environment(folder: Path | None = None) -> ImmutableSandboxedEnvironment:
    """A fresh environment. Templates in ``folder`` come before ours of the same name."""

    def load(name: str) -> str | None:
        own = _own(folder, name) if folder is not None else None
        return own if own is not None else _load(name)

    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(load),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        undefined=StrictUndefined,
        finalize=only_finished,
    )


def render(form: str, document: Document, folder: Path | None = None) -> str:
    """The LaTeX source of ``document`` by ``<form>/<form>.tex.j2``.

    ``folder`` may hold templates that stand in for ours; what goes wrong in one is an InputError.
    """
    name = f"{form}/{form}.tex.j2"
    if folder is None:
        return environment().get_template(name).render(document=document)
    try:
        return environment(folder).get_template(name).render(document=document)
    except _FAULTS as error:
        at = getattr(error, "name", None)
        file = str(folder / at) if isinstance(at, str) else str(folder)
        message = f"a template of the course cannot be used: {_first_line(error)}"
        raise InputError(message, code="schema", file=file, line=getattr(error, "lineno", None)) from None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
