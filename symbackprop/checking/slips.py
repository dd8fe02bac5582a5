"""Slips of notation: what was written has no shape that fits, and the evident repair makes it true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, permutations

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Hadamard, Leaf, MatMul, Number, Partial, Shape, Transpose
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.verification.free import free_indices


@dataclass(frozen=True, slots=True)
class Repaired:
    """A line with a slip put right."""

    left: Expr
    right: Expr
    words: str
    cause: str


def slip_of(left: Expr, right: Expr) -> Iterator[Repaired]:
    """Evident repairs of a line whose shapes do not fit, the likeliest first."""
    if isinstance(right, Number) and right.value == 1:
        size = _square(left)
        if size is not None:
            words = "the Jacobian is the identity I; 1 is a number"
            yield Repaired(left, identity(size), words, "shape")
    yield from _missing_indices(left, right)
    for changed in _inside(right):
        yield Repaired(left, changed[0], changed[1], changed[2])
    for changed in _inside(left):
        yield Repaired(changed[0], right, changed[1], changed[2])


def identity(size: Dim) -> Expr:
    """The identity matrix by its entries."""
    row, column = Index(size, "i"), Index(size, "j")
    body = Indicator(IndexValue(((row, 1),)), "=", IndexValue(((column, 1),)), is_kron=True)
    return Comprehension(row, column, body)


def _square(expr: Expr) -> Dim | None:
    if isinstance(expr, Jacobian):
        own, other = expr.running
        return own[0] if own == other and len(own) == 1 else None
    shape = shape_of(expr)
    return shape[0] if shape is not None and shape[0] == shape[1] and not shape[0].is_one else None


def _missing_indices(left: Expr, right: Expr) -> Iterator[Repaired]:
    """An array on one side, an entry on the other: the indices were left out."""
    for whole, entry, on_left in ((left, right, True), (right, left, False)):
        shape = shape_of(whole)
        if shape is None or (shape[0].is_one and shape[1].is_one) or shape_of(entry) is None:
            continue
        if not entry.is_scalar:
            continue
        free = [index for index in free_indices(entry) if index not in free_indices(whole)]
        open_dims = [dim for dim in shape if not dim.is_one]
        if isinstance(whole, Leaf | Partial):
            tensor = whole.array
            open_dims = list(tensor.shape)
        if len(free) != len(open_dims):
            continue
        for order in permutations(free):
            if all(index.dim == dim for index, dim in zip(order, open_dims, strict=True)):
                slots = tuple(IndexValue(((index, 1),)) for index in order)
                taken = Element(whole, slots)
                words = f"the indices are missing on the {'left' if on_left else 'right'}"
                sides = (taken, right) if on_left else (left, taken)
                yield Repaired(sides[0], sides[1], words, "index")


def _inside(expr: Expr) -> Iterator[tuple[Expr, str, str]]:
    """The same with one product put right."""
    for node in expr.walk():
        outer = _outer(node) if isinstance(node, Hadamard) else None
        if outer is not None:
            words = "a column times a row is the outer product, which is no product entry by entry"
            yield substituted(expr, node, outer), words, "hadamard"
        if not isinstance(node, MatMul) or len(node.factors) < 2:
            continue
        if len(node.factors) > 2 and all(
            _lie_alike(shape_of(one), shape_of(other)) for one, other in pairwise(node.factors)
        ):
            words = "columns side by side are meant entry by entry"
            yield substituted(expr, node, Hadamard(node.factors)), words, "hadamard"
        for at in range(len(node.factors) - 1):
            for changed, words, cause in _product(node, at):
                yield substituted(expr, node, changed), words, cause


def _outer(node: Hadamard) -> Expr | None:
    """The outer product for a column and a row that are multiplied entry by entry."""
    shapes = [shape_of(factor) for factor in node.factors]
    if any(shape is None for shape in shapes):
        return None
    columns = [f for f, shape in zip(node.factors, shapes, strict=True) if shape and shape[1].is_one]
    rows = [f for f, shape in zip(node.factors, shapes, strict=True) if shape and not shape[1].is_one]
    if not columns or not rows or any(not shape_of(row)[0].is_one for row in rows):  # type: ignore[index]
        return None
    pair = [part[0] if len(part) == 1 else Hadamard(tuple(part)) for part in (columns, rows)]
    return MatMul(tuple(pair))


def _product(node: MatMul, at: int) -> Iterator[tuple[Expr, str, str]]:
    factors = node.factors
    first, second = factors[at], factors[at + 1]
    shapes = shape_of(first), shape_of(second)
    if _lie_alike(shapes[0], shapes[1]):
        yield (
            joined((*factors[:at], Hadamard((first, second)), *factors[at + 2 :])),
            "two columns side by side are meant entry by entry", "hadamard",
        )  # fmt: skip
    if isinstance(second, Transpose) and _lie_alike(shapes[0], shape_of(second.arg)):
        pair = Transpose(Hadamard((first, second.arg)))
        yield (
            joined((*factors[:at], pair, *factors[at + 2 :])),
            "two columns side by side are meant entry by entry", "hadamard",
        )  # fmt: skip
    if isinstance(second, Transpose):
        for start in range(at, -1, -1):
            inner = MatMul((*factors[start : at + 1], second.arg))
            yield (
                joined((*factors[:start], Transpose(inner), *factors[at + 2 :])),
                "the transpose is meant for the whole product before it", "parenthesis",
            )  # fmt: skip


def _lie_alike(first: Shape | None, second: Shape | None) -> bool:
    """Whether two vectors lie the same way, as far as their shapes are known."""
    sides = [
        {side for side in (0, 1) if shape[side].is_one and not shape[1 - side].is_one}
        for shape in (first, second) if shape is not None
    ]  # fmt: skip
    return all(sides) and (len(sides) < 2 or sides[0] == sides[1])


def joined(factors: tuple[Expr, ...]) -> Expr:
    """A product, or its only factor."""
    return factors[0] if len(factors) == 1 else MatMul(factors)


def substituted(expr: Expr, old: Expr, new: Expr) -> Expr:
    """The expression with the very object ``old`` replaced."""
    if expr is old:
        return new
    return expr.map_children(lambda child: substituted(child, old, new))


__all__ = ["Repaired", "identity", "joined", "replace", "slip_of", "substituted"]
