"""What the judge says: a ``Finding`` for each claim, a ``WorkReport`` for each work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from symbackprop.core.verdicts import Evidence
from symbackprop.errors import SymbackpropError

VERDICTS = ("correct", "wrong", "recovered", "follows", "convention", "notation", "unread", "unchecked")


class _Record:
    """Fields by name too: ``finding["verdict"]`` reads like the JSON."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if name not in self.as_json():
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_json())

    def as_json(self) -> dict[str, object]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Mark:
    """Where in a file the wrong factor stands; one-based, to just before the end."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Finding(_Record):
    """One claim and what is to be said about it.

    line ... end_column  where it stands, one-based.
    derivation, claim    which display it belongs to, and which link of that it is.
    causes               all single repairs found, best first; ``cause`` is the first.
    repair               the corrected claim in LaTeX.
    entries              of a matrix: the entries that differ.
    mark                 the wrong factor.
    question             a question that points at the cause (feedback "nudge").
    because              which earlier finding (an index) this one follows from.
    typeset              the message with its formulas in LaTeX between dollar signs, for reports.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    derivation: int
    claim: int
    latex: str
    read_as: str | None
    verdict: str
    cause: str | None = None
    causes: tuple[str, ...] = ()
    message: str = ""
    repair: str | None = None
    entries: tuple[tuple[int, ...], ...] | None = None
    points: float | None = None
    evidence: Evidence = field(default_factory=lambda: Evidence(None))
    mark: Mark | None = None
    question: str = ""
    because: int | None = None
    repairs: tuple[str, ...] = ()
    typeset: str = ""

    def as_json(self) -> dict[str, object]:
        """The object of "findings" in the JSON format, its keys in their order."""
        return {
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "derivation": self.derivation,
            "claim": self.claim,
            "latex": self.latex,
            "read_as": self.read_as,
            "verdict": self.verdict,
            "cause": self.cause,
            "causes": list(self.causes),
            "message": self.message,
            "repair": self.repair,
            "entries": None if self.entries is None else [list(entry) for entry in self.entries],
            "points": self.points,
            "evidence": self.evidence.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Inferred(_Record):
    """What was inferred about a name of the work."""

    name: str
    text: str
    line: int | None

    def as_json(self) -> dict[str, object]:
        """The object of "inferred" in the JSON format."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class WorkReport(_Record):
    """The findings of one work, or the error that kept it from being read."""

    file: str
    findings: tuple[Finding, ...] = ()
    inferred: tuple[Inferred, ...] = ()
    error: SymbackpropError | None = None
    text: str = ""
    first: int = 1  # the number of the first entry, for words; places in data count from 1

    @property
    def summary(self) -> dict[str, int]:
        """How many findings there are of each verdict."""
        count = Counter(finding.verdict for finding in self.findings)
        return {verdict: count[verdict] for verdict in VERDICTS}

    @property
    def first_wrong(self) -> int | None:
        """Which finding is the first wrong one."""
        return next((at for at, one in enumerate(self.findings) if one.verdict == "wrong"), None)

    @property
    def judged(self) -> bool:
        """Whether anything could be judged at all."""
        return any(one.verdict not in ("unread", "unchecked") for one in self.findings)

    @property
    def exit_code(self) -> int:
        """0 well; 1 something is wrong, or nothing could be judged; that of the error."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.first_wrong is None and self.judged else 1

    @property
    def points(self) -> float:
        """What the findings cost together."""
        return sum(one.points or 0 for one in self.findings)

    def as_json(self) -> dict[str, object]:
        """The object of "works" in the JSON format."""
        return {
            "file": self.file,
            "error": None if self.error is None else self.error.as_dict(),
            "summary": self.summary,
            "first_wrong": self.first_wrong,
            "inferred": [one.as_json() for one in self.inferred],
            "findings": [one.as_json() for one in self.findings],
        }

    def to_json(self) -> dict[str, object]:
        """The same: the name that reports have in common."""
        return self.as_json()


def causes_of(works: Sequence[WorkReport]) -> Mapping[str, int]:
    """In how many works each cause occurs, the most frequent first."""
    count = Counter(
        cause for work in works for cause in {one.cause for one in work.findings if one.cause is not None}
    )
    return dict(sorted(count.items(), key=lambda pair: (-pair[1], pair[0])))
