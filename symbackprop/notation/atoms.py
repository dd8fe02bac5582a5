"""The kinds of factors that stand in a term.

    Atom  = Entry | Delta | DimFactor | Position | Fn | Truth | Group | Extreme, and of whole arrays
            OfMatrix | Flat (``array_atoms``)

A ``Group`` is a sum kept together, such as (W x + b - t)_i.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from symbackprop.core.dims import Dim
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Index, Tensor
from symbackprop.notation.forms import Atom, Factor, Form, Term, single
from symbackprop.notation.slots import (
    Affine,
    Naming,
    Slot,
    gap_name,
    indices_in,
    moved,
    parts_of_slot,
    position,
    slot_name,
)


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

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensor; with h[t-1], which is the start of the recursion at the first t, that start too."""
        start = self.tensor.start
        outside = start is not None and isinstance(self.slots[0], Affine)
        return (self.tensor, start) if outside and start is not None else (self.tensor,)

    def _find_free(self) -> Iterator[Index]:
        return (index for slot in self.slots for index in indices_in(slot))

    def write(self, names: Naming) -> str:
        parts = [slot_name(slot, names) for slot in self.slots]
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
            return min(gap_name(self.left, self.right, names), gap_name(self.right, self.left, names))
        return "D[" + ",".join(sorted((slot_name(self.left, names), slot_name(self.right, names)))) + "]"

    def rename(self, change: Mapping[Index, Slot]) -> Atom:
        left, right = moved(self.left, change), moved(self.right, change)
        same = left is self.left and right is self.right
        return self if same else Delta(left, right, open=self.open)


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
        return f"P[{slot_name(self.index, names)}]"

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

    @property
    def parts(self) -> tuple[Form, ...]:
        return self.args

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        return Fn(self.op, parts, self.primes)

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

    @property
    def parts(self) -> tuple[Form, ...]:
        return (self.left, self.right)

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        return Truth(parts[0], self.op, parts[1])

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

    @property
    def parts(self) -> tuple[Form, ...]:
        return (self.form,)

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        return Group(parts[0])

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

    @property
    def parts(self) -> tuple[Form, ...]:
        return (self.form,)

    def with_parts(self, parts: tuple[Form, ...]) -> Atom:
        return Extreme(self.kind, parts[0], self.bound, self.where)

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


def strict(form: Form) -> Form:
    """The form with S[i, j] = S[j, i] for symmetric S."""
    return Form(
        Term(term.coefficient, tuple((_strict(atom), e) for atom, e in term.factors), term.bound)
        for term in form.terms
    )


def _strict(atom: Atom) -> Atom:
    if isinstance(atom, Entry):
        return Entry(atom.tensor, atom.slots) if atom.loose else atom
    return atom.map_parts(strict)


def as_atom(form: Form) -> Form:
    """A sum of several terms as one ``Group`` factor; a single term as it is."""
    return form if len(form.terms) <= 1 else single(Group(form))


def form_of(atom: Atom) -> Form:
    """An atom as a form, a group by its terms: the other way round than ``as_atom``."""
    return atom.form if isinstance(atom, Group) else single(atom)
