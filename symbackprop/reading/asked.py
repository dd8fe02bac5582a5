"""A derivative that is asked for, against the names of a graph: ``dL/dW``, or an entry, ``dL/dW[i,j]``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from symbackprop.core.expr import Partial
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.jacobians import read_derivative
from symbackprop.reading.members import written_out
from symbackprop.reading.parser import parse_expression
from symbackprop.reading.scope import Scope
from symbackprop.reading.seconds import gradient_of
from symbackprop.reading.syntax import Derivative, Name, Sub, show
from symbackprop.reading.tokens import Token, fail, tokenize
from symbackprop.reading.whole_arrays import named_starts
from symbackprop.reading.yaml_tree import Scalar


def read_partial(value: Scalar, graph: Graph, path: str) -> Partial:
    """The derivative ``dL/dW`` a text spells; both names must exist, and L must be a scalar."""
    partial, entry = read_asked(value, graph, path)
    if entry:
        raise fields.later("the derivative by one entry", value, "leave out the indices")
    return partial


def read_asked(value: Scalar, graph: Graph, path: str) -> tuple[Partial, tuple[str, ...]]:
    """``dL/dW``, or ``dL/dW[i,j]`` with the letters of its entry."""
    tokens = tokenize(value.text, value.origin)
    known = {*graph.tensors, *graph.families, *graph.dims}
    node = parse_expression(value.text, known | behind_d(tokens, known), value.origin)
    if not isinstance(node, Derivative):
        raise fail(f"{path} must be a derivative such as dL/dW, not {show(node)}", node.at, None, "schema")
    node = written_out(node, graph.families)
    assert isinstance(node, Derivative)
    node = named_starts(node, graph.tensors, graph.first)
    scope = Scope(
        graph.convention,
        graph.tensors,
        graph.dims,
        graph.functions,
        derivatives=True,
        first=graph.first,
        zero=graph.zero_outside,
    )
    letters: tuple[str, ...] = ()
    if any(isinstance(by, Sub) for by in node.by):
        letters = _entry_letters(node, known, value)
        node = replace(node, by=tuple(by.base if isinstance(by, Sub) else by for by in node.by))
    partial = read_derivative(node, scope, whole=True)
    if not isinstance(partial, Partial):
        raise fail(
            f"{show(node.of)} is not a scalar", node.at, f"a question may be jacobian: {show(node)}", "shape"
        )
    if letters and partial.by.over and len(letters) == 1:  # dL/dh[t], one member of a family
        spare = [letter for letter in "pqrsuvw" if letter not in known and letter not in letters]
        letters = (*letters, *spare[: len(partial.by.index_axes) - 1])
    if letters and len(letters) != len(partial.by.index_axes):
        shape = " x ".join(str(dim) for dim in partial.by.shape) or "a scalar"
        raise fail(
            f"{partial.by.name} is {shape}, but {len(letters)} indices are given", node.at,
            f"write one letter for each axis, or d{partial.of.name}/d{partial.by.name}", "shape",
        )  # fmt: skip
    return partial, letters


def read_pair(value: Scalar, graph: Graph, names: Mapping[str, Partial]) -> tuple[Tensor, Tensor | None]:
    """``dH/dU`` as the pair of its arrays, whatever their shapes; an array by itself."""
    text = value.text.strip()
    if text in names:
        return names[text].of, names[text].by
    if text.replace(" ", "") in graph.tensors:
        return graph.tensors[text.replace(" ", "")], None
    known = {*graph.tensors, *graph.families, *graph.dims}
    tokens = tokenize(value.text, value.origin)
    node = parse_expression(value.text, known | behind_d(tokens, known), value.origin)
    if isinstance(node, Name):
        hint = did_you_mean(node.name, graph.tensors)
        raise fail(f"unknown symbol {node.name}", node.at, hint, "unknown-symbol")
    if not isinstance(node, Derivative):
        raise fail(f"shapes are of arrays and derivatives, not of {show(node)}", node.at, None, "schema")
    node = written_out(node, graph.families)
    assert isinstance(node, Derivative)
    found = []
    for side in (node.of, *node.by):
        if not isinstance(side, Name):
            raise fields.later("the shape of the derivative of an entry", value, "leave out the indices")
        tensor = graph.tensors.get(side.name)
        if tensor is None:
            hint = did_you_mean(side.name, graph.tensors)
            raise fail(f"unknown symbol {side.name}", side.at, hint, "unknown-symbol")
        found.append(tensor)
    if len(found) == 3:
        return gradient_of(found[0], found[1], node.of.at), found[2]
    return found[0], found[1]


def _entry_letters(node: Derivative, known: Collection[str], value: Scalar) -> tuple[str, ...]:
    """The letters of the slots; fixed positions such as W[1,2] are not supported yet."""
    slots = [slot for by in node.by if isinstance(by, Sub) for slot in by.slots]
    names = [slot.name for slot in slots if isinstance(slot, Name)]
    if len(names) != len(slots):
        raise fields.later("the derivative by an entry at a fixed place", value, "write dL/dW[i,j]")
    for slot in slots:
        if isinstance(slot, Name) and slot.name in known:
            raise fail(f"{slot.name} is a name of the file and cannot be an index", slot.at, "another letter")
    if len(set(names)) != len(names):
        raise fields.later("the derivative by an entry of the diagonal", value, "write dL/dW[i,j]")
    return tuple(names)


def behind_d(tokens: tuple[Token, ...], known: Collection[str]) -> set[str]:
    """What stands behind a ``d``: in a question dQ/dW is a derivative even if Q is unknown."""
    names = {token.text for token in tokens if token.kind == "name" and token.text not in known}
    return {name[2:] if name[1:2] == "2" else name[1:] for name in names if name.startswith("d")}
