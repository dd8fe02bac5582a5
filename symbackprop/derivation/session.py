"""A session derives over one graph: sweeps, spelled results, steps.

``Session.derive(of, by)`` gives a ``Derived``: the result as index form and as expression, and the
steps from which it is folded (the last ``after`` is the result).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from symbackprop.core.dims import ONE
from symbackprop.core.expr import (
    Call,
    Comprehension,
    Element,
    Expr,
    IndexValue,
    Leaf,
    MatMul,
    Operation,
    Partial,
)
from symbackprop.core.graph import Graph
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.calculus import ReadFormula, Slopes
from symbackprop.derivation.explain import chain_reason, spelling_reason, stage_reason
from symbackprop.derivation.rules import leaves, log_of_quotient
from symbackprop.derivation.sweep import Local, Quantity, Stage, Sweep, Workshop
from symbackprop.errors import InputError
from symbackprop.notation.entries import comprehension_of, entries_of
from symbackprop.notation.forms import Fn, Form, single
from symbackprop.notation.formula import Formula
from symbackprop.notation.names import PLAIN, Names
from symbackprop.notation.normal import merge, normal
from symbackprop.notation.spelling import Speller
from symbackprop.notation.steps import Step
from symbackprop.notation.text import to_text
from symbackprop.ops.lowering import Expand, Lowering
from symbackprop.ops.registry import lookup

LONGEST_LINE = 14  # entries in a line over entries that is still printed
MOST_SUMS = 5


@dataclass(frozen=True, slots=True)
class Derived:
    """The derivative of ``of`` by ``by``.

    form, row, column   the result in index form, and its indices.
    expr                the result in the named intermediates; a Comprehension if no matrix form exists.
    steps               everything needed, in order; the last step's ``after`` is ``expr``.
    needs               the derivatives that ``expr`` and its steps rest on, in order, this one last.
    uses                assumptions, in words.
    values              the derivatives in ``needs``, by the tensor, as expressions.
    """

    of: Tensor
    by: Tensor
    form: Form
    row: Index | None
    column: Index | None
    expr: Expr
    steps: tuple[Step, ...]
    needs: tuple[Partial, ...]
    uses: tuple[str, ...]
    values: Mapping[Tensor, Expr]

    @property
    def partial(self) -> Partial:
        """The derivative as an expression."""
        return Partial(self.of, self.by)


@dataclass(slots=True)
class _Work:
    """One quantity in print."""

    quantity: Quantity
    exprs: list[Expr]
    steps: list[Step]
    uses: list[str]


@dataclass(slots=True)
class Session:
    """Derivations over one graph; nothing is shared between sessions."""

    graph: Graph
    expand: Expand
    read: ReadFormula
    names: Names = PLAIN
    log_road: bool = True
    _shop: Workshop | None = None
    _speller: Speller | None = None
    _works: dict[tuple[Tensor, Tensor, frozenset[Tensor]], _Work] = field(default_factory=dict)

    @property
    def shop(self) -> Workshop:
        """The lowered graph, made on first use."""
        if self._shop is None:
            lowering = Lowering(self.expand)
            slopes = Slopes(lowering, self.read)
            self._shop = Workshop(self.graph, self.expand, slopes, lowering)
            self._shop.prepare()
        return self._shop

    @property
    def speller(self) -> Speller:
        """The speller in this graph's convention."""
        if self._speller is None:
            self._speller = Speller(self.graph.convention, self.shop.leaf, operation)
        return self._speller

    def derive(self, of: Tensor, by: Tensor) -> Derived:
        """The derivative of the scalar ``of`` by ``by``, with its steps."""
        return self.gradients(of, (by,))[by]

    def gradients(self, of: Tensor, wrt: Collection[Tensor]) -> Mapping[Tensor, Derived]:
        """The derivatives of ``of`` by each of ``wrt``: one backward pass for all."""
        if not of.is_scalar:
            shape = " x ".join(str(dim) for dim in of.shape)
            raise InputError(
                f"{of.name} is not a scalar (it is {shape}); a gradient is taken of a scalar",
                code="shape",
                hint=f"differentiate the loss, or a sum over {of.name}",
            )
        sweep = Sweep(self.shop, of, wrt, log_road=self.log_road)
        quantities = sweep.run()
        works: dict[Tensor, _Work] = {}
        for tensor, quantity in quantities.items():
            works[tensor] = self._work(of, quantity, sweep)
        return {tensor: self._derived(of, tensor, works) for tensor in wrt}

    def _derived(self, of: Tensor, by: Tensor, works: Mapping[Tensor, _Work]) -> Derived:
        order: dict[Tensor, None] = {}
        self._collect(of, by, works, order)
        steps = tuple(step for tensor in order for step in works[tensor].steps)
        uses = dict.fromkeys(words for tensor in order for words in works[tensor].uses)
        work = works[by]
        return Derived(
            of, by, work.quantity.form, work.quantity.row, work.quantity.column, work.exprs[-1], steps,
            tuple(Partial(of, tensor) for tensor in order), tuple(uses),
            {tensor: works[tensor].exprs[-1] for tensor in order},
        )

    def _collect(
        self, of: Tensor, by: Tensor, works: Mapping[Tensor, _Work], order: dict[Tensor, None]
    ) -> None:
        """Depth first, without recursion: what ``by`` rests on comes before it."""
        stack: list[tuple[Tensor, bool]] = [(by, False)]
        while stack:
            tensor, ready = stack.pop()
            if ready:
                order.setdefault(tensor)
                continue
            if tensor in order:
                continue
            stack.append((tensor, True))
            named = (node for expr in works[tensor].exprs for node in expr.walk())
            stack.extend(
                (node.by, False)
                for node in named
                if isinstance(node, Partial)
                and node.of is of
                and node.by is not tensor
                and node.by not in order
            )

    # One quantity in print

    def _work(self, of: Tensor, quantity: Quantity, sweep: Sweep) -> _Work:
        exprs: list[Expr] = []
        steps: list[Step] = []
        uses: list[str] = []
        partial = Partial(of, quantity.tensor)
        before: Expr = partial
        if quantity.bypassed:
            steps.extend(self._log_steps(quantity, partial))
        spelled = [self.spelled(stage.form, quantity.row, quantity.column) for stage in quantity.stages]
        in_entries = any(isinstance(expr, Comprehension) for expr in spelled)
        whole = spelled[-1]
        if in_entries:
            spelled = [entries_of(stage.form, self.shop.leaf) for stage in quantity.stages]
            before = _entry_of(partial, quantity)
        for stage, after in zip(quantity.stages, spelled, strict=True):
            words = tuple(fact.words for fact in stage.uses)
            if after == before or (exprs and after == exprs[-1]):
                continue
            exprs.append(after)
            uses.extend(words)
            reason = self._reason(stage, quantity, of, sweep)
            joined = stage.rule == "chain" and not in_entries and _is_joined(after)
            if joined and quantity.indices and _is_short(stage.form):
                steps.append(self._entry_step(stage, quantity, partial, reason))
                reason = spelling_reason(stage.form, after)
                steps.append(self._step("spell", reason, before, after, partial, (), words))
            else:
                sub = self._substeps(stage, quantity, partial)
                steps.append(self._step(stage.rule, reason, before, after, partial, sub, words))
            before = after
        if in_entries or not exprs:
            exprs.append(whole)
        if in_entries and not isinstance(whole, Comprehension):
            reason = spelling_reason(quantity.form, whole)
            steps.append(self._step("spell", reason, partial, whole, partial, (), ()))
        return _Work(quantity, exprs, steps, uses)

    def spelled(self, form: Form, row: Index | None, column: Index | None) -> Expr:
        """The matrix spelling, or the entries where there is none."""
        found = self.speller.spell(form, row, column)
        return found if found is not None else comprehension_of(form, row, column, self.shop.leaf)

    def _show(self, expr: Expr) -> str:
        return to_text(expr, self.names)

    def _reason(self, stage: Stage, quantity: Quantity, of: Tensor, sweep: Sweep) -> str:
        if stage.rule in ("chain", "none"):
            return chain_reason(self.shop, quantity, sweep.users_of(quantity.tensor), of, self._show)
        if stage.rule == "unit":
            return f"`{of.name}` by itself"
        return stage_reason(stage, self._show, of)

    def _log_steps(self, quantity: Quantity, partial: Partial) -> list[Step]:
        """log P = Z - log of the sum of exponentials: the forward pass rewritten."""
        steps: list[Step] = []
        log = operation("log")
        for tensor in dict.fromkeys(quantity.bypassed):
            local = self.shop.locals[tensor]
            form = log_of_quotient(single(Fn(log, (local.form,))))
            after = self.spelled(normal(form), local.row, local.column)
            before = Call(log, (Leaf(tensor),), tensor.oriented)
            reason = "the log of a quotient is a difference; `log` undoes `exp`"
            steps.append(self._step("log-of-quotient", reason, before, after, partial, (), ()))
        return steps

    def _entry_step(self, stage: Stage, quantity: Quantity, partial: Partial, reason: str) -> Step:
        """One entry first: the sum that the matrix spelling stands for."""
        start = _entry_of(partial, quantity)
        after = entries_of(stage.form, self.shop.leaf)
        sub = self._substeps(stage, quantity, partial)
        return self._step("chain", reason, start, after, partial, sub, ())

    def _substeps(self, stage: Stage, quantity: Quantity, partial: Partial) -> tuple[Step, ...]:
        """The same line in entries: the chain rule with its deltas, then what they leave."""
        if stage.raw is None or not quantity.indices:
            return ()
        leaf = self.shop.leaf
        raw = Form(term for t in stage.raw.terms if (term := merge(t)) is not None)
        if not _is_short(raw):
            return ()
        start = _entry_of(partial, quantity)
        first, last = entries_of(raw, leaf), entries_of(stage.form, leaf)
        steps = [self._step("chain-rule", "the chain rule over every entry", start, first, partial, (), ())]
        if first != last:
            reason = "each indicator keeps one term of its sum"
            steps.append(self._step("contract", reason, first, last, partial, (), ()))
        return tuple(steps)

    def _step(
        self, rule: str, because: str, before: Expr, after: Expr, partial: Partial,
        substeps: tuple[Step, ...], uses: tuple[str, ...],
    ) -> Step:
        return Step(
            rule, because, Formula(before, self.names), Formula(after, self.names),
            shapes_of(after, self.names), substeps, quantity=partial, uses=uses,
        )

    # In inputs and parameters only

    def expanded(self, derived: Derived) -> Expr:
        """The result with every intermediate and cotangent replaced by its definition."""
        memo: dict[int, Expr] = {}
        keep: list[Expr] = []

        def change(node: Expr) -> Expr:
            if id(node) not in memo:
                keep.append(node)
                memo[id(node)] = unfold(node)
            return memo[id(node)]

        def unfold(node: Expr) -> Expr:
            if isinstance(node, Partial):
                value = derived.values[node.by] if node.of is derived.of else node
                return node if value == node else change(value)
            if isinstance(node, Leaf):
                definition = self.definition(node.tensor)
                return node if definition is None else change(definition)
            return node.map_children(change)

        return change(derived.expr)

    def definition(self, tensor: Tensor) -> Expr | None:
        """The array that an equation gives ``tensor``; None for symbols and abstract functions."""
        local: Local | None = self.shop.locals.get(tensor)
        if local is None:
            return None
        equation = local.equation
        if equation.expr is not None and not equation.indices:
            return equation.expr
        return self.spelled(local.form, local.row, local.column)


def _entry_of(partial: Partial, quantity: Quantity) -> Element:
    """One entry of a derivative, at the free indices of its form."""
    tensor = quantity.tensor
    given = iter(quantity.indices)
    slots = tuple(
        IndexValue((), ONE) if dim.is_one else IndexValue(((next(given), 1),)) for dim in tensor.shape
    )
    return Element(partial, slots)


def _is_joined(expr: Expr) -> bool:
    """Whether entries are joined by a product or a sum: then one entry is shown first."""
    for node in expr.walk():
        if isinstance(node, MatMul) and sum(not factor.is_scalar for factor in node.factors) > 1:
            return True
        if isinstance(node, Call) and node.op.name in ("rowsum", "colsum"):
            return True
    return False


def _is_short(form: Form) -> bool:
    """Whether a line of entries can be read: not too many factors, not too many sums."""
    return leaves(form) <= LONGEST_LINE and all(len(term.bound) <= MOST_SUMS for term in form.terms)


def shapes_of(expr: Expr, names: Names) -> dict[str, tuple[str, ...]]:
    """Name -> dims, of every named array in ``expr``."""
    found: dict[str, tuple[str, ...]] = {}
    for node in expr.walk():
        if isinstance(node, Leaf) and node.tensor.shape:
            found.setdefault(to_text(node, names), tuple(str(dim) for dim in node.tensor.shape))
        elif isinstance(node, Partial) and node.by.shape:
            found.setdefault(to_text(node, names), tuple(str(dim) for dim in node.by.shape))
    return found


def operation(name: str) -> Operation:
    """An operation of the table that is known to exist."""
    found = lookup(name)
    if found is None:
        raise KeyError(name)
    return found

