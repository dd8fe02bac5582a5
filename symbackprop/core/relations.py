"""The six relations: what they say of two numbers, and what they become when they are denied or turned."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

_COMPARISONS: Mapping[str, Callable[[Fraction | int, Fraction | int], bool]] = MappingProxyType({
    "=": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
})  # fmt: skip
NEGATED = MappingProxyType({"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"})
TURNED = MappingProxyType({"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="})


def holds(left: Fraction | int, relation: str, right: Fraction | int) -> bool:
    """Whether ``left relation right``."""
    return _COMPARISONS[relation](left, right)
