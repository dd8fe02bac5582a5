"""Hessian-vector products in print: how everything moves along a direction v, the Hessian never built.

    dz/dw v = X v                        T' = dT/dw v, an array of the shape of T
    dp/dw v = p * (1 - p) * (X v)
    d2L/dw2 v = X^T (p * (1 - p) * (X v)) / N

By a matrix W the change of T along V is sum[k,l](V[k,l] dT/dW[k,l]).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from symbackprop.core.arrays import Jacobian, TensorEntries
from symbackprop.core.expr import ZERO, Expr, Leaf, MatMul, Partial, Transpose
from symbackprop.core.indexed import Comprehension, Element, IndexValue, Range, Reduce
from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.explain import join, spelling_reason, stage_reason
from symbackprop.derivation.lines import Lines, is_short, slots_of
from symbackprop.derivation.local_forms import side_indices
from symbackprop.derivation.tangents import Tangent, Tangents, free_letter
from symbackprop.notation.building import cost, product
from symbackprop.notation.forms import Form
from symbackprop.notation.steps import Step

LONGER = 1.5  # how much longer a line may be in which products keep their brackets


@dataclass(frozen=True, slots=True)
class ProductWork:
    """A Hessian-vector product in print.

    vector       the direction v.
    asked        d2L/dw2 v, an array of the shape of A in d2L/(dA dB).
    entry        one entry of it, at the letters ``row`` and ``column``.
    expr, whole  the result, and the same without names of changes.
    axes         the letters where A has more than two axes, and the result is an entry.
    has_changes  whether names of changes stand in ``form``.
    """

    vector: Tensor
    asked: Expr
    entry: Expr
    row: Index | None
    column: Index | None
    form: Form
    expr: Expr
    whole: Expr
    steps: tuple[Step, ...]
    uses: tuple[str, ...]
    has_changes: bool = False
    axes: tuple[Index, ...] | None = None


@dataclass(slots=True)
class Direction:
    """The lines of d2L/(dA dB) v: of = dL/dA, by = B."""

    lines: Lines
    of: Tensor
    by: Tensor
    vector: Tensor
    tangents: Tangents
    level: str
    steps: list[Step] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    changes: dict[Tensor, Expr] = field(default_factory=dict)
    values: dict[Tensor, Expr] = field(default_factory=dict)

    def work(self) -> ProductWork:
        """All lines up to the result."""
        row, column = self._sides(self.of)
        axes = self._axes(self.of)
        head = axes or self._head(self.of, row, column)
        entry = self._at(self.of, head)
        asked = entry if axes else self.change(self.of)
        if not self.tangents.moves(self.of):
            reason = f"`{self._name(self.of)}` does not depend on `{self.by.name}`"
            zero = TensorEntries(axes, ZERO) if axes else self._array(Form(), row, column)
            self._add("none", reason, asked, zero, Partial(self.of, self.by))
            return self._record(asked, entry, (row, column, axes), Form(), zero, zero)
        found = self.tangents.of(self.of, head)
        for one in self.tangents.found.values():
            if not one.form.is_zero or one is found:
                self._lines(one)
        expr = self.values[self.of]
        whole = self._put_in(expr, tuple(self.values))
        if isinstance(whole, Comprehension):
            whole = self._array(self.tangents.unfolded(found.form), row, column)
        if axes:
            expr = TensorEntries(axes, self._entries(found.form))
            whole = TensorEntries(axes, self._entries(self.tangents.unfolded(found.form)))
        elif self.level == "index" and head:
            expr = Comprehension(row, column, self._entries(found.form))
            whole = Comprehension(row, column, self._entries(self.tangents.unfolded(found.form)))
        return self._record(asked, entry, (row, column, axes), found.form, expr, whole)

    def _record(
        self, asked: Expr, entry: Expr,
        sides: tuple[Index | None, Index | None, tuple[Index, ...] | None],
        form: Form, expr: Expr, whole: Expr,
    ) -> ProductWork:  # fmt: skip
        uses = tuple(dict.fromkeys(self.uses))
        named = any(name in form.tensors for name in self.tangents.along.values())
        return ProductWork(
            self.vector, asked, entry, sides[0], sides[1], form, expr, whole, tuple(self.steps), uses, named,
            sides[2],
        )

    def _sides(self, tensor: Tensor) -> tuple[Index | None, Index | None]:
        shop = self.lines.shop
        first = free_letter("ijklmnpqrs", shop.reserved)
        second = free_letter("ijklmnpqrs", {*shop.reserved, first})
        return side_indices(tensor, (first, second))

    def _head(self, tensor: Tensor, row: Index | None, column: Index | None) -> tuple[Index, ...]:
        by_axis = {tensor.axis_of_side(0): row, tensor.axis_of_side(1): column}
        return tuple(index for axis in tensor.index_axes if (index := by_axis[axis]) is not None)

    def change(self, tensor: Tensor) -> Expr:
        """dT/dB v: the change of T along the direction."""
        if tensor not in self.changes:
            self.changes[tensor] = change_along(tensor, self.by, self.vector)
        return self.changes[tensor]

    def _entries(self, form: Form) -> Expr:
        return self._named(self.lines.entries(form))

    def _named(self, node: Expr) -> Expr:
        """Changes by their products, dp/dw v."""
        known = {name: one for one, name in self.tangents.along.items()}
        if isinstance(node, Element) and isinstance(node.base, Leaf) and node.base.tensor in known:
            return entry_along(known[node.base.tensor], self.by, self.vector, node.slots)
        if isinstance(node, Leaf) and node.tensor in known:
            return self.change(known[node.tensor])
        return node.map_children(self._named)

    def _axes(self, tensor: Tensor) -> tuple[Index, ...] | None:
        """Letters for an array of more than two axes, which is no matrix."""
        if tensor.is_matrix:
            return None
        taken = set(self.lines.shop.reserved)
        found: list[Index] = []
        for axis in tensor.index_axes:
            found.append(Index(tensor.shape[axis], free_letter("ijklmnpqrs", taken)))
            taken.add(found[-1].letter)
        return tuple(found)

    def _at(self, tensor: Tensor, head: tuple[Index, ...]) -> Expr:
        slots = slots_of(tensor, head)
        return entry_along(tensor, self.by, self.vector, slots) if slots else self.change(tensor)

    def _array(self, form: Form, row: Index | None, column: Index | None) -> Expr:
        """The form as an array: as matrices where that is possible."""
        found = self.lines.speller.spell(form, row, column)
        if found is None:
            body = self._entries(form)
            return Comprehension(row, column, body) if any((row, column)) else body
        return self._named(found)

    def _name(self, tensor: Tensor) -> str:
        return self.lines.show(self.lines.shop.leaf(tensor))

    def _add(
        self, rule: str, reason: str, before: Expr, after: Expr, about: Partial, uses: tuple[str, ...] = ()
    ) -> None:
        self.steps.append(self.lines.step(rule, reason, before, after, about, (), uses))
        self.uses.extend(uses)

    def _lines(self, tangent: Tangent) -> None:
        """The lines of one change: as matrices, over entries where there are none."""
        tensor, about = tangent.tensor, Partial(tangent.tensor, self.by)
        if not tensor.is_matrix:
            bodies = [self._entries(stage.form) for stage in tangent.stages]
            self.values[tensor] = TensorEntries(tangent.head, bodies[-1])
            self._print(tangent, bodies, self._at(tensor, tangent.head))
            return
        row, column = self._from_head(tensor, tangent.head)
        shown = [self._array(stage.form, row, column) for stage in tangent.stages]
        before = self.change(tensor)
        in_entries = self.level == "index" or any(isinstance(one, Comprehension) for one in shown)
        for at, stage in enumerate(tangent.stages):
            if stage.rule == "insert" and at and not in_entries:
                nested = self._put_in(shown[at - 1], stage.inserted)
                # What is nested multiplies vectors; a shorter spelling may have put matrices together.
                shown[at] = nested if cost(nested) <= LONGER * cost(shown[at]) else shown[at]
        shown = [from_the_right(one) for one in shown]
        whole = self.values[tensor] = shown[-1]
        if in_entries:
            shown = [self._entries(stage.form) for stage in tangent.stages]
            before = self._at(tensor, tangent.head)
        self._print(tangent, shown, before)
        if in_entries and self.level != "index" and not isinstance(whole, Comprehension):
            self._add("spell", spelling_reason(tangent.form, whole), self.change(tensor), whole, about)

    def _print(self, tangent: Tangent, shown: Sequence[Expr], before: Expr) -> None:
        about = Partial(tangent.tensor, self.by)
        for stage, after in zip(tangent.stages, shown, strict=True):
            if after != before:
                reason = self._reason(tangent, stage.rule, stage.inserted, stage)
                self._add(stage.rule, reason, before, after, about, stage.assumed)
            before = after

    def _put_in(self, expr: Expr, tensors: tuple[Tensor, ...]) -> Expr:
        """The expression with the changes of some arrays put in, to the end: products keep their brackets."""
        whole = [tensor for tensor in tensors if tensor in self.values and tensor.is_matrix]
        known = {self.change(tensor): self.values[tensor] for tensor in whole}

        def put_in(node: Expr) -> Expr:
            value = known.get(node)
            if value is not None and value != node:
                return value if isinstance(value, Comprehension) else put_in(value)
            return node.map_children(put_in)

        return put_in(expr)

    def _from_head(self, tensor: Tensor, head: tuple[Index, ...]) -> tuple[Index | None, Index | None]:
        by_axis = dict(zip(tensor.index_axes, head, strict=True))
        sides = [by_axis.get(axis) if axis is not None else None for axis in map(tensor.axis_of_side, (0, 1))]
        return sides[0], sides[1]

    def _reason(self, tangent: Tangent, rule: str, inserted: tuple[Tensor, ...], stage: object) -> str:
        if rule == "insert":
            return f"put in {join([f'the change of `{self._name(tensor)}`' for tensor in inserted])}"
        if rule != "chain":
            return stage_reason(stage, self.lines.show, self.tangents.loss)  # type: ignore[arg-type]
        base = self.lines.shop.leaf(tangent.tensor)
        slots = slots_of(tangent.tensor, tangent.head)
        left = self.lines.show(Element(base, slots) if slots else base)
        right = self.lines.show(self.lines.entries(tangent.source))
        if left == right or not is_short(tangent.source):
            return f"how `{left}` moves along `{self.vector.name}`"
        return f"how `{left} = {right}` moves along `{self.vector.name}`"


def from_the_right(expr: Expr) -> Expr:
    """A B v as A (B v): no product of matrices where a vector is at hand."""
    expr = expr.map_children(from_the_right)
    if not isinstance(expr, MatMul):
        return expr
    arrays = [factor for factor in expr.factors if not factor.is_scalar]
    if len(arrays) == 1 and isinstance(arrays[0], MatMul):
        return product(*expr.factors)
    if len(arrays) < 3 or not arrays[-1].shape[1].is_one or arrays[0].shape[0].is_one:
        return expr
    if any(factor.shape[1].is_one for factor in arrays[:-1]):
        return expr
    scales = [factor for factor in expr.factors if factor.is_scalar]
    whole = MatMul((arrays[-2], arrays[-1]))
    for factor in reversed(arrays[:-2]):
        whole = MatMul((factor, whole))
    return MatMul((*scales, *whole.factors))


def change_along(of: Tensor, by: Tensor, vector: Tensor) -> Expr:
    """dT/dB v as an array of the shape of T; a number if T is one."""
    if of.is_scalar and not by.index_axes:
        return MatMul((Leaf(vector), Partial(of, by)))
    if not of.is_scalar and len(of.shape) == len(by.shape) == 1:
        matrix: Expr = Jacobian(of, by)
        if of.convention.vectors_are_rows:
            return MatMul((Leaf(vector), Transpose(matrix)))
        return MatMul((matrix, Leaf(vector)))
    slots, ranges = _open(by)
    lying = not by.index_axes and len(of.index_axes) == 1 and of.oriented[0].is_one
    inner: Expr = Jacobian(of, by, flipped=lying, by_slots=slots)
    if of.is_scalar:
        inner = Element(Partial(of, by), slots)
    elif inner.shape != of.oriented:  # an n x 1 matrix, where vectors are rows
        inner = Transpose(inner)
    entry: Expr = Element(Leaf(vector), slots) if slots else Leaf(vector)
    body = MatMul((entry, inner))
    return Reduce("sum", ranges, body) if ranges else body


def entry_along(of: Tensor, by: Tensor, vector: Tensor, at: tuple[IndexValue, ...]) -> Expr:
    """An entry of dT/dB v."""
    slots, ranges = _open(by)
    both = (*at, *slots)
    entry: Expr = Element(Leaf(vector), slots) if slots else Leaf(vector)
    body = MatMul((Element(Partial(of, by), both) if both else Partial(of, by), entry))
    return Reduce("sum", ranges, body) if ranges else body


def _open(by: Tensor) -> tuple[tuple[IndexValue, ...], tuple[Range, ...]]:
    indices = tuple(Index(by.shape[axis], "kl"[at % 2]) for at, axis in enumerate(by.index_axes))
    return slots_of(by, indices), tuple(Range(index) for index in indices)
