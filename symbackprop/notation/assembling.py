"""What is left of a network when its bound indices are gone, as one expression."""

from __future__ import annotations

from symbackprop.core.expr import UNIT, Divide, Expr
from symbackprop.core.indexed import Indicator
from symbackprop.notation.building import hadamard, product
from symbackprop.notation.network import Network, NoSpelling, laid, ordered
from symbackprop.notation.slots import Place


def assemble(network: Network, row: Place, column: Place) -> Expr | None:
    """What is left of a network on the free indices, as one expression; None if nothing is."""
    nums, dens = arrays_of(network, row, column)
    if not nums and not dens:
        return None
    if len(nums) == 2 and not dens and _crosses(nums[0], nums[1]):
        return product(*nums)
    # A matrix first, then what is stretched to it, indicators last.
    top = hadamard(*sorted(nums, key=lambda num: isinstance(num, Indicator))) if nums else UNIT
    return Divide(top, hadamard(*dens)) if dens else top


def arrays_of(network: Network, row: Place, column: Place) -> tuple[list[Expr], list[Expr]]:
    """What is left on the free indices, laid out as (row, column)."""
    nums: list[Expr] = []
    dens: list[Expr] = []
    if row is not None and column is not None and row is not column:
        edge = network.edges.pop(frozenset((row, column)), None)
        if edge is not None:
            bundle = edge.facing(row)
            top = bundle.nums
            nums.extend([hadamard(*ordered(top))] if top else [])
            dens.extend(bundle.dens)
    for place, down in ((row, True), (column, False)):
        weight = network.weights.pop(place, None) if place is not None else None
        if weight is None:
            continue
        turned = laid(weight.nums, down=down)
        nums.extend([hadamard(*ordered(turned))] if turned else [])
        dens.extend(laid(weight.dens, down=down))
    if network.edges or network.weights:
        raise NoSpelling
    return nums, dens


def _crosses(left: Expr, right: Expr) -> bool:
    """Whether the two are a column and a row: their product is the outer product."""
    return left.shape[1].is_one and right.shape[0].is_one and not left.is_scalar and not right.is_scalar
