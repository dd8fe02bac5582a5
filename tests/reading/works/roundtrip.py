"""What the printer writes, read back: which lines of some steps are not read to an equal object.

    python -m tests.reading.works.roundtrip 300 [first seed]

reads the derivations of random networks and programs in random styles, levels, layouts and conventions back,
and prints every side that is not equal at all, then the counts: equal as the first reading, as a later one.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symbackprop.core.expr import Expr
from symbackprop.core.graph import Graph
from symbackprop.errors import SymbackpropError
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.problem_file import ProblemSpec, loads_spec
from symbackprop.problems import Problem
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Side
from tests.derivation.networks import every
from tests.fuzz.programs import draw
from tests.reading.works.equality import same

STYLES = {
    "bold": ["none", "vectors", "all"],
    "layers": ["subscript", "superscript", "paren", "bracket"],
    "index": ["subscript", "bracket"],
    "transpose": ["T", "top"],
    "gradient": ["partial", "nabla"],
    "vec": ["row", "column"],
}
LAYOUTS = ("gradient", "numerator", "denominator")


@dataclass(frozen=True, slots=True)
class Link:
    """One side of a printed line: what was printed, what it was read as."""

    latex: str
    side: Side
    wanted: Expr

    @property
    def rank(self) -> int | None:
        """Which reading is equal to what was printed; None for none."""
        equal = (place for place, one in enumerate(self.side.readings) if same(one.expr, self.wanted))
        return next(equal, None)

    @property
    def shown(self) -> str:
        """What went wrong, for people."""
        first = self.side.readings[0] if self.side.readings else None
        reason = self.side.unread.reason if self.side.unread is not None else ""
        return f"{self.latex}: {to_text(first.expr) if first is not None else reason}"


def links(spec: ProblemSpec, graph: Graph, steps: Sequence[Step]) -> Iterator[Link]:
    """Both sides of every different line ``before = after``, each line read by itself."""
    seen: set[str] = set()
    for step in every(tuple(steps)):
        line = f"{step.before.latex} = {step.after.latex}"
        if line in seen:
            continue
        seen.add(line)
        scope = WorkScope(graph, spec.notation, step.after.names, graph.layout)
        claims = read_work(line, scope, "formula").claims
        assert claims, f"nothing is claimed by {line}"
        yield Link(step.before.latex, claims[0].left, step.before.expr)
        yield Link(step.after.latex, claims[-1].right, step.after.expr)


def unread(problem: Problem, *, later: bool = False) -> list[str]:
    """The sides of all answers that are not read back; ``later`` accepts a reading that is not the first."""
    found: list[str] = []
    for answer in problem.answers():
        shown = getattr(answer, "shown", None)
        graph = (shown.graph if shown is not None else None) or problem.spec.graph
        for link in links(problem.spec, graph, getattr(answer, "steps", ())):
            rank = link.rank
            if rank is None or (rank and not later):
                found.append(link.shown)
    return found


def dressed(text: str, rng: random.Random) -> str:
    """A problem file in a random style and layout."""
    style = ", ".join(f"{name}: {rng.choice(ways)}" for name, ways in STYLES.items())
    return f"style: {{{style}}}\nlayout: {rng.choice(LAYOUTS)}\n{text}"


def ranks(seed: int) -> Iterator[tuple[int | None, Link]]:
    """How every side of the derivation of one random program is read back."""
    rng = random.Random(seed)
    program = draw(rng)
    level = rng.choice(["vector", "index", "jacobian"])
    problem = Problem(loads_spec(dressed(program.text, rng)))
    found = problem.gradients("L", program.wrt, level=level)
    for name in program.wrt:
        for link in links(problem.spec, problem.spec.graph, found[name].steps):
            yield link.rank, link


def main(count: int, first: int = 0) -> int:
    """Read ``count`` programs back; the exit code is 1 if a side is not equal to what was printed."""
    seen: Counter[str] = Counter()
    for seed in range(first, first + count):
        try:
            for rank, link in ranks(seed):
                seen["not equal" if rank is None else "a later reading" if rank else "the first reading"] += 1
                if rank is None:
                    sys.stdout.write(f"{seed}: {link.shown}\n")
        except SymbackpropError as error:
            seen[f"not derived: {error.code}"] += 1
    sys.stdout.write(f"{dict(seen)}\n")
    return 1 if seen["not equal"] else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
