"""Questions of a problem file, answered: which derivation, at which level, in which letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from symbackprop.core.expr import Expr, Leaf, Partial
from symbackprop.core.indexed import Comprehension, Element, IndexValue
from symbackprop.derivation.derived import Derived
from symbackprop.derivation.session import Session
from symbackprop.errors import InputError
from symbackprop.notation.entries import comprehension_of
from symbackprop.notation.formula import Formula
from symbackprop.notation.restrict import Letter, Outcome, Restriction
from symbackprop.notation.steps import Step
from symbackprop.notation.substitution import at
from symbackprop.notation.text import to_text
from symbackprop.problem_file import Question
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.results.written_out import WrittenOut, in_numbers, written_out

_NAMED_IN_A_REASON = 2


def derivation_of(
    context: Context, question: Question, level: str, sizes: Mapping[str, int] | None = None
) -> Derivation:
    """The derivation that answers a question at a level, in the letters it allows.

    ``sizes`` are those of level entries.
    """
    if level == "entries":
        return _written_out(context, question, sizes or {})
    session = context.session(question.via)
    letters = question.in_terms_of
    if letters is None:
        derived = session.derive(question.of, question.by, level, question.entry)
        return Derivation(context, derived, question.via)
    # What is asked for keeps its name: an allowed derivative is not inlined into the answer.
    kept = [one.by for one in letters if isinstance(one, Partial) and one.of is question.of]
    wanted = tuple(dict.fromkeys((question.by, *kept)))
    derived = session.gradients(question.of, wanted, level, question.entry)[question.by]
    return Derivation(context, _restricted(context, session, derived, question, letters), question.via)


def _written_out(context: Context, question: Question, sizes: Mapping[str, int]) -> WrittenOut:
    """The same at level entries: the letters are those of the graph in numbers."""
    letters = question.in_terms_of
    kept = [one.by for one in letters or () if isinstance(one, Partial) and one.of is question.of]
    wanted = tuple(dict.fromkeys((question.by, *kept)))
    found = written_out(context, question.of, wanted, sizes, question.via)[question.by]
    if letters is None:
        return found
    small, made = in_numbers(context, sizes)
    new = made.tensors
    inside = tuple(
        Leaf(new[one.tensor]) if isinstance(one, Leaf) else Partial(new[one.of], new[one.by])
        for one in letters
    )
    session = small.session(question.via)
    by_index = session.gradients(new[question.of], [new[one] for one in wanted], "index")[new[question.by]]
    restricted = _restricted(small, session, by_index, question, inside)
    if restricted is by_index:
        return found
    before, after = found.derived.expr, session.written(restricted.expr, found.by)
    names, reason = small.names, restricted.steps[-1].because
    partial = found.derived.partial
    step = Step("in-terms-of", reason, Formula(before, names), Formula(after, names), quantity=partial)
    derived = replace(found.derived, expr=after, steps=(*found.derived.steps, step))
    return WrittenOut(small, derived, question.via, found.general, found.sizes)


def entry_of(derivation: Derivation) -> Expr:
    """One entry of the derivative, at the free indices of its result."""
    return derivation.derived.entry


def _restricted(
    context: Context, session: Session, derived: Derived, question: Question, letters: tuple[Letter, ...]
) -> Derived:
    """The same derivation with one more line, if its result does not obey the letters."""
    allowed = frozenset(letters)
    in_entries = isinstance(derived.expr, Comprehension)
    equals = _equal_entries if in_entries else _equals
    restriction = Restriction(allowed, lambda letter: tuple(equals(session, derived, letter)))
    restriction.folds = {
        formula: letter
        for letter in letters
        for formula in equals(session, derived, letter)
        if not isinstance(formula, Leaf | Partial)
    }
    found = restriction.best([derived.expr, *equals(session, derived, derived.partial)])
    assert found is not None
    if found.stuck:
        raise _cannot(context, question, letters, found)
    if found.expr == derived.expr:
        return derived
    step = _step(context, derived, found)
    return replace(derived, expr=found.expr, steps=(*derived.steps, step))


def _equals(session: Session, derived: Derived, letter: Letter) -> Iterator[Expr]:
    """Formulas that equal a letter: its definition, or what a derivative was found to be on the way."""
    if isinstance(letter, Leaf):
        definition = session.definition(letter.tensor)
        if definition is not None:
            yield definition
        return
    known: list[Expr] = [letter]
    for step in derived.steps:
        before, after = step.before.expr, step.after.expr
        if step.quantity == letter and before in known and not isinstance(after, Element):
            known.append(after)
            yield after
    if letter.of is derived.of and letter.by in derived.values and derived.values[letter.by] != letter:
        yield derived.values[letter.by]


def _equal_entries(session: Session, derived: Derived, letter: Letter) -> Iterator[Expr]:
    """The same over entries: arrays given by one entry of theirs."""
    if isinstance(letter, Leaf):
        local = session.shop.locals.get(letter.tensor)
        if local is not None and session.definition(letter.tensor) is not None:
            yield comprehension_of(local.form, local.row, local.column, session.shop.leaf)
        return
    known: list[Expr] = []
    entry: Element | None = None
    for step in derived.steps:
        before, after = step.before.expr, step.after.expr
        if step.quantity != letter:
            continue
        if entry is None and isinstance(before, Element) and before.base == letter:
            entry = before
            known.append(before)
        if entry is not None and before in known:
            known.append(after)
            yield _array_of(entry, letter, after)


def _array_of(entry: Element, letter: Partial, body: Expr) -> Comprehension:
    """The array whose ``entry`` is ``body``."""
    sides = [
        entry.slots[axis].single if axis is not None else None
        for axis in (letter.by.axis_of_side(0), letter.by.axis_of_side(1))
    ]
    return Comprehension(sides[0], sides[1], body)


def _step(context: Context, derived: Derived, found: Outcome) -> Step:
    before = derived.expr
    names = context.names
    letters = [f"`{to_text(letter, names)}`" for letter in found.put_in]
    named = 0 < len(letters) <= _NAMED_IN_A_REASON
    reason = f"put in {' and '.join(letters)}" if named else "in the letters the question allows"
    left: Expr = before
    right = found.expr
    if isinstance(before, Comprehension) and isinstance(right, Comprehension):
        # A line over entries goes on from the last one; its own indices, whichever array they came from.
        right = _renamed(right, before)
        left, right = before.body, right.body
    return Step("in-terms-of", reason, Formula(left, names), Formula(right, names), quantity=derived.partial)


def _renamed(array: Comprehension, like: Comprehension) -> Comprehension:
    """The same array with the indices of ``like``."""
    change = {
        old: IndexValue(((new, 1),))
        for old, new in ((array.row, like.row), (array.column, like.column))
        if old is not None and new is not None and old is not new
    }
    return Comprehension(like.row, like.column, at(array.body, change)) if change else array


def _cannot(
    context: Context, question: Question, letters: tuple[Letter, ...], found: Outcome
) -> InputError:
    texts = sorted(to_text(letter, context.names) for letter in found.stuck)
    given = ", ".join(to_text(letter, context.names) for letter in letters)
    joined = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    return InputError(
        f"{question.target} cannot be written in terms of {given}: {joined} cannot be avoided",
        code="schema",
        file=question.file,
        line=question.line,
        column=question.column,
        hint=f"add {', '.join(texts)} to in_terms_of",
    )
