"""SymPy's matrix expressions and our own classes as plain text: the whole reader.

``Reader.node`` reads any expression. What stands where is kept: products are not multiplied out and shapes
are not checked here; the plain-text reader does that, with messages in the author's names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.dotproduct import DotProduct
from sympy.matrices.expressions.slice import MatrixSlice

from symbackprop.core.operations import Operation
from symbackprop.errors import InputError
from symbackprop.notation import sympy_objects as own
from symbackprop.notation.sympy_base import is_matrix, shape_of
from symbackprop.notation.sympy_entries import ByEntries
from symbackprop.notation.sympy_slices import Piece
from symbackprop.notation.sympy_structures import Cell, Eye, ScalarStructure, Structure
from symbackprop.reading.syntax import Bounds, Line, Name, Node, Relation, Span, Sub, show
from symbackprop.symbolic.entries import brief
from symbackprop.symbolic.nodes import NOWHERE, call, chain, name, number, over, plus, power, times, turned
from symbackprop.symbolic.numbers import NumberReader
from symbackprop.symbolic.objects import AbstractLoss, ScalarApplied
from symbackprop.symbolic.order import terms_of
from symbackprop.symbolic.table import Table

_CALLS = {sympy.Trace: "trace", sympy.Inverse: "inv", sympy.Determinant: "det", DotProduct: "dot"}
_MAX_POWER = 20


class Reader(NumberReader):
    """SymPy expressions to syntax; ``aside`` collects equations for what has no place in a formula."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.aside: list[Line] = []

    def node(self, value: Any) -> Node:
        """The syntax of any SymPy expression. Raises UnsupportedError for a class that is not read."""
        self.within.append(value)
        try:
            if not isinstance(value, sympy.Basic):
                raise InputError(f"{type(value).__name__} is no SymPy object", code="schema")
            if isinstance(value, sympy.MatrixSymbol):
                return name(self.table.name(value))
            found = self.ours(value)
            if found is not None:
                return found
            return self.matrix(value) if is_matrix(value) else self.scalar(value)
        finally:
            self.within.pop()

    def scalar(self, value: Any) -> Node:
        """A number."""
        head = _CALLS.get(type(value))
        if head is not None:
            return call(head, *map(self.node, value.args))
        if not isinstance(value, sympy.Expr):
            self.refuse(value)
        return self.number_node(value)

    def matrix(self, value: Any) -> Node:
        """An expression of SymPy's own matrix classes."""
        match value:
            case sympy.MatAdd():
                return plus([self.node(term) for term in terms_of(value)])
            case sympy.MatMul():
                return self.matrix_product(value)
            case sympy.Inverse() if not _is_divisor(value):
                return call("inv", self.node(value.arg))
            case sympy.MatPow():
                return self.matrix_power(value)
            case sympy.Transpose() | sympy.Adjoint():
                return turned(self.node(value.arg))
            case sympy.HadamardProduct():
                return self.entrywise_product(value.args)
            case sympy.HadamardPower():
                return self.entrywise_power(value.base, value.exp)
            case sympy.Identity():
                return call("eye", self.node(value.args[0]))
            case sympy.OneMatrix() | sympy.ZeroMatrix():
                return self.constant("ones" if isinstance(value, sympy.OneMatrix) else "zeros", value.shape)
            case DiagMatrix():
                return call("diag", self.node(value.args[0]))
            case DiagonalOf():
                return self.standing(call("diagonal", self.node(value.args[0])), down=True)
            case DiagonalMatrix():
                return times([self.node(value.args[0]), call("eye", self.node(value.shape[0]))])
            case ElementwiseApplyFunction():
                return self.applied(value)
            case DotProduct():
                return call("dot", *map(self.node, value.args))
            case MatrixSlice() if value.rowslice[2] == 1 and value.colslice[2] == 1:
                (top, bottom, _), (left, right, _) = value.rowslice, value.colslice
                return self.piece(Piece(value.parent, top, bottom - top, left, right - left))
            case sympy.BlockMatrix():
                return self.blocks(value.blocks.tolist())
            case _:
                return self.refuse(value, _hint(value))

    def blocks(self, rows: Sequence[Sequence[Any]]) -> Node:
        """A matrix of matrices: each row side by side, then the rows below each other."""
        lines = [self.end_to_end([self.node(one) for one in row], "rows") for row in rows]
        return self.end_to_end(lines, "columns")

    def end_to_end(self, parts: Sequence[Node], axis: str) -> Node:
        """stack(a, b, rows): inside each row; of one part the part."""
        return call("stack", *parts, name(axis)) if len(parts) > 1 else parts[0]

    def standing(self, vector: Node, *, down: bool) -> Node:
        """A vector of the convention, turned if it has to stand the other way."""
        return vector if down is not self.table.convention.vectors_are_rows else turned(vector)

    def constant(self, kind: str, shape: Sequence[Any]) -> Node:
        """ones or zeros; a vector of the convention has one size."""
        across = self.table.convention.vectors_are_rows
        size, other = (shape[1], shape[0]) if across else (shape[0], shape[1])
        sizes = [size] if other == 1 and size != 1 else list(shape)
        if all(size == 1 for size in shape):
            return number(1 if kind == "ones" else 0)
        return call(kind, *map(self.node, sizes))

    # -- products and powers

    def matrix_product(self, value: Any) -> Node:
        """A product: its numbers first, with divisors below the line, then its matrices in order."""
        scalars: list[Any] = []
        factors: list[Node] = []
        below: list[Node] = []
        for arg in value.args:
            if not is_matrix(arg):
                scalars += arg.args if isinstance(arg, sympy.Mul) else [arg]
            elif _is_divisor(arg):
                below.append(self.scalar_power(arg.base, -arg.exp))
            elif isinstance(arg, sympy.MatPow) and not isinstance(arg, sympy.Inverse):
                power_of = self.node(arg)
                factors += getattr(power_of, "factors", (power_of,)) if _is_repeated(arg) else [power_of]
            else:
                factors.append(self.node(arg))
        return self.quotient(scalars, factors, below)

    def matrix_power(self, value: Any) -> Node:
        """A power of a square matrix; of a 1 x 1 matrix the power of its entry."""
        base, exponent = value.base, value.exp
        shape = shape_of(base)
        if shape == (1, 1):
            return self.scalar_power(base, exponent)
        if sympy.simplify(shape[0] - shape[1]) != 0:
            ours = "sbp.square(E)" if exponent == 2 else f"sympy.HadamardPower(E, {exponent})"
            raise InputError(
                f"{brief(value)}: {brief(base)} is {shape[0]} x {shape[1]}, no square matrix",
                code="shape",
                hint=f"the power of every entry of E is {ours}"
                + ("" if exponent == 2 else ", its square sbp.square(E)"),
            )
        if not _is_repeated(value):
            self.refuse(value)
        return chain([self.node(base)] * int(exponent))

    def entrywise_product(self, factors: Sequence[Any]) -> Node:
        """An elementwise product, with the factors to a negative power below the line."""
        tops: list[Node] = []
        bottoms: list[Node] = []
        for factor in factors:
            if isinstance(factor, sympy.HadamardPower) and factor.exp.could_extract_minus_sign():
                bottoms.append(self.entrywise_power(factor.base, -factor.exp))
            else:
                tops.append(self.node(factor))
        top = times(tops) if tops else number(1)
        return over(top, times(bottoms)) if bottoms else top

    def entrywise_power(self, base: Any, exponent: Any) -> Node:
        """A power of every entry; a negative one is a quotient."""
        if is_matrix(exponent):
            self.refuse(exponent, "an exponent is a number")
        if exponent.could_extract_minus_sign():
            return over(number(1), self.entrywise_power(base, -exponent))
        if exponent == 1:
            return self.node(base)
        if exponent == sympy.Rational(1, 2):
            return call("sqrt", self.node(base))
        return power(self.node(base), self.node(exponent))

    def applied(self, value: ElementwiseApplyFunction) -> Node:
        """A function of one variable on every entry: its formula, read with the matrix in it."""
        (variable,), body = value.function.variables, value.function.expr
        inner = self.node(value.expr)
        before = self.lifted
        self.lifted = {**before, variable: inner}
        try:
            found = self.node(body)
        finally:
            self.lifted = before
        if variable in body.free_symbols:
            return found
        return times([found, self.constant("ones", value.shape)])

    # -- our own classes

    def ours(self, value: Any) -> Node | None:
        """An object of one of our classes, or None."""
        match value:
            case Cell():
                return self.node(value.args[0])
            case own.BroadcastAdd():
                return plus([self.node(term) for term in value.args])
            case own.BroadcastProduct():
                return times([self.node(factor) for factor in value.args])
            case own.ElementwiseQuotient():
                return over(*map(self.node, value.args))
            case own.ElementwisePower():
                return self.entrywise_power(*value.args)
            case own.ElementwiseIndicator():
                left, right = map(self.node, value.operands)
                return call("ind", Relation(NOWHERE, left, str(value.args[0]), right))
            case own.AbstractApplied():
                return self.arbitrary(value)
            case own.Applied() | ScalarApplied():
                head = value.args[0]
                return self.operation(head.operation, value.operands, "", head.primes)
            case Structure() | ScalarStructure():
                return self.structure(value)
            case Eye():
                return call("eye", self.node(value.args[0]))
            case ByEntries():
                return self.by_entries(value)
            case Piece():
                return self.piece(value)
            case AbstractLoss():
                return self.loss(value)
        return None

    def operation(self, op: Operation, operands: Sequence[Any], axis: str, primes: int = 0) -> Node:
        """A call; options at their defaults are left out."""
        args = list(operands)
        while args and (default := op.params[len(args) - 1].default) is not None:
            if args[-1] != sympy.Rational(default.numerator, default.denominator):
                break
            args.pop()
        nodes = [self.node(arg) for arg in args]
        return call(op.name, *nodes, *([name(axis)] if axis else []), primes=primes)

    def structure(self, value: Any) -> Node:
        """softmax, sum, a loss; of diagonal the axis says how the vector stands."""
        op, axis = value.args[0].operation, str(value.args[1])
        if getattr(op, "shape_rule", None) == "diagonal":
            found = self.operation(op, value.operands, "")
            return self.standing(found, down=axis != "rows") if axis else found
        return self.operation(op, value.operands, axis if op.takes_axis else "")

    def piece(self, value: Piece) -> Node:
        """Rows and columns of a matrix; a single row or column stands as it did."""
        base, *spots = value.args
        sides = [side for side in (0, 1) if shape_of(base)[side] != 1]
        if isinstance(base, sympy.MatrixSymbol) and len(self.table.shape(base)) == 2:
            sides = [0, 1]
        slots: list[Node] = []
        for low, count in (spots[2 * side : 2 * side + 2] for side in sides):
            first = self.position(low)
            slots.append(first if count == 1 else Span(NOWHERE, first, self.position(low + count - 1)))
        found = Sub(NOWHERE, self.node(base), tuple(slots))
        runs = [slot for slot in slots if isinstance(slot, Span)]
        return found if len(runs) != 1 else self.standing(found, down=value.shape[1] == 1)

    def arbitrary(self, value: own.AbstractApplied) -> Node:
        """sigma(E); the names sigma_prime and sigma_second are its derivatives."""
        head, primes = str(value.args[0]), 0
        for order, ending in ((1, "_prime"), (2, "_second")):
            if head.endswith(ending):
                head, primes = head.removesuffix(ending), order
        self.table.functions.setdefault(head)
        return call(head, *map(self.node, value.operands), primes=primes)

    # -- equations of their own

    def loss(self, value: AbstractLoss) -> Node:
        """J(y): an equation J = J(y), with names for the arguments that have none."""
        own_name = str(value.args[0])
        arguments = [self.named(argument) for argument in value.operands]
        line = equation(own_name, call(own_name, *arguments))
        present = next((other for other in self.aside if other.target == own_name), None)
        if present is not None and present.text != line.text:
            raise InputError(
                f"{own_name} is a function of two things: {present.text} and {line.text}",
                code="redefined",
                hint="give each loss a name of its own",
            )
        if present is None:
            self.table.taken.add(own_name)
            self.aside.append(line)
        return name(own_name)

    def named(self, value: Any) -> Node:
        """A name for an expression, with an equation of its own if it has none."""
        found = self.node(value)
        if isinstance(found, Name) and value not in self.table.dims:
            return found
        line = equation(self.table.fresh("y", "z", "u", "y"), found)
        self.aside.append(line)
        return name(line.target)

    def by_entries(self, value: ByEntries) -> Node:
        """A matrix given by its entries: an entry equation of its own."""
        indices = [spot for spot, size in zip(value.args[0].variables, value.shape, strict=True) if size != 1]
        sizes = [size for size in value.shape if size != 1]
        zero = {spot: sympy.S.Zero for spot in value.args[0].variables if spot not in indices}
        target = self.table.fresh("M", "A", "M")
        if self.letters:
            self.refuse(value, "it stands below a sum over positions")
        with self.bound(indices):
            letters = [self.letters[index] for index in indices]
            body = self.node(value.args[0].expr.xreplace(zero))
            ranges = tuple(
                Bounds(NOWHERE, letter, number(1), self.node(size))
                for letter, size in zip(letters, sizes, strict=True)
            )
        slots = tuple(name(letter) for letter in letters)
        self.aside.append(equation(target, body, slots, ranges))
        if len(sizes) != 1:
            return name(target)
        return self.standing(name(target), down=value.shape[1] == 1)


def equation(
    target: str, body: Node, slots: tuple[Node, ...] = (), ranges: tuple[Bounds, ...] = ()
) -> Line:
    """An equation with its text."""
    left = f"{target}[{','.join(map(show, slots))}]" if slots else target
    right = f" for {', '.join(map(show, ranges))}" if ranges else ""
    return Line(NOWHERE, target, slots, body, ranges, f"{left} = {show(body)}{right}")


def _is_repeated(value: sympy.MatPow) -> bool:
    """Whether a power is a product of a few equal matrices."""
    return bool(value.exp.is_Integer and 0 < value.exp <= _MAX_POWER and shape_of(value.base) != (1, 1))


def _is_divisor(value: Any) -> bool:
    """Whether this is a negative power of a 1 x 1 matrix."""
    power_of = isinstance(value, sympy.MatPow) and shape_of(value.base) == (1, 1)
    return bool(power_of and value.exp.could_extract_minus_sign())


def _hint(value: Any) -> str | None:
    if hasattr(value, "tolist"):
        return "matrices of numbers are no part of a formula: use a MatrixSymbol"
    return None
