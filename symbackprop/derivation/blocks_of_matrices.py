"""Arrays of more than two indices as matrices: dL/dQ[h,:,:] = dL/dS[h,:,:] K[h,:,:]."""

from __future__ import annotations

from itertools import combinations
from itertools import product as every_choice

from symbackprop.core.arrays import Grid, grid_of
from symbackprop.core.dims import ONE
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element, IndexValue, Run, Slice
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.places import form_at, in_entries
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.slicing import Slicer
from symbackprop.notation.outside import relaxed
from symbackprop.notation.slots import Slot, parts_of_slot

Pair = tuple[Expr, Expr]


def spelled_slice(lines: Lines, of: Tensor, quantity: Quantity) -> Pair | None:
    """Two axes of the derivative as a formula of matrices, the others held; None where there is none.

    The last two axes are tried first.
    """
    axes = quantity.axes or ()
    if quantity.tensor.over and quantity.form.terms:
        return _member(lines, of, quantity, axes)
    if len(axes) <= 2 or not quantity.form.terms:
        return None
    for first, second in sorted(combinations(range(len(axes)), 2), reverse=True):
        held = [index for place, index in enumerate(axes) if place not in (first, second)]
        found = Slicer(lines, held).spelled(quantity.form, axes[first], axes[second])
        if found is not None and not found.is_scalar:
            running = {axes[first], axes[second]}
            name = _slice(Partial(of, quantity.tensor), axes, running)
            return (name, found)
    return None


def _member(lines: Lines, of: Tensor, quantity: Quantity, axes: tuple[Index, ...]) -> Pair | None:
    """The derivative by one member of a family, a vector or a matrix."""
    held, *running = axes
    if not running or len(running) + 1 < quantity.tensor.rank:
        return None
    sides: list[Index | None] = [*running, None] if len(running) == 1 else [*running]
    if len(running) == 1 and quantity.tensor.convention.vectors_are_rows:
        sides.reverse()
    form = quantity.form
    if lines.shop.graph.loops:
        form = relaxed(form, lines.shop.partial_of.__contains__)
    found = Slicer(lines, (held,)).spelled(form, sides[0], sides[1])
    if found is None or found.is_scalar:
        return None
    return _slice(Partial(of, quantity.tensor), axes, set(running)), found


def written_slices(lines: Lines, of: Tensor, quantity: Quantity) -> tuple[Pair, ...]:
    """Every matrix over the last two axes, written out; the dims must be numbers."""
    axes = quantity.axes or ()
    held, running = axes[:-2], axes[-2:]
    found: list[Pair] = []
    for place in every_choice(*(range(1, index.dim.constant + 1) for index in held)):
        slots: dict[Index, Slot] = dict(zip(held, place, strict=True))
        name = _slice(Partial(of, quantity.tensor), tuple(slots.get(index, index) for index in axes), running)
        found.append((name, _grid(lines, quantity, slots, running)))
    return tuple(found)


def _grid(lines: Lines, quantity: Quantity, held: dict[Index, Slot], running: tuple[Index, ...]) -> Expr:
    indices = (*held, *running)

    def cell(*place: int) -> Expr:
        at = (*(slot for slot in held.values() if isinstance(slot, int)), *place)
        return in_entries(lines, form_at(lines, quantity.form, indices, at))

    if not running:
        return cell()
    if len(running) == 1:
        count = running[0].dim.constant
        grid = Grid(tuple(cell(at) for at in range(1, count + 1)), 1)
        return grid.transposed() if lines.shop.graph.convention.vectors_are_rows else grid
    rows, columns = (index.dim.constant for index in running)
    return grid_of(rows, columns, cell)


def _slice(partial: Partial, slots: tuple[Slot, ...], running: tuple[Index, ...] | set[Index]) -> Expr:
    """The derivative at some positions; an axis of extent 1 is at its place 1."""
    given = iter(slots)
    places: list[Expr] = []
    for dim in partial.by.shape:
        slot = 1 if dim.is_one else next(given)
        if isinstance(slot, Index) and slot in running:
            places.append(Run(IndexValue((), ONE), dim))
        else:
            places.append(IndexValue(*parts_of_slot(slot)))
    if not running:
        return Element(partial, tuple(one for one in places if isinstance(one, IndexValue)))
    return Slice(partial, tuple(places), partial.by.convention.vectors_are_rows)


def letters_held(name: Expr) -> tuple[str, ...]:
    """The letters at which a slice is taken."""
    slots = name.slots if isinstance(name, Slice) else ()
    held = [slot.single for slot in slots if isinstance(slot, IndexValue)]
    return tuple(dict.fromkeys(index.letter for index in held if index is not None))
