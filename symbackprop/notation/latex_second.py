r"""Second derivatives in LaTeX: ``\frac{\partial^2 L}{\partial w^2}``, with or without slots."""

from __future__ import annotations

from symbackprop.core.tensors import Tensor
from symbackprop.notation.latex_box import CLOSED, FRACTION_TALL, OPEN, TERM, Box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_symbols import Symbol


def second_box(printer: Printer, of: Tensor, by: Tensor, first: Symbol, last: Symbol) -> Box:
    """The derivative by ``by`` of ``of`` = dL/dA; ``first`` and ``last`` are A and B with their slots."""
    assert of.gradient is not None
    loss = printer.symbol(of.gradient[0])
    same = of.gradient[1] is by and first.tex == last.tex and not _has_slots(printer, by, first)
    if same and printer.names.style.get("gradient") == "nabla":
        return Box(rf"\nabla_{{{last.tex}}}^2 {loss.tex}", OPEN, 1.2 + loss.width + 0.7 * last.width)
    if same:
        simple = len(last.tex) == 1 or (last.tex.startswith("\\") and last.tex[1:].isalpha())
        below = rf"\partial {last.tex}^2" if simple else rf"\partial ({last.tex})^2"
        wide = last.width + 1.2 + 0.6 * (not simple)
    else:
        below, wide = rf"\partial {first.tex}\,\partial {last.tex}", first.width + last.width + 1.8
    if printer.inline:
        bracketed = below if same else rf"({below})"
        return Box(rf"\partial^2 {loss.tex}/{bracketed}", TERM, loss.width + wide + 2.2)
    return Box(
        rf"\frac{{\partial^2 {loss.tex}}}{{{below}}}", CLOSED, max(loss.width + 1.2, wide), FRACTION_TALL
    )


def _has_slots(printer: Printer, tensor: Tensor, shown: Symbol) -> bool:
    return shown.tex != printer.symbol(tensor).tex
