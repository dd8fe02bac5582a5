"""Every kind of mistake on every key; run as a program it writes docs/mutants.md."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from symbackprop.checking.findings import Finding
from symbackprop.checks.checker import Checker
from tests.checking.keys import ALL, EXAMPLES, lines_of, problem_of
from tests.checking.liveness import liveness
from tests.checking.mutants import KINDS, Mutant, mutants_of
from tests.checking.networks import DRAWN

WANTED = 50
INTRODUCTION = """# Damaged lines: what the checker makes of them

Right lines of our own keys are damaged in one place of their LaTeX, by rules that know nothing of the
checker (`tests/checking/mutants.py`). The keys are those of {networks} problems: the examples ({examples}),
written networks, and {drawn} drawn ones in all conventions and layouts (`tests/checking/networks.py`), at the
levels vector, index and jacobian. Whether the damage made the line wrong is decided by the verifier alone: a
mutant that is still true, true in another layout, a mere slip of notation (two columns side by side) or
cannot be read is counted apart. Each is checked after the two right lines that stand before it. Made by
`tests/checking/confusion.py`.

Undamaged lines: {correct} of {all} are `correct`, {wrong} are `wrong`.

Live mutants: {total}. Verdict `wrong`, and on no earlier line: {counts[0]} ({shares[0]}). Right cause, or
one of two whose repairs make the line true: {counts[1]} ({shares[1]}).

| damage | live | still true | layout | slip | unread | causes found |
|---|---|---|---|---|---|---|"""
FATES = ("live", "unchanged", "layout", "slip", "unread")
PAGE = Path(__file__).parent.parent.parent / "docs" / "mutants.md"


@dataclass(slots=True)
class Tally:
    """What became of the mutants of one kind, which causes the live ones came back with, what was missed."""

    fates: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    early: int = 0  # works in which a line before the damaged one is called wrong
    flagged: int = 0
    explained: int = 0
    missed: list[str] = field(default_factory=list)

    def note(self, mutant: Mutant, before: Sequence[Finding], finding: Finding) -> None:
        """One live mutant: right if its cause is the first, or the second whose repair also fits."""
        early = any(one.verdict == "wrong" for one in before)
        fair = [cause for cause in finding.causes[:2] if cause in mutant.causes]
        wrong = finding.verdict == "wrong"
        self.early += early
        self.flagged += wrong and not early
        self.explained += wrong and bool(fair)
        self.causes[(fair[0] if fair else finding.cause or "none") if wrong else f"({finding.verdict})"] += 1
        if early or not wrong or not fair:
            place = f"{mutant.line.network}/{mutant.line.level}"
            said = f"{finding.verdict} {finding.causes} {finding.message}"
            where = f"{mutant.kind} in {place}{' (early)' if early else ''}"
            self.missed.append(f"{where}: {mutant.text} -> {said}")


def chosen(networks: Iterable[str], seed: int = 0) -> dict[str, list[Mutant]]:
    """All mutants of each kind, shuffled."""
    found: dict[str, list[Mutant]] = {kind: [] for kind in KINDS}
    for network in networks:
        for line in lines_of(network):
            for mutant in mutants_of(line):
                found[mutant.kind].append(mutant)
    for mutants in found.values():
        random.Random(seed).shuffle(mutants)
    return found


@cache
def checker_of(network: str) -> Checker:
    """The checker of a network; what it drew and derived is kept."""
    problem = problem_of(network)
    return Checker(problem.spec, problem.context)


def run(wanted: int, networks: Iterable[str], kinds: Iterable[str] = KINDS) -> dict[str, Tally]:
    """By kind, of as many live mutants as are ``wanted``."""
    found = chosen(networks)
    tallies = {kind: Tally() for kind in kinds}
    for kind, tally in tallies.items():
        for mutant in found[kind]:
            if tally.fates["live"] >= wanted:
                break
            fate = liveness(mutant)
            tally.fates[fate] += 1
            if fate == "live":
                *before, finding = checker_of(mutant.line.network).check(mutant.work).findings
                tally.note(mutant, before, finding)
    return tallies


def page(tallies: Mapping[str, Tally], right: Counter[str]) -> str:
    """The page of the documentation."""
    every = tallies.values()
    total = sum(tally.fates["live"] for tally in every)
    counts = [sum(tally.flagged for tally in every), sum(tally.explained for tally in every)]
    lines = INTRODUCTION.format(
        networks=len(ALL), drawn=len(DRAWN), examples=len(EXAMPLES), all=sum(right.values()),
        correct=right["correct"], wrong=right["wrong"], total=total, counts=counts,
        shares=[f"{100 * count / total:.1f} %" for count in counts],
    ).split("\n")  # fmt: skip
    for kind, tally in tallies.items():
        found = ", ".join(f"{name} {n}" for name, n in tally.causes.most_common())
        fates = " | ".join(str(tally.fates[fate]) for fate in FATES)
        lines.append(f"| {kind} | {fates} | {found} |")
    return "\n".join(lines) + "\n"


def undamaged() -> Counter[str]:
    """The verdicts of the undamaged lines."""
    found: Counter[str] = Counter()
    for network in ALL:
        text = "\n\n".join(line.text for line in lines_of(network))
        found.update(one.verdict for one in checker_of(network).check(text).findings)
    return found


if __name__ == "__main__":
    tallies = run(int(sys.argv[1]) if len(sys.argv) > 1 else WANTED, ALL, sys.argv[2:] or KINDS)
    sys.stdout.write("\n".join(line for tally in tallies.values() for line in tally.missed) + "\n")
    text = page(tallies, undamaged() if not sys.argv[2:] else Counter(correct=1))
    sys.stdout.write(text)
    if not sys.argv[2:]:
        PAGE.write_text(text, encoding="utf-8")
