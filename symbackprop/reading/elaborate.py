"""From neutral syntax to typed expressions, with every shape checked on the way.

``read(node, scope)`` is the one entry. Constructors do not normalise: the tree says what the
text says, except that a NUMBER over a NUMBER is one exact ``Number``.
"""

from __future__ import annotations

from dataclasses import replace

from symbackprop.core.arrays import Grid
from symbackprop.core.expr import Add, Divide, Expr, Hadamard, MatMul, Neg, Number, Partial, Power, Transpose
from symbackprop.core.indexed import Element, label_of
from symbackprop.notation.layouts import layout_partial
from symbackprop.reading.binders import read_binder
from symbackprop.reading.calls import read_call
from symbackprop.reading.entries import read_element
from symbackprop.reading.jacobians import read_derivative
from symbackprop.reading.scope import Scope
from symbackprop.reading.shapes import (
    ShapeError,
    check_no_accidental_outer,
    join_elementwise,
    join_product,
    shape_text,
)
from symbackprop.reading.slots import no_number
from symbackprop.reading.syntax import (
    Apply,
    Bind,
    Chain,
    Derivative,
    Matrix,
    Minus,
    Name,
    Node,
    Num,
    Over,
    Plus,
    Raised,
    Relation,
    Sub,
    Times,
    Turned,
    show,
)
from symbackprop.reading.tokens import fail
from symbackprop.reading.whole_arrays import whole_array


def read(node: Node, scope: Scope) -> Expr:
    """The typed expression of a syntax node.

    Raises InputError with the place: "unknown-symbol", "unknown-function", "shape", "syntax";
    UnsupportedError for what the table of refusals names.
    """
    match node:
        case Num(_, value):
            return Number(value)
        case Name():
            return _name(node, scope)
        case Chain(_, factors):
            parts = tuple([read(factor, scope) for factor in factors])
            join_product(parts, factors, node, scope.unifier)
            return MatMul(parts)
        case Times():
            return _elementwise_product(node, scope)
        case Plus():
            return _sum(node, scope)
        case Minus(_, arg):
            return Neg(read(arg, scope))
        case Over():
            return _quotient(node, scope)
        case Raised():
            return _power(node, scope)
        case Turned(_, base):
            return Transpose(read(base, scope))
        case Sub():
            return _entry(node, scope)
        case Apply():
            return read_call(node, scope, read)
        case Bind():
            return read_binder(node, scope, read)
        case Derivative():
            return read_derivative(node, scope)
        case Matrix():
            return _matrix(node, scope)
        case Relation(at):
            raise fail(f"{show(node)} stands only inside ind(...)", at)
    raise fail(f"{show(node)} stands only as an index", node.at)


def _name(node: Name, scope: Scope) -> Expr:
    value = scope.value(node.name)
    if value is None:
        raise scope.unknown(node.name, node.at)
    if label_of(value) is not None:
        raise no_number(node, node.at)
    value = whole_array(value, node.name, node.at)
    return layout_partial(value, scope.layout) if isinstance(value, Partial) else value


def _elementwise_product(node: Times, scope: Scope) -> Expr:
    parts = tuple([read(factor, scope) for factor in node.factors])
    if node.dotted and not all(_scalar(part, scope) for part in parts):
        raise fail(
            "· stands only between scalars",
            node.at,
            "write a space for the matrix product, * for the elementwise one, or dot(a, b)",
        )
    join_elementwise(parts, node.factors, node, scope.unifier, "the elementwise product *")
    _check_outer(parts, node.factors, node, scope)
    return Hadamard(parts)


def _sum(node: Plus, scope: Scope) -> Expr:
    parts = tuple([read(term, scope) for term in node.terms])
    join_elementwise(parts, node.terms, node, scope.unifier, "a sum")
    _check_outer(parts, node.terms, node, scope)
    return Add(parts)


def _entry(node: Sub, scope: Scope) -> Expr:
    """An entry or a slice; of a derivative in the numerator layout the slots are turned."""
    found = read_element(node, scope, read)
    if isinstance(found, Element) and isinstance(found.base, Partial) and found.base.turned:
        return Element(replace(found.base, turned=False), found.slots[::-1])
    return found


def _check_outer(parts: tuple[Expr, ...], nodes: tuple[Node, ...], whole: Node, scope: Scope) -> None:
    """In a forward pass only: in a printed result the shapes are those of the derivation."""
    if not scope.derivatives and not scope.params:
        check_no_accidental_outer(parts, nodes, whole, scope.unifier)


def _quotient(node: Over, scope: Scope) -> Expr:
    if isinstance(node.den, Num) and node.den.value == 0:
        raise fail("division by zero", node.den.at)
    if isinstance(node.num, Num) and isinstance(node.den, Num):
        return Number(node.num.value / node.den.value)
    num, den = read(node.num, scope), read(node.den, scope)
    join_elementwise((num, den), (node.num, node.den), node, scope.unifier, "division, which is elementwise,")
    return Divide(num, den)


def _power(node: Raised, scope: Scope) -> Expr:
    base = read(node.base, scope)
    exponent = _exponent(node.exponent, scope)
    if not _scalar(exponent, scope):
        raise ShapeError(
            f"the exponent {show(node.exponent)} is {shape_text(scope.unifier.shape(exponent))}, no scalar",
            node,
        )
    inverse = isinstance(exponent, Number) and exponent.value == -1
    if inverse and not _scalar(base, scope):
        shown = show(node.base)
        raise fail(
            f"{show(node)} is not read, since {shown} is no scalar",
            node.at,
            f"inv({shown}), or 1/{shown} elementwise",
        )
    return Power(base, exponent)


def _exponent(node: Node, scope: Scope) -> Expr:
    """The exponent; a signed number is one ``Number``."""
    if isinstance(node, Minus) and isinstance(node.arg, Num):
        return Number(-node.arg.value)
    return read(node, scope)


def _scalar(expr: Expr, scope: Scope) -> bool:
    rows, columns = scope.unifier.shape(expr)
    return rows.is_one and columns.is_one


def _matrix(node: Matrix, scope: Scope) -> Expr:
    """A matrix written out; what is derived may be one, not the forward pass."""
    if not scope.derivatives:
        raise fail(
            "a matrix written out cannot stand in the forward pass",
            node.at,
            "declare a symbol, and give its numbers under values",
        )
    cells = tuple([read(cell, scope) for cell in node.cells])
    for cell, part in zip(node.cells, cells, strict=True):
        if not _scalar(part, scope):
            shape = shape_text(scope.unifier.shape(part))
            raise ShapeError(f"a cell of a matrix must be a scalar; {show(cell)} is {shape}", cell)
    return cells[0] if len(cells) == 1 else Grid(cells, node.columns)
