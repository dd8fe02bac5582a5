"""Arrays with named axes: one axis for each index, lined up and broadcast by name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Reduce
from symbackprop.core.tensors import Index
from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_base import Writer

NONE: ast.expr = py.literal(None)


@dataclass(frozen=True, slots=True)
class Axes:
    """An array with one axis for each of ``axes``, in this order."""

    node: ast.expr
    axes: tuple[Index, ...] = ()


def has_indices(expr: Expr) -> bool:
    """Whether index notation stands in ``expr``."""
    return any(isinstance(node, (Element, Reduce, IndexValue, Comprehension)) for node in expr.walk())


def free_indices(expr: Expr) -> tuple[Index, ...]:
    """The indices of ``expr`` that nothing binds, in order of appearance."""
    found: dict[Index, None] = {}
    _collect(expr, frozenset(), found)
    return tuple(found)


def _collect(expr: Expr, bound: frozenset[Index], found: dict[Index, None]) -> None:
    if isinstance(expr, IndexValue):
        for index, _ in expr.indices:
            if index not in bound:
                found.setdefault(index)
    elif isinstance(expr, Reduce):
        inner = bound | {entry.index for entry in expr.ranges}
        for entry in expr.ranges:
            limits = (entry.low, entry.high, entry.condition[1] if entry.condition else None)
            for limit in limits:
                if limit is not None:
                    _collect(limit, inner, found)
        _collect(expr.body, inner, found)
    elif isinstance(expr, Comprehension):
        _collect(expr.body, bound | {index for index in (expr.row, expr.column) if index}, found)
    else:
        for child in expr.children:
            _collect(child, bound, found)


def arranged(value: Axes, order: Sequence[Index]) -> ast.expr:
    """The array with its axes as in ``order``; an axis it lacks has extent 1 (leading ones left out)."""
    present = [index for index in order if index in value.axes]
    if len(present) < len(value.axes):
        lost = next(index for index in value.axes if index not in order)
        raise UnsupportedError(f"the index {lost.letter} has no range here")
    node = _transposed(value, present)
    last = next((place for place, index in enumerate(order) if index in value.axes), len(order))
    slots = [py.COLON if index in value.axes else NONE for index in order[last:]]
    if NONE not in slots:
        return node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return py.minus(py.subscript(node.operand, *slots))
    return py.subscript(node, *slots)


def _transposed(value: Axes, order: Sequence[Index]) -> ast.expr:
    places = [value.axes.index(index) for index in order]
    if places == sorted(places):
        return value.node
    if len(places) == 2:
        return value.node if _is_identity(value.node) else py.attribute(value.node, "T")
    return py.call("np.transpose", value.node, py.sequence(*map(py.literal, places)))


def _is_identity(node: ast.expr) -> bool:
    """np.eye(n), which is its own transpose."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="eye"), args=[_], keywords=[]):
            return True
    return False


def union(parts: Iterable[Axes], wanted: Sequence[Index]) -> tuple[Index, ...]:
    """All axes of the parts: the wanted order first, then order of appearance."""
    seen = dict.fromkeys(index for part in parts for index in part.axes)
    first = [index for index in wanted if index in seen]
    return (*first, *(index for index in seen if index not in first))


def span(writer: Writer, index: Index) -> tuple[Dim, Dim]:
    """The first and the last position of an index."""
    return writer.spans.get(index, (ONE, index.dim))


def count(writer: Writer, index: Index) -> Dim:
    """The number of positions of an index."""
    low, high = span(writer, index)
    return high - low + 1
