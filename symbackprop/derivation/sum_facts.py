"""Where known sums come from: a declaration, labels that are one-hot, a quotient by its own sum."""

from __future__ import annotations

from symbackprop.core.tensors import Tensor
from symbackprop.derivation.cancelling import cancel_sums
from symbackprop.derivation.folding import Definition
from symbackprop.derivation.known_sums import KnownSum
from symbackprop.notation.forms import bind, product, single
from symbackprop.notation.normal import normal


def sum_of_quotient(definition: Definition, tensor: Tensor) -> KnownSum | None:
    """If the numerators sum to the denominator, the quotient sums to 1: proved by unfolding."""
    if len(definition.factors) != 2:
        return None
    first, second = (single(atom, exponent) for atom, exponent in definition.factors)
    for position, index in enumerate(definition.indices):
        whole = cancel_sums(normal(bind(product(first, second), (index,))))
        if whole.constant == 1:
            words = f"`{tensor.name}` sums to 1 by its definition"
            return KnownSum(tensor, (position,), words, proved=True)
    return None


def sum_of_onehot(onehot: Tensor, labels: Tensor) -> KnownSum | None:
    """Each line of ``onehot(y)`` sums to 1 by its definition; None where it has no such line."""
    if onehot.feature_axis not in onehot.index_axes:
        return None
    line = "row" if onehot.convention.vectors_are_rows else "column"
    name = f"`onehot({labels.name})`"
    words = f"each {line} of {name} sums to 1" if labels.shape else f"{name} sums to 1"
    position = onehot.index_axes.index(onehot.feature_axis)
    return KnownSum(onehot, (position,), f"{words}, as it is one-hot", proved=False, by_definition=True)


def declared_sum(tensor: Tensor) -> KnownSum | None:
    """The sum over all entries, or along the feature index, that the author declares to be 1."""
    facts = tensor.facts
    axes = tensor.index_axes
    if not axes:
        return None
    if facts.whole_sum_is_one:
        words = f"the entries of `{tensor.name}` sum to 1"
        return KnownSum(tensor, tuple(range(len(axes))), words, proved=False)
    if not (facts.one_hot or facts.sums_to_one) or tensor.feature_axis not in axes:
        return None
    if len(axes) == 1:
        words = f"the entries of `{tensor.name}` sum to 1"
    elif not tensor.is_matrix:
        words = f"`{tensor.name}` summed over its feature index is 1"
    else:
        line = "row" if tensor.axis_of_side(1) == tensor.feature_axis else "column"
        words = f"each {line} of `{tensor.name}` sums to 1"
    return KnownSum(tensor, (axes.index(tensor.feature_axis),), words, proved=False)
