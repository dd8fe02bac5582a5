"""Single formulas: printed results read back, and the formulas that operations are defined by."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from symbackprop.core.expr import Expr, Partial
from symbackprop.core.graph import Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Index
from symbackprop.errors import InputError
from symbackprop.reading.elaborate import read
from symbackprop.reading.index_ranges import free_letters
from symbackprop.reading.members import written_out
from symbackprop.reading.parser import parse_equality, parse_expression
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Node
from symbackprop.reading.tokens import PLAIN_TEXT, Origin


def read_formula(
    text: str,
    graph: Graph,
    *,
    derivatives: bool = True,
    notation: Mapping[str, Partial] | None = None,
    free_indices: bool = False,
    indices: Mapping[str, Index] | None = None,
    origin: Origin = PLAIN_TEXT,
) -> Expr:
    """A formula over the names of ``graph``.

    ``dL/dW`` is ``Partial(L, W)``; ``notation`` gives names of derivatives. ``indices`` are letters
    that are bound outside; with ``free_indices`` a new letter in a slot becomes a free index.
    """
    scope = _scope(graph, derivatives, notation, {} if free_indices else None, indices)
    node = parse_expression(text, _known(graph, notation), origin)
    return _guarded(node, scope, origin, graph)


def read_equation(
    text: str,
    graph: Graph,
    *,
    derivatives: bool = True,
    notation: Mapping[str, Partial] | None = None,
    free_indices: bool = True,
    indices: Mapping[str, Index] | None = None,
    origin: Origin = PLAIN_TEXT,
) -> tuple[Expr, Expr]:
    """The two sides of ``dL/dW[p,q] = sum[n](...)``; index letters of the left side are free on the right."""
    left, right = parse_equality(text, _known(graph, notation), origin)
    scope = _scope(graph, derivatives, notation, {} if free_indices else None, indices)
    return _guarded(left, scope, origin, graph), _guarded(right, scope, origin, graph)


def formula_of(
    text: str,
    params: Mapping[str, Expr],
    convention: Convention,
    *,
    axis: str | None = None,
    functions: Mapping[str, Operation] | None = None,
) -> Expr:
    """The formula ``text`` of an operation with its parameters replaced by ``params``.

    ``axis`` is what operations along an axis work inside where the text does not say. The syntax
    is parsed once for each text.
    """
    scope = Scope(convention, params=params, axis=axis, functions=functions or {})
    return read(_parsed(text), scope)


@lru_cache(maxsize=512)
def _parsed(text: str) -> Node:
    return parse_expression(text)


def _known(graph: Graph, notation: Mapping[str, Partial] | None) -> set[str]:
    return {*graph.tensors, *graph.families, *graph.dims, *(notation or {})}


def _scope(
    graph: Graph,
    derivatives: bool,
    notation: Mapping[str, Partial] | None,
    free: dict[str, Index] | None,
    indices: Mapping[str, Index] | None,
) -> Scope:
    return Scope(
        graph.convention,
        graph.tensors,
        graph.dims,
        graph.functions,
        indices=indices or {},
        partials=notation or {},
        taken=graph.families,
        derivatives=derivatives,
        free=free,
        layout=graph.layout,
        first=graph.first,
        zero=graph.zero_outside,
    )


def _guarded(node: Node, scope: Scope, origin: Origin, graph: Graph) -> Expr:
    try:
        whole = written_out(node, graph.families)
        if scope.free is not None:
            free_letters(whole, scope, read)
        return read(whole, scope)
    except RecursionError:
        raise InputError("the formula is nested too deeply", code="limit", file=origin.file) from None
    except InputError as error:
        raise error.located(file=origin.file) from None
