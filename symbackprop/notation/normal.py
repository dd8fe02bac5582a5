"""The normal form of terms.

``normal(form)`` merges equal atoms, contracts Kronecker deltas, turns sums over absent indices
into dims, dissolves groups of one term, and collects equal terms. Each of these is also a
function of its own, because each is a visible step of a derivation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Index
from symbackprop.notation.array_atoms import Flat
from symbackprop.notation.atoms import Delta, DimFactor, Group, Truth
from symbackprop.notation.forms import Atom, Exponent, Factor, Form, Term, opened, within
from symbackprop.notation.slots import Affine, Slot, gap_of, position


def normal(form: Form) -> Form:
    """The display normal form: every pass, then equal terms collected."""
    if form.normal_form is None:
        form.normal_form = _normal(form)
        form.normal_form.normal_form = form.normal_form
    return form.normal_form


def _normal(form: Form) -> Form:
    terms: list[Term] = []
    for term in form.terms:
        for done in _normal_terms(term):
            terms.extend(_spliced(done))
    return collect(Form(terms))


def _spliced(term: Term) -> tuple[Term, ...]:
    """A group that is a whole term gives its terms: (a + b) + c = a + b + c."""
    if term.coefficient == 1 and not term.bound and len(term.factors) == 1:
        atom, exponent = term.factors[0]
        if isinstance(atom, Group) and exponent == 1:
            return tuple(opened(inner) for inner in atom.form.terms)
    return (term,)


def _normal_terms(term: Term) -> list[Term]:
    current: Term | None = term
    while current is not None:
        merged = merge(current)
        if merged is None:
            return []
        contracted = contract(merged)
        if contracted is None:
            return []
        dissolved = dissolve(absent_sums(contracted))
        if dissolved is current or not _unsettled(dissolved, contracted, merged, current):
            return [dissolved]
        current = dissolved
    return []


def _unsettled(dissolved: Term, contracted: Term, merged: Term, before: Term) -> bool:
    return not (dissolved is contracted and contracted is merged) or merged is not before


def merge(term: Term) -> Term | None:
    """Equal atoms merged, exponents added (this is the cancellation p/p); None if the term is 0."""
    if term.coefficient == 0:
        return None
    merged: dict[str, tuple[Atom, Exponent]] = {}
    for given, exponent in term.factors:
        atom = given.map_parts(_settled)
        if isinstance(atom, Truth) and exponent > 0 and atom.left.key == atom.right.key:
            if atom.op not in ("=", "<=", ">="):
                return None
            continue
        key = atom.key
        if key in merged:
            merged[key] = (merged[key][0], merged[key][1] + exponent)
        else:
            merged[key] = (atom, exponent)
    factors = tuple(
        (atom, _plain(1 if isinstance(atom, (Delta, Truth, Flat)) and e > 0 else e))
        for atom, e in merged.values()
        if e != 0
    )
    if len(factors) == len(term.factors) and all(
        a is b and e == f for (a, e), (b, f) in zip(factors, term.factors, strict=True)
    ):
        return term
    return Term(term.coefficient, factors, term.bound)


def _settled(form: Form) -> Form:
    """The normal form of a form inside an atom, the form itself if it is normal already."""
    new = normal(form)
    return form if new.key == form.key else new


def _plain(exponent: Exponent) -> Exponent:
    return int(exponent) if isinstance(exponent, Fraction) and exponent.denominator == 1 else exponent


def contract(term: Term) -> Term | None:
    """Use up the deltas: a bound end is replaced, equal ends are 1, two free ends share one name.

    A delta stays where it restricts: where the position that it asks for may lie outside.
    """
    for place, (atom, _) in enumerate(term.factors):
        rest = term.factors[:place] + term.factors[place + 1 :]
        if isinstance(atom, Flat):
            again = _unfolded(term, rest, atom)
            if again is not None:
                return contract(again)
            continue
        if not isinstance(atom, Delta):
            continue
        if atom.left is atom.right:
            return contract(Term(term.coefficient, rest, term.bound))
        parts, offset = gap_of(atom.left, atom.right)
        if not parts and offset == Dim(0):
            return contract(Term(term.coefficient, rest, term.bound))
        if _never_zero(parts, offset):
            return None
        solved = _solved(parts, offset, term.bound, certain=not atom.open)
        if solved is not None:
            return contract(_replace(term, rest, *solved))
        changed = _share(term, rest, atom)
        if changed is not term:
            return contract(changed)
    return term


def span_of(parts: Iterable[tuple[Index, int]], offset: Dim) -> tuple[Dim, Dim]:
    """The least and the largest value of an affine position, its indices over their whole range."""
    low = high = offset
    for index, coefficient in parts:
        first, last = Dim(coefficient), index.dim * coefficient
        low, high = (low + first, high + last) if coefficient > 0 else (low + last, high + first)
    return low, high


def _never_zero(parts: tuple[tuple[Index, int], ...], offset: Dim) -> bool:
    low, high = span_of(parts, offset)
    return low.surely_positive or high.surely_negative


def _solved(
    parts: tuple[tuple[Index, int], ...], offset: Dim, bound: tuple[Index, ...], *, certain: bool
) -> tuple[Index, Slot] | None:
    """A bound index and the position it must have, if that always lies in its range; the last first.

    ``certain``: the author's own x[2] says that there is such an entry.
    """
    for index, coefficient in reversed(parts):
        if abs(coefficient) != 1 or index not in bound:
            continue
        rest = tuple((other, -c * coefficient) for other, c in parts if other is not index)
        if len(rest) == 1 and rest[0][1] == 1 and offset == Dim(0) and rest[0][0].dim == index.dim:
            return index, rest[0][0]
        low, high = span_of(rest, offset * -coefficient)
        numbers = low.is_number and high.is_number and low.constant >= 1
        if certain and numbers and not index.dim.is_number:
            return index, position(rest, offset * -coefficient)
        if (low - 1).never_negative and (index.dim - high).never_negative:
            return index, position(rest, offset * -coefficient)
    return None


def _unfolded(term: Term, rest: tuple[Factor, ...], flat: Flat) -> Term | None:
    """A reshape to the same columns is none; two in a row are one. None if neither is the case."""
    sides = (flat.left, flat.right)
    same_kind = all((a is None) == (b is None) for a, b in zip(*sides, strict=True))
    if flat.wide[0] == flat.wide[1] and same_kind:
        pairs = [(a, b) for a, b in zip(*sides, strict=True) if a is not None and b is not None]
        return Term(term.coefficient, (*rest, *((Delta(a, b), 1) for a, b in pairs)), term.bound)
    for side in (0, 1):
        own = [slot for slot in sides[side] if slot is not None]
        if not all(isinstance(slot, Index) and slot in term.bound for slot in own):
            continue
        others = [(a, e) for a, e in rest if any(slot in a.free for slot in own)]
        if len(others) != 1 or not isinstance(others[0][0], Flat):
            continue
        other = others[0][0]
        for mine in (0, 1):
            if (other.left, other.right)[mine] == sides[side] and other.wide[mine] == flat.wide[side]:
                joined = Flat(
                    sides[1 - side], (other.left, other.right)[1 - mine],
                    (flat.wide[1 - side], other.wide[1 - mine]),
                )  # fmt: skip
                kept = tuple(factor for factor in rest if factor[0] is not other)
                bound = tuple(index for index in term.bound if index not in own)
                return Term(term.coefficient, (*kept, (joined, 1)), bound)
    return None


def _replace(term: Term, rest: tuple[Factor, ...], index: Index, by: Slot) -> Term:
    bound = tuple(other for other in term.bound if other is not index)
    change: Mapping[Index, Slot] = {index: by}  # ``by`` may be bound too: it is meant to be that one
    factors = tuple((atom.rename(change) if index in atom.free else atom, e) for atom, e in rest)
    return Term(term.coefficient, factors, bound)


def _share(term: Term, rest: tuple[Factor, ...], delta: Delta) -> Term:
    """With both ends free, every other factor is written with one of them (A_jj d_ij = A_ij d_ij)."""
    keep, drop = delta.left, delta.right
    if isinstance(keep, Affine) or isinstance(drop, Affine):
        return term
    if delta.open and not (isinstance(keep, Index) and isinstance(drop, Index)):
        return term  # there need be no entry 3
    swap = isinstance(keep, Index) and (not isinstance(drop, Index) or keep.serial > drop.serial)
    if swap:
        keep, drop = drop, keep
    if not isinstance(drop, Index) or not any(drop in atom.free for atom, _ in rest):
        return term
    if isinstance(keep, Index) and keep.dim != drop.dim:
        return term
    change: Mapping[Index, Slot] = {drop: keep}
    renamed = tuple((atom.rename(change) if drop in atom.free else atom, e) for atom, e in rest)
    return Term(term.coefficient, (*renamed, (delta, 1)), term.bound)


def absent_sums(term: Term) -> Term:
    """A bound index that stands in no factor becomes its dim: sum_j 1 = N."""
    if not term.bound:
        return term
    present = {index for atom, _ in term.factors for index in atom.free}
    absent = [index for index in term.bound if index not in present]
    if not absent:
        return term
    coefficient = term.coefficient
    extra: list[Factor] = []
    for index in absent:
        if index.dim.is_number:
            coefficient *= index.dim.constant
        else:
            extra.append((DimFactor(index.dim), 1))
    bound = tuple(index for index in term.bound if index in present)
    return Term(coefficient, term.factors + tuple(extra), bound)


def dissolve(term: Term) -> Term:
    """A group of one term is no group; constant groups become numbers."""
    for at, (atom, exponent) in enumerate(term.factors):
        inside = _inside(atom, exponent)
        if inside is None:
            split = _split_off(atom, exponent)
            if split is not None:
                rest = term.factors[:at] + term.factors[at + 1 :]
                return dissolve(Term(term.coefficient * split[0], rest + split[1], term.bound))
            continue
        inner = opened(inside) if inside.bound else inside
        rest = term.factors[:at] + term.factors[at + 1 :]
        coefficient = term.coefficient * _power(inner.coefficient, exponent)
        factors = tuple((a, _plain(e * exponent)) for a, e in inner.factors)
        return dissolve(Term(coefficient, rest + factors, term.bound + inner.bound))
    return term


def _inside(atom: Atom, exponent: Exponent) -> Term | None:
    """The term of a group that can be taken apart under this exponent."""
    if not isinstance(atom, Group) or len(atom.form.terms) != 1:
        return None
    term = atom.form.terms[0]
    if exponent != 1 and term.bound:
        return None
    whole = isinstance(exponent, int) or exponent.denominator == 1
    plain = term.coefficient == 1 and len(term.factors) == 1 and term.factors[0][1] == 1
    if not whole and not plain:
        return None
    return term


def _split_off(atom: Atom, exponent: Exponent) -> tuple[Fraction, tuple[Factor, ...]] | None:
    """(2 a sum_j b_j)^-1 = 1/2 a^-1 (sum_j b_j)^-1: what does not stand under the sum, taken out."""
    if not isinstance(atom, Group) or len(atom.form.terms) != 1 or Fraction(exponent).denominator != 1:
        return None
    term = atom.form.terms[0]
    bound = set(term.bound)
    outside = tuple((a, e * exponent) for a, e in term.factors if not bound & set(a.free))
    if not bound or (not outside and term.coefficient == 1):
        return None
    inner = Term(Fraction(1), tuple(f for f in term.factors if bound & set(f[0].free)), term.bound)
    return _power(term.coefficient, exponent), (*outside, (Group(Form((inner,))), exponent))


def _power(base: Fraction, exponent: Exponent) -> Fraction:
    return base ** int(exponent) if base != 1 else base


def collect(form: Form) -> Form:
    """Equal terms added, zero terms dropped; the order of first appearance is kept."""
    if len(form.terms) == 1:
        return form if form.terms[0].coefficient else Form()
    seen: dict[str, Term] = {}
    for term in form.terms:
        key = term.write({})
        old = seen.get(key)
        seen[key] = term if old is None else Term(old.coefficient + term.coefficient, old.factors, old.bound)
    kept = [term for term in seen.values() if term.coefficient]
    return form if len(kept) == len(form.terms) else Form(kept)


def expanded(form: Form) -> Form:
    """The comparison form: groups with a positive whole exponent multiplied out."""
    if form.expanded_form is None:
        form.expanded_form = _expanded(form)
    return form.expanded_form


def _expanded(form: Form) -> Form:
    terms: list[Term] = []
    stack = list(form.terms)
    while stack:
        term = stack.pop(0)
        for at, (atom, exponent) in enumerate(term.factors):
            if isinstance(atom, Group) and isinstance(exponent, int) and 0 < exponent <= 3:
                rest: tuple[Factor, ...] = term.factors[:at] + term.factors[at + 1 :]
                lower = ((atom, exponent - 1),) if exponent > 1 else ()
                outer = Term(term.coefficient, rest + lower, term.bound)
                stack = [within(outer, inner) for inner in atom.form.terms] + stack
                break
        else:
            terms.append(term)
    return normal(Form(terms))


def same(left: Form, right: Form) -> bool:
    """Whether two forms are equal after multiplying out (a proof for all sizes)."""
    return expanded(left).key == expanded(right).key

