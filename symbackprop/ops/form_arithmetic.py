"""Arithmetic on index forms: powers, quotients, dims as numbers, and the functions exp and log."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.notation.atoms import DimFactor, Fn, Group
from symbackprop.notation.forms import Form, number, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.ops.registry import lookup


def dim_form(dim: Dim) -> Form:
    """A dim as a form: a number where it is one, affine dims as sums of their names."""
    if dim.single_name is not None:
        return single(DimFactor(dim))
    parts = [number(dim.constant)]
    parts.extend(product(number(c), single(DimFactor(Dim.named(n)))) for n, c in dim.coefficients)
    return total(parts)


def inverse(form: Form) -> Form:
    """1 / form."""
    return power(form, Fraction(-1))


def power(base: Form, exponent: Fraction) -> Form:
    """``base ^ exponent``: taken into the factors where that is right for every sign."""
    value: int | Fraction = int(exponent) if exponent.denominator == 1 else exponent
    constant = base.constant
    if constant is not None and isinstance(value, int) and (constant != 0 or value > 0):
        return number(constant**value)
    if value == 1:
        return base
    if value == 0:
        return number(1)
    if len(base.terms) == 1:
        term = base.terms[0]
        lone = len(term.factors) == 1 and term.factors[0][1] == 1 and term.coefficient == 1
        if not term.bound and (isinstance(value, int) or lone):
            scale = term.coefficient**value if isinstance(value, int) else Fraction(1)
            inner = base.terms[0].factors
            form = number(scale)
            for atom, e in inner:
                form = product(form, single(atom, e * value))
            return form
    return normal(single(Group(base), value))


def exp_of(arg: Form) -> Form:
    """e^arg."""
    op = lookup("exp")
    assert op is not None
    return single(Fn(op, (normal(arg),)))


def log_of(arg: Form) -> Form:
    """The logarithm."""
    op = lookup("log")
    assert op is not None
    return single(Fn(op, (normal(arg),)))


def one_over(dim: Dim) -> Form:
    """1 / dim."""
    return inverse(dim_form(dim))
