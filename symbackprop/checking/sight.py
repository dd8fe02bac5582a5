"""In which way a line is meant: the layout of derivatives, one example or the batch, rows or columns.

A line is read in one ``Sight`` as a whole, never factor by factor. The declared sight comes first; a line
that holds only in another one is right in another convention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Role, Tensor

LAYOUTS = ("gradient", "numerator", "denominator")


@dataclass(frozen=True, slots=True)
class Sight:
    """One way to understand a line.

    layout      of derivatives: gradient, numerator or denominator.
    example     every batch quantity is one of its examples, inside the batch model.
    turned      vectors lie the other way than the convention says.
    as_cut      a row of a matrix lies as a row, a column as a column.
    by_columns  where the entries of a matrix are listed, they are listed column by column.
    upright     where vectors are rows, the numerator layout turns the derivatives by them to columns.
    """

    layout: str
    example: bool = False
    turned: bool = False
    by_columns: bool = False
    as_cut: bool = False
    upright: bool = False

    def words(self, rows: bool) -> str:
        """What is unusual about it beside the declared layout, in words."""
        parts = [f"in the {self.layout} layout"]
        if self.example:
            parts.append("for one example")
        if self.turned:
            parts.append("with vectors as columns" if rows else "with vectors as rows")
        if self.by_columns:
            parts.append("with entries listed column by column")
        if self.upright:
            parts.append("with derivatives by vectors as columns")
        if self.as_cut:
            parts.append("with rows of a matrix as rows")
        return ", ".join(parts)


def batch_of(graph: Graph) -> dict[Tensor, int]:
    """The tensors that hold one entry for each example of a batch, with the axis that counts examples.

    The axis of examples is that of an input or a target whose dim is in the shape of no parameter.
    """
    side = 0 if graph.convention.vectors_are_rows else 1
    taken = {name for tensor in graph.parameters for dim in tensor.shape for name in dim.names}
    dims = {
        tensor.shape[side]
        for tensor in graph.symbols
        if tensor.rank == 2 and tensor.role is Role.INPUT and not tensor.shape[side].is_number
    }
    dims = {dim for dim in dims if not taken.intersection(dim.names)}
    found: dict[Tensor, int] = {}
    for tensor in graph.tensors.values():
        if tensor.rank == 2 and tensor.shape[side] in dims:
            found[tensor] = side
        elif tensor.rank == 1 and tensor.shape[0] in dims:
            found[tensor] = 0
    return found


def declared(graph: Graph) -> Sight:
    """The sight that the problem states."""
    return Sight(graph.layout)


def sights(graph: Graph, *, batch: bool, listed: bool) -> Iterator[Sight]:
    """All sights, the declared one first and the most usual early; ``listed`` where entries may be listed."""
    layouts = (graph.layout, *(layout for layout in LAYOUTS if layout != graph.layout))
    for turned in (False, True):
        for layout in layouts:
            for example in (False, True) if batch else (False,):
                yield Sight(layout, example, turned)
                if layout == "numerator" and graph.convention.vectors_are_rows != turned:
                    yield Sight(layout, example, turned, upright=True)
                if listed:
                    yield Sight(layout, example, turned, by_columns=True)
