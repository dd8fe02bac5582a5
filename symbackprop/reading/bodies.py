"""What a question asks for, kind by kind: a record for each kind, and the table of their readers.

A reader takes an ``Asking`` (the entry of the file and the names it may use) and gives the body of the
question, or raises ``InputError`` at the place of what is wrong. A new kind is a record, a reader in
``READERS``, and an answerer in ``symbackprop.answering``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symbackprop.core.expr import Expr, Partial
from symbackprop.notation.words import Words
from symbackprop.reading import fields
from symbackprop.reading.asked import read_asked
from symbackprop.reading.formulas import read_equation
from symbackprop.reading.number_bodies import read_evaluate, read_gradient, read_update
from symbackprop.reading.question import Asking, Body, tidy
from symbackprop.reading.words import words_of


@dataclass(frozen=True, slots=True)
class DeriveBody(Body):
    """A derivative of a scalar.

    entry  the letters of ``dL/dW[i,j]``: the answer is one entry, in these letters.
    """

    partial: Partial
    entry: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskBody(Body):
    """A question in words, with the author's answer."""

    answer: Words | None = None


@dataclass(frozen=True, slots=True)
class ShowBody(Body):
    """An equation to be shown."""

    left: Expr
    right: Expr


def _show(asking: Asking) -> ShowBody:
    target = asking.target("an equation such as 'dL/dZ = (P - Y)/N'")
    left, right = read_equation(
        target.text, asking.graph, notation=asking.names, origin=target.origin
    )
    return ShowBody(tidy(target.text), left, right)


def _derive(asking: Asking) -> DeriveBody:
    target = asking.target("a derivative such as dL/dW")
    partial, entry = read_asked(target, asking.graph, asking.kind)
    return DeriveBody(tidy(target.text), partial, entry)


def _ask(asking: Asking) -> AskBody:
    words = words_of(asking.body, asking.kind, asking.path)
    if words is None:
        raise fields.schema_error(f"{asking.path} asks nothing", asking.body)
    return AskBody(words, words_of(asking.body, "answer", asking.path))


READERS: Mapping[str, Callable[[Asking], Body]] = MappingProxyType(
    {
        "derive": _derive, "ask": _ask, "show": _show,
        "evaluate": read_evaluate, "gradient": read_gradient, "update": read_update,
    }
)  # fmt: skip
