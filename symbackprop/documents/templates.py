"""The templates: found in a checkout, an editable install and a wheel; printing only what is safe.

Delimiters are ``<% %>``, ``<< >>`` and ``<# #>``, which do not occur in LaTeX. An undefined name is an
error, and so is printing a bare ``str``: values are ``Latex`` or ``Text``, or whole numbers. Templates run in
Jinja's sandbox.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import FunctionLoader, StrictUndefined, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from symbackprop.documents.escape import Text
from symbackprop.documents.model import Document
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


def only_finished(value: object) -> object:
    """Let finished values through; a bare ``str`` in a template is a mistake of the template."""
    if isinstance(value, Latex | Text | Undefined) or (
        isinstance(value, int) and not isinstance(value, bool)
    ):
        return value
    raise TypeError(
        f"a template prints {type(value).__name__} {value!r}: only Latex, Text and int may be printed"
    )


def environment() -> ImmutableSandboxedEnvironment:
    """A fresh environment."""
    return ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_load),
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


def render(form: str, document: Document) -> str:
    """The LaTeX source of ``document`` by ``templates/<form>/<form>.tex.j2``."""
    return environment().get_template(f"{form}/{form}.tex.j2").render(document=document)
