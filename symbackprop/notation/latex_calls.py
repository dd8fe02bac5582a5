"""Calls as LaTeX: functions, norms, sums over entries, losses written out as their formula.

Most operations print as their head and arguments, or by the template they state. What stands in
``_WRITTEN_OUT`` prints as mathematics that no template can give: a sum over the entries of its
argument, a sum of rows, a loss as its definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

from symbackprop.core.expr import (
    Add,
    Call,
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
from symbackprop.core.indexed import Element, Range, Reduce
from symbackprop.core.tensors import Index
from symbackprop.notation.building import shown_arguments
from symbackprop.notation.latex_box import (
    ATOM,
    BIG_TALL,
    CLOSED,
    FRACTION_TALL,
    OPEN,
    SUM,
    TERM,
    Box,
    fraction,
    superscript,
)
from symbackprop.notation.latex_entries import entry, fresh_position
from symbackprop.notation.latex_losses import LOSSES
from symbackprop.notation.latex_partials import partial_box
from symbackprop.notation.latex_printer import Printer
from symbackprop.notation.latex_safe import refusal
from symbackprop.notation.latex_symbols import name_symbol
from symbackprop.notation.names import Names

_E_WIDTH = 7.0
_TWO = Number(Fraction(2))


def call_box(printer: Printer, expr: Call) -> Box:
    """A call as a piece."""
    if not expr.primes:
        written = _WRITTEN_OUT.get(expr.op.name)
        box = written(printer, expr) if written is not None else None
        if box is not None:
            return box
        template = getattr(expr.op, "latex_template", None)
        if template is not None:
            return _by_template(printer, expr, template)
    return _headed(printer, expr)


def head_tex(expr: Call, names: Names) -> str:
    r"""What stands before the bracket; the sigmoid gives way to a ``sigma`` of the problem."""
    latex = expr.op.latex
    if latex == r"\sigma" and expr.op.name == "sigmoid" and "sigma" in names.reserved:
        latex = r"\operatorname{sigmoid}"
    if latex is None or refusal(latex) is not None:
        symbol = name_symbol(expr.op.name)
        plain = len(expr.op.name) == 1 or symbol.tex[1:].isalpha()  # f, \sigma
        latex = symbol.tex if plain else rf"\operatorname{{{symbol.tex}}}"
    if latex == r"\operatorname{}":
        latex = expr.op.name
    latex += "'" * expr.primes
    if not (expr.axis_given and expr.axis):
        return latex
    inner = rf"{{{latex}}}" if "_" in latex else latex  # a second subscript needs braces
    return rf"{inner}_{{\text{{{expr.axis}}}}}"


def _head_width(expr: Call) -> float:
    return 0.3 + 0.58 * len(expr.op.name) if len(expr.op.name) > 2 else 0.8


def _headed(printer: Printer, expr: Call) -> Box:
    args = [printer.box(argument) for argument in shown_arguments(expr)]
    head = head_tex(expr, printer.names)
    if len(args) == 1:
        box = args[0]
        simple = isinstance(expr.args[0], Leaf | Element) and not box.negative and box.tall < FRACTION_TALL
        one_sum = box.level == OPEN and box.tex.startswith(r"\sum")
        simple = simple or (one_sum and head == r"\log" and not box.negative)
        if simple and head in (r"\log", r"\sin", r"\cos"):
            return Box(f"{head} {box.tex}", OPEN, box.width + 1.5, box.tall)
        inner = box.bracketed()
        return Box(f"{head}{inner.tex}", CLOSED, inner.width + _head_width(expr), inner.tall)
    tall = max((box.tall for box in args), default=0)
    listed = Box(
        ", ".join(box.signed for box in args), SUM, sum(box.full_width + 0.4 for box in args), tall
    ).bracketed()
    return Box(f"{head}{listed.tex}", CLOSED, listed.width + _head_width(expr), listed.tall)


def _by_template(printer: Printer, expr: Call, template: str) -> Box:
    boxes = [printer.box(argument) for argument in expr.args]
    filled = {
        param.name: (box.at_least(ATOM).tex if f"{{{param.name}}}^" in template else box.signed)
        for param, box in zip(expr.op.params, boxes, strict=False)
    }
    width = sum(box.full_width for box in boxes) + 1.2
    return Box(template.format(**filled), CLOSED, width, max(box.tall for box in boxes))


def _exp(printer: Printer, expr: Call) -> Box | None:
    argument = expr.args[0]
    if not argument.is_scalar:
        return None
    inner = type(printer)(argument, printer.names, inline=True)
    inner.letters = printer.letters
    box = inner.box(argument)
    if box.full_width > _E_WIDTH or box.tall > 1:
        return None
    return Box(f"e^{{{box.signed}}}", CLOSED, 0.5 + 0.7 * box.full_width, 0)


def as_reduce(expr: Call) -> Reduce | None:
    """``sum(A)`` as a sum over the entries of A; None for any other call, or a sum of one number."""
    if expr.op.name != "sum" or expr.args[0].is_scalar:
        return None
    return _entry_sum(expr.args[0], None)


def _entry_sum(array: Expr, body: Callable[[Expr], Expr] | None) -> Reduce:
    at, indices = fresh_position(array)
    inside = entry(array, at)
    return Reduce("sum", tuple(Range(index) for index in indices), body(inside) if body else inside)


def _over_entries(printer: Printer, array: Expr, body: Callable[[Expr], Expr] | None = None) -> Box:
    r"""``\sum_n \sum_k`` of the entries of ``array``."""
    if array.is_scalar:
        return printer.box(body(array) if body else array)
    return printer.box(_entry_sum(array, body))


def _sum(printer: Printer, expr: Call) -> Box:
    return _over_entries(printer, expr.args[0])


def _count(printer: Printer, indices: tuple[Index, ...]) -> Box:
    symbols = [printer.dim(index.dim) for index in indices]
    return Box(" ".join(s.tex for s in symbols), CLOSED, sum(s.width for s in symbols))


def _mean(printer: Printer, expr: Call) -> Box:
    return _averaged(printer, expr.args[0], _over_entries(printer, expr.args[0]))


def _averaged(printer: Printer, array: Expr, total: Box) -> Box:
    indices = fresh_position(array)[1]
    if not indices:
        return total
    ahead = fraction(Box("1", ATOM, 0.5), _count(printer, indices))
    return Box(ahead.tex + " " + total.tex, OPEN, ahead.width + total.width, FRACTION_TALL)


def norm_shell(printer: Printer, expr: Call) -> tuple[str, str] | None:
    """What stands round the argument of a norm or its square; None for any other call."""
    if expr.op.name not in ("norm", "sumsq"):
        return None
    array = expr.args[0]
    size = ("", r"\big", r"\Big", r"\bigg", r"\Bigg")[min(printer.box(array).tall, 4)]
    left, right = (rf"{size}l\Vert ", rf"{size}r\Vert") if size else (r"\lVert ", r"\rVert")
    matrix = not any(dim.is_one for dim in array.shape)
    return left, right + ("_{F}" if matrix else "") + ("^{2}" if expr.op.name == "sumsq" else "")


def _norm(printer: Printer, expr: Call) -> Box | None:
    shell, box = norm_shell(printer, expr), printer.box(expr.args[0])
    if shell is None:
        return None
    left, right = shell
    return Box(f"{left}{box.signed}{right}", CLOSED, box.full_width + 2.1, min(box.tall + 1, 4))


def _line_sum(printer: Printer, expr: Call) -> Box | None:
    r"""``\sum_n A_{n:}``: the sum of the rows (colsum) or of the columns (rowsum)."""
    array = expr.args[0]
    down = expr.op.name.startswith("col")
    if array.shape[0 if down else 1].is_one:
        return None
    indices = fresh_position(array)[1]
    index = indices[0] if down else indices[-1]
    with printer.letters.bound((Range(index),)):
        letter = printer.letters.of(index)
        script = f"{letter}:" if down else f":{letter}"
        if printer.names.style.get("index") == "bracket":
            script = f"[{letter}, :]" if down else f"[:, {letter}]"
        inner = _sliced(printer, array, script)
    tex = rf"\sum_{{{letter}}} {inner.tex}"
    total = Box(tex, OPEN, inner.width + 1.6, max(BIG_TALL, inner.tall), inner.negative)
    if not expr.op.name.endswith("mean"):
        return total
    ahead = fraction(Box("1", ATOM, 0.5), _count(printer, (index,)))
    return Box(f"{ahead.tex} {tex}", OPEN, ahead.width + total.width, FRACTION_TALL, inner.negative)


def _sliced(printer: Printer, array: Expr, script: str) -> Box:
    """A row ``A_{n:}`` or column ``A_{:k}`` of an array."""
    if isinstance(array, Partial) and not array.turned:  # below a turned one the indices would be those of W
        return partial_box(printer, array, script, 0.8)
    if (
        isinstance(array, Call)
        and array.op.kind in ("elementwise", "function")
        and len(shown_arguments(array)) == 1
    ):
        inner = _sliced(printer, array.args[0], script)  # the function of a row is the row of the function
        held = inner.bracketed()
        head = head_tex(array, printer.names)
        return Box(f"{head}{held.tex}", CLOSED, held.width + _head_width(array), held.tall)
    box = printer.box(array)
    beside = script.startswith("[")  # in the style of brackets, which stand on the line
    plain = isinstance(array, Leaf) and (beside or not printer.symbol(array.tensor).sub)
    inner = box if plain else box.bracketed()
    tex = f"{inner.tex}{script}" if beside else f"{inner.tex}_{{{script}}}"
    return Box(tex, CLOSED, inner.width + (1.5 if beside else 0.6), inner.tall)


def _square(printer: Printer, expr: Call) -> Box:
    return printer.box(Power(expr.args[0], _TWO))


def _square_error(printer: Printer, expr: Call) -> Box:
    left, right = expr.args[:2]
    difference = Add((left, Neg(right)))
    box = _over_entries(printer, difference, lambda inside: Power(inside, _TWO))
    return _averaged(printer, difference, box) if expr.op.name == "mse" else box


def _dot(printer: Printer, expr: Call) -> Box:
    return _over_entries(printer, Hadamard(expr.args))


def _ones(printer: Printer, expr: Call) -> Box:
    sides = [printer.box(argument) for argument in expr.args]
    if len(sides) > 1:
        sides = [side.at_least(TERM) for side in sides]  # (n-1) x 1
    script = r"\times ".join(side.signed for side in sides)
    letter = {"ones": r"\mathbf{1}", "zeros": r"\mathbf{0}", "eye": "I"}[expr.op.name]
    return Box(f"{letter}_{{{script}}}", ATOM, 0.6 + 0.7 * sum(side.width for side in sides))


def _outer(printer: Printer, expr: Call) -> Box | None:
    left, right = expr.args
    column = left if left.shape[1].is_one else Transpose(left)
    row = right if right.shape[0].is_one else Transpose(right)
    return printer.box(MatMul((column, row)))


def _inverse(printer: Printer, expr: Call) -> Box:
    return superscript(printer.box(expr.args[0]), "-1", 0.9)


def _log_det(printer: Printer, expr: Call) -> Box:
    r"""``\log\lvert\det X\rvert``: the sign of a determinant is not looked at."""
    inner = printer.box(expr.args[0]).at_least(ATOM)
    return Box(rf"\log\lvert\det {inner.tex}\rvert", CLOSED, inner.width + 3.6, inner.tall)


_WRITTEN_OUT: Mapping[str, Callable[[Printer, Call], Box | None]] = MappingProxyType(
    {
        **LOSSES,
        "exp": _exp,
        "sum": _sum,
        "mean": _mean,
        "square": _square,
        "sumsq": _norm,
        "norm": _norm,
        "colsum": _line_sum,
        "rowsum": _line_sum,
        "colmean": _line_sum,
        "rowmean": _line_sum,
        "sse": _square_error,
        "mse": _square_error,
        "dot": _dot,
        "ones": _ones,
        "zeros": _ones,
        "eye": _ones,
        "outer": _outer,
        "inv": _inverse,
        "logdet": _log_det,
    }
)
