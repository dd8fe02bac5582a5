"""Dims read off arrays: each name as a whole-number combination of extents.

Shapes may be affine in the names ('4*n', 'd + n'); the names are solved for exactly, preferring
an axis that is just the name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import TypeVar

from symbackprop.core.dims import Dim
from symbackprop.notation import pycode as py

Axis = tuple[str, int]
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Solved:
    """``name = constant + sum of coefficient * extent``, divided by ``divisor``; all whole numbers."""

    name: str
    parts: tuple[tuple[Axis, int], ...]
    constant: int
    divisor: int

    @property
    def single(self) -> Axis | None:
        """The axis whose extent the name is, if it is that simple."""
        plain = len(self.parts) == 1 and self.parts[0][1] == 1 and self.constant == 0 and self.divisor == 1
        return self.parts[0][0] if plain else None

    def value(self, extents: Mapping[Axis, int]) -> Fraction:
        """The value for given extents; a whole number if the shapes are consistent."""
        total = self.constant + sum(factor * extents[axis] for axis, factor in self.parts)
        return Fraction(total, self.divisor)

    def code(self) -> ast.expr:
        """The value as code over ``X.shape[k]``."""
        total: ast.expr | None = None
        for (array, axis), factor in self.parts:
            extent = py.subscript(py.attribute(py.name(array), "shape"), py.literal(axis))
            part = extent if abs(factor) == 1 else py.binary(py.literal(abs(factor)), "*", extent)
            if total is None:
                total = part if factor > 0 else py.minus(part)
            else:
                total = py.binary(total, "+" if factor > 0 else "-", part)
        assert total is not None
        if self.constant:
            sign = "+" if self.constant > 0 else "-"
            total = py.binary(total, sign, py.literal(abs(self.constant)))
        return total if self.divisor == 1 else py.binary(total, "//", py.literal(self.divisor))


@dataclass(slots=True)
class _Row:
    names: dict[str, Fraction]
    extents: dict[Axis, Fraction]
    constant: Fraction

    def minus(self, other: _Row, factor: Fraction) -> _Row:
        return _Row(
            _combine(self.names, other.names, -factor),
            _combine(self.extents, other.extents, -factor),
            self.constant - factor * other.constant,
        )


def _combine(
    left: dict[_Key, Fraction], right: dict[_Key, Fraction], factor: Fraction
) -> dict[_Key, Fraction]:
    total = dict(left)
    for key, value in right.items():
        total[key] = total.get(key, Fraction(0)) + factor * value
    return {key: value for key, value in total.items() if value}


def solve(shapes: Iterable[tuple[str, Sequence[Dim]]]) -> dict[str, Solved]:
    """Every name that the extents of these arrays determine (Gauss-Jordan, exact)."""
    equations = [(dim, (array, axis)) for array, shape in shapes for axis, dim in enumerate(shape)]
    equations.sort(key=lambda item: (len(item[0].names), item[0].single_name is None))
    pivots: dict[str, _Row] = {}
    for dim, axis in equations:
        row = _Row(
            {name: Fraction(c) for name, c in dim.coefficients}, {axis: Fraction(1)}, Fraction(-dim.constant)
        )
        for name, pivot in pivots.items():
            if name in row.names:
                row = row.minus(pivot, row.names[name])
        if not row.names:
            continue
        lead, scale = next(iter(row.names.items()))
        row = row.minus(row, 1 - 1 / scale)
        for name, pivot in pivots.items():
            if lead in pivot.names:
                pivots[name] = pivot.minus(row, pivot.names[lead])
        pivots[lead] = row
    return {name: _solved(name, row) for name, row in pivots.items() if len(row.names) == 1}


def _solved(name: str, row: _Row) -> Solved:
    divisor = lcm(row.constant.denominator, *(value.denominator for value in row.extents.values()))
    parts = tuple((axis, int(value * divisor)) for axis, value in row.extents.items())
    return Solved(name, parts, int(row.constant * divisor), divisor)
