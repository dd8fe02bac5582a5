"""The quotient rule as it is written: (u' v - u v') / v^2."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.expr import UNIT, ZERO, Add, Divide, Expr, Hadamard, MatMul, Neg, Number, Power
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.lines import Lines
from symbackprop.derivation.places import in_entries
from symbackprop.derivation.written import written
from symbackprop.notation.forms import Form, Term
from symbackprop.notation.slots import Slot

TWO = Number(Fraction(2))


def quotient_line(
    lines: Lines, form: Form, tensor: Tensor, slots: tuple[Slot, ...], is_label: Callable[[Tensor], bool]
) -> Expr | None:
    """d(u/v) by one entry of ``tensor``; None if ``form`` is no quotient in whose ``v`` it stands.

    ``form`` is written out already, so that ``slots`` are whole numbers.
    """
    if len(form.terms) != 1 or form.terms[0].bound:
        return None
    term = form.terms[0]
    above = _part(term, term.coefficient, 1)
    below = _part(term, Fraction(1), -1)
    if not below.mentions(tensor):
        return None
    slope = lines.shop.slopes.differentiate
    slopes = (written(slope(part, tensor, slots), {}, is_label) for part in (above, below))
    top, bottom = (in_entries(lines, one) for one in slopes)
    if bottom == ZERO:
        return None
    u, v = in_entries(lines, above), in_entries(lines, below)
    return Divide(Add((_times(top, v), Neg(_times(u, bottom)))), Power(v, TWO))


def _part(term: Term, coefficient: Fraction, sign: int) -> Form:
    """The factors above the line, or below it."""
    factors = tuple((atom, sign * e) for atom, e in term.factors if sign * e > 0)
    return Form((Term(coefficient, factors),))


def _times(left: Expr, right: Expr) -> Expr:
    if ZERO in (left, right):
        return Hadamard((left, right))
    if UNIT in (left, right):
        return left if right == UNIT else right
    flat = [inner for one in (left, right) for inner in (one.factors if isinstance(one, MatMul) else (one,))]
    return MatMul(tuple(flat))
