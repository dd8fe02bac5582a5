"""Values of calls: forward functions, primes by differences, formulas where there is no function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from symbackprop.core.expr import Call, Expr, Leaf
from symbackprop.ops.registry import Elementwise, Structural
from symbackprop.verification.extents import require_extents, spelled
from symbackprop.verification.point import Array, Expand, KinksOf, Point, Refusal, ShapeClash, Watched
from symbackprop.verification.scope import Scope
from symbackprop.verification.slopes import derivative

LEAST_REGULAR = 0.02  # of the largest singular value


class Host(Protocol):
    """What these rules need of the evaluator."""

    point: Point
    watch: list[Watched] | None
    kinks_of: KinksOf | None
    expand: Expand | None

    def value(self, node: Expr, scope: Scope) -> Array: ...
    def expanded(self, call: Call) -> Expr: ...
    def formula_at(self, call: Call, arrays: Sequence[Array]) -> Array: ...


def value(host: Host, node: Call, scope: Scope) -> Array:
    """The value of a call; of ``relu'(U)`` by differences of the function, never by its stated slope."""
    if isinstance(node.op, Structural):
        return _structural(host, node, node.op, scope)
    if isinstance(node.op, Elementwise):
        return _elementwise(host, node, node.op, scope)
    raise Refusal(f"nothing is known about the values of {node.op.name}")


def _elementwise(host: Host, node: Call, op: Elementwise, scope: Scope) -> Array:
    args = [host.value(arg, scope) for arg in node.args]
    require_extents(node.args, args)
    tied = op.name in ("max", "min")
    if tied and _is_number(node.args[1]):  # at a tie the slope is that of the number
        found = _applied(host, node, op, args[::-1], scope)
    else:
        found = _applied(host, node, op, args, scope)
    if host.watch is not None and op.kinks:
        # Two arguments that are equal wherever we look are one: no kink, whatever their value.
        value = np.zeros_like(np.real(found)) if tied else np.real(found)
        host.watch.extend((np.real(kink), value) for kink in _kinks(host, node, op, args, scope))
    return found


def _is_number(node: Expr) -> bool:
    return not any(isinstance(part, Leaf) for part in node.walk())


def _applied(host: Host, node: Call, op: Elementwise, args: Sequence[Array], scope: Scope) -> Array:
    function = _function(host, op)
    if function is None and not node.primes:
        return host.value(host.expanded(node), scope)
    if function is None:
        function = _from_formula(host, node)
    if not node.primes:
        return np.asarray(function(*args))
    try:
        first = np.broadcast_to(args[0], np.broadcast_shapes(*(arg.shape for arg in args)))
        return derivative(lambda x: np.asarray(function(x, *args[1:])), first, node.primes)
    except Refusal as refusal:
        raise Refusal(f"{refusal} ({op.name}{chr(39) * node.primes})") from None


def _function(host: Host, op: Elementwise) -> Callable[..., Any] | None:
    """The function of an operation: a stand-in, its forward function, or None if it has a formula."""
    standin = host.point.functions.get(op)
    if standin is not None:
        return standin
    if op.abstract:
        raise Refusal(f"{op.name} is arbitrary and has no stand-in")
    return op.forward


def _from_formula(host: Host, node: Call) -> Callable[..., Array]:
    return lambda *arrays: host.formula_at(node, arrays)


def _kinks(host: Host, node: Call, op: Elementwise, args: Sequence[Array], scope: Scope) -> list[Array]:
    """The quantities whose zeros are kinks; a parameter or a difference of two is read here."""
    if all(_is_discrete(arg) for arg in node.args):
        return []
    by_name = {param.name: arg for param, arg in zip(op.params, args, strict=True)}
    found: list[Array] = []
    for formula in op.kinks:
        names = [part.strip() for part in formula.split(" - ")]
        if len(names) > 2 or any(name not in by_name for name in names):
            return _told_kinks(host, node, scope)
        found.append(by_name[names[0]] if len(names) == 1 else by_name[names[0]] - by_name[names[1]])
    return found


def _told_kinks(host: Host, node: Call, scope: Scope) -> list[Array]:
    if host.kinks_of is None:
        raise Refusal(f"the kinks of {node.op.name} are not known")
    return [host.value(kink, scope) for kink in host.kinks_of(node)]


def _is_discrete(node: Expr) -> bool:
    return isinstance(node, Leaf) and (node.tensor.facts.one_hot or bool(node.tensor.facts.one_of))


def _structural(host: Host, node: Call, op: Structural, scope: Scope) -> Array:
    shape = (host.point.extent(node.call_shape[0]), host.point.extent(node.call_shape[1]))
    created = _created(op, shape)
    if created is not None:
        return created
    if host.watch is not None and op.definition is not None and host.expand is not None:
        host.value(host.expanded(node), scope)
    args = [host.value(arg, scope) for arg in node.args]
    if op.shape_rule in ("reshape", "pad"):
        return _rearranged(op, args[0], shape, args[-1])
    if host.watch is not None and op.domain == "regular" and not _is_regular(args[0]):
        return np.full((*args[0].shape[:-2], *shape), np.nan)
    if host.watch is not None and op.note is not None:
        host.watch.append(_runner_up(args[0], op.name))
    if op.shape_rule == "onehot":
        return _one_hot(args[0], shape, node.axis)
    if op.shape_rule == "diagonal":
        result = _diagonal(args[0], shape)
    elif op.forward is not None:
        if op.shape_rule == "dot":
            require_extents(node.args[:2], args[:2])
        result = _forward(op, args, node.axis)
    else:
        result = host.value(host.expanded(node), scope)
    if result.shape[-2:] != shape:
        raise ShapeClash(f"{op.name} of {' and '.join(spelled(arg.shape) for arg in node.args)}")
    return result


def _is_regular(matrix: Array) -> bool:
    """Whether no direction of a matrix nearly vanishes: else its inverse is mostly rounding."""
    if matrix.shape[-1] != matrix.shape[-2] or not np.isfinite(matrix).all():
        return False
    sizes = np.linalg.svd(matrix, compute_uv=False)
    return bool((sizes[..., -1] > LEAST_REGULAR * sizes[..., 0]).all())


def _rearranged(op: Structural, array: Array, shape: tuple[int, int], width: Array) -> Array:
    """The same numbers row by row in another shape; or zeros round them."""
    lead = array.shape[:-2]
    if op.shape_rule == "reshape":
        if array.shape[-1] * array.shape[-2] != shape[0] * shape[1]:
            raise ShapeClash(f"{op.name} to {shape[0]} x {shape[1]} of another number of entries")
        return array.reshape(lead + shape)
    margins = [(whole - own) // 2 for own, whole in zip(array.shape[-2:], shape, strict=True)]
    if any(margin not in (0, int(np.real(width).ravel()[0])) for margin in margins):
        raise ShapeClash("pad to a shape that does not fit")
    return np.pad(array, [(0, 0)] * len(lead) + [(margin, margin) for margin in margins])


def _runner_up(array: Array, name: str) -> Watched:
    """How far the second largest is from the largest: 0 at a tie."""
    values = np.real(array if "max" in name else -array)
    if name.startswith("row"):
        lines = values
    elif name.startswith("col"):
        lines = np.swapaxes(values, -1, -2)
    else:
        lines = values.reshape((*values.shape[:-2], 1, -1))
    ordered = np.sort(lines, axis=-1)
    best = ordered[..., -1]
    return (best - ordered[..., -2] if ordered.shape[-1] > 1 else np.ones_like(best), best)


def _one_hot(labels: Array, shape: tuple[int, int], axis: str | None) -> Array:
    """A line for each label with its 1 at the class that the label says; labels count from 1."""
    flat = labels.reshape((*labels.shape[:-2], -1))
    classes = np.arange(1, shape[1 if axis == "rows" else 0] + 1)
    found = (flat[..., :, None] == classes).astype(float)
    return found if axis == "rows" else np.swapaxes(found, -1, -2)


def _diagonal(matrix: Array, shape: tuple[int, int]) -> Array:
    """The diagonal as a vector that lies as the call says."""
    entries = np.diagonal(matrix, axis1=-2, axis2=-1)
    if matrix.shape[-1] != matrix.shape[-2] or entries.shape[-1] != shape[0] * shape[1]:
        raise ShapeClash("diagonal of a matrix that is not square")
    return entries.reshape(entries.shape[:-1] + shape)


def _created(op: Structural, shape: tuple[int, int]) -> Array | None:
    """eye, ones and zeros are known by their shape alone."""
    if op.shape_rule == "eye":
        return np.eye(*shape)
    if op.shape_rule == "ones":
        return np.ones(shape)
    if op.shape_rule == "zeros":
        return np.zeros(shape)
    return None


def _forward(op: Structural, args: Sequence[Array], axis: str | None) -> Array:
    """The forward function over leading axes; lines are independent, so stacks of them go at once."""
    forward: Callable[..., Any] = op.forward  # type: ignore[assignment]  # the caller has looked
    lead = np.broadcast_shapes(*(arg.shape[:-2] for arg in args))
    if not lead:
        return np.asarray(forward(args, axis))
    if op.kind == "along" and len(args) == 1 and axis == "rows":
        rows = forward([args[0].reshape(-1, args[0].shape[-1])], axis)
        return np.asarray(rows.reshape(lead + args[0].shape[-2:-1] + rows.shape[-1:]))
    if op.kind == "along" and len(args) == 1 and axis == "columns":
        turned = np.moveaxis(args[0], -2, 0)
        columns = forward([turned.reshape(turned.shape[0], -1)], axis)
        return np.moveaxis(columns.reshape(columns.shape[:1] + turned.shape[1:]), 0, -2)
    flat = [np.broadcast_to(arg, lead + arg.shape[-2:]).reshape((-1, *arg.shape[-2:])) for arg in args]
    each = [np.asarray(forward(slices, axis)) for slices in zip(*flat, strict=True)]
    return np.stack(each).reshape(lead + each[0].shape)
