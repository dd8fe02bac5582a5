"""How large the numbers are that a value is made of: what its rounding error is measured by.

Where a quantity is zero by cancellation (the gradient of a shift that softmax ignores), both
sides of a right line are rounding errors of unlike size. ``magnitudes`` evaluates an expression
with every sign made positive, and a ``Partial`` as the sum over all paths from ``by`` to ``of`` of
products of absolute local derivatives: a difference far below that is rounding, not a mistake.
It is asked for only where a comparison fails, and only at values that are themselves that small.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symbackprop.core.expr import Call, Divide, Expr, Indicator, Leaf, Neg, Number, Power
from symbackprop.core.tensors import Index, Tensor
from symbackprop.ops.registry import Structural
from symbackprop.verification.differences import Oracle
from symbackprop.verification.evaluate import RULES, Evaluator
from symbackprop.verification.point import Array
from symbackprop.verification.scope import Scope

LINEAR = frozenset({"rows", "columns", "dot", "outer", "diag", "diagonal", "square-scalar"})


class _Magnitude(Evaluator):
    """The same recursion with absolute values; what is not a sum of products is taken as it is."""

    def __init__(self, oracle: Oracle) -> None:
        super().__init__(oracle.point, expand=oracle.expand, partials=_Paths(oracle).jacobian)
        self.plain = oracle.evaluator
        self.rules = {
            **RULES, Leaf: _absolute, Number: _absolute, Power: _absolute, Indicator: _absolute,
            Neg: _negated, Divide: _divided, Call: _called,
        }  # fmt: skip


class _Paths:
    """Sums over paths of products of absolute local derivatives, each pair once."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._known: dict[tuple[Tensor, Tensor], Array] = {}

    def jacobian(self, of: Tensor, by: Tensor) -> Array:
        """An upper bound of |d of / d by|, entry by entry, 4-D."""
        found = self._known.get((of, by))
        if found is None:
            found = self._known[(of, by)] = self._sum(of, by)
        return found

    def _sum(self, of: Tensor, by: Tensor) -> Array:
        """Backwards from ``of``, one equation at a time: no recursion, however deep the pass is."""
        depends, derivative = self._oracle.dependencies, self._oracle.jacobian
        equations = depends.between(of, by)
        between = {by, *(equation.target for equation in equations)}
        bounds = {of: np.abs(derivative(of, of))}
        for equation in reversed(equations):
            above = bounds[equation.target]
            for tensor in depends.inputs(equation) & between:
                path = np.tensordot(above, np.abs(derivative(equation.target, tensor)), axes=2)
                bounds[tensor] = bounds[tensor] + path if tensor in bounds else path
        return bounds.get(by, np.abs(derivative(of, by)))


def _absolute(host: _Magnitude, node: Expr, scope: Scope) -> Array:
    return np.abs(host.plain.value(node, scope))


def _negated(host: _Magnitude, node: Neg, scope: Scope) -> Array:
    return host.value(node.arg, scope)


def _divided(host: _Magnitude, node: Divide, scope: Scope) -> Array:
    return np.asarray(host.value(node.num, scope) / np.abs(host.plain.value(node.den, scope)))


def _called(host: _Magnitude, node: Call, scope: Scope) -> Array:
    op = node.op
    if isinstance(op, Structural) and (op.shape_rule in LINEAR or op.name in ("sum", "mean")):
        return RULES[Call](host, node, scope)
    return np.abs(host.plain.value(node, scope))


def magnitudes(oracle: Oracle, node: Expr, indices: Sequence[Index] = (), count: int | None = None) -> Array:
    """The magnitude of ``node`` over ``indices``, axes as in ``Evaluator.over``."""
    with np.errstate(all="ignore"):
        return np.abs(_Magnitude(oracle).over(node, indices, count))


def path_magnitude(oracle: Oracle, of: Tensor, by: Tensor) -> Array:
    """The same for d of / d by, 4-D."""
    with np.errstate(all="ignore"):
        return _Paths(oracle).jacobian(of, by)
