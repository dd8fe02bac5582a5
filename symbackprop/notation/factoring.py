"""Common factors under the sums that bind them, in front of a bracket.

    sum_m dA_nm A_nm K_mp - sum_m sum_j dA_nj A_nj A_nm K_mp
        = sum_m A_nm K_mp (dA_nm - sum_j dA_nj A_nj)

Two terms are compared from each pair of like factors on, which says how bound indices of one are called in
the other. What they share is taken out of all terms that have it; whether the result is the better spelling
is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice, permutations

from symbackprop.core.tensors import Index
from symbackprop.notation.array_atoms import Flat
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Group
from symbackprop.notation.collecting import collected
from symbackprop.notation.common import content, spans
from symbackprop.notation.forms import Atom, Exponent, Factor, Form, Term, opened

Names = dict[Index, Index]
MOST_TERMS = 8
MOST_BOUND = 6
MOST_LEFT_OUT = 4  # of the factors that are left out one at a time
MOST_TRIES = 2  # the best few of what could be taken out


@dataclass(frozen=True, slots=True)
class Shared:
    """What ``places`` of the terms share: factors over the indices of the first, and how these are called."""

    factors: tuple[Factor, ...]
    bound: tuple[Index, ...]
    places: tuple[int, ...]
    names: tuple[Names, ...]  # of each place: its index for each of ``bound``


Weighed = tuple[int, Shared]


def factored(given: Form) -> Iterator[Form]:
    """The form with one set of shared factors taken out: the most promising first."""
    terms = tuple(opened(term) for term in given.terms)  # no index is bound in two of them
    if not 1 < len(terms) <= MOST_TERMS or any(len(term.bound) > MOST_BOUND for term in terms):
        return
    found: dict[str, Weighed] = {}
    for first, second in combinations(range(len(terms)), 2):
        for shared in _shared(terms, first, second):
            whole = _extended(terms, shared)
            key = Form((Term(Fraction(1), whole.factors, whole.bound),)).key + str(whole.places)
            found.setdefault(key, (sum(_weight(atom) for atom, _ in whole.factors), whole))
    found = {key: pair for key, pair in found.items() if not _is_arbitrary(pair, terms, found.values())}
    # What saves most in all, and what is the longest: two terms of four may share much more than all do.
    saved = sorted(found.values(), key=lambda pair: -pair[0] * (len(pair[1].places) - 1))
    longest = sorted(found.values(), key=lambda pair: -pair[0])
    tried: set[int] = set()
    for order in (saved, longest):
        fit = (pair for pair in order if id(pair) not in tried)
        made = ((pair, form) for pair in fit if (form := _taken_out(terms, pair[1])) is not None)
        for pair, form in islice(made, MOST_TRIES):
            tried.add(id(pair))
            yield form


def _is_arbitrary(pair: Weighed, terms: tuple[Term, ...], found: Collection[Weighed]) -> bool:
    """Whether a term of a chain could as well be joined with another one: a X X + X a X + X X a stays."""
    weight, shared = pair
    inside = set(shared.places)
    if len(inside) == len(terms) or not shared.bound or _is_elementwise(terms, shared):
        return False
    return any(
        other.bound and more >= weight and inside & set(other.places) and not inside >= set(other.places)
        for more, other in found
    )


def _is_elementwise(terms: tuple[Term, ...], shared: Shared) -> bool:
    """Whether a factor that is shared has all indices of the bracket."""
    pairs = zip(shared.places, shared.names, strict=True)
    sides = {index for at, called in pairs for index in _rest(terms[at], shared, called).free}
    return any(sides <= set(atom.free) for atom, _ in shared.factors)


def _weight(atom: Atom) -> int:
    """How much is saved where the atom is written once less."""
    if isinstance(atom, Entry | DimFactor):
        return 1
    return sum(_weight(inner) for part in atom.parts for inner in part.atoms()) + 1


def _shared(terms: tuple[Term, ...], first: int, second: int) -> Iterator[Shared]:
    """What two terms share: from each pair of like factors on, with everything that goes with it."""
    one, other = terms[first], terms[second]
    seen: set[str] = set()
    for names in _namings(one, other):
        factors = _same(one, other, names)
        key = "*".join(sorted(f"{atom.key}^{exponent}" for atom, exponent in factors))
        if not factors or key in seen:
            continue
        seen.add(key)
        used = {index for atom, _ in factors for index in atom.free if index in one.bound}
        own = tuple(index for index in one.bound if index in used)
        theirs = {index: names[index] for index in own}
        yield Shared(factors, own, (first, second), (dict(zip(own, own, strict=True)), theirs))


def _namings(one: Term, other: Term) -> Iterator[Names]:
    """What a pair of like factors says; with what goes with it; with all of that but for one factor."""
    seen: set[frozenset[tuple[Index, Index]]] = set()
    for atom in (atom for atom, _ in one.factors):
        for mate in (mate for mate, _ in other.factors):
            for names in _called(atom, mate, one, other, {}):
                if frozenset(names.items()) in seen:
                    continue
                seen.add(frozenset(names.items()))
                yield names
                whole, grew = _grown(one, other, names, None)
                yield whole
                for left_out in grew[:MOST_LEFT_OUT]:
                    yield _grown(one, other, names, left_out)[0]


def _called(atom: Atom, mate: Atom, one: Term, other: Term, names: Names) -> Iterator[Names]:
    """Every way in which ``mate`` is ``atom`` with bound indices called by other names, given ``names``."""
    if type(atom) is not type(mate) or isinstance(atom, Delta | Flat) or len(atom.free) != len(mate.free):
        return
    if isinstance(atom, Entry) and isinstance(mate, Entry) and atom.tensor is not mate.tensor:
        return
    for chosen in permutations(mate.free):
        more = dict(names)
        pairs = tuple(zip(atom.free, chosen, strict=True))
        fits = all(_fits(own, theirs, one, other, more) for own, theirs in pairs)
        if fits and atom.rename(dict(pairs)).key == mate.key:
            yield more


def _fits(own: Index, theirs: Index, one: Term, other: Term, names: Names) -> bool:
    """Whether ``own`` may be called ``theirs``; that is then noted."""
    if own not in one.bound:
        return own is theirs
    if theirs not in other.bound or own.dim != theirs.dim:
        return False
    known = names.get(own)
    if known is None and theirs in names.values():
        return False
    names[own] = theirs
    return known is None or known is theirs


def _same(one: Term, other: Term, names: Names) -> tuple[Factor, ...]:
    """All factors that are the same under ``names``."""
    found: list[Factor] = []
    for atom, exponent in one.factors:
        if isinstance(atom, Delta | Flat) or any(i in one.bound and i not in names for i in atom.free):
            continue
        have = _exponent(other, atom.rename(dict(names)))
        if have is not None and (have > 0) == (exponent > 0):
            found.append((atom, _less(exponent, have)))
    return tuple(found)


def _grown(one: Term, other: Term, names: Names, left_out: Atom | None) -> tuple[Names, list[Atom]]:
    """The names with those that further like factors give, and the factors that gave some."""
    grew: list[Atom] = []
    for atom, _ in one.factors:
        for mate, _ in other.factors if atom is not left_out else ():
            more = next(_called(atom, mate, one, other, names), None)
            if more is not None:
                if len(more) > len(names):
                    grew.append(atom)
                names = more
                break
    return names, grew


def _less(one: Exponent, other: Exponent) -> Exponent:
    """The exponent nearer to 0, of two of one sign."""
    return min(one, other) if one > 0 else max(one, other)


def _exponent(term: Term, atom: Atom) -> Exponent | None:
    return next((e for own, e in term.factors if own.key == atom.key), None)


def _extended(terms: tuple[Term, ...], shared: Shared) -> Shared:
    """With every further term that has all of the factors."""
    places, names = list(shared.places), list(shared.names)
    for place, term in enumerate(terms):
        if place in places:
            continue
        for theirs in permutations(term.bound, len(shared.bound)):
            if any(a.dim != b.dim for a, b in zip(shared.bound, theirs, strict=True)):
                continue
            called = dict(zip(shared.bound, theirs, strict=True))
            if all(_has(term, atom.rename(dict(called)), e) for atom, e in shared.factors):
                places.append(place)
                names.append(called)
                break
    return Shared(shared.factors, shared.bound, tuple(places), tuple(names))


def _has(term: Term, atom: Atom, exponent: Exponent) -> bool:
    match = _exponent(term, atom)
    return match is not None and (match >= exponent if exponent > 0 else match <= exponent)


def _taken_out(terms: tuple[Term, ...], shared: Shared) -> Form | None:
    """The form with the bracket; None if the bracket would not be read as what it is."""
    inner = [
        _rest(terms[place], shared, called)
        for place, called in zip(shared.places, shared.names, strict=True)
    ]
    if not _is_readable(Form(inner), shared):
        return None
    inner = list(collected(Form(inner)).terms)
    size = content(Form(inner))
    negative = [term.coefficient < 0 for term in inner]
    minus_one = any(less and not term.factors for less, term in zip(negative, inner, strict=True))
    size = -size if all(negative) or (minus_one and not all(negative)) else size  # 1 - h, not h - 1
    bracket = Form(Term(term.coefficient / size, term.factors, term.bound) for term in inner)
    whole = Term(size, (*shared.factors, (Group(bracket), 1)), shared.bound)
    first = min(shared.places)
    kept = [(at, term) for at, term in enumerate(terms) if at == first or at not in shared.places]
    return Form(whole if at == first else term for at, term in kept)


def _is_readable(bracket: Form, shared: Shared) -> bool:
    """Whether the bracket is a number, a vector, or a matrix to which nothing is stretched in a product.

    (A - rowsum(A * B)) * B stretches as everyone expects; (x x^T + 1) v does not.
    """
    sides = set(bracket.free)
    if len(sides) < 2:
        return True
    if not spans(bracket):
        return False
    elementwise = any(sides <= set(atom.free) for atom, _ in shared.factors)
    whole = [set(term.free) == sides for term in bracket.terms]
    return all(whole) or (elementwise and any(whole))


def _rest(term: Term, shared: Shared, called: Names) -> Term:
    """The term without the shared factors, the indices of the first term in it."""
    taken = {atom.rename(dict(called)).key: e for atom, e in shared.factors}
    back = {theirs: own for own, theirs in called.items()}
    factors: list[Factor] = []
    for atom, exponent in term.factors:
        left = exponent - taken.get(atom.key, 0)
        if left != 0:
            factors.append((atom.rename(dict(back)), left))
    bound = tuple(index for index in term.bound if index not in back)
    return Term(term.coefficient, tuple(factors), bound)
