"""Atoms that stand for whole arrays: functions of a matrix, and the same numbers in another shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import IndexValue
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index
from symbackprop.notation.forms import Atom, Form
from symbackprop.notation.slots import Naming, Slot, indices_in, moved, parts_of_slot, slot_name


class OfMatrix(Atom):
    """An entry of a function of a whole matrix: inv(A)[i, j]; or a number: det(A), logdet(A).

    ``form`` is entry (row, column) of the matrix, ``expr`` the matrix as it is printed; ``slots`` is empty
    for a number. ``row`` and ``column`` are bound in it.
    """

    __slots__ = ("column", "expr", "form", "op", "row", "slots")

    def __init__(
        self, op: Operation, expr: Expr, form: Form, sides: tuple[Index, Index], slots: tuple[Slot, ...]
    ) -> None:
        super().__init__()
        self.op = op
        self.expr = expr
        self.form = form
        self.row, self.column = sides
        self.slots = slots

    @property
    def parts(self) -> tuple[Form, ...]:
        return (self.form,)

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        return OfMatrix(self.op, self.expr, parts[0], (self.row, self.column), self.slots)

    def _find_free(self) -> Iterator[Index]:
        for slot in self.slots:
            yield from indices_in(slot)
        yield from (index for index in self.form.free if index not in (self.row, self.column))

    def write(self, names: Naming) -> str:
        """The matrix with its places named; a symmetric one has a symmetric inverse."""
        depth = len(names)
        there = {**names, self.row: f"r{depth}", self.column: f"c{depth}"}
        back = {**names, self.row: f"c{depth}", self.column: f"r{depth}"}
        inner = self.form.write(there)
        slots = [slot_name(slot, names) for slot in self.slots]
        if inner == self.form.write(back):
            slots.sort()
        return f"M{self.op.name}({inner})[{','.join(slots)}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        kept = {i: s for i, s in change.items() if i is not self.row and i is not self.column}
        slots = tuple(moved(slot, kept) for slot in self.slots)
        form, expr = self.form, self.expr
        if any(index in kept for index in form.free):
            form, expr = form.rename(kept), replaced_in(expr, kept)
        return OfMatrix(self.op, expr, form, (self.row, self.column), slots)


class Flat(Atom):
    """1 where two arrays that hold the same numbers row by row have the same place: reshape.

    ``(i - 1) columns + j`` counts a place (i, j); each side is two slots (None: that side has extent 1) and
    the number of its columns.
    """

    __slots__ = ("left", "right", "wide")

    def __init__(
        self,
        left: tuple[Slot | None, Slot | None],
        right: tuple[Slot | None, Slot | None],
        wide: tuple[Dim, Dim],
    ) -> None:
        super().__init__()
        self.left = left
        self.right = right
        self.wide = wide

    def _find_free(self) -> Iterator[Index]:
        for slot in (*self.left, *self.right):
            if slot is not None:
                yield from indices_in(slot)

    def write(self, names: Naming) -> str:
        sides = [
            ",".join("" if slot is None else slot_name(slot, names) for slot in side) + f":{wide}"
            for side, wide in zip((self.left, self.right), self.wide, strict=True)
        ]
        return f"R[{'|'.join(sorted(sides))}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        left, right = (
            tuple(None if slot is None else moved(slot, change) for slot in side)
            for side in (self.left, self.right)
        )
        return Flat((left[0], left[1]), (right[0], right[1]), self.wide)


def replaced_in(expr: Expr, change: Mapping[Index, Slot]) -> Expr:
    """The expression with free indices replaced."""
    if isinstance(expr, IndexValue):
        if not any(index in change for index, _ in expr.indices):
            return expr
        offset, parts = expr.offset, dict[Index, int]()
        for index, coefficient in expr.indices:
            inner, constant = parts_of_slot(change.get(index, index))
            offset = offset + constant * coefficient
            for other, factor in inner:
                parts[other] = parts.get(other, 0) + factor * coefficient
        return replace(expr, indices=tuple((i, c) for i, c in parts.items() if c), offset=offset)
    return expr.map_children(lambda child: replaced_in(child, change))
