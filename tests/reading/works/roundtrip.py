"""What the printer writes, read back: which lines of some steps are not read to an equal object.

    python -m tests.reading.works.roundtrip 300 [first seed]

reads the derivations of random networks and programs in random styles, levels, layouts and conventions back,
and prints every side that is not equal at all, then the counts: equal as the first reading, as a later one.

    python -m tests.reading.works.roundtrip operations [name ...]

does so with all networks that the harness attacks each operation with: forward pass and derivations at all
levels, in all conventions, each in a style of its own.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention
from symbackprop.errors import SymbackpropError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import all_operations
from symbackprop.problem_file import ProblemSpec, loads_spec
from symbackprop.problems import Problem
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Side
from symbackprop.results.context import Context
from symbackprop.testing import probes
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
LEVELS = ("vector", "index", "jacobian")


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


def forward(graph: Graph, names: Names) -> Iterator[Link]:
    """Both sides of every equation of a forward pass."""
    for equation in graph.equations:
        if equation.expr is None:
            continue
        target = Leaf(equation.target)
        left, right = to_latex(target, names), to_latex(equation.expr, names)
        claims = read_work(f"{left} = {right}", WorkScope(graph, (), names, graph.layout), "formula").claims
        yield Link(left, claims[0].left, target)
        yield Link(right, claims[-1].right, equation.expr)


def of_operation(
    name: str, convention: Convention, levels: Iterable[str] = LEVELS, *, every_nth: int = 1
) -> Iterator[Link]:
    """The forward passes and derivations of the networks (every nth) that an operation is attacked with."""
    operation = next(one for one in all_operations() if one.name == name)
    rng = random.Random(f"{name} {convention.value}")
    for probe in probes(operation, convention)[::every_nth]:
        text = "symbols: {x: {shape: [n], role: input}}\nforward: |\n  L = sum(x)\n"
        spec = loads_spec(dressed(text, rng))
        context = Context(probe.graph(convention, {}), names=spec.names)
        graph = context.graph
        yield from forward(graph, spec.names)
        for level in levels:
            found = context.session().gradients(graph.equations[-1].target, graph.parameters, level=level)
            for derived in found.values():
                yield from links(spec, graph, derived.steps)


def main(arguments: Sequence[str]) -> int:
    """Read back what the arguments ask for; the exit code is 1 if a side is not equal to what was printed."""
    if arguments[0] == "operations":
        names = arguments[1:] or [operation.name for operation in all_operations()]
        return _counted(_operations(names))
    count, first = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 0
    return _counted(_programs(range(first, first + count)))


def _operations(names: Iterable[str]) -> Iterator[tuple[str, Link]]:
    for name, convention in itertools.product(names, Convention):
        for link in of_operation(name, convention):
            yield f"{name}, {convention.value}", link


def _programs(seeds: Iterable[int]) -> Iterator[tuple[str, Link]]:
    for seed in seeds:
        try:
            for _, link in ranks(seed):
                yield str(seed), link
        except SymbackpropError as error:
            sys.stdout.write(f"{seed}: not derived: {error.code}\n")


def _counted(found: Iterable[tuple[str, Link]]) -> int:
    seen: Counter[str] = Counter()
    for where, link in found:
        rank = link.rank
        seen["not equal" if rank is None else "a later reading" if rank else "the first reading"] += 1
        if rank is None:
            sys.stdout.write(f"{where}: {link.shown}\n")
    sys.stdout.write(f"{dict(seen)}\n")
    return 1 if seen["not equal"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
