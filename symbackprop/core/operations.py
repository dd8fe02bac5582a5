"""What a call calls: operations and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of an operation: its name, and its default if it has one."""

    name: str
    default: Fraction | None = None


@dataclass(eq=False, frozen=True)
class Operation:
    """What a call calls. Compared by identity; the subclasses in ``ops`` add the behaviour.

    ``kind`` is "elementwise", "along" (the feature index), "scalar", "matrix", "loss" or
    "function" (declared in the problem, elementwise).
    """

    name: str
    params: tuple[Param, ...]
    kind: str
    latex: str | None = None
    takes_axis: bool = False
