"""``sum[ranges](body)`` and its kin: which positions a bound index runs over.

A range is a letter alone (then all positions where it stands), ``j = low..high``, or a condition such as
``j != i``; ends and conditions may hold the indices to its left. An index that starts at 1 and ends at a
dim has that dim; of any other the range stays with it.
"""

from __future__ import annotations

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr
from symbackprop.core.indexed import IndexValue, LabelValue, Range, Reduce, label_slot
from symbackprop.core.tensors import Index
from symbackprop.reading.index_ranges import check_letter, range_of
from symbackprop.reading.positions import index_parts, position_parts, positions_text
from symbackprop.reading.reach import check_reach
from symbackprop.reading.refusals import not_yet
from symbackprop.reading.scope import Read, Scope
from symbackprop.reading.shapes import ShapeError, shape_text
from symbackprop.reading.slots import read_label
from symbackprop.reading.syntax import Bind, Bounds, Name, Node, show
from symbackprop.reading.tokens import fail

_DOES = {"sum": "adds", "mean": "averages", "prod": "multiplies", "max": "compares"}


def read_binder(node: Bind, scope: Scope, read: Read) -> Expr:
    """``sum[j](body)``, ``mean``, ``prod`` and ``max``."""
    _check_body_has(node, scope)
    ranges: list[Range] = []
    inner = scope
    for bounds in _all_bounds(node, scope):
        letter = bounds.index
        check_letter(letter, bounds.at, scope)
        if letter in inner.indices:
            raise fail(f"the index {letter} is bound already", bounds.at, "use another letter")
        spot = _range(bounds, node, inner, read)
        ranges.append(spot)
        inner = inner.with_indices({letter: spot.index}, (spot,))
    body = read(node.body, inner)
    shape = scope.unifier.shape(body)
    of_arrays = scope.derivatives and node.binder in ("sum", "mean")  # in derived lines sums of vectors stand
    if not (shape[0].is_one and shape[1].is_one) and not of_arrays:
        letters = ",".join(spot.index.letter for spot in ranges)
        raise ShapeError(
            f"{node.binder}[{letters}] {_DOES[node.binder]} numbers, but {show(node.body)} is "
            f"{shape_text(shape)}",
            node.body,
            "write an entry such as x[i], or sum(A) for all entries",
        )
    return Reduce(node.binder, tuple(ranges), body)


def _all_bounds(node: Bind, scope: Scope) -> list[Bounds]:
    r"""The ranges; of a joint one (``\sum_{i<j}``) both indices, unless the second is bound already."""
    found: list[Bounds] = []
    for bounds in node.ranges:
        other = bounds.other
        known = {*scope.indices, *(scope.free or {}), *(one.index for one in found)}
        loose = isinstance(other, Name) and other.name not in known and not scope.knows(other.name)
        if bounds.joint and isinstance(other, Name) and loose:
            found.append(Bounds(other.at, other.name))
        found.append(bounds)
    return found


def _check_body_has(node: Bind, scope: Scope) -> None:
    """Refuse ``sum[k](c)``: an index without bounds must stand somewhere in what is added."""
    names = {part.name for part in node.body.walk() if isinstance(part, Name)}
    for bounds in node.ranges:
        if bounds.low is None and bounds.index not in names and not scope.knows(bounds.index):
            raise fail(
                f"the index {bounds.index} does not stand in {show(node.body)}",
                bounds.at,
                f"write an entry, as in {node.binder}[{bounds.index}](x[{bounds.index}])",
                "shape",
            )


def _range(bounds: Bounds, node: Bind, scope: Scope, read: Read) -> Range:
    plain = None if bounds.op is not None else interval(bounds, scope, whole=False)
    if plain is not None:
        return Range(Index(plain, bounds.index))
    dim = range_of(bounds.index, node.body, scope, read, bounds.at)
    if bounds.low is not None and bounds.high is not None:
        return _between(bounds, dim, scope)
    if dim is None:
        raise fail(
            f"the range of {bounds.index} is not known",
            bounds.at,
            f"write {node.binder}[{bounds.index} = {positions_text(Dim.named('n'), scope)}](...)",
            "shape",
        )
    index = Index(dim, bounds.index)
    if bounds.op is None or bounds.other is None:
        return Range(index)
    other = position(bounds.other, scope)
    if isinstance(other, LabelValue) and bounds.op not in ("=", "!="):
        text = f"{bounds.index} {bounds.op} {show(bounds.other)}"
        raise fail(f"{text}: labels have no order", bounds.other.at, "they are only equal or unequal")
    return Range(index, condition=(bounds.op, other))


def _between(bounds: Bounds, dim: Dim | None, scope: Scope) -> Range:
    """``j = low..high`` with ends of its own."""
    assert bounds.low is not None
    assert bounds.high is not None
    low = position(bounds.low, scope, bound=False)
    high = position(bounds.high, scope, bound=False)
    if not low.indices and not high.indices and (high.offset - low.offset + 1).never_positive:
        raise fail(f"the range of {bounds.index} is empty", bounds.at)
    index = Index(dim if dim is not None else most(high, scope), bounds.index)
    check_reach(low, high, index.dim, bounds.high, bounds, scope)
    first = None if low == IndexValue((), Dim(1)) else low
    last = None if high == IndexValue((), scope.unifier.resolve(index.dim)) else high
    return Range(index, first, last)


def most(value: IndexValue, scope: Scope) -> Dim:
    """The largest value of an end, its indices over their whole dims."""
    total = value.offset
    for index, factor in value.indices:
        total = total + (scope.unifier.resolve(index.dim) * factor if factor > 0 else Dim(factor))
    return total


def position(node: Node, scope: Scope, *, bound: bool = True) -> IndexValue:
    """An end or the other side of a condition: affine in dims and indices, or a label."""
    label = read_label(node, scope)
    if label is not None and label.is_scalar:
        return label_slot(label)
    parts = position_parts(node, scope)
    if parts is None:
        if isinstance(node, Name) and not scope.knows(node.name) and not bound:
            raise fail(
                f"{node.name} is not a size that is known here", node.at,
                "a size is a name in the shape of a symbol (derive: --shape x=n)", "unknown-symbol",
            )  # fmt: skip
        for part in node.walk():
            if isinstance(part, Name) and scope.value(part.name) is None and not scope.knows(part.name):
                raise fail(
                    f"the index {part.name} is neither bound to the left nor on the left side",
                    part.at,
                    f"bind it first, as in sum[{part.name}, ...]",
                    "unknown-symbol",
                )
        raise fail(f"{show(node)} is not a position", node.at, "use indices, dims and whole numbers")
    return IndexValue(index_parts(parts[0], scope), parts[1])


def _every_dim_known(end: Node, scope: Scope) -> None:
    for part in end.walk():
        if isinstance(part, Name) and scope.value(part.name) is None and not scope.knows(part.name):
            raise fail(
                f"{part.name} is no dim: it stands in no shape",
                part.at,
                f"declare an array with an axis {part.name}, or write a whole number",
                "unknown-symbol",
            )


def interval(bounds: Bounds, scope: Scope, *, whole: bool = True) -> Dim | None:
    """The dim of an explicit range 1..n; None if no range is given, or (not ``whole``) another one."""
    if bounds.op is not None:
        raise not_yet("condition", bounds.at)
    if bounds.low is None or bounds.high is None:
        return None
    low, high = position_parts(bounds.low, scope), position_parts(bounds.high, scope)
    if low != ({}, Dim(1)) or high is None or high[0]:
        if not whole:
            return None
        _every_dim_known(bounds.high, scope)
        raise not_yet("bounds", bounds.at)
    if high[1].is_number and high[1].constant < 1:
        raise fail(f"the range of {bounds.index} is empty", bounds.at)
    return high[1]
