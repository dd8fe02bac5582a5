"""Sizes that a line is written out for: a 2 x 2 matrix stands for the case in which a dim is 2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symbackprop.checking.bench import Bench
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Blocks, shape_of

MOST = 6  # sizes that are tried


def sizes_of(left: Expr, right: Expr, bench: Bench, given: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Sizes under which the shapes of a line that holds a matrix in full may fit; those of the file only."""
    extents = {
        size for side in (left, right) for node in side.walk() if isinstance(node, Grid | Blocks)
        for size in (len(node.rows), node.columns) if size > 1
    }  # fmt: skip
    if not extents:
        return
    if given:
        yield dict(given)
        return
    for one, other in ((left, right), (right, left)):
        yield from _of_shape(one, other)
    named = [dim for dim in _dims(left, right, bench) if dim not in bench.batch_dims]
    seen = 0
    for size in sorted(extents):
        for chosen in [named] if len(named) < 2 else [named, *([name] for name in named)]:
            if chosen and seen < MOST:
                seen += 1
                yield dict.fromkeys(chosen, size)


def _of_shape(whole: Expr, written: Expr) -> Iterator[dict[str, int]]:
    """The sizes at which an array has the shape of a matrix that is written out beside it."""
    shape = shape_of(whole)
    grids = [node for node in written.walk() if isinstance(node, Grid | Blocks)]
    if shape is None or len(grids) != 1:
        return
    extents = (len(grids[0].rows), grids[0].columns)
    for wanted in (extents, extents[::-1]):
        sizes: dict[str, int] = {}
        for dim, size in zip(shape, wanted, strict=True):
            if dim.single_name is not None:
                sizes[dim.single_name] = size
        if sizes:
            yield sizes


def _dims(left: Expr, right: Expr, bench: Bench) -> list[str]:
    """The names of the dims of what stands on both sides."""
    found: dict[str, None] = {}
    for side in (left, right):
        for node in side.walk():
            for tensor in _tensors(node):
                for dim in tensor.shape:
                    found.update(dict.fromkeys(dim.names))
    return list(found)


def _tensors(node: Expr) -> tuple[Tensor, ...]:
    if isinstance(node, Leaf):
        return (node.tensor,)
    if isinstance(node, Partial | Jacobian):
        return (node.of, node.by)
    return ()


__all__ = ["Element", "sizes_of"]
