"""Index forms: sums of products of indexed factors, the notation in which derivatives are taken.

    Form  = tuple of Terms
    Term  = rational coefficient, factors (atom, rational exponent), bound indices
    Atom  = Entry | Delta | DimFactor | Fn | Group | Truth | Extreme | OfMatrix | Flat

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
from dataclasses import dataclass, replace
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, IndexValue, Operation
from symbackprop.core.tensors import Index, Tensor


@dataclass(frozen=True, slots=True)
class Affine:
    """A position computed from others: ``offset + sum of coefficient * index``.

    Made by ``position`` only: a lone index is an ``Index``, a number an ``int``.
    """

    parts: tuple[tuple[Index, int], ...]
    offset: Dim


Slot = Index | int | Affine
Naming = Mapping[Index, str]
Exponent = Fraction | int


def parts_of_slot(slot: Slot) -> tuple[tuple[tuple[Index, int], ...], Dim]:
    """A slot as coefficients and offset."""
    if isinstance(slot, Affine):
        return slot.parts, slot.offset
    return (((slot, 1),), Dim(0)) if isinstance(slot, Index) else ((), Dim(slot))


def position(parts: Iterable[tuple[Index, int]], offset: Dim) -> Slot:
    """The slot ``offset + sum of coefficient * index``, like indices collected."""
    total: dict[Index, int] = {}
    for index, coefficient in parts:
        total[index] = total.get(index, 0) + coefficient
    kept = tuple((index, coefficient) for index, coefficient in total.items() if coefficient)
    if not kept and offset.is_number:
        return offset.constant
    if len(kept) == 1 and kept[0][1] == 1 and offset == Dim(0):
        return kept[0][0]
    return Affine(kept, offset)


def indices_in(slot: Slot) -> tuple[Index, ...]:
    """The indices that stand in a slot."""
    if isinstance(slot, Index):
        return (slot,)
    return tuple(index for index, _ in slot.parts) if isinstance(slot, Affine) else ()


def moved(slot: Slot, change: Mapping[Index, Slot]) -> Slot:
    """The slot with indices replaced."""
    if isinstance(slot, Index):
        return change.get(slot, slot)
    if isinstance(slot, int) or not any(index in change for index, _ in slot.parts):
        return slot
    parts: list[tuple[Index, int]] = []
    offset = slot.offset
    for index, coefficient in slot.parts:
        inner, constant = parts_of_slot(change.get(index, index))
        offset = offset + constant * coefficient
        parts.extend((other, factor * coefficient) for other, factor in inner)
    return position(parts, offset)


def fresh(like: Index) -> Index:
    """A new index with the dim and letter of ``like``: the only source of new bound indices."""
    return Index(like.dim, like.letter)


def _slot_name(slot: Slot, names: Naming) -> str:
    if isinstance(slot, int):
        return str(slot)
    if isinstance(slot, Affine):
        parts = sorted(f"{c}*{_slot_name(index, names)}" for index, c in slot.parts)
        return f"({'+'.join(parts)};{slot.offset})"
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
    """T[i, j]: one slot per axis of T that carries an index.

    ``loose``: S[i, j] and S[j, i] of a symmetric S count as two, as they do where S is differentiated by.
    """

    __slots__ = ("loose", "slots", "tensor")

    def __init__(self, tensor: Tensor, slots: tuple[Slot, ...], *, loose: bool = False) -> None:
        super().__init__()
        self.tensor = tensor
        self.slots = slots
        self.loose = loose

    def _find_free(self) -> Iterator[Index]:
        return (index for slot in self.slots for index in indices_in(slot))

    def write(self, names: Naming) -> str:
        parts = [_slot_name(slot, names) for slot in self.slots]
        if len(parts) == 2 and not self.loose and self.tensor.is_symmetric:
            parts.sort()
        return f"E{self.tensor.serial}[{','.join(parts)}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        slots = tuple([moved(slot, change) for slot in self.slots])
        return self if slots == self.slots else Entry(self.tensor, slots, loose=self.loose)


class Delta(Atom):
    """[i = j], the Kronecker delta.

    ``open``: nothing says that there is such a j, as where an entry of a, b end to end need not be one of a.
    """

    __slots__ = ("left", "open", "right")

    def __init__(self, left: Slot, right: Slot, *, open: bool = False) -> None:  # noqa: A002
        super().__init__()
        self.left = left
        self.right = right
        self.open = open

    def _find_free(self) -> Iterator[Index]:
        return (index for slot in (self.left, self.right) for index in indices_in(slot))

    def write(self, names: Naming) -> str:
        if isinstance(self.left, Affine) or isinstance(self.right, Affine):
            return min(_gap_name(self.left, self.right, names), _gap_name(self.right, self.left, names))
        return "D[" + ",".join(sorted((_slot_name(self.left, names), _slot_name(self.right, names)))) + "]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        left, right = moved(self.left, change), moved(self.right, change)
        same = left is self.left and right is self.right
        return self if same else Delta(left, right, open=self.open)


def gap_of(left: Slot, right: Slot) -> tuple[tuple[tuple[Index, int], ...], Dim]:
    """``left - right`` as coefficients and offset."""
    (mine, own), (theirs, other) = parts_of_slot(left), parts_of_slot(right)
    total: dict[Index, int] = dict(mine)
    for index, coefficient in theirs:
        total[index] = total.get(index, 0) - coefficient
    return tuple((index, c) for index, c in total.items() if c), own - other


def _gap_name(left: Slot, right: Slot, names: Naming) -> str:
    parts, offset = gap_of(left, right)
    return f"D[{'+'.join(sorted(f'{c}*{_slot_name(i, names)}' for i, c in parts))};{offset}]"


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
        if isinstance(new, Index):
            return self if new is self.index else Position(new)
        return Group(number_of(new))


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


class Extreme(Atom):
    """The largest (or smallest) of ``form`` over ``bound``: "max" or "min"; or the product of all: "prod".

    ``where`` are conditions on the bound indices; a product has one bound index.
    """

    __slots__ = ("bound", "form", "kind", "where")

    def __init__(
        self, kind: str, form: Form, bound: tuple[Index, ...], where: tuple[Truth, ...] = ()
    ) -> None:
        super().__init__()
        self.kind = kind
        self.form = form
        self.bound = bound
        self.where = where

    @property
    def _whole(self) -> Term:
        """All that the bound indices stand in, as one term."""
        factors: tuple[Factor, ...] = ((Group(self.form), 1), *((truth, 1) for truth in self.where))
        return Term(Fraction(1), factors, self.bound)

    def _find_free(self) -> Iterator[Index]:
        return iter(self._whole.free)

    def write(self, names: Naming) -> str:
        return f"X{self.kind}({self._whole.write(names)})"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        whole = self._whole.rename(change)
        inner, where = whole.factors[0][0], [atom for atom, _ in whole.factors[1:]]
        assert isinstance(inner, Group)
        truths = tuple(atom for atom in where if isinstance(atom, Truth))
        return Extreme(self.kind, inner.form, whole.bound, truths)


class OfMatrix(Atom):
    """An entry of a function of a whole matrix: inv(A)[i, j]; or a number: det(A), logdet(A).

    ``form`` is entry (row, column) of the matrix, ``expr`` the matrix as it is printed; ``slots`` is empty
    for a number. ``row`` and ``column`` are bound in it.
    """

    __slots__ = ("column", "expr", "form", "op", "row", "slots")

    def __init__(
        self, op: Operation, expr: Expr, form: Form, sides: tuple[Index, Index], slots: tuple[Slot, ...]
    ) -> None:
        super().__init__()
        self.op = op
        self.expr = expr
        self.form = form
        self.row, self.column = sides
        self.slots = slots

    def _find_free(self) -> Iterator[Index]:
        for slot in self.slots:
            yield from indices_in(slot)
        yield from (index for index in self.form.free if index not in (self.row, self.column))

    def write(self, names: Naming) -> str:
        """The matrix with its places named; a symmetric one has a symmetric inverse."""
        depth = len(names)
        there = {**names, self.row: f"r{depth}", self.column: f"c{depth}"}
        back = {**names, self.row: f"c{depth}", self.column: f"r{depth}"}
        inner = self.form.write(there)
        slots = [_slot_name(slot, names) for slot in self.slots]
        if inner == self.form.write(back):
            slots.sort()
        return f"M{self.op.name}({inner})[{','.join(slots)}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        kept = {i: s for i, s in change.items() if i is not self.row and i is not self.column}
        slots = tuple(moved(slot, kept) for slot in self.slots)
        form, expr = self.form, self.expr
        if any(index in kept for index in form.free):
            form, expr = form.rename(kept), replaced_in(expr, kept)
        return OfMatrix(self.op, expr, form, (self.row, self.column), slots)


class Flat(Atom):
    """1 where two arrays that hold the same numbers row by row have the same place: reshape.

    ``(i - 1) columns + j`` counts a place (i, j); each side is two slots (None: that side has extent 1) and
    the number of its columns.
    """

    __slots__ = ("left", "right", "wide")

    def __init__(
        self,
        left: tuple[Slot | None, Slot | None],
        right: tuple[Slot | None, Slot | None],
        wide: tuple[Dim, Dim],
    ) -> None:
        super().__init__()
        self.left = left
        self.right = right
        self.wide = wide

    def _find_free(self) -> Iterator[Index]:
        for slot in (*self.left, *self.right):
            if slot is not None:
                yield from indices_in(slot)

    def write(self, names: Naming) -> str:
        sides = [
            ",".join("" if slot is None else _slot_name(slot, names) for slot in side) + f":{wide}"
            for side, wide in zip((self.left, self.right), self.wide, strict=True)
        ]
        return f"R[{'|'.join(sorted(sides))}]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        left, right = (
            tuple(None if slot is None else moved(slot, change) for slot in side)
            for side in (self.left, self.right)
        )
        return Flat((left[0], left[1]), (right[0], right[1]), self.wide)


def replaced_in(expr: Expr, change: Mapping[Index, Slot]) -> Expr:
    """The expression with free indices replaced."""
    if isinstance(expr, IndexValue):
        if not any(index in change for index, _ in expr.indices):
            return expr
        offset, parts = expr.offset, dict[Index, int]()
        for index, coefficient in expr.indices:
            inner, constant = parts_of_slot(change.get(index, index))
            offset = offset + constant * coefficient
            for other, factor in inner:
                parts[other] = parts.get(other, 0) + factor * coefficient
        return replace(expr, indices=tuple((i, c) for i, c in parts.items() if c), offset=offset)
    return expr.map_children(lambda child: replaced_in(child, change))


def number_of(slot: Slot) -> Form:
    """A slot as a number (one-based)."""
    parts, offset = parts_of_slot(slot)
    terms = [Term(Fraction(c), ((Position(index), 1),)) for index, c in parts]
    terms.extend(Term(Fraction(c), ((DimFactor(Dim.named(name)), 1),)) for name, c in offset.coefficients)
    if offset.constant:
        terms.append(Term(Fraction(offset.constant)))
    return Form(terms)


def slot_of(form: Form) -> Slot | None:
    """The position that a form is as a number, the other way round than ``number_of``; None if it is none."""
    parts: list[tuple[Index, int]] = []
    offset = Dim(0)
    for term in form.terms:
        if term.bound or term.coefficient.denominator != 1 or len(term.factors) > 1:
            return None
        factor = int(term.coefficient)
        atom, exponent = term.factors[0] if term.factors else (None, 1)
        if exponent != 1:
            return None
        if atom is None:
            offset = offset + factor
        elif isinstance(atom, Position):
            parts.append((atom.index, factor))
        elif isinstance(atom, DimFactor):
            offset = offset + atom.dim * factor
        else:
            return None
    return position(parts, offset)


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
                for part in parts_of(atom):
                    yield from part.atoms()

    @property
    def tensors(self) -> frozenset[Tensor]:
        """The tensors of which an entry stands anywhere."""
        if self._tensors is None:
            entries = [atom for atom in self.atoms() if isinstance(atom, Entry)]
            found = {atom.tensor for atom in entries}
            for atom in entries:  # h[t-1] at the first t is the start of the recursion
                if atom.tensor.start is not None and isinstance(atom.slots[0], Affine):
                    found.add(atom.tensor.start)
            self._tensors = frozenset(found)
        return self._tensors

    def mentions(self, tensor: Tensor) -> bool:
        """Whether an entry of ``tensor`` stands anywhere."""
        return tensor in self.tensors

    def __repr__(self) -> str:
        return self.key


def parts_of(atom: Atom) -> tuple[Form, ...]:
    """The forms inside an atom."""
    if isinstance(atom, Entry):  # most are
        return ()
    if isinstance(atom, Fn):
        return atom.args
    if isinstance(atom, Group):
        return (atom.form,)
    if isinstance(atom, Truth):
        return (atom.left, atom.right)
    if isinstance(atom, Extreme | OfMatrix):
        return (atom.form,)
    return ()


def with_parts(atom: Atom, parts: tuple[Form, ...]) -> Atom:
    """The atom with other forms inside."""
    if isinstance(atom, Fn):
        return Fn(atom.op, parts, atom.primes)
    if isinstance(atom, Group):
        return Group(parts[0])
    if isinstance(atom, Truth):
        return Truth(parts[0], atom.op, parts[1])
    if isinstance(atom, Extreme):
        return Extreme(atom.kind, parts[0], atom.bound, atom.where)
    if isinstance(atom, OfMatrix):
        return OfMatrix(atom.op, atom.expr, parts[0], (atom.row, atom.column), atom.slots)
    return atom


def strict(form: Form) -> Form:
    """The form with S[i, j] = S[j, i] for symmetric S."""
    return Form(
        Term(term.coefficient, tuple((_strict(atom), e) for atom, e in term.factors), term.bound)
        for term in form.terms
    )


def _strict(atom: Atom) -> Atom:
    if isinstance(atom, Entry):
        return Entry(atom.tensor, atom.slots) if atom.loose else atom
    return change_parts(atom, strict)


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


def as_atom(form: Form) -> Form:
    """A sum of several terms as one ``Group`` factor; a single term as it is."""
    return form if len(form.terms) <= 1 else single(Group(form))
