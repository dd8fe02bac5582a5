"""What the grammar has and this version does not do yet: one table, so that a later version deletes lines."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.errors import UnsupportedError
from symbackprop.reading.tokens import Place

NOT_YET: Mapping[str, str] = MappingProxyType(
    {
        "bounds": "an index of the left side with a range other than 1..n",
        "condition": "a condition on an index of the left side",
    }
)


def not_yet(feature: str, at: Place, hint: str | None = None) -> UnsupportedError:
    """The refusal of a feature of the table, at its place."""
    return UnsupportedError(
        f"{NOT_YET[feature]} is not supported yet", line=at.line, column=at.column, hint=hint
    )
