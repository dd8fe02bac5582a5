"""Functions in NumPy as records: the lines they are made from, and what is published.

``Program.source`` is what is published; the same source, and no other text, is what ``compile_function``
executes. Vectors are 1-D arrays in the code. Arrays that the caller gives have their declared number of
axes; so have the results.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Partial
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation import pycode as py
from symbackprop.notation.numpy_dims import Solved
from symbackprop.notation.numpy_source import function_source

Target = Tensor | Partial


@dataclass(frozen=True, slots=True)
class Line:
    """``target = expr``, or ``target[indices] = expr`` with a scalar right side."""

    target: Target
    expr: Expr
    indices: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A result: ``expr``, given back under ``key`` as an array of the declared ``shape``.

    A shape of one dim makes a 1-D array, of two a 2-D array (also where an extent is literally
    1), of none a number. With ``indices`` the expression is a scalar over them, of any rank.
    """

    key: str
    expr: Expr
    shape: tuple[Dim, ...]
    indices: tuple[Index, ...] = ()


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter: ``keys`` in the caller's dict, ``shape`` as declared.

    ``kind`` is "array", "label" (whole numbers from 0 to one less than ``classes``), "function" (a
    callable, shape empty) or "dim" (a whole number that no array determines).
    """

    identifier: str
    keys: tuple[str, ...]
    shape: tuple[Dim, ...] = ()
    kind: str = "array"
    classes: Dim | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A function: all that is needed to print it, and to check the arrays that it is given.

    outputs  key -> (identifier or expression, declared shape), in order.
    single   whether the function returns its only output itself instead of a dict.
    masked   whether it computes entries that a condition throws away (then warnings mean nothing).
    """

    name: str
    inputs: tuple[Input, ...]
    dims: tuple[Solved, ...]
    lines: tuple[py.Assignment, ...]
    outputs: Mapping[str, tuple[ast.expr, tuple[Dim, ...]]]
    helpers: tuple[str, ...] = ()
    single: bool = False
    masked: bool = False
    dim_identifiers: Mapping[str, str] = field(default_factory=dict)
    unpacked: tuple[tuple[str, tuple[str, ...]], ...] = ()  # the array of a family, its members

    @property
    def body(self) -> str:
        """The helper functions and the function, without the import."""
        results = {key: py.show(node) for key, (node, _) in self.outputs.items()}
        parameters = [entry.identifier for entry in self.inputs]
        return function_source(
            self.name, parameters, [*self._unpacking(), *self._size_lines()], self.lines, results,
            self.helpers, single=self.single,
        )  # fmt: skip

    @property
    def source(self) -> str:
        """What is published."""
        return f"import numpy as np\n\n\n{self.body}"

    def _unpacking(self) -> list[str]:
        """``x_1, x_2, x_3 = x``: the array of a family has its members along the first axis."""
        return [
            f"{', '.join(members)}{',' * (len(members) == 1)} = {family}" for family, members in self.unpacked
        ]

    def _size_lines(self) -> list[str]:
        lines: list[str] = []
        done: set[str] = set()
        singles = {solved.single: solved.name for solved in self.dims if solved.single is not None}
        for solved in self.dims:
            if solved.name in done:
                continue
            axis = solved.single
            group = [solved.name]
            if axis is not None:
                shape = next(entry.shape for entry in self.inputs if entry.identifier == axis[0])
                names = [singles.get((axis[0], place)) for place in range(len(shape))]
                if len(names) > 1 and None not in names:
                    group = [name for name in names if name is not None]
            left = ", ".join(self.dim_identifiers[name] for name in group)
            right = py.show(solved.code())
            lines.append(f"{left} = {axis[0]}.shape" if axis and len(group) > 1 else f"{left} = {right}")
            done.update(group)
        return lines


def emit_lines(program: Program, known: AbstractSet[str] = frozenset()) -> tuple[str, ...]:
    """The assignments alone, for a page: ``dW = X.T @ dU + lam * W``.

    What is ``known`` is not computed again, and neither is what only that needs.
    """
    wanted = {name for node, _ in program.outputs.values() for name in py.names_in(node)}
    lines: list[str] = []
    for line in reversed(program.lines):
        if line.target in wanted and line.target not in known:
            lines.append(f"{line.target} = {py.show(line.value)}")
            wanted |= py.names_in(line.value)
    return tuple(reversed(lines))
