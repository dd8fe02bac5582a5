"""From typed expressions to index forms: what an entry of an expression is.

``Lowering.lower(expr, row, column)`` gives the form of entry (row, column) of ``expr``; ``row`` is
None exactly where the number of rows is literally 1, likewise ``column``. A broadcast operand is
lowered with None on the stretched side, so no alignment by position can happen.

Products of sums keep their sums as ``Group`` factors, as the author wrote them; nothing is
multiplied out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    Add,
    Call,
    Comprehension,
    DimValue,
    Divide,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    LabelValue,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Range,
    Reduce,
    Shape,
    Slice,
    Transpose,
    label_of,
    product_shape,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.forms import (
    Delta,
    DimFactor,
    Entry,
    Extreme,
    Flat,
    Fn,
    Form,
    Group,
    OfMatrix,
    Slot,
    Truth,
    as_atom,
    bind,
    negated,
    number,
    number_of,
    parts_of_slot,
    position,
    product,
    replaced_in,
    single,
    total,
)
from symbackprop.notation.normal import normal, span_of
from symbackprop.ops.elementwise import POWER
from symbackprop.ops.labels import choice, hoisted, onehot_tensor
from symbackprop.ops.ranges import is_singular, ordered, stretched
from symbackprop.ops.registry import Elementwise, lookup

Place = Index | None
Expand = Callable[[Call], Expr]


class Lowering:
    """Lowers expressions; ``expand`` gives the defining expression of a call (a loss, gelu)."""

    def __init__(
        self, expand: Expand, partials: Callable[[Partial], Tensor] | None = None, *, zero: bool = False
    ) -> None:
        self._expand = expand
        self._partials = partials
        self._zero = zero
        self._onehots: dict[Tensor, Tensor] = {}

    def with_partials(self, partials: Callable[[Partial], Tensor]) -> Lowering:
        """The same, with a tensor for each derivative that stands in an expression."""
        other = Lowering(self._expand, partials, zero=self._zero)
        other._onehots = self._onehots
        return other

    def onehot(self, labels: Tensor) -> Tensor:
        """The tensor of 0 and 1 that stands for ``labels`` in index forms, always the same one."""
        if labels not in self._onehots:
            self._onehots[labels] = onehot_tensor(labels)
        return self._onehots[labels]

    def lower(self, expr: Expr, row: Place, column: Place, names: Mapping[Index, Slot] | None = None) -> Form:
        """The form of one entry; ``names`` replaces the index objects of the expression."""
        lowerer = _Lowerer(self._expand, self._partials, names or {}, self.onehot, zero=self._zero)
        form = lowerer.lower(expr, row, column)
        return hoisted(form, frozenset(self._onehots.values())) if self._onehots else form


class _Lowerer:
    def __init__(
        self,
        expand: Expand,
        partials: Callable[[Partial], Tensor] | None,
        names: Mapping[Index, Slot],
        onehot: Callable[[Tensor], Tensor],
        *,
        zero: bool = False,
    ) -> None:
        self._zero = zero
        self._expand = expand
        self._partials = partials
        self._names = dict(names)
        self._onehot = onehot

    def lower(self, expr: Expr, row: Place, column: Place) -> Form:
        method = _METHODS.get(type(expr))
        if method is None:
            raise UnsupportedError(f"{type(expr).__name__} is not supported yet")
        return method(self, expr, row, column)

    def part(self, expr: Expr, row: Place, column: Place) -> Form:
        """An operand of an elementwise operation: a side of extent 1 has no index."""
        rows, columns = expr.shape
        return self.lower(expr, None if rows.is_one else row, None if columns.is_one else column)

    def number(self, expr: Number, row: Place, column: Place) -> Form:
        return number(expr.value)

    def dim(self, expr: DimValue, row: Place, column: Place) -> Form:
        return dim_form(expr.dim)

    def leaf(self, expr: Leaf, row: Place, column: Place) -> Form:
        return single(entry_at(expr.tensor, row, column))

    def partial(self, expr: Partial, row: Place, column: Place) -> Form:
        if self._partials is None:
            raise UnsupportedError("a derivative cannot stand here")
        if expr.turned:
            row, column = column, row
        return single(entry_at(self._partials(replace(expr, turned=False)), row, column))

    def add(self, expr: Add, row: Place, column: Place) -> Form:
        return normal(total(self.part(term, row, column) for term in expr.terms))

    def neg(self, expr: Neg, row: Place, column: Place) -> Form:
        return negated(self.lower(expr.arg, row, column))

    def matmul(self, expr: MatMul, row: Place, column: Place) -> Form:
        return normal(self._chain(list(expr.factors), row, column))

    def _chain(self, factors: list[Expr], row: Place, column: Place) -> Form:
        """Left to right, as ``MatMul`` associates; a 1 x 1 on either side scales."""
        *before, last = factors
        if not before:
            return as_atom(self.lower(last, row, column))
        shape = _chain_shape(before)
        if _is_unit(shape) or last.is_scalar:
            left_places = (None, None) if _is_unit(shape) else (row, column)
            right_places = (None, None) if last.is_scalar else (row, column)
            left = self._chain(before, *left_places)
            return product(left, as_atom(self.lower(last, *right_places)))
        joint = shape[1]
        inner = None if joint.is_one else Index(joint, "k")
        left = self._chain(before, row, inner)
        form = product(left, as_atom(self.lower(last, inner, column)))
        return form if inner is None else bind(form, (inner,))

    def hadamard(self, expr: Hadamard, row: Place, column: Place) -> Form:
        form = number(1)
        for factor in expr.factors:
            form = product(form, as_atom(self.part(factor, row, column)))
        return normal(form)

    def divide(self, expr: Divide, row: Place, column: Place) -> Form:
        top = self.part(expr.num, row, column)
        bottom = inverse(self.part(expr.den, row, column))
        return normal(product(as_atom(top) if bottom.free or top.constant is None else top, bottom))

    def power(self, expr: Power, row: Place, column: Place) -> Form:
        base = normal(self.lower(expr.base, row, column))
        exponent = normal(self.lower(expr.exponent, None, None))
        value = exponent.constant
        if value is not None:
            return power(base, value)
        return single(Fn(POWER, (base, exponent)))

    def transpose(self, expr: Transpose, row: Place, column: Place) -> Form:
        return self.lower(expr.arg, column, row)

    def element(self, expr: Element, row: Place, column: Place) -> Form:
        """An entry; a slot ``y[n]`` is a sum over the classes that keeps the one of the label."""
        form, bound = number(1), []
        slots: list[Slot] = []
        for slot in expr.slots:
            if isinstance(slot, LabelValue):
                assert slot.label is not None
                chosen = Index(self._classes(slot.label), "k")
                form = product(form, self._chosen(slot.label, chosen))
                bound.append(chosen)
                slots.append(chosen)
            else:
                slots.append(self._slot(slot))
        inner = self._entry_of(expr, slots)
        return bind(product(form, as_atom(inner)), tuple(bound)) if bound else inner

    def _classes(self, label: Expr) -> Dim:
        tensor = label_of(label)
        assert tensor is not None
        assert tensor.facts.classes is not None
        return tensor.facts.classes

    def _chosen(self, label: Expr, place: Slot) -> Form:
        """1 where the label ``y`` or ``y[n]`` is the class ``place``, else 0."""
        labels = label_of(label)
        assert labels is not None
        own = [self._slot(slot) for slot in label.slots] if isinstance(label, Element) else []
        return single(choice(self._onehot(labels), labels, own[0] if own else None, place))

    def onehot(self, expr: Call, row: Place, column: Place) -> Form:
        label = expr.args[0]
        of, place = (row, column) if expr.axis == "rows" else (column, row)
        assert place is not None
        if isinstance(label, Element):
            return self._chosen(label, place)
        labels = label_of(label)
        assert labels is not None
        return single(choice(self._onehot(labels), labels, of, place))

    def _entry_of(self, expr: Element, slots: list[Slot]) -> Form:
        if isinstance(expr.base, (Leaf, Partial)):
            if isinstance(expr.base, Leaf):
                tensor = expr.base.tensor
            else:
                if self._partials is None:
                    raise UnsupportedError("a derivative cannot stand here")
                tensor = self._partials(expr.base)
            if self._zero and tensor.start is None:
                return zero_outside(tensor, slots)
            places = tuple(slots[axis] for axis in tensor.index_axes)
            return single(Entry(tensor, places, loose=tensor.is_symmetric))
        return self._element_of(expr.base, slots)

    def _element_of(self, base: Expr, slots: list[Slot]) -> Form:
        """An entry of a composite: lower at fresh places, then put the slots in."""
        places: list[Place] = [None if dim.is_one else Index(dim, "k") for dim in base.shape]
        form = self.lower(base, places[0], places[1])
        used = [place for place in places if place is not None]
        return form.rename(dict(zip(used, slots, strict=True)))

    def _slot(self, value: IndexValue) -> Slot:
        index = value.single
        if index is not None:
            return self._names.get(index, index)
        if not value.indices and value.offset.is_number:
            return value.offset.constant
        changed: list[tuple[Index, int]] = []
        offset = value.offset
        for own, factor in value.indices:
            inner, constant = parts_of_slot(self._names.get(own, own))
            offset = offset + constant * factor
            changed.extend((other, size * factor) for other, size in inner)
        return position(changed, offset)

    def reduce(self, expr: Reduce, row: Place, column: Place) -> Form:
        saved = dict(self._names)
        bound: list[Index] = []
        conditions: list[list[Indicator]] = []
        for spot in stretched(expr) if expr.binder == "sum" else expr.ranges:
            new, asked = self._bound(spot)
            bound.append(new)
            conditions.append(asked)
        body = self.part(expr.body, row, column)
        if expr.binder in ("max", "prod"):
            return self._extreme_of(expr.binder, normal(body), bound, conditions, saved)
        inside = number(1)
        for one in (one for several in conditions for one in several):
            barred = one.op == "!=" and self._is_barred(one, body)
            found = single(self._truth(one)) if barred else self.indicator(one, None, None)
            inside = product(inside, found)
        self._names = saved
        total_ = bind(product(inside, body), tuple(bound))
        if expr.binder == "sum":
            return normal(total_)
        count = normal(bind(inside, tuple(bound)))
        return normal(product(power(count, Fraction(-1)), total_))

    def _extreme_of(
        self, kind: str, body: Form, bound: list[Index], conditions: list[list[Indicator]],
        saved: dict[Index, Slot],
    ) -> Form:  # fmt: skip
        """max over all indices at once; a product over one index after the other, the last innermost."""
        where = [tuple(self._truth(one) for one in several) for several in conditions]
        self._names = saved
        if kind == "max":
            return single(Extreme("max", body, tuple(bound), tuple(t for several in where for t in several)))
        for index, truths in zip(reversed(bound), reversed(where), strict=True):
            body = single(Extreme("prod", body, (index,), truths))
        return body

    def _is_barred(self, condition: Indicator, body: Form) -> bool:
        """Whether a sum over j != i may not be one over all j without that at i: 1/(x_i - x_j)."""
        if label_of(condition.left) is not None or label_of(condition.right) is not None:
            return False
        truth = self._truth(condition)
        return set(truth.left.free) <= set(body.free) and is_singular(body, truth.free)

    def _truth(self, condition: Indicator) -> Truth:
        """A condition on positions, as it stands; of a label that its 0/1 entry is 1, or 0."""
        chosen = self._label_indicator(condition)
        if chosen is not None:
            return Truth(chosen, "=", number(1 if condition.op == "=" else 0))
        left, right = (normal(self.part(side, None, None)) for side in (condition.left, condition.right))
        return Truth(left, condition.op, right)

    def _bound(self, spot: Range) -> tuple[Index, list[Indicator]]:
        """The index of a range, and what is asked of it where that depends on other indices.

        Positions low..high without indices are counted from 1: i = 2..n is i' + 1 with i' = 1..n-1.
        """
        here = IndexValue(((spot.index, 1),))
        asked = [Indicator(here, spot.condition[0], _said(spot.condition[1]))] if spot.condition else []
        low = spot.low or IndexValue((), Dim(1))
        high = spot.high or IndexValue((), spot.index.dim)
        if not any(end.indices or isinstance(end, LabelValue) for end in (low, high)):
            new = Index(high.offset - low.offset + 1, spot.index.letter)
            self._names[spot.index] = position(((new, 1),), low.offset - 1)
            return new, asked
        if spot.low is not None:
            asked.append(Indicator(here, ">=", _said(low)))
        if spot.high is not None:
            asked.append(Indicator(here, "<=", _said(high)))
        new = Index(spot.index.dim, spot.index.letter)
        self._names[spot.index] = new
        return new, asked

    def indicator(self, expr: Indicator, row: Place, column: Place) -> Form:
        compared = self._label_indicator(expr)
        if compared is not None:
            return total((number(1), negated(compared))) if expr.op == "!=" else compared
        places = isinstance(expr.left, IndexValue) and isinstance(expr.right, IndexValue)
        if places and expr.op in ("=", "!="):
            assert isinstance(expr.left, IndexValue)
            assert isinstance(expr.right, IndexValue)
            delta = single(Delta(self._slot(expr.left), self._slot(expr.right)))
            return delta if expr.op == "=" else total((number(1), negated(delta)))
        left = normal(self.part(expr.left, row, column))
        right = normal(self.part(expr.right, row, column))
        return single(ordered(Truth(left, expr.op, right)) if places else Truth(left, expr.op, right))

    def _label_indicator(self, expr: Indicator) -> Form | None:
        """[y_n = k], for [y_n != k] too; of two labels the sum over the classes that both may be."""
        sides = (expr.left, expr.right)
        labels = [side for side in sides if label_of(side) is not None]
        if not labels:
            return None
        if len(labels) == 1:
            other = next(side for side in sides if side is not labels[0])
            assert isinstance(other, IndexValue)
            return self._chosen(labels[0], self._slot(other))
        same = Index(self._classes(labels[0]), "k")
        return bind(product(self._chosen(labels[0], same), self._chosen(labels[1], same)), (same,))

    def index_value(self, expr: IndexValue, row: Place, column: Place) -> Form:
        parts = [dim_form(expr.offset)]
        for index, factor in expr.indices:
            parts.append(product(number(factor), number_of(self._names.get(index, index))))
        return normal(total(parts))

    def comprehension(self, expr: Comprehension, row: Place, column: Place) -> Form:
        saved = dict(self._names)
        for own, place in ((expr.row, row), (expr.column, column)):
            if own is not None and place is not None:
                self._names[own] = place
        body = self.lower(expr.body, None, None)
        self._names = saved
        return body

    def call(self, expr: Call, row: Place, column: Place) -> Form:
        if isinstance(expr.op, Elementwise):
            return self._elementwise(expr, row, column)
        method = _PRIMITIVES.get(expr.op.name)
        if method is None:
            return self.lower(self._expand(expr), row, column)
        return method(self, expr, row, column)

    def _elementwise(self, expr: Call, row: Place, column: Place) -> Form:
        args = tuple(normal(self.part(arg, row, column)) for arg in expr.args)
        if expr.primes == 0:
            if expr.op.name == "sqrt":
                return power(args[0], Fraction(1, 2))
            if expr.op.name == "square":
                return power(args[0], Fraction(2))
        return single(Fn(expr.op, args, expr.primes))

    def softmax(self, expr: Call, row: Place, column: Place) -> Form:
        top = _exp(self.lower(expr.args[0], row, column))
        return product(top, power(self._line_sum(expr, row, column), Fraction(-1)))

    def _line_sum(self, expr: Call, row: Place, column: Place) -> Form:
        """sum of exp over the line through (row, column)."""
        arg = expr.args[0]
        side = 1 if expr.axis == "rows" else 0
        dim = arg.shape[side]
        inner = None if dim.is_one else Index(dim, "j")
        places = (row, inner) if side == 1 else (inner, column)
        places = tuple(None if d.is_one else p for d, p in zip(arg.shape, places, strict=True))  # type: ignore[assignment]
        form = _exp(self.lower(arg, *places))
        return form if inner is None else bind(form, (inner,))

    def logsumexp(self, expr: Call, row: Place, column: Place) -> Form:
        return _log(self._line_sum(expr, row, column))

    def log_softmax(self, expr: Call, row: Place, column: Place) -> Form:
        arg = self.lower(expr.args[0], row, column)
        return normal(total((arg, negated(_log(self._line_sum(expr, row, column))))))

    def sum(self, expr: Call, row: Place, column: Place) -> Form:
        return self._sum_over(expr.args[0], (0, 1), None, None)

    def mean(self, expr: Call, row: Place, column: Place) -> Form:
        arg = expr.args[0]
        return normal(product(_count(arg.shape), self._sum_over(arg, (0, 1), None, None)))

    def _sum_over(self, arg: Expr, sides: tuple[int, ...], row: Place, column: Place) -> Form:
        places: list[Place] = [row, column]
        bound: list[Index] = []
        for side in sides:
            dim = arg.shape[side]
            places[side] = None if dim.is_one else Index(dim, "ij"[side])
            if (index := places[side]) is not None:
                bound.append(index)
        form = self.lower(arg, places[0], places[1])
        return normal(bind(form, tuple(bound)))

    def rowsum(self, expr: Call, row: Place, column: Place) -> Form:
        return self._sum_over(expr.args[0], (1,), row, None)

    def colsum(self, expr: Call, row: Place, column: Place) -> Form:
        return self._sum_over(expr.args[0], (0,), None, column)

    def rowmean(self, expr: Call, row: Place, column: Place) -> Form:
        return normal(product(_over(expr.args[0].shape[1]), self.rowsum(expr, row, column)))

    def colmean(self, expr: Call, row: Place, column: Place) -> Form:
        return normal(product(_over(expr.args[0].shape[0]), self.colsum(expr, row, column)))

    def trace(self, expr: Call, row: Place, column: Place) -> Form:
        dim = expr.args[0].shape[0]
        if dim.is_one:
            return self.lower(expr.args[0], None, None)
        index = Index(dim, "i")
        return normal(bind(self.lower(expr.args[0], index, index), (index,)))

    def outer(self, expr: Call, row: Place, column: Place) -> Form:
        left, right = expr.args
        return product(as_atom(self._along(left, row)), as_atom(self._along(right, column)))

    def _along(self, vector: Expr, place: Place) -> Form:
        """Entry ``place`` of a vector, whichever way it lies."""
        rows, columns = vector.shape
        return self.lower(vector, None if rows.is_one else place, None if columns.is_one else place)

    def diag(self, expr: Call, row: Place, column: Place) -> Form:
        form = as_atom(self._along(expr.args[0], row))
        if row is None or column is None:
            return form
        return product(form, single(Delta(row, column)))

    def diagonal(self, expr: Call, row: Place, column: Place) -> Form:
        place = row if row is not None else column
        return self.lower(expr.args[0], place, place)

    def eye(self, expr: Call, row: Place, column: Place) -> Form:
        return number(1) if row is None or column is None else single(Delta(row, column))

    def extreme(self, expr: Call, row: Place, column: Place) -> Form:
        """The largest or smallest of all entries, of a row, or of a column."""
        arg, name = expr.args[0], expr.op.name
        sides = {"rowmax": (1,), "colmax": (0,)}.get(name, (0, 1))
        places: list[Place] = [row, column]
        bound: list[Index] = []
        for side in sides:
            dim = arg.shape[side]
            places[side] = None if dim.is_one else Index(dim, "ij"[side])
            if (index := places[side]) is not None:
                bound.append(index)
        form = normal(self.lower(arg, places[0], places[1]))
        if not bound:
            return form
        return single(Extreme("min" if name == "min" else "max", form, tuple(bound)))

    def inv(self, expr: Call, row: Place, column: Place) -> Form:
        if row is None or column is None:
            return power(self.lower(expr.args[0], None, None), Fraction(-1))
        return single(self._of_matrix(expr, (row, column)))

    def det(self, expr: Call, row: Place, column: Place) -> Form:
        arg = expr.args[0]
        return self.lower(arg, None, None) if arg.is_scalar else single(self._of_matrix(expr, ()))

    def logdet(self, expr: Call, row: Place, column: Place) -> Form:
        arg = expr.args[0]
        if not arg.is_scalar:
            return single(self._of_matrix(expr, ()))
        size = lookup("abs")
        assert size is not None
        return _log(single(Fn(size, (normal(self.lower(arg, None, None)),))))

    def _of_matrix(self, expr: Call, slots: tuple[Index, ...]) -> OfMatrix:
        arg = expr.args[0]
        sides = (Index(arg.shape[0], "i"), Index(arg.shape[0], "j"))
        form = normal(self.lower(arg, *sides))
        return OfMatrix(expr.op, replaced_in(arg, self._names), form, sides, slots)

    def stack(self, expr: Call, row: Place, column: Place) -> Form:
        """Each part at its own offset: sum_r a_r [r + offset = place]."""
        side = 1 if expr.axis == "rows" else 0
        place = (row, column)[side]
        assert place is not None
        offset, parts = Dim(0), list[Form]()
        for arg in expr.args:
            extent = arg.shape[side]
            own = None if extent.is_one else Index(extent, place.letter)
            at = position(((own, 1),) if own is not None else (), offset + (0 if own is not None else 1))
            places = (row, own) if side == 1 else (own, column)
            sides = [None if d.is_one else p for d, p in zip(arg.shape, places, strict=True)]
            here = single(Delta(at, place, open=True))
            piece = product(as_atom(self.lower(arg, sides[0], sides[1])), here)
            parts.append(piece if own is None else bind(piece, (own,)))
            offset = offset + extent
        return normal(total(parts))

    def pad(self, expr: Call, row: Place, column: Place) -> Form:
        """sum_rs A_rs [r + k = row] [s + k = column]: elsewhere 0."""
        arg, width = expr.args[0], size_of(expr.args[1])
        places: list[Place] = []
        bound: list[Index] = []
        deltas = number(1)
        for extent, whole, place in zip(arg.shape, expr.call_shape, (row, column), strict=True):
            if place is None or extent == whole:
                places.append(place)
                continue
            own = None if extent.is_one else Index(extent, place.letter)
            at = position(((own, 1),) if own is not None else (), width + (0 if own is not None else 1))
            deltas = product(deltas, single(Delta(at, place, open=True)))
            places.append(own)
            bound.extend([own] if own is not None else [])
        form = as_atom(
            self.lower(arg, *(None if d.is_one else p for d, p in zip(arg.shape, places, strict=True)))
        )
        return normal(bind(product(form, deltas), tuple(bound)))

    def reshape(self, expr: Call, row: Place, column: Place) -> Form:
        """The entry of the same number, counted row by row."""
        arg = expr.args[0]
        own = tuple(None if d.is_one else Index(d, letter) for d, letter in zip(arg.shape, "rs", strict=True))
        same = Flat((own[0], own[1]), (row, column), (arg.shape[1], expr.call_shape[1]))
        form = product(as_atom(self.lower(arg, own[0], own[1])), single(same))
        return normal(bind(form, tuple(index for index in own if index is not None)))

    def slice(self, expr: Slice, row: Place, column: Place) -> Form:
        own = [None if dim.is_one else place for dim, place in zip(expr.shape, (row, column), strict=True)]
        places = [None if place is None else IndexValue(((place, 1),)) for place in own]
        return self.element(expr.entry(places[0], places[1]), None, None)

    def ones(self, expr: Call, row: Place, column: Place) -> Form:
        return number(1)

    def zeros(self, expr: Call, row: Place, column: Place) -> Form:
        return number(0)


def _chain_shape(factors: list[Expr]) -> Shape:
    shape = factors[0].shape
    for factor in factors[1:]:
        shape = product_shape(shape, factor.shape)
    return shape


def _is_unit(shape: Shape) -> bool:
    return shape[0].is_one and shape[1].is_one


def entry_at(tensor: Tensor, row: Place, column: Place) -> Entry:
    """The entry of ``tensor`` in that row and column."""
    by_axis: dict[int, Slot] = {}
    for side, place in ((0, row), (1, column)):
        axis = tensor.axis_of_side(side)
        if axis is not None and place is not None:
            by_axis[axis] = place
    slots = tuple(by_axis[axis] for axis in tensor.index_axes)
    return Entry(tensor, slots, loose=tensor.is_symmetric)


def zero_outside(tensor: Tensor, slots: Sequence[Slot]) -> Form:
    """An entry that counts as 0 outside its range: sum_r T[r] [r = slot] where the slot may lie outside."""
    places: list[Slot] = []
    bound: list[Index] = []
    deltas: list[Delta] = []
    for slot, dim in zip(slots, tensor.shape, strict=True):
        low, high = span_of(*parts_of_slot(slot))
        if (low - 1).never_negative and (dim - high).never_negative:
            places.append(slot)
            continue
        own: Slot = 1 if dim.is_one else Index(dim, "r")
        deltas.append(Delta(own, slot))
        places.append(own)
        bound.extend([own] if isinstance(own, Index) else [])
    inside = tuple(places[axis] for axis in tensor.index_axes)
    form = single(Entry(tensor, inside, loose=tensor.is_symmetric))
    for delta in deltas:
        form = product(form, single(delta))
    return normal(bind(form, tuple(bound))) if deltas else form


def size_of(expr: Expr) -> Dim:
    """The dim that a size argument is."""
    if isinstance(expr, DimValue):
        return expr.dim
    assert isinstance(expr, Number)
    return Dim(int(expr.value))


def dim_form(dim: Dim) -> Form:
    """A dim as a form: a number where it is one, affine dims as sums of their names."""
    if dim.single_name is not None:
        return single(DimFactor(dim))
    parts = [number(dim.constant)]
    parts.extend(product(number(c), single(DimFactor(Dim.named(n)))) for n, c in dim.coefficients)
    return total(parts)


def inverse(form: Form) -> Form:
    """1 / form."""
    return power(form, Fraction(-1))


def power(base: Form, exponent: Fraction) -> Form:
    """``base ^ exponent``: taken into the factors where that is right for every sign."""
    value: int | Fraction = int(exponent) if exponent.denominator == 1 else exponent
    constant = base.constant
    if constant is not None and isinstance(value, int) and (constant != 0 or value > 0):
        return number(constant**value)
    if value == 1:
        return base
    if value == 0:
        return number(1)
    if len(base.terms) == 1:
        term = base.terms[0]
        lone = len(term.factors) == 1 and term.factors[0][1] == 1 and term.coefficient == 1
        if not term.bound and (isinstance(value, int) or lone):
            scale = term.coefficient**value if isinstance(value, int) else Fraction(1)
            inner = base.terms[0].factors
            form = number(scale)
            for atom, e in inner:
                form = product(form, single(atom, e * value))
            return form
    return normal(single(Group(base), value))


def _exp(arg: Form) -> Form:
    op = lookup("exp")
    assert op is not None
    return single(Fn(op, (normal(arg),)))


def _log(arg: Form) -> Form:
    op = lookup("log")
    assert op is not None
    return single(Fn(op, (normal(arg),)))


def _over(dim: Dim) -> Form:
    return inverse(dim_form(dim))


def _count(shape: Shape) -> Form:
    return product(_over(shape[0]), _over(shape[1]))


_Method = Callable[[_Lowerer, Expr, Place, Place], Form]
_METHODS: Mapping[type[Expr], _Method] = {
    Number: _Lowerer.number,  # type: ignore[dict-item]
    DimValue: _Lowerer.dim,  # type: ignore[dict-item]
    Leaf: _Lowerer.leaf,  # type: ignore[dict-item]
    Partial: _Lowerer.partial,  # type: ignore[dict-item]
    Add: _Lowerer.add,  # type: ignore[dict-item]
    Neg: _Lowerer.neg,  # type: ignore[dict-item]
    MatMul: _Lowerer.matmul,  # type: ignore[dict-item]
    Hadamard: _Lowerer.hadamard,  # type: ignore[dict-item]
    Divide: _Lowerer.divide,  # type: ignore[dict-item]
    Power: _Lowerer.power,  # type: ignore[dict-item]
    Transpose: _Lowerer.transpose,  # type: ignore[dict-item]
    Element: _Lowerer.element,  # type: ignore[dict-item]
    Slice: _Lowerer.slice,  # type: ignore[dict-item]
    Reduce: _Lowerer.reduce,  # type: ignore[dict-item]
    Indicator: _Lowerer.indicator,  # type: ignore[dict-item]
    IndexValue: _Lowerer.index_value,  # type: ignore[dict-item]
    Comprehension: _Lowerer.comprehension,  # type: ignore[dict-item]
    Call: _Lowerer.call,  # type: ignore[dict-item]
}
_PRIMITIVES: Mapping[str, Callable[[_Lowerer, Call, Place, Place], Form]] = {
    name: getattr(_Lowerer, name)
    for name in (
        "softmax log_softmax logsumexp sum mean rowsum colsum rowmean colmean trace outer diag diagonal"
        " eye ones zeros onehot inv det logdet stack pad reshape"
    ).split()
} | dict.fromkeys(("max", "min", "rowmax", "colmax"), _Lowerer.extreme)


def _said(position_: IndexValue) -> Expr:
    """A position; the label itself where one says it."""
    return position_.label if isinstance(position_, LabelValue) and position_.label is not None else position_
