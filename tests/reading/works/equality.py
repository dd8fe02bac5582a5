"""When an expression that was read equals one that was printed: up to what print does not show.

Indices are compared by their letters' roles, tensors by name (numbers for dims make new ones), a number
for a dim equals the dim; a sum with its ends written out equals one over the whole dim; a rounded number
is the number it shows; ``A/N`` and ``(1/N) A`` are the same
printed thing, and so are a product with its numbers in front or inside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

from symbackprop.core.arrays import Grid, Jacobian, Numeric
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    SCALAR,
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Shape,
    Transpose,
    broadcast_shape,
)
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Run,
    Slice,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import Blocks, Dots, Rounded, Stepped, shape_of
from symbackprop.ops.registry import Structural, lookup
from symbackprop.reading.formulas import formula_of


@dataclass(frozen=True, slots=True)
class Total(Expr):
    """The sum of all entries."""

    arg: Expr

    @property
    def shape(self) -> Shape:
        return SCALAR


def same(a: object, b: object) -> bool:
    """Whether two expressions (or pairs of them) are equal up to print."""
    return _same(_plain(a), _plain(b), {})


def _whole(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """Ranges from the first to the last position without their ends."""
    return tuple(
        replace(one, low=None, high=None)
        if one.low == IndexValue((), Dim(1)) and one.high == IndexValue((), one.index.dim)
        else one
        for one in ranges
    )


POWERS = {"sqrt": Fraction(1, 2), "square": Fraction(2)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_plain(one) for one in value)
    return _shown(value) if isinstance(value, Expr) else value


def _shown(expr: Expr) -> Expr:
    if isinstance(expr, Indicator):
        expr = replace(expr, left=_number_as_place(expr.left), right=_number_as_place(expr.right))
    if isinstance(expr, Comprehension):
        return _shown(expr.body)
    if isinstance(expr, Numeric):
        cells = tuple(Number(Fraction(cell)) for row in expr.cells for cell in row)
        return cells[0] if len(cells) == 1 else Grid(cells, len(expr.cells[0]))
    if isinstance(expr, Rounded):
        return Number(expr.value)
    if isinstance(expr, Leaf) and expr.tensor.moved is not None:
        return Stepped(Leaf(expr.tensor.moved))
    if isinstance(expr, LabelValue) and expr.label is not None:
        return _shown(expr.label)  # what a label says, and the label: compared alike
    if isinstance(expr, Call) and expr.op.kind == "loss" and isinstance(expr.op, Structural):
        return _shown(_defined(expr, expr.op))
    if isinstance(expr, Call) and expr.op.name == "outer" and not expr.primes:
        left, right = expr.args
        column = left if left.shape[1].is_one else Transpose(left)
        row = right if right.shape[0].is_one else Transpose(right)
        return _shown(MatMul((column, row)))
    expr = expr.map_children(_shown)
    if isinstance(expr, DimValue) and expr.dim.is_number:
        return Number(Fraction(expr.dim.constant))
    if isinstance(expr, Jacobian) and expr.of.is_scalar and expr.by_slots:
        runs = tuple(
            Run(IndexValue((), Dim(1)), dim) if slot is None else slot
            for slot, dim in zip(expr.by_slots, expr.by.shape, strict=True)
        )
        return _shown(Slice(Partial(expr.of, expr.by), runs, expr.by.convention.vectors_are_rows))
    if isinstance(expr, Jacobian):
        return replace(expr, flipped=False, turned=False)  # how it lies is a matter of the document
    if isinstance(expr, Call) and not expr.primes:
        expr = _shown_call(expr)
    if isinstance(expr, Reduce) and expr.binder == "sum":
        body = _opened(expr.body, [one.index for one in expr.ranges])
        return expr if body is None else Total(_either_way(body))
    if isinstance(expr, Divide | Hadamard):
        expr = _multiplied(expr)
    if isinstance(expr, Neg | MatMul | Divide | Hadamard):
        return _scaled(expr)
    return _place(expr) if isinstance(expr, Add) else expr


def _shown_call(expr: Call) -> Expr:
    """A call as what is printed for it."""
    if expr.op.name in POWERS:
        return Power(expr.args[0], Number(POWERS[expr.op.name]))
    if expr.op.name == "log_softmax":
        softmax, log = lookup("softmax"), lookup("log")
        assert softmax is not None
        assert log is not None
        return Call(log, (replace(expr, op=softmax),), expr.call_shape)
    if expr.op.name in ("mean", "rowmean", "colmean"):
        return _averaged(expr)
    if expr.op.name == "sum":
        return Total(_either_way(expr.args[0]))
    if expr.op.name == "dot":
        return Total(_either_way(_scaled(Hadamard(expr.args))))
    return expr


def _either_way(expr: Expr) -> Expr:
    """Without the transposes outside, which change no sum of all entries."""
    while isinstance(expr, Transpose):
        expr = expr.arg
    return replace(expr, turned=False) if isinstance(expr, Partial) else expr


def _place(expr: Add) -> Expr:
    """``p + j`` as one position."""
    indices: tuple[tuple[Index, int], ...] = ()
    offset = Dim(0)
    for term in expr.terms:
        if isinstance(term, IndexValue):
            indices, offset = indices + term.indices, offset + term.offset
        elif isinstance(term, DimValue):
            offset = offset + term.dim
        elif isinstance(term, Number) and term.value.denominator == 1:
            offset = offset + Dim(int(term.value))
        elif isinstance(term, MatMul) and len(term.factors) == 2:  # 3 p
            times, place = term.factors
            if not (isinstance(times, Number) and times.value.denominator == 1):
                return expr
            if not isinstance(place, IndexValue):
                return expr
            moved = int(times.value)
            indices += tuple((index, moved * count) for index, count in place.indices)
            offset = offset + place.offset * moved
        else:
            return expr
    return IndexValue(indices, offset) if indices else expr


def _number_as_place(expr: Expr) -> Expr:
    """A dim or a whole number that is compared, as a position."""
    if isinstance(expr, DimValue):
        return IndexValue((), expr.dim)
    if isinstance(expr, Number) and expr.value.denominator == 1:
        return IndexValue((), Dim(int(expr.value)))
    return expr


def _averaged(expr: Call) -> Expr:
    """A mean as the sum divided by the count, which is what is printed."""
    rows, columns = expr.args[0].shape
    dims = {"rowmean": (columns,), "colmean": (rows,)}.get(expr.op.name, (rows, columns))
    total = expr.op.name.replace("mean", "sum")
    op = lookup(total)
    assert op is not None
    sizes = tuple(_shown(DimValue(dim)) for dim in dims if not dim.is_one)
    summed = Total(expr.args[0]) if total == "sum" else replace(expr, op=op)
    if not sizes:
        return summed
    return _scaled(Divide(summed, MatMul(sizes) if len(sizes) > 1 else sizes[0]))


def _defined(expr: Call, op: Structural) -> Expr:
    """A loss as its definition, which is what is printed."""
    text = op.written(expr.axis)
    assert text is not None
    params = {param.name: arg for param, arg in zip(op.params, expr.args, strict=True)}
    convention = next(part.tensor.convention for part in expr.walk() if isinstance(part, Leaf))
    return formula_of(text, params, convention, axis=expr.axis)


def _opened(body: Expr, indices: list[Index]) -> Expr | None:
    """X where ``body`` is X entry by entry over all its axes, else None."""
    within = {index for part in body.walk() if isinstance(part, IndexValue) for index, _ in part.indices}
    if not within & set(indices):
        return body
    if isinstance(body, Element):
        if len(body.slots) > 2:
            return None  # of an array that is no matrix
        places = [slot for slot in body.slots if isinstance(slot, IndexValue)]
        written = [slot.single for slot in places if slot.single is not None]
        if written == indices[::-1] != indices:
            return Transpose(body.base)
        if written == indices and len(written) == _extended(body):
            return body.base
        if len(indices) == 2 and len(written) == 1 == _extended(body):
            return _stretched(body.base, written[0], indices)
        return _line(body, indices) if [one for one in written if one in indices] == indices else None
    if isinstance(body, MatMul):  # of scalars: entries of what is multiplied elementwise
        body = Hadamard(tuple(part for part in body.factors if part != Number(Fraction(1))))
    if not isinstance(body, Call | Hadamard | Add | Neg | Power | Divide | Indicator):
        return None
    parts = {part: _opened(part, indices) for part in body.children}
    if any(part is None for part in parts.values()):
        return None
    found = body.map_children(lambda part: parts[part] or part)
    if isinstance(found, Call):
        found = replace(found, call_shape=broadcast_shape(found.args))
    return _scaled(_multiplied(found)) if isinstance(found, Hadamard) else found


def _stretched(base: Expr, index: Index, indices: list[Index]) -> Expr | None:
    """A column of which an entry stands in each row, or a row of which one stands in each column."""
    rows, columns = shape_of(base) or (None, None)
    lies = 0 if columns == ONE else 1 if rows == ONE else None
    return base if lies is not None and indices[lies] is index else None


def _multiplied(expr: Divide | Hadamard) -> Expr:
    """An elementwise quotient as a product with what it is divided by below 1."""
    one = Number(Fraction(1))
    if isinstance(expr, Divide):
        if expr.num == one or _is_scalar(expr.den):
            return expr
        parts = expr.den.factors if isinstance(expr.den, MatMul) else (expr.den,)
        scalars = [part for part in parts if _is_scalar(part) and part != one]
        arrays = [part for part in parts if not _is_scalar(part)]
        if scalars and len(arrays) == 1:  # Y / (N P) is printed (1/N) Y / P
            below = Divide(one, MatMul(tuple(scalars)) if len(scalars) > 1 else scalars[0])
            return MatMul((below, _multiplied(Hadamard((expr.num, Divide(one, arrays[0]))))))
        return _multiplied(Hadamard((expr.num, Divide(one, expr.den))))
    outside: list[Expr] = []
    inside: list[Expr] = []
    for factor in expr.factors:
        parts = factor.factors if isinstance(factor, MatMul) else (factor,)
        arrays = [part for part in parts if not _is_scalar(part)]
        if len(arrays) > 1:  # a product of matrices
            inside.append(factor)
            continue
        outside += [part for part in parts if _is_scalar(part) and part != one]
        for part in arrays:
            inside += part.factors if isinstance(part, Hadamard) else (part,)
    whole = tuple(inside) if len(inside) < 2 else (Hadamard(tuple(inside)),)
    return MatMul((*outside, *whole)) if outside or not whole else whole[0]


def _is_scalar(expr: Expr) -> bool:
    shape = shape_of(expr)
    return shape is not None and all(dim.is_one for dim in shape)


def _extended(body: Element) -> int:
    """How many of the slots stand for an axis that is longer than 1."""
    base = body.base
    tensor = base.array
    return len(body.slots) if tensor is None else sum(not dim.is_one for dim in tensor.shape)


def _line(body: Element, indices: list[Index]) -> Expr | None:
    """A row or column of an array, of an entry whose one index is summed over."""
    base = body.base
    shape = base.tensor.shape if isinstance(base, Leaf) else shape_of(base)
    if shape is None or len(shape) != len(body.slots):
        return None
    slots = tuple(
        Run(IndexValue((), Dim(1)), dim) if isinstance(slot, IndexValue) and slot.single in indices else slot
        for slot, dim in zip(body.slots, shape, strict=True)
    )
    return Slice(base, slots, across=False)


def _scaled(expr: Expr) -> Expr:
    """A product as one number, its factors, and what divides it."""
    number, factors, divisors = _taken(expr)
    divisors.sort(key=_unnumbered)
    factors.sort(key=lambda one: not _is_scalar(one))  # a tall scalar is printed behind
    found = tuple(factors) + tuple(Divide(Number(Fraction(1)), one) for one in divisors)
    if number == 1 and len(found) == 1 and not divisors:
        return found[0]
    return MatMul((Number(number), *found)) if found else Number(number)


def _unnumbered(expr: Expr) -> str:
    """A key that does not depend on which indices were made first."""
    return re.sub(r"#\d+", "", repr(expr))


def _taken(expr: Expr) -> tuple[Fraction, list[Expr], list[Expr]]:
    match expr:
        case Number(value):
            return value, [], []
        case Neg(arg):
            number, factors, divisors = _taken(arg)
            return -number, factors, divisors
        case MatMul(parts) | Hadamard(parts) if isinstance(expr, MatMul) or _all_scalar(parts):
            number, factors, divisors = Fraction(1), [], []
            for part in parts:
                own, more, below = _taken(part)
                number *= own
                factors += more
                divisors += below
            return number, factors, divisors
        case Divide(num, den) if (shape := shape_of(den)) is not None and all(d.is_one for d in shape):
            number, factors, divisors = _taken(num)
            own, more, below = _taken(den)
            if below or own == 0:
                return number, factors, [*divisors, den]
            if more:
                divisors = [*divisors, MatMul(tuple(more)) if len(more) > 1 else more[0]]
            return number / own, factors, divisors
        case Hadamard(parts) | Divide(num=parts):
            front = parts[0] if isinstance(parts, tuple) else parts
            number, factors, divisors = _taken(front)
            last = factors[-1] if factors else Number(Fraction(1))
            first = last.factors if isinstance(last, Hadamard) else () if not factors else (last,)
            whole = Hadamard((*first, *parts[1:])) if isinstance(expr, Hadamard) else Divide(last, expr.den)
            return number, [*factors[:-1], whole], divisors  # c A * B is c (A * B)
    return Fraction(1), [expr], []


def _abbreviates(dotted: Blocks, whole: Grid, met: dict[Index, Index]) -> bool:
    """Whether a matrix with dots shows the first and the last cells of a whole one."""

    def ends(cells: tuple[Any, ...], is_gap: Callable[[Any], bool]) -> tuple[int, int]:
        gap = next((place for place, cell in enumerate(cells) if is_gap(cell)), len(cells))
        return gap, len(cells) - gap - 1

    def kept(cells: tuple[Any, ...], first: int, last: int) -> tuple[Any, ...]:
        return cells if last < 0 else cells[:first] + cells[len(cells) - last :]

    lines = dotted.rows
    over = ends(lines, lambda line: all(isinstance(cell, Dots) for cell in line))
    shown = kept(lines, *over)
    across = ends(shown[0], lambda cell: isinstance(cell, Dots))
    return all(
        _same(kept(line, *across), kept(other, *across), met)
        for line, other in zip(shown, kept(whole.rows, *over), strict=True)
    )


def _all_scalar(parts: tuple[Expr, ...]) -> bool:
    """A product of scalars is printed alike whichever kind it is; at most one factor may be an array."""
    shapes = [shape_of(part) for part in parts]
    return sum(shape is None or not all(dim.is_one for dim in shape) for shape in shapes) <= 1


def _same(a: object, b: object, met: dict[Index, Index]) -> bool:
    if isinstance(a, Index) and isinstance(b, Index):
        return met.setdefault(a, b) is b
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.name == b.name
    if isinstance(a, Dim) and isinstance(b, Dim):
        return a == b or a.is_number != b.is_number
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(_same(x, y, met) for x, y in zip(a, b, strict=True))
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Blocks) and isinstance(other, Grid):
            return _abbreviates(one, other, met)
    if type(a) is not type(b):
        return False
    if isinstance(a, Reduce) and isinstance(b, Reduce):
        bound = {one.index: other.index for one, other in zip(a.ranges, b.ranges, strict=False)}
        inner = {**met, **bound}  # an index that several sums bind is another one in each
        ranges = _whole(a.ranges), _whole(b.ranges)
        alike = a.binder == b.binder and len(a.ranges) == len(b.ranges) and _same(*ranges, inner)
        return alike and _same(a.body, b.body, inner)
    if isinstance(a, Indicator) and isinstance(b, Indicator):
        return a.op == b.op and _same((a.left, a.right), (b.left, b.right), met)
    if isinstance(a, Slice) and isinstance(b, Slice):
        return _same((a.base, a.slots), (b.base, b.slots), met)
    if isinstance(a, Call) and isinstance(b, Call):
        return a.op is b.op and (a.primes, a.axis) == (b.primes, b.axis) and _same(a.args, b.args, met)
    if is_dataclass(a) and not isinstance(a, type) and type(a).__name__ != "Operation":
        return all(_same(getattr(a, one.name), getattr(b, one.name), met) for one in fields(a))
    return a == b
