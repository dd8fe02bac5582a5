"""Why a wrong line is wrong: its causes, the corrected line, words and evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.checking.bench import Bench
from symbackprop.checking.done_instead import done_instead, only_rounded
from symbackprop.checking.edits import Edit
from symbackprop.checking.evidence import example_of, sentence
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.messages import CAUSE_WORDS, entry_words
from symbackprop.checking.messages import sentence as said
from symbackprop.checking.numeric import Numeric
from symbackprop.checking.outcome import Setting
from symbackprop.checking.recognised import recognised
from symbackprop.checking.repair import Repair, repairs
from symbackprop.checking.sight import Sight, sights
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.arrays import Grid
from symbackprop.core.dims import Dim
from symbackprop.core.expr import ZERO, Expr, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.errors import SymbackpropError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.notation.text import to_text
from symbackprop.reading.works.work import Reading
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Refusal

_PRINT_ERRORS = (SymbackpropError, ValueError, TypeError, KeyError, AttributeError, AssertionError)
MOST_READINGS = 4
# A forgotten path is found as a missing term too.
_NEAR: Mapping[str, tuple[str, ...]] = {
    "softmax-diagonal": ("softmax-diagonal",),
    "single-path": ("missing-regulariser", "missing-term", "missing-factor", "single-path"),
    "missing-regulariser": ("missing-regulariser",),
}


Derive = Callable[[Partial], Expr | None]


@dataclass(slots=True)
class Diagnosis:
    """The causes of one wrong line, the likeliest first, with what is said about it."""

    causes: tuple[str, ...]
    message: str
    question: str
    repair: str | None = None
    repairs: tuple[str, ...] = ()
    spot: Expr | None = None
    reading: Reading | None = None


class Doctor:
    """Diagnoses the wrong lines of one problem; ``derive`` says what a derivative of a scalar is."""

    def __init__(
        self, bench: Bench, names: Names, numeric: Numeric | None = None, derive: Derive | None = None
    ) -> None:
        self.bench = bench
        self.derive = derive
        self.names = names
        self.numeric = numeric
        self.words = Vocabulary(bench.graph, bench.batch, bench.declared.layout)

    def diagnose(self, judged: Judged, setting: Setting, usual: Sequence[Sight]) -> Diagnosis:
        """The causes of a wrong line; ``usual`` are the ways in which the work is right elsewhere."""
        truth = judged.whole if judged.whole is not None and judged.whole.left is not None else judged.link
        if truth is None or truth.left is None or truth.right is None:
            return self._plain(judged, "algebra")
        if truth.numeric:
            return self._numeric(judged, truth, setting)
        for other in self._readings(judged, truth):
            diagnosis = self._by_repair(judged, other, setting, usual)
            if diagnosis is not None:
                return diagnosis
        left = truth.left.expr
        plain = self._plain(judged, self._fallback(judged, left, truth.right.expr))
        value = self._derived(left, setting)
        if value is not None:
            plain.repair = self._line(judged, value)
            plain.repairs = () if plain.repair is None else (plain.repair,)
        return plain

    def _readings(self, judged: Judged, truth: Truth) -> Iterator[Truth]:
        """The reading that was judged, then the other ones."""
        yield truth
        for left, right in replace(judged.claim, left=judged.claim.first).readings(MOST_READINGS):
            if left is not truth.left or right is not truth.right:
                yield replace(truth, left=left, right=right)

    def _by_repair(
        self, judged: Judged, truth: Truth, setting: Setting, usual: Sequence[Sight]
    ) -> Diagnosis | None:
        """The diagnosis of one reading, if some change of it makes the line true."""
        assert truth.left is not None
        assert truth.right is not None
        left, right = truth.left.expr, truth.right.expr
        bench = self.bench if truth.sizes is None else self.bench.sized(truth.sizes)
        found = repairs(bench, self.words, left, right, setting, usual)
        special = recognised(self.bench, self.words, left, right, setting)
        if special is not None:
            same = [one for one in found if one.cause in _NEAR.get(special[0], (special[0],))]
            if same or not found or special[0] in _NEAR:
                explained = self._explained(judged, truth, special, same, setting)
                explained.causes = tuple(dict.fromkeys((*explained.causes, *(one.cause for one in found))))
                return explained
        if found:
            return self._repaired(judged, truth, found)
        if isinstance(right, Grid):
            return self._cell(judged, left, right, setting, usual)
        return None

    # -- a repair was found

    def _repaired(self, judged: Judged, truth: Truth, found: list[Repair]) -> Diagnosis:
        best = found[0].edit
        causes = tuple(dict.fromkeys(repair.cause for repair in found))
        assert truth.right is not None
        fields = self._fields(judged, best) | {"what": _by(truth)}
        words = CAUSE_WORDS[best.cause]
        message = words.sentence.format(**fields)
        message = _sentence(words.sentence, message)
        reason = self._reason(truth, best)
        example = self._example(truth.right.expr, best.expr)
        text = " ".join(part for part in (message, reason, example) if part)
        lines = tuple(line for repair in found if (line := self._line(judged, repair.edit.expr)) is not None)
        return Diagnosis(
            causes, text, words.question.format(**fields), lines[0] if lines else None, lines,
            best.spot, truth.right,
        )  # fmt: skip

    def _fields(self, judged: Judged, edit: Edit | None) -> dict[str, str]:
        old = "this"
        if edit is not None:
            whole = edit.spot if edit.shown is None or edit.cause.startswith("extra") else edit.shown
            old = self._text(whole) or old
        new = "something else" if edit is None else self._text(edit.new or edit.expr) or "something else"
        return {
            "old": old, "new": new, "reason": judged.evidence.reason or "they differ",
            "numbers": self._numbers(judged), "missing": "", "what": "it",
        }  # fmt: skip

    def _reason(self, truth: Truth, edit: Edit) -> str:
        """Where the right form comes from: the equations through which the quantity acts."""
        assert truth.left is not None
        base = truth.left.expr.base if isinstance(truth.left.expr, Element) else truth.left.expr
        if not isinstance(base, Partial) or edit.cause not in ("transpose", "order", "missing-batch-sum"):
            return ""
        users = [e for e in self.bench.graph.consumers_of(base.by) if e.expr is not None]
        if len(users) != 1 or not users[0].text:
            return ""
        return f"{base.by.name} enters through {users[0].text}."

    def _example(self, wrong: Expr, right: Expr) -> str:
        try:
            run = self.bench.runs[0]
        except Refusal:
            return ""
        found = example_of(wrong, right, run.point, run.expand)
        return "" if found is None else sentence(found, lambda letter: self._text(letter) or "?")

    def _line(self, judged: Judged, right: Expr) -> str | None:
        """The corrected claim in LaTeX, its left side as it was written."""
        try:
            return f"{judged.claim.first.latex} = {to_latex(right, self.names)}"
        except _PRINT_ERRORS:
            return None

    def _text(self, expr: Expr) -> str | None:
        try:
            return to_text(expr, self.names)
        except _PRINT_ERRORS:
            return None

    # -- causes that are recognised by their numbers

    def _derived(self, left: Expr, setting: Setting) -> Expr | None:
        """What the left side really is, where the deriver says so and the numbers agree."""
        if self.derive is None:
            return None
        base = left.base if isinstance(left, Element) else left
        value = self.derive(base) if isinstance(base, Partial) else None
        if value is None:
            return None
        right = Element(value, left.slots) if isinstance(left, Element) else value
        return right if self.bench.link(left, right, setting).holds else None

    def _explained(
        self, judged: Judged, truth: Truth, special: tuple[str, str], same: list[Repair], setting: Setting
    ) -> Diagnosis:
        """A cause that was recognised by its numbers, with a repair that was found or derived."""
        cause, missing = special
        assert truth.left is not None
        assert truth.right is not None
        right = same[0].edit.expr if same else self._derived(truth.left.expr, setting)
        words = CAUSE_WORDS[cause]
        new = "the sum of all parts" if right is None else self._text(right) or "the sum of all parts"
        fields = self._fields(judged, None) | {"missing": f"the one through {missing}", "new": new}
        message = words.sentence.format(**fields)
        line = None if right is None else self._line(judged, right)
        return Diagnosis(
            (cause,), _sentence(words.sentence, message), words.question.format(**fields), line,
            () if line is None else (line,), truth.right.expr, truth.right,
        )  # fmt: skip

    # -- matrices cell by cell, numbers

    def _cell(
        self, judged: Judged, left: Expr, right: Grid, setting: Setting, usual: Sequence[Sight]
    ) -> Diagnosis | None:
        """The cause of the first cell that is wrong."""
        entry = next((place for place in judged.evidence_entries() if len(place) >= 1), None)
        if entry is None or judged.evidence.counterexample is None:
            return None
        width = right.columns
        place = entry[-2:] if len(entry) > 1 else (1, entry[0]) if len(right.rows) == 1 else (entry[0], 1)
        at = (place[0] - 1) * width + place[1] - 1
        if not 0 <= at < len(right.cells):
            return None
        cell = right.cells[at]
        entry_of = Element(left, tuple(IndexValue((), Dim(k)) for k in place))
        if self.bench.link(entry_of, ZERO, setting).holds:
            diagnosis = self._plain(judged, "kronecker")
            diagnosis.causes = ("kronecker", "index")
            diagnosis.message = said(f"{self._entry(place)} is 0. {said(self._numbers(judged))}")
            diagnosis.spot = cell
            return diagnosis
        found = repairs(self.bench, self.words, entry_of, cell, setting, usual)
        if not found:
            return None
        truth = Truth(judged.whole.outcome if judged.whole else judged.link.outcome)  # type: ignore[union-attr]
        best = found[0].edit
        words = CAUSE_WORDS[best.cause]
        fields = self._fields(judged, best)
        message = words.sentence.format(**fields)
        causes = tuple(dict.fromkeys(repair.cause for repair in found))
        return Diagnosis(
            causes, said(f"in {self._entry(place)}: {message}"), words.question.format(**fields),
            None, (), best.spot, truth.right,
        )  # fmt: skip

    def _numeric(self, judged: Judged, truth: Truth, setting: Setting) -> Diagnosis:
        """What was done instead: the change of the line before that gives the numbers written."""
        assert self.numeric is not None
        assert truth.right is not None
        link = judged.link if judged.link is not None and judged.link.left is not None else truth
        assert link.left is not None
        for cause, spot in done_instead(self.numeric, self.words, link.left.expr, truth.right.expr, setting):
            diagnosis = self._plain(judged, cause)
            diagnosis.spot = spot if link.left is truth.right else None
            return diagnosis
        return self._plain(judged, "rounding" if only_rounded(judged, truth) else "number")

    # -- no repair

    def _fallback(self, judged: Judged, left: Expr, right: Expr) -> str:
        outcome = (judged.whole or judged.link).outcome  # type: ignore[union-attr]
        if self._right_for_one(judged, left, right):
            return "missing-batch-sum"
        free = [index for index in free_indices(left) if index not in free_indices(right)]
        if outcome.clash:
            return "shape"
        if free and isinstance(left, Element):
            return "index"
        return "algebra"

    def _right_for_one(self, judged: Judged, left: Expr, right: Expr) -> bool:
        """Whether the line is right where the batch has one example only."""
        if not self.bench.batch_dims:
            return False
        truth = judged.whole or judged.link
        sizes = dict(truth.sizes or {}) if truth is not None else {}
        bench = self.bench.sized({**sizes, **dict.fromkeys(self.bench.batch_dims, 1)})
        if bench.link(left, ZERO, judged.setting).holds:
            return False  # with one example there is nothing that could be right or wrong
        found = sights(self.bench.graph, batch=False, listed=False)
        return any(bench.link(left, right, judged.setting, sight).holds for sight in found)

    def _plain(self, judged: Judged, cause: str) -> Diagnosis:
        words = CAUSE_WORDS[cause]
        fields = self._fields(judged, None)
        message = words.sentence.format(**fields)
        if cause in ("index", "kronecker"):
            message = (
                f"the right side does not depend on the indices as the left side does: {fields['numbers']}"
            )
        elif "{old}" in words.sentence or "{new}" in words.sentence:
            message = f"{words.meaning}: {fields['numbers']}"
        return Diagnosis((cause,), _sentence(words.sentence, message), words.question.format(**fields))

    def _entry(self, place: Sequence[int]) -> str:
        return entry_words(place, self.bench.graph.first)

    def _numbers(self, judged: Judged) -> str:
        example = judged.evidence.counterexample
        if example is None:
            return judged.evidence.reason or "the two sides differ"
        entry = self._entry(example.entry) if example.entry else "it"
        sizes = ", ".join(f"{name} = {size}" for name, size in example.sizes.items())
        at = f" at a random point with {sizes}" if sizes and example.seed else ""
        return f"{entry} should be {example.expected:.4g}, the line gives {example.got:.4g}{at}"


def _by(truth: Truth) -> str:
    """What a line differentiates by, by its name."""
    left = None if truth.left is None else truth.left.expr
    base = left.base if isinstance(left, Element) else left
    return base.by.name if isinstance(base, Partial) else "it"


def _sentence(template: str, words: str) -> str:
    """A sentence; one that begins with a formula gets a word before it."""
    if template.startswith("{old}") and words:
        words = f"here {words}"
    return said(words)
