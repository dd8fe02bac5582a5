"""The records of judging: how one relation came out, and what was found about one claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symbackprop.checking.outcome import Outcome, Setting
from symbackprop.checking.sight import Sight
from symbackprop.core.expr import Expr
from symbackprop.core.verdicts import Evidence
from symbackprop.reading.works.work import Claim, Reading


@dataclass(frozen=True, slots=True)
class Truth:
    """One relation: the readings that decided, the sight, the sizes it is written for, the outcome."""

    outcome: Outcome
    left: Reading | None = None
    right: Reading | None = None
    sight: Sight | None = None
    numeric: bool = False
    sizes: Mapping[str, int] | None = None

    @property
    def status(self) -> str:
        """holds, fails or unknown."""
        return self.outcome.status


@dataclass(slots=True)
class Judged:
    """A claim with what was found about it; the diagnosis is added afterwards."""

    claim: Claim
    verdict: str
    link: Truth | None = None
    whole: Truth | None = None
    message: str = ""
    cause: str | None = None
    evidence: Evidence = field(default_factory=lambda: Evidence(None))
    because: int | None = None
    repaired: Expr | None = None
    setting: Setting | None = None

    def evidence_entries(self) -> tuple[tuple[int, ...], ...]:
        """The entries that differ, one-based."""
        truth = self.whole if self.whole is not None and self.whole.outcome.entries else self.link
        return () if truth is None else truth.outcome.entries
