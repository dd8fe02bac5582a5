"""Terms that are mirror images of one another, added up.

    f(x_i - x_p) and f(x_p - x_i) of an even f are equal, of an odd f one is minus the other
    sum over i < p and the same sum over j > p are one sum over i != p
    S_ij and S_ji of a symmetric S are equal: of what is called so, even where nobody declares it

Nothing is rewritten that is not added up: how the author writes a difference stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from fractions import Fraction
from itertools import islice, product
from types import MappingProxyType

from symbackprop.core.tensors import Tensor
from symbackprop.notation.atoms import Entry, Fn, Group, Truth, slot_of
from symbackprop.notation.forms import Atom, Exponent, Form, Term, negated

PARITY = MappingProxyType({"tanh": -1, "sin": -1, "erf": -1, "sign": -1, "abs": 1, "cos": 1})
MOST_VARIANTS = 64

Variant = tuple[int, Atom]
Tensors = AbstractSet[Tensor]


def mirrored(form: Form, symmetric: Tensors = frozenset()) -> Form:
    """The form with mirror images added up; the same object if there are none."""
    if len(form.terms) < 2 or not any(_may_turn(term, symmetric) for term in form.terms):
        return form
    terms: list[Term] = []
    found: dict[str, tuple[int, int]] = {}  # canonical spelling -> place and sign of the term it is of
    for term in form.terms:
        key, sign = canonical(term, symmetric)
        place, other = found.setdefault(key, (len(terms), sign))
        if place == len(terms):
            terms.append(term)
            continue
        first = terms[place]
        terms[place] = Term(first.coefficient + term.coefficient * sign * other, first.factors, first.bound)
    terms = _halves_joined([term for term in terms if term.coefficient])
    return form if len(terms) == len(form.terms) else Form(terms)


def same_mirrored(one: Form, other: Form, symmetric: Tensors = frozenset()) -> bool:
    """Whether two forms are equal but for mirror images."""
    if one.key == other.key:
        return True
    if len(one.terms) != len(other.terms) or not any(_may_turn(term, symmetric) for term in one.terms):
        return False
    sides = []
    for form in (one, other):
        pairs = ((term, canonical(term, symmetric)) for term in form.terms)
        sides.append(sorted((key, term.coefficient * sign) for term, (key, sign) in pairs))
    return sides[0] == sides[1]


def canonical(term: Term, symmetric: Tensors = frozenset()) -> tuple[str, int]:
    """A spelling that all mirror images share, and the sign by which the term differs from it."""
    whole = Term(Fraction(1), term.factors, term.bound)
    turned = islice(_turned_terms(whole, symmetric), MOST_VARIANTS)
    return min((one.write({}), sign) for sign, one in turned)


def _may_turn(term: Term, symmetric: Tensors = frozenset()) -> bool:
    """Whether a difference of two entries of one array, or a relation of positions, stands in the term."""
    return any(
        (isinstance(atom, Entry) and atom.tensor in symmetric)
        or (isinstance(atom, Truth) and slot_of(atom.left) is not None and slot_of(atom.right) is not None)
        or any(_is_difference(part) or any(map(_may_turn, part.terms)) for part in atom.parts)
        for atom, _ in term.factors
    )


def _is_difference(form: Form) -> bool:
    """Whether an array stands in terms of both signs, as in x_i - x_p."""
    signs: dict[object, set[bool]] = {}
    for term in form.terms:
        for atom, _ in term.factors:
            if isinstance(atom, Entry):
                signs.setdefault(atom.tensor, set()).add(term.coefficient > 0)
    return any(len(found) > 1 for found in signs.values())


def _turned_terms(term: Term, symmetric: Tensors = frozenset()) -> Iterator[tuple[int, Term]]:
    choices = [list(_turned(atom, exponent, symmetric)) for atom, exponent in term.factors]
    for chosen in product(*choices):
        sign = 1
        for one, _ in chosen:
            sign *= one
        pairs = zip(chosen, term.factors, strict=True)
        yield sign, Term(term.coefficient, tuple((atom, e) for (_, atom), (_, e) in pairs), term.bound)


def _turned_forms(form: Form) -> Iterator[Form]:
    if not any(map(_may_turn, form.terms)):
        yield form
        return
    for chosen in product(*(list(_turned_terms(term)) for term in form.terms)):
        yield Form(Term(term.coefficient * sign, term.factors, term.bound) for sign, term in chosen)


def _turned(atom: Atom, exponent: Exponent, symmetric: Tensors) -> Iterator[Variant]:
    """The atom and its mirror images under an exponent, each with its sign."""
    if isinstance(atom, Entry) and atom.tensor in symmetric:
        yield 1, atom
        yield 1, Entry(atom.tensor, atom.slots[::-1], loose=atom.loose)
    elif isinstance(atom, Group):
        for form in _turned_forms(atom.form):
            yield 1, Group(form)
            if isinstance(exponent, int) and _is_difference(form):
                yield (-1) ** (exponent % 2), Group(negated(form))
    elif isinstance(atom, Fn) and len(atom.args) == 1:
        parity = PARITY.get(atom.op.name, 0) * (-1) ** (atom.primes % 2)
        for form in _turned_forms(atom.args[0]):
            yield 1, Fn(atom.op, (form,), atom.primes)
            if parity and isinstance(exponent, int) and _is_difference(form):
                yield parity ** (exponent % 2), Fn(atom.op, (negated(form),), atom.primes)
    elif isinstance(atom, Truth) and atom.op in ("=", "!="):
        yield 1, atom
        yield 1, Truth(atom.right, atom.op, atom.left)
    else:
        yield 1, atom


def _halves_joined(terms: list[Term]) -> list[Term]:
    """What is summed over i < p, and the same over i > p."""
    place = 0
    while place < len(terms):
        for other in range(place + 1, len(terms)):
            joined = _joined(terms[place], terms[other])
            if joined is not None:
                terms = [*terms[:place], joined, *terms[place + 1 : other], *terms[other + 1 :]]
                break
        else:
            place += 1
    return terms


def _joined(one: Term, other: Term) -> Term | None:
    key, sign = canonical(other)
    for place, (atom, exponent) in enumerate(one.factors):
        if not isinstance(atom, Truth) or atom.op not in ("<", "<=") or exponent != 1:
            continue
        if slot_of(atom.left) is None or slot_of(atom.right) is None:
            continue
        for op in ("<", "<="):
            if (atom.op, op) == ("<=", "<="):
                continue
            opposite = Truth(atom.right, op, atom.left)
            rest = (*one.factors[:place], *one.factors[place + 1 :])
            mate, own = canonical(Term(one.coefficient, (*rest, (opposite, 1)), one.bound))
            if mate != key or one.coefficient * own != other.coefficient * sign:
                continue
            apart = ((Truth(atom.left, "!=", atom.right), 1),) if op == atom.op else ()
            return Term(one.coefficient, (*rest, *apart), one.bound)
    return None
