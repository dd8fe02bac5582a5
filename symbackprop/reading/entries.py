"""Entries and indices: ``W[i,j]``, ``sum[j](...)``, and where the range of an index comes from.

An index gets its dim from the positions where it stands alone as a slot; two different dims are
an error. Positions are one-based, whatever they are called in the text (``notation.counting``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    Element,
    Expr,
    IndexValue,
    LabelValue,
    Leaf,
    Partial,
    Run,
    Slice,
    label_of,
    label_slot,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import InputError
from symbackprop.notation.counting import counted, placed
from symbackprop.reading.scope import Scope
from symbackprop.reading.syntax import (
    Bind,
    Chain,
    Derivative,
    Minus,
    Name,
    Node,
    Num,
    Plus,
    Span,
    Sub,
    Times,
    Whole,
    show,
)
from symbackprop.reading.tokens import Place, fail

Read = Callable[[Node, Scope], Expr]
Affine = tuple[dict[str, int], Dim]


def axes_of(base: Expr) -> tuple[Dim, ...]:
    """The dims that the slots of ``base[...]`` run over."""
    if isinstance(base, Leaf):
        return base.tensor.shape
    if isinstance(base, Partial):
        return base.by.shape
    if isinstance(base, Slice):
        return tuple(run.count for run in base.runs)
    return tuple(dim for dim in base.shape if not dim.is_one)


def read_element(node: Sub, scope: Scope, read: Read) -> Expr:
    """``base[slots]`` with one index or number in each slot."""
    found = with_whole_members(node, scope)
    if isinstance(found, Name):
        return read(found, scope)
    node = found
    whole = isinstance(node.base, Sub) and any(isinstance(slot, Whole | Span) for slot in node.base.slots)
    if isinstance(node.base, Sub) and not whole:
        raise fail(
            f"{show(node.base)} is one entry and has no index of its own",
            node.at,
            "write the indices in one bracket, as in W[i,j]",
            "shape",
        )
    label = read_label(node, scope)
    if label is not None:
        raise no_number(node, node.at)
    base = read_base(node.base, scope, read)
    if any(isinstance(slot, Whole | Span) for slot in node.slots):
        return read_slice(node, base, scope)
    return Element(base, read_slots(node, axes_of(base), scope))


def with_whole_members(node: Sub, scope: Scope) -> Sub | Name:
    """``h[t]`` of a family over a dim as ``h[t,:]``, and ``h[t][k]`` as ``h[t,k]``."""
    inner = node.base
    base, slots = inner, node.slots
    if isinstance(inner, Sub) and isinstance(inner.base, Name):
        base, slots = inner.base, (*inner.slots, *slots)
    value = scope.value(base.name) if isinstance(base, Name) else None
    if not isinstance(value, Leaf | Partial):
        return node
    if not _array_of(value).over and _array_of(value).start is None:
        return node
    missing = _array_of(value).rank - len(slots)
    start = _array_of(value).start
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
    if isinstance(value, Leaf | Partial) and not _array_of(value).is_matrix:
        return value
    return read(node, scope)


def _array_of(value: Leaf | Partial) -> Tensor:
    """The tensor whose shape an array has."""
    return value.tensor if isinstance(value, Leaf) else value.by


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
    if isinstance(value, Leaf | Partial) and not _array_of(value).is_matrix:
        raise entry_by_entry(name, _array_of(value).shape, at, over=_array_of(value).over)
    return value


def read_slice(node: Sub, base: Expr, scope: Scope) -> Slice:
    """``W[:,j]``, ``z[n+1..2*n]``, ``W[1..k,:]``: a vector like any other, or a matrix."""
    axes = axes_of(base)
    _check_count(node, axes)
    runs = sum(isinstance(slot, Whole | Span) for slot in node.slots)
    if runs > 2:
        raise fail(
            f"{show(node)} leaves {runs} indices, and a slice is a vector or a matrix",
            node.at,
            "hold all but two of its indices",
            "shape",
        )
    slots: list[Expr] = []
    for slot, dim in zip(node.slots, axes, strict=True):
        if isinstance(slot, Whole):
            slots.append(Run(IndexValue((), Dim(1)), scope.unifier.resolve(dim)))
        elif isinstance(slot, Span):
            slots.append(_run(slot, dim, node, scope))
        else:
            slots.append(_slot(slot, dim, node, scope))
    return Slice(base, tuple(slots), scope.convention.vectors_are_rows)


def _run(slot: Span, dim: Dim, node: Sub, scope: Scope) -> Run:
    """The positions ``low..high``, whose number must not depend on an index."""
    ends = [position_parts(end, scope) for end in (slot.low, slot.high)]
    for given, end in zip((slot.low, slot.high), ends, strict=True):
        if end is None:
            raise _no_position(given, scope)
    (low, start), (high, last) = (end for end in ends if end is not None)
    if low != high:
        raise fail(f"the length of {show(slot)} depends on an index", slot.at, "write the entries one by one")
    count = last - start + 1
    if not count.surely_positive and (count * -1 + 1).surely_positive:
        raise fail(f"the range {show(slot)} is empty", slot.at, None, "shape")
    first = IndexValue(index_parts(low, scope), start)
    found = Run(first, count)
    check_reach(first, found.high, dim, slot, node, scope)
    return found


def index_parts(letters: dict[str, int], scope: Scope) -> tuple[tuple[Index, int], ...]:
    """The indices of the letters, with their coefficients."""
    found = [(scope.index(letter), coefficient) for letter, coefficient in letters.items()]
    return tuple((index, coefficient) for index, coefficient in found if index is not None)


def check_reach(low: IndexValue, high: IndexValue, dim: Dim, slot: Node, node: Node, scope: Scope) -> None:
    """Positions must lie in 1..dim for all values of their indices; not where outside of it is 0."""
    if scope.zero and not isinstance(slot, Span) and isinstance(node, Sub):
        return
    resolve = scope.unifier.resolve
    base = scope.value(node.base.name) if isinstance(node, Sub) and isinstance(node.base, Name) else None
    started = isinstance(base, Leaf) and base.tensor.start is not None and slot is node.slots[0]  # type: ignore[attr-defined]
    least = 0 if started else 1
    below = [resolve(end - least) for end in _ends(low, scope, last=False)]
    above = [resolve(resolve(dim) - end) for end in _ends(high, scope, last=True)]
    unsolved = any(name[0] == "?" for gap in (*below, *above) for name in gap.names)
    if unsolved or all(any(gap.never_negative for gap in gaps) for gaps in (below, above)):
        return
    surely = any(all(gap.surely_negative for gap in gaps) for gaps in (below, above))
    if isinstance(slot, Span) and not low.indices and not surely:
        return  # 1..k of n entries: the author says that k <= n
    shift = 1 - scope.first
    where = f"{resolve(below[0] + least - shift)}..{resolve(resolve(dim) - above[0] - shift)}"
    whole = positions_text(resolve(dim), scope)
    raise fail(
        f"{show(node)}: the positions {show(slot)} run over {where}, which need not lie in {whole}",
        slot.at,
        "give the index a range of its own, or declare the shape so that all positions exist",
        "shape",
    )


def _ends(value: IndexValue, scope: Scope, *, last: bool) -> list[Dim]:
    """Bounds of the values of a position: by the ranges of its indices, and by what conditions say of them.

    The inner indices go first: their ends may hold the outer ones.
    """
    if not value.indices:
        return [value.offset]
    order = list(scope.indices.values())
    inner = max(value.indices, key=lambda part: order.index(part[0]) if part[0] in order else -1)
    index, factor = inner
    upwards = (factor > 0) == last
    found: list[Dim] = []
    for end in _limits(index, scope, upwards=upwards):
        parts = {other: c for other, c in value.indices if other is not index}
        for other, c in end.indices:
            parts[other] = parts.get(other, 0) + c * factor
        rest = IndexValue(tuple((i, c) for i, c in parts.items() if c), value.offset + end.offset * factor)
        found.extend(_ends(rest, scope, last=last))
    return found


def _limits(index: Index, scope: Scope, *, upwards: bool) -> list[IndexValue]:
    """What an index is at most, or at least: the end of its range first."""
    spot = scope.ranges.get(index)
    plain = IndexValue((), scope.unifier.resolve(index.dim) if upwards else Dim(1))
    if spot is None:
        return [plain]
    stated = spot.high if upwards else spot.low
    found = [plain if stated is None else stated]
    if spot.condition is not None:
        relation, other = spot.condition
        shift = {"<": -1, "<=": 0} if upwards else {">": 1, ">=": 0}
        if relation in shift and not isinstance(other, LabelValue):
            found.append(IndexValue(other.indices, other.offset + shift[relation]))
    return found


def read_label(node: Node, scope: Scope) -> Expr | None:
    """The label ``y`` or ``y[n]``, or all labels ``y``; None if the node is nothing of that kind."""
    name = node.base if isinstance(node, Sub) else node
    value = scope.value(name.name) if isinstance(name, Name) else None
    if value is None or label_of(value) is None:
        return None
    return Element(value, read_slots(node, axes_of(value), scope)) if isinstance(node, Sub) else value


def no_number(node: Node, at: Place) -> InputError:
    """The error about a label where a number is needed."""
    return fail(
        f"{show(node)} is a label: it chooses a class and is no number to calculate with",
        at,
        "use it as an index, as in p[y], compare it with an index, as in ind(k = y), or write onehot(y)",
        "shape",
    )


def read_slots(node: Sub, axes: tuple[Dim, ...], scope: Scope) -> tuple[IndexValue, ...]:
    """The slots of an entry, one for each of ``axes``."""
    _check_count(node, axes)
    return tuple([_slot(slot, dim, node, scope) for slot, dim in zip(node.slots, axes, strict=True)])


def read_open_slots(node: Sub, axes: tuple[Dim, ...], scope: Scope) -> tuple[IndexValue | None, ...]:
    """The slots of a derivative, one for each of ``axes``; None for ``:``."""
    _check_count(node, axes)
    for slot in node.slots:
        if isinstance(slot, Span):
            raise fail(
                f"{show(slot)}: in the derivative of an array an axis runs as a whole, or is held",
                slot.at,
                "write : or one position",
            )
    return tuple(
        [
            None if isinstance(slot, Whole) else _slot(slot, dim, node, scope)
            for slot, dim in zip(node.slots, axes, strict=True)
        ]
    )


def _check_count(node: Sub, axes: tuple[Dim, ...]) -> None:
    shown = show(node.base)
    if not axes:
        raise fail(f"{shown} is a scalar and has no index", node.at, f"write {shown}", "shape")
    if len(node.slots) == 1 and len(axes) == 2:
        slot = show(node.slots[0])
        raise fail(
            f"{shown} is a matrix and has two indices, {show(node)} gives one",
            node.at,
            f"write {shown}[{slot},:] for row {slot}, {shown}[:,{slot}] for column {slot}",
            "shape",
        )
    if len(node.slots) != len(axes):
        count = "one index" if len(axes) == 1 else f"{len(axes)} indices"
        raise fail(f"{shown} has {count}, {show(node)} gives {len(node.slots)}", node.at, None, "shape")


def _slot(slot: Node, dim: Dim, node: Sub, scope: Scope) -> IndexValue:
    label = read_label(slot, scope)
    if label is not None:
        return _label_slot(label, dim, slot, node, scope)
    if (
        isinstance(slot, Name)
        and scope.free is not None
        and scope.index(slot.name) is None
        and not scope.knows(slot.name)
    ):
        scope.free[slot.name] = Index(scope.unifier.resolve(dim), slot.name)
    parts = position_parts(slot, scope)
    if parts is None:
        raise _no_position(slot, scope)
    indices, offset = parts
    if not indices:
        _check_position(offset, dim, slot, node, scope)
        return IndexValue((), offset)
    if len(indices) > 1 or offset != Dim(0) or 1 not in indices.values():
        found = IndexValue(index_parts(indices, scope), offset)
        check_reach(found, found, dim, slot, node, scope)
        return found
    (letter,) = indices
    index = scope.index(letter)
    assert index is not None
    if not _contains(scope.unifier.resolve(dim), scope.unifier.resolve(index.dim)) and not scope.unifier.same(
        index.dim, dim
    ):
        raise fail(
            f"the index {letter} runs over {scope.unifier.resolve(index.dim)}, but {show(node)} has "
            f"{scope.unifier.resolve(dim)} entries there",
            slot.at,
            None,
            "shape",
        )
    return IndexValue(((index, 1),))


def _label_slot(label: Expr, dim: Dim, slot: Node, node: Sub, scope: Scope) -> IndexValue:
    tensor = label_of(label)
    assert tensor is not None
    assert tensor.facts.classes is not None
    if not label.is_scalar:
        letter = (tensor.shape[0].single_name or "n")[0].lower()
        raise fail(
            f"{tensor.name} holds {tensor.shape[0]} labels, an index is one of them",
            slot.at,
            f"write {tensor.name}[{letter}]",
            "shape",
        )
    if not scope.unifier.same(tensor.facts.classes, dim):
        raise fail(
            f"{tensor.name} has {tensor.facts.classes} classes, but {show(node)} has "
            f"{scope.unifier.resolve(dim)} entries there",
            slot.at,
            None,
            "shape",
        )
    return label_slot(label)


def _contains(outer: Dim, inner: Dim) -> bool:
    gap = outer - inner
    return gap.is_number and gap.constant >= 0


def _check_position(offset: Dim, dim: Dim, slot: Node, node: Sub, scope: Scope) -> None:
    if scope.zero:
        return
    below = offset.is_number and offset.constant < 1
    gap = dim - offset
    if below or (gap.is_number and gap.constant < 0):
        said = counted(IndexValue((), offset), scope.first).offset
        message = f"{show(node)}: the position {said} is outside {positions_text(dim, scope)}"
        raise fail(message, slot.at, None, "shape")


def _no_position(slot: Node, scope: Scope) -> InputError:
    for part in slot.walk():
        if isinstance(part, Name) and scope.value(part.name) is None:
            if scope.knows(part.name):
                return scope.unknown(part.name, part.at)
            return fail(
                f"the index {part.name} is neither bound by a sum nor on the left side",
                part.at,
                f"write sum[{part.name}](...) if it is summed",
                "unknown-symbol",
            )
        if isinstance(part, Sub | Name):
            hint = "an index is a letter, a number, or a label (a symbol with classes: K)"
            return fail(f"{show(part)} is not an index", part.at, hint)
    return fail(f"{show(slot)} is not a position", slot.at, "use indices, dims and whole numbers")


def positions_text(dim: Dim, scope: Scope) -> str:
    """All positions of an axis, as the author counts: ``1..n``."""
    return f"{scope.first}..{dim - (1 - scope.first)}"


def position_parts(node: Node, scope: Scope) -> Affine | None:
    """A position: as ``affine``, but one-based, whatever the text counts from."""
    parts = affine(node, scope)
    return None if parts is None else (parts[0], placed(parts[0].values(), parts[1], scope.first))


def affine(node: Node, scope: Scope) -> Affine | None:
    """Coefficients of the indices, and the rest as a dim; None if the node is not affine in whole numbers."""
    match node:
        case Num(_, value):
            return ({}, Dim(int(value))) if value.denominator == 1 else None
        case Name(_, name):
            if scope.index(name) is not None:
                return ({name: 1}, Dim(0))
            return ({}, Dim.named(name)) if name in scope.dims and name not in scope.tensors else None
        case Minus(_, arg):
            return _scaled(affine(arg, scope), -1)
        case Plus(_, terms):
            total: Affine | None = ({}, Dim(0))
            for term in terms:
                total = _added(total, affine(term, scope))
            return total
        case Chain(_, factors) | Times(_, factors):
            return _product(factors, scope)
    return None


def _product(factors: tuple[Node, ...], scope: Scope) -> Affine | None:
    total: Affine | None = ({}, Dim(1))
    for factor in factors:
        part = affine(factor, scope)
        if part is None or total is None:
            return None
        if not part[0] and part[1].is_number:
            total = _scaled(total, part[1].constant)
        elif not total[0] and total[1].is_number:
            total = _scaled(part, total[1].constant)
        else:
            return None
    return total


def _scaled(part: Affine | None, by: int) -> Affine | None:
    if part is None:
        return None
    return ({name: c * by for name, c in part[0].items() if c * by}, part[1] * by)


def _added(a: Affine | None, b: Affine | None) -> Affine | None:
    if a is None or b is None:
        return None
    total = dict(a[0])
    for name, coefficient in b[0].items():
        total[name] = total.get(name, 0) + coefficient
    return ({name: c for name, c in total.items() if c}, a[1] + b[1])


# -- ranges


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
        _check_count(node, dims)
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
