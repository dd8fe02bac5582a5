"""The names that are known while a formula is read, and what is said about one that is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from symbackprop.core.dims import Dim
from symbackprop.core.expr import DimValue, Expr, Leaf, Partial
from symbackprop.core.indexed import IndexValue, Range
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Index, Role, Tensor
from symbackprop.errors import InputError, did_you_mean
from symbackprop.ops.registry import BINDERS, NO_SUCH, all_operations, lookup
from symbackprop.reading.cursor import RESERVED
from symbackprop.reading.shapes import Unifier
from symbackprop.reading.syntax import Node
from symbackprop.reading.tokens import Place, fail

FORMS = frozenset({"ind", "kron"})


@cache
def function_names() -> frozenset[str]:
    """Every name that is a function or a binder of the grammar; none can be declared as a symbol."""
    return frozenset(op.name for op in all_operations()) | BINDERS | FORMS


@cache
def pi_of(convention: Convention) -> Tensor:
    """The constant pi."""
    return Tensor("pi", (), convention, Role.CONSTANT, latex=r"\pi", numpy_value="np.pi")


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean. ``tensors`` grows while a program is read; the rest is fixed.

    params       names that stand for given expressions (the parameters of a definition).
    partials     names of derivatives from ``notation:``.
    taken        names that are defined elsewhere in the program, which no index may have.
    derivatives  whether dL/dW may stand in the formula.
    free         where free index letters are collected; None: there may be none.
    first        the number of the first position in what is read (inside: 1).
    ranges       the ranges of indices that do not run over their whole dim.
    layout       how a derivative that is written as a whole stands as an array.
    zero         whether an entry outside its range counts as 0, so that every position may be written.
    axis         the axis of operations along an axis that do not state one; None: by convention.
    """

    convention: Convention
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    dims: Collection[str] = ()
    functions: Mapping[str, Operation] = field(default_factory=dict)
    params: Mapping[str, Expr] = field(default_factory=dict)
    indices: Mapping[str, Index] = field(default_factory=dict)
    partials: Mapping[str, Partial] = field(default_factory=dict)
    unifier: Unifier = field(default_factory=Unifier)
    taken: Collection[str] = ()
    derivatives: bool = False
    free: dict[str, Index] | None = None
    axis: str | None = None
    layout: str = "gradient"
    first: int = 1
    ranges: Mapping[Index, Range] = field(default_factory=dict)
    zero: bool = False

    def with_indices(self, indices: Mapping[str, Index], ranges: Iterable[Range] = ()) -> Scope:
        """The same scope with further indices, and their ranges."""
        more = {one.index: one for one in ranges if (one.low, one.high, one.condition) != (None, None, None)}
        own = {**self.ranges, **more} if more else self.ranges
        return replace(self, indices={**self.indices, **indices}, ranges=own)

    def index(self, name: str) -> Index | None:
        """The bound or free index of that name, or None."""
        found = self.indices.get(name)
        return found if found is not None or self.free is None else self.free.get(name)

    def value(self, name: str) -> Expr | None:
        """What a bare name stands for, or None."""
        if name in self.params:
            return self.params[name]
        index = self.index(name)
        if index is not None:
            return IndexValue(((index, 1),), Dim(self.first - 1))
        if name in self.tensors:
            return Leaf(self.tensors[name])
        if name in self.partials:
            return self.partials[name]
        if name in self.dims:
            return DimValue(Dim.named(name))
        return Leaf(pi_of(self.convention)) if name == "pi" else None

    def operation(self, name: str) -> Operation | None:
        """The function of that name, or None."""
        return self.functions.get(name) or lookup(name)

    def knows(self, name: str) -> bool:
        """Whether the name already means something that an index may not be called."""
        return (
            name in self.tensors
            or name in self.dims
            or name in self.params
            or name in self.functions
            or name in self.partials
            or name in function_names()
            or name in RESERVED
            or name in self.taken
        )

    def what_is(self, name: str) -> str:
        """The kind of thing a known name is, in words."""
        if name in RESERVED:
            return "a reserved word"
        if name in self.dims:
            return "a dim"
        if name in self.functions or name in function_names():
            return "a function"
        return "a symbol"

    def unknown(self, name: str, at: Place) -> InputError:
        """The error about a name that means nothing."""
        if name in RESERVED:
            return fail(f"{name} is a reserved word", at)
        if name in NO_SUCH:
            return fail(f"there is no function {name}", at, NO_SUCH[name], "unknown-function")
        if name in self.functions or name in function_names():
            return fail(
                f"{name} is a function", at, f"write {name}(...) without a space before the bracket", "syntax"
            )
        if len(name) > 1 and name[0] == "d" and (name[1:] in self.tensors or name[2:] in self.tensors):
            return fail(
                f"unknown symbol {name}",
                at,
                "a derivative is written dL/dW, with both parts",
                "unknown-symbol",
            )
        known = {*self.tensors, *self.dims, *self.params, *self.partials, *self.indices}
        return fail(f"unknown symbol {name}", at, did_you_mean(name, known), "unknown-symbol")

    def unknown_call(self, name: str, at: Place, shown: str) -> InputError:
        """The error about a call of something that is no function."""
        if name in NO_SUCH:
            return fail(f"there is no function {name}", at, NO_SUCH[name], "unknown-function")
        if self.value(name) is not None and name != "pi":
            hint: str | None = f"for a product write a space: {shown}"
        else:
            near = did_you_mean(name, {*self.functions, *function_names()})
            product = f"for a product write a space: {shown}"
            hint = near or (product if len(name) <= 3 else "an arbitrary one must be declared")
        return fail(f"unknown function {name}", at, hint, "unknown-function")


Read = Callable[[Node, Scope], Expr]  # what reads the parts of a formula
