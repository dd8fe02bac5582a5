"""Symbolic dimensions: whole numbers, names, and affine combinations of names.

A ``Dim`` is an immutable value; two dims are equal when they are the same affine function of
the same names. ``Dim(1)`` is the literal 1: the only extent that broadcasting stretches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dim:
    """``constant + sum of coefficient * name``; coefficients are non-zero, names sorted."""

    constant: int = 0
    coefficients: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def named(name: str) -> Dim:
        """The dim that is spelled by one name."""
        return Dim(0, ((name, 1),))

    @property
    def is_one(self) -> bool:
        """Whether this is the literal 1."""
        return self.constant == 1 and not self.coefficients

    @property
    def is_number(self) -> bool:
        """Whether no name stands in this dim."""
        return not self.coefficients

    @property
    def names(self) -> tuple[str, ...]:
        """The names in this dim, sorted."""
        return tuple(name for name, _ in self.coefficients)

    @property
    def single_name(self) -> str | None:
        """The name, if this dim is just a name."""
        if self.constant == 0 and len(self.coefficients) == 1 and self.coefficients[0][1] == 1:
            return self.coefficients[0][0]
        return None

    def __add__(self, other: Dim | int) -> Dim:
        other = other if isinstance(other, Dim) else Dim(other)
        if not (self.coefficients and other.coefficients):  # the usual case, and the one to be quick in
            return Dim(self.constant + other.constant, self.coefficients or other.coefficients)
        total = dict(self.coefficients)
        for name, coefficient in other.coefficients:
            total[name] = total.get(name, 0) + coefficient
        kept = tuple(sorted((n, c) for n, c in total.items() if c))
        return Dim(self.constant + other.constant, kept)

    def __mul__(self, factor: int) -> Dim:
        if factor == 0:
            return Dim(0)
        if factor == 1:
            return self
        if not self.coefficients:
            return Dim(self.constant * factor)
        return Dim(self.constant * factor, tuple((n, c * factor) for n, c in self.coefficients))

    def __sub__(self, other: Dim | int) -> Dim:
        return self + (other if isinstance(other, Dim) else Dim(other)) * -1

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        """Replace names by dims; names without a value stay."""
        total = Dim(self.constant)
        for name, coefficient in self.coefficients:
            total = total + values.get(name, Dim.named(name)) * coefficient
        return total

    @property
    def surely_positive(self) -> bool:
        """Whether this is at least 1 for all sizes (every name is at least 1)."""
        return all(c > 0 for _, c in self.coefficients) and self.least >= 1

    @property
    def surely_negative(self) -> bool:
        """Whether this is at most -1 for all sizes."""
        return (self * -1).surely_positive

    @property
    def never_negative(self) -> bool:
        """Whether this is at least 0 for all sizes."""
        return all(c > 0 for _, c in self.coefficients) and self.least >= 0

    @property
    def never_positive(self) -> bool:
        """Whether this is at most 0 for all sizes."""
        return (self * -1).never_negative

    @property
    def least(self) -> int:
        """The number this is when every name is 1."""
        return self.constant + sum(c for _, c in self.coefficients)

    def evaluate(self, sizes: Mapping[str, int]) -> int:
        """The number this dim is under ``sizes`` (KeyError if a name has no size)."""
        return self.constant + sum(c * sizes[n] for n, c in self.coefficients)

    def __str__(self) -> str:
        parts: list[str] = []
        for name, coefficient in self.coefficients:
            body = name if abs(coefficient) == 1 else f"{abs(coefficient)}*{name}"
            sign = "-" if coefficient < 0 else "+"
            parts.append(body if not parts and sign == "+" else f"{sign} {body}" if parts else f"-{body}")
        if self.constant or not parts:
            if not parts:
                parts.append(str(self.constant))
            else:
                parts.append(f"{'-' if self.constant < 0 else '+'} {abs(self.constant)}")
        return " ".join(parts)


ONE = Dim(1)
