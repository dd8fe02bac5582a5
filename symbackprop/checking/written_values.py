"""Values of what people write and we never print: decimals, names, cases, blocks, updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symbackprop.checking.joining import is_one
from symbackprop.core.arrays import Grid
from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.indexed import IndexValue
from symbackprop.core.written import Blocks, Dots, Dummy, Opaque, Pieces, Rounded, Stepped
from symbackprop.verification import entries
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.point import Array, Refusal, ShapeClash
from symbackprop.verification.scope import Scope

if TYPE_CHECKING:
    from symbackprop.checking.seer import Seer


def rounded(seer: Seer, node: Rounded, scope: Scope) -> Array:
    """A decimal: as written, or moved by ``numeric``."""
    return np.array([[seer.written.get(id(node), float(node.value))]])


def opaque(seer: Seer, node: Opaque, scope: Scope) -> Array:
    """What the work says that a name is, or an entry of that; Refusal for a name without a meaning."""
    if node.name in seer.named and not node.args:
        if not node.slots:
            return seer.opened(node.name, scope)
        base = seer.plain.opened(node.name, scope)
        if not all(isinstance(slot, IndexValue) for slot in node.slots):
            raise Refusal(f"entries of {node.name} were not understood")
        places = [np.rint(seer.value(slot, scope)).astype(int) for slot in node.slots]
        if len(places) == 1:
            one = np.ones((1, 1), dtype=int)
            pair = (one, places[0]) if base.shape[-2] == 1 else (places[0], one)
        elif len(places) == 2:
            pair = (places[0], places[1])
        else:
            raise Refusal(f"{node.name} has no {len(places)} indices")
        return entries.gather(base, *pair)
    seer.unknown[node.name] = None
    raise Refusal(f"{node.name} has no meaning in this problem")


def dots(seer: Seer, node: Dots, scope: Scope) -> Array:
    """An ellipsis has no value."""
    raise Refusal("an ellipsis stands for something that was not written")


def pieces(seer: Seer, node: Pieces, scope: Scope) -> Array:
    """The first value whose condition holds, place by place."""
    values = [seer.value(value, scope) for value in node.values]
    found = np.full((1, 1), np.nan)
    taken: Array = np.zeros((1, 1), dtype=bool)
    for value, condition in zip(values, node.conditions, strict=True):
        holds = np.ones((1, 1), dtype=bool) if condition is None else seer.value(condition, scope) == 1
        found = np.where(holds & ~taken, value, found)
        taken = taken | holds
    return found


def stepped(seer: Seer, node: Stepped, scope: Scope) -> Array:
    """The new value of an array that was updated, or what follows from the new values."""
    if isinstance(node.arg, Leaf) and node.arg.tensor in seer.moved:
        return seer.value(seer.moved[node.arg.tensor], scope)
    if not seer.moved:
        raise Refusal("the value after the update is not known")
    overrides = {tensor: np.real(seer.plain.value(expr)) for tensor, expr in seer.moved.items()}
    evaluator = Evaluator(seer.point, expand=seer.expand, overrides=overrides)
    for equation in seer.oracle.dependencies.graph.equations:
        overrides[equation.target] = evaluator.solve(equation)
    return seer.where(overrides).value(node.arg, scope)


def _cell(seer: Seer, node: Expr, scope: Scope) -> Array:
    """A cell; a number without a value if a name in it has no meaning, so that the shape is known."""
    try:
        return seer.value(node, scope)
    except Refusal:
        names = [
            part.name for part in node.walk() if isinstance(part, Opaque) and part.name not in seer.named
        ]
        if not names:
            raise
        seer.unknown.update(dict.fromkeys(names))
        return np.full((1, 1), np.nan)


def blocks(seer: Seer, node: Blocks, scope: Scope) -> Array:
    """Blocks side by side and one below the other."""
    rows = []
    for row in node.rows:
        values = [_cell(seer, cell, scope) for cell in row]
        if any(value.ndim > 2 for value in values):
            lead = np.broadcast_shapes(*(value.shape[:-2] for value in values))
            values = [np.broadcast_to(value, lead + value.shape[-2:]) for value in values]
        if len({value.shape[-2] for value in values}) > 1:
            raise ShapeClash("blocks of unlike heights stand side by side")
        rows.append(np.concatenate(values, axis=-1))
    if len({row.shape[-1] for row in rows}) > 1:
        raise ShapeClash("blocks of unlike widths stand one below the other")
    return np.concatenate(rows, axis=-2)


def grid(seer: Seer, node: Grid, scope: Scope) -> Array:
    """A matrix from its cells; of arrays the blocks."""
    cells = [_cell(seer, cell, scope) for cell in node.cells]
    if any(not is_one(cell) for cell in cells):
        return blocks(seer, Blocks(node.cells, node.columns), scope)
    together = np.stack([cell[..., 0, 0] for cell in np.broadcast_arrays(*cells)], axis=-1)
    return np.asarray(together.reshape((*together.shape[:-1], len(node.rows), node.columns)))


def dummy(seer: Seer, node: Dummy, scope: Scope) -> Array:
    """Values on both sides of 0, one for each place of an axis of its own (``bench`` adds it)."""
    known = seer.dummies.get(node.letter)
    if known is None:
        raise Refusal(f"{node.letter} is a variable of its own")
    index, values, shift = known
    axis = next(place for place, (own, _) in enumerate(scope.axes) if own is index)
    shape = [1] * len(scope.axes) + [1, 1]
    shape[axis] = len(values)
    return np.asarray((values + shift).reshape(shape))


# Any: each rule takes the one class of node that it is entered for.
