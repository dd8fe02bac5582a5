"""Whether a damaged line is wrong at all: decided by the verifier at its own points, never by the checker."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from symbackprop.core.expr import Element, Expr, Leaf, MatMul, Partial, Transpose
from symbackprop.core.written import shape_of
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim
from symbackprop.verification.replay import Verifier
from tests.checking.keys import problem_in, problem_of
from tests.checking.mutants import Mutant
from tests.checking.networks import LAYOUTS


@cache
def verifier_of(network: str, layout: str) -> Verifier:
    """A verifier of its own for each network and layout."""
    context = problem_in(network, layout).context
    return Verifier(context.graph, seeds=(17, 23, 41), expand=context.expand, kinks_of=context.kinks)


def liveness(mutant: Mutant) -> str:
    """live, unchanged (still true), layout, slip (two columns side by side) or unread."""
    found = _in_layout(mutant, problem_of(mutant.line.network).spec.layout)
    if found == "live":
        own = problem_of(mutant.line.network).spec.layout
        for layout in LAYOUTS:
            if layout != own and _in_layout(mutant, layout) == "unchanged":
                return "layout"
    return found


def _in_layout(mutant: Mutant, layout: str) -> str:
    problem = problem_in(mutant.line.network, layout)
    spec = problem.spec
    claims = read_work(mutant.text, WorkScope(spec.graph, spec.notation, problem.context.names, layout), "md").claims
    if len(claims) != 1 or not list(claims[0].readings()):
        return "unread"
    return _of(claims[0], verifier_of(mutant.line.network, layout))


def _of(claim: Claim, verifier: Verifier) -> str:
    found = "live"
    for left, right in claim.readings():
        if left.opaque or right.opaque:
            return "unread"
        if _columns(right.expr):
            return "slip"
        status = verifier.check_equal(left.expr, right.expr).status
        if status == "holds":
            return "unchanged"
        if status == "not-checked":
            found = "unread"
        lying = _turned(left.expr), _turned(right.expr)  # vectors the other way
        for one, other in ((Transpose(left.expr), right.expr), (left.expr, Transpose(right.expr)), lying):
            if shape_of(left.expr) is not None and verifier.check_equal(one, other).status == "holds":
                return "layout"
    return found


def _turned(expr: Expr) -> Expr:
    """The formula with every vector lying the other way."""
    if isinstance(expr, Leaf | Partial):
        tensor = expr.tensor if isinstance(expr, Leaf) else expr.by
        return Transpose(expr) if tensor.rank == 1 else expr
    return expr if isinstance(expr, Element) else expr.map_children(_turned)


def _columns(expr: Expr) -> bool:
    """Whether two vectors that lie alike stand side by side."""
    for node in expr.walk():
        if isinstance(node, MatMul):
            shapes = [shape_of(factor) for factor in node.factors]
            for first, second in pairwise(shapes):
                if first is None or second is None:
                    continue
                for side in (0, 1):
                    if all(s[side].is_one and not s[1 - side].is_one for s in (first, second)):
                        return True
    return False
