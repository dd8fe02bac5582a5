"""Level ``jacobian``: the gradient of a scalar as a chain of Jacobians, one equation at a time.

For each equation C through which V reaches the loss, dC/dV is derived in lines of its own. Then

    dL/dV = (dC/dV)^T dL/dC          vectors are columns (denominator layout: dC/dV dL/dC)
    dL/dV = dL/dC dC/dV              vectors are rows
          = ...                      the Jacobians put in
          = ...                      the product written shorter: a diagonal matrix multiplies entry by entry

A batch is treated one example at a time, and the lines are put together. By an array of weights the chain
sums over the entries of C, each with its slice dC[i]/dW: sum[i](dL/dC[i] dC[i]/dW) is then an outer product.
What follows (a cotangent put in, what is assumed) is that of level ``vector``, and so is the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.core.expr import Add, Call, Expr, MatMul, Partial
from symbackprop.core.indexed import Comprehension
from symbackprop.core.tensors import Tensor
from symbackprop.derivation.explain import join, spelling_reason
from symbackprop.derivation.gradient_chain import GradientChain, Road
from symbackprop.derivation.index_level import Board, index_work
from symbackprop.derivation.lines import Lines, Work, entry_of
from symbackprop.derivation.quantities import Quantity
from symbackprop.derivation.sweep import Sweep
from symbackprop.derivation.vector_level import log_steps, reason_of, vector_work
from symbackprop.notation.steps import Step

LATER_RULES = frozenset(
    ("insert", "assumption", "one-hot", "expand", "collect", "vanish", "symmetric", "log-of-quotient")
)


def jacobian_level_work(lines: Lines, of: Tensor, quantity: Quantity, sweep: Sweep) -> Work:
    """The lines of one cotangent as a chain of Jacobians."""
    users = sweep.users_of(quantity.tensor)
    if all(user.equation.target is of for user in users):
        return vector_work(lines, of, quantity, sweep)
    if quantity.axes is not None or not all(user.equation.target.is_matrix for user in users):
        return index_work(lines, of, quantity, sweep)
    return _Gradient(lines, of, quantity, sweep).work()


@dataclass(slots=True)
class _Gradient:
    """The lines of one cotangent."""

    lines: Lines
    of: Tensor
    quantity: Quantity
    sweep: Sweep
    steps: list[Step] = field(default_factory=list)
    exprs: list[Expr] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)

    @property
    def partial(self) -> Partial:
        """What the lines are about."""
        return Partial(self.of, self.quantity.tensor)

    def work(self) -> Work:
        """All lines."""
        quantity = self.quantity
        self.steps.extend(log_steps(self.lines, quantity, self.partial))
        spelled = [self._spelled(at) for at in range(len(quantity.stages))]
        whole = spelled[-1]
        road = self._road()
        if road is None:
            self._over_entries()
        else:
            self._chain(road, spelled[0])
        before: Expr = self.partial if road is None else spelled[0]
        in_entries = any(isinstance(expr, Comprehension) for expr in spelled)
        if in_entries or road is None:
            spelled = [self.lines.entries(stage.form) for stage in quantity.stages]
            before = entry_of(self.partial, quantity)
            if road is not None:
                self._add("entries", "one entry of it", before, spelled[0])
            before = spelled[0]
        for stage, after in zip(quantity.stages[1:], spelled[1:], strict=True):
            words = stage.assumed
            if after == before:
                continue
            self.uses.extend(words)
            reason = reason_of(self.lines, stage, quantity, self.of, self.sweep)
            self._add(stage.rule, reason, before, after, words)
            before = after
        if (in_entries or road is None) and not isinstance(whole, Comprehension):
            called = self.lines.called(quantity.form)
            reason = spelling_reason(quantity.form, whole, called=called)
            self._add("spell", reason, self.partial, whole)
        self.exprs.append(self.lines.printed(whole, quantity.form))
        value = self.lines.computed(quantity.form, quantity)
        return Work(quantity, self.exprs, value, self.steps, self.uses)

    def _spelled(self, at: int) -> Expr:
        quantity = self.quantity
        return self.lines.spelled(quantity.stages[at].form, quantity)

    def _add(self, rule: str, reason: str, before: Expr, after: Expr, uses: tuple[str, ...] = ()) -> None:
        self.steps.append(self.lines.step(rule, reason, before, after, self.partial, (), uses))
        self.exprs.append(after)

    def _road(self) -> Road | None:
        """The chain as matrices, where there is one."""
        board = Board(self.lines, self.of, self.quantity, self.sweep, self.partial)
        return GradientChain(self.lines, self.of, self.quantity, self.sweep, board).road()

    def _over_entries(self) -> None:
        """Where no matrices are at hand: the chain rule over the entries, up to the first stage."""
        work = index_work(self.lines, self.of, self.quantity, self.sweep)
        ends = self.lines.entries(self.quantity.stages[0].form)
        for step in work.steps:
            if step.rule in LATER_RULES:
                continue
            self.steps.append(step)
            self.exprs.append(step.after.expr)
        if not self.steps or self.steps[-1].after.expr != ends:
            self._add("chain", "the chain rule over the entries", entry_of(self.partial, self.quantity), ends)

    def _chain(self, road: Road, end: Expr) -> None:
        """The chain rule, the Jacobians put in, the product written shorter, the lines put together."""
        self.steps.extend(road.steps)
        named, put_in, short = road.named, road.put_in, road.short
        self._add("chain-rule", self._through(road), road.left, named)
        if put_in != named:
            several = len(road.values) > 1
            self._add("insert", f"put the Jacobian{'s' if several else ''} in", named, put_in)
        if short != put_in:
            self._add("collapse", self._why_shorter(road), put_in, short)
        if road.left != self.partial:
            reason = f"the same for every {road.side} `{road.letter}`, put together"
            self._add("stack", reason, self.partial, end)

    def _through(self, road: Road) -> str:
        """Through what the tensor reaches the loss."""
        users = self.sweep.users_of(self.quantity.tensor)
        targets = [user.equation.target for user in users]
        names = [f"`{target.name}`" for target in targets if target is not self.of]
        name = f"`{self.quantity.tensor.name}`"
        words = f"chain rule: {name} reaches `{self.of.name}` through {join(names)}"
        if self.of in targets:
            words = f"{words}, and stands in it"
        return words

    def _why_shorter(self, road: Road) -> str:
        """Why the product of the Jacobian and the cotangent is what is written."""
        names = {n.op.name for value in road.values for n in value.walk() if isinstance(n, Call)}
        if len(road.values) == 1 and _is_call(road.values[0], "eye"):
            rest = "; every line adds its part" if road.summed else ""
            return f"the identity changes nothing{rest}"
        if road.summed:
            return spelling_reason(self.quantity.stages[0].form, road.short)
        if "diag" in names:
            plain = all(not isinstance(value, Add) for value in road.values)
            return f"{'' if plain else 'multiply out; '}a diagonal matrix multiplies entry by entry"
        return "multiply out"


def _is_call(expr: Expr, name: str) -> bool:
    if isinstance(expr, MatMul):
        return any(_is_call(factor, name) for factor in expr.factors)
    return isinstance(expr, Call) and expr.op.name == name
