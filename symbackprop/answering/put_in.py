"""Numbers put into formulas: ``W^T x + b`` as ``[3 6; 4 5]^T [1; 0] + [1; -6]``, then its parts worked out.

Every number that is put in remembers what it stands for (``Numeric.source``), so that a line can be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from symbackprop.answering.figures import Figures
from symbackprop.arithmetic.scalars import NoValue
from symbackprop.core.arrays import Numeric
from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    SCALAR,
    ZERO,
    Add,
    Call,
    DimValue,
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
from symbackprop.core.indexed import Comprehension, Element, IndexValue, LabelValue, Reduce
from symbackprop.notation.latex_entries import entry, is_elementwise
from symbackprop.ops.registry import Elementwise, lookup

MOST_TERMS = 8  # of a sum that is written out
LARGEST = 100_000  # of the powers of e that are printed
_SPREAD = frozenset({"sumsq", "norm", "norm1", "dot"})


def worked_lines(figures: Figures, expr: Expr, result: Expr) -> Iterator[tuple[Expr, str]]:
    """What stands between ``expr`` and its numbers: the numbers put in, the parts worked out, the result."""
    spread = _spread(figures, expr)
    shown = _put_in(figures, spread)
    if shown is not None and not isinstance(shown, Numeric) and not _is_number(expr):
        yield shown, "put the numbers in"
        parts = _worked(figures, spread)
        if parts is not None and parts[0] != shown and not isinstance(parts[0], Numeric):
            yield parts
    yield result, _reason(expr)


def _is_number(expr: Expr) -> bool:
    return isinstance(expr, Number)


def _reason(expr: Expr) -> str:
    """How the last line comes about."""
    inner = expr
    if isinstance(expr, Leaf | Partial):
        return "as found above"
    while isinstance(inner, Neg):
        inner = inner.arg
    if isinstance(inner, Call) and isinstance(inner.op, Elementwise) and not inner.primes:
        op = inner.op
        if op.formula is not None and len(op.params) == 1:
            return f"`{op.name}({op.params[0].name}) = {op.formula}`, entry by entry"
        return "entry by entry" if not inner.is_scalar else "work it out"
    if isinstance(inner, MatMul) and sum(not factor.is_scalar for factor in inner.factors) > 1:
        return "row times column"
    if isinstance(inner, Hadamard):
        return "entry by entry" if not inner.is_scalar else "multiply"
    if isinstance(inner, Call) and inner.op.name == "softmax":
        return "divide"
    return "add" if isinstance(inner, Add) else "work it out"


def _put_in(figures: Figures, expr: Expr) -> Expr | None:
    """The formula with numbers for its names; None where it speaks of entries in general."""
    if isinstance(expr, Number | Numeric):
        return expr
    if isinstance(expr, Leaf):
        given = expr.tensor.name in figures.desk.spec.values
        return figures.as_given(expr) if given else figures.numeric(expr)
    if isinstance(expr, Partial):
        return figures.numeric(expr)
    if isinstance(expr, DimValue):
        return Number(Fraction(figures.arithmetic.extent(expr.dim)))
    if isinstance(expr, Element) and isinstance(expr.base, Leaf | Partial):
        fixed = all(not slot.indices and not isinstance(slot, LabelValue) for slot in expr.slots)
        if not fixed:
            return None
        of_file = isinstance(expr.base, Leaf) and expr.base.tensor.name in figures.desk.spec.values
        return figures.as_given(expr) if of_file else figures.numeric(expr)
    if isinstance(expr, Element | Reduce | Comprehension | IndexValue):
        return None
    missing = False

    def change(child: Expr) -> Expr:
        nonlocal missing
        found = _put_in(figures, child)
        missing = missing or found is None
        return child if found is None else found

    changed = expr.map_children(change)
    return None if missing else changed


def _is_simple(expr: Expr) -> bool:
    """Whether numbers put in are all there is to work out."""
    if isinstance(expr, Neg | Transpose):
        return _is_simple(expr.arg)
    return isinstance(expr, Leaf | Partial | Number | Numeric | DimValue | Element)


def _worked(figures: Figures, expr: Expr) -> tuple[Expr, str] | None:
    """The formula with its parts worked out: products in a sum, sums in a product."""
    if isinstance(expr, Neg):
        inner = _worked(figures, expr.arg)
        return None if inner is None else (Neg(inner[0]), inner[1])
    if isinstance(expr, Call) and expr.op.name == "softmax" and not expr.primes:
        powers = _powers(figures, expr)
        return None if powers is None else (powers, "`exp` of each entry, over their sum")
    if isinstance(expr, Call) and len(expr.args) == 1 and not _is_simple(expr.args[0]):
        return expr.map_children(lambda child: _part(figures, child)), "its argument"
    if not isinstance(expr, Add | Hadamard | Divide | MatMul | Power):
        return None
    if all(_is_simple(child) for child in expr.children):
        return None
    products = isinstance(expr, Add) and any(
        isinstance(child.arg if isinstance(child, Neg) else child, MatMul) for child in expr.terms
    )
    reason = "the products" if products else "the terms" if isinstance(expr, Add) else "the factors"
    changed = expr.map_children(lambda child: _part(figures, child))
    return changed, reason


def _part(figures: Figures, expr: Expr) -> Expr:
    """The numbers of a part; a sign and a transpose of plain numbers stay."""
    if isinstance(expr, Neg):
        return Neg(_part(figures, expr.arg))
    if _is_simple(expr):
        found = _put_in(figures, expr)
        return expr if found is None else found
    return figures.numeric(expr)


def _powers(figures: Figures, call: Call) -> Expr | None:
    """softmax of one line as its powers of e over their sum; None where they are too large to print."""
    (argument,) = call.args
    rows, columns = argument.shape
    exp, total = lookup("exp"), lookup("sum")
    along = columns if call.axis == "rows" else rows
    if exp is None or total is None or (columns if along is rows else rows) != Dim(1):
        return None
    powers = Call(exp, (argument,), argument.shape)
    if max(abs(float(number)) for number in figures.value(argument).ravel()) > 11:
        return None
    whole = Call(total, (powers,), SCALAR)
    return Divide(figures.numeric(powers), figures.numeric(whole))


def _spread(figures: Figures, expr: Expr) -> Expr:
    """Losses and sums of a few entries written out, without terms that are zero."""
    if isinstance(expr, Call) and (expr.op.kind == "loss" or expr.op.name in _SPREAD):
        return _spread(figures, figures.desk.context.expand(expr))
    if isinstance(expr, Call) and expr.op.name in ("sum", "mean") and len(expr.args) == 1:
        return _summed(figures, expr)
    if isinstance(expr, Neg | Add | Divide | Hadamard | MatMul | Power) and expr.is_scalar:
        return expr.map_children(lambda child: _spread(figures, child) if child.is_scalar else child)
    return expr


def _summed(figures: Figures, call: Call) -> Expr:
    body = call.args[0]
    rows, columns = (figures.arithmetic.extent(dim) for dim in body.shape)
    if rows * columns > 4 * MOST_TERMS or not is_elementwise(body) or body.is_scalar:
        return call
    terms = [
        term
        for row in range(rows)
        for column in range(columns)
        if (term := _term(figures, entry(body, (_place(row), _place(column))))) is not None
    ]
    if len(terms) > MOST_TERMS:
        return call
    total = ZERO if not terms else terms[0] if len(terms) == 1 else Add(tuple(terms))
    return Divide(total, Number(Fraction(rows * columns))) if call.op.name == "mean" else total


def _place(position: int) -> IndexValue:
    return IndexValue((), Dim(position + 1))


def _term(figures: Figures, term: Expr) -> Expr | None:
    """A term without factors that are exactly 1; None where it is exactly 0."""
    try:
        value = figures.arithmetic.scalar(term)
        if isinstance(term, Hadamard):
            kept = tuple(factor for factor in term.factors if not _is_one(figures, factor))
            term = kept[0] if len(kept) == 1 else Hadamard(kept) if kept else Number(Fraction(1))
    except NoValue:
        return term
    return None if isinstance(value, Fraction) and value == 0 else term


def _is_one(figures: Figures, factor: Expr) -> bool:
    value = figures.arithmetic.scalar(factor)
    return isinstance(factor, Element) and isinstance(value, Fraction) and value == 1
