"""``hvp: d2L/dw2, with: v``: the Hessian times a direction, which need not be declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Role, Tensor
from symbackprop.errors import did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.asked import behind_d
from symbackprop.reading.members import written_out
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.question import Asking, Body, tidy
from symbackprop.reading.seconds import gradient_of
from symbackprop.reading.sizes import read_sizes
from symbackprop.reading.syntax import Derivative, Name, Sub, show
from symbackprop.reading.tokens import fail, tokenize
from symbackprop.reading.yaml_tree import Items, Scalar, Table, Value


@dataclass(frozen=True, slots=True)
class HvpBody(Body):
    """d2L/(dA dB) times ``direction``, an array of the shape of B: ``of`` = dL/dA, ``by`` = B."""

    of: Tensor
    by: Tensor
    direction: Tensor
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def said(self) -> tuple[str, ...]:
        return (self.direction.name,)


def read_hvp(asking: Asking) -> HvpBody:
    """What a question of the kind ``hvp`` asks for."""
    value, given = asking.target("a second derivative such as d2L/dw2"), asking.body.get("with")
    if given is None:
        raise fields.schema_error(f"{asking.path} names no direction", asking.body, "add with: v")
    name = fields.scalar(given, f"with of {asking.path}", "the name of an array").text
    of, by = _sides(value, asking.graph)
    direction = asking.graph.tensors.get(name)
    if direction is None:
        hint = did_you_mean(name, asking.graph.tensors)
        raise fields.schema_error(f"unknown symbol {name}", given, hint)
    if direction.shape != by.shape:
        shapes = [" x ".join(map(str, tensor.shape)) or "a scalar" for tensor in (direction, by)]
        message = f"{name} is {shapes[0]}, but a direction for {by.name} has its shape, {shapes[1]}"
        raise fields.schema_error(message, given, f"declare {name} with the shape of {by.name}")
    assert of.gradient is not None
    return HvpBody(tidy(value.text), of, by, direction, read_sizes(asking, of.gradient[0]))


def _sides(value: Scalar, graph: Graph) -> tuple[Tensor, Tensor]:
    """dL/dA and B of d2L/(dA dB)."""
    known = {*graph.tensors, *graph.families, *graph.dims}
    tokens = tokenize(value.text, value.origin)
    node = parse_expression(value.text, known | behind_d(tokens, known), value.origin)
    if isinstance(node, Derivative):
        node = written_out(node, graph.families)
    if not isinstance(node, Derivative) or len(node.by) != 2 or any(isinstance(b, Sub) for b in node.by):
        raise fail(
            f"hvp is of a second derivative such as d2L/dw2, not of {show(node)}", node.at, None, "schema"
        )
    found: list[Tensor] = []
    for side in (node.of, *node.by):
        tensor = graph.tensors.get(side.name) if isinstance(side, Name) else None
        if tensor is None:
            hint = did_you_mean(show(side), graph.tensors)
            raise fail(f"unknown symbol {show(side)}", side.at, hint, "unknown-symbol")
        found.append(tensor)
    return gradient_of(found[0], found[1], node.of.at), found[2]


def with_directions(questions: Value | None, graph: Graph) -> Graph:
    """The graph with the directions that only questions name, each of the shape of what it is for."""
    more: dict[str, Tensor] = {}
    for body in _tables(questions):
        target, given = body.get("hvp"), body.get("with")
        if not isinstance(target, Scalar) or not isinstance(given, Scalar):
            continue
        name = given.text
        clash = {*graph.tensors, *graph.families, *graph.dims, *graph.functions}
        if name in clash or not name.isidentifier():
            continue
        _, by = _sides(target, graph)
        more.setdefault(name, Tensor(name, by.shape, by.convention, Role.INPUT))
    return replace(graph, tensors={**graph.tensors, **more}) if more else graph


def _tables(value: Value | None) -> Iterator[Table]:
    if isinstance(value, Table):
        yield value
        yield from _tables(value.get("parts"))
    elif isinstance(value, Items):
        for item in value.items:
            yield from _tables(item)
