"""The shell without what it runs."""

from __future__ import annotations

import sys

import pytest

import symbackprop
from tests.cli.stand_in import Pipeline


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    stand_in = Pipeline()
    monkeypatch.setitem(sys.modules, "symbackprop.pipeline", stand_in)
    monkeypatch.setattr(symbackprop, "pipeline", stand_in, raising=False)
    monkeypatch.delenv("SYMBACKPROP_DEBUG", raising=False)
    return stand_in
