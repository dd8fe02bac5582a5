"""Formulas as plain text: what is printed here is read back to an equal tree.

Brackets follow the grammar: juxtaposition binds tighter than ``*`` and ``/``, those tighter than
``+`` and ``-``; ``-x^2`` is ``-(x^2)``; a divisor is one factor; a number stands only first in a
chain; a derivative is one atom that takes no power. Where the grammar needs none, brackets are
printed only round a product of several arrays inside ``*`` or ``/``, so that an eye that takes
both signs for multiplication is not misled.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.core.arrays import Grid, Jacobian, Numeric, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
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
    Transpose,
)
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Indicator, LabelValue, Reduce, Slice
from symbackprop.notation.building import shown_arguments
from symbackprop.notation.common import is_root
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.text_context import (
    ATOM,
    CHAIN,
    DERIV,
    FACTOR,
    NUMBER,
    SUM,
    TERM,
    Printed,
    Printer,
    TextContext,
)
from symbackprop.notation.text_indexed import (
    comprehension_text,
    element_text,
    grid_text,
    index_text,
    indicator_text,
    jacobian_text,
    label_text,
    partial_text,
    reduce_text,
    slice_text,
    tensor_entries_text,
)
from symbackprop.notation.text_numbers import cell_text, number_text
from symbackprop.notation.written_text import WRITTEN, Shown, stand_in, written_text


def to_text(expr: Expr, names: Names = PLAIN) -> str:
    """``expr`` in the plain-text grammar."""
    try:
        return TextContext(expr, names, _PRINTERS).printed(expr)[0]
    except ValueError:  # a shape that nobody knows
        shown = stand_in(expr)
        return TextContext(shown, names, _PRINTERS).printed(shown)[0]


def _number(expr: Number, context: TextContext) -> Printed:
    text = number_text(abs(expr.value))
    if expr.value < 0:
        return f"-{text}", SUM
    return text, TERM if "/" in text else NUMBER


def _numeric(expr: Numeric, context: TextContext) -> Printed:
    """``[3 6; 4 5]``: rows are parted by semicolons, as under ``values:``."""
    if expr.is_scalar:
        text = cell_text(expr.cells[0][0])
        return text, SUM if text.startswith("-") else TERM if "/" in text else NUMBER
    rows = "; ".join(" ".join(cell_text(number) for number in row) for row in expr.cells)
    return f"[{rows}]", ATOM


def _leaf(expr: Leaf, context: TextContext) -> Printed:
    return expr.tensor.name, ATOM


def _dim(expr: DimValue, context: TextContext) -> Printed:
    return str(expr.dim), _dim_level(expr.dim)


def _dim_level(dim: Dim) -> int:
    if dim.is_number:
        return NUMBER if dim.constant >= 0 else SUM
    if dim.constant or len(dim.coefficients) > 1 or dim.coefficients[0][1] < 0:
        return SUM
    return ATOM if dim.coefficients[0][1] == 1 else TERM


def _add(expr: Add, context: TextContext) -> Printed:
    parts: list[str] = []
    for term in expr.terms:
        text, level = context.printed(term)
        if level == SUM and text.startswith("-") and isinstance(term, Neg | Number | Numeric):
            parts.append(f" - {text[1:]}" if parts else text)
            continue
        if level == SUM:
            text = f"({text})"
        parts.append(f" + {text}" if parts else text)
    return "".join(parts), SUM


def _neg(expr: Neg, context: TextContext) -> Printed:
    return f"-{context.at(expr.arg, TERM)}", SUM


def _matmul(expr: MatMul, context: TextContext) -> Printed:
    first, level = context.printed(expr.factors[0])
    # 1/2 x^T x needs no brackets: a chain may follow a division by a number.
    bare_fraction = isinstance(expr.factors[0], Number) and level == TERM
    if level < FACTOR and not bare_fraction:
        first = f"({first})"
    parts = [first]
    for factor in expr.factors[1:]:
        text, own = context.printed(factor)
        parts.append(f"({text})" if own < FACTOR or own == NUMBER else text)
    return " ".join(parts), TERM if bare_fraction else CHAIN


def _inside_term(expr: Expr, level: int, context: TextContext) -> str:
    """An operand of ``*``; a product of several arrays gets brackets."""
    text, own = context.printed(expr)
    several = isinstance(expr, MatMul) and sum(not f.is_scalar for f in expr.factors) > 1
    return f"({text})" if own < level or several else text


def _hadamard(expr: Hadamard, context: TextContext) -> Printed:
    first = expr.factors[0]
    parts = [_inside_term(first, TERM if isinstance(first, Divide | Hadamard | Number) else CHAIN, context)]
    parts.extend(_inside_term(factor, CHAIN, context) for factor in expr.factors[1:])
    return " * ".join(parts), TERM


def _divide(expr: Divide, context: TextContext) -> Printed:
    num, top = context.printed(expr.num)  # from left to right: X^T G / N, a * b / c need no brackets
    if top < TERM:
        num = f"({num})"
    den, own = context.printed(expr.den)
    if own < FACTOR or own == DERIV:
        den = f"({den})"
    loose = isinstance(expr.num, Partial | MatMul | Hadamard | Divide)
    return f"{num} / {den}" if loose else f"{num}/{den}", TERM


def _base(expr: Expr, context: TextContext) -> str:
    """What may stand before ``^``: an atom, but no derivative."""
    text, own = context.printed(expr)
    return text if own >= NUMBER else f"({text})"


def _power(expr: Power, context: TextContext) -> Printed:
    exponent = expr.exponent
    if is_root(expr):
        return f"sqrt({context.printed(expr.base)[0]})", ATOM
    text, own = context.printed(exponent)
    bare = own == NUMBER or (own == ATOM and isinstance(exponent, Leaf | DimValue) and text != "T")
    if isinstance(exponent, Number) and exponent.value == -1 and not expr.base.is_scalar:
        return f"1/{context.at(expr.base, ATOM)}", TERM  # A^-1 would be read as an inverse
    if isinstance(exponent, Number) and exponent.value < 0 and "/" not in text:
        bare = True
    return f"{_base(expr.base, context)}^{text if bare else f'({text})'}", FACTOR


def _transpose(expr: Transpose, context: TextContext) -> Printed:
    return f"{_base(expr.arg, context)}^T", FACTOR


def _call(expr: Call, context: TextContext) -> Printed:
    arguments = shown_arguments(expr)
    printers = _PRINTERS
    if expr.op.kind == "loss":
        arguments[0] = _labels(arguments[0])
    texts = [printers[type(argument)](argument, context)[0] for argument in arguments]
    if expr.axis_given and expr.axis is not None:
        texts.append(expr.axis)
    return f"{expr.op.name}{chr(39) * expr.primes}({', '.join(texts)})", ATOM


def _labels(target: Expr) -> Expr:
    """A loss of labels is read as one of ``onehot(y)``, and written as one of ``y``."""
    plain = isinstance(target, Call) and target.op.name == "onehot" and not target.axis_given
    return target.args[0] if isinstance(target, Call) and plain else target


def _written(expr: Expr, context: TextContext) -> Printed:
    return written_text(expr, lambda part: context.printed(part)[0]), ATOM


_PRINTERS: Mapping[type, Printer] = MappingProxyType(
    {
        **dict.fromkeys(WRITTEN, _written),
        Shown: lambda expr, context: (context.at(expr.node, ATOM), ATOM),
        Number: _number,
        Numeric: _numeric,
        Leaf: _leaf,
        DimValue: _dim,
        Partial: partial_text,
        Add: _add,
        Neg: _neg,
        MatMul: _matmul,
        Hadamard: _hadamard,
        Divide: _divide,
        Power: _power,
        Transpose: _transpose,
        Call: _call,
        IndexValue: index_text,
        LabelValue: label_text,
        Element: element_text,
        Slice: slice_text,
        Comprehension: comprehension_text,
        Jacobian: jacobian_text,
        Grid: grid_text,
        TensorEntries: tensor_entries_text,
        Reduce: reduce_text,
        Indicator: indicator_text,
    }
)
