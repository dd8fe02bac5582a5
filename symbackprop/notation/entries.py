"""From index forms to expressions over entries: sum[n](X[n,p] dL/dU[n,q]).

The result is a scalar expression in which the free indices of the form stand as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import (
    ZERO,
    Call,
    Comprehension,
    DimValue,
    Element,
    Expr,
    IndexValue,
    Indicator,
    Neg,
    Partial,
    Power,
    Range,
    Reduce,
)
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.building import addition, powered, scaled
from symbackprop.notation.common import content, shared_factors, without
from symbackprop.notation.forms import (
    Atom,
    Delta,
    DimFactor,
    Entry,
    Exponent,
    Fn,
    Form,
    Group,
    Position,
    Slot,
    Term,
    Truth,
)

LeafOf = Callable[[Tensor], Expr]


def entries_of(form: Form, leaf: LeafOf) -> Expr:
    """The form as a scalar expression over entries."""
    if not form.terms:
        return ZERO
    if len(form.terms) > 1:
        pulled = _pulled(form)
        if pulled is not None:
            return _with_front(*pulled, leaf)
    return addition([_term(term, leaf) for term in form.terms])


def _pulled(form: Form) -> tuple[Term, Form] | None:
    """The factors all terms share, and the rest: P/N - Y/N = (P - Y)/N."""
    shared = [(atom, e) for atom, e in shared_factors(form) if not isinstance(atom, Group)]
    size = content(form)
    if not shared and size == 1:
        return None
    rest = Form(without(term, shared, size) for term in form.terms)
    return Term(size, tuple(shared)), rest


def _with_front(front: Term, rest: Form, leaf: LeafOf) -> Expr:
    inner = addition([_term(term, leaf) for term in rest.terms])
    sign = isinstance(inner, Neg)
    body = inner.arg if isinstance(inner, Neg) else inner
    top = [_factor(a, e, leaf) for a, e in _ordered(list(front.factors), leaf) if e > 0]
    below = [_factor(a, e, leaf) for a, e in front.factors if e < 0]
    return scaled(-front.coefficient if sign else front.coefficient, [*top, body], None, below)


def comprehension_of(form: Form, row: Index | None, column: Index | None, leaf: LeafOf) -> Expr:
    """The array with these entries: what is printed where no matrix spelling exists."""
    return Comprehension(row, column, entries_of(form, leaf))


def _term(term: Term, leaf: LeafOf) -> Expr:
    bound = set(term.bound)
    outside = [(a, e) for a, e in term.factors if not bound & set(a.free)]
    inside = [(a, e) for a, e in term.factors if bound & set(a.free)]
    front = [_factor(a, e, leaf) for a, e in _ordered(outside, leaf) if e > 0]
    below = [_factor(a, e, leaf) for a, e in outside if e < 0]
    if not term.bound:
        return scaled(term.coefficient, front, None, below)
    top = [_factor(a, e, leaf) for a, e in _ordered(inside, leaf) if e > 0]
    bottom = [_factor(a, e, leaf) for a, e in inside if e < 0]
    body = scaled(Fraction(1), top, None, bottom)
    summed = Reduce("sum", tuple(Range(index) for index in term.bound), body)
    return scaled(term.coefficient, [*front, summed], None, below)


def _ordered(factors: list[tuple[Atom, Exponent]], leaf: LeafOf) -> list[tuple[Atom, Exponent]]:
    """Dims and scalars, derivatives, entries, composites, deltas: the deltas last."""
    ranks: list[type[Atom]] = [DimFactor, Entry, Position, Group, Fn, Truth, Delta]

    def rank(factor: tuple[Atom, Exponent]) -> tuple[bool, bool, int]:
        atom = factor[0]
        derivative = isinstance(atom, Entry) and isinstance(leaf(atom.tensor), Partial)
        return (bool(atom.free), not derivative, ranks.index(type(atom)))

    return sorted(factors, key=rank)


def _factor(atom: Atom, exponent: Exponent, leaf: LeafOf) -> Expr:
    return powered(_atom(atom, leaf), abs(Fraction(exponent)))


def _slot(slot: Slot) -> IndexValue:
    return IndexValue((), Dim(slot)) if isinstance(slot, int) else IndexValue(((slot, 1),))


def _atom(atom: Atom, leaf: LeafOf) -> Expr:
    if isinstance(atom, Entry):
        return _entry(atom, leaf)
    if isinstance(atom, Delta):
        return Indicator(_slot(atom.left), "=", _slot(atom.right))
    if isinstance(atom, DimFactor):
        return DimValue(atom.dim)
    if isinstance(atom, Position):
        return IndexValue(((atom.index, 1),))
    if isinstance(atom, Fn):
        args = tuple(entries_of(arg, leaf) for arg in atom.args)
        if atom.op.name == "power":
            return Power(args[0], args[1])
        return Call(atom.op, args, args[0].shape, atom.primes)
    if isinstance(atom, Group):
        return entries_of(atom.form, leaf)
    assert isinstance(atom, Truth)
    return Indicator(entries_of(atom.left, leaf), atom.op, entries_of(atom.right, leaf))


def _entry(atom: Entry, leaf: LeafOf) -> Expr:
    base = leaf(atom.tensor)
    if not atom.slots:
        if atom.tensor.shape and not base.is_scalar:
            raise ValueError("an entry without slots of an array")
        return base
    declared = isinstance(base, Partial) or base.children == ()
    given = iter(atom.slots)
    if declared:
        slots = tuple(_slot(1 if dim.is_one else next(given)) for dim in atom.tensor.shape)
    else:
        slots = tuple(_slot(slot) for slot in atom.slots)
    return Element(base, slots)
