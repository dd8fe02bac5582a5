"""Canonical keys of terms: equal terms are spelled alike, whatever their bound indices are called.

The names of bound indices are found by colour refinement (the colour of an index is its dim; then,
repeatedly, the sorted spellings of the factors it stands in), and ties are broken by trying every member
of the first tied class and keeping the smallest spelling (McKay, Practical graph isomorphism, 1981, in
its simplest form).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from symbackprop.core.tensors import Index
from symbackprop.notation.slots import Naming


class Written(Protocol):
    """What is asked of a factor: its free indices, and its spelling under a naming of indices."""

    @property
    def free(self) -> tuple[Index, ...]:
        """The free indices."""

    def write(self, names: Naming) -> str:
        """The spelling under ``names``."""


Factors = tuple[tuple[Written, Fraction | int], ...]


def write_term(factors: Factors, bound: tuple[Index, ...], names: Naming) -> str:
    """The canonical spelling of a term, without its coefficient."""
    if not bound:
        return _written(factors, names)
    depth = len(names)
    if len(bound) == 1:
        return f"S{bound[0].dim}:" + _written(factors, {**names, bound[0]: f"b{depth}"})
    return _canonical(factors, names, {index: f"?{index.dim}" for index in bound}, depth)


def _written(factors: Factors, names: Naming) -> str:
    return "*".join(sorted(f"{atom.write(names)}^{exponent}" for atom, exponent in factors))


def _refine(factors: Factors, names: Naming, colours: dict[Index, str]) -> dict[Index, str]:
    """Colour refinement until the partition is stable."""
    classes = len(set(colours.values()))
    while classes < len(colours):
        marks: dict[Index, str] = {}
        for index, colour in colours.items():
            naming = {**names, **colours, index: "*"}
            inside = sorted(
                f"{atom.write(naming)}^{e}" for atom, e in factors if index in atom.free
            )
            marks[index] = colour + "|" + "*".join(inside)
        ranks = {mark: rank for rank, mark in enumerate(sorted(set(marks.values())))}
        new = {index: f"?{index.dim}~{ranks[marks[index]]}" for index in colours}
        if len(ranks) == classes:
            return new
        classes, colours = len(ranks), new
    return colours


def _canonical(factors: Factors, names: Naming, colours: dict[Index, str], depth: int) -> str:
    colours = _refine(factors, names, colours)
    by_colour: dict[str, list[Index]] = {}
    for index, colour in colours.items():
        by_colour.setdefault(colour, []).append(index)
    tied = next((by_colour[c] for c in sorted(by_colour) if len(by_colour[c]) > 1), None)
    if tied is not None:
        return min(
            _canonical(factors, names, {**colours, first: colours[first] + "!"}, depth) for first in tied
        )
    order = sorted(colours, key=lambda index: colours[index])
    naming = {**names, **{index: f"b{depth}.{rank}" for rank, index in enumerate(order)}}
    head = ",".join(str(index.dim) for index in order)
    return f"S{head}:" + _written(factors, naming)
