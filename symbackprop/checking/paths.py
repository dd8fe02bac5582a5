"""Paths by which a quantity reaches the loss, and which of them a wrong derivative left out.

Each place where a tensor stands on the right side of an equation is one path; its share of dL/dA is that
of the loss through this place alone. Shares are numbers at one point, so that a forgotten path is recognised
whatever it would be spelled as.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from symbackprop.core.expr import Add, Divide, Expr, Leaf
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Role, Tensor
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import Evaluator
from symbackprop.verification.point import Array, Refusal

TINY = 1e-30
MOST_PATHS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One place where ``by`` is used, and its share of the derivative (shaped like ``by``)."""

    equation: Equation
    share: Array
    base: Array
    alone: bool = True  # nothing but parameters and constants stands in its term

    def is_penalty(self, by: Tensor) -> bool:
        """Whether a parameter enters a scalar alone: its share is a multiple of it, or of its signs."""
        if not self.alone or not self.equation.target.is_scalar or by.role is not Role.PARAMETER:
            return False
        return any(_is_multiple(self.share, base) for base in (self.base, np.sign(self.base)))


def paths_of(run: Oracle, of: Tensor, by: Tensor) -> list[Path]:
    """The paths from ``by`` to the scalar ``of``."""
    found = []
    for equation in run.dependencies.graph.equations:
        if equation.expr is None or by not in equation.inputs or not of.is_scalar:
            continue
        if equation.target is not of and not run.dependencies.between(of, equation.target):
            continue
        for changed, copy in _places(equation, by):
            local = _local(run, changed, copy, by)
            outer = np.ones((1, 1)) if equation.target is of else run.partial(of, equation.target)
            share = np.einsum("ab,abcd->cd", outer, local)
            found.append(Path(equation, share, run.point.values[by], _stands_alone(changed, copy)))
    return found


def _stands_alone(equation: Equation, copy: Tensor) -> bool:
    """Whether the term in which an array is used has nothing else in it but parameters and constants."""
    assert equation.expr is not None
    terms = equation.expr.terms if isinstance(equation.expr, Add) else (equation.expr,)
    for term in terms:
        tensors = {node.tensor for node in term.walk() if isinstance(node, Leaf)}
        if copy in tensors:
            divisors = [node.den for node in term.walk() if isinstance(node, Divide)]
            if any(Leaf(copy) in divisor.walk() for divisor in divisors):
                return False
            return all(one is copy or one.role in (Role.PARAMETER, Role.CONSTANT) for one in tensors)
    return False


def _places(equation: Equation, by: Tensor) -> Iterator[tuple[Equation, Tensor]]:
    """The equation with one use of ``by`` replaced by a copy, for each use."""
    assert equation.expr is not None
    uses = sum(isinstance(node, Leaf) and node.tensor is by for node in equation.expr.walk())
    for number in range(uses):
        copy = Tensor(by.name, by.shape, by.convention, by.role)
        yield replace(equation, expr=_copied(equation.expr, by, copy, [number])), copy


def _copied(expr: Expr, by: Tensor, copy: Tensor, left: list[int]) -> Expr:
    if isinstance(expr, Leaf):
        if expr.tensor is not by:
            return expr
        left[0] -= 1
        return Leaf(copy) if left[0] == -1 else expr
    return expr.map_children(lambda child: _copied(child, by, copy, left))


def _local(run: Oracle, equation: Equation, copy: Tensor, by: Tensor) -> Array:
    """d target / d copy, by a complex step."""
    base = run.point.values[by]
    units = np.zeros((base.size, *base.shape))
    units.reshape(base.size, -1)[np.arange(base.size), np.arange(base.size)] = 1.0
    evaluator = Evaluator(run.point, expand=run.expand, overrides={copy: base + 1j * TINY * units})
    value = np.imag(evaluator.solve(equation)) / TINY
    value = np.broadcast_to(value, (base.size, *value.shape[-2:]))
    return np.asarray(np.moveaxis(value, 0, -1).reshape((*value.shape[-2:], *base.shape)))


def forgotten(run: Oracle, of: Tensor, by: Tensor, wrong: Array) -> tuple[Path, ...] | None:
    """The paths whose shares are what ``wrong`` lacks; None if that explains nothing."""
    try:
        known = paths_of(run, of, by)
        true = run.partial(of, by)
    except (Refusal, ValueError):
        return None
    if not 2 <= len(known) <= MOST_PATHS or wrong.shape != true.shape:
        return None
    scale = max(float(np.abs(true).max()), 1e-300)
    for count in range(1, len(known)):
        for some in combinations(known, count):
            if np.abs(true - wrong - sum(path.share for path in some)).max() <= 1e-7 * scale:
                return some
    return None


def _is_multiple(array: Array, base: Array) -> bool:
    """Whether two arrays are proportional."""
    factor = float((array * base).sum() / max(float((base * base).sum()), 1e-300))
    return bool(np.abs(array - factor * base).max() <= 1e-9 * max(float(np.abs(array).max()), 1e-300))


def diagonal_only(run: Oracle, of: Tensor, by: Tensor, through: Tensor) -> Array | None:
    """dL/dZ as if the function from Z to P acted entry by entry."""
    try:
        outer, local = run.partial(of, through), run.jacobian(through, by)
    except Refusal:
        return None
    if local.shape[:2] != local.shape[2:]:
        return None
    return np.asarray(outer * np.einsum("abab->ab", local))


__all__ = ["Element", "Path", "diagonal_only", "forgotten", "paths_of"]
