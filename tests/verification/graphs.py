"""Small graphs built by hand: the verifier is tested without a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Power,
    Shape,
    Transpose,
)
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.indexed import Element, IndexValue, Range, Reduce
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Facts, Index, Role, Tensor
from symbackprop.ops.registry import lookup


def dim(spelled: str | int) -> Dim:
    return Dim(spelled) if isinstance(spelled, int) else Dim.named(spelled)


def number(value: float | str) -> Number:
    return Number(Fraction(value))


def mm(*factors: Expr) -> MatMul:
    return MatMul(factors)


def add(*terms: Expr) -> Add:
    return Add(terms)


def had(*factors: Expr) -> Hadamard:
    return Hadamard(factors)


def neg(arg: Expr) -> Neg:
    return Neg(arg)


def t(arg: Expr) -> Transpose:
    return Transpose(arg)


def div(num: Expr, den: Expr) -> Divide:
    return Divide(num, den)


def power(base: Expr, exponent: Expr | int) -> Power:
    return Power(base, exponent if isinstance(exponent, Expr) else number(exponent))


def size(name: str) -> DimValue:
    return DimValue(dim(name))


def at(base: Expr, *indices: Index | IndexValue) -> Element:
    return Element(base, tuple(i if isinstance(i, IndexValue) else IndexValue(((i, 1),)) for i in indices))


def over(body: Expr, *indices: Index, binder: str = "sum") -> Reduce:
    return Reduce(binder, tuple(Range(index) for index in indices), body)


def call(name: str | Operation, *args: Expr, primes: int = 0, axis: str | None = None) -> Call:
    """A call with defaults filled in and the shape by the rule of the operation."""
    op = lookup(name) if isinstance(name, str) else name
    assert op is not None, name
    defaults = [number(str(param.default)) for param in op.params[len(args) :] if param.default is not None]
    return Call(op, (*args, *defaults), _shape(op, args, axis), primes, axis)


def _shape(op: Operation, args: tuple[Expr, ...], axis: str | None) -> Shape:
    rule = getattr(op, "shape_rule", "same")
    rows, columns = args[0].shape
    if rule in ("scalar", "dot", "square-scalar"):
        return (ONE, ONE)
    if rule == "rows" or (rule == "drop" and axis == "rows"):
        return (rows, ONE)
    if rule == "columns" or (rule == "drop" and axis == "columns"):
        return (ONE, columns)
    if rule == "same" and op.kind in ("elementwise", "function"):
        return Add(args).shape
    if rule == "same":
        return (rows, columns)
    raise AssertionError(f"give the shape of {op.name} by hand")


@dataclass
class Build:
    """Collects tensors and equations of one convention."""

    convention: Convention = Convention.COLUMN
    tensors: dict[str, Tensor] = field(default_factory=dict)
    equations: list[Equation] = field(default_factory=list)
    functions: dict[str, Operation] = field(default_factory=dict)

    def symbol(self, name: str, *shape: str | int, role: Role = Role.INPUT, **facts: object) -> Leaf:
        made = Tensor(name, tuple(map(dim, shape)), self.convention, role, facts=Facts(**facts))  # type: ignore[arg-type]
        self.tensors[name] = made
        return Leaf(made)

    def parameter(self, name: str, *shape: str | int) -> Leaf:
        return self.symbol(name, *shape, role=Role.PARAMETER)

    def let(self, name: str, expr: Expr, *shape: str | int, indices: tuple[Index, ...] = ()) -> Leaf:
        made = Tensor(name, tuple(map(dim, shape)), self.convention)
        assert indices or made.oriented == expr.shape, (name, made.oriented, expr.shape)
        self.tensors[name] = made
        self.equations.append(Equation(made, expr, indices))
        return Leaf(made)

    def arbitrary(self, name: str, *arguments: Leaf) -> Leaf:
        made = Tensor(name, (), self.convention)
        self.tensors[name] = made
        self.equations.append(Equation(made, None, arguments=tuple(leaf.tensor for leaf in arguments)))
        return Leaf(made)

    def graph(self) -> Graph:
        names: Mapping[str, str | None] = {
            name: None for tensor in self.tensors.values() for d in tensor.shape for name in d.names
        }
        return Graph(self.convention, self.tensors, tuple(self.equations), names, self.functions)


def d(of: Leaf, by: Leaf) -> Partial:
    return Partial(of.tensor, by.tensor)


@dataclass
class Perceptron:
    """Two layers, relu, softmax cross-entropy, mean over a batch, L2; in one convention."""

    convention: Convention
    leaves: dict[str, Leaf]
    graph: Graph

    def __getattr__(self, name: str) -> Leaf:
        return self.leaves[name]


def perceptron(convention: Convention = Convention.ROW) -> Perceptron:
    b = Build(convention)
    row = convention is Convention.ROW
    turned = convention is Convention.COLUMN_TRANSPOSED

    def matrix(*shape: str, backwards: bool = not row) -> tuple[str, ...]:
        return shape[::-1] if backwards else shape

    X = b.symbol("X", *matrix("N", "D"))
    W = b.parameter("W", *matrix("D", "M", backwards=not row and not turned))
    c = b.parameter("c", "M")
    Y = b.symbol("Y", *matrix("N", "K"), role=Role.TARGET, one_hot=True)
    V = b.parameter("V", *matrix("M", "K", backwards=not row and not turned))
    e = b.parameter("e", "K")
    lam = b.symbol("lam", role=Role.CONSTANT)

    def affine(weight: Leaf, data: Leaf, bias: Leaf) -> Expr:
        if row:
            return add(mm(data, weight), bias)
        return add(mm(t(weight) if turned else weight, data), bias)

    U = b.let("U", affine(W, X, c), *matrix("N", "M"))
    H = b.let("H", call("relu", U), *matrix("N", "M"))
    Z = b.let("Z", affine(V, H, e), *matrix("N", "K"))
    P = b.let("P", call("softmax", Z, axis="rows" if row else "columns"), *matrix("N", "K"))
    loss = add(
        div(call("cross_entropy", Y, P), size("N")),
        had(div(lam, number(2)), call("sumsq", W)),
    )
    L = b.let("L", loss)
    leaves = {leaf.tensor.name: leaf for leaf in (X, W, c, Y, V, e, lam, U, H, Z, P, L)}
    return Perceptron(convention, leaves, b.graph())
