# ruff: noqa: SLF001  (printer._print and _module_format are how SymPy lets classes print themselves)
"""What our SymPy classes have in common: operands, explicit values, ``doit``, printing hooks.

Arguments are SymPy objects only, and ``func(*args)`` rebuilds; shapes follow from the arguments, so
that substituting a dim or a matrix changes them. In code every matrix is a 2-D array.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import sympy
from sympy import Atom, Basic, Expr, ImmutableDenseMatrix, MatrixExpr, S
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.matrixbase import MatrixBase

from symbackprop.core.operations import Operation
from symbackprop.errors import UnsupportedError
from symbackprop.notation.sympy_grids import Grid

# Where generated code finds an operation; a string, since notation does not import ops.
LOOKUP = "symbackprop.ops.registry.lookup"

class OperationName(Atom):
    """Which operation, and how many primes: the first argument of an application."""

    __slots__ = ("operation", "primes")

    def __new__(cls, operation: Operation, primes: int = 0) -> Self:
        found: Self = Atom.__new__(cls)
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
        head = str(self.operation.latex or rf"\operatorname{{{self.operation.name}}}")
        return head + "'" * int(self.primes)

    _sympyrepr = _sympystr
    _pretty_text = _sympystr



def is_matrix(value: Any) -> bool:
    """Whether ``value`` is a matrix expression or an explicit matrix."""
    return bool(getattr(value, "is_Matrix", False))



def shape_of(value: Any) -> tuple[Any, Any]:
    """Rows and columns; a scalar is 1 x 1."""
    if not is_matrix(value):
        return (S.One, S.One)
    # Asked for once: a shape is worked out from those below it, and twice at every level is 2^depth.
    rows, columns = value.shape
    return (rows, columns)



def stretched(values: Any) -> tuple[Any, Any]:
    """The shape of an elementwise combination: a literal 1 stretches."""
    rows, columns = S.One, S.One
    for value in values:
        own = shape_of(value)
        rows = own[0] if rows == 1 else rows
        columns = own[1] if columns == 1 else columns
        if rows != 1 and columns != 1:
            break
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



def sizes_known(*values: Any) -> bool:
    """Whether all sizes of the values are numbers."""
    return all(sympy.sympify(size).is_Integer for value in values for size in shape_of(value))



def is_known(matrix: Any) -> bool:
    """Whether every entry of a matrix is there: an explicit one, or a constant of known size."""
    return isinstance(matrix, MatrixBase) or (sizes_known(matrix) and not matrix.atoms(sympy.MatrixSymbol))



class Own:
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
        deep = hints.get("deep", True)
        args = [arg.doit(**hints) if deep and isinstance(arg, Basic) else arg for arg in self.args]
        new: Any = self.func(*args)  # type: ignore[attr-defined]
        values = getattr(new, "operands", ())
        matrices = [value for value in values if is_matrix(value)]
        if not isinstance(new, Own) or not matrices or not all(map(is_known, matrices)):
            return new
        whole: Any = new
        return whole.as_explicit() if is_matrix(new) else whole.explicit_value()

    def _pycode(self, printer: Any) -> str:
        raise UnsupportedError("results are turned into code with NumPy only")

    def _code(self, printer: Any) -> str:
        raise NotImplementedError

    def _numpycode(self, printer: Any) -> str:
        return self._code(printer)

    _pythoncode = _scipycode = _lambdacode = _numpycode

    def _latex(self, printer: Any) -> str:
        raise NotImplementedError



class OwnMatrix(Own, MatrixExpr):
    """Base of our matrix expressions: ``shape`` and ``_entry`` follow from the arguments."""

    def __new__(cls, *args: Any) -> Any:
        return Basic.__new__(cls, *(sympy.sympify(arg) for arg in args))

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        known = sizes_known(self, *self.operands)
        if known and sympy.sympify(i).is_Integer and sympy.sympify(j).is_Integer:
            return np.reshape(self.explicit_value(), [int(size) for size in self.shape])[int(i), int(j)]
        return self.general_entry(i, j)

    def general_entry(self, i: Any, j: Any) -> Any:
        """Entry (i, j) for symbolic positions or sizes."""
        return MatrixElement(self, i, j)

    def as_explicit(self) -> Any:
        """Every entry; the sizes must be known."""
        if not sizes_known(self, *self.operands):
            raise ValueError("the sizes are not known: substitute numbers for the dims")
        rows, columns = (int(size) for size in self.shape)
        grid = np.reshape(np.asarray(self.explicit_value(), dtype=object), (rows, columns))
        return ImmutableDenseMatrix(rows, columns, list(grid.ravel()))

    def _eval_transpose(self) -> Any:
        return sympy.Transpose(self)



def cell(value: Grid) -> Any:
    """The only entry of a grid."""
    return np.ravel(np.asarray(value, dtype=object))[0]



class OwnScalar(Own, Expr):
    """Base of our scalars: numbers computed from matrices."""

    is_commutative = True

    def __new__(cls, *args: Any) -> Any:
        return Basic.__new__(cls, *(sympy.sympify(arg) for arg in args))
