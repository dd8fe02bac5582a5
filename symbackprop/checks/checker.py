"""``Checker``: one problem, and the reports of the works that are checked against it.

It joins what the checker must not see: the deriver, which proves that sides are equal for all sizes. No
verdict depends on that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.diagnosis import Diagnosis, Doctor
from symbackprop.checking.edit import turned
from symbackprop.checking.findings import Finding, Inferred, Mark, WorkReport
from symbackprop.checking.judge import Judge
from symbackprop.checking.judged import Judged
from symbackprop.checking.messages import sentence
from symbackprop.checking.numeric import Numeric as GivenPoint
from symbackprop.checking.sight import Sight
from symbackprop.checking.updates import stepped
from symbackprop.checks.forms import excluded
from symbackprop.checks.named_steps import with_named_steps
from symbackprop.checks.points import priced
from symbackprop.core.arrays import Jacobian, Numeric
from symbackprop.core.expr import Expr, Leaf, Number, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Tensor
from symbackprop.core.written import Change, Rounded, Slope
from symbackprop.derivation.proof import Prover
from symbackprop.errors import SymbackpropError
from symbackprop.notation.substitution import entry_in
from symbackprop.notation.text import to_text
from symbackprop.problem_file import ProblemSpec
from symbackprop.reading.number_bodies import UpdateBody
from symbackprop.reading.works.reader import WorkScope, read_work
from symbackprop.reading.works.work import Claim, Reading, Work
from symbackprop.results.context import Context
from symbackprop.verification.given import Given

_UNPROVED = (Jacobian, Slope, Rounded, Change)
_ERRORS = (SymbackpropError, ValueError, KeyError, TypeError, AssertionError, AttributeError, RecursionError)


@dataclass(slots=True)
class Checker:
    """Checks works against one problem; what is drawn and derived is kept between them."""

    spec: ProblemSpec
    context: Context
    _judge: Judge | None = None
    _doctor: Doctor | None = None
    _prover: Prover | None = None
    _proofs: dict[tuple[Expr, Expr], bool] = field(default_factory=dict)

    @property
    def judge(self) -> Judge:
        """The judge of this problem."""
        if self._judge is None:
            bench = Bench(self.spec.graph, self.context.verifier)
            numeric = self._numeric(bench)
            scalars = [e.target for e in self.spec.graph.equations if e.target.is_scalar]
            self._judge = Judge(
                bench, numeric=numeric, prove=self._proves, zero_outside=self.spec.zero_outside,
                sizes=self.spec.sizes,
                loss=scalars[-1] if scalars else None, steps=self._steps(),
                asked=self._asked(),
            )  # fmt: skip
            self._doctor = Doctor(bench, self.context.names, numeric, self._derives)
        return self._judge

    @property
    def prover(self) -> Prover:
        """What proves equalities for all sizes; made once."""
        if self._prover is None:
            self._prover = Prover(self.context.session())
        return self._prover

    @property
    def doctor(self) -> Doctor:
        """The doctor of this problem."""
        assert self.judge is not None
        assert self._doctor is not None
        return self._doctor

    def check(self, text: str, *, kind: str = "md", file: str = "") -> WorkReport:
        """The report of one work."""
        work = self._read(text, kind, file)
        graph = with_named_steps(self.spec.graph, work)
        if graph is None:
            return self.report(work, file=file, text=text)
        context = Context(graph, self.context.names, self.context.sizes)
        other = Checker(replace(self.spec, graph=graph), context)
        return other.report(other._read(text, kind, file), file=file, text=text)

    def _read(self, text: str, kind: str, file: str) -> Work:
        spec = self.spec
        scope = WorkScope(spec.graph, spec.notation, self.context.names, spec.layout, spec.values)
        return read_work(text, scope, kind, file or None)

    def report(self, work: Work, *, file: str = "", text: str = "") -> WorkReport:
        """The report of a work that was read."""
        judged = self.judge.judge(work)
        for place, reason in excluded(self.spec, judged):
            judged[place].verdict, judged[place].cause = "convention", "form"
            judged[place].message = f"right, but {reason}"
        sights = self._sights(judged)
        findings = [self._finding(one, sights) for one in judged]
        findings = priced(findings, self.spec.policy)
        inferred = tuple(self._inferred(work, judged))
        return WorkReport(file, tuple(findings), inferred, None, text, self.spec.graph.first)

    # -- one finding

    def _finding(self, judged: Judged, sights: Sequence[Sight]) -> Finding:
        claim = judged.claim
        diagnosis = None
        if judged.verdict == "wrong":
            diagnosis = self.doctor.diagnose(judged, self.judge.settings_of(judged), sights)
        causes = diagnosis.causes if diagnosis is not None else ()
        cause = causes[0] if causes else judged.cause
        message = diagnosis.message if diagnosis is not None else sentence(judged.message)
        if claim.case and judged.verdict == "wrong":
            message = f"{message} So it is at {claim.case}.".strip()
        span = claim.span
        finding = Finding(
            span.line, span.column, span.end_line, span.end_column, claim.derivation, claim.number,
            claim.latex, self._read_as(judged), judged.verdict, cause, causes or ((cause,) if cause else ()),
            message, evidence=judged.evidence, because=judged.because,
        )  # fmt: skip
        if diagnosis is None:
            return finding
        return replace(
            finding, repair=diagnosis.repair, repairs=diagnosis.repairs, question=diagnosis.question,
            entries=_entries(judged), mark=_mark(diagnosis), typeset=message.replace(
                diagnosis.message, diagnosis.typeset
            ),
        )  # fmt: skip

    def _read_as(self, judged: Judged) -> str | None:
        truth = judged.link or judged.whole
        claim = judged.claim
        left = truth.left if truth is not None and truth.left else _first(claim.left.readings)
        right = truth.right if truth is not None and truth.right else _first(claim.right.readings)
        if left is None or right is None:
            return None
        try:
            names = self.context.names
            return f"{to_text(left.expr, names)} {claim.relation} {to_text(right.expr, names)}"
        except _ERRORS:
            return None

    def _inferred(self, work: Work, judged: Sequence[Judged]) -> Iterator[Inferred]:
        for name, claim in work.defined.items():
            yield Inferred(name, " ".join(claim.latex.split()), claim.line)
        for text in work.inferred:
            yield Inferred(text.split()[0] if text.split() else "", text, None)
        seen: set[str] = set(work.inferred)
        for one in judged:
            truth = one.link or one.whole
            for reading in (truth.left, truth.right) if truth is not None else ():
                for note in reading.notes if reading is not None else ():
                    if note not in seen:
                        seen.add(note)
                        yield Inferred(note.split()[0], note, one.claim.line)

    def _sights(self, judged: Sequence[Judged]) -> list[Sight]:
        """The declared sight, then those in which other lines of the work are right."""
        found = dict.fromkeys([self.judge.bench.declared])
        for one in judged:
            truth = one.whole
            if one.verdict in ("convention", "correct") and truth is not None and truth.sight is not None:
                found.setdefault(truth.sight)
        return list(found)

    # -- what the problem gives

    def _numeric(self, bench: Bench) -> GivenPoint | None:
        spec = self.spec
        if not spec.values:
            return None
        floats = {}
        for name, array in spec.values.items():
            tensor = spec.graph.tensors[name]
            shape = tuple(dim.evaluate(spec.sizes) for dim in tensor.oriented)
            floats[tensor] = np.array(array, dtype=float).reshape(shape)
        given = Given(spec.graph, spec.sizes, floats, self.context.expand)
        return GivenPoint(bench, given.oracle, frozenset(self._constants()))

    def _constants(self) -> Iterator[Fraction]:
        for value in self.spec.values.values():
            if isinstance(value, Fraction):
                yield value
        for step in self._steps().values():
            if isinstance(step, Number):
                yield step.value

    def _asked(self) -> set[Tensor]:
        """What the first question about an update updates, and nothing else."""
        bodies = [one.body for one in self.spec.all_questions if isinstance(one.body, UpdateBody)]
        wanted = [one for body in bodies[:1] for group in body.wanted.values() for one in group]
        return {one.by if isinstance(one, Partial) else one.tensor for one in wanted}

    def _steps(self) -> Mapping[Tensor, Expr]:
        """The declared step of each array that a question updates; of all if there is only one step."""
        found: dict[Tensor, Expr] = {}
        for question in self.spec.all_questions:
            body = question.body
            if isinstance(body, UpdateBody):
                for wanted in body.wanted.values():
                    for one in wanted:
                        step = body.step.source if isinstance(body.step, Numeric) else body.step
                        found[one.by if isinstance(one, Partial) else one.tensor] = step
        if len(set(map(repr, found.values()))) == 1:
            step = next(iter(found.values()))
            for tensor in self.spec.graph.parameters:
                found.setdefault(tensor, step)
        return found

    def _proves(self, left: Expr, right: Expr) -> bool:
        """Whether both sides are equal for all sizes, as far as that is found."""
        known = self._proofs.get((left, right))
        if known is None:
            known = self._proofs[left, right] = self._prove(left, right)
        return known

    def _derives(self, whole: Expr) -> Expr | None:
        """What a derivative, an entry of one, or an array of the forward pass is, in named intermediates."""
        try:
            found = self._derived(whole)
            if found is not None and isinstance(whole, Partial) and self.spec.layout == "numerator":
                return turned(found)
            return found
        except _ERRORS:
            return None

    def _derived(self, whole: Expr) -> Expr | None:
        base = whole.base if isinstance(whole, Element) else whole
        if isinstance(base, Partial) and not base.of.is_scalar:
            return self.prover.jacobian_entry(whole) if isinstance(whole, Element) else None
        if isinstance(base, Partial):
            tensor, value = base.by, self.prover.value(base)
        elif isinstance(base, Leaf) and base.tensor not in self.spec.graph.symbols:
            tensor, value = base.tensor, self.prover.session.definition(base.tensor)
        else:
            return None
        if value is None or not isinstance(whole, Element):
            return value
        return entry_in(value, tensor, whole.slots)

    def _prove(self, left: Expr, right: Expr) -> bool:
        if any(isinstance(node, _UNPROVED) for side in (left, right) for node in side.walk()):
            return False
        try:
            return self.prover.equal(left, right) is not None
        except _ERRORS:
            return False


def _first(readings: Sequence[Reading]) -> Reading | None:
    return readings[0] if readings else None


def _entries(judged: Judged) -> tuple[tuple[int, ...], ...] | None:
    return judged.evidence_entries() or None


def _mark(diagnosis: Diagnosis) -> Mark | None:
    """Where the wrong part stands in the file."""
    if diagnosis.spot is None or diagnosis.reading is None:
        return None
    span = diagnosis.reading.spans.of(diagnosis.spot)
    return None if span is None else Mark(span.line, span.column, span.end_line, span.end_column)


__all__ = ["Checker", "Claim", "Leaf", "stepped"]
