"""The numbers we hold ourselves to: medians of repeated runs, and their ratio to the target.

    python benchmarks/run.py [--repeat N] [--only WORD]

Prints one line for each benchmark and ends with exit code 1 if a median is above its target, which
is stated for two cores. Processes are started anew for each run, so that they are cold.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import symbackprop as sbp

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "two_layer_perceptron.yaml"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """``prepare`` is not timed and returns what is; ``target`` is in seconds."""

    name: str
    target: float
    prepare: Callable[[], Callable[[], object]]
    repeat: int


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


def gradients(layers: int) -> Callable[[], Callable[[], object]]:
    """All gradients of ``perceptron(layers)``, with steps; reading is not timed."""

    def prepare() -> Callable[[], object]:
        sbp.loads(perceptron(1)).gradients("L")  # imports and tables
        problem = sbp.loads(perceptron(layers))
        return lambda: problem.gradients("L")

    return prepare


def process(*arguments: str) -> Callable[[], Callable[[], object]]:
    """A cold Python process with these arguments."""
    return lambda: lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def solve() -> Callable[[], object]:
    """The example to PDF, in a cold process."""

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            process("-m", "symbackprop", "solve", str(EXAMPLE), "--out", folder)()()

    return run


BENCHMARKS = (
    Benchmark("python -c pass (for comparison)", 0.1, process("-c", "pass"), 15),
    Benchmark("import symbackprop", 0.15, process("-c", "import symbackprop"), 15),
    Benchmark("symbackprop --help", 0.3, process("-m", "symbackprop", "--help"), 15),
    Benchmark("all gradients, 8 hidden layers, with steps", 0.05, gradients(8), 15),
    Benchmark("all gradients, 256 hidden layers, with steps", 1.6, gradients(256), 3),
    Benchmark("solve to PDF, two-layer perceptron, cold", 2.0, solve, 5),
)


def measure(benchmark: Benchmark, repeat: int) -> float:
    """The median of ``repeat`` runs, in seconds."""
    work = benchmark.prepare()
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> int:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeat", type=int, help="runs of each (default: each its own number)")
    parser.add_argument("--only", default="", metavar="WORD", help="benchmarks whose name holds this")
    options = parser.parse_args()
    slow = 0
    print(f"{'':<46}{'median':>10}{'target':>10}{'ratio':>8}")
    for benchmark in BENCHMARKS:
        if options.only not in benchmark.name:
            continue
        median = measure(benchmark, options.repeat or benchmark.repeat)
        ratio = median / benchmark.target
        slow += ratio > 1
        print(
            f"{benchmark.name:<46}{median * 1e3:>7.1f} ms{benchmark.target * 1e3:>7.0f} ms{ratio:>8.2f}",
            flush=True,
        )
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
