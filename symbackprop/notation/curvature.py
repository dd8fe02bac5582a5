"""Second derivatives of an arbitrary J = J(y) in emitted code: d2J/dy2 is an array that the caller gives."""

from __future__ import annotations

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Tensor
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text


def second_partials(expr: Expr) -> tuple[Partial, ...]:
    """The second derivatives that stand in an expression as symbols."""
    found = {
        Partial(node.of, node.by): None
        for node in expr.walk()
        if isinstance(node, Partial | Jacobian) and node.of.gradient is not None
    }
    return tuple(found)


def given_second(expr: Expr, names: Names) -> Expr:
    """The expression with an array called d2J/dy2 in the place of each of them."""
    arrays = {
        partial: Tensor(
            to_text(partial, names), (*partial.of.shape, *partial.by.shape), partial.by.convention
        )
        for partial in second_partials(expr)
    }

    def change(node: Expr) -> Expr:
        if isinstance(node, Jacobian) and node.of.gradient is not None and not node.is_sliced:
            return Leaf(arrays[Partial(node.of, node.by)])
        if isinstance(node, Element) and isinstance(node.base, Partial) and node.base in arrays:
            return Element(Leaf(arrays[node.base]), node.slots)
        if isinstance(node, Partial) and node in arrays:
            return Leaf(arrays[node])
        return node.map_children(change)

    return change(expr) if arrays else expr
