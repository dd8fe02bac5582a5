r"""Formulas as LaTeX for amsmath: names as declared, ``\odot``, ``\partial``, sums over entries.

Every piece is made from the tree, never from other LaTeX. Brackets have fixed sizes that follow the
nesting, so that a long formula can be broken inside them (``latex_lines``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

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
from symbackprop.core.tensors import Tensor
from symbackprop.notation.common import is_root
from symbackprop.notation.latex_box import ATOM, CHAIN, CLOSED, FRACTION_TALL, SUM, Box, Latex, superscript
from symbackprop.notation.latex_calls import call_box
from symbackprop.notation.latex_grids import grid_box
from symbackprop.notation.latex_indexed import element_box, index_box, indicator_box, reduce_box, slice_box
from symbackprop.notation.latex_numbers import number_box, numeric_box
from symbackprop.notation.latex_partials import jacobian_box, partial_box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_products import hadamard_box, product_box, quotient_box
from symbackprop.notation.latex_scripts import atom, script_of
from symbackprop.notation.latex_sums import sum_box
from symbackprop.notation.latex_symbols import dim_symbol, tensor_symbol
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.written_text import WRITTEN, Shown, stand_in, written_latex


def to_latex(expr: Expr, names: Names = PLAIN, *, inline: bool = False) -> Latex:
    """``expr`` as LaTeX; ``inline`` prints derivatives and quotients with a slash, for running text."""
    try:
        return Latex(_NodePrinter(expr, names, inline=inline).box(expr).signed)
    except ValueError:  # a shape that nobody knows
        shown = stand_in(expr)
        return Latex(_NodePrinter(shown, names, inline=inline).box(shown).signed)


def dim_latex(dim: Dim, names: Names = PLAIN) -> Latex:
    """A dim as LaTeX."""
    return Latex(dim_symbol(dim, names.dims).tex)


def tensor_latex(tensor: Tensor, names: Names = PLAIN) -> Latex:
    """A name as LaTeX."""
    return Latex(tensor_symbol(tensor, names.style).tex)


class _NodePrinter(Printer):
    """Prints by the kind of the node."""

    __slots__ = ()

    def box(self, expr: Expr) -> Box:
        return _PRINTERS[type(expr)](self, expr)


def printer_of(expr: Expr, names: Names, *, inline: bool = False, shapes: bool = False) -> Printer:
    """What prints the parts of ``expr``, as when a long formula is broken into lines."""
    return _NodePrinter(expr, names, inline=inline, shapes=shapes)


def _number(printer: Printer, expr: Number) -> Box:
    return number_box(expr.value, printer.inline)


def _numeric(printer: Printer, expr: Numeric) -> Box:
    return numeric_box(expr)


def _leaf(printer: Printer, expr: Leaf) -> Box:
    return atom(printer.symbol(expr.tensor))


def _dim(printer: Printer, expr: DimValue) -> Box:
    symbol = printer.dim(expr.dim)
    dim = expr.dim
    if (dim.constant and dim.coefficients) or len(dim.coefficients) > 1 or symbol.tex.startswith("-"):
        return Box(symbol.tex, SUM, symbol.width)
    return Box(symbol.tex, ATOM if dim.is_number or dim.single_name else CHAIN, symbol.width)


def _partial(printer: Printer, expr: Partial) -> Box:
    return partial_box(printer, expr, "", 0.0)


def _comprehension(printer: Printer, expr: Comprehension | TensorEntries) -> Box:
    return printer.box(expr.body)


def _neg(printer: Printer, expr: Neg) -> Box:
    box = printer.box(expr.arg)
    if box.level == SUM or box.negative:
        box = box.bracketed()
    return box._replace(negative=True)


def _script(printer: Printer, expr: Transpose | Power) -> Box:
    if isinstance(expr, Power) and is_root(expr):
        inner = printer.box(expr.base)
        return Box(rf"\sqrt{{{inner.signed}}}", CLOSED, inner.full_width + 1.2, inner.tall)
    script = script_of(printer, expr)
    turned = expr.arg if isinstance(expr, Transpose) else None
    if isinstance(turned, Call) and turned.op.name == "inv":  # X^{-T}
        return superscript(printer.box(turned.args[0]), f"-{script.tex}", script.width + 0.6)
    return superscript(printer.box(expr.arg if isinstance(expr, Transpose) else expr.base), *script[:2])


def _written(printer: Printer, expr: Expr) -> Box:
    tex = written_latex(expr, lambda part: printer.box(part).signed)
    return Box(tex, ATOM, 0.5 * len(tex), FRACTION_TALL if "\\frac" in tex else 0)


_PRINTERS: Mapping[type, Callable[[Printer, Any], Box]] = MappingProxyType(
    {
        **dict.fromkeys(WRITTEN, _written),
        Shown: lambda printer, expr: printer.box(expr.node),
        Number: _number,
        Numeric: _numeric,
        Leaf: _leaf,
        DimValue: _dim,
        Partial: _partial,
        Add: sum_box,
        Neg: _neg,
        MatMul: product_box,
        Hadamard: hadamard_box,
        Divide: quotient_box,
        Power: _script,
        Transpose: _script,
        Call: call_box,
        IndexValue: index_box,
        LabelValue: index_box,
        Element: element_box,
        Slice: slice_box,
        Comprehension: _comprehension,
        Jacobian: jacobian_box,
        Grid: grid_box,
        TensorEntries: _comprehension,
        Reduce: reduce_box,
        Indicator: indicator_box,
    }
)
