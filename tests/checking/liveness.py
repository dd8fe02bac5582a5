"""Whether a damaged line is wrong at all: decided by the verifier at its own points, never by the checker."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from symbackprop.core.expr import Expr, MatMul, Transpose
from symbackprop.core.written import shape_of
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim
from symbackprop.verification.replay import Verifier
from tests.checking.keys import problem_of
from tests.checking.mutants import Mutant


@cache
def verifier_of(network: str) -> Verifier:
    """A verifier of its own for each network."""
    context = problem_of(network).context
    return Verifier(context.graph, seeds=(17, 23, 41), expand=context.expand, kinks_of=context.kinks)


def liveness(mutant: Mutant) -> str:
    """live, unchanged (still true), layout, slip (two columns side by side) or unread."""
    spec = problem_of(mutant.line.network).spec
    scope = WorkScope(spec.graph, spec.notation, problem_of(mutant.line.network).context.names, spec.layout)
    claims = read_work(mutant.text, scope, "md").claims
    if len(claims) != 1 or not list(claims[0].readings()):
        return "unread"
    return _of(claims[0], verifier_of(mutant.line.network))


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
        for one, other in ((Transpose(left.expr), right.expr), (left.expr, Transpose(right.expr))):
            if shape_of(left.expr) is not None and verifier.check_equal(one, other).status == "holds":
                return "layout"
    return found


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
