"""What a derivation of one graph needs: lowered equations, slopes, definitions, facts.

``Workshop.prepare`` lowers every equation once; ``tidy`` is the one place where forms are brought
into the shape in which they are printed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE, Dim
from symbackprop.core.expr import (
    Call,
    Element,
    Expr,
    IndexValue,
    Leaf,
    Operation,
    Partial,
    Reduce,
    Run,
    Slice,
)
from symbackprop.core.graph import Equation, Graph
from symbackprop.core.tensors import Facts, Index, Role, Tensor
from symbackprop.derivation.calculus import Slopes
from symbackprop.derivation.contractions import contraction_of
from symbackprop.derivation.inverses import factors_in, split_inverses
from symbackprop.derivation.logistics import Named, exponential_in, logistic
from symbackprop.derivation.mirrors import mirrored, same_mirrored
from symbackprop.derivation.reflections import reflected
from symbackprop.derivation.rules import (
    Definition,
    Folding,
    SumToOne,
    cancel_inverses,
    cancel_sums,
    definition_of,
    leaves,
    sum_to_one,
)
from symbackprop.notation.forms import (
    DimFactor,
    Entry,
    Form,
    Group,
    Slot,
    Term,
    bind,
    parts_of,
    product,
    single,
    strict,
    within,
)
from symbackprop.notation.network import NoSpelling
from symbackprop.notation.normal import expanded, normal
from symbackprop.ops.lowering import Expand, Lowering
from symbackprop.ops.registry import Structural, lookup

MOST_LEAVES = 12  # of an equation in which sums that vanish are looked for


@dataclass(frozen=True, slots=True)
class Local:
    """One equation in index form: ``target[indices] = form``.

    ``axes`` are the indices of an array of more than two axes, which has no row and no column.
    """

    equation: Equation
    row: Index | None
    column: Index | None
    form: Form
    logs_split: bool = False
    axes: tuple[Index, ...] | None = None

    @property
    def indices(self) -> tuple[Index, ...]:
        """The indices of the target, by axis."""
        return indices_of(self.equation.target, self.row, self.column, self.axes)


def indices_of(
    tensor: Tensor, row: Index | None, column: Index | None, axes: tuple[Index, ...] | None = None
) -> tuple[Index, ...]:
    """The indices of a tensor by axis, from those of its sides."""
    if axes is not None:
        return axes
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(index for axis in tensor.index_axes if (index := by_axis[axis]) is not None)


def side_indices(tensor: Tensor, letters: tuple[str, str]) -> tuple[Index | None, Index | None]:
    """Fresh indices for the sides of a tensor that carry one."""
    if not tensor.is_matrix:
        return None, None
    rows, columns = tensor.oriented
    row = None if rows.is_one else Index(rows, letters[0])
    column = None if columns.is_one else Index(columns, letters[1])
    if row is None and column is not None:
        column.letter = letters[0]
    return row, column


def axis_indices(tensor: Tensor, letters: Sequence[str]) -> tuple[Index, ...] | None:
    """Fresh indices for the axes of an array of more than two; None for a matrix, which has sides."""
    if tensor.is_matrix:
        return None
    return tuple(
        Index(tensor.shape[axis], letter) for axis, letter in zip(tensor.index_axes, letters, strict=False)
    )


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
    logistics: list[Named] | None = None  # names for 1/(1 + e^u); None where no such sum stands
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
                self._softmax_helpers(equation.expr)
        for local in self.locals.values():
            if len(local.form.terms) != 1 or not local.form.terms[0].bound:
                continue
            form = self.folding.fold(self._plain(local.form), arrays=False)
            contraction = contraction_of(local.equation.target, local.indices, form)
            if contraction is not None:
                self.folding.contractions.append(contraction)
        for tensor in self.graph.symbols:
            self._declared(tensor)
        self._by_hand()

    def _by_hand(self) -> None:
        """Where a sum of 1 and an exponential stands: the names of its inverses."""
        found: list[Named] = []
        for local in self.locals.values():
            sums = (Group(part) for atom in local.form.atoms() for part in parts_of(atom))
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
        self.locals[target] = local = Local(equation, row, column, form)
        plain = self._plain(form)
        if row is not None and column is not None and rows == columns:
            turned = plain.rename({row: column, column: row})
            target.mirrored = same_mirrored(plain, turned)
        definition = definition_of(target, local.indices, plain)
        if definition is not None:
            self.folding.add(definition)
            self._simplex(definition, target)
        self._vanishing(local, plain)

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
        self.locals[target] = local = Local(equation, None, None, form, axes=axes)
        plain = self._plain(form)
        definition = definition_of(target, axes, plain)
        if definition is not None:
            self.folding.add(definition)
            self._simplex(definition, target)
        self._vanishing(local, plain)

    def _vanishing(self, local: Local, form: Form) -> None:
        """Sums over one index that are 0 whatever the inputs are: X - mean(X), and what is made of it.

        Found by unfolding the definitions once; looked for only where a mean or another such sum stands.
        """
        self.centred = self.centred or any(_is_mean(term) for term in form.terms)
        zeros = {fact.tensor for fact in self.facts if fact.proved and fact.value == 0}
        if not any(t in zeros for t in form.tensors) and not self._has_mean(form):
            return
        for place, index in enumerate(local.indices):
            whole = expanded(bind(form, (index,)))
            found, _ = sum_to_one(whole, [fact for fact in self.facts if fact.proved])
            if not self._unfolds_to_zero(found):
                continue
            target = local.equation.target
            words = f"the entries of `{target.name}` sum to 0"
            if len(local.indices) == 2:
                words = f"each {('column', 'row')[place]} of `{target.name}` sums to 0"
            elif len(local.indices) > 2:
                words = f"`{target.name}` summed over index {place + 1} is 0"
            self.facts.append(SumToOne(target, (place,), words, proved=True, value=0))

    def _has_mean(self, form: Form) -> bool:
        """Whether a mean stands in a sum of several terms, or in what one of its terms is."""
        if leaves(form) > MOST_LEAVES:
            return False
        if len(form.terms) == 1:
            groups = [a.form for a, e in form.terms[0].factors if isinstance(a, Group) and e == 1]
            return any(self._has_mean(group) for group in groups)
        inner = [self.locals[t].form for t in form.tensors if t in self.locals]
        return any(_is_mean(term) for part in (form, *inner) for term in part.terms)

    def _unfolds_to_zero(self, form: Form) -> bool:
        """Whether a sum is 0 as it stands, with its means written out, or with all intermediates written out.

        What a mean is taken of may be an intermediate too: it must then stay as it is on both sides.
        """
        if form.is_zero:
            return True
        known = self.locals
        means = [t for t in form.tensors if t in known and any(map(_is_mean, known[t].form.terms))]
        return any(expanded(self._unfolded(form, inside)).is_zero for inside in (means, self.locals))

    def _unfolded(self, form: Form, inside: Collection[Tensor]) -> Form:
        """Every intermediate of ``inside`` that stands as a factor replaced by its definition."""
        terms: list[Term] = []
        for term in form.terms:
            result = Form((Term(term.coefficient, (), term.bound),))
            for atom, exponent in term.factors:
                own = isinstance(atom, Entry) and atom.tensor in inside
                known = self.locals.get(atom.tensor) if own and isinstance(atom, Entry) else None
                if known is not None and exponent == 1 and isinstance(atom, Entry):
                    piece = known.form.rename(dict(zip(known.indices, atom.slots, strict=True)))
                else:
                    piece = single(atom, exponent)
                result = Form(within(a, b) for a in result.terms for b in piece.terms)
            terms.extend(result.terms)
        return normal(Form(terms))

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
            by_hand = _sum_of_exponentials(node)
            if by_hand is not None:
                self._helper(by_hand)
            if not isinstance(node, Call):
                continue
            if node.op.name in ("softmax", "log_softmax", "logsumexp"):
                self._helper(node)
            elif isinstance(node.op, Structural) and node.op.definition is not None:
                self._softmax_helpers(self.expand(node))

    def _helper(self, node: Call) -> None:
        arg, node = _whole_argument(node)
        if arg.is_scalar:
            return
        op = lookup("softmax")
        assert op is not None
        # In a definition nobody writes the axis; in print it must stand where it is not the default.
        given = node.axis_given or node.axis != self._default_axis(arg)
        whole = Call(op, (arg,), arg.shape, 0, node.axis, given)
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

    def _default_axis(self, arg: Expr) -> str:
        """The lines that softmax works inside where nothing is said."""
        rows, columns = arg.shape
        if rows.is_one != columns.is_one:
            return "rows" if rows.is_one else "columns"
        return "rows" if self.graph.convention.vectors_are_rows else "columns"

    def _named(self, whole: Call) -> bool:
        return any(
            isinstance(e.expr, Call)
            and e.expr.op is whole.op
            and e.expr.args == whole.args
            and e.expr.axis == whole.axis
            for e in self.graph.equations
        )

    def _labels(self, tensor: Tensor) -> None:
        """``onehot(y)`` for labels, each line of which sums to 1 by its definition."""
        onehot, op = self.lowering.onehot(tensor), lookup("onehot")
        assert op is not None
        side = "rows" if onehot.convention.vectors_are_rows else "columns"
        self.helpers[onehot] = Call(op, (Leaf(tensor),), onehot.oriented, 0, side)
        if onehot.feature_axis in onehot.index_axes:
            line = f"{side[:-1]} of `onehot({tensor.name})`"
            words = f"each {line} sums to 1" if tensor.shape else f"`onehot({tensor.name})` sums to 1"
            position = onehot.index_axes.index(onehot.feature_axis)
            fact = SumToOne(onehot, (position,), f"{words}, as it is one-hot", False, by_definition=True)
            self.facts.append(fact)

    def _declared(self, tensor: Tensor) -> None:
        if tensor.is_label:
            self._labels(tensor)
            return
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
            elif not tensor.is_matrix:
                words = f"`{tensor.name}` summed over its feature index is 1"
            else:
                line = "row" if tensor.axis_of_side(1) == tensor.feature_axis else "column"
                words = f"each {line} of `{tensor.name}` sums to 1"
            self.facts.append(SumToOne(tensor, (position,), words, False))

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
        form = cancel_sums(form if turned is form else normal(turned))
        while True:
            new = self.folding.fold(form, arrays=arrays)
            new = self._proved(cancel_sums(cancel_inverses(self._logistic(new), self.folding)), zeros)
            if new is form:
                break
            form = new
        apart = split_inverses(form, self.lowering)
        while (new := cancel_inverses(apart, self.folding)) is not apart:
            apart = new
        return mirrored(apart if factors_in(apart) < factors_in(form) else form)

    def _logistic(self, form: Form) -> Form:
        """Sigmoids written by hand, where there may be any."""
        op = lookup("sigmoid") if self.logistics is not None else None
        return form if op is None or self.logistics is None else logistic(form, self.logistics, op)

    def _plain(self, form: Form) -> Form:
        """Symmetric matrices as such: needed only where there are some."""
        return normal(strict(form)) if any(tensor.is_symmetric for tensor in form.tensors) else form

    def _proved(self, form: Form, zeros: bool) -> Form:
        form = sum_to_one(form, [fact for fact in self.facts if fact.proved and (zeros or fact.value)])[0]
        return self._without_centred(form) if zeros and self.centred else form

    def vanishing(self, form: Form) -> tuple[SumToOne, ...]:
        """The sums that are 0 and stand in ``form``."""
        return sum_to_one(form, [fact for fact in self.facts if fact.proved and not fact.value])[1]

    def _without_centred(self, form: Form) -> Form:
        """Terms in which a sum runs over nothing but (X - mu): they are 0."""
        kept = [term for term in form.terms if not self._is_centred(term)]
        return form if len(kept) == len(form.terms) else Form(kept)

    def _is_centred(self, term: Term) -> bool:
        for atom, exponent in term.factors:
            if not isinstance(atom, Group) or exponent != 1 or not self._has_mean(atom.form):
                continue
            others = [other for other, _ in term.factors if other is not atom]
            for index in term.bound:
                alone = index in atom.free and not any(index in other.free for other in others)
                if alone and self._unfolds_to_zero(bind(atom.form, (index,))):
                    return True
        return False

    def assume(self, form: Form, *, arrays: bool = True) -> tuple[Form, tuple[SumToOne, ...]]:
        """The declared facts used; ``arrays`` as in ``tidy``."""
        new, used = sum_to_one(form, [fact for fact in self.facts if not fact.proved])
        return (self.tidy(new, arrays=arrays), used) if used else (form, ())


def _sum_of_exponentials(node: Expr) -> Call | None:
    """softmax(u) for sum(exp(u)), rowsum(exp(U)) or sum[j](exp(U[n,j])): what comes of its logarithm."""
    op = lookup("softmax")
    assert op is not None
    inner = node.args[0] if isinstance(node, Call) else node.body if isinstance(node, Reduce) else None
    if not isinstance(inner, Call) or inner.op.name != "exp" or inner.primes:
        return None
    arg = inner.args[0]
    if isinstance(node, Call):
        lines = {"rowsum": "rows", "colsum": "columns"}.get(node.op.name)
        if node.op.name == "sum" and ONE in arg.shape and not arg.is_scalar:
            lines = "rows" if arg.shape[0].is_one else "columns"
        return Call(op, (arg,), arg.shape, 0, lines) if lines is not None else None
    assert isinstance(node, Reduce)
    return _softmax_of_entries(node, arg, op)


def _softmax_of_entries(node: Reduce, arg: Expr, op: Operation) -> Call | None:
    """softmax(Z, rows) for sum[j](exp(Z[n,j])), where j runs over a whole axis."""
    if node.binder != "sum" or len(node.ranges) != 1 or not isinstance(arg, Element):
        return None
    (spot,), base = node.ranges, arg.base
    if not isinstance(base, Leaf) or (spot.low, spot.high, spot.condition) != (None, None, None):
        return None
    singles = [slot.single for slot in arg.slots]
    if singles.count(spot.index) != 1 or None in singles or len(set(singles)) < len(singles):
        return None
    axis = singles.index(spot.index)
    if base.tensor.shape[axis] != spot.index.dim or len(singles) > 2:
        return None
    lines = "rows" if base.tensor.axis_of_side(1) == axis else "columns"
    return Call(op, (base,), base.shape, 0, lines)


def _whole_argument(node: Call) -> tuple[Expr, Call]:
    """What softmax is taken of: of one row Z[n,:] the whole of Z, row by row."""
    arg = node.args[0]
    if not isinstance(arg, Slice) or len(arg.slots) != 2 or len(arg.runs) != 1:
        return arg, node
    side = 1 if isinstance(arg.slots[1], Run) else 0
    lone = arg.slots[1 - side]
    index = lone.single if isinstance(lone, IndexValue) else None
    whole = arg.runs[0].count == arg.base.shape[side]
    if not whole or index is None or index.dim != arg.base.shape[1 - side]:
        return arg, node
    axis = "rows" if side == 1 else "columns"
    return arg.base, Call(node.op, (arg.base,), node.call_shape, 0, axis, False)


def _is_mean(term: Term) -> bool:
    """Whether a term is a sum over something divided by a size."""
    divided = term.coefficient.denominator != 1 or any(
        isinstance(atom, DimFactor) and exponent < 0 for atom, exponent in term.factors
    )
    return divided and bool(term.bound)


def _by_axis(tensor: Tensor, row: Index | None, column: Index | None) -> tuple[Index | None, ...]:
    by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
    return tuple(by_axis.get(axis) for axis in range(len(tensor.shape)))
