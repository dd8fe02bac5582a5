r"""Losses as LaTeX, written out as sums over entries: ``-\sum_n \sum_k Y_{nk} \log P_{nk}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import MappingProxyType

from symbackprop.core.expr import UNIT, Add, Call, Expr, Leaf, Neg
from symbackprop.core.indexed import Element, Range
from symbackprop.notation.labels import labelled_entry
from symbackprop.notation.latex_box import BIG_TALL, CLOSED, FRACTION_TALL, OPEN, SUM, Box, as_subscript
from symbackprop.notation.latex_entries import Position, entry, fresh_position
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_scripts import slots_symbol

_Write = Callable[[Position, list[Expr]], Box]


def log_box(printer: Printer, argument: Expr) -> Box:
    """The logarithm of a scalar, without brackets where none are needed."""
    box = printer.box(argument)
    if isinstance(argument, Leaf | Element) and not box.negative and box.tall < FRACTION_TALL:
        return Box(rf"\log {box.tex}", OPEN, box.width + 1.5, box.tall)
    inner = box.bracketed()
    return Box(rf"\log{inner.tex}", CLOSED, inner.width + 1.3, inner.tall)


def _loss(
    printer: Printer,
    arrays: tuple[Expr, ...],
    write: _Write,
    *,
    negative: bool,
) -> Box:
    r"""``\mp\sum\sum`` of what ``write`` makes of the entries of ``arrays``."""
    widest = max(arrays, key=lambda array: sum(not dim.is_one for dim in array.shape))
    at, indices = fresh_position(widest)
    ranges = tuple(Range(index) for index in indices)
    with printer.letters.bound(ranges) if ranges else nullcontext():
        body = write(at, [entry(array, at) for array in arrays])
        heads = "".join(rf"\sum_{{{printer.letters.of(index)}}}" for index in indices)
    body = body.bracketed() if body.level == SUM or body.negative else body
    level = OPEN if indices else body.level
    tex = f"{heads} {body.tex}" if heads else body.tex
    return Box(
        tex, level, 1.6 * len(indices) + body.width, max(BIG_TALL if indices else 0, body.tall), negative
    )


def _of_labels(printer: Printer, expr: Call, write: Callable[[Element], Box]) -> Box | None:
    r"""A loss of labels: ``-\sum_n \log P_{n y_n}``; None where the target is no ``onehot(y)``."""
    found = labelled_entry(expr)
    if found is None:
        return None
    chosen, ranges = found
    with printer.letters.bound(ranges) if ranges else nullcontext():
        body = write(chosen)
        heads = "".join(rf"\sum_{{{printer.letters.of(entry.index)}}} " for entry in ranges)
    body = body.bracketed() if body.level == SUM or body.negative else body
    tall = max(BIG_TALL if ranges else 0, body.tall)
    return Box(heads + body.tex, OPEN if ranges else body.level, 1.6 * len(ranges) + body.width, tall, True)


def _times(left: Box, right: Box) -> Box:
    left = left.bracketed() if left.negative or left.level <= OPEN else left
    right = right.bracketed() if right.negative or right.level == SUM else right
    gap = " " if right.level == OPEN else r"\, "
    return Box(
        f"{left.tex}{gap}{right.tex}", OPEN, left.width + right.width + 0.2, max(left.tall, right.tall)
    )


def _cross_entropy(printer: Printer, expr: Call) -> Box:
    return _of_labels(printer, expr, lambda chosen: log_box(printer, chosen)) or _loss(
        printer,
        expr.args[:2],
        lambda _, at: _times(printer.box(at[0]), log_box(printer, at[1])),
        negative=True,
    )


def _cross_entropy_logits(printer: Printer, expr: Call) -> Box:
    r"""``-\sum_n \sum_k Y_{nk} \log\operatorname{softmax}(Z)_{nk}``."""
    target, scores = expr.args[:2]
    head = r"\operatorname{softmax}" + (rf"_{{\text{{{expr.axis}}}}}" if expr.axis_given else "")

    def write(at: Position, entries: list[Expr]) -> Box:
        slots = tuple(side for side in at if side is not None)
        script = slots_symbol(printer, Element(scores, slots))
        inner = printer.box(scores).bracketed()
        tex = rf"\log{head}{inner.tex}{as_subscript(script.tex)}"
        return _times(printer.box(entries[0]), Box(tex, OPEN, inner.width + 6.0, inner.tall))

    def chosen(entry: Element) -> Box:
        inner, script = printer.box(scores).bracketed(), slots_symbol(printer, entry)
        tex = rf"\log{head}{inner.tex}{as_subscript(script.tex)}"
        return Box(tex, OPEN, inner.width + 6.0 + 0.7 * script.width, inner.tall)

    return _of_labels(printer, expr, chosen) or _loss(printer, (target, scores), write, negative=True)


def _bce(printer: Printer, expr: Call) -> Box:
    r"""``-\sum_n (y_n \log p_n + (1 - y_n) \log(1 - p_n))``."""

    def write(_: Position, at: list[Expr]) -> Box:
        y, p = at
        rest_y, rest_p = (printer.box(Add((UNIT, Neg(one)))) for one in (y, p))
        log_rest = rest_p.bracketed()
        first = _times(printer.box(y), log_box(printer, p))
        second = _times(rest_y, Box(rf"\log{log_rest.tex}", CLOSED, log_rest.width + 1.3, log_rest.tall))
        tall = max(first.tall, second.tall)
        return Box(f"{first.tex} + {second.tex}", SUM, first.width + second.width + 1.3, tall)

    return _loss(printer, expr.args[:2], write, negative=True)


def _nll(printer: Printer, expr: Call) -> Box:
    return _of_labels(printer, expr, printer.box) or _loss(
        printer, expr.args[:2], lambda _, at: _times(printer.box(at[0]), printer.box(at[1])), negative=True
    )


LOSSES: Mapping[str, Callable[[Printer, Call], Box]] = MappingProxyType(
    {
        "cross_entropy": _cross_entropy,
        "cross_entropy_logits": _cross_entropy_logits,
        "bce": _bce,
        "nll": _nll,
    }
)
