"""Why a wrong line is wrong: its causes, the corrected line, words and evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from symbackprop.checking.bench import Bench
from symbackprop.checking.done_instead import done_instead, only_rounded
from symbackprop.checking.edits import Edit
from symbackprop.checking.evidence import example_of, sentence
from symbackprop.checking.judged import Judged, Truth
from symbackprop.checking.messages import CAUSE_WORDS, TERM_WORDS, entry_words
from symbackprop.checking.messages import sentence as said
from symbackprop.checking.numeric import Numeric
from symbackprop.checking.outcome import Setting
from symbackprop.checking.reasons import extents_words, slope_formula, variable_of, where_it_enters
from symbackprop.checking.recognised import recognised
from symbackprop.checking.repair import Repair, repairs
from symbackprop.checking.sight import Sight, sights
from symbackprop.checking.spelled import PRINT_ERRORS, Formulas
from symbackprop.checking.term_by_term import compared
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.arrays import Grid, Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import ZERO, Add, Expr, Leaf, Partial
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.written import Slope
from symbackprop.errors import SymbackpropError
from symbackprop.notation.latex import to_latex
from symbackprop.notation.names import Names
from symbackprop.reading.works.work import Reading
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Refusal

MOST_READINGS = 4
GUESSED = 2.0  # the cost of repairs that put something of the problem in
_OF_TERMS = ("missing-term", "extra-term")
_OF_FACTORS = ("missing-regulariser", "missing-factor", "missing-activation-derivative")
_NAMES = (Leaf, Partial, Element, Jacobian, Slope)
# A forgotten path is found as a missing term too.
_NEAR: Mapping[str, tuple[str, ...]] = {
    "softmax-diagonal": ("softmax-diagonal",),
    "single-path": ("missing-regulariser", "missing-term", "missing-factor", "single-path"),
    "missing-regulariser": ("missing-regulariser",),
}


Derive = Callable[[Expr], Expr | None]


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
    typeset: str = ""  # the message with its formulas in LaTeX


class Doctor:
    """Diagnoses the wrong lines of one problem; ``derive`` says what a derivative of a scalar is."""

    def __init__(
        self, bench: Bench, names: Names, numeric: Numeric | None = None, derive: Derive | None = None
    ) -> None:
        self.bench = bench
        self.derive = derive
        self.names = names
        self.numeric = numeric
        self.formulas = Formulas(names)
        self.words = Vocabulary(bench.graph, bench.batch, bench.declared.layout)

    def diagnose(self, judged: Judged, setting: Setting, usual: Sequence[Sight]) -> Diagnosis:
        """The causes of a wrong line; ``usual`` are the ways in which the work is right elsewhere."""
        self.formulas = Formulas(self.names)
        try:
            found = self._diagnosed(judged, setting, usual)
        except (SymbackpropError, Refusal):  # a change that cannot even be looked at explains nothing
            found = self._plain(judged, "algebra")
        found.typeset = self.formulas.typeset(found.message)
        found.message, found.question = map(self.formulas.plain, (found.message, found.question))
        return found

    def _diagnosed(self, judged: Judged, setting: Setting, usual: Sequence[Sight]) -> Diagnosis:
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
        parts = (plain.message, self._reason(truth), extents_words(truth, self._text))
        plain.message = " ".join(part for part in parts if part)
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
        sure = found and found[0].edit.cost < GUESSED and found[0].cause not in _OF_TERMS
        if not sure and truth.sizes is None:
            by_terms = self._by_terms(judged, truth, setting, usual, found)
            if by_terms is not None:
                return by_terms
        if found:
            return self._repaired(judged, truth, found)
        if isinstance(right, Grid):
            return self._cell(judged, left, right, setting, usual)
        return None

    # -- term by term

    def _by_terms(
        self, judged: Judged, truth: Truth, setting: Setting, usual: Sequence[Sight], found: list[Repair]
    ) -> Diagnosis | None:
        """Which terms of the right value the line lacks, or has wrongly."""
        assert truth.left is not None
        assert truth.right is not None
        left, line = truth.left.expr, truth.right.expr
        value = self._derived(left, setting)
        if value is None and isinstance(left, _NAMES):
            return None
        for sight in usual[:2]:
            seen = compared(self.bench, self.words, left, value or left, line, setting, sight)
            if seen is not None:
                break
        else:
            return None
        if found and seen.cause not in (*_OF_TERMS, *_OF_FACTORS):
            return None
        old, new = self._sum_text(seen.excess), self._sum_text(seen.lacking)
        fields = self._fields(judged, None) | {
            "old": old or self._text(line) or "this", "new": new or "the rest", "missing": new,
            "factor": "" if seen.factor is None else self._text(seen.factor) or "",
        }  # fmt: skip
        words, template = CAUSE_WORDS[seen.cause], TERM_WORDS[seen.cause]
        message = template.format(**fields)
        mended = seen.mended(line)
        fits = mended is not None and self.bench.link(left, mended, setting, sight).holds
        right = mended if fits else value
        shown = None if right is None else self._line(judged, right)
        parts = [said(message), self._reason(truth), self._example(line, right) if right else ""]
        causes = tuple(dict.fromkeys((seen.cause, *(one.cause for one in found))))
        return Diagnosis(
            causes, " ".join(part for part in parts if part), words.question.format(**fields), shown,
            () if shown is None else (shown,), seen.excess[0] if len(seen.excess) == 1 else line,
            truth.right,
        )  # fmt: skip

    def _sum_text(self, terms: Sequence[Expr]) -> str:
        if not terms:
            return ""
        return self._text(terms[0] if len(terms) == 1 else Add(tuple(terms))) or ""

    # -- a repair was found

    def _repaired(self, judged: Judged, truth: Truth, found: list[Repair]) -> Diagnosis:
        best = found[0].edit
        causes = tuple(dict.fromkeys(repair.cause for repair in found))
        assert truth.right is not None
        fields = self._fields(judged, best) | {"what": self._by(truth)}
        words = CAUSE_WORDS[best.cause]
        message = words.sentence.format(**fields)
        message = _sentence(words.sentence, message)
        reason = self._reason(truth)
        example = self._example(truth.right.expr, best.expr) or extents_words(truth, self._text)
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
        if edit is not None and edit.cause == "activation-not-derivative":
            new += slope_formula(self.words, edit.new, self._text)
        return {
            "old": old, "new": new, "reason": judged.evidence.reason or "they differ",
            "numbers": self._numbers(judged), "missing": "", "what": "it",
        }  # fmt: skip

    def _reason(self, truth: Truth) -> str:
        """Where the right form comes from: the equations through which the quantity acts."""
        if truth.left is None:
            return ""
        try:
            return where_it_enters(self.bench, truth.left.expr, self._text, self.formulas.equation)
        except (*PRINT_ERRORS, Refusal):
            return ""

    def _by(self, truth: Truth) -> str:
        """What a line differentiates by."""
        tensor = None if truth.left is None else variable_of(truth.left.expr)
        return "it" if tensor is None else self._text(Leaf(tensor)) or tensor.name

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
        except PRINT_ERRORS:
            return None

    def _text(self, expr: Expr) -> str | None:
        return self.formulas.mark(expr)

    # -- causes that are recognised by their numbers

    def _derived(self, left: Expr, setting: Setting) -> Expr | None:
        """What the left side really is, where the deriver says so and the numbers agree."""
        if self.derive is None:
            return None
        right = self.derive(left)
        return right if right is not None and self.bench.link(left, right, setting).holds else None

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
        fields |= {"old": self._text(truth.right.expr) or "this", "what": self._by(truth)}
        message = _sentence(words.sentence, words.sentence.format(**fields))
        reason = self._reason(truth) if cause != "softmax-diagonal" else ""
        message = f"{message} {reason}".strip()
        line = None if right is None else self._line(judged, right)
        return Diagnosis(
            (cause,), message, words.question.format(**fields), line,
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


def _sentence(template: str, words: str) -> str:
    """A sentence; one that begins with a formula gets a word before it."""
    if template.startswith("{old}") and words:
        words = f"here {words}"
    return said(words)
