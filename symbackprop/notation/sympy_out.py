"""Typed expressions as SymPy objects.

A matrix or vector is a ``MatrixSymbol`` (a vector n x 1 or 1 x n, as it stands), a scalar a real
``Symbol``, a dim a positive integer ``Symbol``; a derivative dL/dU is a symbol named ``dL_dU`` or by
its name in ``notation:``, since SymPy's ``lambdify`` mistreats matrices whose names are no
identifiers. Positions in index notation count from 0, as everywhere in SymPy.

Every 1 x 1 value is a SymPy scalar; everything else is a matrix expression. SymPy's own classes
are used where they survive ``lambdify``, ours (``sympy_objects``) elsewhere.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.core.arrays import Grid, Jacobian, TensorEntries
from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    Add,
    Call,
    Comprehension,
    DimValue,
    Divide,
    Element,
    Expr,
    Hadamard,
    IndexValue,
    Indicator,
    LabelValue,
    Leaf,
    MatMul,
    Neg,
    Number,
    Numeric,
    Partial,
    Power,
    Range,
    Reduce,
    Run,
    Slice,
    Transpose,
    label_of,
)
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.building import ELEMENTWISE_KINDS
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.sympy_base import OperationName, entry_of, is_matrix, shape_of, stretched
from symbackprop.notation.sympy_entries import EntryMax, EntryProduct, EntrySum, by_entries, entry_sums
from symbackprop.notation.sympy_grids import evaluate
from symbackprop.notation.sympy_objects import (
    AbstractApplied,
    Applied,
    BroadcastAdd,
    BroadcastProduct,
    ElementwiseIndicator,
    ElementwisePower,
    ElementwiseQuotient,
    related,
    scalar_rule,
)
from symbackprop.notation.sympy_slices import Piece
from symbackprop.notation.sympy_structures import Cell, Eye, OneHot, ScalarStructure, Structure
from symbackprop.notation.sympy_tensors import TensorByEntries


def to_sympy(expr: Expr, names: Names = PLAIN) -> Any:
    """The SymPy object of ``expr``, in the author's own symbols where ``names`` has them."""
    taken = {node.tensor.name for node in expr.walk() if isinstance(node, Leaf)}
    return in_symbols_of(names, _Writer(names, taken).value(expr))


def in_symbols_of(names: Names, value: Any) -> Any:
    """A SymPy object with the author's own symbols in the place of ours."""
    return value.xreplace(dict(names.sympy)) if names.sympy else value


def parameter_of(names: Names, symbol: Any) -> Any:
    """What a function takes for one of our symbols: the author's, a 1 x 1 matrix as a whole."""
    found = in_symbols_of(names, symbol)
    return found.parent if isinstance(found, MatrixElement) else found


def dim_symbol(name: str) -> Any:
    """The symbol of a dim: integer and positive."""
    return sympy.Symbol(_safe(name), integer=True, positive=True)


def dim_value(dim: Dim) -> Any:
    """A dim as a SymPy number or expression."""
    parts = [coefficient * dim_symbol(name) for name, coefficient in dim.coefficients]
    return sympy.Add(sympy.Integer(dim.constant), *parts)


def symbol_of(tensor: Tensor) -> Any:
    """The symbol of a tensor."""
    return _symbol(tensor.name, tensor)


def partial_symbol(partial: Partial, names: Names = PLAIN) -> Any:
    """The symbol of a derivative that stands for itself."""
    declared = names.partial_name(partial)
    name = declared[0] if declared else derivative_name(partial.of, partial.by)
    if partial.turned:
        rows, columns = partial.shape
        return sympy.MatrixSymbol(_safe(name), dim_value(rows), dim_value(columns))
    return _symbol(name, partial.by)


def derivative_name(of: Tensor, by: Tensor) -> str:
    """``dL_dw``; of the derivative of dL/dw ``d2L_dw_dv``."""
    if of.gradient is not None:
        return f"d2{of.gradient[0].name}_d{of.gradient[1].name}_d{by.name}"
    return f"d{of.name}_d{by.name}"


def function_symbol(name: str, primes: int) -> Any:
    """The symbol of a declared function: sigma, sigma_prime."""
    return sympy.Symbol(_safe(name + ("", "_prime", "_second")[primes] if primes < 3 else f"{name}_{primes}"))


def arguments_of(result: Any, graph: Graph, names: Names = PLAIN) -> list[Any]:
    """What ``sympy.lambdify(arguments, result)`` needs: symbols in declared order, then functions, then dims.

    ``result`` is a SymPy object or a typed expression.
    """
    if isinstance(result, Expr):
        result = to_sympy(result, names)
    free = set(result.free_symbols) | result.atoms(sympy.MatrixSymbol)
    higher = result.atoms(sympy.IndexedBase)  # whose labels and entries count as free symbols too
    if higher:
        labels = {base.label for base in higher}
        free = {one for one in free if one not in labels and not isinstance(one, sympy.Indexed)} | higher
    tensors = [parameter_of(names, symbol_of(t)) for t in (*graph.symbols, *graph.tensors.values())]
    dims = [in_symbols_of(names, dim_symbol(name)) for name in graph.dims]
    ordered = [symbol for symbol in dict.fromkeys(tensors) if symbol in free]
    sizes = [symbol for symbol in dims if symbol in free]
    rest = sorted(free - set(ordered) - set(sizes), key=str)
    more_sizes = [symbol for symbol in rest if symbol.is_integer and not symbol.is_Matrix]
    return [*ordered, *(symbol for symbol in rest if symbol not in more_sizes), *sizes, *more_sizes]


def _safe(name: str) -> str:
    """A name that ``lambdify`` may use as a parameter."""
    text = "".join(c if c.isalnum() or c == "_" else "_" for c in name)
    return f"{text}_" if keyword.iskeyword(text) else text


def _symbol(name: str, tensor: Tensor) -> Any:
    if tensor.is_scalar and tensor.is_label:
        return sympy.Symbol(_safe(name), integer=True, nonnegative=True)
    if tensor.is_scalar:
        return sympy.Symbol(_safe(name), real=True)
    if not tensor.is_matrix:
        return sympy.IndexedBase(_safe(name), shape=tuple(dim_value(dim) for dim in tensor.shape))
    rows, columns = tensor.oriented
    return sympy.MatrixSymbol(_safe(name), dim_value(rows), dim_value(columns))


@dataclass(slots=True)
class _Writer:
    names: Names
    taken: set[str]
    positions: dict[Index, Any] = field(default_factory=dict)

    def value(self, expr: Expr) -> Any:
        """The SymPy object of any expression."""
        match expr:
            case Number(value=value):
                return sympy.Rational(value.numerator, value.denominator)
            case Numeric(cells=cells):
                rows = [[sympy.Rational(str(number)) for number in row] for row in cells]
                return rows[0][0] if expr.is_scalar else sympy.ImmutableMatrix(rows)
            case DimValue(dim=dim):
                return dim_value(dim)
            case Leaf(tensor=tensor):
                return self.leaf(tensor)
            case Partial():
                return partial_symbol(expr, self.names)
            case Neg(arg=arg):
                # Not -M: SymPy would ask its assumptions about every diagonal matrix in M: seconds.
                return _product([sympy.S.NegativeOne, self.value(arg)])
            case Transpose(arg=arg):
                inner = self.value(arg)
                return sympy.Transpose(inner) if is_matrix(inner) else inner
            case MatMul(factors=factors):
                return _product([self.value(factor) for factor in factors])
            case Add() | Hadamard() | Divide() | Power() | Indicator():
                return self.elementwise(expr)
            case Call():
                return self.call(expr)
            case _:
                return self.indexed(expr)

    def leaf(self, tensor: Tensor) -> Any:
        """A symbol, or the number that a tensor is known to be."""
        if tensor.value is not None:
            return sympy.Rational(tensor.value.numerator, tensor.value.denominator)
        if tensor.numpy_value is not None:
            return evaluate(tensor.numpy_value, {})
        return symbol_of(tensor)

    def elementwise(self, expr: Add | Hadamard | Divide | Power | Indicator) -> Any:
        """Ordinary arithmetic on scalars, SymPy's or our classes on matrices."""
        if isinstance(expr, Indicator) and (label_of(expr.left) or label_of(expr.right)) is not None:
            return self.label_equality(expr)
        parts = [self.value(child) for child in expr.children]
        match expr:
            case Add():
                return _sum(parts)
            case Hadamard():
                return _hadamard(parts)
            case Divide():
                return _quotient(*parts)
            case Power():
                return ElementwisePower(*parts) if is_matrix(parts[0]) else parts[0] ** parts[1]
            case Indicator(op=op):
                return self.indicator(expr, op, parts)

    def label_equality(self, expr: Indicator) -> Any:
        """A Kronecker delta of a label and a position, both counted from 0."""
        sides = [
            self.place(side, -1) if isinstance(side, IndexValue) else self.value(side)
            for side in (expr.left, expr.right)
        ]
        delta = sympy.KroneckerDelta(*sides)
        return delta if expr.op == "=" else 1 - delta

    def indicator(self, expr: Indicator, op: str, parts: Sequence[Any]) -> Any:
        """A Kronecker delta of two positions; else 1 where the relation holds."""
        if any(is_matrix(part) for part in parts):
            return ElementwiseIndicator(Str(op), *parts)
        places = isinstance(expr.left, IndexValue) and isinstance(expr.right, IndexValue)
        if places and op in ("=", "!="):
            delta = sympy.KroneckerDelta(*parts)
            return delta if op == "=" else 1 - delta
        whole = all(part.is_integer for part in parts)
        if whole and op in ("=", "!="):  # a Piecewise would leave the sum that binds its positions
            delta = sympy.KroneckerDelta(*parts)
            return delta if op == "=" else 1 - delta
        return sympy.Piecewise((1, related(op, *parts)), (0, True))

    def call(self, call: Call) -> Any:
        """A call of an operation of the table, or of a declared function."""
        parts = [self.value(arg) for arg in call.args]
        if call.op.kind in ELEMENTWISE_KINDS:
            return self.applied(call, parts)
        rule = getattr(call.op, "shape_rule", None)
        if rule in ("ones", "zeros", "eye"):
            return _constant(str(rule), [dim_value(dim) for dim in call.call_shape])
        axis = Str(call.axis or "")
        if rule == "onehot":
            classes = call.call_shape[1 if call.axis == "rows" else 0]
            return OneHot(parts[0], dim_value(classes), axis)
        if rule == "diagonal":
            axis = Str("rows" if call.call_shape[0].is_one else "columns")
        if rule == "diag" and not is_matrix(parts[0]):
            return parts[0]
        if rule == "diag":
            return sympy.DiagMatrix(parts[0])
        if call.op.name == "inv" or (call.op.name in ("det", "logdet") and not is_matrix(parts[0])):
            return of_matrix(call.op.name, parts[0])
        if rule == "reshape":
            parts = [parts[0], *map(dim_value, call.call_shape)]
        head = OperationName(call.op)
        if rule == "pad":
            ones = [dim.is_one for dim in call.call_shape]
            axis = Str({(False, True): "columns", (True, False): "rows"}.get((ones[0], ones[1]), ""))
        if rule == "reshape" and call.is_scalar:
            return entry_of(parts[0], 0, 0)
        if rule in ("pad", "reshape", "stack"):
            return Structure(head, axis, *parts)
        if not any(is_matrix(part) for part in parts):
            return ScalarStructure(head, axis, *parts).explicit_value()
        if call.is_scalar:
            return ScalarStructure(head, axis, *parts)
        return Structure(head, axis, *parts)

    def applied(self, call: Call, parts: Sequence[Any]) -> Any:
        """An elementwise function of matrices, or of scalars."""
        matrix = any(is_matrix(part) for part in parts)
        if getattr(call.op, "abstract", False):
            name = function_symbol(call.op.name, call.primes)
            return AbstractApplied(name, *parts) if matrix else sympy.Function(name.name)(*parts)
        if matrix:
            return Applied(OperationName(call.op, call.primes), *parts)
        return scalar_rule(call.op, call.primes, tuple(parts))

    def place(self, slot: IndexValue, offset: int = 0) -> Any:
        """A position, plus ``offset``; bound indices and labels count from 0."""
        if isinstance(slot, LabelValue) and slot.label is not None:
            return self.value(slot.label) + 1 + dim_value(slot.offset) + offset
        total = dim_value(slot.offset) + offset
        for index, coefficient in slot.indices:
            total += coefficient * (self.position(index) + 1)
        return total

    def position(self, index: Index) -> Any:
        """The symbol of an index, counting from 0."""
        if index not in self.positions:
            letter = index.letter
            used = {str(symbol) for symbol in self.positions.values()} | self.taken | set(index.dim.names)
            while letter in used:
                letter += "_"
            self.positions[index] = sympy.Symbol(letter, integer=True, nonnegative=True)
        return self.positions[index]

    def indexed(self, expr: Expr) -> Any:
        """Entries, sums over indices, and matrices given by their entries."""
        match expr:
            case IndexValue():
                return self.place(expr)
            case Element():
                return self.element(expr)
            case Reduce():
                return self.reduced(expr)
            case Jacobian(is_sliced=True):
                return self.value(expr.comprehension())
            case Jacobian():
                rows, columns = (dim_value(dim) for dim in expr.shape)
                return sympy.MatrixSymbol(_safe(derivative_name(expr.of, expr.by)), rows, columns)
            case Grid():
                return sympy.ImmutableDenseMatrix([[self.value(cell) for cell in row] for row in expr.rows])
            case TensorEntries(indices=indices, body=body):
                spots = [self.position(index) for index in indices]
                return TensorByEntries.of(spots, self.value(body), [dim_value(dim) for dim in expr.dims])
            case Slice():
                return self.piece(expr)
            case Comprehension(row=None, column=None, body=body):
                return self.value(body)
            case Comprehension(row=row, column=column, body=body):
                spots = [self.position(index) if index else sympy.Symbol("_0") for index in (row, column)]
                rows, columns = (dim_value(dim) for dim in expr.shape)
                return by_entries(spots[0], spots[1], self.value(body), (rows, columns))
            case _:
                raise UnsupportedError(f"no SymPy spelling of {type(expr).__name__}")

    def piece(self, expr: Slice) -> Any:
        """Rows and columns of a matrix; entry by entry where a position depends on an index."""
        base = self.value(expr.base)
        starts = [slot.low if isinstance(slot, Run) else slot for slot in expr.slots]
        fixed = all(isinstance(at, IndexValue) and not at.indices for at in starts)
        if not is_matrix(base) or not fixed or any(isinstance(at, LabelValue) for at in starts):
            return self.indexed(expr.comprehension())
        slots = dict(zip(sides_of(expr.base), expr.slots, strict=False))
        spans: list[Any] = []
        for side in (0, 1):
            slot = slots.get(side)
            low = slot.low if isinstance(slot, Run) else slot
            spans.append(dim_value(low.offset) - 1 if isinstance(low, IndexValue) else sympy.S.Zero)
            spans.append(dim_value(slot.count) if isinstance(slot, Run) else sympy.S.One)
        found = Piece(base, *spans)
        if len(expr.runs) == 1 and isinstance(slots.get(1), Run) != expr.across:
            return sympy.Transpose(found)
        return found

    def element(self, expr: Element) -> Any:
        """One entry; a slot of an axis that is literally 1 is 0."""
        if isinstance(expr.base, Partial) and len(expr.slots) > expr.base.by.rank:
            return self.local_entry(expr, expr.base)
        base = self.value(expr.base)
        slots = [self.place(slot, -1) for slot in expr.slots]
        if isinstance(base, sympy.IndexedBase):
            return base[tuple(slots)]
        if not is_matrix(base):
            return base
        tensor = expr.base.tensor if isinstance(expr.base, Leaf) else None
        tensor = expr.base.by if isinstance(expr.base, Partial) else tensor
        sides = expr.base.shape
        if tensor is not None:
            axes = [tensor.axis_of_side(side) for side in (0, 1)]
            return base[tuple(slots[axis] if axis is not None else 0 for axis in axes)]
        ordered = iter(slots)
        return entry_sums(base[tuple(0 if side.is_one else next(ordered) for side in sides)])

    def local_entry(self, expr: Element, partial: Partial) -> Any:
        """An entry of a Jacobian, of any number of indices."""
        dims = [dim for tensor in (partial.of, partial.by) for dim in tensor.shape]
        slots = [self.place(slot, -1) for slot, dim in zip(expr.slots, dims, strict=True) if not dim.is_one]
        extents = [dim_value(dim) for dim in dims if not dim.is_one]
        name = _safe(derivative_name(partial.of, partial.by))
        if len(extents) == 2:
            return sympy.MatrixSymbol(name, *extents)[tuple(slots)]
        return sympy.IndexedBase(name, shape=tuple(extents))[tuple(slots)]

    def reduced(self, expr: Reduce) -> Any:
        """Sum, product or mean over positions."""
        body = self.value(expr.body)
        if not is_matrix(body):
            return self._reduced(expr, body)
        pairs = zip(expr.shape, "ij", strict=True)
        sides = [None if dim.is_one else Index(dim, letter) for dim, letter in pairs]
        spots = [sympy.S.Zero if side is None else self.position(side) for side in sides]
        entry = self._reduced(expr, entry_sums(body[tuple(spots)]))
        alone = sympy.Symbol("_0")
        names = [alone if side is None else spot for side, spot in zip(sides, spots, strict=True)]
        rows, columns = (dim_value(dim) for dim in expr.shape)
        return by_entries(names[0], names[1], entry, (rows, columns))

    def _reduced(self, expr: Reduce, body: Any) -> Any:
        for entry in reversed(expr.ranges):
            body = self._over(expr.binder, body, entry)
        return body

    def _over(self, binder: str, body: Any, entry: Range) -> Any:
        spot = self.position(entry.index)
        low = self.place(entry.low, -1) if entry.low is not None else sympy.S.Zero
        high = self.place(entry.high, -1) if entry.high is not None else dim_value(entry.index.dim) - 1
        counts: Any = sympy.S.One
        if entry.condition is not None:
            # As limits, or as a factor: SymPy draws cases (Piecewise) out of sums that bind what they hold.
            op, there = entry.condition[0], self.place(entry.condition[1], -1)
            if op in (">", ">="):
                low = sympy.Max(low, there + 1 if op == ">" else there)
            elif op in ("<", "<="):
                high = sympy.Min(high, there - 1 if op == "<" else there)
            elif op == "!=" and binder == "sum" and _may_not_exist(body, spot):
                before = (spot, low, sympy.Min(high, there - 1) if entry.high is not None else there - 1)
                after = (spot, sympy.Max(low, there + 1) if entry.low is not None else there + 1, high)
                return EntrySum(body, before) + EntrySum(body, after)
            else:
                same = sympy.KroneckerDelta(spot, there)
                counts = 1 - same if op == "!=" else same
        limits = (spot, low, high)
        if binder == "prod":
            return EntryProduct(body * counts + 1 - counts, limits)
        if binder == "max":
            return EntryMax(body, limits, counts)
        total = EntrySum(body * counts, limits)
        return total if binder == "sum" else total / EntrySum(counts, limits)


def _may_not_exist(body: Any, spot: Any) -> bool:
    """Whether there is a quotient or a log of something in which the position stands."""
    below = (one.base for one in body.atoms(sympy.Pow) if not one.exp.is_nonnegative)
    logs = body.atoms(sympy.log)
    return any(part.has(spot) for part in (*below, *logs))


def sides_of(base: Expr) -> list[int]:
    """The side, 0 for rows and 1 for columns, of each slot of a slice of ``base``."""
    tensor = base.tensor if isinstance(base, Leaf) else base.by if isinstance(base, Partial) else None
    if tensor is None:
        return [side for side in (0, 1) if not base.shape[side].is_one]
    axes = {tensor.axis_of_side(side): side for side in (0, 1)}
    return [axes[axis] for axis in range(tensor.rank)]


def of_matrix(name: str, value: Any) -> Any:
    """SymPy's own inverse and determinant; of a number what they are."""
    if not is_matrix(value):
        return {"inv": 1 / value, "det": value, "logdet": sympy.log(sympy.Abs(value))}[name]
    return sympy.Inverse(value)


def _constant(rule: str, shape: Sequence[Any]) -> Any:
    if all(size == 1 for size in shape):
        return sympy.Integer(0 if rule == "zeros" else 1)
    if rule == "eye":
        return Eye(shape[0])
    return sympy.OneMatrix(*shape) if rule == "ones" else sympy.ZeroMatrix(*shape)


def _sum(parts: Sequence[Any]) -> Any:
    if not any(is_matrix(part) for part in parts):
        return sympy.Add(*parts)
    shape = stretched(parts)
    if all(shape_of(part) == shape for part in parts):
        return sympy.MatAdd(*parts)
    return BroadcastAdd(*parts)


def _hadamard(parts: Sequence[Any]) -> Any:
    scalars = [part for part in parts if not is_matrix(part)]
    matrices = [part for part in parts if is_matrix(part)]
    if not matrices:
        return sympy.Mul(*scalars)
    shape = stretched(matrices)
    matrices = _powers(matrices)
    if len(matrices) == 1:
        total = matrices[0]
    elif all(shape_of(part) == shape for part in matrices):
        total = sympy.HadamardProduct(*matrices)
    else:
        total = BroadcastProduct(*matrices)
    return sympy.MatMul(sympy.Mul(*scalars), total) if scalars else total


def _powers(matrices: Sequence[Any]) -> list[Any]:
    """Equal factors as a power of our own: SymPy would make one that ``lambdify`` refuses."""
    counts: dict[Any, int] = {}
    for part in matrices:
        flat = part.args if isinstance(part, sympy.HadamardProduct) else (part,)
        for factor in flat:
            whole = isinstance(factor, ElementwisePower) and factor.args[1].is_Integer
            base, power = factor.args if whole else (factor, 1)
            counts[base] = counts.get(base, 0) + int(power)
    return [base if count == 1 else ElementwisePower(base, count) for base, count in counts.items()]


def _quotient(num: Any, den: Any) -> Any:
    if is_matrix(den):
        return ElementwiseQuotient(num, den)
    return sympy.MatMul(1 / den, num) if is_matrix(num) else num / den


def _product(parts: Sequence[Any]) -> Any:
    """Matrix products and the scalars that scale them; a 1 x 1 product is a scalar."""
    scalars: list[Any] = []
    run: list[Any] = []
    for part in parts:
        if not is_matrix(part):
            scalars.append(part)
            continue
        run.append(part)
        if run[0].shape[0] == 1 and part.shape[1] == 1:
            scalars.append(Cell(sympy.MatMul(*run)))
            run = []
    scale = sympy.Mul(*scalars)
    if not run:
        return scale
    factors = [scale, *run] if scale != 1 else run
    return sympy.MatMul(*factors) if len(factors) > 1 else factors[0]


def substitution(values: Mapping[str, Any]) -> dict[Any, Any]:
    """Numbers for dims by name, for ``subs``."""
    return {dim_symbol(name): value for name, value in values.items()}
