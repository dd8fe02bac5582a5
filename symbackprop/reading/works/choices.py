"""Readings as decisions: what syntax leaves open is decided by a table, and every table is one reading.

A reader asks ``pick`` where several things could be meant. It runs once with the first possibility
everywhere, then once for each other one, the least departures first, within a fixed number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from symbackprop.core.tensors import Index
from symbackprop.reading.works.work import Choice

MAX_RUNS = 40
MAX_READINGS = 12

T = TypeVar("T")
Option = tuple[str, str, Callable[[], T]]  # what it is read as, why, and how to read it so


class Refused(Exception):
    """Why a piece has no meaning in this way, and the offset of the place.

    ``code``: "unknown" (a name), "shape" (an index too many, extents that differ) or "form".
    """

    def __init__(self, reason: str, place: int, code: str = "form") -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place
        self.code = code


class Choices:
    """The decisions of one run, and the places where others could be made."""

    def __init__(self, decided: dict[str, int] | None = None) -> None:
        self.decided = decided or {}
        self.met: dict[str, int] = {}  # what -> how many possibilities
        self.made: list[Choice] = []
        self.opaque: list[str] = []
        self.notes: list[str] = []
        self.example: Index | None = None

    def _state(self) -> tuple[object, ...]:
        return dict(self.met), list(self.made), list(self.opaque), list(self.notes), self.example

    def _restore(self, state: tuple[Any, ...]) -> None:
        self.met, self.made, self.opaque, self.notes, self.example = state

    def pick(self, what: str, options: Sequence[Option[T]], worse: Callable[[T], bool] | None = None) -> T:
        """One of the options that can be read at all; ``Refused`` if none can.

        What is ``worse`` counts only where nothing else is possible.
        """
        if len(options) == 1:
            return options[0][2]()
        refused: Refused | None = None
        done: list[tuple[str, str, T, tuple[Any, ...]]] = []
        before = self._state()
        for reading, why, read in options:
            try:
                value = read()
            except Refused as error:
                refused = refused or error
            else:
                done.append((reading, why, value, self._state()))
            self._restore(before)
            before = self._state()
        if not done:
            assert refused is not None
            raise refused
        if worse is not None and any(not worse(one[2]) for one in done):
            done = [one for one in done if not worse(one[2])]
        reading, why, value, state = done[min(self.decided.get(what, 0), len(done) - 1)]
        self._restore(state)
        if len(done) > 1:
            self.met[what] = max(len(done), self.met.get(what, 0))
            if all(choice.what != what for choice in self.made):
                self.made.append(Choice(what, reading, why))
        return value


def every_run(run: Callable[[Choices], T]) -> Iterator[tuple[int, Choices, T | Refused]]:
    """(departures from the first possibilities, the decisions, the result) of every table."""
    waiting: list[tuple[int, dict[str, int]]] = [(0, {})]
    seen: set[tuple[tuple[str, int], ...]] = {()}
    runs = 0
    while waiting and runs < MAX_RUNS:
        waiting.sort(key=lambda one: one[0])
        cost, decided = waiting.pop(0)
        choices = Choices(decided)
        runs += 1
        try:
            result: T | Refused = run(choices)
        except Refused as error:
            result = error
        yield cost, choices, result
        for what, count in choices.met.items():
            for option in range(1, count):
                table = {**decided, what: option}
                key = tuple(sorted(table.items()))
                if key not in seen and what not in decided:
                    seen.add(key)
                    waiting.append((sum(table.values()), table))
