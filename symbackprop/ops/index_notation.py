"""Index notation: entries, sums and products over indices, relations, arrays given by their entries."""

from __future__ import annotations

from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Slice,
    label_of,
)
from symbackprop.core.tensors import Index
from symbackprop.errors import UnsupportedError
from symbackprop.notation.atoms import Delta, Entry, Extreme, Truth, as_atom, number_of
from symbackprop.notation.forms import Form, bind, negated, number, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Place, Slot, position
from symbackprop.ops.form_arithmetic import dim_form, power
from symbackprop.ops.label_choices import classes_of, label_indicator, label_is
from symbackprop.ops.lowerer import Lowerer
from symbackprop.ops.ranges import is_singular, ordered, stretched
from symbackprop.ops.tensor_entries import zero_outside


def element(lowerer: Lowerer, expr: Element, row: Place, column: Place) -> Form:
    """An entry; a slot ``y[n]`` is a sum over the classes that keeps the one of the label."""
    form, bound = number(1), []
    slots: list[Slot] = []
    for slot in expr.slots:
        if isinstance(slot, LabelValue):
            assert slot.label is not None
            chosen = Index(classes_of(slot.label), "k")
            form = product(form, label_is(lowerer, slot.label, chosen))
            bound.append(chosen)
            slots.append(chosen)
        else:
            slots.append(lowerer.slot(slot))
    inner = _entry_of(lowerer, expr, slots)
    return bind(product(form, as_atom(inner)), tuple(bound)) if bound else inner


def _entry_of(lowerer: Lowerer, expr: Element, slots: list[Slot]) -> Form:
    if isinstance(expr.base, (Leaf, Partial)):
        if isinstance(expr.base, Leaf):
            tensor = expr.base.tensor
        else:
            if lowerer.partials is None:
                raise UnsupportedError("a derivative cannot stand here")
            tensor = lowerer.partials(expr.base)
        if lowerer.zero and tensor.start is None:
            return zero_outside(tensor, slots)
        places = tuple(slots[axis] for axis in tensor.index_axes)
        return single(Entry(tensor, places, loose=tensor.is_symmetric))
    return _element_of(lowerer, expr.base, slots)


def _element_of(lowerer: Lowerer, base: Expr, slots: list[Slot]) -> Form:
    """An entry of a composite: lower at fresh places, then put the slots in."""
    places: list[Place] = [None if dim.is_one else Index(dim, "k") for dim in base.shape]
    form = lowerer.lower(base, places[0], places[1])
    used = [place for place in places if place is not None]
    return form.rename(dict(zip(used, slots, strict=True)))


def piece(lowerer: Lowerer, expr: Slice, row: Place, column: Place) -> Form:
    """An entry of rows and columns of an array: that of the whole, moved."""
    own = [None if dim.is_one else place for dim, place in zip(expr.shape, (row, column), strict=True)]
    places = [None if place is None else IndexValue(((place, 1),)) for place in own]
    return element(lowerer, expr.entry(places[0], places[1]), None, None)


def index_value(lowerer: Lowerer, expr: IndexValue, row: Place, column: Place) -> Form:
    """A position as a number, one-based."""
    parts = [dim_form(expr.offset)]
    for index, factor in expr.indices:
        parts.append(product(number(factor), number_of(lowerer.names.get(index, index))))
    return normal(total(parts))


def reduction(lowerer: Lowerer, expr: Reduce, row: Place, column: Place) -> Form:
    """sum, mean, max or prod over indices, with the conditions on them as factors."""
    saved = dict(lowerer.names)
    bound: list[Index] = []
    conditions: list[list[Indicator]] = []
    for spot in stretched(expr) if expr.binder == "sum" else expr.ranges:
        new, asked = _bound(lowerer, spot)
        bound.append(new)
        conditions.append(asked)
    body = lowerer.part(expr.body, row, column)
    if expr.binder in ("max", "prod"):
        where = [tuple(_truth(lowerer, one) for one in several) for several in conditions]
        lowerer.names = saved
        return _extreme_of(expr.binder, normal(body), bound, where)
    inside = number(1)
    for one in (one for several in conditions for one in several):
        barred = one.op == "!=" and _is_barred(lowerer, one, body)
        found = single(_truth(lowerer, one)) if barred else indicator(lowerer, one, None, None)
        inside = product(inside, found)
    lowerer.names = saved
    total_ = bind(product(inside, body), tuple(bound))
    if expr.binder == "sum":
        return normal(total_)
    count = normal(bind(inside, tuple(bound)))
    return normal(product(power(count, Fraction(-1)), total_))


def _extreme_of(kind: str, body: Form, bound: list[Index], where: list[tuple[Truth, ...]]) -> Form:
    """max over all indices at once; a product over one index after the other, the last innermost."""
    if kind == "max":
        return single(Extreme("max", body, tuple(bound), tuple(t for several in where for t in several)))
    for index, truths in zip(reversed(bound), reversed(where), strict=True):
        body = single(Extreme("prod", body, (index,), truths))
    return body


def _is_barred(lowerer: Lowerer, condition: Indicator, body: Form) -> bool:
    """Whether a sum over j != i may not be one over all j without that at i: 1/(x_i - x_j)."""
    if label_of(condition.left) is not None or label_of(condition.right) is not None:
        return False
    truth = _truth(lowerer, condition)
    return set(truth.left.free) <= set(body.free) and is_singular(body, truth.free)


def _truth(lowerer: Lowerer, condition: Indicator) -> Truth:
    """A condition on positions, as it stands; of a label that its 0/1 entry is 1, or 0."""
    chosen = label_indicator(lowerer, condition)
    if chosen is not None:
        return Truth(chosen, "=", number(1 if condition.op == "=" else 0))
    left, right = (normal(lowerer.part(side, None, None)) for side in (condition.left, condition.right))
    return Truth(left, condition.op, right)


def _bound(lowerer: Lowerer, spot: Range) -> tuple[Index, list[Indicator]]:
    """The index of a range, and what is asked of it where that depends on other indices.

    Positions low..high without indices are counted from 1: i = 2..n is i' + 1 with i' = 1..n-1.
    """
    here = IndexValue(((spot.index, 1),))
    asked = [Indicator(here, spot.condition[0], _said(spot.condition[1]))] if spot.condition else []
    low = spot.low or IndexValue((), Dim(1))
    high = spot.high or IndexValue((), spot.index.dim)
    if not any(end.indices or isinstance(end, LabelValue) for end in (low, high)):
        new = Index(high.offset - low.offset + 1, spot.index.letter)
        lowerer.names[spot.index] = position(((new, 1),), low.offset - 1)
        return new, asked
    if spot.low is not None:
        asked.append(Indicator(here, ">=", _said(low)))
    if spot.high is not None:
        asked.append(Indicator(here, "<=", _said(high)))
    new = Index(spot.index.dim, spot.index.letter)
    lowerer.names[spot.index] = new
    return new, asked


def indicator(lowerer: Lowerer, expr: Indicator, row: Place, column: Place) -> Form:
    """[left op right]: a Kronecker delta of two positions."""
    compared = label_indicator(lowerer, expr)
    if compared is not None:
        return total((number(1), negated(compared))) if expr.op == "!=" else compared
    places = isinstance(expr.left, IndexValue) and isinstance(expr.right, IndexValue)
    if places and expr.op in ("=", "!="):
        assert isinstance(expr.left, IndexValue)
        assert isinstance(expr.right, IndexValue)
        delta = single(Delta(lowerer.slot(expr.left), lowerer.slot(expr.right)))
        return delta if expr.op == "=" else total((number(1), negated(delta)))
    left = normal(lowerer.part(expr.left, row, column))
    right = normal(lowerer.part(expr.right, row, column))
    return single(ordered(Truth(left, expr.op, right)) if places else Truth(left, expr.op, right))


def comprehension(lowerer: Lowerer, expr: Comprehension, row: Place, column: Place) -> Form:
    """An entry of an array that is given by its entries."""
    saved = dict(lowerer.names)
    for own, place in ((expr.row, row), (expr.column, column)):
        if own is not None and place is not None:
            lowerer.names[own] = place
    body = lowerer.lower(expr.body, None, None)
    lowerer.names = saved
    return body


def _said(position_: IndexValue) -> Expr:
    """A position; the label itself where one says it."""
    return position_.label if isinstance(position_, LabelValue) and position_.label is not None else position_
