"""``Derivation``: the public view of one derivative, which can be verified."""

from __future__ import annotations

from collections.abc import Iterator

from symbackprop.core.verdicts import Evidence, Verdict
from symbackprop.notation.entries import entries_of
from symbackprop.notation.steps import Step
from symbackprop.results.result import Result
from symbackprop.results.ways import by_of, over_indices, ways_of


class Derivation(Result):
    """The derivative of a scalar by an array, with its steps.

    ``text``, ``latex`` and ``result`` are in the named intermediates, ``expanded_text`` and
    ``expanded()`` in inputs and parameters only. The shape is the declared shape of ``by``.
    """

    def verify(self) -> Verdict:
        """Replay every step, and the result three ways, by numbers from the forward pass alone."""
        self._steps = self._context.verified(self._bare_steps())
        verdicts = [verdict for step in self._steps for verdict in _verdicts(step)]
        verdicts.append(self._check_index_form())
        whole = self._check_whole()
        return overall([*verdicts, whole], whole)

    def _check_index_form(self) -> Verdict:
        leaf = self._context.session(self._via).shop.leaf
        right = entries_of(self._derived.form, leaf)
        return self._context.verifier.check_equal(self._derived.entry, right, self.index_objects)

    def _check_whole(self) -> Verdict:
        """All entries, computed in several ways, against differences."""
        verifier, jacobian = self._context.verifier, self._derived.jacobian
        if jacobian is None:
            return verifier.check_partial(self.of, self.by, ways_of(self))
        if not jacobian.is_whole:
            found = {name: over_indices(self, way) for name, way in ways_of(self).items()}
            return verifier.check_entries(jacobian.entry, jacobian.indices, found)
        ways = {name: by_of(self, way) for name, way in ways_of(self).items()}
        return verifier.check_partial(self.of, self.by, ways)


def _verdicts(step: Step) -> Iterator[Verdict]:
    yield step.verdict
    for sub in step.substeps:
        yield from _verdicts(sub)


def overall(verdicts: list[Verdict], whole: Verdict) -> Verdict:
    """Fails if anything fails; not checked if anything is not; else the evidence of the result."""
    for status in ("fails", "not-checked"):
        for verdict in verdicts:
            if verdict.status == status:
                return verdict
    worst = max((v.evidence.max_rel_error or 0.0) for v in verdicts)
    evidence = whole.evidence
    return Verdict("holds", Evidence(evidence.method, evidence.points, evidence.sizes, worst))
