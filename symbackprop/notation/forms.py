"""Index forms: sums of products of indexed factors, the notation in which derivatives are taken.

    Form  = tuple of Terms
    Term  = rational coefficient, factors (atom, rational exponent), bound indices

Quotients are negative exponents, roots are fractional ones. The kinds of atoms are in ``atoms``. The same
index object is never bound twice in one term, because every product opens what it multiplies (``opened``):
without that, (sum_i a_i)(sum_i a_i) would silently become sum_i a_i^2.

Atoms have a ``write`` method that spells them under a naming of indices; equal spelling means
equal value for every reading of the free indices, and ``key`` is the spelling in which bound
indices have canonical names (see ``canonical``). Nothing here normalises on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.canonical import write_term
from symbackprop.notation.slots import Naming, Slot, fresh, indices_in

Exponent = Fraction | int


class Atom:
    """Base of the factors. ``key`` is canonical under renaming of bound indices."""

    __slots__ = ("_free", "_key")
    _key: str | None
    _free: tuple[Index, ...] | None

    def __init__(self) -> None:
        self._key = None
        self._free = None

    @property
    def key(self) -> str:
        """The canonical spelling, free indices by identity."""
        if self._key is None:
            self._key = self.write({})
        return self._key

    @property
    def free(self) -> tuple[Index, ...]:
        """The free indices, each once, in order of appearance."""
        if self._free is None:
            self._free = tuple(dict.fromkeys(self._find_free()))
        return self._free

    def _find_free(self) -> Iterator[Index]:
        return iter(())

    def write(self, names: Naming) -> str:
        """The spelling under ``names``."""
        raise NotImplementedError

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        """The same atom with free indices replaced."""
        return self

    @property
    def parts(self) -> tuple[Form, ...]:
        """The forms inside."""
        return ()

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        """The same atom with other forms inside."""
        return self

    def map_parts(self, change: Callable[[Form], Form]) -> Atom:
        """Apply ``change`` to the forms inside; the atom itself if nothing changed."""
        parts = self.parts
        if not parts:
            return self
        new = tuple(change(part) for part in parts)
        return self if all(a is b for a, b in zip(parts, new, strict=True)) else self.with_parts(new)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors that the atom itself is an entry of; those of its parts are not among them."""
        return ()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


Factor = tuple[Atom, Exponent]


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """``coefficient * product of atom ** exponent``, summed over ``bound``."""

    coefficient: Fraction
    factors: tuple[Factor, ...] = ()
    bound: tuple[Index, ...] = ()

    @property
    def free(self) -> tuple[Index, ...]:
        """The free indices, in order of appearance."""
        seen = dict.fromkeys(index for atom, _ in self.factors for index in atom.free)
        return tuple(index for index in seen if index not in self.bound)

    def write(self, names: Naming) -> str:
        """The canonical spelling; bound indices get canonical names."""
        return write_term(self.factors, self.bound, names)

    def rename(self, change: Mapping[Index, Slot]) -> Term:
        """Replace free indices; bound ones are opened first where they would be captured."""
        if not change:
            return self
        term = self
        if self.bound and any(
            index in self.bound for value in change.values() for index in indices_in(value)
        ):
            term = opened(self)
        kept = {i: s for i, s in change.items() if i not in term.bound}
        factors = tuple(
            (atom.rename(kept) if any(i in kept for i in atom.free) else atom, e) for atom, e in term.factors
        )
        return Term(term.coefficient, factors, term.bound)

    def scaled(self, factor: Fraction | int) -> Term:
        """The term times a number."""
        return Term(self.coefficient * factor, self.factors, self.bound)


class Form:
    """A sum of terms; the empty form is zero."""

    __slots__ = ("_free", "_key", "_tensors", "expanded_form", "normal_form", "terms")

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        self.terms = tuple(terms)
        self._key: str | None = None
        self._free: tuple[Index, ...] | None = None
        self._tensors: frozenset[Tensor] | None = None
        # What `normal` and `expanded` (notation.normal) made of this form: both are asked for often.
        self.normal_form: Form | None = None
        self.expanded_form: Form | None = None

    @property
    def key(self) -> str:
        """The canonical spelling: forms with equal keys are equal."""
        if self._key is None:
            self._key = self.write({})
        return self._key

    @property
    def free(self) -> tuple[Index, ...]:
        """The free indices, in order of appearance."""
        if self._free is None:
            self._free = tuple(dict.fromkeys(i for term in self.terms for i in term.free))
        return self._free

    @property
    def is_zero(self) -> bool:
        """Whether there is no term."""
        return not self.terms

    @property
    def constant(self) -> Fraction | None:
        """The number this form is, if it is one."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1 and not self.terms[0].factors and not self.terms[0].bound:
            return self.terms[0].coefficient
        return None

    def write(self, names: Naming) -> str:
        """The canonical spelling under ``names``."""
        return "+".join(sorted(f"{term.coefficient}*{term.write(names)}" for term in self.terms))

    def rename(self, change: Mapping[Index, Slot]) -> Form:
        """Replace free indices (capture-free)."""
        if not change or not any(index in change for index in self.free):
            return self
        return Form(term.rename(change) for term in self.terms)

    def atoms(self) -> Iterator[Atom]:
        """Every atom, those inside groups, functions and truths too."""
        for term in self.terms:
            for atom, _ in term.factors:
                yield atom
                for part in atom.parts:
                    yield from part.atoms()

    @property
    def tensors(self) -> frozenset[Tensor]:
        """The tensors of which an entry stands anywhere."""
        if self._tensors is None:
            self._tensors = frozenset(tensor for atom in self.atoms() for tensor in atom.tensors)
        return self._tensors

    def mentions(self, tensor: Tensor) -> bool:
        """Whether an entry of ``tensor`` stands anywhere."""
        return tensor in self.tensors

    def __repr__(self) -> str:
        return self.key


def opened(term: Term) -> Term:
    """The same term with fresh bound indices."""
    if not term.bound:
        return term
    change: dict[Index, Slot] = {index: fresh(index) for index in term.bound}
    factors = tuple(
        (atom.rename(change) if any(i in change for i in atom.free) else atom, e) for atom, e in term.factors
    )
    return Term(term.coefficient, factors, tuple(change[i] for i in term.bound))  # type: ignore[misc]


def times(left: Term, right: Term) -> Term:
    """The plain product; the right factor is opened where the bound indices meet."""
    if right.bound and (set(right.bound) & (set(left.bound) | set(left.free))):
        right = opened(right)
    if left.bound and set(left.bound) & set(right.free):
        left = opened(left)
    return Term(left.coefficient * right.coefficient, left.factors + right.factors, left.bound + right.bound)


def within(outer: Term, part: Term) -> Term:
    """The product in which ``part`` stands inside the sums of ``outer``: d sum_i f_i = sum_i df_i.

    Unlike in ``times``, free indices of ``part`` that ``outer`` binds are meant to be bound.
    """
    part = opened(part)
    return Term(outer.coefficient * part.coefficient, outer.factors + part.factors, outer.bound + part.bound)


def product(left: Form, right: Form) -> Form:
    """The product, distributed over the terms."""
    return Form(times(a, b) for a in left.terms for b in right.terms)


def total(forms: Iterable[Form]) -> Form:
    """The sum of forms."""
    return Form(term for form in forms for term in form.terms)


def negated(form: Form) -> Form:
    """Minus the form."""
    return Form(term.scaled(-1) for term in form.terms)


def number(value: Fraction | int) -> Form:
    """A constant form."""
    return Form((Term(Fraction(value)),)) if value else Form()


def single(atom: Atom, exponent: Exponent = 1) -> Form:
    """The form that is one atom."""
    return Form((Term(Fraction(1), ((atom, exponent),)),))


def bind(form: Form, indices: tuple[Index, ...]) -> Form:
    """Sum over ``indices``."""
    return Form(Term(t.coefficient, t.factors, t.bound + indices) for t in form.terms)
