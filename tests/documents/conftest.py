"""Shared by the tests of documents: the hand-made perceptron, and text taken from a PDF."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def net() -> ModuleType:
    """The module ``perceptron.py`` beside this file."""
    spec = importlib.util.spec_from_file_location("perceptron", Path(__file__).with_name("perceptron.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["perceptron"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pdf_words() -> Callable[[Path], list[str]]:
    """The text of each page of a PDF."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed; the words are checked in the .tex by test_key.py")

    def words(path: Path) -> list[str]:
        done = subprocess.run(
            [program, "-layout", str(path), "-"], capture_output=True, check=True, text=True
        )
        return done.stdout.split("\f")[:-1]

    return words
