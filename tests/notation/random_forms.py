"""Random index forms, ways to write them differently, and their values by brute force."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from symbackprop.core.dims import Dim
from symbackprop.core.tensors import Convention, Index, Tensor
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Fn, Group, Position, Truth
from symbackprop.notation.forms import Atom, Factor, Form, Term
from symbackprop.notation.slots import Slot
from symbackprop.ops.registry import Elementwise, lookup

SIZES = {"n": 2, "m": 3}
N, M = Dim.named("n"), Dim.named("m")
ROW, COLUMN = Index(N, "p"), Index(M, "q")


def tensor(name: str, *dims: Dim) -> Tensor:
    return Tensor(name, dims, Convention.COLUMN)


A, B, S = tensor("A", N, M), tensor("B", M, N), tensor("S", N, N)
u, v, w, lam = tensor("u", N), tensor("v", M), tensor("w", N), tensor("lam")
TENSORS = (A, B, S, u, v, w, lam)


def _exp() -> Elementwise:
    op = lookup("exp")
    assert isinstance(op, Elementwise)
    return op


EXP = _exp()


@dataclass
class Point:
    """Values of tensors; positions of indices."""

    values: dict[Tensor, NDArray[np.float64]] = field(default_factory=dict)

    def form(self, form: Form, at: dict[Index, int]) -> float:
        return sum(self.term(term, at) for term in form.terms)

    def term(self, term: Term, at: dict[Index, int]) -> float:
        ranges = [range(index.dim.evaluate(SIZES)) for index in term.bound]
        total = 0.0
        for places in itertools.product(*ranges):
            here = {**at, **dict(zip(term.bound, places, strict=True))}
            factors = [self.atom(atom, here) ** float(e) for atom, e in term.factors]
            total += float(np.prod(factors)) if factors else 1.0
        return float(term.coefficient) * total

    def atom(self, atom: Atom, at: dict[Index, int]) -> float:
        if isinstance(atom, Entry):
            return float(self.values[atom.tensor][tuple(_place(slot, at) for slot in atom.slots)])
        if isinstance(atom, Delta):
            return float(_place(atom.left, at) == _place(atom.right, at))
        if isinstance(atom, DimFactor):
            return float(atom.dim.evaluate(SIZES))
        if isinstance(atom, Position):
            return float(at[atom.index] + 1)
        if isinstance(atom, Fn):
            assert atom.op is EXP
            return float(np.exp(self.form(atom.args[0], at)))
        if isinstance(atom, Group):
            return self.form(atom.form, at)
        assert isinstance(atom, Truth)
        return float(self.form(atom.left, at) > self.form(atom.right, at))

    def array(self, form: Form, row: Index | None, column: Index | None) -> NDArray[np.float64]:
        """The entries for all positions of the free indices."""
        rows = range(row.dim.evaluate(SIZES) if row is not None else 1)
        columns = range(column.dim.evaluate(SIZES) if column is not None else 1)
        free = [index for index in (row, column) if index is not None]

        def entry(i: int, j: int) -> float:
            places = [place for index, place in ((row, i), (column, j)) if index is not None]
            return self.form(form, dict(zip(free, places, strict=True)))

        return np.array([[entry(i, j) for j in columns] for i in rows])


def _place(slot: Slot, at: dict[Index, int]) -> int:
    return slot - 1 if isinstance(slot, int) else at[slot]


def point(seed: int = 5) -> Point:
    rng = np.random.default_rng(seed)
    return Point({t: rng.uniform(0.3, 1.9, [dim.evaluate(SIZES) for dim in t.shape]) for t in TENSORS})


# -- strategies


def _slots(dims: tuple[Dim, ...], known: list[Index]) -> st.SearchStrategy[tuple[Index, ...]]:
    return st.tuples(*(st.sampled_from([i for i in known if i.dim == dim]) for dim in dims))


@st.composite
def atoms(draw: st.DrawFn, known: list[Index], depth: int) -> Atom:
    """An atom over the indices ``known`` (both dims stand among them)."""
    kinds = ["entry"] * 5 + ["delta", "dim"] + (["exp", "group", "group"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "entry":
        chosen = draw(st.sampled_from(TENSORS))
        return Entry(chosen, draw(_slots(chosen.shape, known)))
    if kind == "delta":
        dim = draw(st.sampled_from((N, M)))
        left, right = draw(_slots((dim, dim), known))
        return Delta(left, right)
    if kind == "dim":
        return DimFactor(draw(st.sampled_from((N, M))))
    if kind == "exp":
        return Fn(EXP, (Form((Term(Fraction(1), ((draw(atoms(known, 0)), 1),)),)),))
    return Group(Form(draw(st.lists(terms(known, depth - 1), min_size=1, max_size=2))))


@st.composite
def terms(draw: st.DrawFn, free: list[Index], depth: int = 1) -> Term:
    """A term whose free indices are among ``free``."""
    dims = draw(st.lists(st.sampled_from((N, M)), max_size=3 if depth else 1))
    bound = tuple(Index(dim, "k") for dim in dims)
    known = [*free, *bound]
    factors: list[Factor] = []
    for _ in range(draw(st.integers(0, 4 if depth else 2))):
        atom = draw(atoms(known, depth))
        whole = st.sampled_from((1, 1, 1, 2)) if isinstance(atom, Delta) else st.sampled_from((1, 1, 2, -1))
        factors.append((atom, draw(whole)))
    factors = [(a, 1 if isinstance(a, Delta) or (isinstance(a, Group) and e < 0) else e) for a, e in factors]
    coefficient = Fraction(draw(st.sampled_from((1, 2, -1, -3))), draw(st.sampled_from((1, 1, 2))))
    return Term(coefficient, tuple(factors), bound)


def forms(depth: int = 1) -> st.SearchStrategy[Form]:
    """A form over the free indices ROW and COLUMN."""
    return st.lists(terms([ROW, COLUMN], depth), min_size=1, max_size=3).map(Form)


def rewritten(form: Form, rng: np.random.Generator) -> Form:
    """The same form with other bound indices and everything that commutes in another order."""
    return Form(_rewritten_term(form.terms[i], rng) for i in rng.permutation(len(form.terms)))


def _rewritten_term(term: Term, rng: np.random.Generator) -> Term:
    change: dict[Index, Slot] = {index: Index(index.dim, str(rng.integers(9))) for index in term.bound}
    factors = [(_rewritten_atom(atom, rng).rename(change), e) for atom, e in term.factors]
    order = rng.permutation(len(factors))
    bound = [index for index in (change[i] for i in term.bound) if isinstance(index, Index)]
    shuffled = tuple(bound[i] for i in rng.permutation(len(bound)))
    return Term(term.coefficient, tuple(factors[i] for i in order), shuffled)


def _rewritten_atom(atom: Atom, rng: np.random.Generator) -> Atom:
    if isinstance(atom, Group):
        return Group(rewritten(atom.form, rng))
    if isinstance(atom, Fn):
        return Fn(atom.op, tuple(rewritten(arg, rng) for arg in atom.args), atom.primes)
    if isinstance(atom, Delta) and rng.random() < 0.5:
        return Delta(atom.right, atom.left)
    return atom
