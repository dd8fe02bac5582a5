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

from symbackprop.core.expr import Expr
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Tensor
from symbackprop.core.verdicts import Verdict
from symbackprop.derivation.derived import Derived
from symbackprop.errors import InputError, did_you_mean
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import all_operations, lookup
from symbackprop.pipeline import Problem
from symbackprop.reading.infer import infer_program
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.testing.probes import Probe, probes

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


def attack(
    operation: str | Operation,
    convention: Convention | str | None = None,
    *,
    derive: Deriver | None = None,
) -> Report:
    """Check an operation in every position it can have; in all three conventions, or in one.

    Of all three, the column conventions share what holds no layer: only layers differ between them.
    Raises ``InputError`` for a name that is not in the table, and for an operation whose shape rule
    no probe is known for.
    """
    op = _operation(operation)
    chosen = tuple(Convention) if convention is None else (Convention(convention),)
    found: list[Finding] = []
    done: dict[bool, list[Probe]] = {}
    for one in chosen:
        before = done.setdefault(one.vectors_are_rows, [])
        new = [probe for probe in probes(op, one) if probe not in before]
        before.extend(new)
        for probe in new:
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


__all__ = [
    "Deriver",
    "Finding",
    "Probe",
    "Report",
    "assert_gradient",
    "attack",
    "attack_gradient",
    "derive_all",
    "probes",
]
