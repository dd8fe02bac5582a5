"""What a repair may put into a line: the masks, numbers, weights and derivatives of one problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import UNIT, Add, Call, DimValue, Divide, Expr, Hadamard, Leaf, MatMul, Neg, Number
from symbackprop.core.graph import Graph
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Role, Tensor
from symbackprop.core.written import shape_of
from symbackprop.notation.substitution import at
from symbackprop.ops.registry import Elementwise, lookup
from symbackprop.verification.free import free_indices

MOST_PLACES = 6
_MEANS = ("mean", "colmean", "rowmean", "mse")


@dataclass(frozen=True, slots=True)
class Activation:
    """``target = op(arg)`` elementwise, by an equation of its own."""

    target: Tensor
    op: Operation
    arg: Expr
    options: tuple[Expr, ...] = ()  # further arguments: the slope of a leaky relu

    @property
    def mask(self) -> Expr:
        """``op'(arg)``."""
        return Call(self.op, (self.arg, *self.options), self.arg.shape, primes=1)

    def entry(self, arg: Expr) -> Expr:
        """``op'`` of one entry."""
        return Call(self.op, (arg, *self.options), (ONE, ONE), primes=1)

    def masks_at(self, indices: Sequence[Index]) -> Iterator[Expr]:
        """``op'`` at every entry that these indices name."""
        own = free_indices(self.arg)
        dims = [index.dim for index in own]
        if isinstance(self.arg, Leaf):
            dims = list(self.arg.tensor.shape)
        elif not own:
            return
        found: list[tuple[IndexValue, ...]] = [()]
        for dim in dims:
            fitting = [IndexValue(((index, 1),)) for index in indices if index.dim == dim]
            found = [(*slots, one) for slots in found for one in fitting]
        for slots in found[:MOST_PLACES]:
            if own:
                yield self.entry(at(self.arg, dict(zip(own, slots, strict=True))))
            elif slots:
                yield self.entry(Element(self.arg, slots))


class Vocabulary:
    """The words of one graph."""

    def __init__(self, graph: Graph, batch: dict[Tensor, int], layout: str = "gradient") -> None:
        self.graph = graph
        self.batch = batch
        self.layout = layout

    @cached_property
    def activations(self) -> tuple[Activation, ...]:
        """The elementwise functions of one argument in the forward pass."""
        found = []
        for equation in self.graph.equations:
            if equation.expr is None:
                continue
            for node in equation.expr.walk():
                if isinstance(node, Call) and isinstance(node.op, Elementwise) and has_one_argument(node):
                    found.append(Activation(equation.target, node.op, node.args[0], node.args[1:]))
                elif isinstance(node, Call) and node.op.name == "max" and len(node.args) == 2:
                    found.extend(_rectifier(equation.target, node))
        return tuple(found)

    @cached_property
    def softmaxes(self) -> tuple[tuple[Tensor, Tensor | None, str | None], ...]:
        """(P, Z, axis) for P = softmax(Z), also of a scaled Z; None where that is no single array."""
        found = []
        for equation in self.graph.equations:
            call = equation.expr
            if isinstance(call, Call) and call.op.name == "softmax":
                arrays = [n for n in call.args[0].walk() if isinstance(n, Leaf) and not n.tensor.is_scalar]
                single = arrays[0].tensor if len(arrays) == 1 else None
                found.append((equation.target, single, call.axis))
        return tuple(found)

    @cached_property
    def scales(self) -> tuple[Expr, ...]:
        """Scalar factors and divisors of the forward pass, such as 1/tau and 1/sqrt(d); scalar symbols."""
        found: dict[Expr, None] = {}
        for equation in self.graph.equations:
            for node in equation.expr.walk() if equation.expr is not None else ():
                if isinstance(node, Divide) and number_of(node.den):
                    found[node if number_of(node.num) else Divide(UNIT, node.den)] = None
                elif isinstance(node, MatMul | Hadamard):
                    found.update(dict.fromkeys(filter(number_of, node.factors)))
        scalars = [t for t in self.graph.symbols if t.is_scalar and t.value is None and not t.is_label]
        found.update((Leaf(tensor), None) for tensor in scalars)
        known = {expr for expr, _ in self._plain_numbers}
        return tuple(e for e in found if e not in known and not isinstance(e, Number) and _is_plain(e))

    @cached_property
    def losses(self) -> tuple[Tensor, ...]:
        """The scalars that are computed, the last first."""
        return tuple(e.target for e in reversed(self.graph.equations) if e.target.is_scalar)

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """All arrays and scalars with a value."""
        return tuple(tensor for tensor in self.graph.tensors.values() if tensor.rank <= 2)

    @cached_property
    def arrays(self) -> tuple[Tensor, ...]:
        """The same with arrays of more axes, of which only entries and slices stand in formulas."""
        return tuple(self.graph.tensors.values())

    def is_penalty(self, term: Expr) -> bool:
        """Whether a term is a constant times a parameter."""
        inner = term.arg if isinstance(term, Neg) else term
        factors = inner.factors if isinstance(inner, MatMul | Hadamard) else (inner,)
        leaves = [f.base if isinstance(f, Element) else f for f in factors]
        parameters = [f for f in leaves if isinstance(f, Leaf) and f.tensor in self.graph.parameters]
        rest = [f for f in leaves if f not in parameters]
        return len([f for f in parameters if not f.tensor.is_scalar]) == 1 and all(map(number_of, rest))

    @cached_property
    def counts(self) -> tuple[Dim, ...]:
        """The dims that divide a mean: those of examples first."""
        dims = dict.fromkeys(tensor.shape[axis] for tensor, axis in self.batch.items())
        for equation in self.graph.equations:
            for node in equation.expr.walk() if equation.expr is not None else ():
                if isinstance(node, DimValue):
                    dims.setdefault(node.dim)
                elif isinstance(node, Call) and node.op.name in _MEANS:
                    shape = shape_of(node.args[0])
                    dims.update(dict.fromkeys(dim for dim in shape or () if not dim.is_one))
        return tuple(dims)

    @cached_property
    def constants(self) -> tuple[Expr, ...]:
        """The scalar constants, such as lambda."""
        return tuple(
            Leaf(tensor) for tensor in self.graph.symbols
            if tensor.is_scalar and tensor.role in (Role.CONSTANT, Role.PARAMETER) and tensor.value is None
        )  # fmt: skip

    @property
    def numbers(self) -> tuple[tuple[Expr, str], ...]:
        """Scalar factors with the cause that their lack or excess has."""
        return (*self._plain_numbers, *((scale, "missing-factor") for scale in self.scales))

    @cached_property
    def _plain_numbers(self) -> tuple[tuple[Expr, str], ...]:
        found: list[tuple[Expr, str]] = []
        for dim in self.counts:
            found.append((Divide(Number(Fraction(1)), DimValue(dim)), "mean"))
            found.append((DimValue(dim), "mean"))
        found.extend((Number(value), "factor") for value in (Fraction(2), Fraction(1, 2)))
        found.extend((constant, "missing-factor") for constant in self.constants)
        return tuple(found)

    def is_mean(self, expr: Expr) -> bool:
        """Whether a scalar is a number of examples, or one over it."""
        node = expr.den if isinstance(expr, Divide) and isinstance(expr.num, Number) else expr
        return isinstance(node, DimValue)

    def mask_of(self, expr: Expr) -> bool:
        """Whether an expression is the slope of an activation, or says its formula."""
        base = expr.base if isinstance(expr, Element) else expr
        if isinstance(base, Call) and base.primes:
            return True
        return isinstance(base, Hadamard) and any(isinstance(part, Add) for part in base.factors)


def _rectifier(target: Tensor, node: Call) -> Iterator[Activation]:
    """``max(0, u)`` as relu."""
    zeros = [isinstance(arg, Number) and arg.value == 0 for arg in node.args]
    relu = lookup("relu")
    if sum(zeros) == 1 and relu is not None:
        yield Activation(target, relu, node.args[zeros.index(False)])


def number_of(expr: Expr) -> bool:
    """Whether an expression is a scalar without an index: a factor that scales."""
    shape = shape_of(expr)
    return shape == (ONE, ONE) and not any(isinstance(node, IndexValue) for node in expr.walk())


def has_one_argument(node: Call) -> bool:
    """Whether a call has one argument, and perhaps options such as the slope of a leaky relu."""
    return len(node.args) >= 1 and all(isinstance(arg, Number) for arg in node.args[1:])


def _is_plain(expr: Expr) -> bool:
    """Whether a scale is made of scalars alone."""
    return all(node.tensor.is_scalar for node in expr.walk() if isinstance(node, Leaf))


def confused(old: Tensor, new: Tensor) -> str:
    """Whether two names differ in their layer only; a member of a family in its place."""
    if old.family is not None and new.family is not None and old.family[0] == new.family[0]:
        return "layer" if old.role.value == "parameter" else "index"
    return "layer" if _stem(old) == _stem(new) else "symbol"


def _stem(tensor: Tensor) -> str:
    return tensor.name.rstrip("0123456789").rstrip("_")


def in_layers(old: Expr, new: Expr) -> bool:
    """Whether two names, or entries of them, differ in their layer only."""
    pair = [part.base if isinstance(part, Element) else part for part in (old, new)]
    return all(isinstance(part, Leaf) for part in pair) and _stem(pair[0].tensor) == _stem(pair[1].tensor)  # type: ignore[attr-defined]
