"""Whether a damaged line is wrong at all: decided by the verifier at its own points, never by the checker."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Hadamard, Leaf, MatMul, Partial, Transpose
from symbackprop.core.indexed import Element, Slice
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
            fate = "live" if layout == own else _in_layout(mutant, layout)
            if fate in ("unchanged", "layout", "slip"):
                return "slip" if fate == "slip" else "layout"
    return found


def _in_layout(mutant: Mutant, layout: str) -> str:
    problem = problem_in(mutant.line.network, layout)
    spec = problem.spec
    claims = read_work(
        mutant.text, WorkScope(spec.graph, spec.notation, problem.context.names, layout), "md"
    ).claims
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
        pairs = [(Transpose(left.expr), right.expr), (left.expr, Transpose(right.expr))]
        for flipped in (False, True):
            for kinds in ((), _GRADIENTS, _VECTORS):
                one, other = (_lying(side, kinds, flipped) for side in (left.expr, right.expr))
                pairs.append((one, other))
        for one, other in pairs:
            if shape_of(left.expr) is not None and verifier.check_equal(one, other).status == "holds":
                return "layout"
        scaled = _scaled(right.expr)
        if scaled != right.expr and verifier.check_equal(left.expr, scaled).status == "holds":
            return "slip"
    return found


_GRADIENTS = (Partial,)
_VECTORS = (Partial, Leaf)


def _lying(expr: Expr, kinds: tuple[type[Expr], ...], flipped: bool) -> Expr:
    """The formula with vectors (or gradients alone) lying the other way, Jacobians perhaps transposed."""
    if isinstance(expr, Jacobian):
        return Transpose(expr) if flipped else expr
    base = expr.base if isinstance(expr, Slice) else expr
    if isinstance(base, Leaf | Partial):
        tensor = base.array
        vector = isinstance(expr, Slice) or tensor.rank == 1
        return Transpose(expr) if vector and isinstance(base, kinds) else expr
    return expr if isinstance(expr, Element) else expr.map_children(lambda part: _lying(part, kinds, flipped))


def _scaled(expr: Expr) -> Expr:
    """A matrix times one number for each of its rows, row by row: what it is for one example."""
    changed = expr.map_children(_scaled)
    if isinstance(changed, MatMul) and len(changed.factors) == 2:
        first, second = (shape_of(factor) for factor in changed.factors)
        if first is not None and second is not None and first[0] == second[0] and second[1].is_one:
            return Hadamard(changed.factors) if not first[0].is_one and first[1] != second[0] else changed
    return changed


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
