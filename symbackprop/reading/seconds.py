"""What is differentiated twice: d2L/(dA dB) is the derivative by B of the array dL/dA."""

from __future__ import annotations

from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError


def gradient_of(of: Tensor, by: Tensor) -> Tensor:
    """The array dL/dA; InputError if L is no scalar, or A holds labels."""
    if not of.is_scalar:
        shape = " x ".join(str(dim) for dim in of.shape)
        raise InputError(
            f"{of.name} is not a scalar (it is {shape}); second derivatives are of scalars",
            code="shape",
            hint=f"differentiate the loss, or a sum over {of.name}",
        )
    if by.is_label:
        raise InputError(
            f"{by.name} holds labels; there is no derivative by a label",
            code="shape",
            hint="ask for the derivative by the scores or probabilities",
        )
    return of.gradient_by(by)
