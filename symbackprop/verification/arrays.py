"""Values of Jacobians, of matrices written out, and of arrays given by one entry."""

from __future__ import annotations

import numpy as np

from symbackprop.core.arrays import Grid, Jacobian, TensorEntries
from symbackprop.verification.entries import Host, comprehension
from symbackprop.verification.point import Array, ShapeClash
from symbackprop.verification.scope import Scope


def jacobian(host: Host, node: Jacobian, scope: Scope) -> Array:
    """The differences of one array by another as a matrix, entries listed in the order of ``vec``."""
    if node.vec is None:
        return comprehension(host, node.comprehension(), scope)
    value = host.partial(node.of, node.by)
    for first, tensor, slots in ((0, node.of, node.of_slots), (2, node.by, node.by_slots)):
        for side in (0, 1):
            axis = tensor.axis_of_side(side)
            slot = slots[axis] if slots and axis is not None else None
            if slot is not None:
                value = value.take([slot.offset.constant - 1], axis=first + side)
    if node.vec == "column":
        value = value.transpose(1, 0, 3, 2)
    rows, columns = value.shape[0] * value.shape[1], value.shape[2] * value.shape[3]
    found = value.reshape(rows, columns)
    return np.asarray(found.T if node.flipped else found)


def grid(host: Host, node: Grid, scope: Scope) -> Array:
    """A matrix from its cells, each a number under the indices in scope."""
    cells = [host.value(cell, scope) for cell in node.cells]
    if any(cell.shape[-2:] != (1, 1) for cell in cells):
        raise ShapeClash("a cell of a matrix must be a number")
    together = np.stack([cell[..., 0, 0] for cell in np.broadcast_arrays(*cells)], axis=-1)
    return np.asarray(together.reshape((*together.shape[:-1], len(node.rows), node.columns)))


def tensor_entries(host: Host, node: TensorEntries, scope: Scope) -> Array:
    """One entry, under the indices in scope."""
    return host.value(node.body, scope)
