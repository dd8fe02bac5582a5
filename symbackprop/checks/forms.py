"""Right answers in letters, or in a form, that a question excludes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from symbackprop.checking.judged import Judged
from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Element, Reduce
from symbackprop.problem_file import ProblemSpec
from symbackprop.reading.bodies import DeriveBody

RIGHT = ("correct", "recovered")


def excluded(spec: ProblemSpec, judged: Sequence[Judged]) -> Iterator[tuple[int, str]]:
    """(place, reason) for the last right form of each answer, if no form of it obeys the question."""
    for question in spec.all_questions:
        if not isinstance(question.body, DeriveBody):
            continue
        target = question.body.partial
        whole = not question.body.entry and spec.policy.form != "matrices"
        answers = [
            (place, _opened(one.whole.right.expr, one.setting.named if one.setting is not None else {}))
            for place, one in enumerate(judged)
            if one.verdict in RIGHT and one.whole is not None and one.whole.left is not None
            and one.whole.right is not None and _is_target(one.whole.left.expr, target, whole)
        ]  # fmt: skip
        reasons = [_reason(spec, question.in_terms_of, answer) for _, answer in answers]
        if answers and all(reasons):
            yield answers[-1][0], str(reasons[-1])


def _is_target(left: Expr, target: Partial, whole: bool) -> bool:
    """Whether a line states an answer; entries are on the way to a ``whole`` array that is asked for."""
    general = isinstance(left, Element) and all(slot.single is not None for slot in left.slots)
    base = left.base if isinstance(left, Element) and general and not whole else left
    return isinstance(base, Partial) and base.of is target.of and base.by is target.by


def _reason(spec: ProblemSpec, letters: Sequence[Leaf | Partial] | None, answer: Expr) -> str | None:
    form = spec.policy.form
    in_entries = any(isinstance(node, Element | Reduce) for node in answer.walk())
    if form == "matrices" and in_entries:
        return "the question asks for matrices, not for entries"
    if form == "entries" and not in_entries:
        return "the question asks for entries, not for matrices"
    if letters is None:
        return None
    allowed = {_key(letter) for letter in letters}
    for node in answer.walk():
        if isinstance(node, Leaf | Partial) and _key(node) not in allowed:
            name = node.tensor.name if isinstance(node, Leaf) else f"d{node.of.name}/d{node.by.name}"
            given = ", ".join(
                one.tensor.name if isinstance(one, Leaf) else f"d{one.of.name}/d{one.by.name}"
                for one in letters
            )
            return f"{name} may not stand in the answer: the question allows {given}"
    return None


def _opened(answer: Expr, named: Mapping[str, Expr]) -> Expr:
    """An answer with what the names of the work stand for."""
    if isinstance(answer, Leaf) and answer.tensor.name in named:
        return _opened(named[answer.tensor.name], named)
    return answer.map_children(lambda child: _opened(child, named))


def _key(letter: Leaf | Partial) -> tuple[object, ...]:
    return (letter.tensor,) if isinstance(letter, Leaf) else (letter.of, letter.by)
