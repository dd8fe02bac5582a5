"""``HessianProduct``: the public view of d2L/(dA dB) v, a Hessian-vector product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.directions import ProductWork
from symbackprop.notation.curvature import given_second
from symbackprop.notation.entries import entries_of
from symbackprop.notation.numpy_code import plan
from symbackprop.notation.numpy_program import Program
from symbackprop.notation.text import to_text
from symbackprop.reading.hvp_bodies import HvpBody
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.programs import first_lines, identifier, output_of
from symbackprop.results.ways import over_indices, ways_of
from symbackprop.results.written_out import in_numbers


class HessianProduct(Derivation):
    """A Hessian-vector product with its steps; the shape is that of A in d2L/(dA dB).

    ``numpy()`` takes the direction under its name.
    """

    def __init__(
        self,
        context: Context,
        derived: Derived,
        via: str = "log",
        general: HessianProduct | None = None,
    ) -> None:
        super().__init__(context, derived, via)
        assert derived.product is not None
        self._work = derived.product
        self.general = general  # of one that is written out for some sizes: that of any sizes

    @property
    def is_entrywise(self) -> bool:
        """Whether the result is one entry over letters."""
        return self.general is None and isinstance(self._derived.expr, Comprehension | TensorEntries)

    @property
    def work(self) -> ProductWork:
        """The deriver's record."""
        return self._work

    @property
    def name(self) -> str:
        """The product as it is printed, ``d2L/dw2 v``."""
        return to_text(self._work.asked, self._context.names)

    @property
    def like(self) -> Tensor:
        """A, whose shape the product has."""
        return self.inner

    @property
    def inner(self) -> Tensor:
        """A in d2L/(dA dB)."""
        assert self.of.gradient is not None
        return self.of.gradient[1]

    @property
    def shape(self) -> tuple[str, ...]:
        """The dims of the product."""
        return tuple(str(dim) for dim in self.inner.shape)

    @property
    def layout(self) -> str:
        """A product lies as A does, in every layout."""
        return "gradient"

    @property
    def indices(self) -> tuple[str, ...]:
        """The letters of the free indices; none where every entry stands in the result."""
        return () if self.general is not None else tuple(index.letter for index in self.index_objects)

    @property
    def index_objects(self) -> tuple[Any, ...]:
        """The free indices, by axis of A."""
        if self._work.axes is not None:
            return self._work.axes
        sides = {self.of.axis_of_side(0): self._work.row, self.of.axis_of_side(1): self._work.column}
        return tuple(index for axis in self.of.index_axes if (index := sides[axis]) is not None)

    @property
    def asked(self) -> Expr:
        """What is derived, as it is printed; one entry of it where the result is one."""
        return self._work.entry if self.is_entrywise else self._work.asked

    @property
    def left(self) -> Expr:
        """The left side of the result."""
        return self.asked

    def _check_index_form(self) -> Verdict:
        leaf = self._context.session(self._via).shop.leaf
        if self._work.has_changes:
            return self._context.verifier.check_equal(self._work.asked, self._work.whole)
        right = entries_of(self._derived.form, leaf)
        return self._context.verifier.check_equal(self._work.entry, right, self.index_objects)

    def _check_whole(self) -> Verdict:
        ways = {name: over_indices(self, way) for name, way in ways_of(self).items()}
        return self._context.verifier.check_entries(self._work.entry, self.index_objects, ways)

    @property
    def expanded_expr(self) -> Expr:
        """The product in inputs, parameters and the direction only."""
        if self._expanded is None:
            session = self._context.session(self._via)
            self._expanded = session.expanded_from(self._work.whole, self._derived)
        return self._expanded

    @property
    def whole_expr(self) -> Expr:
        """The expression that holds every entry of the product."""
        return self._work.whole

    def program(self, name: str | None = None) -> Program:
        """The emitted code as a record."""
        if self.general is not None:
            return self.general.program(name)
        context = self._context
        assert self.of.gradient is not None
        loss = self.of.gradient[0]
        key = identifier(f"d2{loss.name}_d{self.inner.name}_{self.work.vector.name}")
        expr = given_second(self._work.whole, context.names)
        output = output_of(key, expr, self.inner.shape, self.index_objects)
        return plan(
            name or f"hvp_{key.removeprefix('d2')}", context.graph, first_lines(self._derived), [output],
            names=context.names, expand=context.expand, single=True,
        )  # fmt: skip


def written_out_product(
    general: HessianProduct, body: HvpBody, sizes: Mapping[str, int]
) -> HessianProduct:
    """The product with every entry written out for ``sizes``."""
    small, made = in_numbers(general.context, sizes)
    assert body.of.gradient is not None
    loss, inner = (made.tensors[tensor] for tensor in body.of.gradient)
    by, vector = made.tensors[body.by], made.tensors[body.direction]
    found = small.session(general.via).along_in_numbers(loss.gradient_by(inner), by, vector)
    return HessianProduct(small, found, general.via, general)
