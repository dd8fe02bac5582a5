"""Shapes while reading: dims that agree, dims still to be solved for, and what a mismatch says.

A dim variable is a dim name that begins with ``?``; only ``infer`` makes them. Everything else
is rigid: two dims agree when they are the same affine function of the same names.
"""

from __future__ import annotations

from collections.abc import Sequence

from symbackprop.core.dims import Dim
from symbackprop.core.expr import SCALAR, Expr, Leaf, MatMul, Neg, Shape, Transpose
from symbackprop.errors import InputError
from symbackprop.reading.syntax import Chain, Node, brief


class ShapeError(InputError):
    """Shapes that do not fit; ``node`` is where, so that a likely intention can be looked for."""

    def __init__(self, message: str, node: Node, hint: str | None = None) -> None:
        super().__init__(message, code="shape", line=node.at.line, column=node.at.column, hint=hint)
        self.node = node


class Unifier:
    """The dim variables solved so far."""

    def __init__(self) -> None:
        self._values: dict[str, Dim] = {}
        self._made = 0

    def fresh(self) -> Dim:
        """A new dim variable."""
        self._made += 1
        return Dim.named(f"?{self._made}")

    def resolve(self, dim: Dim) -> Dim:
        """The dim with every solved variable replaced."""
        while any(name in self._values for name in dim.names):
            dim = dim.substitute(self._values)
        return dim

    def shape(self, expr: Expr) -> Shape:
        """Rows and columns of an expression, resolved."""
        rows, columns = expr.shape
        return (self.resolve(rows), self.resolve(columns)) if self._made else (rows, columns)

    def same(self, a: Dim, b: Dim) -> bool:
        """Whether two dims agree, solving for a variable if that makes them agree."""
        if a == b:
            return True
        if not self._made:
            return False
        gap = self.resolve(a) - self.resolve(b)
        if gap == Dim(0):
            return True
        open_names = [(int(name[1:]), c) for name, c in gap.coefficients if name[0] == "?" and abs(c) == 1]
        if not open_names:
            return False
        serial, coefficient = max(open_names)  # the youngest: an older variable keeps its place
        name = f"?{serial}"
        value = (gap - Dim.named(name) * coefficient) * -coefficient
        if value.is_number and value.constant <= 1:  # a matrix of unknown size is not taken for a vector
            return False
        self._values[name] = value
        return True


def shape_text(shape: Shape) -> str:
    """``m x n``, or ``a scalar``."""
    if shape == SCALAR:
        return "a scalar"
    return " x ".join(f"({dim})" if " " in str(dim) else str(dim) for dim in shape)


def join_elementwise(
    parts: Sequence[Expr], nodes: Sequence[Node], whole: Node, unifier: Unifier, what: str
) -> Shape:
    """The shape of an elementwise combination; ShapeError if two extents disagree."""
    total = SCALAR
    for position, part in enumerate(parts):
        shape = unifier.shape(part)
        merged = []
        for before, now in zip(total, shape, strict=True):
            if before.is_one or now.is_one:
                merged.append(now if before.is_one else before)
            elif unifier.same(before, now):
                merged.append(unifier.resolve(before))
            else:
                first = next(i for i in range(position) if not _agree(unifier.shape(parts[i]), shape))
                raise ShapeError(
                    f"{what} needs equal shapes: "
                    f"{brief(nodes[first])} is {shape_text(unifier.shape(parts[first]))}, "
                    f"{brief(nodes[position])} is {shape_text(shape)}",
                    whole,
                )
        total = (merged[0], merged[1])
    return total


def check_no_accidental_outer(
    parts: Sequence[Expr], nodes: Sequence[Node], whole: Node, unifier: Unifier
) -> None:
    """Refuse a vector that meets an array lying across it: n x 1 + 1 x m is hardly ever meant."""
    shapes = [unifier.shape(part) for part in parts]
    if any(not rows.is_one and not columns.is_one for rows, columns in shapes):
        return
    down = [i for i, (rows, columns) in enumerate(shapes) if columns.is_one and not rows.is_one]
    across = [i for i, (rows, columns) in enumerate(shapes) if rows.is_one and not columns.is_one]
    if not down or not across or not any(_is_plain_vector(parts[i]) for i in (*down, *across)):
        return
    a, b = min(down[0], across[0]), max(down[0], across[0])
    raise ShapeError(
        f"{brief(nodes[a])} is {shape_text(shapes[a])} and {brief(nodes[b])} is {shape_text(shapes[b])}: "
        "a vector meets one that lies across it",
        whole,
    )


def _is_plain_vector(expr: Expr) -> bool:
    """Whether this is a vector by its name, perhaps turned, negated or scaled."""
    if isinstance(expr, Leaf):
        return expr.tensor.rank == 1
    if isinstance(expr, Neg | Transpose):
        return _is_plain_vector(expr.arg)
    if isinstance(expr, MatMul):
        arrays = [factor for factor in expr.factors if not factor.is_scalar]
        return len(arrays) == 1 and _is_plain_vector(arrays[0])
    return False


def _agree(a: Shape, b: Shape) -> bool:
    return all(x == y or x.is_one or y.is_one for x, y in zip(a, b, strict=True))


def join_product(parts: Sequence[Expr], nodes: Sequence[Node], whole: Node, unifier: Unifier) -> Shape:
    """The shape of a matrix product; ShapeError names the two factors that do not fit."""
    shape = unifier.shape(parts[0])
    for position in range(1, len(parts)):
        factor = unifier.shape(parts[position])
        if shape == SCALAR:
            shape = factor
        elif factor != SCALAR:
            if not unifier.same(shape[1], factor[0]):
                left = brief(nodes[0] if position == 1 else Chain(nodes[0].at, tuple(nodes[:position])))
                raise ProductError(
                    f"the product {left} times {brief(nodes[position])} does not fit: "
                    f"{left} is {shape_text(shape)}, {brief(nodes[position])} is {shape_text(factor)}",
                    whole,
                    position,
                )
            shape = (unifier.resolve(shape[0]), unifier.resolve(factor[1]))
    return shape


class ProductError(ShapeError):
    """A product that does not fit between factors ``position - 1`` and ``position``."""

    def __init__(self, message: str, node: Node, position: int) -> None:
        super().__init__(message, node)
        self.position = position


def is_vector(shape: Shape) -> bool:
    """Whether just one extent is literally 1."""
    return shape[0].is_one != shape[1].is_one


def length(shape: Shape) -> Dim:
    """The extent of a vector or scalar."""
    return shape[1] if shape[0].is_one else shape[0]
