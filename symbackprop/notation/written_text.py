"""How nodes that only people write (``core.written``) are echoed; what is printed here is for eyes alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import SCALAR, Expr, Leaf, Shape
from symbackprop.core.written import (
    Blocks,
    Change,
    Dots,
    Dummy,
    Identity,
    Ones,
    Opaque,
    Pieces,
    Rounded,
    Slope,
    Stepped,
    shape_of,
)


@dataclass(frozen=True, slots=True)
class Shown(Expr):
    """A node whose shape nobody knows, printed where a printer asks for shapes: as if it were a number."""

    node: Expr

    @property
    def shape(self) -> Shape:
        return SCALAR


def stand_in(expr: Expr) -> Expr:
    """The same to print, with a shape for every node."""
    inner = expr.map_children(stand_in)
    return Shown(inner) if isinstance(inner, (*WRITTEN, Jacobian)) and shape_of(inner) is None else inner


WRITTEN = (Blocks, Change, Dots, Dummy, Identity, Ones, Opaque, Pieces, Rounded, Slope, Stepped)
Show = Callable[[Expr], str]


def decimal_text(number: Rounded) -> str:
    """The decimal with the digits that were written."""
    return f"{float(number.value):.{min(number.digits, 17)}f}"


def _opaque(expr: Opaque, show: Show) -> str:
    """A name without a meaning, as it was written: its slots, and its arguments if it is called."""
    places = f"[{', '.join(map(show, expr.slots))}]" if expr.slots else ""
    arguments = f"({', '.join(map(show, expr.args))})" if expr.called else ""
    return f"{expr.name}{places}{arguments}"


def written_text(expr: Expr, show: Show) -> str:
    """The node as a word or bracket; ``show`` prints its parts."""
    match expr:
        case Rounded():
            return decimal_text(expr)
        case Opaque():
            return _opaque(expr, show)
        case Dots():
            return "..."
        case Dummy(letter):
            return letter
        case Identity():
            return "I"
        case Ones():
            return "ones"
        case Slope(of, by, second):
            if second is not None:
                return f"d2({show(of)})/(d{show(by)} d{show(second)})"
            return f"d({show(of)})/d{show(by)}"
        case Stepped(arg):
            return f"{show(arg)}_new"
        case Change(arg):
            return f"d{show(arg)}" if isinstance(arg, Leaf) else f"d({show(arg)})"
        case Blocks():
            return f"[{'; '.join(', '.join(map(show, row)) for row in expr.rows)}]"
        case Pieces(values, conditions):
            lines = [
                f"{show(value)} {'otherwise' if held is None else f'where {show(held)}'}"
                for value, held in zip(values, conditions, strict=True)
            ]
            return f"{{{'; '.join(lines)}}}"
    raise TypeError(f"no echo for {type(expr).__name__}")


def written_latex(expr: Expr, show: Show) -> str:
    """The same as LaTeX; the names of ``Opaque`` are LaTeX already."""
    match expr:
        case Rounded():
            return decimal_text(expr)
        case Opaque():
            return _opaque(expr, show)
        case Dots():
            return r"\dots"
        case Dummy(letter):
            return letter
        case Identity():
            return "I"
        case Ones():
            return r"\mathbf{1}"
        case Slope(of, by, second):
            if second is not None:
                return rf"\frac{{\partial^2 ({show(of)})}}{{\partial {show(by)}\,\partial {show(second)}}}"
            return rf"\frac{{\partial}}{{\partial {show(by)}}} \bigl({show(of)}\bigr)"
        case Change(arg):
            return f"d{show(arg)}" if isinstance(arg, Leaf) else rf"d\bigl({show(arg)}\bigr)"
        case Stepped(arg):
            return rf"({show(arg)})_{{\text{{new}}}}"
        case Blocks():
            rows = r" \\ ".join(" & ".join(map(show, row)) for row in expr.rows)
            return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
        case Pieces(values, conditions):
            otherwise = r"\text{otherwise}"
            lines = r" \\ ".join(
                f"{show(value)} & {otherwise if held is None else show(held)}"
                for value, held in zip(values, conditions, strict=True)
            )
            return rf"\begin{{cases}} {lines} \end{{cases}}"
    raise TypeError(f"no echo for {type(expr).__name__}")
