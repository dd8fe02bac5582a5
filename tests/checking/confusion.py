"""Every kind of mistake on every key; run as a program it writes docs/mutants.md."""

from __future__ import annotations

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import symbackprop as sbp
from symbackprop.checks.checker import Checker
from tests.checking.keys import LARGE, NETWORKS, lines_of, problem_of
from tests.checking.liveness import liveness
from tests.checking.mutants import KINDS, Mutant, mutants_of

WANTED = 50
INTRODUCTION = """# Damaged lines: what the checker makes of them

Right lines of our own keys are damaged in one place of their LaTeX, by rules that know nothing of the
checker (`tests/checking/mutants.py`). Whether the damage made the line wrong is decided by the verifier
alone: a mutant that is still true, true in another layout, a mere slip of notation (two columns side by
side) or cannot be read is counted apart. Made by `tests/checking/confusion.py`.

Undamaged lines: {right[0]} of {right[1]} are `correct`, {right[2]} are `wrong`.

Live mutants: {total}. Verdict `wrong`: {counts[0]} ({shares[0]}). Right cause, or one of several whose
repairs make the line true: {counts[1]} ({shares[1]}).

| damage | live | still true | layout | slip | unread | causes found |
|---|---|---|---|---|---|---|"""
PAGE = Path(__file__).parent.parent.parent / "docs" / "mutants.md"


def chosen(seed: int = 0) -> list[Mutant]:
    """Some mutants of each kind, from all keys."""
    found: dict[str, list[Mutant]] = defaultdict(list)
    for network in (*NETWORKS, *LARGE):
        for line in lines_of(network):
            for mutant in mutants_of(line):
                found[mutant.kind].append(mutant)
    picked: list[Mutant] = []
    for kind in KINDS:
        random.Random(seed).shuffle(found[kind])
        picked.extend(found[kind])
    return picked


def run(wanted: int) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]], list[str]]:
    """By kind: what became of the mutants, the causes of the live ones; and the ones that were missed."""
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    causes: dict[str, Counter[str]] = defaultdict(Counter)
    missed: list[str] = []
    checkers: dict[str, Checker] = {}
    for mutant in chosen():
        if fates[mutant.kind]["live"] >= wanted:
            continue
        fate = liveness(mutant)
        fates[mutant.kind][fate] += 1
        if fate != "live":
            continue
        network = mutant.line.network
        if network not in checkers:
            problem = problem_of(network)
            checkers[network] = Checker(problem.spec, problem.context)
        finding = checkers[network].check(mutant.text).findings[0]
        if finding.verdict != "wrong":
            causes[mutant.kind][f"({finding.verdict})"] += 1
        elif set(finding.causes) & set(mutant.causes):
            causes[mutant.kind][next(c for c in finding.causes if c in mutant.causes)] += 1
        else:
            causes[mutant.kind][finding.cause or "none"] += 1
        if finding.verdict != "wrong" or not set(finding.causes) & set(mutant.causes):
            missed.append(f"{mutant.kind}: {mutant.text} -> {finding.verdict} {finding.causes}")
    return fates, causes, missed


def page(fates: dict[str, Counter[str]], causes: dict[str, Counter[str]], right: Sequence[int]) -> str:
    """The page of the documentation."""
    total = sum(counter["live"] for counter in fates.values())
    flagged = sum(n for counter in causes.values() for name, n in counter.items() if not name.startswith("("))
    good = sum(causes[kind][name] for kind, (_, names) in KINDS.items() for name in names)
    shares = [f"{100 * count / total:.1f} %" for count in (flagged, good)]
    lines = INTRODUCTION.format(right=right, total=total, counts=(flagged, good), shares=shares).split("\n")
    for kind in KINDS:
        counter = fates[kind]
        found = ", ".join(f"{name} {n}" for name, n in causes[kind].most_common())
        lines.append(
            f"| {kind} | {counter['live']} | {counter['unchanged']} | {counter['layout']} "
            f"| {counter['slip']} | {counter['unread']} | {found} |"
        )
    return "\n".join(lines) + "\n"


def undamaged() -> tuple[int, int, int]:
    """Of the undamaged lines: correct, all, wrong."""
    correct = total = wrong = 0
    for network in (*NETWORKS, *LARGE):
        text = "\n\n".join(line.text for line in lines_of(network))
        summary = sbp.check(problem_of(network), text).summary
        correct, total = correct + summary["correct"], total + sum(summary.values())
        wrong += summary["wrong"]
    return correct, total, wrong


if __name__ == "__main__":
    fates, causes, missed = run(int(sys.argv[1]) if len(sys.argv) > 1 else WANTED)
    sys.stdout.write("\n".join(missed) + "\n")
    text = page(fates, causes, undamaged())
    sys.stdout.write(text)
    PAGE.write_text(text, encoding="utf-8")
