"""Subscripts and superscripts: slots of entries, transposes, powers."""

from __future__ import annotations

from symbackprop.core.expr import Power, Transpose
from symbackprop.core.indexed import Element, LabelValue
from symbackprop.notation.latex_box import ATOM, CLOSED, Box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_symbols import Symbol


def atom(symbol: Symbol) -> Box:
    """A name as a piece."""
    return Box(symbol.tex, CLOSED if symbol.sup else ATOM, symbol.width)


def subscripted(base: Box, symbol: Symbol, script: str, width: float) -> Box:
    """A piece with an index; ``symbol`` is the name in it."""
    if not script:
        return base
    if symbol.sub or script.startswith("["):
        # (W_2)_{nk}: a second script on one letter would read as one.
        tex = f"{base.tex}{script}" if script.startswith("[") else f"({base.tex})_{{{script}}}"
        return Box(tex, CLOSED if symbol.sup else ATOM, base.width + 0.8 + 0.7 * width)
    return Box(f"{base.tex}_{{{script}}}", CLOSED if symbol.sup else ATOM, base.width + 0.7 * width)


def slots_symbol(printer: Printer, expr: Element) -> Symbol:
    """The slots of an entry, such as ``nk`` or ``n, k+1``; ``[n, k]`` in the bracket style."""
    slots = [printer.position(slot) for slot in expr.slots]
    labels = [isinstance(slot, LabelValue) for slot in expr.slots]
    width = sum(slot.width for slot in slots)
    if printer.names.style.get("index") == "bracket":
        return Symbol(f"[{', '.join(slot.tex for slot in slots)}]", width + 1.0)
    short = [len(slot.tex) == 1 or slot.tex.startswith("\\") for slot in slots]
    tight = all(one or label for one, label in zip(short, labels, strict=True))
    return Symbol(
        (" " if tight and any(labels) else "" if tight else ", ").join(slot.tex for slot in slots),
        width + (0.0 if tight else 0.8),
    )


def script_of(printer: Printer, expr: Transpose | Power) -> Symbol:
    """The superscript of a transpose or a power."""
    if isinstance(expr, Transpose):
        return Symbol("T" if printer.names.style.get("transpose") == "T" else r"\top", 0.7)
    script = printer.inside_script().box(expr.exponent)
    dot = "" if expr.base.is_scalar else r"\odot "
    return Symbol(dot + script.signed, script.full_width + (0.8 if dot else 0.0))
