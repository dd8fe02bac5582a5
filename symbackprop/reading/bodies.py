"""What a question asks for, kind by kind: a record for each kind, and the table of their readers.

A reader takes an ``Asking`` (the entry of the file and the names it may use) and gives the body of the
question, or raises ``InputError`` at the place of what is wrong. A new kind is a record, a reader in
``READERS``, and an answerer in ``symbackprop.answering``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from symbackprop.core.expr import Expr, Partial
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.errors import InputError, UnsupportedError
from symbackprop.notation.words import Words
from symbackprop.reading import fields, keys
from symbackprop.reading.asked import read_asked, read_pair
from symbackprop.reading.formulas import read_equation
from symbackprop.reading.hvp_bodies import read_hvp
from symbackprop.reading.jacobian_bodies import JacobianBody, read_jacobian
from symbackprop.reading.number_bodies import read_evaluate, read_gradient, read_update
from symbackprop.reading.question import Asking, Body, tidy
from symbackprop.reading.sizes import read_sizes
from symbackprop.reading.words import words_of


@dataclass(frozen=True, slots=True)
class DeriveBody(Body):
    """A derivative of a scalar.

    entry  the letters of ``dL/dW[i,j]``: the answer is one entry, in these letters.
    sizes  those of ``dims:``, at which it is written out.
    """

    partial: Partial
    entry: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskBody(Body):
    """A question in words, with the author's answer."""

    answer: Words | None = None


@dataclass(frozen=True, slots=True)
class ShowBody(Body):
    """An equation to be shown."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class CompareBody(Body):
    """A derivative, of a scalar or of an array, in several conventions and layouts."""

    partial: Partial
    conventions: tuple[Convention, ...]
    layouts: tuple[str, ...] = ()

    @property
    def said(self) -> tuple[str, ...]:
        return (*(convention.value for convention in self.conventions), *self.layouts)


@dataclass(frozen=True, slots=True)
class ShapeItem:
    """An array, or the derivative of one by another, as written."""

    text: str
    of: Tensor
    by: Tensor | None = None


@dataclass(frozen=True, slots=True)
class ShapesBody(Body):
    """What the shapes are wanted of."""

    items: tuple[ShapeItem, ...]


def _compare(asking: Asking) -> CompareBody:
    target = asking.target("a derivative such as dL/dW")
    of, by = read_pair(target, asking.graph, asking.names)
    if by is None:
        message = f"{asking.path} compares a derivative, and {tidy(target.text)} is none"
        raise fields.schema_error(message, target, "such as dL/dW")
    layouts = _each_once(asking, "layouts", keys.LAYOUTS)
    named = _each_once(asking, "conventions", keys.CONVENTIONS)
    conventions = tuple(Convention(name) for name in named or keys.CONVENTIONS)
    if layouts and not named:
        conventions = (asking.graph.convention,)
    return CompareBody(tidy(target.text), Partial(of, by), conventions, layouts)


def _each_once(asking: Asking, key: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    """What a list of choices names; () where it is not given."""
    value, path = asking.body.get(key), f"{key} of {asking.path}"
    if value is None:
        return ()
    found = tuple(fields.choice(item, path, choices) for item in fields.items(value, path, single=True))
    if not found or len(set(found)) != len(found):
        raise fields.schema_error(f"{path} must name each {key[:-1]} once", value)
    return found


def _shapes(asking: Asking) -> ShapesBody:
    items = []
    for item in fields.items(asking.value, "shapes", single=True):
        text = fields.scalar(item, f"shapes of {asking.path}", "a list such as [dL/dW, dH/dU]")
        items.append(ShapeItem(tidy(text.text), *read_pair(text, asking.graph, asking.names)))
    if not items:
        raise fields.schema_error(f"shapes of {asking.path} names nothing", asking.value, "write [dL/dW]")
    return ShapesBody(", ".join(item.text for item in items), tuple(items))


def _show(asking: Asking) -> ShowBody:
    target = asking.target("an equation such as 'dL/dZ = (P - Y)/N'")
    left, right = read_equation(target.text, asking.graph, notation=asking.names, origin=target.origin)
    return ShowBody(tidy(target.text), left, right)


def _derive(asking: Asking) -> Body:
    """The derivative of a scalar; of an array its Jacobian, of which dL/dW[1,2] is an entry as well."""
    target = asking.target("a derivative such as dL/dW")
    try:
        partial, entry = read_asked(target, asking.graph, asking.kind)
    except InputError as refused:
        one_entry = isinstance(refused, UnsupportedError)  # at fixed places, or on the diagonal
        found = _jacobian_or_none(asking, shapes=one_entry)
        if found is None or (found.of.is_scalar and not (one_entry or found.is_placed)):
            raise refused from None
        return found
    return DeriveBody(tidy(target.text), partial, entry, read_sizes(asking, partial.of))


def _jacobian_or_none(asking: Asking, *, shapes: bool) -> JacobianBody | None:
    """The question as one for a Jacobian; ``shapes``: an entry that does not exist is an error."""
    try:
        return read_jacobian(asking)
    except InputError as error:
        if shapes and error.code == "shape":
            raise
        return None


def _explicit(asking: Asking) -> Body:
    """The derivative of a scalar, or of an array."""
    level = asking.body.get("level")
    words = fields.items(level, "level", single=True) if level is not None else ()
    if any(fields.text(word, "level") != "entries" for word in words):
        message = f"{asking.path}: explicit is derive at level entries"
        raise fields.schema_error(message, level, "leave out level, or ask for derive")
    found = read_jacobian(asking)
    if found.of.is_scalar and found.entry == (None, None):
        return DeriveBody(found.target, Partial(found.of, found.by), (), found.sizes)
    return found


def _hessian(asking: Asking) -> JacobianBody:
    """The second derivative of a scalar."""
    found = read_jacobian(asking)
    if found.of.gradient is None:
        message = f"{asking.path} asks for second derivatives, and {found.target} is a first one"
        raise fields.schema_error(message, asking.value, "such as d2L/dw2, or d2L/(dw db)")
    return found


def _ask(asking: Asking) -> AskBody:
    words = words_of(asking.body, asking.kind, asking.path)
    if words is None:
        raise fields.schema_error(f"{asking.path} asks nothing", asking.body)
    return AskBody(words, words_of(asking.body, "answer", asking.path))


READERS: Mapping[str, Callable[[Asking], Body]] = MappingProxyType(
    {
        "derive": _derive, "jacobian": read_jacobian, "explicit": _explicit, "ask": _ask,
        "hessian": _hessian, "hvp": read_hvp, "show": _show, "compare": _compare, "shapes": _shapes,
        "evaluate": read_evaluate, "gradient": read_gradient, "update": read_update,
    }
)  # fmt: skip
