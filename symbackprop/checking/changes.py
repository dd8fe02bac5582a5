"""Lines about small changes, ``dL = tr(G^T dZ)``: what first-order changes of some arrays make of others.

Of the arrays that stand behind a d in a line, those that depend on no other one of them are moved, each in a
direction of its own; what the others change by follows from the forward pass. So ``dZ = dW X`` speaks of a
change of W alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Change
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.point import Array, Refusal
from symbackprop.verification.scope import Scope

if TYPE_CHECKING:
    from symbackprop.checking.seer import Seer

TINY, STEP = 1e-30, 1e-5


def changed(*sides: Expr) -> list[Tensor]:
    """The arrays that stand behind a d, also inside a formula."""
    return list(dict.fromkeys(tensor for side in sides for tensor in _changed(side)))


def _changed(side: Expr) -> Iterator[Tensor]:
    for node in side.walk():
        if isinstance(node, Change):
            yield from (part.tensor for part in node.walk() if isinstance(part, Leaf))


def directions(run: Oracle, sides: tuple[Expr, ...]) -> dict[Tensor, Array]:
    """A direction for each array that is moved; {} for a line that speaks of no changes."""
    named = [tensor for tensor in changed(*sides) if tensor in run.point.values]
    parts = [part.arg for side in sides for part in side.walk() if isinstance(part, Change)]
    alone = {part.tensor for part in parts if isinstance(part, Leaf)}
    roots = _first(run, named, alone)
    for part in parts:  # df = d(r^T r / 2): what stands in the formula is moved, where nothing else moves it
        leaves = {node.tensor for node in part.walk() if isinstance(node, Leaf)}
        if not any(set(roots) & set(run.dependencies.ancestors(one)) for one in leaves):
            roots = _first(run, named, set(named))
    rng = np.random.default_rng([run.point.seed, 41])
    return {one: rng.normal(size=run.point.values[one].shape) for one in roots}


def _first(run: Oracle, named: list[Tensor], some: set[Tensor]) -> list[Tensor]:
    """Those of ``some`` that depend on no other one of them."""
    return [one for one in named if one in some and some.isdisjoint(run.dependencies.ancestors(one) - {one})]


def value(seer: Seer, node: Change, scope: Scope) -> Array:
    """The first-order change of an array or a formula."""
    moved = seer.changes
    if not moved:
        raise Refusal("a small change stands beside nothing that changes")
    if isinstance(node.arg, Leaf) and node.arg.tensor in moved:
        return scope.lift(seer.seen(node.arg.tensor, moved[node.arg.tensor]))

    def at(step: complex) -> Array:
        overrides = {t: seer.point.values[t] + step * way for t, way in moved.items()}
        evaluator = Evaluator(seer.point, expand=seer.expand, overrides=overrides)
        reached = set(moved)
        for equation in seer.oracle.dependencies.graph.equations:
            if equation.target not in moved and not reached.isdisjoint(equation.inputs):
                overrides[equation.target] = evaluator.solve(equation)
                reached.add(equation.target)
        return seer.where(overrides).value(node.arg, scope)

    stepped = np.imag(at(1j * TINY)) / TINY
    central = np.real(at(STEP) - at(-STEP)) / (2 * STEP)
    close = np.abs(stepped - central) <= 1e-5 * np.maximum(1.0, np.abs(central))
    return np.where(close, stepped, central)
