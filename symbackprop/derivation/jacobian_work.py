"""A Jacobian in print, and the order of its indices."""

from __future__ import annotations

from dataclasses import dataclass, replace

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.lines import Lines, entry_of, slots_of
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.slicing import Slicer
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.entries import comprehension_of, entries_of
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import Slot, indices_in
from symbackprop.notation.steps import Step

Part = tuple[Jacobian, Expr]  # the name of a matrix that an array of more indices is made of, and the matrix


@dataclass(frozen=True, slots=True)
class JacobianWork:
    """A Jacobian in print.

    quantity  the form of one entry, with its indices: those of ``of`` (``head``), then those of ``by``.
    expr      the result: a matrix, or one entry of an array of more than two indices.
    whole     the same without names of derivatives.
    steps     all lines; the last of them is the result.
    slices    where the result has more than two indices, matrices that make it up, with what they are.
    sweep     what it comes from; None for a second derivative.
    form_of_whole  of a second derivative: one entry of ``whole``.
    named     of dP[n,:]/dZ[n,:] the name of the matrix that ``expr`` then is.
    """

    quantity: Quantity
    expr: Expr
    whole: Expr
    steps: tuple[Step, ...]
    uses: tuple[str, ...]
    flipped: bool
    of: Tensor
    sweep: Sweep | None
    slices: tuple[Part, ...] = ()
    named: Jacobian | None = None
    form_of_whole: Form | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices in the order of the layout, each once."""
        return sides_of(self.quantity, flipped=self.flipped)

    @property
    def is_whole(self) -> bool:
        """Whether every entry of one by every entry of the other is meant."""
        return self.quantity.places is None and all(isinstance(slot, Index) for slot in self.quantity.head)

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The dims: of both arrays, in the order of the layout; of an entry those of its free indices."""
        if not self.is_whole:
            return tuple(index.dim for index in self.indices)
        own, other = self.of.shape, self.quantity.tensor.shape
        return (*other, *own) if self.flipped else (*own, *other)

    @property
    def entry(self) -> Expr:
        """One entry, at its slots."""
        return entry_of(Partial(self.of, self.quantity.tensor), self.quantity)


def sides_of(quantity: Quantity, *, flipped: bool) -> tuple[Index, ...]:
    """The free indices of a Jacobian in the order of its layout, each once."""
    slots = (*quantity.slots, *quantity.head) if flipped else (*quantity.head, *quantity.slots)
    return tuple(dict.fromkeys(index for slot in slots for index in indices_in(slot)))


def array_of(form: Form, quantity: Quantity, lines: Lines, *, flipped: bool) -> Expr:
    """The array of all entries, given by one of them."""
    indices = sides_of(quantity, flipped=flipped)
    if len(indices) > 2:
        return TensorEntries(indices, entries_of(form, lines.shop.leaf))
    row, column = matrix_sides(quantity, flipped=flipped)
    return comprehension_of(form, row, column, lines.shop.leaf)


def matrix_sides(quantity: Quantity, *, flipped: bool) -> tuple[Index | None, Index | None]:
    """The index that runs down and the one that runs across."""
    sides = sides_of(quantity, flipped=flipped)
    if len(sides) == 2:
        return (sides[0], sides[1])
    if not sides:
        return (None, None)
    down = bool(indices_of_slots(quantity.head)) != flipped
    return (sides[0], None) if down else (None, sides[0])


def indices_of_slots(slots: tuple[Slot, ...]) -> tuple[Index, ...]:
    """The indices that stand in slots."""
    return tuple(index for slot in slots for index in indices_in(slot))


def sliced(work: JacobianWork, lines: Lines) -> JacobianWork:
    """The same work with a last line for the slice of one entry of what is differentiated."""
    quantity = work.quantity
    head, own = indices_of_slots(quantity.head), quantity.indices
    if len(head) + len(own) <= 2:
        return work
    pair = slice_of(lines, work.of, quantity, flipped=work.flipped)
    if pair is None:
        return work
    reason = f"the part of one entry of `{work.of.name}`, in the shape of `{quantity.tensor.name}`"
    step = lines.step("slice", reason, pair[0], pair[1], Partial(work.of, quantity.tensor))
    return replace(work, steps=(*work.steps, step), slices=(pair,))


def slice_of(lines: Lines, of: Tensor, quantity: Quantity, *, flipped: bool) -> Part | None:
    """d of[a] / d by at a fixed a, as a matrix in the shape of ``by``; None where it has no name."""
    if quantity.axes is not None:
        return None
    head = indices_of_slots(quantity.head)
    found = Slicer(lines, head, flipped).spelled(quantity.form, quantity.row, quantity.column)
    if found is None:
        return None
    slots: tuple[IndexValue | None, ...] = slots_of(of, head)
    return Jacobian(of, quantity.tensor, flipped, None, slots), found
