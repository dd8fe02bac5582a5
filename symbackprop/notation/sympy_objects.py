# ruff: noqa: SLF001  (printer._print and _module_format are how SymPy lets classes print themselves)
"""Entry-by-entry combinations of matrices that SymPy lacks, as SymPy objects like any other.

SymPy's own ``applyfunc`` and ``HadamardPower`` do not survive ``lambdify`` (SymPy 1.14), and it has no
broadcasting. These classes survive ``subs`` (symbols, dims, explicit matrices), ``doit``,
``as_explicit``, ``latex``, ``str``, ``lambdify`` with NumPy, pickling and equality.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import sympy
from sympy import S, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.precedence import PRECEDENCE

from symbackprop.core.operations import Operation
from symbackprop.errors import UnsupportedError
from symbackprop.notation import pycode as py
from symbackprop.notation.latex_symbols import RELATIONS as LATEX_SIGNS
from symbackprop.notation.sympy_base import LOOKUP, OwnMatrix, bracketed, entry_of, stretched
from symbackprop.notation.sympy_grids import Grid, evaluate, numeric

RELATIONS = {"=": sympy.Eq, "!=": sympy.Ne, "<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge}
_CODE_SIGNS = {"=": "==", "!=": "!="}


def related(op: str, left: Any, right: Any) -> Any:
    """The relation; what is computed in two ways is equal up to rounding."""
    plain = all(isinstance(side, Symbol | sympy.Number | MatrixElement) for side in (left, right))
    if op == "=" and not plain:
        return sympy.Abs(left - right) <= sympy.Abs(right) / 10**12
    return RELATIONS[op](left, right)



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

    precedence = PRECEDENCE["Add"]

    def combine(self, *entries: Any) -> Any:
        return sympy.Add(*entries)

    def _code(self, printer: Any) -> str:
        return "(" + " + ".join(bracketed(printer, term) for term in self.args) + ")"

    def _join(self, printer: Any, *, latex: bool) -> str:
        texts = [
            bracketed(printer, term, latex=latex) if _is_sum(term) else printer._print(term)
            for term in self.args
        ]
        return " + ".join(texts).replace("+ -", "- ")

    def _sympystr(self, printer: Any) -> str:
        return self._join(printer, latex=False)

    def _latex(self, printer: Any) -> str:
        return self._join(printer, latex=True)



class BroadcastProduct(Elementwise):
    """An elementwise product in which some factor stretches."""

    precedence = PRECEDENCE["Mul"]

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

    precedence = PRECEDENCE["Mul"]

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

    precedence = PRECEDENCE["Pow"]

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
        return numeric(related(str(self.args[0]), *entries))

    def _code(self, printer: Any) -> str:
        sign = str(self.args[0])
        left, right = (bracketed(printer, side) for side in self.operands)
        if sign == "=" and not all(side.is_Symbol or side.is_number for side in self.operands):
            # computed in two ways, what is equal may differ by rounding
            near = printer._module_format("numpy.isclose")
            return f"({near}({left}, {right}, rtol=1e-12, atol=0.0) * 1.0)"
        return f"(({left} {_CODE_SIGNS.get(sign, sign)} {right}) * 1.0)"

    def _sympystr(self, printer: Any) -> str:
        left, right = (printer._print(side) for side in self.operands)
        return f"[{left} {self.args[0]} {right}]"

    def _latex(self, printer: Any) -> str:
        left, right = (printer._print(side) for side in self.operands)
        return rf"\left[{left} {LATEX_SIGNS[str(self.args[0])]} {right}\right]"



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
    """Code of f(x) and f'(x) from its templates, of higher derivatives from the scalar formula."""
    names = [param.name for param in operation.params]
    template = getattr(operation, "slope_numpy" if primes else "numpy", None)
    if primes < 2 and template is not None:
        values = {name: ast.parse(text, mode="eval").body for name, text in zip(names, texts, strict=True)}
        return f"({py.show(_Portable(printer).visit(py.fill(template, values)))} * 1.0)"
    # The code is the name: SymPy remembers results by name, and must not mix up two arguments.
    stand_ins = [_Code(text, real=True) for text in texts]
    found = scalar_rule(operation, primes, tuple(stand_ins))
    zero = f"0.0 * ({texts[0]})"  # the derivative may be a constant: the shape must stay
    return f"({zero} + {printer._print(found)})"



class _Code(Symbol):
    """A symbol that prints as the code it is named by."""

    __slots__ = ()

    def _numpycode(self, printer: Any) -> str:
        return f"({self.name})"



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
            found = py.call(self.printer._module_format(LOOKUP), py.literal(node.func.id))
            return py.method(found, "forward", *node.args)
        return node



class Applied(Elementwise):
    """An elementwise operation of the table, with primes, on its arguments."""

    def combine(self, *entries: Any) -> Any:
        return scalar_rule(self.args[0].operation, self.args[0].primes, entries)

    def _code(self, printer: Any) -> str:
        head = self.args[0]
        texts = [printer._print(operand) for operand in self.operands]
        if head.primes or head.operation.kind == "function":  # of the problem: no table knows its name
            return _slope_code(head.operation, head.primes, texts, printer)
        return f"{printer._module_format(LOOKUP)}('{head.operation.name}').forward({', '.join(texts)})"

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
        name, primes = str(self.args[0]), 0
        for ending, count in (("_prime", 1), ("_second", 2)):
            if name.endswith(ending):
                name, primes = name.removesuffix(ending), count
        return rf"{printer._print(sympy.Symbol(name))}{chr(39) * primes}\left({inner}\right)"



def _is_sum(value: Any) -> bool:
    return isinstance(value, (BroadcastAdd, sympy.MatAdd, sympy.Add))
