"""``Lowerer``: what lowers one expression, as the modules for its kinds of nodes see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from symbackprop.core.expr import Call, Expr, Partial
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import Place, Slot, parts_of_slot, position

Expand = Callable[[Call], Expr]


class Lowerer(ABC):
    """Lowers one expression.

    ``names`` are the slots that stand for its indices; a sum adds its own. ``zero``: entries outside their
    range count as 0.
    """

    def __init__(
        self,
        expand: Expand,
        partials: Callable[[Partial], Tensor] | None,
        names: Mapping[Index, Slot],
        onehot: Callable[[Tensor], Tensor],
        *,
        zero: bool = False,
    ) -> None:
        self.zero = zero
        self.expand = expand
        self.partials = partials
        self.names = dict(names)
        self.onehot = onehot

    @abstractmethod
    def lower(self, expr: Expr, row: Place, column: Place) -> Form:
        """The form of one entry of any expression."""

    def part(self, expr: Expr, row: Place, column: Place) -> Form:
        """An operand of an elementwise operation: a side of extent 1 has no index."""
        rows, columns = expr.shape
        return self.lower(expr, None if rows.is_one else row, None if columns.is_one else column)

    def slot(self, value: IndexValue) -> Slot:
        """The position that a value is, with the names put in."""
        index = value.single
        if index is not None:
            return self.names.get(index, index)
        if not value.indices and value.offset.is_number:
            return value.offset.constant
        changed: list[tuple[Index, int]] = []
        offset = value.offset
        for own, factor in value.indices:
            inner, constant = parts_of_slot(self.names.get(own, own))
            offset = offset + constant * factor
            changed.extend((other, size * factor) for other, size in inner)
        return position(changed, offset)
