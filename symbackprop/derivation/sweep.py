"""The reverse sweep: one named cotangent a node, accumulated once, from the loss backwards.

For a node V that the equations C use, with V-bar the derivative of the loss by V:

    V-bar[p] = sum over C, sum over the entries of C:  C-bar[out] dC[out]/dV[p]

C-bar is the *named* cotangent, so size grows linearly with depth. A cotangent whose equation has
one differentiable input is also tried inlined; the shorter of the two readings is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Facts, Index, Role, Tensor
from symbackprop.derivation.calculus import Slopes
from symbackprop.derivation.rules import (
    Definition,
    Folding,
    SumToOne,
    cancel_sums,
    definition_of,
    leaves,
    log_of_quotient,
    sum_to_one,
)
from symbackprop.errors import UnsupportedError
from symbackprop.notation.forms import (
    Entry,
    Factor,
    Fn,
    Form,
    Group,
    Term,
    bind,
    change_parts,
    number,
    product,
    single,
    total,
)
from symbackprop.notation.normal import expanded, normal
from symbackprop.ops.lowering import Expand, Lowering
from symbackprop.ops.registry import Structural, lookup


@dataclass(frozen=True, slots=True)
class Local:
    """One equation in index form: ``target[indices] = form``."""

    equation: Equation
    row: Index | None
    column: Index | None
    form: Form
    logs_split: bool = False

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices of the target, by axis."""
        return indices_of(self.equation.target, self.row, self.column)


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the work on a cotangent: the form it has reached, and why."""

    rule: str
    form: Form
    uses: tuple[SumToOne, ...] = ()
    raw: Form | None = None  # before the deltas were used up
    inserted: tuple[Tensor, ...] = ()
    through: tuple[Equation, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """The derivative of the loss by ``tensor``: its lines, the last of which is the result."""

    tensor: Tensor
    row: Index | None
    column: Index | None
    stages: tuple[Stage, ...]
    bypassed: tuple[Tensor, ...] = ()

    @property
    def form(self) -> Form:
        """The result."""
        return self.stages[-1].form

    @property
    def indices(self) -> tuple[Index, ...]:
        """The free indices, by axis of the tensor."""
        return indices_of(self.tensor, self.row, self.column)


def indices_of(tensor: Tensor, row: Index | None, column: Index | None) -> tuple[Index, ...]:
    """The indices of a tensor by axis, from those of its sides."""
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(index for axis in tensor.index_axes if (index := by_axis[axis]) is not None)


def side_indices(tensor: Tensor, letters: tuple[str, str]) -> tuple[Index | None, Index | None]:
    """Fresh indices for the sides of a tensor that carry one."""
    rows, columns = tensor.oriented
    row = None if rows.is_one else Index(rows, letters[0])
    column = None if columns.is_one else Index(columns, letters[1])
    if row is None and column is not None:
        column.letter = letters[0]
    return row, column


@dataclass(slots=True)
class Workshop:
    """What a derivation of one graph needs: lowered equations, slopes, definitions, facts."""

    graph: Graph
    expand: Expand
    slopes: Slopes
    lowering: Lowering
    helpers: dict[Tensor, Expr] = field(default_factory=dict)
    folding: Folding = field(default_factory=Folding)
    facts: list[SumToOne] = field(default_factory=list)
    locals: dict[Tensor, Local] = field(default_factory=dict)
    cotangents: dict[tuple[Tensor, Tensor], Tensor] = field(default_factory=dict)
    partial_of: dict[Tensor, Partial] = field(default_factory=dict)
    _reserved: frozenset[str] = frozenset()

    def prepare(self) -> None:
        """Lower every equation; register definitions, sums of one, and softmax helpers."""
        self._reserved = frozenset((*self.graph.tensors, *self.graph.dims))
        for equation in self.graph.equations:
            if equation.expr is not None:
                self._lower(equation)
        for equation in self.graph.equations:
            if equation.expr is not None:
                self._softmax_helpers(equation.expr)
        for tensor in self.graph.symbols:
            self._declared(tensor)

    def _lower(self, equation: Equation) -> None:
        assert equation.expr is not None
        target = equation.target
        rows, columns = target.oriented
        row, column = side_indices(target, (self.letter(rows, "ijkl"), self.letter(columns, "jklr")))
        if equation.indices:
            slots = dict(zip(equation.indices, _by_axis(target, row, column), strict=True))
            names = {index: place for index, place in slots.items() if place is not None}
            form = normal(self.lowering.lower(equation.expr, None, None, names))
        else:
            form = normal(self.lowering.lower(equation.expr, row, column))
        self.locals[target] = local = Local(equation, row, column, form)
        definition = definition_of(target, local.indices, form)
        if definition is not None:
            self.folding.add(definition)
            self._simplex(definition, target)

    def letter(self, dim: Dim, spare: str) -> str:
        """A letter for an index of that dim: its initial, or the first spare one that names nothing."""
        taken = self.reserved
        name = dim.single_name
        initial = name[0].lower() if name and name[0].isascii() and name[0].isalpha() else ""
        return next((letter for letter in (initial, *spare) if letter and letter not in taken), spare[0])

    @property
    def reserved(self) -> frozenset[str]:
        """The names that no index may have."""
        return self._reserved

    def _simplex(self, definition: Definition, tensor: Tensor) -> None:
        """If the numerators sum to the denominator, the quotient sums to 1: proved by unfolding."""
        for position, index in enumerate(definition.indices):
            if len(definition.factors) != 2:
                continue
            form = single(*definition.factors[0])
            form = product(form, single(*definition.factors[1]))
            whole = cancel_sums(normal(bind(form, (index,))))
            if whole.constant == 1:
                words = f"`{tensor.name}` sums to 1 by its definition"
                self.facts.append(SumToOne(tensor, (position,), words, proved=True))
                return

    def _softmax_helpers(self, expr: Expr) -> None:
        """softmax(arg) gets a helper of its own unless the author has named it."""
        for node in expr.walk():
            if not isinstance(node, Call):
                continue
            if node.op.name in ("softmax", "log_softmax", "logsumexp"):
                self._helper(node)
            elif isinstance(node.op, Structural) and node.op.definition is not None:
                self._softmax_helpers(self.expand(node))

    def _helper(self, node: Call) -> None:
        arg = node.args[0]
        if arg.is_scalar:
            return
        op = lookup("softmax")
        assert op is not None
        whole = Call(op, (arg,), arg.shape, 0, node.axis, node.axis_given)
        if whole in self.helpers.values() or self._named(whole):
            return
        tensor = Tensor("softmax", arg.shape, self.graph.convention, Role.INTERMEDIATE, facts=Facts())
        row, column = side_indices(tensor, ("i", "j"))
        form = normal(self.lowering.lower(whole, row, column))
        definition = definition_of(tensor, indices_of(tensor, row, column), form)
        if definition is not None:
            self.helpers[tensor] = whole
            self.folding.add(definition)
            self._simplex(definition, tensor)

    def _named(self, whole: Call) -> bool:
        return any(
            isinstance(e.expr, Call) and e.expr.op is whole.op and e.expr.args == whole.args
            and e.expr.axis == whole.axis
            for e in self.graph.equations
        )

    def _declared(self, tensor: Tensor) -> None:
        facts = tensor.facts
        axes = tensor.index_axes
        if not axes:
            return
        if facts.whole_sum_is_one:
            everything = tuple(range(len(axes)))
            self.facts.append(SumToOne(tensor, everything, f"the entries of `{tensor.name}` sum to 1", False))
        elif (facts.one_hot or facts.sums_to_one) and tensor.feature_axis in axes:
            position = axes.index(tensor.feature_axis)
            if len(axes) == 1:
                words = f"the entries of `{tensor.name}` sum to 1"
            else:
                line = "row" if tensor.axis_of_side(1) == tensor.feature_axis else "column"
                words = f"each {line} of `{tensor.name}` sums to 1"
            self.facts.append(SumToOne(tensor, (position,), words, False))

    def cotangent(self, of: Tensor, by: Tensor) -> Tensor:
        """The tensor that stands for d of / d by inside forms."""
        key = (of, by)
        if key not in self.cotangents:
            tensor = Tensor(f"d{of.name}/d{by.name}", by.shape, by.convention, Role.INTERMEDIATE)
            self.cotangents[key] = tensor
            self.partial_of[tensor] = Partial(of, by)
        return self.cotangents[key]

    def leaf(self, tensor: Tensor) -> Expr:
        """What a tensor of a form is in print: a name, a derivative, or its defining expression."""
        if tensor in self.partial_of:
            return self.partial_of[tensor]
        return self.helpers.get(tensor) or Leaf(tensor)

    def tidy(self, form: Form) -> Form:
        """The normal form with definitions folded and sums cancelled."""
        form = normal(form)
        while True:
            new = self._proved(cancel_sums(self.folding.fold(form)))
            if new is form:
                return form
            form = new

    def _proved(self, form: Form) -> Form:
        return sum_to_one(form, [fact for fact in self.facts if fact.proved])[0]

    def assume(self, form: Form) -> tuple[Form, tuple[SumToOne, ...]]:
        """The declared facts used."""
        new, used = sum_to_one(form, [fact for fact in self.facts if not fact.proved])
        return (self.tidy(new), used) if used else (form, ())


def _by_axis(tensor: Tensor, row: Index | None, column: Index | None) -> tuple[Index | None, ...]:
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(by_axis.get(axis) for axis in range(len(tensor.shape)))


class Sweep:
    """One backward pass from ``loss`` to every tensor of ``wrt``."""

    def __init__(
        self, shop: Workshop, loss: Tensor, wrt: Collection[Tensor], *, log_road: bool = True
    ) -> None:
        self._shop = shop
        self._graph = shop.graph
        self._loss = loss
        self._wrt = set(wrt)
        self._log_road = log_road
        self.quantities: dict[Tensor, Quantity] = {}
        self._depends = self._downstream(lambda t: t in self._wrt)
        self._differentiable = self._downstream(lambda t: t in self._wrt or t.role is Role.PARAMETER)
        spare = [letter for letter in "pqrsuvabij" if letter not in shop.reserved]
        self._letters = (spare[0], spare[1]) if len(spare) > 1 else ("p", "q")
        self._active = self._active_equations()
        self._consumers: dict[Tensor, list[Equation]] = {}
        for equation in self._active:
            for tensor in equation.inputs:
                self._consumers.setdefault(tensor, []).append(equation)
        self._locals = self._choose_roads()
        self._users: dict[Tensor, list[Local]] = {}
        for local in reversed(self._locals.values()):
            for tensor in local.form.tensors:
                self._users.setdefault(tensor, []).append(local)

    def _downstream(self, start: Callable[[Tensor], bool]) -> set[Tensor]:
        reached = {t for t in self._graph.tensors.values() if start(t)}
        for equation in self._graph.equations:
            if any(tensor in reached for tensor in equation.inputs):
                reached.add(equation.target)
        return reached

    def _active_equations(self) -> list[Equation]:
        """The equations on a path from ``wrt`` to the loss, last first."""
        needed = {self._loss}
        active: list[Equation] = []
        for equation in reversed(self._graph.equations):
            if equation.target in needed and equation.target in self._depends:
                active.append(equation)
                needed.update(equation.inputs)
        return active

    # The log road: where P reaches the loss only through log P, the forward pass is rewritten

    def _choose_roads(self) -> dict[Tensor, Local]:
        chosen = {e.target: self._shop.locals[e.target] for e in self._active if not e.abstract}
        for target, local in chosen.items():
            form = log_of_quotient(local.form)
            chosen[target] = Local(local.equation, local.row, local.column, form, form is not local.form)
        self._bypassed: dict[Tensor, tuple[Tensor, ...]] = {}
        if self._log_road:
            for equation in self._active:
                if equation.target in chosen:
                    self._bypass(equation.target, chosen)
        return chosen

    def _bypass(self, tensor: Tensor, chosen: dict[Tensor, Local]) -> None:
        """Replace log(P[n,k]) by the logits minus log of their sum, if P has no other use."""
        local = chosen[tensor]
        if tensor in self._wrt or tensor is self._loss or not _splits(local.form):
            return
        users = [chosen[e.target] for e in self._consumers.get(tensor, ()) if e.target in chosen]
        if not users or not all(_only_logs(user.form, tensor) for user in users):
            return
        for user in users:
            form = log_of_quotient(_unfold_logs(user.form, tensor, local))
            inputs = self._bypassed.get(user.equation.target, ())
            self._bypassed[user.equation.target] = (*inputs, tensor)
            chosen[user.equation.target] = Local(user.equation, user.row, user.column, form, True)
        del chosen[tensor]

    # The sweep

    def run(self) -> Mapping[Tensor, Quantity]:
        """The cotangent of every node on a path, the loss last."""
        for equation in self._active:
            if equation.target in self._locals or equation.abstract:
                self._visit(equation.target)
        for tensor in self._graph.tensors.values():
            if tensor in self._wrt:
                self._visit(tensor)
        return self.quantities

    def users_of(self, tensor: Tensor) -> list[Local]:
        """The equations through which ``tensor`` reaches the loss, in forward order."""
        return self._users.get(tensor, [])

    def _visit(self, tensor: Tensor) -> None:
        if tensor in self.quantities:
            return
        row, column = side_indices(tensor, self._letters)
        if tensor is self._loss:
            self.quantities[tensor] = Quantity(tensor, row, column, (Stage("unit", number(1)),))
            return
        users = self.users_of(tensor)
        abstract = [e for e in self._consumers.get(tensor, ()) if e.abstract]
        stages = self._stages(tensor, row, column, users, abstract)
        bypassed = tuple(
            p
            for user in users
            for p in self._bypassed.get(user.equation.target, ())
            if self._shop.locals[p].form.mentions(tensor)
        )
        self.quantities[tensor] = Quantity(tensor, row, column, stages, bypassed)

    def _stages(
        self,
        tensor: Tensor,
        row: Index | None,
        column: Index | None,
        users: list[Local],
        abstract: list[Equation],
    ) -> tuple[Stage, ...]:
        slots = indices_of(tensor, row, column)
        through = tuple(user.equation for user in users)
        given = total(self._given(equation, tensor, slots, bool(users)) for equation in abstract)
        if not users and any(equation.target is self._loss for equation in abstract):
            return (Stage("given", given),)
        raw = total((*(self._contribution(u, tensor, slots, inline=False) for u in users), given))
        first = self._shop.tidy(raw)
        stages = [Stage("chain", first, raw=raw, through=through)]
        if not users and not abstract:
            return (Stage("none", Form()),)
        candidates = [u for u in users if self._may_inline(u, tensor)]
        current = first
        if candidates:
            parts = [self._contribution(u, tensor, slots, inline=u in candidates) for u in users]
            form = self._shop.tidy(total((*parts, given)))
            names = tuple(u.equation.target for u in candidates)
            assumed, _ = self._shop.assume(form)
            shorter = min((assumed, self._shop.tidy(expanded(assumed))), key=leaves)
            budget = leaves(first) + sum(leaves(self.quantities[name].form) for name in names)
            if leaves(shorter) < budget:
                stages.append(Stage("insert", form, inserted=names))
                current = form
        assumed, used = self._shop.assume(current)
        if used:
            stages.append(Stage("assumption", assumed, uses=used))
            current = assumed
        multiplied = self._shop.tidy(expanded(current))
        if leaves(multiplied) < leaves(current):
            multiplied, more = self._shop.assume(multiplied)
            stages.append(Stage("expand", multiplied, uses=more))
        return tuple(stages)

    def _may_inline(self, user: Local, tensor: Tensor) -> bool:
        """Whether the cotangent of this equation has ``tensor`` as its only consumer."""
        target = user.equation.target
        if target is self._loss or target not in self.quantities:
            return False
        if self.quantities[target].form.constant is not None:
            return True
        return user.form.tensors & self._differentiable == {tensor}

    def _given(self, equation: Equation, tensor: Tensor, slots: tuple[Index, ...], other_paths: bool) -> Form:
        """The part through an arbitrary J = J(y): dJ/dy stays a symbol."""
        target = equation.target
        partial = single(Entry(self._shop.cotangent(target, tensor), slots))
        if target is not self._loss:
            known = self.quantities[target].form
            if known.constant is not None:
                return product(known, partial)
            return product(single(Entry(self._shop.cotangent(self._loss, target), ())), partial)
        if other_paths:
            raise UnsupportedError(
                f"{tensor.name} enters {target.name} both as an argument and through other equations;"
                f" d{target.name}/d{tensor.name} would mean two things",
                hint=f"write {target.name} = {target.name}(...) of one stage only",
            )
        return partial

    def _contribution(self, user: Local, tensor: Tensor, slots: tuple[Index, ...], *, inline: bool) -> Form:
        target = user.equation.target
        inner = self._shop.slopes.differentiate(user.form, tensor, slots)
        if target is self._loss:
            return inner
        out = user.indices
        if inline:
            quantity = self.quantities[target]
            cotangent = quantity.form.rename(dict(zip(quantity.indices, out, strict=True)))
        else:
            cotangent = single(Entry(self._shop.cotangent(self._loss, target), out))
        return bind(product(cotangent, inner), out)


def _splits(form: Form) -> bool:
    """Whether the log of the form is a difference: one quotient with an exponential on top."""
    op = lookup("log")
    assert op is not None
    logged = single(Fn(op, (form,)))
    return log_of_quotient(logged) is not logged


def _only_logs(form: Form, tensor: Tensor) -> bool:
    """Whether every entry of ``tensor`` is the whole argument of a log."""
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry) and atom.tensor is tensor:
                return False
            if isinstance(atom, Fn):
                if _is_log_of(atom, tensor):
                    continue
                if not all(_only_logs(arg, tensor) for arg in atom.args):
                    return False
            elif isinstance(atom, Group):
                if not _only_logs(atom.form, tensor):
                    return False
            elif not isinstance(atom, Entry) and any(
                isinstance(e, Entry) and e.tensor is tensor for e in Form((term,)).atoms()
            ) and not isinstance(atom, (Fn, Group)):
                continue
    return True


def _is_log_of(atom: Fn, tensor: Tensor) -> bool:
    if atom.op.name != "log" or atom.primes or len(atom.args[0].terms) != 1:
        return False
    term = atom.args[0].terms[0]
    if term.bound or term.coefficient != 1 or len(term.factors) != 1:
        return False
    inner, exponent = term.factors[0]
    return exponent == 1 and isinstance(inner, Entry) and inner.tensor is tensor


def _unfold_logs(form: Form, tensor: Tensor, local: Local) -> Form:
    """log(P[n,k]) with the definition of P put in."""

    def change(part: Form) -> Form:
        return _unfold_logs(part, tensor, local)

    terms: list[Term] = []
    for term in form.terms:
        factors: list[Factor] = []
        for atom, exponent in term.factors:
            if isinstance(atom, Fn) and _is_log_of(atom, tensor):
                entry = atom.args[0].terms[0].factors[0][0]
                assert isinstance(entry, Entry)
                inner = local.form.rename(dict(zip(local.indices, entry.slots, strict=True)))
                factors.append((Fn(atom.op, (inner,)), exponent))
            else:
                factors.append((change_parts(atom, change), exponent))
        terms.append(Term(term.coefficient, tuple(factors), term.bound))
    return Form(terms)
