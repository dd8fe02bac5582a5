"""Where the range of an index comes from.

An index gets its dim from the positions where it stands alone as a slot; two different dims are an error.
"""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.core.dims import Dim
from symbackprop.core.indexed import axes_of
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.slots import check_count
from symbackprop.reading.syntax import Bind, Derivative, Name, Node, Sub, show
from symbackprop.reading.tokens import Place, fail
from symbackprop.reading.whole_arrays import with_whole_members


def check_letter(letter: str, at: Place, scope: Scope) -> None:
    """Refuse an index letter that already means something else."""
    if scope.knows(letter):
        raise fail(
            f"{letter} is {scope.what_is(letter)} and cannot be an index as well", at, "use another letter"
        )


def range_of(letter: str, body: Node, scope: Scope, read: Read, at: Place) -> Dim | None:
    """The dim of the positions where ``letter`` stands alone; None if there is no such position."""
    found: Dim | None = None
    first = ""
    for sub, place in _positions(letter, body):
        node = with_whole_members(sub, scope)
        if isinstance(node, Name):
            continue
        position = next(at for at, slot in enumerate(node.slots) if slot is sub.slots[place])
        dims = _axes(node, scope, read)
        if dims is None:
            continue
        check_count(node, dims)
        dim = scope.unifier.resolve(dims[position])
        if found is None:
            found, first = dim, show(node)
        elif not scope.unifier.same(found, dim):
            raise fail(
                f"the index {letter} runs over {found} in {first} and over {dim} in {show(node)}",
                node.slots[position].at,
                "use two letters, or give the range",
                "shape",
            )
    if found is None:
        return _compared(letter, body, scope, read)
    return scope.unifier.resolve(found)


def free_letters(root: Node, scope: Scope, read: Read) -> None:
    """The letters that stand alone in slots, and that nothing binds, as free indices before all is read."""
    assert scope.free is not None
    for node in root.walk():
        for slot in node.slots if isinstance(node, Sub) else ():
            if not isinstance(slot, Name) or scope.value(slot.name) is not None or scope.knows(slot.name):
                continue
            if any(isinstance(b, Bind) and any(r.index == slot.name for r in b.ranges) for b in root.walk()):
                continue
            dim = range_of(slot.name, root, scope, read, slot.at)
            if dim is not None:
                scope.free[slot.name] = Index(dim, slot.name)


def _compared(letter: str, body: Node, scope: Scope, read: Read) -> Dim | None:
    """The range of what a condition compares the letter with: of i in ``sum[j <= i](x[j])`` that of j."""
    for node in body.walk():
        if isinstance(node, Bind):
            for bounds in node.ranges:
                ends = (bounds.other, bounds.low, bounds.high)
                if any(isinstance(end, Name) and end.name == letter for end in ends):
                    return range_of(bounds.index, node.body, scope, read, bounds.at)
    return None


def _positions(letter: str, root: Node) -> Iterator[tuple[Sub, int]]:
    """Where the letter stands alone as a slot, left to right."""
    for node in _entries(letter, root):
        for position, slot in enumerate(node.slots):
            if isinstance(slot, Name) and slot.name == letter:
                yield node, position


def _entries(letter: str, root: Node) -> Iterator[Sub]:
    """All ``base[slots]``, left to right, except below a binder of the same letter."""
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Bind) and any(bounds.index == letter for bounds in node.ranges):
            continue
        if isinstance(node, Sub):
            yield node
        pending.extend(reversed(node.children))


def _axes(node: Sub, scope: Scope, read: Read) -> tuple[Dim, ...] | None:
    """The dims of the base of an entry, None where they are not known before its indices are."""
    if isinstance(node.base, Name):
        value = scope.value(node.base.name)
        return axes_of(value) if value is not None else None
    if isinstance(node.base, Sub | Derivative):
        return None
    try:
        return axes_of(read(node.base, scope))
    except InputError:
        return None
