"""Named rewriting rules on index forms: by definitions, by sums, by declared facts.

Each rule replaces factors of a term by fewer ones; each is justified in its docstring, and every
line it helps to print is replayed by numbers all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations
from itertools import product as combinations_of

from symbackprop.core.tensors import Index, Tensor
from symbackprop.derivation.contractions import Contraction, fold_contraction
from symbackprop.notation.array_atoms import OfMatrix
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Extreme, Fn, Group
from symbackprop.notation.forms import (
    Atom,
    Exponent,
    Factor,
    Form,
    Term,
    bind,
    product,
    single,
    total,
    within,
)
from symbackprop.notation.normal import expanded, normal, span_of
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


def cancel_inverses(form: Form, folding: Folding) -> Form:
    """sum_p inv(A)[i, p] A[p, j] = [i = j], and with the factors in the other order."""
    known = folding.inverses
    if not known and not any(isinstance(a, OfMatrix) and a.slots for t in form.terms for a, _ in t.factors):
        return form
    terms = [_cancel_inverse(term, known) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))


def _cancel_inverse(term: Term, known: Mapping[Tensor, Definition]) -> Term:
    for index in term.bound:
        here = [(atom, e) for atom, e in term.factors if index in atom.free]
        if len(here) != 2 or any(e != 1 for _, e in here):
            continue
        for (inverse, _), (other, _) in (here, here[::-1]):
            matrix = _inverse_of(inverse, known)
            if matrix is None or other is inverse:
                continue
            slots, row, column, whole = matrix
            for side in (0, 1):
                mine = slots[1 - side]
                if slots[side] is not index or mine is index:
                    continue
                rest = [i for i in other.free if i is not index]
                if len(rest) != 1:
                    continue
                change: dict[Index, Slot] = {row: index, column: rest[0]} if side == 1 else {
                    row: rest[0], column: index
                }
                if as_form(other).key != whole.rename(change).key:
                    continue
                factors = tuple(f for f in term.factors if f not in here)
                bound = tuple(i for i in term.bound if i is not index)
                joined = Term(term.coefficient, (*factors, (Delta(mine, rest[0]), 1)), bound)
                return _cancel_inverse(joined, known)
    return term


def as_form(atom: Atom) -> Form:
    """What an atom stands for, a group by its terms."""
    return atom.form if isinstance(atom, Group) else single(atom)


def _inverse_of(
    atom: Atom, known: Mapping[Tensor, Definition]
) -> tuple[tuple[Slot, ...], Index, Index, Form] | None:
    """The slots of an entry of an inverse, and the matrix that it inverts."""
    if isinstance(atom, OfMatrix) and atom.op.name == "inv":
        return atom.slots, atom.row, atom.column, atom.form
    if isinstance(atom, Entry) and atom.tensor in known:
        inner = known[atom.tensor].factors[0][0]
        assert isinstance(inner, OfMatrix)
        ordered = inner.slots == known[atom.tensor].indices
        slots = atom.slots if ordered else atom.slots[::-1]
        return slots, inner.row, inner.column, inner.form
    return None


def cancel_sums(form: Form) -> Form:
    """sum_k f(k) / (sum_j f(j)) = 1, where k stands in no other factor."""
    terms = [_cancel_sum(term) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))


def _cancel_sum(term: Term) -> Term:
    for atom, exponent in term.factors:
        if not isinstance(atom, Group) or exponent >= 0 or len(atom.form.terms) != 1:
            continue
        inner = atom.form.terms[0]
        if len(inner.bound) != 1:
            continue
        for index in term.bound:
            here = [(a, e) for a, e in term.factors if index in a.free]
            wanted = {
                (a.rename({inner.bound[0]: index}).key, e)
                for a, e in inner.factors
            }
            if index.dim != inner.bound[0].dim or {(a.key, e) for a, e in here} != wanted:
                continue
            rest = [
                (a, e + 1 if a is atom else e) for a, e in term.factors if index not in a.free
            ]
            kept = tuple((a, e) for a, e in rest if e != 0)
            bound = tuple(i for i in term.bound if i is not index)
            return _cancel_sum(Term(term.coefficient / inner.coefficient, kept, bound))
    return term


@dataclass(frozen=True, slots=True)
class SumToOne:
    """The sum over ``axes`` of ``tensor`` is 1, or another number ``value``.

    proved         it follows from the forward pass, and is used without a word.
    by_definition  it is part of what the tensor is (a one-hot row): said, but nothing that is assumed.
    """

    tensor: Tensor
    axes: tuple[int, ...]
    words: str
    proved: bool
    by_definition: bool = False
    value: int = 1


Known = dict[Tensor, list[SumToOne]]


def sum_to_one(form: Form, facts: Iterable[SumToOne]) -> tuple[Form, tuple[SumToOne, ...]]:
    """Use ``sum_k Y[n, k] = 1`` wherever k stands in no other factor; also the facts that were used."""
    known: Known = {}
    for fact in facts:
        known.setdefault(fact.tensor, []).append(fact)
    used: dict[Tensor, SumToOne] = {}
    if not known:
        return form, ()
    terms = [_one_term(term, known, used) for term in form.terms]
    if not used:
        return form, ()
    return normal(Form(terms)), tuple(used.values())


def _is_lone(index: Slot, atom: Entry, term: Term, others: tuple[Factor, ...]) -> bool:
    """Whether an index runs over its whole axis here, and stands nowhere else."""
    axis = next(axis for axis, slot in zip(atom.tensor.index_axes, atom.slots, strict=True) if slot is index)
    return (
        isinstance(index, Index)
        and index in term.bound
        and index.dim == atom.tensor.shape[axis]
        and sum(slot is index for slot in atom.slots) == 1
        and not any(index in a.free for a, _ in others)
    )


def _one_term(term: Term, known: Known, used: dict[Tensor, SumToOne]) -> Term:
    for position, (atom, exponent) in enumerate(term.factors):
        if not isinstance(atom, Entry) or exponent != 1 or atom.tensor not in known:
            continue
        others = term.factors[:position] + term.factors[position + 1 :]
        for fact in known[atom.tensor]:
            indices = [atom.slots[axis] for axis in fact.axes]
            if all(_is_lone(index, atom, term, others) for index in indices):
                used[fact.tensor] = fact
                bound = tuple(i for i in term.bound if not any(i is j for j in indices))
                return _one_term(Term(term.coefficient * fact.value, others, bound), known, used)
    summed = _summed_group(term, known, used)
    if summed is not None:
        return _one_term(summed, known, used)
    factors = tuple(
        (atom.map_parts(lambda part: _inside(part, known, used)), e) for atom, e in term.factors
    )
    if all(a is b for (a, _), (b, _) in zip(factors, term.factors, strict=True)):
        return term
    return Term(term.coefficient, factors, term.bound)


def _summed_group(term: Term, known: Known, used: dict[Tensor, SumToOne]) -> Term | None:
    """sum_k ((1 - e) Y[n, k] + e/K) = 1: a sum over a group alone, if the facts leave no sum of it."""
    for place, (atom, exponent) in enumerate(term.factors):
        if not isinstance(atom, Group) or exponent != 1 or atom.form.tensors.isdisjoint(known):
            continue
        others = term.factors[:place] + term.factors[place + 1 :]
        alone = [i for i in term.bound if i in atom.free and not any(i in a.free for a, _ in others)]
        if not alone:
            continue
        found: dict[Tensor, SumToOne] = {}
        whole = expanded(bind(atom.form, tuple(alone)))
        left = normal(Form(_one_term(part, known, found) for part in whole.terms))
        if found and not any(part.bound for part in left.terms) and leaves(left) < leaves(atom.form):
            used.update(found)
            bound = tuple(i for i in term.bound if i not in alone)
            return Term(term.coefficient, (*others, (Group(left), 1)), bound)
    return None


def _inside(form: Form, known: Known, used: dict[Tensor, SumToOne]) -> Form:
    terms = [_one_term(term, known, used) for term in form.terms]
    if all(a is b for a, b in zip(terms, form.terms, strict=True)):
        return form
    return normal(Form(terms))


def log_of_quotient(form: Form) -> Form:
    """log(e^u / S) = u - log S, wherever a log has such an argument (S a sum of exponentials)."""
    terms: list[Term] = []
    changed = False
    for term in form.terms:
        result = Form((Term(term.coefficient, (), term.bound),))
        for atom, exponent in term.factors:
            inner = atom.map_parts(log_of_quotient)
            split = _split_log(inner)
            if split is not None:
                changed = True
                piece = single(Group(split), exponent) if exponent != 1 else single(Group(split))
            else:
                changed = changed or inner is not atom
                piece = single(inner, exponent)
            result = Form(within(a, b) for a in result.terms for b in piece.terms)
        terms.extend(result.terms)
    return normal(Form(terms)) if changed else form


def _split_log(atom: Atom) -> Form | None:
    if not isinstance(atom, Fn) or atom.op.name != "log" or atom.primes or len(atom.args[0].terms) != 1:
        return None
    term = _sums_apart(atom.args[0].terms[0])
    if term.bound or term.coefficient != 1 or not any(_is_exp(a) for a, _ in term.factors):
        return None
    # The whole is positive where its log exists, so one factor of unknown sign is positive too.
    if sum(not _positive(a) for a, _ in term.factors) > 1:
        return None
    parts: list[Form] = []
    for factor, exponent in term.factors:
        logged = factor.args[0] if isinstance(factor, Fn) else single(Fn(atom.op, (_bare(factor),)))
        scale = Form((Term(Fraction(exponent)),))
        parts.append(product(scale, logged))
    return normal(total(parts))


def _sums_apart(term: Term) -> Term:
    """sum_j f(j) g(i) as (sum_j f(j)) g(i): the factors under the sum as one group."""
    if not term.bound:
        return term
    inside = tuple(f for f in term.factors if any(index in term.bound for index in f[0].free))
    group = Group(Form((Term(Fraction(1), inside, term.bound),)))
    return Term(term.coefficient, (*(f for f in term.factors if f not in inside), (group, 1)))


def _bare(atom: Atom) -> Form:
    return atom.form if isinstance(atom, Group) else single(atom)


def _is_exp(atom: Atom) -> bool:
    return isinstance(atom, Fn) and atom.op.name == "exp" and atom.primes == 0


def _positive(atom: Atom) -> bool:
    """Whether the factor is positive for all values of what stands in it."""
    if _is_exp(atom) or isinstance(atom, DimFactor):
        return True
    if isinstance(atom, Group):
        return all(
            t.coefficient > 0 and t.factors and all(_positive(a) for a, _ in t.factors)
            for t in atom.form.terms
        )
    return isinstance(atom, Entry) and (atom.tensor.facts.positive)


def leaves(form: Form) -> int:
    """The length of a form: entries and functions of entries, counted where they stand."""
    count = 0
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry):
                count += 1
            elif isinstance(atom, Fn | Group):
                count += max(1, sum(leaves(part) for part in atom.parts))
    return count
