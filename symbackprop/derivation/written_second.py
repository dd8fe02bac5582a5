"""Second derivatives written out: every entry at whole-number places, then the matrix of them.

    d2L/(dw[1] dw[2]) = x[1] x[2] p (1 - p)       ...
    d2L/dw2 = [x[1]^2 p (1 - p), x[1] x[2] p (1 - p); ...]

The entries of matrices are listed row by row or column by column. The dims must be numbers.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.arrays import Grid, Jacobian, Vec
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.jacobian_work import JacobianWork
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.places import Place, form_at, in_entries, places_of, slots_at, some_of
from symbackprop.notation.slots import Slot
from symbackprop.notation.steps import Step


def written_second(lines: Lines, work: JacobianWork, vec: Vec) -> JacobianWork:
    """The same with every entry written out; ``work`` is at level index."""
    quantity, form = work.quantity, work.form_of_whole
    assert form is not None
    of, by = work.of, quantity.tensor
    head, own = quantity.head, quantity.slots
    indices = tuple(slot for slot in (*head, *own) if isinstance(slot, Index))
    tops, sides = (_listed(slots, vec) for slots in (head, own))

    def cell(top: Place, side: Place) -> Expr:
        held = {
            slot: at for slot, at in zip((*head, *own), (*top, *side), strict=True) if isinstance(slot, Index)
        }
        place = tuple(held[index] for index in indices)
        return in_entries(lines, form_at(lines, form, indices, place))

    cells = {(top, side): cell(top, side) for top in tops for side in sides}
    about = Partial(of, by)
    steps: list[Step] = []
    pairs = some_of([(*top, *side) for top, side in cells])
    for (top, side), value in cells.items():
        if (*top, *side) in pairs and work.is_whole:
            entry = Element(about, (*slots_at(of, top), *slots_at(by, side)))
            if entry != value and entry.slots:
                steps.append(lines.step("entry", "at these places", entry, value, about))
    if len(cells) == 1:
        value = next(iter(cells.values()))
        steps.append(lines.step("entry", "written out", work.entry, value, about))
        return replace(work, expr=value, steps=(*work.steps, *steps), slices=())
    name = _name(of, by, (head, own), vec)
    grid = Grid(tuple(cells.values()), len(sides))
    steps.append(lines.step("assemble", "all entries", name, grid, about))
    return replace(work, expr=grid, steps=(*work.steps, *steps), slices=(), named=name)


def _listed(slots: tuple[Slot, ...], vec: Vec) -> list[Place]:
    """The places in the order in which they are listed."""
    places = places_of(slots)
    return sorted(places, key=lambda place: place[::-1]) if vec == "column" else places


def _name(of: Tensor, by: Tensor, slots: tuple[tuple[Slot, ...], tuple[Slot, ...]], vec: Vec) -> Jacobian:
    """d2L/(dA dB), with the places that are held."""
    wide = max(sum(isinstance(slot, Index) for slot in side) for side in slots) > 1
    held: list[tuple[IndexValue | None, ...]] = []
    for tensor, side in zip((of, by), slots, strict=True):
        given = iter(side)
        places = [None if dim.is_one else next(given) for dim in tensor.shape]
        if any(isinstance(place, int) for place in places):
            fixed = slots_at(tensor, tuple(1 if not isinstance(p, int) else p for p in side))
            held.append(tuple(
                value if isinstance(place, int) or dim.is_one else None
                for value, place, dim in zip(fixed, places, tensor.shape, strict=True)
            ))
        else:
            held.append(())
    return Jacobian(of, by, False, vec if wide else None, held[0], held[1])
