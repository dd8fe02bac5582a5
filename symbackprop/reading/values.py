"""The ``values:`` of a problem file: exact numbers for symbols, and the sizes that follow from them.

On return every array has the shape that is declared, all arrays agree on the sizes, and what is declared
about a symbol (one_hot, sums_to_one, positive, ...) holds for its numbers. Errors name both shapes, or both
places that disagree, at the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.reading import fields
from symbackprop.reading.facts import broken_fact
from symbackprop.reading.yaml_tree import Scalar, Value, problem


@dataclass(frozen=True, slots=True)
class Values:
    """``arrays``: name -> a Fraction, or nested tuples of them; ``sizes``: dim -> its size."""

    arrays: Mapping[str, object] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)


def read_values(value: Value | None, graph: Graph) -> Values:
    """The numbers of symbols of the graph, checked against each other."""
    if value is None:
        return Values()
    arrays: dict[str, object] = {}
    places: dict[str, Value] = {}
    sizes = _Sizes()
    for key, entry in fields.table(value, "values").entries:
        if key.text in graph.dims and key.text not in graph.tensors:
            sizes.state(key.text, _size(entry, key.text), entry)
            continue
        for tensor, array in _of(key, entry, graph):
            arrays[tensor.name], places[tensor.name] = array, entry
    tensors = [graph.tensors[name] for name in arrays]
    for tensor in tensors:
        if tensor.is_label:
            arrays[tensor.name] = _counted(arrays[tensor.name], 1 - graph.first)
    sizes.solve([(tensor, shape_of(arrays[tensor.name]), places[tensor.name]) for tensor in tensors])
    for tensor in tensors:
        _check(tensor, arrays[tensor.name], sizes.known, places[tensor.name], graph.first)
    return Values(arrays, sizes.known)


def shape_of(array: object) -> tuple[int, ...]:
    """The extents of nested tuples."""
    return (len(array), *shape_of(array[0])) if isinstance(array, tuple) else ()


def _size(entry: Value, name: str) -> int:
    size = fields.number(entry, f"the size {name}")
    if size.denominator != 1 or size < 1:
        raise fields.schema_error(f"the size {name} must be a whole number above 0, not {size}", entry)
    return int(size)


def _of(key: Scalar, entry: Value, graph: Graph) -> Iterator[tuple[Tensor, object]]:
    """The array of a symbol, or those of the members of a family."""
    tensor = graph.tensors.get(key.text)
    members = graph.members_of(key.text)
    if tensor is None and key.text not in graph.families:
        known = (*graph.tensors, *graph.families, *graph.dims)
        raise problem(
            f"unknown symbol {key.text}", key.at, did_you_mean(key.text, known), "unknown-symbol"
        )
    if tensor not in graph.symbols and not members:
        raise fields.schema_error(
            f"{key.text} is defined by an equation and has no value of its own", key
        )
    array = fields.array(entry, f"the value of {key.text}")
    if tensor is not None:
        yield tensor, _ranked(array, tensor, entry)
        return
    if not isinstance(array, tuple) or len(array) != len(members):
        raise fields.schema_error(
            f"{key.text} is a family of {len(members)}: its value has one array for each", entry
        )
    for member, part in zip(members, array, strict=True):
        yield member, _ranked(part, member, entry)


def _ranked(array: object, tensor: Tensor, entry: Value) -> object:
    """The array with the rank of its symbol; one row such as '1 2 3' is also a matrix with one row."""
    if tensor.rank == 2 and len(shape_of(array)) == 1:
        rows, columns = tensor.shape
        if rows.is_one or isinstance(entry, Scalar):
            array = (array,)
        elif columns.is_one and isinstance(array, tuple):
            array = tuple((number,) for number in array)
    extents = shape_of(array)
    if tensor.rank == 1 and len(extents) == 2 and 1 in extents:
        array = array[0] if extents[0] == 1 else tuple(row[0] for row in array)  # type: ignore[index, attr-defined]
        extents = shape_of(array)
    if len(extents) != tensor.rank:
        raise fields.schema_error(
            f"{tensor.name} is {_spelled(tensor.shape)}, but its value is {_extents(extents)}: it has "
            f"{len(extents)} indices, its shape has {tensor.rank}",
            entry,
        )
    return array


def _spelled(shape: tuple[Dim, ...]) -> str:
    return " x ".join(map(str, shape)) or "a scalar"


def _extents(extents: tuple[int, ...]) -> str:
    return " x ".join(map(str, extents)) or "a number"


@dataclass(slots=True)
class _Sizes:
    """Sizes by name, each with the array that said so first."""

    known: dict[str, int] = field(default_factory=dict)
    said_by: dict[str, str] = field(default_factory=dict)

    def state(self, name: str, size: int, at: Value, by: str = "values") -> None:
        """Take a size; one that differs is an error."""
        if self.known.setdefault(name, size) != size:
            raise fields.schema_error(
                f"{name} is {size} in {by}, but {self.known[name]} in {self.said_by[name]}", at
            )
        self.said_by.setdefault(name, by)

    def solve(self, given: list[tuple[Tensor, tuple[int, ...], Value]]) -> None:
        """The sizes of all names that the extents determine; plain names first, then sums of them."""
        todo = [
            (dim, extent, tensor, extents, at)
            for tensor, extents, at in given
            for dim, extent in zip(tensor.shape, extents, strict=True)
        ]
        todo.sort(key=lambda one: one[0].single_name is None)
        while todo:
            left = [one for one in todo if not self._use(*one)]
            if len(left) == len(todo):
                return
            todo = left

    def _use(self, dim: Dim, extent: int, tensor: Tensor, extents: tuple[int, ...], at: Value) -> bool:
        """Whether the extent has been used: it says the last unknown name of its dim, or fits."""
        unknown = [(name, factor) for name, factor in dim.coefficients if name not in self.known]
        if len(unknown) > 1:
            return False
        rest = extent - dim.substitute({name: Dim(size) for name, size in self.known.items()}).constant
        if not unknown:
            if rest:
                raise self._clash(dim, extent, tensor, extents, at)
            return True
        (name, factor), = unknown
        if rest % factor or rest // factor < 1:
            raise fields.schema_error(
                f"{tensor.name} is {_spelled(tensor.shape)}, but its value is {_extents(extents)}", at
            )
        self.state(name, rest // factor, at, tensor.name)
        return True

    def _clash(
        self, dim: Dim, extent: int, tensor: Tensor, extents: tuple[int, ...], at: Value
    ) -> InputError:
        others = [by for name in dim.names if (by := self.said_by.get(name)) not in (None, tensor.name)]
        size = dim.evaluate(self.known)
        because = f": {dim} is {size} in {others[0]}" if others and dim.coefficients else ""
        return fields.schema_error(
            f"{tensor.name} is {_spelled(tensor.shape)}, but its value is {_extents(extents)}{because}", at,
            f"{size} instead of {extent}",
        )


def _counted(labels: object, shift: int) -> object:
    """Labels counted from 1, whatever they are counted from in the file."""
    if isinstance(labels, tuple):
        return tuple(_counted(part, shift) for part in labels)
    assert isinstance(labels, Fraction)
    return labels + shift


def _check(tensor: Tensor, array: object, sizes: Mapping[str, int], at: Value, first: int) -> None:
    """Labels are labels, and what is declared about the symbol holds."""
    classes = tensor.facts.classes
    if classes is not None:
        most = None if any(name not in sizes for name in classes.names) else classes.evaluate(sizes)
        for label in numbers_of(array):
            if label < 1 or label.denominator != 1 or (most is not None and label > most):
                raise fields.schema_error(
                    f"{tensor.name} holds the label {label - (1 - first)}; labels are whole numbers "
                    f"from {first} to {classes - (1 - first)}",
                    at,
                )
    broken = broken_fact(tensor, array)
    if broken is not None:
        raise fields.schema_error(f"{tensor.name} is declared {broken}", at)


def numbers_of(array: object) -> Iterator[Fraction]:
    """The entries of nested tuples, row by row."""
    if isinstance(array, tuple):
        for part in array:
            yield from numbers_of(part)
    else:
        assert isinstance(array, Fraction)
        yield array
