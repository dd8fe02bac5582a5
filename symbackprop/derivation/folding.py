"""Names that the author gave to functions and quotients, folded back: e^Z[n, k] / S[n] is P[n, k].

Sums of products that have a name are in ``contractions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations
from itertools import product as combinations_of

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.contractions import Contraction, fold_contraction
from symbackprop.notation.array_atoms import OfMatrix
from symbackprop.notation.atoms import Entry, Extreme, Fn, Group
from symbackprop.notation.forms import Atom, Exponent, Factor, Form, Term
from symbackprop.notation.normal import normal, span_of
from symbackprop.notation.slots import Slot, parts_of_slot


@dataclass(frozen=True, slots=True)
class Definition:
    """``target[indices] = product of factors``: one term, no sum outside its factors."""

    target: Tensor
    indices: tuple[Index, ...]
    factors: tuple[Factor, ...]

    @property
    def head(self) -> tuple[type[Atom], str]:
        """What the first factor must look like."""
        return head_of(self.factors[0][0])


def head_of(atom: Atom) -> tuple[type[Atom], str]:
    """The kind of an atom, by which rules are found."""
    if isinstance(atom, Entry):
        return (Entry, str(atom.tensor.serial))
    if isinstance(atom, Fn):
        return (Fn, f"{atom.op.name}{atom.primes}:{_lone_tensor(atom)}")
    return (type(atom), "")


def _lone_tensor(atom: Fn) -> str:
    """The tensor whose entry is the first argument, if it is just that: 256 layers, 256 ReLUs."""
    terms = atom.args[0].terms
    if len(terms) == 1 and len(terms[0].factors) == 1:
        inner = terms[0].factors[0][0]
        if isinstance(inner, Entry):
            return str(inner.tensor.serial)
    return ""


def definition_of(target: Tensor, indices: tuple[Index, ...], form: Form) -> Definition | None:
    """The definition that ``form`` makes foldable: a function, or a quotient, of one term."""
    if len(form.terms) != 1:
        return None
    term = form.terms[0]
    if term.bound or term.coefficient != 1 or not term.factors:
        return None
    factors = tuple(sorted(term.factors, key=lambda f: (not isinstance(f[0], Fn), f[1] < 0)))
    if set(term.free) != set(indices):
        return None
    if len(factors) == 1:
        atom, exponent = factors[0]
        root = isinstance(atom, Entry) and Fraction(exponent).denominator != 1
        power = isinstance(atom, Group) and exponent != 1
        shortens = root or power or isinstance(atom, Fn | OfMatrix | Extreme)
        return Definition(target, indices, factors) if shortens else None
    full = set(factors[0][0].free) == set(indices)
    quotient = any(e < 0 for _, e in factors) and factors[0][1] > 0
    if quotient and full and isinstance(factors[0][0], Fn | Entry | Group):
        return Definition(target, indices, factors)
    return None


@dataclass(slots=True)
class Folding:
    """The definitions that may be folded back into names, by the head of their first factor."""

    by_head: dict[tuple[type[Atom], str], list[Definition]] = field(default_factory=dict)
    contractions: list[Contraction] = field(default_factory=list)

    @property
    def inverses(self) -> Mapping[Tensor, Definition]:
        """The tensors that are defined as an inverse."""
        return {
            d.target: d for d in self.by_head.get((OfMatrix, ""), ())
            if isinstance(d.factors[0][0], OfMatrix) and d.factors[0][0].op.name == "inv"
        }  # fmt: skip

    def add(self, definition: Definition) -> None:
        """Earlier definitions win."""
        self.by_head.setdefault(definition.head, []).append(definition)

    def fold(self, form: Form, *, arrays: bool = True) -> Form:
        """Every definition folded, inside atoms too; the same object if nothing applies.

        ``arrays``: products of matrices that have a name as well, not only scalars.
        """
        if not self.by_head and not self.contractions:
            return form
        terms = [self._term(term, arrays=arrays) for term in form.terms]
        if all(a is b for a, b in zip(terms, form.terms, strict=True)):
            return form
        return normal(Form(terms))

    def named(self, form: Form) -> Form:
        """Definitions folded, and nothing else: indicators and sums stand as they are."""
        return Form(self._term(term) for term in form.terms)

    def _term(self, term: Term, *, arrays: bool = True) -> Term:
        changed = True
        while changed:
            changed = False
            for position, (atom, exponent) in enumerate(term.factors):
                new = self._at(term, position, atom, exponent)
                if new is not None:
                    term, changed = new, True
                    break
            for definition in self.contractions if not changed else ():
                known = arrays or definition.is_number
                summed = fold_contraction(term, definition) if known else None
                if summed is not None:
                    term, changed = summed, True
                    break
        factors = tuple(
            (atom.map_parts(lambda part: self.fold(part, arrays=arrays)), e) for atom, e in term.factors
        )
        if all(a is b for (a, _), (b, _) in zip(factors, term.factors, strict=True)):
            return term
        return Term(term.coefficient, factors, term.bound)

    def _at(self, term: Term, position: int, atom: Atom, exponent: Exponent) -> Term | None:
        for definition in self.by_head.get(head_of(atom), ()):
            for slots in _placements(definition, atom):
                ratio = Fraction(exponent) / Fraction(definition.factors[0][1])
                # A root of a power is not the base: (u^2)^(1/2) = |u|.
                if ratio.denominator != 1 or (len(definition.factors) > 1 and ratio < 1):
                    continue
                # With s = sqrt(v) the square is v, and stays so.
                if isinstance(atom, Entry) and len(definition.factors) == 1 and exponent == int(exponent):
                    continue
                rest = _removed(term, definition, slots, ratio)
                if rest is not None:
                    entry = Entry(definition.target, slots)
                    power = int(ratio) if ratio.denominator == 1 else ratio
                    return Term(term.coefficient, ((entry, power), *rest), term.bound)
        return None


def _placements(definition: Definition, atom: Atom) -> Iterator[tuple[Slot, ...]]:
    """Index choices under which the first factor of the definition is ``atom``."""
    pattern = definition.factors[0][0]
    inside = [index for index in definition.indices if index in pattern.free]
    if len(inside) != len(definition.indices):
        return
    slots: tuple[Slot, ...]
    if isinstance(pattern, Fn) and isinstance(atom, Fn) and len(pattern.args) == len(atom.args):
        quick = _aligned(pattern, atom)
        if quick is not None:
            slots = tuple(quick.get(index, index) for index in definition.indices)
            sure = _whole_axes(pattern)
            pairs = zip(slots, definition.indices, strict=True)
            if not all(index in sure or _fits(slot, index) for slot, index in pairs):
                return
            if pattern.rename(dict(quick)).key == atom.key:
                yield slots
            return
    for choice in _choices(atom, len(inside)):
        if any(isinstance(b, Index) and a.dim != b.dim for a, b in zip(inside, choice, strict=True)):
            continue
        change: dict[Index, Slot] = dict(zip(inside, choice, strict=True))
        if pattern.rename(change).key == atom.key:
            yield tuple(change[index] for index in definition.indices)


def _choices(atom: Atom, count: int) -> Iterator[tuple[Slot, ...]]:
    """Slots of an atom that the indices of a definition may stand for: its indices, else its numbers too."""
    if len(atom.free) >= count:
        yield from permutations(atom.free, count)
        return
    entries = [atom] if isinstance(atom, Entry) else [
        inner for part in atom.parts for inner in part.atoms() if isinstance(inner, Entry)
    ]
    numbers = dict.fromkeys(slot for entry in entries for slot in entry.slots if isinstance(slot, int))
    yield from combinations_of((*atom.free, *numbers), repeat=count)


def _whole_axes(pattern: Fn) -> set[Index]:
    """The indices of a definition that run over a whole axis: any entry of that axis is one of theirs."""
    return {
        slot
        for part in pattern.parts
        for inner in part.atoms()
        if isinstance(inner, Entry)
        for axis, slot in zip(inner.tensor.index_axes, inner.slots, strict=True)
        if isinstance(slot, Index) and inner.tensor.shape[axis] == slot.dim
    }


def _fits(slot: Slot, index: Index) -> bool:
    """Whether a position is surely one of those that ``index`` runs over: sigma(a[k + n]) is none of i[k]."""
    if isinstance(slot, Index):
        return slot.dim == index.dim
    parts, offset = parts_of_slot(slot)
    low, high = span_of(parts, offset)
    return (low - 1).never_negative and (index.dim - high).never_negative


def _aligned(pattern: Fn, atom: Fn) -> dict[Index, Slot] | None:
    """The index map read off two one-factor arguments, or None if they are not that simple."""
    change: dict[Index, Slot] = {}
    for left, right in zip(pattern.args, atom.args, strict=True):
        if len(left.terms) != 1 or len(right.terms) != 1:
            return None
        a, b = left.terms[0].factors, right.terms[0].factors
        if len(a) != 1 or len(b) != 1 or left.terms[0].bound:
            return None
        x, y = a[0][0], b[0][0]
        if not isinstance(x, Entry) or not isinstance(y, Entry) or x.tensor is not y.tensor:
            return None
        pairs = zip(x.slots, y.slots, strict=True)
        change.update({old: new for old, new in pairs if isinstance(old, Index)})
    return change


def _removed(
    term: Term, definition: Definition, slots: tuple[Slot, ...], ratio: Fraction
) -> tuple[Factor, ...] | None:
    """The factors of ``term`` without the definition's, ``ratio`` times; None if they are not there."""
    change: dict[Index, Slot] = dict(zip(definition.indices, slots, strict=True))
    left: dict[str, tuple[Atom, Fraction]] = {}
    for atom, e in term.factors:  # an atom may stand twice until the next normal form
        before = left.get(atom.key, (atom, Fraction(0)))[1]
        left[atom.key] = (atom, before + Fraction(e))
    for pattern, exponent in definition.factors:
        key = pattern.rename(change).key
        if key not in left:
            return None
        atom, have = left[key]
        wanted = Fraction(exponent) * ratio
        if have * wanted < 0 or abs(have) < abs(wanted):
            return None
        left[key] = (atom, have - wanted)
    return tuple((a, int(e) if e.denominator == 1 else e) for a, e in left.values() if e != 0)
