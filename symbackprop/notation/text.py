"""Formulas as plain text: what is printed here is read back to an equal tree.

Brackets follow the grammar: juxtaposition binds tighter than ``*`` and ``/``, those tighter than
``+`` and ``-``; ``-x^2`` is ``-(x^2)``; a divisor is one factor; a number stands only first in a
chain; a derivative is one atom that takes no power. Where the grammar needs none, brackets are
printed only round a product of several arrays inside ``*`` or ``/``, so that an eye that takes
both signs for multiplication is not misled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from symbackprop.core.arrays import Grid, Jacobian, Slots, TensorEntries
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
    Numeric,
    Partial,
    Power,
    Range,
    Reduce,
    Run,
    Slice,
    Transpose,
    label_of,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.building import shown_arguments
from symbackprop.notation.common import is_root
from symbackprop.notation.counting import compared, counted, valued
from symbackprop.notation.letters import Letters
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.written_text import WRITTEN, Shown, stand_in, written_text

_SUM, _TERM, _CHAIN, _FACTOR, _DERIV, _NUMBER, _ATOM = range(7)
_Printed = tuple[str, int]


class _Context:
    """What printing needs besides the node: the names and the letters of the formula."""

    __slots__ = ("letters", "names")

    def __init__(self, root: Expr, names: Names) -> None:
        self.names = names
        self.letters = Letters(root, names.reserved)

    def one_based(self) -> _Context:
        """The same for what has been counted already."""
        found = copy(self)
        found.names = replace(self.names, first=1)
        return found


def to_text(expr: Expr, names: Names = PLAIN) -> str:
    """``expr`` in the plain-text grammar."""
    try:
        return _print(expr, _Context(expr, names))[0]
    except ValueError:  # a shape that nobody knows
        shown = stand_in(expr)
        return _print(shown, _Context(shown, names))[0]


def _print(expr: Expr, context: _Context) -> _Printed:
    return _PRINTERS[type(expr)](expr, context)


def _at(expr: Expr, level: int, context: _Context) -> str:
    """The text of ``expr``, in brackets if it binds less tightly than ``level``."""
    text, own = _PRINTERS[type(expr)](expr, context)
    return text if own >= level else f"({text})"


def number_text(value: Fraction) -> str:
    """A non-negative number: whole, a short decimal (denominators 10, 20, 100, ...), or p/q."""
    if value.denominator == 1:
        return str(value.numerator)
    rest, digits = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        digits = max(digits, count)
    if rest != 1 or value.denominator < 10:
        return f"{value.numerator}/{value.denominator}"
    scaled = value.numerator * 10**digits // value.denominator
    if digits > 8:
        return f"{scaled}e-{digits}"
    whole = str(scaled).rjust(digits + 1, "0")
    return f"{whole[:-digits]}.{whole[-digits:]}"


def _number(expr: Number, context: _Context) -> _Printed:
    text = number_text(abs(expr.value))
    if expr.value < 0:
        return f"-{text}", _SUM
    return text, _TERM if "/" in text else _NUMBER


def _numeric(expr: Numeric, context: _Context) -> _Printed:
    """``[3 6; 4 5]``: rows are parted by semicolons, as under ``values:``."""
    if expr.is_scalar:
        text = cell_text(expr.cells[0][0])
        return text, _SUM if text.startswith("-") else _TERM if "/" in text else _NUMBER
    rows = "; ".join(" ".join(cell_text(number) for number in row) for row in expr.cells)
    return f"[{rows}]", _ATOM


def cell_text(number: Fraction | Decimal) -> str:
    """A number: exact, or with the decimals of its rounding."""
    if isinstance(number, Decimal):
        return f"{number:f}"
    return f"{'-' if number < 0 else ''}{number_text(abs(number))}"


def _leaf(expr: Leaf, context: _Context) -> _Printed:
    return expr.tensor.name, _ATOM


def _dim(expr: DimValue, context: _Context) -> _Printed:
    return str(expr.dim), _dim_level(expr.dim)


def _dim_level(dim: Dim) -> int:
    if dim.is_number:
        return _NUMBER if dim.constant >= 0 else _SUM
    if dim.constant or len(dim.coefficients) > 1 or dim.coefficients[0][1] < 0:
        return _SUM
    return _ATOM if dim.coefficients[0][1] == 1 else _TERM


def _partial(expr: Partial, context: _Context) -> _Printed:
    if context.names.partials:
        named = context.names.partial_name(expr)
        if named is not None:
            return named[0], _ATOM
    if expr.of.gradient is not None:
        return second_derivative(expr.of, expr.by, "", ""), _DERIV
    return f"d{expr.of.name}/d{expr.by.name}", _DERIV


def second_derivative(of: Tensor, by: Tensor, first: str, last: str) -> str:
    """d2L/dw2, or d2L/(dw[i] dv[j]): the derivative of ``of`` = dL/dw, with the slots of both."""
    assert of.gradient is not None
    loss, inner = of.gradient
    # A name that ends in a digit would be read as w of order 2: dw22 says nothing.
    if inner is by and not first and not last and not by.name[-1].isdigit() and by.family is None:
        return f"d2{loss.name}/d{by.name}2"
    return f"d2{loss.name}/(d{inner.name}{first} d{by.name}{last})"


def _add(expr: Add, context: _Context) -> _Printed:
    parts: list[str] = []
    for term in expr.terms:
        text, level = _print(term, context)
        if level == _SUM and text.startswith("-") and isinstance(term, Neg | Number | Numeric):
            parts.append(f" - {text[1:]}" if parts else text)
            continue
        if level == _SUM:
            text = f"({text})"
        parts.append(f" + {text}" if parts else text)
    return "".join(parts), _SUM


def _neg(expr: Neg, context: _Context) -> _Printed:
    return f"-{_at(expr.arg, _TERM, context)}", _SUM


def _matmul(expr: MatMul, context: _Context) -> _Printed:
    first, level = _print(expr.factors[0], context)
    # 1/2 x^T x needs no brackets: a chain may follow a division by a number.
    bare_fraction = isinstance(expr.factors[0], Number) and level == _TERM
    if level < _FACTOR and not bare_fraction:
        first = f"({first})"
    parts = [first]
    for factor in expr.factors[1:]:
        text, own = _print(factor, context)
        parts.append(f"({text})" if own < _FACTOR or own == _NUMBER else text)
    return " ".join(parts), _TERM if bare_fraction else _CHAIN


def _inside_term(expr: Expr, level: int, context: _Context) -> str:
    """An operand of ``*``; a product of several arrays gets brackets."""
    text, own = _print(expr, context)
    several = isinstance(expr, MatMul) and sum(not f.is_scalar for f in expr.factors) > 1
    return f"({text})" if own < level or several else text


def _hadamard(expr: Hadamard, context: _Context) -> _Printed:
    first = expr.factors[0]
    parts = [_inside_term(first, _TERM if isinstance(first, Divide | Hadamard | Number) else _CHAIN, context)]
    parts.extend(_inside_term(factor, _CHAIN, context) for factor in expr.factors[1:])
    return " * ".join(parts), _TERM


def _divide(expr: Divide, context: _Context) -> _Printed:
    num, top = _print(expr.num, context)  # from left to right: X^T G / N, a * b / c need no brackets
    if top < _TERM:
        num = f"({num})"
    den, own = _print(expr.den, context)
    if own < _FACTOR or own == _DERIV:
        den = f"({den})"
    loose = isinstance(expr.num, Partial | MatMul | Hadamard | Divide)
    return f"{num} / {den}" if loose else f"{num}/{den}", _TERM


def _base(expr: Expr, context: _Context) -> str:
    """What may stand before ``^``: an atom, but no derivative."""
    text, own = _print(expr, context)
    return text if own >= _NUMBER else f"({text})"


def _power(expr: Power, context: _Context) -> _Printed:
    exponent = expr.exponent
    if is_root(expr):
        return f"sqrt({_print(expr.base, context)[0]})", _ATOM
    text, own = _print(exponent, context)
    bare = own == _NUMBER or (own == _ATOM and isinstance(exponent, Leaf | DimValue) and text != "T")
    if isinstance(exponent, Number) and exponent.value == -1 and not expr.base.is_scalar:
        return f"1/{_at(expr.base, _ATOM, context)}", _TERM  # A^-1 would be read as an inverse
    if isinstance(exponent, Number) and exponent.value < 0 and "/" not in text:
        bare = True
    return f"{_base(expr.base, context)}^{text if bare else f'({text})'}", _FACTOR


def _transpose(expr: Transpose, context: _Context) -> _Printed:
    return f"{_base(expr.arg, context)}^T", _FACTOR


def _call(expr: Call, context: _Context) -> _Printed:
    arguments = shown_arguments(expr)
    printers = _PRINTERS
    if expr.op.kind == "loss":
        arguments[0] = _labels(arguments[0])
    texts = [printers[type(argument)](argument, context)[0] for argument in arguments]
    if expr.axis_given and expr.axis is not None:
        texts.append(expr.axis)
    return f"{expr.op.name}{chr(39) * expr.primes}({', '.join(texts)})", _ATOM


def _labels(target: Expr) -> Expr:
    """A loss of labels is read as one of ``onehot(y)``, and written as one of ``y``."""
    plain = isinstance(target, Call) and target.op.name == "onehot" and not target.axis_given
    return target.args[0] if isinstance(target, Call) and plain else target


def _position(expr: IndexValue, context: _Context, *, tight: bool) -> _Printed:
    """An affine position: ``2*i+m-1`` in a slot, ``2*i + m - 1`` as a number."""
    parts: list[tuple[bool, str]] = []
    for index, coefficient in expr.indices:
        letter = context.letters.of(index)
        size = abs(coefficient)
        parts.append((coefficient < 0, letter if size == 1 else f"{size}*{letter}"))
    for name, coefficient in expr.offset.coefficients:
        size = abs(coefficient)
        parts.append((coefficient < 0, name if size == 1 else f"{size}*{name}"))
    if expr.offset.constant or not parts:
        parts.append((expr.offset.constant < 0, str(abs(expr.offset.constant))))
    if parts[0][0]:
        parts.sort(key=lambda part: part[0])
    gap = "" if tight else " "
    text = "".join(
        (("-" if negative else "") if place == 0 else f"{gap}{'-' if negative else '+'}{gap}") + body
        for place, (negative, body) in enumerate(parts)
    )
    if len(parts) > 1 or parts[0][0]:
        return text, _SUM
    if "*" in text:
        return text, _TERM
    return text, _NUMBER if text.isdigit() else _ATOM


def _index(expr: IndexValue, context: _Context) -> _Printed:
    return _position(valued(expr, context.names.first), context, tight=False)


def _label(expr: LabelValue, context: _Context) -> _Printed:
    assert expr.label is not None
    return _print(expr.label, context)


def _slot(expr: IndexValue, context: _Context) -> str:
    if isinstance(expr, LabelValue):
        return _label(expr, context)[0]
    return _position(counted(expr, context.names.first), context, tight=True)[0]


def _comprehension(expr: Comprehension, context: _Context) -> _Printed:
    return _print(expr.body, context)


def _jacobian(expr: Jacobian, context: _Context) -> _Printed:
    sides = ((expr.of, expr.of_slots), (expr.by, expr.by_slots))
    if expr.of.gradient is not None:
        first, last = (_open_slots(slots, context) for _, slots in sides)
        return second_derivative(expr.of, expr.by, first, last), _DERIV
    top, below = (f"d{tensor.name}{_open_slots(slots, context)}" for tensor, slots in sides)
    return f"{top}/{below}", _DERIV


def _open_slots(slots: Slots, context: _Context) -> str:
    """``[n,:]``; nothing where every axis runs."""
    shown = [":" if slot is None else _slot(slot, context) for slot in slots]
    return f"[{','.join(shown)}]" if shown else ""


def _grid(expr: Grid, context: _Context) -> _Printed:
    rows = (", ".join(_print(cell, context)[0] for cell in row) for row in expr.rows)
    return f"[{'; '.join(rows)}]", _CHAIN  # in a chain it gets brackets: x [1, 2] would be a slot


def _tensor_entries(expr: TensorEntries, context: _Context) -> _Printed:
    return _print(expr.body, context)


def _element(expr: Element, context: _Context) -> _Printed:
    if isinstance(expr.base, Partial | Jacobian) and expr.base.of.gradient is not None:
        of, by = expr.base.of, expr.base.by
        if len(expr.slots) == of.rank + by.rank and not getattr(expr.base, "is_sliced", False):
            shown = [_slot(slot, context) for slot in expr.slots]
            first, last = ",".join(shown[: of.rank]), ",".join(shown[of.rank :])
            sides = [f"[{slots}]" if slots else "" for slots in (first, last)]
            return second_derivative(of, by, *sides), _DERIV
    if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
        of, by = expr.base.of, expr.base.by
        top = ",".join(_slot(slot, context) for slot in expr.slots[: of.rank])
        bottom = ",".join(_slot(slot, context) for slot in expr.slots[of.rank :])
        entry = f"[{bottom}]" if bottom else ""
        return f"d{of.name}[{top}]/d{by.name}{entry}", _DERIV
    text, own = _print(expr.base, context)
    slots = ",".join(_slot(slot, context) for slot in expr.slots)
    if own == _DERIV and not isinstance(expr.base, Jacobian):
        return f"{text}[{slots}]", _DERIV
    return f"{text if own == _ATOM else f'({text})'}[{slots}]", _ATOM


def axes_of(base: Expr) -> tuple[Dim, ...]:
    """The extents that the slots of ``base[...]`` run over."""
    if isinstance(base, Leaf):
        return base.tensor.shape
    if isinstance(base, Partial):
        return base.by.shape
    return tuple(dim for dim in base.shape if not dim.is_one)


def is_whole(slot: Run, dim: Dim) -> bool:
    """Whether a run is all positions of an axis: ``:``."""
    return slot.count == dim and not slot.low.indices and slot.low.offset == Dim(1)


def _slice(expr: Slice, context: _Context) -> _Printed:
    text, own = _print(expr.base, context)
    shown: list[str] = []
    for slot, dim in zip(expr.slots, axes_of(expr.base), strict=True):
        if not isinstance(slot, Run):
            assert isinstance(slot, IndexValue)
            shown.append(_slot(slot, context))
        elif is_whole(slot, dim):
            shown.append(":")
        else:
            shown.append(f"{_slot(slot.low, context)}..{_slot(slot.high, context)}")
    if is_member(expr):
        shown = shown[:1]
    slots = ",".join(shown)
    if own == _DERIV:
        return f"{text}[{slots}]", _DERIV
    return f"{text if own == _ATOM else f'({text})'}[{slots}]", _ATOM


def is_member(expr: Slice) -> bool:
    """Whether a slice is a whole member of a family, ``h[t]``."""
    base = expr.base
    tensor = base.tensor if isinstance(base, Leaf) else base.by if isinstance(base, Partial) else None
    if tensor is None or not tensor.over or isinstance(expr.slots[0], Run):
        return False
    rest = zip(expr.slots[1:], tensor.shape[1:], strict=True)
    return all(isinstance(slot, Run) and is_whole(slot, dim) for slot, dim in rest)


def range_is_seen(index: Index, body: Expr) -> bool:
    """Whether the range of an index is that of the positions where it stands alone in ``body``."""
    alone: list[Dim] = []
    for node in body.walk():
        if isinstance(node, Element):
            if isinstance(node.base, Leaf):
                dims = node.base.tensor.shape
                alone.extend(dim for slot, dim in zip(node.slots, dims, strict=True) if slot.single is index)
            elif any(slot.single is index for slot in node.slots):
                alone.append(index.dim)
        elif isinstance(node, Slice) and isinstance(node.base, Leaf | Partial):
            pairs = zip(node.slots, axes_of(node.base), strict=True)
            alone.extend(d for s, d in pairs if isinstance(s, IndexValue) and s.single is index)
    return bool(alone) and all(dim == index.dim for dim in alone)


def _range(entry: Range, body: Expr, context: _Context) -> str:
    letter = context.letters.of(entry.index)
    if entry.condition is not None:
        relation, other = entry.condition
        said = _compared_with(other, context)
        fixed = relation == "=" and not other.indices and not isinstance(other, LabelValue)
        return f"{letter} = {said}..{said}" if fixed else f"{letter} {relation} {said}"
    if entry.low is None and entry.high is None and range_is_seen(entry.index, body):
        return letter
    first = context.names.first
    low = _slot(entry.low, context) if entry.low is not None else str(first)
    high = str(entry.index.dim - (1 - first))
    if entry.high is not None or entry.low is not None:
        high = _slot(entry.high or IndexValue((), entry.index.dim), context)
    return f"{letter} = {low}..{high}"


def _compared_with(other: IndexValue, context: _Context) -> str:
    """The other side of a condition, a position or a label."""
    if isinstance(other, LabelValue):
        return _label(other, context)[0]
    return _position(counted(other, context.names.first), context, tight=False)[0]


def _reduce(expr: Reduce, context: _Context) -> _Printed:
    with context.letters.bound(expr.ranges):
        ranges = ", ".join(_range(entry, expr.body, context) for entry in expr.ranges)
        return f"{expr.binder}[{ranges}]({_print(expr.body, context)[0]})", _ATOM


def _indicator(expr: Indicator, context: _Context) -> _Printed:
    sides = compared(expr, context.names.first)
    plain = context if sides is None else context.one_based()
    left, right = (
        _print(side, context if label_of(side) is not None else plain)[0]
        for side in sides or (expr.left, expr.right)
    )
    if expr.is_kron:
        return f"kron({left}, {right})", _ATOM
    return f"ind({left} {expr.op} {right})", _ATOM


def _written(expr: Expr, context: _Context) -> _Printed:
    return written_text(expr, lambda part: _print(part, context)[0]), _ATOM


_PRINTERS: Mapping[type, Callable[[Any, _Context], _Printed]] = MappingProxyType(
    {
        **dict.fromkeys(WRITTEN, _written),
        Shown: lambda expr, context: (_at(expr.node, _ATOM, context), _ATOM),
        Number: _number,
        Numeric: _numeric,
        Leaf: _leaf,
        DimValue: _dim,
        Partial: _partial,
        Add: _add,
        Neg: _neg,
        MatMul: _matmul,
        Hadamard: _hadamard,
        Divide: _divide,
        Power: _power,
        Transpose: _transpose,
        Call: _call,
        IndexValue: _index,
        LabelValue: _label,
        Element: _element,
        Slice: _slice,
        Comprehension: _comprehension,
        Jacobian: _jacobian,
        Grid: _grid,
        TensorEntries: _tensor_entries,
        Reduce: _reduce,
        Indicator: _indicator,
    }
)
