"""What is differentiated twice: d2L/(dA dB) is the derivative by B of the array dL/dA."""

from __future__ import annotations

from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError
from symbackprop.reading.tokens import Place


def gradient_of(of: Tensor, by: Tensor, at: Place | None = None) -> Tensor:
    """The array dL/dA; InputError if L is no scalar, or A holds labels."""
    place = (None, None) if at is None else (at.line, at.column)
    if not of.is_scalar:
        shape = " x ".join(str(dim) for dim in of.shape)
        raise InputError(
            f"{of.name} is not a scalar (it is {shape}); second derivatives are of scalars",
            code="shape",
            line=place[0],
            column=place[1],
            hint=f"differentiate the loss, or a sum over {of.name}",
        )
    if by.is_label:
        raise InputError(
            f"{by.name} holds labels; there is no derivative by a label",
            code="shape",
            line=place[0],
            column=place[1],
            hint="ask for the derivative by the scores or probabilities",
        )
    return of.gradient_by(by)
