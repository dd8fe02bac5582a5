"""Derivatives in LaTeX: gradients, Jacobians and their entries."""

from __future__ import annotations

from symbackprop.core.arrays import Jacobian, Slots
from symbackprop.core.expr import Leaf, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Tensor
from symbackprop.notation.latex_box import CLOSED, FRACTION_TALL, OPEN, TERM, Box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_safe import refusal
from symbackprop.notation.latex_scripts import atom, subscripted
from symbackprop.notation.latex_second import second_box
from symbackprop.notation.latex_symbols import Symbol, declared_symbol, name_symbol


def partial_box(printer: Printer, expr: Partial, script: str, script_width: float) -> Box:
    """A derivative, with the entry ``script`` on the variable it is taken by."""
    named = printer.names.partial_name(expr)
    if named is not None:
        text, latex = named
        usable = latex is not None and refusal(latex) is None
        symbol = declared_symbol(latex) if latex is not None and usable else name_symbol(text)
        return subscripted(atom(symbol), symbol, script, script_width)
    if expr.of.gradient is not None:
        first, last = printer.symbol(expr.of.gradient[1]), printer.symbol(expr.by)
        if script:
            box = subscripted(atom(last), last, script, script_width)
            last = Symbol(box.tex, box.width)
        whole = expr.of.gradient[1] is expr.by and not script
        return second_box(printer, expr.of, first, last, whole=whole)
    of, symbol = printer.symbol(expr.of), printer.symbol(expr.by)
    by = subscripted(atom(symbol), symbol, script, script_width)
    if printer.names.style.get("gradient") == "nabla":
        # As of a sum, what follows would be read as part of it: a factor behind it sees brackets.
        return Box(rf"\nabla_{{{by.tex}}} {of.tex}", OPEN, 0.9 + of.width + 0.7 * by.width)
    if printer.inline:
        return Box(rf"\partial {of.tex}/\partial {by.tex}", TERM, of.width + by.width + 1.7)
    width = max(of.width, by.width) + 0.8
    return Box(rf"\frac{{\partial {of.tex}}}{{\partial {by.tex}}}", CLOSED, width, FRACTION_TALL)


def jacobian_box(printer: Printer, expr: Jacobian) -> Box:
    """The derivative of an array by an array, with the positions of axes that are held."""
    outer = expr.of if expr.of.gradient is None else expr.of.gradient[1]
    top, below = (_with_slots(printer, *side) for side in ((outer, expr.of_slots), (expr.by, expr.by_slots)))
    if expr.vec is not None and sum(not dim.is_one for dim in expr.by.shape) > 1:
        below = Symbol(rf"\operatorname{{vec}} {below.tex}", below.width + 1.8)
    if expr.vec is not None and sum(not dim.is_one for dim in expr.of.shape) > 1:
        top = Symbol(rf"\operatorname{{vec}} {top.tex}", top.width + 1.8)
    if expr.of.gradient is not None:
        whole = outer is expr.by and not expr.is_sliced
        return second_box(printer, expr.of, top, below, whole=whole)
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
    box = subscripted(atom(symbol), symbol, f"[{script}]" if bracket else script, width)
    return Symbol(box.tex, box.width)


def local_entry_box(printer: Printer, expr: Element, partial: Partial) -> Box:
    """An entry of a Jacobian, one array's entry by another's."""
    rank = partial.of.rank
    outer = partial.of if partial.of.gradient is None else partial.of.gradient[1]
    top = printer.box(Element(Leaf(outer), expr.slots[:rank]) if rank else Leaf(outer))
    below = expr.slots[rank:]
    bottom = printer.box(Element(Leaf(partial.by), below) if below else Leaf(partial.by))
    if partial.of.gradient is not None:
        sides = (Symbol(top.tex, top.width), Symbol(bottom.tex, bottom.width))
        return second_box(printer, partial.of, *sides, whole=outer is partial.by and not rank)
    if printer.inline:
        return Box(rf"\partial {top.tex}/\partial {bottom.tex}", TERM, top.width + bottom.width + 1.7)
    width = max(top.width, bottom.width) + 0.8
    return Box(rf"\frac{{\partial {top.tex}}}{{\partial {bottom.tex}}}", CLOSED, width, FRACTION_TALL)
