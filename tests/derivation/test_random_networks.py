"""Random networks: every line holds at both levels, and all ways of computing a gradient agree.

A network has one to four layers, each with an activation from the table, a bias or none, a residual
connection or none; of one example or of a batch; in one of the three conventions; with one of five losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from symbackprop.ops.registry import Elementwise, all_operations
from symbackprop.pipeline import Derivation, Problem
from symbackprop.results.ways import given_arrays
from tests.derivation.networks import CONVENTIONS, every, network

# Of one array, with its options left alone, and defined everywhere.
ACTIVATIONS = [
    op.name
    for op in all_operations()
    if isinstance(op, Elementwise)
    and op.domain == "real"
    and [param.default is None for param in op.params].count(True) == 1
]
LEVELS = ("index", "vector")

# name -> the equations from the scores, and what is said of the target. A batch is averaged over.
LOSSES = {
    "mean squared": ("L = mse(T, {z})", ""),
    "one-hot": ("P = softmax({z}); L = cross_entropy(T, P){mean}", "one_hot"),
    "logits": ("L = cross_entropy_logits(T, {z}){mean}", "one_hot"),
    "sumsq": ("L = sumsq({z} - T){mean}", ""),
    "binary": ("L = bce_logits(T, {z}){mean}", ""),
}


@dataclass(frozen=True)
class Layer:
    """One layer; a residual one is as wide as what it is added to."""

    activation: str | None
    bias: bool
    residual: bool


@dataclass(frozen=True)
class Net:
    """What is drawn of a network."""

    convention: str
    batch: bool
    layers: tuple[Layer, ...]
    loss: str

    def problem(self, layout: str = "gradient") -> Problem:
        """The checked problem."""
        symbols, lines = [f"X: {self._values('d')} input"], []
        width, value = "d", "X"
        for number, layer in enumerate(self.layers, 1):
            wide = width if layer.residual else f"m{number}"
            sides = (wide, width) if self.convention == "column" else (width, wide)
            symbols.append(f"W{number}: {' '.join(sides)} parameter")
            scores = self._product(f"W{number}", value)
            if layer.bias:
                symbols.append(f"b{number}: {wide} parameter")
                scores += f" + b{number}"
            lines.append(f"U{number} = {scores}")
            after = f"{layer.activation}(U{number})" if layer.activation else f"U{number}"
            lines.append(f"H{number} = {after}" + (f" + {value}" if layer.residual else ""))
            width, value = wide, f"H{number}"
        equations, facts = LOSSES[self.loss]
        symbols.append(f"T: {self._values(width)} target {facts}")
        lines.append(equations.format(z=value, mean="/N" if self.batch else ""))
        return network(self.convention, "; ".join(symbols), "; ".join(lines), layout=layout)

    def _values(self, width: str) -> str:
        if not self.batch:
            return width
        return f"N {width}" if self.convention == "row" else f"{width} N"

    def _product(self, weights: str, value: str) -> str:
        if self.convention == "row":
            return f"{value} {weights}"
        return f"{weights} {value}" if self.convention == "column" else f"{weights}^T {value}"


hidden = st.builds(Layer, st.sampled_from(ACTIVATIONS), st.booleans(), st.booleans())
last = st.builds(Layer, st.sampled_from([None, *ACTIVATIONS]), st.booleans(), st.booleans())
nets = st.builds(
    lambda before, end, **others: Net(layers=(*before, end), **others),
    st.lists(hidden, max_size=3),
    last,
    convention=st.sampled_from(CONVENTIONS),
    batch=st.booleans(),
    loss=st.sampled_from(sorted(LOSSES)),
)


def _broken(problem: Problem, derivation: Derivation) -> list[str]:
    """What does not hold of a derivation, in words: lines, the result, the emitted code."""
    context, derived, code = problem.context, derivation.derived, derivation.numpy()
    steps = context.verified(derived.steps)
    verdicts = [(f"{one.before.text} = {one.after.text}", one.verdict) for one in every(steps)]
    verdicts.append(("the result", context.verifier.check_equal(derived.partial, derived.expr)))
    ways = {"code": lambda point: code(given_arrays(derivation, point))}
    verdicts.append(("the code", context.verifier.check_partial(derived.of, derived.by, ways)))
    return [
        f"by {derived.by.name}: {what}: {v.status} ({v.reason})"
        for what, v in verdicts
        if v.status != "holds"
    ]


@settings(max_examples=12, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(net=nets)
def test_every_way_to_a_gradient_agrees(net: Net) -> None:
    problem = net.problem()
    wrt = [tensor.name for tensor in problem.spec.graph.parameters] + ["X", f"U{len(net.layers)}"]
    together = problem.gradients("L", wrt)
    found = {(by, level): problem.derive("L", by, level=level) for by in wrt for level in LEVELS}
    assert [line for derivation in found.values() for line in _broken(problem, derivation)] == []
    for by in wrt:
        at_index, at_vector = (found[by, level].derived.expr for level in LEVELS)
        assert problem.context.verifier.check_equal(at_vector, at_index).status == "holds"
    code = together.numpy()
    for run in problem.context.verifier.runs:
        arrays = given_arrays(found[wrt[0], "vector"], run.point)
        values = code(arrays)
        for by in wrt:
            tensor = problem.spec.graph.tensors[by]
            expected = run.partial(found[by, "index"].of, tensor).reshape(np.shape(values[by]))
            for value in (values[by], *(found[by, level].numpy()(arrays) for level in LEVELS)):
                assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
