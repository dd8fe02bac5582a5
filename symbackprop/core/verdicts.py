"""Three-valued verdicts and the evidence they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

Status = Literal["holds", "fails", "not-checked"]


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Where a line fails: sizes, seed, the first entry that differs, both values."""

    sizes: Mapping[str, int]
    seed: int
    entry: tuple[int, ...]
    expected: float
    got: float

    def as_dict(self) -> dict[str, object]:
        """The JSON object."""
        return {
            "sizes": dict(self.sizes),
            "seed": self.seed,
            "entry": list(self.entry),
            "expected": self.expected,
            "got": self.got,
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a verdict was reached."""

    method: str | None
    points: int = 0
    sizes: tuple[Mapping[str, int], ...] = ()
    max_rel_error: float | None = None
    reason: str | None = None
    counterexample: Counterexample | None = None

    def as_dict(self) -> dict[str, object]:
        """The EVIDENCE object of the JSON format."""
        return {
            "method": self.method,
            "points": self.points,
            "sizes": [dict(size) for size in self.sizes],
            "max_rel_error": self.max_rel_error,
            "reason": self.reason,
            "counterexample": self.counterexample.as_dict() if self.counterexample else None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """``status`` is "holds", "fails" or "not-checked"; a verdict is never used as a truth value.

    It equals its status as a text (``verdict == "holds"``), and a verdict of the same status and evidence.
    """

    status: Status
    evidence: Evidence = field(default_factory=lambda: Evidence(None))

    @property
    def reason(self) -> str | None:
        """Why it was not checked, or why it fails."""
        return self.evidence.reason

    @property
    def counterexample(self) -> Counterexample | None:
        """The point at which it fails."""
        return self.evidence.counterexample

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return self.status == other
        if not isinstance(other, Verdict):
            return NotImplemented
        return (self.status, self.evidence) == (other.status, other.evidence)

    def __hash__(self) -> int:
        return hash(self.status)

    def __str__(self) -> str:
        return self.status

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verdict has three values; compare verdict.status with 'holds'")


class PendingVerdict(Verdict):
    """A verdict that is found when somebody asks for it."""

    __slots__ = ("_found", "_make")

    def __init__(self, make: Callable[[], Verdict]) -> None:
        object.__setattr__(self, "_make", make)
        object.__setattr__(self, "_found", None)

    def __getattribute__(self, name: str) -> Any:
        if name not in ("status", "evidence"):
            return super().__getattribute__(name)
        found = super().__getattribute__("_found")
        if found is None:
            found = super().__getattribute__("_make")()
            object.__setattr__(self, "_found", found)
        return getattr(found, name)

    def __repr__(self) -> str:
        return f"Verdict(status={self.status!r}, evidence={self.evidence!r})"


def not_checked(reason: str) -> Verdict:
    """The verdict of a line that could not be checked, with the reason."""
    return Verdict("not-checked", Evidence(None, reason=reason))
