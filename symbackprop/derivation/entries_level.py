"""Level ``entries``: small sizes, every entry written out, as on a board.

For each equation C through which V reaches the loss, and each entry of V:

    C[1] = ...                                              the forward pass, entry by entry
    d loss/dV[1,1] = d loss/dC[1] dC[1]/dV[1,1] + ...       the chain rule over the entries of C
                   = d loss/dC[1] x[1] + d loss/dC[2] * 0   each local derivative, zeros shown
                   = d loss/dC[1] x[1]
    d loss/dV      = [ ... ]                                the entries in the shape of V
                   = ...                                    as a matrix product, where there is one

The forms are those of the other levels at whole-number places. The graph must have numbers for dims.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from symbackprop.core.arrays import Grid
from symbackprop.core.expr import Add, Call, Expr, Leaf, Partial
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.blocks_of_matrices import written_slices
from symbackprop.derivation.entry_chain import MOST_CHAIN, Chain, Term, entry_of
from symbackprop.derivation.explain import chain_reason, spelling_reason, stage_reason
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.lines import Lines, Work, is_short, operation
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.logarithms import log_of_quotient
from symbackprop.derivation.places import Place, assembled, element, places_of, some_of
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.quotients import quotient_line
from symbackprop.derivation.sweep import Sweep
from symbackprop.derivation.written import in_place, written
from symbackprop.notation.atoms import Fn
from symbackprop.notation.building import cost
from symbackprop.notation.forms import Form, single
from symbackprop.notation.latex_lines import estimated_width
from symbackprop.notation.normal import merge, normal
from symbackprop.notation.slots import Slot
from symbackprop.notation.steps import Step

MOST_TERMS = 24  # terms of all chain rules of a quantity together, if all are shown
MOST_LOCAL = 4  # local derivatives that are worked out in lines of their own
WIDEST_RESULT = 34.0  # em, of a result into which derivatives are still put
LONGEST_FORMULA = 240  # characters of an entry of the forward pass that is printed
LONGEST_EQUATION = 60  # characters of an equation that stands in a reason


def entries_work(lines: Lines, of: Tensor, quantity: Quantity, sweep: Sweep) -> Work:
    """The lines of one cotangent, entry by entry."""
    value = lines.spelled(quantity.form, quantity)
    if quantity.stages[-1].rule in ("unit", "given"):
        return Work(quantity, [value], value, [], [])
    board = EntryBoard(lines, of, quantity, sweep)
    quantity = board.quantity = board.as_short_as_fits()
    partial = Partial(of, quantity.tensor)
    steps: list[Step] = []
    used: list[Expr] = []
    if quantity.stages[0].rule != "none":
        steps.extend(board.log_lines())
        steps.extend(board.forward())
        steps.extend(board.local_lines())
        for place in board.shown:
            steps.extend(board.entry(place))
    used.extend(step.after.expr for step in steps)
    if quantity.axes is not None:
        return _by_slices(board, Work(quantity, used, value, steps, []), of)
    result = assembled(lines, quantity.tensor, quantity.form, quantity.row, quantity.column)
    if quantity.indices or not used:
        reason = f"the entries in the shape of `{quantity.tensor.name}`"
        if quantity.stages[0].rule == "none":
            reason = chain_reason(lines.shop, quantity, [], of, lines.show)
        elif len(board.shown) < len(board.places):
            reason = f"the other entries in the same way, in the shape of `{quantity.tensor.name}`"
        steps.append(lines.step("assemble", reason, partial, result, partial, board.in_matrices(result)))
    uses = [words for stage in quantity.stages for words in stage.assumed]
    return Work(quantity, [*used, result], value, steps, uses)


def _by_slices(board: EntryBoard, work: Work, of: Tensor) -> Work:
    """An array of more than two indices: its matrices written out; the result is one entry over letters."""
    lines, quantity = board.lines, work.quantity
    slices = written_slices(lines, of, quantity)
    reason = f"the entries in the shape of `{quantity.tensor.name}`"
    if quantity.stages[0].rule == "none":
        reason = chain_reason(lines.shop, quantity, [], of, lines.show)
    for name, grid in slices:
        work.steps.append(lines.step("assemble", reason, name, grid, Partial(of, quantity.tensor)))
        reason = "likewise"
    uses = [words for stage in quantity.stages for words in stage.assumed]
    final = lines.spelled(quantity.form, quantity)
    used = [*work.exprs, *(grid for _, grid in slices), final]
    return Work(quantity, used, work.value, work.steps, uses, slices)


class EntryBoard(Chain):
    """The lines of one quantity."""

    __slots__ = ()

    def as_short_as_fits(self) -> Quantity:
        """The quantity without the lines that put derivatives in, where the result would get too wide."""
        stages = self.quantity.stages
        count = next((n for n, stage in enumerate(stages) if stage.rule == "insert"), len(stages))
        if count in (0, len(stages)):
            return self.quantity
        plain, full = (stages[at].form for at in (count - 1, -1))
        plain_leaves, full_leaves = (leaves(self.value_at(form, self.places[0])) for form in (plain, full))
        if full_leaves <= plain_leaves or fits(self.lines, self._array(full)):
            return self.quantity
        return replace(self.quantity, stages=stages[:count])

    def _array(self, form: Form) -> Expr:
        if self.quantity.axes is not None:
            whole = replace(self.quantity, stages=(replace(self.quantity.stages[-1], form=form),))
            return max((grid for _, grid in written_slices(self.lines, self.of, whole)), key=cost)
        return assembled(self.lines, self.tensor, form, self.quantity.row, self.quantity.column)

    def in_matrices(self, grid: Expr) -> tuple[Step, ...]:
        """The line that goes on from the entries: the same as a formula of matrices, where there is one."""
        quantity = self.quantity
        found = self.lines.speller.spell(quantity.form, quantity.row, quantity.column)
        if not isinstance(grid, Grid) or found is None or found.is_scalar:
            return ()
        reason = spelling_reason(quantity.form, found, written_out=True)
        return (self.step("matrices", reason, grid, found),)

    def log_lines(self) -> Iterator[Step]:
        """log P[1,1] = Z[1,1] - log(e^Z[1,1] + e^Z[1,2]): the forward pass rewritten."""
        log = operation("log")
        for tensor in dict.fromkeys(self.quantity.bypassed):
            local = self.lines.shop.locals[tensor]
            form = normal(log_of_quotient(single(Fn(log, (local.form,)))))
            reason = "the log of a quotient is a difference; `log` undoes `exp`"
            for place in some_of(places_of(local.indices)):
                entry = element(Leaf(tensor), tensor, place)
                after = self.entries(self.at(form, local.indices, place))
                yield self.step("log-of-quotient", reason, Call(log, (entry,), entry.shape), after)
                reason = "likewise"

    def forward(self) -> Iterator[Step]:
        """The equations through which the tensor reaches the loss, entry by entry."""
        for user in self.users:
            target = user.equation.target
            reason = self._equation_reason(user)
            for place in some_of(places_of(user.indices)):
                after = self._formula(user, place)
                if after is None:
                    break
                yield self.step("forward", reason, element(Leaf(target), target, place), after)
                reason = "likewise"

    def _formula(self, user: Local, place: Place) -> Expr | None:
        """An entry of a target: written out, with its sums where that is too long, or not at all."""
        places: dict[Index, Slot] = dict(zip(user.indices, place, strict=True))
        for write in (written, in_place):
            found = self.entries(write(user.form, places, self.lines.is_label))
            if len(self.lines.show(found)) <= LONGEST_FORMULA:
                return found
        return None

    def _equation_reason(self, user: Local) -> str:
        target = user.equation.target
        if user.logs_split:
            return f"`{target.name}` with the logarithms put in, written out"
        text = equation_text(self.lines, user.equation)
        rest = "entry by entry" if target.shape else "written out"
        return f"`{text}`, {rest}" if text else f"`{target.name}`, {rest}"

    def local_lines(self) -> Iterator[Step]:
        """Lines of their own for local derivatives that take more than one rule (softmax)."""
        for user in self.users:
            plain, folded = self.local(user)
            if not self.is_local(user) or plain.key == folded.key:
                continue
            pairs = [
                (out, place) for place in self.shown for out in places_of(user.indices)
                if not self.slope_at(plain, user, out, place).is_zero
            ]  # fmt: skip
            if len(pairs) > MOST_LOCAL:
                pairs = [pair for pair in pairs if pair[1] == self.shown[0]][:MOST_LOCAL]
            for out, place in pairs:
                yield from self.local_pair(user, out, place)

    def local_pair(self, user: Local, out: Place, place: Place) -> Iterator[Step]:
        """dP[1]/dZ[1], by the quotient rule where P is a quotient, then with P put back in."""
        target = user.equation.target
        plain, folded = (self.entries(self.slope_at(f, user, out, place)) for f in self.local(user))
        before = entry_of(Partial(target, self.tensor), out, place)
        formula = self.at(user.form, user.indices, out)
        quotient = quotient_line(self.lines, formula, self.tensor, place, self.lines.is_label)
        first, rule = (plain, "derivative") if quotient is None else (quotient, "quotient-rule")
        reason = f"differentiate the formula of `{target.name}`" if quotient is None else "quotient rule"
        yield self.step(rule, reason, before, first)
        if self.lines.show(first) != self.lines.show(folded):
            yield self.step("fold", f"put `{target.name}` back in", first, folded)

    def entry(self, place: Place, *, brief: bool = False) -> Iterator[Step]:
        """The lines of one entry of the derivative; ``brief``: without the zero terms."""
        quantity = self.quantity
        before = self.left(place)
        terms = self.terms(place)
        in_full = not brief and (place == self.shown[0] or self._all_in_full(terms))
        with_zeros = len(terms) <= MOST_CHAIN
        kept = terms if with_zeros else [term for term in terms if not term.slope.is_zero]
        given = self.given(place)
        shown: list[tuple[Expr, str, str]] = []
        if in_full and kept and any(term.is_local for term in kept):
            first = _sum([*(term.first for term in kept), *given])
            reason = self.through() if with_zeros else f"chain rule: {self.where(terms, place)}"
            shown.append((first, "chain-rule", reason))
            second = _sum([*(self.second(term) for term in kept), *given])
            shown.append((second, "derivative", self.where(terms, place)))
        zeros = in_full and with_zeros and any(term.slope.is_zero for term in kept)
        term_by_term = self._term_by_term(terms, place)
        if term_by_term is not None:
            shown.append((term_by_term, "derivative", self._direct_reason(terms, place)))
        for stage in quantity.stages:
            form = self.value_at(stage.form, place)
            reason = stage_reason(stage, self.lines.show, self.of)
            if stage.rule in ("chain", "none"):
                reason = self._end_reason(zeros, terms) if shown else self._direct_reason(terms, place)
            shown.append((self.entries(form), stage.rule, reason))
        yield from self._chain(before, shown)

    def _term_by_term(self, terms: list[Term], place: Place) -> Expr | None:
        """The loss itself differentiated term by term, before equal terms are collected."""
        raw = self.quantity.stages[0].raw
        if raw is None or not terms or any(term.user.equation.target is not self.of for term in terms):
            return None
        merged = Form(term for t in raw.terms if (term := merge(t)) is not None)
        form = self.value_at(self.lines.shop.folding.named(merged), place)
        return self.entries(form) if is_short(form) else None

    def _all_in_full(self, terms: list[Term]) -> bool:
        """Whether every entry has all its lines: not where they are many or a function acts entrywise."""
        if len(terms) * len(self.shown) > MOST_TERMS:
            return False
        users = self.users
        return len(self.shown) == 1 or not all(self.is_elementwise(user) for user in users)

    def _chain(self, before: Expr, shown: list[tuple[Expr, str, str]]) -> Iterator[Step]:
        texts = {self.lines.show(before)}
        for after, rule, reason in shown:
            text = self.lines.show(after)
            if text in texts:
                continue
            texts = {text}
            uses = tuple(
                words for stage in self.quantity.stages if stage.rule == rule for words in stage.assumed
            )
            yield self.step(rule, reason, before, after, uses)
            before = after

    def _end_reason(self, zeros: bool, terms: list[Term]) -> str:
        if zeros:
            return "the zero terms drop out"
        return "a factor 1 changes nothing" if len(terms) == 1 else "collect the terms"

    def _direct_reason(self, terms: list[Term], place: Place) -> str:
        entry = self.text_of(self.tensor, place)
        if terms and all(term.user.equation.target is self.of for term in terms):
            return f"`{self.of.name}` differentiated by {entry}"
        if any(term.is_local for term in terms):
            return f"likewise: {self.where(terms, place)}"
        return chain_reason(self.lines.shop, self.quantity, self.users, self.of, self.lines.show)

    def step(self, rule: str, reason: str, before: Expr, after: Expr, uses: tuple[str, ...] = ()) -> Step:
        """A line about the quantity."""
        return self.lines.step(rule, reason, before, after, self.partial, (), uses)


def one_entry(steps: Iterable[Step], entry: Expr) -> Iterator[Step]:
    """Of the lines of an array those that lead to one of its entries; of others all."""
    assert isinstance(entry, Element)
    other = False
    for step in steps:
        before = step.before.expr
        if step.quantity != entry.base:
            yield step
            continue
        if isinstance(before, Element) and before.base == entry.base:
            other = before != entry
        elif isinstance(before, Element) or step.rule in ("forward", "log-of-quotient"):
            other = False
        if not other and step.rule != "assemble":
            yield step


def fits(lines: Lines, result: Expr) -> bool:
    """Whether a matrix written out is not too wide for a page."""
    return estimated_width(result, lines.names) <= WIDEST_RESULT


def equation_text(lines: Lines, equation: Equation) -> str:
    """An equation as text where it is short: ``y = W x + b``; "" where it is long or arbitrary."""
    if equation.expr is None:
        return ""
    left: Expr = Leaf(equation.target)
    if equation.indices:
        left = Element(left, tuple(IndexValue(((index, 1),)) for index in equation.indices))
    text = f"{lines.show(left)} = {lines.show(equation.expr)}"
    return text if len(text) <= LONGEST_EQUATION else ""


def _sum(terms: list[Expr]) -> Expr:
    flat = [inner for term in terms for inner in (term.terms if isinstance(term, Add) else (term,))]
    return Add(tuple(flat)) if len(flat) > 1 else flat[0]
