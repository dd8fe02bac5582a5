"""What an operation is, and the table of all of them.

An operation answers a fixed list of questions: its parameters, its shape rule, its entry formula
(``formula`` or ``definition``, text in the plain-text grammar), an independent NumPy forward
function, its LaTeX, and the NumPy code that is emitted for it. Its derivative is *not* among
them: that comes out of the calculus. Elementwise functions may state ``slopes`` (the derivative
by each parameter, in the parameters and the output ``y``); the harness proves them.

The modules of this package are found by listing the package: a module adds operations by
having a module-level tuple ``OPERATIONS``. Nothing else has to be touched.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symbackprop.core.operations import Operation, Param

Array = NDArray[np.float64]


@dataclass(eq=False, frozen=True)
class Elementwise(Operation):
    """A function applied entry by entry; arguments broadcast.

    formula      the entry formula, in the parameter names ("max(a, 0)"); None for a primitive.
    slopes       the derivative by each parameter, in the parameters and the output y;
                 None where it follows from ``formula``.
    forward      NumPy arrays in (broadcast), array out; exact to float64, stable. Must accept
                 complex input where the function is analytic.
    numpy        code template, ``{a}`` for each parameter ("np.maximum({a}, 0.0)").
    slope_numpy  code template of the first derivative by the first parameter ("({a} > 0)").
    numpy_helper source of the functions that either template calls, or None.
    named_slope  print the slope as relu'(U) instead of its formula.
    kinks        formulas whose zeros are the points without a derivative ("a", "a - b").
    domain       "real", "positive" or "unit" (strictly between -1 and 1).
    note         what is printed about a choice at a kink ("relu'(0) = 0"), else None.
    abstract     an arbitrary function declared in a problem: no formula, no forward function;
                 the verifier supplies a random smooth stand-in.
    captured     parameters that are names of the file: a call need not give them.
    """

    formula: str | None = None
    slopes: tuple[str | None, ...] = ()
    forward: Callable[..., Any] | None = None
    numpy: str | None = None
    slope_numpy: str | None = None
    numpy_helper: str | None = None
    named_slope: bool = False
    kinks: tuple[str, ...] = ()
    domain: str = "real"
    note: str | None = None
    abstract: bool = False
    captured: tuple[str, ...] = ()
    latex_template: str | None = None  # r"\left|{a}\right|"; None: head(arguments)

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Operations of the table are pickled by name, so that they stay the same object."""
        return (lookup, (self.name,)) if lookup(self.name) is self else super().__reduce__()


@dataclass(eq=False, frozen=True)
class Structural(Operation):
    """An operation that is not elementwise.

    shape_rule   "same" (softmax), "drop" (logsumexp: the axis of the lines is summed away),
                 "scalar", "rows" (rowsum: m x 1), "columns" (colsum: 1 x n), "square" (inv),
                 "square-scalar" (trace), "outer", "diag", "diagonal", "eye", "ones", "zeros",
                 "onehot" (labels to lines of 0 and one 1), "dot" (two arrays of one shape to a scalar),
                 "stack" (arrays end to end), "reshape", "pad".
    definition   an equivalent formula in simpler operations, in the parameter names, or None for
                 a primitive that lowering knows by name. ``{line}sum`` in it is rowsum or colsum, whichever
                 adds along the axis that the operation works inside (``written``).
    forward      NumPy on 2-D arrays (a scalar is 1 x 1): ``forward(args, axis) -> 2-D array``;
                 axis is "rows" (inside each row), "columns" or None.
    numpy        code template for 1-D vectors and 2-D matrices, with ``{axis}`` for the NumPy
                 axis (an int) where the operation works along lines.
    numpy_helper source of a function that the template calls, or None.
    """

    shape_rule: str = "scalar"
    definition: str | None = None
    forward: Callable[..., Array] | None = None
    numpy: str | None = None
    numpy_helper: str | None = None
    latex_template: str | None = None
    domain: str = "real"
    note: str | None = None  # what is printed about a choice at a tie
    key: str = ""  # under which the table keeps it, where another operation has the same name

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Operations of the table are pickled by name, so that they stay the same object."""
        if self.shape_rule == "stack":
            return (stacking, (len(self.params),))
        key = self.key or self.name
        return (lookup, (key,)) if lookup(key) is self else super().__reduce__()

    def written(self, axis: str | None) -> str | None:
        """The definition for this axis."""
        line = "row" if axis == "rows" else "col"
        return None if self.definition is None else self.definition.replace("{line}", line)


@cache
def stacking(count: int) -> Operation:
    """``stack`` of that many arrays; the table holds the one of two."""
    two = lookup("stack")
    assert isinstance(two, Structural)
    if count == len(two.params):
        return two
    return replace(two, params=tuple(Param(f"a{place}") for place in range(1, count + 1)))


@cache
def _table() -> Mapping[str, Operation]:
    import symbackprop.ops as package

    found: dict[str, Operation] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for operation in getattr(module, "OPERATIONS", ()):
            key = getattr(operation, "key", "") or operation.name
            if key in found:
                raise ValueError(f"operation {key} is defined twice")
            found[key] = operation
    return MappingProxyType(found)


def lookup(name: str) -> Operation | None:
    """The operation of that name, or None; "stack/3" is the stack of three arrays."""
    head, _, count = name.partition("/")
    if head == "stack" and count.isdigit():
        return stacking(int(count))
    return _table().get(name)


def all_operations() -> Iterator[Operation]:
    """Every operation of the table, by name."""
    table = _table()
    return (table[name] for name in sorted(table))


def one_argument(name: str) -> Operation | None:
    """The operation of that name that takes one array: max(A), min(A)."""
    return _table().get(f"{name}/1")


BINDERS = frozenset({"sum", "mean", "prod", "max"})
NO_SUCH = MappingProxyType(
    {"norm2": "use norm(A) = sqrt(sum(A^2)) or sumsq(A) = sum(A^2)"}
)
