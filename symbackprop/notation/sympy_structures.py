# ruff: noqa: SLF001  (printer._print and _module_format are how SymPy lets classes print themselves)
"""Operations that are not elementwise, as SymPy objects: softmax, sums, norms, losses, the identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy
from sympy import S
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.errors import UnsupportedError
from symbackprop.notation.sympy_base import LOOKUP, OwnMatrix, OwnScalar, cell, explicit, is_matrix, shape_of
from symbackprop.notation.sympy_entries import EntrySum
from symbackprop.notation.sympy_grids import Grid, evaluate


def _structure_code(self: Any, printer: Any) -> str:
    operation = self.args[0].operation
    atleast = printer._module_format("numpy.atleast_2d")
    values = [
        printer._print(operand) if is_matrix(operand) else f"{atleast}({printer._print(operand)})"
        for operand in self.operands
    ]
    axis = f"'{self.args[1]}'" if str(self.args[1]) else "None"
    key = f"stack/{len(values)}" if operation.name == "stack" else operation.key or operation.name
    return f"{printer._module_format(LOOKUP)}('{key}').forward([{', '.join(values)}], {axis})"



def _structure_text(self: Any, printer: Any) -> str:
    parts = [printer._print(operand) for operand in self.operands]
    if str(self.args[1]) and self.args[0].operation.name != "pad":
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
        name: value if isinstance(value, np.ndarray) else np.full((1, 1), value, dtype=object)
        for name, value in zip(names, values, strict=True)
    }
    across = str(self.args[1]) == "rows"
    if operation.name == "pad":
        return _margins(list(grids.values()), str(self.args[1]))
    if operation.name in _ARRANGED:
        return _ARRANGED[operation.name](list(grids.values()), across)
    if operation.numpy is None:
        raise UnsupportedError(f"no SymPy spelling of {operation.name}")
    if "{axis}" in operation.numpy:
        grids["axis"] = sympy.Integer(1 if str(self.args[1]) == "rows" else 0)
    return evaluate(operation.numpy, grids)



def _margins(values: list[Any], lies: str) -> Any:
    array, width = values[0], int(np.ravel(values[1])[0])
    wide = [(width, width) if grows else (0, 0) for grows in _growing(array.shape, lies)]
    return np.pad(array, wide, constant_values=sympy.S.Zero)


def _growing(shape: Any, lies: str) -> tuple[bool, bool]:
    """The sides of what is padded that grow: of a vector one, whatever its extent is."""
    if lies:
        return (lies == "columns", lies == "rows")
    one = 1 in shape
    return (not (one and shape[0] == 1), not (one and shape[1] == 1))


def _det(grid: Any) -> Any:
    return sympy.Matrix(grid.tolist()).det()


_ARRANGED: dict[str, Any] = {
    "stack": lambda values, across: np.concatenate(values, axis=1 if across else 0),
    "reshape": lambda values, across: values[0].reshape([int(np.ravel(size)[0]) for size in values[1:]]),
    "det": lambda values, across: _det(values[0]),
    "logdet": lambda values, across: sympy.log(sympy.Abs(_det(values[0]))),
}


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
            case "reshape":
                return (self.operands[1], self.operands[2])
            case "pad":
                wide = 2 * self.operands[1]
                grows = _growing((rows, columns), str(self.args[1]))
                return (rows + wide * grows[0], columns + wide * grows[1])
            case "stack":
                shapes = [shape_of(operand) for operand in self.operands]
                total = sympy.Add(*(shape[1 if across else 0] for shape in shapes))
                return (rows, total) if across else (total, columns)
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
        if not is_matrix(base):  # a number that is stacked on a vector
            return MatrixElement(self, i, j)
        reduces = name in ("rowsum", "rowmean", "colsum", "colmean")
        across = self.shape[1] == 1 if reduces else str(self.args[1]) == "rows"
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



class OneHot(OwnMatrix):
    """``OneHot(labels, classes, axis)``: a line for each label, counted from 0; rows or columns.

    ``labels`` is a matrix symbol, or one whole number. In code they may be any array of whole numbers.
    """

    @property
    def shape(self) -> tuple[Any, Any]:
        """Rows and columns."""
        rows, columns = shape_of(self.args[0])
        found = (rows * columns, self.args[1])
        return found if str(self.args[2]) == "rows" else (found[1], found[0])

    @property
    def operands(self) -> tuple[Any, ...]:
        """The labels."""
        return (self.args[0],)

    def _entry(self, i: Any, j: Any, **hints: Any) -> Any:
        line, place = (i, j) if str(self.args[2]) == "rows" else (j, i)
        labels = self.args[0]
        if is_matrix(labels):
            labels = labels[0, line] if shape_of(labels)[0] == 1 else labels[line, 0]
        return sympy.KroneckerDelta(labels, place)

    def explicit_value(self) -> Any:
        """The grid."""
        rows, columns = (int(size) for size in self.shape)
        return np.array([[self._entry(i, j) for j in range(columns)] for i in range(rows)], dtype=object)

    def _code(self, printer: Any) -> str:
        labels = f"{printer._module_format('numpy.ravel')}({printer._print(self.args[0])}).astype(int)"
        table = f"{printer._module_format('numpy.eye')}({printer._print(self.args[1])})"
        return f"{table}[{labels}]" if str(self.args[2]) == "rows" else f"{table}[:, {labels}]"

    def _sympystr(self, printer: Any) -> str:
        return f"onehot({printer._print(self.args[0])})"

    def _latex(self, printer: Any) -> str:
        return rf"\operatorname{{onehot}}\left({printer._print(self.args[0])}\right)"


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
