"""Colours and a spinner in a terminal, by Rich. Imported only where a stream is a terminal.

Text goes in as it would be written to a file, harmless already; it comes out with the same characters,
never wrapped or cropped, so that what is copied from the screen is what was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.text import Text

STYLES = MappingProxyType(
    {
        "read": "cyan",
        "equation": "",
        "step": "",
        "reason": "dim",
        "mark": "bold red",
        "note": "dim",
        "verdict": "green",
        "alarm": "bold red",
        "result": "bold",
        "error": "bold red",
        "message": "bold",
        "source": "",
        "caret": "bold red",
        "hint": "cyan",
        "ok": "green",
        "fails": "bold red",
        "missing": "yellow",
        "remedy": "cyan",
    }
)


def paint(lines: Iterable[Sequence[tuple[str, str]]], stream: TextIO) -> None:
    """Write lines, each a sequence of (kind, text); a kind without a style is written plain."""
    console = _console(stream)
    for line in lines:
        spans = [(text, STYLES.get(kind, "")) for kind, text in line]
        console.print(Text.assemble(*spans), soft_wrap=True)


class Spinner:
    """A spinner with a text, from its making until ``stop``, which takes it away."""

    def __init__(self, text: str, stream: TextIO) -> None:
        self._status = Status(Text(text), console=_console(stream))
        self._status.start()

    def update(self, text: str) -> None:
        """Change the text."""
        self._status.update(Text(text))  # a bare str would be read as Rich's markup

    def stop(self) -> None:
        """Take the spinner away."""
        self._status.stop()


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)
