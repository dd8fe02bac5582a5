"""Causes that are recognised by their numbers, whatever the line is spelled as.

A forgotten path or penalty is what a wrong derivative lacks; softmax as if it acted entry by entry has
a value of its own.
"""

from __future__ import annotations

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.light import light_of
from symbackprop.checking.outcome import Setting
from symbackprop.checking.paths import Path, diagonal_only, forgotten
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.expr import Expr
from symbackprop.core.tensors import Tensor
from symbackprop.verification.differences import Oracle
from symbackprop.verification.point import Array, Refusal


def recognised(
    bench: Bench, words: Vocabulary, left: Expr, right: Expr, setting: Setting
) -> tuple[str, str] | None:
    """(cause, what is missing): a path, a regulariser, softmax as if elementwise."""
    light = light_of(bench, left, right, setting.named)
    if light is None:
        return None
    try:
        run = bench.runs[0]
        wrong = light.value(bench, run)
    except (Refusal, ValueError):
        return None
    if wrong.shape[:2] != (1, 1):
        return None
    found = _path(run, light.of, light.by, wrong[0, 0])
    if found is not None:
        penalty = all(path.is_penalty(light.by) for path in found)
        if not penalty and all(path.equation.target is light.of for path in found):
            return None  # a term of the formula itself
        cause = "missing-regulariser" if penalty else "single-path"
        return cause, " and ".join(path.equation.text for path in found)
    for target, argument in (*((one[0], one[1]) for one in words.softmaxes), *_shares(bench, run, light.by)):
        if argument is light.by:
            naive = diagonal_only(run, light.of, light.by, target)
            if naive is not None and _close(naive, wrong[0, 0]):
                return "softmax-diagonal", ""
    return None


def _shares(bench: Bench, run: Oracle, by: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What a softmax that is written out makes of an array: shares, which add up to 1 along one axis."""
    found = []
    for equation in bench.graph.equations:
        value = run.point.values.get(equation.target)
        same = equation.target.shape == by.shape and by in equation.inputs
        if same and value is not None and value.size > 1 and (value > 0).all():
            whole = run.point.declared(equation.target)
            if any(np.allclose(whole.sum(axis=axis), 1.0) for axis in range(whole.ndim)):
                found.append((equation.target, by))
    return found


def _path(run: Oracle, of: Tensor, by: Tensor, wrong: Array) -> tuple[Path, ...] | None:
    found = forgotten(run, of, by, wrong)
    if found is None or _close(wrong, np.zeros_like(wrong)):
        return None
    return found


def _close(a: Array, b: Array) -> bool:
    if a.shape != b.shape:
        return False
    scale = max(float(np.abs(a).max()), float(np.abs(b).max()), 1e-300)
    return bool(np.abs(a - b).max() <= 1e-7 * scale)
