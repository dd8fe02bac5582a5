"""Declarations that the tests of reading share: a two-layer network in each convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Role
from symbackprop.ops.registry import Elementwise
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import abstract_function, parse_dim
from symbackprop.reading.program import read_program

Build = Callable[..., Graph]


def _shape(text: str) -> tuple[Dim, ...]:
    return tuple(parse_dim(part, {}) for part in text.split(",") if part)


@pytest.fixture
def build() -> Build:
    """``build(text, {"W": "D,M"}, "row")``: a graph over parameters of these shapes; sigma is abstract."""

    def make(text: str, shapes: Mapping[str, str], convention: str | None = "column", **roles: Role) -> Graph:
        symbols = {
            name: Declared(name, _shape(shape), roles.get(name, Role.PARAMETER))
            for name, shape in shapes.items()
        }
        functions: dict[str, Elementwise] = {"sigma": abstract_function("sigma")}
        chosen = Convention(convention) if convention else None
        return read_program(text, Declarations(symbols, {}, functions, chosen))

    return make


NETWORK = {
    "X": "N,D",
    "W": "D,M",
    "c": "M",
    "Y": "N,K",
    "W2": "M,K",
    "b": "K",
    "lam": "",
    "S": "M,M",
    "R": "1,M",
}


@pytest.fixture
def network(build: Build) -> Callable[[str], Graph]:
    """``network(text)``: a program over the arrays of a two-layer perceptron, row convention."""
    return lambda text: build(text, NETWORK, "row")
