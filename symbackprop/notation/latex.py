r"""Formulas as LaTeX for amsmath: names as declared, ``\odot``, ``\partial``, sums over entries.

``to_latex`` prints a tree; ``to_latex_with_shapes`` also writes the shape under each factor of a
product. Every piece is made from the tree, never from other LaTeX. Brackets have fixed sizes that
follow the nesting, so that a long formula can be broken inside them (``latex_lines``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
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
from symbackprop.notation.common import is_root
from symbackprop.notation.counting import compared, counted, valued
from symbackprop.notation.latex_box import (
    ATOM,
    BIG_TALL,
    CHAIN,
    CLOSED,
    FRACTION_TALL,
    OPEN,
    SUM,
    TERM,
    Box,
    Latex,
    as_subscript,
    superscript,
)
from symbackprop.notation.latex_calls import call_box
from symbackprop.notation.latex_grids import grid_box
from symbackprop.notation.latex_numbers import number_box, numeric_box
from symbackprop.notation.latex_products import hadamard_box, product_box, quotient_box
from symbackprop.notation.latex_safe import refusal
from symbackprop.notation.latex_second import second_box
from symbackprop.notation.latex_sums import sum_box
from symbackprop.notation.latex_symbols import Symbol, declared_symbol, dim_symbol, name_symbol, tensor_symbol
from symbackprop.notation.letters import Letters
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.slices import axes_of, is_member, is_whole, range_is_seen
from symbackprop.notation.written_text import WRITTEN, Shown, stand_in, written_latex

_RELATIONS: Mapping[str, str] = MappingProxyType(
    {"=": "=", "!=": r"\neq", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq"}
)
_BINDERS: Mapping[str, str] = MappingProxyType({"sum": r"\sum", "prod": r"\prod", "max": r"\max"})


def to_latex(expr: Expr, names: Names = PLAIN, *, inline: bool = False) -> Latex:
    """``expr`` as LaTeX; ``inline`` prints derivatives and quotients with a slash, for running text."""
    try:
        return Latex(Printer(expr, names, inline=inline).box(expr).signed)
    except ValueError:  # a shape that nobody knows
        shown = stand_in(expr)
        return Latex(Printer(shown, names, inline=inline).box(shown).signed)


def to_latex_with_shapes(expr: Expr, names: Names = PLAIN) -> Latex:
    """The same with the shape under each array factor of the products that ``expr`` is a sum of."""
    return Latex(Printer(expr, names, shapes=True).box(expr).signed)


def dim_latex(dim: Dim, names: Names = PLAIN) -> Latex:
    """A dim as LaTeX."""
    return Latex(dim_symbol(dim, names.dims).tex)


def tensor_latex(tensor: Tensor, names: Names = PLAIN) -> Latex:
    """A name as LaTeX."""
    return Latex(tensor_symbol(tensor, names.style).tex)


class Printer:
    """Prints the parts of one formula; holds its names, its index letters, and the manner."""

    __slots__ = ("inline", "letters", "names", "shapes")

    def __init__(self, root: Expr, names: Names, *, inline: bool = False, shapes: bool = False) -> None:
        self.names = names
        self.letters = Letters(root, names.reserved)
        self.inline = inline
        self.shapes = shapes

    def one_based(self) -> Printer:
        """The same for what has been counted already."""
        found = copy(self)
        found.names = replace(self.names, first=1)
        return found

    def box(self, expr: Expr) -> Box:
        """One node as a piece."""
        return _PRINTERS[type(expr)](self, expr)

    def symbol(self, tensor: Tensor) -> Symbol:
        """The name of a tensor."""
        return tensor_symbol(tensor, self.names.style)

    def dim(self, dim: Dim) -> Symbol:
        """The name of a dim."""
        return dim_symbol(dim, self.names.dims)

    def position(self, slot: IndexValue) -> Symbol:
        """An affine position, such as ``k`` or ``2i + 1``, as the author counts; a label ``y_n``."""
        return self.affine(counted(slot, self.names.first))

    def affine(self, slot: IndexValue) -> Symbol:
        """The same as it stands."""
        tex, width = "", 0.0
        if isinstance(slot, LabelValue) and slot.label is not None:
            box = self.box(slot.label)
            return Symbol(box.tex, box.width)
        for index, coefficient in slot.indices:
            letter = name_symbol(self.letters.of(index))
            sign = "-" if coefficient < 0 else "+" if tex else ""
            size = "" if abs(coefficient) == 1 else str(abs(coefficient))
            tex += f"{sign}{size}{letter.tex}"
            width += letter.width + 0.6 * len(sign) + 0.5 * len(size)
        if slot.offset != Dim(0) or not tex:
            offset = self.dim(slot.offset)
            tex += ("" if offset.tex.startswith("-") or not tex else "+") + offset.tex
            width += offset.width + 0.6
        return Symbol(tex, width)

    def partial(self, expr: Partial, script: str, script_width: float) -> Box:
        """A derivative, with the entry ``script`` on the variable it is taken by."""
        named = self.names.partial_name(expr)
        if named is not None:
            text, latex = named
            usable = latex is not None and refusal(latex) is None
            symbol = declared_symbol(latex) if latex is not None and usable else name_symbol(text)
            return _subscripted(_atom(symbol), symbol, script, script_width)
        if expr.of.gradient is not None:
            first, last = self.symbol(expr.of.gradient[1]), self.symbol(expr.by)
            if script:
                box = _subscripted(_atom(last), last, script, script_width)
                last = Symbol(box.tex, box.width)
            return second_box(self, expr.of, expr.by, first, last)
        of, symbol = self.symbol(expr.of), self.symbol(expr.by)
        by = _subscripted(_atom(symbol), symbol, script, script_width)
        if self.names.style.get("gradient") == "nabla":
            # As of a sum, what follows would be read as part of it: a factor behind it sees brackets.
            return Box(rf"\nabla_{{{by.tex}}} {of.tex}", OPEN, 0.9 + of.width + 0.7 * by.width)
        if self.inline:
            return Box(rf"\partial {of.tex}/\partial {by.tex}", TERM, of.width + by.width + 1.7)
        width = max(of.width, by.width) + 0.8
        return Box(rf"\frac{{\partial {of.tex}}}{{\partial {by.tex}}}", CLOSED, width, FRACTION_TALL)

    def reduce_head(self, expr: Reduce) -> Symbol:
        """What stands before the body of a sum; its indices must be bound."""
        tex, width = "", 0.0
        head = _BINDERS.get(expr.binder, r"\sum")
        counts = [_count(entry) for entry in expr.ranges] if expr.binder == "mean" else []
        if None in counts:  # how many there are depends on other indices: no number to divide by
            head, counts = r"\operatorname*{mean}", []
        for place, entry in enumerate(expr.ranges):
            below, above = _range(self, entry, expr.body)
            count = counts[place] if counts else None
            mean = "" if count is None else rf"\frac{{1}}{{{self.dim(count).tex}}}"
            tex += f"{mean}{head}_{{{below.tex}}}" + (f"^{{{above.tex}}}" if above else "") + " "
            width += max(1.5, 0.7 * below.width) + (1.2 if mean else 0.2)
        return Symbol(tex, width)

    def slots(self, expr: Element) -> Symbol:
        """The slots of an entry, such as ``nk`` or ``n, k+1``; ``[n, k]`` in the bracket style."""
        slots = [self.position(slot) for slot in expr.slots]
        labels = [isinstance(slot, LabelValue) for slot in expr.slots]
        width = sum(slot.width for slot in slots)
        if self.names.style.get("index") == "bracket":
            return Symbol(f"[{', '.join(slot.tex for slot in slots)}]", width + 1.0)
        short = [len(slot.tex) == 1 or slot.tex.startswith("\\") for slot in slots]
        tight = all(one or label for one, label in zip(short, labels, strict=True))
        return Symbol(
            (" " if tight and any(labels) else "" if tight else ", ").join(slot.tex for slot in slots),
            width + (0.0 if tight else 0.8),
        )

    def ranges(self, expr: Slice) -> Symbol:
        """The slots of a slice, such as ``:, j`` or ``n+1:2n``."""
        shown: list[Symbol] = []
        for slot, dim in zip(expr.slots, axes_of(expr.base), strict=True):
            if not isinstance(slot, Run):
                assert isinstance(slot, IndexValue)
                shown.append(self.position(slot))
            elif is_whole(slot, dim):
                shown.append(Symbol(":", 0.3))
            else:
                low, high = self.position(slot.low), self.position(slot.high)
                shown.append(Symbol(f"{low.tex}:{high.tex}", low.width + high.width + 0.3))
        if is_member(expr):
            shown = shown[:1]
        tex = ", ".join(symbol.tex for symbol in shown)
        width = sum(symbol.width for symbol in shown) + 0.4 * (len(shown) - 1)
        if self.names.style.get("index") == "bracket":
            return Symbol(f"[{tex}]", width + 1.0)
        return Symbol(tex, width)

    def script_of(self, expr: Transpose | Power) -> Symbol:
        """The superscript of a transpose or a power."""
        if isinstance(expr, Transpose):
            return Symbol("T" if self.names.style.get("transpose") == "T" else r"\top", 0.7)
        inner = Printer(expr.exponent, self.names, inline=True)
        inner.letters = self.letters
        script = inner.box(expr.exponent)
        dot = "" if expr.base.is_scalar else r"\odot "
        return Symbol(dot + script.signed, script.full_width + (0.8 if dot else 0.0))


def _atom(symbol: Symbol) -> Box:
    return Box(symbol.tex, CLOSED if symbol.sup else ATOM, symbol.width)


def _number(printer: Printer, expr: Number) -> Box:
    return number_box(expr.value, printer.inline)


def _numeric(printer: Printer, expr: Numeric) -> Box:
    return numeric_box(expr)


def _leaf(printer: Printer, expr: Leaf) -> Box:
    return _atom(printer.symbol(expr.tensor))


def _dim(printer: Printer, expr: DimValue) -> Box:
    symbol = printer.dim(expr.dim)
    dim = expr.dim
    if (dim.constant and dim.coefficients) or len(dim.coefficients) > 1 or symbol.tex.startswith("-"):
        return Box(symbol.tex, SUM, symbol.width)
    return Box(symbol.tex, ATOM if dim.is_number or dim.single_name else CHAIN, symbol.width)


def _partial(printer: Printer, expr: Partial) -> Box:
    return printer.partial(expr, "", 0.0)


def _subscripted(base: Box, symbol: Symbol, script: str, width: float) -> Box:
    if not script:
        return base
    if symbol.sub or script.startswith("["):
        # (W_2)_{nk}: a second script on one letter would read as one.
        tex = f"{base.tex}{script}" if script.startswith("[") else f"({base.tex})_{{{script}}}"
        return Box(tex, CLOSED if symbol.sup else ATOM, base.width + 0.8 + 0.7 * width)
    return Box(f"{base.tex}_{{{script}}}", CLOSED if symbol.sup else ATOM, base.width + 0.7 * width)


def _jacobian(printer: Printer, expr: Jacobian) -> Box:
    outer = expr.of if expr.of.gradient is None else expr.of.gradient[1]
    top, below = (_with_slots(printer, *side) for side in ((outer, expr.of_slots), (expr.by, expr.by_slots)))
    if expr.of.gradient is not None:
        return second_box(printer, expr.of, expr.by, top, below)
    if expr.vec is not None and sum(not dim.is_one for dim in expr.by.shape) > 1:
        below = Symbol(rf"\operatorname{{vec}} {below.tex}", below.width + 1.8)
    if expr.vec is not None and sum(not dim.is_one for dim in expr.of.shape) > 1:
        top = Symbol(rf"\operatorname{{vec}} {top.tex}", top.width + 1.8)
    if printer.inline:
        return Box(rf"\partial {top.tex}/\partial {below.tex}", TERM, top.width + below.width + 1.7)
    width = max(top.width, below.width) + 0.8
    return Box(rf"\frac{{\partial {top.tex}}}{{\partial {below.tex}}}", CLOSED, width, FRACTION_TALL)


def _with_slots(printer: Printer, tensor: Tensor, slots: Slots) -> Symbol:
    """A name with the positions of the axes that are held, ``:`` for those that run."""
    symbol = printer.symbol(tensor)
    if not slots:
        return symbol
    shown = [Symbol(":", 0.3) if slot is None else printer.position(slot) for slot in slots]
    bracket = printer.names.style.get("index") == "bracket"
    script = ", ".join(one.tex for one in shown)
    width = sum(one.width for one in shown) + 0.3 * len(shown)
    box = _subscripted(_atom(symbol), symbol, f"[{script}]" if bracket else script, width)
    return Symbol(box.tex, box.width)


def _comprehension(printer: Printer, expr: Comprehension | TensorEntries) -> Box:
    return printer.box(expr.body)


def _local_entry(printer: Printer, expr: Element, partial: Partial) -> Box:
    """An entry of a Jacobian, one array's entry by another's."""
    rank = partial.of.rank
    outer = partial.of if partial.of.gradient is None else partial.of.gradient[1]
    top = printer.box(Element(Leaf(outer), expr.slots[:rank]) if rank else Leaf(outer))
    below = expr.slots[rank:]
    bottom = printer.box(Element(Leaf(partial.by), below) if below else Leaf(partial.by))
    if partial.of.gradient is not None:
        sides = (Symbol(top.tex, top.width), Symbol(bottom.tex, bottom.width))
        return second_box(printer, partial.of, partial.by, *sides)
    if printer.inline:
        return Box(rf"\partial {top.tex}/\partial {bottom.tex}", TERM, top.width + bottom.width + 1.7)
    width = max(top.width, bottom.width) + 0.8
    return Box(rf"\frac{{\partial {top.tex}}}{{\partial {bottom.tex}}}", CLOSED, width, FRACTION_TALL)


def _element(printer: Printer, expr: Element) -> Box:
    if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
        return _local_entry(printer, expr, expr.base)
    if isinstance(expr.base, Jacobian) and expr.base.of.gradient is not None and not expr.base.is_sliced:
        return _local_entry(printer, expr, Partial(expr.base.of, expr.base.by))
    base, (script, width) = expr.base, printer.slots(expr)[:2]
    if isinstance(base, Leaf):
        symbol = printer.symbol(base.tensor)
        return _subscripted(_atom(symbol), symbol, script, width)
    if isinstance(base, Partial):
        return printer.partial(base, script, width)
    box = printer.box(base)
    closed_call = isinstance(base, Call) and box.level == CLOSED and not box.negative
    if isinstance(base, Call) and base.op.name == "inv" and isinstance(base.args[0], Leaf):
        closed_call = not printer.symbol(base.args[0].tensor).sub  # S_1^{-1}_{ij} has two scripts below
    inner = box if closed_call else box.bracketed()
    return Box(f"{inner.tex}{as_subscript(script)}", ATOM, inner.width + 0.7 * width, inner.tall)


def _slice(printer: Printer, expr: Slice) -> Box:
    base, (script, width) = expr.base, printer.ranges(expr)[:2]
    if isinstance(base, Leaf):
        symbol = printer.symbol(base.tensor)
        return _subscripted(_atom(symbol), symbol, script, width)
    if isinstance(base, Partial):
        return printer.partial(base, script, width)
    inner = printer.box(base).bracketed()
    return Box(f"{inner.tex}{as_subscript(script)}", ATOM, inner.width + 0.7 * width, inner.tall)


def _neg(printer: Printer, expr: Neg) -> Box:
    box = printer.box(expr.arg)
    if box.level == SUM or box.negative:
        box = box.bracketed()
    return box._replace(negative=True)


def _script(printer: Printer, expr: Transpose | Power) -> Box:
    if isinstance(expr, Power) and is_root(expr):
        inner = printer.box(expr.base)
        return Box(rf"\sqrt{{{inner.signed}}}", CLOSED, inner.full_width + 1.2, inner.tall)
    script = printer.script_of(expr)
    turned = expr.arg if isinstance(expr, Transpose) else None
    if isinstance(turned, Call) and turned.op.name == "inv":  # X^{-T}
        return superscript(printer.box(turned.args[0]), f"-{script.tex}", script.width + 0.6)
    return superscript(printer.box(expr.arg if isinstance(expr, Transpose) else expr.base), *script[:2])


def _call(printer: Printer, expr: Call) -> Box:
    return call_box(printer, expr)


def _index(printer: Printer, expr: IndexValue) -> Box:
    expr = valued(expr, printer.names.first)
    symbol = printer.affine(expr)
    parts = len(expr.indices) + len(expr.offset.coefficients) + bool(expr.offset.constant)
    if parts > 1 or symbol.tex.startswith("-"):
        return Box(symbol.tex, SUM, symbol.width)
    return Box(symbol.tex, ATOM if symbol.tex.isdigit() or expr.single else CHAIN, symbol.width)


def _count(entry: Range) -> Dim | None:
    """How many positions a range has, where that is one number."""
    if entry.condition is not None:
        return entry.index.dim - 1 if entry.condition[0] == "!=" else None
    low = entry.low or IndexValue((), Dim(1))
    high = entry.high or IndexValue((), entry.index.dim)
    plain = not any(end.indices or isinstance(end, LabelValue) for end in (low, high))
    return high.offset - low.offset + 1 if plain else None


def _range(printer: Printer, entry: Range, body: Expr) -> tuple[Symbol, Symbol | None]:
    letter = name_symbol(printer.letters.of(entry.index))
    if entry.condition is not None:
        relation, other = entry.condition
        side = printer.position(other)
        return Symbol(
            f"{letter.tex} {_RELATIONS[relation]} {side.tex}", letter.width + side.width + 0.8
        ), None
    seen = range_is_seen(entry.index, body) or _in_a_line(entry.index, body)
    if entry.low is None and entry.high is None and seen:
        return letter, None
    first = printer.names.first
    low = printer.position(entry.low) if entry.low is not None else Symbol(str(first), 0.5)
    high = (
        printer.position(entry.high) if entry.high is not None else printer.dim(entry.index.dim - (1 - first))
    )
    return Symbol(f"{letter.tex} = {low.tex}", letter.width + low.width + 0.8), high


def _in_a_line(index: Index, body: Expr) -> bool:
    """Whether an index chooses a row or a column, as in ``Z_{n, :}``."""
    for node in body.walk():
        slots = node.slots if isinstance(node, Slice) else ()
        if isinstance(node, Jacobian):
            slots = tuple(slot for slot in (*node.of_slots, *node.by_slots) if slot is not None)
        if any(isinstance(slot, IndexValue) and slot.single is index for slot in slots):
            return True
    return False


def _reduce(printer: Printer, expr: Reduce) -> Box:
    with printer.letters.bound(expr.ranges):
        head = printer.reduce_head(expr)
        body = printer.box(expr.body)
        if body.level == SUM or body.negative:
            body = body.bracketed()
        return Box(head.tex + body.tex, OPEN, head.width + body.width, max(BIG_TALL, body.tall))


def _indicator(printer: Printer, expr: Indicator) -> Box:
    sides = compared(expr, printer.names.first)
    plain = printer if sides is None else printer.one_based()
    left, right = (
        (printer if label_of(side) is not None else plain).box(side)
        for side in sides or (expr.left, expr.right)
    )
    tall = max(left.tall, right.tall)
    size = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")[min(tall, 4)]
    opening, closing = (f"{size}l[", f"{size}r]") if size else ("[", "]")
    tex = f"{opening}{left.signed} {_RELATIONS[expr.op]} {right.signed}{closing}"
    return Box(tex, CLOSED, left.full_width + right.full_width + 2.0, tall)


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
        Call: _call,
        IndexValue: _index,
        LabelValue: _index,
        Element: _element,
        Slice: _slice,
        Comprehension: _comprehension,
        Jacobian: _jacobian,
        Grid: grid_box,
        TensorEntries: _comprehension,
        Reduce: _reduce,
        Indicator: _indicator,
    }
)
