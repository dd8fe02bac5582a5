"""Level ``index``: sums and indicators, one rule a line, as a lecturer writes it on a board.

For each equation C through which V reaches the loss:

    d loss/dV[p] = sum over the entries of C:  d loss/dC[out]  dC[out]/dV[p]      the chain rule
                 = sum ... with the entry formula of C differentiated             indicators stand
                 = ...                                                            indicators used up

A local derivative that takes more than one rule (softmax: quotient rule, then folding) is worked
out in lines of its own first.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cached_property

from symbackprop.core.expr import Add, Call, Divide, Expr, Leaf, MatMul, Neg, Number, Partial, Power
from symbackprop.core.indexed import Element, Range, Reduce
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import chain_reason, join, stage_reason, transpose_reason
from symbackprop.derivation.indicators import settled
from symbackprop.derivation.lines import Lines, Work, entry_of, is_short, operation, slots_of
from symbackprop.derivation.local_forms import Local
from symbackprop.derivation.logarithms import log_of_quotient
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.notation.atoms import Delta, Entry, Fn, Group
from symbackprop.notation.building import addition
from symbackprop.notation.entries import comprehension_of
from symbackprop.notation.forms import Atom, Form, Term, bind, product, single, total
from symbackprop.notation.normal import merge, normal
from symbackprop.notation.steps import Step


def index_work(lines: Lines, of: Tensor, quantity: Quantity, sweep: Sweep) -> Work:
    """The lines of one cotangent over entries."""
    partial = Partial(of, quantity.tensor)
    whole = lines.printed(_whole(lines, quantity), quantity.form)
    value = lines.computed(quantity.form, quantity)
    if quantity.stages[-1].rule in ("unit", "given"):
        return Work(quantity, [value], value, [], [])
    steps = _log_steps(lines, quantity, partial)
    users = sweep.users_of(quantity.tensor)
    board = Board(lines, of, quantity, sweep, partial)
    steps.extend(board.locals(users))
    before = entry_of(partial, quantity)
    chain: list[tuple[Expr, str, str, tuple[str, ...]]] = []
    if users:
        chain.extend(board.chain(users))
    direct = [user for user in users if user.equation.target is of]
    raw = quantity.stages[0].raw
    ruled = board.rules(users[0]) if quantity.head and direct == users and len(users) == 1 else []
    if ruled:
        steps.append(ruled[0])
        before = ruled[0].after.expr
        chain.append((ruled[-1].after.expr, "fold", ruled[-1].because, ()))
    elif raw is not None and direct and len(direct) == len(users) and is_short(raw):
        terms = [term for t in settled(raw, quantity.apart).terms if (term := merge(t)) is not None]
        merged = lines.shop.folding.named(Form(terms))
        reason = board.formulas(users) if quantity.head else f"`{of.name}` differentiated term by term"
        chain.append((lines.entries(merged), "derivative", reason, ()))
    for stage in quantity.stages:
        words = stage.assumed
        reason = _reason(lines, stage.rule, of, board, users)
        if stage.rule not in ("chain", "none"):
            reason = stage_reason(stage, lines.show, of)
        chain.append((lines.entries(stage.form), stage.rule, reason, words))
    used: list[Expr] = []
    uses: list[str] = []
    for after, rule, reason, words in chain:
        if after == before:
            continue
        steps.append(lines.step(rule, reason, before, after, partial, (), words))
        used.append(after)
        uses.extend(words)
        before = after
    sentence = transpose_reason(quantity.form, value, called=lines.called(quantity.form))
    if sentence is not None and steps and lines.shop.graph.layout != "numerator":
        because = f"{steps[-1].because}; {sentence} in matrices"
        steps[-1] = replace(steps[-1], because=because)
    return Work(quantity, [*used, whole], value, steps, uses)


def _whole(lines: Lines, quantity: Quantity) -> Expr:
    """The result as the array of its entries."""
    if quantity.axes is not None:
        return lines.spelled(quantity.form, quantity)
    return comprehension_of(quantity.form, quantity.row, quantity.column, lines.shop.leaf)


def _reason(lines: Lines, rule: str, of: Tensor, board: Board, users: list[Local]) -> str:
    if rule == "none" or not users:
        return chain_reason(lines.shop, board.quantity, users, of, lines.show)
    kept = board.kept(users)
    if kept:
        verb = "survives" if len(kept) == 1 else "survive"
        return f"only {join([f'`{left} = {right}`' for left, right in kept])} {verb}"
    return "each indicator keeps one term of its sum"


class Board:
    """The chain rule of one quantity, written out."""

    def __init__(self, lines: Lines, of: Tensor, quantity: Quantity, sweep: Sweep, partial: Partial) -> None:
        self.lines = lines
        self.of = of
        self.quantity = quantity
        self.partial = partial
        self._shop = lines.shop

    def locals(self, users: list[Local]) -> list[Step]:
        """Lines of their own for local derivatives that take more than one rule."""
        return [step for user in users if not self.is_written_out(user) for step in self.rules(user)]

    def rules(self, user: Local, partial: Partial | None = None) -> list[Step]:
        """The lines from dC/dV to its value, if they take more than one rule."""
        plain, folded = self.local(user)
        first, last = self.lines.entries(plain), self.lines.entries(folded)
        if first == last or not is_short(plain):
            return []
        about = partial or self.partial
        start = self.local_entry(user)
        rule, reason = _rule_of(user.form)
        quotient = self._quotient(user)
        if quotient is not None:
            first = quotient
        steps = [self.lines.step(rule, reason, start, first, about)]
        reason = f"put `{user.equation.target.name}` back in"
        if folded.is_zero:
            facts = self._shop.vanishing(plain)
            reason = join([fact.words for fact in facts]) if facts else "the deviations from a mean sum to 0"
        return [*steps, self.lines.step("fold", reason, first, last, about)]

    def _quotient(self, user: Local) -> Expr | None:
        """(t' s - t s') / s^2 of an equation C = t/s, as it is written on a board."""
        if len(user.form.terms) != 1:
            return None
        (term,) = user.form.terms
        below = [(atom, -exponent) for atom, exponent in term.factors if exponent < 0]
        above = tuple((atom, exponent) for atom, exponent in term.factors if exponent > 0)
        if term.bound or len(below) != 1 or below[0][1] != 1 or not above:
            return None
        top, bottom = Form((Term(term.coefficient, above),)), unbracketed(below[0][0])
        slopes = [normal(self._slope(part, user)) for part in (top, bottom)]
        if not slopes[1].terms:
            return None
        show = self.lines.entries
        top, bottom = self._headed(top, user), self._headed(bottom, user)
        second = Neg(_times(show(top), show(slopes[1])))
        whole = Add((_times(show(slopes[0]), show(bottom)), second)) if slopes[0].terms else second
        return Divide(whole, Power(show(bottom), Number(Fraction(2))))

    def is_written_out(self, user: Local) -> bool:
        """Whether dC/dV cannot stand in the chain rule: C is the loss, or V reaches C on other ways too.

        There (shared weights, a residual sum) dC/dV would mean the sum over all ways.
        """
        target, tensor = user.equation.target, self.quantity.tensor
        if target is self.of:
            return True
        if self._shop.graph.loop_of(tensor):
            return True  # a member reaches later ones on other ways too
        others = [given for given in user.equation.inputs if given is not tensor]
        return any(given in self._reached for given in others)

    @cached_property
    def _reached(self) -> frozenset[Tensor]:
        """The tensors that depend on the one that is differentiated by."""
        reached = {self.quantity.tensor}
        graph = self._shop.graph
        for equation in graph.equations:
            if equation.target not in reached and not reached.isdisjoint(equation.inputs):
                reached.update((equation.target, *graph.loop_of(equation.target)))
        return frozenset(reached)

    def local(self, user: Local) -> tuple[Form, Form]:
        """dC[out]/dV[p] with its indicators: as it comes out, and with definitions put back."""
        plain = normal(self._slope(user.form, user))
        return plain, self._shop.tidy(plain)

    def _slope(self, form: Form, user: Local) -> Form:
        """d form/dV[p], where ``form`` is part of the equation of ``user``."""
        inner = self._shop.slopes.differentiate(form, self.quantity.tensor, self.quantity.slots)
        return self._headed(inner, user)

    def _headed(self, form: Form, user: Local) -> Form:
        """The form at the entry that is differentiated, where ``user`` is what is differentiated."""
        if user.equation.target is not self.of or not self.quantity.head:
            return form
        named = form.rename(dict(zip(user.indices, self.quantity.head, strict=True)))
        return settled(named, self.quantity.apart)

    def local_entry(self, user: Local) -> Expr:
        target, tensor = user.equation.target, self.quantity.tensor
        head = self.quantity.head if target is self.of and self.quantity.head else user.indices
        slots = slots_of(target, head) + slots_of(tensor, self.quantity.slots)
        partial = Partial(target, tensor)
        return Element(partial, slots) if slots else partial

    def chain(self, users: list[Local]) -> list[tuple[Expr, str, str, tuple[str, ...]]]:
        """The chain rule, then the entry formulas differentiated."""
        first: list[Expr] = []
        second: list[Form] = []
        head = self.quantity.head
        for user in users:
            target = user.equation.target
            _, folded = self.local(user)
            if target is self.of:
                first.append(self.lines.entries(folded))
                second.append(folded)
                continue
            cotangent = self._shop.cotangent(self.of, target)
            if self.is_written_out(user):
                part = bind(product(single(Entry(cotangent, head + user.indices)), folded), user.indices)
                first.append(self.lines.entries(part))
                second.append(part)
                continue
            outer = Partial(self.of, target)
            slots = slots_of(target, user.indices)
            if head:
                slots = (*slots_of(self.of, head), *slots)
            factor: Expr = Element(outer, slots) if slots else outer
            body: Expr = MatMul((factor, self.local_entry(user)))
            ranges = tuple(Range(index) for index in user.indices)
            first.append(Reduce("sum", ranges, body) if ranges else body)
            second.append(bind(product(single(Entry(cotangent, head + user.indices)), folded), user.indices))
        names = [f"`{user.equation.target.name}`" for user in users]
        tensor = f"`{self.quantity.tensor.name}`"
        lines: list[tuple[Expr, str, str, tuple[str, ...]]] = []
        if not all(self.is_written_out(user) for user in users):
            reason = f"chain rule: {tensor} enters `{self.of.name}` through {join(names)}"
            lines.append((addition(first), "chain-rule", reason, ()))
        form = total(second)
        if lines and is_short(form):
            lines.append((self.lines.entries(form), "derivative", self.formulas(users), ()))
        return lines

    def formulas(self, users: list[Local]) -> str:
        """The entry formulas that were differentiated."""
        shown: list[str] = []
        for user in users:
            own = user.equation.target is self.of
            if (own and not self.quantity.head) or not is_short(user.form):
                shown.append(f"`{user.equation.target.name}` itself")
                continue
            slots = slots_of(user.equation.target, self.quantity.head if own else user.indices)
            leaf = Leaf(user.equation.target)
            left = self.lines.show(Element(leaf, slots) if slots else leaf)
            right = self.lines.entries(self._headed(user.form, user))
            shown.append(f"`{left} = {self.lines.show(right)}`")
        return "from " + join(shown)

    def kept(self, users: list[Local]) -> list[tuple[str, str]]:
        """The indicators [out = p] that pick one term of the sums, as letters."""
        found: dict[tuple[str, str], None] = {}
        for user in users:
            if user.equation.target is self.of:
                continue
            _, folded = self.local(user)
            for pair in _pairs(folded, user.indices, self.quantity.slots):
                found.setdefault(pair)
        return [pair for pair in found if pair[0] != pair[1]]


def _times(left: Expr, right: Expr) -> Expr:
    """The product of two numbers; a product inside needs no brackets."""
    sides = [side.factors if isinstance(side, MatMul) else (side,) for side in (left, right)]
    return MatMul((*sides[0], *sides[1]))


def unbracketed(atom: Atom) -> Form:
    """The sum that a group keeps together; any other atom by itself."""
    return atom.form if isinstance(atom, Group) else single(atom)


def _pairs(form: Form, out: tuple[object, ...], free: tuple[object, ...]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for term in form.terms:
        for atom, _ in term.factors:
            if not isinstance(atom, Delta):
                continue
            for own, other in ((atom.left, atom.right), (atom.right, atom.left)):
                if isinstance(own, Index) and isinstance(other, Index) and own in out and other in free:
                    found.append((own.letter, other.letter))
    return found


def _rule_of(form: Form) -> tuple[str, str]:
    """The rule by which an entry formula is differentiated."""
    for term in form.terms:
        if any(exponent < 0 for _, exponent in term.factors):
            return "quotient-rule", "quotient rule"
        if any(isinstance(atom, Group) for atom, _ in term.factors):
            return "product-rule", "product rule"
    return "derivative", "differentiate the entry formula"


def _log_steps(lines: Lines, quantity: Quantity, partial: Partial) -> list[Step]:
    """log P[n,k] = Z[n,k] - log sum_j e^Z[n,j]: the forward pass rewritten."""
    steps: list[Step] = []
    log = operation("log")
    for tensor in dict.fromkeys(quantity.bypassed):
        local = lines.shop.locals[tensor]
        form = normal(log_of_quotient(single(Fn(log, (local.form,)))))
        slots = slots_of(tensor, local.indices)
        before = Call(log, (Element(Leaf(tensor), slots),), Element(Leaf(tensor), slots).shape)
        reason = "the log of a quotient is a difference; `log` undoes `exp`"
        steps.append(lines.step("log-of-quotient", reason, before, lines.entries(form), partial))
    return steps
