"""Derive and verify random forward passes.

    python -m tests.fuzz.run 3000 [first seed]

Prints every program that is not derived and verified, with the reason; then how often each function was
drawn, and the share that was verified.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass

from symbackprop.errors import SymbackpropError
from symbackprop.pipeline import Problem
from symbackprop.problem_file import loads_spec
from tests.fuzz.programs import Program, draw

# Reasons that say something about the points at which a program can be looked at, not about its gradient.
NUMERIC = ("kink", "not finite", "do not settle", "too many entries")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One gradient: "holds", "fails", "not-checked", "refused" or "crash", and why."""

    seed: int
    by: str
    status: str
    reason: str


def say(text: str) -> None:
    """A line for people."""
    sys.stdout.write(f"{text}\n")


def program(seed: int) -> Program:
    """The program of a seed."""
    return draw(random.Random(seed))


def judged(seed: int) -> list[Outcome]:
    """What becomes of the gradients of one program; every fifth is derived in index notation."""
    drawn = program(seed)
    try:
        problem = Problem(loads_spec(drawn.text))
        found = problem.gradients("L", drawn.wrt, level="vector" if seed % 5 else "index")
        verdicts = {name: found[name].verify() for name in drawn.wrt}
    except SymbackpropError as error:
        return [Outcome(seed, name, "refused", str(error)) for name in drawn.wrt]
    except Exception as error:  # noqa: BLE001  (a crash is an outcome: the run goes on)
        return [Outcome(seed, name, "crash", f"{type(error).__name__}: {error}") for name in drawn.wrt]
    return [Outcome(seed, name, verdict.status, verdict.reason or "") for name, verdict in verdicts.items()]


def main(count: int, first: int = 0) -> int:
    """Judge ``count`` programs; the exit code is 1 if one fails or fewer than 98 % are verified."""
    drawn: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for seed in range(first, first + count):
        one = program(seed)
        drawn.update(one.drawn)
        for outcome in judged(seed):
            statuses[outcome.status] += 1
            if outcome.status != "holds":
                say(f"-- seed {seed}, by {outcome.by}: {outcome.status}: {outcome.reason}\n{one.text}")
    for name, times in sorted(drawn.items()):
        say(f"{name:<24}{times:>8}")
    say(", ".join(f"{status}: {times}" for status, times in statuses.items()))
    share = statuses["holds"] / max(statuses.total(), 1)
    say(f"derived and verified: {share:.2%}")
    return 0 if share >= 0.98 and not statuses["fails"] and not statuses["crash"] else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
