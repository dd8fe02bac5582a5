r"""Steps of the forward pass that only a work has a name for.

A work may differentiate by ``Z = A W_2`` where the problem has P = softmax(A W2) and no Z. The forward
pass then gets an equation for it, Z = A W2 and P = softmax(Z), which changes no value; everything else is
judged as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Slope
from symbackprop.notation.text import to_text
from symbackprop.reading.works.work import Claim, Work


def with_named_steps(graph: Graph, work: Work) -> Graph | None:
    """The forward pass with an equation for each such name; None if the work differentiates by none."""
    wanted = {tensor for claim in work.claims for tensor in _taken_by(claim)}
    given = [claim.definition for claim in work.claims if claim.definition is not None]
    if wanted.isdisjoint(one.tensor for one in given):
        return None
    equations = graph.equations
    found: dict[str, Tensor] = {}
    for one in given:
        if one.tensor.name in graph.tensors or one.tensor.name in found:
            return None  # two meanings of one name
        changed = _named(equations, one.tensor, one.value)
        if changed is not None:
            equations = changed
            found[one.tensor.name] = one.tensor
    if wanted.isdisjoint(found.values()):
        return None
    return replace(graph, tensors={**graph.tensors, **found}, equations=equations)


def _taken_by(claim: Claim) -> Iterator[Tensor]:
    """What the sides of a claim differentiate by, or differentiate."""
    for side in (claim.left, claim.right):
        for reading in side.readings:
            for node in reading.expr.walk():
                if isinstance(node, Partial | Jacobian):
                    yield from (node.by, node.of)
                elif isinstance(node, Slope):
                    yield from (part.tensor for part in node.walk() if isinstance(part, Leaf))


def _named(equations: tuple[Equation, ...], tensor: Tensor, value: Expr) -> tuple[Equation, ...] | None:
    """The equations with ``tensor = value`` before the first that has the value in it; None if none has."""
    places = [
        place
        for place, one in enumerate(equations)
        if one.expr is not None and _is_whole(one) and any(node == value for node in one.expr.walk())
    ]
    if not places or isinstance(value, Leaf):
        return None
    step = Equation(tensor, value, text=f"{tensor.name} = {to_text(value)}")
    made: list[Equation] = []
    for place, one in enumerate(equations):
        if place == places[0]:
            made.append(step)
        inside = one.expr if place in places else None
        made.append(one if inside is None else replace(one, expr=_put_in(inside, value, Leaf(tensor))))
    return tuple(made)


def _is_whole(equation: Equation) -> bool:
    """Whether the right side is an array, not an entry."""
    return not (equation.indices or equation.pieces or equation.member)


def _put_in(expr: Expr, value: Expr, name: Leaf) -> Expr:
    """``expr`` with the name in the place of the value."""
    if expr == value:
        return name
    return expr.map_children(lambda part: _put_in(part, value, name))
