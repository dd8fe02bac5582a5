r"""Starts of families written as a bare zero, ``h_0 = 0`` or ``h_0 = \mathbf 0``: as large as the others.

How large they are follows from the first equation that uses the start: a zero there is as long as its
neighbour in a product, and adds nothing in a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Tensor
from symbackprop.reading.latex_open import Open
from symbackprop.reading.syntax import Apply, Line, Name, Node, Num
from symbackprop.reading.tokens import Place, fail


def is_bare_zero(line: Line) -> bool:
    """Whether the right side is a zero without a size."""
    return not line.slots and is_zero(line.expr)


def is_zero(node: Node) -> bool:
    """Whether a right side is a zero without a size."""
    zero = isinstance(node, Num) and node.value == 0
    return zero or (isinstance(node, Open) and node.kind == "zeros")


def without_start(line: Line, start: str) -> Line:
    """The equation with a zero of open size for the start."""
    return Line(line.at, line.target, line.slots, _replaced(line.expr, start), line.ranges, line.text)


def _replaced(node: Node, start: str) -> Node:
    if isinstance(node, Name) and node.name == start:
        return Open(node.at, "zeros")
    return node.map_children(lambda child: _replaced(child, start))


def zeros_like(tensor: Tensor, at: Place) -> Node:
    """A zero of the shape of another member."""
    if not tensor.shape:
        return Num(at, Fraction(0), "0")
    return Apply(at, "zeros", 0, tuple(_size(dim, at) for dim in tensor.shape))


def zeros_of(shape: Sequence[Dim], at: Place) -> Node:
    """A zero with so many rows and columns; a vector has one size."""
    dims = [dim for dim in shape if not dim.is_one]
    if not dims:
        return Num(at, Fraction(0), "0")
    return Apply(at, "zeros", 0, tuple(_size(dim, at) for dim in dims))


def _size(dim: Dim, at: Place) -> Node:
    if dim.single_name is not None:
        return Name(at, dim.single_name)
    if dim.is_number:
        return Num(at, Fraction(dim.constant), str(dim.constant))
    raise fail(f"a zero of the size {dim} is not read", at, "declare the start as an input")
