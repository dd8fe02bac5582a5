"""``jacobian``: the derivative of an array by an array, at each level, and case by case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from symbackprop.answering.derive import derived_answer
from symbackprop.answering.desk import Desk
from symbackprop.answering.record import Answer, Case
from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Hadamard, Partial
from symbackprop.core.indexed import Element, IndexValue, Indicator
from symbackprop.core.tensors import Index
from symbackprop.core.verdicts import Verdict
from symbackprop.documents.model import Cases, Shown, ShownCase
from symbackprop.errors import InputError
from symbackprop.notation.formula import Formula
from symbackprop.notation.latex import to_latex
from symbackprop.notation.steps import Step
from symbackprop.notation.substitution import at
from symbackprop.notation.text import to_text
from symbackprop.problem_file import Question
from symbackprop.reading.jacobian_bodies import CaseAsked, JacobianBody, Places
from symbackprop.results.derivation import Derivation, overall
from symbackprop.verification.free import free_indices


def jacobian(desk: Desk, question: Question) -> Iterator[Answer]:
    """One answer for each level."""
    body = question.body
    assert isinstance(body, JacobianBody)
    for level in desk.levels(question):
        derivation = desk.jacobian_of(body, question.via, level)
        answer = derived_answer(question.id, question.kind, body.target, level, derivation)
        if body.definition and level != "entries":
            answer = _defined(desk, answer, derivation)
        yield _with_cases(desk, question, body, answer) if body.cases else answer


def _defined(desk: Desk, answer: Answer, derivation: Derivation) -> Answer:
    """The answer with the definition first: entry (i, j) of dH/dU is dH[i]/dU[j]."""
    name = derivation.derived.asked if not derivation.slices else derivation.slices[0][0]
    if not isinstance(name, Jacobian):
        of, by = derivation.of, derivation.by
        raise InputError(
            f"the derivative of {of.name} by {by.name} has more than two indices and is no matrix",
            code="shape",
            hint=f"leave out the definition, or ask for d{of.name}/d{by.name} entry by entry",
        )
    array, names = name.comprehension(), desk.context.names
    places = tuple(IndexValue(((index, 1),)) for index in (array.row, array.column) if index is not None)
    rows, columns = (name.by, name.of) if name.flipped else (name.of, name.by)
    words = f"a row for each entry of `{rows.name}`, a column for each entry of `{columns.name}`"
    if name.is_of_entry:
        words = f"in the shape of `{name.by.name}`"
    step = Step(
        "definition",
        "by definition" if len(places) < 2 else f"by definition: {words}",
        Formula(Element(name, places), names),
        Formula(array.body, names),
        heading="What a Jacobian is.",
    )
    (checked,) = desk.context.verified((step,))
    steps = (checked, *answer.steps)
    verdict = overall([answer.verdict, checked.verdict], answer.verdict)
    shown = replace(answer.shown, steps=steps, verdict=verdict)
    return replace(answer, steps=steps, verdict=verdict, shown=shown)


@dataclass(frozen=True, slots=True)
class _Worked:
    """One case, worked out."""

    asked: CaseAsked
    entry: Expr
    condition: Expr | None
    derivation: Derivation
    steps: tuple[Step, ...]
    verdicts: tuple[Verdict, ...]


def _with_cases(desk: Desk, question: Question, body: JacobianBody, answer: Answer) -> Answer:
    worked = [_work(desk, question, body, case) for case in body.cases]
    names = desk.context.names
    values = [one.derivation.formula.expr for one in worked]
    cases = tuple(
        Case(one.asked.text, to_text(value, names), str(to_latex(value, names)))
        for one, value in zip(worked, values, strict=True)
    )
    steps = (*answer.steps, *(step for one in worked for step in one.steps))
    verdict = overall([answer.verdict, *(v for one in worked for v in one.verdicts)], answer.verdict)
    shown = Shown(
        asks=answer.shown.asks,
        boxes=answer.shown.boxes,
        steps=steps,
        verdict=verdict,
        of=answer.shown.of,
        level=answer.level or "",
        assumptions=answer.shown.assumptions,
        numpy=answer.shown.numpy,
        cases=(
            Cases(
                _entry_of_cases(answer, worked),
                tuple(ShownCase(one.derivation.formula, words=f"if {_spelled(one.asked)}") for one in worked),
            ),
        ),
    )
    return replace(answer, cases=cases, steps=steps, verdict=verdict, shown=shown)


def _entry_of_cases(answer: Answer, worked: list[_Worked]) -> Expr:
    """The entry that the cases are the values of: with a letter for each position that may differ."""
    target = answer.shown.boxes[0].target
    if isinstance(target, Element):
        return target
    return max((one.entry for one in worked), key=lambda entry: len(set(free_indices(entry))))


def _work(desk: Desk, question: Question, body: JacobianBody, case: CaseAsked) -> _Worked:
    """The lines of one case: positions that are equal are one letter, those that differ are apart."""
    entry, apart = _merged(body.entry, case)
    session = desk.context.session(question.via)
    derived = session.jacobian(
        body.of, body.by, "index", flipped=desk.flipped, entry=entry, apart=tuple(apart)
    )
    assert derived.jacobian is not None
    letters = {index.letter: index for index in derived.indices}
    relations = [one.relation for one in case.conditions if one.relation is not None]
    here = [_with_letters(relation, letters) for relation in relations]
    steps = tuple(step for step in derived.steps if step.quantity == Partial(body.of, body.by))
    if body.of.gradient is not None:  # the lines up to here are those of the whole
        first_own = [at for at, step in enumerate(steps) if step.rule == "entry"]
        steps = steps[first_own[0] :] if first_own else ()
    if here:
        derived, last = session.where(derived, here)
        steps = (*steps, *last)
    unequal = [Indicator(_place(a, letters), "!=", _place(b, letters)) for a, b in apart]
    conditions: list[Expr] = [*unequal, *here]
    condition = (
        None if not conditions else conditions[0] if len(conditions) == 1 else Hadamard(tuple(conditions))
    )
    derivation = Derivation(desk.context, derived, question.via)
    first = replace(steps[0], because=f"where {_spelled(case)}: {steps[0].because}") if steps else None
    steps = (first, *steps[1:]) if first is not None else ()
    checked = desk.context.verified(steps) if condition is None else _checked(desk, condition, steps)
    verdicts = [step.verdict for step in checked]
    final = derived.expr.body if hasattr(derived.expr, "body") else derived.expr
    verifier = desk.context.verifier
    whole = (
        verifier.check_equal(derived.entry, final)
        if condition is None
        else verifier.check_where(condition, derived.entry, final)
    )
    return _Worked(case, derived.entry, condition, derivation, checked, (*verdicts, whole))


def _spelled(case: CaseAsked) -> str:
    """The relations of a case in words."""
    return " and ".join(f"`{one.text}`" for one in case.conditions)


def _merged(
    entry: tuple[Places | None, Places | None], case: CaseAsked
) -> tuple[tuple[Places, Places], list[tuple[str | int, str | int]]]:
    """The entry with equal positions under one letter, and the pairs that differ."""
    change: dict[str | int, str | int] = {}

    def now(place: str | int) -> str | int:
        while place in change:
            place = change[place]
        return place

    for condition in case.conditions:
        left, right = condition.left, condition.right
        if left is None or right is None or condition.op != "=":
            continue
        left, right = now(left), now(right)
        if left != right:
            old, new = (left, right) if isinstance(left, str) and isinstance(right, int) else (right, left)
            change[old] = new
    first, second = (tuple(now(place) for place in side or ()) for side in entry)
    apart = [
        (now(c.left), now(c.right))
        for c in case.conditions
        if c.left is not None and c.right is not None and c.op == "!="
    ]
    return (first, second), apart


def _with_letters(relation: Indicator, letters: dict[str, Index]) -> Indicator:
    """The relation in the indices of a derivation."""
    own = {
        index: IndexValue(((letters[index.letter], 1),))
        for node in relation.walk()
        if isinstance(node, IndexValue)
        for index, _ in node.indices
        if index.letter in letters
    }
    found = at(relation, own)
    assert isinstance(found, Indicator)
    return found


def _place(place: str | int, letters: dict[str, Index]) -> Expr:
    return IndexValue((), Dim(place)) if isinstance(place, int) else IndexValue(((letters[place], 1),))


def _checked(desk: Desk, condition: Expr, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps, each checked where the condition holds."""
    verifier = desk.context.verifier
    return tuple(
        replace(step, verdict=verifier.check_where(condition, step.before.expr, step.after.expr))
        for step in steps
    )
