"""``Derived``: what a derivation gives, whatever it is a derivative of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.directions import ProductWork
from symbackprop.derivation.jacobian_work import JacobianWork
from symbackprop.derivation.lines import slots_of
from symbackprop.derivation.local_forms import indices_of
from symbackprop.notation.forms import Form
from symbackprop.notation.steps import Step


@dataclass(frozen=True, slots=True)
class Derived:
    """The derivative of ``of`` by ``by``; a Jacobian if ``of`` is no scalar.

    form, row, column   the result in index form, and its indices.
    expr                the result in the named intermediates; a Comprehension at level index and where
                        no matrix form exists.
    steps               everything needed, in order; the last step's ``after`` is ``expr``.
    needs               the tensors whose derivatives ``expr`` and its steps rest on, in order, ``by`` last.
    uses                assumptions, in words.
    values              derivatives by tensor, at least those in ``needs``, as matrices where possible.
    jacobian            what a Jacobian has besides; None for the gradient of a scalar.
    first               of a second derivative the first ones by tensor; ``needs`` are those it rests on.
    product             of a Hessian-vector product what it has besides.
    axes                the indices of an array of more than two axes, which has no row and no column.
    parts               of such an array matrices that make it up: name and what it is.
    """

    of: Tensor
    by: Tensor
    form: Form
    row: Index | None
    column: Index | None
    expr: Expr
    steps: tuple[Step, ...]
    needs: tuple[Tensor, ...]
    uses: tuple[str, ...]
    values: Mapping[Tensor, Expr]
    jacobian: JacobianWork | None = None
    first: Mapping[Tensor, Expr] = field(default_factory=dict)
    product: ProductWork | None = None
    axes: tuple[Index, ...] | None = None
    parts: tuple[tuple[Expr, Expr], ...] = ()

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices in the order of the axes of the result."""
        if self.jacobian is not None:
            return self.jacobian.indices
        return indices_of(self.by, self.row, self.column, self.axes)

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The dims of the result: those of a gradient are those of ``by``."""
        return self.by.shape if self.jacobian is None else self.jacobian.shape

    @property
    def entry(self) -> Expr:
        """One entry of the derivative, at its free indices; the derivative of a scalar by a scalar itself."""
        if self.product is not None:
            return self.product.entry
        if self.jacobian is not None:
            return self.jacobian.entry
        slots = slots_of(self.by, self.indices)
        return Element(self.partial, slots) if slots else self.partial

    @property
    def asked(self) -> Expr:
        """What is derived, as it is printed: dL/dW, the Jacobian dH/dU, or one entry."""
        if self.jacobian is None:
            return self.partial
        if self.jacobian.named is not None:
            return self.jacobian.named
        if not self.jacobian.is_whole:
            return self.entry
        sides = (self.of, self.by)
        whole = len(self.jacobian.indices) <= 2 and all(t.is_matrix and len(t.index_axes) <= 1 for t in sides)
        return Jacobian(self.of, self.by, self.jacobian.flipped) if whole else self.partial

    @property
    def partial(self) -> Partial:
        """The derivative as an expression."""
        return Partial(self.of, self.by)
