"""The likely intention behind shapes that do not fit: small edits are tried until one fits.

The edits are those a person makes: a transpose, an exchanged order, ``*`` against the matrix
product. Each is tried on the whole equation; one that leaves a vector lying the wrong way
comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from symbackprop.core.expr import Shape
from symbackprop.core.tensors import Convention
from symbackprop.errors import InputError
from symbackprop.reading.shapes import ProductError, ShapeError
from symbackprop.reading.syntax import (
    Apply,
    Chain,
    Minus,
    Node,
    Num,
    Over,
    Plus,
    Times,
    Turned,
    show,
)

MAX_TRIED = 60
Attempt = Callable[[Node], object]


def likely_hint(
    root: Node, error: ShapeError, attempt: Attempt, shape_of: Callable[[Node], Shape], convention: Convention
) -> str | None:
    """``did you mean W^T x?``, or None. ``attempt(new_root)`` raises InputError if the edit does not help."""
    fallback: str | None = None
    for tried, (edited, hint) in enumerate(_edits(error)):
        if tried >= MAX_TRIED:
            break
        try:
            attempt(_replaced(root, error.node, edited))
            shape = shape_of(edited)
        except InputError:
            continue
        wrong_side = shape[1 if not convention.vectors_are_rows else 0]
        other = shape[0 if not convention.vectors_are_rows else 1]
        if wrong_side.is_one or not other.is_one:
            return hint
        fallback = fallback or hint
    return fallback


def _replaced(root: Node, old: Node, new: Node) -> Node:
    if root is old:
        return new
    return root.map_children(lambda child: _replaced(child, old, new))


def _edits(error: ShapeError) -> Iterator[tuple[Node, str]]:
    node = error.node
    if isinstance(node, Chain):
        position = error.position if isinstance(error, ProductError) else 1
        for pair, join in _pairs(node.factors[position - 1], node.factors[position]):
            edited = _spliced(node, position, pair, join)
            yield edited, f"did you mean {show(edited)}?"
    elif isinstance(node, Times):
        yield from _product_instead(node)
        yield from _turned_parts(node, node.factors, Times)
    elif isinstance(node, Plus):
        yield from _inside_terms(node)
        yield from _turned_parts(node, node.terms, Plus)
    elif isinstance(node, Over):
        for num, den in ((_turn(node.num), node.den), (node.num, _turn(node.den))):
            edited = Over(node.at, num, den)
            yield edited, f"did you mean {show(edited)}?"
    elif isinstance(node, Apply):
        for position, arg in enumerate(node.args):
            args = (*node.args[:position], _turn(arg), *node.args[position + 1 :])
            edited_call = Apply(node.at, node.name, node.primes, args)
            yield edited_call, f"did you mean {show(edited_call)}?"


def _pairs(a: Node, b: Node) -> tuple[tuple[tuple[Node, Node], bool], ...]:
    """The edits of a product of two; True: as a matrix product, False: elementwise."""
    return (
        ((_turn(a), b), True),
        ((b, a), True),
        ((b, _turn(a)), True),
        ((a, _turn(b)), True),
        ((_turn(b), a), True),
        ((a, b), False),
    )


def _spliced(node: Chain, position: int, pair: tuple[Node, Node], product: bool) -> Node:
    before, after = node.factors[: position - 1], node.factors[position + 1 :]
    middle: tuple[Node, ...] = pair if product else (Times(pair[0].at, pair),)
    factors = (*before, *middle, *after)
    return factors[0] if len(factors) == 1 else Chain(node.at, factors)


def _product_instead(node: Times) -> Iterator[tuple[Node, str]]:
    if len(node.factors) != 2:
        return
    a, b = node.factors
    for factors in ((a, b), (_turn(a), b), (b, a), (b, _turn(a)), (a, _turn(b))):
        edited = Chain(node.at, factors)
        yield edited, f"* is elementwise; for the matrix product write {show(edited)}"


def _turned_parts(
    node: Node, parts: tuple[Node, ...], make: Callable[..., Node]
) -> Iterator[tuple[Node, str]]:
    for position, part in enumerate(parts):
        edited = make(node.at, (*parts[:position], _turn(part), *parts[position + 1 :]))
        yield edited, f"did you mean {show(edited)}?"


def _inside_terms(node: Plus) -> Iterator[tuple[Node, str]]:
    """Edits of one product inside one term of a sum."""
    for position, term in enumerate(node.terms):
        inner = term.arg if isinstance(term, Minus) else term
        if not isinstance(inner, Chain):
            continue
        for k in range(1, len(inner.factors)):
            for pair, product in _pairs(inner.factors[k - 1], inner.factors[k]):
                if not product:
                    continue
                new = _spliced(inner, k, pair, product)
                if isinstance(term, Minus):
                    new = Minus(term.at, new)
                edited = Plus(node.at, (*node.terms[:position], new, *node.terms[position + 1 :]))
                yield edited, f"did you mean {show(edited)}?"


def _turn(node: Node) -> Node:
    match node:
        case Turned(_, base):
            return base
        case Minus(at, arg):
            return Minus(at, _turn(arg))
        case Num():
            return node
        case Chain(at, factors):
            return Chain(at, tuple(_turn(factor) for factor in reversed(factors)))
    return Turned(node.at, node)
