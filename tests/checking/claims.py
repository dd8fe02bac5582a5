"""Claims made from formulas of the plain grammar: what the judge is tested with before LaTeX is read."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from symbackprop.checking.bench import Bench
from symbackprop.checking.judge import Judge
from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Index
from symbackprop.problems import Problem, loads
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.works.work import Claim, Reading, Side, Span, Work
from symbackprop.verification.entries import free_indices


def side_of(text: str, problem: Problem, indices: dict[str, Index]) -> Side:
    """One side of a claim, its letters shared with the other sides."""
    expr = read_formula(
        text, problem.spec.graph, notation=problem.spec.partials, free_indices=True, indices=indices
    )
    note_indices(expr, indices)
    return Side(text, Span(1, 1, 1, 1, 0, 0), (Reading(expr),))


def note_indices(expr: Expr, indices: dict[str, Index]) -> None:
    """Remember the letters that are free in an expression."""
    for index in free_indices(expr):
        indices.setdefault(index.letter, index)


def work_of(problem: Problem, *chains: str) -> Work:
    """A work of chains, each ``a = b = c``."""
    claims: list[Claim] = []
    for number, chain in enumerate(chains, 1):
        indices: dict[str, Index] = {}
        sides = [side_of(part, problem, indices) for part in chain.split(" = ")]
        span = Span(number, 1, number, 1 + len(chain), 0, 0)
        claims.extend(
            Claim(span, chain, "=", left, right, sides[0], number, at + 1)
            for at, (left, right) in enumerate(pairwise(sides))
        )
    return Work(tuple(claims))


@cache
def problem_of(text: str) -> Problem:
    """A problem, loaded once."""
    return loads(text)


def judge_of(problem: Problem) -> Judge:
    """The judge of a problem."""
    return Judge(Bench(problem.spec.graph, problem.context.verifier))
