"""Lines of a derivation: what the levels share when they turn forms into steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symbackprop.core.arrays import TensorEntries
from symbackprop.core.dims import ONE
from symbackprop.core.expr import Call, Expr, Partial
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import Called, called_in
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.over_members import over_members
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.workshop import Workshop
from symbackprop.notation.entries import comprehension_of, entries_of
from symbackprop.notation.forms import Form
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import Names
from symbackprop.notation.outside import relaxed
from symbackprop.notation.slots import Slot, parts_of_slot
from symbackprop.notation.speller import Speller
from symbackprop.notation.steps import Step, shapes_of
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import lookup

LONGEST_LINE = 14  # entries in a line over entries that is still printed
MOST_SUMS = 5


@dataclass(slots=True)
class Work:
    """One quantity in print.

    exprs  its values line by line; the last is the result.
    value  the result as matrices, where that is possible.
    slices of an array of more than two indices matrices that make it up: name and what it is.
    """

    quantity: Quantity
    exprs: list[Expr]
    value: Expr
    steps: list[Step]
    uses: list[str]
    slices: tuple[tuple[Expr, Expr], ...] = ()

    def rests_on(self, of: Tensor) -> tuple[Tensor, ...]:
        """The tensors whose cotangents stand in the lines, this one left out."""
        found = {
            node.by: None
            for expr in self.exprs
            for node in expr.walk()
            if isinstance(node, Partial) and node.of is of and node.by is not self.quantity.tensor
        }
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Lines:
    """Makes lines: ``spelled`` as matrices, ``entries`` over entries, ``step`` as a record."""

    shop: Workshop
    speller: Speller
    names: Names

    def spelled(self, form: Form, quantity: Quantity | Local) -> Expr:
        """The array of these entries: its matrix spelling, or the entries where there is none."""
        return self.array(form, quantity.row, quantity.column, quantity.axes)

    def array(
        self, form: Form, row: Index | None, column: Index | None, axes: tuple[Index, ...] | None = None
    ) -> Expr:
        """The same by the indices; ``axes`` are those of an array of more than two axes."""
        if axes is not None:
            return TensorEntries(axes, entries_of(form, self.shop.leaf))
        if any(tensor.over for tensor in form.tensors):
            members = over_members(self, form, row, column)
            return members or comprehension_of(form, row, column, self.shop.leaf)
        found = self.speller.spell(form, row, column)
        return found if found is not None else comprehension_of(form, row, column, self.shop.leaf)

    def computed(self, form: Form, quantity: Quantity, spelled: Expr | None = None) -> Expr:
        """The array as it is computed: as ``spelled``; a sum over members of families by its entries."""
        if self.shop.graph.loop_of(quantity.tensor):  # the lines of a recursion, as they are printed
            body = self.entries(form)
            if quantity.axes is not None:
                return TensorEntries(quantity.axes, body)
            return Comprehension(quantity.row, quantity.column, body)
        if quantity.axes is None and any(tensor.over for tensor in form.tensors):
            return comprehension_of(form, quantity.row, quantity.column, self.shop.leaf)
        return spelled or self.spelled(form, quantity)

    def printed(self, value: Expr, form: Form) -> Expr:
        """An array over entries as it is printed: without indicators where outside of its range it is 0."""
        graph = self.shop.graph
        if not (graph.zero or graph.loops) or not isinstance(value, Comprehension | TensorEntries):
            return value
        return replace(value, body=self.entries(form))

    @property
    def counts_zero(self) -> bool:
        """Whether an entry outside its range stands in the forward pass, where it counts as 0."""
        first = self.shop.partial_of.__contains__
        forms = (local.form for local in self.shop.locals.values())
        return self.shop.graph.zero and any(relaxed(form, first) is not form for form in forms)

    def plain_entries(self, form: Form) -> Expr:
        """The form over entries as it is, with its indicators."""
        return entries_of(form, self.shop.leaf)

    def entries(self, form: Form) -> Expr:
        """The form over entries; where an entry outside its range counts as 0, without its indicators."""
        if self.shop.graph.zero or self.shop.graph.loops:
            form = relaxed(form, self.shop.partial_of.__contains__)
        return entries_of(form, self.shop.leaf)

    def is_label(self, tensor: Tensor) -> bool:
        """Whether a tensor of a form is ``onehot(y)``."""
        call = self.shop.helpers.get(tensor)
        return isinstance(call, Call) and call.op.name == "onehot"

    def called(self, form: Form) -> Called:
        """The letters of the indices of sums where the form is printed over entries."""
        return called_in(self.entries(form), self.names.reserved)

    def show(self, expr: Expr) -> str:
        """An expression as text."""
        return to_text(expr, self.names)

    def step(
        self,
        rule: str,
        because: str,
        before: Expr,
        after: Expr,
        partial: Partial,
        substeps: Sequence[Step] = (),
        uses: tuple[str, ...] = (),
    ) -> Step:
        """One line as a record."""
        return Step(
            rule, because, Formula(before, self.names), Formula(after, self.names),
            shapes_of(after, self.names), substeps, quantity=partial, uses=uses,
        )  # fmt: skip


def slots_of(tensor: Tensor, slots: tuple[Slot, ...]) -> tuple[IndexValue, ...]:
    """One slot per declared axis; axes of literal extent 1 carry no index."""
    given = iter(slots)
    return tuple(
        IndexValue((), ONE) if dim.is_one else IndexValue(*parts_of_slot(next(given))) for dim in tensor.shape
    )


def entry_of(partial: Partial, quantity: Quantity) -> Expr:
    """One entry of a derivative, at the free indices of its form; the derivative by a scalar itself."""
    slots = slots_of(quantity.tensor, quantity.slots)
    if quantity.head:
        slots = (*slots_of(partial.of, quantity.head), *slots)
    return Element(partial, slots) if slots else partial


def is_short(form: Form) -> bool:
    """Whether a line of entries can be read: not too many factors, not too many sums."""
    return leaves(form) <= LONGEST_LINE and all(len(term.bound) <= MOST_SUMS for term in form.terms)


def operation(name: str) -> Operation:
    """An operation of the table that is known to exist."""
    found = lookup(name)
    if found is None:
        raise KeyError(name)
    return found
