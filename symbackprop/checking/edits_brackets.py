"""Changes of brackets: ``a b - c`` for ``a (b - c)``, also out of a sum over an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.checking.edit import is_array
from symbackprop.checking.ranges import renamed
from symbackprop.core.expr import Add, Expr, Hadamard, MatMul, Neg
from symbackprop.core.indexed import IndexValue, Reduce

Factors = tuple[Expr, ...]


def gathered(node: Add) -> Iterator[tuple[Expr, bool]]:
    """Two neighbouring terms as one product with a bracket: f x - y g as f (x - y) g, for all splits.

    With each whether a sign has to turn too, as in -f (x - y) for -f x + y: nobody means that who writes it.
    """
    for at in range(len(node.terms) - 1):
        first, second = node.terms[at : at + 2]
        for new in _joined(first, second):
            rest = (*node.terms[:at], new, *node.terms[at + 2 :])
            turned = isinstance(first, Neg) and not isinstance(second, Neg)
            yield (rest[0] if len(rest) == 1 else Add(rest)), turned


def _joined(first: Expr, second: Expr) -> Iterator[Expr]:
    negative = isinstance(first, Neg)
    left = first.arg if isinstance(first, Neg) else first
    right, minus = (second.arg, True) if isinstance(second, Neg) else (second, False)
    minus = minus != negative
    for new in _pairs(left, right, minus):
        yield Neg(new) if negative else new


def _pairs(left: Expr, right: Expr, minus: bool) -> Iterator[Expr]:
    if isinstance(left, Reduce):
        moved = right
        for bound in left.ranges:
            for part in right.walk():
                if isinstance(part, IndexValue):
                    for index, _ in part.indices:
                        if index.letter == bound.index.letter:
                            moved = renamed(moved, index, bound.index)
        for body in _pairs(left.body, moved, minus):
            yield replace(left, body=body)
        yield replace(left, body=Add((left.body, Neg(moved) if minus else moved)))
        return
    scales, rest = _scaled(left)
    if scales:
        yield MatMul((*scales, Add((rest, Neg(right) if minus else right))))
    own, other = _factors(left), _factors(right)
    for k in range(len(own[1])):
        for m in range(1, len(other[1]) + 1):
            if k == 0 and m == len(other[1]):
                continue
            inner = _product(*own[:1], own[1][k:]), _product(*other[:1], other[1][:m])
            bracket = Add((inner[0], Neg(inner[1]) if minus else inner[1]))
            kind = own[0] if k else other[0]
            yield _product(kind, (*own[1][:k], bracket, *other[1][m:]))


def _scaled(node: Expr) -> tuple[Factors, Expr]:
    """The numbers before a Hadamard product whose first factor they scale, and what is left of it."""
    if not isinstance(node, Hadamard) or not isinstance(node.factors[0], MatMul):
        return (), node
    first = node.factors[0].factors
    scales = tuple(factor for factor in first if not is_array(factor))
    arrays = tuple(factor for factor in first if is_array(factor))
    if not scales or not arrays:
        return (), node
    return scales, Hadamard((_product(MatMul, arrays), *node.factors[1:]))


def _factors(node: Expr) -> tuple[type[MatMul | Hadamard], Factors]:
    if isinstance(node, MatMul | Hadamard):
        return type(node), node.factors
    return MatMul, (node,)


def _product(kind: type[MatMul | Hadamard], factors: Factors) -> Expr:
    return factors[0] if len(factors) == 1 else kind(factors)
