"""What comparing two sides gives, and what is known when they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.verdicts import Evidence
from symbackprop.verification.point import Refusal

Status = Literal["holds", "fails", "unknown"]


class EntryAgainstArray(Refusal):
    """A number on one side, an array on the other: an index was left out somewhere."""


class OutsideRange(Refusal):
    """Where the right side is defined it agrees, but it is not defined everywhere."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comparing two sides gave.

    clash    the sides fail by their shapes alone.
    lone     a number stands against an array.
    bent     an array was listed as vectors do not lie by the convention.
    entries  the one-based positions that differ, of a matrix or over the free indices.
    """

    status: Status
    evidence: Evidence
    clash: bool = False
    lone: bool = False
    bent: bool = False
    entries: tuple[tuple[int, ...], ...] = ()
    sides: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def holds(self) -> bool:
        """Whether the sides are equal at every point."""
        return self.status == "holds"

    @property
    def fails(self) -> bool:
        """Whether the sides differ somewhere."""
        return self.status == "fails"


def unknown(reason: str, *, lone: bool = False) -> Outcome:
    """The outcome of what cannot be decided."""
    return Outcome("unknown", Evidence(None, reason=reason), lone=lone)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known beside the forward pass: definitions of the work, the condition, the dummy variables."""

    named: Mapping[str, Expr] = field(default_factory=dict)
    condition: Expr | None = None
    zero_outside: bool = False
    moved: Mapping[Tensor, Expr] = field(default_factory=dict)
    example: Index | None = None  # the letter of the one example that is looked at
    light: Any = None  # a ``light.Light``: derivatives as an earlier wrong line has them
