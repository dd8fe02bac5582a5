"""All gradients of a perceptron with symbolic dims, level vector: prints seconds as JSON.

    python benchmarks/derive.py

Timed: ``problem.gradients("L")``, then rule, because, before.text, after.text and shapes of every step
of every derivative. Not timed: reading the problem. Each run has a fresh problem, and the package's
caches with arguments are emptied before it, so that nothing stays from an earlier run but the registry.
"""

from __future__ import annotations

import functools
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import symbackprop as sbp

RUNS = 20
DEEP_RUNS = 5
SHALLOW, DEEP = 8, 256
PEER = 1  # hidden layers of the comparison with SymPy, whose time grows by five seconds a layer


def perceptron(layers: int) -> str:
    """A problem file: an MLP with that many hidden layers, ReLU, softmax cross-entropy, symbolic dims."""
    symbols = ["  X: {shape: [N, D0], role: input}"]
    forward = []
    below = "X"
    for layer in range(1, layers + 2):
        symbols += [
            f"  W{layer}: {{shape: [D{layer - 1}, D{layer}], role: parameter}}",
            f"  b{layer}: {{shape: [D{layer}], role: parameter}}",
        ]
        forward.append(f"  Z{layer} = {below} W{layer} + b{layer}")
        if layer <= layers:
            forward.append(f"  H{layer} = relu(Z{layer})")
            below = f"H{layer}"
    symbols.append(f"  Y: {{shape: [N, D{layers + 1}], role: target, one_hot: true}}")
    forward += [f"  P = softmax(Z{layers + 1})", "  L = cross_entropy(Y, P)/N"]
    return "\n".join(["convention: row", "symbols:", *symbols, "forward: |", *forward, ""])


def empty_caches() -> None:
    """Empty every ``functools`` cache of the package that depends on an argument."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "symbackprop":
            for value in vars(module).values():
                if hasattr(value, "cache_clear") and value.__wrapped__.__code__.co_argcount:
                    value.cache_clear()


def derive_and_read(problem: Any) -> tuple[Any, int]:
    """The gradients, and how many characters and shapes their steps have: what is timed."""
    gradients = problem.gradients("L")
    read = 0
    for derivation in gradients.values():
        for step in derivation.steps:
            read += len(step.rule) + len(step.because) + len(step.before.text) + len(step.after.text)
            read += len(step.shapes)
    return gradients, read


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call, with the garbage of what came before collected."""
    gc.collect()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def once(layers: int) -> float:
    """One run with a fresh problem."""
    empty_caches()
    problem = sbp.loads(perceptron(layers))
    assert len(problem.spec.graph.parameters) == 2 * (layers + 1)
    return timed(functools.partial(derive_and_read, problem))


def medians() -> dict[str, float]:
    """The shallow and the deep perceptron, interleaved: their ratio is one of the same machine load."""
    shallow, deep = [], []
    for _ in range(DEEP_RUNS):
        shallow += [once(SHALLOW) for _ in range(RUNS // DEEP_RUNS)]
        deep.append(once(DEEP))
    return {"t8": statistics.median(shallow), "t256": statistics.median(deep)}


def beside() -> dict[str, float]:
    """What the figure does not hold, once each, for the shallow perceptron."""
    gradients, _ = derive_and_read(sbp.loads(perceptron(SHALLOW)))
    # Derivatives share steps: each is printed once.
    steps = {id(step): step for derivation in gradients.values() for step in derivation.steps}.values()
    __import__("sympy")  # its import is not timed

    def latex() -> None:
        for step in steps:
            _ = step.before.latex, step.after.latex

    def verify() -> None:
        for derivation in gradients.values():
            verdict = derivation.verify()
            assert verdict.status == "holds", verdict

    return {
        "SymPy objects": timed(lambda: [derivation.result for derivation in gradients.values()]),
        "LaTeX": timed(latex),
        "verification": timed(verify),
    }


def by_sympy() -> dict[str, float]:
    """SymPy's own derivatives of the same loss in sums over entries, neither simplified nor explained."""
    import sympy as sp  # noqa: PLC0415 (not before the figures are taken)

    extent = sp.symbols(f"D0:{PEER + 2}", integer=True, positive=True)
    total = sp.Symbol("N", integer=True, positive=True)
    row, i, j = sp.symbols("n i j", integer=True)
    parameters: list[Any] = []

    def below(layer: int, column: Any) -> Any:
        """The entry (row, column) of the pre-activation of a layer."""
        k = sp.Symbol(f"k{layer}_{column}", integer=True)
        weight, bias = sp.IndexedBase(f"W{layer}"), sp.IndexedBase(f"b{layer}")
        entry = sp.IndexedBase("X")[row, k] if layer == 1 else sp.Max(0, below(layer - 1, k))
        return sp.Sum(entry * weight[k, column], (k, 0, extent[layer - 1] - 1)) + bias[column]

    def loss() -> Any:
        top = PEER + 1
        column, other = sp.symbols("c m", integer=True)
        norm = sp.log(sp.Sum(sp.exp(below(top, other)), (other, 0, extent[top] - 1)))
        target = sp.IndexedBase("Y")[row, column]
        inner = sp.Sum(target * (below(top, column) - norm), (column, 0, extent[top] - 1))
        return -sp.Sum(inner, (row, 0, total - 1)) / total

    for layer in range(1, PEER + 2):
        parameters += [sp.IndexedBase(f"W{layer}")[i, j], sp.IndexedBase(f"b{layer}")[i]]
    expression = loss()
    sp.core.cache.clear_cache()
    seconds = timed(lambda: [expression.diff(parameter) for parameter in parameters])
    return {"ours": statistics.median(once(PEER) for _ in range(RUNS)), "SymPy": seconds}


def main() -> None:
    """Measure and print."""
    derive_and_read(sbp.loads(perceptron(1)))  # imports and the registry
    found: dict[str, Any] = dict(medians())
    print(json.dumps(found | {"beside": beside(), "peer": by_sympy()}))


if __name__ == "__main__":
    main()
