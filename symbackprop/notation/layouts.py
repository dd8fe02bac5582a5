"""Formulas in the numerator layout: a line about dL/dA as the line about its transpose.

``Partial.turned`` is dL/dA as an array of the transposed shape. ``turned`` gives the transpose of an
expression, spelled with such derivatives: the line dL/dW = dL/dy x^T becomes dL/dW = x dL/dy. Entries are the
same in every layout, so nothing inside an ``Element`` changes. The derivative by a vector is a row of 1 x n:
where vectors are rows it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from symbackprop.core.arrays import Grid, Jacobian, with_cells
from symbackprop.core.expr import Add, Call, Divide, Expr, Hadamard, MatMul, Neg, Partial, Transpose
from symbackprop.core.indexed import Comprehension, Element, Indicator, Reduce, Slice
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Tensor
from symbackprop.notation.building import cost
from symbackprop.notation.formula import Formula
from symbackprop.notation.steps import Step, shapes_of

Lookup = Callable[[str], "Operation | None"]
_TURNED = {"rowsum": "colsum", "colsum": "rowsum", "rowmean": "colmean", "colmean": "rowmean"}
FORWARD_RULES = frozenset({"log-of-quotient", "definition", "step"})  # lines about the forward pass


def layout_partial(partial: Partial, layout: str) -> Partial:
    """The derivative as its layout prints it; a Jacobian has a node of its own."""
    first = partial.of.is_scalar and partial.of.gradient is None  # a second derivative is never turned
    turns = layout == "numerator" and first and has_transpose(partial.by)
    return replace(partial, turned=turns)


def has_transpose(by: Tensor) -> bool:
    """Whether the numerator layout turns a derivative by this array: not that by a vector that is a row.

    An array of more than two indices has no transpose, and stays as it is.
    """
    row = by.rank == 1 and by.convention.vectors_are_rows
    return by.is_matrix and not by.is_scalar and not row


def as_gradient(expr: Expr) -> Expr:
    """The same value with every derivative in the layout of gradients."""
    if isinstance(expr, Element):
        return replace(expr, base=as_entries(expr.base))
    if isinstance(expr, Transpose) and isinstance(expr.arg, Partial | Jacobian) and expr.arg.turned:
        return replace(expr.arg, turned=False)
    if isinstance(expr, Transpose) and isinstance(expr.arg, Slice) and _is_turned_line(expr.arg):
        return replace(expr.arg, across=not expr.arg.across)
    if isinstance(expr, Partial | Jacobian):
        return Transpose(replace(expr, turned=False)) if expr.turned else expr
    if isinstance(expr, Slice) and _is_turned_line(expr):
        return Transpose(replace(expr, across=not expr.across))
    return expr.map_children(as_gradient)


def _is_turned_line(expr: Slice) -> bool:
    """Whether this is a line of a derivative that lies as the numerator layout writes it."""
    base = expr.base
    return (
        isinstance(base, Partial)
        and len(expr.runs) == 1
        and expr.across != base.by.convention.vectors_are_rows
    )


def as_entries(base: Expr) -> Expr:
    """The base of an entry: a derivative counts its entries like the array it is taken by."""
    return replace(base, turned=False) if isinstance(base, Partial) else as_gradient(base)


def in_numerator(expr: Expr) -> Expr:
    """The same value with every whole derivative in the numerator layout."""
    if isinstance(expr, Element):
        return expr
    if isinstance(expr, Transpose) and isinstance(expr.arg, Partial | Jacobian | Slice):
        found = _turned_derivative(expr.arg)
        return expr if found is None else found
    if isinstance(expr, Partial | Jacobian | Slice):
        found = _turned_derivative(expr)
        return expr if found is None else Transpose(found)
    return expr.map_children(in_numerator)


def _turned_derivative(expr: Expr) -> Expr | None:
    """The derivative of a scalar as the transposed array, with its own name in the numerator layout.

    None for what has no other name there: a scalar, a Jacobian, an array of the forward pass.
    """
    if isinstance(expr, Partial):
        found = layout_partial(expr, "numerator")
        return found if found.turned else None
    if isinstance(expr, Jacobian) and expr.is_of_entry and expr.of.gradient is None:
        return replace(expr, turned=not expr.turned)
    if isinstance(expr, Slice) and isinstance(expr.base, Partial) and len(expr.runs) == 1:
        rows = expr.base.by.convention.vectors_are_rows
        return None if rows else replace(expr, across=not expr.across)
    return None


def turned(expr: Expr, lookup: Lookup) -> Expr:
    """The transpose of an expression, with every whole derivative in the numerator layout."""
    if expr.is_scalar:
        return in_numerator(expr)
    own = _turned_derivative(expr)
    if own is not None:
        return own
    if isinstance(expr, Partial):
        return Transpose(expr)
    if isinstance(expr, Transpose):
        return in_numerator(expr.arg)
    if isinstance(expr, Grid):
        return with_cells(expr.transposed(), in_numerator)
    if isinstance(expr, Reduce):
        return replace(expr, body=turned(expr.body, lookup))
    if isinstance(expr, MatMul):
        scales = tuple(in_numerator(factor) for factor in expr.factors if factor.is_scalar)
        arrays = tuple(turned(factor, lookup) for factor in reversed(expr.factors) if not factor.is_scalar)
        return MatMul((*scales, *arrays))
    if isinstance(expr, Neg):
        return Neg(turned(expr.arg, lookup))
    if isinstance(expr, Comprehension):
        return Comprehension(expr.column, expr.row, in_numerator(expr.body))
    if isinstance(expr, Divide) and expr.den.is_scalar:
        return Divide(turned(expr.num, lookup), in_numerator(expr.den))
    if isinstance(expr, Call) and expr.op.name in ("diag", "eye"):
        return in_numerator(expr)
    if not _has_partial(expr) and not _has_product(expr):
        return Transpose(expr)
    if isinstance(expr, Add | Hadamard | Divide | Indicator):
        pushed = expr.map_children(lambda child: turned(child, lookup))
        whole = Transpose(in_numerator(expr))
        return whole if cost(whole) < cost(pushed) else pushed
    if isinstance(expr, Call) and expr.op.name in _TURNED and len(expr.args) == 1:
        other = lookup(_TURNED[expr.op.name])
        if other is not None:
            args = (turned(expr.args[0], lookup),)
            return replace(expr, op=other, args=args, call_shape=expr.call_shape[::-1])
    return Transpose(in_numerator(expr))


def _has_partial(expr: Expr) -> bool:
    if isinstance(expr, Element):
        return False
    return isinstance(expr, Partial | Jacobian) or any(_has_partial(child) for child in expr.children)


def _has_product(expr: Expr) -> bool:
    """Whether a product of arrays stands in a sum: it is turned factor by factor."""
    return isinstance(expr, Add) and any(
        isinstance(term.arg if isinstance(term, Neg) else term, MatMul) for term in expr.terms
    )


def step_in_layout(step: Step, layout: str, lookup: Lookup) -> Step:
    """A line of a derivation in a layout."""
    if layout != "numerator":
        return step
    before, after = step.before.expr, step.after.expr
    substeps = tuple(step_in_layout(sub, layout, lookup) for sub in step.substeps)
    of = step.quantity.of if step.quantity is not None else None
    second = of is not None and of.gradient is not None
    local = of is not None and not of.is_scalar  # a Jacobian is the same in both
    plain = of is None or second or step.rule in FORWARD_RULES or (local and step.rule != "slice")
    if plain or (not local and step.quantity is not None and _stays(step.quantity.by, before)):
        sides = (in_numerator(before), in_numerator(after))
    else:
        sides = (turned(before, lookup), turned(after, lookup))
    names = step.before.names
    quantity = None if step.quantity is None else layout_partial(step.quantity, layout)
    shapes = shapes_of(sides[1], names)
    return replace(
        step, before=Formula(sides[0], names), after=Formula(sides[1], names), substeps=substeps,
        quantity=quantity, shapes=shapes, because=_reason(step),
    )  # fmt: skip


def _stays(by: Tensor, side: Expr) -> bool:
    """Whether a line is about a row, which the layout leaves as it is: of a vector, of one example."""
    one = side.shape[0].is_one and not side.shape[1].is_one and by.is_matrix and not by.oriented[0].is_one
    return not has_transpose(by) or (one and by.convention.vectors_are_rows)


def _reason(step: Step) -> str:
    """Where a transpose came from is no reason in this layout: it is gone, or stands elsewhere."""
    return step.because.partition(", hence ")[0] if step.rule in ("spell", "collapse") else step.because


def shape_in_layout(partial: Partial, layout: str) -> tuple[str, ...]:
    """The dims of dL/dA as text: of A, turned in the numerator layout, where a vector gives 1 x n."""
    dims = tuple(str(dim) for dim in partial.by.shape)
    if layout != "numerator" or not dims or not partial.by.is_matrix:
        return dims
    return ("1", *dims) if len(dims) == 1 else dims[::-1]
