"""``Speller``: what spells a form as a matrix, as the modules for parts of a form see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.notation.forms import Form
from symbackprop.notation.full_shapes import Shapes
from symbackprop.notation.network import NoSpelling, Operations
from symbackprop.notation.slots import Place


class Speller(ABC):
    """Spells forms. ``leaf`` gives the expression of a tensor, ``operation`` an operation by name.

    ``means``: which of mean, rowmean and colmean the author writes.
    """

    def __init__(
        self,
        convention: Convention,
        leaf: Callable[[Tensor], Expr],
        operation: Operations,
        means: frozenset[str] = frozenset(),
    ) -> None:
        self.rows = convention.vectors_are_rows
        self.shapes = Shapes(operation, self.rows)
        self.leaf = leaf
        self.operation = operation
        self.means = means

    @abstractmethod
    def part(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling; a side on which the form does not depend may have extent 1."""

    def full(self, form: Form, row: Place, column: Place) -> Expr:
        """The matrix spelling with the full shape; NoSpelling if there is none."""
        return self.shapes.full(self.part(form, row, column), row, column)

    def spell(self, form: Form, row: Place, column: Place) -> Expr | None:
        """The matrix spelling with the full shape, or None."""
        try:
            return self.shapes.full(self.part(form, row, column), row, column)
        except NoSpelling:
            return None
