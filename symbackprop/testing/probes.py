"""The small networks with which an operation is attacked.

``probes(operation, convention)`` lists them by what the operation is: elementwise, or its shape
rule. An operation of a new shape rule gets a function here; until then it is refused, and the test
over the whole table fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symbackprop.core.dims import Dim
from symbackprop.core.graph import Graph
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Facts, Role
from symbackprop.errors import InputError
from symbackprop.ops.registry import Elementwise, Structural
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import parse_dim
from symbackprop.reading.program import read_program
from symbackprop.reading.tokens import PLAIN_TEXT


@dataclass(frozen=True, slots=True)
class Probe:
    """A small network. All names in ``symbols`` are parameters but those that are said to be fixed.

    symbols   name -> its dims, as words.
    fixed     inputs.
    positive  symbols whose entries are positive.
    labels    targets whose entries are labels 1..k.
    """

    forward: str
    symbols: Mapping[str, str]
    fixed: str = ""
    positive: str = ""
    labels: str = ""

    def graph(self, convention: Convention, functions: Mapping[str, Operation]) -> Graph:
        """The checked forward pass."""
        declared = {name: self._declared(name) for name in self.symbols}
        text = self.forward.replace("; ", "\n")
        return read_program(text, Declarations(declared, {}, functions, convention))

    def _declared(self, name: str) -> Declared:
        shape = tuple(parse_dim(dim, {}, PLAIN_TEXT) for dim in self.symbols[name].split())
        if name in self.labels.split():
            return Declared(name, shape, Role.TARGET, facts=Facts(classes=Dim.named("k")))
        role = Role.INPUT if name in self.fixed.split() else Role.PARAMETER
        return Declared(name, shape, role, facts=Facts(positive=name in self.positive.split()))


# What a layer looks like, and which way its weights lie.
_AFFINE = {
    Convention.ROW: ("x W + b", "X W + b", "k n", "m k"),
    Convention.COLUMN: ("W x + b", "W X + b", "n k", "k m"),
    Convention.COLUMN_TRANSPOSED: ("W^T x + b", "W^T X + b", "k n", "k m"),
}


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer that gives a vector of n from x, and a matrix from the batch X, in one convention."""

    convention: Convention

    @property
    def one(self) -> str:
        return _AFFINE[self.convention][0]

    @property
    def many(self) -> str:
        return _AFFINE[self.convention][1]

    @property
    def out(self) -> str:
        """The shape of the batch that comes out."""
        return "m n" if self.convention.vectors_are_rows else "n m"

    @property
    def single(self) -> dict[str, str]:
        return {"W": _AFFINE[self.convention][2], "b": "n", "x": "k"}

    @property
    def batch(self) -> dict[str, str]:
        return {"W": _AFFINE[self.convention][2], "b": "n", "X": _AFFINE[self.convention][3]}


def probes(operation: Operation, convention: Convention) -> tuple[Probe, ...]:
    """The networks that an operation is attacked with. InputError if its shape rule is not known here."""
    layer = _Layer(convention)
    if isinstance(operation, Elementwise):
        arrays = [param for param in operation.params if param.default is None]
        made = _of_one(operation, layer) if len(arrays) == 1 else _of_two(operation, layer)
        return (*made, *_with_options(operation, ["U"], {"U": "m n"}, "sum({call} * C)", {"C": "m n"}))
    if isinstance(operation, Structural):
        makers = _STRUCTURAL.get(operation.shape_rule)
        if makers is not None:
            return makers(operation, layer)
    raise InputError(
        f"no probe is known for {operation.name}",
        code="unsupported",
        hint="add one in symbackprop/testing/probes.py",
    )


def _of_one(op: Operation, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"y = {f}(u); L = sum(y * c)", {"u": "n", "c": "n"}, "c"),
        Probe(f"Y = {f}(U); L = sum(Y * C)", {"U": "m n", "C": "m n"}, "C"),
        Probe(f"r = {f}(s); L = r^2 + 3*r", {"s": ""}),
        Probe(f"u = {layer.one}; h = {f}(u); L = sumsq(h - t)", {**layer.single, "t": "n"}, "t"),
        Probe(f"L = sum({f}({layer.many}) * T)/m", {**layer.batch, "T": layer.out}, "T"),
        Probe(f"L = sum({f}(U) * {f}(U) * C)", {"U": "m n", "C": "m n"}, "C"),
    )


def _of_two(op: Operation, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    side = "n" if layer.convention.vectors_are_rows else "m"
    return (
        Probe(f"y = {f}(u, v); L = sum(y * c)", {"u": "n", "v": "n", "c": "n"}, "c"),
        Probe(f"L = sum({f}(U, V) * C)", {"U": "m n", "V": "m n", "C": "m n"}, "C"),
        Probe(f"L = sum({f}(U, s) * C)", {"U": "m n", "s": "", "C": "m n"}, "C"),
        Probe(f"L = sum({f}(s, U) * C)", {"U": "m n", "s": "", "C": "m n"}, "C"),
        Probe(f"L = sum({f}(U, v) * C)", {"U": "m n", "v": side, "C": "m n"}, "C"),
        Probe(f"h = {f}({layer.one}, t); L = sumsq(h)", {**layer.single, "t": "n"}),
    )


def _with_options(
    op: Operation, arrays: Sequence[str], symbols: Mapping[str, str], loss: str, others: Mapping[str, str]
) -> Iterator[Probe]:
    """Each option as a number and as a scalar of its own, by place and by name."""
    options = [param.name for param in op.params if param.default is not None]
    for place, option in enumerate(options):
        before = [str(param.default) for param in op.params if param.default is not None][:place]
        for given in ("0.7", "s", f"{option} = s"):
            lead = before if "=" not in given else []
            call = f"{op.name}({', '.join([*arrays, *lead, given])})"
            scalar = {"s": ""} if "s" in given.split() else {}
            yield Probe(
                "L = " + loss.format(call=call),
                {**symbols, **others, **scalar},
                " ".join(others),
                positive="s",
            )


def _along(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    """softmax and the like: every line, by default and as written."""
    f = op.name
    if op.shape_rule == "drop":
        losses = (f"{f}(u)^2", f"sumsq({f}(U))", f"sumsq({f}(U, rows))", f"sumsq({f}(U, columns))")
        made = tuple(Probe(f"L = {loss}", {"u": "n"} if "(u)" in loss else {"U": "m n"}) for loss in losses)
    else:
        made = (
            Probe(f"y = {f}(u); L = sum(y * c)", {"u": "n", "c": "n"}, "c"),
            *(
                Probe(f"Y = {f}(U{axis}); L = sum(Y * C)", {"U": "m n", "C": "m n"}, "C")
                for axis in ("", ", rows", ", columns")
            ),
            Probe(f"L = sum({f}(U) * {f}(U) * C)", {"U": "m n", "C": "m n"}, "C"),
        )
    return (
        *made,
        Probe(f"Z = {layer.many}; L = sumsq({f}(Z) - 0.2)", layer.batch),
        Probe(f"z = {layer.one}; L = sumsq({f}(2.5*z))", layer.single),
        Probe(f"L = sumsq({f}(s*u))", {"s": "", "u": "n"}),
    )


def _to_scalar(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"r = {f}(u); L = r^2 + 2*r", {"u": "n"}),
        Probe(f"L = {f}(U)", {"U": "m n"}),
        Probe(f"L = {f}({layer.one} - t)", {**layer.single, "t": "n"}, "t"),
        Probe(f"Z = {layer.many}; L = {f}(Z * Z)/m", layer.batch),
        Probe(f"L = {f}(U) {f}(V) + {f}(U * V)", {"U": "m n", "V": "m n"}),
        Probe(f"L = sum(U / {f}(U) * C)", {"U": "m n", "C": "m n"}, "C"),
    )


def _of_pairs(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    """A scalar of two arrays of one shape: the losses, with their axis and their options."""
    f = op.name
    first, second = (param.name for param in op.params[:2])
    axes = ("", ", rows", ", columns") if op.takes_axis else ("",)
    return (
        Probe(f"L = {f}(u, v)", {"u": "n", "v": "n"}),
        *(Probe(f"L = {f}(U, V{axis})", {"U": "m n", "V": "m n"}) for axis in axes),
        Probe(f"z = {layer.one}; L = {f}(t, z)^2", {**layer.single, "t": "n"}, "t"),
        Probe(f"L = {f}(T, {layer.many})/m", {**layer.batch, "T": layer.out}, "T"),
        Probe(f"L = {f}({second} = v, {first} = u)", {"u": "n", "v": "n"}),
        *_with_options(op, ["U", "V"], {"U": "m n", "V": "m n"}, "{call}", {}),
    )


def _trace(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    if op.domain == "regular":
        return (
            Probe(f"L = {f}(S)", {"S": "n n"}),
            Probe(f"L = {f}(U^T U)^2", {"U": "m n"}),
            Probe(f"L = {f}(A S B)", {"S": "n n", "A": "n n", "B": "n n"}),
            Probe(f"S = A B + eye(n); L = {f}(S) + trace(S)", {"A": "n n", "B": "n n"}),
        )
    return (
        Probe(f"L = {f}(S)", {"S": "n n"}),
        Probe(f"L = {f}(U V)^2", {"U": "m n", "V": "n m"}),
        Probe(f"L = {f}(U^T U S)", {"U": "m n", "S": "n n"}),
        Probe(f"S = U V; L = {f}(S S)", {"U": "m n", "V": "n m"}),
    )


def _inverse(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sum({f}(S) * C)", {"S": "n n", "C": "n n"}, "C"),
        Probe(f"M = {f}(S); L = sumsq(M - C)", {"S": "n n", "C": "n n"}, "C"),
        Probe(f"w = {f}(S + eye(n)) v; L = dot(w, v)", {"S": "n n", "v": "n"})
        if not layer.convention.vectors_are_rows
        else Probe(f"w = v {f}(S + eye(n)); L = dot(w, v)", {"S": "n n", "v": "n"}),
        Probe(f"L = sum({f}(U^T U + eye(n)) * C)", {"U": "m n", "C": "n n"}, "C"),
        Probe(f"L = sumsq({f}(S) S C)", {"S": "n n", "C": "n n"}),
    )


def _stack(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    tall, wide = ("m n", "m k") if layer.convention.vectors_are_rows else ("n m", "k m")
    return (
        Probe(f"z = {f}(u, v); L = sumsq(z)^2", {"u": "m", "v": "n"}),
        Probe(f"Z = {f}(U, V); L = sum(exp(Z))", {"U": tall, "V": wide}),
        Probe(f"L = sumsq({f}(U, V, rows) - C)", {"U": "m n", "V": "m n", "C": "m 2*n"}, "C"),
        Probe(f"L = sumsq({f}(U, V, columns) - C)", {"U": "m n", "V": "m n", "C": "2*m n"}, "C"),
        Probe(f"z = {f}(u, 1, u); L = dot(tanh(z), c)", {"u": "n", "c": "2*n+1"}, "c"),
        Probe(f"z = {f}({layer.one}, t); L = sumsq(z)", {**layer.single, "t": "m"}, "t"),
    )


def _reshape(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"R = {f}(U, n, m); L = sum(R^2 * C)", {"U": "m n", "C": "n m"}, "C"),
        Probe(f"L = sumsq(tanh({f}(u, 2, n)) V)", {"u": "2*n", "V": "n m"}),
        Probe(f"r = {f}(U, 6); L = dot(exp(r), c)", {"U": "2 3", "c": "6"}, "c"),
        Probe(f"L = sumsq({f}({f}(U, n, m), m, n) * C)", {"U": "m n", "C": "m n"}, "C"),
        Probe(f"L = sumsq(V {f}(U, n, m))", {"U": "m n", "V": "k n"}),
    )


def _pad(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"P = {f}(U, 2); L = sum(exp(P) * C)", {"U": "m n", "C": "m+4 n+4"}, "C"),
        Probe(f"L = sumsq({f}(u, 1) * c)", {"u": "n", "c": "n+2"}, "c"),
        Probe(f"L = sumsq(V {f}(U, 1))", {"U": "m n", "V": "k m+2"}),
    )


def _outer(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sum({f}(u, v) * C)", {"u": "m", "v": "n", "C": "m n"}, "C"),
        Probe(f"M = {f}(u, u); L = sumsq(M - S)", {"u": "n", "S": "n n"}),
        Probe(f"L = sumsq({f}(u, {layer.one}))", {**layer.single, "u": "m"}),
    )


def _diag(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sum({f}(u) * S)", {"u": "n", "S": "n n"}),
        Probe(f"M = {f}(u); L = sum(M * S) + sumsq(M)", {"u": "n", "S": "n n"}),
        Probe(f"L = sumsq({f}(u) V)", {"u": "m", "V": "m n"}),
        Probe(f"L = sumsq(S {f}({layer.one}))", {**layer.single, "S": "n n"}),
    )


def _diagonal(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sum({f}(S) * u)", {"u": "n", "S": "n n"}),
        Probe(f"r = {f}(U V); L = sumsq(r)", {"U": "m n", "V": "n m"}),
        Probe(f"L = sumsq({f}(S) - u) + sum(S)", {"u": "n", "S": "n n"}),
    )


def _eye(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sum({f}(n) * S)^2", {"S": "n n"}),
        Probe(f"M = S + {f}(n); L = sumsq(M)", {"S": "n n"}),
        Probe(f"L = sumsq(s {f}(n) - S)", {"S": "n n", "s": ""}),
        Probe(f"L = sumsq(U {f}(n) + V)", {"U": "m n", "V": "m n"}),
    )


def _constant(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sumsq(U + {f}(m, n))", {"U": "m n"}),
        Probe(f"L = sumsq(u + {f}(n))", {"u": "n"}),
        Probe(f"L = sumsq(U - {f}(m, k) V)", {"U": "m n", "V": "k n"}),
        Probe(f"L = dot(u, {f}(n))^2 + sumsq(u)", {"u": "n"}),
    )


def _onehot(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    wide = "n k" if layer.convention.vectors_are_rows else "k n"
    return (
        Probe(f"L = sum({f}(y) * U)", {"y": "n", "U": wide}, labels="y"),
        Probe(f"L = sumsq({f}(y, rows) - U)", {"y": "n", "U": "n k"}, labels="y"),
        Probe(f"L = sumsq({f}(y, columns) - U)", {"y": "n", "U": "k n"}, labels="y"),
        Probe(f"L = sumsq({f}(a) - u)", {"a": "", "u": "k"}, labels="a"),
    )


def _line_sums(op: Structural, layer: _Layer) -> tuple[Probe, ...]:
    f = op.name
    return (
        Probe(f"L = sumsq({f}(U))", {"U": "m n"}),
        Probe(f"r = {f}(U); L = sumsq(U - r)", {"U": "m n"}),
        Probe(f"L = sum({f}(U) * {f}(V))", {"U": "m n", "V": "m n"}),
        Probe(f"L = sumsq({f}({layer.many} - T))", {**layer.batch, "T": layer.out}, "T"),
        Probe(f"L = sum(exp({f}(U * V)))", {"U": "m n", "V": "m n"}),
    )


_STRUCTURAL: Mapping[str, Callable[[Structural, _Layer], tuple[Probe, ...]]] = {
    "same": _along,
    "drop": _along,
    "scalar": _to_scalar,
    "dot": _of_pairs,
    "square-scalar": _trace,
    "square": _inverse,
    "stack": _stack,
    "reshape": _reshape,
    "pad": _pad,
    "outer": _outer,
    "diag": _diag,
    "diagonal": _diagonal,
    "eye": _eye,
    "onehot": _onehot,
    "ones": _constant,
    "zeros": _constant,
    "rows": _line_sums,
    "columns": _line_sums,
}
