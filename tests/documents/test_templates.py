"""Templates print finished values only, and are found where they lie."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from symbackprop.documents.escape import Text
from symbackprop.documents.templates import environment, template_root
from symbackprop.notation.latex_box import Latex


def test_the_key_template_is_found() -> None:
    assert (template_root() / "key" / "key.tex.j2").is_file()


@pytest.mark.parametrize("value", [Latex("x^2"), Text("words"), 7])
def test_finished_values_are_printed(value: object) -> None:
    assert environment().from_string("a << v >> b").render(v=value) == f"a {value} b"


@pytest.mark.parametrize("value", ["bare", None, 1.5, True, ["x"]])
def test_anything_else_is_an_error(value: object) -> None:
    with pytest.raises(TypeError, match="only Latex, Text and int"):
        environment().from_string("<< v >>").render(v=value)


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("<< nothing >>").render()


def test_templates_run_in_the_sandbox() -> None:
    with pytest.raises(SecurityError):
        environment().from_string("<< v.__class__.__mro__ >>").render(v=7)
