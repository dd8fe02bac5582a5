"""SymPy's scalar expressions as plain text: arithmetic and elementary functions.

The same code reads the body of a function applied entry by entry; there products are elementwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from symbackprop.errors import InputError
from symbackprop.notation.sympy_base import is_matrix, shape_of
from symbackprop.reading.syntax import Minus, Node, Num
from symbackprop.symbolic.entries import EntryReader, brief
from symbackprop.symbolic.nodes import NOWHERE, call, chain, minus, name, number, over, plus, power, times
from symbackprop.symbolic.order import terms_of

_ELEMENTARY = {
    sympy.exp: "exp", sympy.log: "log", sympy.tanh: "tanh", sympy.sin: "sin", sympy.cos: "cos",
    sympy.erf: "erf", sympy.Abs: "abs", sympy.sign: "sign",
}  # fmt: skip
_HALF = sympy.Rational(1, 2)


class NumberReader(EntryReader):
    """Numbers, symbols, sums, products, powers and functions of numbers."""

    def number_node(self, value: Any) -> Node:
        """The syntax of a scalar expression."""
        match value:
            case sympy.Rational():
                return number(Fraction(int(value.p), int(value.q)))
            case sympy.Float():
                return _decimal(value)
            case sympy.Symbol():
                found = self.bare(value)
                return found if found is not None else name(self.table.name(value))
            case sympy.Add():
                return plus([self.node(term) for term in terms_of(value)])
            case sympy.Mul():
                return self.product(value)
            case sympy.Pow():
                return self.scalar_power(value.base, value.exp)
            case sympy.matrices.expressions.matexpr.MatrixElement():
                return self.element(value)
            case sympy.Sum():
                return self.binder("sum", value)
            case sympy.Product():
                return self.binder("prod", value)
            case sympy.KroneckerDelta():
                return self.delta(value)
            case sympy.Piecewise():
                return self.piecewise(value)
            case _:
                return self.function(value)

    def function(self, value: Any) -> Node:
        """An elementary function of a number, or an arbitrary one."""
        if value is sympy.pi:
            return name("pi")
        if value is sympy.E:
            return call("exp", number(1))
        if isinstance(value, sympy.Max | sympy.Min):
            return self.extreme("max" if isinstance(value, sympy.Max) else "min", list(value.args))
        known = _ELEMENTARY.get(value.func)
        if known is not None and len(value.args) == 1:
            return call(known, self.argument(value, known))
        if isinstance(value, AppliedUndef) and len(value.args) == 1:
            shown = str(value.func)
            self.table.functions.setdefault(shown)
            return call(shown, self.argument(value, f'elementwise("{shown}")'))
        return self.refuse(value)

    def argument(self, value: Any, ours: str) -> Node:
        """The argument of a function that SymPy has for numbers only."""
        inner = value.args[0]
        if is_matrix(inner) and shape_of(inner) != (1, 1):
            hint = f"entry by entry it is sbp.{ours}(...)"
            if ours.startswith("elementwise"):
                hint += "; an arbitrary scalar of arrays is sbp.loss(...)(...)"
            raise InputError(
                f"{brief(value)} is a SymPy function of a matrix, which is not entry by entry",
                code="shape",
                hint=hint,
            )
        return self.node(inner)

    def extreme(self, kind: str, args: list[Any]) -> Node:
        """Max and Min of two or more numbers; a number stands last."""
        ordered = sorted(args, key=lambda arg: bool(arg.is_number))
        found = self.node(ordered[0])
        for arg in ordered[1:]:
            found = call(kind, found, self.node(arg))
        return found

    def scalar_power(self, base: Any, exponent: Any) -> Node:
        """A power of a number; a negative one is a quotient."""
        if exponent.could_extract_minus_sign():
            return over(number(1), self.scalar_power(base, -exponent))
        if exponent == 1:
            return self.node(base)
        if exponent == _HALF:
            return call("sqrt", self.node(base))
        return power(self.node(base), self.node(exponent))

    def product(self, value: Any) -> Node:
        """A product of numbers, as one quotient: numbers first, then symbols, then the rest."""
        return self.quotient(value.args, [], joined=times if self.is_lifted(value) else chain)

    def is_lifted(self, value: Any) -> bool:
        """Whether a variable stands in ``value`` for which an array is put in."""
        return not value.free_symbols.isdisjoint(self.lifted)

    def quotient(
        self, scalars: Iterable[Any], tail: list[Node], below: Iterable[Node] = (), joined: Any = chain
    ) -> Node:
        """The product of ``scalars`` and ``tail``, with its divisors and ``below`` under one line."""
        coefficient = Fraction(1)
        tops: list[Node] = []
        bottoms = list(below)
        for factor in sorted(scalars, key=_rank):
            if isinstance(factor, sympy.Rational):
                coefficient *= Fraction(int(factor.p), int(factor.q))
            elif isinstance(factor, sympy.Pow) and factor.exp.could_extract_minus_sign():
                bottoms.append(self.scalar_power(factor.base, -factor.exp))
            elif isinstance(factor, sympy.Float):
                tops.insert(0, _decimal(factor))
            else:
                tops.append(self.node(factor))
        sign, size = coefficient < 0, abs(coefficient)
        if any(isinstance(top, Minus) for top in tops[:1]) and tops:
            sign, tops[0] = not sign, minus(tops[0])
        if size.numerator != 1:
            tops.insert(0, number(size.numerator))
        if size.denominator != 1:
            bottoms.insert(0, number(size.denominator))
        factors = [*tops, *tail]
        found = joined(factors) if factors else number(1)
        if bottoms:
            found = over(found, chain(bottoms))
        return minus(found) if sign else found


def _rank(factor: Any) -> tuple[int, ...]:
    """Numbers, then symbols, then what is made of others; each in SymPy's order."""
    if factor.is_number:
        return (0,)
    return (1,) if isinstance(factor, sympy.Symbol) else (2,)


def _decimal(value: Any) -> Node:
    text = repr(float(value))
    if "inf" in text or "nan" in text:
        raise InputError(f"{text} is no number", code="schema")
    exact = Fraction(Decimal(text))
    found = Num(NOWHERE, abs(exact), text.lstrip("-"))
    return Minus(NOWHERE, found) if exact < 0 else found
