"""Problem files, each read and solved once by the tests that only look at it.

Tests over the same file are one group for xdist: what one has derived the next one finds in its process.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import symbackprop as sbp

TESTS = Path(__file__).resolve().parent
GOLDEN = tuple(sorted((TESTS / "golden").glob("*.yaml")))
EXAMPLES = tuple(sorted((TESTS.parent / "examples").glob("*.yaml")))


@cache
def loaded(path: Path) -> Any:
    """The problem of a file; nobody may change it."""
    return sbp.load(path)


def params(paths: Iterable[Path]) -> list[Any]:
    """A parameter for each file, in the group of its name."""
    return [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in paths]
