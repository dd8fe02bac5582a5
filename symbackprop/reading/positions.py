"""Positions in slots: ``2*i + m - 1`` as coefficients of indices and a dim.

Positions are one-based, whatever they are called in the text (``notation.counting``).
"""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.notation.counting import placed
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import Chain, Minus, Name, Node, Num, Plus, Sub, Times, show
from symbackprop.reading.tokens import fail

Affine = tuple[dict[str, int], Dim]


def index_parts(letters: dict[str, int], scope: Scope) -> tuple[tuple[Index, int], ...]:
    """The indices of the letters, with their coefficients."""
    found = [(scope.index(letter), coefficient) for letter, coefficient in letters.items()]
    return tuple((index, coefficient) for index, coefficient in found if index is not None)


def no_position(slot: Node, scope: Scope) -> InputError:
    """The error about a slot that is no position."""
    for part in slot.walk():
        if isinstance(part, Name) and scope.value(part.name) is None:
            if scope.knows(part.name):
                return scope.unknown(part.name, part.at)
            return fail(
                f"the index {part.name} is neither bound by a sum nor on the left side",
                part.at,
                f"write sum[{part.name}](...) if it is summed",
                "unknown-symbol",
            )
        if isinstance(part, Sub | Name):
            hint = "an index is a letter, a number, or a label (a symbol with classes: K)"
            return fail(f"{show(part)} is not an index", part.at, hint)
    return fail(f"{show(slot)} is not a position", slot.at, "use indices, dims and whole numbers")


def positions_text(dim: Dim, scope: Scope) -> str:
    """All positions of an axis, as the author counts: ``1..n``."""
    return f"{scope.first}..{dim - (1 - scope.first)}"


def position_parts(node: Node, scope: Scope) -> Affine | None:
    """A position: as ``affine``, but one-based, whatever the text counts from."""
    parts = affine(node, scope)
    return None if parts is None else (parts[0], placed(parts[0].values(), parts[1], scope.first))


def affine(node: Node, scope: Scope) -> Affine | None:
    """Coefficients of the indices, and the rest as a dim; None if the node is not affine in whole numbers."""
    match node:
        case Num(_, value):
            return ({}, Dim(int(value))) if value.denominator == 1 else None
        case Name(_, name):
            if scope.index(name) is not None:
                return ({name: 1}, Dim(0))
            return ({}, Dim.named(name)) if name in scope.dims and name not in scope.tensors else None
        case Minus(_, arg):
            return _scaled(affine(arg, scope), -1)
        case Plus(_, terms):
            total: Affine | None = ({}, Dim(0))
            for term in terms:
                total = _added(total, affine(term, scope))
            return total
        case Chain(_, factors) | Times(_, factors):
            return _product(factors, scope)
    return None


def _product(factors: tuple[Node, ...], scope: Scope) -> Affine | None:
    total: Affine | None = ({}, Dim(1))
    for factor in factors:
        part = affine(factor, scope)
        if part is None or total is None:
            return None
        if not part[0] and part[1].is_number:
            total = _scaled(total, part[1].constant)
        elif not total[0] and total[1].is_number:
            total = _scaled(part, total[1].constant)
        else:
            return None
    return total


def _scaled(part: Affine | None, by: int) -> Affine | None:
    if part is None:
        return None
    return ({name: c * by for name, c in part[0].items() if c * by}, part[1] * by)


def _added(a: Affine | None, b: Affine | None) -> Affine | None:
    if a is None or b is None:
        return None
    total = dict(a[0])
    for name, coefficient in b[0].items():
        total[name] = total.get(name, 0) + coefficient
    return ({name: c for name, c in total.items() if c}, a[1] + b[1])
