r"""Long formulas on several lines: broken at ``+``, ``-``, ``\odot`` and between factors.

The tree is cut only where it is too wide, outermost first; of all ways to fill the lines the one
with the fewest lines is taken, then the one whose breaks lie least deep inside brackets.
Brackets have fixed sizes, so that a break may lie between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from symbackprop.core.arrays import Grid
from symbackprop.core.expr import (
    Add,
    Call,
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
from symbackprop.core.indexed import Element, Reduce
from symbackprop.notation.building import shown_arguments
from symbackprop.notation.latex import printer_of
from symbackprop.notation.latex_box import ATOM, CHAIN, SUM, TERM, Box, Latex, as_subscript
from symbackprop.notation.latex_calls import as_reduce, head_tex, norm_shell
from symbackprop.notation.latex_grids import block_of_grid, grid_with_dots
from symbackprop.notation.latex_indexed import reduce_head
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_products import hadamard_parts, product_factor, separator
from symbackprop.notation.latex_scripts import script_of, slots_symbol
from symbackprop.notation.latex_sums import add_term
from symbackprop.notation.names import PLAIN, Names

_INDENT = 2.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something that stays on one line; a break may come before it, ``depth`` brackets deep."""

    tex: str
    width: float
    depth: int
    break_tex: str = ""  # what is printed before the piece instead of nothing when a line begins with it

    def before(self, tex: str, width: float) -> _Piece:
        return replace(self, tex=f"{tex}{self.tex}", width=self.width + width)

    def after(self, tex: str, width: float) -> _Piece:
        return replace(self, tex=f"{self.tex}{tex}", width=self.width + width)


def estimated_width(expr: Expr, names: Names = PLAIN) -> float:
    """The width of the printed formula in em, estimated from the tree."""
    return printer_of(expr, names).box(expr).full_width


def break_lines(expr: Expr, names: Names, width: float, *, shapes: bool = False) -> tuple[Latex, ...]:
    """``expr`` on as few lines as fit ``width`` (em); later lines are meant to be indented."""
    printer = printer_of(expr, names, shapes=shapes)
    box = grid_with_dots(printer, expr, width) if isinstance(expr, Grid) else printer.box(expr)
    if box.full_width <= width:
        return (Latex(box.signed),)
    return _fill(_split(printer, expr, width - _INDENT, 0), width)



def _split(printer: Printer, expr: Expr, limit: float, depth: int) -> list[_Piece]:
    """The pieces of ``expr``, each no wider than ``limit`` where the tree allows it."""
    box = printer.box(expr)
    if box.full_width <= limit:
        return [_Piece(box.signed, box.full_width, depth)]
    if isinstance(expr, Add):
        return _split_sum(printer, expr, limit, depth)
    if isinstance(expr, Neg):
        inner = printer.box(expr.arg)
        wanted = inner.level == SUM or inner.negative
        pieces = (
            _bracketed(printer, expr.arg, limit, depth) if wanted else _split(printer, expr.arg, limit, depth)
        )
        return [pieces[0].before("-", 0.8), *pieces[1:]]
    if isinstance(expr, MatMul | Hadamard):
        return _split_product(printer, expr, limit, depth)
    if isinstance(expr, Divide) and expr.den.is_scalar and not isinstance(expr.num, Number):
        den = printer.box(expr.den)
        pieces = _bracketed(printer, expr.num, limit, depth)
        return [pieces[0].before(rf"\frac{{1}}{{{den.signed}}} ", den.full_width + 0.3), *pieces[1:]]
    if isinstance(expr, Divide) and not expr.den.is_scalar:
        return _split_elementwise_quotient(printer, expr, limit, depth)
    if isinstance(expr, Reduce):
        return _split_reduce(printer, expr, limit, depth)
    if isinstance(expr, Transpose | Power):
        return _split_script(printer, expr, limit, depth)
    if isinstance(expr, Call):
        return _split_call(printer, expr, limit, depth)
    if isinstance(expr, Grid):
        return _split_grid(printer, expr, limit, depth)
    if isinstance(expr, Element) and not isinstance(expr.base, Leaf | Partial):
        slots = slots_symbol(printer, expr)
        pieces = _bracketed(printer, expr.base, limit - 1.0, depth)
        return [*pieces[:-1], pieces[-1].after(as_subscript(slots.tex), 0.7 * slots.width)]
    return [_Piece(box.signed, box.full_width, depth)]


def _split_grid(printer: Printer, expr: Grid, limit: float, depth: int) -> list[_Piece]:
    """The columns of a wide matrix in blocks, left to right; only the outer brackets are printed."""
    pieces: list[_Piece] = []
    first = 0
    while first < expr.columns:
        last = first + 1
        while last < expr.columns and block_of_grid(printer, expr, first, last + 1).width <= limit:
            last += 1
        box = block_of_grid(printer, expr, first, last)
        pieces.append(_Piece(box.tex, box.width, depth))
        first = last
    return pieces


def _bracketed(printer: Printer, expr: Expr, limit: float, depth: int) -> list[_Piece]:
    """The pieces of ``expr`` inside brackets."""
    whole = printer.box(expr)
    shell = Box("", SUM, 0.0, whole.tall).bracketed().tex
    opening, closing = shell[: len(shell) // 2], shell[len(shell) // 2 :]
    pieces = _split(printer, expr, limit - 1.0, depth + 1)
    pieces[0] = pieces[0].before(opening, 0.5)
    pieces[-1] = pieces[-1].after(closing, 0.5)
    return [replace(pieces[0], depth=depth), *pieces[1:]]


def _split_sum(printer: Printer, expr: Add, limit: float, depth: int) -> list[_Piece]:
    pieces: list[_Piece] = []
    for place, term in enumerate(expr.terms):
        box = add_term(printer, term)
        if box.full_width <= limit:
            found = [_Piece(box.tex, box.width, depth)]
        elif isinstance(term, Add):
            found = _bracketed(printer, term, limit, depth)
        else:
            found = _split(printer, term.arg if isinstance(term, Neg) else term, limit, depth + 1)
        negative = box.negative or (isinstance(term, Neg) and box.full_width > limit)
        sign = "-" if negative else "+"
        if place == 0:
            found[0] = found[0].before("-", 0.8) if negative else found[0]
        else:
            found[0] = replace(found[0].before(f" {sign} ", 1.3), depth=depth, break_tex="{}")
        pieces.extend(found)
    return pieces


def _split_product(printer: Printer, expr: MatMul | Hadamard, limit: float, depth: int) -> list[_Piece]:
    if isinstance(expr, Hadamard):
        parts = hadamard_parts(printer, expr)
    else:
        last = len(expr.factors) - 1
        boxes = [product_factor(printer, factor, place == last) for place, factor in enumerate(expr.factors)]
        gaps = ["", *(separator(left, right) for left, right in pairwise(boxes))]
        parts = list(zip(gaps, boxes, strict=True))
    pieces: list[_Piece] = []
    for (gap, box), factor in zip(parts, expr.factors, strict=True):
        if box.full_width <= limit:
            found = [_Piece(box.signed, box.full_width, depth + 1)]
        elif box.tex.endswith(")") and isinstance(factor, Add | MatMul | Hadamard | Neg):
            found = _bracketed(printer, factor, limit, depth + 1)
        else:
            found = _split(printer, factor, limit, depth + 1)
        if "odot" in gap:
            found[0] = replace(found[0].before(r" \odot ", 1.3), depth=depth, break_tex="{}")
        elif pieces:
            found[0] = replace(found[0], tex=f"{gap}{found[0].tex}", break_tex=r"{} \cdot ")
        pieces.extend(found)
    return pieces


def _split_elementwise_quotient(printer: Printer, expr: Divide, limit: float, depth: int) -> list[_Piece]:
    r"""``num \oslash den``: a break may come before the sign, and within either side."""
    num, den = printer.box(expr.num), printer.box(expr.den)
    top = (_bracketed if num.level <= TERM else _split)(printer, expr.num, limit, depth + 1)
    low = den.negative or den.level <= CHAIN
    bottom = (_bracketed if low else _split)(printer, expr.den, limit - 1.3, depth + 1)
    bottom[0] = replace(bottom[0].before(r" \oslash ", 1.3), depth=depth, break_tex="{}")
    return [*top, *bottom]


def _split_reduce(printer: Printer, expr: Reduce, limit: float, depth: int) -> list[_Piece]:
    with printer.letters.bound(expr.ranges):
        inner = printer.box(expr.body)
        wanted = inner.level == SUM or inner.negative
        split = _bracketed if wanted else _split
        pieces = split(printer, expr.body, limit - 2.0, depth)
        head = reduce_head(printer, expr)
    return [pieces[0].before(head.tex, head.width), *pieces[1:]]


def _split_script(printer: Printer, expr: Transpose | Power, limit: float, depth: int) -> list[_Piece]:
    base = expr.arg if isinstance(expr, Transpose) else expr.base
    if isinstance(base, Leaf):
        box = printer.box(expr)
        return [_Piece(box.signed, box.full_width, depth)]
    script = script_of(printer, expr)
    atom = printer.box(base).level == ATOM and not isinstance(base, MatMul | Add)
    pieces = (_split if atom else _bracketed)(printer, base, limit - 1.0, depth)
    return [*pieces[:-1], pieces[-1].after(f"^{{{script.tex}}}", 0.7 * script.width)]


def _split_call(printer: Printer, expr: Call, limit: float, depth: int) -> list[_Piece]:
    written = as_reduce(expr)
    if written is not None:
        return _split(printer, written, limit, depth)
    arguments = shown_arguments(expr)
    if len(arguments) == 1 and expr.op.kind in ("elementwise", "function", "along"):
        pieces = _bracketed(printer, arguments[0], limit - 3.0, depth)
        return [pieces[0].before(head_tex(expr, printer.names), 0.5 * len(expr.op.name)), *pieces[1:]]
    shell = norm_shell(printer, expr)
    if shell is not None:
        opening, closing = shell
        pieces = _split(printer, arguments[0], limit - 2.0, depth + 1)
        pieces[0] = replace(pieces[0].before(opening, 0.7), depth=depth)
        return [*pieces[:-1], pieces[-1].after(closing, 1.4)]
    box = printer.box(expr)
    return [_Piece(box.signed, box.full_width, depth)]


def _fill(pieces: list[_Piece], width: float) -> tuple[Latex, ...]:
    """The cheapest way to set ``pieces`` on lines."""
    count = len(pieces)
    best: list[tuple[float, int]] = [(0.0, 0)] + [(float("inf"), 0)] * count
    for end in range(1, count + 1):
        used = 0.0
        for start in range(end - 1, -1, -1):
            used += pieces[start].width
            room = width if start == 0 else width - _INDENT
            over = max(0.0, used - room)
            if over and start < end - 1:
                break
            slack = max(0.0, room - used) / width
            lonely = 0.0 if end == count else slack * slack
            cost = (
                best[start][0] + 10.0 + lonely + 1000.0 * over + (2.0 * pieces[start].depth if start else 0.0)
            )
            if cost < best[end][0]:
                best[end] = (cost, start)
    lines: list[Latex] = []
    end = count
    while end:
        start = best[end][1]
        opening = pieces[start].break_tex if start else ""
        lines.append(Latex(opening + "".join(piece.tex for piece in pieces[start:end])))
        end = start
    return tuple(reversed(lines))
