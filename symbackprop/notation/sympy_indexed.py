"""Index notation in SymPy: entries, slices, sums over positions, matrices given by their entries.

Positions count from 0, as everywhere in SymPy.
"""

from __future__ import annotations

from typing import Any

import sympy

from symbackprop.core.arrays import Grid, Jacobian, TensorEntries
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Comprehension, Element, IndexValue, LabelValue, Range, Reduce, Run, Slice
from symbackprop.core.tensors import Index
from symbackprop.errors import UnsupportedError
from symbackprop.notation.sympy_base import is_matrix
from symbackprop.notation.sympy_entries import EntryMax, EntryProduct, EntrySum, by_entries, entry_sums
from symbackprop.notation.sympy_slices import Piece
from symbackprop.notation.sympy_symbols import derivative_name, dim_value, safe_name
from symbackprop.notation.sympy_tensors import TensorByEntries
from symbackprop.notation.sympy_writer import Writer


def indexed(writer: Writer, expr: Expr) -> Any:
    """Entries, sums over indices, and matrices given by their entries."""
    match expr:
        case IndexValue():
            return writer.place(expr)
        case Element():
            return _element(writer, expr)
        case Reduce():
            return _reduction(writer, expr)
        case Jacobian(is_sliced=True):
            return writer.value(expr.comprehension())
        case Jacobian():
            rows, columns = (dim_value(dim) for dim in expr.shape)
            return sympy.MatrixSymbol(safe_name(derivative_name(expr.of, expr.by)), rows, columns)
        case Grid():
            return sympy.ImmutableDenseMatrix([[writer.value(cell) for cell in row] for row in expr.rows])
        case TensorEntries(indices=indices, body=body):
            spots = [writer.position(index) for index in indices]
            return TensorByEntries.of(spots, writer.value(body), [dim_value(dim) for dim in expr.dims])
        case Slice():
            return _piece(writer, expr)
        case Comprehension(row=None, column=None, body=body):
            return writer.value(body)
        case Comprehension(row=row, column=column, body=body):
            spots = [writer.position(index) if index else sympy.Symbol("_0") for index in (row, column)]
            rows, columns = (dim_value(dim) for dim in expr.shape)
            return by_entries(spots[0], spots[1], writer.value(body), (rows, columns))
        case _:
            raise UnsupportedError(f"no SymPy spelling of {type(expr).__name__}")


def _piece(writer: Writer, expr: Slice) -> Any:
    """Rows and columns of a matrix; entry by entry where a position depends on an index."""
    base = writer.value(expr.base)
    starts = [slot.low if isinstance(slot, Run) else slot for slot in expr.slots]
    fixed = all(isinstance(at, IndexValue) and not at.indices for at in starts)
    if not is_matrix(base) or not fixed or any(isinstance(at, LabelValue) for at in starts):
        return indexed(writer, expr.comprehension())
    slots = dict(zip(_sides_of(expr.base), expr.slots, strict=False))
    spans: list[Any] = []
    for side in (0, 1):
        slot = slots.get(side)
        low = slot.low if isinstance(slot, Run) else slot
        spans.append(dim_value(low.offset) - 1 if isinstance(low, IndexValue) else sympy.S.Zero)
        spans.append(dim_value(slot.count) if isinstance(slot, Run) else sympy.S.One)
    found = Piece(base, *spans)
    if len(expr.runs) == 1 and isinstance(slots.get(1), Run) != expr.across:
        return sympy.Transpose(found)
    return found


def _element(writer: Writer, expr: Element) -> Any:
    """One entry; a slot of an axis that is literally 1 is 0."""
    if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
        return _local_entry(writer, expr, expr.base)
    base = writer.value(expr.base)
    slots = [writer.place(slot, -1) for slot in expr.slots]
    if isinstance(base, sympy.IndexedBase):
        return base[tuple(slots)]
    if not is_matrix(base):
        return base
    tensor = expr.base.tensor if isinstance(expr.base, Leaf) else None
    tensor = expr.base.by if isinstance(expr.base, Partial) else tensor
    sides = expr.base.shape
    if tensor is not None:
        axes = [tensor.axis_of_side(side) for side in (0, 1)]
        return base[tuple(slots[axis] if axis is not None else 0 for axis in axes)]
    ordered = iter(slots)
    return entry_sums(base[tuple(0 if side.is_one else next(ordered) for side in sides)])


def _local_entry(writer: Writer, expr: Element, partial: Partial) -> Any:
    """An entry of a Jacobian, of any number of indices."""
    dims = [dim for tensor in (partial.of, partial.by) for dim in tensor.shape]
    slots = [writer.place(slot, -1) for slot, dim in zip(expr.slots, dims, strict=True) if not dim.is_one]
    extents = [dim_value(dim) for dim in dims if not dim.is_one]
    name = safe_name(derivative_name(partial.of, partial.by))
    if len(extents) == 2:
        return sympy.MatrixSymbol(name, *extents)[tuple(slots)]
    return sympy.IndexedBase(name, shape=tuple(extents))[tuple(slots)]


def _reduction(writer: Writer, expr: Reduce) -> Any:
    """Sum, product or mean over positions."""
    body = writer.value(expr.body)
    if not is_matrix(body):
        return _over_ranges(writer, expr, body)
    pairs = zip(expr.shape, "ij", strict=True)
    sides = [None if dim.is_one else Index(dim, letter) for dim, letter in pairs]
    spots = [sympy.S.Zero if side is None else writer.position(side) for side in sides]
    entry = _over_ranges(writer, expr, entry_sums(body[tuple(spots)]))
    alone = sympy.Symbol("_0")
    names = [alone if side is None else spot for side, spot in zip(sides, spots, strict=True)]
    rows, columns = (dim_value(dim) for dim in expr.shape)
    return by_entries(names[0], names[1], entry, (rows, columns))


def _over_ranges(writer: Writer, expr: Reduce, body: Any) -> Any:
    for entry in reversed(expr.ranges):
        body = _over_range(writer, expr.binder, body, entry)
    return body


def _over_range(writer: Writer, binder: str, body: Any, entry: Range) -> Any:
    spot = writer.position(entry.index)
    low = writer.place(entry.low, -1) if entry.low is not None else sympy.S.Zero
    high = writer.place(entry.high, -1) if entry.high is not None else dim_value(entry.index.dim) - 1
    counts: Any = sympy.S.One
    if entry.condition is not None:
        # As limits, or as a factor: SymPy draws cases (Piecewise) out of sums that bind what they hold.
        op, there = entry.condition[0], writer.place(entry.condition[1], -1)
        if op in (">", ">="):
            low = sympy.Max(low, there + 1 if op == ">" else there)
        elif op in ("<", "<="):
            high = sympy.Min(high, there - 1 if op == "<" else there)
        elif op == "!=" and binder == "sum" and _may_not_exist(body, spot):
            before = (spot, low, sympy.Min(high, there - 1) if entry.high is not None else there - 1)
            after = (spot, sympy.Max(low, there + 1) if entry.low is not None else there + 1, high)
            return EntrySum(body, before) + EntrySum(body, after)
        else:
            same = sympy.KroneckerDelta(spot, there)
            counts = 1 - same if op == "!=" else same
    limits = (spot, low, high)
    if binder == "prod":
        return EntryProduct(body * counts + 1 - counts, limits)
    if binder == "max":
        return EntryMax(body, limits, counts)
    total = EntrySum(body * counts, limits)
    return total if binder == "sum" else total / EntrySum(counts, limits)


def _may_not_exist(body: Any, spot: Any) -> bool:
    """Whether there is a quotient or a log of something in which the position stands."""
    below = (one.base for one in body.atoms(sympy.Pow) if not one.exp.is_nonnegative)
    logs = body.atoms(sympy.log)
    return any(part.has(spot) for part in (*below, *logs))


def _sides_of(base: Expr) -> list[int]:
    """The side, 0 for rows and 1 for columns, of each slot of a slice of ``base``."""
    tensor = base.array
    if tensor is None:
        return [side for side in (0, 1) if not base.shape[side].is_one]
    axes = {tensor.axis_of_side(side): side for side in (0, 1)}
    return [axes[axis] for axis in range(tensor.rank)]
