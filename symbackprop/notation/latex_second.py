r"""Second derivatives in LaTeX: ``\frac{\partial^2 L}{\partial w^2}``, with or without slots."""

from __future__ import annotations

from symbackprop.core.tensors import Tensor
from symbackprop.notation.latex_box import CLOSED, FRACTION_TALL, OPEN, TERM, Box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_symbols import Symbol


def second_box(printer: Printer, of: Tensor, first: Symbol, last: Symbol, *, whole: bool) -> Box:
    """The derivative of ``of`` = dL/dA by B; ``first`` and ``last`` are A and B with their slots.

    ``whole``: A is B and neither has slots.
    """
    assert of.gradient is not None
    loss = printer.symbol(of.gradient[0])
    if whole and printer.names.style.get("gradient") == "nabla":
        return Box(rf"\nabla_{{{last.tex}}}^2 {loss.tex}", OPEN, 1.2 + loss.width + 0.7 * last.width)
    same = first.tex == last.tex
    if same:
        simple = _takes_power(last.tex)
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


def _takes_power(tex: str) -> bool:
    r"""Whether ``^2`` behind a name or an entry reads as its square: ``W``, ``\alpha``, ``W_{12}``."""
    letter, _, script = tex.partition("_")
    plain = len(letter) == 1 or (letter.startswith("\\") and letter[1:].isalpha())
    closed = script.startswith("{") and script.find("}") == len(script) - 1
    return plain and (not script or (closed and "^" not in script))
