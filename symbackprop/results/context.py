"""``Context``: one graph with its derivers and its verifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from symbackprop.core.concrete import Concrete
from symbackprop.core.expr import Call, Expr
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Convention
from symbackprop.core.verdicts import PendingVerdict
from symbackprop.derivation.session import Session
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.steps import Later, Step
from symbackprop.ops.registry import Elementwise, Structural
from symbackprop.reading.formulas import formula_of
from symbackprop.verification.replay import Verifier


@dataclass(slots=True)
class Context:
    """One graph with everything that works on it; made once for a problem.

    ``in_numbers`` keeps the same graph with numbers for its dims, by the sizes (``results.written_out``).
    """

    graph: Graph
    names: Names = PLAIN
    sizes: Mapping[str, int] | None = None
    in_numbers: dict[tuple[tuple[str, int], ...], tuple[Context, Concrete]] = field(default_factory=dict)
    _session: Session | None = None
    _jacobian_session: Session | None = None
    _verifier: Verifier | None = None
    _verified: dict[int, tuple[Step, Step]] = field(default_factory=dict)
    _pending: dict[int, tuple[Step, Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        names = frozenset((*graph.tensors, *graph.families, *graph.dims, *graph.functions))
        self.names = replace(self.names, reserved=self.names.reserved | names)

    def expand(self, call: Call) -> Expr:
        """The defining expression of a call: a loss, or an elementwise function with a formula."""
        op = call.op
        if call.primes:
            return self.session().shop.slopes.expression(call)
        text = op.written(call.axis) if isinstance(op, Structural) else getattr(op, "formula", None)
        if text is None:
            raise ValueError(f"{op.name} has no defining formula")
        params = {param.name: arg for param, arg in zip(op.params, call.args, strict=True)}
        return formula_of(text, params, self.graph.convention, axis=call.axis, functions=self.graph.functions)

    def read(self, text: str, params: Mapping[str, Expr], convention: Convention) -> Expr:
        """A formula of an operation (a slope, a definition) with its parameters put in."""
        return formula_of(text, params, convention, functions=self.graph.functions)

    def kinks(self, call: Call) -> tuple[Expr, ...]:
        """The expressions at whose zeros a call has no derivative."""
        op = call.op
        if not isinstance(op, Elementwise):
            return ()
        params = {param.name: arg for param, arg in zip(op.params, call.args, strict=True)}
        return tuple(self.read(text, params, self.graph.convention) for text in op.kinks)

    def session(self, via: str = "log") -> Session:
        """The deriver, on the log road or the Jacobian road."""
        if via == "jacobian":
            if self._jacobian_session is None:
                self._jacobian_session = Session(
                    self.graph, self.expand, self.read, self.names, log_road=False
                )
            return self._jacobian_session
        if self._session is None:
            self._session = Session(self.graph, self.expand, self.read, self.names)
        return self._session

    @property
    def verifier(self) -> Verifier:
        """The verifier; its points are drawn when the first line is checked."""
        if self._verifier is None:
            self._verifier = Verifier(self.graph, expand=self.expand, kinks_of=self.kinks, sizes=self.sizes)
        return self._verifier

    def verified(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps with their verdicts; each step is replayed once."""
        for step in steps:
            if id(step) not in self._verified:
                self._verified[id(step)] = (step, self.verifier.verify_steps([step])[0])
        return tuple(self._verified[id(step)][1] for step in steps)

    def pending(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps, each checked once somebody looks at its verdict; derivations share them."""
        for step in steps:
            if id(step) not in self._pending:
                self._pending[id(step)] = (step, self._checked_later(step))
        return tuple(self._pending[id(step)][1] for step in steps)

    def _checked_later(self, step: Step) -> Step:
        def checked() -> Step:
            return self.verified((step,))[0]

        def substeps() -> tuple[Step, ...]:
            verdicts = (PendingVerdict(lambda at=at: checked().substeps[at].verdict) for at in count())  # type: ignore[misc]
            return tuple(
                replace(sub, verdict=verdict) for sub, verdict in zip(step.substeps, verdicts, strict=False)
            )

        later = Later(substeps) if isinstance(step.substeps, Later) or step.substeps else ()
        return replace(step, verdict=PendingVerdict(lambda: checked().verdict), substeps=later)
