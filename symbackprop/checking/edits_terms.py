"""Changes to terms, numbers and names; softmax that was differentiated as if it were elementwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from symbackprop.checking.edit import Edit, turned
from symbackprop.checking.edits_brackets import gathered
from symbackprop.checking.places import Place
from symbackprop.checking.vocabulary import Vocabulary, confused
from symbackprop.core.arrays import Jacobian
from symbackprop.core.dims import ONE
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
    DimValue,
    Divide,
    Expr,
    Hadamard,
    Leaf,
    MatMul,
    Neg,
    Number,
    Partial,
    Transpose,
)
from symbackprop.core.indexed import Element, IndexValue, Indicator, Run, Slice, label_slot
from symbackprop.core.tensors import Index, Tensor
from symbackprop.ops.registry import lookup

# -- terms, numbers, symbols


def _terms(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if not isinstance(node, Add):
        return
    for at, term in enumerate(node.terms):
        rest = (*node.terms[:at], *node.terms[at + 1 :])
        kept = rest[0] if len(rest) == 1 else Add(rest)
        cause = "extra-regulariser" if words.is_penalty(term) else "extra-term"
        yield Edit(place.put(kept), cause, 1.4, term, kept)
    if isinstance(place.parent, MatMul | Hadamard):
        yield from _moved_brackets(place, node)
    for new, turned_too in gathered(node):
        yield Edit(place.put(new), "parenthesis", 1.65 if turned_too else 1.35, node, new)


def _moved_brackets(place: Place, node: Add) -> Iterator[Edit]:
    """a (b - c) for a b - c, for the first and the last factor."""
    product = place.parent
    assert isinstance(product, MatMul | Hadamard)
    at = next(k for k, factor in enumerate(product.factors) if factor is node)
    for inside in (0, len(node.terms) - 1):
        parts: list[Expr] = []
        for k, term in enumerate(node.terms):
            if k == inside:
                bare = term.arg if isinstance(term, Neg) else term
                new = replace(product, factors=(*product.factors[:at], bare, *product.factors[at + 1 :]))
                parts.append(Neg(new) if isinstance(term, Neg) else new)
            else:
                parts.append(term)
        moved = Add(tuple(parts))
        root = place.put(node)
        changed = _swap(root, product, moved)
        if changed is not root:
            yield Edit(changed, "parenthesis", 1.5, product, moved)


def _swap(expr: Expr, old: Expr, new: Expr) -> Expr:
    if expr == old:
        return new
    return expr.map_children(lambda child: _swap(child, old, new))


def _numbers(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Number) and node.value != 0:
        for value in (Fraction(2), Fraction(1, 2), node.value + 1, node.value - 1):
            if value not in (node.value, 0):
                yield Edit(place.put(Number(value)), "factor", 1.9, node, Number(value))
        if node.value == 1:
            for first, second in combinations(place.indices, 2):
                if first.dim == second.dim:
                    left, right = (IndexValue(((index, 1),)) for index in (first, second))
                    delta = Indicator(left, "=", right, is_kron=True)
                    yield Edit(place.put(delta), "kronecker", 1.5, node, delta)
        if node.value == 1:
            yield from _complements(place, words)
            for choice in label_choices(place.indices, words):
                yield Edit(place.put(choice), "kronecker", 1.4, node, choice)
        for dim in words.counts[:2]:
            yield Edit(place.put(DimValue(dim)), "mean", 1.9, node)
    elif isinstance(node, Leaf) and node.is_scalar and isinstance(place.parent, MatMul):
        yield Edit(place.put(Divide(UNIT, node)), "inverse", 1.8, node, Divide(UNIT, node))


def _complements(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """1 where 1 - h is meant, for an array of the problem or an entry of one."""
    if place.parent is None:
        return
    for tensor in words.tensors:
        if tensor.is_scalar or tensor.is_label:
            continue
        entries = (Element(Leaf(tensor), slots) for slots in choices(tensor, place.indices))
        for one in (Leaf(tensor), *entries):
            new = Add((UNIT, Neg(one)))
            yield Edit(place.put(new), "missing-term", 1.6, place.node, new)


def choices(tensor: Tensor, indices: Sequence[Index]) -> Iterator[tuple[IndexValue, ...]]:
    """Slots for an entry of a tensor: indices in scope of the right dims."""
    found: list[tuple[IndexValue, ...]] = [()]
    for dim in tensor.shape:
        fitting = [IndexValue(((index, 1),)) for index in indices if index.dim == dim]
        found = [(*slots, one) for slots in found for one in fitting]
    yield from found[:6]


def label_choices(indices: Sequence[Index], words: Vocabulary) -> Iterator[Expr]:
    """[y_n = k], for the labels of the problem and the indices in scope."""
    for tensor in words.tensors:
        if not tensor.is_label or tensor.rank > 1:
            continue
        owns: list[Index | None] = [index for index in indices if index.dim in tensor.shape]
        for own in owns or [None]:
            if (own is None) != (tensor.rank == 0):
                continue
            label = Leaf(tensor) if own is None else Element(Leaf(tensor), (IndexValue(((own, 1),)),))
            for index in indices:
                if index is not own:
                    yield Indicator(label_slot(label), "=", IndexValue(((index, 1),)))


def _symbols(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Leaf):
        for tensor in words.tensors:
            if tensor is not node.tensor and _may_replace(tensor, node.tensor):
                yield Edit(place.put(Leaf(tensor)), confused(node.tensor, tensor), 1.7, node, Leaf(tensor))
    elif isinstance(node, Partial):
        for tensor in words.tensors:
            if tensor is not node.by and tensor.rank == node.by.rank and not tensor.is_label:
                new = replace(node, by=tensor)
                yield Edit(place.put(new), confused(node.by, tensor), 1.7, node, new)
    elif isinstance(node, Element) and isinstance(node.base, Leaf | Partial):
        old = node.base.array
        for tensor in words.arrays:
            if tensor is not old and tensor.rank == old.rank and len(node.slots) == old.rank:
                base = Leaf(tensor) if isinstance(node.base, Leaf) else replace(node.base, by=tensor)
                new_node = Element(base, node.slots)
                cost = 1.8 if isinstance(node.base, Leaf) else 2.0
                yield Edit(place.put(new_node), confused(old, tensor), cost, node, new_node)
        if isinstance(node.base, Partial) and not node.base.of.is_scalar:
            for tensor in words.tensors:
                if tensor is not node.base.of and tensor.rank == node.base.of.rank:
                    other = Element(replace(node.base, of=tensor), node.slots)
                    yield Edit(place.put(other), confused(node.base.of, tensor), 1.8, node, other)
    elif isinstance(node, Slice) and isinstance(node.base, Leaf | Partial):
        old = node.base.array
        for tensor in words.tensors:
            if tensor is not old and tensor.rank == old.rank:
                base = Leaf(tensor) if isinstance(node.base, Leaf) else replace(node.base, by=tensor)
                runs = tuple(
                    Run(slot.low, dim) if isinstance(slot, Run) else slot
                    for slot, dim in zip(node.slots, tensor.shape, strict=True)
                )
                cut = replace(node, base=base, slots=runs)
                yield Edit(place.put(cut), confused(old, tensor), 1.8, node, cut)
    elif isinstance(node, Jacobian):
        for tensor in words.tensors:
            for new_jacobian in (replace(node, of=tensor), replace(node, by=tensor)):
                old = node.of if new_jacobian.of is tensor else node.by
                if tensor is not old and tensor.rank == old.rank:
                    yield Edit(place.put(new_jacobian), confused(old, tensor), 2.0, node, new_jacobian)


def _may_replace(new: Tensor, old: Tensor) -> bool:
    return new.rank == old.rank or {new.rank, old.rank} == {1, 2}


# -- softmax as if it were elementwise


def _softmax(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if not isinstance(node, MatMul | Hadamard):
        return
    for target, _, axis in words.softmaxes:
        entry = _entry_slope(node, target)
        if entry is not None:
            for index in place.indices:
                for new in _jacobian_entries(node, entry, index):
                    yield Edit(place.put(new), "softmax-diagonal", 1.0, node, new)
        for new, cause in _half_jacobians(place, node, target):
            yield Edit(place.put(new), cause, 1.0, node, new)
        whole = _whole_slope(node, target)
        if whole is not None:
            gradient, own = whole
            shape = own.shape
            by_rows = (axis == "rows") == (own == Leaf(target))
            op = lookup("rowsum" if by_rows else "colsum")
            assert op is not None
            summed = Call(op, (Hadamard((gradient, own)),), (shape[0], ONE) if by_rows else (ONE, shape[1]))
            new = Hadamard((own, Add((gradient, Neg(summed)))))
            yield Edit(place.put(new), "softmax-diagonal", 1.0, node, new)


def _half_jacobians(place: Place, node: MatMul | Hadamard, target: Tensor) -> Iterator[tuple[Expr, str]]:
    """p_i ([i = j] - p_j), where only one of its terms stands: p_i [i = j], or -p_i p_j."""
    own = [f for f in node.factors if isinstance(f, Element) and f.base == Leaf(target)]
    deltas = [f for f in node.factors if isinstance(f, Indicator) and isinstance(f.right, IndexValue)]
    if len(own) == 1 and len(deltas) == 1:
        (entry,), (delta,) = own, deltas
        for side in (delta.left, delta.right):
            if isinstance(side, IndexValue) and side not in entry.slots:
                for other in (delta.left, delta.right):
                    if other in entry.slots:
                        slots = tuple(side if slot == other else slot for slot in entry.slots)
                        bracket = Add((delta, Neg(Element(entry.base, slots))))
                        factors = tuple(bracket if f is delta else f for f in node.factors)
                        yield replace(node, factors=factors), "softmax-diagonal"
    if len(own) == 2:
        first, second = own
        apart = [pair for pair in zip(first.slots, second.slots, strict=True) if pair[0] != pair[1]]
        if len(apart) == 1:
            bracket = Add((Indicator(apart[0][0], "=", apart[0][1], is_kron=True), Neg(second)))
            full: Expr = replace(node, factors=tuple(bracket if f is second else f for f in node.factors))
            yield Neg(full) if isinstance(place.parent, Neg) else full, "missing-term"


def _entry_slope(node: MatMul | Hadamard, target: Tensor) -> Element | None:
    """p_i, where the product holds p_i and 1 - p_i."""
    for factor in node.factors:
        if isinstance(factor, Element) and factor.base == Leaf(target):
            for other in node.factors:
                if isinstance(other, Add) and set(other.terms) == {UNIT, Neg(factor)}:
                    return factor
    return None


def _jacobian_entries(node: MatMul | Hadamard, entry: Element, index: Index) -> Iterator[Expr]:
    """p_i ([i = j] - p_j) in the place of p_i (1 - p_i)."""
    for at, slot in enumerate(entry.slots):
        if slot.single is None or slot.single is index:
            continue
        slots = (*entry.slots[:at], IndexValue(((index, 1),)), *entry.slots[at + 1 :])
        other = Element(entry.base, slots)
        delta = Indicator(slot, "=", slots[at], is_kron=True)
        factors = tuple(
            Add((delta, Neg(other))) if isinstance(factor, Add) and set(factor.terms) == {UNIT, Neg(entry)}
            else factor for factor in node.factors
        )  # fmt: skip
        yield replace(node, factors=factors)


def _whole_slope(node: MatMul | Hadamard, target: Tensor) -> tuple[Expr, Expr] | None:
    """(G, P), where the product is G * P * (1 - P) in any order and grouping; all of P perhaps transposed."""
    factors: list[Expr] = []
    for factor in node.factors:
        inner = factor.arg if isinstance(factor, Transpose) else factor
        parts = inner.factors if isinstance(inner, Hadamard) else (inner,)
        factors.extend(turned(part) if isinstance(factor, Transpose) else part for part in parts)
    leaf = Leaf(target)
    for own in (leaf, Transpose(leaf)):
        slopes = [f for f in factors if f == own or _is_one_minus(f, own)]
        rest = [f for f in factors if f not in slopes]
        if len(slopes) == 2 and rest:
            return (rest[0] if len(rest) == 1 else Hadamard(tuple(rest))), own
    return None


def _is_one_minus(factor: Expr, own: Expr) -> bool:
    """1 - P, or (1 - P)^T for P^T."""
    if isinstance(factor, Transpose) and isinstance(own, Transpose):
        return _is_one_minus(factor.arg, own.arg)
    return isinstance(factor, Add) and Neg(own) in factor.terms


def of_terms(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """All changes of this module at one place."""
    yield from _terms(place, words)
    yield from _numbers(place, words)
    yield from _symbols(place, words)
    yield from _softmax(place, words)
    if isinstance(place.node, Leaf | Element) and isinstance(place.parent, MatMul | Hadamard):
        rest = Add((UNIT, Neg(place.node)))
        yield Edit(place.put(rest), "missing-term", 2.1, place.node, rest)
