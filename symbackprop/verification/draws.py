"""Entries for one symbol: random, never special, obeying what is declared about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symbackprop.core.tensors import Facts, Role, Tensor
from symbackprop.verification.point import Array, Point


@dataclass(frozen=True, slots=True)
class Manner:
    """How entries of which nothing is declared are drawn.

    span    for ``involved`` tensors, uniform between these bounds; None: normal like the others.
    spread  scales normal entries; a wide one reaches rare branches.
    """

    span: tuple[float, float] | None = None
    involved: frozenset[Tensor] = frozenset()
    spread: float = 1.0

    def span_of(self, tensor: Tensor) -> tuple[float, float] | None:
        """The bounds for this tensor."""
        return self.span if tensor in self.involved else None


def draw_values(tensor: Tensor, point: Point, rng: np.random.Generator, manner: Manner) -> Array:
    """An array oriented as ``tensor`` that obeys its facts; facts overrule the manner."""
    facts, shape = tensor.facts, point.oriented(tensor)
    if facts.classes is not None:
        return _labels(point.extent(facts.classes), shape, rng)
    if facts.one_hot:
        return _one_hot(tensor, shape, rng)
    if facts.one_of:
        return _choices([float(choice) for choice in facts.one_of], shape, rng)
    if facts.between is not None:
        low, high = (float(bound) for bound in facts.between)
        return low + (high - low) * rng.uniform(0.08, 0.92, shape)
    if facts.posdef:
        root = rng.normal(size=shape)
        return np.asarray(root @ root.T / shape[0] + 0.4 * np.diag(rng.uniform(0.8, 1.6, shape[0])))
    drawn = _plain(tensor, facts, shape, rng, manner)
    if facts.symmetric:
        drawn = (drawn + drawn.T) / 2
    if facts.sums_to_one:
        return _simplex(drawn, _feature_side(tensor))
    if facts.whole_sum_is_one:
        positive = facts.positive or manner.span_of(tensor) is not None
        return np.asarray(drawn / drawn.sum() if positive else drawn + (1 - drawn.sum()) / drawn.size)
    return drawn


def _plain(
    tensor: Tensor, facts: Facts, shape: tuple[int, int], rng: np.random.Generator, manner: Manner
) -> Array:
    span = manner.span_of(tensor)
    if facts.positive:
        low, high = span if span is not None and span[0] > 0 else (0.3, 1.8)
        return rng.uniform(low, high, shape)
    if facts.sums_to_one:
        return rng.uniform(0.2, 1.8, shape)
    if span is not None:
        return rng.uniform(*span, shape)
    drawn = manner.spread * rng.normal(size=shape)
    if tensor.rank >= 2 and tensor.role is Role.PARAMETER:
        drawn = drawn * min(1.0, np.sqrt(4.0 / (shape[0] + shape[1])))
    if facts.nonzero or tensor.rank == 0:
        drawn = np.sign(drawn) * (0.3 + np.abs(drawn))
    return np.asarray(drawn)


def _feature_side(tensor: Tensor) -> int:
    """The NumPy axis of the oriented array along which the feature index runs."""
    for side in (0, 1):
        if tensor.feature_axis is not None and tensor.axis_of_side(side) == tensor.feature_axis:
            return side
    return 1


def _simplex(drawn: Array, side: int) -> Array:
    return np.asarray(drawn / drawn.sum(axis=side, keepdims=True))


def _one_hot(tensor: Tensor, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """One 1 in each line along the feature index; over several lines more than one class occurs."""
    side = _feature_side(tensor)
    classes, lines = shape[side], shape[1 - side]
    labels = rng.integers(0, classes, lines)
    if lines > 1 and classes > 1 and (labels == labels[0]).all():
        labels[-1] = (labels[0] + 1) % classes
    table = np.zeros((lines, classes))
    table[np.arange(lines), labels] = 1.0
    return table if side == 1 else table.T


def _labels(classes: int, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Labels 1 .. classes, each as likely; of several labels not all the same."""
    return _choices([float(label) for label in range(1, classes + 1)], shape, rng)


def _choices(choices: list[float], shape: tuple[int, int], rng: np.random.Generator) -> Array:
    drawn = rng.choice(choices, size=shape)
    if drawn.size > 1 and len(choices) > 1 and (drawn == drawn.flat[0]).all():
        drawn.flat[-1] = next(choice for choice in choices if choice != drawn.flat[0])
    return np.asarray(drawn)
