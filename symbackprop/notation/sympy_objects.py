"""Matrix and scalar expressions that SymPy lacks, as SymPy objects like any other.

SymPy's own ``applyfunc``, ``HadamardPower`` and ``Trace`` do not survive ``lambdify`` (SymPy 1.14), it
has no broadcasting, and no softmax. These classes do survive: ``subs`` (symbols, dims, explicit
matrices), ``doit``, ``as_explicit``, ``latex``, ``str``, ``lambdify`` with NumPy, pickling and equality.
Their arguments are SymPy objects only, and ``func(*args)`` rebuilds them. In ``lambdify`` every matrix
is a 2-D array, and every scalar a number.

The names of dims and symbols that an expression needs are its ``free_symbols``, as usual.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import sympy
from sympy import Atom, Basic, Expr, ImmutableDenseMatrix, Lambda, MatrixExpr, S, Symbol
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.matrixbase import MatrixBase

from symbackprop.core.expr import Operation
from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py
from symbackprop.notation.sympy_grids import Grid, evaluate, numeric

_LOOKUP = "symbackprop.ops.registry.lookup"
RELATIONS = {"=": sympy.Eq, "!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}
_CODE_SIGNS = {"=": "==", "!=": "!="}
_LATEX_SIGNS = {"=": "=", "!=": r"\neq", "<": "<", "<=": r"\leq", ">": ">", ">=": r"\geq"}


class OperationName(Atom):
    """Which operation, and how many primes: the first argument of an application."""

    __slots__ = ("operation", "primes")

    def __new__(cls, operation: Operation, primes: int = 0) -> OperationName:
        found: OperationName = Atom.__new__(cls)
        found.operation = operation
        found.primes = int(primes)
        return found

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.operation, self.primes)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.operation.name, self.primes)

    def sort_key(self, order: Any = None) -> Any:
        """Places operations by name."""
        return self.class_key(), (1, (f"{self.operation.name}{self.primes}",)), S.One.sort_key(), S.One

    def _sympystr(self, printer: Any) -> str:
        return str(self.operation.name + "'" * self.primes)

    def _latex(self, printer: Any) -> str:
        return (self.operation.latex or rf"\operatorname{{{self.operation.name}}}") + "'" * self.primes

    _sympyrepr = _sympystr
    _pretty_text = _sympystr


def is_matrix(value: Any) -> bool:
    """Whether ``value`` is a matrix expression or an explicit matrix."""
    return bool(getattr(value, "is_Matrix", False))


def shape_of(value: Any) -> tuple[Any, Any]:
    """Rows and columns; a scalar is 1 x 1."""
    return (value.shape[0], value.shape[1]) if is_matrix(value) else (S.One, S.One)


def stretched(values: Any) -> tuple[Any, Any]:
    """The shape of an elementwise combination: a literal 1 stretches."""
    rows, columns = S.One, S.One
    for value in values:
        own = shape_of(value)
        rows = own[0] if rows == 1 else rows
        columns = own[1] if columns == 1 else columns
    return (rows, columns)


def entry_of(value: Any, i: Any, j: Any) -> Any:
    """An entry of an operand of an elementwise combination, stretched if need be."""
    if not is_matrix(value):
        return value
    rows, columns = value.shape
    return value[0 if rows == 1 else i, 0 if columns == 1 else j]


def explicit(value: Any) -> Grid:
    """A matrix with known sizes as a grid of entries; a scalar as itself."""
    if not is_matrix(value):
        return value
    found = value if isinstance(value, MatrixBase) else value.as_explicit()
    grid = np.empty(found.shape, dtype=object)
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            grid[i, j] = found[i, j]
    return grid


def bracketed(printer: Any, value: Any, *, latex: bool = False) -> str:
    """An operand in brackets unless it is a name or a number."""
    text = printer._print(value)
    plain = isinstance(value, (Atom, sympy.MatrixSymbol)) and not text.startswith("-")
    if plain:
        return str(text)
    return rf"\left({text}\right)" if latex else f"({text})"


def _sizes_known(*values: Any) -> bool:
    return all(sympy.sympify(size).is_Integer for value in values for size in shape_of(value))


def _is_known(matrix: Any) -> bool:
    """Whether every entry of a matrix is there: an explicit one, or a constant of known size."""
    return isinstance(matrix, MatrixBase) or (_sizes_known(matrix) and not matrix.atoms(sympy.MatrixSymbol))


class _Own:
    """What the matrix classes and the scalar classes share."""

    args: tuple[Any, ...]

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments that are values."""
        return tuple(arg for arg in self.args if not isinstance(arg, (OperationName, Str)))

    def grid(self, values: list[Grid]) -> Grid:
        """The value for explicit operands: a grid, or one scalar."""
        raise NotImplementedError

    def explicit_value(self) -> Any:
        """The grid for the operands as they are; their sizes must be known."""
        return self.grid([explicit(operand) for operand in self.operands])

    def doit(self, **hints: Any) -> Any:
        """Evaluate the operands; with explicit operands of known sizes the value itself."""
        args = [arg.doit(**hints) if isinstance(arg, Basic) and hints.get("deep", True) else arg for arg in self.args]
        new: Any = self.func(*args)  # type: ignore[attr-defined]
        values = getattr(new, "operands", ())
        matrices = [value for value in values if is_matrix(value)]
        if not isinstance(new, _Own) or not matrices or not all(map(_is_known, matrices)):
            return new
        return new.as_explicit() if is_matrix(new) else new.explicit_value()

    def _pycode(self, printer: Any) -> str:
        raise UnsupportedError("results are turned into code with NumPy only")

    def _code(self, printer: Any) -> str:
        raise NotImplementedError

    def _numpycode(self, printer: Any) -> str:
        return self._code(printer)

    _pythoncode = _scipycode = _lambdacode = _numpycode

    def _latex(self, printer: Any) -> str:
        raise NotImplementedError


class OwnMatrix(_Own, MatrixExpr):  # type: ignore[misc]
    """Base of our matrix expressions: ``shape`` and ``_entry`` follow from the arguments."""

    def __new__(cls, *args: Any) -> Any:
        return Basic.__new__(cls, *(sympy.sympify(arg) for arg in args))

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        known = _sizes_known(self, *self.operands)
        if known and sympy.sympify(i).is_Integer and sympy.sympify(j).is_Integer:
            return np.reshape(self.explicit_value(), [int(size) for size in self.shape])[int(i), int(j)]
        return self.general_entry(i, j)

    def general_entry(self, i: Any, j: Any) -> Any:
        """Entry (i, j) for symbolic positions or sizes."""
        return MatrixElement(self, i, j)

    def as_explicit(self) -> Any:
        """Every entry; the sizes must be known."""
        if not _sizes_known(self, *self.operands):
            raise ValueError("the sizes are not known: substitute numbers for the dims")
        rows, columns = (int(size) for size in self.shape)
        grid = np.reshape(np.asarray(self.explicit_value(), dtype=object), (rows, columns))
        return ImmutableDenseMatrix(rows, columns, list(grid.ravel()))

    def _eval_transpose(self) -> Any:
        return sympy.Transpose(self)


class Elementwise(OwnMatrix):
    """Base of entry-by-entry combinations; scalars and extents of literal 1 stretch."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        return stretched(self.operands)

    def combine(self, *entries: Any) -> Any:
        """One entry from one entry of each operand."""
        raise NotImplementedError

    def general_entry(self, i: Any, j: Any) -> Any:
        return self.combine(*(entry_of(operand, i, j) for operand in self.operands))

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        return self.general_entry(i, j)

    def grid(self, values: list[Grid]) -> Grid:
        rows, columns = (int(size) for size in self.shape)
        full = [np.broadcast_to(np.asarray(value, dtype=object), (rows, columns)) for value in values]
        found = np.empty((rows, columns), dtype=object)
        for spot in np.ndindex(rows, columns):
            found[spot] = self.combine(*(value[spot] for value in full))
        return found


class BroadcastAdd(Elementwise):
    """A sum in which some term stretches."""

    def combine(self, *entries: Any) -> Any:
        return sympy.Add(*entries)

    def _code(self, printer: Any) -> str:
        return "(" + " + ".join(bracketed(printer, term) for term in self.args) + ")"

    def _join(self, printer: Any, *, latex: bool) -> str:
        texts = [bracketed(printer, term, latex=latex) if _is_sum(term) else printer._print(term) for term in self.args]
        return " + ".join(texts).replace("+ -", "- ")

    def _sympystr(self, printer: Any) -> str:
        return self._join(printer, latex=False)

    def _latex(self, printer: Any) -> str:
        return self._join(printer, latex=True)


class BroadcastProduct(Elementwise):
    """An elementwise product in which some factor stretches."""

    def combine(self, *entries: Any) -> Any:
        return sympy.Mul(*entries)

    def _code(self, printer: Any) -> str:
        return "(" + " * ".join(bracketed(printer, factor) for factor in self.args) + ")"

    def _sympystr(self, printer: Any) -> str:
        return ".*".join(bracketed(printer, factor) for factor in self.args)

    def _latex(self, printer: Any) -> str:
        return r" \odot ".join(bracketed(printer, factor, latex=True) for factor in self.args)


class ElementwiseQuotient(Elementwise):
    """``num / den``, entry by entry."""

    def combine(self, *entries: Any) -> Any:
        return entries[0] / entries[1]

    def _code(self, printer: Any) -> str:
        return f"({bracketed(printer, self.args[0])} / {bracketed(printer, self.args[1])})"

    def _sympystr(self, printer: Any) -> str:
        return f"{bracketed(printer, self.args[0])}/{bracketed(printer, self.args[1])}"

    def _latex(self, printer: Any) -> str:
        return rf"\frac{{{printer._print(self.args[0])}}}{{{printer._print(self.args[1])}}}"


class ElementwisePower(Elementwise):
    """``base ** exponent``, entry by entry; the exponent is a scalar."""

    def combine(self, *entries: Any) -> Any:
        return entries[0] ** entries[1]

    def _code(self, printer: Any) -> str:
        exponent = self.args[1]
        text = f"{float(exponent)}" if exponent.is_Rational else bracketed(printer, exponent)
        return f"({bracketed(printer, self.args[0])} ** {text})"

    def _sympystr(self, printer: Any) -> str:
        return f"{bracketed(printer, self.args[0])}.**{bracketed(printer, self.args[1])}"

    def _latex(self, printer: Any) -> str:
        return rf"{bracketed(printer, self.args[0], latex=True)}^{{\circ {printer._print(self.args[1])}}}"


class ElementwiseIndicator(Elementwise):
    """1 where ``left op right`` holds, else 0."""

    def combine(self, *entries: Any) -> Any:
        return numeric(RELATIONS[str(self.args[0])](*entries))

    def _code(self, printer: Any) -> str:
        sign = str(self.args[0])
        left, right = (bracketed(printer, side) for side in self.operands)
        return f"(({left} {_CODE_SIGNS.get(sign, sign)} {right}) * 1.0)"

    def _sympystr(self, printer: Any) -> str:
        left, right = (printer._print(side) for side in self.operands)
        return f"[{left} {self.args[0]} {right}]"

    def _latex(self, printer: Any) -> str:
        left, right = (printer._print(side) for side in self.operands)
        return rf"\left[{left} {_LATEX_SIGNS[str(self.args[0])]} {right}\right]"


def scalar_rule(operation: Operation, primes: int, entries: tuple[Any, ...]) -> Any:
    """f(entries), or its derivative by the first argument, as a SymPy scalar."""
    templates = [getattr(operation, "numpy", None), getattr(operation, "slope_numpy", None)]
    known = min(primes, 1 if templates[1] is not None else 0)
    template = templates[known]
    if template is None:
        raise UnsupportedError(f"no SymPy spelling of {operation.name}")
    names = [param.name for param in operation.params]
    if known == primes:
        return evaluate(template, dict(zip(names, entries, strict=True)))
    first = sympy.Dummy("a", real=True)
    body = evaluate(template, dict(zip(names, (first, *entries[1:]), strict=True)))
    slope = sympy.diff(body, first, primes - known).replace(sympy.DiracDelta, lambda *_: S.Zero)
    return slope.subs(first, entries[0])


def _slope_code(operation: Operation, primes: int, texts: list[str], printer: Any) -> str:
    """Code of f'(x) from its template, of higher derivatives from the scalar formula."""
    names = [param.name for param in operation.params]
    template = getattr(operation, "slope_numpy", None)
    if primes == 1 and template is not None:
        values = {name: ast.parse(text, mode="eval").body for name, text in zip(names, texts, strict=True)}
        return f"({py.show(_Portable(printer).visit(py.fill(template, values)))} * 1.0)"
    stand_ins = [_Code(f"_{name}", real=True) for name in names]
    for stand_in, text in zip(stand_ins, texts, strict=True):
        stand_in.text = text
    found = scalar_rule(operation, primes, tuple(stand_ins))
    zero = f"0.0 * ({texts[0]})"  # the derivative may be a constant: the shape must stay
    return f"({zero} + {printer._print(found)})"


class _Code(Symbol):  # type: ignore[misc]
    """A symbol that prints as given code."""

    __slots__ = ("text",)

    def _numpycode(self, printer: Any) -> str:
        return f"({self.text})"


class _Portable(ast.NodeTransformer):
    """Template code in the terms of a SymPy printer: imported names, operations for helpers."""

    def __init__(self, printer: Any) -> None:
        self.printer = printer

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id == "np":
            return py.name(self.printer._module_format(f"numpy.{node.attr}"))
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in ("sigmoid", "erf"):
            found = py.call(self.printer._module_format(_LOOKUP), py.literal(node.func.id))
            return py.method(found, "forward", *node.args)
        return node


class Applied(Elementwise):
    """An elementwise operation of the table, with primes, on its arguments."""

    def combine(self, *entries: Any) -> Any:
        return scalar_rule(self.args[0].operation, self.args[0].primes, entries)

    def _code(self, printer: Any) -> str:
        head = self.args[0]
        texts = [printer._print(operand) for operand in self.operands]
        if head.primes:
            return _slope_code(head.operation, head.primes, texts, printer)
        return f"{printer._module_format(_LOOKUP)}('{head.operation.name}').forward({', '.join(texts)})"

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.args[0])}({', '.join(printer._print(o) for o in self.operands)})"

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer._print(operand) for operand in self.operands)
        return rf"{printer._print(self.args[0])}\left({inner}\right)"


class AbstractApplied(Elementwise):
    """An arbitrary declared function, entry by entry; its name is a symbol, an argument of lambdify."""

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments without the function."""
        return tuple(self.args[1:])

    def combine(self, *entries: Any) -> Any:
        return sympy.Function(str(self.args[0]))(*entries)

    def _code(self, printer: Any) -> str:
        return f"{printer._print(self.args[0])}({', '.join(printer._print(o) for o in self.operands)})"

    def _sympystr(self, printer: Any) -> str:
        return self._code(printer)

    def _latex(self, printer: Any) -> str:
        inner = ", ".join(printer._print(operand) for operand in self.operands)
        return rf"{printer._print(self.args[0])}\left({inner}\right)"


def _is_sum(value: Any) -> bool:
    return isinstance(value, (BroadcastAdd, sympy.MatAdd, sympy.Add))


def _structure_code(self: Any, printer: Any) -> str:
    operation = self.args[0].operation
    atleast = printer._module_format("numpy.atleast_2d")
    values = [
        printer._print(operand) if is_matrix(operand) else f"{atleast}({printer._print(operand)})"
        for operand in self.operands
    ]
    axis = f"'{self.args[1]}'" if str(self.args[1]) else "None"
    return f"{printer._module_format(_LOOKUP)}('{operation.name}').forward([{', '.join(values)}], {axis})"


def _structure_text(self: Any, printer: Any) -> str:
    parts = [printer._print(operand) for operand in self.operands]
    if str(self.args[1]):
        parts.append(str(self.args[1]))
    return f"{printer._print(self.args[0])}({', '.join(parts)})"


def _structure_latex(self: Any, printer: Any) -> str:
    template = getattr(self.args[0].operation, "latex_template", None)
    texts = [printer._print(operand) for operand in self.operands]
    if template:
        names = [param.name for param in self.args[0].operation.params]
        return str(template.format(**dict(zip(names, texts, strict=True))))
    return rf"{printer._print(self.args[0])}\left({', '.join(texts)}\right)"


def _structure_grid(self: Any, values: list[Grid]) -> Grid:
    operation = self.args[0].operation
    names = [param.name for param in operation.params]
    grids: dict[str, Any] = {
        name: np.reshape(np.asarray(value, dtype=object), (1, 1)) if not isinstance(value, np.ndarray) else value
        for name, value in zip(names, values, strict=True)
    }
    if operation.numpy is None:
        raise UnsupportedError(f"no SymPy spelling of {operation.name}")
    if "{axis}" in operation.numpy:
        grids["axis"] = sympy.Integer(1 if str(self.args[1]) == "rows" else 0)
    return evaluate(operation.numpy, grids)


class Structure(OwnMatrix):
    """softmax, rowsum, outer and the like: ``Structure(operation, axis, *operands)``.

    ``axis`` is "rows" or "columns" for operations along lines, the orientation of the result of
    diagonal, else empty.
    """

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns, by the shape rule of the operation."""
        rule = self.args[0].operation.shape_rule
        rows, columns = shape_of(self.operands[0])
        across = str(self.args[1]) == "rows"
        match rule:
            case "drop":
                return (rows, S.One) if across else (S.One, columns)
            case "rows":
                return (rows, S.One)
            case "columns":
                return (S.One, columns)
            case "outer":
                other = shape_of(self.operands[1])
                return (rows * columns, other[0] * other[1])
            case "diagonal":
                return (S.One, rows) if across else (rows, S.One)
            case "diag":
                return (rows * columns, rows * columns)
            case _:
                return (rows, columns)

    def grid(self, values: list[Grid]) -> Grid:
        return _structure_grid(self, values)

    def general_entry(self, i: Any, j: Any) -> Any:
        """Sums over a line with a bound position, where the operation has such a formula."""
        name, base = self.args[0].operation.name, self.operands[0]
        across = self.shape[1] == 1 if name in ("rowsum", "rowmean", "colsum", "colmean") else str(self.args[1]) == "rows"
        rows, columns = shape_of(base)
        k = sympy.Dummy("k", integer=True)
        count = columns if across else rows
        term = base[i, k] if across else base[k, j]
        if name in ("softmax", "log_softmax", "logsumexp"):
            total = EntrySum(sympy.exp(term), (k, 0, count - 1))
            if name == "softmax":
                return sympy.exp(base[i, j]) / total
            return sympy.log(total) if name == "logsumexp" else base[i, j] - sympy.log(total)
        if name in ("rowsum", "colsum"):
            return EntrySum(term, (k, 0, count - 1))
        if name in ("rowmean", "colmean"):
            return EntrySum(term, (k, 0, count - 1)) / count
        if name == "diagonal":
            spot = j if self.shape[0] == 1 else i
            return base[spot, spot]
        return MatrixElement(self, i, j)

    def _code(self, printer: Any) -> str:
        if self.args[0].operation.name == "diagonal":
            shape = "1, -1" if str(self.args[1]) == "rows" else "-1, 1"
            diagonal = printer._module_format("numpy.diagonal")
            return f"{diagonal}({printer._print(self.operands[0])}).reshape({shape})"
        return _structure_code(self, printer)

    _sympystr = _structure_text
    _latex = _structure_latex


def cell(value: Grid) -> Any:
    """The only entry of a grid."""
    return np.ravel(np.asarray(value, dtype=object))[0]


class OwnScalar(_Own, Expr):  # type: ignore[misc]
    """Base of our scalars: numbers computed from matrices."""

    is_commutative = True

    def __new__(cls, *args: Any) -> Any:
        return Basic.__new__(cls, *(sympy.sympify(arg) for arg in args))


class ScalarStructure(OwnScalar):
    """sum, norm, trace, a loss: ``ScalarStructure(operation, axis, *operands)``."""

    def grid(self, values: list[Grid]) -> Grid:
        return cell(_structure_grid(self, values))

    def _code(self, printer: Any) -> str:
        return f"{_structure_code(self, printer)}[0, 0]"

    _sympystr = _structure_text
    _latex = _structure_latex


class Cell(OwnScalar):
    """The only entry of a 1 x 1 matrix: x^T y as the scalar that it is."""

    def grid(self, values: list[Grid]) -> Grid:
        return cell(values[0])

    def _code(self, printer: Any) -> str:
        return f"({printer._print(self.args[0])})[0, 0]"

    def _sympystr(self, printer: Any) -> str:
        return f"({printer._print(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        return rf"\left({printer._print(self.args[0])}\right)"


class Eye(OwnMatrix):
    """The identity; SymPy's own is refused by ``lambdify`` when its size is a symbol."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        return (self.args[0], self.args[0])

    @property
    def operands(self) -> tuple[Any, ...]:
        """None: only a size."""
        return ()

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        return sympy.KroneckerDelta(i, j)

    def explicit_value(self) -> Any:
        """The grid."""
        return explicit(sympy.eye(int(self.args[0])))

    def doit(self, **hints: Any) -> Any:
        """The explicit matrix, if the size is known."""
        return self.as_explicit() if self.args[0].is_Integer else self

    def _eval_transpose(self) -> Any:
        return self

    def _code(self, printer: Any) -> str:
        return f"{printer._module_format('numpy.eye')}({printer._print(self.args[0])})"

    def _sympystr(self, printer: Any) -> str:
        return "I"

    def _latex(self, printer: Any) -> str:
        return "I"


def _replaced(entries: Any, old: Any, new: Any) -> Any:
    """``subs`` below a binder: SymPy's own overlooks dims that stand only in the shapes of matrices."""
    if old in entries.variables:
        return entries
    if not set(entries.variables).isdisjoint(getattr(new, "free_symbols", ())):
        entries = entries.xreplace({symbol: symbol.as_dummy() for symbol in entries.variables})
    limits = [(limit[0], *(bound.subs(old, new) for bound in limit[1:])) for limit in entries.limits]
    return entries.func(entries.function.subs(old, new), *limits)


def _written_out(entries: Any, hints: dict[str, Any]) -> Any:
    """The terms or factors, outermost binder first; unchanged while a limit is no number.

    SymPy's own ``doit`` looks for closed forms, which entries of explicit matrices do not have.
    """
    *inner, (spot, low, high) = entries.limits
    if not (low.is_Integer and high.is_Integer):
        return entries
    body = entries.func(entries.function, *inner) if inner else entries.function
    parts = [body.subs(spot, place).doit(**hints) for place in range(int(low), int(high) + 1)]
    return _entries_read(sympy.Mul(*parts) if isinstance(entries, EntryProduct) else sympy.Add(*parts))


class EntrySum(sympy.Sum):  # type: ignore[misc]
    """A sum over positions: an empty range is 0, ``subs`` reaches shapes, ``doit`` reads entries."""

    def doit(self, **hints: Any) -> Any:
        """The sum, written out if its limits are numbers."""
        return _written_out(self, hints)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return _replaced(self, old, new)


class EntryProduct(sympy.Product):  # type: ignore[misc]
    """A product over positions; like ``EntrySum``, and accepted by ``lambdify``."""

    def doit(self, **hints: Any) -> Any:
        """The product, written out if its limits are numbers."""
        return _written_out(self, hints)

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return _replaced(self, old, new)

    def _numpycode(self, printer: Any) -> str:
        loops = []
        for limit in reversed(self.limits):
            spot, start, stop = (printer._print(part) for part in (limit[0], limit[1], limit[2] + 1))
            loops.append(f"for {spot} in range({start}, {stop})")
        return f"{printer._module_format('numpy.prod')}([{printer._print(self.function)} {' '.join(loops)}])"


def entry_sums(value: Any) -> Any:
    """SymPy's sums as ours."""
    return value.replace(lambda node: type(node) is sympy.Sum, lambda node: EntrySum(*node.args))


def _entries_read(value: Any) -> Any:
    """Entries of explicit matrices at known positions as what they are."""
    return value.replace(
        lambda node: isinstance(node, MatrixElement) and isinstance(node.parent, MatrixBase),
        lambda node: node.parent[node.i, node.j] if node.i.is_Integer and node.j.is_Integer else node,
    )


class ByEntries(OwnMatrix):
    """A matrix given by its entries: ``ByEntries(Lambda((i, j), entry), rows, columns)``, from 0."""

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        return (self.args[1], self.args[2])

    @property
    def operands(self) -> tuple[Any, ...]:
        """The matrices that stand in the entries."""
        return tuple(self.args[0].expr.atoms(sympy.MatrixSymbol))

    def general_entry(self, i: Any, j: Any) -> Any:
        return self.args[0](i, j)

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        return self.args[0](i, j)

    def as_explicit(self) -> Any:
        """Every entry; the sizes must be known."""
        if not _sizes_known(self):
            raise ValueError("the sizes are not known: substitute numbers for the dims")
        rows, columns = (int(size) for size in self.shape)
        return ImmutableDenseMatrix(rows, columns, lambda i, j: self.args[0](i, j).doit())

    def doit(self, **hints: Any) -> Any:
        """Every entry, if the sizes are known and the matrices are explicit."""
        if _sizes_known(self) and not self.operands:
            return self.as_explicit()
        return self

    def _code(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        texts = [printer._print(part) for part in (body, row, column, *self.shape)]
        array = printer._module_format("numpy.array")
        body_text, i, j, rows, columns = texts
        return f"{array}([[{body_text} for {j} in range({columns})] for {i} in range({rows})])"

    def _sympystr(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        return f"[{printer._print(body)} for {row}, {column}]"

    def _latex(self, printer: Any) -> str:
        (row, column), body = self.args[0].variables, self.args[0].expr
        return rf"\left[{printer._print(body)}\right]_{{{printer._print(row)}{printer._print(column)}}}"


def by_entries(row: Any, column: Any, body: Any, shape: tuple[Any, Any]) -> Any:
    """The matrix with entry ``body`` at (row, column)."""
    return ByEntries(Lambda((row, column), body), *shape)
