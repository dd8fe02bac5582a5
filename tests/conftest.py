"""Settings that every test shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, so that a red test is red again; no deadline, since the machines that
# run the suite are shared.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


LONGEST_FIRST = ("test_wheel.py", "test_mutants.py", "test_cli_pipeline.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST_FIRST)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top folder of the checkout."""
    return Path(__file__).resolve().parent.parent
