"""A forward pass with numbers in the place of its dims, and which numbers to take.

``concrete(graph, sizes)`` is the same graph over new tensors in which every dim is a number, so that the
deriver, the verifier and every printer work on it unchanged. An extent of 1 becomes the literal 1, which
carries no index: what stood at its index stands at place 1.

``small_sizes`` picks sizes that are small, obey what the file says of its dims, and leave no extent below 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, DimValue, Expr, Leaf, Number, Partial
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.indexed import Comprehension, IndexValue, LabelValue, Range, Reduce, Run, label_slot
from symbackprop.core.tensors import Index, Tensor

SMALL = 2
MOST_ENTRIES = 64  # of one array that is written out
TRIES = 60


@dataclass(frozen=True, slots=True)
class Concrete:
    """``graph`` in numbers, and the new tensor of each old one."""

    graph: Graph
    tensors: Mapping[Tensor, Tensor]
    sizes: Mapping[str, int]


def concrete(graph: Graph, sizes: Mapping[str, int]) -> Concrete:
    """The graph in which each named dim is the number ``sizes`` gives (KeyError if it gives none)."""
    maker = _Maker({name: Dim(size) for name, size in sizes.items()})
    tensors = {name: maker.tensor(tensor) for name, tensor in graph.tensors.items()}
    equations = tuple(maker.equation(equation) for equation in graph.equations)
    made = replace(graph, tensors=tensors, equations=equations, dims={})
    return Concrete(made, maker.tensors, {name: sizes[name] for name in names_of(graph)})


def names_of(graph: Graph) -> tuple[str, ...]:
    """The names of all dims, in the order in which they are declared or first stand in a shape."""
    found = dict.fromkeys(graph.dims)
    for dim in _dims(graph.tensors.values()):
        found.update(dict.fromkeys(dim.names))
    return tuple(found)


def needed_names(graph: Graph, tensors: Collection[Tensor]) -> tuple[str, ...]:
    """The names of the dims of some arrays and of the numbers in their equations, ordered as ``names_of``."""
    found = {name for dim in _dims(tensors) for name in dim.names}
    for equation in graph.equations:
        if equation.target in tensors and equation.expr is not None:
            values = (node.dim for node in equation.expr.walk() if isinstance(node, DimValue))
            found.update(name for dim in values for name in dim.names)
    return tuple(name for name in names_of(graph) if name in found)


def _dims(tensors: Iterable[Tensor]) -> Iterable[Dim]:
    """Every dim that is an extent or a number of classes."""
    for tensor in tensors:
        yield from tensor.shape
        if tensor.facts.classes is not None:
            yield tensor.facts.classes


def small_sizes(graph: Graph, at_least: Mapping[str, int]) -> dict[str, int]:
    """2 for every name, more where ``at_least`` or an extent such as N - K asks for it.

    Such an extent is at least 2 as well, so that a pattern can be seen; 1 where arrays would get too large.
    ValueError if no sizes make every extent at least 1.
    """
    shown = _sizes_with(graph, at_least, SMALL)
    if shown is not None and too_large(graph.tensors.values(), shown) is None:
        return shown
    found = _sizes_with(graph, at_least, 1)
    if found is None:
        raise ValueError("no small sizes make every extent at least 1")
    return found


def _sizes_with(graph: Graph, at_least: Mapping[str, int], least: int) -> dict[str, int] | None:
    """Sizes for the names, the extents made of them at least ``least``; None if there are none."""
    sizes = {name: max(SMALL, at_least.get(name, 1)) for name in names_of(graph)}
    for _ in range(TRIES):
        dims = (dim for dim in _dims(graph.tensors.values()) if not dim.is_number)
        short = next((dim for dim in dims if dim.evaluate(sizes) < least), None)
        if short is None:
            return sizes
        grows = [name for name, coefficient in short.coefficients if coefficient > 0]
        if not grows:
            return None
        for name in grows:
            sizes[name] += 1
    return None


def sizes_of(graph: Graph, values: Mapping[str, object]) -> dict[str, int]:
    """The sizes that follow from given arrays (nested tuples by name); labels count the classes they use."""
    extents: list[tuple[Dim, int]] = []
    for tensor in graph.symbols:
        array = values.get(tensor.name)
        if array is None:
            continue
        extents.extend(zip(tensor.shape, _shape(array), strict=False))
        if tensor.facts.classes is not None:
            extents.append((tensor.facts.classes, max(_flat(array))))
    found: dict[str, int] = {}
    for _ in extents:
        for dim, size in extents:
            unknown = [pair for pair in dim.coefficients if pair[0] not in found]
            if len(unknown) == 1:
                name, factor = unknown[0]
                rest = size - dim.evaluate({**found, name: 0})
                if rest % factor == 0 and rest // factor >= 1:
                    found[name] = rest // factor
    return found


def _shape(array: object) -> tuple[int, ...]:
    return (len(array), *_shape(array[0])) if isinstance(array, tuple) and array else ()


def _flat(array: object) -> list[int]:
    if isinstance(array, tuple):
        return [number for part in array for number in _flat(part)]
    return [int(array)]  # type: ignore[call-overload]


def too_large(tensors: Iterable[Tensor], sizes: Mapping[str, int]) -> str | None:
    """Why arrays of these sizes cannot be written out: an extent below 1, or too many entries; else None."""
    for tensor in tensors:
        for dim in tensor.shape:
            if dim.evaluate(sizes) < 1:
                return f"an extent of {tensor.name} would be {dim} = {dim.evaluate(sizes)}"
        count = count_of(tensor, sizes)
        if count > MOST_ENTRIES:
            shape = " x ".join(str(dim.evaluate(sizes)) for dim in tensor.shape)
            have = f"{tensor.name} would have {shape} = {count} entries"
            return f"{have}; at most {MOST_ENTRIES} are written out"
    return None


def count_of(tensor: Tensor, sizes: Mapping[str, int]) -> int:
    """The number of entries of a tensor under ``sizes``."""
    count = 1
    for dim in tensor.shape:
        count *= dim.evaluate(sizes)
    return count


@dataclass(slots=True)
class _Maker:
    """Puts numbers for names; one new tensor for each old one, one new index for each old one."""

    numbers: Mapping[str, Dim]
    tensors: dict[Tensor, Tensor] = field(default_factory=dict)
    indices: dict[Index, Index] = field(default_factory=dict)

    def dim(self, dim: Dim) -> Dim:
        return dim.substitute(self.numbers)

    def tensor(self, old: Tensor) -> Tensor:
        if old.gradient is not None:
            return self.tensor(old.gradient[0]).gradient_by(self.tensor(old.gradient[1]))
        if old not in self.tensors:
            classes = old.facts.classes
            facts = old.facts if classes is None else replace(old.facts, classes=self.dim(classes))
            self.tensors[old] = Tensor(
                old.name, tuple(self.dim(dim) for dim in old.shape), old.convention, old.role, old.latex,
                old.aliases, facts, old.bold, old.value, old.numpy_value, old.mirrored, old.family,
                over=old.over,
            )  # fmt: skip
        return self.tensors[old]

    def index(self, old: Index) -> Index:
        if old not in self.indices:
            self.indices[old] = Index(self.dim(old.dim), old.letter)
        return self.indices[old]

    def equation(self, old: Equation) -> Equation:
        return replace(
            old,
            pieces=(),
            member=None,
            target=self.tensor(old.target),
            expr=None if old.expr is None else self.expr(old.expr),
            indices=tuple(self.index(index) for index in old.indices),
            arguments=tuple(self.tensor(tensor) for tensor in old.arguments),
        )

    def expr(self, old: Expr) -> Expr:
        match old:
            case Leaf(tensor):
                return Leaf(self.tensor(tensor))
            case Partial(of, by):
                return Partial(self.tensor(of), self.tensor(by))
            case DimValue(dim):
                return self._number(self.dim(dim))
            case IndexValue():
                return self._place(old)
            case Run():
                return Run(self._place(old.low), self.dim(old.count))
            case Call():
                rows, columns = old.call_shape
                args = tuple(self.expr(arg) for arg in old.args)
                return replace(old, args=args, call_shape=(self.dim(rows), self.dim(columns)))
            case Reduce():
                return self._reduce(old)
            case Comprehension():
                row, column = (self._side(side) for side in (old.row, old.column))
                return Comprehension(row, column, self.expr(old.body))
        return old.map_children(self.expr)

    def _number(self, dim: Dim) -> Expr:
        return Number(Fraction(dim.constant)) if dim.is_number else DimValue(dim)

    def _side(self, index: Index | None) -> Index | None:
        if index is None or self.dim(index.dim).is_one:
            return None
        return self.index(index)

    def _place(self, old: IndexValue) -> IndexValue:
        """A position, or what a label says; an index that only runs over 1 is the number 1."""
        offset = self.dim(old.offset)
        if isinstance(old, LabelValue) and old.label is not None:
            return replace(label_slot(self.expr(old.label)), offset=offset)
        kept: list[tuple[Index, int]] = []
        for index, factor in old.indices:
            new = self.index(index)
            if new.dim.is_one:
                offset = offset + factor
            else:
                kept.append((new, factor))
        return IndexValue(tuple(kept), offset)

    def _reduce(self, old: Reduce) -> Expr:
        """A binder without the ranges in which there is only one place."""
        ranges = tuple(self._range(entry) for entry in old.ranges)
        kept = tuple(entry for entry in ranges if not (entry.index.dim.is_one and _is_plain(entry)))
        body = self.expr(old.body)
        return Reduce(old.binder, kept, body) if kept else body

    def _range(self, old: Range) -> Range:
        condition = old.condition
        return Range(
            self.index(old.index),
            None if old.low is None else self._place(old.low),
            None if old.high is None else self._place(old.high),
            None if condition is None else (condition[0], self._place(condition[1])),
        )


def _is_plain(entry: Range) -> bool:
    return entry.low is None and entry.high is None and entry.condition is None
