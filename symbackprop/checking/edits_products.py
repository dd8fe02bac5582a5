"""Changes to products and functions: transposes, signs, orders, kinds of product, factors, slopes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from symbackprop.checking.edit import Edit, is_array, turned
from symbackprop.checking.places import Place
from symbackprop.checking.slips import joined
from symbackprop.checking.vocabulary import Vocabulary, has_one_argument, in_layers
from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Transpose,
)
from symbackprop.core.indexed import Element, Indicator, Reduce, Slice
from symbackprop.core.written import Rounded, shape_of
from symbackprop.ops.registry import Elementwise, lookup

_ARRAYS = (Leaf, Partial, Jacobian, Slice, Call, MatMul, Hadamard, Add)


# -- transposes, signs


def _transposes(place: Place) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Transpose):
        yield Edit(place.put(node.arg), _turning(place, node.arg), 1.0, node, node.arg)
    elif isinstance(node, _ARRAYS) and is_array(node) and not isinstance(place.parent, Transpose):
        cost = 1.0 if isinstance(node, Leaf | Partial | Jacobian) else 1.3
        yield Edit(place.put(turned(node)), _turning(place, node), cost, node, turned(node))


def _turning(place: Place, node: Expr) -> str:
    """The cause of a transpose: of a vector that is added to each line of a matrix it is the broadcast."""
    shape = shape_of(node)
    vector = shape is not None and shape[0].is_one != shape[1].is_one
    return "broadcast" if vector and isinstance(place.parent, Add) else "transpose"


def _signs(place: Place) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Neg):
        yield Edit(place.put(node.arg), "sign", 1.0, node, node.arg)
    elif isinstance(node, Add):
        for at, term in enumerate(node.terms):
            new = term.arg if isinstance(term, Neg) else Neg(term)
            terms = (*node.terms[:at], new, *node.terms[at + 1 :])
            yield Edit(place.put(Add(terms)), "sign", 1.0, term, new)
        if not isinstance(place.parent, Neg):
            flipped = _negated(node)
            yield Edit(place.put(flipped), "sign", 1.05, node, flipped)
    elif place.parent is None:
        yield Edit(Neg(node), "sign", 1.0, node, Neg(node))
    elif isinstance(place.parent, Reduce | Element):
        yield Edit(place.put(Neg(node)), "sign", 1.4, node, Neg(node))


def _negated(node: Add) -> Add:
    """The sum with every sign turned, what is added first."""
    terms = [term.arg if isinstance(term, Neg) else Neg(term) for term in node.terms]
    return Add(tuple(sorted(terms, key=lambda term: isinstance(term, Neg))))


# -- products


def _products(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, MatMul | Hadamard):
        yield from _orders(place, node)
        yield from _kinds(place, node)
        for at, factor in enumerate(node.factors):
            rest = (*node.factors[:at], *node.factors[at + 1 :])
            kept = rest[0] if len(rest) == 1 else replace(node, factors=rest)
            yield Edit(place.put(kept), _too_much(factor, words), 1.5, factor, kept, node)
    elif isinstance(node, Divide):
        cause = _too_much(node.den, words)
        yield Edit(place.put(node.num), cause, 1.4, node.den, node.num, node)
        if node.num != UNIT:
            yield Edit(place.put(Divide(node.den, node.num)), "inverse", 2.5, node)
        else:
            yield Edit(place.put(node.den), cause if cause == "mean" else "inverse", 1.6, node, node.den)
    elif isinstance(node, Power) and node.exponent == Number(Fraction(2)):
        yield Edit(place.put(node.base), "factor", 2.0, node, node.base)


def _orders(place: Place, node: MatMul | Hadamard) -> Iterator[Edit]:
    if isinstance(node, Hadamard):
        return
    factors = node.factors
    for at in range(len(factors) - 1):
        if not (is_array(factors[at]) and is_array(factors[at + 1])):
            continue
        new = MatMul((*factors[:at], factors[at + 1], factors[at], *factors[at + 2 :]))
        yield Edit(place.put(new), "order", 1.1, node, new)
    if len(factors) == 2 and isinstance(factors[1], Transpose):
        outer = MatMul((factors[1].arg, turned(factors[0])))
        yield Edit(place.put(outer), "order", 1.2, node, outer)
    if len(factors) > 2:
        new = MatMul(factors[::-1])
        yield Edit(place.put(new), "order", 1.2, node, new)
        for at in range(1, len(factors)):
            moved = MatMul((factors[at], *factors[:at], *factors[at + 1 :]))
            yield Edit(place.put(moved), "order", 1.3, node, moved)
        for at in range(len(factors) - 1):
            moved = MatMul((*factors[:at], *factors[at + 1 :], factors[at]))
            yield Edit(place.put(moved), "order", 1.3, node, moved)


def _kinds(place: Place, node: MatMul | Hadamard) -> Iterator[Edit]:
    """Product for Hadamard and the other way, of any neighbours."""
    factors = node.factors
    for split in range(1, len(factors)):
        left, right = _grouped(node, factors[:split]), _grouped(node, factors[split:])
        if is_array(left) and is_array(right):
            new: Expr = Hadamard((left, right)) if isinstance(node, MatMul) else MatMul((left, right))
            yield Edit(place.put(new), "hadamard", 1.2, node, new)
            if isinstance(node, Hadamard):
                swapped = MatMul((right, left))
                yield Edit(place.put(swapped), "hadamard", 1.6, node, swapped)
                for pair in ((turned(left), right), (left, turned(right))):
                    yield Edit(place.put(MatMul(pair)), "hadamard", 2.2, node)
            if isinstance(node, MatMul) and len(factors) > 2:
                for at in range(len(factors) - 1):
                    both = Hadamard((factors[at], factors[at + 1]))
                    inner = joined((*factors[:at], both, *factors[at + 2 :]))
                    yield Edit(place.put(inner), "hadamard", 1.4, node, inner)


def _grouped(node: MatMul | Hadamard, factors: tuple[Expr, ...]) -> Expr:
    return factors[0] if len(factors) == 1 else replace(node, factors=factors)


def _too_much(factor: Expr, words: Vocabulary) -> str:
    """The cause of a factor that should not stand there."""
    if isinstance(factor, Indicator):
        return "kronecker"
    if words.is_mean(factor):
        return "mean"
    if isinstance(factor, Number | Rounded):
        return "factor"
    if isinstance(factor, Call) and factor.op.name in ("diag", "inv"):
        return "diag" if factor.op.name == "diag" else "inverse"
    return "extra-factor"


# -- functions


def _functions(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Call) and isinstance(node.op, Elementwise):
        yield from _elementwise(place, node, words)
    elif isinstance(node, Call):
        yield from _structural(place, node)
    elif isinstance(node, Leaf):
        for one in words.activations:
            if one.target is node.tensor and _at_leaf(one.arg):
                yield Edit(place.put(one.mask), "activation-not-derivative", 1.0, node, one.mask)
    elif isinstance(node, Element) and isinstance(node.base, Leaf):
        for one in words.activations:
            if one.target is node.base.tensor and isinstance(one.arg, Leaf):
                new = one.entry(Element(one.arg, node.slots))
                yield Edit(place.put(new), "activation-not-derivative", 1.0, node, new)


def _at_leaf(arg: Expr) -> bool:
    return isinstance(arg, Leaf | MatMul | Add)


def _elementwise(place: Place, node: Call, words: Vocabulary) -> Iterator[Edit]:
    if has_one_argument(node):
        primed = replace(node, primes=node.primes + 1 if node.primes == 0 else 0)
        cause = "activation-not-derivative"
        yield Edit(place.put(primed), cause, 1.0 if node.primes == 0 else 1.4, node, primed)
    if node.primes:
        for one in words.activations:
            arg = _like(one.arg, node.args[0])
            if arg is not None and arg != node.args[0]:
                new = replace(node, op=one.op, args=(arg, *one.options))
                cause = "layer" if one.op is node.op and in_layers(node.args[0], arg) else "symbol"
                yield Edit(place.put(new), cause, 1.4, node, new)
            if one.op is not node.op:
                new = replace(node, op=one.op, args=(node.args[0], *one.options))
                yield Edit(place.put(new), "symbol", 1.8, node, new)
    elif has_one_argument(node):
        yield Edit(place.put(node.args[0]), "extra-factor", 2.6, node, node.args[0])


def _like(arg: Expr, old: Expr) -> Expr | None:
    """The argument with the indices of the old one, where that is an entry."""
    if isinstance(old, Element):
        return Element(arg, old.slots) if isinstance(arg, Leaf) else None
    return arg


def _structural(place: Place, node: Call) -> Iterator[Edit]:
    other = {"colmean": "colsum", "rowmean": "rowsum", "colsum": "colmean", "rowsum": "rowmean"}
    turned = {"colsum": "rowsum", "rowsum": "colsum"}
    name = node.op.name
    if name in other:
        op = lookup(other[name])
        assert op is not None
        yield Edit(place.put(replace(node, op=op)), "mean", 1.1, node)
        yield Edit(place.put(node.args[0]), "extra-sum", 1.6, node, node.args[0])
    if name in turned:
        arg_shape = shape_of(node.args[0])
        op = lookup(turned[name])
        if arg_shape is not None and op is not None:
            shape = (ONE, arg_shape[1]) if name == "rowsum" else (arg_shape[0], ONE)
            yield Edit(place.put(replace(node, op=op, call_shape=shape)), "index", 1.8, node)
    if name in ("diag", "inv", "sum", "mean", "trace"):
        cause = {"diag": "diag", "inv": "inverse"}.get(name, "extra-sum")
        yield Edit(place.put(node.args[0]), cause, 1.6, node, node.args[0])
    if name == "outer":
        left, right = node.args
        if shape_of(left) is not None and shape_of(right) is not None:
            shape = (node.call_shape[1], node.call_shape[0])
            swapped = replace(node, args=(right, left), call_shape=shape)
            yield Edit(place.put(swapped), "order", 1.1, node, swapped)


def of_products(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """All changes of this module at one place."""
    yield from _transposes(place)
    yield from _signs(place)
    yield from _products(place, words)
    yield from _functions(place, words)
