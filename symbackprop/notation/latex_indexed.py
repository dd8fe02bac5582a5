"""Index notation in LaTeX: entries, slices, sums over indices, indicators."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.indexed import (
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    Run,
    Slice,
    axes_of,
    label_of,
)
from symbackprop.core.tensors import Index
from symbackprop.notation.counting import compared, valued
from symbackprop.notation.latex_box import ATOM, BIG_TALL, CHAIN, CLOSED, OPEN, SUM, Box, as_subscript
from symbackprop.notation.latex_partials import local_entry_box, partial_box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_scripts import atom, slots_symbol, subscripted
from symbackprop.notation.latex_symbols import RELATIONS, Symbol, name_symbol
from symbackprop.notation.slices import is_member, is_whole, range_is_seen

_BINDERS: Mapping[str, str] = MappingProxyType({"sum": r"\sum", "prod": r"\prod", "max": r"\max"})


def element_box(printer: Printer, expr: Element) -> Box:
    """An entry."""
    if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
        return local_entry_box(printer, expr, expr.base)
    if isinstance(expr.base, Jacobian) and expr.base.of.gradient is not None and not expr.base.is_sliced:
        return local_entry_box(printer, expr, Partial(expr.base.of, expr.base.by))
    base, (script, width) = expr.base, slots_symbol(printer, expr)[:2]
    if isinstance(base, Leaf):
        symbol = printer.symbol(base.tensor)
        return subscripted(atom(symbol), symbol, script, width)
    if isinstance(base, Partial):
        return partial_box(printer, base, script, width)
    box = printer.box(base)
    closed_call = isinstance(base, Call) and box.level == CLOSED and not box.negative
    if isinstance(base, Call) and base.op.name == "inv" and isinstance(base.args[0], Leaf):
        closed_call = not printer.symbol(base.args[0].tensor).sub  # S_1^{-1}_{ij} has two scripts below
    inner = box if closed_call else box.bracketed()
    return Box(f"{inner.tex}{as_subscript(script)}", ATOM, inner.width + 0.7 * width, inner.tall)


def slice_box(printer: Printer, expr: Slice) -> Box:
    """A row, a column, or a block."""
    base, (script, width) = expr.base, _runs(printer, expr)[:2]
    if isinstance(base, Leaf):
        symbol = printer.symbol(base.tensor)
        return subscripted(atom(symbol), symbol, script, width)
    if isinstance(base, Partial):
        return partial_box(printer, base, script, width)
    inner = printer.box(base).bracketed()
    return Box(f"{inner.tex}{as_subscript(script)}", ATOM, inner.width + 0.7 * width, inner.tall)


def _runs(printer: Printer, expr: Slice) -> Symbol:
    """The slots of a slice, such as ``:, j`` or ``n+1:2n``."""
    shown: list[Symbol] = []
    for slot, dim in zip(expr.slots, axes_of(expr.base), strict=True):
        if not isinstance(slot, Run):
            assert isinstance(slot, IndexValue)
            shown.append(printer.position(slot))
        elif is_whole(slot, dim):
            shown.append(Symbol(":", 0.3))
        else:
            low, high = printer.position(slot.low), printer.position(slot.high)
            shown.append(Symbol(f"{low.tex}:{high.tex}", low.width + high.width + 0.3))
    if is_member(expr):
        shown = shown[:1]
    tex = ", ".join(symbol.tex for symbol in shown)
    width = sum(symbol.width for symbol in shown) + 0.4 * (len(shown) - 1)
    if printer.names.style.get("index") == "bracket":
        return Symbol(f"[{tex}]", width + 1.0)
    return Symbol(tex, width)


def index_box(printer: Printer, expr: IndexValue) -> Box:
    """An index as a number."""
    expr = valued(expr, printer.names.first)
    symbol = printer.affine(expr)
    parts = len(expr.indices) + len(expr.offset.coefficients) + bool(expr.offset.constant)
    if parts > 1 or symbol.tex.startswith("-"):
        return Box(symbol.tex, SUM, symbol.width)
    return Box(symbol.tex, ATOM if symbol.tex.isdigit() or expr.single else CHAIN, symbol.width)


def reduce_head(printer: Printer, expr: Reduce) -> Symbol:
    """What stands before the body of a sum; its indices must be bound."""
    tex, width = "", 0.0
    head = _BINDERS.get(expr.binder, r"\sum")
    counts = [_count(entry) for entry in expr.ranges] if expr.binder == "mean" else []
    if None in counts:  # how many there are depends on other indices: no number to divide by
        head, counts = r"\operatorname*{mean}", []
    for place, entry in enumerate(expr.ranges):
        below, above = _range(printer, entry, expr.body)
        count = counts[place] if counts else None
        mean = "" if count is None else rf"\frac{{1}}{{{printer.dim(count).tex}}}"
        tex += f"{mean}{head}_{{{below.tex}}}" + (f"^{{{above.tex}}}" if above else "") + " "
        width += max(1.5, 0.7 * below.width) + (1.2 if mean else 0.2)
    return Symbol(tex, width)


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
            f"{letter.tex} {RELATIONS[relation]} {side.tex}", letter.width + side.width + 0.8
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


def reduce_box(printer: Printer, expr: Reduce) -> Box:
    """A sum, product, mean or maximum over indices."""
    with printer.letters.bound(expr.ranges):
        head = reduce_head(printer, expr)
        body = printer.box(expr.body)
        if body.level == SUM or body.negative:
            body = body.bracketed()
        return Box(head.tex + body.tex, OPEN, head.width + body.width, max(BIG_TALL, body.tall))


def indicator_box(printer: Printer, expr: Indicator) -> Box:
    """``[i = j]``."""
    sides = compared(expr, printer.names.first)
    plain = printer if sides is None else printer.one_based()
    left, right = (
        (printer if label_of(side) is not None else plain).box(side)
        for side in sides or (expr.left, expr.right)
    )
    tall = max(left.tall, right.tall)
    size = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")[min(tall, 4)]
    opening, closing = (f"{size}l[", f"{size}r]") if size else ("[", "]")
    tex = f"{opening}{left.signed} {RELATIONS[expr.op]} {right.signed}{closing}"
    return Box(tex, CLOSED, left.full_width + right.full_width + 2.0, tall)
