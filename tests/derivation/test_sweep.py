"""One cotangent a node, accumulated once; results that do not depend on names or order; steps that chain."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from symbackprop.core.expr import Expr, Partial
from symbackprop.core.indexed import Element
from symbackprop.core.tensors import Index
from symbackprop.errors import InputError
from symbackprop.notation.formula import Formula
from symbackprop.notation.steps import Step
from symbackprop.pipeline import Derivation, Problem
from symbackprop.reading.formulas import read_formula
from symbackprop.verification.free import free_indices
from tests.derivation.networks import every, gradient, network, proven


@dataclass(frozen=True)
class Case:
    """A network and the names to differentiate by."""

    symbols: str
    forward: str
    by: str
    convention: str = "column"


CASES: dict[str, Case] = {
    "tied weights": Case(
        "W: n n parameter; x: n input; t: n target", "h = tanh(W x); y = W^T h; L = sumsq(y - t)", "W h x y"
    ),
    "a weight used three times": Case(
        "W: n n parameter; x: n input; t: n target",
        "a = tanh(W x); b = tanh(W a); c = W b; L = sumsq(c - t)",
        "W a b c x",
    ),
    "a residual block": Case(
        "W: n n parameter; V: n n parameter; x: n input; t: n target",
        "a = W x; h = a + relu(V a); L = sumsq(h - t)",
        "W V a h x",
    ),
    "one node, three uses": Case(
        "W: n m parameter; x: m input; V: n n parameter; t: n target",
        "h = tanh(W x); y = h * (V h) + h; L = sumsq(y - t) + sum(h)",
        "W V h y",
    ),
    "a loss with two heads": Case(
        "X: N D input; W: D K parameter; V: D M parameter; Y: N K target one_hot; T: N M target;"
        " lam: constant",
        "Z = X W; P = softmax(Z); R = X V; A = cross_entropy(Y, P)/N; B = sse(R, T); L = A + lam B",
        "W V X R Z A B lam",
        "row",
    ),
    "layer norm": Case(
        "A: n m parameter; T: n m input",
        "C = A - rowmean(A); v = rowmean(C * C); Y = C / sqrt(v + 1/10); L = sum(Y * T)",
        "Y v C A",
        "row",
    ),
    "attention": Case(
        "Q: n d parameter; K: n d parameter; V: n m parameter; T: n m input",
        "S = Q K^T / sqrt(d); A = softmax(S); Y = A V; L = sum(Y * T)",
        "Y A S Q K V",
        "row",
    ),
    "quadratic forms": Case(
        "A: n n parameter; x: n parameter; B: n n input symmetric", "L = x^T A x + x^T B x", "x A"
    ),
    "a trace": Case("A: n m parameter; B: m n parameter; C: n n parameter", "L = trace(A B C)", "A B C"),
    "diagonals": Case(
        "s: n parameter; B: n m parameter; C: n n parameter",
        "L = sumsq(diag(s) B) + sum(diagonal(C) * s)",
        "s B C",
    ),
    "outer": Case("u: n parameter; v: m parameter; C: n m input", "L = sum(outer(u, v) * C)^2", "u v"),
    "a quotient of norms": Case("A: n m parameter; B: n m parameter", "L = norm(A - B)/norm(B)", "A B"),
    "scalars": Case("a: parameter; b: parameter", "c = a*b; L = c^2 + a", "a b c"),
    "powers": Case("a: n parameter positive; b: parameter", "L = sum(a^b)", "a b"),
    "an extent of 1": Case("A: n 1 parameter; b: m parameter; W: m n input", "L = sumsq(W A + b)", "A b"),
    "a bias that is a matrix": Case(
        "A: n m parameter; b: n parameter; c: m 1 input", "L = sumsq(A c + b)", "A b"
    ),
    "hinge": Case(
        "w: d parameter; X: d N input; y: N target", "s = X^T w; L = hinge(y, s) + sumsq(w)/2", "w s"
    ),
    "huber": Case("w: d parameter; X: d N input; y: N target", "s = X^T w; L = huber(y, s, 0.7)", "w s"),
    "a matrix normalised by its column sums": Case(
        "A: n m parameter positive; T: n m input", "P = A / colsum(A); L = sum(P * T)", "A P"
    ),
    "a diagonal matrix as a node": Case(
        "d: n parameter; c: n parameter; S: n n input", "B = diag(d); L = sum(B * S) + sumsq(B c)", "d c B"
    ),
    "a diagonal between vectors": Case(
        "d: n parameter; c: n parameter; S: n n input", "L = d^T diag(d) c + c^T diag(d) S d", "d c"
    ),
    "the identity": Case(
        "S: n n parameter; d: n parameter", "B = S + eye(n); L = sum(B * S) + d^T eye(n) d", "S d B"
    ),
    "a diagonal taken away": Case(
        "S: n n parameter; d: n parameter", "B[i,j] = S[i,j] - ind(i = j) d[i]; L = sumsq(B)", "S d B"
    ),
    "two indicators": Case(
        "S: n n parameter; d: n parameter",
        "L = sum[i,j,k](d[i] ind(i = j) S[j,k] ind(k = i)) + sum[i,j](ind(i != j) S[i,j] d[j])",
        "S d",
    ),
    "entries by hand": Case(
        "A: n m parameter; u: n parameter; v: m parameter",
        "B[j,i] = A[i,j] u[i] - v[j]; L = sum[i,j](B[i,j]^2)",
        "A u v B",
    ),
}
PAIRS = [(name, by) for name, case in CASES.items() for by in case.by.split()]


@cache
def problem_of(name: str) -> Problem:
    case = CASES[name]
    return network(case.convention, case.symbols, case.forward)


def _derivation(name: str, by: str) -> Derivation:
    return problem_of(name).derive("L", by)


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_every_line_holds(name: str, by: str) -> None:
    assert proven(problem_of(name), by) == []


# -- one quantity for one node


def _quantities(steps: tuple[Step, ...]) -> list[Partial]:
    return [step.quantity for step in steps if step.quantity is not None]


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_a_node_is_worked_on_once(name: str, by: str) -> None:
    """The steps of one quantity stand together, and no quantity comes back."""
    runs = [key for key, _ in itertools.groupby(_quantities(_derivation(name, by).steps))]
    assert len(runs) == len(set(runs))


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_what_a_line_rests_on_comes_before_it(name: str, by: str) -> None:
    derivation = _derivation(name, by)
    known: set[Expr] = set()
    for step in derivation.steps:
        assert step.quantity is not None
        used = {node for node in step.after.expr.walk() if isinstance(node, Partial)} - {step.quantity}
        assert used <= known
        known.add(step.quantity)


def test_the_parts_of_a_shared_node_are_added() -> None:
    problem = problem_of("one node, three uses")
    derivation = problem.derive("L", "h")
    assert derivation.text == "dL/dy * (V h + 1) + V^T (dL/dy * h) + 1"
    reasons = [step.because for step in derivation.steps if step.quantity == derivation.derived.partial]
    assert "`h` enters through `y` and `L`; the parts add up" in reasons


def test_tied_weights_have_the_sum_of_both_gradients() -> None:
    tied = problem_of("tied weights")
    free = network(
        "column",
        "W: n n parameter; V: n n parameter; x: n input; t: n target",
        "h = tanh(W x); y = V^T h; L = sumsq(y - t)",
    )
    rng = np.random.default_rng(41)
    arrays = {"W": rng.normal(size=(4, 4)), "x": rng.normal(size=4), "t": rng.normal(size=4)}
    both = {**arrays, "V": arrays["W"]}
    np.testing.assert_allclose(
        gradient(tied, arrays, "W"), gradient(free, both, "W") + gradient(free, both, "V"), rtol=1e-12
    )


def test_a_residual_block_by_hand() -> None:
    rng = np.random.default_rng(43)
    a = {
        "W": rng.normal(size=(3, 3)),
        "V": rng.normal(size=(3, 3)),
        "x": rng.normal(size=3),
        "t": rng.normal(size=3),
    }
    z = a["W"] @ a["x"]
    u = a["V"] @ z
    dh = 2 * (z + np.maximum(u, 0) - a["t"])
    dz = dh + a["V"].T @ (dh * (u > 0))
    problem = problem_of("a residual block")
    np.testing.assert_allclose(gradient(problem, a, "a"), dz, rtol=1e-12)
    np.testing.assert_allclose(gradient(problem, a, "W"), np.outer(dz, a["x"]), rtol=1e-12)
    assert problem.derive("L", "a").text == "dL/dh + V^T (dL/dh * relu'(V a))"


def test_the_number_of_steps_grows_with_depth_not_with_paths() -> None:
    """A ladder of n residual nodes has 2^n paths."""

    def ladder(depth: int) -> int:
        lines = [f"h{i} = h{i - 1} + tanh(W h{i - 1})" for i in range(1, depth + 1)]
        text = "h0 = W x; " + "; ".join(lines) + f"; L = sumsq(h{depth})"
        problem = network("column", "W: n n parameter; x: n input", text)
        return len(problem.derive("L", "x").steps)

    assert ladder(8) - ladder(6) == ladder(6) - ladder(4)


# -- no influence


@pytest.mark.parametrize(("by", "shape"), [("V", ("n", "k")), ("u", ("n",)), ("s", ())])
def test_a_name_without_influence_has_the_gradient_zero(by: str, shape: tuple[str, ...]) -> None:
    problem = network(
        "column",
        "W: n m parameter; x: m input; V: n k parameter; s: parameter; v: k input; t: n target",
        "y = W x; u = V v; L = sumsq(y - t)",
    )
    derivation = problem.derive("L", by)
    assert derivation.shape == shape
    sizes = {"n": 3, "m": 2, "k": 4}
    rng = np.random.default_rng(3)
    shapes = {"W": (3, 2), "x": (2,), "V": (3, 4), "s": (), "v": (4,), "t": (3,)}
    arrays = {name: rng.normal(size=extents) for name, extents in shapes.items()}
    value = np.asarray(derivation.numpy()(arrays))
    assert value.shape == tuple(sizes[dim] for dim in shape)
    assert not value.any()
    assert [step.because for step in derivation.steps] == [f"`{by}` does not influence `L`"]
    assert proven(problem, by) == []


@pytest.mark.parametrize("of", ["y", "W"])
def test_a_gradient_is_taken_of_a_scalar(of: str) -> None:
    problem = network("column", "W: n m parameter; x: m input", "y = W x; L = sumsq(y)")
    with pytest.raises(InputError, match="is not a scalar") as caught:
        problem.derive(of, "x")
    assert caught.value.code == "shape"


def test_the_derivative_of_the_loss_by_itself_is_one() -> None:
    derivation = problem_of("tied weights").derive("L", "L")
    assert derivation.text == "1"


# -- no matrix spelling


# K4 as the network of the term: every index meets every other.
TANGLED = "L = sum[i,j,k,l](A[i,j] B[i,k] C[i,l] D[j,k] E[j,l] F[k,l])"


def test_without_a_spelling_the_entries_are_given() -> None:
    symbols = "; ".join(f"{name}: n n parameter" for name in "ABCDEF")
    problem = network("column", symbols, TANGLED)
    derivation = problem.derive("L", "A")
    assert derivation.is_entrywise
    assert len(derivation.indices) == 2
    assert proven(problem, "A") == []
    rng = np.random.default_rng(47)
    arrays = {name: rng.normal(size=(3, 3)) for name in "ABCDEF"}
    expected = np.einsum("ik,il,jk,jl,kl->ij", *(arrays[name] for name in "BCDEF"))
    np.testing.assert_allclose(derivation.numpy()(arrays), expected, rtol=1e-12)


# -- steps


def _chains(steps: tuple[Step, ...]) -> list[list[Step]]:
    """The lines of each quantity that begin with its derivative, without those about one entry."""
    groups = itertools.groupby(steps, key=lambda step: step.quantity)
    kept = []
    for _, group in groups:
        lines = [s for s in group if s.rule != "log-of-quotient" and not isinstance(s.before.expr, Element)]
        kept.append(lines)
    return [lines for lines in kept if lines]


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_a_line_goes_on_where_the_last_one_ended(name: str, by: str) -> None:
    for lines in _chains(_derivation(name, by).steps):
        assert lines[0].before.expr == lines[0].quantity
        for first, second in itertools.pairwise(lines):
            assert second.before.expr == first.after.expr


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_the_last_line_is_the_result(name: str, by: str) -> None:
    derivation = _derivation(name, by)
    assert derivation.steps[-1].after.expr == derivation.formula.expr
    assert derivation.steps[-1].after.text == derivation.text
    assert derivation.steps[-1].quantity == derivation.derived.partial


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_every_line_changes_something(name: str, by: str) -> None:
    for step in every(_derivation(name, by).steps):
        assert step.before.expr != step.after.expr


FORBIDDEN = re.compile(
    r"clearly|obvious|trivial|simply|dimensions? match|shapes? (match|fit|agree)", re.IGNORECASE
)


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_every_line_has_a_reason(name: str, by: str) -> None:
    for step in every(_derivation(name, by).steps):
        assert step.because.strip()
        assert FORBIDDEN.search(step.because) is None
        assert step.because.count("`") % 2 == 0
        assert step.rule


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_every_line_gives_the_shapes_of_its_names(name: str, by: str) -> None:
    graph = problem_of(name).spec.graph
    for step in every(_derivation(name, by).steps):
        for spelled, dims in step.shapes.items():
            tensor = graph.tensors[spelled.rsplit("/d", maxsplit=1)[-1]]
            assert dims == tuple(str(dim) for dim in tensor.shape)
        names = {n.by.name for n in step.after.expr.walk() if isinstance(n, Partial) and n.by.shape}
        assert {f"dL/d{name}" for name in names} <= set(step.shapes)


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_both_sides_of_a_line_have_one_shape(name: str, by: str) -> None:
    for step in every(_derivation(name, by).steps):
        assert step.before.expr.shape == step.after.expr.shape or step.after.text == "0"


# -- what is printed can be read


def _letters(step: Step) -> dict[str, Index]:
    """The free indices of a line, by letter: who reads a line knows those of its left side."""
    found = (*free_indices(step.before.expr), *free_indices(step.after.expr))
    return {index.letter: index for index in found}


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_every_printed_line_is_read_back(name: str, by: str) -> None:
    """As written it means what we meant: the same value, and the same text again."""
    problem = problem_of(name)
    graph, verifier = problem.spec.graph, problem.context.verifier
    for step in every(_derivation(name, by).steps):
        letters = _letters(step)
        for formula in (step.before, step.after):
            again = read_formula(formula.text, graph, indices=letters)
            assert again.shape == formula.expr.shape
            assert verifier.check_equal(formula.expr, again).status == "holds", formula.text
            assert Formula(again, formula.names).text == formula.text


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_the_result_is_read_back_without_being_told_of_indices(name: str, by: str) -> None:
    derivation = _derivation(name, by)
    again = read_formula(derivation.text, problem_of(name).spec.graph, free_indices=True)
    assert again.shape == derivation.formula.expr.shape


@pytest.mark.parametrize(("name", "by"), PAIRS)
def test_the_expanded_result_is_read_back(name: str, by: str) -> None:
    problem = problem_of(name)
    derivation = _derivation(name, by)
    text = derivation.expanded_text
    assert text is not None
    again = read_formula(text, problem.spec.graph, free_indices=True)
    assert not any(isinstance(node, Partial) for node in again.walk())
    symbols = set(problem.spec.graph.symbols)
    assert {t.tensor for t in again.walk() if hasattr(t, "tensor")} <= symbols
    left = derivation.derived.partial
    assert problem.context.verifier.check_equal(left, again).status == "holds"


# -- names and order do not matter


FORWARD = [
    "u = W x + b",
    "h = tanh(u) + u",
    "z = V h",
    "p = softmax(z)",
    "L = cross_entropy(y, p) + sumsq(W)",
]
SYMBOLS = [
    "W: m d parameter",
    "b: m parameter",
    "V: k m parameter",
    "x: d input",
    "y: k target one_hot",
]
PLAIN = network("column", "; ".join(SYMBOLS), "; ".join(FORWARD))
WRT = ["W", "b", "V", "x", "u", "h", "z"]


def _texts(problem: Problem, names: list[str]) -> list[str]:
    return [problem.derive("L", name).text for name in names]


@pytest.mark.parametrize("seed", range(6))
def test_the_order_of_equations_and_symbols_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forward, symbols = rng.permutation(FORWARD), rng.permutation(SYMBOLS)
    shuffled = network("column", "; ".join(symbols), "; ".join(forward))
    assert _texts(shuffled, WRT) == _texts(PLAIN, WRT)


@pytest.mark.parametrize(
    "renamed",
    [
        {"W": "A", "V": "B", "x": "v", "u": "s", "h": "r", "z": "o", "p": "q", "y": "t", "b": "c"},
        {"W": "Zeta", "V": "E", "x": "w_1", "u": "zz", "h": "a", "z": "y2", "p": "G", "y": "D", "b": "i"},
        {"W": "V", "V": "W"},
        {"m": "n", "d": "q", "k": "p2"},
    ],
)
def test_names_do_not_matter(renamed: dict[str, str]) -> None:
    def change(text: str) -> str:
        return re.sub(r"[A-Za-z_]\w*", lambda found: renamed.get(found[0], found[0]), text)

    def turned(text: str) -> str:
        return re.sub(
            r"d(\w+)/d(\w+)", lambda f: f"d{renamed.get(f[1], f[1])}/d{renamed.get(f[2], f[2])}", change(text)
        )

    other = network("column", change("; ".join(SYMBOLS)), change("; ".join(FORWARD)))
    assert _texts(other, [renamed.get(name, name) for name in WRT]) == [turned(t) for t in _texts(PLAIN, WRT)]


def test_deriving_one_does_not_change_another() -> None:
    fresh = network("column", "; ".join(SYMBOLS), "; ".join(FORWARD))
    assert _texts(fresh, WRT[::-1]) == _texts(PLAIN, WRT)[::-1]


def test_the_gradients_of_one_pass_are_those_of_many() -> None:
    together = PLAIN.gradients("L", WRT)
    assert [together[name].text for name in WRT] == _texts(PLAIN, WRT)


# -- a name is not put in for the root of its square


SQUARES = {
    "a scalar": ("L = logsumexp(u)^2", lambda u: 2 * np.log(np.exp(u).sum()) * np.exp(u) / np.exp(u).sum()),
    "entries": ("y = (u - 1)^2; L = sum(y * y)", lambda u: 4 * (u - 1) ** 3),
    "a node and its square": ("r = sum(u); q = r^2; L = q * r", lambda u: 3 * u.sum() ** 2 + 0 * u),
}


@pytest.mark.parametrize("name", SQUARES)
def test_the_sign_of_what_is_squared_stays(name: str) -> None:
    """sqrt(L) is the size of r, not r, where L = r^2; all entries here are negative."""
    forward, right = SQUARES[name]
    problem = network("column", "u: n parameter", forward)
    u = np.array([-5.1, -3.7, -4.4])
    np.testing.assert_allclose(gradient(problem, {"u": u}, "u"), right(u), rtol=1e-12)
    assert proven(problem, "u") == []
