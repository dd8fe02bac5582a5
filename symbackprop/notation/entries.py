"""From index forms to expressions over entries: sum[n](X[n,p] dL/dU[n,q]).

The result is a scalar expression in which the free indices of the form stand as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from symbackprop.core.expr import SCALAR, ZERO, Call, DimValue, Expr, Leaf, Neg, Partial, Power
from symbackprop.core.indexed import (
    Comprehension,
    Element,
    IndexValue,
    Indicator,
    LabelValue,
    Range,
    Reduce,
    label_slot,
)
from symbackprop.core.relations import TURNED
from symbackprop.core.tensors import Index, Tensor
from symbackprop.errors import UnsupportedError
from symbackprop.notation.array_atoms import Flat, OfMatrix
from symbackprop.notation.atoms import (
    Delta,
    DimFactor,
    Entry,
    Extreme,
    Fn,
    Group,
    Position,
    Truth,
    number_of,
    slot_of,
)
from symbackprop.notation.building import addition, powered, scaled
from symbackprop.notation.common import content, shared_factors, without
from symbackprop.notation.forms import Atom, Exponent, Form, Term, negated, number, product, single, total
from symbackprop.notation.normal import normal
from symbackprop.notation.slots import Slot, indices_in, parts_of_slot

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
    shared = shared_factors(form)
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


def _term(term: Term, leaf: LeafOf, with_labels: frozenset[Index] = frozenset()) -> Expr:
    """One term; ``with_labels`` are classes that a label summed over says: what has them stays inside."""
    chosen = _choice(term, leaf, with_labels)
    if chosen is not None:
        return chosen
    bound = set(term.bound) | (with_labels if term.bound else set())
    outside = [(a, e) for a, e in term.factors if not bound & set(a.free)]
    inside = [(a, e) for a, e in term.factors if bound & set(a.free)]
    front = [_factor(a, e, leaf) for a, e in _ordered(outside, leaf) if e > 0]
    below = [_factor(a, e, leaf) for a, e in outside if e < 0]
    if not term.bound:
        return scaled(term.coefficient, front, None, below)
    ranges, inside = _conditioned(term.bound, inside)
    top = [_factor(a, e, leaf) for a, e in _ordered(inside, leaf) if e > 0]
    bottom = [_factor(a, e, leaf) for a, e in inside if e < 0]
    body = scaled(Fraction(1), top, None, bottom)
    summed = Reduce("sum", ranges, body)
    return scaled(term.coefficient, [*front, summed], None, below)


def _conditioned(
    bound: tuple[Index, ...], factors: list[tuple[Atom, Exponent]]
) -> tuple[tuple[Range, ...], list[tuple[Atom, Exponent]]]:
    """The ranges of a sum, with the relations of positions that say where it runs; the other factors.

    A relation goes to the last of its indices, which then stands behind the others.
    """
    said: dict[Index, list[tuple[Atom, str, Slot]]] = {}
    rest: list[tuple[Atom, Exponent]] = []
    for atom, exponent in factors:
        found = _said(atom, bound) if isinstance(atom, Truth) and exponent == 1 else None
        alone = found is None or not any(found[0] in f[0].free for f in factors if f[0] is not atom)
        if found is None or alone:
            rest.append((atom, exponent))
        else:
            said.setdefault(found[0], []).append((atom, found[1], found[2]))
    spots: list[Range] = []
    for index in bound:
        spot, left = _spot(index, said.get(index, []))
        if spot.condition is not None and not _is_seen(index, factors):
            spot, left = _with_ends(index, said[index])
        spots.append(spot)
        rest.extend((atom, 1) for atom in left)
    return tuple(spots), rest


def _is_seen(index: Index, factors: list[tuple[Atom, Exponent]]) -> bool:
    """Whether the range of an index is that of the positions where it stands alone."""
    dims = [
        atom.tensor.shape[axis]
        for atom in (inner for factor, _ in factors for inner in single(factor).atoms())
        if isinstance(atom, Entry)
        for axis, slot in zip(atom.tensor.index_axes, atom.slots, strict=True)
        if slot is index
    ]
    return bool(dims) and all(dim == index.dim for dim in dims)


def _with_ends(index: Index, said: list[tuple[Atom, str, Slot]]) -> tuple[Range, list[Atom]]:
    """A range whose end must be said: i = p..n-1 for i >= p; any other condition stays a factor."""
    (atom, op, slot), *others = said
    left = [other for other, _, _ in others]
    if op not in (">", ">="):
        return Range(index), [atom, *left]
    parts, offset = parts_of_slot(slot)
    return Range(index, IndexValue(parts, offset + (1 if op == ">" else 0)), IndexValue((), index.dim)), left


def _spot(index: Index, said: list[tuple[Atom, str, Slot]]) -> tuple[Range, list[Atom]]:
    """The range of an index by what is said of it: a condition, or two ends; and what is left."""
    if not said:
        return Range(index), []
    lower = next((one for one in said if one[1] in (">", ">=")), None)
    upper = next((one for one in said if one[1] in ("<", "<=")), None)
    if lower is not None and upper is not None:
        (least, low), (most, high) = ((one, parts_of_slot(one[2])) for one in (lower, upper))
        first = IndexValue(low[0], low[1] + (1 if least[1] == ">" else 0))
        last = IndexValue(high[0], high[1] - (1 if most[1] == "<" else 0))
        left = [atom for atom, _, _ in said if atom is not least[0] and atom is not most[0]]
        return Range(index, first, last), left
    (_, op, slot), *others = said
    return Range(index, condition=(op, _slot(slot))), [atom for atom, _, _ in others]


def _said(truth: Truth, bound: tuple[Index, ...]) -> tuple[Index, str, Slot] | None:
    """What a relation of positions says of the last bound index in it, which must stand alone on its side."""
    sides = slot_of(truth.left), slot_of(truth.right)
    if sides[0] is None or sides[1] is None:
        return None
    own = [index for index in bound if any(index in indices_in(side) for side in sides if side is not None)]
    for mine, other, op in ((*sides, truth.op), (*sides[::-1], TURNED[truth.op])):
        if own and mine is own[-1] and other is not None and own[-1] not in indices_in(other):
            return own[-1], op, other
    return None


def _choice(term: Term, leaf: LeafOf, with_labels: frozenset[Index]) -> Expr | None:
    """sum_k [y_n = k] f(k) is f(y_n): printed that way where k stands only as a slot."""
    for position, (atom, exponent) in enumerate(term.factors):
        found = _label_entry(atom, leaf) if isinstance(atom, Entry) and exponent == 1 else None
        if found is None or found[1] not in term.bound:
            continue
        label, index = found
        rest = Term(
            term.coefficient,
            term.factors[:position] + term.factors[position + 1 :],
            tuple(i for i in term.bound if i is not index),
        )
        atoms = list(Form((rest,)).atoms())
        positions = any(isinstance(part, Position | Delta) and index in part.free for part in atoms)
        if positions or not any(index in part.free for part in atoms):
            continue
        assert isinstance(index, Index)
        summed = any(own in rest.bound or own in with_labels for own in atom.free)
        inner = _term(rest, leaf, with_labels | {index} if summed else with_labels)
        return _placed(inner, index, label_slot(label))
    return None


def _placed(expr: Expr, index: Index, slot: LabelValue) -> Expr:
    """``expr`` with ``slot`` in the place of ``index``."""
    if isinstance(expr, IndexValue) and expr.single is index:
        return slot
    return expr.map_children(lambda child: _placed(child, index, slot))


def _label_entry(atom: Entry, leaf: LeafOf) -> tuple[Expr, Slot] | None:
    """The label ``y`` or ``y[n]`` and the class, of an entry of ``onehot(y)``."""
    if not atom.tensor.facts.one_hot:
        return None
    base = leaf(atom.tensor)
    labels = base.args[0] if isinstance(base, Call) and base.op.name == "onehot" else None
    if labels is None or not isinstance(labels, Leaf):
        return None
    given = iter(atom.slots)
    slots = [_slot(1 if dim.is_one else next(given)) for dim in atom.tensor.shape]
    axis = atom.tensor.feature_axis or 0
    place = atom.slots[atom.tensor.index_axes.index(axis)]
    own = [slot for number, slot in enumerate(slots) if number != axis]
    return (Element(labels, tuple(own)) if own else labels), place


def _ordered(factors: list[tuple[Atom, Exponent]], leaf: LeafOf) -> list[tuple[Atom, Exponent]]:
    """Dims and scalars, derivatives, entries, composites, deltas: the deltas last.

    Of one array the entries at whole-number places stand in the order of their places: p[1] p[2].
    """
    ranks: list[type[Atom]] = [
        DimFactor, Entry, Position, OfMatrix, Group, Fn, Extreme, Truth, Flat, Delta,
    ]  # fmt: skip

    entries = [atom for atom, _ in factors if isinstance(atom, Entry)]
    placed = all(isinstance(slot, int) for atom in entries for slot in atom.slots)
    first = {atom.tensor: at for at, atom in reversed(tuple(enumerate(entries)))} if placed else {}

    def rank(factor: tuple[Atom, Exponent]) -> tuple[bool, bool, int, int, tuple[Slot, ...]]:
        atom = factor[0]
        where = (first[atom.tensor], atom.slots) if placed and isinstance(atom, Entry) else (0, ())
        derivative = isinstance(atom, Entry) and isinstance(leaf(atom.tensor), Partial)
        own = bool(atom.free) or (isinstance(atom, Entry) and bool(atom.slots))
        return (own, not derivative, ranks.index(type(atom)), *where)

    return sorted(factors, key=rank)


def _factor(atom: Atom, exponent: Exponent, leaf: LeafOf) -> Expr:
    return powered(_atom(atom, leaf), abs(Fraction(exponent)))


def _slot(slot: Slot) -> IndexValue:
    return IndexValue(*parts_of_slot(slot))


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
    if isinstance(atom, Extreme):
        return _extreme(atom, leaf)
    if isinstance(atom, OfMatrix):
        square = (atom.row.dim, atom.column.dim)
        whole = Call(atom.op, (atom.expr,), square if atom.slots else SCALAR)
        return Element(whole, tuple(map(_slot, atom.slots))) if atom.slots else whole
    if isinstance(atom, Flat):
        return Indicator(_count(atom, 0, leaf), "=", _count(atom, 1, leaf))
    assert isinstance(atom, Truth)
    said = _by_label(atom, leaf)
    if said is not None and said.condition is not None:
        op, label = said.condition
        assert isinstance(label, LabelValue)
        if label.label is not None:
            return Indicator(label.label, op, IndexValue(((said.index, 1),)))
    return Indicator(entries_of(atom.left, leaf), atom.op, entries_of(atom.right, leaf))


def _extreme(atom: Extreme, leaf: LeafOf) -> Expr:
    """max[i](f(i)), prod[i](f(i)); the smallest is minus the largest of -f(i)."""
    small = atom.kind == "min"
    body = entries_of(negated(atom.form) if small else atom.form, leaf)
    said: dict[Index, list[tuple[Atom, str, Slot]]] = {index: [] for index in atom.bound}
    loose: list[Atom] = []
    labelled: dict[Index, Range] = {}
    for truth in atom.where:
        by_label = _by_label(truth, leaf)
        if by_label is not None and by_label.index in atom.bound and by_label.index not in labelled:
            labelled[by_label.index] = by_label
            continue
        one = _said(truth, atom.bound)
        if one is None:
            loose.append(truth)
        else:
            said[one[0]].append((truth, one[1], one[2]))
    spots = [_spot(index, said[index]) for index in atom.bound]
    for at, index in enumerate(atom.bound):
        if index in labelled:
            loose.extend(truth for truth, _, _ in said[index])
            spots[at] = (labelled[index], [])
    loose.extend(truth for _, left in spots for truth in left)
    if loose and atom.kind != "prod":
        raise UnsupportedError("a maximum with several conditions on an index is not supported yet")
    for condition in loose:  # a factor that a condition leaves out is one to the power of 0
        body = Power(body, _atom(condition, leaf))
    ranges = tuple(spot for spot, _ in spots)
    found = Reduce("prod" if atom.kind == "prod" else "max", ranges, body)
    return Neg(found) if small else found


def _by_label(truth: Truth, leaf: LeafOf) -> Range | None:
    """j /= y_n, or j = y_n, for an entry of ``onehot(y)`` that is 0, or 1."""
    value = truth.right.constant
    terms = truth.left.terms
    lone = len(terms) == 1 and not terms[0].bound and len(terms[0].factors) == 1
    plain = lone and terms[0].coefficient == 1
    if truth.op != "=" or value not in (0, 1) or not plain:
        return None
    atom, exponent = terms[0].factors[0]
    found = _label_entry(atom, leaf) if isinstance(atom, Entry) and exponent == 1 else None
    if found is None or not isinstance(found[1], Index):
        return None
    return Range(found[1], condition=("=" if value == 1 else "!=", label_slot(found[0])))


def _count(atom: Flat, side: int, leaf: LeafOf) -> Expr:
    """The number of a place, counted row by row."""
    row, column = (atom.left, atom.right)[side]
    wide = (
        single(DimFactor(atom.wide[side]))
        if not atom.wide[side].is_number
        else number(atom.wide[side].constant)
    )
    parts: list[Form] = []
    if row is not None:
        before = total((number_of(row), number(-1)))
        parts.append(product(before, wide))
    parts.append(number_of(column) if column is not None else number(1))
    return entries_of(normal(total(parts)), leaf)


def _entry(atom: Entry, leaf: LeafOf) -> Expr:
    if atom.tensor.start is not None and atom.slots[0] == 0:  # h[0] is an array of its own
        return _entry(Entry(atom.tensor.start, atom.slots[1:]), leaf)
    label = _label_entry(atom, leaf)
    if label is not None:
        return Indicator(label[0], "=", _slot(label[1]))
    base = leaf(atom.tensor)
    like = base.array
    if not atom.slots and like is not None and not like.is_matrix:  # every extent is 1
        return Element(base, tuple(_slot(1) for _ in like.shape))
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
