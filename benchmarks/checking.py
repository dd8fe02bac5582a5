"""How fast works are checked: right lines a second, the repair of a wrong line, a class of works.

    python benchmarks/checking.py [WORKS]

Times are those of the processor, on one core, after the problem was read and its points were drawn. The
right lines are those of the documents in tests/checking/documents; the class is made of keys of ours with one
damaged line in every tenth work.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests" / "checking"
sys.path.insert(0, str(TESTS.parent.parent))

from symbackprop.checks.checker import Checker  # noqa: E402
from symbackprop.checks.run import checker_of  # noqa: E402
from symbackprop.reading.works.reader import WorkScope, read_work  # noqa: E402
from tests.checking.keys import lines_of, problem_of  # noqa: E402
from tests.checking.liveness import liveness  # noqa: E402
from tests.checking.mutants import mutants_of  # noqa: E402

RIGHT = ("correct", "recovered", "convention", "notation")
NETWORK = "batch-relu"
LINES = 30


def documents() -> None:
    """Right lines a second, reading and judging, over the five documents."""
    lines = seconds = reading = 0.0
    for path in sorted((TESTS / "documents").glob("*.md")):
        checker, _ = checker_of(str(path.with_suffix(".yaml")), None)
        text = path.read_text()
        checker.check(text)
        spec = checker.spec
        scope = WorkScope(spec.graph, spec.notation, checker.context.names, spec.layout)
        start = time.process_time()
        work = read_work(text, scope, "md")
        read = time.process_time() - start
        judged = checker.judge.judge(work)
        right = tuple(one.claim for one in judged if one.verdict in RIGHT)
        start = time.process_time()
        checker.report(replace(work, claims=right))
        spent = time.process_time() - start
        lines += len(right)
        seconds += spent
        reading += read * len(right) / max(len(work.claims), 1)
    rate, whole = lines / seconds, lines / (seconds + reading)
    print(f"right lines of the documents: {lines:.0f}")
    print(f"judged {rate:.0f} a second, read and judged {whole:.0f} a second")


def repairs(count: int = 40) -> None:
    """The time of a wrong line."""
    problem = problem_of(NETWORK)
    checker = Checker(problem.spec, problem.context)
    checker.check("\n\n".join(line.text for line in lines_of(NETWORK)))
    some = [mutant for line in lines_of(NETWORK)[::3] for mutant in list(mutants_of(line))[::9]]
    times = []
    for mutant in [one for one in some if liveness(one) == "live"][:count]:
        start = time.process_time()
        checker.check(mutant.text)
        times.append(time.process_time() - start)
    median, most = statistics.median(times), max(times)
    print(f"a wrong line with its repair: median {median:.2f} s, at most {most:.2f} s")


def a_class(works: int) -> None:
    """Works of thirty lines, one in ten with a wrong line."""
    problem = problem_of(NETWORK)
    checker = Checker(problem.spec, problem.context)
    lines = [line.text for line in lines_of(NETWORK)][:LINES]
    keys = lines_of(NETWORK)[:LINES]
    damaged = [mutant.text for line in keys for mutant in list(mutants_of(line))[:2]]
    start = time.process_time()
    for number in range(works):
        own = list(lines)
        if number % 10 == 0:
            own[number // 10 % LINES] = damaged[number // 10 % len(damaged)]
        checker.check("\n\n".join(own))
    spent = time.process_time() - start
    print(f"{works} works of {len(lines)} lines: {spent:.1f} s on one core, {spent / works:.2f} s a work")


if __name__ == "__main__":
    documents()
    repairs()
    a_class(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
