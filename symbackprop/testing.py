"""The harness that attacks operations and gradients: whoever adds an operation proves it with this.

    from symbackprop.testing import attack, assert_gradient

    attack("softplus").assert_holds()                      # small networks around one operation
    assert_gradient("L = sum((W x + b - t)^2)", "L", "W")  # one gradient of one forward pass

``attack`` builds small networks in which an operation stands in every position it can have (of a
vector, a matrix, a scalar, broadcast, inside a layer and a loss, used twice, with its options) and
checks of every gradient: each step, the index form, the spelled result, the emitted NumPy code and
``sympy.lambdify``, all against differences of the forward pass at random points away from kinks,
with distinct dims and once with equal ones. Only "holds" counts; what could not be checked is
reported like what fails.

The operation need not be in the table: a changed copy (``dataclasses.replace(op, slopes=...)``)
is attacked in its place, and ``derive`` replaces the deriver itself. That is how the tests of this
module prove that wrong rules are caught.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Operation
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention, Facts, Role, Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.derivation.session import Derived
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import Elementwise, Structural, all_operations, lookup
from symbackprop.pipeline import Problem
from symbackprop.reading.declarations import Declarations, Declared
from symbackprop.reading.infer import infer_program
from symbackprop.reading.program import read_program
from symbackprop.results import Context, Derivation

Deriver = Callable[[Context, Tensor, Sequence[Tensor]], Mapping[Tensor, Derived]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one gradient.

    probe  the forward pass.
    by     what is differentiated by.
    what   "step", "fold" (the last line is the result), "spelled result" or "result" (index form,
           emitted code and lambdify against differences).
    line   the line that was checked.
    """

    probe: str
    by: str
    what: str
    line: str
    verdict: Verdict

    @property
    def holds(self) -> bool:
        """Whether the check was made and passed."""
        return self.verdict.status == "holds"

    def __str__(self) -> str:
        reason = f" ({self.verdict.reason})" if self.verdict.reason else ""
        return f"{self.probe}  by {self.by}: {self.what} {self.verdict.status}{reason}: {self.line}"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was checked of one operation, or of one gradient."""

    subject: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether something was checked and everything holds."""
        return bool(self.findings) and not self.problems

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What fails or could not be checked."""
        return tuple(finding for finding in self.findings if not finding.holds)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What was checked and is wrong."""
        return tuple(finding for finding in self.findings if finding.verdict.status == "fails")

    def assert_holds(self) -> None:
        """AssertionError with every problem unless ``ok``."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.subject}: nothing was checked"
        lines = [f"{self.subject}: {len(self.findings)} checks, {len(self.problems)} do not hold"]
        return "\n  ".join([*lines, *map(str, self.problems)])


@dataclass(frozen=True, slots=True)
class Probe:
    """A small network: ``symbols`` maps a name to its dims, ``fixed`` are the names that are inputs."""

    forward: str
    symbols: Mapping[str, str]
    fixed: str = ""
    positive: str = ""

    def graph(self, convention: Convention, functions: Mapping[str, Operation]) -> Graph:
        """The checked forward pass."""
        declared = {
            name: Declared(
                name,
                tuple(map(Dim.named, dims.split())),
                Role.INPUT if name in self.fixed.split() else Role.PARAMETER,
                facts=Facts(positive=name in self.positive.split()),
            )
            for name, dims in self.symbols.items()
        }
        text = self.forward.replace("; ", "\n")
        return read_program(text, Declarations(declared, {}, functions, convention))


def attack(
    operation: str | Operation,
    convention: Convention | str | None = None,
    *,
    derive: Deriver | None = None,
) -> Report:
    """Check an operation in every position it can have; in all three conventions, or in one.

    Raises ``InputError`` for a name that is not in the table, and for an operation whose shape rule
    no probe is known for.
    """
    op = _operation(operation)
    chosen = tuple(Convention) if convention is None else (Convention(convention),)
    found: list[Finding] = []
    for one in chosen:
        for probe in probes(op, one):
            context = Context(probe.graph(one, {op.name: op}))
            loss = context.graph.equations[-1].target
            found.extend(_attacked(context, loss, context.graph.parameters, probe.forward, derive))
    where = "" if convention is None else f" ({chosen[0].value})"
    return Report(f"{op.name}{where}", tuple(found))


def attack_gradient(
    problem: Problem | str,
    of: str,
    by: str,
    *,
    convention: Convention | str | None = None,
    derive: Deriver | None = None,
) -> Report:
    """Check one gradient of a problem, or of equations as ``symbackprop derive`` reads them.

    ``convention`` belongs to equations only; a problem has its own.
    """
    if isinstance(problem, Problem):
        if convention is not None:
            raise InputError("a problem has a convention of its own", code="schema")
        context, shown = problem.context, problem.spec.forward
    else:
        name = None if convention is None else Convention(convention).value
        graph, _ = infer_program(problem, shapes={}, convention=name, functions=())
        context, shown = Context(graph), problem
    tensors = context.graph.tensors
    for symbol in (of, by):
        if symbol not in tensors:
            raise InputError(
                f"unknown symbol {symbol}", code="unknown-symbol", hint=did_you_mean(symbol, tensors)
            )
    found = _attacked(context, tensors[of], (tensors[by],), "; ".join(shown.split("\n")), derive)
    return Report(f"d{of}/d{by}", tuple(found))


def assert_gradient(
    problem: Problem | str, of: str, by: str, *, convention: Convention | str | None = None
) -> None:
    """AssertionError with every line that does not hold of the gradient of ``of`` by ``by``."""
    attack_gradient(problem, of, by, convention=convention).assert_holds()


def _operation(operation: str | Operation) -> Operation:
    if isinstance(operation, Operation):
        return operation
    found = lookup(operation)
    if found is None:
        hint = did_you_mean(operation, [op.name for op in all_operations()])
        raise InputError(f"there is no operation {operation}", code="unknown-function", hint=hint)
    return found


def _attacked(
    context: Context, of: Tensor, wrt: Sequence[Tensor], shown: str, derive: Deriver | None
) -> Iterator[Finding]:
    derived = (derive or derive_all)(context, of, wrt)
    for by in wrt:
        yield from _checked(context, derived[by], shown)


def derive_all(context: Context, of: Tensor, wrt: Sequence[Tensor]) -> Mapping[Tensor, Derived]:
    """The deriver that is attacked unless another is given: one backward pass of the package's own."""
    return context.session().gradients(of, wrt)


def _checked(context: Context, derived: Derived, shown: str) -> Iterator[Finding]:
    derivation = Derivation(context, derived)
    whole = derivation.verify()
    name = derived.by.name

    def finding(what: str, before: Expr, after: Expr, verdict: Verdict) -> Finding:
        line = f"{to_text(before, context.names)} = {to_text(after, context.names)}"
        return Finding(shown, name, what, line, verdict)

    for step in _every(derivation.steps):
        yield finding("step", step.before.expr, step.after.expr, step.verdict)
    partial, result = derived.partial, derived.expr
    if derivation.steps and not derivation.is_entrywise:
        last = derivation.steps[-1].after.expr
        yield finding("fold", result, last, context.verifier.check_equal(result, last))
    yield finding("spelled result", partial, result, context.verifier.check_equal(partial, result))
    yield finding("result", partial, result, whole)


def _every(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        yield from _every(step.substeps)


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
        hint="add one in symbackprop/testing.py",
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
    return (
        Probe(f"L = {f}(S)", {"S": "n n"}),
        Probe(f"L = {f}(U V)^2", {"U": "m n", "V": "n m"}),
        Probe(f"L = {f}(U^T U S)", {"U": "m n", "S": "n n"}),
        Probe(f"S = U V; L = {f}(S S)", {"U": "m n", "V": "n m"}),
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
    "outer": _outer,
    "diag": _diag,
    "diagonal": _diagonal,
    "eye": _eye,
    "ones": _constant,
    "zeros": _constant,
    "rows": _line_sums,
    "columns": _line_sums,
}
