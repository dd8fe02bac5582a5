"""The numbers we hold ourselves to, and their ratio to the target.

    python benchmarks/run.py [--only WORD]

Prints a line for each figure and ends with exit code 1 if one is above its target. Every group is
measured in processes of its own, one after the other; lines without a target are for comparison.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
EXAMPLE = ROOT / "examples" / "two_layer_perceptron.yaml"
PEERS = ("torch", "jax", "tensorflow", "autograd")  # none is a dependency; none is measured here
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table: seconds, or a plain ratio where ``unit`` is ``x``."""

    name: str
    value: float
    target: float | None = None
    unit: str = "s"

    @property
    def missed(self) -> bool:
        """Whether the value is above its target."""
        return self.target is not None and self.value > self.target

    def __str__(self) -> str:
        line = f"{self.name:<64}{_amount(self.value, self.unit):>11}"
        if self.target is None:
            return line
        word = "MISSED" if self.missed else "ok"
        return f"{line}{_amount(self.target, self.unit):>11}{self.value / self.target:>7.2f}  {word}"


def _amount(value: float, unit: str) -> str:
    if unit == "x":
        return f"{value:.3f} x" if value < 100 else f"{value:.0f} x"
    return f"{value * 1e6:.1f} us" if value < 1e-3 else f"{value * 1e3:.1f} ms"


def script(name: str, **environment: str) -> Any:
    """What a benchmark in a process of its own prints."""
    command = [sys.executable, str(HERE / name)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | environment)
    return json.loads(done.stdout)


def seconds(*command: str) -> float:
    """Wall time of a cold process."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - begin


def program() -> list[str]:
    """The installed command of this Python, or the module where there is none."""
    found = shutil.which("symbackprop", path=str(Path(sys.executable).parent))
    return [found] if found else [sys.executable, "-m", "symbackprop"]


def derivation() -> Iterator[Figure]:
    """All gradients with their steps."""
    found = script("derive.py")
    t8, t256 = found["t8"], found["t256"]
    yield Figure("gradients and steps, 8 hidden layers (t8, median of 20)", t8, 0.05)
    for name, value in found["beside"].items():
        yield Figure(f"  beside it, once: {name}", value)
    yield Figure("  the same, 256 hidden layers (t256, median of 5)", t256)
    yield Figure("growth: ((t256 - t8)/248) / (t8/8)", (t256 - t8) / 248 / (t8 / 8), 1.3, "x")
    ours, sympy = found["peer"]["ours"], found["peer"]["SymPy"]
    yield Figure("  gradients and steps, 1 hidden layer (median of 20)", ours)
    yield Figure("  SymPy: diff of sums over entries, 1 hidden layer, once", sympy)
    yield Figure("  ours / SymPy", ours / sympy, None, "x")


def emitted() -> Iterator[Figure]:
    """The emitted function for all gradients."""
    rounds = script("emitted.py", **ONE_THREAD)
    ratios = [ours / theirs for ours, theirs in rounds]
    yield Figure("  emitted NumPy, 64 x 32-64-64-10, best of 300", min(ours for ours, _ in rounds))
    yield Figure("  written by hand", min(theirs for _, theirs in rounds))
    yield Figure(f"emitted / by hand (median of 5 rounds; worst {max(ratios):.3f})",
                 statistics.median(ratios), 1.05, "x")  # fmt: skip


def layers() -> Iterator[Figure]:
    """The backward equations of layers, losses and activations, verified."""
    count, spent = script("layers.py")
    yield Figure(f"{count} backward equations of layers and losses, derived and verified", spent, 10.0)


def start() -> Iterator[Figure]:
    """What the command line adds to the start of Python."""
    command = program()
    bare, helped = [], []
    for _ in range(16):
        bare.append(seconds(sys.executable, "-c", "pass"))
        helped.append(seconds(*command, "--help"))
    # The first of each fills the file cache.
    less, more = statistics.median(bare[1:]), statistics.median(helped[1:])
    yield Figure(f"{Path(command[-1]).name} --help, minus python -c pass (median of 15)", more - less, 0.3)


def solve() -> Iterator[Figure]:
    """The example to PDF, in a cold process."""
    times = []
    for _ in range(6):
        with tempfile.TemporaryDirectory() as folder:
            times.append(seconds(*program(), "solve", str(EXAMPLE), "--out", folder))
            assert list(Path(folder).rglob("*.pdf")), "no PDF was written"
    yield Figure("solve to PDF, two-layer perceptron, cold process (median of 5)",
                 statistics.median(times[1:]), 2.0)  # fmt: skip


GROUPS: tuple[Callable[[], Iterator[Figure]], ...] = (derivation, emitted, layers, start, solve)


def main() -> int:
    """Measure what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = ", ".join(group.__name__ for group in GROUPS)
    parser.add_argument("--only", default="", metavar="WORD", help=f"groups whose name holds this: {names}")
    options = parser.parse_args()
    groups = [group for group in GROUPS if options.only in group.__name__]
    if not groups:
        parser.error(f"no group holds {options.only!r}; there are {names}")
    compileall.compile_dir(str(ROOT / "symbackprop"), quiet=1)  # the promise is for compiled bytecode
    missed = 0
    if hasattr(os, "getloadavg"):
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start (others slow it down)")
    print(f"{'':<64}{'measured':>11}{'target':>11}{'ratio':>7}")
    for group in groups:
        for figure in group():
            missed += figure.missed
            print(figure, flush=True)
    installed = [name for name in PEERS if importlib.util.find_spec(name)]
    print(f"Not measured: {', '.join(PEERS)} (installed here: {', '.join(installed) or 'none'}); "
          "SymPy beyond 1 hidden layer.")  # fmt: skip
    print(f"{missed} target{'s' if missed != 1 else ''} missed" if missed else "every target met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
