"""Spelling: what is spelled has the value of the index form; what is series-parallel is spelled."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from symbackprop.core.dims import Dim
from symbackprop.core.expr import Expr, Leaf
from symbackprop.core.indexed import Comprehension
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention, Facts, Index, Tensor
from symbackprop.notation.atoms import Delta, DimFactor, Entry, Fn, Group
from symbackprop.notation.entries import comprehension_of
from symbackprop.notation.forms import Atom, Factor, Form, Term, single, total
from symbackprop.notation.names import PLAIN
from symbackprop.notation.normal import normal
from symbackprop.notation.spelling import MatrixSpeller
from symbackprop.notation.text import to_text
from symbackprop.ops.registry import lookup
from symbackprop.verification.evaluate import evaluate
from symbackprop.verification.point import Point

SIZES = {"n": 2, "m": 3, "k": 4}
N, M, K = (Dim.named(name) for name in SIZES)
CONVENTIONS = (Convention.COLUMN, Convention.ROW)


def operation(name: str) -> Operation:
    found = lookup(name)
    assert found is not None
    return found


class World:
    """Tensors of one convention with values, and a speller."""

    def __init__(self, convention: Convention) -> None:
        self.convention = convention
        self.values: dict[Tensor, NDArray[np.float64]] = {}
        self.rng = np.random.default_rng(61)
        shapes = {
            "A": (N, M), "B": (M, N), "C": (M, K), "S": (N, N), "R": (N, N), "D": (K, N),
            "u": (N,), "v": (M,), "w": (K,), "x": (N,), "lam": (), "mu": (),
        }  # fmt: skip
        self.tensors = {name: self._tensor(name, shape) for name, shape in shapes.items()}
        self.speller = MatrixSpeller(convention, Leaf, operation)

    def _tensor(self, name: str, shape: tuple[Dim, ...], **facts: bool) -> Tensor:
        made = Tensor(name, shape, self.convention, facts=Facts(**facts))
        extents = [dim.evaluate(SIZES) for dim in made.oriented]
        self.values[made] = self.rng.uniform(0.3, 1.7, extents)
        return made

    def e(self, name: str, *slots: Index | int) -> Entry:
        return Entry(self.tensors[name], slots)

    def array(self, expr: Expr) -> NDArray[np.float64]:
        return np.asarray(evaluate(expr, Point(SIZES, 0, self.values)))

    def brute(self, form: Form, row: Index | None, column: Index | None) -> NDArray[np.float64]:
        """The form by einsum: no index is eliminated by us."""
        shape = [1 if place is None else place.dim.evaluate(SIZES) for place in (row, column)]
        return sum((self._term(part, row, column) for part in form.terms), np.zeros(shape))

    def _term(self, part: Term, row: Index | None, column: Index | None) -> NDArray[np.float64]:
        free = [place for place in (row, column) if place is not None]
        number = {index: place for place, index in enumerate([*free, *part.bound])}
        operands: list[object] = []
        for index, label in number.items():
            operands += [np.ones(index.dim.evaluate(SIZES)), [label]]
        scale = float(part.coefficient)
        for atom, exponent in part.factors:
            if isinstance(atom, DimFactor):
                scale *= float(atom.dim.evaluate(SIZES)) ** float(exponent)
                continue
            value = self._factor(atom) ** float(exponent)
            slots = (atom.left, atom.right) if isinstance(atom, Delta) else getattr(atom, "slots", atom.free)
            operands += [value, [number[slot] for slot in slots]]
        out = [number[place] for place in free]
        value = np.einsum(*operands, out, optimize="greedy") if operands else np.array(1.0)  # type: ignore[arg-type]
        extents = [1 if place is None else place.dim.evaluate(SIZES) for place in (row, column)]
        return np.asarray(scale * value).reshape(extents)

    def _factor(self, atom: Atom) -> NDArray[np.float64]:
        """One axis for each slot of an entry, of a delta, or for each free index of a composite."""
        if isinstance(atom, Entry):
            return self.values[atom.tensor].reshape([dim.evaluate(SIZES) for dim in atom.tensor.shape])
        if isinstance(atom, Delta):
            assert isinstance(atom.left, Index)
            return np.eye(atom.left.dim.evaluate(SIZES))
        (index,) = atom.free
        if isinstance(atom, Group):
            return self.brute(atom.form, index, None)[:, 0]
        assert isinstance(atom, Fn)
        assert atom.op.name == "tanh"
        return np.tanh(self.brute(atom.args[0], index, None)[:, 0])

    def text(self, form: Form, row: Index | None, column: Index | None) -> str | None:
        found = self.speller.spell(normal(form), row, column)
        return None if found is None else to_text(found, PLAIN)


WORLDS = {convention: World(convention) for convention in CONVENTIONS}
COLUMN, ROW = WORLDS[Convention.COLUMN], WORLDS[Convention.ROW]


def term(*factors: Factor, bound: tuple[Index, ...] = (), coefficient: Fraction | int = 1) -> Form:
    return Form((Term(Fraction(coefficient), factors, bound),))


P, Q = Index(N, "p"), Index(M, "q")
I, J, L = Index(N, "i"), Index(M, "j"), Index(K, "l")

Case = tuple[Callable[[World], Form], Index | None, Index | None]
SPELLED: dict[str, tuple[Case, str, str]] = {
    "a matrix": ((lambda t: single(t.e("A", P, Q)), P, Q), "A", "A"),
    "a transpose": ((lambda t: single(t.e("B", Q, P)), P, Q), "B^T", "B^T"),
    "a vector": ((lambda t: single(t.e("u", P)), P, None), "u", "u^T"),
    "a product": (
        (lambda t: term((t.e("A", P, J), 1), (t.e("v", J), 1), bound=(J,)), P, None),
        "A v",
        "A v^T",
    ),
    "from the left": (
        (lambda t: term((t.e("A", I, Q), 1), (t.e("u", I), 1), bound=(I,)), None, Q),
        "u^T A",
        "u A",
    ),
    "an outer product": ((lambda t: term((t.e("u", P), 1), (t.e("v", Q), 1)), P, Q), "u v^T", "u^T v"),
    "a Hadamard product": (
        (lambda t: term((t.e("A", P, Q), 1), (t.e("B", Q, P), 1)), P, Q),
        "A * B^T",
        "A * B^T",
    ),
    "an inner product": (
        (lambda t: term((t.e("u", I), 1), (t.e("x", I), 1), bound=(I,)), None, None),
        "u^T x",
        "u x^T",
    ),
    "a square": ((lambda t: term((t.e("u", I), 2), bound=(I,)), None, None), "sumsq(u)", "sumsq(u)"),
    "row sums": ((lambda t: term((t.e("A", P, J), 1), bound=(J,)), P, None), "rowsum(A)", "rowsum(A)"),
    "column sums": ((lambda t: term((t.e("A", I, Q), 1), bound=(I,)), None, Q), "colsum(A)", "colsum(A)"),
    "a trace": (
        (lambda t: term((t.e("A", I, J), 1), (t.e("B", J, I), 1), bound=(I, J)), None, None),
        "sum(A * B^T)",
        "sum(A * B^T)",
    ),
    "a diagonal matrix": ((lambda t: term((t.e("u", P), 1), (Delta(P, I), 1)), P, I), "diag(u)", "diag(u)"),
    "the identity": ((lambda t: single(Delta(P, I)), P, I), "eye(n)", "eye(n)"),
    "the entries of a diagonal": (
        (lambda t: single(t.e("S", P, P)), P, None),
        "diagonal(S)",
        "diagonal(S)^T",
    ),
    "a vector between": (
        (lambda t: term((t.e("A", P, J), 1), (t.e("v", J), 1), (t.e("B", J, I), 1), bound=(J,)), P, I),
        "A diag(v) B",
        "A diag(v) B",
    ),
    "broadcast to columns": ((lambda t: single(t.e("u", P)), P, Q), "u ones(m)^T", "u^T ones(m)"),
    "a quotient": (
        (lambda t: term((t.e("lam"), 1), (t.e("A", P, Q), 1), (DimFactor(N), -1)), P, Q),
        "lam A / n",
        "lam A / n",
    ),
    "zero": ((lambda t: Form(), P, Q), "zeros(n, m)", "zeros(n, m)"),
    "a common factor": (
        (
            lambda t: total(
                (term((t.e("lam"), 1), (t.e("u", P), 1)), term((t.e("lam"), 1), (t.e("x", P), -1)))
            ),
            P,
            None,
        ),
        "lam (u + 1/x)",
        "lam (u + 1/x)^T",
    ),
}


def _check(world: World, form: Form, row: Index | None, column: Index | None) -> Expr | None:
    """The spelling, which has the value of the form if there is one."""
    found = world.speller.spell(normal(form), row, column)
    if found is not None:
        expected = world.brute(form, row, column)
        got = np.broadcast_to(world.array(found), expected.shape)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-11)
        shape = (row.dim if row is not None else Dim(1), column.dim if column is not None else Dim(1))
        assert found.shape == shape
    return found


@pytest.mark.parametrize("name", SPELLED)
def test_spelling_under_column(name: str) -> None:
    (make, row, column), text, _ = SPELLED[name]
    assert COLUMN.text(make(COLUMN), row, column) == text
    _check(COLUMN, make(COLUMN), row, column)


@pytest.mark.parametrize("name", SPELLED)
def test_spelling_under_row(name: str) -> None:
    (make, row, column), _, text = SPELLED[name]
    assert ROW.text(make(ROW), row, column) == text
    _check(ROW, make(ROW), row, column)


# -- networks


@st.composite
def between(
    draw: st.DrawFn, world: World, row: Index, column: Index, depth: int
) -> tuple[list[Factor], list[Index]]:
    """A series-parallel network between two indices."""
    kind = draw(st.sampled_from(("edge", "edge", "series", "parallel"))) if depth else "edge"
    if kind == "parallel":
        one, other = (draw(between(world, row, column, depth - 1)) for _ in range(2))
        return one[0] + other[0], one[1] + other[1]
    names = [t for t in world.tensors.values() if {t.shape, t.shape[::-1]} & {(row.dim, column.dim)}]
    if kind == "series" or not names:
        middle = Index(draw(st.sampled_from((N, M, K))), "k")
        level = max(depth - 1, 0)
        first, second = draw(between(world, row, middle, level)), draw(between(world, middle, column, level))
        return first[0] + second[0], [*first[1], *second[1], middle]
    chosen = draw(st.sampled_from(names))
    slots = (row, column) if chosen.shape == (row.dim, column.dim) else (column, row)
    factors: list[Factor] = [(Entry(chosen, slots), draw(st.sampled_from((1, 1, 1, 2, -1))))]
    return factors, []


@st.composite
def networks(draw: st.DrawFn, world: World) -> tuple[Form, Index | None, Index | None]:
    """A term whose network is series-parallel between its two ends, either of which may be summed."""
    row = Index(draw(st.sampled_from((N, M))), "p")
    column = Index(draw(st.sampled_from((N, K))), "q")
    factors, bound = draw(between(world, row, column, 2))
    vectors = {t.shape[0]: t for t in world.tensors.values() if len(t.shape) == 1}
    places = [row, column, *bound]
    for place in draw(st.lists(st.sampled_from(places), max_size=3)):
        factors.append((Entry(vectors[place.dim], (place,)), draw(st.sampled_from((1, 1, -1)))))
    free_row, free_column = draw(st.booleans()), draw(st.booleans())
    bound += ([] if free_row else [row]) + ([] if free_column else [column])
    shuffled = draw(st.permutations(factors))
    form = term(*shuffled, bound=tuple(bound), coefficient=draw(st.sampled_from((1, -2, Fraction(1, 3)))))
    return form, row if free_row else None, column if free_column else None


@settings(max_examples=250)
@given(networks(COLUMN))
def test_every_series_parallel_network_is_spelled_under_column(
    network: tuple[Form, Index | None, Index | None],
) -> None:
    assert _check(COLUMN, *network) is not None


@settings(max_examples=250)
@given(networks(ROW))
def test_every_series_parallel_network_is_spelled_under_row(
    network: tuple[Form, Index | None, Index | None],
) -> None:
    assert _check(ROW, *network) is not None


@settings(max_examples=200)
@given(st.data())
def test_sums_of_networks_with_factors_in_common(data: st.DataObject) -> None:
    """What is pulled out in front or grouped at an end does not change the value."""
    row, column = Index(N, "p"), Index(M, "q")
    shared, own = data.draw(between(COLUMN, row, column, 1))
    parts = []
    for _ in range(data.draw(st.integers(2, 3))):
        factors, bound = data.draw(between(COLUMN, row, column, 2))
        front = shared if data.draw(st.booleans()) and not own else []
        scalars: list[Factor] = data.draw(
            st.lists(
                st.sampled_from([(COLUMN.e("lam"), 1), (COLUMN.e("mu"), -1), (DimFactor(N), -1)]), max_size=2
            )
        )
        sign = data.draw(st.sampled_from((1, -1, 2)))
        parts.append(term(*front, *factors, *scalars, bound=tuple(bound), coefficient=sign))
    assert _check(COLUMN, total(parts), row, column) is not None


@settings(max_examples=250)
@given(st.data())
def test_whatever_is_spelled_is_right(data: st.DataObject) -> None:
    """Any network at all: a wrong matrix never comes out, only a right one or none."""
    row, column = Index(N, "p"), Index(M, "q")
    bound = tuple(Index(dim, "k") for dim in data.draw(st.lists(st.sampled_from((N, M)), max_size=4)))
    known = [row, column, *bound]
    factors: list[Factor] = []
    for _ in range(data.draw(st.integers(1, 6))):
        chosen = data.draw(st.sampled_from([t for t in COLUMN.tensors.values() if K not in t.shape]))
        slots = tuple(data.draw(st.sampled_from([i for i in known if i.dim == dim])) for dim in chosen.shape)
        factors.append((Entry(chosen, slots), data.draw(st.sampled_from((1, 1, 2, -1)))))
    _check(COLUMN, term(*factors, bound=bound), row, column)


def _complete(world: World, row: Index, column: Index) -> Form:
    """Four indices, each joined to each (K4): of treewidth 3."""
    a, b = Index(N, "a"), Index(N, "b")
    pairs = [(row, column), (row, a), (row, b), (column, a), (column, b), (a, b)]
    names = ["S", "R", "S", "R", "S", "R"]
    return term(*((world.e(n, *pair), 1) for n, pair in zip(names, pairs, strict=True)), bound=(a, b))


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda w: w.convention.value)
def test_a_network_that_is_not_series_parallel_has_no_spelling(world: World) -> None:
    row, column = Index(N, "p"), Index(N, "q")
    form = _complete(world, row, column)
    assert world.speller.spell(form, row, column) is None
    written = comprehension_of(form, row, column, Leaf)
    assert isinstance(written, Comprehension)
    S, R = (world.values[world.tensors[name]] for name in "SR")
    expected = np.einsum("pq,pa,pb,qa,qb,ab->pq", S, R, S, R, S, R)
    np.testing.assert_allclose(world.array(written), expected, rtol=1e-12)


def test_without_a_free_index_it_has_none_either() -> None:
    row, column = Index(N, "p"), Index(N, "q")
    inner = _complete(COLUMN, row, column).terms[0]
    closed = Form((Term(inner.coefficient, inner.factors, (*inner.bound, row, column)),))
    assert COLUMN.speller.spell(closed, None, None) is None


def test_one_term_without_spelling_spoils_the_sum() -> None:
    row, column = Index(N, "p"), Index(N, "q")
    form = total((_complete(COLUMN, row, column), single(COLUMN.e("S", row, column))))
    assert COLUMN.speller.spell(form, row, column) is None


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda w: w.convention.value)
def test_a_symmetric_matrix_is_not_transposed(world: World) -> None:
    made = Tensor("Sigma", (N, N), world.convention, facts=Facts(symmetric=True))
    row, column = Index(N, "p"), Index(N, "q")
    found = world.speller.spell(single(Entry(made, (column, row))), row, column)
    assert found == Leaf(made)


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda w: w.convention.value)
def test_functions_of_sums_keep_their_argument(world: World) -> None:
    inner = total((term((world.e("A", P, J), 1), (world.e("v", J), 1), bound=(J,)), single(world.e("u", P))))
    form = single(Fn(operation("tanh"), (inner,)))
    assert _check(world, form, P, None) is not None
    squared = single(Group(inner), 2)
    assert _check(world, squared, P, None) is not None
