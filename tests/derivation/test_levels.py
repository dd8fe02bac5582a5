"""Index and vector level agree by numbers, for every operation, convention and batch form.

The networks are those of the harness: each operation of a vector, a matrix and a scalar, inside a layer
of one example and of a batch, with its options. Names, the order of equations and the letters of indices
change nothing at level index. (What the vector level says of the same networks is in test_testing.)
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from symbackprop.core.expr import MatMul, Neg, Transpose
from symbackprop.core.indexed import Comprehension
from symbackprop.core.operations import Operation
from symbackprop.core.tensors import Convention
from symbackprop.ops.registry import all_operations, lookup
from symbackprop.pipeline import Problem
from symbackprop.reading.formulas import read_formula
from symbackprop.reading.infer import infer_program
from symbackprop.results.context import Context
from symbackprop.results.derivation import Derivation
from symbackprop.testing import Probe, probes
from tests.derivation.networks import every, network

OPERATIONS = tuple(all_operations())


def _own_probes(operation: Operation, convention: Convention) -> tuple[Probe, ...]:
    """Of the column conventions, the second has only the layers to itself."""
    made = probes(operation, convention)
    known = probes(operation, Convention.COLUMN) if convention is Convention.COLUMN_TRANSPOSED else ()
    return tuple(probe for probe in made if probe not in known)


ATTACKED = [
    pytest.param(operation, convention, id=f"{operation.name}-{convention.value}")
    for operation, convention in itertools.product(OPERATIONS, Convention)
    if _own_probes(operation, convention)
]


def _broken(context: Context) -> list[str]:
    """What does not hold of the gradients by all parameters at level index, in words."""
    loss, parameters = context.graph.equations[-1].target, context.graph.parameters
    at_index = context.session().gradients(loss, parameters, level="index")
    at_vector = context.session().gradients(loss, parameters)
    found: list[str] = []
    for by in parameters:
        derived, check = at_index[by], context.verifier.check_equal
        verdicts = [
            (f"{step.before.text} = {step.after.text}", step.verdict)
            for step in every(context.verified(derived.steps))
        ]
        verdicts.append(("differences", check(derived.partial, derived.expr)))
        verdicts.append(("vector level", check(at_vector[by].expr, derived.expr)))
        if not isinstance(derived.expr, Comprehension):
            found.append(f"by {by.name}: the result is not the array of its entries")
        found.extend(
            f"by {by.name}: {what}: {v.status} ({v.reason})" for what, v in verdicts if v.status != "holds"
        )
    return found


@pytest.mark.parametrize(("operation", "convention"), ATTACKED)
def test_index_and_vector_level_agree(operation: Operation, convention: Convention) -> None:
    made = _own_probes(operation, convention)
    broken = {
        probe.forward: found
        for probe in made
        if (found := _broken(Context(probe.graph(convention, {operation.name: operation}))))
    }
    assert broken == {}


@pytest.mark.parametrize("convention", Convention, ids=lambda c: c.value)
def test_a_wrong_entry_is_told_from_the_vector_level(convention: Convention) -> None:
    """The comparison above can fail: a sign, and the two indices exchanged."""
    operation = lookup("tanh")
    assert operation is not None
    batch = next(probe for probe in probes(operation, convention) if "X" in probe.symbols)
    context = Context(batch.graph(convention, {}))
    loss, weights = context.graph.equations[-1].target, context.graph.tensors["W"]
    array = context.session().derive(loss, weights, "index").expr
    spelled = context.session().derive(loss, weights).expr
    assert isinstance(array, Comprehension)
    check = context.verifier.check_equal
    assert check(spelled, array).status == "holds"
    assert check(spelled, replace(array, body=Neg(array.body))).status == "fails"
    assert check(spelled, replace(array, row=array.column, column=array.row)).status == "fails"


# -- what a line at level index is


LAYERS = {
    "row": ("X W + b", "X: N d input; W: d m parameter; V: m k parameter; b: m parameter", "H V", "N k"),
    "column": ("W X + b", "X: d N input; W: m d parameter; V: k m parameter; b: m parameter", "V H", "k N"),
    "column-transposed": (
        "W^T X + b",
        "X: d N input; W: d m parameter; V: m k parameter; b: m parameter",
        "V^T H",
        "k N",
    ),
}


@cache
def _batch(convention: str) -> Problem:
    affine, symbols, scores, shape = LAYERS[convention]
    forward = f"U = {affine}; H = relu(U); Z = {scores}; L = cross_entropy_logits(Y, Z)/N"
    return network(convention, f"{symbols}; Y: {shape} target one_hot", forward)


@pytest.mark.parametrize("by", ["W", "V", "b", "U", "H", "Z"])
@pytest.mark.parametrize("convention", LAYERS)
def test_lines_are_about_one_entry(convention: str, by: str) -> None:
    """Both sides are scalars, and nothing in them multiplies or turns whole matrices."""
    derivation = _batch(convention).derive("L", by, level="index")
    for step in every(derivation.steps):
        for side in (step.before.expr, step.after.expr):
            nodes = [node for node in side.walk() if isinstance(node, MatMul | Transpose)]
            assert all(node.shape == side.shape for node in nodes), step.after.text
            assert all(dim.is_one for dim in side.shape)


@pytest.mark.parametrize("by", ["W", "V", "b", "U", "H", "Z"])
@pytest.mark.parametrize("convention", LAYERS)
def test_the_last_line_is_an_entry_of_the_result(convention: str, by: str) -> None:
    derivation = _batch(convention).derive("L", by, level="index")
    result = derivation.formula.expr
    assert isinstance(result, Comprehension)
    assert derivation.steps[-1].after.expr == result.body
    assert derivation.steps[-1].quantity == derivation.derived.partial


# -- names and order do not matter


@dataclass(frozen=True)
class Spelled:
    """What level index prints of one derivative: rules and lines."""

    rules: tuple[str, ...]
    lines: tuple[str, ...]
    result: str


WORDS = re.compile(r"[A-Za-z_]\w*")


def _spelled(problem: Problem, by: str, back: dict[str, str] | None = None) -> Spelled:
    """``back`` leads from other names to ours; index letters are numbered in the order of the line."""
    known = {*problem.spec.graph.tensors, *problem.spec.graph.dims}
    kept = {"sum", "ind", "rows", "columns", *(operation.name for operation in OPERATIONS)}
    undo = back or {}

    def turned(text: str) -> str:
        letters: dict[str, str] = {}

        def change(found: re.Match[str]) -> str:
            word = found[0]
            if word in known:
                return undo.get(word, word)
            if word in kept:
                return word
            if word.startswith("d") and word[1:] in known:
                return "d" + undo.get(word[1:], word[1:])
            return letters.setdefault(word, f"_{len(letters)}")

        return WORDS.sub(change, text)

    steps = tuple(every(problem.derive("L", by, level="index").steps))
    lines = tuple(turned(f"{step.before.text} = {step.after.text}") for step in steps)
    result = turned(problem.derive("L", by, level="index").text)
    return Spelled(tuple(step.rule for step in steps), lines, result)


SYMBOLS = [
    "W: m d parameter",
    "b: m parameter",
    "V: k m parameter",
    "x: d input",
    "y: k target one_hot",
]
FORWARD = [
    "u = W x + b",
    "h = tanh(u) + u",
    "z = V h",
    "p = softmax(z)",
    "L = cross_entropy(y, p) + sumsq(W)",
]
WRT = ["W", "b", "V", "x", "u", "h", "z", "p"]
PLAIN = network("column", "; ".join(SYMBOLS), "; ".join(FORWARD))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_equations_and_symbols_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    forward, symbols = rng.permutation(FORWARD), rng.permutation(SYMBOLS)
    shuffled = network("column", "; ".join(symbols), "; ".join(forward))
    assert [_spelled(shuffled, by) for by in WRT] == [_spelled(PLAIN, by) for by in WRT]


RENAMED = {
    "other letters": {
        "W": "A", "V": "B", "x": "v", "u": "s", "h": "r", "z": "o", "p": "q", "y": "t", "b": "c",
    },
    "words, and names that indices like": {
        "W": "Zeta", "V": "E", "x": "w_1", "u": "zz", "h": "a", "z": "y2", "p": "G", "y": "D", "b": "i",
    },
    "every usual index taken": {"x": "i", "u": "j", "h": "k1", "z": "l", "p": "q", "b": "r"},
    "two names exchanged": {"W": "V", "V": "W"},
    "dims": {"m": "n", "d": "q", "k": "p2"},
}  # fmt: skip


@pytest.mark.parametrize("by", WRT)
@pytest.mark.parametrize("renamed", RENAMED.values(), ids=RENAMED)
def test_names_do_not_matter(renamed: dict[str, str], by: str) -> None:
    def change(text: str) -> str:
        return WORDS.sub(lambda found: renamed.get(found[0], found[0]), text)

    other = network("column", change("; ".join(SYMBOLS)), change("; ".join(FORWARD)))
    back = {new: old for old, new in renamed.items()}
    assert _spelled(other, renamed.get(by, by), back) == _spelled(PLAIN, by)


ENTRIES = "B[j,i] = A[i,j] u[i] - v[j]; c[j] = sum[i](B[j,i]^2 ind(i != j)); L = sum[j](c[j] v[j]) + sum(B)"
ENTRY_SYMBOLS = "A: n n parameter; u: n parameter; v: n parameter"
LETTERS = {
    "exchanged": {"i": "j", "j": "i"},
    "others": {"i": "p", "j": "q"},
    "late ones": {"i": "z", "j": "y"},
    "reserved elsewhere": {"i": "k", "j": "l"},
}


@pytest.mark.parametrize("level", ["index", "vector"])
@pytest.mark.parametrize("letters", LETTERS.values(), ids=LETTERS)
def test_the_letters_of_indices_do_not_matter(letters: dict[str, str], level: str) -> None:
    """The same graph in other letters: every gradient has the same lines, up to letters, and value."""
    plain = network("column", ENTRY_SYMBOLS, ENTRIES)
    forward = WORDS.sub(lambda found: letters.get(found[0], found[0]), ENTRIES)
    other = network("column", ENTRY_SYMBOLS, forward)
    rng = np.random.default_rng(61)
    arrays = {"A": rng.normal(size=(4, 4)), "u": rng.normal(size=4), "v": rng.normal(size=4)}
    for by in ("A", "u", "v", "B", "c"):
        assert _spelled(other, by) == _spelled(plain, by)
        ours, theirs = (one.derive("L", by, level=level).numpy()(arrays) for one in (plain, other))
        np.testing.assert_allclose(theirs, ours, rtol=1e-12)


def test_a_derivation_does_not_depend_on_those_before_it() -> None:
    fresh = network("column", "; ".join(SYMBOLS), "; ".join(FORWARD))
    fresh.derive("L", "W")
    assert [_spelled(fresh, by) for by in WRT[::-1]] == [_spelled(PLAIN, by) for by in WRT][::-1]


def test_one_pass_for_all_gives_what_each_pass_gives() -> None:
    context = PLAIN.context
    tensors = context.graph.tensors
    loss = tensors["L"]
    together = context.session().gradients(loss, [tensors[name] for name in WRT], level="index")
    check = context.verifier.check_equal
    for name in WRT:
        alone = context.session().derive(loss, tensors[name], "index")
        assert check(together[tensors[name]].expr, alone.expr).status == "holds"


@pytest.mark.parametrize(("convention", "axis"), [("row", "columns"), ("column", "rows")])
def test_an_axis_that_is_not_the_default_is_printed(convention: str, axis: str) -> None:
    """softmax inside the other lines says so: the printed result is read back to the same value."""
    graph, _ = infer_program(f"L = cross_entropy_logits(U, V, {axis})", convention=convention)
    context = Context(graph)
    derived = context.session().derive(graph.tensors["L"], graph.tensors["V"])
    text = Derivation(context, derived).text
    assert f"softmax(V, {axis})" in text
    assert context.verifier.check_equal(derived.partial, read_formula(text, graph)).status == "holds"
