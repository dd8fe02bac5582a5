"""Blocks: the equations between a tensor and the one through which all its ways to the loss go.

In batch normalisation X enters through its mean, through the variance and by itself, and all of that meets
again in Xhat. The sweep gives one cotangent per node; put together inside the block they are the short
form that textbooks print. A block holds nothing that is differentiated for its own sake (no parameter enters
it), so its cotangents have no other reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from symbackprop.core.tensors import Tensor
from symbackprop.notation.atoms import Entry
from symbackprop.notation.forms import Form, Term, single, within
from symbackprop.notation.normal import normal

MOST_NODES = 8

Inputs = Callable[[Tensor], AbstractSet[Tensor]]
Successors = Callable[[Tensor], tuple[Tensor, ...]]


def regions(
    start: Tensor, successors: Successors, order: Mapping[Tensor, int], fixed: Callable[[Tensor], bool]
) -> Iterator[tuple[Tensor, ...]]:
    """The nodes strictly between ``start`` and the first node where all its ways meet, in order.

    Then those up to the second such node, and so on. Nothing if there is one way only at the beginning.
    ``fixed`` says that a node may not be inside.
    """
    frontier = set(successors(start))
    inside: list[Tensor] = []
    if len(frontier) < 2:
        return
    while True:
        if len(frontier) == 1:
            yield tuple(inside)
        first = min(frontier, key=lambda tensor: order[tensor])
        frontier.discard(first)
        after = successors(first)
        if fixed(first) or len(inside) == MOST_NODES or not after:
            return
        inside.append(first)
        frontier.update(after)


def closed(inside: tuple[Tensor, ...], start: Tensor, inputs: Inputs) -> bool:
    """Whether all that enters the block and is differentiated is ``start`` and the block itself."""
    own = {start, *inside}
    return all(inputs(tensor) <= own for tensor in inside)


def substituted(form: Form, value_of: Callable[[Entry], Form | None]) -> Form:
    """The form with entries replaced by what ``value_of`` gives for them."""
    terms: list[Term] = []
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            known = value_of(atom) if isinstance(atom, Entry) and exponent == 1 else None
            if known is None:
                known = single(atom.map_parts(lambda part: substituted(part, value_of)), exponent)
            result = Form(within(a, b) for a in result.terms for b in known.terms)
        terms.extend(result.terms)
    return normal(Form(terms))
