"""Concrete smooth functions in the place of those the author left arbitrary.

A stand-in is analytic (so that a complex step works), has no symmetry, and its first two
derivatives vary: a line that holds for it by accident would need three accidents in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from symbackprop.verification.point import AbstractScalar, Array


def elementwise_standin(rng: np.random.Generator, lift: float = 0.0) -> Callable[..., Array]:
    """A random ``f(x, ...)``, entry by entry; ``lift`` raises it (for outputs that must be positive)."""
    a, b, c = rng.uniform(0.4, 1.1, (3, 3))
    quadratic, slope = rng.uniform(0.1, 0.3), rng.uniform(0.2, 0.6)
    weights = rng.uniform(0.5, 1.3, 16)

    def apply(*arrays: Array) -> Array:
        x = sum((weight * array for weight, array in zip(weights, arrays, strict=False)), np.zeros((1, 1)))
        wave = a[0] * np.sin(b[0] * x + c[0]) + a[1] * np.tanh(b[1] * x - c[1])
        return np.asarray(wave + quadratic * x * x + slope * x + lift)

    return apply


def scalar_standin(seed: Sequence[int]) -> AbstractScalar:
    """A random scalar of all entries of its arguments: a quadratic form, sines, and a sine of a mix.

    The coefficients are drawn when the number of entries is known, always the same for one seed.
    """

    def apply(arrays: Sequence[Array]) -> Array:
        lead = np.broadcast_shapes(*(array.shape[:-2] for array in arrays)) if arrays else ()
        parts = [np.broadcast_to(a, lead + a.shape[-2:]).reshape((*lead, -1)) for a in arrays]
        v = np.concatenate(parts, axis=-1) if parts else np.zeros((1,))
        rng = np.random.default_rng(list(seed))
        n = v.shape[-1]
        form = rng.normal(size=(n, n)) / np.sqrt(n)
        frequency, phase, height, mix = rng.uniform(0.4, 1.2, (4, n))
        # Of moderate size whatever n is: what the author makes of it (tanh(J)) shall not saturate.
        waves = height * (np.sin(frequency * v + phase) - np.sin(phase))
        value = (((v @ form) * v).sum(axis=-1) / 2 + waves.sum(axis=-1)) / np.sqrt(n)
        return np.asarray(value + np.sin(v @ mix / np.sqrt(n)))[..., None, None]

    return apply
