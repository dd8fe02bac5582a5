"""Index forms: sums of products of indexed factors, the notation in which derivatives are taken.

    Form  = tuple of Terms
    Term  = rational coefficient, factors (atom, rational exponent), bound indices
    Atom  = Entry | Delta | DimFactor | Fn | Group | Truth

Quotients are negative exponents, roots are fractional ones. A ``Group`` is a sum kept together,
such as (W x + b - t)_i. An index is an identity object; the same index object is never bound
twice in one term, because every product opens what it multiplies (``opened``): without that,
(sum_i a_i)(sum_i a_i) would silently become sum_i a_i^2. Fresh indices come from ``fresh`` only.

Atoms have a ``write`` method that spells them under a naming of indices; equal spelling means
equal value for every reading of the free indices, and ``key`` is the spelling in which bound
indices have canonical names (see ``notation.normal``). Nothing here normalises on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Operation
from symbackprop.core.tensors import Index, Tensor

Slot = Index | int
Naming = Mapping[Index, str]
Exponent = Fraction | int


def fresh(like: Index) -> Index:
    """A new index with the dim and letter of ``like``: the only source of new bound indices."""
    return Index(like.dim, like.letter)


def _slot_name(slot: Slot, names: Naming) -> str:
    if isinstance(slot, int):
        return str(slot)
    return names.get(slot) or f"i{slot.serial}"


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

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return self.key


class Entry(Atom):
    """T[i, j]: one slot per axis of T that carries an index."""

    __slots__ = ("slots", "tensor")

    def __init__(self, tensor: Tensor, slots: tuple[Slot, ...]) -> None:
        super().__init__()
        self.tensor = tensor
        self.slots = slots

    def _find_free(self) -> Iterator[Index]:
        return (slot for slot in self.slots if isinstance(slot, Index))

    def write(self, names: Naming) -> str:
        parts = [_slot_name(slot, names) for slot in self.slots]
        if self.tensor.facts.symmetric and len(parts) == 2:
            parts.sort()
        return f"E{self.tensor.serial}[{','.join(parts)}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        slots = tuple(change.get(s, s) if isinstance(s, Index) else s for s in self.slots)
        return self if slots == self.slots else Entry(self.tensor, slots)


class Delta(Atom):
    """[i = j], the Kronecker delta."""

    __slots__ = ("left", "right")

    def __init__(self, left: Slot, right: Slot) -> None:
        super().__init__()
        self.left = left
        self.right = right

    def _find_free(self) -> Iterator[Index]:
        return (slot for slot in (self.left, self.right) if isinstance(slot, Index))

    def write(self, names: Naming) -> str:
        return "D[" + ",".join(sorted((_slot_name(self.left, names), _slot_name(self.right, names)))) + "]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        left = change.get(self.left, self.left) if isinstance(self.left, Index) else self.left
        right = change.get(self.right, self.right) if isinstance(self.right, Index) else self.right
        return self if left is self.left and right is self.right else Delta(left, right)


class DimFactor(Atom):
    """A dim as a number: the N of a sum over n of 1."""

    __slots__ = ("dim",)

    def __init__(self, dim: Dim) -> None:
        super().__init__()
        self.dim = dim

    def write(self, names: Naming) -> str:
        return f"N({self.dim})"


class Position(Atom):
    """An index as a number (one-based), as in ind(i < j) or a weight that depends on i."""

    __slots__ = ("index",)

    def __init__(self, index: Index) -> None:
        super().__init__()
        self.index = index

    def _find_free(self) -> Iterator[Index]:
        yield self.index

    def write(self, names: Naming) -> str:
        return f"P[{_slot_name(self.index, names)}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        new = change.get(self.index, self.index)
        if isinstance(new, int):
            raise ValueError("a position cannot be fixed in place; use constant(position)")
        return self if new is self.index else Position(new)


class Fn(Atom):
    """f(u, ...), elementwise; ``primes`` counts derivatives by the first argument."""

    __slots__ = ("args", "op", "primes")

    def __init__(self, op: Operation, args: tuple[Form, ...], primes: int = 0) -> None:
        super().__init__()
        self.op = op
        self.args = args
        self.primes = primes

    def _find_free(self) -> Iterator[Index]:
        for arg in self.args:
            yield from arg.free

    def write(self, names: Naming) -> str:
        inner = ";".join(arg.write(names) for arg in self.args)
        return f"F{self.op.name}{self.primes}@{id(self.op) if self.op.kind == 'function' else ''}({inner})"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        return Fn(self.op, tuple(arg.rename(change) for arg in self.args), self.primes)


class Truth(Atom):
    """1 where ``left op right`` holds, else 0; its derivative is 0 (where it has one)."""

    __slots__ = ("left", "op", "right")

    def __init__(self, left: Form, op: str, right: Form) -> None:
        super().__init__()
        self.left = left
        self.op = op
        self.right = right

    def _find_free(self) -> Iterator[Index]:
        yield from self.left.free
        yield from self.right.free

    def write(self, names: Naming) -> str:
        return f"T({self.left.write(names)}{self.op}{self.right.write(names)})"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        return Truth(self.left.rename(change), self.op, self.right.rename(change))


class Group(Atom):
    """A sum kept together as one factor."""

    __slots__ = ("form",)

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form

    def _find_free(self) -> Iterator[Index]:
        return iter(self.form.free)

    def write(self, names: Naming) -> str:
        return f"G({self.form.write(names)})"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        return Group(self.form.rename(change))


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
        # Here and not above: normal forms are made of terms, so normal imports this module.
        from symbackprop.notation.normal import write_term  # noqa: PLC0415

        return write_term(self, names)

    def rename(self, change: Mapping[Index, Slot]) -> Term:
        """Replace free indices; bound ones are opened first where they would be captured."""
        if not change:
            return self
        term = self
        if self.bound and any(value in self.bound for value in change.values()):
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

    __slots__ = ("_free", "_key", "_tensors", "terms")

    def __init__(self, terms: Iterable[Term] = ()) -> None:
        self.terms = tuple(terms)
        self._key: str | None = None
        self._free: tuple[Index, ...] | None = None
        self._tensors: frozenset[Tensor] | None = None

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
                for part in parts_of(atom):
                    yield from part.atoms()

    @property
    def tensors(self) -> frozenset[Tensor]:
        """The tensors of which an entry stands anywhere."""
        if self._tensors is None:
            self._tensors = frozenset(atom.tensor for atom in self.atoms() if isinstance(atom, Entry))
        return self._tensors

    def mentions(self, tensor: Tensor) -> bool:
        """Whether an entry of ``tensor`` stands anywhere."""
        return tensor in self.tensors

    def __repr__(self) -> str:
        return self.key


def parts_of(atom: Atom) -> tuple[Form, ...]:
    """The forms inside an atom."""
    if isinstance(atom, Fn):
        return atom.args
    if isinstance(atom, Group):
        return (atom.form,)
    if isinstance(atom, Truth):
        return (atom.left, atom.right)
    return ()


def with_parts(atom: Atom, parts: tuple[Form, ...]) -> Atom:
    """The atom with other forms inside."""
    if isinstance(atom, Fn):
        return Fn(atom.op, parts, atom.primes)
    if isinstance(atom, Group):
        return Group(parts[0])
    if isinstance(atom, Truth):
        return Truth(parts[0], atom.op, parts[1])
    return atom


def change_parts(atom: Atom, change: Callable[[Form], Form]) -> Atom:
    """Apply ``change`` to the forms inside an atom; the atom itself if nothing changed."""
    parts = parts_of(atom)
    if not parts:
        return atom
    new = tuple(change(part) for part in parts)
    return atom if all(a is b for a, b in zip(parts, new, strict=True)) else with_parts(atom, new)


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
    return Term(
        left.coefficient * right.coefficient, left.factors + right.factors, left.bound + right.bound
    )


def within(outer: Term, part: Term) -> Term:
    """The product in which ``part`` stands inside the sums of ``outer``: d sum_i f_i = sum_i df_i.

    Unlike in ``times``, free indices of ``part`` that ``outer`` binds are meant to be bound.
    """
    part = opened(part)
    return Term(
        outer.coefficient * part.coefficient, outer.factors + part.factors, outer.bound + part.bound
    )


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


def as_atom(form: Form) -> Form:
    """A sum of several terms as one ``Group`` factor; a single term as it is."""
    return form if len(form.terms) <= 1 else single(Group(form))
