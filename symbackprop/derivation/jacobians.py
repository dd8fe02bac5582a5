"""Jacobians: the derivative of any array by any array.

The sweep from one entry of the array gives the forms (``Sweep`` with a ``head``): dY[a]/dV[p] for every node
V on the way. This module turns them into lines.

At level ``index`` these are the lines over entries. At levels ``vector`` and ``jacobian``, where both arrays
carry one index, every local Jacobian dC/dV is derived where it first appears and spelled as a matrix, and

    dY/dV = sum over C:  dY/dC dC/dV          (denominator layout: dC/dV dY/dC)

is printed as the product of its local Jacobians, which is never multiplied out. A batch is treated row by
row where no example feels another (every term of dC[n,c]/dV[m,v] has the factor [n = m]): the same chain of
matrices then holds for each row n. Jacobians with more than two indices have no matrix: one entry is printed
over its letters, then the slice of one entry of Y, which has the shape of V.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.expr import Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join
from symbackprop.derivation.index_level import index_work
from symbackprop.derivation.jacobian_chain import JacobianChain
from symbackprop.derivation.jacobian_forms import derivatives_in, unfolded
from symbackprop.derivation.jacobian_work import JacobianWork, array_of, indices_of_slots, sliced
from symbackprop.derivation.lines import Lines, is_short
from symbackprop.derivation.local_jacobians import Locals, NotRowByRowError, locals_of_batch
from symbackprop.derivation.quantities import Stage
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.building import cost
from symbackprop.notation.steps import Step


def jacobian_work(
    lines: Lines, sweep: Sweep, of: Tensor, by: Tensor, level: str, *, flipped: bool
) -> JacobianWork:
    """The derivation of d ``of`` / d ``by`` at a level, from a sweep that has run."""
    whole = sweep.places is None and all(isinstance(slot, Index) for slot in sweep.head)
    if level == "index" or not whole:
        return put_in(lines, _entry_work(lines, sweep, of, by, flipped=flipped))
    if all(_has_one_index(tensor) for tensor in sweep.quantities if tensor is not by) and _has_one_index(of):
        return JacobianChain(lines, sweep, of, Locals(lines, flipped)).work(by)
    if len(of.index_axes) == 2 and all(tensor.is_matrix for tensor in sweep.quantities):
        if all(len(tensor.index_axes) == 2 for tensor in sweep.quantities if tensor is not by):
            try:
                return JacobianChain(lines, sweep, of, locals_of_batch(lines, of, flipped=flipped)).work(by)
            except NotRowByRowError:
                pass
        work = put_in(lines, _entry_work(lines, sweep, of, by, flipped=flipped))
        return _line_by_line(lines, work) or sliced(work, lines)
    return sliced(_entry_work(lines, sweep, of, by, flipped=flipped), lines)


def _line_by_line(lines: Lines, work: JacobianWork) -> JacobianWork | None:
    """Entries that say that each row feels only itself: with a last line for one row, as a matrix.

    That is so where something on the way has one number for each row, such as its mean.
    """
    sweep, of, by = work.sweep, work.of, work.quantity.tensor
    assert sweep is not None
    if len(by.index_axes) != 2:
        return None
    local = locals_of_batch(lines, of, flipped=work.flipped)
    form = unfolded(work.quantity.form, sweep, lines)
    try:
        value = local.matrix(form, indices_of_slots(work.quantity.head), work.quantity.indices)
    except NotRowByRowError:
        return None
    reason = f"each {local.side} of `{of.name}` feels only its own {local.side} of `{by.name}`"
    name = local.node(of, by)
    step = lines.step("slice", reason, name, value, Partial(of, by))
    return replace(work, steps=(*work.steps, step), slices=((name, value),))


def by_lines(lines: Lines, part: JacobianWork, whole: JacobianWork) -> JacobianWork:
    """Rows (or columns) of both sides: the chain for one row, if the whole was found row by row."""
    if not whole.slices:
        return part
    name, value = whole.slices[0]
    held = [slot for slot in (*name.of_slots, *name.by_slots) if slot is not None]
    own = [index for index in part.indices if any(slot.single is not None for slot in held)]
    if len(part.indices) != 3 or len(held) != 2 or not own:
        return part
    steps = tuple(step for step in whole.steps if step.rule != "entries")
    return replace(part, expr=value, steps=steps, uses=whole.uses, named=name)


def _has_one_index(tensor: Tensor) -> bool:
    return tensor.is_matrix and len(tensor.index_axes) <= 1


def put_in(lines: Lines, work: JacobianWork) -> JacobianWork:
    """The same work with a last line in which the derivatives on the way are put in.

    Left out where the line would be longer than those that it replaces together.
    """
    quantity, sweep = work.quantity, work.sweep
    assert sweep is not None
    used = derivatives_in(quantity.form, sweep, lines)
    if not used:
        return work
    form = unfolded(quantity.form, sweep, lines)
    before, after = lines.entries(quantity.form), lines.entries(form)
    parts = [lines.entries(sweep.quantities[tensor].form) for tensor in used]
    if not is_short(form) or cost(after) > cost(before) + sum(cost(part) for part in parts):
        return work
    reason = f"put {join([f'`{lines.show(Partial(work.of, tensor))}`' for tensor in used])} in"
    step = lines.step("insert", reason, before, after, Partial(work.of, quantity.tensor))
    quantity = replace(quantity, stages=(*quantity.stages, Stage("insert", form)))
    expr = array_of(form, quantity, lines, flipped=work.flipped)
    return replace(work, quantity=quantity, expr=expr, steps=(*work.steps, step))


def _entry_work(lines: Lines, sweep: Sweep, of: Tensor, by: Tensor, *, flipped: bool) -> JacobianWork:
    steps: list[Step] = []
    uses: list[str] = []
    for tensor, quantity in sweep.quantities.items():
        if tensor is of and by is not of:
            continue
        work = index_work(lines, of, quantity, sweep)
        steps.extend(work.steps)
        uses.extend(work.uses)
    quantity = sweep.quantities[by]
    return JacobianWork(
        quantity,
        array_of(quantity.form, quantity, lines, flipped=flipped),
        array_of(unfolded(quantity.form, sweep, lines), quantity, lines, flipped=flipped),
        tuple(steps),
        tuple(dict.fromkeys(uses)),
        flipped,
        of,
        sweep,
    )
