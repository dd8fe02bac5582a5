"""Evidence that a sceptic can redo: the smallest whole numbers at which a line and its repair differ.

The letters of both formulas, derivatives among them, get small whole numbers in small arrays; what both
formulas make of them is shown. Nothing else is claimed by that than that the two formulas differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import SymbackpropError
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Array, Expand, Point, Refusal

SMALL = 2
TRIES = 12
MOST_LETTERS = 4
MOST_PLACES = 64
_NUMBERS = (1, 2, -1, 3, -2)
_ERRORS = (
    SymbackpropError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """The letters with their numbers, what the line gives, and what the repair gives.

    Of a line over free indices the values are those at one place: ``place`` has its numbers, from 1.
    """

    letters: tuple[tuple[Expr, Array], ...]
    wrong: Array
    right: Array
    place: tuple[tuple[Index, int], ...] = ()


def example_of(wrong: Expr, right: Expr, sizes: Point, expand: Expand | None) -> Example | None:
    """A small example in which the two formulas differ, or None."""
    letters = tuple(dict.fromkeys(_letters(wrong, right)))
    loose = dict.fromkeys((*free_indices(wrong), *free_indices(right)))
    free = tuple(sorted(loose, key=lambda index: index.letter))
    if not 1 <= len(letters) <= MOST_LETTERS or any(index.dim.names == () for index in free):
        return None
    point = Point(dict.fromkeys(sizes.sizes, SMALL), 0, functions=sizes.functions)
    for seed in range(TRIES):
        rng = np.random.default_rng([seed, 13])
        try:
            values = {
                letter: rng.choice(_NUMBERS, size=_shape(letter, point)).astype(float) for letter in letters
            }
            results = [_value(side, point, values, expand, free) for side in (wrong, right)]
        except (Refusal, *_ERRORS):
            return None
        if results[0].shape != results[1].shape or results[0][..., 0, 0].size > MOST_PLACES:
            return None
        if any(result.shape[-2] * result.shape[-1] > SMALL * SMALL for result in results):
            return None
        if not all(np.isfinite(result).all() for result in results):
            continue
        if free:
            gaps = np.abs(results[0] - results[1]).max(axis=(-2, -1))
            at = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
            if gaps[at] > 0.05:
                place = tuple((index, int(k) + 1) for index, k in zip(free, at, strict=True))
                return Example(tuple(values.items()), results[0][at], results[1][at], place)
            continue
        if np.abs(results[0] - results[1]).max() > 0.05:
            return Example(tuple(values.items()), results[0], results[1])
    return None


def _letters(*sides: Expr) -> Iterator[Expr]:
    for side in sides:
        for node in side.walk():
            if isinstance(node, Leaf | Partial):
                yield node


def _shape(letter: Expr, point: Point) -> tuple[int, int]:
    rows, columns = letter.shape
    return point.extent(rows), point.extent(columns)


def _value(
    side: Expr, point: Point, values: dict[Expr, Array], expand: Expand | None, free: tuple[Index, ...]
) -> Array:
    overrides = {node.tensor: value for node, value in values.items() if isinstance(node, Leaf)}

    def partial(of: Tensor, by: Tensor) -> Array:
        for node, value in values.items():
            if isinstance(node, Partial) and node.of is of and node.by is by:
                return value.reshape((1, 1, *value.shape))
        raise Refusal("a derivative that is no letter")

    evaluator = Evaluator(point, expand=expand, partials=partial, overrides=overrides)
    with np.errstate(all="ignore"):
        return np.real(np.asarray(evaluator.over(side, free) if free else evaluator.value(side)))


def shown(array: Array) -> str:
    """``[1 2; -1 3]``, ``(1, -2)`` or ``3``."""
    cells = [[f"{number:.3f}".rstrip("0").rstrip(".") for number in row] for row in array]
    cells = [["0" if cell == "-0" else cell for cell in row] for row in cells]
    if array.size == 1:
        return cells[0][0]
    if 1 in array.shape:
        return f"({', '.join(cell for row in cells for cell in row)})"
    return f"[{'; '.join(' '.join(row) for row in cells)}]"


def sentence(example: Example, spell: Callable[[Expr], str]) -> str:
    """At W = [1 2; -1 3], dJ/dy = (1, -2) the line gives (-3, -7), the right one (3, -4)."""
    at = ", ".join(f"{spell(letter)} = {shown(value)}" for letter, value in example.letters)
    where = ", ".join(f"{index.letter} = {number}" for index, number in example.place)
    place = f" for {where}" if where else ""
    return f"At {at} the line gives {shown(example.wrong)}{place}; it should give {shown(example.right)}."
