r"""Products and quotients as LaTeX: juxtaposition, ``\odot``, fractions, ``\oslash``.

Scalars stand beside what they scale; ``\odot`` and ``\oslash`` appear between arrays only. A quotient of an
array by a scalar is printed as a factor, ``\frac{1}{N} (P - Y)``.
"""

from __future__ import annotations

from itertools import pairwise

from symbackprop.core.arrays import Jacobian
from symbackprop.core.expr import Divide, Expr, Hadamard, MatMul, Number
from symbackprop.notation.building import product
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
    fraction,
)
from symbackprop.notation.latex_printer import Printer


def product_factor(printer: Printer, factor: Expr, last: bool) -> Box:
    """A factor of a product by juxtaposition; only the last may reach to the right."""
    box = printer.box(factor)
    if box.negative or box.level < (OPEN if last else CHAIN) or isinstance(factor, MatMul):
        return box.bracketed()
    return box.bracketed() if box.level == TERM else box


def product_box(printer: Printer, expr: MatMul) -> Box:
    """A product by juxtaposition; the sign of the first factor moves out."""
    shapes, printer.shapes = printer.shapes, False
    boxes = [
        product_factor(printer, factor, place == len(expr.factors) - 1)
        for place, factor in enumerate(expr.factors)
    ]
    negative = False
    if expr.factors and (first := printer.box(expr.factors[0])).negative and first.level > SUM:
        plain = first._replace(negative=False)
        reaches = len(boxes) > 1 and plain.level in (OPEN, TERM)  # max_i a_i b is the maximum of a_i b
        negative, boxes[0] = True, plain.bracketed() if reaches else plain
    printer.shapes = shapes
    spread = shapes and joins_arrays(expr)
    if spread:
        strut = r"\vphantom{\frac{X}{X_X}}" if any(box.tall >= BIG_TALL for box in boxes) else ""
        boxes = [shaped(printer, box, factor, strut) for box, factor in zip(boxes, expr.factors, strict=True)]
    return beside(boxes, negative, r"\;" if spread else None)


def joins_arrays(expr: MatMul) -> bool:
    """Whether the shapes of the factors say something: there are two arrays, or there is a Jacobian."""
    arrays = [factor for factor in expr.factors if not factor.is_scalar]
    return len(arrays) > 1 or any(isinstance(factor, Jacobian) for factor in arrays)


def beside(boxes: list[Box], negative: bool = False, space: str | None = None) -> Box:
    """Factors side by side, with the least space that keeps them apart."""
    tex, width = boxes[0].tex, boxes[0].width
    for left, right in pairwise(boxes):
        gap = space or separator(left, right)
        tex += f"{gap}{right.tex}"
        width += right.width + (0.17 if gap.strip() else 0.1)
    level = OPEN if boxes[-1].level == OPEN else CHAIN
    return Box(tex, level, width, max(box.tall for box in boxes), negative)


def separator(left: Box, right: Box) -> str:
    """What stands between two factors: nothing, a thin space, or a dot before a digit."""
    if right.tex[:1].isdigit() or right.tex.startswith(r"\tfrac"):
        return r" \cdot "
    if left.tex[-1:].isdigit() and len(left.tex) <= 12 and left.tex.replace(".", "").isdigit():
        return " " if right.tex.startswith(("(", r"\big", r"\Big")) else r"\,"
    fractions = left.tall >= FRACTION_TALL or right.tall >= FRACTION_TALL
    if right.level == OPEN:
        return " "  # operators bring their own space
    return r"\," if fractions or left.tex.endswith(")") or right.tex.startswith(r"\operatorname") else " "


def shaped(printer: Printer, box: Box, factor: Expr, strut: str) -> Box:
    """The factor with its shape written under it, at one depth for all; a scalar stays as it is."""
    if factor.is_scalar:
        return box
    rows, columns = (printer.dim(dim) for dim in factor.shape)
    width = 0.5 * (rows.width + columns.width + 0.8)
    tex = rf"\underset{{\scriptscriptstyle {rows.tex}\times {columns.tex}}}{{{box.tex}{strut}}}"
    return Box(tex, CLOSED, max(box.width, width) + 0.2, max(box.tall, FRACTION_TALL))


def hadamard_box(printer: Printer, expr: Hadamard) -> Box:
    """An elementwise product; the sign of the first factor moves out."""
    parts = hadamard_parts(printer, expr)
    tex, width, level = "", 0.0, CHAIN
    for gap, box in parts:
        tex += f"{gap}{box.tex}"
        width += box.width + (1.2 if "odot" in gap else 0.17 if gap else 0.0)
        level = TERM if "odot" in gap else level
    if parts[-1][1].level == OPEN:
        level = OPEN
    first = printer.box(expr.factors[0])
    negative = first.negative and first.level > SUM
    return Box(tex, level, width, max(box.tall for _, box in parts), negative)


def hadamard_parts(printer: Printer, expr: Hadamard) -> list[tuple[str, Box]]:
    """The factors of an elementwise product, each with what stands before it.

    The sign of the first factor is left to the caller.
    """
    parts: list[tuple[str, Box]] = []
    left_is_array = False
    for place, factor in enumerate(expr.factors):
        last = place == len(expr.factors) - 1
        following = not last and not expr.factors[place + 1].is_scalar
        box = printer.box(factor)
        if place == 0 and box.negative and box.level > SUM:
            box = box._replace(negative=False)
        array = not factor.is_scalar
        circled = array and (left_is_array or following)
        several = isinstance(factor, MatMul) and sum(not f.is_scalar for f in factor.factors) > 1
        low = box.level in (SUM, TERM) or (box.level == OPEN and not last)
        if box.negative or low or (several and circled):
            box = box.bracketed()
        gap = "" if place == 0 else r" \odot " if array and left_is_array else separator(parts[-1][1], box)
        parts.append((r"\," if gap == " " and place and not array else gap, box))
        left_is_array = left_is_array or array
    return parts


def quotient_box(printer: Printer, expr: Divide) -> Box:
    """A quotient: a fraction of scalars, a factor before an array, or elementwise."""
    scales, array = _scales_of(expr.den)
    if array is not None and scales:  # -1/N Y (/) P, not -Y (/) (N P)
        return quotient_box(printer, Divide(Divide(expr.num, array), product(*scales)))
    num, den = printer.box(expr.num), printer.box(expr.den)
    if not expr.den.is_scalar:
        left, right = num._replace(negative=False), den
        left = left.bracketed() if num.level <= TERM else left
        right = right.bracketed() if den.negative or den.level <= CHAIN else right
        tex = rf"{left.tex} \oslash {right.tex}"
        return Box(tex, TERM, left.width + right.width + 1.2, max(left.tall, right.tall), num.negative)
    if printer.inline:
        left = num._replace(negative=False)
        left = left.bracketed() if num.level <= TERM else left
        right = den.bracketed() if den.negative or den.level <= CHAIN else den
        return Box(f"{left.tex}/{right.tex}", TERM, left.width + right.width + 0.5, left.tall, num.negative)
    if not expr.num.is_scalar or num.tall >= BIG_TALL or num.width > 9:
        factor = num._replace(negative=False)
        factor = num.bracketed() if num.level == SUM else factor
        if isinstance(expr.num, Number) and abs(expr.num.value) == 1:
            return fraction(num, den)
        top = Box("1", ATOM, 0.5)
        first, rest = _first_number(expr.num)
        if first is not None:  # 2/m (y - t), not 1/m . 2 (y - t)
            top = printer.box(first)
            factor = printer.box(rest)
            factor = factor.bracketed() if factor.level == SUM else factor
        whole = beside([fraction(top, den), factor])
        # 1/N a * b is a term as a * b is: brackets beside a matrix, X^T (1/N a * b).
        level = min(whole.level, factor.level)
        return whole._replace(level=level, negative=num.negative and num.level > SUM)
    if isinstance(expr.num, Number) and expr.num.value.denominator > 1:
        whole = beside([num._replace(negative=False), fraction(Box("1", ATOM, 0.5), den)])
        return whole._replace(negative=num.negative)
    return fraction(num, den)


def _scales_of(expr: Expr) -> tuple[tuple[Expr, ...], Expr | None]:
    """The numbers in front of one array, and the array; None where there is not just one."""
    if not isinstance(expr, MatMul) or expr.is_scalar:
        return (), None
    *scales, last = expr.factors
    lone = not last.is_scalar and all(scale.is_scalar for scale in scales)
    return (tuple(scales), last) if lone else ((), None)


def _first_number(expr: Expr) -> tuple[Number | None, Expr]:
    """The positive whole number with which a product of arrays begins, and the rest."""
    if isinstance(expr, Hadamard | Divide):
        inner = expr.factors[0] if isinstance(expr, Hadamard) else expr.num
        found, rest = _first_number(inner) if not inner.is_scalar else (None, inner)
        if found is None:
            return None, expr
        if isinstance(expr, Divide):
            return found, Divide(rest, expr.den)
        return found, Hadamard((rest, *expr.factors[1:]))
    if not isinstance(expr, MatMul) or not isinstance(first := expr.factors[0], Number):
        return None, expr
    if first.value <= 0 or first.value.denominator != 1:
        return None, expr
    others = expr.factors[1:]
    return first, others[0] if len(others) == 1 else MatMul(others)
