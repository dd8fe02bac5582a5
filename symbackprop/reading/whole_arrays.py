"""What stands before slots, and what may stand without: arrays of more than two indices, families, starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.tensors import Tensor
from symbackprop.errors import InputError
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.syntax import Derivative, Name, Node, Num, Sub, Whole
from symbackprop.reading.tokens import Place, fail


def with_whole_members(node: Sub, scope: Scope) -> Sub | Name:
    """``h[t]`` of a family over a dim as ``h[t,:]``, and ``h[t][k]`` as ``h[t,k]``."""
    inner = node.base
    base, slots = inner, node.slots
    if isinstance(inner, Sub) and isinstance(inner.base, Name):
        base, slots = inner.base, (*inner.slots, *slots)
    value = scope.value(base.name) if isinstance(base, Name) else None
    if not isinstance(value, Leaf | Partial):
        return node
    if not value.array.over and value.array.start is None:
        return node
    missing = value.array.rank - len(slots)
    start = value.array.start
    first = slots[0]
    if start is not None and isinstance(first, Num) and first.value == scope.first - 1:  # h[0]
        name = Name(node.at, start.name)
        return Sub(node.at, name, slots[1:]) if slots[1:] else name
    return Sub(node.at, base, (*slots, *(Whole(node.at),) * max(missing, 0)))


def named_starts(node: Derivative, tensors: Mapping[str, Tensor], first: int) -> Derivative:
    """``dh[0][i]/dx`` by the name of the start of a recursion, which is an array of its own."""

    def named(side: Node) -> Node:
        inner: Node = side
        slots: tuple[Node, ...] = ()
        while isinstance(inner, Sub):
            slots = (*inner.slots, *slots)
            inner = inner.base
        tensor = tensors.get(inner.name) if isinstance(inner, Name) else None
        start = None if tensor is None else tensor.start
        if start is None or not slots or not isinstance(slots[0], Num) or slots[0].value != first - 1:
            return side
        name = Name(side.at, start.name)
        return Sub(side.at, name, slots[1:]) if slots[1:] else name

    return Derivative(node.at, named(node.of), tuple(named(by) for by in node.by))


def read_base(node: Node, scope: Scope, read: Read) -> Expr:
    """What stands before slots; an array of more than two indices stands only there."""
    value = scope.value(node.name) if isinstance(node, Name) else None
    if isinstance(value, Leaf | Partial) and not value.array.is_matrix:
        return value
    return read(node, scope)


def entry_by_entry(name: str, shape: Sequence[Dim], at: Place, *, over: bool = False) -> InputError:
    """The error about an array of more than two indices as a whole."""
    if over:
        return fail(
            f"{name} is a family over {shape[0]}, no array itself",
            at,
            f"write one of its members, {name}[t], or a sum over them",
            "shape",
        )
    dims, letters = " x ".join(map(str, shape)), "ijklmn"[: len(shape)]
    runs = ",".join((*letters[: len(shape) - 2], ":", ":"))
    return fail(
        f"{name} has {len(shape)} indices ({dims}) and stands only entry by entry",
        at,
        f"write an entry, {name}[{','.join(letters)}], or a slice that is a matrix, {name}[{runs}]",
        "shape",
    )


def whole_array(value: Expr, name: str, at: Place) -> Expr:
    """A name that stands as a whole: a scalar, a vector or a matrix."""
    if isinstance(value, Leaf | Partial) and not value.array.is_matrix:
        raise entry_by_entry(name, value.array.shape, at, over=value.array.over)
    return value
