"""Why a derivative is what it is: the sentences of a message that come from the forward pass.

``Speller`` turns a formula into the text that stands in a message; nothing here says whether a line is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from symbackprop.checking.bench import Bench
from symbackprop.checking.judged import Truth
from symbackprop.checking.vocabulary import Activation, Vocabulary
from symbackprop.core.dims import Dim
from symbackprop.core.expr import Call, Expr, Leaf, Partial
from symbackprop.core.graph import Equation
from symbackprop.core.indexed import Element, IndexValue
from symbackprop.core.tensors import Index, Tensor
from symbackprop.core.written import shape_of
from symbackprop.ops.registry import Elementwise
from symbackprop.verification.free import free_indices
from symbackprop.verification.point import Refusal

Speller = Callable[[Expr], str | None]
MOST_USERS = 3  # equations that are named
LONGEST = 70  # of an equation that is named
TINY = 1e-12


def variable_of(left: Expr) -> Tensor | None:
    """What a line differentiates by."""
    base = left.base if isinstance(left, Element) else left
    return base.by if isinstance(base, Partial) else None


def users_of(bench: Bench, tensor: Tensor, of: Tensor) -> list[Equation]:
    """The equations in which an array stands on its way to ``of``, with their text."""
    try:
        on_the_way = {of, *bench.runs[0].dependencies.ancestors(of)}
    except Refusal:
        return []
    users = bench.graph.consumers_of(tensor)
    return [e for e in users if e.expr is not None and e.text and e.target in on_the_way]


def where_it_enters(bench: Bench, left: Expr, spell: Speller, state: Callable[[Equation], str]) -> str:
    """``x enters through y = W x + b.``; of an entry which entries it reaches; of an array its equation."""
    base = left.base if isinstance(left, Element) else left
    if isinstance(base, Leaf):
        equation = bench.graph.equation_of(base.tensor)
        return "" if equation is None or not equation.text else f"The forward pass has {state(equation)}."
    tensor = variable_of(left)
    if tensor is None:
        return ""
    assert isinstance(base, Partial)
    if isinstance(left, Element) and not base.of.is_scalar:
        only = only_entries(bench, left, base, spell)
        if only:
            return only
    users = users_of(bench, tensor, base.of)
    if not 0 < len(users) <= MOST_USERS or any(len(one.text) > LONGEST for one in users):
        return ""
    through = f"{spell(Leaf(tensor)) or tensor.name} enters through {' and '.join(map(state, users))}"
    if isinstance(left, Element) and len(users) == 1:
        target = users[0].target
        reached = _reached(bench, target, tensor, left.slots[-tensor.rank :], spell)
        if reached:
            return f"{through}: {reached}."
    return f"{through}."


def only_entries(bench: Bench, left: Element, base: Partial, spell: Speller) -> str:
    """``y[i] depends on W[k,l] only where i = k``."""
    own, other = left.slots[: base.of.rank], left.slots[base.of.rank :]
    pairs = [
        f"{_letter(own[a])} = {_letter(other[b])}" for a, b in tied(bench, base.of, base.by)
        if own[a].single is not None and other[b].single is not None and own[a] != other[b]
    ]  # fmt: skip
    if not pairs:
        return ""
    sides = [spell(Element(Leaf(one), slots)) for one, slots in ((base.of, own), (base.by, other))]
    if None in sides:
        return ""
    return f"{sides[0]} depends on {sides[1]} only where {' and '.join(pairs)}."


def _letter(slot: IndexValue) -> str:
    assert slot.single is not None
    return slot.single.letter


def _reached(
    bench: Bench, target: Tensor, by: Tensor, slots: tuple[IndexValue, ...], spell: Speller
) -> str:
    """``W[i,j] reaches only y[i]``."""
    ties = dict(tied(bench, target, by))
    if not ties or target.rank != len(target.index_axes) or not target.is_matrix or len(slots) != by.rank:
        return ""
    taken = {slot.single.letter for slot in slots if slot.single is not None}
    spare = iter(letter for letter in "rsnkqp" if letter not in taken)
    places: list[IndexValue] = []
    loose: list[str] = []
    for axis, dim in enumerate(target.shape):
        if axis in ties:
            places.append(slots[ties[axis]])
        else:
            index = Index(dim, next(spare))
            loose.append(index.letter)
            places.append(IndexValue(((index, 1),)))
    entry, reached = spell(Element(Leaf(by), slots)), spell(Element(Leaf(target), tuple(places)))
    if entry is None or reached is None:
        return ""
    every = f", for every {' and '.join(loose)}" if loose else ""
    return f"{entry} reaches only {reached}{every}"


def tied(bench: Bench, of: Tensor, by: Tensor) -> Iterator[tuple[int, int]]:
    """(axis of ``of``, axis of ``by``) that are equal wherever the derivative is not zero, by its numbers."""
    if not (of.is_matrix and by.is_matrix) or of.is_scalar or by.is_scalar:
        return
    try:
        run = bench.runs[0]
        value = np.abs(run.jacobian(of, by))
    except (Refusal, LookupError, ValueError):
        return
    shape = [run.point.extent(dim) for tensor in (of, by) for dim in tensor.shape]
    table = value.reshape(shape) > TINY * max(float(value.max()), 1.0)
    places = np.argwhere(table)
    for a in range(of.rank):
        for b in range(by.rank):
            alike = of.shape[a] == by.shape[b] and len(places) > 0
            if alike and (places[:, a] == places[:, of.rank + b]).all():
                yield a, b


def extents_words(truth: Truth, spell: Speller) -> str:
    """``Your right side is N x M, dL/dc is 1 x M.``, where the dims say so."""
    if truth.left is None or truth.right is None or not truth.outcome.clash:
        return ""
    left, right = shape_of(truth.left.expr), shape_of(truth.right.expr)
    name = spell(truth.left.expr)
    if left is None or right is None or left == right or name is None:
        return ""
    if free_indices(truth.left.expr) or free_indices(truth.right.expr):
        return ""
    return f"Your right side is {_extents(right)}, {name} is {_extents(left)}."


def _extents(shape: tuple[Dim, Dim]) -> str:
    return "a number" if all(dim.is_one for dim in shape) else f"{shape[0]} x {shape[1]}"


def slope_formula(words: Vocabulary, mask: Expr | None, spell: Speller) -> str:
    """`` = h * (1 - h)`` for the slope of the sigmoid, in the names of the forward pass; "" if unknown."""
    if not isinstance(mask, Call) or not mask.primes or not isinstance(mask.op, Elementwise):
        return ""
    formula = mask.op.slopes[0] if mask.op.slopes else None
    own = next((one for one in words.activations if one.op is mask.op and one.mask == mask), None)
    entry = own is None and isinstance(mask.args[0], Element)
    if entry:
        base = mask.args[0].base  # type: ignore[attr-defined]
        own = next((one for one in words.activations if one.op is mask.op and one.arg == base), None)
    if formula is None or own is None or "ind(" in formula:
        return ""
    names = _names(own, mask, spell)
    if names is None:
        return ""
    return " = " + re.sub(r"\b([ay])\b", lambda found: names[found[1]], formula)


def _names(own: Activation, mask: Call, spell: Speller) -> dict[str, str] | None:
    """What a and y stand for: the argument of an activation and its value."""
    arg = mask.args[0]
    value: Expr = Element(Leaf(own.target), arg.slots) if isinstance(arg, Element) else Leaf(own.target)
    names = {"a": spell(arg), "y": spell(value)}
    known = {letter: name for letter, name in names.items() if name is not None}
    return known if len(known) == len(names) else None
