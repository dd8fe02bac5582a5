"""What a derivation of one graph needs: lowered equations, slopes, definitions, facts.

``Workshop.prepare`` lowers every equation once; ``tidy`` is the one place where forms are brought
into the shape in which they are printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Facts, Index, Role, Tensor
from symbackprop.derivation.calculus import Slopes
from symbackprop.derivation.cancelling import cancel_inverses, cancel_sums
from symbackprop.derivation.centred import is_mean, vanishing_sums, without_centred
from symbackprop.derivation.contractions import contraction_of
from symbackprop.derivation.folding import Folding, definition_of
from symbackprop.derivation.inverses import factors_in, split_inverses
from symbackprop.derivation.known_sums import KnownSum, with_known_sums
from symbackprop.derivation.lengths import leaves
from symbackprop.derivation.local_forms import Local, axis_indices, indices_of, side_indices
from symbackprop.derivation.logistics import Named, exponential_in, logistic
from symbackprop.derivation.mirrors import mirrored, same_mirrored
from symbackprop.derivation.reciprocals import Reciprocal, as_quotients, reciprocal_of
from symbackprop.derivation.reflections import reflected
from symbackprop.derivation.softmaxes import is_named, softmax_of, softmaxes_in
from symbackprop.derivation.sum_facts import declared_sum, sum_of_onehot, sum_of_quotient
from symbackprop.notation.atoms import Group, strict
from symbackprop.notation.forms import Form
from symbackprop.notation.network import NoSpelling
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot
from symbackprop.ops.lowerer import Expand
from symbackprop.ops.lowering import Lowering
from symbackprop.ops.registry import lookup


@dataclass(slots=True)
class Workshop:
    """What a derivation of one graph needs: lowered equations, slopes, definitions, facts."""

    graph: Graph
    expand: Expand
    slopes: Slopes
    lowering: Lowering
    helpers: dict[Tensor, Expr] = field(default_factory=dict)
    folding: Folding = field(default_factory=Folding)
    facts: list[KnownSum] = field(default_factory=list)
    locals: dict[Tensor, Local] = field(default_factory=dict)
    cotangents: dict[tuple[Tensor, Tensor], Tensor] = field(default_factory=dict)
    partial_of: dict[Tensor, Partial] = field(default_factory=dict)
    logistics: list[Named] | None = None  # names for 1/(1 + e^u); None where no such sum stands
    reciprocals: dict[Tensor, Reciprocal] = field(default_factory=dict)
    quotients: Folding = field(default_factory=Folding)  # products with a reciprocal that have a name
    centred: bool = False  # whether means stand anywhere, so that sums may vanish
    _reserved: frozenset[str] = frozenset()

    def prepare(self) -> None:
        """Lower every equation; register definitions, sums of one, and softmax helpers."""
        graph = self.graph
        self._reserved = frozenset((*graph.tensors, *graph.families, *graph.dims))
        for equation in self.graph.equations:
            if equation.expr is not None:
                self._lower(equation)
        for equation in self.graph.equations:
            if equation.expr is not None:
                for call in softmaxes_in(equation.expr, self.expand):
                    self._name_softmax(call)
        for local in self.locals.values():
            if len(local.form.terms) != 1 or not local.form.terms[0].bound:
                continue
            form = self.folding.fold(self._plain(local.form), arrays=False)
            contraction = contraction_of(local.equation.target, local.indices, form)
            if contraction is not None:
                self.folding.contractions.append(contraction)
        for tensor in self.graph.symbols:
            self._know(self._onehot_sum(tensor) if tensor.is_label else declared_sum(tensor))
        self._by_hand()

    def _by_hand(self) -> None:
        """Where a sum of 1 and an exponential stands: the names of its inverses."""
        found: list[Named] = []
        for local in self.locals.values():
            sums = (Group(part) for atom in local.form.atoms() for part in atom.parts)
            if any(exponential_in(group) is not None for group in sums):
                self.logistics = found
            whole = local.form.terms[0] if len(local.form.terms) == 1 else None
            if whole is None or whole.coefficient != 1 or whole.bound or len(whole.factors) != 1:
                continue
            ((atom, exponent),) = whole.factors
            inside = exponential_in(atom)
            if inside is not None and exponent == -1:
                found.append((local.equation.target, local.indices, inside))

    def _lower(self, equation: Equation) -> None:
        assert equation.expr is not None
        target = equation.target
        if not target.is_matrix:
            self._lower_entries(equation)
            return
        rows, columns = target.oriented
        row, column = side_indices(target, (self.letter(rows, "ijkl"), self.letter(columns, "jklr")))
        if equation.indices:
            slots = dict(zip(equation.indices, _by_axis(target, row, column), strict=True))
            names = {index: place for index, place in slots.items() if place is not None}
            form = normal(self.lowering.lower(equation.expr, None, None, names))
        else:
            form = normal(self.lowering.lower(equation.expr, row, column))
        self._remember(Local(equation, row, column, form))

    def _lower_entries(self, equation: Equation) -> None:
        """An array of more than two axes, which is given by one entry."""
        assert equation.expr is not None
        target = equation.target
        letters: list[str] = []
        for axis in target.index_axes:
            spare = "".join(letter for letter in "ijklmnpqrs" if letter not in letters)
            letter = self.letter(target.shape[axis], spare)
            letters.append(letter if letter not in letters else self.letter(ONE, spare))
        axes = axis_indices(target, letters) or ()
        places = dict(zip(target.index_axes, axes, strict=True))
        names: dict[Index, Slot] = {index: places.get(axis, 1) for axis, index in enumerate(equation.indices)}
        form = normal(self.lowering.lower(equation.expr, None, None, names))
        self._remember(Local(equation, None, None, form, axes=axes))

    def _remember(self, local: Local) -> None:
        """Keep an equation, what is symmetric in it, what it defines, and what its entries sum to."""
        target, row, column = local.equation.target, local.row, local.column
        self.locals[target] = local
        plain = self._plain(local.form)
        if row is not None and column is not None and row.dim == column.dim:
            turned = plain.rename({row: column, column: row})
            target.mirrored = same_mirrored(plain, turned)
        quotient = as_quotients(plain, self.reciprocals)
        definition = definition_of(target, local.indices, quotient)
        if definition is not None and quotient is not plain:
            self.quotients.add(definition)
        reciprocal = reciprocal_of(local)
        if reciprocal is not None:
            self.reciprocals[target] = reciprocal
        if definition is not None:
            self.folding.add(definition)
            self._know(sum_of_quotient(definition, target))
        self.centred = self.centred or any(is_mean(term) for term in plain.terms)
        self.facts.extend(vanishing_sums(local, plain, self.locals, self._proved_facts))

    def _know(self, fact: KnownSum | None) -> None:
        if fact is not None:
            self.facts.append(fact)

    @property
    def _proved_facts(self) -> list[KnownSum]:
        return [fact for fact in self.facts if fact.proved]

    def _name_softmax(self, node: Call) -> None:
        """softmax(arg) gets a helper of its own unless the author has named it."""
        whole = softmax_of(node, self.graph)
        if whole is None or whole in self.helpers.values() or is_named(whole, self.graph):
            return
        tensor = Tensor("softmax", whole.shape, self.graph.convention, Role.INTERMEDIATE, facts=Facts())
        row, column = side_indices(tensor, ("i", "j"))
        form = normal(self.lowering.lower(whole, row, column))
        definition = definition_of(tensor, indices_of(tensor, row, column), form)
        if definition is not None:
            self.helpers[tensor] = whole
            self.folding.add(definition)
            self._know(sum_of_quotient(definition, tensor))

    def _onehot_sum(self, labels: Tensor) -> KnownSum | None:
        """``onehot(y)`` for labels is a helper; what its lines sum to."""
        onehot, op = self.lowering.onehot(labels), lookup("onehot")
        assert op is not None
        side = "rows" if onehot.convention.vectors_are_rows else "columns"
        self.helpers[onehot] = Call(op, (Leaf(labels),), onehot.oriented, 0, side)
        return sum_of_onehot(onehot, labels)

    def letter(self, dim: Dim, spare: str) -> str:
        """A letter for an index of that dim: its initial, or the first spare one that names nothing."""
        taken = self.reserved
        name = dim.single_name
        initial = name[0].lower() if name and name[0].isascii() and name[0].isalpha() else ""
        return next((letter for letter in (initial, *spare) if letter and letter not in taken), spare[0])

    @property
    def means(self) -> frozenset[str]:
        """Which of mean, rowmean and colmean the author writes; ``mean`` where it is one of a vector."""
        exprs = [equation.expr for equation in self.graph.equations if equation.expr is not None]
        calls = [node for expr in exprs for node in expr.walk() if isinstance(node, Call)]
        found = {call.op.name for call in calls if call.op.name in ("rowmean", "colmean")}
        if any(call.op.name == "mean" and ONE in call.args[0].shape for call in calls):
            found.add("mean")
        return frozenset(found)

    @property
    def reserved(self) -> frozenset[str]:
        """The names that no index may have."""
        return self._reserved

    def cotangent(self, of: Tensor, by: Tensor) -> Tensor:
        """The tensor that stands for d of / d by inside forms: the axes of ``of``, then those of ``by``."""
        key = (of, by)
        if key not in self.cotangents:
            if of.is_scalar:
                tensor = of.gradient_by(by)
            else:
                shape = (*of.shape, *by.shape)
                tensor = Tensor(f"d{of.name}/d{by.name}", shape, by.convention, Role.INTERMEDIATE)
            self.cotangents[key] = tensor
            self.partial_of[tensor] = Partial(of, by)
        return self.cotangents[key]

    def leaf(self, tensor: Tensor) -> Expr:
        """What a tensor of a form is in print: a name, a derivative, or its defining expression."""
        if tensor in self.partial_of:
            return self.partial_of[tensor]
        return self.helpers.get(tensor) or Leaf(tensor)

    def matrix_leaf(self, tensor: Tensor) -> Expr:
        """The same where matrices are spelled: the derivative of a vector by a vector is a matrix."""
        partial = self.partial_of.get(tensor)
        if partial is None or partial.of.is_scalar:
            return self.leaf(tensor)
        if len(partial.of.shape) == len(partial.by.shape) == 1:
            return Jacobian(partial.of, partial.by)
        raise NoSpelling

    def tidy(self, form: Form, *, zeros: bool = True, arrays: bool = True) -> Form:
        """The normal form with definitions folded and sums cancelled; ``zeros``: sums that vanish too.

        ``arrays``: named products of matrices are folded as well.
        """
        form = normal(self._plain(form))
        turned = reflected(form)
        form = self._folded(cancel_sums(form if turned is form else normal(turned)), zeros, arrays)
        if self.reciprocals and (other := as_quotients(form, self.reciprocals)) is not form:
            other = self._folded(self.quotients.fold(other), zeros, arrays)
            form = other if leaves(other) < leaves(form) else form
        apart = split_inverses(form, self.lowering)
        while (new := cancel_inverses(apart, self.folding)) is not apart:
            apart = new
        return mirrored(apart if factors_in(apart) < factors_in(form) else form)

    def _folded(self, form: Form, zeros: bool, arrays: bool) -> Form:
        """Names folded back and sums cancelled until nothing changes."""
        while True:
            new = self.folding.fold(form, arrays=arrays)
            new = self._proved(cancel_sums(cancel_inverses(self._logistic(new), self.folding)), zeros=zeros)
            if new is form:
                return form
            form = new

    def _logistic(self, form: Form) -> Form:
        """Sigmoids written by hand, where there may be any."""
        op = lookup("sigmoid") if self.logistics is not None else None
        return form if op is None or self.logistics is None else logistic(form, self.logistics, op)

    def _plain(self, form: Form) -> Form:
        """Symmetric matrices as such: needed only where there are some."""
        return normal(strict(form)) if any(tensor.is_symmetric for tensor in form.tensors) else form

    def _proved(self, form: Form, *, zeros: bool) -> Form:
        form = with_known_sums(form, [fact for fact in self._proved_facts if zeros or fact.value])[0]
        return without_centred(form, self.locals) if zeros and self.centred else form

    def vanishing(self, form: Form) -> tuple[KnownSum, ...]:
        """The sums that are 0 and stand in ``form``."""
        return with_known_sums(form, [fact for fact in self._proved_facts if not fact.value])[1]

    def assume(self, form: Form, *, arrays: bool = True) -> tuple[Form, tuple[KnownSum, ...]]:
        """The declared facts used; ``arrays`` as in ``tidy``."""
        new, used = with_known_sums(form, [fact for fact in self.facts if not fact.proved])
        return (self.tidy(new, arrays=arrays), used) if used else (form, ())


def _by_axis(tensor: Tensor, row: Index | None, column: Index | None) -> tuple[Index | None, ...]:
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(by_axis.get(axis) for axis in range(len(tensor.shape)))
