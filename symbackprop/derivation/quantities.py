"""What a sweep finds: a cotangent as a ``Quantity``, its lines as ``Stage`` records."""

from __future__ import annotations

from dataclasses import dataclass

from symbackprop.core.graph import Equation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.known_sums import KnownSum
from symbackprop.derivation.local_forms import indices_of
from symbackprop.notation.forms import Form
from symbackprop.notation.slots import Slot


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the work on a cotangent: the form it has reached, and why."""

    rule: str
    form: Form
    uses: tuple[KnownSum, ...] = ()
    raw: Form | None = None  # before the deltas were used up
    inserted: tuple[Tensor, ...] = ()
    through: tuple[Equation, ...] = ()

    @property
    def assumed(self) -> tuple[str, ...]:
        """The declared facts that the line uses, in words."""
        return tuple(fact.words for fact in self.uses if not fact.by_definition and not fact.proved)


@dataclass(frozen=True, slots=True)
class Quantity:
    """The derivative of the loss by ``tensor``: its lines, the last of which is the result.

    ``head`` says which entry is differentiated, where that is no scalar; ``places`` by which entry,
    where that is not every one: positions, or indices that stand in ``head`` as well. ``apart`` are
    pairs of these indices that are taken to be different. ``axes`` are the indices of an array of more than
    two axes, which has no row and no column.
    """

    tensor: Tensor
    row: Index | None
    column: Index | None
    stages: tuple[Stage, ...]
    bypassed: tuple[Tensor, ...] = ()
    head: tuple[Slot, ...] = ()
    places: tuple[Slot, ...] | None = None
    apart: tuple[tuple[Slot, Slot], ...] = ()
    axes: tuple[Index, ...] | None = None

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Where the variable is entered: ``places``, or its free indices."""
        return self.indices if self.places is None else self.places

    @property
    def form(self) -> Form:
        """The result."""
        return self.stages[-1].form

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices, by axis of the tensor."""
        return indices_of(self.tensor, self.row, self.column, self.axes)
