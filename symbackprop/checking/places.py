"""Every place of a formula: the part that stands there, the indices in scope, how to change it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Reduce, Slice
from symbackprop.core.tensors import Index

MOST_AXES = 2  # of a matrix
Put = Callable[[Expr], Expr]


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a formula. ``above`` are the nodes it stands in, the outermost first."""

    node: Expr
    put: Put
    indices: tuple[Index, ...] = ()
    above: tuple[Expr, ...] = ()

    @property
    def parent(self) -> Expr | None:
        """The node right above, if there is one."""
        return self.above[-1] if self.above else None


def with_child(node: Expr, position: int, new: Expr) -> Expr:
    """The node with one of its ``children`` replaced."""
    count = -1

    def change(child: Expr) -> Expr:
        nonlocal count
        count += 1
        return new if count == position else child

    return node.map_children(change)


def _is_no_matrix(node: Expr) -> bool:
    """Whether an array has more than two axes: as a whole it stands in no formula."""
    tensor = node.tensor if isinstance(node, Leaf) else node.by if isinstance(node, Partial) else None
    return tensor is not None and tensor.rank > MOST_AXES


def places(root: Expr, indices: tuple[Index, ...] = ()) -> Iterator[Place]:
    """All places, parents first; positions inside slots are not among them."""
    yield from _below(Place(root, lambda new: new, indices))


def _below(place: Place) -> Iterator[Place]:
    yield place
    node = place.node
    if isinstance(node, IndexValue):
        return
    indices = place.indices
    if isinstance(node, Reduce):
        indices = (*indices, *(bound.index for bound in node.ranges))
    elif isinstance(node, Comprehension):
        indices = (*indices, *(index for index in (node.row, node.column) if index is not None))
    for position, child in enumerate(node.children):
        if isinstance(node, Element | Slice) and (isinstance(child, IndexValue) or _is_no_matrix(child)):
            continue

        def put(new: Expr, position: int = position) -> Expr:
            return place.put(with_child(node, position, new))

        yield from _below(Place(child, put, indices, (*place.above, node)))
