"""Sums in LaTeX; long ones with dots where that is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from symbackprop.core.expr import Add, Expr, Leaf
from symbackprop.core.indexed import IndexValue
from symbackprop.notation.latex_box import ATOM, SUM, Box
from symbackprop.notation.latex_printer import Printer

MOST_ALIKE = 4  # terms that differ in their places only and are all printed in a brief sum
DOTS = Box(r"\cdots", ATOM, 1.2)


def sum_box(printer: Printer, expr: Add) -> Box:
    """All terms."""
    return _joined(add_term(printer, term) for term in expr.terms)


def brief_box(printer: Printer, expr: Expr, kept: int) -> Box:
    """Of terms that differ in their places only the first ``kept``, dots, and the last."""
    if not isinstance(expr, Add):
        return printer.box(expr)
    boxes: list[Box] = []
    for _, run in groupby(expr.terms, key=_without_places):
        alike = [add_term(printer, term) for term in run]
        boxes.extend(alike if len(alike) <= MOST_ALIKE else [*alike[:kept], DOTS, alike[-1]])
    return _joined(boxes)


def add_term(printer: Printer, term: Expr) -> Box:
    """A term of a sum; a sum inside it gets brackets."""
    box = printer.box(term)
    return box.bracketed() if box.level == SUM else box


def _joined(terms: Iterable[Box]) -> Box:
    tex, width, tall = "", 0.0, 0
    negative = False
    for place, box in enumerate(terms):
        if place == 0:
            tex, width, negative = box.tex, box.width, box.negative
        else:
            tex += f" {'-' if box.negative else '+'} {box.tex}"
            width += box.width + 1.3
        tall = max(tall, box.tall)
    # The sign of a sum is the sign of its first term only, so it stays inside.
    return Box(f"-{tex}" if negative else tex, SUM, width + (0.8 if negative else 0.0), tall)


def _without_places(term: Expr) -> tuple[str, ...]:
    """What a term is made of: its arrays and the kinds of its nodes."""
    return tuple(
        node.tensor.name if isinstance(node, Leaf) else type(node).__name__
        for node in term.walk()
        if not isinstance(node, IndexValue)
    )
