"""Right works: the lines of keys as our printer writes them in LaTeX, of many networks and all examples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from symbackprop.notation.steps import Step
from symbackprop.problems import Problem, loads
from tests.checking.networks import DRAWN, LARGE, NETWORKS

LEVELS = ("vector", "index", "jacobian")
FOLDER = Path(__file__).parent.parent.parent / "examples"
EXAMPLES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
ALL = {**NETWORKS, **LARGE, **DRAWN, **EXAMPLES}
EARLIER = 2  # right lines that stand before a damaged one


@dataclass(frozen=True, slots=True)
class Line:
    """One right line: its sides in LaTeX, where it comes from, and the displays right before it there."""

    network: str
    level: str
    left: str
    right: str
    rule: str
    earlier: tuple[str, ...] = ()
    case: str = ""  # "i = j", where it is one of two cases

    @property
    def text(self) -> str:
        """The line as a display."""
        return self.with_right(self.right)

    def with_right(self, right: str) -> str:
        """The line with another right side, as a display."""
        case = rf" \quad \text{{if }} {self.case}" if self.case else ""
        return f"$$ {self.left} = {right}{case} $$"


@cache
def problem_of(network: str) -> Problem:
    """The problem of a network."""
    return loads(ALL[network])


@cache
def problem_in(network: str, layout: str) -> Problem:
    """The same problem in another layout of derivatives."""
    text = re.sub(r"(?m)^layout:.*\n|^questions:\n(?:(?: .*)?\n)*", "", ALL[network])
    return loads(f"layout: {layout}\n{text.lstrip()}")


@cache
def lines_of(network: str) -> tuple[Line, ...]:
    """Every distinct line of its key: of all gradients at several levels, or of all answers."""
    found: dict[tuple[str, str], Line] = {}
    for level, steps in _derivations(network):
        earlier: tuple[str, ...] = ()
        for step in _all(steps):
            left, right = str(step.before.latex), str(step.after.latex)
            line = Line(network, level, left, right, step.rule, earlier, _case(step))
            found.setdefault((left, right), line)
            earlier = (*earlier, line.text)[-EARLIER:]
    return tuple(found.values())


def _derivations(network: str) -> Iterator[tuple[str, Iterable[Step]]]:
    problem = problem_of(network)
    if network in EXAMPLES:
        for answer in problem.answers():
            yield answer.level or "", answer.steps or ()
        return
    loss = problem.spec.graph.equations[-1].target.name
    for level in LEVELS:
        for derivation in problem.gradients(loss, level=level).values():
            yield level, derivation.steps


def _case(step: Step) -> str:
    found = re.match(r"where `(\w+) (=|!=) (\w+)`", step.because)
    return "" if found is None else f"{found[1]} {found[2].replace('!=', chr(92) + 'neq')} {found[3]}"


def _all(steps: Iterable[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _all(step.substeps)
