"""What may be missing: a mask, a number, a penalty, a further factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from symbackprop.checking.edit import Edit
from symbackprop.checking.edits_terms import choices, label_choices
from symbackprop.checking.places import Place
from symbackprop.checking.slips import identity, joined
from symbackprop.checking.vocabulary import Vocabulary
from symbackprop.core.arrays import Grid
from symbackprop.core.expr import (
    UNIT,
    Add,
    Call,
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
from symbackprop.core.indexed import Element, IndexValue, Indicator, Reduce
from symbackprop.core.tensors import Index
from symbackprop.core.written import shape_of
from symbackprop.ops.registry import lookup
from symbackprop.verification.free import free_indices

# -- insertions


def insertions(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """Everything that may be missing at one place."""
    node, parent = place.node, place.parent
    if isinstance(node, IndexValue | Number | Indicator) and parent is not None:
        return
    yield from _masks(place, words)
    if isinstance(parent, MatMul | Hadamard | Reduce | Divide):
        yield from _missing_terms(place, words)
    if parent is None or isinstance(parent, Add | Neg):
        if not isinstance(node, Add) or parent is None:
            for number, cause in words.numbers:
                new: Expr = MatMul((number, node))
                yield Edit(place.put(new), cause, 1.3 if cause == "mean" else 1.6, node, new)
        yield from _penalties(place, words)
        if parent is None:
            yield from _identities(place, words)
        yield from _missing_terms(place, words)
    yield from _factors(place, words)
    if parent is None or isinstance(parent, MatMul | Add):
        shape = shape_of(node)
        op = lookup("diag")
        if shape is not None and op is not None and shape[0].is_one != shape[1].is_one:
            size = shape[1] if shape[0].is_one else shape[0]
            diagonal = Call(op, (node,), (size, size))
            yield Edit(place.put(diagonal), "diag", 1.6, node, diagonal)
    if isinstance(node, Leaf) and isinstance(parent, MatMul | None):
        shape, op = shape_of(node), lookup("inv")
        if shape is not None and op is not None and shape[0] == shape[1] and not shape[0].is_one:
            inverse = Call(op, (node,), shape)
            yield Edit(place.put(inverse), "inverse", 2.0, node, inverse)


def _masks(place: Place, words: Vocabulary) -> Iterator[Edit]:
    node = place.node
    if isinstance(node, Neg):
        return
    cause = "missing-activation-derivative"
    for one in words.activations:
        if node.is_scalar if shape_of(node) is not None else False:
            if _product_of(place) or place.parent is None:
                for mask in one.masks_at(place.indices):
                    yield Edit(place.put(MatMul((node, mask))), cause, 1.1, node)
            continue
        if free_indices(one.arg):
            continue
        new = Hadamard((node, one.mask))
        yield Edit(place.put(new), cause, 1.0 if place.parent is None else 1.1, node, new)
        if words.layout == "numerator":  # gradients lie across what they are gradients of
            across = Hadamard((node, Transpose(one.mask)))
            yield Edit(place.put(across), cause, 1.1, node, across)
        if isinstance(node, MatMul) and len(node.factors) > 2:
            for start in range(len(node.factors) - 1):
                for stop in range(start + 2, len(node.factors) + 1):
                    if stop - start == len(node.factors):
                        continue
                    group = Hadamard((MatMul(node.factors[start:stop]), one.mask))
                    whole = joined((*node.factors[:start], group, *node.factors[stop:]))
                    yield Edit(place.put(whole), cause, 1.1, node, whole)


def _product_of(place: Place) -> bool:
    """Whether the place is a whole product of entries, the natural home of a further one."""
    if isinstance(place.parent, MatMul | Hadamard | Element):
        return False
    return isinstance(place.node, MatMul | Hadamard | Element | Divide | Reduce)


def _penalties(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """A further term, constant times parameter."""
    node = place.node
    if isinstance(node, Neg) or (isinstance(place.parent, Add) and place.node is not place.parent.terms[0]):
        return
    shape = shape_of(node)
    if shape is None:
        return
    scales: list[Expr] = [*words.constants]
    scales += [MatMul((Number(Fraction(2)), constant)) for constant in words.constants]
    if not words.constants:
        scales += [UNIT, Number(Fraction(2))]
    present = [term for term in (node.terms if isinstance(node, Add) else (node,)) if words.is_penalty(term)]
    stated = {part.tensor for term in present for part in term.walk() if isinstance(part, Leaf)}
    for tensor in words.graph.parameters:
        if tensor in stated:
            continue  # its penalty stands there: with another factor, if anything
        parts: list[Expr]
        if node.is_scalar and not tensor.is_scalar:
            parts = [Element(Leaf(tensor), slots) for slots in choices(tensor, place.indices)]
        elif tensor.oriented == shape and not tensor.is_scalar:
            parts = [Leaf(tensor)]
        elif words.layout == "numerator" and tensor.oriented == shape[::-1] and not tensor.is_scalar:
            parts = [Transpose(Leaf(tensor))]
        else:
            continue
        for part in parts:
            for scale in scales:
                term = part if scale == UNIT else MatMul((scale, part))
                new = Add((node, term))
                yield Edit(place.put(new), "missing-regulariser", 1.2, node, new)


def _identities(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """lambda I, the second derivative of a penalty; lambda [i = j] where entries are written."""
    node = place.node
    shape = shape_of(node)
    if shape is None or isinstance(node, Neg):
        return
    units: list[Expr] = []
    if node.is_scalar:
        for first, second in combinations(place.indices, 2):
            if first.dim == second.dim:
                sides = [IndexValue(((index, 1),)) for index in (first, second)]
                units.append(Indicator(sides[0], "=", sides[1], is_kron=True))
    elif shape[0] == shape[1]:
        units.append(identity(shape[0]))
    for unit in units:
        two = Number(Fraction(2))
        for scale in (*words.constants, *(MatMul((two, one)) for one in words.constants), UNIT, two):
            new = Add((node, unit if scale == UNIT else MatMul((scale, unit))))
            cause = "missing-term" if scale in (UNIT, two) else "missing-regulariser"
            yield Edit(place.put(new), cause, 1.5, node, new)


def _missing_terms(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """A further term: an array of the problem, or a derivative, of the same shape."""
    node = place.node
    shape = shape_of(node)
    later = isinstance(place.parent, Add) and node is not place.parent.terms[0]
    if isinstance(node, Neg) or shape is None or later:
        return
    arrays: list[Expr] = [Leaf(tensor) for tensor in words.tensors if not tensor.is_label]
    for loss in words.losses[:1]:
        arrays.extend(Partial(loss, tensor) for tensor in words.tensors if tensor is not loss)
    inside = isinstance(place.parent, MatMul | Hadamard | Reduce | Divide)
    cost = 2.3 if inside else 2.2
    if isinstance(node, Indicator | Element | MatMul | Hadamard | Reduce | Number) and node.is_scalar:
        arrays = [Element(one, slots) for one in arrays for slots in _slots_of(one, place.indices)]
    if node.is_scalar and place.indices:
        for choice in label_choices(place.indices, words):
            new = Add((node, Neg(choice)))
            yield Edit(place.put(new), "missing-term", cost, node, new)
    for one in arrays:
        if one.shape == shape and (isinstance(one, Element) or not one.is_scalar) and one != node:
            for term in (Neg(one), one):
                new = Add((node, term))
                yield Edit(place.put(new), "missing-term", cost, node, new)


def _local_slopes(place: Place, words: Vocabulary) -> Iterator[Expr]:
    """du_i/dW_jk, where dL/du_i is among the factors: the next factor of the chain rule."""
    node = place.node
    factors = node.factors if isinstance(node, MatMul) else (node,)
    for factor in factors:
        if not isinstance(factor, Element) or not isinstance(factor.base, Partial):
            continue
        below = factor.base.by
        own = factor.slots[len(factor.slots) - below.rank :]
        for equation in words.graph.equations:
            if equation.target is below:
                for tensor in equation.inputs:
                    for slots in choices(tensor, place.indices) if not tensor.is_label else ():
                        yield Element(Partial(below, tensor), (*own, *slots))


def _slots_of(array: Expr, indices: Sequence[Index]) -> Iterator[tuple[IndexValue, ...]]:
    tensor = array.array
    if tensor is not None and not tensor.is_scalar:
        yield from choices(tensor, indices)


def _factors(place: Place, words: Vocabulary) -> Iterator[Edit]:
    """A further factor: an array of the problem, a derivative, an entry, an indicator."""
    node = place.node
    shape = shape_of(node)
    if isinstance(node, Neg | Add) and place.parent is not None:
        return
    if any(isinstance(part, Grid) for part in (node, *place.above)):
        return
    if shape is not None and node.is_scalar and (place.indices or isinstance(node, Element)):
        if not (_product_of(place) or place.parent is None):
            return
        for a in range(len(place.indices)):
            for b in range(a + 1, len(place.indices)):
                first, second = (IndexValue(((place.indices[k], 1),)) for k in (a, b))
                new: Expr = MatMul((Indicator(first, "=", second, is_kron=True), node))
                yield Edit(place.put(new), "kronecker", 1.7, node, new)
        for choice in label_choices(place.indices, words):
            new = MatMul((choice, node))
            yield Edit(place.put(new), "kronecker", 1.7, node, new)
        for tensor in words.arrays:
            if tensor.is_scalar or tensor.is_label:
                continue
            for slots in choices(tensor, place.indices):
                new = MatMul((node, Element(Leaf(tensor), slots)))
                yield Edit(place.put(new), "missing-factor", 2.2, node, new)
        for one in _local_slopes(place, words):
            new = MatMul((node, one))
            yield Edit(place.put(new), "missing-factor", 1.9, node, new)
        return
    if isinstance(place.parent, MatMul):
        return
    arrays: list[Expr] = []
    for tensor in words.tensors:
        if not tensor.is_scalar and not tensor.is_label:
            arrays.extend((Leaf(tensor), Transpose(Leaf(tensor))))
    for loss in words.losses[:1]:
        arrays.extend(Partial(loss, tensor) for tensor in words.tensors if not tensor.is_scalar)
    for one in arrays:
        for new in (MatMul((one, node)), MatMul((node, one)), Hadamard((node, one))):
            cost = 2.3 if isinstance(new, MatMul) else 2.6
            yield Edit(place.put(new), "missing-factor", cost, node, new)
