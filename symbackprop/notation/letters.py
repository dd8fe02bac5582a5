"""Letters for indices: what an index is called inside one formula.

An ``Index`` is an identity object with a preferred letter. Inside one formula two indices whose
scopes meet must not share a letter, and no index may be spelled like a tensor or a dim that
stands in the formula. Free indices choose first, so that both sides of an equation agree on them;
indices bound by disjoint sums may share a letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from symbackprop.core.expr import DimValue, Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue, LabelValue, Range, Reduce
from symbackprop.core.tensors import Index

_SPARE = "ijklpqrstuvabcnm"


class Letters:
    """The letters in force while one formula is printed; ``None`` until an index is met."""

    __slots__ = ("_letters", "_reserved", "_root", "_taken")

    def __init__(self, root: Expr, reserved: frozenset[str] = frozenset()) -> None:
        self._root = root
        self._letters: dict[Index, str] | None = None
        self._taken: set[str] = set()
        self._reserved = reserved

    def of(self, index: Index) -> str:
        """The letter of ``index``."""
        letters = self._ready()
        letter = letters.get(index)
        if letter is None:
            letter = letters[index] = self._choose(index)
        return letter

    @contextmanager
    def bound(self, ranges: Iterable[Range]) -> Iterator[None]:
        """Inside the block the indices of ``ranges`` have letters of their own."""
        letters = self._ready()
        added: list[Index] = []
        for entry in ranges:
            if entry.index not in letters:
                letters[entry.index] = self._choose(entry.index)
                added.append(entry.index)
        try:
            yield
        finally:
            for index in added:
                del letters[index]

    def _ready(self) -> dict[Index, str]:
        if self._letters is None:
            self._letters = {}
            free: dict[Index, None] = {}
            _collect(self._root, frozenset(), free, self._taken)
            for index in free:
                self._letters[index] = self._choose(index)
        return self._letters

    def _choose(self, index: Index) -> str:
        assert self._letters is not None
        used = self._taken | set(self._letters.values())
        candidates: tuple[str, ...] = (index.letter, *_SPARE)
        for letter in candidates:
            if letter not in used and letter not in self._reserved:
                return letter
        number = 2
        while f"{index.letter}{number}" in used or f"{index.letter}{number}" in self._reserved:
            number += 1
        return f"{index.letter}{number}"


def _collect(expr: Expr, bound: frozenset[Index], free: dict[Index, None], taken: set[str]) -> None:
    """Gather free indices (in order) and the names of tensors and dims that stand in ``expr``."""
    if isinstance(expr, Leaf):
        taken.add(expr.tensor.name)
    elif isinstance(expr, Partial):
        taken.update((expr.of.name, expr.by.name))
    elif isinstance(expr, DimValue):
        taken.update(expr.dim.names)
    elif isinstance(expr, IndexValue):
        _collect_position(expr, bound, free, taken)
        if isinstance(expr, LabelValue) and expr.label is not None:
            _collect(expr.label, bound, free, taken)
    elif isinstance(expr, Reduce):
        for entry in expr.ranges:
            bound = bound | {entry.index}
            other = entry.condition[1] if entry.condition is not None else None
            for position in (entry.low, entry.high, other):
                if position is not None:
                    _collect_position(position, bound, free, taken)
        _collect(expr.body, bound, free, taken)
        return
    elif isinstance(expr, Element):
        _collect(expr.base, bound, free, taken)
        for slot in expr.slots:
            _collect(slot, bound, free, taken)
        return
    for child in expr.children:
        _collect(child, bound, free, taken)


def _collect_position(
    position: IndexValue, bound: frozenset[Index], free: dict[Index, None], taken: set[str]
) -> None:
    for index, _ in position.indices:
        if index not in bound:
            free.setdefault(index)
    taken.update(position.offset.names)
