"""Whether numbers obey what is declared about their symbol: what a derivation uses must be true of them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from symbackprop.core.tensors import Tensor

Rows = list[list[Fraction]]


def broken_fact(tensor: Tensor, array: object) -> str | None:
    """The first declared fact that does not hold, in words that follow "is declared"; None if all hold."""
    return next(_broken(tensor, _rows(tensor, array)), None)


def _rows(tensor: Tensor, array: object) -> Rows:
    """The numbers as rows along the feature index: of a matrix its columns under the column conventions."""
    if not isinstance(array, tuple):
        assert isinstance(array, Fraction)
        return [[array]]
    if not isinstance(array[0], tuple):
        return [list(array)]
    rows = [list(row) for row in array]
    return rows if tensor.feature_axis == 1 else [list(column) for column in zip(*rows, strict=True)]


def _broken(tensor: Tensor, lines: Rows) -> Iterator[str]:
    facts = tensor.facts
    line = "row" if tensor.feature_axis == 1 else "column"
    numbers = [number for one in lines for number in one]
    for place, one in enumerate(lines, 1):
        where = f"{line} {place} of its value" if tensor.rank == 2 else "its value"
        if facts.one_hot and sorted(one) != [0] * (len(one) - 1) + [1]:
            yield f"one_hot, but {where} is not made of zeros and a single 1"
        if facts.sums_to_one and sum(one) != 1:
            yield f"sums_to_one, but {where} sums to {sum(one)}"
    if facts.whole_sum_is_one and sum(numbers) != 1:
        yield f"to sum to 1, but its value sums to {sum(numbers)}"
    for number in numbers:
        if facts.positive and number <= 0:
            yield f"positive, but its value holds {number}"
        if facts.nonzero and number == 0:
            yield "nonzero, but its value holds 0"
        if facts.one_of and number not in facts.one_of:
            listed = ", ".join(map(str, facts.one_of))
            yield f"one_of: [{listed}], but its value holds {number}"
        if facts.between is not None and not facts.between[0] < number < facts.between[1]:
            yield f"between {facts.between[0]} and {facts.between[1]}, but its value holds {number}"
    if (facts.symmetric or facts.posdef) and lines != [list(one) for one in zip(*lines, strict=True)]:
        yield "symmetric, but its value is not"
    if facts.posdef and any(_minor(lines, size) <= 0 for size in range(1, len(lines) + 1)):
        yield "posdef, but its value is not positive definite"


def _minor(rows: Rows, size: int) -> Fraction:
    """The determinant of the leading block, by elimination."""
    block = [row[:size] for row in rows[:size]]
    found = Fraction(1)
    for step in range(size):
        pivot = next((place for place in range(step, size) if block[place][step]), None)
        if pivot is None:
            return Fraction(0)
        if pivot != step:
            block[step], block[pivot] = block[pivot], block[step]
            found = -found
        found *= block[step][step]
        for below in range(step + 1, size):
            factor = block[below][step] / block[step][step]
            block[below] = [a - factor * b for a, b in zip(block[below], block[step], strict=True)]
    return found
